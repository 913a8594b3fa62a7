//! Packets for tests, made the slow and obvious way.

use crate::checksum::Sum;

/// What a packet is made of.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) v6: bool,
    pub(crate) tcp: bool,
    /// Distinguishes flows.
    pub(crate) flow: u8,
    pub(crate) id: u16,
    pub(crate) dont_fragment: bool,
    pub(crate) sequence: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) options: usize,
    pub(crate) data: Vec<u8>,
}

impl Made {
    pub(crate) fn new(v6: bool, tcp: bool, flow: u8, data: Vec<u8>) -> Self {
        let (id, sequence, ack, flags) = (77, 0xffff_ff00, 5, 0x10);
        Self { v6, tcp, flow, id, dont_fragment: true, sequence, ack, flags, options: 0, data }
    }

    /// Length of the IP header, and of all headers.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        let start = if self.v6 { 40 } else { 20 };
        (start, start + if self.tcp { 20 + self.options * 4 } else { 8 })
    }

    /// The packet, its checksums right. Longer ones than an IP packet wrap their length, as bursts may.
    pub(crate) fn build(&self) -> Vec<u8> {
        let (start, headers) = self.lengths();
        let len = headers + self.data.len();
        let mut ip = vec![0; start];
        let protocol = if self.tcp { 6 } else { 17 };
        if self.v6 {
            ip[0] = 0x60;
            ip[4..6].copy_from_slice(&((len - 40) as u16).to_be_bytes());
            (ip[6], ip[7], ip[23], ip[39]) = (protocol, 64, self.flow, 2);
        } else {
            ip[0] = 0x45;
            ip[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            ip[4..6].copy_from_slice(&self.id.to_be_bytes());
            ip[6] = if self.dont_fragment { 0x40 } else { 0 };
            (ip[8], ip[9], ip[12], ip[15], ip[16], ip[19]) = (64, protocol, 10, self.flow, 10, 200);
            let sum = Sum::new().add(&ip).checksum();
            ip[10..12].copy_from_slice(&sum);
        }
        let mut rest = vec![0; headers - start];
        rest[..4].copy_from_slice(&[0x10, self.flow, 0x20, 1]);
        if self.tcp {
            rest[4..8].copy_from_slice(&self.sequence.to_be_bytes());
            rest[8..12].copy_from_slice(&self.ack.to_be_bytes());
            (rest[12], rest[13], rest[15]) = (((5 + self.options) as u8) << 4, self.flags, 99);
            rest[20..].fill(1);
        } else {
            rest[4..6].copy_from_slice(&((len - start) as u16).to_be_bytes());
        }
        rest.extend_from_slice(&self.data);
        let addresses = if self.v6 { 8..40 } else { 12..20 };
        let mut sum =
            Sum::new().add_pseudo_header(&ip[addresses], protocol, len - start).add(&rest).checksum();
        if !self.tcp && sum == [0, 0] {
            sum = [0xff, 0xff];
        }
        let at = if self.tcp { 16 } else { 6 };
        rest[at..at + 2].copy_from_slice(&sum);
        ip.extend_from_slice(&rest);
        ip
    }
}
