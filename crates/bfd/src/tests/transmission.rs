//! RFC 5880 section 6.8.7.

use std::time::Duration;

use ferr_bfd_wire::Control;

use super::lab::{Lab, address, key, ms};
use super::solo::Solo;
use crate::*;

/// Gaps between the periodic packets of a session that hears its peer all the time.
fn gaps(detect_mult: u8, count: usize) -> Vec<Duration> {
    let config = SessionConfig { detect_mult, ..SessionConfig::default() };
    let mut solo = Solo::up(config);
    let mut times = Vec::new();
    while times.len() <= count {
        times.extend(solo.wait(ms(100)).into_iter().map(|(time, _)| time));
        solo.give(&solo.control(State::Up)).unwrap();
    }
    times.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect()
}

#[test]
fn jitter_takes_up_to_a_quarter() {
    let gaps = gaps(3, 10_000);
    let (min, max) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(*min >= ms(225) && *min < ms(226), "{min:?}");
    assert!(*max <= ms(300) && *max > ms(299), "{max:?}");
    let mean = gaps.iter().sum::<Duration>() / gaps.len() as u32;
    assert!(mean > ms(260) && mean < ms(265), "{mean:?}");
}

#[test]
fn with_a_multiplier_of_one_jitter_takes_a_tenth_at_least() {
    let gaps = gaps(1, 10_000);
    let (min, max) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(*min >= ms(225) && *min < ms(226), "{min:?}");
    assert!(*max <= ms(270) && *max > ms(269), "{max:?}");
}

#[test]
fn passive_is_silent_until_the_peer_speaks() {
    let mut solo = Solo::new(SessionConfig { passive: true, ..SessionConfig::default() });
    assert!(solo.wait(ms(10_000)).is_empty());
    let slow = Control { desired_min_tx: 1_000_000, ..solo.control(State::Down) };
    solo.give(&Control { your_discriminator: 0, ..slow }).unwrap();
    assert_eq!(solo.drain().len(), 1);
    assert!(!solo.wait(ms(1000)).is_empty());
    // And again when the peer is forgotten.
    solo.wait(ms(2000));
    assert_eq!(solo.view().remote_discriminator, 0);
    assert!(solo.wait(ms(10_000)).is_empty());
}

#[test]
fn one_passive_side_comes_up() {
    let passive = SessionConfig { passive: true, ..SessionConfig::default() };
    Lab::new([passive.clone(), SessionConfig::default()]).up();
    let mut lab = Lab::new([passive.clone(), passive]);
    lab.run(ms(20_000));
    assert!(lab.sent.is_empty());
}

#[test]
fn nothing_periodic_for_a_peer_with_min_rx_zero() {
    let mut solo = Solo::up(SessionConfig::default());
    solo.give(&Control { required_min_rx: 0, ..solo.control(State::Up) }).unwrap();
    assert!(solo.wait(ms(890)).is_empty());
    // But its polls are answered.
    solo.give(&Control { required_min_rx: 0, poll: true, ..solo.control(State::Up) }).unwrap();
    assert!(matches!(solo.drain()[..], [Control { is_final: true, .. }]));
    assert!(solo.wait(ms(890)).is_empty());
}

#[test]
fn a_change_of_state_is_sent_at_once() {
    let mut solo = Solo::up(SessionConfig::default());
    solo.give(&solo.control(State::Down)).unwrap();
    assert!(matches!(solo.drain()[..], [Control { state: State::Down, .. }]));
    solo.give(&solo.control(State::Down)).unwrap();
    assert!(matches!(solo.drain()[..], [Control { state: State::Init, .. }]));
}

#[test]
fn polls_of_the_peer_do_not_hold_back_our_own() {
    let mut solo = Solo::up(SessionConfig::default());
    let new = SessionConfig { required_min_rx: ms(400), ..SessionConfig::default() };
    solo.speaker.set_config(solo.now, solo.id, new).unwrap();
    solo.drain();
    let mut polls = 0;
    for _ in 0..100 {
        solo.give(&Control { poll: true, ..solo.control(State::Up) }).unwrap();
        let sent = solo.wait(ms(10));
        assert!(sent.iter().all(|(_, c)| !(c.poll && c.is_final)));
        polls += sent.iter().filter(|(_, c)| c.poll).count();
    }
    assert!((3..=5).contains(&polls), "{polls}");
}

#[test]
fn fields_are_set_as_the_rfc_says() {
    let config = SessionConfig {
        detect_mult: 7,
        control_plane_independent: true,
        echo_receive: ms(20),
        ..SessionConfig::default()
    };
    let mut solo = Solo::up(config);
    let view = solo.view();
    let (_, control) = solo.wait(ms(300))[0];
    let expected = Control {
        diag: Diag::NONE,
        state: State::Up,
        poll: false,
        is_final: false,
        control_plane_independent: true,
        demand: false,
        detect_mult: 7,
        my_discriminator: view.discriminator,
        your_discriminator: super::solo::PEER,
        desired_min_tx: 300_000,
        required_min_rx: 300_000,
        required_min_echo_rx: 20_000,
    };
    assert_eq!(control, expected);
    let mut multi = Solo::with_hop(SessionConfig::default(), HopMode::Multi);
    assert_eq!(multi.wait(ms(1000))[0].1.required_min_echo_rx, 0);
}

#[test]
fn datagrams_say_where_they_go() {
    for (hop, port) in [(HopMode::Single, 3784), (HopMode::Multi, 4784)] {
        let mut speaker = Speaker::new(1, 2);
        let ids = [0, 1].map(|n| {
            let key = SessionKey { interface: (n == 1).then_some(ferr_types::IfIndex(9)), ..key(0, hop) };
            speaker.add(Time(0), key, SessionConfig::default()).unwrap()
        });
        let mut out = vec![Transmit::default(); 3];
        assert_eq!(speaker.poll_transmit(Time(0) + ms(100), &mut out[..1]), 1);
        assert_eq!(speaker.poll_transmit(Time(0) + ms(100), &mut out[1..]), 1);
        out.truncate(2);
        out.sort_by_key(|t| t.session);
        for (n, t) in out.iter().enumerate() {
            assert_eq!((t.session, t.port, t.ttl, t.kind), (ids[n], port, 255, PacketKind::Control));
            assert_eq!((t.source, t.destination), (Some(address(0)), address(1)));
            assert_eq!(t.bytes().len(), 24);
            assert!(t.source_port >= 49152);
        }
        assert_eq!(out[1].interface, Some(ferr_types::IfIndex(9)));
        assert_ne!(out[0].source_port, out[1].source_port);
    }
}

/// Periodic packets are never closer than 75 % of what was negotiated.
#[test]
fn the_rate_stays_below_what_was_negotiated() {
    let slow = SessionConfig { required_min_rx: ms(700), ..Lab::fast() };
    let mut lab = Lab::new([Lab::fast(), slow]);
    lab.loss = [10, 10];
    lab.up();
    lab.run(ms(60_000));
    for (side, least) in [(0, ms(525)), (1, Duration::from_micros(37_500))] {
        let times: Vec<_> = lab.sent.iter().filter(|s| s.from == side && !s.control.is_final).collect();
        assert!(times.len() > 80);
        for pair in times.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            let gap = b.time.saturating_since(a.time);
            let same = Control { poll: false, ..a.control } == Control { poll: false, ..b.control };
            assert!(gap >= least || !same, "side {side}: {gap:?} {a:?} {b:?}");
        }
    }
}

#[test]
fn a_driver_that_slept_sends_no_burst() {
    let mut solo = Solo::up(SessionConfig::default());
    solo.give(&Control { detect_mult: 255, ..solo.control(State::Up) }).unwrap();
    solo.now = solo.now + ms(60_000);
    assert_eq!(solo.drain().len(), 1);
    assert_eq!(solo.view().counters.late, 1);
    assert!(solo.speaker.view().lateness.max() >= ms(59_700));
}
