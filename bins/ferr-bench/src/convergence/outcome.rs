//! What a run of one work on one router gave.

use super::duts::Kind;
use super::rig::{Phase, Rig};

/// A figure with a name and a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Metric {
    Monitor,
    Kernel,
    Swept,
    Cpu,
    Peak,
    PerRoute,
    P50,
    P99,
    Worst,
    Missed,
    Changes,
    FirstByte,
    Throughput,
    Answers,
    Slowdown,
    Effect,
    ShowP99,
    Outage,
    Lost,
    InjectorBusy,
    MonitorBusy,
    Asking,
    Foreign,
    Stolen,
}

impl Metric {
    pub(crate) const ALL: [Self; 24] = [
        Self::Monitor,
        Self::Kernel,
        Self::Swept,
        Self::Cpu,
        Self::Peak,
        Self::PerRoute,
        Self::P50,
        Self::P99,
        Self::Worst,
        Self::Missed,
        Self::Changes,
        Self::FirstByte,
        Self::Throughput,
        Self::Answers,
        Self::Slowdown,
        Self::Effect,
        Self::ShowP99,
        Self::Outage,
        Self::Lost,
        Self::InjectorBusy,
        Self::MonitorBusy,
        Self::Asking,
        Self::Foreign,
        Self::Stolen,
    ];

    /// Key in JSON.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Monitor => "monitor_s",
            Self::Kernel => "kernel_s",
            Self::Swept => "swept_s",
            Self::Cpu => "cpu_s",
            Self::Peak => "peak_mb",
            Self::PerRoute => "bytes_per_route",
            Self::P50 => "latency_p50_ms",
            Self::P99 => "latency_p99_ms",
            Self::Worst => "latency_max_ms",
            Self::Missed => "marks_missed",
            Self::Changes => "changes_per_s",
            Self::FirstByte => "first_byte_ms",
            Self::Throughput => "throughput_mb_s",
            Self::Answers => "answers",
            Self::Slowdown => "p99_ratio_to_alone",
            Self::Effect => "time_ratio_to_alone",
            Self::ShowP99 => "show_p99_ms",
            Self::Outage => "outage_ms",
            Self::Lost => "packets_lost",
            Self::InjectorBusy => "injector_busy",
            Self::MonitorBusy => "monitor_busy",
            Self::Asking => "kernel_watch_busy",
            Self::Foreign => "foreign_cpus",
            Self::Stolen => "stolen_cpus",
        }
    }

    /// Heading of a column.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Monitor => "monitor s",
            Self::Kernel => "kernel s",
            Self::Swept => "swept s",
            Self::Cpu => "CPU s",
            Self::Peak => "peak MB",
            Self::PerRoute => "B/route",
            Self::P50 => "p50 ms",
            Self::P99 => "p99 ms",
            Self::Worst => "max ms",
            Self::Missed => "missed",
            Self::Changes => "changes/s",
            Self::FirstByte => "first byte ms",
            Self::Throughput => "MB/s",
            Self::Answers => "answers",
            Self::Slowdown => "p99 x alone",
            Self::Effect => "time x alone",
            Self::ShowP99 => "show p99 ms",
            Self::Outage => "outage ms",
            Self::Lost => "lost",
            Self::InjectorBusy => "injector busy",
            Self::MonitorBusy => "monitor busy",
            Self::Asking => "watch busy",
            Self::Foreign => "foreign CPUs",
            Self::Stolen => "stolen CPUs",
        }
    }

    /// Whether it says something about the router, and not about the run.
    pub(crate) const fn is_result(self) -> bool {
        !matches!(self, Self::InjectorBusy | Self::MonitorBusy | Self::Asking | Self::Foreign | Self::Stolen)
    }

    /// Whether the least figure is the best one.
    pub(crate) const fn less_is_better(self) -> bool {
        self.is_result() && !matches!(self, Self::Changes | Self::Throughput | Self::Answers)
    }

    /// A figure as it is printed.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Peak
            | Self::PerRoute
            | Self::Changes
            | Self::Lost
            | Self::Missed
            | Self::Throughput
            | Self::Answers => {
                format!("{value:.0}")
            }
            Self::InjectorBusy | Self::MonitorBusy | Self::Asking => format!("{:.1} %", value * 100.0),
            Self::P50 | Self::P99 | Self::Worst | Self::FirstByte | Self::ShowP99 | Self::Outage => {
                format!("{value:.1}")
            }
            _ => format!("{value:.2}"),
        }
    }
}

/// Figures and curves of one phase of one run.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Name of the work, with its phase.
    pub(crate) work: String,
    /// Its router; `None` is the kernel alone.
    pub(crate) kind: Option<Kind>,
    /// Routes (paths) that were there.
    pub(crate) routes: usize,
    pub(crate) figures: Vec<(Metric, f64)>,
    pub(crate) phase: Option<Phase>,
    /// Files that the router ran with.
    pub(crate) configs: Vec<(String, String)>,
    /// Why there are no figures.
    pub(crate) failure: Option<String>,
    /// Times of single questions, the slowest first.
    pub(crate) shows: Vec<ShowTimes>,
}

/// How long one kind of question took, to its first octet.
#[derive(Debug, Clone)]
pub(crate) struct ShowTimes {
    pub(crate) name: String,
    pub(crate) p99_ms: f64,
    pub(crate) answers: usize,
    /// Refused, or cut off.
    pub(crate) unanswered: usize,
}

impl Outcome {
    pub(crate) fn failed(work: &str, kind: Kind, reason: String) -> Self {
        Self {
            work: work.to_owned(),
            kind: Some(kind),
            routes: 0,
            figures: Vec::new(),
            phase: None,
            configs: Vec::new(),
            failure: Some(reason),
            shows: Vec::new(),
        }
    }

    /// From a phase with `paths` paths in the router.
    pub(crate) fn of(work: &str, kind: Kind, paths: usize, phase: Phase) -> Self {
        let mut figures = Vec::new();
        figures.extend(phase.monitor.map(|s| (Metric::Monitor, s)));
        figures.extend(phase.kernel.map(|s| (Metric::Kernel, s)));
        let grown = phase.peak_kib.saturating_sub(phase.idle_kib) as f64 * 1024.0;
        figures.extend([
            (Metric::Cpu, phase.spent.router),
            (Metric::Peak, phase.peak_kib as f64 / 1024.0),
            (Metric::PerRoute, grown / paths.max(1) as f64),
            (Metric::InjectorBusy, phase.spent.injector),
            (Metric::MonitorBusy, phase.spent.monitor),
            (Metric::Asking, phase.asking),
            (Metric::Foreign, phase.spent.foreign),
            (Metric::Stolen, phase.spent.stolen),
        ]);
        Self {
            work: work.to_owned(),
            kind: Some(kind),
            routes: paths,
            figures,
            phase: Some(phase),
            configs: Vec::new(),
            failure: None,
            shows: Vec::new(),
        }
    }

    /// Of the kernel without a router.
    pub(crate) fn kernel(
        work: &str,
        routes: usize,
        figures: impl IntoIterator<Item = (Metric, f64)>,
    ) -> Self {
        Self {
            work: work.to_owned(),
            kind: None,
            routes,
            figures: figures.into_iter().collect(),
            phase: None,
            configs: Vec::new(),
            failure: None,
            shows: Vec::new(),
        }
    }

    /// Keeps the files that its router ran with.
    pub(crate) fn ran_with(mut self, rig: &Rig) -> Self {
        self.configs = rig.router.configs();
        self
    }

    /// Adds figures; one that is known is replaced.
    pub(crate) fn with(mut self, figures: impl IntoIterator<Item = (Metric, f64)>) -> Self {
        for (metric, value) in figures {
            match self.figures.iter_mut().find(|(known, _)| *known == metric) {
                Some((_, known)) => *known = value,
                None => self.figures.push((metric, value)),
            }
        }
        self
    }

    pub(crate) fn figure(&self, metric: Metric) -> Option<f64> {
        self.figures.iter().find(|(m, _)| *m == metric).map(|(_, v)| *v)
    }
}
