//! What is measured: each work builds a router with neighbors and times what they do to it.

mod table;

use std::sync::Arc;
use std::time::Duration;

use super::duts::Kind;
use super::fib::Sample;
use super::outcome::Outcome;
use super::rig::Result;
use super::table::Table;

/// A work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Work {
    /// A full table from one neighbor, into the kernel and on to a second one.
    FullTable,
    /// All of it withdrawn.
    Withdraw,
}

impl Work {
    pub(crate) const ALL: [Self; 2] = [Self::FullTable, Self::Withdraw];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FullTable => "full-table",
            Self::Withdraw => "withdraw",
        }
    }
}

/// What all works of a benchmark share.
pub(crate) struct Setting {
    /// The table, without an announcer.
    pub(crate) table: Table,
    pub(crate) sample: Arc<Sample>,
    /// Longest wait for one phase.
    pub(crate) limit: Duration,
    /// Works that were asked for.
    pub(crate) works: Vec<Work>,
}

impl Setting {
    pub(crate) fn wants(&self, work: Work) -> bool {
        self.works.contains(&work)
    }
}

/// A run of some works in one, on one router.
pub(crate) type Run = fn(&Setting, Kind) -> Result<Vec<Outcome>>;

/// Runs that cover what was asked for, with the names of the works that each covers.
pub(crate) fn runs(setting: &Setting) -> Vec<(Vec<Work>, Run)> {
    let all: [(&[Work], Run); 1] = [(&[Work::FullTable, Work::Withdraw], table::run)];
    let wanted = |works: &[Work]| works.iter().copied().filter(|w| setting.wants(*w)).collect::<Vec<_>>();
    all.into_iter().map(|(works, run)| (wanted(works), run)).filter(|(works, _)| !works.is_empty()).collect()
}
