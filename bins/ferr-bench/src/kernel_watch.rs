//! When the kernel's routes and next hops change.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_testnet::Netns;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

/// Groups of routes of both families, and of next hops.
const GROUPS: u32 = 1 << (7 - 1) | 1 << (11 - 1) | 1 << (32 - 1);
const BUFFER: usize = 64 << 20;

#[derive(Default)]
struct Seen {
    armed: AtomicBool,
    /// Microseconds since the start, 0 for none.
    first: AtomicU64,
    last: AtomicU64,
    messages: AtomicU64,
}

/// Watches one namespace; ends when dropped.
pub(crate) struct KernelWatch {
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    start: Instant,
    thread: Option<JoinHandle<()>>,
}

impl KernelWatch {
    pub(crate) fn start(netns: &Netns) -> Result<Self, Box<dyn std::error::Error>> {
        let fd = netns.enter(open)??;
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let start = Instant::now();
        let (shared, stopped) = (seen.clone(), stop.clone());
        let thread = thread::spawn(move || {
            let mut buffer = vec![0_u8; 1 << 16];
            while !stopped.load(Ordering::Relaxed) {
                let Ok(len) = recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) else { continue };
                if len == 0 || !shared.armed.load(Ordering::Relaxed) {
                    continue;
                }
                let now = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                let _ = shared.first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
                shared.last.store(now, Ordering::Relaxed);
                shared.messages.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { seen, stop, start, thread: Some(thread) })
    }

    /// Changes count from now on.
    pub(crate) fn arm(&self) {
        self.seen.armed.store(true, Ordering::Relaxed);
    }

    /// Forgets what was seen; nothing counts until [`Self::arm`].
    pub(crate) fn reset(&self) {
        self.seen.armed.store(false, Ordering::Relaxed);
        self.seen.messages.store(0, Ordering::Relaxed);
        self.seen.first.store(0, Ordering::Relaxed);
    }

    /// First and last change.
    pub(crate) fn changes(&self) -> Option<(Instant, Instant)> {
        let at = |v: &AtomicU64| self.start + Duration::from_micros(v.load(Ordering::Relaxed));
        (self.seen.messages.load(Ordering::Relaxed) > 0).then(|| (at(&self.seen.first), at(&self.seen.last)))
    }
}

impl Drop for KernelWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open() -> io::Result<OwnedFd> {
    let fd =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    setsockopt(&fd, sockopt::RcvBufForce, &BUFFER)?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(0, 50_000))?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    Ok(fd)
}
