//! `query-churn` and `query-reflector`: the whole table is asked for again and again, and many short questions beside it, while routes change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ferr_testnet::Netns;
use ferr_types::Prefix;

use super::churn::Churn;
use super::reflector::Reflector;
use super::{Setting, Steps};
use crate::convergence::asking::{Answer, ask};
use crate::convergence::duts::{ASN, Ask, Show};
use crate::convergence::outcome::{Metric, Outcome, ShowTimes};
use crate::convergence::rig::{Result, Rig, announcer};
use crate::convergence::table::{Group, Table};

/// Time between short questions.
const PAUSE: Duration = Duration::from_millis(25);
/// Prefixes that are asked for in turn.
const PREFIXES: usize = 16;
/// All routes change again until so much time has passed, so many times at most.
const ROUNDS: usize = 12;
const LEAST: f64 = 5.0;

/// What is asked.
struct Questions {
    whole: Ask,
    /// In turn.
    shows: Vec<Show>,
    netns: Netns,
}

/// What was answered.
#[derive(Default)]
struct Asked {
    wholes: Vec<Answer>,
    shows: Vec<(&'static str, Option<Answer>)>,
}

impl Questions {
    fn new(rig: &Rig, table: &Table) -> Self {
        let step = table.prefixes.len().div_ceil(PREFIXES);
        let prefixes = table.prefixes.iter().step_by(step).copied();
        let shows = prefixes.flat_map(|prefix: Prefix| rig.router.shows(prefix)).collect();
        Self { whole: rig.router.ask(), shows, netns: rig.dut.netns().clone() }
    }

    /// Asks all the time while `action` lasts.
    fn during<T>(&self, action: impl FnOnce() -> T) -> (T, Asked) {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let wholes = scope.spawn(|| {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    // Where there is none, its absence shows it.
                    match ask(&self.whole, &self.netns) {
                        Some(answer) => answers.push(answer),
                        None => thread::sleep(PAUSE),
                    }
                }
                answers
            });
            let shows = scope.spawn(|| {
                let mut answers = Vec::new();
                for show in self.shows.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    answers.push((show.name, ask(&show.ask, &self.netns)));
                    thread::sleep(PAUSE);
                }
                answers
            });
            let result = action();
            stop.store(true, Ordering::Relaxed);
            let (wholes, shows) = (wholes.join().unwrap_or_default(), shows.join().unwrap_or_default());
            (result, Asked { wholes, shows })
        })
    }
}

fn percentile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).ceil() as usize).copied().unwrap_or(0.0)
}

fn first_ms(answer: &Answer) -> f64 {
    answer.first.as_secs_f64() * 1e3
}

impl Asked {
    fn figures(&self) -> Vec<(Metric, f64)> {
        let mut figures = Vec::new();
        if !self.wholes.is_empty() {
            let octets: u64 = self.wholes.iter().map(|a| a.octets).sum();
            let seconds: f64 = self.wholes.iter().map(|a| a.whole.as_secs_f64()).sum();
            let first = percentile(self.wholes.iter().map(first_ms).collect(), 0.5);
            figures.push((Metric::FirstByte, first));
            figures.push((Metric::Throughput, octets as f64 / 1e6 / seconds.max(1e-6)));
            figures.push((Metric::Answers, self.wholes.len() as f64));
        }
        let shows: Vec<f64> = self.shows.iter().filter_map(|(_, a)| a.as_ref()).map(first_ms).collect();
        if !shows.is_empty() {
            figures.push((Metric::ShowP99, percentile(shows, 0.99)));
        }
        figures
    }

    fn times(&self) -> Vec<ShowTimes> {
        let mut by_name: BTreeMap<&str, (Vec<f64>, usize)> = BTreeMap::new();
        for (name, answer) in &self.shows {
            let (answers, unanswered) = by_name.entry(name).or_default();
            match answer {
                Some(answer) => answers.push(first_ms(answer)),
                None => *unanswered += 1,
            }
        }
        let times = |(name, (answers, unanswered)): (&str, (Vec<f64>, usize))| ShowTimes {
            name: name.to_owned(),
            answers: answers.len(),
            unanswered,
            p99_ms: percentile(answers, 0.99),
        };
        let mut all: Vec<ShowTimes> = by_name.into_iter().map(times).collect();
        all.sort_by(|a, b| b.p99_ms.total_cmp(&a.p99_ms));
        all
    }

    fn put_into(&self, outcome: Outcome) -> Outcome {
        Outcome { shows: self.times(), ..outcome.with(self.figures()) }
    }
}

pub(super) fn churn(setting: &Setting, steps: &mut Steps) -> Result<()> {
    if !steps.begin("query-churn") {
        return Ok(());
    }
    let mut churn = Churn::start(setting, steps.kind)?;
    let (_, alone) = churn.flow(setting)?;
    let questions = Questions::new(&churn.rig, &churn.table);
    let (result, asked) = questions.during(|| churn.flow(setting));
    let (phase, flow) = result?;
    let slowdown = flow.p99() / alone.p99().max(1e-6);
    let outcome = Outcome::of("query-churn", steps.kind, churn.table.prefixes.len(), phase);
    let outcome = outcome.with(flow.figures()).with([(Metric::Slowdown, slowdown)]);
    steps.done(asked.put_into(outcome).ran_with(&churn.rig));
    Ok(())
}

/// The whole table with this MED, encoded for the one who feeds a reflector.
fn with_med(table: &Table, med: u32) -> Arc<Vec<u8>> {
    let other = |group: &Group| Group { med: Some(med), ..group.clone() };
    let groups = table.groups.iter().map(other).collect();
    let table = Table { prefixes: table.prefixes.clone(), groups };
    Arc::new(table.encode(&announcer(0, ASN)).announce)
}

pub(super) fn reflector(setting: &Setting, steps: &mut Steps) -> Result<()> {
    if !steps.begin("query-reflector") {
        return Ok(());
    }
    let mut reflector = Reflector::start(setting, steps.kind, 1)?;
    reflector.load(setting)?;
    // MEDs that no route of the table has.
    let tables = [with_med(&reflector.table, 100_000), with_med(&reflector.table, 100_001)];
    let once = reflector.all(setting, 1);
    let mut turn = tables.iter().cycle();
    let mut round = |rig: &mut Rig| -> Result<f64> {
        let table = turn.next().map(Arc::clone).unwrap_or_default();
        let phase = rig.phase(&once, |rig| rig.send(0, table))?;
        Ok(phase.monitor.unwrap_or(0.0))
    };
    let least = LEAST * setting.scale.clamp(0.1, 1.0);
    let mut alone = Vec::new();
    while alone.len() < ROUNDS && alone.iter().sum::<f64>() < least || alone.is_empty() {
        alone.push(round(&mut reflector.rig)?);
    }
    let rounds = alone.len();
    let questions = Questions::new(&reflector.rig, &reflector.table);
    let all = reflector.all(setting, rounds);
    let mut asked = Asked::default();
    let mut times = Vec::new();
    let phase = reflector.rig.phase(&all, |rig| {
        let (result, answers) = questions.during(|| -> Result<()> {
            for _ in 0..rounds {
                times.push(round(rig)?);
            }
            Ok(())
        });
        asked = answers;
        result
    })?;
    let effect = times.iter().sum::<f64>() / alone.iter().sum::<f64>().max(1e-6);
    let figures = [(Metric::Monitor, percentile(times, 0.5)), (Metric::Effect, effect)];
    let paths = reflector.table.prefixes.len();
    let outcome = Outcome::of("query-reflector", steps.kind, paths, phase).with(figures);
    steps.done(asked.put_into(outcome).ran_with(&reflector.rig));
    Ok(())
}
