//! The link state database: LSAs by scope.
//!
//! # Invariants
//! * An LSA is under the scope that its type says; at most one instance of each.
//! * Octets are as received or originated, the age in them that of the moment of installation; [`Stored::age`] is the age now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ferr_ospf_wire::{Age, LinkStateId, Lsa, LsaHeader, LsaType, Version};
use ferr_types::{AreaId, RouterId};

use crate::config::InterfaceKey;

/// Where an LSA lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeId {
    /// On one interface.
    Link(InterfaceKey),
    /// In one area.
    Area(AreaId),
    /// In all areas that carry external routes.
    As,
}

/// Names an LSA within its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LsaKey {
    /// LS type.
    pub kind: LsaType,
    /// Link State ID.
    pub id: LinkStateId,
    /// Advertising Router.
    pub router: RouterId,
}

impl From<&LsaHeader> for LsaKey {
    fn from(header: &LsaHeader) -> Self {
        Self { kind: header.kind, id: header.id, router: header.router }
    }
}

/// An LSA in the database.
#[derive(Debug, Clone)]
pub struct Stored {
    octets: Arc<[u8]>,
    installed: Instant,
    received: bool,
    /// When it needs something: refresh, the end, a check.
    pub(crate) due: Option<Instant>,
}

impl Stored {
    /// An LSA that a neighbor sent, whose header was decoded before.
    pub(crate) const fn received(octets: Arc<[u8]>, installed: Instant) -> Self {
        Self { octets, installed, received: true, due: None }
    }

    /// An LSA that this router made.
    pub(crate) const fn originated(octets: Arc<[u8]>, installed: Instant) -> Self {
        Self { octets, installed, received: false, due: None }
    }

    /// A neighbor sent it; else this router made it, or made it old.
    pub(crate) const fn is_received(&self) -> bool {
        self.received
    }

    /// Its age when it was installed.
    pub(crate) fn age_at_installation(&self) -> Age {
        Age(self.octets.first_chunk().map_or(0, |age| u16::from_be_bytes(*age)))
    }

    /// The LSA, with its age at installation.
    pub fn octets(&self) -> &Arc<[u8]> {
        &self.octets
    }

    /// When it was installed.
    pub const fn installed(&self) -> Instant {
        self.installed
    }

    /// The LSA; `None` never happens for what was decoded before.
    pub fn lsa(&self, version: Version) -> Option<Lsa<'_>> {
        Lsa::decode(version, &self.octets).ok()
    }

    /// Its age now.
    pub fn age(&self, now: Instant) -> Age {
        self.age_at_installation().held(now.saturating_duration_since(self.installed).as_secs())
    }
}

/// LSAs of one scope.
pub type Store = BTreeMap<LsaKey, Stored>;

/// All LSAs of an instance.
#[derive(Debug)]
pub struct Lsdb {
    version: Version,
    stores: BTreeMap<ScopeId, Store>,
    /// LSAs by originator.
    counts: BTreeMap<RouterId, usize>,
}

impl Lsdb {
    /// An empty database.
    pub(crate) fn new(version: Version) -> Self {
        Self { version, stores: BTreeMap::new(), counts: BTreeMap::new() }
    }

    /// Version of all LSAs in it.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The LSAs of a scope, ordered by type, ID and router.
    pub fn scope(&self, scope: ScopeId) -> impl Iterator<Item = (&LsaKey, &Stored)> {
        self.stores.get(&scope).into_iter().flatten()
    }

    /// The LSAs of one type in a scope.
    pub fn of_type(&self, scope: ScopeId, kind: LsaType) -> impl Iterator<Item = (&LsaKey, &Stored)> {
        let first = LsaKey { kind, id: LinkStateId(0), router: RouterId::UNSET };
        let last = LsaKey { kind, id: LinkStateId(u32::MAX), router: RouterId(u32::MAX.into()) };
        self.stores.get(&scope).into_iter().flat_map(move |store| store.range(first..=last))
    }

    /// The LSAs of a scope that come behind one, in order: a cursor for pictures of a large database.
    pub fn behind(
        &self,
        scope: ScopeId,
        after: Option<&LsaKey>,
    ) -> impl Iterator<Item = (&LsaKey, &Stored)> + use<'_> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, |key| Excluded(*key));
        self.stores.get(&scope).into_iter().flat_map(move |store| store.range((from, Unbounded)))
    }

    /// One LSA.
    pub fn get(&self, scope: ScopeId, key: &LsaKey) -> Option<&Stored> {
        self.stores.get(&scope)?.get(key)
    }

    /// Scopes that hold something.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeId> {
        self.stores.keys().copied()
    }

    /// LSAs in all scopes.
    pub fn len(&self) -> usize {
        self.stores.values().map(BTreeMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// LSAs of one originator.
    pub(crate) fn count_of(&self, router: RouterId) -> usize {
        self.counts.get(&router).copied().unwrap_or(0)
    }

    /// Puts an instance in the place of an older one, which it gives back.
    pub(crate) fn install(&mut self, scope: ScopeId, key: LsaKey, stored: Stored) -> Option<Stored> {
        let old = self.stores.entry(scope).or_default().insert(key, stored);
        if old.is_none() {
            *self.counts.entry(key.router).or_default() += 1;
        }
        old
    }

    /// Notes when an LSA needs something next.
    pub(crate) fn set_due(&mut self, scope: ScopeId, key: &LsaKey, due: Option<Instant>) {
        if let Some(stored) = self.stores.get_mut(&scope).and_then(|store| store.get_mut(key)) {
            stored.due = due;
        }
    }

    /// Takes an LSA out.
    pub(crate) fn remove(&mut self, scope: ScopeId, key: &LsaKey) -> Option<Stored> {
        let store = self.stores.get_mut(&scope)?;
        let removed = store.remove(key);
        if store.is_empty() {
            self.stores.remove(&scope);
        }
        if removed.is_some()
            && let Some(count) = self.counts.get_mut(&key.router)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key.router);
            }
        }
        removed
    }
}
