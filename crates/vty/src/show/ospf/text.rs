//! Words of OSPFv2.

use ferr_state::ferr_ospf::InterfaceState;
use ferr_state::ferr_ospf::config::{AreaKind, NetworkType};
use ferr_state::ferr_ospf::wire::Options;
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
