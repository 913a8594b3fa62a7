//! From queued prefixes to the ring: outbound policy, comparison with the record, packing by attributes.

use std::time::{Duration, Instant};

use ferr_bgp_wire::{Push, SessionContext, UpdateWriter, encode_withdrawals};
use ferr_policy::{Action, NexthopOverride, PolicyRoute};
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::{PeerId, Prefix};
use smallvec::SmallVec;

use crate::config::AddPathTx;
use crate::core::{Core, LOCAL_PEER};
use crate::decision::{Candidate, select};
use crate::export::{
    Exported, GroupKey, NexthopRule, default_route, encode, export, nexthop_rule, outbound_nexthop,
    self_nexthop,
};
use crate::family::candidate;
use crate::inbound::prefix_independent;
use crate::local::LocalRoutes;
use crate::peer::LocalAddresses;
use crate::table::{DestId, Path, PathIdx, Table, TablePrefix};

use super::own::{Audience, Filled, Gapped};
use super::{BATCH, BUFFER, Buffer, Encoded, Group, Sent, set_bit};

/// What is said, whom to skip, prefix, path id.
pub(super) type Announcement = (Exported, PeerId, Prefix, u32);

/// A batch being put together.
#[derive(Debug, Default)]
struct Batch {
    announce: Vec<Announcement>,
    /// Source to skip, sole addressee, prefix, path id.
    withdraw: Vec<(PeerId, Option<PeerId>, Prefix, u32)>,
    /// What became of the path before, if that does not depend on its prefix: the next one mostly has the same attributes.
    last: Option<(Path, Option<Exported>)>,
}

impl Group {
    /// Takes a batch of changes to the ring. `force` ignores the ring's limit.
    pub(super) fn fill<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &mut Table<P>,
        local: &LocalRoutes<P>,
        force: bool,
    ) {
        if let Some(next) = self.scan {
            let end = (table.dest_capacity() as u32).min(next + 2 * BATCH as u32);
            for id in next..end {
                if table.is_live(DestId(id)) {
                    self.enqueue(table, DestId(id));
                }
            }
            self.scan = ((end as usize) < table.dest_capacity()).then_some(end);
        }
        let mut batch = Batch::default();
        let count = if force { self.pending.len() } else { BATCH.min(self.pending.len()) };
        for _ in 0..count {
            let Some(dest) = self.pending.pop_front() else { break };
            set_bit(&mut self.queued, dest.0, false);
            let old = self.sent.get(dest);
            let (announced, withdrawn) = (batch.announce.len(), batch.withdraw.len());
            if self.key.add_path.is_some() {
                self.refresh_paths(core, table, local, dest, &mut batch);
            } else {
                self.refresh_best(core, table, local, dest, &mut batch);
            }
            if self.behind > 0 && (announced, withdrawn) != (batch.announce.len(), batch.withdraw.len()) {
                let gone = batch.withdraw.iter().skip(withdrawn).map(|w| w.3);
                let gone: SmallVec<[u32; 2]> = gone.filter(|id| *id != 0).collect();
                self.missed(table, (dest, old), &gone);
            }
            if !self.resend.is_empty() {
                self.resend.remove(&dest);
            }
            table.dest_mut(dest).pins -= 1;
            table.reap(dest);
        }
        forget_last(core, &mut batch);
        self.originate_default(core, table);
        self.write(core, batch);
        // What came before the interval goes out whole; the interval separates it from what follows.
        if self.key.advertisement_interval > 0 && count > 0 && !self.has_work() {
            self.not_before =
                Some(core.now + Duration::from_secs(u64::from(self.key.advertisement_interval)));
        }
    }

    fn refresh_best<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        dest: DestId,
        batch: &mut Batch,
    ) {
        let prefix = table.dest(dest).prefix;
        let old = self.sent.get(dest);
        let best = table.best(dest).copied();
        // Nobody but its own source would get it: neither policy nor a record is needed, until another member joins.
        let best = best.filter(|b| self.members.len() != 1 || !self.members.contains_key(&b.peer));
        let full = self.key.maximum_out.is_some_and(|m| !old.attr.is_some() && self.sent.len() >= m);
        let exported = best.filter(|_| !full).and_then(|b| self.export(core, local, prefix, &b, batch));
        match exported {
            None if old.attr.is_some() => {
                batch.withdraw.push((self.skip_of(old.source), None, prefix.into(), 0));
                core.attrs.release(old.attr);
                self.set_record(dest, Sent::NOTHING);
            }
            None => {}
            Some(new) => {
                let now = Sent { attr: new.attr, source: new.source };
                let told_early = !self.resend.is_empty() && self.resend.contains(&dest);
                if now == old && core.config.suppress_duplicates && !told_early {
                    core.attrs.release(new.attr);
                    return;
                }
                let skip = self.skip_of(new.source);
                if skip != LOCAL_PEER && old.attr.is_some() && old.source != new.source {
                    // The member whose route is the best one now was told another before.
                    batch.withdraw.push((LOCAL_PEER, Some(skip), prefix.into(), 0));
                }
                core.attrs.release(old.attr);
                self.set_record(dest, now);
                batch.announce.push((new, skip, prefix.into(), 0));
            }
        }
    }

    /// [`export`], or what it gave for the path before when this one is the same to it.
    fn export<P: TablePrefix>(
        &self,
        core: &mut Core,
        local: &LocalRoutes<P>,
        prefix: P,
        path: &Path,
        batch: &mut Batch,
    ) -> Option<Exported> {
        let same = |last: &Path| {
            (last.attr, last.peer, last.flags) == (path.attr, path.peer, path.flags)
                && (last.nexthop, last.weight) == (path.nexthop, path.weight)
        };
        if let Some((_, exported)) = batch.last.as_ref().filter(|(last, _)| same(last)) {
            if let Some(exported) = exported {
                core.attrs.retain(exported.attr);
            }
            return *exported;
        }
        let exported = export(core, &self.key, local, prefix, path);
        let fixed = self.key.default_originate.is_none()
            && self.key.advertise.is_none()
            && self.key.filters.route_map.is_none()
            && !local.aggregates.suppresses()
            && prefix_independent(&core.policy, &self.key.filters);
        if fixed {
            // Both the path's attributes and what they became live as long as it is remembered.
            core.attrs.retain(path.attr);
            exported.iter().for_each(|e| core.attrs.retain(e.attr));
            forget_last(core, batch);
            batch.last = Some((*path, exported));
        }
        exported
    }

    fn refresh_paths<P: TablePrefix>(
        &mut self,
        core: &mut Core,
        table: &Table<P>,
        local: &LocalRoutes<P>,
        dest: DestId,
        batch: &mut Batch,
    ) {
        let prefix = table.dest(dest).prefix;
        let mut old = self.sent_paths.remove(&dest).unwrap_or_default();
        let mut new: SmallVec<[(u32, Sent); 2]> = SmallVec::new();
        let told_early = self.resend.contains(&dest);
        for (at, path) in paths_to_send(core, table, dest, self.key.add_path) {
            let Some(exported) = export(core, &self.key, local, prefix, &path) else { continue };
            let id = at.tx_id();
            let sent = Sent { attr: exported.attr, source: exported.source };
            let before = old.iter().position(|(i, _)| *i == id).map(|i| old.swap_remove(i).1);
            new.push((id, sent));
            if before == Some(sent) && !told_early {
                core.attrs.release(exported.attr);
                continue;
            }
            before.into_iter().for_each(|b| core.attrs.release(b.attr));
            batch.announce.push((exported, self.skip_of(exported.source), prefix.into(), id));
        }
        for (id, gone) in old {
            batch.withdraw.push((self.skip_of(gone.source), None, prefix.into(), id));
            core.attrs.release(gone.attr);
        }
        let first = new.first().map_or(Sent::NOTHING, |(_, s)| *s);
        self.set_record(dest, first);
        if !new.is_empty() {
            self.sent_paths.insert(dest, new);
        }
    }

    /// Sends or takes back the default route of `default-originate`.
    fn originate_default<P: TablePrefix>(&mut self, core: &mut Core, table: &Table<P>) {
        let Some(map) = self.key.default_originate.clone() else { return };
        if self.scan.is_some() || self.default_version == Some(table.version) {
            return;
        }
        if map.is_none() && self.default_sent {
            return;
        }
        self.default_version = Some(table.version);
        let wanted = map.is_none_or(|name| {
            let Some(map) = core.policy.route_map(&name) else { return false };
            table.ids_after(None).any(|(prefix, dest)| {
                let attr = table.best(dest).map(|b| b.attr);
                attr.is_some_and(|attr| {
                    let mut route = PolicyRoute::new(prefix.into(), core.attrs.get(attr));
                    map.apply(&core.policy, &mut route) == Action::Permit
                })
            })
        });
        if wanted != self.default_sent {
            let members = || self.members.iter().map(|(peer, member)| (Some(*peer), member.own));
            let to: Vec<_> = if self.own.differ { members().collect() } else { vec![(None, self.own.any)] };
            for (only, own) in to {
                let mut out = Gapped::default();
                self.write_default(core, wanted, &own, &mut out.bytes);
                self.push(core.now, out.encoded(LOCAL_PEER, only, Audience::All));
            }
            self.missed_default();
            self.default_sent = wanted;
        }
    }

    pub(super) fn write_default(&self, core: &Core, announce: bool, own: &LocalAddresses, out: &mut Vec<u8>) {
        let prefix = Prefix::default_route(self.key.family.afi());
        if !announce {
            encode_withdrawals(&self.ctx, self.key.family, [(0, prefix)], out);
        } else if let Some(attrs) = default_route(core, &self.key, own) {
            let mut writer = UpdateWriter::announce(&self.ctx, &attrs, out);
            let _ = writer.push(prefix, 0);
            writer.finish();
        }
    }

    /// Encodes a batch into the ring: withdrawals first, then announcements packed by attributes.
    fn write(&mut self, core: &Core, mut batch: Batch) {
        batch.withdraw.sort_by_key(|w| (w.0, w.1));
        for run in batch.withdraw.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let mut bytes = Vec::with_capacity(BUFFER.min(64 + run.len() * 5));
            encode_withdrawals(&self.ctx, self.key.family, run.iter().map(|w| (w.3, w.2)), &mut bytes);
            let out = Gapped { bytes, ..Gapped::default() };
            self.push(core.now, out.encoded(run[0].0, run[0].1, Audience::All));
        }
        batch.announce.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        for encoded in self.pack(core, &batch.announce) {
            self.push(core.now, encoded);
        }
    }

    /// Encodes announcements, which are sorted by whom to skip and by attributes.
    pub(super) fn pack(&self, core: &Core, announce: &[Announcement]) -> Vec<Encoded> {
        let fresh = || Gapped { bytes: Vec::with_capacity(BUFFER), ..Gapped::default() };
        let mut encoded = Vec::new();
        let mut out = fresh();
        let mut skip = LOCAL_PEER;
        for run in announce.chunk_by(|a, b| a.0 == b.0 && a.1 == b.1) {
            if run[0].1 != skip || out.bytes.len() >= BUFFER {
                encoded.push(std::mem::replace(&mut out, fresh()).encoded(skip, None, Audience::All));
                skip = run[0].1;
            }
            if self.own.differ {
                self.encode_by_link(core, run, &mut out, &mut encoded);
            } else {
                self.encode_run(core, run, &self.own.any, &mut out.bytes);
            }
        }
        encoded.push(out.encoded(skip, None, Audience::All));
        encoded.retain(|e| !e.bytes.is_empty());
        encoded
    }

    /// The same for a run while members have different own addresses: with gaps, and apart for the link of the next hop.
    fn encode_by_link(
        &self,
        core: &Core,
        run: &[Announcement],
        out: &mut Gapped,
        encoded: &mut Vec<Encoded>,
    ) {
        let (exported, skip) = (&run[0].0, run[0].1);
        let stored = core.attrs.get(exported.attr);
        let received = stored.next_hop;
        let rule = nexthop_rule(&self.key, exported, received);
        let own = self_nexthop(&self.key, &exported.nexthop, &self.own.any);
        let mut links = SmallVec::new();
        if let (NexthopRule::OwnOffLink, Some(received)) = (rule, received) {
            let except = self.members.get(&skip).and_then(|m| m.own.link);
            links = self.own.links_with(received.global(), except);
        }
        let Some(next_hop) = (if rule == NexthopRule::Stays { received } else { own }) else { return };
        let over = (rule != NexthopRule::Stays).then_some(exported.nexthop);
        if links.is_empty() {
            return encode_messages(core, (&self.key, &self.ctx), run, (&stored, next_hop), over, out);
        }
        let mut apart = Gapped::default();
        if !self.own.all_on(&links) {
            encode_messages(core, (&self.key, &self.ctx), run, (&stored, next_hop), over, &mut apart);
            encoded.push(std::mem::take(&mut apart).encoded(skip, None, Audience::Off(links.clone())));
        }
        if let Some(received) = received {
            encode_messages(core, (&self.key, &self.ctx), run, (&stored, received), None, &mut apart);
            encoded.push(apart.encoded(skip, None, Audience::On(links)));
        }
    }

    /// Encodes announcements with equal attributes for a member towards which we have these addresses.
    pub(super) fn encode_run(
        &self,
        core: &Core,
        run: &[Announcement],
        own: &LocalAddresses,
        out: &mut Vec<u8>,
    ) {
        let exported = &run[0].0;
        let stored = core.attrs.get(exported.attr);
        let received = stored.next_hop;
        if let Some(next_hop) = outbound_nexthop(&self.key, exported, received, own) {
            let mut gapped = Gapped { bytes: std::mem::take(out), ..Gapped::default() };
            encode_messages(core, (&self.key, &self.ctx), run, (&stored, next_hop), None, &mut gapped);
            *out = gapped.bytes;
        }
    }

    fn push(&mut self, pushed: Instant, encoded: Encoded) {
        let waiting = self.members.len() as u32 - self.behind;
        if !encoded.bytes.is_empty() && waiting > 0 {
            self.ring_bytes += encoded.bytes.len();
            self.ring.push_back(Buffer { filled: Filled::new(encoded), pushed, waiting });
        }
    }
}

fn forget_last(core: &mut Core, batch: &mut Batch) {
    if let Some((path, exported)) = batch.last.take() {
        core.attrs.release(path.attr);
        exported.iter().for_each(|e| core.attrs.release(e.attr));
    }
}

/// Encodes announcements with equal attributes; with `over`, the next hop is an own one and leaves gaps.
fn encode_messages(
    core: &Core,
    (key, ctx): (&GroupKey, &SessionContext),
    run: &[Announcement],
    (stored, next_hop): (&PathAttributes<'_>, BgpNexthop),
    over: Option<NexthopOverride>,
    out: &mut Gapped,
) {
    let Some(attrs) = encode(core, key, &run[0].0, stored, next_hop) else { return };
    let gap = over.zip(attrs.next_hop_at());
    let mut rest = run.iter().peekable();
    while rest.peek().is_some() {
        let start = out.bytes.len();
        let mut writer = UpdateWriter::announce(ctx, &attrs, &mut out.bytes);
        while let Some((_, _, prefix, id)) = rest.peek() {
            if writer.push(*prefix, *id) == Push::Full {
                break;
            }
            rest.next();
        }
        if writer.is_empty() {
            return writer.abandon();
        }
        writer.finish();
        if let Some((over, at)) = gap {
            out.gap(over, start + at);
        }
    }
}

/// Paths of a prefix that may be used.
fn usable_paths<'a, P: TablePrefix>(
    core: &'a Core,
    table: &'a Table<P>,
    dest: DestId,
) -> impl Iterator<Item = (PathIdx, &'a Path)> {
    table.paths(dest).filter(move |(_, p)| p.is_eligible() && core.nexthops.is_usable(p.nexthop))
}

/// Paths of a prefix that a group sends.
pub(super) fn paths_to_send<P: TablePrefix>(
    core: &Core,
    table: &Table<P>,
    dest: DestId,
    mode: Option<AddPathTx>,
) -> SmallVec<[(PathIdx, Path); 2]> {
    let Some(best) = table.best(dest) else { return SmallVec::new() };
    let first = table.dest(dest).first;
    match mode {
        None | Some(AddPathTx::Best) => SmallVec::from_slice(&[(first, *best)]),
        Some(AddPathTx::All) => usable_paths(core, table, dest).map(|(at, p)| (at, *p)).collect(),
        Some(AddPathTx::BestSelected(count)) => {
            let mut candidates: Vec<Candidate<'_>> =
                usable_paths(core, table, dest).map(|(at, path)| candidate(core, at, path)).collect();
            let mut chosen = SmallVec::new();
            while chosen.len() < usize::from(count)
                && let Some(next) = select(&candidates, &core.config.bestpath)
            {
                chosen.push((next.best, *table.path(next.best)));
                candidates.retain(|c| c.at != next.best);
            }
            chosen
        }
        Some(AddPathTx::BestPerAs) => {
            let mut candidates: Vec<Candidate<'_>> =
                usable_paths(core, table, dest).map(|(at, path)| candidate(core, at, path)).collect();
            candidates.sort_by_key(|c| c.key.neighbor_as);
            let groups = candidates.chunk_by(|a, b| a.key.neighbor_as == b.key.neighbor_as);
            let winners = groups.filter_map(|g| select(g, &core.config.bestpath));
            winners.map(|s| (s.best, *table.path(s.best))).collect()
        }
    }
}
