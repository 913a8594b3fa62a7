//! Operations for the kernel, and its answers.
//!
//! Every route that forwards points at a next-hop *group*, even of one member, because the kernel refuses to replace a
//! single next hop by a group. Groups are never nested. An operation carries a [`FibToken`] that comes back in the ack.

use std::net::IpAddr;
use std::num::NonZeroU16;

use ferr_types::{Afi, BlackholeKind, IfIndex, Prefix, TableId};
use smallvec::SmallVec;

use crate::GuardSet;

/// `RTA_PRIORITY` of all routes that we install, both families.
pub const KERNEL_METRIC: u32 = 20;

/// Opaque reference of an operation; what the RIB needs to find its target when the ack comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FibToken(pub u64);

/// Kernel id of a next-hop object or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NhId(pub u32);

/// One resolved way: what a kernel next-hop object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FibNexthop {
    /// Family of the object: of the gateway, or of the routes for a way without one.
    pub afi: Afi,
    /// Interface.
    pub ifindex: IfIndex,
    /// Router; `None` is directly connected.
    pub gateway: Option<IpAddr>,
    /// Skip the kernel's check that the gateway is on a connected prefix.
    pub onlink: bool,
    /// Whose death is the death of the way.
    pub guards: GuardSet,
    /// Every group that holds the object has another way when a guard dies, so that it may be deleted without losing routes.
    pub shielded: bool,
}

impl FibNexthop {
    /// A way without guards.
    pub const fn new(afi: Afi, ifindex: IfIndex, gateway: Option<IpAddr>) -> Self {
        Self { afi, ifindex, gateway, onlink: false, guards: GuardSet::NONE, shielded: false }
    }

    /// Whether packets go the same way, whoever guards it.
    pub fn same_path(&self, other: &Self) -> bool {
        (self.afi, self.ifindex, self.gateway, self.onlink)
            == (other.afi, other.ifindex, other.gateway, other.onlink)
    }
}

/// Where an installed route points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FibTarget {
    /// A next-hop group.
    Group(NhId),
    /// Plain ways with weights, for kernels without next-hop objects.
    Plain(Vec<(FibNexthop, u8)>),
    /// No way out.
    Blackhole(BlackholeKind),
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FibAction {
    /// Create a next-hop object under an id that is free.
    NexthopAdd {
        /// Id.
        id: NhId,
        /// Content.
        nexthop: FibNexthop,
    },
    /// Delete an object; it is not used any more.
    NexthopDel {
        /// Id.
        id: NhId,
    },
    /// Create a group or replace its members.
    GroupSet {
        /// Id.
        id: NhId,
        /// Members and weights (1..=255), never empty. In a resilient group the last ones may own no bucket: they wait for the others
        /// to be deleted.
        members: SmallVec<[(NhId, u8); 4]>,
        /// A resilient group with so many buckets, or a plain one.
        buckets: Option<NonZeroU16>,
        /// The id is in the kernel already as far as we know (replace), or is free (create).
        replace: bool,
    },
    /// Delete a group; no route uses it any more.
    GroupDel {
        /// Id.
        id: NhId,
    },
    /// Create or replace a route.
    RouteSet {
        /// Kernel table.
        table: TableId,
        /// Destination.
        prefix: Prefix,
        /// `rtm_protocol`.
        protocol: u8,
        /// `RTA_PREFSRC`.
        source: Option<IpAddr>,
        /// Where to.
        target: FibTarget,
    },
    /// Delete the route of ours for a prefix: metric [`KERNEL_METRIC`].
    RouteDel {
        /// Kernel table.
        table: TableId,
        /// Destination.
        prefix: Prefix,
        /// `rtm_protocol` that it was sent with, so that no route of others is hit.
        protocol: u8,
    },
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FibOp {
    /// Comes back in the ack.
    pub token: FibToken,
    /// What to do.
    pub action: FibAction,
}

/// Why the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum FibError {
    /// An errno of the kernel.
    #[error("kernel error {0}")]
    Errno(i32),
    /// Not sent, or no answer came.
    #[error("not sent to the kernel")]
    Lost,
    /// The next hop died meanwhile.
    #[error("the next hop is dead")]
    Dead,
}

/// The kernel's answer to one operation. Deleting what does not exist is a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FibAck {
    /// Of the operation.
    pub token: FibToken,
    /// Outcome.
    pub result: Result<(), FibError>,
}
