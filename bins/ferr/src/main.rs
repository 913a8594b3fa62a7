//! `ferr`: a shell for the running daemon, a lab to see it work, a check of configuration files. By the names `ferrd` and
//! `vtysh` the same program answers as the daemon and as that shell.
#![forbid(unsafe_code)]

mod import;
mod lab;
mod shell;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// FeRR's command line. Without a command it is a shell for the running daemon.
#[derive(Debug, Parser)]
#[command(name = "ferr", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    shell: shell::ShellOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build a network of real daemons in namespaces, watch it converge, cut a link, and measure
    Lab(lab::LabOptions),
    /// Print every error of configuration files, with its place
    Check(CheckOptions),
    /// Translate another router's configuration into frr.conf and ferr.conf, and list what could not be carried over
    #[command(subcommand)]
    Import(import::Import),
    /// Say why something is as it is, and what to do about it
    Doctor(shell::DoctorOptions),
    /// Run the daemon
    #[command(hide = true, disable_help_flag = true)]
    Ferrd {
        /// The daemon's own arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct CheckOptions {
    /// Configuration files; together they make one configuration
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The word before the daemon's own arguments, in a re-execution of this program.
const AS_DAEMON: &str = "ferrd";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let name = args.first().map(Path::new).and_then(Path::file_name).and_then(OsStr::to_str);
    match name {
        Some("ferrd") => return ferrd::main(args, &[]),
        Some("vtysh") => return shell::vtysh(args),
        _ => {}
    }
    if args.get(1).is_some_and(|word| word == AS_DAEMON) {
        return ferrd::main(args.into_iter().skip(1), &[AS_DAEMON]);
    }
    let cli = Cli::parse_from(args);
    match cli.command {
        Some(Command::Lab(options)) => lab::main(&options),
        Some(Command::Check(options)) => ferrd::check(&options.files),
        Some(Command::Import(import)) => import::main(&import),
        Some(Command::Doctor(options)) => shell::doctor(&options),
        Some(Command::Ferrd { args }) => {
            ferrd::main(std::iter::once(OsString::from(AS_DAEMON)).chain(args), &[AS_DAEMON])
        }
        None => shell::main(&cli.shell),
    }
}
