//! ExaBGP, which sends what others never do.

use ferr_interop::{THEM, with_pair};
use ferr_testnet::Error;
use ferr_testnet::rivals::{ExaBgp, Rival};

const BODY: &str =
    "  router-id 10.0.0.2; local-address 192.0.2.2; local-as 65002; peer-as 65001; hold-time 9;
  family { ipv4 unicast; ipv6 unicast; }
  static { route 10.2.0.0/16 next-hop 192.0.2.2 community [ 65002:99 ]; }";

#[test]
fn routes_both_ways_withdraw_and_odd_attributes() -> Result<(), Error> {
    with_pair("exabgp", &[Rival::ExaBgp], |pair| {
        let ferrd = pair.ferrd()?;
        let mut exabgp = ExaBgp::start(&pair.them, "192.0.2.1", BODY)?;
        ferrd.wait_peer(THEM, "Established")?;
        pair.us.wait_route("10.2.0.0/16", true)?;
        exabgp.wait_received(&["announce", "10.1.0.0/16"])?;

        exabgp.api(
        "announce route 10.3.0.0/16 next-hop 192.0.2.2 as-path [ 65002 64999 ] med 7 large-community 1:2:3",
    )?;
        let route = ferrd.wait_prefix("10.3.0.0/16", true)?.to_string();
        for expected in ["65002 64999", "1:2:3", "\"metric\":7"] {
            assert!(route.contains(expected), "{expected}: {route}");
        }
        // Attribute 240 is unknown and transitive: kept. A path with our own AS is a loop: refused.
        exabgp.api("announce route 10.4.0.0/16 next-hop 192.0.2.2 attribute [ 0xf0 0xc0 0x0102 ]")?;
        exabgp.api("announce route 10.5.0.0/16 next-hop 192.0.2.2 as-path [ 65002 65001 ]")?;
        pair.us.wait_route("10.4.0.0/16", true)?;
        assert!(!pair.us.routes(false)?.iter().any(|r| r.destination == "10.5.0.0/16"));

        exabgp.api("withdraw route 10.3.0.0/16 next-hop 192.0.2.2")?;
        pair.us.wait_route("10.3.0.0/16", false)?;
        ferrd.configure(&["router bgp 65001", "address-family ipv4 unicast", "no network 10.1.0.0/16"])?;
        exabgp.wait_received(&["withdraw", "10.1.0.0/16"])?;
        exabgp.process().kill();
        pair.us.wait_route("10.2.0.0/16", false)?;
        Ok(())
    })
}
