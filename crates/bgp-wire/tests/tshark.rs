//! An independent dissector finds nothing wrong with what we send.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use common::{add_path, attr, ctx};
use ferr_bgp_wire::{
    AddPathFamily, Capability, EncodedAttributes, ExtendedNexthopFamily, GracefulFamily, LongLivedFamily,
    NotificationError, Open, PeerKind, RefreshSubtype, RouteRefresh, SessionContext, encode_announcements,
    encode_end_of_rib, encode_withdrawals, frame, keepalive, subcode,
};
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{Aggregator, BgpNexthop, Origin, PathAttributes};
use ferr_types::community::{ClusterList, Communities, ExtCommunities, LargeCommunities};
use ferr_types::{Asn, Family, FamilySet, Prefix, RouterId};

fn open(asn: u32, extended: bool) -> Vec<u8> {
    let mut capabilities = vec![
        Capability::Multiprotocol { afi: 1, safi: 1 },
        Capability::Multiprotocol { afi: 2, safi: 1 },
        Capability::RouteRefresh,
        Capability::EnhancedRouteRefresh,
        Capability::FourOctetAs(Asn(asn)),
        Capability::ExtendedMessage,
        Capability::ExtendedNexthop(vec![ExtendedNexthopFamily { afi: 1, safi: 1, nexthop_afi: 2 }]),
        Capability::GracefulRestart {
            restart: false,
            notification: true,
            time: 120,
            families: vec![GracefulFamily { afi: 1, safi: 1, forwarding: true }],
        },
        Capability::AddPath(vec![AddPathFamily { afi: 1, safi: 1, send: true, receive: true }]),
        Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
            afi: 1,
            safi: 1,
            forwarding: true,
            stale_time: 3600,
        }]),
        Capability::Role(3),
        Capability::Fqdn { host: "r1".into(), domain: "example.net".into() },
    ];
    if extended {
        capabilities.extend((0..70).map(|_| Capability::Multiprotocol { afi: 1, safi: 2 }));
    }
    let mut out = Vec::new();
    Open::new(Asn(asn), 90, RouterId(Ipv4Addr::new(1, 1, 1, 1)), capabilities).encode(&mut out);
    out
}

/// UPDATEs of every form that `ctx` allows.
fn updates(ctx: &SessionContext, out: &mut Vec<u8>) {
    let mut path = AsPathBuf::from_sequence([Asn(64512), Asn(4_200_000_001)]);
    path.push_segment(SegmentKind::Set, &[Asn(3), Asn(4)]);
    let unknown = [attr(0xc0, 200, &[1, 2, 3]), attr(0xe0, 254, &[7; 200])].concat();
    let long: Vec<u8> = (0..100u32).flat_map(|i| (65001 << 16 | i).to_be_bytes()).collect();
    let set = PathAttributes {
        origin: Origin::Egp,
        as_path: path.as_path(),
        next_hop: Some(BgpNexthop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        med: Some(5),
        local_pref: Some(200),
        atomic_aggregate: true,
        aggregator: Some(Aggregator { asn: Asn(4_200_000_001), addr: Ipv4Addr::new(10, 0, 0, 1) }),
        communities: Communities::new(&long).unwrap(),
        ext_communities: ExtCommunities::new(&[0, 2, 0xfd, 0xe9, 0, 0, 0, 1]).unwrap(),
        large_communities: LargeCommunities::new(&[0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 0, 0, 0, 2]).unwrap(),
        originator_id: Some(RouterId(Ipv4Addr::new(9, 9, 9, 9))),
        cluster_list: ClusterList::new(&[1, 1, 1, 1, 2, 2, 2, 2]).unwrap(),
        aigp: Some(4242),
        only_to_customer: Some(Asn(64512)),
        unknown: &unknown,
    };
    let v4: Vec<(u32, Prefix)> = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/23", "192.0.2.1/32"]
        .iter()
        .zip(1..)
        .map(|(p, i)| (i, p.parse().unwrap()))
        .collect();
    let v6: Vec<(u32, Prefix)> = ["::/0", "2001:db8::/32", "2001:db8:1::/47", "2001:db8::1/128"]
        .iter()
        .zip(1..)
        .map(|(p, i)| (i, p.parse().unwrap()))
        .collect();
    let mut announce = |set: &PathAttributes<'_>, family, prefixes: &[(u32, Prefix)]| {
        let encoded = EncodedAttributes::new(set, family, ctx).unwrap();
        encode_announcements(ctx, &encoded, prefixes.iter().copied(), out);
    };
    announce(&set, Family::Ipv4Unicast, &v4);
    let bare = PathAttributes { next_hop: set.next_hop, local_pref: Some(100), ..PathAttributes::default() };
    announce(&bare, Family::Ipv4Unicast, &v4);
    let global = "2001:db8::1".parse().unwrap();
    for link_local in [None, Some("fe80::1".parse().unwrap())] {
        let next_hop = Some(BgpNexthop::V6 { global, link_local });
        announce(&PathAttributes { next_hop, ..set }, Family::Ipv6Unicast, &v6);
        announce(&PathAttributes { next_hop, ..bare }, Family::Ipv4Unicast, &v4);
    }
    encode_withdrawals(ctx, Family::Ipv4Unicast, v4.iter().copied(), out);
    encode_withdrawals(ctx, Family::Ipv6Unicast, v6.iter().copied(), out);
    encode_end_of_rib(ctx, Family::Ipv4Unicast, out);
    encode_end_of_rib(ctx, Family::Ipv6Unicast, out);
}

/// A session with everything in it.
fn session(ctx: &SessionContext) -> Vec<u8> {
    let mut out = [open(4_200_000_001, false), open(65001, true), keepalive().to_vec()].concat();
    updates(ctx, &mut out);
    for subtype in [RefreshSubtype::Request, RefreshSubtype::Begin, RefreshSubtype::End] {
        RouteRefresh { afi: 1, safi: 1, subtype, orf: vec![] }.encode(&mut out);
    }
    NotificationError::cease_with_text(subcode::cease::SHUTDOWN, "maintenance").encode(&mut out);
    NotificationError::new(3, 4).with_data(&attr(0x80, 1, &[0])).encode(&mut out);
    NotificationError::new(4, 0).encode(&mut out);
    NotificationError::new(6, 1).encode(&mut out);
    out
}

/// A capture (link type raw IP) with one TCP segment per message.
fn capture(streams: &[Vec<u8>]) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0002_0004, 0, 0, 65535, 101] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    let mut messages = 0;
    for (port, stream) in (40000u16..).zip(streams) {
        let mut rest = stream.as_slice();
        let mut seq = 1u32;
        while let Some(frame) = frame(rest, 65535).unwrap() {
            let payload = &rest[..frame.len];
            let total = (40 + payload.len()) as u32;
            for word in [messages as u32, 0, total, total] {
                out.extend_from_slice(&word.to_le_bytes());
            }
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&(total as u16).to_be_bytes());
            out.extend_from_slice(&[0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
            out.extend_from_slice(&port.to_be_bytes());
            out.extend_from_slice(&179u16.to_be_bytes());
            out.extend_from_slice(&seq.to_be_bytes());
            out.extend_from_slice(&[0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
            out.extend_from_slice(payload);
            seq += payload.len() as u32;
            messages += 1;
            rest = &rest[frame.len..];
        }
    }
    (out, messages)
}

fn tshark(file: &PathBuf, arguments: &[&str]) -> Option<String> {
    let quiet = ["-o", "tcp.analyze_sequence_numbers:FALSE"];
    let output = Command::new("tshark").arg("-r").arg(file).args(quiet).args(arguments).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn dissects_clean() {
    let extended = FamilySet::only(Family::Ipv4Unicast);
    let plain = SessionContext { extended_nexthop: extended, ..ctx(PeerKind::Ibgp) };
    let narrow = SessionContext { as4: false, ..plain };
    let (bytes, messages) = capture(&[session(&plain), session(&add_path(plain)), session(&narrow)]);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sent.pcap");
    fs::write(&file, bytes).unwrap();
    let Some(types) = tshark(&file, &["-T", "fields", "-e", "bgp.type", "-E", "occurrence=a"]) else {
        assert!(env::var_os("FERR_TEST_STRICT").is_none(), "tshark is not installed");
        println!("SKIPPED: tshark is not installed");
        return;
    };
    assert_eq!(types.split([',', '\n']).filter(|t| !t.is_empty()).count(), messages);
    let bad = "_ws.malformed || (bgp && _ws.expert.severity >= 0x600000)";
    let complaints = tshark(&file, &["-Y", bad, "-V"]).unwrap();
    assert!(complaints.is_empty(), "{complaints}");
    let prefixes =
        tshark(&file, &["-T", "fields", "-e", "bgp.nlri_prefix", "-Y", "tcp.srcport == 40000"]).unwrap();
    assert!(prefixes.contains("0.0.0.0,10.0.0.0,10.1.0.0,10.1.2.0,192.0.2.1"), "{prefixes}");
}
