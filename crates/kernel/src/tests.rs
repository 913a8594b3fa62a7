//! Codec units: what needs devices that test machines lack, and hostile bytes.

use ferr_rib::{FibAction, FibNexthop, FibOp, FibTarget, FibToken, LinkKind, NhId};
use ferr_types::{Afi, Gateway, IfIndex, Prefix, TableId};
use proptest::prelude::*;

use crate::msg::{Batch, Message, Messages, RTM_NEWLINK};
use crate::{decode, encode, request};

fn encoded(action: FibAction) -> Vec<u8> {
    let mut batch = Batch::default();
    encode::encode(&mut batch, 5, &FibOp { token: FibToken(1), action });
    batch.acknowledge_last();
    batch.bytes().to_vec()
}

fn only(bytes: &[u8]) -> Message<'_> {
    let messages: Vec<Message<'_>> = Messages(bytes).collect();
    assert_eq!(messages.len(), 1);
    messages[0]
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

#[test]
fn a_vrf_device_tells_its_table() {
    let mut batch = Batch::default();
    let mut fixed = [0; 16];
    fixed[4] = 9;
    fixed[8] = 0x41;
    batch.begin(RTM_NEWLINK, 0, 1, &fixed);
    batch.attr(3, b"blue\0");
    batch.attr_u32(10, 3);
    batch.nested(18, |b| {
        b.attr(1, b"vrf\0");
        b.nested(2, |b| b.attr_u32(1, 1001));
    });
    batch.end();
    let link = decode::link(only(batch.bytes()).payload).unwrap();
    assert_eq!((link.name.as_str(), link.ifindex, link.master), ("blue", IfIndex(9), IfIndex(3)));
    assert_eq!(link.kind, LinkKind::Vrf(TableId(1001)));
    assert!(link.up && !link.running, "running needs the lower layer too");
}

#[test]
fn a_lower_device_in_another_namespace_is_none() {
    for (elsewhere, lower) in [(false, 7), (true, 0)] {
        let mut batch = Batch::default();
        batch.begin(RTM_NEWLINK, 0, 1, &[0; 16]);
        batch.attr_u32(5, 7);
        if elsewhere {
            batch.attr_u32(37, 0);
        }
        batch.end();
        let link = decode::link(only(batch.bytes()).payload).unwrap();
        assert_eq!(link.lower, IfIndex(lower));
    }
}

#[test]
fn routes_read_back_as_written() {
    let gateway = Some("fe80::9".parse().unwrap());
    let way = FibNexthop { onlink: true, ..FibNexthop::new(Afi::Ipv6, IfIndex(4), gateway) };
    let direct = FibNexthop::new(Afi::Ipv4, IfIndex(5), None);
    let bytes = encoded(FibAction::RouteSet {
        table: TableId(70_000),
        prefix: prefix("20.0.0.0/8"),
        protocol: 186,
        source: Some("10.0.0.1".parse().unwrap()),
        target: FibTarget::Plain(vec![(way, 255), (direct, 1)]),
    });
    let raw = decode::route(only(&bytes).payload).unwrap();
    assert_eq!((raw.route.table, raw.route.prefix), (TableId(70_000), prefix("20.0.0.0/8")));
    assert_eq!((raw.route.protocol, raw.route.metric.0), (186, 20));
    assert_eq!(raw.route.source, Some("10.0.0.1".parse().unwrap()));
    let ways = raw.route.nexthops.as_slice();
    assert_eq!(ways.len(), 2);
    assert!(ways.iter().any(|w| w.weight == 255
        && w.gateway
            == Gateway::Address { addr: way.gateway.unwrap(), ifindex: Some(IfIndex(4)), onlink: true }));
    let bytes = encoded(FibAction::RouteSet {
        table: TableId::MAIN,
        prefix: prefix("::/0"),
        protocol: 196,
        source: None,
        target: FibTarget::Group(NhId(77)),
    });
    let raw = decode::route(only(&bytes).payload).unwrap();
    assert_eq!((raw.group, raw.route.prefix), (Some(NhId(77)), prefix("::/0")));
}

#[test]
fn sysctl_names_stay_inside() {
    for name in [&["net", "..", "kernel"][..], &["net/ipv4"], &[""], &["."]] {
        assert!(request::sysctl(name).is_err());
    }
    assert!(request::sysctl(&["kernel", "ostype"]).is_ok_and(|v| v == "Linux"));
}

proptest! {
    #[test]
    fn no_bytes_hurt(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for message in Messages(&bytes) {
            let _ = message.errno();
        }
        let _ = (decode::link(&bytes), decode::address(&bytes), decode::route(&bytes), decode::nexthop(&bytes));
    }

    #[test]
    fn no_changed_byte_hurts(at in 0..200usize, value: u8, cut in 0..200usize) {
        let mut bytes = encoded(FibAction::RouteSet {
            table: TableId(1),
            prefix: prefix("20.0.0.0/8"),
            protocol: 186,
            source: None,
            target: FibTarget::Plain(vec![
                (FibNexthop::new(Afi::Ipv4, IfIndex(4), Some("10.0.0.1".parse().unwrap())), 1);
                3
            ]),
        });
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        bytes.truncate(bytes.len().saturating_sub(cut / 4));
        for message in Messages(&bytes) {
            let _ = (decode::route(message.payload), decode::link(message.payload));
        }
    }
}
