//! The frr.conf grammar: text to typed configuration, differences, and back to text.
//!
//! # Purpose
//! * [`parse_files`] reads whole files, [`execute_line`] single lines of a session ([`ModeStack`]).
//! * [`render`] prints the canonical text, per daemon socket ([`Part`]).
//! * [`complete`] and [`list`] say what may come next.
//! * [`effective_neighbor`] merges a BGP neighbor's own settings, its group's and the defaults.
//! * [`diff`] says what changed between two configurations, in the order in which to apply it.
//!
//! # Invariants
//! * One table entry per statement drives parsing, its `no` form, rendering and completion.
//! * No input panics; a line applies whole or not at all, and never costs other lines.
//! * `parse(render(c)) == c` up to [`Config::normalized`].
#![forbid(unsafe_code)]

mod diff;
mod effective;
mod error;
mod file;
mod grammar;
pub mod model;
mod owned;
mod render;
mod session;

pub use diff::{Delta, NeighborChange, diff};
pub use effective::{EffectiveAf, EffectiveNeighbor, effective_group, effective_neighbor};
pub use error::ConfigError;
pub use file::{Diagnostic, DiagnosticKind, OWN_FILE, ParseOutcome, Severity, parse, parse_files};
pub use grammar::blocks::BlockKind;
pub use grammar::mode::{Mode, ModeStack};
pub use model::Config;
pub use render::{FRR_VERSION, Part, render};
pub use session::{
    Completion, Expectation, LineError, LineErrorKind, LineOutcome, MAX_LINE, complete, execute_line, list,
    status,
};
