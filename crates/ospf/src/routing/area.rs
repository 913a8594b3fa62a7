//! What the LSAs of one area say, ready for routes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use ferr_ospf_wire::{RouterBits, Version};
use ferr_types::{Prefix, RouterId};
use smallvec::SmallVec;

use super::alternate::Alternates;
use super::graph::{Change, Graph, INFINITY, Packed, VertexKey};
use super::spf::Tree;
use super::told::{Leaves, Summary};
use super::ways::Ways;

/// A prefix at a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) vertex: u32,
    pub(crate) metric: u32,
}

/// One area.
#[derive(Debug)]
pub(crate) struct Area {
    pub(crate) graph: Graph,
    pub(crate) packed: Packed,
    pub(crate) tree: Tree,
    pub(crate) alternates: Alternates,
    pub(crate) leaves: BTreeMap<Prefix, SmallVec<[Leaf; 1]>>,
    pub(crate) summaries: BTreeMap<Prefix, SmallVec<[Summary; 1]>>,
    pub(crate) boundaries: BTreeMap<RouterId, SmallVec<[Summary; 1]>>,
    /// A router that can be reached is the end of a virtual link through it.
    pub(crate) transit: bool,
    /// Links are others than when the tree was made.
    pub(crate) dirty: bool,
    /// Numbers of vertices were given back since then.
    pub(crate) renumbered: bool,
    /// Vertices whose LSAs changed since then.
    pub(crate) touched: BTreeSet<VertexKey>,
    pub(crate) runs: u64,
    pub(crate) last: Option<Instant>,
}

impl Area {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            graph: Graph::new(version),
            packed: Packed::default(),
            tree: Tree::default(),
            alternates: Alternates::default(),
            leaves: BTreeMap::new(),
            summaries: BTreeMap::new(),
            boundaries: BTreeMap::new(),
            transit: false,
            dirty: true,
            renumbered: false,
            touched: BTreeSet::new(),
            runs: 0,
            last: None,
        }
    }

    /// Puts prefixes of a vertex in the place of others; gives those that changed.
    pub(crate) fn leaves(&mut self, key: VertexKey, old: Leaves, new: Leaves) -> Vec<Prefix> {
        let (mut gone, mut come) = (old, new);
        gone.sort_unstable();
        come.sort_unstable();
        let (kept_gone, kept_come) = difference(&gone, &come);
        for &(prefix, metric) in &kept_come {
            let vertex = self.graph.attach(key, prefix);
            self.leaves.entry(prefix).or_default().push(Leaf { vertex, metric });
        }
        for &(prefix, metric) in &kept_gone {
            let Some(vertex) = self.graph.detach(key, prefix) else { continue };
            remove_one(&mut self.leaves, &prefix, |l| *l == Leaf { vertex, metric });
        }
        kept_gone.into_iter().chain(kept_come).map(|(prefix, _)| prefix).collect()
    }

    /// After changes of the graph: what is known under numbers that were given back is forgotten.
    pub(crate) fn settle(&mut self, change: Change) {
        for number in self.graph.take_freed() {
            self.renumbered = true;
            self.tree.forget(number);
            self.alternates.forget(number);
        }
        self.dirty |= change != Change::None;
    }

    /// OSPFv2: the address of a router on the link by which it is reached.
    pub(crate) fn facing_address(&self, router: u32) -> Option<Ipv4Addr> {
        let dist = self.tree.dist(router);
        let leads_here = |from: u32| {
            let mut edges = self.packed.edges(from).iter().filter(|e| e.to == router);
            edges.any(|e| self.tree.dist(from).saturating_add(e.cost) == dist)
        };
        let vertex = self.graph.vertex(router)?;
        vertex.links().find(|l| leads_here(l.to)).map(|l| Ipv4Addr::from_bits(l.own))
    }

    /// OSPFv3: an address of a router that is good beyond its links.
    pub(crate) fn global_address(&self, router: u32) -> Option<IpAddr> {
        let vertex = self.graph.vertex(router)?;
        vertex.prefixes.iter().find(|p| p.is_host()).map(|p| p.addr())
    }

    /// All prefixes that are told of, inside the area or from others.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = Prefix> {
        self.leaves.keys().chain(self.summaries.keys()).copied()
    }

    /// Whether a virtual link goes through it, be it another's (RFC 2328 section 16.1 step 2).
    pub(crate) fn finds_transit(&self) -> bool {
        let ends = self.graph.iter().filter(|(_, v)| v.bits().contains(RouterBits::VIRTUAL));
        ends.into_iter().any(|(number, _)| self.tree.dist(number) != INFINITY)
    }

    /// A router's distance and ways, and what it is; `None` when it cannot be reached.
    pub(crate) fn router(&self, router: RouterId) -> Option<(u32, u32, &Ways, RouterBits)> {
        let number = self.graph.find(VertexKey::Router(router))?;
        let dist = self.tree.dist(number);
        (dist != INFINITY).then(|| (number, dist, self.tree.ways(number), self.graph.bits(router)))
    }
}

/// Removes one value for which `is` holds, and the key with the last one.
pub(crate) fn remove_one<K: Ord, V>(
    map: &mut BTreeMap<K, SmallVec<[V; 1]>>,
    key: &K,
    is: impl Fn(&V) -> bool,
) -> bool {
    let Some(values) = map.get_mut(key) else { return false };
    let Some(at) = values.iter().position(is) else { return false };
    values.swap_remove(at);
    if values.is_empty() {
        map.remove(key);
    }
    true
}

/// What is in one of two ordered lists only.
fn difference(a: &Leaves, b: &Leaves) -> (Leaves, Leaves) {
    let (mut only_a, mut only_b) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    loop {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x == y => (i, j) = (i + 1, j + 1),
            (Some(x), Some(y)) if x > y => {
                only_b.push(*y);
                j += 1;
            }
            (Some(x), _) => {
                only_a.push(*x);
                i += 1;
            }
            (None, Some(y)) => {
                only_b.push(*y);
                j += 1;
            }
            (None, None) => return (only_a, only_b),
        }
    }
}
