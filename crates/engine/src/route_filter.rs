//! `ip|ipv6 protocol P route-map RM`: what a protocol offers is filtered, and given a source address, on its way to the RIB.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferr_config::Config;
use ferr_config::model::global::{RouteSource, VrfGlobals};
use ferr_policy::{Action, PolicyRoute, PolicySet};
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::{Afi, Protocol, RouteKey, RouteSpec, RouteUpdate, VrfId};

use crate::surroundings::Surroundings;

type MapKey = (VrfId, Afi, Protocol);

/// Route-maps by VRF, family and protocol, with the policy that they belong to.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteFilter {
    pub(crate) policy: Arc<PolicySet>,
    maps: BTreeMap<MapKey, String>,
}

/// Protocols whose offers pass here.
const FILTERED: [Protocol; 2] = [Protocol::Static, Protocol::Bgp];

/// Names of the route-maps of a configuration.
pub(crate) fn maps(config: &Config, around: &Surroundings) -> BTreeMap<MapKey, String> {
    let mut out = BTreeMap::new();
    let mut collect = |vrf: VrfId, globals: &VrfGlobals| {
        for ((afi, source), name) in &globals.protocol_maps {
            for protocol in FILTERED {
                let own = source.protocol() == Some(protocol);
                // A statement for the protocol itself goes before one for all.
                if own || (*source == RouteSource::Any && !out.contains_key(&(vrf, *afi, protocol))) {
                    out.insert((vrf, *afi, protocol), name.clone());
                }
            }
        }
    };
    collect(VrfId::DEFAULT, &config.global.vrf);
    for (name, vrf) in &config.vrfs {
        if let Some(id) = around.vrfs.get(name) {
            collect(*id, &vrf.globals);
        }
    }
    out
}

impl RouteFilter {
    pub(crate) const fn new(policy: Arc<PolicySet>, maps: BTreeMap<MapKey, String>) -> Self {
        Self { policy, maps }
    }

    /// Whether every offer passes as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// The offer as the RIB gets it; one that is refused, or whose route-map does not exist, is withdrawn.
    pub(crate) fn apply(&self, update: RouteUpdate) -> RouteUpdate {
        let RouteUpdate::Set(key, mut spec) = update else { return update };
        let Some(name) = self.maps.get(&(key.vrf, key.prefix.afi(), key.protocol)) else {
            return RouteUpdate::Set(key, spec);
        };
        if self.permits(name, &key, Arc::make_mut(&mut spec)) {
            RouteUpdate::Set(key, spec)
        } else {
            RouteUpdate::Withdraw(key)
        }
    }

    fn permits(&self, name: &str, key: &RouteKey, spec: &mut RouteSpec) -> bool {
        let attributes = PathAttributes {
            next_hop: spec.nexthops.iter().find_map(|n| n.addr()).map(BgpNexthop::from),
            med: Some(spec.metric.0),
            ..PathAttributes::default()
        };
        let mut route = PolicyRoute {
            source_protocol: Some(key.protocol),
            tag: spec.tag.0,
            ..PolicyRoute::new(key.prefix, attributes)
        };
        let map = self.policy.route_map(name);
        let permitted = map.is_some_and(|m| m.apply(&self.policy, &mut route) == Action::Permit);
        spec.source = route.source.or(spec.source);
        permitted
    }
}
