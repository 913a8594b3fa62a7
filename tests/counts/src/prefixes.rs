//! The map of prefixes.

use ferr_prefixmap::PrefixMap;
use ferr_types::{Ipv4Prefix, Prefix};

use crate::Work;

/// Prefixes of lengths as the Internet has them, in scattered order, all different.
pub(crate) fn scattered(count: usize) -> Vec<Ipv4Prefix> {
    let length = |n: u32| match n % 10 {
        0..6 => 24,
        6 => 23,
        7 => 22,
        8 => 20,
        _ => 19,
    };
    let mut seen = std::collections::BTreeSet::new();
    let all = (0..u32::MAX).filter_map(|n| {
        let bits = 0x0b00_0000 + n.wrapping_mul(2_654_435_761) % 0xc000_0000;
        Ipv4Prefix::from_bits(bits, length(n))
    });
    all.filter(|p| p.bits() >> 24 != 127 && seen.insert(*p)).take(count).collect()
}

/// The same as prefixes of either family.
pub(crate) fn of_either(count: usize) -> Vec<Prefix> {
    scattered(count).into_iter().map(Prefix::V4).collect()
}

fn filled(prefixes: &[Ipv4Prefix]) -> PrefixMap<Ipv4Prefix, u32> {
    let mut map = PrefixMap::default();
    for (n, prefix) in (0..).zip(prefixes) {
        map.insert(*prefix, n);
    }
    map
}

/// A table grows.
pub(crate) fn insert(count: usize) -> Work {
    let prefixes = scattered(count);
    Box::new(move || filled(&prefixes).len())
}

/// Each prefix is found.
pub(crate) fn get(count: usize) -> Work {
    let prefixes = scattered(count);
    let map = filled(&prefixes);
    Box::new(move || prefixes.iter().filter(|p| map.get(**p).is_some()).count())
}

/// The route of a host in each prefix is found.
pub(crate) fn longest_match(count: usize) -> Work {
    let prefixes = scattered(count);
    let map = filled(&prefixes);
    let hosts: Vec<_> = prefixes.iter().filter_map(|p| Ipv4Prefix::from_bits(p.bits() | 1, 32)).collect();
    Box::new(move || hosts.iter().filter(|p| map.longest_match(**p).is_some()).count())
}
