//! Moments and intervals in nanoseconds.

use std::time::{Duration, Instant};

/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// A moment on a monotonic clock: nanoseconds since an origin that the driver chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

impl Time {
    /// Before everything.
    pub const ZERO: Self = Self(0);
    /// After everything: a timer that is not set.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The moment `at` when `origin` counts as 0; earlier ones are 0.
    pub fn since(origin: Instant, at: Instant) -> Self {
        Self::ZERO + at.saturating_duration_since(origin)
    }

    /// Time passed since `earlier`, none if that is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    pub(crate) const fn after(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.after(nanos(duration))
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// An interval as the wire carries it: whole microseconds, here in nanoseconds; not 0 unless it is 0.
pub(crate) fn wire_nanos(duration: Duration) -> u64 {
    let micros = u32::try_from(duration.as_nanos().div_ceil(1000)).unwrap_or(u32::MAX);
    u64::from(micros) * 1000
}

/// Nanoseconds that came from [`wire_nanos`] or the wire, as the wire carries them.
pub(crate) fn micros(nanos: u64) -> u32 {
    u32::try_from(nanos / 1000).unwrap_or(u32::MAX)
}
