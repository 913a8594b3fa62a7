//! Demand mode: RFC 5880 section 6.6.

use ferr_bfd_wire::Control;

use super::lab::{Lab, ms};
use super::solo::Solo;
use crate::*;

fn demanding() -> SessionConfig {
    SessionConfig { demand: true, ..Lab::fast() }
}

#[test]
fn a_peer_in_demand_mode_gets_nothing_periodic() {
    let mut solo = Solo::up(SessionConfig::default());
    let demand = Control { demand: true, ..solo.control(State::Up) };
    solo.give(&demand).unwrap();
    assert!(solo.view().remote_demand);
    for _ in 0..10 {
        assert!(solo.wait(ms(500)).is_empty());
        solo.give(&demand).unwrap();
    }
    solo.give(&Control { poll: true, ..demand }).unwrap();
    assert!(matches!(solo.drain()[..], [Control { is_final: true, .. }]));
    // No longer active: periodic packets begin at once.
    solo.give(&solo.control(State::Up)).unwrap();
    assert_eq!(solo.drain().len(), 1);
}

#[test]
fn the_d_bit_of_a_peer_that_is_not_up_asks_nothing() {
    let mut solo = Solo::new(SessionConfig::default());
    solo.give(&Control { demand: true, ..solo.control(State::Down) }).unwrap();
    assert!(!solo.view().remote_demand);
    assert!(!solo.wait(ms(890)).is_empty());
}

#[test]
fn the_d_bit_is_set_only_when_both_are_up() {
    let mut lab = Lab::new([demanding(), Lab::fast()]);
    lab.run(ms(8000));
    assert_eq!(lab.states(), [State::Up; 2]);
    let mut remote = State::Down;
    for sent in &lab.sent {
        if sent.from == 1 {
            remote = sent.control.state;
        } else if sent.control.demand {
            assert_eq!((sent.control.state, remote), (State::Up, State::Up));
        }
    }
    let first = lab.sent.iter().find(|s| s.control.demand).unwrap();
    assert!(first.control.poll || lab.sent.iter().any(|s| s.control.demand && s.control.poll));
}

#[test]
fn a_change_is_polled_while_the_peer_demands() {
    let mut solo = Solo::up(SessionConfig::default());
    solo.give(&Control { demand: true, ..solo.control(State::Up) }).unwrap();
    let new = SessionConfig { detect_mult: 9, ..SessionConfig::default() };
    solo.speaker.set_config(solo.now, solo.id, new).unwrap();
    assert!(matches!(solo.drain()[..], [Control { poll: true, detect_mult: 9, .. }]));
    // Repeated until it is answered.
    assert!(solo.wait(ms(700)).iter().filter(|(_, c)| c.poll).count() >= 2);
    solo.give(&Control { demand: true, is_final: true, ..solo.control(State::Up) }).unwrap();
    assert!(solo.wait(ms(700)).is_empty());
}

#[test]
fn both_demanding_is_silence_and_a_poll_finds_out() {
    let mut lab = Lab::new([demanding(), demanding()]);
    lab.up();
    lab.run(ms(60_000));
    assert!(lab.sent.is_empty(), "{:?}", lab.sent);
    assert_eq!(lab.states(), [State::Up; 2]);
    lab.speakers[0].verify(lab.ids[0]).unwrap();
    lab.run(ms(1000));
    assert_eq!(lab.sent.len(), 2);
    assert!(lab.sent[0].control.poll && lab.sent[1].control.is_final);
    assert_eq!(lab.states(), [State::Up; 2]);
    lab.loss = [100, 100];
    lab.run(ms(60_000));
    assert_eq!(lab.states(), [State::Up; 2]);
    let start = lab.now;
    lab.speakers[0].verify(lab.ids[0]).unwrap();
    lab.run(ms(1000));
    let (time, ..) =
        lab.events.iter().find(|(_, side, e)| *side == 0 && matches!(e, Event::Down { .. })).unwrap();
    assert_eq!(time.saturating_since(start), ms(150));
}

#[test]
fn one_side_demanding_still_detects_the_other_way() {
    let mut lab = Lab::new([demanding(), Lab::fast()]);
    lab.up();
    lab.run(ms(5000));
    assert!(lab.sent.iter().all(|s| s.from == 0));
    assert_eq!(lab.states(), [State::Up; 2]);
    lab.loss = [0, 100];
    lab.run(ms(200));
    assert_eq!(lab.view(1).state, State::Down);
}

#[test]
fn demand_mode_ends_without_a_flap() {
    let mut lab = Lab::new([demanding(), demanding()]);
    lab.up();
    lab.run(ms(10_000));
    lab.change(0, |c| c.demand = false);
    lab.run(ms(10_000));
    lab.change(1, |c| c.demand = false);
    lab.run(ms(10_000));
    assert!(lab.events.iter().all(|(_, _, e)| !matches!(e, Event::Down { .. })), "{:?}", lab.events);
    assert!(lab.sent.iter().rev().take(20).any(|s| s.from == 0));
    assert!(lab.sent.iter().rev().take(20).any(|s| s.from == 1));
}
