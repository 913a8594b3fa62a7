//! What a process cost, and what the kernel holds.

use std::fs;
use std::time::Duration;

use ferr_testnet::Netns;

/// Cost of one or more processes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Processor time of user and system.
    pub(crate) cpu: Duration,
    /// Sum of the peaks of resident memory, in KiB.
    pub(crate) peak_kib: u64,
}

/// Cost of `pids` so far.
pub(crate) fn cost(pids: &[u32]) -> Cost {
    pids.iter().fold(Cost::default(), |sum, pid| Cost {
        cpu: sum.cpu + cpu(*pid).unwrap_or_default(),
        peak_kib: sum.peak_kib + peak_kib(*pid).unwrap_or_default(),
    })
}

/// Clock ticks per second of `/proc/PID/stat`: fixed by the kernel's interface.
const TICKS: u64 = 100;

fn cpu(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and parentheses; fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}

fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Number of IPv4 prefixes in the main table of a namespace, as the kernel's trie counts them.
pub(crate) fn kernel_prefixes(netns: &Netns) -> usize {
    let read = || {
        // The kernel counts without a pause, which keeps a processor for a tenth of a second: not the one of BFD.
        if let Some(cpu) = ferr_netio::quiet_cpu() {
            let _ = ferr_netio::stay_off(cpu);
        }
        fs::read_to_string("/proc/thread-self/net/fib_triestat").unwrap_or_default()
    };
    let text = netns.enter(read).unwrap_or_default();
    let main = text.split("Main:").nth(1).unwrap_or(&text);
    let prefixes = main.lines().find_map(|l| l.trim().strip_prefix("Prefixes:"));
    prefixes.and_then(|p| p.trim().parse().ok()).unwrap_or(0)
}

/// Median of an odd or even number of values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
