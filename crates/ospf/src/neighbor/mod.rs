//! Neighbors: their state machine (RFC 2328 section 10).
//!
//! # Invariants
//! * What an exchange needs (summary, requests, retransmissions) is there from ExStart on, and empty below.
//! * All lists hold keys of LSAs, once each: none is longer than a database.

mod exchange;
mod request;
mod retransmit;

pub(crate) use retransmit::Retransmit;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use ferr_ospf_wire::{Hello, HelloLink, LsaHeader, Options, Version};
use ferr_types::RouterId;

use crate::auth::LastSequences;
use crate::config::InterfaceKey;
use crate::flood::SendQueue;
use crate::instance::{BfdPeer, Instance};
use crate::interface::Interface;
use crate::io::{Cause, NeighborChange, NeighborState, Output};
use crate::lsdb::LsaKey;
use crate::timer::Timer;

pub(crate) use exchange::{Exchange, is_opaque};

/// Names a neighbor on its interface: its address, or its router ID where RFC 2328 section 10.5 and RFC 5340 say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NeighborKey(pub(crate) Ipv4Addr);

/// One neighbor.
#[derive(Debug)]
pub(crate) struct Neighbor {
    pub(crate) key: NeighborKey,
    pub(crate) router: RouterId,
    pub(crate) addr: IpAddr,
    pub(crate) priority: u8,
    pub(crate) dr: Ipv4Addr,
    pub(crate) bdr: Ipv4Addr,
    pub(crate) options: Options,
    pub(crate) interface_id: u32,
    pub(crate) state: NeighborState,
    pub(crate) since: Instant,
    pub(crate) changed: Instant,
    pub(crate) changes: u32,
    pub(crate) progressive: Option<Instant>,
    pub(crate) regressive: Option<(Instant, Cause)>,
    /// Last sequence numbers of authentication.
    pub(crate) sequences: LastSequences,
    /// Exchange of databases.
    pub(crate) dd: Exchange,
    /// LSAs to be asked for, as described.
    pub(crate) requests: BTreeMap<LsaKey, LsaHeader>,
    /// Those in the last Link State Request that did not come yet.
    pub(crate) asked: usize,
    /// LSAs that it did not acknowledge.
    pub(crate) retransmit: Retransmit,
    /// LSAs that wait to be sent to it.
    pub(crate) queue: SendQueue,
    /// When an LSA that it has an older instance of was sent back to it.
    pub(crate) sent_back: BTreeMap<LsaKey, Instant>,
    /// It restarts, and its adjacency is advertised until then.
    pub(crate) helped: Option<Instant>,
}

impl Neighbor {
    pub(crate) fn new(key: NeighborKey, router: RouterId, addr: IpAddr, sequence: u32, now: Instant) -> Self {
        Self {
            key,
            router,
            addr,
            priority: 0,
            dr: Ipv4Addr::UNSPECIFIED,
            bdr: Ipv4Addr::UNSPECIFIED,
            options: Options::empty(),
            interface_id: 0,
            state: NeighborState::Down,
            since: now,
            changed: now,
            changes: 0,
            progressive: None,
            regressive: None,
            sequences: LastSequences::default(),
            dd: Exchange::new(sequence),
            requests: BTreeMap::new(),
            asked: 0,
            retransmit: Retransmit::default(),
            queue: SendQueue::default(),
            sent_back: BTreeMap::new(),
            helped: None,
        }
    }

    /// How it is known as designated router.
    pub(crate) const fn identity(&self, version: Version) -> Ipv4Addr {
        match (version, self.addr) {
            (Version::V2, IpAddr::V4(addr)) => addr,
            _ => self.router.0,
        }
    }

    /// Takes over what a Hello says.
    pub(crate) const fn hello(&mut self, hello: &Hello) {
        self.priority = hello.priority;
        self.dr = hello.designated;
        self.bdr = hello.backup;
        self.options = hello.options;
        if let HelloLink::Interface(id) = hello.link {
            self.interface_id = id;
        }
    }

    /// Its adjacency is advertised.
    pub(crate) fn is_full(&self) -> bool {
        self.state == NeighborState::Full || self.helped.is_some()
    }

    /// LSAs are flooded to it.
    pub(crate) fn takes_floods(&self) -> bool {
        self.state >= NeighborState::Exchange
    }

    /// It takes opaque LSAs (RFC 5250 section 3); in OSPFv3 all take all.
    pub(crate) const fn takes_opaque(&self) -> bool {
        self.dd.options.contains(Options::O)
    }

    fn forget_exchange(&mut self) {
        self.requests.clear();
        self.asked = 0;
        self.retransmit.clear();
        self.queue.clear();
        self.sent_back.clear();
        self.dd.clear();
    }
}

impl Instance {
    pub(crate) fn neighbor(&self, ik: InterfaceKey, nk: NeighborKey) -> Option<&Neighbor> {
        self.ifaces.get(&ik)?.neighbors.get(&nk)
    }

    pub(crate) fn neighbor_mut(&mut self, ik: InterfaceKey, nk: NeighborKey) -> Option<&mut Neighbor> {
        self.ifaces.get_mut(&ik)?.neighbors.get_mut(&nk)
    }

    /// Sets the state and does what every change needs.
    pub(crate) fn set_neighbor_state(
        &mut self,
        ik: InterfaceKey,
        nk: NeighborKey,
        to: NeighborState,
        cause: Cause,
        now: Instant,
    ) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let Some(neighbor) = iface.neighbors.get_mut(&nk) else { return };
        let from = neighbor.state;
        if from == to {
            return;
        }
        neighbor.state = to;
        neighbor.changed = now;
        neighbor.changes += 1;
        if to > from {
            neighbor.progressive = Some(now);
        } else {
            neighbor.regressive = Some((now, cause));
        }
        if to < NeighborState::ExStart {
            neighbor.forget_exchange();
        }
        let change = NeighborChange {
            interface: ik,
            name: iface.config.name.clone(),
            area: iface.config.area,
            router: neighbor.router,
            addr: neighbor.addr,
            from,
            to,
            cause,
        };
        self.outputs.push_back(Output::Neighbor(change));
        let (area, bfd) = (iface.config.area, iface.config.bfd);
        let crossed = |state: NeighborState| (from >= state) != (to >= state);
        if to < NeighborState::ExStart {
            for timer in [Timer::Exchange(ik, nk), Timer::Request(ik, nk), Timer::Retransmit(ik, nk)] {
                self.timers.cancel(timer);
            }
        }
        if crossed(NeighborState::Full) {
            self.dirty.interface(ik, area);
            self.dirty.restart = true;
        }
        if crossed(NeighborState::TwoWay) {
            self.dirty.links = true;
            if bfd {
                self.outputs.push_back(Output::BfdPeersChanged);
            }
            self.candidates_changed(ik, now);
        }
    }

    /// The neighbor sees us.
    pub(crate) fn two_way(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        if self.neighbor(ik, nk).is_none_or(|neighbor| neighbor.state >= NeighborState::TwoWay) {
            return;
        }
        let Some(iface) = self.interface(ik) else { return };
        let wanted = iface.neighbors.get(&nk).is_some_and(|neighbor| iface.wants_adjacency(neighbor));
        if wanted && self.config.version == Version::V2 {
            // Straight to ExStart, as FRR's ospfd counts it; its ospf6d counts 2-Way on the way.
            self.start_exchange(ik, nk, Cause::TwoWayReceived, now);
            return;
        }
        self.set_neighbor_state(ik, nk, NeighborState::TwoWay, Cause::TwoWayReceived, now);
        self.adjacency_ok(ik, nk, Cause::TwoWayReceived, now);
    }

    /// The neighbor sees us no longer.
    pub(crate) fn one_way(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        if self.neighbor(ik, nk).is_some_and(|neighbor| neighbor.state >= NeighborState::TwoWay) {
            self.set_neighbor_state(ik, nk, NeighborState::Init, Cause::OneWayReceived, now);
        }
    }

    /// Whether an adjacency is to be may have changed.
    pub(crate) fn adjacency_ok(&mut self, ik: InterfaceKey, nk: NeighborKey, cause: Cause, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let Some(neighbor) = iface.neighbors.get(&nk) else { return };
        let (state, wanted) = (neighbor.state, iface.wants_adjacency(neighbor));
        if state == NeighborState::TwoWay && wanted {
            self.start_exchange(ik, nk, cause, now);
        } else if state > NeighborState::TwoWay && !wanted {
            self.set_neighbor_state(ik, nk, NeighborState::TwoWay, cause, now);
        }
    }

    /// Neighbor is lost.
    pub(crate) fn lose_neighbor(&mut self, ik: InterfaceKey, nk: NeighborKey, cause: Cause, now: Instant) {
        self.set_neighbor_state(ik, nk, NeighborState::Down, cause, now);
        if self.neighbor(ik, nk).is_some_and(|neighbor| neighbor.helped.is_some()) {
            self.neighbor_content_changed(ik);
        }
        for timer in [Timer::Dead(ik, nk), Timer::Helper(ik, nk)] {
            self.timers.cancel(timer);
        }
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let Some(neighbor) = iface.neighbors.remove(&nk) else { return };
        self.unheard(ik, neighbor.addr, now);
        self.candidates_changed(ik, now);
    }

    /// Nothing was heard for RouterDeadInterval.
    pub(crate) fn dead_timer(&mut self, ik: InterfaceKey, nk: NeighborKey, now: Instant) {
        if self.neighbor(ik, nk).is_some_and(|neighbor| neighbor.helped.is_some()) {
            return;
        }
        self.lose_neighbor(ik, nk, Cause::InactivityTimer, now);
    }

    /// Something that own LSAs say of a neighbor changed without its state.
    pub(crate) fn neighbor_content_changed(&mut self, ik: InterfaceKey) {
        if let Some(area) = self.interface(ik).map(Interface::area) {
            self.dirty.interface(ik, area);
            self.dirty.links = true;
        }
    }

    /// Whom BFD is to watch.
    pub(crate) fn watched(&self) -> impl Iterator<Item = (InterfaceKey, NeighborKey, BfdPeer)> {
        self.ifaces.values().filter(|iface| iface.config.bfd).flat_map(|iface| {
            let up = iface.neighbors.values().filter(|neighbor| neighbor.state >= NeighborState::TwoWay);
            up.filter_map(|neighbor| {
                let peer =
                    BfdPeer { ifindex: iface.ifindex()?, local: iface.source()?, remote: neighbor.addr };
                Some((iface.key, neighbor.key, peer))
            })
        })
    }
}
