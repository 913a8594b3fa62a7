//! `policy`: long lists and many clauses in both directions, and then other clauses while all sessions are up.

use std::sync::Arc;

use super::table::watches;
use super::{FEED, Setting, feeds, monitor};
use crate::convergence::duts::{Filter, Kind, Plan, Policy};
use crate::convergence::fib::{Sample, Until};
use crate::convergence::nlri::expected;
use crate::convergence::outcome::Outcome;
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer};
use crate::convergence::table::Table;

/// Prefixes in a list, half of them in the table; clauses with a community.
const LISTED: usize = 5000;
const CLAUSES: usize = 198;
const MED: u32 = 1000;

/// Communities that some routes have, and lists of which half is in the table: what is refused, and what is refused and there.
struct Material {
    communities: Vec<(u16, u16)>,
    lists: [Vec<ferr_types::Prefix>; 2],
    hits: usize,
}

fn material(table: &Table, listed: usize, clauses: usize) -> Material {
    let mut communities: Vec<(u16, u16)> = Vec::new();
    for group in &table.groups {
        let Some([a, b, c, d]) = group.communities.first_chunk::<4>() else { continue };
        let community = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        if communities.len() < clauses && !communities.contains(&community) {
            communities.push(community);
        }
    }
    let hits = (listed / 2).min(table.prefixes.len() / 10);
    let known: std::collections::HashSet<_> = table.prefixes.iter().collect();
    let strangers = Table::made(2 * listed, 0, 4711).prefixes;
    let mut strangers = strangers.into_iter().filter(|p| !known.contains(p));
    let mut list = |from: usize| {
        let mut list = table.prefixes[from..from + hits].to_vec();
        list.extend(strangers.by_ref().take(listed / 2));
        list
    };
    let lists = [list(0), list(hits)];
    Material { communities, lists, hits }
}

fn plan(material: &Material, med: u32) -> Plan {
    let policy = |name, refused: &Vec<ferr_types::Prefix>, med| {
        Filter::Policy(Arc::new(Policy {
            name,
            refused: refused.clone(),
            communities: material.communities.clone(),
            med,
        }))
    };
    let (mut feed, mut monitor) = (feeds(0, 1), monitor(1));
    feed.import = policy("INWARD", &material.lists[0], MED);
    monitor.export = policy("OUTWARD", &material.lists[1], med);
    Plan { groups: vec![feed, monitor], ..Plan::default() }
}

pub(super) fn run(setting: &Setting, kind: Kind) -> Result<Vec<Outcome>> {
    let table = setting.part(250_000, false);
    let (listed, clauses) = (setting.scaled(LISTED).max(20), setting.scaled(CLAUSES).max(4));
    let material = material(&table, listed.min(LISTED), clauses.min(CLAUSES));
    let announce = Arc::new(table.encode(&announcer(0, FEED)).announce);
    let kept = &table.prefixes[material.hits..];
    let sample = Arc::new(Sample::new(kept));
    let present = expected(&table.prefixes[2 * material.hits..]);
    let paths = table.prefixes.len();
    let mut rig = Rig::start(setting.patience, kind, &plan(&material, 2 * MED), watches())?;
    let goals = Goals {
        peers: vec![Goal { peer: 1, present: Some(present), ..Goal::default() }],
        fib: Some(FibGoal { sample: Arc::clone(&sample), until: Until::Present, total: sample.total }),
        settle: false,
        limit: setting.limit,
    };
    let load = rig.phase(&goals, |rig| rig.send(0, announce))?;
    let load = Outcome::of("policy", kind, paths, load).ran_with(&rig);
    let other = plan(&material, 3 * MED);
    let goals = Goals {
        peers: vec![Goal { peer: 1, announced: kept.len() - material.hits, ..Goal::default() }],
        fib: None,
        // A router may apply the clauses one by one.
        settle: true,
        limit: setting.limit,
    };
    let change = rig.phase(&goals, |rig| Ok(rig.router.reconfigure(&other)?))?;
    Ok(vec![load, Outcome::of("policy-change", kind, paths, change).ran_with(&rig)])
}
