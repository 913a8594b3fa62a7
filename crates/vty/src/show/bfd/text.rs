//! Text of sessions: FRR's lines, then our own in each block.

use std::net::IpAddr;
use std::time::Duration;

use ferr_state::BfdPeerView;
use ferr_state::ferr_bfd::{Cause, HopMode, State};

use super::{RemoteTimers, diagnostic, echo_transmit, json, status};
use crate::output::{Out, line};

/// `11 minute(s), 33 second(s)`.
fn elapsed(age: Duration) -> String {
    let s = age.as_secs();
    let units = [(s / 86_400, "day"), (s / 3600 % 24, "hour"), (s / 60 % 60, "minute"), (s % 60, "second")];
    let parts = units.iter().filter(|(n, unit)| *n > 0 || *unit == "second");
    parts.map(|(n, unit)| format!("{n} {unit}(s)")).collect::<Vec<_>>().join(", ")
}

/// The session as it was asked for.
fn title(view: &BfdPeerView) -> String {
    let name = &view.name;
    let multihop = if name.multihop { " multihop" } else { "" };
    let local = name.local.map(|a| format!(" local-address {a}")).unwrap_or_default();
    let interface = name.interface.as_ref().map(|i| format!(" interface {i}")).unwrap_or_default();
    format!("peer {}{multihop}{local} vrf {}{interface}", name.remote, name.vrf)
}

fn interval(ms: u64) -> String {
    if ms == 0 { "disabled".to_owned() } else { format!("{ms}ms") }
}

/// Block of `show bfd peers`.
pub(super) fn peer(out: &mut Out<'_>, view: &BfdPeerView) {
    let session = &view.session;
    line!(out, "\t{}", title(view));
    line!(out, "\t\tID: {}", session.discriminator);
    line!(out, "\t\tRemote ID: {}", session.remote_discriminator);
    line!(out, "\t\t{} mode", if session.passive { "Passive" } else { "Active" });
    if view.name.multihop {
        line!(out, "\t\tMinimum TTL: {}", session.minimum_ttl);
    }
    line!(out, "\t\tStatus: {}", status(view));
    match session.state {
        State::Up => line!(out, "\t\tUptime: {}", elapsed(view.age)),
        State::Down => line!(out, "\t\tDowntime: {}", elapsed(view.age)),
        State::Init | State::AdminDown => {}
    }
    line!(out, "\t\tDiagnostics: {}", diagnostic(session.diag));
    line!(out, "\t\tRemote diagnostics: {}", diagnostic(session.remote_diag));
    line!(out, "\t\tPeer Type: {}", if view.is_configured() { "configured" } else { "dynamic" });
    let us = |d: Duration| d.as_micros();
    let rtt = &session.rtt;
    line!(out, "\t\tRTT min/avg/max: {}/{}/{} usec", us(rtt.min), us(rtt.avg()), us(rtt.max));
    let (local, remote) = (&session.configured, RemoteTimers::of(view));
    line!(out, "\t\tLocal timers:");
    line!(out, "\t\t\tDetect-multiplier: {}", local.detect_mult);
    line!(out, "\t\t\tReceive interval: {}ms", local.receive.as_millis());
    line!(out, "\t\t\tTransmission interval: {}ms", local.transmit.as_millis());
    line!(out, "\t\t\tEcho receive interval: {}", interval(local.echo_receive.as_millis() as u64));
    line!(out, "\t\t\tEcho transmission interval: {}", interval(echo_transmit(view)));
    line!(out, "\t\tRemote timers:");
    line!(out, "\t\t\tDetect-multiplier: {}", remote.detect_mult);
    line!(out, "\t\t\tReceive interval: {}ms", remote.receive);
    line!(out, "\t\t\tTransmission interval: {}ms", remote.transmit);
    line!(out, "\t\t\tEcho receive interval: {}", interval(remote.echo_receive));
    let hop = match session.key.hop {
        HopMode::Single => "single hop",
        HopMode::Multi => "multihop",
    };
    line!(out, "\t\tHop mode: {hop} ({})", view.reason.text());
    if let Some(profile) = &view.profile {
        line!(out, "\t\tProfile: {profile}");
    }
    if !session.detection_time.is_zero() {
        let detection = session.detection_time.as_millis();
        line!(
            out,
            "\t\tDetection time: {detection}ms, sending every {}ms",
            session.transmit_interval.as_millis()
        );
    }
    let errors = &session.detection_error;
    let (p50, p99) = (errors.percentile(50), errors.percentile(99));
    line!(out, "\t\tDetection error p50/p99/max: {}/{}/{} usec", us(p50), us(p99), us(errors.max()));
    line!(out);
}

/// Block of `show bfd peers counters`.
pub(super) fn counters(out: &mut Out<'_>, view: &BfdPeerView) {
    let counters = &view.session.counters;
    line!(out, "\t{}", title(view));
    line!(out, "\t\tControl packet input: {} packets", counters.control_in);
    line!(out, "\t\tControl packet output: {} packets", counters.control_out);
    line!(out, "\t\tEcho packet input: {} packets", counters.echo_in);
    line!(out, "\t\tEcho packet output: {} packets", counters.echo_out);
    line!(out, "\t\tSession up events: {}", counters.up);
    line!(out, "\t\tSession down events: {}", counters.down);
    line!(out, "\t\tZebra notifications: {}", counters.up + counters.down);
    line!(out, "\t\tTx fail packet: {}", counters.send_failures);
    line!(out, "\t\tLate wake-ups: {}", counters.late);
    for cause in Cause::ALL.into_iter().filter(|c| counters.drops.of(*c) > 0) {
        line!(out, "\t\tDropped, {}: {} packets", json::drop_key(cause), counters.drops.of(cause));
    }
    line!(out);
}

/// Head of `show bfd peers brief`.
pub(super) fn brief_head(out: &mut Out<'_>, sessions: usize) {
    line!(out, "Session count: {sessions}");
    line!(out, "{:<10} {:<40} {:<40}{:<15}", "SessionId", "LocalAddress", "PeerAddress", "Status");
    line!(out, "{:<10} {:<40} {:<40}{:<15}", "=========", "============", "===========", "======");
}

/// Row of it.
pub(super) fn brief(out: &mut Out<'_>, view: &BfdPeerView) {
    let unknown = if view.name.remote.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    let local = view.session.local.unwrap_or(unknown);
    let status = if view.session.state == State::AdminDown { "admin-down" } else { status(view) };
    let id = view.session.discriminator;
    // Addresses do not honour a width.
    line!(out, "{id:<10} {:<40} {:<40}{status:<15}", local.to_string(), view.name.remote.to_string());
}
