//! The same frr.conf and the same peers, once under FRR and once under `ferrd`: what both show is compared key by key.
//!
//! Values that differ from run to run (times, counters, memory) are compared by type only. What is meant to differ stands in
//! `intended.txt`, one line each with its reason; a line that nothing matches any more fails the test as well.
#![allow(clippy::unwrap_used)]

mod compare;

use std::process::Command;

use ferr_interop::{Pair, pair, with_pair};
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Error, Ferrd, Host};
use serde_json::{Map, Value};

use compare::{Intended, compare};

const INTENDED: &str = include_str!("intended.txt");

const CONF: &str = "frr version 8.4.4
frr defaults traditional
ip route 10.1.0.0/16 blackhole
ip route 10.1.1.0/24 192.0.2.2
ip route 10.1.2.0/24 192.0.2.2 77 tag 5
ip route 10.1.2.0/24 192.0.2.3 77 tag 5
ip route 10.1.3.0/24 eth0
ip route 10.1.4.0/24 reject
ip route 172.16.0.0/12 10.1.1.1
ipv6 route 2001:db8:1::/48 blackhole
ipv6 route 2001:db8:1:1::/64 2001:db8:12::2
ip prefix-list NET seq 5 permit 10.0.0.0/8 le 24
ip prefix-list NET seq 10 deny any
bgp as-path access-list THEIRS seq 5 permit _65002$
bgp community-list standard RED seq 5 permit 65002:99
route-map IN permit 10
 match community RED
 set local-preference 150
 set community 65001:1 additive
 on-match next
exit
route-map IN permit 20
 match ip address prefix-list NET
exit
route-map IN permit 30
 match as-path THEIRS
 set metric 77
 set weight 20
exit
route-map OUT permit 10
 set community 65001:77 no-export
 set as-path prepend 65001
exit
route-map STATIC permit 10
 match tag 5
 set metric 9
exit
route-map ALL permit 10
exit
router bgp 65001
 bgp router-id 10.0.0.1
 bgp bestpath as-path multipath-relax
 bgp bestpath compare-routerid
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 description upstream
 neighbor 192.0.2.2 timers 3 9
 neighbor 192.0.2.2 timers connect 1
 neighbor 192.0.2.3 remote-as 65003
 neighbor 192.0.2.3 update-source 192.0.2.11
 neighbor 192.0.2.3 timers 3 9
 neighbor 192.0.2.3 timers connect 1
 neighbor 192.0.2.4 remote-as 65001
 neighbor 192.0.2.4 update-source 192.0.2.12
 neighbor 192.0.2.4 timers 3 9
 neighbor 192.0.2.4 timers connect 1
 neighbor 192.0.2.9 remote-as 65009
 neighbor 192.0.2.9 shutdown
 neighbor 2001:db8:12::2 remote-as 65002
 neighbor 2001:db8:12::2 timers 3 9
 neighbor 2001:db8:12::2 timers connect 1
 address-family ipv4 unicast
  network 10.1.0.0/16
  network 10.99.0.0/16
  aggregate-address 10.2.0.0/16
  aggregate-address 10.4.0.0/16 summary-only
  redistribute static route-map STATIC
  neighbor 192.0.2.2 soft-reconfiguration inbound
  neighbor 192.0.2.2 route-map IN in
  neighbor 192.0.2.2 route-map OUT out
  neighbor 192.0.2.3 default-originate
  neighbor 192.0.2.3 route-map ALL in
  neighbor 192.0.2.3 route-map ALL out
  neighbor 192.0.2.4 route-reflector-client
  neighbor 192.0.2.4 next-hop-self
  no neighbor 2001:db8:12::2 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:1::/48
  neighbor 2001:db8:12::2 activate
  neighbor 2001:db8:12::2 route-map IN in
  neighbor 2001:db8:12::2 route-map OUT out
 exit-address-family
exit
";

/// Three neighbors in one daemon: two of other ASes with a route in common, and one of ours.
const BIRD_CONF: &str = "router id 10.0.0.2;
protocol device {}
protocol static own2 { ipv4;
  route 10.2.1.0/24 blackhole { bgp_community.add((65002,99)); };
  route 10.2.2.0/24 blackhole { bgp_community.add((65002,98)); bgp_large_community.add((65002,1,2)); };
  route 10.2.3.0/25 blackhole { bgp_path.prepend(65010); bgp_med = 30; };
  route 198.18.0.0/15 blackhole; }
ipv4 table t3;
protocol static own3 { ipv4 { table t3; };
  route 10.2.2.0/24 blackhole;
  route 10.3.1.0/24 blackhole { bgp_med = 5; }; }
ipv4 table t4;
protocol static own4 { ipv4 { table t4; };
  route 10.4.1.0/24 blackhole { bgp_med = 7; };
  route 10.4.2.0/24 blackhole { bgp_local_pref = 200; }; }
protocol static own6 { ipv6; route 2001:db8:2::/48 blackhole; route 2001:db8:3::/48 blackhole; }
template bgp common { strict bind yes; hold time 9;
  connect delay time 1; connect retry time 1; error wait time 1, 2; }
protocol bgp peer2 from common { local 192.0.2.2 as 65002; neighbor 192.0.2.1 as 65001;
  ipv4 { import all; export where source = RTS_STATIC; }; }
protocol bgp peer3 from common { local 192.0.2.3 as 65003; neighbor 192.0.2.11 as 65001;
  ipv4 { table t3; import all; export where source = RTS_STATIC; }; }
protocol bgp peer4 from common { local 192.0.2.4 as 65001; neighbor 192.0.2.12 as 65001;
  ipv4 { table t4; import all; export where source = RTS_STATIC; }; }
protocol bgp peer6 { local 2001:db8:12::2 as 65002; neighbor 2001:db8:12::1 as 65001; hold time 9;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv6 { import all; export where source = RTS_STATIC; }; }
";

const COMMANDS: &[&str] = &[
    "show bgp summary json",
    "show bgp vrf all summary json",
    "show bgp ipv4 unicast summary json",
    "show bgp ipv4 unicast json",
    "show bgp ipv6 unicast json",
    "show ip bgp 10.2.1.0/24 json",
    "show ip bgp 10.2.2.0/24 json",
    "show ip bgp 10.2.3.0/25 json",
    "show ip bgp 10.4.1.0/24 json",
    "show ip bgp 10.4.0.0/16 json",
    "show ip bgp 10.1.0.0/16 json",
    "show ip bgp 10.99.0.0/16 json",
    "show bgp ipv6 unicast 2001:db8:2::/48 json",
    "show ip bgp 10.1.2.0/24 json",
    "show ip bgp 10.2.0.0/16 json",
    "show ip bgp 203.0.113.0/24 json",
    "show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.3 advertised-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.4 advertised-routes json",
    "show bgp ipv6 unicast neighbors 2001:db8:12::2 advertised-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.2 received-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.2 routes json",
    "show bgp neighbors 192.0.2.2 json",
    "show bgp neighbors 192.0.2.3 json",
    "show bgp neighbors 192.0.2.4 json",
    "show bgp neighbors 192.0.2.9 json",
    "show bgp neighbors 192.0.2.77 json",
    "show bgp vrfs json",
    "show ip route json",
    "show ipv6 route json",
    "show ip route 10.1.2.0/24 json",
    "show ip route 10.2.1.7 json",
    "show ip route static json",
    "show ip route summary json",
    "show interface brief json",
    "show ip prefix-list json",
    "show route-map json",
];

/// JSON of an answer. `vtysh` puts the values of several daemons one behind the other: their keys make one object.
fn parse(command: &str, text: &str) -> Result<Value, Error> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let bad = || Error::Answer { what: command.to_owned(), text: text.chars().take(300).collect() };
    let mut values = values.map_err(|_| bad())?;
    if values.len() < 2 {
        return values.pop().ok_or_else(bad);
    }
    let mut all = Map::new();
    for value in values {
        let Value::Object(value) = value else { return Err(bad()) };
        all.extend(value);
    }
    Ok(Value::Object(all))
}

/// Commands whose text is compared line by line.
const TEXTS: &[&str] = &[
    "show ip route",
    "show ipv6 route",
    "show ip route 10.2.2.0/24",
    "show bgp summary",
    "show bgp ipv4 unicast",
    "show ip bgp 10.2.2.0/24",
    "show ip bgp 10.1.0.0/16",
    "show ip bgp 10.1.2.0/24",
    "show ip bgp 10.4.1.0/24",
    "show bgp ipv6 unicast",
    "show bgp ipv6 unicast 2001:db8:2::/48",
    "show interface brief",
    "show ip prefix-list",
    "show running-config",
];

/// Lines without what differs from run to run, as keys of an object, so that they are compared as a set.
fn lines(text: &str) -> Value {
    let time = |w: &str| w.len() >= 8 && w.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let stable = |line: &&str| {
        let volatile = ["RIB entries", "Peers ", "BGP table version", "      Last update", "  Last update"];
        !line.trim().is_empty() && !volatile.iter().any(|v| line.starts_with(v))
    };
    let normal = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [peer, "4", asn, _received, _sent, rest @ ..] = words.as_slice() {
            let rest: Vec<&str> = rest.iter().map(|w| if time(w) { "TIME" } else { w }).collect();
            return format!("{peer} {asn} {}", rest.join(" "));
        }
        // Which of two paths stands first depends on which came first.
        let line = match line.split_once(", version ").or_else(|| line.split_once(", best #")) {
            Some((head, _)) => head.to_owned(),
            None if line.starts_with('*') => line.replace("10.2.2.0/24", "           "),
            None => line.to_owned(),
        };
        let line = line.as_str();
        let (head, last) = line.rsplit_once(' ').unwrap_or(("", line));
        if time(last) { format!("{head} TIME") } else { line.trim_end().to_owned() }
    };
    Value::Object(text.lines().filter(stable).map(|line| (normal(line), Value::Bool(true))).collect())
}

/// What the neighbors were sent: attributes of each route, by protocol and prefix.
fn sent(bird: &Bird) -> Result<Value, Error> {
    let mut all = Map::new();
    for peer in ["peer2", "peer3", "peer4", "peer6"] {
        let text = bird.birdc(&format!("show route all protocol {peer}"))?;
        let mut routes = Map::new();
        let mut prefix = "";
        for line in text.lines() {
            if let Some((first, _)) =
                line.split_once(' ').filter(|_| line.starts_with(|c: char| c.is_ascii_hexdigit()))
            {
                prefix = first;
            }
            if let Some((key, value)) = line.trim().strip_prefix("BGP.").and_then(|l| l.split_once(':')) {
                let route = routes.entry(prefix).or_insert_with(|| Value::Object(Map::new()));
                route.as_object_mut().unwrap().insert(key.to_owned(), value.trim().into());
            }
        }
        all.insert(peer.to_owned(), Value::Object(routes));
    }
    Ok(Value::Object(all))
}

/// The kernel's routes of a family.
fn kernel(host: &Host, v6: bool) -> Result<Value, Error> {
    let routes = host.routes(v6)?;
    let shown = routes.iter().map(|r| {
        let mut o = Map::new();
        o.insert("protocol".to_owned(), r.protocol.clone().into());
        o.insert("gateways".to_owned(), r.gateways.clone().into());
        o.insert("interfaces".to_owned(), r.interfaces.clone().into());
        o.insert("metric".to_owned(), r.metric.into());
        o.insert("kind".to_owned(), r.kind.clone().into());
        (r.destination.clone(), Value::Object(o))
    });
    Ok(Value::Object(shown.collect()))
}

/// One of the two that are compared, with its neighbor.
struct Side<'a> {
    pair: &'a Pair,
    bird: &'a Bird,
    vtysh: &'a dyn Fn(&str) -> Result<String, Error>,
}

impl Side<'_> {
    fn json(&self, command: &str) -> Result<Value, Error> {
        parse(command, &(self.vtysh)(command)?)
    }

    /// Everything that is compared, by name.
    fn ask(&self) -> Result<Vec<(String, Value)>, Error> {
        let mut answers = Vec::new();
        for command in COMMANDS {
            answers.push(((*command).to_owned(), self.json(command)?));
        }
        for command in TEXTS {
            answers.push(((*command).to_owned(), lines(&(self.vtysh)(command)?)));
        }
        answers.push(("kernel ipv4".to_owned(), kernel(&self.pair.us, false)?));
        answers.push(("kernel ipv6".to_owned(), kernel(&self.pair.us, true)?));
        answers.push(("sent".to_owned(), sent(self.bird)?));
        Ok(answers)
    }

    /// Waits until all routes have come, and then until nothing has changed for a number of looks.
    fn settle(&self) -> Result<(), Error> {
        let host = &self.pair.us;
        host.wait(40, "all routes received", || {
            let summary = self.json("show bgp summary json").map_err(|e| e.to_string())?;
            let received =
                |family: &str, peer: &str| summary[family]["peers"][peer]["pfxRcd"].as_u64().unwrap_or(0);
            let have = [
                received("ipv4Unicast", "192.0.2.2"),
                received("ipv4Unicast", "192.0.2.3"),
                received("ipv4Unicast", "192.0.2.4"),
                received("ipv6Unicast", "2001:db8:12::2"),
            ];
            if have == [3, 2, 2, 2] { Ok(()) } else { Err(format!("{have:?} of {summary}")) }
        })?;
        let (mut last, mut same) = (Vec::new(), 0);
        host.wait(20, "nothing to change any more", || {
            let now = [kernel(host, false), kernel(host, true), sent(self.bird)];
            let now: Vec<Value> = now.into_iter().collect::<Result<_, _>>().map_err(|e| e.to_string())?;
            same = if now == last { same + 1 } else { 0 };
            last = now;
            if same >= 20 { Ok(()) } else { Err(format!("{same} equal looks: {last:?}")) }
        })
    }
}

/// Gives both ends the same hardware addresses in every run, and the addresses of the further sessions.
fn prepare(pair: &Pair) -> Result<(), Error> {
    for (host, own, mac) in [(&pair.us, "1", "02:00:00:00:00:01"), (&pair.them, "2", "02:00:00:00:00:02")] {
        // A link-local address that is still being checked is not announced as a next hop.
        host.sysctl("net.ipv6.conf.eth0.accept_dad", "0")?;
        host.run(Command::new("ip").args(["link", "set", "eth0", "down", "address", mac]))?;
        host.ip("link set eth0 up")?;
        host.addr("eth0", &format!("2001:db8:12::{own}/64"))?;
    }
    // The neighbor runs one session for each pair of addresses.
    for (host, address) in [
        (&pair.us, "192.0.2.11/24"),
        (&pair.us, "192.0.2.12/24"),
        (&pair.them, "192.0.2.3/24"),
        (&pair.them, "192.0.2.4/24"),
    ] {
        host.addr("eth0", address)?;
    }
    Ok(())
}

#[test]
fn frr_and_ferrd_show_the_same() -> Result<(), Error> {
    let Some(first) = pair("diff-frr", &[Rival::Frr, Rival::Bird])? else { return Ok(()) };
    prepare(&first)?;
    let reference = {
        let frr = Frr::start(&first.us, CONF)?;
        let bird = Bird::start(&first.them, BIRD_CONF)?;
        let side = Side { pair: &first, bird: &bird, vtysh: &|c| frr.vtysh(&[c]) };
        side.settle()?;
        side.ask()?
    };
    drop(first);
    let mut ours = Vec::new();
    with_pair("diff-ferr", &[Rival::Frr, Rival::Bird], |second| {
        prepare(second)?;
        let ferrd = Ferrd::start(&second.us, &second.program, CONF)?;
        let bird = Bird::start(&second.them, BIRD_CONF)?;
        let side = Side { pair: second, bird: &bird, vtysh: &|c| ferrd.vtysh(&[c]) };
        side.settle()?;
        ours = side.ask()?;
        Ok(())
    })?;

    let mut intended = Intended::parse(INTENDED);
    let mut report = Vec::new();
    for ((command, theirs), (_, ours)) in reference.iter().zip(&ours) {
        compare(command, theirs, ours, &mut intended, &mut report);
    }
    report.extend(intended.unused().map(|line| format!("intended.txt: nothing matches any more: {line}")));
    assert!(report.is_empty(), "{} differences:\n{}", report.len(), report.join("\n"));
    Ok(())
}
