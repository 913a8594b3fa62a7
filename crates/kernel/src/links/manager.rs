//! The manager: looks, reconciles, acts, and looks again until nothing is left to do.
//!
//! # Invariants
//! * What is changed is written down before it is changed, so that a crash loses nothing of it.
//! * Work is bounded: a few rounds at a time, and an operation that fails or does not last is tried again after a growing pause.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::memory::Memory;
use super::mtu;
use super::nft::{MssRule, MssTable};
use super::observe::Observer;
use super::observed::Observed;
use super::op::{LinkChange, LinkOp};
use super::plan::{LinkPlan, MssClamp, Sysctl, WantedKind};
use super::reconcile::{LinkState, reconcile};
use super::sysctls::{Keeper, ProcSys, SysctlState};
use crate::request::Requester;
use crate::sock::{Buffers, Socket};

/// Rounds of one call: a link, its master, its properties and addresses need one each.
const ROUNDS: usize = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Failures that are this old do not count any more.
const FORGIVEN: Duration = Duration::from_secs(60);
/// What no event tells (routes of VRFs, other ends of VXLANs, routes to endpoints, settings) is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Rest between two looks, at most.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Somebody who undoes the same this often within this time is let have his way for a while.
const FIGHT: usize = 5;
const LATELY: Duration = Duration::from_secs(10);

const fn group(number: u32) -> u32 {
    1 << (number - 1)
}

/// LINK, IPV4_IFADDR, IPV4_RULE, IPV6_IFADDR, IPV6_RULE.
const GROUPS: u32 = group(1) | group(5) | group(8) | group(9) | group(19);

/// State of one link of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkReport {
    /// Its kind, when it is declared.
    pub kind: Option<WantedKind>,
    /// Its number, when it is there.
    pub ifindex: Option<u32>,
    /// How far it is.
    pub state: LinkState,
    /// What failed last, when something does.
    pub failure: Option<String>,
}

/// Everything that the manager has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinksReport {
    /// Links by name.
    pub links: BTreeMap<String, LinkReport>,
    /// System settings.
    pub sysctls: Vec<SysctlState>,
    /// Segment sizes in force.
    pub mss: Vec<MssRule>,
    /// Why those are not in force.
    pub mss_error: Option<String>,
    /// Nothing is left that could be done now.
    pub settled: bool,
}

/// Wakes the manager's [`LinkManager::wait`] from another thread.
#[derive(Debug, Clone)]
pub struct LinkWaker(Arc<EventFd>);

impl LinkWaker {
    /// Has the current or next wait end.
    pub fn wake(&self) {
        // A full counter means that a wake is due already.
        let _ = self.0.write(1);
    }
}

#[derive(Debug)]
struct Retry {
    /// Not before.
    at: Instant,
    pause: Duration,
    failed: Instant,
    error: String,
}

/// See the module. Belongs to one thread, in the network namespace in which it was opened.
#[derive(Debug)]
pub struct LinkManager {
    observer: Observer,
    requester: Requester,
    monitor: Socket,
    wake: Arc<EventFd>,
    /// Opened when the first rule is asked for: not every kernel has nftables.
    mss: Option<MssTable>,
    plan: LinkPlan,
    memory: Memory,
    written: Memory,
    state_file: Option<PathBuf>,
    keeper: Keeper,
    retries: BTreeMap<String, Retry>,
    sysctl_errors: BTreeMap<Sysctl, String>,
    report: LinksReport,
    mss_retry: Option<Instant>,
    last_look: Option<Instant>,
    /// What was done lately.
    lately: Vec<(LinkOp, Instant)>,
    /// What the last look and all that followed took.
    cost: Duration,
    /// Lines for the log.
    said: Vec<String>,
}

/// This boot and this network namespace.
fn world() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::metadata("/proc/thread-self/ns/net").map_or(0, |m| m.ino());
    format!("{} {namespace}", boot.trim())
}

impl LinkManager {
    /// Opens the sockets and reads what an earlier run wrote down in `state_file`.
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn open(state_file: Option<PathBuf>) -> io::Result<Self> {
        let world = world();
        let read = || {
            let text = fs::read(state_file.as_ref()?).ok()?;
            serde_json::from_slice::<Memory>(&text).ok().filter(|m| m.world == world)
        };
        let memory = read().unwrap_or_else(|| Memory { world: world.clone(), ..Memory::default() });
        let buffers = Buffers { send: 64 << 10, receive: 4 << 20 };
        Ok(Self {
            observer: Observer::open()?,
            requester: Requester::open()?,
            monitor: Socket::open(GROUPS, buffers)?,
            wake: Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?),
            mss: None,
            plan: LinkPlan::default(),
            keeper: Keeper::new(&memory.sysctls),
            written: memory.clone(),
            memory,
            state_file,
            retries: BTreeMap::new(),
            sysctl_errors: BTreeMap::new(),
            report: LinksReport::default(),
            mss_retry: None,
            last_look: None,
            lately: Vec::new(),
            cost: Duration::ZERO,
            said: Vec::new(),
        })
    }

    /// For other threads.
    pub fn waker(&self) -> LinkWaker {
        LinkWaker(self.wake.clone())
    }

    /// What shall be from now on. Nothing happens before [`Self::work`].
    pub fn set_plan(&mut self, plan: LinkPlan) {
        if plan != self.plan {
            // Who changed something wants it now, whatever failed before.
            self.retries.clear();
            self.mss_retry = None;
            self.plan = plan;
        }
    }

    /// What happened, for the log; each line once.
    pub fn messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// How things are, as of the last [`Self::work`].
    pub const fn report(&self) -> &LinksReport {
        &self.report
    }

    /// Blocks until something happened that may concern the plan, until a pause is over, or until woken; at most `longest`.
    pub fn wait(&mut self, longest: Duration, now: Instant) {
        let due = self.next_timeout().map_or(longest, |at| at.saturating_duration_since(now).min(longest));
        // A timeout of poll is in whole milliseconds; none is cut to zero while time is left.
        let timeout = PollTimeout::try_from(due + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        let mut fds = vec![
            PollFd::new(self.monitor.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(mss) = &self.mss {
            fds.push(PollFd::new(mss.as_fd(), PollFlags::POLLIN));
        }
        let _ = poll(&mut fds, timeout);
        let asked = self.wake.read().is_ok();
        if !asked {
            // Events come in crowds; where a look is dear, one look is for many of them.
            std::thread::sleep(self.cost.min(LONGEST_REST));
        }
        self.drain();
        let touched = self.mss.as_mut().is_some_and(MssTable::was_touched);
        if touched {
            self.report.mss.clear();
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let idle = self.plan == LinkPlan::default() && self.memory.links.is_empty();
        let look = self.last_look.filter(|_| !idle).map(|at| at + LOOK_AGAIN);
        self.retries.values().map(|r| r.at).chain(look).chain(self.mss_retry).min()
    }

    /// Events only say that it is time to look.
    fn drain(&mut self) {
        while matches!(self.monitor.receive(Some(Duration::ZERO)), Ok(Some(_)) | Err(Errno::ENOBUFS)) {}
    }

    /// Does what can be done now; whether the report changed.
    pub fn work(&mut self, now: Instant) -> bool {
        let before = self.report.clone();
        self.retries.retain(|_, r| now < r.failed + FORGIVEN + r.pause);
        self.lately.retain(|(_, at)| now < *at + LATELY);
        let mut done: Vec<LinkOp> = Vec::new();
        let mut seen = None;
        let mut settled = false;
        for _ in 0..ROUNDS {
            match self.round(&mut done, now) {
                Ok((observed, more)) => {
                    seen = Some(observed);
                    if !more {
                        settled = true;
                        break;
                    }
                }
                Err(error) => {
                    self.say(format!("cannot look at links: {error}"));
                    break;
                }
            }
        }
        self.last_look = Some(now);
        self.sysctls();
        if let Some(seen) = &seen {
            self.clamp(seen, now);
        }
        self.report.settled = settled;
        self.cost = now.elapsed();
        self.report != before
    }

    /// One look and what follows from it; whether anything was done.
    fn round(&mut self, done: &mut Vec<LinkOp>, now: Instant) -> nix::Result<(Observed, bool)> {
        let seen = self.observer.look(&self.plan, now)?;
        self.memory.settle(&self.plan, &seen);
        let round = reconcile(&self.plan, &seen, &self.memory);
        let mut due = Vec::new();
        for op in &round.ops {
            if self.is_due(op, done, now) {
                due.push(op);
            }
        }
        due.iter().for_each(|op| self.memory.note(op, &seen));
        self.write_down();
        let mut acted = false;
        for op in due {
            match self.requester.carry_out(op) {
                Ok(()) => {
                    if let LinkOp::Unreachable { name, table, afi } = op
                        && let Some(vrf) = seen.named(name)
                    {
                        self.observer.closed(vrf.ifindex, *table, *afi, now);
                    }
                    self.announce(op, &seen);
                    done.push(op.clone());
                    self.lately.push((op.clone(), now));
                    acted = true;
                }
                Err(error) => self.failed(op.name(), explain(op, error), now),
            }
        }
        self.write_down();
        self.report.links = self
            .plan
            .links
            .iter()
            .map(|(name, wanted)| {
                let ifindex = round.found.get(name).copied();
                let state = round.states.get(name).cloned().unwrap_or(LinkState::Ready);
                let failing = self.retries.get(name).filter(|_| state != LinkState::Ready);
                let failure = failing.map(|r| r.error.clone());
                (name.clone(), LinkReport { kind: wanted.kind.clone(), ifindex, state, failure })
            })
            .collect();
        Ok((seen, acted))
    }

    /// Whether an operation is to be done now, and not after a pause.
    fn is_due(&mut self, op: &LinkOp, done: &[LinkOp], now: Instant) -> bool {
        if self.retries.get(op.name()).is_some_and(|r| now < r.at) {
            return false;
        }
        // The kernel said yes and nothing came of it, or somebody undoes it again and again.
        let often = self.lately.iter().filter(|(o, _)| o == op).count() >= FIGHT;
        if often || done.contains(op) {
            self.failed(op.name(), format!("{op}: does not last"), now);
            return false;
        }
        true
    }

    fn say(&mut self, line: String) {
        if !self.said.contains(&line) {
            self.said.push(line);
        }
    }

    fn announce(&mut self, op: &LinkOp, seen: &Observed) {
        match op {
            LinkOp::Create(_) | LinkOp::Delete { .. } | LinkOp::Rename { .. } => {
                self.said.push(op.to_string())
            }
            LinkOp::Set { name, change: LinkChange::Master(master), .. } => {
                let named = seen.links.get(master).map(|m| format!("put {name} into {}", m.name));
                self.said.push(named.unwrap_or_else(|| op.to_string()));
            }
            _ => {}
        }
    }

    fn failed(&mut self, name: &str, error: String, now: Instant) {
        let last = self.retries.get(name);
        let pause = last
            .map_or(FIRST_PAUSE, |r| if now >= r.at { (r.pause * 2).min(LONGEST_PAUSE) } else { r.pause });
        if last.is_none_or(|r| r.error != error) {
            self.said.push(format!("link {name}: cannot {error}"));
        }
        self.retries.insert(name.to_owned(), Retry { at: now + pause, pause, failed: now, error });
    }

    /// Saves what has to survive a crash, when it changed.
    fn write_down(&mut self) {
        self.memory.sysctls = self.keeper.saved();
        if self.memory == self.written {
            return;
        }
        let Some(path) = &self.state_file else { return };
        let temporary = path.with_extension("new");
        let text = serde_json::to_vec(&self.memory).unwrap_or_default();
        match fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path)) {
            Ok(()) => self.written = self.memory.clone(),
            Err(error) => {
                let line = format!(
                    "cannot write {}: {error}; what is changed on links is not remembered",
                    path.display()
                );
                self.say(line);
            }
        }
    }

    fn sysctls(&mut self) {
        let writes = self.keeper.prepare(&ProcSys, &self.plan.sysctls);
        self.write_down();
        let mut errors = BTreeMap::new();
        for (sysctl, value) in writes {
            use super::sysctls::Settings;
            if let Err(error) = ProcSys.write(&sysctl, &value) {
                let text = error.to_string();
                if self.sysctl_errors.get(&sysctl) != Some(&text) {
                    self.said.push(format!("cannot set {} to {value}: {text}", sysctl.text()));
                }
                errors.insert(sysctl, text);
            }
        }
        self.sysctl_errors = errors;
        self.report.sysctls = self.keeper.states(&ProcSys, &self.plan.sysctls, &self.sysctl_errors);
    }

    fn clamp(&mut self, seen: &Observed, now: Instant) {
        let rule = |(name, clamp): (&String, &MssClamp)| {
            let (v4, v6) = match clamp {
                MssClamp::Fixed(mss) => (*mss, *mss),
                MssClamp::Auto => mtu::segments(seen.named(name)?.mtu),
            };
            Some(MssRule { interface: name.clone(), v4, v6 })
        };
        let rules: Vec<MssRule> = self.plan.mss.iter().filter_map(rule).collect();
        // The first time also without rules: an earlier run may have left its table.
        if (rules == self.report.mss && self.mss.is_some()) || self.mss_retry.is_some_and(|at| now < at) {
            return;
        }
        let first = self.mss.is_none();
        let result = match &mut self.mss {
            Some(table) => table.replace(&rules),
            None => MssTable::open().and_then(|table| self.mss.insert(table).replace(&rules)),
        };
        match result {
            Ok(()) => {
                self.report.mss = rules;
                (self.report.mss_error, self.mss_retry) = (None, None);
            }
            // A kernel without nftables has no leftovers either.
            Err(_) if first && rules.is_empty() => {}
            Err(error) => {
                let text = format!("cannot clamp segment sizes with nftables: {}", error.desc());
                if self.report.mss_error.as_ref() != Some(&text) {
                    self.said.push(text.clone());
                }
                (self.report.mss_error, self.mss_retry) = (Some(text), Some(now + LONGEST_PAUSE));
            }
        }
    }

    /// Ends: settings are as before, and the clamp is gone. Links, addresses and VRFs stay for the next start, which finds them.
    pub fn end(&mut self) {
        self.keeper.restore(&ProcSys);
        self.write_down();
        if !self.report.mss.is_empty()
            && let Some(table) = &mut self.mss
            && let Err(error) = table.replace(&[])
        {
            self.said.push(format!("cannot remove the clamp of segment sizes: {}", error.desc()));
        }
    }
}

/// An error in words that say what can be done.
fn explain(op: &LinkOp, error: Errno) -> String {
    match (op, error) {
        (LinkOp::Create(new), Errno::EOPNOTSUPP) => {
            format!("{op}: this kernel has no {} links", new.kind.name())
        }
        (_, Errno::EPERM) => format!("{op}: not permitted; CAP_NET_ADMIN is needed"),
        _ => format!("{op}: {}", error.desc()),
    }
}
