//! Routes of NSSAs, told to the rest of the AS by the border router that is elected (RFC 3101 section 3).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ferr_ospf_wire::RouterBits;
use ferr_types::{AreaId, Prefix};

use super::Routing;
use super::abr::range_of;
use super::graph::{INFINITY, VertexKey};
use super::tell::OwnExternal;
use super::told::External;
use crate::config::{AreaKind, LS_INFINITY, Nssa, Translate};
use crate::view::PathKind;

/// TranslatorStabilityInterval.
const STABILITY: Duration = Duration::from_secs(40);

impl Routing {
    fn nssa_of(&self, id: AreaId) -> Option<&Nssa> {
        match &self.status.area(id)?.config.kind {
            AreaKind::Nssa(nssa) => Some(nssa),
            _ => None,
        }
    }

    /// NSSAs for which this router translates (section 3.1).
    pub(crate) fn elect(&mut self, now: Instant) -> BTreeSet<AreaId> {
        let mut elected = BTreeSet::new();
        let mut ending = BTreeMap::new();
        for (id, area) in self.nssas() {
            let AreaKind::Nssa(nssa) = &area.config.kind else { continue };
            let translates = match nssa.translate {
                Translate::Always => true,
                Translate::Never => false,
                Translate::Candidate if self.is_elected(id) => true,
                // Whoever was elected goes on for a while, so that the other's LSAs are there first.
                Translate::Candidate => {
                    let begun = self.translators.contains(&id).then_some(now + STABILITY);
                    let end = self.ending.get(&id).copied().or(begun);
                    ending.extend(end.filter(|end| *end > now).map(|end| (id, end)));
                    ending.contains_key(&id)
                }
            };
            elected.extend(translates.then_some(id));
        }
        self.ending = ending;
        elected
    }

    /// No other border router translates always, and none that can be reached has a higher router ID.
    fn is_elected(&self, id: AreaId) -> bool {
        let Some(area) = self.areas.get(&id) else { return true };
        area.graph.iter().all(|(number, vertex)| {
            let VertexKey::Router(router) = vertex.key else { return true };
            let bits = vertex.bits();
            if !bits.contains(RouterBits::BORDER)
                || router == self.status.router
                || area.tree.dist(number) == INFINITY
            {
                return true;
            }
            !bits.contains(RouterBits::NSSA_TRANSLATOR) && router < self.status.router
        })
    }

    /// Whether a route of an NSSA is to be told on, as far as itself goes (section 3.2).
    fn is_translatable(&self, id: AreaId, prefix: Prefix, told: &External) -> bool {
        let best = self.table.get(prefix).and_then(|e| e.best());
        let used =
            best.is_some_and(|r| matches!(r.kind, PathKind::External1 | PathKind::External2) && r.area == id);
        told.area == Some(id)
            && told.propagate
            && told.forwarding.is_some()
            && told.metric < LS_INFINITY
            && told.router != self.status.router
            && used
    }

    /// Prefixes that NSSAs tell, and the ranges that they are told in.
    pub(crate) fn translatable(&self) -> BTreeSet<Prefix> {
        let told = self.externals.iter().filter(|(_, t)| t.iter().any(|e| e.area.is_some()));
        let mut prefixes: BTreeSet<Prefix> = told.map(|(prefix, _)| *prefix).collect();
        for (_, area) in self.nssas() {
            if let AreaKind::Nssa(nssa) = &area.config.kind {
                prefixes.extend(nssa.ranges.keys());
            }
        }
        prefixes
    }

    /// Prefixes under which routes of NSSAs that changed may be told.
    pub(crate) fn with_nssa_ranges(&self, changed: &BTreeSet<Prefix>, out: &mut BTreeSet<Prefix>) {
        if self.nssas().next().is_none() {
            return;
        }
        out.extend(changed);
        for (_, area) in self.nssas() {
            let AreaKind::Nssa(nssa) = &area.config.kind else { continue };
            let touched = |r: &&Prefix| changed.range(**r..).next().is_some_and(|p| r.covers(*p));
            out.extend(nssa.ranges.keys().filter(touched));
        }
    }

    /// What is told to the AS under a prefix for an NSSA.
    pub(crate) fn translated(&self, prefix: Prefix) -> Option<OwnExternal> {
        self.translators.iter().find_map(|id| {
            let nssa = self.nssa_of(*id)?;
            if let Some(range) = nssa.ranges.get(&prefix) {
                return range
                    .advertise
                    .then(|| self.translated_range(*id, nssa, prefix, range.cost))
                    .flatten();
            }
            if nssa.ranges.keys().any(|range| range.covers(prefix)) {
                return None;
            }
            let told = self.externals.of(prefix).iter().filter(|e| self.is_translatable(*id, prefix, e));
            let best = told.min_by_key(|e| (e.type2, e.metric, std::cmp::Reverse(e.router)))?;
            if !nssa.suppress_forwarding && self.is_told_by_another(*id, prefix, best) {
                return None;
            }
            Some(OwnExternal {
                type2: best.type2,
                metric: best.metric,
                tag: best.tag,
                forwarding: best.forwarding.filter(|_| !nssa.suppress_forwarding),
                propagate: false,
            })
        })
    }

    /// Another translator of the NSSA, with a higher router ID, tells the AS the same: destination, cost and forwarding address.
    fn is_told_by_another(&self, id: AreaId, prefix: Prefix, told: &External) -> bool {
        let translates = |router| {
            let border = self.areas.get(&id).and_then(|area| area.router(router));
            border.is_some_and(|(_, _, _, bits)| bits.contains(RouterBits::BORDER))
                && self.boundaries.contains_key(&router)
        };
        self.externals.of(prefix).iter().any(|e| {
            e.area.is_none()
                && e.router > self.status.router
                && (e.type2, e.metric, e.forwarding) == (told.type2, told.metric, told.forwarding)
                && translates(e.router)
        })
    }

    fn translated_range(
        &self,
        id: AreaId,
        nssa: &Nssa,
        range: Prefix,
        cost: Option<u32>,
    ) -> Option<OwnExternal> {
        let inside = self.externals.inside(range).flat_map(|(p, told)| told.iter().map(move |e| (p, e)));
        let inside = inside.filter(|(p, e)| {
            range_of(nssa.ranges.keys(), **p) == Some(range) && self.is_translatable(id, **p, e)
        });
        let largest = inside.map(|(_, e)| (e.type2, e.metric)).max()?;
        // A route of type 2 looks no better than the worst of what is in the range (section 3.2 step 3).
        let metric = largest.1 + u32::from(largest.0);
        Some(OwnExternal {
            type2: largest.0,
            metric: cost.unwrap_or(metric).min(LS_INFINITY - 1),
            tag: 0,
            forwarding: None,
            propagate: false,
        })
    }

    /// Whether this router translates for an NSSA.
    pub(crate) fn is_translator(&self, id: AreaId) -> bool {
        self.translators.contains(&id)
    }
}
