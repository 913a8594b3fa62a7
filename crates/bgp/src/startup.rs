//! What is special about the time after a start: `update-delay`, in which routes are taken in and nothing is selected or sent,
//! and `max-med on-startup`, in which this router asks to be avoided.
//!
//! Both begin with the first session that comes up, once. A configuration that comes later waits for the next start, or for
//! all sessions to be cleared.

use std::time::Instant;

use ferr_types::{Family, PeerId};

use crate::core::Core;
use crate::instance::Instance;
use crate::peer::Peer;

/// State of the start.
#[derive(Debug, Default)]
pub(crate) struct Startup {
    /// `update-delay` is at work: its latest end, and the end of the wait for sessions.
    delay: Option<(Instant, Option<Instant>)>,
    /// It is behind us, or was not configured when the first session came up.
    delay_over: bool,
    /// `max-med on-startup` is at work until then.
    max_med_until: Option<Instant>,
    max_med_over: bool,
}

impl Core {
    /// Whether routes of a family are neither selected nor sent now.
    pub(crate) fn defers(&self, family: Family) -> bool {
        self.startup.delay.is_some() || self.deferring.contains(family)
    }

    /// MED that replaces any other in what is sent.
    pub(crate) fn max_med(&self) -> Option<u32> {
        let on_startup =
            || self.startup.max_med_until.and(self.config.max_med_on_startup).map(|(_, med)| med);
        self.config.max_med_administrative.or_else(on_startup)
    }
}

impl Instance {
    /// Whether `update-delay` holds routes back now.
    pub fn in_update_delay(&self) -> bool {
        self.core.startup.delay.is_some()
    }

    /// Whether `max-med on-startup` is at work.
    pub fn in_max_med_on_startup(&self) -> bool {
        self.core.startup.max_med_until.is_some()
    }

    /// All sessions are about to be cleared: the delay applies again.
    pub fn begin_again(&mut self) {
        self.core.startup.delay_over = false;
    }

    /// A session came up.
    pub(crate) fn startup_session_up(&mut self, id: PeerId, restarting: bool) {
        let (config, now) = (&self.core.config, self.core.now);
        let startup = &mut self.core.startup;
        if startup.delay.is_none() && !startup.delay_over {
            match config.update_delay {
                Some(delay) => {
                    let wait = delay.establish_wait.map(|w| now + w);
                    startup.delay = Some((now + delay.longest, wait));
                }
                None => startup.delay_over = true,
            }
        }
        if !std::mem::replace(&mut startup.max_med_over, true) {
            startup.max_med_until = config.max_med_on_startup.map(|(time, _)| now + time);
        }
        if let Some(peer) = self.core.peers.get_mut(id) {
            // One that restarts as well waits for us: its End-of-RIB would come after ours.
            peer.caught_up = restarting;
        }
        self.check_update_delay(now);
    }

    /// A session ended.
    pub(crate) fn startup_session_down(&mut self, id: PeerId) {
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.caught_up = false;
        }
        self.check_update_delay(self.core.now);
    }

    /// A peer sent its End-of-RIB, or its first KEEPALIVE behind what it had to say.
    pub(crate) fn startup_caught_up(&mut self, id: PeerId) {
        if self.core.startup.delay.is_none() {
            return;
        }
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.caught_up = true;
        }
        self.check_update_delay(self.core.now);
    }

    /// Ends the delay when nobody is waited for any more, or the time is up.
    pub(crate) fn check_update_delay(&mut self, now: Instant) {
        let Some((ends, wait)) = self.core.startup.delay else { return };
        let waits_for_sessions = wait.is_none_or(|t| now < t);
        let owes = |p: &Peer| {
            let wanted = !p.removed && !p.config.dynamic && p.config.shutdown.is_none();
            wanted && !p.caught_up && (waits_for_sessions || p.is_established())
        };
        let configured = self.core.config.update_delay.is_some();
        if configured && now < ends && self.core.peers.iter().any(owes) {
            return;
        }
        self.core.startup.delay = None;
        self.core.startup.delay_over = true;
        self.decide();
        self.wake_all();
    }

    /// Fires what is due.
    pub(crate) fn startup_timeout(&mut self, now: Instant) {
        self.check_update_delay(now);
        if self.core.startup.max_med_until.is_some_and(|t| t <= now) {
            self.core.startup.max_med_until = None;
            self.regroup();
        }
    }

    /// When [`Self::startup_timeout`] has something to do.
    pub(crate) fn startup_next(&self) -> Option<Instant> {
        let startup = &self.core.startup;
        let now = self.core.now;
        let delay = startup.delay.map(|(ends, wait)| wait.filter(|w| *w > now).map_or(ends, |w| w.min(ends)));
        [delay, startup.max_med_until].into_iter().flatten().min()
    }

    /// Every peer goes into the update groups that it belongs to now.
    pub(crate) fn regroup(&mut self) {
        for id in self.core.peers.ids() {
            self.join_groups(id, false);
        }
        self.more_work = true;
    }
}
