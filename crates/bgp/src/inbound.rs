//! From a received announcement to paths in the table: loop checks, inbound policy, interning (RFC 4271 section 9.1.1,
//! RFC 4456 section 8, RFC 9234 section 5).

use ferr_bgp_wire::{PeerKind, decode_attributes_canonical, encode_attributes_canonical};
use ferr_policy::{Action, PolicyRoute, PolicySet};
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::community::{Community, ExtCommunities, ExtCommunity};
use ferr_types::{Asn, Family, IfIndex, PeerId, Prefix};

use crate::attrs::AttrId;
use crate::config::{AllowAsIn, Filters, Reach, Role};
use crate::core::Core;
use crate::family::FamilyState;
use crate::long_lived::is_long_stale;
use crate::nexthop::{NexthopId, NexthopKey};
use crate::peer::Peer;
use crate::table::{DestId, Path, PathIdx, TablePrefix, flag};

/// Why an announcement is not usable; it then counts as a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Own AS in the path.
    AsLoop,
    /// First AS is not the neighbor's.
    FirstAs,
    /// Own identifier as ORIGINATOR_ID.
    OriginatorLoop,
    /// Own cluster in CLUSTER_LIST.
    ClusterLoop,
    /// An own address as next hop, or none.
    Nexthop,
    /// AS_SET refused by configuration.
    AsSet,
    /// Route leak by roles.
    RouteLeak,
}

/// Facts of the session that paths inherit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub(crate) peer: PeerId,
    pub(crate) flags: u16,
    pub(crate) weight: u16,
    pub(crate) soft_reconfiguration: bool,
    pub(crate) nexthop: Option<NexthopKey>,
}

/// Result of policy for one prefix.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    attr: AttrId,
    weight: u16,
    nexthop: NexthopId,
    /// Path flags that follow from the attributes.
    flags: u16,
    filtered: bool,
}

/// Checks that do not depend on the prefix.
fn check(core: &Core, peer: &Peer, family: Family, attrs: &PathAttributes<'_>) -> Result<(), Rejection> {
    let config = &core.config;
    let Some(session) = &peer.session else { return Err(Rejection::Nexthop) };
    let neighbor = peer.config.families[family].as_ref();
    let own_as_allowed = neighbor.and_then(|f| f.allow_as_in);
    let is_own = |a: Asn| {
        a == config.asn
            || peer.config.local_as.is_some_and(|l| l.asn == a)
            || config.confederation.as_ref().is_some_and(|c| c.identifier == a)
    };
    let own = attrs.as_path.asns().filter(|a| is_own(*a)).count();
    let loops = match own_as_allowed {
        None => own > 0,
        Some(AllowAsIn::Times(n)) => own > usize::from(n),
        Some(AllowAsIn::Origin) => own > 0 && !attrs.as_path.origin_as().is_some_and(is_own),
    };
    if loops {
        return Err(Rejection::AsLoop);
    }
    let kind = session.context.kind;
    if kind == PeerKind::Ebgp && peer.config.enforce_first_as && attrs.as_path.first_as() != Some(session.asn)
    {
        return Err(Rejection::FirstAs);
    }
    if config.reject_as_sets && attrs.as_path.segments().any(|s| s.kind == SegmentKind::Set) {
        return Err(Rejection::AsSet);
    }
    if kind == PeerKind::Ibgp {
        if attrs.originator_id == Some(config.router_id) {
            return Err(Rejection::OriginatorLoop);
        }
        if attrs.cluster_list.contains(config.cluster_id.0) {
            return Err(Rejection::ClusterLoop);
        }
    }
    match attrs.next_hop {
        Some(nh) if !core.own_addresses.contains(&nh.global()) => {}
        _ => return Err(Rejection::Nexthop),
    }
    leak_check(peer, attrs)
}

/// RFC 9234 section 5, ingress.
fn leak_check(peer: &Peer, attrs: &PathAttributes<'_>) -> Result<(), Rejection> {
    let (Some((role, _)), Some(otc), Some(session)) =
        (peer.config.role, attrs.only_to_customer, &peer.session)
    else {
        return Ok(());
    };
    let leaked = match role {
        Role::Provider | Role::RsServer => true,
        Role::Peer => otc != session.asn,
        Role::Customer | Role::RsClient => false,
    };
    if leaked { Err(Rejection::RouteLeak) } else { Ok(()) }
}

/// Whether a filter list lets a route through; a list that is not defined denies everything.
pub(crate) fn lists_permit(
    policy: &PolicySet,
    filters: &Filters,
    prefix: Prefix,
    attrs: &PathAttributes<'_>,
) -> bool {
    let afi = prefix.afi();
    let permits = |action: Option<Action>| action == Some(Action::Permit);
    filters
        .distribute_list
        .as_ref()
        .is_none_or(|n| permits(policy.access_list(afi, n).map(|l| l.evaluate(prefix))))
        && filters
            .prefix_list
            .as_ref()
            .is_none_or(|n| permits(policy.prefix_list(afi, n).map(|l| l.evaluate(prefix))))
        && filters
            .filter_list
            .as_ref()
            .is_none_or(|n| permits(policy.as_path_list(n).map(|l| l.evaluate(attrs.as_path))))
}

/// Whether the filters give the same answer for every prefix with equal attributes.
pub(crate) fn prefix_independent(policy: &PolicySet, filters: &Filters) -> bool {
    filters.distribute_list.is_none()
        && filters.prefix_list.is_none()
        && filters
            .route_map
            .as_ref()
            .is_none_or(|n| policy.route_map(n).is_none_or(|m| !m.depends_on_prefix()))
}

/// Attributes with the site that they come from, in place of these.
fn mark_site(core: &mut Core, attr: AttrId, site: ExtCommunity) -> AttrId {
    let stored = core.attrs.get(attr);
    if stored.ext_communities.contains(site) {
        return attr;
    }
    let mut all: Vec<ExtCommunity> = stored.ext_communities.iter().chain([site]).collect();
    all.sort_unstable();
    let octets: Vec<u8> = all.iter().flat_map(|community| community.0).collect();
    let mut owned = Vec::new();
    encode_attributes_canonical(&stored, &mut owned);
    let before = decode_attributes_canonical(&owned).unwrap_or_default();
    let ext_communities = ExtCommunities::new(&octets).unwrap_or(before.ext_communities);
    let marked = PathAttributes { ext_communities, ..before };
    let new = core.attrs.intern(&marked, core.config.default_local_pref);
    core.attrs.release(attr);
    new
}

impl<P: TablePrefix> FamilyState<P> {
    /// Takes announcements of one attribute set in.
    pub(crate) fn announce(
        &mut self,
        core: &mut Core,
        peer_id: PeerId,
        attrs: &PathAttributes<'_>,
        nlri: impl Iterator<Item = (u32, P)>,
    ) {
        let family = self.table.family;
        let Some(peer) = core.peers.get(peer_id) else { return };
        if check(core, peer, family, attrs).is_err() {
            nlri.for_each(|(path_id, prefix)| self.withdraw_one(core, peer_id, path_id, prefix));
            return;
        }
        let mut path_buf = AsPathBuf::default();
        let attrs = &prepared(peer, attrs, &mut path_buf);
        let source = source_of(peer, family, attrs);
        let filters = peer.filters_in(family).cloned().unwrap_or_default();
        let external = peer.session.as_ref().is_some_and(|s| s.context.kind == PeerKind::Ebgp);
        let closed = external && core.config.ebgp_requires_policy && !filters.any();
        let default_lp = core.config.default_local_pref;
        let original = core.attrs.intern(attrs, default_lp);
        let fixed = prefix_independent(&core.policy, &filters);
        let mut shared: Option<Verdict> = None;
        for (path_id, prefix) in nlri {
            let verdict = match shared {
                Some(verdict) => verdict,
                None if closed => {
                    Verdict { attr: original, weight: 0, nexthop: NexthopId::NONE, flags: 0, filtered: true }
                }
                None => self.evaluate(core, &source, &filters, prefix, attrs, original),
            };
            if fixed || closed {
                shared = Some(verdict);
            }
            self.put(core, &source, (path_id, prefix), (verdict, original), true);
            if !fixed && !closed {
                core.attrs.release(verdict.attr);
                core.nexthops.release(verdict.nexthop);
            }
        }
        if let Some(verdict) = shared.filter(|_| !closed) {
            core.attrs.release(verdict.attr);
            core.nexthops.release(verdict.nexthop);
        }
        core.attrs.release(original);
    }

    /// Runs inbound policy; the result holds one reference to its attributes and next hop.
    fn evaluate(
        &mut self,
        core: &mut Core,
        source: &Source,
        filters: &Filters,
        prefix: P,
        attrs: &PathAttributes<'_>,
        original: AttrId,
    ) -> Verdict {
        let policy = core.policy.clone();
        core.attrs.retain(original);
        let refused =
            Verdict { attr: original, weight: 0, nexthop: NexthopId::NONE, flags: 0, filtered: true };
        if !lists_permit(&policy, filters, prefix.into(), attrs) {
            return refused;
        }
        let flags = |a: &PathAttributes<'_>| if is_long_stale(a) { flag::LONG_STALE } else { 0 };
        let mut verdict = Verdict { weight: source.weight, flags: flags(attrs), filtered: false, ..refused };
        let mut key = source.nexthop;
        if let Some(name) = &filters.route_map {
            let dice = core.roll();
            let Some(peer) = core.peers.get(source.peer) else { return refused };
            let mut route = PolicyRoute {
                peer: peer.addr(),
                local_as: core.config.asn,
                interface_name: peer.config.interface_name.as_deref(),
                dice,
                ..PolicyRoute::new(prefix.into(), *attrs)
            };
            let permitted =
                policy.route_map(name).is_some_and(|m| m.apply(&policy, &mut route) == Action::Permit);
            if !permitted {
                return refused;
            }
            if let Some(weight) = route.weight {
                verdict.weight = weight.min(u32::from(u16::MAX)) as u16;
            }
            if route.nexthop.peer_address
                && let Some(addr) = peer.addr()
            {
                route.attributes.next_hop = Some(BgpNexthop::from(addr));
                route.changed = true;
            }
            if route.nexthop.prefer_global
                && let Some(BgpNexthop::V6 { global, link_local }) = &mut route.attributes.next_hop
                && !global.is_unspecified()
            {
                *link_local = None;
                route.changed = true;
            }
            if route.changed {
                let current = route.current();
                key = key.zip(current.next_hop).map(|(k, nh)| NexthopKey { addr: nh.forwarding(), ..k });
                verdict.flags = flags(&current);
                let new = core.attrs.intern(&current, core.config.default_local_pref);
                core.attrs.release(original);
                verdict.attr = new;
            }
        }
        if let Some(site) = filters.site {
            verdict.attr = mark_site(core, verdict.attr, site);
        }
        verdict.nexthop = key.map_or(NexthopId::NONE, |k| core.nexthops.acquire(k));
        verdict
    }

    /// Puts one path in or replaces the one of the same peer and path id. `flaps` says whether a change is the peer's doing.
    fn put(
        &mut self,
        core: &mut Core,
        source: &Source,
        (path_id, prefix): (u32, P),
        (verdict, original): (Verdict, AttrId),
        flaps: bool,
    ) {
        if verdict.filtered && !source.soft_reconfiguration {
            return self.withdraw_one(core, source.peer, path_id, prefix);
        }
        let dest = self.table.find_or_insert(prefix);
        let flags = source.flags | verdict.flags | if verdict.filtered { flag::FILTERED } else { 0 };
        let mut new = Path {
            attr: verdict.attr,
            peer: source.peer,
            path_id,
            next: PathIdx::NIL,
            nexthop: verdict.nexthop,
            stamp: core.seconds,
            flags,
            weight: verdict.weight,
        };
        if self.damping.is_some() {
            new.flags |= self.damp_announcement(core, dest, &new, flaps);
        }
        let at = self.put_path(core, dest, new);
        if source.soft_reconfiguration && (verdict.attr != original || self.pre_policy.contains_key(&at)) {
            core.attrs.retain(original);
            if let Some(old) = self.pre_policy.insert(at, original) {
                core.attrs.release(old);
            }
        } else if !source.soft_reconfiguration
            && let Some(old) = self.pre_policy.remove(&at)
        {
            core.attrs.release(old);
        }
    }

    /// Puts `new` into the table, taking references of its own to attributes and next hop.
    pub(crate) fn put_path(&mut self, core: &mut Core, dest: DestId, new: Path) -> PathIdx {
        core.attrs.retain(new.attr);
        core.nexthops.retain(new.nexthop);
        let Some(at) = self.table.path_of(dest, new.peer, new.path_id) else {
            let at = self.table.add_path(dest, new);
            self.count(core, &new, 1);
            self.table.mark_dirty(dest);
            return at;
        };
        let old = *self.table.path(at);
        let sticky = flag::MULTIPATH;
        let same = old.attr == new.attr && old.nexthop == new.nexthop && old.weight == new.weight;
        if same && (old.flags ^ new.flags) & !(sticky | flag::BACKUP | flag::STALE) == 0 {
            // A restarting peer confirms what it said before: nothing changed for anybody else.
            let was_stale = old.has(flag::STALE);
            self.table.path_mut(at).flags &= !flag::STALE;
            if was_stale {
                self.table.mark_dirty(dest);
            }
        } else {
            let at_front = self.table.dest(dest).best() && self.table.dest(dest).first == at;
            *self.table.path_mut(at) = Path { next: old.next, flags: new.flags | old.flags & sticky, ..new };
            if at_front || old.has(flag::MULTIPATH) {
                self.table.dest_mut(dest).set_touched(true);
            }
            self.count(core, &old, -1);
            self.count(core, &new, 1);
            self.table.mark_dirty(dest);
        }
        core.attrs.release(old.attr);
        core.nexthops.release(old.nexthop);
        at
    }

    pub(crate) fn count(&self, core: &mut Core, path: &Path, by: i32) {
        let family = self.table.family;
        if path.has(flag::HISTORY) {
            return;
        }
        if let Some(peer) = core.peers.get_mut(path.peer) {
            let counters = &mut peer.families[family];
            let field =
                if path.has(flag::FILTERED) { &mut counters.filtered } else { &mut counters.accepted };
            *field = field.saturating_add_signed(by);
        }
    }

    /// Takes withdrawals in.
    pub(crate) fn withdraw(&mut self, core: &mut Core, peer: PeerId, nlri: impl Iterator<Item = (u32, P)>) {
        for (path_id, prefix) in nlri {
            let kept = self.damping.is_some()
                && self.table.find(prefix).is_some_and(|dest| {
                    let at = self.table.path_of(dest, peer, path_id);
                    at.is_some_and(|at| self.damp_withdrawal(core, dest, at))
                });
            if !kept {
                self.withdraw_one(core, peer, path_id, prefix);
            }
        }
    }

    pub(crate) fn withdraw_one(&mut self, core: &mut Core, peer: PeerId, path_id: u32, prefix: P) {
        if let Some(dest) = self.table.find(prefix)
            && let Some(at) = self.table.path_of(dest, peer, path_id)
        {
            self.remove_path(core, dest, at);
        }
    }

    /// Takes a path out and gives its references back.
    pub(crate) fn remove_path(&mut self, core: &mut Core, dest: DestId, at: PathIdx) {
        let old = self.table.remove_path(dest, at);
        if old.has(flag::MULTIPATH) {
            self.table.dest_mut(dest).set_touched(true);
        }
        self.count(core, &old, -1);
        if let Some(damping) = &mut self.damping {
            damping.forget(at, &old);
        }
        core.attrs.release(old.attr);
        core.nexthops.release(old.nexthop);
        if let Some(pre) = self.pre_policy.remove(&at) {
            core.attrs.release(pre);
        }
        self.table.mark_dirty(dest);
    }

    /// Runs inbound policy again over what a peer with soft reconfiguration sent.
    pub(crate) fn reevaluate(&mut self, core: &mut Core, peer_id: PeerId, dest: DestId) {
        let family = self.table.family;
        let own: smallvec::SmallVec<[PathIdx; 2]> = self
            .table
            .paths(dest)
            .filter(|(_, p)| p.peer == peer_id && !p.has(flag::HISTORY))
            .map(|(at, _)| at)
            .collect();
        for at in own {
            let path = *self.table.path(at);
            let original = self.pre_policy.get(&at).copied().unwrap_or(path.attr);
            core.attrs.retain(original);
            let block = core.attrs.get(original);
            let mut owned = Vec::new();
            encode_attributes_canonical(&block, &mut owned);
            let attrs = decode_attributes_canonical(&owned).unwrap_or_default();
            let Some(peer) = core.peers.get(peer_id) else { return };
            let source = source_of(peer, family, &attrs);
            let filters = peer.filters_in(family).cloned().unwrap_or_default();
            let external = peer.session.as_ref().is_some_and(|s| s.context.kind == PeerKind::Ebgp);
            let closed = external && core.config.ebgp_requires_policy && !filters.any();
            let prefix = self.table.dest(dest).prefix;
            let verdict = if closed {
                core.attrs.retain(original);
                Verdict { attr: original, weight: 0, nexthop: NexthopId::NONE, flags: 0, filtered: true }
            } else {
                self.evaluate(core, &source, &filters, prefix, &attrs, original)
            };
            self.put(core, &source, (path.path_id, prefix), (verdict, original), false);
            core.attrs.release(verdict.attr);
            core.nexthops.release(verdict.nexthop);
            core.attrs.release(original);
        }
    }
}

/// Attributes as they enter policy: without what an external peer has no say in, with `local-as` in front and OTC marked.
fn prepared<'a>(peer: &Peer, attrs: &PathAttributes<'a>, path_buf: &'a mut AsPathBuf) -> PathAttributes<'a> {
    let mut out = *attrs;
    let Some(session) = &peer.session else { return out };
    if !peer.config.aigp && session.context.kind == PeerKind::Ebgp {
        out.aigp = None;
    }
    if session.context.kind == PeerKind::Ebgp {
        out.local_pref = None;
        if let Some(local) = peer.config.local_as.filter(|l| !l.no_prepend) {
            *path_buf = attrs.as_path.to_buf();
            path_buf.prepend(SegmentKind::Sequence, &[local.asn]);
            out.as_path = path_buf.as_path();
        }
        if out.communities.contains(Community::GRACEFUL_SHUTDOWN) {
            out.local_pref = Some(0);
        }
    }
    let marks = matches!(peer.config.role, Some((Role::Customer | Role::Peer | Role::RsClient, _)));
    if marks && out.only_to_customer.is_none() {
        out.only_to_customer = Some(session.asn);
    }
    out
}

fn source_of(peer: &Peer, family: Family, attrs: &PathAttributes<'_>) -> Source {
    let neighbor = peer.config.families[family].as_ref();
    let kind = peer.session.as_ref().map_or(PeerKind::Ebgp, |s| s.context.kind);
    let client = neighbor.is_some_and(|f| f.reflector_client);
    let flags = match kind {
        PeerKind::Ebgp => 0,
        PeerKind::Ibgp => flag::INTERNAL,
        PeerKind::ConfedEbgp => flag::CONFED,
    } | if client { flag::CLIENT } else { 0 };
    let direct =
        kind == PeerKind::Ebgp && peer.config.reach == Reach::Direct && !peer.config.disable_connected_check;
    let scope = peer.session.as_ref().map_or(IfIndex(0), |s| s.addresses.ifindex);
    let nexthop = attrs.next_hop.map(|nh| {
        let addr = nh.forwarding();
        let link_local = matches!(addr, std::net::IpAddr::V6(a) if a.is_unicast_link_local());
        NexthopKey {
            addr,
            scope: if link_local { scope } else { IfIndex(0) },
            connected_only: direct,
            foreign: None,
        }
    });
    Source {
        peer: peer.id,
        flags,
        weight: neighbor.and_then(|f| f.weight).unwrap_or(0),
        soft_reconfiguration: neighbor.is_some_and(|f| f.soft_reconfiguration),
        nexthop,
    }
}
