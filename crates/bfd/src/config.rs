//! What a session is told: who the peer is, and how to watch it.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd_wire::{AuthKey, PORT_MULTIHOP, PORT_SINGLE_HOP};
use ferr_types::{IfIndex, VrfId};

/// Whether the peer is on the link or behind routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HopMode {
    /// One hop, port 3784, TTL 255 (RFC 5881).
    Single,
    /// Any number of hops, port 4784, a minimum TTL (RFC 5883).
    Multi,
}

impl HopMode {
    /// UDP port of the control packets.
    pub const fn port(self) -> u16 {
        match self {
            Self::Single => PORT_SINGLE_HOP,
            Self::Multi => PORT_MULTIHOP,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Single => Self::Multi,
            Self::Multi => Self::Single,
        }
    }
}

/// What tells sessions apart until the peer knows our discriminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// The VRF of both addresses.
    pub vrf: VrfId,
    /// Our address; `None` takes any.
    pub local: Option<IpAddr>,
    /// The peer's address.
    pub remote: IpAddr,
    /// Where the peer is; `None` takes any.
    pub interface: Option<IfIndex>,
    /// Distance of the peer.
    pub hop: HopMode,
}

/// Use of the echo function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EchoMode {
    /// None is sent.
    #[default]
    Off,
    /// Echo packets beside control packets while Up, unless the peer refuses them (RFC 5880 section 6.4). Single hop only.
    On {
        /// Least interval between two; the peer may ask for a longer one.
        interval: Duration,
    },
    /// Echo packets alone, for a peer that speaks no BFD but forwards packets (RFC 9747). Single hop only.
    Unaffiliated {
        /// Interval between two while Up; a second at least while not.
        interval: Duration,
    },
}

/// Keys of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// Signs what we send; its type is the one in use.
    pub send: AuthKey,
    /// Further keys of the same type that are accepted, for a change of keys without a flap.
    pub accept: Vec<AuthKey>,
}

/// How a session behaves. The defaults are FRR's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// bfd.DesiredMinTxInterval while Up; 300 ms.
    pub desired_min_tx: Duration,
    /// bfd.RequiredMinRxInterval; 300 ms.
    pub required_min_rx: Duration,
    /// bfd.DetectMult; 3.
    pub detect_mult: u8,
    /// Waits for the peer to speak first.
    pub passive: bool,
    /// Multihop: most hops to the peer, from which the minimum TTL follows; 0 is unknown (a minimum of 254).
    pub hops: u8,
    /// Multihop: least TTL of received packets, instead of what `hops` gives.
    pub minimum_ttl: Option<u8>,
    /// Echo packets that we send.
    pub echo: EchoMode,
    /// Interval at which the peer may send echo packets; zero refuses them; 50 ms. Ignored for multihop (RFC 5883 section 3).
    pub echo_receive: Duration,
    /// Authentication; none is used, nor accepted, without.
    pub auth: Option<AuthConfig>,
    /// Held down by the operator.
    pub admin_down: bool,
    /// Asks the peer to be silent while Up; [`crate::Speaker::verify`] then checks the path.
    pub demand: bool,
    /// The C bit: sessions survive the control plane.
    pub control_plane_independent: bool,
    /// Whether changes of state are to be logged; for the driver.
    pub log: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            desired_min_tx: Duration::from_millis(300),
            required_min_rx: Duration::from_millis(300),
            detect_mult: 3,
            passive: false,
            hops: 0,
            minimum_ttl: None,
            echo: EchoMode::Off,
            echo_receive: Duration::from_millis(50),
            auth: None,
            admin_down: false,
            demand: false,
            control_plane_independent: false,
            log: false,
        }
    }
}

impl SessionConfig {
    /// Least TTL that is accepted.
    pub const fn least_ttl(&self, hop: HopMode) -> u8 {
        match (hop, self.minimum_ttl, self.hops) {
            (HopMode::Single, _, _) => 255,
            (HopMode::Multi, Some(ttl), _) => ttl,
            (HopMode::Multi, None, 0) => 254,
            // The first of n hops does not lower the TTL.
            (HopMode::Multi, None, hops) => 255 - (hops - 1),
        }
    }

    /// Whether a session with this key can work so.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn check(&self, key: &SessionKey) -> Result<(), ConfigError> {
        if self.detect_mult == 0 {
            return Err(ConfigError::DetectMult);
        }
        let echo = match self.echo {
            EchoMode::Off => None,
            EchoMode::On { interval } | EchoMode::Unaffiliated { interval } => Some(interval),
        };
        if self.desired_min_tx.is_zero()
            || self.required_min_rx.is_zero()
            || echo.is_some_and(|i| i.is_zero())
        {
            return Err(ConfigError::Interval);
        }
        if echo.is_some() && key.hop == HopMode::Multi {
            return Err(ConfigError::MultihopEcho);
        }
        if self.auth.as_ref().is_some_and(|auth| auth.accept.iter().any(|k| k.kind() != auth.send.kind())) {
            return Err(ConfigError::AuthTypes);
        }
        if key.local.is_some_and(|local| local.is_ipv4() != key.remote.is_ipv4()) {
            return Err(ConfigError::Families);
        }
        Ok(())
    }
}

/// A configuration that contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Multiplier 0.
    #[error("the detection multiplier is zero")]
    DetectMult,
    /// Interval 0.
    #[error("an interval is zero")]
    Interval,
    /// RFC 5883 section 3.
    #[error("echo packets cannot be used over several hops")]
    MultihopEcho,
    /// Keys of different types.
    #[error("all keys of a session need the same authentication type")]
    AuthTypes,
    /// IPv4 and IPv6 mixed.
    #[error("the two addresses are of different families")]
    Families,
}
