//! Networks of speakers under virtual time.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ferr_bgp::State;
use ferr_bgp::config::{NeighborConfig, Network};
use ferr_simnet::{NodeId, Sim};
use ferr_types::{Family, Prefix};

const SECOND: Duration = Duration::from_secs(1);

fn prefix(s: &str) -> Prefix {
    s.parse().unwrap()
}

fn announce(sim: &mut Sim, node: NodeId, prefixes: &[&str]) {
    let now = sim.now();
    let mut config = sim.nodes[node.0].bgp.config().clone();
    config.families[Family::Ipv4Unicast].networks =
        prefixes.iter().map(|p| Network { prefix: prefix(p), route_map: None, backdoor: false }).collect();
    sim.nodes[node.0].bgp.configure(config, now);
}

fn plain(_: NodeId, _: &mut NeighborConfig) {}

fn routes(sim: &Sim, node: NodeId) -> Vec<String> {
    sim.nodes[node.0].rib.keys().map(ToString::to_string).collect()
}

fn state(sim: &mut Sim, node: NodeId) -> State {
    sim.nodes[node.0].bgp.peer_views()[0].state
}

#[test]
fn two_routers_exchange_and_withdraw() {
    let mut sim = Sim::new(1, Duration::from_millis(5), Duration::ZERO);
    let (a, b) = (sim.add_node(65001, |_| {}), sim.add_node(65002, |_| {}));
    announce(&mut sim, a, &["192.0.2.0/24"]);
    sim.link(a, b, plain);
    sim.run_for(SECOND);
    assert_eq!(state(&mut sim, a), State::Established);
    assert_eq!(routes(&sim, b), ["192.0.2.0/24"]);
    announce(&mut sim, b, &["198.51.100.0/24"]);
    announce(&mut sim, a, &["192.0.2.0/24", "203.0.113.0/24"]);
    sim.run_for(SECOND);
    assert_eq!(routes(&sim, a), ["198.51.100.0/24"]);
    assert_eq!(routes(&sim, b), ["192.0.2.0/24", "203.0.113.0/24"]);
    announce(&mut sim, a, &["203.0.113.0/24"]);
    sim.run_for(SECOND);
    assert_eq!(routes(&sim, b), ["203.0.113.0/24"]);
}

#[test]
fn a_chain_prepends_and_the_shorter_path_wins() {
    let mut sim = Sim::new(2, Duration::from_millis(5), Duration::from_millis(3));
    let nodes: Vec<NodeId> = (0..4).map(|i| sim.add_node(65001 + i, |_| {})).collect();
    announce(&mut sim, nodes[0], &["192.0.2.0/24"]);
    // 0 - 1 - 2 - 3, and 0 - 3.
    for (x, y) in [(0, 1), (1, 2), (2, 3), (0, 3)] {
        sim.link(nodes[x], nodes[y], plain);
    }
    sim.run_for(5 * SECOND);
    let path = |sim: &mut Sim, n: NodeId| {
        let view = sim.nodes[n.0].bgp.route(Family::Ipv4Unicast, prefix("192.0.2.0/24")).unwrap();
        (view.paths[0].attributes().as_path.to_string(), view.paths.len())
    };
    assert_eq!(path(&mut sim, nodes[3]).0, "65001");
    assert_eq!(path(&mut sim, nodes[2]), ("65002 65001".into(), 2));
    sim.set_cut(nodes[0], nodes[3], true);
    sim.run_for(5 * SECOND);
    assert_eq!(path(&mut sim, nodes[3]), ("65003 65002 65001".into(), 1));
    sim.set_cut(nodes[0], nodes[3], false);
    sim.run_for(60 * SECOND);
    assert_eq!(path(&mut sim, nodes[3]).0, "65001");
}

#[test]
fn simultaneous_opens_settle_on_one_connection() {
    for seed in 0..50 {
        let mut sim = Sim::new(seed, Duration::from_millis(20), Duration::from_millis(15));
        let (a, b) = (sim.add_node(65001, |_| {}), sim.add_node(65001, |_| {}));
        announce(&mut sim, a, &["192.0.2.0/24"]);
        sim.link(a, b, plain);
        sim.run_for(10 * SECOND);
        let view = &sim.nodes[a.0].bgp.peer_views()[0];
        assert_eq!((view.state, view.dropped_count), (State::Established, 0), "seed {seed}");
        assert_eq!(routes(&sim, b), ["192.0.2.0/24"], "seed {seed}");
    }
}

#[test]
fn keepalives_hold_a_session_for_hours_and_a_silent_peer_is_dropped() {
    let mut sim = Sim::new(3, Duration::from_millis(5), Duration::ZERO);
    let (a, b) = (sim.add_node(65001, |_| {}), sim.add_node(65002, |_| {}));
    sim.link(a, b, |_, n| (n.keepalive, n.hold_time) = (3, 9));
    sim.run_for(3600 * SECOND * 5);
    let view = &sim.nodes[a.0].bgp.peer_views()[0];
    assert_eq!((view.state, view.dropped_count), (State::Established, 0));
}

#[test]
fn reflection_needs_a_client() {
    let mut sim = Sim::new(4, Duration::from_millis(5), Duration::ZERO);
    let (a, rr, c) = (sim.add_node(65001, |_| {}), sim.add_node(65001, |_| {}), sim.add_node(65001, |_| {}));
    announce(&mut sim, a, &["192.0.2.0/24"]);
    sim.link(a, rr, plain);
    let (at_rr, _) = sim.link(rr, c, plain);
    sim.run_for(5 * SECOND);
    assert!(routes(&sim, c).is_empty(), "iBGP routes do not pass a plain speaker");
    let now = sim.now();
    let mut config = sim.nodes[rr.0].bgp.neighbor(at_rr).unwrap().clone();
    config.families[Family::Ipv4Unicast].as_mut().unwrap().reflector_client = true;
    sim.nodes[rr.0].bgp.change_neighbor(at_rr, config, now);
    sim.run_for(30 * SECOND);
    let view = sim.nodes[c.0].bgp.route(Family::Ipv4Unicast, prefix("192.0.2.0/24")).unwrap();
    let attrs = view.paths[0].attributes();
    assert_eq!(attrs.originator_id.unwrap().to_string(), "10.255.0.1");
    assert_eq!(attrs.cluster_list.to_string(), "10.255.0.2");
    assert_eq!(attrs.next_hop.unwrap().global().to_string(), "10.255.0.1");
}

/// A restarted speaker says nothing before it has heard everything, and then says it all with its End-of-RIB.
#[test]
fn own_restart_defers_selection_until_the_peers_are_done() {
    use ferr_bgp::config::GracefulRestartMode;
    let restarting = |config: &mut ferr_bgp::config::InstanceConfig| {
        config.graceful_restart = GracefulRestartMode::Restart;
        config.select_defer_time = 100 * SECOND;
    };
    let mut sim = Sim::new(9, Duration::from_millis(5), Duration::ZERO);
    let (a, b, c) =
        (sim.add_node(65001, |_| {}), sim.add_node(65002, restarting), sim.add_node(65003, |_| {}));
    announce(&mut sim, a, &["192.0.2.0/24"]);
    sim.link(a, b, plain);
    sim.link(b, c, plain);
    sim.set_cut(b, c, true);
    sim.run_for(30 * SECOND);
    assert_eq!(state(&mut sim, a), State::Established);
    assert!(routes(&sim, b).is_empty(), "c has not been heard yet");
    sim.set_cut(b, c, false);
    sim.run_for(60 * SECOND);
    assert_eq!(routes(&sim, b), ["192.0.2.0/24"]);
    assert_eq!(routes(&sim, c), ["192.0.2.0/24"]);
    let views = sim.nodes[b.0].bgp.peer_views();
    assert!(views.iter().all(|v| v.families[Family::Ipv4Unicast].as_ref().unwrap().eor_sent));
}

/// Any order of the same events ends in the same tables.
#[test]
fn random_churn_ends_in_the_same_state() {
    let outcome = |seed: u64| {
        let mut sim = Sim::new(seed, Duration::from_millis(5), Duration::from_millis(10));
        let nodes: Vec<NodeId> = (0..6).map(|i| sim.add_node(65001 + i, |_| {})).collect();
        let links = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (1, 4)];
        for (x, y) in links {
            sim.link(nodes[x], nodes[y], plain);
        }
        for (i, n) in nodes.iter().enumerate() {
            announce(&mut sim, *n, &[&format!("10.{i}.0.0/16"), &format!("10.{i}.128.0/17")]);
        }
        for _ in 0..40 {
            let r = sim.random();
            let (x, y) = links[(r % 7) as usize];
            sim.set_cut(nodes[x], nodes[y], r & 0x100 != 0);
            sim.run_for(Duration::from_millis(r >> 10 & 0xfff));
        }
        for (x, y) in links {
            sim.set_cut(nodes[x], nodes[y], false);
        }
        sim.run_for(120 * SECOND);
        nodes
            .iter()
            .map(|n| {
                let (dests, _) =
                    sim.nodes[n.0].bgp.routes(Family::Ipv4Unicast, None, 100, &ferr_bgp::RouteFilter::All);
                let lengths = dests.iter().map(|d| d.paths[0].attributes().as_path.hop_count(false));
                (routes(&sim, *n), lengths.collect::<Vec<_>>())
            })
            .collect::<Vec<_>>()
    };
    let expected = outcome(100);
    assert!(expected.iter().all(|(r, _)| r.len() == 10), "{expected:?}");
    for seed in 101..116 {
        assert_eq!(outcome(seed), expected, "seed {seed}");
    }
}
