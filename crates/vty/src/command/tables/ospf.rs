//! Commands of OSPFv2.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::OspfAction as O;
use crate::door::Doors;

const fn show(syntax: &'static str, help: &'static str, action: O) -> Command {
    Command { syntax, help, doors: Doors::OSPF, level: Level::View, action: Action::Ospf(action) }
}

const fn act(syntax: &'static str, help: &'static str, action: O) -> Command {
    Command { syntax, help, doors: Doors::OSPF, level: Level::Enable, action: Action::Ospf(action) }
}

/// Instance, as most commands have it.
macro_rules! ospf {
    ($rest:literal) => {
        concat!("show ip ospf [<vrf VRF|(1-65535)>] ", $rest)
    };
}

pub(super) const TABLE: &[Command] = &[
    show(ospf!("[json]"), "the instance and its areas", O::Process),
    show("show ip ospf vrfs [json]", "VRFs with an instance", O::Vrfs),
    show(ospf!("neighbor [<detail|all|detail all>] [json]"), "neighbors", O::Neighbors),
    show(ospf!("neighbor <A.B.C.D|IFNAME> [detail] [json]"), "some neighbors", O::Neighbors),
    show(ospf!("interface [IFNAME] [json]"), "interfaces", O::Interfaces),
    show(ospf!("interface traffic [IFNAME] [json]"), "packets of interfaces", O::Traffic),
    show(ospf!("database [detail] [self-originate] [json]"), "the link state database", O::Database),
    show(
        ospf!(
            "database <asbr-summary|external|network|router|summary|nssa-external|opaque-link|opaque-area|opaque-as> \
             [A.B.C.D] [<self-originate|adv-router A.B.C.D>] [detail] [json]"
        ),
        "LSAs of one type",
        O::Database,
    ),
    show(ospf!("database max-age [json]"), "LSAs on their way out", O::MaxAge),
    show(ospf!("route [detail] [json]"), "routes", O::Routes),
    show(ospf!("border-routers [json]"), "ways to border routers", O::BorderRouters),
    show(ospf!("reachable-routers"), "ways to border routers", O::ReachableRouters),
    show(ospf!("graceful-restart helper [detail] [json]"), "restarts of neighbors", O::Helper),
    show(ospf!("summary-address [detail] [json]"), "summaries of external routes", O::Summaries),
    show(
        "show ip ospf mpls-te <router|interface [IFNAME]|database {WORD}>",
        "not in use here",
        O::Engineering,
    ),
    show("show ip ospf [vrf VRF] mpls-te interface [IFNAME]", "not in use here", O::Engineering),
    show("show ip ospf router-info [pce]", "not in use here", O::RouterInformation),
    show("show ip ospf database segment-routing {WORD} [json]", "not in use here", O::Engineering),
    show(
        "show ip ospf [vrf VRF] mpls ldp-sync [interface <IFNAME|all>] [json]",
        "not in use here",
        O::LdpSync,
    ),
    act("clear ip ospf [<vrf VRF|(1-65535)>] process", "begin anew", O::Clear),
    act(
        "clear ip ospf [<vrf VRF|(1-65535)>] interface [IFNAME]",
        "begin anew with the neighbors of an interface",
        O::Clear,
    ),
    act("clear ip ospf [<vrf VRF|(1-65535)>] neighbor [A.B.C.D]", "begin anew with a neighbor", O::Clear),
    act("graceful-restart prepare ip ospf", "tell neighbors that a restart comes", O::Prepare),
];
