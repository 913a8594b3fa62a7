//! Things for the log, held back when they come too often.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::io::{Notice, Refusal};

/// One cause is told so often.
const GAP: Duration = Duration::from_secs(10);
/// Causes that are remembered.
const MAX_RECENT: usize = 256;

/// What is to be told, and what was.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    refused: BTreeMap<(Arc<str>, Refusal), (Instant, u32)>,
    recent: VecDeque<(Instant, Notice)>,
    waiting: Vec<Notice>,
}

impl Notices {
    /// Something other than a refusal.
    pub(crate) fn push(&mut self, notice: Notice) {
        if self.waiting.len() < MAX_RECENT && !self.waiting.contains(&notice) {
            self.waiting.push(notice);
        }
    }

    /// A packet was refused; gives what is to be told.
    pub(crate) fn refused(
        &mut self,
        name: &Arc<str>,
        source: IpAddr,
        reason: Refusal,
        now: Instant,
    ) -> Option<Notice> {
        let known = self.refused.entry((name.clone(), reason));
        let (last, count) = known.or_insert((now.checked_sub(GAP).unwrap_or(now), 0));
        *count = count.saturating_add(1);
        if now.saturating_duration_since(*last) < GAP {
            return None;
        }
        *last = now;
        Some(Notice::Refused { name: name.clone(), source, reason, count: std::mem::take(count) })
    }

    /// Takes what is to be told.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<Notice> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        self.recent.retain(|(at, _)| now.saturating_duration_since(*at) < GAP);
        let mut told = Vec::new();
        for notice in std::mem::take(&mut self.waiting) {
            if self.recent.len() < MAX_RECENT && self.recent.iter().all(|(_, recent)| *recent != notice) {
                self.recent.push_back((now, notice.clone()));
                told.push(notice);
            }
        }
        told
    }
}
