//! OSPFv2 and OSPFv3: `router ospf`, `router ospf6`, and what interfaces say about them.
//!
//! One set of types serves both versions; what only one of them has says so. `None` and empty mean FRR's default, which is
//! written at the field.

use std::cmp::Ordering;
mod interface;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;
use std::str::FromStr;

use ferr_types::Prefix;

use super::Secret;
use super::bgp::RedistributeKey;
use super::global::Profile;
use super::neighbor::InOut;
use super::opaque::OpaqueLines;

pub use interface::{
    DeadInterval, Neighbor6, Ospf6Authentication, Ospf6Link, Ospf6Network, OspfAuthentication, OspfBfd,
    OspfInterface, OspfLink, OspfNetwork, P2mp6,
};

/// Which instance: `router ospf [N] [vrf V]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OspfName {
    /// Number of the instance; 0 is the one without a number. Always 0 for OSPFv3.
    pub instance: u16,
    /// VRF, `None` for the default one.
    pub vrf: Option<String>,
}

impl fmt::Display for OspfName {
    /// The words behind `router ospf`, each after a blank.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.instance != 0 {
            write!(f, " {}", self.instance)?;
        }
        match &self.vrf {
            Some(vrf) => write!(f, " vrf {vrf}"),
            None => Ok(()),
        }
    }
}

/// An area's number, printed as it was written. Two are equal when the number is.
#[derive(Debug, Clone, Copy)]
pub struct AreaId {
    /// The number.
    pub id: Ipv4Addr,
    /// Written as one decimal number, not as an address.
    pub decimal: bool,
}

impl AreaId {
    /// Area 0.
    pub const BACKBONE: Self = Self { id: Ipv4Addr::UNSPECIFIED, decimal: false };

    /// Whether it is area 0.
    #[must_use]
    pub const fn is_backbone(&self) -> bool {
        self.id.is_unspecified()
    }
}

impl PartialEq for AreaId {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for AreaId {}

impl PartialOrd for AreaId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AreaId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

impl Hash for AreaId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl FromStr for AreaId {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        match s.parse::<u32>() {
            Ok(n) => Ok(Self { id: n.into(), decimal: true }),
            Err(_) => s.parse().map(|id| Self { id, decimal: false }).map_err(|_| ()),
        }
    }
}

impl fmt::Display for AreaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.decimal { u32::from(self.id).fmt(f) } else { self.id.fmt(f) }
    }
}

/// `log-adjacency-changes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogAdjacency {
    /// `no log-adjacency-changes`
    Off,
    /// Full and Down.
    On,
    /// `detail`: every state.
    Detail,
}

/// How a metric is counted (RFC 2328 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricType {
    /// Type 1: added to the cost of the way.
    One,
    /// Type 2, the default: outweighs the cost of the way.
    #[default]
    Two,
}

impl MetricType {
    /// 1 or 2.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// `redistribute ...`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OspfRedistribution {
    /// `metric`; the instance's default metric, else 20 (1 for BGP routes).
    pub metric: Option<u32>,
    /// `metric-type`.
    pub metric_type: MetricType,
    /// `route-map`.
    pub route_map: Option<String>,
}

/// `default-information originate ...`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefaultInformation {
    /// `always`: without a default route in the RIB, too.
    pub always: bool,
    /// `metric`; 10, with `always` 1.
    pub metric: Option<u32>,
    /// `metric-type`.
    pub metric_type: MetricType,
    /// OSPFv3: `metric-type 2` was written, and is shown.
    pub says_type2: bool,
    /// `route-map`.
    pub route_map: Option<String>,
}

/// Administrative distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OspfDistance {
    /// `distance N`; 110.
    pub all: Option<u8>,
    /// `distance ospf intra-area N`; that of all.
    pub intra_area: Option<u8>,
    /// `inter-area N`
    pub inter_area: Option<u8>,
    /// `external N`
    pub external: Option<u8>,
}

/// `timers throttle spf DELAY HOLD MAX`, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpfThrottle {
    /// From a change to the first run.
    pub delay: u32,
    /// From one run to the next, doubled while changes come.
    pub hold: u32,
    /// Longest hold.
    pub max: u32,
}

impl Default for SpfThrottle {
    fn default() -> Self {
        Self { delay: 0, hold: 50, max: 5000 }
    }
}

/// `max-metric router-lsa` (RFC 6987). OSPFv2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxMetric {
    /// `administrative`
    pub administrative: bool,
    /// `on-startup SECONDS`
    pub on_startup: Option<u32>,
    /// `on-shutdown SECONDS`
    pub on_shutdown: Option<u8>,
}

/// `ospf abr-type` (RFC 3509). OSPFv2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AbrType {
    /// `cisco`, the default: an area border router has a link in the backbone.
    #[default]
    Cisco,
    /// `ibm`
    Ibm,
    /// `shortcut`
    Shortcut,
    /// `standard`: any router with links in two areas.
    Standard,
}

impl AbrType {
    /// Keyword.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cisco => "cisco",
            Self::Ibm => "ibm",
            Self::Shortcut => "shortcut",
            Self::Standard => "standard",
        }
    }
}

/// `neighbor A ...`: a neighbor on a network without multicast. OSPFv2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NbmaNeighbor {
    /// `priority`; 0.
    pub priority: Option<u8>,
    /// `poll-interval`, seconds; 60.
    pub poll_interval: Option<u16>,
}

/// `graceful-restart helper ...`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GracefulHelper {
    /// `enable`: help every neighbor.
    pub all: bool,
    /// `enable A`: help these routers.
    pub routers: BTreeSet<Ipv4Addr>,
    /// OSPFv2 `no ... strict-lsa-checking`, OSPFv3 `lsa-check-disable`: go on when the topology changes.
    pub lenient: bool,
    /// `planned-only`
    pub planned_only: bool,
    /// `supported-grace-time`, seconds; 1800.
    pub grace_time: Option<u16>,
}

/// `summary-address P ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SummaryAddress {
    /// `tag`; 0.
    pub tag: Option<u32>,
    /// `no-advertise`
    pub no_advertise: bool,
    /// `metric`. OSPFv3.
    pub metric: Option<u32>,
    /// `metric-type`. OSPFv3.
    pub metric_type: MetricType,
}

/// `fast-reroute ti-lfa [node-protection]`. OSPFv2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FastReroute {
    /// `node-protection`
    pub node_protection: bool,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OspfInstance {
    /// Defaults depend on it.
    pub profile: Profile,
    /// `ospf router-id`; the VRF's, else the highest address.
    pub router_id: Option<Ipv4Addr>,
    /// `log-adjacency-changes`; off, with the profile `datacenter` on.
    pub log_adjacency: Option<LogAdjacency>,
    /// `auto-cost reference-bandwidth`, Mbit/s; 100000.
    pub reference_bandwidth: Option<u32>,
    /// `timers throttle spf`.
    pub spf_throttle: SpfThrottle,
    /// `timers lsa min-arrival`, milliseconds; 1000.
    pub min_arrival: Option<u32>,
    /// `maximum-paths`; as many as the RIB takes.
    pub maximum_paths: Option<u16>,
    /// `write-multiplier`, packets in a row; 20.
    pub write_multiplier: Option<u8>,
    /// `distance ...`.
    pub distance: OspfDistance,
    /// `redistribute ...`.
    pub redistribute: BTreeMap<RedistributeKey, OspfRedistribution>,
    /// `default-information originate ...`.
    pub default_information: Option<DefaultInformation>,
    /// `graceful-restart [grace-period S]`, seconds.
    pub graceful_restart: Option<u16>,
    /// `graceful-restart helper ...`.
    pub helper: GracefulHelper,
    /// `summary-address ...`.
    pub summaries: BTreeMap<Prefix, SummaryAddress>,
    /// `aggregation timer`, seconds; 5.
    pub aggregation_timer: Option<u16>,
    /// `area A ...`.
    pub areas: BTreeMap<AreaId, OspfArea>,

    /// `network P area A`. OSPFv2, as all that follow unless they say otherwise.
    pub networks: BTreeMap<Prefix, AreaId>,
    /// `passive-interface default`.
    pub passive_default: bool,
    /// `ospf abr-type`.
    pub abr_type: AbrType,
    /// `compatible rfc1583` (RFC 2328 section 16.4.1).
    pub rfc1583: bool,
    /// `capability opaque` (RFC 5250).
    pub opaque_lsa: bool,
    /// `timers throttle lsa all`, milliseconds; 5000.
    pub lsa_throttle: Option<u16>,
    /// `refresh timer`, seconds; 10.
    pub refresh_timer: Option<u16>,
    /// `max-metric router-lsa ...`.
    pub max_metric: MaxMetric,
    /// `default-metric`.
    pub default_metric: Option<u32>,
    /// `distribute-list ACL out PROTOCOL`.
    pub distribute_lists: BTreeMap<RedistributeKey, String>,
    /// `neighbor A ...`.
    pub neighbors: BTreeMap<Ipv4Addr, NbmaNeighbor>,
    /// `fast-reroute ti-lfa`.
    pub fast_reroute: Option<FastReroute>,
    /// `flood-reduction` (RFC 4136), in all areas.
    pub flood_reduction: bool,
    /// `socket buffer send N`, octets.
    pub socket_send: Option<u32>,
    /// `socket buffer recv N`, octets.
    pub socket_receive: Option<u32>,
    /// `no proactive-arp`: wait for traffic before a neighbor's link address is asked for.
    pub no_proactive_arp: bool,
    /// `no socket-per-interface`. Without effect.
    pub no_socket_per_interface: bool,
    /// `ospf send-extra-data zebra`, `ospf6 send-extra-data zebra`. Without effect. Both versions.
    pub send_extra_data: bool,

    /// `stub-router administrative`: carry no transit traffic. OSPFv3.
    pub stub_router: bool,

    /// Accepted statements without effect.
    pub opaque: OpaqueLines,
}

impl OspfInstance {
    /// Reference bandwidth in Mbit/s when none is set.
    pub const DEFAULT_REFERENCE_BANDWIDTH: u32 = 100_000;
    /// `graceful-restart` without a period, seconds.
    pub const DEFAULT_GRACE_PERIOD: u16 = 120;

    pub(crate) fn new(profile: Profile) -> Self {
        Self { profile, ..Self::default() }
    }

    /// The area, made when missing; printed from now on as `id` is written.
    pub(crate) fn area(&mut self, id: AreaId) -> &mut OspfArea {
        let held = self.areas.remove(&id).unwrap_or_default();
        self.areas.entry(id).or_insert(held)
    }

    /// Without what changes nothing.
    pub(crate) fn tidy(&mut self) {
        self.areas.retain(|_, area| *area != OspfArea::default());
        let default = Self::new(self.profile).logs_adjacency();
        self.log_adjacency = self.log_adjacency.filter(|level| *level != default);
    }

    /// Which changes of adjacencies are logged.
    #[must_use]
    pub fn logs_adjacency(&self) -> LogAdjacency {
        self.log_adjacency.unwrap_or(match self.profile {
            Profile::Traditional => LogAdjacency::Off,
            Profile::Datacenter => LogAdjacency::On,
        })
    }
}

/// What kind of area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AreaKind {
    /// Takes external routes.
    #[default]
    Normal,
    /// `stub`
    Stub,
    /// `nssa` (RFC 3101).
    Nssa,
}

/// Who translates type-7 LSAs (RFC 3101 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NssaTranslate {
    /// `translate-candidate`, the default: the elected router.
    #[default]
    Candidate,
    /// `translate-never`
    Never,
    /// `translate-always`
    Always,
}

/// `nssa default-information-originate ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NssaDefault {
    /// `metric`; 1.
    pub metric: Option<u32>,
    /// `metric-type`.
    pub metric_type: MetricType,
}

/// `authentication` of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AreaAuthentication {
    /// Passwords in clear.
    Simple,
    /// `message-digest`
    MessageDigest,
}

/// `shortcut`. OSPFv2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shortcut {
    /// `default`
    #[default]
    Default,
    /// `enable`
    Enable,
    /// `disable`
    Disable,
}

/// `range P ...` and `nssa range P ...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AreaRange {
    /// `not-advertise`
    pub not_advertise: bool,
    /// `cost`; the largest of the parts.
    pub cost: Option<u32>,
    /// `substitute P`. OSPFv2.
    pub substitute: Option<Prefix>,
}

/// `area A ...`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OspfArea {
    /// `stub`, `nssa`.
    pub kind: AreaKind,
    /// `no-summary`: no summaries but the default one. Of a stub area or an NSSA.
    pub no_summary: bool,
    /// `nssa translate-...`.
    pub translate: NssaTranslate,
    /// `nssa suppress-fa`: translated LSAs have no forwarding address.
    pub suppress_fa: bool,
    /// `nssa default-information-originate ...`.
    pub nssa_default: Option<NssaDefault>,
    /// `default-cost`; 1.
    pub default_cost: Option<u32>,
    /// `authentication`. OSPFv2.
    pub authentication: Option<AreaAuthentication>,
    /// `shortcut`. OSPFv2.
    pub shortcut: Shortcut,
    /// `range P ...`.
    pub ranges: BTreeMap<Prefix, AreaRange>,
    /// `nssa range P ...`.
    pub nssa_ranges: BTreeMap<Prefix, AreaRange>,
    /// `filter-list prefix NAME in|out`.
    pub filter_lists: InOut,
    /// `import-list`.
    pub import_list: Option<String>,
    /// `export-list`.
    pub export_list: Option<String>,
    /// `virtual-link A ...`, by router id. OSPFv2.
    pub virtual_links: BTreeMap<Ipv4Addr, VirtualLink>,
    /// `flood-reduction`. OSPFv2.
    pub flood_reduction: bool,
}

/// `virtual-link A ...`. Times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VirtualLink {
    /// `hello-interval`; 10.
    pub hello_interval: Option<u16>,
    /// `dead-interval`; 40.
    pub dead_interval: Option<u16>,
    /// `retransmit-interval`; 5.
    pub retransmit_interval: Option<u16>,
    /// `transmit-delay`; 1.
    pub transmit_delay: Option<u16>,
    /// `authentication ...`; that of the backbone.
    pub authentication: Option<OspfAuthentication>,
    /// `authentication-key`.
    pub key: Option<Secret>,
    /// `message-digest-key ID md5 KEY`.
    pub digest_keys: BTreeMap<u8, Secret>,
}
