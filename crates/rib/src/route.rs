//! Offers of protocols: interned specifications, candidates, selection.
//!
//! Selection is by distance, then metric, then a fixed order of protocols; a connected prefix precedes everything.
//! A candidate counts only while its next hops resolve.

use std::net::IpAddr;
use std::time::Instant;

use ferr_types::{
    Afi, Distance, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey, RouteSpec, RouteUpdate, TableId,
    Tag, VrfId,
};

use crate::Rib;
use crate::resolve::SetKey;
use crate::table::{Candidate, NONE, Table, TableKey, flag};

/// An interned offer: distance, metric, next hops and the rest, without the prefix. Holds a use count; give it back with
/// [`Rib::release`].
#[derive(Debug, PartialEq, Eq)]
pub struct SpecId(pub(crate) u32);

/// What a candidate is apart from its prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Spec {
    pub(crate) protocol: Protocol,
    pub(crate) instance: u16,
    /// Tells apart offers of one protocol that do not replace each other: interface of a connected prefix, metric of
    /// a foreign kernel route, else 0.
    pub(crate) sub: u32,
    pub(crate) distance: Distance,
    pub(crate) metric: Metric,
    pub(crate) tag: Tag,
    pub(crate) internal: bool,
    pub(crate) source: Option<IpAddr>,
    pub(crate) set: u32,
}

impl Spec {
    /// Lower is better.
    pub(crate) const fn rank(&self) -> (bool, u8, u32, u8, u16, u32) {
        let connected = matches!(self.protocol, Protocol::Connected | Protocol::Local);
        let order = match self.protocol {
            Protocol::Local => 0,
            Protocol::Connected => 1,
            other => 2 + other as u8,
        };
        (!connected, self.distance.0, self.metric.0, order, self.instance, self.sub)
    }

    pub(crate) const fn same_candidate(&self, other: &Self) -> bool {
        self.protocol as u8 == other.protocol as u8
            && self.instance == other.instance
            && self.sub == other.sub
    }
}

/// What two selections have in common for the kernel.
enum Same {
    /// Everything.
    Group,
    /// Packets go the same way, by different groups.
    Ways,
    /// Nothing that would count.
    Nothing,
}

/// Who an offer comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) protocol: Protocol,
    pub(crate) instance: u16,
    pub(crate) sub: u32,
}

impl Rib {
    /// Takes a batch of protocols' words.
    pub fn apply(&mut self, now: Instant, batch: &[RouteUpdate]) {
        // Neighbours in a batch mostly share their attributes.
        let mut last: Option<(&RouteKey, &RouteSpec, SpecId)> = None;
        for update in batch {
            match update {
                RouteUpdate::Set(key, spec) => {
                    let spec = spec.as_ref();
                    let same = last.as_ref().filter(|(k, s, _)| {
                        k.protocol == key.protocol
                            && k.instance == key.instance
                            && k.prefix.afi() == key.prefix.afi()
                            && (std::ptr::eq(*s, spec) || *s == spec)
                    });
                    let id = match same {
                        Some((_, _, id)) => id.0,
                        None => {
                            let id = self.intern(key.protocol, key.instance, key.prefix.afi(), spec);
                            let raw = id.0;
                            if let Some((_, _, old)) = last.replace((key, spec, id)) {
                                self.release(old);
                            }
                            raw
                        }
                    };
                    self.offer(now, key.vrf, key.table, key.prefix, id);
                }
                RouteUpdate::Withdraw(key) => self.withdraw(*key),
            }
        }
        if let Some((_, _, id)) = last {
            self.release(id);
        }
        self.settle();
    }

    /// Interns an offer for use with [`Self::set`]. Cheap to hold; many routes share one.
    pub fn intern(&mut self, protocol: Protocol, instance: u16, afi: Afi, spec: &RouteSpec) -> SpecId {
        let origin = Origin { protocol, instance, sub: 0 };
        SpecId(self.intern_from(origin, afi, spec))
    }

    pub(crate) fn intern_from(&mut self, origin: Origin, afi: Afi, spec: &RouteSpec) -> u32 {
        let installed = origin.protocol.kernel_protocol().is_some();
        let set = self.intern_set(&SetKey {
            afi,
            installed,
            within: None,
            ways: spec.nexthops.clone(),
            backup: spec.backup.clone(),
        });
        let spec = Spec {
            protocol: origin.protocol,
            instance: origin.instance,
            sub: origin.sub,
            distance: spec.distance,
            metric: spec.metric,
            tag: spec.tag,
            internal: spec.internal,
            source: spec.source,
            set,
        };
        self.intern_spec(&spec)
    }

    /// Takes over one use of the set.
    fn intern_spec(&mut self, spec: &Spec) -> u32 {
        let (id, new) = self.specs.intern(spec, |s| s, || spec.clone());
        if !new {
            // The specification holds one use of the set already.
            self.release_set(spec.set);
        }
        id
    }

    /// The offer as it is for a prefix that covers one of its gateways: a set of its own, in which this gateway must not lead
    /// back. A host route may: its gateway is on the link of a covering prefix.
    fn specialise(&mut self, vrf: VrfId, prefix: Prefix, id: u32) -> Option<u32> {
        if prefix.is_host() {
            return None;
        }
        let spec = self.specs.get(id)?;
        let key = &self.sets.get(spec.set)?.key;
        let covers = |w: &Nexthop| w.vrf == vrf && w.addr().is_some_and(|a| prefix.contains(a));
        if !key.all_ways().any(covers) {
            return None;
        }
        let key = SetKey { within: Some(prefix), ..key.clone() };
        let spec = spec.clone();
        let set = self.intern_set(&key);
        Some(self.intern_spec(&Spec { set, ..spec }))
    }

    /// Gives an interned offer back.
    pub fn release(&mut self, spec: SpecId) {
        self.release_spec(spec.0);
    }

    pub(crate) fn release_spec(&mut self, id: u32) {
        if let Some(spec) = self.specs.release(id, |s: &Spec| s) {
            self.release_set(spec.set);
        }
    }

    /// Offers a route with an interned specification, as [`RouteUpdate::Set`] does. Call [`Self::settle`] at the end of a
    /// batch.
    pub fn set(&mut self, now: Instant, vrf: VrfId, table: Option<TableId>, prefix: Prefix, spec: &SpecId) {
        self.offer(now, vrf, table, prefix, spec.0);
    }

    pub(crate) fn offer(
        &mut self,
        now: Instant,
        vrf: VrfId,
        table: Option<TableId>,
        prefix: Prefix,
        id: u32,
    ) {
        let since = self.seconds(now);
        let t = self.table_or_new(vrf, table, prefix.afi());
        // Only routes of a VRF's own table carry next hops.
        let special =
            if self.tables[t].key.table.is_none() { self.specialise(vrf, prefix, id) } else { None };
        self.offer_exactly(since, t, prefix, special.unwrap_or(id));
        if let Some(special) = special {
            self.release_spec(special);
        }
    }

    fn offer_exactly(&mut self, since: u32, t: usize, prefix: Prefix, id: u32) {
        let Some(slot) = self.tables[t].find_or_insert(prefix) else { return };
        let entry = self.tables[t].entries[slot as usize];
        let single = entry.cand != NONE && !entry.has(flag::MULTI);
        if single && entry.cand == id {
            return;
        }
        let Some(spec) = self.specs.get(id) else { return };
        let replaces = single && self.specs.get(entry.cand).is_some_and(|s| s.same_candidate(spec));
        if entry.cand == NONE || replaces {
            let old = self.tables[t].selected(slot);
            let place = &mut self.tables[t].entries[slot as usize];
            place.cand = id;
            place.since = since;
            place.set(flag::SELECTED, false);
            self.specs.retain(id);
            self.reselect(t, slot, old, false);
            if replaces {
                self.release_spec(entry.cand);
            }
            return;
        }
        let mut list = self.tables[t].candidates(slot);
        let candidate = Candidate { spec: id, since };
        let mut gone = None;
        match list.iter_mut().find(|c| self.specs.get(c.spec).is_some_and(|s| s.same_candidate(spec))) {
            Some(place) if place.spec == id => return,
            Some(place) => gone = Some(std::mem::replace(place, candidate).spec),
            None => list.push(candidate),
        }
        self.specs.retain(id);
        let old = self.tables[t].selected(slot);
        list.sort_by_key(|c| self.specs.get(c.spec).map(Spec::rank));
        self.tables[t].set_candidates(slot, list);
        self.reselect(t, slot, old, false);
        if let Some(gone) = gone {
            self.release_spec(gone);
        }
    }

    /// Takes an offer back; harmless when there is none. Call [`Self::settle`] at the end of a batch.
    pub fn withdraw(&mut self, key: RouteKey) {
        let origin = Origin { protocol: key.protocol, instance: key.instance, sub: 0 };
        self.withdraw_from(key.vrf, key.table, key.prefix, origin);
    }

    pub(crate) fn withdraw_from(
        &mut self,
        vrf: VrfId,
        table: Option<TableId>,
        prefix: Prefix,
        origin: Origin,
    ) {
        let Some(t) = self.find_table(vrf, table, prefix.afi()) else { return };
        let Some(slot) = self.tables[t].find(prefix) else { return };
        let matches =
            |s: &Spec| s.protocol == origin.protocol && s.instance == origin.instance && s.sub == origin.sub;
        self.remove_candidates(t, slot, matches);
    }

    fn remove_candidates(&mut self, t: usize, slot: u32, matches: impl Fn(&Spec) -> bool) {
        let entry = self.tables[t].entries[slot as usize];
        let old = self.tables[t].selected(slot);
        if entry.cand == NONE {
            return;
        }
        if !entry.has(flag::MULTI) {
            if self.specs.get(entry.cand).is_some_and(&matches) {
                let place = &mut self.tables[t].entries[slot as usize];
                place.cand = NONE;
                place.set(flag::SELECTED, false);
                self.reselect(t, slot, old, false);
                self.release_spec(entry.cand);
            }
            return;
        }
        let mut list = self.tables[t].candidates(slot);
        type List = smallvec::SmallVec<[Candidate; 3]>;
        let (gone, kept): (List, List) =
            list.drain(..).partition(|c| self.specs.get(c.spec).is_some_and(&matches));
        if gone.is_empty() {
            return;
        }
        self.tables[t].set_candidates(slot, kept);
        self.reselect(t, slot, old, false);
        for candidate in gone {
            self.release_spec(candidate.spec);
        }
    }

    /// Removes all offers of a protocol (whose owner went away), of one instance and VRF or of all.
    pub fn sweep(&mut self, protocol: Protocol, instance: Option<u16>, vrf: Option<VrfId>) {
        for t in 0..self.tables.len() {
            if vrf.is_some_and(|v| v != self.tables[t].key.vrf) {
                continue;
            }
            for slot in 0..self.tables[t].entries.len() as u32 {
                self.remove_candidates(t, slot, |s| {
                    s.protocol == protocol && instance.is_none_or(|i| i == s.instance)
                });
            }
        }
        self.settle();
    }

    /// Chooses among the candidates again and tells everybody whom the result concerns. `force`: what the selected
    /// specification stands for changed, although it may be the same one.
    pub(crate) fn reselect(&mut self, t: usize, slot: u32, old: Option<u32>, force: bool) {
        let entry = self.tables[t].entries[slot as usize];
        let key = self.tables[t].key;
        let prefix = self.tables[t].prefix(slot);
        let passes =
            |id: &u32| self.usable(*id) && (key.table.is_some() || !self.is_refused(key.vrf, prefix, *id));
        let new = if entry.cand == NONE {
            None
        } else if entry.has(flag::MULTI) {
            let list = &self.tables[t].lists[entry.cand as usize].list;
            let all = || list.iter().map(|c| c.spec).filter(passes);
            all().find(|id| !self.is_desperate(*id)).or_else(|| all().next())
        } else {
            Some(entry.cand).filter(passes)
        };
        self.tables[t].set_selected(slot, new);
        if old == new && !force {
            if new.is_none() {
                self.tables[t].collect(slot);
                // It may have been refused.
                self.underlay_changed();
            } else if key.table.is_none() {
                // What to fall back on may be another offer now.
                self.resolver.prefix_changed(key.vrf, prefix);
            }
            return;
        }
        match self.same_forwarding(old, new) {
            _ if force => self.fib_changed(t, slot),
            Same::Group => {}
            Same::Ways => self.fib_changed_late(t, slot),
            Same::Nothing => self.fib_changed(t, slot),
        }
        if key.table.is_none() {
            self.resolver.prefix_changed(key.vrf, prefix);
        }
        self.redist_changed(t, slot, old, new);
        if new.is_none() {
            self.tables[t].collect(slot);
        }
    }

    /// Whether a candidate can carry traffic: it resolves, and its distance is not "never".
    pub(crate) fn usable(&self, id: u32) -> bool {
        let Some(spec) = self.specs.get(id) else { return false };
        let Some(set) = self.sets.get(spec.set) else { return false };
        spec.distance.0 < 255 && set.active()
    }

    /// Whether a candidate leads through gateways only that are not trusted yet.
    fn is_desperate(&self, id: u32) -> bool {
        let set = self.specs.get(id).and_then(|s| self.sets.get(s.set));
        set.is_some_and(|s| s.desperate)
    }

    /// How much the kernel's routes of two specifications have in common.
    fn same_forwarding(&self, a: Option<u32>, b: Option<u32>) -> Same {
        let of = |id: Option<u32>| {
            let spec = self.specs.get(id?)?;
            Some((spec.protocol.kernel_protocol()?, spec.source, spec.set))
        };
        let ways = |set| self.sets.get(set).filter(|s| !s.resolved.is_empty()).map(|s| &s.resolved);
        match (of(a), of(b)) {
            (a, b) if a == b => Same::Group,
            (Some((pa, sa, a)), Some((pb, sb, b))) if (pa, sa) == (pb, sb) => {
                let same = self.config.nexthop_objects && ways(a).is_some() && ways(a) == ways(b);
                if same { Same::Ways } else { Same::Nothing }
            }
            _ => Same::Nothing,
        }
    }

    pub(crate) fn find_table(&self, vrf: VrfId, table: Option<TableId>, afi: Afi) -> Option<usize> {
        self.table_index.get(&self.table_key(vrf, table, afi)).copied()
    }

    /// The VRF's own table is always named by `None`.
    fn table_key(&self, vrf: VrfId, table: Option<TableId>, afi: Afi) -> TableKey {
        let own = self.vrfs.get(&vrf).map(|v| v.table);
        TableKey { vrf, table: table.filter(|t| Some(*t) != own), afi }
    }

    fn table_or_new(&mut self, vrf: VrfId, table: Option<TableId>, afi: Afi) -> usize {
        let key = match table {
            None => TableKey { vrf, table, afi },
            Some(_) => self.table_key(vrf, table, afi),
        };
        if let Some((last, t)) = self.last_table
            && last == key
        {
            return t;
        }
        let t = match self.table_index.get(&key) {
            Some(t) => *t,
            None => {
                let mut table = Table::new(key);
                table.redist_protocols = self.redist_mask(key);
                self.tables.push(table);
                self.table_index.insert(key, self.tables.len() - 1);
                self.tables.len() - 1
            }
        };
        self.last_table = Some((key, t));
        t
    }

    /// An offer of the RIB's own, with one way.
    pub(crate) fn own_spec(metric: Metric, nexthops: NexthopSet, source: Option<IpAddr>) -> RouteSpec {
        let backup = NexthopSet::default();
        RouteSpec { distance: Distance(0), metric, tag: Tag(0), nexthops, backup, internal: false, source }
    }
}
