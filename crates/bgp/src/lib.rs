//! BGP speaker as a sans-I/O core.
//!
//! # Purpose
//! An [`Instance`] is one `router bgp`: its neighbors, tables, decision, update groups and own routes. It owns no socket,
//! thread, clock or random source. The driver feeds connections, bytes, answers of the RIB and the time in, and polls
//! [`Output`]s, octets per connection, and route updates for the RIB.
//!
//! # Data
//! ```text
//!   bytes -> fsm (session.rs) -> inbound policy -> table -> decision (family.rs) -> RouteUpdate
//!                                                               |
//!                                   octets <- ring <- export policy, packing (group/, export.rs)
//! ```
//!
//! # Invariants
//! * Same inputs with the same times give the same outputs.
//! * Work per call is bounded: what takes longer is done in slices by [`Instance::work`].
//!
//! RFC 4271, 1997, 2545, 2918, 4360, 4456, 4486, 4724, 4760, 5065, 5492, 6286, 6608, 6793, 7313, 7606, 7607, 7911, 8092, 8212,
//! 8326, 8538, 8654, 8950, 9003, 9234, 9494, 9687; 2439 where configured.
#![forbid(unsafe_code)]

/// Runs an expression over the state of one family, whatever its prefix type.
macro_rules! with_family {
    ($instance:ident, $family:expr, |$f:ident| $body:expr) => {
        match $family {
            ferr_types::Family::Ipv4Unicast => {
                let $f = &mut $instance.v4;
                $body
            }
            ferr_types::Family::Ipv6Unicast => {
                let $f = &mut $instance.v6;
                $body
            }
            ferr_types::Family::Ipv4Multicast => {
                let $f = &mut $instance.v4m;
                $body
            }
            ferr_types::Family::Ipv6Multicast => {
                let $f = &mut $instance.v6m;
                $body
            }
        }
    };
}

mod aggregate;
mod attrs;
mod bfd;
mod capability;
mod conditional;
pub mod config;
mod configure;
mod core;
mod damping;
pub mod decision;
mod down;
mod established;
mod export;
mod family;
mod fsm;
mod group;
mod inbound;
mod instance;
mod leak;
mod local;
mod long_lived;
mod malformed;
mod nexthop;
mod peer;
mod peers;
mod restart;
mod session;
mod startup;
mod table;
mod transmit;
mod view;

pub use crate::core::{LOCAL_PEER, LogRecord, Output};
pub use attrs::{AttrId, AttrStore, DecisionKey};
pub use bfd::{BfdHold, BfdNeighbor, BfdPeer, BfdState};
pub use damping::DampingView;
pub use decision::Reason;
pub use down::DownReason;
pub use ferr_bgp_wire::{AddPathFamily, Capability, NotificationError, Open, code, subcode};
pub use fsm::{ConnId, State};
pub use group::GroupId;
pub use instance::{Instance, ResetKind, Seeds};
pub use leak::{ImportSource, Leaks, Speakers};
pub use local::ForeignRoute;
pub use nexthop::NexthopView;
pub use peer::{Counters, FamilyCounters, LocalAddresses};
pub use session::Accept;
pub use view::{
    AdvertisedView, DestView, FamilyView, GroupView, PathSource, PathView, PeerFamilyView, PeerView,
    RouteFilter, SummaryView,
};

#[cfg(test)]
mod tests;
