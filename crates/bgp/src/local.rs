//! Routes made here: `network`, `redistribute` and `aggregate-address`.
//!
//! Own paths have [`LOCAL_PEER`] as their peer and a [`LocalKind`] as their path id, so the decision treats them like any
//! other.

use std::collections::BTreeMap;

use ferr_policy::{Action, PolicyRoute};
use ferr_types::attr::{BgpNexthop, Origin, PathAttributes};
use ferr_types::{Afi, IfIndex, NexthopWatch, Prefix, Protocol};

use crate::aggregate::Aggregates;
use crate::config::{FamilyConfig, Network, Redistribute};
use crate::core::{Core, LOCAL_PEER, Output};
use crate::family::FamilyState;
use crate::nexthop::NexthopId;
use crate::table::{Path, PathIdx, TablePrefix, flag};

/// Kind of an own path; its number is the path id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalKind {
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
    pub(crate) aggregates: Aggregates<P>,
    redistribute: Vec<Redistribute>,
    foreign: BTreeMap<(Prefix, Protocol), ForeignRoute>,
}

#[derive(Debug)]
struct NetworkState {
    config: Network,
    /// The RIB has the prefix, as far as `network import-check` asks.
    reachable: bool,
}

impl<P: TablePrefix> Default for LocalRoutes<P> {
    fn default() -> Self {
        Self {
            networks: BTreeMap::new(),
            aggregates: Aggregates::default(),
            redistribute: Vec::new(),
            foreign: BTreeMap::new(),
        }
    }
}

impl<P: TablePrefix> LocalRoutes<P> {
    /// Tag of the redistributed route behind an own path.
    pub(crate) fn tag(&self, prefix: P, path_id: u32) -> Option<u32> {
        let of_path = |p: &Protocol| LocalKind::Redistributed(*p).path_id() == path_id;
        let protocol = self.redistribute.iter().map(|r| r.protocol).find(of_path)?;
        self.foreign.get(&(prefix.into(), protocol)).map(|f| f.tag)
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
    pub(crate) fn offer(
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

    pub(crate) fn remove_local(&mut self, core: &mut Core, prefix: Prefix, kind: LocalKind) {
        if let Some(own) = P::from_prefix(prefix) {
            self.withdraw_one(core, LOCAL_PEER, kind.path_id(), own);
        }
    }
}

/// Attributes that every own route starts with.
pub(crate) fn own_attributes(prefix: Prefix) -> PathAttributes<'static> {
    let next_hop = match prefix {
        Prefix::V4(_) => BgpNexthop::V4(std::net::Ipv4Addr::UNSPECIFIED),
        Prefix::V6(_) => BgpNexthop::V6 { global: std::net::Ipv6Addr::UNSPECIFIED, link_local: None },
    };
    PathAttributes { next_hop: Some(next_hop), ..PathAttributes::default() }
}
