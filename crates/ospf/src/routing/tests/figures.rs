//! The networks of RFC 2328: figure 2 (one area) and figure 6 (three areas).

use ferr_ospf_wire::{LinkType, RouterBits};

use super::lab::{L, Lab, addr, area, p2p, stub, transit};
use crate::config::NetworkType::{Broadcast, PointToPoint};

const NONE: RouterBits = RouterBits::empty();
const E: RouterBits = RouterBits::EXTERNAL;
const B: RouterBits = RouterBits::BORDER;

/// Address of a router on network n.
fn on(network: u32, router: u32) -> String {
    format!("10.{network}.0.{router}")
}

fn to_net(network: u32, dr: u32, router: u32, cost: u16) -> L {
    transit(&on(network, dr), &on(network, router), cost)
}

fn net(network: u32, cost: u16) -> L {
    stub(&format!("10.{network}.0.0/24"), cost)
}

/// A serial line between routers; the address is that of the router's end.
fn line(router: u32, to: u32, cost: u16) -> L {
    p2p(to, &format!("10.{}.{}.{router}", 100 + router.min(to), router.max(to)), cost)
}

fn host(cost: u16) -> L {
    (LinkType::STUB, addr("10.200.0.1"), addr("255.255.255.255"), cost)
}

type Router = (u32, RouterBits, Vec<L>);

/// Router-LSAs of figure 2. The line between RT6 and RT10 has addresses of its own there (Ia, Ib).
fn routers() -> Vec<Router> {
    vec![
        (1, NONE, vec![net(1, 3), to_net(3, 4, 1, 1)]),
        (2, NONE, vec![net(2, 3), to_net(3, 4, 2, 1)]),
        (3, NONE, vec![to_net(3, 4, 3, 1), net(4, 2), line(3, 6, 8)]),
        (4, NONE, vec![to_net(3, 4, 4, 1), line(4, 5, 8)]),
        (5, E, vec![line(5, 4, 8), line(5, 6, 7), line(5, 7, 6)]),
        (6, NONE, vec![line(6, 3, 6), line(6, 5, 6), line(6, 10, 7)]),
        (7, E, vec![line(7, 5, 6), to_net(6, 8, 7, 1)]),
        (8, NONE, vec![to_net(6, 8, 8, 1), net(7, 4)]),
        (9, NONE, vec![to_net(9, 9, 9, 1), net(11, 3)]),
        (10, NONE, vec![line(10, 6, 5), to_net(6, 8, 10, 1), to_net(8, 11, 10, 3)]),
        (11, NONE, vec![to_net(8, 11, 11, 2), to_net(9, 9, 11, 1)]),
        (12, NONE, vec![to_net(9, 9, 12, 1), net(10, 2), host(10)]),
    ]
}

fn networks(lab: &mut Lab, of: impl Fn(u32) -> Option<u32>) {
    for (n, dr, routers) in
        [(3, 4, &[1, 2, 3, 4][..]), (6, 8, &[7, 8, 10]), (8, 11, &[10, 11]), (9, 9, &[9, 11, 12])]
    {
        if let Some(area) = of(n) {
            lab.network(area, (&on(n, dr), dr), 24, routers);
        }
    }
}

/// RT6's table of figure 2 (RFC 2328 tables 1 and 2 and figure 5).
#[test]
fn figure_2_seen_by_rt6() {
    let mut lab = Lab::new(6);
    for (ifindex, to, cost) in [(1, 3, 6), (2, 5, 6), (3, 10, 7)] {
        let own = format!("10.{}.{}.6/30", 100 + 6.min(to), 6.max(to));
        let far = format!("10.{}.{}.{to}", 100 + 6.min(to), 6.max(to));
        lab.link(ifindex, 0, PointToPoint, (&own, cost), &[(to, &far)]);
    }
    for (router, bits, links) in routers() {
        lab.router(0, router, bits, &links);
    }
    networks(&mut lab, |_| Some(0));
    for (router, prefix, metric) in
        [(5, "172.12.0.0/16", 8), (5, "172.13.0.0/16", 8), (5, "172.14.0.0/16", 8), (7, "172.12.0.0/16", 2)]
    {
        lab.external(router, prefix, (false, metric), "0.0.0.0");
    }
    lab.external(7, "172.15.0.0/16", (false, 9), "0.0.0.0");
    lab.settle();
    let expected = [
        ("10.1.0.0/24", 3, 10),
        ("10.2.0.0/24", 3, 10),
        ("10.3.0.0/24", 3, 7),
        ("10.4.0.0/24", 3, 8),
        ("10.6.0.0/24", 10, 8),
        ("10.7.0.0/24", 10, 12),
        ("10.8.0.0/24", 10, 10),
        ("10.9.0.0/24", 10, 11),
        ("10.10.0.0/24", 10, 13),
        ("10.11.0.0/24", 10, 14),
        ("10.200.0.1/32", 10, 21),
        ("172.12.0.0/16", 10, 10),
        ("172.13.0.0/16", 5, 14),
        ("172.14.0.0/16", 5, 14),
        ("172.15.0.0/16", 10, 17),
    ];
    for (prefix, via, cost) in expected {
        let ifindex = match via {
            3 => 1,
            5 => 2,
            _ => 3,
        };
        let gateway = format!("10.{}.{}.{via}", 100 + 6.min(via), 6.max(via));
        let route = lab.route(prefix);
        assert_eq!(route.trim_end_matches('!'), format!("110/{cost} {gateway}@if{ifindex}"), "{prefix}");
    }
    let routers = lab.routing.router_routes(None);
    let found: Vec<_> = routers.iter().map(|r| (r.router.0.to_bits(), r.cost)).collect();
    assert_eq!(found, [(5, 6), (7, 8)]);
}

/// RT4 of figure 6: border of area 1 (N1 to N4) and the backbone; what it tells of area 1 (table 5) and into it (table 6).
#[test]
fn figure_6_seen_by_rt4() {
    let mut lab = Lab::new(4);
    let far: Vec<(u32, String)> = [1, 2, 3].iter().map(|r| (*r, on(3, *r))).collect();
    let far: Vec<(u32, &str)> = far.iter().map(|(r, a)| (*r, a.as_str())).collect();
    lab.link(1, 1, Broadcast, ("10.3.0.4/24", 1), &far);
    lab.link(2, 0, PointToPoint, ("10.104.5.4/30", 8), &[(5, "10.104.5.5")]);
    for (router, bits, links) in routers() {
        let in_area_1 = |l: &L| l.0 != LinkType::POINT_TO_POINT;
        match router {
            1 | 2 => lab.router(1, router, bits, &links),
            3 | 4 => {
                let (one, zero): (Vec<L>, Vec<L>) = links.iter().partition(|l| in_area_1(l));
                lab.router(1, router, bits | B, &one);
                lab.router(0, router, bits | B, &zero);
            }
            // RT7, RT10 and RT11 are borders; the line between RT10 and RT11 stands for the virtual link.
            5 | 6 => lab.router(0, router, bits, &links),
            7 => lab.router(0, 7, bits | B, &[line(7, 5, 6)]),
            10 => lab.router(0, 10, B, &[line(10, 6, 5), line(10, 11, 3)]),
            11 => lab.router(0, 11, B, &[line(11, 10, 2)]),
            _ => {}
        }
    }
    networks(&mut lab, |n| (n == 3).then_some(1));
    // The border routers' word: table 5 of the RFC.
    for (router, network, cost) in [(3, 1, 4), (3, 2, 4), (3, 3, 1), (3, 4, 2)] {
        lab.summary(0, router, &format!("10.{network}.0.0/24"), cost);
    }
    for (router, network, cost) in
        [(7, 6, 1), (7, 7, 5), (7, 8, 4), (10, 6, 1), (10, 7, 5), (10, 8, 3), (11, 8, 2)]
    {
        lab.summary(0, router, &format!("10.{network}.0.0/24"), cost);
    }
    // N9 to N11 and H1 as one, by RT11.
    lab.summary(0, 11, "10.192.0.0/10", 11);
    lab.settle();
    let told = |network: u32| lab.told_with(&format!("3@0.0.0.0 10.{network}.0.0/24 10.{network}.0.0 "));
    assert_eq!([told(1), told(2), told(3), told(4)].concat(), ["4", "4", "1", "3"]);
    // Table 6: what RT4 tells area 1.
    let inner = |network: u32| lab.told_with(&format!("3@0.0.0.1 10.{network}.0.0/24 10.{network}.0.0 "));
    assert_eq!([inner(6), inner(7), inner(8)].concat(), ["15", "19", "18"]);
    assert_eq!(lab.told_with("3@0.0.0.1 10.192.0.0/10 10.192.0.0 "), ["36"]);
    assert_eq!(lab.told_with("4@0.0.0.1 asbr 0.0.0.5 "), ["8"]);
    assert_eq!(lab.told_with("4@0.0.0.1 asbr 0.0.0.7 "), ["14"]);
    assert_eq!(lab.routing.router_bits(area(1)), B);
}
