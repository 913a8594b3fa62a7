//! Exchange of databases: Database Descriptions (RFC 2328 sections 10.6, 10.8 and 10.10).

use std::collections::VecDeque;
use std::time::Instant;

use ferr_ospf_wire::{
    Dbd, DbdFlags, LsaHeader, LsaType, Options, PacketType, PacketWriter, Records, Scope, Version,
};

use super::NeighborKey;
use crate::config::{AreaKind, InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{Cause, NeighborState, Refusal};
use crate::lsdb::{LsaKey, ScopeId};
use crate::send::address_of;
use crate::timer::Timer;

/// LSAs that are asked for at most: more is no database of this network.
const MAX_REQUESTS: usize = 1 << 20;

/// State of an exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) sequence: u32,
    /// This router leads.
    pub(crate) master: bool,
    /// Options of the neighbor's first description.
    pub(crate) options: Options,
    /// Last description of the neighbor.
    pub(crate) last: Option<Dbd>,
    /// LSAs still to be described.
    pub(crate) summary: VecDeque<LsaKey>,
    /// Own last description, unsealed.
    sent: Vec<u8>,
    /// Whether it said that more follow.
    more: bool,
}

impl Exchange {
    pub(super) const fn new(sequence: u32) -> Self {
        Self {
            sequence,
            master: false,
            options: Options::empty(),
            last: None,
            summary: VecDeque::new(),
            sent: Vec::new(),
            more: false,
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.sequence);
    }
}

/// The link between two descriptions: what must not change while databases are exchanged.
const fn fixed(flags: DbdFlags) -> u8 {
    flags.bits() & (DbdFlags::INIT.bits() | DbdFlags::MORE.bits() | DbdFlags::MASTER.bits())
}

impl Instance {
    /// Begins an exchange: both sides try to lead.
    pub(super) fn start_exchange(&mut self, ik: InterfaceKey, nk: NeighborKey, cause: Cause, now: Instant) {
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        neighbor.forget_exchange();
        neighbor.dd.sequence = neighbor.dd.sequence.wrapping_add(1);
        neighbor.dd.master = true;
        self.set_neighbor_state(ik, nk, NeighborState::ExStart, cause, now);
        self.timers.cancel(Timer::Request(ik, nk));
        self.timers.cancel(Timer::Retransmit(ik, nk));
        self.send_description(ik, nk, now);
    }

    /// The exchange cannot go on: it begins anew.
    pub(crate) fn exchange_fails(&mut self, ik: InterfaceKey, nk: NeighborKey, cause: Cause, now: Instant) {
        if self.neighbor(ik, nk).is_none_or(|neighbor| neighbor.state < NeighborState::Exchange) {
            return;
        }
        self.start_exchange(ik, nk, cause, now);
    }

    /// Options of own descriptions.
    fn description_options(&self, iface: &Interface) -> Options {
        let options = self.packet_options(iface);
        match self.config.version {
            Version::V2 if self.config.opaque && iface.config.opaque => options | Options::O,
            _ => options,
        }
    }

    /// Sends the next description and keeps it.
    fn send_description(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let Some(neighbor) = iface.neighbors.get(&nk) else { return };
        let starting = neighbor.state == NeighborState::ExStart;
        let mut buf = vec![0; iface.room()];
        let mut taken = 0;
        let (origin, options) = (self.origin(iface), self.description_options(iface));
        let mut dbd = Dbd {
            mtu: if iface.network() == NetworkType::Virtual { 0 } else { iface.config.mtu },
            options,
            flags: DbdFlags::empty(),
            sequence: neighbor.dd.sequence,
        };
        if starting {
            dbd.flags = DbdFlags::INIT | DbdFlags::MORE | DbdFlags::MASTER;
        } else if neighbor.dd.master {
            dbd.flags = DbdFlags::MASTER;
        }
        // What fits is known only when it was written: the flag for more is decided by a first count.
        let head = self.config.version.header_len() + 12;
        let fit = buf.len().saturating_sub(head) / LsaHeader::LEN;
        let more = starting || neighbor.dd.summary.len() > fit;
        dbd.flags.set(DbdFlags::MORE, more);
        let Ok(mut writer) = PacketWriter::dbd(&mut buf, &origin, &dbd) else { return };
        if !starting {
            for key in neighbor.dd.summary.iter().take(fit) {
                taken += 1;
                let Some(header) = self.header_now(self.scope_on(iface, key.kind), key, now) else {
                    continue;
                };
                if writer.push(&header).is_err() {
                    break;
                }
            }
        }
        let Ok(len) = writer.finish() else { return };
        buf.truncate(len);
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        neighbor.dd.summary.drain(..taken.min(neighbor.dd.summary.len()));
        neighbor.dd.sent = buf;
        neighbor.dd.more = more;
        self.send_description_again(ik, nk, now);
    }

    fn send_description_again(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let Some(neighbor) = iface.neighbors.get(&nk) else { return };
        let (to, packet) = (address_of(iface, neighbor.addr), neighbor.dd.sent.clone());
        let again = neighbor.dd.master && neighbor.state <= NeighborState::Exchange;
        let interval = iface.config.retransmit;
        self.transmit(ik, to, PacketType::Dbd, &packet, now);
        if again {
            self.timers.set(Timer::Exchange(ik, nk), now + interval);
        } else {
            self.timers.cancel(Timer::Exchange(ik, nk));
        }
    }

    /// The last description was not answered.
    pub(crate) fn exchange_timer(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let state = self.neighbor(ik, nk).map(|neighbor| neighbor.state);
        if matches!(state, Some(NeighborState::ExStart | NeighborState::Exchange)) {
            self.send_description_again(ik, nk, now);
        }
    }

    /// A description came and is authentic.
    pub(crate) fn on_description(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        dbd: &Dbd,
        headers: Records<'_, LsaHeader>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let iface = self.interface(ik).ok_or(Refusal::Interface)?;
        if dbd.mtu > iface.config.mtu && !iface.config.mtu_ignore && iface.network() != NetworkType::Virtual {
            return Err(Refusal::Mtu);
        }
        if self.neighbor(ik, nk).is_some_and(|neighbor| neighbor.state == NeighborState::Init) {
            self.two_way(ik, nk, now);
        }
        let state = self.neighbor(ik, nk).map_or(NeighborState::Down, |neighbor| neighbor.state);
        match state {
            NeighborState::ExStart => self.negotiate(ik, nk, dbd, headers, now),
            NeighborState::Exchange => self.described(ik, nk, dbd, headers, now),
            NeighborState::Loading | NeighborState::Full => self.described_again(ik, nk, dbd, now),
            _ => return Err(Refusal::Neighbor),
        }
        Ok(())
    }

    /// Settles who leads.
    fn negotiate(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        dbd: &Dbd,
        headers: Records<'_, LsaHeader>,
        now: Instant,
    ) {
        let own = self.config.router_id;
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        let all = DbdFlags::INIT | DbdFlags::MORE | DbdFlags::MASTER;
        let offers = dbd.flags.contains(all) && headers.is_empty() && neighbor.router > own;
        let accepts = !dbd.flags.intersects(DbdFlags::INIT | DbdFlags::MASTER)
            && dbd.sequence == neighbor.dd.sequence
            && neighbor.router < own;
        if !offers && !accepts {
            return;
        }
        neighbor.dd.master = accepts;
        neighbor.dd.options = dbd.options;
        neighbor.dd.last = Some(*dbd);
        if offers {
            neighbor.dd.sequence = dbd.sequence;
        }
        self.set_neighbor_state(ik, nk, NeighborState::Exchange, Cause::NegotiationDone, now);
        self.summarize(ik, nk, now);
        if offers {
            self.send_description(ik, nk, now);
        } else if self.take_headers(ik, nk, headers, now) {
            self.go_on(ik, nk, dbd, now);
        }
    }

    /// Lists what this router has; LSAs that are being flushed are sent instead.
    fn summarize(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let Some(neighbor) = iface.neighbors.get(&nk) else { return };
        let mut scopes = vec![ScopeId::Area(iface.area())];
        if !iface.is_virtual() {
            scopes.push(ScopeId::Link(ik));
        }
        if self.carries_as_scope(iface) {
            scopes.push(ScopeId::As);
        }
        let opaque = neighbor.takes_opaque();
        let (mut summary, mut leaving) = (VecDeque::new(), Vec::new());
        for scope in scopes {
            for (key, stored) in self.lsdb.scope(scope) {
                if is_opaque(key.kind) && !opaque {
                    continue;
                }
                if stored.age(now).is_max() { leaving.push(*key) } else { summary.push_back(*key) }
            }
        }
        if let Some(neighbor) = self.neighbor_mut(ik, nk) {
            neighbor.dd.summary = summary;
        }
        for key in leaving {
            self.send_reliably(ik, nk, key, now);
        }
    }

    /// Whether LSAs of AS scope are flooded on an interface.
    pub(crate) fn carries_as_scope(&self, iface: &Interface) -> bool {
        !iface.is_virtual()
            && self.config.areas.get(&iface.area()).is_none_or(|area| area.kind == AreaKind::Normal)
    }

    /// A description in Exchange.
    fn described(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        dbd: &Dbd,
        headers: Records<'_, LsaHeader>,
        now: Instant,
    ) {
        let Some(neighbor) = self.neighbor(ik, nk) else { return };
        let master = neighbor.dd.master;
        if neighbor.dd.last.is_some_and(|last| is_duplicate(&last, dbd)) {
            if !master {
                self.send_description_again(ik, nk, now);
            }
            return;
        }
        let expected = if master { neighbor.dd.sequence } else { neighbor.dd.sequence.wrapping_add(1) };
        let right = dbd.flags.contains(DbdFlags::MASTER) != master
            && !dbd.flags.contains(DbdFlags::INIT)
            && dbd.options == neighbor.dd.options
            && dbd.sequence == expected;
        if !right {
            self.exchange_fails(ik, nk, Cause::SeqNumberMismatch, now);
            return;
        }
        if let Some(neighbor) = self.neighbor_mut(ik, nk) {
            neighbor.dd.last = Some(*dbd);
        }
        if self.take_headers(ik, nk, headers, now) {
            self.go_on(ik, nk, dbd, now);
        }
    }

    /// A description when all was described: the master missed the last answer, or begins anew.
    fn described_again(&mut self, ik: InterfaceKey, nk: NeighborKey, dbd: &Dbd, now: Instant) {
        let Some(neighbor) = self.neighbor(ik, nk) else { return };
        let duplicate = neighbor.dd.last.is_some_and(|last| is_duplicate(&last, dbd));
        match (duplicate, neighbor.dd.master) {
            (true, true) => {}
            (true, false) => self.send_description_again(ik, nk, now),
            (false, _) => self.exchange_fails(ik, nk, Cause::SeqNumberMismatch, now),
        }
    }

    /// After a description: the next one, or the end.
    fn go_on(&mut self, ik: InterfaceKey, nk: NeighborKey, dbd: &Dbd, now: Instant) {
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return };
        let theirs = dbd.flags.contains(DbdFlags::MORE);
        if neighbor.dd.master {
            if !neighbor.dd.more && !theirs {
                self.timers.cancel(Timer::Exchange(ik, nk));
                self.exchange_done(ik, nk, now);
                return;
            }
            neighbor.dd.sequence = neighbor.dd.sequence.wrapping_add(1);
            self.send_description(ik, nk, now);
        } else {
            neighbor.dd.sequence = dbd.sequence;
            self.send_description(ik, nk, now);
            if !theirs && self.neighbor(ik, nk).is_some_and(|neighbor| !neighbor.dd.more) {
                self.exchange_done(ik, nk, now);
                return;
            }
        }
        self.ask(ik, nk, now);
    }

    fn exchange_done(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        self.set_neighbor_state(ik, nk, NeighborState::Loading, Cause::ExchangeDone, now);
        self.ask(ik, nk, now);
        self.loaded(ik, nk, now);
    }

    /// Notes what the neighbor has that is newer. False when the exchange failed by it.
    fn take_headers(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        headers: Records<'_, LsaHeader>,
        now: Instant,
    ) -> bool {
        let Some(iface) = self.interface(ik) else { return false };
        let mut wanted = Vec::new();
        for header in headers.iter() {
            let Some(scope) = self.acceptable(iface, header.kind) else {
                self.exchange_fails(ik, nk, Cause::SeqNumberMismatch, now);
                return false;
            };
            if !self.is_allowed_in(iface, header.kind) {
                continue;
            }
            let key = LsaKey::from(&header);
            let held = self.header_now(scope, &key, now);
            if held.is_none_or(|held| header.freshness(&held).is_gt()) {
                wanted.push((key, header));
            }
        }
        let Some(neighbor) = self.neighbor_mut(ik, nk) else { return false };
        neighbor.requests.extend(wanted);
        if neighbor.requests.len() > MAX_REQUESTS {
            self.exchange_fails(ik, nk, Cause::SeqNumberMismatch, now);
            return false;
        }
        true
    }

    /// Scope of an LSA type on an interface; `None` when no such LSA may come there.
    pub(crate) fn acceptable(&self, iface: &Interface, kind: LsaType) -> Option<ScopeId> {
        match kind.flooding_scope() {
            Scope::Reserved => None,
            Scope::As if !self.carries_as_scope(iface) => None,
            Scope::Link if iface.is_virtual() => None,
            _ => Some(self.scope_on(iface, kind)),
        }
    }

    /// Scope of an LSA type on an interface.
    pub(crate) fn scope_on(&self, iface: &Interface, kind: LsaType) -> ScopeId {
        match kind.flooding_scope() {
            Scope::Area => ScopeId::Area(iface.area()),
            Scope::As => ScopeId::As,
            Scope::Link | Scope::Reserved => ScopeId::Link(iface.key),
        }
    }

    /// Header of an LSA in the database, with its age now.
    pub(crate) fn header_now(&self, scope: ScopeId, key: &LsaKey, now: Instant) -> Option<LsaHeader> {
        let stored = self.lsdb.get(scope, key)?;
        let mut header = stored.lsa(self.config.version)?.header;
        header.age = stored.age(now);
        Some(header)
    }
}

/// Opaque LSAs of OSPFv2 go to routers alone that say they take them.
pub(crate) const fn is_opaque(kind: LsaType) -> bool {
    matches!(kind, LsaType::OPAQUE_LINK | LsaType::OPAQUE_AREA | LsaType::OPAQUE_AS)
}

fn is_duplicate(last: &Dbd, dbd: &Dbd) -> bool {
    fixed(last.flags) == fixed(dbd.flags) && last.options == dbd.options && last.sequence == dbd.sequence
}
