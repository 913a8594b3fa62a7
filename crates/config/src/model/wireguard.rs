//! WireGuard tunnels as the configuration states them.
//!
//! Invariant: no secret is here. Private and preshared keys stay in their files; what is typed is public.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferr_types::Prefix;

/// A public key: 32 octets, written in base64 (44 characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WgKey(pub [u8; 32]);

/// Text that is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a WireGuard key is 32 octets in base64, 44 characters")]
pub struct ParseKeyError;

impl fmt::Display for WgKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl FromStr for WgKey {
    type Err = ParseKeyError;

    fn from_str(s: &str) -> Result<Self, ParseKeyError> {
        const TEXT: usize = 44;
        let decoded = (s.len() == TEXT).then(|| STANDARD.decode(s).ok()).flatten();
        decoded.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(ParseKeyError)
    }
}

/// `HOST:PORT`: a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WgEndpoint {
    /// Name or address, without brackets.
    pub host: String,
    /// Not 0.
    pub port: u16,
}

impl WgEndpoint {
    /// The address, when no name has to be resolved.
    pub fn addr(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// Text that is not an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected HOST:PORT, an IPv6 address in brackets")]
pub struct ParseEndpointError;

impl fmt::Display for WgEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for WgEndpoint {
    type Err = ParseEndpointError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        /// A name of the DNS is no longer (RFC 1035 section 2.3.4).
        const LONGEST: usize = 253;
        let (host, port) = s.rsplit_once(':').ok_or(ParseEndpointError)?;
        let port = port.parse().ok().filter(|p| *p != 0).ok_or(ParseEndpointError)?;
        if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            let addr: Ipv6Addr = inner.parse().map_err(|_| ParseEndpointError)?;
            return Ok(Self { host: addr.to_string(), port });
        }
        let ordinary = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if host.is_empty() || host.len() > LONGEST || !host.bytes().all(ordinary) {
            return Err(ParseEndpointError);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// `wireguard backend B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WgBackend {
    /// The daemon's own data plane, the default.
    Userspace,
    /// The kernel's.
    Kernel,
    /// The kernel's where it has one.
    Auto,
}

impl WgBackend {
    /// All.
    pub const ALL: [Self; 3] = [Self::Userspace, Self::Kernel, Self::Auto];

    /// Name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Userspace => "userspace",
            Self::Kernel => "kernel",
            Self::Auto => "auto",
        }
    }
}

/// `wireguard peer KEY ...`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WgPeer {
    /// Where to send; learnt from the peer when not set.
    pub endpoint: Option<WgEndpoint>,
    /// Inner addresses of the peer.
    pub allowed_ips: BTreeSet<Prefix>,
    /// Seconds between packets that keep the path open; 0 is off.
    pub keepalive: Option<u16>,
    /// File of the preshared key.
    pub preshared_key_file: Option<String>,
    /// For people.
    pub description: Option<String>,
}

/// All `wireguard` statements of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WireGuard {
    /// File of the private key.
    pub private_key_file: Option<String>,
    /// UDP port; chosen by the system when not set.
    pub listen_port: Option<u16>,
    /// Mark of the outer packets.
    pub fwmark: Option<u32>,
    /// VRF of the outer socket; the default one when not set.
    pub endpoint_vrf: Option<String>,
    /// Who carries the packets; [`WgBackend::Userspace`] when not set.
    pub backend: Option<WgBackend>,
    /// A wg-quick file; the statements beside it go first.
    pub config_file: Option<String>,
    /// Peers by public key.
    pub peers: BTreeMap<WgKey, WgPeer>,
}
