//! Static routes as offers to the RIB. Next hops of one prefix, table and distance form one offer.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::surroundings::Surroundings;
use ferr_config::Config;
use ferr_config::model::statics::{StaticKey, StaticOptions, StaticTarget};
use ferr_types::{
    Distance, Gateway, Metric, Nexthop, NexthopSet, Protocol, RouteKey, RouteSpec, TableId, Tag, VrfId,
};

/// What static routes offer. Most lead over few gateways, and share what they say.
pub(crate) type Statics = BTreeMap<RouteKey, Arc<RouteSpec>>;

/// Offers of all static routes whose interfaces and VRFs exist.
pub(crate) fn statics(config: &Config, around: &Surroundings) -> Statics {
    let vrfs = config.vrfs.iter().filter_map(|(name, vrf)| Some((&vrf.routes, *around.vrfs.get(name)?)));
    let mut specs = HashSet::new();
    let mut offers = Vec::new();
    for (routes, vrf) in [(&config.routes, VrfId::DEFAULT)].into_iter().chain(vrfs) {
        // Source-specific routes and label stacks have no counterpart in the RIB.
        let plain: Vec<_> = routes.0.iter().filter(|(key, _)| key.source.is_none()).collect();
        let one_offer =
            |a: &StaticKey, b: &StaticKey| (a.prefix, a.table, a.distance) == (b.prefix, b.table, b.distance);
        for same in plain.chunk_by(|(a, _), (b, _)| one_offer(a, b)) {
            offers.extend(offer(same, vrf, around, &mut specs));
        }
    }
    offers.into_iter().collect()
}

/// The offer of all ways of a prefix, table and distance; `None` when there is no way now.
fn offer(
    routes: &[(&StaticKey, &StaticOptions)],
    vrf: VrfId,
    around: &Surroundings,
    specs: &mut HashSet<Arc<RouteSpec>>,
) -> Option<(RouteKey, Arc<RouteSpec>)> {
    let ways =
        routes.iter().filter_map(|(key, options)| Some((way(key, options, vrf, around)?, options.tag)));
    let ways: Vec<(Nexthop, u32)> = ways.collect();
    let (key, _) = routes.first()?;
    let (_, tag) = ways.last()?;
    let discards = |way: &Nexthop| matches!(way.gateway, Gateway::Blackhole(_));
    // A discard beside real gateways would black-hole a share of the traffic.
    let forwarding = ways.iter().any(|(way, _)| !discards(way));
    let spec = RouteSpec {
        distance: Distance(key.distance),
        metric: Metric(0),
        tag: Tag(*tag),
        nexthops: ways.iter().map(|(way, _)| *way).filter(|way| !forwarding || !discards(way)).collect(),
        backup: NexthopSet::default(),
        internal: false,
        source: None,
    };
    let spec = specs.get(&spec).cloned().unwrap_or_else(|| {
        let spec = Arc::new(spec);
        specs.insert(spec.clone());
        spec
    });
    let key = RouteKey {
        vrf,
        table: (key.table != 0).then_some(TableId(key.table)),
        prefix: key.prefix,
        protocol: Protocol::Static,
        instance: u16::from(key.distance),
    };
    Some((key, spec))
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
