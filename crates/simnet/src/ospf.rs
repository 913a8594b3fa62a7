//! Networks of OSPF routers: links with latency, loss, reordering and partitions.
//!
//! # Invariants
//! * A packet reaches whoever takes part in its group on the link, or has its address; a sender does not hear itself.
//! * Same seed, same calls: same run.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferr_ospf::config::{InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType, StaticNeighbor};
use ferr_ospf::wire::Version;
use ferr_ospf::{
    Group, Instance, LsaKey, NeighborChange, NeighborState, Notice, Output, Received, ScopeId, Start,
    Transmit,
};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, Ipv6Prefix, Prefix, RouteSpec, RouteUpdate, RouterId, VrfId};

use crate::NodeId;

/// Number of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub usize);

/// What happens to packets on a link.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// Time on the way.
    pub latency: Duration,
    /// Up to so much more, which reorders packets.
    pub jitter: Duration,
    /// Packets of a thousand that are lost.
    pub loss: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Self { latency: Duration::from_millis(1), jitter: Duration::ZERO, loss: 0 }
    }
}

#[derive(Debug)]
struct Member {
    node: NodeId,
    key: InterfaceKey,
    ifindex: IfIndex,
    /// Side of a partition; members of one side hear each other.
    side: u8,
}

#[derive(Debug)]
struct Link {
    members: Vec<Member>,
    faults: Faults,
    up: bool,
}

/// A simulated router.
#[derive(Debug)]
pub struct OspfNode {
    /// Its instance.
    pub ospf: Instance,
    /// What it handed to the RIB.
    pub rib: BTreeMap<Prefix, RouteSpec>,
    /// Changes of its neighbors.
    pub changes: Vec<NeighborChange>,
    /// What it had to say.
    pub notices: Vec<Notice>,
    /// Packets that it sent.
    pub sent: u64,
    /// How a graceful restart of its own ended.
    pub restarts: Vec<bool>,
    groups: BTreeSet<(IfIndex, Group)>,
    due: Option<Instant>,
    life: u32,
    alive: bool,
}

#[derive(Debug)]
struct Arrival {
    at: Instant,
    order: u64,
    node: NodeId,
    ifindex: IfIndex,
    source: IpAddr,
    destination: IpAddr,
    packet: Bytes,
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Arrival {}
impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// The network.
#[derive(Debug)]
pub struct OspfSim {
    /// Routers.
    pub nodes: Vec<OspfNode>,
    version: Version,
    links: Vec<Link>,
    start: Instant,
    now: Instant,
    arrivals: BinaryHeap<Arrival>,
    timers: BTreeSet<(Instant, usize)>,
    order: u64,
    random: u64,
    policy: Arc<PolicySet>,
}

/// Calls per router at one instant after which the network is taken for one that never comes to rest.
const MAX_CALLS: usize = 10_000;

impl OspfSim {
    /// Empty network.
    pub fn new(version: Version, seed: u64) -> Self {
        // The only reading of a clock: instants have no other origin. Everything is relative to it.
        let start = Instant::now() + Duration::from_secs(100_000);
        Self {
            nodes: Vec::new(),
            version,
            links: Vec::new(),
            start,
            now: start,
            arrivals: BinaryHeap::new(),
            timers: BTreeSet::new(),
            order: 0,
            random: seed,
            policy: Arc::new(PolicySet::default()),
        }
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Virtual time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The next draw.
    pub const fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Router ID of a router that [`Self::node`] made.
    pub fn router_id(node: NodeId) -> RouterId {
        RouterId(Ipv4Addr::from_bits(0x0101_0000 + node.0 as u32 + 1))
    }

    /// Adds a router without interfaces.
    pub fn node(&mut self) -> NodeId {
        let id = NodeId(self.nodes.len());
        let mut config = InstanceConfig::new(self.version, VrfId::DEFAULT, "default", Self::router_id(id));
        config.areas.insert(AreaId::BACKBONE, ferr_ospf::config::AreaConfig::default());
        let start = Start { seed: self.draw(), boot_count: 1, restarting: None };
        let ospf = Instance::new(config, self.policy.clone(), start, self.now);
        self.nodes.push(OspfNode {
            ospf,
            rib: BTreeMap::new(),
            changes: Vec::new(),
            notices: Vec::new(),
            sent: 0,
            restarts: Vec::new(),
            groups: BTreeSet::new(),
            due: None,
            life: 1,
            alive: true,
        });
        self.flush(id);
        id
    }

    /// Settings of an interface with FRR's defaults.
    fn interface(&self, node: NodeId, link: usize, member: usize, network: NetworkType) -> InterfaceConfig {
        let (high, low) = ((link >> 8) as u8, link as u8);
        let v2 = self.version == Version::V2;
        let addr = Ipv4Addr::new(10, high, low, member as u8 + 1);
        let prefix = Ipv4Prefix::new(Ipv4Addr::new(10, high, low, 0), 24);
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, link as u16, node.0 as u16, 1);
        let global = Ipv6Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, link as u16, 0, 0, 0, 0, 0), 64);
        let address = Ipv6Addr::new(0x2001, 0xdb8, link as u16, 0, 0, 0, 0, node.0 as u16 + 1);
        InterfaceConfig {
            address: prefix.filter(|_| v2).map(|prefix| (addr, prefix)),
            link_local: (!v2).then_some(link_local),
            prefixes: global.filter(|_| !v2).into_iter().collect(),
            addresses: if v2 { Vec::new() } else { vec![address] },
            ..InterfaceConfig::new(&format!("eth{link}"), AreaId::BACKBONE, network)
        }
    }

    /// Joins routers by a link; `adjust` may change the settings of each one's interface.
    pub fn link(
        &mut self,
        nodes: &[NodeId],
        network: NetworkType,
        adjust: impl Fn(usize, &mut InterfaceConfig),
    ) -> LinkId {
        let link = self.links.len();
        let ifindex = IfIndex(link as u32 + 1);
        let mut settings: Vec<InterfaceConfig> = nodes
            .iter()
            .enumerate()
            .map(|(member, node)| self.interface(*node, link, member, network))
            .collect();
        let addrs: Vec<Option<IpAddr>> = settings.iter().map(own_address).collect();
        for (member, config) in settings.iter_mut().enumerate() {
            let silent =
                matches!(network, NetworkType::NonBroadcast | NetworkType::PointToMultipointNonBroadcast);
            let others = addrs.iter().enumerate().filter(|(other, _)| silent && *other != member);
            let known = StaticNeighbor { priority: 1, poll: Duration::from_secs(60) };
            config.neighbors = others.filter_map(|(_, addr)| Some(((*addr)?, known))).collect();
            adjust(member, config);
        }
        let mut members = Vec::new();
        for (node, config) in nodes.iter().zip(&settings) {
            let key = InterfaceKey::Link(ifindex, config.address.map(|(addr, _)| addr));
            members.push(Member { node: *node, key, ifindex, side: 0 });
        }
        self.links.push(Link { members, faults: Faults::default(), up: true });
        for (node, config) in nodes.iter().zip(settings) {
            let key = InterfaceKey::Link(ifindex, config.address.map(|(addr, _)| addr));
            self.configure(*node, |instance| {
                instance.areas.entry(config.area).or_default();
                instance.interfaces.insert(key, config);
            });
        }
        LinkId(link)
    }

    /// How many links there are.
    pub const fn links(&self) -> usize {
        self.links.len()
    }

    /// Changes a router's configuration.
    pub fn configure(&mut self, node: NodeId, change: impl FnOnce(&mut InstanceConfig)) {
        let now = self.now;
        if let Some(n) = self.nodes.get_mut(node.0) {
            let mut config = n.ospf.config().clone();
            change(&mut config);
            n.ospf.configure(config, now);
        }
        self.flush(node);
    }

    /// Does something with a router's instance.
    pub fn with<T>(&mut self, node: NodeId, act: impl FnOnce(&mut Instance, Instant) -> T) -> Option<T> {
        let now = self.now;
        let result = self.nodes.get_mut(node.0).map(|n| act(&mut n.ospf, now));
        self.flush(node);
        result
    }

    /// What happens to packets on a link from now on.
    pub fn set_faults(&mut self, link: LinkId, faults: Faults) {
        if let Some(link) = self.links.get_mut(link.0) {
            link.faults = faults;
        }
    }

    /// Silently drops all packets of a link, or no longer.
    pub fn set_up(&mut self, link: LinkId, up: bool) {
        if let Some(link) = self.links.get_mut(link.0) {
            link.up = up;
        }
    }

    /// Takes the carrier of a link away or gives it back, at both ends.
    pub fn set_carrier(&mut self, link: LinkId, up: bool) {
        self.set_up(link, up);
        let Some(link) = self.links.get(link.0) else { return };
        let ends: Vec<(NodeId, InterfaceKey)> = link.members.iter().map(|m| (m.node, m.key)).collect();
        for (node, key) in ends {
            self.configure(node, |config| {
                config.interfaces.entry(key).and_modify(|interface| interface.up = up);
            });
        }
    }

    /// Splits a link: only members of one side hear each other.
    pub fn partition(&mut self, link: LinkId, side: impl Fn(NodeId) -> u8) {
        for member in self.links.get_mut(link.0).into_iter().flat_map(|link| &mut link.members) {
            member.side = side(member.node);
        }
    }

    /// Ends a router's process without a word.
    pub fn kill(&mut self, node: NodeId) {
        if let Some(n) = self.nodes.get_mut(node.0) {
            n.alive = false;
            n.groups.clear();
            self.timers.retain(|(_, other)| *other != node.0);
        }
    }

    /// Starts a router's process anew.
    pub fn revive(&mut self, node: NodeId, restarting: Option<Duration>) {
        let seed = self.draw();
        let Some(n) = self.nodes.get_mut(node.0) else { return };
        n.life += 1;
        n.alive = true;
        n.due = None;
        let start = Start { seed, boot_count: n.life, restarting };
        n.ospf = Instance::new(n.ospf.config().clone(), self.policy.clone(), start, self.now);
        self.flush(node);
    }

    /// Carries out what a router asks for.
    fn flush(&mut self, node: NodeId) {
        loop {
            let Some(n) = self.nodes.get_mut(node.0).filter(|n| n.alive) else { return };
            let Some(output) = n.ospf.poll_output() else { break };
            match output {
                Output::Transmit(transmit) => {
                    n.sent += 1;
                    self.transmit(node, &transmit);
                }
                Output::Join(ifindex, group) => {
                    n.groups.insert((ifindex, group));
                }
                Output::Leave(ifindex, group) => {
                    n.groups.remove(&(ifindex, group));
                }
                Output::Neighbor(change) => n.changes.push(change),
                Output::Notice(notice) => n.notices.push(notice),
                Output::RestartEnded(well) => n.restarts.push(well),
                Output::BfdPeersChanged | Output::SaveSequence(_) => {}
            }
        }
        let Some(n) = self.nodes.get_mut(node.0) else { return };
        for update in n.ospf.take_rib_updates() {
            match update {
                RouteUpdate::Set(key, spec) => n.rib.insert(key.prefix, Arc::unwrap_or_clone(spec)),
                RouteUpdate::Withdraw(key) => n.rib.remove(&key.prefix),
            };
        }
        let due = n.ospf.poll_timeout();
        if n.due != due {
            if let Some(before) = n.due {
                self.timers.remove(&(before, node.0));
            }
            n.due = due;
            self.timers.extend(due.map(|due| (due, node.0)));
        }
    }

    fn transmit(&mut self, node: NodeId, packet: &Transmit) {
        let mut receivers: Vec<(NodeId, IfIndex, Faults)> = Vec::new();
        for link in self.links.iter().filter(|link| link.up) {
            let here = packet.ifindex.map(|ifindex| {
                link.members.iter().find(|member| member.node == node && member.ifindex == ifindex)
            });
            let side = match here {
                Some(None) => continue,
                Some(Some(member)) => Some(member.side),
                None => None,
            };
            for member in link.members.iter().filter(|member| member.node != node) {
                if side.is_none_or(|side| side == member.side) && self.takes(member, packet.destination) {
                    receivers.push((member.node, member.ifindex, link.faults));
                }
            }
        }
        for (to, ifindex, faults) in receivers {
            if self.draw() % 1000 < u64::from(faults.loss) {
                continue;
            }
            let extra = faults.jitter.mul_f64((self.draw() % 1000) as f64 / 1000.0);
            self.order += 1;
            self.arrivals.push(Arrival {
                at: self.now + faults.latency + extra,
                order: self.order,
                node: to,
                ifindex,
                source: packet.source,
                destination: packet.destination,
                packet: packet.packet.clone(),
            });
        }
    }

    fn takes(&self, member: &Member, destination: IpAddr) -> bool {
        let Some(node) = self.nodes.get(member.node.0).filter(|node| node.alive) else { return false };
        let group = match destination {
            IpAddr::V4(addr) if addr == Ipv4Addr::new(224, 0, 0, 5) => Some(Group::AllSpfRouters),
            IpAddr::V4(addr) if addr == Ipv4Addr::new(224, 0, 0, 6) => Some(Group::AllDRouters),
            IpAddr::V6(addr) if addr == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 5) => {
                Some(Group::AllSpfRouters)
            }
            IpAddr::V6(addr) if addr == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 6) => {
                Some(Group::AllDRouters)
            }
            _ => None,
        };
        if let Some(group) = group {
            return node.groups.contains(&(member.ifindex, group));
        }
        let interface = node.ospf.config().interfaces.get(&member.key);
        interface.is_some_and(|interface| {
            let global = interface.addresses.iter().any(|addr| IpAddr::V6(*addr) == destination);
            own_address(interface) == Some(destination) || global
        })
    }

    /// Runs for a time.
    pub fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        let mut calls = 0;
        loop {
            let arrival = self.arrivals.peek().map(|arrival| arrival.at);
            let timer = self.timers.first().map(|(at, _)| *at);
            let Some(at) = arrival.into_iter().chain(timer).min().filter(|at| *at <= until) else { break };
            calls = if at > self.now { 0 } else { calls + 1 };
            assert!(calls < MAX_CALLS * (10 + self.nodes.len()), "no rest at {:?}", self.elapsed());
            self.now = self.now.max(at);
            if arrival == Some(at) {
                self.arrive();
            } else if let Some((_, node)) = self.timers.pop_first() {
                if let Some(n) = self.nodes.get_mut(node) {
                    n.due = None;
                    n.ospf.handle_timeout(self.now);
                }
                self.flush(NodeId(node));
            }
        }
        self.now = until;
    }

    fn arrive(&mut self) {
        let Some(arrival) = self.arrivals.pop() else { return };
        let Some(node) = self.nodes.get_mut(arrival.node.0).filter(|node| node.alive) else { return };
        let received = Received {
            ifindex: arrival.ifindex,
            source: arrival.source,
            destination: arrival.destination,
            payload: &arrival.packet,
        };
        node.ospf.receive(&received, self.now);
        self.flush(arrival.node);
    }

    /// Runs until `done`, looking every 100 ms; false when that did not happen in time.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        while self.now < end {
            if done(self) {
                return true;
            }
            self.run_for(Duration::from_millis(100));
        }
        done(self)
    }

    /// Neighbors of a router in a state.
    pub fn neighbors_in(&self, node: NodeId, state: NeighborState) -> usize {
        let neighbors = self.nodes.get(node.0).map(|node| node.ospf.neighbors(None)).unwrap_or_default();
        neighbors.iter().filter(|neighbor| neighbor.state == state).count()
    }

    /// The LSAs of a scope as a router has them: what names them, their sequence number and checksum.
    pub fn database(&self, node: NodeId, scope: ScopeId) -> BTreeMap<LsaKey, (i32, u16)> {
        let Some(node) = self.nodes.get(node.0) else { return BTreeMap::new() };
        let live = node.ospf.lsdb().scope(scope).filter(|(_, stored)| !stored.age(self.now).is_max());
        live.filter_map(|(key, stored)| {
            let header = stored.lsa(self.version)?.header;
            Some((*key, (header.sequence.0, header.checksum)))
        })
        .collect()
    }

    /// Two routers of an area whose databases differ.
    pub fn differing(&self, area: AreaId) -> Option<(NodeId, NodeId)> {
        let has =
            |node: &OspfNode| node.ospf.config().interfaces.values().any(|interface| interface.area == area);
        let mut members = (0..self.nodes.len()).filter(|i| self.nodes.get(*i).is_some_and(has)).map(NodeId);
        let first = members.next()?;
        let whole = |node| [ScopeId::Area(area), ScopeId::As].map(|scope| self.database(node, scope));
        let expected = whole(first);
        members.find(|node| whole(*node) != expected).map(|node| (first, node))
    }
}

fn own_address(config: &InterfaceConfig) -> Option<IpAddr> {
    config.address.map(|(addr, _)| addr.into()).or(config.link_local.map(Into::into))
}
