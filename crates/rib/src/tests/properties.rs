//! The end depends on what is there, not on the way to it.

use std::collections::{BTreeMap, BTreeSet};

use ferr_types::{Afi, Nexthop, Prefix, Protocol, RouteKey, RouteUpdate, VrfId};
use proptest::prelude::*;

use super::lab::{Lab, set, via};
use crate::*;

#[derive(Debug, Clone)]
enum Step {
    Link(u32, bool),
    Addr(u32, bool),
    Set(usize, usize, usize),
    Withdraw(usize, usize),
    Drain(usize),
    Guard(usize, bool),
    Recovers(usize),
}

/// Gateways with a BFD session of their own.
const GUARDED: [&str; 4] = ["10.0.2.9", "10.0.3.9", "20.0.0.9", "30.0.0.1"];

fn guard(at: usize) -> GuardId {
    GuardId(std::num::NonZeroU32::new(at as u32 + 1).unwrap())
}

fn register_guards(lab: &mut Lab) {
    for (at, addr) in GUARDED.iter().enumerate() {
        let gateway = GuardedGateway { vrf: VrfId::DEFAULT, addr: addr.parse().unwrap(), ifindex: None };
        lab.rib.guard_set(guard(at), gateway);
    }
}

const PREFIXES: [&str; 8] = [
    "0.0.0.0/0",
    "20.0.0.0/8",
    "20.1.0.0/16",
    "30.0.0.0/8",
    "30.0.0.1/32",
    "40.0.0.0/8",
    "40.0.0.0/24",
    "50.0.0.0/8",
];

/// Next hops per level: a level resolves through lower ones only, so that there is one right answer.
fn ways(prefix: usize, choice: usize) -> Vec<Nexthop> {
    let levels: [&[&str]; 4] = [
        &["10.0.2.9", "10.0.3.9", "10.0.4.9", "10.0.2.8"],
        &["20.0.0.9", "20.1.0.9", "10.0.3.9", "10.0.4.9"],
        &["30.0.0.1", "30.0.0.2", "20.1.0.9", "10.0.2.9"],
        &["40.0.0.1", "40.1.0.1", "30.0.0.1", "99.0.0.1"],
    ];
    let level = match prefix {
        0..=2 => 0,
        3..=4 => 1,
        5..=6 => 2,
        _ => 3,
    };
    let one = levels[level][choice % 4];
    let two = levels[level][choice / 4 % 4];
    if choice >= 16 { vec![via(one)] } else { vec![via(one), via(two)] }
}

const PROTOCOLS: [(Protocol, u8); 2] = [(Protocol::Static, 1), (Protocol::Bgp, 200)];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (2..5u32, any::<bool>()).prop_map(|(i, up)| Step::Link(i, up)),
        1 => (2..5u32, any::<bool>()).prop_map(|(i, add)| Step::Addr(i, add)),
        6 => (0..PREFIXES.len(), 0..2usize, 0..20usize).prop_map(|(p, o, w)| Step::Set(p, o, w)),
        2 => (0..PREFIXES.len(), 0..2usize).prop_map(|(p, o)| Step::Withdraw(p, o)),
        2 => (1..6usize).prop_map(Step::Drain),
        2 => (0..GUARDED.len(), any::<bool>()).prop_map(|(g, up)| Step::Guard(g, up)),
        1 => (0..GUARDED.len()).prop_map(Step::Recovers),
    ]
}

#[derive(Default)]
struct End {
    links: BTreeMap<u32, bool>,
    addrs: BTreeMap<u32, bool>,
    routes: BTreeMap<(usize, usize), usize>,
    guards: BTreeMap<usize, bool>,
    recovering: BTreeSet<usize>,
}

fn route_update(prefix: usize, origin: usize, choice: usize) -> RouteUpdate {
    let (protocol, distance) = PROTOCOLS[origin];
    let guarded = |way: &Nexthop| Nexthop { guard: way.addr().filter(|_| !choice.is_multiple_of(3)), ..*way };
    let given: Vec<Nexthop> = ways(prefix, choice).iter().map(guarded).collect();
    let mut update = set(PREFIXES[prefix], protocol, distance, 0, &given);
    if let RouteUpdate::Set(_, spec) = &mut update
        && choice % 2 == 1
    {
        std::sync::Arc::make_mut(spec).backup = ways(prefix, (choice + 7) % 20).iter().map(guarded).collect();
    }
    update
}

fn apply(lab: &mut Lab, step: &Step, end: &mut End) {
    match *step {
        Step::Link(i, up) => {
            lab.link(i, up);
            end.links.insert(i, up);
        }
        Step::Addr(i, add) => {
            lab.addr(i, &format!("10.0.{i}.1/24"), add);
            end.addrs.insert(i, add);
        }
        Step::Set(p, o, w) => {
            lab.rib.apply(lab.now, &[route_update(p, o, w)]);
            end.routes.insert((p, o), w);
        }
        Step::Withdraw(p, o) => {
            let prefix: Prefix = PREFIXES[p].parse().unwrap();
            let protocol = PROTOCOLS[o].0;
            let key = RouteKey { vrf: VrfId::DEFAULT, table: None, prefix, protocol, instance: 0 };
            lab.rib.apply(lab.now, &[RouteUpdate::Withdraw(key)]);
            end.routes.remove(&(p, o));
        }
        Step::Drain(n) => lab.step(n, &mut Vec::new()),
        Step::Recovers(g) => {
            lab.rib.guard_recovers(guard(g));
            if end.guards.get(&g) == Some(&false) {
                end.recovering.insert(g);
            }
        }
        Step::Guard(g, true) => {
            lab.rib.guard_up(guard(g));
            end.guards.insert(g, true);
            end.recovering.remove(&g);
        }
        Step::Guard(g, false) => {
            lab.guard_down(guard(g));
            end.guards.insert(g, false);
            end.recovering.remove(&g);
        }
    }
}

/// What counts: selection, resolution and the kernel, without ids and times.
fn picture(lab: &Lab) -> Vec<String> {
    let views = lab.rib.routes_from(VrfId::DEFAULT, None, Afi::Ipv4, None, usize::MAX);
    let line = |v: &RouteView| {
        let mut kernel = if v.selected { lab.kernel.ways(&v.prefix.to_string()) } else { Vec::new() };
        kernel.sort();
        let mut ways: Vec<String> = v.nexthops.iter().map(|n| format!("{:?}", n.resolved)).collect();
        ways.sort();
        format!("{} {} {} {} {ways:?} {kernel:?}", v.prefix, v.protocol, v.selected, v.installed)
    };
    views.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_ends_in_the_same_state(steps in prop::collection::vec(step(), 1..60), objects: bool) {
        let config = RibConfig { nexthop_objects: objects, ..RibConfig::default() };
        let mut lab = Lab::new(config.clone());
        register_guards(&mut lab);
        let mut end = End::default();
        // A kernel without objects flushes plain routes on carrier loss too; the model kernel does so for groups only.
        for step in steps.iter().filter(|s| objects || !matches!(s, Step::Link(_, false))) {
            apply(&mut lab, step, &mut end);
        }
        lab.drain();
        let mut fresh = Lab::new(config);
        for (i, up) in &end.links {
            fresh.link(*i, *up);
        }
        for (i, _) in end.addrs.iter().filter(|a| *a.1) {
            fresh.addr(*i, &format!("10.0.{i}.1/24"), true);
        }
        register_guards(&mut fresh);
        for (g, _) in end.guards.iter().filter(|g| !*g.1) {
            fresh.rib.guard_down(guard(*g), &[]);
        }
        for g in &end.recovering {
            fresh.rib.guard_recovers(guard(*g));
        }
        let updates: Vec<RouteUpdate> =
            end.routes.iter().map(|((p, o), w)| route_update(*p, *o, *w)).collect();
        fresh.rib.apply(fresh.now, &updates);
        fresh.drain();
        prop_assert_eq!(picture(&lab), picture(&fresh));
        prop_assert_eq!(lab.kernel.routes.len(), fresh.kernel.routes.len());
        let installed = lab.rib.routes_from(VrfId::DEFAULT, None, Afi::Ipv4, None, usize::MAX);
        for view in installed.iter().filter(|v| v.selected) {
            prop_assert!(view.installed && !view.queued, "{:?}", view);
        }
        lab.rib.withdraw_all();
        lab.drain();
        prop_assert!(lab.kernel.routes.is_empty());
        prop_assert!(lab.kernel.groups.is_empty(), "{:?}", lab.kernel.groups);
        prop_assert!(lab.kernel.nexthops.is_empty(), "{:?}", lab.kernel.nexthops);
    }
}
