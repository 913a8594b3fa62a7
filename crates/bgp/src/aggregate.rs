//! `aggregate-address`: routes made of those below them.
//!
//! # Data
//! An aggregate keeps counts of what its contributors say: how many there are, and how often each ORIGIN, MED and AS occurs.
//! What a prefix has contributed is remembered by its attributes, so a change of a best path is taken out and put in at the
//! cost of its own length, whatever the number of prefixes below. The aggregate itself is offered again, once per batch, only
//! when something visible changed.
//!
//! # Invariants
//! `counted` holds a reference to the attributes of every best path below some aggregate, as they were counted.

use std::collections::{BTreeMap, HashMap};

use ferr_policy::{Action, PolicyRoute};
use ferr_prefixmap::PrefixMap;
use ferr_types::Asn;
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{Aggregator, Origin, PathAttributes};

use crate::attrs::AttrId;
use crate::config::Aggregate;
use crate::core::Core;
use crate::family::FamilyState;
use crate::local::{LocalKind, own_attributes};
use crate::nexthop::NexthopId;
use crate::table::{DestId, TablePrefix};

/// Aggregates of a family.
#[derive(Debug)]
pub(crate) struct Aggregates<P: TablePrefix> {
    states: Vec<State<P>>,
    index: PrefixMap<P, u32>,
    /// Lengths that occur, each once.
    lengths: Vec<u8>,
    counted: HashMap<DestId, AttrId>,
    /// To be offered again.
    stale: Vec<usize>,
}

impl<P: TablePrefix> Default for Aggregates<P> {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            index: PrefixMap::default(),
            lengths: Vec::new(),
            counted: HashMap::new(),
            stale: Vec::new(),
        }
    }
}

#[derive(Debug)]
struct State<P> {
    prefix: P,
    config: Aggregate,
    active: bool,
    queued: bool,
    sum: Sum,
}

/// What the routes below an aggregate have in common.
#[derive(Debug, Default)]
struct Sum {
    count: u32,
    atomic: u32,
    origins: [u32; 3],
    meds: BTreeMap<Option<u32>, u32>,
    asns: BTreeMap<Asn, u32>,
}

/// The part of a sum that an aggregate shows, without the ASes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    any: bool,
    atomic: bool,
    origin: Origin,
    meds_differ: bool,
}

/// Adds to a count; true when it appeared or went.
fn count<K: Ord>(map: &mut BTreeMap<K, u32>, key: K, by: i32) -> bool {
    let before = map.get(&key).copied().unwrap_or(0);
    let after = before.saturating_add_signed(by);
    if after == 0 {
        map.remove(&key);
    } else {
        map.insert(key, after);
    }
    (before == 0) != (after == 0)
}

impl Sum {
    /// Puts a contributor in or takes it out; true when the set of ASes changed.
    fn change(&mut self, attrs: &PathAttributes<'_>, by: i32, as_set: bool) -> bool {
        self.count = self.count.saturating_add_signed(by);
        if attrs.atomic_aggregate {
            self.atomic = self.atomic.saturating_add_signed(by);
        }
        let origin = &mut self.origins[attrs.origin as usize];
        *origin = origin.saturating_add_signed(by);
        count(&mut self.meds, attrs.med, by);
        let mut changed = false;
        if as_set {
            attrs.as_path.asns().for_each(|asn| changed |= count(&mut self.asns, asn, by));
        }
        changed
    }

    fn shown(&self) -> Shown {
        let worst = [Origin::Incomplete, Origin::Egp].into_iter().find(|o| self.origins[*o as usize] > 0);
        Shown {
            any: self.count > 0,
            atomic: self.atomic > 0,
            origin: worst.unwrap_or(Origin::Igp),
            meds_differ: self.meds.len() > 1,
        }
    }
}

const fn hides(a: &Aggregate) -> bool {
    a.summary_only || a.suppress_map.is_some()
}

impl<P: TablePrefix> Aggregates<P> {
    /// Numbers of the aggregates above `prefix`.
    fn covering(&self, prefix: P) -> impl Iterator<Item = usize> {
        let shorter = self.lengths.iter().filter(move |len| **len < prefix.prefix_len());
        shorter.filter_map(move |len| self.index.get(prefix.shorten(*len)).map(|i| *i as usize))
    }

    /// A best path changed, in place or to another one.
    pub(crate) fn note(&mut self, core: &mut Core, dest: DestId, prefix: P, best: Option<AttrId>) {
        if self.states.is_empty() {
            return;
        }
        let new = best.unwrap_or(AttrId::NONE);
        let old = self.counted.get(&dest).copied().unwrap_or(AttrId::NONE);
        let above: smallvec::SmallVec<[usize; 4]> = self.covering(prefix).collect();
        if old == new || above.is_empty() {
            return;
        }
        for i in above {
            let state = &mut self.states[i];
            let before = state.sum.shown();
            let mut changed = false;
            for (attr, by) in [(new, 1), (old, -1)] {
                if attr.is_some() {
                    changed |= state.sum.change(&core.attrs.get(attr), by, state.config.as_set);
                }
            }
            if (changed || before != state.sum.shown()) && !std::mem::replace(&mut state.queued, true) {
                self.stale.push(i);
            }
        }
        core.attrs.retain(new);
        core.attrs.release(old);
        if new.is_some() {
            self.counted.insert(dest, new);
        } else {
            self.counted.remove(&dest);
        }
    }

    /// Whether an active aggregate hides `prefix`, which a route-map may limit.
    pub(crate) fn suppressed(&self, core: &Core, prefix: P, attrs: &PathAttributes<'_>) -> bool {
        self.covering(prefix).map(|i| &self.states[i]).filter(|a| a.active).any(|a| {
            a.config.summary_only
                || a.config.suppress_map.as_ref().is_some_and(|name| {
                    let mut route = PolicyRoute::new(prefix.into(), *attrs);
                    let map = core.policy.route_map(name);
                    map.is_some_and(|m| m.apply(&core.policy, &mut route) == Action::Permit)
                })
        })
    }

    /// Whether any aggregate may hide something.
    pub(crate) fn suppresses(&self) -> bool {
        self.states.iter().any(|a| hides(&a.config))
    }
}

impl<P: TablePrefix> FamilyState<P> {
    /// Brings aggregates in line with the configuration. `policy` says that route-maps may have changed.
    pub(crate) fn configure_aggregates(&mut self, core: &mut Core, aggregates: &[Aggregate], policy: bool) {
        let held = &mut self.local.aggregates;
        let same = held.states.len() == aggregates.len()
            && held.states.iter().zip(aggregates).all(|(o, n)| o.config == *n);
        if same && !policy {
            return;
        }
        let old = std::mem::take(held);
        old.counted.values().for_each(|attr| core.attrs.release(*attr));
        let redo_exports = old.suppresses() || aggregates.iter().any(hides);
        for state in old.states.iter().filter(|o| !aggregates.iter().any(|n| n.prefix == o.config.prefix)) {
            self.remove_local(core, state.config.prefix, LocalKind::Aggregate);
        }
        for config in aggregates {
            let Some(prefix) = P::from_prefix(config.prefix) else { continue };
            let active = old.states.iter().any(|o| o.prefix == prefix && o.active);
            let held = &mut self.local.aggregates;
            held.stale.push(held.states.len());
            let number = held.states.len() as u32;
            held.index.get_or_insert_with(prefix, || number);
            held.lengths.push(prefix.prefix_len());
            let config = config.clone();
            held.states.push(State { prefix, config, active, queued: true, sum: Sum::default() });
        }
        self.local.aggregates.lengths.sort_unstable();
        self.local.aggregates.lengths.dedup();
        let prefixes: Vec<P> = self.local.aggregates.states.iter().map(|s| s.prefix).collect();
        for prefix in prefixes {
            let below: Vec<(P, DestId)> = self.table.ids_covered_by(prefix).collect();
            for (prefix, dest) in below {
                let best = self.table.best(dest).map(|p| p.attr);
                self.local.aggregates.note(core, dest, prefix, best);
            }
        }
        self.update_aggregates(core);
        if redo_exports {
            self.groups.rescan_all();
        }
    }

    /// Offers the aggregates again of which something visible changed.
    pub(crate) fn update_aggregates(&mut self, core: &mut Core) {
        for i in std::mem::take(&mut self.local.aggregates.stale) {
            self.update_aggregate(core, i);
        }
    }

    fn update_aggregate(&mut self, core: &mut Core, i: usize) {
        let Some(state) = self.local.aggregates.states.get_mut(i) else { return };
        let shown = state.sum.shown();
        let usable = shown.any && !(state.config.matching_med_only && shown.meds_differ);
        let was_active = std::mem::replace(&mut state.active, usable);
        state.queued = false;
        let config = state.config.clone();
        let asns: Vec<Asn> = state.sum.asns.keys().copied().collect();
        if was_active != usable && hides(&config) {
            self.groups.rescan_all();
        }
        if !usable {
            return self.remove_local(core, config.prefix, LocalKind::Aggregate);
        }
        let mut path = AsPathBuf::default();
        path.push_segment(SegmentKind::Set, &asns);
        let attrs = PathAttributes {
            origin: config.origin.unwrap_or(if config.as_set { shown.origin } else { Origin::Igp }),
            as_path: path.as_path(),
            med: Some(0),
            atomic_aggregate: shown.atomic || !config.as_set,
            aggregator: Some(Aggregator { asn: core.config.asn, addr: core.config.router_id.0 }),
            ..own_attributes(config.prefix)
        };
        let kind = (LocalKind::Aggregate, NexthopId::NONE);
        self.offer(core, config.prefix, kind, &attrs, config.route_map.as_deref(), None);
    }
}
