//! Lists and route-maps.

use super::{Command, Level};
use crate::command::Action;
use crate::command::action::ListsAction;
use crate::door::Doors;

const fn show(syntax: &'static str, help: &'static str, action: ListsAction) -> Command {
    Command { syntax, help, doors: Doors::LISTS, level: Level::View, action: Action::Lists(action) }
}

const fn bgp(syntax: &'static str, help: &'static str, action: ListsAction) -> Command {
    Command { syntax, help, doors: Doors::BGP, level: Level::View, action: Action::Lists(action) }
}

const fn clear(syntax: &'static str, help: &'static str, action: ListsAction) -> Command {
    Command { syntax, help, doors: Doors::LISTS, level: Level::Enable, action: Action::Lists(action) }
}

use ListsAction as L;

pub(super) const TABLE: &[Command] = &[
    show("show <ip|ipv6> prefix-list [NAME [seq (1-4294967295)]] [json]", "prefix-lists", L::PrefixList),
    show("show <ip|ipv6> prefix-list <summary|detail> [NAME] [json]", "prefix-lists", L::PrefixList),
    show("show <ip|ipv6> access-list [NAME] [json]", "access-lists", L::AccessList),
    show("show mac access-list [NAME]", "MAC access-lists", L::Nothing),
    show("show route-map [NAME] [json]", "route-maps", L::RouteMap),
    show("show route-map-unused", "route-maps that nothing uses", L::Nothing),
    bgp("show <bgp|ip> as-path-access-list [NAME] [json]", "as-path access-lists", L::AsPathList),
    bgp("show <bgp|ip> community-list [NAME [detail]]", "community-lists", L::CommunityList),
    bgp("show <bgp|ip> large-community-list [NAME [detail]]", "large-community-lists", L::LargeCommunityList),
    bgp("show <bgp|ip> extcommunity-list [NAME [detail]]", "extended community-lists", L::ExtCommunityList),
    clear("clear route-map counters [NAME]", "set counters to zero", L::ClearRouteMap),
    clear("clear <ip|ipv6> prefix-list [NAME [PREFIX]]", "set counters to zero", L::Nothing),
];
