//! Sockets of routing protocols: VRF binding, TCP-MD5, GTSM, TTL, MSS, raw IP protocol 89, datagrams in batches with their times of arrival,
//! TUN devices and the UDP sockets of tunnels.
//!
//! # Invariants
//! * Authentication fails closed: a socket on which a key cannot be set is not returned.
//! * A socket of a VRF is bound to its device before it is bound, listens or connects, so `tcp_l3mdev_accept` does not matter.
//! * `unsafe` are system calls that no safe wrapper has: socket options in `sockopt`, many datagrams at once in `batch`, packet
//!   sockets in `echo`, scheduling in `realtime`, requests to TUN devices in `tun`.
#![deny(unsafe_code)]

mod batch;
mod bfd;
mod echo;
mod echo_sender;
mod md5;
mod ndp;
mod ospf;
mod realtime;
mod sockopt;
mod tcp;
mod tun;
mod udp_tunnel;

pub use batch::{Datagram, ReceiveBatch};
pub use bfd::{BfdSource, bfd_receiver, bfd_sender};
pub use echo::{EchoSocket, LinkAddr};
pub use echo_sender::{EchoPacket, EchoSender};
pub use md5::{MAX_KEY_LEN, Md5Key};
pub use ndp::{AdvertPrefix, NdpMessage, NdpSocket, RouterAdvert, UNNUMBERED_INTERVAL};
pub use ospf::{OspfDatagram, OspfReader, OspfSocket, OspfTarget};
pub use realtime::{quiet_cpu, raise_file_limit, run_ahead, run_in_real_time, stay_off, stay_on};
pub use tcp::{
    ConnectOptions, TcpError, TtlMode, allow_fragments, bound_ifindex, connect_socket, is_stuck, listen,
    round_trip, set_md5, set_mss, set_ttl,
};
pub use tun::{InterfaceQuery, TunCarrier, TunOffloads, TunQueue, VNET_HEADER_LEN, open_tun};
pub use udp_tunnel::{MAX_RUN, MAX_SEGMENTS, TunnelSocket, TunnelSocketOptions};

#[cfg(test)]
mod tests;
