//! One prefix, and counts: `show ip route PREFIX`, `show ip route summary`.

use ferr_state::rib::{RouteView, Summary};
use ferr_types::{Afi, Prefix, Protocol, TableId, VrfId};
use serde_json::Value;

use super::names::{Names, afi};
use super::render;
use crate::json::{Obj, pretty_at};
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};

/// `show ip route PREFIX|ADDRESS`.
pub(super) async fn prefix(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let exact = args.get("A.B.C.D/M").or_else(|| args.get("X:X::X:X/M")).and_then(|p| p.parse().ok());
    let address = args.get("A.B.C.D").or_else(|| args.get("X:X::X:X")).and_then(|a| a.parse().ok());
    let copy = args.clone();
    let (names, parts, now) = ctx
        .handle()
        .rib(move |rib, now| {
            let names = Names::of(rib);
            let look_up = |vrf: VrfId| match (exact, address) {
                (Some(prefix), _) => rib.route(vrf, None, prefix),
                (None, Some(addr)) => rib.longest_match(vrf, None, Prefix::host(addr)),
                (None, None) => Vec::new(),
            };
            let parts: Vec<Vec<RouteView>> = names.wanted(&copy).into_iter().map(look_up).collect();
            (names, parts, now)
        })
        .await?;
    let clock = Clock::new(ctx.handle(), now);
    let fib = args.has("fib");
    let parts: Vec<Vec<RouteView>> = parts
        .into_iter()
        .map(|part| part.into_iter().filter(|r| !fib || r.selected && r.installed).collect::<Vec<_>>())
        .filter(|part: &Vec<RouteView>| !part.is_empty())
        .collect();
    if args.has("json") {
        if parts.is_empty() {
            ctx.out.push("{}\n");
        }
        for part in &parts {
            let list: Vec<Value> = part.iter().map(|r| render::json(r, &names, &clock)).collect();
            let mut o = Obj::new();
            o.put(part[0].prefix.to_string(), list);
            ctx.out.push(&o.pretty());
        }
        return Ok(Status::Success);
    }
    if parts.is_empty() {
        line!(ctx.out, "% Network not in table");
        return Ok(Status::Warning);
    }
    parts.iter().flatten().for_each(|r| render::detail(&mut ctx.out, r, &names, &clock));
    Ok(Status::Success)
}

/// One line of a summary.
struct Row {
    title: &'static str,
    rib: u32,
    fib: u32,
}

/// Rows in FRR's order: BGP is two, always both.
fn rows(summary: &Summary) -> Vec<Row> {
    const ORDER: [Protocol; 8] = [
        Protocol::Kernel,
        Protocol::Connected,
        Protocol::Local,
        Protocol::Static,
        Protocol::Ospf,
        Protocol::Ospf6,
        Protocol::Bgp,
        Protocol::Table,
    ];
    let mut out = Vec::new();
    for protocol in ORDER {
        let row = summary.rows.iter().find(|(p, _)| *p == protocol).map(|(_, r)| *r).unwrap_or_default();
        if protocol == Protocol::Bgp {
            if row.rib > 0 || summary.ibgp.rib > 0 {
                out.push(Row { title: "ebgp", rib: row.rib, fib: row.fib });
                out.push(Row { title: "ibgp", rib: summary.ibgp.rib, fib: summary.ibgp.fib });
            }
        } else if row.rib > 0 {
            out.push(Row { title: protocol.name(), rib: row.rib, fib: row.fib });
        }
    }
    out
}

fn object(rows: &[Row]) -> Obj {
    let list: Vec<Value> = rows
        .iter()
        .map(|r| {
            let mut o = Obj::new();
            o.put("fib", r.fib)
                .put("rib", r.rib)
                .put("fibOffLoaded", 0)
                .put("fibTrapped", 0)
                .put("type", r.title);
            o.into()
        })
        .collect();
    let mut o = Obj::new();
    o.put("routes", list)
        .put("routesTotal", rows.iter().map(|r| r.rib).sum::<u32>())
        .put("routesTotalFib", rows.iter().map(|r| r.fib).sum::<u32>());
    o
}

/// `show ip route summary`.
pub(super) async fn summary(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (afi, copy): (Afi, Args) = (afi(args), args.clone());
    let table: Option<TableId> = args.after("table").and_then(|t| t.parse().ok()).map(TableId);
    let parts = ctx
        .handle()
        .rib(move |rib, _| {
            let names = Names::of(rib);
            let count = |vrf: VrfId| {
                let own = rib.vrfs().any(|v| v.id == vrf && Some(v.table) == table);
                (names.vrf(vrf), rows(&rib.summary(vrf, table.filter(|_| !own), afi)))
            };
            names.wanted(&copy).into_iter().map(count).collect::<Vec<(String, Vec<Row>)>>()
        })
        .await?;
    if !args.has("json") {
        parts.iter().for_each(|(vrf, rows)| summary_text(&mut ctx.out, vrf, rows));
        return Ok(Status::Success);
    }
    let mut all = Obj::new();
    for (vrf, rows) in &parts {
        if args.get("VRF") != Some("all") {
            ctx.out.push(&object(rows).pretty());
            return Ok(Status::Success);
        }
        all.put(vrf.clone(), object(rows));
    }
    line!(ctx.out, "{}", pretty_at(&Value::from(all), 0));
    Ok(Status::Success)
}

fn summary_text(out: &mut Out<'_>, vrf: &str, rows: &[Row]) {
    line!(out, "{:<20} {:<20} FIB  (vrf {vrf})", "Route Source", "Routes");
    for row in rows {
        line!(out, "{:<20} {:<20} {:<20} ", row.title, row.rib, row.fib);
    }
    line!(out, "------");
    let (rib, fib) = rows.iter().fold((0, 0), |(a, b), r| (a + r.rib, b + r.fib));
    line!(out, "{:<20} {rib:<20} {fib:<20} ", "Totals");
    line!(out);
}
