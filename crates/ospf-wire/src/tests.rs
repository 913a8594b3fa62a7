//! Vectors, orders and round trips.

use std::cmp::Ordering;
use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_types::{AreaId, Ipv6Prefix, RouterId};
use proptest::prelude::*;

use crate::checksum::fletcher_holds;
use crate::*;

mod auth;
mod bodies;

fn router(last: u8) -> RouterId {
    RouterId(Ipv4Addr::new(10, 0, 0, last))
}

fn origin(version: Version) -> Origin {
    Origin { version, router: router(1), area: AreaId(Ipv4Addr::new(0, 0, 0, 3)), instance: 0 }
}

fn header(kind: LsaType) -> LsaHeader {
    LsaHeader {
        age: Age(1),
        options: if kind.version() == Version::V2 { Options::E | Options::DC } else { Options::empty() },
        kind,
        id: LinkStateId(7),
        router: router(1),
        sequence: LsSequence::INITIAL,
        checksum: 0,
        length: 0,
    }
}

fn hello(version: Version) -> Hello {
    Hello {
        link: match version {
            Version::V2 => HelloLink::Mask(Ipv4Addr::new(255, 255, 255, 252)),
            Version::V3 => HelloLink::Interface(5),
        },
        hello_interval: 10,
        options: Options::E | Options::R,
        priority: 1,
        dead_interval: 40,
        designated: Ipv4Addr::new(10, 0, 0, 1),
        backup: Ipv4Addr::UNSPECIFIED,
    }
}

#[test]
fn ages() {
    assert_eq!(Age(3599).held(1), Age::MAX);
    assert_eq!(Age(3599).held(u64::MAX), Age::MAX);
    assert_eq!(Age(0x8000 | 10).held(100), Age(0x8000 | 10));
    assert_eq!(Age(0x8000 | 10).older(1), Age(0x8000 | 11));
    assert_eq!(Age(5000).seconds(), 3600);
    assert!(Age(0x8000 | 3600).is_max() && Age(0xffff).is_max() && !Age(3599).is_max());
}

#[test]
fn sequence_numbers_are_signed() {
    assert!(LsSequence::INITIAL < LsSequence(-1) && LsSequence(-1) < LsSequence(0));
    assert_eq!(LsSequence(-1).next(), Some(LsSequence(0)));
    assert_eq!(LsSequence::MAX.next(), None);
    assert_eq!(LsSequence::RESERVED.next(), Some(LsSequence::INITIAL));
    assert_eq!(LsSequence::INITIAL.to_string(), "80000001");
}

#[test]
fn newer_instances() {
    let old = LsaHeader { checksum: 5, age: Age(100), ..header(LsaType::ROUTER_V2) };
    let with = |age, checksum, sequence| LsaHeader { age: Age(age), checksum, sequence, ..old };
    let sequence = old.sequence;
    let next = sequence.next().unwrap();
    for (new, wanted) in [
        (with(3600, 0, next), Ordering::Greater),
        (with(100, 6, sequence), Ordering::Greater),
        (with(100, 4, sequence), Ordering::Less),
        (with(3600, 5, sequence), Ordering::Greater),
        (with(1000, 5, sequence), Ordering::Equal),
        (with(1001, 5, sequence), Ordering::Less),
        (with(0, 5, sequence), Ordering::Equal),
        (with(0x8000, 5, sequence), Ordering::Equal),
    ] {
        assert_eq!(new.freshness(&old), wanted, "{new:?}");
        assert_eq!(old.freshness(&new), wanted.reverse(), "{new:?}");
    }
    let both = with(3600, 5, sequence);
    assert_eq!(both.freshness(&both), Ordering::Equal);
}

#[test]
fn scopes() {
    for (kind, scope, flooded) in [
        (LsaType::ROUTER_V2, Scope::Area, Scope::Area),
        (LsaType::NSSA_V2, Scope::Area, Scope::Area),
        (LsaType::EXTERNAL_V2, Scope::As, Scope::As),
        (LsaType::OPAQUE_LINK, Scope::Link, Scope::Link),
        (LsaType::OPAQUE_AREA, Scope::Area, Scope::Area),
        (LsaType::OPAQUE_AS, Scope::As, Scope::As),
        (LsaType::V2(6), Scope::Reserved, Scope::Reserved),
        (LsaType::LINK, Scope::Link, Scope::Link),
        (LsaType::GRACE_V3, Scope::Link, Scope::Link),
        (LsaType::EXTERNAL_V3, Scope::As, Scope::As),
        (LsaType::V3(0xa00c), Scope::Area, Scope::Area),
        // Unknown, with the U bit and without.
        (LsaType::V3(0xa021), Scope::Area, Scope::Area),
        (LsaType::V3(0x2021), Scope::Area, Scope::Link),
        (LsaType::V3(0x4021), Scope::As, Scope::Link),
        (LsaType::V3(0xe021), Scope::Reserved, Scope::Reserved),
        (LsaType::V3(0x6021), Scope::Reserved, Scope::Reserved),
    ] {
        assert_eq!((kind.scope(), kind.flooding_scope()), (scope, flooded), "{kind:?}");
    }
}

/// RFC 905 annex B by its letter, one octet after the other.
fn slow_fletcher(lsa: &[u8]) -> u16 {
    let mut octets = lsa[2..].to_vec();
    octets[14..16].fill(0);
    let (mut c0, mut c1) = (0i64, 0i64);
    for octet in &octets {
        c0 = (c0 + i64::from(*octet)) % 255;
        c1 = (c1 + c0) % 255;
    }
    let behind = octets.len() as i64 - 15;
    let x = (behind * c0 - c1).rem_euclid(255);
    let y = (c1 - (behind + 1) * c0).rem_euclid(255);
    let nonzero = |v: i64| if v == 0 { 255 } else { v as u16 };
    nonzero(x) << 8 | nonzero(y)
}

#[test]
fn fletcher_of_short_and_empty_lsas() {
    assert_eq!(fletcher(&[0; 17]), 0);
    assert_eq!(fletcher(&[0; 20]), 0xffff);
    assert!(
        !Lsa::decode(Version::V2, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20])
            .unwrap()
            .checksum_holds()
    );
}

/// The example of RFC 1071 section 3.
#[test]
fn internet_checksum_of_the_rfc() {
    let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(internet_checksum(&[&octets]), !0xddf2);
    assert_eq!(internet_checksum(&[&octets[..4], &octets[4..]]), !0xddf2);
    assert_eq!(internet_checksum(&[&[0xff]]), !0xff00);
}

#[test]
fn headers_are_checked_in_order() {
    let mut buf = [0; 64];
    let len =
        PacketWriter::hello(&mut buf, &origin(Version::V2), &hello(Version::V2)).unwrap().finish().unwrap();
    assert_eq!(Packet::decode(Version::V3, &buf[..len]), Err(Error::Version(2)));
    assert_eq!(
        Packet::decode(Version::V2, &buf[..len - 1]),
        Err(Error::Length { part: Part::Header, at: 2, value: len })
    );
    assert_eq!(
        Packet::decode(Version::V2, &buf[..10]),
        Err(Error::Truncated { part: Part::Header, at: 8, missing: 2 })
    );
    buf[1] = 6;
    assert_eq!(Packet::decode(Version::V2, &buf[..len]), Err(Error::PacketType(6)));
    buf[1] = 0;
    assert_eq!(Packet::decode(Version::V2, &buf[..len]), Err(Error::PacketType(0)));
    buf[1..4].copy_from_slice(&[1, 0, 23]);
    assert!(matches!(Packet::decode(Version::V2, &buf[..len]), Err(Error::Length { value: 23, .. })));
    buf[1..4].copy_from_slice(&[1, 0, 46]);
    assert_eq!(
        Packet::decode(Version::V2, &buf).unwrap().body(),
        Err(Error::Trailing { part: Part::Hello, at: 44, left: 2 })
    );
}

#[test]
fn a_full_packet_stays_whole() {
    let mut buf = [0; 16 + 20 + 2 * 4 + 3];
    let mut writer = PacketWriter::hello(&mut buf, &origin(Version::V3), &hello(Version::V3)).unwrap();
    assert_eq!(writer.room(), 2);
    writer.push(&router(2)).unwrap();
    writer.push(&router(3)).unwrap();
    assert_eq!(writer.push(&router(4)), Err(EncodeError::NoSpace));
    let len = writer.finish().unwrap();
    let packet = Packet::decode(Version::V3, &buf[..len]).unwrap();
    let PacketBody::Hello(told, neighbors) = packet.body().unwrap() else { panic!("no Hello") };
    assert_eq!(told, hello(Version::V3));
    assert_eq!(neighbors.iter().collect::<Vec<_>>(), [router(2), router(3)]);
    assert_eq!((neighbors.get(1), neighbors.get(2)), (Some(router(3)), None));

    let mut lsa = [0; 64];
    let mut writer = LsaWriter::new(&mut lsa, &header(LsaType::NETWORK_V2)).unwrap();
    writer.network_v2(Ipv4Addr::BROADCAST, [router(1)]).unwrap();
    let lsa_len = writer.finish().unwrap();
    let mut buf = [0; 24 + 4 + 28 + 27];
    let mut writer = UpdateWriter::new(&mut buf, &origin(Version::V2)).unwrap();
    writer.push(&lsa[..lsa_len], Age(77)).unwrap();
    assert_eq!(writer.push(&lsa[..lsa_len], Age(77)), Err(EncodeError::NoSpace));
    let len = writer.finish().unwrap();
    let packet = Packet::decode(Version::V2, &buf[..len]).unwrap();
    let PacketBody::LsUpdate(lsas) = packet.body().unwrap() else { panic!("no update") };
    let read: Vec<_> = lsas.iter().collect();
    assert_eq!((lsas.len(), read.len(), read[0].header.age), (1, 1, Age(77)));
    assert!(read[0].checksum_holds(), "the age is not part of the sum");
}

#[test]
fn a_hello_of_the_other_version_is_refused() {
    let mut buf = [0; 64];
    for (version, other) in [(Version::V2, Version::V3), (Version::V3, Version::V2)] {
        let result = PacketWriter::hello(&mut buf, &origin(version), &hello(other)).map(|_| ());
        assert_eq!(result, Err(EncodeError::WrongBody));
    }
    let long = Hello { dead_interval: 65536, ..hello(Version::V3) };
    let result = PacketWriter::hello(&mut buf, &origin(Version::V3), &long).map(|_| ());
    assert_eq!(result, Err(EncodeError::TooLong));
}

#[test]
fn counts_of_updates_are_believed_only_with_octets() {
    let mut buf = [0; 64];
    let len = UpdateWriter::new(&mut buf, &origin(Version::V2)).unwrap().finish().unwrap();
    buf[24..28].fill(0xff);
    let packet = Packet::decode(Version::V2, &buf[..len]).unwrap();
    assert_eq!(packet.body(), Err(Error::Truncated { part: Part::LsaHeader, at: 28, missing: 20 }));
}

#[test]
fn link_local_signaling() {
    let options = ExtendedOptions::LR.bits().to_be_bytes();
    let tlvs =
        [Tlv { kind: tlv_type::LLS_EXTENDED_OPTIONS, value: &options }, Tlv { kind: 99, value: &[1, 2, 3] }];
    let mut lls = [0; 64];
    let lls_len = encode_lls(&mut lls, tlvs, true).unwrap();
    assert_eq!(lls_len, 20);
    let mut buf = [0; 128];
    let told = Hello { options: Options::LLS_V2, ..hello(Version::V2) };
    let len = PacketWriter::hello(&mut buf, &origin(Version::V2), &told).unwrap().finish().unwrap();
    let len = seal_v2(&mut buf, len, &lls[..lls_len], &AuthOut::Null).unwrap();
    let packet = Packet::decode(Version::V2, &buf[..len]).unwrap();
    assert_eq!(packet.verify_null(), Ok(()));
    let block = packet.lls().unwrap().unwrap();
    assert!(block.checksum_holds());
    assert_eq!(block.options(), Some(ExtendedOptions::LR));
    assert_eq!(block.tlvs.iter().collect::<Vec<_>>(), tlvs);
    for cut in 44..len {
        let packet = Packet::decode(Version::V2, &buf[..cut]).unwrap();
        assert!(packet.lls().is_err(), "{cut}");
    }
    buf[30] = 0;
    assert_eq!(Packet::decode(Version::V2, &buf[..len]).unwrap().lls(), Ok(None), "not announced");
}

proptest! {
    #[test]
    fn fletcher_is_that_of_the_rfc(mut lsa in prop::collection::vec(any::<u8>(), 20..2000), long in 0..2usize) {
        // Long enough for several blocks, of the octets that make the largest sums.
        lsa.resize(lsa.len() + long * 20_000, 0xff);
        let sum = fletcher(&lsa);
        prop_assert_eq!(sum, slow_fletcher(&lsa));
        lsa[16..18].copy_from_slice(&sum.to_be_bytes());
        let len = (lsa.len() as u16).to_be_bytes();
        if lsa[18..20] == len {
            prop_assert!(Lsa::decode(Version::V2, &lsa).unwrap().checksum_holds());
        }
        prop_assert!(fletcher_holds(&lsa));
        lsa[19] ^= 1;
        prop_assert!(!fletcher_holds(&lsa));
    }

    #[test]
    fn any_octets_give_a_packet_or_an_error(mut octets in prop::collection::vec(any::<u8>(), 0..200), v3: bool, kind in 0..7u8) {
        let version = if v3 { Version::V3 } else { Version::V2 };
        let len = octets.len();
        if len > 4 {
            octets[..4].copy_from_slice(&[version as u8, kind, 0, len as u8]);
        }
        if let Ok(packet) = Packet::decode(version, &octets) {
            let _ = (format!("{packet:?}"), packet.lls(), packet.trailer(), packet.auth());
            if let Ok(PacketBody::LsUpdate(lsas)) = packet.body() {
                prop_assert_eq!(lsas.iter().count(), lsas.len());
            }
        }
    }

    #[test]
    fn freshness_is_antisymmetric(a: (u16, u16, i32), b: (u16, u16, i32), same: bool) {
        let make = |(age, checksum, sequence): (u16, u16, i32)| LsaHeader {
            age: Age(age), checksum, sequence: LsSequence(sequence), ..header(LsaType::ROUTER_V2)
        };
        let (a, mut b) = (make(a), make(b));
        if same {
            (b.checksum, b.sequence) = (a.checksum, a.sequence);
        }
        prop_assert_eq!(a.freshness(&b), b.freshness(&a).reverse());
    }
}
