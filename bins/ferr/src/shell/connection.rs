//! The connection to the daemon.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ferr_testnet::vty::VtyClient;

/// A whole table takes its time.
const LIMIT: Duration = Duration::from_secs(600);

/// Why the shell cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShellError {
    #[error("no daemon answers on {path} ({source}): {fix}")]
    Connect { path: PathBuf, source: io::Error, fix: &'static str },
    #[error("the connection to the daemon is lost: {0}")]
    Lost(io::Error),
    #[error("cannot read {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("cannot print: {0}")]
    Output(io::Error),
    #[error("line editor: {0}")]
    Editor(#[from] rustyline::error::ReadlineError),
}

/// What is to be printed for a command.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) text: String,
    /// 0 is success, 1 a warning.
    pub(crate) status: u8,
    /// The session has ended.
    pub(crate) ended: bool,
    /// Where the daemon's log comes from now on.
    pub(crate) log: Option<OwnedFd>,
}

/// A word that may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) word: String,
    pub(crate) help: String,
}

/// A session with the daemon.
#[derive(Debug)]
pub(crate) struct Connection {
    client: VtyClient,
    hostname: String,
}

impl Connection {
    /// Connects to the socket of `daemon` in `dir`.
    pub(crate) fn open(dir: &Path, daemon: &str) -> Result<Self, ShellError> {
        let path = dir.join(format!("{daemon}.vty"));
        let client = VtyClient::connect(&path, LIMIT).map_err(|source| {
            let fix = match source.kind() {
                io::ErrorKind::PermissionDenied => "run it as root, or join the group of the socket (frrvty)",
                io::ErrorKind::NotFound if dir.join("zebra.vty").exists() => {
                    "another daemon runs there: use its own vtysh"
                }
                _ => "start ferrd, or name its folder with --vty-dir",
            };
            ShellError::Connect { path, source, fix }
        })?;
        let hostname = nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned());
        Ok(Self { client, hostname: hostname.unwrap_or_else(|_| "ferr".to_owned()) })
    }

    /// Sends a line as it is.
    pub(crate) fn command(&mut self, line: &str) -> Result<Reply, ShellError> {
        let answer = self.client.command(line).map_err(ShellError::Lost)?;
        Ok(Reply { text: answer.text, status: answer.status, ended: false, log: None })
    }

    /// Executes a line of a user.
    pub(crate) fn show(&mut self, line: &str) -> Result<Reply, ShellError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let leaves = matches!(words.as_slice(), ["exit" | "quit" | "ex" | "q"]) && !self.configuring()?;
        if is_monitor(&words) {
            return self.monitor(line.trim());
        }
        let mut reply = self.command(line.trim())?;
        reply.ended = leaves;
        Ok(reply)
    }

    fn monitor(&mut self, line: &str) -> Result<Reply, ShellError> {
        let (answer, log) = self.client.command_with_socket(line).map_err(ShellError::Lost)?;
        Ok(Reply { text: answer.text, status: answer.status, ended: false, log })
    }

    fn configuring(&mut self) -> Result<bool, ShellError> {
        Ok(self.command("XFERR_prompt")?.text.starts_with('('))
    }

    /// The prompt where the session stands.
    pub(crate) fn prompt(&mut self) -> Result<String, ShellError> {
        let place = self.command("XFERR_prompt")?.text;
        Ok(format!("{}{} ", self.hostname, place.trim()))
    }

    /// What may come next in `line`.
    pub(crate) fn complete(&mut self, line: &str) -> Result<Vec<Candidate>, ShellError> {
        let text = self.command(&format!("XFERR_complete {line}"))?.text;
        let candidates = text.lines().map(|line| {
            let (word, help) = line.split_once('\t').unwrap_or((line, ""));
            Candidate { word: word.to_owned(), help: help.to_owned() }
        });
        Ok(candidates.collect())
    }
}

/// `terminal monitor`, whose log comes over a socket of its own.
fn is_monitor(words: &[&str]) -> bool {
    matches!(words, [first, second] if super::is_short("terminal", first, 1) && super::is_short("monitor", second, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_of_the_log_copy() {
        let monitor = |line: &str| is_monitor(&line.split(' ').collect::<Vec<_>>());
        assert!(monitor("terminal monitor") && monitor("ter mon"));
        assert!(!monitor("terminal length 0") && !monitor("no terminal monitor"));
    }
}
