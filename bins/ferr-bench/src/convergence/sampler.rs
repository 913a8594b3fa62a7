//! Points of a phase's curves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::usage::resident_kib;

/// Time between points.
const EVERY: Duration = Duration::from_millis(50);

/// A point of the curves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Seconds since the beginning of the phase.
    pub(crate) at: f64,
    /// Prefixes at the first of the watched neighbors.
    pub(crate) monitor: usize,
    pub(crate) resident_kib: u64,
}

/// Takes points in the background.
pub(super) struct Sampler {
    monitor: Arc<AtomicUsize>,
    points: Arc<Mutex<Vec<Point>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    pub(super) fn start(pids: Vec<u32>, begin: Instant) -> Self {
        let mut sampler =
            Self { monitor: Arc::default(), points: Arc::default(), stop: Arc::default(), thread: None };
        let (monitor, points, stop) =
            (Arc::clone(&sampler.monitor), Arc::clone(&sampler.points), Arc::clone(&sampler.stop));
        let take = move || {
            while !stop.load(Ordering::Relaxed) {
                let point = Point {
                    at: begin.elapsed().as_secs_f64(),
                    monitor: monitor.load(Ordering::Relaxed),
                    resident_kib: resident_kib(&pids),
                };
                points.lock().unwrap_or_else(PoisonError::into_inner).push(point);
                thread::sleep(EVERY);
            }
        };
        // Without it there is no curve, and nothing else is lost.
        sampler.thread = thread::Builder::new().name("sampler".into()).spawn(take).ok();
        sampler
    }

    pub(super) fn note(&self, monitor: usize) {
        self.monitor.store(monitor, Ordering::Relaxed);
    }

    pub(super) fn finish(mut self) -> Vec<Point> {
        self.end();
        std::mem::take(&mut *self.points.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end();
    }
}
