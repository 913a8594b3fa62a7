//! Keys, their order, and line forms against answers recorded from FRR 8.4.4.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::Value;
use support::World;

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/data/frr-8.4.4/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The first of possibly several values in a recorded answer.
fn recorded_json(name: &str) -> Value {
    let text = recorded(name);
    serde_json::Deserializer::from_str(&text).into_iter().next().unwrap().unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object")).keys().map(String::as_str).collect()
}

/// The keys that both have are in the same order; ours are known to FRR but for `more`; FRR's are all here but for `less`.
fn same_keys(ours: &Value, theirs: &Value, more: &[&str], less: &[&str]) {
    let (a, b) = (keys(ours), keys(theirs));
    let extra: Vec<&&str> = a.iter().filter(|k| !b.contains(k) && !more.contains(k)).collect();
    let missing: Vec<&&str> = b.iter().filter(|k| !a.contains(k) && !less.contains(k)).collect();
    assert!(extra.is_empty(), "keys that FRR does not have: {extra:?}");
    assert!(missing.is_empty(), "keys that are missing: {missing:?}");
    let common = |list: &[&str], other: &[&str]| -> Vec<String> {
        list.iter().filter(|k| other.contains(k)).map(ToString::to_string).collect()
    };
    assert_eq!(common(&a, &b), common(&b, &a), "order");
}

/// The same kinds of values under the keys that both have.
fn same_kinds(ours: &Value, theirs: &Value) {
    for (key, value) in ours.as_object().unwrap() {
        let Some(other) = theirs.get(key) else { continue };
        assert_eq!(
            std::mem::discriminant(value),
            std::mem::discriminant(other),
            "{key}: {value} and {other} are of different kinds"
        );
    }
}

fn alike(ours: &Value, theirs: &Value, more: &[&str], less: &[&str]) {
    same_keys(ours, theirs, more, less);
    same_kinds(ours, theirs);
}

#[test]
fn bgp_summary() {
    let world = World::new();
    let ours = world.json("bgpd", "show bgp ipv4 unicast summary json");
    let theirs = recorded_json("show_bgp_ipv4_unicast_summary_json");
    alike(&ours, &theirs, &[], &["peerGroupCount", "peerGroupMemory"]);
    alike(&ours["peers"]["10.255.0.2"], &theirs["peers"]["10.0.12.2"], &[], &[]);
    alike(&ours["peers"]["10.0.12.77"], &theirs["peers"]["10.0.12.78"], &[], &[]);
    let line = |text: &str, start: &str| text.lines().find(|l| l.starts_with(start)).unwrap().to_owned();
    let (a, b) = (world.ask("bgpd", "show ip bgp summary"), recorded("show_ip_bgp_summary"));
    assert_eq!(line(&a, "Neighbor"), line(&b, "Neighbor"));
    let admin = |text: &str, addr: &str| line(text, addr).split_off(15);
    assert_eq!(admin(&a, "10.0.12.77").replace("65077", "65078"), admin(&b, "10.0.12.78"));
}

#[test]
fn bgp_neighbors() {
    let world = World::new();
    let ours = world.json("bgpd", "show bgp neighbors 10.255.0.2 json");
    let ours = &ours["10.255.0.2"];
    let theirs = recorded_json("show_bgp_neighbors_10.0.12.2_json");
    let theirs = &theirs["10.0.12.2"];
    let reset = ["lastResetTimerMsecs", "lastResetDueTo", "lastResetCode"];
    alike(ours, theirs, &[], &reset);
    let long_lived = ["longLivedGracefulRestart", "longLivedGracefulRestartByPeer"];
    alike(&ours["neighborCapabilities"], &theirs["neighborCapabilities"], &[], &long_lived);
    alike(&ours["gracefulRestartInfo"], &theirs["gracefulRestartInfo"], &[], &[]);
    alike(&ours["messageStats"], &theirs["messageStats"], &[], &[]);
    alike(&ours["peerBfdInfo"], &theirs["peerBfdInfo"], &[], &[]);
    let policy = [
        "inboundSoftConfigPermit",
        "inboundPathPolicyConfig",
        "outboundPathPolicyConfig",
        "routeMapForIncomingAdvertisements",
        "routeMapForOutgoingAdvertisements",
    ];
    let family = |v: &Value| v["addressFamilyInfo"]["ipv4Unicast"].clone();
    alike(&family(ours), &family(theirs), &[], &policy);
    let ours = world.json("bgpd", "show ip bgp neighbors 10.0.12.77 json");
    let theirs = recorded_json("show_bgp_neighbors_10.0.12.77_json");
    let down = &theirs["10.0.12.77"];
    alike(&ours["10.0.12.77"], down, &["adminShutDown"], &["nextConnectTimerDueInMsecs"]);
}

#[test]
fn bgp_neighbor_text() {
    let world = World::new();
    let ours = world.ask("bgpd", "show bgp neighbors 10.255.0.2");
    let theirs = recorded("show_bgp_neighbors_10.0.12.2");
    // Lines whose text does not depend on the session must be lines of FRR as well.
    for line in [
        "  Local Role: undefined",
        "  Neighbor capabilities:",
        "    4 Byte AS: advertised and received",
        "    Route refresh: advertised and received(old & new)",
        "  Graceful restart information:",
        "    Local GR Mode: Helper*",
        "  Message statistics:",
        "                         Sent       Rcvd",
        "    Route Refresh:          0          0",
        " For address family: IPv4 Unicast",
        "  2 accepted prefixes",
        "  Community attribute sent to this neighbor(all)",
        "  External BGP neighbor may be up to 1 hops away.",
        "  BFD: Type: single hop",
        "  Detect Multiplier: 3, Min Rx interval: 300, Min Tx interval: 300",
    ] {
        assert!(ours.lines().any(|l| l == line), "ours lacks {line}");
        assert!(theirs.lines().any(|l| l == line), "theirs lacks {line}");
    }
}

#[test]
fn bgp_tables() {
    let world = World::new();
    let ours = world.json("bgpd", "show bgp ipv4 unicast json");
    let theirs = recorded_json("show_bgp_ipv4_unicast_json");
    alike(&ours, &theirs, &[], &[]);
    let (a, b) = (&ours["routes"]["10.50.2.0/24"][0], &theirs["routes"]["10.50.2.0/24"][0]);
    alike(a, b, &[], &["locPrf"]);
    alike(&a["nexthops"][0], &b["nexthops"][0], &[], &[]);
    let (a, b) = (&ours["routes"]["1.1.1.1/32"][0], &theirs["routes"]["1.1.1.1/32"][0]);
    alike(a, b, &[], &[]);
    alike(&a["nexthops"][0], &b["nexthops"][0], &[], &[]);
    let ours = world.json("bgpd", "show bgp ipv4 unicast 10.50.1.0/24 json");
    let theirs = recorded_json("show_bgp_ipv4_unicast_10.50.1.0_24_json");
    alike(&ours, &theirs, &[], &["advertisedTo"]);
    let (a, b) = (&ours["paths"][0], &theirs["paths"][0]);
    alike(a, b, &[], &["locPrf", "rpkiValidationState", "community"]);
    for part in ["aspath", "bestpath", "lastUpdate", "peer"] {
        alike(&a[part], &b[part], &[], &[]);
    }
    alike(&a["nexthops"][0], &b["nexthops"][0], &[], &[]);
    let ours = world.json("bgpd", "show ip bgp neighbors 10.255.0.2 advertised-routes json");
    let theirs = recorded_json("show_bgp_ipv4_unicast_neighbors_10.0.12.2_advertised-routes_json");
    alike(&ours, &theirs, &[], &[]);
    alike(&ours["advertisedRoutes"]["1.1.1.1/32"], &theirs["advertisedRoutes"]["1.1.1.1/32"], &[], &[]);
    let ours = world.json("bgpd", "show bgp vrfs json");
    let theirs = recorded_json("show_bgp_vrfs_json");
    alike(&ours["vrfs"]["default"], &theirs["vrfs"]["default"], &[], &[]);
}

#[test]
fn bgp_table_text() {
    let world = World::new();
    let (ours, theirs) = (world.ask("bgpd", "show ip bgp"), recorded("show_bgp_ipv4_unicast"));
    // The letter of origin validation stands in front where it runs.
    let row =
        |text: &str, skip: usize| text.lines().find(|l| l.contains("1.1.1.1/32")).unwrap()[skip..].to_owned();
    assert_eq!(row(&ours, 0), row(&theirs, 1));
    let head = |text: &str| text.lines().skip(2).take(7).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(head(&ours), head(&theirs));
}

#[test]
fn routes() {
    let world = World::new();
    let ours = world.json("zebra", "show ip route json");
    let theirs = recorded_json("show_ip_route_json");
    let find = |v: &Value, prefix: &str, protocol: &str| {
        let list = v[prefix].as_array().unwrap();
        list.iter().find(|r| r["protocol"] == protocol).unwrap().clone()
    };
    for (prefix, protocol) in [
        ("1.1.1.1/32", "connected"),
        ("10.50.1.0/24", "bgp"),
        ("10.94.0.0/24", "static"),
        ("10.96.0.0/24", "static"),
        ("10.98.0.0/24", "static"),
    ] {
        let (a, b) = (find(&ours, prefix, protocol), find(&theirs, prefix, protocol));
        // Routes without a kernel group have none; the lab's routes have tags that ours lack.
        alike(&a, &b, &[], &["nexthopGroupId", "installedNexthopGroupId", "tag"]);
        alike(&a["nexthops"][0], &b["nexthops"][0], &[], &[]);
    }
    let clock =
        |text: &str| text.lines().map(|l| l.rsplit_once(", ").map_or(l, |s| s.0).to_owned()).collect();
    let ours: Vec<String> = clock(&world.ask("zebra", "show ip route"));
    let theirs: Vec<String> = clock(&recorded("show_ip_route"));
    // A recursive route, which the recorded router had none of, has its second line further in.
    let known = [
        "C>* 1.1.1.1",
        "C>* 10.0.1",
        "S>* 10.94",
        "  *                    via 10.0.13.3",
        "S>* 10.96",
        "S>* 10.98",
    ];
    for line in ours.iter().filter(|l| known.iter().any(|p| l.starts_with(p))) {
        assert!(theirs.contains(line), "{line}");
    }
    let (a, b) = (world.ask("zebra", "show ip route 10.94.0.0/24"), recorded("show_ip_route_10.94.0.0_24"));
    assert_eq!(a, b);
}

#[test]
fn summaries_and_interfaces() {
    let world = World::new();
    let ours = world.json("zebra", "show ip route summary json");
    let theirs = recorded_json("show_ip_route_summary_json");
    alike(&ours, &theirs, &[], &[]);
    alike(&ours["routes"][0], &theirs["routes"][0], &[], &[]);
    let first = |text: &str| text.lines().next().unwrap().to_owned();
    let text = world.ask("zebra", "show ip route summary");
    assert_eq!(first(&text), first(&recorded("show_ip_route_summary")));
    let ours = world.json("zebra", "show interface json");
    let theirs = recorded_json("show_interface_json");
    alike(&ours["eth12"], &theirs["eth12"], &[], &["parentInterface"]);
    let block = |text: &str| text.lines().take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(block(&world.ask("zebra", "show interface brief")), block(&recorded("show_interface_brief")));
}

#[test]
fn lists() {
    let world = World::new();
    for (daemon, command, file) in [
        ("zebra", "show ip prefix-list json", "show_ip_prefix-list_json"),
        ("zebra", "show ip prefix-list detail json", "show_ip_prefix-list_detail_json"),
        ("zebra", "show ip access-list json", "show_ip_access-list_json"),
        ("zebra", "show route-map RIN json", "show_route-map_RIN_json"),
        ("bgpd", "show bgp as-path-access-list json", "show_bgp_as-path-access-list_json"),
    ] {
        let ours = world.json(daemon, command);
        assert_eq!(ours.to_string(), recorded_json(file).to_string(), "{command}");
    }
}

#[test]
fn bfd() {
    let world = World::new();
    let own = [
        "type",
        "profile",
        "hop-mode-reason",
        "transmit-interval-actual",
        "detection-timeout",
        "detection-error-usec",
    ];
    let theirs = recorded_json("show_bfd_peer_2.2.2.2_multihop_local-address_1.1.1.1_json");
    let ours = world.json("bfdd", "show bfd peer 2.2.2.2 multihop local-address 1.1.1.1 json");
    alike(&ours, &theirs, &own, &[]);
    let list = |v: &Value| v.as_array().unwrap().clone();
    let of = |all: &[Value], status: &str| {
        all.iter().find(|p| p["status"] == status && p["multihop"] == false).unwrap().clone()
    };
    let (ours, theirs) =
        (list(&world.json("bfdd", "show bfd peers json")), list(&recorded_json("show_bfd_peers_json")));
    for status in ["down", "shutdown"] {
        // Theirs was given no interface or address.
        let learned = [&own[..], &["interface", "local"]].concat();
        alike(&of(&ours, status), &of(&theirs, status), &learned, &["interface", "local"]);
    }
    let counters = ["tx-fail-packet", "late-wakeups", "drops", "local", "interface"];
    let (ours, theirs) = ("show bfd peers counters json", "show_bfd_peers_counters_json");
    alike(
        &list(&world.json("bfdd", ours))[0],
        &list(&recorded_json(theirs))[0],
        &counters,
        &["local", "interface"],
    );
}

#[test]
fn bfd_text() {
    let world = World::new();
    // Numbers and addresses differ; words, blanks and order do not.
    let words = |text: &str| -> Vec<String> {
        text.lines().map(|l| l.split_once(": ").map_or(l, |(head, _)| head).to_owned()).collect()
    };
    let block = |text: &str, peer: &str| -> Vec<String> {
        let all = words(text);
        let from = all.iter().position(|l| l.contains(peer)).unwrap();
        all[from..].iter().take_while(|l| !l.is_empty()).cloned().collect()
    };
    let (ours, theirs) = (world.ask("bfdd", "show bfd peers"), recorded("show_bfd_peers"));
    assert_eq!(ours.lines().next(), theirs.lines().next());
    let (a, b) = (block(&ours, "peer 2.2.2.2"), block(&theirs, "peer 2.2.2.2"));
    assert_eq!(a[..b.len()], b);
    let (a, b) = (block(&ours, "peer fe80::2"), block(&theirs, "peer fe80::2"));
    assert_eq!(a[1..b.len()], b[1..]);
    let (ours, theirs) = (world.ask("bfdd", "show bfd peers counters"), recorded("show_bfd_peers_counters"));
    let (a, b) = (block(&ours, "peer 2.2.2.2"), block(&theirs, "peer 2.2.2.2"));
    assert_eq!(a[..b.len()], b);
    let (ours, theirs) = (world.ask("bfdd", "show bfd peers brief"), recorded("show_bfd_peers_brief"));
    let lines = |text: &str| text.lines().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&ours), lines(&theirs));
    let row = |text: &str| text.lines().find(|l| l.contains("2.2.2.2")).unwrap()[10..].to_owned();
    assert_eq!(row(&ours), row(&theirs));
}
