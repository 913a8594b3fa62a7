//! Words of OSPFv2.

use ferr_state::ferr_ospf::config::{AreaKind, NetworkType};
use ferr_state::ferr_ospf::wire::Options;
use ferr_state::ferr_ospf::{Cause, InterfaceState, NeighborState};
use ferr_types::AreaId;

/// An area with its kind behind.
pub(super) fn area(id: AreaId, kind: Option<&AreaKind>) -> String {
    match kind {
        Some(AreaKind::Stub { .. }) => format!("{id} [Stub]"),
        Some(AreaKind::Nssa(_)) => format!("{id} [NSSA]"),
        _ => id.to_string(),
    }
}

/// State of an interface.
pub(super) const fn interface(state: InterfaceState) -> &'static str {
    match state {
        InterfaceState::Down => "Down",
        InterfaceState::Loopback => "Loopback",
        InterfaceState::Waiting => "Waiting",
        InterfaceState::PointToPoint => "Point-To-Point",
        InterfaceState::DrOther => "DROther",
        InterfaceState::Backup => "Backup",
        InterfaceState::Dr => "DR",
    }
}

/// State of a neighbor.
pub(super) const fn neighbor(state: NeighborState) -> &'static str {
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

/// Kind of a network.
pub(super) const fn network(kind: NetworkType) -> &'static str {
    match kind {
        NetworkType::Broadcast => "BROADCAST",
        NetworkType::NonBroadcast => "NBMA",
        NetworkType::PointToPoint => "POINTOPOINT",
        NetworkType::PointToMultipoint | NetworkType::PointToMultipointNonBroadcast => "POINTOMULTIPOINT",
        NetworkType::Loopback => "LOOPBACK",
        NetworkType::Virtual => "VIRTUALLINK",
    }
}

/// Whether there is a designated router.
pub(super) const fn has_dr(kind: NetworkType) -> bool {
    matches!(kind, NetworkType::Broadcast | NetworkType::NonBroadcast)
}

/// Name of an event.
pub(super) const fn cause(cause: Cause) -> &'static str {
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
        Cause::InterfaceDown => "LLDown",
        Cause::BfdDown => "BfdDown",
        Cause::Cleared | Cause::Reconfigured => "KillNbr",
        Cause::Start => "Start",
    }
}

/// Options, one place for each bit.
pub(super) fn options(options: Options) -> String {
    let bit = |bit: Options, name: &'static str| if options.contains(bit) { name } else { "-" };
    let places = [
        if options.contains(Options::DN) { "DN" } else { "*" },
        bit(Options::O, "O"),
        bit(Options::DC, "DC"),
        bit(Options::LLS_V2, "EA"),
        bit(Options::NP, "N/P"),
        bit(Options::MC, "MC"),
        bit(Options::E, "E"),
        bit(Options::MT, "M/T"),
    ];
    places.join("|")
}
