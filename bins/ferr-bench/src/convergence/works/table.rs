//! `full-table` and `withdraw`.

use std::sync::Arc;

use ferr_types::Asn;

use super::{Setting, Work};
use crate::convergence::duts::{Group, Kind, Plan};
use crate::convergence::fib::{Totals, Until};
use crate::convergence::nlri::expected;
use crate::convergence::outcome::Outcome;
use crate::convergence::peers::Watch;
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer, neighbor};

const FEED: Asn = Asn(65100);
const MONITOR: Asn = Asn(65200);

/// A plan with one neighbor that feeds (number 0) and one that listens (number 1).
pub(super) fn plan(v6: bool) -> Plan {
    let group = |name: &str, index, asn| Group {
        name: name.to_owned(),
        neighbors: vec![neighbor(index, asn)],
        ..Group::default()
    };
    Plan { groups: vec![group("feed", 0, FEED), group("monitor", 1, MONITOR)], v6, ..Plan::default() }
}

pub(super) fn run(setting: &Setting, kind: Kind) -> Result<Vec<Outcome>> {
    let total = setting.sample.total;
    let encoded = setting.table.encode(&announcer(0, FEED));
    let present = expected(&[&encoded.announce]);
    let (announce, withdraw) = (Arc::new(encoded.announce), Arc::new(encoded.withdraw));
    let watches = vec![Watch::default(), Watch { distinct: true, mark: None }];
    let mut rig = Rig::start(kind, &plan(total.v6 > 0), watches)?;
    let goals = |present, until, total| Goals {
        peers: vec![Goal { peer: 1, present: Some(present), ..Goal::default() }],
        fib: Some(FibGoal { sample: Arc::clone(&setting.sample), until, total }),
        settle: false,
        limit: setting.limit,
    };
    let mut out = Vec::new();
    let phase = rig.phase(&goals(present, Until::Present, total), |rig| rig.send(0, announce))?;
    let mut outcome = Outcome::of("full-table", kind, total.sum(), phase);
    outcome.configs = rig.router.configs();
    if setting.wants(Work::FullTable) {
        out.push(outcome);
    }
    if setting.wants(Work::Withdraw) {
        let goals = goals(0, Until::Gone, Totals::default());
        let phase = rig.phase(&goals, |rig| rig.send(0, withdraw))?;
        out.push(Outcome::of("withdraw", kind, total.sum(), phase));
    }
    Ok(out)
}
