//! What the RIB thread does about dead gateways: follows the failover, publishes its plan, and trusts again with time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_kernel::DeadList;
use ferr_rib::{GuardId, GuardedGateway, NhId, Rib};

use crate::bfd::{ComeBack, Damping, Failover, PlanCell};

/// Least time between two plans; a plan that takes long to make is made more rarely.
const PLAN_INTERVAL: Duration = Duration::from_millis(5);
/// Share of the time that plans may take: one in so many.
const PLAN_SHARE: u32 = 20;

/// Dead gateways, as the RIB thread keeps them.
pub(crate) struct Failures {
    plan: Arc<PlanCell>,
    dead: Arc<DeadList>,
    damping: Damping,
    /// Guards that live again and are waited for.
    waiting: Vec<GuardId>,
    /// What each guards.
    gateways: BTreeMap<GuardId, GuardedGateway>,
    /// Version of the plan that was published, and when the next may be.
    published: (u64, Instant),
}

impl Failures {
    pub(crate) fn new(plan: Arc<PlanCell>, dead: Arc<DeadList>, now: Instant) -> Self {
        Self {
            plan,
            dead,
            damping: Damping::default(),
            waiting: Vec::new(),
            gateways: BTreeMap::new(),
            published: (0, now),
        }
    }

    /// How long a gateway has to live again before it is trusted.
    pub(crate) fn set_come_back(&mut self, config: ComeBack) {
        self.damping.config = config;
    }

    /// A session guards a gateway, or is gone.
    pub(crate) fn guard(&mut self, rib: &mut Rib, guard: GuardId, gateway: Option<GuardedGateway>) {
        match gateway {
            Some(gateway) => {
                self.gateways.insert(guard, gateway);
                rib.guard_set(guard, gateway);
            }
            None => {
                self.gateways.remove(&guard);
                self.waiting.retain(|g| *g != guard);
                self.damping.forget(guard);
                self.dead.revive(guard);
                rib.guard_remove(guard);
            }
        }
    }

    /// The failover acted. Tells which objects no operation names that is decided from now on.
    pub(crate) fn failover(&mut self, rib: &mut Rib, event: Failover, now: Instant) -> Vec<NhId> {
        match event {
            Failover::Down(guard, deleted) => {
                self.damping.failed(guard, now);
                self.waiting.retain(|g| *g != guard);
                rib.guard_down(guard, &deleted);
                return deleted;
            }
            Failover::Up(guard) => {
                if self.damping.lives(guard, now) > now {
                    rib.guard_recovers(guard);
                    self.waiting.push(guard);
                } else {
                    self.trust(rib, guard);
                }
            }
            Failover::Doubtful(_) => {}
            Failover::Silent(guard) => {
                self.waiting.retain(|g| *g != guard);
                self.trust(rib, guard);
            }
        }
        Vec::new()
    }

    /// A protocol talks to the gateway: that BFD does not is another matter.
    pub(crate) fn lift(&mut self, rib: &mut Rib, gateway: GuardedGateway) {
        let guards: Vec<GuardId> = rib.guards_of_gateway(gateway.vrf, gateway.addr).collect();
        let link = |g: &GuardId| self.gateways.get(g).and_then(|gateway| gateway.ifindex);
        let meant = |g: &GuardId| link(g).is_none_or(|on| Some(on) == gateway.ifindex);
        for guard in guards.into_iter().filter(|g| meant(g) && !self.waiting.contains(g)) {
            self.trust(rib, guard);
        }
    }

    fn trust(&self, rib: &mut Rib, guard: GuardId) {
        self.dead.revive(guard);
        rib.guard_up(guard);
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(crate) fn next_timeout(&self, rib: &Rib) -> Option<Instant> {
        let plan = (rib.failover_version() != self.published.0).then_some(self.published.1);
        // One whose time came since the last look is due, not over.
        plan.into_iter().chain(self.waiting.iter().filter_map(|g| self.damping.trusted_at(*g))).min()
    }

    /// Trusts those whose time has come, and publishes the plan if it is another.
    pub(crate) fn handle_timeout(&mut self, rib: &mut Rib, now: Instant) {
        let trusted: Vec<GuardId> =
            self.waiting.iter().copied().filter(|g| !self.damping.is_waiting(*g, now)).collect();
        for guard in trusted {
            self.waiting.retain(|g| *g != guard);
            self.trust(rib, guard);
        }
        let version = rib.failover_version();
        if version != self.published.0 && now >= self.published.1 {
            let started = Instant::now();
            self.plan.publish(rib.failover_plan());
            let took = started.elapsed();
            self.published = (version, now + PLAN_INTERVAL.max(took * PLAN_SHARE));
        }
    }
}

#[cfg(test)]
mod tests;
