//! One `router bgp`: configuration, neighbors, timers, and the slices of work.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use ferr_bgp_wire::{PeerKind, Scratch};
use ferr_policy::PolicySet;
use ferr_types::{
    Afi, Asn, Family, FamilySet, IfIndex, Ipv4Prefix, Ipv6Prefix, NexthopInfo, PeerId, Prefix, Protocol,
    RouteUpdate,
};

use crate::attrs::AttrStore;
use crate::capability::{activated, graceful_mode};
use crate::config::{GracefulRestartMode, InstanceConfig, NeighborConfig, Reach};
use crate::configure::settings;
use crate::core::{Core, Output};
use crate::down::DownReason;
use crate::family::{FamilyState, SweepKind};
use crate::fsm::{ConnId, Settings};
use crate::local::ForeignRoute;
use crate::nexthop::{NexthopTable, WatchChange};
use crate::peer::{LocalAddresses, Peer};
use crate::peers::Peers;

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
pub(crate) struct ListenRange {
    pub(crate) range: Prefix,
    pub(crate) template: NeighborConfig,
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
    /// Removed neighbors wait for their burial.
    pub(crate) some_removed: bool,
    pub(crate) listen: Vec<ListenRange>,
    pub(crate) next_conn: u64,
    started: bool,
}

/// Connection names per neighbor: enough attempts for centuries at one a second.
pub(crate) const CONNS_PER_PEER: u64 = 1 << 40;

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
            last_spec: None,
            own_addresses: HashSet::new(),
            bfd_up: HashSet::new(),
            start: now,
            now,
            seconds: 0,
            dice: seeds.dice,
            deferring: FamilySet::EMPTY,
            deferral_ends: None,
            startup: Default::default(),
            imports: Default::default(),
            import_stale: FamilySet::EMPTY,
            withheld: HashSet::new(),
            next_search: None,
        };
        let mut instance = Self {
            core,
            v4: FamilyState::new(Family::Ipv4Unicast),
            v6: FamilyState::new(Family::Ipv6Unicast),
            v4m: FamilyState::new(Family::Ipv4Multicast),
            v6m: FamilyState::new(Family::Ipv6Multicast),
            scratch: Scratch::default(),
            more_work: false,
            some_removed: false,
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
        if self.core.waits_for_bfd(peer) {
            return self.check_bfd_hold(id);
        }
        let mut actions = Vec::new();
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.fsm.start(now, &mut actions);
        }
        self.run(id, actions);
    }

    /// Stops a neighbor with a reason; [`Self::start_peer`] begins anew.
    pub(crate) fn reset_session(&mut self, id: PeerId, reason: DownReason) {
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
        let held = self.core.peers.get(id).is_some_and(|p| self.core.waits_for_bfd(p));
        if let Some(peer) = self.core.peers.get_mut(id) {
            peer.prefix_limit_hold = None;
            if held {
                peer.fsm.stop(now, reason, &mut actions);
            } else {
                peer.fsm.reset(now, reason, &mut actions);
            }
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

    /// Says goodbye to all peers. When what the kernel has of ours `stays`, those who know graceful restart are left without a word, so that they
    /// keep sending to us until we are back (RFC 4724 section 4).
    pub fn shutdown(&mut self, stays: bool, now: Instant) {
        self.set_now(now);
        self.started = false;
        for id in self.core.peers.ids() {
            let keeps = |peer: &Peer| {
                graceful_mode(&self.core, &peer.config) == GracefulRestartMode::Restart
                    && peer.graceful_restart().is_some()
            };
            let back = stays && self.core.peers.get(id).is_some_and(keeps);
            self.reset_session(id, if back { DownReason::Restarting } else { DownReason::Stopping });
        }
    }

    pub(crate) fn refresh_inbound(&mut self, id: PeerId) {
        Family::ALL.into_iter().for_each(|f| self.refresh_inbound_family(id, f));
    }

    /// Evaluates what a peer sent again: from what is kept, else by asking the peer for it.
    pub(crate) fn refresh_inbound_family(&mut self, id: PeerId, family: Family) {
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
                Arc::make_mut(&mut peer.config).addr = Some(addr);
            }
            self.start_peer(id);
        }
    }

    /// Own addresses: next hops that are never accepted.
    pub fn set_own_addresses(&mut self, addresses: HashSet<IpAddr>) {
        self.core.own_addresses = addresses;
    }

    /// Where own addresses are may have changed: `find` says it for the two ends of a connection. What is known is kept where it finds nothing.
    pub fn session_addresses_changed(
        &mut self,
        now: Instant,
        find: impl Fn((SocketAddr, SocketAddr)) -> LocalAddresses,
    ) {
        self.set_now(now);
        let found = |ends| Some(find(ends)).filter(|a| a.ifindex != IfIndex(0));
        let mut moved = Vec::new();
        for peer in self.core.peers.iter_mut() {
            for (_, _, ends, addresses) in &mut peer.opens {
                *addresses = found(*ends).unwrap_or(*addresses);
            }
            if let Some(session) = &mut peer.session
                && let Some(addresses) = found(session.ends).filter(|a| *a != session.addresses)
            {
                moved.push((peer.id, session.addresses.ifindex != addresses.ifindex));
                session.addresses = addresses;
            }
        }
        for (id, other_link) in moved {
            self.join_groups(id, false);
            if other_link {
                self.learn_again(id);
            }
        }
        self.more_work = true;
    }

    /// Link-local next hops were learnt on another link than the session's: the peer has to send them again.
    fn learn_again(&mut self, id: PeerId) {
        let link_local = |core: &Core, family: Family| {
            let session = core.peers.get(id).and_then(|p| p.session.as_ref());
            session.is_some_and(|s| {
                let families = &s.context;
                families.extended_nexthop.contains(family)
                    || (family.afi() == Afi::Ipv6 && families.families.contains(family))
            })
        };
        for family in Family::ALL {
            if link_local(&self.core, family) && !self.request_refresh(id, family) {
                return self.reset(id, DownReason::InterfaceDown, self.core.now);
            }
        }
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
            .filter(|p| p.config.reach == Reach::Direct)
            .filter(|p| {
                let over_it = |s: &crate::peer::Session| s.addresses.ifindex == ifindex;
                p.session.as_ref().is_some_and(|s| over_it(s) && s.context.kind != PeerKind::Ibgp)
            })
            .map(|p| p.id)
            .collect();
        direct.into_iter().for_each(|id| self.reset(id, DownReason::InterfaceDown, now));
    }

    /// The RIB answered a question.
    pub fn nexthop_changed(&mut self, info: NexthopInfo, now: Instant) {
        self.set_now(now);
        let (target, exact, reachable) = (info.watch.target, info.watch.exact, info.via.is_some());
        let core = &mut self.core;
        if exact && info.watch.vrf == core.config.vrf {
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
        self.tell_watches();
    }

    /// Prefixes that wait for the decision.
    pub(crate) fn undecided(&self) -> usize {
        let (v4, v6) = (self.v4.table.dirty_count(), self.v6.table.dirty_count());
        v4 + v6 + self.v4m.table.dirty_count() + self.v6m.table.dirty_count()
    }

    /// Which next hops are to be tracked, if that changed.
    fn tell_watches(&mut self) {
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
        self.tell_watches();
        self.more_work = more;
        self.bury();
        more
    }

    /// Forgets removed neighbors whose routes are gone and whose farewell was sent.
    fn bury(&mut self) {
        if !self.some_removed {
            return;
        }
        let gone: Vec<PeerId> = self
            .core
            .peers
            .iter()
            .filter(|p| p.removed && p.control.is_empty())
            .filter(|p| p.families.iter().all(|(_, c)| c.accepted == 0 && c.filtered == 0))
            .map(|p| p.id)
            .collect();
        gone.into_iter().for_each(|id| self.core.peers.remove(id));
        self.some_removed = self.core.peers.iter().any(|p| p.removed);
    }

    /// Earliest time at which [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let peers = self.core.peers.iter().flat_map(|p| {
            let stale = p.stale.iter().filter_map(|(_, t)| *t).min();
            [p.fsm.poll_timeout(), stale, p.prefix_limit_hold.flatten(), p.malformed.poll_timeout()]
        });
        let timers = peers.flatten().min();
        let now = self.core.now;
        let groups = [
            self.v4.groups.poll_timeout(now),
            self.v6.groups.poll_timeout(now),
            self.v4m.groups.poll_timeout(now),
            self.v6m.groups.poll_timeout(now),
        ];
        let send_hold = self.send_hold(self.core.now, false);
        let own = [
            send_hold,
            self.core.deferral_ends,
            self.startup_next(),
            self.damping_next(),
            self.bfd_next(),
            self.core.next_search,
        ];
        timers.into_iter().chain(groups.into_iter().flatten()).chain(own.into_iter().flatten()).min()
    }

    /// Fires what is due; early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_now(now);
        for id in self.core.peers.ids() {
            let mut actions = Vec::new();
            let (mut expired, mut outlived) = (Vec::new(), Vec::new());
            let mut restart = false;
            if let Some(peer) = self.core.peers.get_mut(id) {
                if peer.fsm.poll_timeout().is_some_and(|t| t <= now) {
                    peer.fsm.handle_timeout(now, &mut actions);
                }
                for family in Family::ALL {
                    if peer.stale[family].is_some_and(|t| t <= now) {
                        let list = if peer.outlive(family, now) { &mut outlived } else { &mut expired };
                        list.push(family);
                    }
                }
                if peer.prefix_limit_hold.flatten().is_some_and(|t| t <= now) {
                    peer.prefix_limit_hold = None;
                    restart = true;
                }
            }
            self.malformed_timeout(id, now);
            self.run(id, actions);
            outlived.into_iter().for_each(|f| self.begin_long_lived(id, f));
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
        self.startup_timeout(now);
        self.bfd_timeout(now);
        self.damping_timeout();
        self.conditions_timeout(now);
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
        self.core.peers.get(id).map(|p| p.config.as_ref())
    }

    /// Host name that a neighbor sent in its OPEN.
    pub fn hostname(&self, id: PeerId) -> Option<String> {
        self.core.peers.get(id)?.hostname()
    }

    /// All neighbors.
    pub fn neighbors(&self) -> impl Iterator<Item = (PeerId, &NeighborConfig)> {
        self.core.peers.iter().filter(|p| !p.removed).map(|p| (p.id, p.config.as_ref()))
    }

    /// AS that a session has at its other end.
    pub fn remote_as(&self, id: PeerId) -> Option<Asn> {
        self.core.peers.get(id)?.session.as_ref().map(|s| s.asn)
    }
}
