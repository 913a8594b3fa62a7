//! The broadcast segment: everybody hears everybody, two of three are designated router and backup.

use std::time::Duration;

use ferr_testnet::{Error, wait_until};
use nix::sys::signal::Signal;

use crate::bed::{Conf, segment, with_lan};

#[test]
fn all_become_adjacent_and_route_to_each_other() -> Result<(), Error> {
    with_lan("ospflan", |lan| {
        let plain = Conf::default();
        let mut routers = lan.start(&plain, &plain, &plain)?;
        lan.wait_users(&[1, 2, 3])?;
        routers.wait_databases()
    })
}

#[test]
fn the_backup_takes_over_when_the_designated_router_dies() -> Result<(), Error> {
    with_lan("ospfdr", |lan| {
        let ours = segment(" ip ospf priority 1\n ipv6 ospf6 priority 1\n");
        let frr = segment(" ip ospf priority 5\n ipv6 ospf6 priority 5\n");
        let bird = segment("priority 10;");
        let mut routers = lan.start(&ours, &frr, &bird)?;
        lan.wait_users(&[1, 2, 3])?;
        routers.bird.process().signal(Signal::SIGKILL);
        let ferrd = &routers.ferrd;
        wait_until(Duration::from_secs(30), "FRR to lead and us to stand by", || {
            let all = ferrd.ospf_json("show ip ospf neighbor json").map_err(|e| e.to_string())?;
            let state = all["neighbors"]["10.9.0.2"][0]["nbrState"].clone();
            let gone = all["neighbors"].get("10.9.0.3").is_none();
            let here = ferrd.ospf_json("show ip ospf interface eth0 json").map_err(|e| e.to_string())?;
            let ours = here["interfaces"]["eth0"]["state"].clone();
            if state == "Full/DR" && gone && ours == "Backup" { Ok(()) } else { Err(format!("{all} {here}")) }
        })?;
        lan.wait_users(&[1, 2])?;
        // A router of a higher priority that comes later displaces nobody.
        routers.bird.restart()?;
        lan.wait_users(&[1, 2, 3])?;
        routers.wait_databases()
    })
}
