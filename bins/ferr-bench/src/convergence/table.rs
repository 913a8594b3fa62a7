//! A table like the Internet's: made from a seed, or read from a recorded one, and encoded for the peer that announces it.
//!
//! Lengths of prefixes, prefixes per attribute set, hops per path and communities per route have the shares of the recorded tables in
//! `tests/data`. Attribute sets come in random order, both families mixed.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use fastrand::Rng;
use ferr_bgp_wire::{
    EncodedAttributes, PeerKind, SessionContext, encode_announcements, encode_end_of_rib, encode_withdrawals,
};
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{Aggregator, BgpNexthop, Origin, PathAttributes};
use ferr_types::community::{Communities, Community, ExtCommunities, LargeCommunities};
use ferr_types::{Asn, Family, Ipv4Prefix, Ipv6Prefix, Prefix};

/// A value of a list of shares in thousandths; the last takes what is left.
fn share<T: Copy>(random: &mut Rng, shares: &[(u64, T)]) -> T {
    let mut at = random.u64(..1000);
    for (share, value) in shares {
        if at < *share {
            return *value;
        }
        at -= share;
    }
    shares[shares.len() - 1].1
}

const LENGTHS_V4: [(u64, u8); 12] = [
    (540, 24),
    (130, 22),
    (95, 23),
    (81, 21),
    (72, 20),
    (46, 19),
    (23, 18),
    (13, 17),
    (5, 15),
    (3, 14),
    (5, 25),
    (26, 16),
];
const LENGTHS_V6: [(u64, u8); 12] = [
    (430, 48),
    (50, 36),
    (45, 29),
    (43, 44),
    (40, 40),
    (17, 46),
    (14, 47),
    (14, 35),
    (12, 34),
    (10, 42),
    (10, 33),
    (248, 32),
];
/// First and greatest number of prefixes of one attribute set. Five or six on average.
const SET_SIZES: [(u64, (u64, u64)); 7] =
    [(650, (1, 1)), (140, (2, 2)), (60, (3, 3)), (36, (4, 4)), (37, (5, 6)), (34, (7, 12)), (43, (13, 170))];
const HOPS: [(u64, (u64, u64)); 7] =
    [(40, (2, 2)), (271, (3, 3)), (348, (4, 4)), (193, (5, 5)), (72, (6, 6)), (32, (7, 7)), (44, (8, 14))];
const COMMUNITIES: [(u64, (u64, u64)); 8] = [
    (511, (0, 0)),
    (114, (1, 1)),
    (75, (2, 2)),
    (28, (3, 3)),
    (45, (4, 4)),
    (100, (5, 5)),
    (67, (6, 7)),
    (60, (8, 16)),
];

/// Prefixes with the same attributes.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) family: Family,
    pub(crate) origin: Origin,
    /// Behind the AS that announces.
    pub(crate) path: AsPathBuf,
    pub(crate) med: Option<u32>,
    pub(crate) aggregator: Option<Aggregator>,
    pub(crate) communities: Vec<u8>,
    pub(crate) ext_communities: Vec<u8>,
    pub(crate) large_communities: Vec<u8>,
    /// In the table's list.
    pub(crate) prefixes: Range<usize>,
}

/// A table, without the one who announces it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Distinct.
    pub(crate) prefixes: Vec<Prefix>,
    /// In the order of their announcement.
    pub(crate) groups: Vec<Group>,
}

/// What ends the table of a neighbor that has none.
pub(crate) fn end_of_rib(v6: bool) -> Vec<u8> {
    let ctx = SessionContext::new(PeerKind::Ebgp);
    let mut out = Vec::new();
    for family in [Family::Ipv4Unicast, Family::Ipv6Unicast].into_iter().take(1 + usize::from(v6)) {
        encode_end_of_rib(&ctx, family, &mut out);
    }
    out
}

/// Who announces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announcer {
    pub(crate) asn: Asn,
    pub(crate) kind: PeerKind,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

/// Encoded UPDATEs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoded {
    /// Announcements, with End-of-RIB at the end.
    pub(crate) announce: Vec<u8>,
    /// Withdrawals of the same prefixes.
    pub(crate) withdraw: Vec<u8>,
}

fn v4_prefixes(count: usize, random: &mut Rng) -> Vec<Prefix> {
    let mut seen = HashSet::with_capacity(count);
    while seen.len() < count {
        let len = share(random, &LENGTHS_V4);
        let first = 11 + random.u32(..200);
        // Loopback would not be accepted.
        let first = if first == 127 { 128 } else { first };
        let bits = first << 24 | random.u32(..) & 0x00ff_ffff;
        seen.extend(Ipv4Prefix::from_bits(bits, len));
    }
    let mut all: Vec<Ipv4Prefix> = seen.into_iter().collect();
    // The order of a hash set is not that of the seed.
    all.sort_unstable();
    random.shuffle(&mut all);
    all.into_iter().map(Prefix::V4).collect()
}

fn v6_prefixes(count: usize, random: &mut Rng) -> Vec<Prefix> {
    let mut seen = HashSet::with_capacity(count);
    while seen.len() < count {
        let len = share(random, &LENGTHS_V6);
        // Providers have /32s; what is longer is in one of them.
        let provider = u128::from(0x2400 + random.u64(..0x0b00)) << 112 | u128::from(random.u64(..64)) << 96;
        let rest = u128::from(random.u64(..)) << 32;
        let bits =
            if len <= 32 { provider | u128::from(random.u64(..0x1_0000)) << 96 } else { provider | rest };
        seen.extend(Ipv6Prefix::new(Ipv6Addr::from_bits(bits), len));
    }
    let mut all: Vec<Ipv6Prefix> = seen.into_iter().collect();
    all.sort_unstable();
    random.shuffle(&mut all);
    all.into_iter().map(Prefix::V6).collect()
}

impl Table {
    /// A table with so many prefixes of each family.
    pub(crate) fn made(v4: usize, v6: usize, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut prefixes = v4_prefixes(v4, &mut random);
        prefixes.extend(v6_prefixes(v6, &mut Rng::with_seed(!seed)));
        let mut table = Self { prefixes, groups: Vec::new() };
        table.group(v4, &mut random);
        table
    }

    /// The same prefixes, with the attributes and in the order of another peer.
    pub(crate) fn of_another_peer(&self, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let v4 = self.prefixes.iter().filter(|p| matches!(p, Prefix::V4(_))).count();
        let mut prefixes = self.prefixes.clone();
        prefixes.sort_by_key(|p| matches!(p, Prefix::V6(_)));
        random.shuffle(&mut prefixes[..v4]);
        random.shuffle(&mut prefixes[v4..]);
        let mut table = Self { prefixes, groups: Vec::new() };
        table.group(v4, &mut random);
        table
    }

    /// Gives attributes to the prefixes; `v4` is where IPv6 begins.
    fn group(&mut self, v4: usize, random: &mut Rng) {
        for (family, part) in [(Family::Ipv4Unicast, 0..v4), (Family::Ipv6Unicast, v4..self.prefixes.len())] {
            let mut at = part.start;
            while at < part.end {
                let (least, most) = share(random, &SET_SIZES);
                let take = (least + random.u64(..=most - least)) as usize;
                let end = (at + take).min(part.end);
                self.groups.push(made_group(family, at..end, random));
                at = end;
            }
        }
        random.shuffle(&mut self.groups);
    }

    /// The table in `count` parts of about the same size, each group whole.
    pub(crate) fn split(&self, count: usize) -> Vec<Self> {
        let each = self.prefixes.len().div_ceil(count.max(1));
        let mut parts = vec![Self::default()];
        for group in &self.groups {
            let mut rest = group.prefixes.clone();
            while !rest.is_empty() {
                if parts[parts.len() - 1].prefixes.len() >= each {
                    parts.push(Self::default());
                }
                let last = parts.len() - 1;
                let part = &mut parts[last];
                let take = rest.len().min(each - part.prefixes.len());
                part.push(group, &self.prefixes[rest.start..rest.start + take]);
                rest.start += take;
            }
        }
        parts
    }

    /// The first groups, until there are so many prefixes of each family.
    pub(crate) fn part(&self, v4: usize, v6: usize) -> Self {
        let mut part = Self::default();
        let mut room = [v4, v6];
        for group in &self.groups {
            let room = &mut room[usize::from(group.family == Family::Ipv6Unicast)];
            let take = group.prefixes.len().min(*room);
            *room -= take;
            if take > 0 {
                part.push(group, &self.prefixes[group.prefixes.start..group.prefixes.start + take]);
            }
        }
        part
    }

    /// Parts as one table.
    pub(crate) fn joined(parts: &[Self]) -> Self {
        let mut all = Self::default();
        for part in parts {
            for group in &part.groups {
                all.push(group, &part.prefixes[group.prefixes.clone()]);
            }
        }
        all
    }

    /// Appends prefixes with the attributes of a group.
    pub(crate) fn push(&mut self, group: &Group, prefixes: &[Prefix]) {
        let begin = self.prefixes.len();
        self.prefixes.extend_from_slice(prefixes);
        self.groups.push(Group { prefixes: begin..self.prefixes.len(), ..group.clone() });
    }

    /// Encodes the whole for one session.
    pub(crate) fn encode(&self, by: &Announcer) -> Encoded {
        let ctx = SessionContext::new(by.kind);
        let mut encoded = Encoded {
            announce: Vec::with_capacity(self.prefixes.len() * 24),
            withdraw: Vec::with_capacity(self.prefixes.len() * 5),
        };
        for group in &self.groups {
            group.encode(&self.prefixes, by, &ctx, &mut encoded.announce);
        }
        for family in [Family::Ipv4Unicast, Family::Ipv6Unicast] {
            // A session without a family must not hear of it.
            if self.groups.iter().any(|g| g.family == family) {
                encode_end_of_rib(&ctx, family, &mut encoded.announce);
            }
            let mine = self.prefixes.iter().filter(|p| p.afi() == family.afi());
            encode_withdrawals(&ctx, family, mine.map(|p| (0, *p)), &mut encoded.withdraw);
        }
        encoded
    }
}

impl Group {
    /// Appends the announcements of all its prefixes, from the list that it belongs to.
    pub(crate) fn encode(
        &self,
        prefixes: &[Prefix],
        by: &Announcer,
        ctx: &SessionContext,
        out: &mut Vec<u8>,
    ) {
        let mut path = self.path.clone();
        let external = by.kind == PeerKind::Ebgp;
        if external {
            path.prepend(SegmentKind::Sequence, &[by.asn]);
        }
        let next_hop = match self.family {
            Family::Ipv6Unicast => BgpNexthop::V6 { global: by.v6, link_local: None },
            _ => BgpNexthop::V4(by.v4),
        };
        let attributes = PathAttributes {
            origin: self.origin,
            as_path: path.as_path(),
            next_hop: Some(next_hop),
            med: self.med,
            local_pref: (!external).then_some(100),
            aggregator: self.aggregator,
            communities: Communities::new(&self.communities).unwrap_or_default(),
            ext_communities: ExtCommunities::new(&self.ext_communities).unwrap_or_default(),
            large_communities: LargeCommunities::new(&self.large_communities).unwrap_or_default(),
            ..PathAttributes::default()
        };
        if let Ok(encoded) = EncodedAttributes::new(&attributes, self.family, ctx) {
            let mine = prefixes[self.prefixes.clone()].iter().map(|p| (0, *p));
            encode_announcements(ctx, &encoded, mine, out);
        }
    }
}

fn made_group(family: Family, prefixes: Range<usize>, random: &mut Rng) -> Group {
    let between = |(least, most): (u64, u64), random: &mut Rng| least + random.u64(..=most - least);
    let hops = share(random, &HOPS);
    let hops = between(hops, random);
    let path = AsPathBuf::from_sequence((1..hops).map(|_| Asn(1000 + random.u32(..60_000))));
    let count = share(random, &COMMUNITIES);
    let high = 1000 + random.u16(..60_000);
    let communities = (0..between(count, random))
        .flat_map(|_| Community::new(high, random.u16(..60_000)).0.to_be_bytes())
        .collect();
    Group {
        family,
        origin: if random.u64(..10) == 0 { Origin::Incomplete } else { Origin::Igp },
        path,
        med: (random.u64(..4) == 0).then(|| random.u32(..200)),
        aggregator: None,
        communities,
        ext_communities: Vec::new(),
        large_communities: Vec::new(),
        prefixes,
    }
}

#[cfg(test)]
mod tests;
