//! BFD packets of sessions that are up.

use std::net::IpAddr;
use std::time::Duration;

use ferr_bfd::{HopMode, Received, SessionConfig, SessionKey, Speaker, State, Time, Transmit};
use ferr_types::{IfIndex, VrfId};

use crate::Work;

const SESSIONS: u32 = 1_000;

fn address(side: usize, n: u32) -> IpAddr {
    IpAddr::from((0x0a00_0000 + n * 2 + side as u32).to_be_bytes())
}

fn deliver(to: &mut Speaker, now: Time, packet: &Transmit) {
    let received = Received {
        vrf: VrfId(0),
        interface: Some(IfIndex(1)),
        source: packet.source.unwrap_or(packet.destination),
        destination: Some(packet.destination),
        ttl: Some(255),
        hop: HopMode::Single,
        arrival: Some(now),
        payload: packet.bytes(),
    };
    let _ = to.receive(now, &received);
}

/// Takes all that is to be sent now.
fn collect(from: &mut Speaker, now: Time) -> Vec<Transmit> {
    let (mut out, mut batch) = (Vec::new(), vec![Transmit::default(); 64]);
    from.handle_timeout(now, now);
    loop {
        let count = from.poll_transmit(now, &mut batch);
        out.extend_from_slice(&batch[..count]);
        if count < batch.len() {
            return out;
        }
    }
}

/// Packets of a thousand sessions.
pub(crate) fn receive(count: usize) -> Work {
    let mut speakers = [1, 2].map(|seed| Speaker::new(seed, SESSIONS as usize));
    for (side, speaker) in speakers.iter_mut().enumerate() {
        for n in 0..SESSIONS {
            let (local, remote) = (Some(address(side, n)), address(1 - side, n));
            let key = SessionKey { vrf: VrfId(0), local, remote, interface: None, hop: HopMode::Single };
            let _ = speaker.add(Time::ZERO, key, SessionConfig::default());
        }
    }
    let [mut a, mut b] = speakers;
    let mut now = Time::ZERO;
    let mut last = Vec::new();
    for _ in 0..2_000 {
        now = now + Duration::from_millis(5);
        for packet in collect(&mut a, now) {
            deliver(&mut b, now, &packet);
        }
        let packets = collect(&mut b, now);
        packets.iter().for_each(|packet| deliver(&mut a, now, packet));
        last.extend(packets);
        let surplus = last.len().saturating_sub(SESSIONS as usize);
        last.drain(..surplus);
        while a.poll_event().is_some() {}
        while b.poll_event().is_some() {}
    }
    let up = a.sessions().filter(|s| s.state == State::Up).count();
    Box::new(move || {
        if up < SESSIONS as usize {
            return 0;
        }
        let mut done = 0;
        for packet in last.iter().cycle().take(count) {
            deliver(&mut a, now, packet);
            done += 1;
        }
        done
    })
}
