//! Sockets of routing protocols: VRF binding, TCP-MD5, GTSM, TTL, MSS.
//!
//! # Invariants
//! * Authentication fails closed: a socket on which a key cannot be set is not returned.
//! * A socket of a VRF is bound to its device before it is bound, listens or connects, so `tcp_l3mdev_accept` does not matter.
//! * `unsafe` is the call of `setsockopt` and `getsockopt` for options that no safe wrapper has; it lives in `sockopt`.
#![deny(unsafe_code)]

mod md5;
mod ndp;
mod sockopt;
mod tcp;

pub use md5::{MAX_KEY_LEN, Md5Key};
pub use ndp::{AdvertPrefix, NdpMessage, NdpSocket, RouterAdvert, UNNUMBERED_INTERVAL};
pub use tcp::{
    ConnectOptions, TcpError, TtlMode, bound_ifindex, connect_socket, listen, round_trip, set_md5, set_mss,
    set_ttl,
};

#[cfg(test)]
mod tests;
