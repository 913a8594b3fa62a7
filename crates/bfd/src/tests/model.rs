//! Arbitrary inputs: no panic, and no transition that section 6.2 does not draw.

use ferr_bfd_wire::{Control, MAX_LEN};
use proptest::prelude::*;

use super::lab::ms;
use super::solo::Solo;
use crate::*;

#[derive(Debug, Clone)]
enum Step {
    Packet(Control, u8),
    Octets(Vec<u8>, u8),
    Wait(u64),
    Sleep(u64),
    AdminDown(bool),
    Config(u64, u64, u8, u8),
    Verify,
}

fn states() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::AdminDown), Just(State::Down), Just(State::Init), Just(State::Up)]
}

fn control() -> impl Strategy<Value = Control> {
    let interval = || prop_oneof![Just(0u32), 1u32..2_000_000, Just(u32::MAX)];
    (states(), any::<[bool; 4]>(), 1u8.., (1u32..3, 0u8..4), (interval(), interval(), interval())).prop_map(
        |(state, [poll, is_final, c, demand], detect_mult, (mine, yours), (tx, rx, echo))| Control {
            diag: Diag::NONE,
            state,
            poll,
            is_final,
            control_plane_independent: c,
            demand,
            detect_mult,
            my_discriminator: mine,
            // 0 stays, everything else is replaced by the right one.
            your_discriminator: u32::from(yours),
            desired_min_tx: tx,
            required_min_rx: rx,
            required_min_echo_rx: echo,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (control(), prop_oneof![9 => Just(255u8), 1 => any::<u8>()]).prop_map(|(c, ttl)| Step::Packet(c, ttl)),
        1 => (prop::collection::vec(any::<u8>(), 0..60), any::<u8>()).prop_map(|(o, t)| Step::Octets(o, t)),
        4 => (0u64..4000).prop_map(Step::Wait),
        1 => (0u64..400_000).prop_map(Step::Sleep),
        1 => any::<bool>().prop_map(Step::AdminDown),
        1 => (1u64..3000, 1u64..3000, 1u8..5, 0u8..8).prop_map(|(t, r, m, f)| Step::Config(t, r, m, f)),
        1 => Just(Step::Verify),
    ]
}

/// The state machine as the RFC draws it, written down a second time.
fn expected(local: State, received: State) -> State {
    use State::{AdminDown, Down, Init, Up};
    match (local, received) {
        (AdminDown, _) => AdminDown,
        (_, AdminDown) => Down,
        (Down, Down) | (Init, Down) => Init,
        (Down, Init) | (Init | Up, Init | Up) => Up,
        (Down, Up) | (Up, Down) => Down,
    }
}

fn configure(tx: u64, rx: u64, detect_mult: u8, flags: u8) -> SessionConfig {
    SessionConfig {
        desired_min_tx: ms(tx),
        required_min_rx: ms(rx),
        detect_mult,
        passive: flags & 1 != 0,
        demand: flags & 2 != 0,
        echo: if flags & 4 != 0 { EchoMode::On { interval: ms(rx) } } else { EchoMode::Off },
        ..SessionConfig::default()
    }
}

fn run(steps: Vec<Step>) {
    let mut solo = Solo::new(SessionConfig::default());
    let mut told_up = false;
    for step in steps {
        let before = solo.view();
        match step {
            Step::Packet(mut control, ttl) => {
                if control.your_discriminator != 0 {
                    control.your_discriminator = before.discriminator;
                }
                let mut bytes = [0; MAX_LEN];
                control.encode(0, &mut bytes);
                let received = Received { ttl: Some(ttl), ..solo.received(&bytes[..24]) };
                let result = solo.speaker.receive(solo.now, &received);
                let after = solo.view();
                if result.is_ok() || result == Err(Cause::AdminDown) {
                    let held = before.state == State::Down && before.held_until.is_some_and(|t| t > solo.now);
                    let rises = control.state != State::AdminDown;
                    let expected =
                        if held && rises { State::Down } else { expected(before.state, control.state) };
                    assert_eq!(after.state, expected);
                    assert_eq!(after.remote_state, control.state);
                } else {
                    assert_eq!(after.state, before.state);
                    assert_eq!(after.remote, before.remote);
                }
            }
            Step::Octets(octets, ttl) => {
                let received = Received { ttl: Some(ttl), ..solo.received(&octets) };
                let _ = solo.speaker.receive(solo.now, &received);
                let _ = solo.speaker.receive_echo(solo.now, &received);
            }
            Step::Wait(millis) => {
                solo.wait(ms(millis));
                check_timer(&before, solo.state());
            }
            Step::Sleep(millis) => {
                solo.now = solo.now + ms(millis);
                solo.speaker.handle_timeout(solo.now, solo.now);
                check_timer(&before, solo.state());
                assert!(solo.drain().len() <= 3);
            }
            Step::AdminDown(down) => {
                solo.speaker.set_admin_down(solo.now, solo.id, down).unwrap();
                let state = solo.state();
                assert_eq!(state == State::AdminDown, down);
                assert!(before.state == State::AdminDown || down || state == before.state);
            }
            Step::Config(tx, rx, mult, flags) => {
                let admin_down = before.state == State::AdminDown;
                let config = SessionConfig { admin_down, ..configure(tx, rx, mult, flags) };
                solo.speaker.set_config(solo.now, solo.id, config).unwrap();
                assert_eq!(solo.state(), before.state);
            }
            Step::Verify => solo.speaker.verify(solo.id).unwrap(),
        }
        let between = solo.view();
        solo.speaker.handle_timeout(solo.now, solo.now);
        check_timer(&between, solo.state());
        for control in solo.drain() {
            assert!(!(control.poll && control.is_final));
            assert_eq!(control.state, solo.state());
            assert!(!control.demand || control.state == State::Up);
            assert!(control.state == State::Up || control.desired_min_tx >= 1_000_000);
        }
        while let Some(event) = solo.speaker.poll_event() {
            match event {
                Event::Up(_) => assert!(!std::mem::replace(&mut told_up, true)),
                Event::Down { .. } | Event::AdminDown(_) => assert!(std::mem::take(&mut told_up)),
                _ => {}
            }
        }
        assert_eq!(told_up, solo.state() == State::Up);
        let timeout = solo.speaker.poll_timeout();
        assert!(timeout.is_none_or(|t| t > solo.now), "still due after everything was done");
    }
}

fn check_timer(before: &SessionView, after: State) {
    let timer = matches!(before.state, State::Init | State::Up) && after == State::Down;
    assert!(after == before.state || timer, "{} to {after}", before.state);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn only_transitions_of_the_rfc(steps in prop::collection::vec(step(), 1..80)) {
        run(steps);
    }
}
