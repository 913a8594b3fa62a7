//! One LSA of OSPFv3 as text and JSON.

use ferr_state::ferr_ospf::wire::{
    Body, ExternalV3, IntraAreaPrefix, LinkLsa, LinkType, LinkV3, Lsa, LsaType, PrefixV3, RouterV3,
};
use serde_json::Value;

use super::text;
use crate::json::Obj;
use crate::output::{Out, line};
use crate::show::ospf::rows::Row;
use crate::time::span6;
use std::net::Ipv4Addr;
use std::time::Duration;

/// What is to know of a type.
pub(super) struct Kind {
    /// Type.
    pub(super) kind: LsaType,
    /// Keyword.
    pub(super) word: &'static str,
    /// Name in full.
    name: &'static str,
    /// Name in a table.
    short: &'static str,
}

/// Types that have a keyword, in its order.
pub(super) static KINDS: [Kind; 9] = [
    Kind { kind: LsaType::ROUTER_V3, word: "router", name: "Router", short: "Rtr" },
    Kind { kind: LsaType::NETWORK_V3, word: "network", name: "Network", short: "Net" },
    Kind { kind: LsaType::INTER_AREA_PREFIX, word: "inter-prefix", name: "Inter-Prefix", short: "IAP" },
    Kind { kind: LsaType::INTER_AREA_ROUTER, word: "inter-router", name: "Inter-Router", short: "IAR" },
    Kind { kind: LsaType::EXTERNAL_V3, word: "as-external", name: "AS-External", short: "ASE" },
    Kind { kind: LsaType::V3(0x2006), word: "group-membership", name: "Group-Membership", short: "Grp" },
    Kind { kind: LsaType::NSSA_V3, word: "type-7", name: "NSSA", short: "Type7" },
    Kind { kind: LsaType::LINK, word: "link", name: "Link", short: "Lnk" },
    Kind { kind: LsaType::INTRA_AREA_PREFIX, word: "intra-prefix", name: "Intra-Prefix", short: "INP" },
];

fn of(kind: LsaType) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.kind == kind)
}

/// Name of a type.
pub(super) fn name(kind: LsaType) -> &'static str {
    match of(kind) {
        Some(kind) => kind.name,
        None if kind.function_code() == LsaType::ROUTER_INFORMATION_CODE => "Router-Information",
        None if kind == LsaType::GRACE_V3 => "Grace",
        None => "Unknown",
    }
}

fn short(kind: LsaType) -> &'static str {
    match of(kind) {
        Some(kind) => kind.short,
        None if kind.function_code() == LsaType::ROUTER_INFORMATION_CODE => "RI",
        None if kind == LsaType::GRACE_V3 => "GR",
        None => "Unknown",
    }
}

fn number(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(n)
}

/// What an external route leads to: FRR shows the default route without its length.
fn destination(external: &ExternalV3) -> String {
    let prefix = external.prefix.prefix;
    if prefix.is_default() { prefix.addr().to_string() } else { prefix.to_string() }
}

/// What an LSA says, each in a word: it has a line for each in a table.
fn payload(lsa: &Lsa<'_>) -> Vec<String> {
    match lsa.body() {
        Ok(Body::RouterV3(router)) => {
            let word = |l: LinkV3| format!("{}/{}", l.neighbor, number(l.neighbor_interface));
            router.links.iter().map(word).collect()
        }
        Ok(Body::NetworkV3(network)) => network.routers.iter().map(|r| r.to_string()).collect(),
        Ok(Body::InterAreaPrefix(inter)) => vec![inter.prefix.prefix.to_string()],
        Ok(Body::InterAreaRouter(inter)) => vec![inter.router.to_string()],
        Ok(Body::ExternalV3(external)) => vec![destination(&external)],
        Ok(Body::Link(link)) => {
            let prefixes = link.prefixes.iter().map(|p| p.prefix.addr().to_string());
            [link.address.to_string()].into_iter().chain(prefixes).collect()
        }
        Ok(Body::IntraAreaPrefix(intra)) => intra.prefixes.iter().map(|p| p.prefix.to_string()).collect(),
        _ => vec![String::new()],
    }
}

/// Heads of a table's columns.
pub(super) const COLUMNS: &str =
    "Type LSId           AdvRouter       Age   SeqNum                        Payload";

/// Lines of a table.
pub(super) fn brief(out: &mut Out<'_>, row: &Row) {
    let Some(lsa) = row.lsa() else { return };
    let h = &lsa.header;
    for word in payload(&lsa) {
        line!(
            out,
            "{:<4} {:<15}{:<15}{:>4} {:>8} {word:>30}",
            short(h.kind),
            h.id.to_string(),
            h.router.to_string(),
            row.age,
            h.sequence
        );
    }
}

/// The same as JSON.
pub(super) fn brief_json(row: &Row) -> Vec<Value> {
    let Some(lsa) = row.lsa() else { return Vec::new() };
    let h = &lsa.header;
    let object = |word: String| {
        let mut o = Obj::new();
        o.put("type", short(h.kind))
            .put("lsId", h.id.to_string())
            .put("advRouter", h.router.to_string())
            .put("age", row.age)
            .put("seqNum", h.sequence.0.cast_unsigned())
            .put("payload", word);
        o.into()
    };
    payload(&lsa).into_iter().map(object).collect()
}

fn head(out: &mut Out<'_>, row: &Row, lsa: &Lsa<'_>) {
    let h = &lsa.header;
    line!(out, "Age: {:>4} Type: {}", row.age, name(h.kind));
    line!(out, "Link State ID: {}", h.id);
    line!(out, "Advertising Router: {}", h.router);
    line!(out, "LS Sequence Number: 0x{}", h.sequence);
    line!(out, "CheckSum: {:#06x} Length: {}", h.checksum, h.length);
}

fn head_json(o: &mut Obj, row: &Row, lsa: &Lsa<'_>) {
    let h = &lsa.header;
    o.put("age", row.age)
        .put("type", name(h.kind))
        .put("linkStateId", h.id.to_string())
        .put("advertisingRouter", h.router.to_string())
        .put("lsSequenceNumber", h.sequence.0.cast_unsigned())
        .put("checksum", h.checksum)
        .put("length", h.length);
}

/// FRR's marks of an LSA, as far as they say something here.
const fn flags(row: &Row) -> u8 {
    const TRANSLATED: u8 = 0x40;
    if row.translated { TRANSLATED } else { 0 }
}

/// An LSA as it is kept.
pub(super) fn internal(out: &mut Out<'_>, row: &Row) {
    let Some(lsa) = row.lsa() else { return };
    line!(out);
    head(out, row, &lsa);
    line!(out, "Flag: {:x} ", flags(row));
    line!(out, "Lock: 2 ");
    line!(out, "ReTx Count: 0");
    line!(out);
}

/// The same as JSON.
pub(super) fn internal_json(row: &Row) -> Obj {
    let mut o = Obj::new();
    if let Some(lsa) = row.lsa() {
        head_json(&mut o, row, &lsa);
        o.put("flag", flags(row)).put("lock", 2).put("reTxCount", 0);
    }
    o
}

/// The octets with the age of now.
fn octets(row: &Row) -> Vec<u8> {
    let mut octets = row.octets.to_vec();
    if let Some(age) = octets.get_mut(..2) {
        age.copy_from_slice(&row.age.to_be_bytes());
    }
    octets
}

/// An LSA in hexadecimal.
pub(super) fn dump(out: &mut Out<'_>, row: &Row) {
    let Some(lsa) = row.lsa() else { return };
    let h = &lsa.header;
    line!(out);
    line!(out, "[{} Id:{} Adv:{}]:", name(h.kind), h.id, h.router);
    line!(out);
    for words in octets(row).chunks(16) {
        let words: Vec<String> =
            words.chunks(4).map(|w| w.iter().map(|b| format!("{b:02x}")).collect()).collect();
        line!(out, "        {}", words.join(" "));
    }
    line!(out);
}

/// The same as JSON.
pub(super) fn dump_json(row: &Row) -> Obj {
    let mut o = Obj::new();
    let text: String = octets(row).iter().map(|b| format!("{b:02x}")).collect();
    o.put("linkStateId", row.key.id.to_string())
        .put("advertisingRouter", row.key.router.to_string())
        .put("header", text);
    o
}

const fn link_name(link: &LinkV3) -> &'static str {
    match link.kind {
        LinkType::POINT_TO_POINT => "Point-To-Point",
        LinkType::TRANSIT => "Transit-Network",
        LinkType::STUB => "Stub-Network",
        LinkType::VIRTUAL => "Virtual-Link",
        _ => "Unknown",
    }
}

/// An LSA in full.
pub(super) fn detail(out: &mut Out<'_>, row: &Row) {
    let Some(lsa) = row.lsa() else { return };
    head(out, row, &lsa);
    line!(out, "Duration: {}", span6(Duration::from_secs(row.held)));
    match lsa.body() {
        Ok(Body::RouterV3(router)) => router_text(out, &router),
        Ok(Body::NetworkV3(network)) => {
            line!(out, "     Options: {}", text::options(network.options));
            network.routers.iter().for_each(|r| line!(out, "     Attached Router: {r}"));
        }
        Ok(Body::InterAreaPrefix(inter)) => {
            line!(out, "     Metric: {}", inter.metric);
            prefix_text(out, &inter.prefix);
        }
        Ok(Body::InterAreaRouter(inter)) => {
            line!(out, "     Options: {}", text::options(inter.options));
            line!(out, "     Metric: {}", inter.metric);
            line!(out, "     Destination Router ID: {}", inter.router);
        }
        Ok(Body::ExternalV3(external)) => external_text(out, &external),
        Ok(Body::Link(link)) => link_text(out, &link),
        Ok(Body::IntraAreaPrefix(intra)) => {
            line!(out, "     Number of Prefix: {}", intra.prefixes.len());
            let r = &intra.referenced;
            line!(out, "     Reference: {} Id: {} Adv: {}", name(r.kind), r.id, intra.router);
            for p in intra.prefixes.iter() {
                prefix_text(out, &p);
                line!(out, "     Metric: {}", p.extra);
            }
        }
        _ => {}
    }
    line!(out);
}

fn prefix_text(out: &mut Out<'_>, prefix: &PrefixV3) {
    line!(out, "     Prefix Options: {}", text::prefix_options(prefix.options));
    line!(out, "     Prefix: {}", prefix.prefix);
}

fn router_text(out: &mut Out<'_>, router: &RouterV3<'_>) {
    line!(out, "    Bits: {} Options: {}", text::router_bits(router.bits), text::options(router.options));
    for link in router.links.iter() {
        line!(out, "    Type: {} Metric: {}", link_name(&link), link.metric);
        line!(out, "    Interface ID: {}", number(link.interface));
        line!(out, "    Neighbor Interface ID: {}", number(link.neighbor_interface));
        line!(out, "    Neighbor Router ID: {}", link.neighbor);
    }
}

fn external_bits(external: &ExternalV3) -> String {
    let bit = |set: bool, letter: char| if set { letter } else { '-' };
    [bit(external.type2, 'E'), bit(external.forwarding.is_some(), 'F'), bit(external.tag.is_some(), 'T')]
        .into_iter()
        .collect()
}

fn external_text(out: &mut Out<'_>, external: &ExternalV3) {
    line!(out, "     Bits: {}", external_bits(external));
    line!(out, "     Metric: {:>5}", external.metric);
    line!(out, "     Prefix Options: {}", text::prefix_options(external.prefix.options));
    line!(out, "     Referenced LSType: {}", external.referenced.map_or(0, |r| r.kind.value()));
    line!(out, "     Prefix: {}", destination(external));
    if let Some(forwarding) = external.forwarding {
        line!(out, "     Forwarding-Address: {forwarding}");
    }
    if let Some(tag) = external.tag {
        line!(out, "     Tag: {tag}");
    }
}

fn link_text(out: &mut Out<'_>, link: &LinkLsa<'_>) {
    line!(out, "     Priority: {} Options: {}", link.priority, text::options(link.options));
    line!(out, "     LinkLocal Address: {}", link.address);
    line!(out, "     Number of Prefix: {}", link.prefixes.len());
    link.prefixes.iter().for_each(|p| prefix_text(out, &p));
}

/// An LSA in full as JSON.
pub(super) fn detail_json(row: &Row) -> Obj {
    let mut o = Obj::new();
    let Some(lsa) = row.lsa() else { return o };
    head_json(&mut o, row, &lsa);
    o.put("duration", span6(Duration::from_secs(row.held)));
    match lsa.body() {
        Ok(Body::RouterV3(router)) => router_json(&mut o, &router),
        Ok(Body::NetworkV3(network)) => {
            let routers: Vec<String> = network.routers.iter().map(|r| r.to_string()).collect();
            o.put("options", text::options(network.options)).put("attachedRouter", routers);
        }
        Ok(Body::InterAreaPrefix(inter)) => {
            o.put("metric", inter.metric)
                .put("prefixOptions", text::prefix_options(inter.prefix.options))
                .put("prefix", inter.prefix.prefix.to_string());
        }
        Ok(Body::InterAreaRouter(inter)) => {
            o.put("options", text::options(inter.options))
                .put("metric", inter.metric)
                .put("destinationRouterId", inter.router.to_string());
        }
        Ok(Body::ExternalV3(external)) => external_json(&mut o, &external),
        Ok(Body::Link(link)) => link_json(&mut o, &link),
        Ok(Body::IntraAreaPrefix(intra)) => intra_json(&mut o, &intra),
        _ => {}
    }
    o
}

fn router_json(o: &mut Obj, router: &RouterV3<'_>) {
    let link = |link: LinkV3| -> Value {
        let mut o = Obj::new();
        o.put("type", link_name(&link))
            .put("metric", link.metric)
            .put("interfaceId", number(link.interface).to_string())
            .put("neighborInterfaceId", number(link.neighbor_interface).to_string())
            .put("neighborRouterId", link.neighbor.to_string());
        o.into()
    };
    o.put("bits", text::router_bits(router.bits))
        .put("options", text::options(router.options))
        .put("lsaDescription", router.links.iter().map(link).collect::<Vec<_>>());
}

fn external_json(o: &mut Obj, external: &ExternalV3) {
    o.put("bits", external_bits(external))
        .put("metric", external.metric)
        .put("prefixOptions", text::prefix_options(external.prefix.options))
        .put("referenceLsType", external.referenced.map_or(0, |r| r.kind.value()))
        .put("prefix", destination(external))
        .put("forwardingAddressPresent", external.forwarding.is_some())
        .opt("forwardingAddress", external.forwarding.map(|a| a.to_string()))
        .put("tagPresent", external.tag.is_some())
        .opt("tag", external.tag);
}

fn prefix_json(prefix: &PrefixV3) -> Obj {
    let mut o = Obj::new();
    o.put("prefixOption", text::prefix_options(prefix.options)).put("prefix", prefix.prefix.to_string());
    o
}

fn link_json(o: &mut Obj, link: &LinkLsa<'_>) {
    let prefixes: Vec<Value> = link.prefixes.iter().map(|p| prefix_json(&p).into()).collect();
    o.put("priority", link.priority)
        .put("options", text::options(link.options))
        .put("linkLocalAddress", link.address.to_string())
        .put("numberOfPrefix", link.prefixes.len())
        .put("prefix", prefixes);
}

fn intra_json(o: &mut Obj, intra: &IntraAreaPrefix<'_>) {
    let prefix = |p: PrefixV3| -> Value {
        let mut o = prefix_json(&p);
        o.put("metric", p.extra);
        o.into()
    };
    o.put("numberOfPrefix", intra.prefixes.len())
        .put("reference", name(intra.referenced.kind))
        .put("referenceId", intra.referenced.id.to_string())
        .put("referenceAdv", intra.router.to_string())
        .put("prefix", intra.prefixes.iter().map(prefix).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests;
