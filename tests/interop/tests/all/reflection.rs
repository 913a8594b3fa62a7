//! Route reflection: we reflect between FRR and BIRD, and we are a client of FRR.

use ferr_interop::with_pair;
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Error, Ferrd};

const BIRD: &str = "router id 10.0.0.3;
protocol device {}
protocol static own { ipv4; route 10.3.0.0/16 blackhole { bgp_community.add((65001,33)); }; }
protocol bgp up { local 198.51.100.3 as 65001; neighbor 198.51.100.1 as 65001; hold time 9;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; }; }
";

fn frr_conf(reflector: bool) -> String {
    let client = if reflector { "  neighbor 192.0.2.1 route-reflector-client\n" } else { "" };
    format!(
        "ip route 10.2.0.0/16 blackhole\nrouter bgp 65001\n bgp router-id 10.0.0.2\n \
         neighbor 192.0.2.1 remote-as 65001\n neighbor 192.0.2.1 timers 3 9\n neighbor 192.0.2.1 timers connect 1\n \
         address-family ipv4 unicast\n  network 10.2.0.0/16\n{client} exit-address-family\nexit\n"
    )
}

#[test]
fn we_reflect_between_clients() -> Result<(), Error> {
    with_pair("reflect", &[Rival::Frr, Rival::Bird], |pair| {
        let third = pair.net.host("third")?;
        pair.net.link(&pair.us, "eth1", &third, "eth0")?;
        pair.us.addr("eth1", "198.51.100.1/24")?;
        third.addr("eth0", "198.51.100.3/24")?;
        let ferrd = Ferrd::start(
            &pair.us,
            &pair.program,
            "router bgp 65001\n bgp router-id 10.0.0.1\n bgp cluster-id 10.9.9.9\n \
         neighbor C peer-group\n neighbor C remote-as 65001\n neighbor C timers 3 9\n neighbor C timers connect 1\n \
         neighbor 192.0.2.2 peer-group C\n neighbor 198.51.100.3 peer-group C\n \
         address-family ipv4 unicast\n  neighbor C route-reflector-client\n exit-address-family\nexit\n",
        )?;
        let frr = Frr::start(&pair.them, &frr_conf(false))?;
        let bird = Bird::start(&third, BIRD)?;
        ferrd.wait_peer("192.0.2.2", "Established")?;
        ferrd.wait_peer("198.51.100.3", "Established")?;
        let at_frr = frr.wait_prefix("10.3.0.0/16", true)?.to_string();
        // The next hop is left alone, the originator and our cluster are noted.
        for expected in ["198.51.100.3", "10.0.0.3", "10.9.9.9", "65001:33"] {
            assert!(at_frr.contains(expected), "{expected}: {at_frr}");
        }
        let at_bird = bird.wait_route("10.2.0.0/16", "BGP.cluster_list: 10.9.9.9", true)?;
        assert!(at_bird.contains("BGP.originator_id: 10.0.0.2"), "{at_bird}");
        assert!(at_bird.contains("BGP.next_hop: 192.0.2.2"), "{at_bird}");

        bird.birdc("disable own")?;
        frr.wait_prefix("10.3.0.0/16", false)?;
        // An ordinary internal peer gets nothing from another one.
        ferrd.configure(&[
            "router bgp 65001",
            "address-family ipv4 unicast",
            "no neighbor C route-reflector-client",
        ])?;
        bird.wait_route("10.2.0.0/16", "BGP", false)?;
        Ok(())
    })
}

#[test]
fn we_are_a_client() -> Result<(), Error> {
    with_pair("client", &[Rival::Frr], |pair| {
        let ferrd = Ferrd::start(
            &pair.us,
            &pair.program,
            "ip route 10.1.0.0/16 blackhole\nrouter bgp 65001\n bgp router-id 10.0.0.1\n \
         neighbor 192.0.2.2 remote-as 65001\n neighbor 192.0.2.2 timers connect 1\n \
         address-family ipv4 unicast\n  network 10.1.0.0/16\n exit-address-family\nexit\n",
        )?;
        let frr = Frr::start(&pair.them, &frr_conf(true))?;
        ferrd.wait_peer("192.0.2.2", "Established")?;
        frr.wait_prefix("10.1.0.0/16", true)?;
        let route = pair.us.wait_route("10.2.0.0/16", true)?.unwrap();
        assert_eq!(route.gateways, ["192.0.2.2"]);
        let path = ferrd.wait_prefix("10.2.0.0/16", true)?.to_string();
        assert!(path.contains("internal"), "{path}");
        Ok(())
    })
}
