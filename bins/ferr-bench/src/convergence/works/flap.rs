//! `flap`: the session of a neighbor with half a table ends, and comes back.

use std::sync::Arc;

use super::table::{plan, watches};
use super::{FEED, Setting, Steps};
use crate::convergence::fib::{Sample, Totals, Until};
use crate::convergence::nlri::expected;
use crate::convergence::outcome::Outcome;
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer};

pub(super) fn run(setting: &Setting, steps: &mut Steps) -> Result<()> {
    if !steps.begin("flap-down") {
        return Ok(());
    }
    let kind = steps.kind;
    let table = setting.part(500_000, false)?;
    let sample = Arc::new(Sample::new(&table.prefixes));
    let announce = Arc::new(table.encode(&announcer(0, FEED)).announce);
    let present = expected(&table.prefixes);
    let paths = sample.total.sum();
    let mut rig = Rig::start(setting, kind, &plan(false), watches())?;
    let goals = |present, until, total| Goals {
        peers: vec![Goal { peer: 1, present: Some(present), ..Goal::default() }],
        fib: Some(FibGoal { sample: Arc::clone(&sample), until, total }),
        settle: false,
        limit: setting.limit,
    };
    let all_there = goals(present, Until::Present, sample.total);
    rig.phase(&all_there, |rig| rig.send(0, Arc::clone(&announce)))?;
    let down = rig.phase(&goals(0, Until::Gone, Totals::default()), |rig| {
        rig.peers[0].close();
        Ok(())
    })?;
    steps.done(Outcome::of("flap-down", kind, paths, down).ran_with(&rig));
    if !steps.begin("flap-up") {
        return Ok(());
    }
    // From when the session is up again: how soon a router answers is a matter of its timers.
    rig.reconnect(0)?;
    let up = rig.phase(&all_there, |rig| rig.send(0, announce))?;
    steps.done(Outcome::of("flap-up", kind, paths, up).ran_with(&rig));
    Ok(())
}
