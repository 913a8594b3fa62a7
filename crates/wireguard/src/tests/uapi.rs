use std::num::NonZeroU16;

use proptest::prelude::*;

use crate::uapi::{Request, UapiError, parse, render};
use crate::{Endpoint, PeerConfig, PrivateKey, PublicKey, SocketState, TunnelConfig, TunnelStatus};

fn hex(id: u8) -> String {
    PublicKey::from_bytes([id; 32]).to_hex()
}

fn set(text: &str, config: TunnelConfig) -> TunnelConfig {
    match parse(text) {
        Ok(Request::Set(set)) => set.apply(config).0.normalised(),
        other => panic!("{other:?}"),
    }
}

fn status(config: &TunnelConfig) -> TunnelStatus {
    TunnelStatus {
        public_key: config.private_key.as_ref().map(PrivateKey::public),
        sockets: SocketState::Bound(4711),
        fwmark: config.fwmark,
        mtu: 1420,
        lost: false,
        peers: Vec::new(),
        drops: Vec::new(),
    }
}

fn sample() -> TunnelConfig {
    let text = format!(
        "set=1\nprivate_key={}\nlisten_port=51820\nfwmark=7\nreplace_peers=true\npublic_key={}\npreshared_key={}\nendpoint=[2001:db8::1]:9\n\
         persistent_keepalive_interval=25\nreplace_allowed_ips=true\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::/64\nprotocol_version=1\n\
         public_key={}\nallowed_ip=10.1.0.0/16\n",
        hex(1),
        hex(2),
        hex(3),
        hex(4)
    );
    set(&text, TunnelConfig::default())
}

#[test]
fn what_is_set_is_shown() {
    let config = sample();
    assert_eq!((config.listen_port, config.fwmark, config.peers.len()), (NonZeroU16::new(51820), 7, 2));
    assert_eq!(config.peers[0].endpoint, Some(Endpoint::Addr("[2001:db8::1]:9".parse().unwrap())));
    let text = render(&config, &status(&config));
    let expected = format!(
        "private_key={}\nlisten_port=51820\nfwmark=7\npublic_key={}\npreshared_key={}\nprotocol_version=1\nlast_handshake_time_sec=0\n\
         last_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::/64\n\
         public_key={}\npreshared_key={}\n",
        hex(1),
        hex(2),
        hex(3),
        hex(4),
        hex(0)
    );
    assert!(text.starts_with(&expected), "{}", text.as_str());
    let any = TunnelConfig { listen_port: None, ..config };
    assert!(render(&any, &status(&any)).contains("listen_port=4711\n"), "the port that was chosen");
}

#[test]
fn changes_leave_the_rest_alone() {
    let before = sample();
    let after = set(&format!("set=1\npublic_key={}\nallowed_ip=10.0.0.0/8\n", hex(4)), before.clone());
    let allowed = |c: &TunnelConfig, i: usize| format!("{:?}", c.peers[i].allowed_ips);
    assert_eq!(
        (allowed(&after, 0), allowed(&after, 1)),
        ("[fd00::/64]".into(), "[10.0.0.0/8, 10.1.0.0/16]".into())
    );
    assert_eq!(after.peers[0].keepalive, before.peers[0].keepalive);
    // Back to the first, though it stands before the other.
    let back =
        set(&format!("set=1\npublic_key={}\nallowed_ip=10.0.0.0/8\nallowed_ip=-fd00::/64\n", hex(2)), after);
    assert_eq!((allowed(&back, 0), allowed(&back, 1)), ("[10.0.0.0/8]".into(), "[10.1.0.0/16]".into()));
    let text =
        format!("set=1\npublic_key={0}\nallowed_ip=10.1.0.0/16\npublic_key={0}\nremove=true\n", hex(8));
    assert_eq!(allowed(&set(&text, back.clone()), 1), "[]", "taken, and gone with who took it");
    let cleared = format!(
        "set=1\nprivate_key={0}\nfwmark=0\nlisten_port=0\npublic_key={1}\npreshared_key={0}\n",
        hex(0),
        hex(2)
    );
    let cleared = set(&cleared, back);
    assert_eq!((&cleared.private_key, cleared.fwmark, cleared.listen_port), (&None, 0, None));
    assert_eq!(cleared.peers[0].preshared_key, None);
    let removed = set(
        &format!("set=1\npublic_key={}\nremove=true\npublic_key={}\nupdate_only=true\n", hex(2), hex(9)),
        cleared,
    );
    assert_eq!(removed.peers.iter().map(|p| p.public_key.to_hex()).collect::<Vec<_>>(), [hex(4)]);
    let replaced = set(&format!("set=1\nreplace_peers=true\npublic_key={}\n", hex(5)), removed);
    assert_eq!(replaced.peers, [PeerConfig::new(PublicKey::from_bytes([5; 32]))]);
}

#[test]
fn what_is_not_understood_is_refused() {
    for (text, error) in [
        ("", UapiError::Operation),
        ("got=1", UapiError::Operation),
        ("get=1\nx=1", UapiError::Key),
        ("set=1\nnothing", UapiError::Key),
        ("set=1\nendpoint=1.2.3.4:5", UapiError::Key),
        ("set=1\nlisten_port=65536", UapiError::Value),
        ("set=1\nlisten_port=+1", UapiError::Value),
        ("set=1\nreplace_peers=yes", UapiError::Value),
        ("set=1\npublic_key=00", UapiError::Value),
        ("set=1\nprivate_key=zz", UapiError::Value),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
    for line in [
        "endpoint=name:1",
        "endpoint=1.2.3.4",
        "allowed_ip=10.0.0.0/33",
        "protocol_version=2",
        "private_key=x",
        "x=y",
    ] {
        assert!(parse(&format!("set=1\npublic_key={}\n{line}", hex(1))).is_err(), "{line}");
    }
    assert_eq!(UapiError::Value.errno(), -22);
}

proptest! {
    #[test]
    fn no_request_panics(text in "((get|set)=1\n)?(public_key=[0-9a-f]{64}\n)?([a-z_]{0,20}=?.{0,20}\n){0,4}") {
        if let Ok(Request::Set(set)) = parse(&text) {
            let config = set.apply(sample()).0.normalised();
            prop_assert_eq!(&config.clone().normalised(), &config);
            render(&config, &status(&config));
        }
    }
}
