//! Alternates, delays of SPF, restarts.

use std::time::Duration;

use ferr_ospf_wire::RouterBits;

use super::super::timers::Backoff;
use super::lab::{Lab, p2p, stub};
use crate::config::NetworkType::PointToPoint;
use crate::config::SpfTimers;

const NONE: RouterBits = RouterBits::empty();

/// 1 and 4 at opposite ends of a square by way of 2 and 3; costs of 1-3, and of 3-4.
fn square(to_3: u16, on: u16) -> Lab {
    let mut lab = Lab::new(1);
    lab.link(1, 0, PointToPoint, ("10.0.12.1/30", 1), &[(2, "10.0.12.2")]);
    lab.link(2, 0, PointToPoint, ("10.0.13.1/30", to_3), &[(3, "10.0.13.2")]);
    lab.router(0, 1, NONE, &[p2p(2, "10.0.12.1", 1), p2p(3, "10.0.13.1", to_3)]);
    lab.router(0, 2, NONE, &[p2p(1, "10.0.12.2", 1), p2p(4, "10.0.24.1", 1)]);
    lab.router(0, 3, NONE, &[p2p(1, "10.0.13.2", to_3), p2p(4, "10.0.34.1", on), stub("3.3.3.3/32", 0)]);
    lab.router(0, 4, NONE, &[p2p(2, "10.0.24.2", 1), p2p(3, "10.0.34.2", on), stub("4.4.4.4/32", 0)]);
    lab
}

#[test]
fn a_square_protects_itself() {
    let mut lab = square(10, 5);
    lab.settle();
    assert_eq!(lab.route("4.4.4.4/32"), "110/2 10.0.12.2@if1");
    assert_eq!(lab.backup("4.4.4.4/32"), "10.0.13.2@if2");
    // 3's way to 4 is no shorter than through us: it would send packets back.
    let mut lab = square(10, 13);
    lab.settle();
    assert_eq!(lab.backup("4.4.4.4/32"), "");
}

#[test]
fn alternates_follow_changes_elsewhere() {
    let mut lab = square(10, 13);
    lab.settle();
    let runs = lab.routing.spf_view().full;
    lab.router(0, 3, NONE, &[p2p(1, "10.0.13.2", 10), p2p(4, "10.0.34.1", 5), stub("3.3.3.3/32", 0)]);
    lab.settle();
    assert_eq!(lab.backup("4.4.4.4/32"), "10.0.13.2@if2");
    // The tree of this router is the same as before.
    assert_eq!(lab.routing.spf_view().full, runs);
}

#[test]
fn alternates_can_be_off() {
    let mut lab = square(10, 5);
    lab.config.fast_reroute.enabled = false;
    lab.settle();
    assert_eq!(lab.backup("4.4.4.4/32"), "");
}

#[test]
fn equal_ways_need_no_alternate() {
    let mut lab = square(1, 1);
    lab.settle();
    assert_eq!(lab.route("4.4.4.4/32"), "110/2 10.0.12.2@if1 10.0.13.2@if2");
    assert_eq!(lab.backup("4.4.4.4/32"), "");
    lab.config.max_paths = 1;
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.route("4.4.4.4/32"), "110/2 10.0.12.2@if1");
}

#[test]
fn storms_are_waited_out() {
    let lab = Lab::new(1);
    let timers = SpfTimers::default();
    let at = |ms: u64| lab.now + Duration::from_millis(ms);
    let mut backoff = Backoff::new();
    backoff.event(at(0), &timers);
    assert_eq!(backoff.due(), Some(at(0)));
    assert!(backoff.take(at(0)));
    backoff.event(at(10), &timers);
    assert_eq!(backoff.due(), Some(at(60)));
    assert!(!backoff.take(at(59)));
    assert!(backoff.take(at(60)));
    for (event, due) in [(600, 700), (1000, 1200), (2000, 2400), (4000, 4800), (5000, 6600), (7000, 10_200)] {
        backoff.event(at(event), &timers);
        backoff.event(at(event + 1), &timers);
        assert_eq!(backoff.due(), Some(at(due)));
        assert!(backoff.take(at(due)));
    }
    backoff.event(at(11_000), &timers);
    assert_eq!(backoff.due(), Some(at(16_000)));
    assert!(backoff.take(at(16_000)));
    backoff.event(at(30_000), &timers);
    assert_eq!(backoff.due(), Some(at(30_000)));
}

#[test]
fn a_restart_takes_nothing_back() {
    let mut lab = square(10, 5);
    lab.restarting = true;
    lab.settle();
    assert!(lab.rib.is_empty());
    lab.restarting = false;
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.route("4.4.4.4/32"), "110/2 10.0.12.2@if1");
}

#[test]
fn the_same_again_is_no_news() {
    let mut lab = square(10, 5);
    lab.settle();
    let updates = lab.updates;
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.updates, updates);
    lab.routing.reinstall();
    assert_eq!(lab.routing.take_rib_updates().len(), lab.rib.len());
}
