//! One million IPv4 routes through the RIB: memory and speed, without a kernel.
//!
//! `cargo run --release -p ferr-rib --example rib_scale [ROUTES]`

#![allow(clippy::disallowed_methods)]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use ferr_rib::{Address, FibAck, Link, LinkKind, Rib, RibConfig};
use ferr_types::{
    Distance, IfAddr, IfIndex, Ipv4Prefix, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey,
    RouteSpec, RouteUpdate, Tag, VrfId,
};

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

fn spec(metric: u32, addr: u8) -> RouteSpec {
    let gateway = IpAddr::V4(Ipv4Addr::new(10, 0, 0, addr));
    RouteSpec {
        distance: Distance(20),
        metric: Metric(metric),
        tag: Tag(0),
        nexthops: NexthopSet::one(Nexthop::via(gateway, VrfId::DEFAULT)),
        backup: NexthopSet::default(),
        internal: false,
        source: None,
    }
}

fn drain(rib: &mut Rib, now: Instant) -> usize {
    let (mut ops, mut acks, mut total) = (Vec::new(), Vec::new(), 0);
    while rib.fib_ready() {
        ops.clear();
        rib.poll_fib(1024, &mut ops);
        acks.clear();
        acks.extend(ops.iter().map(|op| FibAck { token: op.token, result: Ok(()) }));
        rib.fib_acks(now, &acks);
        total += ops.len();
    }
    total
}

fn report(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64() / 1e6;
    println!("{what:40} {:8.3} s  {rate:6.2} M/s  RSS {:7.1} MB", took.as_secs_f64(), resident());
}

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000u32);
    let prefixes = prefixes(count);
    let now = Instant::now();
    let mut rib = Rib::new(RibConfig::default(), now);
    rib.link_set(
        now,
        Link {
            ifindex: IfIndex(2),
            name: "eth0".into(),
            up: true,
            running: true,
            vrf: VrfId::DEFAULT,
            master: IfIndex(0),
            kind: LinkKind::Other,
            mtu: 1500,
            mac: Vec::new(),
            flags: 0,
            lower: IfIndex(0),
            speed: 0,
        },
    );
    let addr = IfAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 24);
    if let Some(addr) = addr {
        rib.address_add(now, Address { ifindex: IfIndex(2), addr, peer: None, secondary: false });
    }
    let key =
        |prefix| RouteKey { vrf: VrfId::DEFAULT, table: None, prefix, protocol: Protocol::Bgp, instance: 0 };
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
    rib.link_set(
        now,
        Link { running: false, ..rib.link(IfIndex(2)).cloned().unwrap_or_else(|| unreachable!()) },
    );
    report("carrier lost, all routes inactive", prefixes.len(), start.elapsed());
    let start = Instant::now();
    rib.link_set(
        now,
        Link { running: true, ..rib.link(IfIndex(2)).cloned().unwrap_or_else(|| unreachable!()) },
    );
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
