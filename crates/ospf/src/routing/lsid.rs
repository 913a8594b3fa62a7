//! Link State IDs of own LSAs that tell prefixes (RFC 2328 appendix E, RFC 5340 section 4.4.3).

use std::collections::BTreeMap;

use ferr_types::{Ipv4Prefix, Prefix};
use smallvec::SmallVec;

/// Prefixes and IDs of one type in one scope.
///
/// OSPFv2: the shortest of prefixes with one address has it as its ID, the others have their host bits set. A host prefix has no
/// such bits, so it has the address and the shortest yields. OSPFv3: IDs are numbers without a meaning.
#[derive(Debug, Default)]
pub(crate) struct Space {
    ids: BTreeMap<Prefix, u32>,
    by_id: BTreeMap<u32, Prefix>,
    last: u32,
}

/// A prefix whose ID changed: from (if it had one), and to (if it has one).
pub(crate) type Move = (Prefix, Option<u32>, Option<u32>);

const fn host_bits(prefix: Ipv4Prefix) -> u32 {
    !prefix.netmask().to_bits()
}

impl Space {
    /// ID of a prefix.
    pub(crate) fn get(&self, prefix: Prefix) -> Option<u32> {
        self.ids.get(&prefix).copied()
    }

    /// Prefixes that have one.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = Prefix> {
        self.ids.keys().copied()
    }

    /// Gives a prefix an ID; others may have to move.
    pub(crate) fn add(&mut self, prefix: Prefix) -> SmallVec<[Move; 2]> {
        match prefix {
            _ if self.ids.contains_key(&prefix) => SmallVec::new(),
            Prefix::V4(p) => {
                let mut group = self.group(p);
                group.push(p);
                self.assign(group)
            }
            Prefix::V6(_) => {
                self.last = self.last.wrapping_add(1).max(1);
                while self.by_id.contains_key(&self.last) {
                    self.last = self.last.wrapping_add(1).max(1);
                }
                let id = self.last;
                self.set(prefix, id);
                SmallVec::from_iter([(prefix, None, Some(id))])
            }
        }
    }

    /// Takes the ID of a prefix back; others may move.
    pub(crate) fn remove(&mut self, prefix: Prefix) -> SmallVec<[Move; 2]> {
        let Some(id) = self.ids.remove(&prefix) else { return SmallVec::new() };
        self.by_id.remove(&id);
        let mut moves = SmallVec::from_iter([(prefix, Some(id), None)]);
        if let Prefix::V4(p) = prefix {
            let group = self.group(p);
            moves.extend(self.assign(group));
        }
        moves
    }

    fn set(&mut self, prefix: Prefix, id: u32) {
        self.ids.insert(prefix, id);
        self.by_id.insert(id, prefix);
    }

    /// Prefixes with the address of `prefix`, shortest first.
    fn group(&self, prefix: Ipv4Prefix) -> SmallVec<[Ipv4Prefix; 4]> {
        let lengths = 0..=prefix.len();
        let same_addr = |len| Ipv4Prefix::new(prefix.addr(), len).filter(|p| p.addr() == prefix.addr());
        let from = lengths.filter_map(same_addr).next().unwrap_or(prefix);
        let same = self.ids.range(Prefix::V4(from)..);
        same.map_while(|(p, _)| match p {
            Prefix::V4(p) if p.addr() == prefix.addr() => Some(*p),
            _ => None,
        })
        .collect()
    }

    fn assign(&mut self, mut group: SmallVec<[Ipv4Prefix; 4]>) -> SmallVec<[Move; 2]> {
        group.sort_unstable();
        let before: SmallVec<[Option<u32>; 4]> = group.iter().map(|p| self.get(Prefix::V4(*p))).collect();
        for prefix in &group {
            if let Some(id) = self.ids.remove(&Prefix::V4(*prefix)) {
                self.by_id.remove(&id);
            }
        }
        let has_host = group.last().is_some_and(|p| p.len() == 32);
        let mut moves = SmallVec::new();
        for (at, (&prefix, &old)) in group.iter().zip(&before).enumerate() {
            let natural = prefix.len() == 32 || (at == 0 && !(has_host && group.len() > 1));
            let new =
                if natural { Some(self.claim(prefix.bits(), &mut moves)) } else { self.find_free(prefix) };
            if let Some(new) = new {
                self.set(Prefix::V4(prefix), new);
            }
            if old != new {
                moves.push((Prefix::V4(prefix), old, new));
            }
        }
        moves
    }

    /// Frees an ID that is somebody's host bits for whom it is the address.
    fn claim(&mut self, id: u32, moves: &mut SmallVec<[Move; 2]>) -> u32 {
        if let Some(Prefix::V4(other)) = self.by_id.get(&id).copied() {
            let new = self.find_free(other);
            self.ids.remove(&Prefix::V4(other));
            if let Some(new) = new {
                self.set(Prefix::V4(other), new);
            }
            moves.push((Prefix::V4(other), Some(id), new));
        }
        id
    }

    /// The highest ID inside a prefix that is not in use; none when there is a host route for each.
    fn find_free(&self, prefix: Ipv4Prefix) -> Option<u32> {
        let top = prefix.bits() | host_bits(prefix);
        (prefix.bits()..=top).rev().find(|id| !self.by_id.contains_key(id))
    }
}
