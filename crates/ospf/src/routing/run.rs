//! Working out what is due: trees, routes that may be others by them, and what own LSAs say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use ferr_types::{AreaId, Prefix, RouterId};

use super::area::Area;
use super::graph::VertexKey;
use super::local::Local;
use super::status::Status;
use super::table::Style;
use super::{Dirty, Inputs, Routing, spf};
use crate::config::InterfaceKey;
use crate::originate::OwnLsas;

/// What a run found to be others than before.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Prefixes inside the AS to be looked at.
    prefixes: BTreeSet<Prefix>,
    /// External prefixes to be looked at.
    externals: BTreeSet<Prefix>,
    /// Trees are others, or what is told of AS boundary routers.
    boundaries: bool,
    everything: bool,
}

impl Routing {
    /// Works out what is due. True when own LSAs, the bits of the router-LSA or the ways to ends of virtual links were changed.
    pub(crate) fn run(&mut self, now: Instant, inputs: &Inputs<'_>, own: &mut OwnLsas) -> bool {
        self.soon = self.soon.filter(|at| *at > now);
        self.last_run = Some(now);
        let _ = own;
        let mut work = self.absorb(inputs);
        let bits_changed = self.note_status(inputs, &mut work);
        let virtuals = self.virtuals.clone();
        if self.backoff.take(now) {
            self.run_trees(now, inputs, &mut work);
        } else {
            self.stats.partial += 1;
        }
        let changed = self.run_routes(inputs, work, now);
        bits_changed || virtuals != self.virtuals || !changed.is_empty()
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
        Work { prefixes, externals, boundaries, everything: everything || ended }
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
        let of = |links: &'_ [super::LocalLink], id| {
            links.iter().filter(|l| l.area == id).cloned().collect::<Vec<_>>()
        };
        let moved: BTreeSet<AreaId> =
            self.areas.keys().copied().filter(|id| of(old, *id) != of(new, *id)).collect();
        self.links = inputs.links.to_vec();
        let ids: Vec<AreaId> = self.areas.keys().rev().copied().collect();
        let mut ran = false;
        for id in ids {
            let virtuals = id == AreaId::BACKBONE && self.note_virtuals();
            let dirty = self.areas.get(&id).is_some_and(|a| a.dirty);
            if dirty || virtuals || moved.contains(&id) {
                self.run_tree(id, virtuals || moved.contains(&id), now, inputs, work);
                ran = true;
            }
        }
        if !self.areas.contains_key(&AreaId::BACKBONE) {
            self.note_virtuals();
        }
        if ran {
            self.stats.full += 1;
            self.stats.last = Some(now);
            work.boundaries = true;
        }
    }

    fn note_virtuals(&mut self) -> bool {
        let ways = |link: &super::LocalLink| {
            let InterfaceKey::Virtual(transit, router) = link.key else { return None };
            let (_, _, ways, _) = self.areas.get(&transit)?.router(router)?;
            Some((link.key, ways.clone()))
        };
        let virtuals = self.links.iter().filter_map(ways).collect();
        let changed = virtuals != self.virtuals;
        self.virtuals = virtuals;
        changed
    }

    fn run_tree(&mut self, id: AreaId, _moved: bool, now: Instant, inputs: &Inputs<'_>, work: &mut Work) {
        let Some(area) = self.areas.get(&id) else { return };
        let root = area.graph.find(VertexKey::Router(self.status.router)).unwrap_or(u32::MAX);
        let packed = area.graph.pack(root);
        let tree = spf::tree(&area.graph, &packed, root, &self.local(id, inputs));
        let Some(area) = self.areas.get_mut(&id) else { return };
        let mut changed = tree.changed(&area.tree);
        changed.resize(area.graph.bound(), false);
        for key in std::mem::take(&mut area.touched) {
            if let Some(number) = area.graph.find(key) {
                changed[number as usize] = true;
            }
        }
        (area.packed, area.tree, area.dirty) = (packed, tree, false);
        area.runs += 1;
        area.last = Some(now);
        self.spread(id, &changed, work);
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

    /// Routes to prefixes that may be others; gives those that are.
    fn run_routes(&mut self, inputs: &Inputs<'_>, mut work: Work, now: Instant) -> BTreeSet<Prefix> {
        if work.everything {
            work.prefixes.extend(self.table.iter().map(|(prefix, _)| prefix));
            work.prefixes.extend(self.areas.values().flat_map(Area::prefixes));
            work.externals.extend(self.externals.iter().map(|(prefix, _)| *prefix));
        }
        let mut changed = BTreeSet::new();
        for &prefix in &work.prefixes {
            let route = self.internal(prefix, inputs);
            if self.table.set_internal(prefix, route) {
                changed.insert(prefix);
                self.externals.forwarded_in(prefix, &mut work.externals);
            }
        }
        self.run_boundaries(&mut work);
        work.externals.extend(&work.prefixes);
        for &prefix in &work.externals {
            let route = self.external(prefix, inputs);
            if self.table.set_external(prefix, route) {
                changed.insert(prefix);
            }
        }
        self.tell(work.everything, &changed, now);
        changed
    }

    /// Ways to AS boundary routers that tell the whole AS.
    fn run_boundaries(&mut self, work: &mut Work) {
        let all = work.boundaries || work.everything;
        let routers: BTreeSet<RouterId> = self.externals.routers().collect();
        let gone: Vec<RouterId> = self.boundaries.keys().filter(|r| !routers.contains(r)).copied().collect();
        for router in gone {
            self.boundaries.remove(&router);
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
            }
        }
    }

    fn tell(&mut self, everything: bool, changed: &BTreeSet<Prefix>, now: Instant) {
        let Some(style) = self.style.as_ref().filter(|_| !self.restarting) else { return };
        if everything {
            let all: Vec<Prefix> = self.table.iter().map(|(prefix, _)| prefix).collect();
            all.into_iter().for_each(|prefix| self.table.tell(prefix, style, now));
        } else {
            changed.iter().for_each(|prefix| self.table.tell(*prefix, style, now));
        }
    }
}
