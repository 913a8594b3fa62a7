//! From the ring to a member, and the replay of the table for one that joined later.

use std::time::Instant;

use bytes::Bytes;
use ferr_bgp_wire::{encode_end_of_rib, encode_withdrawals};
use ferr_types::PeerId;

use crate::core::{Core, LOCAL_PEER};
use crate::export::export;
use crate::local::LocalRoutes;
use crate::peer::LocalAddresses;
use crate::table::{DestId, Table, TablePrefix};

use super::fill::paths_to_send;
use super::{Group, Member, REPLAY, bit, refresh_marker};

impl Group {
    /// Next buffer for a member.
    pub(super) fn poll(&mut self, now: Instant, peer: PeerId) -> Option<Bytes> {
        let member = self.members.get_mut(&peer).filter(|m| m.behind.is_none())?;
        let mut found = None;
        while found.is_none() {
            let Some(buffer) = self.ring.get_mut((member.cursor - self.base) as usize) else { break };
            member.cursor += 1;
            member.progress = now;
            buffer.waiting -= 1;
            found = buffer.for_member(&self.key, peer, &member.own);
        }
        self.trim();
        found
    }

    /// Drops buffers that every member has passed.
    pub(super) fn trim(&mut self) {
        while let Some(buffer) = self.ring.pop_front_if(|b| b.waiting == 0) {
            self.ring_bytes -= buffer.bytes.len();
            self.base += 1;
        }
    }

    /// A slice of the replay for a member, or what follows it. `None` when nothing is due.
    pub(super) fn poll_replay<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        peer: PeerId,
    ) -> Option<Bytes> {
        let mut out = Vec::new();
        if core.defers(self.key.family) {
            return None;
        }
        // What is not encoded yet would be withdrawn, to be announced again a moment later.
        let unsettled = self.has_work() && self.members.get(&peer).is_some_and(Member::was_told);
        while out.is_empty() && !unsettled {
            let member = self.members.get_mut(&peer)?;
            let Some(next) = member.replay else { break };
            let own = member.own;
            let end = (table.dest_capacity() as u32).min(next + REPLAY);
            member.replay = ((end as usize) < table.dest_capacity()).then_some(end);
            let told = std::mem::take(&mut member.told);
            let told_default = std::mem::take(&mut member.told_default);
            if next == 0 && (self.default_sent || told_default) {
                self.write_default(core, self.default_sent, &own, &mut out);
            }
            self.replay_slice(core, table, local, (peer, &own), (next..end, &told), &mut out);
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
        (peer, own): (PeerId, &LocalAddresses),
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
            self.encode_run(core, run, own, out);
        }
        announce.iter().for_each(|a| core.attrs.release(a.0.attr));
    }
}
