//! Routes in a real kernel, in a namespace of the test's own, checked with iproute2.

use std::time::{Duration, Instant};

use crate::common::{Router, in_namespace, ip, ip_json, kernel_routes, set, two_links, via, wait_carrier};
use ferr_kernel::{Dumper, FibWriter, MonitorOptions, OwnPart, OwnRoute, Requester, set_sysctl, sysctl};
use ferr_rib::RibConfig;
use ferr_types::{Afi, BlackholeKind, Nexthop, Protocol, RouteUpdate, TableId};

fn many(count: u32, protocol: Protocol, ways: &[Nexthop]) -> Vec<RouteUpdate> {
    let prefix = |i: u32| format!("{}.{}.{}.0/24", 20 + (i >> 16), i >> 8 & 255, i & 255);
    (0..count).map(|i| set(&prefix(i), protocol, 20, ways)).collect()
}

fn count(query: &str) -> usize {
    ip(query).lines().count()
}

#[test]
fn installs_replaces_and_deletes_twenty_thousand() {
    in_namespace(|| {
        two_links();
        let mut router = Router::start();
        router.rib.apply(Instant::now(), &many(20_000, Protocol::Bgp, &[via("10.0.0.2")]));
        router.flush();
        assert_eq!(count("route show proto bgp metric 20"), 20_000);
        assert!(router.installed("20.0.7.0/24"));
        let route = &ip_json("route show 20.0.7.0/24")[0];
        assert_eq!((route["gateway"].as_str(), route["dev"].as_str()), (Some("10.0.0.2"), Some("a0")));

        let both = [via("10.0.0.3"), via("10.0.1.2")];
        router.rib.apply(Instant::now(), &many(20_000, Protocol::Bgp, &both));
        router.flush();
        let route = &ip_json("route show 20.0.7.0/24")[0];
        assert_eq!(route["nexthops"].as_array().map(Vec::len), Some(2), "{route}");
        assert_eq!(count("nexthop show"), 3, "the first group and its member are gone");

        router.rib.sweep(Protocol::Bgp, None, None);
        router.flush();
        assert_eq!(count("route show metric 20"), 0);
        assert_eq!(count("nexthop show"), 0);
        assert_eq!(router.lost, 0, "echoes of our own operations are not losses");
    });
}

#[test]
fn kinds_of_routes() {
    in_namespace(|| {
        two_links();
        for objects in [true, false] {
            let config = RibConfig { nexthop_objects: objects, ..RibConfig::default() };
            let mut router = Router::start_with(config, MonitorOptions::default());
            router.set("30.0.0.0/8", Protocol::Static, 1, &[Nexthop::blackhole(BlackholeKind::Drop)]);
            router.set("31.0.0.0/8", Protocol::Static, 1, &[Nexthop::blackhole(BlackholeKind::Reject)]);
            router.set("32.0.0.0/8", Protocol::Static, 1, &[via("10.0.0.2"), via("10.0.1.2")]);
            router.set("33.0.0.0/8", Protocol::Bgp, 20, &[via("fd00:a::2")]);
            router.set("34.0.0.0/8", Protocol::Bgp, 200, &[via("32.1.1.1")]);
            let a0 = router.rib.link_by_name("a0").unwrap().ifindex;
            router.set(
                "35.0.0.0/8",
                Protocol::Static,
                1,
                &[Nexthop::interface(a0, ferr_types::VrfId::DEFAULT)],
            );
            router.set("2001:db8::/32", Protocol::Static, 1, &[via("fd00:a::2"), via("fd00:b::2")]);
            router.set("2001:db9::/32", Protocol::Static, 1, &[Nexthop::blackhole(BlackholeKind::Reject)]);
            let routes = kernel_routes("-4");
            let of = |dst: &str| &routes.iter().find(|r| r.0 == dst).unwrap_or_else(|| panic!("no {dst}")).1;
            assert_eq!(of("30.0.0.0/8")["type"], "blackhole");
            assert_eq!(of("31.0.0.0/8")["type"], "unreachable");
            assert_eq!(of("32.0.0.0/8")["nexthops"].as_array().map(Vec::len), Some(2));
            assert_eq!(of("33.0.0.0/8")["via"]["host"], "fd00:a::2");
            assert_eq!(of("34.0.0.0/8")["nexthops"].as_array().map(Vec::len), Some(2), "recursive");
            assert_eq!(of("34.0.0.0/8")["protocol"], "bgp");
            assert_eq!(of("35.0.0.0/8")["dev"], "a0");
            let routes6 = kernel_routes("-6");
            assert!(routes6.iter().any(|r| r.0 == "2001:db8::/32"), "{routes6:?}");
            assert!(
                routes6.iter().any(|r| r.0 == "2001:db9::/32" && r.1["type"] == "unreachable"),
                "{routes6:?}"
            );
            // From a blackhole to a group and back, in place.
            router.set("30.0.0.0/8", Protocol::Static, 1, &[via("10.0.0.2")]);
            assert_eq!(ip_json("route show 30.0.0.0/8")[0]["gateway"], "10.0.0.2");
            router.set("30.0.0.0/8", Protocol::Static, 1, &[Nexthop::blackhole(BlackholeKind::Drop)]);
            assert_eq!(ip_json("-d route show 30.0.0.0/8")[0]["type"], "blackhole");
            router.rib.withdraw_all();
            router.flush();
            assert_eq!(kernel_routes("-4"), []);
            assert_eq!(kernel_routes("-6"), []);
            assert_eq!(ip("nexthop show"), "");
        }
    });
}

#[test]
fn a_killed_run_is_adopted_and_its_rest_swept() {
    in_namespace(|| {
        two_links();
        let mut first = Router::start();
        first.rib.apply(Instant::now(), &many(1000, Protocol::Bgp, &[via("10.0.0.2")]));
        first.flush();
        drop(first);
        ip("route add 40.0.0.0/8 via 10.0.0.9 metric 20");

        let leftovers = Dumper::open().unwrap().leftovers().unwrap();
        let part = OwnPart { table: TableId(254), afi: Afi::Ipv4, protocol: 186 };
        assert_eq!(leftovers.routes, [(part, 1000)].into());
        assert_eq!(leftovers.nexthops.len(), 2);
        let mut second = Router::start();
        second.rib.apply(Instant::now(), &many(600, Protocol::Bgp, &[via("10.0.0.2")]));
        second.flush();
        assert_eq!(count("route show proto bgp metric 20"), 1000, "nothing was lost meanwhile");
        let mut dumper = Dumper::open_strict().unwrap();
        let (mut stray, mut others) = (Vec::new(), 0);
        let each = |r: OwnRoute| {
            if !second.rib.wants_fib_route(r.table, r.prefix) {
                stray.push((r.table, r.prefix, r.protocol));
            }
        };
        assert!(dumper.each_own_route(Some(186), each).unwrap());
        dumper.each_own_route(Some(196), |_| others += 1).unwrap();
        assert_eq!(others, 0, "routes of one protocol are asked for");
        assert_eq!(stray.len(), 400);
        assert_eq!(second.writer.sweep(&stray, &leftovers.nexthops), 0);
        assert_eq!(count("route show proto bgp metric 20"), 600);
        assert_eq!(count("nexthop show"), 2);
        assert_eq!(count("route show 40.0.0.0/8"), 1, "routes of others stay");
    });
}

#[test]
fn what_others_take_away_comes_back() {
    in_namespace(|| {
        two_links();
        let mut router = Router::start();
        router.set("20.0.0.0/24", Protocol::Static, 1, &[via("10.0.0.2")]);
        router.set("20.0.1.0/24", Protocol::Static, 1, &[via("10.0.0.2"), via("10.0.1.2")]);
        ip("route del 20.0.0.0/24 metric 20");
        router.run();
        assert_eq!(count("route show 20.0.0.0/24 metric 20"), 1);
        ip("route replace 20.0.0.0/24 via 10.0.1.7 metric 20");
        router.run();
        // A kernel route has distance 0: the replacement is respected while it stands.
        assert_eq!(ip_json("route show 20.0.0.0/24")[0]["gateway"], "10.0.1.7");
        ip("route del 20.0.0.0/24");
        router.run();
        assert_eq!(ip_json("route show 20.0.0.0/24")[0]["gateway"], "10.0.0.2");
        ip("nexthop flush");
        assert_eq!(count("route show metric 20"), 0);
        router.run();
        assert_eq!(ip_json("route show metric 20").len(), 2);
        assert_eq!(ip_json("route show 20.0.1.0/24")[0]["nexthops"].as_array().map(Vec::len), Some(2));
    });
}

#[test]
fn link_down_and_up() {
    in_namespace(|| {
        two_links();
        let mut router = Router::start();
        router.set("20.0.0.0/24", Protocol::Static, 1, &[via("10.0.0.2")]);
        router.set("20.0.1.0/24", Protocol::Static, 1, &[via("10.0.0.2"), via("10.0.1.2")]);
        router.set("20.0.2.0/24", Protocol::Bgp, 20, &[via("20.0.1.9")]);
        for down in ["link set a1 down", "link set a0 down"] {
            ip(down);
            wait_carrier("a0", false);
            router.run();
            assert_eq!(count("route show 20.0.0.0/24"), 0);
            assert!(!router.installed("20.0.0.0/24"));
            assert_eq!(ip_json("route show 20.0.1.0/24")[0]["gateway"], "10.0.1.2");
            assert_eq!(ip_json("route show 20.0.2.0/24")[0]["gateway"], "10.0.1.2");
            ip(&down.replace("down", "up"));
            wait_carrier("a0", true);
            router.run();
            assert_eq!(ip_json("route show 20.0.0.0/24")[0]["gateway"], "10.0.0.2", "after {down}");
            assert!(router.installed("20.0.0.0/24"));
            let ways =
                |dst: &str| ip_json(&format!("route show {dst}"))[0]["nexthops"].as_array().map(Vec::len);
            assert_eq!((ways("20.0.1.0/24"), ways("20.0.2.0/24")), (Some(2), Some(2)));
        }
        ip("link del a0");
        router.run();
        assert_eq!(count("route show 20.0.0.0/24"), 0);
        assert_eq!(ip_json("route show 20.0.1.0/24")[0]["gateway"], "10.0.1.2");
    });
}

#[test]
fn lost_events_lead_to_a_resync() {
    in_namespace(|| {
        two_links();
        let mut router = Router::start_with(RibConfig::default(), MonitorOptions { receive_buffer: 2048 });
        router.set("20.0.0.0/24", Protocol::Static, 1, &[via("10.0.0.2")]);
        let foreign = std::env::temp_dir().join(format!("ferr-routes-{}", std::process::id()));
        let lines: String =
            (0..3000).map(|i| format!("route add 50.{}.{}.0/24 via 10.0.1.9\n", i >> 8, i & 255)).collect();
        std::fs::write(&foreign, lines).unwrap();
        ip(&format!("-b {}", foreign.display()));
        std::fs::remove_file(&foreign).unwrap();
        ip("route del 20.0.0.0/24 metric 20");
        router.run();
        assert!(router.overruns > 0);
        let kernel = router.rib.summary(ferr_types::VrfId::DEFAULT, None, Afi::Ipv4);
        let row = kernel.rows.iter().find(|(p, _)| *p == Protocol::Kernel).map(|(_, r)| r.rib);
        assert_eq!(row, Some(3000));
        assert_eq!(count("route show 20.0.0.0/24"), 1);
    });
}

#[test]
fn refusals_are_told_one_by_one_and_tried_again() {
    in_namespace(|| {
        two_links();
        let mut writer = FibWriter::open().unwrap();
        assert!(writer.probe_nexthop_objects());
        let mut router = Router::start();
        // The address goes away without an event having been taken in: the kernel refuses the next hop.
        ip("addr del 10.0.0.1/24 dev a0");
        router.set("20.0.0.0/24", Protocol::Static, 1, &[via("10.0.0.2")]);
        router.set("20.0.1.0/24", Protocol::Static, 1, &[via("10.0.1.2")]);
        let failed = &router.rib.route(ferr_types::VrfId::DEFAULT, None, "20.0.0.0/24".parse().unwrap())[0];
        assert!(failed.failed.is_some() && !failed.installed);
        assert!(router.installed("20.0.1.0/24"));
        ip("addr add 10.0.0.1/24 dev a0");
        let at = router.rib.poll_timeout().unwrap();
        router.rib.handle_timeout(at + Duration::from_millis(1));
        router.flush();
        assert!(router.installed("20.0.0.0/24"));
        assert_eq!(count("route show 20.0.0.0/24"), 1);
    });
}

#[test]
fn requests_take_effect_and_events_come_back() {
    in_namespace(|| {
        ip("link add a0 type veth peer name a1");
        let mut router = Router::start();
        let (a0, a1) =
            (router.rib.link_by_name("a0").unwrap().ifindex, router.rib.link_by_name("a1").unwrap().ifindex);
        // The driver of these says so; the loopback device has none.
        let speed = |name: &str| router.rib.link_by_name(name).unwrap().speed;
        assert_eq!((speed("a0"), speed("lo")), (10_000, 0));
        let mut requester = Requester::open().unwrap();
        let addr = "10.9.0.1/24".parse().unwrap();
        requester.add_address(a0, addr).unwrap();
        requester.add_address(a0, addr).unwrap();
        for link in [a0, a1] {
            requester.set_link_up(link, true).unwrap();
        }
        router.run();
        assert!(router.installed("10.9.0.0/24"));
        requester.del_address(a0, addr).unwrap();
        assert!(requester.del_address(a0, addr).is_err());
        router.run();
        assert!(!router.installed("10.9.0.0/24"));
        requester.set_link_up(a1, false).unwrap();
        router.run();
        assert!(!router.rib.link(a0).unwrap().running);
        let name = ["net", "ipv4", "conf", "a0", "rp_filter"];
        set_sysctl(&name, "2").unwrap();
        assert_eq!(sysctl(&name).unwrap(), "2");
    });
}
