//! Composition: starts the threads in order, tells that it is ready, and ends them in order.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use ferr_config::Diagnostic;
use ferr_config::model::global::LogLevel;
use ferr_kernel::DeadList;
use ferr_rib::RibEvent;
use ferr_state::{Handle, LogHub, OspfJob, SystemInfo};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::info;
use tracing_subscriber::layer::SubscriberExt;

use crate::bfd::{self, BfdClients, BfdTaskPorts};
use crate::bgp_thread::{self, BgpMessage, BgpPorts, LearntNeighbors};
use crate::files::read;
use crate::links;
use crate::logging::LogSinks;
use crate::ospf_thread::{self, Handover, OspfMessage, OspfPorts, WatchedNeighbors};
use crate::owner::{Owner, OwnerPorts};
use crate::rib_thread::{self, RibMessage, RibPorts};
use crate::service::ServiceManager;
use crate::surroundings::Surroundings;
use crate::translate;
use crate::tunnels;

/// How to run the daemon.
#[derive(Debug, Clone)]
pub struct DaemonOptions {
    /// Configuration files, in order.
    pub config: Vec<PathBuf>,
    /// Folder of the vty sockets.
    pub vty_dir: PathBuf,
    /// Written when everything stands, removed at the end.
    pub pid_file: Option<PathBuf>,
    /// Lines to standard output down to this level, whatever the configuration says.
    pub log_level: Option<LogLevel>,
    /// Leave our routes in the kernel at the end.
    pub retain: bool,
    /// How long routes of an earlier run serve when nobody says that all is said.
    pub sweep_after: Duration,
}

/// Why the daemon cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A step with the kernel failed.
    #[error("cannot {step}: {error}; root or CAP_NET_ADMIN is needed")]
    Kernel {
        /// What was tried.
        step: &'static str,
        /// The kernel's answer.
        error: nix::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The runtime or a signal handler could not be started.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// The vty sockets.
    #[error("{0}")]
    Vty(#[from] ferr_vty::BindError),
    /// The pid file.
    #[error("cannot write {path}: {error}")]
    PidFile {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Everything that is wrong with configuration files.
pub fn check(files: &[PathBuf]) -> Vec<Diagnostic> {
    read(files).1
}

/// What is dubious in configuration files although each line is right.
pub fn remarks(files: &[PathBuf]) -> BTreeSet<String> {
    let config = read(files).0;
    let mut remarks = translate::bfd_timing::remarks(&config);
    remarks.extend(translate::links::remarks(&config));
    remarks
}

/// Where it is written down what was changed on links, beside the sockets.
const LINKS_FILE: &str = "ferr-links.state";

/// Where it is written down that neighbors were told of a restart, beside the sockets.
const OSPF_FILE: &str = "ferr-ospf.state";

/// Jobs that may wait for a thread.
const JOBS: usize = 64;
/// Messages that may wait for a thread.
const MESSAGES: usize = 16;
/// Messages that may wait for the RIB: with up to 1024 routes each, half a megabyte.
const RIB_MESSAGES: usize = 4;

/// Time in which OSPF tells its neighbors that it goes: seconds where `max-metric router-lsa on-shutdown` asks for them.
const OSPF_GOODBYE: Duration = Duration::from_secs(105);

/// Step and number of waits for the kernel before readiness is told.
const FIB_WAIT: Duration = Duration::from_millis(10);
const FIB_WAITS: u32 = 300;

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// [`EngineError`] when it cannot start.
pub fn run(options: DaemonOptions) -> Result<(), EngineError> {
    let hub = LogHub::default();
    let log = LogSinks::new(hub.clone(), options.log_level);
    let level = tracing_subscriber::filter::LevelFilter::DEBUG;
    let subscriber = tracing_subscriber::registry().with(level).with(log.clone());
    // A second daemon in one process (tests) shares the first one's subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EngineError::Runtime)?;
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(serve(options, hub, log)))
}

fn system_info() -> SystemInfo {
    let kernel = nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned());
    let hostname = nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned());
    SystemInfo {
        frr_version: ferr_config::FRR_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        hostname: hostname.unwrap_or_default(),
        kernel: kernel.unwrap_or_default(),
        started: Instant::now(),
        started_wall: SystemTime::now(),
    }
}

struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }

    /// Does what signals ask for, up to one that ends the daemon.
    async fn serve(&mut self, reload: &mpsc::Sender<()>, log: &LogSinks) {
        loop {
            tokio::select! {
                _ = self.term.recv() => return,
                _ = self.int.recv() => return,
                _ = self.hup.recv() => drop(reload.try_send(())),
                _ = self.usr1.recv() => log.reopen(),
            }
        }
    }
}

async fn serve(options: DaemonOptions, hub: LogHub, log: LogSinks) -> Result<(), EngineError> {
    let mut signals = Signals::new().map_err(EngineError::Runtime)?;
    let info = Arc::new(system_info());
    let (bgp_jobs_tx, bgp_jobs) = mpsc::channel(JOBS);
    let (bgp_slices_tx, bgp_slices) = mpsc::channel(JOBS);
    let (rib_jobs_tx, rib_jobs) = mpsc::channel(JOBS);
    let (config_tx, config_rx) = mpsc::channel(JOBS);
    let (bfd_tx, bfd_requests) = mpsc::channel(JOBS);
    let (bgp_tx, bgp_rx) = mpsc::channel(MESSAGES);
    let (rib_tx, rib_rx) = mpsc::channel(RIB_MESSAGES);
    let (event_tx, event_rx) = mpsc::channel(MESSAGES);
    let (ospf_event_tx, ospf_events) = mpsc::channel(MESSAGES);
    let (ospf_numbers_tx, ospf_numbers) = watch::channel(BTreeSet::new());
    let (around_tx, around_rx) = watch::channel(Arc::new(Surroundings::default()));
    let (learnt_tx, learnt) = watch::channel(LearntNeighbors::default());
    let (stop_tx, stop_rx) = watch::channel(false);
    let (reload_tx, reload_rx) = mpsc::channel(1);
    let (failover_tx, failovers) = mpsc::channel(JOBS);
    let (bfd_message_tx, bfd_messages) = mpsc::channel(MESSAGES);
    let (refused_tx, refused) = watch::channel(BTreeSet::new());
    let (plan, dead) = (Arc::<bfd::PlanCell>::default(), Arc::<DeadList>::default());

    let retain = Arc::new(AtomicBool::new(options.retain));
    let ports = RibPorts {
        jobs: rib_jobs,
        messages: rib_rx,
        events: event_tx,
        ospf_events: ospf_event_tx,
        around: around_tx,
        stop: stop_rx,
        failovers,
        plan: plan.clone(),
        dead: dead.clone(),
        refused: refused_tx,
        retain: retain.clone(),
        sweep_after: options.sweep_after,
    };
    let (rib_thread, failover_writer) = rib_thread::spawn(ports, rand::random())?;
    let ports = BgpPorts {
        jobs: bgp_jobs,
        slices: bgp_slices,
        messages: bgp_rx,
        events: event_rx,
        rib: rib_tx.clone(),
        around: around_rx.clone(),
        learnt: learnt_tx,
    };
    let bgp_thread = bgp_thread::spawn(ports)?;
    let handover = Handover::new(options.vty_dir.join(OSPF_FILE));
    let ospf = start_ospf(ospf_events, rib_tx.clone(), around_rx.clone(), handover)?;
    let ports = BfdTaskPorts {
        messages: bfd_messages,
        requests: bfd_requests,
        clients: BfdClients { bgp: bgp_tx.clone(), ospf: ospf.messages.clone() },
        rib: rib_tx.clone(),
        around: around_rx.clone(),
        failover: failover_tx,
        plan,
        dead,
        writer: failover_writer,
    };
    let (bfd, bfd_thread) = bfd::start(ports, rand::random()).map_err(EngineError::Thread)?;
    let bfd = tokio::task::spawn_local(bfd.run());
    let (links, links_thread) = links::spawn(options.vty_dir.join(LINKS_FILE))?;
    let links_end = links.clone();
    let (tunnels, tunnels_end) = tunnels::spawn(around_rx.clone(), refused, rib_tx.clone())?;
    let handle = Handle::new(bgp_jobs_tx, rib_jobs_tx, config_tx, bfd_tx, info, hub)
        .with_bgp_slices(bgp_slices_tx)
        .with_ospf(ospf.jobs)
        .with_ospf_numbers(ospf_numbers.clone())
        .with_links(links.view())
        .with_wireguard(tunnels.requests);
    let ports = OwnerPorts {
        requests: config_rx,
        reload: reload_rx,
        bgp: bgp_tx.clone(),
        ospf: ospf.messages.clone(),
        ospf_numbers: ospf_numbers_tx,
        bfd: bfd_message_tx,
        rib: rib_tx,
        around: around_rx,
        learnt,
        watched: ospf.watched,
        links,
        tunnels: tunnels.wanted,
        facts: tunnels.facts,
        handle: handle.clone(),
        log: log.clone(),
        log_level: options.log_level,
    };
    let mut owner = Owner::new(ports, options.config.clone());
    owner.start().await;
    fib_settled(&handle).await;
    let owner = tokio::task::spawn_local(owner.run());
    let sockets = bind_vty(&options.vty_dir, ospf_numbers.borrow().clone())?;
    let vty = crate::vty_thread::spawn(sockets, handle.clone())?;
    let _pid_file = options.pid_file.as_deref().map(PidFile::write).transpose()?;
    log.started();
    let manager = ServiceManager::from_environment();
    manager.ready();
    let heart = tokio::task::spawn_local(manager.clone().beat(handle));
    info!("ready");

    signals.serve(&reload_tx, &log).await;
    info!("ending");
    manager.stopping();
    heart.abort();
    if say_goodbye(options.retain, &bgp_tx, &ospf.messages).await {
        retain.store(true, Ordering::Relaxed);
    }
    let _ = stop_tx.send(true);
    vty.end();
    owner.abort();
    bfd.abort();
    // Joining must not block the runtime that others still answer on.
    let _ = bfd.await;
    let joined = move || (bfd_thread.join(), bgp_thread.join(), ospf.thread.join(), rib_thread.join());
    let _ = tokio::task::spawn_blocking(joined).await;
    // What forwards packets is taken back after the routes.
    let _ = tokio::task::spawn_blocking(move || tunnels_end.end()).await;
    links_end.end(!retain.load(Ordering::Relaxed));
    let _ = tokio::task::spawn_blocking(move || links_thread.join()).await;
    Ok(())
}

/// The vty sockets, those of numbered instances of OSPF among them.
fn bind_vty(dir: &Path, ospf_numbers: BTreeSet<u16>) -> Result<ferr_vty::Sockets, ferr_vty::BindError> {
    ferr_vty::bind(ferr_vty::VtyOptions {
        dir: dir.to_owned(),
        ospf_numbers,
        ..ferr_vty::VtyOptions::default()
    })
}

/// Ends of the OSPF thread.
struct OspfEnds {
    jobs: mpsc::Sender<OspfJob>,
    messages: mpsc::Sender<OspfMessage>,
    watched: watch::Receiver<WatchedNeighbors>,
    thread: JoinHandle<()>,
}

fn start_ospf(
    events: mpsc::Receiver<Vec<RibEvent>>,
    rib: mpsc::Sender<RibMessage>,
    around: watch::Receiver<Arc<Surroundings>>,
    handover: Handover,
) -> Result<OspfEnds, EngineError> {
    let (jobs_tx, jobs) = mpsc::channel(JOBS);
    let (messages_tx, messages) = mpsc::channel(MESSAGES);
    let (watched_tx, watched) = watch::channel(WatchedNeighbors::default());
    let ports = OspfPorts { jobs, messages, events, rib, around, watched: watched_tx, handover };
    let thread = ospf_thread::spawn(ports)?;
    Ok(OspfEnds { jobs: jobs_tx, messages: messages_tx, watched, thread })
}

/// Tells all neighbors that this router goes. True when it announced that it comes back, and so goes on forwarding; `retain` is so in any case.
async fn say_goodbye(retain: bool, bgp: &mpsc::Sender<BgpMessage>, ospf: &mpsc::Sender<OspfMessage>) -> bool {
    let (answer, prepared) = oneshot::channel();
    let _ = ospf.send(OspfMessage::Prepared(answer)).await;
    let stays = retain || matches!(tokio::time::timeout(OSPF_GOODBYE, prepared).await, Ok(Ok(true)));
    // While OSPF's routes lead to its peers.
    let (done, said) = oneshot::channel();
    let _ = bgp.send(BgpMessage::Stop { stays, done }).await;
    let _ = said.await;
    let (done_tx, done) = oneshot::channel();
    let _ = ospf.send(OspfMessage::Stop(done_tx)).await;
    matches!(tokio::time::timeout(OSPF_GOODBYE, done).await, Ok(Ok(true)))
}

/// Waits until what the configuration asks of the kernel has been sent to it, a few seconds at most: a peer is never waited for.
async fn fib_settled(handle: &Handle) {
    for _ in 0..FIB_WAITS {
        if handle.rib(|rib, _| rib.fib_ready()).await != Ok(true) {
            return;
        }
        tokio::time::sleep(FIB_WAIT).await;
    }
}

/// Removes the file at the end.
struct PidFile(PathBuf);

impl PidFile {
    fn write(path: &Path) -> Result<Self, EngineError> {
        std::fs::write(path, format!("{}\n", std::process::id()))
            .map_err(|error| EngineError::PidFile { path: path.to_owned(), error })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
