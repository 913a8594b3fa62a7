//! WireGuard: datagrams at the port of a tunnel, and requests at its control socket.
//!
//! What the other side has not sent as it is must change nothing but counters: no peer's place, no octet counted, no packet that comes
//! out. What it has sent must come out once.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use blake2::digest::consts::U16;
use blake2::digest::{Digest, FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac};
use ferr_wireguard::device::{Device, Inbox, Now, Outbox, Path, SCRATCH, Wire};
use ferr_wireguard::uapi::{Request, parse, render};
use ferr_wireguard::{
    Endpoint, PeerConfig, PeerStatus, PrivateKey, SocketState, TunnelConfig, TunnelStatus, VnetHeader,
};

const SILENCE: Duration = Duration::from_secs(15);

#[derive(Default)]
struct Air(Vec<Vec<u8>>);

impl Wire for Air {
    fn send(&mut self, _: &mut Path, data: &[u8], size: Option<u16>) -> bool {
        self.0.extend(data.chunks(size.map_or(data.len(), usize::from)).map(<[u8]>::to_vec));
        true
    }
}

struct Side {
    device: Device,
    inbox: Inbox,
    outbox: Outbox,
    air: Air,
}

fn key(id: u8) -> PrivateKey {
    PrivateKey::from_bytes([id; 32]).expect("not zero")
}

fn addr(id: u8) -> SocketAddr {
    ([192, 0, 2, id], 51820).into()
}

impl Side {
    fn new(own: u8, other: u8) -> Self {
        let mut peer = PeerConfig::new(key(other).public());
        peer.endpoint = Some(Endpoint::Addr(addr(other)));
        peer.allowed_ips = vec!["0.0.0.0/0".parse().expect("a prefix")];
        let config =
            TunnelConfig { private_key: Some(key(own)), peers: vec![peer], ..TunnelConfig::default() };
        let device = Device::new(1420);
        let mut number = 0;
        device.configure(config, || {
            number += 0x100;
            number
        });
        Self { device, inbox: Inbox::new(1 << 17), outbox: Outbox::default(), air: Air::default() }
    }

    fn transmit(&mut self, data: &[u8], now: Now) {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend_from_slice(data);
        let len = packet.len();
        packet[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        packet.resize(len + 16, 0);
        let Self { device, outbox, air, .. } = self;
        outbox.transmit(device, VnetHeader::default(), (&mut packet, len), air, now.at);
        outbox.finish(air);
    }

    /// Takes a datagram; gives the number of packets that come out.
    fn receive(&mut self, from: SocketAddr, data: &[u8], size: Option<u16>, now: Now) -> usize {
        self.inbox.clear();
        let path = Path { remote: from, local: None };
        self.inbox.receive(&self.device, path, (data, size), &mut self.air, now);
        for packet in self.inbox.packets() {
            assert!(packet.end <= self.inbox.arena().len());
        }
        self.inbox.packets().len()
    }

    /// All that may change by what is authentic only.
    fn peers(&self, now: Now) -> Vec<PeerStatus> {
        let mut peers = self.device.peers(SILENCE, now.at);
        peers.iter_mut().for_each(|p| p.drops.clear());
        peers
    }
}

/// Makes a handshake message one that was made for the key of side 2.
fn stamp(message: &mut [u8]) {
    static KEY: OnceLock<[u8; 32]> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let hash = Blake2s256::new().chain_update(b"mac1----").chain_update(key(2).public().as_bytes());
        Digest::finalize(hash).into()
    });
    let at = message.len() - 32;
    let mut mac = <Blake2sMac<U16> as KeyInit>::new_from_slice(key).expect("32 octets");
    Update::update(&mut mac, &message[..at]);
    message[at..at + 16].copy_from_slice(&mac.finalize_fixed());
}

fn settle(a: &mut Side, b: &mut Side, now: Now) {
    for _ in 0..8 {
        for datagram in std::mem::take(&mut a.air.0) {
            b.receive(addr(1), &datagram, None, now);
        }
        for datagram in std::mem::take(&mut b.air.0) {
            a.receive(addr(2), &datagram, None, now);
        }
    }
}

/// Steps: what is done to the datagram that is made, and octets for it.
pub fn port(input: &[u8]) {
    let now = Now { at: Instant::now(), wall: SystemTime::UNIX_EPOCH };
    let (mut a, mut b) = (Side::new(1, 2), Side::new(2, 1));
    let Some((first, mut rest)) = input.split_first() else { return };
    if first & 1 != 0 {
        a.transmit(b"hello", now);
        settle(&mut a, &mut b, now);
    }
    let elsewhere = addr(99);
    for _ in 0..24 {
        let Some((step, more)) = rest.split_first() else { break };
        let (octets, left) = more.split_at(more.len().min(usize::from(step >> 3) * 8 + 4));
        rest = left;
        a.transmit(octets, now);
        let real = a.air.0.pop().unwrap_or_default();
        let before = b.peers(now);
        let mut forged = real.clone();
        match step & 7 {
            // Somewhere something else.
            0 => {
                let len = forged.len();
                for pair in octets.chunks_exact(2).filter(|_| len > 0) {
                    forged[usize::from(pair[0]) % len] ^= pair[1];
                }
                // The proof of the address at the end of a handshake is looked at under load only.
                if let (148, Some(proof)) = (len, real.get(132..)) {
                    forged[132..].copy_from_slice(proof);
                }
            }
            // Shorter or longer.
            1 => {
                let len = octets.first().map_or(0, |n| usize::from(*n));
                forged.resize(len, 0x5a);
            }
            // Whatever it is.
            2 => forged = octets.to_vec(),
            // A message of each type, of the right length, made for our key.
            kind @ 3..=5 => {
                let len = [148, 92, 64][usize::from(kind) - 3];
                forged = octets.iter().copied().cycle().take(len).collect();
                forged.resize(len, 0);
                forged[..4].copy_from_slice(&[kind - 2, 0, 0, 0]);
                if kind < 5 {
                    stamp(&mut forged);
                }
            }
            // Several at once, none of them whole.
            6 => {
                forged.extend_from_slice(octets);
                forged.truncate(forged.len().saturating_sub(1));
                let size = octets.first().map(|n| u16::from(*n) + 1);
                let chunk = size.map_or(forged.len(), usize::from).max(1);
                if forged.chunks(chunk).all(|c| c != real) {
                    b.receive(elsewhere, &forged, size, now);
                    assert_eq!(b.peers(now), before);
                }
                forged.clear();
            }
            // As it is, and again.
            _ => {
                let came = b.receive(elsewhere, &real, None, now);
                let after = b.peers(now);
                assert!(came <= 1);
                b.air.0.clear();
                assert_eq!(b.receive(addr(98), &real, None, now), 0);
                assert_eq!(b.peers(now), after);
                continue;
            }
        }
        if forged != real {
            let came = b.receive(elsewhere, &forged, None, now);
            assert_eq!((came, b.peers(now)), (0, before));
        }
    }
    let mut scratch = vec![0; SCRATCH];
    b.device.tick(&mut b.air, &mut scratch, now.at, Some(SILENCE));
}

/// Requests of the control socket, one after the other.
pub fn uapi(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut config = TunnelConfig::default();
    for request in text.split("\n\n") {
        let Ok(Request::Set(set)) = parse(request) else { continue };
        let named = set.peers.len();
        let peers = config.peers.len();
        let (next, places) = set.apply(config);
        config = next.normalised();
        assert!(config.peers.len() <= peers + named && places.len() <= named);
        assert_eq!(config.clone().normalised(), config);
        let status = TunnelStatus {
            public_key: None,
            sockets: SocketState::Closed,
            fwmark: config.fwmark,
            mtu: 1420,
            lost: false,
            peers: Vec::new(),
            drops: Vec::new(),
        };
        // What is shown is understood again, less what only shows: times and counters.
        let shown = render(&config, &status);
        let only = ["last_handshake", "tx_bytes", "rx_bytes"];
        let back: String = shown
            .lines()
            .filter(|l| !only.iter().any(|o| l.starts_with(o)))
            .map(|l| format!("{l}\n"))
            .collect();
        let Ok(Request::Set(set)) = parse(&format!("set=1\n{back}")) else { panic!("{}", shown.as_str()) };
        let mut expected = config.clone();
        expected.peers.iter_mut().for_each(|p| p.endpoint = None);
        assert_eq!(set.apply(TunnelConfig::default()).0.normalised(), expected);
    }
}
