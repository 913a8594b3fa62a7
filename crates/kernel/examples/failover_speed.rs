//! How long it takes to move all traffic off a dead gateway, by number of routes and of groups, in a network namespace of its own (root
//! is needed).
//!
//! `cargo run --release -p ferr-kernel --example failover_speed`

use std::collections::BTreeSet;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::process::Command;
use std::time::{Duration, Instant};

use ferr_kernel::{DeadList, FibWriter, KernelEvent, Monitor, MonitorOptions};
use ferr_rib::{GuardId, GuardedGateway, Rib, RibConfig};
use ferr_types::{
    Distance, Ipv4Prefix, Ipv6Prefix, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey, RouteSpec,
    RouteUpdate, Tag, VrfId,
};
use nix::sched::{CloneFlags, unshare};

const GUARD: GuardId = GuardId(NonZeroU32::MIN);

fn ip(args: &str) -> Result<(), Box<dyn Error>> {
    let status = Command::new("ip").args(args.split_whitespace()).status()?;
    if status.success() { Ok(()) } else { Err(format!("ip {args}: {status}").into()) }
}

fn guarded(addr: IpAddr) -> NexthopSet {
    NexthopSet::one(Nexthop { guard: Some(addr), ..Nexthop::via(addr, VrfId::DEFAULT) })
}

fn gateway(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 0, 2).into() } else { Ipv4Addr::new(10, 0, 0, 2).into() }
}

fn backup(v6: bool, i: u32) -> IpAddr {
    let low = 2 + i;
    if v6 {
        Ipv6Addr::new(0xfd00, 0xb, 0, 0, 0, 0, (low >> 16) as u16, low as u16).into()
    } else {
        Ipv4Addr::from_bits(0x0a01_0000 + low).into()
    }
}

fn prefix(v6: bool, i: u32) -> Option<Prefix> {
    // An order that is not that of the prefixes, as routes of the Internet come.
    let scattered = i.wrapping_mul(2_654_435_761) >> 8;
    if v6 {
        let bits = 0x2001_u128 << 112 | u128::from(i.wrapping_mul(2_654_435_761)) << 80;
        Ipv6Prefix::from_bits(bits, 48).map(Prefix::V6)
    } else {
        Ipv4Prefix::from_bits(0x1000_0000 + ((scattered % 0x5f_0000) << 8), 24).map(Prefix::V4)
    }
}

fn updates(v6: bool, routes: u32, groups: u32) -> Vec<RouteUpdate> {
    let one = |i: u32| {
        let spec = RouteSpec {
            distance: Distance(20),
            metric: Metric(0),
            tag: Tag(0),
            nexthops: guarded(gateway(v6)),
            backup: guarded(backup(v6, i % groups)),
            internal: false,
            source: None,
        };
        let key = |prefix| RouteKey {
            vrf: VrfId::DEFAULT,
            table: None,
            prefix,
            protocol: Protocol::Bgp,
            instance: 0,
        };
        prefix(v6, i).map(|p| RouteUpdate::Set(key(p), spec.into()))
    };
    (0..routes).filter_map(one).collect()
}

fn drain(rib: &mut Rib, writer: &mut FibWriter) -> usize {
    let (mut ops, mut total) = (Vec::new(), 0);
    while rib.fib_ready() {
        ops.clear();
        rib.poll_fib(1024, &mut ops);
        let acks = writer.apply(&ops);
        rib.fib_acks(Instant::now(), &acks);
        total += ops.len();
    }
    total
}

/// One death: milliseconds until the kernel has moved, and operations that the RIB has left afterwards.
fn measure(v6: bool, routes: u32, groups: u32) -> Result<(f64, usize), Box<dyn Error>> {
    let mut writer = FibWriter::open()?;
    let mut failover = FibWriter::open()?;
    let mut monitor = Monitor::open(MonitorOptions::default())?;
    monitor.ignore_ports(&[writer.port(), failover.port()])?;
    let now = Instant::now();
    let mut rib = Rib::new(RibConfig::default(), now);
    for event in monitor.recv(Some(Duration::from_millis(200)))? {
        match event {
            KernelEvent::Link(link) => rib.link_set(now, link),
            KernelEvent::AddressAdd(address) => rib.address_add(now, address),
            _ => {}
        }
    }
    rib.guard_set(GUARD, GuardedGateway { vrf: VrfId::DEFAULT, addr: gateway(v6), ifindex: None });
    rib.apply(now, &updates(v6, routes, groups));
    drain(&mut rib, &mut writer);
    let dead = DeadList::default();
    let plan = rib.failover_plan();
    let start = Instant::now();
    let victims = plan.victims(|g| g == GUARD, &BTreeSet::new());
    dead.bury(GUARD, &victims);
    failover.delete_nexthops(&victims);
    let took = start.elapsed().as_secs_f64() * 1e3;
    rib.guard_down(GUARD, &victims);
    let left = drain(&mut rib, &mut writer);
    rib.withdraw_all();
    drain(&mut rib, &mut writer);
    Ok((took, left))
}

fn main() -> Result<(), Box<dyn Error>> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    for (name, v4, v6) in [("a", "10.0.0.1/24", "fd00:a::1/64"), ("b", "10.1.0.1/16", "fd00:b::1/64")] {
        ip(&format!("link add {name}0 type veth peer name {name}1"))?;
        ip(&format!("addr add {v4} dev {name}0"))?;
        ip(&format!("addr add {v6} dev {name}0 nodad"))?;
        ip(&format!("link set {name}0 up"))?;
        ip(&format!("link set {name}1 up"))?;
    }
    println!("family   routes  groups  moved after (median of 5)  operations of the RIB afterwards");
    for v6 in [false, true] {
        for (routes, groups) in
            [(1_000, 1), (100_000, 1), (1_000_000, 1), (100_000, 100), (1_000_000, 100), (100_000, 10_000)]
        {
            let runs: Result<Vec<_>, _> = (0..5).map(|_| measure(v6, routes, groups)).collect();
            let mut runs = runs?;
            runs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (median, left) = runs[2];
            let family = if v6 { "IPv6" } else { "IPv4" };
            println!("{family} {routes:10} {groups:7} {median:15.2} ms {left:22}");
        }
    }
    Ok(())
}
