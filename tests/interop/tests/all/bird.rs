//! BIRD 2.

use ferr_interop::{THEM, THEM6, wait_no_routes, wait_their_routes, with_capture, with_pair};
use ferr_testnet::Error;
use ferr_testnet::rivals::{Bird, Rival};
use nix::sys::signal::Signal;

pub(crate) const CONF: &str = "router id 10.0.0.2;
protocol device {}
protocol static own4 { ipv4; route 10.2.0.0/16 blackhole { bgp_community.add((65002,99)); }; }
protocol static own6 { ipv6; route 2001:db8:2::/48 blackhole; }
protocol bgp us4 { local 192.0.2.2 as 65002; neighbor 192.0.2.1 as 65001; hold time 9;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; }; }
protocol bgp us6 { local 2001:db8:12::2 as 65002; neighbor 2001:db8:12::1 as 65001; hold time 9;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv6 { import all; export where source = RTS_STATIC; }; }
";

#[test]
fn routes_both_ways_withdraw_and_restarts() -> Result<(), Error> {
    with_pair("bird", &[Rival::Bird], |pair| {
        let mut ferrd = pair.ferrd()?;
        let mut bird = Bird::start(&pair.them, CONF)?;
        ferrd.wait_peer(THEM, "Established")?;
        ferrd.wait_peer(THEM6, "Established")?;
        wait_their_routes(&pair.us)?;
        let text = bird.wait_route("10.1.0.0/16", "BGP.as_path: 65001", true)?;
        assert!(text.contains("(65001,77)") && text.contains("(65001, 7, 7)"), "{text}");
        bird.wait_route("2001:db8:1::/48", "BGP.next_hop: 2001:db8:12::1", true)?;
        let route = ferrd.wait_prefix("10.2.0.0/16", true)?.to_string();
        assert!(route.contains("65002:99"), "{route}");

        ferrd.configure(&["router bgp 65001", "address-family ipv4 unicast", "no network 10.1.0.0/16"])?;
        bird.wait_route("10.1.0.0/16", "BGP", false)?;
        bird.birdc("disable own6")?;
        pair.us.wait_route("2001:db8:2::/48", false)?;
        bird.birdc("enable own6")?;
        wait_their_routes(&pair.us)?;

        bird.process().kill();
        wait_no_routes(&pair.us)?;
        bird.restart()?;
        wait_their_routes(&pair.us)?;

        // A farewell is heard at once, not after the hold time.
        ferrd.process().signal(Signal::SIGTERM);
        bird.wait_route("2001:db8:1::/48", "BGP", false)?;
        assert!(ferrd.process().wait(std::time::Duration::from_secs(5)).is_some_and(|s| s.success()));
        assert!(!pair.us.routes(false)?.iter().any(|r| r.destination == "10.2.0.0/16"));
        Ok(())
    })
}

#[test]
fn each_kind_of_message_dissects_clean() -> Result<(), Error> {
    let sent = with_capture("dissect", &[Rival::Bird], |pair| {
        let mut ferrd = pair.ferrd()?;
        let bird = Bird::start(&pair.them, CONF)?;
        wait_their_routes(&pair.us)?;
        bird.wait_route("10.1.0.0/16", "BGP", true)?;
        bird.wait_route("2001:db8:1::/48", "BGP", true)?;
        bird.birdc("reload in all")?;
        ferrd.bgp("clear bgp ipv4 unicast 192.0.2.2 soft in")?;
        ferrd.configure(&["router bgp 65001", "address-family ipv4 unicast", "no network 10.1.0.0/16"])?;
        bird.wait_route("10.1.0.0/16", "BGP", false)?;
        ferrd.process().stop();
        bird.wait_route("2001:db8:1::/48", "BGP", false).map(drop)
    })?;
    if let Some(sent) = sent {
        assert!(sent.messages[1..].iter().all(|count| *count > 0), "{sent:?}");
    }
    Ok(())
}
