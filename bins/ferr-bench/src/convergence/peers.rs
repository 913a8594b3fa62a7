//! The router's neighbors, all in this process: they send what was encoded before as fast as TCP takes it, and one thread counts what comes back.
//!
//! # Invariants
//! * The reading thread never waits for one session: it reads what is there, walks the lengths and goes on.
//! * A session is held up by its hold time of an hour; no keepalives come between what is sent.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_bgp_wire::{Capability, GracefulFamily, MessageType, Open, frame, keepalive};
use ferr_testnet::Netns;
use ferr_types::{Asn, RouterId};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, Socket, Type};

use super::fib::thread_cpu;
use super::nlri::{Present, Seen, Visitor, walk};

/// Hold time in seconds, on both sides.
pub(crate) const HOLD: u16 = 3600;
const CHUNK: usize = 512 << 10;
const TICK: u16 = 20;

/// Who opens a session with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Our address, also our router id.
    pub(crate) local: Ipv4Addr,
    pub(crate) remote: Ipv4Addr,
    pub(crate) asn: Asn,
    /// IPv6 unicast is offered beside IPv4.
    pub(crate) v6: bool,
    /// Graceful restart is offered.
    pub(crate) graceful: bool,
}

/// What a session received.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    announced: AtomicUsize,
    withdrawn: AtomicUsize,
    /// Microseconds since the hub's start to the last UPDATE.
    last: AtomicU64,
    /// Prefixes present now, where they are told apart.
    present: AtomicUsize,
    /// Changes of the marked prefix, and the last one's time.
    marks: AtomicUsize,
    marked_at: AtomicU64,
    closed: AtomicBool,
}

/// A prefix whose changes are told apart: length octet and octets, IPv4.
pub(crate) type Mark = Vec<u8>;

/// What a session does with what it receives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    /// Tell prefixes apart.
    pub(crate) distinct: bool,
    /// Tell the changes of one.
    pub(crate) mark: Option<Mark>,
}

/// One end of a session, for whoever sends: one at a time.
struct Writer {
    stream: Mutex<TcpStream>,
    /// Microseconds of processor time of threads that sent.
    cpu: AtomicU64,
    /// What is sent again when the router asks for it.
    table: Mutex<Option<Arc<Vec<u8>>>>,
    /// It has asked, and has not been answered yet.
    asked: AtomicBool,
}

impl Writer {
    /// Sends from a thread of its own.
    fn send(self: &Arc<Self>, bytes: Arc<Vec<u8>>) -> io::Result<()> {
        let writer = Arc::clone(self);
        let send = move || {
            let mut stream = lock(&writer.stream);
            writer.asked.store(false, Ordering::Release);
            // In pieces, so that the processor time is known while it lasts.
            let mut before = Duration::ZERO;
            for piece in bytes.chunks(1 << 20) {
                let result = stream.write_all(piece);
                let now = thread_cpu();
                writer.cpu.fetch_add((now - before).as_micros() as u64, Ordering::Relaxed);
                before = now;
                // The reader says that the session is gone.
                if result.is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("sender".into()).stack_size(128 << 10).spawn(send).map(drop)
    }

    /// Sends the table again, once for all requests that come before it begins.
    fn refresh(self: &Arc<Self>) {
        let table = lock(&self.table).clone();
        if let Some(table) = table
            && !self.asked.swap(true, Ordering::AcqRel)
        {
            // Without the thread the routes stay away, which the goals show.
            let _ = self.send(table);
        }
    }
}

struct Reader {
    stream: TcpStream,
    writer: Arc<Writer>,
    tail: Vec<u8>,
    counters: Arc<Counters>,
    present: Option<Box<Present>>,
    mark: Option<Mark>,
}

/// The reading thread and what it shares.
pub(crate) struct Hub {
    start: Instant,
    limit: Duration,
    epoll: Arc<Epoll>,
    readers: Arc<Mutex<Vec<Option<Reader>>>>,
    stop: Arc<AtomicBool>,
    cpu: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// `limit` is the longest time in which a router may read nothing of what is sent.
    pub(crate) fn start(limit: Duration) -> io::Result<Self> {
        let epoll = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        let mut hub = Self {
            start: Instant::now(),
            limit,
            epoll,
            readers: Arc::default(),
            stop: Arc::default(),
            cpu: Arc::default(),
            thread: None,
        };
        let (start, epoll, readers) = (hub.start, Arc::clone(&hub.epoll), Arc::clone(&hub.readers));
        let (stop, cpu) = (Arc::clone(&hub.stop), Arc::clone(&hub.cpu));
        let read = move || {
            let mut chunk = vec![0; CHUNK];
            let mut events = [EpollEvent::empty(); 256];
            while !stop.load(Ordering::Relaxed) {
                let count = epoll.wait(&mut events, EpollTimeout::from(TICK)).unwrap_or(0);
                let mut readers = lock(&readers);
                for event in &events[..count] {
                    let Some(slot) = readers.get_mut(event.data() as usize) else { continue };
                    let Some(reader) = slot else { continue };
                    if !reader.read(&mut chunk, start) {
                        let _ = epoll.delete(&reader.stream);
                        reader.counters.closed.store(true, Ordering::Release);
                        *slot = None;
                    }
                }
                drop(readers);
                cpu.store(thread_cpu().as_micros() as u64, Ordering::Relaxed);
            }
        };
        hub.thread = Some(thread::Builder::new().name("reader".into()).spawn(read)?);
        Ok(hub)
    }

    /// Processor time of the reading thread.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_micros(self.cpu.load(Ordering::Relaxed))
    }

    /// Opens a session; tries again until `deadline`.
    pub(crate) fn connect(
        &self,
        netns: &Netns,
        identity: Identity,
        watch: &Watch,
        deadline: Instant,
    ) -> io::Result<Peer> {
        loop {
            let attempt = netns.enter(|| dial(identity)).map_err(|e| io::Error::other(e.to_string()))?;
            match attempt.and_then(|stream| handshake(stream, identity)) {
                Ok((stream, rest)) => return self.adopt(stream, rest, watch),
                Err(error) if Instant::now() > deadline => {
                    let what = format!("session of {} with {}: {error}", identity.local, identity.remote);
                    return Err(io::Error::new(error.kind(), what));
                }
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn adopt(&self, stream: TcpStream, rest: Vec<u8>, watch: &Watch) -> io::Result<Peer> {
        let counters = Arc::new(Counters::default());
        // A router that reads nothing for so long is not waited for.
        stream.set_write_timeout(Some(self.limit))?;
        let writer = Arc::new(Writer {
            stream: Mutex::new(stream.try_clone()?),
            cpu: AtomicU64::new(0),
            table: Mutex::new(None),
            asked: AtomicBool::new(false),
        });
        let mut reader = Reader {
            stream: stream.try_clone()?,
            writer: Arc::clone(&writer),
            tail: Vec::new(),
            counters: Arc::clone(&counters),
            present: watch.distinct.then(Box::default),
            mark: watch.mark.clone(),
        };
        // What came with the end of the handshake may be all that comes.
        if !reader.take(&rest, self.start) {
            return Err(io::Error::other("the session ended as it began"));
        }
        let mut readers = lock(&self.readers);
        let event = EpollEvent::new(EpollFlags::EPOLLIN, readers.len() as u64);
        self.epoll.add(&reader.stream, event)?;
        readers.push(Some(reader));
        Ok(Peer { start: self.start, stream, writer, counters, ours: AtomicBool::new(false) })
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Counting<'a> {
    announced: usize,
    withdrawn: usize,
    marks: usize,
    present: Option<&'a mut Present>,
    mark: Option<&'a [u8]>,
}

impl Visitor for Counting<'_> {
    fn announced(&mut self, v6: bool, nlri: &[u8]) {
        self.announced += 1;
        if let Some(present) = &mut self.present {
            present.announced(v6, nlri);
        }
        if self.mark == Some(nlri) {
            self.marks += 1;
        }
    }

    fn withdrawn(&mut self, v6: bool, nlri: &[u8]) {
        self.withdrawn += 1;
        if let Some(present) = &mut self.present {
            present.withdrawn(v6, nlri);
        }
        if self.mark == Some(nlri) {
            self.marks += 1;
        }
    }
}

impl Reader {
    /// Takes what is there; `false` is the end of the session.
    fn read(&mut self, chunk: &mut [u8], start: Instant) -> bool {
        let kept = self.tail.len();
        chunk[..kept].copy_from_slice(&self.tail);
        let got = match recv(self.stream.as_raw_fd(), &mut chunk[kept..], MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return false,
            Ok(got) => got,
            Err(Errno::EAGAIN | Errno::EINTR) => return true,
            Err(_) => return false,
        };
        self.take(&chunk[..kept + got], start)
    }

    /// Counts what is whole, and keeps the rest.
    fn take(&mut self, bytes: &[u8], start: Instant) -> bool {
        let mut counting = Counting {
            announced: 0,
            withdrawn: 0,
            marks: 0,
            present: self.present.as_deref_mut(),
            mark: self.mark.as_deref(),
        };
        let (mut refresh, mut alive) = (false, true);
        let done = walk(bytes, &mut counting, |seen| match seen {
            Seen::Notification => alive = false,
            Seen::Refresh => refresh = true,
            Seen::Update | Seen::Other => {}
        });
        let Some(done) = done else { return false };
        if refresh {
            self.writer.refresh();
        }
        let Counting { announced, withdrawn, marks, present, .. } = counting;
        let present = present.map(|p| p.count);
        self.tail.clear();
        self.tail.extend_from_slice(&bytes[done..]);
        if announced + withdrawn > 0 {
            let now = start.elapsed().as_micros() as u64;
            self.note(now, announced, withdrawn, marks, present);
        }
        alive
    }

    fn note(&self, now: u64, announced: usize, withdrawn: usize, marks: usize, present: Option<usize>) {
        let counters = &self.counters;
        counters.last.store(now, Ordering::Release);
        counters.announced.fetch_add(announced, Ordering::AcqRel);
        counters.withdrawn.fetch_add(withdrawn, Ordering::AcqRel);
        if marks > 0 {
            counters.marked_at.store(now, Ordering::Release);
            counters.marks.fetch_add(marks, Ordering::AcqRel);
        }
        if let Some(count) = present {
            counters.present.store(count, Ordering::Release);
        }
    }
}

/// A session that is up. Dropping it closes the connection.
pub(crate) struct Peer {
    start: Instant,
    stream: TcpStream,
    writer: Arc<Writer>,
    counters: Arc<Counters>,
    /// The end of the session is our doing.
    ours: AtomicBool,
}

impl Peer {
    /// Sends from a thread of its own.
    pub(crate) fn send(&self, bytes: Arc<Vec<u8>>) -> io::Result<()> {
        self.writer.send(bytes)
    }

    /// Sends this whenever the router asks for all routes again.
    pub(crate) fn answer_refresh_with(&self, table: Arc<Vec<u8>>) {
        *lock(&self.writer.table) = Some(table);
    }

    /// Sends at once, from the calling thread.
    pub(crate) fn send_now(&self, bytes: &[u8]) -> io::Result<()> {
        lock(&self.writer.stream).write_all(bytes)
    }

    /// Processor time of sending from threads.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_micros(self.writer.cpu.load(Ordering::Relaxed))
    }

    /// Prefixes announced and withdrawn so far.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.counters.announced.load(Ordering::Acquire), self.counters.withdrawn.load(Ordering::Acquire))
    }

    /// Prefixes that it has now.
    pub(crate) fn present(&self) -> usize {
        self.counters.present.load(Ordering::Acquire)
    }

    /// Ends the session.
    pub(crate) fn close(&self) {
        self.ours.store(true, Ordering::Release);
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// When the last UPDATE with prefixes came.
    pub(crate) fn last_update(&self) -> Option<Instant> {
        self.at(&self.counters.last)
    }

    /// Changes of the marked prefix so far, and when the last one came.
    pub(crate) fn marks(&self) -> (usize, Option<Instant>) {
        (self.counters.marks.load(Ordering::Acquire), self.at(&self.counters.marked_at))
    }

    fn at(&self, micros: &AtomicU64) -> Option<Instant> {
        match micros.load(Ordering::Acquire) {
            0 => None,
            micros => Some(self.start + Duration::from_micros(micros)),
        }
    }

    /// Whether the router ended the session, and not we.
    pub(crate) fn was_ended(&self) -> bool {
        self.counters.closed.load(Ordering::Acquire) && !self.ours.load(Ordering::Acquire)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}

fn dial(identity: Identity) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(IpAddr::V4(identity.local), 0).into())?;
    let remote = SocketAddr::new(IpAddr::V4(identity.remote), 179);
    socket.connect_timeout(&remote.into(), Duration::from_secs(2))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Opens the session; gives what came behind the handshake.
fn handshake(mut stream: TcpStream, identity: Identity) -> io::Result<(TcpStream, Vec<u8>)> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut capabilities = vec![Capability::Multiprotocol { afi: 1, safi: 1 }];
    if identity.v6 {
        capabilities.push(Capability::Multiprotocol { afi: 2, safi: 1 });
    }
    capabilities.push(Capability::FourOctetAs(identity.asn));
    capabilities.push(Capability::RouteRefresh);
    if identity.graceful {
        let family = |afi| GracefulFamily { afi, safi: 1, forwarding: true };
        let families = [1, 2].into_iter().take(1 + usize::from(identity.v6)).map(family).collect();
        capabilities.push(Capability::GracefulRestart {
            restart: false,
            notification: false,
            time: 300,
            families,
        });
    }
    let mut open = Vec::new();
    Open::new(identity.asn, HOLD, RouterId(identity.local), capabilities).encode(&mut open);
    stream.write_all(&open)?;
    let (mut buffer, mut chunk, mut opened) = (Vec::new(), [0; 4096], false);
    loop {
        let found = frame(&buffer, 4096).map_err(|e| io::Error::other(e.to_string()))?;
        let Some((kind, len)) = found.map(|m| (m.kind, m.len)) else {
            match stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => buffer.extend_from_slice(&chunk[..n]),
            }
            continue;
        };
        buffer.drain(..len);
        match kind {
            MessageType::Open => {
                opened = true;
                stream.write_all(&keepalive())?;
            }
            MessageType::Keepalive if opened => break,
            kind => return Err(io::Error::other(format!("unexpected {kind:?}"))),
        }
    }
    stream.set_read_timeout(None)?;
    Ok((stream, buffer))
}
