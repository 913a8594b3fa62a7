//! Exchange of databases (RFC 2328 sections 10.6 to 10.8).

use std::time::Duration;

use ferr_ospf_wire::{
    DbdFlags, LinkType, LinkV2, Lsa, LsaHeader, LsaRequest, LsaType, Options, PacketWriter, Version,
};

use super::{Bed, OWN, PEER, Sent, THIRD, origin, router_lsa, router_lsa_with, sequence};
use crate::{NeighborState, Refusal};

const FIRST: DbdFlags = DbdFlags::from_bits_retain(7);

fn header(lsa: &[u8]) -> LsaHeader {
    Lsa::decode(Version::V2, lsa).unwrap().header
}

#[test]
fn the_larger_router_id_leads() {
    let mut bed = Bed::new();
    bed.hello();
    let sent = bed.sent();
    assert!(matches!(sent[..], [.., Sent::Dbd(dbd, 0)] if dbd.flags == FIRST), "{sent:?}");
    bed.describe(FIRST, 5000, &[]);
    let sent = bed.sent();
    assert!(
        matches!(sent[..], [Sent::Dbd(dbd, 1)] if dbd.flags.is_empty() && dbd.sequence == 5000),
        "{sent:?}"
    );
    assert_eq!(bed.state(), NeighborState::Exchange);
}

#[test]
fn an_answer_that_was_lost_is_given_again() {
    let mut bed = Bed::new();
    bed.begin_exchange();
    bed.describe(FIRST, 5000, &[]);
    let first = bed.sent();
    bed.describe(FIRST, 5000, &[]);
    assert_eq!(bed.sent(), first);
    bed.describe(DbdFlags::MASTER, 5001, &[]);
    assert_eq!(bed.state(), NeighborState::Full);
    bed.sent();
    bed.describe(DbdFlags::MASTER, 5001, &[]);
    let sent = bed.sent();
    assert!(matches!(sent[..], [Sent::Dbd(dbd, 0)] if dbd.sequence == 5001), "{sent:?}");
    assert_eq!(bed.state(), NeighborState::Full);
}

#[test]
fn a_wrong_number_begins_anew() {
    for (flags, number) in [(DbdFlags::MASTER, 5002), (DbdFlags::empty(), 5001), (FIRST, 5001)] {
        let mut bed = Bed::new();
        bed.begin_exchange();
        bed.describe(FIRST, 5000, &[]);
        bed.describe(flags, number, &[]);
        assert_eq!(bed.state(), NeighborState::ExStart, "{flags:?} {number}");
    }
    let mut bed = Bed::full();
    bed.describe(FIRST, 9000, &[]);
    assert_eq!(bed.state(), NeighborState::ExStart, "the neighbor forgot us");
}

#[test]
fn what_is_described_is_asked_for_until_it_comes() {
    let mut bed = Bed::new();
    bed.begin_exchange();
    let lsas = [router_lsa(PEER, sequence(3), 1), router_lsa(THIRD, sequence(9), 1)];
    bed.describe(FIRST, 100, &[]);
    bed.describe(DbdFlags::MASTER, 101, &lsas.each_ref().map(|lsa| header(lsa)));
    assert_eq!(bed.state(), NeighborState::Loading);
    assert!(bed.sent().contains(&Sent::Request(2)));
    bed.update(&[&lsas[0]]);
    bed.sent();
    bed.wait(Duration::from_millis(5100));
    assert!(bed.sent().contains(&Sent::Request(1)), "the other one again");
    bed.update(&[&lsas[1]]);
    assert_eq!(bed.state(), NeighborState::Full);
    assert!(bed.held(LsaType::ROUTER_V2, THIRD).is_some());
}

#[test]
fn who_asks_for_what_we_lack_begins_anew() {
    let mut bed = Bed::full();
    let mut buf = vec![0; 256];
    let mut writer = PacketWriter::ls_request(&mut buf, &origin()).unwrap();
    writer.push(&LsaRequest { kind: LsaType::ROUTER_V2, id: THIRD.0.into(), router: THIRD }).unwrap();
    let len = writer.finish().unwrap();
    bed.say(buf, len);
    assert_eq!(bed.state(), NeighborState::ExStart);
}

#[test]
fn descriptions_are_repeated_until_answered() {
    let mut bed = Bed::new();
    bed.begin_exchange();
    bed.wait(Duration::from_secs(11));
    let again = bed.sent().iter().filter(|sent| matches!(sent, Sent::Dbd(_, _))).count();
    assert_eq!(again, 2);
}

#[test]
fn packets_without_a_neighbor_are_refused() {
    let mut bed = Bed::new();
    bed.update(&[&router_lsa(THIRD, sequence(0), 1)]);
    bed.sent();
    assert_eq!(bed.refused, [Refusal::Neighbor]);
    assert!(bed.held(LsaType::ROUTER_V2, THIRD).is_none());
}

#[test]
fn all_is_awaited_up_to_the_first_run_behind_full_adjacencies() {
    let mut bed = Bed::new();
    bed.ospf.handle_timeout(bed.now + Duration::from_secs(1));
    bed.now += Duration::from_secs(1);
    assert!(bed.ospf.awaits(bed.now), "a neighbor may be there");
    bed.begin_exchange();
    assert!(bed.ospf.awaits(bed.now + Duration::from_secs(60)), "it has begun to tell");
    let mut bed = Bed::new();
    bed.become_full();
    assert!(bed.ospf.awaits(bed.now), "what it told is to be worked out");
    bed.wait(Duration::from_secs(6));
    assert!(bed.ospf.awaits(bed.now), "it does not say yet that it is adjacent to us");
    let link = LinkV2::new(LinkType::POINT_TO_POINT, OWN.0, PEER.0, 10);
    bed.update(&[&router_lsa_with(PEER, sequence(0), 1, (Options::E, &[link]))]);
    bed.wait(Duration::from_secs(6));
    assert!(!bed.ospf.awaits(bed.now));
    let mut alone = Bed::new();
    alone.ospf.handle_timeout(alone.now + Duration::from_secs(19));
    assert!(alone.ospf.awaits(alone.now + Duration::from_secs(19)));
    assert!(!alone.ospf.awaits(alone.now + Duration::from_secs(20)), "nobody is there");
}
