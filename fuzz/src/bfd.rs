//! BFD: the codec, and a speaker under arbitrary packets, times and changes of configuration.
//!
//! Beside "no panic" it is checked that the state machine does what RFC 5880 section 6.2 draws, that refused packets change
//! nothing, that a turn of the driver ends, and that ups and downs are told in turn.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd::{
    AuthConfig, AuthKey, AuthType, Cause, EchoMode, EchoVerdict, Event, HopMode, PacketKind, Received,
    SessionConfig, SessionId, SessionKey, Speaker, State, Time, Transmit,
};
use ferr_bfd_wire::{Control, Diag, Echo, EchoKey, MAX_LEN, Packet, Sequence};
use ferr_types::{IfIndex, VrfId};

const KINDS: [AuthType; 5] = [
    AuthType::Simple,
    AuthType::KeyedMd5,
    AuthType::MeticulousMd5,
    AuthType::KeyedSha1,
    AuthType::MeticulousSha1,
];

fn key(kind: AuthType) -> AuthKey {
    AuthKey::new(kind, 1, b"fuzz").expect("a short key")
}

/// A payload of a control or echo packet.
pub fn control(input: &[u8]) {
    let forged = Echo::decode(input, EchoKey::new(1, 2));
    assert!(forged.is_err());
    let Ok(packet) = Packet::decode(input) else { return };
    assert!(input.starts_with(packet.bytes()));
    let mut out = [0; MAX_LEN];
    packet.control.encode(0, &mut out);
    assert_eq!(Packet::decode(&out[..24]).map(|p| p.control), Ok(packet.control));
    assert_eq!(packet.has_auth(), !matches!(packet.auth(), Ok(None)));
    for kind in KINDS {
        let key = key(kind);
        if let Ok(Some(auth)) = packet.auth() {
            let _ = key.verify(&packet, &auth);
        }
        packet.control.encode(key.section_len(), &mut out);
        key.sign(&mut out, Sequence(7));
        let signed = Packet::decode(&out).expect("what was accepted can be sent");
        let auth = signed.auth().expect("a section that we made").expect("with the A bit");
        assert_eq!(key.verify(&signed, &auth), Ok(()));
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &[u8] {
        let len = usize::from(self.byte() & 63).min(self.0.len());
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head
    }

    /// Microseconds, from nothing to hours.
    fn interval(&mut self) -> u32 {
        let (mantissa, shift) = (u32::from(self.byte()), u32::from(self.byte() % 25));
        mantissa << shift
    }

    fn config(&mut self) -> SessionConfig {
        let flags = self.byte();
        let millis = |n: u8| Duration::from_millis(u64::from(n) * 4 + 1);
        let kind = KINDS.get(usize::from(flags >> 5));
        SessionConfig {
            desired_min_tx: millis(self.byte()),
            required_min_rx: millis(self.byte()),
            detect_mult: self.byte() % 8 + 1,
            passive: flags & 1 != 0,
            demand: flags & 2 != 0,
            echo: match flags >> 2 & 3 {
                0 | 1 => EchoMode::Off,
                2 => EchoMode::On { interval: millis(self.byte()) },
                _ => EchoMode::Unaffiliated { interval: millis(self.byte()) },
            },
            auth: kind.map(|kind| AuthConfig { send: key(*kind), accept: Vec::new() }),
            ..SessionConfig::default()
        }
    }
}

/// The state machine of RFC 5880 section 6.2.
fn follows(local: State, received: State) -> State {
    use State::{AdminDown, Down, Init, Up};
    match (local, received) {
        (AdminDown, _) => AdminDown,
        (_, AdminDown) | (Down, Up) | (Up, Down) => Down,
        (Down | Init, Down) => Init,
        (Down, Init) | (Init | Up, Init | Up) => Up,
    }
}

struct World {
    now: Time,
    speaker: Speaker,
    id: SessionId,
    config: SessionConfig,
    sequence: u32,
    told_up: bool,
    echoes: Vec<Vec<u8>>,
}

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

fn session_key() -> SessionKey {
    SessionKey { vrf: VrfId::DEFAULT, local: None, remote: PEER, interface: None, hop: HopMode::Single }
}

impl World {
    fn state(&self) -> State {
        self.speaker.session(self.id).map_or(State::Down, |s| s.state)
    }

    fn received<'a>(&self, payload: &'a [u8], ttl: u8) -> Received<'a> {
        Received {
            vrf: VrfId::DEFAULT,
            interface: Some(IfIndex(1)),
            source: PEER,
            destination: None,
            ttl: Some(ttl),
            hop: HopMode::Single,
            arrival: Some(self.now),
            payload,
        }
    }

    fn packet(&mut self, input: &mut Input<'_>) {
        let (flags, more) = (input.byte(), input.byte());
        let yours = self.speaker.session(self.id).map_or(0, |s| s.discriminator);
        let control = Control {
            diag: Diag::NONE,
            state: [State::AdminDown, State::Down, State::Init, State::Up][usize::from(flags & 3)],
            poll: flags & 4 != 0,
            is_final: flags & 8 != 0,
            control_plane_independent: flags & 16 != 0,
            demand: flags & 32 != 0,
            detect_mult: more % 16 + 1,
            my_discriminator: 1 + u32::from(more >> 7),
            your_discriminator: if more & 64 == 0 { yours } else { 0 },
            desired_min_tx: input.interval(),
            required_min_rx: input.interval(),
            required_min_echo_rx: input.interval(),
        };
        let mut bytes = [0; MAX_LEN];
        let auth = self.config.auth.as_ref().map(|auth| auth.send.clone());
        control.encode(auth.as_ref().map_or(0, AuthKey::section_len), &mut bytes);
        if let Some(key) = auth {
            self.sequence = self.sequence.wrapping_add(u32::from(flags >> 6));
            key.sign(&mut bytes, Sequence(self.sequence));
        }
        let before = self.state();
        let held = self.speaker.session(self.id).and_then(|s| s.held_until).is_some_and(|t| t > self.now);
        let result = self.speaker.receive(self.now, &self.received(&bytes[..usize::from(bytes[3])], 255));
        match result {
            // After lost echoes it stays where it is for a while.
            Ok(_) if held && before == State::Down => assert_eq!(self.state(), before),
            Ok(_) | Err(Cause::AdminDown) => assert_eq!(self.state(), follows(before, control.state)),
            Err(_) => assert_eq!(self.state(), before),
        }
    }

    /// One turn of the driver, as its contract says.
    fn turn(&mut self) {
        let before = self.state();
        self.speaker.handle_timeout(self.now, self.now);
        let after = self.state();
        assert!(after == before || after == State::Down && before >= State::Init);
        let mut out = vec![Transmit::default(); 3];
        for round in 0.. {
            let count = self.speaker.poll_transmit(self.now, &mut out);
            for sent in &out[..count] {
                if sent.kind == PacketKind::Echo {
                    self.echoes.push(sent.bytes().to_vec());
                    continue;
                }
                let sent = Packet::decode(sent.bytes()).expect("we send what we accept").control;
                assert!(!(sent.poll && sent.is_final));
                assert_eq!(sent.state, self.state());
                assert!(sent.state == State::Up || !sent.demand && sent.desired_min_tx >= 1_000_000);
            }
            assert!(round < 3, "a turn has no end");
            if count == 0 {
                break;
            }
        }
        while let Some(event) = self.speaker.poll_event() {
            match event {
                Event::Up(_) => assert!(!std::mem::replace(&mut self.told_up, true)),
                Event::Down { .. } | Event::AdminDown(_) => assert!(std::mem::take(&mut self.told_up)),
                _ => {}
            }
        }
        assert_eq!(self.told_up, self.state() == State::Up);
        assert!(self.speaker.poll_timeout().is_none_or(|t| t > self.now));
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 12 {
            0..=4 => self.packet(input),
            5 => {
                let ttl = input.byte();
                let octets = input.bytes().to_vec();
                let _ = self.speaker.receive(self.now, &self.received(&octets, ttl));
                let verdict = self.speaker.receive_echo(self.now, &self.received(&octets, ttl));
                assert!(!matches!(verdict, EchoVerdict::Returned(_)));
            }
            6 => {
                if let Some(echo) = self.echoes.pop() {
                    let _ = self.speaker.receive_echo(self.now, &self.received(&echo, 254));
                }
                self.echoes.truncate(8);
            }
            7 | 8 => {
                let end = self.now + Duration::from_micros(u64::from(input.interval()));
                for _ in 0..50 {
                    let Some(next) = self.speaker.poll_timeout().filter(|next| *next < end) else { break };
                    self.now = self.now.max(next);
                    self.turn();
                }
                self.now = end;
            }
            9 => {
                let down = input.byte() & 1 != 0;
                let _ = self.speaker.set_admin_down(self.now, self.id, down);
                self.config.admin_down = down;
            }
            10 => {
                let config = SessionConfig { admin_down: self.config.admin_down, ..input.config() };
                let result = self.speaker.set_config(self.now, self.id, config.clone());
                assert_eq!(result, Ok(Some(())));
                self.config = config;
            }
            _ => match input.byte() % 3 {
                0 => drop(self.speaker.verify(self.id)),
                1 => drop(self.speaker.fail(self.now, self.id, Diag::PATH_DOWN)),
                _ => {
                    assert!(self.speaker.remove(self.id).is_some());
                    assert_eq!(self.speaker.poll_timeout(), None);
                    self.told_up = false;
                    self.echoes.clear();
                    let added = self.speaker.add(self.now, session_key(), self.config.clone());
                    self.id = added.expect("its place is free");
                }
            },
        }
    }
}

/// Steps of a session's life.
pub fn session(input: &[u8]) {
    let mut input = Input(input);
    let config = input.config();
    let now = Time(1_000_000_000);
    let mut speaker = Speaker::new(1, 1);
    let id = speaker.add(now, session_key(), config.clone()).expect("there is room");
    let mut world = World { now, speaker, id, config, sequence: 0, told_up: false, echoes: Vec::new() };
    while !input.0.is_empty() {
        world.step(&mut input);
        world.turn();
    }
    assert!(world.speaker.remove(world.id).is_some());
    assert_eq!((world.speaker.poll_timeout(), world.speaker.poll_event()), (None, None));
}
