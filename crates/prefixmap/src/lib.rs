//! Ordered maps keyed by prefix, with exact and longest-prefix match.
//!
//! # Data
//! Sorted keys in flat memory: a B-tree over packed keys, and for large IPv4 tables buckets of sorted arrays by the upper
//! 16 address bits ([`Index4`]). An entry with a 4-octet value takes 10 octets of a full table, where a pointer trie needs
//! three to five times that, and iteration in prefix order, which every `show` cursor wants, is free. Exact look-ups, the only
//! ones on the path of an UPDATE, touch one or two cache lines; longest match costs a few probes and serves next-hop
//! resolution and policy only.
//!
//! # Invariants
//! Keys order by address, then length, so a covering prefix stands before everything that it covers, and all that
//! it covers is contiguous.
#![forbid(unsafe_code)]

mod buckets;
mod index;

use std::net::IpAddr;
use std::ops::Bound;

use ferr_types::{Afi, Ipv4Prefix, Ipv6Prefix, Prefix};

pub use buckets::Index4;
pub use index::Index;

/// A prefix type that can be a key.
pub trait PrefixKey: Copy + Eq {
    /// What the B-tree compares; its order is address, then length.
    type Packed: Copy + Ord + std::fmt::Debug;
    /// What holds the entries.
    type Index<V>: Index<Self::Packed, V>;
    /// Bits of the address.
    const MAX_LEN: u8;

    /// To the packed form.
    fn pack(self) -> Self::Packed;
    /// From the packed form.
    fn unpack(packed: Self::Packed) -> Self;
    /// Prefix length.
    fn prefix_len(self) -> u8;
    /// Whether `other` is this or more specific.
    fn covers_key(self, other: Self) -> bool;
    /// The prefix shortened to `len`.
    #[must_use]
    fn shorten(self, len: u8) -> Self;
    /// Leading bits that both addresses share, at most the shorter of the two lengths.
    fn common_len(self, other: Self) -> u8;
    /// The last key, in order, that this prefix covers.
    fn last_covered(self) -> Self::Packed;
}

impl PrefixKey for Ipv4Prefix {
    type Packed = u64;
    type Index<V> = Index4<V>;
    const MAX_LEN: u8 = 32;

    #[inline]
    fn pack(self) -> u64 {
        u64::from(self.bits()) << 8 | u64::from(self.len())
    }

    #[inline]
    fn unpack(packed: u64) -> Self {
        // The packed form came from a valid prefix.
        Self::from_bits((packed >> 8) as u32, packed as u8).unwrap_or(Self::DEFAULT)
    }

    fn prefix_len(self) -> u8 {
        self.len()
    }

    fn covers_key(self, other: Self) -> bool {
        self.covers(other)
    }

    fn shorten(self, len: u8) -> Self {
        self.truncate(len)
    }

    fn common_len(self, other: Self) -> u8 {
        let shared = (self.bits() ^ other.bits()).leading_zeros() as u8;
        shared.min(self.len()).min(other.len())
    }

    fn last_covered(self) -> u64 {
        let host = if self.len() == 0 { u32::MAX } else { !(u32::MAX << (32 - self.len() as u32).min(31)) };
        let host = if self.len() == 32 { 0 } else { host };
        u64::from(self.bits() | host) << 8 | 32
    }
}

impl PrefixKey for Ipv6Prefix {
    type Packed = Self;
    type Index<V> = std::collections::BTreeMap<Self, V>;
    const MAX_LEN: u8 = 128;

    #[inline]
    fn pack(self) -> Self {
        self
    }

    #[inline]
    fn unpack(packed: Self) -> Self {
        packed
    }

    fn prefix_len(self) -> u8 {
        self.len()
    }

    fn covers_key(self, other: Self) -> bool {
        self.covers(other)
    }

    fn shorten(self, len: u8) -> Self {
        self.truncate(len)
    }

    fn common_len(self, other: Self) -> u8 {
        let shared = (self.bits() ^ other.bits()).leading_zeros() as u8;
        shared.min(self.len()).min(other.len())
    }

    fn last_covered(self) -> Self {
        let host = u128::MAX.checked_shr(u32::from(self.len())).unwrap_or(0);
        Self::host((self.bits() | host).into())
    }
}

/// Map from prefixes of one family.
pub struct PrefixMap<P: PrefixKey, V>(P::Index<V>);

impl<P: PrefixKey, V> Default for PrefixMap<P, V> {
    fn default() -> Self {
        Self(P::Index::default())
    }
}

impl<P: PrefixKey, V: Clone> Clone for PrefixMap<P, V> {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        self.iter().for_each(|(p, v)| drop(copy.insert(p, v.clone())));
        copy
    }
}

impl<P: PrefixKey + std::fmt::Debug, V: std::fmt::Debug> std::fmt::Debug for PrefixMap<P, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<P: PrefixKey, V> PrefixMap<P, V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value of exactly `prefix`.
    #[inline]
    pub fn get(&self, prefix: P) -> Option<&V> {
        self.0.get(prefix.pack())
    }

    /// Value of exactly `prefix`, mutable.
    #[inline]
    pub fn get_mut(&mut self, prefix: P) -> Option<&mut V> {
        self.0.get_mut(prefix.pack())
    }

    /// Puts a value and returns the one before it.
    pub fn insert(&mut self, prefix: P, value: V) -> Option<V> {
        match self.get_mut(prefix) {
            Some(held) => Some(std::mem::replace(held, value)),
            None => {
                self.0.get_or_insert_with(prefix.pack(), || value);
                None
            }
        }
    }

    /// The value of `prefix`, made by `f` when there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, prefix: P, f: impl FnOnce() -> V) -> &mut V {
        self.0.get_or_insert_with(prefix.pack(), f)
    }

    /// Takes the value of exactly `prefix` out.
    pub fn remove(&mut self, prefix: P) -> Option<V> {
        self.0.remove(prefix.pack())
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.0 = P::Index::default();
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (P, &V)> {
        self.iter_after(None)
    }

    /// All entries in order, values mutable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (P, &mut V)> {
        self.0.iter_mut().map(|(k, v)| (P::unpack(k), v))
    }

    /// Entries in order that stand behind `after`; from the start for `None`. The place to resume a cursor.
    pub fn iter_after(&self, after: Option<P>) -> impl Iterator<Item = (P, &V)> {
        let start = after.map_or(Bound::Unbounded, |p| Bound::Excluded(p.pack()));
        self.0.from(start).map(|(k, v)| (P::unpack(k), v))
    }

    /// `prefix` itself, if present, and everything more specific, in order.
    pub fn covered_by(&self, prefix: P) -> impl Iterator<Item = (P, &V)> {
        let last = prefix.last_covered();
        let covered = self.0.from(Bound::Included(prefix.pack())).take_while(move |(k, _)| *k <= last);
        covered.map(|(k, v)| (P::unpack(k), v))
    }

    /// The most specific entry that covers `prefix` and that `accept` takes.
    pub fn longest_match_if(&self, prefix: P, mut accept: impl FnMut(P, &V) -> bool) -> Option<(P, &V)> {
        let mut probe = prefix;
        loop {
            // Every entry that covers `probe` stands at or before it. The nearest entry before it either covers it,
            // or shares fewer leading bits than itself has: then no entry longer than those shared bits can cover.
            let (key, value) = self.0.last_until(probe.pack())?;
            let found = P::unpack(key);
            if found.covers_key(probe) {
                if accept(found, value) {
                    return Some((found, value));
                }
                if found.prefix_len() == 0 {
                    return None;
                }
                probe = probe.shorten(found.prefix_len() - 1);
            } else {
                probe = probe.shorten(found.common_len(probe));
            }
        }
    }

    /// The most specific entry that covers `prefix`.
    pub fn longest_match(&self, prefix: P) -> Option<(P, &V)> {
        self.longest_match_if(prefix, |_, _| true)
    }
}

/// Map from prefixes of both families.
#[derive(Debug, Clone)]
pub struct DualMap<V> {
    /// IPv4 part.
    pub v4: PrefixMap<Ipv4Prefix, V>,
    /// IPv6 part.
    pub v6: PrefixMap<Ipv6Prefix, V>,
}

impl<V> Default for DualMap<V> {
    fn default() -> Self {
        Self { v4: PrefixMap::default(), v6: PrefixMap::default() }
    }
}

impl<V> DualMap<V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Number of entries of one family.
    pub fn len_of(&self, afi: Afi) -> usize {
        match afi {
            Afi::Ipv4 => self.v4.len(),
            Afi::Ipv6 => self.v6.len(),
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value of exactly `prefix`.
    pub fn get(&self, prefix: Prefix) -> Option<&V> {
        match prefix {
            Prefix::V4(p) => self.v4.get(p),
            Prefix::V6(p) => self.v6.get(p),
        }
    }

    /// Value of exactly `prefix`, mutable.
    pub fn get_mut(&mut self, prefix: Prefix) -> Option<&mut V> {
        match prefix {
            Prefix::V4(p) => self.v4.get_mut(p),
            Prefix::V6(p) => self.v6.get_mut(p),
        }
    }

    /// Puts a value and returns the one before it.
    pub fn insert(&mut self, prefix: Prefix, value: V) -> Option<V> {
        match prefix {
            Prefix::V4(p) => self.v4.insert(p, value),
            Prefix::V6(p) => self.v6.insert(p, value),
        }
    }

    /// The value of `prefix`, made by `f` when there is none.
    pub fn get_or_insert_with(&mut self, prefix: Prefix, f: impl FnOnce() -> V) -> &mut V {
        match prefix {
            Prefix::V4(p) => self.v4.get_or_insert_with(p, f),
            Prefix::V6(p) => self.v6.get_or_insert_with(p, f),
        }
    }

    /// Takes the value of exactly `prefix` out.
    pub fn remove(&mut self, prefix: Prefix) -> Option<V> {
        match prefix {
            Prefix::V4(p) => self.v4.remove(p),
            Prefix::V6(p) => self.v6.remove(p),
        }
    }

    /// All entries, IPv4 first, each family in order.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &V)> {
        self.v4.iter().map(|(p, v)| (Prefix::V4(p), v)).chain(self.v6.iter().map(|(p, v)| (Prefix::V6(p), v)))
    }

    /// Entries of one family in order, behind `after`.
    pub fn iter_after(&self, afi: Afi, after: Option<Prefix>) -> Box<dyn Iterator<Item = (Prefix, &V)> + '_> {
        match (afi, after) {
            (Afi::Ipv4, Some(Prefix::V4(p))) => {
                Box::new(self.v4.iter_after(Some(p)).map(|(p, v)| (Prefix::V4(p), v)))
            }
            (Afi::Ipv4, _) => Box::new(self.v4.iter_after(None).map(|(p, v)| (Prefix::V4(p), v))),
            (Afi::Ipv6, Some(Prefix::V6(p))) => {
                Box::new(self.v6.iter_after(Some(p)).map(|(p, v)| (Prefix::V6(p), v)))
            }
            (Afi::Ipv6, _) => Box::new(self.v6.iter_after(None).map(|(p, v)| (Prefix::V6(p), v))),
        }
    }

    /// `prefix` itself, if present, and everything more specific, in order.
    pub fn covered_by(&self, prefix: Prefix) -> Box<dyn Iterator<Item = (Prefix, &V)> + '_> {
        match prefix {
            Prefix::V4(p) => Box::new(self.v4.covered_by(p).map(|(p, v)| (Prefix::V4(p), v))),
            Prefix::V6(p) => Box::new(self.v6.covered_by(p).map(|(p, v)| (Prefix::V6(p), v))),
        }
    }

    /// The most specific entry that covers `prefix`.
    pub fn longest_match(&self, prefix: Prefix) -> Option<(Prefix, &V)> {
        match prefix {
            Prefix::V4(p) => self.v4.longest_match(p).map(|(p, v)| (Prefix::V4(p), v)),
            Prefix::V6(p) => self.v6.longest_match(p).map(|(p, v)| (Prefix::V6(p), v)),
        }
    }

    /// The most specific entry that covers `addr`.
    pub fn lookup(&self, addr: IpAddr) -> Option<(Prefix, &V)> {
        self.longest_match(Prefix::host(addr))
    }
}

#[cfg(test)]
mod tests;
