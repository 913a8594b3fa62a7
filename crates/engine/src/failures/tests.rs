use std::num::NonZeroU32;

use ferr_rib::RibConfig;

use super::*;

#[test]
fn a_time_that_came_between_two_looks_is_not_missed() {
    let now = Instant::now();
    let mut rib = Rib::new(RibConfig::default(), now);
    let mut failures = Failures::new(Arc::default(), Arc::default(), now);
    let guards = [1, 2].map(|n| GuardId(NonZeroU32::new(n).unwrap()));
    let later = now + Duration::from_millis(1);
    for (guard, at) in guards.into_iter().zip([now, later]) {
        failures.failover(&mut rib, Failover::Down(guard, Vec::new()), at);
        failures.failover(&mut rib, Failover::Up(guard), at);
    }
    let delay = ComeBack::default().delay;
    assert_eq!(failures.next_timeout(&rib), Some(now + delay));
    failures.handle_timeout(&mut rib, now + delay);
    assert_eq!(failures.next_timeout(&rib), Some(later + delay), "whatever the time is");
    failures.handle_timeout(&mut rib, later + delay);
    assert_eq!(failures.next_timeout(&rib), None);
}
