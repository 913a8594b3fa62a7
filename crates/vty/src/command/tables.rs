//! The commands, per part.

mod absent;
mod bgp;
mod common;
mod lists;
mod zebra;

use super::{Command, Level};

/// All commands; of two that read a line the same way the first wins.
pub(super) const ALL: &[&[Command]] = &[common::TABLE, bgp::TABLE, zebra::TABLE, lists::TABLE, absent::TABLE];
