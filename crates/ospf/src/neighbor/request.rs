//! Link State Requests: what this router lacks, and what it is asked for (RFC 2328 sections 10.7 and 10.9).

use std::time::Instant;

use ferr_ospf_wire::{LsaHeader, LsaRequest, PacketType, PacketWriter, Records};

use super::NeighborKey;
use crate::config::InterfaceKey;
use crate::instance::Instance;
use crate::io::{Cause, NeighborState, Refusal};
use crate::lsdb::LsaKey;
use crate::send::address_of;
use crate::timer::Timer;

impl Instance {
    /// Asks for the next LSAs, unless an answer is still awaited.
    pub(super) fn ask(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        if self.neighbor(ik, nk).is_some_and(|neighbor| neighbor.asked == 0 && !neighbor.requests.is_empty())
        {
            self.request_timer(ik, nk, now);
        }
    }

    /// Asks, or asks again.
    pub(crate) fn request_timer(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let Some(neighbor) = iface.neighbors.get(&nk) else { return };
        if neighbor.requests.is_empty() || neighbor.state < NeighborState::Exchange {
            return;
        }
        let mut buf = vec![0; iface.room()];
        let Ok(mut writer) = PacketWriter::ls_request(&mut buf, &self.origin(iface)) else { return };
        let mut asked = 0;
        for key in neighbor.requests.keys() {
            let request = LsaRequest { kind: key.kind, id: key.id, router: key.router };
            if writer.push(&request).is_err() {
                break;
            }
            asked += 1;
        }
        let Ok(len) = writer.finish() else { return };
        let (to, interval) = (address_of(iface, neighbor.addr), iface.config.retransmit);
        if let Some(neighbor) = self.neighbor_mut(ik, nk) {
            neighbor.asked = asked;
        }
        self.timers.set(Timer::Request(ik, nk), now + interval);
        self.transmit(ik, to, PacketType::LsRequest, buf.get(..len).unwrap_or_default(), now);
    }

    /// An LSA came, from whomever: it need not be asked for any more, unless a newer one was described.
    pub(crate) fn answered(&mut self, ik: InterfaceKey, nk: NeighborKey, header: &LsaHeader) {
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        let key = LsaKey::from(header);
        if neighbor.requests.get(&key).is_some_and(|wanted| !wanted.freshness(header).is_gt()) {
            neighbor.requests.remove(&key);
            neighbor.asked = neighbor.asked.saturating_sub(1);
        }
    }

    /// After answers: the next request, or the end.
    pub(crate) fn loaded(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let Some(neighbor) = self.neighbor(ik, nk) else { return };
        if neighbor.state < NeighborState::Exchange {
            return;
        }
        if !neighbor.requests.is_empty() {
            self.ask(ik, nk, now);
            return;
        }
        let loading = neighbor.state == NeighborState::Loading;
        self.timers.cancel(Timer::Request(ik, nk));
        if let Some(neighbor) = self.neighbor_mut(ik, nk) {
            neighbor.asked = 0;
        }
        if loading {
            self.set_neighbor_state(ik, nk, NeighborState::Full, Cause::LoadingDone, now);
        }
    }

    /// The neighbor asks.
    pub(crate) fn on_request(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        requests: Records<'_, LsaRequest>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let iface = self.interface(ik).ok_or(Refusal::Interface)?;
        if self.neighbor(ik, nk).is_none_or(|neighbor| neighbor.state < NeighborState::Exchange) {
            return Err(Refusal::Neighbor);
        }
        let mut found = Vec::with_capacity(requests.len());
        for request in requests.iter() {
            let key = LsaKey { kind: request.kind, id: request.id, router: request.router };
            let held =
                self.acceptable(iface, key.kind).is_some_and(|scope| self.lsdb.get(scope, &key).is_some());
            if !held {
                self.exchange_fails(ik, nk, Cause::BadLsReq, now);
                return Ok(());
            }
            found.push(key);
        }
        if let Some(neighbor) = self.neighbor_mut(ik, nk) {
            found.into_iter().for_each(|key| neighbor.queue.push(key));
        }
        self.dirty.busy.insert(ik);
        Ok(())
    }
}
