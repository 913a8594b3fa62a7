//! `neighbors A advertised-routes|received-routes|filtered-routes`.

use ferr_state::bgp::{PathView, RouteFilter};
use ferr_types::{Family, PeerId, Prefix};

use super::row::{self, HostNames, RowKind};
use super::select::{self, Scope, Wanted};
use super::table::{self, Head};
use crate::json::{Obj, pretty_at};
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// Prefixes per job.
const SLICE: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Advertised,
    Received,
    Filtered,
}

/// What the first job found.
struct Found {
    head: Head,
    peer: PeerId,
    kept: bool,
    /// The default route is sent without being in the table.
    default: bool,
}

const LEGEND: &str = r#"  "bgpStatusCodes":{
    "suppressed":"s",
    "damped":"d",
    "history":"h",
    "valid":"*",
    "best":">",
    "multipath":"=",
    "internal":"i",
    "ribFailure":"r",
    "stale":"S",
    "removed":"R"
  },
  "bgpOriginCodes":{
    "igp":"i",
    "egp":"e",
    "incomplete":"?"
  },
"#;

/// The command.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let json = args.has("json");
    let kind = match args.one_of(&["advertised-routes", "received-routes"]) {
        Some("advertised-routes") => Kind::Advertised,
        Some(_) => Kind::Received,
        None => Kind::Filtered,
    };
    let Wanted::Table(family) = select::wanted(args) else { return Ok(table::no_neighbor(ctx, json)) };
    let Scope::One { name, .. } = Scope::of(args) else {
        return Ok(table::no_instance(ctx, json, &Scope::All));
    };
    let word = args.after("neighbors").unwrap_or_default().to_owned();
    let found = ctx
        .handle()
        .bgp(move |world, _| {
            let policy = world.policy.clone();
            let bgp = &mut world.instances.get_mut(&name)?.bgp;
            let peer = select::find_peer(bgp, &word)?;
            let config = bgp.neighbor(peer)?.families[family].as_ref()?;
            let (kept, default) = (config.soft_reconfiguration, config.default_originate.is_some());
            let default = default && bgp.peer_view(peer)?.established.is_some();
            Some(Found { head: Head::of(bgp, &name, family, policy), peer, kept, default })
        })
        .await?;
    let Some(found) = found else { return Ok(table::no_neighbor(ctx, json)) };
    if kind != Kind::Advertised && !found.kept {
        if json {
            line!(ctx.out, "{{\n  \"warning\":\"Inbound soft reconfiguration not enabled\"\n}}");
            return Ok(Status::Success);
        }
        line!(ctx.out, "% Inbound soft reconfiguration not enabled");
        return Ok(Status::Warning);
    }
    if json {
        begin_json(ctx, &found, family, kind);
    }
    let (shown, filtered) = rows(ctx, args, family, &found, kind).await?;
    if json {
        ctx.out.push("\n  },\n");
        line!(ctx.out, "  \"totalPrefixCounter\":{shown},\n  \"filteredPrefixCounter\":{filtered}\n}}");
    } else if shown > 0 && filtered > 0 {
        line!(ctx.out, "\nTotal number of prefixes {shown} ({filtered} filtered)");
    } else if shown > 0 {
        line!(ctx.out, "\nTotal number of prefixes {shown}");
    }
    Ok(Status::Success)
}

fn begin_json(ctx: &mut Ctx<'_>, found: &Found, family: Family, kind: Kind) {
    let (head, default) = (&found.head, found.default && kind == Kind::Advertised);
    line!(
        ctx.out,
        "{{\n  \"bgpTableVersion\":{},\n  \"bgpLocalRouterId\":\"{}\",\n  \"defaultLocPrf\":{},\n  \"localAS\":{},",
        head.version,
        head.router_id,
        head.local_pref,
        head.asn
    );
    ctx.out.push(LEGEND);
    if default {
        let network = Prefix::default_route(family.afi());
        line!(ctx.out, "  \"bgpOriginatingDefaultNetwork\":\"{network}\",");
    }
    let key = if kind == Kind::Advertised { "advertisedRoutes" } else { "receivedRoutes" };
    ctx.out.push(&format!("  \"{key}\":{{"));
}

/// A slice of what is asked for, and where the next begins.
async fn slice(
    ctx: &Ctx<'_>,
    found: &Found,
    family: Family,
    kind: Kind,
    after: Option<Prefix>,
) -> Result<(Vec<(Prefix, PathView)>, Option<Prefix>), ferr_state::Gone> {
    let (vrf, peer) = (found.head.vrf.clone(), found.peer);
    ctx.handle()
        .bgp_slice(move |world, _| {
            let Some(instance) = world.instances.get_mut(&vrf) else { return (Vec::new(), None) };
            let bgp = &mut instance.bgp;
            let filter = match kind {
                Kind::Advertised => {
                    let (views, next) = bgp.advertised(peer, family, after, SLICE);
                    return (views.into_iter().map(|v| (v.prefix, v.path)).collect(), next);
                }
                Kind::Received => RouteFilter::ReceivedFrom(peer),
                Kind::Filtered => RouteFilter::RefusedFrom(peer),
            };
            let (dests, next) = bgp.routes(family, after, SLICE, &filter);
            let first = |d: ferr_state::bgp::DestView| Some((d.prefix, d.paths.into_iter().next()?));
            (dests.into_iter().filter_map(first).collect(), next)
        })
        .await
}

async fn rows(
    ctx: &mut Ctx<'_>,
    args: &Args,
    family: Family,
    found: &Found,
    kind: Kind,
) -> Result<(usize, usize), crate::output::Stop> {
    let (json, wide) = (args.has("json"), args.has("wide"));
    let (mut shown, mut filtered) = (0, 0);
    let mut after = None;
    loop {
        let (routes, next) = slice(ctx, found, family, kind, after).await?;
        for (prefix, path) in routes {
            if json {
                let comma = if shown > 0 { "," } else { "" };
                let text = pretty_at(&serde_json::Value::from(object(prefix, &path)), 2);
                ctx.out.push(&format!("{comma}\n    \"{prefix}\":{text}"));
            } else {
                if shown == 0 {
                    found.head.text(ctx, wide, None);
                }
                row::row(&mut ctx.out, prefix, &path, RowKind::Adjacent, wide, HostNames::default());
            }
            shown += 1;
            filtered += usize::from(kind == Kind::Received && path.filtered);
        }
        ctx.out.breathe().await?;
        after = next;
        if after.is_none() {
            return Ok((shown, filtered));
        }
    }
}

fn object(prefix: Prefix, path: &PathView) -> Obj {
    let a = path.attributes();
    let mut o = Obj::new();
    o.put("addrPrefix", prefix.addr().to_string())
        .put("prefixLen", prefix.len())
        .put("network", prefix.to_string());
    let nexthop = row::nexthop(path, prefix.afi()).global();
    let key = if nexthop.is_ipv4() { "nextHop" } else { "nextHopGlobal" };
    o.put(key, nexthop.to_string())
        .opt("metric", a.med)
        .opt("locPrf", a.local_pref)
        .put("weight", path.weight)
        .put("path", a.as_path.to_string())
        .put("bgpOriginCode", row::origin_letter(a.origin));
    let mut symbols = Obj::new();
    symbols.put("*", true).put(">", true);
    o.put("appliedStatusSymbols", symbols);
    o
}
