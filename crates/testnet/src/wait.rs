//! Bounded waiting by looking again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// A request to end, shared by a signal handler and everything that waits.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks every wait that holds this to end.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// `Err(Interrupted)` when the end was asked for.
    pub fn check(&self) -> Result<(), Error> {
        if self.raised() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// As [`wait_until`], ending early with [`Error::Interrupted`].
    pub fn wait_until<T>(
        &self,
        timeout: Duration,
        what: impl Into<String>,
        mut look: impl FnMut() -> Result<T, String>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            self.check()?;
            let last = match look() {
                Ok(found) => return Ok(found),
                Err(last) => last,
            };
            let after = start.elapsed();
            if after >= timeout {
                return Err(Error::Timeout { what: what.into(), last, after });
            }
            thread::sleep(pause.min(timeout - after));
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

/// Calls `look` until it gives a value, at most for `timeout`. Its error is what was seen instead; the last one is in
/// the time-out's message.
pub fn wait_until<T>(
    timeout: Duration,
    what: impl Into<String>,
    look: impl FnMut() -> Result<T, String>,
) -> Result<T, Error> {
    Interrupt::default().wait_until(timeout, what, look)
}
