//! TUN devices with offloads: whole TCP and UDP bursts pass in one system call each way.
//!
//! Each packet travels behind a `virtio_net_hdr` ([`VNET_HEADER_LEN`] octets, native byte order) that says how it is to be cut, or
//! was put together.
//!
//! # Invariants
//! * All queues of a device have the same offloads: the kernel keeps them per device, and they outlive a queue of a persistent device,
//!   so they are set each time one is opened.
//! * A queue never blocks.
#![allow(unsafe_code, reason = "no safe wrapper of the requests of TUN devices")]

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use ferr_types::IfIndex;
use nix::libc;

/// Octets before each packet.
pub const VNET_HEADER_LEN: usize = 10;

const DEVICE: &str = "/dev/net/tun";
/// `struct ifreq`: a name and a union of 24 octets.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; 24],
}

impl Request {
    fn new(name: &str) -> io::Result<Self> {
        let mut request = Self { name: [0; libc::IFNAMSIZ], value: [0; 24] };
        // The kernel wants a final zero, and takes `%d` as a pattern.
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains(['%', '\0', '/']) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        Ok(request)
    }

    fn int(&self) -> i32 {
        let [a, b, c, d, ..] = self.value;
        i32::from_ne_bytes([a, b, c, d])
    }

    fn set_flags(&mut self, flags: libc::c_int) {
        self.value[..2].copy_from_slice(&(flags as u16).to_ne_bytes());
    }

    fn name(&self) -> String {
        let len = self.name.iter().position(|c| *c == 0).unwrap_or(self.name.len());
        String::from_utf8_lossy(&self.name[..len]).into_owned()
    }
}

fn result(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A request whose argument is a structure.
fn request(fd: BorrowedFd<'_>, number: libc::Ioctl, argument: &mut Request) -> io::Result<()> {
    debug_assert!(size_of::<Request>() >= size_of::<libc::ifreq>());
    // SAFETY: all requests made with this read and write a `struct ifreq`, which `argument` is as large as.
    result(unsafe { libc::ioctl(fd.as_raw_fd(), number, std::ptr::from_mut(argument)) })
}

/// A request whose argument is a number itself.
fn request_value(fd: BorrowedFd<'_>, number: libc::Ioctl, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD and TUNSETPERSIST take the argument as a number.
    result(unsafe { libc::ioctl(fd.as_raw_fd(), number, value) })
}

/// What the kernel may leave to the reader of a queue, and takes from its writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TunOffloads {
    /// TCP is cut and put together.
    pub tcp: bool,
    /// UDP too (Linux 6.2).
    pub udp: bool,
}

/// One queue of a TUN device.
#[derive(Debug)]
pub struct TunQueue {
    file: File,
    offloads: TunOffloads,
}

/// Opens `queues` (at least 1) queues of a device, which is made when there is none, in the network namespace of the caller. A device
/// of another kind or the queue of another process is an error.
///
/// # Errors
/// The kernel's answer: no right (CAP_NET_ADMIN), busy, of another kind.
pub fn open_tun(name: &str, queues: usize) -> io::Result<Vec<TunQueue>> {
    (0..queues.max(1)).map(|_| TunQueue::open(name, queues > 1)).collect()
}

impl TunQueue {
    fn open(name: &str, several: bool) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(DEVICE)
            .map_err(|e| io::Error::new(e.kind(), format!("{DEVICE}: {e}")))?;
        let mut flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        if several {
            flags |= libc::IFF_MULTI_QUEUE;
        }
        let mut wish = Request::new(name)?;
        wish.set_flags(flags);
        request(file.as_fd(), libc::TUNSETIFF, &mut wish)?;
        let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
        let all = tcp | libc::TUN_F_USO4 | libc::TUN_F_USO6;
        let set = |offloads: u32| request_value(file.as_fd(), libc::TUNSETOFFLOAD, offloads.into());
        let offloads = if set(all).is_ok() {
            TunOffloads { tcp: true, udp: true }
        } else if set(tcp).is_ok() {
            TunOffloads { tcp: true, udp: false }
        } else {
            set(0)?;
            TunOffloads::default()
        };
        Ok(Self { file, offloads })
    }

    /// What is left to us.
    pub fn offloads(&self) -> TunOffloads {
        self.offloads
    }

    /// Takes a packet with its header; `None` when there is none now. `buffer` has room for 64 KiB and a header.
    ///
    /// # Errors
    /// The kernel's answer; the device may be gone.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.file).read(buffer) {
            Ok(len) => Ok(Some(len)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Gives a packet, its header before it, to the kernel.
    ///
    /// # Errors
    /// The kernel's answer: the device is down or gone, or the packet is none.
    pub fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        (&self.file).write_vectored(parts).map(drop)
    }

    /// Whether the device stays when its last queue is closed.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn set_persistent(&self, stay: bool) -> io::Result<()> {
        request_value(self.file.as_fd(), libc::TUNSETPERSIST, stay.into())
    }

    /// What switches the device's carrier.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn carrier(&self) -> io::Result<TunCarrier> {
        self.file.try_clone().map(TunCarrier)
    }

    /// The device's name now; it may have been renamed.
    ///
    /// # Errors
    /// The kernel's answer; the device may be gone.
    pub fn name(&self) -> io::Result<String> {
        let mut answer = Request { name: [0; libc::IFNAMSIZ], value: [0; 24] };
        request(self.file.as_fd(), libc::TUNGETIFF, &mut answer)?;
        Ok(answer.name())
    }
}

/// Switches the carrier of a device. It keeps a queue of it open.
#[derive(Debug)]
pub struct TunCarrier(File);

impl TunCarrier {
    /// Without a carrier the kernel sends nothing there, and takes every way through the device out of use at once.
    ///
    /// # Errors
    /// The kernel's answer: the device is gone, or the kernel is older than 5.0.
    pub fn set(&self, on: bool) -> io::Result<()> {
        let on = libc::c_int::from(on);
        // SAFETY: TUNSETCARRIER reads an `int`, to which the argument points.
        result(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TUNSETCARRIER, &raw const on) })
    }
}

impl AsFd for TunQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Asks about interfaces of the network namespace that it was made in.
#[derive(Debug)]
pub struct InterfaceQuery(socket2::Socket);

impl InterfaceQuery {
    /// For the network namespace of the caller.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn new() -> io::Result<Self> {
        let domain = socket2::Domain::UNIX;
        Ok(Self(socket2::Socket::new(domain, socket2::Type::DGRAM, None)?))
    }

    fn ask(&self, name: &str, number: libc::Ioctl) -> io::Result<i32> {
        let mut answer = Request::new(name)?;
        request(self.0.as_fd(), number, &mut answer)?;
        Ok(answer.int())
    }

    /// MTU of an interface.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn mtu(&self, name: &str) -> io::Result<usize> {
        let mtu = self.ask(name, libc::SIOCGIFMTU)?;
        Ok(usize::try_from(mtu).unwrap_or(0))
    }

    /// Name of an interface now; it may have been renamed.
    ///
    /// # Errors
    /// There is none of this index.
    pub fn name(&self, index: IfIndex) -> io::Result<String> {
        let mut answer = Request { name: [0; libc::IFNAMSIZ], value: [0; 24] };
        answer.value[..4].copy_from_slice(&index.0.to_ne_bytes());
        request(self.0.as_fd(), libc::SIOCGIFNAME, &mut answer)?;
        Ok(answer.name())
    }

    /// Index of an interface.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn index(&self, name: &str) -> io::Result<IfIndex> {
        let index = self.ask(name, libc::SIOCGIFINDEX)?;
        Ok(IfIndex(u32::try_from(index).unwrap_or(0)))
    }
}
