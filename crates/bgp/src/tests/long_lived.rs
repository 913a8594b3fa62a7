//! Long-lived graceful restart as a helper (RFC 9494).

use std::time::Duration;

use ferr_bgp_wire::{Capability, LongLivedFamily};
use ferr_types::community::Community;

use super::lab::{Attrs, Lab, graceful, path};
use crate::Reason;

const SECOND: Duration = Duration::from_secs(1);
const P: &str = "192.0.2.0/24";
const Q: &str = "198.51.100.0/24";

fn long(stale_time: u32) -> Capability {
    let family = LongLivedFamily { afi: 1, safi: 1, forwarding: true, stale_time };
    Capability::LongLivedGracefulRestart(vec![family])
}

fn marked(lab: &Lab, i: usize, p: &str) -> bool {
    lab.wires[i].attrs(p).communities.contains(Community::LLGR_STALE)
}

#[test]
fn routes_outlive_the_restart_time_as_a_last_resort() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60), long(1000)], |_| {});
    let other = lab.peer(65002, |_| {});
    let plain = lab.peer(65003, |_| {});
    let aware = lab.peer_with(65004, &[long(0)], |_| {});
    lab.announce(p, &[P, Q], &path(&[65001]));
    lab.announce(other, &[Q], &path(&[65002, 65009]));
    let keep_not = Attrs { communities: vec![Community::NO_LLGR], ..path(&[65001]) };
    lab.announce(p, &["203.0.113.0/24"], &keep_not);
    lab.cut(p);
    lab.advance(59 * SECOND);
    assert!(lab.wires[plain].is_told(P) && !marked(&lab, aware, P), "an ordinary restart so far");
    assert_eq!(lab.best(Q), "65001");
    lab.advance(2 * SECOND);
    assert!(lab.rib.contains_key(&super::lab::prefix(P)));
    assert!(marked(&lab, aware, P) && !lab.wires[plain].is_told(P));
    assert_eq!((lab.best(Q).as_str(), lab.route(Q).unwrap().reason), ("65002 65009", Reason::Staleness));
    assert!(lab.route("203.0.113.0/24").is_none());
    assert!(lab.route(P).unwrap().paths[0].stale);
    lab.advance(998 * SECOND);
    assert!(lab.route(P).is_some());
    lab.advance(3 * SECOND);
    assert!(lab.route(P).is_none() && !lab.wires[aware].is_told(P));
}

#[test]
fn the_peer_comes_back_within_the_long_time() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60), long(1000)], |_| {});
    let aware = lab.peer_with(65004, &[long(0)], |_| {});
    lab.announce(p, &[P, Q], &path(&[65001]));
    lab.cut(p);
    lab.advance(500 * SECOND);
    lab.up(p);
    lab.announce(p, &[P], &path(&[65001]));
    assert!(!marked(&lab, aware, P) && marked(&lab, aware, Q));
    // A second failure begins nothing anew.
    lab.cut(p);
    assert!(marked(&lab, aware, P) && marked(&lab, aware, Q));
    lab.advance(SECOND);
    lab.up(p);
    lab.announce(p, &[Q], &path(&[65001]));
    lab.end_of_rib(p);
    assert_eq!(lab.wires[aware].prefixes(), [Q]);
    assert!(!marked(&lab, aware, Q));
    lab.advance(2000 * SECOND);
    assert!(lab.route(Q).is_some());
}

#[test]
fn a_family_without_a_restart_time_begins_with_the_long_one() {
    let bare =
        Capability::GracefulRestart { restart: false, notification: true, time: 60, families: Vec::new() };
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[bare.clone(), long(100)], |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    lab.cut(p);
    lab.advance(SECOND);
    assert!(lab.route(P).unwrap().paths[0].attributes().communities.contains(Community::LLGR_STALE));
    lab.advance(100 * SECOND);
    assert!(lab.route(P).is_none());
    // A stale time of 0 asks for nothing.
    let q = lab.peer_with(65002, &[bare, long(0)], |_| {});
    lab.announce(q, &[Q], &path(&[65002]));
    lab.cut(q);
    assert!(lab.route(Q).is_none());
}

#[test]
fn forwarding_state_that_was_not_kept_ends_it() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60), long(1000)], |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    lab.cut(p);
    lab.advance(100 * SECOND);
    assert!(lab.route(P).is_some());
    lab.wires[p].open.capabilities.retain(|c| {
        !matches!(c, Capability::GracefulRestart { .. } | Capability::LongLivedGracefulRestart(_))
    });
    lab.up(p);
    assert!(lab.route(P).is_none());
}

#[test]
fn what_is_stale_elsewhere_is_the_last_resort_here_too() {
    let mut lab = Lab::new(|c| c.long_lived_stale_time = 77);
    let p = lab.peer(65001, |_| {});
    let q = lab.peer(65002, |_| {});
    lab.announce(p, &[P], &Attrs { communities: vec![Community::LLGR_STALE], ..path(&[65001]) });
    lab.announce(q, &[P], &path(&[65002, 65003, 65004]));
    assert_eq!(lab.best(P), "65002 65003 65004");
    let open = lab.wires[p].heard_open.clone().unwrap();
    let ours = open.capabilities.iter().find_map(|c| match c {
        Capability::LongLivedGracefulRestart(list) => list.first().copied(),
        _ => None,
    });
    assert_eq!(ours.map(|f| f.stale_time), Some(77));
}
