//! Virtual links: interfaces that are up while there is a way through their transit area (RFC 2328 section 15).

use std::sync::Arc;
use std::time::Instant;

use ferr_types::{AreaId, RouterId};

use super::Interface;
use crate::config::{AreaKind, AuthConfig, InterfaceConfig, InterfaceKey, NetworkType, VirtualLink};
use crate::instance::Instance;
use crate::io::Cause;

/// Largest packet over a virtual link, since the MTU on the way is not known (RFC 2328 section 8.1, RFC 5340 section 4.2.1.1).
const MTU: u16 = 1280;
/// Numbers of virtual links, clear of those of links.
const FIRST_ID: u32 = 0x8000_0000;

fn settings(link: &VirtualLink, name: Arc<str>) -> InterfaceConfig {
    InterfaceConfig {
        mtu: MTU,
        cost: 1,
        hello: link.hello,
        dead: link.dead,
        retransmit: link.retransmit,
        transmit_delay: link.transmit_delay,
        mtu_ignore: true,
        auth: AuthConfig::clone(&link.auth),
        ..InterfaceConfig::new(&name, AreaId::BACKBONE, NetworkType::Virtual)
    }
}

impl Interface {
    /// Cost in force.
    pub(crate) fn cost(&self) -> u16 {
        self.path.map_or(self.config.cost, |path| path.cost)
    }
}

impl Instance {
    /// Makes virtual links be as configured and as the ways through their areas say.
    pub(crate) fn update_virtual_links(&mut self, now: Instant) {
        let mut wanted: Vec<(InterfaceKey, AreaId, RouterId, InterfaceConfig)> = Vec::new();
        for (area, config) in &self.config.areas {
            if config.kind != AreaKind::Normal || *area == AreaId::BACKBONE {
                continue;
            }
            for (router, link) in &config.virtual_links {
                let name = Arc::from(format!("VLINK{}", wanted.len()));
                wanted.push((InterfaceKey::Virtual(*area, *router), *area, *router, settings(link, name)));
            }
        }
        let gone: Vec<InterfaceKey> = self
            .ifaces
            .keys()
            .filter(|ik| {
                matches!(ik, InterfaceKey::Virtual(_, _)) && wanted.iter().all(|(key, ..)| key != *ik)
            })
            .copied()
            .collect();
        for ik in gone {
            self.remove_interface(ik, now);
        }
        for (ik, area, router, mut config) in wanted {
            let path = self.routing.virtual_path(area, router);
            config.up = path.is_some();
            let before = self.interface(ik).and_then(|iface| iface.path);
            if before.map(|path| path.local) != path.map(|path| path.local) && before.is_some() {
                self.interface_down(ik, Cause::InterfaceDown, now);
            }
            if self.interface(ik).is_none() {
                let mut iface = Interface::new(ik, self.config.version, config.clone());
                iface.id = self.free_virtual_id();
                self.ifaces.insert(ik, iface);
            }
            if let Some(iface) = self.ifaces.get_mut(&ik) {
                iface.path = path;
            }
            if before != path {
                self.dirty.interface(ik, AreaId::BACKBONE);
                self.dirty.areas.insert(area);
            }
            self.configure_interface(ik, config, false, now);
        }
    }

    fn free_virtual_id(&self) -> u32 {
        let used = |id: u32| self.ifaces.values().any(|iface| iface.id == id);
        (FIRST_ID..).find(|id| !used(*id)).unwrap_or(FIRST_ID)
    }
}
