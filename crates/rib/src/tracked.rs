//! Tracked addresses: gateways that some set or some watcher asks about, and what they match.
//!
//! A tracked address has its longest match among the active routes of its VRF, the ways that this leads to, and what the next best
//! offer for the same prefix would lead to. It hangs on the sets of these routes.
//!
//! # Invariants
//! A match through a route that depends on the tracked address itself is passed over, so no way leads through itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ferr_prefixmap::DualMap;
use ferr_types::{BlackholeKind, Prefix, VrfId};
use smallvec::SmallVec;

use crate::resolve::{Way, afi_of};
use crate::table::TableKey;
use crate::{FibNexthop, OwnerId, Rib};

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
    /// Tunnels with this endpoint.
    pub(crate) endpoints: u32,
    pub(crate) matched: Option<Match>,
    pub(crate) ways: SmallVec<[Way; 1]>,
    /// Set of the next best offer for the same prefix.
    pub(crate) backup_set: Option<u32>,
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

    /// A route that may be watched by itself changed, or leads elsewhere.
    pub(crate) fn exact_changed(&mut self, vrf: VrfId, prefix: Prefix) {
        if !self.exact.is_empty()
            && let Some(watch) = self.exact.get_mut(&(vrf, prefix))
            && !std::mem::replace(&mut watch.dirty, true)
        {
            self.exact_dirty.push((vrf, prefix));
        }
    }

    /// The selected route of a prefix of a VRF's own table changed.
    pub(crate) fn prefix_changed(&mut self, vrf: VrfId, prefix: Prefix) {
        self.exact_changed(vrf, prefix);
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

impl Rib {
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
            endpoints: 0,
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
        if !t.owners.is_empty() || !t.sets.is_empty() || t.endpoints > 0 {
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
        if t.endpoints > 0 {
            self.underlay_changed();
        }
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
            let usable = self.usable(c.spec) && !self.is_refused(vrf, matched.prefix, c.spec);
            let other = set != matched.set && usable;
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
}
