//! What `show bgp neighbors` says of a neighbor's session.

use ferr_state::BfdPeerView;
use ferr_state::ferr_bfd::State;

use crate::json::Obj;
use crate::output::{Out, line};

const fn kind(view: &BfdPeerView) -> &'static str {
    if view.name.multihop { "multi hop" } else { "single hop" }
}

const fn status(view: &BfdPeerView) -> &'static str {
    match view.session.state {
        State::Up => "Up",
        State::Down | State::Init => "Down",
        State::AdminDown => "Admin Down",
    }
}

/// Days, and hours to seconds.
fn last_update(view: &BfdPeerView) -> String {
    let s = view.age.as_secs();
    format!("{}:{:02}:{:02}:{:02}", s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60)
}

/// Value of `peerBfdInfo`.
pub(crate) fn neighbor_info(view: &BfdPeerView) -> Obj {
    let timers = &view.session.configured;
    let mut o = Obj::new();
    o.put("type", kind(view))
        .put("detectMultiplier", timers.detect_mult)
        .put("rxMinInterval", timers.receive.as_millis() as u64)
        .put("txMinInterval", timers.transmit.as_millis() as u64)
        .put("status", status(view))
        .put("lastUpdate", last_update(view));
    o
}

/// The session in three lines.
pub(crate) fn neighbor_lines(out: &mut Out<'_>, view: &BfdPeerView) {
    let timers = &view.session.configured;
    line!(out, "  BFD: Type: {}", kind(view));
    line!(
        out,
        "  Detect Multiplier: {}, Min Rx interval: {}, Min Tx interval: {}",
        timers.detect_mult,
        timers.receive.as_millis(),
        timers.transmit.as_millis()
    );
    line!(out, "  Status: {}, Last update: {}", status(view), last_update(view));
}

/// Last lines of a neighbor.
pub(crate) fn neighbor_text(out: &mut Out<'_>, view: &BfdPeerView) {
    neighbor_lines(out, view);
    line!(out);
    line!(out);
}
