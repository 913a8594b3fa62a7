//! Lines for people: in the shape that they search for.

use ferr_ospf::config::LogAdjacency;
use ferr_ospf::{Cause, NeighborChange, NeighborState, Notice};
use ferr_state::OspfName;
use tracing::{info, warn};

const fn state(state: NeighborState) -> &'static str {
    match state {
        NeighborState::Down => "Down",
        NeighborState::Attempt => "Attempt",
        NeighborState::Init => "Init",
        NeighborState::TwoWay => "2-Way",
        NeighborState::ExStart => "ExStart",
        NeighborState::Exchange => "Exchange",
        NeighborState::Loading => "Loading",
        NeighborState::Full => "Full",
    }
}

const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::HelloReceived => "HelloReceived",
        Cause::TwoWayReceived => "2-WayReceived",
        Cause::OneWayReceived => "1-WayReceived",
        Cause::NegotiationDone => "NegotiationDone",
        Cause::ExchangeDone => "ExchangeDone",
        Cause::LoadingDone => "LoadingDone",
        Cause::AdjOk => "AdjOK?",
        Cause::SeqNumberMismatch => "SeqNumberMismatch",
        Cause::BadLsReq => "BadLSReq",
        Cause::InactivityTimer => "InactivityTimer",
        Cause::InterfaceDown => "InterfaceDown",
        Cause::BfdDown => "BFD down",
        Cause::Cleared => "cleared",
        Cause::Reconfigured => "configuration",
        Cause::Start => "Start",
    }
}

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
            state(change.from),
            state(change.to),
            cause(change.cause)
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
