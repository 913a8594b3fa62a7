//! Two speakers and what happens to them.

use super::lab::{Lab, ms};
use crate::*;

fn downs(lab: &Lab) -> usize {
    lab.events.iter().filter(|(_, _, e)| matches!(e, Event::Down { .. } | Event::AdminDown(_))).count()
}

#[test]
fn a_simultaneous_start_comes_up_within_two_seconds() {
    for hop in [HopMode::Single, HopMode::Multi] {
        let config = SessionConfig { minimum_ttl: Some(1), ..Lab::fast() };
        let mut lab = Lab::with_hop([config.clone(), config], hop);
        lab.run(ms(1500));
        assert_eq!(lab.states(), [State::Up; 2]);
        for side in 0..2 {
            let ups = lab.events.iter().filter(|(_, s, e)| *s == side && matches!(e, Event::Up(_))).count();
            assert_eq!(ups, 1);
            assert_eq!(lab.view(side).local, Some(super::lab::address(side)));
            assert_eq!(lab.view(side).interface, Some(ferr_types::IfIndex(3)));
        }
    }
}

#[test]
fn moderate_loss_and_reordering_are_survived() {
    let five = SessionConfig { detect_mult: 5, ..Lab::fast() };
    let mut lab = Lab::new([five.clone(), five]);
    lab.up();
    lab.loss = [3, 3];
    lab.reorder = ms(40);
    lab.run(ms(120_000));
    assert_eq!(downs(&lab), 0);
    assert_eq!(lab.speakers[0].view().drops.total(), 0);
}

#[test]
fn a_dead_path_is_found_within_the_detection_time() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    lab.loss = [100, 100];
    let start = lab.now;
    lab.run(ms(500));
    assert_eq!(downs(&lab), 2);
    for (time, _, event) in &lab.events {
        let passed = time.saturating_since(start);
        assert!(passed <= ms(151) && passed >= ms(99), "{passed:?}");
        let reason = DownReason::DetectionTimeExpired;
        assert!(
            matches!(event, Event::Down { diag: Diag::DETECTION_TIME_EXPIRED, reason: r, .. } if *r == reason)
        );
    }
    assert_eq!(lab.view(0).detection_error.max(), ms(0));
    lab.loss = [0, 0];
    lab.up();
}

#[test]
fn one_way_loss_takes_both_sides_down() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    lab.loss = [100, 0];
    lab.run(ms(200));
    assert_eq!(lab.view(0).diag, Diag::DETECTION_TIME_EXPIRED);
    assert_eq!(lab.view(1).diag, Diag::NEIGHBOR_DOWN);
    lab.run(ms(20_000));
    assert_ne!(lab.states(), [State::Up; 2]);
    assert_eq!(downs(&lab), 2, "no flapping");
    lab.loss = [0, 0];
    lab.up();
}

#[test]
fn a_restarted_peer_recovers_in_one_exchange() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    let before = lab.view(0).remote_discriminator;
    lab.restart(1);
    let sent = lab.sent.len();
    // Its first packet has discriminator zero; our session was Up all the time.
    lab.run(ms(110));
    assert_eq!(lab.states(), [State::Up; 2]);
    assert_ne!(lab.view(0).remote_discriminator, before);
    let first = lab.sent[sent..].iter().position(|s| s.from == 1).unwrap() + sent;
    assert_eq!(lab.sent[first].control.your_discriminator, 0);
    let answer = lab.sent[first..].iter().find(|s| s.from == 0 && s.control.state == State::Down).unwrap();
    assert_eq!(answer.control.your_discriminator, lab.view(1).discriminator);
    assert_eq!(downs(&lab), 1);
}

#[test]
fn admin_down_is_told_as_such() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    lab.change(0, |c| c.admin_down = true);
    lab.run(ms(100));
    assert_eq!(lab.states(), [State::AdminDown, State::Down]);
    let reason = DownReason::Local;
    assert_eq!(lab.events[0].2, Event::Down { session: lab.ids[0], diag: Diag::ADMIN_DOWN, reason });
    assert_eq!(lab.events[1].2, Event::AdminDown(lab.ids[1]));
    lab.run(ms(10_000));
    assert_eq!(lab.states(), [State::AdminDown, State::Down]);
    assert_eq!(lab.view(1).remote_diag, Diag::ADMIN_DOWN);
    assert_eq!(lab.view(1).remote_state, State::AdminDown);
    lab.change(0, |c| c.admin_down = false);
    lab.up();
}

#[test]
fn a_failure_from_outside_is_signalled() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    lab.speakers[0].fail(lab.now, lab.ids[0], Diag::FORWARDING_PLANE_RESET).unwrap();
    lab.run(ms(2));
    assert_eq!(lab.view(1).remote_diag, Diag::FORWARDING_PLANE_RESET);
    assert_eq!(downs(&lab), 2);
    lab.up();
    lab.speakers[0].set_diag(lab.ids[0], Diag::CONCATENATED_PATH_DOWN).unwrap();
    lab.run(ms(100));
    assert_eq!(lab.view(1).remote_diag, Diag::CONCATENATED_PATH_DOWN);
    assert_eq!(lab.states(), [State::Up; 2]);
}

#[test]
fn a_removed_session_leaves_nothing_behind() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    let id = lab.ids[0];
    lab.speakers[0].set_admin_down(lab.now, id, true).unwrap();
    let mut out = vec![Transmit::default(); 4];
    assert_eq!(lab.speakers[0].poll_transmit(lab.now, &mut out), 1);
    assert!(lab.speakers[0].remove(id).is_some());
    assert!(lab.speakers[0].remove(id).is_none());
    assert_eq!(lab.speakers[0].poll_timeout(), None);
    assert_eq!(lab.speakers[0].poll_event(), None);
    assert!(lab.speakers[0].session(id).is_none());
    assert!(lab.speakers[0].find(&super::lab::key(0, HopMode::Single)).is_none());
    let again = lab.speakers[0].add(lab.now, super::lab::key(0, HopMode::Single), Lab::fast()).unwrap();
    assert_ne!(again, id);
    assert!(lab.speakers[0].session(id).is_none());
    assert_eq!(lab.speakers[0].set_config(lab.now, id, Lab::fast()), Ok(None));
    lab.ids[0] = again;
    lab.up();
}

#[test]
fn hostile_packets_change_nothing() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    let mut random = random::Random::new(3);
    for step in 0..20_000u32 {
        let mut bytes = [0; 24];
        bytes.fill_with(|| random.below(256) as u8);
        if step % 2 == 0 {
            bytes[0] = 0x20;
            (bytes[2], bytes[3]) = (3, 24);
            bytes[1] &= 0xc0;
        }
        let received = Received {
            vrf: ferr_types::VrfId(0),
            interface: None,
            source: super::lab::address(1),
            destination: None,
            ttl: Some(if step % 3 == 0 { 255 } else { 64 }),
            hop: HopMode::Single,
            arrival: Some(lab.now),
            payload: &bytes,
        };
        assert!(lab.speakers[0].receive(lab.now, &received).is_err());
        if step % 100 == 0 {
            lab.run(ms(1));
        }
    }
    lab.run(ms(1000));
    assert_eq!(downs(&lab), 0);
    assert_eq!(lab.states(), [State::Up; 2]);
    assert_eq!(lab.speakers[0].view().drops.total(), 20_000);
}
