//! One table: prefixes of one VRF, kernel table and family.
//!
//! # Data
//! An ordered map from prefix to a slot number, and parallel arrays over slots: 12 octets of state and the bits of the
//! address. One million IPv4 prefixes take about 37 MB. The common prefix has one candidate, whose
//! specification id stands in the entry itself; further candidates move to a side table.
//!
//! # Invariants
//! A slot without candidates stays until it is in no queue, nothing of it is in flight, and the kernel has no route.

use std::collections::VecDeque;

use ferr_prefixmap::PrefixMap;
use ferr_types::{Afi, Ipv4Prefix, Ipv6Prefix, Prefix, TableId, VrfId};
use smallvec::SmallVec;

/// No candidate.
pub(crate) const NONE: u32 = u32::MAX;

/// State bits of an entry.
pub(crate) mod flag {
    /// `cand` names a list of candidates.
    pub(crate) const MULTI: u8 = 1;
    /// In the FIB queue.
    pub(crate) const DIRTY: u8 = 1 << 1;
    /// In the redistribution queue.
    pub(crate) const REDIST: u8 = 1 << 2;
    /// A route of ours may be in the kernel.
    pub(crate) const IN_KERNEL: u8 = 1 << 3;
    /// The kernel acknowledged the wanted state.
    pub(crate) const INSTALLED: u8 = 1 << 4;
    /// The kernel refused the wanted state.
    pub(crate) const FAILED: u8 = 1 << 5;
    /// The single candidate is selected.
    pub(crate) const SELECTED: u8 = 1 << 6;
    /// Seen in the dump of the running reconciliation.
    pub(crate) const SEEN: u8 = 1 << 7;
}

/// Bit of [`Entry::busy`]: in the queue of routes that can wait.
const LATE: u8 = 1 << 7;

impl Entry {
    /// Operations sent and not yet acknowledged.
    pub(crate) const fn inflight(&self) -> u8 {
        self.busy & !LATE
    }

    /// One more operation is on its way.
    pub(crate) const fn sent_one(&mut self) {
        if self.inflight() < !LATE {
            self.busy += 1;
        }
    }

    /// The answer to one operation came.
    pub(crate) const fn acked_one(&mut self) {
        if self.inflight() > 0 {
            self.busy -= 1;
        }
    }

    pub(crate) const fn is_late(&self) -> bool {
        self.busy & LATE != 0
    }

    pub(crate) const fn set_late(&mut self, late: bool) {
        self.busy = self.inflight() | if late { LATE } else { 0 };
    }
}

/// State of one prefix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Specification of the only candidate, or index of the list, or [`NONE`].
    pub(crate) cand: u32,
    /// Seconds since the RIB's epoch.
    pub(crate) since: u32,
    /// Prefix length; keeps the slot arrays free of padding.
    pub(crate) len: u8,
    pub(crate) flags: u8,
    /// Number of operations in flight, and whether it is in the queue of routes that can wait.
    busy: u8,
    /// `rtm_protocol` of the route that the kernel has from us.
    pub(crate) sent: u8,
}

const _: () = assert!(size_of::<Entry>() == 12);

impl Entry {
    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) const fn set(&mut self, flag: u8, on: bool) {
        if on {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }
}

/// One of several candidates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) spec: u32,
    pub(crate) since: u32,
}

/// Routes of one specification in a table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SpecCounts {
    pub(crate) routes: u32,
    pub(crate) selected: u32,
    /// Selected, and acknowledged by the kernel.
    pub(crate) installed: u32,
}

/// Candidates of a prefix that has several, best first; and which is selected.
#[derive(Debug, Default)]
pub(crate) struct CandidateList {
    pub(crate) list: SmallVec<[Candidate; 3]>,
    pub(crate) selected: Option<u32>,
}

enum Index {
    V4 { map: PrefixMap<Ipv4Prefix, u32>, bits: Vec<u32> },
    V6 { map: PrefixMap<Ipv6Prefix, u32>, bits: Vec<[u64; 2]> },
}

/// Names a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableKey {
    pub(crate) vrf: VrfId,
    /// `None` is the VRF's own table.
    pub(crate) table: Option<TableId>,
    pub(crate) afi: Afi,
}

pub(crate) struct Table {
    pub(crate) key: TableKey,
    index: Index,
    pub(crate) entries: Vec<Entry>,
    free: Vec<u32>,
    pub(crate) lists: Vec<CandidateList>,
    free_lists: Vec<u32>,
    /// Slots to be sent to the kernel, in order of arrival (sorted sending makes the kernel's trie slow).
    pub(crate) queue: VecDeque<u32>,
    /// Slots whose forwarding stays although their group is another: sent when nothing else is.
    pub(crate) late: VecDeque<u32>,
    /// Slots to be told to redistribution subscribers.
    pub(crate) redist: VecDeque<u32>,
    /// Bits of subscribed protocols.
    pub(crate) redist_protocols: u16,
}

impl Table {
    pub(crate) fn new(key: TableKey) -> Self {
        let index = match key.afi {
            Afi::Ipv4 => Index::V4 { map: PrefixMap::default(), bits: Vec::new() },
            Afi::Ipv6 => Index::V6 { map: PrefixMap::default(), bits: Vec::new() },
        };
        Self {
            key,
            index,
            entries: Vec::new(),
            free: Vec::new(),
            lists: Vec::new(),
            free_lists: Vec::new(),
            queue: VecDeque::new(),
            late: VecDeque::new(),
            redist: VecDeque::new(),
            redist_protocols: 0,
        }
    }

    pub(crate) fn find(&self, prefix: Prefix) -> Option<u32> {
        match (&self.index, prefix) {
            (Index::V4 { map, .. }, Prefix::V4(p)) => map.get(p).copied(),
            (Index::V6 { map, .. }, Prefix::V6(p)) => map.get(p).copied(),
            _ => None,
        }
    }

    /// Slot of the prefix, made when there is none; `None` when it is of another family.
    pub(crate) fn find_or_insert(&mut self, prefix: Prefix) -> Option<u32> {
        let fresh = self.free.last().copied().unwrap_or(self.entries.len() as u32);
        let slot = match (&mut self.index, prefix) {
            (Index::V4 { map, .. }, Prefix::V4(p)) => *map.get_or_insert_with(p, || fresh),
            (Index::V6 { map, .. }, Prefix::V6(p)) => *map.get_or_insert_with(p, || fresh),
            _ => return None,
        };
        let is_new = slot == fresh;
        if !is_new {
            return Some(slot);
        }
        let entry = Entry { cand: NONE, since: 0, len: prefix.len(), flags: 0, busy: 0, sent: 0 };
        if self.free.pop().is_some() {
            self.entries[slot as usize] = entry;
        } else {
            self.entries.push(entry);
        }
        match (&mut self.index, prefix) {
            (Index::V4 { bits, .. }, Prefix::V4(p)) => put(bits, slot, p.bits()),
            (Index::V6 { bits, .. }, Prefix::V6(p)) => {
                put(bits, slot, [(p.bits() >> 64) as u64, p.bits() as u64]);
            }
            _ => {}
        }
        Some(slot)
    }

    /// Prefix of a slot in use.
    pub(crate) fn prefix(&self, slot: u32) -> Prefix {
        let len = self.entries[slot as usize].len;
        let prefix = match &self.index {
            Index::V4 { bits, .. } => Ipv4Prefix::from_bits(bits[slot as usize], len).map(Prefix::V4),
            Index::V6 { bits, .. } => {
                let [hi, lo] = bits[slot as usize];
                Ipv6Prefix::from_bits(u128::from(hi) << 64 | u128::from(lo), len).map(Prefix::V6)
            }
        };
        prefix.unwrap_or(Prefix::default_route(self.key.afi))
    }

    /// Frees a slot that nothing refers to any more.
    pub(crate) fn collect(&mut self, slot: u32) {
        let entry = self.entries[slot as usize];
        let busy = flag::DIRTY | flag::REDIST | flag::IN_KERNEL;
        if entry.cand != NONE || entry.flags & busy != 0 || entry.busy > 0 {
            return;
        }
        let removed = match (self.prefix(slot), &mut self.index) {
            (Prefix::V4(p), Index::V4 { map, .. }) => map.remove(p),
            (Prefix::V6(p), Index::V6 { map, .. }) => map.remove(p),
            _ => None,
        };
        // A slot that the map does not name was collected before.
        if removed.is_some() {
            self.free.push(slot);
        }
    }

    /// Longest match that `accept` takes.
    pub(crate) fn longest_match(&self, target: Prefix, mut accept: impl FnMut(u32) -> bool) -> Option<u32> {
        match (&self.index, target) {
            (Index::V4 { map, .. }, Prefix::V4(p)) => {
                map.longest_match_if(p, |_, slot| accept(*slot)).map(|(_, s)| *s)
            }
            (Index::V6 { map, .. }, Prefix::V6(p)) => {
                map.longest_match_if(p, |_, slot| accept(*slot)).map(|(_, s)| *s)
            }
            _ => None,
        }
    }

    /// Slots in prefix order, behind `after`.
    pub(crate) fn iter_after(&self, after: Option<Prefix>) -> Box<dyn Iterator<Item = u32> + '_> {
        match &self.index {
            Index::V4 { map, .. } => {
                let after = after.and_then(|p| if let Prefix::V4(p) = p { Some(p) } else { None });
                Box::new(map.iter_after(after).map(|(_, s)| *s))
            }
            Index::V6 { map, .. } => {
                let after = after.and_then(|p| if let Prefix::V6(p) = p { Some(p) } else { None });
                Box::new(map.iter_after(after).map(|(_, s)| *s))
            }
        }
    }

    /// Candidates, best first.
    pub(crate) fn candidates(&self, slot: u32) -> SmallVec<[Candidate; 3]> {
        let entry = &self.entries[slot as usize];
        if entry.cand == NONE {
            SmallVec::new()
        } else if entry.has(flag::MULTI) {
            self.lists[entry.cand as usize].list.clone()
        } else {
            SmallVec::from_slice(&[Candidate { spec: entry.cand, since: entry.since }])
        }
    }

    /// Candidates behind the selected one, best first.
    pub(crate) fn further_candidates(&self, slot: u32) -> impl Iterator<Item = &Candidate> {
        let entry = &self.entries[slot as usize];
        let list = if entry.cand != NONE && entry.has(flag::MULTI) {
            &self.lists[entry.cand as usize].list[..]
        } else {
            &[]
        };
        let selected = self.selected(slot);
        list.iter().skip_while(move |c| Some(c.spec) != selected).skip(1)
    }

    /// Specification of the selected candidate.
    #[inline]
    pub(crate) fn selected(&self, slot: u32) -> Option<u32> {
        let entry = &self.entries[slot as usize];
        if entry.cand == NONE {
            None
        } else if entry.has(flag::MULTI) {
            self.lists[entry.cand as usize].selected
        } else {
            entry.has(flag::SELECTED).then_some(entry.cand)
        }
    }

    /// How often each specification occurs. Specifications are not looked at: there are far fewer of them than routes.
    pub(crate) fn counts_by_spec(&self) -> Vec<SpecCounts> {
        let mut counts: Vec<SpecCounts> = Vec::new();
        let mut count = |spec: u32, selected: bool, installed: bool| {
            let at = spec as usize;
            if counts.len() <= at {
                counts.resize(at + 1, SpecCounts::default());
            }
            counts[at].routes += 1;
            counts[at].selected += u32::from(selected);
            counts[at].installed += u32::from(selected && installed);
        };
        for entry in self.entries.iter().filter(|e| e.cand != NONE) {
            let installed = entry.has(flag::INSTALLED);
            if entry.has(flag::MULTI) {
                let list = &self.lists[entry.cand as usize];
                list.list.iter().for_each(|c| count(c.spec, list.selected == Some(c.spec), installed));
            } else {
                count(entry.cand, entry.has(flag::SELECTED), installed);
            }
        }
        counts
    }

    /// Notes which candidate is selected.
    pub(crate) fn set_selected(&mut self, slot: u32, spec: Option<u32>) {
        let entry = &mut self.entries[slot as usize];
        if entry.has(flag::MULTI) {
            self.lists[entry.cand as usize].selected = spec;
        } else {
            entry.set(flag::SELECTED, spec.is_some());
        }
    }

    /// Replaces all candidates; best first.
    pub(crate) fn set_candidates(&mut self, slot: u32, list: SmallVec<[Candidate; 3]>) {
        let entry = &mut self.entries[slot as usize];
        let selected = if entry.has(flag::MULTI) {
            let old = std::mem::take(&mut self.lists[entry.cand as usize]);
            if list.len() < 2 {
                self.free_lists.push(entry.cand);
            }
            old.selected
        } else {
            (entry.cand != NONE && entry.has(flag::SELECTED)).then_some(entry.cand)
        };
        let still = selected.filter(|spec| list.iter().any(|c| c.spec == *spec));
        if list.len() >= 2 {
            let index = if entry.has(flag::MULTI) {
                entry.cand
            } else if let Some(index) = self.free_lists.pop() {
                index
            } else {
                self.lists.push(CandidateList::default());
                (self.lists.len() - 1) as u32
            };
            self.lists[index as usize] = CandidateList { list, selected: still };
            entry.cand = index;
            entry.set(flag::MULTI, true);
        } else {
            entry.set(flag::MULTI, false);
            entry.cand = list.first().map_or(NONE, |c| c.spec);
            entry.since = list.first().map_or(0, |c| c.since);
        }
        self.set_selected(slot, still);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

fn put<B: Copy>(bits: &mut Vec<B>, slot: u32, value: B) {
    match bits.get_mut(slot as usize) {
        Some(place) => *place = value,
        None => bits.push(value),
    }
}
