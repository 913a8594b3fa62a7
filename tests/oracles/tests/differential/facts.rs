//! What is compared, as each decoder sees it.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bgpkit_parser::models::{
    AsnLength, AttributeValue, BgpMessage, MetaCommunity, NextHopAddress, Nlri, Safi,
};
use ferr_bgp_wire::{Disposition, PeerKind, Scratch, SessionContext, Update};
use ferr_oracles::Recorded;
use ferr_types::attr::BgpNexthop;
use ferr_types::{Family, Prefix};
use netgauze_bgp_pkt::path_attribute::{AsPath, MpReach, MpUnreach, PathAttributeValue};
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

/// Content of an UPDATE, IPv4 and IPv6 unicast.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    withdrawn: Vec<String>,
    announced: Vec<String>,
    pub(crate) path: Vec<u32>,
    next_hop: Option<IpAddr>,
    med: Option<u32>,
    communities: Vec<u32>,
}

impl Facts {
    /// Attributes are only compared when something is announced.
    fn sorted(mut self) -> Self {
        self.withdrawn.sort();
        self.announced.sort();
        if self.announced.is_empty() {
            self = Self { withdrawn: self.withdrawn, ..Self::default() };
        }
        self
    }
}

pub(crate) fn ours(message: &Recorded) -> Option<Facts> {
    let families = [Family::Ipv4Unicast, Family::Ipv6Unicast].into_iter().collect();
    let ctx = SessionContext { as4: message.as4, families, ..SessionContext::new(PeerKind::Ebgp) };
    let mut scratch = Scratch::default();
    let update = Update::decode(&message.bytes[19..], &ctx, &mut scratch).ok()?;
    if update.disposition > Disposition::Discard {
        return None;
    }
    let mut facts = Facts::default();
    facts.withdrawn.extend(update.withdrawn.iter().map(|(_, p)| p.to_string()));
    facts.announced.extend(update.announced.iter().map(|(_, p)| p.to_string()));
    if let Some(unreach) = update.mp_unreach {
        facts.withdrawn.extend(unreach.nlri.iter().map(|(_, p)| p.to_string()));
    }
    if let Some(reach) = update.mp_reach {
        facts.announced.extend(reach.nlri.iter().map(|(_, p)| p.to_string()));
    }
    if let Some(set) = update.attributes {
        facts.path = set.as_path.asns().map(|a| a.0).collect();
        facts.next_hop = set.next_hop.map(BgpNexthop::global);
        facts.med = set.med;
        facts.communities = set.communities.iter().map(|c| c.0).collect();
    }
    Some(facts.sorted())
}

pub(crate) fn netgauze(message: &Recorded) -> Option<Facts> {
    let mut ctx = if message.as4 { BgpParsingContext::default() } else { BgpParsingContext::asn2_default() };
    let mut reader = SliceReader::new(&message.bytes);
    let parsed = netgauze_bgp_pkt::BgpMessage::parse(&mut reader, &mut ctx).ok()?;
    let netgauze_bgp_pkt::BgpMessage::Update(update) = parsed else { return None };
    let mut facts = Facts::default();
    facts
        .withdrawn
        .extend(update.withdraw_routes().iter().map(|a| a.network().address().trunc().to_string()));
    facts.announced.extend(update.nlri().iter().map(|a| a.network().address().trunc().to_string()));
    let classic = !facts.announced.is_empty();
    let (mut wide, mut mp_next_hop) = (None, None);
    for attribute in update.path_attributes() {
        match attribute.value() {
            PathAttributeValue::AsPath(AsPath::As4PathSegments(segments)) => {
                facts.path = segments.iter().flat_map(|s| s.as_numbers()).copied().collect();
            }
            PathAttributeValue::AsPath(AsPath::As2PathSegments(segments)) => {
                facts.path = segments.iter().flat_map(|s| s.as_numbers()).map(|a| u32::from(*a)).collect();
            }
            PathAttributeValue::As4Path(path) => {
                wide =
                    Some(path.segments().iter().flat_map(|s| s.as_numbers()).copied().collect::<Vec<u32>>());
            }
            PathAttributeValue::NextHop(hop) => facts.next_hop = Some(hop.next_hop().into()),
            PathAttributeValue::MultiExitDiscriminator(med) => facts.med = Some(med.metric()),
            PathAttributeValue::Communities(list) => {
                facts.communities = list.communities().iter().map(|c| c.value()).collect();
            }
            PathAttributeValue::MpReach(MpReach::Ipv4Unicast { next_hop, nlri, .. }) => {
                mp_next_hop = Some(*next_hop);
                facts.announced.extend(nlri.iter().map(|a| a.network().address().trunc().to_string()));
            }
            PathAttributeValue::MpReach(MpReach::Ipv6Unicast { next_hop_global, nlri, .. }) => {
                mp_next_hop = Some(IpAddr::from(*next_hop_global));
                facts.announced.extend(nlri.iter().map(|a| a.network().address().trunc().to_string()));
            }
            PathAttributeValue::MpUnreach(MpUnreach::Ipv4Unicast { nlri }) => {
                facts.withdrawn.extend(nlri.iter().map(|a| a.network().address().trunc().to_string()));
            }
            PathAttributeValue::MpUnreach(MpUnreach::Ipv6Unicast { nlri }) => {
                facts.withdrawn.extend(nlri.iter().map(|a| a.network().address().trunc().to_string()));
            }
            _ => {}
        }
    }
    if !classic {
        facts.next_hop = mp_next_hop;
    }
    if !message.as4 {
        merge(&mut facts.path, wide);
    }
    Some(facts.sorted())
}

/// RFC 6793 section 4.2.3 for paths without sets: the old path's head, then the whole AS4_PATH.
fn merge(path: &mut Vec<u32>, wide: Option<Vec<u32>>) {
    if let Some(wide) = wide.filter(|w| w.len() <= path.len()) {
        path.truncate(path.len() - wide.len());
        path.extend(wide);
    }
}

pub(crate) fn bgpkit(message: &Recorded) -> Option<Facts> {
    let width = if message.as4 { AsnLength::Bits32 } else { AsnLength::Bits16 };
    let mut bytes = bytes::Bytes::copy_from_slice(&message.bytes);
    let parsed = bgpkit_parser::parser::bgp::parse_bgp_message(&mut bytes, false, &width).ok()?;
    let BgpMessage::Update(update) = parsed else { return None };
    let mut facts = Facts::default();
    // It keeps host bits, which the wire may carry.
    let text = |p: &bgpkit_parser::models::NetworkPrefix| p.prefix.trunc().to_string();
    facts.withdrawn.extend(update.withdrawn_prefixes.iter().map(text));
    facts.announced.extend(update.announced_prefixes.iter().map(text));
    let classic = !facts.announced.is_empty();
    let unicast = |n: &&Nlri| n.safi == Safi::Unicast;
    if let Some(nlri) = update.attributes.get_unreachable_nlri().filter(unicast) {
        facts.withdrawn.extend(nlri.prefixes.iter().map(text));
    }
    facts.next_hop = update.attributes.next_hop();
    if let Some(nlri) = update.attributes.get_reachable_nlri().filter(unicast) {
        facts.announced.extend(nlri.prefixes.iter().map(text));
        if !classic {
            facts.next_hop = nlri.next_hop.map(|hop| match hop {
                NextHopAddress::Ipv4(a) => IpAddr::V4(a),
                NextHopAddress::Ipv6(a) | NextHopAddress::Ipv6LinkLocal(a, _) => IpAddr::V6(a),
                NextHopAddress::VpnIpv6(_, a) | NextHopAddress::VpnIpv6LinkLocal(_, a, ..) => IpAddr::V6(a),
            });
        }
    }
    let flat = |path: &bgpkit_parser::models::AsPath| -> Vec<u32> {
        path.iter_segments().flat_map(|s| s.iter()).map(|a| a.to_u32()).collect()
    };
    facts.path = update.attributes.as_path().map(flat).unwrap_or_default();
    if !message.as4 {
        merge(&mut facts.path, update.attributes.as4_path().map(flat));
    }
    facts.med = update.attributes.multi_exit_discriminator();
    for value in update.attributes.iter() {
        if let AttributeValue::Communities(list) = value {
            facts.communities = list.iter().map(|c| community(&MetaCommunity::Plain(*c))).collect();
        }
    }
    Some(facts.sorted())
}

/// The number of a standard community.
fn community(community: &MetaCommunity) -> u32 {
    use bgpkit_parser::models::Community;
    match community {
        MetaCommunity::Plain(Community::NoExport) => 0xffff_ff01,
        MetaCommunity::Plain(Community::NoAdvertise) => 0xffff_ff02,
        MetaCommunity::Plain(Community::NoExportSubConfed) => 0xffff_ff03,
        MetaCommunity::Plain(Community::Custom(asn, value)) => asn.to_u32() << 16 | u32::from(*value),
        _ => 0,
    }
}

pub(crate) fn bgp_rs(message: &Recorded) -> Option<Facts> {
    let parse = || {
        let mut reader = bgp_rs::Reader::new(message.bytes.as_slice());
        reader.capabilities.FOUR_OCTET_ASN_SUPPORT = message.as4;
        reader.read().ok().and_then(|(_, message)| match message {
            bgp_rs::Message::Update(update) => Some(update),
            _ => None,
        })
    };
    let update = catch_unwind(AssertUnwindSafe(parse)).ok()??;
    let mut facts = Facts::default();
    let text = |n: &bgp_rs::NLRIEncoding| match n {
        bgp_rs::NLRIEncoding::IP(p) => {
            let (addr, len) = p.into();
            Prefix::new(addr, len).map(|p| p.to_string())
        }
        _ => None,
    };
    facts.withdrawn.extend(update.withdrawn_routes.iter().filter_map(text));
    facts.announced.extend(update.announced_routes.iter().filter_map(text));
    let classic = !facts.announced.is_empty();
    let (mut wide, mut mp_next_hop) = (None, None);
    for attribute in &update.attributes {
        use bgp_rs::PathAttribute as P;
        let flat = |path: &bgp_rs::ASPath| -> Vec<u32> {
            let asns = |s: &bgp_rs::Segment| match s {
                bgp_rs::Segment::AS_SEQUENCE(a) | bgp_rs::Segment::AS_SET(a) => a.clone(),
            };
            path.segments.iter().flat_map(asns).collect()
        };
        match attribute {
            P::AS_PATH(path) => facts.path = flat(path),
            P::AS4_PATH(path) => wide = Some(flat(path)),
            P::NEXT_HOP(hop) => facts.next_hop = Some(*hop),
            P::MULTI_EXIT_DISC(med) => facts.med = Some(*med),
            P::COMMUNITY(list) => facts.communities.clone_from(list),
            P::MP_REACH_NLRI(reach) if reach.safi == bgp_rs::SAFI::Unicast => {
                facts.announced.extend(reach.announced_routes.iter().filter_map(text));
                let octets = |n: usize| reach.next_hop.get(..n);
                mp_next_hop = match reach.next_hop.len() {
                    4 => octets(4).and_then(|o| Some(IpAddr::from(<[u8; 4]>::try_from(o).ok()?))),
                    _ => octets(16).and_then(|o| Some(IpAddr::from(<[u8; 16]>::try_from(o).ok()?))),
                };
            }
            P::MP_UNREACH_NLRI(unreach) if unreach.safi == bgp_rs::SAFI::Unicast => {
                facts.withdrawn.extend(unreach.withdrawn_routes.iter().filter_map(text));
            }
            _ => {}
        }
    }
    if !classic {
        facts.next_hop = mp_next_hop;
    }
    if !message.as4 {
        merge(&mut facts.path, wide);
    }
    Some(facts.sorted())
}
