//! Probes through the network: ICMP echoes, one or a steady stream, and the outage that a stream saw.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{Error, Netns};

const HEADER: usize = 8;

/// What a stream saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamReport {
    /// Echoes sent.
    pub sent: u32,
    /// Echoes answered.
    pub answered: u32,
    /// Longest time between two neighbouring answered echoes, by their times of sending.
    pub longest_gap: Duration,
    /// Echoes lost in that gap.
    pub lost_in_gap: u32,
}

/// Echoes sent at a steady pace in the background.
#[derive(Debug)]
pub struct Stream {
    start: Instant,
    stop: Arc<AtomicBool>,
    /// Time of sending of the newest answered echo, in microseconds since the start; 0 is none.
    newest: Arc<AtomicU64>,
    thread: JoinHandle<StreamReport>,
}

/// Where probes come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Their source address; `None` leaves it to the route.
    pub addr: Option<IpAddr>,
    /// Device that the socket is bound to, the one of a VRF for example.
    pub device: Option<String>,
}

impl From<Option<IpAddr>> for Source {
    fn from(addr: Option<IpAddr>) -> Self {
        Self { addr, device: None }
    }
}

#[derive(Debug)]
struct Echo {
    socket: Socket,
    to: SocketAddr,
    ident: u16,
}

impl Echo {
    fn open(netns: &Netns, from: &Source, to: IpAddr) -> Result<Self, Error> {
        let (domain, protocol) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = netns.enter(|| {
            let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
            if let Some(device) = &from.device {
                socket.bind_device(Some(device.as_bytes()))?;
            }
            if let Some(from) = from.addr {
                socket.bind(&SocketAddr::new(from, 0).into())?;
            }
            socket.set_nonblocking(true)?;
            Ok(socket)
        })?;
        let socket = socket.map_err(Error::io("opening an ICMP socket"))?;
        // Distinct among the open probes of this process.
        let ident = u16::try_from(socket.as_raw_fd() & 0x7fff).unwrap_or(1);
        Ok(Self { socket, to: SocketAddr::new(to, 0), ident })
    }

    /// A lost route makes sending fail: that is a lost echo, not an error of the probe.
    fn send(&self, sequence: u32) {
        let mut packet = [0_u8; HEADER + 4];
        packet[0] = if self.to.is_ipv4() { 8 } else { 128 };
        packet[4..6].copy_from_slice(&self.ident.to_be_bytes());
        packet[HEADER..].copy_from_slice(&sequence.to_be_bytes());
        // For ICMPv6 the kernel fills in its own.
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
        let _ = self.socket.send_to(&packet, &self.to.into());
    }

    /// The sequence number of the next answer before `end`.
    fn receive(&self, end: Instant) -> Option<u32> {
        let mut buffer = [0_u8; 256];
        loop {
            let left = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())?;
            // A socket's own time-out is only as fine as the kernel's tick.
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            if ppoll(&mut ready, Some(TimeSpec::from_duration(left)), None) == Ok(0) {
                return None;
            }
            // A failure is "nothing yet", or an ICMP error about an earlier echo ("host unreachable").
            if let Some(sequence) =
                (&self.socket).read(&mut buffer).ok().and_then(|count| self.parse(&buffer[..count]))
            {
                return Some(sequence);
            }
        }
    }

    /// The sequence number if these bytes are an answer to us. An IPv4 raw socket sees the IP header too.
    fn parse(&self, bytes: &[u8]) -> Option<u32> {
        let (reply, skip) = match self.to.ip() {
            IpAddr::V4(_) => (0, usize::from(bytes.first()? & 0xf) * 4),
            IpAddr::V6(_) => (129, 0),
        };
        let icmp = bytes.get(skip..)?;
        let ours = *icmp.first()? == reply && icmp.get(4..6)? == self.ident.to_be_bytes();
        let sequence = icmp.get(HEADER..HEADER + 4)?.try_into().ok()?;
        ours.then(|| u32::from_be_bytes(sequence))
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b))).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// Sends echoes from `from` to `to` every 20 ms until one is answered; gives its round-trip time.
pub fn ping(
    netns: &Netns,
    from: impl Into<Source>,
    to: IpAddr,
    timeout: Duration,
) -> Result<Duration, Error> {
    let echo = Echo::open(netns, &from.into(), to)?;
    let start = Instant::now();
    let mut sent = Vec::new();
    while start.elapsed() < timeout {
        let now = Instant::now();
        echo.send(u32::try_from(sent.len()).unwrap_or(u32::MAX));
        sent.push(now);
        if let Some(at) = echo.receive(now + Duration::from_millis(20)).and_then(|s| sent.get(s as usize)) {
            return Ok(at.elapsed());
        }
    }
    Err(Error::Timeout {
        what: format!("an answer to an ICMP echo to {to}"),
        last: format!("{} echoes sent, none answered", sent.len()),
        after: start.elapsed(),
    })
}

impl Stream {
    /// Starts echoes from `from` to `to`, one every `interval`.
    pub fn start(
        netns: &Netns,
        from: impl Into<Source>,
        to: IpAddr,
        interval: Duration,
    ) -> Result<Self, Error> {
        let echo = Echo::open(netns, &from.into(), to)?;
        let start = Instant::now();
        let (stop, newest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, seen) = (Arc::clone(&stop), Arc::clone(&newest));
        let thread = thread::spawn(move || drive(&echo, start, interval, &stopped, &seen));
        Ok(Self { start, stop, newest, thread })
    }

    /// When the newest answered echo was sent.
    #[must_use]
    pub fn newest_answered(&self) -> Option<Instant> {
        match self.newest.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(self.start + Duration::from_micros(micros)),
        }
    }

    /// Ends the stream.
    #[must_use]
    pub fn finish(self) -> StreamReport {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn drive(
    echo: &Echo,
    start: Instant,
    interval: Duration,
    stop: &AtomicBool,
    newest: &AtomicU64,
) -> StreamReport {
    let mut echoes: Vec<(Instant, bool)> = Vec::new();
    let mut due = start;
    // Echoes under way at the end get a moment to be answered.
    let mut end = None;
    loop {
        let now = Instant::now();
        match end {
            None if stop.load(Ordering::Relaxed) => end = Some(now + Duration::from_millis(50)),
            Some(end) if now >= end => break,
            _ => {}
        }
        if end.is_none() && now >= due {
            echo.send(u32::try_from(echoes.len()).unwrap_or(u32::MAX));
            echoes.push((now, false));
            due = (due + interval).max(now);
        }
        let wait = end.unwrap_or(due);
        if let Some(sequence) = echo.receive(wait)
            && let Some(entry) = echoes.get_mut(sequence as usize)
        {
            entry.1 = true;
            let micros = u64::try_from((entry.0 - start).as_micros()).unwrap_or(u64::MAX);
            newest.fetch_max(micros.max(1), Ordering::Relaxed);
        }
    }
    report(&echoes)
}

fn report(echoes: &[(Instant, bool)]) -> StreamReport {
    let mut out =
        StreamReport { sent: u32::try_from(echoes.len()).unwrap_or(u32::MAX), ..Default::default() };
    let mut last: Option<(usize, Instant)> = None;
    for (at, (sent, answered)) in echoes.iter().enumerate() {
        if !answered {
            continue;
        }
        out.answered += 1;
        if let Some((before, when)) = last
            && *sent - when > out.longest_gap
        {
            out.longest_gap = *sent - when;
            out.lost_in_gap = u32::try_from(at - before - 1).unwrap_or(u32::MAX);
        }
        last = Some((at, *sent));
    }
    out
}
