//! BGP neighbors and peer-groups.
//!
//! The same settings exist for a neighbor and a group; `None` inherits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ferr_types::Asn;
use ferr_types::community::ExtCommunity;

use super::Secret;
use super::bgp::BgpFamily;

/// Name of a neighbor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeighborKey {
    /// `neighbor IF interface`.
    Interface(String),
    /// By address.
    Address(IpAddr),
}

impl fmt::Display for NeighborKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Address(addr) => addr.fmt(f),
        }
    }
}

/// `remote-as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteAs {
    /// This one.
    Asn(Asn),
    /// Our own.
    Internal,
    /// Any but our own.
    External,
    /// Any at all.
    Auto,
}

impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asn(asn) => asn.fmt(f),
            Self::Internal => f.write_str("internal"),
            Self::External => f.write_str("external"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// `local-as N [no-prepend [replace-as]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAs {
    /// Number shown to the peer.
    pub asn: Asn,
    /// Not prepended to what the peer sends.
    pub no_prepend: bool,
    /// Not even our own AS in what we send.
    pub replace_as: bool,
}

/// `update-source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateSource {
    /// This address.
    Address(IpAddr),
    /// Address of this interface, looked up again when it changes.
    Interface(String),
}

/// `shutdown ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shutdown {
    /// Text sent to the peer (RFC 9003).
    pub message: Option<String>,
}

/// `bfd ...`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BfdNeighbor {
    /// `bfd profile P`.
    pub profile: Option<String>,
    /// `bfd MULT RX TX` (old): multiplier, receive and transmit interval in ms.
    pub timers: Option<(u8, u16, u16)>,
    /// `bfd strict [hold-time S]`: no session before BFD is up; seconds until it is given up, 30 by default.
    pub strict: Option<u32>,
    /// `bfd check-control-plane-failure`.
    pub check_control_plane: bool,
}

/// `local-role ROLE [strict-mode]` (RFC 9234).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalRole {
    /// Ours.
    pub role: Role,
    /// The peer must state the matching one.
    pub strict: bool,
}

/// Roles of RFC 9234.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `provider`
    Provider,
    /// `rs-server`
    RsServer,
    /// `rs-client`
    RsClient,
    /// `customer`
    Customer,
    /// `peer`
    Peer,
}

impl Role {
    /// Keyword.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::RsServer => "rs-server",
            Self::RsClient => "rs-client",
            Self::Customer => "customer",
            Self::Peer => "peer",
        }
    }
}

/// Per-neighbor graceful-restart mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GracefulRestart {
    /// `graceful-restart`: restarting and helping.
    Restart,
    /// `graceful-restart-helper`
    Helper,
    /// `graceful-restart-disable`
    Disable,
}

/// On-off settings of a neighbor, off by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeighborFlag {
    /// `passive`
    Passive,
    /// `disable-connected-check`
    DisableConnectedCheck,
    /// `solo`
    Solo,
    /// `capability dynamic`
    CapabilityDynamic,
    /// `capability extended-nexthop`
    CapabilityExtendedNexthop,
    /// `capability software-version`
    CapabilitySoftwareVersion,
    /// `dont-capability-negotiate`
    DontCapabilityNegotiate,
    /// `override-capability`
    OverrideCapability,
    /// `strict-capability-match`
    StrictCapabilityMatch,
    /// `extended-optional-parameters`
    ExtendedOptionalParameters,
    /// `enforce-first-as`
    EnforceFirstAs,
    /// `sender-as-path-loop-detection`
    SenderAsPathLoopDetection,
    /// `disable-link-bw-encoding-ieee`
    DisableLinkBwIeee,
    /// `graceful-shutdown`
    GracefulShutdown,
    /// `aigp`
    Aigp,
}

impl NeighborFlag {
    /// All, in the order of printing.
    pub const ALL: [Self; 15] = [
        Self::Passive,
        Self::DisableConnectedCheck,
        Self::Solo,
        Self::EnforceFirstAs,
        Self::CapabilityDynamic,
        Self::CapabilityExtendedNexthop,
        Self::CapabilitySoftwareVersion,
        Self::DontCapabilityNegotiate,
        Self::OverrideCapability,
        Self::StrictCapabilityMatch,
        Self::ExtendedOptionalParameters,
        Self::SenderAsPathLoopDetection,
        Self::DisableLinkBwIeee,
        Self::GracefulShutdown,
        Self::Aigp,
    ];

    /// Keywords.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::DisableConnectedCheck => "disable-connected-check",
            Self::Solo => "solo",
            Self::CapabilityDynamic => "capability dynamic",
            Self::CapabilityExtendedNexthop => "capability extended-nexthop",
            Self::CapabilitySoftwareVersion => "capability software-version",
            Self::DontCapabilityNegotiate => "dont-capability-negotiate",
            Self::OverrideCapability => "override-capability",
            Self::StrictCapabilityMatch => "strict-capability-match",
            Self::ExtendedOptionalParameters => "extended-optional-parameters",
            Self::EnforceFirstAs => "enforce-first-as",
            Self::SenderAsPathLoopDetection => "sender-as-path-loop-detection",
            Self::DisableLinkBwIeee => "disable-link-bw-encoding-ieee",
            Self::GracefulShutdown => "graceful-shutdown",
            Self::Aigp => "aigp",
        }
    }
}

/// Settings of a neighbor or a group outside address families.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NeighborSettings {
    /// `remote-as`
    pub remote_as: Option<RemoteAs>,
    /// `local-as`
    pub local_as: Option<LocalAs>,
    /// `description`
    pub description: Option<String>,
    /// `shutdown`
    pub shutdown: Option<Shutdown>,
    /// `shutdown rtt MS [count N]`
    pub shutdown_rtt: Option<(u16, Option<u8>)>,
    /// `password`: TCP-MD5 (RFC 2385).
    pub password: Option<Secret>,
    /// `update-source`
    pub update_source: Option<UpdateSource>,
    /// `ebgp-multihop [TTL]`; plain is 255.
    pub ebgp_multihop: Option<u8>,
    /// `ttl-security hops N` (RFC 5082).
    pub ttl_security: Option<u8>,
    /// `timers KEEPALIVE HOLD`, seconds.
    pub timers: Option<(u16, u16)>,
    /// `timers connect S`
    pub connect_retry: Option<u16>,
    /// `timers delayopen S`
    pub delay_open: Option<u16>,
    /// `advertisement-interval S`
    pub advertisement_interval: Option<u16>,
    /// `port N`
    pub port: Option<u16>,
    /// `interface IF`: for link-local addresses.
    pub interface: Option<String>,
    /// `bfd ...`
    pub bfd: Option<BfdNeighbor>,
    /// `local-role`
    pub local_role: Option<LocalRole>,
    /// `graceful-restart...`
    pub graceful_restart: Option<GracefulRestart>,
    /// `tcp-mss N`
    pub tcp_mss: Option<u16>,
    /// Settings that are on. A `no` on a member of a group is no setting: what the group says holds again, as in FRR.
    pub flags: BTreeSet<NeighborFlag>,
    /// Accepted settings without effect, by leading keywords: the rest of the line.
    pub opaque: BTreeMap<String, String>,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::In, Self::Out];

    /// Keyword.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// One name for each direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InOut {
    /// `in`
    pub inbound: Option<String>,
    /// `out`
    pub outbound: Option<String>,
}

impl InOut {
    /// Name for a direction.
    pub fn get(&self, d: Direction) -> Option<&str> {
        match d {
            Direction::In => self.inbound.as_deref(),
            Direction::Out => self.outbound.as_deref(),
        }
    }

    pub(crate) const fn slot(&mut self, d: Direction) -> &mut Option<String> {
        match d {
            Direction::In => &mut self.inbound,
            Direction::Out => &mut self.outbound,
        }
    }
}

/// `maximum-prefix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaximumPrefix {
    /// Most prefixes.
    pub limit: u32,
    /// Percentage at which to warn; 75 when not set.
    pub threshold: Option<u8>,
    /// What happens above.
    pub action: MaximumPrefixAction,
    /// Count also what the filters reject.
    pub force: bool,
}

/// What happens above `maximum-prefix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaximumPrefixAction {
    /// The session is closed, until cleared.
    Close,
    /// `warning-only`
    Warn,
    /// `restart MIN`: closed for so many minutes.
    Restart(u16),
}

/// `allowas-in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowAsIn {
    /// Own AS up to so often; 3 when plain.
    Count(u8),
    /// Only when it is the origin.
    Origin,
}

/// `next-hop-self [force]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextHopSelf {
    /// For eBGP-learnt and own routes.
    Plain,
    /// For reflected routes too.
    Force,
}

/// `remove-private-AS [all] [replace-AS]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovePrivateAs {
    /// Also when the path holds public ones.
    pub all: bool,
    /// Replace by our own.
    pub replace: bool,
}

/// `attribute-unchanged`; all three when plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeUnchanged {
    /// `as-path`
    pub as_path: bool,
    /// `next-hop`
    pub next_hop: bool,
    /// `med`
    pub med: bool,
}

/// Which communities are sent; all by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendCommunity {
    /// RFC 1997.
    pub standard: bool,
    /// RFC 4360.
    pub extended: bool,
    /// RFC 8092.
    pub large: bool,
}

impl Default for SendCommunity {
    fn default() -> Self {
        Self { standard: true, extended: true, large: true }
    }
}

/// `addpath-tx-...` (RFC 7911).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddPathTx {
    /// `addpath-tx-all-paths`
    All,
    /// `addpath-tx-bestpath-per-AS`
    BestPerAs,
    /// `addpath-tx-best-selected N`
    BestSelected(u8),
}

/// `default-originate [route-map RM]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefaultOriginate {
    /// Condition.
    pub route_map: Option<String>,
}

/// `advertise-map RM <exist-map|non-exist-map> RM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertiseMap {
    /// What to advertise.
    pub map: String,
    /// `exist-map` (true) or `non-exist-map`.
    pub exist: bool,
    /// Condition.
    pub condition: String,
}

/// `capability orf prefix-list <both|send|receive>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orf {
    /// We send ours.
    pub send: bool,
    /// We take theirs.
    pub receive: bool,
}

/// On-off settings of a neighbor in an address family, off by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AfFlag {
    /// `route-reflector-client`
    RouteReflectorClient,
    /// `route-server-client`
    RouteServerClient,
    /// `soft-reconfiguration inbound`
    SoftReconfiguration,
    /// `as-override`
    AsOverride,
    /// `disable-addpath-rx`
    DisableAddPathRx,
    /// `accept-own`
    AcceptOwn,
}

impl AfFlag {
    /// All, in the order of printing.
    pub const ALL: [Self; 6] = [
        Self::RouteReflectorClient,
        Self::RouteServerClient,
        Self::SoftReconfiguration,
        Self::AsOverride,
        Self::DisableAddPathRx,
        Self::AcceptOwn,
    ];

    /// Keywords.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RouteReflectorClient => "route-reflector-client",
            Self::RouteServerClient => "route-server-client",
            Self::SoftReconfiguration => "soft-reconfiguration inbound",
            Self::AsOverride => "as-override",
            Self::DisableAddPathRx => "disable-addpath-rx",
            Self::AcceptOwn => "accept-own",
        }
    }
}

/// Settings of a neighbor or a group in one address family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NeighborAf {
    /// `activate`; see [`super::bgp::BgpInstance::is_active`] for the default.
    pub activate: Option<bool>,
    /// `addpath-tx-...`
    pub addpath_tx: Option<AddPathTx>,
    /// `capability orf prefix-list`
    pub orf: Option<Orf>,
    /// `next-hop-self`
    pub next_hop_self: Option<NextHopSelf>,
    /// `remove-private-AS`
    pub remove_private_as: Option<RemovePrivateAs>,
    /// `send-community`; a member of a group sends what neither it nor its group turned off.
    pub send_community: SendCommunity,
    /// `default-originate`
    pub default_originate: Option<DefaultOriginate>,
    /// `maximum-prefix`
    pub maximum_prefix: Option<MaximumPrefix>,
    /// `maximum-prefix-out`
    pub maximum_prefix_out: Option<u32>,
    /// `allowas-in`
    pub allowas_in: Option<AllowAsIn>,
    /// `weight`
    pub weight: Option<u16>,
    /// `distribute-list ACL`
    pub distribute_list: InOut,
    /// `prefix-list PL`
    pub prefix_list: InOut,
    /// `route-map RM`
    pub route_map: InOut,
    /// `filter-list ASPATH`
    pub filter_list: InOut,
    /// `unsuppress-map RM`
    pub unsuppress_map: Option<String>,
    /// `advertise-map`
    pub advertise_map: Option<AdvertiseMap>,
    /// `attribute-unchanged`
    pub attribute_unchanged: Option<AttributeUnchanged>,
    /// `soo`
    pub soo: Option<ExtCommunity>,
    /// Settings that are on; see [`NeighborSettings::flags`].
    pub flags: BTreeSet<AfFlag>,
    /// Accepted settings without effect, by leading keywords: the rest of the line.
    pub opaque: BTreeMap<String, String>,
}

/// A neighbor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Neighbor {
    /// Peer-group of which it is a member.
    pub group: Option<String>,
    /// `v6only`, for an interface neighbor.
    pub v6only: bool,
    /// Own settings.
    pub settings: NeighborSettings,
    /// Own settings per family.
    pub afs: BTreeMap<BgpFamily, NeighborAf>,
}

/// A peer-group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerGroup {
    /// Settings that members inherit.
    pub settings: NeighborSettings,
    /// Settings per family that members inherit.
    pub afs: BTreeMap<BgpFamily, NeighborAf>,
}
