//! Recent log lines, and live copies for `terminal monitor`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::broadcast;

/// Severity of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// 3
    Error = 3,
    /// 4
    Warning = 4,
    /// 5
    Notice = 5,
    /// 6
    Info = 6,
    /// 7
    Debug = 7,
}

/// One log line.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// When.
    pub at: SystemTime,
    /// How bad.
    pub severity: Severity,
    /// Tag of the part (`BGP`, `ZEBRA`, `STATIC`, ...), as FRR's daemons name themselves.
    pub tag: &'static str,
    /// Text.
    pub text: String,
}

/// Lines kept for `show logging`.
const KEPT: usize = 2048;
/// Lines that a slow monitor may lag behind before it loses some.
const LAG: usize = 1024;

/// Keeps the last lines and hands new ones out.
#[derive(Debug, Clone)]
pub struct LogHub {
    kept: Arc<Mutex<VecDeque<LogLine>>>,
    live: broadcast::Sender<LogLine>,
}

impl Default for LogHub {
    fn default() -> Self {
        Self { kept: Arc::default(), live: broadcast::channel(LAG).0 }
    }
}

impl LogHub {
    /// Takes a line.
    pub fn push(&self, line: LogLine) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(line.clone());
        drop(kept);
        // Nobody listening is no error.
        let _ = self.live.send(line);
    }

    /// The last lines, oldest first.
    pub fn recent(&self) -> Vec<LogLine> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// New lines from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<LogLine> {
        self.live.subscribe()
    }
}
