//! `setsockopt` for what no safe wrapper offers. The only `unsafe` of the crate.
#![allow(unsafe_code, reason = "socket options without a safe wrapper")]

use std::io;
use std::mem::size_of;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

use crate::md5::{MAX_KEY_LEN, Md5Key};

/// `struct tcp_md5sig` of `linux/tcp.h`.
#[repr(C)]
struct TcpMd5Sig {
    addr: libc::sockaddr_storage,
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: i32,
    key: [u8; MAX_KEY_LEN],
}

const TCP_MD5SIG_EXT: libc::c_int = 32;
const TCP_MD5SIG_FLAG_PREFIX: u8 = 1;
const TCP_MD5SIG_FLAG_IFINDEX: u8 = 2;
const IPV6_MINHOPCOUNT: libc::c_int = 73;

fn set<T>(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: `value` is a live, initialised `T` and its size is passed along; the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get_int(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` octets to `value`, which is that large.
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, std::ptr::from_mut(&mut value).cast(), &raw mut len)
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

fn storage(addr: IpAddr) -> libc::sockaddr_storage {
    // SAFETY: all-zero octets are a valid `sockaddr_storage`.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let raw = socket2::SockAddr::from(std::net::SocketAddr::new(addr, 0));
    // SAFETY: `raw` holds `raw.len()` initialised octets, never more than a `sockaddr_storage` has.
    unsafe {
        std::ptr::copy_nonoverlapping(
            raw.as_ptr().cast::<u8>(),
            std::ptr::from_mut(&mut storage).cast::<u8>(),
            raw.len() as usize,
        );
    }
    storage
}

/// Sets, or with `remove` takes away, a TCP-MD5 key.
pub(crate) fn md5(fd: BorrowedFd<'_>, key: &Md5Key, remove: bool) -> io::Result<()> {
    let full = if key.addr.is_ipv4() { 32 } else { 128 };
    let mut flags = 0;
    if key.prefix_len != full {
        flags |= TCP_MD5SIG_FLAG_PREFIX;
    }
    if key.vrf.is_some() {
        flags |= TCP_MD5SIG_FLAG_IFINDEX;
    }
    let secret = key.secret();
    let mut value = TcpMd5Sig {
        addr: storage(key.addr),
        flags,
        prefix_len: key.prefix_len,
        key_len: if remove { 0 } else { secret.len() as u16 },
        ifindex: key.vrf.map_or(0, |v| v.0 as i32),
        key: [0; MAX_KEY_LEN],
    };
    value.key[..secret.len()].copy_from_slice(secret);
    set(fd, libc::IPPROTO_TCP, TCP_MD5SIG_EXT, &value)
}

/// Least TTL of received segments (RFC 5082).
pub(crate) fn min_ttl(fd: BorrowedFd<'_>, v6: bool, ttl: u8) -> io::Result<()> {
    let (level, name) =
        if v6 { (libc::IPPROTO_IPV6, IPV6_MINHOPCOUNT) } else { (libc::IPPROTO_IP, libc::IP_MINTTL) };
    set(fd, level, name, &libc::c_int::from(ttl))
}

/// Traffic class of what is sent over IPv6.
pub(crate) fn traffic_class_v6(fd: BorrowedFd<'_>, tos: u8) -> io::Result<()> {
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &libc::c_int::from(tos))
}

/// Makes the kernel tell the hop limit of received packets.
pub(crate) fn receive_hop_limit_v6(fd: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, &on)
}

/// Lets the kernel and routers fragment what is sent.
pub(crate) fn allow_fragments(fd: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    let (level, name, value) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)
    };
    set(fd, level, name, &value)
}

/// What TCP knows of a connection.
pub(crate) fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<libc::tcp_info> {
    // SAFETY: `tcp_info` consists of integers, for which all-zero octets are valid.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` octets to `info`, which is that large.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            std::ptr::from_mut(&mut info).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(info) } else { Err(io::Error::last_os_error()) }
}

/// Device that a socket is bound to, 0 for none.
pub(crate) fn bound_ifindex(fd: BorrowedFd<'_>) -> io::Result<u32> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX).map(|i| i as u32)
}
