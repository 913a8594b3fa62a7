//! The shell for a running daemon: commands from arguments, from a file, or typed. It also takes the place of `vtysh`, whose
//! options it has.
//!
//! Everything goes over one socket, `ferr.vty`, behind which the daemon shows and changes its whole configuration.

mod connection;
mod doctor;
mod interactive;
mod monitor;
mod pager;
mod script;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser};

use self::connection::{Connection, ShellError};
pub(crate) use self::doctor::{DoctorOptions, doctor};

/// Options, those of `vtysh` among them.
#[derive(Debug, Args)]
pub(crate) struct ShellOptions {
    /// Execute a command and end; may be repeated
    #[arg(short = 'c', long = "command", value_name = "CMD", action = ArgAction::Append)]
    commands: Vec<String>,
    /// Apply the start-up configuration and end
    #[arg(short = 'b', long = "boot", conflicts_with = "commands")]
    boot: bool,
    /// Apply a file of configuration lines and end
    #[arg(short = 'f', long = "inputfile", value_name = "FILE", conflicts_with = "commands")]
    file: Option<PathBuf>,
    /// Only check the file's lines
    #[arg(short = 'C', long = "dryrun")]
    dry_run: bool,
    /// Save the running configuration and end
    #[arg(short = 'w', long = "writeconfig")]
    write: bool,
    /// Print each command before its answer
    #[arg(short = 'E', long)]
    echo: bool,
    /// Go on after a command that failed
    #[arg(short = 'n', long = "noerror")]
    no_error: bool,
    /// Look only: stay in the view mode
    #[arg(short = 'u', long)]
    user: bool,
    /// Folder of the vty sockets
    #[arg(long, alias = "vty_socket", value_name = "DIR", default_value = "/var/run/frr")]
    vty_dir: PathBuf,
    /// Folder of the start-up configuration
    #[arg(long, alias = "config_dir", value_name = "DIR", default_value = "/etc/frr")]
    config_dir: PathBuf,
    /// Name of another set of daemons: its folders are below the usual ones
    #[arg(short = 'N', long = "pathspace", value_name = "NAME")]
    pathspace: Option<String>,
    /// Socket to talk to, in place of the one for everything
    #[arg(short = 'd', long = "daemon", value_name = "DAEMON", default_value = "ferr")]
    daemon: String,
}

/// The same options by the name `vtysh`.
#[derive(Debug, Parser)]
#[command(name = "vtysh", version, disable_version_flag = true)]
struct Vtysh {
    #[command(flatten)]
    shell: ShellOptions,
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Runs as `vtysh`.
pub(crate) fn vtysh(args: Vec<OsString>) -> ExitCode {
    main(&Vtysh::parse_from(args).shell)
}

/// Runs with options. Status 0, the daemon's last bad status for a file, or 1.
pub(crate) fn main(options: &ShellOptions) -> ExitCode {
    run(options).unwrap_or_else(|e| {
        eprintln!("{e}");
        ExitCode::FAILURE
    })
}

fn run(options: &ShellOptions) -> Result<ExitCode, ShellError> {
    let below = |dir: &Path| options.pathspace.as_ref().map_or_else(|| dir.to_owned(), |name| dir.join(name));
    let file = match (&options.file, options.boot) {
        (Some(file), _) => Some(file.clone()),
        (None, true) => Some(below(&options.config_dir).join("frr.conf")),
        (None, false) => None,
    };
    if options.dry_run {
        let file = file.unwrap_or_else(|| below(&options.config_dir).join("frr.conf"));
        return Ok(ferrd::check(&[file]));
    }
    let mut connection = Connection::open(&below(&options.vty_dir), &options.daemon)?;
    if let Some(file) = file {
        return script::apply(&mut connection, &file);
    }
    if !options.user {
        connection.command("enable")?;
    }
    if options.write {
        return commands(&mut connection, &["write".to_owned()], options);
    }
    if options.commands.is_empty() {
        return interactive::run(connection);
    }
    commands(&mut connection, &options.commands, options)
}

/// Executes commands in order; one argument may hold several lines.
fn commands(
    connection: &mut Connection,
    commands: &[String],
    options: &ShellOptions,
) -> Result<ExitCode, ShellError> {
    for line in commands.iter().flat_map(|command| command.lines()) {
        if options.echo {
            print(&format!("{}{line}\n", connection.prompt()?))?;
        }
        let answer = connection.show(line)?;
        print(&answer.text)?;
        // A warning is not a failure.
        if answer.status > 1 && !options.no_error {
            return Ok(ExitCode::FAILURE);
        }
        if answer.ended {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether `typed` stands for `word`, with this many letters at least.
fn is_short(word: &str, typed: &str, least: usize) -> bool {
    typed.len() >= least && word.starts_with(typed)
}

fn print(text: &str) -> Result<(), ShellError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(ShellError::Output)
}
