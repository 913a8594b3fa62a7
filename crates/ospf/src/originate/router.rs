//! What an area is told of this router: router-LSAs and, in OSPFv3, the prefixes of its links (RFC 2328 section 12.4.1, RFC 5340
//! sections 4.4.3.2 and 4.4.3.9, RFC 6987, RFC 6860).

use std::net::Ipv4Addr;

use ferr_ospf_wire::{
    LinkStateId, LinkType, LinkV2, LinkV3, LsaType, Options, PrefixOptions, PrefixV3, Referenced, RouterBits,
    Version,
};
use ferr_types::{AreaId, Ipv6Prefix, RouterId};

use super::issue::body_of;
use super::{OwnKey, Wish};
use crate::config::{MAX_LINK_METRIC, NetworkType};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::{InterfaceState, Notice};
use crate::lsdb::ScopeId;

/// Links of one OSPFv3 router-LSA, so that it fits any MTU.
const LINKS_PER_LSA: usize = 80;
/// Prefixes of one intra-area-prefix-LSA, likewise.
pub(super) const PREFIXES_PER_LSA: usize = 60;
/// Links of an OSPFv2 router-LSA: there is one of it, and it has to fit into one IP packet with any trailer.
pub(crate) const LINKS_V2: usize = 5440;
const HOST_MASK: Ipv4Addr = Ipv4Addr::BROADCAST;

/// Pieces of a list; one, though empty, at least.
pub(super) fn pieces<T>(list: &[T], size: usize) -> Vec<&[T]> {
    if list.is_empty() { vec![list] } else { list.chunks(size).collect() }
}

impl Instance {
    /// Cost of a way through this router by an interface.
    fn transit_cost(&self, iface: &Interface) -> u16 {
        if self.is_stub_router() { MAX_LINK_METRIC } else { iface.cost() }
    }

    fn bits(&self, area: AreaId) -> RouterBits {
        let mut bits = self.routing.router_bits(area);
        let through = |iface: &Interface| {
            matches!(iface.key, crate::config::InterfaceKey::Virtual(transit, _) if transit == area)
                && iface.full().next().is_some()
        };
        bits.set(RouterBits::VIRTUAL, self.ifaces.values().any(through));
        bits
    }

    /// What is wanted of an area's own router-LSAs.
    pub(super) fn describe_area(&mut self, area: AreaId) {
        let links: Vec<&Interface> = self.ifaces.values().filter(|i| i.is_up() && i.area() == area).collect();
        let exists = !links.is_empty();
        match self.config.version {
            Version::V2 => {
                let bits = self.bits(area);
                let mut told: Vec<LinkV2<'_>> = links.iter().flat_map(|iface| self.links_v2(iface)).collect();
                if told.len() > LINKS_V2 {
                    // Those that others go through this router by are told before its own networks.
                    told.sort_by_key(|link| link.kind == LinkType::STUB);
                    self.notices.push(Notice::LinksLeftOut { area, count: told.len() - LINKS_V2 });
                    told.truncate(LINKS_V2);
                }
                let body = body_of(LsaType::ROUTER_V2, |writer| writer.router_v2(bits, told));
                let key = (ScopeId::Area(area), LsaType::ROUTER_V2, self.config.router_id.0.into());
                self.want_or_not(key, body.filter(|_| exists), area);
            }
            Version::V3 => self.describe_area_v3(area),
        }
    }

    /// Wants an LSA or, without a body, none.
    pub(super) fn want_or_not(&mut self, key: OwnKey, body: Option<Box<[u8]>>, area: AreaId) {
        let options = match self.config.version {
            Version::V2 => self.area_options(area),
            Version::V3 => Options::empty(),
        };
        match body {
            Some(body) => self.own.want(key, Wish { options, body }),
            None => self.own.unwant(&key),
        }
    }

    fn links_v2(&self, iface: &Interface) -> Vec<LinkV2<'static>> {
        let Some((addr, prefix)) = iface.config.address else { return self.virtual_link_v2(iface) };
        let cost = self.transit_cost(iface);
        let suppressed = iface.config.prefix_suppression && !iface.config.passive;
        let stub = |addr: Ipv4Addr, mask: Ipv4Addr, cost: u16| LinkV2::new(LinkType::STUB, addr, mask, cost);
        let own_cost = iface.cost();
        let network = Some(stub(prefix.addr(), prefix.netmask(), own_cost)).filter(|_| !suppressed);
        match iface.network() {
            NetworkType::Loopback => vec![stub(addr, HOST_MASK, own_cost)],
            NetworkType::Virtual => self.virtual_link_v2(iface),
            NetworkType::PointToPoint => {
                let data = if iface.config.unnumbered { Ipv4Addr::from_bits(iface.id) } else { addr };
                let full =
                    iface.full().map(|n| LinkV2::new(LinkType::POINT_TO_POINT, n.router.0, data, cost));
                let network = network.filter(|_| !iface.config.unnumbered);
                full.chain(network).collect()
            }
            NetworkType::PointToMultipoint | NetworkType::PointToMultipointNonBroadcast => {
                let full =
                    iface.full().map(|n| LinkV2::new(LinkType::POINT_TO_POINT, n.router.0, addr, cost));
                // The own address as a host, so that it can be reached whoever is adjacent.
                full.chain(Some(stub(addr, HOST_MASK, 0)).filter(|_| !suppressed)).collect()
            }
            NetworkType::Broadcast | NetworkType::NonBroadcast => match self.transit_dr(iface) {
                Some(dr) => vec![LinkV2::new(LinkType::TRANSIT, dr, addr, cost)],
                None => network.into_iter().collect(),
            },
        }
    }

    fn virtual_link_v2(&self, iface: &Interface) -> Vec<LinkV2<'static>> {
        let Some(std::net::IpAddr::V4(local)) = iface.path.map(|path| path.local) else { return Vec::new() };
        let cost = self.transit_cost(iface);
        iface.full().map(|n| LinkV2::new(LinkType::VIRTUAL, n.router.0, local, cost)).collect()
    }

    /// Identity of the designated router, when the link is a transit network.
    pub(super) fn transit_dr(&self, iface: &Interface) -> Option<Ipv4Addr> {
        let led = iface.state == InterfaceState::Dr && iface.full().next().is_some();
        let follows = iface.state > InterfaceState::Waiting
            && iface.state != InterfaceState::Dr
            && iface.full().any(|neighbor| neighbor.identity(iface.version) == iface.dr);
        (iface.has_dr() && (led || follows)).then_some(iface.dr)
    }

    fn links_v3(&self, iface: &Interface) -> Vec<LinkV3> {
        let metric = self.transit_cost(iface);
        let to_router = |kind: LinkType, neighbor: &crate::neighbor::Neighbor| LinkV3 {
            kind,
            metric,
            interface: iface.id,
            neighbor_interface: neighbor.interface_id,
            neighbor: neighbor.router,
        };
        match iface.network() {
            NetworkType::Loopback => Vec::new(),
            NetworkType::Virtual => iface.full().map(|n| to_router(LinkType::VIRTUAL, n)).collect(),
            NetworkType::Broadcast | NetworkType::NonBroadcast => {
                let own = self.config.router_id;
                let transit = self.transit_dr(iface).and_then(|dr| {
                    let neighbor_interface =
                        if dr == own.0 { iface.id } else { iface.by_identity(dr)?.interface_id };
                    let (kind, interface) = (LinkType::TRANSIT, iface.id);
                    Some(LinkV3 { kind, metric, interface, neighbor_interface, neighbor: RouterId(dr) })
                });
                transit.into_iter().collect()
            }
            _ => iface.full().map(|n| to_router(LinkType::POINT_TO_POINT, n)).collect(),
        }
    }

    fn describe_area_v3(&mut self, area: AreaId) {
        let scope = ScopeId::Area(area);
        let up: Vec<&Interface> = self.ifaces.values().filter(|i| i.is_up() && i.area() == area).collect();
        let exists = !up.is_empty();
        let links: Vec<LinkV3> = up.iter().flat_map(|iface| self.links_v3(iface)).collect();
        let mut prefixes: Vec<PrefixV3> = up.iter().flat_map(|iface| self.prefixes_v3(iface)).collect();
        prefixes.extend(self.virtual_host(area, &prefixes));
        let (bits, mut options) = (self.bits(area), self.area_options(area));
        // No way through this router at all (RFC 5340 section 2.7), whatever the metric.
        options.set(Options::R, !self.is_stub_router());
        let mut bodies = Vec::new();
        if exists {
            for (piece, links) in pieces(&links, LINKS_PER_LSA).into_iter().enumerate() {
                let body = body_of(LsaType::ROUTER_V3, |w| w.router_v3(bits, options, links.iter().copied()));
                bodies.push((LinkStateId(piece as u32), body));
            }
        }
        self.want_pieces(scope, LsaType::ROUTER_V3, 0, bodies, area);
        let referenced = Referenced { kind: LsaType::ROUTER_V3, id: LinkStateId(0) };
        let own = self.config.router_id;
        let mut bodies = Vec::new();
        if !prefixes.is_empty() {
            for (piece, prefixes) in pieces(&prefixes, PREFIXES_PER_LSA).into_iter().enumerate() {
                let kind = LsaType::INTRA_AREA_PREFIX;
                let body = body_of(kind, |w| w.intra_area_prefix(referenced, own, prefixes.iter().copied()));
                bodies.push((piece_id(ROUTER_PIECES, piece), body));
            }
        }
        self.want_pieces(scope, LsaType::INTRA_AREA_PREFIX, ROUTER_PIECES, bodies, area);
    }

    /// Wants the pieces of a list, and no others with the same base.
    pub(super) fn want_pieces(
        &mut self,
        scope: ScopeId,
        kind: LsaType,
        base: u32,
        bodies: Vec<(LinkStateId, Option<Box<[u8]>>)>,
        area: AreaId,
    ) {
        let wanted: Vec<LinkStateId> = bodies.iter().map(|(id, _)| *id).collect();
        for (id, body) in bodies {
            self.want_or_not((scope, kind, id), body, area);
        }
        let range = (scope, kind, LinkStateId(base))..=(scope, kind, LinkStateId(base | PIECE_MASK));
        let gone: Vec<OwnKey> =
            self.own.range(range).filter(|key| !wanted.contains(&key.2)).copied().collect();
        for key in gone {
            self.own.unwant(&key);
        }
    }

    /// In a transit area of a virtual link the other end needs an address of ours to send to (RFC 5340 section 4.4.3.9).
    fn virtual_host(&self, area: AreaId, told: &[PrefixV3]) -> Option<PrefixV3> {
        let needed = self.config.areas.get(&area).is_some_and(|config| !config.virtual_links.is_empty());
        if !needed || told.iter().any(|prefix| prefix.prefix.len() == 128) {
            return None;
        }
        let inside = self.ifaces.values().filter(|iface| iface.is_up() && iface.area() == area);
        inside.flat_map(|iface| &iface.config.addresses).next().map(|addr| own_host(*addr))
    }

    /// Prefixes that belong to the router itself: of links that are no transit networks.
    fn prefixes_v3(&self, iface: &Interface) -> Vec<PrefixV3> {
        let cost = iface.cost();
        let suppressed = iface.config.prefix_suppression && !iface.config.passive;
        let global = iface.config.prefixes.iter().filter(|prefix| !prefix.addr().is_unicast_link_local());
        let host = |prefix: &Ipv6Prefix| PrefixV3 { prefix: *prefix, options: PrefixOptions::LA, extra: 0 };
        let network = |prefix: &Ipv6Prefix| match prefix.len() {
            128 => PrefixV3 { extra: cost, ..host(prefix) },
            _ => PrefixV3 { prefix: *prefix, options: PrefixOptions::empty(), extra: cost },
        };
        match iface.network() {
            NetworkType::Virtual => Vec::new(),
            NetworkType::Loopback => global.map(network).collect(),
            NetworkType::PointToMultipoint | NetworkType::PointToMultipointNonBroadcast
                if !iface.config.addresses.is_empty() && !suppressed =>
            {
                iface.config.addresses.iter().map(|addr| own_host(*addr)).collect()
            }
            _ if suppressed => Vec::new(),
            NetworkType::Broadcast | NetworkType::NonBroadcast if self.transit_dr(iface).is_some() => {
                // Those of the network go with its designated router; own hosts stay here.
                global.filter(|prefix| prefix.len() == 128).map(network).collect()
            }
            _ => global.map(network).collect(),
        }
    }
}

/// An own address as a destination.
const fn own_host(addr: std::net::Ipv6Addr) -> PrefixV3 {
    PrefixV3 { prefix: Ipv6Prefix::host(addr), options: PrefixOptions::LA, extra: 0 }
}

/// Link State IDs of the router's own pieces of prefixes: 0 and up.
pub(super) const ROUTER_PIECES: u32 = 0;
/// Pieces of one base; bases are multiples of one more.
pub(super) const PIECE_MASK: u32 = 0xff;

/// Number of a piece.
pub(super) const fn piece_id(base: u32, piece: usize) -> LinkStateId {
    LinkStateId(base | (piece as u32) & PIECE_MASK)
}
