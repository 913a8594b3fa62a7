//! A router's view of a network: database, links and routing without neighbors.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_ospf_wire::{
    Age, Body, ExternalV2, LinkStateId, LinkType, LinkV2, LsSequence, Lsa, LsaHeader, LsaType, LsaWriter,
    Options, RouterBits, SummaryV2, Version,
};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, Prefix, RouteKey, RouteSpec, RouteUpdate, RouterId, VrfId};

use crate::config::{AreaConfig, AreaKind, InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType};
use crate::lsdb::{LsaKey, Lsdb, ScopeId, Stored};
use crate::originate::{OwnKey, OwnLsas, Wish};
use crate::routing::{Inputs, LocalLink, LocalNeighbor, Routing};

pub(super) fn ip(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(n)
}

pub(super) fn addr(s: &str) -> Ipv4Addr {
    s.parse().unwrap()
}

pub(super) fn pfx(s: &str) -> Prefix {
    s.parse().unwrap()
}

pub(super) fn p4(s: &str) -> Ipv4Prefix {
    s.parse().unwrap()
}

pub(super) fn rid(n: u32) -> RouterId {
    RouterId(ip(n))
}

pub(super) fn area(n: u32) -> AreaId {
    AreaId(ip(n))
}

/// The octets of an LSA.
pub(super) fn lsa(
    kind: LsaType,
    id: u32,
    router: RouterId,
    seq: i32,
    options: Options,
    body: &Body<'_>,
) -> Vec<u8> {
    let header = LsaHeader {
        age: Age(1),
        options,
        kind,
        id: LinkStateId(id),
        router,
        sequence: LsSequence(LsSequence::INITIAL.0 + seq),
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; 65535];
    let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
    writer.body(body).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

/// A link of a router-LSA.
pub(super) type L = (LinkType, Ipv4Addr, Ipv4Addr, u16);

pub(super) fn p2p(to: u32, own: &str, cost: u16) -> L {
    (LinkType::POINT_TO_POINT, ip(to), addr(own), cost)
}

pub(super) fn transit(dr: &str, own: &str, cost: u16) -> L {
    (LinkType::TRANSIT, addr(dr), addr(own), cost)
}

pub(super) fn stub(prefix: &str, cost: u16) -> L {
    let p = p4(prefix);
    (LinkType::STUB, p.addr(), p.netmask(), cost)
}

pub(super) fn virt(to: u32, own: &str, cost: u16) -> L {
    (LinkType::VIRTUAL, ip(to), addr(own), cost)
}

/// One router's routing.
pub(super) struct Lab {
    pub(super) routing: Routing,
    pub(super) lsdb: Lsdb,
    pub(super) config: InstanceConfig,
    pub(super) links: Vec<LocalLink>,
    pub(super) own: OwnLsas,
    pub(super) policy: Arc<PolicySet>,
    pub(super) now: Instant,
    pub(super) restarting: bool,
    pub(super) rib: BTreeMap<Prefix, (RouteKey, RouteSpec)>,
    pub(super) updates: usize,
    seq: i32,
    installed: BTreeSet<(ScopeId, LsaKey)>,
}

impl Lab {
    pub(super) fn new(router: u32) -> Self {
        Self::of(Version::V2, router)
    }

    pub(super) fn of(version: Version, router: u32) -> Self {
        let config = InstanceConfig::new(version, VrfId::DEFAULT, "default", rid(router));
        Self {
            routing: Routing::new(version),
            lsdb: Lsdb::new(version),
            config,
            links: Vec::new(),
            own: OwnLsas::default(),
            policy: Arc::new(PolicySet::default()),
            now: Instant::now(),
            restarting: false,
            rib: BTreeMap::new(),
            updates: 0,
            seq: 0,
            installed: BTreeSet::new(),
        }
    }

    pub(super) fn area(&mut self, id: u32, config: AreaConfig) {
        self.config.areas.insert(area(id), config);
    }

    pub(super) fn area_kind(&mut self, id: u32, kind: AreaKind) {
        self.area(id, AreaConfig { kind, ..AreaConfig::default() });
    }

    /// An interface with its neighbors (router, address).
    pub(super) fn link(
        &mut self,
        ifindex: u32,
        id: u32,
        network: NetworkType,
        own: (&str, u16),
        neighbors: &[(u32, &str)],
    ) {
        let (address, cost) = own;
        let (ip, len) = address.split_once('/').unwrap();
        let own = addr(ip);
        let prefix = Ipv4Prefix::new(own, len.parse().unwrap()).unwrap();
        let key = InterfaceKey::Link(IfIndex(ifindex), Some(own));
        self.config.areas.entry(area(id)).or_default();
        self.config.interfaces.insert(key, interface(area(id), network, Some((own, prefix)), cost));
        let neighbors = neighbors.iter().map(|(router, at)| LocalNeighbor {
            router: rid(*router),
            addr: at.parse().unwrap(),
            interface_id: 0,
            full: true,
        });
        self.links.push(LocalLink {
            key,
            area: area(id),
            network,
            ifindex: IfIndex(ifindex),
            addr: Some(IpAddr::V4(own)),
            interface_id: ifindex,
            cost,
            neighbors: neighbors.collect(),
        });
        self.routing.links_changed(self.now);
    }

    /// Installs an LSA.
    pub(super) fn install(&mut self, scope: ScopeId, octets: &[u8]) {
        let header = Lsa::decode(self.config.version, octets).unwrap().header;
        let key = LsaKey::from(&header);
        let old = self.lsdb.install(scope, key, Stored::received(octets.into(), self.now));
        self.installed.insert((scope, key));
        let old = old.map(|s| s.octets().clone());
        self.routing.lsa_changed(scope, &key, old.as_deref(), Some(octets), self.now);
    }

    /// Takes an LSA out of the database.
    pub(super) fn take(&mut self, scope: ScopeId, key: &LsaKey) {
        if let Some(old) = self.lsdb.remove(scope, key) {
            self.routing.lsa_changed(scope, key, Some(old.octets()), None, self.now);
        }
    }

    pub(super) fn put(&mut self, id: u32, kind: LsaType, lsid: u32, router: u32, body: &Body<'_>) {
        self.seq += 1;
        let octets = lsa(kind, lsid, rid(router), self.seq, Options::E, body);
        self.install(ScopeId::Area(area(id)), &octets);
    }

    pub(super) fn router(&mut self, id: u32, router: u32, bits: RouterBits, links: &[L]) {
        self.seq += 1;
        let octets = router_lsa(router, self.seq, bits, links);
        self.install(ScopeId::Area(area(id)), &octets);
    }

    pub(super) fn network(&mut self, id: u32, dr: (&str, u32), len: u8, routers: &[u32]) {
        self.seq += 1;
        let octets = network_lsa(dr, self.seq, len, routers);
        self.install(ScopeId::Area(area(id)), &octets);
    }

    pub(super) fn summary(&mut self, id: u32, router: u32, prefix: &str, metric: u32) {
        let p = p4(prefix);
        let body = SummaryV2 { mask: p.netmask(), metric, tos: ferr_ospf_wire::Records::EMPTY_V2 };
        self.put(id, LsaType::SUMMARY_V2, p.bits(), router, &Body::SummaryV2(body));
    }

    pub(super) fn asbr_summary(&mut self, id: u32, router: u32, asbr: u32, metric: u32) {
        let body = SummaryV2 { mask: Ipv4Addr::UNSPECIFIED, metric, tos: ferr_ospf_wire::Records::EMPTY_V2 };
        self.put(id, LsaType::ASBR_SUMMARY_V2, asbr, router, &Body::SummaryV2(body));
    }

    pub(super) fn external(
        &mut self,
        router: u32,
        prefix: &str,
        (type2, metric): (bool, u32),
        forwarding: &str,
    ) {
        self.seq += 1;
        let octets = external_lsa(
            LsaType::EXTERNAL_V2,
            (router, self.seq),
            p4(prefix),
            (type2, metric, addr(forwarding), 0),
            Options::E,
        );
        self.install(ScopeId::As, &octets);
    }

    pub(super) fn type7(
        &mut self,
        id: u32,
        router: u32,
        prefix: &str,
        (type2, metric): (bool, u32),
        (forwarding, propagate): (&str, bool),
    ) {
        self.seq += 1;
        let options = if propagate { Options::NP } else { Options::empty() };
        let body = (type2, metric, addr(forwarding), 0);
        let octets = external_lsa(LsaType::NSSA_V2, (router, self.seq), p4(prefix), body, options);
        self.install(ScopeId::Area(area(id)), &octets);
    }

    /// Lets everything be worked out that is due within a minute; gives whether own LSAs may be others.
    pub(super) fn settle(&mut self) -> bool {
        let mut changed = false;
        let end = self.now + Duration::from_secs(60);
        while let Some(due) = self.routing.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            changed |= self.run();
        }
        self.now = end;
        changed
    }

    pub(super) fn run(&mut self) -> bool {
        let inputs = Inputs {
            config: &self.config,
            links: &self.links,
            policy: &self.policy,
            restarting: self.restarting,
        };
        let changed = self.routing.run(self.now, &inputs, &mut self.own);
        for update in self.routing.take_rib_updates() {
            self.updates += 1;
            match update {
                RouteUpdate::Set(key, spec) => self.rib.insert(key.prefix, (key, Arc::unwrap_or_clone(spec))),
                RouteUpdate::Withdraw(key) => self.rib.remove(&key.prefix),
            };
        }
        changed
    }

    /// A route as text: distance/metric, then ways.
    pub(super) fn route(&self, prefix: &str) -> String {
        let Some((_, spec)) = self.rib.get(&pfx(prefix)) else { return "none".to_owned() };
        format!("{}/{} {}", spec.distance, spec.metric, nexthops(&spec.nexthops))
    }

    pub(super) fn backup(&self, prefix: &str) -> String {
        self.rib.get(&pfx(prefix)).map_or_else(|| "none".to_owned(), |(_, s)| nexthops(&s.backup))
    }

    /// The same router with the same database, worked out from nothing.
    pub(super) fn started_anew(&self) -> Self {
        let mut lab = Self::of(self.config.version, 0);
        lab.config = self.config.clone();
        lab.links = self.links.clone();
        lab.policy = self.policy.clone();
        lab.now = self.now;
        for scope in self.lsdb.scopes().collect::<Vec<_>>() {
            for (_, stored) in self.lsdb.scope(scope) {
                lab.install(scope, stored.octets());
            }
        }
        for route in self.routing.foreign() {
            lab.routing.redistribute(route.clone(), lab.now);
        }
        lab.routing.links_changed(lab.now);
        lab
    }
}

fn nexthops(set: &ferr_types::NexthopSet) -> String {
    let text = |n: &ferr_types::Nexthop| match n.gateway {
        ferr_types::Gateway::Interface(i) => format!("if{i}"),
        ferr_types::Gateway::Address { addr, ifindex, onlink } => {
            format!("{addr}@if{}{}", ifindex.unwrap_or_default(), if onlink { "!" } else { "" })
        }
        ferr_types::Gateway::Blackhole(_) => "blackhole".to_owned(),
    };
    set.iter().map(text).collect::<Vec<_>>().join(" ")
}

pub(super) fn interface(
    area: AreaId,
    network: NetworkType,
    address: Option<(Ipv4Addr, Ipv4Prefix)>,
    cost: u16,
) -> InterfaceConfig {
    InterfaceConfig { address, cost, ..InterfaceConfig::new("eth", area, network) }
}

pub(super) fn router_lsa(router: u32, seq: i32, bits: RouterBits, links: &[L]) -> Vec<u8> {
    let header = LsaHeader {
        age: Age(1),
        options: Options::E,
        kind: LsaType::ROUTER_V2,
        id: LinkStateId(router),
        router: rid(router),
        sequence: LsSequence(LsSequence::INITIAL.0 + seq),
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; 65535];
    let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
    let links = links.iter().map(|(kind, id, data, cost)| LinkV2::new(*kind, *id, *data, *cost));
    writer.router_v2(bits, links).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

pub(super) fn network_lsa((dr, router): (&str, u32), seq: i32, len: u8, routers: &[u32]) -> Vec<u8> {
    let header = LsaHeader {
        age: Age(1),
        options: Options::E,
        kind: LsaType::NETWORK_V2,
        id: addr(dr).into(),
        router: rid(router),
        sequence: LsSequence(LsSequence::INITIAL.0 + seq),
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; 65535];
    let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
    let mask = Ipv4Prefix::new(addr(dr), len).unwrap().netmask();
    writer.network_v2(mask, routers.iter().map(|r| rid(*r))).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

pub(super) fn external_lsa(
    kind: LsaType,
    (router, seq): (u32, i32),
    prefix: Ipv4Prefix,
    (type2, metric, forwarding, tag): (bool, u32, Ipv4Addr, u32),
    options: Options,
) -> Vec<u8> {
    let tos = ferr_ospf_wire::Records::EMPTY_V2;
    let body = ExternalV2 { mask: prefix.netmask(), type2, metric, forwarding, tag, tos };
    lsa(kind, prefix.bits(), rid(router), seq, options, &Body::ExternalV2(body))
}

impl Lab {
    /// What own LSAs tell: `TYPE@SCOPE ID DESTINATION METRIC...`, sorted.
    pub(super) fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self.own.iter().map(|(key, wish)| self.tell(key, wish)).collect();
        told.sort();
        told
    }

    fn tell(&self, (scope, kind, id): &OwnKey, wish: &Wish) -> String {
        let header = LsaHeader {
            age: Age(0),
            options: wish.options,
            kind: *kind,
            id: *id,
            router: self.config.router_id,
            sequence: LsSequence::INITIAL,
            checksum: 0,
            length: 0,
        };
        let mut buf = vec![0; 2048];
        let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
        writer.raw(&wish.body).unwrap();
        let len = writer.finish().unwrap();
        let lsa = Lsa::decode(self.config.version, &buf[..len]).unwrap();
        let at = match scope {
            ScopeId::Area(area) => area.to_string(),
            ScopeId::As => "as".to_owned(),
            ScopeId::Link(_) => "link".to_owned(),
        };
        let what = match lsa.body().unwrap() {
            Body::SummaryV2(b) if *kind == LsaType::ASBR_SUMMARY_V2 => format!("asbr {id} {}", b.metric),
            Body::SummaryV2(b) => format!("{} {id} {}", masklen(*id, b.mask), b.metric),
            Body::ExternalV2(b) => format!(
                "{} {id} E{} {} fwd {} tag {}{}",
                masklen(*id, b.mask),
                if b.type2 { 2 } else { 1 },
                b.metric,
                b.forwarding,
                b.tag,
                if wish.options.contains(Options::NP) { " P" } else { "" }
            ),
            Body::InterAreaPrefix(b) => format!("{} {}", b.prefix.prefix, b.metric),
            Body::InterAreaRouter(b) => format!("asbr {} {}", b.router, b.metric),
            Body::ExternalV3(b) => {
                format!(
                    "{} E{} {} {:?}",
                    b.prefix.prefix,
                    if b.type2 { 2 } else { 1 },
                    b.metric,
                    b.forwarding
                )
            }
            other => format!("{other:?}"),
        };
        format!("{}@{at} {what}", kind.function_code())
    }

    /// Those that begin with `head`, without it.
    pub(super) fn told_with(&self, head: &str) -> Vec<String> {
        self.told().iter().filter_map(|t| t.strip_prefix(head).map(str::to_owned)).collect()
    }
}

fn masklen(id: LinkStateId, mask: Ipv4Addr) -> Ipv4Prefix {
    Ipv4Prefix::new(id.addr(), mask.to_bits().leading_ones() as u8).unwrap()
}
