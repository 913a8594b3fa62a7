//! The table of one address family: prefixes, and the paths of each.
//!
//! # Data
//! A prefix has a dense number ([`DestId`]) into `dests`, under which update groups keep their state as flat arrays. The
//! paths of a prefix are a list in a slab; after the decision the best one stands first. A prefix without paths is kept
//! while an update group has still to hear of its end (`pins`), and freed then.
//!
//! # Invariants
//! * (peer, path id) is unique within a prefix.
//! * `best` is set only if the first path of the list is eligible.

use std::collections::VecDeque;

use ferr_prefixmap::{PrefixKey, PrefixMap};
use ferr_types::{Family, Ipv4Prefix, Ipv6Prefix, PeerId, Prefix};

use crate::attrs::AttrId;
use crate::decision::Reason;
use crate::nexthop::NexthopId;

/// Prefix types of tables.
pub(crate) trait TablePrefix:
    PrefixKey + Into<Prefix> + std::fmt::Debug + std::fmt::Display + 'static
{
    /// From the common type; `None` for the other family.
    fn from_prefix(prefix: Prefix) -> Option<Self>;
}

impl TablePrefix for Ipv4Prefix {
    fn from_prefix(prefix: Prefix) -> Option<Self> {
        match prefix {
            Prefix::V4(p) => Some(p),
            Prefix::V6(_) => None,
        }
    }
}

impl TablePrefix for Ipv6Prefix {
    fn from_prefix(prefix: Prefix) -> Option<Self> {
        match prefix {
            Prefix::V6(p) => Some(p),
            Prefix::V4(_) => None,
        }
    }
}

/// Number of a prefix in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DestId(pub u32);

/// Number of a path in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathIdx(pub u32);

impl PathIdx {
    /// End of a list.
    pub const NIL: Self = Self(u32::MAX);

    /// Path identifier under which the path is sent (RFC 7911): stable while it lives, never 0.
    pub(crate) const fn tx_id(self) -> u32 {
        self.0 + 1
    }
}

/// Bits of [`Path::flags`].
pub mod flag {
    /// Inbound policy refused it; kept for soft reconfiguration only.
    pub const FILTERED: u16 = 1;
    /// Of a peer that is restarting (RFC 4724).
    pub const STALE: u16 = 2;
    /// Takes over when the best and those that share its load die.
    pub const BACKUP: u16 = 2048;
    /// Shares the load with the best.
    pub const MULTIPATH: u16 = 4;
    /// Made here.
    pub const LOCAL: u16 = 8;
    /// Learnt from an internal peer.
    pub const INTERNAL: u16 = 16;
    /// Learnt from a peer in another member AS of the confederation.
    pub const CONFED: u16 = 32;
    /// Flapped too often (RFC 2439).
    pub const DAMPED: u16 = 64;
    /// Withdrawn; kept for its past.
    pub const HISTORY: u16 = 1024;
    /// Taken from another VRF's instance.
    pub const IMPORTED: u16 = 8192;
    /// Carries LLGR_STALE (RFC 9494).
    pub const LONG_STALE: u16 = 4096;
    /// A backdoor network: known, not preferred.
    pub const BACKDOOR: u16 = 128;
    /// Aggregate made here.
    pub const AGGREGATE: u16 = 256;
    /// Comes from a route reflector client.
    pub const CLIENT: u16 = 512;

    const _: () = {
        let all = [
            FILTERED, STALE, BACKUP, MULTIPATH, LOCAL, INTERNAL, CONFED, DAMPED, HISTORY, LONG_STALE,
            BACKDOOR, AGGREGATE, CLIENT, IMPORTED,
        ];
        let (mut seen, mut i) = (0, 0);
        while i < all.len() {
            assert!(seen & all[i] == 0, "each bit means one thing");
            seen |= all[i];
            i += 1;
        }
    };
}

/// One path.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    /// Attributes after inbound policy.
    pub attr: AttrId,
    /// Who sent it; [`crate::LOCAL_PEER`] for own ones.
    pub peer: PeerId,
    /// Path identifier (RFC 7911), or the kind of a local path.
    pub path_id: u32,
    /// Next path of the prefix.
    pub next: PathIdx,
    /// Tracked next hop.
    pub nexthop: NexthopId,
    /// When it came, in seconds since the instance started.
    pub stamp: u32,
    /// See [`flag`].
    pub flags: u16,
    /// Local weight.
    pub weight: u16,
}

const _: () = assert!(size_of::<Path>() <= 28, "4 bytes a path are 40 MB at ten full tables");

impl Path {
    /// Whether the decision may take it, as far as the path itself says.
    pub(crate) const fn is_eligible(&self) -> bool {
        self.flags & (flag::FILTERED | flag::DAMPED | flag::HISTORY) == 0
    }

    /// Whether all of `bits` are set.
    pub(crate) const fn has(&self, bits: u16) -> bool {
        self.flags & bits == bits
    }
}

/// Bits of [`Dest::state`].
mod state {
    pub(super) const BEST: u8 = 1;
    pub(super) const DIRTY: u8 = 1 << 1;
    pub(super) const TOUCHED: u8 = 1 << 2;
    pub(super) const INSTALLED: u8 = 1 << 3;
    pub(super) const BACKED: u8 = 1 << 4;
    pub(super) const LEAKING: u8 = 1 << 5;
}

/// One prefix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dest<P> {
    /// The prefix.
    pub(crate) prefix: P,
    /// First path.
    pub(crate) first: PathIdx,
    /// Table version of the last change of the best path.
    pub(crate) version: u32,
    /// Update groups that have not yet heard of the last change.
    pub(crate) pins: u16,
    /// Step that decided.
    pub(crate) reason: Reason,
    state: u8,
}

const _: () = assert!(size_of::<Dest<Ipv4Prefix>>() <= 20, "4 bytes a prefix are 4 MB of a full table");

impl<P> Dest<P> {
    const fn has(&self, bit: u8) -> bool {
        self.state & bit != 0
    }

    const fn put(&mut self, bit: u8, on: bool) {
        self.state = if on { self.state | bit } else { self.state & !bit };
    }

    /// The first path is the best one.
    pub(crate) const fn best(&self) -> bool {
        self.has(state::BEST)
    }

    /// See [`Self::best`].
    pub(crate) const fn set_best(&mut self, on: bool) {
        self.put(state::BEST, on);
    }

    /// Waiting for the decision.
    pub(crate) const fn dirty(&self) -> bool {
        self.has(state::DIRTY)
    }

    /// See [`Self::dirty`].
    pub(crate) const fn set_dirty(&mut self, on: bool) {
        self.put(state::DIRTY, on);
    }

    /// The best path's attributes changed in place, or it was taken away.
    pub(crate) const fn touched(&self) -> bool {
        self.has(state::TOUCHED)
    }

    /// See [`Self::touched`].
    pub(crate) const fn set_touched(&mut self, on: bool) {
        self.put(state::TOUCHED, on);
    }

    /// The RIB holds a route of ours for it.
    pub(crate) const fn installed(&self) -> bool {
        self.has(state::INSTALLED)
    }

    /// The RIB was told of a path to fall back on.
    pub(crate) const fn backed(&self) -> bool {
        self.has(state::BACKED)
    }

    /// Importers have to hear of it.
    pub(crate) const fn leaking(&self) -> bool {
        self.has(state::LEAKING)
    }

    /// See [`Self::leaking`].
    pub(crate) const fn set_leaking(&mut self, on: bool) {
        self.put(state::LEAKING, on);
    }

    /// See [`Self::backed`].
    pub(crate) const fn set_backed(&mut self, on: bool) {
        self.put(state::BACKED, on);
    }

    /// See [`Self::installed`].
    pub(crate) const fn set_installed(&mut self, on: bool) {
        self.put(state::INSTALLED, on);
    }
}

/// Table of a family.
#[derive(Debug)]
pub(crate) struct Table<P: TablePrefix> {
    /// Which.
    pub family: Family,
    index: PrefixMap<P, u32>,
    dests: Vec<Dest<P>>,
    free_dests: Vec<u32>,
    paths: Vec<Path>,
    free_path: PathIdx,
    path_count: usize,
    dirty: VecDeque<DestId>,
    /// Counts changes of any path.
    pub(crate) changes: u64,
    /// Counts changes of best paths.
    pub version: u32,
}

impl<P: TablePrefix> Table<P> {
    /// Empty table.
    pub(crate) fn new(family: Family) -> Self {
        Self {
            family,
            index: PrefixMap::default(),
            dests: Vec::new(),
            free_dests: Vec::new(),
            paths: Vec::new(),
            free_path: PathIdx::NIL,
            path_count: 0,
            dirty: VecDeque::new(),
            changes: 0,
            version: 0,
        }
    }

    /// Number of prefixes with a path or a pin.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no prefix.
    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Number of paths.
    pub(crate) const fn path_count(&self) -> usize {
        self.path_count
    }

    /// Length of arrays that are indexed by [`DestId`].
    pub(crate) fn dest_capacity(&self) -> usize {
        self.dests.len()
    }

    /// The prefix, if known.
    pub(crate) fn find(&self, prefix: P) -> Option<DestId> {
        self.index.get(prefix).map(|id| DestId(*id))
    }

    /// The prefix, made known.
    pub(crate) fn find_or_insert(&mut self, prefix: P) -> DestId {
        let (dests, free) = (&mut self.dests, &mut self.free_dests);
        DestId(*self.index.get_or_insert_with(prefix, || {
            let dest = Dest {
                prefix,
                first: PathIdx::NIL,
                version: 0,
                pins: 0,
                reason: Reason::NothingToSelect,
                state: 0,
            };
            match free.pop() {
                Some(id) => {
                    dests[id as usize] = dest;
                    id
                }
                None => {
                    dests.push(dest);
                    (dests.len() - 1) as u32
                }
            }
        }))
    }

    /// A prefix.
    #[inline]
    pub(crate) fn dest(&self, id: DestId) -> &Dest<P> {
        &self.dests[id.0 as usize]
    }

    /// A prefix, mutable.
    #[inline]
    pub(crate) fn dest_mut(&mut self, id: DestId) -> &mut Dest<P> {
        &mut self.dests[id.0 as usize]
    }

    /// A path.
    #[inline]
    pub(crate) fn path(&self, at: PathIdx) -> &Path {
        &self.paths[at.0 as usize]
    }

    /// A path, mutable.
    #[inline]
    pub(crate) fn path_mut(&mut self, at: PathIdx) -> &mut Path {
        &mut self.paths[at.0 as usize]
    }

    /// Paths of a prefix in list order.
    pub(crate) fn paths(&self, id: DestId) -> PathIter<'_, P> {
        PathIter { table: self, at: self.dest(id).first }
    }

    /// The best path.
    #[inline]
    pub(crate) fn best(&self, id: DestId) -> Option<&Path> {
        let dest = self.dest(id);
        if dest.best() { self.paths.get(dest.first.0 as usize) } else { None }
    }

    /// The path of a peer.
    pub(crate) fn path_of(&self, id: DestId, peer: PeerId, path_id: u32) -> Option<PathIdx> {
        self.paths(id).find(|(_, p)| p.peer == peer && p.path_id == path_id).map(|(at, _)| at)
    }

    /// Puts a path behind the best one of its prefix.
    pub(crate) fn add_path(&mut self, id: DestId, path: Path) -> PathIdx {
        let at = if self.free_path == PathIdx::NIL {
            self.paths.push(path);
            PathIdx((self.paths.len() - 1) as u32)
        } else {
            let at = self.free_path;
            self.free_path = self.path(at).next;
            *self.path_mut(at) = path;
            at
        };
        let dest = self.dests[id.0 as usize];
        if dest.best() {
            let second = std::mem::replace(&mut self.path_mut(dest.first).next, at);
            self.path_mut(at).next = second;
        } else {
            self.path_mut(at).next = dest.first;
            self.dest_mut(id).first = at;
        }
        self.path_count += 1;
        at
    }

    /// Takes a path out of its prefix and returns it; the caller releases its attributes.
    pub(crate) fn remove_path(&mut self, id: DestId, at: PathIdx) -> Path {
        let removed = *self.path(at);
        if self.dest(id).first == at {
            let dest = self.dest_mut(id);
            dest.first = removed.next;
            dest.set_touched(dest.touched() || dest.best());
            dest.set_best(false);
        } else {
            let before = self.paths(id).find(|(_, p)| p.next == at).map(|(b, _)| b);
            if let Some(before) = before {
                self.path_mut(before).next = removed.next;
            }
        }
        self.path_mut(at).next = self.free_path;
        self.free_path = at;
        self.path_count -= 1;
        removed
    }

    /// Moves a path to the front of its prefix.
    pub(crate) fn move_to_front(&mut self, id: DestId, at: PathIdx) {
        let first = self.dest(id).first;
        if first == at {
            return;
        }
        let before = self.paths(id).find(|(_, p)| p.next == at).map(|(b, _)| b);
        if let Some(before) = before {
            let next = self.path(at).next;
            self.path_mut(before).next = next;
            self.path_mut(at).next = first;
            self.dest_mut(id).first = at;
        }
    }

    /// Queues the prefix for the decision.
    pub(crate) fn mark_dirty(&mut self, id: DestId) {
        self.changes += 1;
        let dest = &mut self.dests[id.0 as usize];
        if !dest.dirty() {
            dest.set_dirty(true);
            self.dirty.push_back(id);
        }
    }

    /// Takes the prefix that has waited longest for the decision.
    pub(crate) fn pop_dirty(&mut self) -> Option<DestId> {
        self.dirty.pop_front()
    }

    /// How many wait for the decision.
    pub(crate) fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    /// Whether anything waits for the decision.
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Forgets the prefix if it has neither path nor pin; true if so.
    pub(crate) fn reap(&mut self, id: DestId) -> bool {
        let dest = self.dest(id);
        if dest.first != PathIdx::NIL || dest.pins > 0 || dest.dirty() {
            return false;
        }
        self.index.remove(dest.prefix);
        self.free_dests.push(id.0);
        true
    }

    /// Numbers in order of prefix, behind `after`.
    pub(crate) fn ids_after(&self, after: Option<P>) -> impl Iterator<Item = (P, DestId)> {
        self.index.iter_after(after).map(|(p, id)| (p, DestId(*id)))
    }

    /// Numbers of `prefix` and all that it covers, in order.
    pub(crate) fn ids_covered_by(&self, prefix: P) -> impl Iterator<Item = (P, DestId)> {
        self.index.covered_by(prefix).map(|(p, id)| (p, DestId(*id)))
    }

    /// The most specific prefix that covers `prefix` and has a best path.
    pub(crate) fn longest_match(&self, prefix: P) -> Option<DestId> {
        let live = |_: P, id: &u32| self.dests[*id as usize].first != PathIdx::NIL;
        self.index.longest_match_if(prefix, live).map(|(_, id)| DestId(*id))
    }

    /// Whether `id` names a prefix now. Numbers are dense, so a sweep goes over `0..dest_capacity()` and asks this.
    pub(crate) fn is_live(&self, id: DestId) -> bool {
        let dest = self.dest(id);
        dest.first != PathIdx::NIL || dest.pins > 0
    }
}

/// Paths of one prefix.
#[derive(Debug)]
pub(crate) struct PathIter<'a, P: TablePrefix> {
    table: &'a Table<P>,
    at: PathIdx,
}

impl<'a, P: TablePrefix> Iterator for PathIter<'a, P> {
    type Item = (PathIdx, &'a Path);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == PathIdx::NIL {
            return None;
        }
        let at = self.at;
        let path = self.table.path(at);
        self.at = path.next;
        Some((at, path))
    }
}
