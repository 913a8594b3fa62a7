//! `churn`: a steady flow of changes, and how long a marked route takes through it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ferr_bgp_wire::{PeerKind, SessionContext, encode_withdrawals};
use ferr_types::{Family, Ipv4Prefix, Prefix};

use super::table::plan;
use super::{FEED, Setting, Steps};
use crate::convergence::duts::Kind;
use crate::convergence::fib::{Sample, Until};
use crate::convergence::nlri::{expected, nlri};
use crate::convergence::outcome::{Metric, Outcome};
use crate::convergence::peers::Watch;
use crate::convergence::rig::{FibGoal, Goal, Goals, Phase, Result, Rig, announcer};
use crate::convergence::table::{Group, Table};

/// Changes per second, and how often some of them are sent.
const RATE: usize = 10_000;
const SLICE: Duration = Duration::from_millis(10);
/// Time between changes of the marked route, and after which one counts as missed.
const MARK: Duration = Duration::from_millis(25);
const MISSED: Duration = Duration::from_secs(2);

/// A router with a table, ready for changes.
pub(super) struct Churn {
    pub(super) rig: Rig,
    pub(super) table: Table,
    sample: Arc<Sample>,
    present: usize,
    /// Changes, by slice; the last ones bring back what was withdrawn.
    slices: Vec<Vec<u8>>,
    announce_mark: Vec<u8>,
    withdraw_mark: Vec<u8>,
}

/// What a flow of changes showed.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Seconds that marked changes took, sorted.
    latencies: Vec<f64>,
    missed: usize,
    /// Changes per second that were really sent.
    rate: f64,
}

impl Flow {
    fn percentile(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * part).ceil() as usize;
        self.latencies.get(at).copied().unwrap_or(0.0)
    }

    pub(super) fn p99(&self) -> f64 {
        self.percentile(0.99)
    }

    pub(super) fn figures(&self) -> [(Metric, f64); 5] {
        [
            (Metric::P50, self.percentile(0.5) * 1e3),
            (Metric::P99, self.percentile(0.99) * 1e3),
            (Metric::Worst, self.percentile(1.0) * 1e3),
            (Metric::Missed, self.missed as f64),
            (Metric::Changes, self.rate),
        ]
    }
}

fn mark_prefix() -> Prefix {
    Prefix::V4(Ipv4Prefix::from_bits(0xcb00_7100, 24).unwrap_or(Ipv4Prefix::DEFAULT))
}

/// Changes of random routes: half of them have other attributes, half are withdrawn and come back in the next slice.
fn slices(table: &Table, count: usize) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(5);
    let by = announcer(0, FEED);
    let ctx = SessionContext::new(PeerKind::Ebgp);
    let each = RATE * SLICE.as_millis() as usize / 1000;
    let mut back: Vec<Group> = Vec::new();
    let mut out = Vec::new();
    let mut busy = std::collections::HashSet::new();
    for _ in 0..count {
        let mut bytes = Vec::new();
        for group in back.drain(..) {
            busy.remove(&group.prefixes.start);
            group.encode(&table.prefixes, &by, &ctx, &mut bytes);
        }
        for change in 0..each / 4 * 3 {
            let group = &table.groups[random.usize(..table.groups.len())];
            let at = random.usize(group.prefixes.clone());
            if group.family != Family::Ipv4Unicast || !busy.insert(at) {
                continue;
            }
            let one = Group { prefixes: at..at + 1, ..group.clone() };
            if change % 3 == 0 {
                encode_withdrawals(&ctx, one.family, [(0, table.prefixes[at])], &mut bytes);
                back.push(one);
            } else {
                busy.remove(&at);
                let other = Group { med: Some(random.u32(..1000)), ..one };
                other.encode(&table.prefixes, &by, &ctx, &mut bytes);
            }
        }
        out.push(bytes);
    }
    let mut last = Vec::new();
    for group in back {
        group.encode(&table.prefixes, &by, &ctx, &mut last);
    }
    out.push(last);
    out
}

impl Churn {
    /// Starts a router and fills it.
    pub(super) fn start(setting: &Setting, kind: Kind) -> Result<Self> {
        let table = setting.part(250_000, false)?;
        let sample = Arc::new(Sample::new(&table.prefixes));
        let by = announcer(0, FEED);
        let announce = Arc::new(table.encode(&by).announce);
        let present = expected(&table.prefixes);
        let mark = mark_prefix();
        let watch = Watch { distinct: true, mark: Some(nlri(mark)) };
        let (mut announce_mark, mut withdraw_mark) = (Vec::new(), Vec::new());
        let ctx = SessionContext::new(PeerKind::Ebgp);
        let group = table.groups.first().ok_or("no routes")?;
        Group { prefixes: 0..1, ..group.clone() }.encode(&[mark], &by, &ctx, &mut announce_mark);
        encode_withdrawals(&ctx, Family::Ipv4Unicast, [(0, mark)], &mut withdraw_mark);
        let seconds = (15.0 * setting.scale).clamp(1.0, 15.0);
        let slices = slices(&table, (seconds / SLICE.as_secs_f64()) as usize);
        let rig = Rig::start(setting, kind, &plan(false), vec![Watch::default(), watch])?;
        let mut churn = Self { rig, table, sample, present, slices, announce_mark, withdraw_mark };
        let goals = churn.whole(setting);
        churn.rig.phase(&goals, |rig| rig.send(0, announce))?;
        Ok(churn)
    }

    /// All routes are there, in the kernel too.
    fn whole(&self, setting: &Setting) -> Goals {
        let fib =
            FibGoal { sample: Arc::clone(&self.sample), until: Until::Present, total: self.sample.total };
        Goals {
            peers: vec![Goal { peer: 1, present: Some(self.present), ..Goal::default() }],
            fib: Some(fib),
            settle: false,
            limit: setting.limit,
        }
    }

    /// Sends all changes at their pace, and the marked route's among them; it ends when all routes are there.
    pub(super) fn flow(&mut self, setting: &Setting) -> Result<(Phase, Flow)> {
        let mut goals = self.whole(setting);
        // The changes themselves pass before the end is waited for.
        goals.fib = None;
        let (slices, announce, withdraw) = (&self.slices, &self.announce_mark, &self.withdraw_mark);
        let mut flow = Flow::default();
        let phase = self.rig.phase(&goals, |rig| {
            flow = send(rig, slices, announce, withdraw)?;
            Ok(())
        })?;
        let whole = self.whole(setting);
        self.rig.phase(&whole, |_| Ok(()))?;
        Ok((phase, flow))
    }
}

fn send(rig: &Rig, slices: &[Vec<u8>], announce: &[u8], withdraw: &[u8]) -> Result<Flow> {
    let (feed, monitor) = (&rig.peers[0], &rig.peers[1]);
    let mut flow = Flow::default();
    let begin = Instant::now();
    let mut pending: Option<(Instant, usize)> = None;
    let mut next_mark = begin;
    let mut announced = false;
    let settle = |pending: &mut Option<(Instant, usize)>, flow: &mut Flow| {
        let Some((sent, before)) = *pending else { return };
        let (marks, at) = monitor.marks();
        if marks > before {
            flow.latencies.push(at.map_or(0.0, |at| at.saturating_duration_since(sent).as_secs_f64()));
            *pending = None;
        } else if sent.elapsed() > MISSED {
            flow.missed += 1;
            *pending = None;
        }
    };
    for (number, slice) in slices.iter().enumerate() {
        let due = begin + SLICE * number as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        settle(&mut pending, &mut flow);
        feed.send_now(slice)?;
        if pending.is_none() && Instant::now() >= next_mark {
            let before = monitor.marks().0;
            let sent = Instant::now();
            feed.send_now(if announced { withdraw } else { announce })?;
            announced = !announced;
            pending = Some((sent, before));
            next_mark = (next_mark + MARK).max(sent);
        }
    }
    let took = begin.elapsed().as_secs_f64();
    while pending.is_some() {
        thread::sleep(Duration::from_millis(1));
        settle(&mut pending, &mut flow);
    }
    if announced {
        feed.send_now(withdraw)?;
    }
    flow.latencies.sort_by(f64::total_cmp);
    flow.rate = (slices.len() * RATE * SLICE.as_millis() as usize) as f64 / 1000.0 / took;
    Ok(flow)
}

pub(super) fn run(setting: &Setting, steps: &mut Steps) -> Result<()> {
    if !steps.begin("churn") {
        return Ok(());
    }
    let mut churn = Churn::start(setting, steps.kind)?;
    let (phase, flow) = churn.flow(setting)?;
    let paths = churn.table.prefixes.len();
    let outcome = Outcome::of("churn", steps.kind, paths, phase);
    steps.done(outcome.with(flow.figures()).ran_with(&churn.rig));
    Ok(())
}
