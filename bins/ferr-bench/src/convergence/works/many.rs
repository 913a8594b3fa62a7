//! `multi-feed` and `many-peers`: routes come from many neighbors at once.

use std::sync::Arc;

use ferr_types::Asn;

use super::{FEED, Setting, Steps, feeds, monitor};
use crate::convergence::duts::{Kind, Plan};
use crate::convergence::fib::{Sample, Until};
use crate::convergence::nlri::expected;
use crate::convergence::outcome::Outcome;
use crate::convergence::peers::Watch;
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer};
use crate::convergence::table::Table;

const FEEDS: usize = 8;

/// One table for each neighbor; the whole of them has the prefixes of `sample`.
fn run(
    work: &str,
    setting: &Setting,
    kind: Kind,
    tables: &[Table],
    sample: Sample,
    settle: bool,
) -> Result<Outcome> {
    let count = tables.len();
    let encode =
        |(i, table): (usize, &Table)| Arc::new(table.encode(&announcer(i, Asn(FEED.0 + i as u32))).announce);
    let messages: Vec<Arc<Vec<u8>>> = tables.iter().enumerate().map(encode).collect();
    let present = expected(tables.iter().flat_map(|t| &t.prefixes));
    let paths = tables.iter().map(|t| t.prefixes.len()).sum();
    let total = sample.total;
    let plan = Plan { groups: vec![feeds(0, count), monitor(count)], v6: total.v6 > 0, ..Plan::default() };
    let mut watches = vec![Watch::default(); count];
    watches.push(Watch { distinct: true, mark: None });
    let mut rig = Rig::start(setting, kind, &plan, watches)?;
    let goals = Goals {
        peers: vec![Goal { peer: count, present: Some(present), ..Goal::default() }],
        fib: Some(FibGoal { sample: Arc::new(sample), until: Until::Present, total }),
        settle,
        limit: setting.limit,
    };
    let phase = rig.phase(&goals, |rig| {
        for (peer, messages) in messages.into_iter().enumerate() {
            rig.send(peer, messages)?;
        }
        Ok(())
    })?;
    Ok(Outcome::of(work, kind, paths, phase).ran_with(&rig))
}

pub(super) fn multi_feed(setting: &Setting, steps: &mut Steps) -> Result<()> {
    if !steps.begin("multi-feed") {
        return Ok(());
    }
    let first = setting.part(250_000, true)?;
    let sample = Sample::new(&first.prefixes);
    let mut tables: Vec<Table> = (1..FEEDS).map(|i| first.of_another_peer(100 + i as u64)).collect();
    tables.push(first);
    // The best paths change as feeds come in: only rest is the end.
    steps.done(run("multi-feed", setting, steps.kind, &tables, sample, true)?);
    Ok(())
}

pub(super) fn many_peers(setting: &Setting, steps: &mut Steps) -> Result<()> {
    for (work, count) in [("many-peers-50", 50), ("many-peers-100", 100)] {
        if !steps.begin(work) {
            continue;
        }
        let table = setting.part(1_000_000, false)?;
        let sample = Sample::new(&table.prefixes);
        match run(work, setting, steps.kind, &table.split(count), sample, false) {
            Ok(outcome) => steps.done(outcome),
            Err(error) => steps.failed(error.as_ref()),
        }
    }
    Ok(())
}
