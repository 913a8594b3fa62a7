//! Bursts of TCP and UDP, as the kernel gives them, cut into packets.
//!
//! A burst is one header and much data. Each packet is made where its data lies, its header over the data of the packet before, which
//! has been sent by then: nothing is moved.
//!
//! # Invariants
//! What comes out are complete packets with right lengths and checksums, whatever the burst; one that contradicts itself is refused.

use ferr_netio::VNET_HEADER_LEN;

use crate::checksum::Sum;
use crate::packet::{TCP, UDP, number};

/// The checksum has to be completed.
const NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCP4: u8 = 1;
const GSO_TCP6: u8 = 4;
const GSO_UDP: u8 = 5;
/// May be set beside a type of TCP: the first packet has CWR.
const GSO_ECN: u8 = 0x80;
/// Octets of the longest headers that are cut: IPv6 with extensions.
const MAX_HEADERS: usize = 256;
/// Encrypted data is a multiple of this.
pub(crate) const PADDING: usize = 16;

const FIN: u8 = 1;
const PSH: u8 = 8;
const CWR: u8 = 0x80;

/// What stands before each packet of the device: `struct virtio_net_hdr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VnetHeader {
    /// Bit 0: the checksum has to be completed.
    pub flags: u8,
    /// What it is cut into: 0 nothing, 1 TCP over IPv4, 4 over IPv6, 5 UDP.
    pub gso_type: u8,
    /// Length of all headers.
    pub header_len: u16,
    /// Data of each packet.
    pub gso_size: u16,
    /// Begin of what the checksum is of.
    pub checksum_start: u16,
    /// Where the checksum stands, from there.
    pub checksum_offset: u16,
}

impl VnetHeader {
    /// Octets that it takes.
    pub const LEN: usize = VNET_HEADER_LEN;

    /// From its octets, in the order of the machine.
    pub fn decode(data: &[u8; Self::LEN]) -> Self {
        let number = |at: usize| u16::from_ne_bytes([data[at], data[at + 1]]);
        Self {
            flags: data[0],
            gso_type: data[1],
            header_len: number(2),
            gso_size: number(4),
            checksum_start: number(6),
            checksum_offset: number(8),
        }
    }

    /// To its octets.
    pub fn encode(self) -> [u8; Self::LEN] {
        let mut data = [self.flags, self.gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        let numbers = [self.header_len, self.gso_size, self.checksum_start, self.checksum_offset];
        for (place, number) in data[2..].chunks_exact_mut(2).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        data
    }

    /// A burst that was put together. `headers` is the length of all headers, `start` of those before TCP or UDP.
    pub(crate) fn burst(tcp: bool, v6: bool, headers: usize, start: usize, size: usize) -> Self {
        let gso_type = match (tcp, v6) {
            (true, false) => GSO_TCP4,
            (true, true) => GSO_TCP6,
            (false, _) => GSO_UDP,
        };
        Self {
            flags: NEEDS_CHECKSUM,
            gso_type,
            header_len: headers as u16,
            gso_size: size as u16,
            checksum_start: start as u16,
            checksum_offset: if tcp { TCP_CHECKSUM } else { UDP_CHECKSUM } as u16,
        }
    }
}

/// Where the checksum stands in a TCP header.
pub(crate) const TCP_CHECKSUM: usize = 16;
/// Where the checksum stands in a UDP header.
pub(crate) const UDP_CHECKSUM: usize = 6;

/// A burst that contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("burst from the device is malformed")]
pub(crate) struct Malformed;

struct Burst {
    headers: [u8; MAX_HEADERS],
    /// Length of all headers, and of those before TCP or UDP.
    headers_len: usize,
    start: usize,
    size: usize,
    tcp: bool,
    v6: bool,
}

/// Packets of one burst, made one after the other.
pub(crate) struct Packets<'a> {
    buffer: &'a mut [u8],
    /// End of the data in the buffer.
    end: usize,
    /// Data that is next.
    at: usize,
    /// Packets made.
    count: usize,
    /// Octets that padding replaced, and where.
    saved: [u8; PADDING],
    saved_at: usize,
    burst: Option<Burst>,
}

/// Length of a packet with padding, which never makes it longer than the MTU.
pub(crate) fn padded(len: usize, mtu: usize) -> usize {
    len.next_multiple_of(PADDING).min(mtu.max(len))
}

impl<'a> Packets<'a> {
    /// Of the `len` octets at the begin of `buffer`, which has room for [`PADDING`] more.
    pub(crate) fn new(header: VnetHeader, buffer: &'a mut [u8], len: usize) -> Result<Self, Malformed> {
        if len + PADDING > buffer.len() || len == 0 {
            return Err(Malformed);
        }
        let mut packets =
            Packets { buffer, end: len, at: 0, count: 0, saved: [0; PADDING], saved_at: len, burst: None };
        packets.saved = packets.take(len);
        if header.gso_type & !GSO_ECN == GSO_NONE {
            if header.flags & NEEDS_CHECKSUM != 0 {
                packets.complete(header)?;
            }
        } else {
            let burst = Burst::new(header, &packets.buffer[..len])?;
            packets.at = burst.headers_len;
            packets.burst = Some(burst);
        }
        Ok(packets)
    }

    /// The first octets of the first packet.
    pub(crate) fn head(&self) -> &[u8] {
        &self.buffer[..self.end]
    }

    /// Length of the packet that is next, without padding.
    pub(crate) fn next_len(&self) -> Option<usize> {
        let left = self.end - self.at;
        match &self.burst {
            Some(burst) if left > 0 => Some(burst.headers_len + left.min(burst.size)),
            None if left > 0 => Some(left),
            _ => None,
        }
    }

    /// The next packet, padded.
    pub(crate) fn next(&mut self, mtu: usize) -> Option<&[u8]> {
        let len = self.next_len()?;
        // Before the padding of the last packet is overwritten by data.
        let saved_at = self.saved_at;
        self.buffer[saved_at..saved_at + PADDING].copy_from_slice(&self.saved);
        let first = match &self.burst {
            None => 0,
            Some(burst) => {
                let first = self.at - burst.headers_len;
                let last = first + len == self.end;
                burst.packet(&mut self.buffer[first..first + len], self.count, last);
                first
            }
        };
        self.at = first + len;
        self.count += 1;
        let total = padded(len, mtu);
        self.saved = self.take(self.at);
        self.saved_at = self.at;
        self.buffer[self.at..first + total].fill(0);
        Some(&self.buffer[first..first + total])
    }

    fn take(&self, at: usize) -> [u8; PADDING] {
        let mut saved = [0; PADDING];
        saved.copy_from_slice(&self.buffer[at..at + PADDING]);
        saved
    }

    /// Completes the checksum of a packet that needs no cutting: the field holds the sum of the pseudo header.
    fn complete(&mut self, header: VnetHeader) -> Result<(), Malformed> {
        let start = usize::from(header.checksum_start);
        let at = start + usize::from(header.checksum_offset);
        if at + 2 > self.end {
            return Err(Malformed);
        }
        let mut sum = Sum::new().add(&self.buffer[start..self.end]).checksum();
        if sum == [0, 0] {
            // Zero would mean none in UDP, and is the same number.
            sum = [0xff, 0xff];
        }
        self.buffer[at..at + 2].copy_from_slice(&sum);
        Ok(())
    }
}

impl Burst {
    fn new(header: VnetHeader, packet: &[u8]) -> Result<Self, Malformed> {
        let v6 = packet[0] >> 4 == 6;
        let tcp = match header.gso_type & !GSO_ECN {
            GSO_TCP4 if !v6 => true,
            GSO_TCP6 if v6 => true,
            GSO_UDP => false,
            _ => return Err(Malformed),
        };
        let (start, size) = (usize::from(header.checksum_start), usize::from(header.gso_size));
        let offset = if tcp { TCP_CHECKSUM } else { UDP_CHECKSUM };
        let (fixed, least) = (if v6 { 40 } else { 20 }, if tcp { 20 } else { 8 });
        let fits = start >= fixed && start + least <= packet.len() && size > 0;
        if !fits || usize::from(header.checksum_offset) != offset {
            return Err(Malformed);
        }
        // The length that the kernel tells includes what it would copy, not always exactly the headers.
        let own = if tcp { usize::from(packet[start + 12] >> 4) * 4 } else { 8 };
        let headers_len = start + own;
        let v4_header = usize::from(packet[0] & 15) * 4;
        if own < least || headers_len > packet.len().min(MAX_HEADERS) || (!v6 && v4_header != start) {
            return Err(Malformed);
        }
        let mut headers = [0; MAX_HEADERS];
        headers[..headers_len].copy_from_slice(&packet[..headers_len]);
        if !v6 {
            headers[10..12].fill(0);
        }
        headers[start + offset..start + offset + 2].fill(0);
        Ok(Self { headers, headers_len, start, size, tcp, v6 })
    }

    /// Writes the headers of packet number `count` before its data.
    fn packet(&self, packet: &mut [u8], count: usize, last: bool) {
        let (start, len) = (self.start, packet.len());
        packet[..self.headers_len].copy_from_slice(&self.headers[..self.headers_len]);
        let (ip, rest) = packet.split_at_mut(start);
        let addresses = if self.v6 {
            ip[4..6].copy_from_slice(&((len - 40) as u16).to_be_bytes());
            8..40
        } else {
            ip[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            let id = number(&self.headers, 4).wrapping_add(count as u16);
            ip[4..6].copy_from_slice(&id.to_be_bytes());
            let sum = Sum::new().add(ip).checksum();
            ip[10..12].copy_from_slice(&sum);
            12..20
        };
        let sum_at = if self.tcp {
            let offset = (count * self.size) as u32;
            let sequence = u32::from_be_bytes([rest[4], rest[5], rest[6], rest[7]]).wrapping_add(offset);
            rest[4..8].copy_from_slice(&sequence.to_be_bytes());
            if !last {
                rest[13] &= !(FIN | PSH);
            }
            if count > 0 {
                rest[13] &= !CWR;
            }
            TCP_CHECKSUM
        } else {
            let length = rest.len() as u16;
            rest[4..6].copy_from_slice(&length.to_be_bytes());
            UDP_CHECKSUM
        };
        let protocol = if self.tcp { TCP } else { UDP };
        let sum = Sum::new().add_pseudo_header(&ip[addresses], protocol, rest.len()).add(rest);
        let mut sum = sum.checksum();
        if !self.tcp && sum == [0, 0] {
            sum = [0xff, 0xff];
        }
        rest[sum_at..sum_at + 2].copy_from_slice(&sum);
    }
}
