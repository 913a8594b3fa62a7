//! BGP instances.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use ferr_types::attr::Origin;
use ferr_types::{Afi, Asn, Family, Prefix};

use super::global::{Profile, RouteSource};
use super::neighbor::{Neighbor, NeighborAf, NeighborKey, PeerGroup};
use super::opaque::OpaqueLines;

/// Name of an instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceName {
    /// The default VRF.
    Default,
    /// `view NAME`: its own tables, nothing in the kernel.
    View(String),
    /// `vrf NAME`
    Vrf(String),
}

/// Address families of statements; more than those with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BgpFamily {
    Ipv4Unicast,
    Ipv4Multicast,
    Ipv4Labeled,
    Ipv4Vpn,
    Ipv4Flowspec,
    Ipv6Unicast,
    Ipv6Multicast,
    Ipv6Labeled,
    Ipv6Vpn,
    Ipv6Flowspec,
    L2vpnEvpn,
}

impl BgpFamily {
    /// All, in the order of printing.
    pub const ALL: [Self; 11] = [
        Self::Ipv4Unicast,
        Self::Ipv4Multicast,
        Self::Ipv4Labeled,
        Self::Ipv4Vpn,
        Self::Ipv4Flowspec,
        Self::Ipv6Unicast,
        Self::Ipv6Multicast,
        Self::Ipv6Labeled,
        Self::Ipv6Vpn,
        Self::Ipv6Flowspec,
        Self::L2vpnEvpn,
    ];

    /// As in `address-family ...`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4Unicast => "ipv4 unicast",
            Self::Ipv4Multicast => "ipv4 multicast",
            Self::Ipv4Labeled => "ipv4 labeled-unicast",
            Self::Ipv4Vpn => "ipv4 vpn",
            Self::Ipv4Flowspec => "ipv4 flowspec",
            Self::Ipv6Unicast => "ipv6 unicast",
            Self::Ipv6Multicast => "ipv6 multicast",
            Self::Ipv6Labeled => "ipv6 labeled-unicast",
            Self::Ipv6Vpn => "ipv6 vpn",
            Self::Ipv6Flowspec => "ipv6 flowspec",
            Self::L2vpnEvpn => "l2vpn evpn",
        }
    }

    /// Family of a table of this stack, when there is one.
    pub const fn table(self) -> Option<Family> {
        match self {
            Self::Ipv4Unicast => Some(Family::Ipv4Unicast),
            Self::Ipv4Multicast => Some(Family::Ipv4Multicast),
            Self::Ipv6Unicast => Some(Family::Ipv6Unicast),
            Self::Ipv6Multicast => Some(Family::Ipv6Multicast),
            _ => None,
        }
    }

    /// Address family of the prefixes; `None` for EVPN.
    pub const fn afi(self) -> Option<Afi> {
        match self {
            Self::Ipv4Unicast
            | Self::Ipv4Multicast
            | Self::Ipv4Labeled
            | Self::Ipv4Vpn
            | Self::Ipv4Flowspec => Some(Afi::Ipv4),
            Self::L2vpnEvpn => None,
            _ => Some(Afi::Ipv6),
        }
    }
}

impl fmt::Display for BgpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `bgp bestpath as-path multipath-relax [as-set]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultipathRelax {
    /// `as-set`: the advertised path carries an AS_SET.
    pub as_set: bool,
}

/// `bgp bestpath bandwidth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandwidthMode {
    /// `ignore`
    Ignore,
    /// `skip-missing`
    SkipMissing,
    /// `default-weight-for-missing`
    DefaultWeight,
}

/// `bgp bestpath ...` and what else steers the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BestPath {
    /// `as-path ignore`
    pub as_path_ignore: bool,
    /// `as-path confed`
    pub as_path_confed: bool,
    /// `as-path multipath-relax`
    pub multipath_relax: Option<MultipathRelax>,
    /// `compare-routerid`
    pub compare_router_id: bool,
    /// `med confed`
    pub med_confed: bool,
    /// `med missing-as-worst`
    pub med_missing_as_worst: bool,
    /// `peer-type multipath-relax`
    pub peer_type_relax: bool,
    /// `bandwidth`
    pub bandwidth: Option<BandwidthMode>,
    /// `aigp`
    pub aigp: bool,
    /// `bgp always-compare-med`
    pub always_compare_med: bool,
    /// `bgp deterministic-med`; the profile's default when not set.
    pub deterministic_med: Option<bool>,
}

/// `bgp graceful-restart ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GracefulRestartGlobal {
    /// `bgp graceful-restart` (true), `bgp graceful-restart-disable` (false); helper when not set.
    pub mode: Option<bool>,
    /// `restart-time`, seconds; 120 when not set.
    pub restart_time: Option<u16>,
    /// `stalepath-time`; 360 when not set.
    pub stalepath_time: Option<u16>,
    /// `select-defer-time`; 360 when not set.
    pub select_defer_time: Option<u16>,
    /// `rib-stale-time`; 500 when not set.
    pub rib_stale_time: Option<u16>,
    /// `preserve-fw-state`
    pub preserve_fw_state: bool,
    /// `no bgp graceful-restart notification`
    pub no_notification: bool,
    /// `bgp long-lived-graceful-restart stale-time`, seconds.
    pub llgr_stale_time: Option<u32>,
    /// `no bgp hard-administrative-reset`
    pub no_hard_reset: bool,
}

/// Cluster-id as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterId {
    /// An address.
    Address(Ipv4Addr),
    /// A number.
    Number(u32),
}

impl ClusterId {
    /// Value on the wire.
    pub fn address(self) -> Ipv4Addr {
        match self {
            Self::Address(a) => a,
            Self::Number(n) => Ipv4Addr::from_bits(n),
        }
    }
}

/// MED of `bgp max-med` when none is given.
pub const DEFAULT_MAX_MED: u32 = 4_294_967_294;

/// `bgp max-med ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxMed {
    /// `administrative [N]`; `Some(None)` is [`DEFAULT_MAX_MED`].
    pub administrative: Option<Option<u32>>,
    /// `on-startup S [N]`.
    pub on_startup: Option<(u32, Option<u32>)>,
}

/// Settings of an instance outside address families.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BgpGlobals {
    /// `bgp router-id`
    pub router_id: Option<Ipv4Addr>,
    /// `bgp log-neighbor-changes`; profile's default when not set.
    pub log_neighbor_changes: Option<bool>,
    /// `bgp ebgp-requires-policy` (RFC 8212).
    pub ebgp_requires_policy: Option<bool>,
    /// `bgp enforce-first-as` for all neighbors.
    pub enforce_first_as: Option<bool>,
    /// `bgp default ipv4-unicast`; on when not set.
    pub default_ipv4_unicast: Option<bool>,
    /// `bgp default FAMILY` for the others.
    pub default_families: BTreeSet<BgpFamily>,
    /// `bgp default local-preference`; 100 when not set.
    pub default_local_preference: Option<u32>,
    /// `bgp default show-hostname`
    pub show_hostname: Option<bool>,
    /// `bgp default show-nexthop-hostname`
    pub show_nexthop_hostname: Option<bool>,
    /// `bgp default shutdown`
    pub default_shutdown: bool,
    /// `bgp default subgroup-pkt-queue-max`; 40 when not set.
    pub subgroup_pkt_queue_max: Option<u8>,
    /// `bgp cluster-id`
    pub cluster_id: Option<ClusterId>,
    /// `no bgp client-to-client reflection`
    pub no_client_to_client: bool,
    /// `bgp confederation identifier`
    pub confederation_id: Option<Asn>,
    /// `bgp confederation peers`
    pub confederation_peers: BTreeSet<Asn>,
    /// `no bgp fast-external-failover`
    pub no_fast_external_failover: bool,
    /// `bgp fast-convergence`
    pub fast_convergence: bool,
    /// `bgp network import-check`; on when not set.
    pub import_check: Option<bool>,
    /// Decision.
    pub bestpath: BestPath,
    /// Graceful restart.
    pub graceful_restart: GracefulRestartGlobal,
    /// `bgp graceful-shutdown`
    pub graceful_shutdown: bool,
    /// `bgp shutdown [message ...]`
    pub shutdown: Option<Option<String>>,
    /// `timers bgp KEEPALIVE HOLD`
    pub timers: Option<(u16, u16)>,
    /// `bgp minimum-holdtime`
    pub minimum_holdtime: Option<u16>,
    /// `bgp max-med`
    pub max_med: MaxMed,
    /// `update-delay S [ESTWAIT]`
    pub update_delay: Option<(u16, Option<u16>)>,
    /// `coalesce-time MS`
    pub coalesce_time: Option<u32>,
    /// `write-quanta N`
    pub write_quanta: Option<u8>,
    /// `read-quanta N`
    pub read_quanta: Option<u8>,
    /// `bgp disable-ebgp-connected-route-check`
    pub disable_connected_check: bool,
    /// `bgp suppress-fib-pending`
    pub suppress_fib_pending: bool,
    /// `bgp suppress-duplicates`; on when not set.
    pub suppress_duplicates: Option<bool>,
    /// `bgp reject-as-sets`
    pub reject_as_sets: bool,
    /// `bgp route-reflector allow-outbound-policy`
    pub rr_allow_outbound_policy: bool,
    /// `bgp allow-martian-nexthop`
    pub allow_martian_nexthop: bool,
    /// `bgp conditional-advertisement timer S`; 60 when not set.
    pub conditional_advertisement_timer: Option<u8>,
    /// `bgp listen limit N`; 100 when not set.
    pub listen_limit: Option<u16>,
    /// `bgp listen range P/L peer-group G`
    pub listen_ranges: BTreeMap<Prefix, String>,
    /// Accepted statements without effect.
    pub opaque: OpaqueLines,
}

/// `network` options.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkOptions {
    /// `route-map RM`
    pub route_map: Option<String>,
    /// `label-index N`
    pub label_index: Option<u32>,
    /// `backdoor`
    pub backdoor: bool,
}

/// `aggregate-address` options.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AggregateOptions {
    /// `as-set`
    pub as_set: bool,
    /// `summary-only`
    pub summary_only: bool,
    /// `route-map RM`
    pub route_map: Option<String>,
    /// `origin O`
    pub origin: Option<Origin>,
    /// `matching-MED-only`
    pub matching_med_only: bool,
    /// `suppress-map RM`
    pub suppress_map: Option<String>,
}

/// Source of redistribution: protocol, and instance or table when given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedistributeKey {
    /// Protocol.
    pub source: RouteSource,
    /// OSPF instance, or kernel table.
    pub instance: Option<u16>,
}

/// `redistribute` options.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedistributeOptions {
    /// `metric N`
    pub metric: Option<u32>,
    /// `route-map RM`
    pub route_map: Option<String>,
}

/// `bgp dampening [HALF [REUSE SUPPRESS MAX]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dampening {
    /// Half-life, minutes; 15 when not set.
    pub half_life: Option<u8>,
    /// Reuse, suppress, and longest suppression in minutes; 750, 2000 and four half-lives when not set.
    pub limits: Option<(u16, u16, u8)>,
}

impl Dampening {
    /// Half-life in minutes; reuse, suppress, and longest suppression in minutes, with the defaults.
    pub fn values(self) -> (u8, (u16, u16, u8)) {
        let half = self.half_life.unwrap_or(15);
        (half, self.limits.unwrap_or((750, 2000, half.saturating_mul(4))))
    }

    /// The shortest way to say the same.
    #[must_use]
    pub fn canonical(self) -> Self {
        let (half, limits) = self.values();
        let brief = Self { half_life: Some(half), limits: None };
        match () {
            () if Self::default().values() == (half, limits) => Self::default(),
            () if brief.values() == (half, limits) => brief,
            () => Self { half_life: Some(half), limits: Some(limits) },
        }
    }
}

/// One address family of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BgpAf {
    /// `distance bgp EXTERNAL INTERNAL LOCAL`; 20 200 200 when not set.
    pub distance: Option<(u8, u8, u8)>,
    /// `distance N P/L [ACL]`
    pub distance_prefixes: BTreeMap<Prefix, (u8, Option<String>)>,
    /// `network`
    pub networks: BTreeMap<Prefix, NetworkOptions>,
    /// `aggregate-address`
    pub aggregates: BTreeMap<Prefix, AggregateOptions>,
    /// `redistribute`
    pub redistribute: BTreeMap<RedistributeKey, RedistributeOptions>,
    /// `maximum-paths N`
    pub maximum_paths: Option<u16>,
    /// `maximum-paths ibgp N [equal-cluster-length]`
    pub maximum_paths_ibgp: Option<(u16, bool)>,
    /// `table-map RM`
    pub table_map: Option<String>,
    /// `bgp dampening`
    pub dampening: Option<Dampening>,
    /// `import vrf V`: VRFs whose routes are taken in.
    pub imports: BTreeSet<String>,
    /// `import vrf route-map RM`
    pub import_map: Option<String>,
    /// Accepted statements without effect.
    pub opaque: OpaqueLines,
    /// EVPN `vni N` blocks.
    pub vnis: BTreeMap<u32, OpaqueLines>,
}

/// One `router bgp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BgpInstance {
    /// Own AS number.
    pub asn: Asn,
    /// Defaults in force.
    pub profile: Profile,
    /// Settings outside address families.
    pub globals: BgpGlobals,
    /// Peer-groups by name.
    pub groups: BTreeMap<String, PeerGroup>,
    /// Neighbors.
    pub neighbors: BTreeMap<NeighborKey, Neighbor>,
    /// Address families that say something.
    pub afs: BTreeMap<BgpFamily, BgpAf>,
    /// `bmp targets NAME` blocks.
    pub bmp: BTreeMap<String, OpaqueLines>,
}

impl BgpInstance {
    /// An instance with nothing but its AS number.
    pub fn new(asn: Asn, profile: Profile) -> Self {
        Self {
            asn,
            profile,
            globals: BgpGlobals::default(),
            groups: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            afs: BTreeMap::new(),
            bmp: BTreeMap::new(),
        }
    }

    /// Whether neighbors are active in `family` without saying so.
    pub fn active_by_default(&self, family: BgpFamily) -> bool {
        match family {
            BgpFamily::Ipv4Unicast => self.globals.default_ipv4_unicast.unwrap_or(true),
            other => self.globals.default_families.contains(&other),
        }
    }

    /// Whether a member of `group` (or a neighbor without one) is active in `family` unless it says otherwise.
    pub fn inherited_activation(&self, group: Option<&str>, family: BgpFamily) -> bool {
        let of_group = group.and_then(|g| self.groups.get(g)).and_then(|g| g.afs.get(&family));
        of_group.and_then(|af| af.activate).unwrap_or_else(|| self.active_by_default(family))
    }

    /// Whether a neighbor is active in `family`.
    pub fn is_active(&self, neighbor: &Neighbor, family: BgpFamily) -> bool {
        let own = neighbor.afs.get(&family).and_then(|af: &NeighborAf| af.activate);
        own.unwrap_or_else(|| self.inherited_activation(neighbor.group.as_deref(), family))
    }
}
