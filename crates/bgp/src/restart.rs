//! Own graceful restart (RFC 4724 section 4.1): after a start in restart mode, routes are selected, and told to anybody,
//! only when every peer has sent all it has, or the wait has been long enough.

use std::time::{Duration, Instant};

use ferr_types::{Afi, Family, FamilySet};

use crate::capability::activated;
use crate::config::GracefulRestartMode;
use crate::instance::Instance;
use crate::peer::Peer;

impl Instance {
    /// Begins to defer, on the first start of an instance in restart mode.
    pub(crate) fn begin_deferral(&mut self) {
        if self.core.config.graceful_restart != GracefulRestartMode::Restart || self.has_started() {
            return;
        }
        let longest = self.core.config.select_defer_time;
        self.core.deferring = Family::ALL.into_iter().collect();
        self.core.deferral_ends = Some(self.core.now + longest);
    }

    /// Whether a peer still owes its End-of-RIB of a family.
    fn owes(peer: &Peer, family: Family) -> bool {
        let wanted = !peer.removed && peer.config.shutdown.is_none();
        let active = activated(&peer.config).any(|f| f == family);
        let refused = peer.is_established() && !peer.negotiated(family);
        wanted && active && !refused && !peer.eor_received.contains(family)
    }

    /// How long routes may go unselected after a start.
    pub fn longest_deferral(&self) -> Option<Duration> {
        let config = &self.core.config;
        let restart = config.graceful_restart == GracefulRestartMode::Restart;
        let delay = config.update_delay.map(|d| d.longest);
        restart.then_some(config.select_defer_time).into_iter().chain(delay).max()
    }

    /// Whether more is to come before all is known of an address family: a neighbor that shall come owes its End-of-RIB, or
    /// routes are not selected yet. Who may come by a listen range is not known, and always waited for.
    pub fn awaits(&self, afi: Afi) -> bool {
        let mut families = Family::ALL.into_iter().filter(|f| f.afi() == afi);
        !self.listen.is_empty()
            || families.any(|f| self.core.defers(f) || self.core.peers.iter().any(|p| Self::owes(p, f)))
    }

    /// Ends the deferral of families that nobody owes anything in, or of all when the time is up.
    pub(crate) fn check_deferral(&mut self, now: Instant) {
        if self.core.deferring.is_empty() {
            return;
        }
        let late = self.core.deferral_ends.is_some_and(|t| t <= now);
        let done: FamilySet = self
            .core
            .deferring
            .iter()
            .filter(|f| late || !self.core.peers.iter().any(|p| Self::owes(p, *f)))
            .collect();
        done.iter().for_each(|f| self.core.deferring.remove(f));
        if self.core.deferring.is_empty() {
            self.core.deferral_ends = None;
        }
        if !done.is_empty() {
            self.decide();
            self.wake_all();
        }
    }
}
