//! What others are told: next-hop tracking, import checks, redistribution.
//!
//! # Invariants
//! Queues hold names, not routes: however often a route changes between two polls, a subscriber hears the newest state once.

use std::collections::VecDeque;

use ferr_types::{Afi, IfIndex, Nexthop, NexthopInfo, NexthopReach, NexthopWatch, Prefix, Protocol, VrfId};

use crate::table::{TableKey, flag};
use crate::{OwnerId, RedistRoute, Redistribution, Rib, RibEvent};

/// Watch on a prefix itself (import check of `network` statements).
#[derive(Debug, Default)]
pub(crate) struct ExactWatch {
    pub(crate) owners: Vec<OwnerId>,
    last: Option<NexthopReach>,
    pub(crate) dirty: bool,
}

/// First delivery to a new subscriber, in slices.
pub(crate) struct Walk {
    owner: OwnerId,
    subscription: Redistribution,
    after: Option<Prefix>,
}

/// Subscriptions and what is still to be delivered.
#[derive(Default)]
pub(crate) struct Notify {
    pub(crate) subscriptions: Vec<(OwnerId, Redistribution)>,
    walks: VecDeque<Walk>,
    /// Answers to fresh watches.
    greetings: VecDeque<(OwnerId, NexthopWatch)>,
    /// Tables with queued redistribution.
    tables: VecDeque<usize>,
}

fn redistributable(prefix: Prefix) -> bool {
    match prefix {
        Prefix::V4(p) => !p.addr().is_loopback(),
        Prefix::V6(p) => !p.addr().is_unicast_link_local() && !p.addr().is_loopback(),
    }
}

const fn table_key(subscription: &Redistribution) -> TableKey {
    TableKey { vrf: subscription.vrf, table: subscription.table, afi: subscription.afi }
}

impl Rib {
    /// Registers a watch; its present state is an event at once, every change another.
    pub fn watch(&mut self, owner: OwnerId, watch: NexthopWatch) {
        let owners = if watch.exact {
            &mut self.resolver.exact.entry((watch.vrf, watch.target)).or_default().owners
        } else {
            let id = self.track(watch.vrf, watch.target.addr());
            match self.resolver.get_mut(id) {
                Some(t) => &mut t.owners,
                None => return,
            }
        };
        if !owners.contains(&owner) {
            owners.push(owner);
        }
        if watch.exact {
            let reach = self.exact_reach(watch.vrf, watch.target);
            if let Some(w) = self.resolver.exact.get_mut(&(watch.vrf, watch.target)) {
                w.last = reach;
            }
        }
        self.notify.greetings.push_back((owner, watch));
    }

    /// Takes a watch back.
    pub fn unwatch(&mut self, owner: OwnerId, watch: NexthopWatch) {
        if watch.exact {
            let key = (watch.vrf, watch.target);
            if let Some(w) = self.resolver.exact.get_mut(&key) {
                w.owners.retain(|o| *o != owner);
                if w.owners.is_empty() {
                    self.resolver.exact.remove(&key);
                }
            }
        } else if let Some(id) = self.resolver.find(watch.vrf, watch.target.addr()) {
            if let Some(t) = self.resolver.get_mut(id) {
                t.owners.retain(|o| *o != owner);
            }
            self.untrack(id);
        }
        self.notify.greetings.retain(|g| *g != (owner, watch));
    }

    /// Delivers the selected routes of a protocol to `owner`: those of now, then every change.
    pub fn subscribe(&mut self, owner: OwnerId, subscription: Redistribution) {
        if self.notify.subscriptions.contains(&(owner, subscription)) {
            return;
        }
        self.notify.subscriptions.push((owner, subscription));
        self.update_redist_mask(table_key(&subscription));
        self.notify.walks.push_back(Walk { owner, subscription, after: None });
    }

    /// Ends a subscription; the owner forgets the routes by itself.
    pub fn unsubscribe(&mut self, owner: OwnerId, subscription: Redistribution) {
        self.notify.subscriptions.retain(|s| *s != (owner, subscription));
        self.notify.walks.retain(|w| (w.owner, w.subscription) != (owner, subscription));
        self.update_redist_mask(table_key(&subscription));
    }

    /// Removes all watches and subscriptions of an owner. Its routes are removed by [`Self::sweep`].
    pub fn remove_owner(&mut self, owner: OwnerId) {
        let keys: Vec<TableKey> = self
            .notify
            .subscriptions
            .iter()
            .filter(|(o, _)| *o == owner)
            .map(|(_, s)| table_key(s))
            .collect();
        self.notify.subscriptions.retain(|(o, _)| *o != owner);
        self.notify.walks.retain(|w| w.owner != owner);
        self.notify.greetings.retain(|(o, _)| *o != owner);
        keys.into_iter().for_each(|key| self.update_redist_mask(key));
        self.resolver.exact.retain(|_, w| {
            w.owners.retain(|o| *o != owner);
            !w.owners.is_empty()
        });
        for id in 0..self.resolver.tracked.len() as u32 {
            if let Some(t) = self.resolver.get_mut(id)
                && t.owners.contains(&owner)
            {
                t.owners.retain(|o| *o != owner);
                self.untrack(id);
            }
        }
    }

    pub(crate) fn redist_mask(&self, key: TableKey) -> u16 {
        let of_table = self.notify.subscriptions.iter().filter(|(_, s)| table_key(s) == key);
        of_table.fold(0, |mask, (_, s)| mask | 1 << s.protocol as u16)
    }

    fn update_redist_mask(&mut self, key: TableKey) {
        let mask = self.redist_mask(key);
        if let Some(t) = self.table_index.get(&key) {
            self.tables[*t].redist_protocols = mask;
        }
    }

    /// The selected route changed: queue it when somebody subscribed to the old or the new protocol.
    pub(crate) fn redist_changed(&mut self, t: usize, slot: u32, old: Option<u32>, new: Option<u32>) {
        let mask = self.tables[t].redist_protocols;
        if mask == 0 {
            return;
        }
        let bit = |id: Option<u32>| id.and_then(|i| self.specs.get(i)).map_or(0, |s| 1 << s.protocol as u16);
        let table = &mut self.tables[t];
        if mask & (bit(old) | bit(new)) == 0 || table.entries[slot as usize].has(flag::REDIST) {
            return;
        }
        table.entries[slot as usize].set(flag::REDIST, true);
        if table.redist.is_empty() {
            self.notify.tables.push_back(t);
        }
        table.redist.push_back(slot);
    }

    /// Appends about `max` events; `false` when there is nothing more to say for now.
    pub fn poll_events(&mut self, max: usize, out: &mut Vec<RibEvent>) -> bool {
        let max = out.len().saturating_add(max);
        while out.len() < max
            && let Some((owner, watch)) = self.notify.greetings.pop_front()
        {
            let via = self.answer(watch);
            out.push(RibEvent::Nexthop { owner, info: NexthopInfo { watch, via } });
        }
        while out.len() < max
            && let Some(id) = self.resolver.tell.pop()
        {
            self.tell_tracked(id, out);
        }
        while out.len() < max
            && let Some(key) = self.resolver.exact_dirty.pop()
        {
            self.tell_exact(key, out);
        }
        while out.len() < max
            && let Some(t) = self.notify.tables.front().copied()
        {
            match self.tables[t].redist.pop_front() {
                Some(slot) => self.tell_route(t, slot, out),
                None => {
                    self.notify.tables.pop_front();
                    self.tables[t].redist.shrink_to_fit();
                }
            }
        }
        while out.len() < max
            && let Some(walk) = self.notify.walks.pop_front()
        {
            self.walk(walk, max, out);
        }
        out.len() >= max
    }

    fn tell_tracked(&mut self, id: u32, out: &mut Vec<RibEvent>) {
        let Some(t) = self.resolver.get_mut(id) else { return };
        if !std::mem::take(&mut t.tell) {
            return;
        }
        let watch = NexthopWatch { vrf: t.vrf, target: Prefix::host(t.addr), exact: false };
        let owners = t.owners.clone();
        let via = self.answer(watch);
        for owner in owners {
            let info = NexthopInfo { watch, via: via.clone() };
            out.push(RibEvent::Nexthop { owner, info });
        }
    }

    fn tell_exact(&mut self, (vrf, target): (VrfId, Prefix), out: &mut Vec<RibEvent>) {
        let reach = self.exact_reach(vrf, target);
        let Some(w) = self.resolver.exact.get_mut(&(vrf, target)) else { return };
        w.dirty = false;
        if w.last == reach {
            return;
        }
        w.last.clone_from(&reach);
        let watch = NexthopWatch { vrf, target, exact: true };
        for owner in &w.owners {
            let info = NexthopInfo { watch, via: reach.clone() };
            out.push(RibEvent::Nexthop { owner: *owner, info });
        }
    }

    fn tell_route(&mut self, t: usize, slot: u32, out: &mut Vec<RibEvent>) {
        self.tables[t].entries[slot as usize].set(flag::REDIST, false);
        let key = self.tables[t].key;
        let prefix = self.tables[t].prefix(slot);
        let route = self.redist_route(t, slot);
        for (owner, s) in self.notify.subscriptions.iter().filter(|(_, s)| table_key(s) == key) {
            let of_it = route.as_ref().filter(|r| wants(s, r));
            let owner = *owner;
            out.push(match of_it {
                Some(route) => RibEvent::RedistSet { owner, route: route.clone() },
                None => RibEvent::RedistWithdraw {
                    owner,
                    vrf: key.vrf,
                    prefix,
                    protocol: s.protocol,
                    instance: s.instance,
                },
            });
        }
        self.tables[t].collect(slot);
    }

    fn walk(&mut self, mut walk: Walk, max: usize, out: &mut Vec<RibEvent>) {
        let Some(t) = self.table_index.get(&table_key(&walk.subscription)).copied() else { return };
        // Bounds the time of one call also where few routes match.
        let budget = (max - out.len()).saturating_mul(16).max(1024);
        let slots: Vec<u32> = self.tables[t].iter_after(walk.after).take(budget).collect();
        let ended = slots.len() < budget;
        for slot in slots {
            if out.len() >= max {
                self.notify.walks.push_front(walk);
                return;
            }
            walk.after = Some(self.tables[t].prefix(slot));
            if let Some(route) = self.redist_route(t, slot).filter(|r| wants(&walk.subscription, r)) {
                out.push(RibEvent::RedistSet { owner: walk.owner, route });
            }
        }
        if !ended {
            self.notify.walks.push_front(walk);
        }
    }

    fn redist_route(&self, t: usize, slot: u32) -> Option<RedistRoute> {
        let table = &self.tables[t];
        let prefix = table.prefix(slot);
        let spec = self.specs.get(table.selected(slot)?)?;
        if !redistributable(prefix) {
            return None;
        }
        let vrf = table.key.vrf;
        let (ways, given) = self.resolved_ways(spec.set);
        let nexthops: Vec<Nexthop> = if ways.is_empty() {
            given.map(|s| s.iter().copied().collect()).unwrap_or_default()
        } else {
            ways.iter().map(|(way, weight)| Nexthop { weight: *weight, ..to_nexthop(way, vrf) }).collect()
        };
        Some(RedistRoute {
            vrf,
            prefix,
            protocol: spec.protocol,
            instance: spec.instance,
            metric: spec.metric,
            distance: spec.distance,
            tag: spec.tag,
            nexthops,
            ifindex: ways.first().map(|(way, _)| way.ifindex),
        })
    }

    pub(crate) fn answer(&self, watch: NexthopWatch) -> Option<NexthopReach> {
        if watch.exact {
            return self.exact_reach(watch.vrf, watch.target);
        }
        let t = self.resolver.find(watch.vrf, watch.target.addr()).and_then(|id| self.resolver.get(id))?;
        let matched = t.matched.as_ref()?;
        if t.ways.is_empty() {
            return None;
        }
        let spec = self.specs.get(matched.spec)?;
        let target = t.addr;
        let via = |gw: std::net::IpAddr| if t.connected && gw == target { None } else { Some(gw) };
        Some(NexthopReach {
            prefix: matched.prefix,
            protocol: spec.protocol,
            metric: spec.metric,
            distance: spec.distance,
            connected: t.connected,
            nexthops: t.ways.iter().map(|(w, _)| (w.ifindex, w.gateway.and_then(via))).collect(),
        })
    }

    /// BGP's own routes do not make a network present.
    fn exact_reach(&self, vrf: VrfId, prefix: Prefix) -> Option<NexthopReach> {
        let t = self.find_table(vrf, None, prefix.afi())?;
        let slot = self.tables[t].find(prefix)?;
        let spec = self.specs.get(self.tables[t].selected(slot)?)?;
        if spec.protocol == Protocol::Bgp {
            return None;
        }
        let (ways, _) = self.resolved_ways(spec.set);
        let nexthops: Vec<(IfIndex, _)> = ways.iter().map(|(w, _)| (w.ifindex, w.gateway)).collect();
        Some(NexthopReach {
            prefix,
            protocol: spec.protocol,
            metric: spec.metric,
            distance: spec.distance,
            connected: !nexthops.is_empty() && nexthops.iter().all(|(_, gw)| gw.is_none()),
            nexthops,
        })
    }

    /// Families in which a VRF has a table, for views.
    pub fn families(&self, vrf: VrfId) -> impl Iterator<Item = Afi> {
        self.table_index.keys().filter(move |k| k.vrf == vrf && k.table.is_none()).map(|k| k.afi)
    }
}

fn wants(subscription: &Redistribution, route: &RedistRoute) -> bool {
    subscription.protocol == route.protocol
        && (route.protocol == Protocol::Static || subscription.instance == route.instance)
}

const fn to_nexthop(way: &crate::FibNexthop, vrf: VrfId) -> Nexthop {
    match way.gateway {
        Some(addr) => Nexthop::via_on(addr, way.ifindex, vrf),
        None => Nexthop::interface(way.ifindex, vrf),
    }
}
