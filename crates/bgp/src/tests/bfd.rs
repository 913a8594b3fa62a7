//! Sessions that end with BFD, and sessions that wait for it.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bgp_wire::{code, subcode};
use ferr_types::IfIndex;

use super::lab::{Lab, graceful, path};
use crate::config::{GracefulRestartMode, NeighborConfig};
use crate::{BfdHold, BfdPeer, BfdState, DownReason, LogRecord, Output, State};

const SECOND: Duration = Duration::from_secs(1);
const P: &str = "192.0.2.0/24";

fn strict(seconds: u64) -> impl Fn(&mut NeighborConfig) {
    move |n| (n.bfd, n.bfd_strict) = (true, Some(Duration::from_secs(seconds)))
}

fn bfd(lab: &mut Lab, i: usize, state: BfdState) {
    let with = BfdPeer::new(IpAddr::V4(lab.wires[i].addr), Some(IfIndex(1)));
    lab.bgp.bfd_changed(with, state, lab.now);
    lab.settle();
}

fn hold(lab: &mut Lab, i: usize) -> Option<BfdHold> {
    lab.bgp.peer_view(lab.wires[i].id).unwrap().bfd_hold
}

fn last_reset(lab: &mut Lab, i: usize) -> Option<DownReason> {
    lab.bgp.peer_view(lab.wires[i].id).unwrap().last_reset.map(|(_, reason)| reason)
}

#[test]
fn a_failure_ends_the_session_of_those_who_asked() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| n.bfd = true);
    let q = lab.peer(65002, |_| {});
    lab.announce(p, &[P], &path(&[65001]));
    bfd(&mut lab, p, BfdState::Unknown);
    bfd(&mut lab, p, BfdState::Up);
    assert_eq!(lab.state(p), State::Established);
    bfd(&mut lab, p, BfdState::Down);
    bfd(&mut lab, q, BfdState::Down);
    let told = lab.wires[p].notified.as_ref().map(|n| (n.code, n.subcode));
    assert_eq!(told, Some((code::CEASE, subcode::cease::BFD_DOWN)));
    assert_eq!((lab.state(p), lab.state(q)), (State::Idle, State::Established));
    assert_eq!(last_reset(&mut lab, p), Some(DownReason::BfdDown));
    assert!(lab.rib.is_empty());
    // It may come back before BFD does.
    lab.advance(2 * SECOND);
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
}

#[test]
fn a_strict_neighbor_waits_for_bfd() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65001, strict(30));
    assert_eq!(lab.connect(p), None, "refused");
    assert_eq!(lab.state(p), State::Idle);
    assert_eq!(hold(&mut lab, p), Some(BfdHold::Until(lab.now + 30 * SECOND)));
    lab.advance(10 * SECOND);
    bfd(&mut lab, p, BfdState::Up);
    assert_eq!(hold(&mut lab, p), None);
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
    // Out of service is not dead, and the session stays while it may come back.
    bfd(&mut lab, p, BfdState::Unknown);
    lab.advance(10 * SECOND);
    assert_eq!(lab.state(p), State::Established);
    bfd(&mut lab, p, BfdState::Up);
    lab.advance(30 * SECOND);
    assert_eq!(lab.state(p), State::Established);
    bfd(&mut lab, p, BfdState::Down);
    assert_eq!(lab.state(p), State::Idle);
    lab.advance(5 * SECOND);
    assert_eq!(lab.connect(p), None, "BFD is still down");
    bfd(&mut lab, p, BfdState::Up);
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
}

#[test]
fn a_strict_neighbor_connects_by_itself_once_bfd_is_up() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65001, |n| {
        strict(30)(n);
        n.passive = false;
    });
    let connects = |lab: &Lab| lab.events.iter().filter(|e| matches!(e, Output::Connect { .. })).count();
    lab.advance(20 * SECOND);
    assert_eq!(connects(&lab), 0);
    bfd(&mut lab, p, BfdState::Up);
    assert_eq!((connects(&lab), lab.state(p)), (1, State::Connect));
    // An attempt under way ends with BFD, and no other follows.
    bfd(&mut lab, p, BfdState::Down);
    lab.advance(20 * SECOND);
    assert_eq!((connects(&lab), lab.state(p)), (1, State::Idle));
}

#[test]
fn a_strict_neighbor_is_given_up_and_says_why() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65001, strict(30));
    lab.advance(31 * SECOND);
    assert_eq!(hold(&mut lab, p), Some(BfdHold::GivenUp));
    assert_eq!((lab.state(p), last_reset(&mut lab, p)), (State::Idle, Some(DownReason::BfdDown)));
    let missing = |r: &&LogRecord| matches!(r, LogRecord::BfdMissing { name, .. } if name == "10.0.0.1");
    assert_eq!(lab.log.iter().filter(missing).count(), 1);
    lab.advance(300 * SECOND);
    assert_eq!(lab.log.iter().filter(missing).count(), 1, "said once");
    // It is not lost for ever.
    bfd(&mut lab, p, BfdState::Up);
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
}

#[test]
fn a_session_that_becomes_strict_has_the_hold_time() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| n.bfd = true);
    lab.change(p, strict(30));
    lab.advance(29 * SECOND);
    assert_eq!(lab.state(p), State::Established);
    lab.advance(2 * SECOND);
    assert_eq!(lab.state(p), State::Idle);
    // And what is no longer strict does not wait.
    lab.change(p, |n| n.bfd_strict = None);
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
    // With BFD up nothing happens.
    bfd(&mut lab, p, BfdState::Up);
    lab.change(p, strict(30));
    lab.advance(60 * SECOND);
    assert_eq!(lab.state(p), State::Established);
}

#[test]
fn a_strict_session_that_is_lost_without_bfd_stays_lost() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| n.bfd = true);
    lab.change(p, strict(30));
    lab.cut(p);
    lab.advance(10 * SECOND);
    assert_eq!((lab.state(p), lab.connect(p)), (State::Idle, None));
}

#[test]
fn a_shared_fate_is_a_restart() {
    let kept = |capabilities: &[_], mode, state| {
        let mut lab = Lab::new(|_| {});
        let p = lab.peer_with(65001, capabilities, |n| (n.bfd, n.graceful_restart) = (true, mode));
        lab.announce(p, &[P], &path(&[65001]));
        bfd(&mut lab, p, BfdState::Up);
        bfd(&mut lab, p, state);
        assert_ne!(lab.state(p), State::Established);
        let told = lab.wires[p].notified.is_some();
        assert_eq!(told, lab.rib.is_empty(), "what is told ends the restart");
        !told
    };
    let able = [graceful(60)];
    assert!(kept(&able, None, BfdState::ControlPlaneDown));
    assert!(!kept(&able, None, BfdState::Down));
    assert!(!kept(&able, Some(GracefulRestartMode::Disable), BfdState::ControlPlaneDown));
    assert!(!kept(&[], None, BfdState::ControlPlaneDown));
}

#[test]
fn bfd_that_fails_during_a_restart_changes_nothing() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer_with(65001, &[graceful(60)], |n| n.bfd = true);
    lab.announce(p, &[P], &path(&[65001]));
    bfd(&mut lab, p, BfdState::Up);
    lab.cut(p);
    assert!(lab.bgp.bfd_neighbors().all(|n| n.restarts));
    bfd(&mut lab, p, BfdState::ControlPlaneDown);
    assert_eq!(lab.rib.len(), 1);
    assert_eq!(last_reset(&mut lab, p), Some(DownReason::Closed));
    lab.advance(61 * SECOND);
    assert!(lab.rib.is_empty() && lab.bgp.bfd_neighbors().all(|n| !n.restarts));
}

#[test]
fn dynamic_neighbors_are_known_as_long_as_their_routes() {
    let mut lab = Lab::new(|_| {});
    let mut template =
        NeighborConfig::new("group", None, crate::config::RemoteAs::Asn(ferr_types::Asn(65001)));
    template.families[super::lab::V4] = Some(Default::default());
    let listen = |lab: &mut Lab, template: &NeighborConfig| {
        lab.bgp.set_listen_ranges(vec![("10.9.0.0/16".parse().unwrap(), template.clone())], lab.now);
    };
    let connect = |lab: &mut Lab, conn| {
        let ends = ("10.255.0.1:179".parse().unwrap(), "10.9.0.1:40000".parse().unwrap());
        let accept = lab.bgp.accepted(lab.now, crate::ConnId(conn), ends, super::lab::addresses());
        lab.settle();
        accept
    };
    template.bfd = true;
    listen(&mut lab, &template);
    connect(&mut lab, 1 << 61);
    assert_eq!(lab.bgp.bfd_neighbors().count(), 0, "anybody can connect");
    lab.bgp.closed(lab.now, crate::ConnId(1 << 61));
    strict(30)(&mut template);
    listen(&mut lab, &template);
    assert_eq!(connect(&mut lab, (1 << 61) + 1), crate::Accept::Refuse);
    let known: Vec<_> = lab.bgp.bfd_neighbors().collect();
    assert!(matches!(&known[..], [n] if n.name == "10.9.0.1" && n.dynamic && !n.leaving), "{known:?}");
    lab.bgp.bfd_changed(known[0].peer, BfdState::Up, lab.now);
    assert!(matches!(connect(&mut lab, (1 << 61) + 2), crate::Accept::Peer(_)));
    // Without BFD it is forgotten after its time.
    lab.bgp.bfd_changed(known[0].peer, BfdState::Down, lab.now);
    lab.settle();
    connect(&mut lab, (1 << 61) + 3);
    lab.advance(40 * SECOND);
    assert_eq!(lab.bgp.neighbors().count(), 0);
}

#[test]
fn link_local_addresses_are_told_apart_by_their_link() {
    let addr = "fe80::1".parse().unwrap();
    assert_ne!(BfdPeer::new(addr, Some(IfIndex(1))), BfdPeer::new(addr, Some(IfIndex(2))));
    let mut lab = Lab::new(|_| {});
    let mut neighbor = |ifindex| {
        let mut config = NeighborConfig::new("x", Some(addr), crate::config::RemoteAs::External);
        config.families[super::lab::V4] = Some(Default::default());
        (config.interface, config.name) = (Some(IfIndex(ifindex)), ifindex.to_string());
        strict(30)(&mut config);
        lab.bgp.add_neighbor(config, lab.now)
    };
    let (one, two) = (neighbor(1), neighbor(2));
    lab.bgp.bfd_changed(BfdPeer::new(addr, Some(IfIndex(2))), BfdState::Up, lab.now);
    let mut held = |id| lab.bgp.peer_view(id).unwrap().bfd_hold.is_some();
    assert_eq!((held(one), held(two)), (true, false));
}
