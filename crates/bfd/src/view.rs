//! What can be seen of sessions: everything that `show bfd` needs.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd_wire::{AuthType, Diag, State};
use ferr_types::IfIndex;

use crate::config::{EchoMode, SessionKey};
use crate::counters::{Counters, Drops, Rtt};
use crate::session::Session;
use crate::time::Time;
use crate::{Histogram, SessionId};

/// Timers of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerTimers {
    /// Detection multiplier; 0 before the first packet.
    pub detect_mult: u8,
    /// Least interval of transmissions.
    pub transmit: Duration,
    /// Least interval of receptions.
    pub receive: Duration,
    /// Least interval of received echoes; zero refuses them.
    pub echo_receive: Duration,
}

/// A session.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Name.
    pub id: SessionId,
    /// Key.
    pub key: SessionKey,
    /// Local address: configured, or learned from a packet.
    pub local: Option<IpAddr>,
    /// Interface: configured, or learned from a packet.
    pub interface: Option<IfIndex>,
    /// bfd.LocalDiscr.
    pub discriminator: u32,
    /// bfd.RemoteDiscr, 0 while unknown.
    pub remote_discriminator: u32,
    /// bfd.SessionState.
    pub state: State,
    /// bfd.RemoteSessionState.
    pub remote_state: State,
    /// When the state last changed, or when the session was made.
    pub since: Time,
    /// bfd.LocalDiag.
    pub diag: Diag,
    /// The peer's diagnostic.
    pub remote_diag: Diag,
    /// As configured.
    pub configured: PeerTimers,
    /// As advertised now: slower while not Up or while echoes run.
    pub advertised: PeerTimers,
    /// As the peer advertises.
    pub remote: PeerTimers,
    /// Agreed interval of transmissions, before jitter.
    pub transmit_interval: Duration,
    /// Detection time; zero before the first packet.
    pub detection_time: Duration,
    /// Echoes that are configured.
    pub echo: EchoMode,
    /// Interval of echoes; zero while none are sent.
    pub echo_interval: Duration,
    /// Time without an echo after which the session fails; zero while none are sent.
    pub echo_detection_time: Duration,
    /// Until then the session does not come up, because its echoes were lost.
    pub held_until: Option<Time>,
    /// Waits for the peer to speak first.
    pub passive: bool,
    /// Least TTL that is accepted.
    pub minimum_ttl: u8,
    /// Authentication in use.
    pub auth: Option<AuthType>,
    /// Demand mode is active in us.
    pub demand: bool,
    /// Demand mode is active in the peer.
    pub remote_demand: bool,
    /// A Poll Sequence is under way.
    pub poll: bool,
    /// The peer's C bit.
    pub remote_control_plane_independent: bool,
    /// Whether changes of state are to be logged.
    pub log: bool,
    /// Arrival of the last packet used.
    pub heard: Option<Time>,
    /// Round-trip times of echoes.
    pub rtt: Rtt,
    /// Counters.
    pub counters: Counters,
    /// Time from deadlines to their declaration.
    pub detection_error: Histogram,
}

/// A speaker.
#[derive(Debug, Clone)]
pub struct SpeakerView {
    /// Sessions.
    pub sessions: usize,
    /// Most sessions.
    pub capacity: usize,
    /// Packets not used, by cause, also those that belong to no session.
    pub drops: Drops,
    /// Time from deadlines to their declaration, all sessions.
    pub detection_error: Histogram,
    /// Time from appointed transmissions to when they were asked for.
    pub lateness: Histogram,
    /// Calls of `handle_timeout` later than [`crate::LATE_AFTER`].
    pub late_wakeups: u64,
}

impl Session {
    pub(crate) fn view(&self, id: SessionId) -> SessionView {
        let nanos = Duration::from_nanos;
        let remote = &self.remote;
        SessionView {
            id,
            key: self.key,
            local: self.key.local.or(self.learned_local),
            interface: self.key.interface.or(self.learned_interface),
            discriminator: self.local_discr,
            remote_discriminator: remote.discriminator,
            state: self.state,
            remote_state: self.remote_state,
            since: self.state_since,
            diag: self.diag,
            remote_diag: self.remote_diag,
            configured: PeerTimers {
                detect_mult: self.config.detect_mult,
                transmit: self.config.desired_min_tx,
                receive: self.config.required_min_rx,
                echo_receive: self.config.echo_receive,
            },
            advertised: PeerTimers {
                detect_mult: self.config.detect_mult,
                transmit: nanos(self.desired_tx),
                receive: nanos(self.required_rx),
                echo_receive: nanos(self.echo_receive()),
            },
            remote: PeerTimers {
                detect_mult: remote.detect_mult,
                transmit: nanos(remote.desired_tx),
                receive: nanos(remote.min_rx),
                echo_receive: nanos(remote.min_echo_rx),
            },
            transmit_interval: nanos(self.interval),
            detection_time: nanos(self.detection_time()),
            echo: self.config.echo,
            echo_interval: nanos(self.echo.interval()),
            echo_detection_time: nanos(self.echo_detection_time()),
            held_until: self.echo.held_until(),
            passive: self.config.passive,
            minimum_ttl: self.config.least_ttl(self.key.hop),
            auth: self.config.auth.as_ref().map(|auth| auth.send.kind()),
            demand: self.demand_active,
            remote_demand: self.remote_demand_active(),
            poll: self.poll,
            remote_control_plane_independent: remote.control_plane_independent,
            log: self.config.log,
            heard: (remote.detect_mult != 0).then_some(self.heard),
            rtt: self.rtt,
            counters: self.counters,
            detection_error: self.detection_error.clone(),
        }
    }
}
