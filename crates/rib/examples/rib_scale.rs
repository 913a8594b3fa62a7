//! One million IPv4 routes through the RIB: memory and speed, without a kernel.
//!
//! `cargo run --release -p ferr-rib --example rib_scale [ROUTES]`

#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use common::{drain, key, link, spec, with_link};
use ferr_rib::Link;
use ferr_types::{Ipv4Prefix, Prefix, RouteUpdate};

#[allow(unreachable_pub)]
mod common;

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Prefixes of /16../24 in scattered order, all different.
fn prefixes(count: u32) -> Vec<Prefix> {
    (0..count)
        .filter_map(|i| {
            let scattered = i.wrapping_mul(2_654_435_761) >> 8;
            Ipv4Prefix::from_bits(scattered << 8, 24).map(Prefix::V4)
        })
        .collect()
}

fn report(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64() / 1e6;
    println!("{what:40} {:8.3} s  {rate:6.2} M/s  RSS {:7.1} MB", took.as_secs_f64(), resident());
}

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000u32);
    let prefixes = prefixes(count);
    let now = Instant::now();
    let mut rib = with_link(now);
    let before = resident();
    for (round, what) in ["set, new", "set, replaced by another next hop"].iter().enumerate() {
        // As from a peer: a few prefixes share each attribute set.
        let batches = prefixes.chunks(512).enumerate().map(|(b, chunk)| {
            let groups = chunk.chunks(6).enumerate();
            let updates = groups.flat_map(|(g, few)| {
                let spec = spec(((b * 86 + g) % 5000) as u32, 2 + round as u8);
                few.iter().map(move |p| RouteUpdate::Set(key(*p), spec.clone().into()))
            });
            updates.collect::<Vec<_>>()
        });
        let mut took = Duration::ZERO;
        for batch in batches {
            let start = Instant::now();
            rib.apply(now, &batch);
            took += start.elapsed();
        }
        report(what, prefixes.len(), took);
        println!("{:40} {:.1} MB above the empty RIB", "", resident() - before);
        let start = Instant::now();
        let ops = drain(&mut rib, now);
        report("  drained and acknowledged", ops, start.elapsed());
    }
    let start = Instant::now();
    rib.link_set(now, Link { running: false, ..link() });
    report("carrier lost, all routes inactive", prefixes.len(), start.elapsed());
    let start = Instant::now();
    rib.link_set(now, link());
    report("carrier back", prefixes.len(), start.elapsed());
    drain(&mut rib, now);
    let updates: Vec<RouteUpdate> = prefixes.iter().map(|p| RouteUpdate::Withdraw(key(*p))).collect();
    let start = Instant::now();
    updates.chunks(512).for_each(|chunk| rib.apply(now, chunk));
    report("withdrawn", prefixes.len(), start.elapsed());
    let start = Instant::now();
    let ops = drain(&mut rib, now);
    report("  drained and acknowledged", ops, start.elapsed());
    println!("prefixes left: {}", rib.prefixes());
}
