//! Routes that would lead a tunnel's outer packets into the tunnel. The tunnel is interface 3, its endpoint 198.51.100.1.

use std::collections::BTreeSet;

use ferr_types::{IfIndex, Protocol, VrfId};

use super::lab::{Lab, via};
use crate::*;

const WAY_OUT: &str = "10.0.2.9";
const INNER: &str = "10.0.3.9";

fn endpoint(addr: &str) -> TunnelEndpoint {
    TunnelEndpoint { vrf: VrfId::DEFAULT, addr: addr.parse().unwrap(), tunnel: IfIndex(3) }
}

fn lab() -> Lab {
    let mut lab = Lab::two_links();
    lab.rib.set_tunnel_endpoints(&BTreeSet::from([endpoint("198.51.100.1")]));
    lab
}

fn refused(lab: &mut Lab) -> Option<Vec<String>> {
    let all = lab.rib.take_refused_routes()?;
    Some(all.iter().map(|r| r.prefix.to_string()).collect())
}

fn ways(lab: &mut Lab, prefix: &str) -> Vec<String> {
    lab.drain();
    lab.kernel.ways(prefix)
}

#[test]
fn a_learnt_route_to_the_own_endpoint_is_refused_and_named() {
    let mut lab = lab();
    lab.set("0.0.0.0/0", Protocol::Static, 1, &[via(WAY_OUT)]);
    assert_eq!(refused(&mut lab), None);
    lab.set("198.51.100.0/24", Protocol::Bgp, 20, &[via(INNER)]);
    lab.set("203.0.113.0/24", Protocol::Bgp, 20, &[via(INNER)]);
    assert_eq!(refused(&mut lab), Some(vec!["198.51.100.0/24".to_owned()]));
    assert_eq!(refused(&mut lab), None, "told once");
    assert!(ways(&mut lab, "198.51.100.0/24").is_empty());
    assert_eq!(ways(&mut lab, "203.0.113.0/24"), ["10.0.3.9 if3"], "nobody's endpoint");
    lab.withdraw("198.51.100.0/24", Protocol::Bgp);
    assert_eq!(refused(&mut lab), Some(vec![]));
}

#[test]
fn a_default_route_into_the_tunnel_needs_a_way_for_the_endpoint() {
    let mut lab = lab();
    lab.set("0.0.0.0/0", Protocol::Bgp, 20, &[via(INNER)]);
    assert!(ways(&mut lab, "0.0.0.0/0").is_empty());
    lab.set("198.51.100.1/32", Protocol::Static, 1, &[via(WAY_OUT)]);
    assert_eq!(ways(&mut lab, "0.0.0.0/0"), ["10.0.3.9 if3"]);
    assert_eq!(refused(&mut lab), Some(vec![]));
    lab.withdraw("198.51.100.1/32", Protocol::Static);
    assert!(ways(&mut lab, "0.0.0.0/0").is_empty(), "the way is gone, and the loop would be there");
    lab.rib.set_tunnel_endpoints(&BTreeSet::new());
    assert_eq!(ways(&mut lab, "0.0.0.0/0"), ["10.0.3.9 if3"]);
}

#[test]
fn another_offer_for_the_same_prefix_serves() {
    let mut lab = lab();
    lab.set("198.51.100.0/24", Protocol::Bgp, 20, &[via(INNER)]);
    lab.set("198.51.100.0/24", Protocol::Ospf, 110, &[via(WAY_OUT)]);
    assert_eq!(ways(&mut lab, "198.51.100.0/24"), ["10.0.2.9 if2"]);
    // A share of the packets in the tunnel is too much.
    lab.set("198.51.100.0/24", Protocol::Ospf, 110, &[via(WAY_OUT), via(INNER)]);
    assert!(ways(&mut lab, "198.51.100.0/24").is_empty());
    lab.set("198.51.100.0/24", Protocol::Bgp, 20, &[via(WAY_OUT)]);
    assert_eq!(ways(&mut lab, "198.51.100.0/24"), ["10.0.2.9 if2"]);
    assert_eq!(refused(&mut lab), Some(vec![]));
}

#[test]
fn every_match_down_to_the_first_that_serves_is_looked_at() {
    let mut lab = lab();
    lab.set("198.51.100.0/24", Protocol::Bgp, 20, &[via(INNER)]);
    lab.set("198.51.0.0/16", Protocol::Bgp, 20, &[via(INNER)]);
    lab.set("198.0.0.0/8", Protocol::Bgp, 20, &[via(WAY_OUT)]);
    lab.set("0.0.0.0/0", Protocol::Bgp, 20, &[via(INNER)]);
    assert_eq!(refused(&mut lab), Some(vec!["198.51.0.0/16".to_owned(), "198.51.100.0/24".to_owned()]));
    assert_eq!(ways(&mut lab, "0.0.0.0/0"), ["10.0.3.9 if3"]);
    // The other end moves.
    lab.rib.set_tunnel_endpoints(&BTreeSet::from([endpoint("192.0.2.1")]));
    assert_eq!(refused(&mut lab), Some(vec!["0.0.0.0/0".to_owned()]));
    assert_eq!(ways(&mut lab, "198.51.100.0/24"), ["10.0.3.9 if3"]);
}

#[test]
fn what_a_gateway_leads_to_counts() {
    let mut lab = lab();
    lab.set("172.16.0.0/16", Protocol::Static, 1, &[via(WAY_OUT)]);
    lab.set("198.51.100.0/24", Protocol::Bgp, 20, &[via("172.16.0.1")]);
    assert_eq!(ways(&mut lab, "198.51.100.0/24"), ["10.0.2.9 if2"]);
    // The gateway moves into the tunnel: one group changes, no route.
    lab.set("172.16.0.0/16", Protocol::Static, 1, &[via(INNER)]);
    assert!(ways(&mut lab, "198.51.100.0/24").is_empty());
    lab.set("172.16.0.0/16", Protocol::Static, 1, &[via(WAY_OUT)]);
    assert_eq!(ways(&mut lab, "198.51.100.0/24"), ["10.0.2.9 if2"]);
}
