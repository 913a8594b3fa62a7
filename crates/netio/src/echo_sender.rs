//! Echo packets of BFD (RFC 5881 section 4): their destination is the sender's own address, and a neighbor forwards them.
//!
//! The kernel finds the neighbor: a raw socket is told where a packet goes apart from what the packet's header says. Over IPv6 what comes
//! back is an ordinary datagram to port 3785; over IPv4 only an [`crate::EchoSocket`] sees it.
//!
//! Invariant: sending allocates nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ferr_types::{Afi, IfIndex};
use nix::libc;
use nix::net::if_::if_indextoname;
use socket2::{Domain, Protocol, Socket, Type};

/// UDP port of echoes.
pub(crate) const PORT: u16 = 3785;
/// Octets of a UDP header.
const UDP: usize = 8;
/// Octets of the longest payload that is sent.
const MAX_PAYLOAD: usize = 128;
/// Octets of the longest packet, which is one of IPv6.
pub(crate) const MAX_PACKET: usize = 40 + UDP + MAX_PAYLOAD;
const CLASS: u8 = 0xc0;

/// An echo packet.
#[derive(Debug, Clone, Copy)]
pub struct EchoPacket<'a> {
    /// Both addresses of the IP header. Routers do not forward link-local ones.
    pub addr: IpAddr,
    /// UDP source port.
    pub source_port: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// 128 octets at most.
    pub payload: &'a [u8],
}

impl EchoPacket<'_> {
    /// Writes the packet from the IP header on; its length.
    pub(crate) fn write(&self, out: &mut [u8; MAX_PACKET]) -> io::Result<usize> {
        if self.payload.len() > MAX_PAYLOAD {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let udp_len = (UDP + self.payload.len()) as u16;
        out.fill(0);
        // Where the addresses and the UDP header begin.
        let (addresses, udp) = match self.addr {
            IpAddr::V4(addr) => (self.header4(addr.octets(), udp_len, out), 20),
            IpAddr::V6(addr) => (self.header6(addr.octets(), udp_len, out), 40),
        };
        let len = udp + usize::from(udp_len);
        out[udp..udp + 2].copy_from_slice(&self.source_port.to_be_bytes());
        out[udp + 2..udp + 4].copy_from_slice(&PORT.to_be_bytes());
        out[udp + 4..udp + 6].copy_from_slice(&udp_len.to_be_bytes());
        out[udp + UDP..len].copy_from_slice(self.payload);
        let pseudo = u32::from(udp_len) + libc::IPPROTO_UDP as u32;
        let sum = match checksum(pseudo, &out[addresses..len]) {
            // 0 says that there is none, which IPv6 does not allow (RFC 8200 section 8.1).
            0 => u16::MAX,
            sum => sum,
        };
        out[udp + 6..udp + 8].copy_from_slice(&sum.to_be_bytes());
        Ok(len)
    }

    fn header4(&self, addr: [u8; 4], udp_len: u16, out: &mut [u8; MAX_PACKET]) -> usize {
        out[0] = 0x45;
        out[1] = CLASS;
        out[2..4].copy_from_slice(&(20 + udp_len).to_be_bytes());
        // Not to be fragmented, so that it needs no identification (RFC 6864).
        out[6] = 0x40;
        out[8] = self.ttl;
        out[9] = libc::IPPROTO_UDP as u8;
        out[12..16].copy_from_slice(&addr);
        out[16..20].copy_from_slice(&addr);
        let sum = checksum(0, &out[..20]);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        12
    }

    fn header6(&self, addr: [u8; 16], udp_len: u16, out: &mut [u8; MAX_PACKET]) -> usize {
        out[0] = 0x60 | CLASS >> 4;
        out[1] = CLASS << 4;
        out[4..6].copy_from_slice(&udp_len.to_be_bytes());
        out[6] = libc::IPPROTO_UDP as u8;
        out[7] = self.ttl;
        out[8..24].copy_from_slice(&addr);
        out[24..40].copy_from_slice(&addr);
        8
    }
}

/// The Internet checksum (RFC 1071) over `bytes`, begun with `sum`.
fn checksum(sum: u32, bytes: &[u8]) -> u16 {
    let mut sum = bytes.chunks(2).fold(sum, |sum, pair| {
        sum + u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
    });
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// A socket for the echo packets of a family that leave through one interface.
#[derive(Debug)]
pub struct EchoSender(Socket);

impl EchoSender {
    /// Opens it in the network namespace of the calling thread; needs CAP_NET_RAW.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open(afi: Afi, interface: IfIndex) -> io::Result<Self> {
        let domain = if afi == Afi::Ipv4 { Domain::IPV4 } else { Domain::IPV6 };
        let kind = Type::RAW.nonblocking().cloexec();
        // The kernel takes packets of this protocol with their IP header, and gives none.
        let socket = Socket::new(domain, kind, Some(Protocol::from(libc::IPPROTO_RAW)))?;
        socket.bind_device(Some(if_indextoname(interface.0)?.to_bytes()))?;
        Ok(Self(socket))
    }

    /// Sends a packet by way of a neighbor, which is of the same family.
    ///
    /// # Errors
    /// The kernel's answer, or a payload that is too long.
    pub fn send(&self, neighbor: IpAddr, packet: &EchoPacket<'_>) -> io::Result<()> {
        let mut buffer = [0; MAX_PACKET];
        let len = packet.write(&mut buffer)?;
        // Where datagrams have a port, raw IPv6 has the protocol.
        let to = SocketAddr::new(neighbor, 0);
        self.0.send_to(&buffer[..len], &to.into()).map(drop)
    }
}

#[cfg(test)]
mod tests;
