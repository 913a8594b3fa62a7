//! Flooding: LSAs that come in, and where they go (RFC 2328 section 13).
//!
//! # Invariants
//! * A queue holds keys: what is sent is the instance in the database at that time, each once.
//! * Hellos and acknowledgments do not wait behind updates.

mod ack;
mod age;
mod out;
mod receive;

use std::collections::{BTreeSet, VecDeque};

pub(crate) use age::Ages;
#[cfg(test)]
pub(crate) use receive::MAX_PER_ROUTER;

use crate::lsdb::LsaKey;

/// LSAs that wait to be sent, in order, each once.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    order: VecDeque<LsaKey>,
    members: BTreeSet<LsaKey>,
}

impl SendQueue {
    /// At the end, unless it waits already.
    pub(crate) fn push(&mut self, key: LsaKey) {
        if self.members.insert(key) {
            self.order.push_back(key);
        }
    }

    /// The first.
    pub(crate) fn front(&self) -> Option<&LsaKey> {
        self.order.front()
    }

    /// Takes the first.
    pub(crate) fn pop(&mut self) -> Option<LsaKey> {
        let key = self.order.pop_front()?;
        self.members.remove(&key);
        Some(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
