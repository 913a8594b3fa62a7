//! Speed of a device, as its driver tells it. Routing netlink has no attribute for it.

use std::os::fd::{AsFd, AsRawFd};

use nix::libc;

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const ETHTOOL_GSET: u32 = 1;

/// `struct ethtool_cmd` of `linux/ethtool.h`.
#[repr(C)]
#[derive(Default)]
struct EthtoolCmd {
    cmd: u32,
    supported: u32,
    advertising: u32,
    speed: u16,
    duplex: u8,
    port: u8,
    phy_address: u8,
    transceiver: u8,
    autoneg: u8,
    mdio_support: u8,
    max_tx: u32,
    max_rx: u32,
    speed_high: u16,
    mdix: [u8; 2],
    partner: u32,
    reserved: [u32; 2],
}

/// Mbit/s of a device in the namespace of the socket `fd`: 0 when it has no speed, `u32::MAX` when it does not know it.
#[allow(unsafe_code)]
pub(crate) fn of(fd: &impl AsFd, name: &str) -> u32 {
    let mut command = EthtoolCmd { cmd: ETHTOOL_GSET, ..EthtoolCmd::default() };
    // SAFETY: all-zero octets are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return 0;
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(&mut command).cast();
    // SAFETY: the kernel reads `request`, whose name ends in a zero, and reads and writes the `ethtool_cmd` that it points
    // to; both outlive the call.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    if result != 0 {
        return 0;
    }
    u32::from(command.speed_high) << 16 | u32::from(command.speed)
}
