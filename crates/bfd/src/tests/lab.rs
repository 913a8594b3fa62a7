//! Two speakers in virtual time, and a wire between them that delays, loses and reorders.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd_wire::{Control, Packet};
use ferr_types::{IfIndex, VrfId};

use crate::*;

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn at(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

pub(crate) fn address(side: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, side as u8 + 1])
}

pub(crate) fn key(side: usize, hop: HopMode) -> SessionKey {
    SessionKey { vrf: VrfId(0), local: Some(address(side)), remote: address(1 - side), interface: None, hop }
}

pub(crate) struct Datagram {
    arrival: Time,
    to: usize,
    kind: PacketKind,
    hop: HopMode,
    ttl: u8,
    bytes: Vec<u8>,
}

/// A control packet as it left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) time: Time,
    pub(crate) from: usize,
    pub(crate) control: Control,
}

pub(crate) struct Lab {
    pub(crate) now: Time,
    pub(crate) speakers: [Speaker; 2],
    pub(crate) ids: [SessionId; 2],
    pub(crate) configs: [SessionConfig; 2],
    pub(crate) hop: HopMode,
    pub(crate) delay: Duration,
    /// Further delay, at random, below this: packets overtake each other.
    pub(crate) reorder: Duration,
    /// Of 100 packets towards each side, so many are lost.
    pub(crate) loss: [u64; 2],
    /// Of 100 echoes.
    pub(crate) echo_loss: u64,
    pub(crate) sent: Vec<Sent>,
    pub(crate) echoes: Vec<(Time, usize)>,
    pub(crate) events: Vec<(Time, usize, Event)>,
    wire: Vec<Datagram>,
    random: random::Random,
    out: Vec<Transmit>,
}

impl Lab {
    pub(crate) fn new(configs: [SessionConfig; 2]) -> Self {
        Self::with_hop(configs, HopMode::Single)
    }

    pub(crate) fn with_hop(configs: [SessionConfig; 2], hop: HopMode) -> Self {
        let mut speakers = [Speaker::new(1, 4), Speaker::new(2, 4)];
        let now = at(1000);
        let ids = [0, 1].map(|s| speakers[s].add(now, key(s, hop), configs[s].clone()).unwrap());
        Self {
            now,
            speakers,
            ids,
            configs,
            hop,
            delay: ms(1),
            reorder: ms(0),
            loss: [0, 0],
            echo_loss: 0,
            sent: Vec::new(),
            echoes: Vec::new(),
            events: Vec::new(),
            wire: Vec::new(),
            random: random::Random::new(7),
            out: vec![Transmit::default(); 8],
        }
    }

    pub(crate) fn fast() -> SessionConfig {
        SessionConfig { desired_min_tx: ms(50), required_min_rx: ms(50), ..SessionConfig::default() }
    }

    pub(crate) fn view(&self, side: usize) -> SessionView {
        self.speakers[side].session(self.ids[side]).unwrap()
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [self.view(0).state, self.view(1).state]
    }

    pub(crate) fn change(&mut self, side: usize, change: impl FnOnce(&mut SessionConfig)) {
        change(&mut self.configs[side]);
        let config = self.configs[side].clone();
        assert_eq!(self.speakers[side].set_config(self.now, self.ids[side], config), Ok(Some(())));
    }

    /// The process on one side is killed and started again.
    pub(crate) fn restart(&mut self, side: usize) {
        self.speakers[side] = Speaker::new(self.now.0.into(), 4);
        self.wire.retain(|d| d.to != side);
        let (key, config) = (key(side, self.hop), self.configs[side].clone());
        self.ids[side] = self.speakers[side].add(self.now, key, config).unwrap();
    }

    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut idle = 0;
        loop {
            let before = self.now;
            for side in 0..2 {
                self.turn(side);
            }
            let wire = self.wire.iter().map(|d| d.arrival);
            let next = wire.chain(self.speakers.iter().filter_map(Speaker::poll_timeout)).min();
            self.now = next.unwrap_or(end).max(self.now).min(end);
            idle = if self.now == before { idle + 1 } else { 0 };
            assert!(idle < 1000, "no progress at {:?}", self.now);
            if self.now >= end {
                break;
            }
        }
    }

    pub(crate) fn up(&mut self) {
        self.run(ms(8000));
        assert_eq!(self.states(), [State::Up; 2]);
        self.sent.clear();
        self.echoes.clear();
        self.events.clear();
    }

    fn turn(&mut self, side: usize) {
        let start = self.now;
        self.wire.sort_by_key(|d| d.arrival);
        while let Some(index) = self.wire.iter().position(|d| d.to == side && d.arrival <= start) {
            let datagram = self.wire.remove(index);
            self.deliver(side, &datagram);
        }
        self.speakers[side].handle_timeout(self.now, start);
        loop {
            let count = self.speakers[side].poll_transmit(self.now, &mut self.out);
            for index in 0..count {
                self.launch(side, index);
            }
            if count == 0 {
                break;
            }
        }
        while let Some(event) = self.speakers[side].poll_event() {
            self.events.push((self.now, side, event));
        }
    }

    fn deliver(&mut self, side: usize, datagram: &Datagram) {
        let received = Received {
            vrf: VrfId(0),
            interface: Some(IfIndex(3)),
            source: address(1 - side),
            destination: Some(address(side)),
            ttl: Some(datagram.ttl),
            hop: datagram.hop,
            arrival: Some(datagram.arrival),
            payload: &datagram.bytes,
        };
        match datagram.kind {
            PacketKind::Control => {
                let _ = self.speakers[side].receive(self.now, &received);
            }
            PacketKind::Echo => {
                let returned = Received { source: address(side), ..received };
                let verdict = self.speakers[side].receive_echo(self.now, &returned);
                assert!(matches!(verdict, EchoVerdict::Returned(_) | EchoVerdict::Dropped));
            }
        }
    }

    fn launch(&mut self, side: usize, index: usize) {
        let out = &self.out[index];
        assert_eq!(out.destination, address(1 - side));
        let delay = self.delay + Duration::from_nanos(self.random.below(self.reorder.as_nanos() as u64));
        let (to, loss, delay, ttl) = match out.kind {
            PacketKind::Control => {
                let control = Packet::decode(out.bytes()).unwrap().control;
                self.sent.push(Sent { time: self.now, from: side, control });
                (1 - side, self.loss[1 - side], delay, out.ttl)
            }
            PacketKind::Echo => {
                self.echoes.push((self.now, side));
                (side, self.echo_loss, delay * 2, out.ttl - 1)
            }
        };
        if self.random.below(100) >= loss {
            self.wire.push(Datagram {
                arrival: self.now + delay,
                to,
                kind: out.kind,
                hop: self.hop,
                ttl,
                bytes: out.bytes().to_vec(),
            });
        }
    }
}
