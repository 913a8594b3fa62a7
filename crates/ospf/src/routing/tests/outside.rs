//! External routes: learnt, told, and translated.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ferr_ospf_wire::RouterBits;
use ferr_policy::{
    Action, Flow, Match, MetricChange, PolicyDef, PolicySet, RouteMapDef, RouteMapEntryDef, Set,
};
use ferr_types::{Metric, Protocol, Tag};

use super::border::abr;
use super::lab::{Lab, area, p2p, pfx, stub, transit};
use crate::config::NetworkType::{Broadcast, Loopback, PointToPoint};
use crate::config::{
    AreaKind, AreaRange, DefaultOriginate, ExternalSummary, Nssa, NssaDefault, Redistribute, Translate,
};
use crate::routing::ForeignRoute;

const NONE: RouterBits = RouterBits::empty();
const B: RouterBits = RouterBits::BORDER;
const E: RouterBits = RouterBits::EXTERNAL;

/// 1, 2 and 3 around one network; 2 and 3 are AS boundary routers, 3 farther.
fn lab() -> Lab {
    let mut lab = Lab::new(1);
    lab.link(1, 0, Broadcast, ("10.0.0.1/24", 10), &[(2, "10.0.0.2")]);
    lab.router(0, 1, NONE, &[transit("10.0.0.2", "10.0.0.1", 10)]);
    lab.router(0, 2, E, &[transit("10.0.0.2", "10.0.0.2", 10), p2p(3, "10.0.23.1", 5)]);
    lab.router(0, 3, E, &[p2p(2, "10.0.23.2", 5), stub("10.0.33.0/24", 1)]);
    lab.network(0, ("10.0.0.2", 2), 24, &[1, 2]);
    lab
}

#[test]
fn types_and_metrics_are_compared() {
    let mut lab = lab();
    lab.external(2, "192.0.2.0/24", (true, 20), "0.0.0.0");
    lab.external(3, "192.0.2.0/24", (true, 10), "0.0.0.0");
    lab.external(2, "198.51.100.0/24", (true, 1), "0.0.0.0");
    lab.external(3, "198.51.100.0/24", (false, 100), "0.0.0.0");
    lab.settle();
    assert_eq!(lab.route("192.0.2.0/24"), "110/10 10.0.0.2@if1");
    assert_eq!(lab.route("198.51.100.0/24"), "110/115 10.0.0.2@if1");
    let views = lab.routing.routes(None, 10);
    let view = views.iter().find(|v| v.prefix == pfx("192.0.2.0/24")).unwrap();
    assert_eq!((view.cost, view.type2_cost), (15, Some(10)));
}

#[test]
fn forwarding_addresses_are_looked_up() {
    let mut lab = lab();
    lab.external(2, "192.0.2.0/24", (true, 20), "10.0.0.9");
    lab.external(2, "192.0.3.0/24", (true, 20), "10.0.33.9");
    lab.external(2, "192.0.4.0/24", (true, 20), "10.7.7.7");
    lab.external(2, "192.0.5.0/24", (true, 20), "10.0.0.1");
    lab.settle();
    assert_eq!(lab.route("192.0.2.0/24"), "110/20 10.0.0.9@if1");
    assert_eq!(lab.route("192.0.3.0/24"), "110/20 10.0.0.2@if1");
    assert_eq!(lab.route("192.0.4.0/24"), "none");
    assert_eq!(lab.route("192.0.5.0/24"), "none");
    // The route to a forwarding address comes and goes by a leaf.
    lab.router(0, 3, E, &[p2p(2, "10.0.23.2", 5), stub("10.7.0.0/16", 1)]);
    lab.settle();
    assert_eq!(lab.route("192.0.3.0/24"), "none");
    assert_eq!(lab.route("192.0.4.0/24"), "110/20 10.0.0.2@if1");
}

#[test]
fn a_router_that_is_no_boundary_router_tells_nothing() {
    let mut lab = lab();
    lab.external(3, "192.0.2.0/24", (true, 10), "0.0.0.0");
    lab.settle();
    lab.router(0, 3, NONE, &[p2p(2, "10.0.23.2", 5)]);
    lab.settle();
    assert_eq!(lab.route("192.0.2.0/24"), "none");
}

fn foreign(prefix: &str, gateway: Option<&str>, tag: u32) -> ForeignRoute {
    ForeignRoute {
        prefix: pfx(prefix),
        protocol: Protocol::Static,
        instance: 0,
        metric: Metric(77),
        tag: Tag(tag),
        gateway: gateway.map(|g| g.parse().unwrap()),
        ifindex: None,
        interface: None,
    }
}

fn rule(route_map: Option<&str>) -> Redistribute {
    Redistribute {
        protocol: Protocol::Static,
        instance: None,
        metric: None,
        type2: true,
        route_map: route_map.map(str::to_owned),
        tag: None,
    }
}

#[test]
fn routes_of_others_are_told() {
    let mut lab = lab();
    lab.config.redistribute.push(rule(None));
    lab.routing.redistribute(foreign("192.0.2.0/24", None, 5), lab.now);
    lab.routing.redistribute(foreign("192.0.3.0/24", Some("10.0.0.8"), 0), lab.now);
    lab.routing.redistribute(foreign("0.0.0.0/0", Some("10.0.0.8"), 0), lab.now);
    lab.settle();
    assert_eq!(
        lab.told(),
        [
            "5@as 192.0.2.0/24 192.0.2.0 E2 20 fwd 0.0.0.0 tag 5",
            "5@as 192.0.3.0/24 192.0.3.0 E2 20 fwd 10.0.0.8 tag 0",
        ]
    );
    assert_eq!(lab.routing.router_bits(area(0)), E);
    let default = DefaultOriginate { always: false, metric: None, type2: true, route_map: None };
    lab.config.default_originate = Some(default);
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told_with("5@as 0.0.0.0/0 "), ["0.0.0.0 E2 10 fwd 10.0.0.8 tag 0"]);
    lab.routing.redistribute_withdraw(pfx("0.0.0.0/0"), Protocol::Static, 0, lab.now);
    lab.routing.redistribute_withdraw(pfx("192.0.2.0/24"), Protocol::Static, 0, lab.now);
    lab.settle();
    assert_eq!(lab.told().len(), 1);
}

#[test]
fn route_maps_change_what_is_told() {
    let mut lab = lab();
    let entry = |seq, action, matches, sets| RouteMapEntryDef {
        seq,
        action,
        matches,
        sets,
        call: None,
        flow: Flow::Exit,
    };
    let sets = vec![Set::Metric(MetricChange::Value(77)), Set::MetricType(1), Set::Tag(9)];
    let map = RouteMapDef {
        entries: vec![
            entry(5, Action::Deny, vec![Match::Tag(66)], vec![]),
            entry(10, Action::Permit, vec![], sets),
        ],
    };
    let mut def = PolicyDef::default();
    def.route_maps.insert("M".into(), map);
    lab.policy = Arc::new(PolicySet::compile(&def).0);
    lab.config.redistribute.push(rule(Some("M")));
    lab.routing.redistribute(foreign("192.0.2.0/24", None, 5), lab.now);
    lab.routing.redistribute(foreign("192.0.3.0/24", None, 66), lab.now);
    lab.settle();
    assert_eq!(lab.told(), ["5@as 192.0.2.0/24 192.0.2.0 E1 77 fwd 0.0.0.0 tag 9"]);
}

#[test]
fn external_ranges_gather() {
    let mut lab = lab();
    lab.config.redistribute.push(rule(None));
    let summary = |advertise| ExternalSummary { advertise, tag: 3, metric: None, type2: true };
    lab.config.summaries =
        BTreeMap::from([(pfx("192.0.0.0/16"), summary(true)), (pfx("198.51.0.0/16"), summary(false))]);
    for prefix in ["192.0.2.0/24", "192.0.3.0/24", "198.51.100.0/24"] {
        lab.routing.redistribute(foreign(prefix, None, 0), lab.now);
    }
    lab.settle();
    assert_eq!(lab.told(), ["5@as 192.0.0.0/16 192.0.0.0 E2 20 fwd 0.0.0.0 tag 3"]);
    assert_eq!(
        ["192.0.0.0/16", "198.51.0.0/16", "10.0.0.0/8"]
            .map(|r| lab.routing.summarized(pfx(r), &lab.config.summaries)),
        [2, 1, 0]
    );
    assert_eq!(lab.routing.redistributed(), BTreeMap::from([((Protocol::Static, 0), 3)]));
    lab.routing.redistribute_withdraw(pfx("192.0.2.0/24"), Protocol::Static, 0, lab.now);
    lab.settle();
    assert_eq!(lab.routing.summarized(pfx("192.0.0.0/16"), &lab.config.summaries), 1);
    assert_eq!(lab.told().len(), 1);
    lab.routing.redistribute_withdraw(pfx("192.0.3.0/24"), Protocol::Static, 0, lab.now);
    lab.settle();
    assert!(lab.told().is_empty());
}

#[test]
fn external_ranges_change_after_a_delay() {
    let mut lab = lab();
    lab.config.redistribute.push(rule(None));
    lab.routing.redistribute(foreign("192.0.2.0/24", None, 0), lab.now);
    lab.settle();
    let before = ["5@as 192.0.2.0/24 192.0.2.0 E2 20 fwd 0.0.0.0 tag 0"];
    assert_eq!(lab.told(), before);
    let summary = ExternalSummary { advertise: true, tag: 0, metric: None, type2: true };
    lab.config.aggregation_delay = Duration::from_secs(7);
    lab.config.summaries.insert(pfx("192.0.0.0/16"), summary);
    lab.routing.reconfigured(lab.now);
    let changed = lab.now;
    while let Some(due) = lab.routing.poll_timeout().filter(|due| *due < changed + Duration::from_secs(7)) {
        lab.now = lab.now.max(due);
        lab.run();
    }
    assert_eq!(lab.told(), before);
    lab.settle();
    assert_eq!(lab.told(), ["5@as 192.0.0.0/16 192.0.0.0 E2 20 fwd 0.0.0.0 tag 0"]);
    // Taken back before its time, a change was none.
    lab.config.summaries.clear();
    lab.routing.reconfigured(lab.now);
    lab.run();
    lab.config.summaries.insert(pfx("192.0.0.0/16"), summary);
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told(), ["5@as 192.0.0.0/16 192.0.0.0 E2 20 fwd 0.0.0.0 tag 0"]);
}

#[test]
fn inside_an_nssa_routes_carry_an_address() {
    let mut lab = lab();
    lab.area_kind(0, AreaKind::Nssa(Nssa::default()));
    lab.link(9, 0, Loopback, ("10.9.9.9/32", 0), &[]);
    lab.config.redistribute.push(rule(None));
    lab.routing.redistribute(foreign("192.0.2.0/24", None, 0), lab.now);
    lab.settle();
    assert_eq!(lab.told(), ["7@0.0.0.0 192.0.2.0/24 192.0.2.0 E2 20 fwd 10.9.9.9 tag 0 P"]);
}

fn nssa_abr(nssa: Nssa) -> Lab {
    let mut lab = abr();
    lab.area_kind(1, AreaKind::Nssa(nssa));
    lab.type7(1, 3, "192.0.2.0/24", (true, 20), ("10.1.13.2", true));
    lab.type7(1, 3, "192.0.3.0/24", (true, 20), ("10.1.13.2", false));
    lab.type7(1, 3, "192.0.4.0/24", (false, 30), ("10.1.13.2", true));
    lab
}

#[test]
fn the_border_of_an_nssa_translates() {
    let mut lab = nssa_abr(Nssa::default());
    lab.settle();
    assert_eq!(lab.route("192.0.2.0/24"), "110/20 10.1.13.2@if2");
    assert_eq!(lab.route("192.0.3.0/24"), "110/20 10.1.13.2@if2");
    let told = [
        "192.0.2.0/24 192.0.2.0 E2 20 fwd 10.1.13.2 tag 0",
        "192.0.4.0/24 192.0.4.0 E1 30 fwd 10.1.13.2 tag 0",
    ];
    assert_eq!(lab.told_with("5@as "), told);
    assert!(lab.routing.is_translator(area(1)));
    assert_eq!(lab.routing.router_bits(area(0)), B | E);
    // Another border router with a higher router ID is elected.
    lab.router(1, 3, B | E, &[p2p(1, "10.1.13.2", 10), stub("10.1.13.0/30", 10)]);
    lab.run();
    assert_eq!(lab.told_with("5@as "), told);
    lab.settle();
    assert!(lab.told_with("5@as ").is_empty());
    lab.area_kind(1, AreaKind::Nssa(Nssa { translate: Translate::Always, ..Nssa::default() }));
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told_with("5@as "), told);
    assert!(lab.routing.router_bits(area(1)).contains(RouterBits::NSSA_TRANSLATOR));
}

#[test]
fn of_two_that_translate_the_same_one_tells_it() {
    let mut lab = nssa_abr(Nssa { translate: Translate::Always, ..Nssa::default() });
    lab.router(1, 3, B | E, &[p2p(1, "10.1.13.2", 10), stub("10.1.13.0/30", 10)]);
    lab.router(0, 2, B | E, &[p2p(1, "10.0.12.2", 10), p2p(3, "10.0.23.1", 10), stub("10.0.12.0/30", 10)]);
    lab.router(0, 3, B | E, &[p2p(2, "10.0.23.2", 10)]);
    // Of the first the same, of the second with another cost.
    lab.external(3, "192.0.2.0/24", (true, 20), "10.1.13.2");
    lab.external(3, "192.0.4.0/24", (false, 31), "10.1.13.2");
    lab.settle();
    assert_eq!(lab.told_with("5@as "), ["192.0.4.0/24 192.0.4.0 E1 30 fwd 10.1.13.2 tag 0"]);
    // The other is out of reach.
    lab.router(0, 3, B | E, &[]);
    lab.settle();
    assert_eq!(lab.told_with("5@as ").len(), 2);
}

#[test]
fn translation_gathers_in_ranges() {
    let range = AreaRange { advertise: true, cost: None, substitute: None };
    let ranges = BTreeMap::from([(pfx("192.0.0.0/16"), range)]);
    let mut lab = nssa_abr(Nssa { ranges, ..Nssa::default() });
    lab.settle();
    assert_eq!(lab.told_with("5@as "), ["192.0.0.0/16 192.0.0.0 E2 21 fwd 0.0.0.0 tag 0"]);
}

#[test]
fn forwarding_addresses_can_be_suppressed() {
    let mut lab = nssa_abr(Nssa { suppress_forwarding: true, ..Nssa::default() });
    lab.settle();
    assert_eq!(lab.told_with("5@as 192.0.2.0/24 "), ["192.0.2.0 E2 20 fwd 0.0.0.0 tag 0"]);
}

#[test]
fn default_routes_of_nssas() {
    let default = Some(NssaDefault { metric: 4, type2: true });
    let mut lab = nssa_abr(Nssa { default_originate: default, ..Nssa::default() });
    lab.type7(1, 3, "0.0.0.0/0", (true, 1), ("10.1.13.2", false));
    lab.settle();
    assert_eq!(lab.told_with("7@0.0.0.1 0.0.0.0/0 "), ["0.0.0.0 E2 4 fwd 0.0.0.0 tag 0"]);
    assert_eq!(lab.route("0.0.0.0/0"), "none");
    assert_eq!(lab.told_with("3@0.0.0.1 0.0.0.0/0 "), ["0.0.0.0 1"]);
    lab.area_kind(1, AreaKind::Nssa(Nssa { no_summary: true, ..Nssa::default() }));
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert!(lab.told_with("7@").is_empty());
    assert_eq!(lab.told_with("3@0.0.0.1 "), ["0.0.0.0/0 0.0.0.0 1"]);
}

#[test]
fn a_default_route_of_the_as_is_told_into_nssas() {
    let default = DefaultOriginate { always: true, metric: Some(50), type2: false, route_map: None };
    let mut lab = nssa_abr(Nssa::default());
    lab.config.default_originate = Some(default);
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told_with("7@0.0.0.1 0.0.0.0/0 "), ["0.0.0.0 E1 50 fwd 0.0.0.0 tag 0"]);
    let own = Some(NssaDefault { metric: 4, type2: true });
    lab.area_kind(1, AreaKind::Nssa(Nssa { default_originate: own, ..Nssa::default() }));
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told_with("7@0.0.0.1 0.0.0.0/0 "), ["0.0.0.0 E2 4 fwd 0.0.0.0 tag 0"]);
}

#[test]
fn links_without_neighbors_are_told_to_the_rib_as_connected() {
    let mut lab = Lab::new(1);
    lab.link(1, 0, PointToPoint, ("10.0.12.1/30", 10), &[]);
    lab.link(2, 0, Loopback, ("1.1.1.1/32", 0), &[]);
    lab.router(0, 1, NONE, &[stub("10.0.12.0/30", 10), stub("1.1.1.1/32", 0)]);
    lab.settle();
    assert_eq!(lab.route("10.0.12.0/30"), "110/10 if1");
    assert_eq!(lab.route("1.1.1.1/32"), "110/0 if2");
}
