//! Configuration of a neighbor, outside and inside of address families.

use std::net::IpAddr;
use std::time::Duration;

use ferr_types::community::ExtCommunity;
use ferr_types::{Asn, FamilyMap, IfIndex};

use super::GracefulRestartMode;

/// `neighbor X remote-as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteAs {
    /// This AS.
    Asn(Asn),
    /// The own AS.
    Internal,
    /// Any other AS.
    External,
    /// Whatever the peer's OPEN says; internal if that is the own AS.
    Auto,
}

/// How far away a neighbor may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On the link (TTL 1 for eBGP).
    Direct,
    /// Up to this TTL.
    Multihop(u8),
    /// Generalized TTL security (RFC 5082) with this many hops.
    TtlSecurity(u8),
}

/// `neighbor X local-as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAs {
    /// AS shown to the neighbor.
    pub asn: Asn,
    /// Not prepended to what is received.
    pub no_prepend: bool,
    /// The real AS is not shown.
    pub replace_as: bool,
}

/// Roles of RFC 9234.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Sells transit.
    Provider = 0,
    /// Route server.
    RsServer = 1,
    /// Client of a route server.
    RsClient = 2,
    /// Buys transit.
    Customer = 3,
    /// Settlement-free.
    Peer = 4,
}

/// `neighbor X`, peer-group merged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighborConfig {
    /// As configured: address or interface name; the key in `show`.
    pub name: String,
    /// Address, when configured or learnt.
    pub addr: Option<IpAddr>,
    /// Interface of an unnumbered or link-local neighbor.
    pub interface: Option<IfIndex>,
    /// Its name.
    pub interface_name: Option<String>,
    /// Expected AS.
    pub remote_as: RemoteAs,
    /// AS shown instead of the instance's.
    pub local_as: Option<LocalAs>,
    /// Group it belongs to.
    pub peer_group: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Administratively down, with the text sent to the peer (RFC 9003).
    pub shutdown: Option<String>,
    /// Waits for the peer to connect.
    pub passive: bool,
    /// TCP port to connect to.
    pub port: u16,
    /// Reach.
    pub reach: Reach,
    /// Accept next hops and sessions of eBGP neighbors that are not on the link.
    pub disable_connected_check: bool,
    /// Local address of the session, resolved.
    pub update_source: Option<IpAddr>,
    /// As configured, for `show`.
    pub update_source_text: Option<String>,
    /// A password is set (it stays with the socket).
    pub password: bool,
    /// Seconds between keepalives, before negotiation.
    pub keepalive: u16,
    /// Hold time in seconds, before negotiation.
    pub hold_time: u16,
    /// Seconds between attempts to connect.
    pub connect_retry: u16,
    /// DelayOpen time (RFC 4271 section 8.1.1).
    pub delay_open: Option<u16>,
    /// Least time between advertisements, seconds.
    pub advertisement_interval: u16,
    /// First AS of a received path must be the neighbor's.
    pub enforce_first_as: bool,
    /// Do not send routes whose path holds the neighbor's AS.
    pub sender_loop_detection: bool,
    /// AIGP is taken from and sent to it, although it is external (RFC 7311 section 3.4).
    pub aigp: bool,
    /// Never share an update group.
    pub solo: bool,
    /// Send no capabilities.
    pub dont_negotiate_capabilities: bool,
    /// Use the configured families whatever the peer says.
    pub override_capability: bool,
    /// Refuse a peer that lacks a capability of ours.
    pub strict_capability: bool,
    /// Offer IPv4 with IPv6 next hops (RFC 8950).
    pub extended_nexthop: bool,
    /// Graceful restart towards this neighbor.
    pub graceful_restart: Option<GracefulRestartMode>,
    /// Role, and whether the peer must send one.
    pub role: Option<(Role, bool)>,
    /// Reset on BFD down.
    pub bfd: bool,
    /// No session while BFD is not up, and how long it is waited for.
    pub bfd_strict: Option<Duration>,
    /// Made from a listen range.
    pub dynamic: bool,
    /// Families, `None` where not activated.
    pub families: FamilyMap<Option<NeighborFamily>>,
}

/// `neighbor X next-hop-self`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NexthopSelf {
    /// As received.
    #[default]
    No,
    /// Of routes learnt by eBGP.
    Learnt,
    /// Of reflected routes as well.
    Force,
}

/// `neighbor X allowas-in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowAsIn {
    /// The own AS may occur this often.
    Times(u8),
    /// Only as the origin.
    Origin,
}

/// `neighbor X maximum-prefix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaximumPrefix {
    /// Most prefixes.
    pub limit: u32,
    /// Warn from this percentage.
    pub threshold: u8,
    /// Warn only.
    pub warning_only: bool,
    /// Come back after this time.
    pub restart: Option<Duration>,
    /// Count what policy refuses, too.
    pub force: bool,
}

/// Which community attributes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendCommunity {
    /// COMMUNITIES.
    pub standard: bool,
    /// EXTENDED COMMUNITIES.
    pub extended: bool,
    /// LARGE_COMMUNITY.
    pub large: bool,
}

/// `neighbor X remove-private-AS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RemovePrivateAs {
    /// Even when other ASes are in the path.
    pub all: bool,
    /// Replace instead of removing.
    pub replace: bool,
}

/// `neighbor X attribute-unchanged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Unchanged {
    /// AS_PATH.
    pub as_path: bool,
    /// Next hop.
    pub next_hop: bool,
    /// MED.
    pub med: bool,
}

/// Filters of one direction, applied in this order after the route-map's place in FRR: distribute-list, prefix-list,
/// filter-list, route-map.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Filters {
    /// `distribute-list`
    pub distribute_list: Option<String>,
    /// `prefix-list`
    pub prefix_list: Option<String>,
    /// `filter-list`
    pub filter_list: Option<String>,
    /// `route-map`
    pub route_map: Option<String>,
    /// `soo`: the site that the neighbor is at. What comes from it is marked, and what is marked does not go back there.
    pub site: Option<ExtCommunity>,
}

impl Filters {
    /// Whether any is set, as `ebgp-requires-policy` asks.
    pub const fn any(&self) -> bool {
        self.distribute_list.is_some()
            || self.prefix_list.is_some()
            || self.filter_list.is_some()
            || self.route_map.is_some()
    }
}

/// Paths sent per prefix (RFC 7911).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AddPathTx {
    /// The best.
    #[default]
    Best,
    /// All.
    All,
    /// The best of each neighbor AS.
    BestPerAs,
    /// So many: the best, what would be the best without it, and so on.
    BestSelected(u8),
}

/// `advertise-map`: routes that are sent under a condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdvertiseMap {
    /// Route-map that permits them.
    pub map: String,
    /// Sent while a route exists (`exist-map`), or while none does.
    pub exist: bool,
    /// Route-map that permits such a route.
    pub condition: String,
}

/// Neighbor's part of an address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighborFamily {
    /// Inbound filters.
    pub filters_in: Filters,
    /// Outbound filters.
    pub filters_out: Filters,
    /// Keep what was received before policy.
    pub soft_reconfiguration: bool,
    /// `next-hop-self`
    pub next_hop_self: NexthopSelf,
    /// `route-reflector-client`
    pub reflector_client: bool,
    /// `route-server-client`
    pub server_client: bool,
    /// `default-originate`, with its route-map.
    pub default_originate: Option<Option<String>>,
    /// `allowas-in`
    pub allow_as_in: Option<AllowAsIn>,
    /// `as-override`
    pub as_override: bool,
    /// `remove-private-AS`
    pub remove_private_as: Option<RemovePrivateAs>,
    /// `send-community`
    pub send_community: SendCommunity,
    /// `maximum-prefix`
    pub maximum_prefix: Option<MaximumPrefix>,
    /// `maximum-prefix-out`
    pub maximum_prefix_out: Option<u32>,
    /// `weight`
    pub weight: Option<u16>,
    /// `unsuppress-map`
    pub unsuppress_map: Option<String>,
    /// `advertise-map`
    pub advertise_map: Option<AdvertiseMap>,
    /// `attribute-unchanged`
    pub unchanged: Unchanged,
    /// Paths sent.
    pub add_path_tx: AddPathTx,
    /// Several paths per prefix are not accepted.
    pub disable_add_path_rx: bool,
}

impl Default for NeighborFamily {
    fn default() -> Self {
        Self {
            filters_in: Filters::default(),
            filters_out: Filters::default(),
            soft_reconfiguration: false,
            next_hop_self: NexthopSelf::No,
            reflector_client: false,
            server_client: false,
            default_originate: None,
            allow_as_in: None,
            as_override: false,
            remove_private_as: None,
            send_community: SendCommunity { standard: true, extended: true, large: true },
            maximum_prefix: None,
            maximum_prefix_out: None,
            weight: None,
            unsuppress_map: None,
            advertise_map: None,
            unchanged: Unchanged::default(),
            add_path_tx: AddPathTx::Best,
            disable_add_path_rx: false,
        }
    }
}

impl NeighborConfig {
    /// Neighbor with FRR's traditional defaults and no family.
    pub fn new(name: &str, addr: Option<IpAddr>, remote_as: RemoteAs) -> Self {
        Self {
            name: name.to_owned(),
            addr,
            interface: None,
            interface_name: None,
            remote_as,
            local_as: None,
            peer_group: None,
            description: None,
            shutdown: None,
            passive: false,
            port: 179,
            reach: Reach::Direct,
            disable_connected_check: false,
            update_source: None,
            update_source_text: None,
            password: false,
            keepalive: 60,
            hold_time: 180,
            connect_retry: 120,
            delay_open: None,
            advertisement_interval: 0,
            enforce_first_as: false,
            sender_loop_detection: false,
            aigp: false,
            solo: false,
            dont_negotiate_capabilities: false,
            override_capability: false,
            strict_capability: false,
            extended_nexthop: false,
            graceful_restart: None,
            role: None,
            bfd: false,
            bfd_strict: None,
            dynamic: false,
            families: FamilyMap::default(),
        }
    }
}
