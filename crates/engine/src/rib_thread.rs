//! The RIB's thread, and beside it the FIB writer's and the kernel monitor's.
//!
//! ```text
//!   monitor --events--> rib --operations--> fib --answers--> rib
//!       protocols --offers--> rib --answers, routes--> protocols
//! ```
//! All queues are bounded. The RIB never waits for the FIB or a protocol: it takes room when there is some, and what waits
//! in it is coalesced. So no circle of full queues can form.

mod leftovers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ferr_kernel::{DeadList, Dumper, FibWriter, KernelEvent, Monitor, MonitorOptions, OwnLost, OwnRoute};
use ferr_rib::{
    FibAck, FibOp, GuardId, GuardedGateway, LinkKind, NhId, RefusedRoute, Rib, RibConfig, RibEvent,
    TunnelEndpoint, Vrf,
};
use ferr_state::RibJob;
use ferr_types::{NexthopWatch, Protocol, RouteUpdate, VrfId};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::bfd::{ComeBack, Failover, PlanCell};
use crate::failures::Failures;
use crate::leftovers::{Doomed, Leftovers, Owed, Sweep};
use crate::ospf_thread::FIRST_OWNER;
use crate::route_filter::RouteFilter;
use crate::surroundings::Surroundings;
use crate::{EngineError, OwnerId};

/// Operations per message to the FIB thread: one netlink batch.
const FIB_BATCH: usize = 1024;
/// Steps of niceness by which the FIB thread precedes the others.
const FIB_AHEAD: i32 = 5;
/// Events per message to a protocol.
const EVENT_BATCH: usize = 256;
/// From the end of a graceful restart until its routes are in the kernel.
const SETTLE: Duration = Duration::from_secs(5);

/// What protocols and the configuration say to the RIB.
#[derive(Debug)]
pub(crate) enum RibMessage {
    /// Offers.
    Routes(Vec<RouteUpdate>),
    /// From now on offers pass through this; those who made them say them again.
    Filter(RouteFilter),
    /// A BFD session guards a gateway, or is gone.
    Guard(GuardId, Option<GuardedGateway>),
    /// How long a gateway has to live again before it is trusted.
    ComeBack(ComeBack),
    /// A protocol's session with this gateway is up.
    Alive(GuardedGateway),
    /// Track a next hop.
    Watch(OwnerId, NexthopWatch),
    /// Track it no longer.
    Unwatch(OwnerId, NexthopWatch),
    /// Hear of routes.
    Subscribe(OwnerId, ferr_rib::Redistribution),
    /// Hear of them no longer.
    Unsubscribe(OwnerId, ferr_rib::Redistribution),
    /// Where the outer packets of tunnels go.
    TunnelEndpoints(BTreeSet<TunnelEndpoint>),
    /// A graceful restart runs: leftovers serve for so long at least, unless all is said before.
    KeepLeftovers(Duration),
    /// Where a protocol has still something to say, once it has begun; instead of what it said of that before.
    StillToSay(Protocol, Owed),
    /// BGP has worked out all that it was told before [`ToBgp::Question`].
    TakenIn,
    /// A protocol instance is gone, and its offers with it.
    OwnerGone(OwnerId, VrfId, (Protocol, Option<u16>)),
}

/// What the RIB says to BGP.
#[derive(Debug)]
pub(crate) enum ToBgp {
    /// News.
    Events(Vec<RibEvent>),
    /// To be answered by [`RibMessage::TakenIn`], behind all that comes of what was told before.
    Question,
    /// Nobody needs [`RibMessage::StillToSay`] any more.
    LeftoversGone,
}

/// Ends of the queues.
pub(crate) struct RibPorts {
    pub(crate) jobs: mpsc::Receiver<RibJob>,
    pub(crate) messages: mpsc::Receiver<RibMessage>,
    pub(crate) events: mpsc::Sender<ToBgp>,
    /// The same for OSPF.
    pub(crate) ospf_events: mpsc::Sender<Vec<RibEvent>>,
    pub(crate) around: watch::Sender<Arc<Surroundings>>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) failovers: mpsc::Receiver<Failover>,
    pub(crate) plan: Arc<PlanCell>,
    pub(crate) dead: Arc<DeadList>,
    /// Routes that would lead tunnels into themselves.
    pub(crate) refused: watch::Sender<BTreeSet<RefusedRoute>>,
    /// Leave our routes in the kernel at the end.
    pub(crate) retain: Arc<AtomicBool>,
    /// How long leftovers of an earlier run serve when nobody says that all is said.
    pub(crate) sweep_after: Duration,
}

enum FibRequest {
    Apply(Vec<FibOp>),
    Sweep(Vec<Doomed>, Vec<NhId>),
    /// Leave the processor of BFD alone: from now on there are sessions.
    Quiet,
    /// No later operation names these deleted objects.
    Forget(Vec<NhId>),
}

/// Starts the three threads in the network namespace of the caller. The second writer is for the failover.
///
/// # Errors
/// A socket that cannot be opened.
pub(crate) fn spawn(ports: RibPorts, hash_seed: u64) -> Result<(JoinHandle<()>, FibWriter), EngineError> {
    let kernel = |step: &'static str| move |error| EngineError::Kernel { step, error };
    let mut writer = FibWriter::open().map_err(kernel("open the FIB socket"))?;
    writer.set_dead_list(ports.dead.clone());
    let failover = FibWriter::open().map_err(kernel("open the failover's socket"))?;
    let found = Dumper::open().and_then(|mut d| d.leftovers()).map_err(kernel("dump the kernel's tables"))?;
    let mut monitor = Monitor::open(MonitorOptions::default()).map_err(kernel("open the monitor socket"))?;
    monitor.ignore_ports(&[writer.port(), failover.port()]).map_err(kernel("filter own echoes"))?;
    let objects = writer.probe_nexthop_objects();
    if !objects {
        warn!("this kernel has no next-hop objects; routes carry their next hops themselves");
    }
    let config = RibConfig {
        nexthop_id_base: found.free_id,
        nexthop_objects: objects,
        resilient_groups: FibWriter::has_resilient_groups(),
        hash_seed,
        ..RibConfig::default()
    };
    let (fib_tx, fib_rx) = mpsc::channel(2);
    let (ack_tx, ack_rx) = mpsc::channel(8);
    let (kernel_tx, kernel_rx) = mpsc::channel(64);
    let ended = Arc::new(AtomicBool::new(false));
    let dead = ports.dead.clone();
    let fib = start("ferr-fib", move || fib_loop(writer, fib_rx, &ack_tx, &dead))?;
    let flag = ended.clone();
    let mon = start("ferr-monitor", move || monitor_loop(monitor, &kernel_tx, &flag))?;
    let thread = start("ferr-rib", move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return error!("cannot start the RIB's runtime: {error}"),
        };
        let failures = Failures::new(ports.plan.clone(), ports.dead.clone(), Instant::now());
        let leftovers = Leftovers::new(found, Instant::now() + ports.sweep_after);
        let worker = Worker {
            say: leftovers.is_none().then_some(ToBgp::LeftoversGone),
            rib: Rib::new(config, Instant::now()),
            ports,
            fib: fib_tx,
            acks: ack_rx,
            kernel: kernel_rx,
            events: Vec::new(),
            ospf_events: Vec::new(),
            synced: false,
            around_dirty: false,
            leftovers,
            sweep: None,
            inflight: 0,
            filter: RouteFilter::default(),
            failures,
            forget: Vec::new(),
            quiet: false,
        };
        runtime.block_on(worker.run());
        ended.store(true, Ordering::Relaxed);
        for thread in [fib, mon] {
            if thread.join().is_err() {
                error!("a kernel thread panicked");
            }
        }
    })?;
    Ok((thread, failover))
}

fn start(name: &str, f: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    thread::Builder::new().name(name.to_owned()).spawn(f).map_err(EngineError::Thread)
}

fn fib_loop(
    mut writer: FibWriter,
    mut requests: mpsc::Receiver<FibRequest>,
    acks: &mpsc::Sender<Vec<FibAck>>,
    dead: &DeadList,
) {
    // Nearly all of a large change is the kernel's time on this thread: what else could run would only wait for it. Without the
    // capability it takes its turn.
    let _ = ferr_netio::run_ahead(FIB_AHEAD);
    while let Some(request) = requests.blocking_recv() {
        match request {
            FibRequest::Apply(ops) => {
                if acks.blocking_send(writer.apply(&ops)).is_err() {
                    return;
                }
            }
            FibRequest::Sweep(routes, nexthops) => {
                let refused = writer.sweep(&routes, &nexthops);
                if refused > 0 {
                    warn!("{refused} leftovers of an earlier run could not be removed from the kernel");
                }
            }
            FibRequest::Forget(objects) => dead.forget(&objects),
            FibRequest::Quiet => {
                if let Some(error) = ferr_netio::quiet_cpu().and_then(|cpu| ferr_netio::stay_off(cpu).err()) {
                    warn!("the FIB thread shares the processor of BFD: {error}");
                }
            }
        }
    }
}

fn monitor_loop(mut monitor: Monitor, events: &mpsc::Sender<Vec<KernelEvent>>, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        match monitor.recv(Some(Duration::from_millis(200))) {
            Ok(batch) if batch.is_empty() => {}
            Ok(batch) => {
                if events.blocking_send(batch).is_err() {
                    return;
                }
            }
            Err(error) => {
                error!("kernel monitor: {error}");
                thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

/// What the loop woke up for.
enum Step {
    Stop,
    Failover(Failover),
    Job(RibJob),
    Acks(Vec<FibAck>),
    Kernel(Vec<KernelEvent>),
    ProtocolsHaveRoom,
    OspfHasRoom,
    FibHasRoom,
    Message(RibMessage),
    Leftovers(Option<Vec<OwnRoute>>),
    Timeout,
}

struct Worker {
    rib: Rib,
    ports: RibPorts,
    fib: mpsc::Sender<FibRequest>,
    acks: mpsc::Receiver<Vec<FibAck>>,
    kernel: mpsc::Receiver<Vec<KernelEvent>>,
    events: Vec<RibEvent>,
    /// What BGP hears when it has heard all events.
    say: Option<ToBgp>,
    ospf_events: Vec<RibEvent>,
    synced: bool,
    around_dirty: bool,
    leftovers: Option<Leftovers>,
    /// Takes some of them away.
    sweep: Option<Sweep>,
    /// Batches at the FIB thread.
    inflight: usize,
    filter: RouteFilter,
    failures: Failures,
    /// Deleted objects that the FIB thread may forget.
    forget: Vec<NhId>,
    /// The FIB thread was told to leave the processor of BFD alone.
    quiet: bool,
}

impl Worker {
    async fn run(mut self) {
        loop {
            self.feed_fib();
            self.publish();
            self.take_events();
            self.leftovers_turn();
            let timeout = self.next_timeout();
            let has_events = !self.events.is_empty() || self.say.is_some();
            let sweeps = self.sweep.as_ref().is_some_and(Sweep::is_ready);
            let for_ospf = !self.ospf_events.is_empty();
            let step = tokio::select! {
                biased;
                _ = self.ports.stop.changed() => Step::Stop,
                Some(failover) = self.ports.failovers.recv() => Step::Failover(failover),
                Some(job) = self.ports.jobs.recv() => Step::Job(job),
                Some(acks) = self.acks.recv() => Step::Acks(acks),
                Some(batch) = self.kernel.recv() => Step::Kernel(batch),
                Ok(_) = self.ports.events.reserve(), if has_events => Step::ProtocolsHaveRoom,
                Ok(_) = self.ports.ospf_events.reserve(), if for_ospf => Step::OspfHasRoom,
                Ok(_) = self.fib.reserve(), if sweeps || self.rib.fib_ready() || !self.forget.is_empty() => Step::FibHasRoom,
                Some(message) = self.ports.messages.recv() => Step::Message(message),
                routes = leftovers::listen(&mut self.sweep) => Step::Leftovers(routes),
                () = sleep_until(timeout) => Step::Timeout,
            };
            match step {
                Step::Stop => break,
                Step::Failover(event) => {
                    let gone = self.failures.failover(&mut self.rib, event, Instant::now());
                    self.forget.extend(gone);
                }
                Step::Job(job) => job(&mut self.rib, Instant::now()),
                Step::Acks(acks) => self.acks(&acks),
                Step::Kernel(batch) => self.kernel_events(batch),
                Step::ProtocolsHaveRoom => {
                    // The only sender: the room just seen is still there.
                    let events = std::mem::take(&mut self.events);
                    let what = if events.is_empty() { self.say.take() } else { Some(ToBgp::Events(events)) };
                    what.map(|what| self.ports.events.try_send(what));
                }
                Step::OspfHasRoom => {
                    let _ = self.ports.ospf_events.try_send(std::mem::take(&mut self.ospf_events));
                }
                Step::FibHasRoom => self.feed_fib(),
                Step::Message(message) => self.message(message),
                Step::Leftovers(routes) => {
                    if let (Some(sweep), Some(routes)) = (&mut self.sweep, routes) {
                        sweep.take(&self.rib, &routes);
                    }
                }
                Step::Timeout => self.timeout(),
            }
        }
        self.end().await;
    }

    /// Sorts what protocols have to hear by who has to.
    fn take_events(&mut self) {
        if self.events.is_empty() && self.ospf_events.is_empty() {
            let mut all = Vec::new();
            self.rib.poll_events(EVENT_BATCH, &mut all);
            let of_ospf = |e: &RibEvent| e.owner().0 >= FIRST_OWNER;
            (self.ospf_events, self.events) = all.into_iter().partition(of_ospf);
            let of_nexthop = |e: &RibEvent| matches!(e, RibEvent::Nexthop { .. });
            if let Some(leftovers) = self.leftovers.as_mut().filter(|_| self.events.iter().any(of_nexthop)) {
                leftovers.news();
            }
        }
    }

    fn next_timeout(&mut self) -> Option<Instant> {
        let sweep = self.leftovers_timeout();
        let failures = self.failures.next_timeout(&self.rib);
        [self.rib.poll_timeout(), sweep, failures].into_iter().flatten().min()
    }

    fn timeout(&mut self) {
        let now = Instant::now();
        self.rib.handle_timeout(now);
        self.failures.handle_timeout(&mut self.rib, now);
    }

    /// Hands operations on while the FIB thread has room.
    fn feed_fib(&mut self) {
        if !self.forget.is_empty()
            && let Ok(permit) = self.fib.try_reserve()
        {
            permit.send(FibRequest::Forget(std::mem::take(&mut self.forget)));
        }
        // Operations that are made from now on do not name what is to be forgotten, but those before do.
        while self.forget.is_empty()
            && self.rib.fib_ready()
            && let Ok(permit) = self.fib.try_reserve()
        {
            let mut ops = Vec::with_capacity(FIB_BATCH);
            self.rib.poll_fib(FIB_BATCH, &mut ops);
            if ops.is_empty() {
                return;
            }
            self.inflight += 1;
            permit.send(FibRequest::Apply(ops));
        }
    }

    fn acks(&mut self, acks: &[FibAck]) {
        self.inflight -= 1;
        self.rib.fib_acks(Instant::now(), acks);
    }

    fn publish(&mut self) {
        if let Some(refused) = self.rib.take_refused_routes() {
            let old = self.ports.refused.send_replace(refused.clone());
            let name = |r: &RefusedRoute| {
                let link = self.rib.links().find(|l| l.ifindex == r.endpoint.tunnel);
                link.map_or_else(|| r.endpoint.tunnel.to_string(), |l| l.name.clone())
            };
            for r in refused.difference(&old) {
                let (prefix, addr) = (r.prefix, r.endpoint.addr);
                warn!(
                    "the route to {prefix} is refused: it leads to {addr}, the other end of {0}, through {0}",
                    name(r)
                );
            }
            for r in old.difference(&refused) {
                info!("the route to {} is not refused any more for {}", r.prefix, name(r));
            }
        }
        if std::mem::take(&mut self.around_dirty) && self.synced {
            let around = Surroundings::of(&self.rib, self.synced);
            self.ports.around.send_if_modified(|old| {
                let changed = **old != around;
                if changed {
                    *old = Arc::new(around);
                }
                changed
            });
        }
    }

    fn message(&mut self, message: RibMessage) {
        let now = Instant::now();
        match message {
            RibMessage::Routes(batch) => self.offers(batch, now),
            RibMessage::Filter(filter) => self.filter = filter,
            RibMessage::Guard(guard, gateway) => {
                if gateway.is_some() && !self.quiet {
                    self.quiet = self.fib.try_send(FibRequest::Quiet).is_ok();
                }
                self.failures.guard(&mut self.rib, guard, gateway);
            }
            RibMessage::ComeBack(config) => self.failures.set_come_back(config),
            RibMessage::Alive(gateway) => self.failures.lift(&mut self.rib, gateway),
            RibMessage::Watch(owner, watch) => self.rib.watch(owner, watch),
            RibMessage::Unwatch(owner, watch) => self.rib.unwatch(owner, watch),
            RibMessage::Subscribe(owner, what) => self.rib.subscribe(owner, what),
            RibMessage::Unsubscribe(owner, what) => self.rib.unsubscribe(owner, what),
            RibMessage::TunnelEndpoints(endpoints) => self.rib.set_tunnel_endpoints(&endpoints),
            RibMessage::KeepLeftovers(time) => {
                if let Some(leftovers) = &mut self.leftovers {
                    leftovers.keep_until(now + time + SETTLE);
                }
            }
            RibMessage::StillToSay(protocol, owed) => {
                if let Some(leftovers) = &mut self.leftovers {
                    leftovers.said(protocol, owed);
                }
            }
            RibMessage::TakenIn => {
                if let Some(leftovers) = &mut self.leftovers {
                    leftovers.answered();
                }
            }
            RibMessage::OwnerGone(owner, vrf, (protocol, instance)) => {
                self.rib.remove_owner(owner);
                self.rib.sweep(protocol, instance, Some(vrf));
            }
        }
    }

    fn offers(&mut self, mut batch: Vec<RouteUpdate>, now: Instant) {
        if !self.filter.is_empty() {
            batch = batch.into_iter().map(|o| self.filter.apply(o)).collect();
        }
        self.rib.apply(now, &batch);
    }

    fn kernel_events(&mut self, batch: Vec<KernelEvent>) {
        let now = Instant::now();
        for event in batch {
            match event {
                KernelEvent::Link(link) => {
                    if let LinkKind::Vrf(table) = link.kind {
                        let id = VrfId(link.ifindex.0);
                        self.rib.vrf_set(Vrf { id, name: link.name.clone(), table });
                    }
                    self.rib.link_set(now, link);
                    self.around_dirty = true;
                }
                KernelEvent::LinkGone(ifindex) => {
                    self.rib.link_remove(now, ifindex);
                    self.rib.vrf_remove(VrfId(ifindex.0));
                    self.around_dirty = true;
                }
                KernelEvent::AddressAdd(address) => {
                    self.rib.address_add(now, address);
                    self.around_dirty = true;
                }
                KernelEvent::AddressDel(address) => {
                    self.rib.address_del(now, address);
                    self.around_dirty = true;
                }
                KernelEvent::RouteAdd(route) => self.rib.kernel_route_set(now, &route),
                KernelEvent::RouteDel(route) => {
                    self.rib.kernel_route_del(route.table, route.prefix, route.metric);
                }
                KernelEvent::OwnLost(OwnLost::Route { table, prefix }) => {
                    self.rib.fib_route_lost(table, prefix);
                }
                KernelEvent::OwnLost(OwnLost::Nexthop(id)) => self.rib.fib_nexthop_lost(id),
                KernelEvent::Synced => {
                    self.around_dirty |= !self.synced;
                    self.synced = true;
                }
                KernelEvent::Overrun => self.reconcile(),
            }
        }
    }

    /// Takes our routes out of the kernel, unless they shall stay.
    async fn end(mut self) {
        if self.ports.retain.load(Ordering::Relaxed) {
            return;
        }
        self.rib.withdraw_all();
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.rib.fib_ready() || self.inflight > 0 {
            self.feed_fib();
            tokio::select! {
                Some(acks) = self.acks.recv() => self.acks(&acks),
                () = sleep_until(Some(deadline)) => return warn!("the kernel did not take all withdrawals in time"),
            }
        }
        self.end_leftovers().await;
    }
}

/// Sleeps until `at`, for ever for `None`.
pub(crate) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
