//! Networks of many routers, as LSAs.

#![allow(dead_code)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use ferr_ospf::config::{InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType};
use ferr_ospf::wire::{
    Age, Body, ExternalV2, LinkStateId, LinkType, LinkV2, LsSequence, LsaHeader, LsaType, LsaWriter, Options,
    Records, RouterBits, Version,
};
use ferr_ospf::{Model, ScopeId};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, RouterId, VrfId};

/// The only area.
pub(crate) const AREA: ScopeId = ScopeId::Area(AreaId::BACKBONE);

/// Links by router: neighbor and cost.
pub(crate) type Net = Vec<Vec<(u32, u16)>>;

/// A square.
pub(crate) fn grid(side: u32) -> Net {
    let at = |x: u32, y: u32| y * side + x;
    let mut net = vec![Vec::new(); (side * side) as usize];
    let mut join = |a: u32, b: u32| {
        let cost = |n: u32| 1 + (n.wrapping_mul(2_654_435_761) >> 28) as u16;
        net[a as usize].push((b, cost(a ^ b)));
        net[b as usize].push((a, cost(a ^ b)));
    };
    for y in 0..side {
        for x in 0..side {
            if x + 1 < side {
                join(at(x, y), at(x + 1, y));
            }
            if y + 1 < side {
                join(at(x, y), at(x, y + 1));
            }
        }
    }
    net
}

/// Two links of each router lead to random others.
pub(crate) fn random(n: u32) -> Net {
    let mut net = vec![Vec::new(); n as usize];
    let mut state = 88_172_645_463_325_252u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for a in 1..n {
        for link in 0..2 {
            let b = if link == 0 { next() % u64::from(a) } else { next() % u64::from(n) } as u32;
            if a != b && !net[a as usize].iter().any(|(to, _): &(u32, u16)| *to == b) {
                let cost = 1 + (next() % 20) as u16;
                net[a as usize].push((b, cost));
                net[b as usize].push((a, cost));
            }
        }
    }
    net
}

fn id(router: u32) -> RouterId {
    RouterId(Ipv4Addr::from_bits(router + 1))
}

fn link_addr(from: u32, to: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 | (from & 0xfff) << 12 | to & 0xfff)
}

fn header(kind: LsaType, id: u32, router: RouterId) -> LsaHeader {
    LsaHeader {
        age: Age(1),
        options: Options::E,
        kind,
        id: LinkStateId(id),
        router,
        sequence: LsSequence::INITIAL,
        checksum: 0,
        length: 0,
    }
}

/// A router's LSA with a host route.
pub(crate) fn router_lsa(net: &Net, router: u32, stub_cost: u16) -> Vec<u8> {
    let header = header(LsaType::ROUTER_V2, router + 1, id(router));
    let mut buf = vec![0; 65535];
    let mut writer = LsaWriter::new(&mut buf, &header).expect("room");
    let links = net[router as usize]
        .iter()
        .map(|(to, cost)| LinkV2::new(LinkType::POINT_TO_POINT, id(*to).0, link_addr(router, *to), *cost));
    let host = Ipv4Addr::from_bits(0xc0a8_0000 + router);
    let stub = LinkV2::new(LinkType::STUB, host, Ipv4Addr::BROADCAST, stub_cost);
    writer.router_v2(RouterBits::EXTERNAL, links.chain([stub])).expect("room");
    let len = writer.finish().expect("length");
    buf.truncate(len);
    buf
}

/// External route number `n`.
pub(crate) fn external_lsa(router: u32, n: u32, metric: u32) -> Vec<u8> {
    let prefix = Ipv4Prefix::from_bits(0x2000_0000 + n * 256, 24).expect("length");
    let mut buf = vec![0; 256];
    let mut writer =
        LsaWriter::new(&mut buf, &header(LsaType::EXTERNAL_V2, prefix.bits(), id(router))).expect("room");
    let body = ExternalV2 {
        mask: prefix.netmask(),
        type2: true,
        metric,
        forwarding: Ipv4Addr::UNSPECIFIED,
        tag: 0,
        tos: Records::EMPTY_V2,
    };
    writer.body(&Body::ExternalV2(body)).expect("room");
    let len = writer.finish().expect("length");
    buf.truncate(len);
    buf
}

fn interface(cost: u16, addr: Ipv4Addr) -> InterfaceConfig {
    InterfaceConfig {
        address: Some((addr, Ipv4Prefix::host(addr))),
        cost,
        ..InterfaceConfig::new("eth", AreaId::BACKBONE, NetworkType::PointToPoint)
    }
}

/// Router 0 with the whole network.
pub(crate) fn model(net: &Net, alternates: bool, now: Instant) -> Model {
    let mut config = InstanceConfig::new(Version::V2, VrfId::DEFAULT, "default", id(0));
    config.fast_reroute.enabled = alternates;
    config.areas.insert(AreaId::BACKBONE, Default::default());
    let key = |at: usize, to: u32| InterfaceKey::Link(IfIndex(at as u32 + 1), Some(link_addr(0, to)));
    for (at, (to, cost)) in net[0].iter().enumerate() {
        config.interfaces.insert(key(at, *to), interface(*cost, link_addr(0, *to)));
    }
    let mut model = Model::new(config, Arc::new(PolicySet::default()));
    for (at, (to, _)) in net[0].iter().enumerate() {
        model.adjacent(key(at, *to), id(*to), IpAddr::V4(link_addr(*to, 0)), now);
    }
    for router in 0..net.len() as u32 {
        model.install(AREA, &router_lsa(net, router, 1), now);
    }
    model
}
