//! Threads, mailboxes, clock, drivers and configuration transactions: the daemon without its command line.
//!
//! # Threads
//! | thread | owns | waits for |
//! |---|---|---|
//! | `ferr-rib` | the RIB | offers, kernel events, answers of the FIB, jobs |
//! | `ferr-fib` | the netlink writer | operations |
//! | `ferr-monitor` | the netlink monitor | the kernel |
//! | `ferr-sweep` | a dump of routes of an earlier run, while it lasts | the kernel, the RIB |
//! | `ferr-bfd` | BFD sessions and their sockets, in real time | packets, its timer, commands |
//! | `ferr-failover` | a netlink socket of its own, in real time | the states of BFD sessions |
//! | `ferr-bgp` | the speakers and their sockets | sockets, the RIB, timers, jobs |
//! | `ferr-ospf` | OSPF instances and their sockets | packets, the RIB, timers, jobs |
//! | `ferr-links` | declared links, addresses, system settings, the MSS clamp | the kernel, plans |
//! | `ferr-vty` | the vty sockets, behind the others in priority | clients, answers of jobs |
//! | main | configuration, signals | requests |
//!
//! # Invariants
//! * Cores are owned by one thread each and never locked; others send jobs.
//! * Every queue between threads is bounded, and the graph of blocking sends has no circle: the RIB never blocks.

#![forbid(unsafe_code)]

mod advert;
mod bfd;
mod bgp_log;
mod bgp_thread;
mod conn;
mod daemon;
mod failures;
mod files;
mod leftovers;
mod links;
mod listen;
mod logging;
mod ospf_thread;
mod owner;
mod rib_thread;
mod route_filter;
mod service;
mod surroundings;
mod translate;
mod tunnels;
mod vty_thread;

pub use daemon::{DaemonOptions, EngineError, check, remarks, run};
pub use ferr_config::model::global::LogLevel;
pub use ferr_config::{Diagnostic, Severity};

pub(crate) use ferr_rib::OwnerId;
