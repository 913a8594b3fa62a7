//! The BGP thread: speakers, and the loop that feeds them.
//!
//! One task owns all speakers. Tasks of connections (`conn`) and listeners (`listen`) only move bytes, through bounded queues:
//! when the speakers are busy, or the RIB is behind, sockets are not read.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::BytesMut;
use ferr_bgp::{Accept, ConnId, DownReason, ForeignRoute, Output, Seeds};
use ferr_netio::{ConnectOptions, Md5Key, TtlMode};
use ferr_policy::PolicySet;
use ferr_rib::RibEvent;
use ferr_state::{BgpInstance, BgpJob, BgpWorld, NO_VRF};
use ferr_types::{
    Distance, IfIndex, Metric, NexthopInfo, NexthopReach, NexthopWatch, PeerId, Protocol, VrfId,
};
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use crate::bgp_log::log_record;
use crate::conn::{Conn, ConnEvent, ConnKey, ConnKind, Farewells};
use crate::listen::Listeners;
use crate::rib_thread::{RibMessage, sleep_until};
use crate::surroundings::Surroundings;
use crate::translate::bgp as desired;
use crate::{EngineError, OwnerId};

/// Offers per message to the RIB.
const ROUTE_BATCH: usize = 1024;
/// Offers that may wait for the RIB before sockets are not read any more.
const ROUTE_BACKLOG: usize = 4 * ROUTE_BATCH;
/// Events of connections that may wait: with 64 KiB each, 1 MiB.
const CONN_EVENTS: usize = 16;

/// What the configuration's owner says to the BGP thread.
#[derive(Debug)]
pub(crate) enum BgpMessage {
    /// The whole of what is configured.
    Configure(Box<desired::Bgp>),
    /// New policy, and the names whose meaning changed.
    Policy(Arc<PolicySet>, HashSet<String>),
    /// A router's link-local address was seen on an interface.
    NeighborFound(IfIndex, IpAddr),
    /// BFD towards a neighbor changed.
    Bfd {
        /// Name of the instance.
        instance: String,
        /// The neighbor.
        neighbor: IpAddr,
        /// It is up; else it failed.
        up: bool,
    },
    /// All routes go to the RIB again.
    Reinstall,
    /// The configuration has been read: sessions may begin.
    Start,
    /// Say goodbye to all peers; answered when it is said.
    Stop(tokio::sync::oneshot::Sender<()>),
}

/// Ends of the queues.
pub(crate) struct BgpPorts {
    pub(crate) jobs: mpsc::Receiver<BgpJob>,
    pub(crate) messages: mpsc::Receiver<BgpMessage>,
    pub(crate) events: mpsc::Receiver<Vec<RibEvent>>,
    pub(crate) rib: mpsc::Sender<RibMessage>,
    pub(crate) around: watch::Receiver<Arc<Surroundings>>,
}

/// Starts the thread.
///
/// # Errors
/// A thread that cannot be started.
pub(crate) fn spawn(ports: BgpPorts) -> Result<JoinHandle<()>, EngineError> {
    let body = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return error!("cannot start BGP's runtime: {error}"),
        };
        let local = tokio::task::LocalSet::new();
        let (conn_tx, conn_rx) = mpsc::channel(CONN_EVENTS);
        let worker = Worker {
            world: BgpWorld::default(),
            running: BTreeMap::new(),
            listeners: Listeners::new(conn_tx.clone()),
            desired: desired::Bgp::default(),
            ports,
            conn_tx,
            conn_rx,
            to_rib: VecDeque::new(),
            next_accept: 0,
            next_owner: 1,
            started: false,
            farewells: Farewells::default(),
        };
        runtime.block_on(local.run_until(worker.run()));
    };
    thread::Builder::new().name("ferr-bgp".to_owned()).spawn(body).map_err(EngineError::Thread)
}

/// What belongs to one speaker outside of it.
struct Running {
    owner: OwnerId,
    vrf: VrfId,
    conns: HashMap<ConnId, Conn>,
}

struct Worker {
    world: BgpWorld,
    running: BTreeMap<String, Running>,
    listeners: Listeners,
    desired: desired::Bgp,
    ports: BgpPorts,
    conn_tx: mpsc::Sender<ConnEvent>,
    conn_rx: mpsc::Receiver<ConnEvent>,
    to_rib: VecDeque<RibMessage>,
    next_accept: u64,
    next_owner: u32,
    started: bool,
    farewells: Farewells,
}

/// What the loop woke up for.
enum Step {
    Job(BgpJob),
    RibHasRoom,
    Message(Option<BgpMessage>),
    Rib(Vec<RibEvent>),
    Surroundings,
    Conn(ConnEvent),
    Work,
    Timeout,
}

/// Names of accepted connections, clear of those of attempts.
const ACCEPTED: u64 = 1 << 63;

impl Worker {
    async fn run(mut self) {
        loop {
            let more = self.turn();
            let backlog = self.to_rib.len() + self.backlog();
            let timeout = self.poll_timeout();
            let reads = backlog < ROUTE_BACKLOG / ROUTE_BATCH;
            let step = tokio::select! {
                biased;
                Some(job) = self.ports.jobs.recv() => Step::Job(job),
                Ok(_) = self.ports.rib.reserve(), if !self.to_rib.is_empty() => Step::RibHasRoom,
                message = self.ports.messages.recv() => Step::Message(message),
                Some(events) = self.ports.events.recv() => Step::Rib(events),
                Ok(()) = self.ports.around.changed() => Step::Surroundings,
                Some(event) = self.conn_rx.recv(), if reads => Step::Conn(event),
                () = std::future::ready(()), if more => Step::Work,
                () = sleep_until(timeout) => Step::Timeout,
            };
            match step {
                Step::Job(job) => job(&mut self.world, Instant::now()),
                Step::RibHasRoom => self.feed_rib(),
                Step::Message(None) => return,
                Step::Message(Some(BgpMessage::Stop(done))) => return self.stop(done).await,
                Step::Message(Some(message)) => self.message(message),
                Step::Rib(events) => self.rib_events(events),
                Step::Surroundings => self.surroundings(),
                Step::Conn(event) => self.conn_event(event),
                Step::Work => {}
                Step::Timeout => {
                    let now = Instant::now();
                    self.world.instances.values_mut().for_each(|i| i.bgp.handle_timeout(now));
                }
            }
        }
    }

    /// Hands messages on while the RIB takes them.
    fn feed_rib(&mut self) {
        while let Some(message) = self.to_rib.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(message)) = self.ports.rib.try_send(message) {
                return self.to_rib.push_front(message);
            }
        }
    }

    /// Batches of offers that wait in the speakers.
    fn backlog(&self) -> usize {
        self.world.instances.values().map(|i| i.bgp.rib_backlog()).sum::<usize>() / ROUTE_BATCH
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.world.instances.values_mut().filter_map(|i| i.bgp.poll_timeout()).min()
    }

    /// Carries out what the speakers want; true when they have more work of their own.
    fn turn(&mut self) -> bool {
        let now = Instant::now();
        let names: Vec<String> = self.world.instances.keys().cloned().collect();
        let mut more = false;
        for name in names {
            // A pass over a full table must not pile its changes up before a RIB that is busy.
            if let Some(instance) = self.world.instances.get_mut(&name)
                && self.to_rib.len() < ROUTE_BACKLOG / ROUTE_BATCH
            {
                more |= instance.bgp.work(now);
            }
            while let Some(output) = self.world.instances.get_mut(&name).and_then(|i| i.bgp.poll_output()) {
                self.output(&name, output);
            }
            self.offers(&name);
        }
        more
    }

    fn offers(&mut self, name: &str) {
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        let updates = instance.bgp.take_rib_updates();
        if instance.view || instance.bgp.config().vrf == NO_VRF {
            return;
        }
        let mut updates = updates.into_iter().peekable();
        while updates.peek().is_some() {
            let batch: Vec<_> = updates.by_ref().take(ROUTE_BATCH).collect();
            self.to_rib.push_back(RibMessage::Routes(batch));
        }
    }

    fn output(&mut self, name: &str, output: Output) {
        if let Output::Watch(watch) | Output::Unwatch(watch) = &output
            && let Some(instance) = self.world.instances.get_mut(name)
            && (instance.view || instance.bgp.config().vrf == NO_VRF)
        {
            if instance.view && matches!(output, Output::Watch(_)) {
                instance.bgp.nexthop_changed(anywhere(*watch), Instant::now());
            }
            return;
        }
        let Some(running) = self.running.get_mut(name) else { return };
        match output {
            Output::Connect { peer, conn } => self.connect(name, peer, conn),
            Output::Close { conn } => {
                self.transmit(name, conn);
                if let Some(conn) = self.take_conn(name, conn) {
                    self.farewells.close(conn);
                }
            }
            Output::Transmit { conn } => self.transmit(name, conn),
            Output::Watch(watch) => self.to_rib.push_back(RibMessage::Watch(running.owner, watch)),
            Output::Unwatch(watch) => self.to_rib.push_back(RibMessage::Unwatch(running.owner, watch)),
            Output::Log(record) => log_record(&record),
            Output::SessionUp { peer } => {
                let neighbor = self.world.instances.get(name).and_then(|i| i.bgp.neighbor(peer));
                if let Some(addr) = neighbor.filter(|n| n.bfd).and_then(|n| n.addr) {
                    self.to_rib.push_back(RibMessage::Alive(running.vrf, addr));
                }
            }
            Output::SessionDown { .. } | Output::DynamicRemoved { .. } => {}
        }
    }

    /// Moves octets from a speaker to a connection while this has room.
    fn transmit(&mut self, name: &str, id: ConnId) {
        let now = Instant::now();
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        let Some(conn) = self.running.get_mut(name).and_then(|r| r.conns.get_mut(&id)) else {
            // Nobody is there to send it to.
            while instance.bgp.poll_transmit(now, id).is_some() {}
            return;
        };
        while let Some(room) = conn.room() {
            match instance.bgp.poll_transmit(now, id) {
                Some(bytes) => room.send(bytes),
                None => {
                    instance.bgp.write_blocked(now, id, false);
                    return;
                }
            }
        }
        instance.bgp.write_blocked(now, id, true);
    }

    fn connect(&mut self, name: &str, peer: PeerId, id: ConnId) {
        let now = Instant::now();
        let options = self.connect_options(name, peer);
        let key = ConnKey { instance: name.to_owned(), conn: id };
        let conn =
            options.and_then(|o| Conn::connect(key, &o, self.conn_tx.clone()).map_err(|e| e.to_string()));
        match conn {
            Ok(conn) => {
                if let Some(running) = self.running.get_mut(name) {
                    running.conns.insert(id, conn);
                }
            }
            Err(error) => {
                warn!("BGP: cannot connect to a neighbor of {name}: {error}");
                if let Some(instance) = self.world.instances.get_mut(name) {
                    instance.bgp.connect_failed(now, id);
                }
            }
        }
    }

    fn connect_options(&self, name: &str, peer: PeerId) -> Result<ConnectOptions, String> {
        let instance = self.world.instances.get(name).ok_or("no such instance")?;
        let neighbor = instance.bgp.neighbor(peer).ok_or("no such neighbor")?;
        let addr = neighbor.addr.ok_or("its address is not known yet")?;
        let wanted = self.desired.instances.get(name).ok_or("not configured")?;
        let transport = wanted.neighbors.get(&neighbor.name).map(|n| n.transport.clone()).unwrap_or_default();
        let md5 = match &transport.password {
            None => None,
            Some(password) => {
                let full = if addr.is_ipv4() { 32 } else { 128 };
                let key = Md5Key::new(addr, full, None, password.reveal());
                Some(key.ok_or("the password is empty or longer than 80 octets")?)
            }
        };
        if neighbor.update_source_text.is_some() && neighbor.update_source.is_none() {
            return Err(format!("{}: its update-source has no address", neighbor.name));
        }
        Ok(ConnectOptions {
            remote: std::net::SocketAddr::new(addr, neighbor.port),
            scope: neighbor.interface,
            local: neighbor.update_source,
            device: wanted.device.clone(),
            ttl: ttl_of(neighbor),
            md5,
            mss: transport.mss,
            tos: self.desired.tos,
        })
    }

    fn conn_event(&mut self, event: ConnEvent) {
        let now = Instant::now();
        let ConnKey { instance: name, conn } = event.key;
        match event.kind {
            ConnKind::Accepted(stream, bound) => self.accept(stream, bound),
            ConnKind::Connected(stream) => {
                let around = self.ports.around.borrow().clone();
                let Some(running) = self.running.get_mut(&name) else { return };
                let Some(held) = running.conns.get_mut(&conn) else { return };
                let Some(ends) = held.start(stream) else { return };
                let addresses = around.session_addresses(running.vrf, ends.0.ip(), ends.1.ip());
                if let Some(instance) = self.world.instances.get_mut(&name) {
                    instance.bgp.connected(now, conn, ends, addresses);
                }
            }
            ConnKind::Failed => {
                if let Some(running) = self.running.get_mut(&name) {
                    running.conns.remove(&conn);
                }
                if let Some(instance) = self.world.instances.get_mut(&name) {
                    instance.bgp.connect_failed(now, conn);
                }
            }
            ConnKind::Data(bytes) => self.data(&name, conn, bytes),
            ConnKind::Drained => self.transmit(&name, conn),
            ConnKind::Closed => {
                drop(self.take_conn(&name, conn));
                if let Some(instance) = self.world.instances.get_mut(&name) {
                    instance.bgp.closed(now, conn);
                }
            }
        }
    }

    fn take_conn(&mut self, name: &str, id: ConnId) -> Option<Conn> {
        let conn = self.running.get_mut(name)?.conns.remove(&id)?;
        if let (Some(remote), Some(instance)) = (conn.remote(), self.world.instances.get_mut(name)) {
            instance.round_trips.remove(&remote);
        }
        Some(conn)
    }

    fn data(&mut self, name: &str, id: ConnId, bytes: BytesMut) {
        let Some(conn) = self.running.get_mut(name).and_then(|r| r.conns.get_mut(&id)) else { return };
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        instance.round_trips.extend(conn.round_trip());
        let mut buffer = conn.take_partial(bytes);
        let used = instance.bgp.received(Instant::now(), id, &buffer);
        let rest = buffer.split_off(used.min(buffer.len()));
        if let Some(conn) = self.running.get_mut(name).and_then(|r| r.conns.get_mut(&id)) {
            conn.keep_partial(rest);
        }
    }

    fn accept(&mut self, stream: tokio::net::TcpStream, bound: IfIndex) {
        let now = Instant::now();
        // Bound to a VRF's device; to a link of any VRF when the peer's address is link-local; or to none.
        let vrf = self.ports.around.borrow().links.get(&bound).map_or(VrfId(bound.0), |l| l.vrf);
        let Some(name) = stream.peer_addr().ok().and_then(|a| self.instance_for(vrf, a.ip())) else { return };
        self.next_accept += 1;
        let id = ConnId(ACCEPTED + self.next_accept);
        let key = ConnKey { instance: name.clone(), conn: id };
        let Some((conn, ends)) = Conn::accepted(key, stream, self.conn_tx.clone()) else { return };
        let remote = ends.1.ip();
        if self.listeners.is_unprotected(vrf, remote) {
            warn!("BGP: {remote} refused: its password could not be set on the listening socket");
            return conn.close();
        }
        let around = self.ports.around.borrow().clone();
        let addresses = around.session_addresses(vrf, ends.0.ip(), remote);
        let (Some(running), Some(instance)) =
            (self.running.get_mut(&name), self.world.instances.get_mut(&name))
        else {
            return;
        };
        running.conns.insert(id, conn);
        match instance.bgp.accepted(now, id, ends, addresses) {
            Accept::Peer(peer) => {
                let neighbor = instance.bgp.neighbor(peer);
                let wanted = self.desired.instances.get(&name);
                let named = neighbor.and_then(|n| wanted?.neighbors.get(&n.name));
                let mss = named.and_then(|n| n.transport.mss);
                let ttl = neighbor.map(ttl_of);
                if let Some(conn) = running.conns.get(&id)
                    && let Some(ttl) = ttl
                    && let Err(error) = conn.adjust(ttl, mss)
                {
                    warn!("BGP: {remote}: {error}");
                }
            }
            Accept::Refuse => {
                if let Some(conn) = running.conns.remove(&id) {
                    conn.close();
                }
            }
        }
    }

    fn rib_events(&mut self, events: Vec<RibEvent>) {
        let now = Instant::now();
        let around = self.ports.around.borrow().clone();
        for event in events {
            let owner = match &event {
                RibEvent::Nexthop { owner, .. }
                | RibEvent::RedistSet { owner, .. }
                | RibEvent::RedistWithdraw { owner, .. } => *owner,
            };
            let name = self.running.iter().find(|(_, r)| r.owner == owner).map(|(n, _)| n);
            let Some(instance) = name.and_then(|n| self.world.instances.get_mut(n)) else { continue };
            match event {
                RibEvent::Nexthop { info, .. } => instance.bgp.nexthop_changed(info, now),
                RibEvent::RedistSet { route, .. } => {
                    let interface = route.ifindex.and_then(|i| around.links.get(&i)).map(|l| l.name.clone());
                    let foreign = ForeignRoute {
                        prefix: route.prefix,
                        protocol: route.protocol,
                        metric: route.metric.0,
                        tag: route.tag.0,
                        gateway: route.nexthops.first().and_then(|n| n.addr()),
                        ifindex: route.ifindex,
                        interface,
                    };
                    instance.bgp.redistribute(foreign, now);
                }
                RibEvent::RedistWithdraw { prefix, protocol, .. } => {
                    instance.bgp.redistribute_withdraw(prefix, protocol, now);
                }
            }
        }
    }

    fn surroundings(&mut self) {
        let now = Instant::now();
        let around = self.ports.around.borrow_and_update().clone();
        for (name, running) in &self.running {
            let Some(instance) = self.world.instances.get_mut(name) else { continue };
            instance.bgp.set_own_addresses(around.own_addresses(running.vrf).collect());
            for link in around.links.values().filter(|l| l.vrf == running.vrf && !l.operative()) {
                instance.bgp.interface_down(link.ifindex, now);
            }
        }
    }

    fn message(&mut self, message: BgpMessage) {
        let now = Instant::now();
        match message {
            BgpMessage::Configure(desired) => self.configure(*desired),
            BgpMessage::Policy(policy, changed) => {
                self.world.policy = policy.clone();
                for instance in self.world.instances.values_mut() {
                    instance.bgp.set_policy(policy.clone(), |name| changed.contains(name), now);
                }
            }
            BgpMessage::Bfd { instance, neighbor, up } => self.bfd(&instance, neighbor, up, now),
            BgpMessage::Reinstall => {
                self.world.instances.values_mut().for_each(|i| i.bgp.reinstall(now));
            }
            BgpMessage::Start => {
                self.started = true;
                self.start_instances(now);
            }
            BgpMessage::NeighborFound(ifindex, addr) => {
                for instance in self.world.instances.values_mut() {
                    instance.bgp.neighbor_discovered(ifindex, addr, now);
                }
            }
            BgpMessage::Stop(_) => {}
        }
    }

    /// A session that never came up tears nothing down; one that came back changes nothing for BGP.
    fn bfd(&mut self, name: &str, neighbor: IpAddr, up: bool, now: Instant) {
        let Some(instance) = self.world.instances.get_mut(name).filter(|_| !up) else { return };
        let wants = |c: &ferr_bgp::config::NeighborConfig| c.bfd && c.addr == Some(neighbor);
        let peers: Vec<PeerId> =
            instance.bgp.neighbors().filter(|(_, c)| wants(c)).map(|(id, _)| id).collect();
        for peer in peers {
            instance.bgp.reset(peer, DownReason::BfdDown, now);
        }
    }

    fn start_instances(&mut self, now: Instant) {
        let present = self.world.instances.values_mut().filter(|i| i.bgp.config().vrf != NO_VRF);
        present.for_each(|i| i.bgp.start(now));
    }

    /// The instance that a connection is for. Views share the sockets of the default instance.
    fn instance_for(&self, vrf: VrfId, remote: IpAddr) -> Option<String> {
        let remote = remote.to_canonical();
        let of_vrf = || self.running.iter().filter(move |(_, r)| r.vrf == vrf).map(|(name, _)| name);
        let knows = |name: &&String| {
            let instance = self.world.instances.get(*name);
            instance.is_some_and(|i| i.bgp.neighbors().any(|(_, c)| c.addr == Some(remote)))
        };
        let expects = |name: &&String| {
            let wanted = self.desired.instances.get(*name);
            wanted.is_some_and(|i| i.listen.iter().any(|(range, _)| range.contains(remote)))
        };
        let is_view = |name: &&String| self.world.instances.get(*name).is_some_and(|i| i.view);
        let found = of_vrf().find(knows).or_else(|| of_vrf().find(expects));
        found.or_else(|| of_vrf().find(|name| !is_view(name))).cloned()
    }

    /// Brings the speakers in line with what is configured.
    fn configure(&mut self, desired: desired::Bgp) {
        let now = Instant::now();
        let old = std::mem::replace(&mut self.desired, desired);
        let names: Vec<String> = self.running.keys().cloned().collect();
        for name in names {
            let replaced = match self.desired.instances.get(&name) {
                None => true,
                Some(new) => old.instances.get(&name).is_some_and(|o| {
                    o.config.asn != new.config.asn || o.config.vrf != new.config.vrf || o.view != new.view
                }),
            };
            if replaced {
                self.remove_instance(&name);
            }
        }
        let wanted: Vec<(String, desired::Instance)> =
            self.desired.instances.iter().map(|(n, i)| (n.clone(), i.clone())).collect();
        for (name, instance) in &wanted {
            self.ensure_instance(name, instance);
            self.configure_instance(name, instance, old.instances.get(name));
        }
        let errors = self.listeners.configure(&self.desired);
        errors.iter().for_each(|e| error!("BGP: {e}"));
        if self.started {
            self.start_instances(now);
        }
    }

    fn ensure_instance(&mut self, name: &str, wanted: &desired::Instance) {
        if self.running.contains_key(name) {
            return;
        }
        let now = Instant::now();
        let owner = OwnerId(self.next_owner);
        self.next_owner += 1;
        let seeds = Seeds { hash: rand::random(), dice: rand::random(), first_conn: 1 };
        let mut bgp = ferr_bgp::Instance::new(wanted.config.clone(), self.world.policy.clone(), seeds, now);
        let around = self.ports.around.borrow().clone();
        bgp.set_own_addresses(around.own_addresses(wanted.config.vrf).collect());
        self.world
            .instances
            .insert(name.to_owned(), BgpInstance { bgp, view: wanted.view, round_trips: BTreeMap::new() });
        let running = Running { owner, vrf: wanted.config.vrf, conns: HashMap::new() };
        self.running.insert(name.to_owned(), running);
    }

    fn configure_instance(
        &mut self,
        name: &str,
        wanted: &desired::Instance,
        old: Option<&desired::Instance>,
    ) {
        let now = Instant::now();
        let (Some(running), Some(instance)) = (self.running.get(name), self.world.instances.get_mut(name))
        else {
            return;
        };
        let owner = running.owner;
        let before = old.map(|o| o.redistribute.clone()).unwrap_or_default();
        for gone in before.iter().filter(|r| !wanted.redistribute.contains(r)) {
            self.to_rib.push_back(RibMessage::Unsubscribe(owner, *gone));
        }
        instance.bgp.configure(wanted.config.clone(), now);
        for new in wanted.redistribute.iter().filter(|r| !before.contains(r)) {
            self.to_rib.push_back(RibMessage::Subscribe(owner, *new));
        }
        let known: Vec<(PeerId, String, bool)> =
            instance.bgp.neighbors().map(|(id, c)| (id, c.name.clone(), c.dynamic)).collect();
        for (id, neighbor, dynamic) in &known {
            if !dynamic && !wanted.neighbors.contains_key(neighbor) {
                instance.bgp.remove_neighbor(*id, now);
            }
        }
        for (neighbor, n) in &wanted.neighbors {
            match known.iter().find(|(_, known, _)| known == neighbor) {
                None => {
                    instance.bgp.add_neighbor(n.config.clone(), now);
                }
                Some((id, ..)) => {
                    let mut config = n.config.clone();
                    if config.addr.is_none() {
                        // Learnt, not configured.
                        config.addr = instance.bgp.neighbor(*id).and_then(|c| c.addr);
                    }
                    instance.bgp.change_neighbor(*id, config, now);
                    let password =
                        |i: &desired::Instance| i.neighbors.get(neighbor).map(|n| n.transport.clone());
                    if old.and_then(password) != password(wanted) {
                        instance.bgp.reset(*id, DownReason::ConfigChange, now);
                    }
                }
            }
        }
        let listen = wanted.listen.iter().map(|(range, n)| (*range, n.config.clone())).collect();
        instance.bgp.set_listen_ranges(listen, now);
    }

    fn remove_instance(&mut self, name: &str) {
        let now = Instant::now();
        if let Some(instance) = self.world.instances.get_mut(name) {
            instance.bgp.shutdown(now);
        }
        self.turn();
        self.world.instances.remove(name);
        if let Some(running) = self.running.remove(name) {
            running.conns.into_values().for_each(|conn| self.farewells.close(conn));
            self.to_rib.push_back(RibMessage::OwnerGone(running.owner, running.vrf));
        }
    }

    async fn stop(mut self, done: tokio::sync::oneshot::Sender<()>) {
        let now = Instant::now();
        self.world.instances.values_mut().for_each(|i| i.bgp.shutdown(now));
        self.turn();
        for running in std::mem::take(&mut self.running).into_values() {
            running.conns.into_values().for_each(|conn| self.farewells.close(conn));
        }
        self.farewells.said().await;
        let _ = done.send(());
    }
}

/// A view forwards nothing: every next hop will do, every network is there, and the RIB is not asked.
fn anywhere(watch: NexthopWatch) -> NexthopInfo {
    let via = NexthopReach {
        prefix: watch.target,
        protocol: Protocol::Connected,
        metric: Metric(0),
        distance: Distance(0),
        connected: true,
        nexthops: Vec::new(),
    };
    NexthopInfo { watch, via: Some(via) }
}

fn ttl_of(neighbor: &ferr_bgp::config::NeighborConfig) -> TtlMode {
    use ferr_bgp::config::Reach;
    match neighbor.reach {
        Reach::Direct => TtlMode::Hops(1),
        Reach::Multihop(hops) => TtlMode::Hops(hops),
        Reach::TtlSecurity(hops) => TtlMode::Security(hops),
    }
}
