//! Networks of OSPF routers: every route is a shortest path, as an independent search says, whatever happened before; loops end soon.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ferr_ospf::config::{InterfaceKey, NetworkType};
use ferr_ospf::wire::Version;
use ferr_simnet::NodeId;
use ferr_simnet::ospf::{Faults, LinkId, OspfSim};
use ferr_types::{Gateway, IfIndex, Ipv4Prefix, Ipv6Prefix, Prefix};

/// Index of the loopbacks.
const LOOPBACK: IfIndex = IfIndex(60_000);
/// Longest time after a change in which packets may go round: MinLSInterval, the longest delay of SPF, and some for the way.
const SETTLE: Duration = Duration::from_secs(13);
const STEP: Duration = Duration::from_millis(500);

/// A link as the search sees it: members with their costs out of it.
struct Edge {
    id: LinkId,
    members: Vec<(usize, u32)>,
    up: bool,
}

struct World {
    sim: OspfSim,
    version: Version,
    edges: Vec<Edge>,
    size: usize,
    /// Whose address it is, by link.
    owners: BTreeMap<(IfIndex, IpAddr), usize>,
}

fn host(version: Version, node: usize) -> Prefix {
    match version {
        Version::V2 => Prefix::V4(Ipv4Prefix::host(Ipv4Addr::from_bits(0x6440_0000 + node as u32))),
        Version::V3 => {
            Prefix::V6(Ipv6Prefix::host(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, node as u16)))
        }
    }
}

impl World {
    /// A tree, some links beside it, some networks of several; costs differ by direction.
    fn random(version: Version, seed: u64, size: usize) -> Self {
        let sim = OspfSim::new(version, seed);
        let mut world = Self { sim, version, edges: Vec::new(), size, owners: BTreeMap::new() };
        for _ in 0..size {
            world.sim.node();
        }
        for n in 1..size {
            let parent = world.draw(n);
            world.join(&[n, parent], false);
        }
        for _ in 0..size / 2 {
            let (a, b) = (world.draw(size), world.draw(size));
            if a != b {
                world.join(&[a, b], false);
            }
        }
        for _ in 0..size / 6 {
            let mut members: Vec<usize> = (0..4).map(|_| world.draw(size)).collect();
            members.sort_unstable();
            members.dedup();
            if members.len() > 1 {
                world.join(&members, true);
            }
        }
        for n in 0..size {
            world.loopback(n);
        }
        world
    }

    fn draw(&mut self, below: usize) -> usize {
        self.sim.draw() as usize % below
    }

    fn join(&mut self, members: &[usize], lan: bool) {
        let costs: Vec<u32> = members.iter().map(|_| 1 + self.sim.draw() as u32 % 20).collect();
        let kind = if lan { NetworkType::Broadcast } else { NetworkType::PointToPoint };
        let nodes: Vec<NodeId> = members.iter().map(|n| NodeId(*n)).collect();
        let id = self.sim.link(&nodes, kind, |member, c| c.cost = costs[member] as u16);
        let ifindex = IfIndex(id.0 as u32 + 1);
        for node in &nodes {
            for (key, c) in &self.sim.nodes[node.0].ospf.config().interfaces {
                if matches!(key, InterfaceKey::Link(i, _) if *i == ifindex) {
                    let v4 = c.address.map(|(addr, _)| IpAddr::V4(addr));
                    let addr = v4.or(c.link_local.map(IpAddr::V6)).unwrap();
                    self.owners.insert((ifindex, addr), node.0);
                }
            }
        }
        let members = members.iter().copied().zip(costs).collect();
        self.edges.push(Edge { id, members, up: true });
    }

    fn loopback(&mut self, n: usize) {
        let prefix = host(self.version, n);
        self.sim.configure(NodeId(n), |config| {
            let mut c = config.interfaces.values().next().unwrap().clone();
            (c.name, c.network, c.cost) = (Arc::from("lo"), NetworkType::Loopback, 0);
            (c.address, c.prefixes, c.addresses, c.link_local) = (None, Vec::new(), Vec::new(), None);
            let mut key = InterfaceKey::Link(LOOPBACK, None);
            match prefix {
                Prefix::V4(p) => {
                    c.address = Some((p.addr(), p));
                    key = InterfaceKey::Link(LOOPBACK, Some(p.addr()));
                }
                Prefix::V6(p) => c.prefixes.push(p),
            }
            config.interfaces.insert(key, c);
        });
    }

    fn set(&mut self, edge: usize, up: bool) {
        self.edges[edge].up = up;
        self.sim.set_carrier(self.edges[edge].id, up);
    }

    /// Steps from a router: where to, by which link, at which cost.
    fn steps(&self, from: usize) -> impl Iterator<Item = (usize, IfIndex, u32)> {
        self.edges.iter().filter(|e| e.up).flat_map(move |e| {
            let own = e.members.iter().find(|(n, _)| *n == from).map(|(_, cost)| *cost);
            let others = e.members.iter().filter(move |(n, _)| own.is_some() && *n != from);
            others.map(move |(n, _)| (*n, IfIndex(e.id.0 as u32 + 1), own.unwrap_or(0)))
        })
    }

    /// Costs from all routers to one, by relaxation until nothing moves.
    fn distances(&self, to: usize) -> Vec<Option<u32>> {
        let mut all = vec![None; self.size];
        all[to] = Some(0);
        loop {
            let mut moved = false;
            for from in 0..self.size {
                let best = self.steps(from).filter_map(|(n, _, cost)| Some(all[n]? + cost)).min();
                if from != to && best.is_some() && best.is_none_or(|b| all[from].is_none_or(|a| b < a)) {
                    (all[from], moved) = (best, true);
                }
            }
            if !moved {
                return all;
            }
        }
    }

    /// Next routers on the way, as a router's routes say.
    fn next(&self, from: usize, to: usize) -> Vec<(usize, IfIndex)> {
        let Some(spec) = self.sim.nodes[from].rib.get(&host(self.version, to)) else { return Vec::new() };
        let owner = |gateway: Gateway| match gateway {
            Gateway::Address { addr, ifindex: Some(ifindex), .. } => {
                Some((*self.owners.get(&(ifindex, addr)).unwrap(), ifindex))
            }
            _ => None,
        };
        spec.nexthops.iter().filter_map(|n| owner(n.gateway)).collect()
    }

    fn check(&self, what: &str) {
        self.check_every(what, 1);
    }

    /// The routes to every `stride`th router.
    fn check_every(&self, what: &str, stride: usize) {
        for to in (0..self.size).step_by(stride) {
            let distances = self.distances(to);
            for from in (0..self.size).filter(|n| *n != to) {
                let route = self.sim.nodes[from].rib.get(&host(self.version, to));
                let found = route.map(|r| r.metric.0);
                assert_eq!(found, distances[from], "{what}: cost from {from} to {to}");
                let Some(best) = distances[from] else { continue };
                let want: BTreeSet<(usize, IfIndex)> = self
                    .steps(from)
                    .filter(|(n, _, cost)| distances[*n].is_some_and(|d| d + cost == best))
                    .map(|(n, ifindex, _)| (n, ifindex))
                    .collect();
                let ways: BTreeSet<_> = self.next(from, to).into_iter().collect();
                assert_eq!(ways, want, "{what}: ways from {from} to {to}");
            }
        }
    }

    /// Whether packets between some pair would go round.
    fn has_loop(&self) -> bool {
        let round = |from: usize, to: usize| {
            let mut at = from;
            for _ in 0..self.size {
                match self.next(at, to).first() {
                    // A link that is down drops the packet.
                    Some((next, ifindex)) if self.steps(at).any(|(_, i, _)| i == *ifindex) => at = *next,
                    _ => return false,
                }
                if at == to {
                    return false;
                }
            }
            true
        };
        (0..self.size).any(|from| (0..self.size).any(|to| from != to && round(from, to)))
    }

    /// Lets time pass, looking for loops; gives how long after its beginning the last one was seen.
    fn watch(&mut self, time: Duration) -> Duration {
        let (mut passed, mut last) = (Duration::ZERO, Duration::ZERO);
        while passed < time {
            self.sim.run_for(STEP);
            passed += STEP;
            if self.has_loop() {
                last = passed;
            }
        }
        last
    }
}

fn run(version: Version, seed: u64, size: usize) {
    let what = format!("{version:?} seed {seed}");
    let mut world = World::random(version, seed, size);
    world.sim.run_for(Duration::from_secs(120));
    world.check(&what);
    for round in 0..6 {
        for _ in 0..=round % 3 {
            let edge = world.draw(world.edges.len());
            let up = world.draw(3) == 0;
            world.set(edge, up);
        }
        let looped = world.watch(Duration::from_secs(30));
        assert!(looped <= SETTLE, "{what}: packets went round for {looped:?} after change {round}");
        // A network that comes back waits for its designated router as long as for a dead one.
        world.sim.run_for(Duration::from_secs(45));
        world.check(&format!("{what} after change {round}"));
    }
    // Cut in two by all that crosses the middle, lossy while it heals.
    let middle = size / 2;
    let crossing = |e: &Edge| {
        let low = e.members.iter().filter(|(n, _)| *n < middle).count();
        low > 0 && low < e.members.len()
    };
    let cut: Vec<usize> = (0..world.edges.len()).filter(|e| crossing(&world.edges[*e])).collect();
    cut.iter().for_each(|edge| world.set(*edge, false));
    world.sim.run_for(Duration::from_secs(60));
    world.check(&format!("{what} in two"));
    let lossy = Faults { latency: Duration::from_millis(2), jitter: Duration::from_millis(20), loss: 100 };
    for edge in 0..world.edges.len() {
        world.set(edge, true);
        world.sim.set_faults(world.edges[edge].id, lossy);
    }
    world.sim.run_for(Duration::from_secs(60));
    for edge in 0..world.edges.len() {
        world.sim.set_faults(world.edges[edge].id, Faults::default());
    }
    world.sim.run_for(Duration::from_secs(120));
    world.check(&format!("{what} together again"));
}

#[test]
fn routes_of_ospfv2_are_shortest_paths() {
    (1..4).for_each(|seed| run(Version::V2, seed, 14));
}

#[test]
fn routes_of_ospfv3_are_shortest_paths() {
    (1..4).for_each(|seed| run(Version::V3, seed, 14));
}

/// Minutes for a thousand routers with optimization, for fewer without: only where long tests are asked for.
#[test]
fn routes_of_a_thousand_routers_are_shortest_paths() {
    if std::env::var_os("FERR_TEST_FULL").is_none() {
        println!("left to the full run");
        return;
    }
    let size = if cfg!(debug_assertions) { 150 } else { 1000 };
    let mut world = World::random(Version::V2, 77, size);
    world.sim.run_for(Duration::from_secs(180));
    world.check_every("a thousand", size / 10);
    for edge in [0, size / 3, size / 2] {
        world.set(edge, false);
    }
    world.sim.run_for(Duration::from_secs(60));
    world.check_every("a thousand without three links", size / 10);
}
