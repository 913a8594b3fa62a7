//! The failover: moves traffic off dead gateways, past all queues.
//!
//! A thread of its own with a netlink socket of its own. It hears of a death from the BFD thread's cells, takes the objects that the
//! RIB's plan names out of the kernel, and only then tells the RIB, and those who will tell BGP.
//!
//! # Invariants
//! Nothing here waits for another thread: what a receiver has no room for waits here, in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ferr_kernel::{DeadList, FibWriter};
use ferr_rib::{FailoverPlan, GuardId, NhId};
use tokio::sync::mpsc;
use tracing::warn;

use super::guards::{GuardCells, GuardChange, GuardReader, GuardState};

/// Priority of the thread, below that of the BFD thread.
const PRIORITY: i32 = 49;
/// How long to wait before telling again what a receiver had no room for.
const AGAIN: Duration = Duration::from_millis(1);
/// Events that may wait for room.
const MAX_BACKLOG: usize = 1 << 16;

/// The RIB's newest plan.
#[derive(Debug, Default)]
pub(crate) struct PlanCell(Mutex<Arc<FailoverPlan>>);

impl PlanCell {
    pub(crate) fn publish(&self, plan: FailoverPlan) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan);
    }

    fn read(&self) -> Arc<FailoverPlan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the failover tells others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failover {
    /// A guard died, and these objects were deleted.
    Down(GuardId, Vec<NhId>),
    /// It lives (again).
    Up(GuardId),
    /// It says nothing any more.
    Silent(GuardId),
    /// It died with a control plane whose restart is to be survived: nothing was done.
    Doubtful(GuardId),
}

/// Ends of the failover's channels.
pub(crate) struct FailoverPorts {
    pub(crate) cells: Arc<GuardCells>,
    pub(crate) plan: Arc<PlanCell>,
    pub(crate) dead: Arc<DeadList>,
    pub(crate) writer: FibWriter,
    pub(crate) rib: mpsc::Sender<Failover>,
    pub(crate) clients: mpsc::Sender<Failover>,
}

/// Starts the thread in the network namespace of the caller.
pub(crate) fn spawn(ports: FailoverPorts) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("ferr-failover".into()).spawn(move || {
        ports.cells.set_reader(thread::current());
        if let Err(error) = ferr_netio::run_in_real_time(PRIORITY) {
            tracing::debug!("the failover runs like any other thread: {error}");
        }
        let reader = ports.cells.reader();
        Mover { reader, ports, gone: BTreeSet::new(), backlog: Backlog::default(), sent: BTreeMap::new() }
            .run();
    })
}

/// What waits for room, in order.
#[derive(Default)]
struct Backlog {
    rib: VecDeque<Failover>,
    clients: VecDeque<Failover>,
}

impl Backlog {
    fn len(&self) -> usize {
        self.rib.len().max(self.clients.len())
    }
}

struct Mover {
    reader: GuardReader,
    ports: FailoverPorts,
    /// Objects deleted that the plan may still name.
    gone: BTreeSet<NhId>,
    backlog: Backlog,
    /// What was told last of each guard.
    sent: BTreeMap<GuardId, GuardState>,
}

impl Mover {
    fn run(mut self) {
        let mut changes = Vec::new();
        while !self.ports.clients.is_closed() {
            // The cells keep the newest while there is no room.
            if self.backlog.len() < MAX_BACKLOG {
                self.reader.changes(&mut changes);
            }
            self.moves(&changes);
            for change in changes.drain(..) {
                self.tell(change);
            }
            self.flush();
            if self.backlog.len() == 0 {
                thread::park();
            } else {
                thread::park_timeout(AGAIN);
            }
        }
    }

    /// Takes the objects of all that died at once out of the kernel.
    fn moves(&mut self, changes: &[GuardChange]) {
        let died: BTreeSet<GuardId> = changes.iter().filter(|c| c.failed).map(|c| c.guard).collect();
        if died.is_empty() {
            return;
        }
        let started = Instant::now();
        let plan = self.ports.plan.read();
        let victims = plan.victims(|guard| died.contains(&guard), &self.gone);
        for guard in &died {
            self.ports.dead.bury(*guard, &victims);
        }
        let refused = self.ports.writer.delete_nexthops(&victims);
        if refused > 0 {
            warn!("the kernel refused to delete {refused} of {} next hops of dead gateways", victims.len());
        }
        self.gone.retain(|id| plan.names(*id));
        self.gone.extend(&victims);
        let took = started.elapsed();
        for guard in died {
            tracing::debug!("guard {} died: {} objects in {took:?}", guard.0, victims.len());
            self.push(Failover::Down(guard, victims.clone()));
            self.sent.insert(guard, GuardState::Down);
        }
    }

    fn tell(&mut self, change: GuardChange) {
        if self.sent.get(&change.guard) == Some(&change.state) {
            return;
        }
        self.sent.insert(change.guard, change.state);
        self.push(match change.state {
            GuardState::Up => Failover::Up(change.guard),
            // A death was told by the one who dealt with it.
            GuardState::Down => return,
            GuardState::Silent => Failover::Silent(change.guard),
            GuardState::Doubtful => Failover::Doubtful(change.guard),
        });
    }

    fn push(&mut self, event: Failover) {
        self.backlog.rib.push_back(event.clone());
        self.backlog.clients.push_back(event);
    }

    fn flush(&mut self) {
        send_all(&self.ports.rib, &mut self.backlog.rib);
        send_all(&self.ports.clients, &mut self.backlog.clients);
    }
}

/// Sends as long as there is room.
fn send_all(to: &mpsc::Sender<Failover>, waiting: &mut VecDeque<Failover>) {
    while let Some(event) = waiting.pop_front() {
        match to.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(event)) => {
                waiting.push_front(event);
                return;
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return waiting.clear(),
        }
    }
}
