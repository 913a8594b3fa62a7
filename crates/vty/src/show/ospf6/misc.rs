//! `redistribute`, `summary-address`, `graceful-restart helper`, `zebra`.

use ferr_state::Gone;
use ferr_state::ferr_ospf::config::Redistribute;
use ferr_state::ferr_ospf::wire::{Body, LsaType};
use ferr_state::ferr_ospf::{Instance, ScopeId};
use ferr_types::{Prefix, Protocol};
use serde_json::Value;

use crate::json::Obj;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;
use crate::show::ospf::misc::{gathered, summary_json, summary_text, take_help};
use crate::show::ospf::rows::{Filter, Row, Rows};
use crate::show::ospf::select::{Target, Targets, V3, ask};

/// Runs `show ipv6 ospf6 graceful-restart helper`.
pub(super) async fn helper(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let detail = args.has("detail");
    for target in &targets.found {
        let Some(help) = ask(ctx, target, take_help).await? else { continue };
        if args.has("json") {
            ctx.out.push(&help.json(detail).pretty());
            continue;
        }
        line!(ctx.out, " OSPFv3 Routing Process (0) with Router-ID {}", help.router);
        help.text(&mut ctx.out, detail);
    }
    Ok(Status::Success)
}

/// Runs `show ipv6 ospf6 summary-address`.
pub(super) async fn summaries(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let mut root = Obj::new();
    for target in &targets.found {
        let taken = ask(ctx, target, |i, _| {
            let c = i.config();
            (c.aggregation_delay.as_secs(), gathered(i), c.default_metric)
        })
        .await?;
        let Some((delay, summaries, default)) = taken else { continue };
        let vrf = target.name.vrf.clone();
        if args.has("json") {
            let mut o = Obj::new();
            o.put("vrfName", vrf.clone())
                .put("vrfId", target.vrf)
                .put("aggregation delay interval", delay)
                .put("aggregationDelayInterval", delay);
            for (prefix, s, count) in &summaries {
                let metric = s.metric.unwrap_or(default);
                o.put(prefix.to_string(), summary_json(*prefix, s, metric, *count));
            }
            root.put(vrf, o);
            continue;
        }
        line!(ctx.out, "VRF Name: {vrf}");
        line!(ctx.out, "aggregation delay interval :{delay}(in seconds)");
        line!(ctx.out);
        line!(ctx.out, "Summary-address       Metric-type     Metric     Tag         External_Rt_count");
        line!(ctx.out);
        for (prefix, s, count) in &summaries {
            summary_text(&mut ctx.out, *prefix, s, s.metric.unwrap_or(default), *count);
        }
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

/// An external route of this router's own.
struct External {
    id: String,
    prefix: Prefix,
    type2: bool,
    metric: u32,
    /// Address that it is forwarded to.
    forwarding: String,
    /// Letter of the protocol that it is of.
    letter: char,
}

fn external(row: &Row) -> Option<External> {
    let lsa = row.lsa()?;
    match lsa.body() {
        Ok(Body::ExternalV3(e)) if !row.translated => Some(External {
            id: row.key.id.to_string(),
            prefix: Prefix::V6(e.prefix.prefix),
            type2: e.type2,
            metric: e.metric,
            forwarding: e.forwarding.map_or_else(|| ":: (ifindex 0)".to_owned(), |a| a.to_string()),
            letter: '?',
        }),
        _ => None,
    }
}

/// Letters of the protocols whose routes are told.
const fn letter(protocol: Protocol) -> char {
    match protocol {
        Protocol::Kernel => 'K',
        Protocol::Connected | Protocol::Local => 'C',
        Protocol::Static => 'S',
        Protocol::Bgp => 'B',
        Protocol::Ospf | Protocol::Ospf6 => 'O',
        _ => '?',
    }
}

/// All of them.
async fn externals(ctx: &Ctx<'_>, target: &Target) -> Result<Vec<External>, Gone> {
    let filter = Filter { kind: Some(LsaType::EXTERNAL_V3), own: true, ..Filter::default() };
    let rows = Rows::new(ScopeId::As, filter).all(ctx, target).await?;
    let mut routes: Vec<External> = rows.iter().filter_map(external).collect();
    let prefixes: Vec<Prefix> = routes.iter().map(|r| r.prefix).collect();
    let sources =
        ask(ctx, target, move |i, _| prefixes.iter().map(|p| i.redistributed_from(*p)).collect::<Vec<_>>());
    for (route, source) in routes.iter_mut().zip(sources.await?.unwrap_or_default()) {
        route.letter = source.map_or('?', |(protocol, _)| letter(protocol));
    }
    Ok(routes)
}

/// Runs `show ipv6 ospf6 redistribute`: the sources, and what is told of them.
pub(super) async fn redistribute(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let running = ctx.handle().running().await?;
    for target in &targets.found {
        let sources = ask(ctx, target, |i, _| sources(i)).await?.unwrap_or_default();
        let routes = externals(ctx, target).await?;
        if args.has("json") {
            let known = |map: &str| running.route_maps.contains_key(map);
            ctx.out.push(&redistribute_json(&sources, &routes, known).pretty());
            continue;
        }
        line!(ctx.out, "Redistributing External Routes from:");
        for (source, count) in &sources {
            let map =
                source.route_map.as_ref().map(|m| format!(" with route-map \"{m}\"")).unwrap_or_default();
            line!(ctx.out, "    {count}: {}{map}", source.protocol);
        }
        line!(ctx.out, "Total {} routes", routes.len());
        for r in &routes {
            let kind = if r.type2 { 2 } else { 1 };
            let External { id, metric, forwarding, letter, .. } = r;
            let prefix = r.prefix.to_string();
            line!(ctx.out, "{letter} {prefix:<32} {id:<15} type-{kind} {metric:>5} {forwarding}");
        }
    }
    Ok(Status::Success)
}

/// What is redistributed, and how many routes come of each.
fn sources(i: &Instance) -> Vec<(Redistribute, usize)> {
    let counts = i.redistributed();
    let count = |source: &Redistribute| {
        let of = |(protocol, instance): &(Protocol, u16)| {
            *protocol == source.protocol && source.instance.is_none_or(|i| i == *instance)
        };
        counts.iter().filter(|(from, _)| of(from)).map(|(_, count)| count).sum()
    };
    i.config().redistribute.iter().map(|source| (source.clone(), count(source))).collect()
}

fn redistribute_json(
    sources: &[(Redistribute, usize)],
    routes: &[External],
    known: impl Fn(&str) -> bool,
) -> Obj {
    let source = |(source, count): &(Redistribute, usize)| -> Value {
        let mut o = Obj::new();
        o.put("routeType", source.protocol.to_string())
            .put("numberOfRoutes", *count)
            .put("routeMapNamePresent", source.route_map.is_some())
            .opt("routeMapName", source.route_map.clone())
            .opt("routeMapFound", source.route_map.as_deref().map(&known));
        o.into()
    };
    let route = |r: &External| -> Value {
        let mut o = Obj::new();
        o.put("routeType", r.letter.to_string())
            .put("destination", r.prefix.to_string())
            .put("id", r.id.clone())
            .put("metricType", if r.type2 { 2 } else { 1 })
            .put("routeCost", r.metric)
            .put("forwarding", r.forwarding.clone());
        o.into()
    };
    let mut root = Obj::new();
    root.put("redistributedRoutes", sources.iter().map(source).collect::<Vec<_>>())
        .put("totalRoutes", routes.len())
        .put("routes", routes.iter().map(route).collect::<Vec<_>>());
    root
}

/// Runs `show ipv6 ospf6 zebra`.
pub(super) async fn zebra(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    for target in &targets.found {
        let taken = ask(ctx, target, |i, _| {
            let c = i.config();
            let watched = c.default_originate.as_ref().is_some_and(|d| !d.always);
            (c.redistribute.clone(), u8::from(watched))
        })
        .await?;
        let Some((sources, default)) = taken else { continue };
        let mut names: Vec<String> = sources.iter().map(|s| s.protocol.to_string()).collect();
        // FRR hears of its own routes as well.
        names.push(Protocol::Ospf6.to_string());
        if args.has("json") {
            let (mut root, mut o) = (Obj::new(), Obj::new());
            o.put("fail", 0).put("redistributeDefault", default).put("redistribute", names);
            root.put("zebraInformation", o);
            ctx.out.push(&root.pretty());
            continue;
        }
        line!(ctx.out, "Zebra Information");
        line!(ctx.out, "  fail: 0");
        line!(ctx.out, "  redistribute default: {default}");
        line!(ctx.out, "  redistribute:{}", names.iter().map(|n| format!(" {n}")).collect::<String>());
    }
    Ok(Status::Success)
}
