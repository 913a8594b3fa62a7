//! Own graceful restart (RFC 4724 section 4.1): after a start in restart mode, routes are selected, and told to anybody,
//! only when every peer has sent all it has, or the wait has been long enough.

use std::time::Instant;

use ferr_types::{Family, FamilySet};

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
