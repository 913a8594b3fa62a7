//! Several areas: routes between them, and what their border routers tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferr_ospf_wire::RouterBits;
use ferr_policy::{Action, PolicyDef, PolicySet, PrefixEntry, PrefixListDef};
use ferr_types::IfIndex;

use super::lab::{Lab, area, p2p, pfx, rid, stub, virt};
use crate::config::NetworkType::{PointToPoint, Virtual};
use crate::config::{AbrType, AreaConfig, AreaKind, AreaRange, InterfaceKey, Shortcut};
use crate::routing::{LocalLink, LocalNeighbor};

const B: RouterBits = RouterBits::BORDER;
const E: RouterBits = RouterBits::EXTERNAL;
const V: RouterBits = RouterBits::VIRTUAL;
const S: RouterBits = RouterBits::SHORTCUT;

/// 1 is on the border of area 0 (with 2) and area 1 (with 3).
pub(super) fn abr() -> Lab {
    let mut lab = Lab::new(1);
    lab.link(1, 0, PointToPoint, ("10.0.12.1/30", 10), &[(2, "10.0.12.2")]);
    lab.link(2, 1, PointToPoint, ("10.1.13.1/30", 10), &[(3, "10.1.13.2")]);
    lab.router(0, 1, B, &[p2p(2, "10.0.12.1", 10), stub("10.0.12.0/30", 10)]);
    lab.router(0, 2, B | E, &[p2p(1, "10.0.12.2", 10), stub("10.0.12.0/30", 10), stub("10.2.0.1/32", 0)]);
    lab.router(1, 1, B, &[p2p(3, "10.1.13.1", 10), stub("10.1.13.0/30", 10)]);
    lab.router(
        1,
        3,
        E,
        &[p2p(1, "10.1.13.2", 10), stub("10.1.13.0/30", 10), stub("10.1.1.0/24", 5), stub("10.1.2.0/24", 7)],
    );
    lab.summary(0, 2, "10.9.0.0/16", 100);
    lab.asbr_summary(0, 2, 9, 30);
    lab
}

fn range(cost: Option<u32>, advertise: bool, substitute: Option<&str>) -> AreaRange {
    AreaRange { advertise, cost, substitute: substitute.map(pfx) }
}

#[test]
fn summaries_and_boundary_routers_are_told() {
    let mut lab = abr();
    assert!(lab.settle());
    assert_eq!(lab.routing.router_bits(area(0)), B);
    assert_eq!(
        lab.told(),
        [
            "3@0.0.0.0 10.1.1.0/24 10.1.1.0 15",
            "3@0.0.0.0 10.1.13.0/30 10.1.13.0 10",
            "3@0.0.0.0 10.1.2.0/24 10.1.2.0 17",
            "3@0.0.0.1 10.0.12.0/30 10.0.12.0 10",
            "3@0.0.0.1 10.2.0.1/32 10.2.0.1 10",
            "3@0.0.0.1 10.9.0.0/16 10.9.0.0 110",
            "4@0.0.0.0 asbr 0.0.0.3 10",
            "4@0.0.0.1 asbr 0.0.0.2 10",
            "4@0.0.0.1 asbr 0.0.0.9 40",
        ]
    );
    assert_eq!(lab.route("10.9.0.0/16"), "110/110 10.0.12.2@if1");
    assert!(!lab.settle());
}

#[test]
fn ranges_hide_and_discard() {
    let mut lab = abr();
    let ranges = BTreeMap::from([
        (pfx("10.1.0.0/16"), range(None, true, None)),
        (pfx("10.1.13.0/24"), range(None, false, None)),
    ]);
    lab.area(1, AreaConfig { ranges, ..AreaConfig::default() });
    lab.settle();
    let to_backbone = lab.told_with("3@0.0.0.0 ");
    assert_eq!(to_backbone, ["10.1.0.0/16 10.1.0.0 17"]);
    assert_eq!(lab.route("10.1.0.0/16"), "110/0 blackhole");
    lab.router(1, 3, E, &[p2p(1, "10.1.13.2", 10), stub("10.1.1.0/24", 5)]);
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 "), ["10.1.0.0/16 10.1.0.0 15"]);
    lab.router(1, 3, E, &[]);
    lab.settle();
    // The link's own prefix is in the other range, which is inside.
    assert!(lab.told_with("3@0.0.0.0 ").is_empty());
    assert_eq!(lab.route("10.1.0.0/16"), "none");
}

#[test]
fn of_nested_ranges_the_inner_counts() {
    let mut lab = abr();
    let ranges = BTreeMap::from([
        (pfx("10.0.0.0/8"), range(None, true, None)),
        (pfx("10.1.2.0/23"), range(None, false, None)),
    ]);
    lab.area(1, AreaConfig { ranges, ..AreaConfig::default() });
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 "), ["10.0.0.0/8 10.0.0.0 15"]);
}

#[test]
fn a_range_may_have_a_cost_and_another_name() {
    let mut lab = abr();
    let ranges = BTreeMap::from([(pfx("10.1.0.0/16"), range(Some(77), true, Some("10.64.0.0/16")))]);
    lab.area(1, AreaConfig { ranges, ..AreaConfig::default() });
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 "), ["10.64.0.0/16 10.64.0.0 77"]);
}

#[test]
fn stub_areas_get_a_default_route() {
    let mut lab = abr();
    let kind = AreaKind::Stub { no_summary: false };
    lab.area(1, AreaConfig { kind, default_cost: Some(3), ..AreaConfig::default() });
    lab.settle();
    assert!(lab.told_with("4@0.0.0.1").is_empty());
    assert_eq!(lab.told_with("3@0.0.0.1 ").len(), 4);
    assert_eq!(lab.told_with("3@0.0.0.1 0.0.0.0/0 "), ["0.0.0.0 3"]);
    lab.area_kind(1, AreaKind::Stub { no_summary: true });
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.1 "), ["0.0.0.0/0 0.0.0.0 1"]);
    assert_eq!(lab.told_with("3@0.0.0.0 ").len(), 3);
}

#[test]
fn filter_lists_hide_prefixes() {
    let mut lab = abr();
    let entry =
        |seq, action, prefix: &str, le| PrefixEntry { seq, action, prefix: pfx(prefix), ge: None, le };
    let list = PrefixListDef {
        entries: vec![
            entry(5, Action::Deny, "10.1.1.0/24", None),
            entry(10, Action::Permit, "0.0.0.0/0", Some(32)),
        ],
    };
    let mut def = PolicyDef::default();
    def.prefix_lists_v4.insert("OUT".into(), list.clone());
    lab.policy = Arc::new(PolicySet::compile(&def).0);
    lab.area(1, AreaConfig { filter_out: Some("OUT".into()), ..AreaConfig::default() });
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 ").len(), 2);
    lab.area(1, AreaConfig::default());
    lab.area(0, AreaConfig { filter_in: Some("OUT".into()), ..AreaConfig::default() });
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 ").len(), 2);
    lab.area(0, AreaConfig::default());
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.told_with("3@0.0.0.0 ").len(), 3);
}

#[test]
fn a_border_router_looks_at_the_backbone_alone() {
    let mut lab = abr();
    lab.router(1, 3, B | E, &[p2p(1, "10.1.13.2", 10)]);
    lab.summary(1, 3, "10.9.0.0/16", 1);
    lab.summary(1, 3, "10.8.0.0/16", 1);
    lab.settle();
    assert_eq!(lab.route("10.9.0.0/16"), "110/110 10.0.12.2@if1");
    assert_eq!(lab.route("10.8.0.0/16"), "none");
}

/// 1 reaches the backbone by a virtual link through area 1 to 3 only.
fn virtual_lab() -> Lab {
    let mut lab = Lab::new(1);
    lab.link(2, 1, PointToPoint, ("10.1.13.1/30", 10), &[(3, "10.1.13.2")]);
    lab.link(3, 2, PointToPoint, ("10.2.14.1/30", 10), &[]);
    lab.links.push(LocalLink {
        key: InterfaceKey::Virtual(area(1), rid(3)),
        area: area(0),
        network: Virtual,
        ifindex: IfIndex(2),
        addr: Some("10.1.13.1".parse().unwrap()),
        interface_id: 9,
        cost: 10,
        neighbors: vec![LocalNeighbor {
            router: rid(3),
            addr: "10.1.13.2".parse().unwrap(),
            interface_id: 0,
            full: true,
        }],
    });
    lab.router(0, 1, B, &[virt(3, "10.1.13.1", 10)]);
    lab.router(0, 3, B, &[virt(1, "10.1.13.2", 10), stub("10.0.3.0/24", 1)]);
    lab.router(1, 1, B | V, &[p2p(3, "10.1.13.1", 10), stub("10.1.13.0/30", 10)]);
    lab.router(1, 3, B | V, &[p2p(1, "10.1.13.2", 10), stub("10.1.13.0/30", 10)]);
    lab.router(2, 1, B, &[stub("10.2.14.0/30", 10)]);
    lab
}

#[test]
fn virtual_links_reach_the_backbone_through_the_transit_area() {
    let mut lab = virtual_lab();
    lab.settle();
    assert_eq!(lab.route("10.0.3.0/24"), "110/11 10.1.13.2@if2");
    assert_eq!(lab.routing.router_bits(area(1)), B | RouterBits::VIRTUAL);
    let path = lab.routing.virtual_path(area(1), rid(3)).unwrap();
    assert_eq!((path.cost, path.ifindex.0), (10, 2));
    assert_eq!(path.remote.to_string(), "10.1.13.2");
    assert_eq!(path.local.to_string(), "10.1.13.1");
    // A route of the backbone that leaves by the transit area is not told into it.
    assert!(lab.told_with("3@0.0.0.1 10.0.3.0/24").is_empty());
    assert_eq!(lab.told_with("3@0.0.0.2 10.0.3.0/24 "), ["10.0.3.0 11"]);
}

#[test]
fn transit_areas_may_be_shorter() {
    let mut lab = virtual_lab();
    lab.link(4, 1, PointToPoint, ("10.1.15.1/30", 1), &[(5, "10.1.15.2")]);
    lab.router(1, 1, B | V, &[p2p(3, "10.1.13.1", 10), p2p(5, "10.1.15.1", 1)]);
    lab.router(1, 5, B, &[p2p(1, "10.1.15.2", 1)]);
    lab.summary(1, 5, "10.0.3.0/24", 4);
    lab.settle();
    assert_eq!(lab.route("10.0.3.0/24"), "110/5 10.1.15.2@if4");
}

#[test]
fn shortcut_border_routers_take_the_shorter_way_when_all_agree() {
    let mut lab = abr();
    lab.config.abr_type = AbrType::Shortcut;
    lab.summary(1, 3, "10.9.0.0/16", 1);
    lab.router(1, 3, B, &[p2p(1, "10.1.13.2", 10)]);
    lab.area(1, AreaConfig { shortcut: Shortcut::Enable, ..AreaConfig::default() });
    lab.router(1, 1, B | S, &[p2p(3, "10.1.13.1", 10)]);
    lab.settle();
    assert_eq!(lab.routing.router_bits(area(1)), B | S);
    assert_eq!(lab.routing.router_bits(area(0)), B);
    assert_eq!(lab.route("10.9.0.0/16"), "110/110 10.0.12.2@if1", "3 does not agree");
    lab.router(1, 3, B | S, &[p2p(1, "10.1.13.2", 10)]);
    lab.settle();
    assert_eq!(lab.route("10.9.0.0/16"), "110/11 10.1.13.2@if2");
    lab.area(1, AreaConfig { shortcut: Shortcut::Disable, ..AreaConfig::default() });
    lab.routing.reconfigured(lab.now);
    lab.settle();
    assert_eq!(lab.route("10.9.0.0/16"), "110/110 10.0.12.2@if1");
    assert_eq!(lab.routing.router_bits(area(1)), B);
}
