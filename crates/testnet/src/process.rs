//! A daemon in the background, ended with its owner.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Error, Interrupt, Netns, Reaper, command};

/// Time between SIGTERM and SIGKILL.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running program with its output in a file. Dropping it ends the program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
    reaper: Arc<Reaper>,
    kept: bool,
}

impl Process {
    /// Starts `command` in `netns`; its output is appended to `log`.
    pub fn start(
        name: &str,
        mut command: Command,
        netns: &Netns,
        log: &Path,
        reaper: &Arc<Reaper>,
    ) -> Result<Self, Error> {
        let file = File::options().create(true).append(true).open(log).map_err(Error::path(log))?;
        let again = file.try_clone().map_err(Error::path(log))?;
        command.stdin(Stdio::null()).stdout(file).stderr(again).process_group(0);
        let child = command::spawn(&mut command, Some(netns))?;
        reaper.watch(child.id());
        Ok(Self {
            name: name.to_owned(),
            child,
            status: None,
            log: log.to_owned(),
            reaper: Arc::clone(reaper),
            kept: false,
        })
    }

    /// Name that it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its status if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
            if self.status.is_some() {
                self.reaper.forget(self.child.id());
            }
        }
        self.status
    }

    /// An error with the last lines of its output if it has ended.
    pub fn check(&mut self) -> Result<(), Error> {
        match self.ended() {
            None => Ok(()),
            Some(status) => Err(Error::Ended {
                name: self.name.clone(),
                status: status.to_string(),
                log: self.log_tail(20),
            }),
        }
    }

    /// Waits until `look` gives a value, at most `seconds`; ends at once when the process does.
    pub fn wait_ready(
        &mut self,
        interrupt: &Interrupt,
        seconds: u64,
        what: &str,
        mut look: impl FnMut(&Self) -> Result<(), String>,
    ) -> Result<(), Error> {
        let what = format!("{} {what}", self.name);
        interrupt.wait_until(Duration::from_secs(seconds), what, || match self.check() {
            Err(ended) => Ok(Err(ended)),
            Ok(()) => look(self).map(Ok).map_err(|seen| format!("{seen}\n{}", self.log_tail(5))),
        })?
    }

    /// Sends a signal; nothing happens when it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none()
            && let Ok(pid) = i32::try_from(self.child.id())
        {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Waits for its end, at most for `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        while self.ended().is_none() && start.elapsed() < timeout {
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        self.status
    }

    /// SIGTERM, then SIGKILL when it does not end within seconds. Gives the status.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::SIGTERM);
        if self.wait(PATIENCE).is_none() {
            self.kill();
        }
        self.status
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait(PATIENCE);
    }

    /// Lets it run after we have gone.
    pub fn keep(&mut self) {
        self.reaper.forget(self.child.id());
        self.kept = true;
    }

    /// All that it printed.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last `lines` lines that it printed.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<_> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.kept {
            self.stop();
        }
    }
}
