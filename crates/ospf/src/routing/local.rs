//! Own links: which way packets leave for what is next to this router (RFC 2328 section 16.1.1, RFC 5340 section 4.8.2).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use ferr_ospf_wire::{LinkType, Version};
use ferr_types::{AreaId, Prefix, RouterId};

use super::graph::{Graph, Link, Packed, VertexKey};
use super::ways::{Hop, HopSet, HopSets, NOWHERE, Way, Ways};
use super::{LocalLink, LocalNeighbor};
use crate::config::{InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType};

/// OSPFv3: addresses that routers tell on own links.
pub(crate) type LinkAddresses = BTreeMap<(InterfaceKey, RouterId), Ipv6Addr>;

/// What ways out of this router into an area are made from.
pub(crate) struct Local<'a> {
    pub(crate) version: Version,
    pub(crate) area: AreaId,
    pub(crate) config: &'a InstanceConfig,
    pub(crate) links: &'a [LocalLink],
    pub(crate) addresses: &'a LinkAddresses,
    /// Ways to the other ends of virtual links, through their transit areas.
    pub(crate) virtuals: &'a BTreeMap<InterfaceKey, Ways>,
}

/// Whether a network has many routers on one link with a designated one.
pub(crate) const fn is_multi_access(network: NetworkType) -> bool {
    matches!(network, NetworkType::Broadcast | NetworkType::NonBroadcast)
}

impl<'a> Local<'a> {
    fn of_area(&self) -> impl Iterator<Item = (u16, &'a LocalLink)> {
        let area = self.area;
        let numbered = self.links.iter().take(usize::from(u16::MAX)).enumerate();
        numbered.filter(move |(_, l)| l.area == area).map(|(at, l)| (at as u16, l))
    }

    fn settings(&self, link: &LocalLink) -> Option<&'a InterfaceConfig> {
        self.config.interfaces.get(&link.key)
    }

    fn bfd(&self, link: &LocalLink) -> bool {
        self.settings(link).is_some_and(|i| i.bfd)
    }

    /// Sets for the links of the root, in their order.
    pub(crate) fn root_sets(&self, graph: &Graph, packed: &Packed, hops: &mut HopSets) -> Vec<u32> {
        let set = |link: &Link| {
            let found = match graph.vertex(link.to).map(|v| v.key) {
                Some(VertexKey::Router(router)) => self.to_router(link, router),
                Some(VertexKey::Network(..)) => self.to_network(link),
                None => HopSet::new(),
            };
            hops.intern(found)
        };
        packed.root_links.iter().map(set).collect()
    }

    /// Whether a link of the own router-LSA is told for this interface.
    fn is_same(&self, link: &Link, local: &LocalLink) -> bool {
        match (self.version, local.addr) {
            (Version::V2, Some(IpAddr::V4(addr))) if addr.to_bits() == link.own => true,
            _ => local.interface_id == link.own,
        }
    }

    fn to_router(&self, link: &Link, router: RouterId) -> HopSet {
        if link.kind == LinkType::VIRTUAL {
            return self.over_virtual(router);
        }
        let mut set = HopSet::new();
        for (at, local) in self.of_area().filter(|(_, l)| self.is_same(link, l)) {
            if is_multi_access(local.network) || local.network == NetworkType::Virtual {
                continue;
            }
            let adjacent = local.neighbors.iter().filter(|n| n.router == router && n.full);
            set.extend(adjacent.map(|n| Hop { link: at, way: self.way(local, n) }));
        }
        set
    }

    fn over_virtual(&self, router: RouterId) -> HopSet {
        let mut set = HopSet::new();
        for (at, local) in self.of_area() {
            let InterfaceKey::Virtual(_, end) = local.key else { continue };
            let full = local.neighbors.iter().any(|n| n.router == router && n.full);
            if end != router || !full {
                continue;
            }
            let ways = self.virtuals.get(&local.key);
            set.extend(ways.into_iter().flat_map(|w| w.iter()).map(|way| Hop { link: at, way: *way }));
        }
        set
    }

    fn way(&self, local: &LocalLink, neighbor: &LocalNeighbor) -> Way {
        Way {
            ifindex: local.ifindex,
            gateway: Some(neighbor.addr),
            onlink: self.is_onlink(local, neighbor.addr),
            bfd: self.bfd(local),
            router: neighbor.router,
        }
    }

    fn is_onlink(&self, local: &LocalLink, gateway: IpAddr) -> bool {
        let IpAddr::V4(gateway) = gateway else { return false };
        let settings = self.settings(local);
        let inside = settings.and_then(|i| i.address).is_some_and(|(_, prefix)| prefix.contains(gateway));
        settings.is_some_and(|i| i.unnumbered) || !inside
    }

    fn to_network(&self, link: &Link) -> HopSet {
        let on = self.of_area().filter(|(_, l)| self.is_same(link, l) && is_multi_access(l.network));
        on.map(|(at, local)| Hop { link: at, way: self.on_link(local) }).collect()
    }

    /// The way to what is on a link itself.
    pub(crate) fn on_link(&self, local: &LocalLink) -> Way {
        Way { ifindex: local.ifindex, gateway: None, onlink: false, bfd: false, router: RouterId::UNSET }
    }

    /// The set for a router on a network that is reached by `set`, which has a hop on the link itself.
    pub(crate) fn across(&self, graph: &Graph, set: u32, network: u32, to: u32, hops: &mut HopSets) -> u32 {
        let Some(VertexKey::Router(router)) = graph.vertex(to).map(|v| v.key) else { return NOWHERE };
        let next = hops.get(set).to_vec().into_iter().filter_map(|hop| {
            if hop.way.gateway.is_some() {
                return Some(hop);
            }
            let local = self.links.get(usize::from(hop.link))?;
            let gateway = self.address_on(graph, local, network, to, router)?;
            let way = Way {
                gateway: Some(gateway),
                onlink: self.is_onlink(local, gateway),
                bfd: self.bfd(local),
                router,
                ..hop.way
            };
            Some(Hop { way, ..hop })
        });
        let next = next.collect();
        hops.intern(next)
    }

    fn address_on(
        &self,
        graph: &Graph,
        local: &LocalLink,
        network: u32,
        to: u32,
        router: RouterId,
    ) -> Option<IpAddr> {
        if let Some(neighbor) = local.neighbors.iter().find(|n| n.router == router) {
            return Some(neighbor.addr);
        }
        match self.version {
            Version::V2 => graph.address_on(to, network).map(IpAddr::V4),
            Version::V3 => self.addresses.get(&(local.key, router)).copied().map(IpAddr::V6),
        }
    }

    /// Ways out to prefixes of this router itself: the links that have them.
    pub(crate) fn own_prefixes(&self) -> impl Iterator<Item = (Prefix, Way)> {
        self.of_area().flat_map(|(_, local)| {
            let settings = self.settings(local);
            let v4 = settings.and_then(|s| s.address).into_iter();
            let v4 = v4.flat_map(|(addr, on)| [Prefix::V4(on), Prefix::host(addr.into())]);
            let v6 = settings.into_iter().flat_map(|s| s.prefixes.iter().map(|p| Prefix::V6(*p)));
            let way = self.on_link(local);
            v4.chain(v6).map(move |prefix| (prefix, way))
        })
    }
}
