//! What a route looks like to an update group: outbound policy and the attributes that go on the wire.
//!
//! The functions here see a [`GroupKey`] and never a peer, so members of a group cannot differ in what they would be sent.
//!
//! RFC 4271 sections 5 and 9.2, RFC 1997, RFC 4456, RFC 5065, RFC 8212, RFC 8326, RFC 9234.

use std::net::{IpAddr, Ipv4Addr};

use ferr_bgp_wire::{EncodedAttributes, PeerKind, SessionContext};
use ferr_policy::{Action, NexthopOverride, PolicyRoute};
use ferr_types::aspath::{AsPathBuf, SegmentKind};
use ferr_types::attr::{BgpNexthop, PathAttributes};
use ferr_types::community::{Communities, Community, ExtCommunities, LargeCommunities};
use ferr_types::{Afi, Asn, Family, PeerId, Prefix, RouterId};

use crate::attrs::AttrId;
use crate::config::{
    AddPathTx, AdvertiseMap, Filters, NeighborFamily, NexthopSelf, RemovePrivateAs, Role, SendCommunity,
    Unchanged,
};
use crate::core::{Core, LOCAL_PEER};
use crate::inbound::lists_permit;
use crate::local::LocalRoutes;
use crate::peer::{LocalAddresses, Peer};
use crate::table::{Path, TablePrefix, flag};

/// Everything on which the outbound treatment of routes depends. Peers with equal keys share a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    pub(crate) family: Family,
    pub(crate) kind: PeerKind,
    pub(crate) as4: bool,
    pub(crate) max_len: u16,
    pub(crate) extended_nexthop: bool,
    pub(crate) add_path: Option<AddPathTx>,
    /// ASes put in front of the path, the outermost first.
    pub(crate) prepend: Vec<Asn>,
    pub(crate) local_as: Asn,
    pub(crate) override_as: Option<Asn>,
    pub(crate) loop_as: Option<Asn>,
    pub(crate) filters: Filters,
    pub(crate) next_hop_self: NexthopSelf,
    pub(crate) reflector_client: bool,
    pub(crate) server_client: bool,
    pub(crate) default_originate: Option<Option<String>>,
    pub(crate) remove_private_as: Option<RemovePrivateAs>,
    /// AS that stays although it is private: the neighbor's own, which it would miss in loops.
    pub(crate) keep_as: Option<Asn>,
    pub(crate) send_community: SendCommunity,
    pub(crate) unchanged: Unchanged,
    pub(crate) unsuppress_map: Option<String>,
    /// The members know LLGR_STALE.
    pub(crate) long_lived: bool,
    /// AIGP is sent.
    pub(crate) aigp: bool,
    pub(crate) advertise: Option<AdvertiseMap>,
    pub(crate) maximum_out: Option<u32>,
    pub(crate) role: Option<Role>,
    pub(crate) own: OwnShape,
    pub(crate) advertisement_interval: u16,
    /// Nothing is sent: eBGP without policy.
    pub(crate) closed: bool,
    pub(crate) graceful_shutdown: bool,
    /// MED of everything (`bgp max-med`).
    pub(crate) max_med: Option<u32>,
    pub(crate) solo: Option<PeerId>,
}

/// Which own addresses there are towards a peer: equal shapes make next hops of equal length, whatever the addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OwnShape {
    v4: bool,
    v6_global: bool,
    v6_link_local: bool,
    on_link: bool,
}

impl OwnShape {
    fn of(own: &LocalAddresses) -> Self {
        Self {
            v4: own.v4.is_some_and(|v4| v4 != Ipv4Addr::UNSPECIFIED),
            v6_global: own.v6_global.is_some(),
            v6_link_local: own.v6_link_local.is_some(),
            on_link: own.link.is_some(),
        }
    }
}

impl GroupKey {
    /// Key of an established peer; `None` when the family was not negotiated.
    pub(crate) fn new(core: &Core, peer: &Peer, family: Family) -> Option<Self> {
        let session = peer.session.as_ref()?;
        let neighbor: &NeighborFamily = peer.config.families[family].as_ref()?;
        let ctx = &session.context;
        if !ctx.families.contains(family) {
            return None;
        }
        let local_as = core.local_as(&peer.config);
        let mut prepend = vec![local_as];
        if let Some(local) = peer.config.local_as.filter(|l| !l.replace_as && l.asn != core.config.asn) {
            prepend = vec![local.asn, core.config.asn];
        }
        let filters = neighbor.filters_out.clone();
        Some(Self {
            family,
            kind: ctx.kind,
            as4: ctx.as4,
            max_len: ctx.max_len,
            extended_nexthop: ctx.extended_nexthop.contains(family),
            add_path: ctx.add_path_tx.contains(family).then_some(neighbor.add_path_tx),
            prepend,
            local_as,
            override_as: neighbor.as_override.then_some(session.asn),
            loop_as: peer.config.sender_loop_detection.then_some(session.asn),
            closed: ctx.kind == PeerKind::Ebgp && core.config.ebgp_requires_policy && !filters.any(),
            filters,
            next_hop_self: neighbor.next_hop_self,
            reflector_client: neighbor.reflector_client,
            server_client: neighbor.server_client,
            default_originate: neighbor.default_originate.clone(),
            remove_private_as: neighbor.remove_private_as,
            keep_as: neighbor.remove_private_as.map(|_| session.asn),
            send_community: neighbor.send_community,
            unchanged: neighbor.unchanged,
            unsuppress_map: neighbor.unsuppress_map.clone(),
            long_lived: peer.knows_long_lived(),
            aigp: peer.config.aigp || ctx.kind != PeerKind::Ebgp,
            advertise: neighbor.advertise_map.clone(),
            maximum_out: neighbor.maximum_prefix_out,
            role: peer.config.role.map(|(role, _)| role),
            own: OwnShape::of(&session.addresses),
            advertisement_interval: peer.config.advertisement_interval,
            graceful_shutdown: core.config.graceful_shutdown,
            max_med: core.max_med(),
            solo: peer.config.solo.then_some(peer.id),
        })
    }

    /// Context for the encoder.
    pub(crate) fn context(&self) -> SessionContext {
        let mut ctx = SessionContext::new(self.kind);
        ctx.as4 = self.as4;
        ctx.max_len = self.max_len;
        ctx.families.insert(self.family);
        if self.extended_nexthop {
            ctx.extended_nexthop.insert(self.family);
        }
        if self.add_path.is_some() {
            ctx.add_path_tx.insert(self.family);
        }
        ctx
    }
}

/// A route that may be sent, before its attributes are written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exported {
    /// Attributes after outbound policy, interned with a reference of the holder.
    pub(crate) attr: AttrId,
    /// Peer that the route came from.
    pub(crate) source: PeerId,
    /// Flags of the path that the writing out depends on.
    pub(crate) class: u16,
    /// What policy said of the next hop.
    pub(crate) nexthop: NexthopOverride,
}

/// Path flags that decide how attributes are written.
const CLASS: u16 = flag::LOCAL | flag::INTERNAL | flag::CONFED | flag::CLIENT | flag::IMPORTED;
/// Outbound policy ran over attributes that were prepared for it already.
const PREPARED: u16 = 1 << 15;

/// Runs the rules and the policy of the group over a path; `None` when it is not sent.
pub(crate) fn export<P: TablePrefix>(
    core: &mut Core,
    key: &GroupKey,
    local: &LocalRoutes<P>,
    prefix: P,
    path: &Path,
) -> Option<Exported> {
    if key.closed || path.has(flag::BACKDOOR) {
        return None;
    }
    let attrs = core.attrs.get(path.attr);
    if !may_send(core, key, path, &attrs) {
        return None;
    }
    let default = key.default_originate.is_some() && prefix.prefix_len() == 0;
    if default || (local.aggregates.suppresses() && suppressed(core, key, local, prefix, &attrs)) {
        return None;
    }
    let policy = core.policy.clone();
    if !lists_permit(&policy, &key.filters, prefix.into(), &attrs) {
        return None;
    }
    if let Some(condition) = &key.advertise {
        let route = || PolicyRoute {
            local: path.has(flag::LOCAL) || path.has(flag::IMPORTED),
            peer: core.peers.get(path.peer).and_then(|p| p.addr()),
            ..PolicyRoute::new(prefix.into(), PathAttributes::default())
        };
        if core.withholds(key.family, condition, route, &attrs) {
            return None;
        }
    }
    // What another VRF gave is ours to tell, to internal neighbors too, and leads through us.
    let class = if path.has(flag::IMPORTED) { flag::LOCAL | flag::IMPORTED } else { path.flags & CLASS };
    let mut exported =
        Exported { attr: path.attr, source: path.peer, class, nexthop: NexthopOverride::default() };
    if let Some(name) = &key.filters.route_map {
        let map = policy.route_map(name)?;
        let dice = core.roll();
        let attrs = core.attrs.get(path.attr);
        let mut cluster = Vec::new();
        let prepared = prepare(core, key, class, path.peer, &attrs, &mut cluster);
        let mut route = PolicyRoute {
            local: path.has(flag::LOCAL) || path.has(flag::IMPORTED),
            local_as: key.local_as,
            peer: core.peers.get(path.peer).and_then(|p| p.addr()),
            dice,
            weight: Some(u32::from(path.weight)),
            igp_metric: Some(core.nexthops.metric(path.nexthop).0),
            ..PolicyRoute::new(prefix.into(), prepared)
        };
        if map.apply(&policy, &mut route) == Action::Deny {
            return None;
        }
        exported.nexthop = route.nexthop;
        if route.changed {
            let mut block = Vec::new();
            ferr_bgp_wire::encode_attributes_canonical(&route.current(), &mut block);
            let changed = ferr_bgp_wire::decode_attributes_canonical(&block).unwrap_or_default();
            exported.attr = core.attrs.intern(&changed, core.config.default_local_pref);
            exported.class |= PREPARED;
            return Some(add_cost(core, key, path, exported));
        }
    }
    core.attrs.retain(exported.attr);
    Some(add_cost(core, key, path, exported))
}

/// Where we become the next hop, the way from here to the old one counts for AIGP (RFC 7311 section 3.4.3).
fn add_cost(core: &mut Core, key: &GroupKey, path: &Path, exported: Exported) -> Exported {
    let cost = core.nexthops.metric(path.nexthop).0;
    if !key.aigp || cost == 0 {
        return exported;
    }
    let attrs = core.attrs.get(exported.attr);
    let Some(metric) =
        attrs.aigp.filter(|_| nexthop_rule(key, &exported, attrs.next_hop) != NexthopRule::Stays)
    else {
        return exported;
    };
    let mut block = Vec::new();
    let longer = PathAttributes { aigp: Some(metric.saturating_add(cost.into())), ..attrs };
    ferr_bgp_wire::encode_attributes_canonical(&longer, &mut block);
    let longer = ferr_bgp_wire::decode_attributes_canonical(&block).unwrap_or_default();
    let attr = core.attrs.intern(&longer, core.config.default_local_pref);
    core.attrs.release(exported.attr);
    Exported { attr, ..exported }
}

/// Rules that are not policy.
fn may_send(core: &Core, key: &GroupKey, path: &Path, attrs: &PathAttributes<'_>) -> bool {
    let internal = path.has(flag::INTERNAL) && !path.has(flag::LOCAL) && !path.has(flag::IMPORTED);
    if internal && key.kind == PeerKind::Ibgp {
        // RFC 4456 section 6.
        let reflects = if path.has(flag::CLIENT) && key.reflector_client {
            core.config.client_to_client
        } else {
            path.has(flag::CLIENT) || key.reflector_client
        };
        if !reflects {
            return false;
        }
    }
    for community in attrs.communities.iter() {
        let stays = match community {
            Community::NO_ADVERTISE => true,
            Community::NO_EXPORT => key.kind == PeerKind::Ebgp,
            Community::LLGR_STALE => !key.long_lived,
            Community::LOCAL_AS => key.kind != PeerKind::Ibgp,
            _ => false,
        };
        if stays {
            return false;
        }
    }
    if key.filters.site.is_some_and(|site| attrs.ext_communities.contains(site)) {
        return false;
    }
    if key.loop_as.is_some_and(|asn| attrs.as_path.count(asn) > 0) {
        return false;
    }
    // RFC 9234 section 5, egress.
    let upward = matches!(key.role, Some(Role::Customer | Role::Peer | Role::RsClient));
    !(upward && attrs.only_to_customer.is_some())
}

fn suppressed<P: TablePrefix>(
    core: &Core,
    key: &GroupKey,
    local: &LocalRoutes<P>,
    prefix: P,
    attrs: &PathAttributes<'_>,
) -> bool {
    if !local.aggregates.suppressed(core, prefix, attrs) {
        return false;
    }
    let unsuppressed = key.unsuppress_map.as_ref().is_some_and(|name| {
        let mut route = PolicyRoute::new(prefix.into(), *attrs);
        core.policy.route_map(name).is_some_and(|m| m.apply(&core.policy, &mut route) == Action::Permit)
    });
    !unsuppressed
}

/// Changes that outbound policy sees already: MED between ASes, reflection, the default LOCAL_PREF.
fn prepare<'a>(
    core: &Core,
    key: &GroupKey,
    class: u16,
    source: PeerId,
    attrs: &PathAttributes<'a>,
    cluster: &'a mut Vec<u8>,
) -> PathAttributes<'a> {
    let mut out = *attrs;
    let local = class & flag::LOCAL != 0;
    match key.kind {
        PeerKind::Ebgp => {
            out.local_pref = None;
            if !local && !key.unchanged.med && !key.server_client {
                out.med = None;
            }
            out.originator_id = None;
            out.cluster_list = Default::default();
        }
        PeerKind::ConfedEbgp => {
            out.local_pref = Some(out.local_pref.unwrap_or(core.config.default_local_pref))
        }
        PeerKind::Ibgp => {
            out.local_pref = Some(out.local_pref.unwrap_or(core.config.default_local_pref));
            if class & flag::INTERNAL != 0 && !local {
                let from = core.peers.get(source).map_or(RouterId::UNSET, Peer::router_id);
                out.originator_id = Some(out.originator_id.unwrap_or(from));
                cluster.extend_from_slice(&core.config.cluster_id.0.octets());
                cluster.extend_from_slice(attrs.cluster_list.as_bytes());
                out.cluster_list =
                    ferr_types::community::ClusterList::new(cluster).unwrap_or(attrs.cluster_list);
            }
        }
    }
    out
}

/// Writes the attributes out as members get them who are sent this next hop; `None` when they fit no message.
pub(crate) fn encode(
    core: &Core,
    key: &GroupKey,
    exported: &Exported,
    stored: &PathAttributes<'_>,
    next_hop: BgpNexthop,
) -> Option<EncodedAttributes> {
    let mut cluster = Vec::new();
    let mut out = if exported.class & PREPARED != 0 {
        *stored
    } else {
        prepare(core, key, exported.class, exported.source, stored, &mut cluster)
    };
    let path = outbound_path(core, key, &out);
    out.as_path = path.as_path();
    out.next_hop = Some(next_hop);
    out.aigp = out.aigp.filter(|_| key.aigp);
    out.med = key.max_med.or(out.med);
    let mut buffers = CommunityBuffers::default();
    outbound_communities(key, &mut out, &mut buffers);
    if key.kind == PeerKind::Ebgp
        && matches!(key.role, Some(Role::Provider | Role::Peer | Role::RsServer))
        && out.only_to_customer.is_none()
    {
        out.only_to_customer = Some(key.local_as);
    }
    EncodedAttributes::new(&out, key.family, &key.context()).ok()
}

/// Attributes as `advertised-routes` shows them: after policy, without the own AS in front, and with no next hop where the
/// member, towards which we have these addresses, gets one of them.
pub(crate) fn shown(
    core: &Core,
    key: &GroupKey,
    exported: &Exported,
    own: &LocalAddresses,
    block: &mut Vec<u8>,
) {
    let stored = core.attrs.get(exported.attr);
    let mut cluster = Vec::new();
    let mut out = if exported.class & PREPARED != 0 {
        stored
    } else {
        prepare(core, key, exported.class, exported.source, &stored, &mut cluster)
    };
    if outbound_nexthop(key, exported, out.next_hop, own) != out.next_hop {
        out.next_hop = Some(unspecified(key.family.afi()));
    }
    out.aigp = out.aigp.filter(|_| key.aigp);
    out.med = key.max_med.or(out.med);
    block.clear();
    ferr_bgp_wire::encode_attributes_canonical(&out, block);
}

const fn unspecified(afi: Afi) -> BgpNexthop {
    match afi {
        Afi::Ipv4 => BgpNexthop::V4(Ipv4Addr::UNSPECIFIED),
        Afi::Ipv6 => BgpNexthop::V6 { global: std::net::Ipv6Addr::UNSPECIFIED, link_local: None },
    }
}

fn outbound_path(core: &Core, key: &GroupKey, attrs: &PathAttributes<'_>) -> AsPathBuf {
    let mut path = attrs.as_path.to_buf();
    match key.kind {
        PeerKind::Ibgp => return path,
        PeerKind::ConfedEbgp => {
            if !key.unchanged.as_path {
                path.prepend(SegmentKind::ConfedSequence, &[core.config.asn]);
            }
            return path;
        }
        PeerKind::Ebgp => {}
    }
    path.strip_confed();
    if let Some(remove) = key.remove_private_as {
        remove_private(&mut path, remove, key.local_as, key.keep_as);
    }
    if let Some(asn) = key.override_as {
        path.map(|a| Some(if a == asn { key.local_as } else { a }));
    }
    if !key.server_client && !key.unchanged.as_path {
        path.prepend(SegmentKind::Sequence, &key.prepend);
    }
    path
}

fn remove_private(path: &mut AsPathBuf, how: RemovePrivateAs, local: Asn, keep: Option<Asn>) {
    let all_private = path.as_path().asns().all(Asn::is_private);
    if how.all || all_private {
        path.map(|a| match (a.is_private() && keep != Some(a), how.replace) {
            (true, true) => Some(local),
            (true, false) => None,
            (false, _) => Some(a),
        });
    }
}

/// What becomes of a route's next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NexthopRule {
    /// It is told as it came.
    Stays,
    /// An own address takes its place.
    Own,
    /// The same, but not to those on the link where it is (RFC 4271 section 5.1.3, "third party").
    OwnOffLink,
}

/// RFC 4271 section 5.1.3, RFC 2545, RFC 8950; `next-hop-self` and what policy said.
pub(crate) fn nexthop_rule(key: &GroupKey, exported: &Exported, received: Option<BgpNexthop>) -> NexthopRule {
    let over = &exported.nexthop;
    let local = exported.class & flag::LOCAL != 0;
    let v6_set = over.v6_global.is_some() || over.v6_link_local.is_some();
    if v6_set && matches!(received, Some(BgpNexthop::V6 { .. })) {
        return NexthopRule::Stays;
    }
    if over.v4.is_some() && matches!(received, Some(BgpNexthop::V4(_))) {
        return NexthopRule::Stays;
    }
    let unset = received.is_none_or(|nh| nh.global().is_unspecified());
    if over.peer_address || unset {
        return NexthopRule::Own;
    }
    if over.unchanged || key.unchanged.next_hop || key.server_client {
        return NexthopRule::Stays;
    }
    if exported.class & flag::IMPORTED != 0 {
        return NexthopRule::Own;
    }
    let learnt_internal = exported.class & flag::INTERNAL != 0 && !local;
    match (key.kind, key.next_hop_self) {
        (PeerKind::Ibgp | PeerKind::ConfedEbgp, NexthopSelf::No) => NexthopRule::Stays,
        (PeerKind::Ibgp | PeerKind::ConfedEbgp, NexthopSelf::Learnt) if learnt_internal => NexthopRule::Stays,
        (PeerKind::Ebgp, NexthopSelf::No) if !learnt_internal && key.own.on_link => NexthopRule::OwnOffLink,
        _ => NexthopRule::Own,
    }
}

/// The next hop that a member is sent, towards which we have these addresses.
pub(crate) fn outbound_nexthop(
    key: &GroupKey,
    exported: &Exported,
    received: Option<BgpNexthop>,
    own: &LocalAddresses,
) -> Option<BgpNexthop> {
    let stays = match nexthop_rule(key, exported, received) {
        NexthopRule::Stays => true,
        NexthopRule::Own => false,
        NexthopRule::OwnOffLink => own.link.zip(received).is_some_and(|(l, nh)| l.contains(nh.global())),
    };
    if stays { received } else { self_nexthop(key, &exported.nexthop, own) }
}

/// Our own address as next hop. Its length depends on the [`OwnShape`] and on `over`.
pub(crate) fn self_nexthop(
    key: &GroupKey,
    over: &NexthopOverride,
    own: &LocalAddresses,
) -> Option<BgpNexthop> {
    let v4 = own.v4.filter(|v4| *v4 != Ipv4Addr::UNSPECIFIED);
    let v6 = || {
        let global = over.v6_global.or(own.v6_global);
        let link_local = over.v6_link_local.or(own.v6_link_local);
        match (global, link_local) {
            // Both go to a neighbor on the link (RFC 2545 section 3), the global one alone to others.
            (Some(global), link_local) => {
                Some(BgpNexthop::V6 { global, link_local: link_local.filter(|_| own.link.is_some()) })
            }
            (None, Some(link_local)) => Some(BgpNexthop::from(IpAddr::V6(link_local))),
            (None, None) => None,
        }
    };
    match key.family {
        Family::Ipv4Unicast | Family::Ipv4Multicast if key.extended_nexthop => {
            v6().or(v4.map(BgpNexthop::V4))
        }
        Family::Ipv4Unicast | Family::Ipv4Multicast => v4.map(BgpNexthop::V4),
        Family::Ipv6Unicast | Family::Ipv6Multicast => {
            v6().or_else(|| v4.map(|v4| BgpNexthop::V6 { global: v4.to_ipv6_mapped(), link_local: None }))
        }
    }
}

#[derive(Default)]
struct CommunityBuffers {
    standard: Vec<u8>,
    extended: Vec<u8>,
}

fn outbound_communities<'a>(key: &GroupKey, out: &mut PathAttributes<'a>, buffers: &'a mut CommunityBuffers) {
    let CommunityBuffers { standard, extended } = buffers;
    if !key.send_community.standard {
        out.communities = Communities::default();
    } else if key.graceful_shutdown && key.kind == PeerKind::Ebgp {
        standard.extend_from_slice(out.communities.as_bytes());
        if !out.communities.contains(Community::GRACEFUL_SHUTDOWN) {
            standard.extend_from_slice(&Community::GRACEFUL_SHUTDOWN.0.to_be_bytes());
        }
        out.communities = Communities::new(standard).unwrap_or_default();
    }
    if !key.send_community.extended {
        out.ext_communities = ExtCommunities::default();
    } else if key.kind == PeerKind::Ebgp && out.ext_communities.iter().any(|c| !c.is_transitive()) {
        let kept = out.ext_communities.iter().filter(|c| c.is_transitive());
        extended.extend(kept.flat_map(|c| c.0));
        out.ext_communities = ExtCommunities::new(extended).unwrap_or_default();
    }
    if !key.send_community.large {
        out.large_communities = LargeCommunities::default();
    }
}

/// The route of `default-originate`, run through its route-map's `set` clauses by the caller's check.
pub(crate) fn default_route(core: &Core, key: &GroupKey, own: &LocalAddresses) -> Option<EncodedAttributes> {
    let prefix = Prefix::default_route(key.family.afi());
    let unset = unspecified(key.family.afi());
    let base = PathAttributes { next_hop: Some(unset), med: Some(0), ..PathAttributes::default() };
    let mut route = PolicyRoute { local: true, local_as: key.local_as, ..PolicyRoute::new(prefix, base) };
    route.attributes.origin = ferr_types::attr::Origin::Igp;
    if let Some(Some(name)) = &key.default_originate {
        core.policy.route_map(name)?.apply(&core.policy, &mut route);
    }
    let mut out = route.current();
    let mut cluster = Vec::new();
    let current = out;
    out = prepare(core, key, flag::LOCAL, LOCAL_PEER, &current, &mut cluster);
    let path = outbound_path(core, key, &out);
    out.as_path = path.as_path();
    let exported =
        Exported { attr: AttrId::NONE, source: LOCAL_PEER, class: flag::LOCAL, nexthop: route.nexthop };
    out.next_hop = Some(outbound_nexthop(key, &exported, out.next_hop, own)?);
    out.aigp = out.aigp.filter(|_| key.aigp);
    out.med = key.max_med.or(out.med);
    let mut buffers = CommunityBuffers::default();
    outbound_communities(key, &mut out, &mut buffers);
    EncodedAttributes::new(&out, key.family, &key.context()).ok()
}
