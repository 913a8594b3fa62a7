//! Route-maps: typed clauses, each of which prints itself.
//!
//! Invariant: an entry holds at most one clause per slot (its leading keywords); a new one replaces the old.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_types::attr::Origin;
use ferr_types::community::{Community, ExtCommunity, LargeCommunity};
use ferr_types::{Afi, Asn};

use super::global::RouteSource;
use super::lists::{Action, INTERNET};

/// A route-map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteMap {
    /// Entries by sequence number; no hit at all is deny.
    pub entries: BTreeMap<u16, RouteMapEntry>,
    /// `no route-map NAME optimization`.
    pub no_optimization: bool,
}

/// Where evaluation goes on after a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMatch {
    /// The next entry.
    Next,
    /// The entry with this or the next greater number.
    Goto(u16),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMapEntry {
    /// On a hit.
    pub action: Action,
    /// `description ...`
    pub description: Option<String>,
    /// `call RM`
    pub call: Option<String>,
    /// `on-match ...`
    pub on_match: Option<OnMatch>,
    /// Conditions by slot; all must hold.
    pub matches: BTreeMap<String, Match>,
    /// Changes by slot.
    pub sets: BTreeMap<String, Set>,
}

impl RouteMapEntry {
    /// An entry without clauses.
    pub const fn new(action: Action) -> Self {
        Self {
            action,
            description: None,
            call: None,
            on_match: None,
            matches: BTreeMap::new(),
            sets: BTreeMap::new(),
        }
    }
}

/// A list or a literal, where a clause takes either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressMatch {
    /// An access list.
    AccessList(String),
    /// `prefix-list NAME`
    PrefixList(String),
    /// `prefix-len N`
    PrefixLen(u8),
    /// `address A`
    Address(IpAddr),
    /// `type blackhole`
    Blackhole,
}

/// How a community list is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommunityMode {
    /// The list's rule holds.
    Normal,
    /// `exact-match`: the route has nothing else.
    Exact,
    /// `any`: one of the values suffices.
    Any,
}

/// `match peer ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerMatch {
    /// Routes of our own.
    Local,
    /// A neighbor's address.
    Address(IpAddr),
    /// An interface neighbor.
    Interface(String),
}

/// State of origin validation (RFC 6811).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RpkiState {
    /// `valid`
    Valid,
    /// `invalid`
    Invalid,
    /// `notfound`
    NotFound,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// `interface IF`
    Interface(String),
    /// `ip|ipv6 address ...`
    Address(Afi, AddressMatch),
    /// `ip|ipv6 next-hop ...`
    NextHop(Afi, AddressMatch),
    /// `ip route-source ...`
    RouteSource(AddressMatch),
    /// `metric N`
    Metric(u32),
    /// `tag N`
    Tag(u32),
    /// `as-path LIST`
    AsPath(String),
    /// `community LIST ...`
    Community(String, CommunityMode),
    /// `large-community LIST ...`
    LargeCommunity(String, CommunityMode),
    /// `extcommunity LIST`
    ExtCommunity(String),
    /// `local-preference N`
    LocalPreference(u32),
    /// `origin O`
    Origin(Origin),
    /// `peer ...`
    Peer(PeerMatch),
    /// `source-protocol P`
    SourceProtocol(RouteSource),
    /// `source-instance N`
    SourceInstance(u8),
    /// `source-vrf V`
    SourceVrf(String),
    /// `rpki STATE`
    Rpki(RpkiState),
    /// `rpki-extcommunity STATE`
    RpkiExtCommunity(RpkiState),
    /// `probability PERCENT`
    Probability(u8),
    /// `alias NAME`
    Alias(String),
    /// Accepted, never evaluated: `mac address`, `evpn ...`.
    Other(String),
}

/// How `set metric` and `set local-preference` change the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arith {
    /// The value itself.
    Set(u32),
    /// `+N`
    Add(u32),
    /// `-N`, not below 0.
    Sub(u32),
}

/// `set metric`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricSet {
    /// A number.
    Value(Arith),
    /// `rtt`: round-trip time to the peer.
    Rtt,
    /// `+rtt`
    AddRtt,
    /// `-rtt`
    SubRtt,
}

/// `set as-path prepend`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepend {
    /// These, first one nearest.
    Asns(Vec<Asn>),
    /// The path's first AS, this many times.
    LastAs(u8),
}

/// `set extcommunity bandwidth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bandwidth {
    /// Mbit/s.
    Value(u16),
    /// Sum of the multipaths' values.
    Cumulative,
    /// Number of multipaths.
    NumMultipaths,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// `as-path prepend ...`
    AsPathPrepend(Prepend),
    /// `as-path exclude ASN...`
    AsPathExclude(Vec<Asn>),
    /// `as-path replace <any|ASN>`; `None` is `any`.
    AsPathReplace(Option<Asn>),
    /// `community ... [additive]`, sorted.
    Community {
        /// Values.
        values: Vec<Community>,
        /// Keep what the route has.
        additive: bool,
    },
    /// `community none`
    CommunityNone,
    /// `comm-list LIST delete`
    CommunityDelete(String),
    /// `large-community ... [additive]`
    LargeCommunity {
        /// Values.
        values: Vec<LargeCommunity>,
        /// Keep what the route has.
        additive: bool,
    },
    /// `large-community none`
    LargeCommunityNone,
    /// `large-comm-list LIST delete`
    LargeCommunityDelete(String),
    /// `extcommunity rt ...`
    RouteTargets(Vec<ExtCommunity>),
    /// `extcommunity soo ...`
    SiteOfOrigin(Vec<ExtCommunity>),
    /// `extcommunity bandwidth ...`
    Bandwidth {
        /// Value.
        value: Bandwidth,
        /// `non-transitive`
        non_transitive: bool,
    },
    /// `extcommunity none`
    ExtCommunityNone,
    /// `local-preference ...`
    LocalPreference(Arith),
    /// `weight N`
    Weight(u32),
    /// `metric ...`
    Metric(MetricSet),
    /// `origin O`
    Origin(Origin),
    /// `aggregator as N A`
    Aggregator(Asn, Ipv4Addr),
    /// `atomic-aggregate`
    AtomicAggregate,
    /// `originator-id A`
    OriginatorId(Ipv4Addr),
    /// `ip next-hop A`
    NextHop4(Ipv4Addr),
    /// `ip next-hop peer-address`
    NextHop4Peer,
    /// `ip next-hop unchanged`
    NextHop4Unchanged,
    /// `ipv6 next-hop global X`
    NextHop6Global(Ipv6Addr),
    /// `ipv6 next-hop local X`
    NextHop6Local(Ipv6Addr),
    /// `ipv6 next-hop peer-address`
    NextHop6Peer,
    /// `ipv6 next-hop prefer-global`
    NextHop6PreferGlobal,
    /// `tag N`
    Tag(u32),
    /// `distance N`
    Distance(u8),
    /// `table N`
    Table(u32),
    /// `src A`
    Source(IpAddr),
    /// `aigp-metric N`; `None` is `igp-metric`.
    AigpMetric(Option<u32>),
    /// `metric-type type-N` (OSPF).
    MetricType(u8),
    /// `forwarding-address A` (OSPFv3).
    ForwardingAddress(Ipv6Addr),
    /// Accepted, without effect: `label-index`, `evpn gateway-ip`, `vpn next-hop`, `sr-te color`, ...
    Other {
        /// Leading keywords.
        slot: &'static str,
        /// The whole clause without `set`.
        text: String,
    },
}

const fn ip(afi: Afi) -> &'static str {
    match afi {
        Afi::Ipv4 => "ip",
        Afi::Ipv6 => "ipv6",
    }
}

impl AddressMatch {
    const fn keyword(&self) -> &'static str {
        match self {
            Self::AccessList(_) => "",
            Self::PrefixList(_) => " prefix-list",
            Self::PrefixLen(_) => " prefix-len",
            Self::Address(_) => " address",
            Self::Blackhole => " type",
        }
    }
}

impl fmt::Display for AddressMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())?;
        match self {
            Self::AccessList(n) | Self::PrefixList(n) => write!(f, " {n}"),
            Self::PrefixLen(n) => write!(f, " {n}"),
            Self::Address(a) => write!(f, " {a}"),
            Self::Blackhole => f.write_str(" blackhole"),
        }
    }
}

impl fmt::Display for CommunityMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "",
            Self::Exact => " exact-match",
            Self::Any => " any",
        })
    }
}

impl fmt::Display for RpkiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::NotFound => "notfound",
        })
    }
}

impl Match {
    /// Leading keywords: one clause each.
    pub fn slot(&self) -> String {
        match self {
            Self::Interface(_) => "interface".into(),
            Self::Address(afi, m) => format!("{} address{}", ip(*afi), m.keyword()),
            Self::NextHop(afi, m) => format!("{} next-hop{}", ip(*afi), m.keyword()),
            Self::RouteSource(m) => format!("ip route-source{}", m.keyword()),
            Self::Metric(_) => "metric".into(),
            Self::Tag(_) => "tag".into(),
            Self::AsPath(_) => "as-path".into(),
            Self::Community(..) => "community".into(),
            Self::LargeCommunity(..) => "large-community".into(),
            Self::ExtCommunity(_) => "extcommunity".into(),
            Self::LocalPreference(_) => "local-preference".into(),
            Self::Origin(_) => "origin".into(),
            Self::Peer(_) => "peer".into(),
            Self::SourceProtocol(_) => "source-protocol".into(),
            Self::SourceInstance(_) => "source-instance".into(),
            Self::SourceVrf(_) => "source-vrf".into(),
            Self::Rpki(_) => "rpki".into(),
            Self::RpkiExtCommunity(_) => "rpki-extcommunity".into(),
            Self::Probability(_) => "probability".into(),
            Self::Alias(_) => "alias".into(),
            Self::Other(text) => text.clone(),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(afi, m) => write!(f, "{} address{m}", ip(*afi)),
            Self::NextHop(afi, m) => write!(f, "{} next-hop{m}", ip(*afi)),
            Self::RouteSource(m) => write!(f, "ip route-source{m}"),
            Self::Community(name, mode) => write!(f, "community {name}{mode}"),
            Self::LargeCommunity(name, mode) => write!(f, "large-community {name}{mode}"),
            Self::Origin(o) => write!(f, "origin {}", o.name()),
            Self::Peer(PeerMatch::Local) => f.write_str("peer local"),
            Self::Peer(PeerMatch::Address(a)) => write!(f, "peer {a}"),
            Self::Peer(PeerMatch::Interface(name)) => write!(f, "peer {name}"),
            Self::Interface(n)
            | Self::AsPath(n)
            | Self::ExtCommunity(n)
            | Self::SourceVrf(n)
            | Self::Alias(n) => write!(f, "{} {n}", self.slot()),
            Self::Metric(n) | Self::Tag(n) | Self::LocalPreference(n) => write!(f, "{} {n}", self.slot()),
            Self::SourceProtocol(p) => write!(f, "source-protocol {p}"),
            Self::SourceInstance(n) | Self::Probability(n) => write!(f, "{} {n}", self.slot()),
            Self::Rpki(s) | Self::RpkiExtCommunity(s) => write!(f, "{} {s}", self.slot()),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Arith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(n) => write!(f, "{n}"),
            Self::Add(n) => write!(f, "+{n}"),
            Self::Sub(n) => write!(f, "-{n}"),
        }
    }
}

impl std::str::FromStr for Arith {
    type Err = std::num::ParseIntError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(match (s.strip_prefix('+'), s.strip_prefix('-')) {
            (Some(n), _) => Self::Add(n.parse()?),
            (_, Some(n)) => Self::Sub(n.parse()?),
            _ => Self::Set(s.parse()?),
        })
    }
}

impl fmt::Display for MetricSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(v) => v.fmt(f),
            Self::Rtt => f.write_str("rtt"),
            Self::AddRtt => f.write_str("+rtt"),
            Self::SubRtt => f.write_str("-rtt"),
        }
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(v) => v.fmt(f),
            Self::Cumulative => f.write_str("cumulative"),
            Self::NumMultipaths => f.write_str("num-multipaths"),
        }
    }
}

/// A community as configurations write it (`internet` included).
pub fn community_text(c: Community) -> String {
    if c == INTERNET { "internet".to_owned() } else { c.to_string() }
}

/// Values with a blank before each.
fn spaced<T>(values: &[T], text: impl Fn(&T) -> String) -> String {
    values.iter().fold(String::new(), |mut out, v| {
        out.push(' ');
        out.push_str(&text(v));
        out
    })
}

impl Set {
    /// Leading keywords: one clause each. `prepend ASN` and `last-as` exclude each other and share one.
    pub const fn slot(&self) -> &'static str {
        match self {
            Self::AsPathPrepend(_) => "as-path prepend",
            Self::AsPathExclude(_) => "as-path exclude",
            Self::AsPathReplace(_) => "as-path replace",
            Self::Community { .. } | Self::CommunityNone => "community",
            Self::CommunityDelete(_) => "comm-list",
            Self::LargeCommunity { .. } | Self::LargeCommunityNone => "large-community",
            Self::LargeCommunityDelete(_) => "large-comm-list",
            Self::RouteTargets(_) => "extcommunity rt",
            Self::SiteOfOrigin(_) => "extcommunity soo",
            Self::Bandwidth { .. } => "extcommunity bandwidth",
            Self::ExtCommunityNone => "extcommunity none",
            Self::LocalPreference(_) => "local-preference",
            Self::Weight(_) => "weight",
            Self::Metric(_) => "metric",
            Self::Origin(_) => "origin",
            Self::Aggregator(..) => "aggregator as",
            Self::AtomicAggregate => "atomic-aggregate",
            Self::OriginatorId(_) => "originator-id",
            Self::NextHop4(_) | Self::NextHop4Peer | Self::NextHop4Unchanged => "ip next-hop",
            Self::NextHop6Global(_) => "ipv6 next-hop global",
            Self::NextHop6Local(_) => "ipv6 next-hop local",
            Self::NextHop6Peer => "ipv6 next-hop peer-address",
            Self::NextHop6PreferGlobal => "ipv6 next-hop prefer-global",
            Self::Tag(_) => "tag",
            Self::Distance(_) => "distance",
            Self::Table(_) => "table",
            Self::Source(_) => "src",
            Self::AigpMetric(_) => "aigp-metric",
            Self::MetricType(_) => "metric-type",
            Self::ForwardingAddress(_) => "forwarding-address",
            Self::Other { slot, .. } => slot,
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let additive = |on: &bool| if *on { " additive" } else { "" };
        if let Self::Other { text, .. } = self {
            return f.write_str(text);
        }
        f.write_str(self.slot())?;
        match self {
            Self::AsPathPrepend(Prepend::LastAs(n)) => write!(f, " last-as {n}"),
            Self::AsPathPrepend(Prepend::Asns(list)) | Self::AsPathExclude(list) => {
                f.write_str(&spaced(list, Asn::to_string))
            }
            Self::AsPathReplace(None) => f.write_str(" any"),
            Self::AsPathReplace(Some(asn)) => write!(f, " {asn}"),
            Self::Community { values, additive: a } => {
                write!(f, "{}{}", spaced(values, |c| community_text(*c)), additive(a))
            }
            Self::CommunityNone | Self::LargeCommunityNone => f.write_str(" none"),
            Self::CommunityDelete(name) | Self::LargeCommunityDelete(name) => write!(f, " {name} delete"),
            Self::LargeCommunity { values, additive: a } => {
                write!(f, "{}{}", spaced(values, LargeCommunity::to_string), additive(a))
            }
            Self::RouteTargets(v) | Self::SiteOfOrigin(v) => f.write_str(&spaced(v, |c| c.value_text())),
            Self::Bandwidth { value, non_transitive } => {
                write!(f, " {value}{}", if *non_transitive { " non-transitive" } else { "" })
            }
            Self::LocalPreference(v) => write!(f, " {v}"),
            Self::Weight(n) | Self::Tag(n) | Self::Table(n) => write!(f, " {n}"),
            Self::Metric(v) => write!(f, " {v}"),
            Self::Origin(o) => write!(f, " {}", o.name()),
            Self::Aggregator(asn, addr) => write!(f, " {asn} {addr}"),
            Self::OriginatorId(a) | Self::NextHop4(a) => write!(f, " {a}"),
            Self::NextHop4Peer => f.write_str(" peer-address"),
            Self::NextHop4Unchanged => f.write_str(" unchanged"),
            Self::NextHop6Global(a) | Self::NextHop6Local(a) | Self::ForwardingAddress(a) => {
                write!(f, " {a}")
            }
            Self::Distance(n) => write!(f, " {n}"),
            Self::Source(a) => write!(f, " {a}"),
            Self::AigpMetric(Some(n)) => write!(f, " {n}"),
            Self::AigpMetric(None) => f.write_str(" igp-metric"),
            Self::MetricType(n) => write!(f, " type-{n}"),
            Self::ExtCommunityNone
            | Self::AtomicAggregate
            | Self::NextHop6Peer
            | Self::NextHop6PreferGlobal
            | Self::Other { .. } => Ok(()),
        }
    }
}
