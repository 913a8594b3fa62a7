//! UDP sockets of tunnels: bound to a VRF and marked, many datagrams of one size per call in both directions.
//!
//! # Invariants
//! * The device is bound before the port, so a socket of a VRF never hears another's packets.
//! * Outer packets may be fragmented on their way (DF is clear), as other implementations of tunnels send them.
//! * A socket never blocks.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use ferr_types::Afi;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::sockopt::allow_fragments;

/// Most datagrams of one call.
pub const MAX_SEGMENTS: usize = 64;
/// Most octets of one call: what an IPv4 datagram holds, less the headers.
pub const MAX_RUN: usize = 65535 - 20 - 8;
/// Octets that may wait on the way in and out: 10 ms of 5 Gbit/s.
const WAITING: usize = 7 << 20;

/// Where a tunnel's socket is.
#[derive(Debug, Clone, Copy)]
pub struct TunnelSocketOptions<'a> {
    /// Family.
    pub afi: Afi,
    /// Port; 0 is any.
    pub port: u16,
    /// Device that it is bound to, the one of a VRF for example.
    pub device: Option<&'a str>,
    /// Mark of packets, 0 is none.
    pub mark: u32,
    /// Other sockets of the same tunnel have the same port: the kernel spreads senders over them.
    pub spread: bool,
}

/// A UDP socket of a tunnel.
#[derive(Debug)]
pub struct TunnelSocket {
    socket: UdpSocket,
    afi: Afi,
    port: u16,
    /// Whether the kernel still cuts for us: an egress device without checksum offload ends that.
    cuts: AtomicBool,
}

impl TunnelSocket {
    /// Opens and binds one, in the network namespace of the caller.
    ///
    /// # Errors
    /// The kernel's answer: no right, the device is not there, the port is another's.
    pub fn open(options: &TunnelSocketOptions<'_>) -> io::Result<Self> {
        let afi = options.afi;
        let (domain, any): (_, IpAddr) = match afi {
            Afi::Ipv4 => (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()),
            Afi::Ipv6 => (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()),
        };
        let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
        if let Some(device) = options.device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        if options.mark != 0 {
            socket.set_mark(options.mark)?;
        }
        match afi {
            Afi::Ipv4 => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            Afi::Ipv6 => {
                socket.set_only_v6(true)?;
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
        }
        allow_fragments(socket.as_fd(), afi == Afi::Ipv6)?;
        // Tunnels of other VRFs may have the same port; one bound to a device and one bound to none exclude each other without this.
        socket.set_reuse_address(true)?;
        if options.spread {
            socket.set_reuse_port(true)?;
        }
        // More than the limit for everybody needs a capability; without it the limit has to do.
        if setsockopt(&socket, sockopt::RcvBufForce, &WAITING).is_err() {
            socket.set_recv_buffer_size(WAITING)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &WAITING).is_err() {
            socket.set_send_buffer_size(WAITING)?;
        }
        // Without it each datagram comes alone, which is slower and nothing else.
        let _ = setsockopt(&socket, sockopt::UdpGroSegment, &true);
        socket.bind(&SocketAddr::new(any, options.port).into())?;
        let socket: UdpSocket = socket.into();
        let port = socket.local_addr()?.port();
        Ok(Self { socket, afi, port, cuts: AtomicBool::new(true) })
    }

    /// Family.
    pub fn afi(&self) -> Afi {
        self.afi
    }

    /// The port that it is bound to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Marks packets from now on; 0 ends that.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        socket2::SockRef::from(&self.socket).set_mark(mark)
    }

    /// Sends a datagram, or with `segment` as many as `data` holds of that size, the last maybe shorter. `source` is our address; an
    /// address that is no longer ours is an error of kind `InvalidInput` or `AddrNotAvailable`.
    ///
    /// # Errors
    /// The kernel's answer. What was sent before it stays sent.
    pub fn send(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        data: &[u8],
        segment: Option<u16>,
    ) -> io::Result<()> {
        let Some(size) = segment.filter(|s| usize::from(*s) < data.len() && *s != 0) else {
            return self.send_once(to, source, data, None);
        };
        if self.cuts.load(Ordering::Relaxed) {
            match self.send_once(to, source, data, Some(size)) {
                Err(e) if e.raw_os_error() == Some(libc::EIO) => {
                    // The device that it leaves by cannot add checksums.
                    self.cuts.store(false, Ordering::Relaxed);
                }
                // One datagram exceeds the MTU of the way: one by one, they are fragmented.
                Err(e) if matches!(e.raw_os_error(), Some(libc::EMSGSIZE | libc::EINVAL)) => {}
                other => return other,
            }
        }
        data.chunks(size.into()).try_for_each(|one| self.send_once(to, source, one, None))
    }

    fn send_once(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        data: &[u8],
        segment: Option<u16>,
    ) -> io::Result<()> {
        let (v4, v6);
        let mut messages = [const { None }; 2];
        if let Some(size) = &segment {
            messages[0] = Some(ControlMessage::UdpGsoSegments(size));
        }
        match source {
            Some(IpAddr::V4(addr)) => {
                let spec = libc::in_addr { s_addr: u32::from_ne_bytes(addr.octets()) };
                v4 = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: spec,
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                messages[1] = Some(ControlMessage::Ipv4PacketInfo(&v4));
            }
            Some(IpAddr::V6(addr)) => {
                let spec = libc::in6_addr { s6_addr: addr.octets() };
                v6 = libc::in6_pktinfo { ipi6_addr: spec, ipi6_ifindex: 0 };
                messages[1] = Some(ControlMessage::Ipv6PacketInfo(&v6));
            }
            None => {}
        }
        let messages: smallvec::SmallVec<[ControlMessage<'_>; 2]> = messages.into_iter().flatten().collect();
        let (fd, to) = (self.socket.as_raw_fd(), SockaddrStorage::from(to));
        match sendmsg(fd, &[IoSlice::new(data)], &messages, MsgFlags::empty(), Some(&to)) {
            Ok(_) => Ok(()),
            Err(Errno::EINTR) => Err(io::ErrorKind::Interrupted.into()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for TunnelSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
