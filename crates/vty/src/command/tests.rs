use super::*;

fn syntax(door: Daemon, line: &str) -> Result<&'static str, Miss> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    find(door, Level::View, &words).map(|(c, _)| c.syntax)
}

#[test]
fn unknown_words_are_unknown() {
    for (door, line) in [
        (Daemon::Zebra, "show nothing"),
        (Daemon::Bgpd, "terminal monitor"),
        (Daemon::Staticd, "show running-config"),
        (Daemon::Bgpd, "show ip route"),
        (Daemon::Bgpd, "show ip bgp 10.0.0.0/8 10.0.0.0/8"),
    ] {
        assert_eq!(syntax(door, line), Err(Miss::Unknown), "{line}");
    }
}

#[test]
fn every_syntax_reads_itself() {
    for tables in tables::ALL {
        for command in *tables {
            let pattern = Pattern::new(command.syntax);
            let threads = pattern.run(&[]);
            assert!(!threads.is_empty(), "{}", command.syntax);
            let balance = |open: char, close: char| {
                command.syntax.matches(open).count() == command.syntax.matches(close).count()
            };
            assert!(balance('[', ']') && balance('<', '>') && balance('{', '}'), "{}", command.syntax);
        }
    }
}

#[test]
fn words_of_scripts_are_understood() {
    for (door, line) in [
        (Daemon::Bgpd, "show bgp vrf all summary json"),
        (Daemon::Bgpd, "show ip bgp neighbor 10.0.0.1 json"),
        (Daemon::Bgpd, "sh ip bg su"),
        (Daemon::Bgpd, "show ip bgp 10.0.0.0/8 json"),
        (Daemon::Bgpd, "show bgp ipv4 unicast neighbors eth0 advertised-routes json"),
        (Daemon::Bgpd, "show bgp vrf all ipv4  summary json"),
        (Daemon::Bgpd, "show ip bgp vrf red neighbors 10.0.0.1 routes json"),
        (Daemon::Bgpd, "show bgp ipv4 unicast large-community-list r2 json"),
        (Daemon::Bgpd, "show bgp large-community-list ALL detail"),
        (Daemon::Bgpd, "show bgp vrf default ipv4 community 65001:100 json"),
        (Daemon::Bgpd, "show bgp vrf default ipv6 large-community 1:2:3"),
        (Daemon::Bgpd, "show bgp view V 10.0.0.0/8 json"),
        (Daemon::Bgpd, "show bgp ipv4 vpn json"),
        (Daemon::Bgpd, "show bgp ipv4 vpn rd 1:1"),
        (Daemon::Bgpd, "show bgp l2vpn evpn route json"),
        (Daemon::Bgpd, "show bgp labelpool summary json"),
        (Daemon::Bgpd, "show bgp next"),
        (Daemon::Bgpd, "show ip bgp vrf all nexthop json"),
        (Daemon::Bgpd, "show rpki cache-connection json"),
        (Daemon::Bgpd, "clear ip bgp *"),
        (Daemon::Bgpd, "clear bgp ipv6 *"),
        (Daemon::Bgpd, "clear bgp vrf red ipv6 *"),
        (Daemon::Bgpd, "clear ip bgp 10.0.0.1 in"),
        (Daemon::Bgpd, "clear bgp 65001 soft out"),
        (Daemon::Bgpd, "clear bgp ipv4 unicast peer-group PG soft"),
        (Daemon::Zebra, "show ip route summ json"),
        (Daemon::Zebra, "show ip route vrf red 10.0.0.1 json"),
        (Daemon::Zebra, "show ipv6 route vrf default"),
        (Daemon::Zebra, "show ip route 10.0.0.0/8 longer-prefixes json"),
        (Daemon::Zebra, "show ip route table 100"),
        (Daemon::Zebra, "show ip route vrf red bgp json"),
        (Daemon::Zebra, "show ip route nexthop-group"),
        (Daemon::Zebra, "show interface vrf red brief json"),
        (Daemon::Zebra, "show interface eth0 vrf red json"),
        (Daemon::Zebra, "show mem"),
        (Daemon::Zebra, "show zebra client"),
        (Daemon::Zebra, "show mpls table"),
        (Daemon::Zebra, "show evpn mac vni all json"),
        (Daemon::Zebra, "show vrf red json"),
        (Daemon::Ospfd, "show ip ospf neighbor all json"),
        (Daemon::Ospf6d, "show ipv6 ospf6 route external-2 detail json"),
        (Daemon::Bfdd, "show bfd peers brief json"),
        (Daemon::Bfdd, "show bfd peer 10.0.12.2 counters json"),
    ] {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let found = find(door, Level::Enable, &words).map(|(c, _)| c.syntax);
        assert!(found.is_ok(), "{line}: {found:?}");
    }
}

#[test]
fn abbreviations_and_values_compete() {
    let words = |line: &'static str| line.split_ascii_whitespace().collect::<Vec<_>>();
    assert_eq!(find(Daemon::Zebra, Level::View, &words("show ip route b")).err(), Some(Miss::Ambiguous));
    assert_eq!(find(Daemon::Zebra, Level::View, &words("show ip")).err(), Some(Miss::Incomplete));
    let (command, args) = find(Daemon::Zebra, Level::View, &words("show interface br")).unwrap();
    assert!(command.syntax.contains("[brief]") && args.has("brief"));
    let (_, args) = find(Daemon::Zebra, Level::View, &words("show interface brief0")).unwrap();
    assert_eq!(args.get("IFNAME"), Some("brief0"));
    let (_, args) = find(Daemon::Bgpd, Level::View, &words("show ip bgp regexp ^1 2$")).unwrap();
    assert_eq!(args.rest(), "^1 2$");
}

#[test]
fn completes() {
    let texts = |line: &str| complete(Daemon::Zebra, line).iter().map(|w| w.text).collect::<Vec<_>>();
    assert_eq!(texts("show ip fo"), ["forwarding"]);
    assert!(texts("show ip route ").contains(&"<cr>"));
    assert!(texts("").contains(&"show") && !texts("").contains(&"XFRR_start_configuration"));
}
