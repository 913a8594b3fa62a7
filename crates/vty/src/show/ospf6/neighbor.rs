//! `show ipv6 ospf6 neighbor`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use ferr_state::ferr_ospf::config::{AuthConfig, InterfaceKey, NetworkType};
use ferr_state::ferr_ospf::view::{InterfaceView, NeighborView};
use ferr_state::{BfdClient, BfdPeerView};
use serde_json::Value;

use super::areas::Areas;
use super::text;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::bfd::{neighbor_info, neighbor_lines, of_client};
use crate::show::ospf::select::{Targets, V3, ask};
use crate::show::{Clock, Ctx};
use crate::time::span6;

struct Row {
    view: NeighborView,
    /// Role on the link.
    role: &'static str,
    /// Packets carry a trailer.
    authenticated: bool,
    bfd: Option<BfdPeerView>,
}

fn role(view: &NeighborView, interface: Option<&InterfaceView>) -> &'static str {
    let Some(interface) = interface else { return "DROther" };
    let is = |dr: Option<(ferr_types::RouterId, _)>| {
        dr.is_some_and(|(id, _): (_, std::net::IpAddr)| id == view.router)
    };
    match interface.config.network {
        NetworkType::Broadcast | NetworkType::NonBroadcast if is(interface.dr) => "DR",
        NetworkType::Broadcast | NetworkType::NonBroadcast if is(interface.bdr) => "BDR",
        NetworkType::Broadcast | NetworkType::NonBroadcast => "DROther",
        _ => "PointToPoint",
    }
}

/// Runs it.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let router: Option<Ipv4Addr> = args.get("A.B.C.D").and_then(|a| a.parse().ok());
    let detail = args.has("detail") || router.is_some();
    for target in &targets.found {
        let areas = Areas::of(ctx, target).await?;
        let taken = ask(ctx, target, move |i, clock| {
            let interfaces: BTreeMap<InterfaceKey, InterfaceView> =
                i.interfaces().into_iter().map(|i| (i.key, i)).collect();
            let row = |view: NeighborView| {
                let interface = interfaces.get(&view.interface);
                let authenticated = interface.is_some_and(|i| i.config.auth != AuthConfig::None);
                Row { role: role(&view, interface), authenticated, bfd: None, view }
            };
            let wanted = i.neighbors(None).into_iter().filter(|n| router.is_none_or(|r| r == n.router.0));
            (wanted.map(row).collect::<Vec<_>>(), clock)
        })
        .await?;
        let Some((mut rows, clock)) = taken else { continue };
        let client = BfdClient::Ospf(target.name.clone());
        for row in rows.iter_mut().filter(|r| detail && r.view.bfd) {
            let (addr, link) = (row.view.addr, row.view.name.to_string());
            row.bfd = of_client(ctx.handle(), &client, &target.name.vrf, addr, Some(&link)).await?;
        }
        print(ctx, args, &rows, clock, &areas, detail);
    }
    Ok(Status::Success)
}

fn print(ctx: &mut Ctx<'_>, args: &Args, rows: &[Row], clock: Clock, areas: &Areas, detail: bool) {
    let choice = args.has("drchoice");
    if args.has("json") {
        let mut root = Obj::new();
        if detail {
            for row in rows {
                root.put(name(&row.view), detail_json(row, clock, areas));
            }
        } else {
            let object = |row: &Row| -> Value {
                if choice { choice_json(row, clock) } else { brief_json(row, clock) }.into()
            };
            root.put("neighbors", rows.iter().map(object).collect::<Vec<_>>());
        }
        ctx.out.push(&root.pretty());
        return;
    }
    if choice {
        line!(ctx.out, "RouterID           State/Duration    DR              BDR             I/F[State]");
    } else if !detail {
        line!(ctx.out, "Neighbor ID     Pri    DeadTime    State/IfState         Duration I/F[State]");
    }
    for row in rows {
        match () {
            () if detail => detail_text(&mut ctx.out, row, clock, areas),
            () if choice => choice_text(&mut ctx.out, row, clock),
            () => brief(&mut ctx.out, row, clock),
        }
    }
}

fn name(view: &NeighborView) -> String {
    format!("{}%{}", view.router, view.name)
}

fn dead_in(view: &NeighborView, clock: Clock) -> Duration {
    view.dead_due.map(|due| due.saturating_duration_since(clock.now)).unwrap_or_default()
}

fn brief(out: &mut Out<'_>, row: &Row, clock: Clock) {
    let view = &row.view;
    line!(
        out,
        "{:<15} {:>3} {:>11} {:>8}/{:<12} {:>11} {}[{}]",
        view.router.to_string(),
        view.priority,
        span6(dead_in(view, clock)),
        text::neighbor(view.state),
        row.role,
        span6(clock.age(view.changed)),
        view.name,
        text::interface(view.interface_state)
    );
}

fn brief_json(row: &Row, clock: Clock) -> Obj {
    let view = &row.view;
    let mut o = Obj::new();
    o.put("neighborId", view.router.to_string())
        .put("priority", view.priority)
        .put("deadTime", span6(dead_in(view, clock)))
        .put("state", text::neighbor(view.state))
        .put("ifState", row.role)
        .put("duration", span6(clock.age(view.changed)))
        .put("interfaceName", &*view.name)
        .put("interfaceState", text::interface(view.interface_state));
    o
}

fn choice_text(out: &mut Out<'_>, row: &Row, clock: Clock) {
    let view = &row.view;
    line!(
        out,
        "{:<15} {:>8}/{:<11} {:<15} {:<15} {}[{}]",
        view.router.to_string(),
        text::neighbor(view.state),
        span6(clock.age(view.changed)),
        view.dr.to_string(),
        view.bdr.to_string(),
        view.name,
        text::interface(view.interface_state)
    );
}

fn choice_json(row: &Row, clock: Clock) -> Obj {
    let view = &row.view;
    let mut o = Obj::new();
    o.put("routerId", view.router.to_string())
        .put("state", text::neighbor(view.state))
        .put("duration", span6(clock.age(view.changed)))
        .put("dRouter", view.dr.to_string())
        .put("bdRouter", view.bdr.to_string())
        .put("interfaceName", &*view.name)
        .put("interfaceState", text::interface(view.interface_state));
    o
}

/// Who leads the exchange, seen from here.
fn exchange(view: &NeighborView) -> &'static str {
    if view.master { "Slave" } else { "Master" }
}

/// Lists that wait for packets: title, key.
const PENDING: [(&str, &str, &str); 4] = [
    ("DbDesc", "DbDesc", "dbDesc"),
    ("LSReq", "LsReq", "lsReq"),
    ("LSUpdate", "LsUpdate", "lsUpdate"),
    ("LSAck", "LsAck", "lsAck"),
];

fn detail_json(row: &Row, clock: Clock, areas: &Areas) -> Obj {
    let view = &row.view;
    let none = || Value::Array(Vec::new());
    let mut o = Obj::new();
    o.put("area", areas.name(view.area))
        .put("interface", &*view.name)
        .put("interfaceIndex", own_index(view))
        .put("neighborInterfaceIndex", view.interface_id)
        .put("linkLocalAddress", view.addr.to_string())
        .put("neighborState", text::neighbor(view.state))
        .put("neighborStateDuration", span6(clock.age(view.changed)))
        .put("neighborDRouter", view.dr.to_string())
        .put("neighborBdRouter", view.bdr.to_string())
        .put("dbDescStatus", exchange(view))
        .put("dbDescSeqNumber", view.dd_sequence)
        .put("summaryListCount", view.summary)
        .put("summaryListLsa", none())
        .put("requestListCount", view.requests)
        .put("requestListLsa", none())
        .put("reTransListCount", view.retransmit)
        .put("reTransListLsa", none());
    for (_, pending, lead) in PENDING {
        o.put(format!("pendingLsa{pending}Count"), 0)
            .put(format!("pendingLsa{pending}Time"), "00:00:00")
            .put(format!("{lead}SendThread"), "off")
            .put(format!("pendingLsa{pending}"), none());
    }
    if let Some(until) = view.helped {
        let left = until.saturating_duration_since(clock.now).as_secs();
        o.put("grHelperStatus", "Inprogress").put("graceInterval", left);
    }
    o.opt("peerBfdInfo", row.bfd.as_ref().map(neighbor_info))
        .put("authStatus", if row.authenticated { "enabled" } else { "disabled" });
    o
}

const fn own_index(view: &NeighborView) -> u32 {
    match view.interface {
        InterfaceKey::Link(index, _) => index.0,
        InterfaceKey::Virtual(..) => 0,
    }
}

fn detail_text(out: &mut Out<'_>, row: &Row, clock: Clock, areas: &Areas) {
    let view = &row.view;
    line!(out, " Neighbor {}", name(view));
    line!(
        out,
        "    Area {} via interface {} (ifindex {})",
        areas.name(view.area),
        view.name,
        own_index(view)
    );
    line!(out, "    His IfIndex: {} Link-local address: {}", view.interface_id, view.addr);
    line!(
        out,
        "    State {} for a duration of {}",
        text::neighbor(view.state),
        span6(clock.age(view.changed))
    );
    line!(out, "    His choice of DR/BDR {}/{}, Priority {}", view.dr, view.bdr, view.priority);
    line!(out, "    DbDesc status: {} SeqNum: {:#x}", exchange(view), view.dd_sequence);
    line!(out, "    Summary-List: {} LSAs", view.summary);
    line!(out, "    Request-List: {} LSAs", view.requests);
    line!(out, "    Retrans-List: {} LSAs", view.retransmit);
    for (title, ..) in PENDING {
        line!(out, "    0 Pending LSAs for {title} in Time 00:00:00 [thread off]");
    }
    if let Some(bfd) = &row.bfd {
        neighbor_lines(out, bfd);
        line!(out);
    }
    let word = if row.authenticated { "present" } else { "not present" };
    line!(out, "    Authentication header {word}");
}

#[cfg(test)]
mod tests;
