//! The table of one peer from a recorded one (RFC 6396, TABLE_DUMP_V2): of each family, that of the peer with the most routes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use ferr_types::aspath::{AsPath, AsPathBuf};
use ferr_types::attr::{Aggregator, Origin};
use ferr_types::{Asn, Family, Prefix};

use super::fit::{is_acceptable, is_fit};
use super::table::{Group, Table};

const TABLE_DUMP_V2: u16 = 13;
const RIB_IPV4_UNICAST: u16 = 2;
const RIB_IPV6_UNICAST: u16 = 4;

/// Content of a file; packed ones are unpacked by the usual programs.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    let program = match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => "gzip",
        Some("bz2") => "bzip2",
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return fs::read(path),
    };
    // A file that was cut gives what is readable, with an error that does not matter.
    Ok(Command::new(program).arg("-dc").arg(path).output()?.stdout)
}

/// Reads a table; gives how many routes of that peer were left out too: what cannot be read, comes twice, or not every router takes and passes on.
pub(crate) fn read(path: &Path) -> io::Result<(Table, usize)> {
    let bytes = content(path)?;
    let counts = count(&bytes);
    let best = |subtype: u16| {
        counts
            .iter()
            .filter(|((s, _), _)| *s == subtype)
            .max_by_key(|(_, count)| **count)
            .map(|((_, p), _)| *p)
    };
    let chosen = [(RIB_IPV4_UNICAST, best(RIB_IPV4_UNICAST)), (RIB_IPV6_UNICAST, best(RIB_IPV6_UNICAST))];
    let mut sets: HashMap<(Family, &[u8]), Vec<Prefix>> = HashMap::new();
    let (mut known, mut all) = (HashSet::new(), 0);
    each(&bytes, |subtype, prefix, peer, attributes| {
        if chosen.contains(&(subtype, Some(peer))) {
            all += 1;
            if is_fit(prefix) && known.insert(prefix) {
                let family =
                    if subtype == RIB_IPV4_UNICAST { Family::Ipv4Unicast } else { Family::Ipv6Unicast };
                sets.entry((family, attributes)).or_default().push(prefix);
            }
        }
    });
    // The order of a hash map is not that of any peer, and differs from run to run.
    let mut sets: Vec<_> = sets.into_iter().collect();
    sets.sort_unstable_by(|a, b| a.0.1.cmp(b.0.1).then_with(|| a.1.cmp(&b.1)));
    fastrand::Rng::with_seed(1).shuffle(&mut sets);
    let mut table = Table::default();
    for ((family, attributes), prefixes) in sets {
        if let Some(group) = group(family, attributes).filter(is_acceptable) {
            table.push(&group, &prefixes);
        }
    }
    if table.prefixes.is_empty() {
        return Err(io::Error::other(format!("{} holds no table of TABLE_DUMP_V2", path.display())));
    }
    let left = all - table.prefixes.len();
    Ok((table, left))
}

fn count(bytes: &[u8]) -> HashMap<(u16, u16), usize> {
    let mut counts = HashMap::new();
    each(bytes, |subtype, _, peer, _| *counts.entry((subtype, peer)).or_default() += 1);
    counts
}

/// Each entry of each record: its subtype, prefix, peer and attributes.
fn each<'a>(mut bytes: &'a [u8], mut entry: impl FnMut(u16, Prefix, u16, &'a [u8])) {
    while let Some((head, rest)) = bytes.split_first_chunk::<12>() {
        let [_, _, _, _, t0, t1, s0, s1, l0, l1, l2, l3] = *head;
        let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let Some((body, rest)) = rest.split_at_checked(len) else { return };
        bytes = rest;
        let (kind, subtype) = (u16::from_be_bytes([t0, t1]), u16::from_be_bytes([s0, s1]));
        if kind == TABLE_DUMP_V2 && matches!(subtype, RIB_IPV4_UNICAST | RIB_IPV6_UNICAST) {
            record(body, subtype, &mut entry);
        }
    }
}

fn record<'a>(
    body: &'a [u8],
    subtype: u16,
    entry: &mut impl FnMut(u16, Prefix, u16, &'a [u8]),
) -> Option<()> {
    let len = *body.get(4)?;
    let octets = usize::from(len).div_ceil(8);
    let bits = body.get(5..5 + octets)?;
    let mut padded = [0; 16];
    padded.get_mut(..octets)?.copy_from_slice(bits);
    let addr = match subtype {
        RIB_IPV4_UNICAST => IpAddr::V4(Ipv4Addr::from(*padded.first_chunk::<4>()?)),
        _ => IpAddr::V6(Ipv6Addr::from(padded)),
    };
    let prefix = Prefix::new(addr, len)?;
    let mut rest = body.get(7 + octets..)?;
    while let Some(([p0, p1, _, _, _, _, l0, l1], tail)) = rest.split_first_chunk::<8>() {
        let (attributes, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        rest = tail;
        entry(subtype, prefix, u16::from_be_bytes([*p0, *p1]), attributes);
    }
    Some(())
}

/// What is announced again; next hops and what only the recording router needed are left out.
fn group(family: Family, mut attributes: &[u8]) -> Option<Group> {
    let mut group = Group {
        family,
        origin: Origin::Incomplete,
        path: AsPathBuf::default(),
        med: None,
        aggregator: None,
        communities: Vec::new(),
        ext_communities: Vec::new(),
        large_communities: Vec::new(),
        prefixes: 0..0,
    };
    while let Some(([flags, kind, len, more], _)) = attributes.split_first_chunk::<4>() {
        let (head, len) = match flags & 0x10 {
            0 => (3, usize::from(*len)),
            _ => (4, usize::from(u16::from_be_bytes([*len, *more]))),
        };
        let value = attributes.get(head..head + len)?;
        attributes = &attributes[head + len..];
        match *kind {
            1 => group.origin = Origin::from_code(*value.first()?)?,
            2 => group.path = AsPath::new(value).ok()?.to_buf(),
            4 => group.med = Some(u32::from_be_bytes(*value.first_chunk::<4>()?)),
            7 => {
                let [a, b, c, d, e, f, g, h] = *value.first_chunk::<8>()?;
                let asn = Asn(u32::from_be_bytes([a, b, c, d]));
                group.aggregator = Some(Aggregator { asn, addr: Ipv4Addr::new(e, f, g, h) });
            }
            8 => group.communities = value.to_vec(),
            16 => group.ext_communities = value.to_vec(),
            32 => group.large_communities = value.to_vec(),
            _ => {}
        }
    }
    Some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_table_is_that_of_its_greatest_peer() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/mrt/rib.20140523.0600_firstMB.bz2");
        let Ok((table, left)) = read(Path::new(file)) else { return ferr_testnet::skipped(&"no bzip2") };
        // The file is cut off; this is what is in its whole blocks. Two paths have AS 65000 or 65100 in them.
        assert_eq!((table.prefixes.len(), left, table.groups.len()), (8939, 2, 2875));
        let distinct: HashSet<_> = table.prefixes.iter().collect();
        assert_eq!(distinct.len(), table.prefixes.len());
        assert!(table.groups.iter().all(|g| g.path.as_path().first_as().is_some()));
    }

    #[test]
    fn cut_records_are_the_end() {
        let mut record = vec![0, 0, 0, 0, 0, 13, 0, 2, 0, 0, 0, 22];
        record.extend_from_slice(&[0, 0, 0, 1, 24, 10, 0, 1, 0, 1, 0, 3, 0, 0, 0, 0, 0, 4, 0x40, 1, 1, 0]);
        let mut seen = Vec::new();
        each(&record, |_, prefix, peer, attributes| seen.push((prefix.to_string(), peer, attributes.len())));
        assert_eq!(seen, [("10.0.1.0/24".to_owned(), 3, 4)]);
        for len in 0..record.len() {
            assert_eq!(count(&record[..len]).len(), 0);
        }
    }
}
