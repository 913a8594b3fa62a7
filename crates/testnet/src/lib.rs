//! Networks of real routers on one machine: namespaces, links, daemons of several makers, probes.
//!
//! # Purpose
//! [`Net`] builds hosts (network namespaces) and links; [`Ferrd`] and the starters in [`rivals`] run routing daemons in
//! them, each with files of its own; [`wait_until`], [`vty`], [`probe`] and [`Capture`] observe.
//!
//! # Invariants
//! * Nothing outlives the [`Net`]: a namespace is held by a file descriptor, never by a name, and a [`Reaper`] process
//!   ends what runs and removes the files even when we are killed. [`Net::keep`] is the one exception.
//! * Every wait and every command has an end. A time-out says what was expected and what was seen last.
//! * No fixed ports or paths outside of a host's namespace and folder, so networks can exist side by side.
#![forbid(unsafe_code)]

mod capture;
mod command;
mod error;
mod ferrd;
mod inject;
mod net;
mod netns;
pub mod probe;
mod process;
mod reaper;
pub mod rivals;
mod routes;
mod skip;
pub mod vty;
mod wait;

pub use capture::{BfdPackets, Capture, Dissection};
pub use command::run;
pub use error::Error;
pub use ferrd::{Ferrd, FerrdProgram};
pub use inject::{InjectedRoute, Injector, InjectorPeer};
pub use net::{Host, Net};
pub use netns::{Netns, Privilege, acquire_privilege};
pub use process::Process;
pub use reaper::Reaper;
pub use routes::KernelRoute;
pub use skip::{Requirement, check, skipped};
pub use wait::{Interrupt, wait_until};
