//! Linux as the FIB: netlink writer, monitor and reconciliation.
#![forbid(unsafe_code)]

mod event;

pub use event::{KernelEvent, OwnLost};
