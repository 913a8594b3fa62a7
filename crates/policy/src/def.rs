//! Policy as written: everything by name, nothing resolved.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_types::attr::{Aggregator, Origin};
use ferr_types::community::{Community, ExtCommunity, LargeCommunity};
use ferr_types::{Afi, Asn, Prefix, Protocol, RouterId};

/// What an entry says when it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Taken.
    Permit,
    /// Refused.
    Deny,
}

/// Entry of a prefix-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixEntry {
    /// Sequence number.
    pub seq: u32,
    /// Result.
    pub action: Action,
    /// Prefix to be under.
    pub prefix: Prefix,
    /// Least length.
    pub ge: Option<u8>,
    /// Greatest length.
    pub le: Option<u8>,
}

/// Prefix-list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrefixListDef {
    /// Entries in sequence order.
    pub entries: Vec<PrefixEntry>,
}

/// What an access-list entry compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMatch {
    /// Everything.
    Any,
    /// Under a prefix, or exactly it.
    Prefix {
        /// The prefix.
        prefix: Prefix,
        /// Only the prefix itself.
        exact: bool,
    },
    /// Cisco style: the network address under a wildcard mask (set bits are not compared); extended lists also
    /// compare the netmask as their destination.
    Wildcard {
        /// Address.
        addr: Ipv4Addr,
        /// Bits to ignore.
        wildcard: Ipv4Addr,
        /// Netmask and its wildcard.
        mask: Option<(Ipv4Addr, Ipv4Addr)>,
    },
}

/// Entry of an access-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessEntry {
    /// Sequence number.
    pub seq: u32,
    /// Result.
    pub action: Action,
    /// Comparison.
    pub matches: AccessMatch,
}

/// Access-list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessListDef {
    /// Entries in sequence order.
    pub entries: Vec<AccessEntry>,
}

/// Entry of an as-path access-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsPathEntry {
    /// Sequence number.
    pub seq: u32,
    /// Result.
    pub action: Action,
    /// Regular expression, `_` as in router configurations.
    pub regex: String,
}

/// What a community-list entry compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommunityMatch<C> {
    /// All of these are present; an empty list matches every route (`internet`).
    All(Vec<C>),
    /// Regular expression over the text of the attribute.
    Regex(String),
}

/// Entry of a community-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry<C> {
    /// Sequence number.
    pub seq: u32,
    /// Result.
    pub action: Action,
    /// Comparison.
    pub matches: CommunityMatch<C>,
}

/// Entry of a standard or expanded community-list.
pub type CommunityEntry = ListEntry<Community>;
/// Entry of a large-community-list.
pub type LargeCommunityEntry = ListEntry<LargeCommunity>;
/// Entry of an extcommunity-list.
pub type ExtCommunityEntry = ListEntry<ExtCommunity>;

/// How a route-map goes on after a permit entry matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// Ends.
    #[default]
    Exit,
    /// Next entry.
    Next,
    /// First entry at or behind this sequence number.
    Goto(u32),
}

/// Origin validation state (RFC 6811).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RpkiState {
    /// Covered and matched.
    Valid,
    /// Covered, not matched.
    Invalid,
    /// Not covered.
    NotFound,
}

/// Which list an address is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// Access-list.
    Access(String),
    /// Prefix-list.
    Prefix(String),
    /// Prefix length only.
    Length(u8),
    /// One address.
    Address(IpAddr),
}

/// `match` clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Destination prefix of a family.
    Address(Afi, ListKind),
    /// Next hop.
    Nexthop(Afi, ListKind),
    /// Next hop of the kind blackhole.
    NexthopBlackhole(Afi),
    /// Address of the peer that sent the route.
    RouteSource(ListKind),
    /// As-path access-list.
    AsPath(String),
    /// Community-list.
    Community {
        /// Name.
        list: String,
        /// Nothing else may be present.
        exact: bool,
    },
    /// Large-community-list.
    LargeCommunity {
        /// Name.
        list: String,
        /// Nothing else may be present.
        exact: bool,
    },
    /// Extcommunity-list.
    ExtCommunity(String),
    /// LOCAL_PREF.
    LocalPreference(u32),
    /// ORIGIN.
    Origin(Origin),
    /// MED or the metric of a redistributed route.
    Metric(u32),
    /// Tag.
    Tag(u32),
    /// Peer by address.
    Peer(IpAddr),
    /// Peer by interface name (unnumbered), or outgoing interface of the route.
    Interface(String),
    /// Made here: `network`, `aggregate-address` or redistribution.
    PeerLocal,
    /// Protocol that the route came from.
    SourceProtocol(Protocol),
    /// VRF that the route was leaked from.
    SourceVrf(String),
    /// Origin validation.
    Rpki(RpkiState),
    /// Holds for this percentage of routes.
    Probability(u8),
    /// Names something that this daemon never has, so no route matches.
    Never,
}

/// Change of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricChange {
    /// To a value.
    Value(u32),
    /// Up, saturating.
    Add(u32),
    /// Down, saturating.
    Subtract(u32),
}

impl MetricChange {
    /// New value from the old one.
    pub fn apply(self, old: u32) -> u32 {
        match self {
            Self::Value(v) => v,
            Self::Add(v) => old.saturating_add(v),
            Self::Subtract(v) => old.saturating_sub(v),
        }
    }
}

/// Change of the next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NexthopChange {
    /// IPv4 address.
    V4(Ipv4Addr),
    /// IPv6 global address.
    V6Global(Ipv6Addr),
    /// IPv6 link-local address.
    V6LinkLocal(Ipv6Addr),
    /// Address of the peer (in), own address towards it (out).
    PeerAddress,
    /// Kept on export.
    Unchanged,
    /// The global of two IPv6 next hops is used for forwarding.
    V6PreferGlobal,
}

/// `set` clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// Prepend these.
    AsPathPrepend(Vec<Asn>),
    /// Prepend the first AS of the path this often.
    AsPathPrependLast(u8),
    /// Remove these.
    AsPathExclude(Vec<Asn>),
    /// Replace all (`None`) or one AS by the local AS.
    AsPathReplace(Option<Asn>),
    /// Communities; replacing unless `additive`.
    Communities {
        /// Values.
        values: Vec<Community>,
        /// Added to what is there.
        additive: bool,
    },
    /// Remove the whole attribute.
    CommunitiesNone,
    /// Remove what a list permits.
    CommunitiesDelete(String),
    /// Large communities.
    LargeCommunities {
        /// Values.
        values: Vec<LargeCommunity>,
        /// Added to what is there.
        additive: bool,
    },
    /// Remove the whole attribute.
    LargeCommunitiesNone,
    /// Remove what a list permits.
    LargeCommunitiesDelete(String),
    /// Add extended communities.
    ExtCommunities(Vec<ExtCommunity>),
    /// Remove the whole attribute.
    ExtCommunitiesNone,
    /// LOCAL_PREF.
    LocalPreference(MetricChange),
    /// Local weight.
    Weight(u32),
    /// MED or metric.
    Metric(MetricChange),
    /// Type of an external OSPF route: 1 or 2.
    MetricType(u8),
    /// Forwarding address of an external OSPFv3 route.
    ForwardingAddress(Ipv6Addr),
    /// Tag.
    Tag(u32),
    /// ORIGIN.
    Origin(Origin),
    /// Metric of AIGP; `None` is the cost to the next hop.
    AigpMetric(Option<u32>),
    /// AGGREGATOR.
    Aggregator(Aggregator),
    /// ATOMIC_AGGREGATE.
    AtomicAggregate,
    /// ORIGINATOR_ID.
    OriginatorId(RouterId),
    /// Next hop.
    Nexthop(NexthopChange),
    /// Administrative distance.
    Distance(u8),
    /// Kernel table.
    Table(u32),
    /// Preferred source address.
    Source(IpAddr),
}

/// Entry of a route-map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMapEntryDef {
    /// Sequence number.
    pub seq: u32,
    /// Result.
    pub action: Action,
    /// All must hold.
    pub matches: Vec<Match>,
    /// Done when they do and the entry permits.
    pub sets: Vec<Set>,
    /// Route-map that must permit as well.
    pub call: Option<String>,
    /// What follows.
    pub flow: Flow,
}

/// Route-map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteMapDef {
    /// Entries in sequence order.
    pub entries: Vec<RouteMapEntryDef>,
}

/// All policy of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyDef {
    /// Prefix-lists of IPv4.
    pub prefix_lists_v4: BTreeMap<String, PrefixListDef>,
    /// Prefix-lists of IPv6.
    pub prefix_lists_v6: BTreeMap<String, PrefixListDef>,
    /// Access-lists of IPv4.
    pub access_lists_v4: BTreeMap<String, AccessListDef>,
    /// Access-lists of IPv6.
    pub access_lists_v6: BTreeMap<String, AccessListDef>,
    /// As-path access-lists.
    pub as_path_lists: BTreeMap<String, Vec<AsPathEntry>>,
    /// Community-lists.
    pub community_lists: BTreeMap<String, Vec<CommunityEntry>>,
    /// Large-community-lists.
    pub large_community_lists: BTreeMap<String, Vec<LargeCommunityEntry>>,
    /// Extcommunity-lists.
    pub ext_community_lists: BTreeMap<String, Vec<ExtCommunityEntry>>,
    /// Route-maps.
    pub route_maps: BTreeMap<String, RouteMapDef>,
}
