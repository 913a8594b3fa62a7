//! The speakers and the RIB: offers go there; next hops, redistributed routes and news of links come from there.

use std::time::Instant;

use ferr_bgp::ForeignRoute;
use ferr_rib::RibEvent;
use ferr_state::{BgpInstance, NO_VRF};
use ferr_types::{Afi, Distance, Metric, NexthopInfo, NexthopReach, NexthopWatch, Protocol};
use tokio::sync::mpsc;

use super::{ROUTE_BATCH, Worker};
use crate::leftovers::Owed;
use crate::rib_thread::{RibMessage, ToBgp};

/// What the RIB knows of what neighbors have still to say.
#[derive(Debug, Default)]
pub(super) struct Owing {
    told: Option<Owed>,
    /// It asked whether all that it told has been taken in.
    asked: bool,
    /// It does not need to know any more.
    needless: bool,
}

impl Worker {
    /// Hands messages on while the RIB takes them.
    pub(super) fn feed_rib(&mut self) {
        while let Some(message) = self.to_rib.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(message)) = self.ports.rib.try_send(message) {
                return self.to_rib.push_front(message);
            }
        }
    }

    /// Batches of offers that wait in the speakers.
    pub(super) fn backlog(&self) -> usize {
        self.world.instances.values().map(|i| i.bgp.rib_backlog()).sum::<usize>() / ROUTE_BATCH
    }

    pub(super) fn offers(&mut self, name: &str) {
        let Some(instance) = self.world.instances.get_mut(name) else { return };
        let updates = instance.bgp.take_rib_updates();
        if instance.view || instance.bgp.config().vrf == NO_VRF {
            return;
        }
        let mut updates = updates.into_iter().peekable();
        while updates.peek().is_some() {
            let batch: Vec<_> = updates.by_ref().take(ROUTE_BATCH).collect();
            self.to_rib.push_back(RibMessage::Routes(batch));
        }
    }

    pub(super) fn rib_said(&mut self, said: ToBgp) {
        match said {
            ToBgp::Events(events) => self.rib_events(events),
            ToBgp::Question => self.owed.asked = true,
            ToBgp::LeftoversGone => self.owed.needless = true,
        }
    }

    /// Tells the RIB where something is still to come. Only when all that came is worked out and on its way.
    pub(super) fn say_what_is_owed(&mut self) {
        if !self.started || self.owed.needless {
            return;
        }
        if std::mem::take(&mut self.owed.asked) {
            self.to_rib.push_back(RibMessage::TakenIn);
        }
        let all = || self.world.instances.values().filter(|i| !i.view && i.bgp.config().vrf != NO_VRF);
        let of = |i: &BgpInstance| [Afi::Ipv4, Afi::Ipv6].map(|afi| (i.bgp.config().vrf, afi));
        let awaits = |i| of(i).into_iter().filter(move |(_, afi)| i.bgp.awaits(*afi));
        let mut owed: Owed = all().flat_map(awaits).collect();
        if !owed.is_empty() && !self.leaks.is_empty() {
            // What one learns others have as well.
            owed = all().flat_map(of).collect();
        }
        if self.owed.told.as_ref() != Some(&owed) {
            self.to_rib.push_back(RibMessage::StillToSay(Protocol::Bgp, owed.clone()));
            self.owed.told = Some(owed);
        }
    }

    /// While routes are not selected after the start, those of an earlier run serve.
    pub(super) fn keep_leftovers(&mut self) {
        if let Some(longest) = self.world.instances.values().filter_map(|i| i.bgp.longest_deferral()).max() {
            self.to_rib.push_back(RibMessage::KeepLeftovers(longest));
        }
    }

    fn rib_events(&mut self, events: Vec<RibEvent>) {
        let now = Instant::now();
        let around = self.ports.around.borrow().clone();
        for event in events {
            let owner = event.owner();
            let name = self.running.iter().find(|(_, r)| r.owner == owner).map(|(n, _)| n);
            let Some(instance) = name.and_then(|n| self.world.instances.get_mut(n)) else { continue };
            match event {
                RibEvent::Nexthop { info, .. } => instance.bgp.nexthop_changed(info, now),
                RibEvent::RedistSet { route, .. } => {
                    let interface = route.ifindex.and_then(|i| around.links.get(&i)).map(|l| l.name.clone());
                    let foreign = ForeignRoute {
                        prefix: route.prefix,
                        protocol: route.protocol,
                        metric: route.metric.0,
                        tag: route.tag.0,
                        gateway: route.nexthops.first().and_then(|n| n.addr()),
                        ifindex: route.ifindex,
                        interface,
                    };
                    instance.bgp.redistribute(foreign, now);
                }
                RibEvent::RedistWithdraw { prefix, protocol, .. } => {
                    instance.bgp.redistribute_withdraw(prefix, protocol, now);
                }
            }
        }
    }

    pub(super) fn surroundings(&mut self) {
        let now = Instant::now();
        let around = self.ports.around.borrow_and_update().clone();
        for (name, running) in &self.running {
            let Some(instance) = self.world.instances.get_mut(name) else { continue };
            instance.bgp.set_own_addresses(around.own_addresses(running.vrf).collect());
            instance.bgp.session_addresses_changed(now, |(local, remote)| {
                around.session_addresses(running.vrf, local.ip(), remote.ip())
            });
            for link in around.links.values().filter(|l| l.vrf == running.vrf && !l.operative()) {
                instance.bgp.interface_down(link.ifindex, now);
            }
        }
    }
}

/// A view forwards nothing: every next hop will do, every network is there, and the RIB is not asked.
pub(super) fn anywhere(watch: NexthopWatch) -> NexthopInfo {
    let via = NexthopReach {
        prefix: watch.target,
        protocol: Protocol::Connected,
        metric: Metric(0),
        distance: Distance(0),
        connected: true,
        nexthops: Vec::new(),
    };
    NexthopInfo { watch, via: Some(via) }
}
