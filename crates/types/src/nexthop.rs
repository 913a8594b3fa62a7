//! Next hops as protocols hand them to the RIB.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::{IfIndex, VrfId};

/// What happens to packets of a route without a way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlackholeKind {
    /// Dropped silently (`blackhole`, `Null0`).
    Drop,
    /// ICMP unreachable (`reject`).
    Reject,
    /// ICMP administratively prohibited.
    Prohibit,
}

/// Where a next hop sends packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gateway {
    /// Directly out of an interface.
    Interface(IfIndex),
    /// Through a router; `ifindex` pins the interface (always for a link-local gateway), else the RIB resolves it.
    Address {
        /// Address of the router.
        addr: IpAddr,
        /// Interface, when known.
        ifindex: Option<IfIndex>,
        /// Taken as reachable on the interface without a connected prefix.
        onlink: bool,
    },
    /// Nowhere.
    Blackhole(BlackholeKind),
}

/// One way of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nexthop {
    /// Where to.
    pub gateway: Gateway,
    /// VRF in which the gateway is resolved.
    pub vrf: VrfId,
    /// Relative share in ECMP, 1..=255.
    pub weight: u8,
    /// Counts as dead while the BFD session to this address, if there is one, is down. Mostly the gateway itself; the address of the
    /// neighbor where the gateway is a link-local address of it.
    pub guard: Option<IpAddr>,
}

impl Nexthop {
    /// To `gateway`, of weight 1, without a guard.
    pub const fn new(gateway: Gateway, vrf: VrfId) -> Self {
        Self { gateway, vrf, weight: 1, guard: None }
    }

    /// Via a router to be resolved in `vrf`.
    pub const fn via(addr: IpAddr, vrf: VrfId) -> Self {
        Self::new(Gateway::Address { addr, ifindex: None, onlink: false }, vrf)
    }

    /// Via a router on a known interface.
    pub const fn via_on(addr: IpAddr, ifindex: IfIndex, vrf: VrfId) -> Self {
        Self::new(Gateway::Address { addr, ifindex: Some(ifindex), onlink: false }, vrf)
    }

    /// Directly out of an interface.
    pub const fn interface(ifindex: IfIndex, vrf: VrfId) -> Self {
        Self::new(Gateway::Interface(ifindex), vrf)
    }

    /// Nowhere.
    pub const fn blackhole(kind: BlackholeKind) -> Self {
        Self::new(Gateway::Blackhole(kind), VrfId::DEFAULT)
    }

    /// Address of the router, if there is one.
    pub const fn addr(&self) -> Option<IpAddr> {
        match self.gateway {
            Gateway::Address { addr, .. } => Some(addr),
            _ => None,
        }
    }
}

/// Ways of one route, sorted and without duplicates when built by [`NexthopSet::from_iter`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NexthopSet(SmallVec<[Nexthop; 1]>);

impl NexthopSet {
    /// Set of one.
    pub fn one(nexthop: Nexthop) -> Self {
        Self(SmallVec::from_buf([nexthop]))
    }

    /// The ways.
    pub fn as_slice(&self) -> &[Nexthop] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of ways.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The ways, one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Nexthop> {
        self.0.iter()
    }
}

impl FromIterator<Nexthop> for NexthopSet {
    fn from_iter<I: IntoIterator<Item = Nexthop>>(iter: I) -> Self {
        let mut ways: SmallVec<[Nexthop; 1]> = iter.into_iter().collect();
        ways.sort_unstable();
        ways.dedup();
        Self(ways)
    }
}

impl<'a> IntoIterator for &'a NexthopSet {
    type Item = &'a Nexthop;
    type IntoIter = std::slice::Iter<'a, Nexthop>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
