//! `show bgp neighbors`.

mod capabilities;
mod json;
mod text;

use std::time::Duration;

use ferr_state::bgp::config::{GracefulRestartMode, InstanceConfig, Reach};
use ferr_state::bgp::{PeerView, RouteFilter};
use ferr_state::{BfdPeerView, BgpWorld, Gone, Handle};
use ferr_types::{Family, PeerId};
use serde_json::Value;

use super::select::{self, Scope};
use crate::json::{Obj, pretty_at};
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::{Clock, Ctx, bfd};

/// Prefixes per job.
const SLICE: usize = 500;

/// A neighbor with what its instance says.
#[derive(Debug)]
struct Neighbor {
    view: PeerView,
    instance: InstanceConfig,
    /// What TCP measured, at least a millisecond.
    round_trip: Option<Duration>,
    /// Its BFD session.
    bfd: Option<BfdPeerView>,
}

impl Neighbor {
    /// Families that are activated.
    fn families(&self) -> impl Iterator<Item = (Family, &ferr_state::bgp::PeerFamilyView)> {
        self.view.families.iter().filter_map(|(f, p)| Some((f, p.as_ref()?)))
    }

    /// Own mode of graceful restart; a star marks what the instance says for all.
    fn local_mode(&self) -> &'static str {
        match (self.view.config.graceful_restart, self.instance.graceful_restart) {
            (Some(GracefulRestartMode::Disable), _) => "Disable",
            (Some(GracefulRestartMode::Helper), _) => "Helper",
            (Some(GracefulRestartMode::Restart), _) => "Restart",
            (None, GracefulRestartMode::Disable) => "Disable*",
            (None, GracefulRestartMode::Helper) => "Helper*",
            (None, GracefulRestartMode::Restart) => "Restart*",
        }
    }

    /// Hops that a neighbor of another AS may be away.
    fn external_hops(&self) -> u8 {
        match self.view.config.reach {
            Reach::Direct => 1,
            Reach::Multihop(ttl) => ttl,
            Reach::TtlSecurity(hops) => hops,
        }
    }

    fn is_external(&self) -> bool {
        self.view.kind != "internal"
    }
}

/// An instance's part of the answer.
struct Part {
    name: String,
    view: bool,
    vrf_id: i64,
    neighbors: Vec<Neighbor>,
}

fn take(world: &mut BgpWorld, scope: &Scope, word: Option<&str>) -> Vec<Part> {
    let mut out = Vec::new();
    for name in scope.names(world) {
        let Some(instance) = world.instances.get_mut(&name) else { continue };
        let (bgp, round_trips, view) = (&mut instance.bgp, &instance.round_trips, instance.view);
        let mut views = match word {
            Some(word) => select::find_peer(bgp, word).and_then(|id| bgp.peer_view(id)).into_iter().collect(),
            None => bgp.peer_views(),
        };
        views.sort_by(|a, b| select::peer_order(&a.config.name).cmp(&select::peer_order(&b.config.name)));
        let instance = bgp.config().clone();
        let vrf_id = select::shown_vrf(instance.vrf);
        let neighbor = |view: PeerView| {
            let measured = view.ends.and_then(|(_, remote)| round_trips.get(&remote));
            let round_trip = measured.copied().filter(|time| time.as_millis() > 0);
            Neighbor { view, instance: instance.clone(), round_trip, bfd: None }
        };
        let neighbors = views.into_iter().map(neighbor).collect();
        out.push(Part { name, view, vrf_id, neighbors });
    }
    out
}

/// Asks for the neighbor's BFD session, when it uses BFD.
async fn watch(handle: &Handle, instance: &str, neighbor: &mut Neighbor) -> Result<(), Gone> {
    let view = &neighbor.view;
    let addr = view.config.addr.or_else(|| view.ends.map(|(_, remote)| remote.ip()));
    if let Some(addr) = addr.filter(|_| view.config.bfd) {
        let link = view.config.interface_name.as_deref();
        neighbor.bfd = bfd::of_neighbor(handle, instance, addr, link).await?;
    }
    Ok(())
}

/// The command.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (scope, word) = (Scope::of(args), args.after("neighbors").map(ToOwned::to_owned));
    let (asked, wanted) = (scope.clone(), word.clone());
    let (mut parts, now) =
        ctx.handle().bgp(move |world, now| (take(world, &asked, wanted.as_deref()), now)).await?;
    let clock = Clock::new(ctx.handle(), now);
    if args.has("json") {
        return json_answer(ctx, &scope, word.is_some(), &mut parts, &clock).await;
    }
    if parts.is_empty() && !scope.is_all() {
        line!(ctx.out, "% BGP instance not found");
        return Ok(Status::Warning);
    }
    let mut status = Status::Success;
    for part in &mut parts {
        if scope.is_all() {
            line!(ctx.out, "\nInstance {}:", part.name);
        }
        if part.neighbors.is_empty() && word.is_some() {
            line!(ctx.out, "% No such neighbor in this view/vrf\n");
            status = Status::Warning;
        }
        for neighbor in &mut part.neighbors {
            watch(ctx.handle(), &part.name, neighbor).await?;
            text::neighbor(&mut ctx.out, neighbor, &clock);
            ctx.out.breathe().await?;
        }
    }
    Ok(status)
}

async fn json_answer(
    ctx: &mut Ctx<'_>,
    scope: &Scope,
    one: bool,
    parts: &mut [Part],
    clock: &Clock,
) -> Outcome {
    let keyed = scope.is_all();
    let named = matches!(scope, Scope::One { name, named: true } if name != select::DEFAULT);
    if parts.is_empty() {
        ctx.out.push("{\n}\n");
        return Ok(Status::Success);
    }
    if keyed {
        ctx.out.push("{\n");
    }
    for (n, part) in parts.iter_mut().enumerate() {
        if keyed {
            let comma = if n > 0 { ",\n" } else { "" };
            ctx.out.push(&format!("{comma}{}:", Value::from(part.name.clone())));
        }
        ctx.out.push("{");
        let mut first = true;
        let mut item = |key: &str, value: &Value| {
            let comma = if std::mem::take(&mut first) { "" } else { "," };
            format!("{comma}\n  {}:{}", Value::from(key), pretty_at(value, 1))
        };
        if (keyed || named && !part.view) && !one {
            let head = item("vrfId", &part.vrf_id.into()) + &item("vrfName", &part.name.clone().into());
            ctx.out.push(&head);
        }
        if part.neighbors.is_empty() && one {
            let text = item("bgpNoSuchNeighbor", &true.into());
            ctx.out.push(&text);
        }
        for neighbor in &mut part.neighbors {
            watch(ctx.handle(), &part.name, neighbor).await?;
            let object: Value = json::neighbor(neighbor, clock).into();
            let text = item(&neighbor.view.config.name, &object);
            ctx.out.push(&text);
            ctx.out.breathe().await?;
        }
        ctx.out.push("\n}\n");
    }
    if keyed {
        ctx.out.push("}\n");
    }
    Ok(Status::Success)
}

/// `neighbors A graceful-restart json`.
pub(super) async fn graceful_restart(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (scope, word) = (Scope::of(args), args.after("neighbors").map(ToOwned::to_owned));
    let parts = ctx.handle().bgp(move |world, _| take(world, &scope, word.as_deref())).await?;
    let neighbors = parts.iter().flat_map(|p| &p.neighbors);
    if args.has("json") {
        let mut o = Obj::new();
        for n in neighbors {
            let mut inner = Obj::new();
            inner.put("neighborAddr", n.view.config.name.clone());
            json::graceful(&mut inner, n);
            o.put(n.view.config.name.clone(), inner);
        }
        ctx.out.push(&o.pretty());
        return Ok(Status::Success);
    }
    for n in neighbors {
        line!(ctx.out, "BGP neighbor is {}", n.view.config.name);
        line!(ctx.out, "    Local GR Mode: {}", n.local_mode());
        line!(ctx.out, "    Remote GR Mode: {}", capabilities::remote_mode(&n.view));
    }
    Ok(Status::Success)
}

/// Paths of a neighbor that were selected.
async fn best_paths(ctx: &Ctx<'_>, instance: &str, peer: PeerId, family: Family) -> Result<u32, Gone> {
    let (mut best, mut after) = (0, None);
    loop {
        let (name, from) = (instance.to_owned(), after);
        let slice = ctx.handle().bgp_slice(move |world, _| {
            let bgp = &mut world.instances.get_mut(&name)?.bgp;
            let (dests, next) = bgp.routes(family, from, SLICE, &RouteFilter::From(peer));
            Some((dests.iter().flat_map(|d| &d.paths).filter(|p| p.best).count(), next))
        });
        let Some((count, next)) = slice.await? else { return Ok(best) };
        best += count as u32;
        after = next;
        if after.is_none() {
            return Ok(best);
        }
    }
}

/// `neighbors A prefix-counts`.
pub(super) async fn prefix_counts(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let json = args.has("json");
    let family = match select::wanted(args) {
        select::Wanted::Table(family) => family,
        select::Wanted::None(_) => return Ok(super::table::no_neighbor(ctx, json)),
    };
    let (scope, word) = (Scope::of(args), args.after("neighbors").map(ToOwned::to_owned));
    let parts = ctx.handle().bgp(move |world, _| take(world, &scope, word.as_deref())).await?;
    let found = parts.iter().flat_map(|p| p.neighbors.iter().map(|n| (&p.name, n))).next();
    let best = match found {
        Some((instance, n)) => best_paths(ctx, instance, n.view.id, family).await?,
        None => 0,
    };
    let found = found.map(|(_, n)| n);
    let Some((neighbor, counts)) = found.and_then(|n| Some((n, n.view.families[family].as_ref()?))) else {
        return Ok(super::table::no_neighbor(ctx, json));
    };
    let all = counts.accepted + counts.filtered;
    let rows = [
        ("Adj-in", all),
        ("Damped", 0),
        ("Removed", 0),
        ("History", 0),
        ("Stale", 0),
        ("Valid", counts.accepted),
        ("All RIB", counts.accepted),
        ("PfxCt counted", counts.accepted),
        ("PfxCt Best Selected", best),
        ("Useable", counts.accepted),
    ];
    if json {
        let mut table = Obj::new();
        for (name, n) in rows {
            table.put(name, n);
        }
        let mut o = Obj::new();
        o.put("prefixCountsFor", neighbor.view.config.name.clone())
            .put("multiProtocol", family.json_key())
            .put("pfxCounter", counts.accepted)
            .put("ribTableWalkCounters", table);
        ctx.out.push(&o.pretty());
        return Ok(Status::Success);
    }
    line!(ctx.out, "Prefix counts for {}, {family}", neighbor.view.config.name);
    line!(ctx.out, "PfxCt: {}\n", counts.accepted);
    line!(ctx.out, "Counts from RIB table walk:\n");
    rows.iter().for_each(|(name, n)| line!(ctx.out, "{name:>20}: {n:<10}"));
    Ok(Status::Success)
}
