//! What the driver is told, and in which order, without a queue that could overflow.

use ferr_bfd_wire::{AuthError, Diag};

use crate::{HopMode, SessionId};

/// Why a session went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownReason {
    /// No control packet within the detection time.
    DetectionTimeExpired,
    /// Echo packets did not come back.
    EchoFailed,
    /// The peer says so; its diagnostic.
    Neighbor(Diag),
    /// We were told so: shut down by the operator, or by [`crate::Speaker::fail`].
    Local,
}

/// Something that the driver may have to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The session came up.
    Up(SessionId),
    /// The session was up and is down.
    Down {
        /// Which.
        session: SessionId,
        /// Our diagnostic.
        diag: Diag,
        /// What happened.
        reason: DownReason,
    },
    /// The session was up, and the peer holds it down administratively, which says nothing about the path.
    AdminDown(SessionId),
    /// The peer changed its timers, multiplier, discriminator or C bit while up.
    ParametersChanged(SessionId),
    /// The peer sends to the port of the other hop mode. At most once in [`crate::NOTICE_INTERVAL`] per session.
    WrongHopMode {
        /// The session that the packets would belong to.
        session: SessionId,
        /// What the peer speaks.
        theirs: HopMode,
        /// Packets since the last such event.
        count: u32,
    },
    /// Packets were not authentic. At most once in [`crate::NOTICE_INTERVAL`] per session.
    AuthFailure {
        /// Which.
        session: SessionId,
        /// The last failure.
        cause: AuthError,
        /// Packets since the last such event.
        count: u32,
    },
}

/// A change of state to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Up,
    Down(Diag, DownReason),
    AdminDown,
}

/// What a session has to tell: changes of state, in order, and notices.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pending {
    changes: [Option<Change>; 3],
    pub(crate) parameters: bool,
    pub(crate) hop_mode: Option<u32>,
    pub(crate) auth: Option<(AuthError, u32)>,
}

impl Pending {
    /// Appends. Ups and downs alternate: when a driver is too slow for three, the oldest pair is left out, so that the last state is
    /// always told, and a session that was down is never told as having stayed up.
    pub(crate) fn push(&mut self, change: Change) {
        if self.changes[2].is_some() {
            self.changes = [self.changes[2], None, None];
        }
        if let Some(free) = self.changes.iter_mut().find(|c| c.is_none()) {
            *free = Some(change);
        }
    }

    pub(crate) fn pop(&mut self, session: SessionId, hop: HopMode) -> Option<Event> {
        if let Some(change) = self.changes[0] {
            self.changes = [self.changes[1], self.changes[2], None];
            return Some(match change {
                Change::Up => Event::Up(session),
                Change::Down(diag, reason) => Event::Down { session, diag, reason },
                Change::AdminDown => Event::AdminDown(session),
            });
        }
        if std::mem::take(&mut self.parameters) {
            return Some(Event::ParametersChanged(session));
        }
        if let Some(count) = self.hop_mode.take() {
            return Some(Event::WrongHopMode { session, theirs: hop.other(), count });
        }
        let (cause, count) = self.auth.take()?;
        Some(Event::AuthFailure { session, cause, count })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes[0].is_none() && !self.parameters && self.hop_mode.is_none() && self.auth.is_none()
    }
}
