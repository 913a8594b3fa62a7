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
    show(
        "show <ip|ipv6> <fib|route> [vrf VRF] <A.B.C.D|A.B.C.D/M|X:X::X:X|X:X::X:X/M> [json] [nexthop-group]",
        "one route",
        Z::Prefix,
    ),
    show(
        "show <ip|ipv6> route [vrf VRF] summary [table (1-4294967295)] [prefix] [json]",
        "counts of routes",
        Z::Summary,
    ),
    show("show interface vrf VRF [brief] [json]", "interfaces", Z::Interfaces),
    show("show interface [brief] [json]", "interfaces", Z::Interfaces),
    show("show interface IFNAME [vrf VRF] [json]", "interfaces", Z::Interfaces),
    show("show interface description [vrf VRF]", "interfaces", Z::Interfaces),
    show("show vrf [VRF] [json]", "VRFs", Z::Vrfs),
    show(
        "show <ip|ipv6> nht [<A.B.C.D|X:X::X:X|vrf VRF [<A.B.C.D|X:X::X:X>]>] [mrib] [json]",
        "tracked next hops",
        Z::Tracked,
    ),
    show(
        "show <ip|ipv6> import-check [<A.B.C.D|X:X::X:X|vrf VRF [<A.B.C.D|X:X::X:X>]>] [mrib] [json]",
        "tracked networks",
        Z::ImportChecks,
    ),
    show(
        "show nexthop-group rib [(0-4294967295)|singleton <ip|ipv6>] [<kernel|zebra|bgp|sharp>] [vrf VRF] [json]",
        "next-hop groups",
        Z::Groups,
    ),
    show("show <ip|ipv6> forwarding", "whether packets are forwarded", Z::Forwarding),
    show("show [<ip|ipv6>] router-id [vrf VRF]", "router id", Z::RouterId),
    show("show <ip|ipv6> protocol [vrf VRF]", "route-maps towards the kernel", Z::Protocols),
    show("show <ip|ipv6> nht route-map [vrf VRF]", "route-maps over next hops", Z::Protocols),
    show("show zebra [<dplane|client> [<summary|detailed|providers>]]", "the RIB", Z::Zebra),
    show("show zebra router table summary", "tables", Z::Tables),
    show("show link [IFNAME] [json]", "declared links: what is wanted, and what is missing", Z::Links),
    show("show sysctl [json]", "system settings that the configuration implies", Z::Sysctls),
    show("show tcp-mss [json]", "segment sizes in force", Z::Mss),
    show("show wireguard [IFNAME] [json]", "WireGuard tunnels and their peers", Z::WireGuard),
];
