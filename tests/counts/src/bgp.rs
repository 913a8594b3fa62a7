//! UPDATEs: decoding, and the way of routes through a speaker to its neighbors and to the RIB.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use ferr_bgp::config::{InstanceConfig, NeighborConfig, NeighborFamily, RemoteAs};
use ferr_bgp::{ConnId, Instance, LocalAddresses, Output, Seeds};
use ferr_bgp_wire::{
    Capability, EncodedAttributes, MessageType, Open, PeerKind, Scratch, SessionContext, Update,
    encode_announcements, encode_withdrawals, frame, keepalive,
};
use ferr_policy::PolicySet;
use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::{
    Asn, Distance, Family, IfIndex, Metric, NexthopInfo, NexthopReach, Prefix, Protocol, RouterId, VrfId,
};

use crate::Work;
use crate::prefixes::of_either;

/// What a speaker did: octets to all neighbors, and words to the RIB.
#[derive(Default)]
struct Done {
    sent: usize,
    routes: usize,
}

struct Speaker {
    bgp: Instance,
    now: Instant,
}

/// Announcements of a neighbor, six prefixes with the same attributes.
fn feed(prefixes: &[Prefix], asn: u32, number: u8) -> Vec<u8> {
    let ctx = SessionContext::new(PeerKind::Ebgp);
    let mut out = Vec::new();
    for (set, group) in (1..).zip(prefixes.chunks(6)) {
        let path = AsPathBuf::from_sequence([Asn(asn), Asn(1000 + set % 50_000), Asn(set), Asn(7)]);
        let attributes = PathAttributes {
            as_path: path.as_path(),
            next_hop: Some(BgpNexthop::V4(Ipv4Addr::new(10, 0, number, 2))),
            ..PathAttributes::default()
        };
        if let Ok(encoded) = EncodedAttributes::new(&attributes, Family::Ipv4Unicast, &ctx) {
            encode_announcements(&ctx, &encoded, group.iter().map(|p| (0, *p)), &mut out);
        }
    }
    out
}

impl Speaker {
    fn new() -> Self {
        let now = Instant::now();
        let id = RouterId(Ipv4Addr::new(10, 0, 0, 1));
        let mut config = InstanceConfig::new(Asn(65000), VrfId::DEFAULT, "default", id);
        config.ebgp_requires_policy = false;
        let seeds = Seeds { hash: 1, dice: 2, first_conn: 1 };
        let mut bgp = Instance::new(config, Arc::new(PolicySet::default()), seeds, now);
        bgp.start(now);
        Self { bgp, now }
    }

    fn connect(&mut self, number: u8, asn: u32) -> ConnId {
        let (now, peer) = (self.now, Ipv4Addr::new(10, 0, number, 2));
        let remote = IpAddr::V4(peer);
        let mut config = NeighborConfig::new(&remote.to_string(), Some(remote), RemoteAs::Asn(Asn(asn)));
        config.passive = true;
        config.families[Family::Ipv4Unicast] = Some(NeighborFamily::default());
        self.bgp.add_neighbor(config, now);
        // One address of ours for all: those who see another one are sent another next hop.
        let local = Ipv4Addr::new(10, 0, 0, 1);
        let conn = ConnId(1 << 60 | u64::from(number));
        let addresses = LocalAddresses { v4: Some(local), ifindex: IfIndex(1), ..LocalAddresses::default() };
        let ends = (SocketAddr::new(local.into(), 179), SocketAddr::new(remote, 40_000));
        self.bgp.accepted(now, conn, ends, addresses);
        let capabilities =
            vec![Capability::Multiprotocol { afi: 1, safi: 1 }, Capability::FourOctetAs(Asn(asn))];
        let mut bytes = Vec::new();
        Open::new(Asn(asn), 180, RouterId(peer), capabilities).encode(&mut bytes);
        bytes.extend_from_slice(&keepalive());
        self.bgp.received(now, conn, &bytes);
        self.drive();
        conn
    }

    /// Carries out everything but the sending.
    fn drive(&mut self) -> Done {
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
                    Output::Watch(watch) => {
                        let via = NexthopReach {
                            prefix: watch.target,
                            protocol: Protocol::Connected,
                            metric: Metric(0),
                            distance: Distance(0),
                            connected: true,
                            nexthops: vec![(IfIndex(1), None)],
                        };
                        self.bgp.nexthop_changed(NexthopInfo { watch, via: Some(via) }, now);
                    }
                    _ => {}
                }
            }
            done.routes += self.bgp.take_rib_updates().len();
            if !more && !moved {
                return done;
            }
        }
    }

    fn hear(&mut self, conn: ConnId, bytes: &[u8]) -> Done {
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

/// UPDATEs are taken apart.
pub(crate) fn decode(count: usize) -> Work {
    let feed = feed(&of_either(count), 65100, 1);
    Box::new(move || {
        let ctx = SessionContext::new(PeerKind::Ebgp);
        let mut scratch = Scratch::default();
        let (mut rest, mut seen) = (&feed[..], 0);
        while let Ok(Some(message)) = frame(rest, 4096) {
            rest = &rest[message.len..];
            if message.kind == MessageType::Update
                && let Ok(update) = Update::decode(message.body, &ctx, &mut scratch)
            {
                seen += update.announced.iter().count();
            }
        }
        seen
    })
}

/// A table from one neighbor, to the RIB and to a second neighbor.
pub(crate) fn announce(count: usize) -> Work {
    let feed = feed(&of_either(count), 65100, 1);
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    speaker.connect(2, 65200);
    Box::new(move || {
        let done = speaker.hear(source, &feed);
        if done.sent > feed.len() / 2 { done.routes } else { 0 }
    })
}

/// The same table from a third neighbor, whose paths are no better.
pub(crate) fn second_path(count: usize) -> Work {
    let prefixes = of_either(count);
    let (first, second) = (feed(&prefixes, 65100, 1), feed(&prefixes, 65300, 3));
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    speaker.connect(2, 65200);
    let other = speaker.connect(3, 65300);
    speaker.hear(source, &first);
    Box::new(move || {
        speaker.hear(other, &second);
        speaker.bgp.summary(Family::Ipv4Unicast).paths - count
    })
}

/// The table goes.
pub(crate) fn withdraw(count: usize) -> Work {
    let prefixes = of_either(count);
    let feed = feed(&prefixes, 65100, 1);
    let mut gone = Vec::new();
    let ctx = SessionContext::new(PeerKind::Ebgp);
    encode_withdrawals(&ctx, Family::Ipv4Unicast, prefixes.iter().map(|p| (0, *p)), &mut gone);
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    speaker.connect(2, 65200);
    speaker.hear(source, &feed);
    Box::new(move || speaker.hear(source, &gone).routes)
}

/// A small table to a hundred neighbors who are sent the same.
pub(crate) fn hundred_members(count: usize) -> Work {
    let feed = feed(&of_either(count), 65100, 1);
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    (2..102).for_each(|n| {
        speaker.connect(n, 65200);
    });
    Box::new(move || {
        let done = speaker.hear(source, &feed);
        if done.sent > 50 * feed.len() { done.routes } else { 0 }
    })
}
