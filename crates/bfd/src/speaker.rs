//! All sessions of a daemon: how packets find theirs, and whose turn it is.

use std::collections::VecDeque;
use std::net::IpAddr;

use ahash::RandomState;
use ferr_bfd_wire::{AuthKey, AuthType, Control, Diag, Echo, EchoKey, Packet};
use ferr_types::{IfIndex, VrfId};
use hashbrown::HashMap;

use crate::config::{ConfigError, HopMode, SessionConfig, SessionKey};
use crate::counters::{Cause, Counters, Drops};
use crate::event::Event;
use crate::heap::Heap;
use crate::random::Random;
use crate::session::Session;
use crate::time::Time;
use crate::transmit::{Lateness, Secrets, Transmit};
use crate::view::{SessionView, SpeakerView};
use crate::{Histogram, LATE_AFTER};

/// TTL of an echo of ours that one router looped.
const TTL_LOOPED: u8 = 254;

/// Names a session for as long as it lives; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId {
    slot: u32,
    generation: u32,
}

impl SessionId {
    pub(crate) const fn slot(self) -> u32 {
        self.slot
    }
}

/// A datagram and what the kernel said about it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// VRF of the socket.
    pub vrf: VrfId,
    /// Interface that it came in on.
    pub interface: Option<IfIndex>,
    /// Sender.
    pub source: IpAddr,
    /// Our address that it was sent to.
    pub destination: Option<IpAddr>,
    /// TTL or hop limit; without it the packet is refused.
    pub ttl: Option<u8>,
    /// Which port it came to; ignored for echoes.
    pub hop: HopMode,
    /// When the kernel got it, on the clock of `now`; without it, the packet counts as in time.
    pub arrival: Option<Time>,
    /// Payload of the datagram.
    pub payload: &'a [u8],
}

/// What to do with a datagram that came to the echo port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EchoVerdict {
    /// One of ours, back again.
    Returned(SessionId),
    /// The peer's: send the payload back to it with TTL 254, if the kernel does not loop such packets by itself.
    Loop(SessionId),
    /// Nothing; it was counted.
    Dropped,
}

/// Why a session cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The speaker has as many sessions as it was made for.
    #[error("no room for another session")]
    Full,
    /// There is one with this key.
    #[error("the session exists")]
    Exists(SessionId),
    /// It could not work.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

#[repr(C)]
struct Slot {
    generation: u32,
    /// Waits in the queue of events.
    queued: bool,
    /// What the two heaps hold for this slot; saves looking there when nothing changes.
    wake: Time,
    check: Time,
    session: Option<Session>,
}

/// All BFD sessions of a daemon.
pub struct Speaker {
    slots: Vec<Slot>,
    free: Vec<u32>,
    capacity: usize,
    discriminators: HashMap<u32, u32, RandomState>,
    keys: HashMap<SessionKey, u32, RandomState>,
    /// When a session wants to send, exactly.
    transmits: Heap,
    /// When a session may have failed: never later than its deadline, and looked at when it is reached.
    deadlines: Heap,
    events: VecDeque<u32>,
    random: Random,
    secrets: Secrets,
    /// Everything that arrived until then was seen.
    drained: Time,
    drops: Drops,
    detection_error: Histogram,
    lateness: Histogram,
    late_wakeups: u64,
}

impl Speaker {
    /// A speaker for at most `capacity` sessions. `seed` has to be random and secret: discriminators, sequence numbers, the keys of the
    /// echo packets and of the hash tables, and jitter come from it.
    pub fn new(seed: u128, capacity: usize) -> Self {
        let capacity = capacity.min(u32::MAX as usize / 2);
        let mut random = Random::new(seed);
        let mut hasher =
            || RandomState::with_seeds(random.secret(), random.secret(), random.secret(), random.secret());
        let discriminators = HashMap::with_capacity_and_hasher(capacity, hasher());
        let keys = HashMap::with_capacity_and_hasher(capacity, hasher());
        let echo = EchoKey::new(random.secret(), random.secret());
        let mut secret = [0; 16];
        secret[..8].copy_from_slice(&random.secret().to_be_bytes());
        secret[8..].copy_from_slice(&random.secret().to_be_bytes());
        let unaffiliated = AuthKey::new(AuthType::MeticulousSha1, 1, &secret).ok();
        Self {
            slots: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
            discriminators,
            keys,
            transmits: Heap::new(capacity),
            deadlines: Heap::new(capacity),
            events: VecDeque::with_capacity(capacity),
            random,
            secrets: Secrets { echo, unaffiliated },
            drained: Time::ZERO,
            drops: Drops::default(),
            detection_error: Histogram::default(),
            lateness: Histogram::default(),
            late_wakeups: 0,
        }
    }

    /// Makes a session. It speaks within 100 ms.
    ///
    /// # Errors
    /// See [`AddError`].
    pub fn add(&mut self, now: Time, key: SessionKey, config: SessionConfig) -> Result<SessionId, AddError> {
        config.check(&key)?;
        if let Some(slot) = self.keys.get(&key) {
            return Err(AddError::Exists(self.id(*slot)));
        }
        let discriminator = loop {
            let candidate = self.random.secret() as u32;
            if candidate != 0 && !self.discriminators.contains_key(&candidate) {
                break candidate;
            }
        };
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() == self.capacity => return Err(AddError::Full),
            None => {
                self.slots.push(Slot {
                    generation: 0,
                    queued: false,
                    wake: Time::NEVER,
                    check: Time::NEVER,
                    session: None,
                });
                (self.slots.len() - 1) as u32
            }
        };
        self.slots[slot as usize].session =
            Some(Session::new(now, key, config, discriminator, &mut self.random));
        self.discriminators.insert(discriminator, slot);
        self.keys.insert(key, slot);
        self.touch(slot);
        Ok(self.id(slot))
    }

    /// Ends a session at once and returns its key. To let the peer know, hold it down first and send what
    /// [`Self::poll_transmit`] gives.
    pub fn remove(&mut self, id: SessionId) -> Option<SessionKey> {
        self.get_mut(id)?;
        let slot = self.slots.get_mut(id.slot as usize)?;
        let session = slot.session.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.discriminators.remove(&session.local_discr);
        self.keys.remove(&session.key);
        (slot.wake, slot.check) = (Time::NEVER, Time::NEVER);
        self.transmits.set(id.slot, Time::NEVER);
        self.deadlines.set(id.slot, Time::NEVER);
        self.free.push(id.slot);
        Some(session.key)
    }

    /// Takes a new configuration over. Timers change by a Poll Sequence, without touching the state; the same configuration again does
    /// nothing; `None` is no such session.
    ///
    /// # Errors
    /// The configuration cannot work; the old one stays.
    pub fn set_config(
        &mut self,
        now: Time,
        id: SessionId,
        config: SessionConfig,
    ) -> Result<Option<()>, ConfigError> {
        let Some(session) = self.get(id) else { return Ok(None) };
        config.check(&session.key)?;
        Ok(self.with(id, |session, random| session.set_config(now, config, random)))
    }

    /// Holds a session down, or lets it go (RFC 5880 section 6.8.16).
    pub fn set_admin_down(&mut self, now: Time, id: SessionId, down: bool) -> Option<()> {
        self.with(id, |session, random| session.set_admin_down(now, down, random))
    }

    /// Takes a session down for a reason outside of BFD, such as [`Diag::FORWARDING_PLANE_RESET`] (section 6.8.15) or
    /// [`Diag::PATH_DOWN`]; it may come up again at once.
    pub fn fail(&mut self, now: Time, id: SessionId, diag: Diag) -> Option<()> {
        self.with(id, |session, random| session.fail(now, diag, random))
    }

    /// Tells the peer about a concatenated path without touching the state (section 6.8.17).
    pub fn set_diag(&mut self, id: SessionId, diag: Diag) -> Option<()> {
        self.with(id, |session, _| {
            if session.diag != diag {
                session.diag = diag;
                session.mark_changed();
            }
        })
    }

    /// Checks the path by a Poll Sequence: with demand mode, the session fails unless the peer answers (section 6.6).
    pub fn verify(&mut self, id: SessionId) -> Option<()> {
        self.with(id, |session, _| {
            session.start_poll();
        })
    }

    /// Counts a packet that the driver could not send.
    pub fn note_send_failure(&mut self, id: SessionId) -> Option<()> {
        self.with(id, |session, _| session.counters.send_failures += 1)
    }

    /// Sets the counters of a session to zero.
    pub fn clear_counters(&mut self, id: SessionId) -> Option<()> {
        self.with(id, |session, _| {
            session.counters = Counters::default();
            session.detection_error = Histogram::default();
        })
    }

    /// A control packet arrived; the session that used it.
    ///
    /// # Errors
    /// Why it was not used. That was counted, and needs no action.
    pub fn receive(&mut self, now: Time, packet: &Received<'_>) -> Result<SessionId, Cause> {
        let decoded = match Packet::decode(packet.payload) {
            Ok(decoded) => decoded,
            Err(error) => return Err(self.refuse(None, error.into())),
        };
        let slot = self.select(now, &decoded.control, packet)?;
        let Some(session) = self.slots[slot as usize].session.as_mut() else {
            return Err(self.refuse(None, Cause::NoSession));
        };
        if packet.ttl.is_none_or(|ttl| ttl < session.traits.least_ttl) {
            return Err(self.refuse(Some(slot), Cause::Ttl));
        }
        let stamp = packet.arrival.map(|arrival| arrival.min(now).max(self.drained));
        let arrival = stamp.unwrap_or(now);
        if let Err(error) = session.authenticate(arrival, &decoded) {
            if let Some(count) = session.auth_notice.note(now) {
                session.pending.auth = Some((error, count));
            }
            return Err(self.refuse(Some(slot), error.into()));
        }
        if stamp.is_some_and(|stamp| stamp > session.control_deadline()) {
            self.expire(slot, now, arrival);
        }
        let Some(session) = self.slots[slot as usize].session.as_mut() else {
            return Err(self.refuse(None, Cause::NoSession));
        };
        if packet.destination.is_some() {
            session.learned_local = packet.destination;
        }
        if packet.interface.is_some() {
            session.learned_interface = packet.interface;
        }
        match session.receive(now, arrival, &decoded.control, &mut self.random) {
            Ok(()) => {
                self.touch(slot);
                Ok(self.id(slot))
            }
            Err(cause) => Err(self.refuse(Some(slot), cause)),
        }
    }

    /// The session of a packet (RFC 5880 sections 6.3 and 6.8.6, RFC 5881 section 3, RFC 5883 section 4.1).
    fn select(&mut self, now: Time, control: &Control, packet: &Received<'_>) -> Result<u32, Cause> {
        if control.your_discriminator == 0 {
            if let Some(slot) = self.by_addresses(packet, packet.hop) {
                return Ok(slot);
            }
            let Some(slot) = self.by_addresses(packet, packet.hop.other()) else {
                return Err(self.refuse(None, Cause::NoSession));
            };
            return Err(self.refuse_hop_mode(slot, now));
        }
        let Some(&slot) = self.discriminators.get(&control.your_discriminator) else {
            return Err(self.refuse(None, Cause::UnknownDiscriminator));
        };
        let Some(session) = &self.slots[slot as usize].session else {
            return Err(self.refuse(None, Cause::UnknownDiscriminator));
        };
        if session.is_unaffiliated() {
            return Err(self.refuse(None, Cause::UnknownDiscriminator));
        }
        if session.vrf != packet.vrf {
            return Err(self.refuse(Some(slot), Cause::Vrf));
        }
        if session.traits.hop != packet.hop {
            if session.key.remote == packet.source {
                return Err(self.refuse_hop_mode(slot, now));
            }
            return Err(self.refuse(Some(slot), Cause::HopMode));
        }
        Ok(slot)
    }

    /// The session with these addresses, the most specific one first.
    fn by_addresses(&self, packet: &Received<'_>, hop: HopMode) -> Option<u32> {
        let (local, interface) = (packet.destination, packet.interface);
        let tries = [(local, interface), (None, interface), (local, None), (None, None)];
        let slot = tries.into_iter().find_map(|(local, interface)| {
            let key = SessionKey { vrf: packet.vrf, local, remote: packet.source, interface, hop };
            self.keys.get(&key).copied()
        })?;
        let session = self.slots[slot as usize].session.as_ref()?;
        (!session.is_unaffiliated() && !session.came_elsewhere(packet.interface)).then_some(slot)
    }

    fn refuse_hop_mode(&mut self, slot: u32, now: Time) -> Cause {
        if let Some(session) = &mut self.slots[slot as usize].session
            && let Some(count) = session.hop_notice.note(now)
        {
            session.pending.hop_mode = Some(count);
        }
        self.refuse(Some(slot), Cause::HopMode)
    }

    fn refuse(&mut self, slot: Option<u32>, cause: Cause) -> Cause {
        self.drops.add(cause);
        if let Some(slot) = slot {
            if let Some(session) = &mut self.slots[slot as usize].session {
                session.counters.drops.add(cause);
            }
            self.touch(slot);
        }
        cause
    }

    /// A datagram came to the echo port.
    pub fn receive_echo(&mut self, now: Time, packet: &Received<'_>) -> EchoVerdict {
        let stamp = packet.arrival.map(|arrival| arrival.min(now).max(self.drained));
        let verdict = match packet.ttl {
            Some(255) => self.loop_echo(stamp.unwrap_or(now), packet),
            Some(TTL_LOOPED) => self.echo_returned(now, stamp, packet),
            _ => None,
        };
        verdict.unwrap_or_else(|| {
            self.refuse(None, Cause::Echo);
            EchoVerdict::Dropped
        })
    }

    fn loop_echo(&mut self, arrival: Time, packet: &Received<'_>) -> Option<EchoVerdict> {
        let slot = self.by_addresses(packet, HopMode::Single)?;
        let session = self.slots[slot as usize].session.as_mut()?;
        let granted = session.echo_receive();
        let may = session.state == ferr_bfd_wire::State::Up && session.echo.may_loop(arrival, granted);
        may.then(|| EchoVerdict::Loop(self.id(slot)))
    }

    fn echo_returned(
        &mut self,
        now: Time,
        stamp: Option<Time>,
        packet: &Received<'_>,
    ) -> Option<EchoVerdict> {
        let arrival = stamp.unwrap_or(now);
        let (slot, sequence, sent, control) = match Echo::decode(packet.payload, self.secrets.echo) {
            Ok(echo) => {
                let slot = *self.discriminators.get(&echo.discriminator)?;
                (slot, echo.sequence, Some(Time(echo.sent)), None)
            }
            Err(_) => {
                let decoded = Packet::decode(packet.payload).ok()?;
                let auth = decoded.auth().ok()??;
                let slot = *self.discriminators.get(&decoded.control.my_discriminator)?;
                self.secrets.unaffiliated.as_ref()?.verify(&decoded, &auth).ok()?;
                let session = self.slots[slot as usize].session.as_ref()?;
                let sequence = session.echo_of(auth.sequence()?)?;
                (slot, sequence, session.echo.sent_at(sequence), Some(decoded.control))
            }
        };
        let session = self.slots[slot as usize].session.as_ref()?;
        if session.key.vrf != packet.vrf
            || session.is_unaffiliated() != control.is_some()
            || !session.echo.is_awaited(sequence)
        {
            return None;
        }
        if stamp.is_some_and(|stamp| stamp > session.echo.deadline()) {
            self.expire(slot, now, arrival);
        }
        let session = self.slots[slot as usize].session.as_mut()?;
        if session.echo.is_awaited(sequence) {
            session.note_echo_returned(arrival, sequence, sent);
            if let Some(control) = control {
                session.advance(now, &control, &mut self.random);
            }
        }
        self.touch(slot);
        Some(EchoVerdict::Returned(self.id(slot)))
    }

    /// Declares what failed. Every packet that arrived until `drained` must have been given before: a deadline counts as missed when
    /// it is not after that. `now` tells how late that is.
    pub fn handle_timeout(&mut self, now: Time, drained: Time) {
        let drained = drained.min(now);
        self.drained = self.drained.max(drained);
        if let Some(wake) = self.poll_timeout()
            && wake != Time::ZERO
            && now.saturating_since(wake) > LATE_AFTER
        {
            self.late_wakeups += 1;
        }
        while let Some((at, slot)) = self.deadlines.first() {
            if at > drained {
                break;
            }
            let session = self.slots[slot as usize].session.as_ref();
            let deadline = session.map_or(Time::NEVER, Session::deadline);
            if deadline > drained {
                self.slots[slot as usize].check = deadline;
                self.deadlines.set(slot, deadline);
            } else {
                self.expire(slot, now, drained);
            }
        }
    }

    /// What was missing until `limit` is declared.
    fn expire(&mut self, slot: u32, now: Time, limit: Time) {
        let Some(session) = &mut self.slots[slot as usize].session else { return };
        let (control, echo) = (session.control_deadline(), session.echo.deadline());
        let failed = if control <= limit && control <= echo {
            session.expire_control(now, &mut self.random)
        } else {
            session.expire_echo(now, limit, &mut self.random)
        };
        if failed {
            let error = now.saturating_since(control.min(echo));
            session.detection_error.record(error);
            self.detection_error.record(error);
        }
        let deadline = session.deadline();
        self.slots[slot as usize].check = deadline;
        self.deadlines.set(slot, deadline);
        self.touch(slot);
    }

    /// When to call again, unless something arrives before; never later than needed, at times earlier.
    pub fn poll_timeout(&self) -> Option<Time> {
        let first = |heap: &Heap| heap.first().map(|(time, _)| time);
        match (first(&self.transmits), first(&self.deadlines)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Writes what is due at `now` into `out` and returns how many; call again when all were used.
    pub fn poll_transmit(&mut self, now: Time, out: &mut [Transmit]) -> usize {
        let mut count = 0;
        while let Some(place) = out.get_mut(count) {
            let Some((at, slot)) = self.transmits.first() else { break };
            if at > now {
                break;
            }
            let id = self.id(slot);
            let Some(session) = &mut self.slots[slot as usize].session else {
                self.transmits.set(slot, Time::NEVER);
                continue;
            };
            if let Some(lateness) = session.transmit(now, id, &self.secrets, &mut self.random, place) {
                count += 1;
                if let Lateness::Scheduled(late) = lateness {
                    self.lateness.record(late);
                }
            }
            self.touch(slot);
        }
        count
    }

    /// What happened, session by session.
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(&index) = self.events.front() {
            let id = self.id(index);
            let slot = &mut self.slots[index as usize];
            if let Some(session) = &mut slot.session
                && let Some(event) = session.pending.pop(id, session.key.hop)
            {
                return Some(event);
            }
            slot.queued = false;
            self.events.pop_front();
        }
        None
    }

    /// The session with this key.
    pub fn find(&self, key: &SessionKey) -> Option<SessionId> {
        self.keys.get(key).map(|slot| self.id(*slot))
    }

    /// A session as `show` wants it.
    pub fn session(&self, id: SessionId) -> Option<SessionView> {
        self.get(id).map(|session| session.view(id))
    }

    /// All sessions, in the order of their slots.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView> {
        (0..).zip(&self.slots).filter_map(|(slot, entry)| {
            let id = SessionId { slot, generation: entry.generation };
            entry.session.as_ref().map(|session| session.view(id))
        })
    }

    /// The speaker as a whole.
    pub fn view(&self) -> SpeakerView {
        SpeakerView {
            sessions: self.keys.len(),
            capacity: self.capacity,
            drops: self.drops,
            detection_error: self.detection_error.clone(),
            lateness: self.lateness.clone(),
            late_wakeups: self.late_wakeups,
        }
    }

    fn id(&self, slot: u32) -> SessionId {
        let generation = self.slots.get(slot as usize).map_or(0, |slot| slot.generation);
        SessionId { slot, generation }
    }

    fn get(&self, id: SessionId) -> Option<&Session> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.session.as_ref().filter(|_| slot.generation == id.generation)
    }

    fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.session.as_mut().filter(|_| slot.generation == id.generation)
    }

    fn with(&mut self, id: SessionId, change: impl FnOnce(&mut Session, &mut Random)) -> Option<()> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        change(slot.session.as_mut()?, &mut self.random);
        self.touch(id.slot);
        Some(())
    }

    /// Brings timers and events in line with the session.
    fn touch(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(session) = &slot.session else { return };
        let (wake, deadline) = (session.wake(), session.deadline());
        if wake != slot.wake {
            slot.wake = wake;
            self.transmits.set(index, wake);
        }
        if deadline < slot.check {
            slot.check = deadline;
            self.deadlines.set(index, deadline);
        }
        if !slot.queued && !session.pending.is_empty() {
            slot.queued = true;
            self.events.push_back(index);
        }
    }
}
