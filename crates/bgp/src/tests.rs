//! Behaviour of an instance towards scripted peers, and of its parts alone.
#![allow(clippy::disallowed_methods)]

mod aggregates;
mod aigp;
mod backup;
mod bfd;
mod conditional;
mod damping;
mod decision;
mod groups;
mod inbound;
mod ipv6;
mod lab;
mod leak;
mod local;
mod long_lived;
mod outbound;
mod own_addresses;
mod replay;
mod restart;
mod session;
mod startup;
mod stores;
