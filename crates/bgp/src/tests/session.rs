//! Sessions: set-up, collision, timers, errors.

use std::time::Duration;

use ferr_bgp_wire::{Capability, MAX_LEN, NotificationError, Open, code, keepalive, subcode};
use ferr_types::{Asn, RouterId};

use super::lab::{Lab, OWN_ADDR, V4, addresses, path};
use crate::config::{RemoteAs, Role};
use crate::{Accept, ConnId, DownReason, LogRecord, Output, ResetKind, State};

const SECOND: Duration = Duration::from_secs(1);

fn notified(lab: &Lab, i: usize) -> (u8, u8) {
    lab.wires[i].notified.as_ref().map_or((0, 0), |n| (n.code, n.subcode))
}

#[test]
fn a_session_comes_up_and_says_so() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    let id = lab.wires[p].id;
    assert!(lab.events.contains(&Output::SessionUp { peer: id }));
    assert!(matches!(&lab.log[..], [LogRecord::Up { name, .. }] if name == "10.0.0.1"));
    assert_eq!(lab.wires[p].end_of_rib, [V4]);
    let view = lab.bgp.peer_view(id).unwrap();
    assert_eq!((view.kind, view.remote_as), ("external", Some(Asn(65001))));
    assert_eq!(view.times, Some((180 * SECOND, 60 * SECOND)));
    assert_eq!((view.counters.open_in, view.counters.open_out), (1, 1));
    lab.cut(p);
    assert!(lab.events.contains(&Output::SessionDown { peer: id }));
    assert_eq!(lab.bgp.peer_view(id).unwrap().last_reset.unwrap().1, DownReason::Closed);
}

#[test]
fn a_wrong_open_is_answered_as_the_rfc_says() {
    let open = |edit: &dyn Fn(&mut Open)| {
        let mut lab = Lab::new(|_| {});
        let p = lab.add(65001, |_| {});
        edit(&mut lab.wires[p].open);
        lab.up(p);
        assert_eq!(lab.wires[p].conn, None, "closed");
        notified(&lab, p)
    };
    assert_eq!(open(&|o| *o = Open::new(Asn(65009), 180, o.router_id, Vec::new())), (2, 2));
    assert_eq!(open(&|o| o.router_id = RouterId([0, 0, 0, 0].into())), (2, 3));
    assert_eq!(open(&|o| o.hold_time = 2), (2, 6));
    assert_eq!(open(&|o| o.version = 3), (2, 1));
    let v6_only = Capability::Multiprotocol { afi: 2, safi: 1 };
    assert_eq!(
        open(&|o| o.capabilities = vec![v6_only.clone(), Capability::FourOctetAs(Asn(65001))]),
        (2, 7)
    );
}

#[test]
fn an_internal_peer_with_our_identifier_is_refused() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65000, |_| {});
    lab.wires[p].open.router_id = RouterId(OWN_ADDR);
    lab.up(p);
    assert_eq!(notified(&lab, p), (2, 3));
}

#[test]
fn remote_as_by_kind() {
    for (remote, asn, up) in [
        (RemoteAs::External, 65001, true),
        (RemoteAs::External, 65000, false),
        (RemoteAs::Internal, 65000, true),
        (RemoteAs::Internal, 65001, false),
        (RemoteAs::Auto, 65000, true),
        (RemoteAs::Auto, 65001, true),
    ] {
        let mut lab = Lab::new(|_| {});
        let p = lab.add(asn, |n| n.remote_as = remote);
        lab.up(p);
        assert_eq!(lab.state(p) == State::Established, up, "{remote:?} {asn}");
    }
}

#[test]
fn the_as_is_learnt_from_the_open() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65009, |_| {});
    lab.announce(source, &["192.0.2.0/24"], &path(&[65009]));
    let inner = lab.peer(65000, |n| n.remote_as = RemoteAs::Auto);
    let outer = lab.peer(65001, |n| n.remote_as = RemoteAs::Auto);
    let view = |lab: &mut Lab, i: usize| {
        let view = lab.bgp.peer_view(lab.wires[i].id).unwrap();
        (view.kind, view.remote_as)
    };
    assert_eq!(view(&mut lab, inner), ("internal", Some(Asn(65000))));
    assert_eq!(view(&mut lab, outer), ("external", Some(Asn(65001))));
    assert_eq!(lab.wires[inner].as_path("192.0.2.0/24"), "65009");
    assert_eq!(lab.wires[outer].as_path("192.0.2.0/24"), "65000 65009");
    // What one session taught says nothing of the next.
    lab.cut(outer);
    assert_eq!(view(&mut lab, outer), ("external", None));
    let capabilities = vec![Capability::FourOctetAs(Asn(65002))];
    lab.wires[outer].open = Open::new(Asn(65002), 180, lab.wires[outer].open.router_id, capabilities);
    lab.wires[outer].open.capabilities.push(Capability::Multiprotocol { afi: 1, safi: 1 });
    lab.advance(SECOND);
    lab.up(outer);
    assert_eq!(view(&mut lab, outer), ("external", Some(Asn(65002))));
}

#[test]
fn roles_have_to_fit() {
    for (own, strict, theirs, up) in [
        (Role::Provider, false, Some(3), true),
        (Role::Provider, false, Some(0), false),
        (Role::Peer, false, Some(4), true),
        (Role::RsServer, false, Some(2), true),
        (Role::Customer, false, None, true),
        (Role::Customer, true, None, false),
    ] {
        let mut lab = Lab::new(|_| {});
        let p = lab.add(65001, |n| n.role = Some((own, strict)));
        lab.wires[p].open.capabilities.extend(theirs.map(Capability::Role));
        lab.up(p);
        assert_eq!(lab.state(p) == State::Established, up, "{own:?} {theirs:?}");
        assert_eq!(notified(&lab, p), if up { (0, 0) } else { (2, subcode::open::ROLE_MISMATCH) });
    }
}

#[test]
fn messages_in_the_wrong_state_are_errors_of_the_state_machine() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65001, |_| {});
    lab.connect(p);
    lab.send(p, &keepalive());
    assert_eq!(notified(&lab, p), (code::FSM, subcode::fsm::OPEN_SENT));
    lab.advance(10 * SECOND);
    lab.up(p);
    let mut again = Vec::new();
    lab.wires[p].open.encode(&mut again);
    lab.send(p, &again);
    assert_eq!(notified(&lab, p), (code::FSM, subcode::fsm::ESTABLISHED));
    assert_eq!(lab.state(p), State::Idle);
}

#[test]
fn hold_timer() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| (n.hold_time, n.keepalive) = (9, 3));
    lab.advance(100 * SECOND);
    assert_eq!(lab.state(p), State::Established, "keepalives hold it");
    lab.wires[p].alive = false;
    lab.advance(7 * SECOND);
    assert_eq!(lab.state(p), State::Established);
    lab.advance(3 * SECOND);
    assert_eq!(notified(&lab, p), (code::HOLD_TIMER, 0));
}

#[test]
fn no_hold_time_means_no_timers() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |n| n.hold_time = 0);
    lab.wires[p].alive = false;
    lab.advance(100_000 * SECOND);
    assert_eq!(lab.state(p), State::Established);
}

/// RFC 9687.
#[test]
fn a_peer_that_does_not_read_is_dropped() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    let conn = lab.wires[p].conn.unwrap();
    lab.bgp.write_blocked(lab.now, conn, true);
    lab.advance(300 * SECOND);
    lab.bgp.write_blocked(lab.now, conn, false);
    lab.bgp.write_blocked(lab.now, conn, true);
    lab.advance(479 * SECOND);
    assert_eq!(lab.state(p), State::Established, "progress starts the time anew");
    lab.advance(2 * SECOND);
    let view = lab.bgp.peer_view(lab.wires[p].id).unwrap();
    assert_eq!(view.last_reset.unwrap().1, DownReason::SendHoldTimer);
}

/// Both sides connected; the connection of the higher identifier (or, with equal ones, of the larger AS) stays.
fn collide(remote_id: [u8; 4], asn: u32) -> bool {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(asn, |n| n.passive = false);
    let Some(Output::Connect { conn: ours, .. }) =
        lab.events.iter().find(|e| matches!(e, Output::Connect { .. })).cloned()
    else {
        panic!("no attempt: {:?}", lab.events)
    };
    lab.wires[p].open.router_id = RouterId(remote_id.into());
    let theirs = lab.connect(p).unwrap();
    let ends = lab.ends(p);
    lab.bgp.connected(lab.now, ours, ends, addresses());
    let mut open = Vec::new();
    lab.wires[p].open.encode(&mut open);
    for conn in [ours, theirs] {
        lab.bgp.received(lab.now, conn, &open);
    }
    lab.wires[p].reads = false;
    lab.settle();
    let closed = |c: ConnId| lab.events.contains(&Output::Close { conn: c });
    assert!(closed(ours) != closed(theirs), "exactly one goes");
    let kept = if closed(ours) { theirs } else { ours };
    lab.bgp.received(lab.now, kept, &keepalive());
    assert_eq!(lab.state(p), State::Established);
    kept == ours
}

#[test]
fn collisions_leave_the_connection_of_the_higher_identifier() {
    assert!(collide([10, 0, 0, 1], 65001));
    assert!(!collide([10, 0, 1, 1], 65001));
    // RFC 6286 section 2.3.
    assert!(collide(OWN_ADDR.octets(), 64999));
    assert!(!collide(OWN_ADDR.octets(), 65001));
}

#[test]
fn a_second_connection_does_not_disturb_a_session() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    let first = lab.wires[p].conn;
    let second = ConnId(u64::MAX);
    let ends = lab.ends(p);
    lab.bgp.accepted(lab.now, second, ends, addresses());
    lab.settle();
    assert_eq!(lab.state(p), State::Established);
    lab.bgp.closed(lab.now, second);
    lab.settle();
    assert_eq!((lab.state(p), lab.wires[p].conn), (State::Established, first));
}

#[test]
fn a_connection_that_was_never_heard_on_makes_room_for_a_new_one() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65001, |_| {});
    let silent = lab.connect(p).unwrap();
    assert_eq!(lab.state(p), State::OpenSent);
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
    lab.bgp.closed(lab.now, silent);
    lab.settle();
    assert_eq!(lab.state(p), State::Established);
}

#[test]
fn strangers_are_refused() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65001, |n| n.shutdown = Some(String::new()));
    assert_eq!(lab.connect(p), None);
    let ends = (lab.ends(p).0, "192.0.2.99:5".parse().unwrap());
    assert_eq!(lab.bgp.accepted(lab.now, ConnId(u64::MAX), ends, addresses()), Accept::Refuse);
}

/// RFC 8654 section 4: what we offered is what we take, whatever the peer offered; before its OPEN as well.
#[test]
fn long_messages_only_after_our_own_offer() {
    let long = |offer: bool, peer_offers: bool| {
        let mut lab = Lab::new(|_| {});
        let p = lab.add(65001, |n| n.dont_negotiate_capabilities = !offer);
        if peer_offers {
            lab.wires[p].open.capabilities.push(Capability::ExtendedMessage);
        }
        lab.up(p);
        assert_eq!(lab.state(p), State::Established);
        let mut header = [0xff; 19];
        header[16..18].copy_from_slice(&(MAX_LEN + 1).to_be_bytes());
        header[18] = 2;
        let conn = lab.wires[p].conn.unwrap();
        lab.bgp.received(lab.now, conn, &header);
        lab.settle();
        notified(&lab, p)
    };
    assert_eq!(long(true, true), (0, 0), "waits for the rest");
    assert_eq!(long(true, false), (0, 0));
    assert_eq!(long(false, true), (1, 2));
}

#[test]
fn an_administrator_closes_with_the_reason() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.change(p, |n| n.shutdown = Some("maintenance".into()));
    let told = lab.wires[p].notified.clone().unwrap();
    assert_eq!((told.code, told.subcode), (code::CEASE, subcode::cease::SHUTDOWN));
    assert_eq!(told.shutdown_text().as_deref(), Some("maintenance"), "RFC 9003");
    lab.change(p, |n| n.shutdown = None);
    lab.up(p);
    lab.bgp.clear(lab.wires[p].id, None, ResetKind::Hard, lab.now);
    lab.settle();
    assert_eq!(notified(&lab, p), (code::CEASE, subcode::cease::RESET));
    lab.up(p);
    lab.bgp.shutdown(false, lab.now);
    lab.settle();
    assert_eq!(notified(&lab, p), (code::CEASE, subcode::cease::DECONFIGURED));
}

#[test]
fn only_changes_that_the_open_carries_reset_the_session() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.change(p, |n| n.description = Some("x".into()));
    lab.change_family(p, |f| f.weight = Some(5));
    lab.change_family(p, |f| f.next_hop_self = crate::config::NexthopSelf::Force);
    lab.configure(|c| c.default_local_pref = 50);
    assert_eq!(lab.state(p), State::Established);
    let id = lab.wires[p].id;
    assert_eq!(lab.bgp.peer_view(id).unwrap().dropped_count, 0);
    lab.change(p, |n| n.hold_time = 30);
    assert_eq!(notified(&lab, p), (code::CEASE, subcode::cease::CONFIG_CHANGE));
}

#[test]
fn dynamic_neighbors_come_from_a_range_and_go_with_their_session() {
    let mut lab = Lab::new(|c| c.listen_limit = 1);
    let mut template = crate::config::NeighborConfig::new("group", None, RemoteAs::External);
    template.families[V4] = Some(crate::config::NeighborFamily::default());
    lab.bgp.set_listen_ranges(vec![("192.0.2.0/24".parse().unwrap(), template)], lab.now);
    let connect = |lab: &mut Lab, host: u8, conn: u64| {
        let remote = format!("192.0.2.{host}:4000").parse().unwrap();
        let ends = ("10.0.0.254:179".parse().unwrap(), remote);
        let accept = lab.bgp.accepted(lab.now, ConnId(conn), ends, addresses());
        lab.settle();
        accept
    };
    assert!(matches!(connect(&mut lab, 1, 1 << 50), Accept::Peer(_)));
    assert_eq!(connect(&mut lab, 2, 1 << 51), Accept::Refuse, "the limit");
    lab.bgp.closed(lab.now, ConnId(1 << 50));
    lab.settle();
    assert!(lab.events.iter().any(|e| matches!(e, Output::DynamicRemoved { .. })));
    assert_eq!(lab.bgp.neighbors().count(), 0);
    assert!(matches!(connect(&mut lab, 2, 1 << 52), Accept::Peer(_)), "room again");
}

#[test]
fn numbers_of_neighbors_that_are_gone_name_nobody() {
    let mut lab = Lab::new(|_| {});
    let first = lab.peer(65001, |_| {});
    let mut template = crate::config::NeighborConfig::new("group", None, RemoteAs::External);
    template.families[V4] = Some(crate::config::NeighborFamily::default());
    lab.bgp.set_listen_ranges(vec![("192.0.2.0/24".parse().unwrap(), template)], lab.now);
    let mut gone = Vec::new();
    for conn in 0..100 {
        let (conn, remote) = (ConnId((1 << 50) + conn), "192.0.2.1:4000".parse().unwrap());
        let ends = ("10.0.0.254:179".parse().unwrap(), remote);
        let Accept::Peer(id) = lab.bgp.accepted(lab.now, conn, ends, addresses()) else {
            panic!("the range takes it")
        };
        assert!(gone.last().is_none_or(|last| *last < id), "{id:?} after {gone:?}");
        lab.bgp.closed(lab.now, conn);
        lab.settle();
        gone.push(id);
    }
    let last = lab.peer(65002, |_| {});
    assert!(gone.iter().all(|id| lab.bgp.neighbor(*id).is_none()));
    assert_eq!(lab.bgp.neighbors().count(), 2);
    for p in [first, last] {
        assert_eq!(lab.state(p), State::Established);
    }
}

#[test]
fn removed_neighbors_are_forgotten() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    lab.announce(p, &["192.0.2.0/24"], &path(&[65001]));
    let id = lab.wires[p].id;
    lab.bgp.remove_neighbor(id, lab.now);
    lab.settle();
    assert_eq!(notified(&lab, p), (code::CEASE, subcode::cease::DECONFIGURED));
    assert!(lab.route("192.0.2.0/24").is_none() && lab.bgp.neighbor(id).is_none());
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 0);
}

/// Connections that come and go leave nothing behind.
#[test]
fn failed_connections_leave_no_messages_behind() {
    let mut lab = Lab::new(|_| {});
    let p = lab.add(65001, |_| {});
    lab.wires[p].reads = false;
    for _ in 0..5000 {
        lab.connect(p);
        lab.cut(p);
        lab.advance(130 * SECOND);
    }
    assert_eq!(lab.bgp.peer_view(lab.wires[p].id).unwrap().out_queue, 0);
    lab.wires[p].reads = true;
    lab.up(p);
    assert_eq!(lab.state(p), State::Established);
}

#[test]
fn a_notification_from_the_peer_ends_the_session_without_an_answer() {
    let mut lab = Lab::new(|_| {});
    let p = lab.peer(65001, |_| {});
    let error = NotificationError::new(code::CEASE, subcode::cease::SHUTDOWN);
    lab.notify(p, &error);
    assert_eq!(lab.wires[p].notified, None);
    let view = lab.bgp.peer_view(lab.wires[p].id).unwrap();
    assert_eq!(view.last_reset.unwrap().1, DownReason::NotificationReceived(error));
}
