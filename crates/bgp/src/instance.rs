//! One `router bgp`: configuration, neighbors, timers, and the slices of work.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_bgp_wire::Scratch;
use ferr_policy::PolicySet;
use ferr_types::{
    Asn, Family, FamilyMap, FamilySet, IfIndex, Ipv4Prefix, Ipv6Prefix, NexthopInfo, PeerId, Prefix,
    Protocol, RouteUpdate,
};

use crate::attrs::AttrStore;
use crate::capability::activated;
use crate::config::{InstanceConfig, NeighborConfig, Reach};
use crate::core::{Core, LOCAL_PEER, Output, Peers};
use crate::family::{FamilyState, SweepKind};
use crate::fsm::{ConnId, DownReason, Fsm, Settings};
use crate::local::ForeignRoute;
use crate::nexthop::{NexthopTable, WatchChange};
use crate::peer::{FamilyCounters, Peer};

/// What the core cannot draw itself.
#[derive(Debug, Clone, Copy)]
pub struct Seeds {
    /// Key of hash tables.
    pub hash: u64,
    /// Start of `match probability`.
    pub dice: u64,
    /// Start of a range of connection names that nobody else uses.
    pub first_conn: u64,
}

/// `clear bgp` and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetKind {
    /// The session.
    Hard,
    /// Inbound policy over what is kept, else a request for refresh.
    SoftIn,
    /// Everything sent again.
    SoftOut,
}

/// Template for neighbors of a listen range.
#[derive(Debug, Clone, PartialEq)]
struct ListenRange {
    range: Prefix,
    template: NeighborConfig,
}

/// A BGP instance.
#[derive(Debug)]
pub struct Instance {
    pub(crate) core: Core,
    pub(crate) v4: FamilyState<Ipv4Prefix>,
    pub(crate) v6: FamilyState<Ipv6Prefix>,
    pub(crate) v4m: FamilyState<Ipv4Prefix>,
    pub(crate) v6m: FamilyState<Ipv6Prefix>,
    pub(crate) scratch: Scratch,
    pub(crate) more_work: bool,
    listen: Vec<ListenRange>,
    next_conn: u64,
    started: bool,
}

/// Connection names per neighbor: enough attempts for centuries at one a second.
const CONNS_PER_PEER: u64 = 1 << 40;

impl Instance {
    /// Instance without neighbors; [`Self::start`] lets it begin.
    pub fn new(config: InstanceConfig, policy: Arc<PolicySet>, seeds: Seeds, now: Instant) -> Self {
        let vrf = config.vrf;
        let core = Core {
            config,
            policy,
            attrs: AttrStore::new(seeds.hash),
            nexthops: NexthopTable::new(vrf),
            peers: Peers::default(),
            out: Default::default(),
            rib: Vec::new(),
            own_addresses: HashSet::new(),
            start: now,
            now,
            seconds: 0,
            dice: seeds.dice,
            deferring: FamilySet::EMPTY,
            deferral_ends: None,
        };
        let mut instance = Self {
            core,
            v4: FamilyState::new(Family::Ipv4Unicast),
            v6: FamilyState::new(Family::Ipv6Unicast),
            v4m: FamilyState::new(Family::Ipv4Multicast),
            v6m: FamilyState::new(Family::Ipv6Multicast),
            scratch: Scratch::default(),
            more_work: false,
            listen: Vec::new(),
            next_conn: seeds.first_conn,
            started: false,
        };
        instance.configure_families(false);
        instance
    }

    pub(crate) fn set_now(&mut self, now: Instant) {
        self.core.now = now;
        self.core.seconds = now.saturating_duration_since(self.core.start).as_secs() as u32;
    }

    /// Lets sessions begin: the configuration has been read.
    pub fn start(&mut self, now: Instant) {
        self.set_now(now);
        self.begin_deferral();
        self.started = true;
        for id in self.core.peers.ids() {
            self.start_peer(id);
        }
    }

    pub(crate) const fn has_started(&self) -> bool {
        self.started
    }

    /// Every session may have something to send.
    pub(crate) fn wake_all(&mut self) {
        let conns: Vec<ConnId> =
            self.core.peers.iter().filter_map(|p| Some(p.session.as_ref()?.conn)).collect();
        conns.into_iter().for_each(|conn| self.core.out.push_back(Output::Transmit { conn }));
    }

    /// Configuration in force.
    pub fn config(&self) -> &InstanceConfig {
        &self.core.config
    }

    /// Takes a new configuration in. Sessions are reset only where the peer has to learn it from an OPEN.
    pub fn configure(&mut self, config: InstanceConfig, now: Instant) {
        self.set_now(now);
        let old = std::mem::replace(&mut self.core.config, config);
        let new = self.core.config.clone();
        if old == new {
            return;
        }
        let identity = old.asn != new.asn
            || old.router_id != new.router_id
            || old.confederation != new.confederation
            || old.graceful_restart != new.graceful_restart
            || old.restart_time != new.restart_time;
        if identity || old.shutdown != new.shutdown {
            let reason =
                if new.shutdown.is_some() { DownReason::AdminDown } else { DownReason::ConfigChange };
            for id in self.core.peers.ids() {
                if let Some(settings) = self.settings(id)
                    && let Some(peer) = self.core.peers.get_mut(id)
                {
                    peer.fsm.configure(settings);
                }
                self.reset_session(id, reason.clone());
                self.start_peer(id);
            }
        }
        if old.default_local_pref != new.default_local_pref {
            self.core.attrs.set_default_local_pref(new.default_local_pref);
        }
        let decides = old.bestpath != new.bestpath || old.default_local_pref != new.default_local_pref;
        for family in Family::ALL {
            let (a, b) = (&old.families[family], &new.families[family]);
            let ways = a.max_paths != b.max_paths
                || a.max_paths_ibgp != b.max_paths_ibgp
                || a.ibgp_equal_cluster_length != b.ibgp_equal_cluster_length;
            if decides || ways {
                self.sweep(family, SweepKind::All);
            }
            let shares = old.bestpath.bandwidth != new.bestpath.bandwidth;
            if shares
                || a.distance != b.distance
                || a.distance_rules != b.distance_rules
                || a.table_map != b.table_map
            {
                self.sweep(family, SweepKind::Reinstall);
            }
            if old.client_to_client != new.client_to_client {
                with_family!(self, family, |f| f.groups.rescan_all());
            }
            // Both are written into what is sent, not into what is stored.
            if old.default_local_pref != new.default_local_pref || old.cluster_id != new.cluster_id {
                with_family!(self, family, |f| f.groups.replay_internal());
                self.notify_all();
            }
        }
        self.configure_families(false);
        if old.network_import_check != new.network_import_check {
            let core = &mut self.core;
            self.v4.recheck_networks(core);
            self.v6.recheck_networks(core);
        }
        for id in self.core.peers.ids() {
            if old.ebgp_requires_policy != new.ebgp_requires_policy {
                self.refresh_inbound(id);
            }
            self.join_groups(id, false);
        }
        self.decide();
    }

    fn configure_families(&mut self, policy: bool) {
        let families = self.core.config.families.clone();
        let core = &mut self.core;
        for (family, config) in families.iter() {
            with_family!(self, family, |f| f.configure_local(core, config, policy));
        }
        self.decide();
    }

    /// Swaps the policy. What uses a changed part is evaluated again; nothing else is touched.
    pub fn set_policy(&mut self, policy: Arc<PolicySet>, affected: impl Fn(&str) -> bool, now: Instant) {
        self.set_now(now);
        self.core.policy = policy;
        self.configure_families(true);
        let uses = |f: &crate::config::Filters| {
            [&f.distribute_list, &f.prefix_list, &f.filter_list, &f.route_map]
                .into_iter()
                .flatten()
                .any(|n| affected(n))
        };
        let mut groups: FamilyMap<Vec<crate::group::GroupId>> = FamilyMap::default();
        let mut inbound = Vec::new();
        for peer in self.core.peers.iter() {
            for (family, config) in peer.config.families.iter() {
                let Some(config) = config else { continue };
                if uses(&config.filters_in) {
                    inbound.push((peer.id, family));
                }
                let other = [&config.unsuppress_map, &config.default_originate.clone().flatten()]
                    .into_iter()
                    .flatten()
                    .any(|n| affected(n));
                if (uses(&config.filters_out) || other)
                    && let Some(group) = peer.groups[family]
                    && !groups[family].contains(&group)
                {
                    groups[family].push(group);
                }
            }
        }
        inbound.into_iter().for_each(|(id, family)| self.refresh_inbound_family(id, family));
        for (family, ids) in groups.iter() {
            ids.iter().for_each(|id| with_family!(self, family, |f| f.groups.rescan(*id)));
        }
        for family in Family::ALL {
            if self.core.config.families[family].table_map.as_deref().is_some_and(&affected) {
                self.sweep(family, SweepKind::Reinstall);
            }
            if self.core.config.families[family]
                .aggregates
                .iter()
                .any(|a| a.suppress_map.as_deref().is_some_and(&affected))
            {
                with_family!(self, family, |f| f.groups.rescan_all());
            }
        }
        self.more_work = true;
    }

    /// Adds a neighbor.
    pub fn add_neighbor(&mut self, config: NeighborConfig, now: Instant) -> PeerId {
        self.set_now(now);
        let id = self.core.peers.next_id();
        let first_conn = self.next_conn;
        self.next_conn += CONNS_PER_PEER;
        let settings = settings(&self.core, &config);
        self.core.peers.insert(Peer {
            id,
            config,
            fsm: Fsm::new(settings, first_conn),
            session: None,
            opens: Vec::new(),
            control: Default::default(),
            groups: FamilyMap::default(),
            families: FamilyMap::from_fn(|_| FamilyCounters::default()),
            eor_received: FamilySet::EMPTY,
            eor_sent: FamilySet::EMPTY,
            stale: FamilyMap::default(),
            refreshing: FamilySet::EMPTY,
            prefix_limit_hold: None,
            counters: Default::default(),
            established_count: 0,
            dropped_count: 0,
            last_reset: None,
            last_read: None,
            last_write: None,
            stalled_since: None,
            removed: false,
        });
        self.start_peer(id);
        id
    }

    /// Changes a neighbor. The session is reset only when what changed takes part in its set-up.
    pub fn change_neighbor(&mut self, id: PeerId, config: NeighborConfig, now: Instant) {
        self.set_now(now);
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        if peer.config == config {
            return;
        }
        let old = std::mem::replace(&mut peer.config, config);
        let new = peer.config.clone();
        if let Some(settings) = self.settings(id)
            && let Some(peer) = self.core.peers.get_mut(id)
        {
            peer.fsm.configure(settings);
        }
        if needs_reset(&old, &new) {
            let reason =
                if new.shutdown.is_some() { DownReason::AdminDown } else { DownReason::ConfigChange };
            self.reset_session(id, reason);
            self.start_peer(id);
        }
        for (family, now) in new.families.iter() {
            let (Some(a), Some(b)) = (&old.families[family], now) else { continue };
            let inbound =
                a.filters_in != b.filters_in || a.weight != b.weight || a.allow_as_in != b.allow_as_in;
            if a.soft_reconfiguration != b.soft_reconfiguration {
                // What is there went through policy already, so the originals have to come again.
                if !self.request_refresh(id, family) {
                    self.refresh_inbound_family(id, family);
                }
            } else if inbound {
                self.refresh_inbound_family(id, family);
            }
            if a.maximum_prefix != b.maximum_prefix
                && let Some(conn) = self.core.peers.get(id).and_then(|p| p.session.as_ref()).map(|s| s.conn)
            {
                self.check_maximum_now(id, conn);
            }
        }
        self.join_groups(id, false);
        self.more_work = true;
    }

    fn check_maximum_now(&mut self, id: PeerId, conn: ConnId) {
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.families.iter_mut().for_each(|(_, c)| c.warned = false);
        }
        self.check_maximum(id, conn);
    }

    /// Removes a neighbor; its routes go in slices.
    pub fn remove_neighbor(&mut self, id: PeerId, now: Instant) {
        self.set_now(now);
        self.reset_session(id, DownReason::Deconfigured);
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.removed = true;
        }
        for family in Family::ALL {
            self.sweep_now(family, &SweepKind::RemovePeer(id));
        }
        self.decide();
    }

    /// Replaces the listen ranges.
    pub fn set_listen_ranges(&mut self, ranges: Vec<(Prefix, NeighborConfig)>, now: Instant) {
        self.set_now(now);
        self.listen = ranges.into_iter().map(|(range, template)| ListenRange { range, template }).collect();
        let gone: Vec<PeerId> = self
            .core
            .peers
            .iter()
            .filter(|p| p.config.dynamic && !p.removed)
            .filter(|p| !p.addr().is_some_and(|a| self.listen.iter().any(|l| l.range.contains(a))))
            .map(|p| p.id)
            .collect();
        gone.into_iter().for_each(|id| self.remove_neighbor(id, now));
    }

    /// Makes a neighbor of the narrowest listen range around `remote`.
    pub(crate) fn dynamic(&mut self, remote: IpAddr) -> Option<PeerId> {
        let dynamic = self.core.peers.iter().filter(|p| p.config.dynamic && !p.removed).count();
        if dynamic >= self.core.config.listen_limit as usize {
            return None;
        }
        let range = self.listen.iter().filter(|l| l.range.contains(remote)).max_by_key(|l| l.range.len())?;
        let config = NeighborConfig {
            name: remote.to_string(),
            addr: Some(remote),
            passive: true,
            dynamic: true,
            ..range.template.clone()
        };
        Some(self.add_neighbor(config, self.core.now))
    }

    /// A dynamic neighbor goes with its session, unless its routes are kept for a restart.
    pub(crate) fn retire_dynamic(&mut self, id: PeerId) {
        let idle = |p: &Peer| {
            let kept = p.stale.iter().any(|(_, until)| until.is_some());
            p.config.dynamic && !p.removed && !kept && p.fsm.endpoints().is_none()
        };
        if self.core.peers.get(id).is_some_and(idle) {
            self.remove_neighbor(id, self.core.now);
            self.core.out.push_back(Output::DynamicRemoved { peer: id });
        }
    }

    fn notify_all(&mut self) {
        let conns = self.core.peers.iter().filter_map(|p| p.session.as_ref()).map(|s| s.conn);
        self.core.out.extend(conns.map(|conn| Output::Transmit { conn }));
    }

    pub(crate) fn settings(&self, id: PeerId) -> Option<Settings> {
        Some(settings(&self.core, &self.core.peers.get(id)?.config))
    }

    pub(crate) fn start_peer(&mut self, id: PeerId) {
        let now = self.core.now;
        let Some(peer) = self.core.peers.get(id) else { return };
        let stopped = peer.removed
            || peer.config.shutdown.is_some()
            || self.core.config.shutdown.is_some()
            || peer.prefix_limit_hold.is_some()
            || (peer.config.addr.is_none())
            || activated(&peer.config).next().is_none();
        if stopped || !self.started {
            return;
        }
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.fsm.start(now, &mut actions);
        }
        self.run(id, actions);
    }

    /// Stops a neighbor with a reason; [`Self::start_peer`] begins anew.
    fn reset_session(&mut self, id: PeerId, reason: DownReason) {
        let now = self.core.now;
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.fsm.stop(now, reason, &mut actions);
        }
        self.run(id, actions);
    }

    /// Hands all routes to the RIB again, in slices.
    pub fn reinstall(&mut self, now: Instant) {
        self.set_now(now);
        Family::ALL.into_iter().for_each(|f| self.sweep(f, SweepKind::Reinstall));
    }

    /// `clear bgp`, BFD, interface events.
    pub fn reset(&mut self, id: PeerId, reason: DownReason, now: Instant) {
        self.set_now(now);
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.prefix_limit_hold = None;
            peer.fsm.reset(now, reason, &mut actions);
        }
        self.run(id, actions);
        self.start_peer(id);
    }

    /// `clear bgp ... soft`.
    pub fn clear(&mut self, id: PeerId, family: Option<Family>, kind: ResetKind, now: Instant) {
        self.set_now(now);
        if kind == ResetKind::Hard {
            return self.reset(id, DownReason::UserReset, now);
        }
        for family in Family::ALL.into_iter().filter(|f| family.is_none_or(|w| w == *f)) {
            match kind {
                ResetKind::SoftIn => self.refresh_inbound_family(id, family),
                _ => self.replay(id, family, false),
            }
        }
        self.more_work = true;
    }

    /// Says goodbye to all peers.
    pub fn shutdown(&mut self, now: Instant) {
        self.set_now(now);
        self.started = false;
        for id in self.core.peers.ids() {
            self.reset_session(id, DownReason::Stopping);
        }
    }

    fn refresh_inbound(&mut self, id: PeerId) {
        Family::ALL.into_iter().for_each(|f| self.refresh_inbound_family(id, f));
    }

    /// Evaluates what a peer sent again: from what is kept, else by asking the peer for it.
    fn refresh_inbound_family(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.core.peers.get(id).filter(|p| p.negotiated(family)) else { return };
        let kept = peer.config.families[family].as_ref().is_some_and(|f| f.soft_reconfiguration);
        if kept {
            self.sweep(family, SweepKind::Reevaluate(id));
        } else if !self.request_refresh(id, family) {
            // A peer that cannot refresh: policy over what was accepted is better than nothing.
            self.sweep(family, SweepKind::Reevaluate(id));
        }
    }

    /// The link-local address of an unnumbered neighbor was learnt.
    pub fn neighbor_discovered(&mut self, ifindex: IfIndex, addr: IpAddr, now: Instant) {
        self.set_now(now);
        let waiting: Vec<PeerId> = self
            .core
            .peers
            .iter()
            .filter(|p| {
                let unnumbered = p.config.interface_name.is_some() && !p.is_established();
                unnumbered && p.config.interface == Some(ifindex) && p.config.addr != Some(addr)
            })
            .map(|p| p.id)
            .collect();
        for id in waiting {
            if let Some(peer) = self.core.peers.get_mut(id) {
                peer.config.addr = Some(addr);
            }
            self.start_peer(id);
        }
    }

    /// Own addresses: next hops that are never accepted.
    pub fn set_own_addresses(&mut self, addresses: HashSet<IpAddr>) {
        self.core.own_addresses = addresses;
    }

    /// An interface went down: direct eBGP sessions over it end (`bgp fast-external-failover`).
    pub fn interface_down(&mut self, ifindex: IfIndex, now: Instant) {
        self.set_now(now);
        if !self.core.config.fast_external_failover {
            return;
        }
        let direct: Vec<PeerId> = self
            .core
            .peers
            .iter()
            .filter(|p| p.session.as_ref().is_some_and(|s| s.addresses.ifindex == ifindex))
            .filter(|p| p.config.reach == Reach::Direct && p.config.is_external(self.core.config.asn))
            .map(|p| p.id)
            .collect();
        direct.into_iter().for_each(|id| self.reset(id, DownReason::InterfaceDown, now));
    }

    /// The RIB answered a question.
    pub fn nexthop_changed(&mut self, info: NexthopInfo, now: Instant) {
        self.set_now(now);
        let (target, exact, reachable) = (info.watch.target, info.watch.exact, info.via.is_some());
        let core = &mut self.core;
        if exact {
            self.v4.network_reachable(core, target, reachable);
            self.v6.network_reachable(core, target, reachable);
            self.v4m.network_reachable(core, target, reachable);
            self.v6m.network_reachable(core, target, reachable);
        } else {
            let ids = core.nexthops.update(info);
            if !ids.is_empty() {
                for family in Family::ALL {
                    self.sweep(family, SweepKind::Nexthops(ids.clone()));
                }
            }
        }
        self.decide();
    }

    /// A redistributed route appeared or changed.
    pub fn redistribute(&mut self, route: ForeignRoute, now: Instant) {
        self.set_now(now);
        let core = &mut self.core;
        match route.prefix {
            Prefix::V4(_) => self.v4.set_foreign(core, route),
            Prefix::V6(_) => self.v6.set_foreign(core, route),
        }
        self.decide();
    }

    /// A redistributed route went.
    pub fn redistribute_withdraw(&mut self, prefix: Prefix, protocol: Protocol, now: Instant) {
        self.set_now(now);
        let core = &mut self.core;
        match prefix {
            Prefix::V4(_) => self.v4.withdraw_foreign(core, prefix, protocol),
            Prefix::V6(_) => self.v6.withdraw_foreign(core, prefix, protocol),
        }
        self.decide();
    }

    pub(crate) fn sweep(&mut self, family: Family, kind: SweepKind) {
        with_family!(self, family, |f| f.sweep(kind));
        self.more_work = true;
    }

    /// A sweep that must be done before anything else happens, because what follows would be mistaken for its target.
    pub(crate) fn sweep_now(&mut self, family: Family, kind: &SweepKind) {
        let core = &mut self.core;
        with_family!(self, family, |f| f.sweep_through(core, kind));
        self.more_work = true;
    }

    pub(crate) fn decide(&mut self) {
        let core = &mut self.core;
        self.v4.decide(core);
        self.v6.decide(core);
        self.v4m.decide(core);
        self.v6m.decide(core);
        self.more_work = true;
        for change in self.core.nexthops.take_changes() {
            self.core.out.push_back(match change {
                WatchChange::Start(watch) => Output::Watch(watch),
                WatchChange::Stop(watch) => Output::Unwatch(watch),
            });
        }
    }

    /// Does a slice of waiting work; true when more is left that can be done now.
    pub fn work(&mut self, now: Instant) -> bool {
        self.set_now(now);
        if !std::mem::take(&mut self.more_work) {
            return false;
        }
        let core = &mut self.core;
        let mut more = self.v4.work(core);
        more |= self.v6.work(core);
        more |= self.v4m.work(core);
        more |= self.v6m.work(core);
        self.decide();
        self.more_work = more;
        self.bury();
        more
    }

    /// Forgets removed neighbors whose routes are gone and whose farewell was sent.
    fn bury(&mut self) {
        let gone: Vec<PeerId> = self
            .core
            .peers
            .iter()
            .filter(|p| p.removed && p.control.is_empty())
            .filter(|p| p.families.iter().all(|(_, c)| c.accepted == 0 && c.filtered == 0))
            .map(|p| p.id)
            .collect();
        gone.into_iter().for_each(|id| self.core.peers.remove(id));
    }

    /// Earliest time at which [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let peers = self.core.peers.iter().flat_map(|p| {
            let stale = p.stale.iter().filter_map(|(_, t)| *t).min();
            [p.fsm.poll_timeout(), stale, p.prefix_limit_hold.flatten()]
        });
        let timers = peers.flatten().min();
        let groups = [
            self.v4.groups.poll_timeout(),
            self.v6.groups.poll_timeout(),
            self.v4m.groups.poll_timeout(),
            self.v6m.groups.poll_timeout(),
        ];
        let send_hold = self.send_hold(self.core.now, false);
        let own = [send_hold, self.core.deferral_ends];
        timers.into_iter().chain(groups.into_iter().flatten()).chain(own.into_iter().flatten()).min()
    }

    /// Fires what is due; early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_now(now);
        for id in self.core.peers.ids() {
            let mut actions = Vec::new();
            let mut expired = Vec::new();
            let mut restart = false;
            if let Some(peer) = self.core.peers.get_mut(id) {
                if peer.fsm.poll_timeout().is_some_and(|t| t <= now) {
                    peer.fsm.handle_timeout(now, &mut actions);
                }
                for (family, until) in peer.stale.iter_mut() {
                    if until.is_some_and(|t| t <= now) {
                        *until = None;
                        expired.push(family);
                    }
                }
                if peer.prefix_limit_hold.flatten().is_some_and(|t| t <= now) {
                    peer.prefix_limit_hold = None;
                    restart = true;
                }
            }
            self.run(id, actions);
            let any_expired = !expired.is_empty();
            expired.into_iter().for_each(|f| self.sweep(f, SweepKind::RemoveStale(id)));
            if any_expired {
                self.retire_dynamic(id);
            }
            if restart {
                self.start_peer(id);
            }
        }
        self.send_hold(now, true);
        self.check_deferral(now);
        self.more_work = true;
    }

    /// Next thing that the driver has to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.out.pop_front()
    }

    /// Takes all changes for the RIB, in order.
    pub fn take_rib_updates(&mut self) -> Vec<RouteUpdate> {
        std::mem::take(&mut self.core.rib)
    }

    /// Number of changes for the RIB that wait: the driver stops reading when it cannot hand them on.
    pub fn rib_backlog(&self) -> usize {
        self.core.rib.len()
    }

    /// Neighbor of a name (address or interface).
    pub fn find_neighbor(&self, name: &str) -> Option<PeerId> {
        self.core.peers.iter().find(|p| !p.removed && p.config.name == name).map(|p| p.id)
    }

    /// Configuration of a neighbor.
    pub fn neighbor(&self, id: PeerId) -> Option<&NeighborConfig> {
        self.core.peers.get(id).map(|p| &p.config)
    }

    /// All neighbors.
    pub fn neighbors(&self) -> impl Iterator<Item = (PeerId, &NeighborConfig)> {
        self.core.peers.iter().filter(|p| !p.removed && p.id != LOCAL_PEER).map(|p| (p.id, &p.config))
    }

    /// AS that a session has at its other end.
    pub fn remote_as(&self, id: PeerId) -> Option<Asn> {
        self.core.peers.get(id)?.session.as_ref().map(|s| s.asn)
    }
}

fn settings(core: &Core, config: &NeighborConfig) -> Settings {
    Settings {
        passive: config.passive,
        connect_retry: Duration::from_secs(u64::from(config.connect_retry.max(1))),
        hold_time: config.hold_time,
        keepalive: config.keepalive,
        router_id: core.config.router_id,
        graceful: core.config.graceful_restart != crate::config::GracefulRestartMode::Disable,
        asn: core.local_as(config),
        shutdown_text: config
            .shutdown
            .as_ref()
            .or(core.config.shutdown.as_ref())
            .cloned()
            .unwrap_or_default(),
    }
}

/// Whether a change takes part in the set-up of the session.
fn needs_reset(old: &NeighborConfig, new: &NeighborConfig) -> bool {
    let families = |c: &NeighborConfig| activated(c).collect::<FamilySet>();
    let add_path = |c: &NeighborConfig| {
        c.families
            .iter()
            .filter_map(|(family, f)| f.as_ref().map(|f| (family, f.add_path_tx, f.disable_add_path_rx)))
            .collect::<Vec<_>>()
    };
    old.addr != new.addr
        || old.remote_as != new.remote_as
        || old.local_as != new.local_as
        || old.shutdown.is_some() != new.shutdown.is_some()
        || old.port != new.port
        || old.reach != new.reach
        || old.update_source != new.update_source
        || old.disable_connected_check != new.disable_connected_check
        || old.dont_negotiate_capabilities != new.dont_negotiate_capabilities
        || old.override_capability != new.override_capability
        || old.strict_capability != new.strict_capability
        || old.extended_nexthop != new.extended_nexthop
        || old.graceful_restart != new.graceful_restart
        || old.role != new.role
        || old.interface != new.interface
        || old.passive != new.passive
        || (old.keepalive, old.hold_time) != (new.keepalive, new.hold_time)
        || families(old) != families(new)
        || add_path(old) != add_path(new)
        || reflector(old) != reflector(new)
}

fn reflector(c: &NeighborConfig) -> Vec<Option<(bool, bool)>> {
    c.families.iter().map(|(_, f)| f.as_ref().map(|f| (f.reflector_client, f.server_client))).collect()
}
