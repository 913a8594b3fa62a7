//! `reflector`: what one neighbor says goes to many clients, in one group or in several with policies of their own.

use std::sync::Arc;

use super::{Setting, Work};
use crate::convergence::duts::{ASN, Group, Kind, Plan};
use crate::convergence::fib::{Sample, Until};
use crate::convergence::outcome::Outcome;
use crate::convergence::rig::{FibGoal, Goal, Goals, Result, Rig, announcer, neighbor};

const CLIENTS: usize = 500;
/// As many in a small run, where starting hundreds would be all there is to see.
const FEW: usize = 16;

fn plan(clients: usize, groups: usize) -> Plan {
    let feed = Group { name: "feed".to_owned(), neighbors: vec![neighbor(0, ASN)], ..Group::default() };
    let group = |number: usize| Group {
        name: format!("clients{number}"),
        neighbors: (1..=clients).filter(|i| i % groups == number).map(|i| neighbor(i, ASN)).collect(),
        clients: true,
        tag: (groups > 1).then_some(100 + number as u16),
        ..Group::default()
    };
    Plan { groups: std::iter::once(feed).chain((0..groups).map(group)).collect(), ..Plan::default() }
}

pub(super) fn run(setting: &Setting, kind: Kind) -> Result<Vec<Outcome>> {
    let table = setting.part(100_000, false);
    let sample = Arc::new(Sample::new(&table.prefixes));
    let announce = Arc::new(table.encode(&announcer(0, ASN)).announce);
    let count = table.prefixes.len();
    let clients = if setting.scale < 0.05 { FEW } else { CLIENTS };
    let mut out = Vec::new();
    for groups in [1, 8] {
        let work = format!("{}-{groups}", Work::Reflector.name());
        let goals = Goals {
            peers: (1..=clients).map(|peer| Goal { peer, announced: count, ..Goal::default() }).collect(),
            fib: Some(FibGoal { sample: Arc::clone(&sample), until: Until::Present, total: sample.total }),
            settle: false,
            limit: setting.limit,
        };
        let mut rig = Rig::start(setting.patience, kind, &plan(clients, groups), Vec::new())?;
        let phase = rig.phase(&goals, |rig| rig.send(0, Arc::clone(&announce)))?;
        out.push(Outcome::of(&work, kind, count, phase).ran_with(&rig));
    }
    Ok(out)
}
