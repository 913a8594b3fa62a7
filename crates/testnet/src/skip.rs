//! When a test cannot run: said aloud, and a failure where everything must run.

use std::env;
use std::path::Path;

use crate::{Error, Netns, command, netns};

/// Something that a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement<'a> {
    /// Network namespaces may be made.
    Namespaces,
    /// We are root of the machine, with all user ids.
    Root,
    /// A program is in `PATH` or at an absolute path.
    Program(&'a str),
}

/// Says whether all requirements are met; the error has the reason and the fix.
pub fn check(requirements: &[Requirement<'_>]) -> Result<(), Error> {
    for requirement in requirements {
        match requirement {
            Requirement::Namespaces => drop(Netns::create()?),
            Requirement::Root if netns::is_root() => {}
            Requirement::Root => {
                return Err(Error::Privilege {
                    reason: "not root with all user ids".to_owned(),
                    fix: "run it as root".to_owned(),
                });
            }
            Requirement::Program(program) if find(program) => {}
            Requirement::Program(program) => {
                return Err(Error::Missing {
                    program: (*program).to_owned(),
                    fix: command::install_hint(program),
                });
            }
        }
    }
    Ok(())
}

fn find(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    env::split_paths(&command::search_path()).any(|dir| dir.join(program).is_file())
}

/// Reports that a test does not run.
///
/// # Panics
/// When `FERR_TEST_STRICT=1`: there, not to run is a failure.
pub fn skipped(reason: &dyn std::fmt::Display) {
    println!("SKIPPED: {reason}");
    assert!(
        env::var_os("FERR_TEST_STRICT").is_none_or(|v| v != "1"),
        "FERR_TEST_STRICT=1 and SKIPPED: {reason}"
    );
}
