//! MRT (RFC 6396, 8050): messages of update dumps, and a full feed made from a table dump.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use bzip2::read::BzDecoder;
use flate2::read::MultiGzDecoder;

/// A recorded message with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The speakers use 4-octet AS numbers.
    pub as4: bool,
    /// Prefixes have path identifiers.
    pub add_path: bool,
    /// Marker to last octet.
    pub bytes: Vec<u8>,
}

/// Content of a file, unpacked by its suffix; a cut-off file gives what is readable.
fn content(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_default();
    let mut out = Vec::new();
    // An error is the end of a file that was cut.
    let _ = match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut out),
        Some("bz2") => BzDecoder::new(bytes.as_slice()).read_to_end(&mut out),
        _ => return bytes,
    };
    out
}

/// Type, subtype and body of each record.
fn records(bytes: &[u8]) -> impl Iterator<Item = (u16, u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<12>()?;
        let [_, _, _, _, t0, t1, s0, s1, l0, l1, l2, l3] = *head;
        let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let (body, tail) = tail.split_at_checked(len)?;
        rest = tail;
        Some((u16::from_be_bytes([t0, t1]), u16::from_be_bytes([s0, s1]), body))
    })
}

/// All BGP messages of an update dump.
pub fn updates(path: &Path) -> Vec<Recorded> {
    records(&content(path)).filter_map(|(kind, subtype, body)| message(kind, subtype, body)).collect()
}

fn message(kind: u16, subtype: u16, body: &[u8]) -> Option<Recorded> {
    let body = match kind {
        16 => body,
        17 => body.get(4..)?,
        _ => return None,
    };
    let (as4, add_path) = match subtype {
        1 | 6 => (false, false),
        4 | 7 => (true, false),
        8 => (false, true),
        9 => (true, true),
        _ => return None,
    };
    let rest = body.get(if as4 { 10 } else { 6 }..)?;
    let (afi, rest) = rest.split_first_chunk::<2>()?;
    let bytes = rest.get(if *afi == [0, 1] { 8 } else { 32 }..)?;
    let declared = usize::from(u16::from_be_bytes([*bytes.get(16)?, *bytes.get(17)?]));
    (declared == bytes.len()).then(|| Recorded { as4, add_path, bytes: bytes.to_vec() })
}

/// Attributes and the prefixes that a peer has with them.
type Groups = HashMap<(u16, Vec<u8>), Vec<Vec<u8>>>;

/// UPDATEs of the first `peers` peers of an IPv4 table dump: one per attribute set of a peer, 4-octet AS numbers.
pub fn full_feed(path: &Path, peers: u16) -> Vec<Vec<u8>> {
    let content = content(path);
    let mut groups = Groups::new();
    let mut order = Vec::new();
    for (kind, subtype, body) in records(&content) {
        if (kind, subtype) == (13, 2) {
            rib_entries(body, peers, &mut groups, &mut order);
        }
    }
    let mut out = Vec::new();
    for key in order {
        let prefixes = groups.remove(&key).unwrap_or_default().concat();
        let mut bytes = vec![0xff; 16];
        let len = 23 + key.1.len() + prefixes.len();
        if len > 4096 {
            continue;
        }
        bytes.extend_from_slice(&(len as u16).to_be_bytes());
        bytes.extend_from_slice(&[2, 0, 0]);
        bytes.extend_from_slice(&(key.1.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&key.1);
        bytes.extend_from_slice(&prefixes);
        out.push(bytes);
    }
    out
}

fn rib_entries(body: &[u8], peers: u16, groups: &mut Groups, order: &mut Vec<(u16, Vec<u8>)>) -> Option<()> {
    let len = *body.get(4)?;
    let octets = usize::from(len).div_ceil(8);
    let prefix = body.get(4..5 + octets)?;
    let mut rest = body.get(7 + octets..)?;
    while let Some(([p0, p1, _, _, _, _, l0, l1], tail)) = rest.split_first_chunk::<8>() {
        let (attributes, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        rest = tail;
        let peer = u16::from_be_bytes([*p0, *p1]);
        if peer >= peers {
            continue;
        }
        let key = (peer, attributes.to_vec());
        groups
            .entry(key.clone())
            .or_insert_with(|| {
                order.push(key);
                Vec::new()
            })
            .push(prefix.to_vec());
    }
    Some(())
}
