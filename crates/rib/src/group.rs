//! Kernel next-hop objects and groups: what we believe the kernel has, and in which order it has to be told.
//!
//! # Data
//! A *member* is one next-hop object, shared by all groups that use the way. A *group* belongs to one set of next hops; when the
//! set resolves differently, the group is replaced in place and no route is touched. A group with ways to fall back on, or with a guard,
//! is *resilient*: the backups are members without a bucket, so that deleting the object of a dead way is all that it takes to
//! move every group that holds it. The kernel does not turn one kind into the other: such a set gets a second group, and its
//! routes move over when nothing else is to be done.
//!
//! # Invariants
//! Members are sent before groups, groups before routes, and deletions only when no route is queued, because deleting an object
//! takes its routes along.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::guard::is_shielded;
use crate::resolve::Way;
use crate::{FibAction, FibError, FibNexthop, FibOp, FibToken, GuardSet, NhId};

/// Errors that are kept with their routes; further failed routes show a general one.
const MAX_ERRORS: usize = 4096;

/// Buckets of a resilient group whose ways share the load. The kernel refuses another number for a group that exists.
const SHARED_BUCKETS: NonZeroU16 = NonZeroU16::MIN.saturating_add(31);
/// Ways that so many buckets serve fairly enough; groups of more are plain.
const MAX_RESILIENT_WAYS: usize = 8;
/// Weight of the strongest way of a group with backups: so large that a backup's share rounds to no bucket.
const FULL_WEIGHT: u16 = 255;

/// Group of a set.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) id: Option<NhId>,
    /// Sent, so that routes may point at it.
    pub(crate) kernel: bool,
    pub(crate) acked: bool,
    /// The kernel acknowledged its creation.
    pub(crate) created: bool,
    /// In the queue of groups.
    pub(crate) queued: bool,
    /// Ways as last sent, backups last.
    pub(crate) members: SmallVec<[Way; 1]>,
    /// Buckets of a resilient group.
    pub(crate) buckets: Option<NonZeroU16>,
}

/// What a group has to forward by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forwarding<'a> {
    pub(crate) ways: &'a [Way],
    pub(crate) backups: &'a [Way],
}

impl Forwarding<'_> {
    /// Buckets of the resilient group that serves it better than a plain one. A single way needs one, which moves four times as fast
    /// as many.
    pub(crate) fn wanted_buckets(self) -> Option<NonZeroU16> {
        let guarded = || self.ways.len() > 1 && self.ways.iter().any(|(way, _)| !way.guards.is_empty());
        match self.ways.len() {
            1 if !self.backups.is_empty() => Some(NonZeroU16::MIN),
            2..=MAX_RESILIENT_WAYS if guarded() || !self.backups.is_empty() => Some(SHARED_BUCKETS),
            _ => None,
        }
    }

    /// Whether a group of this kind, which is there already, will do.
    pub(crate) fn suits(self, buckets: Option<NonZeroU16>) -> bool {
        match (buckets, self.ways.len()) {
            (None, _) => self.wanted_buckets().is_none(),
            (Some(_), 0..=1) => true,
            (Some(buckets), 2..=MAX_RESILIENT_WAYS) => buckets >= SHARED_BUCKETS,
            (Some(_), _) => false,
        }
    }

    /// Members with their weights in the kernel.
    fn members(self, resilient: bool) -> SmallVec<[Way; 1]> {
        let backups = if resilient { self.backups } else { &[] };
        let largest = self.ways.iter().map(|(_, weight)| u16::from(*weight)).max().unwrap_or(1).max(1);
        let scaled = |weight: u8| match backups {
            [] => weight,
            _ => u8::try_from(u16::from(weight) * FULL_WEIGHT / largest).unwrap_or(u8::MAX).max(1),
        };
        let ways = self.ways.iter().map(|(way, weight)| (*way, scaled(*weight)));
        let mut all: SmallVec<[Way; 1]> = ways.chain(backups.iter().map(|(way, _)| (*way, 1))).collect();
        for at in 0..all.len() {
            all[at].0.shielded = is_shielded(&all[at], &all);
        }
        all
    }
}

#[derive(Debug)]
struct Member {
    id: NhId,
    groups: u32,
    kernel: bool,
}

/// What an ack belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Route {
        table: u32,
        slot: u32,
    },
    RouteDel {
        table: u32,
        slot: u32,
    },
    Member(NhId),
    Group(NhId),
    /// Nobody waits for the answer.
    Ignored,
}

impl Group {
    /// The kernel dropped members; `true` when that emptied the group, and the kernel deleted it with its routes.
    pub(crate) fn shrink(&mut self, lost: impl Fn(&FibNexthop) -> bool) -> bool {
        let before = self.members.len();
        self.members.retain(|(way, _)| !lost(way));
        let emptied = self.kernel && before > 0 && self.members.is_empty();
        if emptied {
            (self.kernel, self.acked, self.created) = (false, false, false);
        }
        emptied
    }
}

impl Target {
    pub(crate) const fn token(self) -> FibToken {
        FibToken(match self {
            Self::Route { table, slot } => 1 << 60 | (table as u64) << 32 | slot as u64,
            Self::RouteDel { table, slot } => 2 << 60 | (table as u64) << 32 | slot as u64,
            Self::Member(NhId(id)) => 3 << 60 | id as u64,
            Self::Group(NhId(id)) => 4 << 60 | id as u64,
            Self::Ignored => 0,
        })
    }

    pub(crate) const fn from_token(FibToken(token): FibToken) -> Self {
        let (table, slot) = ((token >> 32) as u32 & 0x0fff_ffff, token as u32);
        match token >> 60 {
            1 => Self::Route { table, slot },
            2 => Self::RouteDel { table, slot },
            3 => Self::Member(NhId(slot)),
            4 => Self::Group(NhId(slot)),
            _ => Self::Ignored,
        }
    }
}

/// State of the way to the kernel.
pub(crate) struct Fib {
    next_id: u32,
    members: BTreeMap<FibNexthop, Member>,
    /// Set of each group in the kernel.
    pub(crate) groups: BTreeMap<NhId, u32>,
    /// Sets whose group has to be replaced.
    pub(crate) group_queue: VecDeque<u32>,
    dead_groups: Vec<Group>,
    /// Sets that stopped to forward; their groups go when no route is queued.
    pub(crate) idle_groups: Vec<u32>,
    /// Sets whose routes move from a group of another kind; that group goes when no route is queued.
    pub(crate) formers: Vec<u32>,
    dead_members: Vec<FibNexthop>,
    /// Routes in all queues.
    pub(crate) queued: usize,
    /// Tables with queued routes.
    pub(crate) tables: VecDeque<usize>,
    /// Routes whose forwarding stays, to be sent when nothing else is queued.
    pub(crate) late: usize,
    /// Tables with such routes.
    pub(crate) late_tables: VecDeque<usize>,
    /// These routes are urgent after all.
    pub(crate) hurry: bool,
    /// Counts the changes of objects and groups.
    pub(crate) version: u64,
    pub(crate) errors: BTreeMap<(u32, u32), FibError>,
    pub(crate) failed_groups: Vec<u32>,
    /// Objects that were not made because a guard of theirs was dead.
    pub(crate) refused_members: Vec<NhId>,
    pub(crate) retry_at: Option<Instant>,
    pub(crate) retry_wait: Duration,
    pub(crate) some_failed: bool,
}

impl Fib {
    pub(crate) const fn new(base: u32, retry: Duration) -> Self {
        Self {
            next_id: base,
            members: BTreeMap::new(),
            groups: BTreeMap::new(),
            group_queue: VecDeque::new(),
            dead_groups: Vec::new(),
            idle_groups: Vec::new(),
            formers: Vec::new(),
            dead_members: Vec::new(),
            queued: 0,
            tables: VecDeque::new(),
            late: 0,
            late_tables: VecDeque::new(),
            hurry: false,
            version: 0,
            errors: BTreeMap::new(),
            failed_groups: Vec::new(),
            refused_members: Vec::new(),
            retry_at: None,
            retry_wait: retry,
            some_failed: false,
        }
    }

    const fn fresh_id(&mut self) -> NhId {
        let id = NhId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    /// The set of this group is gone.
    pub(crate) fn drop_group(&mut self, group: Group) {
        if let Some(id) = group.id {
            self.groups.remove(&id);
        }
        if group.kernel {
            self.dead_groups.push(group);
        } else {
            self.unuse(&group.members);
        }
    }

    /// A group does not hold these ways any more.
    pub(crate) fn unuse(&mut self, ways: &[Way]) {
        for (way, _) in ways {
            if let Some(member) = self.members.get_mut(way) {
                member.groups = member.groups.saturating_sub(1);
                if member.groups == 0 {
                    self.dead_members.push(*way);
                }
            }
        }
    }

    /// Makes the kernel's group forward so. `buckets` are for a group that the kernel has not got yet.
    pub(crate) fn send_group(
        &mut self,
        set: u32,
        group: &mut Group,
        forwarding: Forwarding<'_>,
        buckets: Option<NonZeroU16>,
        out: &mut Vec<FibOp>,
    ) {
        group.queued = false;
        if forwarding.ways.is_empty() {
            self.idle_groups.push(set);
            return;
        }
        if !group.kernel {
            group.buckets = buckets;
        }
        let ways = forwarding.members(group.buckets.is_some());
        let missing = ways.iter().any(|(way, _)| self.members.get(way).is_none_or(|m| !m.kernel));
        if group.kernel && group.members == ways && !missing {
            return;
        }
        self.version += 1;
        let mut members = SmallVec::new();
        for (way, weight) in &ways {
            if !self.members.contains_key(way) {
                let id = self.fresh_id();
                self.members.insert(*way, Member { id, groups: 0, kernel: false });
            }
            let Some(member) = self.members.get_mut(way) else { continue };
            member.groups += 1;
            if !member.kernel {
                member.kernel = true;
                let action = FibAction::NexthopAdd { id: member.id, nexthop: *way };
                out.push(FibOp { token: Target::Member(member.id).token(), action });
            }
            members.push((member.id, *weight));
        }
        let old = std::mem::replace(&mut group.members, ways);
        self.unuse(&old);
        let id = match group.id {
            Some(id) => id,
            None => self.fresh_id(),
        };
        group.id = Some(id);
        self.groups.insert(id, set);
        let action = FibAction::GroupSet { id, members, buckets: group.buckets, replace: group.kernel };
        (group.kernel, group.acked) = (true, false);
        out.push(FibOp { token: Target::Group(id).token(), action });
    }

    /// A set that stopped to forward: its group is not needed when no route is queued.
    pub(crate) fn retire(&mut self, group: &mut Group, out: &mut Vec<FibOp>) {
        if let (true, Some(id)) = (group.kernel, group.id) {
            self.groups.remove(&id);
            let token = Target::Ignored.token();
            out.push(FibOp { token, action: FibAction::GroupDel { id } });
        }
        (group.kernel, group.acked, group.created) = (false, false, false);
        let ways = std::mem::take(&mut group.members);
        self.unuse(&ways);
        self.version += 1;
    }

    pub(crate) fn has_garbage(&self) -> bool {
        !(self.dead_groups.is_empty()
            && self.dead_members.is_empty()
            && self.idle_groups.is_empty()
            && self.formers.is_empty())
    }

    /// Deletes groups, then members, that nothing uses. Only when no route is queued.
    pub(crate) fn collect_garbage(&mut self, max: usize, out: &mut Vec<FibOp>) {
        while out.len() < max
            && let Some(mut group) = self.dead_groups.pop()
        {
            self.retire(&mut group, out);
        }
        while out.len() < max
            && let Some(way) = self.dead_members.pop()
        {
            if self.members.get(&way).is_some_and(|m| m.groups == 0)
                && let Some(member) = self.members.remove(&way)
                && member.kernel
            {
                let token = Target::Ignored.token();
                out.push(FibOp { token, action: FibAction::NexthopDel { id: member.id } });
            }
        }
    }

    /// The kernel has the objects of these ways no more; the groups of sets are shrunk by their owners.
    pub(crate) fn members_lost(&mut self, lost: impl Fn(&FibNexthop) -> bool) {
        self.members.retain(|way, _| !lost(way));
        for group in &mut self.dead_groups {
            group.shrink(&lost);
        }
        self.version += 1;
    }

    /// Forgets objects that were deleted; tells what they were.
    pub(crate) fn forget_members(&mut self, ids: &[NhId]) -> SmallVec<[FibNexthop; 4]> {
        let of_them = |m: &Member| ids.contains(&m.id);
        let ways: SmallVec<[FibNexthop; 4]> =
            self.members.iter().filter(|(_, m)| of_them(m)).map(|(way, _)| *way).collect();
        if !ways.is_empty() {
            self.members_lost(|way| ways.contains(way));
        }
        ways
    }

    /// Objects in the kernel that may be deleted when their guards die.
    pub(crate) fn shielded(&self) -> impl Iterator<Item = (NhId, GuardSet)> {
        self.members.iter().filter(|(way, m)| way.shielded && m.kernel).map(|(way, m)| (m.id, way.guards))
    }

    /// Groups that wait for their deletion.
    pub(crate) fn dead_groups(&self) -> impl Iterator<Item = &Group> {
        self.dead_groups.iter()
    }

    pub(crate) fn member_id(&self, way: &FibNexthop) -> Option<NhId> {
        self.members.get(way).map(|m| m.id)
    }

    /// A member is not in the kernel after all.
    pub(crate) fn member_lost(&mut self, id: NhId) -> Option<FibNexthop> {
        let (way, member) = self.members.iter_mut().find(|(_, m)| m.id == id)?;
        member.kernel = false;
        Some(*way)
    }

    /// Every id that we believe the kernel has.
    pub(crate) fn ids(&self) -> impl Iterator<Item = NhId> {
        let members = self.members.values().filter(|m| m.kernel).map(|m| m.id);
        let dead = self.dead_groups.iter().filter_map(|g| g.id);
        members.chain(self.groups.keys().copied()).chain(dead)
    }

    pub(crate) fn note_error(&mut self, table: u32, slot: u32, error: FibError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.insert((table, slot), error);
        }
    }
}
