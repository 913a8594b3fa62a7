//! A whole OSPF instance between an honest neighbor and one that says anything.
//!
//! Three routers: A in the middle, B on a point-to-point link, H on another link of any kind. All become adjacent; then packets that
//! the input makes up come in as if from H, and time passes. Whatever H says, B must stay adjacent all the time.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ferr_ospf::config::{
    AreaConfig, InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType, StaticNeighbor,
};
use ferr_ospf::wire::{Age, Hello, HelloLink};
use ferr_ospf::wire::{
    AuthOut, Dbd, DbdFlags, LinkStateId, LsSequence, LsaHeader, LsaRequest, LsaType, LsaWriter, Options,
    Origin, PacketWriter, UpdateWriter, Version, seal_v2, seal_v3,
};
use ferr_ospf::{Clear, Instance, NeighborState, Output, Received, Start, Transmit};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, RouterId, VrfId};

const A: usize = 0;
const B: usize = 1;
const H: usize = 2;
const MAX_STEPS: usize = 64;
/// Calls in one span after which the routers are taken for never coming to rest.
const MAX_CALLS: usize = 200_000;

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = usize::from(self.byte()).min(self.0.len());
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head.to_vec()
    }
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(|| Instant::now() + Duration::from_secs(100_000))
}

fn router(n: usize) -> RouterId {
    RouterId(Ipv4Addr::new(10, 9, 9, [5, 1, 7][n]))
}

fn v4(link: u32, n: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, link as u8, n as u8 + 1)
}

fn v6(link: u32, n: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, link as u16, n as u16 + 1)
}

fn addr(version: Version, link: u32, n: usize) -> IpAddr {
    match version {
        Version::V2 => v4(link, n).into(),
        Version::V3 => v6(link, n).into(),
    }
}

fn interface(version: Version, link: u32, n: usize, other: usize, network: NetworkType) -> InterfaceConfig {
    let v2 = version == Version::V2;
    let prefix = Ipv4Prefix::new(v4(link, 0), 24).expect("a length that fits");
    InterfaceConfig {
        address: v2.then_some((v4(link, n), prefix)),
        link_local: (!v2).then_some(v6(link, n)),
        bfd: true,
        neighbors: BTreeMap::from([(
            addr(version, link, other),
            StaticNeighbor { priority: 1, poll: Duration::from_secs(60) },
        )]),
        ..InterfaceConfig::new(&format!("eth{link}"), AreaId::BACKBONE, network)
    }
}

struct World {
    version: Version,
    now: Instant,
    routers: Vec<Instance>,
    /// A lost B.
    lost: bool,
    watching: bool,
}

impl World {
    fn new(version: Version, network: NetworkType) -> Self {
        let now = start();
        let p2p = NetworkType::PointToPoint;
        let links: [&[(u32, usize, NetworkType)]; 3] =
            [&[(1, H, network), (2, B, p2p)], &[(2, A, p2p)], &[(1, A, network)]];
        let make = |n: usize| {
            let mut config = InstanceConfig::new(version, VrfId::DEFAULT, "default", router(n));
            config.areas.insert(AreaId::BACKBONE, AreaConfig::default());
            config.graceful.helper = true;
            for (link, other, network) in links[n] {
                let interface = interface(version, *link, n, *other, *network);
                let key = InterfaceKey::Link(IfIndex(*link), interface.address.map(|(addr, _)| addr));
                config.interfaces.insert(key, interface);
            }
            let start = Start { seed: n as u64, boot_count: 1, restarting: None };
            Instance::new(config, Arc::new(PolicySet::default()), start, now)
        };
        let routers = (0..3).map(make).collect();
        Self { version, now, routers, lost: false, watching: false }
    }

    fn deliver(&mut self, from: usize, packet: &Transmit) {
        let Some(ifindex) = packet.ifindex else { return };
        let to = match (from, ifindex.0) {
            (A, 1) => H,
            (A, _) => B,
            _ => A,
        };
        let received = Received {
            ifindex,
            source: packet.source,
            destination: packet.destination,
            payload: &packet.packet,
        };
        self.routers[to].receive(&received, self.now);
    }

    fn flush(&mut self) {
        let mut waiting: VecDeque<(usize, Transmit)> = VecDeque::new();
        for _ in 0..MAX_CALLS {
            for n in 0..self.routers.len() {
                while let Some(output) = self.routers[n].poll_output() {
                    match output {
                        Output::Transmit(packet) => waiting.push_back((n, packet)),
                        Output::Neighbor(change) if n == A && change.router == router(B) => {
                            let own_link = change.interface >= InterfaceKey::Link(IfIndex(2), None);
                            self.lost |= self.watching && own_link && change.to != NeighborState::Full;
                        }
                        _ => {}
                    }
                }
                self.routers[n].take_rib_updates();
            }
            let Some((from, packet)) = waiting.pop_front() else { return };
            self.deliver(from, &packet);
        }
        panic!("no rest");
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..MAX_CALLS {
            self.flush();
            let due = self.routers.iter().filter_map(Instance::poll_timeout).min();
            let Some(due) = due.filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            for router in &mut self.routers {
                router.handle_timeout(self.now);
            }
        }
        panic!("no rest");
    }

    fn origin(&self, input: &mut Input<'_>) -> Origin {
        let strange = input.byte();
        Origin {
            version: self.version,
            router: if strange == 1 { RouterId(input.word().into()) } else { router(H) },
            area: if strange == 2 { AreaId(input.word().into()) } else { AreaId::BACKBONE },
            instance: if strange == 3 { input.byte() } else { 0 },
        }
    }

    fn header(&self, input: &mut Input<'_>) -> LsaHeader {
        let kind = input.byte();
        let kind = match self.version {
            Version::V2 => LsaType::V2(kind % 16),
            Version::V3 => LsaType::V3(u16::from(kind & 0xf0) << 8 | u16::from(kind & 0x0f)),
        };
        let who = input.byte();
        let router = if who < 3 { router(usize::from(who)) } else { RouterId(Ipv4Addr::new(1, 1, 1, who)) };
        let id = match input.byte() {
            0 => LinkStateId(router.0.to_bits()),
            1 => LinkStateId(v4(1, A).to_bits()),
            2 => LinkStateId(input.word()),
            id => LinkStateId(u32::from(id) - 3),
        };
        let sequence = match input.byte() {
            0 => LsSequence::MAX,
            1 => LsSequence::RESERVED,
            2 => LsSequence(input.word() as i32),
            n => LsSequence(LsSequence::INITIAL.0.saturating_add(i32::from(n))),
        };
        let age = match input.byte() {
            0 => Age::MAX,
            1 => Age(input.word() as u16),
            n => Age(u16::from(n)),
        };
        let checksum = input.byte().into();
        LsaHeader { age, options: Options::E, kind, id, router, sequence, checksum, length: 24 }
    }

    /// A packet that H might send, with everything right but what the input makes wrong.
    fn packet(&self, input: &mut Input<'_>, buf: &mut [u8]) -> Option<usize> {
        let origin = self.origin(input);
        let options = match self.version {
            Version::V2 => Options::E | Options::O,
            Version::V3 => Options::E | Options::V6 | Options::R,
        };
        match input.byte() % 5 {
            0 => self.hello(input, &origin, buf),
            1 => {
                let flags = DbdFlags::from_bits_retain(input.byte());
                let sequence = input.word();
                let mut writer =
                    PacketWriter::dbd(buf, &origin, &Dbd { mtu: 1500, options, flags, sequence }).ok()?;
                for _ in 0..input.byte() % 8 {
                    writer.push(&self.header(input)).ok()?;
                }
                writer.finish().ok()
            }
            2 => {
                let mut writer = PacketWriter::ls_request(buf, &origin).ok()?;
                for _ in 0..input.byte() % 8 {
                    let LsaHeader { kind, id, router, .. } = self.header(input);
                    writer.push(&LsaRequest { kind, id, router }).ok()?;
                }
                writer.finish().ok()
            }
            3 => {
                let mut writer = UpdateWriter::new(buf, &origin).ok()?;
                for _ in 0..input.byte() % 8 {
                    let (header, body) = (self.header(input), input.bytes());
                    let mut lsa = vec![0; LsaHeader::LEN + body.len()];
                    let mut inner = LsaWriter::new(&mut lsa, &header).ok()?;
                    inner.raw(&body).ok()?;
                    inner.finish().ok()?;
                    writer.push(&lsa, header.age).ok()?;
                }
                writer.finish().ok()
            }
            _ => {
                let mut writer = PacketWriter::ls_ack(buf, &origin).ok()?;
                for _ in 0..input.byte() % 8 {
                    writer.push(&self.header(input)).ok()?;
                }
                writer.finish().ok()
            }
        }
    }

    fn hello(&self, input: &mut Input<'_>, origin: &Origin, buf: &mut [u8]) -> Option<usize> {
        let strange = input.byte();
        let hello = Hello {
            link: match self.version {
                Version::V2 => {
                    HelloLink::Mask(Ipv4Addr::new(255, 255, 255, if strange == 1 { 128 } else { 0 }))
                }
                Version::V3 => HelloLink::Interface(if strange == 1 { input.word() } else { 1 }),
            },
            hello_interval: if strange == 2 { input.byte().into() } else { 10 },
            options: match self.version {
                Version::V2 => Options::E,
                Version::V3 => Options::E | Options::V6 | Options::R,
            },
            priority: input.byte() % 4,
            dead_interval: 40,
            designated: v4(1, usize::from(input.byte() % 4)),
            backup: v4(1, usize::from(input.byte() % 4)),
        };
        let mut writer = PacketWriter::hello(buf, origin, &hello).ok()?;
        for _ in 0..input.byte() % 4 {
            writer.push(&router(usize::from(input.byte() % 3))).ok()?;
        }
        writer.finish().ok()
    }

    fn inject(&mut self, input: &mut Input<'_>) {
        let mut buf = vec![0; 8192];
        let source = addr(self.version, 1, H);
        let destination = addr(self.version, 1, A);
        let len = match input.byte() % 4 {
            0 => {
                let raw = input.bytes();
                buf[..raw.len()].copy_from_slice(&raw);
                Some(raw.len())
            }
            _ => self.packet(input, &mut buf).and_then(|len| match (source, destination) {
                (IpAddr::V6(source), IpAddr::V6(destination)) => {
                    seal_v3(&mut buf, len, &[], source, destination).ok()
                }
                _ => seal_v2(&mut buf, len, &[], &AuthOut::Null).ok(),
            }),
        };
        let Some(len) = len else { return };
        let received = Received { ifindex: IfIndex(1), source, destination, payload: &buf[..len] };
        self.routers[A].receive(&received, self.now);
        self.flush();
    }

    /// Changes what is configured of the link to H.
    fn reconfigure(&mut self, input: &mut Input<'_>) {
        let mut config = self.routers[A].config().clone();
        let (what, value) = (input.byte(), input.byte());
        let key =
            config.interfaces.keys().find(|key| matches!(key, InterfaceKey::Link(IfIndex(1), _))).copied();
        if let Some(interface) = key.and_then(|key| config.interfaces.get_mut(&key)) {
            match what % 8 {
                0 => interface.cost = value.into(),
                1 => interface.priority = value % 3,
                2 => interface.passive = value & 1 != 0,
                3 => interface.mtu = 576 + u16::from(value) * 8,
                4 => interface.up = value & 1 != 0,
                5 => interface.prefix_suppression = value & 1 != 0,
                6 => interface.network = NetworkType::Broadcast,
                _ => interface.neighbors.clear(),
            }
        }
        let now = self.now;
        self.routers[A].configure(config, now);
        self.flush();
    }

    fn is_full(&self, n: usize, with: usize) -> bool {
        let neighbors = self.routers[n].neighbors(None);
        neighbors
            .iter()
            .any(|neighbor| neighbor.router == router(with) && neighbor.state == NeighborState::Full)
    }
}

/// Events of an instance.
pub fn run(input: &[u8]) {
    let mut input = Input(input);
    let choice = input.byte();
    let version = if choice & 1 == 0 { Version::V2 } else { Version::V3 };
    let network = match choice >> 1 & 3 {
        0 => NetworkType::Broadcast,
        1 => NetworkType::PointToPoint,
        2 => NetworkType::PointToMultipoint,
        _ => NetworkType::NonBroadcast,
    };
    let mut world = World::new(version, network);
    world.run(Duration::from_secs(100));
    assert!(world.is_full(A, B) && world.is_full(A, H), "{version:?} {network:?}: adjacent at first");
    world.watching = true;
    for _ in 0..MAX_STEPS {
        if input.0.is_empty() {
            break;
        }
        match input.byte() % 8 {
            0 => world.run(Duration::from_millis(u64::from(input.byte()) * 40)),
            1 => world.run(Duration::from_secs(u64::from(input.byte()) * 4)),
            2 => {
                let now = world.now;
                world.routers[H].clear(Clear::Neighbor(None), now);
                world.flush();
            }
            3 => world.reconfigure(&mut input),
            _ => world.inject(&mut input),
        }
        assert!(!world.lost, "H made A lose B");
    }
    world.run(Duration::from_secs(200));
    assert!(!world.lost, "H made A lose B");
    assert!(world.is_full(A, B) && world.is_full(B, A));
    let now = world.now;
    let _ = (world.routers[A].view(now), world.routers[A].interfaces(), world.routers[A].bfd_peers());
}
