//! What a map needs of the structure that holds its entries.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Sorted keys with values.
pub trait Index<K: Copy + Ord, V>: Default {
    /// Number of entries.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Value of a key.
    fn get(&self, key: K) -> Option<&V>;
    /// Value of a key, mutable.
    fn get_mut(&mut self, key: K) -> Option<&mut V>;
    /// Value of a key, made by `f` when there is none.
    fn get_or_insert_with(&mut self, key: K, f: impl FnOnce() -> V) -> &mut V;
    /// Takes a value out.
    fn remove(&mut self, key: K) -> Option<V>;
    /// Entries in order from a bound.
    fn from<'a>(&'a self, start: Bound<K>) -> impl Iterator<Item = (K, &'a V)>
    where
        V: 'a;
    /// All entries in order, values mutable.
    fn iter_mut<'a>(&'a mut self) -> impl Iterator<Item = (K, &'a mut V)>
    where
        V: 'a;
    /// The greatest key that is not above `key`.
    fn last_until(&self, key: K) -> Option<(K, &V)>;
}

impl<K: Copy + Ord, V> Index<K, V> for BTreeMap<K, V> {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn get(&self, key: K) -> Option<&V> {
        Self::get(self, &key)
    }

    fn get_mut(&mut self, key: K) -> Option<&mut V> {
        Self::get_mut(self, &key)
    }

    fn get_or_insert_with(&mut self, key: K, f: impl FnOnce() -> V) -> &mut V {
        self.entry(key).or_insert_with(f)
    }

    fn remove(&mut self, key: K) -> Option<V> {
        Self::remove(self, &key)
    }

    fn from<'a>(&'a self, start: Bound<K>) -> impl Iterator<Item = (K, &'a V)>
    where
        V: 'a,
    {
        self.range((start, Bound::Unbounded)).map(|(k, v)| (*k, v))
    }

    fn iter_mut<'a>(&'a mut self) -> impl Iterator<Item = (K, &'a mut V)>
    where
        V: 'a,
    {
        Self::iter_mut(self).map(|(k, v)| (*k, v))
    }

    fn last_until(&self, key: K) -> Option<(K, &V)> {
        self.range(..=key).next_back().map(|(k, v)| (*k, v))
    }
}
