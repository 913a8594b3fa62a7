//! GoBGP.

use ferr_interop::{THEM, THEM6, wait_no_routes, wait_their_routes, with_pair};
use ferr_testnet::Error;
use ferr_testnet::rivals::{GoBgp, Rival};

const CONF: &str = r#"
[global.config]
  as = 65002
  router-id = "10.0.0.2"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "192.0.2.1"
    peer-as = 65001
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 9
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "2001:db8:12::1"
    peer-as = 65001
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 9
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
"#;

#[test]
fn routes_both_ways_withdraw_and_restarts() -> Result<(), Error> {
    with_pair("gobgp", &[Rival::GoBgp], |pair| {
        let mut ferrd = pair.ferrd()?;
        let announce = |gobgp: &GoBgp| {
            gobgp.gobgp("global rib add 10.2.0.0/16 community 65002:99")?;
            gobgp.gobgp("global rib add -a ipv6 2001:db8:2::/48")
        };
        let mut gobgp = GoBgp::start(&pair.them, CONF)?;
        announce(&gobgp)?;
        ferrd.wait_peer(THEM, "Established")?;
        ferrd.wait_peer(THEM6, "Established")?;
        wait_their_routes(&pair.us)?;
        let ours = gobgp.wait_route("ipv4", "10.1.0.0/16", true)?.to_string();
        assert!(ours.contains("65001"), "{ours}");
        gobgp.wait_route("ipv6", "2001:db8:1::/48", true)?;
        let theirs = ferrd.wait_prefix("10.2.0.0/16", true)?.to_string();
        assert!(theirs.contains("65002:99"), "{theirs}");

        gobgp.gobgp("global rib del 10.2.0.0/16")?;
        pair.us.wait_route("10.2.0.0/16", false)?;
        ferrd.configure(&[
            "router bgp 65001",
            "address-family ipv6 unicast",
            "no network 2001:db8:1::/48",
        ])?;
        gobgp.wait_route("ipv6", "2001:db8:1::/48", false)?;

        // A request to send everything again changes nothing.
        gobgp.gobgp("neighbor 192.0.2.1 softresetin")?;
        gobgp.wait_route("ipv4", "10.1.0.0/16", true)?;

        gobgp.process().kill();
        wait_no_routes(&pair.us)?;
        let gobgp = GoBgp::start(&pair.them, CONF)?;
        announce(&gobgp)?;
        wait_their_routes(&pair.us)?;
        ferrd.process().stop();
        gobgp.wait_route("ipv4", "10.1.0.0/16", false)?;
        Ok(())
    })
}
