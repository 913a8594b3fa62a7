//! `show ip ospf interface`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ferr_state::ferr_ospf::InterfaceState;
use ferr_state::ferr_ospf::config::{AuthConfig, InterfaceKey};
use ferr_state::ferr_ospf::view::InterfaceView;
use ferr_state::ferr_ospf::wire::PacketType;
use ferr_types::{Ipv4Prefix, RouterId};

use super::links::{LinkInfo, Links};
use super::select::{Targets, V2, ask};
use super::text;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::{Clock, Ctx};
use crate::time::span;

/// Interfaces of an instance.
struct Taken {
    router: RouterId,
    interfaces: Vec<InterfaceView>,
    areas: BTreeMap<ferr_types::AreaId, String>,
    clock: Clock,
}

/// Runs `show ip ospf interface`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let links = Links::take(ctx).await?;
    let wanted = args.get("IFNAME").map(str::to_owned);
    let mut root = Obj::new();
    for target in &targets.found {
        let taken = ask(ctx, target, |i, clock| Taken {
            router: i.config().router_id,
            interfaces: i.interfaces(),
            areas: i.config().areas.iter().map(|(id, a)| (*id, text::area(*id, Some(&a.kind)))).collect(),
            clock,
        })
        .await?;
        let Some(taken) = taken else { continue };
        let mut list = Obj::new();
        if !args.has("json") {
            targets.title(ctx, target);
        }
        let is_wanted = |i: &&InterfaceView| wanted.as_deref().is_none_or(|name| *i.config.name == *name);
        let mut found: Vec<&InterfaceView> = taken.interfaces.iter().filter(is_wanted).collect();
        found.sort_by(|a, b| a.config.name.cmp(&b.config.name));
        for view in &found {
            let link = view.ifindex.and_then(|i| links.get(i));
            if args.has("json") {
                list.put(key(view, &found), json(view, link, &taken));
            } else {
                text(&mut ctx.out, view, link, &taken);
            }
        }
        if found.is_empty()
            && let Some(name) = &wanted
        {
            absent(ctx, args, name, &links, &mut list);
        }
        if args.has("json") {
            let mut o = Obj::new();
            let unknown = wanted.as_deref().is_some_and(|n| found.is_empty() && links.named(n).is_none());
            if unknown {
                o.extend(list)
            } else {
                o.put("interfaces", list)
            };
            targets.place(&mut root, target, o);
        } else {
            line!(ctx.out);
        }
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

/// Links with several addresses have several interfaces: the address tells them apart.
fn key(view: &InterfaceView, all: &[&InterfaceView]) -> String {
    let name = view.config.name.to_string();
    let first = all.iter().find(|i| i.config.name == view.config.name).map(|i| i.key);
    match (first == Some(view.key), view.key) {
        (false, InterfaceKey::Link(_, Some(addr))) => format!("{name}:{addr}"),
        _ => name,
    }
}

/// An interface that the line names and OSPF does not have.
fn absent(ctx: &mut Ctx<'_>, args: &Args, name: &str, links: &Links, list: &mut Obj) {
    let link = links.named(name);
    match link {
        None if args.has("json") => {
            list.put("noSuchIface", true);
        }
        None => line!(ctx.out, "No such interface name"),
        Some((index, link)) if args.has("json") => {
            let mut o = Obj::new();
            link_json(&mut o, index.0, Some(link), link.up);
            o.put("ospfEnabled", false);
            list.put(name.to_owned(), o);
        }
        Some((index, link)) => {
            link_text(&mut ctx.out, name, index.0, Some(link), link.up);
            line!(ctx.out, "  OSPF not enabled on this interface");
        }
    }
}

fn link_json(o: &mut Obj, index: u32, link: Option<&LinkInfo>, up: bool) {
    o.put(if up { "ifUp" } else { "ifDown" }, up)
        .put("ifIndex", index)
        .put("mtuBytes", link.map_or(0, |l| l.mtu))
        .put("bandwidthMbit", link.map_or(0, |l| l.bandwidth))
        .put("ifFlags", link.map_or_else(|| "<>".to_owned(), |l| l.flags.clone()));
}

fn link_text(out: &mut Out<'_>, name: &str, index: u32, link: Option<&LinkInfo>, up: bool) {
    line!(out, "{name} is {}", if up { "up" } else { "down" });
    line!(
        out,
        "  ifindex {index}, MTU {} bytes, BW {} Mbit {}",
        link.map_or(0, |l| l.mtu),
        link.map_or(0, |l| l.bandwidth),
        link.map_or("<>", |l| l.flags.as_str())
    );
}

fn broadcast(addr: Ipv4Addr, prefix: Ipv4Prefix) -> Ipv4Addr {
    let host = u32::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
    Ipv4Addr::from_bits(addr.to_bits() | host)
}

fn area(view: &InterfaceView, taken: &Taken) -> String {
    taken.areas.get(&view.config.area).cloned().unwrap_or_else(|| view.config.area.to_string())
}

fn json(view: &InterfaceView, link: Option<&LinkInfo>, taken: &Taken) -> Obj {
    let config = &view.config;
    let up = link.map_or(config.up, |l| l.up);
    let mut o = Obj::new();
    link_json(&mut o, view.ifindex.map_or(0, |i| i.0), link, up);
    if view.state == InterfaceState::Down {
        o.put("ospfRunning", false);
        return o;
    }
    o.put("ospfEnabled", true);
    if config.unnumbered {
        o.put("ifUnnumbered", true);
    } else if let Some((addr, prefix)) = config.address {
        let peer = link.is_some_and(|l| l.point_to_point);
        o.put("ipAddress", addr.to_string())
            .put("ipAddressPrefixlen", prefix.len())
            .put("ospfIfType", if peer { "Peer" } else { "Broadcast" })
            .put("localIfUsed", broadcast(addr, prefix).to_string());
    }
    o.put("area", area(view, taken))
        .flag("mtuMismatchDetect", config.mtu_ignore)
        .put("routerId", taken.router.to_string())
        .put("networkType", text::network(config.network))
        .put("cost", view.cost)
        .put("transmitDelaySecs", config.transmit_delay)
        .put("state", text::interface(view.state))
        .put("priority", config.priority);
    for (id_key, addr_key, dr) in [("drId", "drAddress", view.dr), ("bdrId", "bdrAddress", view.bdr)] {
        if let Some((id, addr)) = dr.filter(|_| text::has_dr(config.network)) {
            o.put(id_key, id.to_string()).put(addr_key, addr.to_string());
        }
    }
    let ms = |d: std::time::Duration| d.as_millis() as u64;
    o.flag("mcastMemberOspfAllRouters", view.all_spf)
        .flag("mcastMemberOspfDesignatedRouters", view.all_dr)
        .put("timerMsecs", ms(config.hello))
        .put("timerDeadSecs", config.dead.as_secs())
        .put("timerWaitSecs", config.dead.as_secs())
        .put("timerRetransmitSecs", config.retransmit.as_secs());
    if config.passive {
        o.put("timerPassiveIface", true);
    } else {
        let due = view.hello_due.map(|due| due.saturating_duration_since(taken.clock.now));
        o.put("timerHelloInMsecs", ms(due.unwrap_or_default()));
    }
    o.put("nbrCount", view.neighbors).put("nbrAdjacentCount", view.full);
    match &config.auth {
        AuthConfig::None => {}
        AuthConfig::Simple(_) => {
            o.put("authentication", "authenticationSimplePassword");
        }
        AuthConfig::Keys(_) => {
            o.put("authentication", "authenticationMessageDigest");
        }
    }
    if config.bfd {
        let mut bfd = Obj::new();
        bfd.put("detectionMultiplier", 3).put("rxMinInterval", 300).put("txMinInterval", 300);
        o.put("peerBfdInfo", bfd);
    }
    o
}

fn text(out: &mut Out<'_>, view: &InterfaceView, link: Option<&LinkInfo>, taken: &Taken) {
    let config = &view.config;
    let up = link.map_or(config.up, |l| l.up);
    link_text(out, &config.name, view.ifindex.map_or(0, |i| i.0), link, up);
    if view.state == InterfaceState::Down {
        line!(out, "  OSPF is enabled, but not running on this interface");
        return;
    }
    match config.address {
        Some((addr, prefix)) if !config.unnumbered => line!(
            out,
            "  Internet Address {addr}/{}, Broadcast {}, Area {}",
            prefix.len(),
            broadcast(addr, prefix),
            area(view, taken)
        ),
        _ => line!(out, "  This interface is UNNUMBERED, Area {}", area(view, taken)),
    }
    let detection = if config.mtu_ignore { "disabled" } else { "enabled" };
    line!(out, "  MTU mismatch detection: {detection}");
    line!(
        out,
        "  Router ID {}, Network Type {}, Cost: {}",
        taken.router,
        text::network(config.network),
        view.cost
    );
    line!(
        out,
        "  Transmit Delay is {} sec, State {}, Priority {}",
        config.transmit_delay,
        text::interface(view.state),
        config.priority
    );
    designated(out, view);
    let groups = match (view.all_spf, view.all_dr) {
        (true, true) => "OSPFAllRouters OSPFDesignatedRouters",
        (true, false) => "OSPFAllRouters",
        (false, true) => "OSPFDesignatedRouters",
        (false, false) => "<None>",
    };
    line!(out, "  Multicast group memberships: {groups}");
    timers(out, view, taken.clock);
    line!(out, "  Neighbor Count is {}, Adjacent neighbor count is {}", view.neighbors, view.full);
    if config.bfd {
        line!(out, "  BFD: Detect Multiplier: 3, Min Rx interval: 300, Min Tx interval: 300");
    }
    match &config.auth {
        AuthConfig::None => {}
        AuthConfig::Simple(_) => line!(out, "  Simple password authentication enabled"),
        AuthConfig::Keys(keys) => {
            line!(out, "  Cryptographic authentication enabled");
            if keys.is_empty() {
                line!(out, "  No key configured, using default key id 0");
            } else {
                line!(out, "  Algorithm:MD5");
            }
        }
    }
}

fn designated(out: &mut Out<'_>, view: &InterfaceView) {
    let shown = text::has_dr(view.config.network);
    let known = |dr: Option<(RouterId, IpAddr)>| dr.filter(|_| shown);
    let len = view.config.address.map_or(32, |(_, prefix)| prefix.len());
    if let Some((id, addr)) = known(view.dr) {
        line!(out, "  Designated Router (ID) {id} Interface Address {addr}/{len}");
    }
    match known(view.bdr) {
        Some((id, addr)) => {
            line!(out, "  Backup Designated Router (ID) {id}, Interface Address {addr}");
        }
        None => line!(out, "  No backup designated router on this network"),
    }
}

fn timers(out: &mut Out<'_>, view: &InterfaceView, clock: Clock) {
    let config = &view.config;
    let (dead, retransmit) = (config.dead.as_secs(), config.retransmit.as_secs());
    let hello = match config.hello.subsec_millis() {
        0 => format!("{}s", config.hello.as_secs()),
        _ => format!("{}ms", config.hello.as_millis()),
    };
    line!(
        out,
        "  Timer intervals configured, Hello {hello}, Dead {dead}s, Wait {dead}s, Retransmit {retransmit}"
    );
    match view.hello_due {
        _ if config.passive => line!(out, "    No Hellos (Passive interface)"),
        Some(due) => line!(out, "    Hello due in {}", span(due.saturating_duration_since(clock.now))),
        None => line!(out, "    Hello due in inactive"),
    }
}

/// Received and sent packets of a type.
pub(in crate::show) fn packets(view: &InterfaceView, kind: PacketType) -> (u64, u64) {
    view.packets.get(&kind).copied().unwrap_or_default()
}

/// Types in the order of columns, with the lead of their keys.
pub(in crate::show) const TYPES: [(PacketType, &str); 5] = [
    (PacketType::Hello, "hello"),
    (PacketType::Dbd, "dbDesc"),
    (PacketType::LsRequest, "lsReq"),
    (PacketType::LsUpdate, "lsUpd"),
    (PacketType::LsAck, "lsAck"),
];

/// Runs `show ip ospf interface traffic`.
pub(super) async fn traffic(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V2).await?;
    if targets.none(ctx, args, V2) {
        return Ok(Status::Success);
    }
    let wanted = args.get("IFNAME").map(str::to_owned);
    let mut root = Obj::new();
    for target in &targets.found {
        let Some(mut views) = ask(ctx, target, |i, _| i.interfaces()).await? else { continue };
        views.retain(|i| wanted.as_deref().is_none_or(|name| *i.config.name == *name));
        if args.has("json") {
            let mut o = Obj::new();
            for view in &views {
                o.put(view.config.name.to_string(), traffic_json(view));
            }
            targets.place(&mut root, target, o);
            continue;
        }
        targets.title(ctx, target);
        traffic_head(&mut ctx.out);
        for view in &views {
            line!(ctx.out, "{} {:>12}", columns(view), 0);
        }
        line!(ctx.out);
    }
    if args.has("json") {
        ctx.out.push(&root.pretty());
    }
    Ok(Status::Success)
}

fn traffic_json(view: &InterfaceView) -> Obj {
    let mut o = Obj::new();
    o.put("ifIndex", view.ifindex.map_or(0, |i| i.0));
    for (kind, lead) in TYPES {
        let (received, sent) = packets(view, kind);
        o.put(format!("{lead}In"), received).put(format!("{lead}Out"), sent);
    }
    o.put("packetsQueued", 0);
    o
}

/// Name and counters of an interface in a line.
pub(in crate::show) fn columns(view: &InterfaceView) -> String {
    let column = |(n, (kind, _)): (usize, (PacketType, &str))| {
        let (received, sent) = packets(view, kind);
        let width = if n == 0 { 8 } else { 7 };
        format!(" {received:>width$}/{sent:<width$}")
    };
    let columns: String = TYPES.into_iter().enumerate().map(column).collect();
    format!("{:<10}{columns}", view.config.name)
}

fn traffic_head(out: &mut Out<'_>) {
    line!(out);
    line!(
        out,
        "Interface       HELLO            DB-Desc         LS-Req           LS-Update        LS-Ack            Packets      "
    );
    line!(
        out,
        "                Rx/Tx            Rx/Tx            Rx/Tx            Rx/Tx            Rx/Tx            Queued       "
    );
    line!(out, "{}", "-".repeat(109));
}

#[cfg(test)]
mod tests;
