//! Payloads of packet captures: those of TCP put in order, and those of OSPF.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};

/// Ports of the BGP sessions in our captures.
const PORTS: [u16; 2] = [179, 1179];

/// One direction of a connection.
#[derive(Debug, Default)]
struct Stream {
    next: Option<u32>,
    bytes: Vec<u8>,
}

/// The octets of each direction of each BGP connection, in order of appearance. After a gap a stream goes on with what
/// was captured.
pub fn streams(path: &Path) -> Vec<Vec<u8>> {
    let mut order = Vec::new();
    let mut streams: HashMap<Vec<u8>, Stream> = HashMap::new();
    for (link, frame) in frames(path) {
        let Some((key, seq, payload)) = segment(link, &frame) else { continue };
        if payload.is_empty() {
            continue;
        }
        let stream = streams.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            Stream::default()
        });
        let expected = stream.next.unwrap_or(seq);
        let old = expected.wrapping_sub(seq);
        let fresh = if old < 1 << 31 { payload.get(old as usize..).unwrap_or_default() } else { payload };
        stream.bytes.extend_from_slice(fresh);
        if !fresh.is_empty() {
            stream.next = Some(seq.wrapping_add(payload.len() as u32));
        }
    }
    order.into_iter().filter_map(|key| Some(streams.remove(&key)?.bytes)).collect()
}

/// The payloads of OSPF packets, in order, each behind an octet that is 0 for OSPFv2 and 1 for OSPFv3.
pub fn ospf(path: &Path) -> Vec<Vec<u8>> {
    let payload = |link, frame: &[u8]| {
        let (kind, packet) = network_layer(link, frame)?;
        let (version, next, payload) = match kind {
            0x0800 => {
                let total = usize::from(number(packet.get(2..4)?));
                let head = usize::from(packet.first()? & 0x0f) * 4;
                (0, *packet.get(9)?, packet.get(head..total.min(packet.len()))?)
            }
            _ => {
                let total = 40 + usize::from(number(packet.get(4..6)?));
                (1, *packet.get(6)?, packet.get(40..total.min(packet.len()))?)
            }
        };
        (next == 89).then(|| [&[version], payload].concat())
    };
    frames(path).into_iter().filter_map(|(link, frame)| payload(link, &frame)).collect()
}

fn frames(path: &Path) -> Vec<(DataLink, Vec<u8>)> {
    let bytes = fs::read(path).unwrap_or_default();
    let mut out = Vec::new();
    if let Ok(mut reader) = PcapReader::new(bytes.as_slice()) {
        let link = reader.header().datalink;
        while let Some(Ok(packet)) = reader.next_packet() {
            out.push((link, packet.data.into_owned()));
        }
        return out;
    }
    let Ok(mut reader) = PcapNgReader::new(bytes.as_slice()) else { return out };
    let mut link = DataLink::ETHERNET;
    while let Some(Ok(block)) = reader.next_block() {
        match block {
            Block::InterfaceDescription(interface) => link = interface.linktype,
            Block::EnhancedPacket(packet) => out.push((link, packet.data.into_owned())),
            Block::SimplePacket(packet) => out.push((link, packet.data.into_owned())),
            _ => {}
        }
    }
    out
}

/// Connection and direction, sequence number and payload of a frame of a BGP session.
fn segment(link: DataLink, frame: &[u8]) -> Option<(Vec<u8>, u32, &[u8])> {
    let (kind, packet) = network_layer(link, frame)?;
    let (addresses, tcp) = match kind {
        0x0800 => {
            let head = usize::from(packet.first()? & 0x0f) * 4;
            let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
            let packet = packet.get(..total).unwrap_or(packet);
            (*packet.get(9)? == 6).then_some((packet.get(12..20)?, packet.get(head..)?))?
        }
        0x86dd => {
            let total = 40 + usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?]));
            let packet = packet.get(..total).unwrap_or(packet);
            (*packet.get(6)? == 6).then_some((packet.get(8..40)?, packet.get(40..)?))?
        }
        _ => return None,
    };
    let (head, _) = tcp.split_first_chunk::<20>()?;
    let ports = [u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]])];
    if !ports.iter().any(|p| PORTS.contains(p)) {
        return None;
    }
    let seq = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let payload = tcp.get(usize::from(head[12] >> 4) * 4..)?;
    Some(([addresses, head.get(..4)?].concat(), seq, payload))
}

/// EtherType and packet.
fn network_layer(link: DataLink, frame: &[u8]) -> Option<(u16, &[u8])> {
    let (mut kind, mut rest) = match link {
        DataLink::ETHERNET => (number(frame.get(12..14)?), frame.get(14..)?),
        DataLink::FRELAY => (number(frame.get(2..4)?), frame.get(4..)?),
        DataLink::LINUX_SLL => (number(frame.get(14..16)?), frame.get(16..)?),
        DataLink::LINUX_SLL2 => (number(frame.get(..2)?), frame.get(20..)?),
        DataLink::RAW => (if frame.first()? >> 4 == 6 { 0x86dd } else { 0x0800 }, frame),
        // BSD loopback: the family in the byte order of the writer.
        DataLink::NULL => (if frame.get(..4)?.contains(&2) { 0x0800 } else { 0x86dd }, frame.get(4..)?),
        _ => return None,
    };
    while kind == 0x8100 {
        (kind, rest) = (number(rest.get(2..4)?), rest.get(4..)?);
    }
    Some((kind, rest))
}

fn number(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |n, b| n << 8 | u16::from(*b))
}
