//! Random networks against an independent search, and increments against a start from nothing.

use std::collections::{BTreeMap, BTreeSet};

use ferr_ospf_wire::{LinkType, RouterBits};
use ferr_types::Prefix;
use proptest::prelude::*;

use super::lab::{L, Lab, ip, p2p, pfx, transit};
use crate::config::NetworkType::{Broadcast, PointToPoint};

/// A network: point-to-point links and shared networks, with costs of each end.
#[derive(Debug, Clone)]
struct Net {
    routers: u32,
    links: Vec<(u32, u32, u16, u16)>,
    lans: Vec<BTreeMap<u32, u16>>,
    /// Prefix number, router, cost.
    stubs: BTreeMap<(u32, u32), u16>,
}

fn link_addr(link: usize, end: u32) -> String {
    ip(0x0a00_0000 + link as u32 * 4 + 1 + end).to_string()
}

fn lan_addr(lan: usize, router: u32) -> String {
    ip(0xac10_0000 + lan as u32 * 256 + router).to_string()
}

fn stub_prefix(n: u32) -> String {
    format!("{}/32", ip(0xc0a8_0000 + n))
}

fn net(max: u32) -> impl Strategy<Value = Net> {
    (3..=max).prop_flat_map(|n| {
        let link = (1..=n, 1..=n, 1u16..6, 1u16..6);
        let lan = prop::collection::btree_map(1..=n, 1u16..6, 2..=(n as usize).clamp(2, 5));
        let stub = ((0u32..6, 1..=n), 0u16..4);
        (
            prop::collection::vec(link, 1..(n as usize * 2)),
            prop::collection::vec(lan, 0..4),
            prop::collection::btree_map(stub.0, stub.1, 0..8),
        )
            .prop_map(move |(links, lans, stubs)| {
                let mut pairs = BTreeSet::new();
                let links = links
                    .into_iter()
                    .filter(|(a, b, ..)| a != b && pairs.insert((*a.min(b), *a.max(b))))
                    .collect();
                Net { routers: n, links, lans, stubs }
            })
    })
}

impl Net {
    fn links_of(&self, router: u32) -> Vec<L> {
        let mut links: Vec<L> = Vec::new();
        for (n, &(a, b, ca, cb)) in self.links.iter().enumerate() {
            if a == router {
                links.push(p2p(b, &link_addr(n, 0), ca));
            }
            if b == router {
                links.push(p2p(a, &link_addr(n, 1), cb));
            }
        }
        for (n, lan) in self.lans.iter().enumerate() {
            if let Some(cost) = lan.get(&router) {
                let dr = *lan.keys().next().unwrap();
                links.push(transit(&lan_addr(n, dr), &lan_addr(n, router), *cost));
            }
        }
        for ((prefix, owner), cost) in &self.stubs {
            if *owner == router {
                let host = ip(0xc0a8_0000 + prefix);
                links.push((LinkType::STUB, host, ip(u32::MAX), *cost));
            }
        }
        links
    }

    fn tell(&self, lab: &mut Lab, routers: impl IntoIterator<Item = u32>, lans: bool) {
        for router in routers {
            lab.router(0, router, RouterBits::empty(), &self.links_of(router));
        }
        for (n, lan) in self.lans.iter().enumerate().filter(|_| lans) {
            let dr = *lan.keys().next().unwrap();
            let routers: Vec<u32> = lan.keys().copied().collect();
            lab.network(0, (&lan_addr(n, dr), dr), 24, &routers);
        }
    }

    /// The view of a router.
    fn lab(&self, root: u32) -> Lab {
        let mut lab = Lab::new(root);
        self.attach(&mut lab, root);
        self.tell(&mut lab, 1..=self.routers, true);
        lab.settle();
        lab
    }

    fn lab_protected(&self, root: u32, node: bool) -> Lab {
        let mut lab = Lab::new(root);
        lab.config.fast_reroute.node_protection = node;
        self.attach(&mut lab, root);
        self.tell(&mut lab, 1..=self.routers, true);
        lab.settle();
        lab
    }

    /// Addresses on the link that an address is on.
    fn shares(&self, addr: &str) -> BTreeSet<String> {
        let links = (0..self.links.len()).map(|n| BTreeSet::from([link_addr(n, 0), link_addr(n, 1)]));
        let lans = self.lans.iter().enumerate();
        let lans = lans.map(|(n, lan)| lan.keys().map(|r| lan_addr(n, *r)).collect());
        links.chain(lans).find(|on| on.contains(addr)).unwrap()
    }

    fn attach(&self, lab: &mut Lab, root: u32) {
        lab.links.clear();
        lab.config.interfaces.clear();
        for (n, &(a, b, ca, cb)) in self.links.iter().enumerate() {
            if a == root || b == root {
                let (end, far, cost) = if a == root { (0, b, ca) } else { (1, a, cb) };
                let own = format!("{}/30", link_addr(n, end));
                let neighbor = link_addr(n, 1 - end);
                lab.link(n as u32 + 1, 0, PointToPoint, (&own, cost), &[(far, &neighbor)]);
            }
        }
        for (n, lan) in self.lans.iter().enumerate() {
            if let Some(cost) = lan.get(&root) {
                let own = format!("{}/24", lan_addr(n, root));
                let others: Vec<(u32, String)> =
                    lan.keys().filter(|r| **r != root).map(|r| (*r, lan_addr(n, *r))).collect();
                let others: Vec<(u32, &str)> = others.iter().map(|(r, a)| (*r, a.as_str())).collect();
                lab.link(n as u32 + 1000, 0, Broadcast, (&own, *cost), &others);
            }
        }
    }

    /// Edges with the way that the first router takes on them: (from, to, cost, neighbor's address).
    fn edges(&self) -> Vec<(u32, u32, u32, String)> {
        let mut edges = Vec::new();
        for (n, &(a, b, ca, cb)) in self.links.iter().enumerate() {
            edges.push((a, b, ca.into(), link_addr(n, 1)));
            edges.push((b, a, cb.into(), link_addr(n, 0)));
        }
        for (n, lan) in self.lans.iter().enumerate() {
            for (from, cost) in lan {
                let others = lan.keys().filter(|to| *to != from);
                edges.extend(others.map(|to| (*from, *to, u32::from(*cost), lan_addr(n, *to))));
            }
        }
        edges
    }

    /// Distances to a set of routers with what is added there, by relaxing until nothing moves.
    fn to_target(&self, target: &BTreeMap<u32, u32>) -> Vec<u32> {
        let mut dist = vec![u32::MAX; self.routers as usize + 1];
        for (router, cost) in target {
            dist[*router as usize] = *cost;
        }
        let edges = self.edges();
        loop {
            let mut moved = false;
            for (from, to, cost, _) in &edges {
                let through = dist[*to as usize].saturating_add(*cost);
                if through < dist[*from as usize] {
                    dist[*from as usize] = through;
                    moved = true;
                }
            }
            if !moved {
                return dist;
            }
        }
    }

    fn owners(&self, prefix: u32) -> BTreeMap<u32, u32> {
        let of = self.stubs.iter().filter(|((p, _), _)| *p == prefix);
        of.map(|((_, router), cost)| (*router, u32::from(*cost))).collect()
    }

    /// What a router's route to a stub has to be: cost, next hops.
    fn expect(&self, root: u32, prefix: u32) -> Option<(u32, BTreeSet<String>)> {
        let owners = self.owners(prefix);
        let dist = self.to_target(&owners);
        let cost = dist[root as usize];
        if cost == u32::MAX || owners.get(&root).is_some_and(|own| *own <= cost) {
            return None;
        }
        let best = self
            .edges()
            .into_iter()
            .filter(|(from, to, c, _)| *from == root && dist[*to as usize].saturating_add(*c) == cost);
        Some((cost, best.map(|(.., addr)| addr).collect()))
    }
}

fn gateways(set: &ferr_types::NexthopSet) -> BTreeSet<String> {
    set.iter().filter_map(|n| n.addr()).map(|a| a.to_string()).collect()
}

fn check(net: &Net, lab: &Lab, root: u32) {
    for prefix in 0..6 {
        let expected = net.expect(root, prefix);
        if net.owners(prefix).contains_key(&root) {
            continue;
        }
        let got = lab.rib.get(&pfx(&stub_prefix(prefix)));
        let got = got.map(|(_, spec)| (spec.metric.0, gateways(&spec.nexthops)));
        assert_eq!(got, expected, "stub {prefix}");
    }
}

fn routes(lab: &Lab) -> BTreeMap<Prefix, ferr_types::RouteSpec> {
    lab.rib.iter().map(|(p, (_, spec))| (*p, spec.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn routes_are_shortest_paths(net in net(9)) {
        let lab = net.lab(1);
        check(&net, &lab, 1);
    }

    /// After each of many changes the routes are those of a router that starts with the same database.
    #[test]
    fn increments_are_as_a_start_from_nothing(
        nets in prop::collection::vec(net(8), 2..5),
        picks in prop::collection::vec((0usize..8, 0usize..8), 1..12),
    ) {
        let mut net = nets[0].clone();
        let mut lab = net.lab(1);
        for (at, what) in picks {
            let other = &nets[at % nets.len()];
            match what % 4 {
                0 => net.stubs.clone_from(&other.stubs),
                1 => net.links.clone_from(&other.links),
                2 => net.lans.clone_from(&other.lans),
                _ => { net.links.pop(); }
            }
            net.routers = nets.iter().map(|n| n.routers).max().unwrap();
            let all: Vec<u32> = (1..=net.routers).collect();
            net.attach(&mut lab, 1);
            // One LSA after the other, and SPF in between.
            for router in all {
                net.tell(&mut lab, [router], false);
                if router % 3 == what as u32 % 3 { lab.settle(); }
            }
            net.tell(&mut lab, [], true);
            lab.settle();
            check(&net, &lab, 1);
            let mut fresh = lab.started_anew();
            fresh.settle();
            prop_assert_eq!(routes(&lab), routes(&fresh));
        }
    }

    /// Packets for which the first link is lost, sent to the alternate, arrive: by all others' ways of before, and not over what is
    /// lost.
    #[test]
    fn alternates_do_not_loop(net in net(9), node in any::<bool>()) {
        let labs: Vec<Lab> = (1..=net.routers).map(|r| net.lab_protected(r, node)).collect();
        for prefix in 0..6 {
            let owners = net.owners(prefix);
            for root in (1..=net.routers).filter(|r| !owners.contains_key(r)) {
                follow(&net, &labs, prefix, root, node);
            }
        }
    }
}

fn follow(net: &Net, labs: &[Lab], prefix: u32, root: u32, node: bool) {
    let owners = net.owners(prefix);
    let owner_of: BTreeMap<String, u32> =
        net.edges().into_iter().map(|(_, to, _, addr)| (addr, to)).collect();
    let p = pfx(&stub_prefix(prefix));
    let Some((_, spec)) = labs[root as usize - 1].rib.get(&p) else { return };
    let Some(backup) = spec.backup.iter().next() else { return };
    let lost = spec.nexthops.iter().next().unwrap();
    let (lost_at, backup_at) = (lost.addr().unwrap().to_string(), backup.addr().unwrap().to_string());
    // Addresses on the network that is lost; of a point-to-point link, both ends.
    let lost_net: BTreeSet<String> = net.shares(&lost_at);
    assert!(!lost_net.contains(&backup_at));
    let first = owner_of[&lost_at];
    let mut here = vec![owner_of[&backup_at]];
    for _ in 0..=net.routers {
        let mut next = BTreeSet::new();
        for router in here.iter().filter(|r| !owners.contains_key(r)) {
            // Whoever owns the prefix takes it, unless the way to another owner is shorter: that ends, too.
            assert!(!node || *router != first, "goes through {first}");
            for gateway in gateways(&labs[*router as usize - 1].rib[&p].1.nexthops) {
                assert!(!lost_net.contains(&gateway), "goes over the lost link");
                next.insert(owner_of[&gateway]);
            }
        }
        assert!(!next.contains(&root), "comes back to {root}");
        here = next.into_iter().collect();
    }
    assert!(here.is_empty());
}
