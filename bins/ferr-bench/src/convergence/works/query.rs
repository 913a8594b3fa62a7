//! `query`: the whole table is asked for, again and again, and single routes beside it, while routes change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Setting;
use super::churn::Churn;
use crate::convergence::asking::{Answer, ask};
use crate::convergence::duts::{Ask, Kind};
use crate::convergence::outcome::{Metric, Outcome};
use crate::convergence::rig::Result;

/// Time between questions for one route.
const PAUSE: Duration = Duration::from_millis(50);

fn repeat(what: &Ask, netns: &ferr_testnet::Netns, stop: &AtomicBool, pause: Duration) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        // A refused question is one without an answer, which the report shows by its absence.
        answers.extend(ask(what, netns));
        thread::sleep(pause);
    }
    answers
}

fn percentile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).ceil() as usize).copied().unwrap_or(0.0)
}

pub(super) fn run(setting: &Setting, kind: Kind) -> Result<Vec<Outcome>> {
    let mut churn = Churn::start(setting, kind)?;
    let (_, alone) = churn.flow(setting)?;
    let prefix = churn.table.prefixes[churn.table.prefixes.len() / 2];
    let (whole, single) = (churn.rig.router.ask(), churn.rig.router.ask_one(prefix));
    let netns = churn.rig.dut.netns().clone();
    let stop = AtomicBool::new(false);
    let (result, wholes, singles) = thread::scope(|scope| {
        let wholes = scope.spawn(|| repeat(&whole, &netns, &stop, Duration::ZERO));
        let singles = scope.spawn(|| repeat(&single, &netns, &stop, PAUSE));
        let result = churn.flow(setting);
        stop.store(true, Ordering::Relaxed);
        (result, wholes.join().unwrap_or_default(), singles.join().unwrap_or_default())
    });
    let (phase, flow) = result?;
    let first = |answers: &[Answer]| answers.iter().map(|a| a.first.as_secs_f64() * 1e3).collect::<Vec<_>>();
    let octets: u64 = wholes.iter().map(|a| a.octets).sum();
    let seconds: f64 = wholes.iter().map(|a| a.whole.as_secs_f64()).sum();
    let mut figures = flow.figures().to_vec();
    if !wholes.is_empty() {
        figures.push((Metric::FirstByte, percentile(first(&wholes), 0.5)));
        figures.push((Metric::Throughput, octets as f64 / 1e6 / seconds.max(1e-6)));
        figures.push((Metric::Answers, wholes.len() as f64));
    }
    if !singles.is_empty() {
        figures.push((Metric::ShowP99, percentile(first(&singles), 0.99)));
    }
    figures.push((Metric::Slowdown, flow.p99() / alone.p99().max(1e-6)));
    let paths = churn.table.prefixes.len();
    Ok(vec![Outcome::of("query", kind, paths, phase).with(figures).ran_with(&churn.rig)])
}
