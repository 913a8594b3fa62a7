//! Routing policy: prefix-, access-, as-path and community lists, and route-maps.
//!
//! # Purpose
//! [`PolicyDef`] names things by string, as a configuration does. [`PolicySet::compile`] resolves the names once and
//! yields an immutable program that is shared by `Arc` and swapped whole, so a reader sees the old policy or the new one,
//! never half of each.
//!
//! # Invariants
//! * A list that is referred to but not defined matches nothing; as a neighbor's own filter it denies everything.
//! * Evaluation ends: `call` depth and the number of visited entries are bounded.
//! * Evaluation allocates only when a `set` changes a variable-length attribute.
#![forbid(unsafe_code)]

mod compile;
mod def;
mod lists;
mod regex;
mod route;
mod route_map;

pub use compile::{CompileError, PolicySet};
pub use def::{
    AccessEntry, AccessListDef, AccessMatch, Action, AsPathEntry, CommunityEntry, CommunityMatch,
    ExtCommunityEntry, Flow, LargeCommunityEntry, ListKind, Match, MetricChange, NexthopChange, PolicyDef,
    PrefixEntry, PrefixListDef, RouteMapDef, RouteMapEntryDef, RpkiState, Set,
};
pub use lists::{AccessList, AsPathList, CommunityList, ExtCommunityList, LargeCommunityList, PrefixList};
pub use regex::{AsPathRegex, RegexError};
pub use route::{Edits, NexthopOverride, PolicyRoute};
pub use route_map::RouteMap;

#[cfg(test)]
mod tests;
