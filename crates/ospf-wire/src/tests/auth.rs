//! Authentication: vectors that other programs made, and everything that has to be refused.

use super::*;

const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SOURCE6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 5);
const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::KeyedMd5,
    Algorithm::HmacSha1,
    Algorithm::HmacSha256,
    Algorithm::HmacSha384,
    Algorithm::HmacSha512,
];

fn packet(version: Version, options: Options) -> ([u8; 256], usize) {
    let mut buf = [0; 256];
    let told = Hello { options, ..hello(version) };
    let mut writer = PacketWriter::hello(&mut buf, &origin(version), &told).unwrap();
    writer.push(&router(2)).unwrap();
    let len = writer.finish().unwrap();
    (buf, len)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn key(purpose: KeyUse, algorithm: Algorithm, secret: &[u8]) -> Option<AuthKey> {
    AuthKey::new(purpose, algorithm, 7, secret).ok()
}

#[test]
fn passwords() {
    let (mut buf, len) = packet(Version::V2, Options::E);
    let password = Password::new(b"secret").unwrap();
    let len = seal_v2(&mut buf, len, &[], &AuthOut::Password(&password)).unwrap();
    let sealed = Packet::decode(Version::V2, &buf[..len]).unwrap();
    assert_eq!(sealed.verify_password(&password), Ok(()));
    assert_eq!(sealed.verify_password(&Password::new(b"secreT").unwrap()), Err(AuthError::Mismatch));
    assert_eq!(sealed.verify_null(), Err(AuthError::WrongType(1)));
    assert_eq!(format!("{:?} {password:?}", sealed.auth()), "Simple(..) Password(..)");
    assert!(!format!("{sealed:?}").contains("115"), "the octets of the password");
    buf[27] ^= 1;
    let changed = Packet::decode(Version::V2, &buf[..len]).unwrap();
    assert_eq!(changed.verify_password(&password), Err(AuthError::Checksum));
    assert_eq!(Password::new(b""), Err(KeyError::Empty));
    assert_eq!(Password::new(b"123456789"), Err(KeyError::TooLong { len: 9, max: 8 }));
}

#[test]
fn null() {
    let (mut buf, len) = packet(Version::V2, Options::E);
    let len = seal_v2(&mut buf, len, &[], &AuthOut::Null).unwrap();
    let sealed = Packet::decode(Version::V2, &buf[..len]).unwrap();
    assert_eq!(sealed.verify_null(), Ok(()));
    let key = key(KeyUse::V2, Algorithm::HmacSha1, b"k").unwrap();
    assert_eq!(sealed.verify_key(&key, SOURCE.into()), Err(AuthError::Missing));
    assert_eq!(sealed.verify_password(&Password::new(b"a").unwrap()), Err(AuthError::WrongType(0)));
}

/// Digests computed with Python's `hmac` and `hashlib` from the text of the RFCs: short and long secrets (shorter than the digest,
/// longer than it, longer than the block of the hash).
#[test]
fn digests_of_another_implementation() {
    for line in include_str!("digests.txt").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split(' ').collect();
        let [purpose, algorithm, secret, digest] = fields[..] else { panic!("{line}") };
        let purpose = [KeyUse::V2, KeyUse::V2Extended, KeyUse::V3][purpose.parse::<usize>().unwrap()];
        let algorithm = ALGORITHMS[algorithm.parse::<usize>().unwrap()];
        let secret = vec![b'k'; secret.parse().unwrap()];
        let key = key(purpose, algorithm, &secret).unwrap();
        let sequence = 0x0102_0304_0506_0708;
        let (mut buf, len) = packet(
            if purpose == KeyUse::V3 { Version::V3 } else { Version::V2 },
            if purpose == KeyUse::V3 { Options::AT | Options::V6 } else { Options::E },
        );
        let total = match purpose {
            KeyUse::V3 => seal_v3_trailer(&mut buf, len, &[], &key, sequence, SOURCE6),
            _ => seal_v2(&mut buf, len, &[], &AuthOut::Key { key: &key, sequence, source: SOURCE }),
        }
        .unwrap();
        assert_eq!(total, len + key.overhead());
        assert_eq!(hex(&buf[total - algorithm.digest_len()..total]), digest, "{line}");
    }
}

#[test]
fn keys_of_every_kind() {
    for (purpose, version) in
        [(KeyUse::V2, Version::V2), (KeyUse::V2Extended, Version::V2), (KeyUse::V3, Version::V3)]
    {
        for algorithm in ALGORITHMS {
            let Some(key) = key(purpose, algorithm, b"secret") else {
                assert_eq!((algorithm, purpose == KeyUse::V2), (Algorithm::KeyedMd5, false));
                continue;
            };
            check_key(&key, version);
        }
    }
}

fn check_key(key: &AuthKey, version: Version) {
    let mut lls = [0; 12];
    let value = [0, 0, 0, 1];
    encode_lls(&mut lls, [Tlv { kind: tlv_type::LLS_EXTENDED_OPTIONS, value: &value }], false).unwrap();
    let v3 = version == Version::V3;
    let options = if v3 { Options::AT | Options::LLS_V3 } else { Options::LLS_V2 };
    let (mut buf, len) = packet(version, options);
    let (sequence, wrong) =
        (9 << 32 | 5, AuthKey::new(key.purpose(), key.algorithm(), 7, b"Secret").unwrap());
    let total = if v3 {
        seal_v3_trailer(&mut buf, len, &lls, key, sequence, SOURCE6)
    } else {
        seal_v2(&mut buf, len, &lls, &AuthOut::Key { key, sequence, source: SOURCE })
    }
    .unwrap();
    let source = if v3 { SOURCE6.into() } else { SOURCE.into() };
    let sealed = Packet::decode(version, &buf[..total]).unwrap();
    let wanted = if key.purpose() == KeyUse::V2 { 5 } else { sequence };
    assert_eq!(sealed.verify_key(key, source), Ok(wanted), "{key:?}");
    assert_eq!(sealed.verify_key(&wrong, source), Err(AuthError::Mismatch));
    assert_eq!(sealed.lls().unwrap().unwrap().octets(), lls);
    let other_id = AuthKey::new(key.purpose(), key.algorithm(), 8, b"secret").unwrap();
    assert_eq!(sealed.verify_key(&other_id, source), Err(AuthError::UnknownKey(7)));
    if key.purpose() != KeyUse::V2 {
        let elsewhere = if v3 { ALL_ROUTERS6.into() } else { Ipv4Addr::BROADCAST.into() };
        assert_eq!(sealed.verify_key(key, elsewhere), Err(AuthError::Mismatch));
    }
    for cut in 0..total {
        // RFC 5613 has no key for the block behind the digest of OSPFv2.
        let whole = !v3 && cut >= total - lls.len();
        let verified = Packet::decode(version, &buf[..cut]).is_ok_and(|p| p.verify_key(key, source).is_ok());
        assert_eq!(verified, whole, "{cut}");
    }
    for at in 0..total {
        buf[at] ^= 0x10;
        let verified =
            Packet::decode(version, &buf[..total]).is_ok_and(|p| p.verify_key(key, source).is_ok());
        assert_eq!(verified, !v3 && at >= total - lls.len(), "{at}");
        buf[at] ^= 0x10;
    }
}

#[test]
fn keys_are_refused_where_they_do_not_fit() {
    use Algorithm::{HmacSha256, KeyedMd5};
    let new =
        |purpose, algorithm, id, secret: &[u8]| AuthKey::new(purpose, algorithm, id, secret).map(|_| ());
    assert_eq!(new(KeyUse::V2, KeyedMd5, 1, b""), Err(KeyError::Empty));
    assert_eq!(new(KeyUse::V2, KeyedMd5, 1, &[1; 17]), Err(KeyError::TooLong { len: 17, max: 16 }));
    assert_eq!(new(KeyUse::V2, HmacSha256, 256, b"k"), Err(KeyError::Id { id: 256, max: 255 }));
    assert_eq!(new(KeyUse::V3, HmacSha256, 65536, b"k"), Err(KeyError::Id { id: 65536, max: 65535 }));
    assert_eq!(new(KeyUse::V2Extended, HmacSha256, u32::MAX, b"k"), Ok(()));
    assert_eq!(new(KeyUse::V3, KeyedMd5, 1, b"k"), Err(KeyError::Algorithm(KeyedMd5)));
    let (v2, v3) = (key(KeyUse::V2, HmacSha256, b"k").unwrap(), key(KeyUse::V3, HmacSha256, b"k").unwrap());
    let (mut buf, len) = packet(Version::V2, Options::E);
    let auth = AuthOut::Key { key: &v3, sequence: 1, source: SOURCE };
    assert_eq!(seal_v2(&mut buf, len, &[], &auth), Err(EncodeError::WrongKey));
    assert_eq!(seal_v3_trailer(&mut buf, len, &[], &v2, 1, SOURCE6), Err(EncodeError::WrongKey));
    let auth = AuthOut::Key { key: &v2, sequence: 1, source: SOURCE };
    assert_eq!(seal_v2(&mut buf[..len + 31], len, &[], &auth), Err(EncodeError::NoSpace));
    assert!(v2 != v3 && v2 == v2.clone());
    assert!(!format!("{v2:?}").contains("key"));
}

#[test]
fn version_3_without_trailer() {
    let (mut buf, len) = packet(Version::V3, Options::V6);
    let len = seal_v3(&mut buf, len, &[], SOURCE6, ALL_ROUTERS6).unwrap();
    let sealed = Packet::decode(Version::V3, &buf[..len]).unwrap();
    assert_eq!(sealed.verify_checksum(SOURCE6, ALL_ROUTERS6), Ok(()));
    assert_eq!(sealed.verify_checksum(Ipv6Addr::LOCALHOST, ALL_ROUTERS6), Err(AuthError::Checksum));
    let key = key(KeyUse::V3, Algorithm::HmacSha256, b"k").unwrap();
    assert_eq!(sealed.verify_key(&key, SOURCE6.into()), Err(AuthError::Missing));
    assert_eq!(seal_v3(&mut buf[..len], len, &[0], SOURCE6, ALL_ROUTERS6), Err(EncodeError::NoSpace));
}
