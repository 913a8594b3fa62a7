//! `show interface` and `show vrf`.

use std::collections::BTreeMap;
use std::time::Instant;

use ferr_config::model::interface::Interface;
use ferr_state::rib::{Address, Link, LinkHistory, LinkKind};
use ferr_types::{IfIndex, VrfId};
use serde_json::Value;

use super::names::Names;
use crate::json::{Obj, pretty_at};
use crate::output::{Out, Outcome, Status, line, put};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};
use crate::time;

/// Interface flags of the kernel, in the order in which they are printed.
const FLAGS: [(u32, &str); 9] = [
    (0x1, "UP"),
    (0x2, "BROADCAST"),
    (0x8, "LOOPBACK"),
    (0x10, "POINTOPOINT"),
    (0x40, "RUNNING"),
    (0x80, "NOARP"),
    (0x100, "PROMISC"),
    (0x200, "ALLMULTI"),
    (0x1000, "MULTICAST"),
];
const LOOPBACK: u32 = 0x8;
const POINT_TO_POINT: u32 = 0x10;

/// An interface with its addresses.
struct Picture {
    link: Link,
    addresses: Vec<Address>,
    vrf: String,
    description: Option<String>,
    slave: &'static str,
    lower: Option<String>,
    history: LinkHistory,
    clock: Clock,
}

const fn updown(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// Names of the flags that are set.
pub(crate) fn flags(link: &Link) -> String {
    let names: Vec<&str> = FLAGS.iter().filter(|(bit, _)| link.flags & bit != 0).map(|(_, n)| *n).collect();
    format!("<{}>", names.join(","))
}

fn medium(link: &Link) -> &'static str {
    if link.kind == LinkKind::Loopback || link.flags & LOOPBACK != 0 {
        "Loopback"
    } else if link.flags & POINT_TO_POINT != 0 && link.mac.is_empty() {
        "Unknown"
    } else {
        "Ethernet"
    }
}

fn kind(link: &Link) -> &'static str {
    match &link.kind {
        LinkKind::Vrf(_) => "VRF",
        LinkKind::Virtual(kind) => match kind.as_str() {
            "bridge" => "Bridge",
            "vlan" => "Vlan",
            "vxlan" => "Vxlan",
            "macvlan" => "Macvlan",
            "veth" => "VETH",
            "bond" => "Bond",
            "gre" | "gretap" => "GRE",
            _ => "Other",
        },
        LinkKind::Other | LinkKind::Loopback => "Other",
    }
}

fn mac(link: &Link) -> Option<String> {
    let bytes: Vec<String> = link.mac.iter().map(|b| format!("{b:02x}")).collect();
    (!bytes.is_empty() && medium(link) != "Loopback").then(|| bytes.join(":"))
}

fn slave_of(links: &BTreeMap<IfIndex, (Link, LinkHistory)>, link: &Link) -> &'static str {
    match links.get(&link.master).map(|(m, _)| &m.kind) {
        Some(LinkKind::Vrf(_)) => "VRF",
        Some(LinkKind::Virtual(kind)) if kind == "bridge" => "Bridge",
        Some(LinkKind::Virtual(kind)) if kind == "bond" => "Bond",
        _ => "None",
    }
}

/// Addresses that never leave the host are not shown.
pub(crate) fn is_shown(address: &Address) -> bool {
    !address.addr.addr().is_loopback()
}

async fn take(ctx: &Ctx<'_>, args: &Args) -> Result<Vec<(VrfId, Vec<Picture>)>, ferr_state::Gone> {
    let config = ctx.handle().running().await?;
    let (copy, name) = (args.clone(), args.get("IFNAME").map(ToOwned::to_owned));
    let (names, links, addresses, vrfs, now) = ctx
        .handle()
        .rib(move |rib, now| {
            let names = Names::of(rib);
            let with_history = |l: &Link| (l.ifindex, (l.clone(), rib.link_history(l.ifindex)));
            let links: BTreeMap<IfIndex, (Link, LinkHistory)> = rib.links().map(with_history).collect();
            let addresses: Vec<Address> = rib.addresses().copied().collect();
            let vrfs: Vec<VrfId> = match copy.get("VRF") {
                None => names.vrfs().map(|(id, _)| id).collect(),
                Some(_) => names.wanted(&copy),
            };
            (names, links, addresses, vrfs, now)
        })
        .await?;
    let clock = Clock::new(ctx.handle(), now);
    let picture = |(link, history): &(Link, LinkHistory)| Picture {
        addresses: addresses.iter().filter(|a| a.ifindex == link.ifindex && is_shown(a)).copied().collect(),
        vrf: names.vrf(link.vrf),
        description: config.interfaces.get(&link.name).and_then(|i: &Interface| i.description.clone()),
        slave: slave_of(&links, link),
        lower: links.get(&link.lower).map(|(l, _)| l.name.clone()),
        link: link.clone(),
        history: *history,
        clock,
    };
    let mut out = Vec::new();
    for vrf in vrfs {
        let mut list: Vec<Picture> = links
            .values()
            .filter(|(l, _)| l.vrf == vrf && name.as_ref().is_none_or(|n| *n == l.name))
            .map(picture)
            .collect();
        list.sort_by(|a, b| a.link.name.cmp(&b.link.name));
        out.push((vrf, list));
    }
    Ok(out)
}

/// `show interface ...`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let parts = take(ctx, args).await?;
    if args.has("json") {
        return json_answer(ctx, args, &parts).await;
    }
    if args.has("brief") || args.has("description") {
        for (vrf, list) in parts.iter().filter(|(_, l)| !l.is_empty()) {
            if args.has("brief") {
                brief(&mut ctx.out, list);
            } else {
                descriptions(&mut ctx.out, *vrf, list);
            }
            ctx.out.breathe().await?;
        }
        return Ok(Status::Success);
    }
    let none = parts.iter().all(|(_, l)| l.is_empty());
    if let Some(name) = args.get("IFNAME").filter(|_| none) {
        line!(ctx.out, "% Can't find interface {name}");
        return Ok(Status::Warning);
    }
    for picture in parts.iter().flat_map(|(_, l)| l) {
        text(&mut ctx.out, picture);
        ctx.out.breathe().await?;
    }
    Ok(Status::Success)
}

async fn json_answer(ctx: &mut Ctx<'_>, args: &Args, parts: &[(VrfId, Vec<Picture>)]) -> Outcome {
    ctx.out.push("{");
    let mut comma = "";
    for p in parts.iter().flat_map(|(_, l)| l) {
        let object: Value = if args.has("brief") { brief_json(p).into() } else { json(p).into() };
        let key = Value::from(p.link.name.clone());
        ctx.out.push(&format!("{comma}\n  {key}:{}", pretty_at(&object, 1)));
        comma = ",";
        ctx.out.breathe().await?;
    }
    ctx.out.push("\n}\n");
    Ok(Status::Success)
}

fn shown_addresses(p: &Picture) -> Vec<String> {
    let mut list: Vec<&Address> = p.addresses.iter().filter(|a| !a.secondary).collect();
    list.sort_by_key(|a| a.addr.addr());
    list.iter().map(|a| a.addr.to_string()).collect()
}

fn is_link_local(text: &str) -> bool {
    text.starts_with("fe80:")
}

fn brief(out: &mut Out<'_>, list: &[Picture]) {
    line!(out, "Interface       Status  VRF             Addresses");
    line!(out, "---------       ------  ---             ---------");
    for p in list {
        put!(out, "{:<16}{:<8}{:<16}", p.link.name, updown(p.link.operative()), p.vrf);
        let addresses: Vec<String> = shown_addresses(p).into_iter().filter(|a| !is_link_local(a)).collect();
        if addresses.is_empty() {
            line!(out);
        }
        // A plus says that the interface has more addresses of the family, shown or not; loopbacks are exempt.
        let several = |v4: bool| p.addresses.iter().filter(|a| a.addr.addr().is_ipv4() == v4).count() > 1;
        for (n, address) in addresses.iter().enumerate() {
            let plus = medium(&p.link) != "Loopback" && several(!address.contains(':'));
            let (indent, plus) = (if n == 0 { 0 } else { 40 }, if plus { "+ " } else { "" });
            line!(out, "{:indent$}{plus}{address}", "");
        }
    }
    line!(out);
}

fn descriptions(out: &mut Out<'_>, vrf: VrfId, list: &[Picture]) {
    let name = list.first().map_or("", |p| p.vrf.as_str());
    line!(out, "\n\tVRF {name}({vrf})\n");
    line!(out, "Interface       Status  Protocol  Description");
    for p in list {
        let (admin, line) = (updown(p.link.up), updown(p.link.operative()));
        let description = p.description.as_deref().unwrap_or("");
        line!(out, "{:<16}{admin:<8}{line:<10}{description}", p.link.name);
    }
}

fn brief_json(p: &Picture) -> Obj {
    let addresses: Vec<String> = shown_addresses(p).into_iter().filter(|a| !is_link_local(a)).collect();
    let mut o = Obj::new();
    o.put("status", updown(p.link.operative())).put("vrfName", p.vrf.clone()).put("addresses", addresses);
    o
}

fn json(p: &Picture) -> Obj {
    let link = &p.link;
    let addresses: Vec<Value> = p
        .addresses
        .iter()
        .map(|a| {
            let mut o = Obj::new();
            o.put("address", a.addr.to_string())
                .put("secondary", a.secondary)
                .opt("peer", a.peer.map(|p| p.to_string()))
                .put("unnumbered", false);
            o.into()
        })
        .collect();
    let mut o = Obj::new();
    o.put("administrativeStatus", updown(link.up));
    if link.up {
        o.put("operationalStatus", updown(link.operative())).put("linkDetection", true);
    }
    let moment = |at: Option<Instant>| at.map(|at| time::log_time_hundredths(p.clock.wall(at)));
    o.put("linkUps", p.history.ups)
        .put("linkDowns", p.history.downs)
        .opt("lastLinkUp", moment(p.history.last_up))
        .opt("lastLinkDown", moment(p.history.last_down))
        .put("vrfName", p.vrf.clone())
        .opt("description", p.description.clone())
        .put("mplsEnabled", false)
        .put("linkDown", false)
        .put("linkDownV6", false)
        .put("mcForwardingV4", false)
        .put("mcForwardingV6", false)
        .put("pseudoInterface", false)
        .put("index", link.ifindex.0)
        .put("metric", 0)
        .put("mtu", link.mtu)
        .put("speed", link.speed)
        .put("flags", flags(link))
        .put("type", medium(link))
        .opt("hardwareAddress", mac(link))
        .put("ipAddresses", addresses)
        .put("interfaceType", kind(link))
        .put("interfaceSlaveType", p.slave)
        .put("lacpBypass", false)
        .put("evpnMh", Obj::new())
        .put("protodown", "off");
    match (&p.lower, link.lower.0) {
        (Some(name), _) => {
            o.put("parentInterface", name.clone());
        }
        (None, 0) => {}
        (None, index) => {
            o.put("parentIfindex", index);
        }
    }
    o
}

fn text(out: &mut Out<'_>, p: &Picture) {
    let link = &p.link;
    put!(out, "Interface {} is {}", link.name, updown(link.up));
    if link.up {
        line!(out, ", line protocol is {}", updown(link.operative()));
    } else {
        line!(out);
    }
    let moment = |at: Option<Instant>| match at {
        Some(at) => time::log_time_hundredths(p.clock.wall(at)),
        None => "(never)".to_owned(),
    };
    line!(out, "  Link ups:   {:>5}    last: {}", p.history.ups, moment(p.history.last_up));
    line!(out, "  Link downs: {:>5}    last: {}", p.history.downs, moment(p.history.last_down));
    line!(out, "  vrf: {}", p.vrf);
    p.description.iter().for_each(|d| line!(out, "  Description: {d}"));
    line!(out, "  index {} metric 0 mtu {} speed {} ", link.ifindex, link.mtu, link.speed);
    line!(out, "  flags: {}", flags(link));
    line!(out, "  Type: {}", medium(link));
    mac(link).iter().for_each(|m| line!(out, "  HWaddr: {m}"));
    for a in &p.addresses {
        let word = if a.addr.addr().is_ipv4() { "inet" } else { "inet6" };
        put!(out, "  {word} {}", a.addr);
        a.peer.iter().for_each(|peer| put!(out, " peer {peer}"));
        line!(out, "{}", if a.secondary { " secondary" } else { "" });
    }
    line!(out, "  Interface Type {}", kind(link));
    line!(out, "  Interface Slave Type {}", p.slave);
    line!(out, "  protodown: off ");
    p.lower.iter().for_each(|l| line!(out, "  Parent interface: {l}"));
}

/// `show vrf`.
pub(super) async fn vrfs(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let config = ctx.handle().running().await?;
    let known = ctx.handle().rib(|rib, _| rib.vrfs().cloned().collect::<Vec<_>>()).await?;
    let wanted = args.get("VRF");
    let mut rows: BTreeMap<&str, String> = BTreeMap::new();
    let mut objects = Obj::new();
    for vrf in known.iter().filter(|v| v.id != VrfId::DEFAULT) {
        let configured = if config.vrfs.contains_key(&vrf.name) { " (configured)" } else { "" };
        rows.insert(&vrf.name, format!("vrf {} id {} table {}{configured}", vrf.name, vrf.id, vrf.table));
        let mut o = Obj::new();
        o.put("vrfId", vrf.id.0).put("table", vrf.table.0).put("active", true);
        objects.put(vrf.name.clone(), o);
    }
    for name in config.vrfs.keys().filter(|n| n.as_str() != "default") {
        rows.entry(name).or_insert_with(|| format!("vrf {name} inactive (configured)"));
    }
    if args.has("json") {
        ctx.out.push(&objects.pretty());
        return Ok(Status::Success);
    }
    rows.iter().filter(|(n, _)| wanted.is_none_or(|w| w == **n)).for_each(|(_, row)| line!(ctx.out, "{row}"));
    Ok(Status::Success)
}
