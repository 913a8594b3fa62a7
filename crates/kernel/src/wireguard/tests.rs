//! What is said to the kernel. That it understands is shown where there is one with WireGuard.

use super::*;

fn wish(prefixes: &[&str]) -> WgPeerWish {
    WgPeerWish {
        preshared_key: None,
        endpoint: None,
        allowed_ips: prefixes.iter().map(|p| p.parse().unwrap()).collect(),
        keepalive: 25,
    }
}

fn kinds(peers: &[WireguardPeer]) -> Vec<&'static str> {
    let kind = |a: &WireguardPeerAttribute| match a {
        WireguardPeerAttribute::PublicKey(_) => "key",
        WireguardPeerAttribute::PresharedKey(_) => "psk",
        WireguardPeerAttribute::Endpoint(_) => "endpoint",
        WireguardPeerAttribute::PersistentKeepalive(_) => "keepalive",
        WireguardPeerAttribute::AllowedIps(_) => "ips",
        WireguardPeerAttribute::Flags(_) => "flags",
        _ => "other",
    };
    peers.iter().flat_map(|p| p.0.iter().map(kind)).collect()
}

#[test]
fn only_what_is_news_is_said() {
    let key = [1; 32];
    let peer = wish(&["10.0.0.0/8", "::/0"]);
    assert_eq!(kinds(&peer_messages(&key, &peer, None)), ["key", "keepalive", "flags", "ips"]);
    let now = WgPeerState { allowed_ips: peer.allowed_ips.clone(), keepalive: 25, ..WgPeerState::default() };
    assert_eq!(kinds(&peer_messages(&key, &peer, Some(&now))), ["key"]);
    let keyed = WgPeerState { has_preshared_key: true, ..now };
    let said = peer_messages(&key, &peer, Some(&keyed));
    assert_eq!(said[0].0[1], WireguardPeerAttribute::PresharedKey([0; 32]), "zeros take it away");
}

#[test]
fn many_prefixes_come_in_parts_of_which_only_the_first_replaces() {
    let many: Vec<String> = (0..600).map(|i| format!("10.{}.{}.0/24", i / 256, i % 256)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let parts = peer_messages(&[1; 32], &wish(&many), None);
    assert_eq!(kinds(&parts), ["key", "keepalive", "flags", "ips", "key", "ips", "key", "ips"]);
}

#[test]
fn a_peer_in_several_parts_of_a_dump_is_one() {
    let mut state = WgState::default();
    let mut part = |prefix: &str| {
        let mut peer = WireguardPeer(vec![
            WireguardPeerAttribute::PublicKey([7; 32]),
            WireguardPeerAttribute::PresharedKey([9; 32]),
            WireguardPeerAttribute::AllowedIps(vec![allowed(&prefix.parse().unwrap())]),
        ]);
        read_peer(&mut peer, &mut state);
        assert_eq!(peer.0[1], WireguardPeerAttribute::PresharedKey([0; 32]), "wiped");
    };
    part("10.0.0.0/8");
    part("2001:db8::/32");
    let peer = &state.peers[&[7; 32]];
    assert_eq!(peer.allowed_ips, wish(&["10.0.0.0/8", "2001:db8::/32"]).allowed_ips);
    assert!(peer.has_preshared_key);
}

#[test]
fn a_wish_does_not_show_its_keys() {
    let wish = WgWish { private_key: Some(Zeroizing::new([0xab; 32])), ..WgWish::default() };
    assert!(!format!("{wish:?}").contains("171"));
}

/// A kernel without WireGuard says so, and one with it answers for a device that is not there.
#[test]
fn the_kernel_answers() {
    match WgKernel::open() {
        Ok(None) => {}
        Ok(Some(mut kernel)) => {
            let error = kernel.get("ferr-none").unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::ENODEV as i32));
        }
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
    }
}
