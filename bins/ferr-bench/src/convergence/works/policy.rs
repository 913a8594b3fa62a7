//! `policy`: long lists and many clauses in both directions, and then other clauses in both while all sessions are up.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use ferr_types::Prefix;

use super::table::watches;
use super::{FEED, Setting, Steps, feeds, monitor};
use crate::convergence::duts::{Filter, Plan, Policy};
use crate::convergence::fib::{Sample, Until};
use crate::convergence::nlri::expected;
use crate::convergence::outcome::Outcome;
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer};
use crate::convergence::table::{Group, Table};

/// Prefixes in a list, half of them in the table; clauses with a community.
const LISTED: usize = 5000;
const CLAUSES: usize = 198;
const MED: u32 = 1000;

/// Communities that some routes have, and lists of which half is in the table: what is refused inward and outward.
struct Material {
    communities: Vec<(u16, u16)>,
    lists: [Vec<Prefix>; 2],
}

/// What differs between the first clauses and the later ones.
struct Clauses {
    /// Those that refuse, inward and outward.
    denied: [Range<usize>; 2],
    med: u32,
}

/// What is left of the table inward, and of that outward.
struct Kept {
    inward: Vec<Prefix>,
    outward: Vec<Prefix>,
}

fn material(table: &Table, listed: usize, clauses: usize) -> Material {
    let mut communities: Vec<(u16, u16)> = Vec::new();
    // The lists have what is first in the table.
    for group in table.groups.iter().rev() {
        let Some([a, b, c, d]) = group.communities.first_chunk::<4>() else { continue };
        let community = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        if communities.len() < clauses && !communities.contains(&community) {
            communities.push(community);
        }
    }
    let hits = (listed / 2).min(table.prefixes.len() / 10);
    let known: HashSet<_> = table.prefixes.iter().collect();
    let strangers = Table::made(2 * listed, 0, 4711).prefixes;
    let mut strangers = strangers.into_iter().filter(|p| !known.contains(p));
    let mut list = |from: usize| {
        let mut list = table.prefixes[from..from + hits].to_vec();
        list.extend(strangers.by_ref().take(listed / 2));
        list
    };
    let lists = [list(0), list(hits)];
    Material { communities, lists }
}

impl Material {
    /// The first clauses, and the later ones: each refuses by a quarter of all clauses in each direction.
    fn clauses(&self) -> [Clauses; 2] {
        let quarter = self.communities.len() / 4;
        let part = |number: usize| number * quarter..(number + 1) * quarter;
        [
            Clauses { denied: [part(0), part(2)], med: 2 * MED },
            Clauses { denied: [part(1), part(3)], med: 3 * MED },
        ]
    }

    fn plan(&self, clauses: &Clauses) -> Plan {
        let policy = |name, way: usize, med| {
            Filter::Policy(Arc::new(Policy {
                name,
                refused: self.lists[way].clone(),
                communities: self.communities.clone(),
                med,
                denied: clauses.denied[way].clone(),
            }))
        };
        let (mut feed, mut monitor) = (feeds(0, 1), monitor(1));
        feed.import = policy("INWARD", 0, clauses.med - MED);
        monitor.export = policy("OUTWARD", 1, clauses.med);
        Plan { groups: vec![feed, monitor], ..Plan::default() }
    }

    fn kept(&self, table: &Table, clauses: &Clauses) -> Kept {
        let at = |(at, (high, low)): (usize, &(u16, u16))| ([high.to_be_bytes(), low.to_be_bytes()], at);
        let numbers: HashMap<[[u8; 2]; 2], usize> = self.communities.iter().enumerate().map(at).collect();
        let clause = |group: &Group| {
            let all = group.communities.as_chunks::<4>().0.iter();
            all.filter_map(|[a, b, c, d]| numbers.get(&[[*a, *b], [*c, *d]]).copied()).min()
        };
        let lists = [0, 1].map(|way| self.lists[way].iter().copied().collect::<HashSet<_>>());
        let mut kept = Kept { inward: Vec::new(), outward: Vec::new() };
        for group in &table.groups {
            let clause = clause(group);
            let takes = |way: usize, prefix: &Prefix| {
                !clause.is_some_and(|c| clauses.denied[way].contains(&c)) && !lists[way].contains(prefix)
            };
            let inward = table.prefixes[group.prefixes.clone()].iter().filter(|p| takes(0, p));
            kept.outward.extend(inward.clone().filter(|p| takes(1, p)));
            kept.inward.extend(inward);
        }
        kept
    }
}

pub(super) fn run(setting: &Setting, steps: &mut Steps) -> Result<()> {
    if !steps.begin("policy") {
        return Ok(());
    }
    let kind = steps.kind;
    let table = setting.part(250_000, false)?;
    let (listed, clauses) = (setting.scaled(LISTED).max(20), setting.scaled(CLAUSES).max(8));
    let material = material(&table, listed.min(LISTED), clauses.min(CLAUSES));
    let [first, later] = material.clauses();
    let [before, after] = [&first, &later].map(|clauses| material.kept(&table, clauses));
    let announce = Arc::new(table.encode(&announcer(0, FEED)).announce);
    let paths = table.prefixes.len();
    let mut rig = Rig::start(setting, kind, &material.plan(&first), watches())?;
    let goals = |kept: &Kept, sample: Sample, announced: usize| Goals {
        peers: vec![Goal { peer: 1, present: Some(expected(&kept.outward)), announced, ..Goal::default() }],
        fib: Some(FibGoal { total: sample.total, sample: Arc::new(sample), until: Until::Present }),
        settle: false,
        limit: setting.limit,
    };
    let whole = goals(&before, Sample::new(&before.inward), 0);
    rig.peers[0].answer_refresh_with(Arc::clone(&announce));
    let load = rig.phase(&whole, |rig| rig.send(0, announce))?;
    steps.done(Outcome::of("policy", kind, paths, load).ran_with(&rig));
    if !steps.begin("policy-change") {
        return Ok(());
    }
    let known: HashSet<&Prefix> = before.inward.iter().collect();
    let sample = Sample::among(&after.inward, |prefix| !known.contains(prefix));
    // A router may apply the clauses one by one: only rest is the end. Every route has another MED.
    let goals = Goals { settle: true, ..goals(&after, sample, after.outward.len()) };
    let plan = material.plan(&later);
    let change = rig.phase(&goals, |rig| Ok(rig.router.reconfigure(&plan)?))?;
    steps.done(Outcome::of("policy-change", kind, paths, change).ran_with(&rig));
    Ok(())
}
