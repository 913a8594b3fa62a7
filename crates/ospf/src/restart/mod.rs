//! Graceful restart (RFC 3623, RFC 5187), and the times in which this router is not for transit (RFC 6987).

use std::time::Instant;

use crate::config::{InstanceConfig, InterfaceKey};
use crate::instance::{Instance, Start};
use crate::lsdb::{LsaKey, ScopeId};
use crate::neighbor::NeighborKey;
use crate::timer::Timer;

/// Own restart, and times of being a stub.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    /// An own restart runs until then.
    pub(crate) until: Option<Instant>,
    /// A restart was announced: own LSAs stay when this life ends.
    pub(crate) prepared: bool,
    /// Not for transit until then.
    pub(crate) stub_until: Option<Instant>,
    /// The end began; it is over then.
    pub(crate) ends: Option<Instant>,
}

impl Restart {
    pub(crate) const fn is_restarting(&self) -> bool {
        self.until.is_some()
    }
}

impl Instance {
    /// Others are not to go through this router.
    pub(crate) const fn is_stub_router(&self) -> bool {
        self.config.stub_router.administrative || self.restart.stub_until.is_some()
    }

    pub(crate) fn restart_configured(&mut self, _old: &InstanceConfig, _now: Instant) {}

    /// `max-metric` changed.
    pub(crate) fn stub_configured(&mut self, old: &InstanceConfig, _now: Instant) {
        if old.stub_router.on_startup.is_some() && self.config.stub_router.on_startup.is_none() {
            self.restart.stub_until = self.restart.ends;
            self.timers.cancel(Timer::StubEnd);
        }
    }

    /// Content of the database changed.
    pub(crate) fn topology_changed(&mut self, _scope: ScopeId, _key: &LsaKey, _now: Instant) {}

    /// An LSA of another router was installed.
    pub(crate) fn note_received(
        &mut self,
        _ik: InterfaceKey,
        _nk: NeighborKey,
        _scope: ScopeId,
        _header: &ferr_ospf_wire::LsaHeader,
        _now: Instant,
    ) {
    }

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

    /// The router is for transit again.
    pub(crate) fn stub_ends(&mut self) {
        self.restart.stub_until = None;
        self.all_areas_changed();
    }

    /// All router-LSAs are to be looked at.
    pub(crate) fn all_areas_changed(&mut self) {
        self.dirty.areas.extend(self.ifaces.values().map(crate::interface::Interface::area));
    }

    pub(crate) fn restart_ends(&mut self, _well: bool, _now: Instant) {}

    pub(crate) fn helper_timer(&mut self, _ik: InterfaceKey, _nk: NeighborKey, _now: Instant) {}
}

impl Instance {
    /// `graceful-restart prepare`: tells neighbors that a restart comes. False when it is not configured.
    pub fn prepare_restart(&mut self, _now: Instant) -> bool {
        false
    }

    /// The end: own LSAs are flushed, unless a restart was prepared. Outputs are to be carried out; done when true.
    pub fn shutdown(&mut self, now: Instant) -> bool {
        self.flush_all(now);
        self.drain(now);
        true
    }
}
