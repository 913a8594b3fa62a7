//! `ferr lab`: a hybrid-cloud network on one machine, with a real daemon per router on a real frr.conf; it converges, a
//! link is cut, silently first, then for good, and the time without traffic is measured.
//!
//! # Invariants
//! * Everything that was started is ended and removed on return, Ctrl-C and panic, unless `--keep` was given; a helper
//!   process sees to it when we are killed.
//! * Only the report goes to standard output; progress and errors go to standard error.

mod cut;
mod kept;
mod network;
mod report;
mod steps;
mod topology;
mod transit;
mod tunnels;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use ferr_testnet::rivals::Rival;
use ferr_testnet::{Error, FerrdProgram, Interrupt, Privilege, acquire_privilege};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::cut::Cut;
use self::kept::Kept;
use self::network::{Daemon, Network};
use self::report::{PingReport, Report};
use self::steps::Steps;
use self::topology::{Flow, Topology, TopologyError};
use self::transit::TransitKind;

/// Prefixes of the slice that are longer than the sites accept (/24).
const TOO_LONG: usize = 24;

/// Options of `ferr lab`.
#[derive(Debug, Args)]
pub(crate) struct LabOptions {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Leave the network running and print how to look around
    #[arg(long)]
    keep: bool,
    /// End all networks that were left running
    #[arg(long, conflicts_with_all = ["json", "keep", "topology"])]
    stop: bool,
    /// Network: `hybrid-cloud`, `region` (a site with OSPF), or a JSON file with each router's frr.conf beside it
    #[arg(long, value_name = "NAME|FILE")]
    topology: Option<PathBuf>,
    /// Who plays the transit peer
    #[arg(long, value_enum, default_value = "auto")]
    transit: TransitKind,
    /// Capture what the routers send and have Wireshark judge it (needs tcpdump and tshark)
    #[arg(long)]
    dissect: bool,
    /// Daemon on the routers
    #[arg(long, value_enum, default_value = "ferrd")]
    daemon: DaemonKind,
}

/// Daemon on the routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DaemonKind {
    /// Ours
    Ferrd,
    /// The installed FRR, for comparison
    Frr,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum LabError {
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error(transparent)]
    Net(#[from] Error),
    #[error("a key of a tunnel could not be made")]
    Key,
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

fn io_error(what: &str) -> impl FnOnce(io::Error) -> LabError {
    let what = what.to_owned();
    move |source| LabError::Io { what, source }
}

/// Runs the lab and prints its report. Status 0 when all went well, 1 when not, 130 after Ctrl-C.
pub(crate) fn main(options: &LabOptions) -> ExitCode {
    if options.stop {
        return stop_all();
    }
    match run(options) {
        Ok(report) => {
            let text = if options.json {
                serde_json::to_string_pretty(&report).map(|t| t + "\n").unwrap_or_default()
            } else {
                report.text()
            };
            // A closed output (`| head`) is not our failure.
            let _ = io::stdout().write_all(text.as_bytes());
            if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(LabError::Net(Error::Interrupted)) => {
            eprintln!("ferr lab: interrupted; everything is cleaned up");
            ExitCode::from(130)
        }
        Err(e) => {
            eprintln!("ferr lab: {e}");
            ExitCode::FAILURE
        }
    }
}

fn stop_all() -> ExitCode {
    let found = kept::find();
    if found.is_empty() {
        eprintln!("no lab is running");
    }
    let mut status = ExitCode::SUCCESS;
    for dir in found {
        match kept::stop(&dir) {
            Ok(()) => eprintln!("ended {}", dir.display()),
            Err(e) => {
                eprintln!("ferr lab: {}: {e}", dir.display());
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

fn run(options: &LabOptions) -> Result<Report, LabError> {
    let plan = match &options.topology {
        Some(path) => Topology::find(path)?,
        None => Topology::hybrid_cloud()?,
    };
    ferr_testnet::check(&["ip", "tc", "unshare"].map(ferr_testnet::Requirement::Program))?;
    if options.dissect {
        ferr_testnet::check(&["tcpdump", "tshark"].map(ferr_testnet::Requirement::Program))?;
    }
    // Before any thread exists: the kernel wants it so.
    let privilege = acquire_privilege()?;
    let program = daemon_program(options.daemon)?;
    let kind = options.transit.choose()?;
    let interrupt = Interrupt::default();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, interrupt.flag()).map_err(io_error("signal handler"))?;
    }
    let mut steps = Steps::new(options.json && options.keep);
    let with_transit = plan.transit.is_some() && kind != TransitKind::None;
    let mut network = steps.run("namespaces, links, addresses", |_| {
        Network::build(&plan, with_transit, program.is_some(), interrupt.clone())
    })?;
    if options.dissect {
        network.capture()?;
    }
    steps.run("daemons started", |_| network.start(&plan, program.as_ref()))?;
    if with_transit {
        steps.run("transit peer started", |_| network.start_transit(&plan, kind))?;
    }
    steps.run("BGP sessions established", |say| network.wait_sessions(&plan, say))?;
    let table = if with_transit { accepted_table() } else { 0 };
    steps.run("routes in the kernels", |say| network.wait_routes(&plan, table, say))?;
    let pings = steps.run("end-to-end ping", |_| ping_all(&network, &plan))?;
    let leaked = network.leaks(&plan.inside)?;
    let routers = network.nodes.iter().map(network::Node::report).collect::<Result<_, _>>()?;
    let watched = plan.routers.iter().any(|router| !router.bfd.is_empty());
    if watched {
        steps.run("BFD sessions up", |say| network.wait_bfd(say))?;
    }
    let cut = Cut::new(&network, &plan, &interrupt)?;
    let silent_cut = match watched {
        true => Some(steps.run("link silent, traffic flows again", |_| cut.silent())?),
        false => None,
    };
    if watched {
        steps.run("link heard again, traffic is back on it", |say| cut.heal(say))?;
    }
    let cut = steps.run("link cut, traffic flows again", |_| cut.carrier())?;
    let dissected = network.dissect()?;
    let owned = network.owned;
    let transit = network.transit.as_ref().map(|t| t.name().to_owned());
    let look_around = if options.keep { keep(&mut network, privilege)? } else { Vec::new() };
    if !options.keep {
        steps.run("cleaned up", |_| {
            drop(network);
            Ok::<_, LabError>(())
        })?;
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        topology: plan.name.clone(),
        daemon: if program.is_some() { "ferrd" } else { "frr" },
        transit: transit.unwrap_or_else(|| "none".to_owned()),
        tunnels: owned.tunnels,
        vrf: owned.vrf.then_some(tunnels::VRF),
        routers,
        pings,
        leaked,
        silent_cut,
        cut,
        dissected,
        steps: steps.into_done(),
        look_around,
    })
}

/// Ourselves as the daemon; `None` for FRR.
fn daemon_program(kind: DaemonKind) -> Result<Option<FerrdProgram>, LabError> {
    if kind == DaemonKind::Frr {
        Rival::Frr.available()?;
        return Ok(None);
    }
    Ok(Some(FerrdProgram::within(crate::AS_DAEMON)?))
}

/// Prefixes of the slice that the sites accept.
fn accepted_table() -> usize {
    let len = |prefix: &str| prefix.split_once('/').and_then(|(_, len)| len.parse().ok()).unwrap_or(0_usize);
    transit::table().filter(|(prefix, _)| len(prefix) <= TOO_LONG).count()
}

fn ping_all(network: &Network, plan: &Topology) -> Result<Vec<PingReport>, Error> {
    let ping = |flow: &Flow| {
        let time = network.ping(flow)?;
        Ok(PingReport {
            from: flow.from.to_string(),
            to: flow.to.to_string(),
            milliseconds: time.as_secs_f64() * 1e3,
        })
    };
    plan.traffic.iter().map(ping).collect()
}

/// Leaves everything running; gives the command lines to look around.
fn keep(network: &mut Network, privilege: Privilege) -> Result<Vec<String>, LabError> {
    let mut kept = Kept::default();
    let mut lines = Vec::new();
    let ferr = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("ferr"));
    for node in &mut network.nodes {
        let Some(daemon) = &mut node.daemon else { continue };
        let mut pid = 0;
        for process in daemon.processes() {
            kept.add(process.pid());
            pid = process.pid();
        }
        let vty_dir = daemon.vty_dir().map(|dir| dir.display().to_string());
        if let Some(dir) = &vty_dir {
            let vtysh = format!("vtysh --vty_socket {dir}");
            lines.push(format!("{vtysh}    # {}", node.plan.name));
            lines.push(format!("{vtysh} -c 'show bgp summary' -c 'show ip route'"));
        }
        let enter = match privilege {
            Privilege::Root => "nsenter",
            Privilege::UserNamespace => "nsenter -U --preserve-credentials",
        };
        lines.push(format!("{enter} -n -t {pid} ip route    # namespace of {}", node.plan.name));
        if let (Daemon::Ferrd(_), Some(dir)) = (&*daemon, vty_dir) {
            lines.push(format!("{} --vty-dir {dir}", ferr.display()));
        }
    }
    let transit = network.transit.as_mut().map(transit::TransitPeer::processes);
    transit.into_iter().flatten().for_each(|process| kept.add(process.pid()));
    kept.write(network.net.dir()).map_err(io_error("writing what runs"))?;
    // From here on nothing may fail: what is not kept yet ends on return.
    let daemons = network.nodes.iter_mut().filter_map(|node| node.daemon.as_mut());
    daemons.flat_map(Daemon::processes).for_each(ferr_testnet::Process::keep);
    let transit = network.transit.as_mut().map(transit::TransitPeer::processes);
    transit.into_iter().flatten().for_each(ferr_testnet::Process::keep);
    network.net.keep();
    lines.push(format!("{} lab --stop    # ends it", ferr.display()));
    Ok(lines)
}
