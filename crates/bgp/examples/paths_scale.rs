//! Many paths of the same prefixes, without sockets: what a further path takes in memory, and which work takes how long.
//!
//! `cargo run --release -p ferr-bgp --example paths_scale [PEERS PATHS_PER_PEER PREFIXES [links]]`
//!
//! Without arguments: 8 feeds of the same 250,000 prefixes. `1000 10000 1000000` is 10 M paths, ten for each of 1 M prefixes.
//! Six prefixes share an attribute set, and no two feeds share any. All peers are on one network, in one update group, and read
//! all; with `links` each is on a link of its own, so that our next hop is another for each, and with it the group.

#![allow(clippy::disallowed_methods)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use common::{announce, connected, instance, open, resident};
use ferr_bgp::{ConnId, Instance, Output};
use ferr_types::{Family, Ipv4Prefix, Prefix};

#[allow(unreachable_pub, dead_code)]
mod common;

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

fn address(peer: u32, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, (peer >> 8) as u8, peer as u8, host)
}

/// Messages with `sets` attribute sets of `peer` for the prefixes from number `first` on, of `all`.
fn messages(peer: u32, first: u32, sets: u32, all: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for set in 0..sets {
        let from = first + set * SHARED;
        let path = [100_000 + peer, 1000 + from % 50_000, 200_000 + from % all, 7];
        let prefixes = (from..from + SHARED).filter_map(|i| {
            let scattered = (i % all).wrapping_mul(2_654_435_761) >> 8;
            Ipv4Prefix::from_bits(scattered << 8, 24).map(Prefix::V4)
        });
        announce(prefixes, path, address(peer, 2), &mut out);
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
                Output::Watch(watch) => bgp.nexthop_changed(connected(watch), now),
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
    let local = if links { address(peer, 1) } else { Ipv4Addr::new(10, 255, 255, 254) };
    let conn = open(bgp, (local, address(peer, 2)), 100_000 + peer, 0, now);
    drive(bgp, now, &mut Spent::default());
    conn
}

fn main() {
    let arguments: Vec<u32> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let &[peers, each, all] = arguments.get(..3).unwrap_or(&[8, 250_000, 250_000]) else { return };
    let links = std::env::args().any(|a| a == "links");
    let now = Instant::now();
    let mut bgp = instance(now);
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
