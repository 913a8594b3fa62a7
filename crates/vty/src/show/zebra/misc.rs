//! Smaller commands of the RIB.

use std::net::IpAddr;

use ferr_config::model::global::{RouteSource, VrfGlobals};
use ferr_types::{Afi, VrfId};

use super::names::{Names, afi};
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// A switch of the kernel.
fn sysctl(path: &str) -> &'static str {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim() == "1" => "on",
        _ => "off",
    }
}

/// `show ip forwarding`, `show ipv6 forwarding`.
pub(super) fn forwarding(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    match afi(args) {
        Afi::Ipv4 => line!(ctx.out, "IP forwarding is {}", sysctl("/proc/sys/net/ipv4/ip_forward")),
        Afi::Ipv6 => {
            line!(ctx.out, "ipv6 forwarding is {}", sysctl("/proc/sys/net/ipv6/conf/all/forwarding"));
        }
    }
    Ok(Status::Success)
}

/// `show router-id`: configured, else the highest address of a loopback, else of any interface.
pub(super) async fn router_id(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let config = ctx.handle().running().await?;
    let vrf = args.get("VRF").unwrap_or("default").to_owned();
    let configured = match vrf.as_str() {
        "default" => config.global.vrf.router_id,
        name => config.vrfs.get(name).and_then(|v| v.globals.router_id),
    };
    let wanted = vrf.clone();
    let derived = ctx
        .handle()
        .rib(move |rib, _| {
            let id = rib.vrfs().find(|v| v.name == wanted).map(|v| v.id)?;
            let addresses = rib.addresses().filter_map(|a| {
                let link = rib.link(a.ifindex).filter(|l| l.vrf == id)?;
                match a.addr.addr() {
                    IpAddr::V4(addr) if !addr.is_loopback() => {
                        let loopback = link.kind == ferr_state::rib::LinkKind::Loopback;
                        Some((loopback, addr))
                    }
                    _ => None,
                }
            });
            addresses.max().map(|(_, addr)| addr)
        })
        .await?;
    line!(ctx.out, "zebra:");
    match configured.or(derived) {
        Some(id) => line!(ctx.out, "     router-id {id} vrf {vrf}"),
        None => line!(ctx.out, "     router-id 0.0.0.0 vrf {vrf}"),
    }
    Ok(Status::Success)
}

/// `show ip protocol`: route-maps on the way to the kernel.
pub(super) async fn protocols(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let (config, afi) = (ctx.handle().running().await?, afi(args));
    let mut parts: Vec<(String, VrfGlobals)> = vec![("default".to_owned(), config.global.vrf.clone())];
    parts.extend(config.vrfs.iter().map(|(n, v)| (n.clone(), v.globals.clone())));
    let wanted = args.get("VRF").unwrap_or("default");
    parts.retain(|(name, _)| wanted == "all" || name == wanted);
    let tracking = args.has("nht");
    for (name, globals) in &parts {
        line!(ctx.out, "VRF: {name}");
        line!(ctx.out, "Protocol                  : route-map");
        line!(ctx.out, "-------------------------------------");
        let maps = if tracking { &globals.nht_maps } else { &globals.protocol_maps };
        for source in RouteSource::ALL {
            let map = maps.get(&(afi, source)).map_or("none", String::as_str);
            line!(ctx.out, "{:<26}: {map}", source.name());
        }
    }
    Ok(Status::Success)
}

/// `show zebra ...`.
pub(super) async fn zebra(ctx: &mut Ctx<'_>) -> Outcome {
    let (prefixes, vrfs, groups) =
        ctx.handle().rib(|rib, _| (rib.prefixes(), rib.vrfs().count(), rib.groups().len())).await?;
    line!(ctx.out, "OS                             Linux({})", ctx.handle().info.kernel.clone());
    line!(ctx.out, "VRFs                           {vrfs}");
    line!(ctx.out, "Prefixes in all tables         {prefixes}");
    line!(ctx.out, "Next-hop groups                {groups}");
    Ok(Status::Success)
}

/// `show zebra router table summary`.
pub(super) async fn tables(ctx: &mut Ctx<'_>) -> Outcome {
    let rows = ctx
        .handle()
        .rib(|rib, _| {
            let names = Names::of(rib);
            let count = |vrf: VrfId, afi| {
                let summary = rib.summary(vrf, None, afi);
                summary.rows.iter().map(|(_, r)| r.rib).sum::<u32>() + summary.ibgp.rib
            };
            let rows = rib.vrfs().flat_map(|v| [(v.id, v.table, Afi::Ipv4), (v.id, v.table, Afi::Ipv6)]);
            rows.map(|(id, table, afi)| (names.vrf(id), afi, table, count(id, afi))).collect::<Vec<_>>()
        })
        .await?;
    line!(ctx.out, "VRF             NS ID    VRF ID     AFI            SAFI            Table      Count");
    line!(ctx.out, "---------------------------------------------------------------------------");
    for (vrf, afi, table, count) in rows {
        let word = if afi == Afi::Ipv4 { "IPv4" } else { "IPv6" };
        line!(ctx.out, "{vrf:<16}0        {:<11}{word:<15}unicast         {table:<11}{count}", "");
    }
    Ok(Status::Success)
}
