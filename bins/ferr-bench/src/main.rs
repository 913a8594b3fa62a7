//! Convergence and scale benchmarks, each with rivals in the same run on the same machine.
//!
//! A figure is a median of alternating runs; ratios to a rival say more than seconds, because machines are noisy.
#![forbid(unsafe_code)]

mod bfd_scale;
mod convergence;
mod dut;
mod failover;
mod feed;
mod kernel_watch;
mod measure;
mod ospf;
mod reflector;
mod speaker;
mod wireguard;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The word before the daemon's own arguments: this program is the daemon too, so that what is measured is what was built with it.
const AS_DAEMON: &str = "ferrd";

#[derive(Parser)]
#[command(version, about = "Benchmarks of FeRR beside other routing stacks")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// The same work on FeRR and on every rival that is installed.
    Convergence(convergence::Options),
    /// The works `full-table` and `withdraw` of `convergence`.
    FullTable(convergence::Options),
    /// Many BFD sessions, with a full table that comes and goes beside them.
    BfdScale(bfd_scale::Options),
    /// The path to the better of two providers silently drops everything.
    Failover(failover::Options),
    /// A large OSPF network: to know it, to follow its changes, to lose a cable.
    Ospf(ospf::Options),
    /// Tunnels of several makers between two namespaces.
    Wireguard(wireguard::Options),
    /// A tunnel of ours in a process of its own.
    #[command(hide = true)]
    WireguardTunnel(wireguard::TunnelOptions),
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|word| word == AS_DAEMON) {
        return ferrd::main(args.into_iter().skip(1), &[AS_DAEMON]);
    }
    let result = match Cli::parse().bench {
        Bench::Convergence(options) => convergence::run(&options),
        Bench::FullTable(options) => convergence::run(&options.full_table()),
        Bench::BfdScale(options) => bfd_scale::run(&options),
        Bench::Failover(options) => failover::run(&options),
        Bench::Ospf(options) => ospf::run(&options),
        Bench::Wireguard(options) => wireguard::run(&options),
        Bench::WireguardTunnel(options) => wireguard::tunnel(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferr-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
