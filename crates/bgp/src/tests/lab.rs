//! An instance under virtual time with peers that say what a test lets them say, octet by octet, and remember what they heard.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_bgp_wire::{
    AddPathFamily, Capability, Disposition, EncodedAttributes, GracefulFamily, MAX_LEN_EXTENDED, MessageType,
    Nlri, NotificationError, Open, PeerKind, RouteRefresh, Scratch, SessionContext, Update,
    decode_attributes_canonical, encode_announcements, encode_attributes_canonical, encode_end_of_rib,
    encode_withdrawals, frame, keepalive,
};
use ferr_policy::{PolicyDef, PolicySet};
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{BgpNexthop, Origin, PathAttributes};
use ferr_types::community::{ClusterList, Communities, Community, ExtCommunities};
use ferr_types::{
    Asn, Distance, Family, IfIndex, Metric, NexthopInfo, NexthopReach, NexthopWatch, PeerId, Prefix,
    Protocol, RouteSpec, RouteUpdate, RouterId, VrfId,
};

use crate::config::{InstanceConfig, NeighborConfig, NeighborFamily, RemoteAs};
use crate::{Accept, ConnId, DestView, Instance, LocalAddresses, LogRecord, Output, Seeds, State};

pub(super) const OWN_AS: u32 = 65000;
pub(super) const OWN_ADDR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
pub(super) const V4: Family = Family::Ipv4Unicast;
pub(super) const V6: Family = Family::Ipv6Unicast;

pub(super) fn prefix(s: &str) -> Prefix {
    s.parse().unwrap()
}

/// Attributes that a peer sends.
#[derive(Debug, Clone, Default)]
pub(super) struct Attrs {
    pub(super) path: Vec<u32>,
    pub(super) set: Vec<u32>,
    pub(super) confed: Vec<u32>,
    pub(super) origin: Origin,
    pub(super) next_hop: Option<IpAddr>,
    pub(super) med: Option<u32>,
    pub(super) local_pref: Option<u32>,
    pub(super) communities: Vec<Community>,
    pub(super) ext: Vec<[u8; 8]>,
    pub(super) originator: Option<Ipv4Addr>,
    pub(super) clusters: Vec<Ipv4Addr>,
    pub(super) otc: Option<u32>,
    pub(super) aigp: Option<u64>,
}

/// With this AS path.
pub(super) fn path(asns: &[u32]) -> Attrs {
    Attrs { path: asns.to_vec(), origin: Origin::Igp, ..Attrs::default() }
}

/// A scripted peer.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) id: PeerId,
    pub(super) addr: Ipv4Addr,
    /// Our addresses towards it.
    pub(super) own: LocalAddresses,
    pub(super) conn: Option<ConnId>,
    pub(super) open: Open,
    /// Our OPEN as it came.
    pub(super) heard_open: Option<Open>,
    pub(super) ctx: SessionContext,
    /// What we told it and did not take back, as canonical attributes.
    pub(super) table: BTreeMap<(Prefix, u32), Vec<u8>>,
    pub(super) update_messages: usize,
    pub(super) notified: Option<NotificationError>,
    pub(super) end_of_rib: Vec<Family>,
    pub(super) refreshes: Vec<RouteRefresh>,
    /// Takes octets from its socket.
    pub(super) reads: bool,
    /// Sends keepalives.
    pub(super) alive: bool,
    /// In the middle of a replay it may hear of withdrawals before the prefix had its turn.
    pub(super) replayed: bool,
    kind: PeerKind,
}

impl Wire {
    pub(super) fn prefixes(&self) -> Vec<String> {
        self.table.keys().map(|(p, _)| p.to_string()).collect()
    }

    pub(super) fn attrs(&self, p: &str) -> PathAttributes<'_> {
        let block = self.table.iter().find(|((q, _), _)| *q == prefix(p)).map(|(_, b)| b);
        decode_attributes_canonical(block.unwrap_or_else(|| panic!("{p} was not sent"))).unwrap()
    }

    pub(super) fn as_path(&self, p: &str) -> String {
        self.attrs(p).as_path.to_string()
    }

    pub(super) fn next_hop(&self, p: &str) -> String {
        self.attrs(p).next_hop.unwrap().global().to_string()
    }

    pub(super) fn is_told(&self, p: &str) -> bool {
        self.table.keys().any(|(q, _)| *q == prefix(p))
    }
}

/// The instance and its peers.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) bgp: Instance,
    pub(super) now: Instant,
    pub(super) wires: Vec<Wire>,
    pub(super) rib: BTreeMap<Prefix, RouteSpec>,
    pub(super) log: Vec<LogRecord>,
    /// Outputs that nobody else takes.
    pub(super) events: Vec<Output>,
    /// Cost of next hops other than 0, `None` for out of reach.
    pub(super) costs: BTreeMap<IpAddr, Option<u32>>,
    conns: u64,
}

impl Lab {
    pub(super) fn new(edit: impl FnOnce(&mut InstanceConfig)) -> Self {
        let now = Instant::now();
        let mut config = InstanceConfig::new(Asn(OWN_AS), VrfId::DEFAULT, "default", RouterId(OWN_ADDR));
        config.ebgp_requires_policy = false;
        config.network_import_check = false;
        config.log_neighbor_changes = true;
        edit(&mut config);
        let seeds = Seeds { hash: 1, dice: 2, first_conn: 1 };
        let mut bgp = Instance::new(config, Arc::new(PolicySet::default()), seeds, now);
        bgp.set_own_addresses([IpAddr::V4(OWN_ADDR)].into());
        bgp.start(now);
        Self {
            bgp,
            now,
            wires: Vec::new(),
            rib: BTreeMap::new(),
            log: Vec::new(),
            events: Vec::new(),
            costs: BTreeMap::new(),
            conns: 1 << 62,
        }
    }

    /// Swaps the policy; `changed` names what differs.
    pub(super) fn policy(&mut self, def: &PolicyDef, changed: &[&str]) {
        let (set, errors) = PolicySet::compile(def);
        assert!(errors.is_empty(), "{errors:?}");
        self.bgp.set_policy(Arc::new(set), |n| changed.contains(&n), self.now);
        self.settle();
    }

    pub(super) fn configure(&mut self, edit: impl FnOnce(&mut InstanceConfig)) {
        let mut config = self.bgp.config().clone();
        edit(&mut config);
        self.bgp.configure(config, self.now);
        self.settle();
    }

    pub(super) fn change(&mut self, i: usize, edit: impl FnOnce(&mut NeighborConfig)) {
        let id = self.wires[i].id;
        let mut config = self.bgp.neighbor(id).unwrap().clone();
        edit(&mut config);
        self.bgp.change_neighbor(id, config, self.now);
        self.settle();
    }

    pub(super) fn change_family(&mut self, i: usize, edit: impl FnOnce(&mut NeighborFamily)) {
        self.change(i, |n| edit(n.families[V4].as_mut().unwrap()));
    }

    /// Adds a passive neighbor that is down.
    pub(super) fn add(&mut self, asn: u32, edit: impl FnOnce(&mut NeighborConfig)) -> usize {
        let i = self.wires.len();
        let addr = Ipv4Addr::new(10, 0, (i / 250) as u8, (i % 250 + 1) as u8);
        let mut config = NeighborConfig::new(&addr.to_string(), Some(addr.into()), RemoteAs::Asn(Asn(asn)));
        config.families[V4] = Some(NeighborFamily::default());
        config.passive = true;
        edit(&mut config);
        let confed = self.bgp.config().confederation.as_ref().is_some_and(|c| c.members.contains(&Asn(asn)));
        let own = config.local_as.map_or(self.bgp.config().asn, |l| l.asn);
        let kind = match () {
            () if own == Asn(asn) => PeerKind::Ibgp,
            () if confed => PeerKind::ConfedEbgp,
            () => PeerKind::Ebgp,
        };
        let id = self.bgp.add_neighbor(config, self.now);
        let capabilities = vec![
            Capability::Multiprotocol { afi: 1, safi: 1 },
            Capability::RouteRefresh,
            Capability::FourOctetAs(Asn(asn)),
        ];
        self.wires.push(Wire {
            id,
            addr,
            own: addresses(),
            conn: None,
            open: Open::new(Asn(asn), 180, RouterId(addr), capabilities),
            heard_open: None,
            ctx: SessionContext::new(kind),
            table: BTreeMap::new(),
            update_messages: 0,
            notified: None,
            end_of_rib: Vec::new(),
            refreshes: Vec::new(),
            reads: true,
            alive: true,
            replayed: false,
            kind,
        });
        self.settle();
        i
    }

    /// Adds a neighbor and brings it up.
    pub(super) fn peer(&mut self, asn: u32, edit: impl FnOnce(&mut NeighborConfig)) -> usize {
        self.peer_with(asn, &[], edit)
    }

    /// The same with further capabilities of the peer.
    pub(super) fn peer_with(
        &mut self,
        asn: u32,
        capabilities: &[Capability],
        edit: impl FnOnce(&mut NeighborConfig),
    ) -> usize {
        let i = self.add(asn, edit);
        self.wires[i].open.capabilities.extend_from_slice(capabilities);
        self.up(i);
        assert_eq!(self.state(i), State::Established, "{:?}", self.wires[i].notified);
        i
    }

    /// The peer connects; its name of the connection, or none when refused.
    pub(super) fn connect(&mut self, i: usize) -> Option<ConnId> {
        self.conns += 1;
        let conn = ConnId(self.conns);
        let ends = self.ends(i);
        let wire = &mut self.wires[i];
        wire.conn = Some(conn);
        wire.table.clear();
        wire.notified = None;
        wire.end_of_rib.clear();
        wire.refreshes.clear();
        wire.ctx = SessionContext::new(wire.kind);
        let own = self.wires[i].own;
        if self.bgp.accepted(self.now, conn, ends, own) == Accept::Refuse {
            self.wires[i].conn = None;
        }
        self.settle();
        self.wires[i].conn
    }

    pub(super) fn ends(&self, i: usize) -> (SocketAddr, SocketAddr) {
        let remote = self.wires[i].addr;
        (SocketAddr::new(OWN_ADDR.into(), 179), SocketAddr::new(remote.into(), 40000))
    }

    pub(super) fn up(&mut self, i: usize) {
        self.connect(i);
        let mut bytes = Vec::new();
        self.wires[i].open.encode(&mut bytes);
        bytes.extend_from_slice(&keepalive());
        self.send(i, &bytes);
    }

    /// TCP of a peer ends.
    pub(super) fn cut(&mut self, i: usize) {
        if let Some(conn) = self.wires[i].conn.take() {
            self.bgp.closed(self.now, conn);
        }
        self.settle();
    }

    pub(super) fn send(&mut self, i: usize, bytes: &[u8]) {
        if let Some(conn) = self.wires[i].conn {
            let used = self.bgp.received(self.now, conn, bytes);
            assert_eq!(used, bytes.len(), "whole messages");
        }
        self.settle();
    }

    pub(super) fn notify(&mut self, i: usize, error: &NotificationError) {
        let mut bytes = Vec::new();
        error.encode(&mut bytes);
        self.send(i, &bytes);
    }

    pub(super) fn announce(&mut self, i: usize, prefixes: &[&str], attrs: &Attrs) {
        self.announce_ids(i, &prefixes.iter().map(|p| (0, *p)).collect::<Vec<_>>(), attrs);
    }

    pub(super) fn announce_ids(&mut self, i: usize, prefixes: &[(u32, &str)], attrs: &Attrs) {
        let bytes = self.update_bytes(i, prefixes, attrs);
        self.send(i, &bytes);
    }

    pub(super) fn update_bytes(&self, i: usize, prefixes: &[(u32, &str)], attrs: &Attrs) -> Vec<u8> {
        let wire = &self.wires[i];
        let mut as_path = AsPathBuf::default();
        as_path.push_segment(SegmentKind::ConfedSequence, &asns(&attrs.confed));
        as_path.push_segment(SegmentKind::Sequence, &asns(&attrs.path));
        as_path.push_segment(SegmentKind::Set, &asns(&attrs.set));
        let communities: Vec<u8> = attrs.communities.iter().flat_map(|c| c.0.to_be_bytes()).collect();
        let ext: Vec<u8> = attrs.ext.concat();
        let clusters: Vec<u8> = attrs.clusters.iter().flat_map(|c| c.octets()).collect();
        let set = PathAttributes {
            origin: attrs.origin,
            as_path: as_path.as_path(),
            next_hop: Some(attrs.next_hop.map_or(BgpNexthop::V4(wire.addr), BgpNexthop::from)),
            med: attrs.med,
            local_pref: attrs.local_pref.or((wire.kind != PeerKind::Ebgp).then_some(100)),
            communities: Communities::new(&communities).unwrap(),
            ext_communities: ExtCommunities::new(&ext).unwrap(),
            originator_id: attrs.originator.map(RouterId),
            cluster_list: ClusterList::new(&clusters).unwrap(),
            only_to_customer: attrs.otc.map(Asn),
            aigp: attrs.aigp,
            ..PathAttributes::default()
        };
        let family = Family::unicast(prefix(prefixes[0].1).afi());
        let encoded = EncodedAttributes::new(&set, family, &wire.ctx).unwrap();
        let mut bytes = Vec::new();
        let list = prefixes.iter().map(|(id, p)| (*id, prefix(p)));
        assert!(encode_announcements(&wire.ctx, &encoded, list, &mut bytes) > 0);
        bytes
    }

    pub(super) fn withdraw(&mut self, i: usize, prefixes: &[&str]) {
        let bytes = self.withdrawal_bytes(i, prefixes);
        self.send(i, &bytes);
    }

    pub(super) fn withdrawal_bytes(&self, i: usize, prefixes: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let family = Family::unicast(prefix(prefixes[0]).afi());
        encode_withdrawals(&self.wires[i].ctx, family, prefixes.iter().map(|p| (0, prefix(p))), &mut bytes);
        bytes
    }

    pub(super) fn end_of_rib(&mut self, i: usize) {
        let mut bytes = Vec::new();
        encode_end_of_rib(&self.wires[i].ctx, V4, &mut bytes);
        self.send(i, &bytes);
    }

    pub(super) fn state(&mut self, i: usize) -> State {
        self.bgp.peer_view(self.wires[i].id).unwrap().state
    }

    pub(super) fn route(&mut self, p: &str) -> Option<DestView> {
        self.bgp.route(V4, prefix(p))
    }

    /// AS path of the best route.
    pub(super) fn best(&mut self, p: &str) -> String {
        let view = self.route(p).unwrap_or_else(|| panic!("no route to {p}"));
        assert!(view.paths[0].best, "{view:?}");
        view.paths[0].attributes().as_path.to_string()
    }

    /// Next hops that the RIB was given.
    pub(super) fn ways(&self, p: &str) -> Vec<String> {
        let spec = self.rib.get(&prefix(p));
        let addrs = spec.into_iter().flat_map(|s| s.nexthops.iter());
        addrs.filter_map(|n| n.addr()).map(|a| a.to_string()).collect()
    }

    /// Says how a next hop is reached from now on.
    pub(super) fn cost(&mut self, addr: IpAddr, cost: Option<u32>) {
        self.costs.insert(addr, cost);
        let watch = NexthopWatch { vrf: VrfId::DEFAULT, target: Prefix::host(addr), exact: false };
        let info = self.reach(watch);
        self.bgp.nexthop_changed(info, self.now);
        self.settle();
    }

    fn reach(&self, watch: NexthopWatch) -> NexthopInfo {
        let cost = self.costs.get(&watch.target.addr()).copied().unwrap_or(Some(0));
        let via = cost.map(|metric| NexthopReach {
            prefix: watch.target,
            protocol: Protocol::Connected,
            metric: Metric(metric),
            distance: Distance(0),
            connected: true,
            nexthops: vec![(IfIndex(1), None)],
        });
        NexthopInfo { watch, via }
    }

    /// Lets time pass; peers that are alive send keepalives whenever a timer fires.
    pub(super) fn advance(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..100_000 {
            match self.bgp.poll_timeout().filter(|t| *t <= end) {
                Some(at) => {
                    self.now = self.now.max(at);
                    for i in 0..self.wires.len() {
                        if self.wires[i].alive
                            && self.wires[i].conn.is_some()
                            && self.state(i) == State::Established
                        {
                            self.send(i, &keepalive());
                        }
                    }
                    self.bgp.handle_timeout(self.now);
                    self.settle();
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("timers that never end");
    }

    /// Carries out what the instance wants, until it rests.
    pub(super) fn settle(&mut self) {
        loop {
            let mut moved = self.bgp.work(self.now);
            while let Some(output) = self.bgp.poll_output() {
                moved = true;
                self.output(output);
            }
            for i in 0..self.wires.len() {
                if self.wires[i].reads
                    && let Some(conn) = self.wires[i].conn
                {
                    moved |= self.drain(i, conn);
                }
            }
            for update in self.bgp.take_rib_updates() {
                match update {
                    RouteUpdate::Set(key, spec) => {
                        drop(self.rib.insert(key.prefix, Arc::unwrap_or_clone(spec)))
                    }
                    RouteUpdate::Withdraw(key) => drop(self.rib.remove(&key.prefix)),
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Watch(watch) => {
                let info = self.reach(watch);
                self.bgp.nexthop_changed(info, self.now);
            }
            Output::Close { conn } => {
                if let Some(i) = self.wires.iter().position(|w| w.conn == Some(conn)) {
                    self.drain(i, conn);
                    self.wires[i].conn = None;
                }
                self.events.push(Output::Close { conn });
            }
            Output::Log(record) => self.log.push(record),
            Output::Transmit { .. } | Output::Unwatch(_) => {}
            other => self.events.push(other),
        }
    }

    fn drain(&mut self, i: usize, conn: ConnId) -> bool {
        let mut moved = false;
        while let Some(bytes) = self.bgp.poll_transmit(self.now, conn) {
            moved = true;
            self.wires[i].hear(&bytes);
        }
        moved
    }
}

fn asns(list: &[u32]) -> Vec<Asn> {
    list.iter().copied().map(Asn).collect()
}

pub(super) fn addresses() -> LocalAddresses {
    LocalAddresses {
        v4: Some(OWN_ADDR),
        v6_global: Some("2001:db8::254".parse().unwrap()),
        v6_link_local: Some("fe80::254".parse().unwrap()),
        ifindex: IfIndex(1),
        link: Some(prefix("10.0.0.0/16")),
    }
}

impl Wire {
    /// Whole messages came.
    pub(super) fn hear(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let message = frame(bytes, MAX_LEN_EXTENDED).unwrap().expect("buffers end with a message");
            match message.kind {
                MessageType::Open => {
                    let open = Open::decode(message.body).unwrap();
                    self.ctx = SessionContext::negotiate(self.kind, &self.open, &open);
                    self.heard_open = Some(open);
                }
                MessageType::Update => self.update(message.body),
                MessageType::Notification => self.notified = Some(NotificationError::decode(message.body)),
                MessageType::RouteRefresh => self.refreshes.push(RouteRefresh::decode(message.body).unwrap()),
                MessageType::Keepalive => {}
            }
            bytes = &bytes[message.len..];
        }
    }

    fn update(&mut self, body: &[u8]) {
        self.update_messages += 1;
        let mut scratch = Scratch::default();
        let update = Update::decode(body, &self.ctx, &mut scratch).unwrap();
        assert_eq!(update.disposition, Disposition::Accept, "{:?}", update.errors);
        self.end_of_rib.extend(update.end_of_rib);
        for (id, p) in update.withdrawn.iter() {
            let known = self.table.remove(&(p.into(), id)).is_some();
            assert!(known || self.replayed, "{p} withdrawn but never sent");
        }
        let gone: Vec<(u32, Prefix)> = match update.mp_unreach.map(|u| u.nlri) {
            Some(Nlri::V4(list)) => list.iter().map(|(id, p)| (id, p.into())).collect(),
            Some(Nlri::V6(list)) => list.iter().map(|(id, p)| (id, p.into())).collect(),
            _ => Vec::new(),
        };
        for (id, p) in gone {
            assert!(self.table.remove(&(p, id)).is_some(), "{p} withdrawn but never sent");
        }
        let mut block = Vec::new();
        if let Some(set) = update.attributes.or(update.mp_attributes()) {
            encode_attributes_canonical(&set, &mut block);
        }
        let mp = update.mp_reach.map(|r| r.nlri);
        let list: Vec<(u32, Prefix)> = update
            .announced
            .iter()
            .map(|(id, p)| (id, p.into()))
            .chain(match &mp {
                Some(Nlri::V4(list)) => list.iter().map(|(id, p)| (id, p.into())).collect::<Vec<_>>(),
                Some(Nlri::V6(list)) => list.iter().map(|(id, p)| (id, p.into())).collect(),
                _ => Vec::new(),
            })
            .collect();
        for (id, p) in list {
            self.table.insert((p, id), block.clone());
        }
    }
}

/// Graceful restart with the forwarding state of IPv4 kept.
pub(super) fn graceful(seconds: u16) -> Capability {
    let family = GracefulFamily { afi: 1, safi: 1, forwarding: true };
    Capability::GracefulRestart { restart: false, notification: true, time: seconds, families: vec![family] }
}

/// Path identifiers for IPv4.
pub(super) fn add_path(send: bool, receive: bool) -> Capability {
    Capability::AddPath(vec![AddPathFamily { afi: 1, safi: 1, send, receive }])
}
