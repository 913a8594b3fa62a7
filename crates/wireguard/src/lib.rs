//! WireGuard in user space: sessions, timers, offloads, control socket.
//!
//! # Purpose
//! A [`Tunnel`] is a TUN device and its UDP sockets, threads that carry packets between the two, and one that keeps timers and resolves
//! names. `boringtun`'s `noise::Tunn` is the protocol of one peer; what it leaves to others is in [`device`]: padding, roaming, which
//! peer owns which prefix, cookies for all peers together, keepalives that come back after silence. `wg` steers a tunnel by [`uapi`],
//! and [`wg_quick`] reads the files of `wg` and `wg-quick`.
//!
//! # How it is fast
//! Whatever can be done for many packets at once is: the device gives bursts of up to 64 KiB, which are cut in place (`segment`),
//! encrypted back to back and sent with one call; the socket gives as much at once, which is decrypted side by side and put together to
//! bursts again (`coalesce`). Then nothing is left but the cipher.
//!
//! # Invariants
//! * What is not authentic changes nothing but a counter.
//! * The same configuration again changes nothing; unchanged peers keep their sessions.
//! * Secrets are wiped when dropped and never shown.
//!
//! The protocol is that of the WireGuard paper; there is no RFC.
#![forbid(unsafe_code)]

mod checksum;
mod coalesce;
mod config;
mod control;
mod counters;
pub mod device;
mod key;
mod keyfile;
mod packet;
mod resolver;
mod segment;
mod status;
mod tunnel;
pub mod uapi;
pub mod wg_quick;
mod worker;

pub use config::{Endpoint, ParseEndpointError, PeerConfig, TunnelConfig};
pub use control::Listener;
pub use counters::Cause;
pub use key::{KEY_LEN, ParseKeyError, PresharedKey, PrivateKey, PublicKey};
pub use keyfile::{KeyFileError, read_preshared_key, read_private_key, read_secret_file};
pub use segment::VnetHeader;
pub use status::{Health, PeerStatus, SocketState, TunnelEvent, TunnelStatus};
pub use tunnel::{Tunnel, TunnelError, TunnelSpec};

#[cfg(test)]
mod tests;
