//! What died while operations were on their way.
//!
//! The failover deletes objects past the queue of operations. An operation that was decided earlier must not bring a dead way back: so
//! this list is looked at when operations are carried out, not when they are made.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferr_rib::{FibAck, FibAction, FibError, FibNexthop, FibOp, GuardId, NhId};
use smallvec::SmallVec;

/// Dead guards and deleted objects, shared by the failover and the [`crate::FibWriter`].
#[derive(Debug, Default)]
pub struct DeadList(Mutex<Dead>);

#[derive(Debug, Default)]
struct Dead {
    guards: BTreeSet<GuardId>,
    objects: BTreeSet<NhId>,
}

impl DeadList {
    fn lock(&self) -> MutexGuard<'_, Dead> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before the objects are deleted: a guard is dead, and with it these objects.
    pub fn bury(&self, guard: GuardId, objects: &[NhId]) {
        let mut dead = self.lock();
        dead.guards.insert(guard);
        dead.objects.extend(objects);
    }

    /// The guard lives again: operations made from now on may use it.
    pub fn revive(&self, guard: GuardId) {
        self.lock().guards.remove(&guard);
    }

    /// No operation names these objects any more.
    pub fn forget(&self, objects: &[NhId]) {
        let mut dead = self.lock();
        objects.iter().for_each(|id| {
            dead.objects.remove(id);
        });
    }

    /// What is left of operations; `None` when nothing has to be left out. Refusals of what is left out go to `acks`.
    pub(crate) fn filter(&self, ops: &[FibOp], acks: &mut Vec<FibAck>) -> Option<Vec<FibOp>> {
        let mut dead = self.lock();
        if dead.guards.is_empty() && dead.objects.is_empty() {
            return None;
        }
        let mut rest = Vec::with_capacity(ops.len());
        for op in ops {
            match dead.living(op) {
                Some(op) => rest.push(op),
                None => acks.push(FibAck { token: op.token, result: Err(FibError::Dead) }),
            }
        }
        Some(rest)
    }
}

impl Dead {
    fn is_dead(&self, nexthop: &FibNexthop) -> bool {
        nexthop.guards.iter().any(|g| self.guards.contains(&g))
    }

    fn living(&mut self, op: &FibOp) -> Option<FibOp> {
        match &op.action {
            FibAction::NexthopAdd { id, nexthop } if nexthop.shielded && self.is_dead(nexthop) => {
                self.objects.insert(*id);
                return None;
            }
            FibAction::GroupSet { id, members, buckets, replace } => {
                let living = members.iter().filter(|(m, _)| !self.objects.contains(m));
                let members: SmallVec<[(NhId, u8); 4]> = living.copied().collect();
                if members.is_empty() {
                    return None;
                }
                let action = FibAction::GroupSet { id: *id, members, buckets: *buckets, replace: *replace };
                return Some(FibOp { token: op.token, action });
            }
            _ => {}
        }
        Some(op.clone())
    }
}
