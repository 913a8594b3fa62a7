//! A blocking routing-netlink socket.
//!
//! Errors of the kernel that matter to callers (`ENOBUFS`: events were lost) come through as they are.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname, recv, sendto,
    setsockopt, socket, sockopt,
};

const SOL_NETLINK: libc::c_int = 270;
const NETLINK_CAP_ACK: libc::c_int = 10;
const NETLINK_EXT_ACK: libc::c_int = 11;

/// Largest datagram that the kernel sends when it dumps.
const RECV_SIZE: usize = 256 << 10;

/// How large the kernel's queues of a socket shall be, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffers {
    pub(crate) send: usize,
    pub(crate) receive: usize,
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    port: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens and binds; `groups` is the bit mask of multicast groups.
    pub(crate) fn open(groups: u32, buffers: Buffers) -> nix::Result<Self> {
        Self::open_for(SockProtocol::NetlinkRoute, groups, buffers)
    }

    /// The same for another family of netlink.
    pub(crate) fn open_for(protocol: SockProtocol, groups: u32, buffers: Buffers) -> nix::Result<Self> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        // Without the privilege for the forced size the ordinary one is better than nothing.
        let _ = setsockopt(&fd, sockopt::SndBufForce, &buffers.send)
            .or_else(|_| setsockopt(&fd, sockopt::SndBuf, &buffers.send));
        let _ = setsockopt(&fd, sockopt::RcvBufForce, &buffers.receive)
            .or_else(|_| setsockopt(&fd, sockopt::RcvBuf, &buffers.receive));
        // Old kernels lack these; answers are then larger and errors have no text.
        let _ = set_option(&fd, SOL_NETLINK, NETLINK_CAP_ACK, &1i32);
        let _ = set_option(&fd, SOL_NETLINK, NETLINK_EXT_ACK, &1i32);
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        let port = getsockname::<NetlinkAddr>(fd.as_raw_fd())?.pid();
        Ok(Self { fd, port, buffer: vec![0; RECV_SIZE] })
    }

    /// Dumps are limited to what their request describes (`NETLINK_GET_STRICT_CHK`).
    pub(crate) fn be_strict(&self) -> nix::Result<()> {
        const NETLINK_GET_STRICT_CHK: libc::c_int = 12;
        set_option(&self.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &1i32)
    }

    /// Port id: `nlmsg_pid` of what this socket causes.
    pub(crate) const fn port(&self) -> u32 {
        self.port
    }

    /// Sends messages laid back to back.
    pub(crate) fn send(&self, messages: &[u8]) -> nix::Result<()> {
        loop {
            match sendto(self.fd.as_raw_fd(), messages, &NetlinkAddr::new(0, 0), MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits at most `timeout` (for ever when `None`) for a datagram; `None` when none came.
    pub(crate) fn receive(&mut self, timeout: Option<Duration>) -> nix::Result<Option<&[u8]>> {
        if !self.readable(timeout)? {
            return Ok(None);
        }
        loop {
            match recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(len) => return Ok(Some(&self.buffer[..len.min(RECV_SIZE)])),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn readable(&self, timeout: Option<Duration>) -> nix::Result<bool> {
        let timeout = match timeout {
            None => PollTimeout::NONE,
            Some(t) => PollTimeout::try_from(t).unwrap_or(PollTimeout::MAX),
        };
        match poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(n) => Ok(n > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Has the kernel drop messages that these ports caused before they take room in the queue.
    pub(crate) fn ignore_ports(&self, ports: &[u32]) -> nix::Result<()> {
        const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
        const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
        const PORT_OFFSET: u32 = 12;
        let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        let mut program = vec![step(LOAD, 0, 0, PORT_OFFSET)];
        // Jumps are 8 bits wide.
        let ports = &ports[..ports.len().min(200)];
        for (i, port) in ports.iter().enumerate() {
            let to_drop = (ports.len() - i) as u8;
            // The filter loads in network order, the header is in the host's.
            program.push(step(EQUAL, to_drop, 0, port.to_be()));
        }
        program.push(step(RETURN, 0, 0, u32::MAX));
        program.push(step(RETURN, 0, 0, 0));
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        set_option(&self.fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[allow(unsafe_code)]
fn set_option<T>(fd: &impl AsFd, level: libc::c_int, name: libc::c_int, value: &T) -> nix::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which outlives the call; the kernel only reads it. A
    // `sock_fprog` inside points to a live array of the stated length.
    let result = unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    Errno::result(result).map(drop)
}
