//! Counting the prefixes of UPDATEs without decoding them: lengths are walked, attributes are skipped.

use std::collections::HashSet;
use std::net::IpAddr;

use ferr_types::Prefix;

/// What is done with each prefix.
pub(crate) trait Visitor {
    /// `nlri` is the length octet and the octets of the prefix.
    fn announced(&mut self, v6: bool, nlri: &[u8]);
    /// Same for a withdrawal.
    fn withdrawn(&mut self, v6: bool, nlri: &[u8]);
}

/// What a message was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Update,
    Notification,
    /// All routes are to be sent again (RFC 2918).
    Refresh,
    Other,
}

const MP_REACH: u8 = 14;
const MP_UNREACH: u8 = 15;
const EXTENDED: u8 = 0x10;

/// Walks the messages of a stream's next octets; gives how many octets were whole messages, or `None` when this is not BGP.
pub(crate) fn walk(bytes: &[u8], visitor: &mut impl Visitor, mut seen: impl FnMut(Seen)) -> Option<usize> {
    let mut done = 0;
    while let Some(header) = bytes.get(done..done + 19) {
        let len = usize::from(u16::from_be_bytes([header[16], header[17]]));
        if len < 19 {
            return None;
        }
        let Some(body) = bytes.get(done + 19..done + len) else { break };
        done += len;
        seen(match header[18] {
            2 => {
                update(body, visitor)?;
                Seen::Update
            }
            3 => Seen::Notification,
            5 => Seen::Refresh,
            _ => Seen::Other,
        });
    }
    Some(done)
}

fn section(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

fn update(body: &[u8], visitor: &mut impl Visitor) -> Option<()> {
    let (withdrawn, rest) = section(body)?;
    let (mut attributes, announced) = section(rest)?;
    prefixes(withdrawn, |nlri| visitor.withdrawn(false, nlri))?;
    while let Some(([flags, kind, len, more], _)) = attributes.split_first_chunk::<4>() {
        let (head, len) = match flags & EXTENDED {
            0 => (3, usize::from(*len)),
            _ => (4, usize::from(u16::from_be_bytes([*len, *more]))),
        };
        let value = attributes.get(head..head + len)?;
        match *kind {
            MP_REACH => {
                let nexthop = usize::from(*value.get(3)?);
                prefixes(value.get(5 + nexthop..)?, |nlri| visitor.announced(true, nlri))?;
            }
            MP_UNREACH => prefixes(value.get(3..)?, |nlri| visitor.withdrawn(true, nlri))?,
            _ => {}
        }
        attributes = &attributes[head + len..];
    }
    prefixes(announced, |nlri| visitor.announced(false, nlri))
}

fn prefixes(mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> Option<()> {
    while let Some(len) = bytes.first() {
        let size = 1 + usize::from(*len).div_ceil(8);
        let (nlri, rest) = bytes.split_at_checked(size)?;
        each(nlri);
        bytes = rest;
    }
    Some(())
}

/// Longest IPv4 prefix that has a bit of its own.
const LONGEST: u8 = 24;

/// Which prefixes a peer has at this moment, exactly: a withdrawal must not hide another prefix.
#[derive(Debug)]
pub(crate) struct Present {
    /// IPv4 prefixes of up to 24 bits, by their bits behind a one.
    short: Vec<u64>,
    /// All others, as in an UPDATE, before zeros.
    others: HashSet<[u8; 18]>,
    /// Prefixes.
    pub(crate) count: usize,
}

impl Default for Present {
    fn default() -> Self {
        Self { short: vec![0; (2 << LONGEST) / 64], others: HashSet::new(), count: 0 }
    }
}

/// Where a prefix is kept.
enum Slot {
    Bit(usize),
    Other([u8; 18]),
}

impl Slot {
    fn of(v6: bool, nlri: &[u8]) -> Self {
        match *nlri {
            [len, ref octets @ ..] if !v6 && len <= LONGEST => {
                let bits = (0..4).fold(0, |bits, at| bits << 8 | usize::from(*octets.get(at).unwrap_or(&0)));
                Self::Bit((1 << 32 | bits) >> (32 - len))
            }
            _ => {
                let mut all = [0; 18];
                let len = nlri.len().min(17);
                all[..len].copy_from_slice(&nlri[..len]);
                all[17] = u8::from(v6);
                Self::Other(all)
            }
        }
    }
}

impl Visitor for Present {
    fn announced(&mut self, v6: bool, nlri: &[u8]) {
        let new = match Slot::of(v6, nlri) {
            Slot::Bit(slot) => {
                let (word, bit) = (&mut self.short[slot / 64], 1 << (slot % 64));
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
            Slot::Other(nlri) => self.others.insert(nlri),
        };
        self.count += usize::from(new);
    }

    fn withdrawn(&mut self, v6: bool, nlri: &[u8]) {
        let gone = match Slot::of(v6, nlri) {
            Slot::Bit(slot) => {
                let (word, bit) = (&mut self.short[slot / 64], 1 << (slot % 64));
                let gone = *word & bit != 0;
                *word &= !bit;
                gone
            }
            Slot::Other(nlri) => self.others.remove(&nlri),
        };
        self.count -= usize::from(gone);
    }
}

/// What a receiver of these prefixes has at the end.
pub(crate) fn expected<'a>(prefixes: impl IntoIterator<Item = &'a Prefix>) -> usize {
    let mut present = Present::default();
    for prefix in prefixes {
        present.announced(matches!(prefix, Prefix::V6(_)), &nlri(*prefix));
    }
    present.count
}

/// A prefix as it is in an UPDATE.
pub(crate) fn nlri(prefix: Prefix) -> Vec<u8> {
    let octets = match prefix.addr() {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    };
    let len = usize::from(prefix.len()).div_ceil(8);
    [&[prefix.len()], &octets[..len]].concat()
}

#[cfg(test)]
mod tests;
