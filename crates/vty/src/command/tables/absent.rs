//! Commands of what does not run here: empty answers that programs can parse.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::Empty::{self, Object, PerInstance, Table};
use crate::door::Doors;

const fn show(doors: Doors, syntax: &'static str, empty: Empty) -> Command {
    Command { syntax, help: "not in use here", doors, level: Level::View, action: Action::Absent(empty) }
}

const fn accept(doors: Doors, syntax: &'static str) -> Command {
    Command { syntax, help: "not in use here", doors, level: Level::Enable, action: Action::Absent(Object) }
}

pub(super) const TABLE: &[Command] = &[
    show(Doors::BGP, "show [ip] bgp vrf all l2vpn evpn summary [TEXT] [json]", PerInstance),
    show(Doors::BGP, "show [ip] bgp [<view|vrf> VRF] l2vpn evpn [json]", Object),
    show(Doors::BGP, "show [ip] bgp [<view|vrf> VRF] l2vpn evpn route [json]", Table),
    show(Doors::BGP, "show [ip] bgp [<view|vrf> VRF] l2vpn evpn {WORD} [json]", Object),
    show(Doors::BGP, "show bgp <ipv4|ipv6> vpn <all|rd> {WORD} [json]", Object),
    show(Doors::BGP, "show bgp vrf VRF vni [json]", Object),
    show(Doors::BGP, "show bgp labelpool <summary|ledger|inuse|requests|chunks> [json]", Object),
    show(Doors::BGP, "show bgp segment-routing srv6 [json]", Object),
    show(
        Doors::BGP,
        "show [ip] bgp [<view|vrf> VRF] [<ipv4|ipv6> [<unicast|multicast|vpn>]] route-leak [json]",
        Object,
    ),
    show(
        Doors::BGP,
        "show rpki <cache-connection|cache-server|prefix-table|configuration|prefix> {WORD} [json]",
        Object,
    ),
    show(Doors::BGP, "show bmp [json]", Object),
    accept(Doors::BGP, "rpki <start|stop|reset>"),
    show(Doors::ZEBRA, "show evpn [json]", Object),
    show(Doors::ZEBRA, "show evpn {WORD} [json]", Object),
    show(Doors::ZEBRA, "show mpls <table|status|fec|pseudowires> {WORD} [json]", Object),
    show(Doors::ZEBRA, "show pbr <ipset|iptable|rule> {WORD} [json]", Object),
    show(Doors::ZEBRA, "show segment-routing srv6 locator {WORD} [json]", Object),
    show(Doors::ZEBRA, "show vrf vni [json]", Object),
    show(Doors::BFD, "show bfd distributed", Object),
];
