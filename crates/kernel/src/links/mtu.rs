//! MTU of tunnels: what the way below leaves when all headers are on.

use super::observed::Observed;
use super::plan::{WantedKind, WantedLink};

/// IPv4 or IPv6, UDP, and 32 octets of WireGuard.
const WIREGUARD: (u32, u32) = (60, 80);
/// IPv4 or IPv6, UDP, VXLAN and the inner Ethernet header.
const VXLAN: (u32, u32) = (50, 70);
/// 802.1Q.
const VLAN: u32 = 4;
/// What is below when nothing is known of it.
const ETHERNET: u32 = 1500;
/// Least MTU of IPv6 (RFC 8200 section 5); no tunnel is made smaller by guess.
const LEAST: u32 = 1280;

/// TCP's and IP's headers without options, for both families.
const TCP_HEADERS: (u32, u32) = (40, 60);
/// Least segment that is asked for; every host takes it (RFC 9293 section 3.7.1).
const LEAST_MSS: u16 = 536;

/// MTU that a link shall have; `None` leaves it alone.
pub(crate) fn wanted(name: &str, link: &WantedLink, seen: &Observed) -> Option<u32> {
    if link.mtu.is_some() {
        return link.mtu;
    }
    match link.kind.as_ref()? {
        WantedKind::WireGuard | WantedKind::Tunnel => {
            let inner = inside(name, link, seen, WIREGUARD);
            // Without an endpoint the larger header is the safe guess.
            Some(inner.unwrap_or(ETHERNET - WIREGUARD.1))
        }
        WantedKind::Vxlan(vxlan) => {
            let by_dev = || {
                let below = seen.named(vxlan.dev.as_deref()?)?.mtu;
                let v6 = vxlan.local.is_some_and(|a| a.is_ipv6());
                Some(below.saturating_sub(if v6 { VXLAN.1 } else { VXLAN.0 }))
            };
            let by_local = || vxlan.local.map(|a| ETHERNET - if a.is_ipv6() { VXLAN.1 } else { VXLAN.0 });
            inside(name, link, seen, VXLAN).or_else(by_dev).or_else(by_local).map(|mtu| mtu.max(LEAST))
        }
        WantedKind::Vlan { dev, .. } => {
            let below = seen.named(dev)?;
            // Ethernet has room for one tag; what carries frames in packets, or has a tag already, has none.
            let tag = if matches!(below.kind.as_str(), "vxlan" | "vlan") { VLAN } else { 0 };
            Some(below.mtu.saturating_sub(tag))
        }
        _ => None,
    }
}

/// Least of what all known ways leave.
fn inside(name: &str, link: &WantedLink, seen: &Observed, (v4, v6): (u32, u32)) -> Option<u32> {
    let left = |underlay: super::plan::Underlay| {
        let way = seen.ways.get(&underlay)?;
        let below = seen.links.get(&way.ifindex);
        // A way through the tunnel itself says nothing, and would shrink it step by step.
        if below.is_some_and(|l| l.name == name) {
            return None;
        }
        let by_link = below.map(|l| l.mtu);
        let outer = [by_link, way.mtu].into_iter().flatten().filter(|m| *m > 0).min()?;
        let header = if underlay.remote.is_ipv4() { v4 } else { v6 };
        Some(outer.saturating_sub(header).max(LEAST))
    };
    link.ways().filter_map(left).min()
}

/// Segment sizes for IPv4 and IPv6 that a link of this MTU carries.
pub(crate) fn segments(mtu: u32) -> (u16, u16) {
    let size = |headers: u32| u16::try_from(mtu.saturating_sub(headers)).unwrap_or(u16::MAX).max(LEAST_MSS);
    (size(TCP_HEADERS.0), size(TCP_HEADERS.1))
}
