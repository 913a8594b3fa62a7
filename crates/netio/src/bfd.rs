//! Sockets of BFD: one per VRF, family and port to receive with, one per session to send from (RFC 5881 section 4, RFC 5883).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use ferr_types::{Afi, IfIndex};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::sockopt::{receive_hop_limit_v6, traffic_class_v6};

/// Internetwork control (RFC 5881 does not say; every implementation sends so).
const CLASS: u32 = 0xc0;
/// Octets that may wait in a receiving socket: a second of ten thousand sessions.
const WAITING: usize = 8 << 20;
/// Source ports that a session may use (RFC 5881 section 4), and how many are tried.
const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;
const TRIES: u16 = 64;

fn udp(afi: Afi, device: Option<&str>) -> io::Result<Socket> {
    let domain = if afi == Afi::Ipv4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if afi == Afi::Ipv6 {
        socket.set_only_v6(true)?;
    }
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    Ok(socket)
}

const fn any(afi: Afi) -> IpAddr {
    match afi {
        Afi::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Afi::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// Opens a socket that receives what is sent to a port in a VRF, with TTL, interface and time of arrival. `device` is the VRF's; `None` is
/// the default VRF.
///
/// # Errors
/// The kernel's answer; the port may be another daemon's.
pub fn bfd_receiver(afi: Afi, port: u16, device: Option<&str>) -> io::Result<UdpSocket> {
    let socket = udp(afi, device)?;
    socket.set_reuse_address(true)?;
    match afi {
        Afi::Ipv4 => {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
        }
        Afi::Ipv6 => {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            receive_hop_limit_v6(socket.as_fd())?;
        }
    }
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    // More than the limit for everybody needs a capability; without it the limit has to do.
    if setsockopt(&socket, sockopt::RcvBufForce, &WAITING).is_err() {
        socket.set_recv_buffer_size(WAITING)?;
    }
    socket.bind(&SocketAddr::new(any(afi), port).into())?;
    Ok(socket.into())
}

/// Where a session sends from.
#[derive(Debug, Clone, Copy)]
pub struct BfdSource<'a> {
    /// Family.
    pub afi: Afi,
    /// Our address; `None` leaves it to the route.
    pub addr: Option<IpAddr>,
    /// Interface of a link-local address.
    pub scope: Option<IfIndex>,
    /// Port, if it is free; else one of those behind it.
    pub port: u16,
    /// Interface or VRF device.
    pub device: Option<&'a str>,
    /// TTL or hop limit.
    pub ttl: u8,
}

/// Opens the socket that a session sends from.
///
/// # Errors
/// The kernel's answer: the address is not ours (yet), the device is gone, no port is free.
pub fn bfd_sender(source: &BfdSource<'_>) -> io::Result<UdpSocket> {
    let socket = udp(source.afi, source.device)?;
    match source.afi {
        Afi::Ipv4 => {
            socket.set_ttl_v4(u32::from(source.ttl))?;
            socket.set_tos_v4(CLASS)?;
        }
        Afi::Ipv6 => {
            socket.set_unicast_hops_v6(u32::from(source.ttl))?;
            traffic_class_v6(socket.as_fd(), CLASS as u8)?;
        }
    }
    // Nobody reads what comes back to it.
    socket.set_recv_buffer_size(0)?;
    let addr = source.addr.unwrap_or(any(source.afi));
    let (first, last) = (*SOURCE_PORTS.start(), *SOURCE_PORTS.end());
    let span = u32::from(last - first) + 1;
    let mut result = Err(io::ErrorKind::AddrInUse.into());
    for i in 0..u32::from(TRIES) {
        let offset = (u32::from(source.port.saturating_sub(first)) + i) % span;
        let port = first + offset as u16;
        let mut bound = SocketAddr::new(addr, port);
        if let (SocketAddr::V6(v6), Some(scope)) = (&mut bound, source.scope)
            && v6.ip().is_unicast_link_local()
        {
            v6.set_scope_id(scope.0);
        }
        result = socket.bind(&bound.into());
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    result.map(|()| socket.into())
}
