use std::num::NonZeroU16;

use proptest::prelude::*;

use crate::{Endpoint, PeerConfig, PresharedKey, PrivateKey, PublicKey, TunnelConfig};

fn peer(id: u8, allowed: &[&str]) -> PeerConfig {
    let mut peer = PeerConfig::new(PublicKey::from_bytes([id; 32]));
    peer.allowed_ips = allowed.iter().map(|p| p.parse().unwrap()).collect();
    peer
}

#[test]
fn a_later_peer_takes_a_prefix_from_an_earlier_one() {
    let peers = vec![peer(1, &["10.0.0.0/8", "10.1.0.0/16"]), peer(2, &["10.0.0.0/8", "10.0.0.0/8"])];
    let config = TunnelConfig { peers, ..TunnelConfig::default() }.normalised();
    assert_eq!(config.peers, [peer(1, &["10.1.0.0/16"]), peer(2, &["10.0.0.0/8"])]);
}

#[test]
fn a_peer_that_is_given_twice_is_one() {
    let mut first = peer(1, &["10.0.0.0/8"]);
    first.keepalive = NonZeroU16::new(25);
    let config = TunnelConfig {
        peers: vec![first.clone(), peer(2, &[]), peer(1, &["10.9.0.0/16"])],
        ..TunnelConfig::default()
    };
    first.allowed_ips = vec!["10.9.0.0/16".parse().unwrap()];
    assert_eq!(config.normalised().peers, [first, peer(2, &[])]);
}

#[test]
fn nobody_is_a_peer_of_himself() {
    let key = PrivateKey::from_bytes([7; 32]).unwrap();
    let own = PeerConfig::new(key.public());
    let config =
        TunnelConfig { private_key: Some(key), peers: vec![own, peer(1, &[])], ..TunnelConfig::default() };
    assert_eq!(config.normalised().peers, [peer(1, &[])]);
}

#[test]
fn endpoints() {
    for good in [
        "192.0.2.1:51820",
        "[2001:db8::1]:1",
        "[fe80::1%3]:5",
        "vpn.example.net:65535",
        "a_b-c:1",
        "vpn.example.net.:9",
    ] {
        assert_eq!(good.parse::<Endpoint>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "192.0.2.1",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:+1",
        "2001:db8::1:1",
        "[::1]",
        "[::1:1",
        ":1",
        "a b:1",
        "1.2.3:1",
        "é:1",
    ] {
        assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
    }
    assert!(format!("{}:1", "a".repeat(254)).parse::<Endpoint>().is_err());
}

proptest! {
    #[test]
    fn keys_survive_their_text_forms(bytes: [u8; 32]) {
        let public = PublicKey::from_bytes(bytes);
        prop_assert_eq!(public.to_string().parse::<PublicKey>(), Ok(public));
        prop_assert_eq!(PublicKey::from_hex(&public.to_hex()), Some(public));
        let Some(secret) = PresharedKey::from_bytes(bytes) else { return Ok(()) };
        prop_assert_eq!(secret.expose_base64().parse::<PresharedKey>(), Ok(secret.clone()));
        prop_assert_eq!(PresharedKey::from_hex(&secret.expose_hex()), Some(Some(secret)));
    }

    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let _ = text.parse::<PublicKey>();
        let _ = PrivateKey::from_hex(&text);
        let _ = text.parse::<Endpoint>();
        let _ = crate::wg_quick::parse(&text);
    }
}
