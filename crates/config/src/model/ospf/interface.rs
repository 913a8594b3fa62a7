//! What interfaces say about OSPFv2 and OSPFv3: `ip ospf`, `ipv6 ospf6`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::AreaId;
use crate::error::ConfigError;
use crate::model::Secret;
use crate::model::keychain::KeyAlgorithm;

/// `ip ospf authentication ...`. OSPFv2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OspfAuthentication {
    /// `null`
    Null,
    /// The password in clear.
    Simple,
    /// `message-digest`, with the keys of `message-digest-key`.
    MessageDigest,
    /// `key-chain NAME` (RFC 5709).
    KeyChain(String),
}

/// `dead-interval`. OSPFv2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadInterval {
    /// Seconds.
    Seconds(u16),
    /// `minimal hello-multiplier N`: one second, with N hellos in it.
    Minimal(u8),
}

/// `network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OspfNetwork {
    /// `broadcast`
    Broadcast,
    /// `non-broadcast`
    NonBroadcast,
    /// `point-to-multipoint [delay-reflood] [non-broadcast]`
    PointToMultipoint {
        /// Acknowledgements wait before an LSA goes on.
        delay_reflood: bool,
        /// Neighbors are configured, not found.
        non_broadcast: bool,
    },
    /// `point-to-point [dmvpn]`
    PointToPoint {
        /// One tunnel to many.
        dmvpn: bool,
    },
}

/// What one interface, or one address of it, says about OSPFv2. Times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OspfInterface {
    /// `area A`, by number of the instance (0 is the one without).
    pub areas: BTreeMap<u16, AreaId>,
    /// `authentication`; that of the area.
    pub authentication: Option<OspfAuthentication>,
    /// `authentication-key`, 8 octets at most.
    pub key: Option<Secret>,
    /// `message-digest-key ID md5 KEY`, 16 octets at most.
    pub digest_keys: BTreeMap<u8, Secret>,
    /// `cost`; from the bandwidth.
    pub cost: Option<u16>,
    /// `hello-interval`; 10.
    pub hello_interval: Option<u16>,
    /// `dead-interval`; four hellos.
    pub dead_interval: Option<DeadInterval>,
    /// `priority`; 1.
    pub priority: Option<u8>,
    /// `retransmit-interval`; 5.
    pub retransmit_interval: Option<u16>,
    /// `transmit-delay`; 1.
    pub transmit_delay: Option<u16>,
    /// `passive` or `no passive`; as the instance says.
    pub passive: Option<bool>,
    /// `mtu-ignore`
    pub mtu_ignore: bool,
    /// `prefix-suppression` (RFC 6860).
    pub prefix_suppression: bool,
    /// `neighbor-filter NAME`: prefix list of those who may be neighbors.
    pub neighbor_filter: Option<String>,
    /// `no capability opaque`.
    pub no_opaque_lsa: bool,
    /// `graceful-restart hello-delay`; 10. Of the interface alone.
    pub restart_hello_delay: Option<u16>,
}

impl OspfInterface {
    /// `no passive`: takes `passive` back, or overrides the instance's default.
    pub(crate) const fn not_passive(&mut self) {
        self.passive = match self.passive {
            Some(true) => None,
            _ => Some(false),
        };
    }

    /// `area A` of an instance.
    ///
    /// # Errors
    /// It is in another area.
    pub(crate) fn join(&mut self, instance: u16, area: AreaId) -> Result<(), ConfigError> {
        match self.areas.get(&instance) {
            Some(held) if *held != area => Err(ConfigError::OtherArea(held.to_string())),
            _ => {
                self.areas.insert(instance, area);
                Ok(())
            }
        }
    }
}

/// `bfd [profile NAME]` of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OspfBfd {
    /// `profile`.
    pub profile: Option<String>,
}

/// All that an interface says about OSPFv2.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OspfLink {
    /// `network`; point-to-point where the link is such, else broadcast.
    pub network: Option<OspfNetwork>,
    /// `bfd`.
    pub bfd: Option<OspfBfd>,
    /// For all addresses.
    pub interface: OspfInterface,
    /// Differences of single addresses: what is not set there is as for all.
    pub addresses: BTreeMap<Ipv4Addr, OspfInterface>,
}

impl OspfLink {
    /// Whether the interface says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is said about all addresses, or about one.
    pub(crate) fn settings(&mut self, addr: Option<Ipv4Addr>) -> &mut OspfInterface {
        match addr {
            Some(addr) => self.addresses.entry(addr).or_default(),
            None => &mut self.interface,
        }
    }

    /// Without addresses of which nothing is said.
    pub(crate) fn tidy(&mut self) {
        self.addresses.retain(|_, settings| *settings != OspfInterface::default());
    }
}

/// `connected-prefixes` of a point-to-multipoint link, and how neighbors are found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct P2mp6 {
    /// `connected-prefixes include|exclude`; included.
    pub connected_prefixes: Option<bool>,
    /// `disable-multicast-hello`
    pub no_multicast_hello: bool,
    /// `config-neighbors-only`
    pub configured_only: bool,
}

/// `ipv6 ospf6 neighbor X ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Neighbor6 {
    /// `poll-interval`, seconds; 10.
    pub poll_interval: Option<u16>,
    /// `cost`; that of the interface.
    pub cost: Option<u16>,
}

/// `ipv6 ospf6 network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ospf6Network {
    /// `broadcast`
    Broadcast,
    /// `point-to-point`
    PointToPoint,
    /// `point-to-multipoint`
    PointToMultipoint,
}

/// `ipv6 ospf6 authentication ...` (RFC 7166).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ospf6Authentication {
    /// `keychain NAME`
    KeyChain(String),
    /// `key-id N hash-algo H key W`
    Key {
        /// Number of the security association, 1..=65535.
        id: u16,
        /// How packets are digested.
        algorithm: KeyAlgorithm,
        /// The key.
        secret: Secret,
    },
}

/// All that an interface says about OSPFv3. Times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ospf6Link {
    /// `area A`.
    pub area: Option<AreaId>,
    /// `network`; point-to-point where the link is such, else broadcast.
    pub network: Option<Ospf6Network>,
    /// `cost`; from the bandwidth.
    pub cost: Option<u16>,
    /// `ifmtu`; the link's.
    pub mtu: Option<u16>,
    /// `hello-interval`; 10.
    pub hello_interval: Option<u16>,
    /// `dead-interval`; 40.
    pub dead_interval: Option<u16>,
    /// `priority`; 1.
    pub priority: Option<u8>,
    /// `retransmit-interval`; 5.
    pub retransmit_interval: Option<u16>,
    /// `transmit-delay`; 1.
    pub transmit_delay: Option<u16>,
    /// `instance-id`; 0.
    pub instance_id: Option<u8>,
    /// `passive`
    pub passive: bool,
    /// `mtu-ignore`
    pub mtu_ignore: bool,
    /// `prefix-suppression`
    pub prefix_suppression: bool,
    /// `advertise prefix-list NAME`: which of the link's prefixes are told.
    pub advertise: Option<String>,
    /// `bfd`.
    pub bfd: Option<OspfBfd>,
    /// `authentication ...`.
    pub authentication: Option<Ospf6Authentication>,
    /// `graceful-restart hello-delay`; 10.
    pub restart_hello_delay: Option<u16>,
    /// `p2p-p2mp ...`.
    pub p2mp: P2mp6,
    /// `neighbor X ...`.
    pub neighbors: BTreeMap<Ipv6Addr, Neighbor6>,
}

impl Ospf6Link {
    /// Whether the interface says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
