//! How far the kernel's table is, asked so that the asking costs next to nothing.
//!
//! # Invariants
//! * A sample in random order is asked for, a few prefixes every few milliseconds, and only prefixes whose answer cannot be that of another.
//! * The kernel counts its IPv4 table by walking it, which takes a processor for a tenth of a second: that is done only when the sample is whole.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_testnet::Netns;
use ferr_types::Prefix;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};

/// Most prefixes in a sample: the last of them comes within about as many parts of the whole before its end.
const SAMPLE: usize = 4096;
const LEAST: usize = 256;
/// Prefixes of the curve, and the time between its points.
const CURVE: usize = 48;
const POINT: Duration = Duration::from_millis(50);
/// Time between looks, and answers of the unwanted kind that end a look.
const TICK: Duration = Duration::from_millis(3);
const PATIENCE: usize = 2;
/// Time between counts of a table whose sample is whole.
const COUNT: Duration = Duration::from_millis(20);

/// Prefixes that stand for all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    prefixes: Vec<Prefix>,
    /// How many there are in all, by family.
    pub(crate) total: Totals,
}

/// Numbers of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) v4: usize,
    pub(crate) v6: usize,
}

impl Totals {
    pub(crate) const fn sum(self) -> usize {
        self.v4 + self.v6
    }
}

impl std::ops::Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { v4: self.v4 + other.v4, v6: self.v6 + other.v6 }
    }
}

impl Sample {
    /// Of distinct prefixes. One whose first address belongs to a longer one cannot be asked for and is not in the sample; nor is an IPv6 prefix within a
    /// shorter one.
    pub(crate) fn new(all: &[Prefix]) -> Self {
        Self::among(all, |_| true)
    }

    /// The same, of those that are `wanted` alone.
    pub(crate) fn among(all: &[Prefix], wanted: impl Fn(&Prefix) -> bool) -> Self {
        let total = Totals {
            v4: all.iter().filter(|p| matches!(p, Prefix::V4(_))).count(),
            v6: all.iter().filter(|p| matches!(p, Prefix::V6(_))).count(),
        };
        let mut longest = HashMap::with_capacity(all.len());
        for prefix in all {
            let len = longest.entry(prefix.addr()).or_insert(0);
            *len = prefix.len().max(*len);
        }
        let known: HashSet<&Prefix> = all.iter().filter(|p| matches!(p, Prefix::V6(_))).collect();
        let is_covered = |prefix: &Prefix| {
            let shorter = |len| Prefix::new(prefix.addr(), len).is_some_and(|p| known.contains(&p));
            matches!(prefix, Prefix::V6(_)) && (0..prefix.len()).any(shorter)
        };
        let is_alone = |p: &&Prefix| longest.get(&p.addr()) == Some(&p.len()) && !is_covered(p);
        let mut prefixes: Vec<Prefix> = all.iter().filter(|p| wanted(p)).filter(is_alone).copied().collect();
        let wanted = prefixes.len().min((all.len() / 64).clamp(LEAST, SAMPLE));
        let mut random = fastrand::Rng::with_seed(7);
        for at in 0..wanted {
            let other = random.usize(at..prefixes.len());
            prefixes.swap(at, other);
        }
        prefixes.truncate(wanted);
        Self { prefixes, total }
    }
}

/// A socket that asks for routes.
#[derive(Debug)]
pub(crate) struct FibProbe {
    fd: OwnedFd,
    seq: u32,
}

const RTM_GETROUTE: u16 = 26;
const RTM_NEWROUTE: u16 = 24;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const RTA_DST: u16 = 1;
const RTM_F_FIB_MATCH: u32 = 0x2000;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

impl FibProbe {
    pub(crate) fn open(netns: &Netns) -> io::Result<Self> {
        let fd = netns.enter(open).map_err(|e| io::Error::other(e.to_string()))??;
        Ok(Self { fd, seq: 0 })
    }

    /// Whether the main table has this very prefix.
    pub(crate) fn has(&mut self, prefix: Prefix) -> io::Result<bool> {
        self.seq = self.seq.wrapping_add(1);
        let (family, octets) = match prefix.addr() {
            IpAddr::V4(a) => (AF_INET, a.octets().to_vec()),
            IpAddr::V6(a) => (AF_INET6, a.octets().to_vec()),
        };
        let mut request = Vec::with_capacity(48);
        let len = 16 + 12 + 4 + octets.len();
        request.extend_from_slice(&(len as u32).to_ne_bytes());
        request.extend_from_slice(&RTM_GETROUTE.to_ne_bytes());
        request.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
        request.extend_from_slice(&self.seq.to_ne_bytes());
        request.extend_from_slice(&[0; 4]);
        request.extend_from_slice(&[family, (octets.len() * 8) as u8, 0, 0, 0, 0, 0, 0]);
        // Routes of IPv6 that share a next-hop object share what the kernel remembers of the last look-up too, and it may name another of them.
        let flags = if family == AF_INET { RTM_F_FIB_MATCH } else { 0 };
        request.extend_from_slice(&flags.to_ne_bytes());
        request.extend_from_slice(&(4 + octets.len() as u16).to_ne_bytes());
        request.extend_from_slice(&RTA_DST.to_ne_bytes());
        request.extend_from_slice(&octets);
        sendto(self.fd.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut answer = [0; 2048];
        loop {
            let len = match recv(self.fd.as_raw_fd(), &mut answer, MsgFlags::empty()) {
                Ok(len) => len,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let message = &answer[..len];
            if message.get(8..12) == Some(&self.seq.to_ne_bytes()) {
                return Ok(is_route(message, &octets, prefix.len(), family == AF_INET));
            }
        }
    }
}

/// Whether an answer is a route, with this very destination where that is `exact`.
fn is_route(message: &[u8], octets: &[u8], len: u8, exact: bool) -> bool {
    let kind = message.get(4..6).and_then(|b| b.try_into().ok()).map_or(NLMSG_ERROR, u16::from_ne_bytes);
    if kind != RTM_NEWROUTE || (exact && message.get(17) != Some(&len)) {
        return false;
    }
    if !exact {
        return true;
    }
    let mut rest = message.get(28..).unwrap_or(&[]);
    while let Some(([l0, l1, k0, k1], _)) = rest.split_first_chunk::<4>() {
        let size = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let Some(value) = rest.get(4..size) else { return false };
        if u16::from_ne_bytes([*k0, *k1]) == RTA_DST {
            return value == octets;
        }
        rest = rest.get((size + 3) & !3..).unwrap_or(&[]);
    }
    // A default route has no destination.
    len == 0
}

/// A socket for requests, in the namespace of the calling thread.
pub(crate) fn open() -> io::Result<OwnedFd> {
    let fd =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(10, 0))?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(fd)
}

/// What the kernel counts in the main table of a namespace.
pub(crate) fn count(netns: &Netns) -> Totals {
    let read = |file: &str| {
        let path = format!("/proc/thread-self/net/{file}");
        netns.enter(|| fs::read_to_string(path).unwrap_or_default()).unwrap_or_default()
    };
    let text = read("fib_triestat");
    // Absent while main and local table are one.
    let main = text.split("Main:").nth(1).unwrap_or(&text);
    let prefixes = main.lines().find_map(|l| l.trim().strip_prefix("Prefixes:"));
    let v4 = prefixes.and_then(|p| p.trim().parse().ok()).unwrap_or(0);
    // The fourth of its hexadecimal numbers is how many entries the trees hold.
    let stats = read("rt6_stats");
    let v6 = stats.split_whitespace().nth(3).and_then(|n| usize::from_str_radix(n, 16).ok()).unwrap_or(0);
    Totals { v4, v6 }
}

/// Processor time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// All are there.
    Present,
    /// None is.
    Gone,
}

/// What a watch saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// When all of the sample was as wanted.
    pub(crate) sampled: Option<Instant>,
    /// When the table was as wanted; `None` when it never was.
    pub(crate) whole: Option<Instant>,
    /// Part that was present, by time.
    pub(crate) curve: Vec<(Instant, f64)>,
    /// Processor time of the asking.
    pub(crate) cpu: Duration,
    /// The last count.
    pub(crate) count: Totals,
}

/// A watch on the table in the background.
#[derive(Debug)]
pub(crate) struct FibWatch {
    stop: Arc<AtomicBool>,
    percent: Arc<AtomicU8>,
    thread: JoinHandle<Seen>,
}

impl FibWatch {
    /// Starts to look; the table is as wanted when the sample is and the counts are `count`.
    pub(crate) fn start(
        netns: &Netns,
        sample: &Arc<Sample>,
        until: Until,
        count: Totals,
    ) -> io::Result<Self> {
        let probe = FibProbe::open(netns)?;
        let stop = Arc::new(AtomicBool::new(false));
        let percent = Arc::new(AtomicU8::new(0));
        let (stopped, part) = (Arc::clone(&stop), Arc::clone(&percent));
        let (sample, netns) = (Arc::clone(sample), netns.clone());
        let thread = thread::Builder::new().name("fib-watch".into()).spawn(move || {
            let mut watcher = Watcher { probe, until, stop: &stopped, percent: &part, seen: Seen::default() };
            // An error of the socket is a table that is never as wanted.
            let _ = watcher.watch(&sample, &netns, count);
            watcher.seen.cpu = thread_cpu();
            watcher.seen
        })?;
        Ok(Self { stop, percent, thread })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Part of the routes that were present at the last look.
    pub(crate) fn percent(&self) -> u8 {
        self.percent.load(Ordering::Relaxed)
    }

    /// Ends it and tells what it saw.
    pub(crate) fn finish(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

struct Watcher<'a> {
    probe: FibProbe,
    until: Until,
    stop: &'a AtomicBool,
    percent: &'a AtomicU8,
    seen: Seen,
}

impl Watcher<'_> {
    fn is_wanted(&mut self, prefix: Prefix) -> io::Result<bool> {
        Ok(self.probe.has(prefix)? == (self.until == Until::Present))
    }

    fn watch(&mut self, sample: &Sample, netns: &Netns, wanted: Totals) -> io::Result<()> {
        let mut open = sample.prefixes.clone();
        let mut curve: Vec<Prefix> = open.iter().take(CURVE).copied().collect();
        let all = curve.len().max(1);
        let mut next_point = Instant::now();
        let mut cursor = 0;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if Instant::now() >= next_point {
                next_point = Instant::now() + POINT;
                let mut left = Vec::with_capacity(curve.len());
                for prefix in curve {
                    if !self.is_wanted(prefix)? {
                        left.push(prefix);
                    }
                }
                curve = left;
                self.point(1.0 - curve.len() as f64 / all as f64);
            }
            let mut refused = 0;
            while refused < PATIENCE && !open.is_empty() {
                cursor = if cursor < open.len() { cursor } else { 0 };
                if self.is_wanted(open[cursor])? {
                    open.swap_remove(cursor);
                } else {
                    cursor += 1;
                    refused += 1;
                }
            }
            if open.is_empty() {
                break;
            }
            thread::sleep(TICK);
        }
        let mut at = Instant::now();
        self.seen.sampled = Some(at);
        loop {
            self.seen.count = count(netns);
            if self.seen.count == wanted {
                self.seen.whole = Some(at);
                self.seen.curve.push((at, if self.until == Until::Present { 1.0 } else { 0.0 }));
                return Ok(());
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            thread::sleep(COUNT);
            at = Instant::now();
        }
    }

    fn point(&mut self, part: f64) {
        let present = if self.until == Until::Present { part } else { 1.0 - part };
        self.percent.store((present * 100.0) as u8, Ordering::Relaxed);
        self.seen.curve.push((Instant::now(), present));
    }
}
