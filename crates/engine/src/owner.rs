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

use ferr_config::model::bgp::BgpInstance;
use ferr_config::model::global::{Global, LogLevel, Profile};
use ferr_config::model::interface::Interface;
use ferr_config::{Config, Diagnostic, execute_line};
use ferr_policy::{PolicyDef, PolicySet};
use ferr_state::{ConfigRequest, Handle};
use ferr_types::{Afi, Protocol, RouteUpdate, VrfId};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::advert::Adverts;
use crate::bfd::{BfdMessage, ComeBack};
use crate::bgp_thread::{BgpMessage, LearntNeighbors};
use crate::files::{self, read};
use crate::leftovers::Owed;
use crate::links::Links;
use crate::logging::LogSinks;
use crate::ospf_thread::{OspfMessage, WatchedNeighbors};
use crate::rib_thread::{RibMessage, sleep_until};
use crate::route_filter::{self, RouteFilter};
use crate::surroundings::Surroundings;
use crate::translate::ospf::Anchor;
use crate::translate::statics::Statics;
use crate::translate::{self, links::TunnelFacts};
use crate::tunnels::WantedTunnels;

/// How often the wall clock is compared.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);
/// A transaction whose end never comes is ended after this pause without lines.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the start waits for declared links: what cannot be made is not waited for.
const LINKS_WAIT: Duration = Duration::from_secs(3);

/// Ends of the queues.
pub(crate) struct OwnerPorts {
    pub(crate) requests: mpsc::Receiver<ConfigRequest>,
    pub(crate) reload: mpsc::Receiver<()>,
    pub(crate) bgp: mpsc::Sender<BgpMessage>,
    pub(crate) ospf: mpsc::Sender<OspfMessage>,
    /// Numbers of OSPFv2 instances.
    pub(crate) ospf_numbers: watch::Sender<BTreeSet<u16>>,
    pub(crate) bfd: mpsc::Sender<BfdMessage>,
    pub(crate) rib: mpsc::Sender<RibMessage>,
    pub(crate) around: watch::Receiver<Arc<Surroundings>>,
    pub(crate) learnt: watch::Receiver<LearntNeighbors>,
    /// Whom OSPF wants BFD to watch.
    pub(crate) watched: watch::Receiver<WatchedNeighbors>,
    pub(crate) links: Links,
    pub(crate) tunnels: watch::Sender<WantedTunnels>,
    /// What tunnels found out.
    pub(crate) facts: watch::Receiver<TunnelFacts>,
    pub(crate) handle: Handle,
    pub(crate) log: LogSinks,
    pub(crate) log_level: Option<LogLevel>,
}

/// What was brought into force.
#[derive(Debug, Default)]
struct Applied {
    policy: PolicyDef,
    statics: Statics,
    bgp: translate::bgp::Bgp,
    ospf: translate::ospf::Ospf,
    bfd: translate::bfd::Sessions,
    come_back: ComeBack,
    /// What was remarked of it.
    remarks: BTreeSet<String>,
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
    /// How often the files were read again.
    reading: u64,
    adverts: Adverts,
    /// Ties civil time to the clock of timers.
    anchor: Anchor,
    /// When it was looked at last.
    anchor_seen: Instant,
    policy: Arc<PolicySet>,
}

impl Owner {
    pub(crate) fn new(ports: OwnerPorts, files: Vec<PathBuf>) -> Self {
        Self {
            ports,
            files,
            running: Config::default(),
            shared: None,
            applied: Applied::default(),
            transactions: 0,
            last_line: Instant::now(),
            reading: 0,
            adverts: Adverts::default(),
            anchor: Anchor::now(),
            anchor_seen: Instant::now(),
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
        self.links_stand().await;
        self.apply().await;
        let stale = |bgp: &BgpInstance| bgp.globals.graceful_restart.rib_stale_time;
        if let Some(time) = self.running.bgp.values().filter_map(stale).max() {
            let time = Duration::from_secs(u64::from(time));
            let _ = self.ports.rib.send(RibMessage::KeepLeftovers(time)).await;
        }
        let _ = self.ports.rib.send(RibMessage::StillToSay(Protocol::Static, Owed::new())).await;
        let _ = self.ports.bgp.send(BgpMessage::Start).await;
        let _ = self.ports.ospf.send(OspfMessage::Start).await;
    }

    /// Serves until the daemon ends.
    pub(crate) async fn run(mut self) {
        loop {
            let open = self.transactions > 0;
            let timeout = open.then(|| self.last_line + TRANSACTION_TIMEOUT);
            // Lifetimes of keys are civil time, and nobody says that the clock was set.
            let look = (!open && self.has_lifetimes()).then(|| self.anchor_seen + CLOCK_INTERVAL);
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
                Ok(()) = self.ports.facts.changed() => {
                    if !open {
                        self.apply_links();
                    }
                }
                Ok(()) = self.ports.learnt.changed() => {
                    if !open {
                        let around = self.ports.around.borrow().clone();
                        self.apply_bfd(&around).await;
                    }
                }
                Ok(()) = self.ports.watched.changed() => {
                    if !open {
                        let around = self.ports.around.borrow().clone();
                        self.apply_bfd(&around).await;
                    }
                }
                () = sleep_until(look) => {
                    self.anchor_seen = Instant::now();
                    if self.anchor.is_off() {
                        info!("the clock was set: lifetimes of keys follow");
                        let around = self.ports.around.borrow().clone();
                        self.apply_ospf(&around).await;
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
        // Half of a configuration would take down what the other half says.
        if let Some(error) = files::unreadable(&self.files) {
            return error!("{error}; the configuration stays as it is");
        }
        let (config, diagnostics) = read(&self.files);
        report(&diagnostics);
        self.running = config;
        self.shared = None;
        self.reading += 1;
        self.apply().await;
        info!("configuration read again");
    }

    /// Brings the configuration into force.
    async fn apply(&mut self) {
        let around = self.ports.around.borrow_and_update().clone();
        if self.applied.global.as_ref() != Some(&self.running.global) {
            self.apply_global().await;
        }
        self.apply_links();
        let policy = translate::policy::policy(&self.running);
        let mut filter_changed = false;
        if policy != self.applied.policy {
            let changed = translate::policy::changed_names(&self.applied.policy, &policy);
            let (set, errors) = PolicySet::compile(&policy);
            errors.iter().for_each(|e| error!(target: "bgp", "{e}; it matches nothing"));
            self.applied.policy = policy;
            self.policy = Arc::new(set);
            let _ = self.ports.bgp.send(BgpMessage::Policy(self.policy.clone(), changed.clone())).await;
            let _ = self.ports.ospf.send(OspfMessage::Policy(self.policy.clone(), changed.clone())).await;
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
        self.apply_ospf(&around).await;
        self.publish_ospf_numbers();
        self.apply_bfd(&around).await;
    }

    async fn apply_ospf(&mut self, around: &Surroundings) {
        self.anchor = self.anchor.follow();
        let ospf = translate::ospf::ospf(&self.running, around, &self.policy, self.anchor);
        if ospf != self.applied.ospf {
            self.applied.ospf = ospf.clone();
            let _ = self.ports.ospf.send(OspfMessage::Configure(Box::new(ospf))).await;
        }
    }

    fn has_lifetimes(&self) -> bool {
        let mut keys = self.running.key_chains.values().flat_map(|chain| chain.keys.values());
        keys.any(|key| key.send.is_some() || key.accept.is_some())
    }

    /// Clients find an instance by its number.
    fn publish_ospf_numbers(&self) {
        let numbers: BTreeSet<u16> =
            self.running.ospf.keys().map(|name| name.instance).filter(|n| *n != 0).collect();
        self.ports.ospf_numbers.send_if_modified(|published| {
            let changed = *published != numbers;
            *published = numbers;
            changed
        });
    }

    /// Brings BFD in line with the configuration and with what protocols learnt of their neighbors.
    async fn apply_bfd(&mut self, around: &Surroundings) {
        let learnt = self.ports.learnt.borrow_and_update().clone();
        let watched = self.ports.watched.borrow_and_update().clone();
        let sources = translate::bfd::Sources {
            bgp: &self.applied.bgp,
            learnt: &learnt,
            ospf: &self.applied.ospf,
            watched: &watched,
        };
        let wanted = translate::bfd::sessions(&self.running, &sources, around);
        let mut remarks = translate::bfd_timing::warnings(&self.running, &wanted.sessions, around);
        remarks.extend(wanted.remarks());
        remarks.extend(translate::links::remarks(&self.running));
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
        let statics = self.applied.statics.iter().map(|(k, v)| RouteUpdate::Set(*k, v.clone())).collect();
        let _ = self.ports.rib.send(RibMessage::Routes(statics)).await;
        let _ = self.ports.bgp.send(BgpMessage::Reinstall).await;
        let _ = self.ports.ospf.send(OspfMessage::Reinstall).await;
    }

    async fn apply_statics(&mut self, statics: Statics) {
        let old = &self.applied.statics;
        let gone = old.keys().filter(|k| !statics.contains_key(k)).map(|k| RouteUpdate::Withdraw(*k));
        let new = statics.iter().filter(|(k, v)| old.get(*k) != Some(*v));
        // In one message, for what takes the place of another shall not come after it.
        let changes: Vec<_> = gone.chain(new.map(|(k, v)| RouteUpdate::Set(*k, v.clone()))).collect();
        self.applied.statics = statics;
        if !changes.is_empty() {
            let _ = self.ports.rib.send(RibMessage::Routes(changes)).await;
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
        self.applied.global = Some(global);
    }

    /// Says what tunnels shall be; whether there is any.
    fn apply_tunnels(&self) -> bool {
        let wireguard = |(name, i): (&String, &Interface)| Some((name.clone(), i.own.wireguard.clone()?));
        let tunnels: BTreeMap<_, _> = self.running.interfaces.iter().filter_map(wireguard).collect();
        let any = !tunnels.is_empty();
        let wanted = WantedTunnels { tunnels, reading: self.reading };
        self.ports.tunnels.send_if_modified(|old| {
            let news = *old != wanted;
            *old = wanted;
            news
        });
        any
    }

    /// Says what tunnels and links shall be; their threads do the rest. Gives the number of the links' plan.
    fn apply_links(&mut self) -> u64 {
        self.apply_tunnels();
        let facts = self.ports.facts.borrow_and_update().clone();
        self.ports.links.set(translate::links::plan(&self.running, &facts))
    }

    /// Waits until what can be made of links is there, and is known to all.
    async fn links_stand(&mut self) {
        if self.apply_tunnels() {
            // A plan without what they know would take away what an earlier run left, and give it back.
            let reading = Some(self.reading);
            let told = self.ports.facts.wait_for(|facts| facts.reading == reading);
            let _ = tokio::time::timeout(LINKS_WAIT, told).await;
        }
        let generation = self.apply_links();
        let view = self.ports.links.settled(generation, LINKS_WAIT).await;
        let made: Vec<&str> = view.links.iter().filter(|l| l.ready).map(|l| l.name.as_str()).collect();
        let known = self.ports.around.wait_for(|a| made.iter().all(|name| a.link(name).is_some()));
        let _ = tokio::time::timeout(LINKS_WAIT, known).await;
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
