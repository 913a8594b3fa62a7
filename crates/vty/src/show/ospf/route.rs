//! `show ip ospf route`, `border-routers`, `reachable-routers`.

use ferr_state::Gone;
use ferr_state::ferr_ospf::view::{PathKind, RouteView, RouterRouteView, WayView};
use ferr_types::Prefix;
use serde_json::Value;

use super::links::Links;
use super::select::{Target, Targets, V2, ask};
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// Routes per request.
const SLICE: usize = 512;

/// Goes through the routes of an instance.
#[derive(Debug, Default)]
pub(in crate::show) struct Routes {
    after: Option<Prefix>,
}

impl Routes {
    /// The next ones; none at the end.
    pub(in crate::show) async fn next(
        &mut self,
        ctx: &Ctx<'_>,
        target: &Target,
    ) -> Result<Vec<RouteView>, Gone> {
        let after = self.after;
        let slice = ask(ctx, target, move |i, _| i.routes(after, SLICE)).await?.unwrap_or_default();
        if let Some(last) = slice.last() {
            self.after = Some(last.prefix);
        }
        Ok(slice)
    }

    /// All of them, where an answer has to be whole.
    pub(in crate::show) async fn all(ctx: &Ctx<'_>, target: &Target) -> Result<Vec<RouteView>, Gone> {
        let (mut routes, mut out) = (Self::default(), Vec::new());
        loop {
            let slice = routes.next(ctx, target).await?;
            if slice.is_empty() {
                return Ok(out);
            }
            out.extend(slice);
        }
    }
}

const fn is_external(kind: PathKind) -> bool {
    matches!(kind, PathKind::External1 | PathKind::External2)
}

fn ways(out: &mut Out<'_>, ways: &[WayView], links: &Links) {
    for way in ways {
        let link = links.name(way.ifindex);
        match way.gateway {
            Some(gateway) => line!(out, "{:27}via {gateway}, {link}", ""),
            None => line!(out, "{:27}directly attached to {link}", ""),
        }
    }
}

fn backups(out: &mut Out<'_>, backup: &[WayView], links: &Links) {
    for way in backup {
        let link = links.name(way.ifindex);
        let gateway = way.gateway.map(|g| format!("{g}, ")).unwrap_or_default();
        line!(out, "{:27}backup via {gateway}{link}", "");
    }
}

fn ways_json(ways: &[WayView], links: &Links) -> Vec<Value> {
    let way = |way: &WayView| {
        let link = links.name(way.ifindex);
        let mut o = Obj::new();
        match way.gateway {
            Some(gateway) => o.put("ip", gateway.to_string()).put("via", link),
            None => {
                o.put("ip", " ").put("directly attached to", link.clone()).put("directlyAttachedTo", link)
            }
        };
        o.into()
    };
    ways.iter().map(way).collect()
}

fn network(out: &mut Out<'_>, route: &RouteView, links: &Links, detail: bool) {
    if route.ways.is_empty() {
        return line!(out, "D IA {:<18}    Discard entry", route.prefix.to_string());
    }
    let kind = if route.kind == PathKind::Inter { "N IA" } else { "N   " };
    line!(out, "{kind} {:<18}    [{}] area: {}", route.prefix.to_string(), route.cost, route.area);
    ways(out, &route.ways, links);
    if detail {
        backups(out, &route.backup, links);
    }
}

fn external(out: &mut Out<'_>, route: &RouteView, links: &Links, detail: bool) {
    let prefix = route.prefix.to_string();
    match route.type2_cost {
        Some(metric) => {
            line!(out, "N E2 {prefix:<18}    [{}/{metric}] tag: {}", route.cost, route.tag);
        }
        None => line!(out, "N E1 {prefix:<18}    [{}] tag: {}", route.cost, route.tag),
    }
    ways(out, &route.ways, links);
    if detail {
        backups(out, &route.backup, links);
    }
}

fn route_json(route: &RouteView, links: &Links, detail: bool) -> Obj {
    let mut o = Obj::new();
    match route.kind {
        PathKind::Inter if route.ways.is_empty() => o.put("routeType", "D IA"),
        PathKind::Intra => o.put("routeType", "N"),
        PathKind::Inter => o.put("routeType", "N IA"),
        PathKind::External1 => o.put("routeType", "N E1"),
        PathKind::External2 => o.put("routeType", "N E2"),
    };
    if route.ways.is_empty() {
        return o;
    }
    o.put("cost", route.cost);
    if is_external(route.kind) {
        o.opt("type2cost", route.type2_cost).put("tag", route.tag.0);
    } else {
        o.put("area", route.area.to_string());
    }
    o.put("nexthops", ways_json(&route.ways, links));
    if detail && !route.backup.is_empty() {
        o.put("backups", ways_json(&route.backup, links));
    }
    o
}

const ROUTERS: &str = "============ OSPF router routing table =============";
const REACHABLE: &str = "============ OSPF reachable routers table =============";

fn router(out: &mut Out<'_>, route: &RouterRouteView, links: &Links) {
    let kind = if route.kind == PathKind::Inter { "IA" } else { "  " };
    let (abr, asbr) = (if route.abr { ", ABR" } else { "" }, if route.asbr { ", ASBR" } else { "" });
    line!(
        out,
        "R    {:<15}    {kind} [{}] area: {}{abr}{asbr}",
        route.router.to_string(),
        route.cost,
        route.area
    );
    ways(out, &route.ways, links);
}

fn router_json(route: &RouterRouteView, links: &Links) -> Obj {
    let mut o = Obj::new();
    o.put("routeType", "R ").put("cost", route.cost).put("area", route.area.to_string());
    if route.kind == PathKind::Inter {
        o.put("IA", true).put("ia", true);
    }
    let kind = match (route.abr, route.asbr) {
        (true, true) => Some("abr asbr"),
        (true, false) => Some("abr"),
        (false, true) => Some("asbr"),
        (false, false) => None,
    };
    o.opt("routerType", kind).put("nexthops", ways_json(&route.ways, links));
    o
}

/// `show ip ospf route`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let links = Links::take(ctx).await?;
    let detail = args.has("detail");
    let mut root = Obj::new();
    for target in &targets.found {
        let routers = ask(ctx, target, |i, _| i.router_routes(None)).await?.unwrap_or_default();
        if args.has("json") {
            let routes = Routes::all(ctx, target).await?;
            let mut o = Obj::new();
            for route in routes.iter().filter(|r| !is_external(r.kind)) {
                o.put(route.prefix.to_string(), route_json(route, &links, detail));
            }
            for route in &routers {
                o.put(route.router.to_string(), router_json(route, &links));
            }
            for route in routes.iter().filter(|r| is_external(r.kind)) {
                o.put(route.prefix.to_string(), route_json(route, &links, detail));
            }
            targets.place(&mut root, target, o);
            continue;
        }
        targets.title(ctx, target);
        line!(ctx.out, "============ OSPF network routing table ============");
        section(ctx, target, |r| !is_external(r.kind), |out, r| network(out, r, &links, detail)).await?;
        line!(ctx.out);
        line!(ctx.out, "{ROUTERS}");
        routers.iter().for_each(|route| router(&mut ctx.out, route, &links));
        line!(ctx.out);
        line!(ctx.out, "============ OSPF external routing table ===========");
        section(ctx, target, |r| is_external(r.kind), |out, r| external(out, r, &links, detail)).await?;
        line!(ctx.out);
        line!(ctx.out);
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

async fn section(
    ctx: &mut Ctx<'_>,
    target: &Target,
    wanted: impl Fn(&RouteView) -> bool,
    print: impl Fn(&mut Out<'_>, &RouteView),
) -> Result<(), crate::output::Stop> {
    let mut routes = Routes::default();
    loop {
        let slice = routes.next(ctx, target).await?;
        if slice.is_empty() {
            return Ok(());
        }
        slice.iter().filter(|r| wanted(r)).for_each(|route| print(&mut ctx.out, route));
        ctx.out.breathe().await?;
    }
}

/// `show ip ospf border-routers`.
pub(super) async fn border_routers(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    routers(ctx, args, ROUTERS).await
}

/// `show ip ospf reachable-routers`.
pub(super) async fn reachable_routers(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    routers(ctx, args, REACHABLE).await
}

async fn routers(ctx: &mut Ctx<'_>, args: &Args, head: &str) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let links = Links::take(ctx).await?;
    let mut root = Obj::new();
    for target in &targets.found {
        let mut routers = ask(ctx, target, |i, _| i.router_routes(None)).await?.unwrap_or_default();
        routers.retain(|r| head == ROUTERS || r.kind == PathKind::Intra);
        if args.has("json") {
            let mut o = Obj::new();
            for route in &routers {
                o.put(route.router.to_string(), router_json(route, &links));
            }
            let mut under = Obj::new();
            under.put("routers", o);
            targets.place(&mut root, target, under);
            continue;
        }
        targets.title(ctx, target);
        line!(ctx.out, "{head}");
        routers.iter().for_each(|route| router(&mut ctx.out, route, &links));
        line!(ctx.out);
        line!(ctx.out);
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

#[cfg(test)]
mod tests;
