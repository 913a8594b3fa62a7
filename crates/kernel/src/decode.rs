//! Messages of the kernel as typed values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_rib::{Address, KernelRoute, Link, LinkKind, NhId};
use ferr_types::{
    Afi, BlackholeKind, Gateway, IfAddr, IfIndex, Metric, Nexthop, NexthopSet, Prefix, TableId, VrfId,
};

use crate::encode::{
    NHA_ID, RTA_DST, RTA_GATEWAY, RTA_MULTIPATH, RTA_NH_ID, RTA_OIF, RTA_PREFSRC, RTA_PRIORITY, RTA_TABLE,
    RTA_VIA, RTN_BLACKHOLE, RTN_PROHIBIT, RTN_UNICAST, RTN_UNREACHABLE,
};
use crate::msg::{AF_INET, AF_INET6, Attrs, u16_at, u32_at};

const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;
const IFF_RUNNING: u32 = 0x40;
const IFF_LOWER_UP: u32 = 0x1_0000;

const IFA_F_SECONDARY: u32 = 1;
const IFA_F_DADFAILED: u32 = 8;
const RTM_F_CLONED: u32 = 0x200;
const RTNH_F_ONLINK: u8 = 4;

/// A route as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRoute {
    pub(crate) route: KernelRoute,
    pub(crate) group: Option<NhId>,
}

fn bytes_addr(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(v4)));
    }
    Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn link_kind(info: &[u8]) -> LinkKind {
    let (mut kind, mut table) = (String::new(), None);
    for (attr, value) in Attrs(info) {
        match attr {
            1 => kind = text(value),
            2 => table = Attrs(value).find(|(k, _)| *k == 1).and_then(|(_, v)| u32_at(v, 0)),
            _ => {}
        }
    }
    match (kind.as_str(), table) {
        ("vrf", Some(table)) => LinkKind::Vrf(TableId(table)),
        ("", _) => LinkKind::Other,
        _ => LinkKind::Virtual(kind),
    }
}

/// A link; its VRF is filled in by the caller, who knows the masters.
pub(crate) fn link(payload: &[u8]) -> Option<Link> {
    // Messages of the bridge family tell about ports, not links.
    if *payload.first()? != 0 {
        return None;
    }
    let flags = u32_at(payload, 8)?;
    let mut link = Link {
        ifindex: IfIndex(u32_at(payload, 4)?),
        name: String::new(),
        up: flags & IFF_UP != 0,
        running: flags & IFF_RUNNING != 0 && flags & IFF_LOWER_UP != 0,
        vrf: VrfId::DEFAULT,
        master: IfIndex(0),
        kind: LinkKind::Other,
        mtu: 0,
        mac: Vec::new(),
        flags,
        lower: IfIndex(0),
        speed: 0,
    };
    let mut elsewhere = false;
    for (attr, value) in Attrs(payload.get(16..)?) {
        match attr {
            1 => link.mac = value.to_vec(),
            3 => link.name = text(value),
            4 => link.mtu = u32_at(value, 0)?,
            5 => link.lower = IfIndex(u32_at(value, 0)?),
            10 => link.master = IfIndex(u32_at(value, 0)?),
            18 => link.kind = link_kind(value),
            37 => elsewhere = true,
            _ => {}
        }
    }
    // The lower device is in another namespace, where its number means something else.
    if elsewhere {
        link.lower = IfIndex(0);
    }
    if flags & IFF_LOOPBACK != 0 && link.kind == LinkKind::Other {
        link.kind = LinkKind::Loopback;
    }
    Some(link)
}

/// An address; `None` for one that may not be used (duplicate address detection failed).
pub(crate) fn address(payload: &[u8]) -> Option<Address> {
    let [_, len, flags, _] = *payload.first_chunk::<4>()?;
    let ifindex = IfIndex(u32_at(payload, 4)?);
    let mut flags = u32::from(flags);
    let (mut local, mut remote) = (None, None);
    for (attr, value) in Attrs(payload.get(8..)?) {
        match attr {
            1 => remote = bytes_addr(value),
            2 => local = bytes_addr(value),
            8 => flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    let own = local.or(remote)?;
    let peer = remote.filter(|r| *r != own);
    if flags & IFA_F_DADFAILED != 0 {
        return None;
    }
    let own_len = if peer.is_some() { if own.is_ipv4() { 32 } else { 128 } } else { len };
    Some(Address {
        ifindex,
        addr: IfAddr::new(own, own_len)?,
        peer: peer.and_then(|p| IfAddr::new(p, len)),
        // For IPv6 the same bit means a temporary address.
        secondary: own.is_ipv4() && flags & IFA_F_SECONDARY != 0,
    })
}

fn gateway(attr: u16, value: &[u8]) -> Option<IpAddr> {
    match attr {
        RTA_GATEWAY => bytes_addr(value),
        RTA_VIA => match u16_at(value, 0)?.try_into().ok()? {
            AF_INET | AF_INET6 => bytes_addr(value.get(2..)?),
            _ => None,
        },
        _ => None,
    }
}

fn way(addr: Option<IpAddr>, ifindex: u32, flags: u8, weight: u8) -> Nexthop {
    let onlink = flags & RTNH_F_ONLINK != 0;
    let ifindex = IfIndex(ifindex);
    let gateway = match addr {
        Some(addr) => Gateway::Address { addr, ifindex: Some(ifindex), onlink },
        None => Gateway::Interface(ifindex),
    };
    Nexthop { weight, ..Nexthop::new(gateway, VrfId::DEFAULT) }
}

fn multipath(mut rest: &[u8]) -> Vec<Nexthop> {
    let mut ways = Vec::new();
    while let (Some(len), Some([_, _, flags, hops]), Some(ifindex)) =
        (u16_at(rest, 0).map(usize::from), rest.first_chunk::<4>().copied(), u32_at(rest, 4))
    {
        let Some(attrs) = rest.get(8..len) else { break };
        let addr = Attrs(attrs).find_map(|(attr, value)| gateway(attr, value));
        ways.push(way(addr, ifindex, flags, hops.saturating_add(1)));
        rest = rest.get((len + 3) & !3..).unwrap_or(&[]);
    }
    ways
}

/// A route; `None` for what routing has nothing to do with (cached, local, multicast).
pub(crate) fn route(payload: &[u8]) -> Option<RawRoute> {
    let fixed = payload.first_chunk::<12>()?;
    let (family, len, protocol, kind) = (fixed[0], fixed[1], fixed[5], fixed[7]);
    if u32_at(payload, 8)? & RTM_F_CLONED != 0 {
        return None;
    }
    let afi = match family {
        AF_INET => Afi::Ipv4,
        AF_INET6 => Afi::Ipv6,
        _ => return None,
    };
    let blackhole = match kind {
        RTN_UNICAST => None,
        RTN_BLACKHOLE => Some(BlackholeKind::Drop),
        RTN_UNREACHABLE => Some(BlackholeKind::Reject),
        RTN_PROHIBIT => Some(BlackholeKind::Prohibit),
        _ => return None,
    };
    let (mut table, mut metric) = (u32::from(fixed[4]), 0);
    let (mut dst, mut oif, mut via, mut source, mut group) = (None, None, None, None, None);
    let mut ways = Vec::new();
    for (attr, value) in Attrs(payload.get(12..)?) {
        match attr {
            RTA_DST => dst = bytes_addr(value),
            RTA_OIF => oif = u32_at(value, 0),
            RTA_GATEWAY | RTA_VIA => via = gateway(attr, value),
            RTA_PRIORITY => metric = u32_at(value, 0)?,
            RTA_PREFSRC => source = bytes_addr(value),
            RTA_MULTIPATH => ways = multipath(value),
            RTA_TABLE => table = u32_at(value, 0)?,
            RTA_NH_ID => group = u32_at(value, 0).map(NhId),
            _ => {}
        }
    }
    if let Some(kind) = blackhole {
        ways = vec![Nexthop::blackhole(kind)];
    } else if let Some(oif) = oif {
        ways.push(way(via, oif, fixed[8], 1));
    }
    let prefix = match dst {
        Some(addr) => Prefix::new(addr, len)?,
        None => Prefix::default_route(afi),
    };
    let nexthops: NexthopSet = ways.into_iter().collect();
    let route =
        KernelRoute { table: TableId(table), prefix, metric: Metric(metric), protocol, nexthops, source };
    Some(RawRoute { route, group })
}

/// Whether a route sends packets somewhere.
pub(crate) fn is_unicast(payload: &[u8]) -> bool {
    payload.get(7) == Some(&RTN_UNICAST)
}

/// A next-hop object: id and `nh_protocol`.
pub(crate) fn nexthop(payload: &[u8]) -> Option<(NhId, u8)> {
    let protocol = *payload.get(2)?;
    let id = Attrs(payload.get(8..)?).find(|(attr, _)| *attr == NHA_ID).and_then(|(_, v)| u32_at(v, 0))?;
    Some((NhId(id), protocol))
}
