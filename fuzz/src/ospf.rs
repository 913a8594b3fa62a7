//! OSPF: packets and LSAs of both versions.
//!
//! Beside "no panic" it is checked that lists are as long as they say, that what was read can be written and reads the same, and
//! that every key verifies its own signature and nothing else.

use std::net::{Ipv4Addr, Ipv6Addr};

use ferr_ospf_wire::{
    Algorithm, AuthKey, AuthOut, KeyUse, Lsa, LsaWriter, Options, Packet, PacketBody, PacketWriter, Password,
    UpdateWriter, Version, seal_v2, seal_v3, seal_v3_trailer,
};

const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::KeyedMd5,
    Algorithm::HmacSha1,
    Algorithm::HmacSha256,
    Algorithm::HmacSha384,
    Algorithm::HmacSha512,
];
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SOURCE6: Ipv6Addr = Ipv6Addr::LOCALHOST;
/// More than any packet and what goes behind it.
const ROOM: usize = 70_000;

fn version(input: &[u8]) -> Option<(Version, &[u8])> {
    let (choice, rest) = input.split_first()?;
    Some((if choice & 1 == 0 { Version::V2 } else { Version::V3 }, rest))
}

/// One LSA, of which more octets may follow.
pub fn lsa(input: &[u8]) {
    let Some((version, octets)) = version(input) else { return };
    let Ok(lsa) = Lsa::decode(version, octets) else { return };
    assert!(octets.starts_with(lsa.octets()));
    rewrite(&lsa);
}

fn rewrite(lsa: &Lsa<'_>) {
    let Ok(body) = lsa.body() else { return };
    let mut buf = vec![0xaa; lsa.octets().len()];
    let mut writer = LsaWriter::new(&mut buf, &lsa.header).expect("room for a header");
    writer.body(&body).expect("what was read can be written");
    let len = writer.finish().expect("no longer than before");
    assert_eq!(len, lsa.octets().len());
    let again = Lsa::decode(lsa.header.kind.version(), &buf).expect("we read what we write");
    assert!(again.checksum_holds());
    assert_eq!(again.header.key(), lsa.header.key());
    assert_eq!(format!("{:?}", again.body()), format!("{:?}", lsa.body()));
}

/// The payload of an IP packet.
pub fn packet(input: &[u8]) {
    let Some((version, payload)) = version(input) else { return };
    let Ok(packet) = Packet::decode(version, payload) else { return };
    let _ = (format!("{packet:?}"), packet.auth(), packet.trailer(), packet.verify_null());
    let _ = packet.verify_checksum(SOURCE6, SOURCE6);
    if let Ok(Some(lls)) = packet.lls() {
        assert!(packet.behind().len() >= lls.octets().len());
        let _ = (lls.checksum_holds(), lls.options());
    }
    let Ok(body) = packet.body() else { return };
    let mut buf = vec![0xaa; ROOM];
    let len = write(&packet, &body, &mut buf);
    assert_eq!(len, packet.octets().len());
    let again = Packet::decode(version, &buf[..len]).expect("we read what we write");
    assert_eq!((again.origin, again.kind, again.options()), (packet.origin, packet.kind, packet.options()));
    assert_eq!(format!("{:?}", again.body()), format!("{:?}", packet.body()));
    seal(&packet, len, &mut buf);
}

fn write(packet: &Packet<'_>, body: &PacketBody<'_>, buf: &mut [u8]) -> usize {
    let origin = &packet.origin;
    let written = match body {
        PacketBody::Hello(hello, neighbors) => {
            PacketWriter::hello(buf, origin, hello).and_then(|mut writer| {
                neighbors.iter().try_for_each(|neighbor| writer.push(&neighbor))?;
                writer.finish()
            })
        }
        PacketBody::Dbd(dbd, headers) => PacketWriter::dbd(buf, origin, dbd).and_then(|mut writer| {
            headers.iter().try_for_each(|header| writer.push(&header))?;
            writer.finish()
        }),
        PacketBody::LsRequest(requests) => PacketWriter::ls_request(buf, origin).and_then(|mut writer| {
            requests.iter().try_for_each(|request| writer.push(&request))?;
            writer.finish()
        }),
        PacketBody::LsAck(headers) => PacketWriter::ls_ack(buf, origin).and_then(|mut writer| {
            headers.iter().try_for_each(|header| writer.push(&header))?;
            writer.finish()
        }),
        PacketBody::LsUpdate(lsas) => UpdateWriter::new(buf, origin).and_then(|mut writer| {
            assert_eq!(lsas.iter().count(), lsas.len());
            lsas.iter().for_each(|lsa| rewrite(&lsa));
            lsas.iter().try_for_each(|lsa| writer.push(lsa.octets(), lsa.header.age))?;
            writer.finish()
        }),
    };
    written.expect("what was read can be written")
}

fn seal(packet: &Packet<'_>, len: usize, buf: &mut [u8]) {
    let version = packet.origin.version;
    let read = |buf: &[u8], total: usize, check: &dyn Fn(&Packet<'_>)| {
        check(&Packet::decode(version, &buf[..total]).expect("we read what we write"));
    };
    // Behind a block of link-local signaling, which is not there, no trailer is found.
    let announced = packet.options();
    let trailer = announced.is_none_or(|o| o.contains(Options::AT) && !o.contains(Options::LLS_V3));
    if version == Version::V3 {
        let total = seal_v3(buf, len, &[], SOURCE6, SOURCE6).expect("room");
        read(buf, total, &|p| assert_eq!(p.verify_checksum(SOURCE6, SOURCE6), Ok(())));
    } else {
        let password = Password::new(b"fuzz").expect("a short password");
        let total = seal_v2(buf, len, &[], &AuthOut::Password(&password)).expect("room");
        read(buf, total, &|p| assert_eq!(p.verify_password(&password), Ok(())));
        let total = seal_v2(buf, len, &[], &AuthOut::Null).expect("room");
        read(buf, total, &|p| assert_eq!(p.verify_null(), Ok(())));
    }
    for (algorithm, purpose) in
        ALGORITHMS.into_iter().flat_map(|a| [KeyUse::V2, KeyUse::V2Extended, KeyUse::V3].map(|p| (a, p)))
    {
        let Ok(key) = AuthKey::new(purpose, algorithm, 1, b"fuzz") else { continue };
        if version == Version::V3 && purpose == KeyUse::V3 && trailer {
            let total = seal_v3_trailer(buf, len, &[], &key, 7, SOURCE6).expect("room");
            read(buf, total, &|p| assert_eq!(p.verify_key(&key, SOURCE6.into()), Ok(7)));
        } else if version == Version::V2 && purpose != KeyUse::V3 {
            let auth = AuthOut::Key { key: &key, sequence: 7, source: SOURCE };
            let total = seal_v2(buf, len, &[], &auth).expect("room");
            read(buf, total, &|p| assert_eq!(p.verify_key(&key, SOURCE.into()), Ok(7)));
        }
        assert!(packet.verify_key(&key, SOURCE.into()).is_err(), "nobody knows the key");
    }
}
