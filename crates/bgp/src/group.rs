//! Update groups: peers that are sent the same share one run of policy, one encoding, and one record of what was sent.
//!
//! # Data
//! A change of a best path is queued once per group (`pending`). When a member has room, a batch is taken: policy runs, what
//! differs from the record (`sent`) is packed by attributes into buffers of a ring. A member is a cursor in the ring; it skips
//! buffers with its own routes, since a buffer holds one source's routes only. One that joins later is replayed the table in
//! slices of its own, behind the ring, so its last word on a prefix is always the newest.
//!
//! # Invariants
//! * A prefix in `pending` is pinned in the table, so its number is not reused before the withdrawal went out.
//! * The ring is bounded; a member that holds it back while another one starves moves to a group of its own, with a copy of
//!   record, queue and the rest of the ring: nothing is lost and nothing repeated.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferr_bgp_wire::{PeerKind, Push, SessionContext, UpdateWriter, encode_end_of_rib, encode_withdrawals};
use ferr_policy::{Action, PolicyRoute};
use ferr_types::{PeerId, Prefix};
use smallvec::SmallVec;

use crate::attrs::AttrId;
use crate::config::AddPathTx;
use crate::core::{Core, LOCAL_PEER, Output};
use crate::decision::{Candidate, select};
use crate::export::{Exported, GroupKey, default_route, encode, export};
use crate::family::candidate;
use crate::local::LocalRoutes;
use crate::table::{DestId, Path, PathIdx, Table, TablePrefix, flag};

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
struct Buffer {
    bytes: Bytes,
    /// Not for this member, whose routes these are.
    skip: PeerId,
    /// For this member only.
    only: Option<PeerId>,
}

#[derive(Debug)]
struct Member {
    cursor: u64,
    /// Next prefix to be replayed.
    replay: Option<u32>,
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

/// What the members were sent for a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    attr: AttrId,
    source: PeerId,
}

impl Sent {
    const NOTHING: Self = Self { attr: AttrId::NONE, source: LOCAL_PEER };
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    ctx: SessionContext,
    /// Ordered, so that equal inputs give equal outputs.
    members: BTreeMap<PeerId, Member>,
    pending: VecDeque<DestId>,
    queued: Vec<u64>,
    sent: Vec<Sent>,
    sent_count: u32,
    /// With add-path: what was sent per path identifier.
    sent_paths: HashMap<DestId, SmallVec<[(u32, Sent); 2]>>,
    ring: VecDeque<Buffer>,
    /// Number of the first buffer in the ring.
    base: u64,
    ring_bytes: usize,
    scan: Option<u32>,
    default_sent: bool,
    default_version: Option<u32>,
    not_before: Option<Instant>,
}

/// A batch being put together.
#[derive(Debug, Default)]
struct Batch {
    announce: Vec<(Exported, PeerId, Prefix, u32)>,
    /// Source to skip, sole addressee, prefix, path id.
    withdraw: Vec<(PeerId, Option<PeerId>, Prefix, u32)>,
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
            pending: VecDeque::new(),
            queued: Vec::new(),
            sent: Vec::new(),
            sent_count: 0,
            sent_paths: HashMap::new(),
            ring: VecDeque::new(),
            base: 0,
            ring_bytes: 0,
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

    fn record(&self, dest: DestId) -> Sent {
        self.sent.get(dest.0 as usize).copied().unwrap_or(Sent::NOTHING)
    }

    fn set_record(&mut self, dest: DestId, sent: Sent) {
        let at = dest.0 as usize;
        if self.sent.len() <= at {
            self.sent.resize(at + 1, Sent::NOTHING);
        }
        self.sent_count =
            self.sent_count - u32::from(self.sent[at].attr.is_some()) + u32::from(sent.attr.is_some());
        self.sent[at] = sent;
    }

    /// Who must not get routes of `source`: itself, if it is a member.
    fn skip_of(&self, source: PeerId) -> PeerId {
        if self.members.contains_key(&source) { source } else { LOCAL_PEER }
    }

    fn has_work(&self) -> bool {
        self.scan.is_some() || !self.pending.is_empty()
    }

    /// Takes a batch of changes to the ring. `force` ignores the ring's limit.
    fn fill<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &mut Table<P>,
        local: &LocalRoutes<P>,
        force: bool,
    ) {
        if let Some(next) = self.scan {
            let end = (table.dest_capacity() as u32).min(next + 2 * BATCH as u32);
            for id in next..end {
                if table.is_live(DestId(id)) {
                    self.enqueue(table, DestId(id));
                }
            }
            self.scan = ((end as usize) < table.dest_capacity()).then_some(end);
        }
        let mut batch = Batch::default();
        let count = if force { self.pending.len() } else { BATCH.min(self.pending.len()) };
        for _ in 0..count {
            let Some(dest) = self.pending.pop_front() else { break };
            set_bit(&mut self.queued, dest.0, false);
            if self.key.add_path.is_some() {
                self.refresh_paths(core, table, local, dest, &mut batch);
            } else {
                self.refresh_best(core, table, local, dest, &mut batch);
            }
            table.dest_mut(dest).pins -= 1;
            table.reap(dest);
        }
        self.originate_default(core, table);
        self.write(core, batch);
        // What came before the interval goes out whole; the interval separates it from what follows.
        if self.key.advertisement_interval > 0 && count > 0 && !self.has_work() {
            self.not_before =
                Some(core.now + Duration::from_secs(u64::from(self.key.advertisement_interval)));
        }
    }

    fn refresh_best<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        dest: DestId,
        batch: &mut Batch,
    ) {
        let prefix = table.dest(dest).prefix;
        let old = self.record(dest);
        let best = table.best(dest).copied();
        // Nobody but its own source would get it: neither policy nor a record is needed, until another member joins.
        let best = best.filter(|b| self.members.len() != 1 || !self.members.contains_key(&b.peer));
        let full = self.key.maximum_out.is_some_and(|m| !old.attr.is_some() && self.sent_count >= m);
        let exported = best.filter(|_| !full).and_then(|b| export(core, &self.key, local, prefix, &b));
        match exported {
            None if old.attr.is_some() => {
                batch.withdraw.push((self.skip_of(old.source), None, prefix.into(), 0));
                core.attrs.release(old.attr);
                self.set_record(dest, Sent::NOTHING);
            }
            None => {}
            Some(new) => {
                let now = Sent { attr: new.attr, source: new.source };
                if now == old && core.config.suppress_duplicates {
                    core.attrs.release(new.attr);
                    return;
                }
                let skip = self.skip_of(new.source);
                if skip != LOCAL_PEER && old.attr.is_some() && old.source != new.source {
                    // The member whose route is the best one now was told another before.
                    batch.withdraw.push((LOCAL_PEER, Some(skip), prefix.into(), 0));
                }
                core.attrs.release(old.attr);
                self.set_record(dest, now);
                batch.announce.push((new, skip, prefix.into(), 0));
            }
        }
    }

    fn refresh_paths<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        dest: DestId,
        batch: &mut Batch,
    ) {
        let prefix = table.dest(dest).prefix;
        let mut old = self.sent_paths.remove(&dest).unwrap_or_default();
        let mut new: SmallVec<[(u32, Sent); 2]> = SmallVec::new();
        for (at, path) in paths_to_send(core, table, dest, self.key.add_path) {
            let Some(exported) = export(core, &self.key, local, prefix, &path) else { continue };
            let id = at.tx_id();
            let sent = Sent { attr: exported.attr, source: exported.source };
            let before = old.iter().position(|(i, _)| *i == id).map(|i| old.swap_remove(i).1);
            new.push((id, sent));
            if before == Some(sent) {
                core.attrs.release(exported.attr);
                continue;
            }
            before.into_iter().for_each(|b| core.attrs.release(b.attr));
            batch.announce.push((exported, self.skip_of(exported.source), prefix.into(), id));
        }
        for (id, gone) in old {
            batch.withdraw.push((self.skip_of(gone.source), None, prefix.into(), id));
            core.attrs.release(gone.attr);
        }
        let first = new.first().map_or(Sent::NOTHING, |(_, s)| *s);
        self.set_record(dest, first);
        if !new.is_empty() {
            self.sent_paths.insert(dest, new);
        }
    }

    /// Sends or takes back the default route of `default-originate`.
    fn originate_default<P: TablePrefix>(&mut self, core: &mut Core, table: &Table<P>) {
        let Some(map) = self.key.default_originate.clone() else { return };
        if self.scan.is_some() || self.default_version == Some(table.version) {
            return;
        }
        if map.is_none() && self.default_sent {
            return;
        }
        self.default_version = Some(table.version);
        let wanted = map.is_none_or(|name| {
            let Some(map) = core.policy.route_map(&name) else { return false };
            table.ids_after(None).any(|(prefix, dest)| {
                let attr = table.best(dest).map(|b| b.attr);
                attr.is_some_and(|attr| {
                    let mut route = PolicyRoute::new(prefix.into(), core.attrs.get(attr));
                    map.apply(&core.policy, &mut route) == Action::Permit
                })
            })
        });
        if wanted != self.default_sent {
            let mut out = Vec::new();
            self.write_default(core, wanted, &mut out);
            self.push(out, LOCAL_PEER, None);
            self.default_sent = wanted;
        }
    }

    fn write_default(&self, core: &Core, announce: bool, out: &mut Vec<u8>) {
        let prefix = Prefix::default_route(self.key.family.afi());
        if !announce {
            encode_withdrawals(&self.ctx, self.key.family, [(0, prefix)], out);
        } else if let Some(attrs) = default_route(core, &self.key) {
            let mut writer = UpdateWriter::announce(&self.ctx, &attrs, out);
            let _ = writer.push(prefix, 0);
            writer.finish();
        }
    }

    /// Encodes a batch into the ring: withdrawals first, then announcements packed by attributes.
    fn write(&mut self, core: &Core, mut batch: Batch) {
        batch.withdraw.sort_by_key(|w| (w.0, w.1));
        for run in batch.withdraw.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let mut out = Vec::with_capacity(BUFFER.min(64 + run.len() * 5));
            encode_withdrawals(&self.ctx, self.key.family, run.iter().map(|w| (w.3, w.2)), &mut out);
            self.push(out, run[0].0, run[0].1);
        }
        batch.announce.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        let mut out = Vec::with_capacity(BUFFER);
        let mut skip = LOCAL_PEER;
        for run in batch.announce.chunk_by(|a, b| a.0 == b.0 && a.1 == b.1) {
            if run[0].1 != skip || out.len() >= BUFFER {
                self.push(std::mem::replace(&mut out, Vec::with_capacity(BUFFER)), skip, None);
                skip = run[0].1;
            }
            encode_run(core, &self.key, &self.ctx, run, &mut out);
        }
        self.push(out, skip, None);
    }

    fn push(&mut self, bytes: Vec<u8>, skip: PeerId, only: Option<PeerId>) {
        if !bytes.is_empty() {
            self.ring_bytes += bytes.len();
            self.ring.push_back(Buffer { bytes: bytes.into(), skip, only });
        }
    }

    /// Next buffer for a member.
    fn poll(&mut self, peer: PeerId) -> Option<Bytes> {
        let member = self.members.get_mut(&peer)?;
        let mut found = None;
        while found.is_none() {
            let Some(buffer) = self.ring.get((member.cursor - self.base) as usize) else { break };
            member.cursor += 1;
            if buffer.skip != peer && buffer.only.is_none_or(|o| o == peer) {
                found = Some(buffer.bytes.clone());
            }
        }
        self.trim();
        found
    }

    /// Drops buffers that every member has passed.
    fn trim(&mut self) {
        let slowest = self.members.values().map(|m| m.cursor).min().unwrap_or(self.end());
        while self.base < slowest
            && let Some(buffer) = self.ring.pop_front()
        {
            self.ring_bytes -= buffer.bytes.len();
            self.base += 1;
        }
    }

    /// A slice of the replay for a member, or what follows it. `None` when nothing is due.
    fn poll_replay<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
    ) -> Option<Bytes> {
        let mut out = Vec::new();
        // What is not encoded yet would be withdrawn, to be announced again a moment later.
        let unsettled = self.has_work() && self.members.get(&peer).is_some_and(Member::was_told);
        while out.is_empty() && !unsettled {
            let member = self.members.get_mut(&peer)?;
            let Some(next) = member.replay else { break };
            let end = (table.dest_capacity() as u32).min(next + REPLAY);
            member.replay = ((end as usize) < table.dest_capacity()).then_some(end);
            let told = std::mem::take(&mut member.told);
            let told_default = std::mem::take(&mut member.told_default);
            if next == 0 && (self.default_sent || told_default) {
                self.write_default(core, self.default_sent, &mut out);
            }
            self.replay_slice(core, table, local, peer, (next..end, &told), &mut out);
            if let Some(member) = self.members.get_mut(&peer)
                && member.replay.is_some()
            {
                member.told = told;
            }
        }
        if !out.is_empty() {
            return Some(out.into());
        }
        let busy = self.has_work();
        let member = self.members.get_mut(&peer)?;
        if busy || member.replay.is_some() {
            return None;
        }
        if std::mem::take(&mut member.end_of_refresh) {
            refresh_marker(self.key.family, ferr_bgp_wire::RefreshSubtype::End, &mut out);
        }
        if std::mem::take(&mut member.end_of_rib) {
            encode_end_of_rib(&self.ctx, self.key.family, &mut out);
            if let Some(p) = core.peers.get_mut(peer) {
                p.eor_sent.insert(self.key.family);
            }
        }
        (!out.is_empty()).then(|| out.into())
    }

    fn replay_slice<P: TablePrefix>(
        &self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
        (ids, told): (std::ops::Range<u32>, &[u64]),
        out: &mut Vec<u8>,
    ) {
        let mut announce = Vec::new();
        let mut withdraw = Vec::new();
        for id in ids {
            let dest = DestId(id);
            let sent = self.record(dest);
            let was_told = bit(told, id);
            if !table.is_live(dest) || !(sent.attr.is_some() || was_told) {
                continue;
            }
            let prefix = table.dest(dest).prefix;
            let before = announce.len();
            for (at, path) in paths_to_send(core, table, dest, self.key.add_path) {
                if path.peer == peer || !sent.attr.is_some() {
                    continue;
                }
                if let Some(exported) = export(core, &self.key, local, prefix, &path) {
                    let path_id = if self.key.add_path.is_some() { at.tx_id() } else { 0 };
                    announce.push((exported, LOCAL_PEER, prefix.into(), path_id));
                }
            }
            let originated = self.default_sent && table.dest(dest).prefix.prefix_len() == 0;
            if was_told && announce.len() == before && !originated {
                withdraw.push((0, prefix.into()));
            }
        }
        encode_withdrawals(&self.ctx, self.key.family, withdraw.iter().copied(), out);
        announce.sort_by_key(|a| a.0);
        for run in announce.chunk_by(|a, b| a.0 == b.0) {
            encode_run(core, &self.key, &self.ctx, run, out);
        }
        announce.iter().for_each(|a| core.attrs.release(a.0.attr));
    }
}

fn encode_run(
    core: &Core,
    key: &GroupKey,
    ctx: &SessionContext,
    run: &[(Exported, PeerId, Prefix, u32)],
    out: &mut Vec<u8>,
) {
    let Some(attrs) = encode(core, key, &run[0].0) else { return };
    let mut rest = run.iter().peekable();
    while rest.peek().is_some() {
        let mut writer = UpdateWriter::announce(ctx, &attrs, out);
        while let Some((_, _, prefix, id)) = rest.peek() {
            if writer.push(*prefix, *id) == Push::Full {
                break;
            }
            rest.next();
        }
        if writer.is_empty() {
            return writer.abandon();
        }
        writer.finish();
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

/// Paths of a prefix that a group sends.
fn paths_to_send<P: TablePrefix>(
    core: &Core,
    table: &Table<P>,
    dest: DestId,
    mode: Option<AddPathTx>,
) -> SmallVec<[(PathIdx, Path); 2]> {
    let Some(best) = table.best(dest) else { return SmallVec::new() };
    let first = table.dest(dest).first;
    match mode {
        None | Some(AddPathTx::Best) => SmallVec::from_slice(&[(first, *best)]),
        Some(AddPathTx::All) => table
            .paths(dest)
            .filter(|(_, p)| !p.has(flag::FILTERED) && core.nexthops.is_usable(p.nexthop))
            .map(|(at, p)| (at, *p))
            .collect(),
        Some(AddPathTx::BestPerAs) => {
            let usable = |p: &Path| !p.has(flag::FILTERED) && core.nexthops.is_usable(p.nexthop);
            let mut candidates: Vec<Candidate<'_>> = table
                .paths(dest)
                .filter(|(_, p)| usable(p))
                .map(|(at, path)| candidate(core, at, path))
                .collect();
            candidates.sort_by_key(|c| c.key.neighbor_as);
            let groups = candidates.chunk_by(|a, b| a.key.neighbor_as == b.key.neighbor_as);
            let winners = groups.filter_map(|g| select(g, &core.config.bestpath));
            winners.map(|s| (s.best, *table.path(s.best))).collect()
        }
    }
}

/// All groups of a family.
#[derive(Debug)]
pub(crate) struct Groups<P> {
    groups: Vec<Option<Group>>,
    index: HashMap<GroupKey, u32>,
    family: std::marker::PhantomData<P>,
}

impl<P> Default for Groups<P> {
    fn default() -> Self {
        Self { groups: Vec::new(), index: HashMap::new(), family: std::marker::PhantomData }
    }
}

impl<P: TablePrefix> Groups<P> {
    pub(crate) fn get(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)?.as_ref()
    }

    fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_mut(id.0 as usize)?.as_mut()
    }

    /// All groups with their members, for `show`.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups.iter().enumerate().filter_map(|(i, g)| Some((GroupId(i as u32), g.as_ref()?)))
    }

    pub(crate) fn any_add_path(&self) -> bool {
        self.groups.iter().flatten().any(|g| g.key.add_path.is_some_and(|m| m != AddPathTx::Best))
    }

    /// A best path changed.
    pub(crate) fn changed(&mut self, table: &mut Table<P>, dest: DestId) {
        for group in self.groups.iter_mut().flatten() {
            // Numbers that the scan has still to reach come by themselves, unless the prefix is gone by then.
            let told = group.record(dest).attr.is_some();
            if told || group.scan.is_none_or(|next| dest.0 < next) {
                group.enqueue(table, dest);
            }
        }
    }

    /// Looks at every route again, in every group.
    pub(crate) fn rescan_all(&mut self) {
        self.groups.iter_mut().flatten().for_each(|g| {
            g.scan = Some(0);
            g.default_version = None;
        });
    }

    /// Looks at every route again in one group.
    pub(crate) fn rescan(&mut self, id: GroupId) {
        if let Some(g) = self.get_mut(id) {
            g.scan = Some(0);
            g.default_version = None;
        }
    }

    /// Sends members inside of the AS or confederation everything again.
    pub(crate) fn replay_internal(&mut self) {
        for group in self.groups.iter_mut().flatten().filter(|g| g.key.kind != PeerKind::Ebgp) {
            group.members.values_mut().for_each(|m| m.replay = Some(0));
        }
    }

    fn insert(&mut self, group: Group) -> GroupId {
        let at = self.groups.iter().position(Option::is_none).unwrap_or_else(|| {
            self.groups.push(None);
            self.groups.len() - 1
        });
        self.groups[at] = Some(group);
        GroupId(at as u32)
    }

    /// Adds a peer to the group of `key`. `told` is what it was sent before under another key.
    pub(crate) fn join(&mut self, peer: PeerId, key: GroupKey, told: Told, fresh: bool) -> GroupId {
        let known = self.index.get(&key).copied();
        let id = match known {
            Some(id) => GroupId(id),
            None => {
                let id = self.insert(Group::new(key.clone()));
                self.index.insert(key, id.0);
                id
            }
        };
        if let Some(group) = self.get_mut(id) {
            let replay = (known.is_some() || !fresh).then_some(0);
            let cursor = group.end();
            if group.members.len() == 1 {
                group.scan = Some(0);
            }
            let member = Member {
                cursor,
                replay,
                told: told.prefixes,
                told_default: told.default,
                end_of_rib: fresh,
                end_of_refresh: false,
            };
            group.members.insert(peer, member);
        }
        id
    }

    /// Takes a peer out. With `keep`, returns what it has not been sent yet and the prefixes that it knows.
    pub(crate) fn leave(
        &mut self,
        core: &mut Core,
        table: &mut Table<P>,
        local: &LocalRoutes<P>,
        (peer, id): (PeerId, GroupId),
        keep: bool,
    ) -> (Vec<Bytes>, Told) {
        let mut rest = Vec::new();
        let mut told = Told::default();
        let Some(group) = self.get_mut(id) else { return (rest, told) };
        if keep {
            while group.has_work() {
                group.fill(core, table, local, true);
            }
            while let Some(bytes) = group.poll(peer) {
                rest.push(bytes);
            }
            for (i, sent) in group.sent.iter().enumerate() {
                if sent.attr.is_some() && sent.source != peer {
                    set_bit(&mut told.prefixes, i as u32, true);
                }
            }
            told.default = group.default_sent;
        }
        group.members.remove(&peer);
        group.trim();
        if group.members.is_empty() {
            self.dissolve(core, table, id);
        }
        (rest, told)
    }

    fn dissolve(&mut self, core: &mut Core, table: &mut Table<P>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id.0 as usize).and_then(Option::take) else { return };
        self.index.retain(|_, i| *i != id.0);
        if group.key.add_path.is_some() {
            group.sent_paths.values().flatten().for_each(|(_, s)| core.attrs.release(s.attr));
        } else {
            group.sent.iter().for_each(|s| core.attrs.release(s.attr));
        }
        for dest in group.pending {
            table.dest_mut(dest).pins -= 1;
            table.reap(dest);
        }
    }

    /// Sends a member everything again (ROUTE-REFRESH, `clear ... soft out`).
    pub(crate) fn replay(&mut self, peer: PeerId, id: GroupId, mark_end: bool) {
        if let Some(member) = self.get_mut(id).and_then(|g| g.members.get_mut(&peer)) {
            member.replay = Some(0);
            member.end_of_refresh |= mark_end;
        }
    }

    /// Fills rings with room; true when more work could be done now.
    pub(crate) fn work(&mut self, core: &mut Core, table: &mut Table<P>, local: &LocalRoutes<P>) -> bool {
        let mut more = false;
        for i in 0..self.groups.len() {
            let id = GroupId(i as u32);
            let Some(group) = self.get_mut(id) else { continue };
            let stale_default =
                group.key.default_originate.is_some() && group.default_version != Some(table.version);
            let default_due = stale_default && group.scan.is_none();
            if !group.has_work() && !default_due {
                continue;
            }
            if group.not_before.is_some_and(|t| t > core.now) {
                continue;
            }
            if group.ring_bytes >= RING_LIMIT {
                if let Some(slow) = held_back(group) {
                    self.split(core, table, id, slow);
                    more = true;
                }
                continue;
            }
            let before = group.end();
            group.fill(core, table, local, false);
            if group.end() != before || !group.has_work() {
                let members: Vec<PeerId> = group.members.keys().copied().collect();
                more |= group.has_work() && group.ring_bytes < RING_LIMIT;
                for peer in members {
                    notify(core, peer);
                }
            } else {
                more |= group.has_work();
            }
        }
        more
    }

    /// Moves a member that holds the ring back to a group of its own.
    fn split(&mut self, core: &mut Core, table: &mut Table<P>, id: GroupId, peer: PeerId) {
        let Some(group) = self.get_mut(id) else { return };
        let Some(member) = group.members.remove(&peer) else { return };
        let mut own = Group::new(GroupKey { solo: Some(peer), ..group.key.clone() });
        own.base = member.cursor;
        own.ring = group.ring.iter().skip((member.cursor - group.base) as usize).cloned().collect();
        own.ring_bytes = own.ring.iter().map(|b| b.bytes.len()).sum();
        own.sent.clone_from(&group.sent);
        own.sent_count = group.sent_count;
        own.sent_paths.clone_from(&group.sent_paths);
        own.scan = group.scan;
        own.default_sent = group.default_sent;
        own.default_version = group.default_version;
        let pending: Vec<DestId> = group.pending.iter().copied().collect();
        group.trim();
        if own.key.add_path.is_some() {
            own.sent_paths.values().flatten().for_each(|(_, s)| core.attrs.retain(s.attr));
        } else {
            own.sent.iter().for_each(|s| core.attrs.retain(s.attr));
        }
        pending.into_iter().for_each(|dest| own.enqueue(table, dest));
        own.members.insert(peer, member);
        let family = own.key.family;
        let new = self.insert(own);
        if let Some(p) = core.peers.get_mut(peer) {
            p.groups[family] = Some(new);
        }
    }

    /// Next octets for a member: the ring first, then its replay.
    pub(crate) fn poll(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
        id: GroupId,
    ) -> Option<Bytes> {
        let group = self.get_mut(id)?;
        group.poll(peer).or_else(|| group.poll_replay(core, table, local, peer))
    }

    /// Whether the group has more to encode and room in its ring, or can make room by letting go of a slow member.
    pub(crate) fn waiting(&self, id: GroupId) -> bool {
        self.get(id)
            .is_some_and(|g| g.has_work() && (g.ring_bytes < RING_LIMIT / 2 || held_back(g).is_some()))
    }

    /// Earliest time at which an advertisement interval ends.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.groups.iter().flatten().filter(|g| g.has_work()).filter_map(|g| g.not_before).min()
    }
}

impl Group {
    /// Prefixes that a member was sent.
    pub(crate) fn sent_to(&self, peer: PeerId) -> u32 {
        let own = self.sent.iter().filter(|s| s.attr.is_some() && s.source == peer).count() as u32;
        self.sent_count - own + u32::from(self.default_sent)
    }

    /// Number of members.
    pub(crate) fn members(&self) -> impl Iterator<Item = PeerId> {
        self.members.keys().copied()
    }

    /// Whether a prefix was sent to a member.
    pub(crate) fn was_sent(&self, dest: DestId, peer: PeerId) -> bool {
        let sent = self.record(dest);
        sent.attr.is_some() && sent.source != peer
    }
}

/// The slowest member, if another one has nothing left to send.
fn held_back(group: &Group) -> Option<PeerId> {
    let end = group.end();
    let starving = group.members.values().any(|m| m.cursor == end);
    let slowest = group.members.iter().min_by_key(|(_, m)| m.cursor)?;
    (starving && group.members.len() > 1).then_some(*slowest.0)
}

fn notify(core: &mut Core, peer: PeerId) {
    if let Some(conn) = core.peers.get(peer).and_then(|p| p.session.as_ref()).map(|s| s.conn) {
        core.out.push_back(Output::Transmit { conn });
    }
}

/// Relation for `show`.
pub(crate) const fn kind_name(kind: PeerKind) -> &'static str {
    match kind {
        PeerKind::Ebgp => "external",
        PeerKind::Ibgp => "internal",
        PeerKind::ConfedEbgp => "confed-external",
    }
}
