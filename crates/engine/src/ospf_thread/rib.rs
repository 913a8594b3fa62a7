//! The instances and the RIB: offers go there; routes of other protocols come from there.

use std::sync::Arc;
use std::time::Instant;

use ferr_ospf::ForeignRoute;
use ferr_ospf::wire::Version;
use ferr_rib::RibEvent;
use ferr_state::OspfName;
use ferr_types::{Afi, Protocol, Tag};
use tokio::sync::mpsc;

use super::instances::default_route;
use super::{ROUTE_BATCH, Worker};
use crate::leftovers::Owed;
use crate::rib_thread::RibMessage;

impl Worker {
    /// Hands messages on while the RIB takes them.
    pub(super) fn feed_rib(&mut self) {
        while let Some(message) = self.to_rib.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(message)) = self.ports.rib.try_send(message) {
                return self.to_rib.push_front(message);
            }
        }
    }

    pub(super) fn offers(&mut self, name: &OspfName) {
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        let mut updates = instance.take_rib_updates().into_iter().peekable();
        while updates.peek().is_some() {
            let batch: Vec<_> = updates.by_ref().take(ROUTE_BATCH).collect();
            self.to_rib.push_back(RibMessage::Routes(batch));
        }
    }

    /// Tells the RIB where something is still to come, up to the first time that nothing is.
    pub(super) fn say_what_is_owed(&mut self) {
        let now = Instant::now();
        for version in [Version::V2, Version::V3] {
            let (protocol, afi) = match version {
                Version::V2 => (Protocol::Ospf, Afi::Ipv4),
                Version::V3 => (Protocol::Ospf6, Afi::Ipv6),
            };
            let told = self.owed.get(&protocol);
            if !self.started || told.is_some_and(Owed::is_empty) {
                continue;
            }
            let awaits = self.world.instances.iter().filter(|(n, i)| n.version == version && i.awaits(now));
            let owed: Owed = awaits.map(|(_, i)| (i.config().vrf, afi)).collect();
            if told != Some(&owed) {
                self.to_rib.push_back(RibMessage::StillToSay(protocol, owed.clone()));
                self.owed.insert(protocol, owed);
            }
        }
    }

    pub(super) fn rib_events(&mut self, events: Vec<RibEvent>) {
        let now = Instant::now();
        let around = self.ports.around.borrow().clone();
        for event in events {
            let owner = event.owner();
            let name = self.running.iter().find(|(_, r)| r.owner == owner).map(|(n, _)| n.clone());
            let Some(name) = name else { continue };
            let Some(instance) = self.world.instances.get_mut(&name) else { continue };
            match event {
                RibEvent::Nexthop { info, .. } => {
                    let old = self.default_of.get(&name).copied();
                    let new = info.via.as_ref().map(|via| via.protocol);
                    if let Some(gone) = old.filter(|old| Some(*old) != new) {
                        instance.redistribute_withdraw(default_route(&name), gone, 0, now);
                    }
                    let Some(via) = info.via else {
                        self.default_of.remove(&name);
                        continue;
                    };
                    self.default_of.insert(name.clone(), via.protocol);
                    instance.redistribute(default(&name, &via), now);
                }
                RibEvent::RedistSet { route, .. } => {
                    let interface = route.ifindex.and_then(|i| around.links.get(&i));
                    let foreign = ForeignRoute {
                        prefix: route.prefix,
                        protocol: route.protocol,
                        // A static route's is its distance.
                        instance: if route.protocol == Protocol::Static { 0 } else { route.instance },
                        metric: route.metric,
                        tag: route.tag,
                        gateway: route.nexthops.first().and_then(|n| n.addr()),
                        ifindex: route.ifindex,
                        interface: interface.map(|l| Arc::from(l.name.as_str())),
                    };
                    instance.redistribute(foreign, now);
                }
                RibEvent::RedistWithdraw { prefix, protocol, instance: number, .. } => {
                    instance.redistribute_withdraw(prefix, protocol, number, now);
                }
            }
        }
    }
}

fn default(name: &OspfName, via: &ferr_types::NexthopReach) -> ForeignRoute {
    let first = via.nexthops.first();
    ForeignRoute {
        prefix: default_route(name),
        protocol: via.protocol,
        instance: 0,
        metric: via.metric,
        tag: Tag(0),
        gateway: first.and_then(|(_, gateway)| *gateway),
        ifindex: first.map(|(ifindex, _)| *ifindex),
        interface: None,
    }
}
