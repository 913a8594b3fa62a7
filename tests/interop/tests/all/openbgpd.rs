//! OpenBGPD.

use ferr_interop::{THEM, THEM6, wait_no_routes, wait_their_routes, with_pair};
use ferr_testnet::Error;
use ferr_testnet::rivals::{OpenBgpd, Rival};

const CONF: &str = "AS 65002
router-id 10.0.0.2
fib-update no
network 10.2.0.0/16 set community 65002:99
network 2001:db8:2::/48
neighbor 192.0.2.1 {
  remote-as 65001
  holdtime 9
}
neighbor 2001:db8:12::1 {
  remote-as 65001
  holdtime 9
}
allow from any
allow to any
";

#[test]
fn routes_both_ways_withdraw_and_restarts() -> Result<(), Error> {
    with_pair("openbgpd", &[Rival::OpenBgpd], |pair| {
        let mut ferrd = pair.ferrd()?;
        let mut bgpd = OpenBgpd::start(&pair.them, CONF)?;
        ferrd.wait_peer(THEM, "Established")?;
        ferrd.wait_peer(THEM6, "Established")?;
        wait_their_routes(&pair.us)?;
        let ours = bgpd.wait_route("10.1.0.0/16", "65001", true)?;
        assert!(ours.contains("65001:77") && ours.contains("65001:7:7"), "{ours}");
        bgpd.wait_route("2001:db8:1::/48", "2001:db8:12::1", true)?;
        let theirs = ferrd.wait_prefix("10.2.0.0/16", true)?.to_string();
        assert!(theirs.contains("65002:99"), "{theirs}");

        bgpd.bgpctl("network add 10.3.0.0/16")?;
        pair.us.wait_route("10.3.0.0/16", true)?;
        bgpd.bgpctl("network delete 10.3.0.0/16")?;
        pair.us.wait_route("10.3.0.0/16", false)?;
        ferrd.configure(&["router bgp 65001", "address-family ipv4 unicast", "no network 10.1.0.0/16"])?;
        bgpd.wait_route("10.1.0.0/16", "65001", false)?;
        bgpd.bgpctl("neighbor 192.0.2.1 refresh")?;

        bgpd.process().stop();
        wait_no_routes(&pair.us)?;
        let bgpd = OpenBgpd::start(&pair.them, CONF)?;
        wait_their_routes(&pair.us)?;
        ferrd.process().stop();
        bgpd.wait_route("2001:db8:1::/48", "65001", false)?;
        Ok(())
    })
}
