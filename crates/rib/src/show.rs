//! Pictures of the RIB, made on request, in slices of prefix order.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ferr_types::{Afi, NexthopInfo, NexthopReach, NexthopWatch, Prefix, Protocol, TableId, VrfId};

use crate::resolve::{SetData, Way};
use crate::route::Spec;
use crate::table::{Candidate, flag};
use crate::{
    FibError, GroupView, NexthopView, ResolvedWay, Rib, RouteView, Summary, SummaryRow, TrackedView,
};

const fn resolved_way((way, weight): &Way) -> ResolvedWay {
    ResolvedWay { ifindex: way.ifindex, gateway: way.gateway, weight: *weight, onlink: way.onlink }
}

impl Rib {
    /// Routes of a VRF's table in prefix order behind `after`, all candidates of about `limit` prefixes.
    pub fn routes_from(
        &self,
        vrf: VrfId,
        table: Option<TableId>,
        afi: Afi,
        after: Option<Prefix>,
        limit: usize,
    ) -> Vec<RouteView> {
        let Some(t) = self.find_table(vrf, table, afi) else { return Vec::new() };
        let slots = self.tables[t].iter_after(after);
        let live = slots.filter(|slot| self.tables[t].entries[*slot as usize].cand != crate::table::NONE);
        live.take(limit).flat_map(|slot| self.views(t, slot)).collect()
    }

    /// Candidates of one prefix.
    pub fn route(&self, vrf: VrfId, table: Option<TableId>, prefix: Prefix) -> Vec<RouteView> {
        let t = self.find_table(vrf, table, prefix.afi());
        let slot = t.and_then(|t| Some((t, self.tables[t].find(prefix)?)));
        slot.map(|(t, slot)| self.views(t, slot)).unwrap_or_default()
    }

    /// Candidates of the longest prefix that covers `target` and has a candidate.
    pub fn longest_match(&self, vrf: VrfId, table: Option<TableId>, target: Prefix) -> Vec<RouteView> {
        let Some(t) = self.find_table(vrf, table, target.afi()) else { return Vec::new() };
        let table = &self.tables[t];
        let live = |slot: u32| table.entries[slot as usize].cand != crate::table::NONE;
        table.longest_match(target, live).map(|slot| self.views(t, slot)).unwrap_or_default()
    }

    /// Kernel tables of a VRF that hold routes and are not its own.
    pub fn extra_tables(&self, vrf: VrfId, afi: Afi) -> impl Iterator<Item = TableId> {
        self.table_index.keys().filter(move |k| k.vrf == vrf && k.afi == afi).filter_map(|k| k.table)
    }

    fn views(&self, t: usize, slot: u32) -> Vec<RouteView> {
        let selected = self.tables[t].selected(slot);
        self.tables[t]
            .candidates(slot)
            .iter()
            .filter_map(|c| self.view(t, slot, *c, selected == Some(c.spec)))
            .collect()
    }

    fn view(&self, t: usize, slot: u32, candidate: Candidate, selected: bool) -> Option<RouteView> {
        let table = &self.tables[t];
        let entry = &table.entries[slot as usize];
        let spec = self.specs.get(candidate.spec)?;
        let set = self.sets.get(spec.set)?;
        let ours = spec.protocol.kernel_protocol().is_some();
        let installed = selected && (!ours || entry.has(flag::INSTALLED));
        let failed = (selected && ours && entry.has(flag::FAILED))
            .then(|| self.fib.errors.get(&(t as u32, slot)).copied().unwrap_or(FibError::Lost));
        let waiting = entry.has(flag::DIRTY) || entry.inflight() > 0;
        let grouped = ours && !set.resolved.is_empty();
        Some(RouteView {
            vrf: table.key.vrf,
            table: table.key.table.or_else(|| self.vrfs.get(&table.key.vrf).map(|v| v.table)),
            prefix: table.prefix(slot),
            protocol: spec.protocol,
            instance: spec.instance,
            distance: spec.distance,
            metric: spec.metric,
            tag: spec.tag,
            internal: spec.internal,
            selected,
            installed,
            queued: selected && ours && waiting,
            failed,
            since: self.instant(candidate.since),
            source: spec.source,
            nexthops: self.nexthop_views(spec, set, installed),
            nhg: set.group.id.filter(|_| grouped && selected),
        })
    }

    fn nexthop_views(&self, spec: &Spec, set: &SetData, installed: bool) -> Vec<NexthopView> {
        let of_way = |given: &ferr_types::Nexthop| {
            let mut resolved = Vec::new();
            let blackhole = self.resolve_way(given, &set.key, true, |way| resolved.push(resolved_way(&way)));
            let direct = match given.gateway {
                ferr_types::Gateway::Address { addr, .. } => {
                    let found = self.resolver.find(given.vrf, addr).and_then(|t| self.resolver.get(t));
                    found.is_none_or(|t| t.connected || t.matched.is_none())
                        || crate::resolve::is_link_local(addr)
                }
                _ => true,
            };
            let in_set = |way: &ResolvedWay| {
                set.resolved.iter().any(|(w, _)| w.ifindex == way.ifindex && w.gateway == way.gateway)
            };
            let active = blackhole.is_some() || !resolved.is_empty();
            NexthopView {
                given: *given,
                active: active && spec.distance.0 < 255,
                fib: installed && (blackhole.is_some() || resolved.iter().any(in_set)),
                recursive: active && !direct,
                resolved,
                blackhole,
            }
        };
        set.key.ways.iter().map(of_way).collect()
    }

    /// Counts for `show ip route summary`.
    pub fn summary(&self, vrf: VrfId, table: Option<TableId>, afi: Afi) -> Summary {
        let mut rows = [SummaryRow::default(); Protocol::ALL.len()];
        let mut ibgp = SummaryRow::default();
        let Some(t) = self.find_table(vrf, table, afi) else { return Summary::default() };
        for (id, counts) in self.tables[t].counts_by_spec().into_iter().enumerate() {
            let Some(spec) = self.specs.get(id as u32).filter(|_| counts.routes > 0) else { continue };
            let row = if spec.internal && spec.protocol == Protocol::Bgp {
                &mut ibgp
            } else {
                &mut rows[spec.protocol as usize]
            };
            let ours = spec.protocol.kernel_protocol().is_some();
            row.rib += counts.routes;
            row.fib += if ours { counts.installed } else { counts.selected };
        }
        let rows = Protocol::ALL.into_iter().zip(rows).filter(|(_, r)| r.rib > 0).collect();
        Summary { rows, ibgp }
    }

    /// Next-hop groups, in no particular order.
    pub fn groups(&self) -> Vec<GroupView> {
        let members = |set: &SetData| {
            set.resolved.iter().map(|way| (self.fib.member_id(&way.0), resolved_way(way))).collect()
        };
        self.sets
            .iter()
            .map(|(id, set)| GroupView {
                id: set.group.id.filter(|_| set.group.kernel),
                references: self.sets.refs(id),
                valid: set.active(),
                installed: set.group.acked,
                members: members(set),
            })
            .collect()
    }

    /// Tracked next hops that somebody watches or that static routes go by, in order of address (`show ip nht`).
    pub fn tracked(&self, vrf: VrfId, afi: Afi) -> Vec<TrackedView> {
        let Some(map) = self.resolver.index.get(&vrf) else { return Vec::new() };
        let statics = self.specs.iter().filter(|(_, spec)| spec.protocol == Protocol::Static);
        let statics: BTreeSet<u32> = statics.map(|(_, spec)| spec.set).collect();
        map.iter_after(afi, None)
            .filter_map(|(target, id)| {
                let tracked = self.resolver.get(*id)?;
                let by_static = tracked.sets.iter().any(|set| statics.contains(set));
                let watch = NexthopWatch { vrf, target, exact: false };
                let info = NexthopInfo { watch, via: self.answer(watch) };
                let view = TrackedView { info, owners: tracked.owners.clone(), by_static };
                (by_static || !view.owners.is_empty()).then_some(view)
            })
            .collect()
    }

    /// How an address is reached now, and since when the route towards it stands. Nothing is remembered.
    pub fn look_up(&mut self, vrf: VrfId, addr: IpAddr) -> Option<(NexthopReach, Instant)> {
        let id = self.track(vrf, addr);
        let reach = self.answer(NexthopWatch { vrf, target: Prefix::host(addr), exact: false });
        self.untrack(id);
        let reach = reach?;
        let t = self.find_table(vrf, None, reach.prefix.afi())?;
        let slot = self.tables[t].find(reach.prefix)?;
        let selected = self.tables[t].selected(slot);
        let route = self.tables[t].candidates(slot).into_iter().find(|c| Some(c.spec) == selected)?;
        let since = self.instant(route.since);
        Some((reach, since))
    }

    /// Watched networks (`show ip import-check`).
    pub fn import_checks(&self, vrf: VrfId, afi: Afi) -> Vec<TrackedView> {
        self.resolver
            .exact
            .iter()
            .filter(|((v, prefix), _)| *v == vrf && prefix.afi() == afi)
            .map(|((vrf, target), watch)| {
                let question = NexthopWatch { vrf: *vrf, target: *target, exact: true };
                let info = NexthopInfo { watch: question, via: self.answer(question) };
                TrackedView { info, owners: watch.owners.clone(), by_static: false }
            })
            .collect()
    }

    /// Number of prefixes in all tables.
    pub fn prefixes(&self) -> usize {
        self.tables.iter().map(crate::table::Table::len).sum()
    }

    pub(crate) fn seconds(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.epoch).as_secs().try_into().unwrap_or(u32::MAX)
    }

    fn instant(&self, seconds: u32) -> Instant {
        self.epoch + Duration::from_secs(seconds.into())
    }
}
