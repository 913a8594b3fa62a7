//! The path to fall back on: what the RIB is told of it, and that neighbors hear nothing.

use std::net::IpAddr;

use super::lab::{Lab, path, prefix};

const P: &str = "203.0.113.0/24";

/// Next hops and backups that the RIB has, as addresses.
fn told(lab: &Lab) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let spec = &lab.rib[&prefix(P)];
    let addresses = |set: &ferr_types::NexthopSet| set.iter().filter_map(ferr_types::Nexthop::addr).collect();
    (addresses(&spec.nexthops), addresses(&spec.backup))
}

#[test]
fn the_second_best_backs_the_best_and_changes_with_it() {
    let mut lab = Lab::new(|_| {});
    let [a, b, c] = [65001, 65002, 65003].map(|asn| lab.peer(asn, |_| {}));
    let listener = lab.peer(65009, |_| {});
    let addr = |lab: &Lab, i: usize| IpAddr::V4(lab.wires[i].addr);
    lab.announce(a, &[P], &path(&[65001]));
    assert_eq!(told(&lab), (vec![addr(&lab, a)], vec![]));
    let heard = lab.wires[listener].update_messages;
    lab.announce(c, &[P], &path(&[65003, 1, 1]));
    assert_eq!(told(&lab), (vec![addr(&lab, a)], vec![addr(&lab, c)]));
    lab.announce(b, &[P], &path(&[65002, 1]));
    assert_eq!(told(&lab), (vec![addr(&lab, a)], vec![addr(&lab, b)]));
    // Worse than the third, in place.
    lab.announce(b, &[P], &path(&[65002, 1, 1, 1]));
    assert_eq!(told(&lab), (vec![addr(&lab, a)], vec![addr(&lab, c)]));
    lab.withdraw(c, &[P]);
    assert_eq!(told(&lab), (vec![addr(&lab, a)], vec![addr(&lab, b)]));
    lab.withdraw(b, &[P]);
    assert_eq!(told(&lab), (vec![addr(&lab, a)], vec![]));
    assert_eq!(lab.wires[listener].update_messages, heard, "the best path was the same all the time");
    lab.announce(b, &[P], &path(&[65002, 1]));
    lab.cut(a);
    assert_eq!(told(&lab), (vec![addr(&lab, b)], vec![]));
}

#[test]
fn a_path_by_the_same_next_hop_backs_nothing() {
    let mut lab = Lab::new(|_| {});
    let [a, b] = [65001, 65002].map(|asn| lab.peer(asn, |_| {}));
    let shared = lab.wires[a].addr;
    lab.announce(a, &[P], &path(&[65001]));
    let mut third_party = path(&[65002, 1]);
    third_party.next_hop = Some(shared.into());
    lab.announce(b, &[P], &third_party);
    assert_eq!(told(&lab), (vec![shared.into()], vec![]));
}

#[test]
fn ways_that_share_the_load_are_no_backup_of_each_other() {
    let mut lab = Lab::new(|c| c.families[super::lab::V4].max_paths = 4);
    let [a, b, c] = [65001, 65001, 65003].map(|asn| lab.peer(asn, |_| {}));
    for i in [a, b] {
        lab.announce(i, &[P], &path(&[65001]));
    }
    assert_eq!((told(&lab).0.len(), told(&lab).1.len()), (2, 0));
    lab.announce(c, &[P], &path(&[65003, 1]));
    assert_eq!((told(&lab).0.len(), told(&lab).1), (2, vec![IpAddr::V4(lab.wires[c].addr)]));
}

#[test]
fn a_next_hop_is_guarded_by_the_session_to_the_neighbor_that_it_is() {
    let mut lab = Lab::new(|_| {});
    let [a, b] = [65001, 65002].map(|asn| lab.peer(asn, |_| {}));
    lab.announce(a, &[P], &path(&[65001]));
    let addr = IpAddr::V4(lab.wires[a].addr);
    let guard = |lab: &Lab| lab.rib[&prefix(P)].nexthops.iter().next().and_then(|w| w.guard);
    assert_eq!(guard(&lab), Some(addr));
    // As a route server does.
    let mut third_party = path(&[65001]);
    third_party.next_hop = Some(IpAddr::V4(lab.wires[b].addr));
    lab.announce(a, &[P], &third_party);
    assert_eq!(guard(&lab), None);
}
