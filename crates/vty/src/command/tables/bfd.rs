//! Commands of BFD.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::BfdAction as B;
use crate::door::Doors;

const fn show(syntax: &'static str, help: &'static str, action: B) -> Command {
    Command { syntax, help, doors: Doors::BFD, level: Level::View, action: Action::Bfd(action) }
}

pub(super) const TABLE: &[Command] = &[
    show("show bfd [vrf VRF] peers [<brief|counters>] [json]", "BFD sessions", B::Peers),
    show(
        "show bfd [vrf VRF] peer <A.B.C.D|X:X::X:X|ID> \
         {multihop|local-address <A.B.C.D|X:X::X:X>|interface IFNAME} [counters] [json]",
        "one BFD session",
        B::Peer,
    ),
    Command {
        syntax: "clear bfd [vrf VRF] peer <A.B.C.D|X:X::X:X|ID> \
                 {multihop|local-address <A.B.C.D|X:X::X:X>|interface IFNAME} counters",
        help: "set the counters of a BFD session to zero",
        doors: Doors::BFD,
        level: Level::Enable,
        action: Action::Bfd(B::Clear),
    },
    Command {
        syntax: "doctor bfd <A.B.C.D|X:X::X:X> [vrf VRF] [json]",
        help: "why a BFD session is as it is, and what to do",
        doors: Doors::FERR,
        level: Level::View,
        action: Action::Bfd(B::Doctor),
    },
];
