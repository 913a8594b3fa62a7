//! RFC 5880 sections 6.8.2 to 6.8.4 and 6.5: negotiation, Poll Sequences, detection.

use ferr_bfd_wire::Control;

use super::lab::{Lab, ms};
use super::solo::Solo;
use crate::*;

fn config(tx: u64, rx: u64) -> SessionConfig {
    SessionConfig { desired_min_tx: ms(tx), required_min_rx: ms(rx), ..SessionConfig::default() }
}

#[test]
fn the_slower_side_decides_each_direction() {
    let mut lab = Lab::new([config(100, 400), config(200, 50)]);
    lab.up();
    assert_eq!(lab.view(0).transmit_interval, ms(100));
    assert_eq!(lab.view(1).transmit_interval, ms(400));
    assert_eq!(lab.view(0).detection_time, ms(1200));
    assert_eq!(lab.view(1).detection_time, ms(300));
}

#[test]
fn not_up_means_a_second_at_least() {
    let mut solo = Solo::new(config(50, 50));
    let sent = solo.wait(ms(20_000));
    assert!(sent.iter().all(|(_, c)| c.desired_min_tx == 1_000_000 && c.required_min_rx == 50_000));
    for pair in sent.windows(2) {
        let gap = pair[1].0.saturating_since(pair[0].0);
        assert!(gap >= ms(750) && gap <= ms(1000), "{gap:?}");
    }
    let mut slow = Solo::new(config(3000, 50));
    assert!(slow.wait(ms(9000)).iter().all(|(_, c)| c.desired_min_tx == 3_000_000));
}

#[test]
fn coming_up_and_going_down_are_polled() {
    let mut solo = Solo::new(config(50, 50));
    solo.give(&solo.control(State::Down)).unwrap();
    solo.give(&solo.control(State::Init)).unwrap();
    let first = solo.drain();
    assert!(first.iter().any(|c| c.state == State::Up && c.poll && c.desired_min_tx == 50_000));
    solo.give(&Control { is_final: true, ..solo.control(State::Up) }).unwrap();
    solo.give(&solo.control(State::Down)).unwrap();
    let down = solo.drain();
    assert!(
        down.iter().any(|c| c.state == State::Down && c.poll && c.desired_min_tx == 1_000_000),
        "{down:?}"
    );
}

#[test]
fn a_longer_transmit_interval_waits_for_the_end_of_the_poll() {
    let mut solo = Solo::up(config(300, 300));
    let longer = config(2000, 300);
    solo.speaker.set_config(solo.now, solo.id, longer).unwrap();
    let sent = solo.drain();
    assert!(sent.iter().all(|c| c.poll && c.desired_min_tx == 2_000_000));
    assert_eq!(solo.view().transmit_interval, ms(300));
    solo.give(&solo.control(State::Up)).unwrap();
    assert_eq!(solo.view().transmit_interval, ms(300));
    solo.give(&Control { is_final: true, ..solo.control(State::Up) }).unwrap();
    assert_eq!(solo.view().transmit_interval, ms(2000));
}

#[test]
fn a_shorter_transmit_interval_is_used_at_once() {
    let mut solo = Solo::up(config(3000, 300));
    let slow = Control { required_min_rx: 10_000, ..solo.control(State::Up) };
    solo.give(&slow).unwrap();
    assert_eq!(solo.view().transmit_interval, ms(3000));
    solo.speaker.set_config(solo.now, solo.id, config(20, 300)).unwrap();
    assert_eq!(solo.view().transmit_interval, ms(20));
    assert!(solo.drain().iter().any(|c| c.poll));
}

#[test]
fn a_shorter_receive_interval_waits_for_the_end_of_the_poll() {
    let mut solo = Solo::up(config(300, 1000));
    assert_eq!(solo.view().detection_time, ms(3000));
    solo.speaker.set_config(solo.now, solo.id, config(300, 100)).unwrap();
    let sent = solo.drain();
    assert!(sent.iter().all(|c| c.poll && c.required_min_rx == 100_000));
    assert_eq!(solo.view().detection_time, ms(3000));
    solo.give(&Control { is_final: true, ..solo.control(State::Up) }).unwrap();
    assert_eq!(solo.view().detection_time, ms(900));
}

#[test]
fn a_longer_receive_interval_is_used_at_once() {
    let mut solo = Solo::up(config(300, 300));
    solo.speaker.set_config(solo.now, solo.id, config(300, 1000)).unwrap();
    assert_eq!(solo.view().detection_time, ms(3000));
    assert!(solo.drain().iter().any(|c| c.poll && c.required_min_rx == 1_000_000));
}

#[test]
fn a_reduced_interval_of_the_peer_is_honoured_immediately() {
    let mut solo = Solo::up(config(50, 300));
    let slow = Control { required_min_rx: 5_000_000, ..solo.control(State::Up) };
    solo.give(&slow).unwrap();
    solo.drain();
    let last = solo.now;
    // Well beyond the new interval: as soon as practicable.
    solo.wait(ms(500));
    solo.give(&Control { required_min_rx: 100_000, ..slow }).unwrap();
    assert_eq!(solo.drain().len(), 1);
    // Not yet: no longer than the new interval after the last packet.
    solo.give(&slow).unwrap();
    let last_sent = solo.now;
    solo.wait(ms(20));
    solo.give(&Control { required_min_rx: 100_000, ..slow }).unwrap();
    assert!(solo.drain().is_empty());
    let sent = solo.wait(ms(100));
    assert!(!sent.is_empty() && sent[0].0.saturating_since(last_sent) <= ms(100), "{last:?} {sent:?}");
}

#[test]
fn a_further_change_waits_until_a_poll_is_unambiguous() {
    let mut solo = Solo::up(config(300, 300));
    solo.speaker.set_config(solo.now, solo.id, config(300, 400)).unwrap();
    assert!(solo.drain().iter().all(|c| c.required_min_rx == 400_000 && c.poll));
    solo.speaker.set_config(solo.now, solo.id, config(300, 500)).unwrap();
    assert!(solo.wait(ms(300)).iter().all(|(_, c)| c.required_min_rx == 400_000 && c.poll));
    solo.give(&Control { is_final: true, ..solo.control(State::Up) }).unwrap();
    assert!(!solo.view().poll);
    assert_eq!(solo.view().advertised.receive, ms(400));
    // A packet without F: whatever F comes now answers the next Poll Sequence.
    solo.give(&solo.control(State::Up)).unwrap();
    assert!(solo.view().poll);
    assert!(solo.drain().iter().all(|c| c.required_min_rx == 500_000 && c.poll));
}

#[test]
fn a_further_change_waits_for_time_when_nothing_else_comes() {
    let mut solo = Solo::up(SessionConfig { detect_mult: 2, ..config(300, 300) });
    let mult = |c| SessionConfig { detect_mult: 2, ..c };
    solo.speaker.set_config(solo.now, solo.id, mult(config(300, 400))).unwrap();
    solo.drain();
    solo.speaker.set_config(solo.now, solo.id, mult(config(300, 500))).unwrap();
    solo.give(&Control { is_final: true, ..solo.control(State::Up) }).unwrap();
    assert!(solo.wait(ms(599)).iter().all(|(_, c)| c.required_min_rx == 400_000));
    assert!(solo.wait(ms(1)).iter().any(|(_, c)| c.required_min_rx == 500_000 && c.poll));
}

#[test]
fn a_new_multiplier_needs_no_poll() {
    let mut solo = Solo::up(config(300, 300));
    let new = SessionConfig { detect_mult: 9, ..config(300, 300) };
    solo.speaker.set_config(solo.now, solo.id, new).unwrap();
    let sent = solo.drain();
    assert!(sent.len() == 1 && sent[0].detect_mult == 9 && !sent[0].poll);
}

#[test]
fn the_same_configuration_changes_nothing() {
    let mut solo = Solo::up(config(300, 300));
    solo.speaker.set_config(solo.now, solo.id, config(300, 300)).unwrap();
    assert!(solo.drain().is_empty());
    assert_eq!(solo.speaker.poll_event(), None);
    assert!(!solo.view().poll);
}

#[test]
fn timers_of_both_sides_change_while_up_without_a_flap() {
    let mut lab = Lab::new([config(300, 300), config(300, 300)]);
    lab.up();
    let steps = [(50, 50), (1500, 1500), (20, 900), (900, 20), (300, 300), (10, 10)];
    for (index, (tx, rx)) in steps.into_iter().enumerate() {
        lab.change(index % 2, |c| (c.desired_min_tx, c.required_min_rx) = (ms(tx), ms(rx)));
        lab.run(ms(100 + 700 * (index as u64 % 3)));
        lab.change(1 - index % 2, |c| (c.desired_min_tx, c.required_min_rx) = (ms(rx), ms(tx)));
        lab.run(ms(4000));
        assert_eq!(lab.states(), [State::Up; 2]);
        assert_eq!(lab.view(0).detection_time, lab.view(1).transmit_interval * 3);
        assert_eq!(lab.view(1).detection_time, lab.view(0).transmit_interval * 3);
    }
    assert!(lab.events.iter().all(|(_, _, e)| matches!(e, Event::ParametersChanged(_))), "{:?}", lab.events);
}

#[test]
fn detection_is_the_peers_multiplier_by_the_agreed_interval() {
    let mut solo = Solo::up(config(300, 300));
    solo.give(&Control { detect_mult: 5, desired_min_tx: 40_000, ..solo.control(State::Up) }).unwrap();
    assert_eq!(solo.view().detection_time, ms(1500));
    solo.wait(ms(1499));
    assert_eq!(solo.state(), State::Up);
    solo.wait(ms(1));
    assert_eq!(solo.state(), State::Down);
    let reason = DownReason::DetectionTimeExpired;
    let down = Event::Down { session: solo.id, diag: Diag::DETECTION_TIME_EXPIRED, reason };
    let mut events = std::iter::from_fn(|| solo.speaker.poll_event());
    assert!(events.any(|e| e == down));
}

#[test]
fn init_falls_back_to_down() {
    let mut solo = Solo::new(config(300, 300));
    solo.give(&solo.control(State::Down)).unwrap();
    assert_eq!(solo.state(), State::Init);
    solo.wait(ms(900));
    assert_eq!(solo.state(), State::Down);
    assert_eq!(solo.view().diag, Diag::DETECTION_TIME_EXPIRED);
    assert_eq!(solo.speaker.poll_event(), None);
}

#[test]
fn a_silent_peer_is_forgotten_in_every_state() {
    let mut solo = Solo::new(config(300, 300));
    solo.give(&Control { required_min_rx: 0, ..solo.control(State::AdminDown) }).unwrap();
    assert_ne!(solo.view().remote_discriminator, 0);
    solo.drain();
    assert!(solo.wait(ms(899)).is_empty());
    assert_ne!(solo.view().remote_discriminator, 0);
    let sent = solo.wait(ms(1200));
    assert_eq!(solo.view().remote_discriminator, 0);
    // bfd.RemoteMinRxInterval is 1 again (section 6.8.18).
    assert!(!sent.is_empty() && sent.iter().all(|(_, c)| c.your_discriminator == 0));
}

#[test]
fn a_late_wake_up_is_not_a_false_down() {
    let mut solo = Solo::up(config(50, 50));
    let control = Control { desired_min_tx: 50_000, ..solo.control(State::Up) };
    solo.give(&control).unwrap();
    assert_eq!(solo.view().detection_time, ms(150));
    // Nothing ran for a second, and all packets came in time.
    let start = solo.now;
    let wake = start + ms(1000);
    for step in 1..=20 {
        let mut bytes = [0; ferr_bfd_wire::MAX_LEN];
        control.encode(0, &mut bytes);
        let received = Received { arrival: Some(start + ms(50 * step)), ..solo.received(&bytes[..24]) };
        assert!(solo.speaker.receive(wake, &received).is_ok());
    }
    solo.speaker.handle_timeout(wake, wake);
    assert_eq!(solo.state(), State::Up);
    assert_eq!(solo.speaker.view().late_wakeups, 1);
}

#[test]
fn a_late_wake_up_hides_no_failure() {
    for gap in [150, 151] {
        let mut solo = Solo::up(config(50, 50));
        let control = Control { desired_min_tx: 50_000, ..solo.control(State::Up) };
        solo.give(&control).unwrap();
        let start = solo.now;
        let mut bytes = [0; ferr_bfd_wire::MAX_LEN];
        control.encode(0, &mut bytes);
        let received = Received { arrival: Some(start + ms(gap)), ..solo.received(&bytes[..24]) };
        solo.speaker.receive(start + ms(400), &received).unwrap();
        assert_eq!(solo.state() == State::Up, gap == 150, "gap of {gap} ms");
        let errors = solo.view().detection_error;
        assert_eq!((errors.count(), errors.max()), if gap == 150 { (0, ms(0)) } else { (1, ms(250)) });
    }
}

#[test]
fn nothing_fails_before_the_sockets_are_drained() {
    let mut solo = Solo::up(config(50, 50));
    let control = Control { desired_min_tx: 50_000, ..solo.control(State::Up) };
    solo.give(&control).unwrap();
    let start = solo.now;
    solo.speaker.handle_timeout(start + ms(400), start + ms(149));
    assert_eq!(solo.state(), State::Up);
    solo.speaker.handle_timeout(start + ms(400), start + ms(150));
    assert_eq!(solo.state(), State::Down);
    assert_eq!(solo.view().detection_error.max(), ms(250));
    assert_eq!(solo.speaker.view().detection_error.percentile(50), ms(250));
}

#[test]
fn a_packet_without_a_time_stamp_counts_as_in_time() {
    let mut solo = Solo::up(config(50, 50));
    let mut bytes = [0; ferr_bfd_wire::MAX_LEN];
    solo.control(State::Up).encode(0, &mut bytes);
    let received = Received { arrival: None, ..solo.received(&bytes[..24]) };
    assert!(solo.speaker.receive(solo.now + ms(5000), &received).is_ok());
    assert_eq!(solo.state(), State::Up);
}

#[test]
fn detection_counts_from_the_arrival_and_not_from_the_reading() {
    let mut solo = Solo::up(config(50, 50));
    let control = Control { desired_min_tx: 50_000, ..solo.control(State::Up) };
    solo.give(&control).unwrap();
    let start = solo.now;
    let mut bytes = [0; ferr_bfd_wire::MAX_LEN];
    control.encode(0, &mut bytes);
    let received = Received { arrival: Some(start + ms(100)), ..solo.received(&bytes[..24]) };
    solo.speaker.receive(start + ms(140), &received).unwrap();
    solo.speaker.handle_timeout(start + ms(249), start + ms(249));
    assert_eq!(solo.state(), State::Up);
    solo.speaker.handle_timeout(start + ms(250), start + ms(250));
    assert_eq!(solo.state(), State::Down);
}
