//! Whether multihop BFD sessions outlive the failure of one of the ways to their peer.
//!
//! A multihop session crosses ways that single-hop sessions guard. It has to be declared dead later than those, and later than traffic
//! is moved; else it falls with the first of them, although the peer can still be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd::HopMode;
use ferr_config::Config;
use ferr_config::model::bgp::InstanceName;
use ferr_config::model::statics::{StaticRoutes, StaticTarget};
use ferr_rib::{Address, Link, LinkKind};
use ferr_state::{BfdClient, BfdName};
use ferr_types::{IfIndex, VrfId};

use super::bfd::{Sessions, Sources, sessions};
use super::bgp::bgp;
use crate::bfd::Desired;
use crate::surroundings::Surroundings;

/// What moving traffic to other ways may take after a failure was noticed.
const SWITCH_OVER: Duration = Duration::from_millis(20);

/// A remark for each multihop session that would not outlive a failure, with the timers of this side taken for both.
pub(crate) fn warnings(config: &Config, sessions: &Sessions, around: &Surroundings) -> BTreeSet<String> {
    let is_multihop = |d: &Desired| d.key.hop == HopMode::Multi && !d.config.admin_down;
    let multihop = sessions.iter().filter(|(_, d)| is_multihop(d));
    multihop.filter_map(|(name, desired)| warning(config, sessions, around, name, desired)).collect()
}

/// What [`warnings`] and the refusals of sessions would say where the interfaces and VRFs that the configuration speaks of exist.
pub(crate) fn remarks(config: &Config) -> BTreeSet<String> {
    let around = imagined(config);
    let wanted = sessions(config, &Sources::configured(&bgp(config, &around)), &around);
    let mut remarks = warnings(config, &wanted.sessions, &around);
    remarks.extend(wanted.remarks());
    remarks
}

fn warning(
    config: &Config,
    sessions: &Sessions,
    around: &Surroundings,
    name: &BfdName,
    desired: &Desired,
) -> Option<String> {
    if around.is_connected(desired.key.vrf, name.remote) {
        return None;
    }
    let routes = match name.vrf.as_str() {
        "default" => Some(&config.routes),
        vrf => config.vrfs.get(vrf).map(|v| &v.routes),
    };
    let (gateways, specific) = routes.map(|r| gateways(r, name.remote)).unwrap_or_default();
    let guards = |(other, d): &(&BfdName, &Desired)| {
        let single = d.key.hop == HopMode::Single && !d.config.admin_down && other.vrf == name.vrf;
        let by_bgp = !specific && d.clients.iter().any(|c| matches!(c, BfdClient::Bgp(_)));
        single && (by_bgp || gateways.contains(&other.remote))
    };
    let (slowest, wait) =
        sessions.iter().filter(guards).map(|(n, d)| (n, detection(d))).max_by_key(|(_, wait)| *wait)?;
    let (own, least) = (detection(desired), wait + SWITCH_OVER);
    (own <= least).then(|| {
        format!(
            "BFD: the multihop session with {} in vrf {} would fall together with the tunnel to {}: its detection time of {} ms has \
             to be longer than {} ms, which that one's detection and the switch-over take",
            name.remote,
            name.vrf,
            slowest.remote,
            own.as_millis(),
            least.as_millis()
        )
    })
}

fn detection(desired: &Desired) -> Duration {
    let c = &desired.config;
    c.desired_min_tx.max(c.required_min_rx) * u32::from(c.detect_mult)
}

/// Gateways of the narrowest static route to an address, and whether it is more than a default route.
fn gateways(routes: &StaticRoutes, to: IpAddr) -> (BTreeSet<IpAddr>, bool) {
    let covering = || routes.0.keys().filter(|k| k.source.is_none() && k.prefix.contains(to));
    let longest = covering().map(|k| k.prefix.len()).max();
    let gateways = covering().filter(|k| Some(k.prefix.len()) == longest).filter_map(|k| match &k.target {
        StaticTarget::Gateway(addr) | StaticTarget::GatewayOn(addr, _) => Some(*addr),
        StaticTarget::Interface(_) | StaticTarget::Discard(_) => None,
    });
    (gateways.collect(), longest.is_some_and(|len| len > 0))
}

/// Surroundings in which all that a configuration names exists.
fn imagined(config: &Config) -> Surroundings {
    let mut names: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    let routes = [(None, &config.routes)].into_iter();
    let routes = routes.chain(config.vrfs.iter().map(|(name, v)| (Some(name.as_str()), &v.routes)));
    for (vrf, routes) in routes {
        for key in routes.0.keys() {
            if let StaticTarget::GatewayOn(_, name) | StaticTarget::Interface(name) = &key.target {
                names.insert(name, key.nexthop_vrf.as_deref().or(vrf));
            }
        }
    }
    for peer in config.bfd.peers.keys() {
        if let Some(name) = &peer.interface {
            names.insert(name, peer.vrf.as_deref());
        }
    }
    names.extend(config.interfaces.iter().map(|(name, i)| (name.as_str(), i.vrf.as_deref())));
    let mut out = Surroundings { synced: true, ..Surroundings::default() };
    out.vrfs.insert("default".to_owned(), VrfId::DEFAULT);
    let spoken_of = config.bgp.keys().filter_map(|name| match name {
        InstanceName::Vrf(name) => Some(name),
        InstanceName::Default | InstanceName::View(_) => None,
    });
    let vrfs: BTreeSet<&String> = config.vrfs.keys().chain(spoken_of).collect();
    for (number, name) in (1..).zip(vrfs) {
        out.vrfs.insert(name.clone(), VrfId(number));
    }
    for (ifindex, (name, vrf)) in (1_000_000..).map(IfIndex).zip(names) {
        let vrf = vrf.and_then(|v| out.vrfs.get(v)).copied().unwrap_or(VrfId::DEFAULT);
        let addresses = config.interfaces.get(name).map(|i| i.addresses.iter()).into_iter().flatten();
        out.addresses.extend(addresses.map(|a| Address { ifindex, addr: *a, peer: None, secondary: false }));
        out.links.insert(ifindex, link(ifindex, name, vrf));
    }
    out
}

fn link(ifindex: IfIndex, name: &str, vrf: VrfId) -> Link {
    Link {
        ifindex,
        name: name.to_owned(),
        up: true,
        running: true,
        vrf,
        master: IfIndex(vrf.0),
        kind: LinkKind::Other,
        mtu: 1500,
        mac: Vec::new(),
        flags: 0,
        lower: IfIndex(0),
        speed: 0,
    }
}
