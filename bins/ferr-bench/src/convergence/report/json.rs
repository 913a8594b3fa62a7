//! For programs.

use serde_json::{Map, Value, json};

use super::{Report, name};
use crate::convergence::outcome::{Outcome, ShowTimes};

fn run(outcome: &Outcome) -> Value {
    let figures: Map<String, Value> =
        outcome.figures.iter().map(|(m, v)| (m.key().to_owned(), json!(v))).collect();
    let mut value = json!({ "figures": figures });
    if let Some(failure) = &outcome.failure {
        value["failure"] = json!(failure);
    }
    if !outcome.shows.is_empty() {
        let show =
            |s: &ShowTimes| json!({ "p99_ms": s.p99_ms, "answers": s.answers, "unanswered": s.unanswered });
        let shows: Map<String, Value> = outcome.shows.iter().map(|s| (s.name.clone(), show(s))).collect();
        value["shows"] = shows.into();
    }
    if let Some(phase) = &outcome.phase {
        let points: Vec<Value> =
            phase.points.iter().map(|p| json!([p.at, p.monitor, p.resident_kib])).collect();
        value["points"] = points.into();
        value["kernel_points"] = json!(phase.kernel_curve);
    }
    value
}

impl Report {
    /// All figures of all runs, with medians, spread and ratios.
    pub(crate) fn json(&self) -> Value {
        let mut works = Map::new();
        for work in self.works() {
            let mut rows = Map::new();
            for kind in self.rows(work) {
                let mut medians = Map::new();
                for metric in self.metrics(work) {
                    if let Some(s) = self.spread(work, kind, metric) {
                        let ratio = self.ratio(work, kind, metric);
                        let value = json!({ "median": s.median, "min": s.least, "max": s.most, "ratio_to_ferr": ratio });
                        medians.insert(metric.key().to_owned(), value);
                    }
                }
                let routes = self.of(work, kind).map(|o| o.routes).max();
                let runs: Vec<Value> = self.of(work, kind).map(run).collect();
                let configs = self.of(work, kind).find(|o| !o.configs.is_empty()).map(|o| &o.configs);
                let configs: Map<String, Value> =
                    configs.into_iter().flatten().map(|(n, t)| (n.clone(), json!(t))).collect();
                let row = json!({ "routes": routes, "medians": medians, "runs": runs, "configs": configs });
                rows.insert(name(kind).to_owned(), row);
            }
            works.insert(work.to_owned(), rows.into());
        }
        let versions: Map<String, Value> =
            self.duts.iter().map(|(k, v)| (k.name().to_owned(), json!(v))).collect();
        json!({
            "routes": { "ipv4": self.total.v4, "ipv6": self.total.v6 },
            "machine": {
                "processors": self.machine.processors, "model": self.machine.model, "kernel": self.machine.kernel,
            },
            "versions": versions,
            "works": works,
        })
    }
}
