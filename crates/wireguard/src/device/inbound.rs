//! From the network to the tunnel.
//!
//! Datagrams of one peer in a row share one lock. Decrypted packets stay side by side in the arena until they are given to the device.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use boringtun::noise::errors::WireGuardError;
use boringtun::noise::handshake::parse_handshake_anon;
use boringtun::noise::{Packet, TunnResult};

use super::message::{self, Kind};
use super::peer::{Path, Peer, PeerState, SCRATCH};
use super::{Device, Tables, Wire};
use crate::counters::Cause;
use crate::key::PublicKey;

/// Times of a turn.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// On the clock that never jumps.
    pub at: Instant,
    /// On the clock of the day.
    pub wall: SystemTime,
}

/// Packets that came in one turn.
pub struct Inbox {
    arena: Box<[u8]>,
    used: usize,
    packets: Vec<Range<usize>>,
    scratch: Box<[u8]>,
}

/// Begin of each packet in the arena.
const ALIGN: usize = 16;

impl Inbox {
    /// With room for the decrypted packets of `size` octets of datagrams.
    pub fn new(size: usize) -> Self {
        Self {
            arena: vec![0; size + SCRATCH].into(),
            used: 0,
            packets: Vec::new(),
            scratch: vec![0; SCRATCH].into(),
        }
    }

    /// Memory that the packets lie in.
    pub fn arena(&self) -> &[u8] {
        &self.arena
    }

    /// Packets, in order.
    pub fn packets(&self) -> &[Range<usize>] {
        &self.packets
    }

    /// Forgets all packets.
    pub fn clear(&mut self) {
        self.packets.clear();
        self.used = 0;
    }

    /// Takes what came by one path: a datagram, or several of `size` octets, the last maybe shorter. Handshakes are answered at once.
    pub fn receive(
        &mut self,
        device: &Device,
        path: Path,
        (data, size): (&[u8], Option<u16>),
        wire: &mut impl Wire,
        now: Now,
    ) {
        let tables = &*device.tables();
        let size = size.map_or(data.len(), usize::from).max(1);
        let mut datagrams = data.chunks(size).peekable();
        while let Some(datagram) = datagrams.next() {
            match Kind::of(datagram) {
                Kind::Data(session) => {
                    let Some(peer) = tables.by_index(session) else {
                        device.drops.add(Cause::UnknownSession);
                        continue;
                    };
                    let same = |d: &&[u8]| matches!(Kind::of(d), Kind::Data(s) if s >> 8 == session >> 8);
                    let mut state = peer.lock();
                    self.data((device, tables), peer, &mut state, path, datagram, wire, now);
                    while let Some(datagram) = datagrams.next_if(same) {
                        self.data((device, tables), peer, &mut state, path, datagram, wire, now);
                    }
                }
                Kind::Initiation => self.initiation((device, tables), path, datagram, wire, now),
                Kind::Response(session) => {
                    self.response((device, tables), session, path, datagram, wire, now);
                }
                Kind::Cookie(session) => match tables.by_index(session) {
                    Some(peer) => cookie(peer, datagram, &mut self.scratch),
                    None => device.drops.add(Cause::UnknownSession),
                },
                Kind::Other => device.drops.add(Cause::Malformed),
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the peer is locked by the caller, for many datagrams")]
    fn data(
        &mut self,
        (device, tables): (&Device, &Tables),
        peer: &Arc<Peer>,
        state: &mut PeerState,
        path: Path,
        datagram: &[u8],
        wire: &mut impl Wire,
        now: Now,
    ) {
        // Room is sized by what one turn can bring.
        if self.arena.len() - self.used < datagram.len() || message::is_exhausted(datagram) {
            return peer.drops.add(Cause::Replay);
        }
        let (len, from) = match state.tunn.decapsulate(None, datagram, &mut self.arena[self.used..]) {
            TunnResult::WriteToTunnelV4(packet, from) => (packet.len(), Some(IpAddr::V4(from))),
            TunnResult::WriteToTunnelV6(packet, from) => (packet.len(), Some(IpAddr::V6(from))),
            TunnResult::Done => (0, None),
            TunnResult::WriteToNetwork(_) => return,
            TunnResult::Err(error) => return peer.drops.add(data_cause(&error)),
        };
        state.heard(path, datagram.len(), now.at);
        if let (Some(waiting), Kind::Data(session)) = (state.unconfirmed, Kind::of(datagram))
            && waiting == session
        {
            state.established(&peer.drops, &mut self.scratch, wire, (now.at, now.wall));
            device.announce();
        }
        let Some(from) = from else { return };
        if !tables.may_send(peer, from) {
            return peer.drops.add(Cause::NotAllowed);
        }
        self.packets.push(self.used..self.used + len);
        self.used = (self.used + len).next_multiple_of(ALIGN).min(self.arena.len());
    }

    fn initiation(
        &mut self,
        (device, tables): (&Device, &Arc<Tables>),
        path: Path,
        datagram: &[u8],
        wire: &mut impl Wire,
        now: Now,
    ) {
        let Some(identity) = &tables.identity else { return device.drops.add(Cause::NoKey) };
        let Some(Packet::HandshakeInit(init)) = verified(device, tables, path, datagram, wire) else {
            return;
        };
        let Ok(half) = parse_handshake_anon(&identity.secret, &identity.public, &init) else {
            return device.drops.add(Cause::HandshakeInvalid);
        };
        let Some(peer) = tables.by_key(&PublicKey::from_bytes(half.peer_static_public)) else {
            return device.drops.add(Cause::UnknownPeer);
        };
        let mut state = peer.lock();
        let from = Some(path.remote.ip());
        match state.tunn.decapsulate(from, datagram, &mut self.scratch) {
            TunnResult::WriteToNetwork(response) => {
                let len = response.len();
                state.unconfirmed = message::sender(response);
                state.heard(path, datagram.len(), now.at);
                state.send(&peer.drops, &self.scratch[..len], wire, now.at);
            }
            TunnResult::Err(WireGuardError::WrongTai64nTimestamp) => peer.drops.add(Cause::HandshakeReplay),
            _ => peer.drops.add(Cause::HandshakeInvalid),
        }
    }

    fn response(
        &mut self,
        (device, tables): (&Device, &Arc<Tables>),
        session: u32,
        path: Path,
        datagram: &[u8],
        wire: &mut impl Wire,
        now: Now,
    ) {
        let Some(peer) = tables.by_index(session) else {
            return device.drops.add(Cause::UnknownSession);
        };
        if verified(device, tables, path, datagram, wire).is_none() {
            return;
        }
        let mut state = peer.lock();
        let from = Some(path.remote.ip());
        match state.tunn.decapsulate(from, datagram, &mut self.scratch) {
            TunnResult::WriteToNetwork(keepalive) => {
                let len = keepalive.len();
                state.heard(path, datagram.len(), now.at);
                state.send(&peer.drops, &self.scratch[..len], wire, now.at);
                state.established(&peer.drops, &mut self.scratch, wire, (now.at, now.wall));
                device.announce();
            }
            _ => peer.drops.add(Cause::HandshakeInvalid),
        }
    }
}

fn cookie(peer: &Peer, datagram: &[u8], scratch: &mut [u8]) {
    if let TunnResult::Err(_) = peer.lock().tunn.decapsulate(None, datagram, scratch) {
        peer.drops.add(Cause::HandshakeInvalid);
    }
}

/// A handshake message that was made for our key, by somebody who has proved his address if there are many.
fn verified<'a>(
    device: &Device,
    tables: &Tables,
    mut path: Path,
    datagram: &'a [u8],
    wire: &mut impl Wire,
) -> Option<Packet<'a>> {
    let identity = tables.identity.as_ref()?;
    let mut cookie = [0; 64];
    match identity.limiter.verify_packet(Some(path.remote.ip()), datagram, &mut cookie) {
        Ok(packet) => Some(packet),
        Err(TunnResult::WriteToNetwork(reply)) => {
            wire.send(&mut path, reply, None);
            device.drops.add(Cause::UnderLoad);
            None
        }
        Err(_) => {
            device.drops.add(Cause::BadMac);
            None
        }
    }
}

fn data_cause(error: &WireGuardError) -> Cause {
    match error {
        WireGuardError::NoCurrentSession | WireGuardError::WrongIndex => Cause::UnknownSession,
        WireGuardError::InvalidCounter | WireGuardError::DuplicateCounter => Cause::Replay,
        WireGuardError::InvalidPacket => Cause::NotIp,
        _ => Cause::NotAuthentic,
    }
}

impl Tables {
    /// Whether the longest match of an address is this very peer.
    fn may_send(&self, peer: &Arc<Peer>, from: IpAddr) -> bool {
        self.route(from).is_some_and(|p| Arc::ptr_eq(p, peer))
    }
}
