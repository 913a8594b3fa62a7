use std::num::NonZeroU32;

use super::*;

#[test]
fn the_longest_wait_is_never_shorter_than_the_first() {
    let of = |delay_ms, max_ms| {
        let ComeBack { delay, longest } = model::ComeBack { delay_ms, max_ms }.into();
        (delay.as_millis(), longest.as_millis())
    };
    assert_eq!(of(500, None), (500, 30_000));
    assert_eq!(of(45_000, None), (45_000, 45_000));
    assert_eq!(of(0, Some(2000)), (0, 2000));
}

#[test]
fn each_further_failure_doubles_the_wait_until_it_is_forgiven() {
    let guard = GuardId(NonZeroU32::MIN);
    let mut damping = Damping::default();
    let mut now = Instant::now();
    assert_eq!(damping.lives(guard, now), now, "it never failed");
    let mut waits = Vec::new();
    for _ in 0..7 {
        damping.failed(guard, now);
        assert!(damping.is_waiting(guard, now));
        waits.push((damping.lives(guard, now) - now).as_secs());
        now += Duration::from_secs(40);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    assert!(!damping.is_waiting(guard, now));
    now += Duration::from_secs(60);
    damping.failed(guard, now);
    assert_eq!(damping.lives(guard, now), now + Duration::from_secs(1));
    assert_eq!(damping.trusted_at(guard), Some(now + Duration::from_secs(1)));
    damping.forget(guard);
    assert_eq!(damping.trusted_at(guard), None);
}
