//! Routes by prefix, what the RIB was told of them, and what it has to be told.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ferr_prefixmap::DualMap;
use ferr_types::{
    AreaId, BlackholeKind, Distance, Gateway, Ipv4Prefix, Ipv6Prefix, Metric, Nexthop, NexthopSet, Prefix,
    Protocol, RouteKey, RouteSpec, RouteUpdate, Tag, VrfId,
};

use super::ways::{Way, Ways};
use crate::config::{InstanceConfig, InterfaceConfig, NetworkType};
use crate::view::{PathKind, RouteView, WayView};

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) kind: PathKind,
    /// Area through which.
    pub(crate) area: AreaId,
    /// Cost inside; of external routes of type 1 with what is outside.
    pub(crate) cost: u32,
    /// Metric of type 2.
    pub(crate) type2: Option<u32>,
    pub(crate) tag: u32,
    pub(crate) ways: Ways,
    pub(crate) backup: Ways,
}

/// What is known of a prefix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// Route inside the AS.
    pub(crate) internal: Option<Route>,
    /// Route to the outside.
    pub(crate) external: Option<Route>,
    /// A range of ours that has routes in it: packets for holes in it go nowhere.
    pub(crate) discard: bool,
    told: Option<RouteSpec>,
    since: Option<Instant>,
}

impl Entry {
    /// The route that counts.
    pub(crate) fn best(&self) -> Option<&Route> {
        self.internal.as_ref().or_else(|| self.external.as_ref().filter(|_| !self.discard))
    }

    const fn is_empty(&self) -> bool {
        self.internal.is_none() && self.external.is_none() && !self.discard && self.told.is_none()
    }
}

/// How routes look to the RIB.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    vrf: VrfId,
    protocol: Protocol,
    instance: u16,
    distances: crate::config::Distances,
    max_paths: usize,
    /// Own host routes of point-to-multipoint links: others need them, this host has the address itself.
    own: BTreeSet<Prefix>,
}

impl Style {
    pub(crate) fn new(config: &InstanceConfig) -> Self {
        let protocol = match config.version {
            ferr_ospf_wire::Version::V2 => Protocol::Ospf,
            ferr_ospf_wire::Version::V3 => Protocol::Ospf6,
        };
        let many = |i: &&InterfaceConfig| {
            matches!(i.network, NetworkType::PointToMultipoint | NetworkType::PointToMultipointNonBroadcast)
        };
        let own = config.interfaces.values().filter(many).flat_map(|i| {
            let v4 = i.address.map(|(addr, _)| Prefix::V4(Ipv4Prefix::host(addr)));
            v4.into_iter().chain(i.addresses.iter().map(|a| Prefix::V6(Ipv6Prefix::host(*a))))
        });
        Self {
            own: own.collect(),
            vrf: config.vrf,
            protocol,
            instance: config.instance,
            distances: config.distances,
            max_paths: config.max_paths.max(1),
        }
    }

    fn key(&self, prefix: Prefix) -> RouteKey {
        RouteKey { vrf: self.vrf, table: None, prefix, protocol: self.protocol, instance: self.instance }
    }

    fn nexthop(&self, way: &Way) -> Nexthop {
        let gateway = match way.gateway {
            None => Gateway::Interface(way.ifindex),
            Some(addr) => Gateway::Address { addr, ifindex: Some(way.ifindex), onlink: way.onlink },
        };
        let guard = way.gateway.filter(|_| way.bfd);
        Nexthop { guard, ..Nexthop::new(gateway, self.vrf) }
    }

    fn nexthops(&self, ways: &Ways) -> NexthopSet {
        ways.iter().take(self.max_paths).map(|way| self.nexthop(way)).collect()
    }

    fn spec(&self, entry: &Entry) -> Option<RouteSpec> {
        let Some(route) = entry.best() else {
            let nowhere = NexthopSet::one(Nexthop::blackhole(BlackholeKind::Drop));
            return entry.discard.then(|| self.offer((self.distances.intra, 0, 0), nowhere, &Arc::from([])));
        };
        let distance = match route.kind {
            PathKind::Intra => self.distances.intra,
            PathKind::Inter => self.distances.inter,
            PathKind::External1 | PathKind::External2 => self.distances.external,
        };
        let metric = route.type2.unwrap_or(route.cost);
        let nexthops = self.nexthops(&route.ways);
        (!nexthops.is_empty()).then(|| self.offer((distance, metric, route.tag), nexthops, &route.backup))
    }

    fn offer(
        &self,
        (distance, metric, tag): (Distance, u32, u32),
        nexthops: NexthopSet,
        backup: &Ways,
    ) -> RouteSpec {
        RouteSpec {
            distance,
            metric: Metric(metric),
            tag: Tag(tag),
            nexthops,
            backup: self.nexthops(backup),
            internal: false,
            source: None,
        }
    }
}

/// All routes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: DualMap<Entry>,
    updates: Vec<RouteUpdate>,
}

impl Table {
    /// What is known of a prefix.
    pub(crate) fn get(&self, prefix: Prefix) -> Option<&Entry> {
        self.entries.get(prefix)
    }

    /// Route inside the AS.
    pub(crate) fn internal(&self, prefix: Prefix) -> Option<&Route> {
        self.get(prefix)?.internal.as_ref()
    }

    /// Changes what is known of a prefix; gives whether that was a change.
    fn change<T: PartialEq>(
        &mut self,
        prefix: Prefix,
        value: T,
        unset: &T,
        place: impl Fn(&mut Entry) -> &mut T,
    ) -> bool {
        if value == *unset && self.entries.get(prefix).is_none() {
            return false;
        }
        let slot = place(self.entries.get_or_insert_with(prefix, Entry::default));
        let changed = *slot != value;
        *slot = value;
        changed
    }

    /// Sets the route inside the AS.
    pub(crate) fn set_internal(&mut self, prefix: Prefix, route: Option<Route>) -> bool {
        self.change(prefix, route, &None, |e| &mut e.internal)
    }

    /// Sets the route to the outside.
    pub(crate) fn set_external(&mut self, prefix: Prefix, route: Option<Route>) -> bool {
        self.change(prefix, route, &None, |e| &mut e.external)
    }

    /// Sets whether a range has routes in it.
    pub(crate) fn set_discard(&mut self, prefix: Prefix, discard: bool) -> bool {
        self.change(prefix, discard, &false, |e| &mut e.discard)
    }

    /// Longest match among routes inside the AS for which `accept` holds.
    pub(crate) fn lookup(&self, addr: IpAddr, accept: impl Fn(&Route) -> bool) -> Option<(Prefix, &Route)> {
        let usable = |e: &Entry| e.internal.as_ref().is_some_and(&accept);
        let found = match Prefix::host(addr) {
            Prefix::V4(host) => {
                let found = self.entries.v4.longest_match_if(host, |_, e| usable(e));
                found.map(|(p, e)| (Prefix::V4(p), e))
            }
            Prefix::V6(host) => {
                let found = self.entries.v6.longest_match_if(host, |_, e| usable(e));
                found.map(|(p, e)| (Prefix::V6(p), e))
            }
        };
        found.and_then(|(prefix, e)| Some((prefix, e.internal.as_ref()?)))
    }

    /// Entries inside a prefix, itself among them.
    pub(crate) fn covered_by(&self, prefix: Prefix) -> impl Iterator<Item = (Prefix, &Entry)> {
        self.entries.covered_by(prefix)
    }

    /// All entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Prefix, &Entry)> {
        self.entries.iter()
    }

    /// Tells the RIB of a prefix, if that is news.
    pub(crate) fn tell(&mut self, prefix: Prefix, style: &Style, now: Instant) {
        let Some(entry) = self.entries.get_mut(prefix) else { return };
        let spec = style.spec(entry).filter(|_| !style.own.contains(&prefix));
        if spec == entry.told {
            if entry.is_empty() {
                self.entries.remove(prefix);
            }
            return;
        }
        let same = |a: &RouteSpec, b: &RouteSpec| a.nexthops == b.nexthops && a.metric == b.metric;
        let kept = matches!((&spec, &entry.told), (Some(a), Some(b)) if same(a, b));
        if !kept {
            entry.since = Some(now);
        }
        entry.told.clone_from(&spec);
        let empty = entry.is_empty();
        self.updates.push(match spec {
            Some(spec) => RouteUpdate::Set(style.key(prefix), Arc::new(spec)),
            None => RouteUpdate::Withdraw(style.key(prefix)),
        });
        if empty {
            self.entries.remove(prefix);
        }
    }

    /// Tells the RIB everything again.
    pub(crate) fn tell_all(&mut self, style: &Style) {
        let told = |(prefix, e): (Prefix, &Entry)| {
            Some(RouteUpdate::Set(style.key(prefix), Arc::new(e.told.clone()?)))
        };
        self.updates = self.entries.iter().filter_map(told).collect();
    }

    /// Takes what the RIB has to be told.
    pub(crate) fn take_updates(&mut self) -> Vec<RouteUpdate> {
        std::mem::take(&mut self.updates)
    }

    /// Routes behind `after`, for `show`.
    pub(crate) fn view(&self, after: Option<Prefix>, limit: usize, now: Instant) -> Vec<RouteView> {
        let afi = after.map_or_else(
            || if self.entries.v4.is_empty() { ferr_types::Afi::Ipv6 } else { ferr_types::Afi::Ipv4 },
            Prefix::afi,
        );
        let ways = |ways: &Ways| {
            ways.iter().map(|w| WayView { ifindex: w.ifindex, gateway: w.gateway }).collect::<Vec<_>>()
        };
        let view = |(prefix, e): (Prefix, &Entry)| {
            let discard = || Route {
                kind: PathKind::Inter,
                area: AreaId::BACKBONE,
                cost: 0,
                type2: None,
                tag: 0,
                ways: Arc::from([]),
                backup: Arc::from([]),
            };
            let route = e.best().cloned().or_else(|| e.discard.then(discard))?;
            Some(RouteView {
                prefix,
                kind: route.kind,
                area: route.area,
                cost: route.cost,
                type2_cost: route.type2,
                tag: Tag(route.tag),
                ways: ways(&route.ways),
                backup: ways(&route.backup),
                since: e.since.unwrap_or(now),
            })
        };
        self.entries.iter_after(afi, after).filter_map(view).take(limit).collect()
    }
}
