//! One session: its variables (RFC 5880 section 6.8.1), its timers (6.8.2 to 6.8.4, 6.5, 6.6) and its changes of state.
//!
//! ```text
//!                              +--+
//!                              |  | Up, AdminDown, timer
//!                              |  V
//!                      Down  +------+  Init
//!               +------------|      |------------+
//!               |            | Down |            |
//!               |  +-------->|      |<--------+  |
//!               |  |         +------+         |  |      the peer's state, as received,
//!               |  | AdminDown,    AdminDown, |  |      or the end of the detection time
//!               |  | timer      Down, timer   |  |
//!               V  |                          |  V
//!             +------+                      +------+
//!        +----|      |                      |      |----+
//!   Down |    | Init |--------------------->|  Up  |    | Init, Up
//!        +--->|      |       Init, Up       |      |<---+
//!             +------+                      +------+
//! ```
//!
//! # Invariants
//! * Values in use and values advertised differ only while Up and while a Poll Sequence is under way or waits for its turn.
//! * A change of what a packet says marks the cached packet as stale.

use std::net::IpAddr;

use ferr_bfd_wire::{Diag, MAX_LEN, Sequence, State};
use ferr_types::{IfIndex, VrfId};

use crate::config::{EchoMode, HopMode, SessionConfig, SessionKey};
use crate::counters::{Counters, Rtt};
use crate::event::{Change, DownReason, Pending};
use crate::random::Random;
use crate::time::{SECOND, Time, wire_nanos};
use crate::{Histogram, echo::Echoes};

/// What a packet last taught about the peer; intervals in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remote {
    /// bfd.RemoteDiscr; 0 is unknown.
    pub(crate) discriminator: u32,
    /// bfd.RemoteMinRxInterval.
    pub(crate) min_rx: u64,
    pub(crate) desired_tx: u64,
    pub(crate) min_echo_rx: u64,
    pub(crate) detect_mult: u8,
    pub(crate) control_plane_independent: bool,
}

/// What is kept of the packet sent last, so that the next one costs a copy.
#[repr(C)]
pub(crate) struct Cached {
    pub(crate) bytes: [u8; MAX_LEN],
    /// P and F as encoded; `None` when the signature is stale.
    pub(crate) flags: Option<(bool, bool)>,
    pub(crate) stale: bool,
}

/// What of the configuration every packet needs, in few octets beside the rest of what it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    pub(crate) hop: HopMode,
    pub(crate) least_ttl: u8,
    pub(crate) detect_mult: u8,
    pub(crate) authenticated: bool,
    unaffiliated: bool,
    passive: bool,
    demand: bool,
}

impl Traits {
    fn new(key: &SessionKey, config: &SessionConfig) -> Self {
        Self {
            hop: key.hop,
            least_ttl: config.least_ttl(key.hop),
            detect_mult: config.detect_mult,
            authenticated: config.auth.is_some(),
            unaffiliated: matches!(config.echo, EchoMode::Unaffiliated { .. }),
            passive: config.passive,
            demand: config.demand,
        }
    }
}

/// The order of the fields is that of their use: with ten thousand sessions the cost of a packet is the cache lines that it touches.
#[repr(C)]
pub(crate) struct Session {
    pub(crate) state: State,
    pub(crate) remote_state: State,
    pub(crate) diag: Diag,
    pub(crate) remote_diag: Diag,
    pub(crate) remote_demand: bool,
    /// D was set in what we would send: demand mode is active in us.
    pub(crate) demand_active: bool,
    /// A Poll Sequence is under way.
    pub(crate) poll: bool,
    /// New timers wait for the end of a Poll Sequence.
    deferred: bool,
    pub(crate) final_pending: bool,
    pub(crate) send_now: bool,
    pub(crate) traits: Traits,
    pub(crate) local_discr: u32,
    pub(crate) learned_interface: Option<IfIndex>,
    pub(crate) vrf: VrfId,
    pub(crate) remote: Remote,
    tx_in_use: u64,
    rx_in_use: u64,
    /// Agreed transmit interval.
    pub(crate) interval: u64,
    pub(crate) next_tx: Time,
    /// Arrival of the last packet used.
    pub(crate) heard: Time,
    /// When the first packet with P was sent.
    pub(crate) poll_started: Time,
    /// Before this a further Poll Sequence would be ambiguous, unless a packet without F came.
    poll_settled: Time,
    pub(crate) echo: Echoes,
    pub(crate) learned_local: Option<IpAddr>,
    pub(crate) pending: Pending,
    pub(crate) counters: Counters,
    pub(crate) last_tx: Option<Time>,
    pub(crate) cached: Cached,
    pub(crate) key: SessionKey,
    pub(crate) config: SessionConfig,
    /// bfd.DesiredMinTxInterval and bfd.RequiredMinRxInterval as advertised.
    pub(crate) desired_tx: u64,
    pub(crate) required_rx: u64,
    pub(crate) transmit_sequence: Sequence,
    pub(crate) receive_sequence: Option<Sequence>,
    pub(crate) state_since: Time,
    pub(crate) hop_notice: Notice,
    pub(crate) auth_notice: Notice,
    pub(crate) rtt: Rtt,
    pub(crate) detection_error: Histogram,
}

/// Lets an event through now and then, and counts what it stands for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Notice {
    next: Time,
    count: u32,
}

impl Notice {
    /// The number of packets to tell about, when it is time to.
    pub(crate) fn note(&mut self, now: Time) -> Option<u32> {
        self.count = self.count.saturating_add(1);
        if now < self.next {
            return None;
        }
        self.next = now + crate::NOTICE_INTERVAL;
        Some(std::mem::take(&mut self.count))
    }
}

impl Session {
    pub(crate) fn new(
        now: Time,
        key: SessionKey,
        config: SessionConfig,
        discr: u32,
        random: &mut Random,
    ) -> Self {
        let state = if config.admin_down { State::AdminDown } else { State::Down };
        let mut session = Self {
            traits: Traits::new(&key, &config),
            vrf: key.vrf,
            state,
            remote_state: State::Down,
            remote_demand: false,
            demand_active: false,
            poll: false,
            deferred: false,
            final_pending: false,
            send_now: false,
            local_discr: discr,
            remote: Remote {
                discriminator: 0,
                min_rx: 1000,
                desired_tx: 0,
                min_echo_rx: 0,
                detect_mult: 0,
                control_plane_independent: false,
            },
            desired_tx: wire_nanos(config.desired_min_tx).max(SECOND),
            required_rx: wire_nanos(config.required_min_rx),
            tx_in_use: 0,
            rx_in_use: 0,
            interval: 0,
            last_tx: None,
            // Sessions made together do not speak together.
            next_tx: now.after(random.below(SECOND / 10)),
            heard: Time::ZERO,
            poll_started: Time::NEVER,
            poll_settled: Time::ZERO,
            echo: Echoes::default(),
            cached: Cached { bytes: [0; MAX_LEN], flags: None, stale: true },
            key,
            transmit_sequence: Sequence(random.secret() as u32),
            receive_sequence: None,
            counters: Counters::default(),
            pending: Pending::default(),
            diag: if config.admin_down { Diag::ADMIN_DOWN } else { Diag::NONE },
            remote_diag: Diag::NONE,
            state_since: now,
            learned_local: None,
            learned_interface: None,
            hop_notice: Notice::default(),
            auth_notice: Notice::default(),
            rtt: Rtt::default(),
            detection_error: Histogram::default(),
            config,
        };
        session.tx_in_use = session.desired_tx;
        session.rx_in_use = session.required_rx;
        session.interval = session.desired_tx;
        session.update_echo(now, random);
        session
    }

    /// Whether a packet that names no session of ours came over another interface than those that keep this one up
    /// (RFC 5881 section 3: the interface belongs to what tells single-hop sessions apart).
    pub(crate) fn came_elsewhere(&self, interface: Option<IfIndex>) -> bool {
        let single = self.traits.hop == HopMode::Single && self.key.interface.is_none();
        let known = self.learned_interface.zip(interface);
        single && self.state == State::Up && known.is_some_and(|(here, there)| here != there)
    }

    pub(crate) const fn is_unaffiliated(&self) -> bool {
        self.traits.unaffiliated
    }

    /// Demand mode is active in the peer: no periodic packets for it (section 6.8.6).
    pub(crate) fn remote_demand_active(&self) -> bool {
        self.remote_demand && self.state == State::Up && self.remote_state == State::Up
    }

    /// A passive side is silent until the peer spoke (section 6.8.7).
    pub(crate) const fn is_silent(&self) -> bool {
        self.traits.unaffiliated || self.traits.passive && self.remote.discriminator == 0
    }

    fn may_send_periodically(&self) -> bool {
        self.remote.min_rx != 0 && (self.poll || !self.remote_demand_active())
    }

    /// When a control packet is to be sent.
    pub(crate) fn control_wake(&self) -> Time {
        if self.is_silent() {
            return Time::NEVER;
        }
        if self.final_pending || self.send_now {
            return Time::ZERO;
        }
        let periodic = if self.may_send_periodically() { self.next_tx } else { Time::NEVER };
        if self.deferred && !self.poll { periodic.min(self.poll_settled) } else { periodic }
    }

    /// When anything is to be sent.
    pub(crate) fn wake(&self) -> Time {
        self.control_wake().min(self.echo.wake())
    }

    /// Detection time (section 6.8.4).
    pub(crate) fn detection_time(&self) -> u64 {
        if self.demand_active {
            u64::from(self.traits.detect_mult) * self.desired_tx.max(self.remote.min_rx)
        } else {
            u64::from(self.remote.detect_mult) * self.rx_in_use.max(self.remote.desired_tx)
        }
    }

    /// When control packets will have been missing for too long.
    pub(crate) fn control_deadline(&self) -> Time {
        let from = if self.demand_active {
            if !self.poll {
                return Time::NEVER;
            }
            self.poll_started
        } else if self.remote.discriminator == 0 {
            return Time::NEVER;
        } else {
            self.heard
        };
        from.after(self.detection_time())
    }

    /// When the session fails unless something comes.
    pub(crate) fn deadline(&self) -> Time {
        self.control_deadline().min(self.echo.deadline())
    }

    /// Recalculates the transmit interval, effective at once, counted from the last packet (section 6.8.3).
    pub(crate) fn update_interval(&mut self, random: &mut Random) {
        let interval = self.tx_in_use.max(self.remote.min_rx);
        if interval == self.interval {
            return;
        }
        self.interval = interval;
        if let Some(last) = self.last_tx {
            self.next_tx = last.after(random.jittered(interval, self.traits.detect_mult));
        }
    }

    /// The next packet will say something new.
    pub(crate) fn mark_changed(&mut self) {
        self.cached.stale = true;
        self.send_now = true;
        // Section 6.6: with demand mode on either side the peer has to confirm every change.
        if self.demand_active || self.remote_demand_active() {
            self.start_poll();
        }
    }

    pub(crate) fn start_poll(&mut self) {
        if self.remote.discriminator == 0 {
            return;
        }
        if !self.poll {
            self.poll = true;
            self.poll_started = Time::NEVER;
        }
        self.send_now |= self.remote_demand_active();
    }

    /// The Poll Sequence was answered: what waited for it takes effect.
    pub(crate) fn finish_poll(&mut self, now: Time, random: &mut Random) {
        self.poll = false;
        self.poll_started = Time::NEVER;
        self.tx_in_use = self.desired_tx;
        self.rx_in_use = self.required_rx;
        self.update_interval(random);
        // Longer than a round trip, or else no Poll Sequence could succeed (sections 6.6 and 6.8.3).
        self.poll_settled = now.after(u64::from(self.traits.detect_mult) * self.interval);
    }

    /// A packet without F came, or enough time passed: another Poll Sequence is unambiguous.
    pub(crate) fn settle_poll(&mut self, now: Time, random: &mut Random) {
        self.poll_settled = now;
        if self.deferred && !self.poll {
            self.apply_timers(now, false, random);
        }
    }

    pub(crate) fn settle_poll_if_due(&mut self, now: Time, random: &mut Random) {
        if self.deferred && !self.poll && now >= self.poll_settled {
            self.apply_timers(now, false, random);
        }
    }

    /// Advertises the timers that configuration, state and echo function ask for (section 6.8.3). `force` is for changes of state,
    /// which cannot wait for a Poll Sequence.
    pub(crate) fn apply_timers(&mut self, now: Time, force: bool, random: &mut Random) {
        let slow = |nanos: u64, when: bool| if when { nanos.max(SECOND) } else { nanos };
        let desired = slow(wire_nanos(self.config.desired_min_tx), self.state != State::Up);
        let required =
            slow(wire_nanos(self.config.required_min_rx), self.echo.is_active() && !self.is_unaffiliated());
        let up = self.state == State::Up;
        if (desired, required) == (self.desired_tx, self.required_rx) {
            self.deferred = false;
        } else if up && !force && (self.poll || now < self.poll_settled) {
            self.deferred = true;
            return;
        } else {
            self.deferred = false;
            (self.desired_tx, self.required_rx) = (desired, required);
            self.mark_changed();
            self.start_poll();
            if self.poll {
                self.poll_started = Time::NEVER;
            }
        }
        if !up || desired < self.tx_in_use {
            self.tx_in_use = desired;
        }
        if !up || required > self.rx_in_use {
            self.rx_in_use = required;
        }
        self.update_interval(random);
    }

    /// Looks whether demand mode begins or ends in us (section 6.6).
    pub(crate) fn update_demand(&mut self, now: Time) {
        let active = self.traits.demand && self.state == State::Up && self.remote_state == State::Up;
        if active == self.demand_active {
            return;
        }
        self.demand_active = active;
        // The peer was silent as long as it was asked to.
        self.heard = self.heard.max(now);
        self.cached.stale = true;
        self.start_poll();
        // A Poll Sequence from before says nothing about demand mode.
        self.poll_started = Time::NEVER;
    }

    /// A new state and its diagnostic; what it brings about.
    pub(crate) fn enter(&mut self, now: Time, state: State, diag: Diag, change: Change, random: &mut Random) {
        let old = std::mem::replace(&mut self.state, state);
        if old == state {
            return;
        }
        self.diag = diag;
        self.state_since = now;
        if old == State::Up {
            self.counters.down += 1;
            self.pending.push(change);
        }
        if state == State::Up {
            self.counters.up += 1;
            self.pending.push(Change::Up);
        }
        self.cached.stale = true;
        self.send_now = true;
        self.update_demand(now);
        self.update_echo(now, random);
        self.apply_timers(now, true, random);
    }

    /// Forgets the peer after a detection time without it (sections 6.8.1 and 6.8.18).
    pub(crate) fn forget_remote(&mut self, random: &mut Random) {
        self.remote.discriminator = 0;
        self.remote.min_rx = 1000;
        self.poll = false;
        self.poll_started = Time::NEVER;
        self.final_pending = false;
        self.cached.stale = true;
        self.update_interval(random);
    }

    /// Down by a local decision.
    pub(crate) fn fail(&mut self, now: Time, diag: Diag, random: &mut Random) {
        if self.state != State::AdminDown {
            self.enter(now, State::Down, diag, Change::Down(diag, DownReason::Local), random);
        }
    }

    /// Section 6.8.16.
    pub(crate) fn set_admin_down(&mut self, now: Time, down: bool, random: &mut Random) {
        self.config.admin_down = down;
        if down {
            let change = Change::Down(Diag::ADMIN_DOWN, DownReason::Local);
            self.enter(now, State::AdminDown, Diag::ADMIN_DOWN, change, random);
        } else if self.state == State::AdminDown {
            let diag = self.diag;
            self.enter(now, State::Down, diag, Change::Down(diag, DownReason::Local), random);
        }
    }

    /// Takes a new configuration over without touching the state, as far as the protocol allows.
    pub(crate) fn set_config(&mut self, now: Time, config: SessionConfig, random: &mut Random) {
        if config == self.config {
            return;
        }
        let old = std::mem::replace(&mut self.config, config);
        self.traits = Traits::new(&self.key, &self.config);
        let kind = |config: &SessionConfig| config.auth.as_ref().map(|auth| auth.send.kind());
        if kind(&old) != kind(&self.config) {
            self.receive_sequence = None;
        }
        if matches!(old.echo, EchoMode::Unaffiliated { .. }) != self.is_unaffiliated() {
            self.fail(now, Diag::PATH_DOWN, random);
            self.forget_remote(random);
        }
        if old.auth != self.config.auth {
            self.cached.stale = true;
        }
        if old.echo != self.config.echo {
            self.echo.release();
        }
        let said = |c: &SessionConfig| (c.detect_mult, c.control_plane_independent, c.echo_receive);
        if said(&old) != said(&self.config) {
            self.mark_changed();
        }
        if old.admin_down != self.config.admin_down {
            self.set_admin_down(now, self.config.admin_down, random);
        }
        self.update_demand(now);
        self.update_echo(now, random);
        self.apply_timers(now, false, random);
    }

    /// Interval at which the peer may send echo packets; 0 refuses.
    pub(crate) fn echo_receive(&self) -> u64 {
        match self.key.hop {
            HopMode::Single => wire_nanos(self.config.echo_receive),
            HopMode::Multi => 0,
        }
    }
}
