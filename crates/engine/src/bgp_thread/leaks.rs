//! Routes between the speakers of VRFs (`import vrf`).

use std::collections::BTreeMap;
use std::time::Instant;

use ferr_bgp::{Instance, Speakers};
use ferr_state::BgpWorld;

use super::{Running, Worker};

/// All speakers but views, which forward nothing.
struct All<'a> {
    world: &'a mut BgpWorld,
    running: &'a BTreeMap<String, Running>,
}

impl Speakers for All<'_> {
    fn names(&self) -> Vec<String> {
        self.world.instances.iter().filter(|(_, i)| !i.view).map(|(name, _)| name.clone()).collect()
    }

    fn speaker(&mut self, name: &str) -> Option<&mut Instance> {
        self.world.instances.get_mut(name).filter(|i| !i.view).map(|i| &mut i.bgp)
    }

    fn number(&self, name: &str) -> u16 {
        self.running.get(name).map_or(0, |r| u16::try_from(r.owner.0).unwrap_or(u16::MAX))
    }
}

impl Worker {
    /// After a change of what instances import, or of which there are.
    pub(super) fn configure_leaks(&mut self, now: Instant) {
        let mut all = All { world: &mut self.world, running: &self.running };
        self.leaks.configure(&mut all, now);
    }

    /// Before an instance goes.
    pub(super) fn forget_leaks(&mut self, name: &str, now: Instant) {
        let mut all = All { world: &mut self.world, running: &self.running };
        self.leaks.forget(name, &mut all, now);
    }

    /// Carries changed routes across; true when a speaker has work from it.
    pub(super) fn exchange(&mut self, now: Instant) -> bool {
        let mut all = All { world: &mut self.world, running: &self.running };
        self.leaks.exchange(&mut all, now)
    }
}
