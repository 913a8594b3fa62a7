//! Messages between protocols and the RIB. `engine` carries them; neither side knows the other.

use std::net::IpAddr;
use std::sync::Arc;

use crate::{Distance, IfIndex, Metric, NexthopSet, Prefix, Protocol, TableId, Tag, VrfId};

/// Names one candidate of a prefix in the RIB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// VRF of the route.
    pub vrf: VrfId,
    /// Kernel table when not the VRF's own (static routes with `table N`).
    pub table: Option<TableId>,
    /// Destination.
    pub prefix: Prefix,
    /// Who offers it.
    pub protocol: Protocol,
    /// Instance of the protocol, 0 when there is one only. For static routes: the distance, because routes of
    /// different distance to one prefix are separate candidates.
    pub instance: u16,
}

/// What a protocol wants for a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteSpec {
    /// Administrative distance.
    pub distance: Distance,
    /// Metric within the protocol.
    pub metric: Metric,
    /// Tag, 0 for none.
    pub tag: Tag,
    /// Ways, not empty. Gateways without an interface are resolved recursively.
    pub nexthops: NexthopSet,
    /// Ways to fall back on at once when none of `nexthops` is left; may be empty.
    pub backup: NexthopSet,
    /// Learnt from an internal BGP peer: recursion over any route is allowed, and summaries count it as iBGP.
    pub internal: bool,
    /// Preferred source address for packets of this host.
    pub source: Option<IpAddr>,
}

/// A protocol's word to the RIB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteUpdate {
    /// Offers, or replaces the offer of the same key.
    ///
    /// Routes that share what they are share it in memory, too: a table has a million of the first and few of the second.
    Set(RouteKey, Arc<RouteSpec>),
    /// Takes the offer back; harmless when there is none.
    Withdraw(RouteKey),
}

/// Asks the RIB to report how an address (or, for `network` statements, a prefix) is reached, now and whenever
/// that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NexthopWatch {
    /// VRF to look in.
    pub vrf: VrfId,
    /// A host prefix for next-hop tracking, any prefix for an import check.
    pub target: Prefix,
    /// `target` itself must be in the RIB (import check); else the longest match counts.
    pub exact: bool,
}

/// The RIB's answer to a [`NexthopWatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NexthopInfo {
    /// Which question.
    pub watch: NexthopWatch,
    /// `None`: unreachable.
    pub via: Option<NexthopReach>,
}

/// How a watched address is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NexthopReach {
    /// Route that matches.
    pub prefix: Prefix,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its metric: the IGP cost of BGP's decision.
    pub metric: Metric,
    /// Its distance.
    pub distance: Distance,
    /// On a connected prefix.
    pub connected: bool,
    /// Interfaces and gateways, resolved.
    pub nexthops: Vec<(IfIndex, Option<IpAddr>)>,
}
