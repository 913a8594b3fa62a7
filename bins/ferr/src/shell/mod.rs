//! Shell.
use std::ffi::OsString;
use std::process::ExitCode;
/// x
#[derive(Debug, clap::Args)]
pub(crate) struct ShellOptions {}
pub(crate) fn main(_o: &ShellOptions) -> ExitCode {
    ExitCode::FAILURE
}
pub(crate) fn vtysh(_a: Vec<OsString>) -> ExitCode {
    ExitCode::FAILURE
}
