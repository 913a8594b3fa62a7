//! OSPFv2 and OSPFv3 on one sans-I/O engine.
//!
//! # Purpose
//! An [`Instance`] is one OSPF router in one VRF. The driver owns sockets and the clock: it hands packets, states of links and routes
//! of other protocols in, and carries out what [`Instance::poll_output`] asks for; routes leave by [`Instance::take_rib_updates`].
//!
//! ```text
//!  packets  -> interface -> neighbor -> flood -> lsdb -> routing -> RIB updates
//!                  |            |                  ^        |
//!                  +-- own router/network LSAs -- originate +-- summaries, externals
//! ```
//!
//! # Invariants
//! * Both versions are the same machine; what differs is in functions named after the version.
//! * Same inputs with the same times and seed give the same outputs.
//! * Any packet changes at most the state of its sender, and nothing unless it is authentic.
//!
//! RFC 2328, 5340, 3101, 3509, 3623, 5187, 4222, 5250, 5286, 5709, 7474, 7166, 6860, 6987, 8405.
#![forbid(unsafe_code)]

mod auth;
pub mod config;
mod flood;
mod instance;
mod interface;
mod io;
mod lsdb;
mod neighbor;
mod notice;
mod originate;
mod receive;
mod restart;
mod routing;
mod send;
mod show;
mod timer;
pub mod view;

pub use ferr_ospf_wire as wire;
pub use instance::{BfdPeer, Clear, Instance, Start};
pub use io::{
    Cause, Group, InterfaceState, NeighborChange, NeighborState, Notice, Output, Received, Refusal, Transmit,
};
pub use lsdb::{LsaKey, Lsdb, ScopeId, Store, Stored};
pub use routing::{ForeignRoute, Model};

#[cfg(test)]
mod tests;
