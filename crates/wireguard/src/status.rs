//! What a tunnel tells about itself.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::{Duration, Instant, SystemTime};

use ferr_types::Prefix;

use crate::config::{Endpoint, PeerConfig};
use crate::counters::Cause;
use crate::device::Peer;
use crate::key::PublicKey;
use crate::worker::Shared;

/// Where the outer sockets stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketState {
    /// Not opened: nothing was configured yet.
    Closed,
    /// Bound; the port.
    Bound(u16),
    /// The device that they are to be bound to does not exist.
    WaitingForDevice,
    /// They could not be opened, and are tried again.
    Failed(std::io::ErrorKind),
}

/// Whether a peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// There was never a handshake, and nobody waits for one for long.
    Unknown,
    /// It has answered when it was asked last.
    Alive,
    /// It was asked for a handshake and does not answer, for longer than [`crate::TunnelSpec::silence`].
    Silent,
}

/// A peer now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who it is.
    pub public_key: PublicKey,
    /// Whether a preshared key is set.
    pub has_preshared_key: bool,
    /// What was configured.
    pub configured_endpoint: Option<Endpoint>,
    /// Where it is now.
    pub endpoint: Option<SocketAddr>,
    /// What it may send and gets.
    pub allowed_ips: Vec<Prefix>,
    /// Interval of keepalives.
    pub keepalive: Option<NonZeroU16>,
    /// When the last handshake was done, on the clock of the day.
    pub last_handshake: Option<SystemTime>,
    /// How long ago that is.
    pub handshake_age: Option<Duration>,
    /// Octets of UDP payload received from it.
    pub rx_bytes: u64,
    /// Octets of UDP payload sent to it.
    pub tx_bytes: u64,
    /// Packets and messages dropped, by cause; those that are not 0.
    pub drops: Vec<(Cause, u64)>,
    /// Whether it answers.
    pub health: Health,
}

/// A tunnel now.
#[derive(Debug, Clone)]
pub struct TunnelStatus {
    /// Our key.
    pub public_key: Option<PublicKey>,
    /// The outer sockets.
    pub sockets: SocketState,
    /// Mark of outer packets, 0 is none.
    pub fwmark: u32,
    /// MTU of the device.
    pub mtu: usize,
    /// The device was deleted: nothing will move any more.
    pub lost: bool,
    /// Peers, in the order of the configuration.
    pub peers: Vec<PeerStatus>,
    /// Packets and messages dropped that belong to no peer, by cause; those that are not 0.
    pub drops: Vec<(Cause, u64)>,
}

/// Something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TunnelEvent {
    /// A handshake was done.
    Handshake(PublicKey),
    /// A peer began or ceased to answer.
    Health(PublicKey, Health),
    /// A peer is reached elsewhere.
    Moved(PublicKey, SocketAddr),
    /// The outer sockets were bound, or lost.
    Sockets(SocketState),
    /// The device got a carrier, or lost it because no peer answers.
    Open(bool),
    /// The configuration was changed through the control socket.
    Reconfigured,
    /// The device was deleted by somebody else; the tunnel is to be started again.
    DeviceLost,
}

impl TunnelStatus {
    pub(crate) fn of(shared: &Shared, silence: Duration, now: Instant) -> Self {
        let tables = shared.device.tables();
        Self {
            public_key: tables.config.private_key.as_ref().map(crate::PrivateKey::public),
            sockets: shared.sockets.load().state,
            fwmark: tables.config.fwmark,
            mtu: shared.device.mtu(),
            lost: shared.lost.load(std::sync::atomic::Ordering::Acquire),
            peers: shared.device.peers(silence, now),
            drops: shared.device.drops(),
        }
    }
}

impl PeerStatus {
    pub(crate) fn of(config: &PeerConfig, peer: &Peer, silence: Duration, now: Instant) -> Self {
        let state = peer.lock();
        Self {
            public_key: peer.key,
            has_preshared_key: config.preshared_key.is_some(),
            configured_endpoint: config.endpoint.clone(),
            endpoint: state.path.map(|p| p.remote),
            allowed_ips: config.allowed_ips.clone(),
            keepalive: config.keepalive,
            last_handshake: state.handshake.map(|h| h.wall),
            handshake_age: state.handshake.map(|h| now.saturating_duration_since(h.at)),
            rx_bytes: state.rx_bytes,
            tx_bytes: state.tx_bytes,
            drops: peer.drops.list(),
            health: state.health(silence, now),
        }
    }
}
