//! The RIB, from a protocol's words to operations for the kernel.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use ferr_rib::{Address, FibAck, Link, LinkKind, Rib, RibConfig};
use ferr_types::{
    Distance, IfAddr, IfIndex, Metric, Nexthop, NexthopSet, Protocol, RouteKey, RouteSpec, RouteUpdate, Tag,
    VrfId,
};

use crate::Work;
use crate::prefixes::of_either;

fn with_link(now: Instant) -> Rib {
    let mut rib = Rib::new(RibConfig::default(), now);
    let link = Link {
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
    };
    rib.link_set(now, link);
    if let Some(addr) = IfAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 24) {
        rib.address_add(now, Address { ifindex: IfIndex(2), addr, peer: None, secondary: false });
    }
    rib
}

/// Routes are selected, sent and acknowledged.
pub(crate) fn install(count: usize) -> Work {
    let now = Instant::now();
    let mut rib = with_link(now);
    let gateway = Nexthop::via(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), VrfId::DEFAULT);
    let spec = Arc::new(RouteSpec {
        distance: Distance(20),
        metric: Metric(0),
        tag: Tag(0),
        nexthops: NexthopSet::one(gateway),
        backup: NexthopSet::default(),
        internal: false,
        source: None,
    });
    let key =
        |prefix| RouteKey { vrf: VrfId::DEFAULT, table: None, prefix, protocol: Protocol::Bgp, instance: 0 };
    let updates = of_either(count).into_iter().map(|p| RouteUpdate::Set(key(p), spec.clone()));
    let updates: Vec<RouteUpdate> = updates.collect();
    Box::new(move || {
        let (mut ops, mut acks, mut done) = (Vec::new(), Vec::new(), 0);
        for batch in updates.chunks(1024) {
            rib.apply(now, batch);
            while rib.fib_ready() {
                ops.clear();
                rib.poll_fib(1024, &mut ops);
                acks.clear();
                acks.extend(ops.iter().map(|op| FibAck { token: op.token, result: Ok(()) }));
                rib.fib_acks(now, &acks);
                done += ops.len();
            }
        }
        // Beside the routes their group and its member.
        done.saturating_sub(2)
    })
}
