//! WireGuard in user space: sessions, timers, offloads, control socket.
#![forbid(unsafe_code)]

mod config;
mod key;
mod keyfile;
pub mod wg_quick;

pub use config::{Endpoint, ParseEndpointError, PeerConfig, TunnelConfig};
pub use key::{KEY_LEN, ParseKeyError, PresharedKey, PrivateKey, PublicKey};
pub use keyfile::{KeyFileError, read_preshared_key, read_private_key, read_secret_file};

#[cfg(test)]
mod tests;
