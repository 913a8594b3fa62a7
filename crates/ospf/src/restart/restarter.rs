//! The own restart: announced before the end of one life, carried through in the next (RFC 3623 section 2).

use std::collections::BTreeSet;
use std::time::Instant;

use ferr_ospf_wire::{
    Body, Grace, GraceReason, LinkStateId, LinkType, LsaType, OpaqueType, Options, Version,
};
use ferr_types::{AreaId, RouterId};

use crate::config::{InstanceConfig, InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{NeighborState, Output};
use crate::lsdb::{LsaKey, ScopeId};
use crate::originate::{OwnKey, Wish, body_of};
use crate::timer::Timer;

/// How a restart stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Adjacencies are missing.
    Waits,
    /// All are there again.
    Complete,
    /// A neighbor does not advertise the adjacency any more: it does not help.
    Broken,
}

impl Instance {
    fn grace_key(&self, ik: InterfaceKey, id: u32) -> OwnKey {
        match self.config.version {
            Version::V2 => {
                (ScopeId::Link(ik), LsaType::OPAQUE_LINK, LinkStateId::from_opaque(OpaqueType::GRACE, 0))
            }
            Version::V3 => (ScopeId::Link(ik), LsaType::GRACE_V3, LinkStateId(id)),
        }
    }

    /// `graceful-restart prepare`: tells neighbors that a restart comes. False when it is not configured.
    pub fn prepare_restart(&mut self, now: Instant) -> bool {
        let Some(period) = self.config.graceful.restart else { return false };
        self.timers.set(Timer::Unprepare, now + period);
        let period = u32::try_from(period.as_secs()).unwrap_or(u32::MAX);
        let told: Vec<(OwnKey, Wish)> = self
            .ifaces
            .values()
            .filter(|iface| iface.is_active() && !iface.is_virtual())
            .filter_map(|iface| {
                let address = match (iface.network(), iface.config.address) {
                    (NetworkType::PointToPoint, _) => None,
                    (_, address) => address.map(|(addr, _)| addr),
                };
                let grace = Grace { period, reason: GraceReason::RESTART, address };
                let key = self.grace_key(iface.key, iface.id);
                let body = body_of(key.1, |writer| writer.grace(&grace))?;
                let options = match self.config.version {
                    Version::V2 => self.area_options(iface.area()),
                    Version::V3 => Options::empty(),
                };
                Some((key, Wish { options, body }))
            })
            .collect();
        for (key, wish) in told {
            self.own.want(key, wish);
        }
        self.restart.prepared = true;
        self.settle(now);
        true
    }

    /// Graceful restart is configured anew: an announced one is taken back when there is to be none.
    pub(crate) fn restart_configured(&mut self, old: &InstanceConfig) {
        if old.graceful.restart.is_some() && self.config.graceful.restart.is_none() {
            self.unprepare();
        }
    }

    /// No restart came of what was announced.
    pub(crate) fn unprepare(&mut self) {
        if std::mem::take(&mut self.restart.prepared) {
            self.timers.cancel(Timer::Unprepare);
            self.unwant_grace();
        }
    }

    fn unwant_grace(&mut self) {
        let keys: Vec<OwnKey> =
            self.ifaces.values().map(|iface| self.grace_key(iface.key, iface.id)).collect();
        for key in keys {
            self.own.unwant(&key);
        }
    }

    /// Looks whether the restart came to its end.
    pub(crate) fn check_restart(&mut self, now: Instant) {
        if !self.restart.is_restarting() {
            return;
        }
        match self.progress() {
            Progress::Waits => {}
            Progress::Complete => self.restart_ends(true, now),
            Progress::Broken => self.restart_ends(false, now),
        }
    }

    fn progress(&self) -> Progress {
        let areas: BTreeSet<AreaId> =
            self.ifaces.values().filter(|i| i.is_active()).map(Interface::area).collect();
        let mut whole = Progress::Complete;
        for area in areas {
            match self.progress_in(area) {
                Progress::Complete => {}
                Progress::Waits => whole = Progress::Waits,
                Progress::Broken => return Progress::Broken,
            }
        }
        whole
    }

    /// Whether all that this router is adjacent to by its own LSAs say so of it in theirs: before, no way leads through them.
    pub(super) fn is_mutual(&self) -> bool {
        let own = self.config.router_id;
        let full = |iface: &&Interface| iface.neighbors.values().any(|n| n.state == NeighborState::Full);
        let areas: BTreeSet<AreaId> = self.ifaces.values().filter(full).map(Interface::area).collect();
        areas.into_iter().map(ScopeId::Area).all(|scope| {
            let says =
                |router: &RouterId| self.adjacent_to(scope, *router).is_some_and(|to| to.contains(&own));
            self.adjacent_to(scope, own).is_some_and(|to| !to.is_empty() && to.iter().all(says))
        })
    }

    /// Compares adjacencies with those of the life before, as the own router-LSA of that says them.
    fn progress_in(&self, area: AreaId) -> Progress {
        let (own, scope) = (self.config.router_id, ScopeId::Area(area));
        let full: BTreeSet<RouterId> = self
            .ifaces
            .values()
            .filter(|iface| iface.area() == area)
            .flat_map(|iface| iface.neighbors.values())
            .filter(|neighbor| neighbor.state == NeighborState::Full)
            .map(|neighbor| neighbor.router)
            .collect();
        if full.is_empty() {
            return Progress::Waits;
        }
        let Some(expected) = self.adjacent_to(scope, own) else { return Progress::Waits };
        for router in &expected {
            if !full.contains(router) {
                return Progress::Waits;
            }
            if self.adjacent_to(scope, *router).is_some_and(|back| !back.contains(&own)) {
                return Progress::Broken;
            }
        }
        Progress::Complete
    }

    /// Routers that a router says it is adjacent to, those that it reaches over a network with it led by either among them.
    fn adjacent_to(&self, scope: ScopeId, router: RouterId) -> Option<BTreeSet<RouterId>> {
        let kind = match self.config.version {
            Version::V2 => LsaType::ROUTER_V2,
            Version::V3 => LsaType::ROUTER_V3,
        };
        let mut adjacent = BTreeSet::new();
        let mut any = false;
        for (key, stored) in self.lsdb.of_type(scope, kind).filter(|(key, _)| key.router == router) {
            any = true;
            let Some(lsa) = stored.lsa(self.config.version) else { continue };
            match lsa.body() {
                Ok(Body::RouterV2(body)) => {
                    for link in body.links.iter() {
                        match link.kind {
                            LinkType::POINT_TO_POINT => drop(adjacent.insert(RouterId(link.id))),
                            LinkType::TRANSIT => {
                                adjacent.extend(self.network_v2(scope, link.id.into(), router))
                            }
                            _ => {}
                        }
                    }
                }
                Ok(Body::RouterV3(body)) => {
                    for link in body.links.iter() {
                        match link.kind {
                            LinkType::POINT_TO_POINT => drop(adjacent.insert(link.neighbor)),
                            LinkType::TRANSIT => {
                                let id = LinkStateId(link.neighbor_interface);
                                adjacent.extend(self.network_v3(scope, id, link.neighbor, router));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
            let _ = key;
        }
        any.then_some(adjacent)
    }

    /// Who is adjacent to a router over a network: its leader, or when it leads all others.
    fn network_v2(&self, scope: ScopeId, id: LinkStateId, router: RouterId) -> Vec<RouterId> {
        let found = self.lsdb.of_type(scope, LsaType::NETWORK_V2).find(|(key, _)| key.id == id);
        let Some((key, stored)) = found else { return Vec::new() };
        let Some(Body::NetworkV2(body)) = stored.lsa(Version::V2).and_then(|lsa| lsa.body().ok()) else {
            return Vec::new();
        };
        led(key.router, router, body.routers.iter())
    }

    fn network_v3(
        &self,
        scope: ScopeId,
        id: LinkStateId,
        leader: RouterId,
        router: RouterId,
    ) -> Vec<RouterId> {
        let key = LsaKey { kind: LsaType::NETWORK_V3, id, router: leader };
        let Some(stored) = self.lsdb.get(scope, &key) else { return Vec::new() };
        let Some(Body::NetworkV3(body)) = stored.lsa(Version::V3).and_then(|lsa| lsa.body().ok()) else {
            return Vec::new();
        };
        led(leader, router, body.routers.iter())
    }

    /// The restart ends, well or not: what this router is now is told (section 2.3).
    pub(crate) fn restart_ends(&mut self, well: bool, now: Instant) {
        if self.restart.until.take().is_none() {
            return;
        }
        self.timers.cancel(Timer::RestartEnd);
        let keys: Vec<InterfaceKey> = self.ifaces.keys().copied().collect();
        for ik in keys.iter().copied() {
            // Who stops helping looks at the roles that this router claims.
            self.send_hello_all(ik, now);
        }
        self.unwant_grace();
        self.routing.reconfigured(now);
        self.run_routing(now);
        self.all_areas_changed();
        self.dirty.ifaces.extend(keys);
        self.describe();
        self.own.touch_all();
        self.supersede(now);
        self.outputs.push_back(Output::RestartEnded(well));
    }

    /// Own LSAs of the life before that are not wanted any more.
    fn supersede(&mut self, now: Instant) {
        let own = self.config.router_id;
        let scopes: Vec<ScopeId> = self.lsdb.scopes().collect();
        for scope in scopes {
            let old: Vec<LsaKey> =
                self.lsdb.scope(scope).filter(|(key, _)| key.router == own).map(|(key, _)| *key).collect();
            for key in old {
                if self.own.get(&(scope, key.kind, key.id)).is_none() {
                    self.own_received(scope, key, now);
                }
            }
        }
    }
}

fn led(leader: RouterId, router: RouterId, routers: impl Iterator<Item = RouterId>) -> Vec<RouterId> {
    if leader == router { routers.filter(|other| *other != router).collect() } else { vec![leader] }
}
