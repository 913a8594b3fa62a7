//! BFD sessions of the world: two speakers that talked in virtual time, and a server that answers for the first of them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;
use std::time::Duration;

use ferr_state::ferr_bfd::{
    EchoMode, Event, HopMode, PacketKind, Received, SessionConfig, SessionId, SessionKey, Speaker, State,
    Time, Transmit,
};
use ferr_state::{BfdClient, BfdName, BfdPeerView, BfdRequest, HopReason};
use ferr_types::{IfIndex, VrfId};
use tokio::sync::mpsc;

/// How long the speakers talked, and the wire's delay.
const TALK: Duration = Duration::from_secs(693);
const DELAY: Duration = Duration::from_millis(1);

/// A session, and whether the other speaker has its counterpart.
struct Wish {
    name: BfdName,
    clients: Vec<BfdClient>,
    profile: Option<&'static str>,
    reason: HopReason,
    interface: Option<(u32, &'static str)>,
    config: SessionConfig,
    /// Our address, as the peer sees it; the peer answers when there is one.
    answered: Option<&'static str>,
}

fn name(vrf: &str, remote: &str) -> BfdName {
    let remote = remote.parse().unwrap();
    BfdName { vrf: vrf.into(), remote, multihop: false, local: None, interface: None }
}

fn wishes() -> Vec<Wish> {
    let usual = Wish {
        name: name("default", "10.255.0.2"),
        clients: vec![BfdClient::Bgp("default".into())],
        profile: None,
        reason: HopReason::ExternalNeighbor,
        interface: Some((2, "eth12")),
        config: SessionConfig::default(),
        answered: Some("10.255.0.1"),
    };
    let far = BfdName { multihop: true, local: "1.1.1.1".parse().ok(), ..name("default", "2.2.2.2") };
    let link = BfdName { interface: Some("eth12".into()), ..name("default", "fe80::2") };
    let fast = SessionConfig {
        desired_min_tx: Duration::from_millis(60),
        required_min_rx: Duration::from_millis(50),
        detect_mult: 5,
        echo: EchoMode::On { interval: Duration::from_millis(55) },
        ..SessionConfig::default()
    };
    vec![
        Wish {
            name: far,
            clients: vec![BfdClient::Operator],
            profile: Some("far"),
            reason: HopReason::Pinned,
            interface: None,
            config: SessionConfig { minimum_ttl: Some(200), ..SessionConfig::default() },
            answered: Some("1.1.1.1"),
        },
        Wish {
            name: link,
            clients: vec![BfdClient::Operator],
            reason: HopReason::Pinned,
            config: SessionConfig { admin_down: true, ..fast },
            answered: None,
            ..usual
        },
        Wish {
            name: name("default", "10.0.12.99"),
            clients: vec![BfdClient::Static],
            reason: HopReason::Connected,
            config: SessionConfig { passive: true, ..SessionConfig::default() },
            interface: None,
            answered: None,
            profile: None,
        },
        // The same address in another VRF.
        Wish {
            name: name("red", "10.255.0.2"),
            clients: vec![BfdClient::Bgp("red".into()), BfdClient::Operator],
            reason: HopReason::Connected,
            interface: Some((10, "eth13r")),
            config: SessionConfig::default(),
            answered: None,
            profile: None,
        },
        Wish {
            name: name("default", "10.255.0.2"),
            clients: vec![BfdClient::Bgp("default".into())],
            profile: None,
            reason: HopReason::ExternalNeighbor,
            interface: Some((2, "eth12")),
            config: SessionConfig::default(),
            answered: Some("10.255.0.1"),
        },
    ]
}

fn key(wish: &Wish) -> SessionKey {
    SessionKey {
        vrf: if wish.name.vrf == "red" { VrfId(9) } else { VrfId::DEFAULT },
        local: wish.name.local,
        remote: wish.name.remote,
        interface: wish.name.interface.as_ref().map(|_| IfIndex(2)),
        hop: if wish.name.multihop { HopMode::Multi } else { HopMode::Single },
    }
}

struct Datagram {
    arrival: Time,
    to: usize,
    source: IpAddr,
    destination: IpAddr,
    hop: HopMode,
    bytes: Vec<u8>,
}

/// Sessions of our speaker.
pub struct Bfd {
    now: Time,
    speaker: Speaker,
    sessions: BTreeMap<BfdName, (SessionId, Wish)>,
    events: Vec<(Time, Event)>,
    /// Further sessions, which look like this one.
    copies: Vec<BfdName>,
}

impl Bfd {
    /// The world's sessions, and `more` of VRF `default`.
    pub fn new(more: u32) -> Self {
        let mut now = Time(1_000_000_000);
        let mut speakers = [Speaker::new(1, 16), Speaker::new(2, 16)];
        let mut sessions = BTreeMap::new();
        let mut ours = BTreeMap::new();
        for wish in wishes() {
            let id = speakers[0].add(now, key(&wish), wish.config.clone()).unwrap();
            if let Some(local) = wish.answered {
                let local: IpAddr = local.parse().unwrap();
                ours.insert(wish.name.remote, local);
                let other = SessionKey { local: Some(wish.name.remote), remote: local, ..key(&wish) };
                speakers[1].add(now, other, SessionConfig { hops: 100, ..SessionConfig::default() }).unwrap();
            }
            sessions.insert(wish.name.clone(), (id, wish));
        }
        let (mut wire, mut events): (Vec<Datagram>, Vec<(Time, Event)>) = (Vec::new(), Vec::new());
        let end = now + TALK;
        while now < end {
            for (side, speaker) in speakers.iter_mut().enumerate() {
                turn(speaker, side, now, &ours, &mut wire);
                while let Some(event) = speaker.poll_event() {
                    if side == 0 {
                        events.push((now, event));
                    }
                }
            }
            let next =
                wire.iter().map(|d| d.arrival).chain(speakers.iter().filter_map(Speaker::poll_timeout)).min();
            now = next.unwrap_or(end).max(now).min(end);
        }
        let [speaker, _] = speakers;
        let copies =
            (0..more).map(|n| name("many", &IpAddr::from((n + (11 << 24)).to_be_bytes()).to_string()));
        Self { now, speaker, sessions, events, copies: copies.collect() }
    }

    fn view(&self, name: &BfdName) -> Option<BfdPeerView> {
        let (id, wish) = match self.sessions.get(name) {
            Some(found) => found,
            None => self.sessions.values().find(|(_, w)| w.name.vrf == "red")?,
        };
        let session = self.speaker.session(*id)?;
        let mine = |e: &Event| match e {
            Event::Up(s) | Event::AdminDown(s) | Event::ParametersChanged(s) => s == id,
            Event::Down { session, .. }
            | Event::WrongHopMode { session, .. }
            | Event::AuthFailure { session, .. } => session == id,
        };
        let events = self.events.iter().filter(|(_, e)| mine(e));
        Some(BfdPeerView {
            name: name.clone(),
            clients: wish.clients.clone(),
            profile: wish.profile.map(str::to_owned),
            reason: wish.reason,
            interface: session.interface.and(wish.interface).map(|(_, name)| name.to_owned()),
            age: self.now.saturating_since(session.since),
            events: events.map(|(at, e)| (self.now.saturating_since(*at), *e)).collect(),
            session,
        })
    }

    /// Answers until nobody asks any more.
    pub async fn serve(mut self, mut requests: mpsc::Receiver<BfdRequest>) {
        let mut names: BTreeMap<BfdName, ()> = self.sessions.keys().map(|name| (name.clone(), ())).collect();
        names.extend(self.copies.drain(..).map(|name| (name, ())));
        while let Some(request) = requests.recv().await {
            match request {
                BfdRequest::Peers { vrf, after, limit, reply } => {
                    assert!(limit <= 64, "a slice of {limit}");
                    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                    let names = names.range((from, Bound::Unbounded)).map(|(name, ())| name);
                    let names = names.filter(|name| vrf.as_ref().is_none_or(|v| *v == name.vrf));
                    let _ = reply.send(names.take(limit).filter_map(|name| self.view(name)).collect());
                }
                BfdRequest::ClearCounters { name, reply } => {
                    let id = self.sessions.get(&name).map(|(id, _)| *id);
                    let _ = reply.send(id.and_then(|id| self.speaker.clear_counters(id)).is_some());
                }
                BfdRequest::Totals { reply } => {
                    let _ = reply.send(ferr_state::ferr_bfd::SpeakerView {
                        sessions: names.len(),
                        ..self.speaker.view()
                    });
                }
            }
        }
    }
}

/// Receives, and sends what is due.
fn turn(
    speaker: &mut Speaker,
    side: usize,
    now: Time,
    ours: &BTreeMap<IpAddr, IpAddr>,
    wire: &mut Vec<Datagram>,
) {
    while let Some(at) = wire.iter().position(|d| d.to == side && d.arrival <= now) {
        let datagram = wire.remove(at);
        let multi = datagram.hop == HopMode::Multi;
        let received = Received {
            vrf: VrfId::DEFAULT,
            interface: Some(IfIndex(2)),
            source: datagram.source,
            destination: Some(datagram.destination),
            ttl: Some(if multi { 253 } else { 255 }),
            hop: datagram.hop,
            arrival: Some(datagram.arrival),
            payload: &datagram.bytes,
        };
        speaker.receive(now, &received).unwrap();
    }
    speaker.handle_timeout(now, now);
    let mut out = vec![Transmit::default(); 8];
    loop {
        let count = speaker.poll_transmit(now, &mut out);
        for sent in &out[..count] {
            assert_eq!(sent.kind, PacketKind::Control);
            let source = if side == 0 { ours.get(&sent.destination).copied() } else { sent.source };
            // Nobody is there.
            let Some(source) = source.filter(|_| sent.vrf == VrfId::DEFAULT) else { continue };
            let hop = if sent.port == HopMode::Multi.port() { HopMode::Multi } else { HopMode::Single };
            wire.push(Datagram {
                arrival: now + DELAY,
                to: 1 - side,
                source,
                destination: sent.destination,
                hop,
                bytes: sent.bytes().to_vec(),
            });
        }
        if count == 0 {
            return;
        }
    }
}

/// States of the world's sessions are what the tests expect.
#[allow(clippy::missing_panics_doc)]
pub fn check(bfd: &Bfd) {
    let states: Vec<State> =
        bfd.sessions.values().map(|(id, _)| bfd.speaker.session(*id).unwrap().state).collect();
    assert_eq!(states, [State::Up, State::Down, State::Up, State::AdminDown, State::Down]);
}
