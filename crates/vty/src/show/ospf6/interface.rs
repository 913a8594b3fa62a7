//! `show ipv6 ospf6 interface`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ferr_state::ferr_ospf::config::{AuthConfig, NetworkType};
use ferr_state::ferr_ospf::view::{InterfaceView, PathKind};
use ferr_state::ferr_ospf::wire::{Options, RouterBits};
use ferr_types::{IfAddr, Ipv6Prefix, RouterId};
use serde_json::Value;

use super::record::{Record, What, ways_json};
use super::text;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::ospf::interface::{TYPES, columns, packets};
use crate::show::ospf::links::{LinkInfo, Links};
use crate::show::ospf::select::{Targets, V3, ask};
use crate::show::{Clock, Ctx};
use crate::time::span6;

/// Runs `show ipv6 ospf6 interface`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let links = Links::take(ctx).await?;
    let wanted = args.get("IFNAME").map(str::to_owned);
    let is_wanted = |name: &str| wanted.as_deref().is_none_or(|w| w == name);
    if let Some(name) = wanted.as_deref().filter(|name| links.named(name).is_none()) {
        absent(ctx, args, name);
        return Ok(Status::Success);
    }
    for target in &targets.found {
        let taken = ask(ctx, target, |i, clock| (i.interfaces(), clock)).await?;
        let Some((views, clock)) = taken else { continue };
        let mut shown: BTreeMap<&str, Option<&InterfaceView>> = links
            .iter()
            .filter(|link| i64::from(link.vrf.0) == target.vrf && is_wanted(&link.name))
            .map(|link| (link.name.as_str(), None))
            .collect();
        shown.extend(views.iter().filter(|v| is_wanted(&v.config.name)).map(|v| (&*v.config.name, Some(v))));
        let mut root = Obj::new();
        for (name, view) in shown {
            let link = links.named(name);
            match (view, link) {
                (Some(view), _) if args.has("json") => {
                    root.put(name, json(view, link.map(|(_, link)| link)));
                }
                (Some(view), _) => text(&mut ctx.out, view, link.map(|(_, link)| link), clock),
                (None, Some((index, link))) if args.has("json") => {
                    let mut o = Obj::new();
                    o.put("status", status(link.up))
                        .put("type", kind(Some(link)))
                        .put("interfaceId", index.0);
                    root.put(name, o);
                }
                (None, Some((index, link))) => {
                    line!(ctx.out, "{name} is {}, type {}", status(link.up), kind(Some(link)));
                    line!(ctx.out, "  Interface ID: {index}");
                    line!(ctx.out, "   OSPF not enabled on this interface");
                }
                (None, None) => {}
            }
        }
        if args.has("json") {
            ctx.out.push(&root.pretty());
        }
    }
    Ok(Status::Success)
}

/// An interface that the line names and that there is none of.
fn absent(ctx: &mut Ctx<'_>, args: &Args, name: &str) {
    if args.has("json") {
        let mut o = Obj::new();
        o.put("noSuchInterface", name);
        ctx.out.push(&o.pretty());
    } else {
        line!(ctx.out, "No such Interface: {name}");
    }
}

const fn status(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// Kind of the link itself.
fn kind(link: Option<&LinkInfo>) -> &'static str {
    match link {
        Some(link) if link.loopback => "LOOPBACK",
        Some(link) if link.point_to_point => "POINTOPOINT",
        _ => "BROADCAST",
    }
}

const fn own_kind(network: NetworkType) -> Option<&'static str> {
    match network {
        NetworkType::Loopback => None,
        other => Some(text::network(other)),
    }
}

/// IPv4 addresses first, link-local ones last.
fn addresses(link: Option<&LinkInfo>) -> Vec<IfAddr> {
    let mut all = link.map(|l| l.addresses.clone()).unwrap_or_default();
    let local = |a: &IfAddr| matches!(a.addr(), IpAddr::V6(v6) if v6.is_unicast_link_local());
    all.sort_by_key(|a| (a.addr().is_ipv6(), local(a)));
    all
}

fn id(dr: Option<(RouterId, IpAddr)>) -> String {
    dr.map_or(RouterId::UNSET, |(id, _)| id).to_string()
}

fn json(view: &InterfaceView, link: Option<&LinkInfo>) -> Obj {
    let config = &view.config;
    let address = |a: &IfAddr| -> Value {
        let mut o = Obj::new();
        o.put("type", if a.addr().is_ipv4() { "inet" } else { "inet6" }).put("address", a.to_string());
        o.into()
    };
    let operating = own_kind(config.network).filter(|k| *k != kind(link));
    let mut o = Obj::new();
    o.put("status", status(link.map_or(config.up, |l| l.up)))
        .put("type", kind(link))
        .put("interfaceId", view.interface_id)
        .opt("operatingAsType", operating)
        .put("internetAddress", addresses(link).iter().map(address).collect::<Vec<_>>())
        .put("attachedToArea", true)
        .put("instanceId", config.instance_id)
        .put("interfaceMtu", config.mtu)
        .put("autoDetect", link.map_or(0, |l| l.mtu))
        .put("mtuMismatchDetection", if config.mtu_ignore { "disabled" } else { "enabled" })
        .put("areaId", config.area.to_string())
        .put("cost", view.cost)
        .put("ospf6InterfaceState", text::interface(view.state))
        .put("transmitDelaySec", config.transmit_delay)
        .put("priority", config.priority)
        .put("timerIntervalsConfigHello", config.hello.as_secs())
        .put("timerIntervalsConfigDead", config.dead.as_secs())
        .put("timerIntervalsConfigRetransmit", config.retransmit.as_secs())
        .put("dr", id(view.dr))
        .put("bdr", id(view.bdr))
        .put("numberOfInterfaceScopedLsa", view.link_lsas);
    for (pending, lead) in [("LsUpdate", "lsUpdate"), ("LsAck", "lsAck")] {
        let waiting = if pending == "LsAck" { view.delayed_acks } else { 0 };
        o.put(format!("pendingLsa{pending}Count"), waiting)
            .put(format!("pendingLsa{pending}Time"), "00:00:00")
            .put(format!("{lead}SendThread"), if waiting > 0 { "on" } else { "off" })
            .put(format!("pendingLsa{pending}"), Value::Array(Vec::new()));
    }
    if config.bfd {
        let mut bfd = Obj::new();
        bfd.put("detectMultiplier", 3).put("rxMinInterval", 300).put("txMinInterval", 300);
        o.put("peerBfdInfo", bfd);
    }
    let mut auth = Obj::new();
    match &config.auth {
        AuthConfig::Keys(keys) => {
            auth.put("authType", "keychain").put("keys", keys.len());
        }
        AuthConfig::None | AuthConfig::Simple(_) => {
            auth.put("authType", "NULL");
        }
    }
    o.put("authInfo", auth);
    o
}

fn text(out: &mut Out<'_>, view: &InterfaceView, link: Option<&LinkInfo>, clock: Clock) {
    let config = &view.config;
    let up = link.map_or(config.up, |l| l.up);
    line!(out, "{} is {}, type {}", config.name, status(up), kind(link));
    line!(out, "  Interface ID: {}", view.interface_id);
    if let Some(operating) = own_kind(config.network).filter(|k| *k != kind(link)) {
        line!(out, "  Operating as type {operating}");
    }
    line!(out, "  Internet Address:");
    for addr in addresses(link) {
        let family = if addr.addr().is_ipv4() { "inet " } else { "inet6" };
        line!(out, "    {family}: {addr}");
    }
    let detected = link.map_or(0, |l| l.mtu);
    line!(out, "  Instance ID {}, Interface MTU {} (autodetect: {detected})", config.instance_id, config.mtu);
    let detection = if config.mtu_ignore { "disabled" } else { "enabled" };
    line!(out, "  MTU mismatch detection: {detection}");
    line!(out, "  Area ID {}, Cost {}", config.area, view.cost);
    line!(
        out,
        "  State {}, Transmit Delay {} sec, Priority {}",
        text::interface(view.state),
        config.transmit_delay,
        config.priority
    );
    line!(out, "  Timer intervals configured:");
    let due = view.hello_due.map_or_else(
        || "-".to_owned(),
        |due| {
            let left = due.saturating_duration_since(clock.now);
            format!("{}.{:03}", left.as_secs(), left.subsec_millis())
        },
    );
    line!(
        out,
        "   Hello {}({due}), Dead {}, Retransmit {}",
        config.hello.as_secs(),
        config.dead.as_secs(),
        config.retransmit.as_secs()
    );
    line!(out, "  DR: {} BDR: {}", id(view.dr), id(view.bdr));
    line!(out, "  Number of I/F scoped LSAs is {}", view.link_lsas);
    line!(out, "    0 Pending LSAs for LSUpdate in Time 00:00:00 [thread off]");
    let acks = if view.delayed_acks > 0 { "on" } else { "off" };
    line!(out, "    {} Pending LSAs for LSAck in Time 00:00:00 [thread {acks}]", view.delayed_acks);
    if config.bfd {
        line!(out, "  BFD: Detect Multiplier: 3, Min Rx interval: 300, Min Tx interval: 300");
    }
    let trailer = if config.auth == AuthConfig::None { "disabled" } else { "enabled" };
    line!(out, "  Authentication Trailer is {trailer}");
}

/// Runs `show ipv6 ospf6 interface traffic`.
pub(super) async fn traffic(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let wanted = args.get("IFNAME").map(str::to_owned);
    for target in &targets.found {
        let mut views = ask(ctx, target, |i, _| i.interfaces()).await?.unwrap_or_default();
        views.retain(|i| wanted.as_deref().is_none_or(|name| *i.config.name == *name));
        if args.has("json") {
            let mut root = Obj::new();
            for view in &views {
                let mut o = Obj::new();
                for (kind, lead) in TYPES {
                    let lead = if lead == "lsUpd" { "lsUpdate" } else { lead };
                    let (received, sent) = packets(view, kind);
                    o.put(format!("{lead}Rx"), received).put(format!("{lead}Tx"), sent);
                }
                root.put(view.config.name.to_string(), o);
            }
            ctx.out.push(&root.pretty());
            continue;
        }
        line!(ctx.out);
        line!(
            ctx.out,
            "Interface       HELLO            DB-Desc         LS-Req           LS-Update        LS-Ack        "
        );
        line!(
            ctx.out,
            "                Rx/Tx            Rx/Tx            Rx/Tx            Rx/Tx            Rx/Tx        "
        );
        line!(ctx.out, "{}", "-".repeat(92));
        views.iter().for_each(|view| line!(ctx.out, "{}", columns(view)));
    }
    Ok(Status::Success)
}

/// Which prefixes of interfaces.
fn wanted(args: &Args) -> impl Fn(&Ipv6Prefix) -> bool + use<> {
    let addr: Option<std::net::Ipv6Addr> = args.get("X:X::X:X").and_then(|a| a.parse().ok());
    let prefix: Option<Ipv6Prefix> = args.get("X:X::X:X/M").and_then(|p| p.parse().ok());
    let covered = args.has("match");
    move |own| {
        addr.is_none_or(|a| own.contains(a))
            && prefix.is_none_or(|p| if covered { own.covers(p) } else { *own == p })
    }
}

/// Runs `show ipv6 ospf6 interface prefix`.
pub(super) async fn prefixes(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let targets = Targets::of(ctx, args, V3).await?;
    if targets.none(ctx, args, V3) {
        return Ok(Status::Success);
    }
    let (link, is_wanted) = (args.get("IFNAME").map(str::to_owned), wanted(args));
    for target in &targets.found {
        let taken = ask(ctx, target, |i, clock| (i.interfaces(), i.view(clock.now).started, clock)).await?;
        let Some((views, started, clock)) = taken else { continue };
        let age = clock.age(started);
        let mut routes: BTreeMap<String, Obj> = BTreeMap::new();
        for view in views.iter().filter(|v| link.as_deref().is_none_or(|n| *v.config.name == *n)) {
            for prefix in view.config.prefixes.iter().filter(|p| is_wanted(p)) {
                let record = prefix_record(prefix, view, age);
                match (args.has("json"), args.has("detail")) {
                    (false, true) => record.text(&mut ctx.out),
                    (false, false) => {
                        let (prefix, name, age) = (prefix.to_string(), &view.config.name, span6(age));
                        line!(ctx.out, "*N IA {prefix:<30} {:<25} {name:>6} {age}", "::1");
                    }
                    (true, true) => {
                        routes.insert(prefix.to_string(), record.json());
                    }
                    (true, false) => {
                        let mut o = Obj::new();
                        o.put("isBestRoute", true)
                            .put("destinationType", "N")
                            .put("pathType", "IA")
                            .put("duration", span6(age))
                            .put("nextHops", ways_json(&record.ways));
                        routes.insert(prefix.to_string(), o);
                    }
                }
            }
        }
        if args.has("json") {
            let (mut root, mut under) = (Obj::new(), Obj::new());
            for (prefix, o) in routes {
                under.put(prefix, o);
            }
            root.put("routes", under);
            ctx.out.push(&root.pretty());
        }
    }
    Ok(Status::Success)
}

/// A prefix of an interface as a route.
fn prefix_record(prefix: &Ipv6Prefix, view: &InterfaceView, age: Duration) -> Record {
    Record {
        what: What::Network,
        destination: prefix.to_string(),
        age,
        area: view.config.area,
        kind: PathKind::Intra,
        origin: None,
        options: Options::empty(),
        bits: RouterBits::empty(),
        metric_type: 0,
        cost: (view.cost.into(), 0),
        paths: 0,
        ways: vec![("::1".to_owned(), view.config.name.to_string())],
        backup: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
