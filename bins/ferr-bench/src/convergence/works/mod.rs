//! What is measured: each work builds a router with neighbors and times what they do to it.

mod churn;
mod flap;
mod many;
mod policy;
mod query;
mod reflector;
mod restart;
mod steps;
mod table;

use std::sync::Arc;
use std::time::Duration;

use ferr_types::Asn;

use super::duts::{Filter, Group};
use super::fib::Sample;
use super::rig::{Result, neighbor};
use super::table::Table;

pub(crate) use self::steps::Steps;

/// A work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Work {
    /// A full table from one neighbor, into the kernel and on to a second one.
    FullTable,
    /// All of it withdrawn.
    Withdraw,
    /// A neighbor with 500,000 routes goes and comes back.
    Flap,
    /// Eight neighbors with the same 250,000 prefixes and different paths.
    MultiFeed,
    /// 50 neighbors with 20,000 routes each, and 100 with 10,000.
    ManyPeers,
    /// 10,000 changes per second, and how long one marked route takes.
    Churn,
    /// 100,000 routes to 500 clients of a reflector, in one group and in eight.
    Reflector,
    /// A list of 5,000 prefixes and 200 clauses in and out, then other clauses.
    Policy,
    /// `churn`, while the whole table is asked for again and again, and many short questions beside.
    QueryChurn,
    /// All routes of `reflector` change, with the same questions.
    QueryReflector,
    /// Killed and started again with the kernel full.
    Restart,
}

impl Work {
    pub(crate) const ALL: [Self; 11] = [
        Self::FullTable,
        Self::Withdraw,
        Self::Flap,
        Self::MultiFeed,
        Self::ManyPeers,
        Self::Churn,
        Self::Reflector,
        Self::Policy,
        Self::QueryChurn,
        Self::QueryReflector,
        Self::Restart,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FullTable => "full-table",
            Self::Withdraw => "withdraw",
            Self::Flap => "flap",
            Self::MultiFeed => "multi-feed",
            Self::ManyPeers => "many-peers",
            Self::Churn => "churn",
            Self::Reflector => "reflector",
            Self::Policy => "policy",
            Self::QueryChurn => "query-churn",
            Self::QueryReflector => "query-reflector",
            Self::Restart => "restart",
        }
    }
}

/// What all works of a benchmark share.
pub(crate) struct Setting {
    /// The table, without an announcer.
    pub(crate) table: Table,
    pub(crate) sample: Arc<Sample>,
    /// Part of all numbers.
    pub(crate) scale: f64,
    /// Longest wait for one phase.
    pub(crate) limit: Duration,
    /// Longest wait for quiet before a run.
    pub(crate) patience: Duration,
    /// Works that were asked for.
    pub(crate) works: Vec<Work>,
}

impl Setting {
    pub(crate) fn wants(&self, work: Work) -> bool {
        self.works.contains(&work)
    }

    /// A number of this scale.
    fn scaled(&self, n: usize) -> usize {
        ((n as f64 * self.scale) as usize).max(1)
    }

    /// The table, or a part of it with so many IPv4 routes (before scaling), and a fifth as many IPv6 routes if `v6`.
    fn part(&self, routes: usize, v6: bool) -> Result<Table> {
        let v4 = self.scaled(routes);
        let part = self.table.part(v4, if v6 { v4 / 5 } else { 0 });
        if part.prefixes.is_empty() { Err("the table has no IPv4 routes".into()) } else { Ok(part) }
    }
}

/// A run of some works in one, on one router.
pub(crate) type Run = fn(&Setting, &mut Steps) -> Result<()>;

/// Runs that cover what was asked for.
pub(crate) fn runs(setting: &Setting) -> Vec<Run> {
    let all: [(&[Work], Run); 10] = [
        (&[Work::FullTable, Work::Withdraw], table::run),
        (&[Work::Flap], flap::run),
        (&[Work::MultiFeed], many::multi_feed),
        (&[Work::ManyPeers], many::many_peers),
        (&[Work::Churn], churn::run),
        (&[Work::Reflector], reflector::run),
        (&[Work::Policy], policy::run),
        (&[Work::QueryChurn], query::churn),
        (&[Work::QueryReflector], query::reflector),
        (&[Work::Restart], restart::run),
    ];
    let is_wanted = |works: &[Work]| works.iter().any(|w| setting.wants(*w));
    all.into_iter().filter(|(works, _)| is_wanted(works)).map(|(_, run)| run).collect()
}

/// AS of the first neighbor that announces, and of the one that listens.
const FEED: Asn = Asn(65100);
const MONITOR: Asn = Asn(65200);

/// A group of external neighbors, numbered on from `first`, each in an AS of its own.
fn feeds(first: usize, count: usize) -> Group {
    let neighbors = (first..first + count).map(|i| neighbor(i, Asn(FEED.0 + i as u32))).collect();
    Group { name: "feed".to_owned(), neighbors, export: Filter::Nothing, ..Group::default() }
}

/// The neighbor that listens.
fn monitor(index: usize) -> Group {
    Group { name: "monitor".to_owned(), neighbors: vec![neighbor(index, MONITOR)], ..Group::default() }
}
