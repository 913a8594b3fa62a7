//! The broadcast segment: everybody hears everybody, two of three are designated router and backup.

use ferr_testnet::Error;

use crate::bed::{bird_conf, conf, with_lan};

#[test]
fn all_become_adjacent_and_route_to_each_other() -> Result<(), Error> {
    with_lan("ospflan", |lan| {
        let mut routers = lan.start(&conf(1, "", "", ""), &conf(2, "", "", ""), &bird_conf("", "", ""))?;
        lan.wait_users()?;
        routers.wait_databases()
    })
}
