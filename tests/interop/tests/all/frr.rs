//! FRR.

use ferr_interop::{THEM, THEM6, our_conf, wait_no_routes, wait_their_routes, with_pair};
use ferr_testnet::rivals::{Frr, Rival};
use ferr_testnet::{Error, Ferrd};

pub(crate) const CONF: &str = "
ip route 10.2.0.0/16 blackhole
ipv6 route 2001:db8:2::/48 blackhole
route-map TAG permit 10
 set community 65002:99
 set metric 42
exit
router bgp 65002
 bgp router-id 10.0.0.2
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65001
 neighbor 192.0.2.1 timers 3 9
 neighbor 192.0.2.1 timers connect 1
 neighbor 2001:db8:12::1 remote-as 65001
 neighbor 2001:db8:12::1 timers 3 9
 neighbor 2001:db8:12::1 timers connect 1
 address-family ipv4 unicast
  network 10.2.0.0/16
  neighbor 192.0.2.1 route-map TAG out
  no neighbor 2001:db8:12::1 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:2::/48
  neighbor 2001:db8:12::1 activate
 exit-address-family
exit
";

#[test]
fn routes_both_ways_withdraw_and_restarts() -> Result<(), Error> {
    with_pair("frr", &[Rival::Frr], |pair| {
        let mut ferrd = pair.ferrd()?;
        let mut frr = Frr::start(&pair.them, CONF)?;
        ferrd.wait_peer(THEM, "Established")?;
        ferrd.wait_peer(THEM6, "Established")?;
        wait_their_routes(&pair.us)?;
        let ours = frr.wait_prefix("10.1.0.0/16", true)?.to_string();
        for expected in ["\"65001\"", "65001:77", "65001:7:7", "192.0.2.1"] {
            assert!(ours.contains(expected), "{expected}: {ours}");
        }
        frr.wait_prefix("2001:db8:1::/48", true)?;
        let theirs = ferrd.wait_prefix("10.2.0.0/16", true)?.to_string();
        for expected in ["65002:99", "\"metric\":42"] {
            assert!(theirs.contains(expected), "{expected}: {theirs}");
        }

        frr.configure(&["router bgp 65002", "address-family ipv4 unicast", "no network 10.2.0.0/16"])?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        ferrd.wait_prefix("10.2.0.0/16", false)?;
        frr.configure(&["router bgp 65002", "address-family ipv4 unicast", "network 10.2.0.0/16"])?;
        wait_their_routes(&pair.us)?;

        ferrd.configure(&["router bgp 65001", "neighbor 192.0.2.2 shutdown"])?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        frr.wait_prefix("10.1.0.0/16", false)?;
        ferrd.configure(&["router bgp 65001", "no neighbor 192.0.2.2 shutdown"])?;
        wait_their_routes(&pair.us)?;
        frr.wait_prefix("10.1.0.0/16", true)?;

        // bgpd dies without a word.
        frr.processes()[2].kill();
        wait_no_routes(&pair.us)?;
        drop(frr);
        let frr = Frr::start(&pair.them, CONF)?;
        wait_their_routes(&pair.us)?;
        ferrd.process().stop();
        frr.wait_prefix("10.1.0.0/16", false)?;
        Ok(())
    })
}

#[test]
fn multihop_between_loopbacks_survives_the_loss_of_one_way() -> Result<(), Error> {
    with_pair("multihop", &[Rival::Frr], |pair| {
        pair.net.link(&pair.us, "eth1", &pair.them, "eth1")?;
        for (host, own) in [(&pair.us, 1), (&pair.them, 2)] {
            host.addr("eth1", &format!("198.51.100.{own}/24"))?;
            host.addr("lo", &format!("10.255.0.{own}/32"))?;
        }
        let conf = |own: u8, other: u8| {
            format!(
                "ip route 10.255.0.{other}/32 192.0.2.{other}\nip route 10.255.0.{other}/32 198.51.100.{other} 10\n\
             ip route 10.{own}.0.0/16 blackhole\n\
             router bgp 6500{own}\n bgp router-id 10.255.0.{own}\n no bgp ebgp-requires-policy\n \
             neighbor 10.255.0.{other} remote-as 6500{other}\n neighbor 10.255.0.{other} ebgp-multihop 5\n \
             neighbor 10.255.0.{other} update-source lo\n neighbor 10.255.0.{other} timers 3 9\n \
             neighbor 10.255.0.{other} timers connect 1\n address-family ipv4 unicast\n  network 10.{own}.0.0/16\n \
             exit-address-family\nexit\n"
            )
        };
        let ferrd = Ferrd::start(&pair.us, &pair.program, &conf(1, 2))?;
        let frr = Frr::start(&pair.them, &conf(2, 1))?;
        ferrd.wait_peer("10.255.0.2", "Established")?;
        frr.wait_prefix("10.1.0.0/16", true)?;
        let by = |gateway: &str| {
            pair.us.wait(20, format!("10.2.0.0/16 by way of {gateway}"), || {
                let route = ferr_interop::kernel_route(&pair.us, "10.2.0.0/16")?;
                // A way to fall back on may stand behind it.
                let fits = route.as_ref().is_some_and(|r| r.gateways.first().is_some_and(|g| g == gateway));
                if fits { Ok(()) } else { Err(format!("{route:?}")) }
            })
        };
        by("192.0.2.2")?;
        let established = ferrd.bgp_json("show bgp summary json")?;
        pair.us.ip("link set eth0 down")?;
        by("198.51.100.2")?;
        // The same session: it was not even noticed.
        let later = ferrd.bgp_json("show bgp summary json")?;
        let counts = |v: &serde_json::Value| {
            let peer = &v["ipv4Unicast"]["peers"]["10.255.0.2"];
            (
                peer["state"].to_string(),
                peer["connectionsEstablished"].to_string(),
                peer["connectionsDropped"].to_string(),
            )
        };
        assert_eq!(counts(&later), counts(&established));
        Ok(())
    })
}

#[test]
fn the_packaged_vtysh_configures_and_shows() -> Result<(), Error> {
    with_pair("vtysh", &[Rival::Frr], |pair| {
        let ferrd = pair.ferrd()?;
        let frr = Frr::start(&pair.them, CONF)?;
        frr.wait_prefix("10.1.0.0/16", true)?;
        let summary = ferrd.vtysh(&["show bgp summary"])?;
        assert!(summary.contains("192.0.2.2") && summary.contains("65002"), "{summary}");
        ferrd.vtysh(&[
            "configure terminal",
            "ip route 10.7.0.0/16 blackhole",
            "router bgp 65001",
            "network 10.7.0.0/16",
        ])?;
        frr.wait_prefix("10.7.0.0/16", true)?;
        let running = ferrd.vtysh(&["show running-config"])?;
        assert!(
            running.contains("ip route 10.7.0.0/16 blackhole") && running.contains("network 10.7.0.0/16"),
            "{running}"
        );
        let refused =
            ferrd.vtysh(&["configure terminal", "router bgp 65001", "neighbor 192.0.2.2 remote-as none"]);
        assert!(refused.is_err(), "{refused:?}");
        Ok(())
    })
}

#[test]
fn host_names_stand_where_frr_puts_them() -> Result<(), Error> {
    with_pair("names", &[Rival::Frr], |pair| {
        let named = |conf: &str, asn: u32| {
            let head = format!("router bgp {asn}\n");
            let wanted = " bgp default show-hostname\n bgp default show-nexthop-hostname\n";
            conf.replace(&head, &format!("{head}{wanted}"))
        };
        // FRR takes the name of the machine; ours is as long, so that columns break at the same places.
        let name = nix::unistd::gethostname().unwrap().to_string_lossy().into_owned();
        let own = "x".repeat(name.len());
        // Without communities and MED, so that both tables look alike.
        let plain = CONF.replace("  neighbor 192.0.2.1 route-map TAG out\n", "");
        let conf = format!("hostname {own}\n{}", named(&our_conf(""), 65001))
            .replace("  neighbor 192.0.2.2 route-map OUT out\n", "");
        let conf = conf.replace(" bgp router-id", " no bgp ebgp-requires-policy\n bgp router-id");
        let ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
        let frr = Frr::start(&pair.them, &named(&plain, 65002))?;
        wait_their_routes(&pair.us)?;
        frr.wait_prefix("10.1.0.0/16", true)?;
        // What it says, as we are to say it.
        let swaps = [
            (own.as_str(), name.as_str()),
            ("192.0.2.1", "192.0.2.2"),
            ("65001", "65002"),
            ("10.0.0.1", "10.0.0.2"),
        ];
        let mirror = |text: &str| {
            let text = text.replace("10.1.0.0", "10.2.0.0");
            swaps.iter().enumerate().fold(text, |text, (n, (a, b))| {
                text.replace(a, &format!("<{n}>")).replace(b, a).replace(&format!("<{n}>"), b)
            })
        };
        let path = |text: &str| -> Vec<String> {
            let after = text.lines().skip_while(|line| !line.starts_with("    192.0.2."));
            after.take_while(|line| !line.contains("Last update")).map(str::to_owned).collect()
        };
        let ours = ferrd.bgp("show bgp ipv4 unicast 10.2.0.0/16")?;
        let theirs = mirror(&frr.vtysh(&["show bgp ipv4 unicast 10.1.0.0/16"])?);
        let named = format!("192.0.2.2({name}) from {name}(192.0.2.2)");
        assert!(ours.contains(&named), "{ours}");
        assert_eq!(path(&ours), path(&theirs));
        let row = |text: &str, prefix: &str| text.lines().find(|l| l.contains(prefix)).map(str::to_owned);
        let table = "show bgp ipv4 unicast";
        let theirs = row(&frr.vtysh(&[table])?, "10.1.0.0/16").map(|line| mirror(&line));
        assert_eq!(row(&ferrd.bgp(table)?, "10.2.0.0/16"), theirs);
        let column =
            |text: &str| text.lines().find(|l| l.starts_with("Neighbor")).and_then(|l| l.find(" V "));
        let (ours, theirs) =
            (ferrd.bgp("show bgp ipv4 unicast summary")?, frr.vtysh(&["show bgp ipv4 unicast summary"])?);
        assert!(ours.contains(&format!("\n{name}(192.0.2.2) ")), "{ours}");
        assert_eq!(column(&ours), column(&theirs), "{ours}{theirs}");
        Ok(())
    })
}
