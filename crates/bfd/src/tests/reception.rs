//! RFC 5880 section 6.8.6, a test for each rule, in the order of the RFC; then RFC 5881 and 5883.

use ferr_bfd_wire::{Control, MAX_LEN};
use ferr_types::{IfIndex, VrfId};

use super::lab::{address, key, ms};
use super::solo::{PEER, Solo};
use crate::*;

/// Gives a packet whose octets were changed, and looks that nothing but the counter changed.
fn refused(change: impl FnOnce(&mut [u8; MAX_LEN]), len: usize, cause: Cause) {
    let mut solo = Solo::up(SessionConfig::default());
    let before = format!("{:?}", SessionView { counters: Counters::default(), ..solo.view() });
    let mut bytes = [0; MAX_LEN];
    solo.control(State::Down).encode(0, &mut bytes);
    change(&mut bytes);
    assert_eq!(solo.give_bytes(&bytes[..len]), Err(cause));
    assert_eq!(solo.speaker.view().drops.of(cause), 1);
    assert_eq!(solo.speaker.view().drops.total(), 1);
    assert_eq!(format!("{:?}", SessionView { counters: Counters::default(), ..solo.view() }), before);
    assert!(solo.drain().is_empty());
    let told = solo.speaker.poll_event();
    assert_eq!(matches!(told, Some(Event::AuthFailure { .. })), cause == Cause::AuthUnexpected);
    assert_eq!(solo.speaker.poll_event(), None);
}

#[test]
fn version_is_not_correct() {
    refused(|b| b[0] = 0x00, 24, Cause::Version);
    refused(|b| b[0] = 0x40, 24, Cause::Version);
}

#[test]
fn length_is_less_than_the_minimum() {
    refused(|b| b[3] = 23, 24, Cause::LengthTooSmall);
    refused(|b| (b[1], b[3]) = (b[1] | 4, 25), 52, Cause::LengthTooSmall);
}

#[test]
fn length_is_greater_than_the_payload() {
    refused(|b| b[3] = 25, 24, Cause::LengthBeyondPayload);
    refused(|_| {}, 3, Cause::Truncated);
}

#[test]
fn detect_mult_is_zero() {
    refused(|b| b[2] = 0, 24, Cause::DetectMult);
}

#[test]
fn multipoint_bit_is_nonzero() {
    refused(|b| b[1] |= 1, 24, Cause::Multipoint);
}

#[test]
fn my_discriminator_is_zero() {
    refused(|b| b[4..8].fill(0), 24, Cause::MyDiscriminator);
}

#[test]
fn your_discriminator_selects_the_session() {
    let mut solo = Solo::new(SessionConfig::default());
    let other = SessionKey { remote: address(7), ..key(0, HopMode::Single) };
    let other = solo.speaker.add(solo.now, other, SessionConfig::default()).unwrap();
    let discr = solo.speaker.session(other).unwrap().discriminator;
    // From the address of one peer, with the discriminator of the other (section 6.3).
    let control = Control { your_discriminator: discr, ..solo.control(State::Down) };
    assert_eq!(solo.give(&control), Ok(other));
    assert_eq!(solo.state(), State::Down);
    assert_eq!(solo.speaker.session(other).unwrap().state, State::Init);
}

#[test]
fn your_discriminator_finds_no_session() {
    refused(|b| b[8] ^= 1, 24, Cause::UnknownDiscriminator);
}

#[test]
fn your_discriminator_is_zero_and_state_is_not_down_or_admin_down() {
    for state in [2u8, 3] {
        refused(
            |b| {
                b[8..12].fill(0);
                b[1] = state << 6;
            },
            24,
            Cause::YourDiscriminator,
        );
    }
}

#[test]
fn your_discriminator_is_zero_and_addresses_select_the_session() {
    let mut solo = Solo::new(SessionConfig::default());
    let control = Control { your_discriminator: 0, ..solo.control(State::Down) };
    assert_eq!(solo.give(&control), Ok(solo.id));
    assert_eq!(solo.state(), State::Init);
    assert_eq!(solo.view().remote_discriminator, PEER);
}

#[test]
fn the_most_specific_session_is_selected() {
    let mut speaker = Speaker::new(3, 8);
    let now = Time(1);
    let any = SessionKey { local: None, ..key(0, HopMode::Single) };
    let mut add = |key| speaker.add(now, key, SessionConfig::default()).unwrap();
    let wide = add(any);
    let on_link = add(SessionKey { interface: Some(IfIndex(3)), ..any });
    let exact = add(SessionKey { local: Some(address(0)), interface: Some(IfIndex(3)), ..any });
    let other_vrf = add(SessionKey { vrf: VrfId(9), ..any });
    let solo = Solo::new(SessionConfig::default());
    let control = Control { your_discriminator: 0, ..solo.control(State::Down) };
    let mut bytes = [0; MAX_LEN];
    control.encode(0, &mut bytes);
    let base = solo.received(&bytes[..24]);
    let mut select = |received| speaker.receive(now, &received).unwrap();
    assert_eq!(select(base), exact);
    assert_eq!(select(Received { destination: Some(address(5)), ..base }), on_link);
    assert_eq!(select(Received { interface: Some(IfIndex(4)), ..base }), wide);
    assert_eq!(select(Received { vrf: VrfId(9), ..base }), other_vrf);
}

#[test]
fn your_discriminator_is_zero_and_no_session_matches() {
    let mut solo = Solo::new(SessionConfig::default());
    let control = Control { your_discriminator: 0, ..solo.control(State::Down) };
    let mut bytes = [0; MAX_LEN];
    control.encode(0, &mut bytes);
    let stranger = Received { source: address(8), ..solo.received(&bytes[..24]) };
    assert_eq!(solo.speaker.receive(solo.now, &stranger), Err(Cause::NoSession));
    assert_eq!(solo.state(), State::Down);
}

#[test]
fn a_bit_is_set_and_no_authentication_is_in_use() {
    refused(
        |b| {
            b[1] |= 4;
            b[3] = 33;
            b[24..28].copy_from_slice(&[1, 9, 1, b'x']);
        },
        33,
        Cause::AuthUnexpected,
    );
}

#[test]
fn remote_variables_are_set() {
    let mut solo = Solo::up(SessionConfig::default());
    let control = Control {
        my_discriminator: 77,
        demand: true,
        required_min_rx: 400_000,
        desired_min_tx: 500_000,
        required_min_echo_rx: 60_000,
        detect_mult: 5,
        diag: Diag::CONCATENATED_PATH_DOWN,
        control_plane_independent: true,
        ..solo.control(State::Up)
    };
    solo.give(&control).unwrap();
    let view = solo.view();
    assert_eq!(view.remote_discriminator, 77);
    assert_eq!(view.remote_state, State::Up);
    assert!(view.remote_demand && view.remote_control_plane_independent);
    assert_eq!(view.remote_diag, Diag::CONCATENATED_PATH_DOWN);
    let timers = PeerTimers { detect_mult: 5, transmit: ms(500), receive: ms(400), echo_receive: ms(60) };
    assert_eq!(view.remote, timers);
    assert_eq!(view.transmit_interval, ms(400));
    assert_eq!(view.detection_time, ms(2500));
    assert_eq!(solo.speaker.poll_event(), Some(Event::ParametersChanged(solo.id)));
    solo.give(&control).unwrap();
    assert_eq!(solo.speaker.poll_event(), None);
}

#[test]
fn echo_transmission_ceases_when_the_peer_refuses_it() {
    let mut solo =
        Solo::new(SessionConfig { echo: EchoMode::On { interval: ms(50) }, ..SessionConfig::default() });
    let willing = Control { required_min_echo_rx: 10_000, ..solo.control(State::Init) };
    solo.come_up(&willing);
    assert_eq!(solo.view().echo_interval, ms(50));
    solo.give(&solo.control(State::Up)).unwrap();
    assert_eq!(solo.view().echo_interval, ms(0));
    let sent = solo.view().counters.echo_out;
    solo.wait(ms(500));
    assert_eq!(solo.view().counters.echo_out, sent);
}

#[test]
fn final_terminates_the_poll_sequence_that_was_sent() {
    let mut solo = Solo::new(SessionConfig::default());
    solo.give(&solo.control(State::Init)).unwrap();
    solo.give(&solo.control(State::Down)).unwrap();
    solo.give(&solo.control(State::Init)).unwrap();
    assert_eq!(solo.state(), State::Up);
    // An answer to what was not asked yet.
    let answer = Control { is_final: true, ..solo.control(State::Up) };
    solo.give(&answer).unwrap();
    assert!(solo.view().poll);
    let polls = solo.drain();
    assert!(polls.iter().any(|c| c.poll && !c.is_final));
    solo.give(&solo.control(State::Up)).unwrap();
    assert!(solo.view().poll);
    solo.give(&answer).unwrap();
    assert!(!solo.view().poll);
    assert!(solo.wait(ms(800)).iter().all(|(_, c)| !c.poll));
}

#[test]
fn session_state_is_admin_down() {
    let mut solo = Solo::new(SessionConfig { admin_down: true, ..SessionConfig::default() });
    for state in [State::Down, State::Init, State::Up, State::AdminDown] {
        let control = Control { poll: true, ..solo.control(state) };
        assert_eq!(solo.give(&control), Err(Cause::AdminDown));
        assert_eq!(solo.state(), State::AdminDown);
    }
    // Discarded means that P is not answered either; but what the packet said was taken over.
    assert!(solo.wait(ms(1000)).iter().all(|(_, c)| !c.is_final && c.state == State::AdminDown));
    assert_eq!(solo.view().remote.transmit, ms(300));
}

/// Every pair of states, from the picture of section 6.2 and the text of 6.8.6.
#[test]
fn state_machine() {
    use State::{AdminDown, Down, Init, Up};
    let table = [
        (Down, AdminDown, Down, None),
        (Down, Down, Init, None),
        (Down, Init, Up, None),
        (Down, Up, Down, None),
        (Init, AdminDown, Down, Some(Diag::NEIGHBOR_DOWN)),
        (Init, Down, Init, None),
        (Init, Init, Up, None),
        (Init, Up, Up, None),
        (Up, AdminDown, Down, Some(Diag::NEIGHBOR_DOWN)),
        (Up, Down, Down, Some(Diag::NEIGHBOR_DOWN)),
        (Up, Init, Up, None),
        (Up, Up, Up, None),
    ];
    for (local, received, expected, diag) in table {
        let mut solo = Solo::new(SessionConfig::default());
        if local != Down {
            solo.give(&solo.control(Down)).unwrap();
        }
        if local == Up {
            solo.give(&solo.control(Init)).unwrap();
        }
        assert_eq!(solo.state(), local);
        solo.give(&solo.control(received)).unwrap();
        assert_eq!(solo.state(), expected, "{local} and {received}");
        assert_eq!(solo.view().diag, diag.unwrap_or(Diag::NONE), "{local} and {received}");
    }
}

#[test]
fn downs_by_the_peer_are_told_apart() {
    let mut solo = Solo::up(SessionConfig::default());
    solo.give(&Control { diag: Diag::PATH_DOWN, ..solo.control(State::Down) }).unwrap();
    let reason = DownReason::Neighbor(Diag::PATH_DOWN);
    let down = Event::Down { session: solo.id, diag: Diag::NEIGHBOR_DOWN, reason };
    assert_eq!(solo.speaker.poll_event(), Some(down));
    let mut solo = Solo::up(SessionConfig::default());
    solo.give(&solo.control(State::AdminDown)).unwrap();
    assert_eq!(solo.speaker.poll_event(), Some(Event::AdminDown(solo.id)));
    assert_eq!(solo.speaker.poll_event(), None);
}

#[test]
fn poll_is_answered_at_once() {
    let mut solo = Solo::up(SessionConfig::default());
    assert!(solo.drain().is_empty());
    solo.give(&Control { poll: true, ..solo.control(State::Up) }).unwrap();
    let answers = solo.drain();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].is_final && !answers[0].poll);
}

#[test]
fn only_packets_that_were_not_discarded_count_for_detection() {
    let mut solo = Solo::up(SessionConfig::default());
    let deadline = solo.now + ms(900);
    solo.wait(ms(600));
    let stray = Control { detect_mult: 0, ..solo.control(State::Up) };
    assert_eq!(solo.give(&stray), Err(Cause::DetectMult));
    let mut bytes = [0; MAX_LEN];
    solo.control(State::Up).encode(0, &mut bytes);
    let far = Received { ttl: Some(254), ..solo.received(&bytes[..24]) };
    assert_eq!(solo.speaker.receive(solo.now, &far), Err(Cause::Ttl));
    solo.wait(ms(299));
    assert_eq!(solo.state(), State::Up);
    solo.wait(ms(1));
    assert_eq!((solo.now, solo.state()), (deadline, State::Down));
    assert_eq!(solo.view().diag, Diag::DETECTION_TIME_EXPIRED);
}

#[test]
fn ttl_of_a_single_hop_is_255() {
    for (ttl, accepted) in [(Some(255), true), (Some(254), false), (Some(1), false), (None, false)] {
        let mut solo = Solo::up(SessionConfig::default());
        let mut bytes = [0; MAX_LEN];
        solo.control(State::Down).encode(0, &mut bytes);
        let received = Received { ttl, ..solo.received(&bytes[..24]) };
        assert_eq!(solo.speaker.receive(solo.now, &received).is_ok(), accepted, "{ttl:?}");
        assert_eq!(solo.state() == State::Down, accepted);
        assert_eq!(solo.view().counters.drops.of(Cause::Ttl), u64::from(!accepted));
    }
}

#[test]
fn ttl_over_several_hops_follows_from_their_number() {
    let with = |hops, minimum_ttl| SessionConfig { hops, minimum_ttl, ..SessionConfig::default() };
    let cases = [(with(0, None), 254), (with(1, None), 255), (with(2, None), 254), (with(32, None), 224)];
    let more = [(with(255, None), 1), (with(32, Some(3)), 3), (with(0, Some(255)), 255)];
    for (config, least) in cases.into_iter().chain(more) {
        let mut solo = Solo::with_hop(config, HopMode::Multi);
        assert_eq!(solo.view().minimum_ttl, least);
        let mut bytes = [0; MAX_LEN];
        solo.control(State::Down).encode(0, &mut bytes);
        for (ttl, accepted) in [(least - 1, false), (least, true)] {
            let received = Received { ttl: Some(ttl), ..solo.received(&bytes[..24]) };
            assert_eq!(solo.speaker.receive(solo.now, &received).is_ok(), accepted, "{ttl} of {least}");
        }
    }
}

#[test]
fn the_right_peer_on_the_wrong_port_is_told_now_and_then() {
    let mut solo = Solo::up(SessionConfig::default());
    let zero = Control { your_discriminator: 0, ..solo.control(State::Down) };
    for control in [zero, solo.control(State::Down)] {
        let mut bytes = [0; MAX_LEN];
        control.encode(0, &mut bytes);
        let wrong = Received { hop: HopMode::Multi, ..solo.received(&bytes[..24]) };
        assert_eq!(solo.speaker.receive(solo.now, &wrong), Err(Cause::HopMode));
    }
    assert_eq!(solo.state(), State::Up);
    let event = |count| Some(Event::WrongHopMode { session: solo.id, theirs: HopMode::Multi, count });
    assert_eq!(solo.speaker.poll_event(), event(1));
    assert_eq!(solo.speaker.poll_event(), None);
    let mut bytes = [0; MAX_LEN];
    zero.encode(0, &mut bytes);
    let now = solo.now + NOTICE_INTERVAL;
    let wrong = Received { hop: HopMode::Multi, arrival: None, ..solo.received(&bytes[..24]) };
    assert_eq!(solo.speaker.receive(now, &wrong), Err(Cause::HopMode));
    assert_eq!(solo.speaker.poll_event(), event(2));
}

#[test]
fn a_discriminator_of_another_vrf_is_refused() {
    let mut solo = Solo::up(SessionConfig::default());
    let mut bytes = [0; MAX_LEN];
    solo.control(State::Down).encode(0, &mut bytes);
    let elsewhere = Received { vrf: VrfId(5), ..solo.received(&bytes[..24]) };
    assert_eq!(solo.speaker.receive(solo.now, &elsewhere), Err(Cause::Vrf));
    assert_eq!(solo.state(), State::Up);
}

#[test]
fn a_packet_without_our_discriminator_does_not_disturb_a_session_of_another_interface() {
    let mut solo = Solo::up(SessionConfig::default());
    let mut bytes = [0; MAX_LEN];
    let restarted = Control { your_discriminator: 0, ..solo.control(State::Down) };
    restarted.encode(0, &mut bytes);
    let from =
        |interface: u32| Received { interface: Some(IfIndex(interface)), ..solo.received(&bytes[..24]) };
    let (there, here) = (from(4), from(3));
    assert_eq!(solo.speaker.receive(solo.now, &there), Err(Cause::NoSession));
    assert_eq!(solo.state(), State::Up);
    assert!(solo.speaker.receive(solo.now, &here).is_ok());
    assert_eq!(solo.state(), State::Down);
}
