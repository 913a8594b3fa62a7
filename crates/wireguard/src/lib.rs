//! WireGuard in user space: sessions, timers, offloads, control socket.
#![forbid(unsafe_code)]

mod checksum;
mod coalesce;
mod config;
mod control;
mod counters;
mod device;
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
pub use status::{Health, PeerStatus, SocketState, TunnelEvent, TunnelStatus};
pub use tunnel::{Tunnel, TunnelError, TunnelSpec};

#[cfg(test)]
mod tests;
