//! OSPF: instances, areas, interfaces, key chains.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::Ipv4Addr;

use ferr_config::model::keychain::KeyAlgorithm;
use ferr_config::model::ospf::{
    AreaKind, DeadInterval, LogAdjacency, NssaTranslate, Ospf6Authentication, OspfName, OspfNetwork,
};
use ferr_config::{
    Config, ConfigError, Delta, LineErrorKind, LineOutcome, ModeStack, Part, diff, execute_line, parse,
    render,
};
use proptest::prelude::*;

const FILE: &str = include_str!("data/ospf.conf");

/// Statements of newer versions of FRR.
const NEWER: &str = "key chain KC
 key 1
  key-string some secret
  cryptographic-algorithm hmac-sha-256
  accept-lifetime 00:00:00 Jan 01 2020 infinite
  send-lifetime 12:30:05 Feb 29 2024 duration 3600
 exit
 key 2
  key-string other
  cryptographic-algorithm md5
  send-lifetime 01:00:00 Mar 01 2024 01:00:00 Apr 01 2024
 exit
exit
!
interface eth0
 ip ospf 5 area 1
 ip ospf area 0
 ip ospf authentication key-chain KC
 ip ospf authentication key-chain KC 10.0.0.1
 ip ospf dead-interval minimal hello-multiplier 20
 ip ospf graceful-restart hello-delay 5
 ip ospf neighbor-filter NF
 ip ospf neighbor-filter NF 10.0.0.1
 ip ospf network point-to-multipoint delay-reflood non-broadcast
 ip ospf prefix-suppression
 ip ospf prefix-suppression 10.0.0.1
 ipv6 ospf6 graceful-restart hello-delay 5
 ipv6 ospf6 neighbor fe80::1
 ipv6 ospf6 neighbor fe80::1 cost 5
 ipv6 ospf6 neighbor fe80::1 poll-interval 3
 ipv6 ospf6 network point-to-multipoint
 ipv6 ospf6 p2p-p2mp config-neighbors-only
 ipv6 ospf6 p2p-p2mp connected-prefixes exclude
 ipv6 ospf6 p2p-p2mp disable-multicast-hello
 ipv6 ospf6 prefix-suppression
 no ip ospf capability opaque
exit
!
router ospf
 socket buffer send 1000000
 socket buffer recv 2000000
 no socket-per-interface
 no graceful-restart helper strict-lsa-checking
 flood-reduction
 area 21 nssa translate-always
 area 21 nssa no-summary
 area 21 nssa suppress-fa
 area 21 nssa default-information-originate metric 5 metric-type 1
 area 21 nssa range 10.0.0.0/8 not-advertise
 area 21 nssa range 11.0.0.0/8 cost 3
 area 21 flood-reduction
 area 22 virtual-link 9.9.9.9
 area 22 virtual-link 9.9.9.9 authentication key-chain KC
 mpls-te on
 mpls-te router-address 1.1.1.1
 segment-routing on
 segment-routing global-block 16000 17000 local-block 20000 21000
 router-info area
 pce address 1.1.1.1
exit
!
router ospf 5
 redistribute ospf
 redistribute table 10 metric 3
 distribute-list ACL out ospf 7
exit
!
router ospf6
 redistribute table 10
exit
!
";

fn read(text: &str) -> Config {
    let outcome = parse("test.conf", text);
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    outcome.config
}

fn refused(lines: &[&str]) -> ConfigError {
    let (mut config, mut stack) = (Config::default(), ModeStack::default());
    let (last, before) = lines.split_last().unwrap();
    for line in before {
        execute_line(&mut config, &mut stack, line).unwrap();
    }
    match execute_line(&mut config, &mut stack, last).unwrap_err().kind {
        LineErrorKind::Config(e) => e,
        other => panic!("{other}"),
    }
}

/// Lines that say something, each behind its block's header, sorted.
fn statements(text: &str) -> Vec<String> {
    let mut header = "";
    let mut out = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|l| !l.is_empty() && !l.trim().starts_with('!')) {
        if line.starts_with(' ') {
            out.push(format!("{header}: {}", line.trim()));
        } else {
            header = line;
        }
    }
    out.sort_unstable();
    out
}

#[test]
fn frr_prints_the_same_statements() {
    let config = read(FILE);
    let theirs = statements(include_str!("data/ospf.running"));
    let ours = [render(&config, Part::Ospf), render(&config, Part::Ospf6)].concat();
    assert_eq!(statements(&ours), theirs);
}

/// Within an instance the order is FRR's, too.
#[test]
fn instances_are_in_the_order_of_frr() {
    let block = |text: &str, header: &str| -> Vec<String> {
        let lines = text.lines().skip_while(|l| *l != header).skip(1).take_while(|l| l.starts_with(' '));
        lines.map(|l| l.trim_end().to_owned()).collect()
    };
    let (ours, theirs) = (render(&read(FILE), Part::All), include_str!("data/ospf.running"));
    for header in ["router ospf", "router ospf vrf red", "router ospf6"] {
        assert_eq!(block(&ours, header), block(theirs, header));
    }
}

#[test]
fn each_socket_prints_its_own() {
    let config = read(&format!("{FILE}{NEWER}"));
    let (v2, v6, zebra) =
        (render(&config, Part::Ospf), render(&config, Part::Ospf6), render(&config, Part::Zebra));
    assert!(v2.contains("router ospf\n") && v2.contains(" ip ospf cost 15") && !v2.contains("ospf6"));
    assert!(v6.contains("router ospf6\n") && v6.contains(" ipv6 ospf6 cost 12") && !v6.contains("ip ospf "));
    assert!(!zebra.contains("router ospf") && !zebra.contains("ip ospf") && !zebra.contains("ipv6 ospf6"));
    assert!(v2.contains("key chain KC") && v6.contains("key chain KC"));
}

#[test]
fn newer_statements_read_back() {
    let config = read(NEWER);
    let out = render(&config, Part::Frr);
    let body: String = out.split_inclusive('\n').skip(3).collect();
    assert_eq!(statements(&body), statements(NEWER), "{out}");
    assert!(read(&out).normalized() == config.normalized());
    insta::assert_snapshot!(out);
}

#[test]
fn nothing_else_is_without_effect() {
    let quiet = [
        "mpls",
        "segment-routing",
        "router-info",
        "pce",
        "socket",
        "no proactive-arp",
        "write-multiplier",
        "refresh timer",
        "aggregation timer",
        "flood-reduction",
        "delay-reflood",
        "dmvpn",
        "shortcut",
        "hello-delay",
        "connected-prefixes",
    ];
    let (mut config, mut stack) = (Config::default(), ModeStack::default());
    for line in FILE.lines().chain(NEWER.lines()) {
        let outcome = execute_line(&mut config, &mut stack, line).unwrap();
        let known = quiet.iter().any(|q| line.contains(q));
        assert!(known || !matches!(outcome, LineOutcome::NoEffect(_)), "{line}");
    }
}

#[test]
fn every_line_can_be_taken_back() {
    for text in [FILE, NEWER] {
        let config = read(text);
        let (mut left, mut stack) = (config, ModeStack::default());
        for line in text.lines() {
            let line = line.trim();
            let opens = ["interface ", "router ", "key chain "].iter().any(|lead| line.starts_with(lead))
                || line.starts_with("key ") && !line.contains("string");
            if opens && !line.contains(" area ") || ["exit", "!"].contains(&line) {
                execute_line(&mut left, &mut stack, line).unwrap();
                continue;
            }
            let undo = line.strip_prefix("no ").map_or_else(|| format!("no {line}"), str::to_owned);
            execute_line(&mut left, &mut stack, &undo).unwrap_or_else(|e| panic!("{undo}: {e}"));
        }
        let rest = [
            "router ospf",
            "no log-adjacency-changes",
            "no area 3 stub",
            "no area 5 nssa",
            "no area 6 nssa",
            "no area 8 nssa",
            "no area 21 nssa",
            "no summary-address 10.12.0.0/16",
            "no area 1 range 10.4.0.0/16",
            "no area 1 virtual-link 2.2.2.3",
            "no area 1 virtual-link 2.2.2.4",
            "no area 1 virtual-link 2.2.2.5",
            "no area 22 virtual-link 9.9.9.9",
            "router ospf6",
            "no summary-address fd12::/16",
            "no area 3 stub",
            "no area 7 nssa",
            "no area 6 nssa",
            "no area 5 nssa",
            "router ospf6 vrf red",
            "no log-adjacency-changes",
            "interface eth0",
            "no ipv6 ospf6 bfd",
        ];
        for line in rest {
            execute_line(&mut left, &mut stack, line).unwrap();
        }
        let mut left = left.normalized();
        for instance in left.ospf.values_mut() {
            assert_eq!(*instance, Default::default());
        }
        for instance in left.ospf6.values_mut() {
            assert_eq!(*instance, Default::default());
        }
        for (name, i) in &left.interfaces {
            assert!(i.ospf6.is_empty(), "{name}: {:?}", i.ospf6);
            let passive = i.ospf.interface.passive;
            assert!(i.ospf.is_empty() || passive.is_some(), "{name}: {:?}", i.ospf);
        }
        left.key_chains
            .values_mut()
            .for_each(|chain| chain.keys.values().for_each(|k| assert_eq!(*k, Default::default())));
    }
}

#[test]
fn values_may_be_left_out_of_no() {
    let short = "interface eth0
no ip ospf cost
no ip ospf dead-interval
no ip ospf hello-interval
no ip ospf authentication-key
no ip ospf message-digest-key 1
no ip ospf message-digest-key 2
no ip ospf authentication
no ip ospf area
no ip ospf network
no ip ospf priority
no ip ospf retransmit-interval
no ip ospf transmit-delay
no ip ospf passive
no ip ospf mtu-ignore
no ip ospf bfd profile
no ip ospf bfd
no ip ospf mpls ldp-sync
no ip ospf mpls ldp-sync holddown
interface eth1
no ip ospf cost 10.1.0.1
no ip ospf hello-interval 10.1.0.1
no ip ospf dead-interval 10.1.0.1
no ip ospf message-digest-key 1 10.1.0.1
router ospf
no ospf router-id
no timers throttle spf
no timers lsa min-arrival
no maximum-paths
no default-information originate
no distance ospf
no redistribute static
no area 1 range 10.2.0.0/16
no area 1 virtual-link 2.2.2.3
";
    let c = read(&format!("{FILE}{short}"));
    assert!(c.interfaces["eth0"].ospf.is_empty(), "{:?}", c.interfaces["eth0"].ospf);
    let one = &c.interfaces["eth1"].ospf.addresses[&Ipv4Addr::new(10, 1, 0, 1)];
    assert_eq!(
        (one.cost, one.hello_interval, one.dead_interval, one.digest_keys.len()),
        (None, None, None, 0)
    );
    assert_eq!(c.interfaces["eth1"].ospf.interface.cost, Some(10));
    let o = &c.ospf[&OspfName::default()];
    assert_eq!((o.router_id, o.maximum_paths, o.min_arrival), (None, None, None));
    assert!(o.default_information.is_none() && o.distance.external.is_none() && o.distance.all == Some(120));
    let area = &o.areas[&"1".parse().unwrap()];
    assert_eq!((area.ranges.len(), area.virtual_links.len()), (4, 3));
}

#[test]
fn the_model_holds_what_was_said() {
    let c = read(&format!("{FILE}{NEWER}"));
    let o = &c.ospf[&OspfName::default()];
    assert_eq!(o.logs_adjacency(), LogAdjacency::Detail);
    assert_eq!((o.spf_throttle.delay, o.spf_throttle.hold, o.spf_throttle.max), (10, 100, 5000));
    let area = |n: &str| &o.areas[&n.parse().unwrap()];
    assert!(area("3").kind == AreaKind::Stub && area("3").no_summary);
    assert_eq!((area("6").kind, area("6").translate), (AreaKind::Nssa, NssaTranslate::Never));
    assert_eq!(area("0.0.0.2").default_cost, Some(9));
    let link = &c.interfaces["eth1"].ospf;
    assert_eq!(link.interface.dead_interval, Some(DeadInterval::Minimal(4)));
    let p2mp = OspfNetwork::PointToMultipoint { delay_reflood: true, non_broadcast: true };
    assert_eq!(c.interfaces["eth0"].ospf.network, Some(p2mp));
    let Some(Ospf6Authentication::Key { id: 3, algorithm: KeyAlgorithm::HmacSha256, secret }) =
        &c.interfaces["eth0"].ospf6.authentication
    else {
        panic!()
    };
    assert_eq!(secret.reveal(), "secret6");
    let log = format!("{c:?}");
    assert!(!["secret6", "secretone", "some secret"].iter().any(|s| log.contains(s)), "a secret in a log");
    let chain = &c.key_chains["KC"];
    let send = chain.keys[&1].send.unwrap();
    // 2024-02-29 12:30:05
    assert_eq!((send.start.seconds(), send.end_seconds()), (1_709_209_805, Some(1_709_213_405)));
    assert!(send.holds(1_709_209_805) && send.holds(1_709_213_405) && !send.holds(1_709_213_406));
    assert!(chain.keys[&1].accept.unwrap().holds(4_000_000_000));
}

#[test]
fn profiles_have_their_defaults() {
    let line = |text: &str| {
        let out = render(&read(text), Part::Ospf);
        out.lines().find(|l| l.contains("log-adjacency")).map(|l| l.trim().to_owned())
    };
    assert_eq!(line("router ospf\n log-adjacency-changes\n"), Some("log-adjacency-changes".into()));
    assert_eq!(line("router ospf\n no log-adjacency-changes\n"), None);
    let datacenter = "frr defaults datacenter\nrouter ospf\n";
    assert_eq!(line(&format!("{datacenter} log-adjacency-changes\n")), None);
    assert_eq!(
        line(&format!("{datacenter} no log-adjacency-changes\n")),
        Some("no log-adjacency-changes".into())
    );
    assert_eq!(line("router ospf\nfrr defaults datacenter\n"), None);
}

#[test]
fn what_cannot_be_is_refused() {
    use ConfigError as E;
    let net = ["router ospf", "network 10.0.0.0/8 area 0"];
    assert_eq!(refused(&["interface e", "ip ospf area 0", "router ospf", net[1]]), E::InterfaceAreas);
    assert_eq!(refused(&[net[0], net[1], "interface e", "ip ospf area 0"]), E::NetworkAreas);
    assert!(matches!(refused(&[net[0], net[1], "network 10.0.0.0/8 area 1"]), E::OtherNetworkArea { .. }));
    assert_eq!(refused(&["interface e", "ip ospf area 0", "ip ospf area 1"]), E::OtherArea("0".into()));
    assert_eq!(refused(&["interface e", "ipv6 ospf6 area 0", "ipv6 ospf6 area 1"]), E::OtherArea("0".into()));
    for line in ["stub", "nssa", "default-cost 5", "shortcut enable", "virtual-link 1.1.1.1"] {
        assert!(
            matches!(refused(&["router ospf", &format!("area 0.0.0.0 {line}")]), E::Backbone(_)),
            "{line}"
        );
    }
    assert_eq!(refused(&["router ospf", "area 1 default-cost 5"]), E::DefaultCost);
    assert_eq!(refused(&["router ospf", "area 1 stub", "area 1 virtual-link 1.1.1.1"]), E::VirtualLinkArea);
    assert_eq!(refused(&["router ospf", "area 1 virtual-link 1.1.1.1", "area 1 nssa"]), E::VirtualLinkArea);
    assert_eq!(refused(&["router ospf 5", "redistribute ospf 5"]), E::RedistributeSelf);
    assert_eq!(refused(&["router ospf6", "redistribute ospf6"]), E::RedistributeSelf);
    let key = ["key chain a", "key 1"];
    assert_eq!(
        refused(&[key[0], key[1], "send-lifetime 00:00:01 Jan 1 2024 00:00:00 1 January 2024"]),
        E::LifetimeOrder
    );
    for bad in ["24:00:00 Jan 1 2024", "00:00 Jan 1 2024", "00:00:00 Feb 30 2024", "00:00:00 Foo 1 2024"] {
        let line = format!("accept-lifetime {bad} infinite");
        assert!(matches!(refused(&[key[0], key[1], &line]), E::Value { .. }), "{line}");
    }
    // The same again, another VRF, another instance.
    read(
        "interface e\n ip ospf area 0\n ip ospf area 0.0.0.0\nexit\nrouter ospf vrf red\n network 10.0.0.0/8 area 0\n",
    );
    read(
        "router ospf\n network 10.0.0.0/8 area 0\n network 10.0.0.0/8 area 0.0.0.0\ninterface e\n ip ospf 5 area 0\n",
    );
}

#[test]
fn unknown_words_are_errors() {
    for text in [
        "router ospf\n area 21 nssa translate-sometimes\n",
        "router ospf\n network fd00::/8 area 0\n",
        "router ospf6\n area 21 nssa suppress-fa\n",
        "router ospf6\n network 10.0.0.0/8 area 0\n",
        "interface e\n ip ospf costs 5\n",
        "interface e\n ip ospf cost 10.0.0.1\n",
        "interface e\n ipv6 ospf6 cost 0\n",
        "router ospf\n ospf anything\n",
        "router ospf\n timers throttle spf 1 2\n",
        "key chain a\n key 1\n  cryptographic-algorithm none\n",
    ] {
        assert_eq!(parse("x", text).errors().count(), 1, "{text}");
    }
}

#[test]
fn long_passwords_are_cut() {
    let c = read(
        "interface e\n ip ospf authentication-key 123456789\n ip ospf message-digest-key 1 md5 12345678901234567\n",
    );
    let i = &c.interfaces["e"].ospf.interface;
    assert_eq!(i.key.as_ref().unwrap().reveal(), "12345678");
    assert_eq!(i.digest_keys[&1].reveal(), "1234567890123456");
}

#[test]
fn changes_are_told() {
    let deltas = |old: &str, new: &str| diff(&read(old), &read(new));
    let name = OspfName { instance: 0, vrf: Some("red".into()) };
    assert_eq!(deltas("", "router ospf vrf red\n"), [Delta::Ospf(name.clone())]);
    assert_eq!(deltas("router ospf6 vrf red\n", ""), [Delta::Ospf6(name)]);
    assert_eq!(deltas("", "key chain a\n"), [Delta::KeyChain("a".into())]);
    assert_eq!(deltas("", "interface e\n ip ospf area 0\n"), [Delta::Interface("e".into())]);
    assert_eq!(deltas("interface e\n ip ospf area 0\n", "interface e\n ip ospf area 0.0.0.0\n"), []);
}

fn edit() -> impl Strategy<Value = String> {
    let lines: Vec<String> = FILE
        .lines()
        .chain(NEWER.lines())
        .map(|l| l.trim().to_owned())
        .filter(|l| !l.is_empty() && l != "!" && l != "exit")
        .collect();
    let line = proptest::sample::select(lines);
    (0..4_u8, line).prop_map(|(no, line)| match no {
        0 => format!("no {}", line.trim_start_matches("no ")),
        _ => line,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_render_and_read_back(edits in proptest::collection::vec(edit(), 0..80)) {
        let (mut config, mut stack) = (Config::default(), ModeStack::default());
        for line in &edits {
            let before = config.clone();
            if execute_line(&mut config, &mut stack, line).is_err() {
                prop_assert!(before.normalized() == config.normalized(), "{line} left a trace");
            }
        }
        let text = render(&config, Part::All);
        let again = read(&text);
        prop_assert!(again.normalized() == config.normalized(), "{text}\n---\n{}", render(&again, Part::All));
        prop_assert!(diff(&config, &again).is_empty());
        prop_assert_eq!(render(&again, Part::All), text);
    }
}

/// What `no` takes back is what FRR's takes back: in OSPFv2 the options that a line names, in OSPFv3 the kind of the area.
#[test]
fn no_takes_back_what_frr_takes_back() {
    let after = |router: &str, lines: &[&str]| {
        let (mut config, mut stack) = (Config::default(), ModeStack::default());
        for line in [router].into_iter().chain(lines.iter().copied()) {
            execute_line(&mut config, &mut stack, line).unwrap();
        }
        let text = render(&config, Part::All);
        let inside = text.lines().skip_while(|l| *l != router).skip(1).take_while(|l| *l != "exit");
        inside.map(|l| l.trim().to_owned()).collect::<Vec<_>>()
    };
    let v2 = |lines: &[&str]| after("router ospf", lines);
    let v3 = |lines: &[&str]| after("router ospf6", lines);
    let nssa = ["area 3 nssa translate-always", "area 3 nssa no-summary", "area 3 nssa suppress-fa"];
    let with = |last: &'static str| nssa.into_iter().chain([last]).collect::<Vec<_>>();
    assert_eq!(
        v2(&with("no area 3 nssa translate-always")),
        ["area 3 nssa", "area 3 nssa no-summary", "area 3 nssa suppress-fa"]
    );
    assert_eq!(v2(&with("no area 3 nssa")), [""; 0]);
    assert_eq!(v2(&["area 4 stub no-summary", "no area 4 stub no-summary"]), ["area 4 stub"]);
    assert_eq!(v3(&["area 4 stub no-summary", "no area 4 stub no-summary"]), [""; 0]);
    assert_eq!(v3(&["area 5 nssa no-summary", "no area 5 nssa no-summary"]), [""; 0]);
    let quiet = ["summary-address 10.4.0.0/16 no-advertise", "no summary-address 10.4.0.0/16 no-advertise"];
    assert_eq!(v2(&quiet), ["summary-address 10.4.0.0/16"]);
    assert_eq!(v2(&["default-information originate metric-type 2"]), ["default-information originate"]);
    let said = "default-information originate always metric-type 2";
    assert_eq!(v3(&[said]), [said]);
    assert_eq!(v3(&["default-information originate"]), ["default-information originate"]);
}
