//! Route flap damping.

use std::time::Duration;

use ferr_types::Asn;

use super::lab::{Attrs, Lab, OWN_AS, V4, path, prefix};
use crate::config::DampingConfig;

const MINUTE: Duration = Duration::from_secs(60);
const P: &str = "192.0.2.0/24";

fn lab() -> (Lab, usize, usize) {
    let config = DampingConfig { half_life: 15 * MINUTE, reuse: 750, suppress: 2000, longest: 60 * MINUTE };
    let mut lab = Lab::new(|c| c.families[V4].damping = Some(config));
    let source = lab.peer(65001, |_| {});
    let other = lab.peer(65002, |_| {});
    (lab, source, other)
}

fn flap(lab: &mut Lab, i: usize) {
    lab.withdraw(i, &[P]);
    lab.announce(i, &[P], &path(&[lab.wires[i].open.asn.0]));
}

/// Damped, history, penalty, flaps.
fn state(lab: &mut Lab) -> (bool, bool, u32, u32) {
    let path = lab.route(P).unwrap().paths.remove(0);
    let damping = path.damping.map_or((0, 0), |d| (d.penalty, d.flaps));
    (path.damped, path.history, damping.0, damping.1)
}

#[test]
fn a_route_that_flaps_is_held_back_until_it_rests() {
    let (mut lab, source, other) = lab();
    lab.announce(source, &[P], &path(&[65001]));
    flap(&mut lab, source);
    assert_eq!(state(&mut lab), (false, false, 1000, 1));
    assert!(lab.wires[other].is_told(P));
    flap(&mut lab, source);
    assert_eq!(state(&mut lab), (true, false, 2000, 2));
    assert!(!lab.wires[other].is_told(P) && lab.rib.is_empty());
    let reuse = lab.route(P).unwrap().paths[0].damping.as_ref().unwrap().reuse.unwrap();
    // 2000 falls to 750 in 15 min * log2(2000 / 750).
    assert_eq!(reuse.as_secs(), 1274);
    lab.advance(reuse - Duration::from_secs(1));
    assert!(!lab.wires[other].is_told(P));
    lab.advance(Duration::from_secs(1));
    assert!(lab.wires[other].is_told(P) && lab.rib.len() == 1);
    assert_eq!(state(&mut lab), (false, false, 750, 2));
    // A half-life later nothing is left of it.
    lab.advance(15 * MINUTE + Duration::from_secs(1));
    assert_eq!(state(&mut lab), (false, false, 0, 0));
}

#[test]
fn what_is_withdrawn_is_remembered_for_a_while() {
    let (mut lab, source, other) = lab();
    lab.announce(source, &[P], &path(&[65001]));
    lab.withdraw(source, &[P]);
    assert_eq!(state(&mut lab), (false, true, 1000, 1));
    assert!(!lab.wires[other].is_told(P) && lab.rib.is_empty());
    let view = |lab: &mut Lab| lab.bgp.peer_view(lab.wires[source].id).unwrap().families[V4].clone().unwrap();
    assert_eq!(view(&mut lab).accepted, 0, "history is no prefix");
    lab.withdraw(source, &[P]);
    assert_eq!(state(&mut lab), (false, true, 1000, 1), "it was gone already");
    lab.announce(source, &[P], &path(&[65001]));
    assert_eq!((state(&mut lab), view(&mut lab).accepted), ((false, false, 1000, 1), 1));
    assert!(lab.wires[other].is_told(P));
    lab.withdraw(source, &[P]);
    lab.withdraw(source, &[P]);
    assert_eq!(state(&mut lab), (true, true, 2000, 2));
    // 2000 falls to 375 in a little over 36 minutes.
    lab.advance(36 * MINUTE);
    assert!(lab.route(P).is_some());
    lab.advance(MINUTE);
    assert!(lab.route(P).is_none());
    assert_eq!(lab.bgp.family(V4).prefixes, 0);
}

#[test]
fn a_change_of_attributes_costs_half_of_a_withdrawal() {
    let (mut lab, source, other) = lab();
    for (med, damped, penalty) in [
        (1, false, 0),
        (2, false, 500),
        (2, false, 500),
        (3, false, 1000),
        (4, false, 1500),
        (5, true, 2000),
        (6, true, 2500),
    ] {
        lab.announce(source, &[P], &Attrs { med: Some(med), ..path(&[65001]) });
        assert_eq!((state(&mut lab).0, state(&mut lab).2), (damped, penalty), "{med}");
        assert_eq!(lab.wires[other].is_told(P), !damped);
    }
    for _ in 0..100 {
        flap(&mut lab, source);
    }
    assert_eq!(state(&mut lab).2, 12000, "no more than decays in the longest time");
    lab.advance(60 * MINUTE + Duration::from_secs(1));
    assert!(lab.wires[other].is_told(P));
}

#[test]
fn another_path_takes_over_and_inner_ones_are_never_damped() {
    let (mut lab, source, _) = lab();
    let second = lab.peer(65003, |_| {});
    lab.announce(source, &[P], &path(&[65001]));
    lab.announce(second, &[P], &path(&[65003, 65009]));
    flap(&mut lab, source);
    flap(&mut lab, source);
    assert_eq!(lab.best(P), "65003 65009");
    let inner = lab.peer(OWN_AS, |_| {});
    lab.announce(inner, &["198.51.100.0/24"], &path(&[]));
    for _ in 0..5 {
        lab.withdraw(inner, &["198.51.100.0/24"]);
        lab.announce(inner, &["198.51.100.0/24"], &path(&[]));
    }
    let paths = lab.route("198.51.100.0/24").unwrap().paths;
    assert!(paths[0].best && paths[0].damping.is_none());
}

#[test]
fn clearing_and_configuration_forget() {
    let (mut lab, source, other) = lab();
    let flaps = |lab: &mut Lab| {
        flap(lab, source);
        flap(lab, source);
        flap(lab, source);
        assert!(!lab.wires[other].is_told(P));
    };
    lab.announce(source, &[P], &path(&[65001]));
    flaps(&mut lab);
    lab.bgp.clear_damping(Some(V4), Some(prefix("10.0.0.0/8")), lab.now);
    lab.settle();
    assert!(!lab.wires[other].is_told(P));
    lab.bgp.clear_damping(None, Some(prefix(P)), lab.now);
    lab.settle();
    assert!(lab.wires[other].is_told(P));
    flaps(&mut lab);
    lab.configure(|c| c.families[V4].damping = None);
    assert!(lab.wires[other].is_told(P));
    assert_eq!(state(&mut lab), (false, false, 0, 0));
    flap(&mut lab, source);
    lab.withdraw(source, &[P]);
    assert!(lab.route(P).is_none(), "no history without damping");
}

#[test]
fn a_lost_peer_takes_its_past_with_it() {
    let (mut lab, source, other) = lab();
    lab.announce(source, &[P, "198.51.100.0/24"], &path(&[65001]));
    flap(&mut lab, source);
    flap(&mut lab, source);
    lab.withdraw(source, &["198.51.100.0/24"]);
    lab.cut(source);
    assert_eq!(lab.bgp.family(V4).prefixes, 0);
    lab.advance(Duration::from_secs(1));
    lab.up(source);
    lab.announce(source, &[P], &path(&[65001]));
    assert!(lab.wires[other].is_told(P));
    assert_eq!(lab.bgp.peer_view(lab.wires[source].id).unwrap().remote_as, Some(Asn(65001)));
}

#[test]
fn soft_reconfiguration_beside_damping() {
    let (mut lab, source, other) = lab();
    lab.change_family(source, |f| f.soft_reconfiguration = true);
    lab.announce(source, &[P], &path(&[65001]));
    lab.withdraw(source, &[P]);
    lab.bgp.clear(lab.wires[source].id, None, crate::ResetKind::SoftIn, lab.now);
    lab.settle();
    assert_eq!(state(&mut lab), (false, true, 1000, 1), "what is gone does not come back by itself");
    flap(&mut lab, source);
    lab.bgp.clear(lab.wires[source].id, None, crate::ResetKind::SoftIn, lab.now);
    lab.settle();
    assert_eq!(state(&mut lab), (false, false, 1000, 1));
    assert!(lab.wires[other].is_told(P));
}
