//! Routes between VRFs: `import vrf`, `nexthop-vrf`, beside FRR with the same configuration and the same neighbors.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ferr_testnet::rivals::{Frr, Rival};
use ferr_testnet::{Error, Ferrd, FerrdProgram, Host, Net, skipped, wait_until};
use ferr_vm_tests::{Entry, LINK_LOCAL, in_kernel, table};
use serde_json::Value;

use crate::set_up::vrf;

const LIMIT: Duration = Duration::from_secs(40);

/// We have VRF red (table 10) and blue (table 20), with a neighbor each, and the default one.
const OURS: &str = "\
vrf red
 ip route 10.77.0.0/16 192.0.2.2
exit-vrf
ip route 10.88.0.0/16 198.51.100.9
router bgp 65001
 bgp router-id 1.1.1.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 address-family ipv4 unicast
  redistribute static
  import vrf red
 exit-address-family
exit
router bgp 65001 vrf red
 bgp router-id 2.2.2.2
 no bgp ebgp-requires-policy
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 timers 3 9
 neighbor 192.0.2.2 timers connect 1
 neighbor 2001:db8:12::2 remote-as 65002
 neighbor 2001:db8:12::2 timers connect 1
 address-family ipv4 unicast
  no neighbor 2001:db8:12::2 activate
  redistribute connected
  redistribute static
  network 10.66.0.0/16
  import vrf blue
 exit-address-family
 address-family ipv6 unicast
  redistribute connected
  neighbor 2001:db8:12::2 activate
 exit-address-family
exit
route-map IMP deny 5
 match ip address prefix-list NOT66
exit
route-map IMP permit 10
 match source-vrf red
 set local-preference 222
exit
ip prefix-list NOT66 seq 5 permit 10.66.0.0/16
router bgp 65001 vrf blue
 bgp router-id 3.3.3.3
 no bgp ebgp-requires-policy
 neighbor 203.0.113.2 remote-as 65003
 neighbor 203.0.113.2 timers connect 1
 address-family ipv4 unicast
  redistribute connected
  import vrf route-map IMP
  import vrf red
 exit-address-family
 address-family ipv6 unicast
  import vrf red
 exit-address-family
exit
";

fn neighbor(asn: u32, us: &str, v4: &str, v6: &str) -> String {
    format!(
        "router bgp {asn}\n bgp router-id 9.9.9.9\n no bgp ebgp-requires-policy\n no bgp network import-check\n \
         neighbor {us} remote-as 65001\n neighbor {us} timers connect 1\n \
         address-family ipv4 unicast\n  {v4}\n exit-address-family\n{v6}exit\n"
    )
}

fn theirs() -> String {
    let v6 = " neighbor 2001:db8:12::1 remote-as 65001\n neighbor 2001:db8:12::1 timers connect 1\n \
              address-family ipv4 unicast\n  no neighbor 2001:db8:12::1 activate\n exit-address-family\n \
              address-family ipv6 unicast\n  neighbor 2001:db8:12::1 activate\n  network 2001:db8:2::/48\n exit-address-family\n";
    neighbor(65002, "192.0.2.1", "network 10.2.0.0/16\n  network 10.3.0.0/16", v6)
}

/// A machine with two VRFs, and a neighbor in each.
struct Place {
    us: Host,
    red: Option<Ferrd>,
    _blue: Ferrd,
    third: Host,
}

fn place(net: &Net, program: &FerrdProgram) -> Result<Place, Error> {
    let (us, them, third) = (net.host("us")?, net.host("them")?, net.host("third")?);
    net.link(&us, "eth0", &them, "eth0")?;
    net.link(&us, "eth1", &third, "eth0")?;
    vrf(&us, "red", 10)?;
    vrf(&us, "blue", 20)?;
    us.ip("link set eth0 master red")?;
    us.ip("link set eth1 master blue")?;
    us.ip("link add eth2 type dummy")?;
    us.ip("link set eth2 up")?;
    us.addr("eth2", "198.51.100.1/24")?;
    us.addr("eth0", "192.0.2.1/24")?;
    us.addr("eth0", "2001:db8:12::1/64")?;
    us.addr("eth1", "203.0.113.1/24")?;
    us.sysctl("net.ipv4.ip_forward", "1")?;
    them.addr("eth0", "192.0.2.2/24")?;
    them.addr("eth0", "2001:db8:12::2/64")?;
    them.addr("lo", "10.2.0.1/32")?;
    third.addr("eth0", "203.0.113.2/24")?;
    third.addr("lo", "10.33.0.1/32")?;
    let red = Some(Ferrd::start(&them, program, &theirs())?);
    let blue = neighbor(65003, "203.0.113.1", "network 10.33.0.0/16", "");
    let blue = Ferrd::start(&third, program, &blue)?;
    Ok(Place { us, red, _blue: blue, third })
}

fn same_link_local(text: &str) -> String {
    if text.starts_with("fe80:") { LINK_LOCAL.to_owned() } else { text.to_owned() }
}

/// Paths of a table, reduced to what two routers with the same input have in common.
fn paths(table: &Value) -> BTreeMap<String, Vec<String>> {
    let routes = table["routes"].as_object().into_iter().flatten();
    let path = |p: &Value| {
        let used = p["nexthops"].as_array().into_iter().flatten().find(|n| n["used"] == true);
        let nexthop = same_link_local(used.and_then(|n| n["ip"].as_str()).unwrap_or_default());
        let of = |key: &str| format!(" {key}={}", p[key]);
        let keys = [
            "valid",
            "bestpath",
            "nhVrfName",
            "announceNexthopSelf",
            "path",
            "origin",
            "weight",
            "locPrf",
            "metric",
            "peerId",
            "pathFrom",
        ];
        // The neighbor is another address in each family, and link-local ones differ.
        nexthop + &keys.map(of).concat()
    };
    routes
        .map(|(prefix, list)| {
            let mut all: Vec<String> = list.as_array().into_iter().flatten().map(path).collect();
            all.sort();
            (prefix.clone(), all)
        })
        .collect()
}

/// Next hops of all routes of a VRF, as its table is shown.
fn ways(routes: &Value) -> BTreeMap<String, Vec<String>> {
    let way = |hop: &Value| {
        let gateway = same_link_local(hop["ip"].as_str().unwrap_or("direct"));
        format!("{gateway} {} {} {}", hop["interfaceName"], hop["vrf"], hop["active"])
    };
    let selected = |list: &Value| {
        let route = list.as_array()?.iter().find(|r| r["selected"] == true)?;
        let mut all: Vec<String> = route["nexthops"].as_array().into_iter().flatten().map(way).collect();
        all.push(format!("{} [{}/{}]", route["protocol"], route["distance"], route["metric"]));
        Some(all)
    };
    let ours = |(prefix, _): &(&String, &Value)| !prefix.starts_with("fe80");
    let all = routes.as_object().into_iter().flatten();
    all.filter(ours).filter_map(|(prefix, list)| Some((prefix.clone(), selected(list)?))).collect()
}

/// Paths of one prefix with all their keys but those that differ on purpose or from run to run.
fn details(prefix: &Value) -> Vec<String> {
    let path = |path: &Value| {
        let mut path = path.clone();
        let object = path.as_object_mut()?;
        for key in ["lastUpdate", "version", "originatorId", "nhVrfId", "bestpath"] {
            object.remove(key);
        }
        for nexthop in object.get_mut("nexthops").and_then(Value::as_array_mut)? {
            nexthop.as_object_mut()?.remove("hostname");
        }
        // Keys stand in another order.
        let sorted: BTreeMap<String, Value> = serde_json::from_value(path).ok()?;
        Some(format!("{sorted:?}"))
    };
    let mut all: Vec<String> = prefix["paths"].as_array().into_iter().flatten().filter_map(path).collect();
    all.sort();
    all
}

/// Everything that is compared.
#[derive(Debug, PartialEq)]
struct Picture {
    bgp: Vec<BTreeMap<String, Vec<String>>>,
    zebra: Vec<BTreeMap<String, Vec<String>>>,
    kernel: Vec<Vec<Entry>>,
}

const BGP: [&str; 4] = [
    "show bgp ipv4 unicast json",
    "show bgp vrf red ipv4 unicast json",
    "show bgp vrf blue ipv4 unicast json",
    "show bgp vrf blue ipv6 unicast json",
];
const ZEBRA: [&str; 4] = [
    "show ip route json",
    "show ip route vrf red json",
    "show ip route vrf blue json",
    "show ipv6 route vrf blue json",
];

fn picture(us: &Host, json: impl Fn(&str, bool) -> Result<Value, Error>) -> Result<Picture, Error> {
    let all = |commands: [&str; 4], bgp: bool, f: fn(&Value) -> BTreeMap<String, Vec<String>>| {
        commands.iter().map(|c| json(c, bgp).map(|v| f(&v))).collect::<Result<Vec<_>, _>>()
    };
    let bgp = all(BGP, true, paths)?;
    let zebra = all(ZEBRA, false, ways)?;
    let kernel = [254, 10, 20].into_iter().map(|t| table(us, t)).collect::<Result<Vec<_>, _>>()?;
    Ok(Picture { bgp, zebra, kernel })
}

fn differences(theirs: &Picture, ours: &Picture) -> String {
    let mut out = String::new();
    let maps = theirs.bgp.iter().chain(&theirs.zebra).zip(ours.bgp.iter().chain(&ours.zebra));
    for ((theirs, ours), command) in maps.zip(BGP.iter().chain(&ZEBRA)) {
        for prefix in theirs.keys().chain(ours.keys()) {
            if theirs.get(prefix) != ours.get(prefix) {
                out += &format!(
                    "{command} {prefix}:\n FRR  {:?}\n FeRR {:?}\n",
                    theirs.get(prefix),
                    ours.get(prefix)
                );
            }
        }
    }
    for (theirs, ours) in theirs.kernel.iter().zip(&ours.kernel) {
        if theirs != ours {
            out += &format!("kernel:\n FRR  {theirs:#?}\n FeRR {ours:#?}\n");
        }
    }
    out
}

fn alike(what: &str, frr: (&Host, &Frr), ferr: (&Host, &Ferrd)) -> Result<Picture, Error> {
    wait_until(LIMIT, format!("FRR and FeRR to agree: {what}"), || {
        let theirs = picture(frr.0, |c, _| frr.1.json(c)).map_err(|e| e.to_string())?;
        let of = |c: &str, bgp: bool| if bgp { ferr.1.bgp_json(c) } else { ferr.1.zebra_json(c) };
        let ours = picture(ferr.0, of).map_err(|e| e.to_string())?;
        let differ = differences(&theirs, &ours);
        if differ.is_empty() { Ok(ours) } else { Err(differ) }
    })
}

fn beside_frr(program: &FerrdProgram) -> Result<(), Error> {
    let (net_a, net_b) = (Net::new("leak-frr")?, Net::new("leak-ferr")?);
    let mut a = place(&net_a, program)?;
    let mut b = place(&net_b, program)?;
    let frr = Frr::start(&a.us, OURS)?;
    let ferr = Ferrd::start(&b.us, program, OURS)?;
    let type_in = |lines: &[&str]| -> Result<(), Error> {
        frr.configure(lines)?;
        let mut all = vec!["configure terminal"];
        all.extend(lines);
        ferr.vtysh(&all).map(drop)
    };
    // Until all is there, both are alike in having nothing.
    ferr.wait_prefix("10.2.0.0/16", true)?;
    frr.wait_prefix("10.2.0.0/16", true)?;
    let seen = alike("all that is leaked", (&a.us, &frr), (&b.us, &ferr))?;
    let blue = &seen.bgp[2];
    assert!(
        blue["10.2.0.0/16"][0].contains("\"red\"") && blue["10.2.0.0/16"][0].contains("222"),
        "{blue:#?}"
    );
    assert!(!blue.contains_key("10.66.0.0/16"), "{blue:#?}");
    assert!(seen.bgp[3].contains_key("2001:db8:2::/48"), "{:#?}", seen.bgp[3]);

    for prefix in ["10.2.0.0/16", "10.77.0.0/16", "192.0.2.0/24"] {
        for vrf in ["blue ", "default "] {
            let command = format!("show bgp vrf {vrf}ipv4 unicast {prefix} json");
            let both = (details(&frr.json(&command)?), details(&ferr.bgp_json(&command)?));
            assert!(!both.0.is_empty(), "{command}");
            assert_eq!(both.0, both.1, "{command}");
        }
    }

    // Packets cross, both ways.
    for place in [&a, &b] {
        place.third.wait_route("10.2.0.0/16", true)?;
        let from: IpAddr = [10, 33, 0, 1].into();
        wait_until(LIMIT, "a ping from blue to red", || {
            place
                .third
                .ping(Some(from), [10, 2, 0, 1].into(), Duration::from_secs(1))
                .map_err(|e| e.to_string())
        })?;
    }

    // The map changes; the default VRF takes from blue instead; nothing is taken twice.
    type_in(&["route-map IMP permit 10", "set local-preference 111"])?;
    type_in(&["router bgp 65001", "address-family ipv4 unicast", "no import vrf red", "import vrf blue"])?;
    ferr.wait_prefix("10.2.0.0/16", false)?;
    frr.wait_prefix("10.2.0.0/16", false)?;
    let seen = alike("another source, another map", (&a.us, &frr), (&b.us, &ferr))?;
    assert!(seen.bgp[2]["10.2.0.0/16"][0].contains("111"), "{:#?}", seen.bgp[2]);
    assert!(seen.bgp[0].contains_key("10.33.0.0/16"), "{:#?}", seen.bgp[0]);

    // Static routes into another VRF, by gateway and by link; one whose link is elsewhere is not used.
    type_in(&["ip route 10.99.0.0/16 192.0.2.2 nexthop-vrf red"])?;
    type_in(&[
        "vrf blue",
        "ip route 10.98.0.0/16 198.51.100.9 nexthop-vrf default",
        "ip route 10.97.0.0/16 eth0 nexthop-vrf red",
        "ip route 10.96.0.0/16 eth0",
    ])?;
    let seen = alike("static routes", (&a.us, &frr), (&b.us, &ferr))?;
    let statics = |number: usize| seen.kernel[number].iter().filter(|e| e.protocol == "static").count();
    assert_eq!((statics(0), statics(2)), (2, 2), "{:#?}", seen.kernel);

    // The source goes.
    drop(a.red.take());
    drop(b.red.take());
    let seen = alike("without the neighbor in red", (&a.us, &frr), (&b.us, &ferr))?;
    assert!(!seen.bgp[2].contains_key("10.2.0.0/16"), "{:#?}", seen.bgp[2]);
    Ok(())
}

#[test]
fn leaks_beside_frr() -> Result<(), Error> {
    if let Err(reason) = Rival::Frr.available() {
        skipped(&reason);
        return Ok(());
    }
    in_kernel("leak::leaks_beside_frr", beside_frr)
}

/// Instances and VRFs come and go in any order; what is leaked follows.
fn comings_and_goings(program: &FerrdProgram) -> Result<(), Error> {
    let net = Net::new("leak")?;
    let mut b = place(&net, program)?;
    let ferr = Ferrd::start(&b.us, program, OURS)?;
    let leaked = |ferr: &Ferrd, present: bool| {
        wait_until(LIMIT, format!("10.2.0.0/16 in blue: {present}"), || {
            let seen = ferr.bgp_json("show bgp vrf blue ipv4 unicast 10.2.0.0/16 json").unwrap_or_default();
            let entries = table(&b.us, 20).map_err(|e| e.to_string())?;
            let kernel = entries.iter().any(|e| e.destination == "10.2.0.0/16" && e.gateway == "192.0.2.2");
            let shown = seen["paths"].as_array().is_some_and(|p| !p.is_empty());
            if (shown, kernel) == (present, present) { Ok(()) } else { Err(format!("{seen} {entries:?}")) }
        })
    };
    leaked(&ferr, true)?;
    let text = ferr.bgp("show bgp vrf blue ipv4 unicast 10.2.0.0/16")?;
    assert!(text.contains("  Imported from 2.2.2.2:") && text.contains(":10.2.0.0/16\n"), "{text}");
    assert!(text.contains("192.0.2.2 from 0.0.0.0 (3.3.3.3) vrf red("), "{text}");
    assert!(text.contains("localpref 222, valid, sourced, local, best"), "{text}");
    // The instance goes and comes.
    ferr.configure(&["no router bgp 65001 vrf red"])?;
    leaked(&ferr, false)?;
    let again = "router bgp 65001 vrf red\nno bgp ebgp-requires-policy\nneighbor 192.0.2.2 remote-as 65002\n\
                 neighbor 192.0.2.2 timers connect 1";
    ferr.configure(&again.lines().collect::<Vec<_>>())?;
    leaked(&ferr, true)?;
    // The VRF goes and comes.
    b.us.ip("link del red")?;
    leaked(&ferr, false)?;
    vrf(&b.us, "red", 10)?;
    b.us.ip("link set eth0 master red")?;
    leaked(&ferr, true)?;
    drop(b.red.take());
    Ok(())
}

#[test]
fn leaks_follow_instances_and_vrfs() -> Result<(), Error> {
    in_kernel("leak::leaks_follow_instances_and_vrfs", comings_and_goings)
}
