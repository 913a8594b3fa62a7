//! Guards: BFD sessions that stand for the life of a gateway, and the plan by which traffic leaves a dead one.
//!
//! # Purpose
//! A way whose next hop is *guarded* is dead while the session towards its gateway is down. What it takes to move traffic is known
//! beforehand: a [`FailoverPlan`] names the kernel objects of each guard, so that whoever hears of the death first deletes them
//! at once, before routes are looked at.
//!
//! # Invariants
//! * An object is *shielded* when every group that holds it keeps another way after the death of any of its guards. Only shielded
//!   objects are in a plan: the kernel deletes a group that loses its last member, and with it all routes.
//! * A guard that never reported its death, or that was taken away, kills nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;

use ferr_types::{IfIndex, VrfId};
use smallvec::SmallVec;

use crate::resolve::Way;
use crate::{NhId, Rib};

/// Names a BFD session; chosen by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardId(pub NonZeroU32);

/// The guards of one way, sorted. A way that has more than fit is told about the death of the others by its recursion, only later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GuardSet([Option<GuardId>; 3]);

impl GuardSet {
    /// No guard.
    pub const NONE: Self = Self([None; 3]);

    /// The guards.
    pub fn iter(self) -> impl Iterator<Item = GuardId> {
        self.0.into_iter().flatten()
    }

    /// Whether `guard` is one of them.
    pub fn contains(self, guard: GuardId) -> bool {
        self.0.contains(&Some(guard))
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        matches!(self.0, [None, None, None])
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, guard: GuardId) -> Self {
        if !self.contains(guard)
            && let Some(place) = self.0.iter_mut().find(|g| g.is_none())
        {
            *place = Some(guard);
            self.0.sort_unstable_by_key(|g| (g.is_none(), *g));
        }
        self
    }
}

/// What a guard watches over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuardedGateway {
    /// VRF of the gateway.
    pub vrf: VrfId,
    /// Its address.
    pub addr: IpAddr,
    /// Only where the way leaves through this interface; needed for link-local addresses.
    pub ifindex: Option<IfIndex>,
}

/// Guards of one gateway, each with the interface that it is about, if any.
type GatewayGuards = SmallVec<[(Option<IfIndex>, GuardId); 1]>;

/// Guards by gateway, and which are dead.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    gateways: BTreeMap<(VrfId, IpAddr), GatewayGuards>,
    dead: BTreeSet<GuardId>,
    /// Those of the dead that live again, and are not trusted yet.
    recovering: BTreeSet<GuardId>,
}

impl Guards {
    /// `set` with the guards of a gateway that is reached through `ifindex`.
    pub(crate) fn add_to(&self, set: GuardSet, vrf: VrfId, addr: IpAddr, ifindex: IfIndex) -> GuardSet {
        let Some(found) = self.gateways.get(&(vrf, addr)) else { return set };
        let here = found.iter().filter(|(on, _)| on.is_none_or(|on| on == ifindex));
        here.fold(set, |set, (_, guard)| set.with(*guard))
    }

    /// Whether a way with these guards must not be used. `desperate`: nothing better is left, so that one that may be back will do.
    pub(crate) fn any_dead(&self, set: GuardSet, desperate: bool) -> bool {
        let dead = |g: &GuardId| self.dead.contains(g) && !(desperate && self.recovering.contains(g));
        !self.dead.is_empty() && set.iter().any(|g| dead(&g))
    }

    pub(crate) fn any_recovering(&self) -> bool {
        !self.recovering.is_empty()
    }
}

/// Whether, when any guard of `way` dies, another of `all` lives.
pub(crate) fn is_shielded(way: &Way, all: &[Way]) -> bool {
    let outlives = |guard: GuardId| all.iter().any(|(other, _)| !other.guards.contains(guard));
    !way.0.guards.is_empty() && way.0.guards.iter().all(outlives)
}

/// Kernel objects by guard, with the groups that hold them: enough to tell which objects to delete when guards die.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailoverPlan {
    /// Shielded objects.
    objects: Vec<(NhId, GuardSet)>,
    /// Members of the groups that hold a shielded object.
    groups: Vec<SmallVec<[NhId; 3]>>,
}

impl FailoverPlan {
    /// Objects to be deleted now that the guards for which `dead` holds are dead. `gone` are those deleted earlier, which the plan may
    /// still name. Never empties a group.
    pub fn victims(&self, dead: impl Fn(GuardId) -> bool, gone: &BTreeSet<NhId>) -> Vec<NhId> {
        let mut victims: BTreeSet<NhId> = self
            .objects
            .iter()
            .filter(|(id, guards)| !gone.contains(id) && guards.iter().any(&dead))
            .map(|(id, _)| *id)
            .collect();
        if victims.is_empty() {
            return Vec::new();
        }
        for members in &self.groups {
            let survives = members.iter().any(|id| !victims.contains(id) && !gone.contains(id));
            if !survives {
                members.iter().for_each(|id| {
                    victims.remove(id);
                });
            }
        }
        victims.into_iter().collect()
    }

    /// Whether the plan names this object.
    pub fn names(&self, id: NhId) -> bool {
        self.groups.iter().any(|members| members.contains(&id))
    }

    /// Number of shielded objects and of groups that hold them.
    pub const fn len(&self) -> (usize, usize) {
        (self.objects.len(), self.groups.len())
    }
}

impl Rib {
    /// From now on `guard` watches over `gateway`, for the guarded ways through it. A guard may have several gateways.
    pub fn guard_set(&mut self, guard: GuardId, gateway: GuardedGateway) {
        let found = self.guards.gateways.entry((gateway.vrf, gateway.addr)).or_default();
        let entry = (gateway.ifindex, guard);
        if !found.contains(&entry) {
            found.push(entry);
            self.touch_gateway(gateway.addr);
            self.settle();
        }
    }

    /// The guard is gone; what it held dead lives.
    pub fn guard_remove(&mut self, guard: GuardId) {
        let mut addresses = Vec::new();
        self.guards.gateways.retain(|(_, addr), found| {
            let before = found.len();
            found.retain(|(_, id)| *id != guard);
            if found.len() != before {
                addresses.push(*addr);
            }
            !found.is_empty()
        });
        self.guards.dead.remove(&guard);
        self.guards.recovering.remove(&guard);
        addresses.into_iter().for_each(|addr| self.touch_gateway(addr));
        self.settle();
    }

    /// The guard died. `deleted` are the objects that the failover took out of the kernel already.
    pub fn guard_down(&mut self, guard: GuardId, deleted: &[NhId]) {
        self.objects_deleted(deleted);
        if self.guards.dead.insert(guard) | self.guards.recovering.remove(&guard) {
            self.touch_guarded(guard);
        }
        self.settle();
    }

    /// The guard lives again, and is not trusted yet: its gateways are used where there is nothing else.
    pub fn guard_recovers(&mut self, guard: GuardId) {
        if self.guards.dead.contains(&guard) && self.guards.recovering.insert(guard) {
            self.touch_guarded(guard);
            self.settle();
        }
    }

    /// The guard lives (again).
    pub fn guard_up(&mut self, guard: GuardId) {
        self.guards.recovering.remove(&guard);
        if self.guards.dead.remove(&guard) {
            self.touch_guarded(guard);
            self.settle();
        }
    }

    /// Guards of a gateway.
    pub fn guards_of_gateway(&self, vrf: VrfId, addr: IpAddr) -> impl Iterator<Item = GuardId> {
        self.guards.gateways.get(&(vrf, addr)).into_iter().flatten().map(|(_, guard)| *guard)
    }

    /// Dead guards.
    pub fn dead_guards(&self) -> impl Iterator<Item = GuardId> {
        self.guards.dead.iter().copied()
    }

    fn touch_gateway(&mut self, addr: IpAddr) {
        self.touch_sets(|set| set.key.all_ways().any(|w| w.guard == Some(addr)));
    }

    /// Ways that are dead are in no result any more, so the gateways say which sets have them; and those that are not trusted may be in
    /// what a gateway leads to, and not in the set behind it.
    fn touch_guarded(&mut self, guard: GuardId) {
        let gateways: BTreeSet<IpAddr> = self
            .guards
            .gateways
            .iter()
            .filter(|(_, found)| found.iter().any(|(_, id)| *id == guard))
            .map(|((_, addr), _)| *addr)
            .collect();
        self.touch_sets(|set| set.key.all_ways().any(|w| w.guard.is_some_and(|a| gateways.contains(&a))));
        let through = |ways: &[Way]| ways.iter().any(|(way, _)| way.guards.contains(guard));
        let tracked = self.resolver.tracked.iter().flatten();
        let behind: BTreeSet<u32> = tracked
            .filter(|t| through(&t.ways) || through(&t.backups))
            .flat_map(|t| t.sets.iter().copied())
            .collect();
        behind.into_iter().for_each(|set| self.touch_set(set));
    }

    /// The kernel has these objects no more, and its groups shrank accordingly.
    pub(crate) fn objects_deleted(&mut self, deleted: &[NhId]) {
        let ways = self.fib.forget_members(deleted);
        if ways.is_empty() {
            return;
        }
        let ids: Vec<u32> = self.sets.iter().filter(|(_, s)| s.holds_any(&ways)).map(|(id, _)| id).collect();
        for id in ids {
            let Some(set) = self.sets.get_mut(id) else { continue };
            if set.shrink(|way| ways.contains(way)) {
                self.rescan_lost(id);
            } else {
                set.group_changed(id, &mut self.fib);
            }
        }
    }

    /// Counts up when [`Self::failover_plan`] may be another.
    pub const fn failover_version(&self) -> u64 {
        self.fib.version
    }

    /// What to delete when guards die, as of the operations polled so far.
    pub fn failover_plan(&self) -> FailoverPlan {
        let mut plan = FailoverPlan { objects: self.fib.shielded().collect(), groups: Vec::new() };
        if plan.objects.is_empty() {
            return plan;
        }
        let groups = self.sets.iter().flat_map(|(_, s)| s.groups());
        for group in groups.chain(self.fib.dead_groups()).filter(|g| g.kernel) {
            if group.members.iter().any(|(way, _)| way.shielded) {
                plan.groups.push(group.members.iter().filter_map(|(w, _)| self.fib.member_id(w)).collect());
            }
        }
        plan
    }
}
