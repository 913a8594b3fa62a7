//! Networks of OSPF routers: adjacencies, designated routers, partitions, loss; all databases are equal after quiet.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::time::Duration;

use ferr_ospf::config::NetworkType;
use ferr_ospf::wire::Version;
use ferr_ospf::{InterfaceState, NeighborState, ScopeId};
use ferr_simnet::NodeId;
use ferr_simnet::ospf::{Faults, OspfSim};
use ferr_types::AreaId;

const BOTH: [Version; 2] = [Version::V2, Version::V3];

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn all_full(sim: &OspfSim, want: usize) -> bool {
    (0..sim.nodes.len()).all(|n| sim.neighbors_in(NodeId(n), NeighborState::Full) == want)
}

fn state(sim: &OspfSim, n: usize) -> String {
    let neighbors: Vec<_> = sim.nodes[n].ospf.neighbors(None).iter().map(|n| (n.router, n.state)).collect();
    format!("{neighbors:?} {:?}", sim.nodes[n].notices)
}

#[test]
fn two_routers_become_adjacent_on_every_kind_of_network() {
    for version in BOTH {
        for network in [
            NetworkType::PointToPoint,
            NetworkType::Broadcast,
            NetworkType::NonBroadcast,
            NetworkType::PointToMultipoint,
            NetworkType::PointToMultipointNonBroadcast,
        ] {
            let mut sim = OspfSim::new(version, 1);
            let nodes = [sim.node(), sim.node()];
            sim.link(&nodes, network, |_, _| {});
            let up = sim.run_until(secs(60), |sim| all_full(sim, 1));
            assert!(up, "{version:?} {network:?}: {} {}", state(&sim, 0), state(&sim, 1));
            sim.run_for(secs(20));
            assert_eq!(sim.differing(AreaId::BACKBONE), None, "{version:?} {network:?}");
            let expected = if matches!(network, NetworkType::Broadcast | NetworkType::NonBroadcast) {
                if version == Version::V2 { 3 } else { 4 }
            } else if version == Version::V2 {
                2
            } else {
                4
            };
            let held = sim.database(nodes[0], ScopeId::Area(AreaId::BACKBONE));
            assert_eq!(held.len(), expected, "{version:?} {network:?} {held:?}");
            assert!(sim.nodes.iter().all(|node| node.notices.is_empty()), "{version:?} {network:?}");
        }
    }
}

#[test]
fn a_network_of_five_elects_and_elects_anew() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 2);
        let nodes: Vec<NodeId> = (0..5).map(|_| sim.node()).collect();
        sim.link(&nodes, NetworkType::Broadcast, |_, _| {});
        sim.run_for(secs(70));
        let states =
            |sim: &OspfSim| -> Vec<_> { sim.nodes.iter().map(|n| n.ospf.interfaces()[0].state).collect() };
        let now = states(&sim);
        assert_eq!(now.iter().filter(|s| **s == InterfaceState::Dr).count(), 1, "{now:?}");
        assert_eq!(now.iter().filter(|s| **s == InterfaceState::Backup).count(), 1, "{now:?}");
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
        let leader = now.iter().position(|s| *s == InterfaceState::Dr).unwrap();
        let backup = now.iter().position(|s| *s == InterfaceState::Backup).unwrap();
        sim.kill(NodeId(leader));
        sim.run_for(secs(80));
        let now = states(&sim);
        assert_eq!(now[backup], InterfaceState::Dr, "{now:?}");
        for n in (0..5).filter(|n| *n != leader && *n != backup) {
            assert!(sim.neighbors_in(NodeId(n), NeighborState::Full) >= 1);
        }
        sim.revive(NodeId(leader), None);
        sim.run_for(secs(80));
        assert_eq!(states(&sim)[backup], InterfaceState::Dr, "the one that leads stays");
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
    }
}

#[test]
fn a_partition_heals() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 3);
        let nodes: Vec<NodeId> = (0..4).map(|_| sim.node()).collect();
        let link = sim.link(&nodes, NetworkType::Broadcast, |_, _| {});
        sim.run_for(secs(70));
        sim.partition(link, |node| (node.0 % 2) as u8);
        sim.run_for(secs(120));
        assert!(all_full(&sim, 1));
        sim.partition(link, |_| 0);
        sim.run_for(secs(120));
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
        let full: Vec<_> = nodes.iter().map(|n| sim.neighbors_in(*n, NeighborState::Full)).collect();
        assert_eq!(full.iter().sum::<usize>(), 3 + 3 + 2 + 2, "{full:?}");
    }
}

#[test]
fn loss_and_reordering_delay_but_do_not_prevent() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 4);
        let nodes: Vec<NodeId> = (0..6).map(|_| sim.node()).collect();
        let faults =
            Faults { latency: Duration::from_millis(2), jitter: Duration::from_millis(30), loss: 200 };
        for pair in nodes.windows(2) {
            let link = sim.link(pair, NetworkType::PointToPoint, |_, c| c.hello = secs(2));
            sim.set_faults(link, faults);
        }
        let lan = sim.link(&nodes, NetworkType::Broadcast, |_, c| c.hello = secs(2));
        sim.set_faults(lan, faults);
        sim.run_for(secs(200));
        let mut quiet = faults;
        quiet.loss = 0;
        for link in 0..6 {
            sim.set_faults(ferr_simnet::ospf::LinkId(link), quiet);
        }
        sim.run_for(secs(120));
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
    }
}
