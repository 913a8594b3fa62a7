//! What is too much: links of one router-LSA, LSAs of one router.

use std::net::Ipv4Addr;
use std::time::Duration;

use ferr_ospf_wire::{Body, LinkStateId, LinkType, Lsa, LsaType, Version};
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, RouterId};

use super::{BACKBONE, Bed, OWN, PEER, Sent, THIRD, interface, router_lsa, sequence};
use crate::config::{InterfaceConfig, InterfaceKey};
use crate::flood::MAX_PER_ROUTER;
use crate::lsdb::Stored;
use crate::originate::LINKS_V2;
use crate::{LsaKey, Notice, Output, ScopeId};

const MIN_LS_INTERVAL: Duration = Duration::from_secs(6);

/// A bed with so many networks without neighbors beside the link.
fn with_networks(count: u32) -> Bed {
    Bed::configured(|config| {
        for n in 0..count {
            let addr = Ipv4Addr::from_bits(0x0b00_0001 + (n << 8));
            let key = InterfaceKey::Link(IfIndex(10 + n), Some(addr));
            let address = Ipv4Prefix::new(addr, 24).map(|prefix| (addr, prefix));
            config.interfaces.insert(key, InterfaceConfig { address, passive: true, ..interface() });
        }
    })
}

fn notices(bed: &mut Bed) -> Vec<Notice> {
    let outputs = std::iter::from_fn(|| bed.ospf.poll_output());
    outputs.filter_map(|o| if let Output::Notice(notice) = o { Some(notice) } else { None }).collect()
}

fn own_links(bed: &Bed) -> (usize, usize) {
    let key = LsaKey { kind: LsaType::ROUTER_V2, id: OWN.0.into(), router: OWN };
    let lsa = bed.ospf.lsdb().get(BACKBONE, &key).unwrap().lsa(Version::V2).unwrap();
    let Ok(Body::RouterV2(body)) = lsa.body() else { panic!("no router-LSA") };
    let adjacent = body.links.iter().filter(|l| l.kind == LinkType::POINT_TO_POINT).count();
    (body.links.iter().count(), adjacent)
}

#[test]
fn a_router_lsa_may_need_many_frames() {
    let mut bed = with_networks(300);
    bed.become_full();
    bed.wait(MIN_LS_INTERVAL);
    let sent = bed.sent();
    let own = sent.iter().filter_map(|s| if let Sent::Update(lsas) = s { Some(lsas) } else { None });
    assert!(own.flatten().any(|h| h.router == OWN && h.length == 24 + 12 * 302), "{sent:?}");
    assert_eq!(own_links(&bed), (302, 1));
}

#[test]
fn a_router_lsa_fits_into_one_packet_and_keeps_adjacencies() {
    let mut bed = with_networks(6000);
    bed.become_full();
    bed.wait(MIN_LS_INTERVAL);
    assert_eq!(own_links(&bed), (LINKS_V2, 1));
    let told = notices(&mut bed);
    assert!(
        told.contains(&Notice::LinksLeftOut { area: AreaId::BACKBONE, count: 6002 - LINKS_V2 }),
        "{told:?}"
    );
    // The IP header, the packet's and the longest trailer go before and behind.
    let length = bed.own_header().unwrap().length;
    assert!(usize::from(length) + 20 + 28 + 64 <= 65_535 && length > 65_000, "{length}");
}

/// An external LSA that nobody looks into.
fn external(router: RouterId, id: u32) -> Vec<u8> {
    let mut octets = router_lsa(router, sequence(1), 1);
    octets[3] = 5;
    octets[4..8].copy_from_slice(&id.to_be_bytes());
    octets.truncate(20);
    octets.extend([255, 255, 255, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0]);
    octets[18..20].copy_from_slice(&36_u16.to_be_bytes());
    octets[16..18].fill(0);
    let sum = ferr_ospf_wire::fletcher(&octets);
    octets[16..18].copy_from_slice(&sum.to_be_bytes());
    octets
}

#[test]
fn one_router_cannot_fill_the_memory() {
    let mut bed = Bed::full();
    let known = external(THIRD, 0x0c00_0000);
    for n in 0..MAX_PER_ROUTER as u32 {
        let octets = if n == 0 { known.clone() } else { external(THIRD, 0x0c00_0000 + (n << 8)) };
        let header = Lsa::decode(Version::V2, &octets).unwrap().header;
        let stored = Stored::received(octets.into(), bed.now);
        bed.ospf.lsdb.install(ScopeId::As, LsaKey::from(&header), stored);
    }
    bed.now += Duration::from_secs(5);
    bed.sent();
    let full = bed.ospf.lsdb().len();
    bed.update(&[&external(THIRD, 0xdd00_0000)]);
    assert_eq!(bed.ospf.lsdb().len(), full);
    let outputs: Vec<Output> = std::iter::from_fn(|| bed.ospf.poll_output()).collect();
    let overflow = |o: &Output| matches!(o, Output::Notice(Notice::Overflow { router }) if *router == THIRD);
    assert_eq!(outputs.iter().filter(|o| overflow(o)).count(), 1);
    assert!(outputs.iter().any(|o| matches!(o, Output::Transmit(_))), "it is acknowledged");
    // What is known may change, and others are not kept from telling.
    let mut newer = known;
    newer[12..16].copy_from_slice(&sequence(9).0.to_be_bytes());
    newer[16..18].fill(0);
    let sum = ferr_ospf_wire::fletcher(&newer);
    newer[16..18].copy_from_slice(&sum.to_be_bytes());
    bed.update(&[&newer, &external(PEER, 0xdd00_0000)]);
    assert_eq!(bed.ospf.lsdb().len(), full + 1);
    let key = LsaKey { kind: LsaType::EXTERNAL_V2, id: LinkStateId(0x0c00_0000), router: THIRD };
    let held = bed.ospf.lsdb().get(ScopeId::As, &key).and_then(|s| s.lsa(Version::V2)).unwrap().header;
    assert_eq!(held.sequence, sequence(9));
}
