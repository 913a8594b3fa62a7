//! A full table through the RIB into the kernel, in a network namespace of its own (root is needed).
//!
//! `cargo run --release -p ferr-kernel --example fib_speed [ROUTES]`

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use ferr_kernel::{FibWriter, KernelEvent, Monitor, MonitorOptions};
use ferr_rib::{Rib, RibConfig};
use ferr_types::{
    Distance, Ipv4Prefix, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey, RouteSpec, RouteUpdate,
    Tag, VrfId,
};
use nix::sched::{CloneFlags, unshare};

fn ip(args: &str) -> Result<(), Box<dyn Error>> {
    let status = Command::new("ip").args(args.split_whitespace()).status()?;
    if status.success() { Ok(()) } else { Err(format!("ip {args}: {status}").into()) }
}

fn updates(count: u32, gateway: Ipv4Addr) -> Vec<RouteUpdate> {
    let nexthops = NexthopSet::one(Nexthop::via(gateway.into(), VrfId::DEFAULT));
    let spec = RouteSpec {
        distance: Distance(20),
        metric: Metric(0),
        tag: Tag(0),
        nexthops,
        backup: NexthopSet::default(),
        internal: false,
        source: None,
    };
    let prefix = |i: u32| {
        // Unicast space only: 16.0.0.0 to 127.255.255.0 is avoided at its ends.
        let bits = 0x1000_0000 + (((i.wrapping_mul(2_654_435_761) >> 8) % 0x5f_0000) << 8);
        Ipv4Prefix::from_bits(bits, 24).map(Prefix::V4)
    };
    let key =
        |prefix| RouteKey { vrf: VrfId::DEFAULT, table: None, prefix, protocol: Protocol::Bgp, instance: 0 };
    (0..count)
        .filter_map(prefix)
        .map(|p| RouteUpdate::Set(key(p), std::sync::Arc::new(spec.clone())))
        .collect()
}

fn drain(rib: &mut Rib, writer: &mut FibWriter, what: &str) {
    let start = Instant::now();
    let (mut ops, mut total, mut failed) = (Vec::new(), 0, 0);
    while rib.fib_ready() {
        ops.clear();
        rib.poll_fib(1024, &mut ops);
        let acks = writer.apply(&ops);
        failed += acks.iter().filter(|a| a.result.is_err()).count();
        rib.fib_acks(Instant::now(), &acks);
        total += ops.len();
    }
    let took = start.elapsed().as_secs_f64();
    println!(
        "{what:10} {total:8} operations {took:6.2} s {:7.0} k/s, {failed} refused",
        total as f64 / took / 1e3
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    unshare(CloneFlags::CLONE_NEWNET)?;
    ip("link add a0 type veth peer name a1")?;
    ip("addr add 10.0.0.1/24 dev a0")?;
    ip("link set a0 up")?;
    ip("link set a1 up")?;
    let mut writer = FibWriter::open()?;
    let mut monitor = Monitor::open(MonitorOptions::default())?;
    monitor.ignore_ports(&[writer.port()])?;
    let now = Instant::now();
    let mut rib = Rib::new(RibConfig::default(), now);
    for event in monitor.recv(Some(Duration::from_millis(200)))? {
        match event {
            KernelEvent::Link(link) => rib.link_set(now, link),
            KernelEvent::AddressAdd(address) => rib.address_add(now, address),
            _ => {}
        }
    }
    for (what, gateway) in [("add", [10, 0, 0, 2]), ("replace", [10, 0, 0, 3])] {
        rib.apply(now, &updates(count, gateway.into()));
        drain(&mut rib, &mut writer, what);
    }
    rib.withdraw_all();
    drain(&mut rib, &mut writer, "delete");
    println!("events that came through: {}", monitor.recv(Some(Duration::ZERO))?.len());
    Ok(())
}
