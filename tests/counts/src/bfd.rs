//! BFD packets of sessions that are up.

use std::time::Duration;

use ferr_bfd::{SessionConfig, Speaker, State, Time, Transmit};

use crate::Work;
use crate::bfd_common::{deliver, speakers};

const SESSIONS: u32 = 1_000;

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
    let Ok([mut a, mut b]) = speakers(SESSIONS, &SessionConfig::default()) else { return Box::new(|| 0) };
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
