//! A peer for BFD that is as punctual as the daemon under test: a real-time thread around the same core.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_bfd::{Event, HopMode, Received, SessionConfig, SessionId, SessionKey, Speaker, Time, Transmit};
use ferr_netio::{BfdSource, ReceiveBatch, bfd_receiver, bfd_sender, run_in_real_time};
use ferr_testnet::{Error, Host};
use ferr_types::{Afi, VrfId};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

/// What one session saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) ups: u32,
    pub(crate) downs: u32,
    /// Packets of the daemon.
    pub(crate) packets: u32,
    /// Longest time between two of them while up.
    pub(crate) longest_gap: Duration,
}

/// A running peer; our own address of each session names it.
pub(crate) struct Reflector {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<IpAddr, Seen>>,
}

struct Peer {
    local: IpAddr,
    id: SessionId,
    socket: UdpSocket,
    seen: Seen,
    up: bool,
    last: Option<Instant>,
}

struct Driver {
    speaker: Speaker,
    receivers: Vec<UdpSocket>,
    peers: Vec<Peer>,
    batch: ReceiveBatch,
    origin: Instant,
}

impl Reflector {
    /// Starts sessions over one hop from each first address to each second.
    pub(crate) fn start(
        host: &Host,
        sessions: &[(IpAddr, IpAddr)],
        interval: Duration,
    ) -> Result<Self, Error> {
        let driver = host.netns().enter(|| Driver::new(sessions, interval))?;
        let driver = driver.map_err(Error::io("sockets of the reflector"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        Ok(Self { stop, thread: thread::spawn(move || driver.run(&stopped)) })
    }

    /// Ends without a word, and tells what each session saw.
    pub(crate) fn finish(self) -> BTreeMap<IpAddr, Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn afi(addr: IpAddr) -> Afi {
    if addr.is_ipv4() { Afi::Ipv4 } else { Afi::Ipv6 }
}

impl Driver {
    fn new(sessions: &[(IpAddr, IpAddr)], interval: Duration) -> io::Result<Self> {
        let mut speaker = Speaker::new(7, 16);
        let mut peers = Vec::new();
        for (local, remote) in sessions {
            let key = SessionKey {
                vrf: VrfId::DEFAULT,
                local: Some(*local),
                remote: *remote,
                interface: None,
                hop: HopMode::Single,
            };
            let config = SessionConfig {
                desired_min_tx: interval,
                required_min_rx: interval,
                ..SessionConfig::default()
            };
            let id = speaker.add(Time::ZERO, key, config).map_err(io::Error::other)?;
            let source = BfdSource {
                afi: afi(*local),
                addr: Some(*local),
                scope: None,
                port: 50000,
                device: None,
                ttl: 255,
            };
            let socket = bfd_sender(&source)?;
            peers.push(Peer { local: *local, id, socket, seen: Seen::default(), up: false, last: None });
        }
        let receivers = [Afi::Ipv4, Afi::Ipv6].map(|afi| bfd_receiver(afi, HopMode::Single.port(), None));
        Ok(Self {
            speaker,
            receivers: receivers.into_iter().collect::<Result<_, _>>()?,
            peers,
            batch: ReceiveBatch::new(64, 128),
            origin: Instant::now(),
        })
    }

    fn now(&self) -> Time {
        Time::since(self.origin, Instant::now())
    }

    fn run(mut self, stop: &AtomicBool) -> BTreeMap<IpAddr, Seen> {
        // Without the right to it, it is as punctual as the machine lets it.
        let _ = run_in_real_time(48);
        let mut out = vec![Transmit::default(); 16];
        while !stop.load(Ordering::Relaxed) {
            let start = self.now();
            self.read();
            let now = self.now();
            self.speaker.handle_timeout(now, start);
            let count = self.speaker.poll_transmit(now, &mut out);
            for packet in &out[..count] {
                if let Some(peer) = self.peers.iter().find(|p| p.id == packet.session) {
                    let _ =
                        peer.socket.send_to(packet.bytes(), SocketAddr::new(packet.destination, packet.port));
                }
            }
            self.events();
            let due = self.speaker.poll_timeout().map_or(Duration::MAX, |at| at.saturating_since(self.now()));
            let timeout = TimeSpec::from_duration(due.min(Duration::from_millis(20)));
            let mut ready: Vec<PollFd<'_>> =
                self.receivers.iter().map(|s| PollFd::new(s.as_fd(), PollFlags::POLLIN)).collect();
            let _ = ppoll(&mut ready, Some(timeout), None);
        }
        self.peers.iter().map(|p| (p.local, p.seen)).collect()
    }

    fn read(&mut self) {
        for socket in &self.receivers {
            if !matches!(self.batch.receive(socket.as_fd()), Ok(1..)) {
                continue;
            }
            let now = Time::since(self.origin, Instant::now());
            for datagram in self.batch.iter() {
                let received = Received {
                    vrf: VrfId::DEFAULT,
                    interface: datagram.ifindex,
                    source: datagram.source.ip(),
                    destination: datagram.destination,
                    ttl: datagram.ttl,
                    hop: HopMode::Single,
                    arrival: None,
                    payload: datagram.payload,
                };
                let Ok(id) = self.speaker.receive(now, &received) else { continue };
                if let Some(peer) = self.peers.iter_mut().find(|p| p.id == id) {
                    peer.heard();
                }
            }
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.speaker.poll_event() {
            let (id, up) = match event {
                Event::Up(id) => (id, true),
                Event::Down { session, .. } => (session, false),
                Event::AdminDown(id) => (id, false),
                _ => continue,
            };
            if let Some(peer) = self.peers.iter_mut().find(|p| p.id == id) {
                peer.up = up;
                let count = if up { &mut peer.seen.ups } else { &mut peer.seen.downs };
                *count += 1;
                // What was slow before is no gap.
                peer.last = None;
            }
        }
    }
}

impl Peer {
    fn heard(&mut self) {
        self.seen.packets += 1;
        let now = Instant::now();
        if let Some(last) = self.last.replace(now).filter(|_| self.up && self.seen.packets > 10) {
            self.seen.longest_gap = self.seen.longest_gap.max(now - last);
        }
    }
}
