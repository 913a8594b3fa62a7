//! IPv6 unicast, and IPv4 over IPv6 next hops (RFC 2545, 4760, 8950).

use std::net::IpAddr;

use ferr_bgp_wire::{Capability, ExtendedNexthopFamily};
use ferr_types::attr::BgpNexthop;
use ferr_types::{Gateway, IfIndex};

use super::lab::{Attrs, Lab, V4, V6, addresses, path, prefix};
use crate::LocalAddresses;
use crate::config::{NeighborConfig, NeighborFamily, NexthopSelf};

const P: &str = "2001:db8:1::/48";

fn both(n: &mut NeighborConfig) {
    n.families[V6] = Some(NeighborFamily::default());
}

fn peer(lab: &mut Lab, asn: u32) -> usize {
    lab.peer_with(asn, &[Capability::Multiprotocol { afi: 2, safi: 1 }], both)
}

fn via(addr: &str, asns: &[u32]) -> Attrs {
    Attrs { next_hop: Some(addr.parse().unwrap()), ..path(asns) }
}

fn nexthop(lab: &Lab, i: usize, p: &str) -> BgpNexthop {
    lab.wires[i].attrs(p).next_hop.unwrap()
}

#[test]
fn announced_passed_on_and_withdrawn() {
    let mut lab = Lab::new(|_| {});
    let (source, sink) = (peer(&mut lab, 65001), peer(&mut lab, 65002));
    assert_eq!(lab.wires[sink].end_of_rib, [V4, V6], "one for each family");
    lab.announce(source, &[P, "2001:db8:2::/48"], &via("2001:db8::1", &[65001]));
    assert_eq!(lab.ways(P), ["2001:db8::1"]);
    assert_eq!(lab.wires[sink].as_path(P), "65000 65001");
    let own = BgpNexthop::V6 {
        global: "2001:db8::254".parse().unwrap(),
        link_local: Some("fe80::254".parse().unwrap()),
    };
    assert_eq!(nexthop(&lab, sink, P), own, "both addresses to a neighbor on the link");
    assert_eq!(lab.bgp.summary(V4).prefixes, 0);
    lab.withdraw(source, &[P]);
    assert_eq!(lab.wires[sink].prefixes(), ["2001:db8:2::/48"]);
    assert_eq!(lab.rib.len(), 1);
}

#[test]
fn internal_peers_keep_the_next_hop() {
    let mut lab = Lab::new(|_| {});
    let (source, sink) = (peer(&mut lab, 65001), peer(&mut lab, 65000));
    lab.announce(source, &[P], &via("2001:db8::1", &[65001]));
    assert_eq!(nexthop(&lab, sink, P).global(), "2001:db8::1".parse::<IpAddr>().unwrap());
    lab.change(sink, |n| n.families[V6].as_mut().unwrap().next_hop_self = NexthopSelf::Force);
    assert_eq!(nexthop(&lab, sink, P).global(), "2001:db8::254".parse::<IpAddr>().unwrap());
}

#[test]
fn a_link_local_next_hop_is_used_on_its_link() {
    let mut lab = Lab::new(|_| {});
    let source = peer(&mut lab, 65001);
    lab.announce(source, &[P], &via("fe80::1", &[65001]));
    assert_eq!(lab.ways(P), ["fe80::1"]);
}

#[test]
fn a_session_whose_link_becomes_known_learns_link_local_next_hops_again() {
    let mut lab = Lab::new(|_| {});
    let refresh = [Capability::Multiprotocol { afi: 2, safi: 1 }, Capability::RouteRefresh];
    let source = lab.peer_with(65001, &refresh, both);
    let sink = peer(&mut lab, 65002);
    lab.announce(source, &[P], &via("fe80::1", &[65001]));
    let scope = |lab: &Lab| match lab.rib[&prefix(P)].nexthops.iter().next().map(|n| n.gateway) {
        Some(Gateway::Address { ifindex, .. }) => ifindex,
        other => panic!("{other:?}"),
    };
    assert_eq!(scope(&lab), Some(IfIndex(1)));
    let moved = LocalAddresses { ifindex: IfIndex(9), v6_link_local: "fe80::9".parse().ok(), ..addresses() };
    lab.bgp.session_addresses_changed(lab.now, |_| LocalAddresses::default());
    lab.settle();
    assert!(lab.wires[source].refreshes.is_empty(), "a picture without the address says nothing");
    lab.bgp.session_addresses_changed(lab.now, |_| moved);
    lab.settle();
    assert_eq!(lab.wires[source].refreshes.len(), 1);
    lab.announce(source, &[P], &via("fe80::1", &[65001]));
    assert_eq!(scope(&lab), Some(IfIndex(9)));
    let own = BgpNexthop::V6 {
        global: "2001:db8::254".parse().unwrap(),
        link_local: Some("fe80::9".parse().unwrap()),
    };
    assert_eq!(nexthop(&lab, sink, P), own, "what is announced follows too");
    lab.bgp.session_addresses_changed(lab.now, |_| moved);
    lab.settle();
    assert_eq!(lab.wires[source].refreshes.len(), 1, "nothing is new");
}

#[test]
fn families_that_were_not_agreed_on_are_left_alone() {
    let mut lab = Lab::new(|_| {});
    let source = peer(&mut lab, 65001);
    let sink = lab.peer(65002, both);
    lab.announce(source, &[P], &via("2001:db8::1", &[65001]));
    assert!(lab.wires[sink].table.is_empty());
    assert_eq!(lab.wires[sink].end_of_rib, [V4]);
}

#[test]
fn ipv4_over_ipv6_next_hops() {
    let offer = Capability::ExtendedNexthop(vec![ExtendedNexthopFamily { afi: 1, safi: 1, nexthop_afi: 2 }]);
    let mut lab = Lab::new(|_| {});
    let peers = [65001, 65002]
        .map(|asn| lab.peer_with(asn, std::slice::from_ref(&offer), |n| n.extended_nexthop = true));
    let plain = lab.peer(65003, |_| {});
    let q = "192.0.2.0/24";
    lab.announce(peers[0], &[q], &via("2001:db8::1", &[65001]));
    assert_eq!(lab.ways(q), ["2001:db8::1"]);
    assert_eq!(nexthop(&lab, peers[1], q).global(), "2001:db8::254".parse::<IpAddr>().unwrap());
    assert_eq!(lab.wires[plain].next_hop(q), "10.0.0.254", "an IPv4 address for those without");
    lab.withdraw(peers[0], &[q]);
    assert!(lab.wires[peers[1]].table.is_empty() && lab.wires[plain].table.is_empty());
}
