//! `show bgp`: tables in slices, as text and JSON.

pub(super) mod damping;

use std::sync::Arc;
use std::time::Instant;

use ferr_state::bgp::{DestView, Instance, RouteFilter};
use ferr_state::policy::PolicySet;
use ferr_state::{BgpWorld, Gone, Handle, Pending};
use ferr_types::{Family, Prefix};
use serde_json::Value;

use super::filter::Filter;
use super::row::HostNames;
use super::select::{self, Scope, Wanted};
use super::{detail, row};
use crate::json::{Plain as _, pretty_at};
use crate::output::{Outcome, Status, line, put};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};

/// Prefixes per job, some tenths of a millisecond of the thread that routes: where it is busy, there is one job between two steps of
/// its own, each of about a millisecond.
const SLICE: usize = 1000;
/// Prefixes of the first job, so that the answer begins soon.
const FIRST: usize = 100;
/// Prefixes per job when all is shown of them: each is followed by whom it was told to.
const FULL: usize = 50;

/// What stands in front of a table.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) vrf: String,
    pub(super) vrf_id: i64,
    pub(super) version: u32,
    pub(super) router_id: String,
    pub(super) local_pref: u32,
    pub(super) asn: u32,
    pub(super) filter: RouteFilter,
    pub(super) policy: Arc<PolicySet>,
    pub(super) paths: usize,
    pub(super) hostname: Option<String>,
    pub(super) names: HostNames,
}

impl Head {
    /// Of an instance's family.
    pub(super) fn of(bgp: &mut Instance, vrf: &str, family: Family, policy: Arc<PolicySet>) -> Self {
        let summary = bgp.summary(family);
        Self {
            vrf: vrf.to_owned(),
            vrf_id: select::shown_vrf(bgp.config().vrf),
            version: summary.table_version,
            router_id: summary.router_id.to_string(),
            local_pref: bgp.config().default_local_pref,
            asn: summary.asn.0,
            filter: RouteFilter::All,
            policy,
            paths: summary.paths,
            hostname: bgp.config().hostname.clone(),
            names: HostNames::of(bgp),
        }
    }

    /// Routes made here carry the own host name.
    pub(super) fn complete(&self, dest: &mut DestView) {
        for path in dest.paths.iter_mut().filter(|p| p.local) {
            Arc::make_mut(&mut path.source).hostname.clone_from(&self.hostname);
        }
    }

    /// Text in front of the columns.
    pub(super) fn text(&self, ctx: &mut Ctx<'_>, wide: bool, damping: Option<damping::Kind>) {
        put!(ctx.out, "BGP table version is {}, local router ID is {}", self.version, self.router_id);
        match self.vrf_id {
            -1 => line!(ctx.out, ", vrf id -"),
            id => line!(ctx.out, ", vrf id {id}"),
        }
        line!(ctx.out, "Default local pref {}, local AS {}", self.local_pref, self.asn);
        ctx.out.push(row::LEGEND);
        match damping {
            Some(kind) => kind.header(&mut ctx.out),
            None => row::header(&mut ctx.out, wide),
        }
    }
}

/// Neighbor whose routes alone are shown.
enum Source {
    Any,
    Peer(String),
}

/// A table, or what a filter leaves of it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    if args.has("dampening") && args.has("parameters") {
        return damping::parameters(ctx, args).await;
    }
    table(ctx, args, Source::Any).await
}

/// `neighbors A routes`.
pub(super) async fn from_neighbor(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let peer = args.after("neighbors").unwrap_or_default().to_owned();
    table(ctx, args, Source::Peer(peer)).await
}

async fn table(ctx: &mut Ctx<'_>, args: &Args, source: Source) -> Outcome {
    let json = args.has("json");
    let family = match select::wanted(args) {
        Wanted::Table(family) => family,
        Wanted::None(_) => {
            ctx.out.push(if json { "{\n}\n" } else { "No BGP prefixes displayed, 0 exist\n" });
            return Ok(Status::Success);
        }
    };
    let scope = Scope::of(args);
    let asked = scope.clone();
    let (heads, now) = ctx
        .handle()
        .bgp(move |world, now| {
            let names = asked.names(world);
            let policy = world.policy.clone();
            let heads: Vec<Option<Head>> = names
                .iter()
                .filter_map(|name| {
                    let bgp = &mut world.instances.get_mut(name)?.bgp;
                    let filter = match &source {
                        Source::Any => Some(RouteFilter::All),
                        Source::Peer(peer) => select::find_peer(bgp, peer).map(RouteFilter::From),
                    };
                    let head = Head::of(bgp, name, family, policy.clone());
                    Some(filter.map(|filter| Head { filter, ..head }))
                })
                .collect();
            (heads, now)
        })
        .await?;
    if heads.is_empty() && !scope.is_all() {
        return Ok(no_instance(ctx, json, &scope));
    }
    let Some(heads) = heads.into_iter().collect::<Option<Vec<Head>>>() else {
        return Ok(no_neighbor(ctx, json));
    };
    print(ctx, args, family, &heads, scope.is_all(), now).await
}

/// Answer when the instance does not exist.
pub(super) fn no_instance(ctx: &mut Ctx<'_>, json: bool, scope: &Scope) -> Status {
    if json {
        ctx.out.push("{}\n");
        return Status::Success;
    }
    match scope {
        Scope::One { name, named: true } => line!(ctx.out, "View/Vrf {name} is unknown"),
        _ => line!(ctx.out, "% BGP instance not found"),
    }
    Status::Warning
}

/// Answer when the neighbor does not exist.
pub(super) fn no_neighbor(ctx: &mut Ctx<'_>, json: bool) -> Status {
    if json {
        ctx.out.push("{\n  \"warning\":\"No such neighbor or address family\"\n}\n");
        return Status::Success;
    }
    line!(ctx.out, "No such neighbor in this view/vrf");
    Status::Warning
}

async fn print(
    ctx: &mut Ctx<'_>,
    args: &Args,
    family: Family,
    heads: &[Head],
    keyed: bool,
    now: Instant,
) -> Outcome {
    let json = args.has("json");
    let policy = heads.first().map_or_else(Default::default, |h| h.policy.clone());
    let filter = match Filter::of(args, &policy, family.afi()) {
        Ok(filter) => filter,
        Err(problem) if json => {
            tracing::debug!(%problem, "show bgp");
            ctx.out.push("{}\n");
            return Ok(Status::Success);
        }
        Err(problem) => {
            line!(ctx.out, "{problem}");
            return Ok(Status::Warning);
        }
    };
    if json && keyed {
        ctx.out.push("{\n");
    }
    for (n, head) in heads.iter().enumerate() {
        if json {
            json_head(ctx, head, keyed, n);
        } else if keyed {
            put!(ctx.out, "{}Instance {}:\n", if n > 0 { "\n" } else { "" }, head.vrf);
        }
        rows(ctx, args, family, head, &filter, now).await?;
        if json {
            ctx.out.push(" }  } \n");
        }
    }
    if json && keyed {
        ctx.out.push("}\n");
    }
    Ok(Status::Success)
}

fn json_head(ctx: &mut Ctx<'_>, head: &Head, keyed: bool, n: usize) {
    if keyed {
        put!(ctx.out, "{}{}:", if n > 0 { ",\n" } else { "" }, Value::from(head.vrf.clone()));
    }
    put!(
        ctx.out,
        "{{\n \"vrfId\": {},\n \"vrfName\": {},\n \"tableVersion\": {},\n \"routerId\": \"{}\",\n \"defaultLocPrf\": {},\n \
         \"localAS\": {},\n \"routes\": {{ ",
        head.vrf_id,
        Value::from(head.vrf.clone()),
        head.version,
        head.router_id,
        head.local_pref,
        head.asn
    );
}

/// Prefixes, for whom they were told, and the last one when there are more.
type Slice = Option<(Vec<(DestView, Vec<detail::Told>)>, Option<Prefix>)>;

/// Asks for the prefixes behind `after`; with `full` also whom they were told to.
async fn ask(
    handle: &Handle,
    head: &Head,
    family: Family,
    full: bool,
    after: Option<Prefix>,
) -> Result<Pending<Slice>, Gone> {
    let (vrf, wanted) = (head.vrf.clone(), head.filter.clone());
    let slice = move |world: &mut BgpWorld, _| {
        let bgp = &mut world.instances.get_mut(&vrf)?.bgp;
        let limit = match after {
            _ if full => FULL,
            None => FIRST,
            Some(_) => SLICE,
        };
        let (dests, next) = bgp.routes(family, after, limit, &wanted);
        let mut with_told = |dest: DestView| {
            let told = if full { detail::told(bgp, family, &dest) } else { Vec::new() };
            (dest, told)
        };
        Some((dests.into_iter().map(&mut with_told).collect::<Vec<_>>(), next))
    };
    handle.begin_bgp_slice(slice).await
}

async fn rows(
    ctx: &mut Ctx<'_>,
    args: &Args,
    family: Family,
    head: &Head,
    filter: &Filter,
    now: Instant,
) -> Outcome {
    let (json, wide, full) = (args.has("json"), args.has("wide"), args.has("detail"));
    let clock = Clock::new(ctx.handle(), now);
    let damping = damping::Kind::of(args);
    let (mut shown, mut paths) = (0usize, 0usize);
    let mut network = String::new();
    let mut pending = Some(ask(ctx.handle(), head, family, full, None).await?);
    while let Some(slice) = pending.take() {
        let Some((dests, next)) = slice.answer().await? else { break };
        // The next slice is made while this one is written.
        if next.is_some_and(|last| !filter.is_past(last)) {
            pending = Some(ask(ctx.handle(), head, family, full, next).await?);
        }
        for (mut dest, told) in dests {
            if !filter.apply(&mut dest, &head.policy) {
                continue;
            }
            head.complete(&mut dest);
            if json {
                network.clear();
                dest.prefix.write(&mut network);
                let out = ctx.out.text();
                out.push_str(if shown > 0 { ",\"" } else { "\"" });
                out.push_str(&network);
                out.push_str("\": ");
                json_value(out, &dest, &network, full.then_some(&told), damping, &clock);
                out.push('\n');
            } else if full {
                detail::text(&mut ctx.out, &dest, head, &told, &clock);
                line!(ctx.out);
            } else {
                if shown == 0 {
                    head.text(ctx, wide, damping);
                }
                for (n, path) in dest.paths.iter().enumerate() {
                    let kind = row::RowKind::Table { first: n == 0 };
                    match damping {
                        Some(table) => table.row(&mut ctx.out, &dest, path, n == 0, &clock),
                        None => row::row(&mut ctx.out, dest.prefix, path, kind, wide, head.names),
                    }
                }
            }
            shown += 1;
            paths += dest.paths.len();
        }
        ctx.out.breathe().await?;
    }
    // A filter that leaves nothing says nothing.
    if !json && head.paths == 0 {
        line!(ctx.out, "No BGP prefixes displayed, 0 exist");
    } else if !json && shown > 0 {
        let total = if damping.is_some() { head.paths } else { paths };
        line!(ctx.out, "\nDisplayed  {shown} routes and {total} total paths");
    }
    Ok(Status::Success)
}

fn json_value(
    out: &mut String,
    dest: &DestView,
    network: &str,
    full: Option<&Vec<detail::Told>>,
    damping: Option<damping::Kind>,
    clock: &Clock,
) {
    if let Some(told) = full {
        return out.push_str(&pretty_at(&detail::json(dest, told, clock), 1));
    }
    out.push('[');
    for (n, path) in dest.paths.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        match damping {
            Some(kind) => out.push_str(&kind.json(dest, path, clock).to_string()),
            None => row::json(out, dest, network, path),
        }
    }
    out.push(']');
}
