//! `full-table` and `withdraw`.

use std::sync::Arc;

use super::{FEED, Setting, Steps, Work, feeds, monitor};
use crate::convergence::duts::{Filter, Plan};
use crate::convergence::fib::{Totals, Until};
use crate::convergence::nlri::expected;
use crate::convergence::outcome::Outcome;
use crate::convergence::peers::Watch;
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer};

/// A plan with one neighbor that feeds (number 0) and one that listens (number 1).
pub(super) fn plan(v6: bool) -> Plan {
    let mut feed = feeds(0, 1);
    feed.export = Filter::All;
    Plan { groups: vec![feed, monitor(1)], v6, ..Plan::default() }
}

/// Watches of such a plan: prefixes at the listener are told apart.
pub(super) fn watches() -> Vec<Watch> {
    vec![Watch::default(), Watch { distinct: true, mark: None }]
}

pub(super) fn run(setting: &Setting, steps: &mut Steps) -> Result<()> {
    let kind = steps.kind;
    if !steps.begin(if setting.wants(Work::FullTable) { "full-table" } else { "withdraw" }) {
        return Ok(());
    }
    let total = setting.sample.total;
    let encoded = setting.table.encode(&announcer(0, FEED));
    let present = expected(&setting.table.prefixes);
    let (announce, withdraw) = (Arc::new(encoded.announce), Arc::new(encoded.withdraw));
    let mut rig = Rig::start(setting, kind, &plan(total.v6 > 0), watches())?;
    let goals = |present, until, total| Goals {
        peers: vec![Goal { peer: 1, present: Some(present), ..Goal::default() }],
        fib: Some(FibGoal { sample: Arc::clone(&setting.sample), until, total }),
        settle: false,
        limit: setting.limit,
    };
    let phase = rig.phase(&goals(present, Until::Present, total), |rig| rig.send(0, announce))?;
    if setting.wants(Work::FullTable) {
        steps.done(Outcome::of("full-table", kind, total.sum(), phase).ran_with(&rig));
    }
    if setting.wants(Work::Withdraw) && steps.begin("withdraw") {
        let goals = goals(0, Until::Gone, Totals::default());
        let phase = rig.phase(&goals, |rig| rig.send(0, withdraw))?;
        steps.done(Outcome::of("withdraw", kind, total.sum(), phase).ran_with(&rig));
    }
    Ok(())
}
