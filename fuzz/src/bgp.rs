//! Checks of the BGP codec. Panics are findings.

use ferr_bgp_wire::{
    Disposition, EncodedAttributes, MAX_LEN, MAX_LEN_EXTENDED, MessageType, NotificationError, Open,
    PeerKind, RouteRefresh, Scratch, SessionContext, Update, decode_attributes_canonical,
    encode_announcements, encode_attributes_canonical, frame,
};
use ferr_types::attr::PathAttributes;
use ferr_types::{Family, FamilySet, Prefix};

/// A session whose facts come from one octet of input.
pub fn session(choice: u8) -> SessionContext {
    let all: FamilySet = Family::ALL.into_iter().collect();
    let set = |bit: u8| if choice & bit == 0 { FamilySet::EMPTY } else { all };
    let kind =
        [PeerKind::Ebgp, PeerKind::Ibgp, PeerKind::ConfedEbgp, PeerKind::Ebgp][usize::from(choice & 3)];
    SessionContext {
        as4: choice & 4 == 0,
        families: if choice & 8 == 0 { all } else { FamilySet::only(Family::Ipv6Unicast) },
        add_path_rx: set(16),
        add_path_tx: set(16),
        extended_nexthop: set(32),
        max_len: if choice & 64 == 0 { MAX_LEN } else { MAX_LEN_EXTENDED },
        ..SessionContext::new(kind)
    }
}

/// Cuts a stream and hands each message to its decoder.
pub fn stream(input: &[u8]) {
    let Some((choice, mut rest)) = input.split_first() else { return };
    let ctx = session(*choice);
    while let Ok(Some(frame)) = frame(rest, ctx.max_len) {
        assert!(frame.len >= 19 && frame.len == frame.body.len() + 19);
        match frame.kind {
            MessageType::Open => open(frame.body),
            MessageType::Update => update(frame.body, &ctx),
            MessageType::Notification => notification(frame.body),
            MessageType::RouteRefresh => refresh(frame.body),
            MessageType::Keepalive => assert!(frame.body.is_empty()),
        }
        rest = &rest[frame.len..];
    }
}

/// An accepted OPEN survives being sent again, and its names are bounded.
pub fn open(body: &[u8]) {
    let Ok(open) = Open::decode(body) else { return };
    assert!(open.asn.0 != 0 && !matches!(open.hold_time, 1 | 2));
    let ctx = SessionContext::negotiate(PeerKind::Ebgp, &open, &open);
    assert_eq!(ctx.families, open.families());
    let mut out = Vec::new();
    open.encode(&mut out);
    let frame = frame(&out, MAX_LEN).expect("our own header").expect("whole");
    let again = Open::decode(frame.body).expect("our own OPEN");
    // Names that are no UTF-8 may grow when they are replaced, so only the kinds have to be the same then.
    let kinds = |o: &Open| o.capabilities.iter().map(|c| c.code()).collect::<Vec<_>>();
    assert_eq!(kinds(&again)[..], kinds(&open)[..kinds(&again).len()]);
}

/// One capability: the first octet is its code, the rest its value.
pub fn capability(input: &[u8]) {
    let Some((code, value)) = input.split_first() else { return };
    let Ok(len) = u8::try_from(value.len()) else { return };
    let mut body = vec![4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1, 255, 255];
    body.extend_from_slice(&(u16::from(len) + 5).to_be_bytes());
    body.push(2);
    body.extend_from_slice(&(u16::from(len) + 2).to_be_bytes());
    body.extend_from_slice(&[*code, len]);
    body.extend_from_slice(value);
    open(&body);
}

/// What comes out of an UPDATE is consistent, and can be stored and sent again.
pub fn update(body: &[u8], ctx: &SessionContext) {
    let mut scratch = Scratch::default();
    let update = match Update::decode(body, ctx, &mut scratch) {
        Ok(update) => update,
        Err(error) => {
            assert_eq!(error.code, 3);
            return notification(&[&[error.code, error.subcode], error.data.as_slice()].concat());
        }
    };
    assert!(update.disposition < Disposition::Reset && update.errors.len() <= Update::MAX_ERRORS);
    assert!(update.attributes.is_none() || update.disposition <= Disposition::Discard);
    let routes = update.withdrawn.iter().count() + update.announced.iter().count();
    let reach = update.mp_reach.map_or(0, |r| r.nlri.iter().count());
    let unreach = update.mp_unreach.map_or(0, |u| u.nlri.iter().count());
    assert!(routes + reach + unreach <= body.len());
    assert!(update.end_of_rib.is_none() || routes + reach + unreach == 0);
    assert!(update.raw_attributes.len() <= body.len());
    let _ = format!("{update:?}");
    if let Some(set) = update.attributes {
        attributes(&set, Family::Ipv4Unicast, ctx);
    }
    if let (Some(set), Some(reach)) = (update.mp_attributes(), update.mp_reach) {
        attributes(&set, reach.family, ctx);
    }
}

/// An accepted set is stored without loss; sent again, it is accepted.
fn attributes(set: &PathAttributes<'_>, family: Family, ctx: &SessionContext) {
    let mut block = Vec::new();
    encode_attributes_canonical(set, &mut block);
    assert_eq!(decode_attributes_canonical(&block).as_ref(), Ok(set));
    let ctx = SessionContext { families: Family::ALL.into_iter().collect(), ..*ctx };
    // An internal peer may be sent whatever we have.
    let internal = SessionContext { kind: PeerKind::Ibgp, ..ctx };
    let set = PathAttributes { local_pref: Some(100), ..*set };
    let Ok(encoded) = EncodedAttributes::new(&set, family, &internal) else { return };
    let mut out = Vec::new();
    let prefix = Prefix::default_route(family.afi());
    assert_eq!(encode_announcements(&internal, &encoded, [(7, prefix)], &mut out), 1);
    let frame = frame(&out, internal.max_len).expect("our own header").expect("whole");
    let mut scratch = Scratch::default();
    let again = Update::decode(frame.body, &internal, &mut scratch).expect("our own UPDATE");
    assert_eq!(again.disposition, Disposition::Accept, "{:?}", again.errors);
    if internal.as4 {
        let got = again.mp_attributes().or(again.attributes).expect("announced");
        // Partial may be set on the way.
        assert_eq!(PathAttributes { unknown: set.unknown, ..got }, set);
        assert_eq!(got.unknown.len(), set.unknown.len());
    }
}

/// A list of path attributes in front of one prefix; the first octet chooses the session.
pub fn attribute_list(input: &[u8]) {
    let Some((choice, field)) = input.split_first() else { return };
    let Ok(len) = u16::try_from(field.len()) else { return };
    let mut body = vec![0, 0];
    body.extend_from_slice(&len.to_be_bytes());
    body.extend_from_slice(field);
    body.extend_from_slice(&[8, 10]);
    update(&body, &session(*choice & !16));
    let _ = decode_attributes_canonical(field);
}

/// A NOTIFICATION can always be shown and sent.
pub fn notification(body: &[u8]) {
    let error = NotificationError::decode(body);
    if let Some(text) = error.shutdown_text() {
        assert!(!text.chars().any(char::is_control));
    }
    let mut shown = error.to_string();
    shown.push_str(&format!("{error:?}"));
    if let Some(inner) = error.hard_reset_inner() {
        shown.push_str(&inner.to_string());
    }
    let mut out = Vec::new();
    error.clone().into_hard_reset().encode(&mut out);
    out.clear();
    error.encode(&mut out);
    let frame = frame(&out, MAX_LEN).expect("our own header").expect("whole");
    assert_eq!(NotificationError::decode(frame.body), error);
}

/// An accepted ROUTE-REFRESH comes back as it was.
pub fn refresh(body: &[u8]) {
    let Ok(refresh) = RouteRefresh::decode(body) else { return };
    let mut out = Vec::new();
    refresh.encode(&mut out);
    let again = RouteRefresh::decode(&out[19..]).expect("our own ROUTE-REFRESH");
    assert_eq!((again.afi, again.safi, again.subtype), (refresh.afi, refresh.safi, refresh.subtype));
}
