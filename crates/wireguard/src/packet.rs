//! The few fields of IP headers that a tunnel looks at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Number of TCP.
pub(crate) const TCP: u8 = 6;
/// Number of UDP.
pub(crate) const UDP: u8 = 17;

/// Version, and whether the packet is long enough for its fixed header.
fn version(packet: &[u8]) -> Option<u8> {
    let version = packet.first()? >> 4;
    let enough = match version {
        4 => packet.len() >= 20,
        6 => packet.len() >= 40,
        _ => false,
    };
    enough.then_some(version)
}

fn v4(packet: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets).into())
}

fn v6(packet: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets).into())
}

/// Who it is to; `None` when it is no IP packet.
pub(crate) fn destination(packet: &[u8]) -> Option<IpAddr> {
    if version(packet)? == 4 { v4(packet, 16) } else { v6(packet, 24) }
}

/// Two octets in network order; 0 outside of the packet.
pub(crate) fn number(packet: &[u8], at: usize) -> u16 {
    packet.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}
