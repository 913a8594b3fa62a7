//! Reference-counted interning: equal values share one small id.
//!
//! Hashes are keyed by a secret seed, because values come from peers.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashTable;

struct Slot<T> {
    value: Option<T>,
    refs: u32,
}

/// Values with ids and use counts.
pub(crate) struct Interner<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    seed: u64,
}

fn hash_of(seed: u64, value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    value.hash(&mut hasher);
    hasher.finish()
}

impl<T> Interner<T> {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), index: HashTable::new(), seed }
    }

    /// Id of the value with this key, one more use counted; made by `make` when there is none (then `true`).
    pub(crate) fn intern<K: Hash + Eq>(
        &mut self,
        key: &K,
        key_of: impl Fn(&T) -> &K,
        make: impl FnOnce() -> T,
    ) -> (u32, bool) {
        let (hash, slots) = (hash_of(self.seed, key), &mut self.slots);
        let found =
            self.index.find(hash, |id| slots[*id as usize].value.as_ref().is_some_and(|v| key_of(v) == key));
        if let Some(id) = found.copied() {
            slots[id as usize].refs += 1;
            return (id, false);
        }
        let slot = Slot { value: Some(make()), refs: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                slots[id as usize] = slot;
                id
            }
            None => {
                slots.push(slot);
                (slots.len() - 1) as u32
            }
        };
        let seed = self.seed;
        self.index.insert_unique(hash, id, |id| match &slots[*id as usize].value {
            Some(value) => hash_of(seed, key_of(value)),
            None => 0,
        });
        (id, true)
    }

    /// Counts one more use.
    pub(crate) fn retain(&mut self, id: u32) {
        self.slots[id as usize].refs += 1;
    }

    /// Counts one use less; hands the value back when it was the last.
    pub(crate) fn release<K: Hash + Eq>(&mut self, id: u32, key_of: impl Fn(&T) -> &K) -> Option<T> {
        let slot = &mut self.slots[id as usize];
        slot.refs -= 1;
        if slot.refs > 0 {
            return None;
        }
        let value = slot.value.take()?;
        let hash = hash_of(self.seed, key_of(&value));
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        self.free.push(id);
        Some(value)
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.slots.get(id as usize)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.slots.get_mut(id as usize)?.value.as_mut()
    }

    pub(crate) fn refs(&self, id: u32) -> u32 {
        self.slots.get(id as usize).map_or(0, |s| s.refs)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().enumerate().filter_map(|(id, s)| Some((id as u32, s.value.as_ref()?)))
    }
}
