//! The commands, per part.

mod absent;
mod bfd;
mod bgp;
mod common;
mod lists;
mod ospf;
mod ospf6;
mod zebra;

use super::{Command, Level};

/// All commands; of two that read a line the same way the first wins.
pub(super) const ALL: &[&[Command]] = &[
    common::TABLE,
    bgp::TABLE,
    bfd::TABLE,
    ospf::TABLE,
    ospf6::TABLE,
    zebra::TABLE,
    lists::TABLE,
    absent::TABLE,
];
