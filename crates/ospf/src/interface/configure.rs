//! A new configuration: what differs has effects, nothing else.

use std::collections::BTreeSet;
use std::time::Instant;

use ferr_ospf_wire::{LsaType, Version};
use ferr_types::AreaId;

use super::Interface;
use crate::config::{AreaConfig, AreaKind, InstanceConfig, InterfaceConfig, InterfaceKey};
use crate::instance::Instance;
use crate::io::{Cause, Output};
use crate::lsdb::ScopeId;
use crate::neighbor::NeighborKey;
use crate::originate::Issued;

/// Whether adjacencies cannot outlive the change.
fn resets(old: &InterfaceConfig, new: &InterfaceConfig) -> bool {
    old.area != new.area
        || old.network != new.network
        || old.up != new.up
        || old.address != new.address
        || old.unnumbered != new.unnumbered
        || old.link_local != new.link_local
        || old.passive != new.passive
        || old.instance_id != new.instance_id
}

/// What Hellos say of an area.
fn kind(area: Option<&AreaConfig>) -> std::mem::Discriminant<AreaKind> {
    area.map_or(std::mem::discriminant(&AreaKind::Normal), |area| std::mem::discriminant(&area.kind))
}

/// Whether nothing is to be up: without a router ID there is no router.
pub(crate) fn router_down(config: &InstanceConfig) -> bool {
    config.router_id == ferr_types::RouterId::UNSET
}

impl Instance {
    /// Goes from the configuration in force to a new one.
    pub(crate) fn reconfigure(&mut self, new: InstanceConfig, now: Instant) {
        let old = std::mem::replace(&mut self.config, new);
        if old.router_id != self.config.router_id {
            self.another_router(&old, now);
        }
        let kinds: BTreeSet<AreaId> = old
            .areas
            .keys()
            .chain(self.config.areas.keys())
            .filter(|area| kind(old.areas.get(area)) != kind(self.config.areas.get(area)))
            .copied()
            .collect();
        let opaque = old.opaque != self.config.opaque && self.config.version == Version::V2;
        self.configure_interfaces(now, |config| kinds.contains(&config.area) || opaque);
        self.update_virtual_links(now);
        self.purge_areas(now);
        if !kinds.is_empty() && !self.any_carries_as_scope() {
            self.purge_foreign_as_scope(now);
        }
        self.restart_configured(&old);
        self.stub_configured(&old);
        let areas: Vec<AreaId> = self.ifaces.values().map(Interface::area).collect();
        self.dirty.areas.extend(areas);
        let reduces = |c: &InstanceConfig| c.areas.values().map(|a| a.flood_reduction).collect::<Vec<_>>();
        if reduces(&old) != reduces(&self.config) {
            self.own.touch_all();
        }
        self.dirty.links = true;
        self.routing.reconfigured(now);
    }

    /// Another router ID: nothing of the old router stays.
    fn another_router(&mut self, old: &InstanceConfig, now: Instant) {
        if !router_down(old) {
            let new = std::mem::replace(&mut self.config.router_id, old.router_id);
            self.flush_all(now);
            self.drain(now);
            self.config.router_id = new;
        }
        let keys: Vec<InterfaceKey> = self.ifaces.keys().copied().collect();
        for ik in keys {
            self.interface_down(ik, Cause::Reconfigured, now);
        }
        // In OSPFv2 the router-LSA bears the router ID as its own.
        let routers: Vec<_> =
            self.own.iter().map(|(key, _)| *key).filter(|key| key.1 == LsaType::ROUTER_V2).collect();
        for key in routers {
            self.own.unwant(&key);
        }
        self.own.touch_all();
        self.issued = Issued::default();
        let scopes: Vec<ScopeId> = self.lsdb.scopes().collect();
        for scope in scopes {
            self.purge_scope(scope, now);
        }
    }

    /// Makes interfaces be as they are configured. `reset` says which have to begin anew whether or not they changed.
    pub(crate) fn configure_interfaces(&mut self, now: Instant, reset: impl Fn(&InterfaceConfig) -> bool) {
        let gone: Vec<InterfaceKey> = self
            .ifaces
            .keys()
            .filter(|ik| matches!(ik, InterfaceKey::Link(_, _)) && !self.config.interfaces.contains_key(ik))
            .copied()
            .collect();
        for ik in gone {
            self.remove_interface(ik, now);
        }
        let wanted: Vec<(InterfaceKey, InterfaceConfig)> =
            self.config.interfaces.iter().map(|(ik, config)| (*ik, config.clone())).collect();
        for (ik, config) in wanted {
            let again = reset(&config);
            self.configure_interface(ik, config, again, now);
        }
    }

    pub(super) fn remove_interface(&mut self, ik: InterfaceKey, now: Instant) {
        self.interface_down(ik, Cause::Reconfigured, now);
        self.forget_interface(ik);
        if let Some(iface) = self.ifaces.remove(&ik) {
            self.dirty.areas.insert(iface.area());
            self.dirty.links = true;
        }
        self.dirty.ifaces.remove(&ik);
    }

    pub(super) fn configure_interface(
        &mut self,
        ik: InterfaceKey,
        config: InterfaceConfig,
        again: bool,
        now: Instant,
    ) {
        let version = self.config.version;
        let up = config.up && !router_down(&self.config);
        match self.ifaces.get(&ik).map(|iface| (iface.config.clone(), iface.carrier_lost)) {
            None => {
                self.ifaces.insert(ik, Interface::new(ik, version, config));
            }
            Some((old, carrier_lost)) => {
                if resets(&old, &config) || again || carrier_lost {
                    if old.area != config.area {
                        self.remove_interface(ik, now);
                        self.ifaces.insert(ik, Interface::new(ik, version, config));
                    } else {
                        self.interface_down(ik, Cause::Reconfigured, now);
                        self.forget_interface(ik);
                        if let Some(iface) = self.ifaces.get_mut(&ik) {
                            iface.config = config;
                            iface.carrier_lost = false;
                        }
                    }
                } else if old != config {
                    self.adjust_interface(ik, &old, config, now);
                }
            }
        }
        if up {
            self.interface_up(ik, now);
        }
    }

    /// Changes that leave adjacencies alone.
    fn adjust_interface(
        &mut self,
        ik: InterfaceKey,
        old: &InterfaceConfig,
        config: InterfaceConfig,
        now: Instant,
    ) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let area = config.area;
        let changed = |f: fn(&InterfaceConfig) -> u64| f(old) != f(&config);
        let priority = old.priority != config.priority;
        let (bfd, hello) = (old.bfd != config.bfd, changed(|c| c.hello.as_millis() as u64));
        let statics = old.neighbors != config.neighbors;
        let filter = old.neighbor_filter != config.neighbor_filter;
        iface.config = config;
        let up = iface.is_up();
        self.dirty.interface(ik, area);
        if bfd {
            self.outputs.push_back(Output::BfdPeersChanged);
        }
        if filter {
            self.filter_neighbors(ik, now);
        }
        if up && statics {
            self.start_polling(ik, now);
        }
        if up && (hello || priority) {
            self.hello_timer(ik, now);
        }
        if up && priority {
            self.candidates_changed(ik, now);
        }
    }

    /// Drops neighbors that are no longer allowed.
    pub(crate) fn filter_neighbors(&mut self, ik: InterfaceKey, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let dropped: Vec<NeighborKey> = iface
            .neighbors
            .values()
            .filter(|neighbor| !self.is_allowed(iface, neighbor.addr))
            .map(|neighbor| neighbor.key)
            .collect();
        for nk in dropped {
            self.lose_neighbor(ik, nk, Cause::Reconfigured, now);
        }
    }

    /// Areas without an interface have no database.
    fn purge_areas(&mut self, now: Instant) {
        let used: BTreeSet<AreaId> = self.ifaces.values().map(Interface::area).collect();
        let gone: Vec<ScopeId> = self
            .lsdb
            .scopes()
            .filter(|scope| matches!(scope, ScopeId::Area(area) if !used.contains(area)))
            .collect();
        for scope in gone {
            self.purge_scope(scope, now);
        }
    }

    fn any_carries_as_scope(&self) -> bool {
        self.ifaces.values().any(|iface| self.carries_as_scope(iface))
    }

    /// Nobody tells us any more when these LSAs go.
    fn purge_foreign_as_scope(&mut self, now: Instant) {
        let own = self.config.router_id;
        let foreign: Vec<_> =
            self.lsdb.scope(ScopeId::As).filter(|(key, _)| key.router != own).map(|(key, _)| *key).collect();
        for key in foreign {
            self.discard(ScopeId::As, &key, now);
        }
    }
}
