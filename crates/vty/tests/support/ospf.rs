//! Routers of OSPF that converged under a virtual clock: a border router of areas 0 and 1 with a backbone neighbor and one inside,
//! which tells external routes; in both versions, and an instance in VRF `red` and one with number 5 that have nobody.

use std::time::{Duration, Instant};

use ferr_simnet::ospf::OspfSim;
use ferr_state::ferr_ospf::config::{
    AreaConfig, DefaultOriginate, ExternalSummary, InstanceConfig, NetworkType, Redistribute,
};
use ferr_state::ferr_ospf::wire::Version;
use ferr_state::ferr_ospf::{ForeignRoute, Instance, Start};
use ferr_state::{OspfName, OspfWorld};
use ferr_types::{AreaId, Metric, Protocol, Tag, VrfId};

fn border_router(version: Version) -> (Instance, Instant) {
    let area1 = AreaId([0, 0, 0, 1].into());
    let mut sim = OspfSim::new(version, 7);
    let (us, backbone, inside) = (sim.node(), sim.node(), sim.node());
    for node in [us, inside] {
        sim.configure(node, |c| {
            c.areas.insert(area1, AreaConfig::default());
        });
    }
    sim.link(&[us, backbone], NetworkType::Broadcast, |_, _| {});
    sim.link(&[us, inside], NetworkType::PointToPoint, |_, i| i.area = area1);
    sim.configure(inside, |c| {
        c.default_originate =
            Some(DefaultOriginate { always: true, metric: None, type2: true, route_map: None });
    });
    sim.run_for(Duration::from_secs(120));
    let now = sim.now();
    (sim.nodes.swap_remove(us.0).ospf, now)
}

fn lonely(version: Version, vrf: u32, name: &str, instance: u16, now: Instant) -> Instance {
    let mut config =
        InstanceConfig::new(version, VrfId(vrf), name, OspfSim::router_id(ferr_simnet::NodeId(9)));
    config.instance = instance;
    config.areas.insert(AreaId::BACKBONE, AreaConfig::default());
    config.redistribute.push(Redistribute {
        protocol: Protocol::Static,
        instance: None,
        metric: None,
        type2: true,
        route_map: None,
        tag: None,
    });
    let (range, routes) = match version {
        Version::V2 => ("198.51.0.0/16", ["198.51.100.0/24", "198.51.101.0/24", "203.0.113.0/24"]),
        Version::V3 => ("2001:db8::/32", ["2001:db8:1::/48", "2001:db8:2::/48", "3fff::/20"]),
    };
    let summary = ExternalSummary { advertise: true, tag: 0, metric: None, type2: true };
    config.summaries.insert(range.parse().unwrap(), summary);
    let start = now - Duration::from_secs(60);
    let mut instance = Instance::new(config, std::sync::Arc::default(), Start::default(), start);
    for prefix in routes {
        let route = ForeignRoute {
            prefix: prefix.parse().unwrap(),
            protocol: Protocol::Static,
            instance: 0,
            metric: Metric(0),
            tag: Tag(0),
            gateway: None,
            ifindex: None,
            interface: None,
        };
        instance.redistribute(route, start);
    }
    instance.handle_timeout(now);
    instance
}

/// The instances, each with the time at which it stands.
pub struct Ospf {
    world: OspfWorld,
    now: Instant,
}

impl Ospf {
    pub fn new() -> Self {
        let mut world = OspfWorld::default();
        let mut latest = None;
        for version in [Version::V2, Version::V3] {
            let (instance, now) = border_router(version);
            latest = latest.max(Some(now));
            let name = |vrf: &str, instance| OspfName { version, vrf: vrf.into(), instance };
            world.instances.insert(name("default", 0), instance);
            world.instances.insert(name("red", 0), lonely(version, 10, "red", 0, now));
            if version == Version::V2 {
                world.instances.insert(name("default", 5), lonely(version, 0, "default", 5, now));
            }
        }
        Self { world, now: latest.unwrap() }
    }

    pub async fn serve(mut self, mut jobs: tokio::sync::mpsc::Receiver<ferr_state::OspfJob>) {
        while let Some(job) = jobs.recv().await {
            job(&mut self.world, self.now);
        }
    }
}
