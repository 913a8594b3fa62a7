//! Lines for people: in the shape that they search for.

use ferr_ospf::config::LogAdjacency;
use ferr_ospf::{NeighborChange, NeighborState, Notice};
use ferr_state::OspfName;
use tracing::{info, warn};

/// A neighbor's change, as far as it is asked for.
pub(super) fn neighbor(name: &OspfName, log: LogAdjacency, change: &NeighborChange) {
    let full = |s: NeighborState| s == NeighborState::Full;
    let wanted = match log {
        LogAdjacency::Off => false,
        LogAdjacency::Changes => full(change.from) || full(change.to),
        LogAdjacency::Detail => true,
    };
    if wanted {
        info!(
            target: "ospf",
            "%ADJCHANGE: Nbr {}({}) on {}:{} in VRF {}: {} -> {} ({})",
            change.router,
            change.addr,
            change.name,
            change.area,
            name.vrf,
            change.from.name(),
            change.to.name(),
            change.cause.name()
        );
    }
}

/// What went wrong without being anybody's fault here.
pub(super) fn notice(notice: &Notice) {
    match notice {
        Notice::Refused { name, source, reason, count } => {
            warn!(target: "ospf", "interface {name}: {count} packets of {source} refused: {reason}");
        }
        Notice::DuplicateRouterId { name, source } => {
            warn!(target: "ospf", "interface {name}: {source} uses the router ID of this router");
        }
        Notice::LinksLeftOut { area, count } => {
            warn!(target: "ospf", "area {area}: {count} networks of this router do not fit into its router-LSA");
        }
        Notice::Overflow { router } => {
            warn!(target: "ospf", "router {router} floods more LSAs than are kept of one router; the rest is dropped");
        }
    }
}
