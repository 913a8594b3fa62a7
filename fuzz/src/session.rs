//! A whole BGP instance under arbitrary events: peers that say anything, timers, changes of configuration and policy, `show`.
//!
//! Beside "no panic" it is checked that what is sent can be framed, that the instance comes to rest after every event, and that in the
//! end, when everything was taken away again, no attribute set, next hop or prefix is left.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ferr_bgp::config::{
    AddPathTx, Aggregate, AllowAsIn, GracefulRestartMode, InstanceConfig, LocalAs, MaximumPrefix,
    NeighborConfig, NeighborFamily, Network, NexthopSelf, Redistribute, RemoteAs, RemovePrivateAs, Role,
};
use ferr_bgp::{
    Accept, ConnId, DownReason, ForeignRoute, Instance, LocalAddresses, Output, ResetKind, RouteFilter, Seeds,
};
use ferr_bgp_wire::{
    AddPathFamily, Capability, GracefulFamily, MAX_LEN_EXTENDED, Open, RefreshSubtype, RouteRefresh, frame,
    keepalive,
};
use ferr_policy::{Action, Flow, Match, PolicyDef, PolicySet, RouteMapDef, RouteMapEntryDef, Set};
use ferr_types::{
    Asn, Distance, Family, IfIndex, Metric, NexthopInfo, NexthopReach, NexthopWatch, PeerId, Prefix,
    Protocol, RouterId, VrfId,
};

const PEERS: usize = 4;
/// Slices of work after which an instance has to rest.
const MAX_SLICES: usize = 10_000;

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &[u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head
    }

    fn prefix(&mut self) -> Prefix {
        let (a, len) = (self.byte() & 7, self.byte() % 33);
        let addr = if a < 4 {
            IpAddr::from([10, a, 0, 0])
        } else {
            IpAddr::from([0x20, 1, 0, u16::from(a), 0, 0, 0, 0])
        };
        Prefix::new(addr, len).unwrap_or(Prefix::default_route(ferr_types::Afi::Ipv4))
    }
}

struct World {
    bgp: Instance,
    now: Instant,
    peers: [(PeerId, u32); PEERS],
    conns: BTreeMap<ConnId, Vec<u8>>,
    current: [Option<ConnId>; PEERS],
    watches: Vec<NexthopWatch>,
    next_conn: u64,
}

/// The clock's origin: instants have no other.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

fn policy(choice: u8) -> Arc<PolicySet> {
    let mut def = PolicyDef::default();
    let sets = match choice & 7 {
        0 => vec![],
        1 => vec![Set::AsPathPrepend(vec![Asn(65000)])],
        2 => vec![Set::Weight(u32::from(choice))],
        3 => vec![Set::AsPathReplace(None)],
        4 => vec![Set::CommunitiesNone, Set::AsPathPrependLast(3)],
        5 => vec![Set::Nexthop(ferr_policy::NexthopChange::PeerAddress)],
        6 => vec![Set::Nexthop(ferr_policy::NexthopChange::Unchanged)],
        _ => vec![Set::Metric(ferr_policy::MetricChange::Add(5))],
    };
    let matches = if choice & 8 == 0 { vec![] } else { vec![Match::Probability(50)] };
    let action = if choice & 16 == 0 { Action::Permit } else { Action::Deny };
    let entry = RouteMapEntryDef { seq: 10, action, matches, sets, call: None, flow: Flow::Exit };
    def.route_maps.insert("M".into(), RouteMapDef { entries: vec![entry] });
    Arc::new(PolicySet::compile(&def).0)
}

fn family(choice: u8) -> NeighborFamily {
    let bit = |b: u8| choice & b != 0;
    let mut f = NeighborFamily::default();
    f.soft_reconfiguration = bit(1);
    f.next_hop_self = if bit(2) { NexthopSelf::Force } else { NexthopSelf::No };
    f.reflector_client = bit(4);
    f.allow_as_in = bit(8).then_some(AllowAsIn::Times(2));
    f.default_originate = bit(16).then_some(bit(1).then(|| "M".into()));
    f.remove_private_as = bit(32).then_some(RemovePrivateAs { all: bit(1), replace: bit(2) });
    f.filters_in.route_map = bit(64).then(|| "M".into());
    f.filters_out.route_map = bit(128).then(|| "M".into());
    f.add_path_tx = match choice % 5 {
        0 => AddPathTx::All,
        1 => AddPathTx::BestPerAs,
        _ => AddPathTx::Best,
    };
    let restart = bit(4).then_some(Duration::from_secs(5));
    f.maximum_prefix = (choice % 7 == 3).then_some(MaximumPrefix {
        limit: 3,
        threshold: 50,
        warning_only: bit(2),
        restart,
        force: bit(1),
    });
    f.maximum_prefix_out = (choice % 11 == 5).then_some(2);
    f
}

fn neighbor(i: usize, asn: u32, choice: u8, families: u8) -> NeighborConfig {
    let addr = IpAddr::from([10, 255, 0, i as u8 + 1]);
    let mut n = NeighborConfig::new(&addr.to_string(), Some(addr), RemoteAs::Asn(Asn(asn)));
    n.families[Family::Ipv4Unicast] = Some(family(families));
    n.families[Family::Ipv6Unicast] = (choice & 1 == 0).then(|| family(families.rotate_left(3)));
    n.passive = choice & 2 == 0;
    n.hold_time = if choice & 4 == 0 { 9 } else { 0 };
    n.advertisement_interval = u16::from(choice >> 6);
    n.local_as = (choice & 8 != 0).then_some(LocalAs {
        asn: Asn(64999),
        no_prepend: choice & 1 == 0,
        replace_as: choice & 2 == 0,
    });
    n.graceful_restart = (choice & 16 != 0).then_some(GracefulRestartMode::Restart);
    n.role = (choice & 32 != 0).then_some((Role::Peer, false));
    n
}

impl World {
    fn new() -> Self {
        let now = start();
        let own = RouterId(Ipv4Addr::new(10, 255, 0, 254));
        let mut config = InstanceConfig::new(Asn(65000), VrfId::DEFAULT, "default", own);
        config.ebgp_requires_policy = false;
        config.network_import_check = false;
        let seeds = Seeds { hash: 1, dice: 2, first_conn: 1 };
        let mut bgp = Instance::new(config, policy(0), seeds, now);
        bgp.start(now);
        let asns = [65000, 65001, 65002, 65001];
        let mut i = 0;
        let peers = asns.map(|asn| {
            i += 1;
            (bgp.add_neighbor(neighbor(i - 1, asn, 0, 0), now), asn)
        });
        Self {
            bgp,
            now,
            peers,
            conns: BTreeMap::new(),
            current: [None; PEERS],
            watches: Vec::new(),
            next_conn: 1 << 62,
        }
    }

    fn connect(&mut self, i: usize) {
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        let remote = SocketAddr::new(IpAddr::from([10, 255, 0, i as u8 + 1]), 4000);
        let ends = (SocketAddr::new(IpAddr::from([10, 255, 0, 254]), 179), remote);
        if let Accept::Peer(_) = self.bgp.accepted(self.now, conn, ends, addresses()) {
            self.conns.insert(conn, Vec::new());
            self.current[i] = Some(conn);
        }
    }

    fn receive(&mut self, i: usize, bytes: &[u8]) {
        let Some(conn) = self.current[i] else { return };
        let Some(buffer) = self.conns.get_mut(&conn) else { return };
        buffer.extend_from_slice(bytes);
        let mut buffer = std::mem::take(buffer);
        let used = self.bgp.received(self.now, conn, &buffer);
        assert!(used <= buffer.len());
        buffer.drain(..used);
        assert!(
            buffer.len() <= usize::from(MAX_LEN_EXTENDED),
            "an instance never waits for more than a message"
        );
        if let Some(slot) = self.conns.get_mut(&conn) {
            *slot = buffer;
        }
    }

    fn open(&self, i: usize, choice: u8) -> Vec<u8> {
        let mut capabilities = vec![
            Capability::Multiprotocol { afi: 1, safi: 1 },
            Capability::Multiprotocol { afi: 2, safi: 1 },
            Capability::RouteRefresh,
            Capability::EnhancedRouteRefresh,
        ];
        let optional = [
            Capability::FourOctetAs(Asn(self.peers[i].1)),
            Capability::AddPath(vec![AddPathFamily {
                afi: 1,
                safi: 1,
                send: choice & 64 == 0,
                receive: true,
            }]),
            Capability::GracefulRestart {
                restart: false,
                notification: true,
                time: 30,
                families: vec![GracefulFamily { afi: 1, safi: 1, forwarding: choice & 128 == 0 }],
            },
            Capability::ExtendedMessage,
        ];
        capabilities
            .extend(optional.into_iter().enumerate().filter(|(b, _)| choice >> b & 1 == 0).map(|(_, c)| c));
        let id = RouterId(Ipv4Addr::new(10, 255, 0, i as u8 + 1));
        let mut bytes = Vec::new();
        Open::new(Asn(self.peers[i].1), 9, id, capabilities).encode(&mut bytes);
        bytes.extend_from_slice(&keepalive());
        bytes
    }

    fn settle(&mut self) {
        for _ in 0..MAX_SLICES {
            let mut moved = self.bgp.work(self.now);
            while let Some(output) = self.bgp.poll_output() {
                moved = true;
                self.output(output);
            }
            self.bgp.take_rib_updates();
            if !moved {
                return;
            }
        }
        panic!("no rest");
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Watch(watch) => self.watches.push(watch),
            Output::Unwatch(watch) => self.watches.retain(|w| *w != watch),
            Output::Close { conn } => {
                self.drain(conn);
                self.conns.remove(&conn);
                self.current.iter_mut().filter(|c| **c == Some(conn)).for_each(|c| *c = None);
            }
            Output::Connect { conn, .. } => self.bgp.connect_failed(self.now, conn),
            _ => {}
        }
    }

    /// What is sent is whole messages.
    fn drain(&mut self, conn: ConnId) {
        for _ in 0..MAX_SLICES {
            let Some(bytes) = self.bgp.poll_transmit(self.now, conn) else { return };
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let message = frame(rest, MAX_LEN_EXTENDED).expect("our own header").expect("whole");
                rest = &rest[message.len..];
            }
        }
        panic!("an endless stream");
    }

    fn reach(&mut self, choice: u8) {
        if self.watches.is_empty() {
            return;
        }
        let watch = self.watches[usize::from(choice) % self.watches.len()];
        let via = (choice & 3 != 0).then(|| NexthopReach {
            prefix: watch.target,
            protocol: Protocol::Connected,
            metric: Metric(u32::from(choice >> 4)),
            distance: Distance(0),
            connected: choice & 4 == 0,
            nexthops: vec![(IfIndex(1), None)],
        });
        self.bgp.nexthop_changed(NexthopInfo { watch, via }, self.now);
    }

    fn configure(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let mut config = self.bgp.config().clone();
        config.client_to_client = choice & 1 == 0;
        config.default_local_pref = 100 + u32::from(choice & 2);
        config.bestpath.multipath_relax = choice & 4 != 0;
        config.bestpath.always_compare_med = choice & 8 != 0;
        config.graceful_shutdown = choice & 16 != 0;
        config.shutdown = (choice & 224 == 224).then(String::new);
        let prefix = input.prefix();
        let f = &mut config.families[Family::unicast(prefix.afi())];
        f.networks =
            vec![Network { prefix, route_map: (choice & 32 != 0).then(|| "M".into()), backdoor: false }];
        f.redistribute = vec![Redistribute { protocol: Protocol::Static, metric: None, route_map: None }];
        f.max_paths = u16::from(choice & 3) + 1;
        let covering = prefix.truncate(8);
        f.aggregates = vec![Aggregate {
            prefix: covering,
            as_set: choice & 1 != 0,
            summary_only: choice & 2 != 0,
            suppress_map: (choice & 4 != 0).then(|| "M".into()),
            route_map: None,
            origin: None,
            matching_med_only: choice & 8 != 0,
        }];
        self.bgp.configure(config, self.now);
    }

    fn show(&mut self) {
        for family in Family::ALL {
            let _ = format!("{:?}", self.bgp.summary(family));
            for group in self.bgp.groups(family) {
                assert!(!group.members.is_empty());
            }
            let (dests, _) = self.bgp.routes(family, None, 50, &RouteFilter::All);
            for dest in &dests {
                assert!(dest.paths.iter().filter(|p| p.best).count() <= 1);
                let _ = format!("{:?}", dest.paths.iter().map(|p| p.attributes()).collect::<Vec<_>>());
            }
            for i in 0..PEERS {
                let id = self.peers[i].0;
                let _ = self.bgp.advertised(id, family, None, 50);
                let _ = self.bgp.routes(family, None, 50, &RouteFilter::ReceivedFrom(id));
            }
        }
        let _ = format!("{:?} {:?}", self.bgp.peer_views(), self.bgp.nexthops());
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let op = input.byte();
        let i = usize::from(op >> 6);
        let (id, asn) = self.peers[i];
        match op & 31 {
            0 | 1 => {
                self.connect(i);
                self.settle();
                let open = self.open(i, input.byte());
                self.receive(i, &open);
            }
            2 => self.connect(i),
            3 => {
                let bytes = input.bytes().to_vec();
                self.receive(i, &bytes);
            }
            4..=9 => {
                let mut message = vec![0xff; 16];
                let body = input.bytes();
                message.extend_from_slice(&(body.len() as u16 + 19).to_be_bytes());
                message.push(2);
                message.extend_from_slice(body);
                self.receive(i, &message);
            }
            10 | 11 => {
                self.now += Duration::from_secs(u64::from(input.byte()));
                self.bgp.handle_timeout(self.now);
            }
            12 => {
                if let Some(conn) = self.current[i].take() {
                    self.conns.remove(&conn);
                    self.bgp.closed(self.now, conn);
                }
            }
            13 | 14 => {
                let (choice, families) = (input.byte(), input.byte());
                self.bgp.change_neighbor(id, neighbor(i, asn, choice, families), self.now);
            }
            15 => self.configure(input),
            16 => self.bgp.set_policy(policy(input.byte()), |_| true, self.now),
            17 | 18 => self.reach(input.byte()),
            19 => {
                let prefix = input.prefix();
                let gateway = Some(IpAddr::from([10, 255, 0, 200]));
                let (protocol, metric, tag) = (Protocol::Static, u32::from(op), 0);
                let route =
                    ForeignRoute { prefix, protocol, metric, tag, gateway, ifindex: None, interface: None };
                self.bgp.redistribute(route, self.now);
            }
            20 => self.bgp.redistribute_withdraw(input.prefix(), Protocol::Static, self.now),
            21 => self.bgp.clear(id, None, ResetKind::SoftIn, self.now),
            22 => self.bgp.clear(id, None, ResetKind::SoftOut, self.now),
            23 => self.bgp.reset(id, DownReason::BfdDown, self.now),
            24 | 25 => {
                let subtype = [RefreshSubtype::Request, RefreshSubtype::Begin, RefreshSubtype::End]
                    [usize::from(input.byte()) % 3];
                let mut bytes = Vec::new();
                RouteRefresh { afi: 1, safi: 1, subtype, orf: Vec::new() }.encode(&mut bytes);
                self.receive(i, &bytes);
            }
            26 => {
                if let Some(conn) = self.current[i] {
                    self.bgp.write_blocked(self.now, conn, op & 32 == 0);
                }
            }
            27 => {
                self.bgp.remove_neighbor(id, self.now);
                self.settle();
                self.peers[i].0 =
                    self.bgp.add_neighbor(neighbor(i, asn, input.byte(), input.byte()), self.now);
            }
            28 => self.show(),
            _ => {
                if let Some(conn) = self.current[i] {
                    self.drain(conn);
                }
            }
        }
        self.settle();
    }

    /// Takes everything away; nothing may be left.
    fn end(mut self) {
        let mut config = self.bgp.config().clone();
        for family in Family::ALL {
            config.families[family] = Default::default();
        }
        config.shutdown = None;
        self.bgp.configure(config, self.now);
        for (id, _) in self.peers {
            self.bgp.remove_neighbor(id, self.now);
        }
        for _ in 0..4 {
            self.settle();
            for conn in self.conns.keys().copied().collect::<Vec<_>>() {
                self.drain(conn);
            }
        }
        for family in Family::ALL {
            let summary = self.bgp.summary(family);
            assert_eq!((summary.prefixes, summary.paths, summary.attribute_sets), (0, 0, 0), "{family:?}");
        }
        assert!(self.bgp.nexthops().is_empty(), "{:?}", self.bgp.nexthops());
    }
}

fn addresses() -> LocalAddresses {
    LocalAddresses {
        v4: Some(Ipv4Addr::new(10, 255, 0, 254)),
        v6_global: Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 254].into()),
        ifindex: IfIndex(1),
        ..LocalAddresses::default()
    }
}

/// A run of events.
pub fn run(input: &[u8]) {
    let mut world = World::new();
    let mut input = Input(input);
    while !input.0.is_empty() {
        world.step(&mut input);
    }
    world.end();
}
