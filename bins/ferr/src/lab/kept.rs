//! A lab that was left running: what has to be ended, written down, and ended later.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

const FILE: &str = "lab.json";
const PATIENCE: Duration = Duration::from_secs(5);

/// What runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    processes: Vec<KeptProcess>,
}

/// A process, told from a later one with the same number by the time of its start.
#[derive(Debug, Serialize, Deserialize)]
struct KeptProcess {
    pid: i32,
    start: u64,
}

/// Start time in clock ticks since boot, field 22 of `/proc/PID/stat`.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in brackets and may hold blanks.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

impl KeptProcess {
    fn runs(&self) -> bool {
        start_time(self.pid) == Some(self.start)
    }

    fn signal(&self, signal: Signal) {
        if self.runs() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

impl Kept {
    pub(crate) fn add(&mut self, pid: u32) {
        if let Ok(pid) = i32::try_from(pid)
            && let Some(start) = start_time(pid)
        {
            self.processes.push(KeptProcess { pid, start });
        }
    }

    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        fs::write(dir.join(FILE), serde_json::to_vec_pretty(self)?)
    }

    fn read(dir: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(dir.join(FILE))?)?)
    }
}

/// Folders of labs that are left running.
pub(crate) fn find() -> Vec<PathBuf> {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|n| n.to_str());
            name.is_some_and(|n| n.starts_with("ferr-lab-")) && path.join(FILE).is_file()
        })
        .collect()
}

/// Ends the processes of one lab and removes its folder.
pub(crate) fn stop(dir: &Path) -> io::Result<()> {
    let kept = Kept::read(dir)?;
    kept.processes.iter().for_each(|p| p.signal(Signal::SIGTERM));
    let start = Instant::now();
    while kept.processes.iter().any(KeptProcess::runs) && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
    }
    kept.processes.iter().for_each(|p| p.signal(Signal::SIGKILL));
    fs::remove_dir_all(dir)
}
