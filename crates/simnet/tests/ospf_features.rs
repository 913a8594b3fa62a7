//! What single interfaces and areas are configured to do, in networks of OSPF routers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ferr_ospf::config::{AreaKind, AuthConfig, Key, NetworkType, Nssa, Span, VirtualLink};
use ferr_ospf::wire::{Algorithm, AuthKey, Body, KeyUse, LinkType, LsaType, Password, Version};
use ferr_ospf::{Clear, InterfaceState, NeighborState, Notice, Refusal, ScopeId};
use ferr_simnet::NodeId;
use ferr_simnet::ospf::OspfSim;
use ferr_types::AreaId;

const BOTH: [Version; 2] = [Version::V2, Version::V3];

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn area(n: u8) -> AreaId {
    AreaId(Ipv4Addr::new(0, 0, 0, n))
}

fn full(sim: &OspfSim, node: NodeId) -> usize {
    sim.neighbors_in(node, NeighborState::Full)
}

fn pair(version: Version) -> (OspfSim, [NodeId; 2]) {
    let mut sim = OspfSim::new(version, 11);
    let nodes = [sim.node(), sim.node()];
    (sim, nodes)
}

fn refusals(sim: &OspfSim, node: NodeId) -> Vec<Refusal> {
    let refused = sim.nodes[node.0].notices.iter().filter_map(|notice| match notice {
        Notice::Refused { reason, .. } => Some(*reason),
        _ => None,
    });
    let mut refused: Vec<_> = refused.collect();
    refused.dedup();
    refused
}

/// One key, valid in the given span.
fn key(purpose: KeyUse, algorithm: Algorithm, id: u32, secret: &[u8], span: Span) -> Key {
    let key = Arc::new(AuthKey::new(purpose, algorithm, id, secret).unwrap());
    Key { key, send: span, accept: span }
}

#[test]
fn what_does_not_fit_is_refused_and_said() {
    type Change = fn(&mut ferr_ospf::config::InterfaceConfig);
    let cases: [(Version, Change, Refusal); 6] = [
        (Version::V2, |c| c.hello = Duration::from_secs(5), Refusal::HelloInterval),
        (Version::V3, |c| c.dead = Duration::from_secs(20), Refusal::DeadInterval),
        (Version::V2, |c| c.area = AreaId(Ipv4Addr::new(0, 0, 0, 9)), Refusal::Area),
        (Version::V3, |c| c.instance_id = 3, Refusal::Instance),
        (Version::V2, |c| c.mtu = 1400, Refusal::Mtu),
        (Version::V3, |c| c.mtu = 1400, Refusal::Mtu),
    ];
    for (version, change, reason) in cases {
        let (mut sim, nodes) = pair(version);
        sim.link(&nodes, NetworkType::Broadcast, |member, config| {
            if member == 1 {
                change(config);
            }
        });
        sim.run_for(secs(70));
        assert_eq!(full(&sim, nodes[0]), 0, "{reason:?}");
        let said: Vec<Refusal> = nodes.iter().flat_map(|node| refusals(&sim, *node)).collect();
        assert!(said.contains(&reason), "{reason:?} {said:?}");
    }
}

#[test]
fn kinds_of_area_have_to_agree() {
    for version in BOTH {
        let (mut sim, nodes) = pair(version);
        sim.link(&nodes, NetworkType::PointToPoint, |_, config| config.area = area(1));
        sim.configure(nodes[0], |config| {
            config.areas.get_mut(&area(1)).unwrap().kind = AreaKind::Stub { no_summary: false };
        });
        sim.run_for(secs(60));
        assert_eq!(refusals(&sim, nodes[1]), [Refusal::Options]);
        sim.configure(nodes[1], |config| {
            config.areas.get_mut(&area(1)).unwrap().kind = AreaKind::Stub { no_summary: false };
        });
        sim.run_for(secs(30));
        assert_eq!(full(&sim, nodes[0]), 1);
        let changes = sim.nodes[0].changes.len();
        sim.configure(nodes[0], |config| {
            config.areas.get_mut(&area(1)).unwrap().kind = AreaKind::Stub { no_summary: true };
        });
        assert_eq!(sim.nodes[0].changes.len(), changes, "nothing that a neighbor sees");
        for node in nodes {
            sim.configure(node, |config| {
                config.areas.get_mut(&area(1)).unwrap().kind = AreaKind::Nssa(Nssa::default());
            });
        }
        sim.run_for(secs(60));
        assert_eq!(full(&sim, nodes[0]), 1);
        assert_eq!(sim.differing(area(1)), None);
    }
}

#[test]
fn authentication_of_every_kind() {
    let open = Span::default();
    let kinds: [(Version, AuthConfig); 5] = [
        (Version::V2, AuthConfig::Simple(Arc::new(Password::new(b"secret").unwrap()))),
        (Version::V2, AuthConfig::Keys(vec![key(KeyUse::V2, Algorithm::KeyedMd5, 1, b"secret", open)])),
        (Version::V2, AuthConfig::Keys(vec![key(KeyUse::V2, Algorithm::HmacSha256, 7, b"secret", open)])),
        (
            Version::V2,
            AuthConfig::Keys(vec![key(KeyUse::V2Extended, Algorithm::HmacSha512, 9, b"secret", open)]),
        ),
        (Version::V3, AuthConfig::Keys(vec![key(KeyUse::V3, Algorithm::HmacSha384, 3, b"secret", open)])),
    ];
    for (version, auth) in kinds {
        let (mut sim, nodes) = pair(version);
        let link = sim.link(&nodes, NetworkType::Broadcast, |_, config| config.auth = auth.clone());
        sim.run_for(secs(70));
        assert_eq!(full(&sim, nodes[0]), 1, "{auth:?}");
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
        assert!(refusals(&sim, nodes[0]).is_empty(), "{auth:?}");
        // A router that comes back counts on from a larger boot count.
        sim.kill(nodes[1]);
        sim.run_for(secs(2));
        sim.revive(nodes[1], None);
        sim.run_for(secs(70));
        assert_eq!(full(&sim, nodes[0]), 1, "{auth:?} after a restart");
        // Without the secret nothing is believed, and the adjacency ends.
        sim.configure(nodes[1], |config| {
            config.interfaces.values_mut().for_each(|interface| interface.auth = AuthConfig::None);
        });
        sim.run_for(secs(60));
        assert_eq!(full(&sim, nodes[0]), 0, "{auth:?}");
        assert!(refusals(&sim, nodes[0]).contains(&Refusal::Authentication));
        let _ = link;
    }
}

#[test]
fn keys_roll_over_without_a_loss_and_end_without_mercy() {
    for (version, purpose) in
        [(Version::V2, KeyUse::V2), (Version::V2, KeyUse::V2Extended), (Version::V3, KeyUse::V3)]
    {
        let (mut sim, nodes) = pair(version);
        let at = |n: u64| Some(sim.now() + secs(n));
        let old = Key {
            send: Span { from: None, until: at(200) },
            accept: Span { from: None, until: at(220) },
            ..key(purpose, Algorithm::HmacSha256, 1, b"old", Span::default())
        };
        let new = Key {
            send: Span { from: at(190), until: at(400) },
            accept: Span { from: at(180), until: at(420) },
            ..key(purpose, Algorithm::HmacSha256, 2, b"new", Span::default())
        };
        let auth = AuthConfig::Keys(vec![old, new]);
        sim.link(&nodes, NetworkType::PointToPoint, |_, config| config.auth = auth.clone());
        sim.run_for(secs(100));
        assert_eq!(full(&sim, nodes[0]), 1);
        sim.run_for(secs(250));
        assert_eq!(full(&sim, nodes[0]), 1, "{purpose:?}");
        assert_eq!(sim.nodes[0].changes.iter().filter(|c| c.to == NeighborState::Down).count(), 0);
        let sent = sim.nodes[0].sent;
        sim.run_for(secs(150));
        assert_eq!(full(&sim, nodes[0]), 0, "no key is valid any more");
        assert!(sim.nodes[0].sent - sent <= 8, "and nothing is sent without one");
    }
}

#[test]
fn sub_second_hellos_and_unnumbered_links() {
    let (mut sim, nodes) = pair(Version::V2);
    let link = sim.link(&nodes, NetworkType::PointToPoint, |member, config| {
        config.hello = Duration::from_millis(250);
        config.dead = secs(1);
        config.unnumbered = true;
        config.address = Some((
            Ipv4Addr::new(192, 168, 0, member as u8 + 1),
            ferr_types::Ipv4Prefix::host(Ipv4Addr::new(192, 168, 0, member as u8 + 1)),
        ));
    });
    sim.run_for(secs(10));
    assert_eq!(full(&sim, nodes[0]), 1);
    sim.set_up(link, false);
    sim.run_for(Duration::from_millis(1300));
    assert_eq!(sim.nodes[0].ospf.neighbors(None).len(), 0);
    sim.set_up(link, true);
    sim.run_for(secs(10));
    let (_, stored) = sim.nodes[0].ospf.lsdb().scope(ScopeId::Area(AreaId::BACKBONE)).next().unwrap();
    let Ok(Body::RouterV2(router)) = stored.lsa(Version::V2).unwrap().body() else { panic!("a router-LSA") };
    let links: Vec<_> = router.links.iter().map(|link| (link.kind, link.data)).collect();
    assert_eq!(links, [(LinkType::POINT_TO_POINT, Ipv4Addr::new(0, 0, 0, 1))]);
}

#[test]
fn a_virtual_link_joins_an_area_to_the_backbone() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 12);
        let nodes: Vec<NodeId> = (0..4).map(|_| sim.node()).collect();
        sim.link(&[nodes[0], nodes[1]], NetworkType::PointToPoint, |_, _| {});
        sim.link(&[nodes[1], nodes[2]], NetworkType::Broadcast, |_, config| config.area = area(1));
        sim.link(&[nodes[2], nodes[3]], NetworkType::PointToPoint, |_, config| config.area = area(2));
        for (node, other) in [(nodes[1], nodes[2]), (nodes[2], nodes[1])] {
            sim.configure(node, |config| {
                let link = VirtualLink {
                    hello: secs(10),
                    dead: secs(40),
                    retransmit: secs(5),
                    transmit_delay: 1,
                    auth: AuthConfig::None,
                };
                config.areas.get_mut(&area(1)).unwrap().virtual_links.insert(OspfSim::router_id(other), link);
            });
        }
        sim.run_for(secs(150));
        let states: Vec<_> =
            sim.nodes[1].ospf.neighbors(None).iter().map(|n| (n.interface, n.state)).collect();
        assert_eq!(full(&sim, nodes[1]), 3, "{states:?} {:?}", sim.nodes[1].notices);
        let prefix = match version {
            Version::V2 => ferr_types::Prefix::new(IpAddr::from([10, 0, 2, 0]), 24),
            Version::V3 => ferr_types::Prefix::new(IpAddr::from([0x2001, 0xdb8, 2, 0, 0, 0, 0, 0]), 64),
        };
        assert!(sim.nodes[0].rib.contains_key(&prefix.unwrap()), "{:?}", sim.nodes[0].rib.keys());
    }
}

#[test]
fn a_passive_interface_is_told_and_silent() {
    for version in BOTH {
        let (mut sim, nodes) = pair(version);
        sim.link(&nodes, NetworkType::Broadcast, |member, config| config.passive = member == 0);
        let sent = sim.nodes[0].sent;
        sim.run_for(secs(60));
        assert_eq!(sim.nodes[0].sent, sent);
        assert_eq!(sim.nodes[0].ospf.interfaces()[0].state, InterfaceState::Dr);
        assert_eq!(full(&sim, nodes[1]), 0);
        let told = sim.database(nodes[0], ScopeId::Area(AreaId::BACKBONE)).len();
        assert_eq!(told, if version == Version::V2 { 1 } else { 2 });
    }
}

#[test]
fn a_stub_router_says_so_and_stops() {
    let (mut sim, nodes) = pair(Version::V2);
    sim.link(&nodes, NetworkType::PointToPoint, |_, _| {});
    sim.run_for(secs(40));
    let metrics = |sim: &OspfSim| -> Vec<(LinkType, u16)> {
        let own = OspfSim::router_id(nodes[0]);
        let lsdb = sim.nodes[1].ospf.lsdb();
        let mut found = lsdb.of_type(ScopeId::Area(AreaId::BACKBONE), LsaType::ROUTER_V2);
        let (_, stored) = found.find(|(key, _)| key.router == own).unwrap();
        let Ok(Body::RouterV2(router)) = stored.lsa(Version::V2).unwrap().body() else {
            panic!("a router-LSA")
        };
        router.links.iter().map(|link| (link.kind, link.metric)).collect()
    };
    assert_eq!(metrics(&sim), [(LinkType::POINT_TO_POINT, 10), (LinkType::STUB, 10)]);
    sim.configure(nodes[0], |config| config.stub_router.administrative = true);
    sim.run_for(secs(6));
    assert_eq!(metrics(&sim), [(LinkType::POINT_TO_POINT, 0xffff), (LinkType::STUB, 10)]);
    assert!(sim.nodes[0].ospf.view(sim.now()).stub_router);
    sim.configure(nodes[0], |config| config.stub_router = ferr_ospf::config::StubRouter::default());
    sim.run_for(secs(6));
    assert_eq!(metrics(&sim)[0].1, 10);
    sim.configure(nodes[0], |config| config.stub_router.on_shutdown = Some(secs(10)));
    assert_eq!(sim.with(nodes[0], |ospf, now| ospf.shutdown(now)), Some(false));
    sim.run_for(secs(6));
    assert_eq!(metrics(&sim)[0].1, 0xffff);
    sim.run_for(secs(5));
    sim.with(nodes[0], |ospf, now| ospf.shutdown(now));
    sim.run_for(secs(1));
    assert_eq!(sim.database(nodes[1], ScopeId::Area(AreaId::BACKBONE)).len(), 1);
}

#[test]
fn priorities_decide_and_may_change() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 13);
        let nodes: Vec<NodeId> = (0..3).map(|_| sim.node()).collect();
        sim.link(&nodes, NetworkType::Broadcast, |member, config| config.priority = [5, 0, 9][member]);
        sim.run_for(secs(60));
        let state = |sim: &OspfSim, n: usize| sim.nodes[n].ospf.interfaces()[0].state;
        assert_eq!(state(&sim, 2), InterfaceState::Dr);
        assert_eq!(state(&sim, 0), InterfaceState::Backup);
        assert_eq!(state(&sim, 1), InterfaceState::DrOther);
        sim.configure(nodes[2], |config| {
            config.interfaces.values_mut().for_each(|interface| interface.priority = 0);
        });
        sim.run_for(secs(60));
        assert_eq!((state(&sim, 0), state(&sim, 2)), (InterfaceState::Dr, InterfaceState::DrOther));
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
    }
}

#[test]
fn bfd_carrier_and_clear_end_adjacencies_at_once() {
    for version in BOTH {
        let (mut sim, nodes) = pair(version);
        sim.link(&nodes, NetworkType::PointToPoint, |_, config| config.bfd = true);
        sim.run_for(secs(40));
        let peers = sim.nodes[0].ospf.bfd_peers();
        assert_eq!(peers.len(), 1);
        sim.with(nodes[0], |ospf, now| ospf.bfd_down(peers[0], now));
        assert_eq!(full(&sim, nodes[0]), 0);
        sim.run_for(secs(40));
        assert_eq!(full(&sim, nodes[0]), 1);
        sim.with(nodes[0], |ospf, now| ospf.link_down(peers[0].ifindex, now));
        assert_eq!(full(&sim, nodes[0]), 0);
        sim.configure(nodes[0], |_| {});
        sim.run_for(secs(60));
        assert_eq!(full(&sim, nodes[0]), 1);
        sim.with(nodes[0], |ospf, now| ospf.link_down(peers[0].ifindex, now));
        sim.with(nodes[0], |ospf, now| ospf.link_up(peers[0].ifindex, now));
        sim.run_for(secs(60));
        assert_eq!(full(&sim, nodes[0]), 1);
        sim.with(nodes[0], |ospf, now| ospf.clear(Clear::Process, now));
        assert_eq!(full(&sim, nodes[0]), 0);
        sim.run_for(secs(60));
        assert_eq!(full(&sim, nodes[0]), 1);
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
    }
}

#[test]
fn another_router_id_leaves_nothing_of_the_old_one() {
    for version in BOTH {
        let (mut sim, nodes) = pair(version);
        sim.link(&nodes, NetworkType::Broadcast, |_, _| {});
        sim.run_for(secs(60));
        let new = ferr_types::RouterId(Ipv4Addr::new(9, 9, 9, 9));
        sim.configure(nodes[0], |config| config.router_id = new);
        sim.run_for(secs(90));
        let database = sim.database(nodes[1], ScopeId::Area(AreaId::BACKBONE));
        assert!(database.keys().all(|key| key.router != OspfSim::router_id(nodes[0])), "{database:?}");
        assert!(database.keys().any(|key| key.router == new));
        assert_eq!(sim.differing(AreaId::BACKBONE), None);
    }
}

#[test]
fn a_router_that_comes_back_with_another_address_is_known_again_before_the_dead_interval() {
    let mut sim = OspfSim::new(Version::V3, 14);
    let nodes = [sim.node(), sim.node()];
    sim.link(&nodes, NetworkType::PointToPoint, |_, _| {});
    sim.run_for(secs(30));
    sim.configure(nodes[1], |config| {
        config.interfaces.values_mut().for_each(|interface| {
            interface.link_local = Some(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x99));
        });
    });
    sim.run_for(secs(31));
    assert_eq!(full(&sim, nodes[0]), 1);
}

#[test]
fn two_routers_with_one_id_are_told_and_the_first_stays() {
    for version in BOTH {
        let mut sim = OspfSim::new(version, 15);
        let nodes = [sim.node(), sim.node(), sim.node()];
        let id = OspfSim::router_id(nodes[1]);
        let lan = sim.link(&nodes, NetworkType::Broadcast, |_, _| {});
        sim.partition(lan, |node| u8::from(node == nodes[2]));
        sim.run_for(secs(70));
        sim.configure(nodes[2], |config| config.router_id = id);
        sim.partition(lan, |_| 0);
        sim.run_for(secs(60));
        let told = sim.nodes[0].notices.iter().any(|n| matches!(n, Notice::DuplicateRouterId { .. }));
        assert!(told, "{:?}", sim.nodes[0].notices);
        assert_eq!(full(&sim, nodes[0]), 1);
        let lost = |c: &&ferr_ospf::NeighborChange| c.router == id && c.to == NeighborState::Down;
        assert_eq!(sim.nodes[0].changes.iter().filter(lost).count(), 0);
    }
}

#[test]
fn a_router_with_very_many_links_is_told_in_pieces() {
    let mut sim = OspfSim::new(Version::V3, 18);
    let hub = sim.node();
    let spokes: Vec<NodeId> = (0..90).map(|_| sim.node()).collect();
    for spoke in &spokes {
        sim.link(&[hub, *spoke], NetworkType::PointToPoint, |_, _| {});
    }
    sim.run_for(secs(60));
    assert_eq!(full(&sim, hub), 90);
    assert_eq!(sim.differing(AreaId::BACKBONE), None);
    let database = sim.database(spokes[0], ScopeId::Area(AreaId::BACKBONE));
    let own = OspfSim::router_id(hub);
    let pieces = |kind: LsaType| database.keys().filter(|key| key.router == own && key.kind == kind).count();
    assert_eq!((pieces(LsaType::ROUTER_V3), pieces(LsaType::INTRA_AREA_PREFIX)), (2, 2));
    // Its own prefix is that of the hub's link, too.
    assert_eq!(sim.nodes[spokes[0].0].rib.len(), 90);
}

#[test]
fn suppressed_prefixes_are_not_told() {
    for version in BOTH {
        for network in [NetworkType::Broadcast, NetworkType::PointToPoint] {
            let mut sim = OspfSim::new(version, 19);
            let nodes = [sim.node(), sim.node(), sim.node()];
            sim.link(&nodes[..2], network, |_, config| config.prefix_suppression = true);
            sim.link(&nodes[1..], network, |_, _| {});
            sim.run_for(secs(80));
            assert_eq!(full(&sim, nodes[1]), 2);
            let prefix = |link: u16| match version {
                Version::V2 => ferr_types::Prefix::new(IpAddr::from([10, 0, link as u8, 0]), 24).unwrap(),
                Version::V3 => {
                    ferr_types::Prefix::new(IpAddr::from([0x2001, 0xdb8, link, 0, 0, 0, 0, 0]), 64).unwrap()
                }
            };
            assert!(sim.nodes[0].rib.contains_key(&prefix(1)), "{version:?} {network:?}: the way is there");
            assert!(!sim.nodes[2].rib.contains_key(&prefix(0)), "{version:?} {network:?}: the link is not");
        }
    }
}

/// An OSPFv3 LSA of a type that nobody knows.
fn strange(kind: u16, router: ferr_types::RouterId) -> Vec<u8> {
    use ferr_ospf::wire::{Age, LinkStateId, LsSequence, LsaHeader, LsaWriter, Options};
    let header = LsaHeader {
        age: Age(1),
        options: Options::empty(),
        kind: LsaType::V3(kind),
        id: LinkStateId(7),
        router,
        sequence: LsSequence::INITIAL,
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; 32];
    let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
    writer.raw(&[1, 2, 3, 4]).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

#[test]
fn unknown_types_go_as_far_as_they_say() {
    use ferr_ospf::wire::{Origin, UpdateWriter, seal_v3};
    let mut sim = OspfSim::new(Version::V3, 20);
    let nodes = [sim.node(), sim.node(), sim.node()];
    sim.link(&nodes[..2], NetworkType::PointToPoint, |_, _| {});
    sim.link(&nodes[1..], NetworkType::PointToPoint, |_, _| {});
    sim.run_for(secs(40));
    let (router, area) = (OspfSim::router_id(nodes[0]), AreaId::BACKBONE);
    let source = sim.nodes[0].ospf.interfaces()[0].config.link_local.unwrap();
    let group = std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 5);
    let mut buf = vec![0; 512];
    let origin = Origin { version: Version::V3, router, area, instance: 0 };
    let mut writer = UpdateWriter::new(&mut buf, &origin).unwrap();
    let kinds = [0x0123, 0x2123, 0x4123, 0x6123, 0x8123, 0xa123, 0xc123, 0xe123];
    for kind in kinds {
        writer.push(&strange(kind, router), ferr_ospf::wire::Age(1)).unwrap();
    }
    let len = writer.finish().unwrap();
    let len = seal_v3(&mut buf, len, &[], source, group).unwrap();
    sim.with(nodes[1], |ospf, now| {
        let received = ferr_ospf::Received {
            ifindex: ferr_types::IfIndex(1),
            source: source.into(),
            destination: group.into(),
            payload: &buf[..len],
        };
        ospf.receive(&received, now);
    });
    sim.run_for(secs(3));
    let has = |node: NodeId| -> Vec<u16> {
        let lsdb = sim.nodes[node.0].ospf.lsdb();
        let all = lsdb.scopes().flat_map(|scope| lsdb.scope(scope)).map(|(key, _)| key.kind.value());
        let mut all: Vec<u16> = all.filter(|kind| kind & 0x1fff == 0x123).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(has(nodes[1]), [0x0123, 0x2123, 0x4123, 0x8123, 0xa123, 0xc123]);
    assert_eq!(has(nodes[2]), [0xa123, 0xc123]);
}
