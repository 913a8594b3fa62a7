//! What is accepted from peers, and what inbound policy does to it.

use std::net::Ipv4Addr;
use std::time::Duration;

use ferr_policy::{
    AccessEntry, AccessListDef, AccessMatch, Action, Flow, Match, MetricChange, PolicyDef, RouteMapDef,
    RouteMapEntryDef, Set,
};
use ferr_types::Asn;
use ferr_types::community::Community;

use super::lab::{Attrs, Lab, OWN_ADDR, OWN_AS, V4, path, prefix};
use crate::config::{AllowAsIn, Confederation, LocalAs, RemoteAs, Role};
use crate::{LogRecord, Reason, ResetKind, RouteFilter, State};

pub(super) fn entry(seq: u32, action: Action, matches: Vec<Match>, sets: Vec<Set>) -> RouteMapEntryDef {
    RouteMapEntryDef { seq, action, matches, sets, call: None, flow: Flow::Exit }
}

pub(super) fn map(def: &mut PolicyDef, name: &str, entries: Vec<RouteMapEntryDef>) {
    def.route_maps.insert(name.into(), RouteMapDef { entries });
}

const P: &str = "192.0.2.0/24";

#[test]
fn announced_replaced_and_withdrawn() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.announce(p, &[P, "198.51.100.0/24"], &path(&[65001]));
    assert_eq!(lab.ways(P), ["10.0.0.1"]);
    assert_eq!(lab.route(P).unwrap().reason, Reason::FirstPath);
    lab.announce(p, &[P], &path(&[65001, 65002]));
    assert_eq!(lab.best(P), "65001 65002");
    lab.withdraw(p, &[P, "203.0.113.0/24"]);
    assert!(lab.route(P).is_none());
    assert_eq!(lab.rib.len(), 1);
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 1, "attributes of withdrawn routes are freed");
    lab.cut(p);
    assert!(lab.rib.is_empty());
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 0);
}

#[test]
fn loops_are_withdrawals() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    lab.announce(p, &[P], &path(&[65001, OWN_AS, 65002]));
    assert!(lab.route(P).is_none());
    lab.announce(p, &[P], &Attrs { next_hop: Some(OWN_ADDR.into()), ..path(&[65001]) });
    assert!(lab.route(P).is_none(), "an own address is no next hop");
}

#[test]
fn allowas_in() {
    for (allow, path_in, accepted) in [
        (None, vec![65001, OWN_AS], false),
        (Some(AllowAsIn::Times(1)), vec![65001, OWN_AS], true),
        (Some(AllowAsIn::Times(1)), vec![65001, OWN_AS, OWN_AS], false),
        (Some(AllowAsIn::Origin), vec![65001, OWN_AS], true),
        (Some(AllowAsIn::Origin), vec![65001, OWN_AS, 65002], false),
    ] {
        let mut lab = Lab::new(|_| {});
        let p = lab.peer(65001, |n| n.families[V4].as_mut().unwrap().allow_as_in = allow);
        lab.announce(p, &[P], &path(&path_in));
        assert_eq!(lab.route(P).is_some(), accepted, "{allow:?} {path_in:?}");
    }
}

#[test]
fn reflection_loops() {
    let mut lab = Lab::new(|c| c.cluster_id = ferr_types::RouterId([9, 9, 9, 9].into()));
    let p = lab.peer(OWN_AS, |_| {});
    let other = Ipv4Addr::new(1, 1, 1, 1);
    let nh = Some(std::net::IpAddr::V4(other));
    lab.announce(p, &[P], &Attrs { originator: Some(OWN_ADDR), next_hop: nh, ..path(&[]) });
    assert!(lab.route(P).is_none());
    let clusters = vec![Ipv4Addr::new(9, 9, 9, 9)];
    lab.announce(p, &[P], &Attrs { originator: Some(other), clusters, next_hop: nh, ..path(&[]) });
    assert!(lab.route(P).is_none());
    let clusters = vec![Ipv4Addr::new(8, 8, 8, 8)];
    lab.announce(p, &[P], &Attrs { originator: Some(other), clusters, next_hop: nh, ..path(&[]) });
    assert!(lab.route(P).is_some());
}

#[test]
fn the_first_as_may_be_enforced() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| n.enforce_first_as = true);
    lab.announce(p, &[P], &path(&[65002]));
    assert!(lab.route(P).is_none());
    lab.announce(p, &[P], &path(&[65001]));
    assert!(lab.route(P).is_some());
}

#[test]
fn as_sets_may_be_refused() {
    let mut lab = Lab::new(|c| c.reject_as_sets = true);
    let p = lab.peer(65001, |_| {});
    lab.announce(p, &[P], &Attrs { set: vec![65003, 65004], ..path(&[65001]) });
    assert!(lab.route(P).is_none());
}

#[test]
fn local_as_is_prepended_and_looked_for() {
    let local = |no_prepend| Some(LocalAs { asn: Asn(64999), no_prepend, replace_as: false });
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| n.local_as = local(false));
    let q = lab.peer(65002, |n| n.local_as = local(true));
    assert_eq!(lab.wires[p].heard_open.as_ref().unwrap().asn, Asn(64999));
    lab.announce(p, &[P], &path(&[65001]));
    assert_eq!(lab.best(P), "64999 65001");
    lab.announce(q, &["198.51.100.0/24"], &path(&[65002]));
    assert_eq!(lab.best("198.51.100.0/24"), "65002");
    lab.announce(p, &[P], &path(&[65001, 64999]));
    assert!(lab.route(P).is_none(), "the local AS is one of ours");
    lab.announce(q, &[P], &path(&[65002, 64999]));
    assert!(lab.route(P).is_none(), "with no-prepend as well");
}

#[test]
fn confederation_members() {
    let confed = Confederation { identifier: Asn(100), members: vec![Asn(65001)] };
    let mut lab = Lab::new(|c| c.confederation = Some(confed));
    let inside = lab.peer(65001, |_| {});
    let outside = lab.peer(200, |_| {});
    assert_eq!(lab.wires[outside].heard_open.as_ref().unwrap().asn, Asn(100));
    assert_eq!(lab.wires[inside].heard_open.as_ref().unwrap().asn, Asn(OWN_AS));
    lab.announce(inside, &[P], &Attrs { confed: vec![65001], local_pref: Some(300), ..path(&[300]) });
    let view = lab.route(P).unwrap();
    assert_eq!(view.paths[0].attributes().local_pref, Some(300), "LOCAL_PREF passes member ASes");
    assert_eq!(lab.wires[outside].as_path(P), "100 300", "the confederation is one AS to the world");
    lab.announce(inside, &[P], &Attrs { confed: vec![65001, OWN_AS], ..path(&[300]) });
    assert!(lab.route(P).is_none());
    lab.announce(outside, &[P], &path(&[200, 100]));
    assert!(lab.route(P).is_none(), "the confederation's own identifier is a loop");
    lab.announce(outside, &[P], &path(&[200]));
    assert_eq!(lab.wires[inside].as_path(P), "(65000) 200");
}

#[test]
fn only_to_customer() {
    let accepted = |role: Role, otc: Option<u32>| {
        let mut lab = Lab::new(|_| {});
        let p = lab.peer(65001, |n| n.role = Some((role, false)));
        lab.announce(p, &[P], &Attrs { otc, ..path(&[65001]) });
        let route = lab.route(P);
        route.map(|r| r.paths[0].attributes().only_to_customer.map(|a| a.0))
    };
    assert_eq!(accepted(Role::Provider, Some(65001)), None, "a customer leaks");
    assert_eq!(accepted(Role::Provider, None), Some(None));
    assert_eq!(accepted(Role::Peer, Some(65009)), None, "a peer leaks");
    assert_eq!(accepted(Role::Peer, Some(65001)), Some(Some(65001)));
    assert_eq!(accepted(Role::Peer, None), Some(Some(65001)), "marked on the way in");
    assert_eq!(accepted(Role::Customer, Some(65009)), Some(Some(65009)));
    assert_eq!(accepted(Role::Customer, None), Some(Some(65001)));
}

#[test]
fn graceful_shutdown_lowers_the_preference() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.announce(p, &[P], &Attrs { communities: vec![Community::GRACEFUL_SHUTDOWN], ..path(&[65001]) });
    assert_eq!(lab.route(P).unwrap().paths[0].attributes().local_pref, Some(0));
}

#[test]
fn local_pref_is_no_word_of_an_external_peer() {
    let mut lab = Lab::new(|_| {});
    let (p, q) = (lab.peer(65001, |_| {}), lab.peer(65002, |_| {}));
    lab.announce(p, &[P], &Attrs { local_pref: Some(500), ..path(&[65001, 65003]) });
    lab.announce(q, &[P], &path(&[65002]));
    assert_eq!(lab.best(P), "65002");
}

#[test]
fn the_default_preference_counts_for_routes_that_are_there() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    let i = lab.peer(OWN_AS, |_| {});
    lab.announce(p, &[P], &path(&[65001, 65003]));
    lab.announce(
        i,
        &[P],
        &Attrs { local_pref: Some(150), next_hop: Some([10, 0, 0, 77].into()), ..path(&[65009]) },
    );
    assert_eq!(lab.best(P), "65009");
    lab.configure(|c| c.default_local_pref = 200);
    assert_eq!(lab.best(P), "65001 65003");
    assert_eq!(lab.wires[i].attrs(P).local_pref, Some(200));
    lab.configure(|c| c.default_local_pref = 300);
    assert_eq!(lab.wires[i].attrs(P).local_pref, Some(300));
}

#[test]
fn external_peers_need_a_policy() {
    let mut lab = Lab::new(|c| c.ebgp_requires_policy = true);
    let p = lab.peer(65001, |_| {});
    let i = lab.peer(OWN_AS, |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    assert!(lab.route(P).is_none());
    lab.announce(i, &[P], &Attrs { next_hop: Some([10, 0, 0, 77].into()), ..path(&[]) });
    assert!(lab.route(P).is_some(), "internal ones do not");
    assert!(!lab.wires[p].is_told(P));
    let view = lab.bgp.peer_view(lab.wires[p].id).unwrap();
    assert!(view.families[V4].as_ref().unwrap().policy_missing);
    lab.configure(|c| c.ebgp_requires_policy = false);
    assert!(lab.wires[p].is_told(P));
    assert_eq!(lab.wires[p].refreshes.len(), 1, "what was refused is asked for again");
}

#[test]
fn a_route_map_changes_what_it_permits() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| {
        n.families[V4].as_mut().unwrap().filters_in.route_map = Some("IN".into());
    });
    lab.announce(p, &[P], &path(&[65001]));
    assert!(lab.route(P).is_none(), "an undefined map refuses");
    let mut def = PolicyDef::default();
    let sets = vec![
        Set::LocalPreference(MetricChange::Value(321)),
        Set::Weight(7),
        Set::AsPathPrepend(vec![Asn(65001)]),
    ];
    map(&mut def, "IN", vec![entry(10, Action::Permit, vec![Match::Metric(5)], sets)]);
    lab.policy(&def, &["IN"]);
    assert_eq!(lab.wires[p].refreshes.len(), 1);
    lab.announce(p, &[P], &Attrs { med: Some(5), ..path(&[65001]) });
    lab.announce(p, &["198.51.100.0/24"], &Attrs { med: Some(6), ..path(&[65001]) });
    assert!(lab.route("198.51.100.0/24").is_none());
    let route = lab.route(P).unwrap();
    assert_eq!((route.paths[0].weight, route.paths[0].attributes().local_pref), (7, Some(321)));
    assert_eq!(lab.best(P), "65001 65001");
    lab.policy(&def, &["OTHER"]);
    assert_eq!(lab.wires[p].refreshes.len(), 1, "nothing that this peer uses changed");
}

fn deny_list(def: &mut PolicyDef, name: &str, p: &str) {
    let entries = [
        (Action::Deny, AccessMatch::Prefix { prefix: prefix(p), exact: true }),
        (Action::Permit, AccessMatch::Any),
    ];
    let entries =
        entries.into_iter().zip(1..).map(|((action, matches), seq)| AccessEntry { seq, action, matches });
    def.access_lists_v4.insert(name.into(), AccessListDef { entries: entries.collect() });
}

#[test]
fn soft_reconfiguration_keeps_what_policy_refused() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| {
        let f = n.families[V4].as_mut().unwrap();
        f.soft_reconfiguration = true;
        f.filters_in.distribute_list = Some("ACL".into());
        f.filters_in.route_map = Some("IN".into());
    });
    let mut def = PolicyDef::default();
    deny_list(&mut def, "ACL", P);
    map(&mut def, "IN", vec![entry(10, Action::Permit, vec![], vec![Set::AsPathPrepend(vec![Asn(65001)])])]);
    lab.policy(&def, &["ACL", "IN"]);
    lab.announce(p, &[P, "198.51.100.0/24"], &path(&[65001]));
    let id = lab.wires[p].id;
    let count = |lab: &mut Lab, filter: RouteFilter| lab.bgp.routes(V4, None, 10, &filter).0.len();
    assert_eq!(count(&mut lab, RouteFilter::From(id)), 1);
    assert_eq!(count(&mut lab, RouteFilter::ReceivedFrom(id)), 2);
    assert_eq!(count(&mut lab, RouteFilter::RefusedFrom(id)), 1);
    let received = lab.bgp.routes(V4, None, 10, &RouteFilter::ReceivedFrom(id)).0;
    assert!(received.iter().all(|d| d.paths[0].attributes().as_path.to_string() == "65001"), "before policy");
    deny_list(&mut def, "ACL", "198.51.100.0/24");
    lab.policy(&def, &["ACL"]);
    assert!(lab.route(P).is_some() && lab.route("198.51.100.0/24").is_none());
    lab.bgp.clear(id, None, ResetKind::SoftIn, lab.now);
    lab.settle();
    assert_eq!(lab.best(P), "65001 65001", "policy runs over the original, not over its own result");
    assert!(lab.wires[p].refreshes.is_empty(), "the peer was not bothered");
    // Without it the peer is asked, and what was refused is not kept any more.
    lab.change_family(p, |f| f.soft_reconfiguration = false);
    assert_eq!(lab.wires[p].refreshes.len(), 1);
    lab.announce(p, &[P, "198.51.100.0/24"], &path(&[65001]));
    assert_eq!(count(&mut lab, RouteFilter::ReceivedFrom(id)), 1);
    // Switched on again: what is there was changed by policy, so the original is asked for.
    lab.change_family(p, |f| f.soft_reconfiguration = true);
    assert_eq!(lab.wires[p].refreshes.len(), 2);
    assert_eq!(lab.best(P), "65001 65001");
}

#[test]
fn malformed_attributes_withdraw_what_they_come_with() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    let mut bytes = lab.update_bytes(p, &[(0, P)], &Attrs { med: Some(1), ..path(&[65001]) });
    // ORIGIN is the first attribute: header 19, lengths 4, then flags, type, length, value.
    assert_eq!(bytes[24], 1);
    bytes[26] = 9;
    lab.send(p, &bytes);
    assert_eq!(lab.state(p), State::Established, "RFC 7606 section 7.1");
    assert!(lab.route(P).is_none());
    assert!(lab.log.iter().any(|l| matches!(l, LogRecord::MalformedUpdate { .. })));
}

#[test]
fn malformed_updates_do_not_flood_the_log() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    let mut bytes = lab.update_bytes(p, &[(0, P)], &path(&[65001]));
    bytes[26] = 9;
    let told = |lab: &Lab| {
        let singly = lab.log.iter().filter(|l| matches!(l, LogRecord::MalformedUpdate { .. })).count();
        let counts: Vec<u32> = lab
            .log
            .iter()
            .filter_map(|l| match l {
                LogRecord::MalformedUntold { count, .. } => Some(*count),
                _ => None,
            })
            .collect();
        (singly, counts)
    };
    for _ in 0..5000 {
        lab.send(p, &bytes);
    }
    assert_eq!(told(&lab), (5, vec![]));
    lab.advance(Duration::from_secs(59));
    assert_eq!(told(&lab), (5, vec![]));
    lab.advance(Duration::from_secs(2));
    assert_eq!(told(&lab), (5, vec![4995]));
    // A few are told as they come, and nothing is told of none.
    lab.send(p, &bytes);
    lab.advance(Duration::from_secs(120));
    assert_eq!(told(&lab), (6, vec![4995]));
    lab.send(p, &bytes);
    assert_eq!(told(&lab), (7, vec![4995]));
}

#[test]
fn add_path_keeps_several_paths_of_a_peer() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[super::lab::add_path(true, false)], |_| {});
    lab.announce_ids(p, &[(1, P)], &path(&[65001, 65002]));
    lab.announce_ids(p, &[(2, P)], &path(&[65001]));
    assert_eq!(lab.route(P).unwrap().paths.len(), 2);
    assert_eq!(lab.best(P), "65001");
    lab.announce_ids(p, &[(2, P)], &path(&[65001, 65003, 65004]));
    assert_eq!(lab.route(P).unwrap().paths.len(), 2);
    assert_eq!(lab.best(P), "65001 65002");
}

#[test]
fn unreachable_next_hops_do_not_count_and_cost_decides() {
    let mut lab = Lab::new(|_| {});
    let (p, q) = (lab.peer(OWN_AS, |_| {}), lab.peer(OWN_AS, |_| {}));
    let via = |n: u8| Attrs { next_hop: Some([192, 168, 0, n].into()), ..path(&[65009]) };
    lab.announce(p, &[P], &via(1));
    lab.announce(q, &[P], &via(2));
    lab.configure(|c| c.families[V4].max_paths_ibgp = 1);
    assert_eq!(lab.ways(P), ["192.168.0.1"]);
    lab.cost([192, 168, 0, 1].into(), Some(10));
    assert_eq!(lab.ways(P), ["192.168.0.2"]);
    assert_eq!(lab.route(P).unwrap().reason, Reason::IgpMetric);
    lab.cost([192, 168, 0, 2].into(), None);
    assert_eq!(lab.ways(P), ["192.168.0.1"]);
    lab.cost([192, 168, 0, 1].into(), None);
    assert!(lab.rib.is_empty());
    lab.cost([192, 168, 0, 2].into(), Some(1));
    assert_eq!(lab.ways(P), ["192.168.0.2"]);
}

#[test]
fn equal_paths_share_the_load() {
    let mut lab = Lab::new(|_| {});
    let peers: Vec<usize> = (0..3).map(|_| lab.peer(65001, |_| {})).collect();
    let other = lab.peer(65002, |_| {});
    for (i, p) in peers.iter().enumerate() {
        lab.announce(*p, &[P], &path(&[65001, 65010 + i as u32]));
    }
    lab.announce(other, &[P], &path(&[65002, 65010]));
    // External paths share when they come from one AS, whatever lies behind it.
    assert_eq!(lab.ways(P), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    lab.configure(|c| c.families[V4].max_paths = 2);
    assert_eq!(lab.ways(P).len(), 2);
    lab.configure(|c| {
        c.families[V4].max_paths = 8;
        c.bestpath.multipath_relax = true;
    });
    assert_eq!(lab.ways(P).len(), 4);
    lab.cut(peers[1]);
    assert_eq!(lab.ways(P), ["10.0.0.1", "10.0.0.3", "10.0.0.4"]);
}

#[test]
fn shares_follow_the_link_bandwidth() {
    use crate::config::Bandwidth;
    use ferr_types::community::ExtCommunity;
    let mut lab = Lab::new(|_| {});
    let peers: Vec<usize> = (0..3).map(|_| lab.peer(65001, |_| {})).collect();
    let rate = |mbit: f32| Attrs {
        ext: vec![ExtCommunity::link_bandwidth(1, mbit * 125_000.0, true).0],
        ..path(&[65001, 65010])
    };
    lab.announce(peers[0], &[P], &rate(300.0));
    lab.announce(peers[1], &[P], &rate(100.0));
    let weights = |lab: &Lab| {
        let ways = &lab.rib[&prefix(P)].nexthops;
        let mut weights: Vec<u8> = ways.iter().map(|w| w.weight).collect();
        weights.sort_unstable();
        weights
    };
    assert_eq!(weights(&lab), [25, 75]);
    lab.announce(peers[2], &[P], &path(&[65001, 65010]));
    assert_eq!(weights(&lab), [1, 1, 1], "one way has none");
    lab.configure(|c| c.bestpath.bandwidth = Bandwidth::SkipMissing);
    assert_eq!(weights(&lab), [25, 75]);
    lab.configure(|c| c.bestpath.bandwidth = Bandwidth::DefaultWeight);
    assert_eq!(weights(&lab), [1, 25, 75]);
    lab.configure(|c| c.bestpath.bandwidth = Bandwidth::Ignore);
    assert_eq!(weights(&lab), [1, 1, 1]);
}

#[test]
fn distances() {
    let mut lab = Lab::new(|c| {
        let source = prefix("10.0.0.2/32");
        let rule = crate::config::DistanceRule { source, distance: 77, access_list: None };
        c.families[V4].distance_rules.push(rule);
    });
    let (p, q, i) = (
        lab.peer(65001, |_| {}),
        lab.peer(65002, |_| {}),
        lab.peer(OWN_AS, |n| n.remote_as = RemoteAs::Internal),
    );
    lab.announce(p, &["192.0.2.0/24"], &path(&[65001]));
    lab.announce(q, &["198.51.100.0/24"], &path(&[65002]));
    lab.announce(i, &["203.0.113.0/24"], &path(&[]));
    let distances: Vec<u8> = lab.rib.values().map(|s| s.distance.0).collect();
    assert_eq!(distances, [20, 77, 200]);
    lab.configure(|c| c.families[V4].distance = [30, 150, 200]);
    let distances: Vec<u8> = lab.rib.values().map(|s| s.distance.0).collect();
    assert_eq!(distances, [30, 77, 150]);
}
