//! Instances and neighbors as they are configured.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use ferr_bgp::{DownReason, Seeds};
use ferr_state::{BgpInstance, NO_VRF};
use ferr_types::{PeerId, Protocol};
use tracing::error;

use super::{Running, Worker};
use crate::OwnerId;
use crate::rib_thread::RibMessage;
use crate::translate::bgp as desired;

impl Worker {
    pub(super) fn start_instances(&mut self, now: Instant) {
        let present = self.world.instances.values_mut().filter(|i| i.bgp.config().vrf != NO_VRF);
        present.for_each(|i| i.bgp.start(now));
    }

    /// Brings the speakers in line with what is configured.
    pub(super) fn configure(&mut self, desired: desired::Bgp) {
        let now = Instant::now();
        let old = std::mem::replace(&mut self.desired, desired);
        let names: Vec<String> = self.running.keys().cloned().collect();
        for name in names {
            let replaced = match self.desired.instances.get(&name) {
                None => true,
                Some(new) => old.instances.get(&name).is_some_and(|o| {
                    o.config.asn != new.config.asn || o.config.vrf != new.config.vrf || o.view != new.view
                }),
            };
            if replaced {
                self.remove_instance(&name);
            }
        }
        let wanted: Vec<(String, desired::Instance)> =
            self.desired.instances.iter().map(|(n, i)| (n.clone(), i.clone())).collect();
        for (name, instance) in &wanted {
            self.ensure_instance(name, instance);
            self.configure_instance(name, instance, old.instances.get(name));
        }
        self.configure_leaks(now);
        let errors = self.listeners.configure(&self.desired);
        errors.iter().for_each(|e| error!("BGP: {e}"));
        if self.started {
            self.start_instances(now);
        }
    }

    fn ensure_instance(&mut self, name: &str, wanted: &desired::Instance) {
        if self.running.contains_key(name) {
            return;
        }
        let now = Instant::now();
        let owner = OwnerId(self.next_owner);
        self.next_owner += 1;
        let seeds = Seeds { hash: rand::random(), dice: rand::random(), first_conn: 1 };
        let mut bgp = ferr_bgp::Instance::new(wanted.config.clone(), self.world.policy.clone(), seeds, now);
        let around = self.ports.around.borrow().clone();
        bgp.set_own_addresses(around.own_addresses(wanted.config.vrf).collect());
        self.world
            .instances
            .insert(name.to_owned(), BgpInstance { bgp, view: wanted.view, round_trips: BTreeMap::new() });
        let running = Running { owner, vrf: wanted.config.vrf, conns: HashMap::new() };
        self.running.insert(name.to_owned(), running);
        self.replay_bfd(name);
    }

    fn configure_instance(
        &mut self,
        name: &str,
        wanted: &desired::Instance,
        old: Option<&desired::Instance>,
    ) {
        let now = Instant::now();
        let (Some(running), Some(instance)) = (self.running.get(name), self.world.instances.get_mut(name))
        else {
            return;
        };
        let owner = running.owner;
        let before = old.map(|o| o.redistribute.clone()).unwrap_or_default();
        for gone in before.iter().filter(|r| !wanted.redistribute.contains(r)) {
            self.to_rib.push_back(RibMessage::Unsubscribe(owner, *gone));
        }
        instance.bgp.configure(wanted.config.clone(), now);
        for new in wanted.redistribute.iter().filter(|r| !before.contains(r)) {
            self.to_rib.push_back(RibMessage::Subscribe(owner, *new));
        }
        let known: Vec<(PeerId, String, bool)> =
            instance.bgp.neighbors().map(|(id, c)| (id, c.name.clone(), c.dynamic)).collect();
        for (id, neighbor, dynamic) in &known {
            if !dynamic && !wanted.neighbors.contains_key(neighbor) {
                instance.bgp.remove_neighbor(*id, now);
            }
        }
        for (neighbor, n) in &wanted.neighbors {
            match known.iter().find(|(_, known, _)| known == neighbor) {
                None => {
                    instance.bgp.add_neighbor(n.config.clone(), now);
                }
                Some((id, ..)) => {
                    let mut config = n.config.clone();
                    if config.addr.is_none() {
                        // Learnt, not configured.
                        config.addr = instance.bgp.neighbor(*id).and_then(|c| c.addr);
                    }
                    instance.bgp.change_neighbor(*id, config, now);
                    let password =
                        |i: &desired::Instance| i.neighbors.get(neighbor).map(|n| n.transport.clone());
                    if old.and_then(password) != password(wanted) {
                        instance.bgp.reset(*id, DownReason::ConfigChange, now);
                    }
                }
            }
        }
        let listen = wanted.listen.iter().map(|(range, n)| (*range, n.config.clone())).collect();
        instance.bgp.set_listen_ranges(listen, now);
    }

    fn remove_instance(&mut self, name: &str) {
        let now = Instant::now();
        if let Some(instance) = self.world.instances.get_mut(name) {
            instance.bgp.shutdown(false, now);
        }
        self.forget_leaks(name, now);
        self.turn();
        self.world.instances.remove(name);
        if let Some(running) = self.running.remove(name) {
            running.conns.into_values().for_each(|conn| self.farewells.close(conn));
            self.to_rib.push_back(RibMessage::OwnerGone(running.owner, running.vrf, (Protocol::Bgp, None)));
        }
    }
}
