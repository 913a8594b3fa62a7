//! Every body is written, read, and refused when it is cut.

use super::*;

fn write(header: &LsaHeader, body: impl FnOnce(&mut LsaWriter<'_>) -> Result<(), EncodeError>) -> Vec<u8> {
    let mut buf = vec![0xaa; 1024];
    let mut writer = LsaWriter::new(&mut buf, header).unwrap();
    body(&mut writer).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

/// Written again it is the same; cut anywhere the body is refused, but where `cuts` allow it (octets of the whole LSA).
fn check(
    kind: LsaType,
    cuts: &[usize],
    body: impl FnOnce(&mut LsaWriter<'_>) -> Result<(), EncodeError>,
) -> Vec<u8> {
    let octets = write(&header(kind), body);
    let lsa = Lsa::decode(kind.version(), &octets).unwrap();
    assert!(lsa.checksum_holds(), "{lsa:?}");
    assert_eq!(LsaHeader { checksum: 0, length: 0, ..lsa.header }, header(kind));
    let read = lsa.body().unwrap();
    assert_eq!(write(&lsa.header, |w| w.body(&read)), octets, "{lsa:?}");
    for len in LsaHeader::LEN..octets.len() {
        let mut cut = octets[..len].to_vec();
        assert!(Lsa::decode(kind.version(), &cut).is_err());
        cut[18..20].copy_from_slice(&(len as u16).to_be_bytes());
        let lsa = Lsa::decode(kind.version(), &cut).unwrap();
        assert_eq!(lsa.body().is_ok(), cuts.contains(&len), "{kind:?} cut at {len}: {lsa:?}");
    }
    let other = if kind == LsaType::ROUTER_V2 { LsaType::NETWORK_V2 } else { LsaType::ROUTER_V2 };
    let mut buf = [0; 1024];
    let mut writer = LsaWriter::new(&mut buf, &header(other)).unwrap();
    if !matches!(read, Body::Tlvs(_) | Body::Unknown(_)) {
        assert_eq!(writer.body(&read), Err(EncodeError::WrongBody));
    }
    octets
}

fn prefix(addr: &str, len: u8, options: PrefixOptions, extra: u16) -> PrefixV3 {
    PrefixV3 { prefix: Ipv6Prefix::new(addr.parse().unwrap(), len).unwrap(), options, extra }
}

/// The router-LSA of RFC 2328 section 12.4.1 figure: a border router with a point-to-point link and its stub.
#[test]
fn router_v2() {
    let links = [
        LinkV2::new(LinkType::POINT_TO_POINT, [10, 0, 0, 2].into(), [10, 1, 1, 1].into(), 10),
        LinkV2::new(LinkType::STUB, [10, 1, 1, 0].into(), [255, 255, 255, 252].into(), 10),
    ];
    let octets = check(LsaType::ROUTER_V2, &[], |w| w.router_v2(RouterBits::BORDER, links));
    assert_eq!(octets[20..24], [1, 0, 0, 2]);
    assert_eq!(octets[24..36], [10, 0, 0, 2, 10, 1, 1, 1, 1, 0, 0, 10]);
    let lsa = Lsa::decode(Version::V2, &octets).unwrap();
    let Body::RouterV2(read) = lsa.body().unwrap() else { panic!("{lsa:?}") };
    assert_eq!(read.links.iter().collect::<Vec<_>>(), links);
    assert_eq!((read.links.len(), read.links.is_empty()), (2, false));
}

#[test]
fn router_v2_with_types_of_service() {
    let mut octets = write(&header(LsaType::ROUTER_V2), |w| {
        w.raw(&[0, 0, 0, 1, 10, 0, 0, 2, 10, 1, 1, 1, 1, 2, 0, 10, 8, 0, 0, 5, 9, 0, 0, 6])
    });
    let lsa = Lsa::decode(Version::V2, &octets).unwrap();
    let Body::RouterV2(read) = lsa.body().unwrap() else { panic!("{lsa:?}") };
    let tos: Vec<_> = read.links.iter().flat_map(|link| link.tos.iter()).collect();
    assert_eq!(tos, [Tos { tos: 8, metric: 5 }, Tos { tos: 9, metric: 6 }]);
    assert_eq!(write(&lsa.header, |w| w.body(&Body::RouterV2(read))), octets);
    octets[33] = 3;
    assert!(Lsa::decode(Version::V2, &octets).unwrap().body().is_err(), "a third one is not there");
    octets[33] = 1;
    let left = Lsa::decode(Version::V2, &octets).unwrap().body();
    assert_eq!(left, Err(Error::Trailing { part: Part::Link, at: 40, left: 4 }));
}

#[test]
fn the_others_of_version_2() {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    check(LsaType::NETWORK_V2, &[24, 28], |w| w.network_v2(mask, [router(1), router(2)]));
    let summary = SummaryV2 { mask, metric: 0xabcdef, tos: Records::EMPTY_V2 };
    for kind in [LsaType::SUMMARY_V2, LsaType::ASBR_SUMMARY_V2] {
        check(kind, &[], |w| w.body(&Body::SummaryV2(summary)));
    }
    for (kind, type2) in [(LsaType::EXTERNAL_V2, true), (LsaType::NSSA_V2, false)] {
        let external =
            ExternalV2 { mask, type2, metric: 20, forwarding: mask, tag: 77, tos: Records::EMPTY_V2 };
        let octets = check(kind, &[], |w| w.body(&Body::ExternalV2(external)));
        assert_eq!(octets[24], if type2 { 0x80 } else { 0 });
    }
    for kind in [LsaType::OPAQUE_LINK, LsaType::OPAQUE_AREA, LsaType::OPAQUE_AS] {
        let any: Vec<_> = (20..25).collect();
        check(kind, &any, |w| w.raw(&[1, 2, 3, 4, 5]));
    }
}

#[test]
fn all_of_version_3() {
    let (options, addr) = (Options::V6 | Options::E | Options::R, "fe80::1".parse().unwrap());
    let link = LinkV3 {
        kind: LinkType::TRANSIT,
        metric: 10,
        interface: 5,
        neighbor_interface: 6,
        neighbor: router(2),
    };
    check(LsaType::ROUTER_V3, &[24, 40], |w| w.router_v3(RouterBits::EXTERNAL, options, [link, link]));
    check(LsaType::NETWORK_V3, &[24, 28], |w| w.network_v3(options, [router(1), router(2)]));
    let net = prefix("2001:db8:0:1::", 64, PrefixOptions::empty(), 0);
    let inter = InterAreaPrefix { metric: 30, prefix: net };
    check(LsaType::INTER_AREA_PREFIX, &[], |w| w.body(&Body::InterAreaPrefix(inter)));
    let asbr = InterAreaRouter { options, metric: 30, router: router(9) };
    check(LsaType::INTER_AREA_ROUTER, &[], |w| w.body(&Body::InterAreaRouter(asbr)));
    let prefixes =
        [net, prefix("::", 0, PrefixOptions::NU, 0), prefix("2001:db8::1", 128, PrefixOptions::LA, 9)];
    check(LsaType::LINK, &[], |w| w.link(1, options, addr, prefixes));
    let referenced = Referenced { kind: LsaType::ROUTER_V3, id: LinkStateId(0) };
    check(LsaType::INTRA_AREA_PREFIX, &[], |w| w.intra_area_prefix(referenced, router(1), prefixes));
    let octets = check(LsaType::V3(0x8035), &[20, 21], |w| w.raw(&[1, 2]));
    assert_eq!(Lsa::decode(Version::V3, &octets).unwrap().body(), Ok(Body::Unknown(&[1, 2])));
}

#[test]
fn externals_of_version_3() {
    let referenced = Referenced { kind: LsaType::V3(0x4005), id: LinkStateId(3) };
    for bits in 0..16u8 {
        let (with_tag, with_address, with_reference) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
        let external = ExternalV3 {
            type2: bits & 8 != 0,
            metric: 20,
            prefix: prefix("2001:db8::", 33, PrefixOptions::P, if with_reference { 0x4005 } else { 0 }),
            forwarding: with_address.then(|| "2001:db8::1".parse().unwrap()),
            tag: with_tag.then_some(9),
            referenced: with_reference.then_some(referenced),
        };
        for kind in [LsaType::EXTERNAL_V3, LsaType::NSSA_V3] {
            let octets = check(kind, &[], |w| w.body(&Body::ExternalV3(external)));
            assert_eq!(Lsa::decode(Version::V3, &octets).unwrap().body(), Ok(Body::ExternalV3(external)));
        }
    }
}

#[test]
fn prefixes_have_no_host_bits_and_no_more_than_128() {
    let kind = LsaType::INTER_AREA_PREFIX;
    let octets = write(&header(kind), |w| {
        w.raw(&[0, 0, 0, 1, 33, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0xff, 0xff, 0xff, 0xff])
    });
    let lsa = Lsa::decode(Version::V3, &octets).unwrap();
    let Body::InterAreaPrefix(read) = lsa.body().unwrap() else { panic!("{lsa:?}") };
    assert_eq!(read.prefix.prefix.to_string(), "2001:db8:8000::/33");
    let octets = write(&header(kind), |w| w.raw(&[&[0, 0, 0, 1, 129, 0, 0, 0][..], &[0; 20]].concat()));
    let wrong = Lsa::decode(Version::V3, &octets).unwrap().body();
    assert_eq!(wrong, Err(Error::Value { part: Part::Prefix, at: 24, value: 129 }));
}

#[test]
fn grace() {
    let told = Grace { period: 120, reason: GraceReason::RESTART, address: Some([10, 0, 0, 1].into()) };
    let id = LinkStateId::from_opaque(OpaqueType::GRACE, 0);
    let octets = write(&LsaHeader { id, ..header(LsaType::OPAQUE_LINK) }, |w| w.grace(&told));
    assert_eq!(octets.len(), LsaHeader::LEN + Grace::MAX_LEN);
    let lsa = Lsa::decode(Version::V2, &octets).unwrap();
    assert_eq!(lsa.header.id.opaque(), (OpaqueType::GRACE, 0));
    let Body::Opaque(opaque) = lsa.body().unwrap() else { panic!("{lsa:?}") };
    assert_eq!(Grace::decode(&opaque.tlvs().unwrap()), Ok(told));

    let told = Grace { address: None, ..told };
    let octets = check(LsaType::GRACE_V3, &[20, 28, 33, 34, 35], |w| w.grace(&told));
    let lsa = Lsa::decode(Version::V3, &octets).unwrap();
    let Body::Tlvs(tlvs) = lsa.body().unwrap() else { panic!("{lsa:?}") };
    assert_eq!(Grace::decode(&tlvs), Ok(told));
    let decode = |octets| Grace::decode(&Tlvs::decode(octets).unwrap());
    assert_eq!(
        decode(&octets[20..28]),
        Err(Error::Missing { part: Part::Tlv, kind: tlv_type::GRACE_REASON })
    );
    assert_eq!(decode(&[]), Err(Error::Missing { part: Part::Tlv, kind: tlv_type::GRACE_PERIOD }));
    let wrong = [9, 9, 0, 0, 0, 1, 0, 3, 0, 0, 0, 0];
    assert_eq!(decode(&wrong), Err(Error::Length { part: Part::Tlv, at: 6, value: 3 }));
}

#[test]
fn router_information() {
    let told = (Capabilities::GRACEFUL_HELPER | Capabilities::STUB_ROUTER).bits().to_be_bytes();
    let octets = check(LsaType::V3(0xa00c), &[20, 28, 33, 34, 35], |w| {
        w.tlv(&Tlv { kind: tlv_type::INFORMATIONAL_CAPABILITIES, value: &told })?;
        w.tlv(&Tlv { kind: 7, value: b"x" })
    });
    let lsa = Lsa::decode(Version::V3, &octets).unwrap();
    let Body::Tlvs(tlvs) = lsa.body().unwrap() else { panic!("{lsa:?}") };
    let read = RouterInformation::decode(&tlvs);
    assert_eq!(read.informational, Some(Capabilities::GRACEFUL_HELPER | Capabilities::STUB_ROUTER));
    assert_eq!(read.functional, None);
    assert_eq!(tlvs.find(7), Some(&b"x"[..]));
}

fn any_type() -> impl Strategy<Value = LsaType> {
    let v2 = (0..13u8).prop_map(LsaType::V2);
    let v3 = (0..4u16, 0..14u16, any::<bool>());
    prop_oneof![v2, v3.prop_map(|(scope, code, u)| LsaType::V3(u16::from(u) << 15 | scope << 13 | code))]
}

proptest! {
    #[test]
    fn any_body_that_is_read_can_be_written(kind in any_type(), octets in prop::collection::vec(0..40u8, 0..120)) {
        let octets = write(&header(kind), |w| w.raw(&octets));
        let lsa = Lsa::decode(kind.version(), &octets).unwrap();
        prop_assert!(lsa.checksum_holds());
        if let Ok(body) = lsa.body() {
            let again = write(&lsa.header, |w| w.body(&body));
            let read = Lsa::decode(kind.version(), &again).unwrap();
            prop_assert_eq!(format!("{:?}", read.body()), format!("{:?}", Ok::<_, Error>(body)));
            prop_assert_eq!(again.len(), octets.len());
        }
    }

    #[test]
    fn links_of_version_2(links in prop::collection::vec((any::<u8>(), any::<u32>(), any::<u32>(), any::<u16>()), 0..30)) {
        let links: Vec<_> = links.into_iter().map(|(kind, id, data, metric)| {
            LinkV2::new(LinkType(kind), id.into(), data.into(), metric)
        }).collect();
        let octets = write(&header(LsaType::ROUTER_V2), |w| w.router_v2(RouterBits::empty(), links.iter().copied()));
        let lsa = Lsa::decode(Version::V2, &octets).unwrap();
        let Body::RouterV2(read) = lsa.body().unwrap() else { panic!("{lsa:?}") };
        prop_assert_eq!(read.links.iter().collect::<Vec<_>>(), links);
    }

    #[test]
    fn prefixes_of_version_3(list in prop::collection::vec((any::<u128>(), 0..129u8, any::<u8>(), any::<u16>()), 0..20)) {
        let prefixes: Vec<_> = list.into_iter().map(|(addr, len, options, extra)| PrefixV3 {
            prefix: Ipv6Prefix::new(Ipv6Addr::from_bits(addr), len).unwrap(),
            options: PrefixOptions::from_bits_retain(options),
            extra,
        }).collect();
        let referenced = Referenced { kind: LsaType::NETWORK_V3, id: LinkStateId(9) };
        let octets = write(&header(LsaType::INTRA_AREA_PREFIX), |w| {
            w.intra_area_prefix(referenced, router(3), prefixes.iter().copied())
        });
        let lsa = Lsa::decode(Version::V3, &octets).unwrap();
        let Body::IntraAreaPrefix(read) = lsa.body().unwrap() else { panic!("{lsa:?}") };
        prop_assert_eq!((read.referenced, read.router), (referenced, router(3)));
        prop_assert_eq!(read.prefixes.iter().collect::<Vec<_>>(), prefixes);
    }

    #[test]
    fn descriptions_requests_and_acks(
        v3: bool,
        lists in prop::collection::vec((any_type(), any::<u32>(), any::<u32>(), any::<i32>(), any::<(u16, u16, u16)>()), 0..20),
        (mtu, bits, flags, sequence) in any::<(u16, u32, u8, u32)>(),
    ) {
        let version = if v3 { Version::V3 } else { Version::V2 };
        let headers: Vec<_> = lists.into_iter().map(|(kind, id, router, sequence, (age, checksum, length))| LsaHeader {
            age: Age(age),
            options: Options::empty(),
            kind: if v3 { LsaType::V3(kind.value()) } else { LsaType::V2(kind.value() as u8) },
            id: LinkStateId(id),
            router: RouterId(router.into()),
            sequence: LsSequence(sequence),
            checksum,
            length,
        }).collect();
        let options = Options::from_bits_retain(bits & if v3 { 0xff_ffff } else { 0xff });
        let dbd = Dbd { mtu, options, flags: DbdFlags::from_bits_retain(flags), sequence };
        let mut buf = [0; 1024];

        let mut writer = PacketWriter::dbd(&mut buf, &origin(version), &dbd).unwrap();
        headers.iter().for_each(|h| writer.push(h).unwrap());
        let len = writer.finish().unwrap();
        let packet = Packet::decode(version, &buf[..len]).unwrap();
        prop_assert_eq!(packet.options(), Some(options));
        let PacketBody::Dbd(told, read) = packet.body().unwrap() else { panic!("no description") };
        prop_assert_eq!(told, dbd);
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), headers.clone());

        let mut writer = PacketWriter::ls_ack(&mut buf, &origin(version)).unwrap();
        headers.iter().for_each(|h| writer.push(h).unwrap());
        let len = writer.finish().unwrap();
        let packet = Packet::decode(version, &buf[..len]).unwrap();
        let PacketBody::LsAck(read) = packet.body().unwrap() else { panic!("no acknowledgment") };
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), headers.clone());

        let mut writer = PacketWriter::ls_request(&mut buf, &origin(version)).unwrap();
        headers.iter().for_each(|h| writer.push(&h.key()).unwrap());
        let len = writer.finish().unwrap();
        let packet = Packet::decode(version, &buf[..len]).unwrap();
        let PacketBody::LsRequest(read) = packet.body().unwrap() else { panic!("no request") };
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), headers.iter().map(LsaHeader::key).collect::<Vec<_>>());
    }
}
