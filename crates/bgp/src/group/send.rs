//! From the ring to a member.

use std::time::Instant;

use bytes::Bytes;
use ferr_types::PeerId;

use super::Group;

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
            found = buffer.filled.for_member(&self.key, peer, &member.own);
        }
        self.trim();
        found
    }

    /// Drops buffers that every member has passed.
    pub(super) fn trim(&mut self) {
        while let Some(buffer) = self.ring.pop_front_if(|b| b.waiting == 0) {
            self.ring_bytes -= buffer.filled.encoded.bytes.len();
            self.base += 1;
        }
    }
}
