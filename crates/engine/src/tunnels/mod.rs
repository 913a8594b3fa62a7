//! WireGuard tunnels: a thread that has them be what the configuration says.
//!
//! # Data
//! Statements come in and are read together with their key files; facts go out: where the other ends are (the RIB keeps routes to them
//! out of the tunnels, the link manager works MTUs out), and what `show wireguard` tells.
//!
//! # Invariants
//! * Whatever a tunnel lacks (a key file, a VRF, its port, its device) is said once, and tried again until it is there.
//! * Statements that did not change reach no tunnel: sessions, and what `wg set` changed by hand, stay.

mod kernel;
mod userspace;
mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ferr_config::model::wireguard::{WgBackend, WireGuard};
use ferr_kernel::WgKernel;
use ferr_rib::{RefusedRoute, TunnelEndpoint};
use ferr_state::{TunnelView, WgHealth, WgRequest};
use ferr_types::VrfId;
use ferr_wireguard::TunnelConfig;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use self::kernel::KernelTunnel;
use self::userspace::UserspaceTunnel;
use crate::daemon::EngineError;
use crate::rib_thread::{RibMessage, sleep_until};
use crate::surroundings::Surroundings;
use crate::translate::links::{QuickFacts, TunnelFacts};

/// How often what is missing is looked for, and what moved is asked.
const TICK: Duration = Duration::from_secs(1);
/// Questions that may wait.
const REQUESTS: usize = 16;
/// Events of tunnels that may wait; one that has no room is seen at the next tick.
const EVENTS: usize = 64;

/// Statements by interface, and a number that grows with each reading of the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WantedTunnels {
    pub(crate) tunnels: BTreeMap<String, WireGuard>,
    /// Key files are read again when it changes.
    pub(crate) reading: u64,
}

/// The thread's ends of the queues.
struct TunnelPorts {
    wanted: watch::Receiver<WantedTunnels>,
    around: watch::Receiver<Arc<Surroundings>>,
    refused: watch::Receiver<BTreeSet<RefusedRoute>>,
    requests: mpsc::Receiver<WgRequest>,
    rib: mpsc::Sender<RibMessage>,
    facts: watch::Sender<TunnelFacts>,
    stop: watch::Receiver<bool>,
}

/// Door to the thread.
pub(crate) struct Tunnels {
    pub(crate) wanted: watch::Sender<WantedTunnels>,
    pub(crate) facts: watch::Receiver<TunnelFacts>,
    pub(crate) requests: mpsc::Sender<WgRequest>,
}

/// Ends the thread, and with it the tunnels.
pub(crate) struct TunnelsEnd {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl TunnelsEnd {
    /// Waits until all is ended.
    pub(crate) fn end(self) {
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            warn!("the thread of the tunnels panicked");
        }
    }
}

/// Starts the thread in the network namespace of the caller.
///
/// # Errors
/// The thread cannot be started.
pub(crate) fn spawn(
    around: watch::Receiver<Arc<Surroundings>>,
    refused: watch::Receiver<BTreeSet<RefusedRoute>>,
    rib: mpsc::Sender<RibMessage>,
) -> Result<(Tunnels, TunnelsEnd), EngineError> {
    let (wanted_tx, wanted) = watch::channel(WantedTunnels::default());
    let (facts_tx, facts) = watch::channel(TunnelFacts::default());
    let (requests_tx, requests) = mpsc::channel(REQUESTS);
    let (stop_tx, stop) = watch::channel(false);
    let ports = TunnelPorts { wanted, around, refused, requests, rib, facts: facts_tx, stop };
    let work = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return warn!("cannot start the runtime of the tunnels: {error}"),
        };
        let (event_tx, events) = mpsc::channel(EVENTS);
        let worker = Worker {
            ports,
            events,
            event_tx,
            running: BTreeMap::new(),
            kernel: None,
            reading: 0,
            told: BTreeSet::new(),
        };
        runtime.block_on(worker.run());
    };
    let thread = std::thread::Builder::new().name("ferr-tunnels".to_owned()).spawn(work);
    let thread = thread.map_err(EngineError::Thread)?;
    let door = Tunnels { wanted: wanted_tx, facts, requests: requests_tx };
    Ok((door, TunnelsEnd { stop: stop_tx, thread }))
}

/// Who carries the packets of a tunnel.
enum Carrier {
    Userspace(UserspaceTunnel),
    Kernel(KernelTunnel),
}

/// A tunnel of the configuration.
struct Running {
    wanted: WireGuard,
    /// Reading of the files that `config` comes from.
    reading: u64,
    /// What is in force.
    config: Option<TunnelConfig>,
    /// What its wg-quick file said when it was read last.
    quick: Option<QuickFacts>,
    carrier: Option<Carrier>,
    fault: Option<String>,
}

struct Worker {
    ports: TunnelPorts,
    events: mpsc::Receiver<()>,
    event_tx: mpsc::Sender<()>,
    running: BTreeMap<String, Running>,
    kernel: Option<WgKernel>,
    /// Reading of the files that was applied last.
    reading: u64,
    /// Endpoints that the RIB knows.
    told: BTreeSet<TunnelEndpoint>,
}

impl Worker {
    async fn run(mut self) {
        self.kernel = WgKernel::open().unwrap_or_default();
        let kernel = self.kernel.is_some();
        self.ports.facts.send_modify(|facts| facts.kernel = kernel);
        // Questions must not put off what is due.
        let mut due = Instant::now() + TICK;
        loop {
            let tick = (!self.running.is_empty()).then_some(due);
            tokio::select! {
                _ = self.ports.stop.changed() => return,
                Ok(()) = self.ports.wanted.changed() => {}
                Ok(()) = self.ports.around.changed() => {}
                Some(()) = self.events.recv() => while self.events.try_recv().is_ok() {},
                Some(request) = self.ports.requests.recv() => {
                    let _ = request.reply.send(self.views());
                    continue;
                }
                () = sleep_until(tick) => {}
            }
            due = Instant::now() + TICK;
            self.apply().await;
            self.tell().await;
        }
    }

    /// Has all tunnels be what is wanted, as far as that is possible now.
    async fn apply(&mut self) {
        let wanted = self.ports.wanted.borrow_and_update().clone();
        self.reading = wanted.reading;
        let around = self.ports.around.borrow_and_update().clone();
        self.running.retain(|name, _| wanted.tunnels.contains_key(name));
        for (name, wg) in &wanted.tunnels {
            let mut running = self.running.remove(name).unwrap_or_else(|| Running {
                wanted: wg.clone(),
                reading: wanted.reading,
                config: None,
                quick: None,
                carrier: None,
                fault: None,
            });
            if running.wanted != *wg || running.reading != wanted.reading {
                (running.wanted, running.reading) = (wg.clone(), wanted.reading);
                running.config = None;
            }
            let fault = self.bring(name, &mut running, &around).await.err();
            if fault != running.fault {
                match &fault {
                    Some(fault) => warn!("wireguard {name}: {fault}"),
                    None => info!("wireguard {name}: all is there"),
                }
                running.fault = fault;
            }
            self.running.insert(name.clone(), running);
        }
    }

    /// Brings one tunnel further; tells what is missing.
    async fn bring(
        &mut self,
        name: &str,
        running: &mut Running,
        around: &Surroundings,
    ) -> Result<(), String> {
        let by_kernel = match running.wanted.backend {
            Some(WgBackend::Kernel) => true,
            // The kernel cannot keep the outer packets in a VRF.
            Some(WgBackend::Auto) => self.kernel.is_some() && running.wanted.endpoint_vrf.is_none(),
            Some(WgBackend::Userspace) | None => false,
        };
        let fits = match &running.carrier {
            Some(Carrier::Userspace(tunnel)) => !by_kernel && !tunnel.is_lost(),
            Some(Carrier::Kernel(_)) => by_kernel,
            None => false,
        };
        if !fits {
            (running.carrier, running.config) = (None, None);
        }
        if running.config.is_some() {
            return match (&mut running.carrier, &mut self.kernel) {
                (Some(Carrier::Kernel(tunnel)), Some(kernel)) => tunnel.look(kernel, name, around).await,
                (Some(Carrier::Userspace(tunnel)), _) => tunnel.look(around, &running.wanted),
                _ => Ok(()),
            };
        }
        // A file that cannot be read for a moment takes no address away.
        let quick = wish::quick_file(&running.wanted).map_err(|e| e.to_string())?;
        running.quick = quick
            .as_ref()
            .map(|quick| QuickFacts { addresses: quick.addresses.iter().copied().collect(), mtu: quick.mtu });
        let config = wish::tunnel(&running.wanted, quick).map_err(|e| e.to_string())?;
        self.free(&config)?;
        if by_kernel {
            if running.wanted.endpoint_vrf.is_some() {
                return Err(
                    "the kernel cannot send outer packets in a VRF: use `wireguard backend userspace`"
                        .to_owned(),
                );
            }
            let kernel = self.kernel.as_mut().ok_or("this kernel has no WireGuard")?;
            let tunnel = KernelTunnel::new(config.clone());
            running.config = Some(config);
            let tunnel = running.carrier.insert(Carrier::Kernel(tunnel));
            let Carrier::Kernel(tunnel) = tunnel else { return Ok(()) };
            return tunnel.look(kernel, name, around).await;
        }
        if running.carrier.is_none() {
            let tunnel = UserspaceTunnel::start(name, config.peers.len(), self.event_tx.clone())?;
            running.carrier = Some(Carrier::Userspace(tunnel));
        }
        if let Some(Carrier::Userspace(tunnel)) = &running.carrier {
            tunnel.configure(&config)?;
        }
        running.config = Some(config);
        Ok(())
    }

    /// Sockets of different VRFs share a port, and so would two of one VRF: one would get the other's packets.
    fn free(&self, config: &TunnelConfig) -> Result<(), String> {
        let Some(port) = config.listen_port else { return Ok(()) };
        let same = |c: &TunnelConfig| {
            (c.listen_port, &c.endpoint_device) == (config.listen_port, &config.endpoint_device)
        };
        match self.running.iter().find(|(_, r)| r.config.as_ref().is_some_and(same)) {
            Some((other, _)) => {
                Err(format!("UDP port {port} is {other}'s: set another `wireguard listen-port`"))
            }
            None => Ok(()),
        }
    }

    /// Tells the RIB and the link manager what they need to know.
    async fn tell(&mut self) {
        let around = self.ports.around.borrow().clone();
        let mut facts = TunnelFacts {
            kernel: self.kernel.is_some(),
            reading: Some(self.reading),
            ..TunnelFacts::default()
        };
        let mut endpoints = BTreeSet::new();
        for (name, running) in &self.running {
            facts.quick.extend(running.quick.clone().map(|quick| (name.clone(), quick)));
            let places: BTreeSet<IpAddr> = match &running.carrier {
                Some(Carrier::Userspace(tunnel)) => tunnel.places().collect(),
                Some(Carrier::Kernel(tunnel)) => tunnel.places().collect(),
                None => BTreeSet::new(),
            };
            // Who marks outer packets has rules of his own for them.
            let marked = running.config.as_ref().is_some_and(|c| c.fwmark != 0);
            let vrf = match &running.wanted.endpoint_vrf {
                Some(vrf) => around.vrfs.get(vrf).copied(),
                None => Some(VrfId::DEFAULT),
            };
            if let (Some(vrf), Some(link), false) = (vrf, around.link(name), marked) {
                let tunnel = link.ifindex;
                endpoints.extend(places.iter().map(|addr| TunnelEndpoint { vrf, addr: *addr, tunnel }));
            }
            facts.endpoints.insert(name.clone(), places);
        }
        self.ports.facts.send_if_modified(|old| {
            let news = *old != facts;
            *old = facts;
            news
        });
        if endpoints != self.told {
            self.told.clone_from(&endpoints);
            let _ = self.ports.rib.send(RibMessage::TunnelEndpoints(endpoints)).await;
        }
    }

    fn views(&mut self) -> Vec<TunnelView> {
        let around = self.ports.around.borrow().clone();
        let refused = self.ports.refused.borrow().clone();
        let mut all = Vec::new();
        for (name, running) in &self.running {
            let mut view = match &running.carrier {
                Some(Carrier::Userspace(tunnel)) => tunnel.view(),
                Some(Carrier::Kernel(tunnel)) => tunnel.view(),
                None => userspace::nothing(),
            };
            view.name.clone_from(name);
            view.fault = running.fault.clone().or(view.fault);
            view.endpoint_vrf.clone_from(&running.wanted.endpoint_vrf);
            view.open = view.peers.is_empty() || view.peers.iter().any(|p| p.health != WgHealth::Silent);
            for peer in &mut view.peers {
                let statement =
                    running.wanted.peers.iter().find(|(key, _)| key.to_string() == peer.public_key);
                peer.description = statement.and_then(|(_, p)| p.description.clone());
            }
            if let Some(link) = around.link(name) {
                let ours = refused.iter().filter(|r| r.endpoint.tunnel == link.ifindex);
                view.refused = ours.map(|r| r.prefix).collect();
            }
            all.push(view);
        }
        all
    }
}
