//! What changed between two configurations, as typed deltas in the order in which to apply them.
//!
//! Order: what others refer to comes first when it is new (VRFs, lists, route-maps), removals of users come before
//! removals of what they use.

use std::collections::BTreeMap;

use ferr_types::Prefix;

use crate::model::Config;
use crate::model::bgp::{BgpFamily, BgpInstance, InstanceName};
use crate::model::lists::ListKey;
use crate::model::neighbor::{Neighbor, NeighborKey};
use crate::model::ospf::OspfName;
use crate::model::statics::{StaticKey, StaticRoutes};

/// What changed in a neighbor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NeighborChange {
    /// Settings outside address families, or group membership.
    pub settings: bool,
    /// Families in which its settings changed.
    pub families: Vec<BgpFamily>,
}

/// One change. Names say which object to look up in the new configuration (in the old one for removals).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// One-line statements changed: hostname, logging, forwarding, profile, ...
    Global,
    /// A VRF appeared.
    VrfAdded(String),
    /// Settings of a VRF other than its routes changed.
    VrfChanged(String),
    /// An interface block appeared or changed.
    Interface(String),
    /// An interface block is gone.
    InterfaceRemoved(String),
    /// A prefix list appeared, changed or is gone.
    PrefixList(ListKey),
    /// An access list appeared, changed or is gone.
    AccessList(ListKey),
    /// An AS-path list appeared, changed or is gone.
    AsPathList(String),
    /// A community list appeared, changed or is gone.
    CommunityList(String),
    /// A large-community list appeared, changed or is gone.
    LargeCommunityList(String),
    /// An extended-community list appeared, changed or is gone.
    ExtCommunityList(String),
    /// Community aliases changed.
    CommunityAliases,
    /// A route-map appeared, changed or is gone.
    RouteMap(String),
    /// A static next hop is gone; VRF, `None` is the default one.
    StaticRouteRemoved(Option<String>, StaticKey),
    /// A static next hop appeared or its options changed.
    StaticRoute(Option<String>, StaticKey),
    /// An instance is gone, or has another AS number (then an addition follows).
    BgpRemoved(InstanceName),
    /// A whole instance is new; its neighbors and families have no deltas of their own.
    BgpAdded(InstanceName),
    /// Settings outside neighbors and families.
    BgpGlobals(InstanceName),
    /// A neighbor is gone.
    NeighborRemoved(InstanceName, NeighborKey),
    /// Groups changed, appeared or are gone: dynamic neighbors of these may be affected.
    PeerGroups(InstanceName, Vec<String>),
    /// A neighbor is new.
    NeighborAdded(InstanceName, NeighborKey),
    /// What applies to a neighbor changed (through itself or its group).
    NeighborChanged(InstanceName, NeighborKey, NeighborChange),
    /// Networks added, removed or changed.
    BgpNetworks(InstanceName, BgpFamily, Vec<Prefix>),
    /// Anything else of a family.
    BgpFamily(InstanceName, BgpFamily),
    /// The `bfd` block: sessions or profiles.
    Bfd,
    /// An instance of OSPFv2 appeared, changed or is gone.
    Ospf(OspfName),
    /// An instance of OSPFv3 appeared, changed or is gone.
    Ospf6(OspfName),
    /// A key chain appeared, changed or is gone.
    KeyChain(String),
    /// A kept block or statement without effect changed: its header line.
    Opaque(String),
    /// A VRF is gone.
    VrfRemoved(String),
}

/// Keys whose values differ, or that only one side has.
fn changed<'a, K: Ord + Clone, V: PartialEq>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = K> + 'a {
    let gone = old.keys().filter(|k| !new.contains_key(*k));
    let differs = new.iter().filter(|(k, v)| old.get(*k) != Some(*v)).map(|(k, _)| k);
    gone.chain(differs).cloned()
}

/// Deltas that lead from `old` to `new`; none when they mean the same.
pub fn diff(old: &Config, new: &Config) -> Vec<Delta> {
    let mut out = Vec::new();
    // Not normalized: `ip forwarding` is never printed, and yet it acts.
    if old.global != new.global {
        out.push(Delta::Global);
    }
    let (old, new) = (&old.normalized(), &new.normalized());
    for (name, vrf) in &new.vrfs {
        match old.vrfs.get(name) {
            None => out.push(Delta::VrfAdded(name.clone())),
            Some(held) => {
                let same = (held.table, &held.globals, &held.vni, &held.netns, &held.opaque)
                    == (vrf.table, &vrf.globals, &vrf.vni, &vrf.netns, &vrf.opaque);
                if !same {
                    out.push(Delta::VrfChanged(name.clone()));
                }
            }
        }
    }
    for name in changed(&old.interfaces, &new.interfaces) {
        let gone = !new.interfaces.contains_key(&name);
        out.push(if gone { Delta::InterfaceRemoved(name) } else { Delta::Interface(name) });
    }
    lists(old, new, &mut out);
    routes(None, &old.routes, &new.routes, &mut out);
    let none = StaticRoutes::default();
    for (name, vrf) in &old.vrfs {
        routes(Some(name), &vrf.routes, new.vrfs.get(name).map_or(&none, |v| &v.routes), &mut out);
    }
    for (name, vrf) in new.vrfs.iter().filter(|(name, _)| !old.vrfs.contains_key(*name)) {
        routes(Some(name), &none, &vrf.routes, &mut out);
    }
    bgp(old, new, &mut out);
    out.extend(changed(&old.key_chains, &new.key_chains).map(Delta::KeyChain));
    out.extend(changed(&old.ospf, &new.ospf).map(Delta::Ospf));
    out.extend(changed(&old.ospf6, &new.ospf6).map(Delta::Ospf6));
    if old.bfd != new.bfd {
        out.push(Delta::Bfd);
    }
    out.extend(changed(&old.blocks, &new.blocks).map(Delta::Opaque));
    if old.opaque != new.opaque {
        out.push(Delta::Opaque(String::new()));
    }
    let gone = old.vrfs.keys().filter(|name| !new.vrfs.contains_key(*name));
    out.extend(gone.cloned().map(Delta::VrfRemoved));
    out
}

fn lists(old: &Config, new: &Config, out: &mut Vec<Delta>) {
    out.extend(changed(&old.prefix_lists, &new.prefix_lists).map(Delta::PrefixList));
    out.extend(changed(&old.access_lists, &new.access_lists).map(Delta::AccessList));
    out.extend(changed(&old.as_path_lists, &new.as_path_lists).map(Delta::AsPathList));
    out.extend(changed(&old.community_lists, &new.community_lists).map(Delta::CommunityList));
    out.extend(
        changed(&old.large_community_lists, &new.large_community_lists).map(Delta::LargeCommunityList),
    );
    out.extend(changed(&old.ext_community_lists, &new.ext_community_lists).map(Delta::ExtCommunityList));
    if old.community_aliases != new.community_aliases {
        out.push(Delta::CommunityAliases);
    }
    out.extend(changed(&old.route_maps, &new.route_maps).map(Delta::RouteMap));
}

fn routes(vrf: Option<&String>, old: &StaticRoutes, new: &StaticRoutes, out: &mut Vec<Delta>) {
    for key in old.0.keys().filter(|k| !new.0.contains_key(*k)) {
        out.push(Delta::StaticRouteRemoved(vrf.cloned(), key.clone()));
    }
    for (key, options) in &new.0 {
        if old.0.get(key) != Some(options) {
            out.push(Delta::StaticRoute(vrf.cloned(), key.clone()));
        }
    }
}

fn bgp(old: &Config, new: &Config, out: &mut Vec<Delta>) {
    let stays = |name: &InstanceName, asn| new.bgp.get(name).is_some_and(|b| b.asn == asn);
    for (name, b) in old.bgp.iter().filter(|(name, b)| !stays(name, b.asn)) {
        debug_assert!(new.bgp.get(name) != Some(b));
        out.push(Delta::BgpRemoved(name.clone()));
    }
    for (name, b) in &new.bgp {
        match old.bgp.get(name).filter(|held| held.asn == b.asn) {
            None => out.push(Delta::BgpAdded(name.clone())),
            Some(held) => instance(name, held, b, out),
        }
    }
}

fn instance(name: &InstanceName, old: &BgpInstance, new: &BgpInstance, out: &mut Vec<Delta>) {
    if (&old.globals, old.profile, &old.bmp) != (&new.globals, new.profile, &new.bmp) {
        out.push(Delta::BgpGlobals(name.clone()));
    }
    for key in old.neighbors.keys().filter(|k| !new.neighbors.contains_key(*k)) {
        out.push(Delta::NeighborRemoved(name.clone(), key.clone()));
    }
    let groups: Vec<String> = changed(&old.groups, &new.groups).collect();
    if !groups.is_empty() {
        out.push(Delta::PeerGroups(name.clone(), groups));
    }
    for (key, n) in &new.neighbors {
        match old.neighbors.get(key) {
            None => out.push(Delta::NeighborAdded(name.clone(), key.clone())),
            Some(held) => {
                let change = neighbor(old, held, new, n, key);
                if change != NeighborChange::default() {
                    out.push(Delta::NeighborChanged(name.clone(), key.clone(), change));
                }
            }
        }
    }
    families(name, old, new, out);
}

/// Compares what applies, so that a move of a setting between neighbor and group is no change.
fn neighbor(
    old: &BgpInstance,
    held: &Neighbor,
    new: &BgpInstance,
    n: &Neighbor,
    key: &NeighborKey,
) -> NeighborChange {
    let effective = (crate::effective_neighbor(old, key), crate::effective_neighbor(new, key));
    let (Some(mut a), Some(mut b)) = effective else { return NeighborChange::default() };
    let differs = |family: &BgpFamily| a.afs.get(family) != b.afs.get(family);
    let families: Vec<BgpFamily> = BgpFamily::ALL.into_iter().filter(differs).collect();
    a.afs.clear();
    b.afs.clear();
    NeighborChange { settings: a != b || held.group != n.group, families }
}

fn families(name: &InstanceName, old: &BgpInstance, new: &BgpInstance, out: &mut Vec<Delta>) {
    for family in changed(&old.afs, &new.afs) {
        let (mut a, mut b) = (
            old.afs.get(&family).cloned().unwrap_or_default(),
            new.afs.get(&family).cloned().unwrap_or_default(),
        );
        let networks: Vec<Prefix> = changed(&a.networks, &b.networks).collect();
        if !networks.is_empty() {
            out.push(Delta::BgpNetworks(name.clone(), family, networks));
        }
        a.networks.clear();
        b.networks.clear();
        if a != b {
            out.push(Delta::BgpFamily(name.clone(), family));
        }
    }
}
