//! Graceful restart, of ours with FRR's and BIRD's help, and of FRR with ours: nobody loses a route while a daemon is away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ferr_testnet::{Error, Host};
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
