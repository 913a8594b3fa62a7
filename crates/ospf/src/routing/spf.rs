//! Shortest paths from this router through an area (RFC 2328 section 16.1).

use std::sync::Arc;

use super::graph::{Graph, INFINITY, Packed};
use super::heap::RadixHeap;
use super::local::Local;
use super::ways::{HopSets, NOWHERE, Ways};

/// Distances and ways to all vertices.
#[derive(Debug)]
pub(crate) struct Tree {
    dist: Vec<u32>,
    set: Vec<u32>,
    sets: Vec<Ways>,
    empty: Ways,
}

impl Default for Tree {
    fn default() -> Self {
        Self { dist: Vec::new(), set: Vec::new(), sets: Vec::new(), empty: Arc::from([]) }
    }
}

impl Tree {
    /// Distance of a vertex.
    #[inline]
    pub(crate) fn dist(&self, vertex: u32) -> u32 {
        self.dist.get(vertex as usize).copied().unwrap_or(INFINITY)
    }

    /// Ways to a vertex.
    pub(crate) fn ways(&self, vertex: u32) -> &Ways {
        let set = self.set.get(vertex as usize).and_then(|&set| self.sets.get(set as usize));
        set.unwrap_or(&self.empty)
    }

    /// Forgets a vertex whose number is given to another.
    pub(crate) fn forget(&mut self, vertex: u32) {
        if let Some(dist) = self.dist.get_mut(vertex as usize) {
            *dist = INFINITY;
        }
    }

    /// Vertices that are nearer, farther or reached by other ways than in `old`.
    pub(crate) fn changed(&self, old: &Self) -> Vec<bool> {
        let find = |ways: &Ways| self.sets.iter().position(|w| w == ways).map_or(u32::MAX, |at| at as u32);
        let same: Vec<u32> = old.sets.iter().map(find).collect();
        let count = self.dist.len().max(old.dist.len());
        let differs = |v: u32| {
            let (now, before) = (self.dist(v), old.dist(v));
            if now == INFINITY && before == INFINITY {
                return false;
            }
            let set = old.set.get(v as usize).and_then(|&set| same.get(set as usize));
            now != before || set != self.set.get(v as usize)
        };
        (0..count as u32).map(differs).collect()
    }
}

/// Works out the tree.
pub(crate) fn tree(graph: &Graph, packed: &Packed, root: u32, local: &Local<'_>) -> Tree {
    let n = packed.bound();
    let mut hops = HopSets::new();
    let root_sets = local.root_sets(graph, packed, &mut hops);
    let (mut dist, mut set) = (vec![INFINITY; n], vec![NOWHERE; n]);
    let mut done = vec![false; n];
    let mut heap = RadixHeap::new();
    if let Some(dist) = dist.get_mut(root as usize) {
        *dist = 0;
        heap.push(0, root, true);
    }
    while let Some((d, v)) = heap.pop() {
        if std::mem::replace(&mut done[v as usize], true) {
            continue;
        }
        let own = set[v as usize];
        // Routers behind a network of ours get packets at their address on it.
        let spread = !packed.is_router(v) && hops.is_direct(own);
        for (at, edge) in packed.edges(v).iter().enumerate() {
            let to = edge.to as usize;
            let next = d.saturating_add(edge.cost);
            if next > dist[to] || done[to] {
                continue;
            }
            let through = if v == root {
                root_sets.get(at).copied().unwrap_or(NOWHERE)
            } else if spread {
                local.across(graph, own, v, edge.to, &mut hops)
            } else {
                own
            };
            if through == NOWHERE {
                continue;
            }
            if next < dist[to] {
                dist[to] = next;
                set[to] = through;
                heap.push(next, edge.to, packed.is_router(edge.to));
            } else {
                set[to] = hops.union(set[to], through);
            }
        }
    }
    Tree { dist, set, sets: hops.into_ways(), empty: Arc::from([]) }
}

/// Distances alone, from any vertex.
pub(crate) fn distances(packed: &Packed, from: u32) -> Vec<u32> {
    let mut dist = vec![INFINITY; packed.bound()];
    let mut heap = RadixHeap::new();
    if let Some(dist) = dist.get_mut(from as usize) {
        *dist = 0;
        heap.push(0, from, true);
    }
    while let Some((d, v)) = heap.pop() {
        if d > dist[v as usize] {
            continue;
        }
        for edge in packed.edges(v) {
            let next = d.saturating_add(edge.cost);
            let known = &mut dist[edge.to as usize];
            if next < *known {
                *known = next;
                heap.push(next, edge.to, packed.is_router(edge.to));
            }
        }
    }
    dist
}
