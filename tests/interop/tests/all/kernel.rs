//! What happens to the kernel's routes when we end, are killed, or the network changes under us.

use std::net::IpAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ferr_interop::{THEM, kernel_route, our_conf, wait_no_routes, wait_their_routes, with_pair};
use ferr_testnet::probe::Stream;
use ferr_testnet::rivals::{Bird, Rival};
use ferr_testnet::{Error, Ferrd, wait_until};
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

#[test]
fn kill_9_leaves_the_routes_and_the_next_start_adopts_them() -> Result<(), Error> {
    with_pair("adopt", &[Rival::Bird], |pair| {
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
        // Static routes have said all when the configuration has been read.
        pair.us.wait(10, "the leftover 10.1.0.0/16 to be swept", || {
            match kernel_route(&pair.us, "10.1.0.0/16")? {
                None => Ok(()),
                left => Err(format!("{left:?}")),
            }
        })?;
        wait_their_routes(&pair.us)
    })
}

#[test]
fn leftovers_go_when_all_neighbors_have_said_everything_or_in_the_end() -> Result<(), Error> {
    let more = super::bird::CONF
        .replace("route 10.2.0.0/16", "route 10.3.0.0/16 blackhole; route 10.2.0.0/16")
        .replace("route 2001:db8:2::", "route 2001:db8:3::/48 blackhole; route 2001:db8:2::");
    with_pair("leftovers", &[Rival::Bird], |pair| {
        let mut program = pair.program.clone();
        program.prefix.extend(["-K".into(), "12".into()]);
        let mut ferrd = Ferrd::start(&pair.us, &program, &our_conf(""))?;
        let mut bird = Bird::start(&pair.them, &more)?;
        let old = ["10.3.0.0/16", "2001:db8:3::/48"];
        for prefix in old {
            pair.us.wait_route(prefix, true)?;
        }
        wait_their_routes(&pair.us)?;
        let mut changes = Command::new("ip");
        changes.args(["monitor", "route"]);
        let mut changes = pair.us.start("monitor", changes)?;
        ferrd.process().kill();
        bird.reconfigure(super::bird::CONF)?;
        let started = Instant::now();
        ferrd.restart()?;
        for prefix in old {
            pair.us.wait_route(prefix, false)?;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        wait_their_routes(&pair.us)?;
        changes.stop();
        let text = changes.log();
        assert!(text.contains("Deleted 10.3.0.0/16"), "{text}");
        assert!(!text.contains("Deleted 10.2.0.0/16"), "what is right is never taken away: {text}");

        // Nobody says what became of them: they serve up to the bound.
        ferrd.process().kill();
        bird.process().kill();
        let started = Instant::now();
        ferrd.restart()?;
        thread::sleep(Duration::from_secs(9).saturating_sub(started.elapsed()));
        assert!(kernel_route(&pair.us, "10.2.0.0/16").unwrap().is_some());
        assert!(kernel_route(&pair.us, "2001:db8:2::/48").unwrap().is_some());
        wait_no_routes(&pair.us)?;
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
        Ok(())
    })
}

#[test]
fn an_orderly_end_takes_our_routes_along_and_no_others() -> Result<(), Error> {
    with_pair("end", &[Rival::Bird], |pair| {
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
    })
}

#[test]
fn links_and_addresses_vanish_and_return() -> Result<(), Error> {
    with_pair("vanish", &[Rival::Bird], |pair| {
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
    })
}

#[test]
fn retained_routes_stay() -> Result<(), Error> {
    with_pair("retain", &[Rival::Bird], |pair| {
        let mut program = pair.program.clone();
        program.prefix.push("--retain".into());
        let mut ferrd = Ferrd::start(&pair.us, &program, &our_conf(""))?;
        let _bird = Bird::start(&pair.them, super::bird::CONF)?;
        wait_their_routes(&pair.us)?;
        ferrd.process().stop();
        assert!(kernel_route(&pair.us, "10.2.0.0/16").unwrap().is_some());
        assert!(kernel_route(&pair.us, "2001:db8:2::/48").unwrap().is_some());
        Ok(())
    })
}

#[test]
fn kill_9_at_any_moment_leaves_nothing_that_the_next_start_does_not_clear() -> Result<(), Error> {
    with_pair("anytime", &[Rival::Bird], |pair| {
        let mut many = String::from("protocol static many { ipv4;\n");
        for n in 0..2000 {
            many.push_str(&format!("route 100.64.{}.{}/29 blackhole;\n", n >> 5, (n & 31) << 3));
        }
        let bird = Bird::start(&pair.them, &format!("{}{many}}}\n", super::bird::CONF))?;
        let mut ferrd = pair.ferrd()?;
        let mut random = StdRng::seed_from_u64(7);
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(random.random_range(0..1500)));
            ferrd.process().kill();
            ferrd.restart()?;
        }
        ferrd.wait_peer(THEM, "Established")?;
        wait_their_routes(&pair.us)?;
        let count = |wanted: usize| {
            pair.us.wait(30, format!("{wanted} routes of BIRD's"), || {
                let routes = pair.us.routes(false).map_err(|e| e.to_string())?;
                let seen = routes.iter().filter(|r| r.destination.starts_with("100.64.")).count();
                if seen == wanted { Ok(()) } else { Err(seen.to_string()) }
            })
        };
        count(2000)?;
        bird.birdc("disable many")?;
        count(0)?;
        // An orderly end clears the next-hop objects of all lives.
        ferrd.process().stop();
        let objects = pair.us.run(Command::new("ip").args(["nexthop", "show"]))?;
        assert_eq!(objects.trim(), "");
        Ok(())
    })
}

#[test]
fn a_reload_applies_the_difference_and_keeps_the_sessions() -> Result<(), Error> {
    with_pair("reload", &[Rival::Bird], |pair| {
        let mut ferrd = pair.ferrd()?;
        let bird = Bird::start(&pair.them, super::bird::CONF)?;
        wait_their_routes(&pair.us)?;
        let changed = our_conf("").replace("10.1.0.0/16", "10.7.0.0/16").replace("65001:77", "65001:78");
        std::fs::write(ferrd.config(), changed).unwrap();
        ferrd.process().signal(Signal::SIGHUP);
        bird.wait_route("10.7.0.0/16", "(65001,78)", true)?;
        bird.wait_route("10.1.0.0/16", "BGP", false)?;
        bird.wait_route("2001:db8:1::/48", "(65001,78)", true)?;
        pair.us.wait_route("10.1.0.0/16", false)?;
        let summary = ferrd.bgp_json("show bgp summary json")?;
        let peer = &summary["ipv4Unicast"]["peers"][THEM];
        assert_eq!(
            (&peer["state"], &peer["connectionsEstablished"]),
            (&"Established".into(), &1.into()),
            "{summary}"
        );

        // A file with mistakes: its good lines count.
        std::fs::write(ferrd.config(), format!("nonsense\n{}", our_conf(" neighbor 192.0.2.2 nonsense")))
            .unwrap();
        ferrd.process().signal(Signal::SIGHUP);
        bird.wait_route("10.1.0.0/16", "(65001,77)", true)?;
        ferrd.process().check()
    })
}
