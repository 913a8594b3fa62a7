//! Each kind of network, with FRR and BIRD.

use ferr_testnet::Error;

use crate::bed::{Conf, segment, with_lan};

#[test]
fn point_to_multipoint() -> Result<(), Error> {
    with_lan("ospfptmp", |lan| {
        lan.switch.ip("link set bird down")?;
        let conf = Conf { without: Some(3), ..segment(" ip ospf network point-to-multipoint\n") };
        let _routers = lan.start(&conf, &conf, &Conf { without: Some(3), ..Conf::default() })?;
        lan.wait_users_v4(&[1, 2])
    })
}

/// BIRD speaks unicast there, with configured neighbors only.
#[test]
fn point_to_multipoint_without_multicast() -> Result<(), Error> {
    with_lan("ospfptmpu", |lan| {
        lan.switch.ip("link set frr down")?;
        let ours = Conf {
            segment: " ip ospf network point-to-multipoint non-broadcast\n \
                      ipv6 ospf6 network point-to-multipoint\n \
                      ipv6 ospf6 p2p-p2mp disable-multicast-hello\n \
                      ipv6 ospf6 neighbor fe80::3\n"
                .to_owned(),
            ospf: " neighbor 10.9.0.3 poll-interval 2\n".to_owned(),
            ..Conf::default()
        };
        let options = "type ptmp; poll 2; neighbors { 10.9.0.1; fe80::1; };";
        let _routers = lan.start(&ours, &Conf::default(), &segment(options))?;
        lan.wait_users(&[1, 3])
    })
}

#[test]
fn non_broadcast() -> Result<(), Error> {
    with_lan("ospfnbma", |lan| {
        let conf = |others: [u8; 2]| Conf {
            segment: " ip ospf network non-broadcast\n".to_owned(),
            ospf: others.map(|n| format!(" neighbor 10.9.0.{n} poll-interval 2\n")).concat(),
            without: Some(3),
            ..Conf::default()
        };
        let bird = Conf {
            segment: "type nbma; poll 2; neighbors { 10.9.0.1 eligible; 10.9.0.2 eligible; };".to_owned(),
            without: Some(3),
            ..Conf::default()
        };
        let _routers = lan.start(&conf([2, 3]), &conf([1, 3]), &bird)?;
        lan.wait_users_v4(&[1, 2, 3])
    })
}

/// Two on the cable; the third is unplugged.
fn point_to_point(name: &str, with: u8) -> Result<(), Error> {
    with_lan(name, |lan| {
        lan.switch.ip(&format!("link set {} down", if with == 2 { "bird" } else { "frr" }))?;
        let frr = " ip ospf network point-to-point\n ipv6 ospf6 network point-to-point\n";
        let _routers = lan.start(&segment(frr), &segment(frr), &segment("type ptp;"))?;
        lan.wait_users(&[1, with])
    })
}

#[test]
fn point_to_point_with_frr() -> Result<(), Error> {
    point_to_point("ospfptpf", 2)
}

#[test]
fn point_to_point_with_bird() -> Result<(), Error> {
    point_to_point("ospfptpb", 3)
}
