//! What `show` and the rest of the instance see of routes.

use std::net::IpAddr;
use std::time::Instant;

use ferr_ospf_wire::{RouterBits, Version};
use ferr_types::{AreaId, Prefix, RouterId};

use super::graph::{INFINITY, Vertex, VertexKey};
use super::ways::Ways;
use super::{Routing, VirtualPath};
use crate::view::{PathKind, RouteView, RouterRouteView, SpfView, VertexView, WayView};

fn ways_view(ways: &Ways) -> Vec<WayView> {
    ways.iter().map(|w| WayView { ifindex: w.ifindex, gateway: w.gateway }).collect()
}

impl Routing {
    /// Way to the other end of a virtual link through an area, when there is one.
    pub(crate) fn virtual_path(&self, area: AreaId, router: RouterId) -> Option<VirtualPath> {
        let state = self.areas.get(&area)?;
        let (number, cost, ways, _) = state.router(router)?;
        let way = ways.first()?;
        let local = self.links.iter().find(|l| l.area == area && l.ifindex == way.ifindex)?;
        let remote = match self.version {
            Version::V2 => IpAddr::V4(state.facing_address(number)?),
            Version::V3 => state.global_address(number)?,
        };
        let local = match self.version {
            Version::V2 => local.addr?,
            Version::V3 => {
                let root = state.graph.find(VertexKey::Router(self.status.router))?;
                state.global_address(root)?
            }
        };
        let cost = u16::try_from(cost).ok().filter(|_| number != u32::MAX)?;
        Some(VirtualPath { cost, ifindex: way.ifindex, local, remote })
    }

    /// Routes behind `after` in order, at most `limit`.
    pub(crate) fn routes(&self, after: Option<Prefix>, limit: usize) -> Vec<RouteView> {
        self.last_run.map_or_else(Vec::new, |at| self.table.view(after, limit, at))
    }

    /// Ways to border routers, through one area or all.
    pub(crate) fn router_routes(&self, area: Option<AreaId>) -> Vec<RouterRouteView> {
        let mut views = Vec::new();
        for (id, state) in self.areas.iter().filter(|(id, _)| area.is_none_or(|a| a == **id)) {
            let border = RouterBits::BORDER | RouterBits::EXTERNAL;
            for (number, vertex) in state.graph.iter() {
                let VertexKey::Router(router) = vertex.key else { continue };
                let (bits, cost) = (vertex.bits(), state.tree.dist(number));
                if !bits.intersects(border) || cost == INFINITY || router == self.status.router {
                    continue;
                }
                views.push(RouterRouteView {
                    router,
                    area: *id,
                    kind: PathKind::Intra,
                    cost,
                    abr: bits.contains(RouterBits::BORDER),
                    asbr: bits.contains(RouterBits::EXTERNAL),
                    ways: ways_view(state.tree.ways(number)),
                });
            }
        }
        let inter = self.boundaries.iter().filter(|(_, path)| path.kind == PathKind::Inter);
        views.extend(inter.filter(|(_, path)| area.is_none_or(|a| a == path.area)).map(|(router, path)| {
            RouterRouteView {
                router: *router,
                area: path.area,
                kind: path.kind,
                cost: path.cost,
                abr: false,
                asbr: true,
                ways: ways_view(&path.ways),
            }
        }));
        views.sort_by_key(|v| (v.router, v.area));
        views
    }

    /// Routers and networks of an area that can be reached, this router among them.
    pub(crate) fn vertices(&self, area: AreaId) -> Vec<VertexView> {
        let Some(state) = self.areas.get(&area) else { return Vec::new() };
        let reached = state.graph.iter().filter(|(number, _)| state.tree.dist(*number) != INFINITY);
        let view = |(number, vertex): (u32, &Vertex)| {
            let (router, network) = match vertex.key {
                VertexKey::Router(router) => (router, None),
                VertexKey::Network(id, router) => (router, Some(id)),
            };
            VertexView {
                router,
                network,
                cost: state.tree.dist(number),
                bits: vertex.bits(),
                options: vertex.options(),
                ways: ways_view(state.tree.ways(number)),
            }
        };
        reached.map(view).collect()
    }

    /// Whether this router tells an external route for an NSSA, not for itself.
    pub(crate) fn is_translated(&self, prefix: Prefix) -> bool {
        !self.chosen.contains_key(&prefix)
    }

    /// Runs of SPF.
    pub(crate) fn spf_view(&self) -> SpfView {
        SpfView { due: self.backoff.due(), ..self.stats }
    }

    /// Whether a router can be reached in any area.
    pub(crate) fn reaches(&self, router: RouterId) -> bool {
        self.areas.values().any(|area| area.router(router).is_some())
    }

    /// Says how long the last run took: the core has no clock.
    pub(crate) const fn spf_took(&mut self, duration: std::time::Duration) {
        self.stats.duration = duration;
    }

    /// Runs of SPF in an area, and the last of them.
    pub(crate) fn area_spf(&self, area: AreaId) -> (u64, Option<Instant>) {
        self.areas.get(&area).map_or((0, None), |a| (a.runs, a.last))
    }

    /// Whether this router is an area border router.
    pub(crate) const fn is_abr(&self) -> bool {
        self.status.abr
    }

    /// Whether this router is an AS boundary router.
    pub(crate) const fn is_asbr(&self) -> bool {
        self.status.asbr
    }

    /// Tells the RIB everything again.
    pub(crate) fn reinstall(&mut self) {
        if let Some(style) = &self.style {
            self.table.tell_all(style);
        }
    }
}
