//! What the kernel says when a cable is cut: when the carrier was lost, and when next hops and routes changed first and last after that.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use ferr_testnet::Netns;
use nix::libc::{IFF_RUNNING, RTM_DELROUTE, RTM_NEWLINK, RTM_NEWROUTE};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;

/// Groups of links, IPv4 routes and next hops.
const GROUPS: u32 = 1 | 1 << (7 - 1) | 1 << (32 - 1);
const BUFFER: usize = 64 << 20;
/// Numbers that `libc` does not have (linux/rtnetlink.h).
const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;
/// Octets of a message's header, and of the fixed part in front of a link's flags.
const HEADER: usize = 16;
const FLAGS_AT: usize = HEADER + 8;

/// What was seen since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// A link lost its carrier.
    pub(super) lost: Option<Instant>,
    /// First and last change after that.
    pub(super) changes: Option<(Instant, Instant)>,
}

/// Watches one namespace; ends when dropped.
pub(super) struct CutWatch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl CutWatch {
    pub(super) fn start(netns: &Netns) -> Result<Self, Box<dyn std::error::Error>> {
        let fd = netns.enter(open)??;
        let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let (shared, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut buffer = vec![0_u8; 1 << 16];
            while !stopped.load(Ordering::Relaxed) {
                let Ok(len) = recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) else { continue };
                let now = Instant::now();
                let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                note(&buffer[..len], &mut seen, now);
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CutWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Notes the messages of one datagram.
fn note(mut rest: &[u8], seen: &mut Seen, now: Instant) {
    while let Some(head) = rest.first_chunk::<HEADER>() {
        let len = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_ne_bytes([head[4], head[5]]);
        if len < HEADER || len > rest.len() {
            return;
        }
        match kind {
            RTM_NEWLINK => {
                let flags = rest.get(FLAGS_AT..FLAGS_AT + 4).and_then(|f| <[u8; 4]>::try_from(f).ok());
                let runs = flags.is_none_or(|f| i32::from_ne_bytes(f) & IFF_RUNNING != 0);
                if !runs {
                    seen.lost.get_or_insert(now);
                }
            }
            RTM_NEWROUTE | RTM_DELROUTE | RTM_NEWNEXTHOP | RTM_DELNEXTHOP if seen.lost.is_some() => {
                let first = seen.changes.map_or(now, |(first, _)| first);
                seen.changes = Some((first, now));
            }
            _ => {}
        }
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
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
