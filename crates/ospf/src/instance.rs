//! One OSPF router: inputs, outputs, and who is told what.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_ospf_wire::Version;
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Prefix, Protocol, RouteUpdate, RouterId};

use crate::config::{InstanceConfig, InterfaceKey};
use crate::io::{Output, Received};
use crate::lsdb::Lsdb;
use crate::originate::OwnLsas;
use crate::routing::{ForeignRoute, Routing};
use crate::view::{InstanceView, InterfaceView, NeighborView, RouteView, RouterRouteView};

/// Whom BFD is to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BfdPeer {
    /// Link.
    pub ifindex: IfIndex,
    /// Own address.
    pub local: IpAddr,
    /// Neighbor's address.
    pub remote: IpAddr,
}

/// What `clear` resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clear {
    /// Everything: all adjacencies and the database.
    Process,
    /// The neighbors of an interface, or of all.
    Interface(Option<IfIndex>),
    /// A neighbor, or all.
    Neighbor(Option<RouterId>),
    /// Counters of packets.
    Counters(Option<IfIndex>),
}

/// What an instance starts from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start {
    /// Random and secret.
    pub seed: u64,
    /// High 32 bits of cryptographic sequence numbers, larger than in any earlier life (RFC 7474 section 3); the driver keeps it.
    pub boot_count: u32,
    /// A graceful restart was announced before the last end and still may run for so long.
    pub restarting: Option<Duration>,
}

/// One OSPF router.
#[derive(Debug)]
pub struct Instance {
    config: InstanceConfig,
    policy: Arc<PolicySet>,
    lsdb: Lsdb,
    own: OwnLsas,
    routing: Routing,
    outputs: VecDeque<Output>,
    started: Instant,
}

impl Instance {
    /// An instance that is configured at once.
    pub fn new(config: InstanceConfig, policy: Arc<PolicySet>, _start: Start, now: Instant) -> Self {
        let version = config.version;
        Self {
            config,
            policy,
            lsdb: Lsdb::new(version),
            own: OwnLsas::default(),
            routing: Routing::new(version),
            outputs: VecDeque::new(),
            started: now,
        }
    }
    /// Changes what is configured and what is known of links; differences alone have effects. Version and VRF stay.
    pub fn configure(&mut self, config: InstanceConfig, now: Instant) {
        self.config = config;
        self.routing.reconfigured(now);
    }
    /// Policy changed.
    pub fn set_policy(&mut self, policy: Arc<PolicySet>, _changed: impl Fn(&str) -> bool, now: Instant) {
        self.policy = policy;
        self.routing.reconfigured(now);
    }
    /// What is configured.
    pub const fn config(&self) -> &InstanceConfig {
        &self.config
    }
    /// Version.
    pub const fn version(&self) -> Version {
        self.config.version
    }
    /// A packet came.
    pub fn receive(&mut self, _packet: &Received<'_>, _now: Instant) {}
    /// A link lost its carrier: known before a configuration can say so.
    pub fn link_down(&mut self, _ifindex: IfIndex, _now: Instant) {}
    /// BFD lost a neighbor.
    pub fn bfd_down(&mut self, _peer: BfdPeer, _now: Instant) {}
    /// Whom BFD is to watch, with the profile's interface.
    pub fn bfd_peers(&self) -> Vec<BfdPeer> {
        Vec::new()
    }
    /// Another protocol offers a route.
    pub fn redistribute(&mut self, route: ForeignRoute, now: Instant) {
        self.routing.redistribute(route, now);
    }
    /// Another protocol offers a route no longer.
    pub fn redistribute_withdraw(&mut self, prefix: Prefix, protocol: Protocol, instance: u16, now: Instant) {
        self.routing.redistribute_withdraw(prefix, protocol, instance, now);
    }
    /// Time passed.
    pub fn handle_timeout(&mut self, _now: Instant) {}
    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    /// What is to be done; to be asked until `None`, after each input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
    /// What the RIB has to be told.
    pub fn take_rib_updates(&mut self) -> Vec<RouteUpdate> {
        self.routing.take_rib_updates()
    }
    /// Tells the RIB everything again.
    pub fn reinstall(&mut self, _now: Instant) {}
    /// `clear`.
    pub fn clear(&mut self, _what: Clear, _now: Instant) {}
    /// `graceful-restart prepare`: tells neighbors that a restart comes. False when it is not configured.
    pub fn prepare_restart(&mut self, _now: Instant) -> bool {
        false
    }
    /// The end: own LSAs are flushed, unless a restart was prepared. Outputs are to be carried out; done when true.
    pub fn shutdown(&mut self, _now: Instant) -> bool {
        true
    }
    /// The database.
    pub const fn lsdb(&self) -> &Lsdb {
        &self.lsdb
    }
    /// The instance as `show` wants it.
    pub fn view(&self, _now: Instant) -> InstanceView {
        InstanceView {
            router_id: self.config.router_id,
            started: self.started,
            abr: false,
            asbr: false,
            stub_router: false,
            restarting: None,
            spf: crate::view::SpfView::default(),
            lsas: std::collections::BTreeMap::new(),
            areas: Vec::new(),
        }
    }
    /// Interfaces, virtual links at the end.
    pub fn interfaces(&self) -> Vec<InterfaceView> {
        Vec::new()
    }
    /// Neighbors of one interface or of all.
    pub fn neighbors(&self, _interface: Option<InterfaceKey>) -> Vec<NeighborView> {
        Vec::new()
    }
    /// Routes behind `after` in order, at most `limit`.
    pub fn routes(&self, _after: Option<Prefix>, _limit: usize) -> Vec<RouteView> {
        Vec::new()
    }
    /// Ways to border routers.
    pub fn router_routes(&self, _area: Option<AreaId>) -> Vec<RouterRouteView> {
        Vec::new()
    }
}
