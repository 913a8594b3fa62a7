//! The map against a list that is searched linearly.

use ferr_types::{Ipv4Prefix, Ipv6Prefix, Prefix};
use proptest::prelude::*;

use crate::{DualMap, PrefixMap};

/// Few distinct bits, so that prefixes cover each other often.
fn v4() -> impl Strategy<Value = Ipv4Prefix> {
    (any::<u32>(), 0u8..=32).prop_map(|(bits, len)| Ipv4Prefix::from_bits(bits & 0xc000_0103, len).unwrap())
}

fn v6() -> impl Strategy<Value = Ipv6Prefix> {
    (any::<u128>(), 0u8..=128)
        .prop_map(|(bits, len)| Ipv6Prefix::from_bits(bits & (0xc << 124 | 7 << 62 | 3), len).unwrap())
}

proptest! {
    #[test]
    fn v4_agrees_with_a_linear_search(entries in prop::collection::vec(v4(), 0..60), probe in v4()) {
        let map = entries.iter().fold(PrefixMap::default(), |mut m, p| { m.insert(*p, p.len()); m });
        let best = entries.iter().filter(|p| p.covers(probe)).max_by_key(|p| p.len());
        prop_assert_eq!(map.longest_match(probe).map(|(p, _)| p), best.copied());
        let mut covered: Vec<_> = entries.iter().filter(|p| probe.covers(**p)).copied().collect();
        covered.sort();
        covered.dedup();
        prop_assert_eq!(map.covered_by(probe).map(|(p, _)| p).collect::<Vec<_>>(), covered);
        let shorter = entries.iter().filter(|p| p.covers(probe) && p.len() % 2 == 0).max_by_key(|p| p.len());
        prop_assert_eq!(map.longest_match_if(probe, |p, _| p.len() % 2 == 0).map(|(p, _)| p), shorter.copied());
    }

    #[test]
    fn v6_agrees_with_a_linear_search(entries in prop::collection::vec(v6(), 0..60), probe in v6()) {
        let map = entries.iter().fold(PrefixMap::default(), |mut m, p| { m.insert(*p, p.len()); m });
        let best = entries.iter().filter(|p| p.covers(probe)).max_by_key(|p| p.len());
        prop_assert_eq!(map.longest_match(probe).map(|(p, _)| p), best.copied());
        let mut covered: Vec<_> = entries.iter().filter(|p| probe.covers(**p)).copied().collect();
        covered.sort();
        covered.dedup();
        prop_assert_eq!(map.covered_by(probe).map(|(p, _)| p).collect::<Vec<_>>(), covered);
    }

    #[test]
    fn a_cursor_resumed_anywhere_sees_the_rest(entries in prop::collection::vec(v4(), 1..60), at in any::<prop::sample::Index>()) {
        let map = entries.iter().fold(PrefixMap::default(), |mut m, p| { m.insert(*p, ()); m });
        let all: Vec<_> = map.iter().map(|(p, ())| p).collect();
        let at = at.index(all.len());
        let rest: Vec<_> = map.iter_after(Some(all[at])).map(|(p, ())| p).collect();
        prop_assert_eq!(&all[at + 1..], &rest[..]);
    }
}

#[test]
fn families_do_not_mix() {
    let mut map = DualMap::default();
    map.insert("0.0.0.0/0".parse::<Prefix>().unwrap(), 4);
    map.insert("::/0".parse::<Prefix>().unwrap(), 6);
    assert_eq!(map.lookup("10.0.0.1".parse().unwrap()).map(|(_, v)| *v), Some(4));
    assert_eq!(map.lookup("fd00::1".parse().unwrap()).map(|(_, v)| *v), Some(6));
}

/// The same questions to both forms: enough prefixes for buckets, half of them removed again.
#[test]
fn buckets_equal_a_tree() {
    let mut state = 7u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    let mut map = PrefixMap::default();
    let mut tree = std::collections::BTreeMap::new();
    for i in 0..120_000u32 {
        let prefix = Ipv4Prefix::from_bits(
            next() & if i % 2 == 0 { 0xf0ff_ff3f } else { 0x0a03_ffff },
            (next() % 33) as u8,
        )
        .unwrap();
        if i % 3 == 2 {
            assert_eq!(map.remove(prefix), tree.remove(&prefix));
        } else {
            assert_eq!(map.insert(prefix, i), tree.insert(prefix, i));
        }
    }
    assert!(map.len() > 32_768, "{}", map.len());
    assert_eq!(map.len(), tree.len());
    assert!(map.iter().eq(tree.iter().map(|(k, v)| (*k, v))));
    for _ in 0..2000 {
        let probe = Ipv4Prefix::from_bits(next(), (next() % 33) as u8).unwrap();
        assert_eq!(map.get(probe), tree.get(&probe));
        let best = (0..=probe.len()).rev().map(|l| probe.truncate(l)).find(|p| tree.contains_key(p));
        assert_eq!(map.longest_match(probe).map(|(p, _)| p), best);
        let after: Vec<_> = map.iter_after(Some(probe)).take(5).map(|(p, _)| p).collect();
        let bound = (std::ops::Bound::Excluded(probe), std::ops::Bound::Unbounded);
        assert_eq!(after, tree.range(bound).take(5).map(|(p, _)| *p).collect::<Vec<_>>());
        let covered = map.covered_by(probe.truncate(20)).count();
        assert_eq!(covered, tree.keys().filter(|p| probe.truncate(20).covers(**p)).count());
    }
}
