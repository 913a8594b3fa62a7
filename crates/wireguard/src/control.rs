//! The thread that configures a tunnel, keeps its timers, and tells what happens.
//!
//! # Invariants
//! A configuration that cannot be applied changes nothing: sockets are opened before anything else is touched.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use ferr_netio::{InterfaceQuery, TunCarrier, TunnelSocket, TunnelSocketOptions};
use ferr_types::{Afi, IfIndex};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::config::TunnelConfig;
use crate::device::SCRATCH;
use crate::key::PublicKey;
use crate::resolver::Names;
use crate::status::{Health, SocketState, TunnelEvent};
use crate::tunnel::TunnelError;
use crate::worker::{Shared, SocketWire, Sockets, TICK};

/// Ports that are tried until both families have the same.
const PORT_TRIES: usize = 16;
/// Time between tries to open sockets.
const REOPEN: Duration = Duration::from_secs(1);

/// What others want.
pub(crate) enum Command {
    /// Become this.
    Configure(Box<Wish>, SyncSender<Result<(), TunnelError>>),
    /// The device of the outer sockets was made again.
    Rebind,
}

/// What a tunnel is to become.
pub(crate) struct Wish {
    pub(crate) config: TunnelConfig,
    /// Peers that are to be here, wherever they have moved.
    pub(crate) places: Vec<(PublicKey, SocketAddr)>,
    /// It came by the control socket.
    pub(crate) by_hand: bool,
}

/// Is told what happens, on a thread of the tunnel's.
pub type Listener = Box<dyn FnMut(TunnelEvent) + Send>;

#[derive(Clone, Copy)]
struct Seen {
    health: Health,
    endpoint: Option<SocketAddr>,
    handshake: Option<Instant>,
}

/// See the module.
pub(crate) struct Control {
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    query: InterfaceQuery,
    /// The device.
    interface: IfIndex,
    listener: Listener,
    silence: Duration,
    names: Names,
    seen: HashMap<PublicKey, Seen>,
    /// The port that the kernel chose, kept until another is asked for.
    chosen: u16,
    /// Device that the sockets are bound to.
    bound: Option<IfIndex>,
    retry: Instant,
    told: SocketState,
    /// Switched by whether a peer may answer.
    pub(crate) carrier: Option<TunCarrier>,
    /// Whether there is a carrier.
    open: bool,
    /// It was told that the device is gone.
    lost: bool,
    scratch: Box<[u8]>,
}

impl Control {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: Receiver<Command>,
        wake: Arc<nix::sys::eventfd::EventFd>,
        interface: IfIndex,
        (listener, silence): (Listener, Duration),
    ) -> io::Result<Self> {
        Ok(Self {
            shared,
            commands,
            query: InterfaceQuery::new()?,
            interface,
            listener,
            silence,
            names: Names::new(wake),
            seen: HashMap::new(),
            chosen: 0,
            bound: None,
            retry: Instant::now(),
            told: SocketState::Closed,
            carrier: None,
            open: true,
            lost: false,
            scratch: vec![0; SCRATCH].into(),
        })
    }

    /// Works until the end of the tunnel.
    pub(crate) fn run(mut self) {
        let mut due = Instant::now();
        while !self.shared.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            if self.commands(now) {
                due = now;
            }
            self.names.ask(now);
            self.resolved(now);
            if now >= due {
                due = now + TICK;
                self.look(now);
                let sockets = self.shared.sockets.load();
                let mut wire = SocketWire { sockets: &sockets, thread: 0 };
                let ask = self.carrier.is_some().then_some(self.silence);
                self.shared.device.tick(&mut wire, &mut self.scratch, now, ask);
                drop(sockets);
                self.tell(now);
            } else if self.shared.device.take_news() {
                self.tell(now);
            }
            if self.shared.lost.load(Ordering::Acquire) && !std::mem::replace(&mut self.lost, true) {
                (self.listener)(TunnelEvent::DeviceLost);
            }
            let left = due.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::ZERO);
            let wake = &self.shared.control;
            if poll(&mut [PollFd::new(wake.as_fd(), PollFlags::POLLIN)], timeout).is_ok_and(|n| n > 0) {
                let _ = wake.read();
            }
        }
    }

    fn commands(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Ok(command) = self.commands.try_recv() {
            any = true;
            match command {
                Command::Configure(wish, reply) => {
                    let by_hand = wish.by_hand;
                    let done = match self.shared.lost.load(Ordering::Acquire) {
                        true => Err(TunnelError::Lost),
                        false => self.configure(wish.config, &wish.places, now),
                    };
                    if by_hand && done.is_ok() {
                        (self.listener)(TunnelEvent::Reconfigured);
                    }
                    let _ = reply.send(done);
                }
                Command::Rebind => {
                    self.bound = None;
                    self.retry = now;
                    self.look(now);
                }
            }
        }
        any
    }

    fn configure(
        &mut self,
        config: TunnelConfig,
        places: &[(PublicKey, SocketAddr)],
        now: Instant,
    ) -> Result<(), TunnelError> {
        let shared = Arc::clone(&self.shared);
        let device = &shared.device;
        let (port, mark, bound_to) = {
            let tables = device.tables();
            let old = &tables.config;
            (old.listen_port, old.fwmark, old.endpoint_device.clone())
        };
        let bound = matches!(shared.sockets.load().state, SocketState::Bound(_));
        let moved = port != config.listen_port || bound_to != config.endpoint_device;
        if moved || !bound {
            if port != config.listen_port {
                self.chosen = 0;
            }
            let opened = self.open(&config);
            if let Err(error) = &opened
                && !is_absent(error)
            {
                return Err(TunnelError::Socket { port: config.listen_port, kind: error.kind() });
            }
            self.use_sockets(opened, now);
        } else if mark != config.fwmark {
            let sockets = shared.sockets.load();
            for socket in sockets.v4.iter().chain(&sockets.v6) {
                socket.set_mark(config.fwmark).map_err(|e| TunnelError::Mark(e.kind()))?;
            }
        }
        self.names.configure(&config, now);
        device.configure(config, rand::random);
        let sockets = shared.sockets.load();
        let mut wire = SocketWire { sockets: &sockets, thread: 0 };
        for (key, place) in places {
            device.set_endpoint(key, *place, &mut wire, &mut self.scratch, now);
        }
        Ok(())
    }

    /// Sockets of all threads on one port.
    fn open(&mut self, config: &TunnelConfig) -> io::Result<Sockets> {
        let wanted = config.listen_port.map_or(self.chosen, u16::from);
        let device = config.endpoint_device.as_deref();
        self.bound = device.map(|d| self.query.index(d)).transpose()?;
        let mut result = Err(io::ErrorKind::AddrInUse.into());
        for _ in 0..PORT_TRIES {
            result = self.open_at(wanted, device, config.fwmark);
            let taken = matches!(&result, Err(e) if e.kind() == io::ErrorKind::AddrInUse);
            if !taken || wanted != 0 {
                break;
            }
        }
        if let (Ok(sockets), None) = (&result, config.listen_port)
            && let SocketState::Bound(port) = sockets.state
        {
            self.chosen = port;
        }
        result
    }

    fn open_at(&self, port: u16, device: Option<&str>, mark: u32) -> io::Result<Sockets> {
        let threads = self.shared.wakes.len();
        let open = |afi, port| {
            TunnelSocket::open(&TunnelSocketOptions { afi, port, device, mark, spread: threads > 1 })
        };
        let first = open(Afi::Ipv4, port)?;
        let port = first.port();
        let mut v4 = vec![first];
        let mut v6 = Vec::new();
        for _ in 1..threads {
            v4.push(open(Afi::Ipv4, port)?);
        }
        for _ in 0..threads {
            match open(Afi::Ipv6, port) {
                Ok(socket) => v6.push(socket),
                // A machine without IPv6.
                Err(e) if e.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => break,
                Err(e) => return Err(e),
            }
        }
        Ok(Sockets { v4, v6, state: SocketState::Bound(port) })
    }

    fn use_sockets(&mut self, opened: io::Result<Sockets>, now: Instant) {
        let sockets = opened.unwrap_or_else(|error| {
            let absent = is_absent(&error);
            Sockets::none(if absent {
                SocketState::WaitingForDevice
            } else {
                SocketState::Failed(error.kind())
            })
        });
        if !matches!(sockets.state, SocketState::Bound(_)) {
            self.retry = now + REOPEN;
        }
        self.shared.sockets.store(Arc::new(sockets));
        self.shared.wake();
    }

    /// Follows what may have changed around the tunnel: MTU, the device of the outer sockets.
    fn look(&mut self, now: Instant) {
        if let Ok(mtu) = self.query.name(self.interface).and_then(|name| self.query.mtu(&name)) {
            self.shared.device.set_mtu(mtu);
        }
        let tables = self.shared.device.tables();
        let config = &tables.config;
        let there = config.endpoint_device.as_deref().map(|d| self.query.index(d).ok());
        let state = self.shared.sockets.load().state;
        let right = match state {
            SocketState::Bound(_) => there.is_none_or(|index| index.is_some() && index == self.bound),
            SocketState::Closed => true,
            SocketState::WaitingForDevice | SocketState::Failed(_) => false,
        };
        let appeared = state == SocketState::WaitingForDevice && there.flatten().is_some();
        if !right && (appeared || matches!(state, SocketState::Bound(_)) || now >= self.retry) {
            let config = TunnelConfig { peers: Vec::new(), ..config.clone() };
            drop(tables);
            let opened = self.open(&config);
            self.use_sockets(opened, now);
        }
    }

    fn resolved(&mut self, now: Instant) {
        let found = self.names.answers(now);
        if found.is_empty() {
            return;
        }
        let sockets = self.shared.sockets.load();
        let mut wire = SocketWire { sockets: &sockets, thread: 0 };
        for (key, place) in found {
            self.shared.device.set_endpoint(&key, place, &mut wire, &mut self.scratch, now);
        }
        self.shared.device.tick(&mut wire, &mut self.scratch, now, None);
    }

    /// The device has a carrier while a peer may answer.
    fn follow(&mut self, open: bool) {
        let Some(carrier) = &self.carrier else { return };
        if open != self.open && carrier.set(open).is_ok() {
            self.open = open;
            (self.listener)(TunnelEvent::Open(open));
        }
    }

    /// Tells what is not as it was.
    fn tell(&mut self, now: Instant) {
        let state = self.shared.sockets.load().state;
        if self.told != state {
            self.told = state;
            (self.listener)(TunnelEvent::Sockets(state));
        }
        let shared = Arc::clone(&self.shared);
        let tables = shared.device.tables();
        self.seen.retain(|key, _| tables.by_key(key).is_some());
        let mut open = tables.peers().next().is_none();
        for (_, peer) in tables.peers() {
            let seen = {
                let state = peer.lock();
                Seen {
                    health: state.health(self.silence, now),
                    endpoint: state.path.map(|p| p.remote),
                    handshake: state.handshake.map(|h| h.at),
                }
            };
            open |= seen.health != Health::Silent;
            self.compare(peer.key, seen, now);
        }
        self.follow(open);
    }

    fn compare(&mut self, key: PublicKey, seen: Seen, now: Instant) {
        let fresh = Seen { health: Health::Unknown, endpoint: seen.endpoint, handshake: None };
        let before = self.seen.insert(key, seen).unwrap_or(fresh);
        if seen.handshake.is_some() && seen.handshake != before.handshake {
            (self.listener)(TunnelEvent::Handshake(key));
        }
        if seen.health != before.health {
            (self.listener)(TunnelEvent::Health(key, seen.health));
        }
        if seen.health == Health::Silent {
            self.names.silent(&key, now);
        }
        if let Some(endpoint) = seen.endpoint
            && before.endpoint != seen.endpoint
        {
            (self.listener)(TunnelEvent::Moved(key, endpoint));
        }
    }
}

/// Whether a socket could not be opened because its device does not exist.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(e) if e == Errno::ENODEV as i32 || e == Errno::ENXIO as i32)
}
