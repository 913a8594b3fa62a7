//! One OSPF router: inputs, outputs, and who is told what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_ospf_wire::Version;
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, Prefix, Protocol, RouteUpdate, RouterId};

use crate::auth::Sequence;
use crate::config::{InstanceConfig, InterfaceKey};
use crate::flood::Ages;
use crate::interface::{Interface, router_down};
use crate::io::{Cause, Group, Output, Received};
use crate::lsdb::Lsdb;
use crate::neighbor::NeighborKey;
use crate::notice::Notices;
use crate::originate::{Issued, OwnLsas};
use crate::restart::Restart;
use crate::routing::{ForeignRoute, Inputs, LocalLink, LocalNeighbor, Routing};
use crate::timer::{Random, Timer, Timers};

/// Whom BFD is to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BfdPeer {
    /// Link.
    pub ifindex: IfIndex,
    /// Own address.
    pub local: IpAddr,
    /// Neighbor's address.
    pub remote: IpAddr,
}

/// What `clear` resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clear {
    /// Everything: all adjacencies and the database.
    Process,
    /// The neighbors of an interface, or of all.
    Interface(Option<IfIndex>),
    /// A neighbor, or all.
    Neighbor(Option<RouterId>),
    /// Counters of packets.
    Counters(Option<IfIndex>),
}

/// What an instance starts from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start {
    /// Random and secret.
    pub seed: u64,
    /// High 32 bits of cryptographic sequence numbers, larger than in any earlier life (RFC 7474 section 3); the driver keeps it.
    /// Seconds of the system's clock serve best: sequence numbers of 32 bits begin with it and count on in seconds.
    pub boot_count: u32,
    /// A graceful restart was announced before the last end and still may run for so long.
    pub restarting: Option<Duration>,
}

/// What has to be looked at before the end of an input.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    /// Router-LSAs.
    pub(crate) areas: BTreeSet<AreaId>,
    /// LSAs of interfaces.
    pub(crate) ifaces: BTreeSet<InterfaceKey>,
    /// Links as routes see them.
    pub(crate) links: bool,
    /// Interfaces with something to send.
    pub(crate) busy: BTreeSet<InterfaceKey>,
    /// An own restart may be over.
    pub(crate) restart: bool,
    /// Neighbors that may have all now.
    pub(crate) loaded: BTreeSet<(InterfaceKey, NeighborKey)>,
}

impl Dirty {
    /// An interface or its neighbors changed.
    pub(crate) fn interface(&mut self, ik: InterfaceKey, area: AreaId) {
        self.areas.insert(area);
        self.ifaces.insert(ik);
        self.links = true;
        // An end of a virtual link says so in the area that it goes through.
        if let InterfaceKey::Virtual(transit, _) = ik {
            self.areas.insert(transit);
        }
    }
}

/// Rounds after which an input has come to rest for certain.
const MAX_ROUNDS: usize = 16;
/// Timers that are handled in one call at most.
const MAX_TIMERS: usize = 4096;

/// One OSPF router.
#[derive(Debug)]
pub struct Instance {
    pub(crate) config: InstanceConfig,
    pub(crate) policy: Arc<PolicySet>,
    pub(crate) lsdb: Lsdb,
    pub(crate) own: OwnLsas,
    pub(crate) issued: Issued,
    pub(crate) routing: Routing,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) started: Instant,
    pub(crate) ifaces: BTreeMap<InterfaceKey, Interface>,
    pub(crate) timers: Timers,
    pub(crate) ages: Ages,
    pub(crate) dirty: Dirty,
    pub(crate) sequence: Sequence,
    pub(crate) groups: BTreeMap<(IfIndex, Group), u32>,
    pub(crate) notices: Notices,
    pub(crate) restart: Restart,
    pub(crate) random: Random,
    links: Vec<LocalLink>,
}

impl Instance {
    /// An instance that is configured at once.
    pub fn new(config: InstanceConfig, policy: Arc<PolicySet>, start: Start, now: Instant) -> Self {
        let version = config.version;
        let mut instance = Self {
            config,
            policy,
            lsdb: Lsdb::new(version),
            own: OwnLsas::default(),
            issued: Issued::default(),
            routing: Routing::new(version),
            outputs: VecDeque::new(),
            started: now,
            ifaces: BTreeMap::new(),
            timers: Timers::default(),
            ages: Ages::default(),
            dirty: Dirty::default(),
            sequence: Sequence::new(start.boot_count, now),
            groups: BTreeMap::new(),
            notices: Notices::default(),
            restart: Restart::default(),
            random: Random::new(start.seed),
            links: Vec::new(),
        };
        instance.begin(start, now);
        instance.configure_interfaces(now, |_| false);
        instance.update_virtual_links(now);
        instance.routing.reconfigured(now);
        instance.settle(now);
        instance
    }

    /// Changes what is configured and what is known of links; differences alone have effects. Version and VRF stay.
    pub fn configure(&mut self, config: InstanceConfig, now: Instant) {
        if config == self.config && !self.ifaces.values().any(|iface| iface.carrier_lost) {
            return;
        }
        self.reconfigure(config, now);
        self.settle(now);
    }

    /// Policy changed.
    pub fn set_policy(&mut self, policy: Arc<PolicySet>, changed: impl Fn(&str) -> bool, now: Instant) {
        self.policy = policy;
        let filtered: Vec<InterfaceKey> = self
            .ifaces
            .values()
            .filter(|iface| iface.config.neighbor_filter.as_deref().is_some_and(&changed))
            .map(|iface| iface.key)
            .collect();
        for ik in filtered {
            self.filter_neighbors(ik, now);
        }
        self.routing.reconfigured(now);
        self.settle(now);
    }

    /// What is configured.
    pub const fn config(&self) -> &InstanceConfig {
        &self.config
    }

    /// Version.
    pub const fn version(&self) -> Version {
        self.config.version
    }

    /// A packet came.
    pub fn receive(&mut self, packet: &Received<'_>, now: Instant) {
        if router_down(&self.config) {
            return;
        }
        self.take_in(packet, now);
        self.settle(now);
    }

    /// A link lost its carrier: known before a configuration can say so.
    pub fn link_down(&mut self, ifindex: IfIndex, now: Instant) {
        for ik in self.keys_on(ifindex) {
            self.interface_down(ik, Cause::InterfaceDown, now);
            if let Some(iface) = self.ifaces.get_mut(&ik) {
                iface.carrier_lost = true;
            }
        }
        self.settle(now);
    }

    /// A link has its carrier again after [`Self::link_down`]: needed where no configuration said in between that it was down.
    pub fn link_up(&mut self, ifindex: IfIndex, now: Instant) {
        for ik in self.keys_on(ifindex) {
            let Some(iface) = self.ifaces.get_mut(&ik).filter(|iface| iface.carrier_lost) else { continue };
            iface.carrier_lost = false;
            if iface.config.up && !router_down(&self.config) {
                self.interface_up(ik, now);
            }
        }
        self.settle(now);
    }

    /// BFD lost a neighbor.
    pub fn bfd_down(&mut self, peer: BfdPeer, now: Instant) {
        let lost: Vec<_> =
            self.watched().filter(|(_, _, known)| *known == peer).map(|(ik, nk, _)| (ik, nk)).collect();
        // A neighbor that restarts is silent to BFD, too.
        let lost: Vec<_> = lost
            .into_iter()
            .filter(|(ik, nk): &(_, _)| self.neighbor(*ik, *nk).is_some_and(|n| n.helped.is_none()))
            .collect();
        for (ik, nk) in lost {
            self.lose_neighbor(ik, nk, Cause::BfdDown, now);
        }
        self.settle(now);
    }

    /// Whom BFD is to watch, with the profile's interface.
    pub fn bfd_peers(&self) -> Vec<BfdPeer> {
        self.watched().map(|(_, _, peer)| peer).collect()
    }

    /// Another protocol offers a route.
    pub fn redistribute(&mut self, route: ForeignRoute, now: Instant) {
        self.routing.redistribute(route, now);
    }

    /// Another protocol offers a route no longer.
    pub fn redistribute_withdraw(&mut self, prefix: Prefix, protocol: Protocol, instance: u16, now: Instant) {
        self.routing.redistribute_withdraw(prefix, protocol, instance, now);
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        for _ in 0..MAX_TIMERS {
            let Some(timer) = self.timers.pop(now) else { break };
            self.timer(timer, now);
        }
        self.ages_due(now);
        if self.routing.poll_timeout().is_some_and(|due| due <= now) {
            self.run_routing(now);
        }
        self.settle(now);
    }

    fn timer(&mut self, timer: Timer, now: Instant) {
        match timer {
            Timer::Hello(ik) => self.hello_timer(ik, now),
            Timer::Wait(ik) => self.waiting_ends(ik, now),
            Timer::Acks(ik) => self.ack_timer(ik, now),
            Timer::Bulk(ik) => self.turn(ik, now),
            Timer::Poll(ik, addr) => self.poll_timer(ik, addr, now),
            Timer::Dead(ik, nk) => self.dead_timer(ik, nk, now),
            Timer::Exchange(ik, nk) => self.exchange_timer(ik, nk, now),
            Timer::Request(ik, nk) => self.request_timer(ik, nk, now),
            Timer::Retransmit(ik, nk) => self.retransmit_timer(ik, nk, now),
            Timer::Issue(scope, kind, id) => self.issue_timer((scope, kind, id), now),
            Timer::Sweep => self.sweep(now),
            Timer::Helper(ik, nk) => self.helper_timer(ik, nk, now),
            Timer::End => {}
            Timer::Unprepare => self.unprepare(),
            Timer::StubEnd => self.stub_ends(),
            Timer::RestartEnd => self.restart_ends(false, now),
        }
    }

    pub(crate) fn run_routing(&mut self, now: Instant) {
        self.refresh_links(now);
        let inputs = Inputs {
            config: &self.config,
            links: &self.links,
            policy: &self.policy,
            restarting: self.restart.is_restarting(),
        };
        self.routing.run(now, &inputs, &mut self.own);
        self.dirty.areas.extend(self.ifaces.values().map(Interface::area));
        self.update_virtual_links(now);
    }

    /// Does what an input made necessary.
    pub(crate) fn settle(&mut self, now: Instant) {
        for _ in 0..MAX_ROUNDS {
            for (ik, nk) in std::mem::take(&mut self.dirty.loaded) {
                self.loaded(ik, nk, now);
            }
            if std::mem::take(&mut self.dirty.restart) {
                self.check_restart(now);
            }
            self.describe();
            let issued = self.issue_changed(now);
            let rest =
                self.dirty.areas.is_empty() && self.dirty.ifaces.is_empty() && self.dirty.loaded.is_empty();
            if rest && !issued {
                break;
            }
        }
        self.refresh_links(now);
        self.drain(now);
        self.outputs.extend(self.notices.take(now).into_iter().map(Output::Notice));
    }

    /// Tells routes of links that changed.
    fn refresh_links(&mut self, now: Instant) {
        if !std::mem::take(&mut self.dirty.links) {
            return;
        }
        let links: Vec<LocalLink> = self.ifaces.values().filter_map(local_link).collect();
        if links != self.links {
            self.links = links;
            self.routing.links_changed(now);
        }
    }

    /// When time matters next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.first(), self.ages.first(), self.routing.poll_timeout()].into_iter().flatten().min()
    }

    /// What is to be done; to be asked until `None`, after each input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What the RIB has to be told.
    pub fn take_rib_updates(&mut self) -> Vec<RouteUpdate> {
        self.routing.take_rib_updates()
    }

    /// The database.
    pub const fn lsdb(&self) -> &Lsdb {
        &self.lsdb
    }
}

/// A link as routes see it.
fn local_link(iface: &Interface) -> Option<LocalLink> {
    let ifindex = iface.ifindex().filter(|_| iface.is_up())?;
    let neighbors = iface.neighbors.values().map(|neighbor| LocalNeighbor {
        router: neighbor.router,
        addr: neighbor.addr,
        interface_id: neighbor.interface_id,
        full: neighbor.is_full(),
    });
    Some(LocalLink {
        key: iface.key,
        area: iface.area(),
        network: iface.network(),
        ifindex,
        addr: iface.source(),
        interface_id: iface.id,
        cost: iface.cost(),
        neighbors: neighbors.collect(),
    })
}
