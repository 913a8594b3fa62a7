//! Next-hop tracking and groups.

use std::net::IpAddr;

use ferr_state::rib::{GroupView, ResolvedWay, TrackedView};
use ferr_types::{Afi, IfIndex, VrfId};
use serde_json::Value;

use super::names::{Names, afi};
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line, put};
use crate::pattern::Args;
use crate::show::Ctx;

/// `show ip nht`.
pub(super) async fn tracked(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    list(ctx, args, false).await
}

/// `show ip import-check`.
pub(super) async fn import_checks(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    list(ctx, args, true).await
}

async fn list(ctx: &mut Ctx<'_>, args: &Args, exact: bool) -> Outcome {
    let (afi, copy) = (afi(args), args.clone());
    let wanted: Option<IpAddr> =
        args.get("A.B.C.D").or_else(|| args.get("X:X::X:X")).and_then(|a| a.parse().ok());
    let (names, parts) = ctx
        .handle()
        .rib(move |rib, _| {
            let names = Names::of(rib);
            let of = |vrf: VrfId| if exact { rib.import_checks(vrf, afi) } else { rib.tracked(vrf, afi) };
            let parts: Vec<(VrfId, Vec<TrackedView>)> =
                names.wanted(&copy).into_iter().map(|vrf| (vrf, of(vrf))).collect();
            (names, parts)
        })
        .await?;
    let fits = |t: &&TrackedView| wanted.is_none_or(|w| t.info.watch.target.addr() == w);
    if args.has("json") {
        let mut all = Obj::new();
        for (vrf, tracked) in &parts {
            let mut inner = Obj::new();
            for t in tracked.iter().filter(fits) {
                inner.put(label(t), object(t, &names));
            }
            let mut family = Obj::new();
            family.put(afi.to_string(), inner);
            all.put(names.vrf(*vrf), family);
        }
        ctx.out.push(&all.pretty());
        return Ok(Status::Success);
    }
    for (vrf, tracked) in &parts {
        if parts.len() > 1 || *vrf != VrfId::DEFAULT {
            line!(ctx.out, "\nVRF {}:", names.vrf(*vrf));
        }
        for t in tracked.iter().filter(fits) {
            text(&mut ctx.out, t, &names);
        }
        ctx.out.breathe().await?;
    }
    Ok(Status::Success)
}

fn label(t: &TrackedView) -> String {
    let target = t.info.watch.target;
    if target.is_host() { target.addr().to_string() } else { target.to_string() }
}

fn way(ifindex: IfIndex, gateway: Option<IpAddr>, names: &Names) -> String {
    match gateway {
        Some(gateway) => format!(" via {gateway}, {}", names.link(ifindex)),
        None => format!(" is directly connected, {}", names.link(ifindex)),
    }
}

fn clients(t: &TrackedView) -> Vec<String> {
    t.owners.iter().map(|o| format!("bgp(fd {})", o.0)).collect()
}

fn text(out: &mut Out<'_>, t: &TrackedView, names: &Names) {
    match &t.info.via {
        None => line!(out, "{}\n unresolved", label(t)),
        Some(reach) => {
            line!(out, "{}{}", label(t), if reach.connected { "(Connected)" } else { "" });
            line!(out, " resolved via {}", reach.protocol);
            reach.nexthops.iter().for_each(|(i, g)| line!(out, "{}", way(*i, *g, names)));
        }
    }
    line!(out, " Client list: {}", clients(t).join(" "));
}

fn object(t: &TrackedView, names: &Names) -> Obj {
    let mut o = Obj::new();
    o.put("nhtConnected", t.info.via.as_ref().is_some_and(|r| r.connected));
    let clients: Vec<Value> = t
        .owners
        .iter()
        .map(|owner| {
            let mut client = Obj::new();
            client.put("protocol", "bgp").put("socket", owner.0).put("protocolFiltered", "none");
            client.into()
        })
        .collect();
    o.put("clientList", clients);
    match &t.info.via {
        None => {
            o.put("unresolved", true);
        }
        Some(reach) => {
            let hops: Vec<Value> = reach
                .nexthops
                .iter()
                .map(|(ifindex, gateway)| {
                    let mut hop = Obj::new();
                    hop.opt("ip", gateway.map(|g| g.to_string()))
                        .flag("directlyConnected", gateway.is_none())
                        .put("interfaceIndex", ifindex.0)
                        .put("interfaceName", names.link(*ifindex));
                    hop.into()
                })
                .collect();
            o.put("resolvedProtocol", reach.protocol.name()).put("nexthops", hops);
        }
    }
    o
}

/// `show nexthop-group rib`.
pub(super) async fn groups(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let wanted: Option<u32> = args.get("(0-4294967295)").and_then(|n| n.parse().ok());
    let (names, mut groups) = ctx.handle().rib(|rib, _| (Names::of(rib), rib.groups())).await?;
    let singleton = args.has("singleton");
    let family = (singleton && (args.has("ip") || args.has("ipv6"))).then(|| afi(args));
    groups.retain(|g| {
        let by_id = wanted.is_none_or(|w| g.id.is_some_and(|id| id.0 == w));
        let by_shape = !singleton || g.members.len() == 1;
        let of_family =
            |f: Afi| g.members.iter().all(|(_, w)| w.gateway.is_none_or(|a| a.is_ipv4() == (f == Afi::Ipv4)));
        by_id && by_shape && family.is_none_or(of_family)
    });
    groups.sort_by_key(|g| g.id);
    if args.has("json") {
        let mut all = Obj::new();
        for (n, group) in groups.iter().enumerate() {
            let key = group.id.map_or_else(|| format!("unused-{n}"), |id| id.0.to_string());
            all.put(key, group_json(group, &names));
        }
        ctx.out.push(&all.pretty());
        return Ok(Status::Success);
    }
    if let Some(id) = wanted.filter(|_| groups.is_empty()) {
        line!(ctx.out, "Nexthop Group ID: {id} does not exist");
        return Ok(Status::Warning);
    }
    for group in &groups {
        group_text(&mut ctx.out, group, &names);
        ctx.out.breathe().await?;
    }
    Ok(Status::Success)
}

fn depends(group: &GroupView) -> Vec<u32> {
    let members = group.members.iter().filter(|_| group.members.len() > 1);
    members.filter_map(|(id, _)| id.map(|id| id.0)).collect()
}

fn group_text(out: &mut Out<'_>, group: &GroupView, names: &Names) {
    match group.id {
        Some(id) => line!(out, "ID: {} (zebra)", id.0),
        None => line!(out, "ID: none (zebra)"),
    }
    line!(out, "     RefCnt: {}", group.references);
    line!(out, "     VRF: default");
    if group.valid {
        line!(out, "     Valid{}", if group.installed { ", Installed" } else { "" });
    }
    if let [(_, only)] = group.members.as_slice() {
        line!(out, "     Interface Index: {}", only.ifindex);
    }
    let depends = depends(group);
    if !depends.is_empty() {
        put!(out, "     Depends:");
        depends.iter().for_each(|id| put!(out, " ({id})"));
        line!(out);
    }
    for (_, member) in &group.members {
        let text = way(member.ifindex, member.gateway, names);
        line!(out, "          {text} (vrf default), weight {}", member.weight);
    }
}

fn group_json(group: &GroupView, names: &Names) -> Obj {
    let hop = |w: &ResolvedWay| -> Value {
        let mut o = Obj::new();
        o.opt("ip", w.gateway.map(|g| g.to_string()))
            .flag("directlyConnected", w.gateway.is_none())
            .put("interfaceIndex", w.ifindex.0)
            .put("interfaceName", names.link(w.ifindex))
            .put("active", group.valid)
            .put("weight", w.weight);
        o.into()
    };
    let mut o = Obj::new();
    o.put("type", "zebra")
        .put("refCount", group.references)
        .put("vrf", "default")
        .flag("valid", group.valid)
        .flag("installed", group.installed);
    if let [(_, only)] = group.members.as_slice() {
        o.put("interfaceIndex", only.ifindex.0);
    }
    o.put("nexthops", group.members.iter().map(|(_, w)| hop(w)).collect::<Vec<_>>());
    let depends = depends(group);
    if !depends.is_empty() {
        o.put("depends", depends);
    }
    o
}
