//! `show running-config`: each socket prints its own part, so that what clients merge holds every line once.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferr_config::model::ospf::OspfNetwork;
use ferr_config::{Config, Part, render};
use ferr_state::Gone;

use super::Ctx;
use super::ospf::links::POINT_TO_POINT;
use crate::door::Daemon;
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;

/// Lines written before waiting for the reader.
const LINES: usize = 256;

/// The part of the socket's daemon.
pub(super) async fn show(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let config = ctx.handle().running().await?;
    let config = without_usual_networks(ctx, own_share(ctx, config)).await?;
    let newer_client = ctx.shared.knows(ctx.pid, Daemon::Mgmtd.into());
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

/// An instance's socket prints that instance alone; `ospfd` prints those to whose sockets the client is not connected.
fn own_share(ctx: &Ctx<'_>, config: Arc<Config>) -> Arc<Config> {
    let elsewhere = match ctx.door {
        Daemon::Ospfd => ctx.shared.numbers(ctx.pid),
        _ => return config,
    };
    match ctx.number {
        0 if elsewhere.is_empty() => config,
        0 => Arc::new(config.without_ospf_instances(&elsewhere)),
        number => Arc::new(config.only_ospf_instance(number)),
    }
}

/// `ip ospf network` is shown where it is not what the device has anyway, as FRR does it; a device that is not there counts as broadcast.
async fn without_usual_networks(ctx: &Ctx<'_>, config: Arc<Config>) -> Result<Arc<Config>, Gone> {
    let named = |kind: Option<OspfNetwork>| {
        matches!(kind, Some(OspfNetwork::Broadcast | OspfNetwork::PointToPoint { .. }))
    };
    if !matches!(ctx.door, Daemon::Ospfd | Daemon::Ferr)
        || !config.interfaces.values().any(|i| named(i.ospf.network))
    {
        return Ok(config);
    }
    let points: BTreeSet<String> = ctx
        .handle()
        .rib(|rib, _| {
            let points = rib.links().filter(|link| link.flags & POINT_TO_POINT != 0);
            points.map(|link| link.name.clone()).collect()
        })
        .await?;
    let mut config = Arc::unwrap_or_clone(config);
    for (name, interface) in &mut config.interfaces {
        let usual = match interface.ospf.network {
            Some(OspfNetwork::Broadcast) => !points.contains(name.as_str()),
            Some(OspfNetwork::PointToPoint { .. }) => points.contains(name.as_str()),
            _ => false,
        };
        if usual {
            interface.ospf.network = None;
        }
    }
    Ok(Arc::new(config))
}
