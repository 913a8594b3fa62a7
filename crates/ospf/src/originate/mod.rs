//! Own LSAs: what shall be in the database, apart from when a new instance may be sent.
//!
//! Whoever knows what is to be told says so with [`OwnLsas::want`] and [`OwnLsas::unwant`]; the same content twice is no change. What
//! changed is taken out by [`OwnLsas::take_changed`] and originated, no more often than MinLSInterval lets.
//!
//! RFC 2328 section 12.4.

use std::collections::{BTreeMap, BTreeSet};

use ferr_ospf_wire::{LinkStateId, LsaType, Options};

use crate::lsdb::ScopeId;

/// Names an own LSA.
pub(crate) type OwnKey = (ScopeId, LsaType, LinkStateId);

/// What an own LSA is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// OSPFv2: options of the header.
    pub(crate) options: Options,
    /// What follows the header.
    pub(crate) body: Box<[u8]>,
}

/// All own LSAs that are wanted.
#[derive(Debug, Default)]
pub(crate) struct OwnLsas {
    wanted: BTreeMap<OwnKey, Wish>,
    changed: BTreeSet<OwnKey>,
}

impl OwnLsas {
    /// Wants an LSA, or one with another content.
    pub(crate) fn want(&mut self, key: OwnKey, wish: Wish) {
        if self.wanted.get(&key) != Some(&wish) {
            self.wanted.insert(key, wish);
            self.changed.insert(key);
        }
    }

    /// Wants an LSA no longer.
    pub(crate) fn unwant(&mut self, key: &OwnKey) {
        if self.wanted.remove(key).is_some() {
            self.changed.insert(*key);
        }
    }

    /// What is wanted.
    pub(crate) fn get(&self, key: &OwnKey) -> Option<&Wish> {
        self.wanted.get(key)
    }

    /// All that is wanted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OwnKey, &Wish)> {
        self.wanted.iter()
    }

    /// What was wanted or no longer wanted since the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<OwnKey> {
        std::mem::take(&mut self.changed)
    }
}
