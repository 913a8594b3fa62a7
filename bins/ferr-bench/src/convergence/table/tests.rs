use super::*;
use crate::convergence::nlri::{Visitor, walk};

#[derive(Default)]
struct Count {
    announced: [usize; 2],
    withdrawn: [usize; 2],
}

impl Visitor for Count {
    fn announced(&mut self, v6: bool, _: &[u8]) {
        self.announced[usize::from(v6)] += 1;
    }

    fn withdrawn(&mut self, v6: bool, _: &[u8]) {
        self.withdrawn[usize::from(v6)] += 1;
    }
}

fn by() -> Announcer {
    Announcer {
        asn: Asn(65100),
        kind: PeerKind::Ebgp,
        v4: Ipv4Addr::new(10, 0, 0, 1),
        v6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1),
    }
}

#[test]
fn a_table_is_that_of_its_seed_and_all_of_it_is_encoded() {
    let table = Table::made(2000, 500, 1);
    assert_eq!(table.prefixes, Table::made(2000, 500, 1).prefixes);
    assert_ne!(table.prefixes, Table::made(2000, 500, 2).prefixes);
    let distinct: HashSet<&Prefix> = table.prefixes.iter().collect();
    assert_eq!(distinct.len(), 2500);
    let encoded = table.encode(&by());
    let mut count = Count::default();
    assert_eq!(walk(&encoded.announce, &mut count, |_| {}), Some(encoded.announce.len()));
    assert_eq!((count.announced, count.withdrawn), ([2000, 500], [0, 0]));
    assert_eq!(walk(&encoded.withdraw, &mut count, |_| {}), Some(encoded.withdraw.len()));
    assert_eq!(count.withdrawn, [2000, 500]);
}

#[test]
fn another_peer_has_the_same_prefixes_with_other_attributes() {
    let table = Table::made(1000, 200, 1);
    let other = table.of_another_peer(2);
    assert_ne!(table.prefixes, other.prefixes);
    assert_ne!(table.encode(&by()).announce, other.encode(&by()).announce);
    let sorted = |t: &Table| {
        let mut all = t.prefixes.clone();
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(&table), sorted(&other));
}

#[test]
fn parts_are_the_whole() {
    let table = Table::made(1000, 0, 1);
    let parts = table.split(7);
    assert_eq!(parts.len(), 7);
    assert!(parts.iter().all(|p| p.prefixes.len() <= 143));
    let mut all: Vec<Prefix> = parts.iter().flat_map(|p| p.prefixes.clone()).collect();
    let mut whole = table.prefixes;
    all.sort_unstable();
    whole.sort_unstable();
    assert_eq!(all, whole);
    for part in &parts {
        let mut count = Count::default();
        walk(&part.encode(&by()).announce, &mut count, |_| {});
        assert_eq!(count.announced[0], part.prefixes.len());
    }
}
