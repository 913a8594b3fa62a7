//! The BFD thread: sockets, clock and timers of the [`Speaker`].
//!
//! # Invariants
//! * Nothing here waits but for packets and the timer: no lock that others hold for long, no blocking queue, no log file.
//! * In steady state nothing is allocated: a turn reads into buffers that exist, and sends from sockets that are open.
//! * One turn does bounded work: a flood of one port delays neither timers nor the other sockets for longer than a budget.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ferr_bfd::{
    EchoMode, EchoVerdict, Event, HopMode, PacketKind, Received, SessionConfig, SessionId, SessionKey,
    SessionView, Speaker, Time, Transmit,
};
use ferr_netio::{BfdSource, Datagram, ReceiveBatch, bfd_receiver, bfd_sender};
use ferr_rib::GuardId;
use ferr_types::{Afi, VrfId};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use socket2::SockRef;
use tokio::sync::mpsc;

use super::echo::{self, Echoes, Way, can_loop};
use super::guards::{GuardCells, GuardState};
use super::{Command, Notice, Places, Wanted};

/// Priority of the thread: above everything that is not the kernel's.
const PRIORITY: i32 = 50;
/// Datagrams per system call, and their size: the longest control packet is 52 octets.
const BATCH: usize = 64;
const DATAGRAM: usize = 128;
/// Batches that one socket gets in a turn.
const BATCHES: usize = 16;
/// Commands per turn.
const COMMANDS: usize = 16;
/// Least time between two turns. What arrives and falls due within it is dealt with together, which costs a fraction; it delays
/// a packet by half a percent of the shortest interval in use.
const TURN: Duration = Duration::from_micros(250);
/// How long a socket that could not be opened is left alone.
const REOPEN: Duration = Duration::from_secs(1);
/// Tokens of what is waited for.
const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const ECHO: u64 = u64::MAX - 2;
/// TTL of echoes that go back to where they came from.
const TTL_LOOPED: u32 = 254;

/// Port that a receiving socket serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Control(HopMode),
    Echo,
}

struct Listener {
    vrf: VrfId,
    afi: Afi,
    port: Port,
    socket: UdpSocket,
}

/// What a session sends with.
struct Sender {
    guard: GuardId,
    device: Option<Arc<str>>,
    lenient: bool,
    socket: Option<UdpSocket>,
    /// When opening may be tried again.
    retry: Time,
    way: Way,
}

/// Ends of the thread's channels.
pub(super) struct BfdPorts {
    pub(super) commands: Receiver<Command>,
    pub(super) wake: Arc<EventFd>,
    pub(super) cells: Arc<GuardCells>,
    pub(super) notices: mpsc::Sender<Notice>,
}

/// Starts the thread in the network namespace of the caller.
pub(super) fn spawn(ports: BfdPorts, seed: u128, capacity: usize) -> io::Result<thread::JoinHandle<()>> {
    let driver = Driver::new(ports, seed, capacity)?;
    thread::Builder::new().name("ferr-bfd".into()).spawn(move || driver.run())
}

/// Puts the thread above others, on a processor of its own; from the first session on, so that who has none is not bothered.
fn hurry() {
    if let Err(error) = ferr_netio::run_in_real_time(PRIORITY) {
        tracing::warn!("BFD runs like any other thread: {error}; CAP_SYS_NICE lets it go first");
    }
    if let Some(error) = ferr_netio::quiet_cpu().and_then(|cpu| ferr_netio::stay_on(cpu).err()) {
        tracing::debug!("BFD shares its processor: {error}");
    }
}

struct Driver {
    ports: BfdPorts,
    speaker: Speaker,
    origin: Instant,
    epoll: Epoll,
    timer: TimerFd,
    /// Slots of sockets; the index is the token.
    listeners: Vec<Option<Listener>>,
    places: Places,
    senders: HashMap<SessionId, Sender>,
    guards: HashMap<GuardId, SessionId>,
    echoes: Echoes,
    batch: ReceiveBatch,
    out: Box<[Transmit]>,
    /// Begin of the last turn that read all sockets: what arrives later is not older.
    drained: Time,
    /// It has had sessions, and goes first since.
    hurried: bool,
}

impl Driver {
    fn new(ports: BfdPorts, seed: u128, capacity: usize) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&*ports.wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        Ok(Self {
            ports,
            speaker: Speaker::new(seed, capacity),
            origin: Instant::now(),
            epoll,
            timer,
            listeners: Vec::new(),
            places: Places::new(),
            senders: HashMap::with_capacity(capacity),
            guards: HashMap::with_capacity(capacity),
            echoes: Echoes::default(),
            batch: ReceiveBatch::new(BATCH, DATAGRAM),
            out: vec![Transmit::default(); BATCH].into(),
            drained: Time::ZERO,
            hurried: false,
        })
    }

    fn now(&self) -> Time {
        Time::since(self.origin, Instant::now())
    }

    fn run(mut self) {
        let mut last = Time::ZERO;
        loop {
            let early = TURN.saturating_sub(self.now().saturating_since(last));
            if !early.is_zero() {
                thread::sleep(early);
            }
            let start = self.now();
            last = start;
            if !self.commands(start) {
                return self.farewell();
            }
            let drained = self.read_all(start);
            self.drained = drained;
            self.speaker.handle_timeout(self.now(), drained);
            self.send_all();
            self.tell();
            self.sleep(drained < start);
        }
    }

    /// Sleeps until something is due or arrives; not at all when packets are left.
    fn sleep(&self, more: bool) {
        let mut events = [EpollEvent::empty(); 8];
        let now = self.now();
        let due = self.speaker.poll_timeout().map(|at| at.saturating_since(now));
        if more || due.is_some_and(|d| d.is_zero()) {
            return;
        }
        if let Some(due) = due {
            let expiration = Expiration::OneShot(TimeSpec::from_duration(due));
            if self.timer.set(expiration, TimerSetTimeFlags::empty()).is_err() {
                // Never slept through: a millisecond at most without a timer.
                let _ = self.epoll.wait(&mut events, 1_u8);
                return;
            }
        }
        let count = self.epoll.wait(&mut events, EpollTimeout::NONE).unwrap_or(0);
        if events[..count].iter().any(|e| e.data() == WAKE) {
            let _ = self.ports.wake.read();
        }
    }

    /// Carries out what others ask for; false at the end.
    fn commands(&mut self, now: Time) -> bool {
        for _ in 0..COMMANDS {
            match self.ports.commands.try_recv() {
                Ok(command) => self.command(now, command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        // More may wait, and nobody will say so again.
        let _ = self.ports.wake.write(1);
        true
    }

    fn command(&mut self, now: Time, command: Command) {
        match command {
            Command::Listen(vrfs) => self.listen(&vrfs),
            Command::Places(places) => self.places = places,
            Command::Set(wanted) => self.set(now, *wanted),
            Command::Remove(guard) => self.remove(now, guard),
            Command::ClearCounters(guard) => {
                if let Some(id) = self.guards.get(&guard) {
                    self.speaker.clear_counters(*id);
                }
            }
            Command::View(guards, reply) => {
                let views = guards.into_iter().filter_map(|g| Some((g, self.view(now, g)?))).collect();
                let _ = reply.send(views);
            }
            Command::Totals(reply) => drop(reply.send(self.speaker.view())),
        }
    }

    fn view(&self, now: Time, guard: GuardId) -> Option<(SessionView, Duration)> {
        let view = self.speaker.session(*self.guards.get(&guard)?)?;
        let age = now.saturating_since(view.since);
        Some((view, age))
    }

    /// Opens the sockets of VRFs that have none, and closes those of VRFs that are gone.
    fn listen(&mut self, vrfs: &[(VrfId, Option<Arc<str>>)]) {
        for slot in &mut self.listeners {
            if slot.as_ref().is_some_and(|l| vrfs.iter().all(|(vrf, _)| *vrf != l.vrf)) {
                // Closing takes it out of the epoll set.
                *slot = None;
            }
        }
        for (vrf, device) in vrfs {
            for afi in [Afi::Ipv4, Afi::Ipv6] {
                for port in [Port::Control(HopMode::Single), Port::Control(HopMode::Multi), Port::Echo] {
                    self.open(*vrf, afi, port, device.as_deref());
                }
            }
        }
    }

    fn open(&mut self, vrf: VrfId, afi: Afi, port: Port, device: Option<&str>) {
        let is_it = |l: &Listener| (l.vrf, l.afi, l.port) == (vrf, afi, port);
        if self.listeners.iter().flatten().any(is_it) {
            return;
        }
        let number = match port {
            Port::Control(hop) => hop.port(),
            Port::Echo => ferr_bfd_wire::PORT_ECHO,
        };
        let at = self.listeners.iter().position(Option::is_none).unwrap_or(self.listeners.len());
        let opened = bfd_receiver(afi, number, device).and_then(|socket| {
            if port == Port::Echo {
                let socket = SockRef::from(&socket);
                match afi {
                    Afi::Ipv4 => socket.set_ttl_v4(TTL_LOOPED)?,
                    Afi::Ipv6 => socket.set_unicast_hops_v6(TTL_LOOPED)?,
                }
            }
            self.epoll.add(socket.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, at as u64))?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => {
                let listener = Some(Listener { vrf, afi, port, socket });
                match self.listeners.get_mut(at) {
                    Some(slot) => *slot = listener,
                    None => self.listeners.push(listener),
                }
            }
            Err(error) => self.notice(Notice::CannotListen { vrf, port: number, error: error.kind() }),
        }
    }

    fn set(&mut self, now: Time, wanted: Wanted) {
        let Wanted { guard, key, mut config, device, lenient } = wanted;
        if !can_loop(key.remote) {
            config.echo_receive = Duration::ZERO;
        }
        if !std::mem::replace(&mut self.hurried, true) {
            hurry();
        }
        self.need_echo(&key, &config);
        let alone = matches!(config.echo, EchoMode::Unaffiliated { .. });
        self.set_session(now, Wanted { guard, key, config, device, lenient });
        // It comes up by echoes, so they are let in before.
        if alone && let Some(view) = self.guards.get(&guard).and_then(|id| self.speaker.session(*id)) {
            self.echoes.learn(&view);
        }
    }

    fn set_session(&mut self, now: Time, wanted: Wanted) {
        let Wanted { guard, key, config, device, lenient } = wanted;
        if let Some(id) = self.guards.get(&guard).copied() {
            if let Some(sender) = self.senders.get_mut(&id) {
                sender.lenient = lenient;
                if sender.device != device {
                    (sender.device, sender.socket, sender.retry) = (device, None, now);
                }
            }
            let admin_down = config.admin_down;
            if let Err(error) = self.speaker.set_config(now, id, config) {
                self.notice(Notice::Refused { guard, error: error.into() });
            }
            self.speaker.set_admin_down(now, id, admin_down);
            return;
        }
        match self.speaker.add(now, key, config) {
            Ok(id) => {
                self.guards.insert(guard, id);
                self.senders.insert(
                    id,
                    Sender { guard, device, lenient, socket: None, retry: now, way: Way::default() },
                );
            }
            Err(error) => self.notice(Notice::Refused { guard, error }),
        }
    }

    fn need_echo(&mut self, key: &SessionKey, config: &SessionConfig) {
        let waited = self.echoes.need(key, config).and_then(|socket| {
            let Some(socket) = socket else { return Ok(()) };
            Ok(self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, ECHO))?)
        });
        if let Err(error) = waited {
            self.notice(Notice::CannotEcho(error.kind()));
        }
    }

    fn remove(&mut self, now: Time, guard: GuardId) {
        let Some(id) = self.guards.remove(&guard) else { return };
        if let Some(view) = self.speaker.session(id) {
            self.echoes.forget(&view);
        }
        // The peer hears that this is no failure.
        self.speaker.set_admin_down(now, id, true);
        self.send_all();
        self.speaker.remove(id);
        self.senders.remove(&id);
        self.ports.cells.set(guard, GuardState::Silent);
    }

    /// Reads all sockets. Everything that arrived until the returned time was seen.
    fn read_all(&mut self, start: Time) -> Time {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let clock = Clock { now: start, wall, floor: self.drained };
        let mut drained = start;
        for listener in self.listeners.iter().flatten() {
            let mut last = None;
            for turn in 0..=BATCHES {
                match self.batch.receive(listener.socket.as_fd()) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
                for datagram in self.batch.iter() {
                    let arrival = datagram.arrival.map(|at| clock.monotonic(at));
                    last = arrival.or(last);
                    take(&mut self.speaker, start, listener, &self.places, &datagram, arrival);
                }
                if !self.batch.is_full() {
                    break;
                }
                if turn == BATCHES {
                    // What is left came after the last one that was read.
                    drained = drained.min(last.unwrap_or(self.drained));
                }
            }
        }
        drained.min(self.read_echoes(start, &clock))
    }

    /// Reads echoes whose two addresses are equal. As above.
    fn read_echoes(&mut self, start: Time, clock: &Clock) -> Time {
        let Some(socket) = self.echoes.socket() else { return start };
        let mut last = None;
        for _ in 0..=BATCHES {
            match self.batch.receive(socket.as_fd()) {
                Ok(0) | Err(_) => return start,
                Ok(_) => {}
            }
            for datagram in self.batch.iter() {
                let arrival = datagram.arrival.map(|at| clock.monotonic(at));
                last = arrival.or(last);
                self.echoes.take(&mut self.speaker, start, &datagram, arrival);
            }
            if !self.batch.is_full() {
                return start;
            }
        }
        last.unwrap_or(self.drained)
    }

    /// Sends what is due.
    fn send_all(&mut self) {
        loop {
            let now = self.now();
            let count = self.speaker.poll_transmit(now, &mut self.out);
            for at in 0..count {
                if let Err(()) = self.send(now, at) {
                    let session = self.out[at].session;
                    self.speaker.note_send_failure(session);
                }
            }
            if count < self.out.len() {
                return;
            }
        }
    }

    fn send(&mut self, now: Time, at: usize) -> Result<(), ()> {
        let packet = &self.out[at];
        let Some(sender) = self.senders.get_mut(&packet.session) else { return Ok(()) };
        if packet.kind == PacketKind::Echo {
            return echo::send(packet, &mut sender.way);
        }
        if sender.socket.is_none() {
            if now < sender.retry {
                return Err(());
            }
            let source = BfdSource {
                afi: if packet.destination.is_ipv4() { Afi::Ipv4 } else { Afi::Ipv6 },
                addr: packet.source,
                scope: packet.interface,
                port: packet.source_port,
                device: sender.device.as_deref(),
                ttl: packet.ttl,
            };
            sender.retry = now + REOPEN;
            sender.socket = bfd_sender(&source).ok();
        }
        let socket = sender.socket.as_ref().ok_or(())?;
        match socket.send_to(packet.bytes(), target(packet)) {
            Ok(_) => Ok(()),
            Err(error) => {
                // The address or the device may be another one now.
                if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused) {
                    sender.socket = None;
                }
                Err(())
            }
        }
    }

    /// Passes on what happened.
    fn tell(&mut self) {
        while let Some(event) = self.speaker.poll_event() {
            let (session, state) = match event {
                Event::Up(id) => {
                    if let Some(view) = self.speaker.session(id) {
                        self.echoes.learn(&view);
                    }
                    (id, Some(GuardState::Up))
                }
                Event::Down { session, .. } => (session, Some(self.verdict(session))),
                Event::AdminDown(id) => (id, Some(GuardState::Silent)),
                Event::ParametersChanged(id) => (id, None),
                Event::WrongHopMode { session, .. } | Event::AuthFailure { session, .. } => (session, None),
            };
            let Some(guard) = self.senders.get(&session).map(|s| s.guard) else { continue };
            if let Some(state) = state {
                self.ports.cells.set(guard, state);
            }
            self.notice(Notice::Event(guard, event));
        }
    }

    /// What a failure says of the gateway (RFC 5882 section 4.3.2).
    fn verdict(&self, session: SessionId) -> GuardState {
        let lenient = self.senders.get(&session).is_some_and(|s| s.lenient);
        let shared = || self.speaker.session(session).is_some_and(|s| !s.remote_control_plane_independent);
        if lenient && shared() { GuardState::Doubtful } else { GuardState::Down }
    }

    /// Notices are for people: one that has no room is lost, the state is in the cells.
    fn notice(&self, notice: Notice) {
        let _ = self.ports.notices.try_send(notice);
    }

    /// Tells all peers that this is no failure.
    fn farewell(mut self) {
        let now = self.now();
        let all: Vec<SessionId> = self.senders.keys().copied().collect();
        for id in all {
            self.speaker.set_admin_down(now, id, true);
        }
        self.send_all();
        self.senders.values().for_each(|s| self.ports.cells.set(s.guard, GuardState::Silent));
    }
}

/// From the clock of the day, in which the kernel stamps packets, to ours.
struct Clock {
    now: Time,
    wall: Duration,
    /// No packet that is read now arrived before.
    floor: Time,
}

impl Clock {
    /// When a packet arrived. The clock of the day may have been set since: the result lies between the last time that the sockets
    /// were empty and now.
    fn monotonic(&self, arrival: Duration) -> Time {
        let age = self.wall.saturating_sub(arrival);
        let nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        Time(self.now.0.saturating_sub(nanos)).max(self.floor)
    }
}

fn take(
    speaker: &mut Speaker,
    now: Time,
    listener: &Listener,
    places: &Places,
    datagram: &Datagram<'_>,
    arrival: Option<Time>,
) {
    // With udp_l3mdev_accept the kernel gives what comes in a VRF without a listener to that of the default one.
    let elsewhere = datagram.ifindex.filter(|_| listener.vrf == VrfId::DEFAULT).and_then(|i| places.get(&i));
    let received = Received {
        vrf: elsewhere.copied().unwrap_or(listener.vrf),
        interface: datagram.ifindex,
        source: datagram.source.ip(),
        destination: datagram.destination,
        ttl: datagram.ttl,
        hop: match listener.port {
            Port::Control(hop) => hop,
            Port::Echo => HopMode::Single,
        },
        arrival,
        payload: datagram.payload,
    };
    match listener.port {
        // What was wrong with it was counted.
        Port::Control(_) => drop(speaker.receive(now, &received)),
        Port::Echo => match speaker.receive_echo(now, &received) {
            EchoVerdict::Loop(_) => {
                let _ = listener.socket.send_to(datagram.payload, datagram.source);
            }
            EchoVerdict::Returned(_) | EchoVerdict::Dropped => {}
        },
    }
}

fn target(packet: &Transmit) -> SocketAddr {
    match (packet.destination, packet.interface) {
        (IpAddr::V6(addr), Some(ifindex)) if addr.is_unicast_link_local() => {
            SocketAddrV6::new(addr, packet.port, 0, ifindex.0).into()
        }
        (addr, _) => SocketAddr::new(addr, packet.port),
    }
}
