//! Small networks whose routes are known.

use ferr_ospf_wire::RouterBits;

use super::lab::{Lab, p2p, stub, transit};
use crate::config::NetworkType::{Broadcast, PointToPoint};

const NONE: RouterBits = RouterBits::empty();

/// 1 and 2 and 3 on 10.0.0.0/24, 3 and 4 on a point-to-point link, 1 and 4 too.
fn lan() -> Lab {
    let mut lab = Lab::new(1);
    lab.link(1, 0, Broadcast, ("10.0.0.1/24", 10), &[(2, "10.0.0.2"), (3, "10.0.0.3")]);
    lab.link(2, 0, PointToPoint, ("10.0.14.1/30", 20), &[(4, "10.0.14.2")]);
    lab.router(
        0,
        1,
        NONE,
        &[transit("10.0.0.2", "10.0.0.1", 10), p2p(4, "10.0.14.1", 20), stub("10.0.14.0/30", 20)],
    );
    lab.router(0, 2, NONE, &[transit("10.0.0.2", "10.0.0.2", 10), stub("2.2.2.2/32", 0)]);
    lab.router(
        0,
        3,
        NONE,
        &[transit("10.0.0.2", "10.0.0.3", 10), p2p(4, "10.0.34.1", 10), stub("10.0.34.0/30", 10)],
    );
    lab.router(
        0,
        4,
        NONE,
        &[
            p2p(1, "10.0.14.2", 20),
            p2p(3, "10.0.34.2", 10),
            stub("10.0.14.0/30", 20),
            stub("10.0.34.0/30", 10),
            stub("4.4.4.4/32", 0),
        ],
    );
    lab.network(0, ("10.0.0.2", 2), 24, &[1, 2, 3]);
    lab
}

#[test]
fn ways_over_broadcast_and_point_to_point() {
    let mut lab = lan();
    lab.settle();
    assert_eq!(lab.route("10.0.0.0/24"), "110/10 if1");
    assert_eq!(lab.route("10.0.14.0/30"), "110/20 if2");
    assert_eq!(lab.route("2.2.2.2/32"), "110/10 10.0.0.2@if1");
    assert_eq!(lab.route("10.0.34.0/30"), "110/20 10.0.0.3@if1");
    assert_eq!(lab.route("4.4.4.4/32"), "110/20 10.0.0.3@if1 10.0.14.2@if2");
}

#[test]
fn a_leaf_runs_no_spf() {
    let mut lab = lan();
    lab.settle();
    let (runs, updates) = (lab.routing.spf_view().full, lab.updates);
    lab.router(
        0,
        2,
        NONE,
        &[transit("10.0.0.2", "10.0.0.2", 10), stub("2.2.2.2/32", 5), stub("2.2.2.3/32", 0)],
    );
    lab.settle();
    assert_eq!(lab.routing.spf_view().full, runs);
    assert_eq!(lab.updates, updates + 2);
    assert_eq!(lab.route("2.2.2.2/32"), "110/15 10.0.0.2@if1");
    assert_eq!(lab.route("2.2.2.3/32"), "110/10 10.0.0.2@if1");
}

#[test]
fn a_link_counts_when_both_ends_tell_it() {
    let mut lab = lan();
    lab.router(0, 3, NONE, &[transit("10.0.0.2", "10.0.0.3", 10)]);
    lab.settle();
    assert_eq!(lab.route("4.4.4.4/32"), "110/20 10.0.14.2@if2");
    assert_eq!(lab.route("10.0.34.0/30"), "110/30 10.0.14.2@if2");
}

#[test]
fn a_lost_neighbor_is_not_used_before_its_lsa_says_so() {
    let mut lab = lan();
    lab.settle();
    lab.links[1].neighbors[0].full = false;
    lab.routing.links_changed(lab.now);
    lab.settle();
    assert_eq!(lab.route("4.4.4.4/32"), "110/20 10.0.0.3@if1");
}
