//! Update groups: sharing, packing, split horizon, slow members, add-path.

use std::time::Duration;

use super::lab::{Lab, V4, add_path, path};
use crate::config::AddPathTx;

fn many(n: u32) -> Vec<String> {
    (0..n).map(|i| format!("20.{}.{}.0/24", i >> 8, i & 255)).collect()
}

fn announce_many(lab: &mut Lab, from: usize, n: u32, asn: u32) {
    let list = many(n);
    for chunk in list.chunks(500) {
        let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
        lab.announce(from, &chunk, &path(&[65001, asn]));
    }
}

#[test]
fn equal_peers_share_a_group_and_others_do_not() {
    let mut lab = Lab::new(|_| {});
    let peers: Vec<usize> = (0..3).map(|i| lab.peer(65001 + i, |_| {})).collect();
    assert_eq!(lab.bgp.groups(V4).len(), 1);
    assert_eq!(lab.bgp.groups(V4)[0].members.len(), 3);
    lab.change_family(peers[1], |f| f.weight = Some(3));
    assert_eq!(lab.bgp.groups(V4).len(), 1, "what only matters inbound does not separate");
    lab.change_family(peers[1], |f| f.as_override = true);
    lab.change(peers[2], |n| n.solo = true);
    assert_eq!(lab.bgp.groups(V4).len(), 3);
    lab.change_family(peers[1], |f| f.as_override = false);
    assert_eq!(lab.bgp.groups(V4).len(), 2);
    for p in &peers {
        lab.cut(*p);
    }
    assert!(lab.bgp.groups(V4).is_empty());
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 0);
}

#[test]
fn prefixes_with_equal_attributes_share_messages() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let sink = lab.peer(65002, |_| {});
    let before = lab.wires[sink].update_messages;
    lab.wires[sink].reads = false;
    announce_many(&mut lab, source, 2000, 65009);
    lab.wires[sink].reads = true;
    lab.settle();
    assert_eq!(lab.wires[sink].table.len(), 2000);
    // 4 octets a prefix, about 1000 in a message; arrivals of 500 may be taken in batches of their own.
    let messages = lab.wires[sink].update_messages - before;
    assert!(messages <= 5, "{messages}");
}

#[test]
fn nobody_hears_its_own_routes_while_the_best_moves_around() {
    let mut lab = Lab::new(|_| {});
    let (a, b, c) = (lab.peer(65001, |_| {}), lab.peer(65002, |_| {}), lab.peer(65003, |_| {}));
    let p = "192.0.2.0/24";
    lab.announce(a, &[p], &path(&[65001, 65010]));
    assert_eq!(
        (lab.wires[a].is_told(p), lab.wires[b].is_told(p), lab.wires[c].is_told(p)),
        (false, true, true)
    );
    lab.announce(b, &[p], &path(&[65002]));
    assert_eq!(
        (lab.wires[a].as_path(p), lab.wires[c].as_path(p)),
        ("65000 65002".into(), "65000 65002".into())
    );
    assert!(!lab.wires[b].is_told(p), "what it was told before is taken back");
    lab.withdraw(b, &[p]);
    assert!(!lab.wires[a].is_told(p));
    assert_eq!(lab.wires[b].as_path(p), "65000 65001 65010");
    lab.cut(a);
    assert!(!lab.wires[b].is_told(p) && !lab.wires[c].is_told(p));
}

#[test]
fn what_each_member_was_sent_is_counted() {
    let mut lab = Lab::new(|_| {});
    let peers: Vec<usize> = (0..3).map(|i| lab.peer(65001 + i, |_| {})).collect();
    let check = |lab: &mut Lab| {
        let views = lab.bgp.peer_views();
        for p in &peers {
            let wire = &lab.wires[*p];
            let view = views.iter().find(|v| v.id == wire.id).and_then(|v| v.families[V4].clone());
            assert_eq!(view.map(|v| v.sent), Some(wire.table.len() as u32), "{}", wire.addr);
        }
    };
    announce_many(&mut lab, peers[0], 900, 65009);
    check(&mut lab);
    let list = many(600);
    let some: Vec<&str> = list.iter().map(String::as_str).collect();
    // Shorter, so the best moves from one member to another for a part of them, and back.
    lab.announce(peers[1], &some, &path(&[65002]));
    check(&mut lab);
    lab.withdraw(peers[0], &some[300..]);
    check(&mut lab);
    lab.withdraw(peers[1], &some[200..400]);
    check(&mut lab);
    lab.cut(peers[1]);
    lab.up(peers[1]);
    check(&mut lab);
}

#[test]
fn late_members_get_the_whole_table_and_its_end() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    lab.peer(65002, |_| {});
    announce_many(&mut lab, source, 3000, 65009);
    let late = lab.peer(65003, |_| {});
    assert_eq!(lab.wires[late].table.len(), 3000);
    assert_eq!(lab.wires[late].end_of_rib, [V4]);
    let back = lab.wires[source].table.len();
    assert_eq!(back, 0);
}

/// Announces prefixes with attributes of their own: much to be sent, far beyond the ring.
fn announce_apart(lab: &mut Lab, from: usize, list: &[String], asn: u32) {
    for (i, p) in list.iter().enumerate() {
        let bytes = lab.update_bytes(from, &[(0, p)], &path(&[65001, asn + i as u32]));
        let conn = lab.wires[from].conn.unwrap();
        assert_eq!(lab.bgp.received(lab.now, conn, &bytes), bytes.len());
    }
    lab.settle();
}

#[test]
fn a_slow_member_does_not_hold_the_others_back() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let (slow, fast) = (lab.peer(65002, |_| {}), lab.peer(65003, |_| {}));
    lab.wires[slow].reads = false;
    let list = many(20_000);
    announce_apart(&mut lab, source, &list, 70_000);
    assert!(lab.wires[fast].table.len() < list.len(), "the ring is full");
    lab.advance(Duration::from_millis(600));
    assert_eq!(lab.wires[fast].table.len(), list.len());
    assert_eq!(lab.bgp.groups(V4)[0].behind.len(), 1);
    lab.withdraw(source, &[&list[0]]);
    lab.announce(source, &[&list[1]], &path(&[65001]));
    lab.wires[slow].reads = true;
    lab.settle();
    assert_eq!(lab.wires[slow].table, lab.wires[fast].table, "it misses nothing");
    assert!(lab.bgp.groups(V4)[0].behind.is_empty(), "and is in the ring again");
    for p in [source, slow, fast] {
        lab.cut(p);
    }
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 0, "no reference is left");
    assert_eq!(lab.bgp.summary(V4).prefixes, 0, "nor a pinned prefix");
}

#[test]
fn a_hundred_members_that_do_not_read_cost_two_bits_per_prefix() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let fast = lab.peer(65002, |_| {});
    let stuck: Vec<usize> = (0..100).map(|i| lab.peer(65100 + i, |_| {})).collect();
    stuck.iter().for_each(|w| lab.wires[*w].reads = false);
    let list = many(9_000);
    // Everything changes five times, and half of it goes.
    for round in 0..5 {
        announce_apart(&mut lab, source, &list, 70_000 + round * 20_000);
        lab.advance(Duration::from_secs(1));
    }
    for p in list.iter().step_by(2) {
        lab.withdraw(source, &[p]);
    }
    lab.advance(Duration::from_secs(1));
    assert_eq!(lab.wires[fast].table.len(), list.len() / 2);
    let group = &lab.bgp.groups(V4)[0];
    assert_eq!((group.members.len(), group.behind.len()), (102, 100));
    // One ring that all share, counted for each, and two bits: never what was sent meanwhile, some 5 MB for each.
    assert!(group.waiting < 100 * (600 * 1024 + list.len() / 4), "{}", group.waiting);
    // One dies, the others read on.
    lab.cut(stuck[0]);
    for w in &stuck[1..] {
        lab.wires[*w].reads = true;
    }
    lab.settle();
    for w in &stuck[1..] {
        assert_eq!(lab.wires[*w].table, lab.wires[fast].table);
    }
    for w in std::iter::once(source).chain([fast]).chain(stuck) {
        lab.cut(w);
    }
    let summary = lab.bgp.summary(V4);
    assert_eq!((summary.attribute_sets, summary.prefixes), (0, 0));
}

#[test]
fn a_slow_member_with_several_paths_hears_of_those_that_went() {
    let mut lab = Lab::new(|_| {});
    let sources: Vec<usize> = [65001, 65002].into_iter().map(|asn| lab.peer(asn, |_| {})).collect();
    let sink = |lab: &mut Lab, asn| {
        lab.peer_with(asn, &[add_path(false, true)], |n| {
            n.families[V4].as_mut().unwrap().add_path_tx = AddPathTx::All
        })
    };
    let (slow, fast) = (sink(&mut lab, 65010), sink(&mut lab, 65011));
    let p = "192.0.2.0/24";
    for source in &sources {
        lab.announce(*source, &[p], &path(&[65001]));
    }
    assert_eq!(lab.wires[slow].table.len(), 2);
    lab.wires[slow].reads = false;
    announce_apart(&mut lab, sources[0], &many(20_000), 70_000);
    lab.advance(Duration::from_secs(1));
    lab.withdraw(sources[1], &[p]);
    lab.announce(sources[1], &["198.51.100.0/24"], &path(&[65002]));
    assert_eq!(lab.bgp.groups(V4).iter().map(|g| g.behind.len()).sum::<usize>(), 1);
    lab.wires[slow].reads = true;
    lab.settle();
    assert_eq!(lab.wires[slow].table, lab.wires[fast].table);
    assert_eq!(lab.wires[slow].table.len(), 20_002);
}

#[test]
fn an_advertisement_interval_delays_but_does_not_throttle() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let sink = lab.peer(65002, |n| n.advertisement_interval = 30);
    announce_many(&mut lab, source, 10_000, 65009);
    lab.advance(Duration::from_secs(35));
    assert_eq!(lab.wires[sink].table.len(), 10_000);
    let messages = lab.wires[sink].update_messages;
    for i in 0..10 {
        lab.announce(source, &["192.0.2.0/24"], &path(&[65001, 65100 + i]));
        lab.advance(Duration::from_secs(1));
    }
    assert!(lab.wires[sink].update_messages <= messages + 1, "changes within the interval are one");
    lab.advance(Duration::from_secs(31));
    assert_eq!(lab.wires[sink].as_path("192.0.2.0/24"), "65000 65001 65109");
}

#[test]
fn equal_words_are_not_repeated() {
    let mut lab = Lab::new(|_| {});
    let (a, b) = (lab.peer(65001, |_| {}), lab.peer(65002, |_| {}));
    lab.announce(a, &["192.0.2.0/24"], &path(&[65001]));
    let messages = lab.wires[b].update_messages;
    lab.announce(a, &["192.0.2.0/24"], &path(&[65001]));
    lab.cost([10, 0, 0, 1].into(), Some(7));
    assert_eq!(lab.wires[b].update_messages, messages);
}

#[test]
fn several_paths_are_sent_to_those_who_want_them() {
    let mut lab = Lab::new(|_| {});
    let sources: Vec<usize> = [65001, 65001, 65002].into_iter().map(|asn| lab.peer(asn, |_| {})).collect();
    let sink = |lab: &mut Lab, mode| {
        lab.peer_with(65010, &[add_path(false, true)], |n| {
            n.families[V4].as_mut().unwrap().add_path_tx = mode
        })
    };
    let all = sink(&mut lab, AddPathTx::All);
    let per_as = sink(&mut lab, AddPathTx::BestPerAs);
    let best = sink(&mut lab, AddPathTx::Best);
    let two = sink(&mut lab, AddPathTx::BestSelected(2));
    let p = "192.0.2.0/24";
    lab.announce(sources[1], &[p], &path(&[65001, 65020]));
    lab.announce(sources[2], &[p], &path(&[65002]));
    // The worse of two comes last, and stands before the better one in the table.
    lab.announce(sources[0], &[p], &path(&[65001, 65020, 65021]));
    let heard = |lab: &Lab, w: usize| {
        let mut list: Vec<String> = (lab.wires[w].table.values())
            .map(|b| ferr_bgp_wire::decode_attributes_canonical(b).unwrap().as_path.to_string())
            .collect();
        list.sort();
        list
    };
    assert_eq!(heard(&lab, all), ["65000 65001 65020", "65000 65001 65020 65021", "65000 65002"]);
    assert_eq!(heard(&lab, per_as), ["65000 65001 65020", "65000 65002"]);
    assert_eq!(heard(&lab, best), ["65000 65002"]);
    assert_eq!(heard(&lab, two), ["65000 65001 65020", "65000 65002"], "the two best");
    lab.cut(sources[2]);
    assert_eq!(heard(&lab, all), ["65000 65001 65020", "65000 65001 65020 65021"]);
    assert_eq!(heard(&lab, best), ["65000 65001 65020"]);
    assert_eq!(heard(&lab, two), heard(&lab, all), "another one moves up");
    lab.withdraw(sources[1], &[p]);
    assert_eq!(heard(&lab, per_as), ["65000 65001 65020 65021"]);
    lab.withdraw(sources[0], &[p]);
    assert!([all, per_as, best, two].into_iter().all(|w| heard(&lab, w).is_empty()));
    assert_eq!(lab.bgp.summary(V4).attribute_sets, 0);
}
