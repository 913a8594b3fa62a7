//! The graph of an area: routers and networks under dense numbers, and their links.
//!
//! # Invariants
//! * A vertex lives as long as an LSA describes it, a link leads to it, or prefixes belong to it; then its number is free again.
//! * [`Packed`] has a link only when both ends tell it, and none out of a router that forwards nothing.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ferr_ospf_wire::{LinkStateId, LinkType, Options, RouterBits, Version};
use ferr_types::{Prefix, RouterId};
use smallvec::SmallVec;

/// Cost of what cannot be reached.
pub(crate) const INFINITY: u32 = u32::MAX;

/// Names a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum VertexKey {
    /// A network: address of its designated router, or that one's number of the interface and itself (OSPFv3).
    Network(u32, RouterId),
    /// A router.
    Router(RouterId),
}

/// A link as an LSA tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawLink {
    pub(crate) to: VertexKey,
    pub(crate) cost: u16,
    pub(crate) kind: LinkType,
    /// Own address or number of the interface.
    pub(crate) own: u32,
    /// OSPFv3: number of the interface at the other end.
    pub(crate) far: u32,
}

/// A link in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) to: u32,
    pub(crate) cost: u16,
    pub(crate) kind: LinkType,
    pub(crate) own: u32,
    pub(crate) far: u32,
}

/// What one LSA tells of a vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawPart {
    pub(crate) bits: RouterBits,
    /// OSPFv3: options of the body.
    pub(crate) options: Options,
    pub(crate) links: Vec<RawLink>,
}

/// One of the LSAs that describe a vertex.
#[derive(Debug)]
struct Part {
    lsa: (LinkStateId, RouterId),
    bits: RouterBits,
    options: Options,
    links: Box<[Link]>,
}

/// A router or network.
#[derive(Debug)]
pub(crate) struct Vertex {
    pub(crate) key: VertexKey,
    parts: SmallVec<[Part; 1]>,
    refs: u32,
    /// Prefixes that belong to it; one for each time that it is told.
    pub(crate) prefixes: Vec<Prefix>,
}

impl Vertex {
    /// Its links, of all LSAs.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.parts.iter().flat_map(|part| part.links.iter())
    }

    /// What the router is.
    pub(crate) fn bits(&self) -> RouterBits {
        self.parts.iter().fold(RouterBits::empty(), |bits, part| bits | part.bits)
    }

    /// Options of its LSAs (OSPFv3).
    pub(crate) fn options(&self) -> Options {
        self.parts.first().map_or(Options::empty(), |part| part.options)
    }

    fn usable(&self, version: Version) -> bool {
        let Some(part) = self.parts.first() else { return false };
        version == Version::V2
            || matches!(self.key, VertexKey::Network(..))
            || part.options.contains(Options::V6)
    }

    fn transit(&self, version: Version) -> bool {
        let router = matches!(self.key, VertexKey::Router(_));
        let Some(part) = self.parts.first().filter(|_| router) else { return true };
        match version {
            Version::V2 => !part.bits.contains(RouterBits::HOST),
            Version::V3 => part.options.contains(Options::R),
        }
    }
}

/// What a change of an LSA means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Nothing that matters here.
    None,
    /// The router is another than before, its links are not.
    Bits,
    /// Links.
    Topology,
}

/// The graph.
#[derive(Debug)]
pub(crate) struct Graph {
    version: Version,
    index: BTreeMap<VertexKey, u32>,
    vertices: Vec<Option<Vertex>>,
    free: Vec<u32>,
    /// Numbers that were given back since the last time this was taken.
    freed: Vec<u32>,
}

impl Graph {
    pub(crate) const fn new(version: Version) -> Self {
        Self { version, index: BTreeMap::new(), vertices: Vec::new(), free: Vec::new(), freed: Vec::new() }
    }

    /// Number of a vertex.
    pub(crate) fn find(&self, key: VertexKey) -> Option<u32> {
        self.index.get(&key).copied()
    }

    /// A vertex.
    pub(crate) fn vertex(&self, number: u32) -> Option<&Vertex> {
        self.vertices.get(number as usize)?.as_ref()
    }

    /// What a router is; nothing when it is not known.
    pub(crate) fn bits(&self, router: RouterId) -> RouterBits {
        let vertex = self.find(VertexKey::Router(router)).and_then(|number| self.vertex(number));
        vertex.map_or(RouterBits::empty(), Vertex::bits)
    }

    /// All vertices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Vertex)> {
        self.vertices.iter().enumerate().filter_map(|(number, v)| Some((number as u32, v.as_ref()?)))
    }

    /// Numbers in use are below this.
    pub(crate) fn bound(&self) -> usize {
        self.vertices.len()
    }

    /// Numbers that were given back; what is remembered under them is of others.
    pub(crate) fn take_freed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.freed)
    }

    /// Keeps a vertex, and makes it when there is none.
    fn hold(&mut self, key: VertexKey) -> u32 {
        let number = match self.index.get(&key) {
            Some(&number) => number,
            None => self.make(key),
        };
        if let Some(Some(vertex)) = self.vertices.get_mut(number as usize) {
            vertex.refs += 1;
        }
        number
    }

    fn make(&mut self, key: VertexKey) -> u32 {
        let vertex = Some(Vertex { key, parts: SmallVec::new(), refs: 0, prefixes: Vec::new() });
        let number = match self.free.pop() {
            Some(number) => {
                self.vertices[number as usize] = vertex;
                number
            }
            None => {
                self.vertices.push(vertex);
                self.vertices.len() as u32 - 1
            }
        };
        self.index.insert(key, number);
        number
    }

    fn release(&mut self, number: u32) {
        let Some(slot) = self.vertices.get_mut(number as usize) else { return };
        let Some(vertex) = slot.as_mut() else { return };
        vertex.refs = vertex.refs.saturating_sub(1);
        if vertex.refs == 0 {
            self.index.remove(&vertex.key);
            *slot = None;
            self.free.push(number);
            self.freed.push(number);
        }
    }

    /// Says that a prefix belongs to a vertex.
    pub(crate) fn attach(&mut self, key: VertexKey, prefix: Prefix) -> u32 {
        let number = self.hold(key);
        if let Some(Some(vertex)) = self.vertices.get_mut(number as usize) {
            vertex.prefixes.push(prefix);
        }
        number
    }

    /// Says that it does no longer.
    pub(crate) fn detach(&mut self, key: VertexKey, prefix: Prefix) -> Option<u32> {
        let number = self.find(key)?;
        let vertex = self.vertices.get_mut(number as usize)?.as_mut()?;
        let at = vertex.prefixes.iter().position(|p| *p == prefix)?;
        vertex.prefixes.swap_remove(at);
        self.release(number);
        Some(number)
    }

    /// Puts what an LSA tells in the place of what it told before; `None` when it is gone.
    pub(crate) fn describe(
        &mut self,
        key: VertexKey,
        lsa: (LinkStateId, RouterId),
        part: Option<RawPart>,
    ) -> Change {
        let number = self.hold(key);
        let change = self.replace(number, lsa, part);
        self.release(number);
        change
    }

    fn replace(&mut self, number: u32, lsa: (LinkStateId, RouterId), part: Option<RawPart>) -> Change {
        let part = part.map(|raw| {
            let link = |l: &RawLink| Link {
                to: self.hold(l.to),
                cost: l.cost,
                kind: l.kind,
                own: l.own,
                far: l.far,
            };
            let links = raw.links.iter().map(link).collect();
            Part { lsa, bits: raw.bits, options: raw.options, links }
        });
        let version = self.version;
        let Some(Some(vertex)) = self.vertices.get_mut(number as usize) else { return Change::None };
        let before = (vertex.usable(version), vertex.transit(version), vertex.bits());
        let at = vertex.parts.iter().position(|p| p.lsa == lsa);
        let same_links = match (at.and_then(|at| vertex.parts.get(at)), &part) {
            (Some(old), Some(new)) => old.links == new.links,
            (None, None) => true,
            _ => false,
        };
        match (at, &part) {
            (None, Some(_)) => vertex.refs += 1,
            (Some(_), None) => vertex.refs = vertex.refs.saturating_sub(1),
            _ => {}
        }
        let old = at.map(|at| vertex.parts.remove(at));
        if let Some(part) = part {
            vertex.parts.push(part);
            vertex.parts.sort_by_key(|p| p.lsa);
        }
        let after = (vertex.usable(version), vertex.transit(version), vertex.bits());
        for link in old.iter().flat_map(|part| part.links.iter()) {
            self.release(link.to);
        }
        if !same_links || (before.0, before.1) != (after.0, after.1) {
            Change::Topology
        } else if before.2 != after.2 {
            Change::Bits
        } else {
            Change::None
        }
    }

    /// OSPFv2: address of a router on a network, as its own LSA says.
    pub(crate) fn address_on(&self, router: u32, network: u32) -> Option<Ipv4Addr> {
        let transit = |l: &&Link| l.to == network && l.kind == LinkType::TRANSIT;
        self.vertex(router)?.links().find(transit).map(|l| Ipv4Addr::from_bits(l.own))
    }

    /// Puts the links into compact arrays, checking both directions.
    pub(crate) fn pack(&self, root: u32) -> Packed {
        let n = self.vertices.len();
        let ((heads_in, sources), back) = (self.transpose(), self.expected_back());
        let mut packed = Packed { heads: Vec::with_capacity(n + 1), ..Packed::default() };
        packed.edges.reserve(sources.len());
        packed.router = self
            .vertices
            .iter()
            .map(|v| v.as_ref().is_none_or(|v| matches!(v.key, VertexKey::Router(_))))
            .collect();
        let usable: Vec<bool> =
            self.vertices.iter().map(|v| v.as_ref().is_some_and(|v| v.usable(self.version))).collect();
        let mut stamp = vec![u32::MAX; n];
        for (number, slot) in self.vertices.iter().enumerate() {
            packed.heads.push(packed.edges.len() as u32);
            let v = number as u32;
            let Some(vertex) = slot else { continue };
            if !usable[number] || (v != root && !vertex.transit(self.version)) {
                continue;
            }
            let range = heads_in[number] as usize..heads_in[number + 1] as usize;
            for &source in &sources[range] {
                stamp[source as usize] = v;
            }
            for link in vertex.links() {
                let to = link.to as usize;
                if stamp[to] != v || !usable[to] {
                    continue;
                }
                // In OSPFv3 both ends know the numbers of each other's interface.
                let exact = self.version == Version::V3 && is_between_routers(link);
                if exact && back.binary_search(&(v, link.to, link.own, link.far)).is_err() {
                    continue;
                }
                packed.edges.push(Edge { to: link.to, cost: link.cost.into() });
                if v == root {
                    packed.root_links.push(*link);
                }
            }
        }
        packed.heads.push(packed.edges.len() as u32);
        packed
    }

    /// OSPFv3: links between routers as the other end has to tell them, in order.
    fn expected_back(&self) -> Vec<(u32, u32, u32, u32)> {
        if self.version == Version::V2 {
            return Vec::new();
        }
        let links = self.iter().flat_map(|(from, v)| v.links().map(move |l| (from, l)));
        let mut back: Vec<_> = links
            .filter(|(_, l)| is_between_routers(l))
            .map(|(from, l)| (l.to, from, l.far, l.own))
            .collect();
        back.sort_unstable();
        back
    }

    fn transpose(&self) -> (Vec<u32>, Vec<u32>) {
        let n = self.vertices.len();
        let mut heads = vec![0u32; n + 1];
        for link in self.vertices.iter().flatten().flat_map(Vertex::links) {
            heads[link.to as usize + 1] += 1;
        }
        for i in 0..n {
            heads[i + 1] += heads[i];
        }
        let mut at = heads.clone();
        let mut sources = vec![0u32; heads[n] as usize];
        for (number, vertex) in self.iter() {
            for link in vertex.links() {
                let slot = &mut at[link.to as usize];
                sources[*slot as usize] = number;
                *slot += 1;
            }
        }
        (heads, sources)
    }
}

const fn is_between_routers(link: &Link) -> bool {
    matches!(link.kind, LinkType::POINT_TO_POINT | LinkType::VIRTUAL)
}

/// A usable link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) to: u32,
    pub(crate) cost: u32,
}

/// Usable links in arrays: those of a vertex lie between its head and the next one's.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    heads: Vec<u32>,
    edges: Vec<Edge>,
    router: Vec<bool>,
    /// The root's links, as its edges are.
    pub(crate) root_links: Vec<Link>,
}

impl Packed {
    /// Links of a vertex.
    pub(crate) fn edges(&self, vertex: u32) -> &[Edge] {
        let v = vertex as usize;
        let (Some(&from), Some(&to)) = (self.heads.get(v), self.heads.get(v + 1)) else { return &[] };
        self.edges.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Whether it is a router.
    pub(crate) fn is_router(&self, vertex: u32) -> bool {
        self.router.get(vertex as usize).copied().unwrap_or(false)
    }

    /// Numbers are below this.
    pub(crate) fn bound(&self) -> usize {
        self.router.len()
    }

    /// Whether a tree of `old` may be another with these links: any that came or went would be, or was, on a shortest path.
    pub(crate) fn moves(&self, old: &Self, root: u32, dist: impl Fn(u32) -> u32) -> bool {
        if self.root_links != old.root_links || self.edges(root) != old.edges(root) {
            return true;
        }
        let on_path = |from: u32, e: &Edge| dist(from).saturating_add(e.cost) <= dist(e.to);
        (0..self.bound().max(old.bound()) as u32).any(|v| {
            let (now, before) = (self.edges(v), old.edges(v));
            if now == before || dist(v) == INFINITY {
                return false;
            }
            // Comparing all with all is for few.
            if now.len() + before.len() > 256 {
                return true;
            }
            let only = |a: &[Edge], b: &[Edge]| a.iter().any(|e| !b.contains(e) && on_path(v, e));
            only(now, before) || only(before, now)
        })
    }

    /// Whether a vertex is on a network of the root's, where its address matters beside its distance.
    pub(crate) fn is_on_root_network(&self, root: u32, vertex: u32) -> bool {
        let networks = || self.edges(root).iter().filter(|e| !self.is_router(e.to));
        self.edges(vertex).iter().any(|e| networks().any(|n| n.to == e.to))
    }
}
