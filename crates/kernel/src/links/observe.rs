//! Dumps of links and what hangs on them, decoded.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use ferr_types::{Afi, MacAddr};

use super::observed::{KindData, Observed, ObservedLink, Way};
use super::plan::{LinkPlan, Underlay, WantedKind};
use crate::decode;
use crate::dump::Dumper;
use crate::encode::{RTA_DST, RTA_OIF};
use crate::msg::{
    AF_BRIDGE, AF_INET, AF_INET6, Attrs, RTM_GETLINK, RTM_GETNEIGH, RTM_GETROUTE, RTM_GETRULE, RTM_NEWLINK,
    RTM_NEWNEIGH, RTM_NEWRULE, u16_at, u32_at,
};
use crate::request::Requester;

const IFF_UP: u32 = 1;
/// How long it counts that a table was closed.
const CLOSED_FOR: Duration = Duration::from_secs(60);

/// A blocking observer. Belongs to one thread, in the network namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Observer {
    dumper: Dumper,
    requester: Requester,
    /// Tables of VRFs that were closed: by number of the VRF and table, since a new VRF begins with an empty one.
    closed: BTreeMap<(u32, u32, Afi), Instant>,
}

impl Observer {
    pub(crate) fn open() -> nix::Result<Self> {
        Ok(Self { dumper: Dumper::open_strict()?, requester: Requester::open()?, closed: BTreeMap::new() })
    }

    /// Everything that `plan` needs to know.
    pub(crate) fn look(&mut self, plan: &LinkPlan, now: Instant) -> nix::Result<Observed> {
        let links = self.dumper.collect((RTM_GETLINK, RTM_NEWLINK), &[0; 16], link)?;
        let mut seen =
            Observed { links: links.into_iter().map(|l| (l.ifindex, l)).collect(), ..Observed::default() };
        for address in self.dumper.addresses()? {
            let set = seen.addresses.entry(address.ifindex.0).or_default();
            set.insert((address.addr, address.peer));
        }
        if plan.links.values().any(|l| matches!(l.kind, Some(WantedKind::Vxlan(_)))) {
            let fixed = [AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            for (ifindex, remote) in self.dumper.collect((RTM_GETNEIGH, RTM_NEWNEIGH), &fixed, remote)? {
                seen.remotes.entry(ifindex).or_default().insert(remote);
            }
        }
        self.vrfs(plan, &mut seen, now)?;
        for underlay in plan.underlays() {
            if let Some(way) = self.way(&underlay, &seen) {
                seen.ways.insert(underlay, way);
            }
        }
        Ok(seen)
    }

    fn vrfs(&mut self, plan: &LinkPlan, seen: &mut Observed, now: Instant) -> nix::Result<()> {
        let table = |name: &String| match plan.links.get(name)?.kind {
            Some(WantedKind::Vrf { table }) => Some(table),
            _ => None,
        };
        let vrfs: Vec<(u32, u32)> =
            plan.links.keys().filter_map(|name| Some((seen.named(name)?.ifindex, table(name)?))).collect();
        if vrfs.is_empty() {
            return Ok(());
        }
        let v6 = Path::new("/proc/sys/net/ipv6").exists();
        for (afi, family) in [(Afi::Ipv4, AF_INET), (Afi::Ipv6, AF_INET6)] {
            if afi == Afi::Ipv6 && !v6 {
                // Nothing to close, and no rule to have.
                seen.vrf_rules.insert(afi);
                seen.unreachable.extend(vrfs.iter().map(|(_, table)| (*table, afi)));
                continue;
            }
            let mut fixed = [0; 12];
            fixed[0] = family;
            let rules = self.dumper.collect((RTM_GETRULE, RTM_NEWRULE), &fixed, vrf_rule)?;
            if rules.contains(&family) {
                seen.vrf_rules.insert(afi);
            }
            for (ifindex, table) in &vrfs {
                if self.is_closed(*ifindex, *table, afi, now) {
                    seen.unreachable.insert((*table, afi));
                }
            }
        }
        Ok(())
    }

    /// Whether a VRF's table was closed lately. It is not looked up: that would walk the table, under the lock that a failover needs.
    /// It is closed again instead, which costs nothing where it is so.
    fn is_closed(&self, ifindex: u32, table: u32, afi: Afi, now: Instant) -> bool {
        self.closed.get(&(ifindex, table, afi)).is_some_and(|at| now < *at + CLOSED_FOR)
    }

    /// A VRF's table was closed.
    pub(crate) fn closed(&mut self, ifindex: u32, table: u32, afi: Afi, now: Instant) {
        self.closed.retain(|_, at| now < *at + CLOSED_FOR);
        self.closed.insert((ifindex, table, afi), now);
    }

    fn way(&mut self, underlay: &Underlay, seen: &Observed) -> Option<Way> {
        const RTA_MARK: u16 = 16;
        let vrf = match &underlay.vrf {
            None => None,
            Some(name) => Some(seen.named(name)?.ifindex),
        };
        let mut fixed = [0; 12];
        (fixed[0], fixed[1]) = if underlay.remote.is_ipv4() { (AF_INET, 32) } else { (AF_INET6, 128) };
        let answer = self.requester.ask(RTM_GETROUTE, &fixed, |batch| {
            match underlay.remote {
                IpAddr::V4(a) => batch.attr(RTA_DST, &a.octets()),
                IpAddr::V6(a) => batch.attr(RTA_DST, &a.octets()),
            }
            if let Some(vrf) = vrf {
                batch.attr_u32(RTA_OIF, vrf);
            }
            if underlay.mark != 0 {
                batch.attr_u32(RTA_MARK, underlay.mark);
            }
        });
        way(&answer.ok()?)
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

fn link(payload: &[u8]) -> Option<ObservedLink> {
    if *payload.first()? != 0 {
        return None;
    }
    let mut link = ObservedLink {
        ifindex: u32_at(payload, 4)?,
        up: u32_at(payload, 8)? & IFF_UP != 0,
        ..ObservedLink::default()
    };
    for (attr, value) in Attrs(payload.get(16..)?) {
        match attr {
            1 => link.mac = <[u8; 6]>::try_from(value).ok().map(MacAddr),
            3 => link.name = text(value),
            4 => link.mtu = u32_at(value, 0)?,
            5 => link.lower = u32_at(value, 0)?,
            10 => link.master = u32_at(value, 0)?,
            18 => (link.kind, link.data) = kind(value),
            20 => link.alias = text(value),
            37 => link.lower_elsewhere = true,
            _ => {}
        }
    }
    if link.lower_elsewhere {
        link.lower = 0;
    }
    Some(link)
}

fn kind(info: &[u8]) -> (String, KindData) {
    let find =
        |wanted: u16| Attrs(info).find(|(attr, _)| *attr == wanted).map_or(&[][..], |(_, value)| value);
    let (kind, data) = (text(find(1)), find(2));
    let first = || Attrs(data).find(|(attr, _)| *attr == 1).map(|(_, value)| value);
    let parsed = match kind.as_str() {
        "vrf" => first().and_then(|v| u32_at(v, 0)).map(KindData::Vrf),
        "vlan" => first().and_then(|v| u16_at(v, 0)).map(KindData::Vlan),
        "macvlan" => first().and_then(|v| u32_at(v, 0)).map(KindData::Macvlan),
        "vxlan" => Some(vxlan(data)),
        _ => None,
    };
    (kind, parsed.unwrap_or_default())
}

fn vxlan(data: &[u8]) -> KindData {
    let (mut id, mut local, mut port, mut dev) = (0, None, 0, 0);
    for (attr, value) in Attrs(data) {
        match attr {
            1 => id = u32_at(value, 0).unwrap_or_default(),
            3 => dev = u32_at(value, 0).unwrap_or_default(),
            4 | 17 => local = ip(value).filter(|a| !a.is_unspecified()),
            15 => port = value.try_into().map_or(0, u16::from_be_bytes),
            _ => {}
        }
    }
    KindData::Vxlan { id, local, port, dev }
}

/// Where a VXLAN floods to: an entry of the forwarding database for all stations.
fn remote(payload: &[u8]) -> Option<(u32, IpAddr)> {
    let ifindex = u32_at(payload, 4)?;
    let (mut station, mut dst) = (None, None);
    for (attr, value) in Attrs(payload.get(12..)?) {
        match attr {
            1 => dst = ip(value),
            2 => station = Some(value),
            _ => {}
        }
    }
    (station == Some(&[0; 6][..])).then_some((ifindex, dst?))
}

/// Family of the rule that sends lookups to the tables of VRFs.
fn vrf_rule(payload: &[u8]) -> Option<u8> {
    const FRA_L3MDEV: u16 = 19;
    let family = *payload.first()?;
    let is = Attrs(payload.get(12..)?).any(|(attr, value)| attr == FRA_L3MDEV && value == [1]);
    is.then_some(family)
}

fn way(payload: &[u8]) -> Option<Way> {
    const RTA_METRICS: u16 = 8;
    const RTAX_MTU: u16 = 2;
    decode::is_unicast(payload).then_some(())?;
    let (mut ifindex, mut mtu) = (None, None);
    for (attr, value) in Attrs(payload.get(12..)?) {
        match attr {
            RTA_OIF => ifindex = u32_at(value, 0),
            RTA_METRICS => mtu = Attrs(value).find(|(a, _)| *a == RTAX_MTU).and_then(|(_, v)| u32_at(v, 0)),
            _ => {}
        }
    }
    Some(Way { ifindex: ifindex?, mtu })
}

#[cfg(test)]
mod tests;
