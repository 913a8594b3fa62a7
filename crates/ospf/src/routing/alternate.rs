//! Loop-free alternates: ways that stay good when the first link or neighbor is lost (RFC 5286).

use std::sync::Arc;

use super::ways::Ways;

/// A vertex that has the destination, and what it costs from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) vertex: u32,
    pub(crate) metric: u32,
}

/// Neighbors of an area, and how far everything is from each.
#[derive(Debug, Default)]
pub(crate) struct Alternates {}

impl Alternates {
    /// Forgets a vertex whose number is given to another.
    pub(crate) fn forget(&mut self, _vertex: u32) {}

    /// Ways to fall back on.
    pub(crate) fn backup(&self, _ways: &Ways, _targets: &[Target], _node: bool) -> Ways {
        Arc::from([])
    }
}
