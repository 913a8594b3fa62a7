//! A small world behind real sockets: a BGP instance that converged with a neighbor under a virtual clock, a RIB with links and
//! acknowledged routes, and a configuration that takes lines. Time stands still, so answers are the same in every run.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

mod bfd;
mod ospf;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ferr_config::{Config, Part, execute_line, render};
use ferr_simnet::Sim;
use ferr_state::bgp::config::{
    DampingConfig, NeighborConfig, NeighborFamily, Network, RemoteAs, UpdateDelay,
};
use ferr_state::rib::{Address, FibAck, FibOp, Link, LinkKind, Rib, RibConfig, Vrf};
use ferr_state::{BgpInstance, BgpWorld, ConfigRequest, Handle, LogHub, LogLine, Severity, SystemInfo};
use ferr_types::{
    Asn, BlackholeKind, Distance, Family, IfIndex, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey,
    RouteSpec, RouteUpdate, TableId, Tag, VrfId,
};
use ferr_vty::{VtyOptions, bind};
use tokio::sync::{mpsc, watch};

/// The configuration of the world; what `show running-config` prints.
pub const CONFIG: &str = include_str!("../data/r1.conf");

/// What the world counted.
#[derive(Debug, Default)]
pub struct Counts {
    pub begun: AtomicU32,
    pub ended: AtomicU32,
}

/// Sockets in a directory of their own, served by a thread until dropped.
pub struct World {
    pub dir: PathBuf,
    pub counts: Arc<Counts>,
    pub config: Arc<Mutex<Config>>,
    /// Numbers of OSPFv2 instances.
    pub numbers: watch::Sender<BTreeSet<u16>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn network(prefix: &str) -> Network {
    Network { prefix: prefix.parse().unwrap(), route_map: None, backdoor: false }
}

/// Two routers that exchanged routes; the first is ours.
fn bgp(routes: usize, restless: bool) -> (ferr_state::bgp::Instance, Instant) {
    let mut sim = Sim::new(1, Duration::from_millis(1), Duration::ZERO);
    let r1 = sim.add_node(65001, |c| {
        c.families[Family::Ipv4Unicast].networks = vec![network("1.1.1.1/32")];
        c.hostname = Some("r1".into());
        if restless {
            let minutes = |m: u64| Duration::from_secs(60 * m);
            let (half_life, longest) = (minutes(15), minutes(60));
            c.families[Family::Ipv4Unicast].damping =
                Some(DampingConfig { half_life, reuse: 750, suppress: 1200, longest });
            c.update_delay = Some(UpdateDelay {
                longest: Duration::from_secs(30),
                establish_wait: Some(Duration::from_secs(10)),
            });
            c.max_med_administrative = Some(7);
        }
    });
    let r2 = sim.add_node(65002, |c| {
        c.hostname = Some("r2".into());
        let few = ["10.50.1.0/24", "10.50.2.0/24"].into_iter().map(network);
        let many = (0..routes as u32).map(|n| {
            let [_, a, b, c] = n.to_be_bytes();
            network(&format!("{}.{b}.{c}.0/24", 20 + a))
        });
        c.families[Family::Ipv4Unicast].networks = few.chain(many).collect();
    });
    sim.link(r1, r2, |_, c| {
        c.description = Some("other side".into());
        c.bfd = true;
    });
    sim.run_for(Duration::from_secs(60));
    let flaps = if restless { vec![(0, true), (1, true), (0, true), (1, false)] } else { Vec::new() };
    for (which, back) in flaps {
        let whole = sim.nodes[1].bgp.config().clone();
        let mut less = whole.clone();
        less.families[Family::Ipv4Unicast].networks.remove(which);
        let now = sim.now();
        sim.nodes[1].bgp.configure(less, now);
        sim.run_for(Duration::from_secs(2));
        if back {
            let now = sim.now();
            sim.nodes[1].bgp.configure(whole, now);
            sim.run_for(Duration::from_secs(2));
        }
    }
    let now = sim.now();
    let mut bgp = sim.nodes.swap_remove(0).bgp;
    let mut idle = NeighborConfig::new("10.0.12.77", "10.0.12.77".parse().ok(), RemoteAs::Asn(Asn(65077)));
    idle.families[Family::Ipv4Unicast] = Some(NeighborFamily::default());
    idle.shutdown = Some(String::new());
    bgp.add_neighbor(idle, now);
    (bgp, now)
}

fn link(ifindex: u32, name: &str, kind: LinkKind, vrf: u32, flags: u32) -> Link {
    Link {
        ifindex: IfIndex(ifindex),
        name: name.into(),
        up: true,
        running: true,
        vrf: VrfId(vrf),
        master: IfIndex(vrf),
        kind,
        mtu: 1500,
        mac: if name == "lo" { Vec::new() } else { vec![2, 0, 0, 0, 0, ifindex as u8] },
        flags,
        lower: IfIndex(0),
        speed: 0,
    }
}

fn route(prefix: &str, protocol: Protocol, distance: u8, ways: &[Nexthop]) -> RouteUpdate {
    let key = RouteKey {
        vrf: VrfId::DEFAULT,
        table: None,
        prefix: prefix.parse().unwrap(),
        protocol,
        instance: if protocol == Protocol::Static { distance.into() } else { 0 },
    };
    let spec = RouteSpec {
        distance: Distance(distance),
        metric: Metric(0),
        tag: Tag(0),
        nexthops: ways.iter().copied().collect::<NexthopSet>(),
        backup: NexthopSet::default(),
        internal: distance == 200,
        source: None,
    };
    RouteUpdate::Set(key, spec.into())
}

fn rib(now: Instant) -> Rib {
    const ETHERNET: u32 = 0x1 | 0x2 | 0x40 | 0x1000;
    let mut rib = Rib::new(RibConfig::default(), now);
    rib.link_set(now, link(1, "lo", LinkKind::Loopback, 0, 0x1 | 0x8 | 0x40));
    rib.link_set(now, link(2, "eth12", LinkKind::Virtual("veth".into()), 0, ETHERNET));
    rib.link_set(now, link(3, "eth13", LinkKind::Virtual("veth".into()), 0, ETHERNET));
    rib.vrf_set(Vrf { id: VrfId(9), name: "red".into(), table: TableId(10) });
    rib.link_set(now, link(9, "red", LinkKind::Vrf(TableId(10)), 9, 0x1 | 0x40 | 0x80));
    rib.link_set(now, link(10, "eth13r", LinkKind::Virtual("veth".into()), 9, ETHERNET));
    for (ifindex, addr) in [
        (1, "1.1.1.1/32"),
        (2, "10.0.12.1/24"),
        (2, "fd00:12::1/64"),
        (2, "fe80::1/64"),
        (3, "10.0.13.1/24"),
        (10, "10.0.31.1/24"),
    ] {
        let addr = addr.parse().unwrap();
        rib.address_add(now, Address { ifindex: IfIndex(ifindex), addr, peer: None, secondary: false });
    }
    let via = |a: &str| Nexthop::via(a.parse().unwrap(), VrfId::DEFAULT);
    rib.apply(
        now,
        &[
            route("10.50.1.0/24", Protocol::Bgp, 20, &[via("10.0.12.2")]),
            route("10.60.1.0/24", Protocol::Bgp, 200, &[via("10.50.1.7")]),
            route("10.94.0.0/24", Protocol::Static, 1, &[via("10.0.12.2"), via("10.0.13.3")]),
            route("10.96.0.0/24", Protocol::Static, 1, &[Nexthop::interface(IfIndex(2), VrfId::DEFAULT)]),
            route("10.98.0.0/24", Protocol::Static, 1, &[Nexthop::blackhole(BlackholeKind::Drop)]),
            route("10.99.0.0/24", Protocol::Static, 1, &[via("192.0.2.55")]),
        ],
    );
    while rib.fib_ready() {
        let mut ops: Vec<FibOp> = Vec::new();
        rib.poll_fib(64, &mut ops);
        let acks: Vec<FibAck> = ops.iter().map(|op| FibAck { token: op.token, result: Ok(()) }).collect();
        rib.fib_acks(now, &acks);
    }
    rib
}

async fn own_config(
    mut requests: mpsc::Receiver<ConfigRequest>,
    config: Arc<Mutex<Config>>,
    counts: Arc<Counts>,
    path: PathBuf,
) {
    while let Some(request) = requests.recv().await {
        match request {
            ConfigRequest::Line { mut mode, line, reply } => {
                let outcome = execute_line(&mut config.lock().unwrap(), &mut mode, &line);
                let _ = reply.send((mode, outcome));
            }
            ConfigRequest::Begin { reply } => {
                counts.begun.fetch_add(1, Ordering::SeqCst);
                let _ = reply.send(());
            }
            ConfigRequest::End { reply } => {
                counts.ended.fetch_add(1, Ordering::SeqCst);
                let _ = reply.send(());
            }
            ConfigRequest::Running { reply } => {
                let _ = reply.send(Arc::new(config.lock().unwrap().clone()));
            }
            ConfigRequest::Write { reply } => {
                let text = render(&config.lock().unwrap(), Part::All);
                let written = std::fs::write(&path, text).map_err(|e| e.to_string());
                let _ = reply.send(written.map(|()| path.display().to_string()));
            }
        }
    }
}

impl World {
    pub fn new() -> Self {
        Self::with_routes(0)
    }

    /// The neighbor's routes come and go, and this router holds that against them; it also wants to be avoided.
    pub fn restless() -> Self {
        Self::with(0, true, 0, false)
    }

    /// The neighbor sends this many routes beside the few that every test knows.
    pub fn with_routes(routes: usize) -> Self {
        Self::with(routes, false, 0, false)
    }

    /// There are so many BFD sessions beside the few that every test knows, in VRF `many`.
    pub fn with_sessions(sessions: u32) -> Self {
        Self::with(0, false, sessions, false)
    }

    /// There are instances of OSPF.
    pub fn with_ospf() -> Self {
        Self::with(0, false, 0, true)
    }

    fn with(routes: usize, restless: bool, sessions: u32, with_ospf: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::SeqCst);
        let dir = std::env::temp_dir().join(format!("ferr-vty-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let outcome = ferr_config::parse("r1.conf", CONFIG);
        assert_eq!(outcome.errors().count(), 0, "{:?}", outcome.diagnostics);
        let config = Arc::new(Mutex::new(outcome.config));
        let counts = Arc::new(Counts::default());
        let (numbers, numbers_seen) = watch::channel(BTreeSet::new());
        // A killed run left this.
        drop(UnixListener::bind(dir.join("ospfd-9.vty")).unwrap());
        let options = VtyOptions { dir: dir.clone(), group: None, ..VtyOptions::default() };
        let sockets = bind(options).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (shared, counted, saved) = (config.clone(), counts.clone(), dir.join("frr.conf"));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (bgp_tx, mut bgp_rx) = mpsc::channel::<ferr_state::BgpJob>(16);
                let (rib_tx, mut rib_rx) = mpsc::channel::<ferr_state::RibJob>(16);
                let (config_tx, config_rx) = mpsc::channel(16);
                let (instance, now) = bgp(routes, restless);
                let mut world = BgpWorld::default();
                world.instances.insert(
                    "default".into(),
                    BgpInstance { bgp: instance, view: false, round_trips: BTreeMap::new() },
                );
                let mut table = rib(now - Duration::from_secs(687));
                tokio::spawn(async move {
                    while let Some(job) = bgp_rx.recv().await {
                        job(&mut world, now);
                    }
                });
                tokio::spawn(async move {
                    while let Some(job) = rib_rx.recv().await {
                        job(&mut table, now);
                    }
                });
                tokio::spawn(own_config(config_rx, shared, counted, saved));
                let info = SystemInfo {
                    frr_version: ferr_config::FRR_VERSION,
                    version: "0.1.0",
                    hostname: "r1".into(),
                    kernel: "6.1.0".into(),
                    started: now - Duration::from_secs(60),
                    started_wall: UNIX_EPOCH + Duration::from_secs(1_795_326_559),
                };
                let log = LogHub::default();
                let text = "a line of the log".into();
                log.push(LogLine { at: SystemTime::UNIX_EPOCH, severity: Severity::Info, tag: "BGP", text });
                let (bfd_tx, bfd_rx) = mpsc::channel(16);
                let sessions = bfd::Bfd::new(sessions);
                bfd::check(&sessions);
                tokio::spawn(sessions.serve(bfd_rx));
                let mut handle = Handle::new(bgp_tx, rib_tx, config_tx, bfd_tx, Arc::new(info), log);
                if with_ospf {
                    let (ospf_tx, ospf_rx) = mpsc::channel(16);
                    tokio::spawn(ospf::Ospf::new().serve(ospf_rx));
                    handle = handle.with_ospf(ospf_tx).with_ospf_numbers(numbers_seen);
                }
                tokio::select! {
                    served = sockets.run(handle) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { dir, counts, config, numbers, stop: Some(stop), thread: Some(thread) }
    }

    /// A connection to a daemon's socket.
    pub fn connect(&self, daemon: &str) -> Client {
        let stream = UnixStream::connect(self.dir.join(format!("{daemon}.vty"))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client { stream, rest: Vec::new() }
    }

    /// The answer to one command in the enable node; status 0 is expected.
    pub fn ask(&self, daemon: &str, command: &str) -> String {
        let mut client = self.connect(daemon);
        client.run("enable");
        let (text, status) = client.run(command);
        assert_eq!(status, 0, "{command}: {text}");
        text
    }

    /// The same as JSON, which must be one value.
    pub fn json(&self, daemon: &str, command: &str) -> serde_json::Value {
        let text = self.ask(daemon, command);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{command}: {e}\n{text}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A client that speaks the wire form.
pub struct Client {
    pub stream: UnixStream,
    rest: Vec<u8>,
}

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        use std::io::Write as _;
        self.stream.write_all(bytes).unwrap();
    }

    /// Text and status of the next reply.
    pub fn reply(&mut self) -> (String, u8) {
        use std::io::Read as _;
        let mut buf = [0; 65536];
        loop {
            if let Some(at) = self.rest.iter().position(|b| *b == 0)
                && self.rest.len() >= at + 4
            {
                assert_eq!(&self.rest[at..at + 3], [0, 0, 0], "trailer");
                let status = self.rest[at + 3];
                let text = String::from_utf8(self.rest[..at].to_vec()).unwrap();
                self.rest.drain(..at + 4);
                return (text, status);
            }
            let n = self.stream.read(&mut buf).unwrap();
            assert!(n > 0, "closed in the middle of a reply");
            self.rest.extend_from_slice(&buf[..n]);
        }
    }

    pub fn run(&mut self, line: &str) -> (String, u8) {
        self.send(&[line.as_bytes(), &[0]].concat());
        self.reply()
    }
}

/// A network as text, for messages.
pub fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}
