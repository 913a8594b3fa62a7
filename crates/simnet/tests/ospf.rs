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

/// A graph that hangs together: a tree and some more links, of several kinds.
fn random_network(version: Version, seed: u64, size: usize) -> OspfSim {
    let mut sim = OspfSim::new(version, seed);
    let nodes: Vec<NodeId> = (0..size).map(|_| sim.node()).collect();
    for (n, node) in nodes.iter().enumerate().skip(1) {
        let parent = nodes[sim.draw() as usize % n];
        let kind = [NetworkType::PointToPoint, NetworkType::Broadcast][sim.draw() as usize % 2];
        sim.link(&[*node, parent], kind, |_, c| c.prefix_suppression = false);
    }
    for _ in 0..size / 2 {
        let (a, b) = (nodes[sim.draw() as usize % size], nodes[sim.draw() as usize % size]);
        if a != b {
            sim.link(&[a, b], NetworkType::PointToPoint, |_, _| {});
        }
    }
    for _ in 0..size / 8 {
        let mut members: Vec<NodeId> = (0..5).map(|_| nodes[sim.draw() as usize % size]).collect();
        members.sort_unstable();
        members.dedup();
        sim.link(&members, NetworkType::Broadcast, |_, _| {});
    }
    sim
}

#[test]
fn random_networks_agree() {
    for version in BOTH {
        for seed in 1..5 {
            let mut sim = random_network(version, seed, 24);
            sim.run_for(secs(120));
            assert_eq!(sim.differing(AreaId::BACKBONE), None, "{version:?} seed {seed}");
            let links = sim.links();
            for _ in 0..6 {
                let link = ferr_simnet::ospf::LinkId(sim.draw() as usize % links);
                let up = sim.draw().is_multiple_of(3);
                sim.set_carrier(link, up);
                let pause = sim.draw() % 5000;
                sim.run_for(Duration::from_millis(pause));
            }
            for link in 0..links {
                sim.set_carrier(ferr_simnet::ospf::LinkId(link), true);
            }
            sim.run_for(secs(150));
            assert_eq!(sim.differing(AreaId::BACKBONE), None, "{version:?} seed {seed} after changes");
        }
    }
}

/// Three minutes of a thousand routers with optimization, of fewer without: only where long tests are asked for.
#[test]
fn a_thousand_routers_agree() {
    if std::env::var_os("FERR_TEST_FULL").is_none() {
        println!("SKIPPED: takes minutes, only with FERR_TEST_FULL=1");
        return;
    }
    let size = if cfg!(debug_assertions) { 200 } else { 1000 };
    let mut sim = random_network(Version::V2, 77, size);
    sim.run_for(secs(180));
    assert_eq!(sim.differing(AreaId::BACKBONE), None);
}

#[test]
fn a_graceful_restart_is_helped() {
    for version in BOTH {
        for network in [NetworkType::PointToPoint, NetworkType::Broadcast] {
            let mut sim = OspfSim::new(version, 5);
            let nodes = [sim.node(), sim.node(), sim.node()];
            sim.link(&[nodes[0], nodes[1]], network, |_, _| {});
            sim.link(&[nodes[1], nodes[2]], network, |_, _| {});
            for node in nodes {
                sim.configure(node, |config| {
                    config.graceful.helper = true;
                    config.graceful.restart = Some(secs(120));
                });
            }
            sim.run_for(secs(100));
            let before = sim.database(nodes[0], ScopeId::Area(AreaId::BACKBONE));
            assert_eq!(sim.with(nodes[1], |ospf, now| ospf.prepare_restart(now)), Some(true));
            sim.run_for(secs(1));
            assert_eq!(
                sim.with(nodes[1], |ospf, now| ospf.shutdown(now)),
                Some(true),
                "all have acknowledged"
            );
            assert!(sim.nodes[0].ospf.neighbors(None)[0].helped.is_some(), "{version:?} {network:?}");
            sim.kill(nodes[1]);
            sim.run_for(secs(60));
            let held = sim.nodes[0].ospf.neighbors(None);
            assert_eq!(held.len(), 1, "longer than the dead interval");
            sim.revive(nodes[1], Some(secs(59)));
            sim.run_for(secs(58));
            assert_eq!(sim.nodes[1].restarts, [true], "{version:?} {network:?} {}", state(&sim, 1));
            let lost = |n: usize| sim.nodes[n].changes.iter().filter(|c| c.to == NeighborState::Down).count();
            assert_eq!((lost(0), lost(2)), (0, 0), "{version:?} {network:?}");
            sim.run_for(secs(30));
            assert_eq!(sim.differing(AreaId::BACKBONE), None);
            let after = sim.database(nodes[0], ScopeId::Area(AreaId::BACKBONE));
            assert_eq!(
                before.keys().collect::<Vec<_>>(),
                after.keys().collect::<Vec<_>>(),
                "{version:?} {network:?}"
            );
            assert!(sim.nodes[0].ospf.neighbors(None)[0].helped.is_none());
        }
    }
}

#[test]
fn an_announced_restart_that_does_not_come_is_forgotten() {
    let mut sim = OspfSim::new(Version::V3, 21);
    let nodes = [sim.node(), sim.node()];
    let link = sim.link(&nodes, NetworkType::PointToPoint, |_, _| {});
    for node in nodes {
        sim.configure(node, |config| {
            config.graceful.helper = true;
            config.graceful.restart = Some(secs(60));
        });
    }
    sim.run_for(secs(60));
    sim.with(nodes[0], |ospf, now| ospf.prepare_restart(now));
    sim.run_for(secs(10));
    assert!(sim.nodes[1].ospf.neighbors(None)[0].helped.is_some());
    assert!(sim.nodes[0].ospf.prepared_restart().is_some());
    sim.run_for(secs(60));
    assert!(sim.nodes[1].ospf.neighbors(None)[0].helped.is_none());
    assert!(sim.nodes[0].ospf.prepared_restart().is_none());
    assert_eq!(sim.neighbors_in(nodes[1], NeighborState::Full), 1);
    let lsdb = sim.nodes[1].ospf.lsdb();
    assert!(lsdb.scopes().flat_map(|scope| lsdb.scope(scope)).all(|(key, _)| key.kind.value() != 0x000b));
    let _ = link;
}

#[test]
fn help_ends_when_the_topology_changes() {
    let mut sim = OspfSim::new(Version::V2, 6);
    let nodes = [sim.node(), sim.node(), sim.node()];
    sim.link(&[nodes[0], nodes[1]], NetworkType::PointToPoint, |_, _| {});
    let far = sim.link(&[nodes[0], nodes[2]], NetworkType::PointToPoint, |_, _| {});
    for node in nodes {
        sim.configure(node, |config| {
            config.graceful.helper = true;
            config.graceful.restart = Some(secs(120));
        });
    }
    sim.run_for(secs(60));
    sim.with(nodes[1], |ospf, now| ospf.prepare_restart(now));
    sim.run_for(secs(1));
    sim.kill(nodes[1]);
    sim.run_for(secs(50));
    assert_eq!(sim.neighbors_in(nodes[0], NeighborState::Full), 2);
    sim.set_carrier(far, false);
    sim.run_for(secs(2));
    assert_eq!(sim.neighbors_in(nodes[0], NeighborState::Full), 0, "{}", state(&sim, 0));
}

#[test]
fn the_same_configuration_twice_is_no_event() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 7);
        let nodes = [sim.node(), sim.node()];
        sim.link(&nodes, NetworkType::Broadcast, |_, _| {});
        sim.run_for(secs(60));
        let sent = sim.nodes[0].sent;
        sim.configure(nodes[0], |_| {});
        assert_eq!(sim.nodes[0].sent, sent);
        let changes = sim.nodes[0].changes.len();
        sim.configure(nodes[0], |config| {
            config.interfaces.values_mut().for_each(|interface| interface.cost = 77);
        });
        sim.run_for(secs(20));
        assert_eq!(sim.nodes[0].changes.len(), changes, "a new cost leaves adjacencies alone");
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
    }
}

#[test]
fn own_lsas_are_flushed_at_the_end_and_superseded_after_it() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 8);
        let nodes = [sim.node(), sim.node(), sim.node()];
        sim.link(&nodes, NetworkType::Broadcast, |_, _| {});
        sim.run_for(secs(70));
        sim.with(nodes[2], |ospf, now| ospf.shutdown(now));
        sim.run_for(secs(2));
        assert_eq!(sim.with(nodes[2], |ospf, now| ospf.shutdown(now)), Some(true));
        let of = |sim: &OspfSim, node| {
            let database = sim.database(node, ScopeId::Area(AreaId::BACKBONE));
            database.keys().filter(|key| key.router == OspfSim::router_id(nodes[2])).count()
        };
        assert_eq!(of(&sim, nodes[0]), 0);
        sim.kill(nodes[2]);
        sim.revive(nodes[2], None);
        sim.run_for(secs(70));
        assert!(of(&sim, nodes[0]) > 0);
        // Without a farewell: sequence numbers go on where the last life ended.
        sim.kill(nodes[2]);
        sim.run_for(secs(5));
        sim.revive(nodes[2], None);
        sim.run_for(secs(90));
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
        assert!(of(&sim, nodes[0]) > 0);
    }
}

#[test]
fn lsas_are_refreshed_and_those_of_the_dead_age_away() {
    let mut sim = OspfSim::new(Version::V2, 9);
    let nodes = [sim.node(), sim.node(), sim.node()];
    sim.link(&[nodes[0], nodes[1]], NetworkType::PointToPoint, |_, _| {});
    sim.link(&[nodes[1], nodes[2]], NetworkType::PointToPoint, |_, _| {});
    sim.run_for(secs(60));
    let scope = ScopeId::Area(AreaId::BACKBONE);
    let before = sim.database(nodes[0], scope);
    sim.kill(nodes[2]);
    sim.run_for(secs(2000));
    let after = sim.database(nodes[0], scope);
    assert_eq!(after.len(), 3, "the dead router's LSA is not old enough yet");
    assert!(after.iter().filter(|(key, (sequence, _))| before[key].0 < *sequence).count() >= 2);
    sim.run_for(secs(1800));
    assert_eq!(sim.database(nodes[0], scope).len(), 2);
    assert_eq!(sim.nodes[0].ospf.lsdb().len(), 2, "and is gone");
    assert_eq!(sim.neighbors_in(nodes[0], NeighborState::Full), 1);
}

#[test]
fn every_role_on_a_lan_restarts_gracefully() {
    for version in BOTH {
        for role in 0..4 {
            let mut sim = OspfSim::new(version, 16);
            let nodes: Vec<NodeId> = (0..4).map(|_| sim.node()).collect();
            sim.link(&nodes, NetworkType::Broadcast, |member, config| config.priority = [4, 3, 2, 0][member]);
            for node in &nodes {
                sim.configure(*node, |config| {
                    config.graceful.helper = true;
                    config.graceful.restart = Some(secs(120));
                });
            }
            sim.run_for(secs(100));
            let states = |sim: &OspfSim| -> Vec<_> {
                sim.nodes.iter().map(|n| n.ospf.interfaces()[0].state).collect()
            };
            let before = states(&sim);
            sim.with(nodes[role], |ospf, now| ospf.prepare_restart(now));
            sim.run_for(secs(1));
            sim.kill(nodes[role]);
            sim.run_for(secs(10));
            sim.revive(nodes[role], Some(secs(100)));
            sim.run_for(secs(99));
            assert_eq!(sim.nodes[role].restarts, [true], "{version:?} {role} {}", state(&sim, role));
            for (n, node) in sim.nodes.iter().enumerate().filter(|(n, _)| *n != role) {
                let lost = node.changes.iter().filter(|c| c.to == NeighborState::Down).count();
                assert_eq!(lost, 0, "{version:?} {role}: {n} lost it");
            }
            assert_eq!(states(&sim), before, "{version:?} {role}");
            sim.run_for(secs(30));
            assert_eq!(sim.differing(AreaId::BACKBONE), None);
        }
    }
}

#[test]
fn many_on_one_network_of_every_kind() {
    for version in BOTH {
        for (network, size) in [
            (NetworkType::Broadcast, 24),
            (NetworkType::NonBroadcast, 6),
            (NetworkType::PointToMultipoint, 6),
            (NetworkType::PointToMultipointNonBroadcast, 6),
        ] {
            let mut sim = OspfSim::new(version, 17);
            let nodes: Vec<NodeId> = (0..size).map(|_| sim.node()).collect();
            let link = sim.link(&nodes, network, |_, _| {});
            let faults =
                Faults { latency: Duration::from_millis(2), jitter: Duration::from_millis(9), loss: 20 };
            sim.set_faults(link, faults);
            sim.run_for(secs(180));
            assert_eq!(sim.differing(AreaId::BACKBONE), None, "{version:?} {network:?}");
            let expected = match network {
                NetworkType::Broadcast | NetworkType::NonBroadcast => 2 * (size - 1) + 2 * (size - 2),
                _ => size * (size - 1),
            };
            let full = |sim: &OspfSim| {
                nodes.iter().map(|n| sim.neighbors_in(*n, NeighborState::Full)).sum::<usize>()
            };
            assert_eq!(full(&sim), expected, "{version:?} {network:?}");
            // The one that leads dies, or anyone.
            let states: Vec<_> = sim.nodes.iter().map(|n| n.ospf.interfaces()[0].state).collect();
            let victim = NodeId(states.iter().position(|s| *s == InterfaceState::Dr).unwrap_or(0));
            sim.kill(victim);
            sim.run_for(secs(200));
            sim.revive(victim, None);
            sim.run_for(secs(200));
            assert_eq!(sim.differing(AreaId::BACKBONE), None, "{version:?} {network:?} afterwards");
            assert_eq!(full(&sim), expected, "{version:?} {network:?} afterwards");
        }
    }
}
