//! What happens to the kernel's routes when we end, are killed, or the network changes under us.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ferr_interop::{THEM, kernel_route, our_conf, pair, wait_no_routes, wait_their_routes};
use ferr_testnet::probe::Stream;
use ferr_testnet::rivals::{Bird, Rival};
use ferr_testnet::{Error, wait_until};
use nix::sys::signal::Signal;

#[test]
fn kill_9_leaves_the_routes_and_the_next_start_adopts_them() -> Result<(), Error> {
    let Some(pair) = pair("adopt", &[Rival::Bird])? else { return Ok(()) };
    // Traffic to what BIRD announces, and back to us.
    pair.them.addr("lo", "10.2.0.1/32")?;
    pair.them.ip("route add 10.1.0.0/16 via 192.0.2.1")?;
    pair.us.addr("lo", "10.1.0.1/32")?;
    let mut ferrd = pair.ferrd()?;
    let _bird = Bird::start(&pair.them, super::bird::CONF)?;
    wait_their_routes(&pair.us)?;
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let stream = Stream::start(
        pair.us.netns(),
        Some(address("10.1.0.1")),
        address("10.2.0.1"),
        Duration::from_millis(5),
    )?;
    let flows = |from: Instant| {
        wait_until(Duration::from_secs(10), "traffic", || match stream.newest_answered() {
            Some(at) if at > from => Ok(()),
            other => Err(format!("{other:?}")),
        })
    };
    flows(Instant::now())?;

    ferrd.process().kill();
    assert!(kernel_route(&pair.us, "10.2.0.0/16").unwrap().is_some());
    flows(Instant::now())?;
    ferrd.restart()?;
    ferrd.wait_peer(THEM, "Established")?;
    wait_their_routes(&pair.us)?;
    flows(Instant::now())?;
    let report = stream.finish();
    assert!(report.longest_gap < Duration::from_millis(500), "{report:?}");
    let copies = pair.us.routes(false)?.iter().filter(|r| r.destination == "10.2.0.0/16").count();
    assert_eq!(copies, 1);

    // A route that is not announced any more is swept after a second kill.
    ferrd.process().kill();
    std::fs::write(ferrd.config(), our_conf("").replace("ip route 10.1.0.0/16 blackhole\n", "")).unwrap();
    ferrd.restart()?;
    pair.us.wait_route("10.1.0.0/16", false)?;
    wait_their_routes(&pair.us)?;
    Ok(())
}

#[test]
fn an_orderly_end_takes_our_routes_along_and_no_others() -> Result<(), Error> {
    let Some(pair) = pair("end", &[Rival::Bird])? else { return Ok(()) };
    pair.us.ip("route add 10.9.0.0/16 via 192.0.2.2 proto static metric 7")?;
    pair.us.ip("route add 10.8.0.0/16 via 192.0.2.2 proto bgp")?;
    let mut ferrd = pair.ferrd()?;
    let _bird = Bird::start(&pair.them, super::bird::CONF)?;
    wait_their_routes(&pair.us)?;
    // Several in a row, as impatient people do.
    for _ in 0..3 {
        ferrd.process().signal(Signal::SIGTERM);
    }
    let status = ferrd.process().wait(Duration::from_secs(10));
    assert!(status.is_some_and(|s| s.success()), "{status:?}");
    for prefix in ["10.1.0.0/16", "10.2.0.0/16", "2001:db8:2::/48"] {
        assert_eq!(kernel_route(&pair.us, prefix).unwrap(), None);
    }
    for prefix in ["10.9.0.0/16", "10.8.0.0/16"] {
        assert!(kernel_route(&pair.us, prefix).unwrap().is_some(), "{prefix}");
    }
    assert!(!ferrd.vty_dir().join("zebra.vty").exists() && !ferrd.vty_dir().join("ferrd.pid").exists());
    Ok(())
}

#[test]
fn links_and_addresses_vanish_and_return() -> Result<(), Error> {
    let Some(pair) = pair("vanish", &[Rival::Bird])? else { return Ok(()) };
    let mut ferrd = pair.ferrd()?;
    let _bird = Bird::start(&pair.them, super::bird::CONF)?;
    wait_their_routes(&pair.us)?;

    pair.us.ip("addr del 192.0.2.1/24 dev eth0")?;
    pair.us.wait_route("10.2.0.0/16", false)?;
    pair.us.addr("eth0", "192.0.2.1/24")?;
    wait_their_routes(&pair.us)?;

    pair.us.ip("link del eth0")?;
    wait_no_routes(&pair.us)?;
    ferrd.process().check()?;
    pair.net.link(&pair.us, "eth0", &pair.them, "eth0")?;
    for (host, addresses) in [
        (&pair.us, ["192.0.2.1/24", "2001:db8:12::1/64"]),
        (&pair.them, ["192.0.2.2/24", "2001:db8:12::2/64"]),
    ] {
        addresses.iter().try_for_each(|address| host.addr("eth0", address))?;
    }
    wait_their_routes(&pair.us)?;

    // A route of ours that somebody deletes comes back.
    pair.us.ip("route del 10.2.0.0/16")?;
    wait_their_routes(&pair.us)?;
    ferrd.process().check()
}

#[test]
fn retained_routes_stay() -> Result<(), Error> {
    let Some(mut pair) = pair("retain", &[Rival::Bird])? else { return Ok(()) };
    pair.program.prefix.push("--retain".into());
    let mut ferrd = pair.ferrd()?;
    let _bird = Bird::start(&pair.them, super::bird::CONF)?;
    wait_their_routes(&pair.us)?;
    ferrd.process().stop();
    assert!(kernel_route(&pair.us, "10.2.0.0/16").unwrap().is_some());
    assert!(kernel_route(&pair.us, "2001:db8:2::/48").unwrap().is_some());
    Ok(())
}
