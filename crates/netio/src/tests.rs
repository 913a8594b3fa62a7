//! Sockets on loopback, against the real kernel.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use ferr_types::{Afi, IfIndex};

use crate::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn options(port: u16) -> ConnectOptions {
    ConnectOptions {
        remote: SocketAddr::new(LOOPBACK, port),
        scope: None,
        local: Some(LOOPBACK),
        device: None,
        ttl: TtlMode::Hops(64),
        md5: None,
        mss: None,
        tos: 0xc0,
    }
}

fn key(secret: &str) -> Md5Key {
    Md5Key::new(LOOPBACK, 32, None, secret).unwrap()
}

/// Connects with `client` to a listener with `server`; true when a byte comes through.
fn talks(server: Option<Md5Key>, client: ConnectOptions) -> bool {
    let listener = listen(false, Some(LOOPBACK), 0, None).unwrap();
    if let Some(key) = &server {
        set_md5(listener.as_fd(), key, false).unwrap();
    }
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    let client = ConnectOptions { remote: SocketAddr::new(LOOPBACK, port), ..client };
    let socket = connect_socket(&client).unwrap();
    socket.set_nonblocking(false).unwrap();
    if socket.connect_timeout(&client.remote.into(), Duration::from_millis(400)).is_err() {
        return false;
    }
    listener.set_nonblocking(false).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    assert_eq!(bound_ifindex(accepted.as_fd()).unwrap().0, 0);
    let (mut a, mut b) = (TcpStream::from(socket), TcpStream::from(accepted));
    b.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    a.write_all(b"x").unwrap();
    matches!(b.read(&mut [0]), Ok(1))
}

#[test]
fn plain_and_gtsm() {
    assert!(talks(None, options(0)));
    assert!(talks(None, ConnectOptions { ttl: TtlMode::Security(1), mss: Some(1000), ..options(0) }));
}

#[test]
fn md5_needs_the_same_key_on_both_sides() {
    assert!(talks(Some(key("secret")), ConnectOptions { md5: Some(key("secret")), ..options(0) }));
    assert!(!talks(Some(key("secret")), ConnectOptions { md5: Some(key("other")), ..options(0) }));
    assert!(!talks(Some(key("secret")), options(0)));
    assert!(!talks(None, ConnectOptions { md5: Some(key("secret")), ..options(0) }));
}

#[test]
fn a_key_shows_no_secret_and_bad_ones_are_refused() {
    assert!(!format!("{:?}", key("hidden")).contains("hidden"));
    assert!(Md5Key::new(LOOPBACK, 32, None, "").is_none());
    assert!(Md5Key::new(LOOPBACK, 32, None, &"x".repeat(81)).is_none());
}

#[test]
fn an_advertisement_has_the_form_of_rfc_4861() {
    let advert = RouterAdvert {
        hop_limit: 64,
        managed: true,
        preference: 1,
        lifetime: 1800,
        mac: vec![2, 0, 0, 0, 0, 1],
        mtu: Some(1400),
        prefixes: vec![AdvertPrefix {
            prefix: "2001:db8::/64".parse().unwrap(),
            lifetimes: (7200, 3600),
            on_link: true,
            autonomous: true,
            router_address: false,
        }],
        ..RouterAdvert::default()
    };
    let bytes = advert.encode();
    assert_eq!(&bytes[..8], &[134, 0, 0, 0, 64, 0x88, 0x07, 0x08]);
    assert_eq!(&bytes[16..24], &[1, 1, 2, 0, 0, 0, 0, 1]);
    assert_eq!(&bytes[24..32], &[5, 1, 0, 0, 0, 0, 0x05, 0x78]);
    assert_eq!(&bytes[32..36], &[3, 4, 64, 0xc0]);
    assert_eq!(bytes.len(), 16 + 8 + 8 + 32);
}

#[test]
fn options_of_an_advertisement_are_whole_units() {
    let options = |advert: RouterAdvert| advert.encode()[16..].to_vec();
    let search = options(RouterAdvert {
        dnssl: vec![("example.net".into(), 600), ("a.".into(), u32::MAX)],
        ..RouterAdvert::default()
    });
    assert_eq!(&search[..8], &[31, 3, 0, 0, 0, 0, 0x02, 0x58]);
    assert_eq!(&search[8..24], b"\x07example\x03net\0\0\0\0");
    assert_eq!(&search[24..], &[31, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, b'a', 0, 0, 0, 0, 0, 0]);
    let long = options(RouterAdvert { dnssl: vec![("abc.".repeat(200), 1)], ..RouterAdvert::default() });
    assert_eq!((usize::from(long[1]) * 8, long.len() <= 8 + 256), (long.len(), true));
    let agent = RouterAdvert {
        interval_ms: Some(200_000),
        home_agent_info: Some((7, 1800)),
        ..RouterAdvert::default()
    };
    assert_eq!(options(agent), [7, 1, 0, 0, 0, 3, 0x0d, 0x40, 8, 1, 0, 0, 0, 7, 0x07, 0x08]);
}

#[test]
fn tcp_tells_its_round_trip_time() {
    let listener = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let time = round_trip(stream.as_fd()).unwrap();
    assert!(time > Duration::ZERO && time < Duration::from_secs(1), "{time:?}");
    let other = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(round_trip(other.as_fd()), None);
}

#[test]
fn datagrams_come_with_what_the_kernel_knows() {
    for (afi, own) in [(Afi::Ipv4, LOOPBACK), (Afi::Ipv6, IpAddr::V6(std::net::Ipv6Addr::LOCALHOST))] {
        let receiver = bfd_receiver(afi, 0, None).unwrap();
        let to = SocketAddr::new(own, receiver.local_addr().unwrap().port());
        let source = BfdSource { afi, addr: Some(own), scope: None, port: 50_000, device: None, ttl: 255 };
        let sender = bfd_sender(&source).unwrap();
        let second = bfd_sender(&source).unwrap();
        assert_ne!(sender.local_addr().unwrap(), second.local_addr().unwrap(), "the port is taken");
        let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        for payload in [&b"one"[..], b"a longer one", b"three"] {
            sender.send_to(payload, to).unwrap();
        }
        let mut batch = ReceiveBatch::new(2, 8);
        let mut all = Vec::new();
        for _ in 0..2 {
            while batch.receive(receiver.as_fd()).unwrap() > 0 {
                for d in batch.iter() {
                    assert_eq!((d.source, d.destination), (sender.local_addr().unwrap(), Some(own)));
                    assert_eq!((d.ttl, d.ifindex), (Some(255), Some(IfIndex(1))));
                    let waited = d.arrival.unwrap().saturating_sub(before);
                    assert!(waited < Duration::from_secs(5), "{waited:?}");
                    all.push((d.payload.to_vec(), d.truncated));
                }
            }
        }
        let expected = [(b"one".to_vec(), false), (b"a longer".to_vec(), true), (b"three".to_vec(), false)];
        assert_eq!(all, expected);
        assert_eq!(batch.receive(receiver.as_fd()).unwrap(), 0);
    }
}

/// A packet of ours whose addresses are those of a documentation network, so that nobody else cares for it.
#[test]
fn echoes_reach_the_link_although_their_destination_is_their_source() {
    let socket = match EchoSocket::open() {
        Ok(socket) => socket,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return eprintln!("SKIPPED: packet sockets need CAP_NET_RAW");
        }
        Err(error) => panic!("{error}"),
    };
    let addr = Ipv4Addr::new(203, 0, 113, (std::process::id() % 250) as u8 + 1);
    let payload = [0xa5; 33];
    let echo = EchoPacket { addr: addr.into(), source_port: 50_123, ttl: 254, payload: &payload };
    socket.answer(IfIndex(1), LinkAddr::default(), &echo).unwrap();
    let long = EchoPacket { payload: &[0; 129], ..echo };
    let refused = socket.answer(IfIndex(1), LinkAddr::default(), &long);
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    let mut batch = ReceiveBatch::new(2, 128);
    let mut seen = 0;
    for _ in 0..100 {
        batch.receive(socket.as_fd()).unwrap();
        for d in batch.iter().filter(|d| d.source.ip() == IpAddr::V4(addr)) {
            assert_eq!((d.source.port(), d.ttl, d.ifindex), (50_123, Some(254), Some(IfIndex(1))));
            assert!(d.arrival.is_some() && d.link.is_some() && !d.truncated);
            assert_eq!(d.payload, payload);
            seen += 1;
        }
        if seen > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(seen, 1);
    // What is not an echo stays out: the filter of the kernel lets nothing else in.
    let other = std::net::UdpSocket::bind((LOOPBACK, 0)).unwrap();
    other.send_to(b"x", (LOOPBACK, 3786)).unwrap();
    other.send_to(b"x", "127.0.0.2:3785").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    batch.receive(socket.as_fd()).unwrap();
    assert!(batch.iter().all(|d| d.payload != b"x"));
}

#[test]
fn a_run_of_datagrams_arrives_whole_and_from_the_address_that_was_asked_for() {
    for (afi, addr, source) in
        [(Afi::Ipv4, "127.0.0.1", Some("127.0.0.9".parse().unwrap())), (Afi::Ipv6, "::1", None)]
    {
        let options = TunnelSocketOptions { afi, port: 0, device: None, mark: 0, spread: false };
        let (a, b) = (TunnelSocket::open(&options).unwrap(), TunnelSocket::open(&options).unwrap());
        assert_eq!((a.afi(), a.port() == b.port()), (afi, false));
        let to = SocketAddr::new(addr.parse().unwrap(), b.port());
        let data: Vec<u8> = (0..1050_u32).map(|i| (i % 251) as u8).collect();
        a.send(to, source, &data, Some(100)).unwrap();
        a.send(to, source, &data[..7], None).unwrap();
        let mut batch = ReceiveBatch::new(16, 65535);
        let (mut got, mut pieces) = (Vec::new(), 0);
        for _ in 0..100 {
            batch.receive_up_to(b.as_fd(), 4).unwrap();
            for datagram in batch.iter() {
                let size = datagram.segment.map_or(datagram.payload.len(), usize::from);
                pieces += datagram.payload.chunks(size).count();
                got.extend_from_slice(datagram.payload);
                assert_eq!(datagram.source.port(), a.port());
                assert_eq!(datagram.source.ip(), source.unwrap_or(to.ip()));
                assert_eq!(datagram.destination, Some(to.ip()));
            }
            if got.len() == data.len() + 7 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!((pieces, &got[..data.len()], &got[data.len()..]), (12, &data[..], &data[..7]));
        // An address that is not ours is an error, and nothing is sent.
        let foreign = if afi == Afi::Ipv4 { "192.0.2.99" } else { "2001:db8::99" };
        assert!(a.send(to, Some(foreign.parse().unwrap()), &data, Some(100)).is_err());
        assert_eq!(batch.receive(b.as_fd()).unwrap(), 0);
    }
}

#[test]
fn a_device_that_is_none_is_refused() {
    for name in ["", "a-name-that-is-too-long", "tun%d", "a/b", "a\0b"] {
        assert!(open_tun(name, 1).is_err(), "{name}");
    }
    let query = InterfaceQuery::new().unwrap();
    let lo = query.index("lo").unwrap();
    assert_eq!(query.name(lo).unwrap(), "lo");
    assert!(query.mtu("lo").unwrap() >= 1280 && query.mtu("no-such").is_err());
}
