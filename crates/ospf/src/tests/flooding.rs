//! Flooding (RFC 2328 section 13).

use std::time::Duration;

use ferr_ospf_wire::{LsSequence, LsaType};

use super::{Bed, OWN, PEER, Sent, THIRD, router_lsa, sequence};
use crate::{NeighborState, Refusal};

fn acks(sent: &[Sent]) -> usize {
    sent.iter().map(|sent| if let Sent::Ack(headers) = sent { headers.len() } else { 0 }).sum()
}

fn updates(sent: &[Sent]) -> Vec<(ferr_types::RouterId, LsSequence, u16)> {
    let lsas =
        sent.iter().filter_map(|sent| if let Sent::Update(lsas) = sent { Some(lsas.clone()) } else { None });
    lsas.flatten().map(|header| (header.router, header.sequence, header.age.0)).collect()
}

#[test]
fn a_new_lsa_is_kept_and_acknowledged_later_the_same_again_at_once() {
    let mut bed = Bed::full();
    let lsa = router_lsa(THIRD, sequence(1), 10);
    bed.update(&[&lsa]);
    assert_eq!(acks(&bed.sent()), 0);
    bed.wait(Duration::from_secs(1));
    assert_eq!(acks(&bed.sent()), 1);
    bed.update(&[&lsa]);
    assert_eq!(acks(&bed.sent()), 1);
    assert_eq!(bed.held(LsaType::ROUTER_V2, THIRD).unwrap().age.0, 11);
}

#[test]
fn changes_come_no_faster_than_min_ls_arrival() {
    let mut bed = Bed::full();
    bed.update(&[&router_lsa(THIRD, sequence(1), 1)]);
    bed.update(&[&router_lsa(THIRD, sequence(2), 1)]);
    assert_eq!(bed.held(LsaType::ROUTER_V2, THIRD).unwrap().sequence, sequence(1));
    bed.wait(Duration::from_secs(1));
    assert_eq!(acks(&bed.sent()), 1, "the second was not taken");
    bed.update(&[&router_lsa(THIRD, sequence(2), 1)]);
    assert_eq!(bed.held(LsaType::ROUTER_V2, THIRD).unwrap().sequence, sequence(2));
}

#[test]
fn who_has_an_older_one_gets_ours_once_per_second() {
    let mut bed = Bed::full();
    bed.update(&[&router_lsa(THIRD, sequence(5), 1)]);
    bed.sent();
    for _ in 0..3 {
        bed.update(&[&router_lsa(THIRD, sequence(4), 1)]);
    }
    assert_eq!(updates(&bed.sent()), [(THIRD, sequence(5), 2)], "InfTransDelay is added");
}

#[test]
fn an_unknown_lsa_of_max_age_is_acknowledged_and_forgotten() {
    let mut bed = Bed::full();
    bed.update(&[&router_lsa(THIRD, sequence(5), 3600)]);
    assert_eq!(acks(&bed.sent()), 1);
    assert!(bed.held(LsaType::ROUTER_V2, THIRD).is_none());
}

#[test]
fn a_newer_own_lsa_is_superseded_but_not_in_a_race() {
    let mut bed = Bed::full();
    let before = bed.own_header().unwrap().sequence;
    bed.wait(Duration::from_secs(10));
    let claimed = LsSequence(before.0 + 10);
    bed.update(&[&router_lsa(OWN, claimed, 1)]);
    assert_eq!(bed.own_header().unwrap().sequence, LsSequence(claimed.0 + 1));
    assert_eq!(updates(&bed.sent()).last(), Some(&(OWN, LsSequence(claimed.0 + 1), 1)));
    for n in 1..20 {
        bed.update(&[&router_lsa(OWN, LsSequence(claimed.0 + 2 + 10 * n), 1)]);
    }
    assert!(updates(&bed.sent()).len() <= 1, "MinLSInterval holds");
    bed.wait(Duration::from_secs(6));
    assert!(bed.own_header().unwrap().length > 24, "ours is in force again");
}

#[test]
fn an_own_lsa_of_another_life_is_flushed() {
    let mut bed = Bed::full();
    let mut lsa = router_lsa(OWN, sequence(7), 1);
    lsa[4..8].copy_from_slice(&[9, 9, 9, 9]);
    let sum = {
        lsa[16..18].fill(0);
        ferr_ospf_wire::fletcher(&lsa)
    };
    lsa[16..18].copy_from_slice(&sum.to_be_bytes());
    bed.update(&[&lsa]);
    assert_eq!(updates(&bed.sent()).last(), Some(&(OWN, sequence(7), 3600)));
}

#[test]
fn sequence_numbers_wrap_by_way_of_max_age() {
    let mut bed = Bed::full();
    bed.wait(Duration::from_secs(10));
    bed.update(&[&router_lsa(OWN, LsSequence::MAX, 1)]);
    let flushed = bed.own_header().unwrap();
    assert!(flushed.age.is_max() && flushed.sequence == LsSequence::MAX);
    bed.sent();
    bed.ack(&[flushed]);
    bed.wait(Duration::from_secs(6));
    let own = bed.own_header().unwrap();
    assert_eq!(own.sequence, LsSequence::INITIAL);
    assert!(updates(&bed.sent()).iter().any(|lsa| lsa.1 == LsSequence::INITIAL));
}

#[test]
fn what_is_not_acknowledged_is_sent_again_ever_more_rarely() {
    let mut bed = Bed::full();
    bed.wait(Duration::from_secs(5));
    let mut config = bed.ospf.config().clone();
    config.interfaces.values_mut().for_each(|interface| interface.cost = 99);
    bed.ospf.configure(config, bed.now);
    assert_eq!(updates(&bed.sent()).len(), 1);
    let mut gaps = Vec::new();
    let mut last = bed.now;
    for _ in 0..120 {
        bed.wait(Duration::from_secs(1));
        if !updates(&bed.sent()).is_empty() {
            gaps.push((bed.now - last).as_secs());
            last = bed.now;
        }
    }
    assert!(gaps.len() >= 3 && gaps.is_sorted() && gaps[0] <= 6, "{gaps:?}");
    let own = bed.own_header().unwrap();
    bed.ack(&[own]);
    bed.wait(Duration::from_secs(60));
    assert!(updates(&bed.sent()).is_empty());
    assert_eq!(bed.ospf.neighbors(None)[0].retransmit, 0);
}

#[test]
fn nonsense_is_acknowledged_but_not_kept() {
    let mut bed = Bed::full();
    let mut lsa = router_lsa(THIRD, sequence(1), 1);
    lsa[22..24].copy_from_slice(&9u16.to_be_bytes());
    lsa[16..18].fill(0);
    let sum = ferr_ospf_wire::fletcher(&lsa);
    lsa[16..18].copy_from_slice(&sum.to_be_bytes());
    bed.update(&[&lsa]);
    assert_eq!(acks(&bed.sent()), 1);
    assert_eq!(bed.refused, [Refusal::Malformed]);
    assert!(bed.held(LsaType::ROUTER_V2, THIRD).is_none());
    let mut wrong = router_lsa(PEER, sequence(1), 1);
    wrong[17] ^= 1;
    bed.update(&[&wrong]);
    assert_eq!(acks(&bed.sent()), 0);
    assert_eq!(bed.state(), NeighborState::Full);
}

#[test]
fn a_flush_by_its_originator_is_carried_out() {
    let mut bed = Bed::full();
    bed.update(&[&router_lsa(THIRD, sequence(1), 1)]);
    bed.wait(Duration::from_secs(2));
    bed.update(&[&router_lsa(THIRD, sequence(1), 3600)]);
    bed.wait(Duration::from_secs(2));
    assert!(bed.held(LsaType::ROUTER_V2, THIRD).is_none());
    assert_eq!(acks(&bed.sent()), 2);
}
