//! Acknowledgments, direct and delayed (RFC 2328 sections 13.5 and 13.7).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{LsaHeader, PacketType, PacketWriter, Records};

use crate::config::{InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{NeighborState, Refusal};
use crate::lsdb::LsaKey;
use crate::neighbor::NeighborKey;
use crate::send::{address_of, group_of};
use crate::timer::Timer;

/// Acknowledgments wait so long at most, and never longer than half of RxmtInterval.
const DELAY: Duration = Duration::from_millis(500);

impl Instance {
    /// Sends acknowledgments to one neighbor at once.
    pub(super) fn acknowledge(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        headers: &[LsaHeader],
        now: Instant,
    ) {
        let Some(iface) = self.interface(ik) else { return };
        let Some(neighbor) = iface.neighbors.get(&nk) else { return };
        let to = address_of(iface, neighbor.addr);
        self.send_acks(ik, &[to], headers, now);
    }

    /// Notes an acknowledgment to be sent to all.
    pub(super) fn acknowledge_later(&mut self, ik: InterfaceKey, header: LsaHeader, now: Instant) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        iface.acks.push(header);
        let delay = DELAY.min(iface.config.retransmit / 2);
        let enough = iface.acks.len() * LsaHeader::LEN + 32 > iface.room();
        if enough {
            self.ack_timer(ik, now);
        } else {
            self.timers.start(Timer::Acks(ik), now + delay);
        }
    }

    /// Sends the delayed acknowledgments.
    pub(crate) fn ack_timer(&mut self, ik: InterfaceKey, now: Instant) {
        self.timers.cancel(Timer::Acks(ik));
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let headers = std::mem::take(&mut iface.acks);
        let targets = ack_targets(iface);
        self.send_acks(ik, &targets, &headers, now);
    }

    fn send_acks(&mut self, ik: InterfaceKey, targets: &[IpAddr], headers: &[LsaHeader], now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let (origin, room) = (self.origin(iface), iface.room());
        let mut rest = headers;
        while !rest.is_empty() {
            let mut buf = vec![0; room];
            let Ok(mut writer) = PacketWriter::ls_ack(&mut buf, &origin) else { return };
            let fit = rest.iter().take_while(|header| writer.push(header).is_ok()).count();
            let Ok(len) = writer.finish() else { return };
            if fit == 0 {
                return;
            }
            rest = rest.get(fit..).unwrap_or_default();
            for to in targets {
                self.transmit(ik, *to, PacketType::LsAck, buf.get(..len).unwrap_or_default(), now);
            }
        }
    }

    /// Acknowledgments came.
    pub(crate) fn on_acks(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        headers: Records<'_, LsaHeader>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let iface = self.interface(ik).ok_or(Refusal::Interface)?;
        let neighbor = iface.neighbors.get(&nk).ok_or(Refusal::Neighbor)?;
        if neighbor.state < NeighborState::Exchange {
            return Err(Refusal::Neighbor);
        }
        let mut acknowledged = Vec::with_capacity(headers.len());
        for header in headers.iter() {
            let key = LsaKey::from(&header);
            if !neighbor.retransmit.contains(&key) {
                continue;
            }
            let held = self.header_now(self.scope_on(iface, key.kind), &key, now);
            if held.is_none_or(|held| held.freshness(&header).is_eq()) {
                acknowledged.push(key);
            }
        }
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return Ok(()) };
        if !acknowledged.is_empty() {
            neighbor.retransmit.backoff = 0;
        }
        for key in acknowledged {
            neighbor.retransmit.remove(&key);
        }
        Ok(())
    }
}

fn ack_targets(iface: &Interface) -> Vec<IpAddr> {
    match iface.network() {
        NetworkType::Broadcast | NetworkType::PointToPoint => vec![group_of(iface)],
        _ => iface.neighbors.values().filter(|n| n.takes_floods()).map(|n| n.addr).collect(),
    }
}
