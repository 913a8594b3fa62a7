//! What each kind of malformed attribute costs (RFC 7606 and its followers), case by case.
#![allow(clippy::unwrap_used)]

mod common;

use common::{NLRI, as_path, attr, body, ctx, ebgp, mandatory, mp_reach_v6, next_hop, origin};
use ferr_bgp_wire::{
    AttrErrorKind, Disposition, NotificationError, PeerKind, Scratch, SessionContext, Update,
};
use ferr_types::{Family, FamilySet};

fn judge(body: &[u8], ctx: &SessionContext) -> Result<Disposition, (u8, u8)> {
    let mut scratch = Scratch::default();
    match Update::decode(body, ctx, &mut scratch) {
        Ok(update) => {
            assert_eq!(
                update.attributes.is_some(),
                update.disposition < Disposition::TreatAsWithdraw
                    && !(update.announced.is_empty() && update.mp_reach.is_none())
            );
            let strongest = update.errors.iter().map(|e| e.disposition).max().unwrap_or_default();
            assert_eq!(strongest, update.disposition);
            Ok(update.disposition)
        }
        Err(NotificationError { code, subcode, .. }) => Err((code, subcode)),
    }
}

/// Mandatory attributes, `extra`, and one prefix.
fn with(extra: &[u8]) -> Vec<u8> {
    body(&[], &[mandatory(), extra.to_vec()].concat(), &NLRI)
}

/// The mandatory attributes but that of `code`, then `extra`, and one prefix.
fn replaced(code: u8, extra: &[u8]) -> Vec<u8> {
    let all = [(1, origin()), (2, as_path()), (3, next_hop())];
    let mut attributes: Vec<u8> =
        all.into_iter().filter(|(c, _)| *c != code).flat_map(|(_, bytes)| bytes).collect();
    attributes.extend_from_slice(extra);
    body(&[], &attributes, &NLRI)
}

const WITHDRAW: Result<Disposition, (u8, u8)> = Ok(Disposition::TreatAsWithdraw);
const DISCARD: Result<Disposition, (u8, u8)> = Ok(Disposition::Discard);
const ACCEPT: Result<Disposition, (u8, u8)> = Ok(Disposition::Accept);

#[test]
fn well_formed() {
    assert_eq!(judge(&with(&[]), &ebgp()), ACCEPT);
    assert_eq!(judge(&body(&[], &[origin(), as_path(), mp_reach_v6()].concat(), &[]), &ebgp()), ACCEPT);
    assert_eq!(judge(&body(&NLRI, &[], &[]), &ebgp()), ACCEPT);
}

#[test]
fn mandatory_attributes() {
    for (code, bad) in [
        (1, attr(0x40, 1, &[3])),
        (1, attr(0x40, 1, &[])),
        (1, attr(0x40, 1, &[0, 0])),
        (1, attr(0xc0, 1, &[0])),
        (2, attr(0x40, 2, &[2, 0])),
        (2, attr(0x40, 2, &[2, 1, 0, 0, 0])),
        (2, attr(0x40, 2, &[2, 1, 0, 0, 1, 1, 2])),
        (2, attr(0x40, 2, &[9, 1, 0, 0, 1, 1])),
        (2, attr(0x40, 2, &[2, 1, 0, 0, 0, 0])),
        (2, attr(0x40, 2, &[3, 1, 0, 0, 1, 1])),
        (2, attr(0x80, 2, &[2, 1, 0, 0, 1, 1])),
        (3, attr(0x40, 3, &[1, 2, 3])),
        (3, attr(0x40, 3, &[0, 0, 0, 0])),
        (3, attr(0x40, 3, &[224, 0, 0, 1])),
        (3, attr(0x40, 3, &[127, 0, 0, 1])),
        (3, attr(0xc0, 3, &[1, 2, 3, 4])),
        (1, vec![]),
        (2, vec![]),
        (3, vec![]),
    ] {
        assert_eq!(judge(&replaced(code, &bad), &ebgp()), WITHDRAW, "{bad:02x?} for {code}");
    }
    // An empty path is a local route of the peer; confederation segments are fine inside the confederation.
    assert_eq!(judge(&replaced(2, &attr(0x40, 2, &[])), &ebgp()), ACCEPT);
    let confed = replaced(2, &attr(0x40, 2, &[3, 1, 0, 0, 1, 1]));
    assert_eq!(judge(&confed, &ctx(PeerKind::ConfedEbgp)), ACCEPT);
    assert_eq!(judge(&with(&[]), &ctx(PeerKind::Ibgp)), WITHDRAW, "LOCAL_PREF is mandatory inside");
}

#[test]
fn optional_attributes_withdraw() {
    for bad in [
        attr(0x80, 4, &[0, 0, 0]),
        attr(0xc0, 4, &[0, 0, 0, 0]),
        attr(0xc0, 8, &[1, 2, 3]),
        attr(0xc0, 8, &[1, 2, 3, 4, 5]),
        attr(0xc0, 8, &[]),
        attr(0x80, 8, &[1, 2, 3, 4]),
        attr(0xc0, 16, &[1, 2, 3, 4, 5, 6, 7]),
        attr(0xc0, 16, &[]),
        attr(0xc0, 25, &[0; 19]),
        attr(0xc0, 32, &[0; 13]),
        attr(0xc0, 32, &[]),
        attr(0x80, 32, &[0; 12]),
        attr(0xc0, 35, &[0, 0, 1]),
        attr(0x40, 35, &[0, 0, 0, 1]),
        attr(0xc0, 128, &[1]),
    ] {
        assert_eq!(judge(&with(&bad), &ebgp()), WITHDRAW, "{bad:02x?}");
    }
}

#[test]
fn attributes_without_effect_are_discarded() {
    for bad in [
        attr(0x40, 6, &[1]),
        attr(0xc0, 6, &[]),
        attr(0xc0, 7, &[0, 1, 1, 2, 3, 4]),
        attr(0xc0, 7, &[0, 0, 0, 0, 1, 2, 3, 4]),
        attr(0x40, 7, &[0, 0, 0, 1, 1, 2, 3, 4]),
        attr(0xc0, 17, &[2, 1, 0, 0, 0, 1]),
        attr(0xc0, 18, &[0; 8]),
        attr(0x80, 26, &[1, 0, 10, 0, 0, 0, 0, 0, 0, 1]),
        attr(0x80, 26, &[1, 0, 12, 0, 0, 0, 0, 0, 0, 0, 1]),
        attr(0x80, 26, &[7, 0, 2, 9]),
        attr(0x80, 26, &[7, 0, 3, 1]),
        attr(0xc0, 26, &[1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        assert_eq!(judge(&with(&bad), &ebgp()), DISCARD, "{bad:02x?}");
    }
    assert_eq!(judge(&with(&attr(0x80, 26, &[1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 1])), &ebgp()), ACCEPT);
}

#[test]
fn internal_attributes() {
    let ibgp = ctx(PeerKind::Ibgp);
    let local_pref = attr(0x40, 5, &[0, 0, 0, 100]);
    for (good, bad) in [
        (local_pref.clone(), attr(0x40, 5, &[0, 0, 100])),
        (attr(0x80, 9, &[1, 1, 1, 1]), attr(0x80, 9, &[1, 1, 1])),
        (attr(0x80, 10, &[1, 1, 1, 1]), attr(0x80, 10, &[])),
        (attr(0x80, 10, &[1; 8]), attr(0x80, 10, &[1; 7])),
    ] {
        // From outside they are not even looked at (RFC 7606 sections 7.5, 7.9, 7.10).
        assert_eq!(judge(&with(&good), &ebgp()), DISCARD, "{good:02x?}");
        assert_eq!(judge(&with(&bad), &ebgp()), DISCARD, "{bad:02x?}");
        let (mut good, mut bad) = (good, bad);
        if good[1] != 5 {
            good.extend_from_slice(&local_pref);
            bad.extend_from_slice(&local_pref);
        }
        assert_eq!(judge(&with(&good), &ibgp), ACCEPT, "{good:02x?}");
        assert_eq!(judge(&with(&bad), &ibgp), WITHDRAW, "{bad:02x?}");
    }
    let mut scratch = Scratch::default();
    let message = with(&local_pref);
    let update = Update::decode(&message, &ebgp(), &mut scratch).unwrap();
    assert_eq!(update.attributes.unwrap().local_pref, None);
    assert_eq!(update.errors[0].kind, AttrErrorKind::NotFromThisPeer);
}

#[test]
fn duplicates() {
    // The first one counts, whatever it is (RFC 7606 section 3 g).
    let message = with(&[attr(0x80, 4, &[0, 0, 0, 1]), attr(0x80, 4, &[0, 0, 0, 2])].concat());
    let mut scratch = Scratch::default();
    let update = Update::decode(&message, &ebgp(), &mut scratch).unwrap();
    assert_eq!((update.disposition, update.attributes.unwrap().med), (Disposition::Discard, Some(1)));
    let unknown = [attr(0xc0, 99, &[1]), attr(0xc0, 99, &[2])].concat();
    let message = with(&unknown);
    let mut scratch = Scratch::default();
    let update = Update::decode(&message, &ebgp(), &mut scratch).unwrap();
    assert_eq!(update.attributes.unwrap().unknown, attr(0xc0, 99, &[1]));
    let twice = [origin(), as_path(), mp_reach_v6(), mp_reach_v6()].concat();
    assert_eq!(judge(&body(&[], &twice, &[]), &ebgp()), Err((3, 1)));
    let unreach = attr(0x80, 15, &[0, 2, 1]);
    assert_eq!(judge(&body(&[], &[unreach.clone(), unreach].concat(), &[]), &ebgp()), Err((3, 1)));
}

#[test]
fn list_cut_short() {
    for tail in [&[0x80][..], &[0x80, 4], &[0x80, 4, 4, 0, 0], &[0x90, 4, 0], &[0xc0, 99, 200, 1]] {
        assert_eq!(judge(&with(tail), &ebgp()), WITHDRAW, "{tail:02x?}");
        // Nothing to withdraw is known (RFC 7606 section 5.2).
        assert_eq!(judge(&body(&[], tail, &[]), &ebgp()), Err((3, 1)), "{tail:02x?}");
    }
    assert_eq!(judge(&with(&[0x80, 14, 30, 0, 2, 1]), &ebgp()), Err((3, 1)), "cut inside the NLRI");
}

#[test]
fn sections_beyond_the_message() {
    assert_eq!(judge(&[0, 1, 0, 0], &ebgp()), Err((3, 1)));
    assert_eq!(judge(&[0, 0, 0, 1], &ebgp()), Err((3, 1)));
    assert_eq!(judge(&[0, 0, 0], &ebgp()), Err((3, 1)));
    assert_eq!(judge(&[], &ebgp()), Err((3, 1)));
}

#[test]
fn prefixes() {
    for bad in [&[33, 1, 2, 3, 4, 5][..], &[24, 1, 2], &[8]] {
        assert_eq!(judge(&body(&[], &mandatory(), bad), &ebgp()), Err((3, 10)), "{bad:02x?}");
        assert_eq!(judge(&body(bad, &[], &[]), &ebgp()), Err((3, 10)), "{bad:02x?}");
    }
}

#[test]
fn multiprotocol() {
    let base = [origin(), as_path()].concat();
    let reach = |value: &[u8]| body(&[], &[attr(0x80, 14, value), base.clone()].concat(), &[]);
    let mut value = vec![0, 2, 1, 16];
    value.extend_from_slice(&[0x20; 16]);
    value.push(0);
    for (bad, subcode) in [
        (vec![0, 2, 1, 4], 5),
        (vec![0, 2, 1, 4, 1, 2, 3, 4, 0], 9),
        (vec![0, 2, 1, 200, 1, 2, 3, 4, 0], 9),
        (vec![0, 1, 1, 16, 1, 2, 3, 4, 0], 9),
        ([&value[..], &[129, 1]].concat(), 9),
        ([&value[..], &[64, 1]].concat(), 9),
        (value[..20].to_vec(), 5),
    ] {
        assert_eq!(judge(&reach(&bad), &ebgp()), Err((3, subcode)), "{bad:02x?}");
    }
    let flags = body(&[], &[attr(0xc0, 14, &value), base.clone()].concat(), &[]);
    assert_eq!(judge(&flags, &ebgp()), Err((3, 4)));
    // A next hop that no route can use costs the routes, not the session.
    let mut unusable = value.clone();
    unusable[4] = 0xff;
    unusable.extend_from_slice(&[8, 0x20]);
    assert_eq!(judge(&reach(&unusable), &ebgp()), WITHDRAW);
    for bad in [&[0, 2][..], &[0, 2, 1, 129], &[0, 2, 1, 16, 1]] {
        let message = body(&[], &attr(0x80, 15, bad), &[]);
        assert!(judge(&message, &ebgp()).is_err(), "{bad:02x?}");
    }
}

#[test]
fn other_families_are_skipped() {
    for (afi, safi) in [(25, 70), (1, 128), (1, 133), (16388, 71), (2, 4), (99, 99)] {
        let [a, b] = u16::to_be_bytes(afi);
        let reach = attr(0x80, 14, &[a, b, safi, 12, 1, 2, 3]);
        let unreach = attr(0x80, 15, &[a, b, safi, 255]);
        let message = body(&[], &[reach, unreach, origin(), as_path()].concat(), &[]);
        let mut scratch = Scratch::default();
        let update = Update::decode(&message, &ebgp(), &mut scratch).unwrap();
        assert_eq!(update.disposition, Disposition::Accept);
        assert!(update.mp_reach.is_none() && update.mp_unreach.is_none());
        assert_eq!(update.other_reach.unwrap().raw, [12, 1, 2, 3]);
        let unreach = update.other_unreach.unwrap();
        assert_eq!((unreach.afi, unreach.safi, unreach.raw), (afi, safi, &[255][..]));
    }
    // A family with a table that was not negotiated is just as foreign, its errors included.
    let v4_only = SessionContext::new(PeerKind::Ebgp);
    let message = body(&[], &[attr(0x80, 14, &[0, 2, 1, 200, 1]), origin(), as_path()].concat(), &[]);
    assert_eq!(judge(&message, &v4_only), ACCEPT);
    let v6_only = SessionContext { families: FamilySet::only(Family::Ipv6Unicast), ..v4_only };
    let message = with(&[]);
    let mut scratch = Scratch::default();
    let update = Update::decode(&message, &v6_only, &mut scratch).unwrap();
    assert!(update.announced.is_empty() && update.unnegotiated.contains(Family::Ipv4Unicast));
}

#[test]
fn unknown_attributes() {
    let transitive = attr(0xc0, 99, &[1, 2, 3]);
    let extras = [transitive.clone(), attr(0x80, 100, &[4]), attr(0xe0, 255, &[])].concat();
    let message = with(&extras);
    let mut scratch = Scratch::default();
    let update = Update::decode(&message, &ebgp(), &mut scratch).unwrap();
    assert_eq!(update.disposition, Disposition::Accept);
    assert_eq!(update.attributes.unwrap().unknown, [transitive, attr(0xe0, 255, &[])].concat());
    assert_eq!(judge(&with(&attr(0x40, 99, &[1])), &ebgp()), Err((3, 2)));
    assert_eq!(judge(&with(&attr(0x00, 99, &[1])), &ebgp()), Err((3, 2)));
}

#[test]
fn strongest_error_wins_and_all_are_listed() {
    let bad = [attr(0x40, 6, &[1]), attr(0xc0, 8, &[1]), attr(0x40, 99, &[7, 7])].concat();
    let mut scratch = Scratch::default();
    let message = with(&bad);
    let error = Update::decode(&message, &ebgp(), &mut scratch).unwrap_err();
    assert_eq!((error.code, error.subcode, error.data.as_slice()), (3, 2, &[0x40, 99, 2, 7, 7][..]));
    let message = with(&bad[..bad.len() - 5]);
    let update = Update::decode(&message, &ebgp(), &mut scratch).unwrap();
    let errors: Vec<_> = update.errors.iter().map(|e| (e.code, e.kind, e.disposition)).collect();
    assert_eq!(
        errors,
        [
            (6, AttrErrorKind::Length, Disposition::Discard),
            (8, AttrErrorKind::Length, Disposition::TreatAsWithdraw)
        ]
    );
}

#[test]
fn errors_without_reachable_nlri() {
    let bad = attr(0xc0, 8, &[1]);
    assert_eq!(judge(&body(&[], &bad, &[]), &ebgp()), Err((3, 5)));
    assert_eq!(judge(&body(&NLRI, &bad, &[]), &ebgp()), Err((3, 5)));
    let unreach = attr(0x80, 15, &[0, 2, 1, 8, 0x20]);
    assert_eq!(judge(&body(&[], &[unreach.clone(), bad].concat(), &[]), &ebgp()), Err((3, 5)));
    let harmless = attr(0x40, 6, &[1]);
    assert_eq!(judge(&body(&[], &[unreach, harmless].concat(), &[]), &ebgp()), DISCARD);
    // Attributes alone are odd, but no error.
    assert_eq!(judge(&body(&[], &mandatory(), &[]), &ebgp()), ACCEPT);
}

#[test]
fn many_errors_stay_bounded() {
    let many: Vec<u8> = std::iter::repeat_n(attr(0xc0, 99, &[]), 1000).flatten().collect();
    let message = with(&many);
    let mut scratch = Scratch::default();
    let update = Update::decode(&message, &ebgp(), &mut scratch).unwrap();
    assert_eq!(update.errors.len(), Update::MAX_ERRORS);
}

#[test]
fn end_of_rib() {
    let eor = |message: &[u8]| {
        let mut scratch = Scratch::default();
        Update::decode(message, &ebgp(), &mut scratch).unwrap().end_of_rib
    };
    assert_eq!(eor(&body(&[], &[], &[])), Some(Family::Ipv4Unicast));
    assert_eq!(eor(&body(&[], &attr(0x80, 15, &[0, 2, 1]), &[])), Some(Family::Ipv6Unicast));
    assert_eq!(eor(&body(&[], &attr(0x80, 15, &[0, 1, 1]), &[])), Some(Family::Ipv4Unicast));
    assert_eq!(eor(&body(&[], &attr(0x80, 15, &[0, 2, 1, 0]), &[])), None);
    assert_eq!(eor(&body(&[], &[attr(0x80, 15, &[0, 2, 1]), origin()].concat(), &[])), None);
    assert_eq!(eor(&body(&NLRI, &[], &[])), None);
    assert_eq!(eor(&body(&[], &attr(0x80, 15, &[0, 25, 70]), &[])), None);
}

#[test]
fn the_metric_of_aigp_is_that_of_its_first_tlv() {
    let tlv = |metric: u8| [1, 0, 11, 0, 0, 0, 0, 0, 0, 1, metric];
    let two = [&[7, 0, 5, 1, 2][..], &tlv(4), &tlv(9)].concat();
    for (value, metric) in [(tlv(2).to_vec(), Some(258)), (two, Some(260)), (vec![7, 0, 3], None)] {
        let body = with(&attr(0x80, 26, &value));
        let mut scratch = Scratch::default();
        let update = Update::decode(&body, &ebgp(), &mut scratch).unwrap();
        assert_eq!((update.disposition, update.attributes.unwrap().aigp), (Disposition::Accept, metric));
    }
}
