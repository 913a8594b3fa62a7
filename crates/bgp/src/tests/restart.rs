//! Graceful restart, refresh, and limits that close a session.

use std::time::Duration;

use ferr_bgp_wire::{Capability, NotificationError, RefreshSubtype, RouteRefresh, code, subcode};

use ferr_types::Afi;

use super::lab::{Lab, V4, graceful, path};
use crate::config::{GracefulRestartMode, MaximumPrefix};
use crate::{LogRecord, State};

const SECOND: Duration = Duration::from_secs(1);
const P: &str = "192.0.2.0/24";
const Q: &str = "198.51.100.0/24";

fn stale(lab: &mut Lab, p: &str) -> Option<bool> {
    lab.route(p).map(|r| r.paths[0].stale)
}

#[test]
fn routes_of_a_restarting_peer_are_kept_until_its_end_of_rib() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60)], |_| {});
    lab.announce(p, &[P, Q], &path(&[65001]));
    lab.cut(p);
    assert_eq!((stale(&mut lab, P), stale(&mut lab, Q)), (Some(true), Some(true)));
    assert_eq!(lab.rib.len(), 2, "forwarding goes on");
    lab.advance(30 * SECOND);
    lab.up(p);
    lab.announce(p, &[P], &path(&[65001]));
    assert_eq!((stale(&mut lab, P), stale(&mut lab, Q)), (Some(false), Some(true)));
    // The restart time ended; the peer is back and still sends.
    lab.advance(100 * SECOND);
    assert_eq!(lab.rib.len(), 2);
    lab.end_of_rib(p);
    assert_eq!((stale(&mut lab, P), stale(&mut lab, Q)), (Some(false), None));
    assert_eq!(lab.rib.len(), 1);
}

#[test]
fn a_peer_that_does_not_come_back_loses_its_routes() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60)], |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    lab.cut(p);
    lab.advance(59 * SECOND);
    assert!(lab.route(P).is_some());
    lab.advance(2 * SECOND);
    assert!(lab.route(P).is_none() && lab.rib.is_empty());
}

#[test]
fn a_peer_that_never_ends_its_rib_is_swept_in_the_end() {
    let mut lab = Lab::new(|c| c.stalepath_time = 300 * SECOND);
    let p = lab.peer_with(65001, &[graceful(60)], |_| {});
    lab.announce(p, &[P, Q], &path(&[65001]));
    lab.cut(p);
    lab.up(p);
    lab.announce(p, &[P], &path(&[65001]));
    lab.advance(290 * SECOND);
    assert!(lab.route(Q).is_some());
    lab.advance(20 * SECOND);
    assert!(lab.route(Q).is_none() && lab.route(P).is_some());
}

/// RFC 4724 section 4.2: what was stale already at the next failure goes.
#[test]
fn stale_routes_do_not_survive_a_second_failure() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60)], |_| {});
    lab.announce(p, &[P, Q], &path(&[65001]));
    lab.cut(p);
    lab.up(p);
    lab.announce(p, &[P], &path(&[65001]));
    lab.cut(p);
    assert_eq!((stale(&mut lab, P), stale(&mut lab, Q)), (Some(true), None));
}

#[test]
fn a_restart_without_forwarding_state_clears_at_once() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60)], |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    lab.cut(p);
    lab.wires[p].open.capabilities.retain(|c| !matches!(c, Capability::GracefulRestart { .. }));
    lab.up(p);
    assert!(lab.route(P).is_none());
}

#[test]
fn what_is_graceful() {
    let kept = |mode: Option<GracefulRestartMode>, end: &dyn Fn(&mut Lab, usize)| {
        let mut lab = Lab::new(|_| {});
        let p = lab.peer_with(65001, &[graceful(60)], |n| n.graceful_restart = mode);
        lab.announce(p, &[P], &path(&[65001]));
        end(&mut lab, p);
        assert_ne!(lab.state(p), State::Established);
        lab.route(P).is_some()
    };
    let cease = |sub| NotificationError::new(code::CEASE, sub);
    assert!(kept(None, &|lab, p| lab.cut(p)));
    assert!(!kept(Some(GracefulRestartMode::Disable), &|lab, p| lab.cut(p)));
    // RFC 8538: the peer offered the N bit.
    assert!(kept(None, &|lab, p| lab.notify(p, &cease(subcode::cease::RESET))));
    assert!(!kept(None, &|lab, p| lab.notify(p, &cease(subcode::cease::HARD_RESET))));
    assert!(!kept(None, &|lab, p| lab.change(p, |n| n.shutdown = Some(String::new()))));
}

#[test]
fn a_restarted_peer_takes_over_its_session() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60)], |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    // It crashed; TCP does not know yet.
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
    assert_eq!(stale(&mut lab, P), Some(true));
    lab.end_of_rib(p);
    assert!(lab.route(P).is_none());
}

pub(super) fn refresh(subtype: RefreshSubtype) -> Vec<u8> {
    let mut bytes = Vec::new();
    RouteRefresh { afi: 1, safi: 1, subtype, orf: Vec::new() }.encode(&mut bytes);
    bytes
}

#[test]
fn a_refresh_is_answered_with_everything() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let plain = lab.peer(65002, |_| {});
    let enhanced = lab.peer_with(65003, &[Capability::EnhancedRouteRefresh], |_| {});
    lab.announce(source, &[P, Q], &path(&[65001]));
    for p in [plain, enhanced] {
        lab.wires[p].table.clear();
        lab.send(p, &refresh(RefreshSubtype::Request));
        assert_eq!(lab.wires[p].prefixes(), [P, Q]);
    }
    assert!(lab.wires[plain].refreshes.is_empty());
    let markers: Vec<_> = lab.wires[enhanced].refreshes.iter().map(|r| r.subtype).collect();
    assert_eq!(markers, [RefreshSubtype::Begin, RefreshSubtype::End], "RFC 7313");
}

#[test]
fn an_enhanced_refresh_sweeps_what_was_not_said_again() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[Capability::EnhancedRouteRefresh], |_| {});
    lab.announce(p, &[P, Q], &path(&[65001]));
    lab.send(p, &refresh(RefreshSubtype::Begin));
    lab.announce(p, &[P], &path(&[65001]));
    assert_eq!(lab.rib.len(), 2, "until the end");
    lab.send(p, &refresh(RefreshSubtype::End));
    assert!(lab.route(P).is_some() && lab.route(Q).is_none());
    // An end without a beginning means nothing.
    lab.send(p, &refresh(RefreshSubtype::End));
    assert!(lab.route(P).is_some());
}

fn limit(edit: impl FnOnce(&mut MaximumPrefix)) -> Option<MaximumPrefix> {
    let mut max = MaximumPrefix { limit: 4, threshold: 75, warning_only: false, restart: None, force: false };
    edit(&mut max);
    Some(max)
}

fn over(max: Option<MaximumPrefix>) -> (Lab, usize) {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60)], |n| n.families[V4].as_mut().unwrap().maximum_prefix = max);
    let list: Vec<String> = (0..4).map(|i| format!("192.0.{i}.0/24")).collect();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    lab.announce(p, &list[..3], &path(&[65001]));
    assert!(!lab.log.iter().any(|l| matches!(l, LogRecord::MaximumPrefix { .. })), "at 75 % exactly");
    lab.announce(p, &list[3..], &path(&[65001]));
    let warned =
        |l: &LogRecord| matches!(l, LogRecord::MaximumPrefix { warning: true, count: 4, limit: 4, .. });
    assert_eq!(lab.log.iter().filter(|l| warned(l)).count(), 1);
    lab.announce(p, &["192.0.9.0/24"], &path(&[65001]));
    (lab, p)
}

#[test]
fn too_many_prefixes_close_the_session_until_it_is_cleared() {
    let (mut lab, p) = over(limit(|_| {}));
    let told = lab.wires[p].notified.clone().unwrap();
    assert_eq!((told.code, told.subcode), (code::CEASE, subcode::cease::MAX_PREFIXES));
    assert_eq!(told.data[..], [0, 1, 1, 0, 0, 0, 4], "RFC 4486");
    assert!(lab.rib.is_empty());
    lab.advance(100_000 * SECOND);
    assert_eq!(lab.state(p), State::Idle);
    lab.up(p);
    assert_ne!(lab.state(p), State::Established);
    assert!(lab.bgp.peer_view(lab.wires[p].id).unwrap().prefix_limit);
    lab.bgp.clear(lab.wires[p].id, None, crate::ResetKind::Hard, lab.now);
    lab.settle();
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
}

#[test]
fn too_many_prefixes_may_end_by_themselves_or_warn() {
    let (mut lab, p) = over(limit(|m| m.restart = Some(600 * SECOND)));
    lab.advance(599 * SECOND);
    lab.up(p);
    assert_ne!(lab.state(p), State::Established);
    lab.advance(2 * SECOND);
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
    let (mut lab, p) = over(limit(|m| m.warning_only = true));
    assert_eq!(lab.state(p), State::Established);
    assert_eq!(lab.rib.len(), 5);
}

#[test]
fn a_notification_ends_what_is_kept_unless_both_say_otherwise() {
    for ours in [true, false] {
        let mut lab = Lab::new(|c| c.notification_keeps = ours);
        let p = lab.peer_with(65001, &[graceful(60)], |_| {});
        let open = lab.wires[p].heard_open.clone().unwrap();
        let said = open.has(|c| matches!(c, Capability::GracefulRestart { notification: true, .. }));
        lab.announce(p, &[P], &path(&[65001]));
        lab.notify(p, &NotificationError::new(code::CEASE, subcode::cease::RESET));
        assert_eq!((said, lab.route(P).is_some()), (ours, ours));
    }
}

/// Codes of what a peer is told, and of what is in it when it is a Hard Reset.
fn told(lab: &Lab, p: usize) -> (u8, Option<u8>) {
    let told = lab.wires[p].notified.clone().unwrap();
    (told.subcode, told.hard_reset_inner().map(|inner| inner.subcode))
}

#[test]
fn what_peers_shall_not_keep_ends_in_a_hard_reset() {
    use subcode::cease::{CONFIG_CHANGE, DECONFIGURED, HARD_RESET, RESET, SHUTDOWN};
    let end = |ours: bool, hard: bool, how: &dyn Fn(&mut Lab, usize)| {
        let mut lab = Lab::new(|c| c.notification_keeps = ours);
        let p = lab.peer_with(65001, &[graceful(60)], |_| {});
        lab.configure(|c| c.hard_administrative_reset = hard);
        assert_eq!(lab.state(p), State::Established);
        how(&mut lab, p);
        lab.settle();
        told(&lab, p)
    };
    let shutdown = |lab: &mut Lab, p: usize| lab.change(p, |n| n.shutdown = Some("bye".into()));
    let reset =
        |lab: &mut Lab, p: usize| lab.bgp.clear(lab.wires[p].id, None, crate::ResetKind::Hard, lab.now);
    assert_eq!(end(true, true, &shutdown), (HARD_RESET, Some(SHUTDOWN)));
    assert_eq!(end(true, true, &reset), (HARD_RESET, Some(RESET)));
    assert_eq!(end(true, false, &reset), (RESET, None));
    assert_eq!(end(true, true, &|lab, _| lab.bgp.shutdown(false, lab.now)), (HARD_RESET, Some(DECONFIGURED)));
    assert_eq!(end(true, true, &|lab, p| lab.change(p, |n| n.hold_time = 30)), (CONFIG_CHANGE, None));
    // Who would end it anyway hears no more than before.
    assert_eq!(end(false, true, &shutdown), (SHUTDOWN, None));
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    shutdown(&mut lab, p);
    assert_eq!(told(&lab, p), (SHUTDOWN, None));
}

#[test]
fn who_knows_graceful_restart_is_left_without_a_word_when_routes_stay() {
    for mode in [GracefulRestartMode::Restart, GracefulRestartMode::Helper] {
        let mut lab = Lab::new(|c| c.graceful_restart = mode);
        let knows = lab.peer_with(65001, &[graceful(60)], |_| {});
        let other = lab.peer(65002, |_| {});
        lab.bgp.shutdown(true, lab.now);
        lab.settle();
        assert_eq!(lab.wires[knows].notified.is_none(), mode == GracefulRestartMode::Restart);
        assert_eq!(told(&lab, other).0, subcode::cease::DECONFIGURED);
        assert!(lab.wires[knows].conn.is_none() && lab.wires[other].conn.is_none());
    }
}

#[test]
fn all_is_known_when_nobody_owes_an_end_of_rib() {
    let mut lab = Lab::new(|_| {});
    assert!(!lab.bgp.awaits(Afi::Ipv4), "there is nobody");
    let a = lab.peer(65001, |_| {});
    let b = lab.add(65002, |_| {});
    lab.end_of_rib(a);
    assert!(lab.bgp.awaits(Afi::Ipv4), "the other one did not come yet");
    assert!(!lab.bgp.awaits(Afi::Ipv6), "no neighbor has it");
    lab.up(b);
    assert!(lab.bgp.awaits(Afi::Ipv4));
    lab.end_of_rib(b);
    assert!(!lab.bgp.awaits(Afi::Ipv4));
    lab.cut(b);
    lab.up(b);
    assert!(lab.bgp.awaits(Afi::Ipv4), "it says everything again");
    lab.change(b, |c| c.shutdown = Some(String::new()));
    assert!(!lab.bgp.awaits(Afi::Ipv4), "it shall not come");
}

#[test]
fn routes_that_are_not_selected_yet_are_awaited() {
    let mut lab = Lab::new(|c| c.graceful_restart = GracefulRestartMode::Restart);
    assert_eq!(lab.bgp.longest_deferral(), Some(360 * SECOND));
    lab.bgp.start(lab.now);
    let a = lab.peer(65001, |_| {});
    assert!(lab.bgp.awaits(Afi::Ipv4));
    lab.end_of_rib(a);
    assert!(!lab.bgp.awaits(Afi::Ipv4));
    assert_eq!(Lab::new(|_| {}).bgp.longest_deferral(), None);
}
