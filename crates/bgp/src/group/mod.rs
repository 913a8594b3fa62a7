//! Update groups: peers that are sent the same share one run of policy, one encoding, and one record of what was sent.
//!
//! # Data
//! A change of a best path is queued once per group (`pending`). When a member has room, a batch is taken: policy runs, what
//! differs from the record (`sent`) is packed by attributes into buffers of a ring. A member is a cursor in the ring; it skips
//! buffers with its own routes, since a buffer holds one source's routes only. One that joins later is replayed the table in
//! slices, behind the ring, so its last word on a prefix is always the newest; those who are replayed at the same time share the slices.
//!
//! # Invariants
//! * A prefix in `pending` is pinned in the table, so its number is not reused before the withdrawal went out.
//! * The ring is bounded; a member that holds it back while another one starves is left behind, with a bit for each prefix that
//!   changes until it reads again: nothing is lost.

mod all;
mod behind;
mod fill;
mod own;
mod replay;
mod send;
mod sent;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use ferr_bgp_wire::{PeerKind, SessionContext};
use ferr_types::PeerId;
use smallvec::SmallVec;

use crate::core::LOCAL_PEER;
use crate::export::GroupKey;
use crate::peer::LocalAddresses;
use crate::table::{DestId, Table, TablePrefix};

pub(crate) use all::Groups;
use behind::Behind;
use own::{Audience, Filled, Gaps, OwnAddresses};
use replay::{Replay, Slices};
use sent::{Sent, SentTable};

/// Number of a group in its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(crate) u32);

impl GroupId {
    /// As shown.
    pub const fn number(self) -> u32 {
        self.0 + 1
    }
}

/// Prefixes taken per batch: enough for good packing, few enough to stay within a millisecond or two.
const BATCH: usize = 2048;
/// Octets in the ring above which no more is encoded.
const RING_LIMIT: usize = 512 * 1024;
/// Octets of one buffer: what a socket takes at once.
const BUFFER: usize = 16 * 1024;
/// Prefixes of a replay slice.
const REPLAY: u32 = 1024;

/// Encoded messages.
#[derive(Debug, Clone)]
struct Encoded {
    bytes: Bytes,
    /// Not for this member, whose routes these are.
    skip: PeerId,
    /// For this member only.
    only: Option<PeerId>,
    audience: Audience,
    gaps: Gaps,
}

/// The same in the ring.
#[derive(Debug)]
struct Buffer {
    filled: Filled,
    /// When it was encoded.
    pushed: Instant,
    /// Members that have still to pass it.
    waiting: u32,
}

#[derive(Debug)]
struct Member {
    /// Our addresses towards it.
    own: LocalAddresses,
    /// Buffer to be passed next; nothing to one that was left behind.
    cursor: u64,
    /// When it last took a buffer.
    progress: Instant,
    behind: Option<Box<Behind>>,
    /// What of the table it has still to be told.
    replay: Option<Replay>,
    /// Prefixes that another group told the peer of: withdrawn in the replay where they are not sent any more.
    told: Vec<u64>,
    /// The same of a default route that another group originated.
    told_default: bool,
    end_of_rib: bool,
    end_of_refresh: bool,
}

impl Member {
    fn was_told(&self) -> bool {
        self.told_default || !self.told.is_empty()
    }
}

/// What a peer that changes its group was sent in the old one.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Bits by prefix.
    prefixes: Vec<u64>,
    /// The default route of `default-originate`.
    default: bool,
}

impl Told {
    fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && !self.default
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    ctx: SessionContext,
    /// Ordered, so that equal inputs give equal outputs.
    members: BTreeMap<PeerId, Member>,
    own: OwnAddresses,
    pending: VecDeque<DestId>,
    queued: Vec<u64>,
    /// Queued prefixes that a member was told of in a replay: they are sent even if nothing changes in the end.
    resend: HashSet<DestId>,
    sent: SentTable,
    slices: Slices,
    /// With add-path: what was sent per path identifier.
    sent_paths: HashMap<DestId, SmallVec<[(u32, Sent); 2]>>,
    ring: VecDeque<Buffer>,
    /// Number of the first buffer in the ring.
    base: u64,
    ring_bytes: usize,
    /// Members that were left behind.
    behind: u32,
    scan: Option<u32>,
    default_sent: bool,
    default_version: Option<u32>,
    not_before: Option<Instant>,
}

fn bit(bits: &[u64], i: u32) -> bool {
    bits.get(i as usize / 64).is_some_and(|w| w >> (i % 64) & 1 != 0)
}

fn set_bit(bits: &mut Vec<u64>, i: u32, on: bool) {
    let word = i as usize / 64;
    if bits.len() <= word {
        bits.resize(word + 1, 0);
    }
    if on {
        bits[word] |= 1 << (i % 64);
    } else {
        bits[word] &= !(1 << (i % 64));
    }
}

impl Group {
    fn new(key: GroupKey) -> Self {
        let ctx = key.context();
        Self {
            key,
            ctx,
            members: BTreeMap::new(),
            own: OwnAddresses::default(),
            pending: VecDeque::new(),
            queued: Vec::new(),
            resend: HashSet::new(),
            sent: SentTable::default(),
            slices: Slices::default(),
            sent_paths: HashMap::new(),
            ring: VecDeque::new(),
            base: 0,
            ring_bytes: 0,
            behind: 0,
            scan: Some(0),
            default_sent: false,
            default_version: None,
            not_before: None,
        }
    }

    fn end(&self) -> u64 {
        self.base + self.ring.len() as u64
    }

    fn enqueue<P: TablePrefix>(&mut self, table: &mut Table<P>, dest: DestId) {
        if !bit(&self.queued, dest.0) {
            set_bit(&mut self.queued, dest.0, true);
            table.dest_mut(dest).pins += 1;
            self.pending.push_back(dest);
        }
    }

    fn set_record(&mut self, dest: DestId, sent: Sent) {
        self.sent.set(dest, sent);
        self.slices.changed(dest);
    }

    /// Members may hear of a queued prefix before its turn, and would not hear that it went back to what it was.
    fn told_early(&mut self, dest: DestId) {
        if bit(&self.queued, dest.0) {
            self.resend.insert(dest);
        }
    }

    /// Who must not get routes of `source`: itself, if it is a member.
    fn skip_of(&self, source: PeerId) -> PeerId {
        if self.members.contains_key(&source) { source } else { LOCAL_PEER }
    }

    /// Members came or went.
    fn meet(&mut self) {
        let own = OwnAddresses::of(self.members.values());
        if !own.agree(&self.own) {
            self.slices.forget();
        }
        self.own = own;
    }

    fn has_work(&self) -> bool {
        self.scan.is_some() || !self.pending.is_empty()
    }
}

impl Group {
    /// Prefixes that a member was sent.
    pub(crate) fn sent_to(&self, peer: PeerId) -> u32 {
        self.sent.sent_to(peer) + u32::from(self.default_sent)
    }

    /// Our addresses towards a member.
    pub(crate) fn own_addresses(&self, peer: PeerId) -> Option<LocalAddresses> {
        self.members.get(&peer).map(|m| m.own)
    }

    /// Number of members.
    pub(crate) fn members(&self) -> impl Iterator<Item = PeerId> {
        self.members.keys().copied()
    }

    /// Whether a prefix was sent to a member.
    pub(crate) fn was_sent(&self, dest: DestId, peer: PeerId) -> bool {
        let sent = self.sent.get(dest);
        sent.attr.is_some() && sent.source != peer
    }
}

/// BoRR or EoRR (RFC 7313).
pub(crate) fn refresh_marker(
    family: ferr_types::Family,
    subtype: ferr_bgp_wire::RefreshSubtype,
    out: &mut Vec<u8>,
) {
    let message = ferr_bgp_wire::RouteRefresh {
        afi: family.afi().code(),
        safi: family.safi_code(),
        subtype,
        orf: Vec::new(),
    };
    message.encode(out);
}

/// Relation for `show`.
pub(crate) const fn kind_name(kind: PeerKind) -> &'static str {
    match kind {
        PeerKind::Ebgp => "external",
        PeerKind::Ibgp => "internal",
        PeerKind::ConfedEbgp => "confed-external",
    }
}
