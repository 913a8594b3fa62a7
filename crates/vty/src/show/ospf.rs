//! `show ip ospf ...` and `clear ip ospf ...`; what both versions share.
//!
//! Invariant: an LSA is taken as its octets; a database is read in slices, so that no size of it holds up the protocol.

mod clear;
mod database;
pub(super) mod interface;
pub(super) mod links;
mod lsa;
pub(super) mod misc;
mod neighbor;
mod process;
pub(super) mod route;
pub(super) mod rows;
#[cfg(test)]
pub(super) mod sample;
pub(super) mod select;
mod text;

use super::Ctx;
use crate::command::OspfAction;
use crate::output::{Outcome, Status};
use crate::pattern::Args;

pub(super) use clear::{clear, prepare};

/// Runs one of them.
pub(super) async fn run(ctx: &mut Ctx<'_>, action: OspfAction, args: &Args) -> Outcome {
    use OspfAction as O;
    if select::is_elsewhere(ctx, args).await? {
        return Ok(Status::NotMyInstance);
    }
    match action {
        O::Process => process::show(ctx, args).await,
        O::Vrfs => select::vrfs(ctx, args, select::V2).await,
        O::Neighbors => neighbor::show(ctx, args).await,
        O::Interfaces => interface::show(ctx, args).await,
        O::Traffic => interface::traffic(ctx, args).await,
        O::Database => database::show(ctx, args).await,
        O::MaxAge => database::max_age(ctx, args).await,
        O::Routes => route::show(ctx, args).await,
        O::BorderRouters => route::border_routers(ctx, args).await,
        O::ReachableRouters => route::reachable_routers(ctx, args).await,
        O::Helper => misc::helper(ctx, args).await,
        O::Summaries => misc::summaries(ctx, args).await,
        O::Engineering => misc::engineering(ctx, args).await,
        O::RouterInformation => misc::router_information(ctx, args),
        O::LdpSync => misc::ldp_sync(ctx, args),
        O::Clear => clear(ctx, args, select::V2).await,
        O::Prepare => prepare(ctx, select::V2).await,
    }
}
