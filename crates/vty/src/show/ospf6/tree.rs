//! `show ipv6 ospf6 spf tree`, `linkstate`: shortest paths, worked out for the picture from the LSAs of an area.
//!
//! Bound: routers and networks of one area; each is settled once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use ferr_state::ferr_ospf::ScopeId;
use ferr_state::ferr_ospf::view::{PathKind, VertexView};
use ferr_state::ferr_ospf::wire::{Body, LinkStateId, LinkType, LsaType};
use ferr_types::{AreaId, RouterId};

use super::areas::Areas;
use super::origin::Origin;
use super::record::{Record, What, named};
use super::route::router_lsa;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;
use crate::show::ospf::links::Links;
use crate::show::ospf::rows::{Filter, Row, Rows, Shape};
use crate::show::ospf::select::{Target, Targets, V3, ask};

/// A router, or a network named by its designated router and that one's number of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Vertex {
    router: RouterId,
    network: Option<u32>,
}

impl Vertex {
    fn name(&self) -> String {
        match self.network {
            Some(id) => format!("{} Net-ID: {}", self.router, Ipv4Addr::from_bits(id)),
            None => self.router.to_string(),
        }
    }
}

/// Links of an area.
#[derive(Debug, Default)]
struct Graph(BTreeMap<Vertex, BTreeMap<Vertex, u32>>);

impl Graph {
    fn read(rows: &[Row]) -> Self {
        let mut graph = Self::default();
        for lsa in rows.iter().filter_map(Row::lsa) {
            let (id, router) = (lsa.header.id.0, lsa.header.router);
            match lsa.body() {
                Ok(Body::RouterV3(body)) => {
                    let links = graph.0.entry(Vertex { router, network: None }).or_default();
                    for link in body.links.iter() {
                        let network = (link.kind == LinkType::TRANSIT).then_some(link.neighbor_interface);
                        let to = Vertex { router: link.neighbor, network };
                        let cost = links.entry(to).or_insert(u32::MAX);
                        *cost = (*cost).min(link.metric.into());
                    }
                }
                Ok(Body::NetworkV3(body)) => {
                    let links = graph.0.entry(Vertex { router, network: Some(id) }).or_default();
                    links.extend(body.routers.iter().map(|router| (Vertex { router, network: None }, 0)));
                }
                _ => {}
            }
        }
        graph
    }

    /// Links in both directions that leave `from`.
    fn links(&self, from: Vertex) -> impl Iterator<Item = (Vertex, u32)> + '_ {
        let back = move |to: &Vertex| self.0.get(to).is_some_and(|links| links.contains_key(&from));
        let links = self.0.get(&from).into_iter().flatten();
        links.filter(move |(to, _)| back(to)).map(|(to, cost)| (*to, *cost))
    }

    /// Cost and the vertex before, by vertex, from `root`.
    fn paths(&self, root: Vertex) -> BTreeMap<Vertex, (u32, Option<Vertex>)> {
        let mut done = BTreeMap::new();
        let mut best: BTreeMap<Vertex, (u32, Option<Vertex>)> = BTreeMap::from([(root, (0, None))]);
        let mut open = BTreeSet::from([(0_u32, root)]);
        while let Some((cost, at)) = open.pop_first() {
            let before = best.get(&at).and_then(|(_, before)| *before);
            done.insert(at, (cost, before));
            for (to, step) in self.links(at) {
                let sum = cost.saturating_add(step);
                let held = best.get(&to).map(|(cost, _)| *cost);
                if !done.contains_key(&to) && held.is_none_or(|held| sum < held) {
                    if let Some(held) = held {
                        open.remove(&(held, to));
                    }
                    best.insert(to, (sum, Some(at)));
                    open.insert((sum, to));
                }
            }
        }
        done
    }
}

/// Shortest paths of an area.
struct Tree {
    root: Vertex,
    paths: BTreeMap<Vertex, (u32, Option<Vertex>)>,
}

impl Tree {
    async fn take(
        ctx: &Ctx<'_>,
        target: &Target,
        root: RouterId,
        area: AreaId,
    ) -> Result<Self, ferr_state::Gone> {
        let mut rows = Vec::new();
        for kind in [LsaType::ROUTER_V3, LsaType::NETWORK_V3] {
            let filter = Filter { kind: Some(kind), ..Filter::default() };
            rows.extend(Rows::new(ScopeId::Area(area), filter).all(ctx, target).await?);
        }
        let root = Vertex { router: root, network: None };
        Ok(Self { root, paths: Graph::read(&rows).paths(root) })
    }

    fn children(&self, of: Vertex) -> Vec<Vertex> {
        let is_child = |before: &Option<Vertex>| *before == Some(of);
        self.paths.iter().filter(|(_, (_, before))| is_child(before)).map(|(v, _)| *v).collect()
    }

    fn cost(&self, of: Vertex) -> u32 {
        self.paths.get(&of).map_or(0, |(cost, _)| *cost)
    }

    /// Routers on the way to a vertex, itself among them, without the root.
    fn hops(&self, of: Vertex) -> u32 {
        let (mut at, mut hops) = (of, 0);
        while let Some((_, Some(before))) = self.paths.get(&at) {
            hops += u32::from(at.network.is_none());
            at = *before;
        }
        hops
    }

    /// Vertices in the order of the picture, each with its depth.
    fn walk(&self) -> Vec<(usize, Vertex)> {
        let mut children: BTreeMap<Vertex, Vec<Vertex>> = BTreeMap::new();
        for (vertex, (_, before)) in &self.paths {
            if let Some(before) = before {
                children.entry(*before).or_default().push(*vertex);
            }
        }
        let (mut open, mut out) = (vec![(0, self.root)], Vec::new());
        while let Some((depth, at)) = open.pop() {
            out.push((depth, at));
            let below = children.get(&at).into_iter().flatten().rev();
            open.extend(below.map(|v| (depth + 1, *v)));
        }
        out
    }

    fn text(&self, out: &mut Out<'_>) {
        for (depth, vertex) in self.walk() {
            line!(out, "{:w$}+-{} [{}]", "", vertex.name(), self.cost(vertex), w = depth * 3);
        }
    }

    /// Built from the leaves up: a deep tree takes no stack.
    fn json(&self) -> Obj {
        let mut built: BTreeMap<Vertex, Obj> = BTreeMap::new();
        for (_, vertex) in self.walk().into_iter().rev() {
            let below = self.children(vertex);
            let mut o = Obj::new();
            o.put("cost", self.cost(vertex)).put("isLeafNode", below.is_empty());
            if !below.is_empty() {
                let mut children = Obj::new();
                for child in below {
                    children.put(child.name(), built.remove(&child).unwrap_or_default());
                }
                o.put("children", children);
            }
            built.insert(vertex, o);
        }
        let mut root = Obj::new();
        root.put(self.root.name(), built.remove(&self.root).unwrap_or_default());
        root
    }
}

/// Runs `show ipv6 ospf6 spf tree`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let wanted: Option<Ipv4Addr> = args.after("area").and_then(|a| a.parse().ok());
    for target in &targets.found {
        let Some(shape) = Shape::take(ctx, target).await? else { continue };
        let areas = Areas::of(ctx, target).await?;
        let mut root = Obj::new();
        for area in shape.areas.keys().filter(|a| wanted.is_none_or(|w| w == a.0)) {
            let tree = Tree::take(ctx, target, shape.router, *area).await?;
            if args.has("json") {
                root.put(areas.name(*area), tree.json());
            } else {
                tree.text(&mut ctx.out);
            }
        }
        if args.has("json") {
            ctx.out.push(&root.pretty());
        }
    }
    Ok(Status::Success)
}

/// Runs `show ipv6 ospf6 simulate spf-tree`: what another router of an area sees.
pub(super) async fn simulate(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let router: Option<Ipv4Addr> = args.after("spf-tree").and_then(|a| a.parse().ok());
    let area: Option<Ipv4Addr> = args.after("area").and_then(|a| a.parse().ok());
    let (Some(router), Some(area)) = (router.map(RouterId), area.map(AreaId)) else {
        return Ok(Status::Warning);
    };
    for target in &targets.found {
        let Some(shape) = Shape::take(ctx, target).await? else { continue };
        if !shape.areas.contains_key(&area) {
            line!(ctx.out, "No such Area: {area}");
            return Ok(Status::Success);
        }
        Tree::take(ctx, target, router, area).await?.text(&mut ctx.out);
    }
    Ok(Status::Success)
}

/// A router or network in full. FRR counts the routers on the way behind its cost.
fn record(vertex: &VertexView, tree: &Tree, (area, age): (AreaId, Duration), links: &Links) -> Record {
    let at = Vertex { router: vertex.router, network: vertex.network };
    let origin = vertex.network.map_or_else(
        || router_lsa(vertex.router),
        |id| Origin { kind: LsaType::NETWORK_V3, id: LinkStateId(id), ..router_lsa(vertex.router) },
    );
    Record {
        what: What::LinkState,
        destination: at.name(),
        age,
        area,
        kind: PathKind::Intra,
        origin: Some(origin),
        options: vertex.options,
        bits: vertex.bits,
        metric_type: 1,
        cost: (vertex.cost, tree.hops(at)),
        paths: 0,
        ways: named(&vertex.ways, links),
        backup: Vec::new(),
    }
}

/// Runs `show ipv6 ospf6 linkstate`.
pub(super) async fn link_state(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let links = Links::take(ctx).await?;
    let addrs: Vec<Ipv4Addr> = args.all("A.B.C.D").filter_map(|a| a.parse().ok()).collect();
    let is_wanted = |vertex: &&VertexView| match addrs.as_slice() {
        [router] => vertex.router.0 == *router && vertex.network.is_none(),
        [router, id] => vertex.router.0 == *router && vertex.network == Some(id.to_bits()),
        _ => true,
    };
    for target in &targets.found {
        let Some(shape) = Shape::take(ctx, target).await? else { continue };
        let areas = Areas::of(ctx, target).await?;
        for area in shape.areas.keys().copied() {
            line!(ctx.out);
            line!(ctx.out, "        SPF Result in Area {}", areas.name(area));
            line!(ctx.out);
            let tree = Tree::take(ctx, target, shape.router, area).await?;
            let taken = ask(ctx, target, move |i, clock| {
                let view = i.view(clock.now);
                let last = view.areas.iter().find(|a| a.id == area).and_then(|a| a.spf_last);
                (i.vertices(area), last.map(|at| clock.age(at)).unwrap_or_default())
            });
            let Some((mut vertices, age)) = taken.await? else { continue };
            vertices.sort_by_key(|v| (v.router, v.network));
            for vertex in vertices.iter().filter(is_wanted) {
                record(vertex, &tree, (area, age), &links).text(&mut ctx.out);
            }
            line!(ctx.out);
        }
    }
    Ok(Status::Success)
}

#[cfg(test)]
mod tests;
