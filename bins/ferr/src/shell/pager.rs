//! `terminal paginate`: answers through a pager.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use super::connection::ShellError;

/// Names a pager, and has it used from the beginning; the same as vtysh's.
const VARIABLE: &str = "VTYSH_PAGER";
const USUAL: &str = "more";

/// Where answers go.
#[derive(Debug)]
pub(super) struct Pager {
    program: OsString,
    on: bool,
}

impl Pager {
    /// As the environment says.
    pub(super) fn from_environment() -> Self {
        let named = std::env::var_os(VARIABLE).filter(|name| !name.is_empty());
        Self { on: named.is_some(), program: named.unwrap_or_else(|| USUAL.into()) }
    }

    /// Takes a command for itself, if it is one.
    pub(super) fn obey(&mut self, words: &[&str]) -> bool {
        let is_ours = |words: &[&str]| matches!(words, [first, second] if super::is_short("terminal", first, 2) && super::is_short("paginate", second, 1));
        match words {
            ["no", rest @ ..] if is_ours(rest) => self.on = false,
            all if is_ours(all) => self.on = true,
            _ => return false,
        }
        true
    }

    /// Prints a text. A pager that ends early has shown what was wanted.
    pub(super) fn print(&self, text: &str) -> Result<(), ShellError> {
        if !self.on || text.is_empty() || !io::stdout().is_terminal() {
            return super::print(text);
        }
        let mut shell = Command::new("sh");
        let pager = shell.arg("-c").arg(&self.program).stdin(Stdio::piped()).spawn();
        let Ok(mut pager) = pager else { return super::print(text) };
        if let Some(mut into) = pager.stdin.take() {
            let _ = into.write_all(text.as_bytes());
        }
        pager.wait().map(drop).map_err(ShellError::Output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_pager() {
        let mut pager = Pager { program: USUAL.into(), on: false };
        let mut obey = |line: &str| (pager.obey(&line.split(' ').collect::<Vec<_>>()), pager.on);
        assert_eq!(obey("terminal paginate"), (true, true));
        assert_eq!(obey("terminal length 0"), (false, true));
        assert_eq!(obey("no terminal paginate"), (true, false));
        assert_eq!(obey("te p"), (true, true));
    }
}
