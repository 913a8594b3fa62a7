//! Next-hop resolution, shared by routes and by next-hop tracking.
//!
//! # Data
//! A *set* is an interned list of next hops as given, with what it resolves to; all routes with the same next hops share it, so
//! a change of the path towards a BGP next hop is one change of one set (and of one kernel group), not of each route. Sets hang on
//! tracked addresses (`tracked`), tracked addresses on the sets of the routes that they match.
//!
//! # Invariants
//! Only what a change touches is resolved again: a prefix change marks the tracked addresses that it covers, these their
//! sets, and one pass over the tables serves all sets whose usability changed (`settle`).

use std::net::IpAddr;

use ferr_types::{Afi, BlackholeKind, Gateway, IfIndex, Nexthop, NexthopSet, Prefix, VrfId};
use smallvec::SmallVec;

use crate::group::{Fib, Group};
use crate::table::NONE;
use crate::tracked::Tracked;
use crate::{FibNexthop, GuardSet, Rib};

/// A resolved way and its share.
pub(crate) type Way = (FibNexthop, u8);

/// What a set leads to.
struct Resolution {
    resolved: SmallVec<[Way; 1]>,
    backups: SmallVec<[Way; 1]>,
    blackhole: Option<BlackholeKind>,
}

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
    pub(crate) fn leads_back(&self, addr: IpAddr, matched: u8) -> bool {
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
    /// Its ways may be back, and are not trusted yet.
    pub(crate) desperate: bool,
    /// Gateways that need a look-up.
    pub(crate) tracked: SmallVec<[u32; 1]>,
    /// Tracked addresses whose match resolves through this set.
    pub(crate) users: Vec<u32>,
    pub(crate) group: Group,
    /// Groups of other kinds, which routes use until they are sent again.
    pub(crate) former: Vec<Group>,
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

    /// Its groups in the kernel.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
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
        let all = std::iter::once(&mut self.group).chain(&mut self.former);
        all.fold(false, |emptied, group| group.shrink(&lost) | emptied)
    }

    /// What the kernel has of the set has to be made as it should be.
    pub(crate) fn group_changed(&mut self, id: u32, fib: &mut Fib) {
        let in_kernel = self.group.kernel || !self.former.is_empty();
        if in_kernel && !std::mem::replace(&mut self.group.queued, true) {
            fib.group_queue.push_back(id);
        }
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

pub(crate) const fn afi_of(addr: IpAddr) -> Afi {
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
                desperate: false,
                tracked: SmallVec::new(),
                users: Vec::new(),
                group: Group::default(),
                former: Vec::new(),
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
        set.former.into_iter().for_each(|former| self.fib.drop_group(former));
    }

    /// Ways of a set that live, those to fall back on, and the blackhole that its gateways lead to.
    fn resolution(&self, set: &SetData, desperate: bool) -> Resolution {
        let mut resolved: SmallVec<[Way; 1]> = SmallVec::new();
        let mut blackhole = None;
        for way in &set.key.ways {
            self.resolve_way(way, &set.key, desperate, |way| {
                let known = resolved.iter().any(|(w, _)| w.same_path(&way.0));
                if resolved.len() < self.config.max_ways && !known {
                    resolved.push(way);
                }
            })
            .inspect(|kind| blackhole = Some(*kind));
        }
        let mut backups = self.backups_for(set, &resolved, desperate);
        if resolved.is_empty() && blackhole.is_none() {
            resolved.extend(backups.drain(..));
        }
        if !resolved.is_empty() {
            blackhole = None;
        }
        Resolution { resolved, backups, blackhole }
    }

    /// Resolves a set from its tracked addresses and links; `true` when the result changed.
    pub(crate) fn resolve_set(&mut self, id: u32) -> bool {
        let Some(set) = self.sets.get(id) else { return false };
        let mut found = self.resolution(set, false);
        let mut desperate = false;
        if found.resolved.is_empty() && found.blackhole.is_none() && self.guards.any_recovering() {
            found = self.resolution(set, true);
            desperate = !found.resolved.is_empty();
        }
        let Resolution { resolved, backups, blackhole } = found;
        let heard = !self.resolver.exact.is_empty() || self.tables.iter().any(|t| t.redist_protocols != 0);
        let Some(set) = self.sets.get_mut(id) else { return false };
        set.dirty = false;
        let same_ways = set.resolved == resolved && set.blackhole == blackhole;
        let trust = std::mem::replace(&mut set.desperate, desperate) != desperate;
        if trust {
            // An offer that was not trusted stands behind others until it is.
            (set.rescan, set.renew) = (true, true);
            self.resolver.rescan = true;
        }
        if same_ways && set.backups == backups {
            return trust;
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
        if !in_place || heard {
            set.rescan = true;
            set.renew |= !in_place;
            self.resolver.rescan = true;
        }
        true
    }

    /// Ways that take over when those of a set die: what its gateways fall back on, then its own backup.
    fn backups_for(&self, set: &SetData, resolved: &[Way], desperate: bool) -> SmallVec<[Way; 1]> {
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
            let forward =
                |t: &&Tracked| t.matched.as_ref().is_some_and(|m| !set.key.leads_back(addr, m.prefix.len()));
            for (nexthop, _) in tracked.filter(forward).iter().flat_map(|t| &t.backups) {
                let guards = self.guards_of(way, nexthop.ifindex, nexthop.guards);
                if !self.guards.any_dead(guards, desperate) {
                    add((FibNexthop { guards, ..*nexthop }, 1));
                }
            }
        }
        for way in &set.key.backup {
            self.resolve_way(way, &set.key, desperate, &mut add);
        }
        backups
    }

    fn guards_of(&self, way: &Nexthop, ifindex: IfIndex, below: GuardSet) -> GuardSet {
        way.guard.map_or(below, |addr| self.guards.add_to(below, way.vrf, addr, ifindex))
    }

    /// Feeds `emit` with what a way leads to, as far as it lives; tells the kind of blackhole when it leads nowhere on purpose.
    pub(crate) fn resolve_way(
        &self,
        way: &Nexthop,
        key: &SetKey,
        desperate: bool,
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
                    let guards = self.guards_of(way, ifindex, GuardSet::NONE);
                    if !self.guards.any_dead(guards, desperate) {
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
                    let guards = self.guards_of(way, nexthop.ifindex, nexthop.guards);
                    if (afi == Afi::Ipv4 || nexthop.afi == Afi::Ipv6)
                        && !self.guards.any_dead(guards, desperate)
                    {
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
