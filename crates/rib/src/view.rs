//! Read-only pictures for `show` commands and the API.

use std::net::IpAddr;
use std::time::Instant;

use ferr_types::{
    BlackholeKind, Distance, IfIndex, Metric, Nexthop, NexthopInfo, Prefix, Protocol, TableId, Tag, VrfId,
};

use crate::{FibError, NhId, OwnerId};

/// A way that packets really take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedWay {
    /// Interface.
    pub ifindex: IfIndex,
    /// Router, `None` when directly connected.
    pub gateway: Option<IpAddr>,
    /// Share.
    pub weight: u8,
    /// Skips the connected check.
    pub onlink: bool,
}

/// One way as the protocol gave it, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NexthopView {
    /// As given.
    pub given: Nexthop,
    /// Usable.
    pub active: bool,
    /// Goes to the kernel as (part of) the group.
    pub fib: bool,
    /// Resolved through another route; then `resolved` are lines of their own in `show ip route`.
    pub recursive: bool,
    /// What it resolves to; one equal to itself when not recursive.
    pub resolved: Vec<ResolvedWay>,
    /// Resolves to a blackhole route.
    pub blackhole: Option<BlackholeKind>,
}

/// One candidate of a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteView {
    /// VRF.
    pub vrf: VrfId,
    /// Kernel table; `None` while the VRF's table is unknown.
    pub table: Option<TableId>,
    /// Destination.
    pub prefix: Prefix,
    /// Source.
    pub protocol: Protocol,
    /// Instance, or distance for static routes.
    pub instance: u16,
    /// Distance.
    pub distance: Distance,
    /// Metric.
    pub metric: Metric,
    /// Tag.
    pub tag: Tag,
    /// iBGP.
    pub internal: bool,
    /// The best one, used for forwarding.
    pub selected: bool,
    /// In the kernel (acknowledged; or there by itself).
    pub installed: bool,
    /// On its way to the kernel.
    pub queued: bool,
    /// Refused by the kernel; will be tried again.
    pub failed: Option<FibError>,
    /// Since when this offer stands, to the second.
    pub since: Instant,
    /// Preferred source.
    pub source: Option<IpAddr>,
    /// Ways.
    pub nexthops: Vec<NexthopView>,
    /// Kernel id of the group, when it forwards through one.
    pub nhg: Option<NhId>,
}

/// Counts of one protocol in `show ip route summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SummaryRow {
    /// Candidates.
    pub rib: u32,
    /// Of them in the kernel.
    pub fib: u32,
}

/// `show ip route summary` of one VRF and family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Per protocol; BGP here is eBGP.
    pub rows: Vec<(Protocol, SummaryRow)>,
    /// The part of BGP that is internal.
    pub ibgp: SummaryRow,
}

/// A next-hop group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// Kernel id, `None` when nothing of it is wanted in the kernel.
    pub id: Option<NhId>,
    /// Route specifications that use it.
    pub references: u32,
    /// Resolved to something.
    pub valid: bool,
    /// Acknowledged by the kernel.
    pub installed: bool,
    /// Members: kernel id and way.
    pub members: Vec<(Option<NhId>, ResolvedWay)>,
}

/// A tracked next hop with its watchers, `show ip nht`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedView {
    /// Question and answer.
    pub info: NexthopInfo,
    /// Who asked.
    pub owners: Vec<OwnerId>,
    /// Static routes go by way of it.
    pub by_static: bool,
}
