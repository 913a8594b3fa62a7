//! Interfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_types::{IfAddr, Ipv6Prefix};

use super::link::OwnLink;
use super::opaque::OpaqueLines;
use super::ospf::{Ospf6Link, OspfInterface, OspfLink, OspfName};

/// An `interface` block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// VRF of the header line, when given.
    pub vrf: Option<String>,
    /// `description ...`
    pub description: Option<String>,
    /// `shutdown`
    pub shutdown: bool,
    /// Addresses; `peer` ones apart.
    pub addresses: BTreeSet<IfAddr>,
    /// `ip address A/L label W`.
    pub labels: BTreeMap<IfAddr, String>,
    /// `ip address A peer B/L`.
    pub peer_addresses: BTreeSet<(Ipv4Addr, IfAddr)>,
    /// `bandwidth N`, Mbit/s.
    pub bandwidth: Option<u32>,
    /// `no link-detect`; the default is on.
    pub no_link_detect: bool,
    /// `multicast` or `no multicast`.
    pub multicast: Option<bool>,
    /// `mpls enable`.
    pub mpls: bool,
    /// `mpls bgp forwarding`.
    pub mpls_bgp_forwarding: bool,
    /// Router advertisements.
    pub nd: RouterAdvert,
    /// `ip ospf ...`.
    pub ospf: OspfLink,
    /// `ipv6 ospf6 ...`.
    pub ospf6: Ospf6Link,
    /// What FRR does not know.
    pub own: OwnLink,
    /// Accepted statements without effect.
    pub opaque: OpaqueLines,
}

impl Interface {
    /// VRF that the configuration puts it in, `None` for the default one or when it does not say.
    #[must_use]
    pub fn vrf_name(&self) -> Option<&str> {
        self.own.vrf.as_deref().or(self.vrf.as_deref())
    }

    /// Whether it, or one of its addresses, is in an area of the instance by a statement of its own.
    #[must_use]
    pub fn has_ospf_area(&self, name: &OspfName) -> bool {
        let said = |settings: &OspfInterface| settings.areas.contains_key(&name.instance);
        self.vrf_name() == name.vrf.as_deref()
            && (said(&self.ospf.interface) || self.ospf.addresses.values().any(said))
    }
}

/// `router-preference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouterPreference {
    /// `high`
    High,
    /// `medium`, the default.
    #[default]
    Medium,
    /// `low`
    Low,
}

/// Lifetime in seconds; `u32::MAX` is infinite (RFC 4861).
pub type Lifetime = u32;

/// `ipv6 nd prefix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RaPrefix {
    /// Valid and preferred lifetimes.
    pub lifetimes: Option<(Lifetime, Lifetime)>,
    /// `off-link`
    pub off_link: bool,
    /// `no-autoconfig`
    pub no_autoconfig: bool,
    /// `router-address`
    pub router_address: bool,
}

/// IPv6 router advertisements (RFC 4861), suppressed by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouterAdvert {
    /// `no ipv6 nd suppress-ra`: send them.
    pub send: bool,
    /// `ra-interval`, milliseconds; 600000 when not set.
    pub interval_ms: Option<u32>,
    /// `ra-lifetime`, seconds; three intervals when not set.
    pub lifetime: Option<u16>,
    /// `reachable-time`, milliseconds.
    pub reachable_time: Option<u32>,
    /// `ra-retrans-interval`, milliseconds.
    pub retrans_interval: Option<u32>,
    /// `ra-hop-limit`; 64 when not set.
    pub hop_limit: Option<u8>,
    /// `managed-config-flag`
    pub managed: bool,
    /// `other-config-flag`
    pub other: bool,
    /// `home-agent-config-flag`
    pub home_agent: bool,
    /// `home-agent-preference`
    pub home_agent_preference: Option<u16>,
    /// `home-agent-lifetime`, seconds.
    pub home_agent_lifetime: Option<u16>,
    /// `adv-interval-option`
    pub adv_interval: bool,
    /// `no ipv6 nd ra-fast-retrans`
    pub no_fast_retrans: bool,
    /// `router-preference`
    pub preference: RouterPreference,
    /// `mtu`
    pub mtu: Option<u16>,
    /// `prefix`
    pub prefixes: BTreeMap<Ipv6Prefix, RaPrefix>,
    /// `rdnss ADDR [LIFETIME]`
    pub rdnss: BTreeMap<Ipv6Addr, Option<Lifetime>>,
    /// `dnssl SUFFIX [LIFETIME]`
    pub dnssl: BTreeMap<String, Option<Lifetime>>,
}
