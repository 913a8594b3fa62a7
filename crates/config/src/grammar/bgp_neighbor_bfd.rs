//! `neighbor X bfd ...`.

use super::args::Args;
use super::table::{Applied, DONE, Lines, Stmt, alias, stmt};
use crate::model::neighbor::{BfdNeighbor, NeighborSettings};

/// Seconds of `bfd strict` without `hold-time`.
const STRICT_HOLD_TIME: u32 = 30;

fn bfd(n: &mut NeighborSettings) -> &mut BfdNeighbor {
    n.bfd.get_or_insert_default()
}

fn off(n: &mut NeighborSettings, _: &Args<'_>) -> Applied {
    n.bfd = None;
    DONE
}

/// Changes what is there; `no` of a part never turns BFD on.
fn change(n: &mut NeighborSettings, f: impl FnOnce(&mut BfdNeighbor)) -> Applied {
    if let Some(bfd) = &mut n.bfd {
        f(bfd);
    }
    DONE
}

fn show(n: &NeighborSettings, o: &mut Lines) {
    let Some(bfd) = &n.bfd else { return };
    match bfd.timers {
        Some((mult, rx, tx)) => o.line(format_args!("bfd {mult} {rx} {tx}")),
        None => o.line("bfd"),
    }
    if bfd.check_control_plane {
        o.line("bfd check-control-plane-failure");
    }
    if let Some(profile) = &bfd.profile {
        o.line(format_args!("bfd profile {profile}"));
    }
    match bfd.strict {
        None => {}
        Some(STRICT_HOLD_TIME) => o.line("bfd strict"),
        Some(seconds) => o.line(format_args!("bfd strict hold-time {seconds}")),
    }
}

/// `bfd`.
pub(super) const PLAIN: Stmt<NeighborSettings> = stmt(
    "bfd",
    |n, _| {
        bfd(n).timers = None;
        DONE
    },
    off,
    show,
);

/// `bfd MULT RX TX`, of older versions.
pub(super) const TIMERS: Stmt<NeighborSettings> = alias(
    "bfd (2-255)@mult (50-60000)@rx (50-60000)@tx",
    |n, a| {
        bfd(n).timers = Some((a.val("mult")?, a.val("rx")?, a.val("tx")?));
        DONE
    },
    off,
);

/// `bfd profile P`.
pub(super) const PROFILE: Stmt<NeighborSettings> = alias(
    "bfd profile ~ NAME@profile",
    |n, a| {
        bfd(n).profile = Some(a.name("profile"));
        DONE
    },
    |n, _| change(n, |bfd| bfd.profile = None),
);

/// `bfd check-control-plane-failure`.
pub(super) const CONTROL_PLANE: Stmt<NeighborSettings> = alias(
    "bfd check-control-plane-failure",
    |n, _| {
        bfd(n).check_control_plane = true;
        DONE
    },
    |n, _| change(n, |bfd| bfd.check_control_plane = false),
);

/// `bfd strict [hold-time S]`.
pub(super) const STRICT: Stmt<NeighborSettings> = alias(
    "bfd strict ~ [hold-time (1-4294967295)@seconds]",
    |n, a| {
        bfd(n).strict = Some(a.opt("seconds")?.unwrap_or(STRICT_HOLD_TIME));
        DONE
    },
    |n, _| change(n, |bfd| bfd.strict = None),
);
