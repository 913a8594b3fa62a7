//! Compiled route-maps and their evaluation.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferr_types::aspath::SegmentKind;
use ferr_types::attr::{BgpNexthop, Origin};
use ferr_types::{Afi, Asn, Prefix, Protocol};

use crate::compile::PolicySet;
use crate::def::{Flow, ListKind, Match, NexthopChange, RouteMapDef, RouteMapEntryDef, Set};
use crate::lists::{
    AccessList, AsPathList, CommunityList, ExtCommunityList, LargeCommunityList, PrefixList, host_of,
};
use crate::{Action, PolicyRoute, RpkiState};

/// Deepest nesting of `call`; deeper counts as deny, as a route-map that calls itself does.
const MAX_CALL_DEPTH: u8 = 16;

/// Test of an address or prefix. A list that is not defined holds for nothing.
#[derive(Debug)]
enum AddressTest {
    Access(Option<Arc<AccessList>>),
    Prefix(Option<Arc<PrefixList>>),
    Length(u8),
    Address(IpAddr),
}

impl AddressTest {
    fn new(kind: &ListKind, afi: Afi, set: &PolicySet) -> Self {
        match kind {
            ListKind::Access(name) => Self::Access(set.access_list(afi, name).cloned()),
            ListKind::Prefix(name) => Self::Prefix(set.prefix_list(afi, name).cloned()),
            ListKind::Length(len) => Self::Length(*len),
            ListKind::Address(addr) => Self::Address(*addr),
        }
    }

    fn holds(&self, prefix: Prefix) -> bool {
        match self {
            Self::Access(list) => list.as_ref().is_some_and(|l| l.evaluate(prefix) == Action::Permit),
            Self::Prefix(list) => list.as_ref().is_some_and(|l| l.evaluate(prefix) == Action::Permit),
            Self::Length(len) => prefix.len() == *len,
            Self::Address(addr) => prefix == Prefix::host(*addr),
        }
    }
}

#[derive(Debug)]
enum Test {
    Address(Afi, AddressTest),
    Nexthop(Afi, AddressTest),
    NexthopBlackhole(Afi),
    RouteSource(AddressTest),
    AsPath(Option<Arc<AsPathList>>),
    Community(Option<Arc<CommunityList>>, bool),
    LargeCommunity(Option<Arc<LargeCommunityList>>, bool),
    ExtCommunity(Option<Arc<ExtCommunityList>>),
    LocalPreference(u32),
    Origin(Origin),
    Metric(u32),
    Tag(u32),
    Peer(IpAddr),
    Interface(String),
    PeerLocal,
    SourceProtocol(Protocol),
    SourceVrf(String),
    Rpki(RpkiState),
    Probability(u8),
    Never,
}

impl Test {
    fn new(m: &Match, set: &PolicySet) -> Self {
        match m {
            Match::Address(afi, kind) => Self::Address(*afi, AddressTest::new(kind, *afi, set)),
            Match::Nexthop(afi, kind) => Self::Nexthop(*afi, AddressTest::new(kind, *afi, set)),
            Match::NexthopBlackhole(afi) => Self::NexthopBlackhole(*afi),
            Match::RouteSource(kind) => Self::RouteSource(AddressTest::new(kind, Afi::Ipv4, set)),
            Match::AsPath(name) => Self::AsPath(set.as_path_list(name).cloned()),
            Match::Community { list, exact } => {
                Self::Community(set.community_lists.get(list).cloned(), *exact)
            }
            Match::LargeCommunity { list, exact } => {
                Self::LargeCommunity(set.large_community_lists.get(list).cloned(), *exact)
            }
            Match::ExtCommunity(name) => Self::ExtCommunity(set.ext_community_lists.get(name).cloned()),
            Match::LocalPreference(v) => Self::LocalPreference(*v),
            Match::Origin(v) => Self::Origin(*v),
            Match::Metric(v) => Self::Metric(*v),
            Match::Tag(v) => Self::Tag(*v),
            Match::Peer(v) => Self::Peer(*v),
            Match::Interface(v) => Self::Interface(v.clone()),
            Match::PeerLocal => Self::PeerLocal,
            Match::SourceProtocol(v) => Self::SourceProtocol(*v),
            Match::SourceVrf(v) => Self::SourceVrf(v.clone()),
            Match::Rpki(v) => Self::Rpki(*v),
            Match::Probability(v) => Self::Probability(*v),
            Match::Never => Self::Never,
        }
    }

    fn holds(&self, route: &PolicyRoute<'_>) -> bool {
        match self {
            Self::Address(afi, test) => route.prefix.afi() == *afi && test.holds(route.prefix),
            Self::Nexthop(afi, test) => nexthop_prefix(route, *afi).is_some_and(|p| test.holds(p)),
            Self::NexthopBlackhole(afi) => route.prefix.afi() == *afi && route.blackhole,
            Self::RouteSource(test) => {
                route.peer.and_then(|p| host_of(p, Afi::Ipv4)).is_some_and(|p| test.holds(p))
            }
            Self::AsPath(list) => {
                list.as_ref().is_some_and(|l| l.evaluate(route.as_path()) == Action::Permit)
            }
            Self::Community(list, exact) => {
                list.as_ref().is_some_and(|l| l.evaluate(route.communities(), *exact) == Action::Permit)
            }
            Self::LargeCommunity(list, exact) => {
                list.as_ref().is_some_and(|l| l.evaluate(route.large_communities(), *exact) == Action::Permit)
            }
            Self::ExtCommunity(list) => {
                list.as_ref().is_some_and(|l| l.evaluate(route.ext_communities()) == Action::Permit)
            }
            Self::LocalPreference(v) => route.attributes.local_pref == Some(*v),
            Self::Origin(v) => route.attributes.origin == *v,
            Self::Metric(v) => route.attributes.med.unwrap_or(0) == *v,
            Self::Tag(v) => route.tag == *v,
            Self::Peer(v) => route.peer == Some(*v),
            Self::Interface(name) => route.interface_name == Some(name),
            Self::PeerLocal => route.local,
            Self::SourceProtocol(v) => route.source_protocol == Some(*v),
            Self::SourceVrf(name) => route.source_vrf == Some(name),
            Self::Rpki(v) => route.rpki == Some(*v),
            Self::Probability(percent) => route.dice < *percent,
            Self::Never => false,
        }
    }

    /// Whether the answer may differ between two prefixes with the same attributes from the same peer.
    fn depends_on_prefix(&self) -> bool {
        matches!(
            self,
            Self::Address(..)
                | Self::NexthopBlackhole(_)
                | Self::Tag(_)
                | Self::Interface(_)
                | Self::PeerLocal
                | Self::SourceProtocol(_)
                | Self::SourceVrf(_)
                | Self::Rpki(_)
                | Self::Probability(_)
        )
    }
}

fn nexthop_prefix(route: &PolicyRoute<'_>, afi: Afi) -> Option<Prefix> {
    host_of(route.attributes.next_hop?.global(), afi)
}

#[derive(Debug)]
enum Change {
    Plain(Set),
    DeleteCommunities(Option<Arc<CommunityList>>),
    DeleteLargeCommunities(Option<Arc<LargeCommunityList>>),
}

impl Change {
    fn new(set: &Set, policy: &PolicySet) -> Self {
        match set {
            Set::CommunitiesDelete(name) => {
                Self::DeleteCommunities(policy.community_lists.get(name).cloned())
            }
            Set::LargeCommunitiesDelete(name) => {
                Self::DeleteLargeCommunities(policy.large_community_lists.get(name).cloned())
            }
            other => Self::Plain(other.clone()),
        }
    }

    fn apply(&self, route: &mut PolicyRoute<'_>) {
        match self {
            Self::Plain(set) => apply_set(set, route),
            Self::DeleteCommunities(Some(list)) => {
                let kept = route.communities().iter().filter(|c| !list.permits_value(*c));
                let kept: Vec<u8> = kept.flat_map(|c| c.0.to_be_bytes()).collect();
                replace_communities(route, kept);
            }
            Self::DeleteLargeCommunities(Some(list)) => {
                let kept = route.large_communities().iter().filter(|c| !list.permits_value(*c));
                let kept: Vec<u8> = kept.flat_map(|c| c.to_bytes()).collect();
                route.edits.large_communities = Some(kept);
                route.changed = true;
            }
            Self::DeleteCommunities(None) | Self::DeleteLargeCommunities(None) => {}
        }
    }
}

fn replace_communities(route: &mut PolicyRoute<'_>, bytes: Vec<u8>) {
    route.edits.communities = Some(bytes);
    route.changed = true;
}

fn apply_set(set: &Set, route: &mut PolicyRoute<'_>) {
    match set {
        Set::Weight(v) => return route.weight = Some(*v),
        Set::Tag(v) => return route.tag = *v,
        Set::Distance(v) => return route.distance = Some(*v),
        Set::Table(v) => return route.table = Some(*v),
        Set::Source(v) => return route.source = Some(*v),
        Set::Nexthop(change) => apply_nexthop(*change, route),
        Set::LocalPreference(change) => {
            route.attributes.local_pref = Some(change.apply(route.attributes.local_pref.unwrap_or(100)));
        }
        Set::ForwardingAddress(addr) => return route.forwarding = Some(*addr),
        Set::MetricType(kind) => return route.metric_type = Some(*kind),
        Set::Metric(change) => {
            route.metric_set = true;
            route.attributes.med = Some(change.apply(route.attributes.med.unwrap_or(0)));
        }
        Set::Origin(v) => route.attributes.origin = *v,
        Set::AigpMetric(value) => match value.or(route.igp_metric) {
            Some(metric) => route.attributes.aigp = Some(metric.into()),
            None => return,
        },
        Set::Aggregator(v) => route.attributes.aggregator = Some(*v),
        Set::AtomicAggregate => route.attributes.atomic_aggregate = true,
        Set::OriginatorId(v) => route.attributes.originator_id = Some(*v),
        _ => apply_variable(set, route),
    }
    route.changed = true;
}

/// Changes of attributes of variable length.
fn apply_variable(set: &Set, route: &mut PolicyRoute<'_>) {
    match set {
        Set::AsPathPrepend(asns) => route.as_path_mut().prepend(SegmentKind::Sequence, asns),
        Set::AsPathPrependLast(times) => {
            if let Some(first) = route.as_path().neighbor_as() {
                route.as_path_mut().prepend(SegmentKind::Sequence, &vec![first; usize::from(*times)]);
            }
        }
        Set::AsPathExclude(asns) => route.as_path_mut().map(|a| (!asns.contains(&a)).then_some(a)),
        Set::AsPathReplace(which) => {
            let local: Asn = route.local_as;
            route.as_path_mut().map(|a| Some(if which.is_none_or(|w| w == a) { local } else { a }));
        }
        Set::Communities { values, additive } => {
            let mut all: Vec<_> = if *additive { route.communities().iter().collect() } else { Vec::new() };
            all.extend(values);
            all.sort_unstable();
            all.dedup();
            route.edits.communities = Some(all.iter().flat_map(|c| c.0.to_be_bytes()).collect());
        }
        Set::CommunitiesNone => route.edits.communities = Some(Vec::new()),
        Set::LargeCommunities { values, additive } => {
            let mut all: Vec<_> =
                if *additive { route.large_communities().iter().collect() } else { Vec::new() };
            all.extend(values);
            all.sort_unstable();
            all.dedup();
            route.edits.large_communities = Some(all.iter().flat_map(|c| c.to_bytes()).collect());
        }
        Set::LargeCommunitiesNone => route.edits.large_communities = Some(Vec::new()),
        Set::ExtCommunities(values) => {
            let mut all: Vec<_> = route.ext_communities().iter().collect();
            all.extend(values.iter().filter(|v| !route.ext_communities().contains(**v)));
            all.sort_unstable();
            route.edits.ext_communities = Some(all.iter().flat_map(|c| c.0).collect());
        }
        Set::ExtCommunitiesNone => route.edits.ext_communities = Some(Vec::new()),
        _ => {}
    }
}

fn apply_nexthop(change: NexthopChange, route: &mut PolicyRoute<'_>) {
    let over = &mut route.nexthop;
    match change {
        NexthopChange::V4(addr) => {
            over.v4 = Some(addr);
            if route.prefix.afi() == Afi::Ipv4 {
                route.attributes.next_hop = Some(BgpNexthop::V4(addr));
            }
        }
        NexthopChange::V6Global(addr) => over.v6_global = Some(addr),
        NexthopChange::V6LinkLocal(addr) => over.v6_link_local = Some(addr),
        NexthopChange::PeerAddress => over.peer_address = true,
        NexthopChange::Unchanged => over.unchanged = true,
        NexthopChange::V6PreferGlobal => over.prefer_global = true,
    }
    if let Some(BgpNexthop::V6 { global, link_local }) = &mut route.attributes.next_hop {
        *global = over.v6_global.unwrap_or(*global);
        *link_local = over.v6_link_local.or(*link_local);
    }
}

#[derive(Debug)]
struct Entry {
    seq: u32,
    action: Action,
    tests: Vec<Test>,
    changes: Vec<Change>,
    call: Option<String>,
    flow: Flow,
    hits: AtomicU64,
}

/// Compiled route-map.
#[derive(Debug)]
pub struct RouteMap {
    entries: Vec<Entry>,
    invoked: AtomicU64,
    depends_on_prefix: bool,
}

impl RouteMap {
    /// Compiles a definition whose entries are in sequence order.
    pub(crate) fn new(def: &RouteMapDef, set: &PolicySet) -> Self {
        let entry = |e: &RouteMapEntryDef| Entry {
            seq: e.seq,
            action: e.action,
            tests: e.matches.iter().map(|m| Test::new(m, set)).collect(),
            changes: e.sets.iter().map(|s| Change::new(s, set)).collect(),
            call: e.call.clone(),
            flow: e.flow,
            hits: AtomicU64::new(0),
        };
        let entries: Vec<Entry> = def.entries.iter().map(entry).collect();
        // A called map is looked up by name at run time, so what it tests is not known here.
        let depends_on_prefix =
            entries.iter().any(|e| e.call.is_some() || e.tests.iter().any(Test::depends_on_prefix));
        Self { entries, invoked: AtomicU64::new(0), depends_on_prefix }
    }

    /// Whether two prefixes with equal attributes may be treated differently; if not, one result serves all.
    pub fn depends_on_prefix(&self) -> bool {
        self.depends_on_prefix
    }

    /// Runs the map over `route`, which carries the changes of a permit afterwards. After a deny its changes are
    /// meaningless.
    pub fn apply(&self, set: &PolicySet, route: &mut PolicyRoute<'_>) -> Action {
        self.run(set, route, 0)
    }

    fn run(&self, set: &PolicySet, route: &mut PolicyRoute<'_>, depth: u8) -> Action {
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let mut at = 0;
        let mut permitted = false;
        // `at` only grows, so the loop ends after at most one visit of each entry.
        while let Some(entry) = self.entries.get(at) {
            at += 1;
            if !entry.tests.iter().all(|t| t.holds(route)) {
                continue;
            }
            entry.hits.fetch_add(1, Ordering::Relaxed);
            if entry.action == Action::Deny {
                return Action::Deny;
            }
            entry.changes.iter().for_each(|c| c.apply(route));
            if let Some(name) = &entry.call {
                let called = set.route_map(name).filter(|_| depth < MAX_CALL_DEPTH);
                if called.is_none_or(|map| map.run(set, route, depth + 1) == Action::Deny) {
                    return Action::Deny;
                }
            }
            permitted = true;
            match entry.flow {
                Flow::Exit => return Action::Permit,
                Flow::Next => {}
                Flow::Goto(seq) => at = self.first_from(seq, at),
            }
        }
        // Running off the end after a permit entry that went on is a permit: what it said stands.
        if permitted { Action::Permit } else { Action::Deny }
    }

    fn first_from(&self, seq: u32, behind: usize) -> usize {
        self.entries.iter().position(|e| e.seq >= seq).unwrap_or(self.entries.len()).max(behind)
    }

    /// How often the map was run, and how often each entry matched, by sequence number.
    pub fn counters(&self) -> (u64, impl Iterator<Item = (u32, u64)>) {
        let hits = self.entries.iter().map(|e| (e.seq, e.hits.load(Ordering::Relaxed)));
        (self.invoked.load(Ordering::Relaxed), hits)
    }

    /// Sets all counters to zero.
    pub fn clear_counters(&self) {
        self.invoked.store(0, Ordering::Relaxed);
        self.entries.iter().for_each(|e| e.hits.store(0, Ordering::Relaxed));
    }
}
