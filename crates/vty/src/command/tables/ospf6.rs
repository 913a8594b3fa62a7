//! Commands of OSPFv3.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::Ospf6Action as O;
use crate::door::Doors;

const fn show(syntax: &'static str, help: &'static str, action: O) -> Command {
    Command { syntax, help, doors: Doors::OSPF6, level: Level::View, action: Action::Ospf6(action) }
}

const fn act(syntax: &'static str, help: &'static str, action: O) -> Command {
    Command { syntax, help, doors: Doors::OSPF6, level: Level::Enable, action: Action::Ospf6(action) }
}

/// VRF, as most commands have it.
macro_rules! ospf6 {
    ($rest:literal) => {
        concat!("show ipv6 ospf6 [vrf VRF] ", $rest)
    };
}

/// LSAs of a type, or of all.
macro_rules! database {
    ($rest:literal) => {
        concat!(
            "show ipv6 ospf6 [vrf VRF] database [<router|network|inter-prefix|inter-router|as-external\
             |group-membership|type-7|link|intra-prefix>] ",
            $rest
        )
    };
}

pub(super) const TABLE: &[Command] = &[
    show(ospf6!("[json]"), "the instance and its areas", O::Process),
    show("show ipv6 ospf6 vrfs [json]", "VRFs with an instance", O::Vrfs),
    show(ospf6!("neighbor [<detail|drchoice>] [json]"), "neighbors", O::Neighbors),
    show(ospf6!("neighbor A.B.C.D [json]"), "one neighbor", O::Neighbors),
    show(ospf6!("interface [IFNAME] [json]"), "interfaces", O::Interfaces),
    show(
        ospf6!(
            "interface [IFNAME] prefix [<detail|X:X::X:X [<match|detail>]|X:X::X:X/M [<match|detail>]>] [json]"
        ),
        "prefixes of interfaces",
        O::Prefixes,
    ),
    show(ospf6!("interface traffic [IFNAME] [json]"), "packets of interfaces", O::Traffic),
    show(database!("[<detail|dump|internal>] [json]"), "the link state database", O::Database),
    show(database!("self-originated [<detail|dump|internal>] [json]"), "own LSAs", O::Database),
    show(
        database!("self-originated linkstate-id A.B.C.D [<detail|dump|internal>] [json]"),
        "own LSAs",
        O::Database,
    ),
    show(database!("A.B.C.D self-originated [<detail|dump|internal>] [json]"), "own LSAs", O::Database),
    show(
        database!("<*|linkstate-id> A.B.C.D [<detail|dump|internal>] [json]"),
        "LSAs of one number",
        O::Database,
    ),
    show(
        database!("<*|adv-router> [*] A.B.C.D [<detail|dump|internal>] [json]"),
        "LSAs of one router",
        O::Database,
    ),
    show(
        database!("adv-router A.B.C.D linkstate-id A.B.C.D [<detail|dump|internal>] [json]"),
        "one LSA",
        O::Database,
    ),
    show(database!("[*] A.B.C.D A.B.C.D [<detail|dump|internal>] [json]"), "one LSA", O::Database),
    show(
        ospf6!("route [<intra-area|inter-area|external-1|external-2>] [detail] [json]"),
        "routes",
        O::Routes,
    ),
    show(ospf6!("route summary [json]"), "numbers of routes", O::Routes),
    show(ospf6!("route X:X::X:X [json]"), "the route to an address", O::Routes),
    show(ospf6!("route X:X::X:X/M [<match|longer>] [detail] [json]"), "some routes", O::Routes),
    show(ospf6!("spf tree [json]"), "shortest paths", O::Tree),
    show(
        ospf6!("simulate spf-tree A.B.C.D area A.B.C.D"),
        "shortest paths as another router sees them",
        O::Simulate,
    ),
    show(ospf6!("area A.B.C.D spf tree"), "shortest paths in an area", O::Tree),
    show(ospf6!("border-routers [<A.B.C.D|detail>]"), "ways to border routers", O::BorderRouters),
    show(
        ospf6!("linkstate <router A.B.C.D|network A.B.C.D A.B.C.D|detail>"),
        "ways to routers and networks",
        O::LinkState,
    ),
    show(ospf6!("redistribute [json]"), "routes of other sources", O::Redistribute),
    show(ospf6!("summary-address [detail] [json]"), "summaries of external routes", O::Summaries),
    show(ospf6!("graceful-restart helper [detail] [json]"), "restarts of neighbors", O::Helper),
    show("show ipv6 ospf6 zebra [json]", "what the RIB is asked for", O::Zebra),
    act("clear ipv6 ospf6 [vrf VRF] process", "begin anew", O::Clear),
    act("clear ipv6 ospf6 process vrf VRF", "begin anew", O::Clear),
    act(
        "clear ipv6 ospf6 [vrf VRF] interface [IFNAME]",
        "begin anew with the neighbors of an interface",
        O::Clear,
    ),
    act("clear ipv6 ospf6 [vrf VRF] neighbor [A.B.C.D]", "begin anew with a neighbor", O::Clear),
    act("clear ipv6 ospf6 [vrf VRF] auth-counters interface [IFNAME]", "set counters to zero", O::Clear),
    act("graceful-restart prepare ipv6 ospf", "tell neighbors that a restart comes", O::Prepare),
];
