//! The hot paths, each once, for counting their instructions: `cargo xtask test --step counts`.
//!
//! Instructions hardly depend on the machine or on what else runs there, so that a regression of a few per cent shows. Without an
//! argument the works are listed with the number of things that each does; with a work's name it is done once, with all that
//! counts inside of [`measured`].
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods)]

mod bfd;
#[path = "../../../crates/bfd/examples/common/mod.rs"]
#[allow(unreachable_pub)]
mod bfd_common;
mod bgp;
#[path = "../../../crates/bgp/examples/common/mod.rs"]
#[allow(unreachable_pub, dead_code)]
mod bgp_common;
#[path = "../../../crates/ospf/benches/common/mod.rs"]
#[allow(unreachable_pub, clippy::expect_used)]
mod network;
mod ospf;
mod policy;
mod prefixes;
mod rib;
#[path = "../../../crates/rib/examples/common/mod.rs"]
#[allow(unreachable_pub)]
mod rib_common;

use std::hint::black_box;
use std::process::ExitCode;

/// What is counted, after everything was set up.
pub(crate) type Work = Box<dyn FnOnce() -> usize>;

/// Sets a work up that does so many things.
type SetUp = fn(usize) -> Work;

/// Name, number of things done, set-up.
const WORKS: [(&str, usize, SetUp); 13] = [
    ("prefixmap-insert", 100_000, prefixes::insert),
    ("prefixmap-get", 100_000, prefixes::get),
    ("prefixmap-longest-match", 20_000, prefixes::longest_match),
    ("update-decode", 60_000, bgp::decode),
    ("bgp-announce", 60_000, bgp::announce),
    ("bgp-second-path", 60_000, bgp::second_path),
    ("bgp-withdraw", 60_000, bgp::withdraw),
    ("bgp-hundred-members", 12_000, bgp::hundred_members),
    ("prefix-list-5000", 20_000, policy::prefix_list),
    ("route-map-200", 2_000, policy::route_map),
    ("rib-install", 60_000, rib::install),
    ("ospf-full-spf-1000", 1, ospf::full),
    ("bfd-receive", 20_000, bfd::receive),
];

/// The border of what is counted: the tool that counts knows it by its name.
#[inline(never)]
fn measured(work: Work) -> usize {
    black_box(work())
}

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        WORKS.iter().for_each(|(name, count, _)| println!("{name} {count}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, count, set_up)) = WORKS.iter().find(|w| w.0 == name) else {
        eprintln!("there is no work {name}");
        return ExitCode::FAILURE;
    };
    let done = measured(set_up(*count));
    if done == *count {
        return ExitCode::SUCCESS;
    }
    eprintln!("{name} did {done} of {count}");
    ExitCode::FAILURE
}
