//! AIGP (RFC 7311): who may say it, what it decides, what is added on the way.

use std::net::IpAddr;

use ferr_policy::{Action, PolicyDef, Set};

use super::inbound::{entry, map};
use super::lab::{Attrs, Lab, OWN_AS, V4, path};
use crate::Reason;
use crate::config::{Network, NexthopSelf};

const P: &str = "192.0.2.0/24";

fn with(aigp: u64, asns: &[u32]) -> Attrs {
    Attrs { aigp: Some(aigp), ..path(asns) }
}

#[test]
fn it_counts_from_and_for_those_who_are_trusted_with_it() {
    let mut lab = Lab::new(|_| {});
    let inner = lab.peer(OWN_AS, |_| {});
    let outer = lab.peer(65001, |_| {});
    let trusted = lab.peer(65002, |n| n.aigp = true);
    let aigp = |lab: &Lab, i: usize| lab.wires[i].attrs(P).aigp;
    lab.announce(outer, &[P], &with(7, &[65001]));
    assert_eq!((aigp(&lab, inner), aigp(&lab, trusted)), (None, None), "not from outside");
    lab.withdraw(outer, &[P]);
    lab.announce(trusted, &[P], &with(7, &[65002]));
    assert_eq!((aigp(&lab, inner), aigp(&lab, outer)), (Some(7), None));
    lab.change(outer, |n| n.aigp = true);
    assert_eq!(aigp(&lab, outer), Some(7));
}

#[test]
fn the_way_to_the_old_next_hop_is_added() {
    let mut lab = Lab::new(|_| {});
    let source = lab.peer(OWN_AS, |_| {});
    let outer = lab.peer(65001, |n| n.aigp = true);
    let far: IpAddr = [172, 16, 0, 1].into();
    lab.cost(far, Some(30));
    lab.announce(source, &[P], &Attrs { next_hop: Some(far), ..with(100, &[65009]) });
    assert_eq!(lab.wires[outer].attrs(P).aigp, Some(130));
    lab.cost(far, Some(50));
    assert_eq!(lab.wires[outer].attrs(P).aigp, Some(150), "told anew when the way changes");
    let mapped = lab.peer(65002, |n| {
        n.aigp = true;
        n.families[V4].as_mut().unwrap().next_hop_self = NexthopSelf::Force;
    });
    assert_eq!(lab.wires[mapped].attrs(P).aigp, Some(150));
    lab.announce(source, &[P], &Attrs { next_hop: Some(far), ..with(u64::MAX - 1, &[65009]) });
    assert_eq!(lab.wires[outer].attrs(P).aigp, Some(u64::MAX));
}

#[test]
fn the_least_sum_wins_when_it_is_asked_for() {
    let mut lab = Lab::new(|_| {});
    let a = lab.peer(OWN_AS, |_| {});
    let b = lab.peer(OWN_AS, |_| {});
    let c = lab.peer(OWN_AS, |_| {});
    let far: IpAddr = [172, 16, 0, 1].into();
    lab.cost(far, Some(40));
    lab.announce(a, &[P], &Attrs { next_hop: Some(far), ..with(100, &[65001]) });
    lab.announce(b, &[P], &with(120, &[65002, 65003]));
    lab.announce(c, &[P], &path(&[65004]));
    assert_eq!(lab.best(P), "65004", "nearest of the shortest");
    lab.configure(|c| c.bestpath.aigp = true);
    assert_eq!((lab.best(P).as_str(), lab.route(P).unwrap().reason), ("65002 65003", Reason::Aigp));
    lab.cost(far, Some(10));
    assert_eq!(lab.best(P), "65001");
    lab.withdraw(a, &[P]);
    lab.withdraw(b, &[P]);
    assert_eq!(lab.best(P), "65004", "none is worse than any, and yet a route");
}

#[test]
fn policy_sets_it() {
    let mut lab = Lab::new(|_| {});
    let inner = lab.peer(OWN_AS, |_| {});
    let mut def = PolicyDef::default();
    map(&mut def, "SET", vec![entry(10, Action::Permit, vec![], vec![Set::AigpMetric(Some(33))])]);
    map(&mut def, "COST", vec![entry(10, Action::Permit, vec![], vec![Set::AigpMetric(None)])]);
    lab.policy(&def, &["SET", "COST"]);
    lab.configure(|c| {
        let network = Network { prefix: P.parse().unwrap(), route_map: Some("SET".into()), backdoor: false };
        c.families[V4].networks = vec![network];
    });
    assert_eq!(lab.wires[inner].attrs(P).aigp, Some(33));
    let outer = lab.peer(65001, |n| {
        n.aigp = true;
        n.families[V4].as_mut().unwrap().filters_out.route_map = Some("COST".into());
    });
    assert_eq!(lab.wires[outer].attrs(P).aigp, Some(0));
}
