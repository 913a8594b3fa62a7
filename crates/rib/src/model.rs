//! What surrounds the routes: links, addresses, VRFs, owners, and the knobs of the RIB.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ferr_types::{
    Afi, IfAddr, IfIndex, Metric, Nexthop, NexthopInfo, NexthopSet, Prefix, Protocol, TableId, Tag,
};
use ferr_types::{Distance, VrfId};

/// A user of the RIB: what it registered is swept when it goes. Chosen by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub u32);

/// Kind of a link, as far as routing cares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LinkKind {
    /// Physical, veth, or anything else without a name of its own here.
    #[default]
    Other,
    /// The loopback device.
    Loopback,
    /// A VRF device with its table.
    Vrf(TableId),
    /// `IFLA_INFO_KIND` of a virtual device (`bridge`, `vlan`, `wireguard`, ...).
    Virtual(String),
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Kernel index.
    pub ifindex: IfIndex,
    /// Name.
    pub name: String,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Has carrier (`IFF_RUNNING` and `IFF_LOWER_UP`).
    pub running: bool,
    /// VRF that it is enslaved to; a VRF device belongs to its own VRF.
    pub vrf: VrfId,
    /// Any master device (bridge, bond, VRF), 0 for none.
    pub master: IfIndex,
    /// Kind.
    pub kind: LinkKind,
    /// MTU in octets.
    pub mtu: u32,
    /// Link-layer address, empty when there is none.
    pub mac: Vec<u8>,
    /// Raw interface flags (`IFF_*`).
    pub flags: u32,
    /// Lower device (`IFLA_LINK`), 0 for none.
    pub lower: IfIndex,
    /// Speed in Mbit/s, 0 when the device has none, `u32::MAX` when it does not know.
    pub speed: u32,
}

/// How often a link came and went since it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkHistory {
    /// Times that it became operative.
    pub ups: u32,
    /// The last of them.
    pub last_up: Option<Instant>,
    /// Times that it ceased to be.
    pub downs: u32,
    /// The last of them.
    pub last_down: Option<Instant>,
}

impl Link {
    /// Whether packets can leave through it.
    pub const fn operative(&self) -> bool {
        self.up && self.running
    }
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Interface.
    pub ifindex: IfIndex,
    /// Own address and prefix length.
    pub addr: IfAddr,
    /// Other end of a point-to-point address.
    pub peer: Option<IfAddr>,
    /// Secondary address of its subnet (`IFA_F_SECONDARY`).
    pub secondary: bool,
}

impl Address {
    /// The prefix that this address connects: of the peer on a point-to-point link.
    pub const fn connected_prefix(&self) -> Prefix {
        match self.peer {
            Some(peer) => peer.prefix(),
            None => self.addr.prefix(),
        }
    }
}

/// A route that somebody else put into the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRoute {
    /// Kernel table.
    pub table: TableId,
    /// Destination.
    pub prefix: Prefix,
    /// `RTA_PRIORITY`.
    pub metric: Metric,
    /// `rtm_protocol`.
    pub protocol: u8,
    /// Ways; the VRF in them is filled in by the RIB.
    pub nexthops: NexthopSet,
    /// `RTA_PREFSRC`.
    pub source: Option<IpAddr>,
}

/// Knobs of the RIB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RibConfig {
    /// Next hops may resolve via the default route: IPv4 (`ip nht resolve-via-default`).
    pub resolve_via_default_v4: bool,
    /// The same for IPv6.
    pub resolve_via_default_v6: bool,
    /// Ways of one route that go to the kernel, 1..=256.
    pub max_ways: usize,
    /// Use kernel next-hop objects; false for kernels without them.
    pub nexthop_objects: bool,
    /// Use resilient groups, which fall back by themselves when a member goes; false for kernels without them (before Linux 5.13).
    pub resilient_groups: bool,
    /// First kernel id for next-hop objects; above every id that the kernel holds at start.
    pub nexthop_id_base: u32,
    /// Keep a host route of every own address (`L`), as FRR does since 10.0.
    pub local_routes: bool,
    /// First wait before a refused FIB operation is tried again; doubles up to 64 times this.
    pub retry: Duration,
    /// Secret that hash tables are keyed with, so that peers cannot choose collisions.
    pub hash_seed: u64,
}

impl Default for RibConfig {
    fn default() -> Self {
        Self {
            resolve_via_default_v4: true,
            resolve_via_default_v6: true,
            max_ways: 64,
            nexthop_objects: true,
            resilient_groups: true,
            nexthop_id_base: 1_000_000,
            local_routes: false,
            retry: Duration::from_secs(1),
            hash_seed: 0,
        }
    }
}

impl RibConfig {
    /// Whether next hops of this family may resolve via the default route.
    pub const fn resolve_via_default(&self, afi: Afi) -> bool {
        match afi {
            Afi::Ipv4 => self.resolve_via_default_v4,
            Afi::Ipv6 => self.resolve_via_default_v6,
        }
    }
}

/// Wish of an owner to hear about the selected routes of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redistribution {
    /// VRF of the routes.
    pub vrf: VrfId,
    /// Family of the routes.
    pub afi: Afi,
    /// Source protocol.
    pub protocol: Protocol,
    /// Instance of the source protocol; ignored for static routes.
    pub instance: u16,
    /// Kernel table when not the VRF's own (`redistribute table-direct`).
    pub table: Option<TableId>,
}

/// A selected route as handed to a redistributing owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedistRoute {
    /// VRF of the route.
    pub vrf: VrfId,
    /// Destination.
    pub prefix: Prefix,
    /// Who made it.
    pub protocol: Protocol,
    /// Its instance.
    pub instance: u16,
    /// Its metric.
    pub metric: Metric,
    /// Its distance.
    pub distance: Distance,
    /// Its tag.
    pub tag: Tag,
    /// Ways after resolution.
    pub nexthops: Vec<Nexthop>,
    /// Interface of the first way, for `match interface`.
    pub ifindex: Option<IfIndex>,
}

/// What the RIB has to say to an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RibEvent {
    /// A watched next hop (or network) is reached so now.
    Nexthop {
        /// Who watches.
        owner: OwnerId,
        /// The answer.
        info: NexthopInfo,
    },
    /// A redistributed route appeared or changed.
    RedistSet {
        /// Who subscribed.
        owner: OwnerId,
        /// The route.
        route: RedistRoute,
    },
    /// No route of the subscribed protocols is selected for the prefix any more; harmless when none was known.
    RedistWithdraw {
        /// Who subscribed.
        owner: OwnerId,
        /// VRF of the prefix.
        vrf: VrfId,
        /// Destination.
        prefix: Prefix,
        /// Subscription's protocol.
        protocol: Protocol,
        /// Subscription's instance.
        instance: u16,
    },
}

impl RibEvent {
    /// Whom it is for.
    pub const fn owner(&self) -> OwnerId {
        match self {
            Self::Nexthop { owner, .. }
            | Self::RedistSet { owner, .. }
            | Self::RedistWithdraw { owner, .. } => *owner,
        }
    }
}
