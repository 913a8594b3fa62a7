//! Own LSAs: what shall be in the database, apart from when a new instance may be sent.
//!
//! Whoever knows what is to be told says so with [`OwnLsas::want`] and [`OwnLsas::unwant`]; the same content twice is no change. What
//! changed is taken out by [`OwnLsas::take_changed`] and originated, no more often than MinLSInterval lets.
//!
//! RFC 2328 section 12.4.

mod info;
mod issue;
mod network;
mod router;

pub(crate) use issue::{Issued, body_of};
#[cfg(test)]
pub(crate) use router::LINKS_V2;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use ferr_ospf_wire::{LinkStateId, LsaType, Options};

use crate::config::InterfaceKey;
use crate::instance::Instance;
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

    /// Names of what is wanted in a range.
    pub(crate) fn range(&self, range: RangeInclusive<OwnKey>) -> impl Iterator<Item = &OwnKey> {
        self.wanted.range(range).map(|(key, _)| key)
    }

    /// All of it is to be looked at again.
    pub(crate) fn touch_all(&mut self) {
        self.changed.extend(self.wanted.keys().copied());
    }

    /// What was wanted or no longer wanted since the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<OwnKey> {
        std::mem::take(&mut self.changed)
    }
}

impl Instance {
    /// Works out anew what is wanted where something changed.
    pub(crate) fn describe(&mut self) {
        for ik in std::mem::take(&mut self.dirty.ifaces) {
            self.describe_interface(ik);
        }
        for area in std::mem::take(&mut self.dirty.areas) {
            self.describe_area(area);
            self.describe_capabilities(area);
        }
    }

    /// An interface goes away: nothing is wanted of it any more. It is down by now.
    pub(crate) fn forget_interface(&mut self, ik: InterfaceKey) {
        self.describe_interface(ik);
    }
}
