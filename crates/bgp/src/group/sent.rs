//! What the members of a group were sent, by prefix.
//!
//! How many prefixes have routes of whom is kept as they change: a member is not told its own routes, and what it was sent is
//! asked for by `show` for all members at once.

use ferr_types::PeerId;

use crate::attrs::AttrId;
use crate::core::LOCAL_PEER;
use crate::table::DestId;

/// What the members were sent for a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) attr: AttrId,
    pub(super) source: PeerId,
}

const _: () =
    assert!(size_of::<Sent>() == 8, "one for each prefix and group: 4 bytes are 5 MB of a full table");

impl Sent {
    pub(super) const NOTHING: Self = Self { attr: AttrId::NONE, source: LOCAL_PEER };

    fn told_by(&self) -> Option<PeerId> {
        self.attr.is_some().then_some(self.source)
    }
}

/// Records by number of the prefix.
#[derive(Debug, Default)]
pub(super) struct SentTable {
    records: Vec<Sent>,
    count: u32,
    /// Prefixes by the source of their route, in its order; none without prefixes.
    by_source: Vec<(PeerId, u32)>,
}

impl SentTable {
    pub(super) fn get(&self, dest: DestId) -> Sent {
        self.records.get(dest.0 as usize).copied().unwrap_or(Sent::NOTHING)
    }

    pub(super) fn set(&mut self, dest: DestId, sent: Sent) {
        let at = dest.0 as usize;
        if self.records.len() <= at {
            self.records.resize(at + 1, Sent::NOTHING);
        }
        let before = std::mem::replace(&mut self.records[at], sent).told_by();
        let after = sent.told_by();
        if before != after {
            before.into_iter().for_each(|source| self.uncount(source));
            after.into_iter().for_each(|source| self.count(source));
        }
    }

    fn count(&mut self, source: PeerId) {
        self.count += 1;
        match self.by_source.binary_search_by_key(&source, |(s, _)| *s) {
            Ok(at) => self.by_source[at].1 += 1,
            Err(at) => self.by_source.insert(at, (source, 1)),
        }
    }

    fn uncount(&mut self, source: PeerId) {
        self.count -= 1;
        let Ok(at) = self.by_source.binary_search_by_key(&source, |(s, _)| *s) else { return };
        self.by_source[at].1 -= 1;
        if self.by_source[at].1 == 0 {
            self.by_source.remove(at);
        }
    }

    /// Prefixes of which something was sent.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// The same without those of routes that are `member`'s own.
    pub(super) fn sent_to(&self, member: PeerId) -> u32 {
        let own = self.by_source.binary_search_by_key(&member, |(s, _)| *s);
        self.count - own.map_or(0, |at| self.by_source[at].1)
    }

    /// All records, by number of the prefix.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.records.iter()
    }
}
