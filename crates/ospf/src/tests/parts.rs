//! Small parts: timers, lists, replay.

use std::time::{Duration, Instant};

use ferr_ospf_wire::{LinkStateId, LsaType, PacketType};
use ferr_types::IfIndex;

use super::THIRD;
use crate::auth::{Freshness, LastSequences};
use crate::config::InterfaceKey;
use crate::flood::SendQueue;
use crate::lsdb::LsaKey;
use crate::neighbor::Retransmit;
use crate::timer::{Random, Timer, Timers};
use crate::{Notice, Refusal};

#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now() + Duration::from_secs(1000)
}

fn key(n: u32) -> LsaKey {
    LsaKey { kind: LsaType::EXTERNAL_V2, id: LinkStateId(n), router: THIRD }
}

#[test]
fn timers_end_in_order_and_only_once() {
    let (now, mut timers) = (start(), Timers::default());
    let at = |n: u64| now + Duration::from_secs(n);
    let hello = |n| Timer::Hello(InterfaceKey::Link(IfIndex(n), None));
    timers.set(hello(1), at(3));
    timers.set(hello(2), at(1));
    timers.set(hello(1), at(2));
    timers.start(hello(2), at(9));
    assert_eq!(timers.first(), Some(at(1)));
    assert_eq!(timers.pop(at(0)), None);
    assert_eq!(
        (timers.pop(at(5)), timers.pop(at(5)), timers.pop(at(5))),
        (Some(hello(2)), Some(hello(1)), None)
    );
    let mut random = Random::new(7);
    assert!((0..100).all(|_| random.up_to(Duration::from_secs(3)) <= Duration::from_secs(3)));
}

#[test]
fn a_list_of_retransmissions_stays_as_short_as_what_is_on_it() {
    let (now, mut list) = (start(), Retransmit::default());
    for n in 0..10_000u64 {
        list.add(key(n as u32 % 3), now + Duration::from_millis(n));
    }
    assert_eq!(list.len(), 3);
    assert!(format!("{list:?}").len() < 40_000, "what was sent again is dropped");
    assert_eq!(list.oldest(), Some(now + Duration::from_millis(9997)));
    assert_eq!(list.take_due(now), None);
    assert!(list.take_due(now + Duration::from_secs(20)).is_some());
    assert!(list.remove(&key(0)) && !list.remove(&key(0)));
}

#[test]
fn a_queue_holds_each_lsa_once() {
    let mut queue = SendQueue::default();
    [1, 2, 1, 3, 2].into_iter().for_each(|n| queue.push(key(n)));
    let order: Vec<LsaKey> = std::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(order, [key(1), key(2), key(3)]);
    assert!(queue.is_empty());
}

#[test]
fn replays_are_refused() {
    let mut last = LastSequences::default();
    let hello = PacketType::Hello;
    assert!(last.admit(hello, Freshness::NotLess(5)).is_ok());
    assert!(last.admit(PacketType::LsAck, Freshness::NotLess(5)).is_ok());
    assert_eq!(last.admit(hello, Freshness::NotLess(4)), Err(Refusal::Replay));
    let mut last = LastSequences::default();
    assert!(last.admit(hello, Freshness::Larger(5)).is_ok());
    assert_eq!(last.admit(hello, Freshness::Larger(5)), Err(Refusal::Replay));
    assert!(last.admit(PacketType::Dbd, Freshness::Larger(5)).is_ok(), "each type counts for itself");
    assert!(last.admit(hello, Freshness::Larger(6)).is_ok());
}

#[test]
fn one_cause_is_told_once_in_ten_seconds() {
    let (now, mut notices) = (start(), crate::notice::Notices::default());
    let name = "eth0".into();
    let source = std::net::IpAddr::from([10, 0, 0, 1]);
    let mut told = Vec::new();
    for n in 0..250 {
        told.extend(notices.refused(&name, source, Refusal::Mtu, now + Duration::from_millis(n * 100)));
    }
    let counts: Vec<u32> = told
        .iter()
        .map(|notice| if let Notice::Refused { count, .. } = notice { *count } else { 0 })
        .collect();
    assert_eq!(counts, [1, 100, 100]);
}
