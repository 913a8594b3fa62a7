//! `update-delay`, `bgp max-med` and `coalesce-time`.

use std::time::Duration;

use ferr_bgp_wire::keepalive;

use super::lab::{Lab, OWN_AS, V4, path};
use crate::ResetKind;
use crate::config::{Network, UpdateDelay};

const SECOND: Duration = Duration::from_secs(1);
const P: &str = "192.0.2.0/24";
const OWN: &str = "198.51.100.0/24";

/// A router with a network of its own and two neighbors, the first of which is up and has said something.
fn delayed(delay: UpdateDelay) -> (Lab, usize, usize) {
    let mut lab = Lab::new(|c| {
        c.update_delay = Some(delay);
        let network = Network { prefix: OWN.parse().unwrap(), route_map: None, backdoor: false };
        c.families[V4].networks = vec![network];
    });
    let a = lab.add(65001, |_| {});
    let b = lab.add(65002, |_| {});
    lab.up(a);
    lab.announce(a, &[P], &path(&[65001]));
    (lab, a, b)
}

const LONG: UpdateDelay = UpdateDelay { longest: Duration::from_secs(90), establish_wait: None };

#[test]
fn routes_wait_for_the_end_of_rib_of_all() {
    let (mut lab, a, b) = delayed(LONG);
    lab.end_of_rib(a);
    lab.up(b);
    assert!(lab.bgp.in_update_delay());
    assert!(lab.rib.is_empty() && lab.wires[a].table.is_empty() && lab.wires[b].table.is_empty());
    assert!(lab.wires[b].end_of_rib.is_empty(), "we have not said all");
    lab.end_of_rib(b);
    assert!(!lab.bgp.in_update_delay());
    assert_eq!(lab.wires[b].prefixes(), [P, OWN]);
    assert_eq!(lab.wires[a].prefixes(), [OWN]);
    assert_eq!((lab.rib.len(), &lab.wires[b].end_of_rib[..]), (1, &[V4][..]));
    // Once: what comes up later waits for nobody.
    lab.cut(b);
    lab.advance(SECOND);
    lab.up(b);
    assert_eq!(lab.wires[b].prefixes(), [P, OWN]);
    assert!(!lab.bgp.in_update_delay());
}

#[test]
fn a_keepalive_behind_the_first_stands_for_an_end_of_rib() {
    let (mut lab, a, b) = delayed(LONG);
    lab.up(b);
    lab.send(b, &keepalive());
    assert!(lab.bgp.in_update_delay());
    lab.send(a, &keepalive());
    assert!(!lab.bgp.in_update_delay());
    assert!(lab.wires[b].is_told(P));
}

#[test]
fn the_wait_ends_when_its_time_is_up() {
    let (mut lab, a, b) = delayed(LONG);
    lab.end_of_rib(a);
    lab.advance(89 * SECOND);
    assert!(lab.bgp.in_update_delay() && lab.rib.is_empty(), "the other one never came up");
    lab.advance(SECOND);
    assert!(!lab.bgp.in_update_delay());
    assert_eq!(lab.rib.len(), 1);
    lab.up(b);
    assert!(lab.wires[b].is_told(P));
}

#[test]
fn who_is_not_up_in_time_is_not_waited_for() {
    let (mut lab, a, b) = delayed(UpdateDelay { establish_wait: Some(10 * SECOND), ..LONG });
    lab.end_of_rib(a);
    lab.advance(9 * SECOND);
    assert!(lab.bgp.in_update_delay());
    lab.advance(SECOND);
    assert!(!lab.bgp.in_update_delay());
    assert_eq!(lab.rib.len(), 1);
    lab.up(b);
    assert!(lab.wires[b].is_told(P));
}

#[test]
fn the_delay_comes_again_when_all_is_cleared_and_goes_with_its_statement() {
    let (mut lab, a, b) = delayed(LONG);
    lab.end_of_rib(a);
    lab.up(b);
    lab.end_of_rib(b);
    lab.bgp.begin_again();
    for i in [a, b] {
        lab.bgp.clear(lab.wires[i].id, None, ResetKind::Hard, lab.now);
        lab.settle();
    }
    lab.advance(2 * SECOND);
    lab.up(a);
    lab.announce(a, &[P], &path(&[65001]));
    assert!(lab.bgp.in_update_delay() && lab.rib.is_empty());
    lab.configure(|c| c.update_delay = None);
    assert!(!lab.bgp.in_update_delay());
    // A statement that comes while sessions are up waits for the next start.
    lab.configure(|c| c.update_delay = Some(LONG));
    lab.up(b);
    assert!(!lab.bgp.in_update_delay() && lab.wires[b].is_told(P));
}

#[test]
fn maximum_med() {
    let mut lab = Lab::new(|c| c.max_med_on_startup = Some((60 * SECOND, 77)));
    let source = lab.peer(65001, |_| {});
    let outer = lab.peer(65002, |_| {});
    let inner = lab.peer(OWN_AS, |_| {});
    lab.announce(source, &[P], &super::lab::Attrs { med: Some(5), ..path(&[65001]) });
    let meds = |lab: &Lab| [outer, inner].map(|i| lab.wires[i].attrs(P).med);
    assert_eq!(meds(&lab), [Some(77); 2]);
    lab.advance(59 * SECOND);
    assert_eq!(meds(&lab), [Some(77); 2]);
    lab.advance(SECOND);
    assert_eq!(meds(&lab), [None, Some(5)], "as without");
    lab.configure(|c| c.max_med_administrative = Some(4_294_967_294));
    assert_eq!(meds(&lab), [Some(4_294_967_294); 2]);
    lab.configure(|c| c.max_med_administrative = None);
    assert_eq!(meds(&lab), [None, Some(5)]);
    lab.cut(outer);
    lab.advance(SECOND);
    lab.up(outer);
    assert_eq!(meds(&lab), [None, Some(5)], "on startup means once");
}

#[test]
fn peers_that_come_up_together_are_told_together() {
    let mut lab = Lab::new(|c| c.coalesce_time = Some(Duration::from_millis(500)));
    let source = lab.peer(65001, |n| n.solo = true);
    lab.announce(source, &[P], &path(&[65001]));
    let a = lab.peer(65002, |_| {});
    lab.advance(Duration::from_millis(400));
    let b = lab.peer(65003, |_| {});
    assert!(lab.wires[a].table.is_empty() && lab.wires[a].end_of_rib.is_empty());
    lab.advance(Duration::from_millis(100));
    assert!(lab.wires[a].is_told(P) && lab.wires[b].is_told(P));
    assert_eq!((lab.wires[a].update_messages, lab.wires[a].end_of_rib.len()), (2, 1));
    // The group stands: nobody waits for it any more.
    lab.announce(source, &["203.0.113.0/24"], &path(&[65001]));
    let c = lab.peer(65004, |_| {});
    assert!(lab.wires[a].is_told("203.0.113.0/24") && lab.wires[c].is_told(P));
}
