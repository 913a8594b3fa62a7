//! What a tunnel is to be: keys, port, peers.
//!
//! # Invariants
//! In a [`TunnelConfig`] made by [`TunnelConfig::normalised`], every peer and every allowed prefix occurs once.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::str::FromStr;

use ferr_types::Prefix;

use crate::key::{PresharedKey, PrivateKey, PublicKey};

/// Where a peer is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Address and port.
    Addr(SocketAddr),
    /// A name that has to be resolved, and a port.
    Name {
        /// Name of a host, at most 253 octets.
        host: String,
        /// UDP port, not 0.
        port: u16,
    },
}

/// Text that is not an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected ADDRESS:PORT, [ADDRESS]:PORT or NAME:PORT")]
pub struct ParseEndpointError;

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let (host, port) = text.rsplit_once(':').ok_or(ParseEndpointError)?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port: u16 = port.parse().ok().filter(|p| digits && *p != 0).ok_or(ParseEndpointError)?;
        if let Some(inner) = host.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(ParseEndpointError)?;
            let (addr, zone) = inner.split_once('%').map_or((inner, None), |(a, z)| (a, Some(z)));
            let addr: std::net::Ipv6Addr = addr.parse().map_err(|_| ParseEndpointError)?;
            let scope = zone.map_or(Ok(0), str::parse::<u32>).map_err(|_| ParseEndpointError)?;
            return Ok(Self::Addr(std::net::SocketAddrV6::new(addr, port, 0, scope).into()));
        }
        if let Ok(addr) = host.parse::<IpAddr>() {
            // An IPv6 address without brackets is ambiguous: its last group could be the port.
            return if addr.is_ipv4() {
                Ok(Self::Addr((addr, port).into()))
            } else {
                Err(ParseEndpointError)
            };
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        // What ends in a number is a mistyped address, never a name.
        let mistyped =
            host.rsplit('.').find(|l| !l.is_empty()).is_none_or(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) || mistyped {
            return Err(ParseEndpointError);
        }
        Ok(Self::Name { host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// A peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// Who it is.
    pub public_key: PublicKey,
    /// Secret shared with it beside the keys.
    pub preshared_key: Option<PresharedKey>,
    /// Where it is first looked for; it may move. `None` waits for it to come.
    pub endpoint: Option<Endpoint>,
    /// What may come from it, and what is sent to it.
    pub allowed_ips: Vec<Prefix>,
    /// Seconds between packets that keep the way open; `None` is never.
    pub keepalive: Option<NonZeroU16>,
}

impl PeerConfig {
    /// A peer of which only the key is known.
    pub const fn new(public_key: PublicKey) -> Self {
        Self { public_key, preshared_key: None, endpoint: None, allowed_ips: Vec::new(), keepalive: None }
    }
}

/// A tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TunnelConfig {
    /// Our secret; without one, nothing is sent or taken.
    pub private_key: Option<PrivateKey>,
    /// UDP port; `None` is any.
    pub listen_port: Option<NonZeroU16>,
    /// Mark of outer packets, 0 is none.
    pub fwmark: u32,
    /// Device that the outer socket is bound to, the one of a VRF for example.
    pub endpoint_device: Option<String>,
    /// Who we talk to.
    pub peers: Vec<PeerConfig>,
}

impl TunnelConfig {
    /// Itself with each peer and each allowed prefix once: a later one takes a prefix from an earlier one, a second block of a peer
    /// replaces what it says, and ourselves as a peer is left out.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        let own = self.private_key.as_ref().map(PrivateKey::public);
        let mut peers: Vec<PeerConfig> = Vec::with_capacity(self.peers.len());
        let mut places: HashMap<PublicKey, usize> = HashMap::with_capacity(self.peers.len());
        for peer in self.peers.drain(..).filter(|p| Some(p.public_key) != own) {
            match places.get(&peer.public_key) {
                Some(at) => peers[*at] = merged(&peers[*at], peer),
                None => {
                    places.insert(peer.public_key, peers.len());
                    peers.push(peer);
                }
            }
        }
        let mut owner: HashMap<Prefix, usize> = HashMap::new();
        for (i, peer) in peers.iter().enumerate() {
            owner.extend(peer.allowed_ips.iter().map(|p| (*p, i)));
        }
        for (i, peer) in peers.iter_mut().enumerate() {
            peer.allowed_ips.sort_unstable();
            peer.allowed_ips.dedup();
            peer.allowed_ips.retain(|p| owner.get(p) == Some(&i));
        }
        self.peers = peers;
        self
    }

    /// The peer with this key.
    pub fn peer(&self, key: &PublicKey) -> Option<&PeerConfig> {
        self.peers.iter().find(|p| p.public_key == *key)
    }
}

fn merged(first: &PeerConfig, second: PeerConfig) -> PeerConfig {
    PeerConfig {
        public_key: first.public_key,
        preshared_key: second.preshared_key.or_else(|| first.preshared_key.clone()),
        endpoint: second.endpoint.or_else(|| first.endpoint.clone()),
        allowed_ips: second.allowed_ips,
        keepalive: second.keepalive.or(first.keepalive),
    }
}
