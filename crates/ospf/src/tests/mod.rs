//! The machine against a neighbor whose every packet is written by hand.

mod bounds;
mod exchange;
mod features;
mod flooding;
mod parts;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{
    Age, AuthOut, Dbd, DbdFlags, Hello, HelloLink, LinkStateId, LinkV2, LsSequence, LsaHeader, LsaType,
    LsaWriter, Options, Origin, Packet, PacketBody, PacketWriter, RouterBits, UpdateWriter, Version, seal_v2,
};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, RouterId, VrfId};

use crate::config::{AreaConfig, InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType};
use crate::{Instance, LsaKey, NeighborState, Output, Received, ScopeId, Start};

pub(super) const OWN: RouterId = RouterId(Ipv4Addr::new(10, 0, 0, 1));
pub(super) const PEER: RouterId = RouterId(Ipv4Addr::new(10, 0, 0, 2));
pub(super) const THIRD: RouterId = RouterId(Ipv4Addr::new(10, 0, 0, 3));
pub(super) const BACKBONE: ScopeId = ScopeId::Area(AreaId::BACKBONE);
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);

/// What the router sent, as far as tests ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    Hello,
    Dbd(Dbd, usize),
    Request(usize),
    Update(Vec<LsaHeader>),
    Ack(Vec<LsaHeader>),
}

/// A router on a point-to-point link, and the neighbor there.
pub(super) struct Bed {
    pub(super) ospf: Instance,
    pub(super) now: Instant,
    pub(super) refused: Vec<crate::Refusal>,
}

pub(super) fn interface() -> InterfaceConfig {
    InterfaceConfig {
        address: Ipv4Prefix::new(Ipv4Addr::new(192, 0, 2, 0), 24)
            .map(|prefix| (Ipv4Addr::new(192, 0, 2, 1), prefix)),
        ..InterfaceConfig::new("eth0", AreaId::BACKBONE, NetworkType::PointToPoint)
    }
}

impl Bed {
    pub(super) fn new() -> Self {
        Self::configured(|_| {})
    }

    /// One whose configuration is changed before the start.
    pub(super) fn configured(change: impl FnOnce(&mut InstanceConfig)) -> Self {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now() + Duration::from_secs(10_000);
        let mut config = InstanceConfig::new(Version::V2, VrfId::DEFAULT, "default", OWN);
        config.areas.insert(AreaId::BACKBONE, AreaConfig::default());
        let interface = interface();
        let key = InterfaceKey::Link(IfIndex(1), interface.address.map(|(addr, _)| addr));
        config.interfaces.insert(key, interface);
        change(&mut config);
        let start = Start { seed: 1, boot_count: 1, restarting: None };
        let ospf = Instance::new(config, Arc::new(PolicySet::default()), start, now);
        Self { ospf, now, refused: Vec::new() }
    }

    /// One with a neighbor that is fully adjacent and has nothing.
    pub(super) fn full() -> Self {
        let mut bed = Self::new();
        bed.become_full();
        bed.sent();
        // MinLSInterval of the router-LSA passes, and what it says of the adjacency is acknowledged.
        bed.wait(Duration::from_secs(6));
        let own = bed.own_header().unwrap();
        bed.ack(&[own]);
        bed.sent();
        bed
    }

    pub(super) fn become_full(&mut self) {
        self.begin_exchange();
        self.describe(DbdFlags::INIT | DbdFlags::MORE | DbdFlags::MASTER, 100, &[]);
        self.describe(DbdFlags::MASTER, 101, &[]);
        assert_eq!(self.state(), NeighborState::Full);
    }

    pub(super) fn begin_exchange(&mut self) {
        self.hello();
        assert_eq!(self.state(), NeighborState::ExStart);
        self.sent();
    }

    pub(super) fn state(&self) -> NeighborState {
        self.ospf.neighbors(None).first().map_or(NeighborState::Down, |neighbor| neighbor.state)
    }

    /// Lets time pass; the neighbor says its Hellos.
    pub(super) fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.ospf.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.ospf.handle_timeout(self.now);
            self.hello();
        }
        self.now = end;
    }

    /// What was sent since the last call, without Hellos.
    pub(super) fn sent(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(output) = self.ospf.poll_output() {
            match output {
                Output::Transmit(packet) => sent.push(understand(&packet.packet)),
                Output::Notice(crate::Notice::Refused { reason, .. }) => self.refused.push(reason),
                _ => {}
            }
        }
        sent.retain(|packet| *packet != Sent::Hello);
        sent
    }

    /// The neighbor sends a packet.
    pub(super) fn say(&mut self, mut buf: Vec<u8>, len: usize) {
        let len = seal_v2(&mut buf, len, &[], &AuthOut::Null).unwrap();
        let received = Received {
            ifindex: IfIndex(1),
            source: IpAddr::V4(SOURCE),
            destination: IpAddr::V4(GROUP),
            payload: &buf[..len],
        };
        self.ospf.receive(&received, self.now);
    }

    pub(super) fn hello(&mut self) {
        let hello = Hello {
            link: HelloLink::Mask(Ipv4Addr::new(255, 255, 255, 0)),
            hello_interval: 10,
            options: Options::E,
            priority: 1,
            dead_interval: 40,
            designated: Ipv4Addr::UNSPECIFIED,
            backup: Ipv4Addr::UNSPECIFIED,
        };
        let mut buf = vec![0; 256];
        let mut writer = PacketWriter::hello(&mut buf, &origin(), &hello).unwrap();
        writer.push(&OWN).unwrap();
        let len = writer.finish().unwrap();
        self.say(buf, len);
    }

    pub(super) fn describe(&mut self, flags: DbdFlags, sequence: u32, headers: &[LsaHeader]) {
        let dbd = Dbd { mtu: 1500, options: Options::E | Options::O, flags, sequence };
        let mut buf = vec![0; 2048];
        let mut writer = PacketWriter::dbd(&mut buf, &origin(), &dbd).unwrap();
        headers.iter().for_each(|header| writer.push(header).unwrap());
        let len = writer.finish().unwrap();
        self.say(buf, len);
    }

    pub(super) fn update(&mut self, lsas: &[&[u8]]) {
        let mut buf = vec![0; 4096];
        let mut writer = UpdateWriter::new(&mut buf, &origin()).unwrap();
        for lsa in lsas {
            writer.push(lsa, Age(u16::from_be_bytes([lsa[0], lsa[1]]))).unwrap();
        }
        let len = writer.finish().unwrap();
        self.say(buf, len);
    }

    pub(super) fn ack(&mut self, headers: &[LsaHeader]) {
        let mut buf = vec![0; 2048];
        let mut writer = PacketWriter::ls_ack(&mut buf, &origin()).unwrap();
        headers.iter().for_each(|header| writer.push(header).unwrap());
        let len = writer.finish().unwrap();
        self.say(buf, len);
    }

    /// Header of an LSA in the database.
    pub(super) fn held(&self, kind: LsaType, router: RouterId) -> Option<LsaHeader> {
        let key = LsaKey { kind, id: LinkStateId::from(router.0), router };
        let stored = self.ospf.lsdb().get(BACKBONE, &key)?;
        let mut header = stored.lsa(Version::V2)?.header;
        header.age = stored.age(self.now);
        Some(header)
    }

    pub(super) fn own_header(&self) -> Option<LsaHeader> {
        self.held(LsaType::ROUTER_V2, OWN)
    }
}

pub(super) const fn origin() -> Origin {
    Origin { version: Version::V2, router: PEER, area: AreaId::BACKBONE, instance: 0 }
}

fn understand(octets: &[u8]) -> Sent {
    let packet = Packet::decode(Version::V2, octets).unwrap();
    packet.verify_null().unwrap();
    match packet.body().unwrap() {
        PacketBody::Hello(_, _) => Sent::Hello,
        PacketBody::Dbd(dbd, headers) => Sent::Dbd(dbd, headers.len()),
        PacketBody::LsRequest(requests) => Sent::Request(requests.len()),
        PacketBody::LsUpdate(lsas) => Sent::Update(lsas.iter().map(|lsa| lsa.header).collect()),
        PacketBody::LsAck(headers) => Sent::Ack(headers.iter().collect()),
    }
}

/// A router-LSA without links.
pub(super) fn router_lsa(router: RouterId, sequence: LsSequence, age: u16) -> Vec<u8> {
    router_lsa_with(router, sequence, age, (Options::E, &[]))
}

/// A router-LSA with options and links.
pub(super) fn router_lsa_with(
    router: RouterId,
    sequence: LsSequence,
    age: u16,
    (options, links): (Options, &[LinkV2<'_>]),
) -> Vec<u8> {
    let header = LsaHeader {
        age: Age(age),
        options,
        kind: LsaType::ROUTER_V2,
        id: router.0.into(),
        router,
        sequence,
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; 256];
    let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
    writer.router_v2(RouterBits::empty(), links.iter().copied()).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

pub(super) fn sequence(n: i32) -> LsSequence {
    LsSequence(LsSequence::INITIAL.0 + n)
}
