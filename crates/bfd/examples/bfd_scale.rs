//! What a packet costs in the core: many sessions, all Up, in virtual time.
//!
//! `cargo run --release -p ferr-bfd --example bfd_scale [SESSIONS [INTERVAL_MS [SECONDS [none|sha1]]]]`

#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use common::{deliver, speakers};
use ferr_bfd::{AuthConfig, AuthKey, AuthType, SessionConfig, Speaker, State, Time, Transmit};

#[allow(unreachable_pub)]
mod common;

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

#[derive(Default)]
struct Cost {
    send: Duration,
    receive: Duration,
    timers: Duration,
    packets: u64,
}

/// Hands what a turn sent to the other side, and measures each step.
fn run(speakers: &mut [Speaker; 2], from: Time, end: Time, out: &mut [Transmit]) -> Cost {
    let mut cost = Cost::default();
    let mut now = from;
    while now < end {
        for side in 0..2 {
            let [a, b] = &mut *speakers;
            let (own, other) = if side == 0 { (a, b) } else { (b, a) };
            let start = Instant::now();
            own.handle_timeout(now, now);
            cost.timers += start.elapsed();
            loop {
                let start = Instant::now();
                let count = own.poll_transmit(now, out);
                cost.send += start.elapsed();
                let start = Instant::now();
                out[..count].iter().for_each(|packet| deliver(other, now, packet));
                cost.receive += start.elapsed();
                cost.packets += count as u64;
                if count < out.len() {
                    break;
                }
            }
            while own.poll_event().is_some() {}
        }
        // A driver under load wakes every 200 us and finds what has become due.
        now = now + Duration::from_micros(200);
    }
    cost
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default| args.next().and_then(|a| a.parse().ok()).unwrap_or(default);
    let (sessions, interval, seconds) = (number(10_000u64) as u32, number(30), number(5));
    let auth = std::env::args().nth(4).is_some_and(|a| a == "sha1");
    let key = AuthKey::new(AuthType::MeticulousSha1, 1, b"secret").ok().filter(|_| auth);
    let before = resident();
    let config = SessionConfig {
        desired_min_tx: Duration::from_millis(interval),
        required_min_rx: Duration::from_millis(interval),
        auth: key.map(|send| AuthConfig { send, accept: Vec::new() }),
        ..SessionConfig::default()
    };
    let mut speakers = match speakers(sessions, &config) {
        Ok(speakers) => speakers,
        Err(error) => return eprintln!("{error}"),
    };
    let mut out = vec![Transmit::default(); 64];
    let ready = Time::ZERO + Duration::from_secs(4);
    run(&mut speakers, Time::ZERO, ready, &mut out);
    let up = speakers[0].sessions().filter(|s| s.state == State::Up).count();
    let cost = run(&mut speakers, ready, ready + Duration::from_secs(seconds), &mut out);
    let each = |d: Duration| d.as_nanos() as f64 / cost.packets as f64;
    println!("{up} of {sessions} sessions up, {interval} ms, authentication: {auth}");
    println!("{} packets in {seconds} s of virtual time, each way and side", cost.packets / 2);
    println!("send    {:6.0} ns per packet", each(cost.send));
    println!("receive {:6.0} ns per packet", each(cost.receive));
    println!("timers  {:6.0} ns per packet", each(cost.timers));
    let per_session = (resident() - before) * 1024.0 * 1024.0 / f64::from(2 * sessions);
    println!("memory  {per_session:6.0} octets per session");
    let downs: u64 = speakers.iter().flat_map(Speaker::sessions).map(|s| s.counters.down).sum();
    println!("downs   {downs:6}");
}
