//! The task that keeps BFD sessions: names and numbers them, answers `show`, logs, and tells BGP and OSPF.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ferr_bfd::{Event, SessionKey, SessionView};
use ferr_bgp::{BfdPeer, BfdState};
use ferr_kernel::{DeadList, FibWriter};
use ferr_rib::GuardId;
use ferr_state::{BfdClient, BfdName, BfdPeerView, BfdRequest};
use ferr_types::VrfId;
use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::failover::{self, Failover, FailoverPorts, PlanCell};
use super::guards::{GuardCells, guard_id};
use super::thread::{self, BfdPorts};
use super::{CAPACITY, Command, Desired, Notice, Places, Wanted};
use crate::bgp_thread::BgpMessage;
use crate::ospf_thread::OspfMessage;
use crate::rib_thread::RibMessage;
use crate::surroundings::Surroundings;

/// Commands and notices that may wait.
const COMMANDS: usize = 256;
const NOTICES: usize = 1024;
/// Events that are kept of a session.
const HISTORY: usize = 8;
/// Sessions in one picture.
const SLICE: usize = 64;

/// What the owner of the configuration says.
#[derive(Debug)]
pub(crate) enum BfdMessage {
    /// The whole of what is wanted.
    Configure(BTreeMap<BfdName, Desired>),
}

/// Protocols that want to know.
pub(crate) struct BfdClients {
    pub(crate) bgp: mpsc::Sender<BgpMessage>,
    pub(crate) ospf: mpsc::Sender<OspfMessage>,
}

/// Ends of the task's channels.
pub(crate) struct BfdTaskPorts {
    pub(crate) messages: mpsc::Receiver<BfdMessage>,
    pub(crate) requests: mpsc::Receiver<BfdRequest>,
    pub(crate) clients: BfdClients,
    pub(crate) rib: mpsc::Sender<RibMessage>,
    pub(crate) around: watch::Receiver<Arc<Surroundings>>,
    /// Where the failover tells the RIB.
    pub(crate) failover: mpsc::Sender<Failover>,
    pub(crate) plan: Arc<PlanCell>,
    pub(crate) dead: Arc<DeadList>,
    pub(crate) writer: FibWriter,
}

struct Session {
    guard: GuardId,
    desired: Desired,
    /// As clients were told.
    state: BfdState,
    events: VecDeque<(Instant, Event)>,
}

/// See the module.
pub(crate) struct BfdTask {
    messages: mpsc::Receiver<BfdMessage>,
    requests: mpsc::Receiver<BfdRequest>,
    clients: BfdClients,
    rib: mpsc::Sender<RibMessage>,
    around: watch::Receiver<Arc<Surroundings>>,
    commands: SyncSender<Command>,
    wake: Arc<EventFd>,
    notices: mpsc::Receiver<Notice>,
    failovers: mpsc::Receiver<Failover>,
    sessions: BTreeMap<BfdName, Session>,
    names: HashMap<GuardId, BfdName>,
    free: Vec<GuardId>,
    numbered: usize,
    listening: Vec<(VrfId, Option<Arc<str>>)>,
    /// As the thread was told.
    places: Places,
}

/// Starts the threads, in the network namespace of the caller, and gives the task, and the thread that says goodbye to the peers when the
/// task is gone.
///
/// # Errors
/// A thread or a socket that the system refuses.
pub(crate) fn start(ports: BfdTaskPorts, seed: u128) -> io::Result<(BfdTask, JoinHandle<()>)> {
    // Each session has a socket of its own; failing to raise the limit shows when sockets fail.
    let _ = ferr_netio::raise_file_limit();
    let cells = GuardCells::new(CAPACITY);
    let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    let (commands, command_rx) = sync_channel(COMMANDS);
    let (notice_tx, notices) = mpsc::channel(NOTICES);
    let (client_tx, failovers) = mpsc::channel(NOTICES);
    let bfd = BfdPorts { commands: command_rx, wake: wake.clone(), cells: cells.clone(), notices: notice_tx };
    let thread = thread::spawn(bfd, seed, CAPACITY)?;
    failover::spawn(FailoverPorts {
        cells,
        plan: ports.plan,
        dead: ports.dead,
        writer: ports.writer,
        rib: ports.failover,
        clients: client_tx,
    })?;
    let task = BfdTask {
        messages: ports.messages,
        requests: ports.requests,
        clients: ports.clients,
        rib: ports.rib,
        around: ports.around,
        commands,
        wake,
        notices,
        failovers,
        sessions: BTreeMap::new(),
        names: HashMap::new(),
        free: Vec::new(),
        numbered: 0,
        listening: Vec::new(),
        places: Places::new(),
    };
    Ok((task, thread))
}

impl Drop for BfdTask {
    fn drop(&mut self) {
        // The thread finds the queue closed.
        let (commands, _) = sync_channel(1);
        self.commands = commands;
        let _ = self.wake.write(1);
    }
}

impl BfdTask {
    /// Serves until the daemon ends.
    pub(crate) async fn run(mut self) {
        self.around.mark_changed();
        loop {
            tokio::select! {
                biased;
                Some(failover) = self.failovers.recv() => self.failover(failover).await,
                Ok(()) = self.around.changed() => self.places(),
                message = self.messages.recv() => match message {
                    Some(BfdMessage::Configure(desired)) => self.configure(desired).await,
                    None => return,
                },
                Some(notice) = self.notices.recv() => self.notice(notice),
                Some(request) = self.requests.recv() => self.request(request).await,
            }
        }
    }

    fn command(&self, command: Command) {
        // The thread takes commands at every turn; that it ended is told by its absence in the answers.
        let _ = self.commands.send(command);
        let _ = self.wake.write(1);
    }

    /// Tells the thread which interfaces are in VRFs.
    fn places(&mut self) {
        let around = self.around.borrow_and_update().clone();
        let in_vrfs = around.links.values().filter(|l| l.vrf != VrfId::DEFAULT);
        let places: Places = in_vrfs.map(|l| (l.ifindex, l.vrf)).collect();
        if places != self.places {
            self.command(Command::Places(places.clone()));
            self.places = places;
        }
    }

    /// Makes the sessions what is wanted.
    async fn configure(&mut self, desired: BTreeMap<BfdName, Desired>) {
        let gone: Vec<BfdName> = self.sessions.keys().filter(|n| !desired.contains_key(n)).cloned().collect();
        for name in gone {
            self.remove(&name).await;
        }
        let mut vrfs: Vec<(VrfId, Option<Arc<str>>)> = desired
            .iter()
            .map(|(name, d)| (d.key.vrf, (name.vrf != "default").then(|| Arc::from(name.vrf.as_str()))))
            .collect();
        vrfs.sort();
        vrfs.dedup();
        if vrfs != self.listening {
            self.command(Command::Listen(vrfs.clone()));
            self.listening = vrfs;
        }
        for (name, desired) in desired {
            if self.sessions.get(&name).is_some_and(|s| s.desired.key != desired.key) {
                self.remove(&name).await;
            }
            self.set(name, desired).await;
        }
    }

    async fn set(&mut self, name: BfdName, desired: Desired) {
        let guard = match self.sessions.get_mut(&name) {
            Some(session) if session.desired == desired => return,
            Some(session) => {
                let before = std::mem::replace(&mut session.desired, desired.clone()).clients;
                let (guard, key, state) = (session.guard, desired.key, session.state);
                let gone = before.iter().filter(|c| !desired.clients.contains(c));
                self.clients.tell(&key, BfdState::Unknown, gone).await;
                if state == BfdState::Up {
                    let new = desired.clients.iter().filter(|c| !before.contains(c));
                    self.clients.tell(&key, state, new).await;
                }
                guard
            }
            None => {
                let Some(guard) = self.number() else {
                    return error!("BFD: no room for a session with {}", name.remote);
                };
                self.names.insert(guard, name.clone());
                let events = VecDeque::with_capacity(HISTORY);
                self.sessions.insert(
                    name,
                    Session { guard, desired: desired.clone(), state: BfdState::Unknown, events },
                );
                guard
            }
        };
        let Desired { key, config, device, gateway, lenient, .. } = desired;
        let _ = self.rib.send(RibMessage::Guard(guard, Some(gateway))).await;
        self.command(Command::Set(Box::new(Wanted { guard, key, config, device, lenient })));
    }

    async fn remove(&mut self, name: &BfdName) {
        let Some(session) = self.sessions.remove(name) else { return };
        self.names.remove(&session.guard);
        self.free.push(session.guard);
        self.command(Command::Remove(session.guard));
        if session.state != BfdState::Unknown {
            let clients = session.desired.clients.iter();
            self.clients.tell(&session.desired.key, BfdState::Unknown, clients).await;
        }
        let _ = self.rib.send(RibMessage::Guard(session.guard, None)).await;
    }

    fn number(&mut self) -> Option<GuardId> {
        self.free.pop().or_else(|| {
            let guard = guard_id(self.numbered).filter(|_| self.numbered < CAPACITY)?;
            self.numbered += 1;
            Some(guard)
        })
    }

    /// Tells the protocols what the kernel has been told already.
    async fn failover(&mut self, failover: Failover) {
        let (guard, state) = match failover {
            Failover::Down(guard, _) => (guard, BfdState::Down),
            Failover::Up(guard) => (guard, BfdState::Up),
            Failover::Silent(guard) => (guard, BfdState::Unknown),
            Failover::Doubtful(guard) => (guard, BfdState::ControlPlaneDown),
        };
        let Some(name) = self.names.get(&guard) else { return };
        let Some(session) = self.sessions.get_mut(name) else { return };
        session.state = state;
        self.clients.tell(&session.desired.key, state, session.desired.clients.iter()).await;
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Event(guard, event) => self.event(guard, event),
            Notice::CannotListen { vrf, port, error } => {
                error!(
                    "BFD: cannot listen on UDP port {port} in VRF {}: {error}; is another daemon using it?",
                    vrf.0
                );
            }
            Notice::CannotEcho(error) => {
                error!("BFD: no echo packets: {error}; they need CAP_NET_RAW");
            }
            Notice::Refused { guard, error } => {
                if let Some(name) = self.names.get(&guard) {
                    error!("BFD: peer {}: {error}", name.remote);
                }
            }
        }
    }

    fn event(&mut self, guard: GuardId, event: Event) {
        let Some(name) = self.names.get(&guard) else { return };
        let Some(session) = self.sessions.get_mut(name) else { return };
        let (peer, vrf, log) = (name.remote, &name.vrf, session.desired.config.log);
        match event {
            Event::Up(_) if log => info!(target: "bfd", "Session-Change: [peer {peer} vrf {vrf}] is up"),
            Event::Down { diag, reason, .. } if log => {
                info!(target: "bfd", "Session-Change: [peer {peer} vrf {vrf}] is down ({diag}; {reason:?})");
            }
            Event::AdminDown(_) if log => {
                info!(target: "bfd", "Session-Change: [peer {peer} vrf {vrf}] is held down by the peer");
            }
            Event::WrongHopMode { theirs, count, .. } => {
                let ours = session.desired.key.hop;
                warn!(
                    target: "bfd",
                    "peer {peer} vrf {vrf} speaks port {}, we speak {} ({count} packets): one of the two has to be \
                     multihop like the other",
                    theirs.port(),
                    ours.port()
                );
            }
            Event::AuthFailure { cause, count, .. } => {
                warn!(target: "bfd", "peer {peer} vrf {vrf}: {count} packets are not authentic ({cause})");
            }
            _ => {}
        }
        if session.events.len() == HISTORY {
            session.events.pop_front();
        }
        session.events.push_back((Instant::now(), event));
    }

    async fn request(&self, request: BfdRequest) {
        match request {
            BfdRequest::Peers { vrf, after, limit, reply } => {
                let _ = reply.send(self.views(vrf.as_deref(), after.as_ref(), limit.min(SLICE)).await);
            }
            BfdRequest::ClearCounters { name, reply } => {
                let guard = self.sessions.get(&name).map(|s| s.guard);
                if let Some(guard) = guard {
                    self.command(Command::ClearCounters(guard));
                }
                let _ = reply.send(guard.is_some());
            }
            BfdRequest::Totals { reply } => self.command(Command::Totals(reply)),
        }
    }

    async fn views(&self, vrf: Option<&str>, after: Option<&BfdName>, limit: usize) -> Vec<BfdPeerView> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let chosen: Vec<(&BfdName, &Session)> = self
            .sessions
            .range::<BfdName, _>((from, Bound::Unbounded))
            .filter(|(name, _)| vrf.is_none_or(|v| v == name.vrf))
            .take(limit)
            .collect();
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.command(Command::View(chosen.iter().map(|(_, s)| s.guard).collect(), reply));
        let mut views: HashMap<GuardId, (SessionView, Duration)> =
            answer.await.unwrap_or_default().into_iter().collect();
        let around = self.around.borrow().clone();
        let view = |(name, session): (&BfdName, &Session)| {
            let (view, age) = views.remove(&session.guard)?;
            let link = view.interface.and_then(|i| around.links.get(&i));
            Some(BfdPeerView {
                name: name.clone(),
                clients: session.desired.clients.clone(),
                profile: session.desired.profile.clone(),
                reason: session.desired.reason,
                interface: link.map(|l| l.name.clone()),
                session: view,
                age,
                events: session.events.iter().map(|(at, event)| (at.elapsed(), *event)).collect(),
            })
        };
        chosen.into_iter().filter_map(view).collect()
    }
}

impl BfdClients {
    /// Tells those of the clients that speak a protocol.
    async fn tell(&self, key: &SessionKey, state: BfdState, clients: impl Iterator<Item = &BfdClient>) {
        for client in clients {
            match client {
                BfdClient::Bgp(instance) => {
                    let with = BfdPeer::new(key.remote, key.interface);
                    let _ = self.bgp.send(BgpMessage::Bfd(instance.clone(), with, state)).await;
                }
                BfdClient::Ospf(name) if state == BfdState::Down => {
                    let down = OspfMessage::BfdDown(name.clone(), key.remote, key.interface);
                    let _ = self.ospf.send(down).await;
                }
                BfdClient::Ospf(_) | BfdClient::Operator | BfdClient::Static => {}
            }
        }
    }
}
