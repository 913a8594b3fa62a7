//! What the fuzzing targets check: an input may be refused, but what was accepted has to make sense.

pub mod bfd;
pub mod bgp;
pub mod config;
pub mod import;
pub mod ospf;
pub mod ospf_instance;
pub mod session;
pub mod vty;
pub mod wireguard;
