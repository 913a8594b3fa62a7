//! `import vrf`: routes between the instances of one machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ferr_policy::{Action, Match, MetricChange, PolicyDef, Set};
use ferr_types::{Gateway, IfIndex, NexthopInfo, Protocol, VrfId};

use proptest::prelude::*;

use super::inbound::{entry, map};
use super::lab::{Lab, V4, path, prefix};
use crate::config::{Aggregate, Network, Redistribute};
use crate::instance::Instance;
use crate::leak::{Leaks, Speakers};
use crate::{ForeignRoute, Output};

const P: &str = "192.0.2.0/24";
const Q: &str = "198.51.100.0/24";

impl Speakers for BTreeMap<&'static str, Lab> {
    fn names(&self) -> Vec<String> {
        self.keys().map(|name| (*name).to_owned()).collect()
    }

    fn speaker(&mut self, name: &str) -> Option<&mut Instance> {
        self.get_mut(name).map(|lab| &mut lab.bgp)
    }

    fn number(&self, name: &str) -> u16 {
        self.keys().position(|n| *n == name).map_or(0, |n| n as u16 + 1)
    }
}

/// A machine with VRFs.
struct Machine {
    labs: BTreeMap<&'static str, Lab>,
    leaks: Leaks,
}

impl Machine {
    /// Names of VRFs with what they import.
    fn new(vrfs: &[(&'static str, &[&str])]) -> Self {
        let mut machine = Self { labs: BTreeMap::new(), leaks: Leaks::default() };
        for (number, (name, imports)) in (10..).zip(vrfs) {
            machine.add(name, number, imports);
        }
        machine
    }

    fn add(&mut self, name: &'static str, vrf: u32, imports: &[&str]) {
        let lab = Lab::new(|c| {
            c.vrf = VrfId(vrf);
            c.vrf_name = name.to_owned();
            c.families[V4].imports = imports.iter().map(|i| (*i).to_owned()).collect();
        });
        self.labs.insert(name, lab);
        self.settle();
    }

    fn remove(&mut self, name: &'static str) {
        let now = self.labs[name].now;
        self.leaks.forget(name, &mut self.labs, now);
        self.labs.remove(name);
        self.settle();
    }

    fn lab(&mut self, name: &str) -> &mut Lab {
        self.labs.get_mut(name).unwrap()
    }

    fn import(&mut self, name: &str, imports: &[&str]) {
        let imports = imports.iter().map(|i| (*i).to_owned()).collect();
        self.lab(name).configure(|c| c.families[V4].imports = imports);
        self.settle();
    }

    fn settle(&mut self) {
        let now = self.labs.values().map(|l| l.now).max().unwrap();
        self.leaks.configure(&mut self.labs, now);
        for round in 0.. {
            assert!(round < 100, "the leaks run in circles");
            self.labs.values_mut().for_each(Lab::settle);
            if !self.leaks.exchange(&mut self.labs, now) {
                break;
            }
        }
    }

    /// Sources and next hops of all paths of a prefix.
    fn paths(&mut self, name: &str, p: &str) -> Vec<(Option<String>, String)> {
        let Some(view) = self.lab(name).route(p) else { return Vec::new() };
        let source = |p: &crate::PathView| p.imported.as_ref().map(|i| i.vrf_name.clone());
        view.paths.iter().map(|p| (source(p), p.attributes().as_path.to_string())).collect()
    }

    /// Where the RIB sends packets: VRF and gateway.
    fn ways(&mut self, name: &str, p: &str) -> Vec<(u32, String)> {
        let spec = self.lab(name).rib.get(&prefix(p)).cloned();
        let ways = spec.into_iter().flat_map(|s| s.nexthops.iter().copied().collect::<Vec<_>>());
        ways.map(|way| {
            let to = match way.gateway {
                Gateway::Address { addr, .. } => addr.to_string(),
                Gateway::Interface(ifindex) => format!("dev {}", ifindex.0),
                Gateway::Blackhole(_) => "blackhole".to_owned(),
            };
            (way.vrf.0, to)
        })
        .collect()
    }
}

fn from(vrf: &str, as_path: &str) -> (Option<String>, String) {
    (Some(vrf.to_owned()), as_path.to_owned())
}

#[test]
fn what_is_learnt_crosses_with_its_next_hop() {
    let mut m = Machine::new(&[("blue", &["red"]), ("red", &[])]);
    let p = m.lab("red").peer(65002, |_| {});
    let outer = m.lab("blue").peer(65003, |_| {});
    m.lab("red").announce(p, &[P], &path(&[65002]));
    m.settle();
    assert_eq!(m.paths("blue", P), [from("red", "65002")]);
    let gateway = m.ways("red", P)[0].1.clone();
    assert_eq!(m.ways("blue", P), [(11, gateway)], "looked up in red");
    let view = m.lab("blue").route(P).unwrap();
    assert_eq!(view.paths[0].imported.as_ref().unwrap().distinguisher(), "10.0.0.254:2");
    // On it goes, through us.
    assert_eq!(m.lab("blue").wires[outer].as_path(P), "65000 65002");
    assert_eq!(m.lab("blue").wires[outer].next_hop(P), "10.0.0.254");

    m.lab("red").withdraw(p, &[P]);
    m.settle();
    assert!(m.paths("blue", P).is_empty() && m.ways("blue", P).is_empty());
    assert!(!m.lab("blue").wires[outer].is_told(P));
}

#[test]
fn an_internal_neighbor_hears_it_with_us_as_next_hop() {
    let mut m = Machine::new(&[("blue", &["red"]), ("red", &[])]);
    let inner = m.lab("red").peer(65000, |_| {});
    let other = m.lab("blue").peer(65000, |_| {});
    m.lab("red").announce(inner, &[P], &path(&[65002]));
    m.settle();
    assert_eq!(m.lab("blue").wires[other].as_path(P), "65002");
    assert_eq!(m.lab("blue").wires[other].next_hop(P), "10.0.0.254");
    assert_eq!(m.lab("blue").rib[&prefix(P)].distance.0, 200, "as internal as it was");
}

#[test]
fn nothing_is_leaked_twice() {
    let mut m = Machine::new(&[("blue", &["red", "green"]), ("green", &["blue", "red"]), ("red", &["blue"])]);
    let p = m.lab("red").peer(65002, |_| {});
    let q = m.lab("blue").peer(65003, |_| {});
    m.lab("red").announce(p, &[P], &path(&[65002]));
    m.lab("blue").announce(q, &[P, Q], &path(&[65003]));
    m.settle();
    assert_eq!(m.paths("blue", P).len(), 2);
    assert_eq!(m.paths("red", P).len(), 2);
    let mut green = m.paths("green", P);
    green.sort();
    assert_eq!(green, [from("blue", "65003"), from("red", "65002")]);
    assert_eq!(m.paths("green", Q), [from("blue", "65003")]);
    assert_eq!(m.paths("red", Q), [from("blue", "65003")]);
    m.lab("red").cut(p);
    m.lab("blue").cut(q);
    m.settle();
    for vrf in ["blue", "green", "red"] {
        assert!(m.paths(vrf, P).is_empty() && m.paths(vrf, Q).is_empty(), "{vrf}");
    }
}

#[test]
fn every_order_of_making_them_ends_alike() {
    let announce = |m: &mut Machine| {
        let p = m.lab("red").peer(65002, |_| {});
        m.lab("red").announce(p, &[P, Q], &path(&[65002]));
        m.settle();
    };
    // Source first, target first, import last, source replaced.
    let mut first = Machine::new(&[("red", &[])]);
    announce(&mut first);
    first.add("blue", 12, &["red"]);
    let mut late = Machine::new(&[("blue", &["red"])]);
    late.add("red", 12, &[]);
    announce(&mut late);
    let mut last = Machine::new(&[("blue", &[]), ("red", &[])]);
    announce(&mut last);
    assert!(last.paths("blue", P).is_empty());
    last.import("blue", &["red"]);
    let mut again = Machine::new(&[("blue", &["red"]), ("red", &[])]);
    announce(&mut again);
    again.remove("red");
    assert!(again.paths("blue", P).is_empty() && again.ways("blue", P).is_empty());
    again.add("red", 99, &[]);
    announce(&mut again);
    assert_eq!(again.ways("blue", P)[0].0, 99, "the VRF that it is now");
    for m in [&mut first, &mut late, &mut last, &mut again] {
        assert_eq!(m.paths("blue", P), [from("red", "65002")]);
        assert_eq!(m.paths("blue", Q), [from("red", "65002")]);
        m.import("blue", &[]);
        assert!(m.paths("blue", P).is_empty() && m.lab("blue").rib.is_empty());
        m.import("blue", &["red"]);
        assert_eq!(m.paths("blue", P), [from("red", "65002")]);
    }
}

#[test]
fn the_route_map_decides_and_changes() {
    let mut m = Machine::new(&[("blue", &["red", "green"]), ("green", &[]), ("red", &[])]);
    for vrf in ["green", "red"] {
        let p = m.lab(vrf).peer(65002, |_| {});
        m.lab(vrf).announce(p, &[P], &path(&[65002]));
    }
    m.settle();
    assert_eq!(m.paths("blue", P).len(), 2);
    // One that does not exist refuses everything.
    m.lab("blue").configure(|c| c.families[V4].import_map = Some("IMP".into()));
    m.settle();
    assert!(m.paths("blue", P).is_empty());
    let mut def = PolicyDef::default();
    let sets = vec![Set::LocalPreference(MetricChange::Value(222)), Set::Weight(7)];
    map(&mut def, "IMP", vec![entry(10, Action::Permit, vec![Match::SourceVrf("red".into())], sets)]);
    m.lab("blue").policy(&def, &["IMP"]);
    m.settle();
    assert_eq!(m.paths("blue", P), [from("red", "65002")]);
    let view = m.lab("blue").route(P).unwrap();
    assert_eq!((view.paths[0].attributes().local_pref, view.paths[0].weight), (Some(222), 7));
    assert_eq!(m.lab("red").route(P).unwrap().paths[0].attributes().local_pref, None);
    m.lab("blue").configure(|c| c.families[V4].import_map = None);
    m.settle();
    assert_eq!(m.paths("blue", P).len(), 2);
}

#[test]
fn what_is_made_there_goes_where_its_route_goes() {
    let rule = Redistribute { protocol: Protocol::Static, metric: None, route_map: None };
    let mut m = Machine::new(&[("blue", &["red"]), ("red", &[])]);
    m.lab("red").configure(|c| {
        c.families[V4].networks = vec![Network { prefix: prefix(P), route_map: None, backdoor: false }];
        c.families[V4].redistribute = vec![rule];
    });
    let now = m.lab("red").now;
    let gateway: IpAddr = [10, 9, 9, 9].into();
    m.lab("red").bgp.redistribute(
        ForeignRoute {
            prefix: prefix(Q),
            protocol: Protocol::Static,
            metric: 0,
            tag: 0,
            gateway: Some(gateway),
            ifindex: None,
            interface: None,
        },
        now,
    );
    m.settle();
    // The lab's RIB has everything on interface 1.
    assert_eq!(m.ways("blue", P), [(11, "dev 1".to_owned())]);
    assert_eq!(m.ways("blue", Q), [(11, "10.9.9.9".to_owned())]);
    let view = m.lab("blue").route(P).unwrap();
    assert_eq!((view.paths[0].weight, view.paths[0].network, view.paths[0].tag), (32768, false, None));

    // Blue asks red, and the route follows the answer.
    let watch = ferr_types::NexthopWatch { vrf: VrfId(11), target: prefix(P), exact: true };
    m.lab("blue").bgp.nexthop_changed(NexthopInfo { watch, via: None }, now);
    m.settle();
    assert!(m.ways("blue", P).is_empty());
    let view = m.lab("blue").route(P).unwrap();
    assert!(!view.paths[0].valid && !view.paths[0].best);
    let via = ferr_types::NexthopReach {
        prefix: prefix(P),
        protocol: Protocol::Static,
        metric: ferr_types::Metric(0),
        distance: ferr_types::Distance(1),
        connected: false,
        nexthops: vec![(IfIndex(7), Some(gateway))],
    };
    m.lab("blue").bgp.nexthop_changed(NexthopInfo { watch, via: Some(via) }, now);
    m.settle();
    assert_eq!(m.ways("blue", P), [(11, "10.9.9.9".to_owned())]);
}

#[test]
fn an_aggregate_leads_to_the_device_of_its_vrf() {
    let mut m = Machine::new(&[("blue", &["red"]), ("red", &[])]);
    let p = m.lab("red").peer(65002, |_| {});
    m.lab("red").announce(p, &["10.1.0.0/16"], &path(&[65002]));
    m.lab("red").configure(|c| {
        c.families[V4].aggregates = vec![Aggregate {
            prefix: prefix("10.0.0.0/8"),
            as_set: false,
            summary_only: false,
            suppress_map: None,
            route_map: None,
            origin: None,
            matching_med_only: false,
        }];
    });
    m.settle();
    assert_eq!(m.ways("blue", "10.0.0.0/8"), [(11, "dev 11".to_owned())]);
    m.lab("red").withdraw(p, &["10.1.0.0/16"]);
    m.settle();
    assert!(m.paths("blue", "10.0.0.0/8").is_empty());
}

#[test]
fn the_questions_to_the_rib_end_with_the_import() {
    let mut m = Machine::new(&[("blue", &["red"]), ("red", &[])]);
    let p = m.lab("red").peer(65002, |_| {});
    m.lab("red").announce(p, &[P], &path(&[65002]));
    m.settle();
    m.lab("blue").events.clear();
    let now = m.lab("blue").now;
    m.lab("blue").configure(|c| c.families[V4].imports.clear());
    m.leaks.configure(&mut m.labs, now);
    let blue = &mut m.labs.get_mut("blue").unwrap().bgp;
    let mut ended = Vec::new();
    for _ in 0..10 {
        blue.work(now);
        while let Some(output) = blue.poll_output() {
            ended.extend(match output {
                Output::Unwatch(watch) => Some(watch.vrf),
                _ => None,
            });
        }
    }
    assert_eq!(ended, [VrfId(11)]);
}

#[test]
fn several_paths_and_load_sharing_cross() {
    let mut m = Machine::new(&[("blue", &["red"]), ("red", &[])]);
    let a = m.lab("red").peer(65002, |_| {});
    let b = m.lab("red").peer(65002, |_| {});
    m.lab("red").announce(a, &[P], &path(&[65002]));
    m.lab("red").announce(b, &[P], &path(&[65002]));
    m.settle();
    assert_eq!(m.paths("blue", P).len(), 2);
    assert_eq!(m.ways("blue", P).len(), 2);
    m.lab("red").cut(a);
    m.lab("red").advance(Duration::from_secs(1));
    m.settle();
    assert_eq!(m.paths("blue", P).len(), 1);
    assert_eq!(m.ways("blue", P), m.ways("red", P).iter().map(|(_, w)| (11, w.clone())).collect::<Vec<_>>());
}

/// Steps of a random life.
#[derive(Debug, Clone)]
enum Step {
    Announce(usize, usize, u32),
    Withdraw(usize, usize),
    Cut(usize),
    Import(usize, u8),
    Map(usize, Option<bool>),
    Again(usize),
}

const VRFS: [&str; 3] = ["blue", "green", "red"];
const PREFIXES: [&str; 3] = [P, Q, "203.0.113.0/24"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_usize, 0..3_usize, 65100..65103_u32).prop_map(|(v, p, a)| Step::Announce(v, p, a)),
        2 => (0..3_usize, 0..3_usize).prop_map(|(v, p)| Step::Withdraw(v, p)),
        1 => (0..3_usize).prop_map(Step::Cut),
        3 => (0..3_usize, 0..8_u8).prop_map(|(v, i)| Step::Import(v, i)),
        1 => (0..3_usize, prop::option::of(any::<bool>())).prop_map(|(v, m)| Step::Map(v, m)),
        1 => (0..3_usize).prop_map(Step::Again),
    ];
    prop::collection::vec(step, 1..25)
}

/// What each VRF's neighbor said, what it imports, and its map (`true` takes from red alone).
#[derive(Debug, Default, Clone)]
struct Model {
    said: BTreeMap<usize, u32>,
    imports: u8,
    map: Option<bool>,
}

impl Model {
    fn takes(&self, own: usize, source: usize) -> bool {
        let permits = match self.map {
            None => true,
            Some(red_alone) => red_alone && VRFS[source] == "red",
        };
        own != source && self.imports >> source & 1 == 1 && permits
    }
}

fn name(map: bool) -> String {
    if map { "RED".to_owned() } else { "NONE".to_owned() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn what_is_leaked_is_a_function_of_what_is_there(steps in steps()) {
        let mut m = Machine::new(&[("blue", &[]), ("green", &[]), ("red", &[])]);
        let mut model: [Model; 3] = Default::default();
        let mut number = 100;
        let mut def = PolicyDef::default();
        map(&mut def, "RED", vec![entry(10, Action::Permit, vec![Match::SourceVrf("red".into())], vec![])]);
        let names = |bits: u8| (0..3).filter(|i| bits >> i & 1 == 1).map(|i| VRFS[i]).collect::<Vec<_>>();
        let mut peers = VRFS.map(|vrf| m.lab(vrf).peer(65002, |_| {}));
        for vrf in VRFS {
            m.lab(vrf).policy(&def, &["RED"]);
        }
        for step in steps {
            match step {
                Step::Announce(v, p, asn) => {
                    let attrs = path(&[65002, asn]);
                    m.lab(VRFS[v]).announce(peers[v], &[PREFIXES[p]], &attrs);
                    model[v].said.insert(p, asn);
                }
                Step::Withdraw(v, p) => {
                    m.lab(VRFS[v]).withdraw(peers[v], &[PREFIXES[p]]);
                    model[v].said.remove(&p);
                }
                Step::Cut(v) => {
                    m.lab(VRFS[v]).cut(peers[v]);
                    m.lab(VRFS[v]).up(peers[v]);
                    model[v].said.clear();
                }
                Step::Import(v, bits) => {
                    m.import(VRFS[v], &names(bits));
                    model[v].imports = bits;
                }
                Step::Map(v, wanted) => {
                    m.lab(VRFS[v]).configure(|c| c.families[V4].import_map = wanted.map(name));
                    model[v].map = wanted;
                }
                Step::Again(v) => {
                    m.remove(VRFS[v]);
                    number += 1;
                    m.add(VRFS[v], number, &names(model[v].imports));
                    peers[v] = m.lab(VRFS[v]).peer(65002, |_| {});
                    m.lab(VRFS[v]).policy(&def, &["RED"]);
                    let wanted = model[v].map.map(name);
                    m.lab(VRFS[v]).configure(|c| c.families[V4].import_map = wanted);
                    model[v].said.clear();
                }
            }
            // Not after each step: several changes come across together.
            if number % 2 == 0 {
                m.settle();
            }
        }
        m.settle();
        for (v, vrf) in VRFS.into_iter().enumerate() {
            for (p, prefix) in PREFIXES.into_iter().enumerate() {
                let own = model[v].said.get(&p).map(|asn| (None, format!("65002 {asn}")));
                let others = (0..3).filter(|s| model[v].takes(v, *s)).filter_map(|s| {
                    model[s].said.get(&p).map(|asn| (Some(VRFS[s].to_owned()), format!("65002 {asn}")))
                });
                let mut expected: Vec<_> = own.into_iter().chain(others).collect();
                expected.sort();
                let mut found = m.paths(vrf, prefix);
                found.sort();
                prop_assert_eq!(found, expected, "{} in {}", prefix, vrf);
            }
        }
    }
}
