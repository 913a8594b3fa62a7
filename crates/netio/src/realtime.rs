//! Threads that must not wait for others, and the number of files that a process may open.
#![allow(unsafe_code, reason = "no safe wrapper sets the scheduling policy of a thread")]

use std::io;

use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// Puts the calling thread above all ordinary ones (`SCHED_FIFO`), without its children inheriting that. `priority` is 1 to 99. Needs
/// CAP_SYS_NICE.
///
/// # Errors
/// The kernel's answer; the thread goes on as it was.
pub fn run_in_real_time(priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: thread 0 is the calling one; the kernel only reads `parameters`.
    let result = unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameters)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts the calling thread ahead of the others of the process by `steps` of niceness, as far as that goes.
///
/// # Errors
/// The kernel's answer, mostly that `CAP_SYS_NICE` is missing; the thread goes on as it was.
pub fn run_ahead(steps: i32) -> io::Result<()> {
    // SAFETY: both calls take plain numbers; 0 is the calling thread.
    let result = unsafe {
        let now = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, now - steps)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The processor for threads that must not wait: the last one that the process may use, if there are several. A kernel that does not
/// preempt itself keeps a processor for as long as its longest piece of work, a tenth of a second when a large routing table grows; no
/// priority helps against that, only another processor.
pub fn quiet_cpu() -> Option<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let mut cpus = (0..CpuSet::count()).rev().filter(|cpu| allowed.is_set(*cpu) == Ok(true));
    let last = cpus.next()?;
    cpus.next().map(|_| last)
}

/// Keeps the calling thread on one processor.
///
/// # Errors
/// The kernel's answer; the thread goes on as it was.
pub fn stay_on(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Keeps the calling thread off a processor.
///
/// # Errors
/// The kernel's answer; the thread goes on as it was.
pub fn stay_off(cpu: usize) -> io::Result<()> {
    let mut set = sched_getaffinity(Pid::from_raw(0))?;
    set.unset(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Allows the process as many open files as it may allow itself; tells how many.
///
/// # Errors
/// The kernel's answer.
pub fn raise_file_limit() -> io::Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}
