//! The same work on every router that is installed, alternating, with what it costs.
//!
//! # Invariants
//! * What is sent is encoded before anything is timed, and what comes back is counted without being decoded.
//! * A run that fails is reported as such, and the others go on.

mod asking;
mod duts;
mod fib;
mod fit;
mod floor;
mod mrt;
mod nlri;
mod outcome;
mod peers;
mod report;
mod rig;
mod sampler;
mod table;
mod usage;
mod works;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use self::duts::Kind;
use self::fib::Sample;
use self::outcome::Outcome;
use self::report::Report;
use self::rig::Result;
use self::table::Table;
use self::works::{Setting, Steps, Work};

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Works; all when none is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    work: Vec<Work>,
    /// Routers; those that are not installed are left out.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ferr,bird,frr,gobgp,openbgpd")]
    duts: Vec<Kind>,
    /// Runs of each router; they alternate.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Part of all numbers of routes.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// IPv4 routes of a full table.
    #[arg(long, default_value_t = 1_000_000)]
    routes: usize,
    /// IPv6 routes of a full table.
    #[arg(long, default_value_t = 200_000)]
    routes6: usize,
    /// Takes the table from a recorded one (TABLE_DUMP_V2, packed or not) instead of making it.
    #[arg(long)]
    mrt: Option<PathBuf>,
    /// Longest wait for one phase of one router, in seconds; it has failed then, and the others go on.
    #[arg(long, default_value_t = 300)]
    limit: u64,
    /// Longest wait before a run, in seconds, until others leave the processors alone.
    #[arg(long, default_value_t = 6)]
    patience: u64,
    /// Writes all figures to this file; `-` is the standard output, in place of the table.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes a report with plots to this file.
    #[arg(long)]
    html: Option<PathBuf>,
}

impl Options {
    /// The same with the works that concern a full table, and no other.
    pub(crate) fn full_table(self) -> Self {
        Self { work: vec![Work::FullTable, Work::Withdraw], ..self }
    }
}

/// Runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    let scaled = |n: usize| ((n as f64 * options.scale) as usize).max(1);
    eprintln!("preparing the table");
    let v6 = if options.routes6 == 0 { 0 } else { scaled(options.routes6) };
    let table = match &options.mrt {
        Some(path) => {
            let (table, left) = mrt::read(path)?;
            eprintln!(
                "{} routes of the recorded table; {left} are left out, since not every router takes them and passes them on",
                table.prefixes.len()
            );
            table
        }
        None => Table::made(scaled(options.routes), v6, 1),
    };
    let sample = Arc::new(Sample::new(&table.prefixes));
    let works = if options.work.is_empty() { Work::ALL.to_vec() } else { options.work.clone() };
    let setting = Setting {
        table,
        sample,
        scale: options.scale,
        limit: Duration::from_secs(options.limit),
        patience: Duration::from_secs(options.patience),
        works,
    };
    let mut duts = Vec::new();
    for kind in &options.duts {
        match kind.available() {
            Ok(()) => duts.push((*kind, kind.version())),
            Err(error) => eprintln!("{} is left out: {error}", kind.name()),
        }
    }
    let mut report = Report::new(&setting, &duts);
    let begin = Instant::now();
    let note = |round: usize, outcome: Outcome, report: &mut Report| {
        let at = begin.elapsed().as_secs();
        eprintln!("{at:5} s  run {round}/{}  {}", options.runs, report::line(&outcome));
        report.add(outcome);
    };
    for round in 1..=options.runs {
        if setting.wants(Work::FullTable) || setting.wants(Work::Withdraw) {
            let wanted = |o: &Outcome| setting.works.iter().any(|w| w.name() == o.work);
            for outcome in floor::run(&setting)?.into_iter().filter(wanted) {
                note(round, outcome, &mut report);
            }
        }
        for run in works::runs(&setting) {
            for (kind, _) in &duts {
                // What could not be done once is not tried again.
                let mut steps = Steps::new(*kind, report.failures(*kind));
                if let Err(error) = run(&setting, &mut steps) {
                    steps.failed(error.as_ref());
                }
                for outcome in steps.outcomes() {
                    note(round, outcome, &mut report);
                }
                // A long benchmark may be cut short.
                save(options, &report)?;
            }
        }
    }
    if options.json.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        println!("{:#}", report.json());
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

/// Writes the files that were asked for.
fn save(options: &Options, report: &Report) -> Result<()> {
    if let Some(path) = options.json.as_ref().filter(|path| path.as_os_str() != "-") {
        fs::write(path, format!("{:#}\n", report.json()))?;
    }
    if let Some(path) = &options.html {
        fs::write(path, report.html())?;
    }
    Ok(())
}
