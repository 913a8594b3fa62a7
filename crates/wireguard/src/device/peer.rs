//! A peer: its protocol state, where it is, and what was counted.
//!
//! # Invariants
//! * The place of a peer follows authenticated data and handshakes only; a cookie proves nothing about who sent it.
//! * A handshake counts as done when the other side has proved to have the keys: for the initiator with the response, for the responder
//!   with the first data.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use boringtun::noise::{Tunn, TunnResult};

use super::{Wire, message};
use crate::counters::{Cause, Drops};
use crate::key::PublicKey;
use crate::status::Health;

/// Octets that a handshake message or the longest packet with its frame take.
pub const SCRATCH: usize = 65535 + 64;
/// Packets that wait in a session at most, and some handshake messages.
const QUEUED: usize = 256 + 8;
/// Overhead of a data message: header and tag.
pub(crate) const OVERHEAD: usize = 32;

/// A way to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our address that it sends to, which we answer from.
    pub local: Option<IpAddr>,
}

/// A handshake that was done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handshake {
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
}

/// A peer.
pub(crate) struct Peer {
    pub(crate) key: PublicKey,
    /// What its sessions are numbered by on the wire: 24 bits.
    pub(crate) index: u32,
    pub(crate) drops: Drops,
    state: Mutex<PeerState>,
}

impl Peer {
    pub(crate) fn new(key: PublicKey, index: u32, state: PeerState) -> Self {
        Self { key, index, drops: Drops::default(), state: Mutex::new(state) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PeerState> {
        // A thread that ended in the middle leaves a state that at worst refuses packets until the next handshake.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What changes about a peer.
pub(crate) struct PeerState {
    pub(crate) tunn: Box<Tunn>,
    pub(crate) path: Option<Path>,
    /// Octets of UDP payload, handshakes included.
    pub(crate) tx_bytes: u64,
    pub(crate) rx_bytes: u64,
    pub(crate) handshake: Option<Handshake>,
    /// Our number of the session that we answered for, until it is used.
    pub(crate) unconfirmed: Option<u32>,
    /// Since when we ask for a handshake without an answer.
    pub(crate) asking_since: Option<Instant>,
    pub(crate) keepalive: Option<NonZeroU16>,
    /// When something authentic passed last, in either direction; `None` makes a keepalive due.
    pub(crate) last_passed: Option<Instant>,
}

impl PeerState {
    pub(crate) fn new(tunn: Tunn) -> Self {
        Self {
            tunn: Box::new(tunn),
            path: None,
            tx_bytes: 0,
            rx_bytes: 0,
            handshake: None,
            unconfirmed: None,
            asking_since: None,
            keepalive: None,
            last_passed: None,
        }
    }

    /// Something authentic came.
    pub(crate) fn heard(&mut self, path: Path, len: usize, now: Instant) {
        self.path = Some(path);
        self.rx_bytes += len as u64;
        self.asking_since = None;
        self.last_passed = Some(now);
    }

    /// Something is about to be sent.
    pub(crate) fn sends(&mut self, datagram: &[u8], now: Instant) {
        self.tx_bytes += datagram.len() as u64;
        if message::is_initiation(datagram) {
            self.asking_since.get_or_insert(now);
        } else {
            self.last_passed = Some(now);
        }
    }

    /// Sends one message on the peer's path, if there is one.
    pub(crate) fn send(&mut self, drops: &Drops, datagram: &[u8], wire: &mut impl Wire, now: Instant) {
        let Some(path) = &mut self.path else { return drops.add(Cause::NoEndpoint) };
        if !wire.send(path, datagram, None) {
            drops.add(Cause::SendFailed);
        }
        self.sends(datagram, now);
    }

    /// The other side has proved that it has the keys. Sends what waited for that.
    pub(crate) fn established(
        &mut self,
        drops: &Drops,
        scratch: &mut [u8],
        wire: &mut impl Wire,
        (now, wall): (Instant, SystemTime),
    ) {
        self.handshake = Some(Handshake { at: now, wall });
        self.unconfirmed = None;
        for _ in 0..QUEUED {
            let TunnResult::WriteToNetwork(datagram) = self.tunn.decapsulate(None, &[], scratch) else {
                break;
            };
            let len = datagram.len();
            self.send(drops, &scratch[..len], wire, now);
        }
    }

    /// Asks for a handshake, unless that is being done. `again` does it in any case.
    pub(crate) fn ask(
        &mut self,
        drops: &Drops,
        again: bool,
        scratch: &mut [u8],
        wire: &mut impl Wire,
        now: Instant,
    ) {
        if self.path.is_none() {
            return;
        }
        if let TunnResult::WriteToNetwork(datagram) = self.tunn.format_handshake_initiation(scratch, again) {
            let len = datagram.len();
            self.send(drops, &scratch[..len], wire, now);
        }
    }

    /// Whether it answers; who leaves handshakes unanswered for `silence` is silent.
    pub(crate) fn health(&self, silence: Duration, now: Instant) -> Health {
        match self.handshake {
            _ if self.asking_since.is_some() && self.asks_for(now) >= silence => Health::Silent,
            Some(_) => Health::Alive,
            None => Health::Unknown,
        }
    }

    /// How long a handshake was asked for in vain.
    pub(crate) fn asks_for(&self, now: Instant) -> Duration {
        self.asking_since.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, drops: &Drops, scratch: &mut [u8], wire: &mut impl Wire, now: Instant) {
        if let TunnResult::WriteToNetwork(datagram) = self.tunn.update_timers(scratch) {
            let len = datagram.len();
            self.send(drops, &scratch[..len], wire, now);
        }
        let Some(interval) = self.keepalive else { return };
        let interval = Duration::from_secs(interval.get().into());
        if self.path.is_none()
            || self.last_passed.is_some_and(|at| now.saturating_duration_since(at) < interval)
        {
            return;
        }
        if self.tunn.time_since_last_handshake().is_none() {
            // Also what brings a session back that was given up.
            return self.ask(drops, false, scratch, wire, now);
        }
        if let TunnResult::WriteToNetwork(datagram) = self.tunn.encapsulate(&[], scratch) {
            let len = datagram.len();
            self.send(drops, &scratch[..len], wire, now);
        }
    }
}
