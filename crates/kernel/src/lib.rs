//! Linux as the FIB: writer, monitor, dumps and reconciliation over routing netlink.
//!
//! # Purpose
//! [`FibWriter`] carries out the operations of the RIB, as far as the [`DeadList`] lets it, [`Monitor`] tells what happens to links, addresses and routes, [`Dumper`]
//! finds what an earlier run left, [`Requester`] makes rare requests, [`links`] owns links. All block; the threads belong to the caller.
//!
//! # Invariants
//! * Only what carries our mark is touched: routes with one of our protocol numbers *and* our metric, next-hop objects
//!   with our protocol number. Objects are created under ids that were free.
//! * All sockets belong to the network namespace of the thread that opened them.
//!
//! # References
//! RFC 3549; the kernel's `rtnetlink`, `nexthop` interfaces.

mod dead;
mod decode;
mod dump;
mod encode;
mod event;
pub mod links;
mod monitor;
mod msg;
mod request;
mod sock;
mod speed;
mod wireguard;
mod writer;

pub use dead::DeadList;
pub use dump::{Dumper, Leftovers, OwnPart, OwnRoute, is_own_route};
pub use event::{KernelEvent, OwnLost};
pub use monitor::{Monitor, MonitorOptions};
pub use request::{Requester, set_sysctl, sysctl};
pub use wireguard::{WgKernel, WgKeyBytes, WgPeerState, WgPeerWish, WgState, WgWish};
pub use writer::FibWriter;

#[cfg(test)]
mod tests;
