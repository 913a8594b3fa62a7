//! BFD: the block, static routes, neighbors.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::IpAddr;

use ferr_config::model::bfd::{BfdAuthKind, BfdParameters, BfdPeerKey, ComeBack, EchoReceive, StaticBfd};
use ferr_config::model::neighbor::NeighborKey;
use ferr_config::{
    Config, ConfigError, Delta, LineErrorKind, LineOutcome, ModeStack, Part, complete, diff, execute_line,
    parse, render,
};
use proptest::prelude::*;

const FILE: &str = include_str!("data/bfd.conf");

fn read(text: &str) -> Config {
    let outcome = parse("test.conf", text);
    let errors: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
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

fn key(remote: &str) -> BfdPeerKey {
    let remote = remote.parse().unwrap();
    BfdPeerKey { vrf: None, remote, multihop: false, local: None, interface: None }
}

/// Blocks by their header, each with its lines: peers have no order.
fn blocks(text: &str) -> Vec<String> {
    let inner: Vec<&str> = text.lines().filter(|l| l.starts_with(' ')).collect();
    let inner = inner.join("\n");
    let mut blocks: Vec<String> = inner.split(" exit\n !\n").map(|b| b.trim().to_owned()).collect();
    blocks.sort_unstable();
    blocks
}

#[test]
fn the_block_is_printed_as_frr_prints_it() {
    let (ours, theirs) = (render(&read(FILE), Part::Bfd), include_str!("data/bfd.running"));
    assert_eq!(blocks(&ours), blocks(theirs));
    // Profiles first, then sessions over one hop, then the others.
    let header = |l: &&str| l.starts_with(" p");
    let kinds: Vec<&str> = ours.lines().filter(header).collect();
    assert!(kinds[0].contains("profile all-defaults") && kinds[1].contains("profile fast"), "{kinds:?}");
    assert_eq!(kinds.last(), Some(&" peer 2.2.2.2 multihop local-address 1.1.1.1"));
    assert_eq!(read(theirs).bfd, read(FILE).normalized().bfd);
}

#[test]
fn words_have_their_meaning() {
    let c = read(FILE);
    let fast = &c.bfd.profiles["fast"];
    assert_eq!(
        *fast,
        BfdParameters {
            detect_multiplier: Some(5),
            receive_interval: Some(50),
            transmit_interval: Some(60),
            echo_mode: Some(true),
            echo_transmit_interval: Some(55),
            echo_receive_interval: Some(EchoReceive::Interval(56)),
            echo_unaffiliated: false,
            passive: Some(true),
            minimum_ttl: Some(250),
            shutdown: Some(true),
            log_session_changes: None,
            signing: None,
            accept: BTreeMap::new(),
        }
    );
    assert_eq!(c.bfd.profiles["all-defaults"].echo_receive_interval, Some(EchoReceive::Disabled));
    let local = Some("10.0.12.1".parse().unwrap());
    let pinned = &c.bfd.peers[&BfdPeerKey { local, interface: Some("bwa".into()), ..key("10.0.12.77") }];
    assert_eq!(pinned.parameters.echo_transmit_interval, Some(70));
    assert_eq!(pinned.parameters.echo_receive_interval, Some(EchoReceive::Interval(70)));
    assert_eq!(pinned.profile.as_deref(), Some("fast"));
    let red = BfdPeerKey { vrf: Some("red".into()), interface: Some("x".into()), ..key("10.9.9.9") };
    assert!(c.bfd.peers.contains_key(&red));
}

#[test]
fn options_of_a_peer_come_in_any_order() {
    let a = read("bfd\n peer 2.2.2.2 multihop local-address 1.1.1.1 vrf red interface lo\n");
    let b = read("bfd\n peer 2.2.2.2 vrf red interface lo local-address 1.1.1.1 multihop\n");
    assert_eq!(a.bfd, b.bfd);
    assert!(
        render(&a, Part::Bfd).contains(" peer 2.2.2.2 multihop local-address 1.1.1.1 vrf red interface lo\n")
    );
}

#[test]
fn every_statement_has_a_no() {
    let mut text = String::new();
    for line in FILE.lines().filter(|l| l.starts_with("  ")) {
        text += &format!("bfd\n profile p\n{line}\n");
        let words: Vec<&str> = line.trim().trim_start_matches("no ").split(' ').collect();
        // With its value and without.
        let short = words.iter().filter(|w| w.parse::<u32>().is_err() && **w != "disabled");
        if words[0] == "profile" {
            continue;
        }
        for undo in [words.join(" "), short.copied().collect::<Vec<_>>().join(" ")] {
            let c = read(&format!("bfd\n profile p\n {line}\n no {undo}\n"));
            assert_eq!(c.bfd.profiles["p"], BfdParameters::default(), "no {undo}");
        }
    }
    for (line, undo) in [
        ("peer 1.1.1.1\n label x\n no label\n exit", "no peer 1.1.1.1"),
        ("profile p", "no profile p"),
        ("log-session-changes", "no log-session-changes"),
        ("come-back delay 1", "no come-back delay"),
    ] {
        let c = read(&format!("bfd\n {line}\n {undo}\n"));
        assert_eq!(render(&c, Part::All), render(&read("bfd\n"), Part::All), "{undo}");
    }
    let c = read("bfd\n peer 1.1.1.1\n profile p\n no profile\n");
    assert_eq!(c.bfd.peers[&key("1.1.1.1")].profile, None);
    assert_eq!(read(&format!("{FILE}no bfd\n")).bfd, Config::default().bfd);
}

#[test]
fn what_a_session_cannot_have_is_refused() {
    use ConfigError as E;
    let single = ["bfd", "peer 10.0.0.1"];
    let multi = ["bfd", "peer 10.0.0.1 multihop local-address 10.0.0.2"];
    assert_eq!(refused(&[single[0], single[1], "minimum-ttl 250"]), E::BfdTtlSingleHop);
    for echo in ["echo-mode", "echo-interval 50", "echo transmit-interval 50", "echo receive-interval 50"] {
        assert_eq!(refused(&[multi[0], multi[1], echo]), E::BfdEchoMultihop);
    }
    assert_eq!(refused(&["bfd", "peer fe80::1"]), E::BfdLinkLocal);
    assert_eq!(refused(&["bfd", "peer fd00::1 local-address 10.0.0.1"]), E::BfdFamilies);
    assert_eq!(refused(&["bfd", "come-back delay 20 maximum 10"]), E::ComeBack);
    assert_eq!(refused(&["ip route 10.0.0.0/8 Null0 bfd"]), E::BfdWithoutGateway);
    assert_eq!(refused(&["ip route 10.0.0.0/8 eth0 bfd profile p"]), E::BfdWithoutGateway);
    let message = E::BfdTtlSingleHop.to_string();
    assert!(message.starts_with("% ") && message.contains("add multihop"), "{message}");
    let outcome = parse("frr.conf", "bfd\n peer 10.0.0.1\n  minimum-ttl 3\n  receive-interval 70\n");
    let place: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert!(place.len() == 1 && place[0].contains("frr.conf:3:3"), "{place:?}");
    assert_eq!(outcome.config.bfd.peers[&key("10.0.0.1")].parameters.receive_interval, Some(70));
    // A profile takes both.
    read("bfd\n profile p\n  minimum-ttl 3\n  echo-mode\n");
}

#[test]
fn ranges_are_the_widest_of_all_versions() {
    let ok = |line: &str| parse("x", &format!("bfd\n profile p\n {line}\n")).errors().count() == 0;
    for (line, low, high) in [
        ("detect-multiplier", 1, 255_u32),
        ("receive-interval", 10, 4_294_967),
        ("transmit-interval", 10, 4_294_967),
        ("echo transmit-interval", 10, 4_294_967),
        ("echo receive-interval", 10, 4_294_967),
        ("minimum-ttl", 1, 254),
    ] {
        assert!(ok(&format!("{line} {low}")) && ok(&format!("{line} {high}")), "{line}");
        assert!(!ok(&format!("{line} {}", low - 1)) && !ok(&format!("{line} {}", high + 1)), "{line}");
    }
}

#[test]
fn a_default_says_something_where_a_profile_is_below() {
    let text = "bfd\n profile p\n  receive-interval 50\n exit\n peer 10.0.0.1\n  profile p\n  receive-interval 300\n";
    let c = read(text);
    let peer = &c.bfd.peers[&key("10.0.0.1")];
    assert_eq!(peer.parameters.or(&c.bfd.profiles["p"]).receive_interval, Some(300));
    assert!(render(&c, Part::Bfd).contains("  receive-interval 300\n"));
    let alone = read("bfd\n peer 10.0.0.1\n  receive-interval 300\n");
    assert!(!render(&alone, Part::Bfd).contains("receive-interval"));
    assert_eq!(diff(&alone, &read("bfd\n peer 10.0.0.1\n")), []);
    assert_eq!(diff(&alone, &read("bfd\n peer 10.0.0.1\n  receive-interval 301\n")), [Delta::Bfd]);
}

#[test]
fn own_statement_is_for_our_shell_only() {
    let c = read("bfd\n come-back delay 500 maximum 60000\n log-session-changes\n");
    assert_eq!(c.bfd.come_back, Some(ComeBack { delay_ms: 500, max_ms: Some(60_000) }));
    assert!(
        render(&c, Part::All)
            .contains("bfd\n log-session-changes\n come-back delay 500 maximum 60000\nexit\n")
    );
    assert!(render(&c, Part::Bfd).contains("bfd\n log-session-changes\nexit\n"));
    assert_eq!(read("bfd\n come-back delay 0\n").bfd.come_back, Some(ComeBack { delay_ms: 0, max_ms: None }));
}

#[test]
fn keys_are_for_our_shell_only_and_never_in_debug_output() {
    let lines = "  authentication meticulous-keyed-sha1 key-id 7 password two words\n  \
                 authentication accept key-id 0 password hunter0\n  \
                 authentication accept key-id 255 password hunter255\n";
    for header in ["profile p", "peer 10.0.0.1", "peer 10.0.0.1 multihop local-address 10.0.0.2"] {
        let c = read(&format!("bfd\n {header}\n{lines}"));
        let all = render(&c, Part::All);
        assert!(all.contains(&format!(" {header}\n{lines} exit\n")), "{all}");
        assert_eq!(read(&all).bfd, c.bfd);
        assert!(!render(&c, Part::Bfd).contains("authentication"));
        let debug = format!("{c:?}");
        assert!(!debug.contains("hunter") && !debug.contains("two words"), "{debug}");
    }
}

#[test]
fn echoes_alone_are_a_statement_of_our_own() {
    let c = read("bfd\n profile p\n  echo unaffiliated\n exit\n peer 10.0.0.1\n  profile p\n exit\n");
    assert!(c.bfd.profiles["p"].echo_unaffiliated);
    let peer = &c.bfd.peers[&key("10.0.0.1")];
    assert!(peer.parameters.or(&c.bfd.profiles["p"]).echo_unaffiliated);
    assert!(!render(&c, Part::Bfd).contains("unaffiliated"));
    assert!(render(&c, Part::Own).contains("  echo unaffiliated\n"));
    assert_eq!(read(&render(&c, Part::All)).bfd, c.bfd);
    let c = read("bfd\n profile p\n  echo unaffiliated\n  no echo unaffiliated\n exit\n");
    assert!(!c.bfd.profiles["p"].echo_unaffiliated);
    let refused = parse("x", "bfd\n peer 10.0.0.1 multihop\n  echo unaffiliated\n");
    assert_eq!(refused.errors().count(), 1);
}

#[test]
fn every_kind_of_authentication_has_its_length_and_its_no() {
    use BfdAuthKind as K;
    for (word, kind, longest) in [
        ("simple", K::Simple, 16),
        ("keyed-md5", K::KeyedMd5, 16),
        ("meticulous-keyed-md5", K::MeticulousMd5, 16),
        ("keyed-sha1", K::KeyedSha1, 20),
        ("meticulous-keyed-sha1", K::MeticulousSha1, 20),
    ] {
        let line = |len: usize| format!("authentication {word} key-id 3 password {}", "x".repeat(len));
        let accept = |len: usize| format!("authentication accept key-id 4 password {}", "x".repeat(len));
        let c = read(&format!("bfd\n profile p\n  {}\n  {}\n", line(longest), accept(longest)));
        let p = &c.bfd.profiles["p"];
        assert_eq!(p.signing.as_ref().map(|s| (s.kind, s.id)), Some((kind, 3)));
        assert_eq!(p.accept.keys().collect::<Vec<_>>(), [&4]);
        let error = ConfigError::BfdPassword { kind, len: longest + 1, max: longest };
        assert_eq!(refused(&["bfd", "profile p", &line(longest + 1)]), error);
        assert_eq!(refused(&["bfd", "profile p", &line(1), &accept(longest + 1)]), error);
        assert!(!error.to_string().contains("xx"), "{error}");
        for undo in [line(1), format!("authentication {word}"), "authentication".to_owned()] {
            let c = read(&format!("bfd\n profile p\n  {}\n  no {undo}\n", line(1)));
            assert_eq!(c.bfd.profiles["p"], BfdParameters::default(), "{undo}");
        }
        for undo in [accept(1), "authentication accept key-id 4".to_owned()] {
            let c = read(&format!("bfd\n profile p\n  {}\n  no {undo}\n", accept(1)));
            assert_eq!(c.bfd.profiles["p"], BfdParameters::default(), "{undo}");
        }
    }
    let error = ConfigError::BfdPassword { kind: K::MeticulousSha1, len: 21, max: 20 };
    let line = format!("authentication accept key-id 4 password {}", "x".repeat(21));
    assert_eq!(refused(&["bfd", "profile p", &line]), error);
    assert_eq!(
        parse("x", "bfd\n profile p\n  authentication simple key-id 256 password x\n").errors().count(),
        1
    );
    assert_eq!(
        parse("x", "bfd\n profile p\n  authentication simple key-id 1 password\n").errors().count(),
        1
    );
}

#[test]
fn accepted_keys_belong_to_the_key_that_signs() {
    let keys = |text: &str| {
        let c = read(&format!(
            "bfd\n profile p\n  authentication simple key-id 1 password a\n  \
                               authentication accept key-id 2 password b\n exit\n peer 10.0.0.1\n{text}"
        ));
        let used = c.bfd.peers[&key("10.0.0.1")].parameters.or(&c.bfd.profiles["p"]);
        let accept = used.accept.iter().map(|(id, p)| (*id, p.reveal().to_owned())).collect::<Vec<_>>();
        (used.signing.map(|s| s.id), accept)
    };
    let two = (2, "b".to_owned());
    assert_eq!(keys(""), (Some(1), vec![two.clone()]));
    assert_eq!(keys("authentication accept key-id 3 password c"), (Some(1), vec![two, (3, "c".to_owned())]));
    assert_eq!(keys("authentication accept key-id 2 password c"), (Some(1), vec![(2, "c".to_owned())]));
    assert_eq!(keys("authentication simple key-id 9 password c"), (Some(9), vec![]));
}

#[test]
fn static_routes_are_watched() {
    let text = "ip route 10.0.0.0/8 192.0.2.1 bfd
ip route 10.0.0.0/8 192.0.2.2 tag 5 7 onlink
ip route 10.1.0.0/16 192.0.2.1 eth0 bfd profile p
ip route 10.2.0.0/16 192.0.2.1 nexthop-vrf blue bfd multi-hop source 192.0.2.9 profile p
ipv6 route fd00::/16 fd01::1 bfd multi-hop source fd01::2
vrf red
 ip route 10.0.0.0/8 192.0.2.1 bfd multi-hop
exit-vrf
";
    let c = read(text);
    let out = render(&c, Part::Static);
    for line in text.lines().map(str::trim).filter(|l| l.contains("bfd")) {
        assert!(out.lines().any(|l| l.trim() == line), "{line}\n{out}");
    }
    let last = c.routes.0.values().last().unwrap();
    let source = Some("fd01::2".parse().unwrap());
    assert_eq!(last.bfd.as_deref(), Some(&StaticBfd { multihop: true, source, profile: None }));
    let again = read(&out);
    assert_eq!((&again.routes, &again.vrfs), (&c.routes, &c.vrfs));
    let undone = read(&format!("{text}no ip route 10.1.0.0/16 192.0.2.1 eth0 bfd profile p\n"));
    assert_eq!(undone.routes.0.len(), c.routes.0.len() - 1);
    let changed = read(&format!("{text}ip route 10.1.0.0/16 192.0.2.1 eth0\n"));
    assert!(matches!(diff(&c, &changed)[..], [Delta::StaticRoute(None, _)]));
}

#[test]
fn neighbors_are_watched() {
    let head = "router bgp 1\n neighbor 192.0.2.1 remote-as 2\n";
    let bfd = |lines: &str| {
        let c = read(&format!("{head}{lines}"));
        let instance = c.bgp.values().next().unwrap();
        instance.neighbors[&NeighborKey::Address(IpAddr::from([192, 0, 2, 1]))].settings.bfd.clone()
    };
    let printed = |lines: &str| {
        let text = render(&read(&format!("{head}{lines}")), Part::Bgp);
        let lead = " neighbor 192.0.2.1 ";
        let lines = text.lines().filter_map(|l| l.strip_prefix(lead)).filter(|l| l.starts_with("bfd"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(printed(" neighbor 192.0.2.1 bfd strict\n"), ["bfd", "bfd strict"]);
    let strict = " neighbor 192.0.2.1 bfd strict hold-time 4294967295\n";
    assert_eq!(bfd(strict).unwrap().strict, Some(u32::MAX));
    assert_eq!(printed(strict), ["bfd", "bfd strict hold-time 4294967295"]);
    assert_eq!(bfd(&format!("{strict} no neighbor 192.0.2.1 bfd strict\n")).unwrap().strict, None);
    let all = " neighbor 192.0.2.1 bfd 4 100 200\n neighbor 192.0.2.1 bfd profile p\n \
               neighbor 192.0.2.1 bfd check-control-plane-failure\n";
    let expected = ["bfd 4 100 200", "bfd check-control-plane-failure", "bfd profile p"];
    assert_eq!(printed(all), expected);
    assert_eq!(bfd(&format!("{all} no neighbor 192.0.2.1 bfd\n")), None);
    assert_eq!(bfd(" no neighbor 192.0.2.1 bfd profile p\n"), None);
}

#[test]
fn nothing_is_without_effect() {
    let (mut config, mut stack) = (Config::default(), ModeStack::default());
    for line in FILE.lines() {
        let outcome = execute_line(&mut config, &mut stack, line).unwrap();
        assert!(!matches!(outcome, LineOutcome::NoEffect(_)), "{line}");
    }
}

#[test]
fn completes() {
    let mut stack = ModeStack::default();
    let mut config = Config::default();
    let words =
        |stack: &ModeStack, line: &str| complete(stack, line).into_iter().map(|c| c.word).collect::<Vec<_>>();
    execute_line(&mut config, &mut stack, "bfd").unwrap();
    assert_eq!(stack.current().prompt(), "config-bfd");
    assert_eq!(words(&stack, "peer 10.0.0.1 "), ["interface", "local-address", "multihop", "vrf", "<cr>"]);
    execute_line(&mut config, &mut stack, "peer 10.0.0.1").unwrap();
    assert_eq!(stack.current().prompt(), "config-bfd-peer");
    assert_eq!(words(&stack, "echo receive-interval "), ["disabled", "(10-4294967)"]);
    assert!(words(&stack, "pr").contains(&"profile"));
    // A profile leads out of a profile, and is a setting of a peer.
    execute_line(&mut config, &mut stack, "profile a").unwrap();
    assert_eq!(stack.current().prompt(), "config-bfd-peer");
    for line in ["exit", "profile a", "profile b"] {
        execute_line(&mut config, &mut stack, line).unwrap();
    }
    assert_eq!(stack.current().prompt(), "config-bfd-profile");
    assert_eq!(config.bfd.profiles.len(), 2);
}

fn parameter() -> impl Strategy<Value = String> {
    let timer = prop_oneof![10_u32..400, Just(300), Just(50), Just(4_294_967)];
    prop_oneof![
        (1_u8..=255).prop_map(|n| format!("detect-multiplier {n}")),
        timer.clone().prop_map(|n| format!("receive-interval {n}")),
        timer.clone().prop_map(|n| format!("transmit-interval {n}")),
        timer.clone().prop_map(|n| format!("echo transmit-interval {n}")),
        timer.clone().prop_map(|n| format!("echo receive-interval {n}")),
        timer.prop_map(|n| format!("echo-interval {n}")),
        (1_u8..255).prop_map(|n| format!("minimum-ttl {n}")),
        proptest::sample::select(vec![
            "echo-mode",
            "shutdown",
            "passive-mode",
            "log-session-changes",
            "echo receive-interval disabled",
            "label some",
            "authentication keyed-sha1 key-id 1 password some key",
            "authentication simple key-id 0 password x",
            "authentication accept key-id 2 password y",
            "authentication accept key-id 3 password z",
            "profile a",
        ])
        .prop_map(str::to_owned),
    ]
}

fn edit() -> impl Strategy<Value = String> {
    let block = proptest::sample::select(vec![
        "bfd\nprofile a",
        "bfd\nprofile b",
        "bfd\npeer 10.0.0.1",
        "bfd\npeer 10.0.0.1 multihop local-address 10.0.0.2",
        "bfd\npeer fe80::1 interface eth0 vrf red",
        "bfd\nno peer 10.0.0.1",
        "bfd\nno profile a",
        "bfd\ncome-back delay 5 maximum 9",
        "bfd\nno come-back delay",
        "bfd\nlog-session-changes",
        "ip route 10.0.0.0/8 192.0.2.1 bfd profile a",
        "ip route 10.0.0.0/8 192.0.2.1",
        "end",
    ])
    .prop_map(str::to_owned);
    prop_oneof![1 => block, 3 => (any::<bool>(), parameter()).prop_map(|(no, p)| if no { format!("no {p}") } else { p })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_render_and_read_back(edits in proptest::collection::vec(edit(), 0..40)) {
        let (mut config, mut stack) = (Config::default(), ModeStack::default());
        for line in edits.iter().flat_map(|e| e.lines()) {
            let before = config.clone();
            if execute_line(&mut config, &mut stack, line).is_err() {
                prop_assert!(before == config, "{line} left a trace");
            }
        }
        let text = render(&config, Part::All);
        let again = read(&text);
        prop_assert!(again.normalized() == config.normalized(), "{text}\n---\n{}", render(&again, Part::All));
        prop_assert!(diff(&config, &again).is_empty());
        prop_assert_eq!(render(&again, Part::All), text);
    }
}
