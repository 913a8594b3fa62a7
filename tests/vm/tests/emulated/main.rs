//! In an emulated machine, whose kernel has WireGuard: our tunnels with the kernel's, and the kernel's driven by us.
#![allow(clippy::unwrap_used)]

mod wireguard;
