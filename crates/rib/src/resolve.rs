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

use crate::group::{Fib, Group};
use crate::table::{NONE, TableKey};
use crate::{FibNexthop, GuardSet, OwnerId, Rib};

/// A resolved way and its share.
pub(crate) type Way = (FibNexthop, u8);

/// Backups of one group; more would own a bucket.
const MAX_BACKUPS: usize = 2;

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
    /// Ways that serve when none of `ways` does.
    pub(crate) backup: NexthopSet,
}

impl SetKey {
    /// The ways, those to fall back on last.
    pub(crate) fn all_ways(&self) -> impl Iterator<Item = &Nexthop> {
        self.ways.iter().chain(&self.backup)
    }

    /// Whether a gateway whose longest match has this length would lead back to the route.
    fn leads_back(&self, addr: IpAddr, matched: u8) -> bool {
        self.within.is_some_and(|own| own.contains(addr) && matched <= own.len())
    }
}

/// Next hops as given, and what they resolve to.
pub(crate) struct SetData {
    pub(crate) key: SetKey,
    pub(crate) resolved: SmallVec<[Way; 1]>,
    /// Ways that take over when all of `resolved` die, none of which is among them.
    pub(crate) backups: SmallVec<[Way; 1]>,
    pub(crate) blackhole: Option<BlackholeKind>,
    /// Gateways that need a look-up.
    pub(crate) tracked: SmallVec<[u32; 1]>,
    /// Tracked addresses whose match resolves through this set.
    pub(crate) users: Vec<u32>,
    pub(crate) group: Group,
    /// A group of another kind, which routes use until they are sent again.
    pub(crate) former: Option<Group>,
    dirty: bool,
    /// Routes with this set have to be looked at: selected again if `renew`, sent again late if `regroup`, else told to
    /// redistribution only.
    pub(crate) rescan: bool,
    pub(crate) renew: bool,
    pub(crate) regroup: bool,
}

impl SetData {
    pub(crate) fn active(&self) -> bool {
        !self.resolved.is_empty() || self.blackhole.is_some()
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        std::iter::once(&self.group).chain(&self.former)
    }

    /// Whether a group of the set was sent with one of these ways.
    pub(crate) fn holds_any(&self, ways: &[FibNexthop]) -> bool {
        self.groups().any(|g| g.members.iter().any(|(way, _)| ways.contains(way)))
    }

    /// Whether a group of the set was sent with a way through this interface.
    pub(crate) fn sent_through(&self, ifindex: IfIndex) -> bool {
        self.groups().any(|g| g.members.iter().any(|(way, _)| way.ifindex == ifindex))
    }

    /// The kernel dropped members; `true` when it deleted a group with its routes.
    pub(crate) fn shrink(&mut self, lost: impl Fn(&FibNexthop) -> bool) -> bool {
        let emptied = self.group.shrink(&lost);
        self.former.as_mut().is_some_and(|former| former.shrink(&lost)) || emptied
    }

    /// What the kernel has of the set has to be made as it should be.
    pub(crate) fn group_changed(&mut self, id: u32, fib: &mut Fib) {
        let in_kernel = self.group.kernel || self.former.is_some();
        if in_kernel && !std::mem::replace(&mut self.group.queued, true) {
            fib.group_queue.push_back(id);
        }
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
    /// Set of the next best offer for the same prefix.
    backup_set: Option<u32>,
    /// What it leads to.
    pub(crate) backups: SmallVec<[Way; 1]>,
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
    pub(crate) dirty: Vec<u32>,
    pub(crate) dirty_sets: Vec<u32>,
    pub(crate) rescan: bool,
    /// Exact watches; see `notify`.
    pub(crate) exact: BTreeMap<(VrfId, Prefix), crate::notify::ExactWatch>,
    pub(crate) exact_dirty: Vec<(VrfId, Prefix)>,
    /// Tracked addresses whose watchers have to be told.
    pub(crate) tell: Vec<u32>,
}

impl Tracked {
    const fn used_sets(&self) -> [Option<u32>; 2] {
        let matched = match &self.matched {
            Some(matched) => Some(matched.set),
            None => None,
        };
        [matched, self.backup_set]
    }
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
                backups: SmallVec::new(),
                blackhole: None,
                tracked: SmallVec::new(),
                users: Vec::new(),
                group: Group::default(),
                former: None,
                dirty: false,
                rescan: false,
                renew: false,
                regroup: false,
            },
        );
        if new {
            let gateways: SmallVec<[(VrfId, IpAddr); 1]> =
                key.all_ways().filter_map(|w| Some((w.vrf, needs_lookup(w)?))).collect();
            let tracked: SmallVec<[u32; 1]> = gateways.iter().map(|(v, a)| self.track(*v, *a)).collect();
            for t in &tracked {
                if let Some(t) = self.resolver.get_mut(*t) {
                    t.sets.push(id);
                }
            }
            if let Some(set) = self.sets.get_mut(id) {
                set.tracked = tracked;
            }
            // No route has it yet.
            let hurry = self.fib.hurry;
            self.resolve_set(id);
            self.fib.hurry = hurry;
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
            let Some(t) = self.resolver.get_mut(user) else { continue };
            if t.backup_set == Some(id) {
                t.backup_set = None;
            }
            if let Some(matched) = &mut t.matched
                && matched.set == id
            {
                (matched.set, matched.spec) = (NONE, NONE);
            }
            self.resolver.touch(user);
        }
        self.fib.drop_group(set.group);
        if let Some(former) = set.former {
            self.fib.drop_group(former);
        }
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
            backup_set: None,
            backups: SmallVec::new(),
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
        let (vrf, addr, used) = (t.vrf, t.addr, t.used_sets());
        self.move_user(id, used, [None, None]);
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
    pub(crate) fn lookup(&mut self, id: u32) -> bool {
        let Some(t) = self.resolver.get_mut(id) else { return false };
        t.dirty = false;
        let (vrf, addr) = (t.vrf, t.addr);
        let matched = self.match_for(id, vrf, addr);
        let set = matched.as_ref().and_then(|m| self.sets.get(m.set));
        let towards = |(way, weight): &Way| match way.gateway {
            Some(_) => (*way, *weight),
            None => (FibNexthop { gateway: Some(addr), afi: afi_of(addr), ..*way }, *weight),
        };
        let resolved = set.map_or(&[][..], |s| &s.resolved);
        let connected = !resolved.is_empty() && resolved.iter().all(|(way, _)| way.gateway.is_none());
        let ways: SmallVec<[Way; 1]> = resolved.iter().map(towards).collect();
        let blackhole = set.and_then(|s| s.blackhole);
        let backup_set = matched.as_ref().and_then(|m| self.next_best(id, vrf, addr, m));
        let own = set.map_or(&[][..], |s| &s.backups);
        let further = backup_set.and_then(|s| self.sets.get(s)).map_or(&[][..], |s| &s.resolved);
        let backups: SmallVec<[Way; 1]> = own.iter().chain(further).map(towards).collect();
        let Some(t) = self.resolver.get_mut(id) else { return false };
        let used = t.used_sets();
        let told = t.matched != matched || t.ways != ways || t.blackhole != blackhole;
        let changed = told || t.backups != backups || t.backup_set != backup_set;
        if !changed {
            return false;
        }
        (t.matched, t.ways, t.blackhole, t.connected) = (matched, ways, blackhole, connected);
        (t.backup_set, t.backups) = (backup_set, backups);
        let uses = t.used_sets();
        if told && !t.owners.is_empty() && !std::mem::replace(&mut t.tell, true) {
            self.resolver.tell.push(id);
        }
        self.move_user(id, used, uses);
        true
    }

    /// A tracked address depends on other sets now.
    fn move_user(&mut self, id: u32, from: [Option<u32>; 2], to: [Option<u32>; 2]) {
        if from == to {
            return;
        }
        for set in from.into_iter().flatten() {
            if let Some(set) = self.sets.get_mut(set) {
                set.users.retain(|u| *u != id);
            }
        }
        for set in to.into_iter().flatten() {
            if let Some(set) = self.sets.get_mut(set) {
                set.users.push(id);
            }
        }
    }

    /// Set of the best usable offer behind the one that a tracked address matched: a floating static route, another protocol.
    fn next_best(&self, id: u32, vrf: VrfId, addr: IpAddr, matched: &Match) -> Option<u32> {
        let t = *self.table_index.get(&TableKey { vrf, table: None, afi: afi_of(addr) })?;
        let table = &self.tables[t];
        let slot = table.find(matched.prefix)?;
        table.further_candidates(slot).find_map(|c| {
            let set = self.specs.get(c.spec)?.set;
            let other = set != matched.set && self.usable(c.spec);
            (other && !self.depends_on(set, id, addr, matched.prefix.len())).then_some(set)
        })
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
    pub(crate) fn resolve_set(&mut self, id: u32) -> bool {
        let Some(set) = self.sets.get(id) else { return false };
        let mut resolved: SmallVec<[Way; 1]> = SmallVec::new();
        let mut blackhole = None;
        for way in &set.key.ways {
            self.resolve_way(way, &set.key, |way| {
                if resolved.len() < self.config.max_ways && resolved.iter().all(|(w, _)| !w.same_path(&way.0)) {
                    resolved.push(way);
                }
            })
            .inspect(|kind| blackhole = Some(*kind));
        }
        let mut backups = self.backups_for(set, &resolved);
        if resolved.is_empty() && blackhole.is_none() {
            resolved.extend(backups.drain(..));
        }
        if !resolved.is_empty() {
            blackhole = None;
        }
        let redistributed = self.tables.iter().any(|t| t.redist_protocols != 0);
        let Some(set) = self.sets.get_mut(id) else { return false };
        set.dirty = false;
        let same_ways = set.resolved == resolved && set.blackhole == blackhole;
        if same_ways && set.backups == backups {
            return false;
        }
        set.backups = backups;
        if same_ways {
            set.group_changed(id, &mut self.fib);
            return true;
        }
        let kind = |ways: &[Way], hole| (ways.is_empty(), hole);
        let in_place =
            self.config.nexthop_objects && kind(&set.resolved, set.blackhole) == kind(&resolved, blackhole);
        (set.resolved, set.blackhole) = (resolved, blackhole);
        set.group_changed(id, &mut self.fib);
        // Routes that wait in a group which nobody updates any more have to be sent before it matters.
        self.fib.hurry = true;
        if !in_place || redistributed {
            set.rescan = true;
            set.renew |= !in_place;
            self.resolver.rescan = true;
        }
        true
    }

    /// Ways that take over when those of a set die: what its gateways fall back on, then its own backup.
    fn backups_for(&self, set: &SetData, resolved: &[Way]) -> SmallVec<[Way; 1]> {
        let mut backups: SmallVec<[Way; 1]> = SmallVec::new();
        if !self.config.resilient_groups {
            return backups;
        }
        let fits = |w: &FibNexthop| set.key.afi == Afi::Ipv4 || w.afi == Afi::Ipv6;
        let mut add = |way: Way| {
            let known = resolved.iter().chain(&backups).any(|(w, _)| w.same_path(&way.0));
            if backups.len() < MAX_BACKUPS && !known && fits(&way.0) {
                backups.push(way);
            }
        };
        for way in &set.key.ways {
            let Some(addr) = needs_lookup(way) else { continue };
            let tracked = self.resolver.find(way.vrf, addr).and_then(|t| self.resolver.get(t));
            let forward = |t: &&Tracked| {
                t.matched.as_ref().is_some_and(|m| !set.key.leads_back(addr, m.prefix.len()))
            };
            for (nexthop, _) in tracked.filter(forward).iter().flat_map(|t| &t.backups) {
                let guards = self.guards_of(way, addr, nexthop.ifindex, nexthop.guards);
                if !self.guards.any_dead(guards) {
                    add((FibNexthop { guards, ..*nexthop }, 1));
                }
            }
        }
        for way in &set.key.backup {
            self.resolve_way(way, &set.key, &mut add);
        }
        backups
    }

    fn guards_of(&self, way: &Nexthop, addr: IpAddr, ifindex: IfIndex, below: GuardSet) -> GuardSet {
        if way.guarded { self.guards.add_to(below, way.vrf, addr, ifindex) } else { below }
    }

    /// Feeds `emit` with what a way leads to, as far as it lives; tells the kind of blackhole when it leads nowhere on purpose.
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
                    emit((FibNexthop::new(afi, ifindex, None), way.weight.max(1)));
                }
            }
            Gateway::Address { addr, ifindex, onlink } => {
                let allowed = afi == Afi::Ipv4 || addr.is_ipv6();
                if !allowed || self.own_addresses.contains_key(&(way.vrf, addr)) {
                    return None;
                }
                let Some(lookup) = needs_lookup(way) else {
                    let ifindex = ifindex.filter(|i| operative(*i))?;
                    let guards = self.guards_of(way, addr, ifindex, GuardSet::NONE);
                    if !self.guards.any_dead(guards) {
                        let nexthop = FibNexthop::new(afi_of(addr), ifindex, Some(addr));
                        emit((FibNexthop { onlink, guards, ..nexthop }, way.weight.max(1)));
                    }
                    return None;
                };
                let t = self.resolver.find(way.vrf, lookup).and_then(|t| self.resolver.get(t))?;
                if t.matched.as_ref().is_none_or(|m| key.leads_back(addr, m.prefix.len())) {
                    return None;
                }
                let on_link = |i: IfIndex| ifindex.is_none_or(|wanted| wanted == i);
                for (nexthop, _) in t.ways.iter().filter(|(n, _)| on_link(n.ifindex)) {
                    let guards = self.guards_of(way, addr, nexthop.ifindex, nexthop.guards);
                    if (afi == Afi::Ipv4 || nexthop.afi == Afi::Ipv6) && !self.guards.any_dead(guards) {
                        emit((FibNexthop { guards, ..*nexthop }, way.weight.max(1)));
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
            (set.rescan, set.renew) = (true, true);
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
}
