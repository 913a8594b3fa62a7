//! Static routes as offers to the RIB. Next hops of one prefix, table and distance form one offer.

use std::collections::BTreeMap;

use ferr_config::Config;
use ferr_config::model::statics::{StaticKey, StaticOptions, StaticRoutes, StaticTarget};
use ferr_types::{
    Distance, Gateway, Metric, Nexthop, NexthopSet, Protocol, RouteKey, RouteSpec, TableId, Tag, VrfId,
};

use crate::surroundings::Surroundings;

/// Offers of all static routes whose interfaces and VRFs exist.
pub(crate) fn statics(config: &Config, around: &Surroundings) -> BTreeMap<RouteKey, RouteSpec> {
    let mut out = BTreeMap::new();
    collect(&config.routes, VrfId::DEFAULT, around, &mut out);
    for (name, vrf) in &config.vrfs {
        if let Some(id) = around.vrfs.get(name) {
            collect(&vrf.routes, *id, around, &mut out);
        }
    }
    out
}

fn collect(
    routes: &StaticRoutes,
    vrf: VrfId,
    around: &Surroundings,
    out: &mut BTreeMap<RouteKey, RouteSpec>,
) {
    let mut ways: BTreeMap<RouteKey, (Tag, Vec<Nexthop>)> = BTreeMap::new();
    for (key, options) in &routes.0 {
        // Source-specific routes and label stacks have no counterpart in the RIB.
        if key.source.is_some() {
            continue;
        }
        let Some(way) = way(key, options, vrf, around) else { continue };
        let route = RouteKey {
            vrf,
            table: (key.table != 0).then_some(TableId(key.table)),
            prefix: key.prefix,
            protocol: Protocol::Static,
            instance: u16::from(key.distance),
        };
        let entry = ways.entry(route).or_default();
        entry.0 = Tag(options.tag);
        entry.1.push(way);
    }
    for (key, (tag, ways)) in ways {
        let forwarding = ways.iter().any(|w| !matches!(w.gateway, Gateway::Blackhole(_)));
        // A discard beside real gateways would black-hole a share of the traffic.
        let ways = ways.into_iter().filter(|w| !forwarding || !matches!(w.gateway, Gateway::Blackhole(_)));
        let nexthops: NexthopSet = ways.collect();
        let spec = RouteSpec {
            distance: Distance(key.instance as u8),
            metric: Metric(0),
            tag,
            nexthops,
            backup: NexthopSet::default(),
            internal: false,
            source: None,
        };
        out.insert(key, spec);
    }
}

fn way(key: &StaticKey, options: &StaticOptions, vrf: VrfId, around: &Surroundings) -> Option<Nexthop> {
    let vrf = match &key.nexthop_vrf {
        Some(name) if name == "default" => VrfId::DEFAULT,
        Some(name) => *around.vrfs.get(name)?,
        None => vrf,
    };
    let ifindex = |name: &str| around.link(name).filter(|l| l.vrf == vrf).map(|l| l.ifindex);
    let gateway = match &key.target {
        StaticTarget::Gateway(addr) => {
            Gateway::Address { addr: *addr, ifindex: None, onlink: options.onlink }
        }
        StaticTarget::GatewayOn(addr, name) => {
            Gateway::Address { addr: *addr, ifindex: Some(ifindex(name)?), onlink: options.onlink }
        }
        StaticTarget::Interface(name) => Gateway::Interface(ifindex(name)?),
        StaticTarget::Discard(discard) => Gateway::Blackhole(discard.kind()),
    };
    let guard = match gateway {
        Gateway::Address { addr, .. } => options.bfd.as_ref().map(|_| addr),
        Gateway::Interface(_) | Gateway::Blackhole(_) => None,
    };
    Some(Nexthop { guard, ..Nexthop::new(gateway, vrf) })
}
