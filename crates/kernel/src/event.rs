//! What the kernel tells: links, addresses, routes and next-hop objects of others, as typed values.

use ferr_rib::{Address, KernelRoute, Link, NhId};
use ferr_types::{IfIndex, Prefix, TableId};

/// Something of ours that somebody else changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnLost {
    /// A route of ours was deleted or replaced.
    Route {
        /// Kernel table.
        table: TableId,
        /// Destination.
        prefix: Prefix,
    },
    /// A next-hop object or group of ours was deleted or replaced.
    Nexthop(NhId),
}

/// One event of the monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelEvent {
    /// A link appeared or changed.
    Link(Link),
    /// A link is gone.
    LinkGone(IfIndex),
    /// An address appeared or changed.
    AddressAdd(Address),
    /// An address is gone.
    AddressDel(Address),
    /// A foreign route appeared or changed.
    RouteAdd(KernelRoute),
    /// A foreign route is gone.
    RouteDel(KernelRoute),
    /// Something of ours was touched by somebody else.
    OwnLost(OwnLost),
    /// The initial (or a repeated) dump is complete: all links, addresses and routes were told.
    Synced,
    /// Events were lost. The monitor dumps again and tells the differences, then [`KernelEvent::Synced`]; own routes must
    /// be compared with a dump.
    Overrun,
}
