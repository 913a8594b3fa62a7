//! A full table through a speaker without sockets: memory and speed of the core alone.
//!
//! `cargo run --release -p ferr-bgp --example speaker_scale [ROUTES]`

#![allow(clippy::disallowed_methods)]

use std::time::Instant;

use common::{Speaker, feed, resident};
use ferr_types::{Family, Ipv4Prefix, Prefix};

#[allow(unreachable_pub, dead_code)]
mod common;

fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1_000_000);
    let scattered = (0..count).filter_map(|i| {
        let bits = i.wrapping_mul(2_654_435_761) >> 8 << 8;
        Ipv4Prefix::from_bits(bits, 24).map(Prefix::V4)
    });
    let feed = feed(&scattered.collect::<Vec<_>>(), 65100, 1);
    let mut speaker = Speaker::new();
    let source = speaker.connect(1, 65100);
    speaker.connect(2, 65200);
    let before = resident();
    let start = Instant::now();
    let done = speaker.hear(source, &feed);
    let took = start.elapsed().as_secs_f64();
    let summary = speaker.bgp.summary(Family::Ipv4Unicast);
    println!(
        "{} prefixes, {} attribute sets: {took:.3} s, {:.2} M prefixes/s; {} routes to the RIB, {} octets to the second peer; {:.1} MB",
        summary.prefixes,
        summary.attribute_sets,
        f64::from(count) / took / 1e6,
        done.routes,
        done.sent,
        resident() - before
    );
}
