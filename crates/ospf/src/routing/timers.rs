//! When SPF runs: the states of RFC 8405. In the last one delays double up to the longest, so that an adjacency that comes up slowly
//! does not wait as long as a storm has to.

use std::time::{Duration, Instant};

use crate::config::SpfTimers;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Quiet,
    ShortWait { learn_until: Instant },
    LongWait { delay: Duration },
}

/// The delay algorithm: the first event runs soon, those of a storm later.
#[derive(Debug)]
pub(crate) struct Backoff {
    state: State,
    /// End of the quiet time after the last event.
    quiet_at: Option<Instant>,
    due: Option<Instant>,
    last: Option<Instant>,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { state: State::Quiet, quiet_at: None, due: None, last: None }
    }

    /// When SPF is to run.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    fn advance(&mut self, now: Instant, timers: &SpfTimers) {
        if self.quiet_at.is_some_and(|at| at <= now) {
            (self.state, self.quiet_at) = (State::Quiet, None);
        }
        if let State::ShortWait { learn_until } = self.state
            && learn_until <= now
        {
            self.state = State::LongWait { delay: timers.short * 2 };
        }
    }

    /// Time without events after which all is quiet again: HOLDDOWN_INTERVAL after a storm that lasted, less after a short one, so that a
    /// network in which something happens every few seconds is followed at once.
    fn calm(&self, timers: &SpfTimers) -> Duration {
        let delay = match self.state {
            State::Quiet | State::ShortWait { .. } => timers.short,
            State::LongWait { delay } => delay,
        };
        timers.hold_down.min((delay * 4).max(SECOND))
    }

    /// The topology changed.
    pub(crate) fn event(&mut self, now: Instant, timers: &SpfTimers) {
        self.advance(now, timers);
        if self.due.is_some() {
            self.quiet_at = Some(now + self.calm(timers));
            return;
        }
        let delay = match self.state {
            State::Quiet => {
                self.state = State::ShortWait { learn_until: now + timers.time_to_learn };
                timers.initial
            }
            State::ShortWait { .. } => timers.short,
            State::LongWait { delay } => {
                self.state = State::LongWait { delay: (delay * 2).min(timers.long) };
                delay.min(timers.long)
            }
        };
        self.quiet_at = Some(now + self.calm(timers));
        self.due = Some(now + delay);
    }

    /// An own link or adjacency was lost. Nobody else has to agree on what is done about that, and what goes there is lost: the next run
    /// waits for no storm, only for the shortest time between two runs.
    pub(crate) fn urgent(&mut self, now: Instant, timers: &SpfTimers) {
        self.event(now, timers);
        let at = self.last.map_or(now, |last| now.max(last + timers.short));
        self.due = self.due.map(|due| due.min(at));
    }

    /// Whether it is to run now; it counts as run then.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|due| due <= now);
        if due {
            self.due = None;
            self.last = Some(now);
        }
        due
    }
}
