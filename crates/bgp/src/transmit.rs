//! What goes out: octets for a connection, and the end of sessions whose peer does not take them.
//!
//! Control messages go before routes. A connection is asked for octets only when TCP takes some, so a slow peer costs no
//! memory beyond its update group's; one that takes nothing for the send hold time is dropped (RFC 9687).

use std::time::{Duration, Instant};

use bytes::Bytes;
use ferr_types::{Family, PeerId};

use crate::down::DownReason;
use crate::fsm::ConnId;
use crate::instance::Instance;
use crate::peer::Peer;

/// Longest time without progress in sending (RFC 9687 section 6).
const MIN_SEND_HOLD: Duration = Duration::from_secs(480);

impl Instance {
    /// Next octets for a connection: control messages, then routes. `None` when nothing is due now.
    pub fn poll_transmit(&mut self, now: Instant, conn: ConnId) -> Option<Bytes> {
        self.set_now(now);
        let id = self.core.peers.conns.get(&conn).copied().or_else(|| self.closing_peer(conn))?;
        let peer = self.core.peers.get_mut(id)?;
        if let Some(at) = peer.control.iter().position(|(c, _)| *c == conn) {
            let (_, bytes) = peer.control.remove(at)?;
            peer.sent(now, &bytes);
            // The farewell was the last thing that kept it.
            self.more_work |= peer.removed && peer.control.is_empty();
            return Some(bytes);
        }
        if peer.session.as_ref().is_none_or(|s| s.conn != conn) {
            return None;
        }
        for family in Family::ALL {
            let Some(group) = self.core.peers.get(id).and_then(|p| p.groups[family]) else { continue };
            let core = &mut self.core;
            let bytes =
                with_family!(self, family, |f| f.groups.poll(core, &mut f.table, &f.local, id, group));
            if let Some(bytes) = bytes {
                if let Some(peer) = self.core.peers.get_mut(id) {
                    peer.sent(now, &bytes);
                }
                return Some(bytes);
            }
            self.more_work |= with_family!(self, family, |f| f.groups.waiting(group));
        }
        None
    }

    fn closing_peer(&self, conn: ConnId) -> Option<PeerId> {
        self.core.peers.iter().find(|p| p.control.iter().any(|(c, _)| *c == conn)).map(|p| p.id)
    }

    /// The driver has octets for this connection that TCP does not take (`true`), or TCP took some again.
    pub fn write_blocked(&mut self, now: Instant, conn: ConnId, blocked: bool) {
        if let Some(id) = self.core.peers.conns.get(&conn)
            && let Some(peer) = self.core.peers.get_mut(*id)
        {
            peer.stalled_since = if blocked { peer.stalled_since.or(Some(now)) } else { None };
        }
    }

    /// Ends sessions whose peer does not read (RFC 9687); returns when to look again.
    pub(crate) fn send_hold(&mut self, now: Instant, fire: bool) -> Option<Instant> {
        let due_at = |p: &Peer| {
            let (hold, _) = p.fsm.negotiated_times().filter(|(h, _)| !h.is_zero())?;
            Some(p.stalled_since? + MIN_SEND_HOLD.max(hold * 2))
        };
        if fire {
            let due: Vec<(PeerId, ConnId)> = self
                .core
                .peers
                .iter()
                .filter(|p| due_at(p).is_some_and(|t| t <= now))
                .filter_map(|p| Some((p.id, p.session.as_ref()?.conn)))
                .collect();
            for (id, conn) in due {
                let mut actions = Vec::new();
                if let Some(peer) = self.core.peers.get_mut(id) {
                    peer.stalled_since = None;
                    peer.fsm.fail(now, conn, DownReason::SendHoldTimer, &mut actions);
                }
                self.run(id, actions);
            }
        }
        self.core.peers.iter().filter_map(due_at).min()
    }
}

impl Peer {
    /// Counts messages that go out in one piece.
    fn sent(&mut self, now: Instant, mut bytes: &[u8]) {
        self.last_write = Some(now);
        while let Some(len) = bytes.get(16..18) {
            self.counters.count_out(bytes);
            let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
            bytes = bytes.get(len.max(19)..).unwrap_or_default();
        }
    }
}
