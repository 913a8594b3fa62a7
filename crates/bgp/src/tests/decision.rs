//! The decision, step by step.

use std::net::{IpAddr, Ipv4Addr};

use ferr_types::attr::Origin;
use ferr_types::{Asn, Metric, PeerId, RouterId};

use crate::attrs::{AttrId, DecisionKey};
use crate::config::BestpathConfig;
use crate::decision::{Candidate, Reason, is_multipath, select};
use crate::nexthop::NexthopId;
use crate::table::{Path, PathIdx, flag};

/// A path that equals all others but for what a test changes.
#[derive(Debug, Clone, Copy)]
struct Given {
    path: Path,
    key: DecisionKey,
    metric: u32,
    router_id: u32,
    addr: Ipv4Addr,
}

fn given(n: u32) -> Given {
    let path = Path {
        attr: AttrId::NONE,
        peer: PeerId(n),
        path_id: 0,
        next: PathIdx::NIL,
        nexthop: NexthopId::NONE,
        stamp: 100,
        flags: 0,
        weight: 0,
    };
    let key = DecisionKey {
        local_pref: 100,
        med: 0,
        neighbor_as: Asn(65001),
        path_len: 3,
        path_len_confed: 3,
        origin: Origin::Igp,
        has_med: true,
        cluster_len: 0,
        confed: false,
    };
    Given { path, key, metric: 10, router_id: 50, addr: Ipv4Addr::new(10, 0, 0, 9) }
}

fn candidates(list: &[Given]) -> Vec<Candidate<'_>> {
    list.iter()
        .enumerate()
        .map(|(i, g)| Candidate {
            at: PathIdx(i as u32),
            path: &g.path,
            key: &g.key,
            aigp: None,
            igp_metric: Metric(g.metric),
            router_id: RouterId(Ipv4Addr::from_bits(g.router_id)),
            peer_addr: Some(IpAddr::V4(g.addr)),
        })
        .collect()
}

/// Index of the winner, and why.
fn winner(list: &[Given], config: &BestpathConfig) -> (u32, Reason) {
    let selection = select(&candidates(list), config).unwrap();
    (selection.best.tx_id() - 1, selection.reason)
}

/// The second path is better in the given step, and worse in every later one.
#[test]
fn every_step_decides_before_all_later_ones() {
    type Edit = fn(&mut Given);
    let steps: [(&str, Edit, Edit, Reason); 12] = [
        ("weight", |g| g.path.weight = 1, |g| g.path.weight = 0, Reason::Weight),
        ("local-pref", |g| g.key.local_pref = 200, |g| g.key.local_pref = 50, Reason::LocalPref),
        ("local", |g| g.path.flags |= flag::LOCAL, |_| {}, Reason::LocalRoute),
        ("as-path", |g| g.key.path_len = 1, |g| g.key.path_len = 9, Reason::AsPath),
        ("origin", |_| {}, |g| g.key.origin = Origin::Incomplete, Reason::Origin),
        ("med", |_| {}, |g| g.key.med = 9, Reason::Med),
        ("peer type", |_| {}, |g| g.path.flags |= flag::INTERNAL, Reason::PeerType),
        ("igp metric", |g| g.metric = 1, |g| g.metric = 99, Reason::IgpMetric),
        ("stale", |_| {}, |g| g.path.flags |= flag::STALE, Reason::Staleness),
        ("age", |g| g.path.stamp = 1, |g| g.path.stamp = 200, Reason::OlderPath),
        ("router id", |g| g.router_id = 1, |g| g.router_id = 99, Reason::RouterId),
        (
            "address",
            |g| g.addr = [10, 0, 0, 1].into(),
            |g| g.addr = [10, 0, 0, 99].into(),
            Reason::NeighborAddress,
        ),
    ];
    let config = BestpathConfig::default();
    for (at, (name, better, worse, reason)) in steps.iter().enumerate() {
        let (mut good, mut bad) = (given(2), given(1));
        better(&mut good);
        worse(&mut bad);
        for (_, later_better, later_worse, _) in &steps[at + 1..] {
            // A local path has no type of peer; what only it would differ in stays equal.
            if *name == "local" {
                break;
            }
            later_better(&mut bad);
            later_worse(&mut good);
        }
        assert_eq!(winner(&[bad, good], &config), (1, *reason), "{name}");
        assert_eq!(winner(&[good, bad], &config), (0, *reason), "{name}, other way round");
    }
}

#[test]
fn the_cluster_list_decides_between_internal_paths_of_one_originator() {
    let config = BestpathConfig::default();
    let (mut a, mut b) = (given(1), given(2));
    a.path.flags |= flag::INTERNAL;
    b.path.flags |= flag::INTERNAL;
    a.key.cluster_len = 2;
    b.key.cluster_len = 1;
    a.addr = [10, 0, 0, 1].into();
    assert_eq!(winner(&[a, b], &config), (1, Reason::ClusterLength));
    // Age counts between external paths only.
    b.key.cluster_len = 2;
    b.path.stamp = 1;
    assert_eq!(winner(&[a, b], &config), (0, Reason::NeighborAddress));
}

#[test]
fn one_path_or_none() {
    let config = BestpathConfig::default();
    assert!(select(&[], &config).is_none());
    assert_eq!(winner(&[given(1)], &config), (0, Reason::FirstPath));
}

#[test]
fn confederation_paths_stand_between_external_and_internal() {
    let config = BestpathConfig::default();
    let mut list = [given(1), given(2), given(3)];
    list[0].path.flags |= flag::INTERNAL;
    list[1].path.flags |= flag::CONFED;
    assert_eq!(winner(&list[..2], &config), (1, Reason::ConfedPeerType));
    assert_eq!(winner(&list, &config).0, 2);
}

#[test]
fn knobs() {
    let (mut a, mut b) = (given(1), given(2));
    // as-path ignore: the longer path wins by router id.
    a.key.path_len = 9;
    a.router_id = 1;
    let ignore = BestpathConfig { as_path_ignore: true, ..BestpathConfig::default() };
    assert_eq!(winner(&[a, b], &BestpathConfig::default()).0, 1);
    assert_eq!(winner(&[a, b], &ignore), (0, Reason::RouterId));
    // as-path confed: confederation segments count.
    (a, b) = (given(1), given(2));
    b.key.path_len_confed = 4;
    b.router_id = 1;
    let confed = BestpathConfig { as_path_confed: true, ..BestpathConfig::default() };
    assert_eq!(winner(&[a, b], &BestpathConfig::default()), (1, Reason::RouterId));
    assert_eq!(winner(&[a, b], &confed), (0, Reason::ConfedPath));
    // compare-routerid: not the older path.
    (a, b) = (given(1), given(2));
    a.path.stamp = 1;
    b.router_id = 1;
    let router_id = BestpathConfig { compare_router_id: true, ..BestpathConfig::default() };
    assert_eq!(winner(&[a, b], &BestpathConfig::default()), (0, Reason::OlderPath));
    assert_eq!(winner(&[a, b], &router_id), (1, Reason::RouterId));
    // A missing MED is 0, or the worst.
    (a, b) = (given(1), given(2));
    a.key.has_med = false;
    b.key.med = 5;
    let worst = BestpathConfig { med_missing_as_worst: true, ..BestpathConfig::default() };
    assert_eq!(winner(&[a, b], &BestpathConfig::default()), (0, Reason::Med));
    assert_eq!(winner(&[a, b], &worst), (1, Reason::Med));
    // MEDs of different neighbor ASes.
    (a, b) = (given(1), given(2));
    b.key.neighbor_as = Asn(65002);
    (a.key.med, b.key.med, a.router_id) = (9, 1, 1);
    let always = BestpathConfig { always_compare_med: true, ..BestpathConfig::default() };
    assert_eq!(winner(&[a, b], &BestpathConfig::default()), (0, Reason::RouterId));
    assert_eq!(winner(&[a, b], &always), (1, Reason::Med));
    // MEDs of confederation paths.
    b.key.neighbor_as = a.key.neighbor_as;
    (a.key.confed, b.key.confed) = (true, true);
    let med_confed = BestpathConfig { med_confed: true, ..BestpathConfig::default() };
    assert_eq!(winner(&[a, b], &BestpathConfig::default()), (0, Reason::RouterId));
    assert_eq!(winner(&[a, b], &med_confed), (1, Reason::Med));
}

/// The example of RFC 4451 section 2: a pairwise scan would pick another path with every order.
#[test]
fn the_outcome_does_not_depend_on_the_order() {
    let mut list = [given(1), given(2), given(3), given(4)];
    (list[0].key.neighbor_as, list[0].key.med, list[0].router_id) = (Asn(1), 1, 40);
    (list[1].key.neighbor_as, list[1].key.med, list[1].router_id) = (Asn(1), 5, 10);
    (list[2].key.neighbor_as, list[2].key.med, list[2].router_id) = (Asn(2), 9, 20);
    (list[3].key.neighbor_as, list[3].key.med, list[3].router_id) = (Asn(2), 8, 30);
    let config = BestpathConfig::default();
    let mut order = [0, 1, 2, 3];
    let mut seen = 0;
    permute(&mut order, 0, &mut |order| {
        let shuffled: Vec<Given> = order.iter().map(|i| list[*i]).collect();
        let best = winner(&shuffled, &config).0;
        assert_eq!(order[best as usize], 3, "{order:?}");
        seen += 1;
    });
    assert_eq!(seen, 24);
}

fn permute(order: &mut [usize; 4], at: usize, f: &mut impl FnMut(&[usize; 4])) {
    if at == order.len() {
        return f(order);
    }
    for i in at..order.len() {
        order.swap(at, i);
        permute(order, at + 1, f);
        order.swap(at, i);
    }
}

#[test]
fn who_may_share_the_load() {
    let shares = |edit: fn(&mut Given), config: &BestpathConfig, same: bool| {
        let mut list = [given(1), given(2)];
        edit(&mut list[1]);
        let c = candidates(&list);
        is_multipath(&c[0], &c[1], config, same)
    };
    let config = BestpathConfig::default();
    assert!(shares(|g| g.router_id = 1, &config, true), "what comes after the metric is no obstacle");
    assert!(!shares(|g| g.metric = 11, &config, true));
    assert!(!shares(|g| g.key.med = 1, &config, true));
    assert!(!shares(|g| g.path.flags |= flag::LOCAL, &config, true));
    assert!(!shares(|_| {}, &config, false), "another path");
    let relax = BestpathConfig { multipath_relax: true, ..BestpathConfig::default() };
    assert!(shares(|_| {}, &relax, false));
    let types = BestpathConfig { peer_type_relax: true, ..BestpathConfig::default() };
    assert!(!shares(|g| g.path.flags |= flag::INTERNAL, &config, true));
    assert!(shares(|g| g.path.flags |= flag::INTERNAL, &types, true));
}
