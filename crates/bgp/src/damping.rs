//! Route flap damping (RFC 2439): a path of an external peer that comes and goes is held back until it has been quiet.
//!
//! A withdrawal costs 1000, a change of attributes 500; the sum halves every half-life. Above `suppress` the path is not used
//! until it has fallen below `reuse`. A withdrawn path stays in the table as history, not eligible, until its sum is below
//! half of `reuse`.
//!
//! # Invariants
//! * What is held about a path goes with the path ([`FamilyState::remove_path`]).
//! * History is bounded: beyond [`HISTORY_LIMIT`] withdrawn paths go at once, so a peer cannot fill the memory with them.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use ferr_types::{Family, Prefix};

use crate::config::DampingConfig;
use crate::core::Core;
use crate::family::FamilyState;
use crate::instance::Instance;
use crate::table::{DestId, Path, PathIdx, TablePrefix, flag};

const WITHDRAWAL: f64 = 1000.0;
const CHANGE: f64 = 500.0;
/// Withdrawn paths that are remembered per family.
const HISTORY_LIMIT: usize = 250_000;
/// Paths that one call lets go; the rest follows with the next.
const EXPIRY_SLICE: usize = 4096;

/// How often and how recently a path flapped.
#[derive(Debug, Clone, Copy)]
struct Flaps {
    dest: DestId,
    penalty: f64,
    count: u32,
    /// First flap, and the time that `penalty` is of, in seconds since the instance started.
    since: u32,
    updated: u32,
    /// Key in `due`.
    due: u32,
}

/// Damping of a family.
#[derive(Debug)]
pub(crate) struct Damping {
    config: DampingConfig,
    flaps: HashMap<PathIdx, Flaps>,
    due: BTreeSet<(u32, PathIdx)>,
    history: usize,
}

/// For `show`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DampingView {
    /// Penalty now.
    pub penalty: u32,
    /// Flaps.
    pub flaps: u32,
    /// The first of them.
    pub since: Instant,
    /// Time until the path may be used again.
    pub reuse: Option<Duration>,
}

impl Damping {
    fn new(config: DampingConfig) -> Self {
        Self { config, flaps: HashMap::new(), due: BTreeSet::new(), history: 0 }
    }

    fn half_life(&self) -> f64 {
        self.config.half_life.as_secs_f64().max(1.0)
    }

    fn penalty(&self, flaps: &Flaps, now: u32) -> f64 {
        flaps.penalty * (-f64::from(now.saturating_sub(flaps.updated)) / self.half_life()).exp2()
    }

    /// Seconds until `penalty` has fallen to `target`.
    fn until(&self, penalty: f64, target: f64) -> u32 {
        (self.half_life() * (penalty / target).log2()).ceil().max(1.0) as u32
    }

    /// Adds to the penalty; returns it.
    fn penalize(&mut self, at: PathIdx, dest: DestId, now: u32, amount: f64) -> f64 {
        let fresh = Flaps { dest, penalty: 0.0, count: 0, since: now, updated: now, due: 0 };
        let flaps = self.flaps.get(&at).copied().unwrap_or(fresh);
        let penalty = (self.penalty(&flaps, now) + amount).min(self.config.ceiling());
        self.flaps.insert(at, Flaps { penalty, count: flaps.count + 1, updated: now, ..flaps });
        penalty
    }

    /// Sets the time at which the path is looked at again.
    fn schedule(&mut self, at: PathIdx, now: u32, damped: bool) {
        let Some(mut flaps) = self.flaps.get(&at).copied() else { return };
        self.due.remove(&(flaps.due, at));
        let reuse = f64::from(self.config.reuse);
        let target = if damped { reuse } else { reuse / 2.0 };
        flaps.due = now.saturating_add(self.until(self.penalty(&flaps, now), target));
        self.due.insert((flaps.due, at));
        self.flaps.insert(at, flaps);
    }

    /// The path is gone, or its past no longer counts.
    pub(crate) fn forget(&mut self, at: PathIdx, path: &Path) {
        if let Some(flaps) = self.flaps.remove(&at) {
            self.due.remove(&(flaps.due, at));
        }
        self.history -= usize::from(path.has(flag::HISTORY));
    }

    /// When something is due, in seconds since the instance started.
    pub(crate) fn next(&self) -> Option<u32> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A path for `show`.
    pub(crate) fn view(&self, core: &Core, at: PathIdx, path: &Path) -> Option<DampingView> {
        let flaps = self.flaps.get(&at)?;
        let penalty = self.penalty(flaps, core.seconds);
        let waits = path.has(flag::DAMPED) && !path.has(flag::HISTORY);
        let reuse = waits.then(|| Duration::from_secs(self.until(penalty, self.config.reuse.into()).into()));
        let since = core.start + Duration::from_secs(flaps.since.into());
        Some(DampingView { penalty: penalty.round() as u32, flaps: flaps.count, since, reuse })
    }
}

impl<P: TablePrefix> FamilyState<P> {
    /// Brings damping in line with the configuration; other parameters begin with a clean sheet.
    pub(crate) fn configure_damping(&mut self, core: &mut Core, config: Option<DampingConfig>) {
        if self.damping.as_ref().map(|d| d.config) != config {
            self.clear_damping(core, |_| true);
            self.damping = config.map(Damping::new);
        }
    }

    /// Forgets the past of all paths of some prefixes.
    pub(crate) fn clear_damping(&mut self, core: &mut Core, wanted: impl Fn(P) -> bool) {
        let Some(damping) = &self.damping else { return };
        let mut all: Vec<(PathIdx, DestId)> = damping.flaps.iter().map(|(at, f)| (*at, f.dest)).collect();
        all.sort_unstable();
        for (at, dest) in all {
            if !wanted(self.table.dest(dest).prefix) {
                continue;
            }
            if self.table.path(at).has(flag::HISTORY) {
                self.remove_path(core, dest, at);
                continue;
            }
            let path = *self.table.path(at);
            if let Some(damping) = &mut self.damping {
                damping.forget(at, &path);
            }
            self.undamp(dest, at);
        }
    }

    fn undamp(&mut self, dest: DestId, at: PathIdx) {
        let path = self.table.path_mut(at);
        if path.has(flag::DAMPED) {
            path.flags &= !flag::DAMPED;
            self.table.mark_dirty(dest);
        }
    }

    /// A peer withdraws a path. True when it stays as history, or already is.
    pub(crate) fn damp_withdrawal(&mut self, core: &mut Core, dest: DestId, at: PathIdx) -> bool {
        let path = *self.table.path(at);
        let Some(damping) = self.damping.as_mut().filter(|_| is_damped_kind(path.flags)) else {
            return false;
        };
        if path.has(flag::HISTORY) {
            return true;
        }
        if path.has(flag::FILTERED) || damping.history >= HISTORY_LIMIT {
            return false;
        }
        let penalty = damping.penalize(at, dest, core.seconds, WITHDRAWAL);
        let damped = path.has(flag::DAMPED) || penalty >= f64::from(damping.config.suppress);
        damping.schedule(at, core.seconds, damped);
        damping.history += 1;
        self.count(core, &path, -1);
        let path = self.table.path_mut(at);
        path.flags |= flag::HISTORY | if damped { flag::DAMPED } else { 0 };
        path.flags &= !flag::STALE;
        self.table.mark_dirty(dest);
        if let Some(pre) = self.pre_policy.remove(&at) {
            core.attrs.release(pre);
        }
        true
    }

    /// A peer announces what may be there already: flags that the new path gets. `flaps` says whether a change counts as one.
    pub(crate) fn damp_announcement(&mut self, core: &Core, dest: DestId, new: &Path, flaps: bool) -> u16 {
        let Some(damping) = self.damping.as_mut().filter(|_| is_damped_kind(new.flags)) else { return 0 };
        let Some(at) = self.table.path_of(dest, new.peer, new.path_id) else { return 0 };
        let old = *self.table.path(at);
        if new.has(flag::FILTERED) || old.has(flag::FILTERED) {
            damping.forget(at, &old);
            return 0;
        }
        let back = old.has(flag::HISTORY);
        damping.history -= usize::from(back);
        if !back {
            if !flaps || old.attr == new.attr {
                return old.flags & flag::DAMPED;
            }
            damping.penalize(at, dest, core.seconds, CHANGE);
        }
        let Some(known) = damping.flaps.get(&at) else { return 0 };
        let limit = if old.has(flag::DAMPED) { damping.config.reuse } else { damping.config.suppress };
        let damped = damping.penalty(known, core.seconds) >= f64::from(limit);
        damping.schedule(at, core.seconds, damped);
        if damped { flag::DAMPED } else { 0 }
    }

    /// Lets go of paths that have been quiet for long enough.
    pub(crate) fn expire_damping(&mut self, core: &mut Core) {
        for _ in 0..EXPIRY_SLICE {
            let Some(damping) = &mut self.damping else { return };
            let Some(&(due, at)) = damping.due.first().filter(|(due, _)| *due <= core.seconds) else {
                return;
            };
            let Some(dest) = damping.flaps.get(&at).map(|f| f.dest) else {
                damping.due.remove(&(due, at));
                continue;
            };
            let path = *self.table.path(at);
            if path.has(flag::DAMPED) {
                damping.schedule(at, core.seconds, false);
                self.undamp(dest, at);
            } else if path.has(flag::HISTORY) {
                self.remove_path(core, dest, at);
            } else {
                damping.forget(at, &path);
            }
        }
    }
}

/// Only what comes from outside of the AS is damped: the inside must not disagree with itself.
const fn is_damped_kind(flags: u16) -> bool {
    flags & (flag::INTERNAL | flag::CONFED | flag::LOCAL) == 0
}

impl Instance {
    /// Forgets flaps: of a family or all, of the prefix that is `within` or of all.
    pub fn clear_damping(&mut self, family: Option<Family>, prefix: Option<Prefix>, now: Instant) {
        self.set_now(now);
        let core = &mut self.core;
        for family in Family::ALL.into_iter().filter(|f| family.is_none_or(|w| w == *f)) {
            with_family!(self, family, |f| f.clear_damping(core, |p| prefix.is_none_or(|w| w == p.into())));
        }
        self.decide();
    }

    /// When damping has something to do.
    pub(crate) fn damping_next(&self) -> Option<Instant> {
        let of = |d: &Option<Damping>| d.as_ref().and_then(Damping::next);
        let families =
            [of(&self.v4.damping), of(&self.v6.damping), of(&self.v4m.damping), of(&self.v6m.damping)];
        let next = families.into_iter().flatten().min()?;
        Some(self.core.start + Duration::from_secs(next.into()))
    }

    /// Does what is due.
    pub(crate) fn damping_timeout(&mut self) {
        let core = &mut self.core;
        for family in Family::ALL {
            with_family!(self, family, |f| f.expire_damping(core));
        }
    }
}
