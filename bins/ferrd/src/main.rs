//! The daemon's program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ferrd::main(std::env::args_os(), &[])
}
