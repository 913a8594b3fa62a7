//! LSAs that a neighbor did not acknowledge, the longest sent first (RFC 2328 section 13.6, RFC 4222).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::lsdb::LsaKey;

/// Doublings of the interval at most, when nothing is acknowledged.
const MAX_BACKOFF: u8 = 3;

/// The list. The LSA meant is always the one in the database.
#[derive(Debug, Default)]
pub(crate) struct Retransmit {
    sent: BTreeMap<LsaKey, Instant>,
    /// By time; entries of keys that were sent again since are skipped.
    order: VecDeque<(Instant, LsaKey)>,
    /// Rounds in a row without any acknowledgment.
    pub(crate) backoff: u8,
}

impl Retransmit {
    /// Sent now.
    pub(crate) fn add(&mut self, key: LsaKey, now: Instant) {
        self.sent.insert(key, now);
        self.order.push_back((now, key));
        if self.order.len() > 2 * self.sent.len() + 64 {
            let sent = &self.sent;
            self.order.retain(|(at, key)| sent.get(key) == Some(at));
        }
    }

    /// Acknowledged, or no longer to be sent.
    pub(crate) fn remove(&mut self, key: &LsaKey) -> bool {
        self.sent.remove(key).is_some()
    }

    pub(crate) fn contains(&self, key: &LsaKey) -> bool {
        self.sent.contains_key(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &LsaKey> {
        self.sent.keys()
    }

    pub(crate) fn len(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the oldest was sent.
    pub(crate) fn oldest(&mut self) -> Option<Instant> {
        while let Some((at, key)) = self.order.front() {
            if self.sent.get(key) == Some(at) {
                return Some(*at);
            }
            self.order.pop_front();
        }
        None
    }

    /// The oldest that was sent before `until`, which stays on the list until [`Self::add`] or [`Self::remove`].
    pub(crate) fn take_due(&mut self, until: Instant) -> Option<LsaKey> {
        let at = self.oldest()?;
        if at > until {
            return None;
        }
        self.order.pop_front().map(|(_, key)| key)
    }

    /// Another round goes out.
    pub(crate) const fn back_off(&mut self) {
        if self.backoff < MAX_BACKOFF {
            self.backoff += 1;
        }
    }
}
