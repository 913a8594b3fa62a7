//! Connections of the speakers: opening, accepting, moving octets.

use std::net::IpAddr;
use std::time::Instant;

use bytes::BytesMut;
use ferr_bgp::{Accept, ConnId};
use ferr_netio::{ConnectOptions, Md5Key, TtlMode};
use ferr_types::{IfIndex, PeerId, VrfId};
use tracing::warn;

use super::Worker;
use crate::conn::{Conn, ConnEvent, ConnKey, ConnKind};

/// Names of accepted connections, clear of those of attempts.
const ACCEPTED: u64 = 1 << 63;

impl Worker {
    /// Moves octets from a speaker to a connection while this has room.
    pub(super) fn transmit(&mut self, name: &str, id: ConnId) {
        let now = Instant::now();
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        let Some(conn) = self.running.get_mut(name).and_then(|r| r.conns.get_mut(&id)) else {
            // Nobody is there to send it to.
            while instance.bgp.poll_transmit(now, id).is_some() {}
            return;
        };
        while let Some(room) = conn.room() {
            match instance.bgp.poll_transmit(now, id) {
                Some(bytes) => room.send(bytes),
                None => {
                    instance.bgp.write_blocked(now, id, false);
                    return;
                }
            }
        }
        instance.bgp.write_blocked(now, id, true);
    }

    pub(super) fn connect(&mut self, name: &str, peer: PeerId, id: ConnId) {
        let now = Instant::now();
        let options = self.connect_options(name, peer);
        let key = ConnKey { instance: name.to_owned(), conn: id };
        let conn =
            options.and_then(|o| Conn::connect(key, &o, self.conn_tx.clone()).map_err(|e| e.to_string()));
        match conn {
            Ok(conn) => {
                if let Some(running) = self.running.get_mut(name) {
                    running.conns.insert(id, conn);
                }
            }
            Err(error) => {
                warn!("BGP: cannot connect to a neighbor of {name}: {error}");
                if let Some(instance) = self.world.instances.get_mut(name) {
                    instance.bgp.connect_failed(now, id);
                }
            }
        }
    }

    fn connect_options(&self, name: &str, peer: PeerId) -> Result<ConnectOptions, String> {
        let instance = self.world.instances.get(name).ok_or("no such instance")?;
        let neighbor = instance.bgp.neighbor(peer).ok_or("no such neighbor")?;
        let addr = neighbor.addr.ok_or("its address is not known yet")?;
        let wanted = self.desired.instances.get(name).ok_or("not configured")?;
        let transport = wanted.neighbors.get(&neighbor.name).map(|n| n.transport.clone()).unwrap_or_default();
        let md5 = match &transport.password {
            None => None,
            Some(password) => {
                let full = if addr.is_ipv4() { 32 } else { 128 };
                let key = Md5Key::new(addr, full, None, password.reveal());
                Some(key.ok_or("the password is empty or longer than 80 octets")?)
            }
        };
        if neighbor.update_source_text.is_some() && neighbor.update_source.is_none() {
            return Err(format!("{}: its update-source has no address", neighbor.name));
        }
        Ok(ConnectOptions {
            remote: std::net::SocketAddr::new(addr, neighbor.port),
            scope: neighbor.interface,
            local: neighbor.update_source,
            device: wanted.device.clone(),
            ttl: ttl_of(neighbor),
            md5,
            mss: transport.mss,
            tos: self.desired.tos,
        })
    }

    pub(super) fn conn_event(&mut self, event: ConnEvent) {
        let now = Instant::now();
        let ConnKey { instance: name, conn } = event.key;
        match event.kind {
            ConnKind::Accepted(stream, bound) => self.accept(stream, bound),
            ConnKind::Connected(stream) => {
                let around = self.ports.around.borrow().clone();
                let Some(running) = self.running.get_mut(&name) else { return };
                let Some(held) = running.conns.get_mut(&conn) else { return };
                let Some(ends) = held.start(stream) else { return };
                let addresses = around.session_addresses(running.vrf, ends.0.ip(), ends.1.ip());
                if let Some(instance) = self.world.instances.get_mut(&name) {
                    instance.bgp.connected(now, conn, ends, addresses);
                }
            }
            ConnKind::Failed => {
                if let Some(running) = self.running.get_mut(&name) {
                    running.conns.remove(&conn);
                }
                if let Some(instance) = self.world.instances.get_mut(&name) {
                    instance.bgp.connect_failed(now, conn);
                }
            }
            ConnKind::Data(bytes) => self.data(&name, conn, bytes),
            ConnKind::Drained => self.transmit(&name, conn),
            ConnKind::Closed => {
                drop(self.take_conn(&name, conn));
                if let Some(instance) = self.world.instances.get_mut(&name) {
                    instance.bgp.closed(now, conn);
                }
            }
        }
    }

    pub(super) fn take_conn(&mut self, name: &str, id: ConnId) -> Option<Conn> {
        let conn = self.running.get_mut(name)?.conns.remove(&id)?;
        if let (Some(remote), Some(instance)) = (conn.remote(), self.world.instances.get_mut(name)) {
            instance.round_trips.remove(&remote);
        }
        Some(conn)
    }

    fn data(&mut self, name: &str, id: ConnId, bytes: BytesMut) {
        let Some(conn) = self.running.get_mut(name).and_then(|r| r.conns.get_mut(&id)) else { return };
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        instance.round_trips.extend(conn.round_trip());
        let mut buffer = conn.take_partial(bytes);
        let used = instance.bgp.received(Instant::now(), id, &buffer);
        let rest = buffer.split_off(used.min(buffer.len()));
        if let Some(conn) = self.running.get_mut(name).and_then(|r| r.conns.get_mut(&id)) {
            conn.keep_partial(rest);
        }
    }

    fn accept(&mut self, stream: tokio::net::TcpStream, bound: IfIndex) {
        let now = Instant::now();
        // Bound to a VRF's device; to a link of any VRF when the peer's address is link-local; or to none.
        let vrf = self.ports.around.borrow().links.get(&bound).map_or(VrfId(bound.0), |l| l.vrf);
        let Some(name) = stream.peer_addr().ok().and_then(|a| self.instance_for(vrf, a.ip())) else { return };
        self.next_accept += 1;
        let id = ConnId(ACCEPTED + self.next_accept);
        let key = ConnKey { instance: name.clone(), conn: id };
        let Some((conn, ends)) = Conn::accepted(key, stream, self.conn_tx.clone()) else { return };
        let remote = ends.1.ip();
        if self.listeners.is_unprotected(vrf, remote) {
            warn!("BGP: {remote} refused: its password could not be set on the listening socket");
            return conn.close();
        }
        let around = self.ports.around.borrow().clone();
        let addresses = around.session_addresses(vrf, ends.0.ip(), remote);
        let (Some(running), Some(instance)) =
            (self.running.get_mut(&name), self.world.instances.get_mut(&name))
        else {
            return;
        };
        running.conns.insert(id, conn);
        // It may have made a neighbor.
        self.learnt_dirty = true;
        match instance.bgp.accepted(now, id, ends, addresses) {
            Accept::Peer(peer) => {
                let neighbor = instance.bgp.neighbor(peer);
                let wanted = self.desired.instances.get(&name);
                let named = neighbor.and_then(|n| wanted?.neighbors.get(&n.name));
                let mss = named.and_then(|n| n.transport.mss);
                let ttl = neighbor.map(ttl_of);
                if let Some(conn) = running.conns.get(&id)
                    && let Some(ttl) = ttl
                    && let Err(error) = conn.adjust(ttl, mss)
                {
                    warn!("BGP: {remote}: {error}");
                }
            }
            Accept::Refuse => {
                if let Some(conn) = running.conns.remove(&id) {
                    conn.close();
                }
            }
        }
    }

    /// The instance that a connection is for. Views share the sockets of the default instance.
    fn instance_for(&self, vrf: VrfId, remote: IpAddr) -> Option<String> {
        let remote = remote.to_canonical();
        let of_vrf = || self.running.iter().filter(move |(_, r)| r.vrf == vrf).map(|(name, _)| name);
        let knows = |name: &&String| {
            let instance = self.world.instances.get(*name);
            instance.is_some_and(|i| i.bgp.neighbors().any(|(_, c)| c.addr == Some(remote)))
        };
        let expects = |name: &&String| {
            let wanted = self.desired.instances.get(*name);
            wanted.is_some_and(|i| i.listen.iter().any(|(range, _)| range.contains(remote)))
        };
        let is_view = |name: &&String| self.world.instances.get(*name).is_some_and(|i| i.view);
        let found = of_vrf().find(knows).or_else(|| of_vrf().find(expects));
        found.or_else(|| of_vrf().find(|name| !is_view(name))).cloned()
    }
}

fn ttl_of(neighbor: &ferr_bgp::config::NeighborConfig) -> TtlMode {
    use ferr_bgp::config::Reach;
    match neighbor.reach {
        Reach::Direct => TtlMode::Hops(1),
        Reach::Multihop(hops) => TtlMode::Hops(hops),
        Reach::TtlSecurity(hops) => TtlMode::Security(hops),
    }
}
