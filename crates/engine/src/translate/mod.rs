//! From the typed configuration to what the cores take. Pure functions of the configuration and the surroundings, so a
//! running state never depends on the order of edits.

pub(crate) mod bfd;
mod bfd_auth;
pub(crate) mod bfd_timing;
pub(crate) mod bgp;
pub(crate) mod links;
pub(crate) mod ospf;
pub(crate) mod policy;
pub(crate) mod statics;

#[cfg(test)]
mod tests;
