//! Damping of gateways that come back: one that fails again and again is trusted later and later.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ferr_config::model::bfd as model;
use ferr_rib::GuardId;

/// A gateway that lived for so long starts anew.
const FORGIVEN: Duration = Duration::from_secs(60);

/// How long a gateway has to live again before traffic goes back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ComeBack {
    /// After a first failure.
    pub(crate) delay: Duration,
    /// The delay doubles with each further failure, up to this.
    pub(crate) longest: Duration,
}

impl Default for ComeBack {
    fn default() -> Self {
        Self { delay: Duration::from_secs(1), longest: Duration::from_secs(30) }
    }
}

impl From<model::ComeBack> for ComeBack {
    fn from(configured: model::ComeBack) -> Self {
        let delay = Duration::from_millis(configured.delay_ms.into());
        let longest =
            configured.max_ms.map_or(Self::default().longest, |ms| Duration::from_millis(ms.into()));
        Self { delay, longest: longest.max(delay) }
    }
}

#[derive(Debug, Default)]
struct Past {
    /// Failures in a row.
    failures: u32,
    /// When it came back, and when it is trusted.
    back: Option<(Instant, Instant)>,
}

/// Gateways that failed.
#[derive(Debug, Default)]
pub(crate) struct Damping {
    pub(crate) config: ComeBack,
    past: BTreeMap<GuardId, Past>,
}

impl Damping {
    /// It failed.
    pub(crate) fn failed(&mut self, guard: GuardId, now: Instant) {
        let past = self.past.entry(guard).or_default();
        if past.back.is_some_and(|(back, _)| now.saturating_duration_since(back) >= FORGIVEN) {
            past.failures = 0;
        }
        past.failures = past.failures.saturating_add(1);
        past.back = None;
    }

    /// It lives again; tells when to trust it.
    pub(crate) fn lives(&mut self, guard: GuardId, now: Instant) -> Instant {
        let Some(past) = self.past.get_mut(&guard) else { return now };
        let doublings = past.failures.saturating_sub(1).min(16);
        let wait = self.config.delay.saturating_mul(1 << doublings).min(self.config.longest);
        past.back = Some((now, now + wait));
        now + wait
    }

    /// Nobody watches over it any more.
    pub(crate) fn forget(&mut self, guard: GuardId) {
        self.past.remove(&guard);
    }

    /// When one that lives again is to be trusted, be it past.
    pub(crate) fn trusted_at(&self, guard: GuardId) -> Option<Instant> {
        self.past.get(&guard)?.back.map(|(_, at)| at)
    }

    /// Whether one that failed has to be waited for.
    pub(crate) fn is_waiting(&self, guard: GuardId, now: Instant) -> bool {
        self.past.get(&guard).is_some_and(|p| p.back.is_none_or(|(_, at)| at > now))
    }
}

#[cfg(test)]
mod tests;
