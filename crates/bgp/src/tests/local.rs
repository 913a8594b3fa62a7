//! Own routes: `network`, `redistribute`, `aggregate-address`.

use ferr_policy::{Action, Match, PolicyDef, Set};
use ferr_types::attr::Origin;
use ferr_types::{Asn, NexthopInfo, NexthopWatch, Protocol, VrfId};

use super::inbound::{entry, map};
use super::lab::{Attrs, Lab, V4, path, prefix};
use crate::config::{Aggregate, InstanceConfig, Network, NexthopSelf, Redistribute};
use crate::{ForeignRoute, Reason};

const P: &str = "192.0.2.0/24";

fn network(c: &mut InstanceConfig, map: Option<&str>) {
    c.families[V4].networks =
        vec![Network { prefix: prefix(P), route_map: map.map(str::to_owned), backdoor: false }];
}

#[test]
fn a_network_needs_a_route_unless_told_otherwise() {
    let mut lab = Lab::new(|c| c.network_import_check = true);
    let p = lab.peer(65001, |_| {});
    // The lab's RIB has everything, so it is asked before the statement comes.
    lab.costs.insert([192, 0, 2, 0].into(), None);
    lab.configure(|c| network(c, None));
    assert!(!lab.wires[p].is_told(P));
    let watch = NexthopWatch { vrf: VrfId::DEFAULT, target: prefix(P), exact: true };
    lab.costs.remove(&std::net::IpAddr::from([192, 0, 2, 0]));
    lab.configure(|c| c.network_import_check = false);
    assert!(lab.wires[p].is_told(P));
    lab.configure(|c| c.network_import_check = true);
    assert!(!lab.wires[p].is_told(P));
    lab.bgp.nexthop_changed(
        NexthopInfo {
            watch,
            via: Some(ferr_types::NexthopReach {
                prefix: prefix(P),
                protocol: Protocol::Static,
                metric: ferr_types::Metric(0),
                distance: ferr_types::Distance(1),
                connected: false,
                nexthops: vec![],
            }),
        },
        lab.now,
    );
    lab.settle();
    assert!(lab.wires[p].is_told(P));
    assert!(lab.rib.is_empty(), "the RIB has it already");
}

#[test]
fn a_network_is_better_than_what_is_learnt() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    assert_eq!(lab.rib.len(), 1);
    lab.configure(|c| network(c, None));
    let view = lab.route(P).unwrap();
    assert!(view.paths[0].local && view.paths.len() == 2);
    assert_eq!((view.reason, view.paths[0].weight), (Reason::Weight, 32768));
    assert!(lab.rib.is_empty(), "withdrawn from the RIB");
    assert!(lab.wires[p].is_told(P));
    lab.configure(|c| c.families[V4].networks.clear());
    assert_eq!(lab.best(P), "65001");
}

#[test]
fn a_network_runs_through_its_route_map() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    let mut def = PolicyDef::default();
    map(&mut def, "NET", vec![entry(10, Action::Permit, vec![], vec![Set::AsPathPrepend(vec![Asn(65000)])])]);
    lab.policy(&def, &["NET"]);
    lab.configure(|c| network(c, Some("NET")));
    assert_eq!(lab.wires[p].as_path(P), "65000 65000");
    map(&mut def, "NET", vec![]);
    lab.policy(&def, &["NET"]);
    assert!(!lab.wires[p].is_told(P));
}

fn foreign(p: &str, metric: u32, tag: u32) -> ForeignRoute {
    ForeignRoute {
        prefix: prefix(p),
        protocol: Protocol::Static,
        metric,
        tag,
        gateway: Some([10, 0, 0, 200].into()),
        ifindex: None,
        interface: None,
    }
}

#[test]
fn redistribution() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.bgp.redistribute(foreign(P, 9, 5), lab.now);
    lab.settle();
    assert!(!lab.wires[p].is_told(P), "not asked for");
    let rule = |metric, route_map| Redistribute { protocol: Protocol::Static, metric, route_map };
    lab.configure(|c| c.families[V4].redistribute = vec![rule(None, None)]);
    let attrs = lab.wires[p].attrs(P);
    assert_eq!((attrs.origin, attrs.med), (Origin::Incomplete, Some(9)));
    lab.configure(|c| c.families[V4].redistribute = vec![rule(Some(3), None)]);
    assert_eq!(lab.wires[p].attrs(P).med, Some(3));
    let mut def = PolicyDef::default();
    map(&mut def, "TAG", vec![entry(10, Action::Permit, vec![Match::Tag(5)], vec![])]);
    lab.policy(&def, &["TAG"]);
    lab.configure(|c| c.families[V4].redistribute = vec![rule(None, Some("TAG".into()))]);
    lab.bgp.redistribute(foreign("198.51.100.0/24", 1, 6), lab.now);
    lab.settle();
    assert_eq!(lab.wires[p].prefixes(), [P]);
    lab.bgp.redistribute_withdraw(prefix(P), Protocol::Static, lab.now);
    lab.settle();
    assert!(lab.wires[p].table.is_empty());
    assert!(lab.rib.is_empty());
}

#[test]
fn a_redistributed_route_goes_out_with_its_gateway() {
    let mut lab = Lab::new(|c| {
        let rule = Redistribute { protocol: Protocol::Static, metric: None, route_map: None };
        c.families[V4].redistribute = vec![rule];
    });
    let outer = lab.peer(65001, |_| {});
    let inner = lab.peer(65000, |_| {});
    let own = lab.peer(65002, |n| n.families[V4].as_mut().unwrap().next_hop_self = NexthopSelf::Learnt);
    let told = |lab: &Lab, p: &str| {
        [outer, inner, own].map(|i| lab.wires[i].next_hop(p).trim_start_matches("10.0.0.").to_owned())
    };
    lab.bgp.redistribute(foreign(P, 9, 5), lab.now);
    let far = ForeignRoute { gateway: Some([172, 16, 0, 1].into()), ..foreign("198.51.100.0/24", 1, 6) };
    lab.bgp.redistribute(far, lab.now);
    lab.bgp.redistribute(ForeignRoute { gateway: None, ..foreign("203.0.113.0/24", 1, 6) }, lab.now);
    let over_v6 = Some("2001:db8::1".parse().unwrap());
    lab.bgp.redistribute(ForeignRoute { gateway: over_v6, ..foreign("203.0.114.0/24", 1, 6) }, lab.now);
    lab.settle();
    assert_eq!(told(&lab, P), ["200", "200", "254"], "a third party on the link");
    assert_eq!(told(&lab, "198.51.100.0/24"), ["254", "172.16.0.1", "254"], "out of the neighbor's reach");
    assert_eq!(told(&lab, "203.0.113.0/24"), ["254"; 3], "a connected route");
    assert_eq!(told(&lab, "203.0.114.0/24"), ["254"; 3], "a gateway of the other family");
}

fn aggregate(edit: impl FnOnce(&mut Aggregate)) -> Vec<Aggregate> {
    let mut a = Aggregate {
        prefix: prefix("192.0.0.0/16"),
        as_set: false,
        summary_only: false,
        suppress_map: None,
        route_map: None,
        origin: None,
        matching_med_only: false,
    };
    edit(&mut a);
    vec![a]
}

const SUM: &str = "192.0.0.0/16";

#[test]
fn an_aggregate_lives_while_something_is_below_it() {
    let mut lab = Lab::new(|c| c.families[V4].aggregates = aggregate(|_| {}));
    let (a, b) = (lab.peer(65001, |_| {}), lab.peer(65002, |_| {}));
    assert!(lab.route(SUM).is_none());
    lab.announce(a, &[P, "198.51.100.0/24"], &path(&[65001]));
    assert_eq!(lab.wires[b].prefixes(), [SUM, P, "198.51.100.0/24"]);
    let attrs = lab.wires[b].attrs(SUM);
    assert_eq!(attrs.as_path.to_string(), "65000");
    assert!(attrs.atomic_aggregate && attrs.aggregator.is_some());
    assert!(lab.rib.contains_key(&prefix(SUM)), "a discard route");
    lab.withdraw(a, &[P]);
    assert!(lab.route(SUM).is_none() && !lab.wires[b].is_told(SUM));
    assert!(!lab.rib.contains_key(&prefix(SUM)));
}

#[test]
fn an_aggregate_may_hide_what_it_covers() {
    let mut lab = Lab::new(|c| c.families[V4].aggregates = aggregate(|a| a.summary_only = true));
    let (a, b) = (lab.peer(65001, |_| {}), lab.peer(65002, |_| {}));
    lab.announce(a, &[P, "192.0.3.0/24"], &path(&[65001]));
    assert_eq!(lab.wires[b].prefixes(), [SUM]);
    let mut def = PolicyDef::default();
    map(&mut def, "HIDE", vec![entry(10, Action::Permit, vec![Match::Metric(1)], vec![])]);
    lab.policy(&def, &["HIDE"]);
    lab.configure(|c| c.families[V4].aggregates = aggregate(|a| a.suppress_map = Some("HIDE".into())));
    assert_eq!(lab.wires[b].prefixes(), [SUM, P, "192.0.3.0/24"]);
    lab.announce(a, &[P], &Attrs { med: Some(1), ..path(&[65001]) });
    assert_eq!(lab.wires[b].prefixes(), [SUM, "192.0.3.0/24"]);
    lab.change_family(b, |f| f.unsuppress_map = Some("HIDE".into()));
    assert_eq!(lab.wires[b].prefixes(), [SUM, P, "192.0.3.0/24"]);
    lab.configure(|c| c.families[V4].aggregates.clear());
    assert_eq!(lab.wires[b].prefixes(), [P, "192.0.3.0/24"]);
}

#[test]
fn an_aggregate_may_name_the_ases_below() {
    let mut lab = Lab::new(|c| c.families[V4].aggregates = aggregate(|a| a.as_set = true));
    let (a, b) = (lab.peer(65001, |_| {}), lab.peer(65002, |_| {}));
    lab.announce(a, &[P], &path(&[65001, 65007]));
    lab.announce(a, &["192.0.3.0/24"], &path(&[65001, 65005]));
    assert_eq!(lab.wires[b].as_path(SUM), "65000 {65001,65005,65007}");
    assert!(!lab.wires[b].attrs(SUM).atomic_aggregate, "no AS was lost");
    lab.withdraw(a, &[P]);
    assert_eq!(lab.wires[b].as_path(SUM), "65000 {65001,65005}");
}

#[test]
fn an_aggregate_may_ask_for_one_med() {
    let mut lab = Lab::new(|c| c.families[V4].aggregates = aggregate(|a| a.matching_med_only = true));
    let a = lab.peer(65001, |_| {});
    lab.announce(a, &[P, "192.0.3.0/24"], &Attrs { med: Some(1), ..path(&[65001]) });
    assert!(lab.route(SUM).is_some());
    lab.announce(a, &[P], &Attrs { med: Some(2), ..path(&[65001]) });
    assert!(lab.route(SUM).is_none());
}

#[test]
fn a_table_map_keeps_routes_out_of_the_rib() {
    let mut lab = Lab::new(|c| c.families[V4].table_map = Some("TM".into()));
    let mut def = PolicyDef::default();
    let sets = vec![Set::Tag(42)];
    map(&mut def, "TM", vec![entry(10, Action::Permit, vec![Match::Metric(1)], sets)]);
    lab.policy(&def, &["TM"]);
    let a = lab.peer(65001, |_| {});
    lab.announce(a, &[P], &Attrs { med: Some(1), ..path(&[65001]) });
    lab.announce(a, &["198.51.100.0/24"], &path(&[65001]));
    assert_eq!(lab.rib.len(), 1);
    assert_eq!(lab.rib[&prefix(P)].tag.0, 42);
    lab.configure(|c| c.families[V4].table_map = None);
    assert_eq!(lab.rib.len(), 2);
}
