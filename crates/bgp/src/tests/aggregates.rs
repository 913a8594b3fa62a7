//! Aggregates beside what a look at the whole table gives, under random changes.

use std::collections::BTreeSet;

use ferr_types::Prefix;
use ferr_types::attr::Origin;
use proptest::prelude::*;

use super::lab::{Attrs, Lab, V4, path, prefix};
use crate::RouteFilter;
use crate::config::Aggregate;

const PREFIXES: [&str; 7] = [
    "10.0.0.0/24",
    "10.0.1.0/24",
    "10.0.128.0/17",
    "10.0.0.0/16",
    "10.1.0.0/24",
    "10.1.0.128/25",
    "192.0.2.0/24",
];
const AGGREGATES: [&str; 4] = ["10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "10.1.0.0/24"];

#[derive(Debug, Clone)]
enum Step {
    Announce { peer: usize, prefix: usize, asns: Vec<u32>, med: Option<u32>, origin: Origin },
    Withdraw { peer: usize, prefix: usize },
    Configure { which: usize, state: Option<(bool, bool, bool)> },
    Cut { peer: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let origin = prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)];
    let asns = proptest::collection::vec(1u32..5, 0..4);
    let announce = (0..2usize, 0..PREFIXES.len(), asns, proptest::option::of(0u32..2), origin);
    prop_oneof![
        6 => announce.prop_map(|(peer, prefix, asns, med, origin)| Step::Announce { peer, prefix, asns, med, origin }),
        3 => (0..2usize, 0..PREFIXES.len()).prop_map(|(peer, prefix)| Step::Withdraw { peer, prefix }),
        2 => (0..AGGREGATES.len(), proptest::option::of(any::<(bool, bool, bool)>()))
            .prop_map(|(which, state)| Step::Configure { which, state }),
        1 => (0..2usize).prop_map(|peer| Step::Cut { peer }),
    ]
}

fn configure(lab: &mut Lab, which: usize, state: Option<(bool, bool, bool)>) {
    let at = prefix(AGGREGATES[which]);
    lab.configure(|c| {
        let list = &mut c.families[V4].aggregates;
        list.retain(|a| a.prefix != at);
        if let Some((as_set, summary_only, matching_med_only)) = state {
            list.push(Aggregate {
                prefix: at,
                as_set,
                summary_only,
                suppress_map: None,
                route_map: None,
                origin: None,
                matching_med_only,
            });
        }
    });
}

/// AS set, ORIGIN and ATOMIC_AGGREGATE of an aggregate; `None` when there is none.
type Shown = Option<(BTreeSet<u32>, Origin, bool)>;

/// What the table below says.
fn expected(lab: &mut Lab, a: &Aggregate) -> Shown {
    let (dests, _) = lab.bgp.routes(V4, None, 1000, &RouteFilter::All);
    let below: Vec<_> = dests
        .iter()
        .filter(|d| d.prefix != a.prefix && a.prefix.covers(d.prefix))
        .filter_map(|d| d.paths.iter().find(|p| p.best))
        .collect();
    let meds: BTreeSet<Option<u32>> = below.iter().map(|p| p.attributes().med).collect();
    if below.is_empty() || (a.matching_med_only && meds.len() > 1) {
        return None;
    }
    if !a.as_set {
        return Some((BTreeSet::new(), Origin::Igp, true));
    }
    let asns = below.iter().flat_map(|p| p.attributes().as_path.asns().map(|a| a.0).collect::<Vec<_>>());
    let origin = below.iter().map(|p| p.attributes().origin).max()?;
    Some((asns.collect(), origin, below.iter().any(|p| p.attributes().atomic_aggregate)))
}

fn found(lab: &mut Lab, at: Prefix) -> Shown {
    let paths = lab.bgp.route(V4, at)?.paths;
    let attrs = paths.iter().find(|p| p.aggregated)?.attributes();
    Some((attrs.as_path.asns().map(|a| a.0).collect(), attrs.origin, attrs.atomic_aggregate))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn counts_follow_the_table(steps in proptest::collection::vec(step(), 1..40)) {
        let mut lab = Lab::new(|_| {});
        let peers = [lab.peer(65001, |_| {}), lab.peer(65002, |_| {})];
        let listener = lab.peer(65003, |_| {});
        for step in steps {
            match step {
                Step::Announce { peer, prefix, asns, med, origin } => {
                    let first = 65001 + peer as u32;
                    let asns: Vec<u32> = std::iter::once(first).chain(asns).collect();
                    lab.announce(peers[peer], &[PREFIXES[prefix]], &Attrs { med, origin, ..path(&asns) });
                }
                Step::Withdraw { peer, prefix } => lab.withdraw(peers[peer], &[PREFIXES[prefix]]),
                Step::Configure { which, state } => configure(&mut lab, which, state),
                Step::Cut { peer } => {
                    lab.cut(peers[peer]);
                    lab.advance(std::time::Duration::from_secs(1));
                    lab.up(peers[peer]);
                }
            }
            let aggregates = lab.bgp.config().families[V4].aggregates.clone();
            for a in &aggregates {
                let (want, have) = (expected(&mut lab, a), found(&mut lab, a.prefix));
                prop_assert_eq!(want, have, "{:?}", a.prefix);
            }
            for at in AGGREGATES.map(prefix) {
                let configured = aggregates.iter().any(|a| a.prefix == at);
                prop_assert!(configured || found(&mut lab, at).is_none());
            }
            // What a summary hides is not at the listener, what nothing hides is.
            let active: Vec<Prefix> = aggregates
                .iter()
                .filter(|a| a.summary_only)
                .map(|a| a.prefix)
                .filter(|at| found(&mut lab, *at).is_some())
                .collect();
            let (dests, _) = lab.bgp.routes(V4, None, 1000, &RouteFilter::All);
            for d in dests.iter().filter(|d| d.paths.iter().any(|p| p.best)) {
                let hidden = active.iter().any(|a| *a != d.prefix && a.covers(d.prefix));
                let told = lab.wires[listener].is_told(&d.prefix.to_string());
                prop_assert_eq!(told, !hidden, "{:?}", d.prefix);
            }
        }
        // Nothing is held that nothing holds.
        lab.configure(|c| c.families[V4].aggregates.clear());
        peers.into_iter().for_each(|p| lab.cut(p));
        lab.cut(listener);
        prop_assert_eq!(lab.bgp.summary(V4).attribute_sets, 0);
    }
}
