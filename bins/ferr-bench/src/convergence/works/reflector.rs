//! `reflector`: what one neighbor says goes to many clients, in one group or in several with policies of their own.

use std::sync::Arc;

use super::{Setting, Steps};
use crate::convergence::duts::{ASN, Group, Kind, Plan};
use crate::convergence::fib::{Sample, Until};
use crate::convergence::outcome::Outcome;
use crate::convergence::rig::{FibGoal, Goal, Goals, Phase, Result, Rig, announcer, neighbor};
use crate::convergence::table::Table;

const CLIENTS: usize = 500;
/// As many in a small run, where starting hundreds would be all there is to see.
const FEW: usize = 16;

/// A router that reflects, with all sessions up.
pub(super) struct Reflector {
    pub(super) rig: Rig,
    pub(super) table: Table,
    clients: usize,
}

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

impl Reflector {
    pub(super) fn start(setting: &Setting, kind: Kind, groups: usize) -> Result<Self> {
        let table = setting.part(100_000, false)?;
        let clients = if setting.scale < 0.05 { FEW } else { CLIENTS };
        let rig = Rig::start(setting, kind, &plan(clients, groups), Vec::new())?;
        Ok(Self { rig, table, clients })
    }

    /// Each client has heard of all routes so many times.
    pub(super) fn all(&self, setting: &Setting, times: usize) -> Goals {
        let announced = self.table.prefixes.len() * times;
        Goals {
            peers: (1..=self.clients).map(|peer| Goal { peer, announced, ..Goal::default() }).collect(),
            limit: setting.limit,
            ..Goals::default()
        }
    }

    /// Fills it.
    pub(super) fn load(&mut self, setting: &Setting) -> Result<Phase> {
        let sample = Arc::new(Sample::new(&self.table.prefixes));
        let total = sample.total;
        let announce = Arc::new(self.table.encode(&announcer(0, ASN)).announce);
        let fib = Some(FibGoal { sample, until: Until::Present, total });
        let goals = Goals { fib, ..self.all(setting, 1) };
        self.rig.phase(&goals, |rig| rig.send(0, announce))
    }
}

/// The clients come when the table is there, all but one.
fn late(setting: &Setting, kind: Kind) -> Result<Outcome> {
    let table = setting.part(100_000, false)?;
    let clients = if setting.scale < 0.05 { FEW } else { CLIENTS };
    let rig = Rig::without_sessions(setting, kind, &plan(clients, 1), Vec::new())?;
    let mut reflector = Reflector { rig, table, clients: 1 };
    reflector.rig.connect_up_to(2)?;
    reflector.load(setting)?;
    reflector.clients = clients;
    let mut goals = reflector.all(setting, 1);
    goals.peers.remove(0);
    let phase = reflector.rig.phase(&goals, |rig| rig.connect_up_to(clients + 1))?;
    let count = reflector.table.prefixes.len();
    Ok(Outcome::of("reflector-late", kind, count, phase).ran_with(&reflector.rig))
}

pub(super) fn run(setting: &Setting, steps: &mut Steps) -> Result<()> {
    for groups in [1, 8] {
        let work = format!("reflector-{groups}");
        if !steps.begin(&work) {
            continue;
        }
        let run = || -> Result<Outcome> {
            let mut reflector = Reflector::start(setting, steps.kind, groups)?;
            let phase = reflector.load(setting)?;
            let count = reflector.table.prefixes.len();
            Ok(Outcome::of(&work, steps.kind, count, phase).ran_with(&reflector.rig))
        };
        match run() {
            Ok(outcome) => steps.done(outcome),
            Err(error) => steps.failed(error.as_ref()),
        }
    }
    if steps.begin("reflector-late") {
        let outcome = late(setting, steps.kind)?;
        steps.done(outcome);
    }
    Ok(())
}
