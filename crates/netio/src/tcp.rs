//! TCP sockets of BGP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use ferr_types::IfIndex;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::md5::Md5Key;
use crate::sockopt;

/// What could not be done to a socket.
#[derive(Debug, thiserror::Error)]
pub enum TcpError {
    /// The step that failed, and why.
    #[error("{step}: {error}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// The system's answer.
        error: io::Error,
    },
}

fn step<T>(step: &'static str, result: io::Result<T>) -> Result<T, TcpError> {
    result.map_err(|error| TcpError::Step { step, error })
}

/// How far a session may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlMode {
    /// Sent with this TTL.
    Hops(u8),
    /// Sent with 255, and received only with at least `256 - hops` (RFC 5082).
    Security(u8),
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Peer.
    pub remote: SocketAddr,
    /// Interface of a link-local peer.
    pub scope: Option<IfIndex>,
    /// Own address.
    pub local: Option<IpAddr>,
    /// VRF device.
    pub device: Option<String>,
    /// Reach.
    pub ttl: TtlMode,
    /// Key.
    pub md5: Option<Md5Key>,
    /// Largest segment.
    pub mss: Option<u16>,
    /// DSCP in the upper six bits.
    pub tos: u8,
}

fn socket(v6: bool, device: Option<&str>) -> Result<Socket, TcpError> {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket =
        step("socket", Socket::new(domain, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP)))?;
    if v6 {
        step("IPV6_V6ONLY", socket.set_only_v6(true))?;
    }
    if let Some(device) = device {
        step("SO_BINDTODEVICE", socket.bind_device(Some(device.as_bytes())))?;
    }
    Ok(socket)
}

fn set_tos(socket: &Socket, v6: bool, tos: u8) -> Result<(), TcpError> {
    // Only a mark: a path that refuses it is no reason to have no session.
    let result =
        if v6 { sockopt::traffic_class_v6(socket.as_fd(), tos) } else { socket.set_tos_v4(u32::from(tos)) };
    if let Err(error) = result
        && error.kind() != io::ErrorKind::PermissionDenied
    {
        return Err(TcpError::Step { step: "IP_TOS", error });
    }
    Ok(())
}

/// Sets the reach of a connection, also on an accepted one.
///
/// # Errors
/// The step that failed.
pub fn set_ttl(fd: BorrowedFd<'_>, v6: bool, ttl: TtlMode) -> Result<(), TcpError> {
    let socket = SockRef::from(&fd);
    let hops = match ttl {
        TtlMode::Hops(hops) => hops,
        TtlMode::Security(_) => 255,
    };
    let set =
        if v6 { socket.set_unicast_hops_v6(u32::from(hops)) } else { socket.set_ttl_v4(u32::from(hops)) };
    step("IP_TTL", set)?;
    if let TtlMode::Security(hops) = ttl {
        step("IP_MINTTL", sockopt::min_ttl(fd, v6, 255 - hops.saturating_sub(1)))?;
    }
    Ok(())
}

/// Sets the largest segment of a connection that a peer opened; what it is told cannot be changed any more.
///
/// # Errors
/// The step that failed.
pub fn set_mss(fd: BorrowedFd<'_>, mss: u16) -> Result<(), TcpError> {
    step("TCP_MAXSEG", SockRef::from(&fd).set_tcp_mss(u32::from(mss)))
}

/// Smoothed round-trip time of a connection; `None` where the kernel does not tell.
pub fn round_trip(fd: BorrowedFd<'_>) -> Option<Duration> {
    sockopt::tcp_info(fd).ok().map(|info| Duration::from_micros(info.tcpi_rtt.into()))
}

/// Repetitions without an answer after which a path is taken for one that swallows long packets: more than a second.
const REPEATED: u8 = 3;

/// Whether what a connection sends is repeated without an answer.
pub fn is_stuck(fd: BorrowedFd<'_>) -> bool {
    sockopt::tcp_info(fd).is_ok_and(|info| info.tcpi_unacked > 0 && info.tcpi_retransmits >= REPEATED)
}

/// Lets routers cut packets of an IPv4 connection that are too long for them, whether they would say so or not.
///
/// # Errors
/// The kernel's answer; IPv6 knows no such thing.
pub fn allow_fragments(fd: BorrowedFd<'_>) -> io::Result<()> {
    sockopt::allow_fragments(fd, false)
}

/// A socket that is ready to connect to `options.remote`.
///
/// # Errors
/// The step that failed; a key that cannot be set is such a step.
pub fn connect_socket(options: &ConnectOptions) -> Result<Socket, TcpError> {
    let v6 = options.remote.is_ipv6();
    let socket = socket(v6, options.device.as_deref())?;
    set_ttl(socket.as_fd(), v6, options.ttl)?;
    set_tos(&socket, v6, options.tos)?;
    step("TCP_NODELAY", socket.set_tcp_nodelay(true))?;
    if let Some(mss) = options.mss {
        step("TCP_MAXSEG", socket.set_tcp_mss(u32::from(mss)))?;
    }
    if let Some(key) = &options.md5 {
        step("TCP_MD5SIG", sockopt::md5(socket.as_fd(), key, false))?;
    }
    if let Some(local) = options.local {
        step("bind", socket.bind(&SocketAddr::new(local, 0).into()))?;
    }
    Ok(socket)
}

/// A listening socket for one family in one VRF. Several VRFs' listeners share the port by SO_REUSEPORT.
///
/// # Errors
/// The step that failed.
pub fn listen(v6: bool, addr: Option<IpAddr>, port: u16, device: Option<&str>) -> Result<Socket, TcpError> {
    let socket = socket(v6, device)?;
    step("SO_REUSEADDR", socket.set_reuse_address(true))?;
    step("SO_REUSEPORT", socket.set_reuse_port(true))?;
    set_tos(&socket, v6, 0xc0)?;
    // The answer to a SYN must reach peers over several hops and pass their GTSM check.
    set_ttl(socket.as_fd(), v6, TtlMode::Hops(255))?;
    let any = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    step("bind", socket.bind(&SocketAddr::new(addr.unwrap_or(any), port).into()))?;
    step("listen", socket.listen(1024))?;
    Ok(socket)
}

/// Sets or removes a key on a listener.
///
/// # Errors
/// The kernel's answer.
pub fn set_md5(fd: BorrowedFd<'_>, key: &Md5Key, remove: bool) -> io::Result<()> {
    sockopt::md5(fd, key, remove)
}

/// VRF device of an accepted connection, 0 for the default VRF.
///
/// # Errors
/// The kernel's answer.
pub fn bound_ifindex(fd: BorrowedFd<'_>) -> io::Result<IfIndex> {
    sockopt::bound_ifindex(fd).map(IfIndex)
}
