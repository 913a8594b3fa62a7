//! Tunnels whose outer packets this RIB routes: a route must not lead a tunnel's own endpoint into the tunnel.
//!
//! # Purpose
//! A tunnel over which a neighbor announces a default route, or the network that the other end is in, would carry its own outer packets,
//! and die. Such a route is *refused*: its offer is passed over as if it did not resolve, until something more specific or better leads
//! to the endpoint.
//!
//! # Invariants
//! * What is refused follows from the tables and the endpoints alone: each time that the way to an endpoint is looked up, it is found
//!   anew, from the longest match on.
//! * Connected prefixes and the kernel's own routes are never refused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ferr_types::{IfIndex, Prefix, Protocol, VrfId};

use crate::Rib;
use crate::resolve::afi_of;
use crate::table::TableKey;

/// Where a tunnel's outer packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelEndpoint {
    /// VRF in which they are routed.
    pub vrf: VrfId,
    /// Their destination.
    pub addr: IpAddr,
    /// The tunnel.
    pub tunnel: IfIndex,
}

/// A route that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefusedRoute {
    /// Whose outer packets it would lead into their own tunnel.
    pub endpoint: TunnelEndpoint,
    /// Destination of the route, in the endpoint's VRF.
    pub prefix: Prefix,
}

/// Endpoints and what is refused for them.
#[derive(Debug, Default)]
pub(crate) struct Underlay {
    endpoints: BTreeMap<TunnelEndpoint, u32>,
    refused: BTreeSet<RefusedRoute>,
    dirty: bool,
    /// The refused routes are others than those that were asked for last.
    changed: bool,
}

impl Underlay {
    /// Tunnels that a route to this prefix must not lead into.
    fn closed(&self, vrf: VrfId, prefix: Prefix) -> impl Iterator<Item = IfIndex> {
        let here = move |r: &&RefusedRoute| r.endpoint.vrf == vrf && r.prefix == prefix;
        self.refused.iter().filter(here).map(|r| r.endpoint.tunnel)
    }

    pub(crate) const fn is_settled(&self) -> bool {
        !self.dirty
    }
}

impl Rib {
    /// Sets all endpoints of tunnels.
    pub fn set_tunnel_endpoints(&mut self, wanted: &BTreeSet<TunnelEndpoint>) {
        let gone: Vec<(TunnelEndpoint, u32)> = self
            .underlay
            .endpoints
            .iter()
            .filter(|(e, _)| !wanted.contains(e))
            .map(|(e, id)| (*e, *id))
            .collect();
        let new: Vec<TunnelEndpoint> =
            wanted.iter().filter(|e| !self.underlay.endpoints.contains_key(e)).copied().collect();
        if gone.is_empty() && new.is_empty() {
            return;
        }
        for endpoint in new {
            let id = self.track(endpoint.vrf, endpoint.addr);
            if let Some(t) = self.resolver.get_mut(id) {
                t.endpoints += 1;
            }
            self.underlay.endpoints.insert(endpoint, id);
        }
        for (endpoint, id) in gone {
            self.underlay.endpoints.remove(&endpoint);
            if let Some(t) = self.resolver.get_mut(id) {
                t.endpoints -= 1;
            }
            self.untrack(id);
        }
        self.underlay.dirty = true;
        self.settle();
    }

    /// Routes that are refused, if they are others than at the last call.
    pub fn take_refused_routes(&mut self) -> Option<BTreeSet<RefusedRoute>> {
        std::mem::take(&mut self.underlay.changed).then(|| self.underlay.refused.clone())
    }

    /// Something that may lead to an endpoint changed.
    pub(crate) fn underlay_changed(&mut self) {
        self.underlay.dirty |= !self.underlay.endpoints.is_empty();
    }

    /// Whether the offer for a prefix would lead a tunnel's outer packets into the tunnel.
    pub(crate) fn is_refused(&self, vrf: VrfId, prefix: Prefix, spec: u32) -> bool {
        !self.underlay.refused.is_empty()
            && self.underlay.closed(vrf, prefix).any(|tunnel| self.leads_into(spec, tunnel))
    }

    fn leads_into(&self, spec: u32, tunnel: IfIndex) -> bool {
        let Some(spec) = self.specs.get(spec) else { return false };
        let given = matches!(spec.protocol, Protocol::Connected | Protocol::Local | Protocol::Kernel);
        let set = self.sets.get(spec.set);
        !given && set.is_some_and(|s| s.resolved.iter().any(|(way, _)| way.ifindex == tunnel))
    }

    /// Finds what has to be refused for each endpoint, and selects again where that is news.
    pub(crate) fn settle_underlay(&mut self) {
        if !std::mem::take(&mut self.underlay.dirty) {
            return;
        }
        let mut refused = BTreeSet::new();
        for endpoint in self.underlay.endpoints.keys() {
            self.refused_for(*endpoint, &mut refused);
        }
        if refused == self.underlay.refused {
            return;
        }
        let old = std::mem::replace(&mut self.underlay.refused, refused);
        self.underlay.changed = true;
        let news: BTreeSet<(VrfId, Prefix)> =
            old.symmetric_difference(&self.underlay.refused).map(|r| (r.endpoint.vrf, r.prefix)).collect();
        for (vrf, prefix) in news {
            let Some(t) = self.find_table(vrf, None, prefix.afi()) else { continue };
            let Some(slot) = self.tables[t].find(prefix) else { continue };
            let selected = self.tables[t].selected(slot);
            self.reselect(t, slot, selected, false);
        }
    }

    /// From the longest match on: what leads into the tunnel, up to the first that does not.
    fn refused_for(&self, endpoint: TunnelEndpoint, refused: &mut BTreeSet<RefusedRoute>) {
        let TunnelEndpoint { vrf, addr, tunnel } = endpoint;
        let key = TableKey { vrf, table: None, afi: afi_of(addr) };
        let Some(table) = self.table_index.get(&key).map(|t| &self.tables[*t]) else { return };
        table.longest_match(Prefix::host(addr), |slot| {
            let mut usable = table.candidates(slot).into_iter().map(|c| c.spec).filter(|s| self.usable(*s));
            let Some(first) = usable.next() else { return false };
            if !self.leads_into(first, tunnel) {
                return true;
            }
            refused.insert(RefusedRoute { endpoint, prefix: table.prefix(slot) });
            usable.any(|spec| !self.leads_into(spec, tunnel))
        });
    }
}
