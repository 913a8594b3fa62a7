//! `show ip ospf database`.

use ferr_state::Gone;
use ferr_state::ferr_ospf::ScopeId;
use ferr_state::ferr_ospf::wire::Scope;
use ferr_types::RouterId;
use serde_json::Value;

use super::lsa::{self, KINDS, Kind};
use super::rows::{Filter, Row, Rows, Shape};
use super::select::{Target, Targets, V2};
use super::text;
use crate::json::Obj;
use crate::output::{Outcome, Status, Stop, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// MaxAge, seconds.
const MAX_AGE: u16 = 3600;

/// What a line asks for.
struct Query {
    /// One type, else all.
    kind: Option<&'static Kind>,
    filter: Filter,
    detail: bool,
}

impl Query {
    fn of(args: &Args) -> Self {
        let kind = KINDS.iter().find(|k| args.has(k.word));
        let router = args.after("adv-router").and_then(|a| a.parse().ok()).map(RouterId);
        // The address behind the type is the Link State ID, that behind `adv-router` is not.
        let id = kind.and_then(|k| args.after(k.word)).and_then(|a| a.parse::<std::net::Ipv4Addr>().ok());
        let filter = Filter {
            kind: None,
            id: id.map(std::net::Ipv4Addr::to_bits),
            router,
            own: args.has("self-originate"),
        };
        Self { kind, filter, detail: kind.is_some() || args.has("detail") }
    }

    fn filter(&self, kind: &Kind) -> Filter {
        Filter { kind: Some(kind.kind), ..self.filter.clone() }
    }

    /// Answers about the LSAs of one router have another form.
    fn is_of_router(&self) -> bool {
        self.filter.router.is_some() || self.filter.own
    }
}

/// Scopes that hold LSAs of a type, each with the area that it is shown under.
fn scopes(shape: &Shape, kind: &Kind) -> Vec<(Option<ferr_types::AreaId>, Vec<ScopeId>)> {
    match kind.kind.scope() {
        Scope::As => vec![(None, vec![ScopeId::As])],
        Scope::Link => {
            let of = |area: &ferr_types::AreaId| {
                let links = shape.links.iter().filter(|(.., a)| a == area);
                links.map(|(key, ..)| ScopeId::Link(*key)).collect()
            };
            shape.areas.keys().map(|area| (Some(*area), of(area))).collect()
        }
        _ => shape.areas.keys().map(|area| (Some(*area), vec![ScopeId::Area(*area)])).collect(),
    }
}

/// Runs it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let query = Query::of(args);
    let mut root = Obj::new();
    for target in &targets.found {
        let Some(shape) = Shape::take(ctx, target).await? else { continue };
        if args.has("json") {
            let answer = match query.kind {
                Some(kind) if query.is_of_router() => router_json(ctx, target, &shape, &query, kind).await?,
                Some(kind) => kind_json(ctx, target, &shape, &query, kind).await?,
                None => whole_json(ctx, target, &shape, &query).await?,
            };
            targets.place(&mut root, target, answer);
            continue;
        }
        targets.title(ctx, target);
        line!(ctx.out);
        line!(ctx.out, "       OSPF Router with ID ({})", shape.router);
        line!(ctx.out);
        match query.kind {
            Some(kind) => kind_text(ctx, target, &shape, &query, kind).await?,
            None => whole_text(ctx, target, &shape, &query).await?,
        }
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

fn title(shape: &Shape, kind: &Kind, area: Option<ferr_types::AreaId>) -> String {
    match area {
        Some(area) => format!("{} (Area {})", kind.title, text::area(area, shape.areas.get(&area))),
        None => kind.title.to_owned(),
    }
}

/// Tables area by area, then those of the AS.
async fn whole_text(ctx: &mut Ctx<'_>, target: &Target, shape: &Shape, query: &Query) -> Result<(), Stop> {
    let area_kinds = || KINDS.iter().filter(|k| k.kind.scope() != Scope::As);
    for area in shape.areas.keys() {
        for kind in area_kinds() {
            let of_area = scopes(shape, kind).into_iter().filter(|(a, _)| *a == Some(*area));
            for (area, scopes) in of_area {
                table(ctx, target, shape, query, kind, area, scopes).await?;
            }
        }
    }
    for kind in KINDS.iter().filter(|k| k.kind.scope() == Scope::As) {
        table(ctx, target, shape, query, kind, None, vec![ScopeId::As]).await?;
    }
    line!(ctx.out);
    Ok(())
}

/// One table, when there is something in it.
async fn table(
    ctx: &mut Ctx<'_>,
    target: &Target,
    shape: &Shape,
    query: &Query,
    kind: &Kind,
    area: Option<ferr_types::AreaId>,
    scopes: Vec<ScopeId>,
) -> Result<(), Stop> {
    let mut begun = false;
    for scope in scopes {
        let mut rows = Rows::new(scope, query.filter(kind));
        loop {
            let slice = rows.next(ctx, target).await?;
            if slice.is_empty() {
                break;
            }
            if !begun {
                line!(ctx.out, "                {}", title(shape, kind, area));
                line!(ctx.out);
                if !query.detail {
                    line!(ctx.out, "{}", kind.columns);
                }
                begun = true;
            }
            for row in &slice {
                if query.detail {
                    lsa::detail(&mut ctx.out, row, shape.router);
                } else {
                    lsa::brief(&mut ctx.out, row);
                }
            }
            ctx.out.breathe().await?;
        }
    }
    if begun {
        line!(ctx.out);
    }
    Ok(())
}

async fn kind_text(
    ctx: &mut Ctx<'_>,
    target: &Target,
    shape: &Shape,
    query: &Query,
    kind: &Kind,
) -> Result<(), Stop> {
    for (area, scopes) in scopes(shape, kind) {
        match area {
            Some(_) => {
                line!(ctx.out);
                line!(ctx.out, "                {}", title(shape, kind, area));
            }
            None => line!(ctx.out, "                {} ", kind.title),
        }
        line!(ctx.out);
        for scope in scopes {
            let mut rows = Rows::new(scope, query.filter(kind));
            loop {
                let slice = rows.next(ctx, target).await?;
                if slice.is_empty() {
                    break;
                }
                slice.iter().for_each(|row| lsa::detail(&mut ctx.out, row, shape.router));
                ctx.out.breathe().await?;
            }
        }
    }
    Ok(())
}

async fn all(
    ctx: &Ctx<'_>,
    target: &Target,
    query: &Query,
    kind: &Kind,
    scopes: Vec<ScopeId>,
) -> Result<Vec<Row>, Gone> {
    let mut out = Vec::new();
    for scope in scopes {
        out.extend(Rows::new(scope, query.filter(kind)).all(ctx, target).await?);
    }
    Ok(out)
}

fn objects(rows: &[Row], object: impl Fn(&Row) -> Obj) -> Vec<Value> {
    rows.iter().map(|row| object(row).into()).collect()
}

async fn whole_json(ctx: &Ctx<'_>, target: &Target, shape: &Shape, query: &Query) -> Result<Obj, Gone> {
    let mut root = Obj::new();
    root.put("routerId", shape.router.to_string());
    let form = |row: &Row| {
        if query.detail { lsa::detail_json(row, shape.router) } else { lsa::brief_json(row) }
    };
    let mut areas = Obj::new();
    for area in shape.areas.keys() {
        let mut o = Obj::new();
        for kind in KINDS.iter().filter(|k| k.kind.scope() != Scope::As) {
            let of_area = scopes(shape, kind).into_iter().find(|(a, _)| *a == Some(*area));
            let rows = all(ctx, target, query, kind, of_area.map(|(_, s)| s).unwrap_or_default()).await?;
            if !rows.is_empty() {
                o.put(kind.key, objects(&rows, form)).put(format!("{}Count", kind.key), rows.len());
            }
        }
        areas.put(area.to_string(), o);
    }
    root.put("areas", areas);
    for kind in KINDS.iter().filter(|k| k.kind.scope() == Scope::As) {
        let rows = all(ctx, target, query, kind, vec![ScopeId::As]).await?;
        if !rows.is_empty() {
            root.put(kind.key, objects(&rows, form)).put(format!("{}Count", kind.key), rows.len());
        }
    }
    Ok(root)
}

async fn kind_json(
    ctx: &Ctx<'_>,
    target: &Target,
    shape: &Shape,
    query: &Query,
    kind: &Kind,
) -> Result<Obj, Gone> {
    let mut root = Obj::new();
    root.put("routerId", shape.router.to_string());
    let mut areas = Obj::new();
    for (area, scopes) in scopes(shape, kind) {
        let rows = all(ctx, target, query, kind, scopes).await?;
        let list = objects(&rows, |row| lsa::detail_json(row, shape.router));
        match area {
            Some(area) => areas.put(area.to_string(), list),
            None => root.put(kind.key, list),
        };
    }
    if !areas.is_empty() {
        let mut o = Obj::new();
        o.put("areas", areas);
        root.put(kind.key, o);
    }
    Ok(root)
}

/// LSAs of one router: by area, then by their IDs.
async fn router_json(
    ctx: &Ctx<'_>,
    target: &Target,
    shape: &Shape,
    query: &Query,
    kind: &Kind,
) -> Result<Obj, Gone> {
    let mut root = Obj::new();
    root.put("routerId", shape.router.to_string());
    let mut under = Obj::new();
    for (area, scopes) in scopes(shape, kind) {
        let rows = all(ctx, target, query, kind, scopes).await?;
        let mut o = Obj::new();
        for row in &rows {
            o.put(row.key.id.to_string(), lsa::detail_json(row, shape.router));
        }
        match area {
            Some(area) => under.put(area.to_string(), o),
            None => under.extend(o),
        };
    }
    root.put(kind.title, under);
    Ok(root)
}

/// `show ip ospf database max-age`.
pub(super) async fn max_age(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let mut root = Obj::new();
    for target in &targets.found {
        let Some(shape) = Shape::take(ctx, target).await? else { continue };
        let mut rows = Vec::new();
        let areas = shape.areas.keys().map(|area| ScopeId::Area(*area));
        let links = shape.links.iter().map(|(key, ..)| ScopeId::Link(*key));
        for scope in areas.chain(links).chain([ScopeId::As]) {
            let all = Rows::new(scope, Filter::default()).all(ctx, target).await?;
            rows.extend(all.into_iter().filter(|row| row.age >= MAX_AGE));
        }
        if args.has("json") {
            let mut list = Obj::new();
            for row in &rows {
                let mut o = Obj::new();
                o.put("linkType", row.key.kind.value())
                    .put("linkStateId", row.key.id.to_string())
                    .put("advertisingRouter", row.key.router.to_string())
                    .put("lsaLockCount", 1);
                list.put(row.key.id.to_string(), o);
            }
            let mut o = Obj::new();
            o.put("routerId", shape.router.to_string()).put("maxAgeLinkStates", list);
            targets.place(&mut root, target, o);
            continue;
        }
        targets.title(ctx, target);
        line!(ctx.out);
        line!(ctx.out, "       OSPF Router with ID ({})", shape.router);
        line!(ctx.out);
        line!(ctx.out);
        line!(ctx.out, "                MaxAge Link States:");
        line!(ctx.out);
        for row in &rows {
            line!(ctx.out, "Link type: {}", row.key.kind.value());
            line!(ctx.out, "Link State ID: {}", row.key.id);
            line!(ctx.out, "Advertising Router: {}", row.key.router);
            line!(ctx.out);
        }
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}
