//! A RIB with one link and no kernel; for the example and for counting instructions.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use ferr_rib::{Address, FibAck, Link, LinkKind, Rib, RibConfig};
use ferr_types::{
    Distance, IfAddr, IfIndex, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey, RouteSpec, Tag, VrfId,
};

/// The link.
pub fn link() -> Link {
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
    }
}

/// A RIB that knows it, with 10.0.0.1/24 on it.
pub fn with_link(now: Instant) -> Rib {
    let mut rib = Rib::new(RibConfig::default(), now);
    rib.link_set(now, link());
    if let Some(addr) = IfAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 24) {
        rib.address_add(now, Address { ifindex: IfIndex(2), addr, peer: None, secondary: false });
    }
    rib
}

/// BGP's offer by way of 10.0.0.`host`.
pub fn spec(metric: u32, host: u8) -> RouteSpec {
    let gateway = IpAddr::V4(Ipv4Addr::new(10, 0, 0, host));
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

/// Names BGP's offer.
pub const fn key(prefix: Prefix) -> RouteKey {
    RouteKey { vrf: VrfId::DEFAULT, table: None, prefix, protocol: Protocol::Bgp, instance: 0 }
}

/// A kernel that does what it is told; gives the number of operations.
pub fn drain(rib: &mut Rib, now: Instant) -> usize {
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
