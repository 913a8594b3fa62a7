//! The route to one prefix, and to one router: what is best of all that is told (RFC 2328 sections 16.1 to 16.4, RFC 3101 section 2.5).

use std::net::IpAddr;

use ferr_ospf_wire::RouterBits;
use ferr_types::{AreaId, Prefix, RouterId};
use smallvec::SmallVec;

use super::alternate::Target;
use super::area::Area;
use super::graph::INFINITY;
use super::table::Route;
use super::told::{External, Summary};
use super::ways::{Way, Ways, merge};
use super::{Inputs, Routing};
use crate::config::LS_INFINITY;
use crate::view::PathKind;

/// Way to an AS boundary router or to a forwarding address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) kind: PathKind,
    pub(crate) area: AreaId,
    pub(crate) cost: u32,
    pub(crate) ways: Ways,
    pub(crate) backup: Ways,
}

/// Keeps the cheapest, and the ways of all that cost the same.
fn keep(best: &mut Option<(u32, Ways)>, cost: u32, ways: &Ways) {
    match best {
        Some((known, _)) if *known < cost => {}
        Some((known, all)) if *known == cost => *all = merge(all, ways),
        _ => *best = Some((cost, ways.clone())),
    }
}

impl Path {
    /// Preference by the way inside (section 16.4.1); lower is better.
    fn class(&self, rfc1583: bool) -> u8 {
        let preferred = self.kind == PathKind::Intra && self.area != AreaId::BACKBONE;
        u8::from(!rfc1583 && !preferred)
    }
}

impl Routing {
    /// Best route to a prefix inside the AS.
    pub(crate) fn internal(&self, prefix: Prefix) -> Option<Route> {
        let route = self.intra(prefix).or_else(|| self.inter(prefix));
        self.through_transit(route, |area| summaries(area, prefix))
    }

    fn intra(&self, prefix: Prefix) -> Option<Route> {
        let mut best: Option<(AreaId, u32, Ways)> = None;
        for (id, area) in &self.areas {
            let Some(leaves) = area.leaves.get(&prefix) else { continue };
            let mut here = None;
            for leaf in leaves {
                let dist = area.tree.dist(leaf.vertex);
                if dist == INFINITY || (dist == 0 && self.is_root(area, leaf.vertex)) {
                    if let Some(ways) = self.own_prefixes.get(&(*id, prefix)).filter(|_| dist == 0) {
                        keep(&mut here, leaf.metric, ways);
                    }
                    continue;
                }
                keep(&mut here, dist.saturating_add(leaf.metric), area.tree.ways(leaf.vertex));
            }
            if let Some((cost, ways)) = here
                && best.as_ref().is_none_or(|(_, known, _)| cost < *known)
            {
                best = Some((*id, cost, ways));
            }
        }
        let (id, cost, ways) = best?;
        let targets = self.leaf_targets(id, prefix);
        Some(self.route(PathKind::Intra, id, (cost, ways), &targets))
    }

    fn is_root(&self, area: &Area, vertex: u32) -> bool {
        let key = super::graph::VertexKey::Router(self.status.router);
        area.graph.find(key) == Some(vertex)
    }

    fn leaf_targets(&self, id: AreaId, prefix: Prefix) -> SmallVec<[Target; 4]> {
        let leaves = self.areas.get(&id).and_then(|area| area.leaves.get(&prefix));
        leaves.into_iter().flatten().map(|l| Target { vertex: l.vertex, metric: l.metric }).collect()
    }

    fn route(&self, kind: PathKind, id: AreaId, (cost, ways): (u32, Ways), targets: &[Target]) -> Route {
        let area = self.areas.get(&id);
        let backup = area.and_then(|a| a.alternates.backup(&ways, cost, targets, self.node_protection));
        let backup = backup.unwrap_or_else(|| self.nothing.clone());
        Route { kind, area: id, cost, type2: None, tag: 0, ways, backup }
    }

    /// Cost, ways and vertex of what a border router tells; `None` when it does not count.
    fn told_by<'a>(&self, area: &'a Area, summary: &Summary) -> Option<(u32, &'a Ways, u32)> {
        if summary.router == self.status.router || summary.metric >= LS_INFINITY {
            return None;
        }
        let (vertex, dist, ways, bits) = area.router(summary.router)?;
        let cost = dist.saturating_add(summary.metric);
        bits.contains(RouterBits::BORDER).then_some((cost, ways, vertex))
    }

    fn best_told(&self, area: &Area, told: &[Summary]) -> Option<(u32, Ways, SmallVec<[Target; 4]>)> {
        let (mut best, mut targets) = (None, SmallVec::new());
        for summary in told {
            let Some((cost, ways, vertex)) = self.told_by(area, summary) else { continue };
            keep(&mut best, cost, ways);
            targets.push(Target { vertex, metric: summary.metric });
        }
        best.map(|(cost, ways)| (cost, ways, targets))
    }

    fn inter(&self, prefix: Prefix) -> Option<Route> {
        if self.ranges.is_active(prefix) {
            return None;
        }
        self.inter_of(|area| summaries(area, prefix))
    }

    fn reads_summaries(&self, id: AreaId) -> bool {
        self.status.reads_summaries(id, || self.agrees_on_shortcut(id))
    }

    /// All border routers of an area that can be reached are shortcut ones.
    pub(crate) fn agrees_on_shortcut(&self, id: AreaId) -> bool {
        self.areas.get(&id).is_some_and(|area| {
            let reached = area.graph.iter().filter(|(number, _)| area.tree.dist(*number) != INFINITY);
            let mut borders = reached.map(|(_, v)| v.bits()).filter(|b| b.contains(RouterBits::BORDER));
            borders.all(|bits| bits.contains(RouterBits::SHORTCUT))
        })
    }

    /// Best of what border routers tell, of all areas that are looked at.
    fn inter_of<'a>(&'a self, told: impl Fn(&'a Area) -> &'a [Summary]) -> Option<Route> {
        let mut best: Option<(AreaId, u32, Ways, SmallVec<[Target; 4]>)> = None;
        for (id, area) in self.areas.iter().filter(|(id, _)| self.reads_summaries(**id)) {
            if let Some((cost, ways, targets)) = self.best_told(area, told(area))
                && best.as_ref().is_none_or(|b| cost < b.1)
            {
                best = Some((*id, cost, ways, targets));
            }
        }
        let (id, cost, ways, targets) = best?;
        Some(self.route(PathKind::Inter, id, (cost, ways), &targets))
    }

    /// Routes of the backbone may be shorter through a transit area (section 16.3).
    fn through_transit<'a>(
        &'a self,
        route: Option<Route>,
        told: impl Fn(&'a Area) -> &'a [Summary],
    ) -> Option<Route> {
        let mut route = route?;
        if !self.status.abr || route.area != AreaId::BACKBONE {
            return Some(route);
        }
        for area in self.areas.values().filter(|area| area.transit) {
            let Some((cost, ways, _)) = self.best_told(area, told(area)) else { continue };
            if cost < route.cost {
                (route.cost, route.ways, route.backup) = (cost, ways, self.nothing.clone());
            } else if cost == route.cost {
                let all = merge(&route.ways, &ways);
                if all != route.ways {
                    (route.ways, route.backup) = (all, self.nothing.clone());
                }
            }
        }
        Some(route)
    }

    /// Way to an AS boundary router within an area.
    fn boundary_in(&self, id: AreaId, router: RouterId) -> Option<Path> {
        let area = self.areas.get(&id)?;
        let (vertex, cost, ways, bits) = area.router(router)?;
        if !bits.contains(RouterBits::EXTERNAL) {
            return None;
        }
        let route = self.route(PathKind::Intra, id, (cost, ways.clone()), &[Target { vertex, metric: 0 }]);
        Some(route.into())
    }

    /// Best way to an AS boundary router that tells the whole AS (section 16.4 step 3).
    pub(crate) fn boundary(&self, router: RouterId) -> Option<Path> {
        let areas = self.areas.keys().filter(|id| self.status.is_normal(**id));
        let intra = areas.filter_map(|id| self.boundary_in(*id, router));
        let (rfc1583, mut best) = (self.status.rfc1583, None::<Path>);
        for path in intra {
            let better = |b: &Path| {
                let rank = |p: &Path| (p.class(rfc1583), p.cost, std::cmp::Reverse(p.area));
                rank(&path) < rank(b)
            };
            if best.as_ref().is_none_or(better) {
                best = Some(path);
            }
        }
        let route = best.map(Route::from).or_else(|| self.inter_of(|area| boundaries(area, router)));
        self.through_transit(route, |area| boundaries(area, router)).map(Path::from)
    }

    /// Best route to the outside.
    pub(crate) fn external(&self, prefix: Prefix, inputs: &Inputs<'_>) -> Option<Route> {
        let mut best: Option<Candidate> = None;
        for told in self.externals.of(prefix) {
            if told.router == self.status.router || told.metric >= LS_INFINITY {
                continue;
            }
            let Some(path) = self.external_path(prefix, told, inputs) else { continue };
            let new = Candidate::new(told, path, self.status.rfc1583);
            match &mut best {
                Some(known) if known.rank < new.rank => {}
                Some(known) if known.rank == new.rank => known.join(new),
                _ => best = Some(new),
            }
        }
        best.map(|best| best.route)
    }

    fn external_path(&self, prefix: Prefix, told: &External, inputs: &Inputs<'_>) -> Option<Path> {
        let boundary = match told.area {
            None => self.boundaries.get(&told.router).cloned()?,
            Some(id) => {
                let area = self.status.area(id).filter(|a| a.is_nssa())?;
                // A default route for the area's other routers is not for its border (RFC 3101 section 2.5).
                if prefix.is_default() && self.status.abr && (!told.propagate || area.no_summary()) {
                    return None;
                }
                self.boundary_in(id, told.router)?
            }
        };
        let Some(forwarding) = told.forwarding else { return Some(boundary) };
        if inputs.links.iter().any(|l| l.addr == Some(forwarding)) {
            return None;
        }
        let fits = |route: &Route| match told.area {
            Some(id) => route.kind == PathKind::Intra && route.area == id,
            None => self.status.is_normal(route.area),
        };
        let (_, route) = self.table.lookup(forwarding, fits)?;
        let mut path = Path::from(route.clone());
        if path.ways.iter().any(|w| w.gateway.is_none()) {
            path.ways = path.ways.iter().map(|w| towards(*w, forwarding)).collect();
        }
        Some(path)
    }
}

fn summaries(area: &Area, prefix: Prefix) -> &[Summary] {
    area.summaries.get(&prefix).map_or(&[], |told| told.as_slice())
}

fn boundaries(area: &Area, router: RouterId) -> &[Summary] {
    area.boundaries.get(&router).map_or(&[], |told| told.as_slice())
}

/// A way on the link itself leads to the address that is there.
fn towards(way: Way, addr: IpAddr) -> Way {
    if way.gateway.is_some() { way } else { Way { gateway: Some(addr), ..way } }
}

/// A way to the outside.
struct Candidate {
    /// Type, metric of type 2, class of the way inside, cost; lower is better (section 16.4 step 6).
    rank: (bool, u32, u8, u32),
    /// Whose tag counts among equals (RFC 3101 section 2.5 step 6e).
    authority: (bool, bool, RouterId),
    route: Route,
}

impl Candidate {
    fn new(told: &External, path: Path, rfc1583: bool) -> Self {
        let class = path.class(rfc1583);
        let cost = if told.type2 { path.cost } else { path.cost.saturating_add(told.metric) };
        let (kind, type2) = match told.type2 {
            true => (PathKind::External2, Some(told.metric)),
            false => (PathKind::External1, None),
        };
        let Path { area, ways, backup, .. } = path;
        Self {
            rank: (told.type2, type2.unwrap_or(0), class, cost),
            authority: (told.area.is_some() && told.propagate, told.area.is_none(), told.router),
            route: Route { kind, area, cost, type2, tag: told.tag, ways, backup },
        }
    }

    fn join(&mut self, other: Self) {
        let all = merge(&self.route.ways, &other.route.ways);
        if all != self.route.ways {
            (self.route.ways, self.route.backup) = (all, Ways::from([]));
        }
        // Not by the order in which they came.
        self.route.area = self.route.area.min(other.route.area);
        if other.authority > self.authority {
            (self.route.tag, self.authority) = (other.route.tag, other.authority);
        }
    }
}

impl From<Route> for Path {
    fn from(route: Route) -> Self {
        let Route { kind, area, cost, ways, backup, .. } = route;
        Self { kind, area, cost, ways, backup }
    }
}

impl From<Path> for Route {
    fn from(path: Path) -> Self {
        let Path { kind, area, cost, ways, backup } = path;
        Self { kind, area, cost, type2: None, tag: 0, ways, backup }
    }
}
