//! IPv4 keys: a B-tree while they are few, buckets of sorted arrays when they are many.
//!
//! # Data
//! A bucket holds the prefixes whose address has the same upper 16 bits, as (lower 24 bits of the packed key, value), sorted.
//! Real tables put some 20 prefixes into a bucket, so a look-up is one index and a search within two or three cache lines, and an
//! insertion moves a hundred octets. What a look-up costs in a full table is the lines that are not in the cache. A bucket with more than [`CROWDED`] entries becomes a tree, so that a peer
//! that fills one with host routes cannot make insertions slow.
//!
//! # Invariants
//! A bit in `used` is set exactly if its bucket is not empty.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::index::Index;

/// Entries from which on buckets are used: their directory takes 1.5 MiB.
const MANY: usize = 65_536;
const BUCKETS: usize = 1 << 16;
/// Bits of a packed key within its bucket: 16 of the address, 8 of the length.
const LOW_BITS: u32 = 24;
/// Entries above which a bucket is a tree.
const CROWDED: usize = 2048;

/// See the module.
#[derive(Debug)]
pub struct Index4<V>(Form<V>);

#[derive(Debug)]
enum Form<V> {
    Few(BTreeMap<u64, V>),
    Many(Buckets<V>),
}

#[derive(Debug)]
struct Buckets<V> {
    all: Vec<Bucket<V>>,
    used: Vec<u64>,
    len: usize,
}

#[derive(Debug)]
enum Bucket<V> {
    Flat(Vec<(u32, V)>),
    Tree(BTreeMap<u32, V>),
}

impl<V> Bucket<V> {
    fn get(&self, low: u32) -> Option<&V> {
        match self {
            Self::Flat(flat) => flat.binary_search_by_key(&low, |e| e.0).ok().map(|at| &flat[at].1),
            Self::Tree(tree) => tree.get(&low),
        }
    }

    fn get_mut(&mut self, low: u32) -> Option<&mut V> {
        match self {
            Self::Flat(flat) => {
                let at = flat.binary_search_by_key(&low, |e| e.0).ok()?;
                Some(&mut flat[at].1)
            }
            Self::Tree(tree) => tree.get_mut(&low),
        }
    }

    /// The value, and whether it is new.
    fn insert(&mut self, low: u32, f: impl FnOnce() -> V) -> (&mut V, bool) {
        if let Self::Flat(flat) = self
            && flat.len() >= CROWDED
        {
            *self = Self::Tree(std::mem::take(flat).into_iter().collect());
        }
        match self {
            Self::Flat(flat) => match flat.binary_search_by_key(&low, |e| e.0) {
                Ok(at) => (&mut flat[at].1, false),
                Err(at) => {
                    if flat.len() == flat.capacity() {
                        // Doubling would leave a quarter of a table empty.
                        flat.reserve_exact((flat.len() / 4).max(8));
                    }
                    flat.insert(at, (low, f()));
                    (&mut flat[at].1, true)
                }
            },
            Self::Tree(tree) => {
                let new = !tree.contains_key(&low);
                (tree.entry(low).or_insert_with(f), new)
            }
        }
    }

    fn remove(&mut self, low: u32) -> Option<V> {
        match self {
            Self::Flat(flat) => {
                let at = flat.binary_search_by_key(&low, |e| e.0).ok()?;
                let (_, value) = flat.remove(at);
                if flat.len() < flat.capacity() / 3 {
                    flat.shrink_to_fit();
                }
                Some(value)
            }
            Self::Tree(tree) => {
                let value = tree.remove(&low)?;
                if tree.len() < CROWDED / 2 {
                    *self = Self::Flat(std::mem::take(tree).into_iter().collect());
                }
                Some(value)
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Flat(flat) => flat.is_empty(),
            Self::Tree(tree) => tree.is_empty(),
        }
    }

    /// The last entry up to `low`.
    fn last_until(&self, low: u32) -> Option<(u32, &V)> {
        match self {
            Self::Flat(flat) => {
                let at = flat.partition_point(|e| e.0 <= low).checked_sub(1)?;
                flat.get(at).map(|e| (e.0, &e.1))
            }
            Self::Tree(tree) => tree.range(..=low).next_back().map(|(k, v)| (*k, v)),
        }
    }

    fn from(&self, start: Bound<u32>) -> impl Iterator<Item = (u32, &V)> {
        let (flat, tree) = match self {
            Self::Flat(flat) => {
                let skip = match start {
                    Bound::Unbounded => 0,
                    Bound::Included(low) => flat.partition_point(|e| e.0 < low),
                    Bound::Excluded(low) => flat.partition_point(|e| e.0 <= low),
                };
                (Some(flat[skip..].iter()), None)
            }
            Self::Tree(tree) => (None, Some(tree.range((start, Bound::Unbounded)))),
        };
        let flat = flat.into_iter().flatten().map(|e| (e.0, &e.1));
        flat.chain(tree.into_iter().flatten().map(|(k, v)| (*k, v)))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut V)> {
        let (flat, tree) = match self {
            Self::Flat(flat) => (Some(flat.iter_mut()), None),
            Self::Tree(tree) => (None, Some(tree.iter_mut())),
        };
        let flat = flat.into_iter().flatten().map(|e| (e.0, &mut e.1));
        flat.chain(tree.into_iter().flatten().map(|(k, v)| (*k, v)))
    }
}

const fn split(key: u64) -> (usize, u32) {
    ((key >> LOW_BITS) as usize & (BUCKETS - 1), (key & ((1 << LOW_BITS) - 1)) as u32)
}

const fn join(bucket: usize, low: u32) -> u64 {
    (bucket as u64) << LOW_BITS | low as u64
}

impl<V> Default for Index4<V> {
    fn default() -> Self {
        Self(Form::Few(BTreeMap::new()))
    }
}

impl<V> Buckets<V> {
    fn new(few: BTreeMap<u64, V>) -> Self {
        let mut all = Vec::with_capacity(BUCKETS);
        all.resize_with(BUCKETS, || Bucket::Flat(Vec::new()));
        let mut buckets = Self { all, used: vec![0; BUCKETS / 64], len: 0 };
        for (key, value) in few {
            buckets.insert(key, || value);
        }
        buckets
    }

    fn insert(&mut self, key: u64, f: impl FnOnce() -> V) -> &mut V {
        let (b, low) = split(key);
        let (value, new) = self.all[b].insert(low, f);
        self.len += usize::from(new);
        self.used[b / 64] |= 1 << (b % 64);
        value
    }

    fn remove(&mut self, key: u64) -> Option<V> {
        let (b, low) = split(key);
        let value = self.all[b].remove(low)?;
        self.len -= 1;
        if self.all[b].is_empty() {
            self.used[b / 64] &= !(1 << (b % 64));
        }
        Some(value)
    }

    /// The last bucket before `b` that is not empty.
    fn used_before(&self, b: usize) -> Option<usize> {
        let (mut word, bit) = (b / 64, b % 64);
        let mut bits = self.used[word] & ((1 << bit) - 1);
        while bits == 0 {
            word = word.checked_sub(1)?;
            bits = self.used[word];
        }
        Some(word * 64 + 63 - bits.leading_zeros() as usize)
    }

    fn last_until(&self, key: u64) -> Option<(u64, &V)> {
        let (b, low) = split(key);
        if let Some((low, value)) = self.all[b].last_until(low) {
            return Some((join(b, low), value));
        }
        let b = self.used_before(b)?;
        self.all[b].last_until(u32::MAX).map(|(low, value)| (join(b, low), value))
    }

    fn from(&self, start: Bound<u64>) -> impl Iterator<Item = (u64, &V)> {
        let (b, low) = match start {
            Bound::Unbounded => (0, Bound::Unbounded),
            Bound::Included(key) => (split(key).0, Bound::Included(split(key).1)),
            Bound::Excluded(key) => (split(key).0, Bound::Excluded(split(key).1)),
        };
        let first = self.all[b].from(low).map(move |(low, v)| (join(b, low), v));
        let rest = self.all.iter().enumerate().skip(b + 1);
        first.chain(
            rest.flat_map(|(b, bucket)| bucket.from(Bound::Unbounded).map(move |(low, v)| (join(b, low), v))),
        )
    }
}

impl<V> Index<u64, V> for Index4<V> {
    fn len(&self) -> usize {
        match &self.0 {
            Form::Few(few) => few.len(),
            Form::Many(many) => many.len,
        }
    }

    fn get(&self, key: u64) -> Option<&V> {
        match &self.0 {
            Form::Few(few) => few.get(&key),
            Form::Many(many) => {
                let (b, low) = split(key);
                many.all[b].get(low)
            }
        }
    }

    fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        match &mut self.0 {
            Form::Few(few) => few.get_mut(&key),
            Form::Many(many) => {
                let (b, low) = split(key);
                many.all[b].get_mut(low)
            }
        }
    }

    fn get_or_insert_with(&mut self, key: u64, f: impl FnOnce() -> V) -> &mut V {
        if let Form::Few(few) = &mut self.0
            && few.len() >= MANY
        {
            self.0 = Form::Many(Buckets::new(std::mem::take(few)));
        }
        match &mut self.0 {
            Form::Few(few) => few.entry(key).or_insert_with(f),
            Form::Many(many) => many.insert(key, f),
        }
    }

    fn remove(&mut self, key: u64) -> Option<V> {
        match &mut self.0 {
            Form::Few(few) => few.remove(&key),
            Form::Many(many) => many.remove(key),
        }
    }

    fn from<'a>(&'a self, start: Bound<u64>) -> impl Iterator<Item = (u64, &'a V)>
    where
        V: 'a,
    {
        let (few, many) = match &self.0 {
            Form::Few(few) => (Some(few.range((start, Bound::Unbounded))), None),
            Form::Many(many) => (None, Some(many.from(start))),
        };
        few.into_iter().flatten().map(|(k, v)| (*k, v)).chain(many.into_iter().flatten())
    }

    fn iter_mut<'a>(&'a mut self) -> impl Iterator<Item = (u64, &'a mut V)>
    where
        V: 'a,
    {
        let (few, many) = match &mut self.0 {
            Form::Few(few) => (Some(few), None),
            Form::Many(many) => (None, Some(&mut many.all)),
        };
        let many = many.into_iter().flatten().enumerate();
        let many = many.flat_map(|(b, bucket)| bucket.iter_mut().map(move |(low, v)| (join(b, low), v)));
        few.into_iter().flatten().map(|(k, v)| (*k, v)).chain(many)
    }

    fn last_until(&self, key: u64) -> Option<(u64, &V)> {
        match &self.0 {
            Form::Few(few) => few.range(..=key).next_back().map(|(k, v)| (*k, v)),
            Form::Many(many) => many.last_until(key),
        }
    }
}
