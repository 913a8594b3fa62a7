//! What the driver hands in and what it is asked to do.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use ferr_types::{AreaId, IfIndex, RouterId};

use crate::config::InterfaceKey;

/// A packet and what the kernel said about it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Link that it came in on.
    pub ifindex: IfIndex,
    /// Sender.
    pub source: IpAddr,
    /// Where it was sent to: an address of ours, or a group.
    pub destination: IpAddr,
    /// What follows the IP header.
    pub payload: &'a [u8],
}

/// A packet to be sent. Multicast goes with TTL 1, unicast to neighbors too, virtual links with the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Link to send on; `None` for virtual links, which the kernel routes.
    pub ifindex: Option<IfIndex>,
    /// Source.
    pub source: IpAddr,
    /// Destination.
    pub destination: IpAddr,
    /// What follows the IP header.
    pub packet: Bytes,
}

/// A multicast group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// AllSPFRouters, 224.0.0.5 and ff02::5.
    AllSpfRouters,
    /// AllDRouters, 224.0.0.6 and ff02::6.
    AllDRouters,
}

/// State of a neighbor (RFC 2328 section 10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeighborState {
    /// Nothing heard.
    Down,
    /// NBMA: nothing heard, but tried.
    Attempt,
    /// Heard.
    Init,
    /// Heard, and heard by it.
    TwoWay,
    /// Who leads the exchange is being settled.
    ExStart,
    /// Databases are described.
    Exchange,
    /// LSAs are asked for.
    Loading,
    /// Adjacent.
    Full,
}

impl NeighborState {
    /// Its name in RFC 2328, as OSPFv2 shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "Down",
            Self::Attempt => "Attempt",
            Self::Init => "Init",
            Self::TwoWay => "2-Way",
            Self::ExStart => "ExStart",
            Self::Exchange => "Exchange",
            Self::Loading => "Loading",
            Self::Full => "Full",
        }
    }
}

/// State of an interface (RFC 2328 section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceState {
    /// Not usable.
    Down,
    /// Looped back, or a loopback.
    Loopback,
    /// Listens who is designated router.
    Waiting,
    /// Point-to-point, point-to-multipoint or virtual.
    PointToPoint,
    /// Neither of the two.
    DrOther,
    /// Backup designated router.
    Backup,
    /// Designated router.
    Dr,
}

/// What the driver is to do or to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send.
    Transmit(Transmit),
    /// Take part in a group on a link.
    Join(IfIndex, Group),
    /// Take part no longer.
    Leave(IfIndex, Group),
    /// A neighbor changed.
    Neighbor(NeighborChange),
    /// The set of [`crate::Instance::bfd_peers`] is another.
    BfdPeersChanged,
    /// Something to log: not of a neighbor's state. At most some per second of one cause.
    Notice(Notice),
    /// The cryptographic sequence numbers of the instance passed a mark that has to be kept over restarts (RFC 7474 section 3).
    SaveSequence(u32),
    /// A graceful restart ended; true when it came to its good end.
    RestartEnded(bool),
}

/// Why a neighbor changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Hello came.
    HelloReceived,
    /// Sees us.
    TwoWayReceived,
    /// Sees us no longer.
    OneWayReceived,
    /// Who leads is settled.
    NegotiationDone,
    /// Databases are described.
    ExchangeDone,
    /// All that was asked for came.
    LoadingDone,
    /// An adjacency is to be made or dropped, by the designated routers.
    AdjOk,
    /// Sequence number of a Database Description.
    SeqNumberMismatch,
    /// Asked for what we do not have.
    BadLsReq,
    /// Nothing heard for RouterDeadInterval.
    InactivityTimer,
    /// The interface went down.
    InterfaceDown,
    /// BFD says so.
    BfdDown,
    /// The operator says so.
    Cleared,
    /// Configuration changed.
    Reconfigured,
    /// Begun (NBMA).
    Start,
}

impl Cause {
    /// Name of the event (RFC 2328 section 10.2).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HelloReceived => "HelloReceived",
            Self::TwoWayReceived => "2-WayReceived",
            Self::OneWayReceived => "1-WayReceived",
            Self::NegotiationDone => "NegotiationDone",
            Self::ExchangeDone => "ExchangeDone",
            Self::LoadingDone => "LoadingDone",
            Self::AdjOk => "AdjOK?",
            Self::SeqNumberMismatch => "SeqNumberMismatch",
            Self::BadLsReq => "BadLSReq",
            Self::InactivityTimer => "InactivityTimer",
            Self::InterfaceDown => "LLDown",
            Self::BfdDown => "BfdDown",
            Self::Cleared | Self::Reconfigured => "KillNbr",
            Self::Start => "Start",
        }
    }
}

/// A neighbor's change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighborChange {
    /// Interface.
    pub interface: InterfaceKey,
    /// Name of the link.
    pub name: Arc<str>,
    /// Area.
    pub area: AreaId,
    /// Router ID.
    pub router: RouterId,
    /// Address.
    pub addr: IpAddr,
    /// Before.
    pub from: NeighborState,
    /// Now.
    pub to: NeighborState,
    /// Why.
    pub cause: Cause,
}

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Packets were refused.
    Refused {
        /// Interface.
        name: Arc<str>,
        /// Sender.
        source: IpAddr,
        /// Why.
        reason: Refusal,
        /// How many since the last such notice.
        count: u32,
    },
    /// Another router uses our router ID.
    DuplicateRouterId {
        /// Interface.
        name: Arc<str>,
        /// Its address.
        source: IpAddr,
    },
    /// The own router-LSA of an area has more links than fit into a packet: own networks are left out.
    LinksLeftOut {
        /// Area.
        area: AreaId,
        /// How many.
        count: usize,
    },
    /// The router is overloaded with LSAs: those of this router are not stored any more.
    Overflow {
        /// Originator.
        router: RouterId,
    },
}

/// Why a packet was refused (RFC 2328 section 8.2 and 10.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// Cannot be decoded.
    #[error("malformed packet")]
    Malformed,
    /// Wrong checksum.
    #[error("wrong checksum")]
    Checksum,
    /// Of another area.
    #[error("area mismatch")]
    Area,
    /// Of another instance.
    #[error("instance ID mismatch")]
    Instance,
    /// Sender is not on the network of the link.
    #[error("sender is not on this network")]
    Source,
    /// Not authentic.
    #[error("authentication failed")]
    Authentication,
    /// Sequence number of authentication went back: a replay.
    #[error("authentication sequence number went back")]
    Replay,
    /// Masks differ.
    #[error("network mask mismatch")]
    Mask,
    /// HelloInterval differs.
    #[error("hello interval mismatch")]
    HelloInterval,
    /// RouterDeadInterval differs.
    #[error("dead interval mismatch")]
    DeadInterval,
    /// Kinds of area differ (E or N bit).
    #[error("area type mismatch")]
    Options,
    /// MTU of the neighbor is larger.
    #[error("neighbor's MTU is larger")]
    Mtu,
    /// No such neighbor, or in a state in which such a packet means nothing.
    #[error("no neighbor for it")]
    Neighbor,
    /// Interface is passive or down.
    #[error("interface is passive or down")]
    Interface,
    /// Filtered by `neighbor-filter`, or not configured on a network without broadcast.
    #[error("neighbor is not allowed")]
    NotAllowed,
}
