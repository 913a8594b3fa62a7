//! Static routes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ferr_types::{BlackholeKind, Ipv6Prefix, Prefix};

/// Static routes of one VRF, ordered by prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StaticRoutes(pub BTreeMap<StaticKey, StaticOptions>);

/// What identifies one next hop of a static route. Next hops of equal prefix, source, table and distance form ECMP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaticKey {
    /// Destination.
    pub prefix: Prefix,
    /// `from X/L`, IPv6 only.
    pub source: Option<Ipv6Prefix>,
    /// Kernel table; that of the VRF when 0.
    pub table: u32,
    /// Administrative distance, 1 by default.
    pub distance: u8,
    /// Where to.
    pub target: StaticTarget,
    /// VRF in which the target is looked up; the route's own when `None`.
    pub nexthop_vrf: Option<String>,
}

/// Target of a static route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StaticTarget {
    /// A gateway.
    Gateway(IpAddr),
    /// A gateway on this interface.
    GatewayOn(IpAddr, String),
    /// An interface.
    Interface(String),
    /// Nothing: dropped silently (`Null0` and `blackhole`), or with an ICMP error (`reject`).
    Discard(Discard),
}

/// Spellings of a discarding route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Discard {
    /// `Null0`: as `blackhole`.
    Null0,
    /// `blackhole`
    Blackhole,
    /// `reject`
    Reject,
}

impl Discard {
    /// Keyword.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null0 => "Null0",
            Self::Blackhole => "blackhole",
            Self::Reject => "reject",
        }
    }

    /// What the kernel route does.
    pub const fn kind(self) -> BlackholeKind {
        match self {
            Self::Null0 | Self::Blackhole => BlackholeKind::Drop,
            Self::Reject => BlackholeKind::Reject,
        }
    }
}

/// Further options of a static next hop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StaticOptions {
    /// `tag N`; one value per (prefix, table, distance), 0 is none.
    pub tag: u32,
    /// `label L[/L...]`, as written.
    pub label: Option<String>,
    /// `onlink`
    pub onlink: bool,
    /// `bfd ...`: the way counts while the session to its gateway is not down. Few have it, and there are many routes.
    pub bfd: Option<Box<super::bfd::StaticBfd>>,
    /// `color N`
    pub color: Option<u32>,
}
