//! The replay of the table: shared by those who come together, and right whatever changes meanwhile.

use std::time::Duration;

use bytes::Bytes;
use ferr_bgp_wire::RefreshSubtype;

use super::lab::{Lab, V4, path};
use super::restart::refresh;

const P: &str = "192.0.2.0/24";

fn many(n: u32) -> Vec<String> {
    (0..n).map(|i| format!("20.{}.{}.0/24", i >> 8, i & 255)).collect()
}

fn announce(lab: &mut Lab, from: usize, list: &[String], asn: u32) {
    for chunk in list.chunks(500) {
        let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
        lab.announce(from, &chunk, &path(&[65001, asn]));
    }
}

/// Members that come up without reading yet.
fn late(lab: &mut Lab, count: u32) -> Vec<usize> {
    let peers: Vec<usize> = (0..count).map(|i| lab.add(65100 + i, |_| {})).collect();
    for i in &peers {
        lab.wires[*i].reads = false;
        lab.up(*i);
    }
    peers.iter().for_each(|i| lab.wires[*i].reads = true);
    peers
}

/// One buffer of what waits for a peer.
fn take(lab: &mut Lab, i: usize) -> Option<Bytes> {
    let conn = lab.wires[i].conn.unwrap();
    let bytes = lab.bgp.poll_transmit(lab.now, conn)?;
    lab.wires[i].hear(&bytes);
    Some(bytes)
}

#[test]
fn who_comes_together_is_sent_the_same_octets() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    lab.peer(65002, |_| {});
    announce(&mut lab, source, &many(10_000), 65009);
    let peers = late(&mut lab, 20);
    let mut copies = std::collections::HashSet::new();
    let mut waiting = true;
    while std::mem::take(&mut waiting) {
        for i in &peers {
            if let Some(bytes) = take(&mut lab, *i) {
                waiting = true;
                // OPEN and KEEPALIVE are everybody's own.
                copies.extend((bytes.len() > 200).then_some(bytes.as_ptr()));
                std::mem::forget(bytes);
            }
        }
    }
    assert_eq!(copies.len(), 10, "slices of 1,024 prefixes, each encoded once");
    assert!(peers.iter().all(|i| lab.wires[*i].table.len() == 10_000));
    assert!(peers.iter().all(|i| lab.wires[*i].end_of_rib == [V4]));
}

#[test]
fn who_joins_in_the_middle_hears_of_all() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let other = lab.peer(65002, |_| {});
    let list = many(9_000);
    announce(&mut lab, source, &list, 65009);
    let peers = late(&mut lab, 5);
    peers.iter().for_each(|i| lab.wires[*i].replayed = true);
    for turn in 0..100_u32 {
        // Each has another pace, and the table changes meanwhile.
        for (n, i) in peers.iter().enumerate() {
            if turn % (n as u32 + 1) == 0 && turn >= n as u32 * 3 {
                take(&mut lab, *i);
            }
        }
        let conn = lab.wires[source].conn.unwrap();
        for change in 0..20 {
            let at = ((turn as usize * 20 + change) * 2_741) % list.len();
            let bytes = match change % 3 {
                0 => lab.update_bytes(source, &[(0, &list[at])], &path(&[65001, 70_000 + turn])),
                1 => lab.update_bytes(source, &[(0, &list[at])], &path(&[65001, 65009])),
                _ => lab.withdrawal_bytes(source, &[&list[at]]),
            };
            lab.bgp.received(lab.now, conn, &bytes);
        }
        if turn % 5 == 0 {
            lab.bgp.work(lab.now);
        }
    }
    lab.settle();
    for i in &peers {
        assert_eq!(lab.wires[*i].table, lab.wires[other].table);
        assert_eq!(lab.wires[*i].end_of_rib, [V4]);
    }
}

#[test]
fn nobody_is_replayed_its_own_routes() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |_| {});
    let list = many(3_000);
    announce(&mut lab, source, &list[..2_000], 65009);
    let peers = late(&mut lab, 2);
    take(&mut lab, peers[0]);
    // Slices made so far were made before it was a member with routes.
    lab.announce(peers[1], &[P], &path(&[65101]));
    lab.settle();
    assert!(!lab.wires[peers[1]].is_told(P) && lab.wires[peers[0]].is_told(P));
    lab.send(peers[1], &refresh(RefreshSubtype::Request));
    assert!(!lab.wires[peers[1]].is_told(P));
    assert_eq!(lab.wires[peers[1]].table.len(), 2_000);
}

#[test]
fn what_was_told_before_its_turn_is_taken_back_when_it_reverts() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(65001, |n| n.advertisement_interval = 1);
    let early = lab.peer(65002, |n| n.advertisement_interval = 30);
    lab.announce(source, &[P], &path(&[65001, 65009]));
    // Within the interval: a change is queued, a member comes, and the change is taken back.
    lab.announce(source, &[P], &path(&[65001, 65010]));
    let late = lab.peer(65003, |n| n.advertisement_interval = 30);
    assert_eq!(lab.wires[early].as_path(P), "65000 65001 65009");
    lab.announce(source, &[P], &path(&[65001, 65009]));
    lab.advance(Duration::from_secs(31));
    assert_eq!(lab.wires[late].as_path(P), "65000 65001 65009");
    assert_eq!(lab.wires[late].table, lab.wires[early].table);
}
