//! One path as a row of a table, and as the compact object of a table in JSON.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_state::bgp::{DestView, Instance, PathView};
use ferr_types::attr::{BgpNexthop, Origin};
use ferr_types::{Afi, Prefix};
use serde_json::Value;
use smallvec::{SmallVec, smallvec};

use crate::json::{Compact, Fields, Obj};
use crate::output::{Out, line, put};

/// The code legends in front of a table.
pub(super) const LEGEND: &str = "\
Status codes:  s suppressed, d damped, h history, * valid, > best, = multipath,
               i internal, r RIB-failure, S Stale, R Removed
Nexthop codes: @NNN nexthop's vrf id, < announce-nh-self
Origin codes:  i - IGP, e - EGP, ? - incomplete
RPKI validation codes: V valid, I invalid, N Not found

";

/// Columns of a table.
pub(super) fn header(out: &mut Out<'_>, wide: bool) {
    let (network, nexthop) = widths(wide);
    let metric = metric_width(wide);
    line!(out, "   {:<network$}{:<nexthop$}{:>metric$} LocPrf Weight Path", "Network", "Next Hop", "Metric");
}

const fn widths(wide: bool) -> (usize, usize) {
    if wide { (45, 41) } else { (17, 16) }
}

const fn metric_width(wide: bool) -> usize {
    if wide { 7 } else { 10 }
}

/// Letter of an origin.
pub(super) const fn origin_letter(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "i",
        Origin::Egp => "e",
        Origin::Incomplete => "?",
    }
}

/// Word of an origin in JSON.
pub(super) const fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "IGP",
        Origin::Egp => "EGP",
        Origin::Incomplete => "incomplete",
    }
}

/// Next hop, `0.0.0.0` or `::` for a route made here.
pub(super) fn nexthop(path: &PathView, afi: Afi) -> BgpNexthop {
    path.attributes().next_hop.unwrap_or(unspecified(afi))
}

const fn unspecified(afi: Afi) -> BgpNexthop {
    match afi {
        Afi::Ipv4 => BgpNexthop::V4(Ipv4Addr::UNSPECIFIED),
        Afi::Ipv6 => BgpNexthop::V6 { global: Ipv6Addr::UNSPECIFIED, link_local: None },
    }
}

fn shown_nexthop(path: &PathView, afi: Afi) -> IpAddr {
    nexthop(path, afi).forwarding()
}

fn status(path: &PathView) -> String {
    let first = match path {
        p if p.stale => 'S',
        p if p.suppressed => 's',
        p if p.valid => '*',
        _ => ' ',
    };
    let second = match path {
        p if p.history => 'h',
        p if p.damped => 'd',
        p if p.best => '>',
        p if p.multipath => '=',
        _ => ' ',
    };
    format!("{first}{second}{}", if path.internal { 'i' } else { ' ' })
}

/// Where host names stand beside addresses in text (`bgp default show-hostname`, `show-nexthop-hostname`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HostNames {
    neighbors: bool,
    nexthops: bool,
}

impl HostNames {
    /// As an instance is configured.
    pub(super) fn of(bgp: &Instance) -> Self {
        Self { neighbors: bgp.config().show_hostname, nexthops: bgp.config().show_nexthop_hostname }
    }

    /// A neighbor, whose host name may be known.
    pub(super) fn neighbor(self, name: &str, hostname: Option<&str>) -> String {
        hostname.filter(|_| self.neighbors).map_or_else(|| name.to_owned(), |host| format!("{host}({name})"))
    }

    /// The next hop of a path.
    pub(super) fn nexthop(self, addr: IpAddr, path: &PathView) -> String {
        let host = path.source.hostname.as_deref().filter(|_| self.nexthops);
        host.map_or_else(|| addr.to_string(), |host| format!("{addr}({host})"))
    }
}

/// How a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// Of a table: three status columns; the network stands in the first row of a prefix.
    Table {
        /// First path of its prefix.
        first: bool,
    },
    /// Of a neighbor's advertised or received routes.
    Adjacent,
}

/// Writes the status and the network of a row.
pub(super) fn lead(out: &mut Out<'_>, prefix: Prefix, path: &PathView, kind: RowKind, wide: bool) {
    let network = match kind {
        RowKind::Table { first } => {
            put!(out, "{}", status(path));
            if first { prefix.to_string() } else { String::new() }
        }
        RowKind::Adjacent => {
            put!(out, "*> ");
            prefix.to_string()
        }
    };
    column(out, &network, widths(wide).0, 20);
}

/// Writes a row.
pub(super) fn row(
    out: &mut Out<'_>,
    prefix: Prefix,
    path: &PathView,
    kind: RowKind,
    wide: bool,
    names: HostNames,
) {
    lead(out, prefix, path, kind, wide);
    let (_, nexthop_width) = widths(wide);
    let mut nexthop = names.nexthop(shown_nexthop(path, prefix.afi()), path);
    if let (Some(from), RowKind::Table { .. }) = (&path.imported, kind) {
        nexthop.push_str(&format!("@{}{}", from.vrf.0, if from.announce_self { "<" } else { "" }));
    }
    column(out, &nexthop, nexthop_width, 36);
    let a = path.attributes();
    let metric = metric_width(wide);
    match a.med {
        Some(med) => put!(out, "{med:>metric$}"),
        None => put!(out, "{:metric$}", ""),
    }
    match a.local_pref {
        Some(pref) => put!(out, "{pref:>7}"),
        None => put!(out, "{:7}", ""),
    }
    put!(out, "{:>7} ", path.weight);
    if !a.as_path.is_empty() {
        put!(out, "{} ", a.as_path);
    }
    line!(out, "{}", origin_letter(a.origin));
}

/// A text in its column; one that is too long pushes the rest to the next line.
fn column(out: &mut Out<'_>, text: &str, width: usize, indent: usize) {
    if text.len() < width {
        put!(out, "{text:<width$}");
    } else {
        put!(out, "{text}\n{:indent$}", "");
    }
}

/// Addresses of the next hop, with their scope, and whether they are used.
fn nexthop_addresses(nexthop: BgpNexthop) -> SmallVec<[(IpAddr, Option<&'static str>, bool); 2]> {
    match nexthop {
        BgpNexthop::V4(a) => smallvec![(a.into(), None, true)],
        BgpNexthop::V6 { global, link_local: None } => smallvec![(global.into(), Some("global"), true)],
        BgpNexthop::V6 { global, link_local: Some(local) } if global.is_unspecified() => {
            smallvec![(local.into(), Some("link-local"), true)]
        }
        BgpNexthop::V6 { global, link_local: Some(local) } => {
            smallvec![(global.into(), Some("global"), false), (local.into(), Some("link-local"), true)]
        }
    }
}

const fn family_word(addr: IpAddr) -> &'static str {
    if addr.is_ipv4() { "ipv4" } else { "ipv6" }
}

/// Addresses of the next hop as objects; `more` is told whether the object is the first one.
pub(super) fn nexthop_objects(path: &PathView, afi: Afi, mut more: impl FnMut(&mut Obj, bool)) -> Vec<Value> {
    let addresses = nexthop_addresses(nexthop(path, afi)).into_iter().enumerate();
    let object = |(n, (addr, scope, used)): (usize, (IpAddr, Option<&str>, bool))| {
        let mut o = Obj::new();
        o.put("ip", addr.to_string()).opt("hostname", path.source.hostname.clone());
        o.put("afi", family_word(addr)).opt("scope", scope);
        more(&mut o, n == 0);
        o.flag("used", used);
        Value::from(o)
    };
    addresses.map(object).collect()
}

/// State of a path, with which its objects begin.
pub(super) fn status_fields(o: &mut impl Fields, dest: &DestView, path: &PathView) {
    o.holds("stale", path.stale);
    o.holds("suppressed", path.suppressed);
    o.holds("valid", path.valid);
    o.holds("history", path.history);
    o.holds("damped", path.damped);
    o.holds("bestpath", path.best);
    if path.best {
        o.word("selectionReason", dest.reason.text());
    }
    o.holds("multipath", path.multipath && !path.best);
    o.word("pathFrom", if path.internal { "internal" } else { "external" });
}

/// Writes the object of one path in a table; `network` is the text of the prefix.
pub(super) fn json(out: &mut String, dest: &DestView, network: &str, path: &PathView) {
    let (prefix, a) = (dest.prefix, path.attributes());
    let mut o = Compact::open(out);
    status_fields(&mut o, dest, path);
    o.plain("prefix", network.split_once('/').map_or(network, |(addr, _)| addr));
    o.number("prefixLen", prefix.len().into());
    o.plain("network", network);
    o.number("version", dest.version);
    if let Some(med) = a.med {
        o.number("metric", med);
    }
    if let Some(local_pref) = a.local_pref {
        o.number("locPrf", local_pref);
    }
    o.number("weight", path.weight.into());
    o.text("peerId", path.source.name.as_deref().unwrap_or("(unspec)"));
    o.plain("path", a.as_path);
    o.word("origin", origin_word(a.origin));
    if let Some(from) = &path.imported {
        o.holds("announceNexthopSelf", from.announce_self);
        o.text("nhVrfName", &from.vrf_name);
        o.number("nhVrfId", from.vrf.0);
    }
    let nexthop = a.next_hop.unwrap_or(unspecified(prefix.afi()));
    o.objects("nexthops", nexthop_addresses(nexthop), |o, (addr, scope, used)| {
        o.plain("ip", addr);
        if let Some(name) = &path.source.hostname {
            o.text("hostname", name);
        }
        o.word("afi", family_word(addr));
        if let Some(scope) = scope {
            o.word("scope", scope);
        }
        o.holds("used", used);
    });
    o.close();
}
