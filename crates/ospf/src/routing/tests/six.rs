//! OSPFv3: prefixes apart from the topology, next hops by link-local addresses, routers that forward nothing.

use std::net::Ipv6Addr;
use std::sync::Arc;

use ferr_ospf_wire::{
    Age, Body, ExternalV3, InterAreaPrefix, InterAreaRouter, LinkStateId, LinkType, LinkV3, LsSequence,
    LsaHeader, LsaType, LsaWriter, Options, PrefixOptions, PrefixV3, Referenced, RouterBits, Version,
};
use ferr_policy::{Action, Flow, PolicyDef, PolicySet, RouteMapDef, RouteMapEntryDef, Set};
use ferr_types::{AreaId, IfIndex, Ipv6Prefix};

use super::lab::{Lab, area, interface, rid};
use crate::config::NetworkType::{self, Broadcast, PointToPoint};
use crate::config::{AreaKind, DefaultOriginate, InterfaceKey, Nssa, Redistribute};
use crate::lsdb::ScopeId;
use crate::routing::{ForeignRoute, LocalLink, LocalNeighbor};

const NONE: RouterBits = RouterBits::empty();
const FORWARDS: Options = Options::V6.union(Options::R).union(Options::E);
const AREA: ScopeId = ScopeId::Area(AreaId::BACKBONE);

fn p6(s: &str) -> Ipv6Prefix {
    s.parse().unwrap()
}

fn link_local(router: u32) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, router as u16)
}

/// Interface number of a router towards another: both ends make the same from their own side.
fn ifid(router: u32, to: u32) -> u32 {
    router * 16 + to
}

fn p2p6(router: u32, to: u32, metric: u16) -> LinkV3 {
    LinkV3 {
        kind: LinkType::POINT_TO_POINT,
        metric,
        interface: ifid(router, to),
        neighbor_interface: ifid(to, router),
        neighbor: rid(to),
    }
}

fn transit6(router: u32, dr: u32, metric: u16) -> LinkV3 {
    LinkV3 {
        kind: LinkType::TRANSIT,
        metric,
        interface: ifid(router, 0),
        neighbor_interface: ifid(dr, 0),
        neighbor: rid(dr),
    }
}

fn prefix6(prefix: &str, metric: u16, options: PrefixOptions) -> PrefixV3 {
    PrefixV3 { prefix: p6(prefix), options, extra: metric }
}

fn write(kind: LsaType, id: u32, router: u32, body: impl FnOnce(&mut LsaWriter<'_>)) -> Vec<u8> {
    let header = LsaHeader {
        age: Age(1),
        options: Options::empty(),
        kind,
        id: LinkStateId(id),
        router: rid(router),
        sequence: LsSequence::INITIAL,
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; 4096];
    let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
    body(&mut writer);
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

impl Lab {
    fn link6(&mut self, ifindex: u32, network: NetworkType, prefixes: &[&str], neighbors: &[(u32, u32)]) {
        let key = InterfaceKey::Link(IfIndex(ifindex), None);
        let mut config = interface(area(0), network, None, 10);
        config.prefixes = prefixes.iter().map(|p| p6(p)).collect();
        self.config.interfaces.insert(key, config);
        self.config.areas.entry(area(0)).or_default();
        self.links.push(LocalLink {
            key,
            area: area(0),
            network,
            ifindex: IfIndex(ifindex),
            addr: Some(link_local(1).into()),
            interface_id: ifindex,
            cost: 10,
            neighbors: neighbors
                .iter()
                .map(|(router, interface_id)| LocalNeighbor {
                    router: rid(*router),
                    addr: link_local(*router).into(),
                    interface_id: *interface_id,
                    full: true,
                })
                .collect(),
        });
        self.routing.links_changed(self.now);
    }

    fn router6(&mut self, router: u32, id: u32, bits: RouterBits, options: Options, links: &[LinkV3]) {
        let octets = write(LsaType::ROUTER_V3, id, router, |w| {
            w.router_v3(bits, options, links.iter().copied()).unwrap();
        });
        self.install(AREA, &octets);
    }

    fn network6(&mut self, dr: u32, routers: &[u32]) {
        let octets = write(LsaType::NETWORK_V3, ifid(dr, 0), dr, |w| {
            w.network_v3(FORWARDS, routers.iter().map(|r| rid(*r))).unwrap();
        });
        self.install(AREA, &octets);
    }

    fn prefixes6(&mut self, router: u32, id: u32, of: LsaType, prefixes: &[PrefixV3]) {
        let referenced = match of {
            LsaType::NETWORK_V3 => Referenced { kind: of, id: LinkStateId(ifid(router, 0)) },
            _ => Referenced { kind: of, id: LinkStateId(0) },
        };
        let octets = write(LsaType::INTRA_AREA_PREFIX, id, router, |w| {
            w.intra_area_prefix(referenced, rid(router), prefixes.iter().copied()).unwrap();
        });
        self.install(AREA, &octets);
    }

    fn body6(&mut self, scope: ScopeId, kind: LsaType, id: u32, router: u32, body: &Body<'_>) {
        let octets = write(kind, id, router, |w| w.body(body).unwrap());
        self.install(scope, &octets);
    }
}

/// 1, 2 and 3 on a network whose designated router is 2; 3 and 4, and 1 and 4, on point-to-point links.
fn lab() -> Lab {
    let mut lab = Lab::of(Version::V3, 1);
    lab.link6(ifid(1, 0), Broadcast, &["2001:db8::/64"], &[(2, ifid(2, 0)), (3, ifid(3, 0))]);
    lab.link6(ifid(1, 4), PointToPoint, &["2001:db8:14::/64"], &[(4, ifid(4, 1))]);
    lab.router6(1, 0, NONE, FORWARDS, &[transit6(1, 2, 10), p2p6(1, 4, 20)]);
    lab.router6(2, 0, RouterBits::BORDER | RouterBits::EXTERNAL, FORWARDS, &[transit6(2, 2, 10)]);
    lab.router6(3, 0, NONE, FORWARDS, &[transit6(3, 2, 10), p2p6(3, 4, 10)]);
    lab.router6(4, 0, NONE, FORWARDS, &[p2p6(4, 1, 20), p2p6(4, 3, 10)]);
    lab.network6(2, &[1, 2, 3]);
    let none = PrefixOptions::empty();
    lab.prefixes6(2, 1, LsaType::NETWORK_V3, &[prefix6("2001:db8::/64", 0, none)]);
    lab.prefixes6(1, 1, LsaType::ROUTER_V3, &[prefix6("2001:db8:14::/64", 20, none)]);
    lab.prefixes6(
        4,
        1,
        LsaType::ROUTER_V3,
        &[
            prefix6("2001:db8:4::/64", 5, none),
            prefix6("2001:db8:14::/64", 20, none),
            prefix6("2001:db8:bad::/64", 5, PrefixOptions::NU),
            prefix6("2001:db8::4/128", 0, PrefixOptions::LA),
        ],
    );
    lab
}

#[test]
fn ways_by_link_local_addresses() {
    let mut lab = lab();
    lab.settle();
    let (lan, direct) = (ifid(1, 0), ifid(1, 4));
    assert_eq!(lab.route("2001:db8::/64"), format!("110/10 if{lan}"));
    assert_eq!(lab.route("2001:db8:14::/64"), format!("110/20 if{direct}"));
    let both = format!("fe80::3@if{lan} fe80::4@if{direct}");
    assert_eq!(lab.route("2001:db8:4::/64"), format!("110/25 {both}"));
    assert_eq!(lab.route("2001:db8::4/128"), format!("110/20 {both}"));
    assert_eq!(lab.route("2001:db8:bad::/64"), "none");
}

#[test]
fn prefixes_are_leaves() {
    let mut lab = lab();
    lab.settle();
    let runs = lab.routing.spf_view().full;
    let none = PrefixOptions::empty();
    lab.prefixes6(4, 1, LsaType::ROUTER_V3, &[prefix6("2001:db8:44::/64", 1, none)]);
    lab.settle();
    assert_eq!(lab.routing.spf_view().full, runs);
    assert_eq!(lab.route("2001:db8:4::/64"), "none");
    assert!(lab.route("2001:db8:44::/64").starts_with("110/21 "));
}

#[test]
fn hosts_forward_nothing() {
    let mut lab = lab();
    // Without R, 3 is no transit router; without V6 it takes no part at all.
    lab.router6(3, 0, NONE, Options::V6, &[transit6(3, 2, 10), p2p6(3, 4, 10)]);
    lab.prefixes6(3, 1, LsaType::ROUTER_V3, &[prefix6("2001:db8:3::/64", 1, PrefixOptions::empty())]);
    lab.settle();
    let (lan, direct) = (ifid(1, 0), ifid(1, 4));
    assert_eq!(lab.route("2001:db8:4::/64"), format!("110/25 fe80::4@if{direct}"));
    assert_eq!(lab.route("2001:db8:3::/64"), format!("110/11 fe80::3@if{lan}"));
    lab.router6(3, 0, NONE, Options::R, &[transit6(3, 2, 10), p2p6(3, 4, 10)]);
    lab.settle();
    assert_eq!(lab.route("2001:db8:3::/64"), "none");
}

#[test]
fn several_lsas_make_one_router() {
    let mut lab = lab();
    lab.router6(3, 0, NONE, FORWARDS, &[transit6(3, 2, 10)]);
    lab.settle();
    assert!(!lab.route("2001:db8:4::/64").contains("fe80::3"));
    lab.router6(3, 7, NONE, FORWARDS, &[p2p6(3, 4, 10)]);
    lab.settle();
    assert!(lab.route("2001:db8:4::/64").contains("fe80::3"));
}

#[test]
fn both_ends_of_a_link_know_its_numbers() {
    let mut lab = lab();
    let wrong = LinkV3 { neighbor_interface: 99, ..p2p6(4, 1, 20) };
    lab.router6(4, 0, NONE, FORWARDS, &[wrong, p2p6(4, 3, 10)]);
    lab.settle();
    assert_eq!(lab.route("2001:db8:4::/64"), format!("110/25 fe80::3@if{}", ifid(1, 0)));
}

#[test]
fn link_lsas_tell_addresses_of_strangers() {
    let mut lab = lab();
    lab.links[0].neighbors.retain(|n| n.router != rid(3));
    let octets = write(LsaType::LINK, ifid(3, 0), 3, |w| {
        w.link(1, FORWARDS, "fe80::33".parse().unwrap(), []).unwrap();
    });
    lab.install(ScopeId::Link(lab.links[0].key), &octets);
    lab.settle();
    assert!(lab.route("2001:db8:4::/64").contains("fe80::33@"));
}

#[test]
fn routes_of_other_areas_and_of_the_outside() {
    let mut lab = lab();
    let plain = |p: &str| prefix6(p, 0, PrefixOptions::empty());
    let inter = InterAreaPrefix { metric: 30, prefix: plain("2001:db8:a::/48") };
    lab.body6(AREA, LsaType::INTER_AREA_PREFIX, 1, 2, &Body::InterAreaPrefix(inter));
    let boundary = InterAreaRouter { options: FORWARDS, metric: 40, router: rid(9) };
    lab.body6(AREA, LsaType::INTER_AREA_ROUTER, 1, 2, &Body::InterAreaRouter(boundary));
    let external = |p: &str, forwarding: Option<&str>| ExternalV3 {
        type2: false,
        metric: 7,
        prefix: plain(p),
        forwarding: forwarding.map(|f| f.parse().unwrap()),
        tag: Some(5),
        referenced: None,
    };
    let bodies = [("2001:db8:e1::/48", None), ("2001:db8:e2::/48", Some("2001:db8:4::1"))];
    for (n, (prefix, forwarding)) in bodies.into_iter().enumerate() {
        let body = Body::ExternalV3(external(prefix, forwarding));
        lab.body6(ScopeId::As, LsaType::EXTERNAL_V3, n as u32, 9, &body);
    }
    lab.settle();
    let lan = ifid(1, 0);
    assert_eq!(lab.route("2001:db8:a::/48"), format!("110/40 fe80::2@if{lan}"));
    assert_eq!(lab.route("2001:db8:e1::/48"), format!("110/57 fe80::2@if{lan}"));
    assert!(lab.route("2001:db8:e2::/48").starts_with("110/32 fe80::3@"));
    assert_eq!(lab.rib[&"2001:db8:e1::/48".parse().unwrap()].1.tag.0, 5);
}

#[test]
fn routes_of_others_are_told() {
    let mut lab = lab();
    let protocol = ferr_types::Protocol::Static;
    lab.config.redistribute.push(Redistribute {
        protocol,
        instance: None,
        metric: Some(9),
        type2: false,
        route_map: None,
        tag: None,
    });
    for prefix in ["2001:db8:f::/48", "2001:db8:f::/64"] {
        let route = ForeignRoute {
            prefix: prefix.parse().unwrap(),
            protocol,
            instance: 0,
            metric: ferr_types::Metric(0),
            tag: ferr_types::Tag(0),
            gateway: None,
            ifindex: None,
            interface: None,
        };
        lab.routing.redistribute(route, lab.now);
    }
    lab.settle();
    assert_eq!(lab.told_with("5@as "), ["2001:db8:f::/48 E1 9 None", "2001:db8:f::/64 E1 9 None"]);
}

#[test]
fn a_route_map_sets_the_forwarding_address() {
    let mut lab = lab();
    let sets = vec![Set::ForwardingAddress("2001:db8::7".parse().unwrap())];
    let (seq, action, flow) = (10, Action::Permit, Flow::Exit);
    let entry = RouteMapEntryDef { seq, action, matches: vec![], sets, call: None, flow };
    let mut def = PolicyDef::default();
    def.route_maps.insert("M".into(), RouteMapDef { entries: vec![entry] });
    lab.policy = Arc::new(PolicySet::compile(&def).0);
    let protocol = ferr_types::Protocol::Static;
    let route_map = Some("M".to_owned());
    lab.config.redistribute.push(Redistribute {
        protocol,
        instance: None,
        metric: None,
        type2: true,
        route_map,
        tag: None,
    });
    let route = ForeignRoute {
        prefix: "2001:db8:f::/48".parse().unwrap(),
        protocol,
        instance: 0,
        metric: ferr_types::Metric(0),
        tag: ferr_types::Tag(0),
        gateway: None,
        ifindex: None,
        interface: None,
    };
    lab.routing.redistribute(route, lab.now);
    lab.settle();
    assert_eq!(lab.told_with("5@as "), ["2001:db8:f::/48 E2 20 Some(2001:db8::7)"]);
}

#[test]
fn inside_an_nssa_routes_carry_an_address() {
    let mut lab = lab();
    lab.area_kind(0, AreaKind::Nssa(Nssa::default()));
    let first = lab.config.interfaces.values_mut().next().unwrap();
    first.addresses = vec!["2001:db8::1".parse().unwrap()];
    lab.config.default_originate =
        Some(DefaultOriginate { always: true, metric: None, type2: true, route_map: None });
    lab.settle();
    assert_eq!(lab.told(), ["7@0.0.0.0 ::/0 E2 1 Some(2001:db8::1)"]);
}
