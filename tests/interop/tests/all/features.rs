//! One feature each, against FRR or BIRD.

use ferr_interop::{THEM, kernel_route, our_conf, wait_their_routes, with_capture, with_pair};
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Error, Ferrd};

#[test]
fn unnumbered_peers_find_each_other_and_carry_ipv4_over_ipv6() -> Result<(), Error> {
    let sent = with_capture("unnumbered", &[Rival::Frr], |pair| {
        pair.net.link(&pair.us, "eth1", &pair.them, "eth1")?;
        let conf = |own: u8| {
            format!(
                "ip route 10.{own}.0.0/16 blackhole\nipv6 route 2001:db8:{own}::/48 blackhole\n\
             interface eth1\n ipv6 nd ra-interval 1\n no ipv6 nd suppress-ra\nexit\n\
             router bgp 6500{own}\n bgp router-id 10.0.0.{own}\n no bgp ebgp-requires-policy\n \
             neighbor eth1 interface remote-as external\n neighbor eth1 timers 3 9\n neighbor eth1 timers connect 1\n \
             address-family ipv4 unicast\n  network 10.{own}.0.0/16\n exit-address-family\n \
             address-family ipv6 unicast\n  network 2001:db8:{own}::/48\n  neighbor eth1 activate\n \
             exit-address-family\nexit\n"
            )
        };
        let ferrd = Ferrd::start(&pair.us, &pair.program, &conf(1))?;
        let frr = Frr::start(&pair.them, &conf(2))?;
        ferrd.wait_peer("eth1", "Established")?;
        let route = pair.us.wait_route("10.2.0.0/16", true)?.unwrap();
        assert!(route.gateways[0].starts_with("fe80:") && route.interfaces == ["eth1"], "{route:?}");
        pair.us.wait_route("2001:db8:2::/48", true)?;
        frr.wait_prefix("10.1.0.0/16", true)?;
        let theirs = pair.them.wait_route("10.1.0.0/16", true)?.unwrap();
        assert!(theirs.gateways[0].starts_with("fe80:"), "{theirs:?}");
        frr.wait_prefix("2001:db8:1::/48", true)?;
        Ok(())
    })?;
    assert!(sent.is_none_or(|sent| sent.adverts > 0));
    Ok(())
}

#[test]
fn two_ways_are_used_at_once_and_one_when_the_other_fails() -> Result<(), Error> {
    with_pair("ecmp", &[Rival::Frr], |pair| {
        pair.net.link(&pair.us, "eth1", &pair.them, "eth1")?;
        pair.us.addr("eth1", "198.51.100.1/24")?;
        pair.them.addr("eth1", "198.51.100.2/24")?;
        let conf = |own: u8, other: u8| {
            let mut text = format!(
                "ip route 10.{own}.0.0/16 blackhole\nrouter bgp 6500{own}\n bgp router-id 10.0.0.{own}\n \
             no bgp ebgp-requires-policy\n"
            );
            for net in ["192.0.2", "198.51.100"] {
                for line in [&format!("remote-as 6500{other}"), "timers 3 9", "timers connect 1"] {
                    text.push_str(&format!(" neighbor {net}.{other} {line}\n"));
                }
            }
            text + &format!(
                " address-family ipv4 unicast\n  network 10.{own}.0.0/16\n  maximum-paths 4\n exit-address-family\nexit\n"
            )
        };
        let _ferrd = Ferrd::start(&pair.us, &pair.program, &conf(1, 2))?;
        let _frr = Frr::start(&pair.them, &conf(2, 1))?;
        let ways = |expected: &[&str]| {
            pair.us.wait(30, format!("10.2.0.0/16 by way of {expected:?}"), || {
                let route = kernel_route(&pair.us, "10.2.0.0/16")?;
                let mut gateways = route.map(|r| r.gateways).unwrap_or_default();
                gateways.sort();
                if gateways == expected { Ok(()) } else { Err(format!("{gateways:?}")) }
            })
        };
        ways(&["192.0.2.2", "198.51.100.2"])?;
        pair.us.ip("link set eth1 down")?;
        ways(&["192.0.2.2"])?;
        pair.us.ip("link set eth1 up")?;
        ways(&["192.0.2.2", "198.51.100.2"])
    })
}

#[test]
fn ttl_security_lets_the_neighbour_pass_only_if_it_does_the_same() -> Result<(), Error> {
    with_pair("gtsm", &[Rival::Frr], |pair| {
        let ours = our_conf(" neighbor 192.0.2.2 ttl-security hops 1\n");
        let ferrd = Ferrd::start(&pair.us, &pair.program, &ours)?;
        let frr = Frr::start(&pair.them, super::frr::CONF)?;
        // FRR sends with a TTL of 1 to an external peer: the session over IPv6, without security, is up meanwhile.
        ferrd.wait_peer(ferr_interop::THEM6, "Established")?;
        assert_ne!(ferrd.peer_state(THEM)?.as_deref(), Some("Established"));
        frr.configure(&["router bgp 65002", "neighbor 192.0.2.1 ttl-security hops 1"])?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_their_routes(&pair.us)
    })
}

#[test]
fn default_route_aggregate_and_private_as() -> Result<(), Error> {
    with_pair("originate", &[Rival::Bird], |pair| {
        let ferrd = pair.ferrd()?;
        let bird = Bird::start(&pair.them, super::bird::CONF)?;
        bird.wait_route("10.1.0.0/16", "BGP", true)?;
        let family = ["router bgp 65001", "address-family ipv4 unicast"];
        let in_family = |lines: &[&str]| ferrd.configure(&[&family[..], lines].concat());

        in_family(&["neighbor 192.0.2.2 default-originate"])?;
        bird.wait_route("0.0.0.0/0", "BGP.as_path: 65001", true)?;
        in_family(&["no neighbor 192.0.2.2 default-originate"])?;
        bird.wait_route("0.0.0.0/0", "BGP", false)?;

        ferrd.configure_on(
            "staticd",
            &["ip route 172.16.1.0/24 blackhole", "ip route 172.16.2.0/24 blackhole"],
        )?;
        in_family(&["redistribute static", "aggregate-address 172.16.0.0/16 summary-only"])?;
        bird.wait_route("172.16.0.0/16", "BGP.as_path: 65001", true)?;
        bird.wait_route("172.16.1.0/24", "BGP", false)?;
        in_family(&["no aggregate-address 172.16.0.0/16 summary-only"])?;
        bird.wait_route("172.16.1.0/24", "BGP", true)?;
        bird.wait_route("172.16.0.0/16", "BGP", false)?;
        ferrd.configure_on("staticd", &["no ip route 172.16.1.0/24 blackhole"])?;
        bird.wait_route("172.16.1.0/24", "BGP", false)?;
        Ok(())
    })
}

#[test]
fn too_many_prefixes_end_the_session() -> Result<(), Error> {
    with_pair("maxprefix", &[Rival::Bird], |pair| {
        let ferrd = pair.ferrd()?;
        let bird = Bird::start(&pair.them, super::bird::CONF)?;
        wait_their_routes(&pair.us)?;
        ferrd.configure(&[
            "router bgp 65001",
            "address-family ipv4 unicast",
            "neighbor 192.0.2.2 maximum-prefix 3",
        ])?;
        let more = "protocol static more { ipv4; route 10.20.0.0/16 blackhole; route 10.21.0.0/16 blackhole; \
                route 10.22.0.0/16 blackhole; }\n";
        bird.reconfigure(&format!("{}{more}", super::bird::CONF))?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        pair.us.wait_route("10.20.0.0/16", false)?;
        assert_ne!(ferrd.peer_state(THEM)?.as_deref(), Some("Established"));
        // The other family's session is another one.
        assert_eq!(ferrd.peer_state(ferr_interop::THEM6)?.as_deref(), Some("Established"));
        // A wider limit and a word of the operator bring it back.
        ferrd.configure(&[
            "router bgp 65001",
            "address-family ipv4 unicast",
            "neighbor 192.0.2.2 maximum-prefix 100",
        ])?;
        ferrd.bgp("clear bgp ipv4 unicast 192.0.2.2")?;
        ferrd.wait_peer(THEM, "Established")?;
        pair.us.wait_route("10.22.0.0/16", true)?;
        Ok(())
    })
}

#[test]
fn a_graceful_restart_of_the_peer_keeps_its_routes() -> Result<(), Error> {
    with_pair("graceful", &[Rival::Bird], |pair| {
        let ferrd = pair.ferrd()?;
        let conf = super::bird::CONF
            .replace("hold time 9;", "hold time 9; graceful restart on; graceful restart time 30;");
        let mut bird = Bird::start(&pair.them, &conf)?;
        wait_their_routes(&pair.us)?;
        bird.process().kill();
        pair.us.wait(20, "the loss of the session", || {
            let state = ferrd.peer_state(THEM).map_err(|e| e.to_string())?;
            if state.as_deref() == Some("Established") { Err(format!("{state:?}")) } else { Ok(()) }
        })?;
        for prefix in ["10.2.0.0/16", "2001:db8:2::/48"] {
            assert!(kernel_route(&pair.us, prefix).unwrap().is_some(), "{prefix}");
        }
        bird.restart()?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_their_routes(&pair.us)?;
        // What it does not announce any more is swept at its End-of-RIB.
        bird.process().kill();
        pair.them
            .file("bird.conf", &conf.replace("route 10.2.0.0/16 blackhole", "route 10.3.0.0/16 blackhole"))?;
        bird.restart()?;
        pair.us.wait_route("10.3.0.0/16", true)?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        Ok(())
    })
}

#[test]
fn a_view_and_the_default_instance_share_the_sockets() -> Result<(), Error> {
    with_pair("view", &[Rival::Bird], |pair| {
        // Both wait to be called; the view's name sorts before that of the default instance.
        let conf = format!(
            "{}router bgp 65010 view A\n bgp router-id 10.0.0.10\n no bgp ebgp-requires-policy\n \
             neighbor 192.0.2.3 remote-as 65003\n neighbor 192.0.2.3 passive\n \
             neighbor 192.0.2.3 update-source 192.0.2.11\n neighbor 192.0.2.3 password of-the-view\nexit\n",
            our_conf(" neighbor 192.0.2.2 passive\n neighbor 2001:db8:12::2 passive\n")
        );
        // BIRD runs one session for each address of a neighbor.
        pair.us.addr("eth0", "192.0.2.11/24")?;
        pair.them.addr("eth0", "192.0.2.3/24")?;
        let ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
        let third = |key: &str| {
            format!(
                "{}ipv4 table t3;\nprotocol static own3 {{ ipv4 {{ table t3; }}; route 10.3.0.0/16 blackhole; }}\n\
                 protocol bgp view {{ local 192.0.2.3 as 65003; neighbor 192.0.2.11 as 65010; {key} hold time 9;\n\
                 connect delay time 1; connect retry time 1; error wait time 1, 2;\n\
                 ipv4 {{ table t3; import all; export where source = RTS_STATIC; }}; }}\n",
                super::bird::CONF
            )
        };
        let bird = Bird::start(&pair.them, &third(""))?;
        ferrd.wait_peer(THEM, "Established")?;
        wait_their_routes(&pair.us)?;
        let state = || -> Result<String, String> {
            let view = ferrd.bgp_json("show bgp view A summary json").map_err(|e| e.to_string())?;
            Ok(view["ipv4Unicast"]["peers"]["192.0.2.3"]["state"].as_str().unwrap_or_default().to_owned())
        };
        // Without the view's key nobody gets in.
        assert_ne!(state().unwrap(), "Established");
        bird.reconfigure(&third("password \"of-the-view\";"))?;
        pair.us.wait(20, "the view's session", || match state()?.as_str() {
            "Established" => Ok(()),
            other => Err(other.to_owned()),
        })?;
        // What a view learns stays out of the kernel.
        pair.us.wait(20, "the view's route", || {
            let command = "show bgp view A ipv4 unicast 10.3.0.0/16 json";
            let route = ferrd.bgp_json(command).map_err(|e| e.to_string())?;
            if route["paths"][0]["valid"] == true { Ok(()) } else { Err(route.to_string()) }
        })?;
        assert!(kernel_route(&pair.us, "10.3.0.0/16").unwrap().is_none());
        Ok(())
    })
}
