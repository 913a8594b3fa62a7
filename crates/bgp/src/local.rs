//! Routes made here: `network`, `redistribute` and `aggregate-address`.
//!
//! Own paths have [`LOCAL_PEER`] as their peer and a [`LocalKind`] as their path id, so the decision treats them like any
//! other. Aggregates are recomputed when a prefix below them changes.

use std::collections::BTreeMap;

use ferr_policy::{Action, PolicyRoute};
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{Aggregator, BgpNexthop, Origin, PathAttributes};
use ferr_types::{Afi, Asn, IfIndex, NexthopWatch, Prefix, Protocol};

use crate::config::{Aggregate, FamilyConfig, Network, Redistribute};
use crate::core::{Core, LOCAL_PEER, Output};
use crate::family::FamilyState;
use crate::nexthop::NexthopId;
use crate::table::{Path, PathIdx, TablePrefix, flag};

/// Kind of an own path; its number is the path id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LocalKind {
    Network,
    Aggregate,
    Redistributed(Protocol),
}

impl LocalKind {
    const fn path_id(self) -> u32 {
        match self {
            Self::Network => 1,
            Self::Aggregate => 2,
            Self::Redistributed(protocol) => 16 + protocol as u32,
        }
    }
}

/// Whether an own path with this id comes from a `network` statement.
pub(crate) const fn is_network(path_id: u32) -> bool {
    path_id == LocalKind::Network.path_id()
}

/// Weight of own routes.
const LOCAL_WEIGHT: u16 = 32768;

/// A route of another protocol, as the RIB tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRoute {
    /// Destination.
    pub prefix: Prefix,
    /// Who made it.
    pub protocol: Protocol,
    /// Its metric.
    pub metric: u32,
    /// Its tag.
    pub tag: u32,
    /// First gateway.
    pub gateway: Option<std::net::IpAddr>,
    /// Interface of the first way.
    pub ifindex: Option<IfIndex>,
    /// Its name.
    pub interface: Option<String>,
}

/// Own routes of a family.
#[derive(Debug)]
pub(crate) struct LocalRoutes<P: TablePrefix> {
    networks: BTreeMap<Prefix, NetworkState>,
    aggregates: Vec<AggregateState<P>>,
    redistribute: Vec<Redistribute>,
    foreign: BTreeMap<(Prefix, Protocol), ForeignRoute>,
    /// Aggregates to look at again.
    stale: Vec<usize>,
}

#[derive(Debug)]
struct NetworkState {
    config: Network,
    /// The RIB has the prefix, as far as `network import-check` asks.
    reachable: bool,
}

#[derive(Debug)]
struct AggregateState<P> {
    prefix: P,
    config: Aggregate,
    active: bool,
}

impl<P: TablePrefix> Default for LocalRoutes<P> {
    fn default() -> Self {
        Self {
            networks: BTreeMap::new(),
            aggregates: Vec::new(),
            redistribute: Vec::new(),
            foreign: BTreeMap::new(),
            stale: Vec::new(),
        }
    }
}

impl<P: TablePrefix> LocalRoutes<P> {
    /// Notes that a prefix changed, for the aggregates above it.
    pub(crate) fn note_change(&mut self, prefix: P) {
        for (i, a) in self.aggregates.iter().enumerate() {
            if a.prefix.covers_key(prefix) && a.prefix != prefix && !self.stale.contains(&i) {
                self.stale.push(i);
            }
        }
    }

    /// Whether an active aggregate hides `prefix`, which a route-map may limit.
    pub(crate) fn suppressed(&self, core: &Core, prefix: P, attrs: &PathAttributes<'_>) -> bool {
        self.aggregates.iter().filter(|a| a.active && a.prefix != prefix && a.prefix.covers_key(prefix)).any(
            |a| {
                a.config.summary_only
                    || a.config.suppress_map.as_ref().is_some_and(|name| {
                        let mut route = PolicyRoute::new(prefix.into(), *attrs);
                        let map = core.policy.route_map(name);
                        map.is_some_and(|m| m.apply(&core.policy, &mut route) == Action::Permit)
                    })
            },
        )
    }

    /// Tag of the redistributed route behind an own path.
    pub(crate) fn tag(&self, prefix: P, path_id: u32) -> Option<u32> {
        let of_path = |p: &Protocol| LocalKind::Redistributed(*p).path_id() == path_id;
        let protocol = self.redistribute.iter().map(|r| r.protocol).find(of_path)?;
        self.foreign.get(&(prefix.into(), protocol)).map(|f| f.tag)
    }

    /// Whether any aggregate may hide something.
    pub(crate) fn suppresses(&self) -> bool {
        self.aggregates.iter().any(|a| a.config.summary_only || a.config.suppress_map.is_some())
    }
}

fn watch_of(core: &Core, prefix: Prefix) -> NexthopWatch {
    NexthopWatch { vrf: core.config.vrf, target: prefix, exact: true }
}

impl<P: TablePrefix> FamilyState<P> {
    /// Brings own routes in line with the configuration. `policy` says that route-maps may have changed.
    pub(crate) fn configure_local(&mut self, core: &mut Core, config: &FamilyConfig, policy: bool) {
        self.configure_networks(core, &config.networks, policy);
        self.configure_aggregates(core, &config.aggregates, policy);
        if self.local.redistribute != config.redistribute || policy {
            self.local.redistribute.clone_from(&config.redistribute);
            let wanted = |p: Protocol| config.redistribute.iter().any(|r| r.protocol == p);
            let gone: Vec<_> = self.local.foreign.keys().filter(|(_, p)| !wanted(*p)).copied().collect();
            for (prefix, protocol) in gone {
                self.withdraw_foreign(core, prefix, protocol);
            }
            let routes: Vec<ForeignRoute> = self.local.foreign.values().cloned().collect();
            routes.into_iter().for_each(|r| self.offer_foreign(core, &r));
        }
    }

    fn configure_networks(&mut self, core: &mut Core, networks: &[Network], policy: bool) {
        let gone: Vec<Prefix> = self
            .local
            .networks
            .keys()
            .filter(|p| !networks.iter().any(|n| n.prefix == **p))
            .copied()
            .collect();
        for prefix in gone {
            self.local.networks.remove(&prefix);
            core.out.push_back(Output::Unwatch(watch_of(core, prefix)));
            self.remove_local(core, prefix, LocalKind::Network);
        }
        for network in networks {
            let known = self.local.networks.get(&network.prefix);
            let unchanged = known.is_some_and(|k| k.config == *network);
            if unchanged && !policy {
                continue;
            }
            let reachable = known.is_some_and(|k| k.reachable);
            if known.is_none() {
                core.out.push_back(Output::Watch(watch_of(core, network.prefix)));
            }
            let state = NetworkState { config: network.clone(), reachable };
            self.local.networks.insert(network.prefix, state);
            self.offer_network(core, network.prefix);
        }
    }

    /// The RIB's answer to the import check of a `network` statement.
    pub(crate) fn network_reachable(&mut self, core: &mut Core, prefix: Prefix, reachable: bool) {
        if let Some(state) = self.local.networks.get_mut(&prefix)
            && state.reachable != reachable
        {
            state.reachable = reachable;
            self.offer_network(core, prefix);
        }
    }

    /// Looks at all `network` statements again, after `network import-check` changed.
    pub(crate) fn recheck_networks(&mut self, core: &mut Core) {
        let all: Vec<Prefix> = self.local.networks.keys().copied().collect();
        all.into_iter().for_each(|p| self.offer_network(core, p));
    }

    fn offer_network(&mut self, core: &mut Core, prefix: Prefix) {
        let Some(state) = self.local.networks.get(&prefix) else { return };
        if state.config.backdoor {
            return self.remove_local(core, prefix, LocalKind::Network);
        }
        // What the import check refuses stays visible, as a path that no decision takes.
        let refused = core.config.network_import_check && !state.reachable;
        let nexthop = if refused { NexthopId::UNUSABLE } else { NexthopId::NONE };
        let attrs = PathAttributes { origin: Origin::Igp, med: Some(0), ..own_attributes(prefix) };
        let map = state.config.route_map.clone();
        self.offer(core, prefix, (LocalKind::Network, nexthop), &attrs, map.as_deref(), None);
    }

    /// A route of a redistributed protocol appeared or changed.
    pub(crate) fn set_foreign(&mut self, core: &mut Core, route: ForeignRoute) {
        self.offer_foreign(core, &route);
        self.local.foreign.insert((route.prefix, route.protocol), route);
    }

    /// A route of a redistributed protocol went.
    pub(crate) fn withdraw_foreign(&mut self, core: &mut Core, prefix: Prefix, protocol: Protocol) {
        if self.local.foreign.remove(&(prefix, protocol)).is_some() {
            self.remove_local(core, prefix, LocalKind::Redistributed(protocol));
        }
    }

    fn offer_foreign(&mut self, core: &mut Core, route: &ForeignRoute) {
        let kind = LocalKind::Redistributed(route.protocol);
        let Some(rule) = self.local.redistribute.iter().find(|r| r.protocol == route.protocol).cloned()
        else {
            return self.remove_local(core, route.prefix, kind);
        };
        let med = rule.metric.unwrap_or(route.metric);
        let mut attrs =
            PathAttributes { origin: Origin::Incomplete, med: Some(med), ..own_attributes(route.prefix) };
        // One of the other family cannot be said to most neighbors; they get our own address.
        if let Some(gateway) = route.gateway.filter(|g| g.is_ipv4() == (route.prefix.afi() == Afi::Ipv4)) {
            attrs.next_hop = Some(BgpNexthop::from(gateway));
        }
        let (as_is, map) = ((kind, NexthopId::NONE), rule.route_map.as_deref());
        self.offer(core, route.prefix, as_is, &attrs, map, Some(route));
    }

    /// Puts an own route into the table, or takes it out when its route-map refuses it.
    fn offer(
        &mut self,
        core: &mut Core,
        prefix: Prefix,
        (kind, nexthop): (LocalKind, NexthopId),
        attrs: &PathAttributes<'_>,
        map: Option<&str>,
        foreign: Option<&ForeignRoute>,
    ) {
        let Some(own) = P::from_prefix(prefix) else { return };
        let policy = core.policy.clone();
        let mut route = PolicyRoute {
            local: true,
            local_as: core.config.asn,
            dice: core.roll(),
            source_protocol: foreign.map(|f| f.protocol),
            tag: foreign.map_or(0, |f| f.tag),
            igp_metric: foreign.map(|f| f.metric),
            interface: foreign.and_then(|f| f.ifindex),
            interface_name: foreign.and_then(|f| f.interface.as_deref()),
            ..PolicyRoute::new(prefix, *attrs)
        };
        if let Some(name) = map {
            let permitted =
                policy.route_map(name).is_some_and(|m| m.apply(&policy, &mut route) == Action::Permit);
            if !permitted {
                return self.remove_local(core, prefix, kind);
            }
        }
        let attr = core.attrs.intern(&route.current(), core.config.default_local_pref);
        let weight = route.weight.map_or(LOCAL_WEIGHT, |w| w.min(u32::from(u16::MAX)) as u16);
        let dest = self.table.find_or_insert(own);
        let aggregate = if kind == LocalKind::Aggregate { flag::AGGREGATE } else { 0 };
        let path = Path {
            attr,
            peer: LOCAL_PEER,
            path_id: kind.path_id(),
            next: PathIdx::NIL,
            nexthop,
            stamp: core.seconds,
            flags: flag::LOCAL | aggregate,
            weight,
        };
        self.put_path(core, dest, path);
        core.attrs.release(attr);
    }

    fn remove_local(&mut self, core: &mut Core, prefix: Prefix, kind: LocalKind) {
        if let Some(own) = P::from_prefix(prefix) {
            self.withdraw_one(core, LOCAL_PEER, kind.path_id(), own);
        }
    }

    fn configure_aggregates(&mut self, core: &mut Core, aggregates: &[Aggregate], policy: bool) {
        let old = std::mem::take(&mut self.local.aggregates);
        let same = old.len() == aggregates.len() && old.iter().zip(aggregates).all(|(o, n)| o.config == *n);
        if same && !policy {
            self.local.aggregates = old;
            return;
        }
        let hides = |a: &Aggregate| a.summary_only || a.suppress_map.is_some();
        let redo_exports = old.iter().any(|a| hides(&a.config)) || aggregates.iter().any(hides);
        for state in old.iter().filter(|o| !aggregates.iter().any(|n| n.prefix == o.config.prefix)) {
            self.remove_local(core, state.config.prefix, LocalKind::Aggregate);
        }
        for config in aggregates {
            let Some(prefix) = P::from_prefix(config.prefix) else { continue };
            let active = old.iter().any(|o| o.prefix == prefix && o.active);
            self.local.aggregates.push(AggregateState { prefix, config: config.clone(), active });
        }
        self.local.stale = (0..self.local.aggregates.len()).collect();
        self.update_aggregates(core);
        if redo_exports {
            self.groups.rescan_all();
        }
    }

    /// Computes the aggregates again under which something changed.
    pub(crate) fn update_aggregates(&mut self, core: &mut Core) {
        for i in std::mem::take(&mut self.local.stale) {
            self.update_aggregate(core, i);
        }
    }

    fn update_aggregate(&mut self, core: &mut Core, i: usize) {
        let Some(state) = self.local.aggregates.get(i) else { return };
        let (prefix, config, was_active) = (state.prefix, state.config.clone(), state.active);
        let mut sum = AggregateSum::default();
        for (below, dest) in self.table.ids_covered_by(prefix) {
            if below == prefix {
                continue;
            }
            if let Some(best) = self.table.best(dest) {
                sum.add(&core.attrs.get(best.attr), config.as_set);
            }
        }
        let usable = sum.count > 0 && !(config.matching_med_only && sum.meds_differ);
        if let Some(state) = self.local.aggregates.get_mut(i) {
            state.active = usable;
        }
        if was_active != usable && (config.summary_only || config.suppress_map.is_some()) {
            self.groups.rescan_all();
        }
        if !usable {
            return self.remove_local(core, config.prefix, LocalKind::Aggregate);
        }
        let mut path = AsPathBuf::default();
        let asns: Vec<Asn> = sum.asns.into_iter().collect();
        path.push_segment(SegmentKind::Set, &asns);
        let attrs = PathAttributes {
            origin: config.origin.unwrap_or(if config.as_set { sum.origin } else { Origin::Igp }),
            as_path: path.as_path(),
            med: Some(0),
            atomic_aggregate: sum.atomic || !config.as_set,
            aggregator: Some(Aggregator { asn: core.config.asn, addr: core.config.router_id.0 }),
            ..own_attributes(config.prefix)
        };
        let kind = (LocalKind::Aggregate, NexthopId::NONE);
        self.offer(core, config.prefix, kind, &attrs, config.route_map.as_deref(), None);
    }
}

/// What the routes below an aggregate have in common.
#[derive(Debug, Default)]
struct AggregateSum {
    count: usize,
    asns: std::collections::BTreeSet<Asn>,
    origin: Origin,
    med: Option<Option<u32>>,
    meds_differ: bool,
    atomic: bool,
}

impl AggregateSum {
    fn add(&mut self, attrs: &PathAttributes<'_>, as_set: bool) {
        self.origin = if self.count == 0 { attrs.origin } else { self.origin.max(attrs.origin) };
        self.count += 1;
        self.atomic |= attrs.atomic_aggregate;
        if as_set {
            self.asns.extend(attrs.as_path.asns());
        }
        self.meds_differ |= self.med.is_some_and(|m| m != attrs.med);
        self.med = Some(attrs.med);
    }
}

/// Attributes that every own route starts with.
fn own_attributes(prefix: Prefix) -> PathAttributes<'static> {
    let next_hop = match prefix {
        Prefix::V4(_) => BgpNexthop::V4(std::net::Ipv4Addr::UNSPECIFIED),
        Prefix::V6(_) => BgpNexthop::V6 { global: std::net::Ipv6Addr::UNSPECIFIED, link_local: None },
    };
    PathAttributes { next_hop: Some(next_hop), ..PathAttributes::default() }
}
