//! How often a neighbor's malformed UPDATEs are told to the log (RFC 7606 section 8 asks for it): the first ones of a minute, then their
//! number. A neighbor that sends nothing else cannot fill a disk.

use std::time::{Duration, Instant};

use ferr_bgp_wire::Update;
use ferr_types::PeerId;

use crate::core::LogRecord;
use crate::instance::Instance;

/// Messages told one by one.
const SINGLY: u32 = 5;
/// Time that they are counted over.
const SPAN: Duration = Duration::from_secs(60);

/// What was told of a neighbor lately.
#[derive(Debug, Default)]
pub(crate) struct Malformed {
    /// End of the time at work.
    ends: Option<Instant>,
    seen: u32,
}

impl Malformed {
    /// Counts one; whether it is to be told.
    fn note(&mut self, now: Instant) -> bool {
        self.ends.get_or_insert(now + SPAN);
        self.seen = self.seen.saturating_add(1);
        self.seen <= SINGLY
    }

    /// When there is something to tell of those that were not told.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ends.filter(|_| self.seen > SINGLY)
    }

    /// Ends the time when it is over; how many were not told in it.
    fn end(&mut self, now: Instant) -> Option<u32> {
        if self.ends.is_none_or(|ends| now < ends) {
            return None;
        }
        let untold = self.seen.saturating_sub(SINGLY);
        *self = Self::default();
        (untold > 0).then_some(untold)
    }
}

impl Instance {
    /// Tells the log of an UPDATE with errors, or counts it.
    pub(crate) fn log_malformed(&mut self, id: PeerId, update: &Update<'_>) {
        let now = self.core.now;
        self.malformed_timeout(id, now);
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        if !peer.malformed.note(now) {
            return;
        }
        let list: Vec<String> =
            update.errors.iter().map(|e| format!("attribute {}: {:?}", e.code, e.kind)).collect();
        let error = format!("{} -> {:?}", list.join(", "), update.disposition);
        let name = peer.config.name.clone();
        self.core.log(LogRecord::MalformedUpdate { name, error });
    }

    /// Tells how many were not told, when it is time.
    pub(crate) fn malformed_timeout(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        if let Some(count) = peer.malformed.end(now) {
            let name = peer.config.name.clone();
            self.core.log(LogRecord::MalformedUntold { name, count });
        }
    }
}
