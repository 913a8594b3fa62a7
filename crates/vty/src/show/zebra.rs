//! `show ip route`, interfaces, VRFs, next hops.

pub(crate) mod interface;
mod link;
mod misc;
pub(crate) mod names;
mod nexthop;
mod render;
mod route;
mod single;
mod wireguard;

use super::Ctx;
use crate::command::ZebraAction;
use crate::output::Outcome;
use crate::pattern::Args;

/// Runs one of them.
pub(crate) async fn run(ctx: &mut Ctx<'_>, action: ZebraAction, args: &Args) -> Outcome {
    use ZebraAction as Z;
    match action {
        Z::Routes => route::show(ctx, args).await,
        Z::Prefix => single::prefix(ctx, args).await,
        Z::Summary => single::summary(ctx, args).await,
        Z::Interfaces => interface::show(ctx, args).await,
        Z::Vrfs => interface::vrfs(ctx, args).await,
        Z::Tracked => nexthop::tracked(ctx, args).await,
        Z::ImportChecks => nexthop::import_checks(ctx, args).await,
        Z::Groups => nexthop::groups(ctx, args).await,
        Z::Forwarding => misc::forwarding(ctx, args),
        Z::RouterId => misc::router_id(ctx, args).await,
        Z::Protocols => misc::protocols(ctx, args).await,
        Z::Zebra => misc::zebra(ctx).await,
        Z::Tables => misc::tables(ctx).await,
        Z::Links => link::links(ctx, args).await,
        Z::Sysctls => link::sysctls(ctx, args).await,
        Z::Mss => link::segments(ctx, args).await,
        Z::WireGuard => wireguard::show(ctx, args).await,
    }
}
