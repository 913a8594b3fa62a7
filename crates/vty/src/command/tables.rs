//! The commands, per part.

mod bgp;
mod common;
mod zebra;

use super::{Command, Level};

/// All commands; of two that read a line the same way the first wins.
pub(super) const ALL: &[&[Command]] = &[common::TABLE, bgp::TABLE, zebra::TABLE];
