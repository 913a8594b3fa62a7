//! Why a statement that is well formed cannot be applied (vty status 13).

use ferr_types::Asn;

use crate::model::bfd::BfdAuthKind;

/// A statement was understood, and refused; the configuration is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that the pattern let through is not valid.
    #[error("% Malformed value for {what}: {text}")]
    Value {
        /// Label of the value.
        what: &'static str,
        /// The word.
        text: String,
    },
    /// The instance runs under another AS number.
    #[error("BGP is already running; AS is {0}")]
    AsMismatch(Asn),
    /// `router bgp` without a number, and no instance (or several) to mean.
    #[error("% No BGP process is configured")]
    NoInstance,
    /// The neighbor is not configured.
    #[error("% Specify remote-as or peer-group commands first")]
    UnknownNeighbor,
    /// The peer-group is not configured.
    #[error("% Configure the peer-group first")]
    UnknownGroup,
    /// An interface name where only an address or a group may stand.
    #[error("% Create the peer-group or interface neighbor first")]
    NotAnAddress,
    /// `ebgp-multihop` beside `ttl-security`.
    #[error("% ebgp-multihop and ttl-security cannot be configured together")]
    MultihopAndTtlSecurity,
    /// Members of a group with a `remote-as` take it from there.
    #[error("% Peer-group member cannot override remote-as of peer-group")]
    RemoteAsFromGroup,
    /// `local-as` equal to the instance's AS.
    #[error("% Cannot have local-as same as BGP AS number")]
    LocalAsIsOwn,
    /// `le`/`ge` out of order.
    #[error("% Invalid prefix range for {0}, make sure: len < ge-value <= le-value")]
    PrefixRange(String),
    /// Prefix of the other address family.
    #[error("% Prefix is of another address family")]
    WrongFamily,
    /// Netmask with holes.
    #[error("% Malformed netmask {0}")]
    Netmask(String),
    /// `prepend ASN...` beside `last-as`.
    #[error("% as-path prepend takes either AS numbers or last-as")]
    PrependConflict,
    /// `on-match goto` or `continue` to the entry itself or one before it, which would run in circles.
    #[error("% Jump must go to an entry behind this one, {0}")]
    JumpBack(u16),
    /// `update-delay` shorter than its wait for sessions.
    #[error("% update-delay is shorter than the establish-wait")]
    EstablishWait,
    /// Damping that would never end.
    #[error("% Suppress value cannot be less than reuse value")]
    SuppressBelowReuse,
    /// `hold` below `keepalive`, or 1 or 2.
    #[error("% Hold time must be 0 or at least 3 seconds")]
    HoldTime,
    /// The regular expression has unbalanced parts.
    #[error("% Invalid regular expression: {0}")]
    Regex(String),
    /// `minimum-ttl` of a session on one link.
    #[error(
        "% minimum-ttl is only for multihop sessions (over one hop it is always 255): add multihop to the peer, or take it out"
    )]
    BfdTtlSingleHop,
    /// Echoes over several hops (RFC 5883 section 3).
    #[error("% echo is only for single hop sessions: take multihop out of the peer, or the echo statement")]
    BfdEchoMultihop,
    /// A link-local peer could be on any link.
    #[error("% A link-local peer needs its link: add interface NAME")]
    BfdLinkLocal,
    /// IPv4 and IPv6 mixed.
    #[error("% The peer and local-address are of different address families")]
    BfdFamilies,
    /// `bfd` behind a static route that has no gateway.
    #[error("% bfd watches a gateway, and this route has none")]
    BfdWithoutGateway,
    /// A password that the type of authentication cannot use.
    #[error("% A password of {len} octets: {kind} takes {max} at most")]
    BfdPassword {
        /// The type.
        kind: BfdAuthKind,
        /// Octets given.
        len: usize,
        /// Octets allowed.
        max: usize,
    },
    /// `link` beside `wireguard`.
    #[error("% The interface is declared already as a link of another kind: take that out first")]
    TwoKinds,
    /// `vrf` beside `master`.
    #[error("% A link has one master: it is either in a VRF or the port of a bridge")]
    TwoMasters,
    /// A name that the kernel would refuse.
    #[error("% {0} is no name of a link: 1 to 15 characters without blank, / and :")]
    LinkName(String),
    /// A link below, beside or above itself.
    #[error("% A link cannot refer to itself")]
    OwnName,
    /// Multicast, broadcast or zero.
    #[error("% A link needs the MAC address of a single station")]
    GroupMac,
    /// IPv4 and IPv6 mixed.
    #[error("% All addresses of a VXLAN are of one address family")]
    VxlanFamilies,
    /// `table` of another VRF.
    #[error("% The table belongs to VRF {0}")]
    TableInUse(String),
    /// `table` of the kernel's own.
    #[error("% Table {0} is the kernel's own")]
    KernelTable(u32),
    /// Not a public key.
    #[error("% A WireGuard key is 32 octets in base64, 44 characters")]
    WireGuardKey,
    /// A statement that another file holds, changed by a program of FRR.
    #[error("% {place} says otherwise, and is not FRR's to change")]
    Owned {
        /// File and line, or the statement.
        place: String,
    },
    /// `come-back` whose maximum is below the delay.
    #[error("% come-back maximum is less than its delay")]
    ComeBack,
    /// The end of a key's lifetime is before its start.
    #[error("% The lifetime ends before it begins")]
    LifetimeOrder,
    /// An instance of OSPF as its own source of routes.
    #[error("% An instance does not redistribute its own routes: name another protocol or instance")]
    RedistributeSelf,
    /// `network` beside `ip ospf area`.
    #[error("Please remove all ip ospf area x.x.x.x commands first.")]
    InterfaceAreas,
    /// `ip ospf area` beside `network`.
    #[error("Please remove all network commands first.")]
    NetworkAreas,
    /// An interface has one area.
    #[error("% The interface is in area {0}: take that out first")]
    OtherArea(String),
    /// The same of OSPFv3. FRR keeps the first area, says so, and calls it a success.
    #[error("{interface} already attached to Area {area}")]
    Attached {
        /// The interface.
        interface: String,
        /// Its area.
        area: String,
    },
    /// A network has one area.
    #[error("% {prefix} is in area {area}: take that statement out first")]
    OtherNetworkArea {
        /// The network.
        prefix: String,
        /// Its area.
        area: String,
    },
    /// A statement that the backbone cannot have.
    #[error("% Area 0 can have no {0}: name another area")]
    Backbone(&'static str),
    /// A virtual link through an area without external routes, or the other way round.
    #[error(
        "% A virtual link needs an area that is neither stub nor NSSA: take the other statement out first"
    )]
    VirtualLinkArea,
    /// `default-cost` of a normal area.
    #[error("% The area is neither stub, nor NSSA: say which first")]
    DefaultCost,
}
