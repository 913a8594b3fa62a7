//! One address family of an instance: its table, its update groups, its own routes; and the decision over them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferr_policy::{Action, PolicyRoute};
use ferr_types::{
    Distance, Family, Gateway, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey, RouteSpec,
    RouteUpdate, RouterId, Safi, Tag,
};
use smallvec::SmallVec;

use crate::attrs::AttrId;
use crate::conditional::Condition;
use crate::config::Bandwidth;
use crate::core::{Core, LOCAL_PEER};
use crate::damping::Damping;
use crate::decision::{Candidate, Reason, backup, is_multipath, select};
use crate::group::Groups;
use crate::leak::LeakQueue;
use crate::local::LocalRoutes;
use crate::nexthop::{Foreign, NexthopId};
use crate::table::{DestId, Path, PathIdx, Table, TablePrefix, flag};

/// State of one family.
#[derive(Debug)]
pub(crate) struct FamilyState<P: TablePrefix> {
    pub(crate) table: Table<P>,
    pub(crate) groups: Groups<P>,
    pub(crate) local: LocalRoutes<P>,
    /// Attributes before inbound policy, where they differ and soft reconfiguration keeps them.
    pub(crate) pre_policy: HashMap<PathIdx, AttrId>,
    /// Of routes that flap, when configured.
    pub(crate) damping: Option<Damping>,
    /// Of neighbors with an `advertise-map`.
    pub(crate) conditions: Vec<Condition>,
    /// Sweeps in progress.
    pub(crate) sweeps: Vec<Sweep>,
    /// For other VRFs' instances.
    pub(crate) leaks: LeakQueue<P>,
}

/// A pass over the table in slices.
#[derive(Debug)]
pub(crate) struct Sweep {
    next: u32,
    kind: SweepKind,
}

/// What a sweep looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SweepKind {
    /// Paths over these next hops are decided again.
    Nexthops(Vec<NexthopId>),
    /// Everything is decided again.
    All,
    /// Paths of a peer go away.
    RemovePeer(ferr_types::PeerId),
    /// Stale paths of a peer go away.
    RemoveStale(ferr_types::PeerId),
    /// Paths of a peer become stale.
    MarkStale(ferr_types::PeerId),
    /// Stale paths of a peer become the last resort (RFC 9494).
    LongLived(ferr_types::PeerId),
    /// Inbound policy of a peer runs again.
    Reevaluate(ferr_types::PeerId),
    /// Routes are handed to the RIB again (distance or `table-map` changed).
    Reinstall,
    /// All prefixes are brought to those who import them.
    Leak,
}

/// Outcome of the decision for a prefix.
struct Choice {
    best: Option<PathIdx>,
    reason: Reason,
    /// Paths that share the load, the best one included; empty when it is alone.
    ways: SmallVec<[PathIdx; 4]>,
    backup: Option<PathIdx>,
}

/// Source, next hop, flags and MED of the path that was offered to the RIB last, and the offer.
type LastOffer = Option<((ferr_types::PeerId, NexthopId, u16, u32), Arc<RouteSpec>)>;

/// Prefixes decided per slice of work: a few milliseconds.
const DECISIONS: usize = 8192;
/// Prefixes that a sweep visits per slice: bounds the time that a slice takes to about a millisecond.
const SWEEP_SLICE: u32 = 4096;

impl<P: TablePrefix> FamilyState<P> {
    pub(crate) fn new(family: Family) -> Self {
        Self {
            table: Table::new(family),
            groups: Groups::default(),
            local: LocalRoutes::default(),
            pre_policy: HashMap::new(),
            damping: None,
            conditions: Vec::new(),
            sweeps: Vec::new(),
            leaks: LeakQueue::default(),
        }
    }

    /// Starts a pass over the table.
    pub(crate) fn sweep(&mut self, kind: SweepKind) {
        if !self.table.is_empty() && !self.sweeps.iter().any(|s| s.next == 0 && s.kind == kind) {
            self.sweeps.push(Sweep { next: 0, kind });
        }
    }

    /// Whether such a pass is on its way.
    pub(crate) fn is_sweeping(&self, kind: &SweepKind) -> bool {
        self.sweeps.iter().any(|s| s.kind == *kind)
    }

    /// Ends such passes where they are.
    pub(crate) fn cancel_sweep(&mut self, kind: &SweepKind) {
        self.sweeps.retain(|s| s.kind != *kind);
    }

    /// Passes over the whole table at once.
    pub(crate) fn sweep_through(&mut self, core: &mut Core, kind: &SweepKind) {
        for id in 0..self.table.dest_capacity() as u32 {
            if self.table.is_live(DestId(id)) {
                self.sweep_one(core, DestId(id), kind);
            }
        }
    }

    /// Does a slice of waiting work; true when more is left.
    pub(crate) fn work(&mut self, core: &mut Core) -> bool {
        if !self.sweeps.is_empty() {
            let mut sweep = self.sweeps.remove(0);
            let end = (self.table.dest_capacity() as u32).min(sweep.next + SWEEP_SLICE);
            for id in sweep.next..end {
                let dest = DestId(id);
                if self.table.is_live(dest) {
                    self.sweep_one(core, dest, &sweep.kind);
                }
            }
            sweep.next = end;
            if (end as usize) < self.table.dest_capacity() {
                self.sweeps.insert(0, sweep);
            }
        }
        let undecided = self.decide_some(core, DECISIONS);
        let searching = self.scan_conditions(core);
        let more = self.groups.work(core, &mut self.table, &self.local);
        more || undecided || searching || !self.sweeps.is_empty()
    }

    fn sweep_one(&mut self, core: &mut Core, dest: DestId, kind: &SweepKind) {
        let of_peer = |p: &Path, peer| p.peer == peer;
        match kind {
            SweepKind::Nexthops(ids) => {
                let mut hit = false;
                let mut front = false;
                let first = self.table.dest(dest).first;
                for (at, path) in self.table.paths(dest) {
                    if ids.contains(&path.nexthop) {
                        hit = true;
                        front |= at == first || path.has(flag::MULTIPATH);
                    }
                }
                if hit {
                    let touched = self.table.dest(dest).touched() || front;
                    self.table.dest_mut(dest).set_touched(touched);
                    self.table.mark_dirty(dest);
                }
            }
            SweepKind::All => self.table.mark_dirty(dest),
            SweepKind::RemovePeer(peer) => self.remove_where(core, dest, |p| of_peer(p, *peer)),
            SweepKind::RemoveStale(peer) => {
                self.remove_where(core, dest, |p| of_peer(p, *peer) && p.has(flag::STALE));
            }
            SweepKind::MarkStale(peer) => {
                let mine: SmallVec<[PathIdx; 2]> = self
                    .table
                    .paths(dest)
                    .filter(|(_, p)| of_peer(p, *peer) && !p.has(flag::HISTORY))
                    .map(|(at, _)| at)
                    .collect();
                for at in mine {
                    self.table.path_mut(at).flags |= flag::STALE;
                    self.table.mark_dirty(dest);
                }
            }
            SweepKind::LongLived(peer) => self.mark_long_stale(core, *peer, dest),
            SweepKind::Reevaluate(peer) => self.reevaluate(core, *peer, dest),
            SweepKind::Leak => self.note_leak(dest),
            SweepKind::Reinstall => {
                self.table.dest_mut(dest).set_touched(true);
                self.table.mark_dirty(dest);
            }
        }
    }

    fn remove_where(&mut self, core: &mut Core, dest: DestId, f: impl Fn(&Path) -> bool) {
        let gone: SmallVec<[PathIdx; 4]> =
            self.table.paths(dest).filter(|(_, p)| f(p)).map(|(at, _)| at).collect();
        gone.into_iter().for_each(|at| self.remove_path(core, dest, at));
    }

    /// Runs the decision for everything that waits for it, in the order of its coming.
    pub(crate) fn decide(&mut self, core: &mut Core) {
        while self.decide_some(core, usize::MAX) {}
    }

    /// The same for so many prefixes; true when more wait.
    fn decide_some(&mut self, core: &mut Core, max: usize) -> bool {
        if !self.table.has_dirty() || core.defers(self.table.family) {
            return false;
        }
        let mut last = None;
        for _ in 0..max {
            let Some(id) = self.table.pop_dirty() else { break };
            self.decide_one(core, id, &mut last);
        }
        self.update_aggregates(core);
        self.table.has_dirty()
    }

    fn decide_one(&mut self, core: &mut Core, id: DestId, last: &mut LastOffer) {
        let dest = self.table.dest_mut(id);
        dest.set_dirty(false);
        let (had_best, old_first, touched) = (dest.best(), dest.first, dest.touched());
        dest.set_touched(false);
        let Choice { best, reason, ways, backup } = self.choose(core, id);
        let changed_ways = self.mark_multipath(id, &ways);
        let changed_backup = self.mark_backup(id, backup);
        if let Some(at) = best {
            self.table.move_to_front(id, at);
        }
        let dest = self.table.dest_mut(id);
        dest.set_best(best.is_some());
        dest.reason = reason;
        let changed =
            touched || had_best != best.is_some() || (had_best && best != Some(old_first)) || changed_ways;
        if changed {
            self.table.version = self.table.version.wrapping_add(1);
            let version = self.table.version;
            self.table.dest_mut(id).version = version;
            self.announce_to_rib(core, id, last);
            let best = self.table.best(id).map(|p| p.attr);
            self.local.aggregates.note(core, id, self.table.dest(id).prefix, best);
            self.groups.changed(&mut self.table, id);
        } else {
            if changed_backup {
                self.announce_to_rib(core, id, last);
            }
            if self.groups.any_add_path() {
                self.groups.changed(&mut self.table, id);
            }
        }
        self.note_leak(id);
        self.table.reap(id);
    }

    /// What the decision says of a prefix.
    fn choose(&self, core: &Core, id: DestId) -> Choice {
        let usable = |p: &Path| p.is_eligible() && core.nexthops.is_usable(p.nexthop);
        // Most prefixes have one path.
        let first = self.table.dest(id).first;
        let only = self.table.paths(id).next().filter(|(_, p)| p.next == PathIdx::NIL);
        if let Some((_, path)) = only {
            let best = Some(first).filter(|_| usable(path));
            let reason = best.map_or(Reason::NothingToSelect, |_| Reason::FirstPath);
            return Choice { best, reason, ways: SmallVec::new(), backup: None };
        }
        let candidates: SmallVec<[Candidate<'_>; 4]> = self
            .table
            .paths(id)
            .filter(|(_, p)| usable(p))
            .map(|(at, path)| candidate(core, at, path))
            .collect();
        let selection = select(&candidates, &core.config.bestpath);
        let ways = match &selection {
            Some(s) if candidates.len() > 1 => multipath(core, self.table.family, &candidates, s.best),
            _ => SmallVec::new(),
        };
        let best = selection.as_ref().map(|s| s.best);
        let backup = best.and_then(|best| backup(&candidates, best, &ways, &core.config.bestpath));
        let reason = selection.map_or(Reason::NothingToSelect, |s| s.reason);
        Choice { best, reason, ways, backup }
    }

    /// Notes which path is the backup; true when the RIB has to hear of it.
    fn mark_backup(&mut self, id: DestId, backup: Option<PathIdx>) -> bool {
        let flips: SmallVec<[PathIdx; 2]> = self
            .table
            .paths(id)
            .filter(|(at, p)| p.has(flag::BACKUP) != (backup == Some(*at)))
            .map(|(at, _)| at)
            .collect();
        flips.iter().for_each(|at| self.table.path_mut(*at).flags ^= flag::BACKUP);
        let dest = self.table.dest_mut(id);
        let lost = dest.backed() && backup.is_none();
        dest.set_backed(backup.is_some());
        lost || !flips.is_empty()
    }

    fn mark_multipath(&mut self, id: DestId, ways: &[PathIdx]) -> bool {
        let flips: SmallVec<[PathIdx; 4]> = self
            .table
            .paths(id)
            .filter(|(at, p)| p.has(flag::MULTIPATH) != ways.contains(at))
            .map(|(at, _)| at)
            .collect();
        flips.iter().for_each(|at| self.table.path_mut(*at).flags ^= flag::MULTIPATH);
        !flips.is_empty()
    }

    /// Hands the outcome of a prefix to the RIB.
    fn announce_to_rib(&mut self, core: &mut Core, id: DestId, last: &mut LastOffer) {
        let family = self.table.family;
        if family.safi() != Safi::Unicast {
            return;
        }
        let dest = *self.table.dest(id);
        let key = RouteKey {
            vrf: core.config.vrf,
            table: None,
            prefix: dest.prefix.into(),
            protocol: Protocol::Bgp,
            instance: 0,
        };
        let best = self.table.best(id).filter(|p| !p.has(flag::LOCAL) || p.has(flag::AGGREGATE)).copied();
        let spec = best.and_then(|best| self.shared_offer(core, id, &best, last));
        match spec {
            Some(spec) => {
                self.table.dest_mut(id).set_installed(true);
                core.rib.push(RouteUpdate::Set(key, spec));
            }
            None if dest.installed() => {
                self.table.dest_mut(id).set_installed(false);
                core.rib.push(RouteUpdate::Withdraw(key));
            }
            None => {}
        }
    }

    /// What the RIB is offered; the same as for the prefix before when nothing that counts differs.
    fn shared_offer(
        &self,
        core: &mut Core,
        id: DestId,
        best: &Path,
        last: &mut LastOffer,
    ) -> Option<Arc<RouteSpec>> {
        let config = &core.config.families[self.table.family];
        let special = flag::AGGREGATE | flag::MULTIPATH | flag::IMPORTED;
        let plain = best.flags & special == 0
            && !self.table.dest(id).backed()
            && config.distance_rules.is_empty()
            && config.table_map.is_none()
            // The guard of a link-local next hop depends on the global one beside it.
            && !matches!(core.nexthops.key(best.nexthop).addr, IpAddr::V6(a) if a.is_unicast_link_local());
        if !plain {
            let spec = self.route_spec(core, id, best)?;
            return Some(core.shared_spec(spec));
        }
        let what = (best.peer, best.nexthop, best.flags, core.attrs.key(best.attr).med);
        if let Some((_, spec)) = last.as_ref().filter(|(of, _)| *of == what) {
            return Some(spec.clone());
        }
        let spec = self.route_spec(core, id, best)?;
        let spec = core.shared_spec(spec);
        *last = Some((what, spec.clone()));
        Some(spec)
    }

    fn route_spec(&self, core: &mut Core, id: DestId, best: &Path) -> Option<RouteSpec> {
        let config = &core.config.families[self.table.family];
        let prefix: Prefix = self.table.dest(id).prefix.into();
        let internal = best.has(flag::INTERNAL);
        let nexthops = if best.has(flag::AGGREGATE) {
            NexthopSet::one(Nexthop::blackhole(ferr_types::BlackholeKind::Drop))
        } else if !best.has(flag::MULTIPATH) {
            ways(core, best).into_iter().collect()
        } else {
            let limit = if internal { config.max_paths_ibgp } else { config.max_paths };
            let ways = self.table.paths(id).filter(|(_, p)| p.has(flag::MULTIPATH)).map(|(_, p)| p);
            let others = ways.filter(|p| p.peer != best.peer || p.path_id != best.path_id);
            let ways: SmallVec<[&Path; 4]> =
                std::iter::once(best).chain(others).take(usize::from(limit)).collect();
            weighted(core, &ways)
        };
        let backup = self.table.paths(id).filter(|(_, p)| p.has(flag::BACKUP));
        let backup: NexthopSet = backup.flat_map(|(_, p)| ways(core, p)).collect();
        let [ebgp, ibgp, local] = config.distance;
        let mut distance = match () {
            () if best.has(flag::LOCAL) => local,
            () if internal => ibgp,
            () => ebgp,
        };
        if !config.distance_rules.is_empty() {
            distance = distance_rule(core, config, best, prefix).unwrap_or(distance);
        }
        let mut spec = RouteSpec {
            distance: Distance(distance),
            metric: Metric(core.attrs.key(best.attr).med),
            tag: Tag(0),
            nexthops,
            backup,
            // Summaries of routes count own aggregates as internal.
            internal: internal || best.has(flag::AGGREGATE),
            source: None,
        };
        match &config.table_map {
            Some(name) => table_map(core, name, best, prefix, &mut spec).then_some(spec),
            None => Some(spec),
        }
    }
}

/// Everything that the decision compares.
pub(crate) fn candidate<'a>(core: &'a Core, at: PathIdx, path: &'a Path) -> Candidate<'a> {
    let (router_id, peer_addr) = if path.peer == LOCAL_PEER {
        (core.config.router_id, None)
    } else {
        let peer = core.peers.get(path.peer);
        // The originator stands in for the reflector (RFC 4456 section 9); only iBGP paths have one.
        let originator =
            if path.has(flag::INTERNAL) { core.attrs.get(path.attr).originator_id } else { None };
        let id = originator.or(peer.map(|p| p.router_id())).unwrap_or(RouterId::UNSET);
        (id, peer.and_then(|p| p.addr()))
    };
    Candidate {
        at,
        path,
        key: core.attrs.key(path.attr),
        aigp: core.config.bestpath.aigp.then(|| total_aigp(core, path)).flatten(),
        igp_metric: core.nexthops.metric(path.nexthop),
        router_id,
        peer_addr,
    }
}

/// AIGP and the cost to the next hop.
fn total_aigp(core: &Core, path: &Path) -> Option<u64> {
    let cost = core.nexthops.metric(path.nexthop).0;
    core.attrs.get(path.attr).aigp.map(|metric| metric.saturating_add(cost.into()).min(u64::MAX - 1))
}

/// Paths that share the load, the best one included; empty when it is alone.
fn multipath(
    core: &Core,
    family: Family,
    candidates: &[Candidate<'_>],
    best: PathIdx,
) -> SmallVec<[PathIdx; 4]> {
    let config = &core.config.families[family];
    let Some(best) = candidates.iter().find(|c| c.at == best) else { return SmallVec::new() };
    let internal = best.path.has(flag::INTERNAL);
    let limit = if internal { config.max_paths_ibgp } else { config.max_paths };
    if limit <= 1 || best.path.has(flag::LOCAL) {
        return SmallVec::new();
    }
    let best_path = internal.then(|| core.attrs.get(best.path.attr).as_path);
    let mut ways: SmallVec<[&Candidate<'_>; 4]> = candidates
        .iter()
        .filter(|c| c.at != best.at)
        .filter(|c| {
            // As FRR: internal paths have to be the same, external ones to come from the same AS.
            let same = if internal {
                Some(core.attrs.get(c.path.attr).as_path) == best_path
            } else {
                peer_as(core, c.path) == peer_as(core, best.path)
            };
            let clusters =
                !internal || !config.ibgp_equal_cluster_length || c.key.cluster_len == best.key.cluster_len;
            clusters && is_multipath(best, c, &core.config.bestpath, same)
        })
        .collect();
    if ways.is_empty() {
        return SmallVec::new();
    }
    ways.sort_by_key(|c| (c.peer_addr, c.path.path_id));
    ways.truncate(usize::from(limit) - 1);
    std::iter::once(best.at).chain(ways.iter().map(|c| c.at)).collect()
}

fn peer_as(core: &Core, path: &Path) -> Option<ferr_types::Asn> {
    core.peers.get(path.peer)?.session.as_ref().map(|s| s.asn)
}

/// Where the path leads: one gateway; for one that another VRF made, the ways of the route there.
fn ways(core: &Core, path: &Path) -> SmallVec<[Nexthop; 1]> {
    let key = core.nexthops.key(path.nexthop);
    let Some(Foreign { vrf, route, guard }) = key.foreign else {
        return SmallVec::from_elem(way(core, path), 1);
    };
    if let Some(device) = key.device() {
        return SmallVec::from_elem(Nexthop::new(Gateway::Interface(device), vrf), 1);
    }
    if route.is_none() {
        let scope = (key.scope.0 != 0).then_some(key.scope);
        let gateway = Gateway::Address { addr: key.addr, ifindex: scope, onlink: false };
        return SmallVec::from_elem(Nexthop { guard, ..Nexthop::new(gateway, vrf) }, 1);
    }
    let there = core.nexthops.reach(path.nexthop).map_or(&[][..], |r| &r.nexthops);
    if there.is_empty() {
        return SmallVec::from_elem(Nexthop::blackhole(ferr_types::BlackholeKind::Drop), 1);
    }
    let gateway = |(ifindex, addr): &(ferr_types::IfIndex, Option<IpAddr>)| match addr {
        Some(addr) => Gateway::Address { addr: *addr, ifindex: Some(*ifindex), onlink: false },
        None => Gateway::Interface(*ifindex),
    };
    there.iter().map(|way| Nexthop::new(gateway(way), vrf)).collect()
}

fn way(core: &Core, path: &Path) -> Nexthop {
    let key = core.nexthops.key(path.nexthop);
    let scope = (key.scope.0 != 0).then_some(key.scope);
    let gateway = Gateway::Address { addr: key.addr, ifindex: scope, onlink: false };
    // A third party's next hop does not die with the session to the one who told of it.
    let neighbor = core.peers.get(path.peer).and_then(|p| p.addr());
    let global = || core.attrs.next_hop(path.attr).map(ferr_types::attr::BgpNexthop::global);
    let guard = neighbor.filter(|n| *n == key.addr || global() == Some(*n));
    Nexthop { guard, ..Nexthop::new(gateway, core.config.vrf) }
}

/// Largest share of a way.
const FULL_SHARE: f32 = 100.0;

/// Ways with shares after their link bandwidth, as `bgp bestpath bandwidth` says.
fn weighted(core: &Core, paths: &[&Path]) -> NexthopSet {
    let mode = core.config.bestpath.bandwidth;
    let rate = |p: &Path| core.attrs.get(p.attr).ext_communities.iter().find_map(|c| c.bandwidth());
    let rates: SmallVec<[Option<f32>; 4]> = paths.iter().map(|p| rate(p)).collect();
    let total: f32 = rates.iter().flatten().sum();
    let all = rates.iter().all(Option::is_some);
    let equal = mode == Bandwidth::Ignore || total <= 0.0 || (mode == Bandwidth::All && !all);
    let share = |rate: f32| (rate / total * FULL_SHARE).clamp(1.0, FULL_SHARE) as u8;
    let all = paths.iter().zip(&rates).filter_map(|(path, rate)| {
        let weight = match rate {
            _ if equal => 1,
            Some(rate) => share(*rate),
            None if mode == Bandwidth::SkipMissing => return None,
            None => 1,
        };
        Some(ways(core, path).into_iter().map(move |way| Nexthop { weight, ..way }))
    });
    all.flatten().collect()
}

fn distance_rule(
    core: &Core,
    config: &crate::config::FamilyConfig,
    best: &Path,
    prefix: Prefix,
) -> Option<u8> {
    let addr = core.peers.get(best.peer)?.addr()?;
    let hit = |r: &&crate::config::DistanceRule| {
        let list = r.access_list.as_ref();
        let listed = list.is_none_or(|n| {
            core.policy.access_list(prefix.afi(), n).is_some_and(|l| l.evaluate(prefix) == Action::Permit)
        });
        r.source.contains(addr) && listed
    };
    config.distance_rules.iter().filter(hit).max_by_key(|r| r.source.len()).map(|r| r.distance)
}

/// Runs `table-map`; false when it keeps the route out of the RIB.
fn table_map(core: &Core, name: &str, best: &Path, prefix: Prefix, spec: &mut RouteSpec) -> bool {
    let peer = core.peers.get(best.peer);
    let attrs = core.attrs.get(best.attr);
    let mut route = PolicyRoute { peer: peer.and_then(|p| p.addr()), ..PolicyRoute::new(prefix, attrs) };
    let policy = &core.policy;
    let permitted = policy.route_map(name).is_some_and(|m| m.apply(policy, &mut route) == Action::Permit);
    if permitted {
        spec.tag = Tag(route.tag);
        spec.metric = Metric(route.attributes.med.unwrap_or(0));
        if let Some(distance) = route.distance {
            spec.distance = Distance(distance);
        }
    }
    permitted
}
