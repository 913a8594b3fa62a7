//! Routes that instances of one machine take from each other: `import vrf`.
//!
//! The source notes which prefixes were decided anew and hands out all paths that it has for them; the target runs its
//! route-map over them and keeps them under a peer number of their own. [`Leaks`] carries them from one to the other; it is run by
//! whoever owns the instances.
//!
//! # Invariants
//! * A path that was leaked is not leaked again, so routes cannot run in circles.
//! * What a target holds from a source is a function of the source's paths, of the route-map and of the configuration: every
//!   change of one of them brings the prefix, or all of them, across again.
//! * Next hops stay next hops of the source's VRF: the RIB is asked there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use ferr_policy::{Action, PolicyRoute};
use ferr_types::{Family, IfIndex, PeerId, Prefix, RouterId, VrfId};

use crate::core::{Core, LOCAL_PEER};
use crate::family::{FamilyState, SweepKind};
use crate::instance::Instance;
use crate::nexthop::{Foreign, NexthopKey};
use crate::table::{Path, PathIdx, TablePrefix, flag};

/// Families that can be leaked.
const LEAKED: [Family; 2] = [Family::Ipv4Unicast, Family::Ipv6Unicast];

/// Where leaked paths come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSource {
    /// VRF in which their next hops are looked up.
    pub vrf: VrfId,
    /// Its name.
    pub vrf_name: String,
    /// Identifier of the instance there.
    pub router_id: RouterId,
    /// Number of the instance on this machine, as route distinguishers have it.
    pub number: u16,
    /// Neighbors get our own address as next hop, because no route-map may say otherwise (`<` in tables).
    pub announce_self: bool,
}

impl ImportSource {
    /// Route distinguisher as FRR makes it by itself.
    pub fn distinguisher(&self) -> String {
        format!("{}:{}", self.router_id, self.number)
    }
}

/// A path that a source has.
#[derive(Debug, Clone)]
pub(crate) struct LeakPath {
    /// Unique within the prefix, and stable while the path lives.
    id: u32,
    /// Attributes in canonical form.
    block: Vec<u8>,
    key: NexthopKey,
    weight: u16,
    internal: bool,
}

/// Prefixes that importers have to hear of.
#[derive(Debug)]
pub(crate) struct LeakQueue<P> {
    /// Whether anybody imports.
    pub(crate) wanted: bool,
    changed: Vec<P>,
}

impl<P> Default for LeakQueue<P> {
    fn default() -> Self {
        Self { wanted: false, changed: Vec::new() }
    }
}

impl<P: TablePrefix> FamilyState<P> {
    /// The decision looked at the prefix.
    pub(crate) fn note_leak(&mut self, id: crate::table::DestId) {
        let dest = self.table.dest_mut(id);
        if self.leaks.wanted && !dest.leaking() {
            dest.set_leaking(true);
            self.leaks.changed.push(dest.prefix);
        }
    }

    fn take_leaks(&mut self) -> Vec<P> {
        let changed = std::mem::take(&mut self.leaks.changed);
        for prefix in &changed {
            if let Some(id) = self.table.find(*prefix) {
                self.table.dest_mut(id).set_leaking(false);
            }
        }
        changed
    }

    fn leakable(&self, core: &Core, prefix: P) -> Vec<LeakPath> {
        let Some(dest) = self.table.find(prefix) else { return Vec::new() };
        let eligible = self.table.paths(dest).filter(|(_, p)| p.is_eligible() && !p.has(flag::IMPORTED));
        eligible.map(|(at, path)| leak_path(core, prefix.into(), at, path)).collect()
    }

    fn import(&mut self, core: &mut Core, peer: PeerId, prefix: P, paths: &[LeakPath]) {
        let taken: Vec<Path> = paths.iter().filter_map(|p| imported(core, peer, prefix.into(), p)).collect();
        let known = self.table.find(prefix);
        if let Some(dest) = known {
            let stays = |id: u32| taken.iter().any(|t| t.path_id == id);
            let gone: Vec<PathIdx> = self
                .table
                .paths(dest)
                .filter(|(_, p)| p.peer == peer && !stays(p.path_id))
                .map(|(at, _)| at)
                .collect();
            gone.into_iter().for_each(|at| self.remove_path(core, dest, at));
        }
        for path in taken {
            let dest = self.table.find_or_insert(prefix);
            self.put_path(core, dest, path);
            core.attrs.release(path.attr);
            core.nexthops.release(path.nexthop);
        }
    }
}

/// A path of the source for others.
fn leak_path(core: &Core, prefix: Prefix, at: PathIdx, path: &Path) -> LeakPath {
    let attrs = core.attrs.get(path.attr);
    let mut block = Vec::new();
    ferr_bgp_wire::encode_attributes_canonical(&attrs, &mut block);
    let held = *core.nexthops.key(path.nexthop);
    let neighbor = core.peers.get(path.peer).and_then(|p| p.addr());
    let own = path.peer == LOCAL_PEER;
    // The link of a link-local gateway is not in the attributes, but in the route.
    let leads = |addr: &IpAddr| {
        let link_local = matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local());
        !(addr.is_unspecified() || own && link_local)
    };
    let said = attrs.next_hop.map(|nh| nh.global()).filter(leads);
    let vrf = core.config.vrf;
    let key = match said {
        // What it covers is found in the tables there.
        None if path.has(flag::AGGREGATE) && vrf != VrfId::DEFAULT => NexthopKey {
            addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            scope: IfIndex(vrf.0),
            connected_only: false,
            foreign: Some(Foreign { vrf, route: None, guard: None }),
        },
        // Made here, and leads nowhere by itself: it goes where the route goes that it was made of.
        None => NexthopKey {
            addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            scope: IfIndex(0),
            connected_only: false,
            foreign: Some(Foreign { vrf, route: Some(prefix), guard: None }),
        },
        // Redistributed: its gateway was not tracked here.
        Some(addr) if own => NexthopKey {
            addr,
            scope: IfIndex(0),
            connected_only: false,
            foreign: Some(Foreign { vrf, route: None, guard: None }),
        },
        Some(addr) => {
            let guard = neighbor.filter(|n| *n == held.addr || *n == addr);
            NexthopKey { foreign: Some(Foreign { vrf, route: None, guard }), ..held }
        }
    };
    LeakPath { id: at.tx_id(), block, key, weight: path.weight, internal: path.has(flag::INTERNAL) }
}

/// The path as the target keeps it, with references to attributes and next hop; `None` when the route-map refuses it.
fn imported(core: &mut Core, peer: PeerId, prefix: Prefix, path: &LeakPath) -> Option<Path> {
    let attrs = ferr_bgp_wire::decode_attributes_canonical(&path.block).ok()?;
    let family = Family::unicast(prefix.afi());
    let mut key = path.key;
    let policy = core.policy.clone();
    let map = core.config.families[family].import_map.clone();
    let dice = core.roll();
    let source_vrf = core.imports.get(&peer).map(|s| s.vrf_name.clone());
    let mut route = PolicyRoute {
        source_vrf: source_vrf.as_deref(),
        local_as: core.config.asn,
        weight: Some(u32::from(path.weight)),
        dice,
        ..PolicyRoute::new(prefix, attrs)
    };
    if let Some(name) = map {
        let permitted =
            policy.route_map(&name).is_some_and(|m| m.apply(&policy, &mut route) == Action::Permit);
        if !permitted {
            return None;
        }
    }
    let current = route.current();
    if current.next_hop != attrs.next_hop
        && let Some(next_hop) = current.next_hop
        && let Some(foreign) = key.foreign
    {
        key = NexthopKey {
            addr: next_hop.forwarding(),
            scope: IfIndex(0),
            connected_only: false,
            foreign: Some(Foreign { route: None, guard: None, ..foreign }),
        };
    }
    let weight = route.weight.map_or(path.weight, |w| w.min(u32::from(u16::MAX)) as u16);
    let attr = core.attrs.intern(&current, core.config.default_local_pref);
    let internal = if path.internal { flag::INTERNAL } else { 0 };
    Some(Path {
        attr,
        peer,
        path_id: path.id,
        next: PathIdx::NIL,
        nexthop: core.nexthops.acquire(key),
        stamp: core.seconds,
        flags: flag::IMPORTED | internal,
        weight,
    })
}

impl Instance {
    /// Begins or ends noting changes for importers of a family.
    fn set_leaking(&mut self, family: Family, wanted: bool) {
        with_family!(self, family, |f| {
            if f.leaks.wanted != wanted {
                f.leaks.wanted = wanted;
                if !wanted {
                    f.take_leaks();
                }
            }
        });
    }

    /// All prefixes of a family are to be brought to importers, in slices.
    fn leak_all(&mut self, family: Family) {
        self.sweep(family, SweepKind::Leak);
    }

    fn has_leaks(&mut self, family: Family) -> bool {
        with_family!(self, family, |f| !f.leaks.changed.is_empty())
    }

    fn take_leaks(&mut self, family: Family) -> Vec<Prefix> {
        with_family!(self, family, |f| f.take_leaks().into_iter().map(Into::into).collect())
    }

    fn leakable(&self, prefix: Prefix) -> Vec<LeakPath> {
        match prefix {
            Prefix::V4(p) => self.v4.leakable(&self.core, p),
            Prefix::V6(p) => self.v6.leakable(&self.core, p),
        }
    }

    fn import(&mut self, peer: PeerId, prefix: Prefix, paths: &[LeakPath]) {
        let core = &mut self.core;
        match prefix {
            Prefix::V4(p) => self.v4.import(core, peer, p, paths),
            Prefix::V6(p) => self.v6.import(core, peer, p, paths),
        }
    }

    /// Families whose import map changed since the last call.
    fn take_import_stale(&mut self) -> ferr_types::FamilySet {
        std::mem::take(&mut self.core.import_stale)
    }
}

/// Instances by the names of their VRFs, with their numbers.
pub trait Speakers {
    /// Names of all that take part.
    fn names(&self) -> Vec<String>;
    /// One of them.
    fn speaker(&mut self, name: &str) -> Option<&mut Instance>;
    /// Its number on this machine, from 1.
    fn number(&self, name: &str) -> u16;
}

/// Who takes from whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    source: String,
    target: String,
    family: Family,
}

/// All leaks between the instances of a machine.
#[derive(Debug, Default)]
pub struct Leaks {
    links: BTreeMap<Link, PeerId>,
    used: u32,
}

impl Leaks {
    /// Whether nothing is imported.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Brings the links in line with what the instances are configured to import. To be called after each change of them.
    pub fn configure(&mut self, speakers: &mut impl Speakers, now: Instant) {
        let wanted = wanted(speakers);
        let gone: Vec<Link> = self.links.keys().filter(|l| !wanted.contains(l)).cloned().collect();
        gone.iter().for_each(|link| self.cut(link, speakers, now));
        for link in &wanted {
            let number = speakers.number(&link.source);
            let Some(source) = speakers.speaker(&link.source) else { continue };
            let config = source.config();
            let (vrf, vrf_name) = (config.vrf, config.vrf_name.clone());
            let router_id = config.router_id;
            source.set_leaking(link.family, true);
            let peer = match self.links.get(link) {
                Some(peer) => *peer,
                None => {
                    source.leak_all(link.family);
                    // From the end of the numbers down: neighbors count up from 1, and none is used twice.
                    self.used += 1;
                    let peer = PeerId(u32::MAX - self.used);
                    self.links.insert(link.clone(), peer);
                    peer
                }
            };
            if let Some(target) = speakers.speaker(&link.target) {
                let announce_self = target.config().families[link.family].import_map.is_none();
                let origin = ImportSource { vrf, vrf_name, router_id, number, announce_self };
                target.core.imports.insert(peer, origin);
            }
        }
        for name in speakers.names() {
            for family in LEAKED {
                let used = self.links.keys().any(|l| l.source == name && l.family == family);
                if let Some(speaker) = speakers.speaker(&name).filter(|_| !used) {
                    speaker.set_leaking(family, false);
                }
            }
        }
    }

    /// An instance is about to go.
    pub fn forget(&mut self, name: &str, speakers: &mut impl Speakers, now: Instant) {
        let gone: Vec<Link> =
            self.links.keys().filter(|l| l.source == name || l.target == name).cloned().collect();
        gone.iter().for_each(|link| self.cut(link, speakers, now));
    }

    fn cut(&mut self, link: &Link, speakers: &mut impl Speakers, now: Instant) {
        let Some(peer) = self.links.remove(link) else { return };
        if let Some(target) = speakers.speaker(&link.target) {
            target.set_now(now);
            target.core.imports.remove(&peer);
            target.sweep(link.family, SweepKind::RemovePeer(peer));
        }
    }

    /// Carries across what changed; true when an instance was given something to do.
    pub fn exchange(&mut self, speakers: &mut impl Speakers, now: Instant) -> bool {
        // Called after every input: nothing to do has to cost nothing.
        let mut pending = false;
        for link in self.links.keys() {
            let changed = speakers.speaker(&link.source).is_some_and(|s| s.has_leaks(link.family));
            let stale = |t: &mut Instance| t.core.import_stale.contains(link.family);
            pending |= changed || speakers.speaker(&link.target).is_some_and(stale);
        }
        if !pending {
            return false;
        }
        let mut touched: BTreeSet<&str> = BTreeSet::new();
        let mut routes: BTreeMap<(&str, Family), Vec<(&str, PeerId)>> = BTreeMap::new();
        for (link, peer) in &self.links {
            routes.entry((&link.source, link.family)).or_default().push((&link.target, *peer));
        }
        for ((source, family), targets) in routes {
            let stale = targets.iter().filter(|(target, _)| {
                speakers.speaker(target).is_some_and(|t| t.core.import_stale.contains(family))
            });
            let again = stale.count() > 0;
            let Some(speaker) = speakers.speaker(source) else { continue };
            if again {
                speaker.leak_all(family);
                touched.insert(source);
            }
            for prefix in speaker.take_leaks(family) {
                let Some(speaker) = speakers.speaker(source) else { break };
                let paths = speaker.leakable(prefix);
                for (target, peer) in &targets {
                    if let Some(speaker) = speakers.speaker(target) {
                        speaker.set_now(now);
                        speaker.import(*peer, prefix, &paths);
                        touched.insert(target);
                    }
                }
            }
        }
        for name in speakers.names() {
            if let Some(speaker) = speakers.speaker(&name) {
                speaker.take_import_stale();
                if touched.contains(name.as_str()) {
                    speaker.decide();
                }
            }
        }
        !touched.is_empty()
    }
}

fn wanted(speakers: &mut impl Speakers) -> BTreeSet<Link> {
    let names = speakers.names();
    let mut out = BTreeSet::new();
    for target in &names {
        let Some(speaker) = speakers.speaker(target) else { continue };
        for family in LEAKED {
            let imports = &speaker.config().families[family].imports;
            let known = imports.iter().filter(|source| names.contains(source) && *source != target);
            out.extend(known.map(|source| Link { source: source.clone(), target: target.clone(), family }));
        }
    }
    out
}
