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
