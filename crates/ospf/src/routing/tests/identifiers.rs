//! Link State IDs (RFC 2328 appendix E).

use proptest::prelude::*;

use super::super::lsid::Space;
use super::lab::{Lab, p4, pfx, stub};
use crate::config::NetworkType::PointToPoint;
use ferr_ospf_wire::RouterBits;
use ferr_types::{Ipv4Prefix, Prefix};

fn id(space: &Space, prefix: &str) -> String {
    std::net::Ipv4Addr::from_bits(space.get(pfx(prefix)).unwrap()).to_string()
}

#[test]
fn the_example_of_the_appendix() {
    let mut space = Space::default();
    for prefix in ["10.0.0.0/24", "10.0.0.0/8", "10.0.0.0/16"] {
        space.add(pfx(prefix));
    }
    assert_eq!(id(&space, "10.0.0.0/8"), "10.0.0.0");
    assert_eq!(id(&space, "10.0.0.0/16"), "10.0.255.255");
    assert_eq!(id(&space, "10.0.0.0/24"), "10.0.0.255");
    space.remove(pfx("10.0.0.0/8"));
    assert_eq!(id(&space, "10.0.0.0/16"), "10.0.0.0");
}

#[test]
fn a_host_has_its_address() {
    let mut space = Space::default();
    space.add(pfx("10.0.0.0/24"));
    assert_eq!(id(&space, "10.0.0.0/24"), "10.0.0.0");
    space.add(pfx("10.0.0.0/32"));
    assert_eq!(id(&space, "10.0.0.0/32"), "10.0.0.0");
    assert_eq!(id(&space, "10.0.0.0/24"), "10.0.0.255");
    space.add(pfx("10.0.0.255/32"));
    assert_eq!(id(&space, "10.0.0.255/32"), "10.0.0.255");
    assert_eq!(id(&space, "10.0.0.0/24"), "10.0.0.254");
    space.add(pfx("0.0.0.0/0"));
    assert_eq!(id(&space, "0.0.0.0/0"), "0.0.0.0");
}

#[test]
fn wishes_move_with_their_ids() {
    let mut lab = Lab::new(1);
    lab.link(1, 0, PointToPoint, ("10.0.12.1/30", 10), &[]);
    lab.link(2, 1, PointToPoint, ("10.1.0.1/24", 10), &[]);
    lab.router(1, 1, RouterBits::BORDER, &[stub("10.1.0.0/24", 10)]);
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 "), ["10.1.0.0/24 10.1.0.0 10"]);
    lab.link(3, 1, PointToPoint, ("10.1.0.1/16", 20), &[]);
    lab.router(1, 1, RouterBits::BORDER, &[stub("10.1.0.0/24", 10), stub("10.1.0.0/16", 20)]);
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 "), ["10.1.0.0/16 10.1.0.0 20", "10.1.0.0/24 10.1.0.255 10"]);
    lab.router(1, 1, RouterBits::BORDER, &[stub("10.1.0.0/24", 10)]);
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 "), ["10.1.0.0/24 10.1.0.0 10"]);
}

proptest! {
    /// Every prefix has one ID that lies in it and is nobody else's.
    #[test]
    fn ids_are_unique(steps in prop::collection::vec((any::<bool>(), 0u32..8, 26u8..=32), 1..200)) {
        let mut space = Space::default();
        let mut known = std::collections::BTreeSet::new();
        for (add, host, len) in steps {
            let prefix = Ipv4Prefix::from_bits(p4("10.0.0.0/24").bits() | host, len).unwrap();
            if add { space.add(Prefix::V4(prefix)); known.insert(prefix); }
            else { space.remove(Prefix::V4(prefix)); known.remove(&prefix); }
            let of = |p: &Ipv4Prefix| space.get(Prefix::V4(*p));
            let ids: std::collections::BTreeSet<u32> = known.iter().filter_map(of).collect();
            prop_assert_eq!(ids.len(), known.iter().filter_map(of).count());
            for p in &known {
                match of(p) {
                    Some(id) => prop_assert!(p.contains(id.into())),
                    // No more than as many as there are addresses.
                    None => prop_assert!(p.len() >= 29 && p.len() < 32),
                }
            }
        }
    }
}
