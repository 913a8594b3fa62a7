//! Which links and addresses take part, and how.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ferr_config::model::interface::Interface;
use ferr_config::model::ospf as model;
use ferr_ospf::config::{InterfaceConfig, InterfaceKey, NetworkType, StaticNeighbor};
use ferr_ospf::wire::Version;
use ferr_policy::Action;
use ferr_rib::{Address, Link, LinkKind};
use ferr_state::NO_VRF;
use ferr_types::{Afi, IfIndex, Ipv4Prefix, Ipv6Prefix, Prefix};

use super::{Source, area_id, seconds};

/// `IFF_POINTOPOINT`.
const POINT_TO_POINT: u32 = 0x10;
/// Bandwidth of a link that has none, Mbit/s.
const DEFAULT_BANDWIDTH: u32 = 10_000;
/// PollInterval of OSPFv2 and OSPFv3.
const POLL: [u64; 2] = [60, 10];

const fn is_loopback(link: &Link) -> bool {
    matches!(link.kind, LinkKind::Loopback | LinkKind::Vrf(_))
}

const fn default_network(link: &Link) -> NetworkType {
    match () {
        () if is_loopback(link) => NetworkType::Loopback,
        () if link.flags & POINT_TO_POINT != 0 => NetworkType::PointToPoint,
        () => NetworkType::Broadcast,
    }
}

impl Source<'_> {
    fn links(&self) -> impl Iterator<Item = (&Link, Option<&Interface>)> {
        let here = self.around.links.values().filter(|l| l.vrf == self.vrf && self.vrf != NO_VRF);
        here.map(|link| (link, self.config.interfaces.get(&link.name)))
    }

    pub(super) fn interfaces(&self) -> BTreeMap<InterfaceKey, InterfaceConfig> {
        match self.version {
            Version::V2 => self.interfaces_v2(),
            Version::V3 => {
                let links = self.links();
                links.filter_map(|(link, i)| self.interface_v3(link, &i?.ospf6)).collect()
            }
        }
    }

    /// BFD profiles of links.
    pub(super) fn profiles(&self) -> BTreeMap<IfIndex, String> {
        let profile = |(link, i): (&Link, Option<&Interface>)| {
            let bfd = if self.version == Version::V2 { &i?.ospf.bfd } else { &i?.ospf6.bfd };
            Some((link.ifindex, bfd.as_ref()?.profile.clone()?))
        };
        self.links().filter_map(profile).collect()
    }

    fn interfaces_v2(&self) -> BTreeMap<InterfaceKey, InterfaceConfig> {
        let default = model::OspfLink::default();
        let mut out = BTreeMap::new();
        for (link, interface) in self.links() {
            let said = interface.map_or(&default, |i| &i.ospf);
            let bandwidth = interface.and_then(|i| i.bandwidth);
            for address in self.around.addresses_of(link.ifindex).filter(|a| !a.secondary) {
                let IpAddr::V4(addr) = address.addr.addr() else { continue };
                let own = said.addresses.get(&addr);
                let Some(area) = self.area_of(said, own, addr, address) else { continue };
                let key = InterfaceKey::Link(link.ifindex, Some(addr));
                out.insert(key, self.interface_v2(link, bandwidth, said, (addr, address), &area));
            }
        }
        out
    }

    /// Area of an address: by a statement of the interface, else by the longest `network` around it.
    fn area_of(
        &self,
        said: &model::OspfLink,
        own: Option<&model::OspfInterface>,
        addr: Ipv4Addr,
        address: &Address,
    ) -> Option<model::AreaId> {
        let of = |settings: &model::OspfInterface| settings.areas.get(&self.name.instance).copied();
        let stated = own.and_then(of).or_else(|| of(&said.interface));
        let prefix = address.connected_prefix();
        let around = |network: &&Prefix| network.len() <= prefix.len() && network.contains(prefix.addr());
        let networks = self.instance.networks.keys().filter(around);
        let network =
            || networks.max_by_key(|n| n.len()).and_then(|n| self.instance.networks.get(n)).copied();
        stated.or_else(network).filter(|_| !addr.is_loopback())
    }

    fn interface_v2(
        &self,
        link: &Link,
        bandwidth: Option<u32>,
        said: &model::OspfLink,
        (addr, address): (Ipv4Addr, &Address),
        area: &model::AreaId,
    ) -> InterfaceConfig {
        let (all, own) = (&said.interface, said.addresses.get(&addr));
        // What the address says goes before what the interface says.
        macro_rules! pick {
            ($field:ident) => {
                own.and_then(|o| o.$field).or(all.$field)
            };
        }
        let network = network_v2(link, said);
        let prefix = match address.connected_prefix() {
            Prefix::V4(prefix) => prefix,
            Prefix::V6(_) => Ipv4Prefix::host(addr),
        };
        let (hello, dead) = intervals(pick!(hello_interval), pick!(dead_interval));
        let unnumbered = network == NetworkType::PointToPoint && address.peer.is_none() && prefix.len() == 32;
        InterfaceConfig {
            name: Arc::from(link.name.as_str()),
            area: area_id(area),
            network,
            up: link.operative(),
            mtu: mtu(link),
            address: Some((addr, prefix)),
            unnumbered,
            link_local: None,
            prefixes: Vec::new(),
            addresses: Vec::new(),
            cost: pick!(cost).unwrap_or_else(|| match network {
                NetworkType::Loopback => 0,
                _ => self.cost(link, bandwidth),
            }),
            hello,
            dead,
            retransmit: seconds(pick!(retransmit_interval), 5),
            transmit_delay: pick!(transmit_delay).unwrap_or(1),
            priority: pick!(priority).unwrap_or(1),
            passive: pick!(passive).unwrap_or(self.instance.passive_default),
            mtu_ignore: all.mtu_ignore || own.is_some_and(|o| o.mtu_ignore),
            instance_id: 0,
            prefix_suppression: all.prefix_suppression || own.is_some_and(|o| o.prefix_suppression),
            bfd: said.bfd.is_some(),
            auth: self.auth_v2(own, all, area),
            neighbors: self.static_neighbors(network, prefix),
            neighbor_filter: own
                .and_then(|o| o.neighbor_filter.clone())
                .or_else(|| all.neighbor_filter.clone()),
            opaque: !(all.no_opaque_lsa || own.is_some_and(|o| o.no_opaque_lsa)),
        }
    }

    /// Configured neighbors on the link's network.
    fn static_neighbors(&self, network: NetworkType, prefix: Ipv4Prefix) -> BTreeMap<IpAddr, StaticNeighbor> {
        if !matches!(network, NetworkType::NonBroadcast | NetworkType::PointToMultipointNonBroadcast) {
            return BTreeMap::new();
        }
        let here = self.instance.neighbors.iter().filter(|(addr, _)| prefix.contains(**addr));
        let neighbor = |n: &model::NbmaNeighbor| StaticNeighbor {
            priority: n.priority.unwrap_or(0),
            poll: seconds(n.poll_interval, POLL[0]),
        };
        here.map(|(addr, n)| (IpAddr::V4(*addr), neighbor(n))).collect()
    }

    fn interface_v3(&self, link: &Link, said: &model::Ospf6Link) -> Option<(InterfaceKey, InterfaceConfig)> {
        let area = said.area.as_ref()?;
        let network = network_v3(link, said);
        let v6 = |a: &Address| match (a.addr.addr(), a.connected_prefix()) {
            (IpAddr::V6(addr), Prefix::V6(prefix)) => Some((addr, prefix)),
            _ => None,
        };
        let addresses: Vec<_> = self.around.addresses_of(link.ifindex).filter_map(v6).collect();
        let link_local = addresses.iter().map(|(addr, _)| *addr).find(|a| a.is_unicast_link_local());
        let global = addresses.iter().filter(|(a, _)| !a.is_unicast_link_local() && !a.is_loopback());
        let host = matches!(network, NetworkType::Loopback | NetworkType::PointToMultipoint);
        let prefixes =
            global.clone().map(|(addr, prefix)| if host { Ipv6Prefix::host(*addr) } else { *prefix });
        let mut prefixes: Vec<Ipv6Prefix> = prefixes.filter(|p| self.advertised(said, *p)).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let neighbor =
            |n: &model::Neighbor6| StaticNeighbor { priority: 0, poll: seconds(n.poll_interval, POLL[1]) };
        let interface = self.config.interfaces.get(&link.name);
        let config = InterfaceConfig {
            name: Arc::from(link.name.as_str()),
            area: area_id(area),
            network,
            up: link.operative() && (link_local.is_some() || network == NetworkType::Loopback),
            mtu: said.mtu.unwrap_or_else(|| mtu(link)),
            address: None,
            unnumbered: false,
            link_local,
            prefixes,
            addresses: global.map(|(addr, _)| *addr).collect(),
            cost: said.cost.unwrap_or_else(|| self.cost(link, interface.and_then(|i| i.bandwidth))),
            hello: seconds(said.hello_interval, 10),
            dead: seconds(said.dead_interval, 40),
            retransmit: seconds(said.retransmit_interval, 5),
            transmit_delay: said.transmit_delay.unwrap_or(1),
            priority: said.priority.unwrap_or(1),
            passive: said.passive,
            mtu_ignore: said.mtu_ignore,
            instance_id: said.instance_id.unwrap_or(0),
            prefix_suppression: said.prefix_suppression,
            bfd: said.bfd.is_some(),
            auth: self.auth_v3(said.authentication.as_ref()),
            neighbors: said.neighbors.iter().map(|(addr, n)| (IpAddr::V6(*addr), neighbor(n))).collect(),
            neighbor_filter: None,
            opaque: true,
        };
        Some((InterfaceKey::Link(link.ifindex, None), config))
    }

    /// Whether `advertise prefix-list` lets a prefix of the link be told; a list that does not exist lets all.
    fn advertised(&self, said: &model::Ospf6Link, prefix: Ipv6Prefix) -> bool {
        let Some(name) = &said.advertise else { return true };
        let list = self.policy.prefix_list(Afi::Ipv6, name);
        list.is_none_or(|list| list.evaluate(Prefix::V6(prefix)) == Action::Permit)
    }

    /// Cost from bandwidth: reference by bandwidth, to the nearest in OSPFv2, downwards in OSPFv3, 1 at least.
    fn cost(&self, link: &Link, configured: Option<u32>) -> u16 {
        let reference = self.instance.reference_bandwidth;
        let reference = u64::from(reference.unwrap_or(model::OspfInstance::DEFAULT_REFERENCE_BANDWIDTH));
        let speed = Some(link.speed).filter(|s| *s != 0);
        let bandwidth = u64::from(configured.or(speed).unwrap_or(DEFAULT_BANDWIDTH)).max(1);
        let half = if self.version == Version::V2 { bandwidth / 2 } else { 0 };
        u16::try_from(((reference + half) / bandwidth).max(1)).unwrap_or(u16::MAX)
    }
}

fn mtu(link: &Link) -> u16 {
    u16::try_from(link.mtu).unwrap_or(u16::MAX)
}

fn intervals(hello: Option<u16>, dead: Option<model::DeadInterval>) -> (Duration, Duration) {
    let said = seconds(hello, 10);
    match dead {
        None => (said, said * 4),
        Some(model::DeadInterval::Seconds(s)) => (said, Duration::from_secs(s.into())),
        Some(model::DeadInterval::Minimal(n)) => {
            let second = Duration::from_secs(1);
            (second / u32::from(n.max(1)), second)
        }
    }
}

fn network_v2(link: &Link, said: &model::OspfLink) -> NetworkType {
    use model::OspfNetwork as N;
    if is_loopback(link) {
        return NetworkType::Loopback;
    }
    match said.network {
        None => default_network(link),
        Some(N::Broadcast) => NetworkType::Broadcast,
        Some(N::NonBroadcast) => NetworkType::NonBroadcast,
        Some(N::PointToPoint { .. }) => NetworkType::PointToPoint,
        Some(N::PointToMultipoint { non_broadcast: true, .. }) => NetworkType::PointToMultipointNonBroadcast,
        Some(N::PointToMultipoint { .. }) => NetworkType::PointToMultipoint,
    }
}

fn network_v3(link: &Link, said: &model::Ospf6Link) -> NetworkType {
    use model::Ospf6Network as N;
    if is_loopback(link) {
        return NetworkType::Loopback;
    }
    match said.network {
        None => default_network(link),
        Some(N::Broadcast) => NetworkType::Broadcast,
        Some(N::PointToPoint) => NetworkType::PointToPoint,
        Some(N::PointToMultipoint) if said.p2mp.configured_only || said.p2mp.no_multicast_hello => {
            NetworkType::PointToMultipointNonBroadcast
        }
        Some(N::PointToMultipoint) => NetworkType::PointToMultipoint,
    }
}
