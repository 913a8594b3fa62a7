//! Attribute store and next-hop table.

use std::net::IpAddr;

use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::{
    Asn, Distance, IfIndex, Metric, NexthopInfo, NexthopReach, NexthopWatch, Prefix, Protocol, VrfId,
};

use crate::AttrStore;
use crate::nexthop::{NexthopId, NexthopKey, NexthopTable, WatchChange};

fn attributes(path: &AsPathBuf, med: u32) -> PathAttributes<'_> {
    PathAttributes {
        as_path: path.as_path(),
        med: Some(med),
        next_hop: Some(BgpNexthop::V4([192, 0, 2, 1].into())),
        ..PathAttributes::default()
    }
}

#[test]
fn equal_attributes_are_stored_once_and_freed_with_the_last_reference() {
    let mut store = AttrStore::new(7);
    let path = AsPathBuf::from_sequence([Asn(1), Asn(2)]);
    let a = store.intern(&attributes(&path, 1), 100);
    let b = store.intern(&attributes(&path, 2), 100);
    let again = store.intern(&attributes(&path, 1), 100);
    assert_eq!(a, again);
    assert_ne!(a, b);
    assert_eq!(store.len(), 2);
    assert_eq!(store.get(a), attributes(&path, 1));
    assert_eq!((store.key(a).path_len, store.key(a).med, store.key(a).neighbor_as), (2, 1, Asn(1)));
    store.release(a);
    assert_eq!(store.len(), 2, "one reference is left");
    store.retain(a);
    store.release(a);
    store.release(a);
    assert_eq!(store.len(), 1);
    let bytes = store.encoded_bytes();
    // The number is used again, for what it stands for now.
    let c = store.intern(&attributes(&path, 3), 100);
    assert_eq!(c, a);
    assert_eq!(store.get(c).med, Some(3));
    store.release(b);
    store.release(c);
    assert!(store.is_empty() && store.encoded_bytes() == 0 && bytes > 0);
}

#[test]
fn the_key_holds_what_the_decision_compares() {
    let mut store = AttrStore::new(7);
    let empty = AsPathBuf::default();
    let id = store.intern(&PathAttributes { med: None, ..attributes(&empty, 0) }, 250);
    let key = *store.key(id);
    assert_eq!((key.local_pref, key.has_med, key.path_len, key.neighbor_as), (250, false, 0, Asn(0)));
}

fn key(addr: &str, connected_only: bool) -> NexthopKey {
    NexthopKey { addr: addr.parse().unwrap(), scope: IfIndex(0), connected_only, foreign: None }
}

fn answer(addr: &str, connected: bool, metric: u32) -> NexthopInfo {
    let target = Prefix::host(addr.parse::<IpAddr>().unwrap());
    let watch = NexthopWatch { vrf: VrfId::DEFAULT, target, exact: false };
    let reach = NexthopReach {
        prefix: target,
        protocol: Protocol::Static,
        metric: Metric(metric),
        distance: Distance(1),
        connected,
        nexthops: vec![(IfIndex(1), None)],
    };
    NexthopInfo { watch, via: Some(reach) }
}

#[test]
fn one_question_per_address_whoever_asks() {
    let mut table = NexthopTable::new(VrfId::DEFAULT);
    let any = table.acquire(key("192.0.2.1", false));
    let strict = table.acquire(key("192.0.2.1", true));
    assert_eq!(table.acquire(key("192.0.2.1", false)), any);
    assert_ne!(any, strict);
    assert!(matches!(table.take_changes()[..], [WatchChange::Start(_)]));
    assert!(!table.is_usable(any), "not before the answer");
    assert_eq!(table.update(answer("192.0.2.1", false, 10)), [any, strict]);
    assert!(table.is_usable(any) && !table.is_usable(strict), "a strict one has to be connected");
    assert_eq!(table.metric(any), Metric(10));
    assert!(table.update(answer("192.0.2.1", false, 10)).is_empty(), "nothing new");
    assert_eq!(table.update(answer("192.0.2.1", false, 20)).len(), 2);
    // A key that comes later knows the answer already.
    table.release(strict);
    let late = table.acquire(key("192.0.2.1", true));
    assert!(!table.is_usable(late));
    assert_eq!(table.metric(late), Metric(20));
    table.release(late);
    table.release(any);
    assert!(table.take_changes().is_empty());
    table.release(any);
    assert!(matches!(table.take_changes()[..], [WatchChange::Stop(_)]));
    assert!(table.is_usable(NexthopId::NONE), "own routes need none");
}

#[test]
fn link_local_next_hops_are_not_asked_for() {
    let mut table = NexthopTable::new(VrfId::DEFAULT);
    let local = NexthopKey {
        addr: "fe80::1".parse().unwrap(),
        scope: IfIndex(3),
        connected_only: true,
        foreign: None,
    };
    let id = table.acquire(local);
    assert!(table.is_usable(id));
    let other = table.acquire(NexthopKey { scope: IfIndex(4), ..local });
    assert_ne!(id, other, "the same address on two links is two next hops");
    assert!(table.take_changes().is_empty());
}
