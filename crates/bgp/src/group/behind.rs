//! Members that do not keep up: they leave the ring, and are told later only what is still true.
//!
//! # Data
//! Such a member keeps the part of the ring that it had not passed (shared with all who stopped there), and a bit for each prefix
//! that changed since, and another for what it knew. When it reads again, each of these prefixes is told as it is by then; when none is left, it is back
//! in the ring. So a peer that reads nothing costs a quarter of an octet per prefix, whatever the table does meanwhile.
//!
//! # Invariants
//! * A prefix with a bit is pinned in the table, so its number is not reused before the member heard of it.
//! * With add-path, path identifiers that were withdrawn meanwhile are kept until the member heard of that.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferr_bgp_wire::encode_withdrawals;
use ferr_types::PeerId;
use smallvec::SmallVec;

use crate::core::{Core, LOCAL_PEER};
use crate::export::export;
use crate::local::LocalRoutes;
use crate::peer::LocalAddresses;
use crate::table::{DestId, Table, TablePrefix};

use super::fill::paths_to_send;
use super::{Encoded, Group, Member, REPLAY, RING_LIMIT, Sent, bit, set_bit};

/// A member that takes nothing for so long, while the ring is full and another one starves, is left behind.
const STUCK: Duration = Duration::from_millis(500);
/// One for which octets wait for so long is left behind although it reads: a ring in so long is less than 2 Mbit/s.
const SLOW: Duration = Duration::from_secs(2);

/// What a member has still to be told.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Its part of the ring.
    rest: VecDeque<Arc<Encoded>>,
    /// Bits by prefix.
    missed: Vec<u64>,
    /// Which of them the member had been told of.
    known: Vec<u64>,
    count: u32,
    /// Word of `missed` to look at next.
    next: usize,
    /// Path identifiers withdrawn meanwhile.
    gone: HashMap<DestId, SmallVec<[u32; 2]>>,
    default: bool,
}

impl Behind {
    /// The next prefixes, in order of their numbers.
    fn take(&mut self, max: u32) -> Vec<DestId> {
        let mut out = Vec::new();
        while self.count > 0 && (out.len() as u32) < max {
            let Some(word) = self.missed.get_mut(self.next) else {
                self.next = 0;
                continue;
            };
            while *word != 0 && (out.len() as u32) < max {
                out.push(DestId(self.next as u32 * 64 + word.trailing_zeros()));
                *word &= *word - 1;
                self.count -= 1;
            }
            self.next += usize::from(*word == 0);
        }
        out
    }
}

impl Group {
    /// Notes for members left behind that a prefix changed from what was `sent`; `gone` are path identifiers that were withdrawn.
    pub(super) fn missed<P: TablePrefix>(
        &mut self,
        table: &mut Table<P>,
        (dest, sent): (DestId, Sent),
        gone: &[u32],
    ) {
        for (peer, member) in &mut self.members {
            let Some(behind) = &mut member.behind else { continue };
            if !bit(&behind.missed, dest.0) {
                set_bit(&mut behind.missed, dest.0, true);
                set_bit(&mut behind.known, dest.0, sent.attr.is_some() && sent.source != *peer);
                behind.count += 1;
                table.dest_mut(dest).pins += 1;
            }
            if !gone.is_empty() {
                let list = behind.gone.entry(dest).or_default();
                list.extend(
                    gone.iter().copied().filter(|id| !list.contains(id)).collect::<SmallVec<[u32; 2]>>(),
                );
            }
        }
    }

    /// The same for the default route of `default-originate`.
    pub(super) fn missed_default(&mut self) {
        self.members.values_mut().filter_map(|m| m.behind.as_mut()).for_each(|b| b.default = true);
    }

    /// The ring is full: leaves those behind who hold it up while others starve. `true` when that made room.
    pub(super) fn make_room(&mut self, now: Instant) -> bool {
        let slow: Vec<PeerId> = self.slow_members(now).collect();
        slow.into_iter().for_each(|peer| self.leave_behind(peer));
        self.ring_bytes < RING_LIMIT
    }

    /// Members who hold up a full ring for too long; none while nobody starves.
    fn slow_members(&self, now: Instant) -> impl Iterator<Item = PeerId> {
        let end = self.end();
        let starves = self.members.values().any(|m| m.behind.is_none() && m.cursor == end);
        let members = self.members.iter().filter(move |(_, m)| starves && m.behind.is_none());
        let is_slow = move |m: &Member| {
            let waits = self.ring.get((m.cursor - self.base) as usize).map(|b| now - b.pushed);
            waits.is_some_and(|w| w >= SLOW || (w >= STUCK && now - m.progress >= STUCK))
        };
        members.filter(move |(_, m)| is_slow(m)).map(|(peer, _)| *peer)
    }

    fn leave_behind(&mut self, peer: PeerId) {
        let (base, end) = (self.base, self.end());
        let Some(member) = self.members.get_mut(&peer) else { return };
        let rest = self.ring.iter_mut().skip((member.cursor - base) as usize);
        let rest = rest.map(|buffer| {
            buffer.waiting -= 1;
            Arc::clone(&buffer.filled.encoded)
        });
        member.behind = Some(Box::new(Behind { rest: rest.collect(), ..Behind::default() }));
        member.cursor = end;
        self.behind += 1;
        self.trim();
    }

    /// When [`Self::make_room`] may decide otherwise than before.
    pub(super) fn room_due(&self, now: Instant) -> Option<Instant> {
        let oldest = self.ring.front().filter(|_| self.ring_bytes >= RING_LIMIT)?;
        if self.slow_members(now).next().is_some() {
            return Some(now);
        }
        [STUCK, SLOW].into_iter().map(|wait| oldest.pushed + wait).find(|at| *at > now)
    }

    /// Next octets for a member that was left behind; `None` when it has caught up, and when it never was.
    pub(super) fn poll_behind<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &mut Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
    ) -> Option<Bytes> {
        loop {
            let member = self.members.get_mut(&peer)?;
            let own = member.own;
            let behind = member.behind.as_mut()?;
            if let Some(encoded) = behind.rest.pop_front() {
                match encoded.for_member(&self.key, peer, &own) {
                    Some(bytes) => return Some(bytes),
                    None => continue,
                }
            }
            let slice = behind.take(REPLAY);
            let known: Vec<bool> = slice.iter().map(|dest| bit(&behind.known, dest.0)).collect();
            let default = std::mem::take(&mut behind.default);
            if slice.is_empty() && !default {
                self.catch_up(table, peer);
                return None;
            }
            let gone: Vec<_> =
                slice.iter().map(|dest| behind.gone.remove(dest).unwrap_or_default()).collect();
            let mut out = Vec::new();
            if default {
                self.write_default(core, self.default_sent, &own, &mut out);
            }
            let missed = slice.iter().copied().zip(known).zip(gone);
            self.write_missed(core, table, local, (peer, &own), missed, &mut out);
            for dest in slice {
                self.told_early(dest);
                table.dest_mut(dest).pins -= 1;
                table.reap(dest);
            }
            if !out.is_empty() {
                return Some(out.into());
            }
        }
    }

    /// Says of each prefix what is true now.
    fn write_missed<P: TablePrefix>(
        &self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        (peer, own): (PeerId, &LocalAddresses),
        missed: impl Iterator<Item = ((DestId, bool), SmallVec<[u32; 2]>)>,
        out: &mut Vec<u8>,
    ) {
        let (mut announce, mut withdraw) = (Vec::new(), Vec::new());
        for ((dest, known), mut gone) in missed {
            let prefix = table.dest(dest).prefix;
            let sent = self.sent.get(dest).attr.is_some();
            let add_path = self.key.add_path.is_some();
            let paths =
                if sent { paths_to_send(core, table, dest, self.key.add_path) } else { SmallVec::new() };
            let before = announce.len();
            for (at, path) in paths.into_iter().filter(|(_, p)| p.peer != peer) {
                let id = if add_path { at.tx_id() } else { 0 };
                if let Some(exported) = export(core, &self.key, local, prefix, &path) {
                    gone.retain(|g| *g != id);
                    announce.push((exported, LOCAL_PEER, prefix.into(), id));
                }
            }
            if add_path {
                withdraw.extend(gone.into_iter().map(|id| (id, prefix.into())));
            } else if known && announce.len() == before {
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

    /// A member is in the ring again, or leaves the group.
    pub(super) fn catch_up<P: TablePrefix>(&mut self, table: &mut Table<P>, peer: PeerId) {
        let end = self.end();
        let Some(member) = self.members.get_mut(&peer) else { return };
        let Some(mut behind) = member.behind.take() else { return };
        member.cursor = end;
        self.behind -= 1;
        for dest in behind.take(u32::MAX) {
            table.dest_mut(dest).pins -= 1;
            table.reap(dest);
        }
    }

    /// Members that were left behind.
    pub(crate) fn left_behind(&self) -> impl Iterator<Item = PeerId> {
        self.members.iter().filter(|(_, m)| m.behind.is_some()).map(|(peer, _)| *peer)
    }

    /// Octets that wait for members, and slices of a replay, with the records of those who were left behind.
    pub(crate) fn waiting_octets(&self) -> usize {
        let behind = self.members.values().filter_map(|m| m.behind.as_ref());
        let own = behind.map(|b| {
            b.rest.iter().map(|e| e.bytes.len()).sum::<usize>() + (b.missed.len() + b.known.len()) * 8
        });
        self.ring_bytes + self.slices.octets() + own.sum::<usize>()
    }
}
