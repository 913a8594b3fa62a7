//! Routing information base: the meeting point of all protocols, links and the kernel.
//!
//! # Purpose
//! Chooses the best offer per prefix, resolves its next hops to any depth, and says what the kernel has to hold; answers
//! next-hop tracking and redistribution. A sans-I/O core: time is an argument, operations are polled.
//!
//! # Data
//! Offers are interned (`route`), next-hop lists once more (`resolve`), so a route costs about 40 octets. All routes with the same next
//! hops share one kernel group, which is replaced in place when they resolve differently: the cost of an IGP change is the
//! number of BGP next hops, not of routes. Groups hold the ways to fall back on as well; see `guard`.
//!
//! # Use
//! Feed links, addresses and VRFs, then [`Rib::apply`] batches of offers; drain [`Rib::poll_fib`] and [`Rib::poll_events`]; return
//! answers by [`Rib::fib_acks`]; call [`Rib::handle_timeout`] when [`Rib::poll_timeout`] says so. [`Rib::set`],
//! [`Rib::withdraw`] are for callers who hold interned offers, and want [`Rib::settle`] at the end of a batch; all other
//! methods settle by themselves.
#![forbid(unsafe_code)]

mod fib;
mod fibq;
mod group;
mod guard;
mod intern;
mod links;
mod model;
mod notify;
mod resolve;
mod route;
mod settle;
mod show;
mod table;
mod tracked;
mod underlay;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use ferr_types::{IfIndex, TableId, VrfId};

pub use fib::{FibAck, FibAction, FibError, FibNexthop, FibOp, FibTarget, FibToken, KERNEL_METRIC, NhId};
pub use guard::{FailoverPlan, GuardId, GuardSet, GuardedGateway};
pub use links::Vrf;
pub use model::{
    Address, KernelRoute, Link, LinkHistory, LinkKind, OwnerId, RedistRoute, Redistribution, RibConfig,
    RibEvent,
};
pub use route::SpecId;
pub use underlay::{RefusedRoute, TunnelEndpoint};
pub use view::{GroupView, NexthopView, ResolvedWay, RouteView, Summary, SummaryRow, TrackedView};

/// The RIB of all VRFs.
pub struct Rib {
    config: RibConfig,
    epoch: Instant,
    settle_at: Option<Instant>,
    tables: Vec<table::Table>,
    table_index: BTreeMap<table::TableKey, usize>,
    last_table: Option<(table::TableKey, usize)>,
    specs: intern::Interner<route::Spec>,
    sets: intern::Interner<resolve::SetData>,
    resolver: tracked::Resolver,
    guards: guard::Guards,
    underlay: underlay::Underlay,
    fib: group::Fib,
    notify: notify::Notify,
    vrfs: BTreeMap<VrfId, Vrf>,
    links: BTreeMap<IfIndex, Link>,
    link_history: BTreeMap<IfIndex, LinkHistory>,
    addresses: BTreeSet<Address>,
    own_addresses: BTreeMap<(VrfId, IpAddr), IfIndex>,
    derived: BTreeMap<IfIndex, BTreeSet<links::Derived>>,
}

impl Rib {
    /// An empty RIB with the default VRF. `now` is the origin of the times that it keeps.
    pub fn new(config: RibConfig, now: Instant) -> Self {
        let default = Vrf { id: VrfId::DEFAULT, name: "default".into(), table: TableId::MAIN };
        Self {
            epoch: now,
            settle_at: None,
            tables: Vec::new(),
            table_index: BTreeMap::new(),
            last_table: None,
            specs: intern::Interner::new(config.hash_seed),
            sets: intern::Interner::new(config.hash_seed.rotate_left(32)),
            resolver: tracked::Resolver::default(),
            guards: guard::Guards::default(),
            underlay: underlay::Underlay::default(),
            fib: group::Fib::new(config.nexthop_id_base, config.retry),
            notify: notify::Notify::default(),
            vrfs: BTreeMap::from([(VrfId::DEFAULT, default)]),
            links: BTreeMap::new(),
            link_history: BTreeMap::new(),
            addresses: BTreeSet::new(),
            own_addresses: BTreeMap::new(),
            derived: BTreeMap::new(),
            config,
        }
    }

    /// The knobs.
    pub const fn config(&self) -> &RibConfig {
        &self.config
    }

    /// Changes `ip nht resolve-via-default` of both families; dependants are resolved again.
    pub fn set_resolve_via_default(&mut self, v4: bool, v6: bool) {
        let same = (self.config.resolve_via_default_v4, self.config.resolve_via_default_v6) == (v4, v6);
        if !same {
            (self.config.resolve_via_default_v4, self.config.resolve_via_default_v6) = (v4, v6);
            (0..self.resolver.tracked.len() as u32).for_each(|id| self.resolver.touch(id));
            self.settle();
        }
    }

    /// Changes the largest number of ways that go to the kernel (at least 1).
    pub fn set_max_ways(&mut self, ways: usize) {
        let ways = ways.clamp(1, 256);
        if self.config.max_ways != ways {
            self.config.max_ways = ways;
            self.touch_sets(|_| true);
            self.settle();
        }
    }
}

#[cfg(test)]
mod tests;
