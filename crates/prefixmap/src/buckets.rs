//! IPv4 keys: a B-tree while they are few, buckets of sorted arrays when they are many.
//!
//! # Data
//! A bucket holds the prefixes whose address has the same upper 16 bits, as (lower 24 bits of the packed key, value), sorted.
//! Real tables put 15 to 20 prefixes into a bucket, so a look-up is one index and a search within two cache lines, and an
//! insertion moves a few octets. The worst a peer can do is to fill one bucket with all 131,071 prefixes of a /16: then an
//! insertion moves half a megabyte, some 20 microseconds.
//!
//! # Invariants
//! A bit in `used` is set exactly if its bucket is not empty.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::index::Index;

/// Entries from which on buckets are used: their directory takes 1.5 MiB.
const MANY: usize = 16_384;
const BUCKETS: usize = 1 << 16;
/// Bits of a packed key within its bucket: 16 of the address, 8 of the length.
const LOW_BITS: u32 = 24;

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
    all: Vec<Vec<(u32, V)>>,
    used: Vec<u64>,
    len: usize,
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
        all.resize_with(BUCKETS, Vec::new);
        let mut buckets = Self { all, used: vec![0; BUCKETS / 64], len: 0 };
        for (key, value) in few {
            buckets.insert(key, || value);
        }
        buckets
    }

    fn insert(&mut self, key: u64, f: impl FnOnce() -> V) -> &mut V {
        let (b, low) = split(key);
        let bucket = &mut self.all[b];
        let at = match bucket.binary_search_by_key(&low, |e| e.0) {
            Ok(at) => at,
            Err(at) => {
                if bucket.len() == bucket.capacity() {
                    // Doubling would leave a quarter of a table empty.
                    bucket.reserve_exact((bucket.len() / 4).max(4));
                }
                bucket.insert(at, (low, f()));
                self.used[b / 64] |= 1 << (b % 64);
                self.len += 1;
                at
            }
        };
        &mut self.all[b][at].1
    }

    fn remove(&mut self, key: u64) -> Option<V> {
        let (b, low) = split(key);
        let bucket = &mut self.all[b];
        let at = bucket.binary_search_by_key(&low, |e| e.0).ok()?;
        let (_, value) = bucket.remove(at);
        self.len -= 1;
        if bucket.is_empty() {
            *bucket = Vec::new();
            self.used[b / 64] &= !(1 << (b % 64));
        } else if bucket.capacity() > 16 && bucket.len() < bucket.capacity() / 3 {
            bucket.shrink_to_fit();
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
        let within = self.all[b].partition_point(|e| e.0 <= low);
        let (b, entry) = match within.checked_sub(1) {
            Some(at) => (b, self.all[b].get(at)?),
            None => {
                let b = self.used_before(b)?;
                (b, self.all[b].last()?)
            }
        };
        Some((join(b, entry.0), &entry.1))
    }

    fn from(&self, start: Bound<u64>) -> impl Iterator<Item = (u64, &V)> {
        let (b, skip) = match start {
            Bound::Unbounded => (0, 0),
            Bound::Included(key) => {
                let (b, low) = split(key);
                (b, self.all[b].partition_point(|e| e.0 < low))
            }
            Bound::Excluded(key) => {
                let (b, low) = split(key);
                (b, self.all[b].partition_point(|e| e.0 <= low))
            }
        };
        let entries = |b: usize| move |e: &'_ (u32, V)| join(b, e.0);
        let first = self.all[b].iter().skip(skip).map(move |e| (entries(b)(e), &e.1));
        let rest = self.all.iter().enumerate().skip(b + 1);
        first.chain(rest.flat_map(|(b, bucket)| bucket.iter().map(move |e| (join(b, e.0), &e.1))))
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
                let bucket = &many.all[b];
                bucket.binary_search_by_key(&low, |e| e.0).ok().map(|at| &bucket[at].1)
            }
        }
    }

    fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        match &mut self.0 {
            Form::Few(few) => few.get_mut(&key),
            Form::Many(many) => {
                let (b, low) = split(key);
                let bucket = &mut many.all[b];
                let at = bucket.binary_search_by_key(&low, |e| e.0).ok()?;
                Some(&mut bucket[at].1)
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
        let many = many.flat_map(|(b, bucket)| bucket.iter_mut().map(move |e| (join(b, e.0), &mut e.1)));
        few.into_iter().flatten().map(|(k, v)| (*k, v)).chain(many)
    }

    fn last_until(&self, key: u64) -> Option<(u64, &V)> {
        match &self.0 {
            Form::Few(few) => few.range(..=key).next_back().map(|(k, v)| (*k, v)),
            Form::Many(many) => many.last_until(key),
        }
    }
}
