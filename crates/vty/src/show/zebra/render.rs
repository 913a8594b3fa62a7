//! One candidate route as text and as JSON.

use std::net::IpAddr;

use ferr_state::rib::{NexthopView, ResolvedWay, RouteView};
use ferr_types::{BlackholeKind, Gateway, IfIndex, Protocol, VrfId};
use serde_json::Value;

use super::names::Names;
use crate::json::Obj;
use crate::output::{Out, line, put};
use crate::show::Clock;
use crate::time;

/// A line of a route: one way, as given or as resolved.
pub(super) struct Hop {
    pub(super) gateway: Option<IpAddr>,
    pub(super) ifindex: Option<IfIndex>,
    pub(super) blackhole: Option<BlackholeKind>,
    pub(super) vrf: VrfId,
    pub(super) weight: u8,
    pub(super) active: bool,
    pub(super) fib: bool,
    pub(super) recursive: bool,
    pub(super) onlink: bool,
    /// Stands under a recursive one.
    pub(super) resolved: bool,
}

/// The lines of a route.
pub(super) fn hops(route: &RouteView) -> Vec<Hop> {
    let mut out = Vec::new();
    for view in &route.nexthops {
        out.push(given(view));
        if view.recursive {
            out.extend(view.resolved.iter().map(|way| resolved(view, way)));
        }
    }
    out
}

fn given(view: &NexthopView) -> Hop {
    let direct = view.resolved.first().filter(|_| !view.recursive);
    let (gateway, ifindex, onlink) = match view.given.gateway {
        Gateway::Interface(ifindex) => (None, Some(ifindex), false),
        Gateway::Address { addr, ifindex, onlink } => {
            (Some(addr), ifindex.or_else(|| direct.map(|w| w.ifindex)), onlink)
        }
        Gateway::Blackhole(_) => (None, None, false),
    };
    let blackhole = match view.given.gateway {
        Gateway::Blackhole(kind) => Some(kind),
        _ => view.blackhole.filter(|_| gateway.is_none()),
    };
    Hop {
        gateway,
        ifindex,
        blackhole,
        vrf: view.given.vrf,
        weight: view.given.weight,
        active: view.active,
        fib: view.fib && !view.recursive,
        recursive: view.recursive,
        onlink,
        resolved: false,
    }
}

fn resolved(view: &NexthopView, way: &ResolvedWay) -> Hop {
    Hop {
        gateway: way.gateway,
        ifindex: Some(way.ifindex),
        blackhole: None,
        vrf: view.given.vrf,
        weight: way.weight,
        active: true,
        fib: view.fib,
        recursive: false,
        onlink: way.onlink,
        resolved: true,
    }
}

/// Whether ways of this source have shares.
const fn weighted(protocol: Protocol) -> bool {
    !matches!(protocol, Protocol::Kernel | Protocol::Connected | Protocol::Local)
}

/// Number of the instance, for sources that have several.
const fn instance(route: &RouteView) -> Option<u16> {
    match route.protocol {
        Protocol::Static => None,
        _ if route.instance == 0 => None,
        _ => Some(route.instance),
    }
}

const fn discard(kind: BlackholeKind) -> &'static str {
    match kind {
        BlackholeKind::Drop => " unreachable (blackhole)",
        BlackholeKind::Reject => " unreachable (ICMP unreachable)",
        BlackholeKind::Prohibit => " unreachable (ICMP admin-prohibited)",
    }
}

/// Where packets go, as both text forms have it.
fn target(hop: &Hop, route: &RouteView, names: &Names) -> String {
    let mut text = match (hop.blackhole, hop.gateway, hop.ifindex) {
        (Some(kind), _, _) => discard(kind).to_owned(),
        (None, Some(addr), Some(ifindex)) if !hop.recursive => {
            format!(" via {addr}, {}", names.link(ifindex))
        }
        (None, Some(addr), _) => format!(" via {addr}"),
        (None, None, Some(ifindex)) => format!(" is directly connected, {}", names.link(ifindex)),
        (None, None, None) => " unreachable".to_owned(),
    };
    if hop.blackhole.is_none() && hop.vrf != route.vrf {
        text += &format!(" (vrf {})", names.vrf(hop.vrf));
    }
    if !hop.active {
        text += " inactive";
    }
    if hop.onlink {
        text += " onlink";
    }
    if hop.recursive {
        text += " (recursive)";
    }
    if let Some(source) = route.source.filter(|_| !hop.resolved) {
        text += &format!(", src {source}");
    }
    if weighted(route.protocol) {
        text += &format!(", weight {}", hop.weight);
    }
    text
}

/// The column that says whether a way is in the kernel.
fn mark(hop: &Hop, route: &RouteView) -> char {
    if hop.recursive || !route.selected {
        ' '
    } else if route.queued {
        'q'
    } else if route.failed.is_some() {
        'r'
    } else if hop.fib {
        '*'
    } else {
        ' '
    }
}

/// Lines of a table.
pub(super) fn text(out: &mut Out<'_>, route: &RouteView, names: &Names, clock: &Clock) {
    let hops = hops(route);
    let first = hops.first().map_or(' ', |h| mark(h, route));
    let mut head = String::from(route.protocol.letter());
    if let Some(n) = instance(route) {
        head += &format!("[{n}]");
    }
    head += &format!("{}{first} {}", if route.selected { '>' } else { ' ' }, route.prefix);
    let plain = route.protocol == Protocol::Connected && route.distance.0 == 0 && route.metric.0 == 0;
    if !plain {
        head += &format!(" [{}/{}]", route.distance, route.metric);
    }
    let width = head.chars().count();
    put!(out, "{head}");
    let age = time::uptime(clock.age(route.since));
    if hops.is_empty() {
        line!(out, " inactive, {age}");
    }
    for (n, hop) in hops.iter().enumerate() {
        if n > 0 {
            let pad = width.saturating_sub(3) + if hop.resolved { 2 } else { 0 };
            put!(out, "  {}{:pad$}", mark(hop, route), "");
        }
        line!(out, "{}, {age}", target(hop, route, names));
    }
}

/// `Routing entry for ...`.
pub(super) fn detail(out: &mut Out<'_>, route: &RouteView, names: &Names, clock: &Clock) {
    line!(out, "Routing entry for {}", route.prefix);
    put!(out, "  Known via \"{}", route.protocol);
    if let Some(n) = instance(route) {
        put!(out, "[{n}]");
    }
    put!(out, "\", distance {}, metric {}", route.distance, route.metric);
    if route.tag.0 != 0 {
        put!(out, ", tag {}", route.tag);
    }
    if route.vrf != VrfId::DEFAULT {
        put!(out, ", vrf {}", names.vrf(route.vrf));
    }
    line!(out, "{}", if route.selected { ", best" } else { "" });
    line!(out, "  Last update {} ago", time::uptime(clock.age(route.since)));
    for hop in hops(route) {
        let mark = mark(&hop, route);
        let indent = if hop.resolved { "  " } else { "" };
        let target = match (hop.blackhole, hop.gateway, hop.ifindex) {
            (None, Some(addr), Some(ifindex)) if !hop.recursive => {
                format!(" {addr}, via {}", names.link(ifindex))
            }
            (None, Some(addr), _) => format!(" {addr}"),
            (None, None, Some(ifindex)) => format!(" directly connected, {}", names.link(ifindex)),
            _ => discard(hop.blackhole.unwrap_or(BlackholeKind::Drop)).to_owned(),
        };
        put!(out, "  {mark}{indent}{target}");
        if hop.blackhole.is_none() && hop.vrf != route.vrf {
            put!(out, "(vrf {})", names.vrf(hop.vrf));
        }
        if !hop.active {
            put!(out, " inactive");
        }
        if hop.onlink {
            put!(out, " onlink");
        }
        if hop.recursive {
            put!(out, " (recursive)");
        }
        if let Some(source) = route.source.filter(|_| !hop.resolved) {
            put!(out, ", src {source}");
        }
        if weighted(route.protocol) {
            put!(out, ", weight {}", hop.weight);
        }
        line!(out);
    }
    line!(out);
}

fn hop_json(hop: &Hop, route: &RouteView, names: &Names) -> Obj {
    let bits = [(hop.active, 1), (hop.fib, 2), (hop.recursive, 4), (hop.onlink, 8)];
    let flags: u32 = bits.into_iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum();
    let mut o = Obj::new();
    o.put("flags", flags).flag("fib", hop.fib);
    match (hop.blackhole, hop.gateway) {
        (Some(kind), _) => {
            o.put("unreachable", true).put(
                match kind {
                    BlackholeKind::Drop => "blackhole",
                    BlackholeKind::Reject => "reject",
                    BlackholeKind::Prohibit => "admin-prohibited",
                },
                true,
            );
        }
        (None, Some(addr)) => {
            o.put("ip", addr.to_string()).put("afi", if addr.is_ipv4() { "ipv4" } else { "ipv6" });
        }
        (None, None) => {
            o.put("directlyConnected", true);
        }
    }
    if let Some(ifindex) = hop.ifindex.filter(|_| hop.blackhole.is_none() && !hop.recursive) {
        o.put("interfaceIndex", ifindex.0).put("interfaceName", names.link(ifindex));
    }
    if hop.blackhole.is_none() && hop.vrf != route.vrf {
        o.put("vrf", names.vrf(hop.vrf));
    }
    o.flag("active", hop.active).flag("onLink", hop.onlink).flag("recursive", hop.recursive);
    o.flag("resolver", hop.resolved);
    o.opt("source", route.source.filter(|_| !hop.resolved).map(|s| s.to_string()));
    if weighted(route.protocol) {
        o.put("weight", hop.weight);
    }
    o
}

/// Object of one candidate.
pub(super) fn json(route: &RouteView, names: &Names, clock: &Clock) -> Value {
    let hops = hops(route);
    let mut o = Obj::new();
    o.put("prefix", route.prefix.to_string())
        .put("prefixLen", route.prefix.len())
        .put("protocol", route.protocol.name())
        .opt("instance", instance(route))
        .put("vrfId", route.vrf.0)
        .put("vrfName", names.vrf(route.vrf))
        .flag("selected", route.selected)
        .flag("destSelected", route.selected)
        .put("distance", route.distance.0)
        .put("metric", route.metric.0)
        .flag("installed", route.installed)
        .flag("queued", route.queued)
        .flag("failed", route.failed.is_some())
        .opt("tag", Some(route.tag.0).filter(|t| *t != 0));
    o.opt("table", route.table.map(|t| t.0))
        .put("internalStatus", if route.installed { 16 } else { 0 })
        .put("internalFlags", if route.selected { 8 } else { 0 })
        .put("internalNextHopNum", hops.len())
        .put("internalNextHopActiveNum", hops.iter().filter(|h| h.active).count());
    if let Some(id) = route.nhg {
        o.put("nexthopGroupId", id.0);
        if route.installed {
            o.put("installedNexthopGroupId", id.0);
        }
    }
    o.put("uptime", time::uptime(clock.age(route.since)));
    let hops: Vec<Value> = hops.iter().map(|h| hop_json(h, route, names).into()).collect();
    o.put("nexthops", hops);
    o.into()
}
