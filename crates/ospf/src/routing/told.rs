//! What an LSA tells of the network, read from its octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_ospf_wire::{
    Body, ExternalV2, ExternalV3, IntraAreaPrefix, LinkStateId, LinkType, LinkV2, Lsa, LsaHeader, LsaType,
    NetworkV2, NetworkV3, Options, PrefixOptions, RouterBits, RouterV2, RouterV3, SummaryV2, Version,
};
use ferr_types::{AreaId, Ipv4Prefix, Prefix, RouterId};

use super::graph::{RawLink, RawPart, VertexKey};

/// Link from a network to a router has no type of its own.
const FROM_NETWORK: LinkType = LinkType(0);

/// Prefixes and what reaching them costs from the vertex that they belong to.
pub(crate) type Leaves = Vec<(Prefix, u32)>;

/// A route that a border router tells into an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) router: RouterId,
    pub(crate) id: LinkStateId,
    pub(crate) metric: u32,
}

/// An external route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct External {
    /// NSSA that it is told in; none for the whole AS.
    pub(crate) area: Option<AreaId>,
    pub(crate) router: RouterId,
    pub(crate) id: LinkStateId,
    pub(crate) type2: bool,
    pub(crate) metric: u32,
    pub(crate) forwarding: Option<IpAddr>,
    pub(crate) tag: u32,
    /// To be told on at the end of the NSSA.
    pub(crate) propagate: bool,
}

/// What an LSA tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// A vertex, its links and (OSPFv2) its prefixes.
    Vertex { key: VertexKey, lsa: (LinkStateId, RouterId), part: RawPart, leaves: Leaves },
    /// OSPFv3: prefixes of a vertex.
    Prefixes { key: VertexKey, leaves: Leaves },
    /// A prefix of another area.
    Summary(Prefix, Summary),
    /// An AS boundary router of another area.
    Boundary(RouterId, Summary),
    /// A prefix of the outside.
    External(Prefix, External),
    /// OSPFv3: address of a router on a link.
    Address(RouterId, Ipv6Addr),
}

/// Length of a mask without holes.
pub(crate) fn mask_len(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let len = bits.leading_ones();
    (bits.count_ones() == len).then_some(len as u8)
}

fn masked(addr: Ipv4Addr, mask: Ipv4Addr) -> Option<Prefix> {
    Ipv4Prefix::new(addr, mask_len(mask)?).map(Prefix::V4)
}

/// Reads an LSA; `None` when it tells nothing of routes.
pub(crate) fn read(version: Version, area: Option<AreaId>, octets: &[u8]) -> Option<Told> {
    let lsa = Lsa::decode(version, octets).ok()?;
    let header = &lsa.header;
    match lsa.body().ok()? {
        Body::RouterV2(body) => Some(router_v2(header, &body)),
        Body::NetworkV2(body) => Some(network_v2(header, &body)),
        Body::RouterV3(body) => Some(router_v3(header, &body)),
        Body::NetworkV3(body) => Some(network_v3(header, &body)),
        Body::SummaryV2(body) => summary_v2(header, &body),
        Body::InterAreaPrefix(body) => {
            let unicast = !body.prefix.options.contains(PrefixOptions::NU);
            let told = Told::Summary(body.prefix.prefix.into(), summary(header, body.metric));
            unicast.then_some(told)
        }
        Body::InterAreaRouter(body) => Some(Told::Boundary(body.router, summary(header, body.metric))),
        Body::ExternalV2(body) => external_v2(header, &body, area),
        Body::ExternalV3(body) => external_v3(header, &body, area),
        Body::Link(body) => Some(Told::Address(header.router, body.address)),
        Body::IntraAreaPrefix(body) => prefixes_v3(&body),
        Body::Opaque(_) | Body::Tlvs(_) | Body::Unknown(_) => None,
    }
}

const fn summary(header: &LsaHeader, metric: u32) -> Summary {
    Summary { router: header.router, id: header.id, metric }
}

fn router_v2(header: &LsaHeader, body: &RouterV2<'_>) -> Told {
    let link = |l: LinkV2<'_>| {
        let to = match l.kind {
            LinkType::POINT_TO_POINT | LinkType::VIRTUAL => VertexKey::Router(RouterId(l.id)),
            LinkType::TRANSIT => VertexKey::Network(l.id.to_bits(), RouterId::UNSET),
            _ => return None,
        };
        Some(RawLink { to, cost: l.metric, kind: l.kind, own: l.data.to_bits(), far: 0 })
    };
    let stub = |l: LinkV2<'_>| {
        (l.kind == LinkType::STUB).then(|| Some((masked(l.id, l.data)?, l.metric.into()))).flatten()
    };
    let links = body.links.iter().filter_map(link).collect();
    Told::Vertex {
        key: VertexKey::Router(header.router),
        lsa: (header.id, header.router),
        part: RawPart { bits: body.bits, options: Options::empty(), links },
        leaves: body.links.iter().filter_map(stub).collect(),
    }
}

fn from_network(routers: impl Iterator<Item = RouterId>) -> Vec<RawLink> {
    routers
        .map(|r| RawLink { to: VertexKey::Router(r), cost: 0, kind: FROM_NETWORK, own: 0, far: 0 })
        .collect()
}

fn network_v2(header: &LsaHeader, body: &NetworkV2<'_>) -> Told {
    Told::Vertex {
        key: VertexKey::Network(header.id.0, RouterId::UNSET),
        lsa: (header.id, header.router),
        part: RawPart {
            bits: RouterBits::empty(),
            options: Options::empty(),
            links: from_network(body.routers.iter()),
        },
        leaves: masked(header.id.addr(), body.mask).map(|p| (p, 0)).into_iter().collect(),
    }
}

fn router_v3(header: &LsaHeader, body: &RouterV3<'_>) -> Told {
    let links = body.links.iter().filter_map(|l| {
        let to = match l.kind {
            LinkType::POINT_TO_POINT | LinkType::VIRTUAL => VertexKey::Router(l.neighbor),
            LinkType::TRANSIT => VertexKey::Network(l.neighbor_interface, l.neighbor),
            _ => return None,
        };
        Some(RawLink { to, cost: l.metric, kind: l.kind, own: l.interface, far: l.neighbor_interface })
    });
    Told::Vertex {
        key: VertexKey::Router(header.router),
        lsa: (header.id, header.router),
        part: RawPart { bits: body.bits, options: body.options, links: links.collect() },
        leaves: Vec::new(),
    }
}

fn network_v3(header: &LsaHeader, body: &NetworkV3<'_>) -> Told {
    Told::Vertex {
        key: VertexKey::Network(header.id.0, header.router),
        lsa: (header.id, header.router),
        part: RawPart {
            bits: RouterBits::empty(),
            options: body.options,
            links: from_network(body.routers.iter()),
        },
        leaves: Vec::new(),
    }
}

fn prefixes_v3(body: &IntraAreaPrefix<'_>) -> Option<Told> {
    let key = match body.referenced.kind {
        LsaType::ROUTER_V3 => VertexKey::Router(body.router),
        LsaType::NETWORK_V3 => VertexKey::Network(body.referenced.id.0, body.router),
        _ => return None,
    };
    let unicast = body.prefixes.iter().filter(|p| !p.options.contains(PrefixOptions::NU));
    let leaves = unicast.map(|p| (p.prefix.into(), p.extra.into())).collect();
    Some(Told::Prefixes { key, leaves })
}

fn summary_v2(header: &LsaHeader, body: &SummaryV2<'_>) -> Option<Told> {
    let summary = summary(header, body.metric);
    match header.kind {
        LsaType::ASBR_SUMMARY_V2 => Some(Told::Boundary(RouterId(header.id.addr()), summary)),
        _ => Some(Told::Summary(masked(header.id.addr(), body.mask)?, summary)),
    }
}

fn external_v2(header: &LsaHeader, body: &ExternalV2<'_>, area: Option<AreaId>) -> Option<Told> {
    let external = External {
        area,
        router: header.router,
        id: header.id,
        type2: body.type2,
        metric: body.metric,
        forwarding: (!body.forwarding.is_unspecified()).then_some(IpAddr::V4(body.forwarding)),
        tag: body.tag,
        propagate: header.options.contains(Options::NP),
    };
    Some(Told::External(masked(header.id.addr(), body.mask)?, external))
}

fn external_v3(header: &LsaHeader, body: &ExternalV3, area: Option<AreaId>) -> Option<Told> {
    let external = External {
        area,
        router: header.router,
        id: header.id,
        type2: body.type2,
        metric: body.metric,
        forwarding: body.forwarding.filter(|a| !a.is_unspecified()).map(IpAddr::V6),
        tag: body.tag.unwrap_or(0),
        propagate: body.prefix.options.contains(PrefixOptions::P),
    };
    let unicast = !body.prefix.options.contains(PrefixOptions::NU);
    unicast.then_some(Told::External(body.prefix.prefix.into(), external))
}
