//! `redistribute`, `summary-address`, `graceful-restart helper`, `zebra`.

use ferr_state::ferr_ospf::config::Redistribute;
use ferr_state::ferr_ospf::wire::{Body, LsaType};
use ferr_state::ferr_ospf::{Instance, ScopeId};
use ferr_types::Protocol;
use serde_json::Value;

use crate::json::Obj;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;
use crate::show::ospf::misc::{gathered, summary_json, summary_text, take_help};
use crate::show::ospf::rows::{Filter, Row, Rows};
use crate::show::ospf::select::{Targets, V3, ask};

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

fn external(row: &Row) -> Option<(String, bool, u32)> {
    let lsa = row.lsa()?;
    match lsa.body() {
        Ok(Body::ExternalV3(e)) => Some((e.prefix.prefix.to_string(), e.type2, e.metric)),
        _ => None,
    }
}

/// Runs `show ipv6 ospf6 redistribute`: the sources, and what is told of them.
pub(super) async fn redistribute(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    for target in &targets.found {
        let sources = ask(ctx, target, |i, _| sources(i)).await?.unwrap_or_default();
        let filter = Filter { kind: Some(LsaType::EXTERNAL_V3), own: true, ..Filter::default() };
        let rows = Rows::new(ScopeId::As, filter).all(ctx, target).await?;
        let routes: Vec<(&Row, (String, bool, u32))> =
            rows.iter().filter_map(|row| Some((row, external(row)?))).collect();
        if args.has("json") {
            ctx.out.push(&redistribute_json(&sources, &routes).pretty());
            continue;
        }
        line!(ctx.out, "Redistributing External Routes from:");
        for (source, count) in &sources {
            let map =
                source.route_map.as_ref().map(|m| format!(" with route-map \"{m}\"")).unwrap_or_default();
            line!(ctx.out, "    {count}: {}{map}", source.protocol);
        }
        line!(ctx.out, "Total {} routes", routes.len());
        for (row, (prefix, type2, metric)) in &routes {
            let kind = if *type2 { 2 } else { 1 };
            line!(ctx.out, "  {prefix:<32} {:<15} type-{kind} {metric:>5} ::", row.key.id.to_string());
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

fn redistribute_json(sources: &[(Redistribute, usize)], routes: &[(&Row, (String, bool, u32))]) -> Obj {
    let source = |(source, count): &(Redistribute, usize)| -> Value {
        let mut o = Obj::new();
        o.put("routeType", source.protocol.to_string())
            .put("numberOfRoutes", *count)
            .put("routeMapNamePresent", source.route_map.is_some())
            .opt("routeMapName", source.route_map.clone());
        o.into()
    };
    let route = |(row, (prefix, type2, metric)): &(&Row, (String, bool, u32))| -> Value {
        let mut o = Obj::new();
        o.put("destination", prefix.clone())
            .put("id", row.key.id.to_string())
            .put("metricType", if *type2 { 2 } else { 1 })
            .put("routeCost", *metric)
            .put("forwarding", "::");
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
            (c.redistribute.clone(), u8::from(c.default_originate.is_some()))
        })
        .await?;
        let Some((sources, default)) = taken else { continue };
        let names: Vec<String> = sources.iter().map(|s| s.protocol.to_string()).collect();
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
