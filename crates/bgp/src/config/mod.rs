//! Configuration as the core sees it: names of policy resolved at evaluation, addresses resolved by the caller, defaults
//! and peer-groups already merged in.

use std::time::Duration;

use ferr_types::{Asn, FamilyMap, Prefix, Protocol, RouterId, VrfId};

mod neighbor;

pub use neighbor::*;

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
    /// Paths with AIGP first, and the least sum of it and the cost to the next hop (RFC 7311).
    pub aigp: bool,
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
    /// `bgp dampening`
    pub damping: Option<DampingConfig>,
    /// `import vrf V`: names of the VRFs.
    pub imports: Vec<String>,
    /// `import vrf route-map M`
    pub import_map: Option<String>,
}

/// `bgp dampening` (RFC 2439).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DampingConfig {
    /// Time in which a penalty halves.
    pub half_life: Duration,
    /// Penalty below which a path is used again.
    pub reuse: u32,
    /// Penalty from which on it is not used.
    pub suppress: u32,
    /// Longest time without a flap that a path is not used.
    pub longest: Duration,
}

impl DampingConfig {
    /// Greatest penalty: what decays to `reuse` in the longest time.
    pub fn ceiling(&self) -> f64 {
        let halves = self.longest.as_secs_f64() / self.half_life.as_secs_f64().max(1.0);
        f64::from(self.reuse) * halves.exp2()
    }
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
            damping: None,
            imports: Vec::new(),
            import_map: None,
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

/// `update-delay`: after the first session, routes are taken in and not used until all peers have sent all they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateDelay {
    /// Longest wait.
    pub longest: Duration,
    /// Peers that are not up by then are not waited for.
    pub establish_wait: Option<Duration>,
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
    /// Answers to `show` have neighbors' host names beside their addresses.
    pub show_hostname: bool,
    /// The same beside next hops.
    pub show_nexthop_hostname: bool,
    /// Graceful restart.
    pub graceful_restart: GracefulRestartMode,
    /// A NOTIFICATION does not end what is kept for a restart (RFC 8538), when the peer says so as well.
    pub notification_keeps: bool,
    /// After `clear bgp` peers keep nothing, though a NOTIFICATION would not end it (RFC 8538).
    pub hard_administrative_reset: bool,
    /// Restart time sent to peers, seconds.
    pub restart_time: u16,
    /// How long peers are asked to keep our routes beyond the restart time (RFC 9494), seconds; 0 for not at all.
    pub long_lived_stale_time: u32,
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
    /// `update-delay`
    pub update_delay: Option<UpdateDelay>,
    /// `bgp max-med administrative`: MED of everything sent.
    pub max_med_administrative: Option<u32>,
    /// `bgp max-med on-startup`: how long after the first session, and the MED.
    pub max_med_on_startup: Option<(Duration, u32)>,
    /// How often conditions of `advertise-map` are looked at.
    pub condition_interval: Duration,
    /// How long a new update group waits for members before it is told anything; not at all when not set.
    pub coalesce_time: Option<Duration>,
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
            show_hostname: false,
            show_nexthop_hostname: false,
            graceful_restart: GracefulRestartMode::default(),
            notification_keeps: true,
            hard_administrative_reset: true,
            restart_time: 120,
            long_lived_stale_time: 0,
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
            update_delay: None,
            max_med_administrative: None,
            max_med_on_startup: None,
            condition_interval: Duration::from_secs(60),
            coalesce_time: None,
            hostname: None,
            domainname: None,
            families: FamilyMap::default(),
        }
    }
}
