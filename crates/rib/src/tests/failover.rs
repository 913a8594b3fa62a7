//! Dead gateways: the failover moves traffic with the objects alone, and the RIB agrees afterwards without touching routes.

use std::num::NonZeroU32;

use ferr_types::{Nexthop, Protocol, RouteUpdate, VrfId};

use super::lab::{Lab, set, via};
use crate::*;

const G1: GuardId = GuardId(NonZeroU32::MIN);
const G2: GuardId = GuardId(NonZeroU32::MIN.saturating_add(1));

fn guarded(addr: &str) -> Nexthop {
    Nexthop { guard: addr.parse().ok(), ..via(addr) }
}

/// A lab in which 10.0.2.9 and 10.0.3.9 have a guard each.
fn guarded_lab() -> Lab {
    let mut lab = Lab::two_links();
    for (guard, addr) in [(G1, "10.0.2.9"), (G2, "10.0.3.9")] {
        let gateway = GuardedGateway { vrf: VrfId::DEFAULT, addr: addr.parse().unwrap(), ifindex: None };
        lab.rib.guard_set(guard, gateway);
    }
    lab
}

fn with_backup(prefix: &str, way: &str, backup: &str) -> RouteUpdate {
    let mut update = set(prefix, Protocol::Bgp, 20, 0, &[guarded(way)]);
    if let RouteUpdate::Set(_, spec) = &mut update {
        std::sync::Arc::make_mut(spec).backup = [guarded(backup)].into_iter().collect();
    }
    update
}

fn touches_routes(ops: &[FibOp]) -> bool {
    ops.iter().any(|op| matches!(op.action, FibAction::RouteSet { .. } | FibAction::RouteDel { .. }))
}

#[test]
fn a_dead_way_leaves_by_one_object_whatever_the_number_of_routes() {
    let mut lab = guarded_lab();
    let routes: Vec<RouteUpdate> =
        (0..200).map(|i| with_backup(&format!("20.{i}.0.0/16"), "10.0.2.9", "10.0.3.9")).collect();
    lab.rib.apply(lab.now, &routes);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.2.9 if2"]);
    let victims = lab.guard_down(G1);
    assert_eq!(victims.len(), 1);
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.3.9 if3"], "before the RIB says anything");
    assert!(!touches_routes(&lab.drain()));
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.3.9 if3"]);
    // BGP finds out: the second best is the best now, and nothing stands behind it.
    let converged: Vec<RouteUpdate> = (0..200)
        .map(|i| set(&format!("20.{i}.0.0/16"), Protocol::Bgp, 20, 0, &[guarded("10.0.3.9")]))
        .collect();
    lab.rib.apply(lab.now, &converged);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.3.9 if3"]);
    lab.rib.guard_up(G1);
    lab.rib.apply(lab.now, &routes);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.2.9 if2"]);
}

#[test]
fn without_another_way_nothing_is_deleted_by_the_failover() {
    let mut lab = guarded_lab();
    lab.set("20.0.0.0/8", Protocol::Bgp, 20, &[guarded("10.0.2.9")]);
    // A backup that dies together with the primary is none.
    lab.rib.apply(lab.now, &[with_backup("21.0.0.0/8", "10.0.2.9", "10.0.2.9")]);
    lab.set("22.0.0.0/8", Protocol::Static, 1, &[via("10.0.2.9")]);
    lab.drain();
    assert_eq!(lab.guard_down(G1), []);
    lab.drain();
    assert!(lab.kernel.ways("20.0.0.0/8").is_empty());
    assert!(lab.kernel.ways("21.0.0.0/8").is_empty());
    assert_eq!(lab.kernel.ways("22.0.0.0/8"), ["10.0.2.9 if2"], "nobody guards it");
    lab.rib.guard_up(G1);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
}

#[test]
fn a_floating_static_route_backs_what_recurses_through_the_first() {
    let mut lab = guarded_lab();
    lab.set("2.1.1.1/32", Protocol::Static, 1, &[guarded("10.0.2.9")]);
    let mut floating = set("2.1.1.1/32", Protocol::Static, 10, 0, &[guarded("10.0.3.9")]);
    if let RouteUpdate::Set(key, _) = &mut floating {
        key.instance = 10;
    }
    lab.rib.apply(lab.now, &[floating]);
    for i in 0..50 {
        lab.set(&format!("20.{i}.0.0/16"), Protocol::Bgp, 20, &[via("2.1.1.1")]);
    }
    lab.drain();
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.2.9 if2"]);
    lab.guard_down(G1);
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.3.9 if3"]);
    let ops = lab.drain();
    let bgp = |op: &&FibOp| matches!(&op.action, FibAction::RouteSet { protocol: 186, .. });
    assert_eq!(ops.iter().filter(bgp).count(), 0);
    assert_eq!(lab.kernel.ways("2.1.1.1/32"), ["10.0.3.9 if3"]);
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.3.9 if3"]);
    lab.rib.guard_up(G1);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.7.0.0/16"), ["10.0.2.9 if2"]);
}

#[test]
fn of_equal_ways_the_dead_one_leaves() {
    let mut lab = guarded_lab();
    lab.set("20.0.0.0/8", Protocol::Bgp, 20, &[guarded("10.0.2.9"), guarded("10.0.3.9")]);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8").len(), 2);
    assert_eq!(lab.guard_down(G2).len(), 1);
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
    // The last one is not taken away as well: the routes go in an orderly way.
    assert_eq!(lab.guard_down(G1), []);
    lab.drain();
    assert!(lab.kernel.ways("20.0.0.0/8").is_empty());
}

#[test]
fn another_backup_alone_is_sent_last_and_a_dying_way_does_not_wait_for_it() {
    let mut lab = guarded_lab();
    lab.set("20.1.0.0/16", Protocol::Bgp, 20, &[guarded("10.0.2.9")]);
    lab.set("20.2.0.0/16", Protocol::Bgp, 20, &[guarded("10.0.2.9")]);
    lab.drain();
    let backup = |p: &str| with_backup(p, "10.0.2.9", "10.0.3.9");
    lab.rib.apply(lab.now, &[backup("20.1.0.0/16"), backup("20.2.0.0/16")]);
    lab.set("30.0.0.0/8", Protocol::Bgp, 20, &[guarded("10.0.3.9")]);
    let ops = lab.drain();
    let order: Vec<String> = ops
        .iter()
        .filter_map(|op| match &op.action {
            FibAction::RouteSet { prefix, .. } => Some(prefix.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["30.0.0.0/8", "20.1.0.0/16", "20.2.0.0/16"]);
    assert_eq!(lab.guard_down(G1).len(), 1);
    assert_eq!(lab.kernel.ways("20.2.0.0/16"), ["10.0.3.9 if3"]);
}

#[test]
fn carrier_loss_falls_back_in_the_kernel_and_the_model_follows() {
    let mut lab = guarded_lab();
    lab.rib.apply(lab.now, &[with_backup("20.0.0.0/8", "10.0.2.9", "10.0.3.9")]);
    lab.drain();
    lab.link(2, false);
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.3.9 if3"]);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.3.9 if3"]);
    lab.link(2, true);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
}

#[test]
fn a_guard_that_goes_away_kills_nothing_any_more() {
    let mut lab = guarded_lab();
    lab.rib.apply(lab.now, &[with_backup("20.0.0.0/8", "10.0.2.9", "10.0.3.9")]);
    lab.drain();
    lab.guard_down(G1);
    lab.rib.guard_remove(G1);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
    assert_eq!(lab.rib.dead_guards().count(), 0);
}

#[test]
fn the_plan_names_what_is_left_after_an_earlier_death() {
    let mut lab = guarded_lab();
    lab.set("20.0.0.0/8", Protocol::Bgp, 20, &[guarded("10.0.2.9"), guarded("10.0.3.9")]);
    lab.drain();
    let plan = lab.rib.failover_plan();
    let first = plan.victims(|g| g == G1, &Default::default());
    assert_eq!(first.len(), 1);
    let gone = first.into_iter().collect();
    assert_eq!(plan.victims(|g| g == G2, &gone), [], "the group would be empty");
    assert_eq!(plan.victims(|_| true, &Default::default()), [], "both at once neither");
}

#[test]
fn a_gateway_that_came_back_is_used_alone_before_it_is_trusted_and_beside_others_after() {
    let mut lab = guarded_lab();
    lab.set("2.1.1.1/32", Protocol::Static, 1, &[guarded("10.0.2.9")]);
    let mut floating = set("2.1.1.1/32", Protocol::Static, 10, 0, &[via("10.0.3.9")]);
    if let RouteUpdate::Set(key, _) = &mut floating {
        key.instance = 10;
    }
    lab.rib.apply(lab.now, &[floating]);
    lab.set("20.0.0.0/8", Protocol::Bgp, 20, &[via("2.1.1.1")]);
    lab.set("21.0.0.0/8", Protocol::Bgp, 20, &[guarded("10.0.2.9")]);
    lab.drain();
    lab.guard_down(G1);
    lab.drain();
    let ways = |lab: &Lab, p: &str| lab.kernel.ways(p);
    assert_eq!(ways(&lab, "2.1.1.1/32"), ["10.0.3.9 if3"]);
    assert!(ways(&lab, "21.0.0.0/8").is_empty());
    lab.rib.guard_recovers(G1);
    lab.drain();
    assert_eq!(ways(&lab, "21.0.0.0/8"), ["10.0.2.9 if2"], "there is nothing else");
    assert_eq!(ways(&lab, "2.1.1.1/32"), ["10.0.3.9 if3"], "there is");
    assert_eq!(ways(&lab, "20.0.0.0/8"), ["10.0.3.9 if3"]);
    lab.rib.guard_up(G1);
    lab.drain();
    for prefix in ["2.1.1.1/32", "20.0.0.0/8", "21.0.0.0/8"] {
        assert_eq!(ways(&lab, prefix), ["10.0.2.9 if2"], "{prefix}");
    }
}

#[test]
fn an_object_refused_for_a_death_that_was_soon_over_is_made_after_all() {
    let mut lab = guarded_lab();
    lab.rib.apply(lab.now, &[with_backup("20.0.0.0/8", "10.0.2.9", "10.0.3.9")]);
    // The guard dies and lives again while the operations are on their way, and the RIB hears of neither.
    let mut ops = Vec::new();
    lab.rib.poll_fib(100, &mut ops);
    let mut refused = Vec::new();
    let mut acks = Vec::new();
    for op in &mut ops {
        let dead = "10.0.2.9".parse().ok();
        let result = match &mut op.action {
            FibAction::NexthopAdd { id, nexthop } if nexthop.gateway == dead => {
                refused.push(*id);
                Err(FibError::Dead)
            }
            FibAction::GroupSet { members, .. } => {
                members.retain(|(m, _)| !refused.contains(m));
                lab.kernel.apply(op)
            }
            _ => lab.kernel.apply(op),
        };
        acks.push(FibAck { token: op.token, result });
    }
    assert_eq!(refused.len(), 1);
    lab.rib.fib_acks(lab.now, &acks);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.3.9 if3"]);
    lab.now = lab.rib.poll_timeout().expect("something to try again");
    lab.rib.handle_timeout(lab.now);
    lab.drain();
    assert_eq!(lab.kernel.ways("20.0.0.0/8"), ["10.0.2.9 if2"]);
}
