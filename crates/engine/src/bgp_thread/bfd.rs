//! The speakers and BFD: what BFD says goes to them, and what only they know of their neighbors goes to those who keep the sessions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use ferr_bgp::{BfdNeighbor, BfdPeer, BfdState};

use super::Worker;
use crate::translate::bgp as desired;

/// A neighbor of which the configuration does not say all that BFD has to know: its address, or whether it survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Learnt {
    /// Name of the instance.
    pub(crate) instance: String,
    pub(crate) neighbor: BfdNeighbor,
}

/// All of them.
pub(crate) type LearntNeighbors = Arc<BTreeSet<Learnt>>;

impl Worker {
    /// BFD towards a neighbor changed.
    pub(super) fn bfd_changed(&mut self, name: String, peer: BfdPeer, state: BfdState) {
        if let Some(instance) = self.world.instances.get_mut(&name) {
            instance.bgp.bfd_changed(peer, state, Instant::now());
        }
        let key = (name, peer);
        if state == BfdState::Up {
            self.alive.insert(key);
        } else {
            self.alive.remove(&key);
        }
    }

    /// Tells a new instance what BFD said before.
    pub(super) fn replay_bfd(&mut self, name: &str) {
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        for (_, peer) in self.alive.iter().filter(|(i, _)| i == name) {
            instance.bgp.bfd_changed(*peer, BfdState::Up, Instant::now());
        }
    }

    /// Publishes what was learnt, when it may have changed.
    pub(super) fn publish_learnt(&mut self) {
        if !std::mem::take(&mut self.learnt_dirty) {
            return;
        }
        let mut new = BTreeSet::new();
        for (name, instance) in &self.world.instances {
            let Some(wanted) = self.desired.instances.get(name).filter(|i| !i.view) else { continue };
            let known = instance.bgp.bfd_neighbors().filter_map(|n| of_interest(wanted, n));
            new.extend(known.map(|neighbor| Learnt { instance: name.clone(), neighbor }));
        }
        // Routes through a dead gateway leave the RIB before the session that guards it.
        let waits = new.iter().any(|l| l.neighbor.leaving) || !self.ports.learnt.borrow().is_subset(&new);
        let busy = !self.to_rib.is_empty() || self.backlog() > 0;
        if waits && busy {
            new.extend(self.ports.learnt.borrow().iter().cloned());
        }
        self.learnt_dirty = waits && busy || new.iter().any(|l| l.neighbor.leaving);
        self.ports.learnt.send_if_modified(|old| {
            let changed = **old != new;
            if changed {
                *old = Arc::new(new);
            }
            changed
        });
    }
}

/// A neighbor without what the configuration says already.
fn of_interest(wanted: &desired::Instance, neighbor: BfdNeighbor) -> Option<BfdNeighbor> {
    let desired = if neighbor.dynamic {
        wanted.range_of(neighbor.peer.addr)
    } else {
        wanted.neighbors.get(&neighbor.name).filter(|_| !neighbor.leaving)
    }?;
    let restarts = neighbor.restarts && desired.bfd.as_ref().is_some_and(|b| b.check_control_plane);
    let learnt = neighbor.dynamic || desired.config.addr.is_none();
    (learnt || restarts).then_some(BfdNeighbor { restarts, ..neighbor })
}
