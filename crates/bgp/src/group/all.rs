//! All groups of a family: who is in which, and whose turn it is.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use ferr_bgp_wire::PeerKind;
use ferr_types::PeerId;

use crate::config::AddPathTx;
use crate::core::{Core, Output};
use crate::export::GroupKey;
use crate::local::LocalRoutes;
use crate::peer::LocalAddresses;
use crate::table::{DestId, Table, TablePrefix};

use super::{Group, GroupId, Member, RING_LIMIT, Replay, Told, set_bit};

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
            let told = group.sent.get(dest).attr.is_some();
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
            g.slices.forget();
        });
    }

    /// What was encoded for members that are replayed the table is not right any more.
    pub(crate) fn forget_slices(&mut self) {
        self.groups.iter_mut().flatten().for_each(|g| g.slices.forget());
    }

    /// Looks at every route again in some groups.
    pub(crate) fn rescan_where(&mut self, wanted: impl Fn(&GroupKey) -> bool) {
        self.groups.iter_mut().flatten().filter(|g| wanted(&g.key)).for_each(|g| {
            g.scan = Some(0);
            g.slices.forget();
        });
    }

    /// Looks at every route again in one group.
    pub(crate) fn rescan(&mut self, id: GroupId) {
        if let Some(g) = self.get_mut(id) {
            g.scan = Some(0);
            g.default_version = None;
            g.slices.forget();
        }
    }

    /// Sends members inside of the AS or confederation everything again.
    pub(crate) fn replay_internal(&mut self) {
        for group in self.groups.iter_mut().flatten().filter(|g| g.key.kind != PeerKind::Ebgp) {
            group.slices.forget();
            group.members.values_mut().for_each(|m| m.replay = Some(Replay::FROM_START));
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

    /// Adds a peer to the group of `key`, with our addresses towards it. `told` is what it was sent before under another key. It is `now`; a new group begins at `from`.
    pub(crate) fn join(
        &mut self,
        peer: PeerId,
        key: GroupKey,
        told: Told,
        fresh: bool,
        own: LocalAddresses,
        (now, from): (Instant, Option<Instant>),
    ) -> GroupId {
        let known = self.index.get(&key).copied();
        let id = match known {
            Some(id) => GroupId(id),
            None => {
                let mut group = Group::new(key.clone());
                group.not_before = from;
                let id = self.insert(group);
                self.index.insert(key, id.0);
                id
            }
        };
        if let Some(group) = self.get_mut(id) {
            let from = if told.is_empty() { group.slices.latest() } else { Replay::FROM_START };
            let replay = (known.is_some() || !fresh).then_some(from);
            let cursor = group.end();
            if group.members.len() == 1 {
                group.scan = Some(0);
            }
            let member = Member {
                own,
                cursor,
                progress: now,
                behind: None,
                replay,
                told: told.prefixes,
                told_default: told.default,
                end_of_rib: fresh,
                end_of_refresh: false,
            };
            group.members.insert(peer, member);
            group.meet();
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
            while let Some(bytes) = group.poll_behind(core, table, local, peer) {
                rest.push(bytes);
            }
            while let Some(bytes) = group.poll(core.now, peer) {
                rest.push(bytes);
            }
            for (i, sent) in group.sent.iter().enumerate() {
                if sent.attr.is_some() && sent.source != peer {
                    set_bit(&mut told.prefixes, i as u32, true);
                }
            }
            told.default = group.default_sent;
        }
        group.catch_up(table, peer);
        if let Some(member) = group.members.remove(&peer) {
            let passed = (member.cursor - group.base) as usize;
            group.ring.iter_mut().skip(passed).for_each(|buffer| buffer.waiting -= 1);
        }
        group.meet();
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
            member.replay = Some(Replay::FROM_START);
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
            if core.defers(group.key.family) || group.not_before.is_some_and(|t| t > core.now) {
                continue;
            }
            if group.ring_bytes >= RING_LIMIT && !group.make_room(core.now) {
                continue;
            }
            let before = group.end();
            group.fill(core, table, local, false);
            if group.end() != before || !group.has_work() {
                more |= group.has_work() && group.ring_bytes < RING_LIMIT;
                group.members.keys().for_each(|peer| notify(core, *peer));
            } else {
                more |= group.has_work();
            }
        }
        more
    }

    /// Next octets for a member: the ring first, then its replay.
    pub(crate) fn poll(
        &mut self,
        core: &mut Core,
        table: &mut Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
        id: GroupId,
    ) -> Option<Bytes> {
        let group = self.get_mut(id)?;
        if let Some(bytes) = group.poll_behind(core, table, local, peer) {
            return Some(bytes);
        }
        group.poll(core.now, peer).or_else(|| group.poll_replay(core, table, local, peer))
    }

    /// Whether the group has more to encode, and room in its ring.
    pub(crate) fn waiting(&self, id: GroupId) -> bool {
        self.get(id).is_some_and(|g| g.has_work() && g.ring_bytes < RING_LIMIT / 2)
    }

    /// Earliest time at which an advertisement interval or the wait for members ends.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let waiting = || self.groups.iter().flatten().filter(|g| g.has_work());
        let room = waiting().filter_map(|g| g.room_due(now));
        waiting().filter_map(|g| g.not_before).filter(|t| *t > now).chain(room).min()
    }
}
/// The driver comes by itself to those whose connection is full.
fn notify(core: &mut Core, peer: PeerId) {
    let open = core.peers.get(peer).filter(|p| p.stalled_since.is_none());
    if let Some(conn) = open.and_then(|p| p.session.as_ref()).map(|s| s.conn) {
        core.out.push_back(Output::Transmit { conn });
    }
}
