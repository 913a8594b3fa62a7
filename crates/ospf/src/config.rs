//! What an instance is to be: plain data, made by the driver from the configuration and from the state of links.
//!
//! # Invariants
//! * Equal values mean equal behaviour: applying the same one twice causes no event.
//! * Names of interfaces and VRFs are resolved; intervals are durations; filters are names in the policy given beside.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{AuthKey, Password, Version};
use ferr_types::{AreaId, Distance, IfIndex, Ipv6Prefix, Prefix, Protocol, RouterId, VrfId};

/// Largest metric of a link: the router is not to be used for transit (RFC 6987).
pub const MAX_LINK_METRIC: u16 = 0xffff;
/// LSInfinity: the destination is unreachable (RFC 2328 appendix B).
pub const LS_INFINITY: u32 = 0xff_ffff;

/// One instance of OSPF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceConfig {
    /// OSPFv2 or OSPFv3.
    pub version: Version,
    /// Number of the instance in configuration, 0 for the one without.
    pub instance: u16,
    /// VRF.
    pub vrf: VrfId,
    /// Its name, `default` for the default VRF.
    pub vrf_name: String,
    /// Router ID; [`RouterId::UNSET`] keeps everything down.
    pub router_id: RouterId,
    /// Areas that have a statement or an interface.
    pub areas: BTreeMap<AreaId, AreaConfig>,
    /// Interfaces that take part.
    pub interfaces: BTreeMap<InterfaceKey, InterfaceConfig>,
    /// Routes of other protocols that are told.
    pub redistribute: Vec<Redistribute>,
    /// `default-information originate`.
    pub default_originate: Option<DefaultOriginate>,
    /// `default-metric`; of redistributed routes without a metric. Default 20.
    pub default_metric: u32,
    /// `distribute-list NAME out PROTOCOL`: access list by source.
    pub distribute: BTreeMap<Protocol, String>,
    /// `summary-address`: external ranges.
    pub summaries: BTreeMap<Prefix, ExternalSummary>,
    /// Delay before external ranges are looked at again. Default 5 s.
    pub aggregation_delay: Duration,
    /// Distances of routes.
    pub distances: Distances,
    /// Ways of one route at most.
    pub max_paths: usize,
    /// When the router tells others not to go through it (RFC 6987).
    pub stub_router: StubRouter,
    /// Preference of paths to AS boundary routers by RFC 1583 instead of RFC 2328 section 16.4.1.
    pub rfc1583: bool,
    /// What makes an area border router.
    pub abr_type: AbrType,
    /// OSPFv2: opaque LSAs are exchanged (RFC 5250).
    pub opaque: bool,
    /// Delays of SPF runs (RFC 8405, or the three numbers of `timers throttle spf`).
    pub spf: SpfTimers,
    /// MinLSInterval. Default 5 s.
    pub min_ls_interval: Duration,
    /// MinLSArrival. Default 1 s.
    pub min_ls_arrival: Duration,
    /// Graceful restart of this router and of neighbors.
    pub graceful: GracefulConfig,
    /// Loop-free alternates are worked out.
    pub fast_reroute: FastReroute,
    /// Packets that are sent in one turn at most. Default 20.
    pub write_multiplier: u8,
    /// Changes of adjacencies are logged: not, when up or down, or all.
    pub log_adjacency: LogAdjacency,
    /// Own LSAs are told again together with others that are due within this time. Default 10 s.
    pub refresh_interval: Duration,
}

impl InstanceConfig {
    /// An instance with FRR's defaults and no interface.
    pub fn new(version: Version, vrf: VrfId, vrf_name: &str, router_id: RouterId) -> Self {
        Self {
            version,
            instance: 0,
            vrf,
            vrf_name: vrf_name.to_owned(),
            router_id,
            areas: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            redistribute: Vec::new(),
            default_originate: None,
            default_metric: 20,
            distribute: BTreeMap::new(),
            summaries: BTreeMap::new(),
            aggregation_delay: Duration::from_secs(5),
            distances: Distances::default(),
            max_paths: 256,
            stub_router: StubRouter::default(),
            rfc1583: false,
            abr_type: AbrType::Cisco,
            opaque: true,
            spf: SpfTimers::default(),
            min_ls_interval: Duration::from_secs(5),
            min_ls_arrival: Duration::from_secs(1),
            graceful: GracefulConfig::default(),
            fast_reroute: FastReroute::default(),
            write_multiplier: 20,
            log_adjacency: LogAdjacency::Off,
            refresh_interval: Duration::from_secs(10),
        }
    }
}

/// Names an interface of an instance: OSPFv2 has one per address, OSPFv3 one per link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceKey {
    /// A link, and in OSPFv2 the address on it (none when unnumbered).
    Link(IfIndex, Option<Ipv4Addr>),
    /// A virtual link: transit area and router at the other end.
    Virtual(AreaId, RouterId),
}

/// Kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkType {
    /// Broadcast, with a designated router.
    Broadcast,
    /// NBMA, with a designated router and configured neighbors.
    NonBroadcast,
    /// Two routers.
    PointToPoint,
    /// Many, each like a point-to-point link.
    PointToMultipoint,
    /// The same with configured neighbors and unicast only.
    PointToMultipointNonBroadcast,
    /// Host routes and no neighbors.
    Loopback,
    /// Virtual link; made by the instance, never configured as an interface.
    Virtual,
}

/// One interface: settings and the state of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// Name of the link.
    pub name: Arc<str>,
    /// Area.
    pub area: AreaId,
    /// Kind.
    pub network: NetworkType,
    /// The link is up and has what it needs (address, link-local address).
    pub up: bool,
    /// Octets of the largest IP packet.
    pub mtu: u16,
    /// OSPFv2: own address and the prefix of the link; for a link with a peer address its host prefix.
    pub address: Option<(Ipv4Addr, ferr_types::Ipv4Prefix)>,
    /// OSPFv2: no address of its own; [`Self::address`] then is borrowed.
    pub unnumbered: bool,
    /// OSPFv3: source of packets.
    pub link_local: Option<Ipv6Addr>,
    /// OSPFv3: prefixes to tell, host routes with their own length.
    pub prefixes: Vec<Ipv6Prefix>,
    /// OSPFv3: own addresses that are good beyond the link.
    pub addresses: Vec<Ipv6Addr>,
    /// Cost.
    pub cost: u16,
    /// HelloInterval; under a second for `dead-interval minimal`.
    pub hello: Duration,
    /// RouterDeadInterval.
    pub dead: Duration,
    /// RxmtInterval.
    pub retransmit: Duration,
    /// InfTransDelay, seconds.
    pub transmit_delay: u16,
    /// Router Priority.
    pub priority: u8,
    /// Told, but without neighbors.
    pub passive: bool,
    /// The MTU of Database Descriptions does not matter.
    pub mtu_ignore: bool,
    /// Instance ID.
    pub instance_id: u8,
    /// Prefixes of the link itself are not told (RFC 6860).
    pub prefix_suppression: bool,
    /// Adjacencies are watched by BFD.
    pub bfd: bool,
    /// Authentication.
    pub auth: AuthConfig,
    /// Neighbors of networks without broadcast, by address.
    pub neighbors: BTreeMap<IpAddr, StaticNeighbor>,
    /// Prefix list of neighbors' addresses with which adjacencies are made.
    pub neighbor_filter: Option<String>,
    /// OSPFv2: opaque LSAs are exchanged here, if the instance exchanges them at all.
    pub opaque: bool,
}

impl InterfaceConfig {
    /// An interface that is up, with FRR's defaults and without addresses.
    pub fn new(name: &str, area: AreaId, network: NetworkType) -> Self {
        Self {
            name: Arc::from(name),
            area,
            network,
            up: true,
            mtu: 1500,
            address: None,
            unnumbered: false,
            link_local: None,
            prefixes: Vec::new(),
            addresses: Vec::new(),
            cost: 10,
            hello: Duration::from_secs(10),
            dead: Duration::from_secs(40),
            retransmit: Duration::from_secs(5),
            transmit_delay: 1,
            priority: 1,
            passive: false,
            mtu_ignore: false,
            instance_id: 0,
            prefix_suppression: false,
            bfd: false,
            auth: AuthConfig::None,
            neighbors: BTreeMap::new(),
            neighbor_filter: None,
            opaque: true,
        }
    }
}

/// A configured neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticNeighbor {
    /// Priority until it says its own.
    pub priority: u8,
    /// PollInterval.
    pub poll: Duration,
}

/// How packets of an interface are authenticated.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum AuthConfig {
    /// Not at all.
    #[default]
    None,
    /// A password in the clear.
    Simple(Arc<Password>),
    /// Digests. Without a key that is valid nothing is sent and nothing is accepted.
    Keys(Vec<Key>),
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Simple(_) => f.write_str("Simple(..)"),
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
        }
    }
}

/// A key and when it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub key: Arc<AuthKey>,
    /// When packets are sealed with it. Of several the one whose span began last is used, then the highest number.
    pub send: Span,
    /// When packets sealed with it are accepted.
    pub accept: Span,
}

/// A span of time; open where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// From here.
    pub from: Option<Instant>,
    /// Up to here.
    pub until: Option<Instant>,
}

impl Span {
    /// Whether `now` is inside.
    pub fn contains(&self, now: Instant) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// An area.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AreaConfig {
    /// What it carries of the outside.
    pub kind: AreaKind,
    /// Cost of the default route that an area border router tells a stub area or NSSA. Default 1.
    pub default_cost: Option<u32>,
    /// Ranges at its border.
    pub ranges: BTreeMap<Prefix, AreaRange>,
    /// Prefix list of what other areas' routes are told into it (`filter-list ... in`).
    pub filter_in: Option<String>,
    /// Prefix list of what is told of it (`filter-list ... out`).
    pub filter_out: Option<String>,
    /// Access list of routes that are told into it (`import-list`).
    pub import_list: Option<String>,
    /// Access list of what is told of it (`export-list`).
    pub export_list: Option<String>,
    /// Virtual links through it, by router at the other end.
    pub virtual_links: BTreeMap<RouterId, VirtualLink>,
    /// OSPFv2, with [`AbrType::Shortcut`]: whether summaries of the area count beside the backbone's.
    pub shortcut: Shortcut,
    /// OSPFv2: own LSAs bear DoNotAge where all routers of the area understand it (RFC 4136).
    pub flood_reduction: bool,
}

/// `area N shortcut`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shortcut {
    /// Where this router has no backbone.
    #[default]
    Default,
    /// Always, when all border routers of the area say the same of themselves.
    Enable,
    /// Never.
    Disable,
}

/// What an area carries of the outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AreaKind {
    /// Everything.
    #[default]
    Normal,
    /// A default route instead of external routes.
    Stub {
        /// Nor routes of other areas (totally stubby).
        no_summary: bool,
    },
    /// External routes of its own, a default route instead of others' (RFC 3101).
    Nssa(Nssa),
}

/// Not-so-stubby area.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nssa {
    /// No routes of other areas either.
    pub no_summary: bool,
    /// Who translates.
    pub translate: Translate,
    /// The border router tells a default route of type 7.
    pub default_originate: Option<NssaDefault>,
    /// Translated routes carry no forwarding address.
    pub suppress_forwarding: bool,
    /// Ranges of what is translated.
    pub ranges: BTreeMap<Prefix, AreaRange>,
}

/// `nssa default-information-originate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NssaDefault {
    /// Metric.
    pub metric: u32,
    /// Of type 2.
    pub type2: bool,
}

/// Whether a border router of an NSSA translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Translate {
    /// When elected.
    #[default]
    Candidate,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What becomes of routes in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AreaRange {
    /// Told as one; else not told at all.
    pub advertise: bool,
    /// Cost instead of the largest of what is in it.
    pub cost: Option<u32>,
    /// Told under this prefix.
    pub substitute: Option<Prefix>,
}

/// A virtual link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualLink {
    /// HelloInterval.
    pub hello: Duration,
    /// RouterDeadInterval.
    pub dead: Duration,
    /// RxmtInterval.
    pub retransmit: Duration,
    /// InfTransDelay, seconds.
    pub transmit_delay: u16,
    /// Authentication.
    pub auth: AuthConfig,
}

/// `redistribute`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redistribute {
    /// Source.
    pub protocol: Protocol,
    /// Instance of the source (`ospf N`, `table N`).
    pub instance: Option<u16>,
    /// Metric where the route-map gives none; else that of `default_metric`.
    pub metric: Option<u32>,
    /// Of type 2.
    pub type2: bool,
    /// Route-map.
    pub route_map: Option<String>,
    /// Tag of all.
    pub tag: Option<u32>,
}

/// `default-information originate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultOriginate {
    /// Without a default route in the RIB, too.
    pub always: bool,
    /// Metric; 1 with `always`, else 10.
    pub metric: Option<u32>,
    /// Of type 2.
    pub type2: bool,
    /// Route-map.
    pub route_map: Option<String>,
}

/// `summary-address`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalSummary {
    /// Told as one; else not at all.
    pub advertise: bool,
    /// Tag.
    pub tag: u32,
    /// Metric, else the largest inside.
    pub metric: Option<u32>,
    /// Of type 2.
    pub type2: bool,
}

/// Administrative distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distances {
    /// Of routes inside an area.
    pub intra: Distance,
    /// Of routes of other areas.
    pub inter: Distance,
    /// Of external routes.
    pub external: Distance,
}

impl Default for Distances {
    fn default() -> Self {
        let distance = Protocol::Ospf.default_distance();
        Self { intra: distance, inter: distance, external: distance }
    }
}

/// `max-metric router-lsa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StubRouter {
    /// Always.
    pub administrative: bool,
    /// For so long after the start.
    pub on_startup: Option<Duration>,
    /// For so long before the end.
    pub on_shutdown: Option<Duration>,
}

/// What makes an area border router (RFC 3509).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AbrType {
    /// Areas attached, the backbone with an adjacency among them.
    #[default]
    Cisco,
    /// The same, and the backbone configured counts.
    Ibm,
    /// Any two areas; shortcuts through areas.
    Shortcut,
    /// Any two areas (RFC 2328).
    Standard,
}

/// Delays of SPF runs. RFC 8405's states run between them: `initial` in QUIET, `short` in SHORT_WAIT, `long` in LONG_WAIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpfTimers {
    /// INITIAL_SPF_DELAY. Default 0.
    pub initial: Duration,
    /// SHORT_SPF_DELAY. Default 50 ms.
    pub short: Duration,
    /// LONG_SPF_DELAY. Default 5 s.
    pub long: Duration,
    /// TIME_TO_LEARN_INTERVAL. Default 500 ms.
    pub time_to_learn: Duration,
    /// HOLDDOWN_INTERVAL. Default 10 s.
    pub hold_down: Duration,
}

impl Default for SpfTimers {
    fn default() -> Self {
        Self {
            initial: Duration::ZERO,
            short: Duration::from_millis(50),
            long: Duration::from_secs(5),
            time_to_learn: Duration::from_millis(500),
            hold_down: Duration::from_secs(10),
        }
    }
}

/// Graceful restart (RFC 3623, RFC 5187).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GracefulConfig {
    /// This router restarts gracefully, with this grace period.
    pub restart: Option<Duration>,
    /// Help all neighbors that restart.
    pub helper: bool,
    /// Help these.
    pub helper_for: Vec<RouterId>,
    /// Help only with restarts that were planned.
    pub planned_only: bool,
    /// A change of the topology ends help. Default yes.
    pub strict_lsa_checking: bool,
    /// Longest grace period that is helped with. Default 1800 s.
    pub max_grace: Duration,
}

impl Default for GracefulConfig {
    fn default() -> Self {
        Self {
            restart: None,
            helper: false,
            helper_for: Vec::new(),
            planned_only: false,
            strict_lsa_checking: true,
            max_grace: Duration::from_secs(1800),
        }
    }
}

/// Loop-free alternates (RFC 5286).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FastReroute {
    /// Worked out at all. Default yes: they cost nothing in the network.
    pub enabled: bool,
    /// Only those that protect against the loss of the neighbor, not of the link alone.
    pub node_protection: bool,
}

impl Default for FastReroute {
    fn default() -> Self {
        Self { enabled: true, node_protection: false }
    }
}

/// What is logged of adjacencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogAdjacency {
    /// Nothing.
    #[default]
    Off,
    /// Full and no longer full.
    Changes,
    /// Every change of state.
    Detail,
}
