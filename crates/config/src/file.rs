//! Whole files: every error with its place, and the rest goes on.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::grammar::mode::ModeStack;
use crate::model::Config;
use crate::model::origin::Origin;
use crate::session::{LineErrorKind, LineOutcome, execute_line};

/// Name of the file for statements that FRR does not know.
pub const OWN_FILE: &str = "ferr.conf";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The statement is kept and has no effect.
    Warning,
    /// The line was skipped.
    Error,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiagnosticKind {
    /// It was not applied.
    Line(LineErrorKind),
    /// It is accepted and has no effect; said once per statement.
    NoEffect,
}

/// A remark about one line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Name of the file, as given.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in bytes.
    pub column: usize,
    /// The line, without blanks around it.
    pub text: String,
    /// What it is.
    pub kind: DiagnosticKind,
}

impl Diagnostic {
    /// Warning or error.
    pub const fn severity(&self) -> Severity {
        match self.kind {
            DiagnosticKind::Line(_) => Severity::Error,
            DiagnosticKind::NoEffect => Severity::Warning,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        match &self.kind {
            DiagnosticKind::Line(e) => write!(f, "{e}"),
            DiagnosticKind::NoEffect => write!(f, "warning: accepted, has no effect: {}", self.text),
        }
    }
}

/// Result of reading files.
#[derive(Debug, Clone, Default)]
pub struct ParseOutcome {
    /// Everything that was understood.
    pub config: Config,
    /// In order of the lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl ParseOutcome {
    /// Diagnostics that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.severity() == Severity::Error)
    }
}

/// Reads files, in order, into one configuration; each starts at top level. Never fails: bad lines are skipped and
/// reported.
pub fn parse_files<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> ParseOutcome {
    let mut outcome = ParseOutcome::default();
    let mut warned = HashSet::new();
    for (name, text) in files {
        let file: Arc<str> = Arc::from(name.as_ref());
        let mut stack = ModeStack::default();
        for (index, line) in text.as_ref().lines().enumerate() {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            stack.origin = Origin::File { file: file.clone(), line: number };
            let remark = |column, kind| Diagnostic {
                file: file.clone(),
                line: number,
                column,
                text: line.trim().chars().take(200).collect(),
                kind,
            };
            match execute_line(&mut outcome.config, &mut stack, line) {
                Ok(LineOutcome::NoEffect(syntax)) if warned.insert(syntax) => {
                    let column = line.len() - line.trim_start().len() + 1;
                    outcome.diagnostics.push(remark(column, DiagnosticKind::NoEffect));
                }
                Ok(_) => {}
                Err(e) => outcome.diagnostics.push(remark(e.column, DiagnosticKind::Line(e.kind))),
            }
        }
    }
    outcome
}

/// Reads one text.
pub fn parse(name: &str, text: &str) -> ParseOutcome {
    parse_files(&[(name, text)])
}
