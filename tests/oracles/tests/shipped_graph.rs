//! The oracles stay out of everything that is shipped: bgp-rs is GPL-3.0.
#![allow(clippy::unwrap_used)]

use std::process::Command;

const ORACLES: [&str; 5] = ["bgp-rs", "bgpkit-parser", "netgauze-bgp-pkt", "routecore", "zettabgp"];

fn tree(arguments: &[&str]) -> String {
    let fixed = ["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}"];
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(env!("CARGO")).args(fixed).args(arguments).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn oracles_in(tree: &str) -> Vec<&'static str> {
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    ORACLES.into_iter().filter(|o| names.contains(o)).collect()
}

#[test]
fn no_oracle_is_shipped() {
    let none: [&str; 0] = [];
    assert_eq!(oracles_in(&tree(&["--workspace", "-e", "normal,build"])), none);
    // What this test looks for would be found.
    assert_eq!(oracles_in(&tree(&["-p", "ferr-oracles", "-e", "normal,dev"])), ORACLES);
}
