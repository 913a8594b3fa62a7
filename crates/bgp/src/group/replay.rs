//! The replay of the table for members that joined later, or asked for it.
//!
//! The table is told in slices of prefix numbers. A slice is encoded once for all who are replayed at the same time, and kept for a while; it is
//! encoded again when a record in it changed. Who joins begins where the others are, and goes on from the start of the table behind its end. A member that
//! knows prefixes from another group has slices of its own.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use ferr_bgp_wire::{encode_end_of_rib, encode_withdrawals};
use ferr_policy::PolicySet;
use ferr_types::PeerId;

use crate::core::{Core, LOCAL_PEER};
use crate::export::export;
use crate::local::LocalRoutes;
use crate::peer::LocalAddresses;
use crate::table::{DestId, Table, TablePrefix};

use super::fill::{Announcement, paths_to_send};
use super::own::Filled;
use super::{Encoded, Group, Member, REPLAY, bit, refresh_marker};

/// Octets of slices that are kept.
const KEPT: usize = 4 * 1024 * 1024;

/// Where a replay stands, in slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replay {
    begun: u32,
    next: u32,
    /// The end of the table was passed.
    wrapped: bool,
    /// Nothing was told yet.
    fresh: bool,
}

impl Replay {
    pub(super) const FROM_START: Self = Self::from(0);

    const fn from(slice: u32) -> Self {
        Self { begun: slice, next: slice, wrapped: false, fresh: true }
    }

    /// After the slice that was next, of `count`; `None` at the end.
    fn after(self, count: u32) -> Option<Self> {
        let next = Self { next: self.next + 1, fresh: false, ..self };
        let next =
            if next.next >= count && !next.wrapped { Self { next: 0, wrapped: true, ..next } } else { next };
        (!next.wrapped || next.next < next.begun.min(count)).then_some(next)
    }
}

#[derive(Debug)]
struct Slice {
    number: u32,
    changes: u32,
    octets: usize,
    encoded: Vec<Filled>,
}

/// Slices that were encoded last.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// How often records of each slice changed.
    changes: Vec<u32>,
    kept: VecDeque<Slice>,
    octets: usize,
    /// What the kept ones were made with.
    policy: Option<Arc<PolicySet>>,
}

impl Slices {
    /// A record changed.
    #[inline]
    pub(super) fn changed(&mut self, dest: DestId) {
        let at = (dest.0 / REPLAY) as usize;
        if self.changes.len() <= at {
            self.changes.resize(at + 1, 0);
        }
        self.changes[at] = self.changes[at].wrapping_add(1);
    }

    pub(super) fn forget(&mut self) {
        self.kept = VecDeque::new();
        self.octets = 0;
    }

    /// A replay that begins where others are.
    pub(super) fn latest(&self) -> Replay {
        self.kept.back().map_or(Replay::FROM_START, |slice| Replay::from(slice.number))
    }

    fn changes_of(&self, number: u32) -> u32 {
        self.changes.get(number as usize).copied().unwrap_or(0)
    }

    fn find(&mut self, number: u32) -> Option<&mut Slice> {
        let changes = self.changes_of(number);
        self.kept.iter_mut().rev().find(|s| s.number == number && s.changes == changes)
    }

    fn keep(&mut self, number: u32, encoded: Vec<Encoded>) {
        if let Some(at) = self.kept.iter().position(|s| s.number == number) {
            self.octets -= self.kept.remove(at).map_or(0, |s| s.octets);
        }
        let octets = encoded.iter().map(|e| e.bytes.len()).sum();
        let encoded = encoded.into_iter().map(Filled::new).collect();
        self.octets += octets;
        self.kept.push_back(Slice { number, changes: self.changes_of(number), octets, encoded });
        while self.octets > KEPT && self.kept.len() > 1 {
            self.octets -= self.kept.pop_front().map_or(0, |s| s.octets);
        }
    }

    /// Octets that are kept.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }
}

impl Group {
    /// A slice of the replay for a member, or what follows it. `None` when nothing is due.
    pub(super) fn poll_replay<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
    ) -> Option<Bytes> {
        if core.defers(self.key.family) {
            return None;
        }
        // What is not encoded yet would be withdrawn, to be announced again a moment later.
        let unsettled = self.has_work() && self.members.get(&peer).is_some_and(Member::was_told);
        let mut found = None;
        while found.is_none() && !unsettled {
            let member = self.members.get_mut(&peer)?;
            let Some(replay) = member.replay else { break };
            let count = (table.dest_capacity() as u32).div_ceil(REPLAY);
            member.replay = replay.after(count);
            found = if member.was_told() {
                self.own_slice(core, table, local, peer, replay)
            } else {
                self.shared_slice(core, table, local, peer, replay)
            };
            let last = self.members.get(&peer).is_some_and(|m| m.replay.is_none());
            if last && self.members.values().all(|m| m.replay.is_none()) {
                self.slices.forget();
            }
        }
        found.or_else(|| self.end_of_replay(core, peer))
    }

    fn end_of_replay(&mut self, core: &mut Core, peer: PeerId) -> Option<Bytes> {
        let busy = self.has_work();
        let member = self.members.get_mut(&peer)?;
        if busy || member.replay.is_some() {
            return None;
        }
        let mut out = Vec::new();
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

    /// A slice that others may have been told as well.
    fn shared_slice<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
        replay: Replay,
    ) -> Option<Bytes> {
        if !self.slices.policy.as_ref().is_some_and(|p| Arc::ptr_eq(p, &core.policy)) {
            self.slices.forget();
            self.slices.policy = Some(core.policy.clone());
        }
        if self.slices.find(replay.next).is_none() {
            let mut announce = Vec::new();
            for dest in numbers(replay.next, table).map(DestId) {
                if table.is_live(dest) && self.sent.get(dest).attr.is_some() {
                    self.announce_paths(core, table, local, dest, &mut announce);
                    self.told_early(dest);
                }
            }
            // No member may hear its own, whoever is a member by then.
            announce.iter_mut().for_each(|a| a.1 = a.0.source);
            announce.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
            let encoded = self.pack(core, &announce);
            announce.iter().for_each(|a| core.attrs.release(a.0.attr));
            self.slices.keep(replay.next, encoded);
        }
        let own = self.members.get(&peer)?.own;
        let mut out = Vec::new();
        if replay.fresh && self.default_sent {
            self.write_default(core, true, &own, &mut out);
        }
        let slice = self.slices.find(replay.next)?;
        let key = &self.key;
        let mut parts = slice.encoded.iter_mut().filter_map(|e| e.for_member(key, peer, &own)).peekable();
        let first = parts.next().filter(|_| out.is_empty());
        if parts.peek().is_none() && out.is_empty() {
            return first;
        }
        out.extend(first.into_iter().chain(parts).flatten());
        (!out.is_empty()).then(|| out.into())
    }

    /// A slice for a member that knows prefixes from another group: those that it is not sent here are withdrawn.
    fn own_slice<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
        replay: Replay,
    ) -> Option<Bytes> {
        let member = self.members.get_mut(&peer)?;
        let own = member.own;
        let told = std::mem::take(&mut member.told);
        let told_default = std::mem::take(&mut member.told_default);
        let mut out = Vec::new();
        if replay.fresh && (self.default_sent || told_default) {
            self.write_default(core, self.default_sent, &own, &mut out);
        }
        self.write_slice(core, table, local, (peer, &own), (replay.next, &told), &mut out);
        if let Some(member) = self.members.get_mut(&peer).filter(|m| m.replay.is_some()) {
            member.told = told;
        }
        (!out.is_empty()).then(|| out.into())
    }

    fn write_slice<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        (peer, own): (PeerId, &LocalAddresses),
        (slice, told): (u32, &[u64]),
        out: &mut Vec<u8>,
    ) {
        let mut announce: Vec<Announcement> = Vec::new();
        let mut withdraw = Vec::new();
        for dest in numbers(slice, table).map(DestId) {
            let sent = self.sent.get(dest).attr.is_some();
            let was_told = bit(told, dest.0);
            if !table.is_live(dest) || !(sent || was_told) {
                continue;
            }
            let prefix = table.dest(dest).prefix;
            let before = announce.len();
            if sent {
                self.announce_paths(core, table, local, dest, &mut announce);
                self.told_early(dest);
            }
            let own_route = |a: &Announcement| a.0.source == peer;
            let own_routes = announce.extract_if(before.., |a| own_route(a)).collect::<Vec<_>>();
            own_routes.iter().for_each(|a| core.attrs.release(a.0.attr));
            let originated = self.default_sent && prefix.prefix_len() == 0;
            if was_told && announce.len() == before && !originated {
                withdraw.push((0, prefix.into()));
            }
        }
        encode_withdrawals(&self.ctx, self.key.family, withdraw.iter().copied(), out);
        announce.sort_by_key(|a| a.0);
        for run in announce.chunk_by(|a, b| a.0 == b.0) {
            self.encode_run(core, run, own, out);
        }
        announce.iter().for_each(|a| core.attrs.release(a.0.attr));
    }

    /// What is sent for a prefix now, with a reference to each set of attributes.
    fn announce_paths<P: TablePrefix>(
        &self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        dest: DestId,
        out: &mut Vec<Announcement>,
    ) {
        let prefix = table.dest(dest).prefix;
        for (at, path) in paths_to_send(core, table, dest, self.key.add_path) {
            if let Some(exported) = export(core, &self.key, local, prefix, &path) {
                let path_id = if self.key.add_path.is_some() { at.tx_id() } else { 0 };
                out.push((exported, LOCAL_PEER, prefix.into(), path_id));
            }
        }
    }
}

/// Prefix numbers of a slice.
fn numbers<P: TablePrefix>(slice: u32, table: &Table<P>) -> Range<u32> {
    let start = slice * REPLAY;
    start..(start + REPLAY).min(table.dest_capacity() as u32).max(start)
}
