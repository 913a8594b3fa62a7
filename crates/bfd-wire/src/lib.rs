//! Packets of Bidirectional Forwarding Detection.
//!
//! # Purpose
//! [`Packet::decode`] turns the payload of a UDP datagram into a typed header and a view of its authentication section;
//! [`Control::encode`] writes one into a buffer of the caller. Keys sign and verify, and [`Echo`] is the payload that we loop
//! through a neighbor. Nothing here allocates but the making of a [`Key`].
//!
//! # Invariants
//! * Total: any input gives a packet or an [`Error`], in the order of the checks of RFC 5880 section 6.8.6.
//! * Secrets are compared in constant time, wiped when dropped, and never printed.
//!
//! RFC 5880 sections 4, 5, 6.7 and 6.8.6 (format), RFC 5881 section 4 (ports).
#![forbid(unsafe_code)]

mod auth;
mod control;
mod echo;
mod error;
mod key;

pub use auth::{Auth, AuthError, AuthType, MAX_AUTH_LEN, Sequence};
pub use control::{Control, Diag, HEADER_LEN, MAX_LEN, Packet, State, VERSION, set_poll_final};
pub use echo::{ECHO_LEN, Echo, EchoError, EchoKey};
pub use error::Error;
pub use key::{AuthKey, Key, KeyError};

/// UDP port of single-hop control packets (RFC 5881 section 4).
pub const PORT_SINGLE_HOP: u16 = 3784;
/// UDP port of echo packets (RFC 5881 section 4).
pub const PORT_ECHO: u16 = 3785;
/// UDP port of multihop control packets (RFC 5883 section 5).
pub const PORT_MULTIHOP: u16 = 4784;

#[cfg(test)]
mod tests;
