//! Instances as they are configured.

use std::collections::BTreeMap;
use std::time::Instant;

use ferr_ospf::{Instance, Start};
use ferr_state::{NO_VRF, OspfName};
use ferr_types::{NexthopWatch, Prefix};

use super::sockets::SocketKey;
use super::{Running, Worker, protocol};
use crate::OwnerId;
use crate::rib_thread::RibMessage;
use crate::translate::ospf as desired;

/// The default route, of the family of a version.
pub(super) fn default_route(name: &OspfName) -> Prefix {
    match name.version {
        ferr_ospf::wire::Version::V2 => Prefix::V4(ferr_types::Ipv4Prefix::DEFAULT),
        ferr_ospf::wire::Version::V3 => Prefix::V6(ferr_types::Ipv6Prefix::DEFAULT),
    }
}

impl Worker {
    /// Brings the instances in line with what is configured.
    pub(super) fn configure(&mut self, desired: desired::Ospf) {
        let old = std::mem::replace(&mut self.desired, desired);
        let new = self.desired.instances.clone();
        let gone: Vec<OspfName> = self
            .running
            .iter()
            .filter(|(name, r)| new.get(name).is_none_or(|i| i.config.vrf != r.vrf || i.config.vrf == NO_VRF))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.remove(&name);
        }
        let sockets = new.iter().filter(|(_, i)| i.config.vrf != NO_VRF);
        let sockets: BTreeMap<SocketKey, _> =
            sockets.map(|(name, i)| ((i.config.vrf, name.version), i.device.clone())).collect();
        self.sockets.configure(&sockets);
        for (name, instance) in &new {
            if instance.config.vrf != NO_VRF {
                self.set(name, instance, old.instances.get(name));
            }
        }
    }

    fn set(&mut self, name: &OspfName, wanted: &desired::Instance, old: Option<&desired::Instance>) {
        let now = Instant::now();
        let known = self.running.get(name).copied();
        let running = known.unwrap_or_else(|| {
            let owner = OwnerId(self.next_owner);
            self.next_owner += 1;
            Running { owner, vrf: wanted.config.vrf }
        });
        // What belongs to an instance that is no more says nothing about this one.
        let old = old.filter(|_| known.is_some());
        match self.world.instances.get_mut(name) {
            Some(instance) if old.is_none_or(|o| o.config != wanted.config) => {
                instance.configure(wanted.config.clone(), now);
            }
            Some(_) => {}
            None => {
                let restarting = self.restarts.remove(name);
                if let Some(wait) = restarting {
                    // What the last life left in the kernel serves until routes are learnt again.
                    self.to_rib.push_back(RibMessage::KeepLeftovers(wait));
                }
                let start = Start { seed: rand::random(), boot_count: boot_count(), restarting };
                let policy = self.world.policy.clone();
                let instance = Instance::new(wanted.config.clone(), policy, start, now);
                self.world.instances.insert(name.clone(), instance);
                self.running.insert(name.clone(), running);
            }
        }
        let none = Vec::new();
        let before = old.map_or(&none, |o| &o.redistribute);
        for gone in before.iter().filter(|r| !wanted.redistribute.contains(r)) {
            self.to_rib.push_back(RibMessage::Unsubscribe(running.owner, *gone));
        }
        for new in wanted.redistribute.iter().filter(|r| !before.contains(r)) {
            self.to_rib.push_back(RibMessage::Subscribe(running.owner, *new));
        }
        let watch = NexthopWatch { vrf: running.vrf, target: default_route(name), exact: true };
        match (old.is_some_and(|o| o.watch_default), wanted.watch_default) {
            (false, true) => self.to_rib.push_back(RibMessage::Watch(running.owner, watch)),
            (true, false) => self.to_rib.push_back(RibMessage::Unwatch(running.owner, watch)),
            _ => {}
        }
        self.watched_dirty = true;
    }

    fn remove(&mut self, name: &OspfName) {
        if let Some(instance) = self.world.instances.get_mut(name) {
            // What can be said at once is said.
            instance.shutdown(Instant::now());
        }
        self.turn();
        self.default_of.remove(name);
        let number = self.world.instances.remove(name).map_or(0, |i| i.config().instance);
        if let Some(running) = self.running.remove(name) {
            self.sockets.leave_all(running.vrf, name);
            let whose = (protocol(name.version), Some(number));
            self.to_rib.push_back(RibMessage::OwnerGone(running.owner, running.vrf, whose));
        }
        self.watched_dirty = true;
    }
}

/// High half of cryptographic sequence numbers: larger than in earlier lives as long as the clock does not go back.
fn boot_count() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| u32::try_from(d.as_secs()).unwrap_or(u32::MAX))
}
