//! From the database to routes: SPF per area, routes of other areas and of the outside, what a border router tells, alternates.
//!
//! [`Routing`] is told what changed in the database and decides what has to be worked out anew and when. It reads the own links
//! ([`Inputs`]), writes own LSAs (summaries, externals) into [`crate::originate::OwnLsas`], and gives routes to the RIB.
//!
//! RFC 2328 section 16, RFC 5340 section 4.8, RFC 3101, RFC 5286, RFC 8405.

mod abr;
mod alternate;
mod area;
mod asbr;
mod calc;
mod external;
mod graph;
mod heap;
mod local;
mod lsid;
mod model;
mod nssa;
mod run;
mod spf;
mod status;
mod table;
mod tell;
mod timers;
mod told;
mod views;
mod ways;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ferr_ospf_wire::{RouterBits, Version};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Metric, Prefix, Protocol, RouteUpdate, RouterId, Tag};

pub use self::model::Model;

use self::area::{Area, remove_one};
use self::calc::Path;
use self::external::Externals;
use self::graph::Change;
use self::status::Status;
use self::table::Table;
use self::timers::Backoff;
use self::told::Told;
use self::ways::Ways;
use crate::config::{InstanceConfig, InterfaceKey, NetworkType, SpfTimers};
use crate::lsdb::{LsaKey, ScopeId};
use crate::view::{SpfReason, SpfView};

/// A neighbor as routes see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalNeighbor {
    /// Its router ID.
    pub(crate) router: RouterId,
    /// Where packets for it go: its address (link-local in OSPFv3).
    pub(crate) addr: IpAddr,
    /// OSPFv3: its number of the interface.
    pub(crate) interface_id: u32,
    /// Fully adjacent.
    pub(crate) full: bool,
}

/// An own interface that is up, as routes see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalLink {
    /// Which.
    pub(crate) key: InterfaceKey,
    /// Its area; the backbone for virtual links.
    pub(crate) area: AreaId,
    /// Its kind.
    pub(crate) network: NetworkType,
    /// The link that packets leave by.
    pub(crate) ifindex: IfIndex,
    /// Own address: of OSPFv2 with its prefix, of OSPFv3 the link-local one.
    pub(crate) addr: Option<IpAddr>,
    /// Own number of the interface (OSPFv3, unnumbered links).
    pub(crate) interface_id: u32,
    /// Cost.
    pub(crate) cost: u16,
    /// Routers on it.
    pub(crate) neighbors: Vec<LocalNeighbor>,
}

/// What routes are worked out from.
pub(crate) struct Inputs<'a> {
    /// What is configured.
    pub(crate) config: &'a InstanceConfig,
    /// Own interfaces that are up.
    pub(crate) links: &'a [LocalLink],
    /// Filters and route-maps.
    pub(crate) policy: &'a Arc<PolicySet>,
    /// A graceful restart runs: nothing is originated, and nothing that was installed is taken back.
    pub(crate) restarting: bool,
}

/// A route of another protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRoute {
    /// Destination.
    pub prefix: Prefix,
    /// Who made it.
    pub protocol: Protocol,
    /// Its instance.
    pub instance: u16,
    /// Its metric.
    pub metric: Metric,
    /// Its tag.
    pub tag: Tag,
    /// First gateway.
    pub gateway: Option<IpAddr>,
    /// Interface of the first way.
    pub ifindex: Option<IfIndex>,
    /// Its name.
    pub interface: Option<Arc<str>>,
}

/// Way to the other end of a virtual link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VirtualPath {
    /// Cost through the transit area.
    pub(crate) cost: u16,
    /// Link of the first hop.
    pub(crate) ifindex: IfIndex,
    /// Own address to be used.
    pub(crate) local: IpAddr,
    /// Address of the other end.
    pub(crate) remote: IpAddr,
}

/// What has to be worked out anew.
#[derive(Debug, Default)]
struct Dirty {
    prefixes: BTreeSet<Prefix>,
    externals: BTreeSet<Prefix>,
    /// What is told of AS boundary routers.
    boundaries: bool,
    /// All of it.
    everything: bool,
}

/// Routes of an instance.
#[derive(Debug)]
pub(crate) struct Routing {
    version: Version,
    areas: BTreeMap<AreaId, Area>,
    externals: Externals,
    addresses: local::LinkAddresses,
    table: Table,
    boundaries: BTreeMap<RouterId, Path>,
    ranges: abr::Ranges,
    status: Status,
    /// Own links when SPF ran last.
    links: Vec<LocalLink>,
    /// Own links as they were seen last.
    seen: Vec<LocalLink>,
    virtuals: BTreeMap<InterfaceKey, Ways>,
    foreign: BTreeMap<(Prefix, Protocol, u16), ForeignRoute>,
    foreign_dirty: BTreeSet<Prefix>,
    chosen: asbr::ChosenRoutes,
    gathering: asbr::Gathering,
    /// Ways to prefixes of this router's own links.
    own_prefixes: BTreeMap<(AreaId, Prefix), Ways>,
    /// NSSAs for which this router translates.
    translators: BTreeSet<AreaId>,
    /// Of these, those for which it was elected, and how long it goes on.
    ending: BTreeMap<AreaId, Instant>,
    teller: tell::Teller,
    dirty: Dirty,
    timers: SpfTimers,
    backoff: Backoff,
    /// Work that does not wait for SPF.
    soon: Option<Instant>,
    restarting: bool,
    node_protection: bool,
    stats: SpfView,
    style: Option<table::Style>,
    last_run: Option<Instant>,
    nothing: Ways,
}

impl Routing {
    /// Without any route.
    pub(crate) fn new(version: Version) -> Self {
        Self {
            version,
            areas: BTreeMap::new(),
            externals: Externals::default(),
            addresses: BTreeMap::new(),
            table: Table::default(),
            boundaries: BTreeMap::new(),
            ranges: abr::Ranges::default(),
            status: Status::default(),
            links: Vec::new(),
            seen: Vec::new(),
            virtuals: BTreeMap::new(),
            foreign: BTreeMap::new(),
            foreign_dirty: BTreeSet::new(),
            chosen: BTreeMap::new(),
            gathering: asbr::Gathering::default(),
            own_prefixes: BTreeMap::new(),
            translators: BTreeSet::new(),
            ending: BTreeMap::new(),
            teller: tell::Teller::default(),
            dirty: Dirty { everything: true, ..Dirty::default() },
            timers: SpfTimers::default(),
            backoff: Backoff::new(),
            soon: None,
            restarting: false,
            node_protection: false,
            stats: SpfView::default(),
            style: None,
            last_run: None,
            nothing: Arc::from([]),
        }
    }

    /// An LSA was installed, replaced or removed; MaxAge counts as removed.
    pub(crate) fn lsa_changed(
        &mut self,
        scope: ScopeId,
        key: &LsaKey,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        now: Instant,
    ) {
        if let (Some(old), Some(new)) = (old, new)
            && says_the_same(old, new)
        {
            return;
        }
        let area = if let ScopeId::Area(area) = scope { Some(area) } else { None };
        let read = |octets: Option<&[u8]>| octets.and_then(|o| told::read(self.version, area, o));
        let (old, new) = (read(old), read(new));
        if old == new {
            return;
        }
        if let ScopeId::Link(link) = scope {
            return self.link_told(link, key.router, new, now);
        }
        // One kind of LSA tells one kind of thing; the new one comes first, so that what stays is never dropped in between.
        match (old, new) {
            (Some(Told::Vertex { key, lsa, leaves: gone, .. }), Some(Told::Vertex { part, leaves, .. })) => {
                self.vertex_told(area, (key, lsa, Some(part)), (gone, leaves), now)
            }
            (Some(Told::Prefixes { key, leaves: gone }), Some(Told::Prefixes { key: same, leaves }))
                if key == same =>
            {
                self.leaves_told(area, key, (gone, leaves), now);
            }
            (old, new) => {
                self.tells(area, new, true, now);
                self.tells(area, old, false, now);
            }
        }
    }

    fn tells(&mut self, area: Option<AreaId>, told: Option<Told>, up: bool, now: Instant) {
        let Some(told) = told else { return };
        match told {
            Told::Vertex { key, lsa, part, leaves } if up => {
                self.vertex_told(area, (key, lsa, Some(part)), (Vec::new(), leaves), now);
            }
            Told::Vertex { key, lsa, leaves, .. } => {
                self.vertex_told(area, (key, lsa, None), (leaves, Vec::new()), now);
            }
            Told::Prefixes { key, leaves } if up => self.leaves_told(area, key, (Vec::new(), leaves), now),
            Told::Prefixes { key, leaves } => self.leaves_told(area, key, (leaves, Vec::new()), now),
            Told::Summary(prefix, summary) => {
                let Some(area) = self.area_mut(area) else { return };
                if up {
                    area.summaries.entry(prefix).or_default().push(summary);
                } else {
                    remove_one(&mut area.summaries, &prefix, |s| *s == summary);
                }
                self.dirty.prefixes.insert(prefix);
                self.soon(now, SpfReason::Summary);
            }
            Told::Boundary(router, summary) => {
                let Some(area) = self.area_mut(area) else { return };
                if up {
                    area.boundaries.entry(router).or_default().push(summary);
                } else {
                    remove_one(&mut area.boundaries, &router, |s| *s == summary);
                }
                self.dirty.boundaries = true;
                self.soon(now, SpfReason::Summary);
            }
            Told::External(prefix, external) => {
                if up {
                    self.externals.add(prefix, external);
                } else {
                    self.externals.remove(prefix, &external);
                }
                self.dirty.externals.insert(prefix);
                self.soon(now, SpfReason::External);
            }
            Told::Address(..) => {}
        }
    }

    fn vertex_told(
        &mut self,
        area: Option<AreaId>,
        (key, lsa, part): (graph::VertexKey, (ferr_ospf_wire::LinkStateId, RouterId), Option<graph::RawPart>),
        leaves: (told::Leaves, told::Leaves),
        now: Instant,
    ) {
        let reason = match key {
            graph::VertexKey::Router(_) => SpfReason::Router,
            graph::VertexKey::Network(..) => SpfReason::Network,
        };
        let Some(state) = self.area_mut(area) else { return };
        let change = state.graph.describe(key, lsa, part);
        if change != Change::None {
            state.touched.insert(key);
        }
        state.settle(change);
        if change != Change::None {
            self.event(now, reason);
        }
        self.leaves_told(area, key, leaves, now);
    }

    fn leaves_told(
        &mut self,
        area: Option<AreaId>,
        key: graph::VertexKey,
        (old, new): (told::Leaves, told::Leaves),
        now: Instant,
    ) {
        let Some(state) = self.area_mut(area) else { return };
        let changed = state.leaves(key, old, new);
        state.settle(Change::None);
        if !changed.is_empty() {
            self.dirty.prefixes.extend(changed);
            self.soon(now, SpfReason::Prefix);
        }
    }

    fn link_told(&mut self, link: InterfaceKey, router: RouterId, told: Option<Told>, now: Instant) {
        let before = match told {
            Some(Told::Address(_, addr)) => self.addresses.insert((link, router), addr) == Some(addr),
            _ => self.addresses.remove(&(link, router)).is_none(),
        };
        let local = self.links.iter().find(|l| l.key == link);
        let needed = local.filter(|l| !l.neighbors.iter().any(|n| n.router == router)).map(|l| l.area);
        if let (false, Some(area)) = (before, needed) {
            if let Some(area) = self.areas.get_mut(&area) {
                area.dirty = true;
            }
            self.event(now, SpfReason::Prefix);
        }
    }

    fn area_mut(&mut self, area: Option<AreaId>) -> Option<&mut Area> {
        let version = self.version;
        Some(self.areas.entry(area?).or_insert_with(|| Area::new(version)))
    }

    /// Work that does not wait.
    fn soon(&mut self, now: Instant, reason: SpfReason) {
        self.soon.get_or_insert(now);
        self.stats.reason = Some(reason);
    }

    /// Work that SPF has to do.
    fn event(&mut self, now: Instant, reason: SpfReason) {
        self.backoff.event(now, &self.timers);
        self.stats.reason = Some(reason);
    }

    /// Interfaces or neighbors are others than before. Whether that moves routes is found out by the next run.
    pub(crate) fn links_changed(&mut self, now: Instant) {
        self.soon.get_or_insert(now);
    }

    /// Configuration or policy are others than before.
    pub(crate) fn reconfigured(&mut self, now: Instant) {
        self.dirty.everything = true;
        self.event(now, SpfReason::Configuration);
        self.soon(now, SpfReason::Configuration);
    }

    /// Another protocol offers a route.
    pub(crate) fn redistribute(&mut self, route: ForeignRoute, now: Instant) {
        let key = (route.prefix, route.protocol, route.instance);
        let prefix = route.prefix;
        if self.foreign.get(&key) != Some(&route) {
            self.foreign.insert(key, route);
            self.foreign_dirty.insert(prefix);
            self.soon(now, SpfReason::External);
        }
    }

    /// Another protocol offers a route no longer.
    pub(crate) fn redistribute_withdraw(
        &mut self,
        prefix: Prefix,
        protocol: Protocol,
        instance: u16,
        now: Instant,
    ) {
        if self.foreign.remove(&(prefix, protocol, instance)).is_some() {
            self.foreign_dirty.insert(prefix);
            self.soon(now, SpfReason::External);
        }
    }

    /// When [`Self::run`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let ending = self.ending.values().copied();
        self.soon.into_iter().chain(self.backoff.due()).chain(ending).chain(self.gathering.due).min()
    }

    /// Takes what the RIB has to be told.
    pub(crate) fn take_rib_updates(&mut self) -> Vec<RouteUpdate> {
        self.table.take_updates()
    }

    /// What the router-LSA of an area says this router is; as of the last run.
    pub(crate) fn router_bits(&self, area: AreaId) -> RouterBits {
        self.status.bits(area)
    }
}

/// Whether two instances of an LSA say the same: age, sequence number and checksum apart.
fn says_the_same(old: &[u8], new: &[u8]) -> bool {
    old.len() == new.len() && old.get(2..12) == new.get(2..12) && old.get(18..) == new.get(18..)
}
