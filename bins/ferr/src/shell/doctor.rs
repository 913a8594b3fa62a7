//! `ferr doctor`: why something is as it is, as the daemon judges it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::connection::{Connection, ShellError};

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(subcommand)]
    subject: Subject,
    /// Folder of the vty sockets
    #[arg(long, global = true, value_name = "DIR", default_value = "/var/run/frr")]
    vty_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// The BFD sessions with a peer
    Bfd {
        /// The peer's address
        peer: IpAddr,
        /// `vrf NAME` for those of one VRF, `json` for programs
        words: Vec<String>,
    },
}

/// Prints the findings. The status is 1 when something is wrong.
pub(crate) fn doctor(options: &DoctorOptions) -> ExitCode {
    ask(options).unwrap_or_else(|e| {
        eprintln!("{e}");
        ExitCode::FAILURE
    })
}

fn ask(options: &DoctorOptions) -> Result<ExitCode, ShellError> {
    let Subject::Bfd { peer, words } = &options.subject;
    let line = format!("doctor bfd {peer} {}", words.join(" "));
    let reply = Connection::open(&options.vty_dir, "ferr")?.command(line.trim())?;
    super::print(&reply.text)?;
    Ok(if reply.status == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
