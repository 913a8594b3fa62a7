//! `show ip route`, interfaces, VRFs, next hops.

mod names;
mod render;
mod route;

use super::Ctx;
use crate::command::ZebraAction;
use crate::output::Outcome;
use crate::pattern::Args;

/// Runs one of them.
pub(crate) async fn run(ctx: &mut Ctx<'_>, action: ZebraAction, args: &Args) -> Outcome {
    match action {
        ZebraAction::Routes => route::show(ctx, args).await,
    }
}
