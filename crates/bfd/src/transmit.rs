//! Transmission (RFC 5880 section 6.8.7).

use std::net::IpAddr;

use ferr_bfd_wire::{
    AuthKey, Control, ECHO_LEN, Echo, EchoKey, MAX_LEN, PORT_ECHO, Sequence, State, set_poll_final,
};
use ferr_types::{IfIndex, VrfId};

use crate::SessionId;
use crate::config::HopMode;
use crate::random::Random;
use crate::session::Session;
use crate::time::{Time, micros};

/// First and number of the UDP source ports (RFC 5881 section 4).
const SOURCE_PORTS: (u16, u32) = (49152, 16384);

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PacketKind {
    /// To the peer.
    #[default]
    Control,
    /// Through the peer back to us: its IP destination is one of our own addresses (`source`, when known), its link-layer
    /// destination is the peer's.
    Echo,
}

/// A datagram to be sent. Made to be reused: [`crate::Speaker::poll_transmit`] fills a slice of them.
#[derive(Debug, Clone)]
pub struct Transmit {
    /// The session that sends.
    pub session: SessionId,
    /// Control or echo.
    pub kind: PacketKind,
    /// The VRF of the socket.
    pub vrf: VrfId,
    /// Where to send; `None` leaves it to the route.
    pub interface: Option<IfIndex>,
    /// Our address; `None` leaves it to the route.
    pub source: Option<IpAddr>,
    /// The peer's address.
    pub destination: IpAddr,
    /// UDP destination port.
    pub port: u16,
    /// UDP source port, always the same for a session; sessions up to 16,384 have different ones.
    pub source_port: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    len: u8,
    buffer: [u8; MAX_LEN],
}

impl Default for Transmit {
    fn default() -> Self {
        Self {
            session: SessionId::default(),
            kind: PacketKind::Control,
            vrf: VrfId::DEFAULT,
            interface: None,
            source: None,
            destination: IpAddr::from([0; 4]),
            port: 0,
            source_port: 0,
            ttl: 255,
            len: 0,
            buffer: [0; MAX_LEN],
        }
    }
}

impl Transmit {
    /// The payload.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..usize::from(self.len)]
    }
}

/// Keys of a speaker.
pub(crate) struct Secrets {
    pub(crate) echo: EchoKey,
    /// Signs unaffiliated echoes, which nobody else has to understand.
    pub(crate) unaffiliated: Option<AuthKey>,
}

impl Session {
    /// Writes what is due at `now`, if anything is, and returns how late it is.
    pub(crate) fn transmit(
        &mut self,
        now: Time,
        id: SessionId,
        secrets: &Secrets,
        random: &mut Random,
        out: &mut Transmit,
    ) -> Option<Lateness> {
        self.settle_poll_if_due(now, random);
        let control_due = self.control_wake() <= now;
        if !control_due && self.echo.wake() > now {
            return None;
        }
        self.address(id, out);
        if !control_due {
            let due = self.echo.wake();
            self.write_echo(now, secrets, random, out);
            return Some(self.lateness(now, due));
        }
        let is_final = std::mem::take(&mut self.final_pending);
        let poll = self.poll && !is_final;
        self.encode(poll, is_final);
        out.kind = PacketKind::Control;
        out.port = self.traits.hop.port();
        out.source = self.key.local;
        out.len = self.cached.bytes[3];
        out.buffer = self.cached.bytes;
        self.counters.control_out += 1;
        if is_final {
            // Section 6.5: the answer is no part of the periodic transmission, which goes on as it was.
            return Some(Lateness::Unscheduled);
        }
        if poll && self.poll_started == Time::NEVER {
            self.poll_started = now;
        }
        let due = self.next_tx;
        let scheduled = !std::mem::take(&mut self.send_now);
        self.last_tx = Some(now);
        self.next_tx = now.after(random.jittered(self.interval, self.traits.detect_mult));
        Some(if scheduled { self.lateness(now, due) } else { Lateness::Unscheduled })
    }

    fn lateness(&mut self, now: Time, due: Time) -> Lateness {
        let late = now.saturating_since(due);
        if late > crate::LATE_AFTER {
            self.counters.late += 1;
        }
        Lateness::Scheduled(late)
    }

    fn address(&self, id: SessionId, out: &mut Transmit) {
        out.session = id;
        out.vrf = self.vrf;
        out.interface = self.key.interface.or(match self.traits.hop {
            HopMode::Single => self.learned_interface,
            HopMode::Multi => None,
        });
        out.destination = self.key.remote;
        out.ttl = 255;
        out.source_port = SOURCE_PORTS.0 + (id.slot() % SOURCE_PORTS.1) as u16;
    }

    fn control(&self, poll: bool, is_final: bool) -> Control {
        Control {
            diag: self.diag,
            state: self.state,
            poll,
            is_final,
            control_plane_independent: self.config.control_plane_independent,
            demand: self.demand_active,
            detect_mult: self.traits.detect_mult,
            my_discriminator: self.local_discr,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: micros(self.desired_tx),
            required_min_rx: micros(self.required_rx),
            required_min_echo_rx: micros(self.echo_receive()),
        }
    }

    /// Brings the cached packet up to date, as cheaply as possible.
    fn encode(&mut self, poll: bool, is_final: bool) {
        let flags = Some((poll, is_final));
        let stale = std::mem::take(&mut self.cached.stale);
        let auth = if self.traits.authenticated { self.config.auth.as_ref() } else { None };
        let key = auth.map(|auth| &auth.send);
        if stale {
            let control = self.control(poll, is_final);
            control.encode(key.map_or(0, AuthKey::section_len), &mut self.cached.bytes);
        } else if flags != self.cached.flags {
            set_poll_final(&mut self.cached.bytes, poll, is_final);
        }
        if let Some(key) = key
            && (stale || flags != self.cached.flags || key.kind().is_meticulous())
        {
            key.sign(&mut self.cached.bytes, self.transmit_sequence);
            self.transmit_sequence = self.transmit_sequence.next();
        }
        self.cached.flags = flags;
    }

    fn write_echo(&mut self, now: Time, secrets: &Secrets, random: &mut Random, out: &mut Transmit) {
        out.kind = PacketKind::Echo;
        out.port = PORT_ECHO;
        out.source = self.key.local.or(self.learned_local);
        let sequence = self.note_echo_sent(now, random);
        if !self.is_unaffiliated() {
            let echo = Echo { discriminator: self.local_discr, sequence, sent: now.0 };
            if let Some(buffer) = out.buffer.first_chunk_mut::<ECHO_LEN>() {
                echo.encode(secrets.echo, buffer);
            }
            out.len = ECHO_LEN as u8;
            return;
        }
        // RFC 9747: a control packet that we hear ourselves, as our own peer.
        let control = Control {
            your_discriminator: if self.state == State::Down { 0 } else { self.local_discr },
            required_min_echo_rx: 0,
            ..self.control(false, false)
        };
        let key = secrets.unaffiliated.as_ref();
        control.encode(key.map_or(0, AuthKey::section_len), &mut out.buffer);
        if let Some(key) = key {
            key.sign(&mut out.buffer, self.echo_sequence(sequence));
        }
        out.len = out.buffer[3];
    }

    /// The sequence number that an unaffiliated echo carries.
    fn echo_sequence(&self, sequence: u64) -> Sequence {
        Sequence(self.transmit_sequence.0.wrapping_add(sequence as u32))
    }

    /// The echo that carried this sequence number, if it can be one that was sent.
    pub(crate) fn echo_of(&self, sequence: Sequence) -> Option<u64> {
        let behind = self.echo_sequence(self.echo.sent).0.wrapping_sub(sequence.0);
        self.echo.sent.checked_sub(u64::from(behind))
    }
}

/// How late a transmission was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lateness {
    /// It had no appointed time.
    Unscheduled,
    /// By so much.
    Scheduled(std::time::Duration),
}
