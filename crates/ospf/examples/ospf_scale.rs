//! What an LSA and its route cost in memory.
//!
//! `cargo run --release -p ferr-ospf --example ospf_scale [SIDE [EXTERNALS]]`: a grid of SIDE by SIDE routers.

#![allow(clippy::disallowed_methods)]

#[path = "../benches/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use ferr_ospf::ScopeId;

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u32>().ok());
    let (side, externals) = (args.next().unwrap_or(100), args.next().unwrap_or(10_000));
    let net = common::grid(side);
    let mut now = Instant::now();
    let empty = resident();
    let mut model = common::model(&net, true, now);
    let routes = model.run(now).len();
    let full = resident();
    println!("{} routers, {routes} routes: {:.0} octets each", net.len(), (full - empty) / net.len() as f64);
    now += Duration::from_secs(60);
    for n in 0..externals {
        let lsa = common::external_lsa(n % (side * side - 1) + 1, n, 20);
        model.install(ScopeId::As, &lsa, now);
    }
    let routes = model.run(now).len();
    let each = (resident() - full) / f64::from(externals.max(1));
    println!("{externals} external LSAs, {routes} routes: {each:.0} octets each");
}
