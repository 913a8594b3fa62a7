//! From the database to routes: SPF per area, routes of other areas and of the outside, what a border router tells, alternates.
//!
//! [`Routing`] is told what changed and decides what has to be worked out anew and when. It reads the database and the own links
//! ([`Inputs`]), writes own LSAs (summaries, externals) into [`OwnLsas`], and gives routes to the RIB.
//!
//! RFC 2328 section 16, RFC 5340 section 4.8, RFC 3101, RFC 5286, RFC 8405.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ferr_ospf_wire::{RouterBits, Version};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Metric, Prefix, Protocol, RouteUpdate, RouterId, Tag};

use crate::config::{InstanceConfig, InterfaceKey, NetworkType};
use crate::lsdb::{LsaKey, Lsdb, ScopeId};
use crate::originate::OwnLsas;

/// A neighbor as routes see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalNeighbor {
    /// Its router ID.
    pub(crate) router: RouterId,
    /// Where packets for it go: its address (link-local in OSPFv3).
    pub(crate) addr: IpAddr,
    /// OSPFv3: its number of the interface.
    pub(crate) interface_id: u32,
    /// Fully adjacent.
    pub(crate) full: bool,
}

/// An own interface that is up, as routes see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalLink {
    /// Which.
    pub(crate) key: InterfaceKey,
    /// Its area; the backbone for virtual links.
    pub(crate) area: AreaId,
    /// Its kind.
    pub(crate) network: NetworkType,
    /// The link that packets leave by.
    pub(crate) ifindex: IfIndex,
    /// Own address: of OSPFv2 with its prefix, of OSPFv3 the link-local one.
    pub(crate) addr: Option<IpAddr>,
    /// Own number of the interface (OSPFv3, unnumbered links).
    pub(crate) interface_id: u32,
    /// Cost.
    pub(crate) cost: u16,
    /// Routers on it.
    pub(crate) neighbors: Vec<LocalNeighbor>,
}

/// What routes are worked out from.
pub(crate) struct Inputs<'a> {
    /// The database.
    pub(crate) lsdb: &'a Lsdb,
    /// What is configured.
    pub(crate) config: &'a InstanceConfig,
    /// Own interfaces that are up.
    pub(crate) links: &'a [LocalLink],
    /// Filters and route-maps.
    pub(crate) policy: &'a Arc<PolicySet>,
    /// A graceful restart runs: nothing is originated, and nothing that was installed is taken back.
    pub(crate) restarting: bool,
}

/// A route of another protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRoute {
    /// Destination.
    pub prefix: Prefix,
    /// Who made it.
    pub protocol: Protocol,
    /// Its instance.
    pub instance: u16,
    /// Its metric.
    pub metric: Metric,
    /// Its tag.
    pub tag: Tag,
    /// First gateway.
    pub gateway: Option<IpAddr>,
    /// Interface of the first way.
    pub ifindex: Option<IfIndex>,
    /// Its name.
    pub interface: Option<Arc<str>>,
}

/// Way to the other end of a virtual link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VirtualPath {
    /// Cost through the transit area.
    pub(crate) cost: u16,
    /// Link of the first hop.
    pub(crate) ifindex: IfIndex,
    /// Own address to be used.
    pub(crate) local: IpAddr,
    /// Address of the other end.
    pub(crate) remote: IpAddr,
}

/// Routes of an instance.
#[derive(Debug)]
pub(crate) struct Routing {
    version: Version,
}

impl Routing {
    /// Without any route.
    pub(crate) const fn new(version: Version) -> Self {
        Self { version }
    }

    /// An LSA was installed, replaced or removed; MaxAge counts as removed.
    pub(crate) fn lsa_changed(
        &mut self,
        _scope: ScopeId,
        _key: &LsaKey,
        _old: Option<&[u8]>,
        _new: Option<&[u8]>,
        _now: Instant,
    ) {
        let _ = self.version;
    }

    /// Interfaces or neighbors are others than before.
    pub(crate) fn links_changed(&mut self, _now: Instant) {}

    /// Configuration or policy are others than before.
    pub(crate) fn reconfigured(&mut self, _now: Instant) {}

    /// Another protocol offers a route.
    pub(crate) fn redistribute(&mut self, _route: ForeignRoute, _now: Instant) {}

    /// Another protocol offers a route no longer.
    pub(crate) fn redistribute_withdraw(
        &mut self,
        _prefix: Prefix,
        _protocol: Protocol,
        _instance: u16,
        _now: Instant,
    ) {
    }

    /// When [`Self::run`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Works out what is due. True when own LSAs were changed.
    pub(crate) fn run(&mut self, _now: Instant, _inputs: &Inputs<'_>, _own: &mut OwnLsas) -> bool {
        false
    }

    /// Takes what the RIB has to be told.
    pub(crate) fn take_rib_updates(&mut self) -> Vec<RouteUpdate> {
        Vec::new()
    }

    /// What the router-LSA of an area says this router is.
    pub(crate) fn router_bits(&self, _area: AreaId) -> RouterBits {
        RouterBits::empty()
    }

    /// Way to the other end of a virtual link through an area, when there is one.
    pub(crate) fn virtual_path(&self, _area: AreaId, _router: RouterId) -> Option<VirtualPath> {
        None
    }
}
