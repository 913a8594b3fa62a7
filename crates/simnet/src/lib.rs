//! Deterministic simulator: many BGP speakers, one virtual clock, links with latency, loss of connection and partitions.
//!
//! # Purpose
//! The cores own no clock and no socket, so a network of them is a function of its seed: hours run in milliseconds, and a
//! failing run is replayed by its seed.
//!
//! # Invariants
//! * Bytes on a connection arrive in order and whole; a cut link ends its connections at both ends.
//! * Events at the same instant happen in the order in which they were caused.
#![forbid(unsafe_code)]

pub mod ospf;

use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferr_bgp::config::{InstanceConfig, NeighborConfig, NeighborFamily, RemoteAs};
use ferr_bgp::{Accept, ConnId, Instance, LocalAddresses, Output, Seeds};
use ferr_policy::PolicySet;
use ferr_types::{
    Asn, Distance, Family, IfIndex, Metric, NexthopInfo, NexthopReach, NexthopWatch, PeerId, Prefix,
    Protocol, RouteSpec, RouteUpdate, RouterId, VrfId,
};

/// Number of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

#[derive(Debug)]
enum Event {
    Dial { node: NodeId, peer: PeerId, conn: ConnId },
    Connected { node: NodeId, conn: ConnId, other: (NodeId, ConnId) },
    Refused { node: NodeId, conn: ConnId },
    Bytes { node: NodeId, conn: ConnId, bytes: Bytes },
    Closed { node: NodeId, conn: ConnId },
}

#[derive(Debug)]
struct Scheduled {
    at: Instant,
    order: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// A simulated router.
#[derive(Debug)]
pub struct Node {
    /// Its speaker.
    pub bgp: Instance,
    /// Its address.
    pub addr: Ipv4Addr,
    /// What the speaker handed to the RIB.
    pub rib: BTreeMap<Prefix, RouteSpec>,
    watches: HashSet<NexthopWatch>,
    buffers: HashMap<ConnId, Vec<u8>>,
    /// Other end of each connection.
    conns: HashMap<ConnId, (NodeId, ConnId)>,
    accepted: u64,
}

/// The network.
#[derive(Debug)]
pub struct Sim {
    /// Routers.
    pub nodes: Vec<Node>,
    start: Instant,
    now: Instant,
    queue: BinaryHeap<Scheduled>,
    order: u64,
    latency: Duration,
    cut: HashSet<(NodeId, NodeId)>,
    random: u64,
    jitter: Duration,
}

/// Names of accepted connections start here, clear of the ranges of attempts.
const ACCEPTED: u64 = 1 << 62;
/// Steps after which a run that should have come to rest is taken for a livelock.
const MAX_STEPS: usize = 5_000_000;

impl Sim {
    /// Empty network. `seed` decides jitter and the speakers' own draws.
    pub fn new(seed: u64, latency: Duration, jitter: Duration) -> Self {
        // The only reading of a clock: instants have no other origin. Everything is relative to it.
        let start = Instant::now();
        Self {
            nodes: Vec::new(),
            start,
            now: start,
            queue: BinaryHeap::new(),
            order: 0,
            latency,
            cut: HashSet::new(),
            random: seed,
            jitter,
        }
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Virtual instant.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Next number of the run's generator (SplitMix64).
    pub fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Adds a router whose address and identifier are `10.255.0.N`.
    pub fn add_node(&mut self, asn: u32, edit: impl FnOnce(&mut InstanceConfig)) -> NodeId {
        let id = NodeId(self.nodes.len());
        let addr = Ipv4Addr::new(10, 255, (id.0 / 250) as u8, (id.0 % 250 + 1) as u8);
        let mut config = InstanceConfig::new(Asn(asn), VrfId::DEFAULT, "default", RouterId(addr));
        config.ebgp_requires_policy = false;
        config.network_import_check = false;
        edit(&mut config);
        let seeds = Seeds { hash: self.random(), dice: self.random(), first_conn: 1 };
        let mut bgp = Instance::new(config, Arc::new(PolicySet::default()), seeds, self.now);
        bgp.set_own_addresses([IpAddr::V4(addr)].into());
        bgp.start(self.now);
        self.nodes.push(Node {
            bgp,
            addr,
            rib: BTreeMap::new(),
            watches: HashSet::new(),
            buffers: HashMap::new(),
            conns: HashMap::new(),
            accepted: 0,
        });
        id
    }

    /// Makes two routers neighbors of each other for IPv4 unicast.
    pub fn link(
        &mut self,
        a: NodeId,
        b: NodeId,
        edit: impl Fn(NodeId, &mut NeighborConfig),
    ) -> (PeerId, PeerId) {
        (self.add_neighbor(a, b, &edit), self.add_neighbor(b, a, &edit))
    }

    fn add_neighbor(
        &mut self,
        of: NodeId,
        to: NodeId,
        edit: &impl Fn(NodeId, &mut NeighborConfig),
    ) -> PeerId {
        let addr = self.nodes[to.0].addr;
        let asn = self.nodes[to.0].bgp.config().asn;
        let mut config = NeighborConfig::new(&addr.to_string(), Some(addr.into()), RemoteAs::Asn(asn));
        config.families[Family::Ipv4Unicast] = Some(NeighborFamily::default());
        config.connect_retry = 10;
        edit(of, &mut config);
        let id = self.nodes[of.0].bgp.add_neighbor(config, self.now);
        self.settle(of);
        id
    }

    /// Cuts or mends the path between two routers; a cut ends their connections.
    pub fn set_cut(&mut self, a: NodeId, b: NodeId, cut: bool) {
        let pair = (a.min(b), a.max(b));
        if !cut {
            self.cut.remove(&pair);
            return;
        }
        self.cut.insert(pair);
        for (from, to) in [(a, b), (b, a)] {
            let node = &mut self.nodes[from.0];
            let gone: Vec<ConnId> =
                node.conns.iter().filter(|(_, (n, _))| *n == to).map(|(c, _)| *c).collect();
            node.conns.retain(|_, (n, _)| *n != to);
            for conn in gone {
                self.schedule(Duration::ZERO, Event::Closed { node: from, conn });
            }
        }
    }

    fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        self.cut.contains(&(a.min(b), a.max(b)))
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.order += 1;
        self.queue.push(Scheduled { at: self.now + after, order: self.order, event });
    }

    fn dial_delay(&mut self) -> Duration {
        let jitter = self.jitter.as_nanos() as u64;
        if jitter == 0 { Duration::ZERO } else { Duration::from_nanos(self.random() % jitter) }
    }

    /// Runs for a span of virtual time.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        for id in 0..self.nodes.len() {
            self.settle(NodeId(id));
        }
        for _ in 0..MAX_STEPS {
            let timer = self
                .nodes
                .iter_mut()
                .enumerate()
                .filter_map(|(i, n)| Some((n.bgp.poll_timeout()?, NodeId(i))))
                .min();
            let event = self.queue.peek().map(|s| s.at);
            match (event, timer) {
                (Some(at), t) if at <= end && t.is_none_or(|(t, _)| at <= t) => {
                    if let Some(scheduled) = self.queue.pop() {
                        self.now = self.now.max(at);
                        self.handle(scheduled.event);
                    }
                }
                (_, Some((at, node))) if at <= end => {
                    self.now = self.now.max(at);
                    let now = self.now;
                    self.nodes[node.0].bgp.handle_timeout(now);
                    self.settle(node);
                }
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("no rest after {MAX_STEPS} steps at {:?}", self.elapsed());
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        let node = match event {
            Event::Dial { node, peer, conn } => {
                self.connect(node, peer, conn);
                node
            }
            Event::Connected { node, conn, other } => {
                let far = &self.nodes[other.0.0];
                if self.is_cut(node, other.0) || far.conns.get(&other.1) != Some(&(node, conn)) {
                    self.nodes[node.0].bgp.connect_failed(now, conn);
                } else {
                    let ends = self.ends(node, other.0);
                    self.nodes[node.0].conns.insert(conn, other);
                    let addresses = self.addresses(node);
                    self.nodes[node.0].bgp.connected(now, conn, ends, addresses);
                }
                node
            }
            Event::Refused { node, conn } => {
                self.nodes[node.0].bgp.connect_failed(now, conn);
                node
            }
            Event::Bytes { node, conn, bytes } => {
                let n = &mut self.nodes[node.0];
                if n.conns.contains_key(&conn) {
                    let buffer = n.buffers.entry(conn).or_default();
                    buffer.extend_from_slice(&bytes);
                    let used = n.bgp.received(now, conn, buffer);
                    buffer.drain(..used);
                }
                node
            }
            Event::Closed { node, conn } => {
                self.nodes[node.0].conns.remove(&conn);
                self.nodes[node.0].buffers.remove(&conn);
                self.nodes[node.0].bgp.closed(now, conn);
                node
            }
        };
        self.settle(node);
    }

    fn ends(&self, node: NodeId, other: NodeId) -> (SocketAddr, SocketAddr) {
        let addr = |n: NodeId| SocketAddr::new(IpAddr::V4(self.nodes[n.0].addr), 179);
        (addr(node), addr(other))
    }

    fn addresses(&self, node: NodeId) -> LocalAddresses {
        LocalAddresses { v4: Some(self.nodes[node.0].addr), ifindex: IfIndex(1), ..LocalAddresses::default() }
    }

    /// Carries out everything that a router wants done now.
    fn settle(&mut self, node: NodeId) {
        let now = self.now;
        loop {
            let mut moved = self.nodes[node.0].bgp.work(now);
            while let Some(output) = self.nodes[node.0].bgp.poll_output() {
                moved = true;
                self.output(node, output);
            }
            for update in self.nodes[node.0].bgp.take_rib_updates() {
                match update {
                    RouteUpdate::Set(key, spec) => {
                        drop(self.nodes[node.0].rib.insert(key.prefix, Arc::unwrap_or_clone(spec)))
                    }
                    RouteUpdate::Withdraw(key) => drop(self.nodes[node.0].rib.remove(&key.prefix)),
                }
            }
            if !moved {
                break;
            }
        }
    }

    fn output(&mut self, node: NodeId, output: Output) {
        let now = self.now;
        match output {
            Output::Connect { peer, conn } => {
                let delay = self.dial_delay();
                self.schedule(delay, Event::Dial { node, peer, conn });
            }
            Output::Close { conn } => {
                self.transmit(node, conn);
                if let Some((far, far_conn)) = self.nodes[node.0].conns.remove(&conn) {
                    // Behind the bytes that are still on their way.
                    self.schedule(self.latency, Event::Closed { node: far, conn: far_conn });
                }
                self.nodes[node.0].buffers.remove(&conn);
            }
            Output::Transmit { conn } => self.transmit(node, conn),
            Output::Watch(watch) => {
                self.nodes[node.0].watches.insert(watch);
                let info = reachable(watch);
                self.nodes[node.0].bgp.nexthop_changed(info, now);
            }
            Output::Unwatch(watch) => drop(self.nodes[node.0].watches.remove(&watch)),
            Output::SessionUp { .. }
            | Output::SessionDown { .. }
            | Output::DynamicRemoved { .. }
            | Output::Log(_) => {}
        }
    }

    fn connect(&mut self, node: NodeId, peer: PeerId, conn: ConnId) {
        let addr = self.nodes[node.0].bgp.neighbor(peer).and_then(|n| n.addr);
        let far = self.nodes.iter().position(|n| Some(IpAddr::V4(n.addr)) == addr).map(NodeId);
        let delay = self.latency;
        let Some(far) = far.filter(|f| !self.is_cut(node, *f)) else {
            return self.schedule(delay, Event::Refused { node, conn });
        };
        if !self.nodes[node.0].bgp.is_connecting(conn) {
            return;
        }
        let now = self.now;
        self.nodes[far.0].accepted += 1;
        let far_conn = ConnId(ACCEPTED + self.nodes[far.0].accepted);
        self.nodes[far.0].conns.insert(far_conn, (node, conn));
        let (ends, addresses) = (self.ends(far, node), self.addresses(far));
        let accept = self.nodes[far.0].bgp.accepted(now, far_conn, ends, addresses);
        if accept == Accept::Refuse {
            self.nodes[far.0].conns.remove(&far_conn);
            return self.schedule(delay, Event::Refused { node, conn });
        }
        self.schedule(delay, Event::Connected { node, conn, other: (far, far_conn) });
        self.settle(far);
    }

    fn transmit(&mut self, node: NodeId, conn: ConnId) {
        let now = self.now;
        while let Some(bytes) = self.nodes[node.0].bgp.poll_transmit(now, conn) {
            if let Some((far, far_conn)) = self.nodes[node.0].conns.get(&conn).copied() {
                self.schedule(self.latency, Event::Bytes { node: far, conn: far_conn, bytes });
            }
        }
    }
}

/// Everything is on a connected network.
fn reachable(watch: NexthopWatch) -> NexthopInfo {
    let reach = NexthopReach {
        prefix: watch.target,
        protocol: Protocol::Connected,
        metric: Metric(0),
        distance: Distance(0),
        connected: true,
        nexthops: vec![(IfIndex(1), None)],
    };
    NexthopInfo { watch, via: Some(reach) }
}
