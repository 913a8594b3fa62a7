//! What all runs together say: medians, spread, and ratios to FeRR.

mod html;
mod json;
mod plot;
mod text;

use std::fmt::Write as _;

use super::duts::Kind;
use super::fib::Totals;
use super::outcome::{Metric, Outcome};
use super::works::Setting;

pub(crate) use self::text::line;

/// All outcomes of a benchmark.
pub(crate) struct Report {
    outcomes: Vec<Outcome>,
    total: Totals,
    duts: Vec<(Kind, String)>,
    machine: Machine,
}

struct Machine {
    processors: usize,
    model: String,
    kernel: String,
}

impl Machine {
    fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let model = info.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split(": ").nth(1));
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            model: model.unwrap_or("unknown").to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// A figure over all runs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        (!values.is_empty()).then(|| Self { median: crate::measure::median(&mut values), least, most })
    }
}

impl Report {
    pub(crate) fn new(setting: &Setting, duts: &[(Kind, String)]) -> Self {
        let total = setting.sample.total;
        Self { outcomes: Vec::new(), total, duts: duts.to_vec(), machine: Machine::here() }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Names of what a router failed at.
    pub(crate) fn failures(&self, kind: Kind) -> Vec<String> {
        let failed = self.outcomes.iter().filter(|o| o.kind == Some(kind) && o.failure.is_some());
        failed.map(|o| o.work.clone()).collect()
    }

    /// Names of works in the order of their first run.
    fn works(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for outcome in &self.outcomes {
            if !all.contains(&outcome.work.as_str()) {
                all.push(&outcome.work);
            }
        }
        all
    }

    /// Who did a work, in the order of the first run.
    fn rows(&self, work: &str) -> Vec<Option<Kind>> {
        let mut all = Vec::new();
        for outcome in self.outcomes.iter().filter(|o| o.work == work) {
            if !all.contains(&outcome.kind) {
                all.push(outcome.kind);
            }
        }
        all
    }

    fn of(&self, work: &str, kind: Option<Kind>) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |o| o.work == work && o.kind == kind)
    }

    fn spread(&self, work: &str, kind: Option<Kind>, metric: Metric) -> Option<Spread> {
        Spread::of(self.of(work, kind).filter_map(|o| o.figure(metric)).collect())
    }

    /// How many times FeRR's figure this is.
    fn ratio(&self, work: &str, kind: Option<Kind>, metric: Metric) -> Option<f64> {
        let ours = self.spread(work, Some(Kind::Ferr), metric)?.median;
        let theirs = self.spread(work, kind, metric)?.median;
        (kind != Some(Kind::Ferr) && ours > 0.0).then(|| theirs / ours)
    }

    /// Metrics that any run of a work has.
    fn metrics(&self, work: &str) -> Vec<Metric> {
        let any = |m: Metric| self.outcomes.iter().any(|o| o.work == work && o.figure(m).is_some());
        Metric::ALL.into_iter().filter(|m| any(*m)).collect()
    }

    /// What is to be said of a work beside its figures: the slowest of many questions, in the run in which it was slowest.
    fn remark(&self, work: &str, kind: Option<Kind>) -> Option<String> {
        let slowest = self.of(work, kind).filter_map(|o| o.shows.first());
        let slowest = slowest.max_by(|a, b| a.p99_ms.total_cmp(&b.p99_ms))?;
        let unanswered: usize = self.of(work, kind).flat_map(|o| &o.shows).map(|s| s.unanswered).sum();
        let mut text = format!("slowest question \"{}\", p99 {:.1} ms", slowest.name, slowest.p99_ms);
        if unanswered > 0 {
            let _ = write!(text, "; {unanswered} without an answer");
        }
        Some(text)
    }

    /// Whether any run of a work has come to its end.
    fn has_figures(&self, work: &str, kind: Option<Kind>) -> bool {
        self.of(work, kind).any(|o| !o.figures.is_empty())
    }

    /// First failure of a work.
    fn failure(&self, work: &str, kind: Option<Kind>) -> Option<&str> {
        self.of(work, kind).find_map(|o| o.failure.as_deref())
    }
}

/// The last words of a program may be many.
fn first_line(failure: &str) -> &str {
    failure.lines().next().unwrap_or_default()
}

fn name(kind: Option<Kind>) -> &'static str {
    kind.map_or("kernel alone", Kind::name)
}

/// What is said where a figure cannot be.
fn absent(kind: Option<Kind>, metric: Metric) -> &'static str {
    match (kind, metric) {
        (Some(kind), Metric::Kernel) if !kind.has_fib() => "no FIB",
        _ => "-",
    }
}
