//! `show ipv6 ospf6 ...` and `clear ipv6 ospf6 ...`.

mod areas;
mod database;
mod interface;
mod lsa;
mod misc;
mod neighbor;
mod origin;
mod process;
mod record;
mod route;
mod text;
mod tree;

use super::Ctx;
use super::ospf::{clear, prepare, select};
use crate::command::Ospf6Action;
use crate::output::Outcome;
use crate::pattern::Args;

/// Runs one of them.
pub(super) async fn run(ctx: &mut Ctx<'_>, action: Ospf6Action, args: &Args) -> Outcome {
    use Ospf6Action as O;
    match action {
        O::Process => process::show(ctx, args).await,
        O::Vrfs => select::vrfs(ctx, args, select::V3).await,
        O::Neighbors => neighbor::show(ctx, args).await,
        O::Interfaces => interface::show(ctx, args).await,
        O::Prefixes => interface::prefixes(ctx, args).await,
        O::Traffic => interface::traffic(ctx, args).await,
        O::Database => database::show(ctx, args).await,
        O::Routes => route::show(ctx, args).await,
        O::Tree => tree::show(ctx, args).await,
        O::Simulate => tree::simulate(ctx, args).await,
        O::BorderRouters => route::border_routers(ctx, args).await,
        O::LinkState => tree::link_state(ctx, args).await,
        O::Redistribute => misc::redistribute(ctx, args).await,
        O::Summaries => misc::summaries(ctx, args).await,
        O::Helper => misc::helper(ctx, args).await,
        O::Zebra => misc::zebra(ctx, args).await,
        O::Clear => clear(ctx, args, select::V3).await,
        O::Prepare => prepare(ctx, select::V3).await,
    }
}
