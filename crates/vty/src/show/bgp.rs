//! `show bgp ...` and `clear bgp ...`.

mod adjacent;
mod clear;
mod detail;
mod filter;
mod misc;
mod neighbor;
pub(crate) mod nexthop;
mod reason;
mod row;
pub(crate) mod select;
mod summary;
mod table;

use super::Ctx;
use crate::command::BgpAction;
use crate::output::Outcome;
use crate::pattern::Args;

/// Runs one of them.
pub(crate) async fn run(ctx: &mut Ctx<'_>, action: BgpAction, args: &Args) -> Outcome {
    use BgpAction as B;
    match action {
        B::Summary => summary::show(ctx, args).await,
        B::Table => table::show(ctx, args).await,
        B::Prefix => detail::show(ctx, args).await,
        B::Neighbors => neighbor::show(ctx, args).await,
        B::NeighborRoutes => table::from_neighbor(ctx, args).await,
        B::Adjacent => adjacent::show(ctx, args).await,
        B::GracefulRestart => neighbor::graceful_restart(ctx, args).await,
        B::PrefixCounts => neighbor::prefix_counts(ctx, args).await,
        B::Vrfs => misc::vrfs(ctx, args).await,
        B::Views => misc::views(ctx).await,
        B::PeerGroups => misc::peer_groups(ctx, args).await,
        B::Nexthops => nexthop::show(ctx, args).await,
        B::UpdateGroups => misc::update_groups(ctx, args).await,
        B::Memory => misc::memory(ctx).await,
        B::Statistics => misc::statistics(ctx, args).await,
        B::Clear => clear::run(ctx, args).await,
    }
}
