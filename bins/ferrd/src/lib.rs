//! Command line of the daemon, shared by `ferrd` itself and by `ferr`, which answers as `ferrd` too.
//!
//! Exit status: 0 after an orderly end, 1 when it cannot start or `--check` found an error, 2 for a bad command line.
#![forbid(unsafe_code)]

mod detach;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use clap::{ArgAction, Parser};
use ferr_engine::{DaemonOptions, LogLevel, Severity};

const MAIN_FILE: &str = "/etc/frr/frr.conf";
const OWN_FILE: &str = "/etc/frr/ferr.conf";

/// The FeRR routing daemon: reads frr.conf, speaks BGP, keeps the kernel's routes, answers vtysh.
#[derive(Debug, Clone, Parser)]
#[command(name = "ferrd", version, disable_version_flag = true)]
struct Options {
    /// Configuration file; several make one configuration, in order [default: /etc/frr/frr.conf, and
    /// /etc/frr/ferr.conf when it exists]
    #[arg(short = 'f', long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Folder of the vty sockets
    #[arg(long, value_name = "DIR", default_value = "/var/run/frr")]
    vty_dir: PathBuf,
    /// File for the process id [default: ferrd.pid in the folder of the vty sockets]
    #[arg(long, short = 'i', value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Only read the configuration and print every error with its place
    #[arg(long)]
    check: bool,
    /// Print messages of this severity and above to standard output
    #[arg(long, value_name = "LEVEL", value_parser = level_parser())]
    log_level: Option<LogLevel>,
    /// Leave our routes in the kernel at the end
    #[arg(long)]
    retain: bool,
    /// How long routes of an earlier run stay in the kernel at most while protocols have not said everything
    #[arg(short = 'K', long, alias = "graceful_restart", value_name = "SECONDS", default_value_t = 30)]
    graceful_restart: u16,
    /// Run in the background; returns when sockets and pid file exist
    #[arg(short = 'd', long)]
    daemon: bool,
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// This process is the background half of `--daemon`
    #[arg(long, hide = true)]
    detached: bool,
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("cannot go into the background: {0}")]
    Detach(io::Error),
    #[error(transparent)]
    Engine(#[from] ferr_engine::EngineError),
}

fn level_parser() -> impl TypedValueParser<Value = LogLevel> {
    PossibleValuesParser::new(LogLevel::ALL.map(LogLevel::name)).map(|name| {
        let found = LogLevel::ALL.into_iter().find(|level| level.name() == name);
        found.unwrap_or(LogLevel::Informational)
    })
}

/// Runs the daemon with a command line whose first word is the program's name. `prefix` are the words by which the
/// current executable becomes the daemon (none for `ferrd` itself).
pub fn main(args: impl IntoIterator<Item = OsString>, prefix: &[&str]) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    let options = match Options::try_parse_from(&args) {
        Ok(options) => options,
        Err(e) => {
            // Nothing can be done about a closed output.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    match act(options, &args, prefix) {
        Ok(status) => status,
        Err(e) => {
            eprintln!("ferrd: {e}");
            ExitCode::FAILURE
        }
    }
}

fn act(options: Options, args: &[OsString], prefix: &[&str]) -> Result<ExitCode, StartError> {
    let config = files(&options.config)?;
    if options.check {
        return Ok(check(&config));
    }
    if options.daemon && !options.detached {
        return detach::start(args.get(1..).unwrap_or_default(), prefix).map_err(StartError::Detach);
    }
    if options.detached {
        detach::leave_terminal().map_err(StartError::Detach)?;
    }
    let pid_file = options.pid_file.unwrap_or_else(|| options.vty_dir.join("ferrd.pid"));
    ferr_engine::run(DaemonOptions {
        config,
        vty_dir: options.vty_dir,
        pid_file: Some(pid_file),
        log_level: options.log_level,
        retain: options.retain,
        sweep_after: Duration::from_secs(u64::from(options.graceful_restart)),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The files to read. One that was named has to be readable; the default ones may be absent.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, StartError> {
    if named.is_empty() {
        let defaults = [MAIN_FILE, OWN_FILE].map(PathBuf::from);
        return Ok(defaults.into_iter().filter(|path| path.exists()).collect());
    }
    for path in named {
        readable(path).map_err(|source| StartError::Unreadable { path: path.clone(), source })?;
    }
    Ok(named.to_vec())
}

fn readable(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) }
}

/// Prints everything that is wrong with the files.
#[must_use]
pub fn check(files: &[PathBuf]) -> ExitCode {
    let mut errors = 0_usize;
    for path in files {
        if let Err(e) = readable(path) {
            println!("{}: {e}", path.display());
            errors += 1;
        }
    }
    for diagnostic in ferr_engine::check(files) {
        println!("{diagnostic}");
        errors += usize::from(diagnostic.severity() == Severity::Error);
    }
    ferr_engine::remarks(files).iter().for_each(|remark| println!("{remark}"));
    match errors {
        0 => ExitCode::SUCCESS,
        1 => {
            println!("1 error");
            ExitCode::FAILURE
        }
        n => {
            println!("{n} errors");
            ExitCode::FAILURE
        }
    }
}
