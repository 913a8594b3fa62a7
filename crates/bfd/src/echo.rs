//! The echo function (RFC 5880 sections 6.4, 6.8.5, 6.8.8, 6.8.9) and unaffiliated echo (RFC 9747).
//!
//! An echo counts as lost only once it was sent: a sender that slept has nothing to miss. The function fails when the detection time
//! has passed since the last echo came back (or the first one left), and at least Detect Mult echoes are without an answer.
//!
//! Control packets say nothing of a path that swallows echoes: after such a failure the session is held down for a while, for longer every
//! time that it fails soon again, so that it does not go up and down at the rate of the control packets.

use ferr_bfd_wire::{Diag, State};

use crate::config::{EchoMode, HopMode};
use crate::event::{Change, DownReason};
use crate::random::Random;
use crate::session::Session;
use crate::time::{SECOND, Time, wire_nanos};

/// Send times that are kept for round-trip times of unaffiliated echoes.
const KEPT: usize = 8;
/// First and longest time that a session is held down after its echoes were lost. The first is the slow interval of section 6.8.3.
const HOLD: (u64, u64) = (SECOND, 64 * SECOND);
/// Whose echoes were not lost for so many times the last hold begins with the first again.
const PROVEN: u64 = 8;

/// Echo variables of a session.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct Echoes {
    /// 0 while none are sent.
    interval: u64,
    next: Time,
    /// The failure, unless an echo comes back.
    deadline: Time,
    /// Numbers of the last echo sent, and of the last that came back.
    pub(crate) sent: u64,
    returned: u64,
    times: [Time; KEPT],
    /// When the peer's next echo may be looped in software.
    loop_next: Time,
    /// Length of the last hold, and its end.
    hold: u64,
    held_until: Time,
}

impl Default for Echoes {
    fn default() -> Self {
        Self {
            interval: 0,
            next: Time::NEVER,
            deadline: Time::NEVER,
            sent: 0,
            returned: 0,
            times: [Time::ZERO; KEPT],
            loop_next: Time::ZERO,
            hold: 0,
            held_until: Time::ZERO,
        }
    }
}

impl Echoes {
    pub(crate) const fn is_active(&self) -> bool {
        self.interval != 0
    }

    pub(crate) const fn interval(&self) -> u64 {
        self.interval
    }

    pub(crate) const fn wake(&self) -> Time {
        self.next
    }

    pub(crate) const fn deadline(&self) -> Time {
        self.deadline
    }

    fn unanswered(&self) -> u64 {
        self.sent - self.returned
    }

    /// When an echo left, if that is still known.
    pub(crate) fn sent_at(&self, sequence: u64) -> Option<Time> {
        let kept = sequence <= self.sent && self.sent - sequence < KEPT as u64;
        kept.then(|| self.times[(sequence % KEPT as u64) as usize])
    }

    /// Whether a returned echo is one that is waited for.
    pub(crate) fn is_awaited(&self, sequence: u64) -> bool {
        self.is_active() && sequence > self.returned && sequence <= self.sent
    }

    /// Whether the session may not come up, because its echoes were lost a short time ago.
    pub(crate) fn is_held(&self, now: Time) -> bool {
        now < self.held_until
    }

    /// End of the last hold.
    pub(crate) fn held_until(&self) -> Option<Time> {
        (self.hold != 0).then_some(self.held_until)
    }

    /// Nobody asks for echoes any more.
    pub(crate) const fn release(&mut self) {
        self.hold = 0;
        self.held_until = Time::ZERO;
    }

    /// The echoes of a session that came up at `up` were lost.
    fn hold_down(&mut self, now: Time, up: Time) {
        let proven = self.held_until == Time::ZERO || now >= up.after(PROVEN * self.hold);
        self.hold = if proven { HOLD.0 } else { (2 * self.hold).min(HOLD.1) };
        self.held_until = now.after(self.hold);
    }

    /// Lets a peer's echo through at four times the rate that was granted at most (section 6.8.9 allows one extra).
    pub(crate) fn may_loop(&mut self, arrival: Time, granted: u64) -> bool {
        let may = granted != 0 && arrival >= self.loop_next;
        if may {
            self.loop_next = arrival.after(granted / 4);
        }
        may
    }
}

impl Session {
    /// Starts, stops or paces the echo function as configuration, state and peer ask.
    pub(crate) fn update_echo(&mut self, now: Time, random: &mut Random) {
        let interval = match self.config.echo {
            EchoMode::On { interval }
                if self.traits.hop == HopMode::Single
                    && self.state == State::Up
                    && self.remote.min_echo_rx != 0 =>
            {
                wire_nanos(interval).max(self.remote.min_echo_rx)
            }
            // RFC 9747: a packet per second at most until the session is Up.
            EchoMode::Unaffiliated { interval } if self.state == State::Up => wire_nanos(interval),
            EchoMode::Unaffiliated { interval } if self.state != State::AdminDown => {
                wire_nanos(interval).max(SECOND)
            }
            _ => 0,
        };
        let old = std::mem::replace(&mut self.echo.interval, interval);
        if old == interval {
            return;
        }
        if interval == 0 {
            (self.echo.next, self.echo.deadline) = (Time::NEVER, Time::NEVER);
        } else if old == 0 {
            self.echo.returned = self.echo.sent;
            self.echo.next = now;
        } else {
            self.echo.next = self.echo.next.min(now.after(interval));
            if self.echo.deadline != Time::NEVER {
                self.echo.deadline = now.after(self.echo_detection_time());
            }
        }
        self.apply_timers(now, false, random);
    }

    pub(crate) fn echo_detection_time(&self) -> u64 {
        u64::from(self.traits.detect_mult) * self.echo.interval
    }

    /// Counts an echo that leaves now, and says which it is.
    pub(crate) fn note_echo_sent(&mut self, now: Time, random: &mut Random) -> u64 {
        let detection = self.echo_detection_time();
        let echo = &mut self.echo;
        echo.sent += 1;
        echo.times[(echo.sent % KEPT as u64) as usize] = now;
        if echo.deadline == Time::NEVER {
            echo.deadline = now.after(detection);
        }
        echo.next = now.after(random.jittered(echo.interval, self.traits.detect_mult));
        self.counters.echo_out += 1;
        self.echo.sent
    }

    /// An awaited echo came back.
    pub(crate) fn note_echo_returned(&mut self, arrival: Time, sequence: u64, sent: Option<Time>) {
        let detection = self.echo_detection_time();
        let echo = &mut self.echo;
        echo.returned = sequence;
        echo.deadline = if echo.unanswered() == 0 { Time::NEVER } else { arrival.after(detection) };
        self.counters.echo_in += 1;
        if let Some(sent) = sent {
            self.rtt.record(arrival.saturating_since(sent));
        }
    }

    /// The echo deadline has passed; whether that is a failure.
    pub(crate) fn expire_echo(&mut self, now: Time, limit: Time, random: &mut Random) -> bool {
        if self.echo.unanswered() < u64::from(self.traits.detect_mult) {
            self.echo.deadline = limit.after(self.echo.interval.max(1));
            return false;
        }
        // An unaffiliated session goes on sending, and starts anew.
        self.echo.returned = self.echo.sent;
        self.echo.deadline = Time::NEVER;
        let failed = matches!(self.state, State::Init | State::Up);
        if failed {
            if !self.is_unaffiliated() {
                self.echo.hold_down(now, self.state_since);
            }
            let change = Change::Down(Diag::ECHO_FAILED, DownReason::EchoFailed);
            self.enter(now, State::Down, Diag::ECHO_FAILED, change, random);
        }
        failed
    }
}
