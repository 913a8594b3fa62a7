//! Each kind of network, with FRR and BIRD.

use ferr_testnet::Error;

use crate::bed::{Conf, segment, wait_via, with_lan};

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

/// Both ends have host addresses only.
#[test]
fn unnumbered() -> Result<(), Error> {
    with_lan("ospfunnum", |lan| {
        lan.switch.ip("link set bird down")?;
        for (host, n) in [(&lan.us, 1), (&lan.frr, 2)] {
            host.ip("-4 addr flush dev eth0")?;
            host.addr("eth0", &format!("10.9.0.{n}/32"))?;
        }
        let conf = Conf { without: Some(3), ..segment(" ip ospf network point-to-point\n") };
        let _routers = lan.start(&conf, &conf, &Conf { without: Some(3), ..Conf::default() })?;
        lan.wait_users_v4(&[1, 2])
    })
}

/// FRR's area 2 has no link to the backbone but a virtual one through area 1, on which BIRD is, too.
#[test]
fn virtual_link() -> Result<(), Error> {
    with_lan("ospfvlink", |lan| {
        let through = |other: u8, users: u8| Conf {
            area: 1,
            users,
            ospf: format!(
                " area 1 virtual-link 10.9.0.{other}\n area 1 virtual-link 10.9.0.{other} hello-interval 1 dead-interval 4\n"
            ),
            without: Some(3),
            ..Conf::default()
        };
        let bird = Conf { area: 1, users: 1, without: Some(3), ..Conf::default() };
        let _routers = lan.start(&through(2, 0), &through(1, 2), &bird)?;
        // FRR names the same way twice.
        for (host, n) in [(&lan.us, 2), (&lan.frr, 1), (&lan.bird, 1), (&lan.bird, 2)] {
            let gateway = format!("10.9.0.{n}");
            wait_via(host, &format!("10.9.{n}.0/24"), |r| r.gateways.iter().all(|g| *g == gateway))?;
        }
        Ok(())
    })
}
