//! A speaker without sockets, and what neighbors say to it; for the examples and for counting instructions.

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
    Asn, Distance, Family, IfIndex, Metric, NexthopInfo, NexthopReach, NexthopWatch, Prefix, Protocol,
    RouterId, VrfId,
};

/// Resident memory, MiB.
pub fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Messages that announce prefixes with a path and a next hop.
pub fn announce(
    prefixes: impl IntoIterator<Item = Prefix>,
    path: [u32; 4],
    next_hop: Ipv4Addr,
    out: &mut Vec<u8>,
) {
    let ctx = SessionContext::new(PeerKind::Ebgp);
    let path = AsPathBuf::from_sequence(path.map(Asn));
    let attributes = PathAttributes {
        as_path: path.as_path(),
        next_hop: Some(BgpNexthop::V4(next_hop)),
        ..PathAttributes::default()
    };
    if let Ok(encoded) = EncodedAttributes::new(&attributes, Family::Ipv4Unicast, &ctx) {
        encode_announcements(&ctx, &encoded, prefixes.into_iter().map(|p| (0, p)), out);
    }
}

/// Announcements of a neighbor, six prefixes with the same attributes.
pub fn feed(prefixes: &[Prefix], asn: u32, number: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for (set, group) in (1..).zip(prefixes.chunks(6)) {
        let path = [asn, 1000 + set % 50_000, set, 7];
        announce(group.iter().copied(), path, Ipv4Addr::new(10, 0, number, 2), &mut out);
    }
    out
}

/// An answer of the RIB: connected.
pub fn connected(watch: NexthopWatch) -> NexthopInfo {
    let reach = NexthopReach {
        prefix: watch.target,
        protocol: Protocol::Connected,
        metric: Metric(0),
        distance: Distance(0),
        connected: true,
        nexthops: vec![(IfIndex(1), None)],
    };
    NexthopInfo { watch, via: Some(reach) }
}

/// A speaker of AS 65000.
pub fn instance(now: Instant) -> Instance {
    let id = RouterId(Ipv4Addr::new(10, 0, 0, 1));
    let mut config = InstanceConfig::new(Asn(65000), VrfId::DEFAULT, "default", id);
    config.ebgp_requires_policy = false;
    let seeds = Seeds { hash: 1, dice: 2, first_conn: 1 };
    let mut bgp = Instance::new(config, Arc::new(PolicySet::default()), seeds, now);
    bgp.start(now);
    bgp
}

/// Adds a neighbor and takes its OPEN and KEEPALIVE in.
pub fn open(
    bgp: &mut Instance,
    (local, peer): (Ipv4Addr, Ipv4Addr),
    asn: u32,
    hold: u16,
    now: Instant,
) -> ConnId {
    let remote = IpAddr::V4(peer);
    let mut config = NeighborConfig::new(&remote.to_string(), Some(remote), RemoteAs::Asn(Asn(asn)));
    config.passive = true;
    config.families[Family::Ipv4Unicast] = Some(NeighborFamily::default());
    bgp.add_neighbor(config, now);
    let conn = ConnId(1 << 60 | u64::from(peer.to_bits()));
    let addresses = LocalAddresses { v4: Some(local), ifindex: IfIndex(1), ..LocalAddresses::default() };
    bgp.accepted(now, conn, (SocketAddr::new(local.into(), 179), SocketAddr::new(remote, 40_000)), addresses);
    let capabilities = vec![Capability::Multiprotocol { afi: 1, safi: 1 }, Capability::FourOctetAs(Asn(asn))];
    let mut bytes = Vec::new();
    Open::new(Asn(asn), hold, RouterId(peer), capabilities).encode(&mut bytes);
    bytes.extend_from_slice(&keepalive());
    bgp.received(now, conn, &bytes);
    conn
}

/// What a speaker did: octets to all neighbors, and words to the RIB.
#[derive(Default)]
pub struct Done {
    /// Octets.
    pub sent: usize,
    /// Routes.
    pub routes: usize,
}

/// A speaker and the time that stands still for it.
pub struct Speaker {
    /// It.
    pub bgp: Instance,
    now: Instant,
}

impl Speaker {
    /// Without neighbors.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { bgp: instance(now), now }
    }

    /// A session with 10.0.`number`.2 comes up.
    pub fn connect(&mut self, number: u8, asn: u32) -> ConnId {
        // One address of ours for all: those who see another one are sent another next hop.
        let ends = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, number, 2));
        let conn = open(&mut self.bgp, ends, asn, 180, self.now);
        self.drive();
        conn
    }

    /// Carries out everything but the sending.
    pub fn drive(&mut self) -> Done {
        let (mut done, now) = (Done::default(), self.now);
        loop {
            let more = self.bgp.work(now);
            let mut moved = false;
            while let Some(output) = self.bgp.poll_output() {
                moved = true;
                match output {
                    Output::Transmit { conn } => {
                        while let Some(bytes) = self.bgp.poll_transmit(now, conn) {
                            done.sent += bytes.len();
                        }
                    }
                    Output::Watch(watch) => self.bgp.nexthop_changed(connected(watch), now),
                    _ => {}
                }
            }
            done.routes += self.bgp.take_rib_updates().len();
            if !more && !moved {
                return done;
            }
        }
    }

    /// A neighbor says something.
    pub fn hear(&mut self, conn: ConnId, bytes: &[u8]) -> Done {
        let (mut done, mut at) = (Done::default(), 0);
        while at < bytes.len() {
            let end = (at + 65_536).min(bytes.len());
            at += self.bgp.received(self.now, conn, &bytes[at..end]);
            let more = self.drive();
            (done.sent, done.routes) = (done.sent + more.sent, done.routes + more.routes);
        }
        done
    }
}
