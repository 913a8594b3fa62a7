//! What is encoded decodes to the same, for any attributes, prefixes and session; and no input panics.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{Ipv4Addr, Ipv6Addr};

use common::{add_path, body, ctx, mandatory};
use ferr_bgp_wire::{
    EncodeError, EncodedAttributes, MAX_LEN_EXTENDED, MessageType, NotificationError, Open, PeerKind,
    RouteRefresh, Scratch, SessionContext, Update, decode_attributes_canonical, encode_announcements,
    encode_attributes_canonical, encode_end_of_rib, encode_withdrawals, frame,
};
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{Aggregator, BgpNexthop, Origin, PathAttributes};
use ferr_types::community::{ClusterList, Communities, ExtCommunities, LargeCommunities};
use ferr_types::{Asn, Family, FamilySet, Ipv4Prefix, Ipv6Prefix, Prefix, RouterId};
use proptest::collection::vec;
use proptest::prelude::*;

/// Owner of what [`PathAttributes`] borrows.
#[derive(Debug, Clone)]
struct Owned {
    origin: u8,
    path: AsPathBuf,
    med: Option<u32>,
    atomic: bool,
    aggregator: Option<(u32, u32)>,
    communities: Vec<u8>,
    ext: Vec<u8>,
    large: Vec<u8>,
    originator: Option<u32>,
    clusters: Vec<u8>,
    otc: Option<u32>,
    aigp: Option<u64>,
    unknown: Vec<u8>,
}

impl Owned {
    fn set(&self, next_hop: BgpNexthop) -> PathAttributes<'_> {
        PathAttributes {
            origin: Origin::from_code(self.origin).unwrap(),
            as_path: self.path.as_path(),
            next_hop: Some(next_hop),
            med: self.med,
            local_pref: Some(100),
            atomic_aggregate: self.atomic,
            aggregator: self
                .aggregator
                .map(|(asn, addr)| Aggregator { asn: Asn(asn), addr: Ipv4Addr::from_bits(addr) }),
            communities: Communities::new(&self.communities).unwrap(),
            ext_communities: ExtCommunities::new(&self.ext).unwrap(),
            large_communities: LargeCommunities::new(&self.large).unwrap(),
            originator_id: self.originator.map(|id| RouterId(Ipv4Addr::from_bits(id))),
            cluster_list: ClusterList::new(&self.clusters).unwrap(),
            only_to_customer: self.otc.map(Asn),
            aigp: self.aigp,
            unknown: &self.unknown,
        }
    }
}

fn path() -> impl Strategy<Value = AsPathBuf> {
    let kind =
        prop_oneof![Just(SegmentKind::Sequence), Just(SegmentKind::Set), Just(SegmentKind::ConfedSequence)];
    let asn = prop_oneof![1..=0xffffu32, 0x1_0000..=u32::MAX];
    vec((kind, vec(asn.prop_map(Asn), 1..6)), 0..5).prop_map(|segments| {
        let mut path = AsPathBuf::default();
        for (kind, asns) in segments {
            path.push_segment(kind, &asns);
        }
        path
    })
}

fn bytes(unit: usize, max: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..=max).prop_flat_map(move |n| vec(any::<u8>(), n * unit))
}

fn owned() -> impl Strategy<Value = Owned> {
    let scalars = (
        0u8..3,
        proptest::option::of(any::<u32>()),
        any::<bool>(),
        proptest::option::of((1..=u32::MAX, any::<u32>())),
        proptest::option::of(any::<u32>()),
        proptest::option::of(any::<u32>()),
        proptest::option::of(any::<u64>()),
    );
    let lists = (path(), bytes(4, 80), bytes(8, 5), bytes(12, 25), bytes(4, 3), bytes(1, 20));
    (scalars, lists).prop_map(
        |(
            (origin, med, atomic, aggregator, originator, otc, aigp),
            (path, communities, ext, large, clusters, u),
        )| {
            let unknown = if u.is_empty() { vec![] } else { common::attr(0xe0, 99, &u) };
            Owned {
                origin,
                path,
                med,
                atomic,
                aggregator,
                communities,
                ext,
                large,
                originator,
                clusters,
                otc,
                aigp,
                unknown,
            }
        },
    )
}

fn prefix4() -> impl Strategy<Value = (u32, Prefix)> {
    (any::<u32>(), any::<u32>(), 0u8..=32)
        .prop_map(|(id, a, l)| (id, Ipv4Prefix::from_bits(a, l).unwrap().into()))
}

fn prefix6() -> impl Strategy<Value = (u32, Prefix)> {
    (any::<u32>(), any::<u128>(), 0u8..=128)
        .prop_map(|(id, a, l)| (id, Ipv6Prefix::from_bits(a, l).unwrap().into()))
}

/// Cuts a buffer into UPDATE bodies.
fn updates<'a>(mut buf: &'a [u8], ctx: &SessionContext) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    while !buf.is_empty() {
        let frame = frame(buf, ctx.max_len).unwrap().unwrap();
        assert_eq!(frame.kind, MessageType::Update);
        out.push(frame.body);
        buf = &buf[frame.len..];
    }
    out
}

fn check_announced(
    owned: &Owned,
    next_hop: BgpNexthop,
    family: Family,
    prefixes: &[(u32, Prefix)],
    ctx: &SessionContext,
) {
    let set = owned.set(next_hop);
    let encoded = match EncodedAttributes::new(&set, family, ctx) {
        Ok(encoded) => encoded,
        Err(error) => panic!("{error}"),
    };
    let mut out = Vec::new();
    let messages = encode_announcements(ctx, &encoded, prefixes.iter().copied(), &mut out);
    let bodies = updates(&out, ctx);
    assert_eq!(bodies.len(), messages);
    let with_ids = ctx.add_path_tx.contains(family);
    let mut seen = Vec::new();
    for body in bodies {
        let mut scratch = Scratch::default();
        let update = Update::decode(body, ctx, &mut scratch).unwrap();
        assert!(update.errors.is_empty(), "{:?}", update.errors);
        let got = match update.mp_reach {
            Some(reach) => {
                seen.extend(reach.nlri.iter());
                update.mp_attributes()
            }
            None => {
                seen.extend(update.announced.iter().map(|(id, p)| (id, Prefix::from(p))));
                update.attributes
            }
        };
        let got = got.unwrap();
        if ctx.as4 {
            assert_eq!(got, set);
        } else {
            // AS4_PATH has no confederation segments, so a path with both is rebuilt only up to segment borders.
            assert_eq!(
                PathAttributes { as_path: set.as_path, ..got },
                set,
                "all but the path survives a 2-octet session"
            );
            let plain = |p: ferr_types::aspath::AsPath<'_>| -> Vec<Asn> {
                p.segments().filter(|s| !s.kind.is_confed()).flat_map(|s| s.asns()).collect()
            };
            assert_eq!(plain(got.as_path), plain(set.as_path));
        }
    }
    let expected: Vec<_> = prefixes.iter().map(|(id, p)| (if with_ids { *id } else { 0 }, *p)).collect();
    assert_eq!(seen, expected);
}

fn session(as4: bool, ids: bool, extended: bool) -> SessionContext {
    let base = SessionContext { as4, ..ctx(PeerKind::Ibgp) };
    let base = SessionContext { max_len: if extended { MAX_LEN_EXTENDED } else { 4096 }, ..base };
    let base = SessionContext { extended_nexthop: FamilySet::only(Family::Ipv4Unicast), ..base };
    if ids { add_path(base) } else { base }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn announcements_v4(o in owned(), p in vec(prefix4(), 1..2500), nh in 0x0100_0000u32..0x7e00_0000,
                        as4: bool, ids: bool, extended: bool) {
        let nh = BgpNexthop::V4(Ipv4Addr::from_bits(nh));
        let ctx = session(as4, ids, extended);
        check_announced(&o, nh, Family::Ipv4Unicast, &p, &ctx);
        check_announced(&o, nh, Family::Ipv4Multicast, &p[..p.len().min(9)], &ctx);
    }

    #[test]
    fn announcements_v6(o in owned(), p in vec(prefix6(), 1..800), p4 in vec(prefix4(), 1..50), local: bool,
                        as4: bool, ids: bool, extended: bool) {
        let nh = BgpNexthop::V6 {
            global: "2001:db8::1".parse().unwrap(),
            link_local: local.then(|| "fe80::1".parse().unwrap()),
        };
        let ctx = session(as4, ids, extended);
        check_announced(&o, nh, Family::Ipv6Unicast, &p, &ctx);
        check_announced(&o, nh, Family::Ipv4Unicast, &p4, &ctx);
    }

    #[test]
    fn withdrawals(p4 in vec(prefix4(), 1..2500), p6 in vec(prefix6(), 1..800), ids: bool) {
        let ctx = session(true, ids, false);
        for (family, prefixes) in [(Family::Ipv4Unicast, &p4), (Family::Ipv4Multicast, &p4), (Family::Ipv6Unicast, &p6)] {
            let mut out = Vec::new();
            encode_withdrawals(&ctx, family, prefixes.iter().copied(), &mut out);
            let mut seen = Vec::new();
            for body in updates(&out, &ctx) {
                let mut scratch = Scratch::default();
                let update = Update::decode(body, &ctx, &mut scratch).unwrap();
                prop_assert!(update.errors.is_empty() && update.attributes.is_none() && update.end_of_rib.is_none());
                seen.extend(update.withdrawn.iter().map(|(id, p)| (id, Prefix::from(p))));
                if let Some(unreach) = update.mp_unreach {
                    prop_assert_eq!(unreach.family, family);
                    seen.extend(unreach.nlri.iter());
                }
            }
            let expected: Vec<_> = prefixes.iter().map(|(id, p)| (if ids { *id } else { 0 }, *p)).collect();
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn canonical_blocks(o in owned(), v6: bool, junk in vec(any::<u8>(), 0..60)) {
        let nh = if v6 {
            BgpNexthop::V6 { global: Ipv6Addr::UNSPECIFIED, link_local: Some("fe80::1".parse().unwrap()) }
        } else {
            BgpNexthop::V4(Ipv4Addr::LOCALHOST)
        };
        let set = o.set(nh);
        let mut block = Vec::new();
        encode_attributes_canonical(&set, &mut block);
        prop_assert_eq!(decode_attributes_canonical(&block), Ok(set));
        let _ = decode_attributes_canonical(&junk);
        let _ = decode_attributes_canonical(&block[..block.len() - 1]);
    }

    /// Random attribute lists in a message whose outer lengths are right.
    #[test]
    fn any_attributes(field in vec(any::<u8>(), 0..300), head: bool, as4: bool, kind in 0..3) {
        let kind = [PeerKind::Ebgp, PeerKind::Ibgp, PeerKind::ConfedEbgp][kind as usize];
        let field = if head { [mandatory(), field].concat() } else { field };
        exercise(&body(&[], &field, &[8, 10]), &SessionContext { as4, ..ctx(kind) });
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), ids: bool) {
        exercise(&bytes, &session(true, ids, true));
        let _ = frame(&bytes, 4096);
        if let Ok(open) = Open::decode(&bytes) {
            let mut out = Vec::new();
            open.encode(&mut out);
            let again = Open::decode(frame(&out, 4096).unwrap().unwrap().body).unwrap();
            prop_assert_eq!(again.capabilities, open.capabilities);
        }
        let _ = RouteRefresh::decode(&bytes);
        let error = NotificationError::decode(&bytes);
        let _ = (error.to_string(), error.shutdown_text(), error.hard_reset_inner());
    }
}

/// Decodes, walks everything, and sends again what was accepted.
fn exercise(body: &[u8], ctx: &SessionContext) {
    let mut scratch = Scratch::default();
    let Ok(update) = Update::decode(body, ctx, &mut scratch) else { return };
    let _ = update.withdrawn.iter().count() + update.announced.iter().count();
    let _ = update.mp_unreach.map(|u| u.nlri.iter().count());
    let _ = format!("{update:?}");
    let pairs = [(Family::Ipv4Unicast, update.attributes), (Family::Ipv6Unicast, update.mp_attributes())];
    for (family, set) in pairs.into_iter().filter_map(|(f, s)| Some((f, s?))) {
        let mut block = Vec::new();
        encode_attributes_canonical(&set, &mut block);
        assert_eq!(decode_attributes_canonical(&block), Ok(set));
        let Ok(encoded) = EncodedAttributes::new(&set, family, ctx) else { continue };
        let mut out = Vec::new();
        encode_announcements(ctx, &encoded, [(1, Prefix::default_route(family.afi()))], &mut out);
        let again = updates(&out, ctx);
        let mut scratch = Scratch::default();
        assert!(Update::decode(again[0], ctx, &mut scratch).unwrap().errors.len() <= update.errors.len() + 1);
    }
}

#[test]
fn link_local_only_next_hop_survives() {
    let ctx = ctx(PeerKind::Ebgp);
    let nexthop =
        BgpNexthop::V6 { global: Ipv6Addr::UNSPECIFIED, link_local: Some("fe80::9".parse().unwrap()) };
    let set = PathAttributes { next_hop: Some(nexthop), ..PathAttributes::default() };
    let encoded = EncodedAttributes::new(&set, Family::Ipv6Unicast, &ctx).unwrap();
    let mut out = Vec::new();
    encode_announcements(&ctx, &encoded, [(0, Prefix::V6(Ipv6Prefix::DEFAULT))], &mut out);
    let mut scratch = Scratch::default();
    let update = Update::decode(&out[19..], &ctx, &mut scratch).unwrap();
    assert_eq!(update.mp_attributes(), Some(set));
}

#[test]
fn what_cannot_be_sent() {
    let ctx = ctx(PeerKind::Ebgp);
    let v6 = BgpNexthop::V6 { global: Ipv6Addr::LOCALHOST, link_local: None };
    let v4 = BgpNexthop::V4(Ipv4Addr::LOCALHOST);
    let none = PathAttributes::default();
    let encode = |set: &PathAttributes<'_>, family| EncodedAttributes::new(set, family, &ctx).map(|_| ());
    assert_eq!(encode(&none, Family::Ipv4Unicast), Err(EncodeError::NoNexthop));
    let set = PathAttributes { next_hop: Some(v6), ..none };
    assert_eq!(encode(&set, Family::Ipv4Unicast), Err(EncodeError::NexthopFamily));
    let set = PathAttributes { next_hop: Some(v4), ..none };
    assert_eq!(encode(&set, Family::Ipv6Unicast), Err(EncodeError::NexthopFamily));
    let many = vec![0; 4096];
    let set = PathAttributes { communities: Communities::new(&many).unwrap(), ..set };
    assert_eq!(encode(&set, Family::Ipv4Unicast), Err(EncodeError::TooLong));
    let more = vec![0; 80_000];
    let set = PathAttributes { communities: Communities::new(&more).unwrap(), ..set };
    let wide = SessionContext { max_len: MAX_LEN_EXTENDED, ..ctx };
    assert_eq!(EncodedAttributes::new(&set, Family::Ipv4Unicast, &wide), Err(EncodeError::TooLong));
}

#[test]
fn messages_are_packed_full() {
    let ctx = ctx(PeerKind::Ebgp);
    let set =
        PathAttributes { next_hop: Some(BgpNexthop::V4(Ipv4Addr::LOCALHOST)), ..PathAttributes::default() };
    let encoded = EncodedAttributes::new(&set, Family::Ipv4Unicast, &ctx).unwrap();
    let prefixes = (0..10_000u32).map(|i| (0, Prefix::from(Ipv4Prefix::from_bits(i << 8, 24).unwrap())));
    let mut out = Vec::new();
    assert_eq!(encode_announcements(&ctx, &encoded, prefixes, &mut out), 10);
    let lens: Vec<usize> = updates(&out, &ctx).iter().map(|b| b.len() + 19).collect();
    assert!(lens[..9].iter().all(|l| (4093..=4096).contains(l)), "{lens:?}");
}

#[test]
fn end_of_rib_round_trip() {
    for family in Family::ALL {
        let ctx = ctx(PeerKind::Ebgp);
        let mut out = Vec::new();
        encode_end_of_rib(&ctx, family, &mut out);
        let mut scratch = Scratch::default();
        let update = Update::decode(&out[19..], &ctx, &mut scratch).unwrap();
        assert_eq!(update.end_of_rib, Some(family));
    }
}

#[test]
fn partial_is_set_on_what_we_do_not_know() {
    let ctx = ctx(PeerKind::Ebgp);
    let unknown = [common::attr(0xc0, 99, &[1]), common::attr(0xc0, 25, &[0; 20])].concat();
    let next_hop = Some(BgpNexthop::V4(Ipv4Addr::LOCALHOST));
    let set = PathAttributes { next_hop, unknown: &unknown, ..PathAttributes::default() };
    let encoded = EncodedAttributes::new(&set, Family::Ipv4Unicast, &ctx).unwrap();
    let mut out = Vec::new();
    encode_announcements(&ctx, &encoded, [(0, Prefix::V4(Ipv4Prefix::DEFAULT))], &mut out);
    let has = |needle: &[u8]| out.windows(needle.len()).any(|w| w == needle);
    assert!(has(&[0xe0, 99, 1, 1]) && has(&[0xc0, 25, 20]));
}

#[test]
fn as4_merging() {
    let ctx = SessionContext { as4: false, ..ctx(PeerKind::Ebgp) };
    let merged = |path: &[u8], as4: &[u8]| {
        let attributes =
            [common::origin(), common::attr(0x40, 2, path), common::next_hop(), common::attr(0xc0, 17, as4)];
        let message = body(&[], &attributes.concat(), &[0]);
        let mut scratch = Scratch::default();
        let update = Update::decode(&message, &ctx, &mut scratch).unwrap();
        (update.attributes.unwrap().as_path.to_string(), update.errors.len())
    };
    // 64500 and 23456 23456 seen by an old speaker; AS4_PATH knows the last two (RFC 6793 section 4.2.3).
    let path = [2, 3, 0xfb, 0xf4, 0x5b, 0xa0, 0x5b, 0xa0];
    let as4 = [2, 2, 0, 1, 0, 0, 0, 1, 0, 1];
    assert_eq!(merged(&path, &as4), ("64500 65536 65537".into(), 0));
    // A longer AS4_PATH is ignored, a malformed one discarded.
    assert_eq!(merged(&[2, 1, 0xfb, 0xf4], &as4), ("64500".into(), 0));
    assert_eq!(merged(&path, &[2, 9, 0, 0, 0, 1]), ("64500 23456 23456".into(), 1));
    // Confederation segments in AS4_PATH do not count.
    let confed = [3, 1, 0, 0, 0, 9, 2, 2, 0, 1, 0, 0, 0, 1, 0, 1];
    assert_eq!(merged(&path, &confed).0, "64500 65536 65537");
}

#[test]
fn as4_path_is_ignored_when_the_aggregator_is_no_trans() {
    let ctx = SessionContext { as4: false, ..ctx(PeerKind::Ebgp) };
    let decode = |asn: u16| {
        let attributes = [
            common::origin(),
            common::attr(0x40, 2, &[2, 1, 0x5b, 0xa0]),
            common::next_hop(),
            common::attr(0xc0, 7, &[&asn.to_be_bytes()[..], &[1, 2, 3, 4]].concat()),
            common::attr(0xc0, 17, &[2, 1, 0, 1, 0, 0]),
            common::attr(0xc0, 18, &[0, 1, 0, 1, 5, 6, 7, 8]),
        ];
        let message = body(&[], &attributes.concat(), &[0]);
        let mut scratch = Scratch::default();
        let update = Update::decode(&message, &ctx, &mut scratch).unwrap();
        let set = update.attributes.unwrap();
        (set.as_path.to_string(), set.aggregator.unwrap().asn.0)
    };
    assert_eq!(decode(23456), ("65536".into(), 65537));
    assert_eq!(decode(64500), ("23456".into(), 64500));
}

#[test]
fn keys_tell_next_hops_apart() {
    let ctx = ctx(PeerKind::Ebgp);
    let rest = [common::origin(), common::as_path()].concat();
    let first = body(&[], &[common::mp_reach_v6(), rest.clone()].concat(), &[]);
    let between = body(&[], &[common::origin(), common::mp_reach_v6(), common::as_path()].concat(), &[]);
    let (mut s1, mut s2) = (Scratch::default(), Scratch::default());
    let a = Update::decode(&first, &ctx, &mut s1).unwrap();
    let b = Update::decode(&between, &ctx, &mut s2).unwrap();
    assert_eq!(a.raw_attributes, rest);
    assert_eq!(a.mp_attribute_key(), b.mp_attribute_key());
    assert_ne!(a.mp_attribute_key(), a.attribute_key());
    assert_eq!(a.mp_attribute_key().mp_nexthop.len(), 16);
}
