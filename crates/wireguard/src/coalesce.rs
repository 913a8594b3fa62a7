//! Packets of one flow put together into bursts, which the kernel takes in one piece: the counterpart of [`crate::segment`].
//!
//! The kernel is told to trust the checksum of a burst, so only packets whose own checksums are right become part of one.
//!
//! # Invariants
//! * What the kernel makes of a burst when it cuts it again are the packets that went in.
//! * Packets of one flow (protocol, addresses, ports) are written in the order in which they came.
//! * No data is copied but the headers of the first packet.

use std::io::IoSlice;
use std::ops::Range;

use smallvec::SmallVec;

use crate::checksum::Sum;
use crate::packet::{TCP, UDP, number};
use crate::segment::{TCP_CHECKSUM, UDP_CHECKSUM, VnetHeader};

/// Flows that are open at a time.
const FLOWS: usize = 16;
/// Pieces of a burst: what the kernel cuts a UDP burst into at most.
const PIECES: usize = 64;
/// Longest headers of a burst: IPv6 and TCP with options.
const HEADERS: usize = 40 + 60;
/// Octets of a whole burst.
const MAX_BURST: usize = 65535;

const PSH: u8 = 8;
const ACK: u8 = 16;

/// What is written to the device at once: the header, then the packet in parts.
pub(crate) type Parts<'a> = SmallVec<[IoSlice<'a>; PIECES + 2]>;

/// Where a TCP or UDP packet has its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    v6: bool,
    tcp: bool,
    /// Length of the IP header.
    start: usize,
    /// Length of all headers.
    headers: usize,
}

impl Shape {
    /// Of a packet that could belong to a flow; none for fragments, options, extension headers and broken ones.
    fn of(packet: &[u8]) -> Option<Self> {
        let (v6, start, protocol, len) = match packet.first()? >> 4 {
            4 if packet.len() >= 20 => {
                let fragment = number(packet, 6) & 0x3fff != 0;
                if packet[0] != 0x45 || fragment {
                    return None;
                }
                (false, 20, packet[9], usize::from(number(packet, 2)))
            }
            6 if packet.len() >= 40 => (true, 40, packet[6], 40 + usize::from(number(packet, 4))),
            _ => return None,
        };
        let own = match protocol {
            TCP => usize::from(*packet.get(start + 12)? >> 4) * 4,
            UDP => 8,
            _ => return None,
        };
        let least = if protocol == TCP { 20 } else { 8 };
        let fits = own >= least && start + own <= packet.len() && len == packet.len();
        fits.then_some(Self { v6, tcp: protocol == TCP, start, headers: start + own })
    }

    fn addresses(self) -> Range<usize> {
        if self.v6 { 8..40 } else { 12..20 }
    }

    fn ports(self) -> Range<usize> {
        self.start..self.start + 4
    }

    fn same_flow(self, other: Self, a: &[u8], b: &[u8]) -> bool {
        (self.v6, self.tcp) == (other.v6, other.tcp)
            && a[self.ports()] == b[other.ports()]
            && a[self.addresses()] == b[other.addresses()]
    }

    /// Whether it may be in a burst at all: it has data, its checksums are right, and nothing in it is out of the ordinary.
    fn is_plain(self, packet: &[u8]) -> bool {
        if self.headers == packet.len() {
            return false;
        }
        let (ip, rest) = packet.split_at(self.start);
        let ordinary = if self.tcp {
            rest[13] & !PSH == ACK
        } else {
            usize::from(number(rest, 4)) == rest.len() && number(rest, UDP_CHECKSUM) != 0
        };
        let protocol = if self.tcp { TCP } else { UDP };
        let sum = || Sum::new().add_pseudo_header(&ip[self.addresses()], protocol, rest.len()).add(rest);
        ordinary && (self.v6 || Sum::new().add(ip).is_right()) && sum().is_right()
    }
}

struct Flow {
    shape: Shape,
    /// Headers of the first packet.
    headers: [u8; HEADERS],
    /// The first packet, and the data of all.
    first: Range<usize>,
    pieces: SmallVec<[Range<usize>; PIECES]>,
    /// Size of all pieces but the last.
    size: usize,
    data: usize,
    /// Nothing may follow.
    closed: bool,
}

impl Flow {
    fn new(shape: Shape, arena: &[u8], packet: Range<usize>) -> Self {
        let bytes = &arena[packet.clone()];
        let mut headers = [0; HEADERS];
        headers[..shape.headers].copy_from_slice(&bytes[..shape.headers]);
        let data = packet.start + shape.headers..packet.end;
        let pushed = shape.tcp && bytes[shape.start + 13] & PSH != 0;
        let size = data.len();
        Self {
            shape,
            headers,
            first: packet,
            pieces: SmallVec::from_elem(data, 1),
            size,
            data: size,
            closed: pushed,
        }
    }

    /// Whether a plain packet of the same flow continues this burst.
    fn continues(&self, shape: Shape, packet: &[u8]) -> bool {
        let (first, len) = (&self.headers, packet.len() - shape.headers);
        let room = self.pieces.len() < PIECES && shape.headers + self.data + len <= MAX_BURST;
        if self.closed || self.shape != shape || len > self.size || !room {
            return false;
        }
        let same = |range: Range<usize>| first[range.clone()] == packet[range];
        let ip = if shape.v6 {
            // Class and flow label; hop limit.
            same(0..4) && same(7..8)
        } else {
            // Where fragments are allowed, numbers must be those that the kernel will give.
            let numbered = number(packet, 4) == number(first, 4).wrapping_add(self.pieces.len() as u16);
            // Class; flags; TTL.
            same(1..2) && same(6..9) && (first[6] & 0x40 != 0 || numbered)
        };
        let start = shape.start;
        ip && if shape.tcp {
            let word = |p: &[u8]| p.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
            let next = word(&first[start..]).wrapping_add(self.data as u32);
            // Acknowledgment and length; window; urgent pointer and options.
            word(&packet[start..]) == next
                && same(start + 8..start + 13)
                && same(start + 14..start + 16)
                && same(start + 18..shape.headers)
        } else {
            true
        }
    }

    fn push(&mut self, packet: Range<usize>, bytes: &[u8]) {
        let data = packet.start + self.shape.headers..packet.end;
        let pushed = if self.shape.tcp { bytes[self.shape.start + 13] & PSH } else { 0 };
        self.headers[self.shape.start + 13] |= pushed;
        self.closed = data.len() < self.size || pushed != 0;
        self.data += data.len();
        self.pieces.push(data);
    }

    /// Makes the headers those of the whole burst.
    fn finish(&mut self) -> VnetHeader {
        let Shape { v6, tcp, start, headers } = self.shape;
        let (len, rest) = (headers + self.data, headers - start + self.data);
        let place = if v6 { 4..6 } else { 2..4 };
        let told = if v6 { len - 40 } else { len };
        self.headers[place].copy_from_slice(&(told as u16).to_be_bytes());
        if !v6 {
            self.headers[10..12].fill(0);
            let sum = Sum::new().add(&self.headers[..start]).checksum();
            self.headers[10..12].copy_from_slice(&sum);
        }
        if !tcp {
            self.headers[start + 4..start + 6].copy_from_slice(&(rest as u16).to_be_bytes());
        }
        // What the kernel wants here is the sum of the pseudo header alone.
        let addresses = &self.headers[self.shape.addresses()];
        let sum = Sum::new().add_pseudo_header(addresses, if tcp { TCP } else { UDP }, rest).folded();
        let at = start + if tcp { TCP_CHECKSUM } else { UDP_CHECKSUM };
        self.headers[at..at + 2].copy_from_slice(&sum);
        VnetHeader::burst(tcp, v6, headers, start, self.size)
    }

    fn write(mut self, arena: &[u8], out: &mut impl FnMut(&Parts<'_>)) {
        if self.pieces.len() == 1 {
            return write_one(&arena[self.first], out);
        }
        let header = self.finish().encode();
        let mut parts = Parts::new();
        parts.push(IoSlice::new(&header));
        parts.push(IoSlice::new(&self.headers[..self.shape.headers]));
        parts.extend(self.pieces.iter().map(|piece| IoSlice::new(&arena[piece.clone()])));
        out(&parts);
    }
}

fn write_one(packet: &[u8], out: &mut impl FnMut(&Parts<'_>)) {
    let header = VnetHeader::default().encode();
    let mut parts = Parts::new();
    parts.push(IoSlice::new(&header));
    parts.push(IoSlice::new(packet));
    out(&parts);
}

/// Puts packets together.
pub(crate) struct Coalescer {
    flows: Vec<Flow>,
    tcp: bool,
    udp: bool,
}

impl Coalescer {
    /// With what the device takes.
    pub(crate) fn new(tcp: bool, udp: bool) -> Self {
        Self { flows: Vec::with_capacity(FLOWS), tcp, udp }
    }

    /// Stops putting UDP together, which the device refused.
    pub(crate) fn without_udp(&mut self) {
        self.udp = false;
    }

    /// Takes a packet, which lies in `arena` and stays there until [`Self::flush`].
    pub(crate) fn push(&mut self, arena: &[u8], packet: Range<usize>, out: &mut impl FnMut(&Parts<'_>)) {
        let bytes = &arena[packet.clone()];
        let wanted = |s: &Shape| if s.tcp { self.tcp } else { self.udp };
        let Some(shape) = Shape::of(bytes).filter(wanted) else { return write_one(bytes, out) };
        let plain = shape.is_plain(bytes);
        let open = self.flows.iter().rposition(|f| shape.same_flow(f.shape, bytes, &f.headers));
        if let Some(at) = open {
            if plain && self.flows[at].continues(shape, bytes) {
                return self.flows[at].push(packet, bytes);
            }
            self.flows.remove(at).write(arena, out);
        }
        if !plain {
            return write_one(bytes, out);
        }
        if self.flows.len() == FLOWS {
            self.flows.remove(0).write(arena, out);
        }
        self.flows.push(Flow::new(shape, arena, packet));
    }

    /// Writes all that is open.
    pub(crate) fn flush(&mut self, arena: &[u8], out: &mut impl FnMut(&Parts<'_>)) {
        for flow in self.flows.drain(..) {
            flow.write(arena, out);
        }
    }
}
