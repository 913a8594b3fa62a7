//! Next-hop resolution, shared by routes and by next-hop tracking.
//!
//! # Data
//! A *set* is an interned list of next hops as given, with what it resolves to; all routes with the same next hops share it, so
//! a change of the path towards a BGP next hop is one change of one set (and of one kernel group), not of each route. A
//! *tracked* address is a gateway that some set or some watcher asks about: its longest match among the active routes of its
//! VRF, and the ways that this leads to. Sets hang on tracked addresses, tracked addresses on the set of the route
//! that they match.
//!
//! # Invariants
//! * A match through a route that depends on the tracked address itself is passed over, so no way leads through itself.
//! * Only what a change touches is resolved again: a prefix change marks the tracked addresses that it covers, these their
//!   sets, and one pass over the tables serves all sets whose usability changed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ferr_prefixmap::DualMap;
use ferr_types::{Afi, BlackholeKind, Gateway, IfIndex, Nexthop, NexthopSet, Prefix, VrfId};
use smallvec::SmallVec;

use crate::group::Group;
use crate::table::{NONE, TableKey, flag};
use crate::{FibNexthop, OwnerId, Rib};

/// A resolved way and its share.
pub(crate) type Way = (FibNexthop, u8);

/// Rounds of settling in one call; a longer chain of recursion is followed at the next [`Rib::handle_timeout`].
const MAX_ROUNDS: u32 = 64;

/// Key of a set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SetKey {
    /// Family of the routes.
    pub(crate) afi: Afi,
    /// Of routes that we install. Others need no group, and must not keep one alive.
    pub(crate) installed: bool,
    /// Prefix of the route when it covers one of the gateways: such a gateway must match something more specific, or the
    /// route would lead to itself. Most sets have none, and are shared.
    pub(crate) within: Option<Prefix>,
    pub(crate) ways: NexthopSet,
}

impl SetKey {
    /// Whether a gateway whose longest match has this length would lead back to the route.
    fn leads_back(&self, addr: IpAddr, matched: u8) -> bool {
        self.within.is_some_and(|own| own.contains(addr) && matched <= own.len())
    }
}

/// Next hops as given, and what they resolve to.
pub(crate) struct SetData {
    pub(crate) key: SetKey,
    pub(crate) resolved: SmallVec<[Way; 1]>,
    pub(crate) blackhole: Option<BlackholeKind>,
    /// Gateways that need a look-up.
    pub(crate) tracked: SmallVec<[u32; 1]>,
    /// Tracked addresses whose match resolves through this set.
    users: Vec<u32>,
    pub(crate) group: Group,
    dirty: bool,
    /// Routes with this set have to be looked at: selected again if `renew`, else told to redistribution only.
    rescan: bool,
    renew: bool,
    /// The kernel dropped the group with its routes.
    pub(crate) lost: bool,
}

impl SetData {
    pub(crate) fn active(&self) -> bool {
        !self.resolved.is_empty() || self.blackhole.is_some()
    }
}

/// What a tracked address matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) prefix: Prefix,
    pub(crate) spec: u32,
    pub(crate) set: u32,
}

/// A gateway that somebody asks about.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) vrf: VrfId,
    pub(crate) addr: IpAddr,
    pub(crate) owners: Vec<OwnerId>,
    pub(crate) sets: Vec<u32>,
    pub(crate) matched: Option<Match>,
    pub(crate) ways: SmallVec<[Way; 1]>,
    pub(crate) blackhole: Option<BlackholeKind>,
    /// The match is an interface route.
    pub(crate) connected: bool,
    dirty: bool,
    /// Watchers have to be told.
    pub(crate) tell: bool,
}

/// Tracked addresses and what is to be done about them.
#[derive(Default)]
pub(crate) struct Resolver {
    pub(crate) tracked: Vec<Option<Tracked>>,
    free: Vec<u32>,
    pub(crate) index: BTreeMap<VrfId, DualMap<u32>>,
    dirty: Vec<u32>,
    dirty_sets: Vec<u32>,
    rescan: bool,
    /// Exact watches; see `notify`.
    pub(crate) exact: BTreeMap<(VrfId, Prefix), crate::notify::ExactWatch>,
    pub(crate) exact_dirty: Vec<(VrfId, Prefix)>,
    /// Tracked addresses whose watchers have to be told.
    pub(crate) tell: Vec<u32>,
}

impl Resolver {
    /// Nothing is left to be resolved.
    pub(crate) const fn idle(&self) -> bool {
        self.dirty.is_empty() && self.dirty_sets.is_empty() && !self.rescan
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Tracked> {
        self.tracked.get(id as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Tracked> {
        self.tracked.get_mut(id as usize)?.as_mut()
    }

    /// The selected route of a prefix of a VRF's own table changed.
    pub(crate) fn prefix_changed(&mut self, vrf: VrfId, prefix: Prefix) {
        if !self.exact.is_empty()
            && let Some(watch) = self.exact.get_mut(&(vrf, prefix))
            && !std::mem::replace(&mut watch.dirty, true)
        {
            self.exact_dirty.push((vrf, prefix));
        }
        let Some(map) = self.index.get(&vrf) else { return };
        let (tracked, dirty) = (&mut self.tracked, &mut self.dirty);
        let mut mark = |id: u32| {
            let Some(t) = tracked.get_mut(id as usize).and_then(Option::as_mut) else { return };
            let longer = t.matched.as_ref().is_none_or(|m| prefix.len() >= m.prefix.len());
            if longer && !std::mem::replace(&mut t.dirty, true) {
                dirty.push(id);
            }
        };
        match prefix {
            Prefix::V4(p) if !map.v4.is_empty() => map.v4.covered_by(p).for_each(|(_, id)| mark(*id)),
            Prefix::V6(p) if !map.v6.is_empty() => map.v6.covered_by(p).for_each(|(_, id)| mark(*id)),
            _ => {}
        }
    }

    /// Marks a tracked address to be looked up again.
    pub(crate) fn touch(&mut self, id: u32) {
        if let Some(t) = self.get_mut(id)
            && !std::mem::replace(&mut t.dirty, true)
        {
            self.dirty.push(id);
        }
    }

    pub(crate) fn find(&self, vrf: VrfId, addr: IpAddr) -> Option<u32> {
        self.index.get(&vrf)?.get(Prefix::host(addr)).copied()
    }
}

/// Whether the kernel needs no look-up for this next hop.
pub(crate) const fn is_link_local(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local())
}

const fn needs_lookup(way: &Nexthop) -> Option<IpAddr> {
    match way.gateway {
        Gateway::Address { addr, ifindex, onlink } => {
            let direct = ifindex.is_some() && (onlink || is_link_local(addr));
            if direct || is_link_local(addr) { None } else { Some(addr) }
        }
        _ => None,
    }
}

const fn afi_of(addr: IpAddr) -> Afi {
    match addr {
        IpAddr::V4(_) => Afi::Ipv4,
        IpAddr::V6(_) => Afi::Ipv6,
    }
}

impl Rib {
    /// Interns a set; one use counted.
    pub(crate) fn intern_set(&mut self, key: &SetKey) -> u32 {
        let (id, new) = self.sets.intern(
            key,
            |s| &s.key,
            || SetData {
                key: key.clone(),
                resolved: SmallVec::new(),
                blackhole: None,
                tracked: SmallVec::new(),
                users: Vec::new(),
                group: Group::default(),
                dirty: false,
                rescan: false,
                renew: false,
                lost: false,
            },
        );
        if new {
            let gateways: SmallVec<[(VrfId, IpAddr); 1]> =
                key.ways.iter().filter_map(|w| Some((w.vrf, needs_lookup(w)?))).collect();
            let tracked: SmallVec<[u32; 1]> = gateways.iter().map(|(v, a)| self.track(*v, *a)).collect();
            for t in &tracked {
                if let Some(t) = self.resolver.get_mut(*t) {
                    t.sets.push(id);
                }
            }
            if let Some(set) = self.sets.get_mut(id) {
                set.tracked = tracked;
            }
            self.resolve_set(id);
            // No route has it yet.
            if let Some(set) = self.sets.get_mut(id) {
                (set.rescan, set.renew) = (false, false);
            }
        }
        id
    }

    /// Gives one use of a set back.
    pub(crate) fn release_set(&mut self, id: u32) {
        let Some(set) = self.sets.release(id, |s: &SetData| &s.key) else { return };
        for t in set.tracked {
            if let Some(tracked) = self.resolver.get_mut(t) {
                tracked.sets.retain(|s| *s != id);
            }
            self.untrack(t);
        }
        for user in set.users {
            // The id may be used again before the look-up that is due.
            if let Some(matched) = self.resolver.get_mut(user).and_then(|t| t.matched.as_mut())
                && matched.set == id
            {
                (matched.set, matched.spec) = (NONE, NONE);
                self.resolver.touch(user);
            }
        }
        self.fib.drop_group(set.group);
    }

    /// Tracked address, looked up at once when it is new.
    pub(crate) fn track(&mut self, vrf: VrfId, addr: IpAddr) -> u32 {
        if let Some(id) = self.resolver.find(vrf, addr) {
            return id;
        }
        let tracked = Tracked {
            vrf,
            addr,
            owners: Vec::new(),
            sets: Vec::new(),
            matched: None,
            ways: SmallVec::new(),
            blackhole: None,
            connected: false,
            dirty: false,
            tell: false,
        };
        let id = match self.resolver.free.pop() {
            Some(id) => {
                self.resolver.tracked[id as usize] = Some(tracked);
                id
            }
            None => {
                self.resolver.tracked.push(Some(tracked));
                (self.resolver.tracked.len() - 1) as u32
            }
        };
        self.resolver.index.entry(vrf).or_default().insert(Prefix::host(addr), id);
        self.lookup(id);
        id
    }

    /// Forgets a tracked address that nobody asks about any more.
    pub(crate) fn untrack(&mut self, id: u32) {
        let Some(t) = self.resolver.get(id) else { return };
        if !t.owners.is_empty() || !t.sets.is_empty() {
            return;
        }
        let (vrf, addr) = (t.vrf, t.addr);
        if let Some(set) = t.matched.as_ref().map(|m| m.set).and_then(|s| self.sets.get_mut(s)) {
            set.users.retain(|u| *u != id);
        }
        if let Some(map) = self.resolver.index.get_mut(&vrf) {
            map.remove(Prefix::host(addr));
            if map.is_empty() {
                self.resolver.index.remove(&vrf);
            }
        }
        self.resolver.tracked[id as usize] = None;
        self.resolver.free.push(id);
    }

    /// Looks a tracked address up again; `true` when the answer changed.
    fn lookup(&mut self, id: u32) -> bool {
        let Some(t) = self.resolver.get_mut(id) else { return false };
        t.dirty = false;
        let (vrf, addr) = (t.vrf, t.addr);
        let matched = self.match_for(id, vrf, addr);
        let set = matched.as_ref().and_then(|m| self.sets.get(m.set));
        let mut connected = false;
        let ways = set.map_or_else(SmallVec::new, |s| {
            connected = !s.resolved.is_empty() && s.resolved.iter().all(|(way, _)| way.gateway.is_none());
            let towards = |(way, weight): &Way| match way.gateway {
                Some(_) => (*way, *weight),
                None => (FibNexthop { gateway: Some(addr), afi: afi_of(addr), ..*way }, *weight),
            };
            s.resolved.iter().map(towards).collect()
        });
        let blackhole = set.and_then(|s| s.blackhole);
        let Some(t) = self.resolver.get_mut(id) else { return false };
        let changed = t.matched != matched || t.ways != ways || t.blackhole != blackhole;
        if !changed {
            return false;
        }
        let old_set = t.matched.as_ref().map(|m| m.set);
        let new_set = matched.as_ref().map(|m| m.set);
        (t.matched, t.ways, t.blackhole, t.connected) = (matched, ways, blackhole, connected);
        if !t.owners.is_empty() && !std::mem::replace(&mut t.tell, true) {
            self.resolver.tell.push(id);
        }
        if old_set != new_set {
            if let Some(set) = old_set.and_then(|s| self.sets.get_mut(s)) {
                set.users.retain(|u| *u != id);
            }
            if let Some(set) = new_set.and_then(|s| self.sets.get_mut(s)) {
                set.users.push(id);
            }
        }
        true
    }

    /// Longest active match that does not lead through the address itself.
    fn match_for(&self, id: u32, vrf: VrfId, addr: IpAddr) -> Option<Match> {
        let afi = afi_of(addr);
        let t = *self.table_index.get(&TableKey { vrf, table: None, afi })?;
        let table = &self.tables[t];
        let via_default = self.config.resolve_via_default(afi);
        let slot = table.longest_match(Prefix::host(addr), |slot| {
            let Some(spec) = table.selected(slot).and_then(|s| self.specs.get(s)) else { return false };
            if table.entries[slot as usize].len == 0 && !via_default {
                return false;
            }
            !self.depends_on(spec.set, id, addr, table.entries[slot as usize].len)
        })?;
        let spec = table.selected(slot)?;
        Some(Match { prefix: table.prefix(slot), spec, set: self.specs.get(spec)?.set })
    }

    /// Whether a set would resolve through a tracked address, at any depth, if that matched a prefix of length `len`.
    fn depends_on(&self, set: u32, goal: u32, addr: IpAddr, len: u8) -> bool {
        let mut visited: SmallVec<[u32; 8]> = SmallVec::new();
        let mut todo: SmallVec<[u32; 8]> = SmallVec::from_slice(&[set]);
        while let Some(set) = todo.pop() {
            let Some(set) = self.sets.get(set) else { continue };
            for id in &set.tracked {
                if *id == goal {
                    if set.key.leads_back(addr, len) {
                        continue;
                    }
                    return true;
                }
                if visited.contains(id) {
                    continue;
                }
                let Some(t) = self.resolver.get(*id) else { continue };
                let Some(matched) = &t.matched else { continue };
                if !set.key.leads_back(t.addr, matched.prefix.len()) {
                    visited.push(*id);
                    todo.push(matched.set);
                }
            }
        }
        false
    }

    /// Resolves a set from its tracked addresses and links; `true` when the result changed.
    fn resolve_set(&mut self, id: u32) -> bool {
        let Some(set) = self.sets.get(id) else { return false };
        let mut resolved: SmallVec<[Way; 1]> = SmallVec::new();
        let mut blackhole = None;
        for way in &set.key.ways {
            self.resolve_way(way, &set.key, |way| {
                if resolved.len() < self.config.max_ways && resolved.iter().all(|(w, _)| *w != way.0) {
                    resolved.push(way);
                }
            })
            .inspect(|kind| blackhole = Some(*kind));
        }
        if !resolved.is_empty() {
            blackhole = None;
        }
        let redistributed = self.tables.iter().any(|t| t.redist_protocols != 0);
        let Some(set) = self.sets.get_mut(id) else { return false };
        set.dirty = false;
        if set.resolved == resolved && set.blackhole == blackhole {
            return false;
        }
        let kind = |ways: &[Way], hole| (ways.is_empty(), hole);
        let in_place =
            self.config.nexthop_objects && kind(&set.resolved, set.blackhole) == kind(&resolved, blackhole);
        (set.resolved, set.blackhole) = (resolved, blackhole);
        self.fib.group_changed(id, &mut set.group);
        if !in_place || redistributed {
            set.rescan = true;
            set.renew |= !in_place;
            self.resolver.rescan = true;
        }
        true
    }

    /// Feeds `emit` with what a way leads to; tells the kind of blackhole when it leads nowhere on purpose.
    pub(crate) fn resolve_way(
        &self,
        way: &Nexthop,
        key: &SetKey,
        mut emit: impl FnMut(Way),
    ) -> Option<BlackholeKind> {
        let afi = key.afi;
        let operative = |ifindex| self.links.get(&ifindex).is_some_and(|l| l.operative());
        match way.gateway {
            Gateway::Blackhole(kind) => return Some(kind),
            Gateway::Interface(ifindex) => {
                if operative(ifindex) {
                    emit((FibNexthop { afi, ifindex, gateway: None, onlink: false }, way.weight.max(1)));
                }
            }
            Gateway::Address { addr, ifindex, onlink } => {
                let allowed = afi == Afi::Ipv4 || addr.is_ipv6();
                if !allowed || self.own_addresses.contains_key(&(way.vrf, addr)) {
                    return None;
                }
                let Some(lookup) = needs_lookup(way) else {
                    let ifindex = ifindex.filter(|i| operative(*i))?;
                    let nexthop = FibNexthop { afi: afi_of(addr), ifindex, gateway: Some(addr), onlink };
                    emit((nexthop, way.weight.max(1)));
                    return None;
                };
                let t = self.resolver.find(way.vrf, lookup).and_then(|t| self.resolver.get(t))?;
                if t.matched.as_ref().is_none_or(|m| key.leads_back(addr, m.prefix.len())) {
                    return None;
                }
                let on_link = |i: IfIndex| ifindex.is_none_or(|wanted| wanted == i);
                for (nexthop, _) in t.ways.iter().filter(|(n, _)| on_link(n.ifindex)) {
                    if afi == Afi::Ipv4 || nexthop.afi == Afi::Ipv6 {
                        emit((*nexthop, way.weight.max(1)));
                    }
                }
                return t.blackhole;
            }
        }
        None
    }

    pub(crate) fn touch_set(&mut self, id: u32) {
        if let Some(set) = self.sets.get_mut(id)
            && !std::mem::replace(&mut set.dirty, true)
        {
            self.resolver.dirty_sets.push(id);
        }
    }

    /// The kernel dropped all routes of the set: they are selected and sent again.
    pub(crate) fn rescan_lost(&mut self, id: u32) {
        if let Some(set) = self.sets.get_mut(id) {
            (set.rescan, set.renew, set.lost) = (true, true, true);
            self.resolver.rescan = true;
        }
    }

    /// Marks every set for which `affected` holds.
    pub(crate) fn touch_sets(&mut self, affected: impl Fn(&SetData) -> bool) {
        let ids: Vec<u32> = self.sets.iter().filter(|(_, s)| affected(s)).map(|(id, _)| id).collect();
        for id in ids {
            self.touch_set(id);
        }
    }

    /// Brings everything that depends on changed routes, links or addresses up to date. The batch methods call it themselves.
    pub fn settle(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let tracked = std::mem::take(&mut self.resolver.dirty);
            if tracked.is_empty() && self.resolver.idle() {
                return;
            }
            for id in tracked {
                if self.lookup(id) {
                    let sets = self.resolver.get(id).map(|t| t.sets.clone()).unwrap_or_default();
                    sets.into_iter().for_each(|set| self.touch_set(set));
                }
            }
            for id in std::mem::take(&mut self.resolver.dirty_sets) {
                if self.resolve_set(id) {
                    let users = self.sets.get(id).map(|s| s.users.clone()).unwrap_or_default();
                    users.into_iter().for_each(|t| self.resolver.touch(t));
                }
            }
            if self.resolver.dirty.is_empty() && self.resolver.dirty_sets.is_empty() && self.resolver.rescan {
                self.rescan();
            }
        }
    }

    /// One pass over the tables for all sets whose usability changed.
    fn rescan(&mut self) {
        self.resolver.rescan = false;
        let ids: Vec<u32> = self.sets.iter().filter(|(_, s)| s.rescan).map(|(id, _)| id).collect();
        // A set of which no specification is left in a table needs no pass.
        if ids.is_empty() {
            return;
        }
        for t in 0..self.tables.len() {
            for slot in 0..self.tables[t].entries.len() as u32 {
                let entry = self.tables[t].entries[slot as usize];
                if entry.cand == NONE {
                    continue;
                }
                let hit = |spec: u32| -> Option<bool> {
                    let set = self.specs.get(spec).and_then(|s| self.sets.get(s.set));
                    set.filter(|s| s.rescan && s.renew).map(|s| s.lost)
                };
                let old = self.tables[t].selected(slot);
                let found = if entry.has(flag::MULTI) {
                    let list = &self.tables[t].lists[entry.cand as usize].list;
                    list.iter().any(|c| hit(c.spec).is_some())
                } else {
                    hit(entry.cand).is_some()
                };
                if !found {
                    let set = old.and_then(|s| self.specs.get(s)).and_then(|s| self.sets.get(s.set));
                    if set.is_some_and(|s| s.rescan) {
                        self.redist_changed(t, slot, old, old);
                    }
                    continue;
                }
                let selected_hit = old.and_then(hit);
                if selected_hit == Some(true) && !entry.has(flag::DIRTY) {
                    let place = &mut self.tables[t].entries[slot as usize];
                    place.set(flag::IN_KERNEL | flag::INSTALLED, false);
                }
                self.reselect(t, slot, old, selected_hit.is_some());
            }
        }
        for id in ids {
            if let Some(set) = self.sets.get_mut(id) {
                (set.rescan, set.renew, set.lost) = (false, false, false);
            }
        }
    }
}
