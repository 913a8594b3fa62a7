//! Links, addresses and system settings that the configuration asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_config::Config;
use ferr_config::model::interface::Interface;
use ferr_config::model::link::{self, LinkType, Mss, VXLAN_PORT};
use ferr_config::model::wireguard::{WgBackend, WireGuard};
use ferr_kernel::links::{
    LinkPlan, MacvlanMode, MssClamp, Sysctl, Underlay, WantedAddress, WantedKind, WantedLink, WantedMaster,
    WantedVxlan,
};
use ferr_types::IfAddr;

/// What only the tunnels themselves know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TunnelFacts {
    /// Addresses of other ends, by interface: names that were resolved, and peers that moved.
    pub(crate) endpoints: BTreeMap<String, BTreeSet<IpAddr>>,
    /// What wg-quick files say of their interfaces.
    pub(crate) quick: BTreeMap<String, QuickFacts>,
    /// The kernel carries WireGuard itself.
    pub(crate) kernel: bool,
    /// Reading of the files that this is about; `None` before the first.
    pub(crate) reading: Option<u64>,
}

/// What a wg-quick file says of its interface, beside the tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct QuickFacts {
    /// `Address`
    pub(crate) addresses: BTreeSet<IfAddr>,
    /// `MTU`
    pub(crate) mtu: Option<u32>,
}

/// The plan.
pub(crate) fn plan(config: &Config, tunnels: &TunnelFacts) -> LinkPlan {
    let mut plan = LinkPlan::default();
    for (name, vrf) in &config.vrfs {
        if let Some(table) = vrf.table {
            plan.links.insert(name.clone(), vrf_device(table));
        }
    }
    for (name, i) in &config.interfaces {
        let vrf = plan.links.remove(name);
        let wanted = interface(name, i, vrf.unwrap_or_default(), tunnels);
        if wanted != WantedLink::default() {
            plan.links.insert(name.clone(), wanted);
        }
        if let Some(mss) = i.own.mss {
            let clamp = match mss {
                Mss::Auto => MssClamp::Auto,
                Mss::Fixed(size) => MssClamp::Fixed(size),
            };
            plan.mss.insert(name.clone(), clamp);
        }
    }
    plan.sysctls = sysctls(config, &plan.links);
    plan
}

/// What is dubious about links although each line is right.
pub(crate) fn remarks(config: &Config) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (name, i) in &config.interfaces {
        let own = &i.own;
        let mut say = |text: &str| {
            all.insert(format!("interface {name}: {text}"));
        };
        if own.is_declared() && config.vrfs.get(name).is_some_and(|v| v.table.is_some()) {
            say("a VRF of this name is made; the link of another kind is not");
        }
        if !own.vxlan_remotes.is_empty() && !matches!(own.kind, Some(LinkType::Vxlan(_))) {
            say("`vxlan remote` has no effect without `link vxlan`");
        }
        let keyless = |wg: &WireGuard| wg.private_key_file.is_none() && wg.config_file.is_none();
        if own.wireguard.as_ref().is_some_and(keyless) {
            say("a tunnel needs `wireguard private-key-file` or `wireguard config-file`");
        }
        let known = |bridge: &String| {
            let declared = config.interfaces.get(bridge).map(|b| &b.own);
            declared.is_none_or(|b| !b.is_declared() || b.kind == Some(LinkType::Bridge))
        };
        if let Some(master) = own.master.as_ref().filter(|m| !known(m)) {
            say(&format!("its master {master} is not declared as a bridge"));
        }
    }
    all
}

/// A VRF's device, with the loopback addresses that sockets bound to it look for.
fn vrf_device(table: u32) -> WantedLink {
    let loopback = [(IpAddr::V4(Ipv4Addr::LOCALHOST), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];
    WantedLink {
        kind: Some(WantedKind::Vrf { table }),
        up: Some(true),
        master: WantedMaster::None,
        addresses: loopback.into_iter().filter_map(|(a, len)| IfAddr::new(a, len)).map(Into::into).collect(),
        ..WantedLink::default()
    }
}

fn interface(name: &str, i: &Interface, mut wanted: WantedLink, tunnels: &TunnelFacts) -> WantedLink {
    let own = &i.own;
    // A VRF's table goes before a link of the same name: one device cannot be both.
    if wanted.kind.is_none() {
        wanted.kind = kind(own, tunnels);
    }
    if i.shutdown {
        wanted.up = Some(false);
    } else if wanted.kind.is_some() {
        wanted.up = Some(true);
    }
    wanted.master = match (&own.vrf, &own.master) {
        (Some(vrf), _) if vrf != "default" => WantedMaster::Vrf(vrf.clone()),
        (Some(_), _) => WantedMaster::None,
        (_, Some(bridge)) => WantedMaster::Bridge(bridge.clone()),
        _ if wanted.kind.is_some() => WantedMaster::None,
        _ => WantedMaster::Any,
    };
    wanted.mtu = own.mtu;
    wanted.mac = own.mac;
    wanted.remotes.clone_from(&own.vxlan_remotes);
    let label = |addr: &IfAddr| i.labels.get(addr).cloned();
    wanted.addresses.extend(i.addresses.iter().map(|a| WantedAddress {
        addr: *a,
        local: None,
        label: label(a),
    }));
    let peers = i.peer_addresses.iter();
    wanted.addresses.extend(peers.map(|(local, a)| WantedAddress {
        addr: *a,
        local: Some(*local),
        label: None,
    }));
    if let Some(wg) = &own.wireguard {
        wanted.underlays = underlays(name, wg, tunnels);
        if let Some(quick) = tunnels.quick.get(name) {
            wanted.addresses.extend(quick.addresses.iter().copied().map(Into::into));
            wanted.mtu = wanted.mtu.or(quick.mtu);
        }
    }
    wanted
}

fn kind(own: &link::OwnLink, tunnels: &TunnelFacts) -> Option<WantedKind> {
    if let Some(wg) = &own.wireguard {
        let kernel = match wg.backend {
            Some(WgBackend::Kernel) => true,
            Some(WgBackend::Auto) => tunnels.kernel,
            Some(WgBackend::Userspace) | None => false,
        };
        return Some(if kernel { WantedKind::WireGuard } else { WantedKind::Tunnel });
    }
    Some(match own.kind.clone()? {
        LinkType::Dummy => WantedKind::Dummy,
        LinkType::Bridge => WantedKind::Bridge,
        LinkType::Vlan { id, dev } => WantedKind::Vlan { id, dev },
        LinkType::Macvlan { dev, mode } => WantedKind::Macvlan { dev, mode: macvlan(mode) },
        LinkType::Veth { peer } => WantedKind::Veth { peer },
        LinkType::Vxlan(v) => {
            let port = v.port.unwrap_or(VXLAN_PORT);
            WantedKind::Vxlan(WantedVxlan { id: v.id, local: v.local, port, dev: v.dev })
        }
    })
}

const fn macvlan(mode: link::MacvlanMode) -> MacvlanMode {
    match mode {
        link::MacvlanMode::Bridge => MacvlanMode::Bridge,
        link::MacvlanMode::Private => MacvlanMode::Private,
        link::MacvlanMode::Vepa => MacvlanMode::Vepa,
        link::MacvlanMode::Passthru => MacvlanMode::Passthru,
    }
}

/// Ways of the outer packets to every known other end.
fn underlays(name: &str, wg: &WireGuard, tunnels: &TunnelFacts) -> BTreeSet<Underlay> {
    let written = wg.peers.values().filter_map(|p| p.endpoint.as_ref()?.addr());
    let known = tunnels.endpoints.get(name).into_iter().flatten().copied();
    let way = |remote| Underlay { remote, vrf: wg.endpoint_vrf.clone(), mark: wg.fwmark.unwrap_or(0) };
    written.chain(known).map(way).collect()
}

/// System settings. Without declared links only what is written: FRR leaves the rest alone, and so does whoever took its place.
fn sysctls(config: &Config, links: &BTreeMap<String, WantedLink>) -> BTreeMap<Sysctl, String> {
    let mut all = BTreeMap::new();
    let mut set = |sysctl: Sysctl, value: &str| drop(all.insert(sysctl, value.to_owned()));
    let routed = |l: &&WantedLink| l.kind.is_some() && !matches!(l.master, WantedMaster::Bridge(_));
    let ours = links.values().any(|l| l.kind.is_some());
    let v6 = links
        .values()
        .filter(routed)
        .any(|l| l.addresses.iter().any(|a| matches!(a.addr.addr(), IpAddr::V6(v6) if !v6.is_loopback())));
    let forwarding = [
        config.global.ip_forwarding.or(ours.then_some(true)),
        config.global.ipv6_forwarding.or(v6.then_some(true)),
    ];
    for (on, name) in forwarding
        .into_iter()
        .zip([["net", "ipv4", "conf", "all", "forwarding"], ["net", "ipv6", "conf", "all", "forwarding"]])
    {
        if let Some(on) = on {
            set(Sysctl::global(&name), if on { "1" } else { "0" });
        }
    }
    if !ours {
        return all;
    }
    for family in ["ipv4", "ipv6"] {
        // Flows, not pairs of hosts, are spread over equal ways.
        set(Sysctl::global(&["net", family, "fib_multipath_hash_policy"]), "1");
    }
    // Sessions over tunnels find out by themselves what a path swallows in silence, over IPv6 too (RFC 4821).
    set(Sysctl::global(&["net", "ipv4", "tcp_mtu_probing"]), "1");
    for (name, link) in links {
        let in_vrf = matches!(link.master, WantedMaster::Vrf(_));
        if !(routed(&link) || in_vrf) {
            continue;
        }
        for (family, on) in ["ipv4", "ipv6"].into_iter().zip(forwarding) {
            if let Some(on) = on {
                set(Sysctl::of_interface(family, name, "forwarding"), if on { "1" } else { "0" });
            }
        }
        // Answers may come by another tunnel than questions went; the source has to be reachable at all.
        set(Sysctl::of_interface("ipv4", name, "rp_filter"), "2");
        // Nobody on the other end says which way packets take.
        set(Sysctl::of_interface("ipv6", name, "seg6_enabled"), "0");
    }
    all
}

#[cfg(test)]
mod tests;
