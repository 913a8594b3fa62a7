//! Receiving, sending and timers allocate nothing. Without the test harness, whose own thread allocates when it likes.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd::{
    AuthConfig, AuthKey, AuthType, EchoMode, Event, HopMode, PacketKind, Received, SessionConfig, SessionKey,
    Speaker, Time, Transmit,
};
use ferr_types::{IfIndex, VrfId};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SESSIONS: u32 = 200;

fn addresses(side: usize, n: u32) -> IpAddr {
    IpAddr::from((0x0a00_0000 + n * 2 + side as u32).to_be_bytes())
}

fn config(n: u32) -> SessionConfig {
    let kind = match n % 4 {
        0 => None,
        1 => Some(AuthType::MeticulousSha1),
        2 => Some(AuthType::KeyedMd5),
        _ => Some(AuthType::Simple),
    };
    let key = |kind| AuthKey::new(kind, 1, b"secret").ok();
    SessionConfig {
        desired_min_tx: Duration::from_millis(50),
        required_min_rx: Duration::from_millis(50),
        auth: kind.and_then(key).map(|send| AuthConfig { send, accept: Vec::new() }),
        echo: if n.is_multiple_of(8) {
            EchoMode::On { interval: Duration::from_millis(50) }
        } else {
            EchoMode::Off
        },
        ..SessionConfig::default()
    }
}

/// Both sides until `end`; every `lose`-th packet is lost, which makes some sessions fail. Returns events.
fn run(speakers: &mut [Speaker; 2], from: Time, end: Time, out: &mut [Transmit], lose: u64) -> u64 {
    let (mut now, mut events, mut packets) = (from, 0, 0u64);
    while now < end {
        for side in 0..2 {
            let [a, b] = speakers;
            let (own, other) = if side == 0 { (a, b) } else { (b, a) };
            own.handle_timeout(now, now);
            loop {
                let count = own.poll_transmit(now, out);
                for packet in &out[..count] {
                    packets += 1;
                    if packets.is_multiple_of(lose) {
                        continue;
                    }
                    let source = packet.source.unwrap_or(packet.destination);
                    let received = Received {
                        vrf: packet.vrf,
                        interface: Some(IfIndex(1)),
                        source,
                        destination: Some(packet.destination),
                        ttl: Some(packet.ttl),
                        hop: HopMode::Single,
                        arrival: Some(now),
                        payload: packet.bytes(),
                    };
                    if packet.kind == PacketKind::Control {
                        let _ = other.receive(now, &received);
                    } else {
                        let back = Received { ttl: Some(254), ..received };
                        let _ = own.receive_echo(now, &back);
                    }
                }
                if count == 0 {
                    break;
                }
            }
            while let Some(event) = own.poll_event() {
                events += u64::from(matches!(event, Event::Up(_) | Event::Down { .. }));
            }
        }
        let next = speakers.iter().filter_map(Speaker::poll_timeout).min();
        now = next.unwrap_or(end).max(now).min(end);
    }
    events
}

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut speakers = [0, 1].map(|side| Speaker::new(side as u128, SESSIONS as usize));
    for (side, speaker) in speakers.iter_mut().enumerate() {
        for n in 0..SESSIONS {
            let key = SessionKey {
                vrf: VrfId(0),
                local: Some(addresses(side, n)),
                remote: addresses(1 - side, n),
                interface: None,
                hop: HopMode::Single,
            };
            assert!(speaker.add(Time::ZERO, key, config(n)).is_ok());
        }
    }
    let mut out = vec![Transmit::default(); 64];
    let second = |s: u64| Time(s * 1_000_000_000);
    let before = dhat::HeapStats::get().total_blocks;
    let up = run(&mut speakers, Time::ZERO, second(10), &mut out, u64::MAX);
    let flaps = run(&mut speakers, second(10), second(20), &mut out, 3);
    let allocated = dhat::HeapStats::get().total_blocks - before;
    assert_eq!(up, u64::from(2 * SESSIONS));
    assert!(flaps > 100, "{flaps}");
    assert_eq!(allocated, 0);
}
