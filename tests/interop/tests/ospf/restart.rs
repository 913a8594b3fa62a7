//! Graceful restart, of ours with FRR's and BIRD's help, and of FRR with ours: nobody loses a route while a daemon is away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ferr_testnet::{Error, Host};
use nix::sys::signal::Signal;

use crate::bed::{Conf, with_lan};

/// Destinations that a host lost while `during` ran.
fn lost_during(
    watched: &[(&Host, &str)],
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

/// Two on the cable; the third is unplugged.
fn restart_with(name: &str, with: u8) -> Result<(), Error> {
    with_lan(name, |lan| {
        lan.switch.ip(&format!("link set {} down", if with == 2 { "bird" } else { "frr" }))?;
        let restarts = " graceful-restart grace-period 60\n".to_owned();
        let ours = Conf { ospf: restarts.clone(), ospf6: restarts, ..Conf::default() };
        // Without opaque LSAs FRR does not hear of a restart.
        let helper = Conf {
            ospf: " capability opaque\n graceful-restart helper enable\n".to_owned(),
            ospf6: " graceful-restart helper enable\n".to_owned(),
            ..Conf::default()
        };
        let mut routers = lan.start(&ours, &helper, &Conf::default())?;
        lan.wait_users(&[1, with])?;
        let (v4, v6) = (format!("10.9.{with}.0/24"), format!("2001:db8:9:{with}::/64"));
        let other = lan.host(with);
        let watched = [
            (&lan.us, v4.as_str()),
            (&lan.us, v6.as_str()),
            (other, "10.9.1.0/24"),
            (other, "2001:db8:9:1::/64"),
        ];
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
        lan.wait_users(&[1, with])
    })
}

#[test]
fn a_restart_is_not_noticed_by_frr() -> Result<(), Error> {
    restart_with("ospfgrf", 2)
}

#[test]
fn a_restart_is_not_noticed_by_bird() -> Result<(), Error> {
    restart_with("ospfgrb", 3)
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
        let watched = [(&lan.us, "10.9.2.0/24"), (&lan.frr, "10.9.1.0/24")];
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
