//! Timers: one instant per name, the earliest first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{LinkStateId, LsaType};

use crate::config::InterfaceKey;
use crate::lsdb::ScopeId;
use crate::neighbor::NeighborKey;

/// Names a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// Next Hello of an interface.
    Hello(InterfaceKey),
    /// End of Waiting.
    Wait(InterfaceKey),
    /// Delayed acknowledgments are sent.
    Acks(InterfaceKey),
    /// The next part of what waits to be sent.
    Bulk(InterfaceKey),
    /// Hello to a silent neighbor of a network without broadcast.
    Poll(InterfaceKey, IpAddr),
    /// Neighbor is silent for too long.
    Dead(InterfaceKey, NeighborKey),
    /// Database Description is sent again.
    Exchange(InterfaceKey, NeighborKey),
    /// Link State Request is sent again.
    Request(InterfaceKey, NeighborKey),
    /// LSAs are sent again.
    Retransmit(InterfaceKey, NeighborKey),
    /// Grace period of a neighbor ends.
    Helper(InterfaceKey, NeighborKey),
    /// An own LSA may be sent again.
    Issue(ScopeId, LsaType, LinkStateId),
    /// LSAs of MaxAge may be gone.
    Sweep,
    /// The router becomes an ordinary one.
    StubEnd,
    /// The driver has to ask again whether this life is over.
    End,
    /// A restart that was announced did not come.
    Unprepare,
    /// Own graceful restart ends.
    RestartEnd,
}

/// All timers of an instance.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, Timer)>,
    due: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer anew.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.cancel(timer);
        self.due.insert(timer, at);
        self.order.insert((at, timer));
    }

    /// Sets a timer unless it runs.
    pub(crate) fn start(&mut self, timer: Timer, at: Instant) {
        if !self.due.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    /// Stops a timer.
    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.due.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    /// When a timer ends.
    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        self.due.get(&timer).copied()
    }

    /// When the first one ends.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the first one that has ended.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}

/// Numbers that nobody outside can foresee (SplitMix64 over a secret seed).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A time up to `most`.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }
}
