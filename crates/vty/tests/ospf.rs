//! OSPF through the sockets.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::Value;
use support::World;

#[test]
fn an_instance_is_chosen_by_vrf_and_number() {
    let world = World::with_ospf();
    let one = world.json("ospfd", "show ip ospf json");
    assert_eq!((one["routerId"].as_str(), one["attachedAreaCounter"].as_u64()), (Some("1.1.0.1"), Some(2)));
    let all = world.json("ospfd", "show ip ospf vrf all json");
    let keys: Vec<&String> = all.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["default", "red"]);
    assert_eq!(all["red"]["vrfId"], 10);
    assert_eq!(all["default"]["areas"], one["areas"]);
    let red = world.json("ospfd", "show ip ospf vrf red neighbor json");
    assert_eq!(red["red"]["neighbors"], Value::Object(Default::default()));
    assert_eq!(world.json("ospfd", "show ip ospf 5 json")["routerId"], "1.1.0.10");
    let vrfs = world.json("ospfd", "show ip ospf vrfs json");
    assert_eq!(vrfs["totalVrfs"], 2);
    let ask = |command: &str| world.ask("ospfd", command);
    assert_eq!(ask("show ip ospf vrf nope"), "% OSPF is not enabled in vrf nope\n");
    assert_eq!(ask("show ip ospf vrf nope neighbor json"), "{}\n");
    assert!(ask("show ip ospf 6 neighbor").contains("instance that is not running"));
    assert!(ask("show ip ospf vrf all").starts_with("VRF Name: default\n OSPF Routing Process"));
    assert_eq!(world.ask("ospf6d", "show ipv6 ospf6 vrf nope"), "% OSPFv3 instance not found\n");
    assert_eq!(world.ask("ospf6d", "show ipv6 ospf6 vrf nope json"), "{}\n");
}

#[test]
fn the_database_is_shown_by_type_and_router() {
    let world = World::with_ospf();
    let whole = world.json("ospfd", "show ip ospf database json");
    let count = |area: &str, list: &str| whole["areas"][area][list].as_array().map_or(0, Vec::len);
    assert_eq!((count("0.0.0.0", "routerLinkStates"), count("0.0.0.0", "networkLinkStates")), (2, 1));
    assert_eq!(whole["asExternalLinkStatesCount"], 1);
    let own = world.json("ospfd", "show ip ospf database self-originate json");
    let routers: Vec<&Value> = own["areas"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|a| a["routerLinkStates"].as_array().unwrap())
        .collect();
    assert!(routers.len() == 2 && routers.iter().all(|l| l["advertisedRouter"] == "1.1.0.1"));
    let one = world.ask("ospfd", "show ip ospf database router 1.1.0.2");
    assert!(one.contains("Advertising Router: 1.1.0.2") && !one.contains("Advertising Router: 1.1.0.1"));
    let of = world.json("ospfd", "show ip ospf database router adv-router 1.1.0.1 json");
    assert_eq!(of["Router Link States"]["0.0.0.1"]["1.1.0.1"]["linkStateId"], "1.1.0.1");
    let external = world.json("ospfd", "show ip ospf database external 0.0.0.0 adv-router 1.1.0.3 json");
    assert_eq!(external["AS External Link States"]["0.0.0.0"]["networkMask"], 0);
    let six = |command: &str| world.json("ospf6d", command);
    let lsas = |v: &Value| -> usize {
        let parts = v.as_object().unwrap().values().flat_map(|s| s.as_array().unwrap());
        parts.map(|p| p["lsa"].as_array().unwrap().len()).sum()
    };
    let all = lsas(&six("show ipv6 ospf6 database dump json"));
    let router = lsas(&six("show ipv6 ospf6 database router dump json"));
    assert!(all > 10 && router == 4, "{all} {router}");
    let of = six("show ipv6 ospf6 database adv-router * 1.1.0.3 detail json");
    let text = of.to_string();
    assert!(text.contains("1.1.0.3") && !text.contains("\"advertisingRouter\":\"1.1.0.2\""), "{text}");
    let one = six("show ipv6 ospf6 database router 0.0.0.0 1.1.0.3 dump json");
    assert_eq!(lsas(&one), 1);
    assert_eq!(lsas(&six("show ipv6 ospf6 database * 0.0.0.0 1.1.0.3 dump json")), {
        let by_words = six("show ipv6 ospf6 database adv-router 1.1.0.3 linkstate-id 0.0.0.0 dump json");
        lsas(&by_words)
    });
}

#[test]
fn routes_and_trees_are_shown() {
    let world = World::with_ospf();
    let routes = world.json("ospfd", "show ip ospf route json");
    assert_eq!(routes["10.0.0.0/24"]["routeType"], "N");
    assert_eq!(routes["0.0.0.0/0"]["routeType"], "N E2");
    assert_eq!(routes["1.1.0.3"]["routerType"], "asbr");
    let six = world.json("ospf6d", "show ipv6 ospf6 route json");
    assert_eq!(six["routes"]["2001:db8::/64"]["pathType"], "IA");
    assert_eq!(six["routes"]["::/0"]["pathType"], "E2");
    let summary = world.json("ospf6d", "show ipv6 ospf6 route summary json");
    assert_eq!(
        (summary["numberOfOspfv3Routes"].as_u64(), summary["numberOfIntraAreaRoutes"].as_u64()),
        (Some(3), Some(2))
    );
    let one = world.ask("ospf6d", "show ipv6 ospf6 route 2001:db8::7");
    assert!(one.starts_with("Destination: 2001:db8::/64\n"), "{one}");
    let tree = world.ask("ospf6d", "show ipv6 ospf6 area 0.0.0.1 spf tree");
    assert_eq!(tree, "+-1.1.0.1 [0]\n   +-1.1.0.3 [10]\n");
}

/// All commands that show something, in each form: they are known, succeed, and their JSON can be read.
#[test]
fn every_command_answers() {
    let world = World::with_ospf();
    let v2 = [
        "",
        "vrfs",
        "neighbor",
        "neighbor all",
        "neighbor detail",
        "neighbor detail all",
        "neighbor 1.1.0.2",
        "neighbor 1.1.0.2 detail",
        "neighbor eth0",
        "neighbor eth0 detail",
        "interface",
        "interface eth0",
        "interface nope",
        "interface traffic",
        "interface traffic eth0",
        "database",
        "database router",
        "database network",
        "database summary",
        "database asbr-summary",
        "database external",
        "database nssa-external",
        "database opaque-link",
        "database opaque-area",
        "database opaque-as",
        "database max-age",
        "database self-originate",
        "database network self-originate",
        "route",
        "route detail",
        "border-routers",
        "graceful-restart helper",
        "graceful-restart helper detail",
        "summary-address",
        "summary-address detail",
        "mpls ldp-sync",
    ];
    let v3 = [
        "",
        "vrfs",
        "neighbor",
        "neighbor detail",
        "neighbor drchoice",
        "neighbor 1.1.0.2",
        "interface",
        "interface eth0",
        "interface nope",
        "interface prefix",
        "interface eth0 prefix",
        "interface prefix detail",
        "interface traffic",
        "database",
        "database detail",
        "database dump",
        "database internal",
        "database link detail",
        "database intra-prefix",
        "database as-external",
        "database type-7",
        "database group-membership",
        "database self-originated",
        "database router self-originated dump",
        "database linkstate-id 0.0.0.0",
        "database adv-router 1.1.0.3",
        "route",
        "route detail",
        "route intra-area",
        "route external-2 detail",
        "route summary",
        "route 2001:db8::1",
        "route 2001:db8::/64",
        "route 2001:db8::/32 longer",
        "route 2001:db8::/64 match",
        "spf tree",
        "redistribute",
        "summary-address",
        "graceful-restart helper",
        "graceful-restart helper detail",
        "zebra",
    ];
    let v2 = v2.map(|rest| ("ospfd", format!("show ip ospf {rest}")));
    let v3 = v3.map(|rest| ("ospf6d", format!("show ipv6 ospf6 {rest}")));
    for (daemon, command) in v2.into_iter().chain(v3) {
        world.ask(daemon, &command);
        world.json(daemon, &format!("{command} json"));
    }
    for (daemon, command) in [
        ("ospfd", "show ip ospf reachable-routers"),
        ("ospfd", "show ip ospf mpls-te database"),
        ("ospfd", "show ip ospf mpls-te router"),
        ("ospfd", "show ip ospf router-info"),
        ("ospf6d", "show ipv6 ospf6 border-routers"),
        ("ospf6d", "show ipv6 ospf6 border-routers detail"),
        ("ospf6d", "show ipv6 ospf6 linkstate detail"),
        ("ospf6d", "show ipv6 ospf6 linkstate router 1.1.0.2"),
        ("ospf6d", "show ipv6 ospf6 linkstate network 1.1.0.2 0.0.0.1"),
    ] {
        world.ask(daemon, command);
    }
}

#[test]
fn clear_resets() {
    let world = World::with_ospf();
    let full = |daemon: &str, command: &str| world.ask(daemon, command).matches("Full/").count();
    assert_eq!(full("ospfd", "show ip ospf neighbor"), 2);
    world.ask("ospfd", "clear ip ospf interface nope");
    world.ask("ospfd", "clear ip ospf 5 process");
    world.ask("ospfd", "clear ip ospf vrf red process");
    assert_eq!(full("ospfd", "show ip ospf neighbor"), 2);
    world.ask("ospfd", "clear ip ospf neighbor 1.1.0.2");
    assert_eq!(full("ospfd", "show ip ospf neighbor"), 1);
    world.ask("ospfd", "clear ip ospf process");
    assert_eq!(full("ospfd", "show ip ospf neighbor"), 0);
    assert_eq!(full("ospf6d", "show ipv6 ospf6 neighbor"), 2);
    world.ask("ospf6d", "clear ipv6 ospf6 process");
    assert_eq!(full("ospf6d", "show ipv6 ospf6 neighbor"), 0);
}

#[test]
fn what_is_gathered_and_redistributed_is_counted() {
    let world = World::with_ospf();
    let gathered = world.json("ospfd", "show ip ospf vrf red summary-address json");
    assert_eq!(gathered["red"]["198.51.0.0/16"]["externalRouteCount"], 2);
    let text = world.ask("ospfd", "show ip ospf vrf red summary-address");
    assert!(text.contains("198.51.0.0/16       E2              20         0           2 "), "{text}");
    let six = |what: &str| world.json("ospf6d", &format!("show ipv6 ospf6 vrf red {what} json"));
    assert_eq!(six("summary-address")["red"]["2001:db8::/32"]["externalRouteCount"], 2);
    let sources = six("redistribute");
    assert_eq!(sources["redistributedRoutes"][0]["routeType"], "static");
    assert_eq!(sources["redistributedRoutes"][0]["numberOfRoutes"], 3);
    let text = world.ask("ospf6d", "show ipv6 ospf6 vrf red redistribute");
    assert!(text.contains("    3: static\n"), "{text}");
}
