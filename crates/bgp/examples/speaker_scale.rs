//! A full table through a speaker without sockets: memory and speed of the core alone.
//!
//! `cargo run --release -p ferr-bgp --example speaker_scale [ROUTES]`

#![allow(clippy::disallowed_methods)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use ferr_bgp::config::{InstanceConfig, NeighborConfig, NeighborFamily, RemoteAs};
use ferr_bgp::{ConnId, Instance, LocalAddresses, Output, Seeds};
use ferr_bgp_wire::{
    Capability, EncodedAttributes, Open, PeerKind, SessionContext, encode_announcements, keepalive,
};
use ferr_policy::PolicySet;
use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::{
    Asn, Distance, Family, IfIndex, Ipv4Prefix, Metric, NexthopInfo, NexthopReach, Prefix, Protocol,
    RouterId, VrfId,
};

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn feed(count: u32) -> Vec<u8> {
    let ctx = SessionContext::new(PeerKind::Ebgp);
    let mut out = Vec::new();
    let mut prefixes = (0..count).filter_map(|i| {
        let scattered = i.wrapping_mul(2_654_435_761) >> 8;
        Ipv4Prefix::from_bits(scattered << 8, 24).map(|p| (0, Prefix::V4(p)))
    });
    for set in 0..count.div_ceil(6) {
        let path = AsPathBuf::from_sequence([Asn(65100), Asn(1000 + set % 50_000), Asn(set), Asn(7)]);
        let attributes = PathAttributes {
            as_path: path.as_path(),
            next_hop: Some(BgpNexthop::V4(Ipv4Addr::new(10, 0, 1, 2))),
            ..PathAttributes::default()
        };
        if let Ok(encoded) = EncodedAttributes::new(&attributes, Family::Ipv4Unicast, &ctx) {
            encode_announcements(&ctx, &encoded, prefixes.by_ref().take(6), &mut out);
        }
    }
    out
}

/// Carries out everything but the sending; gives octets sent and routes handed to the RIB.
fn drive(bgp: &mut Instance, now: Instant) -> (usize, usize) {
    let (mut sent, mut routes) = (0, 0);
    loop {
        let more = bgp.work(now);
        let mut moved = false;
        while let Some(output) = bgp.poll_output() {
            moved = true;
            match output {
                Output::Transmit { conn } => {
                    while let Some(bytes) = bgp.poll_transmit(now, conn) {
                        sent += bytes.len();
                    }
                }
                Output::Watch(watch) => {
                    let reach = NexthopReach {
                        prefix: watch.target,
                        protocol: Protocol::Connected,
                        metric: Metric(0),
                        distance: Distance(0),
                        connected: true,
                        nexthops: vec![(IfIndex(1), None)],
                    };
                    bgp.nexthop_changed(NexthopInfo { watch, via: Some(reach) }, now);
                }
                _ => {}
            }
        }
        routes += bgp.take_rib_updates().len();
        if !more && !moved {
            return (sent, routes);
        }
    }
}

fn connect(bgp: &mut Instance, number: u8, asn: u32, now: Instant) -> ConnId {
    let remote = IpAddr::V4(Ipv4Addr::new(10, 0, number, 2));
    let mut config = NeighborConfig::new(&remote.to_string(), Some(remote), RemoteAs::Asn(Asn(asn)));
    config.passive = true;
    config.families[Family::Ipv4Unicast] = Some(NeighborFamily::default());
    bgp.add_neighbor(config, now);
    let local = Ipv4Addr::new(10, 0, number, 1);
    let conn = ConnId(1 << 60 | u64::from(number));
    let addresses = LocalAddresses { v4: Some(local), ifindex: IfIndex(1), ..LocalAddresses::default() };
    bgp.accepted(now, conn, (SocketAddr::new(local.into(), 179), SocketAddr::new(remote, 40_000)), addresses);
    let capabilities = vec![Capability::Multiprotocol { afi: 1, safi: 1 }, Capability::FourOctetAs(Asn(asn))];
    let mut bytes = Vec::new();
    Open::new(Asn(asn), 180, RouterId(Ipv4Addr::new(10, 0, number, 2)), capabilities).encode(&mut bytes);
    bytes.extend_from_slice(&keepalive());
    bgp.received(now, conn, &bytes);
    drive(bgp, now);
    conn
}

fn main() {
    let count = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1_000_000);
    let feed = feed(count);
    let now = Instant::now();
    let mut config =
        InstanceConfig::new(Asn(65000), VrfId::DEFAULT, "default", RouterId(Ipv4Addr::new(10, 0, 0, 1)));
    config.ebgp_requires_policy = false;
    let seeds = Seeds { hash: 1, dice: 2, first_conn: 1 };
    let mut bgp = Instance::new(config, Arc::new(PolicySet::default()), seeds, now);
    bgp.start(now);
    let source = connect(&mut bgp, 1, 65100, now);
    connect(&mut bgp, 2, 65200, now);
    let before = resident();
    let start = Instant::now();
    let (mut sent, mut routes, mut at) = (0, 0, 0);
    while at < feed.len() {
        let end = (at + 65_536).min(feed.len());
        at += bgp.received(now, source, &feed[at..end]);
        let (s, r) = drive(&mut bgp, now);
        (sent, routes) = (sent + s, routes + r);
    }
    let took = start.elapsed().as_secs_f64();
    let summary = bgp.summary(Family::Ipv4Unicast);
    println!(
        "{} prefixes, {} attribute sets: {took:.3} s, {:.2} M prefixes/s; {routes} routes to the RIB, {sent} octets to the second peer; {:.1} MB",
        summary.prefixes,
        summary.attribute_sets,
        f64::from(count) / took / 1e6,
        resident() - before
    );
}
