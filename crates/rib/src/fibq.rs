//! The queue towards the kernel, its acks, retries, and reconciliation with a dump.
//!
//! # Invariants
//! * A route is in the queue at most once, and is encoded from its newest state when it is taken out (latest wins).
//! * Queues keep the order of arrival: sending sorted by prefix makes the kernel's trie several times slower.
//! * A route whose packets go the same way by another group is *late*: it is sent when nothing else is left. Its old group is kept as long,
//!   but not updated; so late routes become urgent as soon as any group has to forward differently.

use std::time::{Duration, Instant};

use ferr_types::{NexthopSet, Prefix, TableId};

use crate::group::{Forwarding, Target};
use crate::resolve::Way;
use crate::table::{NONE, flag};
use crate::{FibAck, FibAction, FibError, FibOp, FibTarget, NhId, Rib};

/// Largest factor on the first retry wait.
const MAX_BACKOFF: u32 = 64;

/// Pause between two attempts to follow a very long (or never resting) chain of recursion.
const SETTLE_WAIT: Duration = Duration::from_millis(200);

/// Late routes per poll: few, so that urgent ones that come meanwhile do not wait behind them.
const LATE_BATCH: usize = 256;

/// A queue that is empty and larger than this gives its memory back.
const KEEP_CAPACITY: usize = 1 << 16;

impl Rib {
    /// Puts a route into the queue when the kernel has to hear of it.
    pub(crate) fn fib_changed(&mut self, t: usize, slot: u32) {
        let table = &mut self.tables[t];
        let installable = table
            .selected(slot)
            .and_then(|s| self.specs.get(s))
            .is_some_and(|s| s.protocol.kernel_protocol().is_some());
        let entry = &mut table.entries[slot as usize];
        entry.set(flag::INSTALLED | flag::FAILED, false);
        if (!installable && !entry.has(flag::IN_KERNEL)) || entry.has(flag::DIRTY) {
            return;
        }
        entry.set(flag::DIRTY, true);
        if table.queue.is_empty() {
            self.fib.tables.push_back(t);
        }
        table.queue.push_back(slot);
        self.fib.queued += 1;
    }

    /// The group of a route is another, its forwarding the same: the kernel hears of it when there is nothing else to say.
    pub(crate) fn fib_changed_late(&mut self, t: usize, slot: u32) {
        let table = &mut self.tables[t];
        let entry = &mut table.entries[slot as usize];
        if entry.has(flag::DIRTY) || entry.is_late() {
            return;
        }
        if !entry.has(flag::IN_KERNEL) {
            return self.fib_changed(t, slot);
        }
        entry.set_late(true);
        if table.late.is_empty() {
            self.fib.late_tables.push_back(t);
        }
        table.late.push_back(slot);
        self.fib.late += 1;
    }

    /// Late routes do not wait any longer.
    fn promote_late(&mut self) {
        while let Some(t) = self.fib.late_tables.pop_front() {
            while let Some(slot) = self.pop_late(t) {
                self.fib_changed(t, slot);
            }
        }
    }

    fn pop_late(&mut self, t: usize) -> Option<u32> {
        let table = &mut self.tables[t];
        let slot = table.late.pop_front()?;
        table.entries[slot as usize].set_late(false);
        self.fib.late -= 1;
        if table.late.is_empty() && table.late.capacity() > KEEP_CAPACITY {
            table.late.shrink_to_fit();
        }
        Some(slot)
    }

    /// Number of routes that wait for [`Self::poll_fib`].
    pub const fn fib_pending(&self) -> usize {
        self.fib.queued + self.fib.late
    }

    /// Whether [`Self::poll_fib`] has something to say.
    pub fn fib_ready(&self) -> bool {
        self.fib_pending() > 0 || !self.fib.group_queue.is_empty() || self.fib.has_garbage()
    }

    /// Appends about `max` operations (a group comes with its members) in the order in which the kernel has to see them.
    pub fn poll_fib(&mut self, max: usize, out: &mut Vec<FibOp>) {
        let start = out.len();
        let max = start.saturating_add(max);
        if std::mem::take(&mut self.fib.hurry) {
            self.promote_late();
        }
        while out.len() < max
            && let Some(set) = self.fib.group_queue.pop_front()
        {
            self.send_group(set, out);
        }
        if !self.fib.formers.is_empty() {
            // Their routes have to be in the queue before anything counts as unused.
            self.settle();
        }
        while out.len() < max
            && let Some(t) = self.fib.tables.front().copied()
        {
            if let Some(slot) = self.tables[t].queue.pop_front() {
                self.fib.queued -= 1;
                self.send_route(t, slot, out);
            }
            if self.tables[t].queue.is_empty() {
                self.fib.tables.pop_front();
                if self.tables[t].queue.capacity() > KEEP_CAPACITY {
                    self.tables[t].queue.shrink_to_fit();
                }
            }
        }
        if self.fib.queued > 0 || !self.fib.group_queue.is_empty() {
            return;
        }
        let late_max = max.min(start.saturating_add(LATE_BATCH));
        while out.len() < late_max
            && let Some(t) = self.fib.late_tables.front().copied()
        {
            match self.pop_late(t) {
                Some(slot) => self.send_route(t, slot, out),
                None => drop(self.fib.late_tables.pop_front()),
            }
        }
        if self.fib.late == 0 {
            while out.len() < max
                && let Some(set) = self.fib.idle_groups.pop()
            {
                if let Some(set) = self.sets.get_mut(set)
                    && set.resolved.is_empty()
                {
                    self.fib.retire(&mut set.group, out);
                }
            }
            while self.resolver.idle()
                && let Some(set) = self.fib.formers.pop()
            {
                let former = self.sets.get_mut(set).map(|s| std::mem::take(&mut s.former));
                former.into_iter().flatten().for_each(|former| self.fib.drop_group(former));
            }
            self.fib.collect_garbage(max, out);
        }
    }

    fn send_group(&mut self, id: u32, out: &mut Vec<FibOp>) {
        // The id may belong to another set by now.
        let Some(set) = self.sets.get_mut(id).filter(|s| s.group.queued) else { return };
        let forwarding = Forwarding { ways: &set.resolved, backups: &set.backups };
        for former in &mut set.former {
            self.fib.send_group(id, former, forwarding, None, out);
        }
        set.group.queued = false;
        if !set.group.kernel {
            return;
        }
        self.fib.send_group(id, &mut set.group, forwarding, None, out);
        // The kernel does not change the kind of a group: the routes move to a second one.
        if self.config.resilient_groups && !forwarding.suits(set.group.buckets) {
            set.former.push(std::mem::take(&mut set.group));
            (set.rescan, set.regroup) = (true, true);
            self.resolver.rescan = true;
            self.fib.formers.push(id);
        }
    }

    fn send_route(&mut self, t: usize, slot: u32, out: &mut Vec<FibOp>) {
        let key = self.tables[t].key;
        self.tables[t].entries[slot as usize].set(flag::DIRTY, false);
        let own = self.vrfs.get(&key.vrf).map(|v| v.table);
        let Some(table) = key.table.or(own) else {
            self.tables[t].collect(slot);
            return;
        };
        let prefix = self.tables[t].prefix(slot);
        let spec = self.tables[t].selected(slot).and_then(|s| self.specs.get(s));
        let wanted = spec.and_then(|s| Some((s.protocol.kernel_protocol()?, s.set, s.source)));
        let Some((protocol, set, source)) = wanted else {
            self.send_delete(t, slot, table, prefix, out);
            return;
        };
        let Some(target) = self.fib_target(set, out) else {
            self.send_delete(t, slot, table, prefix, out);
            return;
        };
        let entry = &mut self.tables[t].entries[slot as usize];
        entry.set(flag::IN_KERNEL, true);
        entry.sent = protocol;
        entry.sent_one();
        let token = Target::Route { table: t as u32, slot }.token();
        out.push(FibOp { token, action: FibAction::RouteSet { table, prefix, protocol, source, target } });
    }

    fn send_delete(&mut self, t: usize, slot: u32, table: TableId, prefix: Prefix, out: &mut Vec<FibOp>) {
        let entry = &mut self.tables[t].entries[slot as usize];
        if entry.has(flag::IN_KERNEL) {
            entry.set(flag::IN_KERNEL, false);
            entry.sent_one();
            let token = Target::RouteDel { table: t as u32, slot }.token();
            out.push(FibOp { token, action: FibAction::RouteDel { table, prefix, protocol: entry.sent } });
        } else {
            self.tables[t].collect(slot);
        }
    }

    /// Where routes of a set point; sends the group first when the kernel has not got it.
    fn fib_target(&mut self, id: u32, out: &mut Vec<FibOp>) -> Option<FibTarget> {
        let set = self.sets.get_mut(id)?;
        if let Some(kind) = set.blackhole {
            return Some(FibTarget::Blackhole(kind));
        }
        if set.resolved.is_empty() {
            return None;
        }
        if !self.config.nexthop_objects {
            return Some(FibTarget::Plain(set.resolved.to_vec()));
        }
        if !set.group.kernel {
            let forwarding = Forwarding { ways: &set.resolved, backups: &set.backups };
            let buckets = forwarding.wanted_buckets().filter(|_| self.config.resilient_groups);
            self.fib.send_group(id, &mut set.group, forwarding, buckets, out);
        }
        set.group.id.map(FibTarget::Group)
    }

    /// Takes the kernel's answers, in the order in which they came.
    pub fn fib_acks(&mut self, now: Instant, acks: &[FibAck]) {
        for ack in acks {
            match (Target::from_token(ack.token), ack.result) {
                (Target::Route { table, slot }, result) => self.route_acked(now, table, slot, true, result),
                (Target::RouteDel { table, slot }, result) => {
                    self.route_acked(now, table, slot, false, result)
                }
                (Target::Group(id), result) => self.group_acked(now, id, result),
                (Target::Member(id), Err(error)) => {
                    self.fib.member_lost(id);
                    // Its group may stand, without it.
                    if error == FibError::Dead {
                        self.fib.refused_members.push(id);
                    }
                    self.arm_retry(now);
                }
                (Target::Member(_), Ok(())) | (Target::Ignored, _) => {}
            }
        }
    }

    fn route_acked(&mut self, now: Instant, t: u32, slot: u32, set: bool, result: Result<(), FibError>) {
        let Some(table) = self.tables.get_mut(t as usize) else { return };
        let Some(entry) = table.entries.get_mut(slot as usize) else { return };
        entry.acked_one();
        if entry.has(flag::DIRTY) || entry.inflight() > 0 {
            return;
        }
        if !self.fib.errors.is_empty() {
            self.fib.errors.remove(&(t, slot));
        }
        match result {
            Ok(()) if set => {
                if entry.has(flag::IN_KERNEL) {
                    entry.set(flag::INSTALLED, true);
                }
                entry.set(flag::FAILED, false);
            }
            Ok(()) => table.collect(slot),
            Err(error) => {
                // A refused deletion leaves the route where it was.
                entry.set(flag::IN_KERNEL | flag::FAILED, true);
                self.fib.note_error(t, slot, error);
                self.arm_retry(now);
            }
        }
    }

    fn group_acked(&mut self, now: Instant, id: NhId, result: Result<(), FibError>) {
        let Some(set_id) = self.fib.groups.get(&id).copied() else { return };
        let Some(set) = self.sets.get_mut(set_id) else { return };
        let former = set.former.iter_mut().find(|f| f.id == Some(id));
        let group = former.unwrap_or(&mut set.group);
        group.acked = result.is_ok();
        group.created |= result.is_ok();
        if result.is_err() {
            group.kernel = group.created;
            // Forgetting what was sent makes the retry send it again.
            let ways: smallvec::SmallVec<[Way; 1]> = std::mem::take(&mut group.members);
            self.fib.unuse(&ways);
            self.fib.failed_groups.push(set_id);
            self.arm_retry(now);
        }
    }

    fn arm_retry(&mut self, now: Instant) {
        self.fib.some_failed = true;
        if self.fib.retry_at.is_none() {
            self.fib.retry_at = Some(now + self.fib.retry_wait);
        }
    }

    /// When [`Self::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let settle = (!self.resolver.idle()).then(|| self.settle_at.unwrap_or(self.epoch));
        self.fib.retry_at.into_iter().chain(settle).min()
    }

    /// Tries refused operations again when it is time. Calling early changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.resolver.idle() && self.settle_at.is_none_or(|at| now >= at) {
            self.settle();
            self.settle_at = Some(now + SETTLE_WAIT);
        }
        if self.fib.retry_at.is_none_or(|at| now < at) {
            return;
        }
        self.fib.retry_at = None;
        let limit = self.config.retry.saturating_mul(MAX_BACKOFF);
        self.fib.retry_wait = if std::mem::take(&mut self.fib.some_failed) {
            (self.fib.retry_wait * 2).min(limit)
        } else {
            self.config.retry
        };
        let refused = std::mem::take(&mut self.fib.refused_members);
        self.objects_deleted(&refused);
        for id in std::mem::take(&mut self.fib.failed_groups) {
            if let Some(set) = self.sets.get_mut(id) {
                set.group_changed(id, &mut self.fib);
            }
        }
        let mut any = false;
        for t in 0..self.tables.len() {
            for slot in 0..self.tables[t].entries.len() as u32 {
                if self.tables[t].entries[slot as usize].has(flag::FAILED) {
                    any = true;
                    self.fib_changed(t, slot);
                }
            }
        }
        if any {
            // Looked at once more when the answers are in: a quiet round resets the wait.
            self.fib.retry_at = Some(now + self.fib.retry_wait.max(Duration::from_millis(1)));
        } else {
            self.fib.retry_wait = self.config.retry;
        }
    }

    /// Somebody else deleted or replaced a route of ours: it is sent again.
    pub fn fib_route_lost(&mut self, table: TableId, prefix: Prefix) {
        for t in self.tables_of(table, prefix) {
            let Some(slot) = self.tables[t].find(prefix) else { continue };
            let entry = &mut self.tables[t].entries[slot as usize];
            if entry.has(flag::IN_KERNEL) {
                entry.set(flag::IN_KERNEL, false);
                self.fib_changed(t, slot);
                self.tables[t].collect(slot);
            }
        }
    }

    /// Somebody else deleted or replaced a next-hop object or group of ours: it and its routes are sent again.
    pub fn fib_nexthop_lost(&mut self, id: NhId) {
        let lost_way = self.fib.member_lost(id);
        let groups: Vec<u32> = match self.fib.groups.get(&id) {
            Some(set) => vec![*set],
            None => self
                .sets
                .iter()
                .filter(|(_, s)| lost_way.is_some_and(|way| s.group.members.iter().any(|(w, _)| *w == way)))
                .map(|(id, _)| id)
                .collect(),
        };
        for set_id in groups {
            if let Some(set) = self.sets.get_mut(set_id) {
                let alone = lost_way.is_none() || set.group.members.len() == 1;
                if alone && set.former.iter().any(|f| f.id == Some(id)) {
                    self.rescan_lost(set_id);
                } else if alone {
                    let ways = std::mem::take(&mut set.group.members);
                    self.fib.unuse(&ways);
                    (set.group.kernel, set.group.acked, set.group.created) = (false, false, false);
                    self.rescan_lost(set_id);
                } else {
                    set.group_changed(set_id, &mut self.fib);
                }
            }
        }
        self.settle();
    }

    fn tables_of(&self, table: TableId, prefix: Prefix) -> Vec<usize> {
        let afi = prefix.afi();
        let is_it = |key: &crate::table::TableKey| {
            let own = || self.vrfs.get(&key.vrf).map(|v| v.table);
            key.afi == afi && key.table.or_else(own) == Some(table)
        };
        (0..self.tables.len()).filter(|t| is_it(&self.tables[*t].key)).collect()
    }

    /// Whether the kernel shall have a route of ours there.
    pub fn wants_fib_route(&self, table: TableId, prefix: Prefix) -> bool {
        self.tables_of(table, prefix).into_iter().any(|t| {
            let Some(slot) = self.tables[t].find(prefix) else { return false };
            let spec = self.tables[t].selected(slot).and_then(|s| self.specs.get(s));
            spec.is_some_and(|s| s.protocol.kernel_protocol().is_some())
        })
    }

    /// Whether somebody offers a route of ours there, even if it cannot be used now.
    pub fn claims_fib_route(&self, table: TableId, prefix: Prefix) -> bool {
        self.tables_of(table, prefix).into_iter().any(|t| {
            let Some(slot) = self.tables[t].find(prefix) else { return false };
            let installed =
                |spec: u32| self.specs.get(spec).is_some_and(|s| s.protocol.kernel_protocol().is_some());
            self.tables[t].candidates(slot).iter().any(|c| installed(c.spec))
        })
    }

    /// Whether the kernel shall have this object or group.
    pub fn wants_nexthop(&self, id: NhId) -> bool {
        self.fib.ids().any(|own| own == id)
    }

    /// Every next-hop id that we believe to be in the kernel.
    pub fn fib_nexthop_ids(&self) -> impl Iterator<Item = NhId> {
        self.fib.ids()
    }

    /// Starts to compare with a dump of our own routes. Tell what the dump holds by [`Self::reconcile_seen`], then end
    /// with [`Self::reconcile_end`].
    pub fn reconcile_begin(&mut self) {
        for table in &mut self.tables {
            table.entries.iter_mut().for_each(|e| e.set(flag::SEEN, false));
        }
    }

    /// The dump holds a route of ours, with this `rtm_protocol` and group. `false`: it is not wanted, and may be deleted.
    pub fn reconcile_seen(
        &mut self,
        table: TableId,
        prefix: Prefix,
        protocol: u8,
        group: Option<NhId>,
    ) -> bool {
        let mut wanted = false;
        for t in self.tables_of(table, prefix) {
            let Some(slot) = self.tables[t].find(prefix) else { continue };
            let spec = self.tables[t].selected(slot).and_then(|s| self.specs.get(s));
            let ours = spec.and_then(|s| Some((s.protocol.kernel_protocol()?, s.set)));
            let Some((wanted_protocol, set)) = ours else { continue };
            let Some(set) = self.sets.get(set) else { continue };
            wanted = true;
            let want_group = if set.resolved.is_empty() { None } else { set.group.id };
            let entry = &mut self.tables[t].entries[slot as usize];
            entry.set(flag::IN_KERNEL, true);
            entry.sent = protocol;
            if protocol == wanted_protocol && (!self.config.nexthop_objects || want_group == group) {
                entry.set(flag::SEEN, true);
            }
        }
        wanted
    }

    /// The dump is over: what it lacks is sent again.
    pub fn reconcile_end(&mut self) {
        for t in 0..self.tables.len() {
            for slot in 0..self.tables[t].entries.len() as u32 {
                let entry = &self.tables[t].entries[slot as usize];
                let settled = !entry.has(flag::DIRTY) && entry.inflight() == 0 && entry.cand != NONE;
                if settled && entry.has(flag::IN_KERNEL) && !entry.has(flag::SEEN) {
                    self.fib_changed(t, slot);
                }
            }
        }
    }

    /// Withdraws every route of ours from the kernel, for an orderly end: all protocols are swept.
    pub fn withdraw_all(&mut self) {
        for protocol in ferr_types::Protocol::ALL {
            if protocol.kernel_protocol().is_some() {
                self.sweep(protocol, None, None);
            }
        }
    }

    /// Ways of a selected route after resolution.
    pub(crate) fn resolved_ways(&self, set: u32) -> (&[Way], Option<&NexthopSet>) {
        self.sets.get(set).map_or((&[], None), |s| (&s.resolved[..], Some(&s.key.ways)))
    }
}
