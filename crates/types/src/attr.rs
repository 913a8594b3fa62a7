//! BGP path attributes as one borrowed view.
//!
//! [`PathAttributes`] is what a decoder yields, what policy reads and what an encoder writes. It says nothing about
//! the session: AS numbers have 4 octets, AS4_PATH and AS4_AGGREGATOR are merged, the next hop is a field whether
//! it came in NEXT_HOP or MP_REACH_NLRI.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::aspath::AsPath;
use crate::community::{ClusterList, Communities, ExtCommunities, LargeCommunities};
use crate::{Asn, RouterId};

/// ORIGIN (RFC 4271 section 5.1.1); the order is the decision's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Origin {
    /// Interior.
    Igp = 0,
    /// EGP.
    Egp = 1,
    /// Other means.
    #[default]
    Incomplete = 2,
}

impl Origin {
    /// From the wire.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Igp,
            1 => Self::Egp,
            2 => Self::Incomplete,
            _ => return None,
        })
    }

    /// Name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Igp => "igp",
            Self::Egp => "egp",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Next hop of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BgpNexthop {
    /// IPv4.
    V4(Ipv4Addr),
    /// IPv6, with the link-local address beside it when both were sent (RFC 2545 section 3).
    V6 {
        /// Global address; unspecified when only a link-local one was sent.
        global: Ipv6Addr,
        /// Link-local address.
        link_local: Option<Ipv6Addr>,
    },
}

impl BgpNexthop {
    /// The address that forwarding uses: link-local before global.
    pub const fn forwarding(self) -> IpAddr {
        match self {
            Self::V4(a) => IpAddr::V4(a),
            Self::V6 { link_local: Some(a), .. } => IpAddr::V6(a),
            Self::V6 { global, .. } => IpAddr::V6(global),
        }
    }

    /// The address that is shown: global before link-local.
    pub const fn global(self) -> IpAddr {
        match self {
            Self::V4(a) => IpAddr::V4(a),
            Self::V6 { global, link_local: Some(a) } if global.is_unspecified() => IpAddr::V6(a),
            Self::V6 { global, .. } => IpAddr::V6(global),
        }
    }
}

impl From<IpAddr> for BgpNexthop {
    fn from(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(a) => Self::V4(a),
            IpAddr::V6(a) if a.is_unicast_link_local() => {
                Self::V6 { global: Ipv6Addr::UNSPECIFIED, link_local: Some(a) }
            }
            IpAddr::V6(a) => Self::V6 { global: a, link_local: None },
        }
    }
}

/// AGGREGATOR (RFC 4271 section 5.1.7, RFC 6793).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// AS that aggregated.
    pub asn: Asn,
    /// Router that aggregated.
    pub addr: Ipv4Addr,
}

/// All attributes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PathAttributes<'a> {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH, 4-octet form.
    pub as_path: AsPath<'a>,
    /// NEXT_HOP or the next hop of MP_REACH_NLRI.
    pub next_hop: Option<BgpNexthop>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES.
    pub communities: Communities<'a>,
    /// EXTENDED COMMUNITIES.
    pub ext_communities: ExtCommunities<'a>,
    /// LARGE_COMMUNITY.
    pub large_communities: LargeCommunities<'a>,
    /// ORIGINATOR_ID (RFC 4456).
    pub originator_id: Option<RouterId>,
    /// CLUSTER_LIST (RFC 4456).
    pub cluster_list: ClusterList<'a>,
    /// Metric of AIGP (RFC 7311).
    pub aigp: Option<u64>,
    /// ONLY_TO_CUSTOMER (RFC 9234).
    pub only_to_customer: Option<Asn>,
    /// Unrecognised transitive attributes, each as flags, type, length and value exactly as received.
    pub unknown: &'a [u8],
}
