//! Pictures for `show`: copies of single things and slices of tables, never of a whole table.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_bgp_wire::{Open, PeerKind};
use ferr_types::attr::PathAttributes;
use ferr_types::{Asn, Family, PeerId, Prefix, RouterId};
use smallvec::SmallVec;

use crate::attrs::AttrId;
use crate::bfd::BfdHold;
use crate::config::NeighborConfig;
use crate::core::LOCAL_PEER;
use crate::damping::DampingView;
use crate::decision::Reason;
use crate::down::DownReason;
use crate::export::{encode, export, outbound_nexthop, shown};
use crate::family::FamilyState;
use crate::fsm::State;
use crate::group::{GroupId, kind_name};
use crate::instance::Instance;
use crate::leak::ImportSource;
use crate::nexthop::NexthopView;
use crate::peer::Counters;
use crate::table::{DestId, Path, PathIdx, TablePrefix, flag};

/// Octets of attributes that a view holds itself: those of nearly all routes.
const INLINE_BLOCK: usize = 96;
const _: () = assert!(
    size_of::<DestView>() <= 256,
    "one per prefix of a slice, written by one thread and read by another"
);

/// One instance in a line.
#[derive(Debug, Clone)]
pub struct SummaryView {
    /// Own identifier.
    pub router_id: RouterId,
    /// Own AS.
    pub asn: Asn,
    /// Changes of best paths so far.
    pub table_version: u32,
    /// Prefixes.
    pub prefixes: usize,
    /// Paths.
    pub paths: usize,
    /// Attribute sets.
    pub attribute_sets: usize,
}

/// A neighbor's part of a family.
#[derive(Debug, Clone, Default)]
pub struct PeerFamilyView {
    /// Accepted prefixes.
    pub accepted: u32,
    /// Prefixes kept although refused.
    pub filtered: u32,
    /// Prefixes sent.
    pub sent: u32,
    /// Update group.
    pub group: Option<u32>,
    /// Exchanged in this session.
    pub negotiated: bool,
    /// The condition of its `advertise-map` keeps routes back.
    pub withheld: bool,
    /// eBGP without policy: nothing passes.
    pub policy_missing: bool,
    /// End-of-RIB came.
    pub eor_received: bool,
    /// End-of-RIB went out.
    pub eor_sent: bool,
}

/// A neighbor.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// Number.
    pub id: PeerId,
    /// Configuration.
    pub config: Arc<NeighborConfig>,
    /// State.
    pub state: State,
    /// Relation (`external`, `internal`, `confed-external`).
    pub kind: &'static str,
    /// AS shown to it.
    pub local_as: Asn,
    /// Its AS, configured or learnt.
    pub remote_as: Option<Asn>,
    /// Its identifier.
    pub router_id: RouterId,
    /// Its host name.
    pub hostname: Option<String>,
    /// Since when it is up.
    pub established: Option<Instant>,
    /// Last end of a session.
    pub last_reset: Option<(Instant, DownReason)>,
    /// Since when it is not up, if it ever was.
    pub counters: Counters,
    /// Sessions that came up.
    pub established_count: u32,
    /// Sessions that went down.
    pub dropped_count: u32,
    /// Local and remote end.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// Own addresses used as next hop.
    pub addresses: crate::peer::LocalAddresses,
    /// Negotiated hold and keepalive times.
    pub times: Option<(Duration, Duration)>,
    /// OPENs of the session.
    pub opens: Option<(Arc<Open>, Arc<Open>)>,
    /// Last message from it.
    pub last_read: Option<Instant>,
    /// Last message to it.
    pub last_write: Option<Instant>,
    /// Next attempt to connect.
    pub next_attempt: Option<Instant>,
    /// Down because of too many prefixes.
    pub prefix_limit: bool,
    /// Held back until BFD is up.
    pub bfd_hold: Option<BfdHold>,
    /// Messages waiting to be sent.
    pub out_queue: usize,
    /// Per family, `None` where not activated.
    pub families: ferr_types::FamilyMap<Option<PeerFamilyView>>,
}

/// Who told a path; the paths of one answer share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSource {
    /// Name of the neighbor, `None` for this router.
    pub name: Option<String>,
    /// Its address.
    pub addr: Option<IpAddr>,
    /// Its identifier, or the own one.
    pub router_id: RouterId,
    /// Its host name.
    pub hostname: Option<String>,
}

/// An owned path. Views are made by the thread that routes and read by another one: what most paths have is in the view itself,
/// so that making one takes no memory of its own, and what few have is behind a pointer.
#[derive(Debug, Clone)]
pub struct PathView {
    /// Canonical attribute block; [`Self::attributes`] reads it.
    block: SmallVec<[u8; INLINE_BLOCK]>,
    /// Source.
    pub peer: PeerId,
    /// What is known of it.
    pub source: Arc<PathSource>,
    /// Path identifier received.
    pub path_id: u32,
    /// Weight.
    pub weight: u16,
    /// Selected.
    pub best: bool,
    /// Shares the load.
    pub multipath: bool,
    /// Eligible.
    pub valid: bool,
    /// Next hop can be reached.
    pub accessible: bool,
    /// Cost to the next hop.
    pub igp_metric: u32,
    /// Refused by inbound policy.
    pub filtered: bool,
    /// Of a restarting peer.
    pub stale: bool,
    /// Made here, or taken from another VRF's instance.
    pub local: bool,
    /// Made by a `network` statement.
    pub network: bool,
    /// Learnt from a route-reflector client.
    pub client: bool,
    /// Tag of the route that was redistributed.
    pub tag: Option<u32>,
    /// Aggregate made here.
    pub aggregated: bool,
    /// Hidden by an aggregate.
    pub suppressed: bool,
    /// Learnt from an internal peer.
    pub internal: bool,
    /// Held back because it flaps.
    pub damped: bool,
    /// Withdrawn, and remembered because it flaps.
    pub history: bool,
    /// How it flapped.
    pub damping: Option<Box<DampingView>>,
    /// Taken from another VRF's instance.
    pub imported: Option<Box<ImportSource>>,
    /// Since when.
    pub since: Instant,
}

impl PathView {
    /// The attributes.
    pub fn attributes(&self) -> PathAttributes<'_> {
        ferr_bgp_wire::decode_attributes_canonical(&self.block).unwrap_or_default()
    }
}

/// A prefix with its paths.
#[derive(Debug, Clone)]
pub struct DestView {
    /// The prefix.
    pub prefix: Prefix,
    /// Version of its last change.
    pub version: u32,
    /// Step that decided.
    pub reason: Reason,
    /// Paths, the best first.
    pub paths: SmallVec<[PathView; 1]>,
}

/// A route as a neighbor was sent it.
#[derive(Debug, Clone)]
pub struct AdvertisedView {
    /// The prefix.
    pub prefix: Prefix,
    /// The path behind it; attributes after outbound policy.
    pub path: PathView,
}

/// An update group.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// Number.
    pub id: GroupId,
    /// Relation of its members.
    pub kind: &'static str,
    /// Outbound route-map.
    pub route_map: Option<String>,
    /// Members.
    pub members: Vec<PeerId>,
    /// Those who were left behind because they do not read, in this order.
    pub behind: Vec<PeerId>,
    /// Octets that wait for members; what several wait for counts once for each who was left behind.
    pub waiting: usize,
}

/// Counts of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FamilyView {
    /// Prefixes.
    pub prefixes: usize,
    /// Paths.
    pub paths: usize,
    /// Changes of best paths so far.
    pub version: u32,
}

/// Which paths are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteFilter {
    /// All that inbound policy accepted.
    All,
    /// Accepted from one peer.
    From(PeerId),
    /// What one peer sent, refused or not (needs soft reconfiguration).
    ReceivedFrom(PeerId),
    /// Refused from one peer.
    RefusedFrom(PeerId),
}

impl Instance {
    /// Summary of a family.
    pub fn summary(&mut self, family: Family) -> SummaryView {
        let view = self.family(family);
        SummaryView {
            router_id: self.core.config.router_id,
            asn: self.core.config.asn,
            table_version: view.version,
            prefixes: view.prefixes,
            paths: view.paths,
            attribute_sets: self.core.attrs.len(),
        }
    }

    /// Counts of a family.
    pub fn family(&mut self, family: Family) -> FamilyView {
        with_family!(self, family, |f| FamilyView {
            prefixes: f.table.len(),
            paths: f.table.path_count(),
            version: f.table.version,
        })
    }

    /// All neighbors.
    pub fn peer_views(&mut self) -> Vec<PeerView> {
        let ids: Vec<PeerId> = self.neighbors().map(|(id, _)| id).collect();
        ids.into_iter().filter_map(|id| self.peer_view(id)).collect()
    }

    /// One neighbor.
    pub fn peer_view(&mut self, id: PeerId) -> Option<PeerView> {
        let families = ferr_types::FamilyMap::from_fn(|family| self.peer_family(id, family));
        let peer = self.core.peers.get(id)?;
        let session = peer.session.as_ref();
        let configured = match peer.config.remote_as {
            crate::config::RemoteAs::Asn(asn) => Some(asn),
            crate::config::RemoteAs::Internal => Some(self.core.config.asn),
            crate::config::RemoteAs::External | crate::config::RemoteAs::Auto => None,
        };
        let remote_as = session.map(|s| s.asn).or(configured);
        Some(PeerView {
            id,
            config: Arc::clone(&peer.config),
            state: peer.state(),
            kind: kind_name(self.core.kind(&peer.config, remote_as)),
            local_as: self.core.local_as(&peer.config),
            remote_as,
            router_id: peer.router_id(),
            hostname: peer.hostname(),
            established: session.map(|s| s.since),
            last_reset: peer.last_reset.clone(),
            counters: peer.counters,
            established_count: peer.established_count,
            dropped_count: peer.dropped_count,
            ends: session.map(|s| s.ends).or_else(|| peer.fsm.endpoints()),
            addresses: session.map(|s| s.addresses).unwrap_or_default(),
            times: peer.fsm.negotiated_times(),
            opens: session.map(|s| (Arc::clone(&s.local_open), Arc::clone(&s.remote_open))),
            last_read: peer.last_read,
            last_write: peer.last_write,
            next_attempt: peer.fsm.next_attempt(),
            prefix_limit: peer.prefix_limit_hold.is_some(),
            bfd_hold: peer.bfd_hold,
            out_queue: peer.control.len(),
            families,
        })
    }

    fn peer_family(&mut self, id: PeerId, family: Family) -> Option<PeerFamilyView> {
        let peer = self.core.peers.get(id)?;
        let config = peer.config.families[family].as_ref()?;
        let group = peer.groups[family];
        let external = self.core.kind(&peer.config, peer.session.as_ref().map(|s| s.asn)) == PeerKind::Ebgp;
        let missing = external
            && self.core.config.ebgp_requires_policy
            && !(config.filters_in.any() && config.filters_out.any());
        let counters = peer.families[family];
        let view = PeerFamilyView {
            accepted: counters.accepted,
            filtered: counters.filtered,
            sent: 0,
            group: group.map(GroupId::number),
            negotiated: peer.negotiated(family),
            withheld: config.advertise_map.as_ref().is_some_and(|c| self.core.is_withheld(family, c)),
            policy_missing: missing,
            eor_received: peer.eor_received.contains(family),
            eor_sent: peer.eor_sent.contains(family),
        };
        let sent = with_family!(self, family, |f| {
            group.and_then(|g| f.groups.get(g)).map_or(0, |g| g.sent_to(id))
        });
        Some(PeerFamilyView { sent, ..view })
    }

    /// Up to `limit` prefixes behind `after`, in order; a cursor goes on from the last one. Prefixes of which `filter` leaves
    /// no path are skipped, and count towards the slice so that it stays short.
    pub fn routes(
        &mut self,
        family: Family,
        after: Option<Prefix>,
        limit: usize,
        filter: &RouteFilter,
    ) -> (Vec<DestView>, Option<Prefix>) {
        let core = &self.core;
        with_family!(self, family, |f| f.slice(core, after, limit, filter))
    }

    /// One prefix.
    pub fn route(&mut self, family: Family, prefix: Prefix) -> Option<DestView> {
        let core = &self.core;
        with_family!(self, family, |f| {
            let id = f.table.find(TablePrefix::from_prefix(prefix)?)?;
            Some(f.dest_view(core, &mut Sources::default(), id, &RouteFilter::All))
                .filter(|d| !d.paths.is_empty())
        })
    }

    /// The most specific prefix around `addr` that has paths.
    pub fn route_for(&mut self, family: Family, addr: IpAddr) -> Option<DestView> {
        let core = &self.core;
        with_family!(self, family, |f| {
            let id = f.table.longest_match(TablePrefix::from_prefix(Prefix::host(addr))?)?;
            Some(f.dest_view(core, &mut Sources::default(), id, &RouteFilter::All))
                .filter(|d| !d.paths.is_empty())
        })
    }

    /// Established peers that were sent a prefix.
    pub fn advertised_to(&mut self, family: Family, prefix: Prefix) -> Vec<PeerId> {
        let core = &self.core;
        with_family!(self, family, |f| {
            let Some(id) = TablePrefix::from_prefix(prefix).and_then(|p| f.table.find(p)) else {
                return Vec::new();
            };
            let was_sent = |p: &&crate::peer::Peer| {
                let group = p.groups[family].and_then(|g| f.groups.get(g));
                group.is_some_and(|g| g.was_sent(id, p.id))
            };
            core.peers.iter().filter(was_sent).map(|p| p.id).collect()
        })
    }

    /// What a peer was sent, like [`Self::routes`].
    pub fn advertised(
        &mut self,
        peer: PeerId,
        family: Family,
        after: Option<Prefix>,
        limit: usize,
    ) -> (Vec<AdvertisedView>, Option<Prefix>) {
        let Some(group) = self.core.peers.get(peer).and_then(|p| p.groups[family]) else {
            return (Vec::new(), None);
        };
        let core = &mut self.core;
        with_family!(self, family, |f| f.advertised_slice(core, (peer, group), after, limit))
    }

    /// Update groups of a family.
    pub fn groups(&mut self, family: Family) -> Vec<GroupView> {
        with_family!(self, family, |f| f
            .groups
            .iter()
            .map(|(id, g)| GroupView {
                id,
                kind: kind_name(g.key.kind),
                route_map: g.key.filters.route_map.clone(),
                members: g.members().collect(),
                behind: g.left_behind().collect(),
                waiting: g.waiting_octets(),
            })
            .collect())
    }

    /// Tracked next hops.
    pub fn nexthops(&self) -> Vec<NexthopView> {
        self.core.nexthops.views().collect()
    }
}

impl<P: TablePrefix> FamilyState<P> {
    fn slice(
        &self,
        core: &crate::core::Core,
        after: Option<Prefix>,
        limit: usize,
        filter: &RouteFilter,
    ) -> (Vec<DestView>, Option<Prefix>) {
        let mut out = Vec::with_capacity(limit.min(self.table.len()));
        let mut sources = Sources::default();
        let mut last = None;
        let mut visited = 0;
        for (prefix, id) in self.table.ids_after(after.and_then(P::from_prefix)).take(limit) {
            visited += 1;
            last = Some(prefix.into());
            let view = self.dest_view(core, &mut sources, id, filter);
            if !view.paths.is_empty() {
                out.push(view);
            }
        }
        (out, last.filter(|_| visited == limit))
    }

    fn dest_view(
        &self,
        core: &crate::core::Core,
        sources: &mut Sources,
        id: DestId,
        filter: &RouteFilter,
    ) -> DestView {
        let dest = self.table.dest(id);
        let wanted = |p: &Path| match filter {
            RouteFilter::All => !p.has(flag::FILTERED),
            RouteFilter::From(peer) => p.peer == *peer && !p.has(flag::FILTERED),
            RouteFilter::ReceivedFrom(peer) => p.peer == *peer && !p.has(flag::HISTORY),
            RouteFilter::RefusedFrom(peer) => p.peer == *peer && p.has(flag::FILTERED),
        };
        let before_policy = matches!(filter, RouteFilter::ReceivedFrom(_) | RouteFilter::RefusedFrom(_));
        let paths = self.table.paths(id).filter(|(_, p)| wanted(p)).map(|(at, p)| {
            let attr = if before_policy { self.pre_policy.get(&at).copied() } else { None };
            path_view(self, id, (at, p), attr.unwrap_or(p.attr), (core, sources))
        });
        DestView {
            prefix: dest.prefix.into(),
            version: dest.version,
            reason: dest.reason,
            paths: paths.collect(),
        }
    }

    fn advertised_slice(
        &mut self,
        core: &mut crate::core::Core,
        (peer, group): (PeerId, GroupId),
        after: Option<Prefix>,
        limit: usize,
    ) -> (Vec<AdvertisedView>, Option<Prefix>) {
        let Some(group) = self.groups.get(group) else { return (Vec::new(), None) };
        let own = group.own_addresses(peer).unwrap_or_default();
        let (mut out, mut block) = (Vec::new(), Vec::new());
        let mut sources = Sources::default();
        let mut last = None;
        let mut visited = 0;
        for (prefix, id) in self.table.ids_after(after.and_then(P::from_prefix)).take(limit) {
            visited += 1;
            last = Some(prefix.into());
            if !group.was_sent(id, peer) {
                continue;
            }
            let Some(best) = self.table.best(id).copied() else { continue };
            let Some(exported) = export(core, &group.key, &self.local, prefix, &best) else { continue };
            let stored = core.attrs.get(exported.attr);
            let next_hop = outbound_nexthop(&group.key, &exported, stored.next_hop, &own);
            if next_hop.and_then(|nh| encode(core, &group.key, &exported, &stored, nh)).is_some() {
                let at = self.table.dest(id).first;
                let mut path = path_view(self, id, (at, &best), exported.attr, (core, &mut sources));
                shown(core, &group.key, &exported, &own, &mut block);
                path.block = SmallVec::from_slice(&block);
                out.push(AdvertisedView { prefix: prefix.into(), path });
            }
            core.attrs.release(exported.attr);
        }
        (out, last.filter(|_| visited == limit))
    }
}

/// Who told the paths of one answer.
#[derive(Default)]
struct Sources {
    known: HashMap<PeerId, Arc<PathSource>>,
    /// The last one again: mostly the next path has it too.
    last: Option<(PeerId, Arc<PathSource>)>,
}

impl Sources {
    fn of(&mut self, core: &crate::core::Core, id: PeerId) -> Arc<PathSource> {
        if let Some((last, source)) = &self.last
            && *last == id
        {
            return source.clone();
        }
        let source = self.known.entry(id).or_insert_with(|| {
            let peer = if id == LOCAL_PEER { None } else { core.peers.get(id) };
            Arc::new(PathSource {
                name: peer.map(|p| p.config.name.clone()),
                addr: peer.and_then(|p| p.addr()),
                router_id: peer.map_or(core.config.router_id, |p| p.router_id()),
                hostname: peer.and_then(|p| p.hostname()),
            })
        });
        let source = source.clone();
        self.last = Some((id, source.clone()));
        source
    }
}

fn path_view<P: TablePrefix>(
    family: &FamilyState<P>,
    id: DestId,
    (at, path): (PathIdx, &Path),
    attr: AttrId,
    (core, sources): (&crate::core::Core, &mut Sources),
) -> PathView {
    let dest = family.table.dest(id);
    let accessible = core.nexthops.is_usable(path.nexthop);
    PathView {
        block: SmallVec::from_slice(core.attrs.encoded(attr)),
        peer: path.peer,
        source: sources.of(core, path.peer),
        path_id: path.path_id,
        weight: path.weight,
        best: dest.best() && dest.first == at,
        multipath: path.has(flag::MULTIPATH),
        valid: accessible && !path.has(flag::FILTERED) && !path.has(flag::HISTORY),
        accessible,
        igp_metric: core.nexthops.metric(path.nexthop).0,
        filtered: path.has(flag::FILTERED),
        stale: path.has(flag::STALE),
        local: path.has(flag::LOCAL) || path.has(flag::IMPORTED),
        imported: core.imports.get(&path.peer).cloned().map(Box::new),
        network: path.has(flag::LOCAL) && crate::local::is_network(path.path_id),
        client: path.has(flag::CLIENT),
        tag: path.has(flag::LOCAL).then(|| family.local.tag(dest.prefix, path.path_id)).flatten(),
        aggregated: path.has(flag::AGGREGATE),
        suppressed: family.local.aggregates.suppresses()
            && family.local.aggregates.suppressed(core, dest.prefix, &core.attrs.get(attr)),
        internal: path.has(flag::INTERNAL),
        damped: path.has(flag::DAMPED),
        history: path.has(flag::HISTORY),
        damping: family.damping.as_ref().and_then(|d| d.view(core, at, path)).map(Box::new),
        since: core.start + Duration::from_secs(u64::from(path.stamp)),
    }
}
