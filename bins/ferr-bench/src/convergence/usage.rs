//! What a run costs: processor time and memory of the router, of this process and of everybody else.

use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks per second of `/proc`: fixed by the kernel's interface.
const TICKS: u64 = 100;

fn ticks(n: u64) -> Duration {
    Duration::from_millis(n * 1000 / TICKS)
}

/// Processor time of a process so far, user and system.
pub(crate) fn process_cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold blanks and parentheses; fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    ticks(field(11) + field(12))
}

fn status_kib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Resident memory of processes now, in KiB.
pub(crate) fn resident_kib(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| status_kib(*pid, "VmRSS:")).sum()
}

/// Sum of the peaks of resident memory of processes, in KiB.
pub(crate) fn peak_kib(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| status_kib(*pid, "VmHWM:")).sum()
}

/// Processor time of the whole machine.
#[derive(Debug, Clone, Copy, Default)]
struct Machine {
    busy: Duration,
    stolen: Duration,
}

fn machine() -> Machine {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> = first.split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
    let field = |at: usize| fields.get(at).copied().unwrap_or(0);
    // user nice system idle iowait irq softirq steal
    let busy = [0, 1, 2, 5, 6].into_iter().map(field).sum();
    Machine { busy: ticks(busy), stolen: ticks(field(7)) }
}

/// Times at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    machine: Machine,
    router: Duration,
    own: Duration,
    /// Threads that send, and the one that receives.
    injector: Duration,
    monitor: Duration,
}

/// Between two moments.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) wall: f64,
    /// Processor time of the router, seconds.
    pub(crate) router: f64,
    /// Part of the time in which a sender was at work (sum of all), and the receiver.
    pub(crate) injector: f64,
    pub(crate) monitor: f64,
    /// Processors that others took, on average: the kernel's own threads too.
    pub(crate) foreign: f64,
    /// Processors that the machine did not get, on average.
    pub(crate) stolen: f64,
}

impl Moment {
    pub(crate) fn now(router: &[u32], injector: Duration, monitor: Duration) -> Self {
        Self {
            at: Instant::now(),
            machine: machine(),
            router: router.iter().map(|pid| process_cpu(*pid)).sum(),
            own: process_cpu(std::process::id()),
            injector,
            monitor,
        }
    }

    pub(crate) fn until(&self, later: &Self) -> Spent {
        let wall = (later.at - self.at).as_secs_f64().max(1e-3);
        let between = |f: fn(&Self) -> Duration| f(later).saturating_sub(f(self)).as_secs_f64();
        let (router, own) = (between(|m| m.router), between(|m| m.own));
        Spent {
            wall,
            router,
            injector: between(|m| m.injector) / wall,
            monitor: between(|m| m.monitor) / wall,
            foreign: ((between(|m| m.machine.busy) - router - own) / wall).max(0.0),
            stolen: between(|m| m.machine.stolen) / wall,
        }
    }
}

/// Waits until others leave the processors alone, at most for `limit`: what an earlier run left is still being taken down.
pub(crate) fn wait_for_quiet(limit: Duration) {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        let before = machine();
        std::thread::sleep(Duration::from_millis(200));
        if (machine().busy - before.busy).as_secs_f64() / 0.2 < 0.15 {
            return;
        }
    }
}
