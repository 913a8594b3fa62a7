//! What happens in the kernel, as events.
//!
//! # Data
//! The monitor remembers links, addresses and foreign routes, so that a repeated dump (after lost events) becomes the few events that
//! tell the difference, and repeated messages without news become none.
//!
//! # Invariants
//! The socket joins its groups before the first dump, so nothing falls between; a message older than the dump may be
//! repeated, and later ones correct it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use ferr_rib::{Address, KERNEL_METRIC, KernelRoute, Link, LinkKind};
use ferr_types::{IfIndex, Metric, Prefix, TableId, VrfId};
use nix::errno::Errno;

use crate::decode;
use crate::dump::{Dumper, is_foreign_route, is_own_route};
use crate::encode::NEXTHOP_PROTOCOL;
use crate::msg::{
    Message, Messages, NLM_F_REPLACE, RTM_DELADDR, RTM_DELLINK, RTM_DELNEXTHOP, RTM_DELROUTE, RTM_NEWADDR,
    RTM_NEWLINK, RTM_NEWNEXTHOP, RTM_NEWROUTE,
};
use crate::sock::{Buffers, Socket};
use crate::{KernelEvent, OwnLost, speed};

const fn group(number: u32) -> u32 {
    1 << (number - 1)
}

/// LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE, NEXTHOP.
const GROUPS: u32 = group(1) | group(5) | group(7) | group(9) | group(11) | group(32);

/// Receive queue; the kernel counts about 1 KiB for one route message.
const RECEIVE: usize = 64 << 20;

/// Datagrams that one call takes in before it returns.
const DATAGRAMS: usize = 1024;

type RouteKey = (TableId, Prefix, Metric);

/// Knobs of the monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonitorOptions {
    /// Receive buffer in octets.
    pub receive_buffer: usize,
}

impl Default for MonitorOptions {
    fn default() -> Self {
        Self { receive_buffer: RECEIVE }
    }
}

/// A blocking monitor. Belongs to one thread, in the network namespace in which it was opened.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
    dumper: Dumper,
    ignored: Vec<u32>,
    links: BTreeMap<IfIndex, Link>,
    addresses: BTreeSet<Address>,
    routes: BTreeMap<RouteKey, KernelRoute>,
    pending: VecDeque<KernelEvent>,
}

impl Monitor {
    /// Joins the groups and takes the first dump, which the first [`Self::recv`] tells.
    pub fn open(options: MonitorOptions) -> nix::Result<Self> {
        let buffers = Buffers { send: 64 << 10, receive: options.receive_buffer };
        let mut monitor = Self {
            socket: Socket::open(GROUPS, buffers)?,
            dumper: Dumper::open()?,
            ignored: Vec::new(),
            links: BTreeMap::new(),
            addresses: BTreeSet::new(),
            routes: BTreeMap::new(),
            pending: VecDeque::new(),
        };
        monitor.resync()?;
        Ok(monitor)
    }

    /// Echoes of what these ports (our writers) do are dropped, in the kernel already.
    pub fn ignore_ports(&mut self, ports: &[u32]) -> nix::Result<()> {
        self.ignored = ports.to_vec();
        self.socket.ignore_ports(ports)
    }

    /// Events since the last call; waits at most `timeout` for the first.
    pub fn recv(&mut self, timeout: Option<Duration>) -> nix::Result<Vec<KernelEvent>> {
        let mut wait = if self.pending.is_empty() { timeout } else { Some(Duration::ZERO) };
        for _ in 0..DATAGRAMS {
            match self.socket.receive(wait) {
                Ok(None) => break,
                Ok(Some(datagram)) => {
                    let datagram = datagram.to_vec();
                    for message in Messages(&datagram) {
                        self.message(&message);
                    }
                }
                Err(Errno::ENOBUFS) => {
                    self.pending.push_back(KernelEvent::Overrun);
                    self.drain();
                    self.resync()?;
                }
                Err(error) => return Err(error),
            }
            wait = Some(Duration::ZERO);
        }
        Ok(self.pending.drain(..).collect())
    }

    /// Throws away what a dump is about to tell anew.
    fn drain(&mut self) {
        while matches!(self.socket.receive(Some(Duration::ZERO)), Ok(Some(_)) | Err(Errno::ENOBUFS)) {}
    }

    fn message(&mut self, message: &Message<'_>) {
        match message.kind {
            RTM_NEWLINK => {
                if let Some(link) = decode::link(message.payload) {
                    self.link(link);
                }
            }
            RTM_DELLINK => {
                if let Some(link) = decode::link(message.payload) {
                    self.link_gone(link.ifindex);
                }
            }
            RTM_NEWADDR => {
                if let Some(address) = decode::address(message.payload) {
                    self.address(address);
                }
            }
            RTM_DELADDR => {
                if let Some(address) = decode::address(message.payload) {
                    self.address_gone(address);
                }
            }
            RTM_NEWROUTE | RTM_DELROUTE => self.route_message(message),
            RTM_NEWNEXTHOP | RTM_DELNEXTHOP => self.nexthop_message(message),
            _ => {}
        }
    }

    fn is_ignored(&self, message: &Message<'_>) -> bool {
        message.port != 0 && self.ignored.contains(&message.port)
    }

    fn vrf_of(&self, link: &Link) -> VrfId {
        let is_vrf = |l: &Link| matches!(l.kind, LinkKind::Vrf(_));
        if is_vrf(link) {
            VrfId(link.ifindex.0)
        } else if self.links.get(&link.master).is_some_and(is_vrf) {
            VrfId(link.master.0)
        } else {
            VrfId::DEFAULT
        }
    }

    fn link(&mut self, mut link: Link) {
        link.vrf = self.vrf_of(&link);
        link.speed = speed::of(&self.socket, &link.name);
        let ifindex = link.ifindex;
        if self.links.get(&ifindex) == Some(&link) {
            return;
        }
        self.links.insert(ifindex, link.clone());
        self.pending.push_back(KernelEvent::Link(link));
        self.slaves_changed(ifindex);
    }

    fn link_gone(&mut self, ifindex: IfIndex) {
        if self.links.remove(&ifindex).is_none() {
            return;
        }
        let gone: Vec<Address> = self.addresses.iter().filter(|a| a.ifindex == ifindex).copied().collect();
        for address in gone {
            self.address_gone(address);
        }
        self.pending.push_back(KernelEvent::LinkGone(ifindex));
        self.slaves_changed(ifindex);
    }

    /// A slave may be told before its master.
    fn slaves_changed(&mut self, master: IfIndex) {
        let slaves: Vec<Link> = self.links.values().filter(|l| l.master == master).cloned().collect();
        for mut slave in slaves {
            let vrf = self.vrf_of(&slave);
            if slave.vrf != vrf {
                slave.vrf = vrf;
                self.links.insert(slave.ifindex, slave.clone());
                self.pending.push_back(KernelEvent::Link(slave));
            }
        }
    }

    fn address(&mut self, address: Address) {
        if self.addresses.contains(&address) {
            return;
        }
        let same =
            |a: &Address| a.ifindex == address.ifindex && a.addr == address.addr && a.peer == address.peer;
        self.addresses.retain(|a| !same(a));
        self.addresses.insert(address);
        self.pending.push_back(KernelEvent::AddressAdd(address));
    }

    fn address_gone(&mut self, address: Address) {
        let same =
            |a: &Address| a.ifindex == address.ifindex && a.addr == address.addr && a.peer == address.peer;
        let before = self.addresses.len();
        self.addresses.retain(|a| !same(a));
        if self.addresses.len() != before {
            self.pending.push_back(KernelEvent::AddressDel(address));
        }
    }

    fn route_message(&mut self, message: &Message<'_>) {
        if self.is_ignored(message) {
            return;
        }
        let Some(raw) = decode::route(message.payload) else { return };
        let route = raw.route;
        let added = message.kind == RTM_NEWROUTE;
        let lost = OwnLost::Route { table: route.table, prefix: route.prefix };
        if is_own_route(&route) {
            self.pending.push_back(KernelEvent::OwnLost(lost));
        } else if is_foreign_route(&route) {
            // A replacement of our route is told as a new route of theirs only.
            if added && message.flags & NLM_F_REPLACE != 0 && route.metric.0 == KERNEL_METRIC {
                self.pending.push_back(KernelEvent::OwnLost(lost));
            }
            if added { self.foreign_route(route) } else { self.foreign_route_gone(&route) }
        }
    }

    fn foreign_route(&mut self, route: KernelRoute) {
        let key = (route.table, route.prefix, route.metric);
        if self.routes.get(&key) != Some(&route) {
            self.routes.insert(key, route.clone());
            self.pending.push_back(KernelEvent::RouteAdd(route));
        }
    }

    fn foreign_route_gone(&mut self, route: &KernelRoute) {
        if let Some(old) = self.routes.remove(&(route.table, route.prefix, route.metric)) {
            self.pending.push_back(KernelEvent::RouteDel(old));
        }
    }

    fn nexthop_message(&mut self, message: &Message<'_>) {
        if self.is_ignored(message) {
            return;
        }
        let own = decode::nexthop(message.payload).filter(|(_, protocol)| *protocol == NEXTHOP_PROTOCOL);
        if let Some((id, _)) = own {
            self.pending.push_back(KernelEvent::OwnLost(OwnLost::Nexthop(id)));
        }
    }

    /// Dumps everything and tells the differences, then [`KernelEvent::Synced`].
    pub fn resync(&mut self) -> nix::Result<()> {
        let links = self.dumper.links()?;
        let addresses = self.dumper.addresses()?;
        let routes = self.dumper.foreign_routes()?;
        let present: BTreeSet<IfIndex> = links.iter().map(|l| l.ifindex).collect();
        let gone: Vec<IfIndex> = self.links.keys().filter(|i| !present.contains(i)).copied().collect();
        gone.into_iter().for_each(|ifindex| self.link_gone(ifindex));
        // Masters first, so that no slave is told twice.
        let (masters, others): (Vec<Link>, Vec<Link>) =
            links.into_iter().partition(|l| matches!(l.kind, LinkKind::Vrf(_)));
        masters.into_iter().chain(others).for_each(|link| self.link(link));
        let present: BTreeSet<Address> = addresses.iter().copied().collect();
        let gone: Vec<Address> = self.addresses.difference(&present).copied().collect();
        gone.into_iter().for_each(|address| self.address_gone(address));
        addresses.into_iter().for_each(|address| self.address(address));
        let present: BTreeSet<RouteKey> = routes.iter().map(|r| (r.table, r.prefix, r.metric)).collect();
        let gone: Vec<KernelRoute> =
            self.routes.iter().filter(|(key, _)| !present.contains(key)).map(|(_, r)| r.clone()).collect();
        gone.iter().for_each(|route| self.foreign_route_gone(route));
        routes.into_iter().for_each(|route| self.foreign_route(route));
        self.pending.push_back(KernelEvent::Synced);
        Ok(())
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
