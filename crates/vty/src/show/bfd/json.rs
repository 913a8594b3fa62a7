//! JSON of sessions: the keys of FRR 8.4.4 in its order, then our own.

use ferr_state::BfdPeerView;
use ferr_state::ferr_bfd::{Cause, State};

use super::{RemoteTimers, diagnostic, echo_transmit, status};
use crate::json::Obj;

/// What tells the session from others.
fn head(view: &BfdPeerView) -> Obj {
    let mut o = Obj::new();
    o.put("multihop", view.name.multihop)
        .put("peer", view.name.remote.to_string())
        .opt("local", view.session.local.map(|a| a.to_string()))
        .put("vrf", view.name.vrf.clone())
        .opt("interface", view.interface.clone().or_else(|| view.name.interface.clone()));
    o
}

/// Of `show bfd peer`.
pub(super) fn peer(view: &BfdPeerView) -> Obj {
    let session = &view.session;
    let ms = |d: std::time::Duration| d.as_millis() as u64;
    let us = |d: std::time::Duration| d.as_micros() as u64;
    let remote = RemoteTimers::of(view);
    let mut o = head(view);
    o.put("id", session.discriminator)
        .put("remote-id", session.remote_discriminator)
        .put("passive-mode", session.passive)
        .opt("minimum-ttl", view.name.multihop.then_some(session.minimum_ttl))
        .put("status", status(view));
    match session.state {
        State::Up => o.put("uptime", view.age.as_secs()),
        State::Down => o.put("downtime", view.age.as_secs()),
        State::Init | State::AdminDown => &mut o,
    };
    o.put("diagnostic", diagnostic(session.diag))
        .put("remote-diagnostic", diagnostic(session.remote_diag))
        .put("receive-interval", ms(session.configured.receive))
        .put("transmit-interval", ms(session.configured.transmit))
        .put("echo-receive-interval", ms(session.configured.echo_receive))
        .put("echo-transmit-interval", echo_transmit(view))
        .put("detect-multiplier", session.configured.detect_mult)
        .put("remote-receive-interval", remote.receive)
        .put("remote-transmit-interval", remote.transmit)
        .put("remote-echo-receive-interval", remote.echo_receive)
        .put("remote-detect-multiplier", remote.detect_mult)
        .put("rtt-min", us(session.rtt.min))
        .put("rtt-avg", us(session.rtt.avg()))
        .put("rtt-max", us(session.rtt.max));
    let errors = &session.detection_error;
    let mut error = Obj::new();
    error
        .put("p50", us(errors.percentile(50)))
        .put("p99", us(errors.percentile(99)))
        .put("max", us(errors.max()));
    o.put("type", if view.is_configured() { "configured" } else { "dynamic" })
        .opt("profile", view.profile.clone())
        .put("hop-mode-reason", view.reason.text())
        .put("transmit-interval-actual", ms(session.transmit_interval))
        .put("detection-timeout", ms(session.detection_time))
        .put("detection-error-usec", error);
    o
}

/// Of `show bfd peer ... counters`.
pub(super) fn counters(view: &BfdPeerView) -> Obj {
    let counters = &view.session.counters;
    let mut o = head(view);
    o.put("control-packet-input", counters.control_in)
        .put("control-packet-output", counters.control_out)
        .put("echo-packet-input", counters.echo_in)
        .put("echo-packet-output", counters.echo_out)
        .put("session-up", counters.up)
        .put("session-down", counters.down)
        .put("zebra-notifications", counters.up + counters.down)
        .put("tx-fail-packet", counters.send_failures)
        .put("late-wakeups", counters.late);
    let mut drops = Obj::new();
    for cause in Cause::ALL.into_iter().filter(|c| counters.drops.of(*c) > 0) {
        drops.put(drop_key(cause), counters.drops.of(cause));
    }
    o.put("drops", drops);
    o
}

/// Name of a cause.
pub(super) const fn drop_key(cause: Cause) -> &'static str {
    match cause {
        Cause::Truncated => "truncated",
        Cause::Version => "version",
        Cause::LengthTooSmall => "length-too-small",
        Cause::LengthBeyondPayload => "length-beyond-payload",
        Cause::DetectMult => "detect-multiplier-zero",
        Cause::Multipoint => "multipoint",
        Cause::MyDiscriminator => "my-discriminator-zero",
        Cause::YourDiscriminator => "your-discriminator-zero",
        Cause::UnknownDiscriminator => "unknown-discriminator",
        Cause::NoSession => "no-session",
        Cause::Vrf => "wrong-vrf",
        Cause::HopMode => "wrong-hop-mode",
        Cause::Ttl => "ttl",
        Cause::AuthMissing => "authentication-missing",
        Cause::AuthUnexpected => "authentication-unexpected",
        Cause::Auth => "authentication",
        Cause::AuthSequence => "authentication-sequence",
        Cause::AdminDown => "admin-down",
        Cause::Echo => "echo",
    }
}
