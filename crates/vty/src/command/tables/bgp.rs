//! Commands of BGP.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::BgpAction;
use crate::door::Doors;

const fn show(syntax: &'static str, help: &'static str, action: BgpAction) -> Command {
    Command { syntax, help, doors: Doors::BGP, level: Level::View, action: Action::Bgp(action) }
}

/// Instance and family, as most commands have them.
macro_rules! bgp {
    ($rest:literal) => {
        concat!(
            "show [ip] bgp [<view|vrf> VRF] [<ipv4|ipv6> [<unicast|multicast|vpn|labeled-unicast|flowspec>]] [all] ",
            $rest
        )
    };
}

use BgpAction as B;

pub(super) const TABLE: &[Command] = &[show(
    bgp!(
        "summary [<established|failed>] [<neighbor <A.B.C.D|X:X::X:X|NEIGHBOR>|remote-as \
             <(1-4294967295)|internal|external>>] [terse] [wide] [json]"
    ),
    "neighbors in short",
    B::Summary,
)];
