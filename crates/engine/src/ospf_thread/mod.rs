//! The OSPF thread: routers of both versions in all VRFs, and the loop that feeds them.

mod handover;
mod instances;
mod log;
mod rib;
mod sockets;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_ospf::config::InterfaceKey;
use ferr_ospf::wire::Version;
use ferr_ospf::{BfdPeer, Instance, NeighborChange, NeighborState, Output, Received};
use ferr_policy::PolicySet;
use ferr_rib::{GuardedGateway, RibEvent};
use ferr_state::{OspfJob, OspfName, OspfWorld};
use ferr_types::{IfIndex, Protocol, VrfId};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, error};

use self::handover::Restarts;
use self::sockets::{Packets, Sockets};
use crate::leftovers::Owed;
use crate::rib_thread::{RibMessage, sleep_until};
use crate::surroundings::Surroundings;
use crate::translate::ospf as desired;
use crate::{EngineError, OwnerId};

pub(crate) use self::handover::Handover;

/// Batches of packets that may wait.
const PACKET_BATCHES: usize = 16;
/// How much longer than the longest delay of SPF a neighbor that is gone is watched by BFD.
const LINGER: Duration = Duration::from_secs(1);
/// Offers per message to the RIB.
const ROUTE_BATCH: usize = 1024;
/// Numbers of OSPF's instances at the RIB; those of BGP are below.
pub(crate) const FIRST_OWNER: u32 = 1 << 30;

/// Neighbors that BFD is to watch, with the instance and the profile.
pub(crate) type WatchedNeighbors = Arc<BTreeSet<(OspfName, BfdPeer)>>;

/// What others say to the OSPF thread.
#[derive(Debug)]
pub(crate) enum OspfMessage {
    /// The whole of what is configured.
    Configure(Box<desired::Ospf>),
    /// New policy, and the names whose meaning changed.
    Policy(Arc<PolicySet>, HashSet<String>),
    /// BFD lost the neighbor of an instance at this address, on this link.
    BfdDown(OspfName, IpAddr, Option<IfIndex>),
    /// All routes go to the RIB again.
    Reinstall,
    /// The configuration has been read.
    Start,
    /// Whether an instance is to be restarted gracefully at the end.
    Prepared(oneshot::Sender<bool>),
    /// Tell all neighbors that this router goes; answered when it is told: true when routes are to stay for a graceful restart.
    Stop(oneshot::Sender<bool>),
}

/// Ends of the queues.
pub(crate) struct OspfPorts {
    pub(crate) jobs: mpsc::Receiver<OspfJob>,
    pub(crate) messages: mpsc::Receiver<OspfMessage>,
    pub(crate) events: mpsc::Receiver<Vec<RibEvent>>,
    pub(crate) rib: mpsc::Sender<RibMessage>,
    pub(crate) around: watch::Receiver<Arc<Surroundings>>,
    /// Where it is published whom BFD is to watch.
    pub(crate) watched: watch::Sender<WatchedNeighbors>,
    /// What the last life left, and this one may leave.
    pub(crate) handover: Handover,
}

/// Starts the thread.
///
/// # Errors
/// A thread that cannot be started.
pub(crate) fn spawn(ports: OspfPorts) -> Result<JoinHandle<()>, EngineError> {
    let body = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return error!("cannot start OSPF's runtime: {error}"),
        };
        let local = tokio::task::LocalSet::new();
        let (packet_tx, packets) = mpsc::channel(PACKET_BATCHES);
        let restarts = ports.handover.take();
        let worker = Worker {
            world: OspfWorld::default(),
            running: BTreeMap::new(),
            sockets: Sockets::new(packet_tx),
            packets,
            desired: desired::Ospf::default(),
            ports,
            to_rib: VecDeque::new(),
            next_owner: FIRST_OWNER,
            default_of: BTreeMap::new(),
            down: BTreeSet::new(),
            watched_dirty: false,
            restarts,
            lingering: BTreeMap::new(),
            started: false,
            owed: BTreeMap::new(),
        };
        runtime.block_on(local.run_until(worker.run()));
    };
    thread::Builder::new().name("ferr-ospf".to_owned()).spawn(body).map_err(EngineError::Thread)
}

/// What belongs to one instance outside of it.
#[derive(Debug, Clone, Copy)]
struct Running {
    owner: OwnerId,
    vrf: VrfId,
}

struct Worker {
    world: OspfWorld,
    running: BTreeMap<OspfName, Running>,
    sockets: Sockets,
    packets: mpsc::Receiver<Packets>,
    desired: desired::Ospf,
    ports: OspfPorts,
    to_rib: VecDeque<RibMessage>,
    next_owner: u32,
    /// Whose default route instances heard of.
    default_of: BTreeMap<OspfName, Protocol>,
    /// Links without carrier, as last seen.
    down: BTreeSet<IfIndex>,
    /// Whom BFD watches may have changed.
    watched_dirty: bool,
    /// Neighbors that are gone, and until when BFD watches them on.
    lingering: BTreeMap<(OspfName, BfdPeer), Instant>,
    /// Graceful restarts that began with the last life's end.
    restarts: Restarts,
    /// The configuration has been read.
    started: bool,
    /// What the RIB was told of where neighbors have still to say something.
    owed: BTreeMap<Protocol, Owed>,
}

/// What the loop woke up for.
enum Step {
    Job(OspfJob),
    Message(Option<OspfMessage>),
    RibHasRoom,
    Rib(Vec<RibEvent>),
    Surroundings,
    Packets(Packets),
    Timeout,
}

impl Worker {
    async fn run(mut self) {
        loop {
            self.turn();
            let instances = self.world.instances.values().filter_map(|i| i.poll_timeout());
            let timeout = instances.chain(self.lingering.values().copied()).min();
            let step = tokio::select! {
                biased;
                Some(job) = self.ports.jobs.recv() => Step::Job(job),
                message = self.ports.messages.recv() => Step::Message(message),
                Ok(_) = self.ports.rib.reserve(), if !self.to_rib.is_empty() => Step::RibHasRoom,
                Ok(()) = self.ports.around.changed() => Step::Surroundings,
                Some(events) = self.ports.events.recv() => Step::Rib(events),
                () = sleep_until(timeout) => Step::Timeout,
                Some(packets) = self.packets.recv() => Step::Packets(packets),
            };
            match step {
                Step::Job(job) => job(&mut self.world, Instant::now()),
                Step::Message(None) => return,
                Step::Message(Some(OspfMessage::Stop(done))) => return self.stop(done).await,
                Step::Message(Some(message)) => self.message(message),
                Step::RibHasRoom => self.feed_rib(),
                Step::Rib(events) => self.rib_events(events),
                Step::Surroundings => self.surroundings(),
                Step::Packets(packets) => self.receive(&packets),
                Step::Timeout => {
                    self.world.instances.values_mut().for_each(handle_timeout);
                }
            }
        }
    }

    fn message(&mut self, message: OspfMessage) {
        let now = Instant::now();
        match message {
            OspfMessage::Configure(desired) => self.configure(*desired),
            OspfMessage::Policy(policy, changed) => {
                self.world.policy = policy.clone();
                for instance in self.world.instances.values_mut() {
                    instance.set_policy(policy.clone(), |name| changed.contains(name), now);
                }
            }
            OspfMessage::BfdDown(name, remote, ifindex) => {
                let Some(instance) = self.world.instances.get_mut(&name) else { return };
                let is = |p: &BfdPeer| p.remote == remote && ifindex.is_none_or(|i| i == p.ifindex);
                for peer in instance.bfd_peers().into_iter().filter(is) {
                    instance.bfd_down(peer, now);
                }
            }
            OspfMessage::Reinstall => self.world.instances.values_mut().for_each(|i| i.reinstall(now)),
            OspfMessage::Start => self.started = true,
            OspfMessage::Prepared(answer) => {
                let prepared = self.world.instances.values().any(|i| i.prepared_restart().is_some());
                let _ = answer.send(prepared);
            }
            OspfMessage::Stop(_) => {}
        }
    }

    /// Hands packets to the instances of the VRF; each knows its own interfaces.
    fn receive(&mut self, ((vrf, version), packets): &Packets) {
        let now = Instant::now();
        let around = self.ports.around.borrow().clone();
        for packet in packets {
            // Sockets of the default VRF get what links of others receive, too.
            if around.links.get(&packet.ifindex).is_none_or(|l| l.vrf != *vrf) {
                continue;
            }
            let received = Received {
                ifindex: packet.ifindex,
                source: packet.source,
                destination: packet.destination,
                payload: &packet.payload,
            };
            let here =
                |(name, running): &(&OspfName, &Running)| name.version == *version && running.vrf == *vrf;
            for (name, _) in self.running.iter().filter(here) {
                if let Some(instance) = self.world.instances.get_mut(name) {
                    instance.receive(&received, now);
                }
            }
        }
    }

    /// Carries out what the instances want.
    fn turn(&mut self) {
        let names: Vec<OspfName> = self.world.instances.keys().cloned().collect();
        for name in names {
            while let Some(output) = self.world.instances.get_mut(&name).and_then(|i| i.poll_output()) {
                self.output(&name, output);
            }
            self.offers(&name);
        }
        self.publish_watched();
        self.say_what_is_owed();
        self.feed_rib();
    }

    fn output(&mut self, name: &OspfName, output: Output) {
        let Some(running) = self.running.get(name) else { return };
        let key = (running.vrf, name.version);
        match output {
            Output::Transmit(transmit) => self.sockets.send(key, &transmit),
            Output::Join(ifindex, group) => self.sockets.join(running.vrf, name, ifindex, group),
            Output::Leave(ifindex, group) => self.sockets.leave(running.vrf, name, ifindex, group),
            Output::BfdPeersChanged => self.watched_dirty = true,
            Output::Neighbor(change) => {
                let Some(config) = self.world.instances.get(name).map(Instance::config) else { return };
                log::neighbor(name, config.log_adjacency, &change);
                let watched = config.interfaces.get(&change.interface).is_some_and(|i| i.bfd);
                if watched && change.to == NeighborState::Full {
                    let gateway = alive(running.vrf, &change);
                    self.to_rib.push_back(RibMessage::Alive(gateway));
                }
            }
            Output::Notice(notice) => log::notice(&notice),
            Output::SaveSequence(_) | Output::RestartEnded(_) => {}
        }
    }

    /// Tells whom BFD is to watch. A neighbor that is gone is watched on for a while: without its session, the RIB would trust it again
    /// before its routes are gone.
    fn publish_watched(&mut self) {
        let now = Instant::now();
        self.watched_dirty |= self.lingering.values().any(|until| *until <= now);
        if !std::mem::take(&mut self.watched_dirty) {
            return;
        }
        let all = self.world.instances.iter();
        let new = all.flat_map(|(name, i)| i.bfd_peers().into_iter().map(|peer| (name.clone(), peer)));
        let mut new: BTreeSet<_> = new.collect();
        for gone in self.ports.watched.borrow().difference(&new) {
            if let Some(instance) = self.world.instances.get(&gone.0) {
                self.lingering.entry(gone.clone()).or_insert(now + instance.config().spf.long + LINGER);
            }
        }
        self.lingering.retain(|peer, until| *until > now && !new.contains(peer));
        new.extend(self.lingering.keys().cloned());
        self.ports.watched.send_if_modified(|old| {
            let changed = **old != new;
            if changed {
                *old = Arc::new(new);
            }
            changed
        });
    }

    /// Links that lost their carrier or have it again: the configuration says so only later, or not at all when that was short.
    fn surroundings(&mut self) {
        let now = Instant::now();
        let around = self.ports.around.borrow_and_update().clone();
        let down: BTreeSet<IfIndex> =
            around.links.values().filter(|l| !l.operative()).map(|l| l.ifindex).collect();
        for ifindex in down.difference(&self.down) {
            self.world.instances.values_mut().for_each(|i| i.link_down(*ifindex, now));
        }
        for ifindex in self.down.difference(&down) {
            self.world.instances.values_mut().for_each(|i| i.link_up(*ifindex, now));
        }
        self.down = down;
    }

    async fn stop(mut self, done: oneshot::Sender<bool>) {
        let all = self.world.instances.iter();
        let restarts = all.filter_map(|(name, i)| Some((name.clone(), i.prepared_restart()?))).collect();
        while !self.say_goodbye() {
            let timeout = self.world.instances.values().filter_map(|i| i.poll_timeout()).min();
            sleep_until(timeout).await;
            let now = Instant::now();
            self.world.instances.values_mut().for_each(|i| i.handle_timeout(now));
        }
        let _ = done.send(self.ports.handover.leave(&restarts));
    }

    fn say_goodbye(&mut self) -> bool {
        let now = Instant::now();
        let mut done = true;
        for instance in self.world.instances.values_mut() {
            done &= instance.shutdown(now);
        }
        self.turn();
        done
    }
}

/// A neighbor that is adjacent, as the RIB names gateways.
const fn alive(vrf: VrfId, change: &NeighborChange) -> GuardedGateway {
    let ifindex = match (change.addr, change.interface) {
        (IpAddr::V6(_), InterfaceKey::Link(ifindex, _)) => Some(ifindex),
        _ => None,
    };
    GuardedGateway { vrf, addr: change.addr, ifindex }
}

/// Version's protocol at the RIB.
const fn protocol(version: Version) -> Protocol {
    match version {
        Version::V2 => Protocol::Ospf,
        Version::V3 => Protocol::Ospf6,
    }
}

/// Lets time pass for an instance, and tells it how long it took when SPF ran.
fn handle_timeout(instance: &mut Instance) {
    let (now, runs) = (Instant::now(), instance.spf_runs());
    instance.handle_timeout(now);
    if instance.spf_runs() != runs {
        let took = now.elapsed();
        instance.spf_took(took);
        // Named as FRR names it.
        debug!(target: "ospf", "SPF Processing Time(usecs): {}", took.as_micros());
    }
}
