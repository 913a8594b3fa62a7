//! `ferrd` beside the routers of others, in network namespaces.
#![allow(clippy::unwrap_used)]

mod bfd;
mod bfd_auth;
mod bfd_echo;
mod bfd_learnt;
mod bird;
mod exabgp;
mod failover;
mod features;
mod flood;
mod frr;
mod gobgp;
mod idle;
mod imported;
mod kernel;
mod links;
mod md5;
mod openbgpd;
mod policy;
mod readers;
mod reflection;
mod reflector;
mod restart;
mod robust;
mod stuck;
mod tunnels;
mod unprivileged;
