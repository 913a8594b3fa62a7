//! Distribution of durations in fixed space: four buckets per power of two of microseconds, up to about a second.

use std::time::Duration;

const BUCKETS: usize = 80;

/// Counts of durations; percentiles are upper bounds of their bucket (at most 25 % too high).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u32; BUCKETS],
    count: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], count: 0, max: Duration::ZERO }
    }
}

fn bucket(micros: u64) -> usize {
    if micros < 4 {
        return micros as usize;
    }
    let exponent = micros.ilog2() as usize;
    (exponent * 4 - 4 + ((micros >> (exponent - 2)) & 3) as usize).min(BUCKETS - 1)
}

/// Largest number of microseconds in a bucket.
fn upper(bucket: usize) -> u64 {
    if bucket < 4 { bucket as u64 } else { ((5 + bucket as u64 % 4) << (bucket / 4 - 1)) - 1 }
}

impl Histogram {
    pub(crate) fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let slot = &mut self.buckets[bucket(micros)];
        *slot = slot.saturating_add(1);
        self.count += 1;
        self.max = self.max.max(duration);
    }

    /// Durations recorded.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest one.
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// The duration that `percent` % of the records do not exceed; zero without records.
    pub fn percentile(&self, percent: u8) -> Duration {
        let wanted = (self.count * u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted && index < BUCKETS - 1 {
                return Duration::from_micros(upper(index)).min(self.max);
            }
        }
        self.max
    }
}
