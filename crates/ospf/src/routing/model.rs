//! A router's routes from a database that is handed in: no neighbors, no packets. For benches, and for asking "what if".

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ferr_ospf_wire::{Lsa, Version};
use ferr_policy::PolicySet;
use ferr_types::{IfIndex, Prefix, RouteUpdate, RouterId};

use super::{ForeignRoute, Inputs, LocalLink, LocalNeighbor, Routing};
use crate::config::{InstanceConfig, InterfaceKey};
use crate::lsdb::{LsaKey, Lsdb, ScopeId, Stored};
use crate::originate::OwnLsas;
use crate::view::{RouteView, SpfView};

/// A router that is told its database.
#[derive(Debug)]
pub struct Model {
    routing: Routing,
    lsdb: Lsdb,
    own: OwnLsas,
    config: InstanceConfig,
    policy: Arc<PolicySet>,
    links: BTreeMap<InterfaceKey, LocalLink>,
}

impl Model {
    /// A router whose interfaces are all up, without neighbors.
    pub fn new(config: InstanceConfig, policy: Arc<PolicySet>) -> Self {
        let link = |(at, (key, interface)): (usize, (&InterfaceKey, &crate::config::InterfaceConfig))| {
            let ifindex = match key {
                InterfaceKey::Link(ifindex, _) => *ifindex,
                InterfaceKey::Virtual(..) => IfIndex(0),
            };
            let addr = match config.version {
                Version::V2 => interface.address.map(|(addr, _)| IpAddr::V4(addr)),
                Version::V3 => interface.link_local.map(IpAddr::V6),
            };
            let link = LocalLink {
                key: *key,
                area: interface.area,
                network: interface.network,
                ifindex,
                addr,
                interface_id: if ifindex.0 == 0 { at as u32 } else { ifindex.0 },
                cost: interface.cost,
                neighbors: Vec::new(),
            };
            (*key, link)
        };
        let links = config.interfaces.iter().enumerate().map(link).collect();
        Self {
            routing: Routing::new(config.version),
            lsdb: Lsdb::new(config.version),
            own: OwnLsas::default(),
            config,
            policy,
            links,
        }
    }

    /// A neighbor is fully adjacent.
    pub fn adjacent(&mut self, key: InterfaceKey, router: RouterId, addr: IpAddr, now: Instant) {
        if let Some(link) = self.links.get_mut(&key) {
            link.neighbors.retain(|n| n.router != router);
            link.neighbors.push(LocalNeighbor { router, addr, interface_id: 0, full: true });
            self.routing.links_changed(now);
        }
    }

    /// A link is gone, with its neighbors.
    pub fn link_down(&mut self, key: InterfaceKey, now: Instant) {
        if self.links.remove(&key).is_some() {
            self.routing.links_changed(now);
        }
    }

    /// Puts an LSA into the database, whatever its sequence number. Nothing when it cannot be decoded.
    pub fn install(&mut self, scope: ScopeId, octets: &[u8], now: Instant) {
        let Ok(lsa) = Lsa::decode(self.config.version, octets) else { return };
        let key = LsaKey::from(&lsa.header);
        let old = self.lsdb.install(scope, key, Stored::received(octets.into(), now));
        let old = old.as_ref().map(|s| s.octets().as_ref());
        self.routing.lsa_changed(scope, &key, old, Some(octets), now);
    }

    /// Takes an LSA out of it.
    pub fn remove(&mut self, scope: ScopeId, key: &LsaKey, now: Instant) {
        if let Some(old) = self.lsdb.remove(scope, key) {
            self.routing.lsa_changed(scope, key, Some(old.octets()), None, now);
        }
    }

    /// Another protocol offers a route.
    pub fn redistribute(&mut self, route: ForeignRoute, now: Instant) {
        self.routing.redistribute(route, now);
    }

    /// Everything counts as changed.
    pub fn reconfigured(&mut self, now: Instant) {
        self.routing.reconfigured(now);
    }

    /// Works out what is due; gives what the RIB has to be told.
    pub fn run(&mut self, now: Instant) -> Vec<RouteUpdate> {
        let links: Vec<LocalLink> = self.links.values().cloned().collect();
        let inputs = Inputs { config: &self.config, links: &links, policy: &self.policy, restarting: false };
        self.routing.run(now, &inputs, &mut self.own);
        self.routing.take_rib_updates()
    }

    /// When [`Self::run`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.routing.poll_timeout()
    }

    /// Routes behind `after` in order, at most `limit`.
    pub fn routes(&self, after: Option<Prefix>, limit: usize) -> Vec<RouteView> {
        self.routing.routes(after, limit)
    }

    /// Runs of SPF.
    pub fn spf(&self) -> SpfView {
        self.routing.spf_view()
    }

    /// The database.
    pub const fn lsdb(&self) -> &Lsdb {
        &self.lsdb
    }

    /// Own LSAs about prefixes and AS boundary routers.
    pub fn own_lsas(&self) -> usize {
        self.own.iter().count()
    }
}
