//! The control socket that `wg` speaks to.
//!
//! A request is lines of `key=value` and an empty line; the answer ends with `errno=`, 0 or a negative error number, and an empty line.
//!
//! # Invariants
//! * A request is understood whole before anything of it is done.
//! * A request has at most [`MAX_REQUEST`] octets, and a client a few seconds.

mod request;
mod server;
mod text;

pub use request::{PeerChange, Request, SetRequest, UapiError, parse};
pub(crate) use server::ControlSocket;
pub use text::render;

/// Octets of a request: some ten thousand peers.
pub const MAX_REQUEST: usize = 4 << 20;
