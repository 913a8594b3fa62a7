use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::packets::Made;
use crate::device::{Device, Inbox, Now, Outbox, Path, Peer, SCRATCH, Wire};
use crate::segment::{PADDING, VnetHeader};
use crate::{Cause, Endpoint, PeerConfig, PresharedKey, PrivateKey, TunnelConfig};

/// What was sent, and to whom.
#[derive(Default)]
struct Air(Vec<(SocketAddr, Vec<u8>)>);

impl Wire for Air {
    fn send(&mut self, path: &mut Path, data: &[u8], size: Option<u16>) -> bool {
        let size = size.map_or(data.len(), usize::from);
        self.0.extend(data.chunks(size).map(|d| (path.remote, d.to_vec())));
        true
    }
}

struct Side {
    device: Device,
    inbox: Inbox,
    outbox: Outbox,
    air: Air,
    addr: SocketAddr,
    now: Instant,
    number: u32,
}

impl Side {
    fn new(addr: &str) -> Self {
        Self {
            device: Device::new(1420),
            inbox: Inbox::new(1 << 20),
            outbox: Outbox::default(),
            air: Air::default(),
            addr: addr.parse().unwrap(),
            now: Instant::now(),
            number: 0,
        }
    }

    fn configure(&mut self, config: &TunnelConfig) {
        let number = &mut self.number;
        self.device.configure(config.clone(), || {
            *number += 0x100;
            *number
        });
    }

    fn transmit(&mut self, packet: &[u8]) {
        self.burst(VnetHeader::default(), packet);
        self.outbox.finish(&mut self.air);
    }

    fn burst(&mut self, header: VnetHeader, packet: &[u8]) {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + PADDING, 0);
        let data = (&mut buffer[..], packet.len());
        self.outbox.transmit(&self.device, header, data, &mut self.air, self.now);
    }

    /// Takes a datagram; gives the packets that come out.
    fn receive(&mut self, from: SocketAddr, datagram: &[u8]) -> Vec<Vec<u8>> {
        let (path, now) =
            (Path { remote: from, local: None }, Now { at: self.now, wall: SystemTime::UNIX_EPOCH });
        self.inbox.receive(&self.device, path, (datagram, None), &mut self.air, now);
        let packets = self.inbox.packets().iter().map(|p| self.inbox.arena()[p.clone()].to_vec()).collect();
        self.inbox.clear();
        packets
    }

    fn tick(&mut self) {
        self.device.tick(&mut self.air, &mut vec![0; SCRATCH], self.now, None);
    }

    fn only(&self) -> Arc<Peer> {
        Arc::clone(self.device.tables().peers().next().unwrap().1)
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.only().lock().path.map(|p| p.remote)
    }

    fn dropped(&self, cause: Cause) -> u64 {
        let list = self.only().drops.list().into_iter().chain(self.device.drops.list());
        list.filter(|(c, _)| *c == cause).map(|(_, n)| n).sum()
    }
}

/// Carries everything until nothing moves; gives what came out at both.
fn settle(a: &mut Side, b: &mut Side) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut at_a, mut at_b) = (Vec::new(), Vec::new());
    loop {
        let (from_a, from_b) = (std::mem::take(&mut a.air.0), std::mem::take(&mut b.air.0));
        if from_a.is_empty() && from_b.is_empty() {
            return (at_a, at_b);
        }
        for (to, datagram) in from_a {
            if to == b.addr {
                at_b.extend(b.receive(a.addr, &datagram));
            }
        }
        for (to, datagram) in from_b {
            if to == a.addr {
                at_a.extend(a.receive(b.addr, &datagram));
            }
        }
    }
}

fn key(id: u8) -> PrivateKey {
    PrivateKey::from_bytes([id; 32]).unwrap()
}

fn peer(id: u8, endpoint: Option<SocketAddr>, allowed: &[&str]) -> PeerConfig {
    let mut peer = PeerConfig::new(key(id).public());
    peer.endpoint = endpoint.map(Endpoint::Addr);
    peer.allowed_ips = allowed.iter().map(|p| p.parse().unwrap()).collect();
    peer
}

fn tunnel(id: u8, peers: Vec<PeerConfig>) -> TunnelConfig {
    TunnelConfig { private_key: Some(key(id)), peers, ..TunnelConfig::default() }
}

const ALL: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// Two that know each other; only the first knows where the other is.
fn pair() -> (Side, Side) {
    let (mut a, mut b) = (Side::new("192.0.2.1:1000"), Side::new("192.0.2.2:2000"));
    a.configure(&tunnel(1, vec![peer(2, Some(b.addr), &ALL)]));
    b.configure(&tunnel(2, vec![peer(1, None, &ALL)]));
    (a, b)
}

fn packet(flow: u8, len: usize) -> Vec<u8> {
    Made::new(false, false, flow, vec![flow; len]).build()
}

fn up() -> (Side, Side) {
    let (mut a, mut b) = pair();
    a.transmit(&packet(1, 10));
    let (_, at_b) = settle(&mut a, &mut b);
    assert_eq!(at_b, [packet(1, 10)]);
    (a, b)
}

#[test]
fn what_waited_for_the_handshake_arrives_in_order_and_the_answer_too() {
    let (mut a, mut b) = pair();
    let packets: Vec<_> = (1..20).map(|n| packet(n, usize::from(n) * 50)).collect();
    packets.iter().for_each(|p| a.transmit(p));
    assert_eq!(a.air.0.len(), 1, "one initiation");
    let (_, at_b) = settle(&mut a, &mut b);
    assert_eq!(at_b, packets);
    b.transmit(&packet(9, 99));
    assert_eq!(settle(&mut a, &mut b).0, [packet(9, 99)]);
    for side in [&a, &b] {
        let peer = side.only();
        let state = peer.lock();
        assert!(state.handshake.is_some() && state.unconfirmed.is_none() && state.asking_since.is_none());
        assert!(state.rx_bytes > 148 && state.tx_bytes > 92);
        assert_eq!(peer.drops.list(), []);
    }
    assert!(a.device.take_news() && b.device.take_news() && !a.device.take_news());
}

#[test]
fn data_is_padded_to_sixteen_and_never_beyond_the_mtu() {
    let (mut a, mut b) = up();
    for (len, sent) in [(1, 32 + 32), (4, 32 + 32), (5, 48 + 32), (1382, 1420 + 32), (1392, 1420 + 32)] {
        a.transmit(&packet(1, len));
        assert_eq!(a.air.0[0].1.len(), sent, "{len}");
        assert_eq!(settle(&mut a, &mut b).1, [packet(1, len)]);
    }
}

#[test]
fn a_burst_leaves_in_runs() {
    let (mut a, mut b) = up();
    let made = Made::new(false, true, 1, vec![5; 60_000]);
    a.burst(VnetHeader::burst(true, false, 40, 20, 1380), &made.build());
    assert!(a.air.0.is_empty(), "it waits for more");
    a.transmit(&packet(1, 10));
    let (_, at_b) = settle(&mut a, &mut b);
    assert_eq!(at_b.len(), 60_000_usize.div_ceil(1380) + 1);
    assert_eq!(at_b.iter().map(|p| p.len() - 40).take(44).sum::<usize>(), 60_000);
}

#[test]
fn roaming_follows_what_is_authentic_and_nothing_else() {
    let (mut a, mut b) = up();
    let elsewhere: SocketAddr = "198.51.100.7:7".parse().unwrap();
    assert_eq!(b.remote(), Some(a.addr));
    a.transmit(&packet(1, 10));
    let datagram = a.air.0.remove(0).1;
    let mut forged = datagram.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(b.receive(elsewhere, &forged).is_empty());
    assert_eq!((b.remote(), b.dropped(Cause::NotAuthentic)), (Some(a.addr), 1));
    assert_eq!(b.receive(elsewhere, &datagram).len(), 1);
    assert_eq!(b.remote(), Some(elsewhere));
    let third: SocketAddr = "203.0.113.3:3".parse().unwrap();
    assert!(b.receive(third, &datagram).is_empty());
    assert_eq!((b.remote(), b.dropped(Cause::Replay)), (Some(elsewhere), 1));
    // The same configuration again does not bring it back, another endpoint does.
    a.configure(&tunnel(1, vec![peer(2, Some(b.addr), &ALL)]));
    assert_eq!(a.remote(), Some(b.addr));
    a.configure(&tunnel(1, vec![peer(2, Some(third), &ALL)]));
    assert_eq!(a.remote(), Some(third));
}

#[test]
fn a_replayed_handshake_changes_nothing() {
    let (mut a, mut b) = pair();
    a.transmit(&packet(1, 10));
    let initiation = a.air.0[0].1.clone();
    settle(&mut a, &mut b);
    assert!(b.receive("203.0.113.3:3".parse().unwrap(), &initiation).is_empty());
    assert_eq!((b.remote(), b.dropped(Cause::HandshakeReplay)), (Some(a.addr), 1));
    assert!(b.air.0.is_empty());
}

#[test]
fn a_peer_may_send_from_its_longest_matches_only() {
    let (mut a, mut b) = (Side::new("192.0.2.1:1000"), Side::new("192.0.2.2:2000"));
    // Packets come from 10.0.0.FLOW.
    a.configure(&tunnel(1, vec![peer(2, Some(b.addr), &["0.0.0.0/0"])]));
    b.configure(&tunnel(2, vec![peer(1, None, &["10.0.0.0/8"]), peer(3, None, &["10.0.0.5/32"])]));
    a.transmit(&packet(1, 10));
    a.transmit(&packet(5, 10));
    let (_, at_b) = settle(&mut a, &mut b);
    assert_eq!(at_b, [packet(1, 10)]);
    assert_eq!(b.dropped(Cause::NotAllowed), 1);
    // Moved to the other peer.
    b.configure(&tunnel(2, vec![peer(1, None, &["10.0.0.0/8", "10.0.0.5/32"]), peer(3, None, &[])]));
    a.transmit(&packet(5, 10));
    assert_eq!(settle(&mut a, &mut b).1, [packet(5, 10)]);
    let tables = b.device.tables();
    let to: IpAddr = "10.0.0.5".parse().unwrap();
    assert_eq!(tables.peers().next().unwrap().0.allowed_ips.iter().filter(|p| p.contains(to)).count(), 2);
}

#[test]
fn the_same_configuration_keeps_sessions_and_another_key_does_not() {
    let (mut a, mut b) = up();
    let before = a.only();
    let mut config = tunnel(1, vec![peer(2, Some(b.addr), &ALL)]);
    a.configure(&config);
    config.peers[0].keepalive = NonZeroU16::new(9);
    config.peers[0].allowed_ips.pop();
    config.peers.insert(0, peer(7, None, &["::/0"]));
    a.configure(&config);
    let kept = a.device.tables().by_key(&key(2).public()).cloned().unwrap();
    assert!(Arc::ptr_eq(&before, &kept));
    a.transmit(&packet(3, 10));
    assert_eq!(settle(&mut a, &mut b).1, [packet(3, 10)]);
    config.peers[1].preshared_key = PresharedKey::from_bytes([9; 32]);
    a.configure(&config);
    let after = a.device.tables().by_key(&key(2).public()).cloned().unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    assert_eq!(after.lock().path.map(|p| p.remote), Some(b.addr), "it is where it was");
    a.transmit(&packet(4, 10));
    assert!(settle(&mut a, &mut b).1.is_empty(), "the other side does not know the secret");
    let mut other = tunnel(2, vec![peer(1, None, &ALL)]);
    other.peers[0].preshared_key = PresharedKey::from_bytes([9; 32]);
    b.configure(&other);
    a.now += Duration::from_secs(1);
    after.lock().ask(&after.drops, true, &mut vec![0; SCRATCH], &mut a.air, a.now);
    assert_eq!(settle(&mut a, &mut b).1, [packet(4, 10)]);
    // Without a key there is nothing.
    a.configure(&TunnelConfig::default());
    a.transmit(&packet(5, 10));
    assert!(a.air.0.is_empty() && a.device.tables().peers().next().is_none());
}

#[test]
fn a_keepalive_begins_at_once_and_comes_back_after_silence() {
    let (mut a, mut b) = pair();
    let mut config = tunnel(1, vec![peer(2, Some(b.addr), &ALL)]);
    config.peers[0].keepalive = NonZeroU16::new(25);
    a.configure(&config);
    a.tick();
    settle(&mut a, &mut b);
    assert!(b.only().lock().handshake.is_some(), "established without any data");
    a.tick();
    assert!(a.air.0.is_empty(), "nothing is due");
    a.now += Duration::from_secs(26);
    a.tick();
    assert_eq!(a.air.0[0].1.len(), 32);
    settle(&mut a, &mut b);
    a.tick();
    assert!(a.air.0.is_empty());
}

#[test]
fn rubbish_changes_nothing_but_counters() {
    let (mut a, mut b) = up();
    let from = "203.0.113.3:3".parse().unwrap();
    let mut initiation = vec![0; 148];
    initiation[0] = 1;
    let mut data = vec![0; 64];
    data[0] = 4;
    for (datagram, cause) in [
        (vec![], Cause::Malformed),
        (vec![1, 2, 3], Cause::Malformed),
        (vec![5; 200], Cause::Malformed),
        (initiation, Cause::BadMac),
        (data, Cause::UnknownSession),
    ] {
        let before = b.dropped(cause);
        assert!(b.receive(from, &datagram).is_empty());
        assert_eq!(b.dropped(cause), before + u64::from(!datagram.is_empty()), "{cause:?}");
    }
    // A number that may not be used, for a session that exists.
    a.transmit(&packet(1, 10));
    let mut datagram = a.air.0.remove(0).1;
    datagram[8..16].fill(0xff);
    assert!(b.receive(a.addr, &datagram).is_empty());
    assert_eq!((b.remote(), b.dropped(Cause::Replay)), (Some(a.addr), 1));
    assert!(b.air.0.is_empty());
}

#[test]
fn a_stranger_is_not_answered() {
    let (a, mut b) = up();
    let mut stranger = Side::new("203.0.113.3:3");
    stranger.configure(&tunnel(3, vec![peer(2, Some(b.addr), &ALL)]));
    stranger.transmit(&packet(1, 10));
    settle(&mut stranger, &mut b);
    assert_eq!((b.dropped(Cause::UnknownPeer), b.remote()), (1, Some(a.addr)));
}

#[test]
fn under_load_addresses_have_to_be_proved_and_then_it_goes_on() {
    let (mut a, mut b) = pair();
    let mut flood = Side::new("203.0.113.3:3");
    for _ in 0..300 {
        flood.configure(&TunnelConfig::default());
        flood.configure(&tunnel(3, vec![peer(2, Some(b.addr), &ALL)]));
        flood.transmit(&packet(1, 10));
    }
    for (_, datagram) in std::mem::take(&mut flood.air.0) {
        b.receive(flood.addr, &datagram);
    }
    assert!(b.dropped(Cause::UnderLoad) >= 90);
    assert!(b.air.0.iter().all(|(to, d)| *to == flood.addr && d.len() == 64));
    b.air.0.clear();
    a.transmit(&packet(1, 10));
    assert!(settle(&mut a, &mut b).1.is_empty());
    assert_eq!(b.remote(), None);
    // With the cookie that came.
    let peer = a.only();
    peer.lock().ask(&peer.drops, true, &mut vec![0; SCRATCH], &mut a.air, a.now);
    assert_eq!(settle(&mut a, &mut b).1, [packet(1, 10)]);
}

#[test]
fn to_whom_nobody_is_and_to_whom_no_way_is_known() {
    let (mut a, mut b) = up();
    b.configure(&tunnel(2, vec![peer(1, None, &["10.0.0.0/9"]), peer(4, None, &["::/0"])]));
    b.transmit(&Made::new(true, false, 1, vec![1]).build());
    assert_eq!(b.device.tables().by_key(&key(4).public()).unwrap().drops.list(), [(Cause::NoEndpoint, 1)]);
    a.configure(&tunnel(1, vec![peer(2, Some(b.addr), &["::/0"])]));
    a.transmit(&packet(1, 10));
    assert_eq!(a.device.drops.list(), [(Cause::NoPeer, 1)]);
}
