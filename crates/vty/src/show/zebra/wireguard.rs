//! `show wireguard`: tunnels, their peers, and what was dropped and why.

use ferr_state::{TunnelView, WgCarrier, WgPeerView};
use serde_json::Value;

use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;
use crate::time::{memory, uptime};

/// `show wireguard [IFNAME] [json]`.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let tunnels = ctx.handle().wireguard().await?;
    let name = args.get("IFNAME");
    let wanted = || tunnels.iter().filter(|t| name.is_none_or(|n| n == t.name));
    if args.has("json") {
        let mut all = Obj::new();
        for tunnel in wanted() {
            all.put(tunnel.name.clone(), json(tunnel));
        }
        ctx.out.push(&all.pretty());
        return Ok(Status::Success);
    }
    if let Some(name) = name
        && wanted().next().is_none()
    {
        line!(ctx.out, "% {name} is not a WireGuard interface of the configuration");
        return Ok(Status::Warning);
    }
    for tunnel in wanted() {
        text(&mut ctx.out, tunnel);
        ctx.out.breathe().await?;
    }
    Ok(Status::Success)
}

const fn carrier(tunnel: &TunnelView) -> &'static str {
    match tunnel.carrier {
        WgCarrier::Userspace => "userspace",
        WgCarrier::Kernel => "kernel",
    }
}

fn text(out: &mut Out<'_>, t: &TunnelView) {
    line!(
        out,
        "Interface {}, {}{}",
        t.name,
        carrier(t),
        if t.open { "" } else { ", closed: no peer answers" }
    );
    if let Some(fault) = &t.fault {
        line!(out, "  Missing: {fault}");
    }
    if let Some(key) = &t.public_key {
        line!(out, "  Public key {key}");
    }
    let port = t.listen_port.map_or_else(|| "none".to_owned(), |p| p.to_string());
    let vrf = t.endpoint_vrf.as_deref().unwrap_or("default");
    let mark = if t.fwmark == 0 { String::new() } else { format!(", mark {:#x}", t.fwmark) };
    let mtu = t.mtu.map(|mtu| format!(", MTU {mtu}")).unwrap_or_default();
    line!(out, "  UDP port {port} in VRF {vrf}{mark}{mtu}");
    if !t.refused.is_empty() {
        let refused: Vec<String> = t.refused.iter().map(ToString::to_string).collect();
        line!(
            out,
            "  Refused routes, which lead to the other end through this tunnel: {}",
            refused.join(", ")
        );
    }
    dropped(out, "  ", &t.drops);
    for p in &t.peers {
        peer(out, p);
    }
}

fn peer(out: &mut Out<'_>, p: &WgPeerView) {
    let description = p.description.as_ref().map(|d| format!(" ({d})")).unwrap_or_default();
    line!(out, "  Peer {}{description}, {}", p.public_key, p.health.name());
    match (&p.endpoint, &p.configured_endpoint) {
        (Some(now), Some(wanted)) if *wanted != now.to_string() => {
            line!(out, "    Endpoint {now}, configured {wanted}");
        }
        (Some(now), _) => line!(out, "    Endpoint {now}"),
        (None, Some(wanted)) => line!(out, "    Endpoint {wanted}, not resolved"),
        (None, None) => line!(out, "    Endpoint not known yet"),
    }
    let allowed: Vec<String> = p.allowed_ips.iter().map(ToString::to_string).collect();
    line!(out, "    Allowed {}", if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") });
    match p.handshake_age {
        Some(age) => line!(out, "    Last handshake {} ago", uptime(age)),
        None => line!(out, "    No handshake yet"),
    }
    line!(out, "    Received {}, sent {}", memory(p.rx_bytes), memory(p.tx_bytes));
    if p.keepalive != 0 {
        line!(out, "    Keepalive every {} s", p.keepalive);
    }
    if p.has_preshared_key {
        line!(out, "    Preshared key set");
    }
    dropped(out, "    ", &p.drops);
}

fn dropped(out: &mut Out<'_>, indent: &str, drops: &[(&'static str, u64)]) {
    if !drops.is_empty() {
        let all: Vec<String> = drops.iter().map(|(cause, n)| format!("{cause} {n}")).collect();
        line!(out, "{indent}Dropped: {}", all.join(", "));
    }
}

fn drops_json(drops: &[(&'static str, u64)]) -> Value {
    let mut all = Obj::new();
    for (cause, n) in drops {
        all.put(*cause, *n);
    }
    all.into()
}

fn json(t: &TunnelView) -> Value {
    let mut o = Obj::new();
    o.put("backend", carrier(t)).put("open", t.open).opt("fault", t.fault.clone());
    o.opt("publicKey", t.public_key.clone()).opt("listenPort", t.listen_port);
    o.put("fwmark", t.fwmark).put("endpointVrf", t.endpoint_vrf.as_deref().unwrap_or("default"));
    o.opt("mtu", t.mtu.map(|mtu| mtu as u64));
    let refused: Vec<String> = t.refused.iter().map(ToString::to_string).collect();
    o.put("refusedRoutes", refused).put("drops", drops_json(&t.drops));
    let mut peers = Obj::new();
    for p in &t.peers {
        peers.put(p.public_key.clone(), peer_json(p));
    }
    o.put("peers", peers);
    o.into()
}

fn peer_json(p: &WgPeerView) -> Value {
    let mut o = Obj::new();
    o.opt("description", p.description.clone()).put("state", p.health.name());
    o.opt("endpoint", p.endpoint.map(|e| e.to_string()));
    o.opt("configuredEndpoint", p.configured_endpoint.clone());
    let allowed: Vec<String> = p.allowed_ips.iter().map(ToString::to_string).collect();
    o.put("allowedIps", allowed).put("persistentKeepalive", p.keepalive);
    o.put("presharedKey", p.has_preshared_key);
    o.opt("latestHandshakeSecondsAgo", p.handshake_age.map(|age| age.as_secs()));
    o.put("rxBytes", p.rx_bytes).put("txBytes", p.tx_bytes).put("drops", drops_json(&p.drops));
    o.into()
}
