//! Next-hop tracking: which next hops paths use, and how the RIB reaches them.
//!
//! A path holds a [`NexthopId`]. When the RIB's answer for it changes, the table is swept for paths that hold it: a pass over
//! dense numbers, so no list per next hop has to be kept.

use std::collections::HashMap;
use std::net::IpAddr;

use ferr_types::{IfIndex, Metric, NexthopInfo, NexthopReach, NexthopWatch, Prefix, VrfId};

/// Number of a tracked next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NexthopId(u32);

impl NexthopId {
    /// No next hop to be tracked: a local route.
    pub const NONE: Self = Self(0);
    /// A local route that must not be used.
    pub(crate) const UNUSABLE: Self = Self(1);
    /// Numbers that are always there and follow no answer of the RIB.
    const FIXED: u32 = 2;
}

/// What is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NexthopKey {
    /// Address that forwarding uses.
    pub addr: IpAddr,
    /// Interface of a link-local address.
    pub scope: IfIndex,
    /// Must be on a connected prefix: next hops of direct eBGP neighbors.
    pub connected_only: bool,
    /// Of a leaked path: where it leads.
    pub foreign: Option<Foreign>,
}

/// Next hop of a path that was leaked from another VRF: it is looked up there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Foreign {
    /// The VRF.
    pub vrf: VrfId,
    /// The path was made there, without a next hop: it goes where this route goes.
    pub route: Option<Prefix>,
    /// The neighbor whose life the path depends on.
    pub guard: Option<IpAddr>,
}

impl NexthopKey {
    /// What the RIB is asked; `vrf` is the instance's.
    fn watch(&self, vrf: VrfId) -> NexthopWatch {
        let vrf = self.foreign.map_or(vrf, |f| f.vrf);
        match self.foreign.and_then(|f| f.route) {
            Some(route) => NexthopWatch { vrf, target: route, exact: true },
            None => NexthopWatch { vrf, target: Prefix::host(self.addr), exact: false },
        }
    }

    /// The interface itself is where it leads, whatever the RIB says.
    fn is_given(&self) -> bool {
        self.is_link_local() || self.device().is_some()
    }

    /// Device of the VRF that looks further.
    pub(crate) fn device(&self) -> Option<IfIndex> {
        let device = self.foreign.is_some_and(|f| f.route.is_none()) && self.addr.is_unspecified();
        device.then_some(self.scope)
    }

    fn is_link_local(&self) -> bool {
        matches!(self.addr, IpAddr::V6(a) if a.is_unicast_link_local())
    }
}

#[derive(Debug)]
struct Entry {
    key: NexthopKey,
    refs: u32,
    reach: Option<NexthopReach>,
    usable: bool,
}

/// Question to ask or to take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchChange {
    /// Ask.
    Start(NexthopWatch),
    /// No longer of interest.
    Stop(NexthopWatch),
}

/// All tracked next hops of an instance.
#[derive(Debug)]
pub(crate) struct NexthopTable {
    vrf: VrfId,
    entries: Vec<Entry>,
    free: Vec<u32>,
    index: HashMap<NexthopKey, u32>,
    /// Watches are shared by keys that differ in `connected_only` or the guard.
    watches: HashMap<NexthopWatch, u32>,
    changes: Vec<WatchChange>,
}

/// A tracked next hop for `show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NexthopView {
    /// Address.
    pub addr: IpAddr,
    /// Paths that use it.
    pub path_count: u32,
    /// Paths over it are eligible.
    pub usable: bool,
    /// The RIB's answer.
    pub reach: Option<NexthopReach>,
}

impl NexthopTable {
    /// Table of a VRF.
    pub(crate) fn new(vrf: VrfId) -> Self {
        let local = NexthopKey {
            addr: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            scope: IfIndex(0),
            connected_only: false,
            foreign: None,
        };
        Self {
            vrf,
            entries: vec![
                Entry { key: local, refs: 1, reach: None, usable: true },
                Entry { key: local, refs: 1, reach: None, usable: false },
            ],
            free: Vec::new(),
            index: HashMap::new(),
            watches: HashMap::new(),
            changes: Vec::new(),
        }
    }

    /// Number for `key`, with one reference more.
    pub(crate) fn acquire(&mut self, key: NexthopKey) -> NexthopId {
        if let Some(id) = self.index.get(&key) {
            self.entries[*id as usize].refs += 1;
            return NexthopId(*id);
        }
        // A link-local address is reached over its interface or not at all; the session itself tells.
        let given = key.is_given();
        let watch = key.watch(self.vrf);
        let known = self
            .entries
            .iter()
            .skip(NexthopId::FIXED as usize)
            .find(|e| e.refs > 0 && e.key.watch(self.vrf) == watch);
        let reach = known.and_then(|e| e.reach.clone());
        let mut entry = Entry { key, refs: 1, reach, usable: given };
        if !given {
            entry.usable = usable(&key, entry.reach.as_ref());
            let count = self.watches.entry(watch).or_insert(0);
            *count += 1;
            if *count == 1 {
                self.changes.push(WatchChange::Start(watch));
            }
        }
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.index.insert(key, id);
        NexthopId(id)
    }

    /// One reference less.
    pub(crate) fn release(&mut self, id: NexthopId) {
        if id.0 < NexthopId::FIXED {
            return;
        }
        let entry = &mut self.entries[id.0 as usize];
        entry.refs -= 1;
        if entry.refs > 0 {
            return;
        }
        let key = entry.key;
        entry.reach = None;
        self.index.remove(&key);
        self.free.push(id.0);
        let watch = key.watch(self.vrf);
        // One that is given was never asked about.
        if let Some(count) = self.watches.get_mut(&watch).filter(|_| !key.is_given()) {
            *count -= 1;
            if *count == 0 {
                self.watches.remove(&watch);
                self.changes.push(WatchChange::Stop(watch));
            }
        }
    }

    /// One reference more to an id in use.
    pub(crate) fn retain(&mut self, id: NexthopId) {
        if id.0 >= NexthopId::FIXED {
            self.entries[id.0 as usize].refs += 1;
        }
    }

    /// Whether paths over it are eligible.
    #[inline]
    pub(crate) fn is_usable(&self, id: NexthopId) -> bool {
        self.entries[id.0 as usize].usable
    }

    /// IGP cost, 0 when unknown.
    #[inline]
    pub(crate) fn metric(&self, id: NexthopId) -> Metric {
        self.entries[id.0 as usize].reach.as_ref().map_or(Metric(0), |r| r.metric)
    }

    /// Where it leads, as the RIB said.
    pub(crate) fn reach(&self, id: NexthopId) -> Option<&NexthopReach> {
        self.entries[id.0 as usize].reach.as_ref()
    }

    /// What is tracked under a number.
    pub(crate) fn key(&self, id: NexthopId) -> &NexthopKey {
        &self.entries[id.0 as usize].key
    }

    /// Takes an answer of the RIB in; returns the numbers whose usability, cost or ways changed.
    pub(crate) fn update(&mut self, info: NexthopInfo) -> Vec<NexthopId> {
        let mut changed = Vec::new();
        let vrf = self.vrf;
        for (id, entry) in self.entries.iter_mut().enumerate().skip(NexthopId::FIXED as usize) {
            if entry.refs == 0 || entry.key.is_given() || entry.key.watch(vrf) != info.watch {
                continue;
            }
            let usable = usable(&entry.key, info.via.as_ref());
            if usable != entry.usable || entry.reach != info.via {
                entry.usable = usable;
                entry.reach = info.via.clone();
                changed.push(NexthopId(id as u32));
            }
        }
        changed
    }

    /// Questions that came up or ended since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<WatchChange> {
        std::mem::take(&mut self.changes)
    }

    /// For `show bgp nexthop`.
    pub(crate) fn views(&self) -> impl Iterator<Item = NexthopView> {
        let tracked = self.entries.iter().skip(NexthopId::FIXED as usize);
        // Those of other VRFs are seen there.
        tracked.filter(|e| e.refs > 0 && e.key.foreign.is_none()).map(|e| NexthopView {
            addr: e.key.addr,
            path_count: e.refs,
            usable: e.usable,
            reach: e.reach.clone(),
        })
    }
}

fn usable(key: &NexthopKey, reach: Option<&NexthopReach>) -> bool {
    reach.is_some_and(|r| r.connected || !key.connected_only)
}
