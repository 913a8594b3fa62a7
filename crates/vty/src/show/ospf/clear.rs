//! `clear ip ospf`, `clear ipv6 ospf6`, `graceful-restart prepare`.

use ferr_state::OspfName;
use ferr_state::ferr_ospf::Clear;
use ferr_state::ferr_ospf::wire::Version;
use ferr_types::RouterId;

use super::links::Links;
use super::select::{Target, Targets, V3};
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// `clear ...`.
pub(in crate::show) async fn clear(ctx: &mut Ctx<'_>, args: &Args, version: Version) -> Outcome {
    let targets = Targets::of(ctx, args, version).await?;
    if targets.found.is_empty() {
        if version == V3 {
            line!(ctx.out, "OSPFv3 is not configured");
        }
        return Ok(Status::Success);
    }
    let link = match args.get("IFNAME") {
        None => None,
        Some(name) => {
            let links = Links::take(ctx).await?;
            let Some((index, _)) = links.named(name) else {
                line!(ctx.out, "No such interface name");
                return Ok(Status::Success);
            };
            Some(index)
        }
    };
    let router = args.after("neighbor").and_then(|a| a.parse().ok()).map(RouterId);
    let what = match () {
        () if args.has("auth-counters") => Clear::Counters(link),
        () if args.has("interface") => Clear::Interface(link),
        () if args.has("neighbor") => Clear::Neighbor(router),
        () => Clear::Process,
    };
    for Target { name, .. } in targets.found {
        ctx.handle()
            .ospf(move |world, now| {
                if let Some(instance) = world.instances.get_mut(&name) {
                    instance.clear(what, now);
                }
            })
            .await?;
    }
    Ok(Status::Success)
}

/// `graceful-restart prepare`: of all instances, or of that whose socket it is.
pub(in crate::show) async fn prepare(ctx: &mut Ctx<'_>, version: Version) -> Outcome {
    let number = ctx.number;
    let refused = ctx
        .handle()
        .ospf(move |world, now| {
            let meant = |name: &OspfName| name.version == version && (number == 0 || name.instance == number);
            let all = world.instances.iter_mut().filter(|(name, _)| meant(name));
            let mut refused = Vec::new();
            for (name, instance) in all {
                if !instance.prepare_restart(now) {
                    refused.push(name.vrf.clone());
                }
            }
            refused
        })
        .await?;
    for vrf in &refused {
        line!(ctx.out, "% Graceful restart is not configured in vrf {vrf}");
    }
    Ok(if refused.is_empty() { Status::Success } else { Status::ConfigFailed })
}
