//! Router advertisements and solicitations (RFC 4861, RFC 4191, RFC 6275, RFC 8106): what unnumbered neighbors find each other by.
//!
//! Only messages with hop limit 255 from a link-local source are taken in: nobody off the link can send them.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use ferr_types::{IfIndex, Ipv6Prefix};
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg};
use socket2::{Domain, Protocol, Socket, Type};

use crate::sockopt;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const SOLICIT: u8 = 133;
const ADVERT: u8 = 134;
const HOPS: u8 = 255;

/// A prefix in an advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertPrefix {
    /// The prefix.
    pub prefix: Ipv6Prefix,
    /// Lifetimes in seconds, valid and preferred.
    pub lifetimes: (u32, u32),
    /// L flag.
    pub on_link: bool,
    /// A flag.
    pub autonomous: bool,
    /// R flag (RFC 6275): the prefix field holds the router's address.
    pub router_address: bool,
}

/// A router advertisement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouterAdvert {
    /// Hop limit for hosts, 0 for unspecified.
    pub hop_limit: u8,
    /// M flag.
    pub managed: bool,
    /// O flag.
    pub other: bool,
    /// H flag.
    pub home_agent: bool,
    /// Preference as in RFC 4191: 0 medium, 1 high, 3 low.
    pub preference: u8,
    /// Router lifetime in seconds; 0 says that this is no default router.
    pub lifetime: u16,
    /// Reachable time in milliseconds.
    pub reachable_ms: u32,
    /// Retransmission time in milliseconds.
    pub retrans_ms: u32,
    /// Own link-layer address.
    pub mac: Vec<u8>,
    /// MTU option.
    pub mtu: Option<u32>,
    /// Prefixes.
    pub prefixes: Vec<AdvertPrefix>,
    /// Resolvers with their lifetime.
    pub rdnss: Vec<(Ipv6Addr, u32)>,
    /// Domains to search in with their lifetime (RFC 8106 section 5.2).
    pub dnssl: Vec<(String, u32)>,
    /// Time between advertisements in milliseconds, where it is to be told (RFC 6275 section 7.3).
    pub interval_ms: Option<u32>,
    /// Preference and lifetime in seconds as a home agent, where they are to be told (RFC 6275 section 7.4).
    pub home_agent_info: Option<(u16, u16)>,
}

impl RouterAdvert {
    /// The ICMPv6 message; the kernel fills in the checksum.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![ADVERT, 0, 0, 0, self.hop_limit];
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        out.push(
            bit(self.managed, 0x80)
                | bit(self.other, 0x40)
                | bit(self.home_agent, 0x20)
                | (self.preference & 3) << 3,
        );
        out.extend_from_slice(&self.lifetime.to_be_bytes());
        out.extend_from_slice(&self.reachable_ms.to_be_bytes());
        out.extend_from_slice(&self.retrans_ms.to_be_bytes());
        if self.mac.len() == 6 {
            out.extend_from_slice(&[1, 1]);
            out.extend_from_slice(&self.mac);
        }
        if let Some(mtu) = self.mtu {
            out.extend_from_slice(&[5, 1, 0, 0]);
            out.extend_from_slice(&mtu.to_be_bytes());
        }
        for p in &self.prefixes {
            let flags = bit(p.on_link, 0x80) | bit(p.autonomous, 0x40) | bit(p.router_address, 0x20);
            out.extend_from_slice(&[3, 4, p.prefix.len(), flags]);
            out.extend_from_slice(&p.lifetimes.0.to_be_bytes());
            out.extend_from_slice(&p.lifetimes.1.to_be_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&p.prefix.addr().octets());
        }
        for (addr, lifetime) in &self.rdnss {
            out.extend_from_slice(&[25, 3, 0, 0]);
            out.extend_from_slice(&lifetime.to_be_bytes());
            out.extend_from_slice(&addr.octets());
        }
        for (domain, lifetime) in &self.dnssl {
            let name = domain_name(domain);
            let units = name.len().div_ceil(8);
            out.extend_from_slice(&[31, 1 + units as u8, 0, 0]);
            out.extend_from_slice(&lifetime.to_be_bytes());
            out.extend_from_slice(&name);
            out.resize(out.len() + units * 8 - name.len(), 0);
        }
        if let Some(interval) = self.interval_ms {
            out.extend_from_slice(&[7, 1, 0, 0]);
            out.extend_from_slice(&interval.to_be_bytes());
        }
        if let Some((preference, lifetime)) = self.home_agent_info {
            out.extend_from_slice(&[8, 1, 0, 0]);
            out.extend_from_slice(&preference.to_be_bytes());
            out.extend_from_slice(&lifetime.to_be_bytes());
        }
        out
    }
}

/// A domain name on the wire (RFC 1035 section 3.1), 255 octets at most. The configuration has no labels of other lengths.
fn domain_name(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    for label in text.split('.').filter(|label| (1..=63).contains(&label.len())) {
        if out.len() + label.len() < 254 {
            out.push(label.len() as u8);
            out.extend_from_slice(label.as_bytes());
        }
    }
    out.push(0);
    out
}

/// What a neighbor said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NdpMessage {
    /// It looks for routers.
    Solicit,
    /// It is a router.
    Advert,
}

/// Raw ICMPv6 socket of one interface.
#[derive(Debug)]
pub struct NdpSocket {
    socket: Socket,
    ifindex: IfIndex,
}

impl NdpSocket {
    /// Opens a non-blocking socket on an interface; needs CAP_NET_RAW.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open(name: &str, ifindex: IfIndex) -> io::Result<Self> {
        let kind = Type::RAW.nonblocking().cloexec();
        let socket = Socket::new(Domain::IPV6, kind, Some(Protocol::ICMPV6))?;
        socket.bind_device(Some(name.as_bytes()))?;
        socket.set_multicast_hops_v6(u32::from(HOPS))?;
        socket.set_unicast_hops_v6(u32::from(HOPS))?;
        socket.set_multicast_if_v6(ifindex.0)?;
        socket.set_multicast_loop_v6(false)?;
        socket.join_multicast_v6(&ALL_ROUTERS, ifindex.0)?;
        sockopt::receive_hop_limit_v6(socket.as_fd())?;
        Ok(Self { socket, ifindex })
    }

    /// A second handle in a form that event loops take, to wait with; receive by [`Self::receive`].
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn waiter(&self) -> io::Result<std::net::UdpSocket> {
        self.socket.try_clone().map(Into::into)
    }

    fn send(&self, bytes: &[u8], to: Ipv6Addr) -> io::Result<()> {
        self.socket.send_to(bytes, &SocketAddrV6::new(to, 0, 0, self.ifindex.0).into()).map(drop)
    }

    /// Tells all nodes on the link.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn advertise(&self, advert: &RouterAdvert) -> io::Result<()> {
        self.send(&advert.encode(), ALL_NODES)
    }

    /// Asks the routers on the link to advertise themselves now.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn solicit(&self) -> io::Result<()> {
        self.send(&[SOLICIT, 0, 0, 0, 0, 0, 0, 0], ALL_ROUTERS)
    }

    /// The next message of a neighbor; others are skipped.
    ///
    /// # Errors
    /// `WouldBlock` when there is none now, or the kernel's answer.
    pub fn receive(&self) -> io::Result<(NdpMessage, Ipv6Addr)> {
        loop {
            let mut buffer = [0; 1500];
            let mut control = cmsg_space!(i32);
            let mut parts = [io::IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<SockaddrIn6>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            )?;
            let hops = message.cmsgs()?.find_map(|c| match c {
                ControlMessageOwned::Ipv6HopLimit(hops) => Some(hops),
                _ => None,
            });
            let (from, len) = (message.address.map(|a| a.ip()), message.bytes);
            let Some(from) = from.filter(|a| a.is_unicast_link_local()) else { continue };
            if hops != Some(i32::from(HOPS)) || len < 8 {
                continue;
            }
            match buffer[0] {
                SOLICIT => return Ok((NdpMessage::Solicit, from)),
                ADVERT if len >= 16 => return Ok((NdpMessage::Advert, from)),
                _ => {}
            }
        }
    }
}

/// Interval of advertisements while an unnumbered neighbor is looked for.
pub const UNNUMBERED_INTERVAL: Duration = Duration::from_secs(10);
