//! Heap, histogram, queue of events, configuration.

use std::time::Duration;

use proptest::prelude::*;

use super::lab::{key, ms};
use crate::event::{Change, Pending};
use crate::heap::Heap;
use crate::*;

proptest! {
    #[test]
    fn the_heap_is_a_sorted_list(operations in prop::collection::vec((0u32..20, 0u64..50), 0..300)) {
        let mut heap = Heap::new(20);
        let mut model = [Time::NEVER; 20];
        for (slot, time) in operations {
            let time = if time == 49 { Time::NEVER } else { Time(time) };
            let place = &mut model[slot as usize];
                            heap.set(slot, time);
                *place = time;
            let first = model.iter().copied().min().filter(|t| *t != Time::NEVER);
            prop_assert_eq!(heap.first().map(|(t, _)| t), first);
            if let Some((time, slot)) = heap.first() {
                prop_assert_eq!(model[slot as usize], time);
            }
        }
    }

    #[test]
    fn percentiles_are_a_quarter_too_high_at_most(mut micros in prop::collection::vec(0u64..900_000, 1..200), percent in 1u8..=100) {
        let mut histogram = Histogram::default();
        for micros in &micros {
            histogram.record(Duration::from_micros(*micros));
        }
        micros.sort_unstable();
        let exact = micros[(micros.len() * usize::from(percent)).div_ceil(100) - 1];
        let found = histogram.percentile(percent).as_micros() as u64;
        prop_assert!(found >= exact && found <= exact + exact / 4, "{} for {}", found, exact);
        prop_assert_eq!(histogram.max().as_micros() as u64, *micros.last().unwrap());
    }
}

#[test]
fn an_empty_histogram_and_a_huge_duration() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.percentile(99), Duration::ZERO);
    histogram.record(Duration::from_secs(1 << 40));
    assert_eq!(histogram.percentile(1), Duration::from_secs(1 << 40));
}

#[test]
fn the_last_state_is_told_even_to_a_slow_driver() {
    let down = Change::Down(Diag::NEIGHBOR_DOWN, DownReason::Local);
    for count in 1..20 {
        let mut pending = Pending::default();
        for step in 0..count {
            pending.push(if step % 2 == 0 { Change::Up } else { down });
        }
        let events: Vec<_> =
            std::iter::from_fn(|| pending.pop(SessionId::default(), HopMode::Single)).collect();
        assert!(events.len() <= 3);
        let ups: Vec<_> = events.iter().map(|e| matches!(e, Event::Up(_))).collect();
        assert!(ups.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(ups.last(), Some(&(count % 2 == 1)));
        assert_eq!(ups.first(), Some(&true));
    }
}

#[test]
fn sessions_are_bounded_and_unique() {
    let mut speaker = Speaker::new(1, 2);
    let add = |speaker: &mut Speaker, vrf| {
        let key = SessionKey { vrf: ferr_types::VrfId(vrf), ..key(0, HopMode::Single) };
        speaker.add(Time(0), key, SessionConfig::default())
    };
    let first = add(&mut speaker, 1).unwrap();
    assert_eq!(add(&mut speaker, 1), Err(AddError::Exists(first)));
    add(&mut speaker, 2).unwrap();
    assert_eq!(add(&mut speaker, 3), Err(AddError::Full));
    assert!(speaker.remove(first).is_some());
    assert!(add(&mut speaker, 3).is_ok());
    assert_eq!(speaker.sessions().count(), 2);
    let [a, b] = [0, 1].map(|n| speaker.sessions().nth(n).unwrap().discriminator);
    assert!(a != b && a != 0 && b != 0);
}

#[test]
fn contradictions_are_refused() {
    let check = |change: fn(&mut SessionConfig), hop| {
        let mut config = SessionConfig::default();
        change(&mut config);
        config.check(&key(0, hop))
    };
    assert_eq!(check(|_| {}, HopMode::Single), Ok(()));
    assert_eq!(check(|c| c.detect_mult = 0, HopMode::Single), Err(ConfigError::DetectMult));
    assert_eq!(check(|c| c.desired_min_tx = ms(0), HopMode::Single), Err(ConfigError::Interval));
    assert_eq!(check(|c| c.required_min_rx = ms(0), HopMode::Single), Err(ConfigError::Interval));
    assert_eq!(
        check(|c| c.echo = EchoMode::On { interval: ms(0) }, HopMode::Single),
        Err(ConfigError::Interval)
    );
    assert_eq!(
        check(|c| c.echo = EchoMode::Unaffiliated { interval: ms(9) }, HopMode::Multi),
        Err(ConfigError::MultihopEcho)
    );
    let mixed = SessionKey { local: Some("::1".parse().unwrap()), ..key(0, HopMode::Single) };
    assert_eq!(SessionConfig::default().check(&mixed), Err(ConfigError::Families));
}

#[test]
fn clearing_counters_touches_nothing_else() {
    let mut solo = super::solo::Solo::up(SessionConfig::default());
    assert_ne!(solo.view().counters, Counters::default());
    solo.speaker.note_send_failure(solo.id).unwrap();
    assert_eq!(solo.view().counters.send_failures, 1);
    solo.speaker.clear_counters(solo.id).unwrap();
    assert_eq!(solo.view().counters, Counters::default());
    assert_eq!(solo.state(), State::Up);
}
