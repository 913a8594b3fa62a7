//! `show ipv6 ospf6 route`, `border-routers`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ferr_state::ferr_ospf::view::{PathKind, RouteView, RouterRouteView, VertexView};
use ferr_state::ferr_ospf::wire::{Body, LinkStateId, LsaType, Options, PrefixOptions, RouterBits};
use ferr_state::ferr_ospf::{Instance, ScopeId};
use ferr_types::{AreaId, Ipv6Prefix, Prefix, RouterId};

use super::origin::{Origin, Origins};
use super::record::{Record, What, named, names, ways_json};
use super::text;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::ospf::links::Links;
use crate::show::ospf::route::Routes;
use crate::show::ospf::rows::{Filter, Rows, Shape};
use crate::show::ospf::select::{Target, Targets, V3, ask};
use crate::show::{Clock, Ctx};
use crate::time::span6;

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
        // Of a range of its own a router discards what it does not know: that is no way to anywhere.
        !route.ways.is_empty()
            && self.kind.is_none_or(|kind| kind == route.kind)
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
        let mut origins = Origins::default();
        if detail && let Some(shape) = Shape::take(ctx, target).await? {
            origins = Origins::take(ctx, target, &shape).await?;
        }
        if args.has("json") || wanted.addr.is_some() {
            let mut routes = Routes::all(ctx, target).await?;
            routes.retain(|r| wanted.is(r));
            wanted.narrow(&mut routes);
            if args.has("json") {
                ctx.out.push(&json(&routes, &links, clock, detail.then_some(&origins)).pretty());
            } else {
                routes.iter().for_each(|r| record(r, &links, clock, &origins).text(&mut ctx.out));
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
                    record(route, &links, clock, &origins).text(&mut ctx.out);
                } else {
                    brief(&mut ctx.out, route, &links, clock);
                }
            }
            ctx.out.breathe().await?;
        }
    }
    Ok(Status::Success)
}

fn brief(out: &mut Out<'_>, route: &RouteView, links: &Links, clock: Clock) {
    let (short, _) = names(route.kind);
    let age = span6(clock.age(route.since));
    for (n, (gateway, link)) in named(&route.ways, links).into_iter().enumerate() {
        if n == 0 {
            line!(out, "*N {short} {:<30} {gateway:<25} {link:>6} {age}", route.prefix.to_string());
        } else {
            line!(out, "{:36} {gateway:<25} {link:>6}", "");
        }
    }
}

/// A route in full.
fn record(route: &RouteView, links: &Links, clock: Clock, origins: &Origins) -> Record {
    Record {
        what: What::Network,
        destination: route.prefix.to_string(),
        age: clock.age(route.since),
        area: route.area,
        kind: route.kind,
        origin: origins.of(route).copied(),
        options: Options::empty(),
        bits: RouterBits::empty(),
        metric_type: match route.kind {
            PathKind::Inter => 0,
            PathKind::Intra | PathKind::External1 => 1,
            PathKind::External2 => 2,
        },
        cost: (route.cost, route.type2_cost.unwrap_or(0)),
        paths: 1,
        ways: named(&route.ways, links),
        backup: named(&route.backup, links),
    }
}

/// Routes as JSON, in full with where they come from.
fn json(routes: &[RouteView], links: &Links, clock: Clock, detail: Option<&Origins>) -> Obj {
    let mut under = Obj::new();
    for route in routes {
        let o = detail.map_or_else(
            || {
                let mut o = Obj::new();
                o.put("isBestRoute", true)
                    .put("destinationType", "N")
                    .put("pathType", names(route.kind).0)
                    .put("duration", span6(clock.age(route.since)))
                    .put("nextHops", ways_json(&named(&route.ways, links)));
                o
            },
            |origins| record(route, links, clock, origins).json(),
        );
        under.put(route.prefix.to_string(), o);
    }
    let mut root = Obj::new();
    root.put("routes", under);
    root
}

async fn summary(ctx: &mut Ctx<'_>, args: &Args, target: &Target) -> Result<(), ferr_state::Gone> {
    let (mut routes, mut total, mut several) = (Routes::default(), 0_usize, 0_usize);
    let mut kinds = [0_usize; 4];
    loop {
        let slice = routes.next(ctx, target).await?;
        if slice.is_empty() {
            break;
        }
        for route in slice.iter().filter(|r| !r.ways.is_empty()) {
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

/// A border router of an area, this one among them.
struct Border {
    router: RouterId,
    area: AreaId,
    record: Record,
}

/// What is to know of the border routers of one area.
struct Known {
    inside: Vec<VertexView>,
    outside: Vec<RouterRouteView>,
    age: Duration,
}

impl Known {
    fn take(instance: &Instance, area: AreaId, clock: Clock) -> Self {
        let border = RouterBits::BORDER | RouterBits::EXTERNAL;
        let mut inside = instance.vertices(area);
        inside.retain(|v| v.network.is_none() && v.bits.intersects(border));
        let mut outside = instance.router_routes(Some(area));
        outside.retain(|r| r.kind == PathKind::Inter);
        let view = instance.view(clock.now);
        let last = view.areas.iter().find(|a| a.id == area).and_then(|a| a.spf_last);
        Self { inside, outside, age: last.map(|at| clock.age(at)).unwrap_or_default() }
    }
}

/// The router-LSA of a router.
pub(super) const fn router_lsa(router: RouterId) -> Origin {
    Origin { kind: LsaType::ROUTER_V3, id: LinkStateId(0), router, options: PrefixOptions::empty() }
}

fn inside(vertex: &VertexView, area: AreaId, age: Duration, links: &Links) -> Border {
    let record = Record {
        what: What::Router,
        destination: vertex.router.to_string(),
        age,
        area,
        kind: PathKind::Intra,
        origin: Some(router_lsa(vertex.router)),
        options: vertex.options,
        bits: vertex.bits,
        metric_type: 1,
        cost: (vertex.cost, u32::from(!vertex.ways.is_empty())),
        paths: 0,
        ways: named(&vertex.ways, links),
        backup: Vec::new(),
    };
    Border { router: vertex.router, area, record }
}

/// LSAs of an area that tell of AS boundary routers of others: which router, with what options.
async fn told(
    ctx: &Ctx<'_>,
    target: &Target,
    area: AreaId,
) -> Result<Vec<(RouterId, Origin, Options)>, ferr_state::Gone> {
    let filter = Filter { kind: Some(LsaType::INTER_AREA_ROUTER), ..Filter::default() };
    let rows = Rows::new(ScopeId::Area(area), filter).all(ctx, target).await?;
    let mut out = Vec::new();
    for row in &rows {
        if let Some(Ok(Body::InterAreaRouter(inter))) = row.lsa().map(|lsa| lsa.body()) {
            let (id, router, options) = (row.key.id, row.key.router, PrefixOptions::empty());
            out.push((inter.router, Origin { kind: row.key.kind, id, router, options }, inter.options));
        }
    }
    Ok(out)
}

async fn borders(ctx: &Ctx<'_>, target: &Target, links: &Links) -> Result<Vec<Border>, ferr_state::Gone> {
    let Some(shape) = Shape::take(ctx, target).await? else { return Ok(Vec::new()) };
    let mut borders = Vec::new();
    for area in shape.areas.keys().copied() {
        let known = ask(ctx, target, move |i, clock| Known::take(i, area, clock)).await?;
        let Some(known) = known else { continue };
        borders.extend(known.inside.iter().map(|v| inside(v, area, known.age, links)));
        let told = if known.outside.is_empty() { Vec::new() } else { told(ctx, target, area).await? };
        borders.extend(known.outside.iter().map(|route| {
            let found = told.iter().find(|(router, ..)| *router == route.router);
            let record = Record {
                what: What::Router,
                destination: route.router.to_string(),
                age: known.age,
                area,
                kind: route.kind,
                origin: found.map(|(_, origin, _)| *origin),
                options: found.map_or(Options::empty(), |(.., options)| *options),
                bits: RouterBits::EXTERNAL,
                metric_type: 1,
                cost: (route.cost, 0),
                paths: 0,
                ways: named(&route.ways, links),
                backup: Vec::new(),
            };
            Border { router: route.router, area, record }
        }));
    }
    borders.sort_by_key(|b| (b.router, b.area));
    Ok(borders)
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
        let mut borders = borders(ctx, target, &links).await?;
        borders.retain(|b| wanted.is_none_or(|w| w == b.router.0));
        if args.has("detail") || wanted.is_some() {
            borders.iter().for_each(|b| b.record.text(&mut ctx.out));
            continue;
        }
        let head = ("Router-ID", "Rtr-Bits", "Options", "Path-Type", "Area");
        line!(ctx.out, "{:<15} {:<8} {:<14} {:<10} {:<15}", head.0, head.1, head.2, head.3, head.4);
        for Border { router, area, record } in &borders {
            line!(
                ctx.out,
                "{:<15} {:<8} {:<14} {:<10} {:<15}",
                router.to_string(),
                text::router_bits(record.bits),
                text::options(record.options),
                names(record.kind).1,
                area.to_string()
            );
        }
    }
    Ok(Status::Success)
}

#[cfg(test)]
mod tests;
