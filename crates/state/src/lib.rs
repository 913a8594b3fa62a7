//! Read-only views and requests: the only door through which `show` commands, the CLI and the API reach the daemon.
//!
//! # Purpose
//! A [`Handle`] sends small jobs to the threads that own the state. A job runs between two slices of the thread's own work, so
//! it never waits behind UPDATEs, and it must be short itself: a table is read in slices with a cursor, never in one job.
//!
//! # Invariants
//! * All queues are bounded; a caller waits, the daemon does not.
//! * Secrets do not pass: views come from the cores, which never hold them. Only the configuration does, for rendering.
#![forbid(unsafe_code)]

mod bfd;
mod links;
mod log;
mod ospf;
mod wireguard;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ferr_config::{Config, LineError, LineOutcome, ModeStack};
use ferr_policy::PolicySet;
use ferr_types::VrfId;
use tokio::sync::{mpsc, oneshot, watch};

pub use bfd::{BfdClient, BfdName, BfdPeerView, BfdRequest, HopReason};
pub use ferr_bfd;
pub use ferr_bgp as bgp;
pub use ferr_ospf;
pub use ferr_policy as policy;
pub use ferr_rib as rib;
pub use links::{LinkView, LinksView, MssView, SysctlView};
pub use log::{LogHub, LogLine, Severity};
pub use ospf::{OspfJob, OspfName, OspfWorld};
pub use wireguard::{TunnelView, WgCarrier, WgHealth, WgPeerView, WgRequest};

/// The daemon is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is ending")]
pub struct Gone;

/// Stands for the VRF of an instance whose VRF does not exist: nothing is exchanged until it does. Others show it as -1.
pub const NO_VRF: VrfId = VrfId(u32::MAX);

/// What the BGP thread owns: instances by VRF name (`default` for the default VRF; views by their own name).
#[derive(Debug, Default)]
pub struct BgpWorld {
    /// Instances.
    pub instances: BTreeMap<String, BgpInstance>,
    /// Policy in force, for `show route-map` counters and list tests.
    pub policy: Arc<PolicySet>,
}

/// An instance with what it does not know itself.
#[derive(Debug)]
pub struct BgpInstance {
    /// The speaker.
    pub bgp: bgp::Instance,
    /// A `view`: nothing goes to the RIB.
    pub view: bool,
    /// Round-trip times that TCP measured, by remote end; only of connections that exist.
    pub round_trips: BTreeMap<SocketAddr, Duration>,
}

/// Job for the BGP thread.
pub type BgpJob = Box<dyn FnOnce(&mut BgpWorld, Instant) + Send>;
/// Job for the RIB thread.
pub type RibJob = Box<dyn FnOnce(&mut rib::Rib, Instant) + Send>;

/// Request to the owner of the configuration.
#[derive(Debug)]
pub enum ConfigRequest {
    /// Executes one line of a session in configuration mode.
    Line {
        /// Where the session stands.
        mode: ModeStack,
        /// The line.
        line: String,
        /// Where it stands then, and what became of the line. The change is in force when this comes, unless a transaction is
        /// open.
        reply: oneshot::Sender<(ModeStack, Result<LineOutcome, LineError>)>,
    },
    /// A file begins to arrive line by line (`XFRR_start_configuration`): changes wait for its end.
    Begin {
        /// Done.
        reply: oneshot::Sender<()>,
    },
    /// It is over: what changed comes into force.
    End {
        /// Done.
        reply: oneshot::Sender<()>,
    },
    /// The running configuration.
    Running {
        /// A copy that nobody changes.
        reply: oneshot::Sender<Arc<Config>>,
    },
    /// Writes the running configuration to its file (`write memory`).
    Write {
        /// Path written, or what went wrong.
        reply: oneshot::Sender<Result<String, String>>,
    },
}

/// Facts that do not change.
#[derive(Debug, Clone)]
pub struct SystemInfo {
    /// Version that `show version` names, of FRR's shape.
    pub frr_version: &'static str,
    /// Own version.
    pub version: &'static str,
    /// Host name at start.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// When the daemon started.
    pub started: Instant,
    /// The same on the wall clock: [`Handle::wall_clock`] converts by it.
    pub started_wall: SystemTime,
}

/// Door to the daemon; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    bgp: mpsc::Sender<BgpJob>,
    bgp_slices: mpsc::Sender<BgpJob>,
    rib: mpsc::Sender<RibJob>,
    config: mpsc::Sender<ConfigRequest>,
    bfd: mpsc::Sender<BfdRequest>,
    links: Option<watch::Receiver<Arc<LinksView>>>,
    wireguard: Option<mpsc::Sender<WgRequest>>,
    ospf: Option<mpsc::Sender<OspfJob>>,
    ospf_numbers: Option<watch::Receiver<BTreeSet<u16>>>,
    /// Facts.
    pub info: Arc<SystemInfo>,
    /// Log.
    pub log: LogHub,
}

/// An answer that is being made.
#[derive(Debug)]
pub struct Pending<R>(oneshot::Receiver<R>);

impl<R> Pending<R> {
    /// Waits for it.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn answer(self) -> Result<R, Gone> {
        self.0.await.map_err(|_| Gone)
    }
}

/// Puts a job for the BGP thread into a queue.
async fn send<R: Send + 'static>(
    queue: &mpsc::Sender<BgpJob>,
    f: impl FnOnce(&mut BgpWorld, Instant) -> R + Send + 'static,
) -> Result<Pending<R>, Gone> {
    let (reply, answer) = oneshot::channel();
    let job: BgpJob = Box::new(move |world, now| drop(reply.send(f(world, now))));
    queue.send(job).await.map_err(|_| Gone)?;
    Ok(Pending(answer))
}

impl Handle {
    /// Door to threads behind these queues.
    pub fn new(
        bgp: mpsc::Sender<BgpJob>,
        rib: mpsc::Sender<RibJob>,
        config: mpsc::Sender<ConfigRequest>,
        bfd: mpsc::Sender<BfdRequest>,
        info: Arc<SystemInfo>,
        log: LogHub,
    ) -> Self {
        Self {
            bgp_slices: bgp.clone(),
            bgp,
            rib,
            config,
            bfd,
            links: None,
            wireguard: None,
            ospf: None,
            ospf_numbers: None,
            info,
            log,
        }
    }

    /// The same with a queue of its own for slices of BGP's tables, which may wait longer than other jobs.
    #[must_use]
    pub fn with_bgp_slices(self, bgp_slices: mpsc::Sender<BgpJob>) -> Self {
        Self { bgp_slices, ..self }
    }

    /// The same with a look at declared links.
    #[must_use]
    pub fn with_links(self, links: watch::Receiver<Arc<LinksView>>) -> Self {
        Self { links: Some(links), ..self }
    }

    /// The same with a door to those who keep the tunnels.
    #[must_use]
    pub fn with_wireguard(self, requests: mpsc::Sender<WgRequest>) -> Self {
        Self { wireguard: Some(requests), ..self }
    }

    /// The same with a door to OSPF.
    #[must_use]
    pub fn with_ospf(self, jobs: mpsc::Sender<OspfJob>) -> Self {
        Self { ospf: Some(jobs), ..self }
    }

    /// The same with a look at the numbers of OSPFv2 instances (`router ospf N`) that are configured.
    #[must_use]
    pub fn with_ospf_numbers(self, numbers: watch::Receiver<BTreeSet<u16>>) -> Self {
        Self { ospf_numbers: Some(numbers), ..self }
    }

    /// Numbers of OSPFv2 instances that are configured, as they change; `None` where nobody tells.
    pub fn ospf_numbers(&self) -> Option<watch::Receiver<BTreeSet<u16>>> {
        self.ospf_numbers.clone()
    }

    /// Runs `f` on the OSPF thread; on an empty world where there is none.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn ospf<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut OspfWorld, Instant) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let Some(jobs) = &self.ospf else { return Ok(f(&mut OspfWorld::default(), self.info.started)) };
        let (reply, answer) = oneshot::channel();
        let job: OspfJob = Box::new(move |world, now| drop(reply.send(f(world, now))));
        jobs.send(job).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// All WireGuard tunnels; nothing where nobody keeps any.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn wireguard(&self) -> Result<Vec<TunnelView>, Gone> {
        let Some(requests) = &self.wireguard else { return Ok(Vec::new()) };
        let (reply, answer) = oneshot::channel();
        requests.send(WgRequest { reply }).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// What became of declared links; nothing where there is no link manager.
    pub fn links(&self) -> Arc<LinksView> {
        self.links.as_ref().map(|l| l.borrow().clone()).unwrap_or_default()
    }

    /// Runs `f` on the BGP thread.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn bgp<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut BgpWorld, Instant) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        send(&self.bgp, f).await?.answer().await
    }

    /// Runs `f`, which reads a slice of a table, on the BGP thread. Other jobs go before it, and between two slices the thread
    /// does work of its own: whoever reads whole tables delays nobody else.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn bgp_slice<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut BgpWorld, Instant) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        self.begin_bgp_slice(f).await?.answer().await
    }

    /// The same without waiting for the answer, which may be made while the last one is looked at.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn begin_bgp_slice<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut BgpWorld, Instant) -> R + Send + 'static,
    ) -> Result<Pending<R>, Gone> {
        send(&self.bgp_slices, f).await
    }

    /// Runs `f` on the RIB thread.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn rib<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut rib::Rib, Instant) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let (reply, answer) = oneshot::channel();
        let job: RibJob = Box::new(move |rib, now| drop(reply.send(f(rib, now))));
        self.rib.send(job).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    async fn ask<R>(&self, request: impl FnOnce(oneshot::Sender<R>) -> ConfigRequest) -> Result<R, Gone> {
        let (reply, answer) = oneshot::channel();
        self.config.send(request(reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// Executes a configuration line; moves `mode` as the line does.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn configure(
        &self,
        mode: &mut ModeStack,
        line: &str,
    ) -> Result<Result<LineOutcome, LineError>, Gone> {
        let (from, line) = (mode.clone(), line.to_owned());
        let (to, outcome) = self.ask(|reply| ConfigRequest::Line { mode: from, line, reply }).await?;
        *mode = to;
        Ok(outcome)
    }

    /// Changes wait until as many [`Self::end`] calls.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn begin(&self) -> Result<(), Gone> {
        self.ask(|reply| ConfigRequest::Begin { reply }).await
    }

    /// See [`Self::begin`].
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn end(&self) -> Result<(), Gone> {
        self.ask(|reply| ConfigRequest::End { reply }).await
    }

    /// The running configuration.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn running(&self) -> Result<Arc<Config>, Gone> {
        self.ask(|reply| ConfigRequest::Running { reply }).await
    }

    /// Saves the running configuration; gives the path, or what went wrong.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn write(&self) -> Result<Result<String, String>, Gone> {
        self.ask(|reply| ConfigRequest::Write { reply }).await
    }

    async fn ask_bfd<R>(&self, request: impl FnOnce(oneshot::Sender<R>) -> BfdRequest) -> Result<R, Gone> {
        let (reply, answer) = oneshot::channel();
        self.bfd.send(request(reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// BFD sessions of one VRF or of all, in the order of their names, behind `after`, at most `limit`.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn bfd_peers(
        &self,
        vrf: Option<String>,
        after: Option<BfdName>,
        limit: usize,
    ) -> Result<Vec<BfdPeerView>, Gone> {
        self.ask_bfd(|reply| BfdRequest::Peers { vrf, after, limit, reply }).await
    }

    /// Sets the counters of a BFD session to zero; tells whether it exists.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn bfd_clear_counters(&self, name: BfdName) -> Result<bool, Gone> {
        self.ask_bfd(|reply| BfdRequest::ClearCounters { name, reply }).await
    }

    /// Totals of all BFD sessions.
    ///
    /// # Errors
    /// [`Gone`] when the daemon is ending.
    pub async fn bfd_totals(&self) -> Result<ferr_bfd::SpeakerView, Gone> {
        self.ask_bfd(|reply| BfdRequest::Totals { reply }).await
    }

    /// Wall clock of an instant, by the clocks at start.
    pub fn wall_clock(&self, at: Instant) -> SystemTime {
        self.info.started_wall + at.saturating_duration_since(self.info.started)
    }
}
