//! `show ipv6 ospf6 route`, `border-routers`.

use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_state::ferr_ospf::view::{PathKind, RouteView, RouterRouteView, WayView};
use ferr_state::ferr_ospf::wire::{Options, RouterBits};
use ferr_types::{Ipv6Prefix, Prefix};
use serde_json::Value;

use super::text;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::ospf::links::Links;
use crate::show::ospf::route::Routes;
use crate::show::ospf::select::{Target, Targets, V3, ask};
use crate::show::{Clock, Ctx};
use crate::time::span6;

/// Kind of a path: short, in full.
const fn names(kind: PathKind) -> (&'static str, &'static str) {
    match kind {
        PathKind::Intra => ("IA", "Intra-Area"),
        PathKind::Inter => ("IE", "Inter-Area"),
        PathKind::External1 => ("E1", "External-1"),
        PathKind::External2 => ("E2", "External-2"),
    }
}

/// Which routes a line means.
struct Wanted {
    kind: Option<PathKind>,
    addr: Option<Ipv6Addr>,
    prefix: Option<Ipv6Prefix>,
    longer: bool,
    covering: bool,
}

impl Wanted {
    fn of(args: &Args) -> Self {
        let kind = match args.one_of(&["intra-area", "inter-area", "external-1", "external-2"]) {
            Some("intra-area") => Some(PathKind::Intra),
            Some("inter-area") => Some(PathKind::Inter),
            Some("external-1") => Some(PathKind::External1),
            Some(_) => Some(PathKind::External2),
            None => None,
        };
        Self {
            kind,
            addr: args.get("X:X::X:X").and_then(|a| a.parse().ok()),
            prefix: args.get("X:X::X:X/M").and_then(|p| p.parse().ok()),
            longer: args.has("longer"),
            covering: args.has("match"),
        }
    }

    fn is(&self, route: &RouteView) -> bool {
        let Prefix::V6(own) = route.prefix else { return false };
        self.kind.is_none_or(|kind| kind == route.kind)
            && self.addr.is_none_or(|addr| own.contains(addr))
            && self.prefix.is_none_or(|p| match (self.longer, self.covering) {
                (true, _) => p.covers(own),
                (_, true) => own.covers(p),
                _ => p == own,
            })
    }

    /// Of the routes to one address the longest.
    fn narrow(&self, routes: &mut Vec<RouteView>) {
        if self.addr.is_some() {
            let longest = routes.iter().map(|r| r.prefix.len()).max();
            routes.retain(|r| Some(r.prefix.len()) == longest);
        }
    }
}

/// Runs `show ipv6 ospf6 route`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let links = Links::take(ctx).await?;
    let wanted = Wanted::of(args);
    let one = wanted.addr.is_some() || wanted.prefix.is_some() && !wanted.longer && !wanted.covering;
    let detail = args.has("detail") || one;
    for target in &targets.found {
        let Some(clock) = ask(ctx, target, |_, clock| clock).await? else { continue };
        if args.has("summary") {
            summary(ctx, args, target).await?;
            continue;
        }
        if args.has("json") || wanted.addr.is_some() {
            let mut routes = Routes::all(ctx, target).await?;
            routes.retain(|r| wanted.is(r));
            wanted.narrow(&mut routes);
            if args.has("json") {
                ctx.out.push(&json(&routes, &links, clock, detail).pretty());
            } else {
                routes.iter().for_each(|r| detail_text(&mut ctx.out, r, &links, clock));
            }
            continue;
        }
        let mut routes = Routes::default();
        loop {
            let slice = routes.next(ctx, target).await?;
            if slice.is_empty() {
                break;
            }
            for route in slice.iter().filter(|r| wanted.is(r)) {
                if detail {
                    detail_text(&mut ctx.out, route, &links, clock);
                } else {
                    brief(&mut ctx.out, route, &links, clock);
                }
            }
            ctx.out.breathe().await?;
        }
    }
    Ok(Status::Success)
}

fn gateway(way: &WayView) -> String {
    way.gateway.map_or_else(|| "::".to_owned(), |g| g.to_string())
}

fn brief(out: &mut Out<'_>, route: &RouteView, links: &Links, clock: Clock) {
    let (short, _) = names(route.kind);
    let age = span6(clock.age(route.since));
    for (n, way) in route.ways.iter().enumerate() {
        let link = links.name(way.ifindex);
        if n == 0 {
            line!(out, "*N {short} {:<30} {:<25} {link:>6} {age}", route.prefix.to_string(), gateway(way));
        } else {
            line!(out, "{:36} {:<25} {link:>6}", "", gateway(way));
        }
    }
}

fn ways_json(ways: &[WayView], links: &Links) -> Vec<Value> {
    let way = |way: &WayView| {
        let mut o = Obj::new();
        o.put("nextHop", gateway(way)).put("interfaceName", links.name(way.ifindex));
        o.into()
    };
    ways.iter().map(way).collect()
}

fn json(routes: &[RouteView], links: &Links, clock: Clock, detail: bool) -> Obj {
    let mut under = Obj::new();
    for route in routes {
        let (short, long) = names(route.kind);
        let age = span6(clock.age(route.since));
        let mut o = Obj::new();
        if detail {
            o.put("destinationType", "Network")
                .put("installedTimeSince", age.clone())
                .put("changedTimeSince", age)
                .put("flags", "BA--")
                .put("associatedArea", route.area.to_string())
                .put("pathType", long)
                .put("metricType", if route.type2_cost.is_some() { 2 } else { 1 })
                .put("metricCost", route.cost)
                .put("metricCostE2", route.type2_cost.unwrap_or(0))
                .put("pathsCount", 1)
                .put("nextHopCount", route.ways.len());
        } else {
            o.put("isBestRoute", true)
                .put("destinationType", "N")
                .put("pathType", short)
                .put("duration", age);
        }
        o.put("nextHops", ways_json(&route.ways, links));
        under.put(route.prefix.to_string(), o);
    }
    let mut root = Obj::new();
    root.put("routes", under);
    root
}

fn detail_text(out: &mut Out<'_>, route: &RouteView, links: &Links, clock: Clock) {
    let age = span6(clock.age(route.since));
    line!(out, "Destination: {}", route.prefix);
    line!(out, "Destination type: Network");
    line!(out, "Installed Time: {age} ago");
    line!(out, "Changed Time: {age} ago");
    line!(out, "Lock: 1 Flags: BA--");
    line!(out, "Associated Area: {}", route.area);
    line!(out, "Path Type: {}", names(route.kind).1);
    line!(out, "Metric Type: {}", if route.type2_cost.is_some() { 2 } else { 1 });
    line!(out, "Metric: {} ({})", route.cost, route.type2_cost.unwrap_or(0));
    line!(out, "Paths count: 1");
    line!(out, "Nexthop count: {}", route.ways.len());
    line!(out, "Nexthop:");
    for way in &route.ways {
        line!(out, "  {} {}", gateway(way), links.name(way.ifindex));
    }
    for way in &route.backup {
        line!(out, "  {} {}, backup", gateway(way), links.name(way.ifindex));
    }
    line!(out);
}

async fn summary(ctx: &mut Ctx<'_>, args: &Args, target: &Target) -> Result<(), ferr_state::Gone> {
    let (mut routes, mut total, mut several) = (Routes::default(), 0_usize, 0_usize);
    let mut kinds = [0_usize; 4];
    loop {
        let slice = routes.next(ctx, target).await?;
        if slice.is_empty() {
            break;
        }
        for route in &slice {
            total += 1;
            several += usize::from(route.ways.len() > 1);
            kinds[route.kind as usize] += 1;
        }
    }
    let [intra, inter, external1, external2] = kinds;
    if args.has("json") {
        let mut o = Obj::new();
        o.put("numberOfOspfv3Routes", total)
            .put("numberOfDestination", total)
            .put("numberOfAlternativeRoutes", 0)
            .put("numberOfEcmp", several)
            .put("numberOfIntraAreaRoutes", intra)
            .put("numberOfInterAreaRoutes", inter)
            .put("numberOfExternal1Routes", external1)
            .put("numberOfExternal2Routes", external2);
        ctx.out.push(&o.pretty());
        return Ok(());
    }
    line!(ctx.out, "Number of OSPFv3 routes: {total}");
    line!(ctx.out, "Number of Destination: {total}");
    line!(ctx.out, "Number of Alternative routes: 0");
    line!(ctx.out, "Number of Equal Cost Multi Path: {several}");
    line!(ctx.out, "Number of Intra-Area routes: {intra}");
    line!(ctx.out, "Number of Inter-Area routes: {inter}");
    line!(ctx.out, "Number of External-1 routes: {external1}");
    line!(ctx.out, "Number of External-2 routes: {external2}");
    Ok(())
}

/// What a router is, as far as its way says.
fn bits(route: &RouterRouteView) -> RouterBits {
    let mut bits = RouterBits::empty();
    bits.set(RouterBits::BORDER, route.abr);
    bits.set(RouterBits::EXTERNAL, route.asbr);
    bits
}

/// Runs `show ipv6 ospf6 border-routers`.
pub(super) async fn border_routers(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let links = Links::take(ctx).await?;
    let wanted: Option<Ipv4Addr> = args.get("A.B.C.D").and_then(|a| a.parse().ok());
    for target in &targets.found {
        let mut routers = ask(ctx, target, |i, _| i.router_routes(None)).await?.unwrap_or_default();
        routers.retain(|r| wanted.is_none_or(|w| w == r.router.0));
        if args.has("detail") || wanted.is_some() {
            routers.iter().for_each(|r| router_text(&mut ctx.out, r, &links));
            continue;
        }
        line!(
            ctx.out,
            "{:<15} {:<8} {:<14} {:<10} {:<15}",
            "Router-ID",
            "Rtr-Bits",
            "Options",
            "Path-Type",
            "Area"
        );
        for r in &routers {
            line!(
                ctx.out,
                "{:<15} {:<8} {:<14} {:<10} {:<15}",
                r.router.to_string(),
                text::router_bits(bits(r)),
                text::options(known_options()),
                names(r.kind).1,
                r.area.to_string()
            );
        }
    }
    Ok(Status::Success)
}

/// What every router that is on a way can.
const fn known_options() -> Options {
    Options::V6.union(Options::E).union(Options::R)
}

fn router_text(out: &mut Out<'_>, route: &RouterRouteView, links: &Links) {
    line!(out, "Destination: {}", route.router);
    line!(out, "Destination type: Router");
    line!(out, "Associated Area: {}", route.area);
    line!(out, "Path Type: {}", names(route.kind).1);
    line!(out, "Router Bits: {}", text::router_bits(bits(route)));
    line!(out, "Metric Type: 1");
    line!(out, "Metric: {} (0)", route.cost);
    line!(out, "Nexthop count: {}", route.ways.len());
    line!(out, "Nexthop:");
    for way in &route.ways {
        line!(out, "  {} {}", gateway(way), links.name(way.ifindex));
    }
    line!(out);
}

#[cfg(test)]
mod tests;
