//! A thousand external routes, in both directions.

use ferr_testnet::{Error, Host};

use crate::bed::{Conf, with_lan};

const COUNT: usize = 1000;

fn statics(first: u8) -> String {
    let v4 = (0..COUNT).map(|i| format!("ip route {first}.{}.{}.0/24 blackhole\n", i / 256, i % 256));
    let v6 = (0..COUNT).map(|i| format!("ipv6 route 2001:db8:{first:x}00:{i:x}::/64 blackhole\n"));
    v4.chain(v6).collect()
}

fn count(host: &Host, first: u8) -> Result<(usize, usize), Error> {
    let v4 = host.routes(false)?;
    let v6 = host.routes(true)?;
    let (start, start6) = (format!("{first}."), format!("2001:db8:{first:x}00:"));
    let here = |routes: &[ferr_testnet::KernelRoute], start: &str| {
        routes.iter().filter(|r| r.destination.starts_with(start)).count()
    };
    Ok((here(&v4, &start), here(&v6, &start6)))
}

fn wait_count(host: &Host, first: u8, wanted: usize) -> Result<(), Error> {
    host.wait(60, format!("{wanted} external routes"), || match count(host, first) {
        Ok((v4, v6)) if v4 == wanted && v6 == wanted => Ok(()),
        other => Err(format!("{other:?}")),
    })
}

#[test]
fn a_thousand_each_way() -> Result<(), Error> {
    with_lan("ospfext", |lan| {
        let conf = |first: u8| Conf {
            global: statics(first),
            ospf: " redistribute static metric 100 metric-type 1\n".to_owned(),
            ospf6: " redistribute static metric 100 metric-type 1\n".to_owned(),
            ..Conf::default()
        };
        let mut routers = lan.start(&conf(20), &conf(30), &Conf::default())?;
        wait_count(&lan.us, 30, COUNT)?;
        wait_count(&lan.frr, 20, COUNT)?;
        for first in [20, 30] {
            wait_count(&lan.bird, first, COUNT)?;
        }
        routers.wait_databases()?;
        // Taken back by one statement.
        routers.ferrd.configure_on("ospfd", &["router ospf", "no redistribute static"])?;
        routers.ferrd.configure_on("ospf6d", &["router ospf6", "no redistribute static"])?;
        for host in [&lan.frr, &lan.bird] {
            wait_count(host, 20, 0)?;
        }
        Ok(())
    })
}
