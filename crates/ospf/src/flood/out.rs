//! Where an LSA goes (RFC 2328 section 13.3), and the queues that wait for their turn (RFC 4222).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{Age, LsaHeader, PacketType, UpdateWriter};

use super::SendQueue;
use crate::config::InterfaceKey;
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{InterfaceState, NeighborState};
use crate::lsdb::{LsaKey, ScopeId};
use crate::neighbor::{NeighborKey, is_opaque};
use crate::send::{address_of, group_of};
use crate::timer::Timer;

/// Pause between two turns of one interface.
const TURN: Duration = Duration::from_millis(5);
/// Octets of an update's header and count.
const UPDATE_HEAD: usize = 28;

impl Instance {
    /// Whether LSAs of a scope are flooded on an interface.
    pub(crate) fn is_in_scope(&self, iface: &Interface, scope: ScopeId) -> bool {
        match scope {
            ScopeId::Link(ik) => ik == iface.key,
            ScopeId::Area(area) => area == iface.area(),
            ScopeId::As => self.carries_as_scope(iface),
        }
    }

    /// Floods an LSA that was just installed. True when it goes out by the interface that it came in by.
    pub(crate) fn flood(
        &mut self,
        scope: ScopeId,
        key: LsaKey,
        header: &LsaHeader,
        from: Option<(InterfaceKey, NeighborKey)>,
        now: Instant,
    ) -> bool {
        let interfaces: Vec<InterfaceKey> = match scope {
            ScopeId::Link(ik) => vec![ik],
            _ => self
                .ifaces
                .values()
                .filter(|iface| self.is_in_scope(iface, scope))
                .map(|iface| iface.key)
                .collect(),
        };
        let mut back = false;
        for ik in interfaces {
            let out = self.flood_on(ik, key, header, from, now);
            back |= out && from.is_some_and(|(from, _)| from == ik);
        }
        back
    }

    fn flood_on(
        &mut self,
        ik: InterfaceKey,
        key: LsaKey,
        header: &LsaHeader,
        from: Option<(InterfaceKey, NeighborKey)>,
        now: Instant,
    ) -> bool {
        let Some(iface) = self.interface(ik).filter(|iface| iface.is_active()) else { return false };
        let mut takers = Vec::new();
        let mut done = Vec::new();
        for neighbor in iface.neighbors.values() {
            if !neighbor.takes_floods() || is_opaque(key.kind) && !neighbor.takes_opaque() {
                continue;
            }
            let described = neighbor.requests.get(&key).map(|wanted| wanted.freshness(header));
            if described.is_some() {
                done.push(neighbor.key);
            }
            let has_it =
                neighbor.state < NeighborState::Full && described.is_some_and(std::cmp::Ordering::is_ge);
            if !has_it && from != Some((ik, neighbor.key)) {
                takers.push(neighbor.key);
            }
        }
        let arrived_here = from.filter(|(from, _)| *from == ik);
        let by_leader = arrived_here.is_some_and(|(_, nk)| {
            iface.neighbors.get(&nk).is_some_and(|neighbor| {
                let identity = neighbor.identity(iface.version);
                iface.has_dr() && (identity == iface.dr || identity == iface.bdr)
            })
        });
        let silent = by_leader || arrived_here.is_some() && iface.state == InterfaceState::Backup;
        let unicast = iface.is_unicast();
        self.on_lists(ik, key, &takers, &done, header, now);
        if takers.is_empty() || silent {
            return false;
        }
        if let Some(iface) = self.ifaces.get_mut(&ik) {
            if unicast {
                for nk in &takers {
                    iface.neighbors.entry(*nk).and_modify(|neighbor| neighbor.queue.push(key));
                }
            } else {
                iface.queue.push(key);
            }
        }
        self.dirty.busy.insert(ik);
        true
    }

    /// Puts the LSA on the lists of those that have to acknowledge it, and off all others.
    fn on_lists(
        &mut self,
        ik: InterfaceKey,
        key: LsaKey,
        takers: &[NeighborKey],
        done: &[NeighborKey],
        header: &LsaHeader,
        now: Instant,
    ) {
        for nk in done {
            self.answered(ik, *nk, header);
        }
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let again = now + iface.config.retransmit;
        for neighbor in iface.neighbors.values_mut() {
            if takers.binary_search(&neighbor.key).is_ok() {
                neighbor.retransmit.add(key, now);
                self.timers.start(Timer::Retransmit(ik, neighbor.key), again);
            } else {
                neighbor.retransmit.remove(&key);
            }
        }
        for nk in done {
            self.dirty.loaded.insert((ik, *nk));
        }
    }

    /// Sends an LSA to one neighbor until it acknowledges it.
    pub(crate) fn send_reliably(&mut self, ik: InterfaceKey, nk: NeighborKey, key: LsaKey, now: Instant) {
        let again = now + self.retransmit_interval(ik);
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        neighbor.retransmit.add(key, now);
        neighbor.queue.push(key);
        self.timers.start(Timer::Retransmit(ik, nk), again);
        self.dirty.busy.insert(ik);
    }

    /// What was not acknowledged is sent again; the longer apart, the longer nothing comes back.
    pub(crate) fn retransmit_timer(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let interval = self.retransmit_interval(ik);
        let batch = usize::from(self.config.write_multiplier.max(1)) * 32;
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        let Some(until) = now.checked_sub(interval) else { return };
        let mut taken = 0;
        while taken < batch {
            let Some(key) = neighbor.retransmit.take_due(until) else { break };
            neighbor.retransmit.add(key, now);
            neighbor.queue.push(key);
            taken += 1;
        }
        if taken > 0 {
            neighbor.retransmit.back_off();
        }
        let pause = interval * (1 << neighbor.retransmit.backoff.saturating_sub(1));
        if let Some(oldest) = neighbor.retransmit.oldest() {
            let next =
                if taken == 0 { oldest + interval } else { (oldest + interval).max(now) + pause - interval };
            self.timers.set(Timer::Retransmit(ik, nk), next.max(now + Duration::from_millis(50)));
        }
        self.dirty.busy.insert(ik);
    }

    /// Sends what waits, as much as one turn allows.
    pub(crate) fn drain(&mut self, now: Instant) {
        for ik in std::mem::take(&mut self.dirty.busy) {
            if self.timers.get(Timer::Bulk(ik)).is_none() {
                self.turn(ik, now);
            }
        }
    }

    /// One turn of an interface: first what goes to all, then neighbor by neighbor.
    pub(crate) fn turn(&mut self, ik: InterfaceKey, now: Instant) {
        let mut left = usize::from(self.config.write_multiplier.max(1));
        let Some(iface) = self.interface(ik) else { return };
        let to_all = group_of(iface);
        let waiting = iface.neighbors.values().filter(|neighbor| !neighbor.queue.is_empty());
        let targets: Vec<(NeighborKey, IpAddr)> =
            waiting.map(|neighbor| (neighbor.key, address_of(iface, neighbor.addr))).collect();
        while left > 0 && self.send_update(ik, None, to_all, now) {
            left -= 1;
        }
        // Round robin: no neighbor waits for the whole queue of another.
        let mut active = targets;
        while left > 0 && !active.is_empty() {
            active.retain(|(nk, to)| {
                let sent = left > 0 && self.send_update(ik, Some(*nk), *to, now);
                left -= usize::from(sent);
                sent
            });
        }
        let Some(iface) = self.interface(ik) else { return };
        if !iface.queue.is_empty() || iface.neighbors.values().any(|neighbor| !neighbor.queue.is_empty()) {
            self.timers.start(Timer::Bulk(ik), now + TURN);
        }
    }

    fn queue_mut(&mut self, ik: InterfaceKey, nk: Option<NeighborKey>) -> Option<&mut SendQueue> {
        let iface = self.ifaces.get_mut(&ik)?;
        match nk {
            None => Some(&mut iface.queue),
            Some(nk) => iface.neighbors.get_mut(&nk).map(|neighbor| &mut neighbor.queue),
        }
    }

    /// Sends one update filled from a queue. False when there was nothing.
    fn send_update(&mut self, ik: InterfaceKey, nk: Option<NeighborKey>, to: IpAddr, now: Instant) -> bool {
        let Some(iface) = self.interface(ik) else { return false };
        let (origin, room, delay) =
            (self.origin(iface), iface.room(), u64::from(iface.config.transmit_delay));
        let mut batch: Vec<(std::sync::Arc<[u8]>, Age)> = Vec::new();
        let mut len = UPDATE_HEAD;
        while let Some(key) = self.queue_mut(ik, nk).and_then(|queue| queue.front().copied()) {
            let stored =
                self.interface(ik).and_then(|iface| self.lsdb.get(self.scope_on(iface, key.kind), &key));
            if let Some(stored) = stored {
                let octets = stored.octets();
                if !batch.is_empty() && len + octets.len() > room {
                    break;
                }
                len += octets.len();
                batch.push((octets.clone(), stored.age(now).older(delay)));
            }
            self.queue_mut(ik, nk).and_then(SendQueue::pop);
        }
        if batch.is_empty() {
            return false;
        }
        // One LSA may be larger than the MTU: IP has to cut that packet.
        let mut buf = vec![0; len];
        let Ok(mut writer) = UpdateWriter::new(&mut buf, &origin) else { return false };
        for (octets, age) in &batch {
            if writer.push(octets, *age).is_err() {
                break;
            }
        }
        let Ok(len) = writer.finish() else { return true };
        self.transmit(ik, to, PacketType::LsUpdate, buf.get(..len).unwrap_or_default(), now);
        true
    }
}
