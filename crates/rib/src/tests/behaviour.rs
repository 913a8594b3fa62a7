//! One behaviour per test.

use std::time::Duration;

use ferr_types::{
    Afi, BlackholeKind, Gateway, IfIndex, Metric, Nexthop, NexthopSet, NexthopWatch, Protocol, RouteUpdate,
    TableId, VrfId,
};

use super::lab::{Lab, key, link, set, via};
use crate::*;

const OWNER: OwnerId = OwnerId(7);

fn protocols(lab: &Lab, prefix: &str) -> Vec<(Protocol, bool)> {
    lab.view(prefix).iter().map(|v| (v.protocol, v.selected)).collect()
}

#[test]
fn selection_by_distance_then_metric_and_fall_back() {
    let mut lab = Lab::two_links();
    lab.set("20.0.0.0/8", Protocol::Bgp, 20, &[via("10.0.2.9")]);
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.3.9")]);
    lab.drain();
    assert_eq!(protocols(&lab, "20.0.0.0/8"), [(Protocol::Static, true), (Protocol::Bgp, false)]);
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.3.9 if3"]);
    lab.link(3, false);
    lab.drain();
    assert_eq!(protocols(&lab, "20.0.0.0/8"), [(Protocol::Static, false), (Protocol::Bgp, true)]);
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
    lab.withdraw("20.0.0.0/8", Protocol::Bgp);
    lab.drain();
    assert_eq!(protocols(&lab, "20.0.0.0/8"), [(Protocol::Static, false)]);
    assert!(lab.kernel.routes.is_empty() && lab.kernel.groups.is_empty());
    lab.withdraw("20.0.0.0/8", Protocol::Static);
    assert!(lab.view("20.0.0.0/8").is_empty());
}

#[test]
fn connected_precedes_everything_and_distance_255_is_never_used() {
    let mut lab = Lab::two_links();
    lab.set("10.0.2.0/24", Protocol::Static, 1, &[via("10.0.3.9")]);
    assert_eq!(protocols(&lab, "10.0.2.0/24"), [(Protocol::Connected, true), (Protocol::Static, false)]);
    lab.set("21.0.0.0/8", Protocol::Static, 255, &[via("10.0.3.9")]);
    assert_eq!(protocols(&lab, "21.0.0.0/8"), [(Protocol::Static, false)]);
    assert!(lab.drain().is_empty());
}

#[test]
fn recursion_to_any_depth_follows_changes_in_place() {
    let mut lab = Lab::two_links();
    lab.set("50.0.0.0/8", Protocol::Bgp, 200, &[via("40.0.0.1")]);
    lab.set("40.0.0.0/8", Protocol::Bgp, 200, &[via("30.0.0.1")]);
    assert!(lab.drain().is_empty());
    lab.set("30.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9"), via("10.0.3.9")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("50.0.0.0/8"), ["10.0.2.9 if2", "10.0.3.9 if3"]);
    assert!(lab.view("50.0.0.0/8")[0].nexthops[0].recursive);

    lab.set("30.0.0.0/8", Protocol::Static, 1, &[via("10.0.3.8")]);
    let ops = lab.drain();
    let routes = ops.iter().filter(|op| matches!(op.action, FibAction::RouteSet { .. })).count();
    assert_eq!(routes, 1, "only the route that changed its next hop; the others follow their groups");
    assert_eq!(lab.kernel.ways("50.0.0.0/8"), ["10.0.3.8 if3"]);
    assert_eq!(lab.kernel.ways("40.0.0.0/8"), ["10.0.3.8 if3"]);
    lab.withdraw("30.0.0.0/8", Protocol::Static);
    lab.drain();
    assert!(lab.kernel.routes.is_empty());
}

#[test]
fn a_very_long_chain_is_followed_in_portions() {
    let mut lab = Lab::two_links();
    let levels = 150u8;
    for i in 1..levels {
        lab.set(&format!("20.{i}.0.0/16"), Protocol::Bgp, 200, &[via(&format!("20.{}.0.1", i - 1))]);
    }
    lab.set("20.0.0.0/16", Protocol::Static, 1, &[via("10.0.2.9")]);
    let mut turns = 0;
    while let Some(at) = lab.rib.poll_timeout() {
        lab.now = lab.now.max(at);
        lab.rib.handle_timeout(lab.now);
        turns += 1;
        assert!(turns < 10);
    }
    assert!(turns > 0, "no call does unbounded work");
    lab.drain();
    assert_eq!(lab.kernel.ways("20.149.0.0/16"), ["10.0.2.9 if2"]);
}

#[test]
fn no_route_resolves_through_itself() {
    let mut lab = Lab::two_links();
    lab.set("0.0.0.0/0", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("20.0.0.1")]);
    assert!(!lab.view("20.0.0.0/8")[0].selected);
    // Each through the other: one of them has to take the default route.
    lab.set("21.0.0.0/8", Protocol::Static, 1, &[via("22.0.0.1")]);
    lab.set("22.0.0.0/8", Protocol::Static, 1, &[via("21.0.0.1")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("21.0.0.0/8"), ["10.0.2.9 if2"]);
    assert_eq!(lab.kernel.ways("22.0.0.0/8"), ["10.0.2.9 if2"]);
    // And none is left when the ground is taken away.
    lab.withdraw("0.0.0.0/0", Protocol::Static);
    lab.drain();
    assert!(lab.kernel.routes.is_empty(), "{:?}", lab.kernel.routes);
    // A host route may have itself as gateway: the connected prefix carries it.
    lab.set("10.0.2.9/32", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("10.0.2.9/32"), ["10.0.2.9 if2"]);
}

#[test]
fn own_addresses_and_foreign_families_are_no_gateways() {
    let mut lab = Lab::two_links();
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.1")]);
    lab.set("2001:db8::/32", Protocol::Static, 1, &[via("10.0.2.9")]);
    assert!(lab.drain().is_empty());
    lab.set("21.0.0.0/8", Protocol::Bgp, 20, &[via("fd00:2::9")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("21.0.0.0/8"), ["fd00:2::9 if2"]);
    lab.addr(2, "10.0.2.1/24", false);
    lab.addr(2, "10.0.2.2/24", true);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.1 if2"]);
}

#[test]
fn link_local_and_onlink_gateways_need_their_interface_only() {
    let mut lab = Lab::two_links();
    let pinned = |addr: &str, onlink| Nexthop {
        gateway: Gateway::Address { addr: addr.parse().unwrap(), ifindex: Some(IfIndex(3)), onlink },
        ..via(addr)
    };
    lab.set("2001:db8::/32", Protocol::Bgp, 20, &[pinned("fe80::9", false)]);
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[pinned("192.0.2.1", true)]);
    lab.set("21.0.0.0/8", Protocol::Static, 1, &[pinned("192.0.2.1", false)]);
    lab.set("22.0.0.0/8", Protocol::Static, 1, &[pinned("10.0.2.9", false)]);
    lab.set("2001:db9::/32", Protocol::Bgp, 20, &[via("fe80::9")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("2001:db8::/32"), ["fe80::9 if3"]);
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["192.0.2.1 if3"]);
    assert_eq!(lab.kernel.routes.len(), 2, "not on a connected prefix, on another interface, without one");
}

#[test]
fn default_route_carries_next_hops_only_when_allowed() {
    let mut lab = Lab::two_links();
    lab.set("0.0.0.0/0", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.set("20.0.0.0/8", Protocol::Bgp, 200, &[via("99.0.0.1")]);
    assert!(lab.view("20.0.0.0/8")[0].selected);
    lab.rib.set_resolve_via_default(false, true);
    assert!(!lab.view("20.0.0.0/8")[0].selected);
    lab.rib.set_resolve_via_default(true, true);
    assert!(lab.view("20.0.0.0/8")[0].selected);
}

#[test]
fn blackholes_and_recursion_into_them() {
    let mut lab = Lab::two_links();
    lab.set("30.0.0.0/8", Protocol::Static, 1, &[Nexthop::blackhole(BlackholeKind::Reject)]);
    lab.set("31.0.0.0/8", Protocol::Bgp, 200, &[via("30.0.0.1")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("31.0.0.0/8"), ["Reject"]);
    lab.set("30.0.0.0/8", Protocol::Static, 1, &[Nexthop::blackhole(BlackholeKind::Drop)]);
    lab.drain();
    assert_eq!(lab.kernel.ways("31.0.0.0/8"), ["Drop"]);
    lab.set("30.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("31.0.0.0/8"), ["10.0.2.9 if2"]);
}

#[test]
fn carrier_loss_is_mirrored() {
    let mut lab = Lab::two_links();
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9"), via("10.0.3.9")]);
    lab.set("21.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.set("22.0.0.0/8", Protocol::Bgp, 200, &[via("21.0.0.1")]);
    lab.drain();
    lab.link(2, false);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.3.9 if3"]);
    assert!(!lab.view("21.0.0.0/8")[0].installed && !lab.view("22.0.0.0/8")[0].installed);
    lab.link(2, true);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2", "10.0.3.9 if3"]);
    assert_eq!(lab.kernel.ways("22.0.0.0/8"), ["10.0.2.9 if2"]);
    assert!(lab.view("22.0.0.0/8")[0].installed);
}

#[test]
fn the_latest_wins_in_the_queue() {
    let mut lab = Lab::two_links();
    for last in 1..=100u8 {
        lab.set("20.0.0.0/8", Protocol::Static, 1, &[via(&format!("10.0.2.{}", last + 1))]);
    }
    assert_eq!(lab.rib.fib_pending(), 1);
    assert!(lab.view("20.0.0.0/8")[0].queued);
    assert_eq!(lab.drain().len(), 3, "member, group, route");
    lab.set("21.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.withdraw("21.0.0.0/8", Protocol::Static);
    assert!(lab.drain().is_empty(), "never sent, never deleted");
    assert_eq!(lab.rib.prefixes(), 4);
}

#[test]
fn refused_operations_are_shown_and_tried_again_later_and_later() {
    let mut lab = Lab::two_links();
    lab.kernel.refuse = true;
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.drain();
    assert_eq!(lab.view("20.0.0.0/8")[0].failed, Some(FibError::Errno(12)));
    let mut waits = Vec::new();
    for _ in 0..4 {
        let at = lab.rib.poll_timeout().unwrap();
        waits.push((at - lab.now).as_secs());
        lab.pass(at - lab.now);
        assert!(!lab.drain().is_empty(), "tried again");
    }
    assert!(waits.is_sorted() && waits[3] >= 4, "{waits:?}");
    lab.kernel.refuse = false;
    lab.pass(Duration::from_secs(100));
    lab.drain();
    assert!(lab.view("20.0.0.0/8")[0].installed);
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
    lab.pass(Duration::from_secs(1000));
    assert_eq!(lab.rib.poll_timeout(), None, "a quiet RIB needs no timer");
}

#[test]
fn next_hop_tracking_tells_every_change_once() {
    let mut lab = Lab::two_links();
    let watch = NexthopWatch { vrf: VrfId::DEFAULT, target: "30.0.0.1/32".parse().unwrap(), exact: false };
    lab.rib.watch(OWNER, watch);
    let answers = |lab: &mut Lab| -> Vec<Option<(String, bool, u32)>> {
        let reach = |e| match e {
            RibEvent::Nexthop { info, .. } => {
                info.via.map(|v| (v.prefix.to_string(), v.connected, v.metric.0))
            }
            other => panic!("{other:?}"),
        };
        lab.events().into_iter().map(reach).collect()
    };
    assert_eq!(answers(&mut lab), [None]);
    lab.set("30.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.set("99.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    assert_eq!(answers(&mut lab), [Some(("30.0.0.0/8".into(), false, 0))]);
    lab.rib.apply(lab.now, &[set("30.0.0.0/24", Protocol::Ospf, 110, 12, &[via("10.0.3.9")])]);
    assert_eq!(answers(&mut lab), [Some(("30.0.0.0/24".into(), false, 12))]);
    lab.addr(3, "30.0.0.2/30", true);
    assert_eq!(answers(&mut lab), [Some(("30.0.0.0/30".into(), true, 0))]);
    lab.link(3, false);
    assert_eq!(answers(&mut lab), [Some(("30.0.0.0/8".into(), false, 0))]);
    lab.rib.unwatch(OWNER, watch);
    lab.link(2, false);
    assert_eq!(answers(&mut lab), []);
    let left: Vec<(String, bool)> = lab
        .rib
        .tracked(VrfId::DEFAULT, Afi::Ipv4)
        .iter()
        .map(|t| (t.info.watch.target.to_string(), t.by_static && t.owners.is_empty()))
        .collect();
    assert_eq!(left, [("10.0.2.9/32".into(), true)], "only what static routes go by");
}

#[test]
fn a_look_up_leaves_no_trace() {
    let mut lab = Lab::two_links();
    lab.pass(Duration::from_secs(100));
    lab.set("30.0.0.0/8", Protocol::Bgp, 20, &[via("10.0.2.9")]);
    let since = lab.now;
    lab.pass(Duration::from_secs(100));
    let (reach, at) = lab.rib.look_up(VrfId::DEFAULT, "30.0.0.1".parse().unwrap()).unwrap();
    assert_eq!((reach.prefix.to_string(), reach.protocol, at), ("30.0.0.0/8".into(), Protocol::Bgp, since));
    assert_eq!(lab.rib.look_up(VrfId::DEFAULT, "40.0.0.1".parse().unwrap()), None);
    assert!(lab.rib.tracked(VrfId::DEFAULT, Afi::Ipv4).is_empty());
}

#[test]
fn changes_of_a_link_are_counted_from_when_it_is_known() {
    let mut lab = Lab::two_links();
    assert_eq!(lab.rib.link_history(IfIndex(2)), LinkHistory::default(), "it was up when it came");
    lab.link(2, false);
    let down = lab.now;
    lab.pass(Duration::from_secs(5));
    lab.link(2, true);
    lab.link(2, true);
    let expected = LinkHistory { ups: 1, last_up: Some(lab.now), downs: 1, last_down: Some(down) };
    assert_eq!(lab.rib.link_history(IfIndex(2)), expected);
    lab.rib.link_remove(lab.now, IfIndex(2));
    assert_eq!(lab.rib.link_history(IfIndex(2)), LinkHistory::default());
}

#[test]
fn import_check_wants_the_prefix_itself_and_not_from_bgp() {
    let mut lab = Lab::two_links();
    let watch = NexthopWatch { vrf: VrfId::DEFAULT, target: "30.0.0.0/8".parse().unwrap(), exact: true };
    lab.rib.watch(OWNER, watch);
    let present = |lab: &mut Lab| -> Vec<bool> {
        let is = |e| matches!(e, RibEvent::Nexthop { info, .. } if info.via.is_some());
        lab.events().into_iter().map(is).collect()
    };
    assert_eq!(present(&mut lab), [false]);
    lab.set("30.0.0.0/7", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.set("30.0.0.0/8", Protocol::Bgp, 20, &[via("10.0.2.9")]);
    assert_eq!(present(&mut lab), []);
    lab.set("30.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    assert_eq!(present(&mut lab), [true]);
    lab.withdraw("30.0.0.0/8", Protocol::Static);
    assert_eq!(present(&mut lab), [false]);
}

#[test]
fn who_watches_a_prefix_hears_where_it_leads_now() {
    let mut lab = Lab::two_links();
    lab.set("30.0.0.0/8", Protocol::Static, 1, &[via("40.0.0.1")]);
    lab.set("40.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    let watch = NexthopWatch { vrf: VrfId::DEFAULT, target: "30.0.0.0/8".parse().unwrap(), exact: true };
    lab.rib.watch(OWNER, watch);
    let ways = |lab: &mut Lab| -> Vec<String> {
        let of = |e| match e {
            RibEvent::Nexthop { info, .. } => info.via.map(|via| format!("{:?}", via.nexthops)),
            _ => None,
        };
        lab.events().into_iter().filter_map(of).collect()
    };
    assert_eq!(ways(&mut lab), ["[(IfIndex(2), Some(10.0.2.9))]"]);
    // The route itself stays as it is.
    lab.set("40.0.0.0/8", Protocol::Static, 1, &[via("10.0.3.9")]);
    assert_eq!(ways(&mut lab), ["[(IfIndex(3), Some(10.0.3.9))]"]);
}

#[test]
fn routes_that_lead_to_each_other_through_two_vrfs_are_not_used() {
    let mut lab = Lab::two_links();
    let (a, b) = (VrfId::DEFAULT, VrfId(7));
    let offer = |lab: &mut Lab, vrf, prefix: &str, gateway: &str, there| {
        let way = Nexthop { vrf: there, ..via(gateway) };
        let RouteUpdate::Set(key, spec) = set(prefix, Protocol::Static, 1, 0, &[way]) else { return };
        lab.rib.apply(lab.now, &[RouteUpdate::Set(ferr_types::RouteKey { vrf, ..key }, spec)]);
    };
    offer(&mut lab, a, "30.0.0.0/8", "50.0.0.1", b);
    offer(&mut lab, b, "50.0.0.0/8", "30.0.0.1", a);
    let active = |lab: &Lab, vrf, prefix: &str| {
        let views = lab.rib.route(vrf, None, prefix.parse().unwrap());
        views.iter().any(|v| v.nexthops.iter().any(|n| n.active))
    };
    assert!(!active(&lab, a, "30.0.0.0/8") && !active(&lab, b, "50.0.0.0/8"));
    // A way out of the circle is taken.
    offer(&mut lab, b, "50.0.0.0/16", "10.0.2.9", a);
    assert!(active(&lab, a, "30.0.0.0/8") && active(&lab, b, "50.0.0.0/8"));
}

#[test]
fn redistribution_delivers_the_present_and_then_changes() {
    let mut lab = Lab::two_links();
    let of =
        |protocol| Redistribution { vrf: VrfId::DEFAULT, afi: Afi::Ipv4, protocol, instance: 0, table: None };
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.rib.subscribe(OWNER, of(Protocol::Static));
    lab.rib.subscribe(OWNER, of(Protocol::Connected));
    let told = |lab: &mut Lab| -> Vec<String> {
        let mut told: Vec<String> = lab
            .events()
            .into_iter()
            .map(|e| match e {
                RibEvent::RedistSet { route, .. } => format!("+{} {}", route.protocol, route.prefix),
                RibEvent::RedistWithdraw { prefix, protocol, .. } => format!("-{protocol} {prefix}"),
                RibEvent::Nexthop { .. } => panic!("nobody asked"),
            })
            .collect();
        told.sort();
        told
    };
    assert_eq!(told(&mut lab), ["+connected 10.0.2.0/24", "+connected 10.0.3.0/24", "+static 20.0.0.0/8"]);
    lab.set("20.0.0.0/8", Protocol::Bgp, 0, &[via("10.0.3.9")]);
    assert_eq!(told(&mut lab), ["-connected 20.0.0.0/8", "-static 20.0.0.0/8"]);
    lab.set("99.0.0.0/8", Protocol::Bgp, 20, &[via("10.0.3.9")]);
    assert!(told(&mut lab).is_empty());
    lab.withdraw("20.0.0.0/8", Protocol::Bgp);
    assert!(told(&mut lab).contains(&"+static 20.0.0.0/8".to_owned()));
    // A new way to the same next hop is news as well.
    lab.set("31.0.0.0/8", Protocol::Static, 1, &[via("20.0.0.9")]);
    told(&mut lab);
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.3.9")]);
    assert_eq!(
        told(&mut lab),
        ["+static 20.0.0.0/8", "+static 31.0.0.0/8", "-connected 20.0.0.0/8", "-connected 31.0.0.0/8"]
    );
    lab.rib.remove_owner(OWNER);
    lab.withdraw("20.0.0.0/8", Protocol::Static);
    assert!(told(&mut lab).is_empty());
}

#[test]
fn vrfs_have_their_own_tables_and_may_come_late() {
    let mut lab = Lab::two_links();
    let vrf = VrfId(9);
    let way = Nexthop { vrf, ..via("10.0.4.9") };
    let RouteUpdate::Set(key, spec) = set("20.0.0.0/8", Protocol::Static, 1, 0, &[way]) else { return };
    let key = ferr_types::RouteKey { vrf, ..key };
    lab.rib.apply(lab.now, &[RouteUpdate::Set(key, spec)]);
    let enslaved = Link { vrf, ..link(4, true) };
    lab.rib.link_set(lab.now, enslaved);
    lab.addr(4, "10.0.4.1/24", true);
    lab.drain();
    assert!(lab.kernel.routes.is_empty(), "the table is not known yet");
    lab.rib.vrf_set(Vrf { id: vrf, name: "blue".into(), table: TableId(100) });
    lab.drain();
    let tables: Vec<TableId> = lab.kernel.routes.keys().map(|k| k.0).collect();
    assert_eq!(tables, [TableId(100)]);
    // The same address in the default VRF leads elsewhere.
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.4.9")]);
    assert!(!lab.view("20.0.0.0/8")[0].selected);
    lab.rib.sweep(Protocol::Static, None, Some(vrf));
    lab.drain();
    assert!(lab.kernel.routes.is_empty());
}

#[test]
fn routes_of_others_count_with_their_metric() {
    let mut lab = Lab::two_links();
    let foreign = |metric| KernelRoute {
        table: TableId::MAIN,
        prefix: "20.0.0.0/8".parse().unwrap(),
        metric: Metric(metric),
        protocol: 3,
        nexthops: NexthopSet::one(Nexthop::via_on("10.0.2.9".parse().unwrap(), IfIndex(2), VrfId::DEFAULT)),
        source: None,
    };
    lab.rib.kernel_route_set(lab.now, &foreign(100));
    lab.rib.kernel_route_set(lab.now, &foreign(50));
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.3.9")]);
    let metrics: Vec<(u32, bool)> = lab.view("20.0.0.0/8").iter().map(|v| (v.metric.0, v.selected)).collect();
    assert_eq!(metrics, [(50, true), (100, false), (0, false)]);
    assert!(lab.drain().is_empty());
    for metric in [50, 100] {
        lab.rib.kernel_route_del(TableId::MAIN, "20.0.0.0/8".parse().unwrap(), Metric(metric));
    }
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.3.9 if3"]);
}

#[test]
fn reconciliation_restores_what_a_dump_lacks() {
    let mut lab = Lab::two_links();
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.set("21.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.drain();
    let FibTarget::Group(group) = lab.kernel.routes.values().next().unwrap().1 else { panic!() };
    lab.kernel.routes.remove(&(TableId::MAIN, "21.0.0.0/8".parse().unwrap()));
    lab.rib.reconcile_begin();
    assert!(lab.rib.reconcile_seen(TableId::MAIN, "20.0.0.0/8".parse().unwrap(), 196, Some(group)));
    assert!(!lab.rib.reconcile_seen(TableId::MAIN, "88.0.0.0/8".parse().unwrap(), 186, None));
    lab.rib.reconcile_end();
    assert_eq!(lab.drain().len(), 1);
    assert_eq!(lab.kernel.ways("21.0.0.0/8"), ["10.0.2.9 if2"]);
}

#[test]
fn pages_in_prefix_order_and_counts() {
    let mut lab = Lab::two_links();
    for i in 0..10u8 {
        lab.set(
            &format!("20.{}.0.0/16", 9 - i),
            Protocol::Bgp,
            if i < 4 { 20 } else { 200 },
            &[via("10.0.2.9")],
        );
    }
    lab.drain();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = lab.rib.routes_from(VrfId::DEFAULT, None, Afi::Ipv4, after, 3);
        let Some(last) = page.last() else { break };
        after = Some(last.prefix);
        seen.extend(page.into_iter().map(|v| v.prefix));
    }
    assert_eq!(seen.len(), 12);
    assert!(seen.is_sorted());
    let summary = lab.rib.summary(VrfId::DEFAULT, None, Afi::Ipv4);
    assert_eq!(summary.rows[0], (Protocol::Connected, SummaryRow { rib: 2, fib: 2 }));
    assert_eq!(summary.rows[1], (Protocol::Bgp, SummaryRow { rib: 4, fib: 4 }));
    assert_eq!(summary.ibgp, SummaryRow { rib: 6, fib: 6 });
    let found = lab.rib.longest_match(VrfId::DEFAULT, None, "20.3.1.1/32".parse().unwrap());
    assert_eq!(found[0].prefix, "20.3.0.0/16".parse().unwrap());
    assert_eq!(lab.rib.groups().iter().filter(|g| g.installed).count(), 1);
    assert_eq!(lab.view("20.3.0.0/16")[0].nhg, lab.rib.groups().iter().find_map(|g| g.id));
}

#[test]
fn interned_offers_do_what_updates_do() {
    let mut lab = Lab::two_links();
    let RouteUpdate::Set(key, spec) = set("20.0.0.0/8", Protocol::Bgp, 20, 5, &[via("10.0.2.9")]) else {
        return;
    };
    let id = lab.rib.intern(Protocol::Bgp, 0, Afi::Ipv4, &spec);
    lab.rib.set(lab.now, key.vrf, None, key.prefix, &id);
    lab.rib.settle();
    lab.rib.release(id);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
    lab.rib.withdraw(key);
    lab.rib.settle();
    lab.drain();
    assert!(lab.kernel.routes.is_empty() && lab.kernel.nexthops.is_empty());
}

#[test]
fn equal_offers_keep_their_age() {
    let mut lab = Lab::two_links();
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    let since = lab.view("20.0.0.0/8")[0].since;
    lab.now += Duration::from_secs(30);
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    assert_eq!(lab.view("20.0.0.0/8")[0].since, since);
    lab.rib.apply(lab.now, &[RouteUpdate::Withdraw(key("77.0.0.0/8", Protocol::Static))]);
    lab.set("20.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.8")]);
    assert_eq!(lab.view("20.0.0.0/8")[0].since, since + Duration::from_secs(30));
}
