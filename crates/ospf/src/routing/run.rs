//! Working out what is due: trees, routes that may be others by them, and what own LSAs say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use ferr_ospf_wire::RouterBits;
use ferr_types::{AreaId, Prefix, RouterId};

use super::alternate::Alternates;
use super::area::Area;
use super::graph::VertexKey;
use super::local::Local;
use super::status::Status;
use super::table::Style;
use super::ways::Way;
use super::{Dirty, Inputs, LocalLink, Routing, spf};
use crate::config::InterfaceKey;
use crate::originate::OwnLsas;
use crate::view::SpfReason;

/// What a run found to be others than before.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Prefixes inside the AS to be looked at; in any order, some twice.
    prefixes: Vec<Prefix>,
    /// External prefixes to be looked at.
    externals: Vec<Prefix>,
    /// Trees are others, or what is told of AS boundary routers.
    boundaries: bool,
    everything: bool,
}

impl Routing {
    /// Works out what is due. True when own LSAs, the bits of the router-LSA or the ways to ends of virtual links were changed.
    pub(crate) fn run(&mut self, now: Instant, inputs: &Inputs<'_>, own: &mut OwnLsas) -> bool {
        self.soon = self.soon.filter(|at| *at > now);
        let first = self.last_run.is_none();
        self.last_run = Some(now);
        let mut work = self.absorb(inputs);
        work.everything |= self.gathering.follow(inputs.config, first, now);
        let bits_changed = self.note_status(inputs, &mut work);
        let moved = self.note_links(inputs, now);
        let virtuals = self.virtuals.clone();
        if self.backoff.take(now) {
            self.run_trees(now, inputs, &mut work);
        } else {
            self.stats.partial += 1;
        }
        let everything = work.everything;
        if everything || moved {
            self.note_own_prefixes(inputs);
        }
        let (changed, tell, routers) = self.run_routes(inputs, work);
        self.tell_rib(everything, &changed, now);
        if !inputs.restarting {
            self.originate(now, inputs, own, everything, (&tell, &routers));
        }
        self.teller.take_changed() || bits_changed || virtuals != self.virtuals
    }

    /// Own LSAs about prefixes and AS boundary routers that may be told otherwise than before.
    fn originate(
        &mut self,
        now: Instant,
        inputs: &Inputs<'_>,
        own: &mut OwnLsas,
        everything: bool,
        (prefixes, routers): (&BTreeSet<Prefix>, &BTreeSet<RouterId>),
    ) {
        self.tell_summaries(inputs, own, everything, prefixes);
        self.tell_boundaries(own, routers);
        let changed = self.choose(inputs, everything);
        let mut externals = self.with_summaries(&changed);
        self.with_nssa_ranges(prefixes, &mut externals);
        let translators = self.elect(now);
        if translators != self.translators {
            self.translators = translators;
            externals.extend(self.translatable());
        }
        self.tell_externals(inputs, own, everything, externals);
    }

    fn absorb(&mut self, inputs: &Inputs<'_>) -> Work {
        self.timers = inputs.config.spf;
        self.node_protection = inputs.config.fast_reroute.node_protection;
        let ended = self.restarting && !inputs.restarting;
        self.restarting = inputs.restarting;
        let Dirty { prefixes, externals, boundaries, everything } = std::mem::take(&mut self.dirty);
        if everything {
            self.style = Some(Style::new(inputs.config));
            self.areas.values_mut().for_each(|area| area.dirty = true);
        }
        Work {
            prefixes: prefixes.into_iter().collect(),
            externals: externals.into_iter().collect(),
            boundaries,
            everything: everything || ended,
        }
    }

    /// SPF has to run when links are others, or those to whom they lead; not while an adjacency is on its way.
    fn note_links(&mut self, inputs: &Inputs<'_>, now: Instant) -> bool {
        let adjacent = |l: &LocalLink| l.neighbors.iter().filter(|n| n.full).cloned().collect::<Vec<_>>();
        let same = |a: &LocalLink, b: &LocalLink| {
            (a.key, a.area, a.network, a.ifindex, a.addr, a.interface_id, a.cost)
                == (b.key, b.area, b.network, b.ifindex, b.addr, b.interface_id, b.cost)
                && adjacent(a) == adjacent(b)
        };
        let (seen, now_seen) = (&self.seen, inputs.links);
        let moved = seen.len() != now_seen.len() || !seen.iter().zip(now_seen).all(|(a, b)| same(a, b));
        if moved {
            let was = seen.iter().flat_map(|l| adjacent(l).into_iter().map(|n| (l.key, n.router)));
            let is: BTreeSet<_> =
                now_seen.iter().flat_map(|l| adjacent(l).into_iter().map(|n| (l.key, n.router))).collect();
            let lost = was.into_iter().any(|neighbor| !is.contains(&neighbor));
            self.seen = inputs.links.to_vec();
            self.event(now, SpfReason::Links);
            if lost {
                self.backoff.urgent(now, &self.timers);
            }
        }
        moved
    }

    fn note_own_prefixes(&mut self, inputs: &Inputs<'_>) {
        let areas: BTreeSet<AreaId> = inputs.links.iter().map(|link| link.area).collect();
        let mut all: BTreeMap<(AreaId, Prefix), Vec<Way>> = BTreeMap::new();
        for id in areas {
            for (prefix, way) in self.local(id, inputs).own_prefixes() {
                all.entry((id, prefix)).or_default().push(way);
            }
        }
        let sorted = all.into_iter().map(|(key, mut ways)| {
            ways.sort_unstable();
            ways.dedup();
            (key, ways.into())
        });
        self.own_prefixes = sorted.collect();
    }

    fn note_status(&mut self, inputs: &Inputs<'_>, work: &mut Work) -> bool {
        let status = Status::new(inputs);
        if status == self.status {
            return false;
        }
        let bits = |s: &Status| s.areas.keys().map(|id| (*id, s.bits(*id))).collect::<BTreeMap<_, _>>();
        let changed = bits(&status) != bits(&self.status);
        if status.router != self.status.router {
            self.areas.values_mut().for_each(|area| area.dirty = true);
        }
        self.status = status;
        work.everything = true;
        changed
    }

    pub(crate) fn local<'a>(&'a self, area: AreaId, inputs: &Inputs<'a>) -> Local<'a> {
        Local {
            version: self.version,
            area,
            config: inputs.config,
            links: inputs.links,
            addresses: &self.addresses,
            virtuals: &self.virtuals,
        }
    }

    /// Trees of areas in which something changed; the backbone last, for virtual links follow the other areas' trees.
    fn run_trees(&mut self, now: Instant, inputs: &Inputs<'_>, work: &mut Work) {
        let (old, new) = (&self.links, inputs.links);
        let of =
            |links: &'_ [LocalLink], id| links.iter().filter(|l| l.area == id).cloned().collect::<Vec<_>>();
        let moved: BTreeSet<AreaId> =
            self.areas.keys().copied().filter(|id| of(old, *id) != of(new, *id)).collect();
        self.links = inputs.links.to_vec();
        let ids: Vec<AreaId> = self.areas.keys().rev().copied().collect();
        let mut ran = false;
        for id in ids {
            let virtuals = id == AreaId::BACKBONE && self.note_virtuals();
            let dirty = self.areas.get(&id).is_some_and(|a| a.dirty);
            if dirty || virtuals || moved.contains(&id) {
                ran |= self.run_tree(id, virtuals || moved.contains(&id), now, inputs, work);
                work.boundaries = true;
            }
        }
        if !self.areas.contains_key(&AreaId::BACKBONE) {
            self.note_virtuals();
        }
        if ran {
            self.stats.full += 1;
            self.stats.last = Some(now);
        }
    }

    fn note_virtuals(&mut self) -> bool {
        let ways = |link: &LocalLink| {
            let InterfaceKey::Virtual(transit, router) = link.key else { return None };
            let (_, _, ways, _) = self.areas.get(&transit)?.router(router)?;
            Some((link.key, ways.clone()))
        };
        let virtuals = self.links.iter().filter_map(ways).collect();
        let changed = virtuals != self.virtuals;
        self.virtuals = virtuals;
        changed
    }

    /// Tree of an area; gives whether it had to be made.
    fn run_tree(
        &mut self,
        id: AreaId,
        moved: bool,
        now: Instant,
        inputs: &Inputs<'_>,
        work: &mut Work,
    ) -> bool {
        let Some(area) = self.areas.get(&id) else { return false };
        let root = area.graph.find(VertexKey::Router(self.status.router)).unwrap_or(u32::MAX);
        let packed = area.graph.pack(root);
        let touched: Vec<u32> = area.touched.iter().filter_map(|key| area.graph.find(*key)).collect();
        let runs = moved
            || work.everything
            || area.renumbered
            || area.tree.dist(root) != 0
            || packed.moves(&area.packed, root, |v| area.tree.dist(v))
            || touched.iter().any(|v| packed.is_on_root_network(root, *v));
        let local = self.local(id, inputs);
        let tree = runs.then(|| spf::tree(&area.graph, &packed, root, &local));
        let lfa = inputs.config.fast_reroute.enabled;
        let alternates = lfa.then(|| Alternates::new(&area.graph, &packed, root, &local));
        let alternates = alternates.unwrap_or_default();
        let Some(area) = self.areas.get_mut(&id) else { return false };
        let mut changed = tree.as_ref().map_or_else(Vec::new, |tree| tree.changed(&area.tree));
        changed.resize(area.graph.bound(), false);
        alternates.mark_changed(&area.alternates, &mut changed);
        for number in touched {
            changed[number as usize] = true;
        }
        area.touched.clear();
        area.renumbered = false;
        (area.packed, area.alternates, area.dirty) = (packed, alternates, false);
        if let Some(tree) = tree {
            area.tree = tree;
            area.runs += 1;
            area.last = Some(now);
        }
        let transit = area.finds_transit();
        work.everything |= transit != area.transit;
        area.transit = transit;
        self.spread(id, &changed, work);
        runs
    }

    /// What hangs on vertices that changed is to be looked at.
    fn spread(&self, id: AreaId, changed: &[bool], work: &mut Work) {
        let Some(area) = self.areas.get(&id) else { return };
        let is_changed = |number: u32| changed.get(number as usize).copied().unwrap_or(true);
        for (_, vertex) in area.graph.iter().filter(|(number, _)| is_changed(*number)) {
            work.prefixes.extend(&vertex.prefixes);
        }
        let router = |router: RouterId| area.graph.find(VertexKey::Router(router)).is_none_or(is_changed);
        let told = area.summaries.iter().filter(|(_, told)| told.iter().any(|s| router(s.router)));
        work.prefixes.extend(told.map(|(prefix, _)| *prefix));
        if self.status.area(id).is_some_and(|a| a.is_nssa()) {
            let here = self.externals.iter();
            let here = here.filter(|(_, t)| t.iter().any(|e| e.area == Some(id) && router(e.router)));
            work.externals.extend(here.map(|(prefix, _)| *prefix));
        }
    }

    /// Routes to prefixes that may be others. Gives those that are, prefixes of ranges that are told otherwise, and AS boundary
    /// routers to which the way is another.
    fn run_routes(
        &mut self,
        inputs: &Inputs<'_>,
        mut work: Work,
    ) -> (BTreeSet<Prefix>, BTreeSet<Prefix>, BTreeSet<RouterId>) {
        if work.everything {
            work.prefixes.extend(self.table.iter().map(|(prefix, _)| prefix));
            work.prefixes.extend(self.areas.values().flat_map(Area::prefixes));
            work.externals.extend(self.externals.iter().map(|(prefix, _)| *prefix));
        }
        sort(&mut work.prefixes);
        let mut changed = Vec::new();
        for &prefix in &work.prefixes {
            let route = self.internal(prefix);
            if self.table.set_internal(prefix, route) {
                changed.push(prefix);
            }
        }
        let mut changed: BTreeSet<Prefix> = changed.into_iter().collect();
        let mut tell = self.run_ranges(inputs, work.everything, &mut changed);
        self.externals.forwarded_in(&changed, &mut work.externals);
        let routers = self.run_boundaries(&mut work);
        sort(&mut work.externals);
        for &prefix in &work.externals {
            let route = self.external(prefix, inputs);
            if self.table.set_external(prefix, route) {
                changed.insert(prefix);
            }
        }
        if self.status.abr {
            // What an NSSA tells may have to be told on otherwise, though the route is the same.
            tell.extend(changed.iter().chain(&work.externals));
        }
        (changed, tell, routers)
    }

    /// Routers whose ways are of interest: originators of external routes, and for a border router all that could be.
    fn boundary_routers(&self) -> BTreeSet<RouterId> {
        let mut routers: BTreeSet<RouterId> = self.externals.routers().collect();
        if !self.status.abr {
            return routers;
        }
        for (_, area) in self.areas.iter().filter(|(id, _)| self.status.is_normal(**id)) {
            let tells = area.graph.iter().filter(|(_, v)| v.bits().contains(RouterBits::EXTERNAL));
            routers.extend(tells.filter_map(|(_, v)| match v.key {
                VertexKey::Router(router) => Some(router),
                VertexKey::Network(..) => None,
            }));
            routers.extend(area.boundaries.keys());
        }
        routers.remove(&self.status.router);
        routers
    }

    /// Ways to AS boundary routers that tell the whole AS; gives those to which the way is another.
    fn run_boundaries(&mut self, work: &mut Work) -> BTreeSet<RouterId> {
        let all = work.boundaries || work.everything;
        let mut changed = BTreeSet::new();
        let routers = if all {
            self.boundary_routers()
        } else {
            let told = work.externals.iter().flat_map(|prefix| self.externals.of(*prefix));
            told.map(|e| e.router).collect()
        };
        if all {
            changed.extend(self.boundaries.keys().filter(|r| !routers.contains(r)));
            changed.iter().for_each(|router| {
                self.boundaries.remove(router);
            });
        }
        for router in routers {
            if !all && self.boundaries.contains_key(&router) {
                continue;
            }
            let path = self.boundary(router);
            let same = self.boundaries.get(&router) == path.as_ref();
            match path {
                Some(path) => self.boundaries.insert(router, path),
                None => self.boundaries.remove(&router),
            };
            if !same {
                work.externals.extend(self.externals.of_router(router));
                changed.insert(router);
            }
        }
        if work.everything {
            changed.extend(self.boundaries.keys());
        }
        changed
    }

    fn tell_rib(&mut self, everything: bool, changed: &BTreeSet<Prefix>, now: Instant) {
        let Some(style) = self.style.as_ref().filter(|_| !self.restarting) else { return };
        if everything {
            let all: Vec<Prefix> = self.table.iter().map(|(prefix, _)| prefix).collect();
            all.into_iter().for_each(|prefix| self.table.tell(prefix, style, now));
        } else {
            changed.iter().for_each(|prefix| self.table.tell(*prefix, style, now));
        }
    }
}

fn sort(prefixes: &mut Vec<Prefix>) {
    prefixes.sort_unstable();
    prefixes.dedup();
}
