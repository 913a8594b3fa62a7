//! The BGP thread: speakers, and the loop that feeds them.
//!
//! One task owns all speakers. Tasks of connections (`conn`) and listeners (`listen`) only move bytes, through bounded queues:
//! when the speakers are busy, or the RIB is behind, sockets are not read.

mod bfd;
mod connections;
mod instances;
mod leaks;
mod rib;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_bgp::{BfdPeer, BfdState, ConnId, Leaks, Output};
use ferr_policy::PolicySet;
use ferr_rib::GuardedGateway;
use ferr_state::{BgpJob, BgpWorld, NO_VRF};
use ferr_types::{IfIndex, VrfId};
use tokio::sync::{mpsc, watch};
use tracing::error;

pub(crate) use self::bfd::{Learnt, LearntNeighbors};
use self::rib::{Owing, anywhere};
use crate::bgp_log::log_record;
use crate::conn::{Conn, ConnEvent, Farewells};
use crate::listen::Listeners;
use crate::rib_thread::{RibMessage, ToBgp, sleep_until};
use crate::surroundings::Surroundings;
use crate::translate::bgp as desired;
use crate::{EngineError, OwnerId};

/// Offers per message to the RIB.
const ROUTE_BATCH: usize = 1024;
/// Offers that may wait for the RIB before sockets are not read any more.
const ROUTE_BACKLOG: usize = 4 * ROUTE_BATCH;
/// How long the next timer counts as known: asking hundreds of neighbors after each event would take longer than the events.
const TIMERS_KNOWN: Duration = Duration::from_millis(5);
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
    /// BFD towards a neighbor of an instance changed.
    Bfd(String, BfdPeer, BfdState),
    /// All routes go to the RIB again.
    Reinstall,
    /// The configuration has been read: sessions may begin.
    Start,
    /// Say goodbye to all peers.
    Stop {
        /// What the kernel has of ours stays, and the daemon will be back.
        stays: bool,
        /// Answered when it is said.
        done: tokio::sync::oneshot::Sender<()>,
    },
}

/// Ends of the queues.
pub(crate) struct BgpPorts {
    pub(crate) jobs: mpsc::Receiver<BgpJob>,
    /// Jobs that read slices of tables.
    pub(crate) slices: mpsc::Receiver<BgpJob>,
    pub(crate) messages: mpsc::Receiver<BgpMessage>,
    pub(crate) events: mpsc::Receiver<ToBgp>,
    pub(crate) rib: mpsc::Sender<RibMessage>,
    pub(crate) around: watch::Receiver<Arc<Surroundings>>,
    /// Where what is learnt of neighbors with BFD is published.
    pub(crate) learnt: watch::Sender<LearntNeighbors>,
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
            alive: BTreeSet::new(),
            learnt_dirty: false,
            leaks: Leaks::default(),
            timers: None,
            turns: Turns::default(),
            owed: Owing::default(),
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
    /// Neighbors that live, as BFD says, by instance.
    alive: BTreeSet<(String, BfdPeer)>,
    /// What is known of neighbors with BFD may have changed.
    learnt_dirty: bool,
    /// Routes between the speakers.
    leaks: Leaks,
    /// When the speakers were asked for their next timer, and what they said.
    timers: Option<(Instant, Option<Instant>)>,
    turns: Turns,
    /// What the RIB knows of what neighbors have still to say.
    owed: Owing,
}

/// Whose turn it is among those who would otherwise keep all others waiting: a slice of a table, or a timer, comes after each
/// other step if there is one, and never twice in a row while others wait.
#[derive(Debug, Default)]
struct Turns {
    slice: bool,
    timer: bool,
}

impl Turns {
    fn took(&mut self, step: &Step) {
        self.slice = !matches!(step, Step::Slice(_));
        self.timer = !matches!(step, Step::Timeout);
    }
}

/// What the loop woke up for.
enum Step {
    Job(BgpJob),
    Slice(BgpJob),
    RibHasRoom,
    Message(Option<BgpMessage>),
    Rib(ToBgp),
    Surroundings,
    Conn(ConnEvent),
    Work,
    Timeout,
}

impl Worker {
    async fn run(mut self) {
        loop {
            let more = self.turn();
            let backlog = self.to_rib.len() + self.backlog();
            let timeout = self.poll_timeout();
            let reads = backlog < ROUTE_BACKLOG / ROUTE_BATCH;
            let step = match self.waiting(timeout) {
                Some(step) => step,
                None => tokio::select! {
                    biased;
                    Some(job) = self.ports.jobs.recv() => Step::Job(job),
                    Ok(_) = self.ports.rib.reserve(), if !self.to_rib.is_empty() => Step::RibHasRoom,
                    message = self.ports.messages.recv() => Step::Message(message),
                    Some(events) = self.ports.events.recv() => Step::Rib(events),
                    Ok(()) = self.ports.around.changed() => Step::Surroundings,
                    Some(event) = self.conn_rx.recv(), if reads => Step::Conn(event),
                    Some(job) = self.ports.slices.recv() => Step::Slice(job),
                    () = std::future::ready(()), if more => Step::Work,
                    () = sleep_until(timeout) => Step::Timeout,
                },
            };
            self.turns.took(&step);
            match step {
                Step::Job(job) => job(&mut self.world, Instant::now()),
                Step::Slice(job) => {
                    job(&mut self.world, Instant::now());
                    // Many who read tables would keep the connections' tasks, which run on this thread too, from their work.
                    tokio::task::yield_now().await;
                }
                Step::RibHasRoom => self.feed_rib(),
                Step::Message(None) => return,
                Step::Message(Some(BgpMessage::Stop { stays, done })) => return self.stop(stays, done).await,
                Step::Message(Some(message)) => self.message(message),
                Step::Rib(said) => self.rib_said(said),
                Step::Surroundings => self.surroundings(),
                Step::Conn(event) => self.conn_event(event),
                Step::Work => {}
                Step::Timeout => {
                    let now = Instant::now();
                    let asked = self.timers.take();
                    if asked.is_some_and(|(_, due)| due.is_none_or(|due| due > now)) {
                        continue;
                    }
                    self.learnt_dirty = true;
                    self.world.instances.values_mut().for_each(|i| i.bgp.handle_timeout(now));
                }
            }
        }
    }

    /// What has waited for its turn, if it is there.
    fn waiting(&mut self, timeout: Option<Instant>) -> Option<Step> {
        if self.turns.timer && timeout.is_some_and(|at| at <= Instant::now()) {
            return Some(Step::Timeout);
        }
        let slice = if self.turns.slice { self.ports.slices.try_recv().ok() } else { None };
        slice.map(Step::Slice)
    }

    /// When to look at the timers again: those that began since they were last asked for are not known.
    fn poll_timeout(&mut self) -> Option<Instant> {
        let now = Instant::now();
        match self.timers {
            Some((asked, due)) if now < asked + TIMERS_KNOWN => {
                Some(due.map_or(asked + TIMERS_KNOWN, |due| due.min(asked + TIMERS_KNOWN)))
            }
            _ => {
                let due = self.world.instances.values_mut().filter_map(|i| i.bgp.poll_timeout()).min();
                self.timers = Some((now, due));
                due
            }
        }
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
        more |= self.exchange(now);
        self.publish_learnt();
        // What waits for room was not worked out.
        if !more && self.to_rib.len() < ROUTE_BACKLOG / ROUTE_BATCH {
            self.say_what_is_owed();
        }
        more
    }

    fn output(&mut self, name: &str, output: Output) {
        if let Output::Watch(watch) | Output::Unwatch(watch) = &output
            && let Some(instance) = self.world.instances.get_mut(name)
            && (instance.view || instance.bgp.config().vrf == NO_VRF || watch.vrf == NO_VRF)
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
                self.learnt_dirty = true;
                let neighbor = self.world.instances.get(name).and_then(|i| i.bgp.neighbor(peer));
                if let Some(n) = neighbor.filter(|n| n.bfd)
                    && let Some(addr) = n.addr
                {
                    let BfdPeer { addr, ifindex } = BfdPeer::new(addr, n.interface);
                    self.to_rib.push_back(RibMessage::Alive(GuardedGateway {
                        vrf: running.vrf,
                        addr,
                        ifindex,
                    }));
                }
            }
            Output::SessionDown { .. } | Output::DynamicRemoved { .. } => self.learnt_dirty = true,
        }
    }

    fn message(&mut self, message: BgpMessage) {
        let now = Instant::now();
        match message {
            BgpMessage::Configure(desired) => {
                self.learnt_dirty = true;
                self.configure(*desired);
            }
            BgpMessage::Policy(policy, changed) => {
                self.world.policy = policy.clone();
                for instance in self.world.instances.values_mut() {
                    instance.bgp.set_policy(policy.clone(), |name| changed.contains(name), now);
                }
            }
            BgpMessage::Bfd(instance, peer, state) => self.bfd_changed(instance, peer, state),
            BgpMessage::Reinstall => {
                self.world.instances.values_mut().for_each(|i| i.bgp.reinstall(now));
            }
            BgpMessage::Start => {
                self.started = true;
                self.start_instances(now);
                self.keep_leftovers();
            }
            BgpMessage::NeighborFound(ifindex, addr) => {
                self.learnt_dirty = true;
                for instance in self.world.instances.values_mut() {
                    instance.bgp.neighbor_discovered(ifindex, addr, now);
                }
            }
            BgpMessage::Stop { .. } => {}
        }
    }

    async fn stop(mut self, stays: bool, done: tokio::sync::oneshot::Sender<()>) {
        let now = Instant::now();
        self.world.instances.values_mut().for_each(|i| i.bgp.shutdown(stays, now));
        self.turn();
        for running in std::mem::take(&mut self.running).into_values() {
            running.conns.into_values().for_each(|conn| self.farewells.close(conn));
        }
        self.farewells.said().await;
        let _ = done.send(());
    }
}
