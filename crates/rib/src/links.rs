//! Links, addresses, VRFs and the routes of others, as the kernel tells them.
//!
//! # Invariants
//! Connected and local routes are a function of the present links and addresses: after each event the wanted routes of the
//! interface are computed anew and compared with those in the tables, so the order of events does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use ferr_types::{Gateway, IfIndex, Metric, Nexthop, NexthopSet, Prefix, Protocol, TableId, VrfId};

use crate::route::Origin;
use crate::table::{NONE, flag};
use crate::{Address, KernelRoute, Link, LinkHistory, Rib};

/// A VRF that the RIB knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vrf {
    /// Its id.
    pub id: VrfId,
    /// Its name.
    pub name: String,
    /// Its kernel table.
    pub table: TableId,
}

/// A route that follows from an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Derived {
    vrf: VrfId,
    prefix: Prefix,
    protocol: Protocol,
}

fn routable(prefix: Prefix) -> bool {
    match prefix {
        Prefix::V4(p) => !p.addr().is_loopback() && !p.is_default(),
        Prefix::V6(p) => !p.addr().is_loopback() && !p.is_default(),
    }
}

impl Rib {
    /// A VRF appeared or changed its table.
    pub fn vrf_set(&mut self, vrf: Vrf) {
        let changed = self.vrfs.get(&vrf.id).is_none_or(|old| old.table != vrf.table);
        let id = vrf.id;
        self.vrfs.insert(id, vrf);
        if changed {
            self.requeue_vrf(id);
        }
    }

    /// A VRF is gone; its offers stay, outside of the kernel.
    pub fn vrf_remove(&mut self, vrf: VrfId) {
        if vrf != VrfId::DEFAULT && self.vrfs.remove(&vrf).is_some() {
            self.requeue_vrf(vrf);
        }
    }

    /// The VRFs, the default one first.
    pub fn vrfs(&self) -> impl Iterator<Item = &Vrf> {
        self.vrfs.values()
    }

    fn requeue_vrf(&mut self, vrf: VrfId) {
        self.last_table = None;
        for t in 0..self.tables.len() {
            let key = self.tables[t].key;
            if key.vrf != vrf || key.table.is_some() {
                continue;
            }
            for slot in 0..self.tables[t].entries.len() as u32 {
                // The kernel flushed the old table together with the device.
                let entry = &mut self.tables[t].entries[slot as usize];
                entry.set(flag::IN_KERNEL, false);
                if entry.cand != NONE {
                    self.fib_changed(t, slot);
                }
            }
        }
    }

    /// A link appeared or changed.
    pub fn link_set(&mut self, now: Instant, link: Link) {
        let ifindex = link.ifindex;
        let operative = link.operative();
        let old = self.links.insert(ifindex, link);
        if old.as_ref().is_some_and(|old| old.operative() != operative) {
            let history = self.link_history.entry(ifindex).or_default();
            let (count, last) = if operative {
                (&mut history.ups, &mut history.last_up)
            } else {
                (&mut history.downs, &mut history.last_down)
            };
            (*count, *last) = (count.saturating_add(1), Some(now));
        }
        let was = old.is_some_and(|old| old.operative());
        self.link_changed(now, ifindex, was, operative);
    }

    /// A link is gone, with its addresses.
    pub fn link_remove(&mut self, now: Instant, ifindex: IfIndex) {
        let was = self.links.remove(&ifindex).is_some_and(|old| old.operative());
        self.link_history.remove(&ifindex);
        let gone: Vec<Address> = self.addresses.iter().filter(|a| a.ifindex == ifindex).copied().collect();
        for address in gone {
            self.addresses.remove(&address);
        }
        self.rebuild_own_addresses(&[]);
        self.link_changed(now, ifindex, was, false);
    }

    fn link_changed(&mut self, now: Instant, ifindex: IfIndex, was: bool, is: bool) {
        if was && !is {
            self.carrier_lost(ifindex);
        }
        if was != is {
            self.touch_sets(|set| {
                set.key.all_ways().any(|w| match w.gateway {
                    Gateway::Interface(i) => i == ifindex,
                    Gateway::Address { ifindex: i, .. } => i == Some(ifindex),
                    Gateway::Blackhole(_) => false,
                })
            });
        }
        self.rebuild_own_addresses(&[]);
        self.derive(now, ifindex);
        self.settle();
    }

    /// The kernel silently dropped the next-hop objects of the interface, groups that became empty, and their
    /// routes: the model does the same.
    fn carrier_lost(&mut self, ifindex: IfIndex) {
        self.fib.members_lost(|way| way.ifindex == ifindex);
        let plain = !self.config.nexthop_objects;
        let affected: Vec<u32> = self
            .sets
            .iter()
            .filter(|(_, s)| {
                if plain {
                    s.resolved.iter().any(|(way, _)| way.ifindex == ifindex)
                } else {
                    s.sent_through(ifindex)
                }
            })
            .map(|(id, _)| id)
            .collect();
        for id in affected {
            let Some(set) = self.sets.get_mut(id) else { continue };
            if plain || set.shrink(|way| way.ifindex == ifindex) {
                self.rescan_lost(id);
            } else {
                set.group_changed(id, &mut self.fib);
            }
        }
    }

    /// An address appeared (again).
    pub fn address_add(&mut self, now: Instant, address: Address) {
        self.addresses.insert(address);
        self.address_changed(now, address);
    }

    /// An address is gone.
    pub fn address_del(&mut self, now: Instant, address: Address) {
        let same = |a: &Address| a.ifindex == address.ifindex && a.addr == address.addr;
        self.addresses.retain(|a| !same(a));
        self.address_changed(now, address);
    }

    fn address_changed(&mut self, now: Instant, address: Address) {
        self.rebuild_own_addresses(&[address.addr.addr()]);
        self.derive(now, address.ifindex);
        self.settle();
    }

    /// A gateway that is an address of ours leads nowhere.
    fn rebuild_own_addresses(&mut self, touched: &[IpAddr]) {
        let vrf_of = |i: &IfIndex| self.links.get(i).map(|l| l.vrf);
        let own: BTreeMap<(VrfId, IpAddr), IfIndex> = self
            .addresses
            .iter()
            .filter_map(|a| Some(((vrf_of(&a.ifindex)?, a.addr.addr()), a.ifindex)))
            .collect();
        let old = std::mem::replace(&mut self.own_addresses, own);
        let mut changed: BTreeSet<IpAddr> = touched.iter().copied().collect();
        changed.extend(old.keys().filter(|k| !self.own_addresses.contains_key(k)).map(|k| k.1));
        changed.extend(self.own_addresses.keys().filter(|k| !old.contains_key(k)).map(|k| k.1));
        if !changed.is_empty() {
            self.touch_sets(|set| set.key.all_ways().any(|w| w.addr().is_some_and(|a| changed.contains(&a))));
        }
    }

    /// Makes the connected and local routes of an interface what its state wants.
    fn derive(&mut self, now: Instant, ifindex: IfIndex) {
        let mut wanted = BTreeSet::new();
        if let Some(link) = self.links.get(&ifindex).filter(|l| l.operative()) {
            for address in self.addresses.iter().filter(|a| a.ifindex == ifindex) {
                let prefix = address.connected_prefix();
                if !routable(prefix) {
                    continue;
                }
                wanted.insert(Derived { vrf: link.vrf, prefix, protocol: Protocol::Connected });
                let own = address.addr.addr();
                if self.config.local_routes && !crate::resolve::is_link_local(own) {
                    let prefix = Prefix::host(own);
                    wanted.insert(Derived { vrf: link.vrf, prefix, protocol: Protocol::Local });
                }
            }
        }
        let present = self.derived.remove(&ifindex).unwrap_or_default();
        let origin = |protocol| Origin { protocol, instance: 0, sub: ifindex.0 };
        for old in present.difference(&wanted) {
            self.withdraw_from(old.vrf, None, old.prefix, origin(old.protocol));
        }
        for new in wanted.difference(&present) {
            let ways = NexthopSet::one(Nexthop::interface(ifindex, new.vrf));
            let spec = Self::own_spec(Metric(0), ways, None);
            let id = self.intern_from(origin(new.protocol), new.prefix.afi(), &spec);
            self.offer(now, new.vrf, None, new.prefix, id);
            self.release_spec(id);
        }
        if !wanted.is_empty() {
            self.derived.insert(ifindex, wanted);
        }
    }

    fn vrf_of_table(&self, table: TableId) -> (VrfId, Option<TableId>) {
        match self.vrfs.values().find(|v| v.table == table) {
            Some(vrf) => (vrf.id, None),
            None => (VrfId::DEFAULT, Some(table)),
        }
    }

    /// A route of somebody else appeared or changed.
    pub fn kernel_route_set(&mut self, now: Instant, route: &KernelRoute) {
        let (vrf, table) = self.vrf_of_table(route.table);
        let ways = route.nexthops.iter().map(|w| Nexthop { vrf, ..*w }).map(Self::pinned).collect();
        let spec = Self::own_spec(route.metric, ways, route.source);
        let origin = Origin { protocol: Protocol::Kernel, instance: 0, sub: route.metric.0 };
        let id = self.intern_from(origin, route.prefix.afi(), &spec);
        self.offer(now, vrf, table, route.prefix, id);
        self.release_spec(id);
        self.settle();
    }

    /// The kernel accepted the next hop on its interface: no further check.
    fn pinned(way: Nexthop) -> Nexthop {
        match way.gateway {
            Gateway::Address { addr, ifindex: Some(ifindex), .. } => {
                Nexthop { gateway: Gateway::Address { addr, ifindex: Some(ifindex), onlink: true }, ..way }
            }
            _ => way,
        }
    }

    /// A route of somebody else is gone.
    pub fn kernel_route_del(&mut self, table: TableId, prefix: Prefix, metric: Metric) {
        let (vrf, table) = self.vrf_of_table(table);
        let origin = Origin { protocol: Protocol::Kernel, instance: 0, sub: metric.0 };
        self.withdraw_from(vrf, table, prefix, origin);
        self.settle();
    }

    /// All links by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// One link.
    pub fn link(&self, ifindex: IfIndex) -> Option<&Link> {
        self.links.get(&ifindex)
    }

    /// How often a link came and went since it is known.
    pub fn link_history(&self, ifindex: IfIndex) -> LinkHistory {
        self.link_history.get(&ifindex).copied().unwrap_or_default()
    }

    /// One link by name.
    pub fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|l| l.name == name)
    }

    /// Addresses in order of interface.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter()
    }

    /// Interface that has this address in a VRF.
    pub fn own_address(&self, vrf: VrfId, addr: IpAddr) -> Option<IfIndex> {
        self.own_addresses.get(&(vrf, addr)).copied()
    }
}
