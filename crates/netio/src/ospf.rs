//! Raw sockets of IP protocol 89: one per VRF and family, with the groups of all its links.
//!
//! # Invariants
//! * Multicast and packets to neighbors leave with TTL 1 (RFC 2328 section 8.1), with precedence Internetwork Control.
//! * What a link of another VRF received may come too (`raw_l3mdev_accept`): the reader decides by the interface that is told.
//!
//! The kernel limits the memberships of one IPv4 socket (`igmp_max_memberships`, 20): further sockets hold the rest. Packets come to the
//! first one all the same, since it is not asked to take its own groups only (`IP_MULTICAST_ALL`).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use ferr_types::{Afi, IfIndex};
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmsg,
    sendmsg, setsockopt, sockopt,
};
use nix::{cmsg_space, errno::Errno};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::sockopt::traffic_class_v6;

/// IP protocol of OSPF.
const OSPF: i32 = 89;
/// Internetwork control.
const CLASS: u32 = 0xc0;
/// Octets that may wait: floods come in bursts.
const WAITING: usize = 8 << 20;
/// Sockets that hold memberships, at most.
const MAX_HOLDERS: usize = 256;

/// A packet that came.
#[derive(Debug, Clone, Copy)]
pub struct OspfDatagram<'a> {
    /// Link that it came in on.
    pub ifindex: IfIndex,
    /// Sender.
    pub source: IpAddr,
    /// Where it was sent to.
    pub destination: IpAddr,
    /// What follows the IP header.
    pub payload: &'a [u8],
}

/// The receiving side of an [`OspfSocket`].
#[derive(Debug)]
pub struct OspfReader(Socket);

/// Where a packet goes.
#[derive(Debug, Clone, Copy)]
pub struct OspfTarget {
    /// Link; `None` lets the route decide.
    pub ifindex: Option<IfIndex>,
    /// Own address to send from.
    pub source: IpAddr,
    /// Group or neighbor.
    pub destination: IpAddr,
    /// TTL or hop limit of unicast.
    pub ttl: u8,
}

/// The socket of one VRF and family.
#[derive(Debug)]
pub struct OspfSocket {
    socket: Socket,
    afi: Afi,
    /// Which holder a membership is in; 0 is the socket itself.
    members: BTreeMap<(IfIndex, IpAddr), usize>,
    holders: Vec<Socket>,
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl OspfSocket {
    /// Opens the socket; `device` is the VRF's, `None` the default VRF. Needs CAP_NET_RAW.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open(afi: Afi, device: Option<&str>) -> io::Result<Self> {
        let domain = if afi == Afi::Ipv4 { Domain::IPV4 } else { Domain::IPV6 };
        let kind = Type::RAW.nonblocking().cloexec();
        let socket = Socket::new(domain, kind, Some(Protocol::from(OSPF)))?;
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        match afi {
            Afi::Ipv4 => {
                setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
                socket.set_multicast_ttl_v4(1)?;
                socket.set_ttl_v4(1)?;
                socket.set_multicast_loop_v4(false)?;
                socket.set_tos_v4(CLASS)?;
            }
            Afi::Ipv6 => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
                socket.set_multicast_hops_v6(1)?;
                socket.set_unicast_hops_v6(1)?;
                socket.set_multicast_loop_v6(false)?;
                traffic_class_v6(socket.as_fd(), CLASS as u8)?;
            }
        }
        // More than the limit for everybody needs a capability; without it the limit has to do.
        if setsockopt(&socket, sockopt::RcvBufForce, &WAITING).is_err() {
            socket.set_recv_buffer_size(WAITING)?;
        }
        Ok(Self { socket, afi, members: BTreeMap::new(), holders: Vec::new() })
    }

    /// The receiving side, for whoever reads.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn reader(&self) -> io::Result<OspfReader> {
        self.socket.try_clone().map(OspfReader)
    }

    /// Takes part in a group on a link; once more is no change.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn join(&mut self, ifindex: IfIndex, group: IpAddr) -> io::Result<()> {
        if self.members.contains_key(&(ifindex, group)) {
            return Ok(());
        }
        for holder in 0..MAX_HOLDERS {
            if holder > self.holders.len() {
                let domain = if self.afi == Afi::Ipv4 { Domain::IPV4 } else { Domain::IPV6 };
                self.holders.push(Socket::new(domain, Type::DGRAM.cloexec(), Some(Protocol::UDP))?);
            }
            match membership(self.holder(holder), ifindex, group, true) {
                Err(error) if full(&error) => {}
                // Left over from a link that went away under the same number.
                Err(error) if error.raw_os_error() != Some(libc::EADDRINUSE) => return Err(error),
                _ => {
                    self.members.insert((ifindex, group), holder);
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::QuotaExceeded.into())
    }

    /// Takes part no longer; harmless when it did not, or when the link is gone.
    pub fn leave(&mut self, ifindex: IfIndex, group: IpAddr) {
        if let Some(holder) = self.members.remove(&(ifindex, group)) {
            // The kernel forgets memberships of links that are gone.
            let _ = membership(self.holder(holder), ifindex, group, false);
        }
    }

    fn holder(&self, holder: usize) -> &Socket {
        holder.checked_sub(1).and_then(|i| self.holders.get(i)).unwrap_or(&self.socket)
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// The kernel's answer; families that differ.
    pub fn send(&self, target: &OspfTarget, packet: &[u8]) -> io::Result<()> {
        let parts = [io::IoSlice::new(packet)];
        let fd = self.socket.as_raw_fd();
        let index = target.ifindex.map_or(0, |i| i.0);
        let flags = MsgFlags::empty();
        let ttl = libc::c_int::from(target.ttl);
        match (target.source, target.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: index as i32,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from(source).to_be() },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                let all = [ControlMessage::Ipv4PacketInfo(&info), ControlMessage::Ipv4Ttl(&ttl)];
                let to = SockaddrIn::from(SocketAddrV4::new(destination, 0));
                sendmsg(fd, &parts, &all, flags, Some(&to))?;
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
                    ipi6_ifindex: index,
                };
                let all = [ControlMessage::Ipv6PacketInfo(&info), ControlMessage::Ipv6HopLimit(&ttl)];
                let scope = if link_scope(destination) { index } else { 0 };
                let to = SockaddrIn6::from(SocketAddrV6::new(destination, 0, 0, scope));
                sendmsg(fd, &parts, &all, flags, Some(&to))?;
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }
}

impl OspfReader {
    /// A handle in a form that event loops take, to wait with.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn waiter(&self) -> io::Result<UdpSocket> {
        self.0.try_clone().map(Into::into)
    }

    /// Takes the next packet; `buffer` should hold 64 KiB.
    ///
    /// # Errors
    /// `WouldBlock` when there is none now, `InvalidData` for one that cannot be used, or the kernel's answer.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<OspfDatagram<'b>> {
        let mut control = cmsg_space!(libc::in6_pktinfo);
        let (len, from, info) = {
            let mut parts = [io::IoSliceMut::new(buffer)];
            let fd = self.0.as_raw_fd();
            let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut control), MsgFlags::empty())?;
            let info = message.cmsgs()?.find_map(|c| match c {
                ControlMessageOwned::Ipv4PacketInfo(i) => Some((i.ipi_ifindex as u32, None)),
                ControlMessageOwned::Ipv6PacketInfo(i) => {
                    Some((i.ipi6_ifindex, Some(Ipv6Addr::from_octets(i.ipi6_addr.s6_addr))))
                }
                _ => None,
            });
            (message.bytes, message.address, info)
        };
        let (ifindex, to) = info.ok_or_else(|| invalid("no interface"))?;
        let octets = buffer.get(..len).unwrap_or_default();
        let ifindex = IfIndex(ifindex);
        if let Some(to) = to {
            let from = from.as_ref().and_then(|a| a.as_sockaddr_in6()).ok_or_else(|| invalid("no sender"))?;
            let (source, destination) = (from.ip().into(), to.into());
            return Ok(OspfDatagram { ifindex, source, destination, payload: octets });
        }
        let header = octets.first_chunk::<20>().ok_or_else(|| invalid("no IP header"))?;
        let at = usize::from(header[0] & 0xf) * 4;
        let address = |at: usize| {
            IpAddr::V4(Ipv4Addr::from_octets([header[at], header[at + 1], header[at + 2], header[at + 3]]))
        };
        let payload = octets.get(at..).ok_or_else(|| invalid("IP header is cut"))?;
        Ok(OspfDatagram { ifindex, source: address(12), destination: address(16), payload })
    }
}

/// Whether an address means something on one link only.
const fn link_scope(addr: Ipv6Addr) -> bool {
    addr.is_unicast_link_local() || addr.is_multicast()
}

/// No more memberships fit into the socket.
fn full(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENOBUFS | Errno::ENOMEM))
}

fn membership(socket: &Socket, ifindex: IfIndex, group: IpAddr, join: bool) -> io::Result<()> {
    let on = InterfaceIndexOrAddress::Index(ifindex.0);
    match (group, join) {
        (IpAddr::V4(group), true) => socket.join_multicast_v4_n(&group, &on),
        (IpAddr::V4(group), false) => socket.leave_multicast_v4_n(&group, &on),
        (IpAddr::V6(group), true) => socket.join_multicast_v6(&group, ifindex.0),
        (IpAddr::V6(group), false) => socket.leave_multicast_v6(&group, ifindex.0),
    }
}
