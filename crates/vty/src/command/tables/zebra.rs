//! Commands of the RIB, of interfaces and VRFs.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::ZebraAction;
use crate::door::Doors;

const fn show(syntax: &'static str, help: &'static str, action: ZebraAction) -> Command {
    Command { syntax, help, doors: Doors::ZEBRA, level: Level::View, action: Action::Zebra(action) }
}

use ZebraAction as Z;

pub(super) const TABLE: &[Command] = &[
    show(
        "show ip <fib|route> [table <(1-4294967295)|all>] [vrf VRF] [{tag (1-4294967295)|A.B.C.D/M longer-prefixes|\
         supernets-only}] [<kernel|connected|local|static|rip|ospf|isis|bgp|eigrp|nhrp|table|vnc|babel|openfabric>] \
         [<json|nexthop-group>]",
        "routes",
        Z::Routes,
    ),
    show(
        "show ipv6 <fib|route> [table <(1-4294967295)|all>] [vrf VRF] [{tag (1-4294967295)|X:X::X:X/M longer-prefixes}] \
         [<kernel|connected|local|static|ripng|ospf6|isis|bgp|nhrp|table|vnc|babel|openfabric>] [<json|nexthop-group>]",
        "routes",
        Z::Routes,
    ),
];
