//! Interned path attributes.
//!
//! # Data
//! A set of attributes is stored once, in its canonical encoding (4-octet AS numbers, ascending type codes, the next hop as a
//! field), behind a 32-bit [`AttrId`]. Beside the bytes stands what the decision compares, so best-path selection touches no
//! attribute list. Reference counts are plain numbers: one thread owns the store.
//!
//! # Invariants
//! Equal attributes have equal ids. An id lives while its count is above zero; id 0 is never given out.

use ferr_bgp_wire::{decode_attributes_canonical, encode_attributes_canonical};
use ferr_types::Asn;
use ferr_types::attr::{BgpNexthop, Origin, PathAttributes};
use hashbrown::HashTable;

/// Handle of an interned attribute set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AttrId(u32);

impl AttrId {
    /// No attributes.
    pub const NONE: Self = Self(0);

    /// Whether it names a set.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// What the decision compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionKey {
    /// LOCAL_PREF, the default where none came.
    pub local_pref: u32,
    /// MED; `u32::MAX` never stands for "missing", see `has_med`.
    pub med: u32,
    /// AS that MEDs are comparable within.
    pub neighbor_as: Asn,
    /// Length without confederation segments.
    pub path_len: u16,
    /// Length with them.
    pub path_len_confed: u16,
    /// ORIGIN.
    pub origin: Origin,
    /// A MED came.
    pub has_med: bool,
    /// CLUSTER_LIST elements.
    pub cluster_len: u8,
    /// The path begins with a confederation segment.
    pub confed: bool,
}

impl DecisionKey {
    fn new(a: &PathAttributes<'_>) -> Self {
        let confed_first = a.as_path.segments().next().filter(|s| s.kind.is_confed());
        let neighbor_as = a.as_path.neighbor_as();
        Self {
            local_pref: a.local_pref.unwrap_or(100),
            med: a.med.unwrap_or(0),
            neighbor_as: neighbor_as
                .or_else(|| confed_first.and_then(|s| s.asns().next()))
                .unwrap_or_default(),
            path_len: saturate(a.as_path.hop_count(false)),
            path_len_confed: saturate(a.as_path.hop_count(true)),
            origin: a.origin,
            has_med: a.med.is_some(),
            cluster_len: a.cluster_list.len().min(255) as u8,
            confed: confed_first.is_some(),
        }
    }
}

fn saturate(n: u32) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

const _: () =
    assert!(size_of::<Entry>() <= 48, "one entry per attribute set: 8 bytes more are 1.5 MB a table");

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    refs: u32,
    key: DecisionKey,
}

/// The store.
#[derive(Debug)]
pub struct AttrStore {
    entries: Vec<Entry>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: ahash::RandomState,
    scratch: Vec<u8>,
    bytes: usize,
}

impl AttrStore {
    /// Store whose hash is keyed with `seed`, so that a peer cannot choose collisions.
    pub fn new(seed: u64) -> Self {
        let nobody =
            Entry { bytes: Box::default(), refs: 0, key: DecisionKey::new(&PathAttributes::default()) };
        Self {
            entries: vec![nobody],
            free: Vec::new(),
            index: HashTable::new(),
            hasher: ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(17), seed.rotate_left(41)),
            scratch: Vec::new(),
            bytes: 0,
        }
    }

    /// Id of equal attributes, with one reference more. `default_local_pref` stands in the decision key where no
    /// LOCAL_PREF is; the attributes themselves stay without.
    pub fn intern(&mut self, attributes: &PathAttributes<'_>, default_local_pref: u32) -> AttrId {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        encode_attributes_canonical(attributes, &mut scratch);
        let hash = self.hasher.hash_one(&scratch[..]);
        let found = self.index.find(hash, |id| *self.entries[*id as usize].bytes == scratch[..]).copied();
        let id = match found {
            Some(id) => id,
            None => self.insert(hash, &scratch, attributes, default_local_pref),
        };
        self.scratch = scratch;
        self.entries[id as usize].refs += 1;
        AttrId(id)
    }

    fn insert(
        &mut self,
        hash: u64,
        bytes: &[u8],
        attributes: &PathAttributes<'_>,
        default_local_pref: u32,
    ) -> u32 {
        let mut key = DecisionKey::new(attributes);
        if attributes.local_pref.is_none() {
            key.local_pref = default_local_pref;
        }
        let entry = Entry { bytes: bytes.into(), refs: 0, key };
        self.bytes += bytes.len();
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
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hash, id, |id| hasher.hash_one(&entries[*id as usize].bytes[..]));
        id
    }

    /// The LOCAL_PREF that counts where none came changed.
    pub fn set_default_local_pref(&mut self, default: u32) {
        for i in 1..self.entries.len() {
            let attributes = decode_attributes_canonical(&self.entries[i].bytes).unwrap_or_default();
            self.entries[i].key.local_pref = attributes.local_pref.unwrap_or(default);
        }
    }

    /// One reference more.
    pub fn retain(&mut self, id: AttrId) {
        if id.is_some() {
            self.entries[id.0 as usize].refs += 1;
        }
    }

    /// One reference less; the last one frees the set.
    pub fn release(&mut self, id: AttrId) {
        if !id.is_some() {
            return;
        }
        let entry = &mut self.entries[id.0 as usize];
        entry.refs -= 1;
        if entry.refs > 0 {
            return;
        }
        let bytes = std::mem::take(&mut entry.bytes);
        self.bytes -= bytes.len();
        let hash = self.hasher.hash_one(&bytes[..]);
        if let Ok(found) = self.index.find_entry(hash, |i| *i == id.0) {
            found.remove();
        }
        self.free.push(id.0);
    }

    /// What the decision compares.
    #[inline]
    pub fn key(&self, id: AttrId) -> &DecisionKey {
        &self.entries[id.0 as usize].key
    }

    /// The attributes; those of [`AttrId::NONE`] are empty.
    pub fn get(&self, id: AttrId) -> PathAttributes<'_> {
        // The bytes were encoded by this store.
        decode_attributes_canonical(&self.entries[id.0 as usize].bytes).unwrap_or_default()
    }

    /// Canonical encoding of a set.
    pub fn encoded(&self, id: AttrId) -> &[u8] {
        &self.entries[id.0 as usize].bytes
    }

    /// Next hop of a set.
    pub fn next_hop(&self, id: AttrId) -> Option<BgpNexthop> {
        self.get(id).next_hop
    }

    /// Number of sets.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no set is stored.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Octets of all encodings.
    pub const fn encoded_bytes(&self) -> usize {
        self.bytes
    }
}
