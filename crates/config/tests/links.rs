//! Links that the daemon owns.
#![allow(missing_docs)]

use ferr_config::model::link::{LinkType, MacvlanMode, Mss};
use ferr_config::model::origin::Origin;
use ferr_config::model::wireguard::{WgBackend, WgEndpoint, WgKey};
use ferr_config::{
    Config, ConfigError, Delta, LineErrorKind, LineOutcome, ModeStack, OWN_FILE, Part, diff, execute_line,
    parse, parse_files, render,
};

const OWN: &str = include_str!("data/ferr.conf");
const KEY: &str = "Yc/E1Z+1AO9AXfLJfG9hSU1VCNB9nlFT1Wz9lbrG6Qk=";

/// A session; ours, or one of FRR's programs.
struct Session(Config, ModeStack);

impl Session {
    fn ours() -> Self {
        Self(Config::default(), ModeStack::new(Origin::Shell))
    }

    fn theirs(config: Config) -> Self {
        Self(config, ModeStack::default())
    }

    fn run(&mut self, line: &str) -> Result<LineOutcome, LineErrorKind> {
        execute_line(&mut self.0, &mut self.1, line).map_err(|e| e.kind)
    }

    fn ok(&mut self, lines: &[&str]) {
        for line in lines {
            assert!(self.run(line).is_ok(), "{line}: {:?}", self.run(line));
        }
    }

    fn refused(&mut self, line: &str) -> ConfigError {
        let before = self.0.clone();
        match self.run(line) {
            Err(LineErrorKind::Config(error)) => {
                assert!(before.normalized() == self.0.normalized(), "{line} left a trace");
                error
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

fn clean(name: &str, text: &str) -> Config {
    let outcome = parse(name, text);
    assert!(outcome.diagnostics.is_empty(), "{:#?}", outcome.diagnostics);
    outcome.config
}

#[test]
fn everything_is_typed() {
    let c = clean(OWN_FILE, OWN);
    assert_eq!(c.vrfs["CORE"].table, Some(200));
    assert_eq!(c.vrfs["UNDERLAY"].routes.0.len(), 1);
    let own = |name: &str| &c.interfaces[name].own;
    assert_eq!(own("dum0").kind, Some(LinkType::Dummy));
    assert_eq!(own("dum0").vrf.as_deref(), Some("CORE"));
    assert_eq!(own("br0").mac.unwrap().to_string(), "02:00:00:00:00:0a");
    assert_eq!(own("eth0.10").kind, Some(LinkType::Vlan { id: 10, dev: "eth0".into() }));
    assert_eq!(own("mv0").kind, Some(LinkType::Macvlan { dev: "eth0".into(), mode: MacvlanMode::Bridge }));
    let Some(LinkType::Vxlan(vxlan)) = &own("vx0").kind else { panic!() };
    assert_eq!((vxlan.id, vxlan.port, vxlan.dev.as_deref()), (1000, Some(8472), Some("eth0")));
    assert_eq!(own("vx0").vxlan_remotes.len(), 2);
    assert_eq!(own("wg0").mss, Some(Mss::Fixed(1300)));
    let wg = own("wg0").wireguard.as_ref().unwrap();
    assert_eq!((wg.listen_port, wg.fwmark, wg.backend), (Some(51820), Some(51820), Some(WgBackend::Auto)));
    assert_eq!(wg.peers.len(), 3);
    let peer = &wg.peers[&KEY.parse().unwrap()];
    assert_eq!(peer.endpoint, Some(WgEndpoint { host: "vpn.example.net".into(), port: 51820 }));
    assert_eq!((peer.allowed_ips.len(), peer.keepalive), (2, Some(25)));
    assert_eq!(peer.description.as_deref(), Some("far end"));
    assert!(own("wg1").is_declared() && !own("eth1").is_declared());
}

#[test]
fn rendering_reads_back_the_same() {
    let c = clean(OWN_FILE, OWN);
    let text = render(&c, Part::All);
    let again = clean("again", &text);
    assert!(again.normalized() == c.normalized(), "{text}");
    assert_eq!(render(&again, Part::All), text);
    assert!(diff(&c, &again).is_empty());
    insta::assert_snapshot!(render(&c, Part::Own));
}

#[test]
fn each_statement_stays_in_its_file() {
    let frr = "vrf CORE\n ip route 10.9.0.0/16 10.0.0.2\nexit-vrf\ninterface wg0\n ip ospf area 0\nexit\n\
               interface eth1\n ip address 192.0.2.5/24\nexit\n";
    let own = format!("{OWN}interface eth2\n ip address 192.0.2.6/24\nexit\n");
    let c = parse_files(&[("/etc/frr/frr.conf", frr), ("/etc/frr/ferr.conf", own.as_str())]).config;
    let (theirs, ours) = (render(&c, Part::Frr), render(&c, Part::Own));
    assert!(parse("x", &theirs).config.interfaces.values().all(|i| i.own == Default::default()));
    for line in ["interface wg0\n ip ospf area 0\nexit", "interface eth1\n ip address 192.0.2.5/24\nexit"] {
        assert!(theirs.contains(line) && !ours.contains(line), "{theirs}");
    }
    assert!(theirs.contains("vrf CORE\n ip route 10.9.0.0/16 10.0.0.2\nexit-vrf"), "{theirs}");
    for line in
        ["table 200", "10.255.0.1", "wireguard", "eth2", "loopback of the core", "192.0.2.1", "UNDERLAY"]
    {
        assert!(ours.contains(line) && !theirs.contains(line), "{line}: {theirs}---{ours}");
    }
    let again = parse_files(&[("frr.conf", theirs.as_str()), ("ferr.conf", ours.as_str())]).config;
    assert!(again.normalized() == c.normalized());
    assert_eq!((render(&again, Part::Frr), render(&again, Part::Own)), (theirs, ours));
    // What a socket of FRR's prints is of frr.conf only.
    let zebra = render(&c, Part::Zebra);
    assert!(!zebra.contains("table") && !zebra.contains("10.255") && !zebra.contains("UNDERLAY"), "{zebra}");
    // Without anything of ours there is no file.
    assert_eq!(render(&parse("frr.conf", frr).config, Part::Own), "");
}

#[test]
fn every_statement_can_be_taken_back() {
    let c = clean(OWN_FILE, OWN);
    let mut s = Session(c.clone(), ModeStack::new(Origin::Shell));
    let text = render(&c, Part::Own);
    let mut header = "";
    for line in text.lines() {
        match line.strip_prefix(' ') {
            Some(statement) => {
                s.ok(&[header, &format!("no {statement}"), "exit"]);
            }
            None if line.starts_with("interface") || line.starts_with("vrf") => header = line,
            None => {}
        }
    }
    assert!(s.0.interfaces.values().all(|i| *i == Default::default()), "{:#?}", s.0.interfaces);
    assert!(s.0.vrfs.values().all(|v| v.table.is_none()));
    // And in its short form.
    let mut s = Session(c, ModeStack::new(Origin::Shell));
    s.ok(&["interface wg0", "no vrf", "no mtu", "no ip tcp adjust-mss", "no ip address 10.0.0.1/30"]);
    s.ok(&["no wireguard private-key-file", "no wireguard listen-port", "no wireguard fwmark"]);
    s.ok(&["no wireguard endpoint-vrf", "no wireguard backend"]);
    s.ok(&[&format!("no wireguard peer {KEY} endpoint"), &format!("no wireguard peer {KEY} allowed-ips")]);
    let peer = s.0.interfaces["wg0"].own.wireguard.as_ref().unwrap().peers[&KEY.parse().unwrap()].clone();
    assert_eq!((peer.endpoint, peer.allowed_ips.len(), peer.keepalive), (None, 0, Some(25)));
    for key in
        [KEY, "9eJKCVeD4Et2ViyKL5B2BQWTpZmTOg/AF1nSuxBC0Es=", "fE/3LhGxYXvZ8I0BWYi1gMRB5VMbM2zf9Oz8IvIkQkM="]
    {
        s.ok(&[&format!("no wireguard peer {key}")]);
    }
    assert_eq!(s.0.interfaces["wg0"], Default::default());
    s.ok(&["interface vx0", "no link", "no master"]);
    assert_eq!(s.0.interfaces["vx0"].own.kind, None);
}

#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    let mut s = Session::ours();
    s.ok(&["vrf A", "table 10", "exit-vrf", "vrf B"]);
    assert_eq!(s.refused("table 10"), ConfigError::TableInUse("A".into()));
    assert_eq!(s.refused("table 254"), ConfigError::KernelTable(254));
    s.ok(&["exit-vrf", "vrf a-name-beyond-15-characters"]);
    assert!(matches!(s.refused("table 11"), ConfigError::LinkName(_)));
    s.ok(&["exit-vrf", "interface wg0", &format!("wireguard peer {KEY}")]);
    assert_eq!(s.refused("link dummy"), ConfigError::TwoKinds);
    s.ok(&["interface br1", "link bridge", "vrf A"]);
    assert_eq!(s.refused("wireguard listen-port 1"), ConfigError::TwoKinds);
    assert_eq!(s.refused("master br0"), ConfigError::TwoMasters);
    assert_eq!(s.refused("mac-address 01:00:00:00:00:01"), ConfigError::GroupMac);
    assert_eq!(s.refused("link vlan id 1 dev br1"), ConfigError::OwnName);
    assert!(matches!(s.refused("link veth peer a/b"), ConfigError::LinkName(_)));
    s.ok(&["link vxlan id 5 local 192.0.2.1"]);
    assert_eq!(s.refused("vxlan remote 2001:db8::1"), ConfigError::VxlanFamilies);
    for line in ["link vlan id 4095 dev x", "mtu 67", "ip tcp adjust-mss 100", "link vxlan id 0"] {
        assert!(matches!(s.run(line), Err(LineErrorKind::Unknown { .. })), "{line}");
    }
}

#[test]
fn a_bad_key_is_an_error_with_its_place_and_is_not_repeated() {
    let no_padding = &KEY[..43];
    let loose_bits = KEY.replace("Qk=", "Ql=");
    for key in [no_padding, &loose_bits, "short=", &format!("{KEY}A"), &"!".repeat(44), "=", &"A".repeat(43)]
    {
        let text = format!("interface wg0\n wireguard peer {key} endpoint a:1\n mtu 1400\n");
        let outcome = parse(OWN_FILE, &text);
        let [error] = outcome.diagnostics.as_slice() else { panic!("{key}: {:?}", outcome.diagnostics) };
        assert_eq!((error.line, error.column), (2, 17), "{key}");
        assert!(!error.to_string().contains(key), "{error}");
        assert_eq!(outcome.config.interfaces["wg0"].own.mtu, Some(1400));
    }
    assert_eq!(KEY.parse::<WgKey>().unwrap().to_string(), KEY);
}

#[test]
fn endpoints_and_prefixes_are_checked() {
    let mut s = Session::ours();
    s.ok(&["interface wg0"]);
    for bad in ["host", "host:0", "host:70000", "2001:db8::1:5", "[host]:5", ":5", "a/b:5", "[::1]"] {
        let error = s.refused(&format!("wireguard peer {KEY} endpoint {bad}"));
        assert!(matches!(error, ConfigError::Value { what: "endpoint", .. }), "{bad}");
    }
    for bad in ["10.0.0.0/33", "x", "10.0.0.0/8,", ","] {
        let error = s.refused(&format!("wireguard peer {KEY} allowed-ips {bad}"));
        assert!(matches!(error, ConfigError::Value { .. }), "{bad}");
    }
    s.ok(&[&format!("wireguard peer {KEY} allowed-ips 10.1.2.3/8,192.0.2.1,2001:db8::1")]);
    let peers = &s.0.interfaces["wg0"].own.wireguard.as_ref().unwrap().peers;
    let shown: Vec<String> =
        peers[&KEY.parse().unwrap()].allowed_ips.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::1/128"]);
}

#[test]
fn a_vrf_behind_an_open_interface_is_a_vrf() {
    // As FRR 7 wrote it: interfaces are not closed.
    let old = "interface eth0\n ip address 192.0.2.1/24\n!\nvrf blue\n ip route 10.0.0.0/8 192.0.2.2\n exit-vrf\n!\n";
    let c = clean("frr.conf", old);
    assert_eq!(c.interfaces["eth0"].own, Default::default());
    assert_eq!(c.vrfs["blue"].routes.0.len(), 1);
    // Programs of FRR do not know the statement.
    let mut s = Session::theirs(Config::default());
    s.ok(&["interface eth0", "description x", "vrf blue", "ip route 10.0.0.0/8 192.0.2.2"]);
    assert_eq!(s.0.vrfs["blue"].routes.0.len(), 1);
    // Our shell does.
    let mut s = Session::ours();
    s.ok(&["interface eth0", "vrf blue", "no vrf", "vrf red"]);
    assert_eq!(s.0.interfaces["eth0"].own.vrf.as_deref(), Some("red"));
}

#[test]
fn programs_of_frr_do_not_change_what_they_do_not_see() {
    let c = clean(OWN_FILE, OWN);
    let mut s = Session::theirs(c.clone());
    s.ok(&["interface wg0", "ip address 10.0.0.1/30", "ip ospf area 0"]);
    let error = s.refused("ip address 10.0.0.5/30");
    assert!(matches!(&error, ConfigError::Owned { place } if place.starts_with("ferr.conf:")), "{error}");
    s.refused("shutdown");
    for line in ["no ip address 10.0.0.1/30", "no interface wg0", "no vrf CORE", "no interface eth1"] {
        s.ok(&["interface wg0"]);
        assert_eq!(s.run(line), Ok(LineOutcome::Kept), "{line}");
    }
    s.ok(&["vrf UNDERLAY"]);
    assert_eq!(s.run("no ip route 0.0.0.0/0 192.0.2.1"), Ok(LineOutcome::Kept));
    assert_eq!(s.0.interfaces, c.interfaces);
    assert_eq!(s.0.vrfs, c.vrfs);
    // Ours does.
    let mut s = Session(c, ModeStack::new(Origin::Shell));
    s.ok(&["no interface wg0", "no vrf CORE"]);
    assert!(!s.0.interfaces.contains_key("wg0") && !s.0.vrfs.contains_key("CORE"));
}

#[test]
fn differences_name_links_and_vrfs() {
    let old = clean(OWN_FILE, OWN);
    let new = clean(OWN_FILE, &OWN.replace("table 200", "table 300").replace("mtu 1420", "mtu 1380"));
    assert_eq!(diff(&old, &new), [Delta::VrfChanged("CORE".into()), Delta::Interface("wg0".into())]);
}
