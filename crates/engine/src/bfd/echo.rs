//! Echo packets of the BFD thread: sent through the peer to ourselves, and looped for peers where the kernel does not.
//!
//! # Invariants
//! * The socket is opened when the first session needs it: whoever uses no echo pays nothing for it.
//! * In steady state nothing is allocated: what is known of links is learnt when a session comes up.
//! * A kernel that forwards IPv4 loops by itself; then nothing is looped here, so that no echo comes back twice. Over IPv6 the kernel alone
//!   loops: a session of a host that does not forward refuses echoes.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use ferr_bfd::{
    EchoMode, EchoVerdict, HopMode, Received, SessionConfig, SessionKey, SessionView, Speaker, Time, Transmit,
};
use ferr_netio::{Datagram, EchoPacket, EchoPacket6, EchoSender6, EchoSocket, LinkAddr};
use ferr_types::{IfIndex, VrfId};
use nix::net::if_::if_indextoname;

/// How long a link-layer address is used before the kernel is asked again.
const REFRESH: Duration = Duration::from_secs(1);
/// TTL of an echo on its way back.
const TTL_LOOPED: u8 = 254;

/// What a session knows of the way to its peer.
#[derive(Debug, Default)]
pub(super) struct Way {
    link: Option<(IfIndex, LinkAddr, Time)>,
    raw: Option<(IfIndex, EchoSender6)>,
}

struct Link {
    vrf: VrfId,
    /// Whether the kernel forwards what comes in here.
    forwarding: Option<File>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Echoes {
    socket: Option<EchoSocket>,
    links: HashMap<IfIndex, Link>,
    /// Our address towards each peer.
    locals: HashMap<(IfIndex, IpAddr), Option<IpAddr>>,
}

fn reads_one(file: &File) -> bool {
    let mut octet = [0];
    file.read_at(&mut octet, 0).is_ok_and(|read| read == 1 && octet[0] == b'1')
}

fn forwarding(interface: &str) -> Option<File> {
    File::open(format!("/proc/sys/net/ipv4/conf/{interface}/forwarding")).ok()
}

/// Whether this host sends echoes of a peer back. Over IPv4 it always does.
pub(super) fn can_loop(peer: IpAddr) -> bool {
    let all = || File::open("/proc/sys/net/ipv6/conf/all/forwarding").is_ok_and(|f| reads_one(&f));
    peer.is_ipv4() || all()
}

impl Echoes {
    /// The socket, when it has to be waited for from now on.
    ///
    /// # Errors
    /// It is needed, and cannot be opened.
    pub(super) fn need(
        &mut self,
        key: &SessionKey,
        config: &SessionConfig,
    ) -> io::Result<Option<BorrowedFd<'_>>> {
        let sends = config.echo != EchoMode::Off;
        let loops = || !config.echo_receive.is_zero() && !forwarding("all").is_some_and(|f| reads_one(&f));
        let on_link = key.hop == HopMode::Single && key.remote.is_ipv4();
        if self.socket.is_some() || !on_link || !(sends || loops()) {
            return Ok(None);
        }
        let socket: &EchoSocket = self.socket.insert(EchoSocket::open()?);
        Ok(Some(socket.as_fd()))
    }

    pub(super) const fn socket(&self) -> Option<&EchoSocket> {
        self.socket.as_ref()
    }

    /// A session came up.
    pub(super) fn learn(&mut self, view: &SessionView) {
        let (Some(interface), HopMode::Single, true) =
            (view.interface, view.key.hop, view.key.remote.is_ipv4())
        else {
            return;
        };
        let name = if_indextoname(interface.0).ok();
        let forwarding = name.as_ref().and_then(|name| forwarding(name.to_str().ok()?));
        self.links.insert(interface, Link { vrf: view.key.vrf, forwarding });
        self.locals.insert((interface, view.key.remote), view.key.local);
    }

    /// A session ends.
    pub(super) fn forget(&mut self, view: &SessionView) {
        let Some(interface) = view.interface else { return };
        self.locals.remove(&(interface, view.key.remote));
        if self.locals.keys().all(|(other, _)| *other != interface) {
            self.links.remove(&interface);
        }
    }

    /// Sends an echo of ours.
    pub(super) fn send(&self, now: Time, packet: &Transmit, way: &mut Way) -> Result<(), ()> {
        let interface = packet.interface.ok_or(())?;
        let (own, peer) = match (packet.source, packet.destination) {
            (Some(IpAddr::V4(own)), IpAddr::V4(peer)) => (own, peer),
            (Some(IpAddr::V6(own)), IpAddr::V6(peer)) => return send6(packet, interface, own, peer, way),
            _ => return Err(()),
        };
        let socket = self.socket.as_ref().ok_or(())?;
        let link = link(socket, now, interface, peer, way).ok_or(())?;
        let echo = EchoPacket {
            interface,
            link,
            addr: own,
            source_port: packet.source_port,
            ttl: packet.ttl,
            payload: packet.bytes(),
        };
        socket.send(&echo).map_err(|_| way.link = None)
    }

    /// A packet came whose two addresses are equal.
    pub(super) fn take(
        &self,
        speaker: &mut Speaker,
        now: Time,
        datagram: &Datagram<'_>,
        arrival: Option<Time>,
    ) {
        let (Some(interface), IpAddr::V4(addr)) = (datagram.ifindex, datagram.source.ip()) else { return };
        let Some(link) = self.links.get(&interface) else { return };
        let local = self.locals.get(&(interface, addr.into())).copied();
        let loops = datagram.ttl == Some(u8::MAX);
        if datagram.truncated || loops && link.forwarding.as_ref().is_some_and(reads_one) {
            return;
        }
        let received = Received {
            vrf: link.vrf,
            interface: Some(interface),
            source: addr.into(),
            destination: local.flatten(),
            ttl: datagram.ttl,
            hop: HopMode::Single,
            arrival,
            payload: datagram.payload,
        };
        if let EchoVerdict::Loop(_) = speaker.receive_echo(now, &received) {
            self.answer(interface, addr, datagram);
        }
    }

    fn answer(&self, interface: IfIndex, addr: Ipv4Addr, datagram: &Datagram<'_>) {
        let (Some(socket), Some(link)) = (&self.socket, datagram.link) else { return };
        let _ = socket.send(&EchoPacket {
            interface,
            link,
            addr,
            source_port: datagram.source.port(),
            ttl: TTL_LOOPED,
            payload: datagram.payload,
        });
    }
}

fn send6(
    packet: &Transmit,
    interface: IfIndex,
    addr: Ipv6Addr,
    peer: Ipv6Addr,
    way: &mut Way,
) -> Result<(), ()> {
    way.raw = way.raw.take().filter(|(at, _)| *at == interface);
    let (_, sender) = match &mut way.raw {
        Some(raw) => raw,
        none => none.insert((interface, EchoSender6::open(interface).map_err(drop)?)),
    };
    let echo =
        EchoPacket6 { addr, source_port: packet.source_port, hop_limit: packet.ttl, payload: packet.bytes() };
    sender.send(peer, &echo).map_err(|_| way.raw = None)
}

/// The peer's link-layer address, which the kernel keeps for control packets anyway.
fn link(
    socket: &EchoSocket,
    now: Time,
    interface: IfIndex,
    peer: Ipv4Addr,
    way: &mut Way,
) -> Option<LinkAddr> {
    match way.link {
        Some((at, link, until)) if at == interface && now < until => return Some(link),
        _ => {}
    }
    match socket.neighbor(interface, peer) {
        Ok(link) => way.link = Some((interface, link, now + REFRESH)),
        // A neighbor that is just being looked up again is most often where it was.
        Err(_) => way.link = way.link.filter(|(at, ..)| *at == interface),
    }
    way.link.map(|(_, link, _)| link)
}
