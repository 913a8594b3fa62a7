//! Views of the instance, and what an operator resets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use ferr_ospf_wire::LsaType;
use ferr_types::{AreaId, Prefix, Protocol, RouterId};

use crate::config::InterfaceKey;
use crate::instance::{Clear, Instance};
use crate::interface::Interface;
use crate::io::{Cause, NeighborState};
use crate::lsdb::ScopeId;
use crate::neighbor::{Neighbor, NeighborKey};
use crate::timer::Timer;
use crate::view::{
    AreaView, InstanceView, InterfaceView, NeighborView, RouteView, RouterRouteView, VertexView,
};

impl Instance {
    /// The instance as `show` wants it.
    pub fn view(&self, _now: Instant) -> InstanceView {
        InstanceView {
            router_id: self.config.router_id,
            started: self.started,
            abr: self.routing.is_abr(),
            asbr: self.routing.is_asbr(),
            stub_router: self.is_stub_router(),
            restarting: self.restart.until,
            spf: self.routing.spf_view(),
            lsas: self.sums(ScopeId::As),
            areas: self.config.areas.keys().map(|area| self.area_view(*area)).collect(),
        }
    }

    /// Full runs of SPF up to now: a driver with a clock sees by it that an input made one.
    pub fn spf_runs(&self) -> u64 {
        self.routing.spf_view().full
    }

    /// Says how long the last run took, for `show`.
    pub const fn spf_took(&mut self, duration: std::time::Duration) {
        self.routing.spf_took(duration);
    }

    fn sums(&self, scope: ScopeId) -> BTreeMap<LsaType, (usize, u64)> {
        let mut sums: BTreeMap<LsaType, (usize, u64)> = BTreeMap::new();
        for (key, stored) in self.lsdb.scope(scope) {
            let checksum = stored.lsa(self.config.version).map_or(0, |lsa| lsa.header.checksum);
            let sum = sums.entry(key.kind).or_default();
            *sum = (sum.0 + 1, sum.1 + u64::from(checksum));
        }
        sums
    }

    fn area_view(&self, id: AreaId) -> AreaView {
        let inside = || self.ifaces.values().filter(move |iface| iface.area() == id);
        let through = self
            .ifaces
            .values()
            .filter(|iface| matches!(iface.key, InterfaceKey::Virtual(area, _) if area == id));
        let (spf_runs, spf_last) = self.routing.area_spf(id);
        AreaView {
            id,
            config: self.config.areas.get(&id).cloned().unwrap_or_default(),
            interfaces: inside().count(),
            active: inside().filter(|iface| iface.is_up()).count(),
            full: inside().map(|iface| iface.full().count()).sum(),
            virtual_full: through.map(|iface| iface.full().count()).sum(),
            translator: self.routing.is_translator(id),
            shortcut_agreed: self.routing.agrees_on_shortcut(id),
            spf_runs,
            spf_last,
            lsas: self.sums(ScopeId::Area(id)),
        }
    }

    /// Interfaces, virtual links at the end.
    pub fn interfaces(&self) -> Vec<InterfaceView> {
        self.ifaces.values().map(|iface| self.interface_view(iface)).collect()
    }

    fn interface_view(&self, iface: &Interface) -> InterfaceView {
        let role = |identity: Ipv4Addr| -> Option<(RouterId, IpAddr)> {
            if identity.is_unspecified() {
                None
            } else if identity == iface.identity(self.config.router_id) {
                Some((self.config.router_id, iface.source()?))
            } else {
                iface.by_identity(identity).map(|neighbor| (neighbor.router, neighbor.addr))
            }
        };
        InterfaceView {
            key: iface.key,
            ifindex: iface.ifindex(),
            config: iface.config.clone(),
            state: iface.state,
            changes: iface.changes,
            cost: iface.cost(),
            dr: role(iface.dr),
            bdr: role(iface.bdr),
            hello_due: self.timers.get(Timer::Hello(iface.key)),
            wait_due: self.timers.get(Timer::Wait(iface.key)),
            all_spf: iface.all_spf,
            all_dr: iface.all_dr,
            neighbors: iface.neighbors.len(),
            full: iface.full().count(),
            interface_id: iface.id,
            link_lsas: self.lsdb.scope(ScopeId::Link(iface.key)).count(),
            delayed_acks: iface.acks.len(),
            packets: iface.packets.clone(),
            refused: iface.refused,
        }
    }

    /// Neighbors of one interface or of all.
    pub fn neighbors(&self, interface: Option<InterfaceKey>) -> Vec<NeighborView> {
        let chosen = self.ifaces.values().filter(|iface| interface.is_none_or(|ik| ik == iface.key));
        chosen
            .flat_map(|iface| {
                let silent = iface.statics.iter().filter(|(_, known)| known.heard.is_none());
                let silent = silent.map(|(addr, known)| self.silent_view(iface, *addr, known));
                iface.neighbors.values().map(|neighbor| self.neighbor_view(iface, neighbor)).chain(silent)
            })
            .collect()
    }

    /// A configured neighbor that was not heard.
    fn silent_view(&self, iface: &Interface, addr: IpAddr, known: &crate::interface::Static) -> NeighborView {
        let key = NeighborKey(Ipv4Addr::UNSPECIFIED);
        let neighbor = Neighbor::new(key, RouterId::UNSET, addr, 0, self.started);
        let state = if iface.is_active() { NeighborState::Attempt } else { NeighborState::Down };
        NeighborView { state, priority: known.settings.priority, ..self.neighbor_view(iface, &neighbor) }
    }

    fn neighbor_view(&self, iface: &Interface, neighbor: &Neighbor) -> NeighborView {
        NeighborView {
            interface: iface.key,
            name: iface.config.name.clone(),
            local: iface.source(),
            interface_state: iface.state,
            area: iface.area(),
            router: neighbor.router,
            addr: neighbor.addr,
            priority: neighbor.priority,
            state: neighbor.state,
            dr: neighbor.dr,
            bdr: neighbor.bdr,
            options: neighbor.options,
            interface_id: neighbor.interface_id,
            since: neighbor.since,
            changed: neighbor.changed,
            changes: neighbor.changes,
            progressive: neighbor.progressive,
            regressive: neighbor.regressive,
            dead_due: self.timers.get(Timer::Dead(iface.key, neighbor.key)),
            retransmit: neighbor.retransmit.len(),
            requests: neighbor.requests.len(),
            summary: neighbor.dd.summary.len(),
            dd_sequence: neighbor.dd.sequence,
            dd_flags: neighbor.dd.last.map(|dbd| dbd.flags).unwrap_or_default(),
            master: neighbor.state >= NeighborState::ExStart && !neighbor.dd.master,
            bfd: iface.config.bfd && neighbor.state >= NeighborState::TwoWay,
            helped: neighbor.helped,
        }
    }

    /// Routes behind `after` in order, at most `limit`.
    pub fn routes(&self, after: Option<Prefix>, limit: usize) -> Vec<RouteView> {
        self.routing.routes(after, limit)
    }

    /// How many routes of other protocols an external range (`summary-address`) gathers.
    pub fn summarized(&self, range: Prefix) -> usize {
        self.routing.summarized(range, &self.config.summaries)
    }

    /// How many routes of other protocols `redistribute` statements chose, by protocol and its instance.
    pub fn redistributed(&self) -> BTreeMap<(Protocol, u16), usize> {
        self.routing.redistributed()
    }

    /// Whose route a `redistribute` statement chose for a prefix: protocol and its instance.
    pub fn redistributed_from(&self, prefix: Prefix) -> Option<(Protocol, u16)> {
        self.routing.source(prefix)
    }

    /// Whether the AS-external-LSA of this router for a prefix tells a route of an NSSA (RFC 3101 section 3).
    pub fn is_translated(&self, prefix: Prefix) -> bool {
        self.routing.is_translated(prefix) && !self.config.summaries.contains_key(&prefix)
    }

    /// Routers and networks of an area that can be reached, this router among them.
    pub fn vertices(&self, area: AreaId) -> Vec<VertexView> {
        self.routing.vertices(area)
    }

    /// Ways to border routers.
    pub fn router_routes(&self, area: Option<AreaId>) -> Vec<RouterRouteView> {
        self.routing.router_routes(area)
    }

    /// Tells the RIB everything again.
    pub fn reinstall(&mut self, _now: Instant) {
        self.routing.reinstall();
    }

    /// `clear`.
    pub fn clear(&mut self, what: Clear, now: Instant) {
        match what {
            Clear::Process => self.clear_process(now),
            Clear::Interface(ifindex) => {
                self.clear_neighbors(now, |iface, _| ifindex.is_none() || iface.ifindex() == ifindex);
            }
            Clear::Neighbor(router) => {
                self.clear_neighbors(now, |_, neighbor| {
                    router.is_none_or(|router| router == neighbor.router)
                });
            }
            Clear::Counters(ifindex) => {
                for iface in self.ifaces.values_mut().filter(|i| ifindex.is_none() || i.ifindex() == ifindex)
                {
                    iface.packets.clear();
                    iface.refused = 0;
                }
            }
        }
        self.settle(now);
    }

    fn clear_neighbors(&mut self, now: Instant, chosen: impl Fn(&Interface, &Neighbor) -> bool) {
        let lost: Vec<(InterfaceKey, NeighborKey)> = self
            .ifaces
            .values()
            .flat_map(|iface| iface.neighbors.values().map(move |neighbor| (iface, neighbor)))
            .filter(|(iface, neighbor)| chosen(iface, neighbor))
            .map(|(iface, neighbor)| (iface.key, neighbor.key))
            .collect();
        for (ik, nk) in lost {
            self.lose_neighbor(ik, nk, Cause::Cleared, now);
        }
    }

    /// As if the instance were new.
    fn clear_process(&mut self, now: Instant) {
        let keys: Vec<InterfaceKey> = self.ifaces.keys().copied().collect();
        for ik in &keys {
            self.interface_down(*ik, Cause::Cleared, now);
        }
        let scopes: Vec<ScopeId> = self.lsdb.scopes().collect();
        for scope in scopes {
            self.purge_scope(scope, now);
        }
        self.own.touch_all();
        for ik in keys {
            if self.interface(ik).is_some_and(|iface| iface.config.up && !iface.carrier_lost) {
                self.interface_up(ik, now);
            }
        }
    }
}
