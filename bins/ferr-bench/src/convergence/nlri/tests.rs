use super::*;
use crate::convergence::table::Table;

#[test]
fn a_cut_message_waits_for_its_rest() {
    let mut message = vec![0xff; 16];
    message.extend_from_slice(&[0, 28, 2, 0, 0, 0, 0, 24, 10, 0, 1, 8]);
    message[17] = 29;
    message.push(11);
    let mut present = Present::default();
    let twice = [message.clone(), message.clone()].concat();
    assert_eq!(walk(&twice[..twice.len() - 1], &mut present, |_| {}), Some(message.len()));
    assert_eq!(present.count, 2);
    assert_eq!(walk(&twice, &mut present, |_| {}), Some(twice.len()));
    assert_eq!(present.count, 2);
}

#[test]
fn what_is_no_bgp_ends_the_walk() {
    assert_eq!(walk(&[0; 40], &mut Present::default(), |_| {}), None);
    // A prefix longer than its field.
    let mut message = vec![0xff; 16];
    message.extend_from_slice(&[0, 25, 2, 0, 0, 0, 0, 24, 10]);
    assert_eq!(walk(&message, &mut Present::default(), |_| {}), None);
}

#[test]
fn a_withdrawn_prefix_is_no_longer_present() {
    let mut present = Present::default();
    present.announced(false, &[24, 10, 0, 1]);
    present.announced(true, &[24, 10, 0, 1]);
    present.announced(false, &[24, 10, 0, 1]);
    assert_eq!(present.count, 2);
    present.withdrawn(false, &[24, 10, 0, 1]);
    present.withdrawn(false, &[24, 10, 0, 1]);
    assert_eq!(present.count, 1);
    assert_eq!(expected(&[]), 0);
    let prefix = |text: &str| text.parse::<Prefix>();
    let (a, b) = (prefix("10.0.0.0/8"), prefix("2001:db8::/32"));
    assert_eq!(expected(a.iter().chain(&b).chain(&a)), 2);
    assert_eq!(a.map(nlri), Ok(vec![8, 10]));
}

#[test]
fn every_prefix_is_told_from_all_others() {
    let mut present = Present::default();
    let prefixes = Table::made(60_000, 20_000, 7).prefixes;
    let lengths = [
        "0.0.0.0/0",
        "0.0.0.0/1",
        "0.0.0.0/24",
        "0.0.0.0/25",
        "0.0.0.0/32",
        "255.255.255.0/24",
        "::/0",
        "::/128",
    ];
    let edges = lengths.map(|p| p.parse::<Prefix>().unwrap());
    let all: Vec<Prefix> = prefixes.iter().chain(&edges).copied().collect();
    for prefix in &all {
        present.announced(matches!(prefix, Prefix::V6(_)), &nlri(*prefix));
    }
    let distinct = all.iter().collect::<HashSet<_>>().len();
    assert_eq!((present.count, expected(&all)), (distinct, distinct));
    for prefix in &all {
        let before = present.count;
        present.withdrawn(matches!(prefix, Prefix::V6(_)), &nlri(*prefix));
        present.announced(matches!(prefix, Prefix::V6(_)), &nlri(*prefix));
        assert_eq!(present.count, before);
    }
}
