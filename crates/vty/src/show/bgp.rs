//! `show bgp ...`.

mod reason;
pub(crate) mod select;
mod summary;

use super::Ctx;
use crate::command::BgpAction;
use crate::output::Outcome;
use crate::pattern::Args;

/// Runs one of them.
pub(crate) async fn run(ctx: &mut Ctx<'_>, action: BgpAction, args: &Args) -> Outcome {
    match action {
        BgpAction::Summary => summary::show(ctx, args).await,
    }
}
