//! WireGuard as `show` sees it.
//!
//! Invariant: no secret is here.

use std::net::SocketAddr;
use std::time::Duration;

use ferr_types::Prefix;
use tokio::sync::oneshot;

/// Who carries the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WgCarrier {
    /// Threads of the daemon.
    Userspace,
    /// The kernel's WireGuard.
    Kernel,
}

/// Whether a peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WgHealth {
    /// Nobody has asked it yet.
    Unknown,
    /// It has answered.
    Alive,
    /// It was asked for a handshake, and does not answer.
    Silent,
}

impl WgHealth {
    /// Word in shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Alive => "alive",
            Self::Silent => "silent",
        }
    }
}

/// A peer now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WgPeerView {
    /// Public key in base64.
    pub public_key: String,
    /// `description`.
    pub description: Option<String>,
    /// Where it was configured to be.
    pub configured_endpoint: Option<String>,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// What it may send and gets.
    pub allowed_ips: Vec<Prefix>,
    /// Seconds between keepalives; 0 is off.
    pub keepalive: u16,
    /// Whether a preshared key is set.
    pub has_preshared_key: bool,
    /// How long ago the last handshake was.
    pub handshake_age: Option<Duration>,
    /// Octets of outer UDP payload received.
    pub rx_bytes: u64,
    /// Octets of outer UDP payload sent.
    pub tx_bytes: u64,
    /// Packets dropped by cause; those that are not 0.
    pub drops: Vec<(&'static str, u64)>,
    /// Whether it answers.
    pub health: WgHealth,
}

/// A tunnel now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelView {
    /// Its interface.
    pub name: String,
    /// Who carries its packets.
    pub carrier: WgCarrier,
    /// Own public key in base64, once there is a private one.
    pub public_key: Option<String>,
    /// UDP port, when the outer sockets are open.
    pub listen_port: Option<u16>,
    /// Mark of outer packets; 0 is none.
    pub fwmark: u32,
    /// VRF of the outer sockets; `None` is the default one.
    pub endpoint_vrf: Option<String>,
    /// MTU, when it is known.
    pub mtu: Option<usize>,
    /// What keeps it from working.
    pub fault: Option<String>,
    /// Whether packets may enter: not when every peer is silent.
    pub open: bool,
    /// Packets dropped that belong to no peer, by cause; those that are not 0.
    pub drops: Vec<(&'static str, u64)>,
    /// Peers.
    pub peers: Vec<WgPeerView>,
    /// Routes that are refused because they would carry the outer packets through the tunnel itself.
    pub refused: Vec<Prefix>,
}

/// Request to those who keep the tunnels.
#[derive(Debug)]
pub struct WgRequest {
    /// All tunnels, in the order of their names.
    pub reply: oneshot::Sender<Vec<TunnelView>>,
}
