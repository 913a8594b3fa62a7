//! The decision process (RFC 4271 section 9.1.2.2, RFC 4456 section 9, RFC 5004, RFC 5065).
//!
//! MEDs are compared within the groups of paths from one neighbor AS first, and the winners of the groups with each other
//! then. So the outcome does not depend on the order in which paths came, which a pairwise scan cannot promise.

use std::cmp::Ordering;
use std::net::IpAddr;

use ferr_types::{Metric, RouterId};
use smallvec::SmallVec;

use crate::attrs::DecisionKey;
use crate::config::BestpathConfig;
pub use crate::nexthop::NexthopId;
pub use crate::table::{Path, PathIdx, flag};

/// Step that made a path win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reason {
    /// No path.
    #[default]
    NothingToSelect,
    /// There is only one.
    FirstPath,
    /// Higher weight.
    Weight,
    /// Higher LOCAL_PREF.
    LocalPref,
    /// Made here.
    LocalRoute,
    /// Lower AIGP.
    Aigp,
    /// Shorter confederation path.
    ConfedPath,
    /// Shorter AS path.
    AsPath,
    /// Lower ORIGIN.
    Origin,
    /// Lower MED.
    Med,
    /// eBGP before iBGP.
    PeerType,
    /// Confederation eBGP before iBGP.
    ConfedPeerType,
    /// Nearer next hop.
    IgpMetric,
    /// Was there before.
    OlderPath,
    /// Lower router id.
    RouterId,
    /// Shorter CLUSTER_LIST.
    ClusterLength,
    /// The other is stale.
    Staleness,
    /// Lower neighbor address.
    NeighborAddress,
    /// Nothing left.
    Equal,
}

impl Reason {
    /// As `selectionReason` in JSON.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NothingToSelect => "Nothing to Select",
            Self::FirstPath => "First path received",
            Self::Weight => "Weight",
            Self::LocalPref => "Local Pref",
            Self::LocalRoute => "Local Route",
            Self::Aigp => "AIGP",
            Self::ConfedPath => "Confederation based AS Path",
            Self::AsPath => "AS Path",
            Self::Origin => "Origin",
            Self::Med => "MED",
            Self::PeerType => "Peer Type",
            Self::ConfedPeerType => "Confed Peer Type",
            Self::IgpMetric => "IGP Metric",
            Self::OlderPath => "Older Path",
            Self::RouterId => "Router ID",
            Self::ClusterLength => "Cluster length",
            Self::Staleness => "Path Staleness",
            Self::NeighborAddress => "Neighbor IP",
            Self::Equal => "Nothing left to compare",
        }
    }
}

/// A path with everything that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Where it is.
    pub at: PathIdx,
    /// The path.
    pub path: &'a Path,
    /// Of its attributes.
    pub key: &'a DecisionKey,
    /// AIGP and the cost to its next hop, where that is compared.
    pub aigp: Option<u64>,
    /// Cost to its next hop.
    pub igp_metric: Metric,
    /// ORIGINATOR_ID, or the peer's identifier.
    pub router_id: RouterId,
    /// Address of the peer.
    pub peer_addr: Option<IpAddr>,
}

/// How good a source is, lower is better.
fn peer_type(path: &Path) -> u8 {
    if path.has(flag::INTERNAL) {
        2
    } else if path.has(flag::CONFED) {
        1
    } else {
        0
    }
}

fn med(key: &DecisionKey, config: &BestpathConfig) -> u32 {
    if !key.has_med && config.med_missing_as_worst { u32::MAX } else { key.med }
}

/// Whether the MEDs of two paths are comparable.
fn meds_comparable(a: &Candidate<'_>, b: &Candidate<'_>, config: &BestpathConfig) -> bool {
    let local = |c: &Candidate<'_>| c.path.has(flag::LOCAL);
    if config.always_compare_med || (local(a) && local(b)) {
        return true;
    }
    let confed = a.key.confed && b.key.confed;
    a.key.neighbor_as == b.key.neighbor_as && (!confed || config.med_confed) && a.key.confed == b.key.confed
}

/// Steps up to and including MED. `Less` is better.
fn compare_to_med(a: &Candidate<'_>, b: &Candidate<'_>, config: &BestpathConfig) -> (Ordering, Reason) {
    let step = |order: Ordering, reason: Reason| (order, reason);
    let local = |p: &Path| p.has(flag::LOCAL) && !p.has(flag::BACKDOOR);
    let length = |k: &DecisionKey| if config.as_path_confed { k.path_len_confed } else { k.path_len };
    let path_length = if config.as_path_ignore { Ordering::Equal } else { length(a.key).cmp(&length(b.key)) };
    // One without it is worse than any that has it (RFC 7311 section 4.1).
    let aigp = a.aigp.unwrap_or(u64::MAX).cmp(&b.aigp.unwrap_or(u64::MAX));
    let path_reason = if config.as_path_confed { Reason::ConfedPath } else { Reason::AsPath };
    let med_order = if meds_comparable(a, b, config) {
        med(a.key, config).cmp(&med(b.key, config))
    } else {
        Ordering::Equal
    };
    let steps = [
        step(a.path.has(flag::LONG_STALE).cmp(&b.path.has(flag::LONG_STALE)), Reason::Staleness),
        step(a.path.has(flag::BACKDOOR).cmp(&b.path.has(flag::BACKDOOR)), Reason::LocalRoute),
        step(b.path.weight.cmp(&a.path.weight), Reason::Weight),
        step(b.key.local_pref.cmp(&a.key.local_pref), Reason::LocalPref),
        step(local(b.path).cmp(&local(a.path)), Reason::LocalRoute),
        step(aigp, Reason::Aigp),
        step(path_length, path_reason),
        step(a.key.origin.cmp(&b.key.origin), Reason::Origin),
        step(med_order, Reason::Med),
    ];
    steps.into_iter().find(|(order, _)| order.is_ne()).unwrap_or((Ordering::Equal, Reason::Equal))
}

/// Steps up to where multipath shares the load.
fn compare_to_metric(a: &Candidate<'_>, b: &Candidate<'_>, config: &BestpathConfig) -> (Ordering, Reason) {
    let (order, reason) = compare_to_med(a, b, config);
    if order.is_ne() {
        return (order, reason);
    }
    let (order, reason) = compare_types(a, b);
    if order.is_ne() && !config.peer_type_relax {
        return (order, reason);
    }
    (a.igp_metric.cmp(&b.igp_metric), Reason::IgpMetric)
}

fn compare_types(a: &Candidate<'_>, b: &Candidate<'_>) -> (Ordering, Reason) {
    let (ta, tb) = (peer_type(a.path), peer_type(b.path));
    let confed = ta.min(tb) == 1;
    (ta.cmp(&tb), if confed { Reason::ConfedPeerType } else { Reason::PeerType })
}

/// The whole order; `Less` is better. Total, so that it never depends on anything but its arguments.
pub(crate) fn compare(a: &Candidate<'_>, b: &Candidate<'_>, config: &BestpathConfig) -> (Ordering, Reason) {
    let (order, reason) = compare_to_metric(a, b, config);
    if order.is_ne() {
        return (order, reason);
    }
    // With `peer-type multipath-relax` this step stands behind those that multipath looks at.
    let (order, reason) = compare_types(a, b);
    if order.is_ne() {
        return (order, reason);
    }
    let stale = a.path.has(flag::STALE).cmp(&b.path.has(flag::STALE));
    let external = peer_type(a.path) == 0 && !a.path.has(flag::LOCAL);
    // Keeping the older of two external paths damps oscillation (RFC 5004 section 3).
    let age =
        if external && !config.compare_router_id { a.path.stamp.cmp(&b.path.stamp) } else { Ordering::Equal };
    let steps = [
        (stale, Reason::Staleness),
        (age, Reason::OlderPath),
        (a.router_id.cmp(&b.router_id), Reason::RouterId),
        (a.key.cluster_len.cmp(&b.key.cluster_len), Reason::ClusterLength),
        (a.peer_addr.cmp(&b.peer_addr), Reason::NeighborAddress),
        (a.path.peer.cmp(&b.path.peer), Reason::Equal),
        (a.path.path_id.cmp(&b.path.path_id), Reason::Equal),
    ];
    steps.into_iter().find(|(order, _)| order.is_ne()).unwrap_or((Ordering::Equal, Reason::Equal))
}

/// Outcome of the decision.
#[derive(Debug)]
pub struct Selection {
    /// The best path.
    pub best: PathIdx,
    /// Step that decided between it and the runner-up.
    pub reason: Reason,
}

/// Selects among eligible paths; `None` when there is none.
pub fn select(candidates: &[Candidate<'_>], config: &BestpathConfig) -> Option<Selection> {
    match candidates {
        [] => return None,
        [only] => return Some(Selection { best: only.at, reason: Reason::FirstPath }),
        [a, b] => {
            let (order, reason) = compare(a, b, config);
            let best = if order.is_le() { a.at } else { b.at };
            return Some(Selection { best, reason });
        }
        _ => {}
    }
    // Best of each group of comparable MEDs.
    let mut winners: SmallVec<[&Candidate<'_>; 8]> = SmallVec::new();
    'paths: for candidate in candidates {
        for winner in &mut winners {
            if meds_comparable(winner, candidate, config) {
                if compare(candidate, winner, config).0.is_lt() {
                    *winner = candidate;
                }
                continue 'paths;
            }
        }
        winners.push(candidate);
    }
    let best = winners.iter().copied().reduce(|a, b| if compare(b, a, config).0.is_lt() { b } else { a })?;
    let runner_up = candidates
        .iter()
        .filter(|c| c.at != best.at)
        .reduce(|a, b| if compare(b, a, config).0.is_lt() { b } else { a })?;
    Some(Selection { best: best.at, reason: compare(best, runner_up, config).1 })
}

/// The best of the paths that would still be there if all next hops of the best one and of those that share its load died.
pub(crate) fn backup(
    candidates: &[Candidate<'_>],
    best: PathIdx,
    ways: &[PathIdx],
    config: &BestpathConfig,
) -> Option<PathIdx> {
    let in_use = |c: &&Candidate<'_>| c.at == best || ways.contains(&c.at);
    let first = candidates.iter().find(|c| c.at == best)?;
    if candidates.len() < 2 || first.path.has(flag::LOCAL) {
        return None;
    }
    let lost = |c: &&Candidate<'_>| {
        let shares = |used: &Candidate<'_>| used.path.nexthop == c.path.nexthop;
        c.path.has(flag::LOCAL) || candidates.iter().filter(in_use).any(shares)
    };
    let left = candidates.iter().filter(|c| !lost(c));
    left.reduce(|a, b| if compare(b, a, config).0.is_lt() { b } else { a }).map(|c| c.at)
}

/// Whether `other` may share the load with `best`: equal up to the IGP metric, and of the same kind.
pub(crate) fn is_multipath(
    best: &Candidate<'_>,
    other: &Candidate<'_>,
    config: &BestpathConfig,
    same_path: bool,
) -> bool {
    compare_to_metric(best, other, config).0.is_eq()
        && !best.path.has(flag::LOCAL)
        && !other.path.has(flag::LOCAL)
        && (config.multipath_relax || same_path)
}
