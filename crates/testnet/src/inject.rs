//! A BGP speaker that announces a fixed set of routes, for where no other implementation is installed and for benches.
//!
//! It keeps the session alive, ignores what it receives, and connects again when the session ends (RFC 4271 without the
//! parts that a sender of fixed routes does not need).

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_bgp_wire::{
    Capability, EncodedAttributes, MAX_LEN_EXTENDED, MessageType, Open, PeerKind, SessionContext,
    encode_announcements, encode_end_of_rib, frame, keepalive,
};
use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::PathAttributes;
use ferr_types::{Asn, Family, Prefix, RouterId};
use socket2::{Domain, Socket, Type};

use crate::{Error, Netns};

const PORT: u16 = 179;
const HOLD_TIME: u16 = 90;
const KEEPALIVE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(200);
/// How often a waiting thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);

/// Who announces to whom.
#[derive(Debug, Clone, Copy)]
pub struct InjectorPeer {
    /// Our address, also the next hop of IPv4 routes.
    pub local: IpAddr,
    /// The other's address; port 179.
    pub remote: IpAddr,
    /// Our AS.
    pub asn: Asn,
    /// The other's AS.
    pub remote_asn: Asn,
    /// Our router id.
    pub router_id: Ipv4Addr,
}

/// A route to be announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectedRoute {
    /// Destination.
    pub prefix: Prefix,
    /// Path behind our own AS.
    pub path: Vec<Asn>,
}

/// A running speaker; it ends when dropped.
#[derive(Debug)]
pub struct Injector {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Injector {
    /// Starts a speaker in `netns` that announces `routes`.
    #[must_use]
    pub fn start(netns: &Netns, peer: InjectorPeer, routes: Vec<InjectedRoute>) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let session =
            Session { netns: netns.clone(), peer, stop: Arc::clone(&stop), sent: Arc::clone(&sent) };
        let thread = thread::spawn(move || {
            let routes = by_path(routes);
            while !session.stop.load(Ordering::Relaxed) {
                // A refused or lost session is tried again: daemons start in any order.
                if session.run(&routes).is_err() {
                    thread::sleep(RETRY);
                }
            }
        });
        Self { stop, sent, thread: Some(thread) }
    }

    /// How many times the whole set was sent.
    #[must_use]
    pub fn times_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Routes = BTreeMap<Vec<u32>, Vec<Prefix>>;

fn by_path(routes: Vec<InjectedRoute>) -> Routes {
    let mut sorted = Routes::new();
    for route in routes {
        let path = route.path.iter().map(|asn| asn.0).collect();
        sorted.entry(path).or_default().push(route.prefix);
    }
    sorted
}

struct Session {
    netns: Netns,
    peer: InjectorPeer,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
}

impl Session {
    fn connect(&self) -> io::Result<TcpStream> {
        let InjectorPeer { local, remote, .. } = self.peer;
        let connect = || {
            let remote = SocketAddr::new(remote, PORT);
            let socket = Socket::new(Domain::for_address(remote), Type::STREAM, None)?;
            socket.bind(&SocketAddr::new(local, 0).into())?;
            socket.connect_timeout(&remote.into(), Duration::from_secs(1))?;
            Ok(TcpStream::from(socket))
        };
        self.netns.enter(connect).map_err(|e: Error| io::Error::other(e.to_string()))?
    }

    fn run(&self, routes: &Routes) -> io::Result<()> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(Duration::from_secs(u64::from(HOLD_TIME))))?;
        let capabilities = vec![
            Capability::Multiprotocol { afi: 1, safi: 1 },
            Capability::Multiprotocol { afi: 2, safi: 1 },
            Capability::RouteRefresh,
            Capability::FourOctetAs(self.peer.asn),
        ];
        let ours = Open::new(self.peer.asn, HOLD_TIME, RouterId(self.peer.router_id), capabilities);
        let mut out = Vec::new();
        ours.encode(&mut out);
        stream.write_all(&out)?;
        let (mut buffer, mut context, mut established) = (Vec::new(), None, false);
        let mut beat = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            if beat.elapsed() >= KEEPALIVE {
                stream.write_all(&keepalive())?;
                beat = Instant::now();
            }
            read_more(&mut stream, &mut buffer)?;
            let mut used = 0;
            while let Some(message) = frame(&buffer[used..], MAX_LEN_EXTENDED).map_err(io::Error::other)? {
                used += message.len;
                match message.kind {
                    MessageType::Open => {
                        let theirs = Open::decode(message.body).map_err(io::Error::other)?;
                        context = Some(SessionContext::negotiate(self.kind(), &ours, &theirs));
                        stream.write_all(&keepalive())?;
                    }
                    MessageType::Keepalive if !established => {
                        let context = context.as_ref().ok_or(io::ErrorKind::InvalidData)?;
                        stream.write_all(&self.encode(context, routes)?)?;
                        established = true;
                        self.sent.fetch_add(1, Ordering::Relaxed);
                    }
                    MessageType::Notification => return Err(io::ErrorKind::ConnectionReset.into()),
                    _ => {}
                }
            }
            buffer.drain(..used);
        }
        Ok(())
    }

    fn kind(&self) -> PeerKind {
        if self.peer.asn == self.peer.remote_asn { PeerKind::Ibgp } else { PeerKind::Ebgp }
    }

    /// All routes of the families that both sides speak, then End-of-RIB.
    fn encode(&self, context: &SessionContext, routes: &Routes) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let external = self.kind() == PeerKind::Ebgp;
        for family in [Family::Ipv4Unicast, Family::Ipv6Unicast] {
            let usable = (family == Family::Ipv4Unicast) == self.peer.local.is_ipv4();
            if !usable || !context.families.contains(family) {
                continue;
            }
            for (path, prefixes) in routes {
                let own = external.then_some(self.peer.asn);
                let path = AsPathBuf::from_sequence(own.into_iter().chain(path.iter().map(|asn| Asn(*asn))));
                let attributes = PathAttributes {
                    as_path: path.as_path(),
                    next_hop: Some(self.peer.local.into()),
                    local_pref: (!external).then_some(100),
                    ..PathAttributes::default()
                };
                let attributes =
                    EncodedAttributes::new(&attributes, family, context).map_err(io::Error::other)?;
                encode_announcements(context, &attributes, prefixes.iter().map(|p| (0, *p)), &mut out);
            }
            encode_end_of_rib(context, family, &mut out);
        }
        Ok(out)
    }
}

/// Reads what is there, waiting a moment; the end of the stream is an error.
fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0_u8; 65536];
    match stream.read(&mut chunk) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => {
            buffer.extend_from_slice(&chunk[..count]);
            Ok(())
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
        Err(e) => Err(e),
    }
}
