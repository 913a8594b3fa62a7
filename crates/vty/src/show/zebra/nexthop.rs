//! Next-hop tracking and groups.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ferr_state::rib::{GroupView, ResolvedWay, Rib, TrackedView};
use ferr_types::{Afi, IfIndex, NexthopReach, Protocol, VrfId};
use serde_json::Value;

use super::names::{Names, afi};
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line, put};
use crate::pattern::Args;
use crate::show::Ctx;
use crate::show::bgp::nexthop::{Followed, followed};

/// Who follows a next hop. They are parts of one process: the number stands where others have that of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Client {
    Static = 1,
    Bgp = 2,
}

impl Client {
    const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Bgp => "bgp",
        }
    }
}

/// Interface, and router on it.
type Hop = (IfIndex, Option<IpAddr>);

/// A line of the answer.
#[derive(Debug, Default)]
struct Row {
    /// Somebody wants it on a connected network.
    connected: bool,
    /// Protocol that leads to it, and where; nowhere is a route that discards.
    via: Option<(Protocol, Vec<Hop>)>,
    clients: BTreeSet<Client>,
}

impl Row {
    fn reached(&mut self, reach: Option<NexthopReach>) {
        self.via = self.via.take().or_else(|| reach.map(|r| (r.protocol, r.nexthops)));
    }
}

type Rows = Vec<(String, Row)>;

/// What static routes and BGP follow, addresses of neighbors included, in order of address.
fn rows(rib: &mut Rib, vrf: VrfId, afi: Afi, of_bgp: &[Followed]) -> BTreeMap<IpAddr, Row> {
    let mut rows: BTreeMap<IpAddr, Row> = BTreeMap::new();
    for t in rib.tracked(vrf, afi) {
        let row = rows.entry(t.info.watch.target.addr()).or_default();
        row.reached(t.info.via);
        row.clients.extend(t.by_static.then_some(Client::Static));
        row.clients.extend((!t.owners.is_empty()).then_some(Client::Bgp));
    }
    for t in rib.import_checks(vrf, afi) {
        let row = rows.entry(t.info.watch.target.addr()).or_default();
        row.reached(t.info.via);
        row.clients.insert(Client::Bgp);
    }
    for f in of_bgp.iter().filter(|f| f.addr.is_ipv4() == (afi == Afi::Ipv4)) {
        let row = rows.entry(f.addr).or_default();
        row.connected |= f.connected;
        row.clients.insert(Client::Bgp);
        match f.link {
            Some(link) => row.via = Some((Protocol::Connected, vec![(link, None)])),
            None => row.reached(rib.look_up(vrf, f.addr).map(|(reach, _)| reach)),
        }
    }
    rows
}

/// `show ip nht`.
pub(super) async fn tracked(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let of_bgp = ctx
        .handle()
        .bgp(|world, _| {
            let instances = world.instances.values_mut().filter(|i| !i.view);
            instances.map(|i| (i.bgp.config().vrf, followed(i))).collect::<Vec<_>>()
        })
        .await?;
    let (afi, copy) = (afi(args), args.clone());
    let wanted: Option<IpAddr> =
        args.get("A.B.C.D").or_else(|| args.get("X:X::X:X")).and_then(|a| a.parse().ok());
    let (names, parts) = ctx
        .handle()
        .rib(move |rib, _| {
            let names = Names::of(rib);
            let mut parts: Vec<(VrfId, Rows)> = Vec::new();
            for vrf in names.wanted(&copy) {
                let of_vrf = of_bgp.iter().filter(|(v, _)| *v == vrf);
                let of_vrf: Vec<Followed> = of_vrf.flat_map(|(_, all)| all.clone()).collect();
                let mut rows = rows(rib, vrf, afi, &of_vrf);
                rows.retain(|addr, _| wanted.is_none_or(|w| w == *addr));
                parts.push((vrf, rows.into_iter().map(|(addr, row)| (addr.to_string(), row)).collect()));
            }
            (names, parts)
        })
        .await?;
    answer(ctx, args, &names, &parts).await
}

/// `show ip import-check`.
pub(super) async fn import_checks(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (afi, copy) = (afi(args), args.clone());
    let wanted: Option<IpAddr> =
        args.get("A.B.C.D").or_else(|| args.get("X:X::X:X")).and_then(|a| a.parse().ok());
    let row = |t: TrackedView| {
        let mut row = Row { clients: BTreeSet::from([Client::Bgp]), ..Row::default() };
        let target = t.info.watch.target;
        row.reached(t.info.via);
        (target.to_string(), row)
    };
    let (names, parts) = ctx
        .handle()
        .rib(move |rib, _| {
            let names = Names::of(rib);
            let of = |vrf| {
                let mut checks = rib.import_checks(vrf, afi);
                checks.retain(|t| wanted.is_none_or(|w| w == t.info.watch.target.addr()));
                checks.into_iter().map(row).collect()
            };
            let parts: Vec<(VrfId, Rows)> =
                names.wanted(&copy).into_iter().map(|vrf| (vrf, of(vrf))).collect();
            (names, parts)
        })
        .await?;
    answer(ctx, args, &names, &parts).await
}

async fn answer(ctx: &mut Ctx<'_>, args: &Args, names: &Names, parts: &[(VrfId, Rows)]) -> Outcome {
    if args.has("json") {
        let mut all = Obj::new();
        for (vrf, rows) in parts {
            let mut inner = Obj::new();
            for (label, row) in rows {
                inner.put(label.clone(), object(row, names));
            }
            let mut family = Obj::new();
            family.put(afi(args).to_string(), inner);
            all.put(names.vrf(*vrf), family);
        }
        ctx.out.push(&all.pretty());
        return Ok(Status::Success);
    }
    for (vrf, rows) in parts {
        if parts.len() > 1 || *vrf != VrfId::DEFAULT {
            line!(ctx.out, "\nVRF {}:", names.vrf(*vrf));
        }
        rows.iter().for_each(|(label, row)| text(&mut ctx.out, label, row, names));
        ctx.out.breathe().await?;
    }
    Ok(Status::Success)
}

fn way(ifindex: IfIndex, gateway: Option<IpAddr>, names: &Names) -> String {
    match gateway {
        Some(gateway) => format!(" via {gateway}, {}", names.link(ifindex)),
        None => format!(" is directly connected, {}", names.link(ifindex)),
    }
}

fn text(out: &mut Out<'_>, label: &str, row: &Row, names: &Names) {
    line!(out, "{label}{}", if row.connected { "(Connected)" } else { "" });
    match &row.via {
        None => line!(out, " unresolved"),
        Some((protocol, hops)) => {
            line!(out, " resolved via {protocol}");
            hops.iter().for_each(|(i, g)| line!(out, "{}", way(*i, *g, names)));
            if hops.is_empty() {
                line!(out, " is directly connected, Null0");
            }
        }
    }
    put!(out, " Client list:");
    row.clients.iter().for_each(|c| put!(out, " {}(fd {})", c.name(), *c as u8));
    line!(out);
}

fn object(row: &Row, names: &Names) -> Obj {
    let mut o = Obj::new();
    o.put("nhtConnected", row.connected);
    let client = |client: &Client| -> Value {
        let mut o = Obj::new();
        o.put("protocol", client.name()).put("socket", *client as u8).put("protocolFiltered", "none");
        o.into()
    };
    o.put("clientList", row.clients.iter().map(client).collect::<Vec<_>>());
    let Some((protocol, hops)) = &row.via else {
        o.put("unresolved", true);
        return o;
    };
    let hop = |(ifindex, gateway): &Hop| -> Value {
        let mut hop = Obj::new();
        hop.opt("ip", gateway.map(|g| g.to_string()))
            .flag("directlyConnected", gateway.is_none())
            .put("interfaceIndex", ifindex.0)
            .put("interfaceName", names.link(*ifindex));
        hop.into()
    };
    o.put("resolvedProtocol", protocol.name());
    o.put("nexthops", hops.iter().map(hop).collect::<Vec<_>>());
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
