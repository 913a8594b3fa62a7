//! Each kind of network, with FRR and BIRD.

use ferr_testnet::Error;

use crate::bed::{Conf, segment, with_lan};

#[test]
fn point_to_multipoint() -> Result<(), Error> {
    with_lan("ospfptmp", |lan| {
        let frr = " ip ospf network point-to-multipoint\n";
        let v2 = |text: &str| Conf { without: Some(3), ..segment(text) };
        let _routers = lan.start(&v2(frr), &v2(frr), &v2("type ptmp;"))?;
        lan.wait_users_v4(&[1, 2, 3])
    })
}

#[test]
fn point_to_multipoint_over_ipv6() -> Result<(), Error> {
    with_lan("ospfptmp6", |lan| {
        let v3 = |text: &str| Conf { without: Some(2), ..segment(text) };
        // Packaged FRR has no such network for OSPFv3.
        lan.switch.ip("link set frr down")?;
        let ours = v3(" ipv6 ospf6 network point-to-multipoint\n");
        let _routers = lan.start(
            &ours,
            &Conf { without: Some(2), ..Conf::default() },
            &v3("type ptmp; neighbors { fe80::1; };"),
        )?;
        lan.wait_users_v6(&[1, 3])
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
