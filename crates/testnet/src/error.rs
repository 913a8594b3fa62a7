//! What can go wrong in building or watching a network, each with what helps.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Failure of a test network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not installed.
    #[error("{program} is not installed: {fix}")]
    Missing {
        /// Name of the program.
        program: String,
        /// What to do about it.
        fix: String,
    },
    /// The kernel refuses namespaces.
    #[error("no permission to make network namespaces ({reason}): {fix}")]
    Privilege {
        /// What the kernel said.
        reason: String,
        /// What to do about it.
        fix: String,
    },
    /// A command ended with another status than 0.
    #[error("`{command}` failed in {place}: {message}")]
    Command {
        /// The command line.
        command: String,
        /// Host it ran in.
        place: String,
        /// Its error output.
        message: String,
    },
    /// A daemon ended by itself.
    #[error("{name} ended ({status}); its last lines:\n{log}")]
    Ended {
        /// Name of the process.
        name: String,
        /// Exit status.
        status: String,
        /// Last lines of its output.
        log: String,
    },
    /// What was waited for did not come.
    #[error("waited {after:?} for {what}; last seen: {last}")]
    Timeout {
        /// What was expected.
        what: String,
        /// The state at the last look.
        last: String,
        /// How long was waited.
        after: Duration,
    },
    /// The user asked to end.
    #[error("interrupted")]
    Interrupted,
    /// An answer that could not be read.
    #[error("{what} answered something unexpected: {text}")]
    Answer {
        /// Who answered.
        what: String,
        /// The answer, shortened.
        text: String,
    },
    /// Input or output failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Cause.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an I/O error with what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// For `map_err`: an I/O error with the path it concerns.
    pub fn path(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what: path.display().to_string(), source }
    }
}
