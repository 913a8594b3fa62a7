//! Recorded packets of other implementations are understood, are authentic, and come out of our writers as they came in.
#![allow(clippy::unwrap_used, clippy::disallowed_types, clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ferr_ospf_wire::{
    Algorithm, Auth, AuthKey, AuthOut, KeyUse, Lsa, LsaWriter, Packet, PacketBody, PacketType, PacketWriter,
    UpdateWriter, Version, seal_v2, seal_v3,
};
use pcap_file::DataLink;
use pcap_file::pcapng::{Block, PcapNgReader};

struct Datagram {
    version: Version,
    source: IpAddr,
    destination: IpAddr,
    payload: Vec<u8>,
}

fn frames(name: &str) -> Vec<(DataLink, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/pcap").join(name);
    let bytes = fs::read(&path).unwrap();
    let mut out = Vec::new();
    // By hand: the file of a fuzzer has times that the crate refuses.
    if let Some(mut rest) = bytes.strip_prefix(&[0xd4, 0xc3, 0xb2, 0xa1]) {
        let word = |octets: &[u8], at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
        let link = DataLink::from(word(rest, 16));
        rest = &rest[20..];
        while rest.len() >= 16 {
            let end = (16 + word(rest, 8) as usize).min(rest.len());
            out.push((link, rest[16..end].to_vec()));
            rest = &rest[end..];
        }
        return out;
    }
    let mut reader = PcapNgReader::new(bytes.as_slice()).unwrap();
    let mut link = DataLink::ETHERNET;
    while let Some(Ok(block)) = reader.next_block() {
        match block {
            Block::InterfaceDescription(interface) => link = interface.linktype,
            Block::EnhancedPacket(packet) => out.push((link, packet.data.into_owned())),
            _ => {}
        }
    }
    out
}

fn datagram(link: DataLink, frame: &[u8]) -> Option<Datagram> {
    let (mut kind, mut packet) = match link {
        DataLink::LINUX_SLL2 => (frame.get(..2)?, frame.get(20..)?),
        DataLink::FRELAY => (frame.get(2..4)?, frame.get(4..)?),
        DataLink::NULL => (&[8, 0][..], frame.get(4..)?),
        _ => (frame.get(12..14)?, frame.get(14..)?),
    };
    if kind == [0x81, 0] {
        (kind, packet) = (packet.get(2..4)?, packet.get(4..)?);
    }
    if kind == [8, 0] {
        let total = usize::from(u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?));
        let addr =
            |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?).into());
        let payload = packet.get(usize::from(packet[0] & 15) * 4..total.min(packet.len()))?.to_vec();
        (packet[9] == 89).then_some(())?;
        return Some(Datagram { version: Version::V2, source: addr(12)?, destination: addr(16)?, payload });
    }
    let total = 40 + usize::from(u16::from_be_bytes(packet.get(4..6)?.try_into().ok()?));
    let addr = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?).into());
    let mut payload = packet.get(40..total.min(packet.len()))?;
    let mut next = *packet.get(6)?;
    if next == 51 {
        (next, payload) = (*payload.first()?, payload.get((usize::from(*payload.get(1)?) + 2) * 4..)?);
    }
    (next == 89).then_some(())?;
    Some(Datagram {
        version: Version::V3,
        source: addr(8)?,
        destination: addr(24)?,
        payload: payload.to_vec(),
    })
}

fn datagrams(name: &str) -> Vec<Datagram> {
    let found: Vec<_> = frames(name).iter().filter_map(|(link, frame)| datagram(*link, frame)).collect();
    assert!(!found.is_empty(), "{name} has no OSPF");
    found
}

fn rewritten_lsa(lsa: &Lsa<'_>) -> Vec<u8> {
    let mut buf = vec![0xaa; usize::from(lsa.header.length) + 8];
    let mut writer = LsaWriter::new(&mut buf, &lsa.header).unwrap();
    writer.body(&lsa.body().unwrap()).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

/// The packet as our writer makes it, without checksum and authentication.
fn rewritten(packet: &Packet<'_>, buf: &mut [u8]) -> usize {
    let origin = &packet.origin;
    match packet.body().unwrap() {
        PacketBody::Hello(hello, neighbors) => {
            let mut writer = PacketWriter::hello(buf, origin, &hello).unwrap();
            neighbors.iter().for_each(|n| writer.push(&n).unwrap());
            writer.finish()
        }
        PacketBody::Dbd(dbd, headers) => {
            let mut writer = PacketWriter::dbd(buf, origin, &dbd).unwrap();
            headers.iter().for_each(|h| writer.push(&h).unwrap());
            writer.finish()
        }
        PacketBody::LsRequest(requests) => {
            let mut writer = PacketWriter::ls_request(buf, origin).unwrap();
            requests.iter().for_each(|r| writer.push(&r).unwrap());
            writer.finish()
        }
        PacketBody::LsUpdate(lsas) => {
            let mut writer = UpdateWriter::new(buf, origin).unwrap();
            for lsa in lsas.iter() {
                assert!(lsa.checksum_holds(), "{lsa:?}");
                let own = rewritten_lsa(&lsa);
                assert_eq!(own, lsa.octets(), "{lsa:?}");
                writer.push(&own, lsa.header.age).unwrap();
            }
            writer.finish()
        }
        PacketBody::LsAck(headers) => {
            let mut writer = PacketWriter::ls_ack(buf, origin).unwrap();
            headers.iter().for_each(|h| writer.push(&h).unwrap());
            writer.finish()
        }
    }
    .unwrap()
}

fn keys() -> [AuthKey; 2] {
    [
        AuthKey::new(KeyUse::V2, Algorithm::KeyedMd5, 1, b"secret1").unwrap(),
        AuthKey::new(KeyUse::V2, Algorithm::HmacSha256, 2, b"secret2").unwrap(),
    ]
}

/// What was seen: version, packet type, kind of authentication.
fn check(datagram: &Datagram) -> (Version, PacketType, u32) {
    let packet = Packet::decode(datagram.version, &datagram.payload).unwrap();
    let lls = packet.lls().unwrap().map(|lls| lls.octets().to_vec()).unwrap_or_default();
    let mut buf = [0xaa; 4096];
    let len = rewritten(&packet, &mut buf);
    let mut key_id = 0;
    let len = match (datagram.source, datagram.destination, packet.auth()) {
        (IpAddr::V6(source), IpAddr::V6(destination), _) => {
            packet.verify_checksum(source, destination).unwrap();
            seal_v3(&mut buf, len, &lls, source, destination)
        }
        (source @ IpAddr::V4(addr), _, Auth::Cryptographic { key_id: id, .. }) => {
            key_id = id;
            let keys = keys();
            let key = keys.iter().find(|key| key.id() == id).unwrap();
            let sequence = packet.verify_key(key, source).unwrap();
            seal_v2(&mut buf, len, &lls, &AuthOut::Key { key, sequence, source: addr })
        }
        _ => {
            packet.verify_null().unwrap();
            seal_v2(&mut buf, len, &lls, &AuthOut::Null)
        }
    };
    assert_eq!(&buf[..len.unwrap()], datagram.payload, "{packet:?}");
    (datagram.version, packet.kind, key_id)
}

#[test]
fn frr_and_bird() {
    let found = datagrams("frr-8.4.4_bird-2.0.12_ospfv2_ospfv3_bfd_bgp.pcap");
    assert_eq!(found.len(), 261);
    let seen: BTreeSet<_> = found.iter().map(check).collect();
    for kind in
        [PacketType::Hello, PacketType::Dbd, PacketType::LsRequest, PacketType::LsUpdate, PacketType::LsAck]
    {
        assert!(seen.contains(&(Version::V3, kind, 0)), "{kind}");
        assert!(seen.contains(&(Version::V2, kind, 0)) || seen.contains(&(Version::V2, kind, 1)), "{kind}");
    }
    assert!(seen.contains(&(Version::V2, PacketType::Hello, 2)), "HMAC-SHA-256");
}

#[test]
fn vendors() {
    for (name, count) in [
        ("OSPFv3_broadcast_adjacency.pcap", 38),
        ("OSPFv3_multipoint_adjacencies.pcap", 73),
        ("OSPFv3_with_AH.pcap", 61),
        ("ospf-gmpls.pcap", 3),
    ] {
        let found = datagrams(name);
        assert_eq!(found.len(), count, "{name}");
        for datagram in found {
            check(&datagram);
        }
    }
}

#[test]
fn wrong_keys_are_refused() {
    let found = datagrams("frr-8.4.4_bird-2.0.12_ospfv2_ospfv3_bfd_bgp.pcap");
    let [md5, sha] = keys();
    let (mut signed, other) = (0, Ipv4Addr::new(192, 0, 2, 1).into());
    for datagram in &found {
        let packet = Packet::decode(datagram.version, &datagram.payload).unwrap();
        if let Auth::Cryptographic { key_id, .. } = packet.auth() {
            let (right, wrong) = if key_id == 1 { (&md5, &sha) } else { (&sha, &md5) };
            assert!(packet.verify_key(right, other).is_ok(), "type 2 does not prove the source");
            assert!(packet.verify_key(wrong, other).is_err());
            let mut bytes = datagram.payload.clone();
            for at in 0..bytes.len() {
                bytes[at] ^= 1;
                let verified = Packet::decode(datagram.version, &bytes).map(|p| p.verify_key(right, other));
                assert!(!matches!(verified, Ok(Ok(_))), "octet {at}");
                bytes[at] ^= 1;
            }
            signed += 1;
        }
    }
    assert!(signed > 100);
}

#[test]
fn findings_of_fuzzers_are_refused() {
    for name in ["ospf2-seg-fault-1.pcapng", "ospf6_print_lshdr-oobr.pcap"] {
        let mut refused = 0;
        for datagram in datagrams(name) {
            let Ok(packet) = Packet::decode(datagram.version, &datagram.payload) else {
                refused += 1;
                continue;
            };
            let verified = match (datagram.source, datagram.destination) {
                (IpAddr::V6(source), IpAddr::V6(destination)) => packet.verify_checksum(source, destination),
                _ => packet.verify_null(),
            };
            let whole = packet.lls().and(packet.trailer()).and(packet.body());
            refused += usize::from(verified.is_err() || whole.is_err());
        }
        assert!(refused > 0, "{name}");
    }
}

#[test]
fn every_truncation_is_refused() {
    for datagram in datagrams("frr-8.4.4_bird-2.0.12_ospfv2_ospfv3_bfd_bgp.pcap").iter().step_by(5) {
        let packet = Packet::decode(datagram.version, &datagram.payload).unwrap();
        for len in 0..packet.octets().len() {
            let mut cut = datagram.payload[..len].to_vec();
            assert!(Packet::decode(datagram.version, &cut).is_err());
            if len >= datagram.version.header_len() {
                cut[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                let packet = Packet::decode(datagram.version, &cut).unwrap();
                if let Ok(PacketBody::LsUpdate(_)) = packet.body() {
                    panic!("the count of a cut update is wrong");
                }
            }
        }
    }
}
