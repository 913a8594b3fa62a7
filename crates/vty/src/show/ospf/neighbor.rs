//! `show ip ospf neighbor`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ferr_state::ferr_ospf::Instance;
use ferr_state::ferr_ospf::NeighborState;
use ferr_state::ferr_ospf::config::{AreaKind, InterfaceKey};
use ferr_state::ferr_ospf::view::{InterfaceView, NeighborView};
use ferr_state::{BfdClient, BfdPeerView, Gone};
use serde_json::Value;

use super::select::{Target, Targets, V2, ask};
use super::text;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::bfd::{neighbor_info, neighbor_lines, of_client};
use crate::show::{Clock, Ctx};
use crate::time::span;

/// A neighbor with what is to know of its interface.
struct Row {
    view: NeighborView,
    area: String,
    /// `DR`, `Backup`, `DROther`, or `-`.
    role: &'static str,
    bfd: Option<BfdPeerView>,
}

/// Which neighbors.
#[derive(Clone)]
enum Which {
    All,
    Router(Ipv4Addr),
    Interface(String),
}

impl Which {
    fn of(args: &Args) -> Self {
        match (args.get("A.B.C.D"), args.get("IFNAME")) {
            (Some(router), _) => router.parse().map_or(Self::All, Self::Router),
            (None, Some(name)) => Self::Interface(name.to_owned()),
            (None, None) => Self::All,
        }
    }

    fn is(&self, view: &NeighborView) -> bool {
        match self {
            Self::All => true,
            Self::Router(router) => view.router.0 == *router,
            Self::Interface(name) => *view.name == **name,
        }
    }
}

fn role(view: &NeighborView, interface: Option<&InterfaceView>) -> &'static str {
    let Some(interface) = interface.filter(|i| text::has_dr(i.config.network)) else { return "-" };
    let at = |dr: Option<(ferr_types::RouterId, std::net::IpAddr)>| dr.is_some_and(|(_, a)| a == view.addr);
    match () {
        () if at(interface.dr) => "DR",
        () if at(interface.bdr) => "Backup",
        () => "DROther",
    }
}

fn take(instance: &Instance, which: &Which) -> Vec<Row> {
    let interfaces: BTreeMap<InterfaceKey, InterfaceView> =
        instance.interfaces().into_iter().map(|i| (i.key, i)).collect();
    let kind = |area| instance.config().areas.get(&area).map(|a| &a.kind);
    let row = |view: NeighborView| Row {
        area: text::area(view.area, kind(view.area) as Option<&AreaKind>),
        role: role(&view, interfaces.get(&view.interface)),
        bfd: None,
        view,
    };
    instance.neighbors(None).into_iter().filter(|n| which.is(n)).map(row).collect()
}

async fn rows(ctx: &Ctx<'_>, target: &Target, args: &Args) -> Result<Option<(Vec<Row>, Clock)>, Gone> {
    let (which, all) = (Which::of(args), args.has("all"));
    let taken = ask(ctx, target, move |i, clock| (take(i, &which), clock)).await?;
    let Some((mut rows, clock)) = taken else { return Ok(None) };
    rows.retain(|r| all || r.view.state > NeighborState::Attempt);
    if args.has("detail") {
        let client = BfdClient::Ospf(target.name.clone());
        for row in rows.iter_mut().filter(|r| r.view.bfd) {
            row.bfd = of_client(ctx.handle(), &client, &target.name.vrf, row.view.addr, Some(&row.view.name))
                .await?;
        }
    }
    Ok(Some((rows, clock)))
}

/// Runs it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let (json, detail) = (args.has("json"), args.has("detail"));
    let one = matches!(Which::of(args), Which::Router(_));
    // Older forms have no key around the neighbors.
    let bare = args.has("all") || !matches!(Which::of(args), Which::All);
    let mut root = Obj::new();
    for target in &targets.found {
        let Some((rows, clock)) = rows(ctx, target, args).await? else { continue };
        if json {
            let neighbors =
                by_router(&rows, |row| if detail { detail_json(row, clock) } else { brief_json(row, clock) });
            let mut o = Obj::new();
            if bare {
                o.extend(neighbors);
            } else {
                o.put("neighbors", neighbors);
            }
            targets.place(&mut root, target, o);
            continue;
        }
        targets.title(ctx, target);
        if !detail && !one {
            head(&mut ctx.out);
        }
        for row in &rows {
            if detail { detail_text(&mut ctx.out, row, clock) } else { brief(&mut ctx.out, row, clock) }
        }
        line!(ctx.out);
    }
    if json {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

/// Router IDs may repeat: a router may be met on several links.
fn by_router(rows: &[Row], object: impl Fn(&Row) -> Obj) -> Obj {
    let mut order = Vec::new();
    let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in rows {
        let id = row.view.router.to_string();
        if !lists.contains_key(&id) {
            order.push(id.clone());
        }
        lists.entry(id).or_default().push(object(row).into());
    }
    let mut o = Obj::new();
    for id in order {
        let list = lists.remove(&id).unwrap_or_default();
        o.put(id, list);
    }
    o
}

fn dead_in(view: &NeighborView, clock: Clock) -> std::time::Duration {
    view.dead_due.map(|due| due.saturating_duration_since(clock.now)).unwrap_or_default()
}

fn state(row: &Row) -> String {
    format!("{}/{}", row.view.state.name(), row.role)
}

fn place(view: &NeighborView) -> String {
    match view.local {
        Some(local) => format!("{}:{local}", view.name),
        None => view.name.to_string(),
    }
}

fn head(out: &mut Out<'_>) {
    line!(out);
    line!(
        out,
        "{:<15} {:>3} {:<15} {:<15} {:>9} {:<15} {:<32} {:>5} {:>5} {:>5}",
        "Neighbor ID",
        "Pri",
        "State",
        "Up Time",
        "Dead Time",
        "Address",
        "Interface",
        "RXmtL",
        "RqstL",
        "DBsmL"
    );
}

fn brief(out: &mut Out<'_>, row: &Row, clock: Clock) {
    let view = &row.view;
    let up = view.progressive.map_or_else(|| "-".to_owned(), |at| span(clock.age(at)));
    line!(
        out,
        "{:<15} {:>3} {:<15} {:<15} {:>9} {:<15} {:<32} {:>5} {:>5} {:>5}",
        view.router.to_string(),
        view.priority,
        state(row),
        up,
        span(dead_in(view, clock)),
        view.addr.to_string(),
        place(view),
        view.retransmit,
        view.requests,
        view.summary
    );
}

fn brief_json(row: &Row, clock: Clock) -> Obj {
    let view = &row.view;
    let dead = dead_in(view, clock);
    let up = view.progressive.map(|at| clock.age(at));
    let mut o = Obj::new();
    o.put("priority", view.priority)
        .put("state", state(row))
        .put("nbrPriority", view.priority)
        .put("nbrState", state(row))
        .put("converged", view.state.name())
        .put("role", if row.role == "-" { "DROther" } else { row.role })
        .opt("upTimeInMsec", up.map(|up| up.as_millis() as u64))
        .put("deadTimeMsecs", dead.as_millis() as u64)
        .put("routerDeadIntervalTimerDueMsec", dead.as_millis() as u64)
        .opt("upTime", up.map(span))
        .put("deadTime", span(dead))
        .put("address", view.addr.to_string())
        .put("ifaceAddress", view.addr.to_string())
        .put("ifaceName", place(view))
        .put("retransmitCounter", view.retransmit)
        .put("linkStateRetransmissionListCounter", view.retransmit)
        .put("requestCounter", view.requests)
        .put("linkStateRequestListCounter", view.requests)
        .put("dbSummaryCounter", view.summary)
        .put("databaseSummaryListCounter", view.summary);
    o
}

const fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Database Descriptions are repeated; requests and updates are.
const fn repeats(state: NeighborState) -> (bool, bool) {
    use NeighborState as S;
    (matches!(state, S::ExStart | S::Exchange), matches!(state, S::Exchange | S::Loading | S::Full))
}

fn detail_json(row: &Row, clock: Clock) -> Obj {
    let view = &row.view;
    let (descriptions, updates) = repeats(view.state);
    let since = |at: std::time::Instant| clock.age(at).as_millis() as u64;
    let mut o = Obj::new();
    o.put("ifaceAddress", view.addr.to_string())
        .opt("localIfaceAddress", view.local.map(|a| a.to_string()))
        .put("areaId", row.area.clone())
        .put("ifaceName", &*view.name)
        .put("nbrPriority", view.priority)
        .put("nbrState", state(row))
        .put("stateChangeCounter", view.changes)
        .opt("lastPrgrsvChangeMsec", view.progressive.map(since));
    if let Some((at, why)) = view.regressive {
        o.put("lastRegressiveChangeMsec", since(at)).put("lastRegressiveChangeReason", why.name());
    }
    o.put("routerDesignatedId", view.dr.to_string())
        .put("routerDesignatedBackupId", view.bdr.to_string())
        .put("optionsCounter", view.options.bits())
        .put("optionsList", text::options(view.options))
        .put("routerDeadIntervalTimerDueMsec", dead_in(view, clock).as_millis() as u64)
        .put("databaseSummaryListCounter", view.summary)
        .put("linkStateRequestListCounter", view.requests)
        .put("linkStateRetransmissionListCounter", view.retransmit)
        .opt("threadInactivityTimer", view.dead_due.map(|_| "on"))
        .opt("threadDatabaseDescriptionRetransmission", descriptions.then_some("on"))
        .opt("threadLinkStateRequestRetransmission", updates.then_some("on"))
        .opt("threadLinkStateUpdateRetransmission", updates.then_some("on"));
    match view.helped {
        Some(until) => {
            let left = until.saturating_duration_since(clock.now).as_secs();
            o.put("grHelperStatus", "Inprogress").put("graceInterval", left)
        }
        None => o.put("grHelperStatus", "None"),
    };
    o.opt("peerBfdInfo", row.bfd.as_ref().map(neighbor_info));
    o
}

fn detail_text(out: &mut Out<'_>, row: &Row, clock: Clock) {
    let view = &row.view;
    let (descriptions, updates) = repeats(view.state);
    line!(out, " Neighbor {}, interface address {}", view.router, view.addr);
    line!(out, "    In the area {} via interface {}", row.area, view.name);
    line!(
        out,
        "    Neighbor priority is {}, State is {}, {} state changes",
        view.priority,
        state(row),
        view.changes
    );
    if view.progressive.is_some() || view.regressive.is_some() {
        line!(out, "    Most recent state change statistics:");
    }
    if let Some(at) = view.progressive {
        line!(out, "      Progressive change {} ago", span(clock.age(at)));
    }
    if let Some((at, why)) = view.regressive {
        let ago = span(clock.age(at));
        line!(out, "      Regressive change {ago} ago, due to {}", why.name());
    }
    line!(out, "    DR is {}, BDR is {}", view.dr, view.bdr);
    line!(out, "    Options {} {}", view.options.bits(), text::options(view.options));
    line!(out, "    Dead timer due in {}", span(dead_in(view, clock)));
    line!(out, "    Database Summary List {}", view.summary);
    line!(out, "    Link State Request List {}", view.requests);
    line!(out, "    Link State Retransmission List {}", view.retransmit);
    line!(out, "    Thread Inactivity Timer {}", on(view.dead_due.is_some()));
    line!(out, "    Thread Database Description Retransmision {}", on(descriptions));
    line!(out, "    Thread Link State Request Retransmission {}", on(updates));
    line!(out, "    Thread Link State Update Retransmission {}", on(updates));
    line!(out);
    line!(out, "    Graceful restart Helper info:");
    let helper = if view.helped.is_some() { "Inprogress" } else { "None" };
    line!(out, "      Graceful Restart HELPER Status : {helper}");
    if let Some(until) = view.helped {
        let left = until.saturating_duration_since(clock.now).as_secs();
        line!(out, "      Remaining GraceTime: {left} (in seconds).");
    }
    line!(out);
    if let Some(bfd) = &row.bfd {
        neighbor_lines(out, bfd);
        line!(out);
    }
}

#[cfg(test)]
mod tests;
