//! `show ipv6 ospf6 database`.

use std::net::Ipv4Addr;

use ferr_state::ferr_ospf::ScopeId;
use ferr_state::ferr_ospf::wire::Scope;
use ferr_types::RouterId;
use serde_json::Value;

use super::areas::Areas;
use super::lsa::{self, KINDS};
use crate::json::Obj;
use crate::output::{Outcome, Status, Stop, line};
use crate::pattern::Args;
use crate::show::Ctx;
use crate::show::ospf::rows::{Filter, Row, Rows, Shape};
use crate::show::ospf::select::{Target, Targets, V3};

/// How much of an LSA is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Brief,
    Detail,
    Dump,
    Internal,
}

struct Query {
    filter: Filter,
    /// Scope of the type, when there is one.
    scope: Option<Scope>,
    form: Form,
}

impl Query {
    fn of(args: &Args) -> Self {
        let kind = KINDS.iter().find(|k| args.has(k.word)).map(|k| k.kind);
        let form = match args.one_of(&["detail", "dump", "internal"]) {
            Some("detail") => Form::Detail,
            Some("dump") => Form::Dump,
            Some(_) => Form::Internal,
            None => Form::Brief,
        };
        let (id, router) = names(args);
        let filter = Filter { kind, id: id.map(Ipv4Addr::to_bits), router, own: args.has("self-originated") };
        Self { filter, scope: kind.map(|k| k.scope()), form }
    }

    fn has(&self, scope: Scope) -> bool {
        self.scope.is_none_or(|s| s == scope)
    }
}

/// Link State ID and router that a line names, by words or by place: the first address is the ID, behind `*` it is the router.
fn names(args: &Args) -> (Option<Ipv4Addr>, Option<RouterId>) {
    let after = |word| args.after(word).and_then(|a| a.parse().ok());
    let (id, router) = (after("linkstate-id"), after("adv-router"));
    if id.is_some() || router.is_some() {
        return (id, router.map(RouterId));
    }
    let addrs: Vec<Ipv4Addr> = args.all("A.B.C.D").filter_map(|a| a.parse().ok()).collect();
    match (addrs.as_slice(), args.has("adv-router"), args.has("*")) {
        ([router], true, _) => (None, Some(RouterId(*router))),
        ([id, router], ..) => (Some(*id), Some(RouterId(*router))),
        ([id], ..) => (Some(*id), None),
        _ => (None, None),
    }
}

/// One list of a database.
struct Part {
    scope: ScopeId,
    title: String,
    /// Keys of the JSON list: area, interface.
    area: Option<String>,
    interface: Option<String>,
}

fn parts(shape: &Shape, areas: &Areas, scope: Scope) -> Vec<Part> {
    let part = |scope, title, area, interface| Part { scope, title, area, interface };
    match scope {
        Scope::Area => {
            let of = |area: &ferr_types::AreaId| {
                let name = areas.name(*area);
                let title = format!("Area Scoped Link State Database (Area {name})");
                part(ScopeId::Area(*area), title, Some(name), None)
            };
            shape.areas.keys().map(of).collect()
        }
        Scope::Link => {
            let of = |(key, link, area): &(_, String, _)| {
                let name = areas.name(*area);
                let title = format!("I/F Scoped Link State Database (I/F {link} in Area {name})");
                part(ScopeId::Link(*key), title, Some(name), Some(link.clone()))
            };
            let mut links: Vec<_> = shape.links.iter().collect();
            links.sort_by_key(|(_, _, area)| *area);
            links.into_iter().map(of).collect()
        }
        Scope::As => vec![part(ScopeId::As, "AS Scoped Link State Database".to_owned(), None, None)],
        Scope::Reserved => Vec::new(),
    }
}

/// Scopes in order, with the key of their list.
const SCOPES: [(Scope, &str); 3] = [
    (Scope::Area, "areaScopedLinkStateDb"),
    (Scope::Link, "interfaceScopedLinkStateDb"),
    (Scope::As, "asScopedLinkStateDb"),
];

/// Runs it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let query = Query::of(args);
    for target in &targets.found {
        let Some(shape) = Shape::take(ctx, target).await? else { continue };
        let areas = Areas::of(ctx, target).await?;
        if args.has("json") {
            json(ctx, target, &query, &shape, &areas).await?;
            continue;
        }
        for (scope, _) in SCOPES.into_iter().filter(|(scope, _)| query.has(*scope)) {
            for part in parts(&shape, &areas, scope) {
                line!(ctx.out);
                line!(ctx.out, "        {}", part.title);
                line!(ctx.out);
                text(ctx, target, &query, &part).await?;
            }
        }
        line!(ctx.out);
    }
    Ok(Status::Success)
}

async fn text(ctx: &mut Ctx<'_>, target: &Target, query: &Query, part: &Part) -> Result<(), Stop> {
    if query.form == Form::Brief {
        line!(ctx.out, "{}", lsa::COLUMNS);
    }
    let mut rows = Rows::new(part.scope, query.filter.clone());
    loop {
        let slice = rows.next(ctx, target).await?;
        if slice.is_empty() {
            return Ok(());
        }
        for row in &slice {
            match query.form {
                Form::Brief => lsa::brief(&mut ctx.out, row),
                Form::Detail => lsa::detail(&mut ctx.out, row),
                Form::Dump => lsa::dump(&mut ctx.out, row),
                Form::Internal => lsa::internal(&mut ctx.out, row),
            }
        }
        ctx.out.breathe().await?;
    }
}

fn objects(row: &Row, form: Form) -> Vec<Value> {
    match form {
        Form::Brief => lsa::brief_json(row),
        Form::Detail => vec![lsa::detail_json(row).into()],
        Form::Dump => vec![lsa::dump_json(row).into()],
        Form::Internal => vec![lsa::internal_json(row).into()],
    }
}

async fn json(
    ctx: &mut Ctx<'_>,
    target: &Target,
    query: &Query,
    shape: &Shape,
    areas: &Areas,
) -> Result<(), Stop> {
    let mut root = Obj::new();
    for (scope, key) in SCOPES.into_iter().filter(|(scope, _)| query.has(*scope)) {
        let mut list: Vec<Value> = Vec::new();
        for part in parts(shape, areas, scope) {
            let rows = Rows::new(part.scope, query.filter.clone()).all(ctx, target).await?;
            let lsas: Vec<Value> = rows.iter().flat_map(|row| objects(row, query.form)).collect();
            let mut o = Obj::new();
            o.opt("areaId", part.area).opt("interface", part.interface).put("lsa", lsas);
            list.push(o.into());
        }
        root.put(key, list);
    }
    ctx.out.push(&root.pretty());
    Ok(())
}
