//! Connections and messages: what the driver reports of TCP, and what the peers say over it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use ferr_bgp_wire::{
    Disposition, Frame, MAX_LEN, MessageType, Nlri, NotificationError, Open, RefreshSubtype, RouteRefresh,
    Scratch, SessionContext, Update, code, frame, subcode,
};
use ferr_types::{Family, PeerId};

use crate::capability::{activated, judge, own_open};
use crate::core::{Core, LogRecord, Output};
use crate::down::DownReason;
use crate::family::{FamilyState, SweepKind};
use crate::fsm::{Action, ConnId};
use crate::group::refresh_marker;
use crate::instance::Instance;
use crate::peer::LocalAddresses;

/// Whether an incoming connection is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// It belongs to this neighbor.
    Peer(PeerId),
    /// Close it.
    Refuse,
}

/// So many prefixes are decided together while octets are read.
const DECIDE_AT: usize = 256;
/// Control messages waiting for one peer: beyond this it reads nothing any more, and ends by its send hold timer.
const CONTROL_LIMIT: usize = 4096;

impl Instance {
    /// A connection that was asked for stands.
    pub fn connected(
        &mut self,
        now: Instant,
        conn: ConnId,
        ends: (SocketAddr, SocketAddr),
        addresses: LocalAddresses,
    ) {
        self.set_now(now);
        match self.core.peers.conns.get(&conn).copied() {
            Some(peer) => self.begin(peer, conn, ends, addresses),
            None => self.core.out.push_back(Output::Close { conn }),
        }
    }

    /// Whether a connection is still wanted.
    pub fn is_connecting(&self, conn: ConnId) -> bool {
        self.core.peers.conns.contains_key(&conn)
    }

    /// An attempt to connect failed.
    pub fn connect_failed(&mut self, now: Instant, conn: ConnId) {
        self.set_now(now);
        if let Some(id) = self.core.peers.conns.remove(&conn)
            && let Some(peer) = self.core.peers.get_mut(id)
        {
            peer.fsm.connect_failed(now, conn);
        }
    }

    /// A peer connected. The driver has checked the VRF; `conn` is a name it chose outside the range of attempts.
    pub fn accepted(
        &mut self,
        now: Instant,
        conn: ConnId,
        ends: (SocketAddr, SocketAddr),
        addresses: LocalAddresses,
    ) -> Accept {
        self.set_now(now);
        let remote = ends.1.ip().to_canonical();
        let Some(id) = self.find_peer(remote, addresses.ifindex) else {
            self.core.log(LogRecord::Refused { addr: remote, reason: "no such neighbor" });
            return Accept::Refuse;
        };
        let Some(peer) = self.core.peers.get(id) else { return Accept::Refuse };
        if peer.config.shutdown.is_some() || self.core.config.shutdown.is_some() {
            return Accept::Refuse;
        }
        if self.core.waits_for_bfd(peer) && !peer.is_established() {
            self.core.log(LogRecord::Refused { addr: remote, reason: "BFD is not up" });
            return Accept::Refuse;
        }
        if peer.config.update_source.is_some_and(|s| s != ends.0.ip().to_canonical()) {
            self.core.log(LogRecord::Refused { addr: remote, reason: "not to the update-source" });
            return Accept::Refuse;
        }
        self.core.peers.conns.insert(conn, id);
        self.begin(id, conn, ends, addresses);
        Accept::Peer(id)
    }

    fn begin(&mut self, id: PeerId, conn: ConnId, ends: (SocketAddr, SocketAddr), addresses: LocalAddresses) {
        let Some(peer) = self.core.peers.get(id) else { return };
        let open = own_open(&self.core, peer);
        let settings = self.settings(id);
        let now = self.core.now;
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            if let Some(settings) = settings {
                peer.fsm.configure(settings);
            }
            peer.fsm.connected(now, conn, ends, &open, &mut actions);
            peer.opens.push((conn, open, ends, addresses));
        }
        self.run(id, actions);
    }

    /// TCP ended.
    pub fn closed(&mut self, now: Instant, conn: ConnId) {
        self.set_now(now);
        let Some(id) = self.core.peers.conns.remove(&conn) else { return };
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            // Nobody polls for a connection that is gone.
            peer.control.retain(|(c, _)| *c != conn);
            peer.fsm.closed(now, conn, &mut actions);
        }
        self.run(id, actions);
    }

    /// Bytes came; returns how many of them are done with. The rest has to be offered again in front of what follows. The last of
    /// what they change is decided by [`Self::work`].
    pub fn received(&mut self, now: Instant, conn: ConnId, buf: &[u8]) -> usize {
        self.set_now(now);
        let mut done = 0;
        let mut scratch = std::mem::take(&mut self.scratch);
        while done < buf.len() {
            let Some(id) = self.core.peers.conns.get(&conn).copied() else {
                done = buf.len();
                break;
            };
            match frame(&buf[done..], self.max_len(id, conn)) {
                Ok(None) => break,
                Ok(Some(message)) => {
                    done += message.len;
                    self.message(id, conn, &message, &mut scratch);
                    // What was just looked up is still in the processor's cache.
                    if self.undecided() >= DECIDE_AT {
                        self.decide();
                    }
                }
                Err(error) => {
                    self.fail(id, conn, error);
                    done = buf.len();
                }
            }
        }
        self.scratch = scratch;
        self.more_work = true;
        done
    }

    fn max_len(&self, id: PeerId, conn: ConnId) -> u16 {
        let Some(peer) = self.core.peers.get(id) else { return MAX_LEN };
        let session = peer.session.as_ref().filter(|s| s.conn == conn).map(|s| s.local_open.as_ref());
        let waiting = || peer.opens.iter().find(|o| o.0 == conn).map(|o| &o.1);
        // What we offered alone counts (RFC 8654 section 4).
        session.or_else(waiting).map_or(MAX_LEN, Open::max_receive_len)
    }

    fn fail(&mut self, id: PeerId, conn: ConnId, error: NotificationError) {
        let now = self.core.now;
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.fsm.fail(now, conn, DownReason::NotificationSent(error), &mut actions);
        }
        self.run(id, actions);
    }

    fn message(&mut self, id: PeerId, conn: ConnId, message: &Frame<'_>, scratch: &mut Scratch) {
        let now = self.core.now;
        let mut actions = Vec::new();
        let mut caught_up = false;
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        peer.last_read = Some(now);
        match message.kind {
            MessageType::Open => {
                peer.counters.open_in += 1;
                match Open::decode(message.body) {
                    Ok(open) => {
                        let Some(peer) = self.core.peers.get(id) else { return };
                        let verdict = judge(&self.core, peer, &open);
                        if let Some(peer) = self.core.peers.get_mut(id) {
                            peer.fsm.open_received(now, conn, open, verdict, &mut actions);
                        }
                    }
                    Err(error) => return self.fail(id, conn, error),
                }
            }
            MessageType::Keepalive => {
                peer.counters.keepalive_in += 1;
                // The one that brings the session up says nothing about routes yet.
                caught_up = peer.session.as_ref().is_some_and(|s| s.conn == conn);
                peer.fsm.keepalive_received(now, conn, &mut actions);
            }
            MessageType::Notification => {
                peer.counters.notification_in += 1;
                let error = NotificationError::decode(message.body);
                peer.fsm.notification_received(now, conn, error.clone(), &mut actions);
                self.log_notification(id, error, false);
            }
            MessageType::Update => {
                peer.counters.update_in += 1;
                if peer.fsm.update_received(now, conn, &mut actions) {
                    return self.update(id, conn, message.body, scratch);
                }
            }
            MessageType::RouteRefresh => {
                peer.counters.refresh_in += 1;
                if peer.fsm.update_received(now, conn, &mut actions) {
                    return self.refresh(id, conn, message.body);
                }
            }
        }
        self.run(id, actions);
        if caught_up {
            self.startup_caught_up(id);
        }
    }

    fn update(&mut self, id: PeerId, conn: ConnId, body: &[u8], scratch: &mut Scratch) {
        let Some(ctx) = self.context(id) else { return };
        let update = match Update::decode(body, &ctx, scratch) {
            Ok(update) => update,
            Err(error) => return self.fail(id, conn, error),
        };
        if !update.errors.is_empty() {
            self.log_malformed(id, &update);
        }
        let withdraw = update.disposition >= Disposition::TreatAsWithdraw;
        let core = &mut self.core;
        self.v4.withdraw(core, id, update.withdrawn.iter());
        if let Some(unreach) = &update.mp_unreach {
            with_nlri(
                (&mut self.v4, &mut self.v6, &mut self.v4m, &mut self.v6m),
                core,
                unreach.family,
                unreach.nlri,
                |f, core, n| f.withdraw(core, id, n),
                |f, core, n| f.withdraw(core, id, n),
            );
        }
        match update.attributes {
            Some(attrs) if !withdraw && !update.announced.is_empty() => {
                self.v4.announce(core, id, &attrs, update.announced.iter());
            }
            _ => self.v4.withdraw(core, id, update.announced.iter()),
        }
        if let Some(reach) = &update.mp_reach {
            let attrs = update.mp_attributes().filter(|_| !withdraw);
            with_nlri(
                (&mut self.v4, &mut self.v6, &mut self.v4m, &mut self.v6m),
                core,
                reach.family,
                reach.nlri,
                |f, core, n| match &attrs {
                    Some(a) => f.announce(core, id, a, n),
                    None => f.withdraw(core, id, n),
                },
                |f, core, n| match &attrs {
                    Some(a) => f.announce(core, id, a, n),
                    None => f.withdraw(core, id, n),
                },
            );
        }
        if let Some(family) = update.end_of_rib {
            self.end_of_rib(id, family);
        }
        self.check_maximum(id, conn);
    }

    fn context(&self, id: PeerId) -> Option<SessionContext> {
        self.core.peers.get(id)?.session.as_ref().map(|s| s.context)
    }

    fn end_of_rib(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        peer.eor_received.insert(family);
        peer.long_stale.remove(family);
        if peer.stale[family].take().is_some() {
            self.sweep(family, SweepKind::RemoveStale(id));
        }
        self.startup_caught_up(id);
        self.check_deferral(self.core.now);
    }

    pub(crate) fn check_maximum(&mut self, id: PeerId, conn: ConnId) {
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        let mut over = None;
        let mut records = Vec::new();
        for family in activated(&peer.config).collect::<Vec<_>>() {
            let Some(max) = peer.config.families[family].as_ref().and_then(|f| f.maximum_prefix) else {
                continue;
            };
            let counters = &mut peer.families[family];
            let count = counters.accepted + if max.force { counters.filtered } else { 0 };
            let name = peer.config.name.clone();
            let record =
                |warning| LogRecord::MaximumPrefix { name: name.clone(), count, limit: max.limit, warning };
            if count > max.limit && !max.warning_only {
                over = Some((family, max));
                records.push(record(false));
            } else if u64::from(count) * 100 > u64::from(max.limit) * u64::from(max.threshold) {
                if !std::mem::replace(&mut counters.warned, true) {
                    records.push(record(true));
                }
            } else {
                counters.warned = false;
            }
        }
        records.into_iter().for_each(|r| self.core.log(r));
        let Some((family, max)) = over else { return };
        let now = self.core.now;
        let mut data = Vec::with_capacity(7);
        data.extend_from_slice(&family.afi().code().to_be_bytes());
        data.push(family.safi_code());
        data.extend_from_slice(&max.limit.to_be_bytes());
        let error = NotificationError::new(code::CEASE, subcode::cease::MAX_PREFIXES).with_data(&data);
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.prefix_limit_hold = Some(max.restart.map(|r| now + r));
            peer.fsm.fail(now, conn, DownReason::NotificationSent(error), &mut actions);
            peer.fsm.stop(now, DownReason::MaximumPrefix, &mut actions);
        }
        self.run(id, actions);
    }

    fn refresh(&mut self, id: PeerId, conn: ConnId, body: &[u8]) {
        let message = match RouteRefresh::decode(body) {
            Ok(message) => message,
            Err(error) => return self.fail(id, conn, error),
        };
        let Some(family) = Family::from_codes(message.afi, message.safi) else { return };
        let Some(peer) = self.core.peers.get_mut(id).filter(|p| p.negotiated(family)) else { return };
        let enhanced = peer.session.as_ref().is_some_and(|s| s.enhanced_refresh);
        match message.subtype {
            RefreshSubtype::Request => self.replay(id, family, enhanced),
            RefreshSubtype::Begin if enhanced => {
                peer.refreshing.insert(family);
                if self.is_sweeping_stale(id, family) {
                    self.end_stale(id, family);
                }
                self.sweep_now(family, &SweepKind::MarkStale(id));
            }
            RefreshSubtype::End if enhanced && peer.refreshing.contains(family) => {
                peer.refreshing.remove(family);
                self.sweep(family, SweepKind::RemoveStale(id));
            }
            _ => {}
        }
    }

    /// Sends a peer everything again.
    pub(crate) fn replay(&mut self, id: PeerId, family: Family, enhanced: bool) {
        let Some(group) = self.core.peers.get(id).and_then(|p| p.groups[family]) else { return };
        if enhanced {
            let mut bytes = Vec::new();
            refresh_marker(family, RefreshSubtype::Begin, &mut bytes);
            self.send_control(id, bytes.into());
        }
        with_family!(self, family, |f| f.groups.replay(id, group, enhanced));
        if let Some(conn) = self.core.peers.get(id).and_then(|p| p.session.as_ref()).map(|s| s.conn) {
            self.core.out.push_back(Output::Transmit { conn });
        }
    }

    /// Asks a peer to send everything of a family again, if it can.
    pub(crate) fn request_refresh(&mut self, id: PeerId, family: Family) -> bool {
        let able = |p: &crate::peer::Peer| {
            p.negotiated(family) && p.session.as_ref().is_some_and(|s| s.route_refresh)
        };
        if !self.core.peers.get(id).is_some_and(able) {
            return false;
        }
        let mut bytes = Vec::new();
        refresh_marker(family, RefreshSubtype::Request, &mut bytes);
        self.send_control(id, bytes.into());
        true
    }

    pub(crate) fn send_control(&mut self, id: PeerId, bytes: Bytes) {
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        let Some(conn) = peer.session.as_ref().map(|s| s.conn) else { return };
        self.queue_control(id, conn, bytes);
    }

    fn queue_control(&mut self, id: PeerId, conn: ConnId, bytes: Bytes) {
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        if peer.control.len() < CONTROL_LIMIT {
            peer.control.push_back((conn, bytes));
            self.core.out.push_back(Output::Transmit { conn });
        }
    }

    fn log_notification(&mut self, id: PeerId, error: NotificationError, sent: bool) {
        let Some(peer) = self.core.peers.get(id).filter(|_| self.core.config.log_neighbor_changes) else {
            return;
        };
        let name = peer.config.name.clone();
        self.core.log(LogRecord::Notification { name, error, sent });
    }

    /// Carries out what a state machine asked for.
    pub(crate) fn run(&mut self, id: PeerId, actions: Vec<Action>) {
        let ended = actions.iter().any(|a| matches!(a, Action::Down(_) | Action::Failed(_)));
        for action in actions {
            match action {
                Action::Connect(conn) => {
                    self.core.peers.conns.insert(conn, id);
                    self.core.out.push_back(Output::Connect { peer: id, conn });
                }
                Action::Close(conn) => {
                    self.core.peers.conns.remove(&conn);
                    if let Some(peer) = self.core.peers.get_mut(id) {
                        peer.opens.retain(|o| o.0 != conn);
                    }
                    self.core.out.push_back(Output::Close { conn });
                }
                Action::Send(conn, bytes) => self.queue_control(id, conn, bytes),
                Action::Notify(conn, error) => {
                    let mut bytes = Vec::with_capacity(32);
                    error.encode(&mut bytes);
                    self.queue_control(id, conn, bytes.into());
                    self.log_notification(id, error, true);
                }
                Action::Up(conn) => self.session_up(id, conn),
                Action::Down(reason) => self.session_down(id, reason),
                Action::Failed(reason) => {
                    let now = self.core.now;
                    if let Some(peer) = self.core.peers.get_mut(id) {
                        peer.last_reset = Some((now, reason));
                    }
                }
            }
        }
        if ended {
            self.retire_dynamic(id);
            self.check_bfd_hold(id);
        }
    }

    /// The neighbor that a connection from `remote` belongs to.
    fn find_peer(&mut self, remote: IpAddr, ifindex: ferr_types::IfIndex) -> Option<PeerId> {
        let link_local = matches!(remote, IpAddr::V6(a) if a.is_unicast_link_local());
        let found = self.core.peers.iter().find(|p| {
            let same_link = p.config.interface.is_none_or(|i| i == ifindex);
            !p.removed && p.addr() == Some(remote) && (!link_local || same_link)
        });
        found
            .map(|p| p.id)
            .or_else(|| self.unnumbered(remote, ifindex))
            .or_else(|| self.dynamic(remote, ifindex))
    }

    fn unnumbered(&mut self, remote: IpAddr, ifindex: ferr_types::IfIndex) -> Option<PeerId> {
        let waiting = self.core.peers.iter_mut().find(|p| {
            !p.removed && p.config.addr.is_none() && p.config.interface == Some(ifindex) && remote.is_ipv6()
        })?;
        Arc::make_mut(&mut waiting.config).addr = Some(remote);
        let id = waiting.id;
        self.start_peer(id);
        Some(id)
    }
}

type Tables<'a> = (
    &'a mut FamilyState<ferr_types::Ipv4Prefix>,
    &'a mut FamilyState<ferr_types::Ipv6Prefix>,
    &'a mut FamilyState<ferr_types::Ipv4Prefix>,
    &'a mut FamilyState<ferr_types::Ipv6Prefix>,
);

/// Hands NLRI to the table of its family.
fn with_nlri(
    (v4, v6, v4m, v6m): Tables<'_>,
    core: &mut Core,
    family: Family,
    nlri: Nlri<'_>,
    on_v4: impl FnOnce(&mut FamilyState<ferr_types::Ipv4Prefix>, &mut Core, ferr_bgp_wire::Nlri4Iter<'_>),
    on_v6: impl FnOnce(&mut FamilyState<ferr_types::Ipv6Prefix>, &mut Core, ferr_bgp_wire::Nlri6Iter<'_>),
) {
    match (family, nlri) {
        (Family::Ipv4Unicast, Nlri::V4(n)) => on_v4(v4, core, n.iter()),
        (Family::Ipv4Multicast, Nlri::V4(n)) => on_v4(v4m, core, n.iter()),
        (Family::Ipv6Unicast, Nlri::V6(n)) => on_v6(v6, core, n.iter()),
        (Family::Ipv6Multicast, Nlri::V6(n)) => on_v6(v6m, core, n.iter()),
        _ => {}
    }
}
