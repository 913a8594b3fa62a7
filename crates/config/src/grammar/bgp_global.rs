//! Top-level statements about BGP as a whole, and what instances share with them.

use super::args::Args;
use super::table::{DONE, Lines, Stmt, flag, idle, stmt, value};
use crate::error::ConfigError;
use crate::model::global::Global;

/// Of bgpd's configuration, outside any instance.
pub(crate) static BGP: &[Stmt<Global>] = &[
    idle(value!("bgp route-map delay-timer", "(0-600)", bgp.route_map_delay)),
    stmt(
        "bgp update-delay ~ (0-3600)@v [(1-3600)@wait]",
        |g, a| {
            g.bgp.update_delay = update_delay(a)?;
            DONE
        },
        |g, _| {
            g.bgp.update_delay = None;
            DONE
        },
        |g, o| show_update_delay("bgp update-delay", g.bgp.update_delay, o),
    ),
    value!("bgp session-dscp", "(0-63)", bgp.session_dscp),
    flag!("bgp graceful-shutdown", bgp.graceful_shutdown),
    idle(flag!("bgp suppress-fib-pending", bgp.suppress_fib_pending)),
    idle(flag!("bgp no-rib", bgp.no_rib)),
    idle(flag!("bgp send-extra-data zebra", bgp.send_extra_data)),
];

/// `update-delay S [ESTWAIT]`; 0 is off.
pub(crate) fn update_delay(a: &Args<'_>) -> Result<Option<(u16, Option<u16>)>, ConfigError> {
    let (longest, wait) = (a.val("v")?, a.opt("wait")?);
    if wait.is_some_and(|w| w > longest) {
        return Err(ConfigError::EstablishWait);
    }
    // A wait as long as the whole delay is the default.
    Ok((longest > 0).then_some((longest, wait.filter(|w| *w < longest))))
}

pub(crate) fn show_update_delay(words: &str, value: Option<(u16, Option<u16>)>, o: &mut Lines) {
    match value {
        None => {}
        Some((s, None)) => o.line(format_args!("{words} {s}")),
        Some((s, Some(wait))) => o.line(format_args!("{words} {s} {wait}")),
    }
}
