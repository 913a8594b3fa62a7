//! Times at which this router or a neighbor begins or ends: graceful restart (RFC 3623, RFC 5187), and those at which others are not to
//! go through this router (RFC 6987).
//!
//! # Invariants
//! * While an own restart runs, no own LSA is sent or flushed but grace-LSAs.
//! * An adjacency that is helped counts as full until help ends, whatever its state.

mod helper;
mod restarter;

use std::time::{Duration, Instant};

use crate::config::{InstanceConfig, NetworkType};
use crate::instance::{Instance, Start};
use crate::interface::Interface;
use crate::io::{InterfaceState, NeighborState};
use crate::neighbor::Neighbor;
use crate::timer::Timer;

/// What is left to be acknowledged at the end is waited for so long.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How far the end of this life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum End {
    /// It has not begun.
    #[default]
    Not,
    /// Others learn that they are not to go through this router.
    Stub(Instant),
    /// Own LSAs are being flushed, or grace-LSAs told.
    LastWords(Instant),
}

/// Own restart, end, and times of being a stub.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    /// An own restart runs until then.
    pub(crate) until: Option<Instant>,
    /// A restart was announced: own LSAs stay when this life ends.
    prepared: bool,
    /// Not for transit until then.
    stub_until: Option<Instant>,
    end: End,
}

impl Restart {
    pub(crate) const fn is_restarting(&self) -> bool {
        self.until.is_some()
    }

    /// Own LSAs are on their way out: none begins anew.
    pub(crate) const fn is_ending(&self) -> bool {
        matches!(self.end, End::LastWords(_)) && !self.prepared
    }
}

impl Instance {
    /// First steps of a life.
    pub(crate) fn begin(&mut self, start: Start, now: Instant) {
        if let Some(grace) = start.restarting {
            self.restart.until = Some(now + grace);
            self.timers.set(Timer::RestartEnd, now + grace);
        }
        if let Some(span) = self.config.stub_router.on_startup {
            self.restart.stub_until = Some(now + span);
            self.timers.set(Timer::StubEnd, now + span);
        }
    }

    /// Whether more is to come before all is known after a start: neighbors that have not told everything or may not have shown
    /// themselves, a restart of its own, or a run of SPF.
    pub fn awaits(&self, now: Instant) -> bool {
        let on = |iface: &Interface| {
            let hello = iface.config.hello;
            let silent = iface.neighbors.is_empty() && now < self.started + 2 * hello;
            // One of a network with many shows itself within a Hello; two that do not lead it stay two-way.
            let many = matches!(iface.config.network, NetworkType::Broadcast | NetworkType::NonBroadcast);
            let early = many && now < self.started + hello;
            let unfinished = |n: &Neighbor| match n.state {
                NeighborState::Full | NeighborState::Down => false,
                NeighborState::TwoWay => iface.state == InterfaceState::Waiting,
                _ => true,
            };
            let unheard = iface.statics.values().any(|known| known.heard.is_none());
            silent || early || unheard || iface.neighbors.values().any(unfinished)
        };
        self.restart.is_restarting()
            || self.routing.spf_view().due.is_some()
            || self.ifaces.values().filter(|iface| iface.is_active()).any(on)
            || !self.is_mutual()
    }

    /// Others are not to go through this router.
    pub(crate) const fn is_stub_router(&self) -> bool {
        self.config.stub_router.administrative
            || self.restart.stub_until.is_some()
            || matches!(self.restart.end, End::Stub(_))
    }

    /// The router is for transit again.
    pub(crate) fn stub_ends(&mut self) {
        self.restart.stub_until = None;
        self.timers.cancel(Timer::StubEnd);
        self.all_areas_changed();
    }

    /// `max-metric` changed; the span after a start is not begun anew by it.
    pub(crate) fn stub_configured(&mut self, old: &InstanceConfig) {
        if old.stub_router.on_startup.is_some() && self.config.stub_router.on_startup.is_none() {
            self.stub_ends();
        }
    }

    /// All router-LSAs are to be looked at.
    pub(crate) fn all_areas_changed(&mut self) {
        self.dirty.areas.extend(self.ifaces.values().map(Interface::area));
    }

    /// How long neighbors wait for the restart that they were told of.
    pub fn prepared_restart(&self) -> Option<Duration> {
        self.config.graceful.restart.filter(|_| self.restart.prepared)
    }

    /// The end: own LSAs are flushed, unless a restart was prepared. Outputs are to be carried out, and the call repeated, with time
    /// passing in between, until it says true.
    pub fn shutdown(&mut self, now: Instant) -> bool {
        if self.restart.end == End::Not {
            let stub = self.config.stub_router.on_shutdown.filter(|_| !self.restart.prepared);
            self.restart.end = match stub {
                Some(span) => {
                    self.timers.set(Timer::End, now + span);
                    End::Stub(now + span)
                }
                None => self.last_words(now),
            };
            self.all_areas_changed();
            self.settle(now);
        }
        if let End::Stub(until) = self.restart.end {
            if now < until {
                return false;
            }
            self.restart.end = self.last_words(now);
            self.settle(now);
        }
        let End::LastWords(until) = self.restart.end else { return false };
        now >= until || self.is_all_said()
    }

    fn last_words(&mut self, now: Instant) -> End {
        if !self.restart.prepared {
            self.flush_all(now);
        }
        self.timers.set(Timer::End, now + LAST_WORDS);
        End::LastWords(now + LAST_WORDS)
    }

    /// Nobody has anything to acknowledge, and nothing waits.
    fn is_all_said(&self) -> bool {
        self.ifaces.values().all(|iface| {
            iface.queue.is_empty()
                && iface.neighbors.values().all(|n| n.retransmit.is_empty() && n.queue.is_empty())
        })
    }
}
