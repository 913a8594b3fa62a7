use std::os::unix::fs::PermissionsExt;

use crate::wg_quick::{LineError, QuickError, QuickKey, parse};
use crate::{Endpoint, KeyFileError, PrivateKey, read_preshared_key, read_private_key};

const PRIVATE: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PEER: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const PSK: &str = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=";

#[test]
fn everything_is_carried_over_or_told() {
    let text = format!(
        "# made by hand\n[Interface]\nprivatekey = {PRIVATE}\nAddress = 10.0.0.1/30, fd00::1/64\nListenPort=51820\n\
         FwMark = 0xca6c\nTable = off\nMTU = 1380\nPostUp = ip route add 1.2.3.4 dev %i # and a comment\n\n\
         [Peer]\n# Frankfurt\nPublicKey = {PEER}\nPresharedKey = {PSK}\nAllowedIPs = 10.0.0.2, fd00::/64\nAllowedIPs = 0.0.0.0/0\n\
         Endpoint = vpn.example.net:51820\nPersistentKeepalive = 25\n"
    );
    let (file, errors) = parse(&text);
    assert_eq!(errors, []);
    let tunnel = &file.tunnel;
    assert_eq!(tunnel.private_key, PRIVATE.parse().ok());
    assert_eq!((tunnel.listen_port.map(u16::from), tunnel.fwmark), (Some(51820), 0xca6c));
    let peer = &tunnel.peers[0];
    assert_eq!(peer.public_key.to_string(), PEER);
    assert_eq!(peer.preshared_key, PSK.parse().ok());
    assert_eq!(peer.endpoint, Some(Endpoint::Name { host: "vpn.example.net".into(), port: 51820 }));
    assert_eq!(format!("{:?}", peer.allowed_ips), "[10.0.0.2/32, fd00::/64, 0.0.0.0/0]");
    assert_eq!(peer.keepalive.map(u16::from), Some(25));
    assert_eq!(format!("{:?}", file.addresses), "[10.0.0.1/30, fd00::1/64]");
    assert_eq!(file.mtu, Some(1380));
    let own: Vec<_> = file.own.iter().map(|l| (l.line, l.key, l.value.as_str())).collect();
    assert_eq!(
        own,
        [
            (4, QuickKey::Address, "10.0.0.1/30, fd00::1/64"),
            (7, QuickKey::Table, "off"),
            (8, QuickKey::Mtu, "1380"),
            (9, QuickKey::PostUp, "ip route add 1.2.3.4 dev %i"),
        ]
    );
    assert_eq!((file.notes[0].peer, file.notes[0].text.as_str()), (0, "Frankfurt"));
    assert!(!format!("{file:?}").contains(&PRIVATE[..10]), "secrets are not shown");
    assert!(!format!("{file:?}").contains(&PSK[..10]), "secrets are not shown");
}

#[test]
fn all_errors_come_at_once() {
    let text = "x\n[Interface]\nPrivateKey = short\nListenPort = 70000\nFwMark = +1\nAddress = 10.0.0.1/33\nMTU=x\nWhat = 1\n\
                [Peer]\nAllowedIPs = 10.0.0.0/8,\nEndpoint = 10.0.0.1\nPersistentKeepalive = -1\nListenPort = 1\n[What]\nany = 1\n";
    let (file, errors) = parse(text);
    let expected = [
        (1, QuickError::Syntax),
        (3, QuickError::NotAKey),
        (4, QuickError::Port),
        (5, QuickError::Mark),
        (6, QuickError::Prefix),
        (7, QuickError::Mtu),
        (8, QuickError::Key),
        (9, QuickError::NoPublicKey),
        (10, QuickError::Prefix),
        (11, QuickError::Endpoint),
        (12, QuickError::Keepalive),
        (13, QuickError::Key),
        (14, QuickError::Section),
    ];
    assert_eq!(errors, expected.map(|(line, error)| LineError { line, error }));
    assert!(file.tunnel.peers.is_empty());
}

#[test]
fn secrets_of_all_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, format!("{PRIVATE}\n")).unwrap();
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    for open in [0o644, 0o640, 0o604, 0o660] {
        mode(open);
        let error = read_private_key(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Mode { mode, .. } if mode == open), "{error}");
        assert!(error.to_string().contains("chmod 600 "), "{error}");
    }
    mode(0o600);
    let key: PrivateKey = read_private_key(&path).unwrap();
    assert_eq!(key.public().to_string(), "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=");
    std::fs::write(&path, "secret but no key").unwrap();
    let error = read_preshared_key(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAKey(_)) && !error.to_string().contains("secret"), "{error}");
    assert!(matches!(read_private_key(dir.path()), Err(KeyFileError::NotAFile(_))));
    assert!(matches!(read_private_key(&dir.path().join("none")), Err(KeyFileError::Read { .. })));
}
