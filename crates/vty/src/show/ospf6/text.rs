//! Words of OSPFv3.

use ferr_state::ferr_ospf::config::NetworkType;
use ferr_state::ferr_ospf::wire::{Options, PrefixOptions, RouterBits};
use ferr_state::ferr_ospf::{InterfaceState, NeighborState};

/// State of an interface.
pub(super) const fn interface(state: InterfaceState) -> &'static str {
    match state {
        InterfaceState::Down => "Down",
        InterfaceState::Loopback => "Loopback",
        InterfaceState::Waiting => "Waiting",
        InterfaceState::PointToPoint => "PointToPoint",
        InterfaceState::DrOther => "DROther",
        InterfaceState::Backup => "BDR",
        InterfaceState::Dr => "DR",
    }
}

/// State of a neighbor.
pub(super) const fn neighbor(state: NeighborState) -> &'static str {
    match state {
        NeighborState::Down => "Down",
        NeighborState::Attempt => "Attempt",
        NeighborState::Init => "Init",
        NeighborState::TwoWay => "Twoway",
        NeighborState::ExStart => "ExStart",
        NeighborState::Exchange => "ExChange",
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

/// Options, one place for each bit of the lower two octets.
pub(super) fn options(options: Options) -> String {
    let bit = |bit: Options, name: &'static str, none: &'static str| {
        if options.contains(bit) { name } else { none }
    };
    let places = [
        bit(Options::AT, "AT", "--"),
        bit(Options::LLS_V3, "L", "-"),
        bit(Options::AF, "AF", "--"),
        "-",
        "-",
        bit(Options::DC, "DC", "--"),
        bit(Options::R, "R", "-"),
        bit(Options::NP, "N", "-"),
        bit(Options::MC, "MC", "--"),
        bit(Options::E, "E", "-"),
        bit(Options::V6, "V6", "--"),
    ];
    places.join("|")
}

/// Bits of a router, one place for each.
pub(super) fn router_bits(bits: RouterBits) -> String {
    let bit = |bit: RouterBits, name: char| if bits.contains(bit) { name } else { '-' };
    let known = [
        bit(RouterBits::NSSA_TRANSLATOR, 'N'),
        bit(RouterBits::WILDCARD, 'W'),
        bit(RouterBits::VIRTUAL, 'V'),
        bit(RouterBits::EXTERNAL, 'E'),
        bit(RouterBits::BORDER, 'B'),
    ];
    "---".chars().chain(known).collect()
}

/// Options of a prefix.
pub(super) fn prefix_options(options: PrefixOptions) -> String {
    let bit = |bit: PrefixOptions, name: &'static str| if options.contains(bit) { name } else { "--" };
    let places = [
        bit(PrefixOptions::DN, "DN"),
        bit(PrefixOptions::P, "P"),
        "--",
        bit(PrefixOptions::LA, "LA"),
        bit(PrefixOptions::NU, "NU"),
    ];
    places.join("|")
}
