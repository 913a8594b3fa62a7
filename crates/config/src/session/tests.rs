use super::*;
use crate::model::bgp::{BgpFamily, InstanceName};
use crate::{Part, diff, parse, render};

struct Session {
    config: Config,
    stack: ModeStack,
}

impl Session {
    fn new(lines: &str) -> Self {
        let mut s = Self { config: Config::default(), stack: ModeStack::default() };
        for line in lines.lines() {
            s.ok(line);
        }
        s
    }

    fn run(&mut self, line: &str) -> Result<LineOutcome, LineError> {
        execute_line(&mut self.config, &mut self.stack, line)
    }

    fn ok(&mut self, line: &str) {
        let result = self.run(line);
        assert!(result.is_ok(), "{line}: {}", result.unwrap_err());
    }

    fn status(&mut self, line: &str) -> u8 {
        let before = (self.config.normalized(), self.stack.current().clone());
        let status = self.run(line).map_or_else(|e| e.status(), |_| 0);
        if status != 0 {
            assert!(
                before == (self.config.normalized(), self.stack.current().clone()),
                "{line} left a trace"
            );
        }
        status
    }
}

const BGP: &str = "router bgp 65001\nneighbor PG peer-group\nneighbor 10.0.0.2 remote-as 65002\n";

#[test]
fn statuses_are_those_of_the_protocol() {
    let mut s = Session::new(BGP);
    for (line, status) in [
        ("bogus", 2),
        ("neighbor 10.0.0.2 remote-as", 4),
        ("neighbor 10.0.0.2 remote-as x", 2),
        ("router bgp 77", 13),
        ("neighbor 10.0.0.9 description x", 13),
        ("neighbor 10.0.0.9 peer-group NOPE", 13),
        ("neighbor 10.0.0.9 peer-group PG", 13),
        ("neighbor UNKNOWN remote-as 5", 13),
        ("neighbor 10.0.0.2 local-as 65001", 13),
        ("neighbor 10.0.0.2 timers 1 2", 13),
        ("neighbor 10.0.0.2 ebgp-multihop 5", 0),
        ("neighbor 10.0.0.2 ttl-security hops 5", 13),
        ("bgp listen range 10.0.0.0/8 peer-group NOPE", 13),
        ("network 2001:db8::/32", 13),
        ("ip prefix-list X permit 10.0.0.0/16 le 8", 13),
        ("access-list X permit 10.0.0.0/33", 2),
        ("bgp as-path access-list X permit (", 13),
    ] {
        assert_eq!(s.status(line), status, "{line}");
    }
}

#[test]
fn no_takes_full_lines_and_lines_cut_short_and_misses_nothing() {
    let mut s = Session::new(BGP);
    let before = s.config.clone();
    for (set, unset) in [
        ("neighbor 10.0.0.2 timers 3 9", "no neighbor 10.0.0.2 timers"),
        ("neighbor 10.0.0.2 timers 3 9", "no neighbor 10.0.0.2 timers 3 9"),
        ("neighbor 10.0.0.2 description a b c", "no neighbor 10.0.0.2 description"),
        ("neighbor 10.0.0.2 password x", "no neighbor 10.0.0.2 password x"),
        ("neighbor 10.0.0.2 ebgp-multihop 3", "no neighbor 10.0.0.2 ebgp-multihop"),
        ("bgp router-id 1.1.1.1", "no bgp router-id"),
        ("timers bgp 3 9", "no timers bgp 3 9"),
        ("network 1.1.1.1/32 route-map X", "no network 1.1.1.1/32"),
        ("redistribute static metric 5 route-map X", "no redistribute static"),
        ("maximum-paths 4", "no maximum-paths"),
        ("bgp listen range 10.0.0.0/8 peer-group PG", "no bgp listen range 10.0.0.0/8 peer-group PG"),
    ] {
        s.ok(set);
        assert!(!diff(&before, &s.config).is_empty(), "{set} changes nothing");
        s.ok(unset);
        assert_eq!(diff(&before, &s.config), vec![], "{unset}");
        s.ok(unset);
    }
    s.ok("no neighbor 9.9.9.9");
    s.ok("no neighbor 9.9.9.9 timers 3 9");
    s.ok("no ip route 10.0.0.0/8 1.1.1.1");
    s.ok("no route-map NOPE permit 10");
    s.ok("no router bgp 5 vrf nope");
}

#[test]
fn a_line_is_tried_in_the_modes_around_and_moves_there() {
    let mut s = Session::new("router bgp 65001\naddress-family ipv6 unicast");
    s.ok("bgp router-id 1.1.1.1");
    assert_eq!(*s.stack.current(), Mode::Bgp(InstanceName::Default));
    s.ok("address-family ipv4 unicast");
    s.ok("interface eth0");
    assert_eq!(s.stack.depth(), 1);
    s.ok("exit");
    assert_eq!(s.run("exit").unwrap(), LineOutcome::ExitTop);
    s.ok("router bgp 65001");
    s.ok("address-family l2vpn evpn");
    s.ok("vni 100");
    s.ok("exit-vni");
    s.ok("exit-address-family");
    assert_eq!(*s.stack.current(), Mode::Bgp(InstanceName::Default));
    assert_eq!(s.status("exit-vrf"), 2);
}

#[test]
fn keywords_may_be_abbreviated_when_only_one_fits() {
    let mut s = Session::new("");
    s.ok("int eth0");
    s.ok("desc hello");
    s.ok("ip addr 10.0.0.1/24");
    s.ok("no shut");
    assert_eq!(s.config.interfaces["eth0"].description.as_deref(), Some("hello"));
    s.ok("exit");
    assert_eq!(s.status("log s"), 3);
    s.ok("log sys inf");
    s.ok("router b 65001");
    s.ok("neighbor 10.0.0.1 remote 5");
    s.ok("address-family ipv4 uni");
    s.ok("redis conn");
    assert_eq!(s.config.bgp[&InstanceName::Default].afs[&BgpFamily::Ipv4Unicast].redistribute.len(), 1);
}

#[test]
fn errors_say_where_and_what_is_near() {
    let mut s = Session::new(BGP);
    let e = s.run(" neighbor 10.0.0.2  remoteas 5").unwrap_err();
    assert_eq!(e.column, 21);
    let LineErrorKind::Unknown { word, nearest, .. } = e.kind else { panic!() };
    assert_eq!((word.as_str(), nearest), ("remoteas", Some("remote-as")));
    let e = s.run("neighbor 10.0.0.2 route-map X").unwrap_err();
    let LineErrorKind::Incomplete { expected } = e.kind else { panic!() };
    assert_eq!(expected, [Expectation::Keyword("in"), Expectation::Keyword("out")]);
}

#[test]
fn completion_offers_what_fits() {
    let s = Session::new("router bgp 65001");
    let words = |line| complete(&s.stack, line).into_iter().map(|c| c.word).collect::<Vec<_>>();
    assert!(words("neighbor 10.0.0.1 remote-as ").contains(&"internal"));
    assert_eq!(words("neighbor 10.0.0.1 remote-a"), ["remote-as"]);
    assert!(words("").contains(&"interface") && words("").contains(&"network"));
    assert!(words("no bgp router-id ").contains(&"<cr>"));
    assert!(list(&s.stack).len() > 50);
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let s = Session::new(&format!("password hunter2\n{BGP}neighbor 10.0.0.2 password hunter2"));
    assert!(!format!("{:?}", s.config.global).contains("hunter2"));
    assert!(!format!("{:?}", s.config.bgp).contains("hunter2"));
    assert!(render(&s.config, Part::Bgp).contains("password hunter2"));
}

#[test]
fn members_of_a_group_follow_it() {
    let mut s = Session::new(BGP);
    s.ok("neighbor PG remote-as 65001");
    s.ok("neighbor PG timers 3 9");
    s.ok("neighbor 10.0.0.3 peer-group PG");
    s.ok("neighbor 10.0.0.3 timers connect 7");
    s.ok("neighbor PG route-map OUT out");
    s.ok("neighbor 10.0.0.3 route-map IN in");
    let b = &s.config.bgp[&InstanceName::Default];
    let key = b.neighbors.keys().next_back().unwrap();
    let e = crate::effective_neighbor(b, key).unwrap();
    assert_eq!((e.timers, e.connect_retry, e.enabled), ((3, 9), 7, true));
    let af = &e.afs[&BgpFamily::Ipv4Unicast].settings.route_map;
    assert_eq!((af.inbound.as_deref(), af.outbound.as_deref()), (Some("IN"), Some("OUT")));
    assert!(e.afs.len() == 1);
    s.ok("no neighbor PG peer-group");
    assert_eq!(s.config.bgp[&InstanceName::Default].neighbors.len(), 1);
}

/// As FRR 8.4.4: `no` of a member's setting gives it back to the group; only `activate` and `send-community` can be off on
/// a member whose group has them on.
#[test]
fn a_member_turns_off_what_can_be_turned_off() {
    let mut s = Session::new(BGP);
    for flag in ["passive", "solo", "timers 3 9", "shutdown", "capability dynamic"] {
        s.ok(&format!("neighbor PG {flag}"));
    }
    s.ok("neighbor PG remote-as 65002");
    s.ok("neighbor 10.0.0.3 peer-group PG");
    s.ok("address-family ipv4 unicast");
    for flag in ["as-override", "next-hop-self", "weight 7", "route-map X in"] {
        s.ok(&format!("neighbor PG {flag}"));
    }
    let inherited = s.config.clone();
    for flag in
        ["passive", "solo", "timers", "shutdown", "as-override", "next-hop-self", "weight", "route-map X in"]
    {
        s.ok(&format!("no neighbor 10.0.0.3 {flag}"));
    }
    assert!(s.config.normalized() == inherited.normalized());
    s.ok("address-family ipv4 unicast");
    s.ok("no neighbor PG send-community large");
    s.ok("no neighbor 10.0.0.3 send-community extended");
    s.ok("no neighbor 10.0.0.3 activate");
    s.ok("address-family ipv6 unicast");
    s.ok("neighbor PG activate");
    s.ok("no neighbor 10.0.0.3 activate");
    let text = render(&s.config, Part::Bgp);
    for line in [
        "  no neighbor PG send-community large\n",
        "  no neighbor 10.0.0.3 activate\n  no neighbor 10.0.0.3 send-community extended\n",
        "  neighbor PG activate\n  no neighbor 10.0.0.3 activate\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(parse("again", &text).config.normalized().bgp == s.config.normalized().bgp);
    s.ok("address-family ipv4 unicast");
    s.ok("neighbor 10.0.0.3 activate");
    s.ok("neighbor 10.0.0.3 send-community large");
    let b = &s.config.bgp[&InstanceName::Default];
    let e = crate::effective_neighbor(b, b.neighbors.keys().next_back().unwrap()).unwrap();
    let sent = e.afs[&BgpFamily::Ipv4Unicast].settings.send_community;
    assert_eq!((sent.standard, sent.extended, sent.large), (true, false, false), "the group's is off");
    assert!(!e.afs.contains_key(&BgpFamily::Ipv6Unicast));
}

#[test]
fn statements_of_the_start() {
    let mut s = Session::new("router bgp 65001");
    assert_eq!(s.status("update-delay 10 11"), 13);
    s.ok("exit");
    assert_eq!(s.status("bgp update-delay 10 11"), 13);
    s.ok("bgp update-delay 30 10");
    s.ok("router bgp 65001");
    for line in [
        "update-delay 10 5",
        "bgp max-med administrative",
        "bgp max-med administrative 7",
        "bgp max-med on-startup 60",
        "bgp max-med on-startup 60 9",
        "coalesce-time 500",
    ] {
        assert_eq!(s.run(line).unwrap(), LineOutcome::Applied, "{line}");
        let text = render(&s.config, Part::Bgp);
        assert!(text.contains(&format!(" {line}\n")), "{line}\n{text}");
        assert!(parse("again", &text).config.normalized() == s.config.normalized());
    }
    for no in ["update-delay", "bgp max-med administrative", "bgp max-med on-startup", "coalesce-time"] {
        s.ok(&format!("no {no}"));
    }
    s.ok("no bgp update-delay");
    assert_eq!(render(&s.config, Part::Bgp), render(&parse("x", "router bgp 65001\n").config, Part::Bgp));
    s.ok("router bgp 65001");
    s.ok("update-delay 0");
    s.ok("bgp max-med administrative 4294967294");
    assert!(render(&s.config, Part::Bgp).contains("\n bgp max-med administrative\n"));
    assert!(!render(&s.config, Part::Bgp).contains("update-delay"));
}

#[test]
fn what_nothing_acts_on_is_said() {
    let mut s = Session::new(BGP);
    for (line, acts) in [
        ("bgp fast-convergence", false),
        ("bgp suppress-fib-pending", false),
        ("neighbor 10.0.0.2 capability dynamic", false),
        ("neighbor 10.0.0.2 soo 65000:1", true),
        ("bgp default subgroup-pkt-queue-max 50", false),
        ("bgp default show-hostname", true),
        ("neighbor 10.0.0.2 passive", true),
        ("bgp graceful-restart notification", true),
        ("route-map X permit 10", true),
        ("match rpki valid", false),
        ("match as-path X", true),
        ("match source-vrf X", true),
        ("interface eth0", true),
        ("no link-detect", false),
        ("link-detect", true),
        ("ipv6 nd dnssl example.net", true),
        ("ip ospf network point-to-point dmvpn", false),
        ("ip ospf network point-to-multipoint delay-reflood", false),
        ("ip ospf network point-to-multipoint non-broadcast", true),
    ] {
        let told = matches!(s.run(line).unwrap(), LineOutcome::NoEffect(_));
        assert_eq!(told, !acts, "{line}");
    }
    let text = render(&s.config, Part::All);
    assert!(text.contains(" bgp fast-convergence\n") && text.contains(" match rpki valid\n"));
}

#[test]
fn aigp_and_conditions() {
    let mut s = Session::new(BGP);
    for (line, printed) in [
        ("neighbor 10.0.0.2 aigp", " neighbor 10.0.0.2 aigp\n"),
        ("bgp bestpath aigp", " bgp bestpath aigp\n"),
        (
            "neighbor 10.0.0.2 advertise-map A exist-map B",
            "  neighbor 10.0.0.2 advertise-map A exist-map B\n",
        ),
        ("neighbor 10.0.0.2 advertise-map A non-exist-map B", "advertise-map A non-exist-map B\n"),
        ("route-map X permit 10", "route-map X permit 10\n"),
        ("set aigp-metric igp-metric", " set aigp-metric igp-metric\n"),
        ("set aigp-metric 77", " set aigp-metric 77\n"),
    ] {
        let outcome = s.run(line).unwrap();
        assert!(!matches!(outcome, LineOutcome::NoEffect(_)), "{line}");
        let text = render(&s.config, Part::Bgp);
        assert!(text.contains(printed), "{line}\n{text}");
        assert!(parse("again", &text).config.normalized() == s.config.normalized());
    }
    s.ok("no set aigp-metric");
    s.ok("router bgp 65001");
    s.ok("no neighbor 10.0.0.2 aigp");
    s.ok("no bgp bestpath aigp");
    s.ok("no neighbor 10.0.0.2 advertise-map A non-exist-map B");
    let text = render(&s.config, Part::Bgp);
    assert!(!text.contains("aigp") && !text.contains("advertise-map"), "{text}");
}

#[test]
fn damping_is_printed_as_short_as_possible() {
    let mut s = Session::new("router bgp 65001\naddress-family ipv6 unicast");
    for (line, printed) in [
        ("bgp dampening", "bgp dampening"),
        ("bgp dampening 15", "bgp dampening"),
        ("bgp dampening 10", "bgp dampening 10"),
        ("bgp dampening 10 750 2000 40", "bgp dampening 10"),
        ("bgp dampening 15 750 1200 60", "bgp dampening 15 750 1200 60"),
    ] {
        s.ok(line);
        assert!(render(&s.config, Part::Bgp).contains(&format!("  {printed}\n")), "{line}");
    }
    assert_eq!(s.status("bgp dampening 15 750 749 60"), 13);
    s.ok("no bgp dampening");
    assert!(!render(&s.config, Part::Bgp).contains("dampening"));
}

#[test]
fn route_maps_do_not_jump_back() {
    let mut s = Session::new("route-map X permit 20");
    for (line, status) in [
        ("on-match goto 20", 13),
        ("on-match goto 10", 13),
        ("continue 20", 13),
        ("on-match goto 21", 0),
        ("continue 30", 0),
        ("continue", 0),
        ("no on-match goto 5", 0),
    ] {
        assert_eq!(s.status(line), status, "{line}");
    }
    let text = "route-map X permit 20\n on-match goto 7\n";
    let outcome = parse("x.conf", text);
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert_eq!(errors, ["x.conf:2:2: % Jump must go to an entry behind this one, 20"]);
}

#[test]
fn each_socket_prints_its_own_part() {
    let c = parse("wide.conf", include_str!("../../tests/data/wide.conf")).config;
    let bgp = render(&c, Part::Bgp);
    assert!(bgp.contains("router bgp 65001") && !bgp.contains("ip route") && !bgp.contains("ip address 10"));
    let zebra = render(&c, Part::Zebra);
    assert!(zebra.contains(" ip address 10.0.0.10/24") && !zebra.contains("router bgp"));
    assert!(!zebra.contains("ip route 10"));
    let routes = render(&c, Part::Static);
    assert!(routes.contains("vrf red\n ip route 10.9.0.0/16 10.0.0.1") && !routes.contains("interface eth0"));
    assert!(!routes.contains("router-id"));
    for part in [Part::Bgp, Part::Zebra, Part::Static, Part::Ospf, Part::Watchfrr] {
        assert!(parse("part", &render(&c, part)).errors().next().is_none());
    }
}

#[test]
fn differences_are_granular() {
    use crate::Delta;
    let old = parse("a", BGP).config;
    let text = format!("{BGP}neighbor 10.0.0.2 timers 3 9\nnetwork 1.0.0.0/8\nip route 10.0.0.0/8 Null0\n");
    let new = parse("b", &text).config;
    let deltas = diff(&old, &new);
    assert_eq!(deltas.len(), 3, "{deltas:?}");
    assert!(matches!(&deltas[0], Delta::StaticRoute(None, _)));
    assert!(matches!(&deltas[1], Delta::NeighborChanged(_, _, c) if c.settings && c.families.is_empty()));
    let forwarding = parse("c", "ip forwarding\n").config;
    assert_eq!(diff(&Config::default(), &forwarding), [Delta::Global]);
    assert!(matches!(&deltas[2], Delta::BgpNetworks(_, BgpFamily::Ipv4Unicast, n) if n.len() == 1));
}
