//! One prefix with all that is known of its paths.

use ferr_state::bgp::{DestView, Instance, PathView};
use ferr_types::aspath::SegmentKind;
use ferr_types::attr::{BgpNexthop, Origin};
use ferr_types::{Family, Prefix};
use serde_json::Value;

use super::row::{self, HostNames};
use super::select::{self, Scope, Wanted};
use super::table::{self, Head, damping};
use crate::json::{Obj, pretty_at};
use crate::output::{Out, Outcome, Status, line, put};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};
use crate::time;

/// A prefix, and whom it was sent to.
type Found = (DestView, Vec<Told>);
/// A neighbor's name and host name.
pub(super) type Told = (String, Option<String>);

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "IGP",
        Origin::Egp => "EGP",
        Origin::Incomplete => "incomplete",
    }
}

/// Neighbors that a prefix was sent to.
pub(super) fn told(bgp: &mut Instance, family: Family, dest: &DestView) -> Vec<Told> {
    let peers = bgp.advertised_to(family, dest.prefix).into_iter();
    peers.filter_map(|id| Some((bgp.neighbor(id)?.name.clone(), bgp.hostname(id)))).collect()
}

/// Text of one prefix.
pub(super) fn text(out: &mut Out<'_>, dest: &DestView, head: &Head, told: &[Told], clock: &Clock) {
    line!(out, "BGP routing table entry for {}, version {}", dest.prefix, dest.version);
    put!(out, "Paths: ({} available", dest.paths.len());
    match dest.paths.iter().position(|p| p.best) {
        Some(n) if head.vrf == "default" => line!(out, ", best #{}, table default)", n + 1),
        Some(n) => line!(out, ", best #{}, vrf {})", n + 1, head.vrf),
        None => line!(out, ", no best path)"),
    }
    if told.is_empty() {
        line!(out, "  Not advertised to any peer");
    } else {
        line!(out, "  Advertised to non peer-group peers:");
        let names = told.iter().map(|(name, host)| head.names.neighbor(name, host.as_deref()));
        let names: Vec<String> = names.collect();
        line!(out, "  {}", names.join(" "));
    }
    for path in &dest.paths {
        path_text(out, dest, path, head.names, clock);
    }
}

fn path_text(out: &mut Out<'_>, dest: &DestView, path: &PathView, names: HostNames, clock: &Clock) {
    let a = path.attributes();
    if let Some(from) = &path.imported {
        line!(out, "  Imported from {}:{}", from.distinguisher(), dest.prefix);
    }
    if a.as_path.is_empty() {
        put!(out, "  Local");
    } else {
        put!(out, "  {}", a.as_path);
    }
    if let Some(aggregator) = a.aggregator {
        put!(out, ", (aggregated by {} {})", aggregator.asn, aggregator.addr);
    }
    if path.stale {
        put!(out, ", (stale)");
    }
    if path.history {
        put!(out, ", (history entry)");
    } else if path.damped {
        put!(out, ", (suppressed due to dampening)");
    }
    if path.client {
        put!(out, ", (Received from a RR-client)");
    }
    line!(out);
    let nexthop = row::nexthop(path, dest.prefix.afi());
    put!(out, "    {}", names.nexthop(nexthop.global(), path));
    if !path.accessible {
        put!(out, " (inaccessible)");
    } else if path.igp_metric > 0 {
        put!(out, " (metric {})", path.igp_metric);
    }
    let unspecified = if dest.prefix.addr().is_ipv4() { "0.0.0.0" } else { "::" };
    let from = path.source.name.as_deref().map_or_else(
        || unspecified.to_owned(),
        |name| names.neighbor(name, path.source.hostname.as_deref().filter(|_| !path.local)),
    );
    put!(out, " from {from} ({})", a.originator_id.unwrap_or(path.source.router_id));
    if let Some(from) = &path.imported {
        put!(out, " vrf {}({})", from.vrf_name, from.vrf.0);
        put!(out, "{}", if from.announce_self { " announce-nh-self" } else { "" });
    }
    line!(out);
    if let BgpNexthop::V6 { global, link_local: Some(local) } = nexthop
        && !global.is_unspecified()
    {
        line!(out, "    ({local}) (used)");
    }
    put!(out, "      Origin {}", origin(a.origin));
    a.med.iter().for_each(|m| put!(out, ", metric {m}"));
    a.local_pref.iter().for_each(|p| put!(out, ", localpref {p}"));
    a.aigp.iter().for_each(|m| put!(out, ", aigp-metric {m}"));
    if path.weight > 0 {
        put!(out, ", weight {}", path.weight);
    }
    path.tag.filter(|t| *t != 0).iter().for_each(|t| put!(out, ", tag {t}"));
    if !path.history {
        put!(out, "{}", if path.valid { ", valid" } else { ", invalid" });
    }
    put!(
        out,
        "{}",
        match path {
            p if p.aggregated => ", aggregated, local",
            p if p.network || p.imported.is_some() => ", sourced, local",
            p if p.local => ", sourced",
            p if p.internal => ", internal",
            _ => ", external",
        }
    );
    let flags = [(a.atomic_aggregate, ", atomic-aggregate"), (path.multipath, ", multipath")];
    flags.iter().filter(|(on, _)| *on).for_each(|(_, text)| out.push(text));
    if path.best {
        put!(out, ", best ({})", dest.reason.text());
    }
    line!(out);
    extras_text(out, path);
    damping::detail(out, path, clock);
    line!(out, "      Last update: {}", time::ctime(clock.wall(path.since)));
}

fn extras_text(out: &mut Out<'_>, path: &PathView) {
    let a = path.attributes();
    if !a.communities.is_empty() {
        line!(out, "      Community: {}", a.communities);
    }
    if !a.ext_communities.is_empty() {
        line!(out, "      Extended Community: {}", a.ext_communities);
    }
    if !a.large_communities.is_empty() {
        line!(out, "      Large Community: {}", a.large_communities);
    }
    if a.originator_id.is_some() || !a.cluster_list.is_empty() {
        put!(out, "      ");
        a.originator_id.iter().for_each(|id| put!(out, "Originator: {id}"));
        if !a.cluster_list.is_empty() {
            put!(out, ", Cluster list: {}", a.cluster_list);
        }
        line!(out);
    }
    if path.path_id != 0 && !path.local {
        line!(out, "      AddPath ID: RX {}, TX 0", path.path_id);
    }
    a.only_to_customer.iter().for_each(|asn| line!(out, "      Only To Customer (OTC): {asn}"));
}

fn as_path(path: &PathView) -> Obj {
    let a = path.attributes();
    let segments: Vec<Value> = a
        .as_path
        .segments()
        .map(|s| {
            let kind = match s.kind {
                SegmentKind::Sequence => "as-sequence",
                SegmentKind::Set => "as-set",
                SegmentKind::ConfedSequence => "as-confed-sequence",
                SegmentKind::ConfedSet => "as-confed-set",
            };
            let mut o = Obj::new();
            o.put("type", kind).put("list", s.asns().map(|n| Value::from(n.0)).collect::<Vec<_>>());
            o.into()
        })
        .collect();
    let mut o = Obj::new();
    let text = if a.as_path.is_empty() { "Local".to_owned() } else { a.as_path.to_string() };
    o.put("string", text).put("segments", segments).put("length", a.as_path.hop_count(false));
    o
}

fn list_object(text: String, list: Option<Vec<String>>) -> Obj {
    let mut o = Obj::new();
    o.put("string", text).opt("list", list);
    o
}

fn path_json(dest: &DestView, path: &PathView, clock: &Clock) -> Value {
    let a = path.attributes();
    let mut o = Obj::new();
    o.put("aspath", as_path(path));
    if let Some(from) = &path.imported {
        o.put("nhVrfName", from.vrf_name.clone()).put("nhVrfId", from.vrf.0);
        o.flag("announceNexthopSelf", from.announce_self);
    }
    if let Some(aggregator) = a.aggregator {
        o.put("aggregatorAs", aggregator.asn.0).put("aggregatorId", aggregator.addr.to_string());
    }
    o.flag("stale", path.stale)
        .flag("dampeningHistoryEntry", path.history)
        .flag("dampeningSuppressed", path.damped && !path.history)
        .put("origin", row::origin_word(a.origin))
        .opt("metric", a.med)
        .opt("locPrf", a.local_pref)
        .opt("aigpMetric", a.aigp)
        .opt("weight", Some(path.weight).filter(|w| *w > 0))
        .opt("tag", path.tag.filter(|t| *t != 0))
        .opt("valid", (!path.history).then_some(path.valid))
        .put("version", dest.version)
        .flag("sourced", path.local && !path.aggregated)
        .flag("aggregated", path.aggregated)
        .flag("local", path.aggregated || path.network || path.imported.is_some())
        .flag("atomicAggregate", a.atomic_aggregate)
        .flag("rxedFromRrClient", path.client)
        .flag("fibInstalled", path.tag.is_some())
        .flag("multipath", path.multipath);
    if path.best {
        let mut best = Obj::new();
        best.put("overall", true).put("selectionReason", dest.reason.text());
        o.put("bestpath", best);
    }
    if !a.communities.is_empty() {
        let list = a.communities.iter().map(|c| c.to_string()).collect();
        o.put("community", list_object(a.communities.to_string(), Some(list)));
    }
    if !a.ext_communities.is_empty() {
        o.put("extendedCommunity", list_object(a.ext_communities.to_string(), None));
    }
    if !a.large_communities.is_empty() {
        let list = a.large_communities.iter().map(|c| c.to_string()).collect();
        o.put("largeCommunity", list_object(a.large_communities.to_string(), Some(list)));
    }
    o.opt("originatorId", a.originator_id.map(|id| id.to_string()));
    if !a.cluster_list.is_empty() {
        let mut list = Obj::new();
        list.put("list", a.cluster_list.iter().map(|c| c.to_string()).collect::<Vec<_>>());
        o.put("clusterList", list);
    }
    if path.path_id != 0 && !path.local {
        o.put("addpathRxId", path.path_id);
    }
    o.opt("otc", a.only_to_customer.map(|n| n.0));
    damping::detail_json(&mut o, path, clock);
    let at = clock.wall(path.since);
    let mut update = Obj::new();
    update.put("epoch", time::epoch(at)).put("string", format!("{}\n", time::ctime(at)));
    o.put("lastUpdate", update);
    let nexthops = row::nexthop_objects(path, dest.prefix.afi(), |o, first| {
        o.opt("metric", (first && path.accessible).then_some(path.igp_metric))
            .put("accessible", path.accessible);
    });
    o.put("nexthops", nexthops).put("peer", peer_json(dest, path));
    o.into()
}

fn peer_json(dest: &DestView, path: &PathView) -> Obj {
    let mut o = Obj::new();
    let unspecified = if dest.prefix.addr().is_ipv4() { "0.0.0.0" } else { "::" };
    o.put("peerId", path.source.name.clone().unwrap_or_else(|| unspecified.to_owned()))
        .put("routerId", path.source.router_id.to_string());
    if !path.local {
        o.opt("hostname", path.source.hostname.clone());
        o.put("type", if path.internal { "internal" } else { "external" });
    }
    o
}

/// Object of one prefix.
pub(super) fn json(dest: &DestView, told: &[Told], clock: &Clock) -> Value {
    let mut o = Obj::new();
    o.put("prefix", dest.prefix.to_string()).put("version", dest.version);
    if !told.is_empty() {
        let mut peers = Obj::new();
        for (name, hostname) in told {
            let mut peer = Obj::new();
            peer.opt("hostname", hostname.clone());
            peers.put(name.clone(), peer);
        }
        o.put("advertisedTo", peers);
    }
    let paths: Vec<Value> = dest.paths.iter().map(|p| path_json(dest, p, clock)).collect();
    o.put("paths", paths);
    o.into()
}

/// The prefix or address in a line.
#[derive(Debug, Clone, Copy)]
enum Target {
    Exact(Prefix),
    Longest(std::net::IpAddr),
}

fn target(args: &Args) -> Option<Target> {
    if let Some(text) = args.get("A.B.C.D/M").or_else(|| args.get("X:X::X:X/M")) {
        return text.parse().ok().map(Target::Exact);
    }
    let text = args.get("A.B.C.D").or_else(|| args.get("X:X::X:X"))?;
    text.parse().ok().map(Target::Longest)
}

fn look_up(bgp: &mut Instance, family: Family, target: Target) -> Option<Found> {
    let dest = match target {
        Target::Exact(prefix) => bgp.route(family, prefix),
        Target::Longest(addr) => bgp.route_for(family, addr),
    }?;
    let told = told(bgp, family, &dest);
    Some((dest, told))
}

/// The command.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let json_wanted = args.has("json");
    let Some(target) = target(args) else { return Ok(Status::Success) };
    let is_v4 = match target {
        Target::Exact(p) => p.addr().is_ipv4(),
        Target::Longest(a) => a.is_ipv4(),
    };
    let Wanted::Table(family) = select::wanted(args) else { return Ok(not_found(ctx, json_wanted)) };
    if is_v4 != (family.afi() == ferr_types::Afi::Ipv4) {
        let (kind, table) = if is_v4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        line!(ctx.out, "% Cannot specify {kind} address or prefix with {table} AFI");
        return Ok(Status::Warning);
    }
    let scope = Scope::of(args);
    let asked = scope.clone();
    let (found, now) = ctx
        .handle()
        .bgp(move |world, now| {
            let policy = world.policy.clone();
            let names = asked.names(world);
            let found: Vec<(Head, Option<Found>)> = names
                .iter()
                .filter_map(|name| {
                    let bgp = &mut world.instances.get_mut(name)?.bgp;
                    Some((Head::of(bgp, name, family, policy.clone()), look_up(bgp, family, target)))
                })
                .collect();
            (found, now)
        })
        .await?;
    if found.is_empty() && !scope.is_all() {
        return Ok(table::no_instance(ctx, json_wanted, &scope));
    }
    let clock = Clock::new(ctx.handle(), now);
    let mut status = Status::Success;
    for (head, dest) in found {
        let Some((mut dest, told)) = dest else {
            status = not_found(ctx, json_wanted);
            continue;
        };
        head.complete(&mut dest);
        if args.has("bestpath") {
            dest.paths.retain(|p| p.best);
        } else if args.has("multipath") {
            dest.paths.retain(|p| p.best || p.multipath);
        }
        if json_wanted {
            line!(ctx.out, "{}", pretty_at(&json(&dest, &told, &clock), 0));
        } else {
            text(&mut ctx.out, &dest, &head, &told, &clock);
        }
    }
    Ok(status)
}

fn not_found(ctx: &mut Ctx<'_>, json: bool) -> Status {
    if json {
        ctx.out.push("{\n}\n");
        return Status::Success;
    }
    line!(ctx.out, "% Network not in table");
    Status::Warning
}
