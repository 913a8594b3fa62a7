//! Routes of other protocols, told as external ones (RFC 2328 section 12.4.4, RFC 3101 section 2.4).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use ferr_ospf_wire::Version;
use ferr_policy::{Action, PolicyRoute};
use ferr_types::attr::PathAttributes;
use ferr_types::{AreaId, Prefix, Protocol};

use super::abr::{access_permits, range_of};
use super::status::AreaStatus;
use super::tell::{OwnExternal, external_type};
use super::{ForeignRoute, Inputs, Routing};
use crate::config::{AreaKind, ExternalSummary, InstanceConfig, InterfaceConfig, Redistribute};
use crate::lsdb::ScopeId;
use crate::originate::OwnLsas;

/// Largest metric of an external route that can be reached.
const MAX_METRIC: u32 = 0xff_fffe;

/// A route of another protocol as it is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen {
    type2: bool,
    metric: u32,
    tag: u32,
    gateway: Option<IpAddr>,
    /// Forwarding address that a route-map set (OSPFv3).
    forwarding: Option<IpAddr>,
    /// Protocol and its instance, where a `redistribute` statement chose it.
    source: Option<(Protocol, u16)>,
}

/// How a route is told unless its route-map says otherwise.
struct Defaults<'a> {
    metric: u32,
    type2: bool,
    tag: Option<u32>,
    route_map: Option<&'a str>,
}

/// External ranges in force. A change of them waits, so that several lines of configuration make one change of what is told.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    ranges: BTreeMap<Prefix, ExternalSummary>,
    pub(crate) due: Option<Instant>,
}

impl Gathering {
    /// Takes over what is configured when its time has come. True when that changes ranges.
    pub(crate) fn follow(&mut self, config: &InstanceConfig, first: bool, now: Instant) -> bool {
        if config.summaries == self.ranges {
            self.due = None;
            return false;
        }
        let due = *self.due.get_or_insert(if first { now } else { now + config.aggregation_delay });
        if due > now {
            return false;
        }
        self.due = None;
        self.ranges.clone_from(&config.summaries);
        true
    }
}

impl Routing {
    /// Brings what is chosen of other protocols' routes in line; gives the prefixes that changed.
    pub(crate) fn choose(&mut self, inputs: &Inputs<'_>, everything: bool) -> BTreeSet<Prefix> {
        let mut dirty = std::mem::take(&mut self.foreign_dirty);
        if everything {
            dirty.extend(self.foreign.keys().map(|(prefix, ..)| *prefix));
            dirty.extend(self.chosen.keys());
            dirty.insert(Prefix::default_route(self.afi()));
        }
        let mut changed = BTreeSet::new();
        for prefix in dirty {
            let chosen = self.choose_one(prefix, inputs);
            let before = match chosen {
                Some(chosen) => self.chosen.insert(prefix, chosen),
                None => self.chosen.remove(&prefix),
            };
            if before != chosen {
                changed.insert(prefix);
            }
        }
        changed
    }

    /// All that other protocols offer.
    #[cfg(test)]
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &ForeignRoute> {
        self.foreign.values()
    }

    fn foreign_of(&self, prefix: Prefix) -> impl Iterator<Item = &ForeignRoute> {
        let from = self.foreign.range((prefix, Protocol::Kernel, 0)..);
        from.take_while(move |((p, ..), _)| *p == prefix).map(|(_, route)| route)
    }

    fn choose_one(&self, prefix: Prefix, inputs: &Inputs<'_>) -> Option<Chosen> {
        if prefix.afi() != self.afi() {
            return None;
        }
        if prefix.is_default() {
            return self.choose_default(prefix, inputs);
        }
        let rules = &inputs.config.redistribute;
        let rule_of = |route: &ForeignRoute| {
            rules
                .iter()
                .find(|r| r.protocol == route.protocol && r.instance.is_none_or(|i| i == route.instance))
        };
        let own = |r: &ForeignRoute| {
            matches!(r.protocol, Protocol::Ospf | Protocol::Ospf6)
                && r.instance == inputs.config.instance
                && (r.protocol == Protocol::Ospf) == (self.version == Version::V2)
        };
        self.foreign_of(prefix).filter(|route| !own(route)).find_map(|route| {
            let rule: &Redistribute = rule_of(route)?;
            if self.version == Version::V2 && is_own_network(inputs.config, route) {
                return None;
            }
            let list = inputs.config.distribute.get(&route.protocol);
            if !access_permits(inputs.policy, self.afi(), list.map(String::as_str), prefix) {
                return None;
            }
            let defaults = Defaults {
                metric: rule.metric.unwrap_or(inputs.config.default_metric),
                type2: rule.type2,
                tag: rule.tag,
                route_map: rule.route_map.as_deref(),
            };
            apply(route, &defaults, inputs)
        })
    }

    fn choose_default(&self, prefix: Prefix, inputs: &Inputs<'_>) -> Option<Chosen> {
        let rule = inputs.config.default_originate.as_ref()?;
        let invented = ForeignRoute {
            prefix,
            protocol: Protocol::Static,
            instance: 0,
            metric: ferr_types::Metric(0),
            tag: ferr_types::Tag(0),
            gateway: None,
            ifindex: None,
            interface: None,
        };
        let found = self.foreign_of(prefix).next();
        let route = found.or(rule.always.then_some(&invented))?;
        let defaults = Defaults {
            metric: rule.metric.unwrap_or(if rule.always { 1 } else { 10 }),
            type2: rule.type2,
            tag: None,
            route_map: rule.route_map.as_deref(),
        };
        apply(route, &defaults, inputs).map(|chosen| Chosen { source: None, ..chosen })
    }

    /// Prefixes under which what changed may be told: themselves, and the external ranges that they are in.
    pub(crate) fn with_summaries(&self, changed: &BTreeSet<Prefix>) -> BTreeSet<Prefix> {
        let ranges = self.gathering.ranges.keys();
        let touched = ranges.filter(|r| changed.range(**r..).next().is_some_and(|p| r.covers(*p)));
        changed.iter().chain(touched).copied().collect()
    }

    /// What an external range gathers: routes whose closest range it is.
    fn gathered<'a>(
        &'a self,
        range: Prefix,
        ranges: &'a BTreeMap<Prefix, ExternalSummary>,
    ) -> impl Iterator<Item = &'a Chosen> {
        let inside = self.chosen.range(range..).take_while(move |(p, _)| range.covers(**p));
        let own = move |p: Prefix| range_of(ranges.keys(), p) == Some(range);
        inside.filter(move |(p, _)| own(**p) && (!p.is_default() || range.is_default())).map(|(_, c)| c)
    }

    /// How many routes an external range gathers.
    pub(crate) fn summarized(&self, range: Prefix, ranges: &BTreeMap<Prefix, ExternalSummary>) -> usize {
        self.gathered(range, ranges).count()
    }

    /// How many routes `redistribute` statements chose, by protocol and its instance.
    pub(crate) fn redistributed(&self) -> BTreeMap<(Protocol, u16), usize> {
        let mut counts = BTreeMap::new();
        for source in self.chosen.values().filter_map(|chosen| chosen.source) {
            *counts.entry(source).or_default() += 1;
        }
        counts
    }

    /// Whose route a `redistribute` statement chose for a prefix: protocol and its instance.
    pub(crate) fn source(&self, prefix: Prefix) -> Option<(Protocol, u16)> {
        self.chosen.get(&prefix)?.source
    }

    /// What this router tells of its own under a prefix.
    fn local_external(&self, prefix: Prefix) -> Option<Chosen> {
        let ranges = &self.gathering.ranges;
        if let Some(range) = ranges.get(&prefix) {
            let gathered = self.gathered(prefix, ranges);
            let largest = gathered.map(|c| c.metric).max().filter(|_| range.advertise)?;
            return Some(Chosen {
                type2: range.type2,
                metric: range.metric.unwrap_or(largest),
                tag: range.tag,
                gateway: None,
                forwarding: None,
                source: None,
            });
        }
        let hidden = ranges.keys().any(|range| range.covers(prefix));
        self.chosen.get(&prefix).filter(|_| !hidden || prefix.is_default()).copied()
    }

    /// Tells external routes under prefixes, into the AS and into NSSAs.
    pub(crate) fn tell_externals(
        &mut self,
        inputs: &Inputs<'_>,
        own: &mut OwnLsas,
        everything: bool,
        mut prefixes: BTreeSet<Prefix>,
    ) {
        let mut scopes: BTreeSet<Option<AreaId>> = BTreeSet::from([None]);
        scopes.extend(self.status.active().filter(|(_, a)| a.is_nssa()).map(|(id, _)| Some(id)));
        let nssa = external_type(self.version, true);
        if everything {
            prefixes.extend(self.teller.told(ScopeId::As, external_type(self.version, false)));
            for scope in self.teller.scopes(nssa) {
                prefixes.extend(self.teller.told(scope, nssa));
                scopes.extend(if let ScopeId::Area(id) = scope { Some(Some(id)) } else { None });
            }
            prefixes.extend(self.chosen.keys());
            prefixes.extend(self.gathering.ranges.keys());
            prefixes.extend(self.translatable());
            prefixes.insert(Prefix::default_route(self.afi()));
        }
        for prefix in prefixes {
            let local = self.local_external(prefix);
            for &scope in &scopes {
                let external = match scope {
                    None => self.as_external(prefix, local, inputs),
                    Some(id) => self.nssa_external(id, prefix, local, inputs),
                };
                self.teller.external(own, (self.version, scope), prefix, external);
            }
        }
    }

    fn as_external(&self, prefix: Prefix, local: Option<Chosen>, inputs: &Inputs<'_>) -> Option<OwnExternal> {
        let mut normal = self.status.areas.values().filter(|a| a.is_normal());
        normal.next()?;
        let Some(chosen) = local else { return self.translated(prefix) };
        let on_link = chosen.gateway.filter(|gateway| {
            self.version == Version::V2 && interfaces(inputs.config).any(|i| is_on(i, *gateway))
        });
        let forwarding = chosen.forwarding.or(on_link);
        let Chosen { type2, metric, tag, .. } = chosen;
        Some(OwnExternal { type2, metric, tag, forwarding, propagate: false })
    }

    fn nssa_external(
        &self,
        id: AreaId,
        prefix: Prefix,
        local: Option<Chosen>,
        inputs: &Inputs<'_>,
    ) -> Option<OwnExternal> {
        let area = self.status.area(id).filter(|a| a.active)?;
        let AreaKind::Nssa(nssa) = &area.config.kind else { return None };
        if prefix.is_default() && self.status.abr {
            let default = nssa.default_originate?;
            return Some(OwnExternal {
                type2: default.type2,
                metric: default.metric,
                tag: 0,
                forwarding: None,
                propagate: false,
            });
        }
        let Chosen { type2, metric, tag, gateway, forwarding: set, .. } = local?;
        let here = |i: &&InterfaceConfig| i.area == id;
        let on_link = gateway.filter(|g| interfaces(inputs.config).filter(here).any(|i| is_on(i, *g)));
        let forwarding = set.or(on_link).or_else(|| address_in(self.version, id, inputs.config));
        let propagate = !self.status.abr && forwarding.is_some();
        Some(OwnExternal { type2, metric, tag, forwarding, propagate })
    }

    /// Areas that are NSSAs of this border router.
    pub(crate) fn nssas(&self) -> impl Iterator<Item = (AreaId, &AreaStatus)> {
        self.status.active().filter(|(_, a)| self.status.abr && a.is_nssa())
    }
}

fn interfaces(config: &InstanceConfig) -> impl Iterator<Item = &InterfaceConfig> {
    config.interfaces.values().filter(|i| i.up)
}

fn is_on(interface: &InterfaceConfig, addr: IpAddr) -> bool {
    let IpAddr::V4(addr) = addr else { return false };
    interface.address.is_some_and(|(own, prefix)| own != addr && prefix.contains(addr))
}

/// The networks of own interfaces are told anyway.
fn is_own_network(config: &InstanceConfig, route: &ForeignRoute) -> bool {
    matches!(route.protocol, Protocol::Connected | Protocol::Local)
        && interfaces(config).any(|i| i.address.is_some_and(|(_, p)| Prefix::V4(p) == route.prefix))
}

/// An address of this router in an area; one of a loopback if there is one, for it stays (RFC 3101 section 2.3).
fn address_in(version: Version, id: AreaId, config: &InstanceConfig) -> Option<IpAddr> {
    let loopback_first = |i: &&InterfaceConfig| i.network != crate::config::NetworkType::Loopback;
    let mut here: Vec<&InterfaceConfig> = interfaces(config).filter(|i| i.area == id).collect();
    here.sort_by_key(loopback_first);
    here.into_iter().find_map(|i| match version {
        Version::V2 => i.address.filter(|_| !i.unnumbered).map(|(addr, _)| IpAddr::V4(addr)),
        Version::V3 => i.addresses.first().map(|addr| IpAddr::V6(*addr)),
    })
}

/// Runs the route-map, and fills in what it does not set.
fn apply(route: &ForeignRoute, defaults: &Defaults<'_>, inputs: &Inputs<'_>) -> Option<Chosen> {
    let mut chosen = Chosen {
        type2: defaults.type2,
        metric: defaults.metric.min(MAX_METRIC),
        tag: defaults.tag.unwrap_or(route.tag.0),
        gateway: route.gateway,
        forwarding: None,
        source: Some((route.protocol, route.instance)),
    };
    let Some(name) = defaults.route_map else { return Some(chosen) };
    let attributes = PathAttributes { med: Some(route.metric.0), ..PathAttributes::default() };
    let mut seen = PolicyRoute {
        local: true,
        source_protocol: Some(route.protocol),
        tag: chosen.tag,
        igp_metric: Some(route.metric.0),
        interface: route.ifindex,
        interface_name: route.interface.as_deref(),
        ..PolicyRoute::new(route.prefix, with_gateway(attributes, route.gateway))
    };
    let map = inputs.policy.route_map(name)?;
    if map.apply(inputs.policy, &mut seen) != Action::Permit {
        return None;
    }
    if let Some(metric) = seen.attributes.med.filter(|_| seen.metric_set) {
        chosen.metric = metric.min(MAX_METRIC);
    }
    chosen.type2 = seen.metric_type.map_or(chosen.type2, |kind| kind == 2);
    chosen.tag = seen.tag;
    chosen.forwarding = seen.forwarding.map(IpAddr::V6);
    Some(chosen)
}

fn with_gateway(attributes: PathAttributes<'_>, gateway: Option<IpAddr>) -> PathAttributes<'_> {
    PathAttributes { next_hop: gateway.map(Into::into), ..attributes }
}

/// What is chosen, by prefix.
pub(crate) type ChosenRoutes = BTreeMap<Prefix, Chosen>;
