//! The owner of the configuration: one place that holds it, changes it and brings it into force.
//!
//! # Invariants
//! * What runs is a function of the configuration and of the surroundings (links, addresses, VRFs), translated anew after
//!   each change and compared with what was translated before; only differences leave this module.
//! * A line applies whole or not at all. While a transaction is open lines change the configuration, and its end brings all
//!   of it into force at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_config::model::global::{Global, LogLevel, Profile};
use ferr_config::{Config, Diagnostic, execute_line};
use ferr_kernel::{Requester, set_sysctl};
use ferr_policy::{PolicyDef, PolicySet};
use ferr_state::{ConfigRequest, Handle};
use ferr_types::{Afi, IfAddr, Protocol, RouteKey, RouteSpec, VrfId};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::advert::Adverts;
use crate::bfd::{BfdMessage, ComeBack};
use crate::bgp_thread::{BgpMessage, LearntNeighbors};
use crate::files::{self, read};
use crate::logging::LogSinks;
use crate::rib_thread::{RibMessage, sleep_until};
use crate::route_filter::{self, RouteFilter};
use crate::surroundings::Surroundings;
use crate::translate;

/// A transaction whose end never comes is ended after this pause without lines.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Ends of the queues.
pub(crate) struct OwnerPorts {
    pub(crate) requests: mpsc::Receiver<ConfigRequest>,
    pub(crate) reload: mpsc::Receiver<()>,
    pub(crate) bgp: mpsc::Sender<BgpMessage>,
    pub(crate) bfd: mpsc::Sender<BfdMessage>,
    pub(crate) rib: mpsc::Sender<RibMessage>,
    pub(crate) around: watch::Receiver<Arc<Surroundings>>,
    pub(crate) learnt: watch::Receiver<LearntNeighbors>,
    pub(crate) handle: Handle,
    pub(crate) log: LogSinks,
    pub(crate) log_level: Option<LogLevel>,
}

/// What was brought into force.
#[derive(Debug, Default)]
struct Applied {
    policy: PolicyDef,
    statics: BTreeMap<RouteKey, RouteSpec>,
    bgp: translate::bgp::Bgp,
    bfd: translate::bfd::Sessions,
    come_back: ComeBack,
    /// What was remarked of it.
    remarks: BTreeSet<String>,
    addresses: BTreeMap<String, BTreeSet<IfAddr>>,
    shutdown: BTreeSet<String>,
    global: Option<Global>,
    route_maps: BTreeMap<(VrfId, Afi, Protocol), String>,
}

/// See the module.
pub(crate) struct Owner {
    ports: OwnerPorts,
    files: Vec<PathBuf>,
    running: Config,
    /// Copy for readers, dropped by a change.
    shared: Option<Arc<Config>>,
    applied: Applied,
    transactions: u32,
    last_line: Instant,
    requester: Option<Requester>,
    adverts: Adverts,
    policy: Arc<PolicySet>,
}

impl Owner {
    pub(crate) fn new(ports: OwnerPorts, files: Vec<PathBuf>) -> Self {
        let requester = Requester::open().inspect_err(|e| error!("cannot open a netlink socket: {e}")).ok();
        Self {
            ports,
            files,
            running: Config::default(),
            shared: None,
            applied: Applied::default(),
            transactions: 0,
            last_line: Instant::now(),
            requester,
            adverts: Adverts::default(),
            policy: Arc::default(),
        }
    }

    /// Reads the files and brings them into force; then lets sessions begin.
    pub(crate) async fn start(&mut self) {
        let (config, diagnostics) = read(&self.files);
        report(&diagnostics);
        self.running = config;
        // Without links no static route and no router id can be translated.
        let _ = self.ports.around.wait_for(|a| a.synced).await;
        self.apply().await;
        let _ = self.ports.bgp.send(BgpMessage::Start).await;
    }

    /// Serves until the daemon ends.
    pub(crate) async fn run(mut self) {
        loop {
            let open = self.transactions > 0;
            let timeout = open.then(|| self.last_line + TRANSACTION_TIMEOUT);
            tokio::select! {
                request = self.ports.requests.recv() => match request {
                    Some(request) => self.request(request).await,
                    None => return,
                },
                Some(()) = self.ports.reload.recv() => self.reload().await,
                Ok(()) = self.ports.around.changed() => {
                    if !open {
                        self.apply().await;
                    }
                }
                Ok(()) = self.ports.learnt.changed() => {
                    if !open {
                        let around = self.ports.around.borrow().clone();
                        self.apply_bfd(&around).await;
                    }
                }
                () = sleep_until(timeout) => {
                    warn!("a configuration that was being read did not end; what came of it is in force");
                    self.transactions = 0;
                    self.apply().await;
                }
            }
        }
    }

    async fn request(&mut self, request: ConfigRequest) {
        match request {
            ConfigRequest::Line { mut mode, line, reply } => {
                self.last_line = Instant::now();
                let outcome = execute_line(&mut self.running, &mut mode, &line);
                if outcome.is_ok() {
                    self.shared = None;
                    if self.transactions == 0 {
                        self.apply().await;
                    }
                }
                let _ = reply.send((mode, outcome));
            }
            ConfigRequest::Begin { reply } => {
                self.last_line = Instant::now();
                self.transactions += 1;
                let _ = reply.send(());
            }
            ConfigRequest::End { reply } => {
                self.transactions = self.transactions.saturating_sub(1);
                if self.transactions == 0 {
                    self.apply().await;
                }
                let _ = reply.send(());
            }
            ConfigRequest::Running { reply } => {
                let shared = self.shared.get_or_insert_with(|| Arc::new(self.running.clone()));
                let _ = reply.send(shared.clone());
            }
            ConfigRequest::Write { reply } => {
                let _ = reply.send(self.write());
            }
        }
    }

    /// Saves to the files that were read.
    fn write(&self) -> Result<String, String> {
        let path = self.files.first().ok_or("no configuration file was given at start")?;
        files::write(path, files::own(&self.files).as_deref(), &self.running)
    }

    async fn reload(&mut self) {
        let (config, diagnostics) = read(&self.files);
        report(&diagnostics);
        self.running = config;
        self.shared = None;
        self.apply().await;
        info!("configuration read again");
    }

    /// Brings the configuration into force.
    async fn apply(&mut self) {
        let around = self.ports.around.borrow_and_update().clone();
        if self.applied.global.as_ref() != Some(&self.running.global) {
            self.apply_global().await;
        }
        self.apply_interfaces(&around);
        let policy = translate::policy::policy(&self.running);
        let mut filter_changed = false;
        if policy != self.applied.policy {
            let changed = translate::policy::changed_names(&self.applied.policy, &policy);
            let (set, errors) = PolicySet::compile(&policy);
            errors.iter().for_each(|e| error!(target: "bgp", "{e}; it matches nothing"));
            self.applied.policy = policy;
            self.policy = Arc::new(set);
            let _ = self.ports.bgp.send(BgpMessage::Policy(self.policy.clone(), changed.clone())).await;
            filter_changed |= self.applied.route_maps.values().any(|name| changed.contains(name));
        }
        let maps = route_filter::maps(&self.running, &around);
        filter_changed |= maps != self.applied.route_maps;
        if filter_changed {
            self.apply_filter(maps).await;
        }
        self.adverts.configure(&self.running, &around, &self.ports.bgp);
        let statics = translate::statics::statics(&self.running, &around);
        self.apply_statics(statics).await;
        let bgp = translate::bgp::bgp(&self.running, &around);
        let come_back = self.running.bfd.come_back.map(ComeBack::from).unwrap_or_default();
        if come_back != self.applied.come_back {
            self.applied.come_back = come_back;
            let _ = self.ports.rib.send(RibMessage::ComeBack(come_back)).await;
        }
        if bgp != self.applied.bgp {
            self.applied.bgp = bgp.clone();
            let _ = self.ports.bgp.send(BgpMessage::Configure(Box::new(bgp))).await;
        }
        self.apply_bfd(&around).await;
    }

    /// Brings BFD in line with the configuration and with what BGP learnt of its neighbors.
    async fn apply_bfd(&mut self, around: &Surroundings) {
        let learnt = self.ports.learnt.borrow_and_update().clone();
        let wanted = translate::bfd::sessions(&self.running, &self.applied.bgp, learnt.iter(), around);
        let mut remarks = translate::bfd_timing::warnings(&self.running, &wanted.sessions, around);
        remarks.extend(wanted.remarks());
        let bfd = wanted.sessions;
        remarks.difference(&self.applied.remarks).for_each(|r| warn!(target: "config", "{r}"));
        self.applied.remarks = remarks;
        if bfd != self.applied.bfd {
            self.applied.bfd.clone_from(&bfd);
            let _ = self.ports.bfd.send(BfdMessage::Configure(bfd)).await;
        }
    }

    /// Offers made before pass the new filter, too.
    async fn apply_filter(&mut self, maps: BTreeMap<(VrfId, Afi, Protocol), String>) {
        self.applied.route_maps.clone_from(&maps);
        let filter = RouteFilter::new(self.policy.clone(), maps);
        let _ = self.ports.rib.send(RibMessage::Filter(filter)).await;
        let statics = self.applied.statics.iter().map(|(k, v)| (*k, v.clone())).collect();
        let _ = self.ports.rib.send(RibMessage::Replace(statics, Vec::new())).await;
        let _ = self.ports.bgp.send(BgpMessage::Reinstall).await;
    }

    async fn apply_statics(&mut self, statics: BTreeMap<RouteKey, RouteSpec>) {
        let old = &self.applied.statics;
        let gone: Vec<RouteKey> = old.keys().filter(|k| !statics.contains_key(k)).copied().collect();
        let set: Vec<(RouteKey, RouteSpec)> =
            statics.iter().filter(|(k, v)| old.get(*k) != Some(*v)).map(|(k, v)| (*k, v.clone())).collect();
        self.applied.statics = statics;
        if !gone.is_empty() || !set.is_empty() {
            let _ = self.ports.rib.send(RibMessage::Replace(set, gone)).await;
        }
    }

    async fn apply_global(&mut self) {
        let global = self.running.global.clone();
        if let Err(error) = self.ports.log.configure(&global.log, self.ports.log_level) {
            error!("{error}");
        }
        let (v4, v6) = (global.vrf.nht_resolve_via_default, global.vrf.nht6_resolve_via_default);
        let default = global.profile == Profile::Traditional;
        let (v4, v6) = (v4.unwrap_or(default), v6.unwrap_or(default));
        let _ = self.ports.handle.rib(move |rib, _| rib.set_resolve_via_default(v4, v6)).await;
        for (wanted, name) in [
            (global.ip_forwarding, ["net", "ipv4", "ip_forward"].as_slice()),
            (global.ipv6_forwarding, ["net", "ipv6", "conf", "all", "forwarding"].as_slice()),
        ] {
            if let Some(on) = wanted
                && let Err(error) = set_sysctl(name, if on { "1" } else { "0" })
            {
                warn!("cannot set {}: {error}", name.join("."));
            }
        }
        self.applied.global = Some(global);
    }

    fn apply_interfaces(&mut self, around: &Surroundings) {
        let Some(requester) = &mut self.requester else { return };
        let names: BTreeSet<String> =
            self.running.interfaces.keys().chain(self.applied.addresses.keys()).cloned().collect();
        for name in names {
            let wanted = self.running.interfaces.get(&name);
            let addresses = wanted.map(|i| i.addresses.clone()).unwrap_or_default();
            let down = wanted.is_some_and(|i| i.shutdown);
            let Some(link) = around.link(&name) else {
                // It is given its addresses when it comes.
                self.applied.addresses.remove(&name);
                self.applied.shutdown.remove(&name);
                continue;
            };
            let was_down = self.applied.shutdown.contains(&name);
            if down != was_down {
                log_failure(&name, "its state", requester.set_link_up(link.ifindex, !down));
                let shutdown = &mut self.applied.shutdown;
                if down {
                    shutdown.insert(name.clone())
                } else {
                    shutdown.remove(&name)
                };
            }
            let before = self.applied.addresses.get(&name).cloned().unwrap_or_default();
            let present: BTreeSet<IfAddr> = around.addresses_of(link.ifindex).map(|a| a.addr).collect();
            for addr in before.difference(&addresses).filter(|a| present.contains(a)) {
                log_failure(&name, "an address", requester.del_address(link.ifindex, *addr));
            }
            for addr in addresses.difference(&present) {
                log_failure(&name, "an address", requester.add_address(link.ifindex, *addr));
            }
            if addresses.is_empty() {
                self.applied.addresses.remove(&name);
            } else {
                self.applied.addresses.insert(name, addresses);
            }
        }
    }
}

fn log_failure(name: &str, what: &str, result: nix::Result<()>) {
    if let Err(error) = result {
        warn!("interface {name}: cannot set {what}: {error}");
    }
}

fn report(diagnostics: &[Diagnostic]) {
    use ferr_config::Severity;
    for diagnostic in diagnostics {
        match diagnostic.severity() {
            Severity::Error => error!(target: "config", "{diagnostic}"),
            Severity::Warning => warn!(target: "config", "{diagnostic}"),
        }
    }
}
