//! States of sessions as the failover reads them: a latest-value cell per guard, written by the BFD thread without ever waiting.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use ferr_rib::GuardId;

/// What a guard says about its gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuardState {
    /// Nothing: never up, held down by an operator, or not there.
    Silent,
    /// The gateway lives.
    Up,
    /// The session was up, and failed.
    Down,
    /// The session was up, and failed with the control plane of a peer whose restart is to be survived: the gateway may live.
    Doubtful,
}

const STATE_BITS: u32 = 2;

impl GuardState {
    const fn bits(self) -> u32 {
        match self {
            Self::Silent => 0,
            Self::Up => 1,
            Self::Down => 2,
            Self::Doubtful => 3,
        }
    }

    const fn of(word: u32) -> Self {
        match word & ((1 << STATE_BITS) - 1) {
            1 => Self::Up,
            2 => Self::Down,
            3 => Self::Doubtful,
            _ => Self::Silent,
        }
    }
}

/// All cells. A word holds the state and the number of failures, so that a session that failed and came back between two looks is seen
/// to have failed.
#[derive(Debug)]
pub(crate) struct GuardCells {
    words: Box<[AtomicU32]>,
    /// Counts all writes: nothing to look for while it stays.
    version: AtomicU64,
    reader: OnceLock<Thread>,
}

/// What a look at a cell found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GuardChange {
    pub(crate) guard: GuardId,
    pub(crate) state: GuardState,
    /// It failed since the last look, whatever it is now.
    pub(crate) failed: bool,
}

/// Identifier of a cell.
pub(crate) fn guard_id(cell: usize) -> Option<GuardId> {
    NonZeroU32::new(u32::try_from(cell).ok()?.checked_add(1)?).map(GuardId)
}

const fn cell(guard: GuardId) -> usize {
    guard.0.get() as usize - 1
}

impl GuardCells {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            words: (0..capacity).map(|_| AtomicU32::new(0)).collect(),
            version: AtomicU64::new(0),
            reader: OnceLock::new(),
        })
    }

    /// The thread that is woken by changes.
    pub(crate) fn set_reader(&self, reader: Thread) {
        let _ = self.reader.set(reader);
    }

    /// Notes a state and wakes the reader.
    pub(crate) fn set(&self, guard: GuardId, state: GuardState) {
        let Some(word) = self.words.get(cell(guard)) else { return };
        // The BFD thread is the only writer.
        let old = word.load(Ordering::Relaxed);
        let failures = (old >> STATE_BITS).wrapping_add(u32::from(state == GuardState::Down));
        word.store(failures << STATE_BITS | state.bits(), Ordering::Release);
        self.version.fetch_add(1, Ordering::Release);
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }

    /// A guard that looks at the cell for the first time.
    pub(crate) fn reader(self: &Arc<Self>) -> GuardReader {
        GuardReader { cells: self.clone(), seen: vec![0; self.words.len()], version: 0 }
    }
}

/// What one reader has seen.
#[derive(Debug)]
pub(crate) struct GuardReader {
    cells: Arc<GuardCells>,
    seen: Vec<u32>,
    version: u64,
}

impl GuardReader {
    /// Changes since the last call.
    pub(crate) fn changes(&mut self, out: &mut Vec<GuardChange>) {
        let version = self.cells.version.load(Ordering::Acquire);
        if version == self.version {
            return;
        }
        self.version = version;
        for (cell, (word, seen)) in self.cells.words.iter().zip(&mut self.seen).enumerate() {
            let new = word.load(Ordering::Acquire);
            let old = std::mem::replace(seen, new);
            if new != old
                && let Some(guard) = guard_id(cell)
            {
                let failed = new >> STATE_BITS != old >> STATE_BITS;
                out.push(GuardChange { guard, state: GuardState::of(new), failed });
            }
        }
    }
}

#[cfg(test)]
mod tests;
