//! Echo packets of BFD over IPv4 (RFC 5881 section 4): their IP destination is the sender's own address, their link-layer destination the peer.
//! No UDP socket sends such packets, and the kernel drops them when they are back, because their source is an own address.
//!
//! # Invariants
//! * The socket takes in IPv4 packets whose two addresses are equal and whose UDP port is that of echoes, and nothing else: a filter in the
//!   kernel sees to it before anything is received.
//! * Sending allocates nothing.
#![allow(unsafe_code, reason = "no safe wrapper of packet sockets, their filters, and the neighbor table")]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use ferr_types::IfIndex;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// UDP port of echoes.
pub(crate) const PORT: u16 = 3785;
/// Octets of the IPv4 and UDP headers.
const HEADERS: usize = 28;
/// Octets of the longest payload that is sent.
pub(crate) const MAX_PAYLOAD: usize = 128;
pub(crate) const CLASS: u8 = 0xc0;
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

/// An echo packet.
#[derive(Debug, Clone, Copy)]
pub struct EchoPacket<'a> {
    /// Where it leaves.
    pub interface: IfIndex,
    /// Who gets it on that link.
    pub link: LinkAddr,
    /// Both addresses of the IP header.
    pub addr: Ipv4Addr,
    /// UDP source port.
    pub source_port: u16,
    /// TTL.
    pub ttl: u8,
    /// 128 octets at most.
    pub payload: &'a [u8],
}

impl EchoPacket<'_> {
    /// Writes the packet from the IP header on; its length.
    fn write(&self, out: &mut [u8; HEADERS + MAX_PAYLOAD]) -> io::Result<usize> {
        let len = HEADERS + self.payload.len();
        if len > out.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let udp_len = (len - 20) as u16;
        let addr = self.addr.octets();
        out[..HEADERS].fill(0);
        out[0] = 0x45;
        out[1] = CLASS;
        out[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        // Not to be fragmented, so that it needs no identification (RFC 6864).
        out[6] = 0x40;
        out[8] = self.ttl;
        out[9] = libc::IPPROTO_UDP as u8;
        out[12..16].copy_from_slice(&addr);
        out[16..20].copy_from_slice(&addr);
        let sum = checksum(0, &out[..20]);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out[20..22].copy_from_slice(&self.source_port.to_be_bytes());
        out[22..24].copy_from_slice(&PORT.to_be_bytes());
        out[24..26].copy_from_slice(&udp_len.to_be_bytes());
        out[HEADERS..len].copy_from_slice(self.payload);
        let pseudo = u32::from(udp_len) + libc::IPPROTO_UDP as u32;
        let sum = match checksum(pseudo, &out[12..len]) {
            // 0 says that there is none.
            0 => u16::MAX,
            sum => sum,
        };
        out[26..28].copy_from_slice(&sum.to_be_bytes());
        Ok(len)
    }
}

/// The Internet checksum (RFC 1071) over `bytes`, begun with `sum`.
pub(crate) fn checksum(sum: u32, bytes: &[u8]) -> u16 {
    let mut sum = bytes.chunks(2).fold(sum, |sum, pair| {
        sum + u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
    });
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
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

    /// Sends a packet.
    ///
    /// # Errors
    /// The kernel's answer, or a payload that is too long.
    pub fn send(&self, packet: &EchoPacket<'_>) -> io::Result<()> {
        let mut buffer = [0; HEADERS + MAX_PAYLOAD];
        let len = packet.write(&mut buffer)?;
        let to = place(packet.interface, packet.link);
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

    /// The link-layer address of a neighbor, if the kernel knows it; the empty one where the link has none.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn neighbor(&self, interface: IfIndex, addr: Ipv4Addr) -> io::Result<LinkAddr> {
        // SAFETY: all-zero octets are valid values of these C structures.
        let (mut name, mut request): (libc::ifreq, libc::arpreq) = unsafe { (zeroed(), zeroed()) };
        name.ifr_ifru.ifru_ifindex = interface.0 as i32;
        self.control(libc::SIOCGIFNAME as libc::Ioctl, &mut name)?;
        let device = name.ifr_name;
        self.control(libc::SIOCGIFFLAGS as libc::Ioctl, &mut name)?;
        // SAFETY: the flags were asked for, and so are what the union holds; any octets are valid ones.
        let flags = libc::c_int::from(unsafe { name.ifr_ifru.ifru_flags });
        if flags & libc::IFF_NOARP != 0 {
            return Ok(LinkAddr::default());
        }
        request.arp_dev = device;
        let inet = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from(addr).to_be() },
            sin_zero: [0; 8],
        };
        // SAFETY: both are plain octets of the same size, as the family says.
        request.arp_pa = unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(inet) };
        self.control(libc::SIOCGARP as libc::Ioctl, &mut request)?;
        if request.arp_flags & libc::ATF_COM == 0 {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let mut link = [0; 6];
        for (to, from) in link.iter_mut().zip(request.arp_ha.sa_data) {
            *to = from.cast_unsigned();
        }
        Ok(LinkAddr::new(&link))
    }

    fn control<T>(&self, request: libc::Ioctl, value: &mut T) -> io::Result<()> {
        // SAFETY: every request of this module reads and writes a `T`, which is the structure that the kernel defines for it.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), request, std::ptr::from_mut(value)) };
        if result < 0 { Err(failed()) } else { Ok(()) }
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

#[cfg(test)]
mod tests;
