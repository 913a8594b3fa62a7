//! Configuration as the core sees it: names of policy resolved at evaluation, addresses resolved by the caller, defaults
//! and peer-groups already merged in.

use std::net::IpAddr;
use std::time::Duration;

use ferr_types::{Asn, FamilyMap, IfIndex, Prefix, Protocol, RouterId, VrfId};

/// `bgp bestpath ...` and its kin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BestpathConfig {
    /// Compare MED whatever the neighbor AS.
    pub always_compare_med: bool,
    /// A missing MED is the largest instead of 0.
    pub med_missing_as_worst: bool,
    /// Compare MED between confederation paths.
    pub med_confed: bool,
    /// Skip the AS path length.
    pub as_path_ignore: bool,
    /// Confederation segments count in the length.
    pub as_path_confed: bool,
    /// Paths of equal length but other ASes may share ECMP.
    pub multipath_relax: bool,
    /// Prefer the lower router id over the older path.
    pub compare_router_id: bool,
    /// eBGP and iBGP paths may share ECMP.
    pub peer_type_relax: bool,
    /// Unequal shares.
    pub bandwidth: Bandwidth,
}

/// `bgp bestpath bandwidth`: how ECMP shares follow the link bandwidth community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bandwidth {
    /// In proportion, when every way has one; else equal shares.
    #[default]
    All,
    /// Equal shares.
    Ignore,
    /// Ways without one get no traffic.
    SkipMissing,
    /// Ways without one get the smallest share.
    DefaultWeight,
}

/// Confederation (RFC 5065).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confederation {
    /// The AS that the world sees.
    pub identifier: Asn,
    /// Member ASes beside the own.
    pub members: Vec<Asn>,
}

/// A `network` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// What is announced.
    pub prefix: Prefix,
    /// Route-map over it.
    pub route_map: Option<String>,
    /// Only lowers the preference of what is learnt for it.
    pub backdoor: bool,
}

/// An `aggregate-address` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The aggregate.
    pub prefix: Prefix,
    /// AS_SET of what it covers.
    pub as_set: bool,
    /// Suppress everything that it covers.
    pub summary_only: bool,
    /// Suppress what this route-map permits.
    pub suppress_map: Option<String>,
    /// Route-map over the aggregate.
    pub route_map: Option<String>,
    /// ORIGIN of the aggregate.
    pub origin: Option<ferr_types::attr::Origin>,
    /// Only routes of one MED are aggregated.
    pub matching_med_only: bool,
}

/// A `redistribute` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redistribute {
    /// Source.
    pub protocol: Protocol,
    /// MED instead of the route's metric.
    pub metric: Option<u32>,
    /// Route-map.
    pub route_map: Option<String>,
}

/// Instance part of an address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyConfig {
    /// `network`
    pub networks: Vec<Network>,
    /// `aggregate-address`
    pub aggregates: Vec<Aggregate>,
    /// `redistribute`
    pub redistribute: Vec<Redistribute>,
    /// ECMP ways over eBGP.
    pub max_paths: u16,
    /// ECMP ways over iBGP.
    pub max_paths_ibgp: u16,
    /// iBGP ways must have equally long cluster lists.
    pub ibgp_equal_cluster_length: bool,
    /// Distance of eBGP, iBGP and local routes.
    pub distance: [u8; 3],
    /// Distance by source and prefix (`distance N P/L [ACL]`).
    pub distance_rules: Vec<DistanceRule>,
    /// Route-map over what is installed.
    pub table_map: Option<String>,
}

/// `distance N P/L [ACL]`: routes from a peer inside `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistanceRule {
    /// Peers.
    pub source: Prefix,
    /// Distance.
    pub distance: u8,
    /// Access-list over the route's prefix.
    pub access_list: Option<String>,
}

/// Most ways of one route, as FRR on Debian is built.
pub const MAX_WAYS: u16 = 256;

impl Default for FamilyConfig {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            aggregates: Vec::new(),
            redistribute: Vec::new(),
            max_paths: MAX_WAYS,
            max_paths_ibgp: MAX_WAYS,
            ibgp_equal_cluster_length: false,
            distance: [20, 200, 200],
            distance_rules: Vec::new(),
            table_map: None,
        }
    }
}

/// Role in graceful restart (RFC 4724).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GracefulRestartMode {
    /// Does not send the capability.
    Disable,
    /// Keeps a restarting peer's routes; FRR's default.
    #[default]
    Helper,
    /// Also asks peers to keep ours.
    Restart,
}

/// `router bgp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceConfig {
    /// Own AS.
    pub asn: Asn,
    /// VRF.
    pub vrf: VrfId,
    /// Its name (`default`).
    pub vrf_name: String,
    /// Own identifier.
    pub router_id: RouterId,
    /// Cluster of a route reflector.
    pub cluster_id: RouterId,
    /// Confederation.
    pub confederation: Option<Confederation>,
    /// Decision knobs.
    pub bestpath: BestpathConfig,
    /// eBGP without policy neither accepts nor advertises (RFC 8212).
    pub ebgp_requires_policy: bool,
    /// LOCAL_PREF of routes that come without.
    pub default_local_pref: u32,
    /// Reflect between clients.
    pub client_to_client: bool,
    /// Reset a direct eBGP session when its interface goes down.
    pub fast_external_failover: bool,
    /// `network` needs a route in the RIB.
    pub network_import_check: bool,
    /// Graceful restart.
    pub graceful_restart: GracefulRestartMode,
    /// Restart time sent to peers, seconds.
    pub restart_time: u16,
    /// Our forwarding state outlives a restart (`preserve-fw-state`).
    pub preserve_forwarding: bool,
    /// How long a restarting peer's routes are kept.
    pub stalepath_time: Duration,
    /// Longest wait for the peers' End-of-RIB after our own restart before the decision.
    pub select_defer_time: Duration,
    /// GRACEFUL_SHUTDOWN on everything sent.
    pub graceful_shutdown: bool,
    /// No session at all.
    pub shutdown: Option<String>,
    /// Most dynamic neighbors.
    pub listen_limit: u32,
    /// Log session changes.
    pub log_neighbor_changes: bool,
    /// Equal to what was sent: not sent again.
    pub suppress_duplicates: bool,
    /// Refuse AS_SET (RFC 9774).
    pub reject_as_sets: bool,
    /// Run outbound policy on reflected routes.
    pub reflector_outbound_policy: bool,
    /// Least hold time that is accepted, seconds; 0 for the RFC's rule.
    pub minimum_hold_time: u16,
    /// Host name sent in the FQDN capability.
    pub hostname: Option<String>,
    /// Domain name sent beside it.
    pub domainname: Option<String>,
    /// Tables.
    pub families: FamilyMap<FamilyConfig>,
}

impl InstanceConfig {
    /// Instance with FRR's traditional defaults.
    pub fn new(asn: Asn, vrf: VrfId, vrf_name: &str, router_id: RouterId) -> Self {
        Self {
            asn,
            vrf,
            vrf_name: vrf_name.to_owned(),
            router_id,
            cluster_id: router_id,
            confederation: None,
            bestpath: BestpathConfig::default(),
            ebgp_requires_policy: true,
            default_local_pref: 100,
            client_to_client: true,
            fast_external_failover: true,
            network_import_check: true,
            graceful_restart: GracefulRestartMode::default(),
            restart_time: 120,
            preserve_forwarding: false,
            stalepath_time: Duration::from_secs(360),
            select_defer_time: Duration::from_secs(360),
            graceful_shutdown: false,
            shutdown: None,
            listen_limit: 100,
            log_neighbor_changes: false,
            suppress_duplicates: true,
            reject_as_sets: false,
            reflector_outbound_policy: false,
            minimum_hold_time: 0,
            hostname: None,
            domainname: None,
            families: FamilyMap::default(),
        }
    }
}

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
            solo: false,
            dont_negotiate_capabilities: false,
            override_capability: false,
            strict_capability: false,
            extended_nexthop: false,
            graceful_restart: None,
            role: None,
            bfd: false,
            dynamic: false,
            families: FamilyMap::default(),
        }
    }
}
