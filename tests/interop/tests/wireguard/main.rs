//! Our WireGuard beside wireguard-go, steered by Debian's `wg`, in network namespaces.
#![allow(clippy::unwrap_used)]

mod bed;
mod control;
mod data;
mod moves;
mod time;
