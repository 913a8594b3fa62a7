//! Graceful restart, of ours with FRR's and BIRD's help, and of FRR with ours: nobody loses a route while a daemon is away.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ferr_testnet::rivals::{Bird, Frr};
use ferr_testnet::{Error, Ferrd, Host};
use nix::sys::signal::Signal;

use crate::bed::{Conf, with_lan};

/// Destinations that a host lost while `during` ran.
fn lost_during(
    watched: &[(&Host, String)],
    during: impl FnOnce() -> Result<(), Error>,
) -> Result<Vec<String>, Error> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut lost = Vec::new();
            while !done.load(Ordering::Relaxed) {
                for (host, destination) in watched {
                    let Ok(routes) = host.routes(destination.contains(':')) else { continue };
                    if !routes.iter().any(|r| r.destination == *destination) {
                        lost.push(format!("{} in {}", destination, host.name()));
                    }
                }
                thread::sleep(Duration::from_millis(50));
            }
            lost
        });
        let outcome = during();
        done.store(true, Ordering::Relaxed);
        let lost = watcher.join().unwrap_or_default();
        outcome.map(|()| lost)
    })
}

/// Those of `with` help, the others are unplugged. Priorities are ours and FRR's.
fn restart_with(name: &str, with: &[u8], priorities: [u8; 2]) -> Result<(), Error> {
    with_lan(name, |lan| {
        for (n, port) in [(2, "frr"), (3, "bird")] {
            if !with.contains(&n) {
                lan.switch.ip(&format!("link set {port} down"))?;
            }
        }
        let restarts = " graceful-restart grace-period 60\n".to_owned();
        let [our, theirs] = priorities.map(|p| format!(" ip ospf priority {p}\n ipv6 ospf6 priority {p}\n"));
        let ours = Conf { ospf: restarts.clone(), ospf6: restarts, segment: our, ..Conf::default() };
        // Without opaque LSAs FRR does not hear of a restart.
        let helper = Conf {
            ospf: " capability opaque\n graceful-restart helper enable\n".to_owned(),
            ospf6: " graceful-restart helper enable\n".to_owned(),
            segment: theirs,
            ..Conf::default()
        };
        let mut routers = lan.start(&ours, &helper, &Conf::default())?;
        let all: Vec<u8> = [1].iter().chain(with).copied().collect();
        lan.wait_users(&all)?;
        let mut watched = Vec::new();
        for n in with {
            watched.push((&lan.us, format!("10.9.{n}.0/24")));
            watched.push((&lan.us, format!("2001:db8:9:{n}::/64")));
            watched.push((lan.host(*n), "10.9.1.0/24".to_owned()));
            watched.push((lan.host(*n), "2001:db8:9:1::/64".to_owned()));
        }
        // The last LSAs of the adjacency are acknowledged, so that nothing but the restart happens.
        thread::sleep(Duration::from_secs(8));
        let lost = lost_during(&watched, || {
            routers.ferrd.commands("ospfd", &["enable", "graceful-restart prepare ip ospf"])?;
            routers.ferrd.commands("ospf6d", &["enable", "graceful-restart prepare ipv6 ospf"])?;
            thread::sleep(Duration::from_secs(1));
            routers.ferrd.process().signal(Signal::SIGTERM);
            assert!(routers.ferrd.process().wait(Duration::from_secs(10)).is_some(), "it does not end");
            // Longer than the dead interval.
            thread::sleep(Duration::from_secs(6));
            routers.ferrd.restart()?;
            thread::sleep(Duration::from_secs(15));
            Ok(())
        })?;
        assert!(lost.is_empty(), "{lost:?}");
        lan.wait_users(&all)
    })
}

#[test]
fn a_restart_is_not_noticed_by_frr() -> Result<(), Error> {
    restart_with("ospfgrf", &[2], [1, 1])
}

#[test]
fn a_restart_is_not_noticed_by_bird() -> Result<(), Error> {
    restart_with("ospfgrb", &[3], [1, 1])
}

#[test]
fn a_restart_of_one_among_others_is_not_noticed() -> Result<(), Error> {
    restart_with("ospfgro", &[2, 3], [1, 1])
}

#[test]
fn a_restart_of_the_backup_is_not_noticed() -> Result<(), Error> {
    restart_with("ospfgrk", &[2, 3], [1, 0])
}

#[test]
fn a_restart_of_the_designated_router_is_not_noticed() -> Result<(), Error> {
    restart_with("ospfgrd", &[2, 3], [5, 1])
}

#[test]
fn we_help_frr_to_restart() -> Result<(), Error> {
    with_lan("ospfgrh", |lan| {
        lan.switch.ip("link set bird down")?;
        let conf = |line: &str| Conf { ospf: line.to_owned(), without: Some(3), ..Conf::default() };
        // Without opaque LSAs FRR announces nothing.
        let frr = conf(" capability opaque\n graceful-restart grace-period 60\n");
        let ours = conf(" graceful-restart helper enable\n");
        let mut routers = lan.start(&ours, &frr, &conf(""))?;
        lan.wait_users_v4(&[1, 2])?;
        let watched = [(&lan.us, "10.9.2.0/24".to_owned()), (&lan.frr, "10.9.1.0/24".to_owned())];
        let lost = lost_during(&watched, || {
            routers.frr.vtysh(&["graceful-restart prepare ip ospf"])?;
            thread::sleep(Duration::from_secs(1));
            // Longer than the dead interval.
            routers.frr.restart((2, "ospfd"), &frr.frr(2), || thread::sleep(Duration::from_secs(6)))?;
            thread::sleep(Duration::from_secs(15));
            Ok(())
        })?;
        assert!(lost.is_empty(), "{lost:?}");
        lan.wait_users_v4(&[1, 2])?;
        routers.ferrd.process().check()
    })
}

#[test]
fn what_a_killed_run_left_serves_until_the_network_is_known_again() -> Result<(), Error> {
    with_lan("ospfkill", |lan| {
        let conf = Conf::default();
        let _frr = Frr::start_with_ospf(&lan.frr, &conf.frr(2))?;
        let _bird = Bird::start(&lan.bird, &conf.bird())?;
        // The bound is far away, so that it cannot be what takes routes along.
        let mut program = lan.program.clone();
        program.prefix.extend(["-K".into(), "200".into()]);
        let mut ferrd = Ferrd::start(&lan.us, &program, &conf.frr(1))?;
        lan.wait_users(&[1, 2, 3])?;
        // Routes as the kernel tells of them: with the next-hop objects of the run that is killed.
        let told = |prefix: &str| -> Result<String, Error> {
            let family = if prefix.contains(':') { "-6" } else { "-4" };
            let text = lan.us.run(Command::new("ip").args([family, "-o", "route", "show", prefix]))?;
            Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
        };
        let served = lan.us.wait(20, "routes with next-hop objects", || {
            let all =
                ["10.9.3.0/24", "2001:db8:9:3::/64"].into_iter().map(|p| told(p).map_err(|e| e.to_string()));
            let all = all.collect::<Result<Vec<_>, _>>()?;
            if all.iter().all(|route| route.contains(" nhid ")) { Ok(all) } else { Err(format!("{all:?}")) }
        })?;
        let mut changes = Command::new("ip");
        changes.args(["monitor", "route"]);
        let mut changes = lan.us.start("monitor", changes)?;

        ferrd.process().kill();
        let gone = ["10.9.2.0/24", "2001:db8:9:2::/64"];
        for address in ["10.9.2.1/24", "2001:db8:9:2::1/64"] {
            lan.frr.ip(&format!("addr del {address} dev users"))?;
        }
        ferrd.restart()?;
        for prefix in gone {
            lan.us.wait(100, format!("{prefix} to be gone"), || {
                let routes = lan.us.routes(prefix.contains(':')).map_err(|e| e.to_string())?;
                let left = routes.iter().find(|r| r.destination == prefix);
                left.map_or(Ok(()), |route| Err(format!("{route:?}")))
            })?;
        }
        lan.wait_users(&[1, 3])?;
        changes.stop();
        let text = changes.log();
        assert!(gone.iter().all(|prefix| text.contains(&format!("Deleted {prefix}"))), "{text}");
        // What the others take back for a while, since we were away, is another thing.
        assert!(served.iter().all(|route| !text.contains(&format!("Deleted {route} "))), "{served:?} {text}");
        ferrd.process().check()
    })
}
