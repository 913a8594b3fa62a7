//! Installation and ageing: what is due when, and what leaves the database (RFC 2328 sections 12.1.1, 13.2 and 14).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ferr_ospf_wire::{Age, LsaHeader};
use ferr_types::RouterId;

use crate::instance::Instance;
use crate::lsdb::{LsaKey, ScopeId, Stored};
use crate::timer::Timer;

/// LSRefreshTime.
const REFRESH: Duration = Duration::from_secs(1800);
/// Own LSAs are refreshed so much earlier at most, each at another time.
const REFRESH_JITTER: Duration = Duration::from_secs(120);
/// CheckAge: the checksum of an LSA is checked again.
const CHECK: Duration = Duration::from_secs(300);
/// An own LSA is told no earlier than so after it was told last for the sake of company.
const COMPANY: Duration = Duration::from_secs(900);
/// An LSA that does not age is taken out when its originator is out of reach for so long, and it is as old here (RFC 1793 section 2.3).
const ABANDONED: Duration = Duration::from_secs(Age::MAX.0 as u64);
/// LSAs of MaxAge are looked at so often.
const SWEEP: Duration = Duration::from_millis(200);
/// LSAs that are handled in one turn at most.
const BATCH: usize = 512;
/// LSAs of MaxAge that are taken out in one turn at most.
const SWEEP_BATCH: usize = 4096;

/// When an LSA needs something, and those that leave.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    due: BTreeSet<(Instant, ScopeId, LsaKey)>,
    leaving: BTreeSet<(ScopeId, LsaKey)>,
    /// Originators of LSAs that do not age which are out of reach, and since when.
    away: BTreeMap<RouterId, Instant>,
}

impl Ages {
    /// When the first LSA needs something.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.due.first().map(|(at, _, _)| *at)
    }

    /// True when the LSA was in force until now.
    fn forget(&mut self, scope: ScopeId, key: &LsaKey, stored: &Stored) -> bool {
        if let Some(due) = stored.due {
            self.due.remove(&(due, scope, *key));
        }
        !self.leaving.remove(&(scope, *key))
    }
}

/// Age in whole, and when it was that.
fn born(stored: &Stored) -> (Duration, Instant) {
    (Duration::from_secs(stored.age_at_installation().seconds().into()), stored.installed())
}

/// What routes are made from: not the age, the sequence number or the checksum.
fn content(octets: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    (octets.get(2..4), octets.get(LsaHeader::LEN..))
}

impl Instance {
    /// Puts an LSA into the database; true when routes may change by it.
    pub(crate) fn install(&mut self, scope: ScopeId, key: LsaKey, mut stored: Stored, now: Instant) -> bool {
        stored.due = self.next_due(&key, &stored, now);
        let leaves = stored.age(now).is_max();
        let new = stored.octets().clone();
        let due = stored.due;
        let old = self.lsdb.install(scope, key, stored);
        let old = old.filter(|old| self.ages.forget(scope, &key, old));
        if let Some(due) = due {
            self.ages.due.insert((due, scope, key));
        }
        if leaves {
            self.ages.leaving.insert((scope, key));
            self.timers.start(Timer::Sweep, now + SWEEP);
        }
        let (old, new) = (old.as_ref().map(|old| &**old.octets()), Some(&*new).filter(|_| !leaves));
        let changed = old.map(content) != new.map(content);
        if changed {
            self.routing.lsa_changed(scope, &key, old, new, now);
            self.link_content_changed(scope, &key);
            self.demand_changed(key.kind);
        }
        changed
    }

    /// Takes an LSA out without telling anybody.
    pub(crate) fn discard(&mut self, scope: ScopeId, key: &LsaKey, now: Instant) {
        let Some(old) = self.lsdb.remove(scope, key) else { return };
        if self.ages.forget(scope, key, &old) {
            self.routing.lsa_changed(scope, key, Some(old.octets()), None, now);
            self.link_content_changed(scope, key);
        }
    }

    /// Takes all LSAs of a scope out without telling anybody.
    pub(crate) fn purge_scope(&mut self, scope: ScopeId, now: Instant) {
        let keys: Vec<LsaKey> = self.lsdb.scope(scope).map(|(key, _)| *key).collect();
        for key in keys {
            self.discard(scope, &key, now);
        }
    }

    /// When an LSA needs something next: refresh or MaxAge, and its checksum checked before.
    fn next_due(&mut self, key: &LsaKey, stored: &Stored, now: Instant) -> Option<Instant> {
        let (age, at) = born(stored);
        let own = key.router == self.config.router_id && !stored.is_received();
        if stored.age(now).is_max() {
            return None;
        }
        let end = if own && stored.age_at_installation().is_do_not_age() {
            // Told once: it does not grow old anywhere (RFC 4136 section 3).
            return Some(now + CHECK);
        } else if own {
            let latest = at + REFRESH.saturating_sub(age)
                - self.random.up_to(REFRESH_JITTER.min(REFRESH.saturating_sub(age)));
            self.in_company(latest, at)
        } else if stored.age_at_installation().is_do_not_age() {
            return Some(now + CHECK);
        } else {
            at + Duration::from_secs(Age::MAX.0.into()).saturating_sub(age)
        };
        Some(if own { end } else { end.min(now + CHECK) })
    }

    /// The last moment up to `latest` at which own LSAs are told again together.
    fn in_company(&self, latest: Instant, told: Instant) -> Instant {
        let interval = self.config.refresh_interval.as_millis().max(1);
        let beyond = latest.saturating_duration_since(self.started).as_millis() % interval;
        let beyond = Duration::from_millis(u64::try_from(beyond).unwrap_or(0));
        latest.checked_sub(beyond).filter(|at| *at >= told + COMPANY).unwrap_or(latest)
    }

    /// Whether an LSA that does not age has lost its originator.
    fn is_abandoned(&mut self, key: &LsaKey, stored: &Stored, now: Instant) -> bool {
        if !stored.age_at_installation().is_do_not_age() || key.router == self.config.router_id {
            return false;
        }
        if self.routing.reaches(key.router) {
            self.ages.away.remove(&key.router);
            return false;
        }
        let since = *self.ages.away.entry(key.router).or_insert(now);
        let long = |since| now.saturating_duration_since(since) >= ABANDONED;
        long(since) && long(stored.installed())
    }

    /// Handles what is due.
    pub(crate) fn ages_due(&mut self, now: Instant) {
        for _ in 0..BATCH {
            let Some((due, scope, key)) = self.ages.due.first().copied().filter(|(due, _, _)| *due <= now)
            else {
                return;
            };
            self.ages.due.remove(&(due, scope, key));
            let Some(stored) = self.lsdb.get(scope, &key).cloned() else { continue };
            if stored.age(now).is_max() || self.is_abandoned(&key, &stored, now) {
                self.expire(scope, key, now);
            } else if key.router == self.config.router_id && stored.age(now).is_do_not_age() {
                let next = self.next_check(scope, &key, now);
                self.lsdb.set_due(scope, &key, next);
                self.ages.due.extend(next.map(|next| (next, scope, key)));
            } else if key.router == self.config.router_id && !stored.is_received() {
                self.refresh(scope, key, now);
            } else if stored.lsa(self.config.version).is_some_and(|lsa| lsa.checksum_holds()) {
                let next = self.next_check(scope, &key, now);
                self.lsdb.set_due(scope, &key, next);
                self.ages.due.extend(next.map(|next| (next, scope, key)));
            } else {
                // The memory is not what it was: the neighbors have it better.
                self.discard(scope, &key, now);
            }
        }
    }

    fn next_check(&mut self, scope: ScopeId, key: &LsaKey, now: Instant) -> Option<Instant> {
        let stored = self.lsdb.get(scope, key)?.clone();
        self.next_due(key, &stored, now)
    }

    /// Reached MaxAge, or is to be taken for that: flooded once more and then gone.
    pub(crate) fn expire(&mut self, scope: ScopeId, key: LsaKey, now: Instant) {
        let Some(stored) = self.lsdb.get(scope, &key) else { return };
        let mut octets = stored.octets().to_vec();
        if let Some(age) = octets.get_mut(..2) {
            age.copy_from_slice(&Age::MAX.0.to_be_bytes());
        }
        let expired = Stored::originated(octets.into(), now);
        let Some(header) = expired.lsa(self.config.version).map(|lsa| lsa.header) else { return };
        let changed = self.install(scope, key, expired, now);
        self.flood(scope, key, &header, None, now);
        if changed {
            self.topology_changed(scope, &key, now);
        }
    }

    /// Takes LSAs of MaxAge out that everybody has acknowledged (section 14).
    pub(crate) fn sweep(&mut self, now: Instant) {
        if self.ages.leaving.is_empty() {
            return;
        }
        self.timers.set(Timer::Sweep, now + SWEEP);
        if self.is_exchanging() {
            return;
        }
        let waiting: Vec<&crate::neighbor::Neighbor> = self
            .ifaces
            .values()
            .flat_map(|iface| iface.neighbors.values())
            .filter(|neighbor| !neighbor.retransmit.is_empty())
            .collect();
        let gone: Vec<(ScopeId, LsaKey)> = self
            .ages
            .leaving
            .iter()
            .filter(|(_, key)| !waiting.iter().any(|neighbor| neighbor.retransmit.contains(key)))
            .take(SWEEP_BATCH)
            .copied()
            .collect();
        for (scope, key) in gone {
            self.discard(scope, &key, now);
            self.left(scope, &key, now);
        }
        if self.ages.leaving.is_empty() {
            self.timers.cancel(Timer::Sweep);
        }
    }
}
