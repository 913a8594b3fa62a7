//! Many paths of the same prefixes, without sockets: what a further path takes in memory, and which work takes how long.
//!
//! `cargo run --release -p ferr-bgp --example paths_scale [PEERS PATHS_PER_PEER PREFIXES [links]]`
//!
//! Without arguments: 8 feeds of the same 250,000 prefixes. `1000 10000 1000000` is 10 M paths, ten for each of 1 M prefixes.
//! Six prefixes share an attribute set, and no two feeds share any. All peers are on one network, in one update group, and read
//! all; with `links` each is on a link of its own, so that our next hop is another for each, and with it the group.

#![allow(clippy::disallowed_methods)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// Prefixes that share an attribute set.
const SHARED: u32 = 6;

/// Where the time went.
#[derive(Default)]
struct Spent {
    /// Decoding, interning, and the table.
    receive: Duration,
    /// Decision, policy outwards, encoding.
    work: Duration,
    /// Handing octets to the sessions.
    transmit: Duration,
    /// Handing routes to the RIB.
    rib: Duration,
    octets: usize,
    routes: usize,
}

fn timed<T>(into: &mut Duration, what: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = what();
    *into += start.elapsed();
    out
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn address(peer: u32, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, (peer >> 8) as u8, peer as u8, host)
}

/// Messages with `sets` attribute sets of `peer` for the prefixes from number `first` on, of `all`.
fn messages(peer: u32, first: u32, sets: u32, all: u32) -> Vec<u8> {
    let ctx = SessionContext::new(PeerKind::Ebgp);
    let mut out = Vec::new();
    for set in 0..sets {
        let from = first + set * SHARED;
        let hops = [100_000 + peer, 1000 + from % 50_000, 200_000 + from % all, 7];
        let path = AsPathBuf::from_sequence(hops.map(Asn));
        let attributes = PathAttributes {
            as_path: path.as_path(),
            next_hop: Some(BgpNexthop::V4(address(peer, 2))),
            ..PathAttributes::default()
        };
        let prefixes = (from..from + SHARED).filter_map(|i| {
            let scattered = (i % all).wrapping_mul(2_654_435_761) >> 8;
            Ipv4Prefix::from_bits(scattered << 8, 24).map(|p| (0, Prefix::V4(p)))
        });
        if let Ok(encoded) = EncodedAttributes::new(&attributes, Family::Ipv4Unicast, &ctx) {
            encode_announcements(&ctx, &encoded, prefixes, &mut out);
        }
    }
    out
}

/// Carries out everything but the sending.
fn drive(bgp: &mut Instance, now: Instant, spent: &mut Spent) {
    loop {
        let more = timed(&mut spent.work, || bgp.work(now));
        let mut moved = false;
        while let Some(output) = bgp.poll_output() {
            moved = true;
            match output {
                Output::Transmit { conn } => {
                    let polled = timed(&mut spent.transmit, || {
                        std::iter::from_fn(|| bgp.poll_transmit(now, conn)).map(|b| b.len()).sum::<usize>()
                    });
                    spent.octets += polled;
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
        spent.routes += timed(&mut spent.rib, || bgp.take_rib_updates().len());
        if !more && !moved {
            return;
        }
    }
}

fn connect(bgp: &mut Instance, peer: u32, links: bool, now: Instant) -> ConnId {
    let (remote, asn) = (IpAddr::V4(address(peer, 2)), Asn(100_000 + peer));
    let mut config = NeighborConfig::new(&remote.to_string(), Some(remote), RemoteAs::Asn(asn));
    config.passive = true;
    config.families[Family::Ipv4Unicast] = Some(NeighborFamily::default());
    bgp.add_neighbor(config, now);
    let local = if links { address(peer, 1) } else { Ipv4Addr::new(10, 255, 255, 254) };
    let conn = ConnId(1 << 60 | u64::from(peer));
    let addresses = LocalAddresses { v4: Some(local), ifindex: IfIndex(1), ..LocalAddresses::default() };
    bgp.accepted(now, conn, (SocketAddr::new(local.into(), 179), SocketAddr::new(remote, 40_000)), addresses);
    let capabilities = vec![Capability::Multiprotocol { afi: 1, safi: 1 }, Capability::FourOctetAs(asn)];
    let mut bytes = Vec::new();
    Open::new(asn, 0, RouterId(address(peer, 2)), capabilities).encode(&mut bytes);
    bytes.extend_from_slice(&keepalive());
    bgp.received(now, conn, &bytes);
    drive(bgp, now, &mut Spent::default());
    conn
}

fn main() {
    let arguments: Vec<u32> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let &[peers, each, all] = arguments.get(..3).unwrap_or(&[8, 250_000, 250_000]) else { return };
    let links = std::env::args().any(|a| a == "links");
    let now = Instant::now();
    let mut config =
        InstanceConfig::new(Asn(65000), VrfId::DEFAULT, "default", RouterId(Ipv4Addr::new(10, 0, 0, 1)));
    config.ebgp_requires_policy = false;
    let seeds = Seeds { hash: 1, dice: 2, first_conn: 1 };
    let mut bgp = Instance::new(config, Arc::new(PolicySet::default()), seeds, now);
    bgp.start(now);
    let conns: Vec<ConnId> = (0..peers).map(|peer| connect(&mut bgp, peer, links, now)).collect();
    let (empty, mut spent) = (resident(), Spent::default());
    let (mut first, mut fed) = ((0.0, 0), 0_u32);
    println!(
        "feeds   prefixes       paths      sets       MB  octets/path, all and further  receive    work  transmit  rib, s  M routes  GB sent"
    );
    for (peer, conn) in conns.into_iter().enumerate() {
        // Windows that begin one behind the other, so that each prefix has as many paths in the end.
        let start = (peer as u64 * u64::from(all) / u64::from(peers)) as u32;
        let start = if each == all { 0 } else { start / SHARED * SHARED };
        for slice in (0..each.div_ceil(SHARED)).step_by(512) {
            let sets = 512.min(each.div_ceil(SHARED) - slice);
            let bytes = messages(peer as u32, start + slice * SHARED, sets, all);
            let mut at = 0;
            while at < bytes.len() {
                let end = (at + 65_536).min(bytes.len());
                at += timed(&mut spent.receive, || bgp.received(now, conn, &bytes[at..end]));
                drive(&mut bgp, now, &mut spent);
            }
        }
        fed += 1;
        let summary = bgp.summary(Family::Ipv4Unicast);
        let (mb, paths) = (resident() - empty, summary.paths);
        if fed == 1 {
            first = (mb, paths);
        }
        if fed.is_power_of_two() || fed == peers {
            let further = (mb - first.0) * 1048576.0 / (paths.saturating_sub(first.1)).max(1) as f64;
            println!(
                "{fed:5} {:10} {paths:11} {:9} {mb:8.1} {:13.1} {further:15.1} {:8.2} {:7.2} {:9.2} {:7.2} {:9.2} {:8.2}",
                summary.prefixes,
                summary.attribute_sets,
                mb * 1048576.0 / paths as f64,
                spent.receive.as_secs_f64(),
                spent.work.as_secs_f64(),
                spent.transmit.as_secs_f64(),
                spent.rib.as_secs_f64(),
                spent.routes as f64 / 1e6,
                spent.octets as f64 / 1e9
            );
        }
    }
}
