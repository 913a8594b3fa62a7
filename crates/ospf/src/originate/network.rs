//! What is told of a link: network-LSA, link-LSA, and the prefixes of a network (RFC 2328 section 12.4.2, RFC 5340 sections 4.4.3.3,
//! 4.4.3.8 and 4.4.3.9).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ferr_ospf_wire::{Body, LinkStateId, LsaType, Options, PrefixOptions, PrefixV3, Referenced, Version};
use ferr_types::RouterId;

use super::issue::body_of;
use super::router::{PREFIXES_PER_LSA, piece_id, pieces};
use crate::config::{InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::io::InterfaceState;
use crate::lsdb::{LsaKey, ScopeId};

/// Link State IDs of the prefixes of a network: behind those of the router itself.
const fn network_pieces(interface: u32) -> u32 {
    (interface & 0xff_ffff) << 8
}

impl Instance {
    /// What is wanted of the LSAs of one interface.
    pub(super) fn describe_interface(&mut self, ik: InterfaceKey) {
        match self.config.version {
            Version::V2 => self.describe_network_v2(ik),
            Version::V3 => {
                self.describe_network_v3(ik);
                self.describe_link(ik);
            }
        }
    }

    /// Routers of the network that this router leads; empty when there is none to tell.
    fn members(&self, iface: &Interface) -> BTreeSet<RouterId> {
        let mut routers: BTreeSet<RouterId> = iface.full().map(|neighbor| neighbor.router).collect();
        if iface.state != InterfaceState::Dr || routers.is_empty() {
            return BTreeSet::new();
        }
        routers.insert(self.config.router_id);
        routers
    }

    fn describe_network_v2(&mut self, ik: InterfaceKey) {
        let Some(iface) = self.interface(ik) else { return };
        let Some((addr, prefix)) = iface.config.address.filter(|_| iface.has_dr()) else { return };
        let (area, routers) = (iface.area(), self.members(iface));
        // All ones say that the network has no addresses to be told (RFC 6860 section 2.2).
        let mask = if iface.config.prefix_suppression { Ipv4Addr::BROADCAST } else { prefix.netmask() };
        let exists = !routers.is_empty();
        let body = body_of(LsaType::NETWORK_V2, |writer| writer.network_v2(mask, routers));
        let key = (ScopeId::Area(area), LsaType::NETWORK_V2, addr.into());
        self.want_or_not(key, body.filter(|_| exists), area);
    }

    fn describe_network_v3(&mut self, ik: InterfaceKey) {
        let Some(iface) = self.interface(ik).filter(|iface| iface.has_dr()) else { return };
        let (area, id, routers) = (iface.area(), iface.id, self.members(iface));
        let scope = ScopeId::Area(area);
        let exists = !routers.is_empty();
        let (options, prefixes) = if exists { self.of_network(iface, &routers) } else { Default::default() };
        let body = body_of(LsaType::NETWORK_V3, |writer| writer.network_v3(options, routers));
        self.want_or_not((scope, LsaType::NETWORK_V3, LinkStateId(id)), body.filter(|_| exists), area);
        let referenced = Referenced { kind: LsaType::NETWORK_V3, id: LinkStateId(id) };
        let (own, base, kind) = (self.config.router_id, network_pieces(id), LsaType::INTRA_AREA_PREFIX);
        let mut bodies = Vec::new();
        if exists && !prefixes.is_empty() {
            for (piece, prefixes) in pieces(&prefixes, PREFIXES_PER_LSA).into_iter().enumerate() {
                let body = body_of(kind, |w| w.intra_area_prefix(referenced, own, prefixes.iter().copied()));
                bodies.push((piece_id(base, piece), body));
            }
        }
        if base != super::router::ROUTER_PIECES {
            self.want_pieces(scope, kind, base, bodies, area);
        }
    }

    /// Options and prefixes that the link-LSAs of the members say.
    fn of_network(&self, iface: &Interface, routers: &BTreeSet<RouterId>) -> (Options, Vec<PrefixV3>) {
        let mut options = self.area_options(iface.area());
        let mut prefixes: Vec<PrefixV3> = Vec::new();
        for (key, stored) in self.lsdb.of_type(ScopeId::Link(iface.key), LsaType::LINK) {
            if !routers.contains(&key.router) || stored.age_at_installation().is_max() {
                continue;
            }
            let body = stored.lsa(Version::V3).and_then(|lsa| lsa.body().ok());
            let Some(Body::Link(link)) = body else { continue };
            options |= link.options;
            for prefix in link.prefixes.iter() {
                let usable = !prefix.options.intersects(PrefixOptions::NU | PrefixOptions::LA)
                    && !prefix.prefix.addr().is_unicast_link_local();
                if usable && !prefixes.iter().any(|known| known.prefix == prefix.prefix) {
                    prefixes.push(PrefixV3 { extra: 0, ..prefix });
                }
            }
        }
        (options, prefixes)
    }

    fn describe_link(&mut self, ik: InterfaceKey) {
        let Some(iface) = self.interface(ik) else { return };
        if matches!(iface.network(), NetworkType::Virtual | NetworkType::Loopback) {
            return;
        }
        let (area, id, priority) = (iface.area(), iface.id, iface.config.priority);
        let suppressed = iface.config.prefix_suppression && !iface.config.passive;
        let told = iface.config.prefixes.iter().filter(|p| !suppressed && !p.addr().is_unicast_link_local());
        let prefixes: Vec<PrefixV3> = told
            .map(|prefix| PrefixV3 {
                prefix: *prefix,
                options: if prefix.len() == 128 { PrefixOptions::LA } else { PrefixOptions::empty() },
                extra: 0,
            })
            .collect();
        let address = iface.config.link_local.filter(|_| iface.is_up());
        let options = self.area_options(area);
        let body = address.and_then(|address| {
            body_of(LsaType::LINK, |writer| writer.link(priority, options, address, prefixes))
        });
        self.want_or_not((ScopeId::Link(ik), LsaType::LINK, LinkStateId(id)), body, area);
    }

    /// A link-LSA changed: the network of which it speaks may be told otherwise.
    pub(crate) fn link_content_changed(&mut self, scope: ScopeId, key: &LsaKey) {
        let (ScopeId::Link(ik), LsaType::LINK) = (scope, key.kind) else { return };
        if self.interface(ik).is_some_and(|iface| iface.state == InterfaceState::Dr) {
            self.dirty.ifaces.insert(ik);
        }
    }
}
