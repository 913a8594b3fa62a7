//! Framing, OPEN, NOTIFICATION and ROUTE-REFRESH: vectors of the RFCs and what must be refused.
#![allow(clippy::unwrap_used)]

use ferr_bgp_wire::{
    AddPathFamily, Capability, ExtendedNexthopFamily, GracefulFamily, HEADER_LEN, LongLivedFamily, MAX_LEN,
    MAX_LEN_EXTENDED, MessageType, NotificationError, Open, PeerKind, RefreshSubtype, RouteRefresh,
    SessionContext, code, frame, keepalive, subcode,
};
use ferr_types::{Asn, Family, FamilySet, RouterId};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend_from_slice(&((HEADER_LEN + body.len()) as u16).to_be_bytes());
    out.push(kind);
    out.extend_from_slice(body);
    out
}

fn refused(buf: &[u8], max: u16) -> (u8, u8, Vec<u8>) {
    let error = frame(buf, max).unwrap_err();
    (error.code, error.subcode, error.data)
}

#[test]
fn framing() {
    let alive = keepalive();
    for cut in 0..HEADER_LEN {
        assert_eq!(frame(&alive[..cut], MAX_LEN), Ok(None));
    }
    let both = [&alive[..], &message(2, &[0; 4])].concat();
    let first = frame(&both, MAX_LEN).unwrap().unwrap();
    assert_eq!((first.kind, first.body, first.len), (MessageType::Keepalive, &[][..], 19));
    let second = frame(&both[19..], MAX_LEN).unwrap().unwrap();
    assert_eq!((second.kind, second.body, second.len), (MessageType::Update, &[0; 4][..], 23));
}

#[test]
fn header_errors() {
    let mut marker = keepalive();
    marker[3] = 0;
    assert_eq!(refused(&marker, MAX_LEN), (1, 1, vec![]));
    assert_eq!(refused(&message(6, &[]), MAX_LEN), (1, 3, vec![6]));
    assert_eq!(refused(&message(0, &[]), MAX_LEN), (1, 3, vec![0]));
    for (kind, len) in [(4, 1), (2, 3), (1, 9), (3, 1), (5, 3)] {
        let total = (HEADER_LEN + len) as u16;
        assert_eq!(refused(&message(kind, &vec![0; len]), MAX_LEN), (1, 2, total.to_be_bytes().to_vec()));
    }
    let mut short = keepalive();
    short[17] = 18;
    assert_eq!(refused(&short, MAX_LEN), (1, 2, vec![0, 18]));
    let long = message(2, &vec![0; 4078]);
    assert_eq!(refused(&long, MAX_LEN), (1, 2, vec![16, 1]));
    assert!(frame(&long, MAX_LEN_EXTENDED).unwrap().is_some());
    // OPEN stays small in extended sessions too (RFC 8654 section 4), and is refused before its body is there.
    assert_eq!(refused(&message(1, &vec![0; 4078])[..19], MAX_LEN_EXTENDED), (1, 2, vec![16, 1]));
}

fn sample() -> Open {
    Open::new(
        Asn(4_200_000_001),
        90,
        RouterId("192.0.2.1".parse().unwrap()),
        vec![
            Capability::Multiprotocol { afi: 1, safi: 1 },
            Capability::Multiprotocol { afi: 2, safi: 1 },
            Capability::Multiprotocol { afi: 1, safi: 73 },
            Capability::RouteRefresh,
            Capability::ExtendedNexthop(vec![ExtendedNexthopFamily { afi: 1, safi: 1, nexthop_afi: 2 }]),
            Capability::ExtendedMessage,
            Capability::Role(3),
            Capability::GracefulRestart {
                restart: true,
                notification: true,
                time: 0xfff,
                families: vec![GracefulFamily { afi: 1, safi: 1, forwarding: true }],
            },
            Capability::FourOctetAs(Asn(4_200_000_001)),
            Capability::Dynamic,
            Capability::AddPath(vec![AddPathFamily { afi: 1, safi: 1, send: true, receive: true }]),
            Capability::EnhancedRouteRefresh,
            Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
                afi: 2,
                safi: 1,
                forwarding: false,
                stale_time: 0xab_cdef,
            }]),
            Capability::Fqdn { host: "r1".into(), domain: "example.net".into() },
            Capability::SoftwareVersion("FeRR".into()),
            Capability::RouteRefreshCisco,
            Capability::Unknown { code: 200, data: vec![1, 2, 3] },
        ],
    )
}

fn decode(bytes: &[u8]) -> Result<Open, NotificationError> {
    let frame = frame(bytes, MAX_LEN).unwrap().unwrap();
    assert_eq!((frame.kind, frame.len), (MessageType::Open, bytes.len()));
    Open::decode(frame.body)
}

#[test]
fn open_round_trip() {
    let open = sample();
    let mut bytes = Vec::new();
    open.encode(&mut bytes);
    assert_eq!(decode(&bytes), Ok(open.clone()));
    assert_eq!(open.my_as_field, 23456);
    let bare = Open { capabilities: vec![], asn: Asn(65001), my_as_field: 65001, ..open };
    bytes.clear();
    bare.encode(&mut bytes);
    assert_eq!(bytes.len(), 29);
    assert_eq!(decode(&bytes), Ok(bare));
}

#[test]
fn open_with_extended_parameters() {
    let mut open = sample();
    open.capabilities.extend((0..60).map(|safi| Capability::Multiprotocol { afi: 25, safi }));
    let mut bytes = Vec::new();
    open.encode(&mut bytes);
    assert_eq!(bytes[28..30], [255, 255]);
    assert_eq!(decode(&bytes), Ok(open.clone()));
    // Short extended parameters are as good (RFC 9072 section 2).
    let body = [4, 253, 233, 0, 90, 1, 1, 1, 1, 255, 255, 0, 5, 2, 0, 2, 2, 0];
    assert_eq!(Open::decode(&body).unwrap().capabilities, [Capability::RouteRefresh]);
    let body = [4, 253, 233, 0, 90, 1, 1, 1, 1, 8, 255, 0, 5, 2, 0, 2, 2, 0];
    assert_eq!(Open::decode(&body).unwrap().capabilities, [Capability::RouteRefresh]);
    assert!(Open::decode(&[4, 253, 233, 0, 90, 1, 1, 1, 1, 255, 255, 0]).is_err());
    // Up to 255 octets the plain form is used.
    let edge = |n: usize| {
        let capabilities = vec![Capability::Unknown { code: 200, data: vec![7; n] }];
        let open = Open::new(Asn(65001), 90, RouterId("192.0.2.1".parse().unwrap()), capabilities);
        let mut bytes = Vec::new();
        open.encode(&mut bytes);
        assert_eq!(decode(&bytes), Ok(open));
        bytes[29]
    };
    assert_eq!((edge(251), edge(252)), (2, 255));
    // Far more than any message holds: what fits is sent, and nothing is malformed.
    open.capabilities.extend((0..5000).map(|_| Capability::Unknown { code: 201, data: vec![0; 250] }));
    bytes.clear();
    open.encode(&mut bytes);
    assert!(bytes.len() <= usize::from(MAX_LEN));
    assert!(decode(&bytes).is_ok());
}

#[test]
fn open_errors() {
    let body = |version: u8, asn: u16, hold: u16, id: [u8; 4], parameters: &[u8]| {
        let mut out = vec![version];
        out.extend_from_slice(&asn.to_be_bytes());
        out.extend_from_slice(&hold.to_be_bytes());
        out.extend_from_slice(&id);
        out.push(parameters.len() as u8);
        out.extend_from_slice(parameters);
        out
    };
    let id = [1, 1, 1, 1];
    for (bad, subcode) in [
        (body(3, 1, 90, id, &[]), subcode::open::VERSION),
        (body(4, 0, 90, id, &[]), subcode::open::BAD_PEER_AS),
        (body(4, 1, 90, id, &[2, 6, 65, 4, 0, 0, 0, 0]), subcode::open::BAD_PEER_AS),
        (body(4, 1, 90, [0; 4], &[]), subcode::open::BAD_IDENTIFIER),
        (body(4, 1, 1, id, &[]), subcode::open::HOLD_TIME),
        (body(4, 1, 2, id, &[]), subcode::open::HOLD_TIME),
        (body(4, 1, 90, id, &[1, 1, 0]), subcode::open::OPTIONAL_PARAMETER),
        (body(4, 1, 90, id, &[2]), subcode::open::UNSPECIFIC),
        (body(4, 1, 90, id, &[2, 3, 2, 0]), subcode::open::UNSPECIFIC),
        (body(4, 1, 90, id, &[2, 2, 2, 9]), subcode::open::UNSPECIFIC),
        (body(4, 1, 90, id, &[2, 1, 2]), subcode::open::UNSPECIFIC),
        (body(4, 1, 90, id, &[2, 3, 65, 1, 0]), subcode::open::UNSPECIFIC),
        (body(4, 1, 90, id, &[2, 3, 1, 1, 0]), subcode::open::UNSPECIFIC),
        ([&body(4, 1, 90, id, &[])[..], &[7]].concat(), subcode::open::UNSPECIFIC),
        (vec![4, 0, 1, 0, 90, 1, 1, 1, 1, 255, 255, 0, 9, 2], subcode::open::UNSPECIFIC),
    ] {
        let error = Open::decode(&bad).unwrap_err();
        assert_eq!((error.code, error.subcode), (code::OPEN, subcode), "{bad:02x?}");
    }
    assert_eq!(Open::decode(&body(3, 1, 90, id, &[])).unwrap_err().data, [0, 4]);
    assert!(Open::decode(&[4]).is_err());
}

#[test]
fn odd_capabilities_are_kept_and_do_not_hurt() {
    for (code, data) in [
        (2, vec![1]),
        (5, vec![0; 5]),
        (9, vec![]),
        (64, vec![0]),
        (64, vec![0, 0, 1]),
        (69, vec![0, 1, 1]),
        (69, vec![0, 1, 1, 0]),
        (69, vec![0, 1, 1, 4]),
        (71, vec![0; 6]),
        (73, vec![9, 1]),
        (75, vec![200, 65]),
        (70, vec![0]),
    ] {
        let mut body = vec![4, 0, 1, 0, 90, 1, 1, 1, 1, data.len() as u8 + 4, 2, data.len() as u8 + 2];
        body.extend_from_slice(&[code, data.len() as u8]);
        body.extend_from_slice(&data);
        let open = Open::decode(&body).unwrap();
        assert_eq!(open.capabilities, [Capability::Unknown { code, data }]);
    }
}

#[test]
fn negotiation() {
    let ours = sample();
    let mut theirs = sample();
    let context = SessionContext::negotiate(PeerKind::Ebgp, &ours, &theirs);
    let v4 = FamilySet::only(Family::Ipv4Unicast);
    assert_eq!(context.families, [Family::Ipv4Unicast, Family::Ipv6Unicast].into_iter().collect());
    assert_eq!((context.add_path_rx, context.add_path_tx), (v4, v4));
    assert_eq!((context.as4, context.max_len, context.extended_nexthop), (true, MAX_LEN_EXTENDED, v4));
    theirs.capabilities =
        vec![Capability::AddPath(vec![AddPathFamily { afi: 1, safi: 1, send: false, receive: true }])];
    let context = SessionContext::negotiate(PeerKind::Ebgp, &ours, &theirs);
    assert_eq!(context.families, v4, "no multiprotocol capability means IPv4 unicast");
    assert_eq!((context.add_path_rx, context.add_path_tx), (FamilySet::EMPTY, v4));
    assert_eq!((context.as4, context.max_len), (false, MAX_LEN));
}

#[test]
fn notifications() {
    let error = NotificationError::cease_with_text(subcode::cease::SHUTDOWN, "upgrade at 10:00");
    let mut bytes = Vec::new();
    error.encode(&mut bytes);
    let frame = frame(&bytes, MAX_LEN).unwrap().unwrap();
    assert_eq!(frame.kind, MessageType::Notification);
    let read = NotificationError::decode(frame.body);
    assert_eq!(read, error);
    assert_eq!(read.shutdown_text().as_deref(), Some("upgrade at 10:00"));
    assert_eq!(read.to_string(), "Cease/Administrative Shutdown");
    let hard = read.clone().into_hard_reset();
    assert_eq!(hard.to_string(), "Cease/Hard Reset");
    assert_eq!(hard.hard_reset_inner(), Some(read));
    assert_eq!(NotificationError::new(4, 0).to_string(), "Hold Timer Expired");
    assert_eq!(NotificationError::new(8, 0).to_string(), "Send Hold Timer Expired");
    assert_eq!(NotificationError::new(77, 5).to_string(), "code 77/subcode 5");
    assert_eq!(NotificationError::new(2, 11).to_string(), "OPEN Message Error/Role Mismatch");
}

#[test]
fn shutdown_text_is_bounded_and_printable() {
    let long = "ä".repeat(200);
    let error = NotificationError::cease_with_text(subcode::cease::RESET, &long);
    assert_eq!(error.data.len(), 255);
    assert_eq!(error.shutdown_text().unwrap().chars().count(), 127);
    let text = |data: &[u8]| NotificationError::new(6, 2).with_data(data).shutdown_text();
    assert_eq!(text(&[3, b'a', 0x1b, b'b']).as_deref(), Some("a\u{fffd}b"));
    assert_eq!(text(&[9, b'a']), None);
    assert_eq!(text(&[0]), None);
    assert_eq!(text(&[]), None);
    assert_eq!(text(&[1, 0xff]).as_deref(), Some("\u{fffd}"));
    assert_eq!(NotificationError::cease_with_text(2, "").data, []);
    let huge = NotificationError::new(3, 1).with_data(&[0; 70000]);
    let mut bytes = Vec::new();
    huge.into_hard_reset().encode(&mut bytes);
    assert_eq!(bytes.len(), 4096);
}

#[test]
fn refresh() {
    for (subtype, wire) in [
        (RefreshSubtype::Request, 0),
        (RefreshSubtype::Begin, 1),
        (RefreshSubtype::End, 2),
        (RefreshSubtype::Unknown(9), 9),
    ] {
        let refresh = RouteRefresh { afi: 2, safi: 1, subtype, orf: vec![] };
        let mut bytes = Vec::new();
        refresh.encode(&mut bytes);
        assert_eq!(bytes, message(5, &[0, 2, wire, 1]));
        assert_eq!(RouteRefresh::decode(&bytes[19..]), Ok(refresh));
    }
    let orf = RouteRefresh::decode(&[0, 1, 0, 1, 1, 64, 0, 0]).unwrap();
    assert_eq!(orf.orf, [1, 64, 0, 0]);
    let error = RouteRefresh::decode(&[0, 1, 1, 1, 5]).unwrap_err();
    assert_eq!((error.code, error.subcode), (7, 1));
    assert_eq!(error.data, message(5, &[0, 1, 1, 1, 5]));
    assert!(RouteRefresh::decode(&[0, 1, 0]).is_err());
}
