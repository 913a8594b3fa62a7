//! Civil time and the clock of timers.

use std::time::{Duration, Instant, SystemTime};

use super::{Anchor, Clock};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_anchor_follows_a_clock_that_is_set_and_no_other() {
    let start = Anchor { now: Instant::now(), wall: SystemTime::now() };
    let later = |ahead: Duration, behind: Duration| Anchor {
        now: start.now + HOUR,
        wall: start.wall + HOUR + ahead - behind,
    };
    let none = Duration::ZERO;
    assert_eq!(start.unless_set(later(none, none)), start);
    assert_eq!(start.unless_set(later(Duration::from_millis(300), none)), start, "the clock is being slewed");
    for set in [later(HOUR, none), later(none, HOUR)] {
        assert_eq!(start.unless_set(set), set);
    }
    assert!(!Anchor::now().is_off());
}

#[test]
fn ends_of_keys_move_with_the_clock() {
    let anchor = Anchor { now: Instant::now() + HOUR * 10, wall: SystemTime::UNIX_EPOCH + HOUR * 1000 };
    let set = Anchor { wall: anchor.wall + HOUR, ..anchor };
    let civil = 1000 * 3600 + 7200;
    let (before, after) = (Clock::new(anchor).instant(civil), Clock::new(set).instant(civil));
    assert_eq!(before.zip(after).map(|(before, after)| before - after), Some(HOUR));
}
