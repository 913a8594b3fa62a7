//! Loop-free alternates: ways that stay good when the first link or neighbor is lost (RFC 5286).
//!
//! A neighbor is an alternate for a destination when its own shortest way does not come back through this router. Among several,
//! one that avoids the lost neighbor too is better than one that avoids the link alone, and of these one that is nearer to the
//! destination than this router: with such ones packets come nearer with each hop, whatever others do at the same time.

use std::sync::Arc;

use super::graph::{Graph, INFINITY, Packed, VertexKey};
use super::local::Local;
use super::spf::distances;
use super::ways::{HopSets, Way, Ways};
use crate::config::MAX_LINK_METRIC;

/// Vertices that may be visited for alternates in one run; with more there are none.
const BUDGET: usize = 200_000;

/// A vertex that has the destination, and what it costs from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) vertex: u32,
    pub(crate) metric: u32,
}

/// A neighbor by one of the ways to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Neighbor {
    vertex: u32,
    way: Way,
    /// The network that we share.
    network: Option<u32>,
    cost: u32,
    /// Place of its distances.
    from: usize,
    /// Nobody is to go through it (RFC 6987).
    overloaded: bool,
}

/// Neighbors of an area, and how far everything is from each.
#[derive(Debug, Default)]
pub(crate) struct Alternates {
    root: u32,
    neighbors: Vec<Neighbor>,
    routers: Vec<u32>,
    dist: Vec<Vec<u32>>,
}

impl Alternates {
    /// Works out distances from all neighbors.
    pub(crate) fn new(graph: &Graph, packed: &Packed, root: u32, local: &Local<'_>) -> Self {
        let mut new = Self { root, ..Self::default() };
        new.find_neighbors(graph, packed, local);
        new.routers = new.neighbors.iter().map(|n| n.vertex).collect();
        new.routers.sort_unstable();
        new.routers.dedup();
        // One neighbor alone protects nothing.
        if new.neighbors.len() < 2 || new.routers.len() * packed.bound() > BUDGET {
            return Self::default();
        }
        let routers = &new.routers;
        for neighbor in &mut new.neighbors {
            neighbor.from = routers.binary_search(&neighbor.vertex).unwrap_or_default();
        }
        new.dist = new.routers.iter().map(|router| distances(packed, *router)).collect();
        new
    }

    fn find_neighbors(&mut self, graph: &Graph, packed: &Packed, local: &Local<'_>) {
        let (mut hops, root) = (HopSets::new(), self.root);
        let sets = local.root_sets(graph, packed, &mut hops);
        for (edge, set) in packed.edges(root).iter().zip(sets) {
            if packed.is_router(edge.to) {
                let ways: Vec<Way> = hops.get(set).iter().map(|hop| hop.way).collect();
                self.add(packed, edge.to, None, edge.cost, &ways, graph);
                continue;
            }
            for behind in packed.edges(edge.to).iter().filter(|e| e.to != root) {
                let across = local.across(graph, set, edge.to, behind.to, &mut hops);
                let ways: Vec<Way> = hops.get(across).iter().map(|hop| hop.way).collect();
                self.add(packed, behind.to, Some(edge.to), edge.cost, &ways, graph);
            }
        }
    }

    fn add(
        &mut self,
        packed: &Packed,
        vertex: u32,
        network: Option<u32>,
        cost: u32,
        ways: &[Way],
        graph: &Graph,
    ) {
        let Some(VertexKey::Router(router)) = graph.vertex(vertex).map(|v| v.key) else { return };
        let overloaded = packed.edges(vertex).iter().all(|e| e.cost >= MAX_LINK_METRIC.into());
        // The first hop of a virtual link is another router than its end.
        for &way in ways.iter().filter(|way| way.router == router) {
            self.neighbors.push(Neighbor { vertex, way, network, cost, from: 0, overloaded });
        }
    }

    /// Forgets a vertex whose number is given to another.
    pub(crate) fn forget(&mut self, vertex: u32) {
        for dist in &mut self.dist {
            if let Some(dist) = dist.get_mut(vertex as usize) {
                *dist = INFINITY;
            }
        }
    }

    /// Marks the vertices to which alternates may be others than in `old`.
    pub(crate) fn mark_changed(&self, old: &Self, changed: &mut [bool]) {
        let at = |all: &Self, from: usize, vertex: u32| {
            all.dist.get(from).and_then(|d| d.get(vertex as usize)).copied().unwrap_or(INFINITY)
        };
        let near = |all: &Self| -> Vec<u32> {
            let networks = all.neighbors.iter().filter_map(|n| n.network);
            let ends: Vec<u32> = networks.chain(all.routers.iter().copied()).chain([all.root]).collect();
            (0..all.dist.len()).flat_map(|from| ends.iter().map(move |v| at(all, from, *v))).collect()
        };
        if self.neighbors != old.neighbors || near(self) != near(old) {
            return changed.fill(true);
        }
        for (from, _) in self.dist.iter().enumerate() {
            for (vertex, changed) in changed.iter_mut().enumerate() {
                *changed |= at(self, from, vertex as u32) != at(old, from, vertex as u32);
            }
        }
    }

    fn dist(&self, from: usize, vertex: u32) -> u32 {
        self.dist.get(from).and_then(|d| d.get(vertex as usize)).copied().unwrap_or(INFINITY)
    }

    /// Cost of the destination from a neighbor.
    fn cost_from(&self, from: usize, targets: &[Target]) -> u32 {
        targets.iter().map(|t| self.dist(from, t.vertex).saturating_add(t.metric)).min().unwrap_or(INFINITY)
    }

    /// The way to fall back on when the only way to a destination, which costs `cost`, is lost.
    pub(crate) fn backup(&self, ways: &Ways, cost: u32, targets: &[Target], node: bool) -> Option<Ways> {
        let [primary] = **ways else { return None };
        primary.gateway?;
        let first = self.neighbors.iter().find(|n| n.way == primary)?;
        let past_first = self.cost_from(first.from, targets);
        let at_first = targets.iter().any(|t| t.vertex == first.vertex);
        let rank = |n: &Neighbor| {
            let own = self.cost_from(n.from, targets);
            let there = targets.iter().any(|t| t.vertex == n.vertex);
            if n.way.ifindex == primary.ifindex || own == INFINITY || (n.overloaded && !there) {
                return None;
            }
            let loop_free = |through: u32, rest: u32| own < self.dist(n.from, through).saturating_add(rest);
            let past_network = cost.saturating_sub(first.cost);
            if !loop_free(self.root, cost) || first.network.is_some_and(|net| !loop_free(net, past_network)) {
                return None;
            }
            let protects_node = n.vertex != first.vertex && loop_free(first.vertex, past_first);
            if node && !protects_node && !at_first {
                return None;
            }
            Some((!protects_node, own >= cost, n.cost.saturating_add(own), n.way))
        };
        let best = self.neighbors.iter().filter_map(rank).min()?;
        Some(Arc::from([best.3]))
    }
}
