//! A RIB with a model kernel behind it: it refuses what Linux refuses, and panics where an order of operations would have
//! taken traffic down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ferr_types::{
    Distance, IfAddr, IfIndex, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey, RouteSpec,
    RouteUpdate, TableId, Tag, VrfId,
};

use crate::*;

#[derive(Debug)]
pub(crate) struct KernelGroup {
    pub(crate) members: Vec<(NhId, u8)>,
    buckets: Option<std::num::NonZeroU16>,
}

impl KernelGroup {
    fn holds(&self, id: NhId) -> bool {
        self.members.iter().any(|(m, _)| *m == id)
    }

    /// Members that get packets: in a resilient group those whose share rounds to a bucket or more.
    fn carriers(&self) -> Vec<NhId> {
        let Some(buckets) = self.buckets else { return self.members.iter().map(|m| m.0).collect() };
        let (buckets, total) =
            (u32::from(buckets.get()), self.members.iter().map(|m| u32::from(m.1)).sum::<u32>());
        let (mut sum, mut from, mut out) = (0, 0, Vec::new());
        for (id, weight) in &self.members {
            sum += u32::from(*weight);
            let to = (buckets * sum + total / 2) / total;
            if to > from {
                out.push(*id);
            }
            from = to;
        }
        out
    }
}

#[derive(Default)]
pub(crate) struct Kernel {
    pub(crate) nexthops: BTreeMap<NhId, FibNexthop>,
    pub(crate) groups: BTreeMap<NhId, KernelGroup>,
    pub(crate) routes: BTreeMap<(TableId, Prefix), (u8, FibTarget)>,
    pub(crate) refuse: bool,
}

impl Kernel {
    pub(crate) fn apply(&mut self, op: &FibOp) -> Result<(), FibError> {
        if self.refuse {
            return Err(FibError::Errno(12));
        }
        match &op.action {
            FibAction::NexthopAdd { id, nexthop } => {
                assert!(!self.groups.contains_key(id));
                assert_eq!(self.nexthops.insert(*id, *nexthop), None, "ids are not reused");
            }
            FibAction::NexthopDel { id } => {
                assert!(!self.groups.values().any(|g| g.holds(*id)), "a used member was deleted");
                self.nexthops.remove(id);
            }
            FibAction::GroupSet { id, members, buckets, replace } => {
                assert!(!members.is_empty());
                assert_eq!(self.groups.contains_key(id), *replace, "group {id:?}");
                assert!(members.iter().all(|m| self.nexthops.contains_key(&m.0)), "members come first");
                let old =
                    self.groups.insert(*id, KernelGroup { members: members.to_vec(), buckets: *buckets });
                assert!(old.is_none_or(|old| old.buckets == *buckets), "the kind of a group stays");
            }
            FibAction::GroupDel { id } => {
                let used = self.routes.values().any(|r| r.1 == FibTarget::Group(*id));
                assert!(!used, "a used group was deleted");
                self.groups.remove(id);
            }
            FibAction::RouteSet { table, prefix, protocol, target, .. } => {
                if let FibTarget::Group(id) = target {
                    assert!(self.groups.contains_key(id), "groups come first");
                }
                self.routes.insert((*table, *prefix), (*protocol, target.clone()));
            }
            FibAction::RouteDel { table, prefix, protocol } => {
                let removed = self.routes.remove(&(*table, *prefix));
                assert!(removed.is_none_or(|r| r.0 == *protocol), "deleted under the protocol it has");
            }
        }
        Ok(())
    }

    /// What Linux does by itself, and does not tell.
    pub(crate) fn carrier_lost(&mut self, ifindex: IfIndex) {
        self.nexthops.retain(|_, n| n.ifindex != ifindex);
        let nexthops = &self.nexthops;
        self.groups.retain(|_, g| {
            g.members.retain(|(m, _)| nexthops.contains_key(m));
            !g.members.is_empty()
        });
        let groups = &self.groups;
        self.routes.retain(|_, (_, t)| !matches!(t, FibTarget::Group(g) if !groups.contains_key(g)));
    }

    /// What the failover does when it hears that guards died.
    pub(crate) fn delete(&mut self, ids: &[NhId]) {
        self.nexthops.retain(|id, _| !ids.contains(id));
        for (id, group) in &mut self.groups {
            group.members.retain(|(m, _)| !ids.contains(m));
            assert!(!group.members.is_empty(), "{id:?} was emptied, with its routes");
        }
    }

    /// Ways that packets to a prefix take.
    pub(crate) fn ways(&self, prefix: &str) -> Vec<String> {
        let prefix: Prefix = prefix.parse().unwrap();
        let Some((_, (_, target))) = self.routes.iter().find(|((_, p), _)| *p == prefix) else {
            return Vec::new();
        };
        match target {
            FibTarget::Group(id) => {
                self.groups[id].carriers().iter().map(|m| show(&self.nexthops[m])).collect()
            }
            FibTarget::Plain(ways) => ways.iter().map(|(n, _)| show(n)).collect(),
            FibTarget::Blackhole(kind) => vec![format!("{kind:?}")],
        }
    }
}

fn show(nexthop: &FibNexthop) -> String {
    let gateway = nexthop.gateway.map(|g| format!("{g} ")).unwrap_or_default();
    format!("{gateway}if{}", nexthop.ifindex)
}

pub(crate) struct Lab {
    pub(crate) rib: Rib,
    pub(crate) kernel: Kernel,
    pub(crate) now: Instant,
}

impl Lab {
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn new(config: RibConfig) -> Self {
        let now = Instant::now();
        Self { rib: Rib::new(config, now), kernel: Kernel::default(), now }
    }

    /// Interfaces 2 (10.0.2.1/24, fd00:2::1/64) and 3 (10.0.3.1/24).
    pub(crate) fn two_links() -> Self {
        let mut lab = Self::new(RibConfig::default());
        for i in [2, 3] {
            lab.link(i, true);
            lab.addr(i, &format!("10.0.{i}.1/24"), true);
        }
        lab.addr(2, "fd00:2::1/64", true);
        lab
    }

    pub(crate) fn link(&mut self, ifindex: u32, running: bool) {
        if !running {
            self.kernel.carrier_lost(IfIndex(ifindex));
        }
        self.rib.link_set(self.now, link(ifindex, running));
    }

    /// A guard dies: the failover first, the RIB later.
    pub(crate) fn guard_down(&mut self, guard: GuardId) -> Vec<NhId> {
        let victims = self.rib.failover_plan().victims(|g| g == guard, &BTreeSet::new());
        self.kernel.delete(&victims);
        self.rib.guard_down(guard, &victims);
        victims
    }

    pub(crate) fn addr(&mut self, ifindex: u32, addr: &str, add: bool) {
        let addr: IfAddr = addr.parse().unwrap();
        let address = Address { ifindex: IfIndex(ifindex), addr, peer: None, secondary: false };
        if add {
            self.rib.address_add(self.now, address);
        } else {
            self.rib.address_del(self.now, address);
        }
    }

    pub(crate) fn set(&mut self, prefix: &str, protocol: Protocol, distance: u8, ways: &[Nexthop]) {
        self.rib.apply(self.now, &[set(prefix, protocol, distance, 0, ways)]);
    }

    pub(crate) fn withdraw(&mut self, prefix: &str, protocol: Protocol) {
        self.rib.apply(self.now, &[RouteUpdate::Withdraw(key(prefix, protocol))]);
    }

    /// Sends everything; the operations in order.
    pub(crate) fn drain(&mut self) -> Vec<FibOp> {
        let mut all = Vec::new();
        while self.rib.fib_ready() {
            let before = all.len();
            self.step(7, &mut all);
            assert!(all.len() > before || !self.rib.fib_ready(), "ready, but nothing came");
        }
        all
    }

    pub(crate) fn step(&mut self, max: usize, all: &mut Vec<FibOp>) {
        let mut ops = Vec::new();
        self.rib.poll_fib(max, &mut ops);
        let acks: Vec<FibAck> =
            ops.iter().map(|op| FibAck { token: op.token, result: self.kernel.apply(op) }).collect();
        self.rib.fib_acks(self.now, &acks);
        all.extend(ops);
    }

    pub(crate) fn events(&mut self) -> Vec<RibEvent> {
        let mut out = Vec::new();
        while self.rib.poll_events(3, &mut out) {}
        out
    }

    pub(crate) fn view(&self, prefix: &str) -> Vec<RouteView> {
        self.rib.route(VrfId::DEFAULT, None, prefix.parse().unwrap())
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.rib.handle_timeout(self.now);
    }
}

pub(crate) fn link(ifindex: u32, running: bool) -> Link {
    Link {
        ifindex: IfIndex(ifindex),
        name: format!("eth{ifindex}"),
        up: true,
        running,
        vrf: VrfId::DEFAULT,
        master: IfIndex(0),
        kind: LinkKind::Other,
        mtu: 1500,
        mac: vec![2, 0, 0, 0, 0, ifindex as u8],
        flags: 0,
        lower: IfIndex(0),
        speed: 0,
    }
}

pub(crate) fn via(addr: &str) -> Nexthop {
    Nexthop::via(addr.parse().unwrap(), VrfId::DEFAULT)
}

pub(crate) fn key(prefix: &str, protocol: Protocol) -> RouteKey {
    RouteKey { vrf: VrfId::DEFAULT, table: None, prefix: prefix.parse().unwrap(), protocol, instance: 0 }
}

pub(crate) fn set(
    prefix: &str,
    protocol: Protocol,
    distance: u8,
    metric: u32,
    ways: &[Nexthop],
) -> RouteUpdate {
    let nexthops: NexthopSet = ways.iter().copied().collect();
    let spec = RouteSpec {
        distance: Distance(distance),
        metric: Metric(metric),
        tag: Tag(0),
        nexthops,
        backup: NexthopSet::default(),
        internal: distance == 200,
        source: None,
    };
    RouteUpdate::Set(key(prefix, protocol), spec.into())
}
