//! Many datagrams with one system call, each with what the kernel knows about it: address, interface, TTL, time of arrival.
//!
//! # Invariants
//! All memory is allocated when the batch is made. A batch is used by one thread; the pointers that the kernel gets point into the
//! batch's own boxes, which do not move.
#![allow(unsafe_code, reason = "no safe wrapper of recvmmsg keeps its buffers")]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use ferr_types::IfIndex;
use nix::libc;

use crate::echo::{self, LinkAddr};

/// Octets of control messages per datagram: packet info, TTL, time stamp and the size of pieces take 112.
const CONTROL: usize = 128;

/// A received datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Sender.
    pub source: SocketAddr,
    /// Our address that it was sent to.
    pub destination: Option<IpAddr>,
    /// Interface that it came in on.
    pub ifindex: Option<IfIndex>,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
    /// When the kernel got it, since the epoch of the clock of the day.
    pub arrival: Option<Duration>,
    /// Longer than the buffer: the rest is lost.
    pub truncated: bool,
    /// The payload is several datagrams of this size, the last maybe shorter, put together by the kernel (UDP_GRO).
    pub segment: Option<u16>,
    /// Link-layer address of the sender, of packets from an [`crate::EchoSocket`].
    pub link: Option<LinkAddr>,
    /// The payload.
    pub payload: &'a [u8],
}

/// Aligned for `cmsghdr`.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// Buffers for some datagrams.
pub struct ReceiveBatch {
    headers: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    names: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
    payloads: Box<[u8]>,
    size: usize,
    received: usize,
}

// SAFETY: the raw pointers in `headers` and `vectors` point into boxes that the batch itself owns; nothing else uses them.
unsafe impl Send for ReceiveBatch {}

impl std::fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiveBatch")
            .field("room", &self.headers.len())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl ReceiveBatch {
    /// Room for `count` datagrams of up to `size` octets.
    pub fn new(count: usize, size: usize) -> Self {
        // SAFETY: all-zero octets are valid values of these C structures.
        let (header, name) = unsafe {
            (MaybeUninit::<libc::mmsghdr>::zeroed().assume_init(), MaybeUninit::zeroed().assume_init())
        };
        let vector = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut batch = Self {
            headers: vec![header; count].into(),
            vectors: vec![vector; count].into(),
            names: vec![name; count].into(),
            controls: vec![Control([0; CONTROL]); count].into(),
            payloads: vec![0; count * size].into(),
            size,
            received: 0,
        };
        for i in 0..count {
            batch.arm(i);
        }
        batch
    }

    /// Gives the kernel all room of one place.
    fn arm(&mut self, i: usize) {
        let payload = &mut self.payloads[i * self.size..][..self.size];
        self.vectors[i] = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() };
        let header = &mut self.headers[i].msg_hdr;
        header.msg_name = std::ptr::from_mut(&mut self.names[i]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        header.msg_iov = &raw mut self.vectors[i];
        header.msg_iovlen = 1;
        header.msg_control = self.controls[i].0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL;
        header.msg_flags = 0;
    }

    /// Takes as many datagrams as there are and fit; 0 when there is none now.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn receive(&mut self, fd: BorrowedFd<'_>) -> io::Result<usize> {
        self.receive_up_to(fd, self.headers.len())
    }

    /// As [`Self::receive`], `most` of them.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn receive_up_to(&mut self, fd: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        // The kernel writes lengths and flags of those that it fills, and of no others.
        for i in 0..std::mem::take(&mut self.received) {
            self.arm(i);
        }
        // SAFETY: every header points to a name, a vector and a control buffer of the lengths given beside them, all of which live in boxes
        // of `self`; the kernel writes `headers.len()` headers at most.
        let result = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                self.headers.as_mut_ptr(),
                most.min(self.headers.len()) as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(result) {
            Ok(received) => {
                self.received = received;
                Ok(received)
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error => Err(error),
            },
        }
    }

    /// Whether all room was used, so that there may be more.
    pub fn is_full(&self) -> bool {
        self.received == self.headers.len()
    }

    /// What was received last; datagrams from addresses of other families are left out.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.received).filter_map(|i| self.datagram(i))
    }

    fn datagram(&self, i: usize) -> Option<Datagram<'_>> {
        let len = (self.headers[i].msg_len as usize).min(self.size);
        let payload = &self.payloads[i * self.size..][..len];
        let mut datagram = match link_layer(&self.names[i]) {
            Some((ifindex, link)) => {
                let (addr, port, ttl, payload) = echo::read(payload)?;
                let source = SocketAddrV4::new(addr, port).into();
                let mut datagram = Datagram::new(source, payload);
                (datagram.ifindex, datagram.link, datagram.ttl) = (Some(ifindex), Some(link), Some(ttl));
                datagram
            }
            None => Datagram::new(address(&self.names[i])?, payload),
        };
        datagram.truncated = self.headers[i].msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        let filled = self.headers[i].msg_hdr.msg_controllen.min(CONTROL);
        for (level, kind, data) in ControlMessages(&self.controls[i].0[..filled]) {
            datagram.note(level, kind, data);
        }
        Some(datagram)
    }
}

impl<'a> Datagram<'a> {
    const fn new(source: SocketAddr, payload: &'a [u8]) -> Self {
        Self {
            source,
            destination: None,
            ifindex: None,
            ttl: None,
            arrival: None,
            truncated: false,
            segment: None,
            link: None,
            payload,
        }
    }

    fn note(&mut self, level: libc::c_int, kind: libc::c_int, data: &[u8]) {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                self.ttl = int_at(data, 0).and_then(|ttl| u8::try_from(ttl).ok());
            }
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                self.ifindex = index(int_at(data, 0));
                self.destination = data
                    .get(8..12)
                    .and_then(|d| d.try_into().ok())
                    .map(|d: [u8; 4]| Ipv4Addr::from(d).into());
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                self.destination = data
                    .get(..16)
                    .and_then(|d| d.try_into().ok())
                    .map(|d: [u8; 16]| Ipv6Addr::from(d).into());
                self.ifindex = index(int_at(data, 16));
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                self.segment = int_at(data, 0).and_then(|size| u16::try_from(size).ok()).filter(|s| *s != 0);
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                let seconds = data.get(..8).and_then(|d| d.try_into().ok()).map(i64::from_ne_bytes);
                let nanos = data.get(8..16).and_then(|d| d.try_into().ok()).map(i64::from_ne_bytes);
                let part = |v: Option<i64>| v.and_then(|v| u64::try_from(v).ok());
                self.arrival = part(seconds)
                    .zip(part(nanos))
                    .map(|(s, n)| Duration::from_secs(s) + Duration::from_nanos(n));
            }
            _ => {}
        }
    }
}

fn int_at(data: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

fn index(value: Option<i32>) -> Option<IfIndex> {
    value.and_then(|v| u32::try_from(v).ok()).filter(|v| *v != 0).map(IfIndex)
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let place = std::ptr::from_ref(name);
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what the storage holds, and the storage is larger and aligned for it.
            let v4: libc::sockaddr_in = unsafe { place.cast::<libc::sockaddr_in>().read() };
            let addr = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(addr, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6: libc::sockaddr_in6 = unsafe { place.cast::<libc::sockaddr_in6>().read() };
            let addr = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(addr, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Interface and sender of a packet that came by way of a packet socket.
fn link_layer(name: &libc::sockaddr_storage) -> Option<(IfIndex, LinkAddr)> {
    if libc::c_int::from(name.ss_family) != libc::AF_PACKET {
        return None;
    }
    // SAFETY: the family says what the storage holds, and the storage is larger and aligned for it.
    let place: libc::sockaddr_ll = unsafe { std::ptr::from_ref(name).cast::<libc::sockaddr_ll>().read() };
    let len = usize::from(place.sll_halen).min(place.sll_addr.len());
    Some((index(Some(place.sll_ifindex))?, LinkAddr::new(&place.sll_addr[..len])))
}

/// Control messages in the octets that the kernel filled: length (8 octets), level, kind, data, padded to 8.
struct ControlMessages<'a>(&'a [u8]);

impl<'a> Iterator for ControlMessages<'a> {
    type Item = (libc::c_int, libc::c_int, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        const HEADER: usize = size_of::<libc::cmsghdr>();
        let len = usize::from_ne_bytes(self.0.get(..8)?.try_into().ok()?);
        let (level, kind) = (int_at(self.0, 8)?, int_at(self.0, 12)?);
        let data = self.0.get(HEADER..len)?;
        self.0 = self.0.get(len.next_multiple_of(8)..).unwrap_or_default();
        Some((level, kind, data))
    }
}
