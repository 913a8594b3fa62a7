//! `show running-config`: each socket prints its own part, so that what clients merge holds every line once.

use ferr_config::{Part, render};

use super::Ctx;
use crate::door::Daemon;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;

/// Lines written before waiting for the reader.
const LINES: usize = 256;

/// The part of the socket's daemon.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let config = ctx.handle().running().await?;
    let newer_client = ctx.shared.knows_mgmtd(ctx.pid);
    let part = match ctx.door {
        // What `mgmtd` prints must not be printed twice: clients do not remove doubles inside `vrf` blocks.
        Daemon::Zebra | Daemon::Staticd if newer_client => Part::Watchfrr,
        Daemon::Ferr => {
            let named = args.get("DAEMON").and_then(|n| Daemon::ALL.into_iter().find(|d| d.name() == n));
            named.unwrap_or(Daemon::Ferr).part()
        }
        door => door.part(),
    };
    let text = render(&config, part);
    if ctx.door == Daemon::Ferr && !args.has("no-header") {
        line!(ctx.out, "Building configuration...\n\nCurrent configuration:\n!");
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // Clients without `mgmtd` add a `hostname` of their own and would show two.
    let lines: Vec<&str> = if newer_client || ctx.door == Daemon::Ferr {
        lines
    } else {
        lines.into_iter().filter(|l| !l.starts_with("hostname ")).collect()
    };
    for chunk in lines.chunks(LINES) {
        chunk.iter().for_each(|l| ctx.out.push(l));
        ctx.out.breathe().await?;
    }
    if ctx.door == Daemon::Ferr {
        line!(ctx.out, "end");
    }
    Ok(Status::Success)
}
