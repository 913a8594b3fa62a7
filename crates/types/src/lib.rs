//! Vocabulary of the routing stack.
//!
//! # Purpose
//! The words that the parts of FeRR exchange: prefixes, identifiers, address families, next hops, BGP path
//! attributes as views, and the route messages that travel between protocols and the RIB. The crate holds
//! data and its text forms, and no behaviour that needs a clock, a socket or a random source.
//!
//! # Invariants
//! * A [`Prefix`] never has host bits set; an [`IfAddr`] may.
//! * Views ([`aspath::AsPath`], [`community::Communities`], ...) exist only over validated bytes.
#![forbid(unsafe_code)]

pub mod aspath;
pub mod attr;
pub mod community;
mod family;
mod id;
mod mac;
mod nexthop;
mod prefix;
mod protocol;
mod route;

pub use family::{Afi, Family, FamilyMap, FamilySet, Safi};
pub use id::{AreaId, Asn, Distance, IfIndex, Metric, ParseAsnError, PeerId, RouterId, TableId, Tag, VrfId};
pub use mac::{MacAddr, ParseMacError};
pub use nexthop::{BlackholeKind, Gateway, Nexthop, NexthopSet};
pub use prefix::{IfAddr, Ipv4Prefix, Ipv6Prefix, ParsePrefixError, Prefix};
pub use protocol::Protocol;
pub use route::{NexthopInfo, NexthopReach, NexthopWatch, RouteKey, RouteSpec, RouteUpdate};

#[cfg(test)]
mod tests;
