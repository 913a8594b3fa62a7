//! The finite state machine of a neighbor (RFC 4271 section 8), both half-open connections included.
//!
//! ```text
//!          start            connected           OPEN ok            KEEPALIVE
//!   Idle --------> Connect ----------> OpenSent -------> OpenConfirm --------> Established
//!    ^               | ^ refused           |                 |                     |
//!    |         retry v | retry             |                 |                     |
//!    |              Active                 |                 |                     |
//!    +---------------+----- error, stop, NOTIFICATION, hold timer -----------------+
//! ```
//!
//! One machine owns the connection that we opened and the one that the peer opened; collisions (section 6.8) are settled
//! when the second OPEN comes. It knows no socket and no clock: inputs carry `now`, outputs are [`Action`]s, timers are
//! rows of a table.
//!
//! RFC 4271, 4724 (section 5), 6286, 6608, 8538, 9003, 9687.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferr_bgp_wire::{NotificationError, Open, code, keepalive, subcode};
use ferr_types::{Asn, RouterId};
use smallvec::SmallVec;

use crate::down::{self, DownReason};

/// Connection as the driver names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// State of the neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum State {
    /// Nothing is tried.
    #[default]
    Idle,
    /// TCP is being opened.
    Connect,
    /// Waiting for the peer, or for the next attempt.
    Active,
    /// OPEN sent.
    OpenSent,
    /// OPEN received.
    OpenConfirm,
    /// Up.
    Established,
}

impl State {
    /// As in `show`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }
}

/// Timers of a neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    /// Time until the next attempt to connect (ConnectRetryTimer).
    ConnectRetry,
    /// Rest in Idle after an error (IdleHoldTimer).
    IdleHold,
}

const TIMERS: usize = 2;

/// Hold time while waiting for OPEN (RFC 4271 section 8.2.2 suggests 4 minutes).
const OPEN_HOLD: Duration = Duration::from_secs(240);
/// First pause after a failure; doubles with each one in a row, so that a peer that just restarts is met at once.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What the machine asks of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Open TCP.
    Connect(ConnId),
    /// Abandon an attempt, or close after flushing what was sent.
    Close(ConnId),
    /// Send ahead of routes.
    Send(ConnId, Bytes),
    /// Send this as the last word.
    Notify(ConnId, NotificationError),
    /// Session is up on this connection.
    Up(ConnId),
    /// The session that was up is down.
    Down(DownReason),
    /// An attempt ended before it was up.
    Failed(DownReason),
}

/// How attempts go, from configuration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Connect, or wait for the peer only.
    pub passive: bool,
    /// Longest pause between attempts.
    pub connect_retry: Duration,
    /// Own hold time offered.
    pub hold_time: u16,
    /// Own keepalive interval.
    pub keepalive: u16,
    /// Own identifier.
    pub router_id: RouterId,
    /// A new connection of an established peer means that it restarted.
    pub graceful: bool,
    /// We keep a peer's routes after its NOTIFICATION (the N bit of RFC 8538).
    pub notification_keeps: bool,
    /// An administrative reset is one after which nothing is kept.
    pub hard_reset: bool,
    /// AS that the peer knows us by.
    pub asn: Asn,
    /// Text for the peer when the neighbor is shut down (RFC 9003).
    pub shutdown_text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    OpenSent,
    OpenConfirm,
    Established,
}

/// One TCP connection.
#[derive(Debug)]
struct Conn {
    id: ConnId,
    /// We opened it.
    active: bool,
    phase: Phase,
    hold: Option<Instant>,
    keepalive: Option<Instant>,
    hold_time: Duration,
    keepalive_time: Duration,
    remote: Option<Open>,
    local_addr: SocketAddr,
    remote_addr: SocketAddr,
}

/// Verdict over a received OPEN, given by the owner who knows the configuration.
pub(crate) type OpenVerdict = Result<(), NotificationError>;

/// The machine.
#[derive(Debug)]
pub(crate) struct Fsm {
    settings: Settings,
    enabled: bool,
    /// Attempt in progress.
    connecting: Option<ConnId>,
    conns: SmallVec<[Conn; 2]>,
    timers: [Option<Instant>; TIMERS],
    failures: u32,
    next_conn: u64,
}

impl Fsm {
    /// Machine at rest. `first_conn` starts a range of [`ConnId`]s of its own for attempts to connect.
    pub(crate) fn new(settings: Settings, first_conn: u64) -> Self {
        Self {
            settings,
            enabled: false,
            connecting: None,
            conns: SmallVec::new(),
            timers: [None; TIMERS],
            failures: 0,
            next_conn: first_conn,
        }
    }

    /// New settings; they count from the next event on.
    pub(crate) fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// State of the neighbor: that of its furthest connection.
    pub(crate) fn state(&self) -> State {
        match self.conns.iter().map(|c| c.phase as u8).max() {
            Some(p) if p == Phase::Established as u8 => State::Established,
            Some(p) if p == Phase::OpenConfirm as u8 => State::OpenConfirm,
            Some(_) => State::OpenSent,
            None if !self.enabled || self.timer(Timer::IdleHold).is_some() => State::Idle,
            None if self.connecting.is_some() => State::Connect,
            None => State::Active,
        }
    }

    /// Whether sessions are tried for or had.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The connection that is up.
    pub(crate) fn established(&self) -> Option<ConnId> {
        self.conns.iter().find(|c| c.phase == Phase::Established).map(|c| c.id)
    }

    /// Negotiated hold and keepalive time of the connection that is up.
    pub(crate) fn negotiated_times(&self) -> Option<(Duration, Duration)> {
        let conn = self.conns.iter().find(|c| c.phase == Phase::Established)?;
        Some((conn.hold_time, conn.keepalive_time))
    }

    /// Local and remote end of the furthest connection.
    pub(crate) fn endpoints(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.conns.iter().max_by_key(|c| c.phase as u8).map(|c| (c.local_addr, c.remote_addr))
    }

    /// OPEN that the peer sent on a connection.
    pub(crate) fn remote_open(&self, id: ConnId) -> Option<&Open> {
        self.conns.iter().find(|c| c.id == id)?.remote.as_ref()
    }

    /// Time until the next attempt to connect.
    pub(crate) fn next_attempt(&self) -> Option<Instant> {
        self.timer(Timer::ConnectRetry).or(self.timer(Timer::IdleHold))
    }

    const fn timer(&self, timer: Timer) -> Option<Instant> {
        self.timers[timer as usize]
    }

    fn set_timer(&mut self, timer: Timer, at: Option<Instant>) {
        self.timers[timer as usize] = at;
    }

    /// Starts (ManualStart, AutomaticStart).
    pub(crate) fn start(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.enabled = true;
        if self.conns.is_empty() && self.connecting.is_none() && self.timer(Timer::IdleHold).is_none() {
            self.try_connect(now, out);
        }
    }

    /// Ends whatever there is and stays in Idle until [`Self::start`].
    pub(crate) fn stop(&mut self, now: Instant, reason: DownReason, out: &mut Vec<Action>) {
        self.enabled = false;
        self.end(now, reason, out);
        self.timers = [None; TIMERS];
        self.failures = 0;
    }

    /// Ends the session; it is tried again.
    pub(crate) fn reset(&mut self, now: Instant, reason: DownReason, out: &mut Vec<Action>) {
        self.failures = 0;
        self.end(now, reason, out);
    }

    fn try_connect(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.set_timer(Timer::ConnectRetry, None);
        if self.settings.passive || !self.enabled || !self.conns.is_empty() {
            return;
        }
        let id = ConnId(self.next_conn);
        self.next_conn += 1;
        self.connecting = Some(id);
        self.set_timer(Timer::ConnectRetry, Some(now + self.settings.connect_retry));
        out.push(Action::Connect(id));
    }

    fn pause(&mut self) -> Duration {
        let pause = FIRST_PAUSE * 2u32.saturating_pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        pause.min(self.settings.connect_retry.max(FIRST_PAUSE))
    }

    /// An attempt failed (TcpConnectionFails).
    pub(crate) fn connect_failed(&mut self, now: Instant, id: ConnId) {
        if self.connecting == Some(id) {
            self.connecting = None;
            let pause = self.pause();
            self.set_timer(Timer::ConnectRetry, Some(now + pause));
        }
    }

    /// A connection stands (Tcp_CR_Acked, TcpConnectionConfirmed); `open` is sent. A connection that is not wanted is closed.
    pub(crate) fn connected(
        &mut self,
        now: Instant,
        id: ConnId,
        ends: (SocketAddr, SocketAddr),
        open: &Open,
        out: &mut Vec<Action>,
    ) {
        let active = self.connecting == Some(id);
        if active {
            self.connecting = None;
            self.set_timer(Timer::ConnectRetry, None);
        }
        // A peer that connects again has lost its earlier connection, whatever our side of it still believes: one that was
        // never heard on must not bar the new one for the whole open hold time.
        if let Some(at) = self.conns.iter().position(|c| !active && !c.active && c.phase == Phase::OpenSent) {
            out.push(Action::Close(self.conns.remove(at).id));
        }
        let known = self.conns.iter().any(|c| c.active == active && c.phase != Phase::Established);
        if !self.enabled || known || (active && self.established().is_some()) {
            out.push(Action::Close(id));
            return;
        }
        if self.established().is_some() && !self.settings.graceful {
            let refuse = NotificationError::new(code::CEASE, subcode::cease::REJECTED);
            out.push(Action::Notify(id, refuse));
            out.push(Action::Close(id));
            return;
        }
        self.set_timer(Timer::IdleHold, None);
        let mut bytes = Vec::with_capacity(128);
        open.encode(&mut bytes);
        out.push(Action::Send(id, bytes.into()));
        self.conns.push(Conn {
            id,
            active,
            phase: Phase::OpenSent,
            hold: Some(now + OPEN_HOLD),
            keepalive: None,
            hold_time: OPEN_HOLD,
            keepalive_time: Duration::ZERO,
            remote: None,
            local_addr: ends.0,
            remote_addr: ends.1,
        });
    }

    /// TCP ended (TcpConnectionFails).
    pub(crate) fn closed(&mut self, now: Instant, id: ConnId, out: &mut Vec<Action>) {
        self.drop_conn(now, id, DownReason::Closed, false, out);
    }

    /// An OPEN came. `verdict` is the owner's; here timers are negotiated and a collision is settled.
    pub(crate) fn open_received(
        &mut self,
        now: Instant,
        id: ConnId,
        open: Open,
        verdict: OpenVerdict,
        out: &mut Vec<Action>,
    ) {
        let Some(conn) = self.conns.iter_mut().find(|c| c.id == id) else { return };
        if conn.phase != Phase::OpenSent {
            let sub = if conn.phase == Phase::OpenConfirm {
                subcode::fsm::OPEN_CONFIRM
            } else {
                subcode::fsm::ESTABLISHED
            };
            let error = NotificationError::new(code::FSM, sub);
            return self.drop_conn(now, id, DownReason::NotificationSent(error), true, out);
        }
        if let Err(error) = verdict {
            return self.drop_conn(now, id, DownReason::NotificationSent(error), true, out);
        }
        let hold = u64::from(self.settings.hold_time.min(open.hold_time));
        let own = u64::from(self.settings.keepalive);
        conn.hold_time = Duration::from_secs(hold);
        // RFC 4271 section 10: a third of the hold time at most.
        conn.keepalive_time = Duration::from_secs(own.min(hold / 3));
        let remote = (open.router_id.0.to_bits(), open.asn);
        conn.remote = Some(open);
        if !self.settle_collision(now, id, remote, out) {
            return;
        }
        if let Some(conn) = self.conns.iter_mut().find(|c| c.id == id) {
            conn.phase = Phase::OpenConfirm;
            out.push(Action::Send(id, Bytes::from_static(const { &keepalive() })));
            conn.restart_hold(now);
            conn.restart_keepalive(now);
        }
    }

    /// RFC 4271 section 6.8: of two connections the one opened by the higher identifier stays, with equal ones by the larger
    /// AS (RFC 6286 section 2.3). Returns whether `id` does.
    fn settle_collision(
        &mut self,
        now: Instant,
        id: ConnId,
        remote: (u32, Asn),
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(mine) = self.conns.iter().find(|c| c.id == id) else { return false };
        let active = mine.active;
        let Some(other) = self.conns.iter().find(|c| c.id != id) else { return true };
        let other_id = other.id;
        if other.phase == Phase::Established {
            // Only let in when the peer is known to restart gracefully.
            self.drop_conn(now, other_id, DownReason::PeerRestarted, false, out);
            return true;
        }
        if other.phase != Phase::OpenConfirm {
            return true;
        }
        let keep_active = (self.settings.router_id.0.to_bits(), self.settings.asn) > remote;
        let loser = if active == keep_active { other_id } else { id };
        let error = NotificationError::new(code::CEASE, subcode::cease::COLLISION);
        out.push(Action::Notify(loser, error));
        out.push(Action::Close(loser));
        self.conns.retain(|c| c.id != loser);
        loser != id
    }

    /// A KEEPALIVE came.
    pub(crate) fn keepalive_received(&mut self, now: Instant, id: ConnId, out: &mut Vec<Action>) {
        let Some(conn) = self.conns.iter_mut().find(|c| c.id == id) else { return };
        match conn.phase {
            Phase::OpenSent => {
                let error = NotificationError::new(code::FSM, subcode::fsm::OPEN_SENT);
                self.drop_conn(now, id, DownReason::NotificationSent(error), true, out);
            }
            Phase::OpenConfirm => {
                conn.phase = Phase::Established;
                conn.restart_hold(now);
                self.failures = 0;
                self.timers = [None; TIMERS];
                let others: SmallVec<[ConnId; 2]> =
                    self.conns.iter().filter(|c| c.id != id).map(|c| c.id).collect();
                for other in others {
                    let error = NotificationError::new(code::CEASE, subcode::cease::COLLISION);
                    out.push(Action::Notify(other, error));
                    out.push(Action::Close(other));
                    self.conns.retain(|c| c.id != other);
                }
                if let Some(attempt) = self.connecting.take() {
                    out.push(Action::Close(attempt));
                }
                out.push(Action::Up(id));
            }
            Phase::Established => conn.restart_hold(now),
        }
    }

    /// A message that proves life came on the connection that is up; false when it may not come in this state, in which
    /// case the connection is gone.
    pub(crate) fn update_received(&mut self, now: Instant, id: ConnId, out: &mut Vec<Action>) -> bool {
        let Some(conn) = self.conns.iter_mut().find(|c| c.id == id) else { return false };
        let sub = match conn.phase {
            Phase::Established => {
                conn.restart_hold(now);
                return true;
            }
            Phase::OpenSent => subcode::fsm::OPEN_SENT,
            Phase::OpenConfirm => subcode::fsm::OPEN_CONFIRM,
        };
        let error = NotificationError::new(code::FSM, sub);
        self.drop_conn(now, id, DownReason::NotificationSent(error), true, out);
        false
    }

    /// A NOTIFICATION came.
    pub(crate) fn notification_received(
        &mut self,
        now: Instant,
        id: ConnId,
        error: NotificationError,
        out: &mut Vec<Action>,
    ) {
        self.drop_conn(now, id, DownReason::NotificationReceived(error), false, out);
    }

    /// The connection is in error; the peer is told.
    pub(crate) fn fail(&mut self, now: Instant, id: ConnId, reason: DownReason, out: &mut Vec<Action>) {
        self.drop_conn(now, id, reason, true, out);
    }

    fn drop_conn(
        &mut self,
        now: Instant,
        id: ConnId,
        reason: DownReason,
        notify: bool,
        out: &mut Vec<Action>,
    ) {
        let Some(at) = self.conns.iter().position(|c| c.id == id) else { return };
        let conn = self.conns.remove(at);
        if notify && let Some(mut error) = reason.notification() {
            if reason == DownReason::AdminDown && !self.settings.shutdown_text.is_empty() {
                error = NotificationError::cease_with_text(error.subcode, &self.settings.shutdown_text);
            }
            let keeps = self.settings.notification_keeps
                && conn.remote.as_ref().is_some_and(down::keeps_after_notification);
            if keeps && reason.is_hard(self.settings.hard_reset) {
                error = error.into_hard_reset();
            }
            out.push(Action::Notify(id, error));
        }
        out.push(Action::Close(id));
        if conn.phase == Phase::Established {
            out.push(Action::Down(reason));
        } else {
            out.push(Action::Failed(reason));
        }
        if self.conns.is_empty() && self.enabled {
            let pause = self.pause();
            self.set_timer(Timer::IdleHold, Some(now + pause));
        }
    }

    fn end(&mut self, now: Instant, reason: DownReason, out: &mut Vec<Action>) {
        if let Some(attempt) = self.connecting.take() {
            out.push(Action::Close(attempt));
            self.set_timer(Timer::IdleHold, Some(now));
        }
        let ids: SmallVec<[ConnId; 2]> = self.conns.iter().map(|c| c.id).collect();
        for id in ids {
            self.drop_conn(now, id, reason.clone(), true, out);
        }
    }

    /// Earliest timer.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let conns = self.conns.iter().flat_map(|c| [c.hold, c.keepalive]);
        self.timers.iter().copied().chain(conns).flatten().min()
    }

    /// Fires what is due; early or repeated calls do nothing.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Action>) {
        let due = |t: Option<Instant>| t.is_some_and(|t| t <= now);
        let expired: SmallVec<[ConnId; 2]> =
            self.conns.iter().filter(|c| due(c.hold)).map(|c| c.id).collect();
        for id in expired {
            self.drop_conn(now, id, DownReason::HoldTimer, true, out);
        }
        for conn in &mut self.conns {
            if due(conn.keepalive) {
                out.push(Action::Send(conn.id, Bytes::from_static(const { &keepalive() })));
                conn.restart_keepalive(now);
            }
        }
        if due(self.timer(Timer::IdleHold)) {
            self.set_timer(Timer::IdleHold, None);
            self.try_connect(now, out);
        }
        if due(self.timer(Timer::ConnectRetry)) {
            if let Some(attempt) = self.connecting.take() {
                out.push(Action::Close(attempt));
            }
            self.try_connect(now, out);
        }
    }
}

impl Conn {
    fn restart_hold(&mut self, now: Instant) {
        self.hold = (!self.hold_time.is_zero()).then(|| now + self.hold_time);
    }

    fn restart_keepalive(&mut self, now: Instant) {
        self.keepalive = (!self.keepalive_time.is_zero()).then(|| now + self.keepalive_time);
    }
}
