//! `advertise-map` with `exist-map` and `non-exist-map`.

use std::time::Duration;

use ferr_policy::{Action, Match, PolicyDef};

use super::inbound::{entry, map};
use super::lab::{Attrs, Lab, path};
use crate::config::AdvertiseMap;

const SECOND: Duration = Duration::from_secs(1);
/// Sent under a condition: routes with MED 9.
const BACKUP: &str = "192.0.2.0/24";
/// Makes the condition: MED 5.
const SIGN: &str = "198.51.100.0/24";
const OTHER: &str = "203.0.113.0/24";

fn med(n: u32) -> Attrs {
    Attrs { med: Some(n), ..path(&[65001]) }
}

fn policy(lab: &mut Lab) -> PolicyDef {
    let mut def = PolicyDef::default();
    map(&mut def, "ADV", vec![entry(10, Action::Permit, vec![Match::Metric(9)], vec![])]);
    map(&mut def, "COND", vec![entry(10, Action::Permit, vec![Match::Metric(5)], vec![])]);
    lab.policy(&def, &["ADV", "COND"]);
    def
}

fn lab(exist: bool) -> (Lab, usize, usize) {
    let mut lab = Lab::new(|_| {});
    policy(&mut lab);
    let source = lab.peer(65001, |_| {});
    lab.announce(source, &[BACKUP], &med(9));
    lab.announce(source, &[OTHER], &med(1));
    let map = AdvertiseMap { map: "ADV".into(), exist, condition: "COND".into() };
    let target = lab.peer(65002, |n| n.families[super::lab::V4].as_mut().unwrap().advertise_map = Some(map));
    (lab, source, target)
}

#[test]
fn a_backup_is_sent_while_the_route_is_missing() {
    let (mut lab, source, target) = lab(false);
    let plain = lab.peer(65003, |_| {});
    assert_eq!(lab.wires[target].prefixes(), [BACKUP, OTHER]);
    lab.announce(source, &[SIGN], &med(5));
    assert!(lab.wires[target].is_told(BACKUP), "until the next look");
    lab.advance(60 * SECOND);
    assert_eq!(lab.wires[target].prefixes(), [SIGN, OTHER]);
    assert_eq!(lab.wires[plain].prefixes(), [BACKUP, SIGN, OTHER], "a neighbor without a condition");
    lab.withdraw(source, &[SIGN]);
    lab.advance(60 * SECOND);
    assert_eq!(lab.wires[target].prefixes(), [BACKUP, OTHER]);
}

#[test]
fn a_route_is_sent_while_another_exists() {
    let (mut lab, source, target) = lab(true);
    assert_eq!(lab.wires[target].prefixes(), [OTHER]);
    lab.announce(source, &[SIGN], &med(5));
    lab.configure(|c| c.condition_interval = 5 * SECOND);
    lab.advance(5 * SECOND);
    assert_eq!(lab.wires[target].prefixes(), [BACKUP, SIGN, OTHER]);
    let sent = lab.wires[target].update_messages;
    lab.advance(20 * SECOND);
    assert_eq!(lab.wires[target].update_messages, sent, "nothing changed");
    // New routes follow the condition at once.
    lab.announce(source, &["192.0.3.0/24"], &med(9));
    assert!(lab.wires[target].is_told("192.0.3.0/24"));
    lab.withdraw(source, &[SIGN]);
    lab.advance(5 * SECOND);
    assert_eq!(lab.wires[target].prefixes(), [OTHER]);
}

#[test]
fn changes_of_maps_and_statements_count_at_once() {
    let (mut lab, source, target) = lab(true);
    lab.announce(source, &[SIGN], &med(6));
    let mut def = policy(&mut lab);
    map(&mut def, "COND", vec![entry(10, Action::Permit, vec![Match::Metric(6)], vec![])]);
    lab.policy(&def, &["COND"]);
    assert!(lab.wires[target].is_told(BACKUP));
    map(&mut def, "COND", vec![entry(10, Action::Permit, vec![Match::Metric(7)], vec![])]);
    lab.policy(&def, &["COND"]);
    assert!(!lab.wires[target].is_told(BACKUP));
    map(&mut def, "ADV", vec![entry(10, Action::Permit, vec![Match::Metric(1)], vec![])]);
    lab.policy(&def, &["ADV"]);
    assert_eq!(lab.wires[target].prefixes(), [BACKUP, SIGN]);
    lab.change_family(target, |f| f.advertise_map = None);
    assert_eq!(lab.wires[target].prefixes(), [BACKUP, SIGN, OTHER]);
    let map = AdvertiseMap { map: "ADV".into(), exist: true, condition: "NONE".into() };
    lab.change_family(target, |f| f.advertise_map = Some(map));
    assert_eq!(lab.wires[target].prefixes(), [BACKUP, SIGN, OTHER], "no such route-map, no condition");
}
