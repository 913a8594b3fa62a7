//! LSAs that no sane network has: whatever comes, in whatever order, leaves the same as a start from the same database.

use ferr_ospf_wire::{LinkType, LsaType, Options, RouterBits};
use ferr_types::{Ipv4Prefix, Metric, Protocol, Tag};
use proptest::prelude::*;

use super::lab::{L, Lab, area, external_lsa, ip, network_lsa, pfx};
use crate::config::NetworkType::{Broadcast, PointToPoint};
use crate::config::{AreaConfig, AreaKind, AreaRange, ExternalSummary, Nssa, Redistribute};
use crate::lsdb::{LsaKey, ScopeId};
use crate::routing::ForeignRoute;

#[derive(Debug, Clone)]
enum Op {
    Router { area: u32, router: u32, bits: u8, links: Vec<(u8, u32, u32, u16)> },
    Network { area: u32, at: u32, router: u32, routers: Vec<u32> },
    Summary { area: u32, router: u32, prefix: u32, metric: u32 },
    Boundary { area: u32, router: u32, asbr: u32, metric: u32 },
    External { area: Option<u32>, router: u32, prefix: u32, type2: bool, metric: u32, forwarding: u32 },
    Remove(usize),
    Foreign(u32, bool),
    Adjacent(usize, bool),
    Run,
}

fn ops() -> impl Strategy<Value = Op> {
    let router = || 1u32..6;
    let metric = || prop_oneof![1u32..5, Just(0xff_ffff), Just(0)];
    let cost = prop_oneof![1u16..5, Just(0xffff)];
    let link = (0u8..6, 0u32..6, 0u32..6, cost);
    prop_oneof![
        6 => (0u32..3, router(), any::<u8>(), prop::collection::vec(link, 0..5)).prop_map(
            |(area, router, bits, links)| Op::Router { area, router, bits: bits & 0x17, links }
        ),
        2 => (0u32..3, 0u32..6, router(), prop::collection::vec(router(), 0..5)).prop_map(
            |(area, at, router, routers)| Op::Network { area, at, router, routers }
        ),
        2 => (0u32..3, router(), 0u32..8, metric()).prop_map(
            |(area, router, prefix, metric)| Op::Summary { area, router, prefix, metric }
        ),
        1 => (0u32..3, router(), router(), metric()).prop_map(
            |(area, router, asbr, metric)| Op::Boundary { area, router, asbr, metric }
        ),
        3 => (prop::option::of(1u32..3), router(), 0u32..8, any::<bool>(), metric(), 0u32..6).prop_map(
            |(area, router, prefix, type2, metric, forwarding)| Op::External {
                area, router, prefix, type2, metric, forwarding
            }
        ),
        2 => any::<usize>().prop_map(Op::Remove),
        1 => (0u32..8, any::<bool>()).prop_map(|(prefix, up)| Op::Foreign(prefix, up)),
        1 => (0usize..4, any::<bool>()).prop_map(|(link, full)| Op::Adjacent(link, full)),
        3 => Just(Op::Run),
    ]
}

/// Few prefixes, some inside others.
fn prefix(n: u32) -> Ipv4Prefix {
    Ipv4Prefix::from_bits(0x0a00_0000 | ((n / 3) << 8), [24, 30, 32][n as usize % 3]).unwrap()
}

/// Addresses on the networks of the lab, and of the prefixes above.
fn address(n: u32) -> u32 {
    [0, 0x0a00_0002, 0x0a00_0102, 0xac10_0004, 0x0a01_0002, 0x0a02_0001][n as usize]
}

fn lab() -> Lab {
    let mut lab = Lab::new(1);
    lab.link(1, 0, PointToPoint, ("10.1.0.1/30", 1), &[(2, "10.1.0.2")]);
    lab.link(2, 1, PointToPoint, ("10.2.0.1/30", 2), &[(3, "10.2.0.2")]);
    lab.link(3, 1, Broadcast, ("172.16.0.1/24", 1), &[(4, "172.16.0.4"), (3, "172.16.0.3")]);
    lab.link(4, 2, PointToPoint, ("10.0.0.1/30", 1), &[(5, "10.0.0.2")]);
    let range = |advertise| AreaRange { advertise, cost: None, substitute: None };
    let ranges = |of: &[(&str, bool)]| of.iter().map(|(p, a)| (pfx(p), range(*a))).collect();
    let inner = ranges(&[("10.0.0.0/24", true), ("10.0.1.0/30", false)]);
    lab.area(1, AreaConfig { ranges: inner, ..AreaConfig::default() });
    let kind = AreaKind::Nssa(Nssa { ranges: ranges(&[("10.0.1.0/24", true)]), ..Nssa::default() });
    lab.area(2, AreaConfig { kind, ranges: ranges(&[("10.0.0.0/16", true)]), ..AreaConfig::default() });
    let summary = ExternalSummary { advertise: true, tag: 1, metric: None, type2: true };
    lab.config.summaries.insert(pfx("10.0.2.0/24"), summary);
    lab.config.redistribute = vec![Redistribute {
        protocol: Protocol::Static,
        instance: None,
        metric: None,
        type2: true,
        route_map: None,
        tag: None,
    }];
    lab
}

fn own_address(n: u32) -> u32 {
    [0x0a01_0001, 0x0a02_0001, 0xac10_0001, 0x0a00_0001, 0, 7][n as usize]
}

fn do_op(lab: &mut Lab, op: Op) {
    match op {
        Op::Router { area, router, bits, links } => {
            let link = |(kind, id, data, cost): (u8, u32, u32, u16)| -> L {
                let id = match kind {
                    2 => ip(address(id)),
                    3 => prefix(id).addr(),
                    _ => ip(id),
                };
                let data = if kind == 3 { prefix(data).netmask() } else { ip(own_address(data)) };
                (LinkType(kind), id, data, cost)
            };
            let links: Vec<L> = links.into_iter().map(link).collect();
            lab.router(area, router, RouterBits::from_bits_retain(bits), &links);
        }
        Op::Network { area: id, at, router, routers } => {
            let dr = ip(address(at)).to_string();
            let octets = network_lsa((&dr, router), 1, 24, &routers);
            lab.install(ScopeId::Area(area(id)), &octets);
        }
        Op::Summary { area, router, prefix: n, metric } => {
            lab.summary(area, router, &prefix(n).to_string(), metric);
        }
        Op::Boundary { area, router, asbr, metric } => lab.asbr_summary(area, router, asbr, metric),
        Op::External { area: id, router, prefix: n, type2, metric, forwarding } => {
            let (kind, scope) = match id {
                Some(id) => (LsaType::NSSA_V2, ScopeId::Area(area(id))),
                None => (LsaType::EXTERNAL_V2, ScopeId::As),
            };
            let body = (type2, metric, ip(address(forwarding)), n);
            let octets = external_lsa(kind, (router, 1), prefix(n), body, Options::NP);
            lab.install(scope, &octets);
        }
        Op::Remove(which) => {
            let all: Vec<(ScopeId, LsaKey)> = lab
                .lsdb
                .scopes()
                .flat_map(|s| lab.lsdb.scope(s).map(move |(k, _)| (s, *k)).collect::<Vec<_>>())
                .collect();
            if let Some((scope, key)) = all.get(which % all.len().max(1)) {
                lab.take(*scope, key);
            }
        }
        Op::Foreign(n, up) => {
            let prefix = prefix(n).into();
            let route = ForeignRoute {
                prefix,
                protocol: Protocol::Static,
                instance: 0,
                metric: Metric(n),
                tag: Tag(n),
                gateway: Some("172.16.0.9".parse().unwrap()),
                ifindex: None,
                interface: None,
            };
            match up {
                true => lab.routing.redistribute(route, lab.now),
                false => lab.routing.redistribute_withdraw(prefix, Protocol::Static, 0, lab.now),
            }
        }
        Op::Adjacent(link, full) => {
            lab.links[link].neighbors[0].full = full;
            lab.routing.links_changed(lab.now);
        }
        Op::Run => {
            lab.settle();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn history_does_not_matter(ops in prop::collection::vec(ops(), 1..60)) {
        let mut lab = lab();
        for op in ops {
            do_op(&mut lab, op);
        }
        lab.settle();
        let mut fresh = lab.started_anew();
        fresh.settle();
        let routes = |lab: &Lab| {
            lab.rib.iter().map(|(p, (_, s))| format!("{p} {s:?}")).collect::<Vec<_>>()
        };
        prop_assert_eq!(routes(&lab), routes(&fresh));
        prop_assert_eq!(lab.told(), fresh.told());
    }
}
