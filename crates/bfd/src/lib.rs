//! BFD sessions as a sans-I/O core.
//!
//! # Purpose
//! A [`Speaker`] holds thousands of sessions and is driven by one thread, which owns the sockets and the clock. It is told what
//! arrived and what time it is; it says what to send, what happened, and when it wants to be called again.
//!
//! # Who may call
//! One turn of the driver, in this order:
//!
//! 1. Take the time `start`, then read *all* sockets until they are empty, giving each datagram to [`Speaker::receive`] or
//!    [`Speaker::receive_echo`] with its arrival time stamp.
//! 2. [`Speaker::handle_timeout`] with the time, and `start`: everything that arrived until then was given. A driver that stopped
//!    reading early (a flood) passes the arrival time of the oldest packet that it may have left behind, or leaves this out.
//! 3. [`Speaker::poll_transmit`] until it returns 0; [`Speaker::poll_event`] until `None`.
//! 4. Sleep until [`Speaker::poll_timeout`] or until something arrives.
//!
//! Calls that were not needed do no harm. Since deadlines run from arrival stamps and failures are declared only up to `start`, a
//! thread that wakes late declares exactly what a punctual one would have, only later.
//!
//! # Invariants
//! * Same inputs with the same times give the same outputs.
//! * After [`Speaker::new`] nothing is allocated by receiving, sending and timers; every queue has a place per session.
//! * A packet that breaks a rule changes nothing but a counter of its cause.
//!
//! RFC 5880, 5881, 5882 section 4.3 (AdminDown), 5883, 9747.
#![forbid(unsafe_code)]

mod config;
mod counters;
mod echo;
mod event;
mod heap;
mod histogram;
mod random;
mod receive;
mod session;
mod speaker;
mod time;
mod transmit;
mod view;

use std::time::Duration;

pub use config::{AuthConfig, ConfigError, EchoMode, HopMode, SessionConfig, SessionKey};
pub use counters::{Cause, Counters, Drops, Rtt};
pub use event::{DownReason, Event};
pub use ferr_bfd_wire::{AuthError, AuthKey, AuthType, Diag, KeyError, State};
pub use histogram::Histogram;
pub use speaker::{AddError, EchoVerdict, Received, SessionId, Speaker};
pub use time::Time;
pub use transmit::{PacketKind, Transmit};
pub use view::{PeerTimers, SessionView, SpeakerView};

/// A timer served later than this counts as late: a tenth of what 50 ms x 3 leaves after two lost packets.
pub const LATE_AFTER: Duration = Duration::from_millis(5);
/// Time between two events about packets with the wrong port or key, per session.
pub const NOTICE_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
