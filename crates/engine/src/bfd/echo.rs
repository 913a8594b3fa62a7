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
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use ferr_bfd::{
    EchoMode, EchoVerdict, HopMode, Received, SessionConfig, SessionKey, SessionView, Speaker, Time, Transmit,
};
use ferr_netio::{Datagram, EchoPacket, EchoSender, EchoSocket};
use ferr_types::{Afi, IfIndex, VrfId};
use nix::net::if_::if_indextoname;

/// TTL of an echo on its way back.
const TTL_LOOPED: u8 = 254;

/// The socket of a session, for the interface that it is bound to.
#[derive(Debug, Default)]
pub(super) struct Way(Option<(IfIndex, EchoSender)>);

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

    /// A session came up, or waits for echoes alone.
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
        let echo = EchoPacket {
            addr: addr.into(),
            source_port: datagram.source.port(),
            ttl: TTL_LOOPED,
            payload: datagram.payload,
        };
        let _ = socket.answer(interface, link, &echo);
    }
}

/// Sends an echo of ours.
pub(super) fn send(packet: &Transmit, way: &mut Way) -> Result<(), ()> {
    let (addr, interface) = packet.source.zip(packet.interface).ok_or(())?;
    way.0 = way.0.take().filter(|(at, _)| *at == interface);
    let (_, sender) = match &mut way.0 {
        Some(there) => there,
        none => {
            let afi = if addr.is_ipv4() { Afi::Ipv4 } else { Afi::Ipv6 };
            none.insert((interface, EchoSender::open(afi, interface).map_err(drop)?))
        }
    };
    let echo = EchoPacket { addr, source_port: packet.source_port, ttl: packet.ttl, payload: packet.bytes() };
    // The interface may be another one now.
    sender.send(packet.destination, &echo).map_err(|_| way.0 = None)
}
