//! The other end of BFD sessions: as many as wanted, on addresses of their own, from one thread.
//!
//! It keeps them up and does nothing else, so that a benchmark measures the router and not a daemon beside it.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_bfd::{Event, HopMode, Received, SessionConfig, SessionKey, Speaker, Time, Transmit};
use ferr_netio::{BfdSource, ReceiveBatch, bfd_receiver, bfd_sender};
use ferr_testnet::Netns;
use ferr_types::{Afi, VrfId};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

/// Datagrams per system call, and their size.
const BATCH: usize = 64;
const DATAGRAM: usize = 128;
/// Longest sleep: the end is noticed so soon.
const TICK: Duration = Duration::from_millis(20);
/// Least time between two looks at the socket, so that the reflector takes little from the router.
const TURN: Duration = Duration::from_micros(500);

/// One session to keep up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Our address.
    pub(crate) local: IpAddr,
    /// The router's.
    pub(crate) remote: IpAddr,
}

/// What the sessions lived through.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Sessions that are up.
    pub(crate) up: AtomicUsize,
    /// Times that one went down.
    pub(crate) downs: AtomicU64,
}

/// A running reflector; it ends when dropped.
pub(crate) struct Reflector {
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

impl Reflector {
    /// Keeps sessions with these peers up, in a namespace, at `interval` times `multiplier`.
    pub(crate) fn start(
        netns: &Netns,
        peers: &[Peer],
        interval: Duration,
        multiplier: u8,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let (stopped, counts, peers) = (stop.clone(), tally.clone(), peers.to_vec());
        let socket = netns.enter(|| bfd_receiver(Afi::Ipv4, HopMode::Single.port(), None))??;
        let mut session = Session::new(socket, peers.len());
        for peer in &peers {
            let config = SessionConfig {
                desired_min_tx: interval,
                required_min_rx: interval,
                detect_mult: multiplier,
                ..SessionConfig::default()
            };
            netns.enter(|| session.add(*peer, config))??;
        }
        let thread = thread::Builder::new().name("reflector".into()).spawn(move || {
            // The measured thread must not wait for the measuring one, nor the other way round.
            let _ = ferr_netio::run_in_real_time(50);
            if let Some(cpu) = ferr_netio::quiet_cpu() {
                let _ = ferr_netio::stay_on(cpu);
            }
            while !stopped.load(Ordering::Relaxed) {
                let begin = Instant::now();
                session.turn(&counts);
                thread::sleep(TURN.saturating_sub(begin.elapsed()));
            }
        })?;
        Ok(Self { stop, tally, thread: Some(thread) })
    }

    /// What the sessions lived through so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Session {
    speaker: Speaker,
    origin: Instant,
    socket: UdpSocket,
    batch: ReceiveBatch,
    out: Vec<Transmit>,
    /// By the source of what is to be sent.
    senders: std::collections::HashMap<Option<IpAddr>, UdpSocket>,
}

impl Session {
    fn new(socket: UdpSocket, capacity: usize) -> Self {
        Self {
            speaker: Speaker::new(1, capacity),
            origin: Instant::now(),
            socket,
            batch: ReceiveBatch::new(BATCH, DATAGRAM),
            out: vec![Transmit::default(); BATCH],
            senders: std::collections::HashMap::new(),
        }
    }

    fn now(&self) -> Time {
        Time::since(self.origin, Instant::now())
    }

    fn add(&mut self, peer: Peer, config: SessionConfig) -> io::Result<()> {
        let key = SessionKey {
            vrf: VrfId::DEFAULT,
            local: Some(peer.local),
            remote: peer.remote,
            interface: None,
            hop: HopMode::Single,
        };
        self.speaker.add(self.now(), key, config).map_err(io::Error::other)?;
        let source = BfdSource {
            afi: Afi::Ipv4,
            addr: Some(peer.local),
            scope: None,
            port: 49152,
            device: None,
            ttl: 255,
        };
        self.senders.insert(Some(peer.local), bfd_sender(&source)?);
        Ok(())
    }

    fn turn(&mut self, tally: &Tally) {
        let start = self.now();
        while self.batch.receive(self.socket.as_fd()).unwrap_or(0) > 0 {
            for datagram in self.batch.iter() {
                let received = Received {
                    vrf: VrfId::DEFAULT,
                    interface: None,
                    source: datagram.source.ip(),
                    destination: datagram.destination,
                    ttl: datagram.ttl,
                    hop: HopMode::Single,
                    arrival: None,
                    payload: datagram.payload,
                };
                let _ = self.speaker.receive(start, &received);
            }
            if !self.batch.is_full() {
                break;
            }
        }
        self.speaker.handle_timeout(self.now(), start);
        loop {
            let count = self.speaker.poll_transmit(self.now(), &mut self.out);
            for packet in &self.out[..count] {
                if let Some(socket) = self.senders.get(&packet.source) {
                    let _ = socket.send_to(packet.bytes(), SocketAddr::new(packet.destination, packet.port));
                }
            }
            if count < self.out.len() {
                break;
            }
        }
        while let Some(event) = self.speaker.poll_event() {
            match event {
                Event::Up(_) => drop(tally.up.fetch_add(1, Ordering::Relaxed)),
                Event::Down { .. } | Event::AdminDown(_) => {
                    tally.up.fetch_sub(1, Ordering::Relaxed);
                    tally.downs.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        let due = self.speaker.poll_timeout().map_or(TICK, |at| at.saturating_since(self.now()).min(TICK));
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let _ = ppoll(&mut fds, Some(TimeSpec::from_duration(due)), None);
    }
}
