//! One speaker, and a peer whose packets are made by hand.

use ferr_bfd_wire::{AuthKey, Control, MAX_LEN, Packet};
use ferr_types::{IfIndex, VrfId};

use super::lab::{address, at, key};
use crate::*;

/// The peer's discriminator.
pub(crate) const PEER: u32 = 0xbeef;

pub(crate) struct Solo {
    pub(crate) now: Time,
    pub(crate) speaker: Speaker,
    pub(crate) id: SessionId,
    pub(crate) hop: HopMode,
}

impl Solo {
    pub(crate) fn new(config: SessionConfig) -> Self {
        Self::with_hop(config, HopMode::Single)
    }

    pub(crate) fn with_hop(config: SessionConfig, hop: HopMode) -> Self {
        let now = at(1000);
        let mut speaker = Speaker::new(1, 8);
        let id = speaker.add(now, key(0, hop), config).unwrap();
        Self { now, speaker, id, hop }
    }

    /// Both sides are Up, and the Poll Sequence that follows is over.
    pub(crate) fn up(config: SessionConfig) -> Self {
        let mut solo = Self::new(config);
        solo.come_up(&solo.control(State::Init));
        solo
    }

    pub(crate) fn come_up(&mut self, control: &Control) {
        assert_eq!(self.give(&Control { state: State::Init, ..*control }), Ok(self.id));
        if self.view().state != State::Up {
            assert_eq!(self.give(&Control { state: State::Down, ..*control }), Ok(self.id));
            assert_eq!(self.give(&Control { state: State::Init, ..*control }), Ok(self.id));
        }
        assert_eq!(self.view().state, State::Up);
        self.drain();
        self.give(&Control { state: State::Up, is_final: true, ..*control }).unwrap();
        self.give(&Control { state: State::Up, ..*control }).unwrap();
        self.drain();
        while self.speaker.poll_event().is_some() {}
        assert!(!self.view().poll);
    }

    pub(crate) fn view(&self) -> SessionView {
        self.speaker.session(self.id).unwrap()
    }

    /// What a peer with 300 ms x 3 says.
    pub(crate) fn control(&self, state: State) -> Control {
        Control {
            diag: Diag::NONE,
            state,
            poll: false,
            is_final: false,
            control_plane_independent: false,
            demand: false,
            detect_mult: 3,
            my_discriminator: PEER,
            your_discriminator: self.view().discriminator,
            desired_min_tx: 300_000,
            required_min_rx: 300_000,
            required_min_echo_rx: 0,
        }
    }

    pub(crate) fn received<'a>(&self, payload: &'a [u8]) -> Received<'a> {
        Received {
            vrf: VrfId(0),
            interface: Some(IfIndex(3)),
            source: address(1),
            destination: Some(address(0)),
            ttl: Some(255),
            hop: self.hop,
            arrival: Some(self.now),
            payload,
        }
    }

    pub(crate) fn give(&mut self, control: &Control) -> Result<SessionId, Cause> {
        let mut bytes = [0; MAX_LEN];
        control.encode(0, &mut bytes);
        self.give_bytes(&bytes[..24])
    }

    pub(crate) fn give_signed(
        &mut self,
        control: &Control,
        key: &AuthKey,
        sequence: u32,
    ) -> Result<SessionId, Cause> {
        let bytes = signed(control, key, sequence);
        self.give_bytes(&bytes)
    }

    pub(crate) fn give_bytes(&mut self, bytes: &[u8]) -> Result<SessionId, Cause> {
        let received = self.received(bytes);
        self.speaker.receive(self.now, &received)
    }

    /// All that is due.
    pub(crate) fn drain(&mut self) -> Vec<Control> {
        let mut out = vec![Transmit::default(); 4];
        let mut packets = Vec::new();
        loop {
            let count = self.speaker.poll_transmit(self.now, &mut out);
            let control = |t: &Transmit| t.kind == PacketKind::Control;
            packets.extend(
                out[..count]
                    .iter()
                    .filter(|t| control(t))
                    .map(|t| Packet::decode(t.bytes()).unwrap().control),
            );
            if count == 0 {
                return packets;
            }
        }
    }

    /// Moves time without a packet, as a punctual driver does, and returns what was sent when.
    pub(crate) fn wait(&mut self, duration: Duration) -> Vec<(Time, Control)> {
        let end = self.now + duration;
        let mut packets = Vec::new();
        while let Some(next) = self.speaker.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.speaker.handle_timeout(self.now, self.now);
            let now = self.now;
            packets.extend(self.drain().into_iter().map(|control| (now, control)));
        }
        self.now = end;
        packets
    }

    pub(crate) fn state(&self) -> State {
        self.view().state
    }
}

pub(crate) fn signed(control: &Control, key: &AuthKey, sequence: u32) -> Vec<u8> {
    let mut bytes = [0; MAX_LEN];
    control.encode(key.section_len(), &mut bytes);
    key.sign(&mut bytes, ferr_bfd_wire::Sequence(sequence));
    bytes[..usize::from(bytes[3])].to_vec()
}
