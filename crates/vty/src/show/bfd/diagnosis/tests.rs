//! One session per cause, made by a real speaker that is given the packets.
#![allow(clippy::unwrap_used)]

use ferr_state::ferr_bfd::{
    AuthConfig, AuthKey, AuthType, Received, SessionConfig, SessionId, SessionKey, Speaker, Time, Transmit,
};
use ferr_state::{BfdClient, BfdName, HopReason};
use ferr_types::{IfIndex, VrfId};

use super::*;

const PEER: [u8; 4] = [10, 0, 0, 2];
const OWN: [u8; 4] = [10, 0, 0, 1];

struct Bench {
    now: Time,
    speaker: Speaker,
    id: SessionId,
    hop: HopMode,
    events: Vec<(Duration, Event)>,
    route: Option<bool>,
}

/// What the peer sends.
#[derive(Clone, Copy)]
struct Sent {
    state: u8,
    /// 0 until the peer knows ours.
    your: u32,
    echo: u32,
    version: u8,
    hop: HopMode,
    ttl: u8,
    vrf: VrfId,
}

impl Bench {
    fn new(config: SessionConfig) -> Self {
        Self::with(HopMode::Single, Some(OWN.into()), config)
    }

    fn with(hop: HopMode, local: Option<IpAddr>, config: SessionConfig) -> Self {
        let now = Time(1_000_000_000);
        let mut speaker = Speaker::new(1, 4);
        let key = SessionKey { vrf: VrfId::DEFAULT, local, remote: PEER.into(), interface: None, hop };
        let id = speaker.add(now, key, config).unwrap();
        Self { now, speaker, id, hop, events: Vec::new(), route: Some(true) }
    }

    fn ours(&self) -> u32 {
        self.speaker.session(self.id).unwrap().discriminator
    }

    fn sent(&self, state: u8) -> Sent {
        let your = if state == 1 { 0 } else { self.ours() };
        Sent { state, your, echo: 0, version: 1, hop: self.hop, ttl: 255, vrf: VrfId::DEFAULT }
    }

    fn receive(&mut self, sent: Sent) {
        let mut packet = vec![sent.version << 5, sent.state << 6, 3, 24];
        for word in [7, sent.your, 1_000_000, 300_000, sent.echo] {
            packet.extend(u32::to_be_bytes(word));
        }
        let received = Received {
            vrf: sent.vrf,
            interface: Some(IfIndex(2)),
            source: PEER.into(),
            destination: Some(OWN.into()),
            ttl: Some(sent.ttl),
            hop: sent.hop,
            arrival: Some(self.now),
            payload: &packet,
        };
        let _ = self.speaker.receive(self.now, &received);
        self.note();
    }

    fn note(&mut self) {
        while let Some(event) = self.speaker.poll_event() {
            self.events.push((Duration::ZERO, event));
        }
    }

    /// Lets time pass, and sends what is due; with `fails` the kernel refuses it.
    fn pass(&mut self, seconds: u64, fails: bool) {
        let end = self.now + Duration::from_secs(seconds);
        let mut out = vec![Transmit::default(); 4];
        while self.now < end {
            self.now = self.speaker.poll_timeout().map_or(end, |at| at.max(self.now).min(end));
            self.speaker.handle_timeout(self.now, self.now);
            while self.speaker.poll_transmit(self.now, &mut out) > 0 {
                if fails {
                    self.speaker.note_send_failure(self.id);
                }
            }
            self.note();
        }
    }

    fn up(&mut self) {
        self.receive(self.sent(1));
        self.receive(self.sent(2));
    }

    fn view(&self) -> BfdPeerView {
        let session = self.speaker.session(self.id).unwrap();
        let multihop = self.hop == HopMode::Multi;
        BfdPeerView {
            name: BfdName {
                vrf: "default".into(),
                remote: PEER.into(),
                multihop,
                local: None,
                interface: None,
            },
            clients: vec![BfdClient::Bgp("default".into())],
            profile: None,
            reason: HopReason::EbgpMultihop,
            interface: None,
            age: self.now.saturating_since(session.since),
            events: self.events.clone(),
            session,
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        diagnose(&self.view(), Around { route: self.route, drops: self.speaker.view().drops })
    }

    fn finding(&self) -> Finding {
        let diagnosis = self.diagnosis();
        assert_eq!(diagnosis.fixes.is_empty(), diagnosis.finding == Finding::Fine, "{diagnosis:?}");
        diagnosis.finding
    }
}

fn down(b: &Bench, reason: DownReason) -> (Duration, Event) {
    let event = Event::Down { session: b.id, diag: Diag::NONE, reason };
    (Duration::from_secs(60), event)
}

#[test]
fn up_and_steady() {
    let mut b = Bench::new(SessionConfig::default());
    b.up();
    assert_eq!(b.finding(), Finding::Fine);
    b.events.push(down(&b, DownReason::DetectionTimeExpired));
    assert_eq!(b.finding(), Finding::Fine, "once is no habit");
    // What was counted before it came up explains nothing.
    b.receive(Sent { ttl: 3, ..b.sent(3) });
    assert_eq!(b.finding(), Finding::Fine);
}

#[test]
fn up_and_often_lost() {
    let mut b = Bench::new(SessionConfig::default());
    b.up();
    b.events.extend([down(&b, DownReason::DetectionTimeExpired); 2]);
    assert_eq!(b.finding(), Finding::Unsteady);
    b.events.iter_mut().for_each(|(age, _)| *age = Duration::from_secs(7200));
    assert_eq!(b.finding(), Finding::Fine, "that was long ago");
}

#[test]
fn echoes() {
    let echo = EchoMode::On { interval: Duration::from_millis(50) };
    let mut b = Bench::new(SessionConfig { echo, ..SessionConfig::default() });
    b.up();
    assert_eq!(b.finding(), Finding::EchoRefused);
    b.receive(Sent { echo: 50_000, ..b.sent(3) });
    assert_eq!(b.finding(), Finding::Fine);
    b.events.push(down(&b, DownReason::EchoFailed));
    assert_eq!(b.finding(), Finding::EchoFailed);
    // None comes back: it is held down, and then it is not.
    b.pass(1, false);
    b.receive(b.sent(1));
    assert_eq!(b.view().session.state, State::Down);
    assert_eq!(b.finding(), Finding::EchoFailed);
    let what = b.diagnosis().what;
    assert!(what.contains("held down for another 1 s"), "{what}");
    b.pass(1, false);
    b.receive(b.sent(1));
    assert_eq!(b.view().session.state, State::Init);
    assert!(!b.diagnosis().what.contains("held down"));
}

#[test]
fn shut_down() {
    let mut b = Bench::new(SessionConfig { admin_down: true, ..SessionConfig::default() });
    assert_eq!(b.finding(), Finding::ShutDownHere);
    b.receive(b.sent(0));
    assert!(b.diagnosis().what.starts_with("the session is shut down here"));
    let mut b = Bench::new(SessionConfig::default());
    b.up();
    b.receive(b.sent(0));
    assert_eq!(b.finding(), Finding::ShutDownThere);
}

#[test]
fn nothing_can_be_sent() {
    let mut b = Bench::new(SessionConfig::default());
    b.route = Some(false);
    assert_eq!(b.finding(), Finding::NoRoute);
    let mut b = Bench::with(HopMode::Multi, None, SessionConfig::default());
    b.pass(10, true);
    assert_eq!(b.finding(), Finding::NoSource);
    let mut b = Bench::new(SessionConfig::default());
    b.pass(10, true);
    assert_eq!(b.finding(), Finding::CannotSend);
}

#[test]
fn the_other_port() {
    for (hop, other, text) in [
        (HopMode::Single, HopMode::Multi, "peer speaks 4784, we speak 3784"),
        (HopMode::Multi, HopMode::Single, "peer speaks 3784, we speak 4784"),
    ] {
        let mut b = Bench::with(hop, Some(OWN.into()), SessionConfig::default());
        b.pass(10, false);
        b.receive(Sent { hop: other, ..b.sent(1) });
        assert_eq!(b.finding(), Finding::WrongHopMode);
        let what = b.diagnosis().what;
        assert!(what.contains(text) && what.contains("(ebgp-multihop)"), "{what}");
    }
}

#[test]
fn another_vrf() {
    let mut b = Bench::new(SessionConfig::default());
    b.receive(Sent { vrf: VrfId(9), ..b.sent(2) });
    assert_eq!(b.finding(), Finding::WrongVrf);
}

#[test]
fn authentication_differs() {
    let key = AuthKey::new(AuthType::Simple, 1, b"secret").unwrap();
    let auth = Some(AuthConfig { send: key, accept: Vec::new() });
    let mut b = Bench::new(SessionConfig { auth, ..SessionConfig::default() });
    b.receive(b.sent(1));
    assert_eq!(b.finding(), Finding::Authentication);
}

#[test]
fn too_many_hops() {
    let mut b = Bench::with(HopMode::Multi, Some(OWN.into()), SessionConfig::default());
    b.receive(Sent { ttl: 250, ..b.sent(1) });
    assert_eq!(b.finding(), Finding::Ttl);
    assert!(b.diagnosis().what.contains("below 254") && b.diagnosis().fixes[0].contains("minimum-ttl"));
    let mut b = Bench::new(SessionConfig::default());
    b.receive(Sent { ttl: 254, ..b.sent(1) });
    assert_eq!(b.finding(), Finding::Ttl);
    assert!(b.diagnosis().fixes[0].contains("multihop"));
}

#[test]
fn packets_that_nobody_understands() {
    let mut b = Bench::new(SessionConfig::default());
    b.pass(10, false);
    b.receive(Sent { version: 2, ..b.sent(1) });
    assert_eq!(b.finding(), Finding::Malformed);
}

#[test]
fn a_session_that_is_gone() {
    let mut b = Bench::new(SessionConfig::default());
    b.up();
    b.pass(20, false);
    b.receive(Sent { your: 1, ..b.sent(3) });
    assert_eq!(b.finding(), Finding::Discriminator);
}

#[test]
fn the_peer_does_not_hear() {
    let mut b = Bench::new(SessionConfig::default());
    for _ in 0..5 {
        b.receive(b.sent(1));
        b.pass(1, false);
    }
    assert_eq!(b.view().session.state, State::Init);
    assert_eq!(b.finding(), Finding::PeerDeaf);
    assert!(b.diagnosis().fixes[0].contains("UDP 3784") && b.diagnosis().fixes[1].contains("10.0.0.1"));
}

#[test]
fn the_peer_is_silent() {
    let mut b = Bench::new(SessionConfig::default());
    b.pass(10, false);
    assert_eq!(b.finding(), Finding::Silent);
    let mut b = Bench::new(SessionConfig { passive: true, ..SessionConfig::default() });
    b.pass(10, false);
    assert_eq!(b.finding(), Finding::Passive);
    let mut b = Bench::new(SessionConfig::default());
    b.up();
    b.pass(20, false);
    assert_eq!(b.finding(), Finding::Lost);
    assert!(b.diagnosis().what.contains("for 20 s"), "{:?}", b.diagnosis());
}

#[test]
fn a_stranger_may_be_the_peer() {
    let mut b = Bench::with(HopMode::Single, Some([10, 0, 0, 9].into()), SessionConfig::default());
    b.pass(10, false);
    b.receive(b.sent(1));
    assert_eq!(b.finding(), Finding::Silent);
    assert!(b.diagnosis().fixes[0].starts_with("1 packets came"), "{:?}", b.diagnosis());
}

#[test]
fn no_session() {
    let text = "router bgp 1
 neighbor 10.0.0.1 remote-as 2
 neighbor 10.0.0.2 remote-as 2
 neighbor 10.0.0.2 bfd
 neighbor 10.0.0.3 remote-as 2
 neighbor 10.0.0.3 bfd
 neighbor 10.0.0.3 shutdown
router bgp 1 vrf red
 neighbor 10.0.0.5 remote-as 2
 neighbor 10.0.0.5 bfd
bfd
 peer 10.0.0.4 vrf red
";
    let config = ferr_config::parse("x", text).config;
    let finding = |vrf: Option<&str>, addr: &str| absent(&config, vrf, addr.parse().unwrap()).finding;
    assert_eq!(finding(None, "10.0.0.1"), Finding::NeighborWithoutBfd);
    assert_eq!(finding(None, "10.0.0.2"), Finding::NotMade);
    assert_eq!(finding(None, "10.0.0.3"), Finding::NeighborShutDown);
    assert_eq!(finding(None, "10.0.0.4"), Finding::NotMade);
    assert_eq!(finding(Some("default"), "10.0.0.4"), Finding::NotConfigured);
    assert_eq!(finding(Some("red"), "10.0.0.5"), Finding::NotMade);
    assert_eq!(finding(Some("red"), "10.0.0.1"), Finding::NotConfigured);
    assert_eq!(finding(None, "10.0.0.9"), Finding::NotConfigured);
}
