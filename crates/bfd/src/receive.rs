//! Reception (RFC 5880 section 6.8.6), from the session's point of view: what is left once the session was found.

use ferr_bfd_wire::{Auth, AuthError, AuthKey, Control, Diag, Packet, State};

use crate::config::AuthConfig;
use crate::counters::Cause;
use crate::event::{Change, DownReason};
use crate::random::Random;
use crate::session::{Remote, Session};
use crate::time::Time;

impl AuthConfig {
    /// The key that a section names (sections 6.7.2 to 6.7.4).
    fn named_by(&self, auth: &Auth<'_>) -> Result<&AuthKey, AuthError> {
        if auth.kind() != self.send.kind() {
            return Err(AuthError::WrongType(auth.kind()));
        }
        let mut keys = std::iter::once(&self.send).chain(&self.accept);
        keys.find(|key| key.id() == auth.key_id()).ok_or(AuthError::UnknownKey(auth.key_id()))
    }
}

impl Session {
    /// Whether a packet is authentic. Nothing changes unless it is: then its sequence number is the last one.
    pub(crate) fn authenticate(&mut self, arrival: Time, packet: &Packet<'_>) -> Result<(), AuthError> {
        if !self.traits.authenticated {
            return if packet.has_auth() { Err(AuthError::Unexpected) } else { Ok(()) };
        }
        let config = self.config.auth.as_ref().ok_or(AuthError::Unexpected)?;
        let auth = packet.auth()?.ok_or(AuthError::Missing)?;
        let key = config.named_by(&auth)?;
        if let (Some(sequence), Some(last)) = (auth.sequence(), self.receive_sequence) {
            let forgotten = arrival >= self.heard.after(2 * self.detection_time());
            let mult = packet.control.detect_mult;
            if !forgotten && !sequence.follows(last, mult, auth.kind().is_meticulous()) {
                return Err(AuthError::Sequence);
            }
        }
        key.verify(packet, &auth)?;
        self.receive_sequence = auth.sequence();
        Ok(())
    }

    /// The rules that follow authentication, in the order of the RFC.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        arrival: Time,
        control: &Control,
        random: &mut Random,
    ) -> Result<(), Cause> {
        let before = self.learn(control);
        if control.is_final && self.poll && self.poll_started <= arrival {
            self.finish_poll(now, random);
        } else if !control.is_final {
            self.settle_poll(now, random);
        }
        self.update_interval(random);
        self.heard = self.heard.max(arrival);
        if self.state == State::AdminDown {
            return Err(Cause::AdminDown);
        }
        let was_up = self.state == State::Up;
        self.advance(now, control, random);
        self.update_demand(now);
        if before.min_echo_rx != self.remote.min_echo_rx {
            self.update_echo(now, random);
        }
        self.final_pending |= control.poll;
        self.counters.control_in += 1;
        if was_up && self.state == State::Up && before != self.remote {
            self.pending.parameters = true;
        }
        Ok(())
    }

    /// Takes over what the packet says about the peer, and returns what was known before.
    fn learn(&mut self, control: &Control) -> Remote {
        let nanos = |micros: u32| u64::from(micros) * 1000;
        let remote = Remote {
            discriminator: control.my_discriminator,
            min_rx: nanos(control.required_min_rx),
            desired_tx: nanos(control.desired_min_tx),
            min_echo_rx: nanos(control.required_min_echo_rx),
            detect_mult: control.detect_mult,
            control_plane_independent: control.control_plane_independent,
        };
        if remote.discriminator != self.remote.discriminator {
            self.cached.stale = true;
        }
        self.remote_state = control.state;
        self.remote_diag = control.diag;
        self.remote_demand = control.demand;
        std::mem::replace(&mut self.remote, remote)
    }

    /// The state machine (sections 6.2 and 6.8.6).
    pub(crate) fn advance(&mut self, now: Time, control: &Control, random: &mut Random) {
        let reason = DownReason::Neighbor(control.diag);
        match (self.state, control.state) {
            (State::Init | State::Up, State::AdminDown) => {
                self.enter(now, State::Down, Diag::NEIGHBOR_DOWN, Change::AdminDown, random);
            }
            (State::Down, State::Down | State::Init) if self.echo.is_held(now) => {}
            (State::Down, State::Down) => {
                let diag = self.diag;
                self.enter(now, State::Init, diag, Change::Down(diag, reason), random);
            }
            (State::Down, State::Init) | (State::Init, State::Init | State::Up) => {
                self.enter(now, State::Up, Diag::NONE, Change::Up, random);
            }
            (State::Up, State::Down) => {
                let change = Change::Down(Diag::NEIGHBOR_DOWN, reason);
                self.enter(now, State::Down, Diag::NEIGHBOR_DOWN, change, random);
            }
            _ => {}
        }
    }

    /// The control deadline has passed (section 6.8.4); whether that is a failure.
    pub(crate) fn expire_control(&mut self, now: Time, random: &mut Random) -> bool {
        let failed = matches!(self.state, State::Init | State::Up);
        if failed {
            let change = Change::Down(Diag::DETECTION_TIME_EXPIRED, DownReason::DetectionTimeExpired);
            self.enter(now, State::Down, Diag::DETECTION_TIME_EXPIRED, change, random);
        }
        self.forget_remote(random);
        failed
    }
}
