//! What flooding costs: a line of routers, the first of which tells external routes.
//!
//! `cargo run --release -p ferr-ospf --example ospf_flood [EXTERNALS]`: prints the processor's time per LSA and router, from redistribution
//! until the last router has the route, first for LSAs that are new, then for a router that comes back and gets all at once.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_ospf::config::{
    AreaConfig, InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType, Redistribute,
};
use ferr_ospf::wire::Version;
use ferr_ospf::{Clear, ForeignRoute, Instance, NeighborState, Output, Received, Start};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Ipv4Prefix, Metric, Prefix, Protocol, RouterId, Tag, VrfId};

fn interface(link: u32, side: u8) -> (InterfaceKey, InterfaceConfig) {
    let addr = Ipv4Addr::new(10, 0, link as u8, side);
    let interface = InterfaceConfig {
        address: Ipv4Prefix::new(addr, 24).map(|prefix| (addr, prefix)),
        ..InterfaceConfig::new(&format!("eth{link}"), AreaId::BACKBONE, NetworkType::PointToPoint)
    };
    (InterfaceKey::Link(IfIndex(link), Some(addr)), interface)
}

struct Line {
    routers: Vec<Instance>,
    now: Instant,
    packets: usize,
    octets: usize,
}

impl Line {
    fn new(len: u32) -> Self {
        let now = Instant::now();
        let make = |n: u32| {
            let id = RouterId(Ipv4Addr::from_bits(0x0a09_0000 + n));
            let mut config = InstanceConfig::new(Version::V2, VrfId::DEFAULT, "default", id);
            config.areas.insert(AreaId::BACKBONE, AreaConfig::default());
            config.interfaces.extend((n > 0).then(|| interface(n, 2)));
            config.interfaces.extend((n + 1 < len).then(|| interface(n + 1, 1)));
            if n == 0 {
                config.redistribute.push(Redistribute {
                    protocol: Protocol::Static,
                    instance: None,
                    metric: None,
                    type2: true,
                    route_map: None,
                    tag: None,
                });
            }
            let start = Start { seed: n.into(), boot_count: 1, restarting: None };
            Instance::new(config, Arc::new(PolicySet::default()), start, now)
        };
        Self { routers: (0..len).map(make).collect(), now, packets: 0, octets: 0 }
    }

    fn flush(&mut self) {
        loop {
            let mut quiet = true;
            for n in 0..self.routers.len() {
                while let Some(output) = self.routers[n].poll_output() {
                    let Output::Transmit(packet) = output else { continue };
                    quiet = false;
                    self.packets += 1;
                    self.octets += packet.packet.len();
                    let ifindex = packet.ifindex.unwrap_or_default();
                    let to = if ifindex.0 as usize == n { n - 1 } else { n + 1 };
                    let received = Received {
                        ifindex,
                        source: packet.source,
                        destination: packet.destination,
                        payload: &packet.packet,
                    };
                    self.routers[to].receive(&received, self.now);
                }
                self.routers[n].take_rib_updates();
            }
            if quiet {
                return;
            }
        }
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !done(self) {
            self.flush();
            let due = self.routers.iter().filter_map(Instance::poll_timeout).min();
            self.now = due.unwrap_or(self.now).max(self.now);
            for router in &mut self.routers {
                router.handle_timeout(self.now);
            }
        }
        start.elapsed()
    }

    fn full(&self) -> bool {
        let all = self.routers.iter().flat_map(|router| router.neighbors(None));
        let states: Vec<_> = all.map(|neighbor| neighbor.state).collect();
        states.len() == 2 * (self.routers.len() - 1)
            && states.iter().all(|state| *state == NeighborState::Full)
    }

    fn all_have(&self, count: usize) -> bool {
        self.routers.iter().all(|router| router.lsdb().len() >= count)
    }
}

fn main() {
    let count = std::env::args().nth(1).and_then(|arg| arg.parse::<u32>().ok()).unwrap_or(10_000);
    let mut line = Line::new(3);
    line.run_until(Line::full);
    let wanted = line.routers.len() + count as usize;
    for n in 0..count {
        let prefix = Ipv4Prefix::from_bits(0x2000_0000 + n * 256, 24).map(Prefix::V4);
        let Some(prefix) = prefix else { continue };
        let route = ForeignRoute {
            prefix,
            protocol: Protocol::Static,
            instance: 0,
            metric: Metric(0),
            tag: Tag(0),
            gateway: None,
            ifindex: None,
            interface: None,
        };
        let now = line.now;
        line.routers[0].redistribute(route, now);
    }
    (line.packets, line.octets) = (0, 0);
    let spent = line.run_until(|line| line.all_have(wanted));
    let each = |spent: Duration| spent.as_secs_f64() * 1e6 / f64::from(count) / 3.0;
    println!(
        "new: {spent:?}, {:.2} us per LSA and router, {} packets, {} octets",
        each(spent),
        line.packets,
        line.octets
    );
    let now = line.now;
    line.routers[2].clear(Clear::Process, now);
    (line.packets, line.octets) = (0, 0);
    let spent = line.run_until(|line| line.all_have(wanted) && line.full());
    println!("again: {spent:?}, {} packets, {} octets", line.packets, line.octets);
}
