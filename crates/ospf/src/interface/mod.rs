//! Interfaces: their state machine, and what they hold.
//!
//! # Invariants
//! * A neighbor is of one interface; it exists from its first Hello until it is lost.
//! * On a network with designated routers they are known by their address in OSPFv2 and by their router ID in OSPFv3: their identity.
//!
//! RFC 2328 section 9, RFC 5340 section 4.2.

mod configure;
mod elect;
mod hello;
mod poll;
mod virtual_link;

pub(crate) use configure::router_down;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use ferr_ospf_wire::{LsaHeader, PacketType, Version};
use ferr_types::{AreaId, IfIndex, RouterId};

use crate::config::{InterfaceConfig, InterfaceKey, NetworkType};
use crate::flood::SendQueue;
use crate::instance::Instance;
use crate::io::{Cause, Group, InterfaceState, Output};
use crate::neighbor::{Neighbor, NeighborKey};
use crate::routing::VirtualPath;
use crate::timer::Timer;

pub(crate) use poll::Static;

/// Octets of the IP headers.
const fn ip_header(version: Version) -> usize {
    match version {
        Version::V2 => 20,
        Version::V3 => 40,
    }
}

/// Smallest MTU that is believed.
const MIN_MTU: u16 = 576;

/// One interface.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) key: InterfaceKey,
    pub(crate) version: Version,
    pub(crate) config: InterfaceConfig,
    /// Own number of it.
    pub(crate) id: u32,
    /// Way of a virtual link.
    pub(crate) path: Option<VirtualPath>,
    pub(crate) state: InterfaceState,
    /// Changes of state.
    pub(crate) changes: u32,
    /// Identity of the designated router; unspecified when there is none.
    pub(crate) dr: Ipv4Addr,
    /// That of its backup.
    pub(crate) bdr: Ipv4Addr,
    pub(crate) neighbors: BTreeMap<NeighborKey, Neighbor>,
    /// Configured neighbors.
    pub(crate) statics: BTreeMap<IpAddr, Static>,
    /// Member of AllSPFRouters.
    pub(crate) all_spf: bool,
    /// Member of AllDRouters.
    pub(crate) all_dr: bool,
    /// Acknowledgments that wait.
    pub(crate) acks: Vec<LsaHeader>,
    /// LSAs that wait to be sent to all.
    pub(crate) queue: SendQueue,
    /// Packets by type: received, sent.
    pub(crate) packets: BTreeMap<PacketType, (u64, u64)>,
    pub(crate) refused: u64,
    /// Last Hello.
    pub(crate) hello_sent: Option<Instant>,
    /// The link itself is known to be down, whatever the configuration says.
    pub(crate) carrier_lost: bool,
    /// Somebody makes trailers as FRR does, and was heard so lately: so do we up to then.
    pub(crate) swapped_until: Option<Instant>,
}

impl Interface {
    pub(crate) fn new(key: InterfaceKey, version: Version, config: InterfaceConfig) -> Self {
        let id = match key {
            InterfaceKey::Link(ifindex, _) => ifindex.0,
            InterfaceKey::Virtual(_, _) => 0,
        };
        Self {
            key,
            version,
            config,
            id,
            path: None,
            state: InterfaceState::Down,
            changes: 0,
            dr: Ipv4Addr::UNSPECIFIED,
            bdr: Ipv4Addr::UNSPECIFIED,
            neighbors: BTreeMap::new(),
            statics: BTreeMap::new(),
            all_spf: false,
            all_dr: false,
            acks: Vec::new(),
            queue: SendQueue::default(),
            packets: BTreeMap::new(),
            refused: 0,
            hello_sent: None,
            carrier_lost: false,
            swapped_until: None,
        }
    }

    pub(crate) const fn area(&self) -> AreaId {
        self.config.area
    }

    pub(crate) const fn network(&self) -> NetworkType {
        self.config.network
    }

    /// There is a designated router.
    pub(crate) const fn has_dr(&self) -> bool {
        matches!(self.config.network, NetworkType::Broadcast | NetworkType::NonBroadcast)
    }

    /// Each packet goes to one neighbor; else to a group.
    pub(crate) const fn is_unicast(&self) -> bool {
        !matches!(self.config.network, NetworkType::Broadcast | NetworkType::PointToPoint)
    }

    /// Hellos go to configured neighbors alone.
    pub(crate) const fn is_static(&self) -> bool {
        matches!(self.config.network, NetworkType::NonBroadcast | NetworkType::PointToMultipointNonBroadcast)
    }

    pub(crate) const fn is_virtual(&self) -> bool {
        matches!(self.key, InterfaceKey::Virtual(_, _))
    }

    /// Up, whether or not packets are exchanged.
    pub(crate) fn is_up(&self) -> bool {
        self.state != InterfaceState::Down
    }

    /// Packets are exchanged on it.
    pub(crate) fn is_active(&self) -> bool {
        self.state > InterfaceState::Loopback && !self.config.passive
    }

    /// Link that packets leave by.
    pub(crate) fn ifindex(&self) -> Option<IfIndex> {
        match self.key {
            InterfaceKey::Link(ifindex, _) => Some(ifindex),
            InterfaceKey::Virtual(_, _) => self.path.map(|path| path.ifindex),
        }
    }

    /// Source of packets.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        match (self.key, self.version) {
            (InterfaceKey::Virtual(_, _), _) => self.path.map(|path| path.local),
            (_, Version::V2) => self.config.address.map(|(addr, _)| addr.into()),
            (_, Version::V3) => self.config.link_local.map(Into::into),
        }
    }

    /// How this router is known as designated router.
    pub(crate) fn identity(&self, own: RouterId) -> Ipv4Addr {
        match (self.version, self.config.address) {
            (Version::V2, Some((addr, _))) => addr,
            _ => own.0,
        }
    }

    /// Name of the neighbor that sends from `source` (RFC 2328 section 10.5, RFC 5340 section 4.2.2.1).
    pub(crate) fn neighbor_key(&self, router: RouterId, source: IpAddr) -> NeighborKey {
        match (self.version, self.config.network, source) {
            (Version::V2, NetworkType::PointToPoint | NetworkType::Virtual, _) => NeighborKey(router.0),
            (Version::V2, _, IpAddr::V4(addr)) => NeighborKey(addr),
            _ => NeighborKey(router.0),
        }
    }

    /// The neighbor with this identity.
    pub(crate) fn by_identity(&self, identity: Ipv4Addr) -> Option<&Neighbor> {
        self.neighbors.values().find(|neighbor| neighbor.identity(self.version) == identity)
    }

    /// Octets of an OSPF packet that fit the MTU.
    pub(crate) fn room(&self) -> usize {
        let overhead = self.config.auth.overhead();
        usize::from(self.config.mtu.max(MIN_MTU)) - ip_header(self.version) - overhead
    }

    /// Neighbors with which the adjacency is advertised.
    pub(crate) fn full(&self) -> impl Iterator<Item = &Neighbor> {
        self.neighbors.values().filter(|neighbor| neighbor.is_full())
    }

    /// This router leads or backs up.
    pub(crate) const fn leads(&self) -> bool {
        matches!(self.state, InterfaceState::Dr | InterfaceState::Backup)
    }

    /// Whether an adjacency is to be made (RFC 2328 section 10.4).
    pub(crate) fn wants_adjacency(&self, neighbor: &Neighbor) -> bool {
        if !self.has_dr() || self.leads() {
            return true;
        }
        let identity = neighbor.identity(self.version);
        identity == self.dr || identity == self.bdr
    }
}

impl Instance {
    /// Interface that exists.
    pub(crate) fn interface(&self, ik: InterfaceKey) -> Option<&Interface> {
        self.ifaces.get(&ik)
    }

    /// The link came up.
    pub(crate) fn interface_up(&mut self, ik: InterfaceKey, now: Instant) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        if iface.is_up() {
            return;
        }
        let (network, passive) = (iface.network(), iface.config.passive);
        iface.hello_sent = None;
        let state = match network {
            NetworkType::Loopback => InterfaceState::Loopback,
            NetworkType::Broadcast | NetworkType::NonBroadcast if iface.config.priority == 0 => {
                InterfaceState::DrOther
            }
            NetworkType::Broadcast | NetworkType::NonBroadcast => InterfaceState::Waiting,
            _ => InterfaceState::PointToPoint,
        };
        let wait = iface.config.dead;
        self.set_interface_state(ik, state);
        if state == InterfaceState::Waiting {
            self.timers.set(Timer::Wait(ik), now + wait);
        }
        if network != NetworkType::Loopback && !passive {
            self.start_hellos(ik, now);
        }
    }

    /// The link went down, or is to be as if it were new.
    pub(crate) fn interface_down(&mut self, ik: InterfaceKey, cause: Cause, now: Instant) {
        let Some(iface) = self.ifaces.get(&ik) else { return };
        let neighbors: Vec<_> = iface.neighbors.keys().copied().collect();
        let polled: Vec<_> = iface.statics.keys().copied().collect();
        for nk in neighbors {
            self.lose_neighbor(ik, nk, cause, now);
        }
        for addr in polled {
            self.timers.cancel(Timer::Poll(ik, addr));
        }
        for timer in [Timer::Hello(ik), Timer::Wait(ik), Timer::Acks(ik), Timer::Bulk(ik)] {
            self.timers.cancel(timer);
        }
        if let Some(iface) = self.ifaces.get_mut(&ik) {
            iface.statics.clear();
            iface.acks.clear();
            iface.queue.clear();
            iface.dr = Ipv4Addr::UNSPECIFIED;
            iface.bdr = Ipv4Addr::UNSPECIFIED;
        }
        self.set_interface_state(ik, InterfaceState::Down);
        self.purge_scope(crate::lsdb::ScopeId::Link(ik), now);
    }

    pub(crate) fn set_interface_state(&mut self, ik: InterfaceKey, state: InterfaceState) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        if iface.state != state {
            iface.state = state;
            iface.changes += 1;
            self.dirty.interface(ik, iface.config.area);
        }
        self.update_groups(ik);
    }

    /// Joins and leaves as state and kind say.
    pub(crate) fn update_groups(&mut self, ik: InterfaceKey) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let InterfaceKey::Link(ifindex, _) = ik else { return };
        let active = iface.is_active();
        let all_spf = active && iface.network() != NetworkType::NonBroadcast;
        let all_dr = active && iface.network() == NetworkType::Broadcast && iface.leads();
        let before = (iface.all_spf, iface.all_dr);
        (iface.all_spf, iface.all_dr) = (all_spf, all_dr);
        self.member(ifindex, Group::AllSpfRouters, before.0, all_spf);
        self.member(ifindex, Group::AllDRouters, before.1, all_dr);
    }

    /// Several interfaces may be on one link: the group is left with the last of them.
    fn member(&mut self, ifindex: IfIndex, group: Group, before: bool, after: bool) {
        if before == after {
            return;
        }
        let count = self.groups.entry((ifindex, group)).or_insert(0);
        if after {
            *count += 1;
            if *count == 1 {
                self.outputs.push_back(Output::Join(ifindex, group));
            }
        } else {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.groups.remove(&(ifindex, group));
                self.outputs.push_back(Output::Leave(ifindex, group));
            }
        }
    }

    /// Waiting is over, or a designated router told itself.
    pub(crate) fn waiting_ends(&mut self, ik: InterfaceKey, now: Instant) {
        self.timers.cancel(Timer::Wait(ik));
        if self.interface(ik).is_some_and(|iface| iface.state == InterfaceState::Waiting) {
            self.elect(ik, now);
        }
    }

    /// Something that decides who is designated router changed.
    pub(crate) fn candidates_changed(&mut self, ik: InterfaceKey, now: Instant) {
        if self.interface(ik).is_some_and(|iface| iface.has_dr() && iface.state > InterfaceState::Waiting) {
            self.elect(ik, now);
        }
    }

    /// Elects designated routers (RFC 2328 section 9.4) and acts upon the outcome.
    fn elect(&mut self, ik: InterfaceKey, now: Instant) {
        let own = self.config.router_id;
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let before = (iface.dr, iface.bdr);
        let outcome = elect::elect(iface, own);
        (iface.dr, iface.bdr) = (outcome.dr, outcome.bdr);
        let area = iface.config.area;
        let unpolled =
            iface.network() == NetworkType::NonBroadcast && outcome.state > InterfaceState::DrOther;
        if before != (outcome.dr, outcome.bdr) {
            self.dirty.interface(ik, area);
        }
        self.set_interface_state(ik, outcome.state);
        if unpolled {
            self.poll_all(ik, now);
        }
        if before != (outcome.dr, outcome.bdr) {
            self.adjacencies_again(ik, Cause::AdjOk, now);
        }
    }

    /// Looks at all neighbors anew: which adjacencies are to be.
    pub(crate) fn adjacencies_again(&mut self, ik: InterfaceKey, cause: Cause, now: Instant) {
        let keys: Vec<_> =
            self.interface(ik).map(|i| i.neighbors.keys().copied().collect()).unwrap_or_default();
        for nk in keys {
            self.adjacency_ok(ik, nk, cause, now);
        }
    }

    /// Half an hour at most: an interval by which timers of an interface are set.
    pub(crate) fn retransmit_interval(&self, ik: InterfaceKey) -> Duration {
        self.interface(ik).map_or(Duration::from_secs(5), |iface| iface.config.retransmit)
    }
}
