//! BFD sessions that the configuration asks for: by `peer` statements, by BGP and OSPF neighbors, by static routes.
//!
//! Whoever asks for a session that is there already joins it. The operator's own statement decides about its parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ferr_bfd::{EchoMode, HopMode, SessionConfig, SessionKey};
use ferr_bgp::config::{Reach, RemoteAs};
use ferr_config::Config;
use ferr_config::model::bfd::{BfdParameters, EchoReceive};
use ferr_config::model::neighbor::BfdNeighbor;
use ferr_config::model::statics::{StaticRoutes, StaticTarget};
use ferr_ospf::BfdPeer;
use ferr_ospf::config::InterfaceKey;
use ferr_rib::GuardedGateway;
use ferr_state::{BfdClient, BfdName, HopReason, NO_VRF, OspfName};
use ferr_types::{IfIndex, VrfId};

use super::bfd_auth::{KeyFault, auth};
use super::bgp::{Bgp, Instance, Neighbor};
use super::ospf::Ospf;
use crate::bfd::Desired;
use crate::bgp_thread::Learnt;
use crate::surroundings::Surroundings;

/// Sessions by name.
pub(crate) type Sessions = BTreeMap<BfdName, Desired>;

/// What the configuration asks for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) sessions: Sessions,
    /// Sessions that are not made, because nothing would protect them as they are meant to be.
    refused: BTreeMap<BfdName, KeyFault>,
    /// Sessions whose echoes nobody can send.
    mute: BTreeSet<BfdName>,
}

impl Wanted {
    /// What people are told of the sessions that are not made, or not as they are meant to be.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = String> {
        let refused = self.refused.iter().map(|(name, fault)| {
            format!("BFD: there is no session with {} in VRF {}: {fault}", name.remote, name.vrf)
        });
        let mute = self.mute.iter().map(|name| {
            let (peer, vrf) = (name.remote, &name.vrf);
            format!(
                "BFD: no echo packets are sent to {peer} in VRF {vrf}: nobody forwards to link-local addresses"
            )
        });
        refused.chain(mute)
    }

    /// Also for those who wish for it later.
    fn refuse(&mut self, name: BfdName, fault: KeyFault) {
        self.sessions.remove(&name);
        self.mute.remove(&name);
        self.refused.insert(name, fault);
    }
}

/// A wish for a session.
struct Wish {
    name: BfdName,
    client: BfdClient,
    reason: HopReason,
    /// Most hops to the peer; 0 is unknown.
    hops: u8,
    profile: Option<String>,
    parameters: BfdParameters,
    /// Whoever asks survives the restart of the peer's control plane.
    lenient: bool,
}

/// Protocols that ask for sessions, and what they know of their neighbors.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) bgp: &'a Bgp,
    pub(crate) learnt: &'a BTreeSet<Learnt>,
    pub(crate) ospf: &'a Ospf,
    pub(crate) watched: &'a BTreeSet<(OspfName, BfdPeer)>,
}

impl<'a> Sources<'a> {
    /// What the configuration alone says.
    pub(crate) const fn configured(bgp: &'a Bgp) -> Self {
        const NO_ONE: &BTreeSet<Learnt> = &BTreeSet::new();
        const NO_OSPF: &Ospf = &Ospf { instances: BTreeMap::new() };
        const NONE: &BTreeSet<(OspfName, BfdPeer)> = &BTreeSet::new();
        Self { bgp, learnt: NO_ONE, ospf: NO_OSPF, watched: NONE }
    }
}

/// All sessions whose VRFs and interfaces exist.
pub(crate) fn sessions(config: &Config, sources: &Sources<'_>, around: &Surroundings) -> Wanted {
    let bgp = sources.bgp;
    let mut out = Wanted::default();
    let mut add = |wish: Wish| join(config, around, wish, &mut out);
    for (key, peer) in &config.bfd.peers {
        add(Wish {
            name: BfdName {
                vrf: key.vrf.clone().unwrap_or_else(|| "default".into()),
                remote: key.remote,
                multihop: key.multihop,
                local: key.local,
                interface: key.interface.clone(),
            },
            client: BfdClient::Operator,
            reason: HopReason::Pinned,
            hops: 0,
            profile: peer.profile.clone(),
            parameters: peer.parameters.clone(),
            lenient: false,
        });
    }
    let learnt: BTreeMap<(&str, &str), &Learnt> =
        sources.learnt.iter().map(|l| ((l.instance.as_str(), l.neighbor.name.as_str()), l)).collect();
    for (name, instance) in bgp.instances.iter().filter(|(_, i)| !i.view) {
        for (key, neighbor) in &instance.neighbors {
            let known = learnt.get(&(name.as_str(), key.as_str())).filter(|l| !l.neighbor.dynamic);
            of_neighbor(name, instance, neighbor, known.copied(), around).into_iter().for_each(&mut add);
        }
    }
    for found in learnt.values().filter(|l| l.neighbor.dynamic) {
        let Some(instance) = bgp.instances.get(&found.instance).filter(|i| !i.view) else { continue };
        let Some(template) = instance.range_of(found.neighbor.peer.addr) else { continue };
        of_neighbor(&found.instance, instance, template, Some(found), around).into_iter().for_each(&mut add);
    }
    let adjacent =
        sources.watched.iter().filter_map(|(name, peer)| of_ospf(sources.ospf, name, peer, around));
    adjacent.for_each(&mut add);
    of_statics(&config.routes, "default", &mut add);
    for (name, vrf) in &config.vrfs {
        of_statics(&vrf.routes, name, &mut add);
    }
    out
}

/// Wish of a neighbor, with what BGP learnt of it.
fn of_neighbor(
    name: &str,
    instance: &Instance,
    neighbor: &Neighbor,
    learnt: Option<&Learnt>,
    around: &Surroundings,
) -> Option<Wish> {
    let bfd = neighbor.bfd.as_ref()?;
    let c = &neighbor.config;
    let known = learnt.map(|l| &l.neighbor);
    let dynamic = known.filter(|n| n.dynamic).map(|n| n.peer.addr);
    let remote = dynamic.or(c.addr).or_else(|| known.map(|n| n.peer.addr));
    let remote = remote.filter(|_| c.shutdown.is_none() && instance.config.vrf != NO_VRF)?;
    let link_local = is_link_local(remote);
    // A link-local address says nothing without its link.
    let on = known.and_then(|n| n.peer.ifindex).or(c.interface.filter(|_| link_local));
    let interface = match on.and_then(|ifindex| around.links.get(&ifindex)) {
        Some(link) => Some(link.name.clone()),
        None if link_local => return None,
        None => c.interface_name.clone(),
    };
    let internal = match c.remote_as {
        RemoteAs::Asn(asn) => asn == c.local_as.map_or(instance.config.asn, |l| l.asn),
        RemoteAs::Internal => true,
        RemoteAs::External | RemoteAs::Auto => false,
    };
    let connected = around.is_connected(instance.config.vrf, remote);
    let (multihop, hops, reason) = match c.reach {
        _ if link_local => (false, 1, HopReason::Connected),
        _ if internal && connected => (false, 1, HopReason::Connected),
        _ if internal => (true, u8::MAX, HopReason::NotConnected),
        Reach::Multihop(hops) if hops > 1 => (true, hops, HopReason::EbgpMultihop),
        Reach::TtlSecurity(hops) if hops > 1 => (true, hops, HopReason::EbgpMultihop),
        _ => (false, 1, HopReason::ExternalNeighbor),
    };
    Some(Wish {
        name: BfdName {
            vrf: name.to_owned(),
            remote,
            multihop,
            // One of another kind can not be meant.
            local: c.update_source.filter(|local| local.is_ipv4() == remote.is_ipv4()),
            interface,
        },
        client: BfdClient::Bgp(name.to_owned()),
        reason,
        hops,
        profile: bfd.profile.clone(),
        parameters: old_timers(bfd),
        lenient: bfd.check_control_plane && known.is_some_and(|n| n.restarts),
    })
}

/// Wish of an adjacency.
fn of_ospf(ospf: &Ospf, name: &OspfName, peer: &BfdPeer, around: &Surroundings) -> Option<Wish> {
    let instance = ospf.instances.get(name)?;
    let here = |key: &InterfaceKey| matches!(key, InterfaceKey::Link(ifindex, _) if *ifindex == peer.ifindex);
    instance.config.interfaces.iter().find(|(key, i)| here(key) && i.bfd)?;
    Some(Wish {
        name: BfdName {
            vrf: name.vrf.clone(),
            remote: peer.remote,
            multihop: false,
            local: Some(peer.local),
            interface: Some(around.links.get(&peer.ifindex)?.name.clone()),
        },
        client: BfdClient::Ospf(name.clone()),
        reason: HopReason::Connected,
        hops: 1,
        profile: instance.profiles.get(&peer.ifindex).cloned(),
        parameters: BfdParameters::default(),
        lenient: false,
    })
}

/// `neighbor X bfd MULT RX TX`.
fn old_timers(bfd: &BfdNeighbor) -> BfdParameters {
    let Some((multiplier, receive, transmit)) = bfd.timers else { return BfdParameters::default() };
    BfdParameters {
        detect_multiplier: Some(multiplier),
        receive_interval: Some(receive.into()),
        transmit_interval: Some(transmit.into()),
        ..BfdParameters::default()
    }
}

fn of_statics(routes: &StaticRoutes, vrf: &str, add: &mut impl FnMut(Wish)) {
    for (key, options) in &routes.0 {
        let Some(bfd) = &options.bfd else { continue };
        let (remote, interface) = match &key.target {
            StaticTarget::Gateway(addr) => (*addr, None),
            StaticTarget::GatewayOn(addr, name) => (*addr, Some(name.clone())),
            StaticTarget::Interface(_) | StaticTarget::Discard(_) => continue,
        };
        add(Wish {
            name: BfdName {
                vrf: key.nexthop_vrf.clone().unwrap_or_else(|| vrf.to_owned()),
                remote,
                multihop: bfd.multihop,
                local: bfd.source,
                interface: interface.filter(|_| !bfd.multihop),
            },
            client: BfdClient::Static,
            reason: HopReason::Pinned,
            hops: if bfd.multihop { u8::MAX } else { 1 },
            profile: bfd.profile.clone(),
            parameters: BfdParameters::default(),
            lenient: false,
        });
    }
}

/// Whether a wish for `b` is served by a session `a`.
fn serves(a: &BfdName, b: &BfdName) -> bool {
    let same = |a: Option<&str>, b: Option<&str>| a.is_none() || b.is_none() || a == b;
    let local = a.local.is_none() || b.local.is_none() || a.local == b.local;
    (&a.vrf, a.remote, a.multihop) == (&b.vrf, b.remote, b.multihop)
        && local
        && same(a.interface.as_deref(), b.interface.as_deref())
}

fn join(config: &Config, around: &Surroundings, wish: Wish, out: &mut Wanted) {
    if out.refused.keys().any(|name| serves(name, &wish.name)) {
        return;
    }
    let profile = wish.profile.as_ref().and_then(|name| config.bfd.profiles.get(name));
    let parameters = match profile {
        Some(profile) => wish.parameters.or(profile),
        None => wish.parameters.clone(),
    };
    let auth = match auth(&parameters) {
        Ok(auth) => auth,
        Err(fault) => return out.refuse(wish.name, fault),
    };
    if let Some((name, there)) = out.sessions.iter_mut().find(|(name, _)| serves(name, &wish.name)) {
        if auth.is_some() && there.config.auth != auth {
            let name = name.clone();
            return out.refuse(name, KeyFault::Contradiction);
        }
        // The operator's own statement uses nothing.
        let used = there.clients.iter().any(|c| *c != BfdClient::Operator);
        there.lenient = wish.lenient && (there.lenient || !used);
        if !there.clients.contains(&wish.client) {
            there.clients.push(wish.client);
        }
        // The distance that BGP knows; a statement of the operator has no word for it.
        if there.config.hops == 0 {
            there.config.hops = wish.hops;
        }
        return;
    }
    let Some(vrf) = around.vrfs.get(&wish.name.vrf).copied() else { return };
    let interface = match &wish.name.interface {
        Some(name) => match around.link(name) {
            Some(link) => Some(link.ifindex),
            None => return,
        },
        None => None,
    };
    let echo = parameters.echo_mode == Some(true) || parameters.echo_unaffiliated;
    if echo && !wish.name.multihop && is_link_local(wish.name.remote) {
        out.mute.insert(wish.name.clone());
    }
    let alone = parameters.echo_unaffiliated && !wish.name.multihop;
    let (local, interface) = match around.towards(vrf, wish.name.remote).filter(|_| alone) {
        // Nothing will be heard from the peer that tells them.
        Some((own, link)) => (wish.name.local.or(Some(own)), interface.or(Some(link))),
        None => (wish.name.local, interface),
    };
    let desired = Desired {
        key: SessionKey {
            vrf,
            local,
            remote: wish.name.remote,
            interface,
            hop: if wish.name.multihop { HopMode::Multi } else { HopMode::Single },
        },
        config: SessionConfig { auth, ..session_config(&parameters, &wish, config.bfd.log_session_changes) },
        device: device(&wish.name, vrf),
        clients: vec![wish.client],
        profile: wish.profile.filter(|_| profile.is_some()),
        reason: wish.reason,
        gateway: gateway(vrf, wish.name.remote, interface),
        lenient: wish.lenient,
    };
    out.sessions.insert(wish.name, desired);
}

fn device(name: &BfdName, vrf: VrfId) -> Option<Arc<str>> {
    let vrf = (vrf != VrfId::DEFAULT).then_some(name.vrf.as_str());
    name.interface.as_deref().or(vrf).map(Arc::from)
}

fn gateway(vrf: VrfId, addr: IpAddr, interface: Option<IfIndex>) -> GuardedGateway {
    GuardedGateway { vrf, addr, ifindex: interface.filter(|_| is_link_local(addr)) }
}

const fn is_link_local(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local())
}

fn session_config(p: &BfdParameters, wish: &Wish, log: bool) -> SessionConfig {
    let default = SessionConfig::default();
    let millis = |v: u32| Duration::from_millis(v.into());
    let or = |v: Option<u32>, default: Duration| v.map_or(default, millis);
    let may_echo = !wish.name.multihop && !is_link_local(wish.name.remote);
    let interval = or(p.echo_transmit_interval, Duration::from_millis(50));
    SessionConfig {
        desired_min_tx: or(p.transmit_interval, default.desired_min_tx),
        required_min_rx: or(p.receive_interval, default.required_min_rx),
        detect_mult: p.detect_multiplier.unwrap_or(default.detect_mult),
        passive: p.passive.unwrap_or(false),
        hops: wish.hops,
        minimum_ttl: p.minimum_ttl,
        echo: match () {
            () if may_echo && p.echo_unaffiliated => EchoMode::Unaffiliated { interval },
            () if may_echo && p.echo_mode == Some(true) => EchoMode::On { interval },
            () => EchoMode::Off,
        },
        echo_receive: match p.echo_receive_interval {
            None => default.echo_receive,
            Some(EchoReceive::Disabled) => Duration::ZERO,
            Some(EchoReceive::Interval(ms)) => millis(ms),
        },
        admin_down: p.shutdown.unwrap_or(false),
        // One process speaks BFD and BGP: it does not survive the control plane.
        control_plane_independent: false,
        log: log || p.log_session_changes.unwrap_or(false),
        ..default
    }
}
