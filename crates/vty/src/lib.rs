//! The vty sockets, the command table, and text and JSON rendering.
//!
//! # Purpose
//! Unmodified clients of FRR (`vtysh`, `frr-reload.py`, exporters, `watchfrr`) find the sockets that they expect, and behind them
//! the commands, texts and JSON keys of FRR 8.4.4. [`bind`] makes the sockets, [`Sockets::run`] serves them.
//!
//! # Invariants
//! * Nothing that comes over a socket panics or grows memory without bound: lines, connections and replies are bounded.
//! * Tables are read in slices through [`ferr_state::Handle`] and written as they come.
#![forbid(unsafe_code)]

mod command;
mod door;
mod framing;
mod json;
mod output;
mod pattern;
mod server;
mod session;
mod show;
mod time;

pub use command::{Miss, Word, complete, interpret};
pub use door::Daemon;
pub use framing::{Framing, MAX_LINE, Received};
pub use server::{BindError, Sockets, VtyOptions, bind};
