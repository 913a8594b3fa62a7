//! Echo packets of BFD over IPv4 (RFC 5881 section 4) as they come: those of ours that are back, which the kernel drops because their source is
//! an own address, and those of peers, where the kernel does not forward.
//!
//! # Invariants
//! * The socket takes in IPv4 packets whose two addresses are equal and whose UDP port is that of echoes, and nothing else: a filter in the
//!   kernel sees to it before anything is received.
//! * Sending allocates nothing.
#![allow(unsafe_code, reason = "no safe wrapper of packet sockets and their filters")]

use std::io;
use std::mem::size_of;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use ferr_types::IfIndex;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use crate::echo_sender::{EchoPacket, MAX_PACKET, PORT};

const PROTOCOL: u16 = libc::ETH_P_IP as u16;
/// Octets of a link-layer address.
const MAX_LINK: usize = 8;

/// A link-layer address; empty on links that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkAddr {
    bytes: [u8; MAX_LINK],
    len: u8,
}

impl LinkAddr {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let len = bytes.len().min(MAX_LINK);
        let mut addr = Self { bytes: [0; MAX_LINK], len: len as u8 };
        addr.bytes[..len].copy_from_slice(&bytes[..len]);
        addr
    }
}

/// A socket for echo packets of all interfaces.
#[derive(Debug)]
pub struct EchoSocket(OwnedFd);

impl AsFd for EchoSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const fn op(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

/// UDP, not a fragment, equal addresses, the port of echoes. Offsets count from the IP header.
const FILTER: [libc::sock_filter; 13] = {
    use libc::{
        BPF_ABS, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_MISC,
        BPF_MSH, BPF_RET, BPF_TAX, BPF_W, BPF_X,
    };
    [
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, 9),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 10, libc::IPPROTO_UDP as u32),
        op(BPF_LD | BPF_H | BPF_ABS, 0, 0, 6),
        op(BPF_JMP | BPF_JSET | BPF_K, 8, 0, 0x3fff),
        op(BPF_LD | BPF_W | BPF_ABS, 0, 0, 12),
        op(BPF_MISC | BPF_TAX, 0, 0, 0),
        op(BPF_LD | BPF_W | BPF_ABS, 0, 0, 16),
        op(BPF_JMP | BPF_JEQ | BPF_X, 0, 4, 0),
        op(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0),
        op(BPF_LD | BPF_H | BPF_IND, 0, 0, 2),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PORT as u32),
        op(BPF_RET | BPF_K, 0, 0, 0xffff),
        op(BPF_RET | BPF_K, 0, 0, 0),
    ]
};

fn failed() -> io::Error {
    io::Error::last_os_error()
}

fn place(interface: IfIndex, link: LinkAddr) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: PROTOCOL.to_be(),
        sll_ifindex: interface.0 as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: link.len,
        sll_addr: link.bytes,
    }
}

impl EchoSocket {
    /// Opens it in the network namespace of the calling thread; needs CAP_NET_RAW.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: no pointers. Without a protocol it receives nothing until it is bound, with its filter in force.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if fd < 0 {
            return Err(failed());
        }
        // SAFETY: the kernel has just given this descriptor to us, and to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
        let mut filter = FILTER;
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: `program` points to `len` instructions that live until the call is over; the kernel copies them.
        let attached = unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of::<libc::sock_fprog>() as libc::socklen_t,
            )
        };
        let addr = place(IfIndex(0), LinkAddr::default());
        // SAFETY: `addr` is a live `sockaddr_ll`, and its size is passed along.
        let bound = || unsafe {
            libc::bind(
                fd.as_raw_fd(),
                (&raw const addr).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if attached < 0 || bound() < 0 {
            return Err(failed());
        }
        Ok(Self(fd))
    }

    /// Sends a packet back to a neighbor on a link.
    ///
    /// # Errors
    /// The kernel's answer, or a payload that is too long.
    pub fn answer(&self, interface: IfIndex, link: LinkAddr, packet: &EchoPacket<'_>) -> io::Result<()> {
        let mut buffer = [0; MAX_PACKET];
        let len = packet.write(&mut buffer)?;
        let to = place(interface, link);
        // SAFETY: `buffer` has `len` initialised octets and `to` is a live `sockaddr_ll` of the size given; the kernel only reads them.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                buffer.as_ptr().cast(),
                len,
                libc::MSG_DONTWAIT,
                (&raw const to).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 { Err(failed()) } else { Ok(()) }
    }
}

/// An echo packet as it came: address, UDP source port, TTL, payload.
pub(crate) fn read(packet: &[u8]) -> Option<(Ipv4Addr, u16, u8, &[u8])> {
    let start = usize::from(packet.first()? & 0xf) * 4;
    let addr: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let udp = packet.get(start.max(20)..)?;
    let source_port = u16::from_be_bytes(udp.get(..2)?.try_into().ok()?);
    let len = usize::from(u16::from_be_bytes(udp.get(4..6)?.try_into().ok()?));
    Some((addr.into(), source_port, packet[8], udp.get(8..len)?))
}
