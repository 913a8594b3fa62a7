//! RFC 5880 section 6.7 from the session's side: fails closed, windows, change of keys.

use ferr_bfd_wire::{AuthKey, AuthType, Control};

use super::lab::{Lab, ms};
use super::solo::{Solo, signed};
use crate::*;

const KINDS: [AuthType; 5] = [
    AuthType::Simple,
    AuthType::KeyedMd5,
    AuthType::MeticulousMd5,
    AuthType::KeyedSha1,
    AuthType::MeticulousSha1,
];

fn key(kind: AuthType, id: u8) -> AuthKey {
    AuthKey::new(kind, id, format!("secret {id}").as_bytes()).unwrap()
}

fn config(kind: AuthType) -> SessionConfig {
    let auth = AuthConfig { send: key(kind, 1), accept: Vec::new() };
    SessionConfig { auth: Some(auth), ..Lab::fast() }
}

#[test]
fn each_type_comes_up_and_stays() {
    for kind in KINDS {
        let mut lab = Lab::new([config(kind), config(kind)]);
        lab.loss = [10, 10];
        lab.up();
        lab.loss = [0, 0];
        lab.run(ms(30_000));
        assert!(lab.events.iter().all(|(_, _, e)| !matches!(e, Event::Down { .. })), "{kind}");
        assert_eq!(lab.view(0).counters.drops.of(Cause::Auth), 0);
        assert_eq!(lab.view(0).counters.drops.of(Cause::AuthSequence), 0, "{kind}");
    }
}

#[test]
fn different_types_or_keys_never_come_up() {
    let other = |kind| SessionConfig {
        auth: Some(AuthConfig { send: AuthKey::new(kind, 1, b"other").unwrap(), accept: Vec::new() }),
        ..Lab::fast()
    };
    for kind in KINDS {
        for theirs in KINDS {
            let right = other(theirs);
            let mut lab = Lab::new([config(kind), right]);
            lab.run(ms(10_000));
            assert_eq!(lab.states(), [State::Down; 2], "{kind} and {theirs}");
        }
        let mut lab = Lab::new([config(kind), Lab::fast()]);
        lab.run(ms(10_000));
        assert_eq!(lab.states(), [State::Down; 2], "{kind} and none");
        assert_ne!(lab.view(0).counters.drops.of(Cause::AuthMissing), 0);
        assert_ne!(lab.view(1).counters.drops.of(Cause::AuthUnexpected), 0);
    }
}

#[test]
fn failures_are_told_now_and_then_and_change_nothing() {
    let mut solo = Solo::new(config(AuthType::KeyedSha1));
    let wrong = AuthKey::new(AuthType::KeyedSha1, 1, b"guess").unwrap();
    for sequence in 0..5 {
        let control = solo.control(State::Down);
        assert_eq!(solo.give_signed(&control, &wrong, sequence), Err(Cause::Auth));
    }
    assert_eq!(solo.state(), State::Down);
    assert_eq!(solo.view().remote_discriminator, 0);
    let failure = Event::AuthFailure { session: solo.id, cause: AuthError::Mismatch, count: 1 };
    assert_eq!(solo.speaker.poll_event(), Some(failure));
    assert_eq!(solo.speaker.poll_event(), None);
    let control = solo.control(State::Down);
    // A sequence number from a forged packet is no sequence number: the window is open.
    assert_eq!(solo.give_signed(&control, &key(AuthType::KeyedSha1, 1), 4_000_000), Ok(solo.id));
    let unknown = key(AuthType::KeyedSha1, 9);
    assert_eq!(solo.give_signed(&control, &unknown, 4_000_000), Err(Cause::Auth));
}

#[test]
fn windows_of_the_sequence_number() {
    for (kind, same) in [
        (AuthType::KeyedMd5, true),
        (AuthType::MeticulousMd5, false),
        (AuthType::KeyedSha1, true),
        (AuthType::MeticulousSha1, false),
    ] {
        let mut solo = Solo::new(config(kind));
        let ours = key(kind, 1);
        let control = solo.control(State::Up);
        let last = u32::MAX - 3;
        let mut give = |ahead: u32| solo.give_signed(&control, &ours, last.wrapping_add(ahead)).is_ok();
        assert!(give(0));
        assert_eq!(give(0), same, "{kind}");
        assert!(!give(u32::MAX), "{kind}: the one before");
        assert!(!give(10), "{kind}: more than 3 x 3 ahead");
        assert!(give(9), "{kind}: across the end of the numbers");
        assert!(!give(8), "{kind}");
        assert!(give(10), "{kind}");
        assert_ne!(solo.view().counters.drops.of(Cause::AuthSequence), 0);
    }
}

#[test]
fn the_sequence_number_is_forgotten_after_twice_the_detection_time() {
    let mut solo = Solo::new(config(AuthType::MeticulousSha1));
    let ours = key(AuthType::MeticulousSha1, 1);
    let control = solo.control(State::Up);
    assert!(solo.give_signed(&control, &ours, 1000).is_ok());
    let twice = 2 * solo.view().detection_time;
    solo.wait(twice - ms(1));
    assert_eq!(solo.give_signed(&control, &ours, 5), Err(Cause::AuthSequence));
    solo.wait(ms(1));
    assert!(solo.give_signed(&control, &ours, 5).is_ok());
    assert_eq!(solo.give_signed(&control, &ours, 5), Err(Cause::AuthSequence));
}

#[test]
fn replayed_packets_are_refused() {
    let mut solo = Solo::new(config(AuthType::MeticulousSha1));
    let ours = key(AuthType::MeticulousSha1, 1);
    let down = signed(&solo.control(State::Down), &ours, 1);
    solo.give_bytes(&down).unwrap();
    solo.give_signed(&solo.control(State::Init), &ours, 2).unwrap();
    assert_eq!(solo.state(), State::Up);
    assert_eq!(solo.give_bytes(&down), Err(Cause::AuthSequence));
    assert_eq!(solo.state(), State::Up);
}

#[test]
fn meticulous_numbers_go_up_by_one_and_keyed_ones_with_the_contents() {
    for (kind, meticulous) in [(AuthType::MeticulousSha1, true), (AuthType::KeyedSha1, false)] {
        let mut solo = Solo::new(config(kind));
        let mut out = vec![Transmit::default()];
        let mut sequences = Vec::new();
        for step in 0..5 {
            solo.now = solo.now + ms(1000);
            assert_eq!(solo.speaker.poll_transmit(solo.now, &mut out), 1);
            let packet = ferr_bfd_wire::Packet::decode(out[0].bytes()).unwrap();
            sequences.push(packet.auth().unwrap().unwrap().sequence().unwrap().0);
            if step == 2 {
                let new = SessionConfig { detect_mult: 9, ..config(kind) };
                solo.speaker.set_config(solo.now, solo.id, new).unwrap();
            }
        }
        let steps: Vec<_> = sequences.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
        assert_eq!(steps, if meticulous { [1, 1, 1, 1] } else { [0, 0, 1, 0] });
    }
}

#[test]
fn keys_roll_over_without_a_flap() {
    for kind in KINDS {
        let mut lab = Lab::new([config(kind), config(kind)]);
        lab.up();
        let auth = |send, accept| Some(AuthConfig { send: key(kind, send), accept: vec![key(kind, accept)] });
        for (send, accept) in [(1, 2), (2, 1)] {
            for side in 0..2 {
                lab.change(side, |c| c.auth = auth(send, accept));
                lab.run(ms(1000));
            }
        }
        for side in 0..2 {
            lab.change(side, |c| c.auth = Some(AuthConfig { send: key(kind, 2), accept: Vec::new() }));
        }
        lab.run(ms(1000));
        assert_eq!(lab.states(), [State::Up; 2]);
        assert_eq!(lab.events, [], "{kind}");
        assert_eq!(lab.speakers[0].view().drops.total(), 0, "{kind}");
    }
}

#[test]
fn turning_authentication_on_at_one_side_takes_the_session_down() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    lab.change(0, |c| c.auth = config(AuthType::KeyedSha1).auth);
    lab.run(ms(2000));
    assert_eq!(lab.states(), [State::Down; 2]);
    lab.change(1, |c| c.auth = config(AuthType::KeyedSha1).auth);
    lab.up();
}

#[test]
fn a_restarted_peer_with_another_sequence_number_comes_back() {
    let mut lab = Lab::new([config(AuthType::MeticulousSha1), config(AuthType::MeticulousSha1)]);
    lab.up();
    lab.restart(1);
    lab.run(ms(6000));
    assert_eq!(lab.states(), [State::Up; 2]);
}

#[test]
fn a_forger_does_not_reach_the_session() {
    let mut solo = Solo::new(config(AuthType::MeticulousSha1));
    let ours = key(AuthType::MeticulousSha1, 1);
    solo.give_signed(&solo.control(State::Init), &ours, 1).unwrap();
    solo.give_signed(&solo.control(State::Down), &ours, 2).unwrap();
    solo.give_signed(&solo.control(State::Init), &ours, 3).unwrap();
    assert_eq!(solo.state(), State::Up);
    for state in [State::AdminDown, State::Down] {
        let control = Control { your_discriminator: 0, ..solo.control(state) };
        assert_eq!(solo.give(&control), Err(Cause::AuthMissing));
    }
    assert_eq!(solo.state(), State::Up);
    // Nor does its sequence number: the next one of the peer is still the next one.
    let guess = AuthKey::new(AuthType::MeticulousSha1, 1, b"guess").unwrap();
    let control = solo.control(State::Up);
    assert_eq!(solo.give_signed(&control, &guess, 9), Err(Cause::Auth));
    assert_eq!(solo.give_signed(&control, &ours, 4), Ok(solo.id));
}
