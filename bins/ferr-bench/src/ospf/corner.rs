//! The corner of the grid: an OSPFv2 neighbor that says what it is told to, and nothing else.
//!
//! It leads the exchange of databases, answers requests, acknowledges everything, and asks for nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_netio::{OspfReader, OspfSocket, OspfTarget};
use ferr_ospf_wire::{
    Age, AuthOut, Dbd, DbdFlags, Hello, HelloLink, Lsa, LsaHeader, Options, Origin, Packet, PacketBody,
    PacketWriter, UpdateWriter, Version, seal_v2,
};
use ferr_testnet::{Host, Netns};
use ferr_types::{Afi, AreaId, IfIndex};

use super::network::{CABLES, DUT, Network};

const ALL_ROUTERS: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 5));
const HELLO: Duration = Duration::from_secs(1);
const RETRANSMIT: Duration = Duration::from_secs(2);
/// Octets of a packet, so that it fits into a frame.
const PACKET: usize = 1460;
/// Pause when nothing comes.
const PAUSE: Duration = Duration::from_micros(200);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Something to flood.
pub(super) type Flood = Vec<Vec<u8>>;

/// A running corner; it ends when dropped.
pub(super) struct Corner {
    floods: Option<Sender<Flood>>,
    /// When the exchange with the router under test began.
    pub(super) began: Receiver<Instant>,
    thread: Option<JoinHandle<()>>,
}

/// Exchange over one cable.
struct Cable {
    ifindex: IfIndex,
    own: Ipv4Addr,
    other: Ipv4Addr,
    heard: bool,
    sequence: u32,
    /// Headers that were described; none before the exchange.
    described: Option<usize>,
    sent: Instant,
    done: bool,
}

struct Speaker {
    socket: OspfSocket,
    reader: OspfReader,
    cables: Vec<Cable>,
    network: Network,
    headers: Vec<LsaHeader>,
    began: Sender<Instant>,
}

impl Corner {
    /// Starts it on a host with the interfaces `eth0` and `eth1`.
    pub(super) fn start(host: &Host, network: Network) -> Result<Self, Box<dyn std::error::Error>> {
        let (floods, told) = channel();
        let (begin, began) = channel();
        let netns: Netns = host.netns().clone();
        let speaker: Result<Speaker, Error> = netns.enter(|| Speaker::new(network, begin))?;
        let speaker = speaker.map_err(|error| error.to_string())?;
        let thread = thread::spawn(move || speaker.run(&told));
        Ok(Self { floods: Some(floods), began, thread: Some(thread) })
    }

    /// Floods new instances over the first cable.
    pub(super) fn flood(&self, lsas: Flood) {
        if let Some(floods) = &self.floods {
            let _ = floods.send(lsas);
        }
    }
}

impl Drop for Corner {
    fn drop(&mut self) {
        self.floods = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Speaker {
    fn new(network: Network, began: Sender<Instant>) -> Result<Self, Error> {
        let mut socket = OspfSocket::open(Afi::Ipv4, None)?;
        let mut cables = Vec::new();
        for (number, (other, own)) in CABLES.iter().enumerate() {
            let ifindex = IfIndex(nix::net::if_::if_nametoindex(format!("eth{number}").as_str())?);
            socket.join(ifindex, ALL_ROUTERS)?;
            cables.push(Cable {
                ifindex,
                own: *own,
                other: *other,
                heard: false,
                sequence: 0x1000,
                described: None,
                sent: Instant::now(),
                done: false,
            });
        }
        let reader = socket.reader()?;
        let lsas = network.lsas.values().filter_map(|octets| Lsa::decode(Version::V2, octets).ok());
        let headers = lsas.map(|lsa| lsa.header).collect();
        Ok(Self { socket, reader, cables, network, headers, began })
    }

    fn run(mut self, told: &Receiver<Flood>) {
        let mut next = Instant::now();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match told.try_recv() {
                Ok(flood) => self.update(0, &flood),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
            let now = Instant::now();
            if now >= next {
                (0..self.cables.len()).for_each(|c| self.hello(c));
                next = now + HELLO;
            }
            for c in 0..self.cables.len() {
                let cable = &self.cables[c];
                if cable.described.is_some() && !cable.done && now > cable.sent + RETRANSMIT {
                    self.describe(c);
                }
            }
            if !self.read(&mut buffer) {
                thread::sleep(PAUSE);
            }
        }
    }

    const fn origin(&self, c: usize) -> Origin {
        let area = AreaId(Ipv4Addr::UNSPECIFIED);
        Origin { version: Version::V2, router: self.network.neighbor(c), area, instance: 0 }
    }

    fn send(&self, c: usize, buf: &mut [u8], len: usize) {
        let cable = &self.cables[c];
        let Ok(len) = seal_v2(buf, len, &[], &AuthOut::Null) else { return };
        let target = OspfTarget {
            ifindex: Some(cable.ifindex),
            source: cable.own.into(),
            destination: ALL_ROUTERS,
            ttl: 1,
        };
        let _ = self.socket.send(&target, &buf[..len]);
    }

    fn hello(&self, c: usize) {
        let hello = Hello {
            link: HelloLink::Mask(Ipv4Addr::new(255, 255, 255, 252)),
            hello_interval: 1,
            options: Options::E,
            priority: 1,
            dead_interval: 4,
            designated: Ipv4Addr::UNSPECIFIED,
            backup: Ipv4Addr::UNSPECIFIED,
        };
        let mut buf = [0; PACKET];
        let Ok(mut writer) = PacketWriter::hello(&mut buf, &self.origin(c), &hello) else { return };
        if self.cables[c].heard && writer.push(&DUT).is_err() {
            return;
        }
        if let Ok(len) = writer.finish() {
            self.send(c, &mut buf, len);
        }
    }

    /// Describes the next part of the database, or the same again.
    fn describe(&mut self, c: usize) {
        let origin = self.origin(c);
        let cable = &mut self.cables[c];
        cable.sent = Instant::now();
        let from = cable.described.unwrap_or(0);
        let first = cable.sequence == 0x1000;
        let mut buf = [0; PACKET];
        let room = (PACKET - 64) / LsaHeader::LEN;
        let headers = if first { &[][..] } else { &self.headers[from..] };
        let more = first || headers.len() > room;
        let mut flags = DbdFlags::MASTER;
        flags.set(DbdFlags::INIT, first);
        flags.set(DbdFlags::MORE, more);
        let dbd = Dbd { mtu: 1500, options: Options::E, flags, sequence: cable.sequence };
        let Ok(mut writer) = PacketWriter::dbd(&mut buf, &origin, &dbd) else { return };
        for header in headers.iter().take(room) {
            if writer.push(header).is_err() {
                return;
            }
        }
        if let Ok(len) = writer.finish() {
            self.send(c, &mut buf, len);
        }
    }

    fn described(&mut self, c: usize, dbd: &Dbd) {
        let room = (PACKET - 64) / LsaHeader::LEN;
        let all = self.headers.len();
        let cable = &mut self.cables[c];
        if dbd.flags.contains(DbdFlags::MASTER) || dbd.sequence != cable.sequence || cable.done {
            return;
        }
        if cable.sequence == 0x1000 {
            cable.described = Some(0);
        } else {
            let from = cable.described.unwrap_or(0);
            if all - from <= room && !dbd.flags.contains(DbdFlags::MORE) {
                cable.done = true;
                return;
            }
            cable.described = Some((from + room).min(all));
        }
        cable.sequence += 1;
        self.describe(c);
    }

    fn update(&self, c: usize, lsas: &[Vec<u8>]) {
        let mut rest = lsas;
        while !rest.is_empty() {
            let mut buf = [0; PACKET];
            let Ok(mut writer) = UpdateWriter::new(&mut buf, &self.origin(c)) else { return };
            let fit = rest.iter().take_while(|lsa| writer.push(lsa, Age(1)).is_ok()).count();
            let Ok(len) = writer.finish() else { return };
            self.send(c, &mut buf, len);
            rest = &rest[fit.max(1)..];
        }
    }

    fn acknowledge(&self, c: usize, headers: &[LsaHeader]) {
        let mut buf = [0; PACKET];
        for part in headers.chunks(64) {
            let Ok(mut writer) = PacketWriter::ls_ack(&mut buf, &self.origin(c)) else { return };
            if part.iter().any(|header| writer.push(header).is_err()) {
                return;
            }
            if let Ok(len) = writer.finish() {
                self.send(c, &mut buf, len);
            }
        }
    }

    /// Takes one packet; false when there is none.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let datagram = match self.reader.receive(buffer) {
            Ok(datagram) => datagram,
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        let Some(c) = self.cables.iter().position(|c| c.ifindex == datagram.ifindex) else { return true };
        if datagram.source != IpAddr::V4(self.cables[c].other) {
            return true;
        }
        let Ok(packet) = Packet::decode(Version::V2, datagram.payload) else { return true };
        match packet.body() {
            Ok(PacketBody::Hello(_, neighbors)) => {
                let two_way = neighbors.iter().any(|n| n == self.network.neighbor(c));
                let cable = &mut self.cables[c];
                if !cable.heard {
                    cable.heard = true;
                    self.hello(c);
                } else if two_way && cable.described.is_none() {
                    cable.described = Some(0);
                    let _ = self.began.send(Instant::now());
                    self.describe(c);
                }
            }
            Ok(PacketBody::Dbd(dbd, _)) => self.described(c, &dbd),
            Ok(PacketBody::LsRequest(requests)) => {
                let asked: Vec<Vec<u8>> =
                    requests.iter().filter_map(|r| self.network.find(&r).cloned()).collect();
                self.update(c, &asked);
            }
            Ok(PacketBody::LsUpdate(lsas)) => {
                let headers: Vec<LsaHeader> = lsas.iter().map(|lsa| lsa.header).collect();
                self.acknowledge(c, &headers);
            }
            Ok(PacketBody::LsAck(_)) | Err(_) => {}
        }
        true
    }
}
