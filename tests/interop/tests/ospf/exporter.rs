//! The packaged `prometheus-frr-exporter`: what it says of OSPF has the names and labels that it has beside FRR.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use ferr_testnet::{Error, Host, skipped};

use crate::bed::{Conf, with_lan};

const EXPORTER: &str = "prometheus-frr-exporter";
const ADDRESS: &str = "127.0.0.1:9342";

/// OSPF's metrics with their labels, and their values.
fn metrics(host: &Host, sockets: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut command = Command::new(EXPORTER);
    command.arg(format!("--frr.socket.dir-path={}", sockets.display()));
    command.arg(format!("--web.listen-address={ADDRESS}"));
    command.args(["--no-collector.bgp", "--no-collector.bfd"]);
    let _exporter = host.start("exporter", command)?;
    let page = host.wait(20, "an answer of the exporter", || {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--max-time", "20", &format!("http://{ADDRESS}/metrics")]);
        let page = host.run(&mut curl).map_err(|e| e.to_string())?;
        if page.contains("frr_collector_up") { Ok(page) } else { Err(page) }
    })?;
    let ours = |line: &&str| line.starts_with("frr_ospf") || line.starts_with("frr_collector_up");
    let split = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(page.lines().filter(ours).filter_map(split).collect())
}

#[test]
fn the_exporter_says_the_same_of_us_and_of_frr() -> Result<(), Error> {
    if Command::new(EXPORTER).arg("--help").output().is_err() {
        skipped(&format!("{EXPORTER} is not installed"));
        return Ok(());
    }
    with_lan("ospfexporter", |lan| {
        let plain = Conf::default();
        let mut routers = lan.start(&plain, &plain, &plain)?;
        lan.wait_users(&[1, 2, 3])?;
        routers.wait_databases()?;
        let ours = metrics(&lan.us, routers.ferrd.vty_dir())?;
        let theirs = metrics(&lan.frr, routers.frr.vty_dir())?;
        let names = |all: &BTreeMap<String, String>| all.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&ours), names(&theirs));
        assert!(names(&ours).iter().any(|name| name.starts_with("frr_ospf_neighbors")), "{ours:?}");
        // Two neighbors each, adjacent to both, as one of three is the designated router and one its backup or neither.
        let counts = |all: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            all.iter().filter(|(n, _)| !n.contains("adjacenc")).map(|(n, v)| (n.clone(), v.clone())).collect()
        };
        assert_eq!(counts(&ours), counts(&theirs));
        Ok(())
    })
}
