//! A Link State Update came (RFC 2328 section 13, RFC 5340 section 4.5.1).

use std::cmp::Ordering;
use std::time::Instant;

use ferr_ospf_wire::{Lsa, LsaHeader, LsaType, Lsas, Version};

use crate::config::{AreaKind, InterfaceKey};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{Cause, InterfaceState, NeighborState, Notice, Refusal};
use crate::lsdb::{LsaKey, ScopeId, Stored};
use crate::neighbor::NeighborKey;

/// LSAs of one foreign router that are stored at most.
pub(crate) const MAX_PER_ROUTER: usize = 1 << 18;
/// LSAs that are stored at most, own ones beside.
const MAX_STORED: usize = 1 << 20;
/// Notes of what was sent back to a neighbor.
const MAX_SENT_BACK: usize = 256;

impl Instance {
    /// An update came and is authentic.
    pub(crate) fn on_update(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        lsas: &Lsas<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        if self.neighbor(ik, nk).is_none_or(|neighbor| neighbor.state < NeighborState::Exchange) {
            return Err(Refusal::Neighbor);
        }
        let mut direct = Vec::new();
        let mut malformed = false;
        for lsa in lsas.iter() {
            malformed |= !self.on_lsa(ik, nk, &lsa, &mut direct, now);
            if self.neighbor(ik, nk).is_none_or(|neighbor| neighbor.state < NeighborState::Exchange) {
                break;
            }
        }
        self.acknowledge(ik, nk, &direct, now);
        self.loaded(ik, nk, now);
        if malformed { Err(Refusal::Malformed) } else { Ok(()) }
    }

    /// One LSA of an update. False when it is malformed.
    fn on_lsa(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        lsa: &Lsa<'_>,
        direct: &mut Vec<LsaHeader>,
        now: Instant,
    ) -> bool {
        let header = lsa.header;
        if !lsa.checksum_holds() {
            return false;
        }
        let Some(iface) = self.interface(ik) else { return true };
        let Some(scope) =
            self.acceptable(iface, header.kind).filter(|_| self.is_allowed_in(iface, header.kind))
        else {
            return true;
        };
        if lsa.body().is_err() || header.sequence == ferr_ospf_wire::LsSequence::RESERVED {
            // Nobody can use it. It is acknowledged so that the neighbor does not wait for ever, and goes no further.
            self.answered(ik, nk, &header);
            direct.push(header);
            return false;
        }
        let key = LsaKey::from(&header);
        let held = self.header_now(scope, &key, now);
        if header.age.is_max() && held.is_none() && !self.is_exchanging() {
            self.answered(ik, nk, &header);
            direct.push(header);
            return true;
        }
        match held.map_or(Ordering::Greater, |held| header.freshness(&held)) {
            Ordering::Greater => self.newer(ik, nk, scope, lsa, direct, now),
            Ordering::Equal => self.same(ik, nk, &header, direct, now),
            Ordering::Less => self.older(ik, nk, scope, &header, now),
        }
        true
    }

    /// Types that belong into some kinds of areas alone.
    pub(crate) fn is_allowed_in(&self, iface: &Interface, kind: LsaType) -> bool {
        match kind {
            LsaType::NSSA_V2 | LsaType::NSSA_V3 => {
                let area = self.config.areas.get(&iface.area());
                area.is_some_and(|area| matches!(area.kind, AreaKind::Nssa(_)))
            }
            LsaType::OPAQUE_LINK | LsaType::OPAQUE_AREA | LsaType::OPAQUE_AS => {
                self.config.opaque && iface.config.opaque
            }
            _ => true,
        }
    }

    /// Whether an exchange runs in which somebody may learn of LSAs that are being flushed.
    pub(crate) fn is_exchanging(&self) -> bool {
        self.ifaces
            .values()
            .flat_map(|iface| iface.neighbors.values())
            .any(|neighbor| matches!(neighbor.state, NeighborState::Exchange | NeighborState::Loading))
    }

    /// Step 5: the LSA is newer than what we have, or we have none.
    fn newer(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        scope: ScopeId,
        lsa: &Lsa<'_>,
        direct: &mut Vec<LsaHeader>,
        now: Instant,
    ) {
        let (header, key) = (lsa.header, LsaKey::from(&lsa.header));
        let own = self.is_own(&header);
        let held = self.lsdb.get(scope, &key);
        let early = held.is_some_and(|held| {
            held.is_received() && now.saturating_duration_since(held.installed()) < self.config.min_ls_arrival
        });
        if early {
            return;
        }
        let too_many = self.lsdb.count_of(header.router) >= MAX_PER_ROUTER || self.lsdb.len() >= MAX_STORED;
        if held.is_none() && !own && too_many {
            self.notices.push(Notice::Overflow { router: header.router });
            self.answered(ik, nk, &header);
            direct.push(header);
            return;
        }
        let changed = self.install(scope, key, Stored::received(lsa.octets().into(), now), now);
        let back = self.flood(scope, key, &header, Some((ik, nk)), now);
        let delayed = self.acknowledges_newer(ik, nk, back);
        if delayed {
            self.acknowledge_later(ik, header, now);
        }
        if changed {
            self.topology_changed(scope, &key, now);
        }
        if own {
            self.own_received(scope, key, now);
        } else {
            self.note_received(ik, scope, &header, now);
        }
    }

    /// Whether the LSA is to be acknowledged (table 19, first three rows): not when flooding it back says so already, nor as backup
    /// when it came from anyone but the designated router.
    fn acknowledges_newer(&self, ik: InterfaceKey, nk: NeighborKey, back: bool) -> bool {
        let Some(iface) = self.interface(ik).filter(|_| !back) else { return false };
        let Some(neighbor) = iface.neighbors.get(&nk) else { return false };
        iface.state != InterfaceState::Backup || neighbor.identity(iface.version) == iface.dr
    }

    /// Whether this router originated it in this or an earlier life (section 13.4).
    pub(crate) fn is_own(&self, header: &LsaHeader) -> bool {
        if header.router == self.config.router_id {
            return true;
        }
        let network = header.kind == LsaType::NETWORK_V2 && self.config.version == Version::V2;
        network
            && self.ifaces.values().any(|iface| {
                iface.is_up() && iface.config.address.is_some_and(|(addr, _)| addr == header.id.addr())
            })
    }

    /// Step 7: the LSA is what we have.
    fn same(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        header: &LsaHeader,
        direct: &mut Vec<LsaHeader>,
        now: Instant,
    ) {
        let key = LsaKey::from(header);
        if self.neighbor(ik, nk).is_some_and(|neighbor| neighbor.requests.contains_key(&key)) {
            self.exchange_fails(ik, nk, Cause::BadLsReq, now);
            return;
        }
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let Some(neighbor) = iface.neighbors.get_mut(&nk) else { return };
        if !neighbor.retransmit.remove(&key) {
            direct.push(*header);
            return;
        }
        neighbor.retransmit.backoff = 0;
        let from_dr = neighbor.identity(iface.version) == iface.dr;
        let later = iface.state == InterfaceState::Backup && from_dr;
        if later {
            self.acknowledge_later(ik, *header, now);
        }
    }

    /// Step 8: what we have is newer.
    fn older(&mut self, ik: InterfaceKey, nk: NeighborKey, scope: ScopeId, header: &LsaHeader, now: Instant) {
        let key = LsaKey::from(header);
        if self.neighbor(ik, nk).is_some_and(|neighbor| neighbor.requests.contains_key(&key)) {
            self.exchange_fails(ik, nk, Cause::BadLsReq, now);
            return;
        }
        let Some(held) = self.header_now(scope, &key, now) else { return };
        if held.age.is_max() && held.sequence == ferr_ospf_wire::LsSequence::MAX {
            return;
        }
        let gap = self.config.min_ls_arrival;
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        neighbor.sent_back.retain(|_, at| now.saturating_duration_since(*at) < gap);
        if neighbor.sent_back.len() >= MAX_SENT_BACK || neighbor.sent_back.contains_key(&key) {
            return;
        }
        neighbor.sent_back.insert(key, now);
        neighbor.queue.push(key);
        self.dirty.busy.insert(ik);
    }
}
