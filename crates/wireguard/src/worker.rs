//! The threads that carry packets: each has a queue of the device and a socket per family, and does all that a packet needs.
//!
//! # Invariants
//! * Nothing is waited for but packets and [`Shared::wake`].
//! * A turn does bounded work in one direction before it looks at the other.
//! * A flow keeps its order: it stays in one queue, and each batch is finished before the next is read.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use ferr_netio::{MAX_SEGMENTS, ReceiveBatch, TunQueue, TunnelSocket};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use crate::coalesce::{Coalescer, Parts};
use crate::counters::Cause;
use crate::device::{Device, Inbox, Now, Outbox, Path, Wire};
use crate::segment::{PADDING, VnetHeader};
use crate::status::SocketState;

/// Datagrams per call, each as large as the kernel puts together.
const BATCH: usize = 64;
const DATAGRAM: usize = 65535;
/// Bursts from the device in a turn.
const READS: usize = MAX_SEGMENTS;
/// Octets after which a turn ends: half a millisecond of work. Who waits in the other direction waits no longer.
const TURN: usize = 256 << 10;
/// Pause after an error of the device that is not its end.
const TROUBLE: Duration = Duration::from_millis(10);
/// How long a full socket is waited for, at a time and in all.
const FULL_WAIT: u16 = 10;
const FULL_WAITS: usize = 10;

/// Sockets of all threads.
pub(crate) struct Sockets {
    pub(crate) v4: Vec<TunnelSocket>,
    pub(crate) v6: Vec<TunnelSocket>,
    pub(crate) state: SocketState,
}

impl Sockets {
    /// None.
    pub(crate) fn none(state: SocketState) -> Self {
        Self { v4: Vec::new(), v6: Vec::new(), state }
    }

    /// Those of a thread.
    fn of(&self, thread: usize) -> impl Iterator<Item = &TunnelSocket> {
        self.v4.get(thread).into_iter().chain(self.v6.get(thread))
    }
}

/// What the threads of a tunnel share.
pub(crate) struct Shared {
    pub(crate) device: Device,
    pub(crate) sockets: ArcSwap<Sockets>,
    pub(crate) wakes: Vec<EventFd>,
    pub(crate) control: Arc<EventFd>,
    pub(crate) stop: AtomicBool,
    /// The device was deleted.
    pub(crate) lost: AtomicBool,
}

impl Shared {
    /// Wakes all threads.
    pub(crate) fn wake(&self) {
        for wake in &self.wakes {
            let _ = wake.write(1);
        }
    }

    /// Wakes the one that controls the others.
    pub(crate) fn wake_control(&self) {
        let _ = self.control.write(1);
    }
}

/// Sends by the sockets of one thread.
pub(crate) struct SocketWire<'a> {
    pub(crate) sockets: &'a Sockets,
    pub(crate) thread: usize,
}

impl SocketWire<'_> {
    fn try_send(&self, path: &Path, data: &[u8], size: Option<u16>) -> io::Result<()> {
        let family = if path.remote.is_ipv4() { &self.sockets.v4 } else { &self.sockets.v6 };
        let socket = family.get(self.thread).ok_or(io::ErrorKind::NotConnected)?;
        for _ in 0..FULL_WAITS {
            match socket.send(path.remote, path.local, data, size) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // Waiting is what holds the senders behind the device back.
                    let _ = poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], FULL_WAIT);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Wire for SocketWire<'_> {
    fn send(&mut self, path: &mut Path, data: &[u8], size: Option<u16>) -> bool {
        let sent = self.try_send(path, data, size);
        match sent {
            Ok(()) => true,
            // Our address may be gone; the route tells another.
            Err(e) if e.kind() != io::ErrorKind::WouldBlock && path.local.take().is_some() => {
                self.try_send(path, data, size).is_ok()
            }
            Err(_) => false,
        }
    }
}

/// Which sources may have something.
#[derive(Clone, Copy)]
struct Ready {
    device: bool,
    v4: bool,
    v6: bool,
}

impl Ready {
    const ALL: Self = Self { device: true, v4: true, v6: true };

    fn any(self) -> bool {
        self.device || self.v4 || self.v6
    }
}

/// One of the threads.
pub(crate) struct Worker {
    thread: usize,
    shared: Arc<Shared>,
    queue: TunQueue,
    batch: ReceiveBatch,
    inbox: Inbox,
    outbox: Outbox,
    coalescer: Coalescer,
    burst: Box<[u8]>,
    /// Datagrams that are taken in the next turn: few when they are large.
    most: usize,
}

impl Worker {
    pub(crate) fn new(thread: usize, shared: Arc<Shared>, queue: TunQueue) -> Self {
        let offloads = queue.offloads();
        Self {
            thread,
            shared,
            queue,
            batch: ReceiveBatch::new(BATCH, DATAGRAM),
            inbox: Inbox::new(BATCH * DATAGRAM),
            outbox: Outbox::default(),
            coalescer: Coalescer::new(offloads.tcp, offloads.udp),
            burst: vec![0; VnetHeader::LEN + 65536 + PADDING].into(),
            most: BATCH,
        }
    }

    /// Carries packets until the end of the tunnel.
    pub(crate) fn run(mut self) {
        let mut ready = Ready::ALL;
        while !self.shared.stop.load(Ordering::Acquire) {
            let shared = Arc::clone(&self.shared);
            let sockets = shared.sockets.load();
            if !ready.any() {
                match self.wait(&sockets) {
                    Ok(now) => ready = now,
                    // The set of sockets was replaced.
                    Err(_) => ready = Ready::ALL,
                }
                continue;
            }
            let mut wire = SocketWire { sockets: &sockets, thread: self.thread };
            let [v4, v6] = [&sockets.v4, &sockets.v6].map(|family| family.get(self.thread));
            if ready.v4 {
                ready.v4 = v4.is_some_and(|s| self.hear(s, &mut wire, &mut ready.device));
            }
            if ready.v6 {
                ready.v6 = v6.is_some_and(|s| self.hear(s, &mut wire, &mut ready.device));
            }
            if ready.device {
                match self.read(&mut wire) {
                    // It may go on like this for long: the others are looked at between.
                    Ok(true) => ready = Ready::ALL,
                    Ok(false) => ready.device = false,
                    Err(error) => {
                        if is_gone(&error) {
                            self.shared.lost.store(true, Ordering::Release);
                            self.shared.wake_control();
                            return;
                        }
                        // Whatever it is, asking again at once would keep a processor busy.
                        thread::sleep(TROUBLE);
                        ready.device = false;
                    }
                }
            }
        }
    }

    fn wait(&self, sockets: &Sockets) -> nix::Result<Ready> {
        let wake = &self.shared.wakes[self.thread];
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = [const { None }; 4];
        fds[0] = Some(readable(self.queue.as_fd()));
        fds[1] = Some(readable(wake.as_fd()));
        for (place, socket) in fds[2..].iter_mut().zip(sockets.of(self.thread)) {
            *place = Some(readable(socket.as_fd()));
        }
        let mut fds: smallvec::SmallVec<[PollFd<'_>; 4]> = fds.into_iter().flatten().collect();
        poll(&mut fds, PollTimeout::NONE)?;
        let any = |fd: Option<&PollFd<'_>>| fd.and_then(PollFd::any).unwrap_or(false);
        if any(fds.get(1)) {
            let _ = wake.read();
            return Ok(Ready::ALL);
        }
        let has_v4 = sockets.v4.len() > self.thread;
        let (first, second) = (any(fds.get(2)), any(fds.get(3)));
        let (v4, v6) = if has_v4 { (first, second) } else { (false, first) };
        Ok(Ready { device: any(fds.first()), v4, v6 })
    }

    /// Takes a batch from the network and gives it to the device. Whether there may be more.
    fn hear(&mut self, socket: &TunnelSocket, wire: &mut SocketWire<'_>, written: &mut bool) -> bool {
        // What is wrong with a socket is told by a later send, or by its replacement.
        let most = self.most;
        let Ok(count @ 1..) = self.batch.receive_up_to(socket.as_fd(), most) else { return false };
        let shared = Arc::clone(&self.shared);
        let device = &shared.device;
        let now = Now { at: Instant::now(), wall: SystemTime::now() };
        let mut octets = 0;
        for datagram in self.batch.iter().filter(|d| !d.truncated) {
            octets += datagram.payload.len();
            let local = datagram.destination.filter(|a| !a.is_multicast() && *a != IpAddr::V4(BROADCAST));
            let path = Path { remote: datagram.source, local };
            self.inbox.receive(device, path, (datagram.payload, datagram.segment), wire, now);
        }
        *written |= !self.inbox.packets().is_empty();
        let mut refused = None;
        let (queue, arena) = (&self.queue, self.inbox.arena());
        let mut out = |parts: &Parts<'_>| {
            if let Err(error) = queue.write(parts) {
                device.drops.add(Cause::DeviceRefused);
                refused = Some((error, parts.len() > 2));
            }
        };
        for packet in self.inbox.packets() {
            self.coalescer.push(arena, packet.clone(), &mut out);
        }
        self.coalescer.flush(arena, &mut out);
        if let Some((error, true)) = refused
            && error.raw_os_error() == Some(libc::EINVAL)
        {
            // Bursts of UDP are newer than the rest.
            self.coalescer.without_udp();
        }
        self.inbox.clear();
        if device.has_news() {
            shared.wake_control();
        }
        self.most = (TURN * count / octets.max(1)).clamp(1, BATCH);
        count == most
    }

    /// Takes bursts from the device and sends them. Whether there may be more.
    fn read(&mut self, wire: &mut SocketWire<'_>) -> io::Result<bool> {
        let shared = Arc::clone(&self.shared);
        let device = &shared.device;
        let now = Instant::now();
        let room = self.burst.len() - PADDING;
        let mut octets = 0;
        for _ in 0..READS {
            if octets > TURN {
                break;
            }
            match self.queue.read(&mut self.burst[..room]) {
                Ok(Some(len)) => {
                    octets += len;
                    let Some((header, packet)) = self.burst.split_first_chunk_mut() else { continue };
                    let header = VnetHeader::decode(header);
                    let len = len.saturating_sub(VnetHeader::LEN);
                    self.outbox.transmit(device, header, (packet, len), wire, now);
                }
                Ok(None) => {
                    self.outbox.finish(wire);
                    return Ok(false);
                }
                Err(error) => {
                    self.outbox.finish(wire);
                    return Err(error);
                }
            }
        }
        self.outbox.finish(wire);
        Ok(true)
    }
}

const BROADCAST: std::net::Ipv4Addr = std::net::Ipv4Addr::BROADCAST;

/// Whether the device does not exist any more.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADFD | libc::ENODEV | libc::ENXIO))
}

/// Time between two looks at what is due.
pub(crate) const TICK: Duration = Duration::from_millis(200);
