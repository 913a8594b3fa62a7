//! Echo: RFC 5880 sections 6.4, 6.8.5, 6.8.8, 6.8.9; RFC 9747.

use super::lab::{Lab, address, key, ms};
use super::solo::Solo;
use crate::*;

fn echoing() -> SessionConfig {
    SessionConfig { echo: EchoMode::On { interval: ms(50) }, ..SessionConfig::default() }
}

fn unaffiliated() -> SessionConfig {
    SessionConfig { echo: EchoMode::Unaffiliated { interval: ms(50) }, ..SessionConfig::default() }
}

#[test]
fn echoes_run_while_up_and_slow_the_peer_down() {
    let mut lab = Lab::new([echoing(), SessionConfig::default()]);
    lab.run(ms(1));
    assert!(lab.echoes.is_empty());
    lab.up();
    lab.run(ms(10_000));
    assert!(lab.echoes.len() >= 200 && lab.echoes.len() <= 267, "{}", lab.echoes.len());
    assert!(lab.echoes.iter().all(|(_, side)| *side == 0));
    for pair in lab.echoes.windows(2) {
        let gap = pair[1].0.saturating_since(pair[0].0);
        assert!(gap >= Duration::from_micros(37_500) && gap <= ms(50), "{gap:?}");
    }
    let view = lab.view(0);
    assert_eq!(view.advertised.receive, ms(1000));
    assert_eq!(view.detection_time, ms(3000));
    assert_eq!(lab.view(1).transmit_interval, ms(1000));
    // Ours go on: the peer has nothing but them.
    assert_eq!(view.transmit_interval, ms(300));
    assert_eq!((view.rtt.min, view.rtt.avg(), view.rtt.max), (ms(2), ms(2), ms(2)));
    assert!(view.counters.echo_in + 1 >= view.counters.echo_out);
}

#[test]
fn the_peers_interval_is_respected() {
    let slow = SessionConfig { echo_receive: ms(400), ..SessionConfig::default() };
    let mut lab = Lab::new([echoing(), slow]);
    lab.up();
    lab.run(ms(4000));
    assert_eq!(lab.view(0).echo_interval, ms(400));
    assert!(lab.echoes.len() <= 14, "{}", lab.echoes.len());
    let refusing = SessionConfig { echo_receive: ms(0), ..SessionConfig::default() };
    let mut lab = Lab::new([echoing(), refusing]);
    lab.up();
    lab.run(ms(4000));
    assert!(lab.echoes.is_empty());
}

#[test]
fn lost_echoes_take_the_session_down() {
    let mut lab = Lab::new([echoing(), SessionConfig::default()]);
    lab.up();
    lab.run(ms(1000));
    lab.echo_loss = 100;
    let start = lab.now;
    lab.run(ms(250));
    let (time, _, event) = lab.events[0];
    let reason = DownReason::EchoFailed;
    assert_eq!(event, Event::Down { session: lab.ids[0], diag: Diag::ECHO_FAILED, reason });
    assert!(time.saturating_since(start) <= ms(200), "{:?}", time.saturating_since(start));
    assert!(time.saturating_since(start) >= ms(100));
    lab.echo_loss = 0;
    lab.run(ms(5000));
    assert_eq!(lab.states(), [State::Up; 2]);
}

#[test]
fn a_path_that_swallows_echoes_is_held_down_for_longer_every_time() {
    let mut lab = Lab::new([echoing(), SessionConfig::default()]);
    lab.up();
    lab.run(ms(1000));
    lab.echo_loss = 100;
    lab.run(ms(200_000));
    let failures: Vec<Time> = lab
        .events
        .iter()
        .filter(|(_, _, e)| matches!(e, Event::Down { reason: DownReason::EchoFailed, .. }))
        .map(|(at, ..)| *at)
        .collect();
    // 1, 2, 4, 8, 16, 32, 64 s, each with a few seconds in which the session comes up and its echoes are missed.
    assert!((6..=9).contains(&failures.len()), "{failures:?}");
    let gaps: Vec<Duration> = failures.windows(2).map(|w| w[1].saturating_since(w[0])).collect();
    for (i, gap) in gaps.iter().enumerate() {
        assert!(*gap >= ms(1000 << i.min(6)), "{gaps:?}");
    }
    // Echoes that are no longer asked for hold nothing down.
    lab.change(0, |c| c.echo = EchoMode::Off);
    lab.run(ms(5000));
    assert_eq!(lab.states(), [State::Up; 2]);
    // A path that was good for long begins anew.
    lab.change(0, |c| c.echo = EchoMode::On { interval: ms(50) });
    lab.echo_loss = 0;
    lab.run(ms(20_000));
    lab.echo_loss = 100;
    lab.run(ms(500));
    lab.echo_loss = 0;
    lab.run(ms(4000));
    assert_eq!(lab.states(), [State::Up; 2]);
}

#[test]
fn some_lost_echoes_do_not() {
    let mut lab = Lab::new([echoing(), echoing()]);
    lab.up();
    lab.delay = ms(20);
    lab.run(ms(3000));
    lab.echo_loss = 5;
    lab.run(ms(500));
    assert_eq!(lab.states(), [State::Up; 2]);
}

#[test]
fn echoes_that_were_not_sent_are_not_missed() {
    let slow = SessionConfig { required_min_rx: ms(2000), ..SessionConfig::default() };
    let mut lab = Lab::new([echoing(), slow]);
    lab.up();
    // The driver sleeps for 2 s: control packets still come within their 3 s and 6 s.
    lab.now = lab.now + ms(2000);
    lab.run(ms(2000));
    assert!(lab.echoes.len() > 30);
    assert_eq!(lab.events, []);
}

#[test]
fn one_lost_echo_before_a_pause_is_no_failure() {
    let (mut solo, _) = one_echo(echoing());
    solo.now = solo.now + ms(1000);
    solo.speaker.handle_timeout(solo.now, solo.now);
    assert_eq!(solo.state(), State::Up);
    // Without further ones coming back it is, after as many as the multiplier says.
    solo.wait(ms(300));
    assert_eq!(solo.view().diag, Diag::ECHO_FAILED);
}

#[test]
fn echo_starts_and_stops_while_up() {
    let mut lab = Lab::new([Lab::fast(), Lab::fast()]);
    lab.up();
    lab.change(0, |c| c.echo = EchoMode::On { interval: ms(30) });
    lab.run(ms(2000));
    assert!(lab.echoes.len() >= 40 && lab.echoes.len() <= 54, "{}", lab.echoes.len());
    assert_eq!(lab.view(1).transmit_interval, ms(1000));
    lab.change(0, |c| c.echo = EchoMode::Off);
    lab.run(ms(2000));
    assert_eq!(lab.view(1).transmit_interval, ms(50));
    assert_eq!(lab.view(0).detection_time, ms(150));
    lab.echoes.clear();
    lab.run(ms(1000));
    assert!(lab.echoes.is_empty());
    assert!(lab.events.iter().all(|(_, _, e)| matches!(e, Event::ParametersChanged(_))), "{:?}", lab.events);
}

#[test]
fn no_echo_over_several_hops() {
    let mut speaker = Speaker::new(1, 1);
    let error = speaker.add(Time(0), key(0, HopMode::Multi), echoing());
    assert_eq!(error, Err(AddError::Config(ConfigError::MultihopEcho)));
}

/// A session that is up, and its next echo.
fn one_echo(config: SessionConfig) -> (Solo, Transmit) {
    let mut solo = Solo::new(config);
    if !solo.view().passive && matches!(config_echo(&solo), EchoMode::On { .. }) {
        let control = ferr_bfd_wire::Control { required_min_echo_rx: 50_000, ..solo.control(State::Init) };
        solo.come_up(&control);
    }
    let mut out = vec![Transmit::default()];
    loop {
        solo.now = solo.speaker.poll_timeout().unwrap().max(solo.now);
        if solo.speaker.poll_transmit(solo.now, &mut out) == 1 && out[0].kind == PacketKind::Echo {
            return (solo, out.remove(0));
        }
    }
}

fn config_echo(solo: &Solo) -> EchoMode {
    solo.view().echo
}

#[test]
fn forged_and_old_echoes_do_not_count() {
    for config in [echoing(), unaffiliated()] {
        let (mut solo, echo) = one_echo(config);
        let bytes = echo.bytes().to_vec();
        assert_eq!((echo.port, echo.ttl, echo.destination), (3785, 255, address(1)));
        let verdict = |solo: &mut Solo, bytes: &[u8], ttl| {
            let received = Received { source: address(0), ttl: Some(ttl), ..solo.received(bytes) };
            solo.speaker.receive_echo(solo.now, &received)
        };
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 0x40;
            assert_eq!(verdict(&mut solo, &forged, 254), EchoVerdict::Dropped, "octet {at}");
        }
        for ttl in [0, 253, 255] {
            assert_eq!(verdict(&mut solo, &bytes, ttl), EchoVerdict::Dropped, "TTL {ttl}");
        }
        let foreign = Received { vrf: ferr_types::VrfId(7), ttl: Some(254), ..solo.received(&bytes) };
        assert_eq!(solo.speaker.receive_echo(solo.now, &foreign), EchoVerdict::Dropped);
        assert_eq!(solo.view().counters.echo_in, 0);
        assert_eq!(verdict(&mut solo, &bytes, 254), EchoVerdict::Returned(solo.id));
        assert_eq!(verdict(&mut solo, &bytes, 254), EchoVerdict::Dropped, "a second time");
        assert_eq!(solo.view().counters.echo_in, 1);
    }
}

#[test]
fn a_peers_echo_is_looped_when_it_was_granted() {
    let mut solo = Solo::up(SessionConfig::default());
    let verdict = |solo: &mut Solo, ttl| {
        let received = Received { ttl: Some(ttl), ..solo.received(b"somebody's own format") };
        solo.speaker.receive_echo(solo.now, &received)
    };
    assert_eq!(verdict(&mut solo, 255), EchoVerdict::Loop(solo.id));
    assert_eq!(verdict(&mut solo, 255), EchoVerdict::Dropped, "far more often than every 50 ms");
    assert_eq!(verdict(&mut solo, 254), EchoVerdict::Dropped);
    solo.now = solo.now + ms(40);
    assert_eq!(verdict(&mut solo, 255), EchoVerdict::Loop(solo.id));
    let mut down = Solo::new(SessionConfig::default());
    assert_eq!(verdict(&mut down, 255), EchoVerdict::Dropped);
    let mut refusing = Solo::up(SessionConfig { echo_receive: ms(0), ..SessionConfig::default() });
    assert_eq!(verdict(&mut refusing, 255), EchoVerdict::Dropped);
}

#[test]
fn unaffiliated_echo_needs_no_peer() {
    let mut lab = Lab::new([unaffiliated(), SessionConfig { admin_down: true, ..SessionConfig::default() }]);
    lab.run(ms(500));
    assert_eq!(lab.echoes.len(), 1);
    lab.run(ms(5000));
    assert_eq!(lab.view(0).state, State::Up, "{:?}", lab.events);
    assert!(lab.sent.iter().all(|s| s.from == 1), "no control packets");
    let gap = lab.echoes[1].0.saturating_since(lab.echoes[0].0);
    assert!(gap >= ms(750), "slow until Up: {gap:?}");
    assert_eq!(lab.view(0).echo_interval, ms(50));
    assert_eq!(lab.view(0).rtt.max, ms(2));
    lab.events.clear();
    lab.echo_loss = 100;
    let start = lab.now;
    lab.run(ms(1000));
    let (time, _, event) = lab.events[0];
    let reason = DownReason::EchoFailed;
    assert_eq!(event, Event::Down { session: lab.ids[0], diag: Diag::ECHO_FAILED, reason });
    assert!(time.saturating_since(start) <= ms(200));
    lab.echo_loss = 0;
    lab.run(ms(5000));
    assert_eq!(lab.view(0).state, State::Up);
}

#[test]
fn an_unaffiliated_session_hears_no_control_packets() {
    let (mut solo, _) = one_echo(unaffiliated());
    let zero = ferr_bfd_wire::Control { your_discriminator: 0, ..solo.control(State::Down) };
    assert_eq!(solo.give(&zero), Err(Cause::NoSession));
    assert_eq!(solo.give(&solo.control(State::Down)), Err(Cause::UnknownDiscriminator));
    assert_eq!(solo.state(), State::Down);
}

#[test]
fn admin_down_ends_unaffiliated_echo() {
    let mut lab = Lab::new([unaffiliated(), SessionConfig { passive: true, ..SessionConfig::default() }]);
    lab.run(ms(5000));
    lab.change(0, |c| c.admin_down = true);
    lab.echoes.clear();
    lab.run(ms(5000));
    assert!(lab.echoes.is_empty());
    lab.change(0, |c| c.admin_down = false);
    lab.run(ms(5000));
    assert_eq!(lab.view(0).state, State::Up);
}
