//! Tests that bring their own kernel: user-mode Linux, a kernel as an ordinary program.
//!
//! # Purpose
//! Build machines and containers often lack VRF devices. [`in_kernel`] boots a kernel that has them, whose init starts the same test
//! program again, for one test only; so a scenario is written like any other test.
//!
//! # Invariants
//! * The machine's files are seen read-only; the result goes through one folder, which is removed afterwards.
//! * A kernel that does not end by itself is killed, also when the test program dies first.
#![forbid(unsafe_code)]

mod boot;
mod emulated;
mod table;

use std::env;

use ferr_testnet::{Error, FerrdProgram, skipped};

pub use table::{Entry, LINK_LOCAL, table, wait_table};

/// Set for the program inside of the kernel.
pub(crate) const INSIDE: &str = "FERR_VM_INSIDE";

/// Runs `scenario` inside of a fresh kernel; `test` is the full name of the calling test.
///
/// # Panics
/// When the test fails there; its output is in the message.
pub fn in_kernel(test: &str, scenario: impl FnOnce(&FerrdProgram) -> Result<(), Error>) -> Result<(), Error> {
    if env::var_os(INSIDE).is_some() {
        return scenario(&FerrdProgram::locate()?);
    }
    let machine = match boot::Machine::find() {
        Ok(machine) => machine,
        Err(reason) => {
            skipped(&reason);
            return Ok(());
        }
    };
    let end = machine.run(test)?;
    assert!(end.passed(), "{test} inside of the kernel:\n{}\n{}", end.console, end.output);
    println!("{}", end.output);
    Ok(())
}

/// As [`in_kernel`], in an emulated machine, which takes minutes: in full runs only.
///
/// # Panics
/// When the test fails there; its output is in the message.
pub fn in_emulated_machine(
    test: &str,
    scenario: impl FnOnce(&FerrdProgram) -> Result<(), Error>,
) -> Result<(), Error> {
    if env::var_os(INSIDE).is_some() {
        return scenario(&FerrdProgram::locate()?);
    }
    if env::var_os("FERR_TEST_FULL").is_none() {
        println!("left to the full run");
        return Ok(());
    }
    let machine = match emulated::Emulated::find() {
        Ok(machine) => machine,
        Err(reason) => {
            skipped(&reason);
            return Ok(());
        }
    };
    let end = machine.run(test)?;
    assert!(end.passed(), "{test} inside of the machine:\n{}\n{}", end.console, end.output);
    println!("{}", end.output);
    Ok(())
}
