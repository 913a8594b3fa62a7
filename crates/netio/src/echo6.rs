//! Echo packets of BFD over IPv6 (RFC 5881 section 4): their destination is the sender's own address, and a neighbor forwards them.
//!
//! The kernel finds the neighbor: a raw socket is told where a packet goes apart from what the packet's header says. What comes back is an
//! ordinary datagram to port 3785, because IPv6 has no rule against own addresses as source.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};

use ferr_types::IfIndex;
use nix::libc;
use nix::net::if_::if_indextoname;
use socket2::{Domain, Protocol, Socket, Type};

use crate::echo::{CLASS, MAX_PAYLOAD, PORT, checksum};

/// Octets of the IPv6 and UDP headers.
const HEADERS: usize = 48;

/// An echo packet.
#[derive(Debug, Clone, Copy)]
pub struct EchoPacket6<'a> {
    /// Both addresses of the IP header. Routers do not forward link-local ones.
    pub addr: Ipv6Addr,
    /// UDP source port.
    pub source_port: u16,
    /// Hop limit.
    pub hop_limit: u8,
    /// 128 octets at most.
    pub payload: &'a [u8],
}

impl EchoPacket6<'_> {
    /// Writes the packet from the IP header on; its length.
    fn write(&self, out: &mut [u8; HEADERS + MAX_PAYLOAD]) -> io::Result<usize> {
        let len = HEADERS + self.payload.len();
        if len > out.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let udp_len = (len - 40) as u16;
        let addr = self.addr.octets();
        out[..HEADERS].fill(0);
        out[0] = 0x60 | CLASS >> 4;
        out[1] = CLASS << 4;
        out[4..6].copy_from_slice(&udp_len.to_be_bytes());
        out[6] = libc::IPPROTO_UDP as u8;
        out[7] = self.hop_limit;
        out[8..24].copy_from_slice(&addr);
        out[24..40].copy_from_slice(&addr);
        out[40..42].copy_from_slice(&self.source_port.to_be_bytes());
        out[42..44].copy_from_slice(&PORT.to_be_bytes());
        out[44..46].copy_from_slice(&udp_len.to_be_bytes());
        out[HEADERS..len].copy_from_slice(self.payload);
        let pseudo = u32::from(udp_len) + libc::IPPROTO_UDP as u32;
        let sum = match checksum(pseudo, &out[8..len]) {
            // 0 says that there is none, which IPv6 does not allow (RFC 8200 section 8.1).
            0 => u16::MAX,
            sum => sum,
        };
        out[46..48].copy_from_slice(&sum.to_be_bytes());
        Ok(len)
    }
}

/// A socket for the echo packets that leave through one interface.
#[derive(Debug)]
pub struct EchoSender6(Socket);

impl EchoSender6 {
    /// Opens it in the network namespace of the calling thread; needs CAP_NET_RAW.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open(interface: IfIndex) -> io::Result<Self> {
        let kind = Type::RAW.nonblocking().cloexec();
        let socket = Socket::new(Domain::IPV6, kind, Some(Protocol::from(libc::IPPROTO_RAW)))?;
        // It is for sending.
        socket.set_recv_buffer_size(0)?;
        socket.bind_device(Some(if_indextoname(interface.0)?.to_bytes()))?;
        Ok(Self(socket))
    }

    /// Sends a packet by way of a neighbor.
    ///
    /// # Errors
    /// The kernel's answer, or a payload that is too long.
    pub fn send(&self, neighbor: Ipv6Addr, packet: &EchoPacket6<'_>) -> io::Result<()> {
        let mut buffer = [0; HEADERS + MAX_PAYLOAD];
        let len = packet.write(&mut buffer)?;
        // Of a raw socket this would be the protocol.
        let to = SocketAddrV6::new(neighbor, 0, 0, 0);
        self.0.send_to(&buffer[..len], &to.into()).map(drop)
    }
}

#[cfg(test)]
mod tests;
