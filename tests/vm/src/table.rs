//! Routing tables by number.

use std::process::Command;

use ferr_testnet::{Error, Host};
use serde_json::Value;

/// Stands for any link-local address: they differ from run to run.
pub const LINK_LOCAL: &str = "fe80";

/// A route of one table, reduced to what does not differ from run to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Destination as `ip` prints it.
    pub destination: String,
    /// Gateway or [`LINK_LOCAL`], empty when there is none.
    pub gateway: String,
    /// Interface, empty when there is none.
    pub interface: String,
    /// Who made it: `static`, `bgp`, `kernel`, ...
    pub protocol: String,
}

/// A route through a group of next hops has them in a list of their own; here the first one stands for all.
fn entry(route: &Value) -> Entry {
    let first = &route["nexthops"][0];
    let text = |key: &str| route[key].as_str().or_else(|| first[key].as_str()).unwrap_or_default().to_owned();
    let mut gateway = text("gateway");
    if gateway.starts_with("fe80:") {
        LINK_LOCAL.clone_into(&mut gateway);
    }
    Entry { destination: text("dst"), gateway, interface: text("dev"), protocol: text("protocol") }
}

/// Routes of both families in table `number`, sorted, without those that belong to addresses.
pub fn table(host: &Host, number: u32) -> Result<Vec<Entry>, Error> {
    let mut all = Vec::new();
    for family in ["-4", "-6"] {
        let number = number.to_string();
        let arguments = ["-j", family, "route", "show", "table", &number];
        // A table that never had a route is an error for `ip`.
        let output = host.try_run(Command::new("ip").args(arguments))?;
        let routes: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        all.extend(routes.as_array().into_iter().flatten().map(entry));
    }
    all.retain(|e| e.protocol != "kernel");
    all.sort();
    Ok(all)
}

/// Waits until table `number` holds exactly `expected`, given as (destination, gateway, protocol).
pub fn wait_table(host: &Host, number: u32, expected: &[(&str, &str, &str)]) -> Result<(), Error> {
    let mut wanted = expected.to_vec();
    wanted.sort_unstable();
    host.wait(40, format!("{wanted:?} in table {number}"), || {
        let seen = table(host, number).map_err(|e| e.to_string())?;
        let found: Vec<_> = seen.iter().map(|e| (&*e.destination, &*e.gateway, &*e.protocol)).collect();
        if found == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
}
