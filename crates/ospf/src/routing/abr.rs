//! What an area border router tells: prefixes, ranges and AS boundary routers of other areas (RFC 2328 section 12.4.3, RFC 3509).

use std::collections::{BTreeMap, BTreeSet};

use ferr_ospf_wire::{Options, Version};
use ferr_policy::{Action, PolicySet};
use ferr_types::{Afi, AreaId, Prefix, RouterId};

use super::calc::Path;
use super::status::AreaStatus;
use super::ways::Ways;
use super::{Inputs, Routing};
use crate::config::{AreaKind, AreaRange, LS_INFINITY};
use crate::lsdb::ScopeId;
use crate::originate::OwnLsas;
use crate::view::PathKind;

/// Ranges of own areas that have routes in them, and the cost that they are told with.
#[derive(Debug, Default)]
pub(crate) struct Ranges(BTreeMap<(Prefix, AreaId), u32>);

impl Ranges {
    /// Whether a prefix is a range that has routes in it.
    pub(crate) fn is_active(&self, prefix: Prefix) -> bool {
        self.0.range((prefix, AreaId::BACKBONE)..).next().is_some_and(|((p, _), _)| *p == prefix)
    }

    fn cost(&self, area: AreaId, prefix: Prefix) -> Option<u32> {
        self.0.get(&(prefix, area)).copied()
    }

    fn set(&mut self, area: AreaId, prefix: Prefix, cost: Option<u32>) -> bool {
        let before = match cost {
            Some(cost) => self.0.insert((prefix, area), cost),
            None => self.0.remove(&(prefix, area)),
        };
        before != cost
    }
}

/// Whether a prefix list permits; one that does not exist does.
pub(crate) fn list_permits(policy: &PolicySet, afi: Afi, name: Option<&str>, prefix: Prefix) -> bool {
    let list = name.and_then(|name| policy.prefix_list(afi, name));
    list.is_none_or(|list| list.evaluate(prefix) == Action::Permit)
}

/// Whether an access list permits; one that does not exist does.
pub(crate) fn access_permits(policy: &PolicySet, afi: Afi, name: Option<&str>, prefix: Prefix) -> bool {
    let list = name.and_then(|name| policy.access_list(afi, name));
    list.is_none_or(|list| list.evaluate(prefix) == Action::Permit)
}

/// Options that LSAs of an area carry.
pub(crate) const fn area_options(area: &AreaStatus) -> Options {
    match area.config.kind {
        AreaKind::Normal => Options::E,
        AreaKind::Stub { .. } | AreaKind::Nssa(_) => Options::empty(),
    }
}

/// The longest of ranges that a prefix is in: of nested ones the inner alone counts.
pub(crate) fn range_of<'a>(ranges: impl Iterator<Item = &'a Prefix>, prefix: Prefix) -> Option<Prefix> {
    ranges.filter(|range| range.covers(prefix)).max_by_key(|range| range.len()).copied()
}

fn told_as(range: Prefix, config: &AreaRange) -> Prefix {
    config.substitute.unwrap_or(range)
}

fn leads_into(ways: &Ways, area: &AreaStatus) -> bool {
    ways.iter().any(|w| area.ifindexes.contains(&w.ifindex))
}

impl Routing {
    pub(crate) const fn afi(&self) -> Afi {
        match self.version {
            Version::V2 => Afi::Ipv4,
            Version::V3 => Afi::Ipv6,
        }
    }

    /// Ranges in which routes changed; gives prefixes that are told otherwise by that.
    pub(crate) fn run_ranges(
        &mut self,
        inputs: &Inputs<'_>,
        everything: bool,
        changed: &mut BTreeSet<Prefix>,
    ) -> BTreeSet<Prefix> {
        let mut tell = BTreeSet::new();
        let mut ranges: Vec<(AreaId, Prefix, Option<AreaRange>)> = Vec::new();
        for (id, area) in &self.status.areas {
            ranges.extend(area.config.ranges.iter().map(|(p, r)| (*id, *p, Some(*r))));
        }
        if everything {
            let stale = self
                .ranges
                .0
                .keys()
                .filter(|(p, id)| self.status.area(*id).is_none_or(|a| !a.config.ranges.contains_key(p)));
            ranges.extend(stale.map(|(p, id)| (*id, *p, None)).collect::<Vec<_>>());
        }
        for (id, prefix, config) in ranges {
            let inside = changed.range(prefix..).next().is_some_and(|p| prefix.covers(*p));
            if !everything && !inside {
                continue;
            }
            let cost =
                config.filter(|_| self.status.abr).and_then(|c| self.range_cost(id, prefix, &c, inputs));
            let was_active = self.ranges.is_active(prefix);
            if !self.ranges.set(id, prefix, cost) && !everything {
                continue;
            }
            tell.extend(config.map(|c| told_as(prefix, &c)));
            tell.insert(prefix);
            let discard = cost.is_some() && config.is_some_and(|c| c.advertise);
            if self.table.set_discard(prefix, discard) {
                changed.insert(prefix);
            }
            if was_active != self.ranges.is_active(prefix) {
                let route = self.internal(prefix);
                if self.table.set_internal(prefix, route) {
                    changed.insert(prefix);
                }
            }
        }
        tell
    }

    fn range_cost(&self, id: AreaId, range: Prefix, config: &AreaRange, inputs: &Inputs<'_>) -> Option<u32> {
        let area = self.status.area(id)?;
        let routes = self.table.covered_by(range).filter(|(p, _)| {
            range_of(area.config.ranges.keys(), *p) == Some(range) && self.exports(area, *p, inputs)
        });
        let routes = routes.filter_map(|(_, e)| e.internal.as_ref());
        let costs = routes.filter(|r| r.kind == PathKind::Intra && r.area == id).map(|r| r.cost);
        let cost = if self.status.rfc1583 { costs.min() } else { costs.max() };
        cost.map(|cost| config.cost.unwrap_or(cost))
    }

    fn exports(&self, area: &AreaStatus, prefix: Prefix, inputs: &Inputs<'_>) -> bool {
        access_permits(inputs.policy, self.afi(), area.config.export_list.as_deref(), prefix)
            && list_permits(inputs.policy, self.afi(), area.config.filter_out.as_deref(), prefix)
    }

    fn imports(&self, area: &AreaStatus, prefix: Prefix, inputs: &Inputs<'_>) -> bool {
        access_permits(inputs.policy, self.afi(), area.config.import_list.as_deref(), prefix)
            && list_permits(inputs.policy, self.afi(), area.config.filter_in.as_deref(), prefix)
    }

    /// The metric that a prefix is told with into an area, if it is.
    fn summary_metric(&self, id: AreaId, prefix: Prefix, inputs: &Inputs<'_>) -> Option<u32> {
        let into = self.status.area(id).filter(|a| self.status.abr && a.active)?;
        // In OSPFv2 an NSSA gets it with other summaries, too: what RFC 3101 leaves open, as FRR does it.
        let nssa = into.is_nssa() && (self.version == Version::V2 || into.no_summary());
        let stub = matches!(into.config.kind, AreaKind::Stub { .. });
        if prefix.is_default() && (stub || nssa) {
            return Some(into.config.default_cost.unwrap_or(1));
        }
        if into.no_summary() {
            return None;
        }
        // Ranges of the backbone hide nothing from a transit area (section 12.4.3).
        let transit = self.areas.get(&id).is_some_and(|a| a.transit);
        let ranges_of = |from: AreaId| !(from == AreaId::BACKBONE && transit);
        let areas = self.status.areas.iter().filter(|(from, _)| **from != id && ranges_of(**from));
        for (from, area) in areas.clone() {
            let told = area.config.ranges.iter().filter(|(p, c)| c.advertise && told_as(**p, c) == prefix);
            let cost = told.filter_map(|(p, _)| self.ranges.cost(*from, *p)).max();
            if let Some(cost) = cost.filter(|cost| *cost < LS_INFINITY) {
                return Some(cost);
            }
        }
        let route = self.table.internal(prefix)?;
        let elsewhere = route.area != id && !leads_into(&route.ways, into);
        let inter = route.kind == PathKind::Inter;
        if !elsewhere || route.cost >= LS_INFINITY {
            return None;
        }
        if inter && (id == AreaId::BACKBONE || route.area != AreaId::BACKBONE) {
            return None;
        }
        let from = self.status.area(route.area)?;
        let hidden = !inter && ranges_of(route.area) && from.config.ranges.keys().any(|r| r.covers(prefix));
        if hidden || !self.exports(from, prefix, inputs) || !self.imports(into, prefix, inputs) {
            return None;
        }
        Some(route.cost)
    }

    /// Tells prefixes of other areas into each.
    pub(crate) fn tell_summaries(
        &mut self,
        inputs: &Inputs<'_>,
        own: &mut OwnLsas,
        everything: bool,
        prefixes: &BTreeSet<Prefix>,
    ) {
        let kind = super::tell::summary_type(self.version);
        let mut areas: BTreeSet<AreaId> = self.status.active().map(|(id, _)| id).collect();
        if everything {
            let scopes = self.teller.scopes(kind).into_iter();
            areas.extend(scopes.filter_map(|s| if let ScopeId::Area(id) = s { Some(id) } else { None }));
        } else if !self.status.abr {
            return;
        }
        for id in areas {
            let mut all = prefixes.clone();
            if everything {
                all.extend(self.teller.told(ScopeId::Area(id), kind));
                all.extend(self.table.iter().map(|(prefix, _)| prefix));
                all.insert(Prefix::default_route(self.afi()));
            }
            let options = self.status.area(id).map_or(Options::empty(), area_options);
            for prefix in all {
                let metric = self.summary_metric(id, prefix, inputs);
                self.teller.summary(own, (id, options), (self.version, prefix), metric);
            }
        }
    }

    /// Tells AS boundary routers of other areas into each; `routers` may be others than before.
    pub(crate) fn tell_boundaries(&mut self, own: &mut OwnLsas, routers: &BTreeSet<RouterId>) {
        let areas: Vec<AreaId> = self.status.areas.keys().copied().collect();
        for id in areas {
            let options = match self.version {
                Version::V2 => self.status.area(id).map_or(Options::empty(), area_options),
                Version::V3 => Options::V6 | Options::E | Options::R,
            };
            for &router in routers {
                let path = self.boundaries.get(&router);
                let metric = path.and_then(|path| self.boundary_metric(id, router, path));
                self.teller.boundary(own, (id, options), (self.version, router), metric);
            }
        }
    }

    fn boundary_metric(&self, id: AreaId, router: RouterId, path: &Path) -> Option<u32> {
        let into = self.status.area(id).filter(|a| self.status.abr && a.active && a.is_normal())?;
        let inter = path.kind == PathKind::Inter;
        let told = path.area != id
            && router != self.status.router
            && !leads_into(&path.ways, into)
            && path.cost < LS_INFINITY
            && !(inter && (id == AreaId::BACKBONE || path.area != AreaId::BACKBONE));
        told.then_some(path.cost)
    }
}
