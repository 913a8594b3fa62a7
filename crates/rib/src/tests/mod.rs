//! Units of the RIB, on a model kernel that checks the order of operations.

mod behaviour;
mod failover;
mod lab;
mod properties;
mod underlay;
