//! Commands of BGP.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::BgpAction;
use crate::door::Doors;

const fn show(syntax: &'static str, help: &'static str, action: BgpAction) -> Command {
    Command { syntax, help, doors: Doors::BGP, level: Level::View, action: Action::Bgp(action) }
}

const fn clear(syntax: &'static str, help: &'static str) -> Command {
    let action = Action::Bgp(BgpAction::Clear);
    Command { syntax, help, doors: Doors::BGP, level: Level::Enable, action }
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

/// Neighbor of a command.
macro_rules! neighbor {
    ($rest:literal) => {
        concat!(
            "show [ip] bgp [<view|vrf> VRF] [<ipv4|ipv6> [<unicast|multicast|vpn|labeled-unicast|flowspec>]] [all] ",
            "neighbors <A.B.C.D|X:X::X:X|NEIGHBOR> ",
            $rest
        )
    };
}

use BgpAction as B;

pub(super) const TABLE: &[Command] = &[
    show(
        bgp!(
            "summary [<established|failed>] [<neighbor <A.B.C.D|X:X::X:X|NEIGHBOR>|remote-as \
             <(1-4294967295)|internal|external>>] [terse] [wide] [json]"
        ),
        "neighbors in short",
        B::Summary,
    ),
    show(bgp!("neighbors [<A.B.C.D|X:X::X:X|NEIGHBOR>] [json]"), "neighbors", B::Neighbors),
    show(
        bgp!("neighbors [<A.B.C.D|X:X::X:X|NEIGHBOR>] graceful-restart [json]"),
        "graceful restart of neighbors",
        B::GracefulRestart,
    ),
    show(
        neighbor!("<advertised-routes|received-routes|filtered-routes> [route-map NAME] [json|wide]"),
        "routes to or from a neighbor",
        B::Adjacent,
    ),
    show(
        neighbor!("<routes|bestpath-routes|flap-statistics|dampened-routes> [json|wide]"),
        "routes accepted from a neighbor",
        B::NeighborRoutes,
    ),
    show(neighbor!("prefix-counts [json]"), "counts of a neighbor's routes", B::PrefixCounts),
    show(
        bgp!(
            "[<cidr-only|dampening <flap-statistics|dampened-paths|parameters>|community [COMMUNITY] [exact-match]|\
             community-list NAME [exact-match]|large-community [AA:BB:CC] [exact-match]|large-community-list NAME \
             [exact-match]|filter-list NAME|prefix-list NAME|access-list NAME|route-map NAME|rpki \
             <invalid|valid|notfound>|version (1-4294967295)|alias NAME|A.B.C.D/M longer-prefixes|X:X::X:X/M \
             longer-prefixes>] {json|detail|wide}"
        ),
        "the table",
        B::Table,
    ),
    show(bgp!("regexp REGEX..."), "routes whose AS path fits", B::Table),
    show(
        bgp!(
            "<A.B.C.D|A.B.C.D/M|X:X::X:X|X:X::X:X/M> [<bestpath|multipath>] [rpki <valid|invalid|notfound>] [json]"
        ),
        "one prefix",
        B::Prefix,
    ),
    show(bgp!("statistics [json]"), "counts over the table", B::Statistics),
    show(
        "show [ip] bgp [<view|vrf> VRF] [<ipv4|ipv6> [<unicast|multicast>]] nexthop [<A.B.C.D|X:X::X:X>] [detail] [json]",
        "tracked next hops",
        B::Nexthops,
    ),
    show(
        "show [ip] bgp [<view|vrf> VRF] import-check-table [detail] [json]",
        "tracked networks",
        B::Nexthops,
    ),
    show(
        bgp!("update-groups [SUBGROUP] [<advertise-queue|advertised-routes|packet-queue|statistics>] [json]"),
        "neighbors that share what they are sent",
        B::UpdateGroups,
    ),
    show("show [ip] bgp [<view|vrf> VRF] peer-group [PGNAME] [json]", "peer-groups", B::PeerGroups),
    show("show [ip] bgp vrfs [json]", "instances", B::Vrfs),
    show("show [ip] bgp views", "views", B::Views),
    show("show [ip] bgp <memory|attribute-info|community-info|large-community-info>", "memory", B::Memory),
    show("show bgp <listeners|peerhash>", "memory", B::Memory),
    clear(
        "clear [ip] bgp [<view|vrf> VRF] [<ipv4|ipv6|l2vpn> [<unicast|multicast|vpn|labeled-unicast|flowspec|evpn>]] \
         <*|A.B.C.D|X:X::X:X|(1-4294967295)|external|peer-group PGNAME|NEIGHBOR> [<soft [<in|out>]|in \
         [prefix-filter]|out|message-stats>]",
        "reset sessions, or exchange routes again",
    ),
    clear(
        "clear [ip] bgp [<view|vrf> VRF] [<ipv4|ipv6> [<unicast|multicast|vpn>]] prefix <A.B.C.D/M|X:X::X:X/M>",
        "decide anew",
    ),
    clear("clear [ip] bgp dampening [<A.B.C.D/M|A.B.C.D [MASK]|X:X::X:X/M|X:X::X:X>]", "forget flaps"),
];
