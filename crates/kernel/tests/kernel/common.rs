//! A network namespace per test, with a RIB, a writer and a monitor wired together as a daemon does.
// Helpers of tests, outside of `#[test]` functions.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_kernel::{DeadList, Dumper, FibWriter, KernelEvent, Monitor, MonitorOptions, OwnLost};
use ferr_rib::{LinkKind, Rib, RibConfig, Vrf};
use ferr_types::{
    Distance, Metric, Nexthop, NexthopSet, Prefix, Protocol, RouteKey, RouteSpec, RouteUpdate, Tag, VrfId,
};
use nix::sched::{CloneFlags, unshare};

/// Runs `test` in a thread with a network namespace of its own; says why when it cannot.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let entered = std::thread::spawn(move || match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {
            ip("link set lo up");
            test();
            None
        }
        Err(error) => Some(error),
    });
    match entered.join() {
        Ok(None) => {}
        Ok(Some(error)) => {
            assert!(
                std::env::var_os("FERR_TEST_STRICT").is_none(),
                "no network namespace: {error} (root is needed)"
            );
            eprintln!("SKIPPED: no network namespace: {error} (root is needed)");
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

pub(crate) fn ip(args: &str) -> String {
    let output = Command::new("ip").args(args.split_whitespace()).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn ip_json(args: &str) -> Vec<serde_json::Value> {
    let text = ip(&format!("-j {args}"));
    if text.trim().is_empty() { Vec::new() } else { serde_json::from_str(&text).expect("ip prints JSON") }
}

/// Waits for the kernel to notice that `link` has a carrier or lost it: it does so in a work queue of its own.
pub(crate) fn wait_carrier(link: &str, up: bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let has_carrier = || {
        let flags = &ip_json(&format!("link show {link}"))[0]["flags"];
        flags.as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "LOWER_UP"))
    };
    while has_carrier() != up {
        assert!(Instant::now() < deadline, "{link} has not reached carrier {up}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Two veth pairs: `a0` 10.0.0.1/24, `b0` 10.0.1.1/24, with their ends `a1`, `b1` up.
pub(crate) fn two_links() {
    for (name, addr, addr6) in [("a", "10.0.0.1/24", "fd00:a::1/64"), ("b", "10.0.1.1/24", "fd00:b::1/64")] {
        ip(&format!("link add {name}0 type veth peer name {name}1"));
        ip(&format!("addr add {addr} dev {name}0"));
        ip(&format!("addr add {addr6} dev {name}0 nodad"));
        ip(&format!("link set {name}0 up"));
        ip(&format!("link set {name}1 up"));
        wait_carrier(&format!("{name}0"), true);
    }
}

pub(crate) struct Router {
    pub(crate) rib: Rib,
    pub(crate) writer: FibWriter,
    /// The way past the queue.
    pub(crate) failover: FibWriter,
    pub(crate) dead: Arc<DeadList>,
    pub(crate) monitor: Monitor,
    pub(crate) overruns: usize,
    pub(crate) lost: usize,
}

impl Router {
    pub(crate) fn start() -> Self {
        Self::start_with(RibConfig::default(), MonitorOptions::default())
    }

    pub(crate) fn start_with(config: RibConfig, options: MonitorOptions) -> Self {
        let mut writer = FibWriter::open().unwrap();
        let objects = config.nexthop_objects && writer.probe_nexthop_objects();
        let leftovers = Dumper::open().unwrap().leftovers().unwrap();
        let config = RibConfig { nexthop_id_base: leftovers.free_id, nexthop_objects: objects, ..config };
        let mut monitor = Monitor::open(options).unwrap();
        let dead = Arc::<DeadList>::default();
        writer.set_dead_list(dead.clone());
        let failover = FibWriter::open().unwrap();
        monitor.ignore_ports(&[writer.port(), failover.port()]).unwrap();
        let rib = Rib::new(config, Instant::now());
        let mut router = Self { rib, writer, failover, dead, monitor, overruns: 0, lost: 0 };
        router.run();
        router
    }

    /// Takes in all events and brings all operations out, until both rest.
    pub(crate) fn run(&mut self) {
        loop {
            let events = self.monitor.recv(Some(Duration::from_millis(30))).unwrap();
            let idle = events.is_empty();
            for event in events {
                self.event(event);
            }
            self.flush();
            if idle {
                return;
            }
        }
    }

    pub(crate) fn flush(&mut self) {
        let mut ops = Vec::new();
        while self.rib.fib_ready() {
            ops.clear();
            self.rib.poll_fib(4096, &mut ops);
            let acks = self.writer.apply(&ops);
            for (op, ack) in ops.iter().zip(&acks) {
                if let Err(error) = ack.result {
                    eprintln!("{op:?}: {error}");
                }
            }
            self.rib.fib_acks(Instant::now(), &acks);
        }
    }

    pub(crate) fn event(&mut self, event: KernelEvent) {
        let now = Instant::now();
        match event {
            KernelEvent::Link(link) => {
                if let LinkKind::Vrf(table) = link.kind {
                    self.rib.vrf_set(Vrf { id: VrfId(link.ifindex.0), name: link.name.clone(), table });
                }
                self.rib.link_set(now, link);
            }
            KernelEvent::LinkGone(ifindex) => self.rib.link_remove(now, ifindex),
            KernelEvent::AddressAdd(address) => self.rib.address_add(now, address),
            KernelEvent::AddressDel(address) => self.rib.address_del(now, address),
            KernelEvent::RouteAdd(route) => self.rib.kernel_route_set(now, &route),
            KernelEvent::RouteDel(route) => {
                self.rib.kernel_route_del(route.table, route.prefix, route.metric)
            }
            KernelEvent::OwnLost(OwnLost::Route { table, prefix }) => {
                self.lost += 1;
                self.rib.fib_route_lost(table, prefix);
            }
            KernelEvent::OwnLost(OwnLost::Nexthop(id)) => {
                self.lost += 1;
                self.rib.fib_nexthop_lost(id);
            }
            KernelEvent::Synced => {}
            KernelEvent::Overrun => {
                self.overruns += 1;
                self.reconcile();
            }
        }
    }

    pub(crate) fn reconcile(&mut self) {
        let mut dumper = Dumper::open().unwrap();
        self.rib.reconcile_begin();
        let mut stray = Vec::new();
        let rib = &mut self.rib;
        let seen = |route: ferr_kernel::OwnRoute| {
            if !rib.reconcile_seen(route.table, route.prefix, route.protocol, route.group) {
                stray.push((route.table, route.prefix, route.protocol));
            }
        };
        dumper.each_own_route(None, seen).unwrap();
        self.rib.reconcile_end();
        assert_eq!(self.writer.sweep(&stray, &[]), 0);
    }

    pub(crate) fn set(&mut self, prefix: &str, protocol: Protocol, distance: u8, ways: &[Nexthop]) {
        let update = set(prefix, protocol, distance, ways);
        self.rib.apply(Instant::now(), &[update]);
        self.flush();
    }

    pub(crate) fn installed(&self, prefix: &str) -> bool {
        let views = self.rib.route(VrfId::DEFAULT, None, prefix.parse().unwrap());
        views.iter().any(|v| v.selected && v.installed)
    }
}

pub(crate) fn via(addr: &str) -> Nexthop {
    Nexthop::via(addr.parse().unwrap(), VrfId::DEFAULT)
}

pub(crate) fn set(prefix: &str, protocol: Protocol, distance: u8, ways: &[Nexthop]) -> RouteUpdate {
    let prefix: Prefix = prefix.parse().unwrap();
    let nexthops: NexthopSet = ways.iter().copied().collect();
    let key = RouteKey { vrf: VrfId::DEFAULT, table: None, prefix, protocol, instance: 0 };
    let spec = RouteSpec {
        distance: Distance(distance),
        metric: Metric(0),
        tag: Tag(0),
        nexthops,
        backup: NexthopSet::default(),
        internal: false,
        source: None,
    };
    RouteUpdate::Set(key, spec.into())
}

/// Own routes in the kernel by prefix, from a dump by another program.
pub(crate) fn kernel_routes(family: &str) -> Vec<(String, serde_json::Value)> {
    let mut routes: Vec<(String, serde_json::Value)> = ip_json(&format!("{family} -d route show metric 20"))
        .into_iter()
        .map(|r| (r["dst"].as_str().unwrap_or_default().to_owned(), r))
        .collect();
    routes.sort_by(|a, b| a.0.cmp(&b.0));
    routes
}
