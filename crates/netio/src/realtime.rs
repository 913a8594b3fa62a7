//! Threads that must not wait for others, and the number of files that a process may open.
#![allow(unsafe_code, reason = "no safe wrapper sets the scheduling policy of a thread")]

use std::io;

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

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

/// Allows the process as many open files as it may allow itself; tells how many.
///
/// # Errors
/// The kernel's answer.
pub fn raise_file_limit() -> io::Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}
