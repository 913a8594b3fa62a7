//! A table like the Internet's, made from a seed: prefix lengths in about their real shares, groups of prefixes that share their
//! attributes, paths of three to six ASes, communities.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use fastrand::Rng;
use ferr_bgp_wire::{EncodedAttributes, PeerKind, SessionContext, encode_announcements, encode_withdrawals};
use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::{BgpNexthop, Origin, PathAttributes};
use ferr_types::community::{Communities, Community};
use ferr_types::{Asn, Family, Ipv4Prefix, Prefix};

/// Prefixes per attribute set, on average.
const SHARE: u64 = 6;

/// Encoded UPDATEs of a table.
pub(crate) struct Feed {
    /// Announcements.
    pub(crate) announce: Vec<u8>,
    /// Withdrawals of the same prefixes.
    pub(crate) withdraw: Vec<u8>,
    /// One of the prefixes.
    pub(crate) first: Ipv4Prefix,
}

/// `count` distinct prefixes in random order.
fn prefixes(count: usize, random: &mut Rng) -> Vec<Ipv4Prefix> {
    let mut seen = HashSet::with_capacity(count);
    let mut out = Vec::with_capacity(count);
    while out.len() < count {
        let len = match random.u64(..100) {
            0..60 => 24,
            60..71 => 22,
            71..80 => 23,
            80..86 => 21,
            86..92 => 20,
            92..96 => 19,
            96..98 => 18,
            _ => 16,
        };
        let first = 11 + random.u32(..200);
        // Loopback would not be accepted.
        let first = if first == 127 { 128 } else { first };
        let bits = first << 24 | random.u32(..) & 0x00ff_ffff;
        if let Some(prefix) = Ipv4Prefix::from_bits(bits, len)
            && seen.insert(prefix)
        {
            out.push(prefix);
        }
    }
    out
}

/// Table of `count` prefixes announced by `asn` with next hop `nexthop`.
pub(crate) fn feed(count: usize, asn: Asn, nexthop: Ipv4Addr, seed: u64) -> Feed {
    let mut random = Rng::with_seed(seed);
    let all = prefixes(count, &mut random);
    let ctx = SessionContext::new(PeerKind::Ebgp);
    let mut announce = Vec::with_capacity(count * 24);
    let mut withdraw = Vec::with_capacity(count * 5);
    let mut rest = all.as_slice();
    while !rest.is_empty() {
        let take = (1 + random.u64(..2 * SHARE - 1)) as usize;
        let (group, later) = rest.split_at(take.min(rest.len()));
        rest = later;
        let hops = 2 + random.u64(..4);
        let path = std::iter::once(asn).chain((0..hops).map(|_| Asn(1000 + random.u32(..60_000))));
        let path = AsPathBuf::from_sequence(path);
        let communities: Vec<u8> = (0..random.u64(..8))
            .flat_map(|_| Community::new(asn.0 as u16, random.u16(..60_000)).0.to_be_bytes())
            .collect();
        let attributes = PathAttributes {
            origin: Origin::Igp,
            as_path: path.as_path(),
            next_hop: Some(BgpNexthop::V4(nexthop)),
            communities: Communities::new(&communities).unwrap_or_default(),
            ..PathAttributes::default()
        };
        let nlri = || group.iter().map(|p| (0, Prefix::V4(*p)));
        if let Ok(encoded) = EncodedAttributes::new(&attributes, Family::Ipv4Unicast, &ctx) {
            encode_announcements(&ctx, &encoded, nlri(), &mut announce);
        }
    }
    encode_withdrawals(&ctx, Family::Ipv4Unicast, all.iter().map(|p| (0, Prefix::V4(*p))), &mut withdraw);
    let first = all.first().copied().unwrap_or(Ipv4Prefix::DEFAULT);
    Feed { announce, withdraw, first }
}
