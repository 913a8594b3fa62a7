//! One LSA of OSPFv2 as text and JSON.

use std::net::Ipv4Addr;

use ferr_state::ferr_ospf::wire::{
    Body, ExternalV2, LinkType, LinkV2, Lsa, LsaType, NetworkV2, Opaque, OpaqueType, RouterBits, RouterV2,
    SummaryV2,
};
use ferr_types::RouterId;

use super::rows::Row;
use super::text;
use crate::json::Obj;
use crate::output::{Out, line};

/// What is to know of a type.
pub(in crate::show) struct Kind {
    /// Type.
    pub(in crate::show) kind: LsaType,
    /// Keyword.
    pub(in crate::show) word: &'static str,
    /// Title of a list.
    pub(in crate::show) title: &'static str,
    /// Key of a list.
    pub(in crate::show) key: &'static str,
    /// Heads of its columns.
    pub(in crate::show) columns: &'static str,
    /// Name of the type.
    name: &'static str,
    /// What the Link State ID is.
    id: &'static str,
}

const PLAIN: &str = "Link ID         ADV Router      Age  Seq#       CkSum";
const ROUTE: &str = "Link ID         ADV Router      Age  Seq#       CkSum  Route";
const OPAQUE: &str = "Opaque-Type/Id  ADV Router      Age  Seq#       CkSum";

/// All types, in the order of lists.
pub(in crate::show) static KINDS: [Kind; 9] = [
    Kind {
        kind: LsaType::ROUTER_V2,
        word: "router",
        title: "Router Link States",
        key: "routerLinkStates",
        columns: "Link ID         ADV Router      Age  Seq#       CkSum  Link count",
        name: "router-LSA",
        id: "",
    },
    Kind {
        kind: LsaType::NETWORK_V2,
        word: "network",
        title: "Net Link States",
        key: "networkLinkStates",
        columns: PLAIN,
        name: "network-LSA",
        id: "(address of Designated Router)",
    },
    Kind {
        kind: LsaType::SUMMARY_V2,
        word: "summary",
        title: "Summary Link States",
        key: "summaryLinkStates",
        columns: ROUTE,
        name: "summary-LSA",
        id: "(summary Network Number)",
    },
    Kind {
        kind: LsaType::ASBR_SUMMARY_V2,
        word: "asbr-summary",
        title: "ASBR-Summary Link States",
        key: "asbrSummaryLinkStates",
        columns: PLAIN,
        name: "summary-LSA",
        id: "(AS Boundary Router address)",
    },
    Kind {
        kind: LsaType::NSSA_V2,
        word: "nssa-external",
        title: "NSSA-external Link States",
        key: "nssaExternalLinkStates",
        columns: ROUTE,
        name: "NSSA-LSA",
        id: "(External Network Number for NSSA)",
    },
    Kind {
        kind: LsaType::OPAQUE_LINK,
        word: "opaque-link",
        title: "Link-Local Opaque-LSA",
        key: "linkLocalOpaqueLsa",
        columns: OPAQUE,
        name: "Link-Local Opaque-LSA",
        id: "(Link-Local Opaque-Type/ID)",
    },
    Kind {
        kind: LsaType::OPAQUE_AREA,
        word: "opaque-area",
        title: "Area-Local Opaque-LSA",
        key: "areaLocalOpaqueLsa",
        columns: OPAQUE,
        name: "Area-Local Opaque-LSA",
        id: "(Area-Local Opaque-Type/ID)",
    },
    Kind {
        kind: LsaType::EXTERNAL_V2,
        word: "external",
        title: "AS External Link States",
        key: "asExternalLinkStates",
        columns: ROUTE,
        name: "AS-external-LSA",
        id: "(External Network Number)",
    },
    Kind {
        kind: LsaType::OPAQUE_AS,
        word: "opaque-as",
        title: "AS-external Opaque-LSA",
        key: "asExternalOpaqueLsa",
        columns: OPAQUE,
        name: "AS-external Opaque-LSA",
        id: "(AS-external Opaque-Type/ID)",
    },
];

impl Kind {
    /// Of a type.
    pub(in crate::show) fn of(kind: LsaType) -> Option<&'static Self> {
        KINDS.iter().find(|k| k.kind == kind)
    }
}

fn mask_len(mask: Ipv4Addr) -> u32 {
    mask.to_bits().leading_ones()
}

/// The network of a summary or an external route.
fn network(lsa: &Lsa<'_>, mask: Ipv4Addr) -> String {
    format!("{}/{}", Ipv4Addr::from_bits(lsa.header.id.0 & mask.to_bits()), mask_len(mask))
}

/// What stands behind the columns that all types have.
fn rest(lsa: &Lsa<'_>) -> String {
    match lsa.body() {
        Ok(Body::RouterV2(router)) => format!(" {}", router.links.len()),
        Ok(Body::SummaryV2(s)) if lsa.header.kind == LsaType::SUMMARY_V2 => {
            format!(" {}", network(lsa, s.mask))
        }
        Ok(Body::ExternalV2(e)) => {
            format!(" {} {} [{:#x}]", if e.type2 { "E2" } else { "E1" }, network(lsa, e.mask), e.tag)
        }
        _ => String::new(),
    }
}

/// A line of a table.
pub(super) fn brief(out: &mut Out<'_>, row: &Row) {
    let Some(lsa) = row.lsa() else { return };
    let h = &lsa.header;
    line!(
        out,
        "{:<15}{:<15} {:>4} 0x{} {:#06x}{}",
        h.id.to_string(),
        h.router.to_string(),
        row.age,
        h.sequence,
        h.checksum,
        rest(&lsa)
    );
}

/// The same as JSON.
pub(super) fn brief_json(row: &Row) -> Obj {
    let mut o = Obj::new();
    let Some(lsa) = row.lsa() else { return o };
    let h = &lsa.header;
    o.put("lsId", h.id.to_string())
        .put("advertisedRouter", h.router.to_string())
        .put("lsaAge", row.age)
        .put("sequenceNumber", h.sequence.to_string())
        .put("checksum", format!("{:x}", h.checksum));
    match lsa.body() {
        Ok(Body::RouterV2(router)) => {
            o.put("numOfRouterLinks", router.links.len());
        }
        Ok(Body::SummaryV2(s)) if h.kind == LsaType::SUMMARY_V2 => {
            o.put("summaryAddress", network(&lsa, s.mask));
        }
        Ok(Body::ExternalV2(e)) => {
            o.put("metricType", if e.type2 { "E2" } else { "E1" })
                .put("route", network(&lsa, e.mask))
                .put("tag", e.tag);
        }
        _ => {}
    }
    o
}

/// FRR's marks of an LSA, as far as they say something here: own ones, and those that came.
fn flags(lsa: &Lsa<'_>, row: &Row, own: RouterId) -> u8 {
    const OWN: u8 = 0x03;
    const RECEIVED: u8 = 0x06;
    const APPROVED: u8 = 0x08;
    const TRANSLATED: u8 = 0x20;
    let links = matches!(lsa.header.kind, LsaType::ROUTER_V2 | LsaType::NETWORK_V2);
    match lsa.header.router == own {
        false => RECEIVED,
        true if links => OWN,
        true if row.translated => OWN | APPROVED | TRANSLATED,
        true => OWN | APPROVED,
    }
}

/// An LSA in full.
pub(super) fn detail(out: &mut Out<'_>, row: &Row, own: RouterId) {
    let Some(lsa) = row.lsa() else { return };
    let h = &lsa.header;
    let kind = Kind::of(h.kind);
    line!(out, "  LS age: {}", row.age);
    line!(out, "  Options: 0x{:<2x} : {}", h.options.bits(), text::options(h.options));
    let translated = if row.translated { "(Translated from Type-7)" } else { "" };
    line!(out, "  LS Flags: 0x{:<2x} {translated}", flags(&lsa, row, own));
    if let Ok(Body::RouterV2(router)) = lsa.body() {
        let words = router_words(router.bits);
        let words: String = words.iter().map(|(word, _)| format!(" {word}")).collect();
        let colon = if words.is_empty() { "" } else { " :" };
        line!(out, "  Flags: {:#x}{colon}{words}", router.bits.bits());
    }
    line!(out, "  LS Type: {}", kind.map_or("unknown", |k| k.name));
    line!(out, "  Link State ID: {} {}", h.id, kind.map_or("", |k| k.id));
    line!(out, "  Advertising Router: {}", h.router);
    line!(out, "  LS Seq Number: {}", h.sequence);
    line!(out, "  Checksum: {:#06x}", h.checksum);
    line!(out, "  Length: {}", h.length);
    line!(out);
    match lsa.body() {
        Ok(Body::RouterV2(router)) => router_text(out, &router),
        Ok(Body::NetworkV2(network)) => network_text(out, &network),
        Ok(Body::SummaryV2(summary)) => {
            line!(out, "  Network Mask: /{}", mask_len(summary.mask));
            line!(out, "        TOS: 0  Metric: {}", summary.metric);
            line!(out);
        }
        Ok(Body::ExternalV2(external)) => {
            external_text(out, &external, h.kind == LsaType::NSSA_V2);
        }
        Ok(Body::Opaque(opaque)) => opaque_text(out, &lsa, &opaque),
        _ => line!(out),
    }
}

/// What a router is: word of the text, key.
fn router_words(bits: RouterBits) -> Vec<(&'static str, &'static str)> {
    [
        (RouterBits::BORDER, "ABR", "abr"),
        (RouterBits::EXTERNAL, "ASBR", "asbr"),
        (RouterBits::VIRTUAL, "VL-endpoint", "vlEndpoint"),
        (RouterBits::NSSA_TRANSLATOR, "NSSA-translator", "nssaTranslator"),
    ]
    .into_iter()
    .filter(|(bit, ..)| bits.contains(*bit))
    .map(|(_, word, key)| (word, key))
    .collect()
}

/// What a link of a router leads to, and what its two addresses are, as text and as keys.
struct LinkWords {
    to: &'static str,
    id: &'static str,
    data: &'static str,
    id_key: &'static str,
    data_key: &'static str,
}

const fn link_words(link: &LinkV2<'_>) -> LinkWords {
    const INTERFACE: &str = "Router Interface address";
    const INTERFACE_KEY: &str = "routerInterfaceAddress";
    match link.kind {
        LinkType::TRANSIT => LinkWords {
            to: "a Transit Network",
            id: "Designated Router address",
            data: INTERFACE,
            id_key: "designatedRouterAddress",
            data_key: INTERFACE_KEY,
        },
        LinkType::STUB => LinkWords {
            to: "Stub Network",
            id: "Net",
            data: "Network Mask",
            id_key: "networkAddress",
            data_key: "networkMask",
        },
        LinkType::VIRTUAL => LinkWords {
            to: "a Virtual Link",
            id: "Neighboring Router ID",
            data: INTERFACE,
            id_key: "neighborRouterId",
            data_key: INTERFACE_KEY,
        },
        _ => LinkWords {
            to: "another Router (point-to-point)",
            id: "Neighboring Router ID",
            data: INTERFACE,
            id_key: "neighborRouterId",
            data_key: INTERFACE_KEY,
        },
    }
}

fn router_text(out: &mut Out<'_>, router: &RouterV2<'_>) {
    line!(out, "   Number of Links: {}", router.links.len());
    line!(out);
    for link in router.links.iter() {
        let words = link_words(&link);
        line!(out, "    Link connected to: {}", words.to);
        line!(out, "     (Link ID) {}: {}", words.id, link.id);
        line!(out, "     (Link Data) {}: {}", words.data, link.data);
        line!(out, "      Number of TOS metrics: 0");
        line!(out, "       TOS 0 Metric: {}", link.metric);
        line!(out);
    }
    line!(out);
}

fn network_text(out: &mut Out<'_>, network: &NetworkV2<'_>) {
    line!(out, "  Network Mask: /{}", mask_len(network.mask));
    for router in network.routers.iter() {
        line!(out, "        Attached Router: {router}");
        line!(out);
    }
}

const fn metric_type(type2: bool) -> &'static str {
    if type2 { "2 (Larger than any link state path)" } else { "1" }
}

fn external_text(out: &mut Out<'_>, external: &ExternalV2<'_>, nssa: bool) {
    line!(out, "  Network Mask: /{}", mask_len(external.mask));
    line!(out, "        Metric Type: {}", metric_type(external.type2));
    line!(out, "        TOS: 0");
    line!(out, "        Metric: {}", external.metric);
    let lead = if nssa { "NSSA: " } else { "" };
    line!(out, "        {lead}Forward Address: {}", external.forwarding);
    line!(out, "        External Route Tag: {}", external.tag);
    line!(out);
}

const fn opaque_name(kind: OpaqueType) -> &'static str {
    match kind {
        OpaqueType::TRAFFIC_ENGINEERING => "Traffic Engineering LSA",
        OpaqueType::GRACE => "Grace-LSA",
        OpaqueType::ROUTER_INFORMATION => "Router Information LSA",
        OpaqueType::EXTENDED_PREFIX => "Extended Prefix Opaque LSA",
        OpaqueType::EXTENDED_LINK => "Extended Link Opaque LSA",
        _ => "Unknown",
    }
}

fn opaque_text(out: &mut Out<'_>, lsa: &Lsa<'_>, opaque: &Opaque<'_>) {
    let (kind, number) = lsa.header.id.opaque();
    line!(out, "  Opaque-Type {} ({})", kind.0, opaque_name(kind));
    line!(out, "  Opaque-ID   {number:#x}");
    line!(out, "  Opaque-Info: {} octets of data", opaque.data.len());
    if let Ok(tlvs) = opaque.tlvs() {
        for tlv in tlvs.iter() {
            let value: String = tlv.value.iter().map(|b| format!("{b:02x}")).collect();
            line!(out, "    TLV {} ({} octets): {value}", tlv.kind, tlv.value.len());
        }
    }
    line!(out);
}

/// An LSA in full as JSON.
pub(super) fn detail_json(row: &Row, own: RouterId) -> Obj {
    let mut o = Obj::new();
    let Some(lsa) = row.lsa() else { return o };
    let h = &lsa.header;
    o.put("lsaAge", row.age)
        .put("options", text::options(h.options))
        .put("lsaFlags", flags(&lsa, row, own))
        .flag("translatedFromType7", row.translated);
    if let Ok(Body::RouterV2(router)) = lsa.body() {
        o.put("flags", router.bits.bits());
        for (_, key) in router_words(router.bits) {
            o.put(key, true);
        }
    }
    o.put("lsaType", Kind::of(h.kind).map_or("unknown", |k| k.name))
        .put("linkStateId", h.id.to_string())
        .put("advertisingRouter", h.router.to_string())
        .put("lsaSeqNumber", h.sequence.to_string())
        .put("checksum", format!("{:x}", h.checksum))
        .put("length", h.length);
    match lsa.body() {
        Ok(Body::RouterV2(router)) => router_json(&mut o, &router),
        Ok(Body::NetworkV2(network)) => network_json(&mut o, &network),
        Ok(Body::SummaryV2(summary)) => summary_json(&mut o, &summary),
        Ok(Body::ExternalV2(external)) => external_json(&mut o, &external, h.kind == LsaType::NSSA_V2),
        Ok(Body::Opaque(opaque)) => opaque_json(&mut o, &lsa, &opaque),
        _ => {}
    }
    o
}

fn router_json(o: &mut Obj, router: &RouterV2<'_>) {
    let mut links = Obj::new();
    for (n, link) in router.links.iter().enumerate() {
        let words = link_words(&link);
        let mut l = Obj::new();
        l.put("linkType", words.to)
            .put(words.id_key, link.id.to_string())
            .put(words.data_key, link.data.to_string())
            .put("numOfTosMetrics", 0)
            .put("tos0Metric", link.metric);
        links.put(format!("link{n}"), l);
    }
    o.put("numOfLinks", router.links.len()).put("routerLinks", links);
}

fn network_json(o: &mut Obj, network: &NetworkV2<'_>) {
    let mut routers = Obj::new();
    for router in network.routers.iter() {
        let mut r = Obj::new();
        r.put("attachedRouterId", router.to_string());
        routers.put(router.to_string(), r);
    }
    // The spelling of the first key is FRR's; newer ones have both.
    o.put("networkMask", mask_len(network.mask))
        .put("attchedRouters", routers.clone())
        .put("attachedRouters", routers);
}

fn summary_json(o: &mut Obj, summary: &SummaryV2<'_>) {
    o.put("networkMask", mask_len(summary.mask)).put("tos0Metric", summary.metric);
}

fn external_json(o: &mut Obj, external: &ExternalV2<'_>, nssa: bool) {
    let forward = if nssa { "nssaForwardAddress" } else { "forwardAddress" };
    o.put("networkMask", mask_len(external.mask))
        .put("metricType", format!("E{}", metric_type(external.type2)))
        .put("tos", 0)
        .put("metric", external.metric)
        .put(forward, external.forwarding.to_string())
        .put("externalRouteTag", external.tag);
}

fn opaque_json(o: &mut Obj, lsa: &Lsa<'_>, opaque: &Opaque<'_>) {
    let (kind, number) = lsa.header.id.opaque();
    o.put("opaqueType", opaque_name(kind)).put("opaqueId", number).put("opaqueDataLength", opaque.data.len());
}

#[cfg(test)]
mod tests;
