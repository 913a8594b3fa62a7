//! Debian's `wg` on our control socket.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ferr_testnet::Error;
use ferr_wireguard::{Endpoint, PeerConfig, PresharedKey, PrivateKey, SocketState, TunnelEvent};

use super::bed::{Bed, INNER_THEM, PORT, our_config, our_key, their_conf, their_key, with_bed};

fn conf_of(bed: &Bed, host: &ferr_testnet::Host, name: &str) -> Result<String, Error> {
    let text = bed.wg(host, &["showconf", name])?;
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.starts_with("Endpoint")).collect();
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

#[test]
fn show_tells_what_both_know() -> Result<(), Error> {
    with_bed("wgshow", |bed| {
        let mut config = our_config();
        config.fwmark = 0x1234;
        config.peers[0].keepalive = std::num::NonZeroU16::new(25);
        let _go = bed.theirs(&their_conf(""))?;
        let ours = bed.ours(&config)?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        // All that is under way arrives.
        std::thread::sleep(Duration::from_millis(500));
        let (us, them) = (our_key().public().to_string(), their_key().public().to_string());
        let dump = bed.wg(&bed.us, &["show", &bed.ours, "dump"])?;
        let lines: Vec<Vec<&str>> = dump.lines().map(|l| l.split('\t').collect()).collect();
        let secret = our_key().expose_base64();
        assert_eq!(lines[0], [secret.as_str(), &us, "51820", "0x1234"]);
        let [peer, psk, endpoint, allowed, handshake, rx, tx, keepalive] = lines[1][..] else {
            panic!("{dump}")
        };
        assert_eq!((peer, psk, endpoint), (them.as_str(), "(none)", "192.0.2.2:51820"));
        assert_eq!((allowed, keepalive), ("0.0.0.0/0,::/0", "25"));
        let wall = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        assert!(handshake.parse::<u64>().unwrap().abs_diff(wall) < 5);
        // What one has sent the other has received, handshakes included.
        let other = bed.wg(&bed.them, &["show", &bed.theirs, "transfer"])?;
        let other: Vec<&str> = other.trim().split('\t').collect();
        assert_eq!((rx, tx), (other[2], other[1]));
        // Its text can be read back and changes nothing.
        let text = bed.wg(&bed.us, &["showconf", &bed.ours])?;
        let path = bed.us.file("shown.conf", &text)?.display().to_string();
        let before = ours.peer().last_handshake;
        bed.wg(&bed.us, &["setconf", &bed.ours, &path])?;
        ours.wait(5, |e| *e == TunnelEvent::Reconfigured);
        assert_eq!(bed.wg(&bed.us, &["showconf", &bed.ours])?, text);
        assert_eq!(ours.peer().last_handshake, before, "sessions are kept");
        Ok(())
    })
}

#[test]
fn syncconf_keeps_sessions_and_addconf_adds() -> Result<(), Error> {
    with_bed("wgsync", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        let before = ours.peer().last_handshake;
        let stranger = PrivateKey::from_bytes([7; 32]).unwrap().public();
        let text = bed.wg(&bed.us, &["showconf", &bed.ours])?;
        let more = format!("{text}\n[Peer]\nPublicKey = {stranger}\nAllowedIPs = 10.77.0.0/16\n");
        let path = bed.us.file("more.conf", &more)?.display().to_string();
        bed.wg(&bed.us, &["syncconf", &bed.ours, &path])?;
        assert_eq!(ours.tunnel.status().peers.len(), 2);
        let kept = |ours: &super::bed::Ours| {
            let peers = ours.tunnel.status().peers;
            peers.into_iter().find(|p| p.public_key == their_key().public()).unwrap().last_handshake
        };
        assert_eq!(kept(&ours), before);
        bed.us.ping(None, INNER_THEM.parse().unwrap(), Duration::from_secs(1))?;
        let path = bed.us.file("less.conf", &text)?.display().to_string();
        bed.wg(&bed.us, &["syncconf", &bed.ours, &path])?;
        assert_eq!((ours.tunnel.status().peers.len(), kept(&ours)), (1, before));
        let part = format!("[Peer]\nPublicKey = {stranger}\n");
        let path = bed.us.file("part.conf", &part)?.display().to_string();
        bed.wg(&bed.us, &["addconf", &bed.ours, &path])?;
        assert_eq!((ours.tunnel.status().peers.len(), kept(&ours)), (2, before));
        bed.wg(&bed.us, &["set", &bed.ours, "peer", &stranger.to_string(), "remove"])?;
        assert_eq!(ours.tunnel.status().peers.len(), 1);
        // The configuration of the daemon is the last word.
        ours.tunnel.configure(&our_config()).unwrap();
        assert_eq!((ours.tunnel.config(), kept(&ours)), (our_config().normalised(), before));
        Ok(())
    })
}

#[test]
fn an_allowed_prefix_moves_between_peers() -> Result<(), Error> {
    with_bed("wgallowed", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        let stranger = PrivateKey::from_bytes([7; 32]).unwrap().public().to_string();
        bed.wg(&bed.us, &["set", &bed.ours, "peer", &stranger, "allowed-ips", "10.9.0.2/32"])?;
        bed.does_not_reach(&bed.us, INNER_THEM);
        // What comes from it now comes from the wrong peer.
        bed.does_not_reach(&bed.them, super::bed::INNER_US);
        assert!(ours.peer().drops.iter().any(|(c, n)| *c == ferr_wireguard::Cause::NotAllowed && *n > 0));
        let them = their_key().public().to_string();
        bed.wg(&bed.us, &["set", &bed.ours, "peer", &them, "allowed-ips", "10.9.0.2/32"])?;
        bed.reaches(&bed.us, INNER_THEM, 5)?;
        let allowed = bed.wg(&bed.us, &["show", &bed.ours, "allowed-ips"])?;
        assert!(allowed.contains(&format!("{stranger}\t(none)")), "{allowed}");
        Ok(())
    })
}

#[test]
fn a_preshared_key_is_needed_by_both() -> Result<(), Error> {
    with_bed("wgpsk", |bed| {
        let secret = PresharedKey::from_bytes([9; 32]).unwrap();
        let mut config = our_config();
        config.peers[0].preshared_key = Some(secret.clone());
        let ours = bed.ours(&config)?;
        let line = format!("PresharedKey = {}\n", secret.expose_base64().as_str());
        let go = bed.theirs(&their_conf(&line))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        let file = bed.us.file("other.psk", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
        let them = their_key().public().to_string();
        let file = file.display().to_string();
        bed.wg(&bed.us, &["set", &bed.ours, "peer", &them, "preshared-key", &file])?;
        bed.does_not_reach(&bed.us, INNER_THEM);
        let us = our_key().public().to_string();
        bed.wg(&bed.them, &["set", &bed.theirs, "peer", &us, "preshared-key", &file])?;
        bed.reaches(&bed.us, INNER_THEM, 20)?;
        assert!(ours.peer().has_preshared_key);
        assert!(!format!("{:?}{:?}", ours.tunnel.status(), ours.tunnel.config()).contains("AAEC"));
        drop(go);
        Ok(())
    })
}

#[test]
fn ports_move_without_losing_sessions() -> Result<(), Error> {
    with_bed("wgport", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        let before = ours.peer().last_handshake;
        bed.wg(&bed.us, &["set", &bed.ours, "listen-port", "0"])?;
        let SocketState::Bound(port) = ours.tunnel.status().sockets else { panic!("not bound") };
        assert!(port != PORT && port != 0);
        assert_eq!(bed.wg(&bed.us, &["show", &bed.ours, "listen-port"])?.trim(), port.to_string());
        bed.us.ping(None, INNER_THEM.parse().unwrap(), Duration::from_secs(1))?;
        assert_eq!(ours.peer().last_handshake, before);
        // The other side has seen us move.
        let endpoints = bed.wg(&bed.them, &["show", &bed.theirs, "endpoints"])?;
        assert!(endpoints.contains(&format!("192.0.2.1:{port}")), "{endpoints}");
        // The same again keeps the port that was chosen.
        let mut config = our_config();
        config.listen_port = None;
        ours.tunnel.configure(&config).unwrap();
        assert_eq!(ours.tunnel.status().sockets, SocketState::Bound(port));
        Ok(())
    })
}

#[test]
fn a_port_that_is_taken_changes_nothing() -> Result<(), Error> {
    with_bed("wgtaken", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        let taken = bed.us.netns().enter(|| std::net::UdpSocket::bind("0.0.0.0:4000"))?.unwrap();
        let mut config = our_config();
        config.listen_port = std::num::NonZeroU16::new(4000);
        config.peers.push(PeerConfig::new(our_key().public()));
        assert!(ours.tunnel.configure(&config).unwrap_err().to_string().contains("4000"));
        assert!(bed.wg(&bed.us, &["set", &bed.ours, "listen-port", "4000"]).is_err());
        assert_eq!(ours.tunnel.config(), our_config().normalised());
        bed.us.ping(None, INNER_THEM.parse().unwrap(), Duration::from_secs(1))?;
        drop(taken);
        ours.tunnel.configure(&config).unwrap();
        assert_eq!(
            conf_of(bed, &bed.us, &bed.ours)?.lines().filter(|l| l.starts_with("PublicKey")).count(),
            1
        );
        Ok(())
    })
}

#[test]
fn whoever_misbehaves_on_the_control_socket_hinders_nobody() -> Result<(), Error> {
    with_bed("wgsocket", |bed| {
        let ours = bed.ours(&our_config())?;
        let path = format!("{}/{}.sock", super::bed::CONTROL, bed.ours);
        let connect = || UnixStream::connect(&path).unwrap();
        let ask = |text: &[u8]| {
            let mut stream = connect();
            stream.write_all(text).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut answer = String::new();
            let mut octet = [0];
            while !answer.ends_with("\n\n") && stream.read(&mut octet).is_ok_and(|n| n == 1) {
                answer.push(char::from(octet[0]));
            }
            answer
        };
        assert_eq!(ask(b"what=1\n\n"), "errno=-71\n\n");
        assert_eq!(ask(b"set=1\nlisten_port=x\n\n"), "errno=-22\n\n");
        assert_eq!(ask(b"set=1\npublic_key=\xff\xfe\n\n"), "errno=-22\n\n");
        // Half a request and then nothing; several that only sit there.
        let mut slow = connect();
        slow.write_all(b"set=1\nprivate_").unwrap();
        let idle = [connect(), connect()];
        assert!(
            bed.wg(&bed.us, &["show", &bed.ours, "public-key"])?.contains(&our_key().public().to_string())
        );
        // A request without end.
        let mut endless = connect();
        let line = [b'x'; 1 << 16];
        while endless.write_all(&line).is_ok() {}
        assert!(ask(b"get=1\n\n").ends_with("errno=0\n\n"));
        assert_eq!(ours.tunnel.config(), our_config().normalised());
        drop((slow, idle));
        // Only root may speak to it, and it goes with the tunnel.
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(ours);
        assert!(!std::path::Path::new(&path).exists());
        Ok(())
    })
}

#[test]
fn a_name_is_resolved_and_the_peer_found() -> Result<(), Error> {
    with_bed("wgname", |bed| {
        // Both ends on one host: its own name is the one that every machine knows.
        let mut config = our_config();
        let unknown = Endpoint::Name { host: "no-such-host.invalid".into(), port: 4000 };
        config.peers[0].endpoint = Some(unknown);
        config.peers[0].keepalive = std::num::NonZeroU16::new(1);
        let ours = bed.ours(&config)?;
        let other = Bed {
            us: bed.us.clone(),
            them: bed.us.clone(),
            ours: bed.theirs.clone(),
            theirs: bed.ours.clone(),
            net: ferr_testnet::Net::new("wgname2")?,
        };
        let mut theirs = ferr_wireguard::wg_quick::parse(&their_conf("")).0.tunnel;
        theirs.listen_port = std::num::NonZeroU16::new(4000);
        let _theirs = other.ours(&theirs)?;
        assert_eq!(ours.peer().endpoint, None);
        config.peers[0].endpoint = Some(Endpoint::Name { host: "localhost".into(), port: 4000 });
        ours.tunnel.configure(&config).unwrap();
        ours.wait(10, |e| *e == TunnelEvent::Handshake(their_key().public()));
        assert!(ours.peer().endpoint.unwrap().ip().is_loopback());
        Ok(())
    })
}
