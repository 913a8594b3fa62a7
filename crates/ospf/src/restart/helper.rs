//! Helping a neighbor through its restart (RFC 3623 section 3).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{Body, Grace, GraceReason, LsaHeader, LsaType, OpaqueType, Scope, Tlvs, Version};

use crate::config::{InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::io::{Cause, NeighborState};
use crate::lsdb::{LsaKey, ScopeId};
use crate::neighbor::NeighborKey;
use crate::timer::Timer;

/// Whether an LSA says something of a restart.
pub(crate) fn is_grace(key: &LsaKey) -> bool {
    match key.kind {
        LsaType::OPAQUE_LINK => key.id.opaque().0 == OpaqueType::GRACE,
        kind => kind == LsaType::GRACE_V3,
    }
}

/// Whether routes are made from LSAs of a type (types 1 to 5 and 7, and their like).
fn is_topology(kind: LsaType) -> bool {
    match kind {
        LsaType::V2(kind) => matches!(kind, 1..=5 | 7),
        LsaType::V3(_) => {
            kind.is_known()
                && kind.scope() != Scope::Link
                && kind.function_code() != LsaType::ROUTER_INFORMATION_CODE
        }
    }
}

impl Instance {
    /// An LSA of another router was installed: it may tell of a restart, or of the end of one.
    pub(crate) fn note_received(
        &mut self,
        ik: InterfaceKey,
        scope: ScopeId,
        header: &LsaHeader,
        now: Instant,
    ) {
        let key = LsaKey::from(header);
        if !is_grace(&key) {
            return;
        }
        let Some(grace) = self.grace(scope, &key) else { return };
        let Some(nk) = self.restarting_neighbor(ik, &key, &grace) else { return };
        if header.age.is_max() {
            self.help_ends(ik, nk, now);
            return;
        }
        let left = Duration::from_secs(grace.period.into())
            .saturating_sub(Duration::from_secs(header.age.seconds().into()));
        if !left.is_zero() && self.helps(ik, nk, &grace) {
            let until = now + left;
            if let Some(neighbor) = self.neighbor_mut(ik, nk) {
                neighbor.helped = Some(until);
            }
            self.timers.set(Timer::Helper(ik, nk), until);
        }
    }

    fn grace(&self, scope: ScopeId, key: &LsaKey) -> Option<Grace> {
        let lsa = self.lsdb.get(scope, key)?.lsa(self.config.version)?;
        let tlvs: Tlvs<'_> = match lsa.body().ok()? {
            Body::Opaque(opaque) => opaque.tlvs().ok()?,
            Body::Tlvs(tlvs) => tlvs,
            _ => return None,
        };
        Grace::decode(&tlvs).ok()
    }

    /// Who restarts: known by its address where neighbors are, else by its router ID.
    fn restarting_neighbor(&self, ik: InterfaceKey, key: &LsaKey, grace: &Grace) -> Option<NeighborKey> {
        let iface = self.interface(ik)?;
        let by_addr = self.config.version == Version::V2 && iface.network() != NetworkType::PointToPoint;
        let found = iface.neighbors.values().find(|neighbor| match grace.address {
            Some(address) if by_addr => neighbor.addr == IpAddr::V4(address) && neighbor.router == key.router,
            _ => neighbor.router == key.router,
        });
        found.map(|neighbor| neighbor.key)
    }

    /// Whether the restart is helped with (section 3.1).
    fn helps(&self, ik: InterfaceKey, nk: NeighborKey, grace: &Grace) -> bool {
        let settings = &self.config.graceful;
        let Some(neighbor) = self.neighbor(ik, nk) else { return false };
        let planned = matches!(grace.reason, GraceReason::RESTART | GraceReason::UPGRADE);
        let allowed = settings.helper || settings.helper_for.contains(&neighbor.router);
        let fits = Duration::from_secs(grace.period.into()) <= settings.max_grace;
        let changed = settings.strict_lsa_checking
            && neighbor.helped.is_none()
            && neighbor.retransmit.keys().any(|key| is_topology(key.kind));
        allowed
            && fits
            && !changed
            && !self.restart.is_restarting()
            && (planned || !settings.planned_only)
            && (neighbor.state == NeighborState::Full || neighbor.helped.is_some())
    }

    /// What routes are made from changed: the neighbor that restarts cannot know of it (section 3.2).
    pub(crate) fn topology_changed(&mut self, scope: ScopeId, key: &LsaKey, now: Instant) {
        if self.restart.is_restarting() {
            self.dirty.restart = true;
        }
        if !self.config.graceful.strict_lsa_checking || !is_topology(key.kind) {
            return;
        }
        let helped: Vec<(InterfaceKey, NeighborKey)> = self
            .ifaces
            .values()
            .filter(|iface| self.is_in_scope(iface, scope))
            .flat_map(|iface| iface.neighbors.values().map(move |neighbor| (iface.key, neighbor)))
            .filter(|(_, neighbor)| neighbor.helped.is_some() && neighbor.router != key.router)
            .map(|(ik, neighbor)| (ik, neighbor.key))
            .collect();
        for (ik, nk) in helped {
            self.help_ends(ik, nk, now);
        }
    }

    /// The grace period is over.
    pub(crate) fn helper_timer(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        self.help_ends(ik, nk, now);
    }

    /// From now on the neighbor is one like others.
    fn help_ends(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        if neighbor.helped.take().is_none() {
            return;
        }
        self.timers.cancel(Timer::Helper(ik, nk));
        self.neighbor_content_changed(ik);
        if self.timers.get(Timer::Dead(ik, nk)).is_none() {
            self.lose_neighbor(ik, nk, Cause::InactivityTimer, now);
        }
        self.candidates_changed(ik, now);
    }
}
