use super::*;

const CONF: &str = "vrf CORE\n table 200\nexit-vrf\n\
    interface CORE\n ip address 10.255.0.1/32\nexit\n\
    interface eth0\n ip address 192.0.2.1/24\n shutdown\nexit\n\
    interface eth1\n description nothing to do\nexit\n\
    interface eth2\n vrf CORE\n ip tcp adjust-mss auto\nexit\n\
    interface vx0\n link vxlan id 5\n vxlan remote 192.0.2.9\n master br0\nexit\n\
    interface wg0\n vrf CORE\n wireguard fwmark 7\n wireguard endpoint-vrf OUT\n \
    wireguard peer Yc/E1Z+1AO9AXfLJfG9hSU1VCNB9nlFT1Wz9lbrG6Qk= endpoint 192.0.2.7:51820\n \
    wireguard peer fE/3LhGxYXvZ8I0BWYi1gMRB5VMbM2zf9Oz8IvIkQkM= endpoint name.example:51820\nexit\n\
    interface wg1\n wireguard backend auto\nexit\n";

fn parsed(text: &str) -> Config {
    let outcome = ferr_config::parse("ferr.conf", text);
    assert!(outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
    outcome.config
}

#[test]
fn links_are_planned_as_written() {
    let resolved = BTreeMap::from([("wg0".to_owned(), BTreeSet::from(["2001:db8::7".parse().unwrap()]))]);
    let plan =
        plan(&parsed(CONF), &TunnelFacts { endpoints: resolved, kernel: true, ..TunnelFacts::default() });
    let of = |name: &str| &plan.links[name];
    assert_eq!(of("CORE").kind, Some(WantedKind::Vrf { table: 200 }));
    let addresses: Vec<String> = of("CORE").addresses.iter().map(|a| a.addr.to_string()).collect();
    assert_eq!(addresses, ["10.255.0.1/32", "127.0.0.1/8", "::1/128"]);
    assert_eq!(
        (of("eth0").kind.as_ref(), of("eth0").up, &of("eth0").master),
        (None, Some(false), &WantedMaster::Any)
    );
    assert!(!plan.links.contains_key("eth1"));
    assert_eq!(of("eth2").master, WantedMaster::Vrf("CORE".into()));
    assert_eq!(of("vx0").master, WantedMaster::Bridge("br0".into()));
    assert_eq!(
        (of("wg0").kind.as_ref(), of("wg1").kind.as_ref()),
        (Some(&WantedKind::Tunnel), Some(&WantedKind::WireGuard))
    );
    let ways: Vec<String> = of("wg0").underlays.iter().map(|u| u.remote.to_string()).collect();
    assert_eq!(ways, ["192.0.2.7", "2001:db8::7"]);
    assert!(of("wg0").underlays.iter().all(|u| u.mark == 7 && u.vrf.as_deref() == Some("OUT")));
    assert_eq!(plan.mss, BTreeMap::from([("eth2".to_owned(), MssClamp::Auto)]));
}

#[test]
fn settings_follow_from_declared_links_only() {
    let sysctls = |text: &str| plan(&parsed(text), &TunnelFacts::default()).sysctls;
    assert!(sysctls("interface eth0\n ip address 192.0.2.1/24\n").is_empty());
    let forwarding = Sysctl::global(&["net", "ipv4", "conf", "all", "forwarding"]);
    assert_eq!(sysctls("ip forwarding\n"), BTreeMap::from([(forwarding.clone(), "1".to_owned())]));
    assert_eq!(sysctls("no ip forwarding\n")[&forwarding], "0");
    let all = sysctls(CONF);
    let of = |name: &str, family: &str, setting: &str| {
        all.get(&Sysctl::of_interface(family, name, setting)).map(String::as_str)
    };
    assert_eq!(all[&forwarding], "1");
    for name in ["CORE", "eth2", "wg0", "wg1"] {
        assert_eq!(of(name, "ipv4", "forwarding"), Some("1"), "{name}");
        assert_eq!(of(name, "ipv4", "rp_filter"), Some("2"), "{name}");
    }
    for name in ["eth0", "vx0"] {
        assert_eq!(of(name, "ipv4", "rp_filter"), None, "{name}");
    }
    // IPv6 is not spoken on any of them; forwarding it would end router advertisements on the uplink.
    assert!(!all.contains_key(&Sysctl::global(&["net", "ipv6", "conf", "all", "forwarding"])));
    assert_eq!(
        sysctls(&format!("no ip forwarding\n{CONF}"))[&Sysctl::of_interface("ipv4", "wg0", "forwarding")],
        "0"
    );
}

#[test]
fn what_cannot_work_is_remarked() {
    let text = "vrf CORE\n table 200\nexit-vrf\ninterface CORE\n link dummy\nexit\ninterface d0\n link dummy\n vxlan remote 192.0.2.1\nexit\n\
        interface p0\n master d0\nexit\ninterface p1\n master elsewhere\nexit\ninterface wg0\n wireguard listen-port 5\nexit\n";
    let all = remarks(&parsed(text)).into_iter().collect::<Vec<_>>().join("\n");
    for name in ["CORE", "d0", "p0", "wg0"] {
        assert_eq!(all.matches(&format!("interface {name}: ")).count(), 1, "{all}");
    }
    assert_eq!(all.lines().count(), 4, "{all}");
}
