//! Hellos: sending, checking and what they change (RFC 2328 sections 9.5 and 10.5, RFC 5340 section 4.2).

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use ferr_ospf_wire::{Hello, HelloLink, Options, Origin, PacketType, PacketWriter, Records, Version};
use ferr_types::{Afi, AreaId, Prefix, RouterId};

use super::Interface;
use crate::config::{AreaKind, InterfaceKey, NetworkType};
use crate::instance::Instance;
use crate::io::{Cause, InterfaceState, NeighborState, Notice, Refusal};
use crate::neighbor::{Neighbor, NeighborKey};
use crate::timer::Timer;

/// Neighbors of one interface at most: their router IDs have to fit into one Hello.
const MAX_NEIGHBORS: usize = 2048;
/// A new neighbor is answered at once, but not more often than so.
const HELLO_GAP: Duration = Duration::from_millis(200);
/// Octets of a Hello with [`MAX_NEIGHBORS`].
const MAX_HELLO: usize = 64 + 4 * MAX_NEIGHBORS;

/// Intervals as a Hello says them: 0 and 1 for the minimal dead interval.
fn intervals(iface: &Interface) -> (u16, u32) {
    let hello = u16::try_from(iface.config.hello.as_secs()).unwrap_or(u16::MAX);
    let dead = u32::try_from(iface.config.dead.as_secs().max(1)).unwrap_or(u32::MAX);
    (hello, dead)
}

fn mask(iface: &Interface) -> Ipv4Addr {
    match (iface.network(), iface.config.address, iface.config.unnumbered) {
        (NetworkType::Virtual, _, _) | (_, None, _) | (_, _, true) => Ipv4Addr::UNSPECIFIED,
        (_, Some((_, prefix)), false) => prefix.netmask(),
    }
}

impl Instance {
    /// Options of Hellos and of what else speaks for an area.
    pub(crate) fn area_options(&self, area: AreaId) -> Options {
        let kind = match self.config.areas.get(&area).map(|area| &area.kind) {
            None | Some(AreaKind::Normal) => Options::E,
            Some(AreaKind::Stub { .. }) => Options::empty(),
            Some(AreaKind::Nssa(_)) => Options::NP,
        };
        match self.config.version {
            Version::V2 => kind,
            Version::V3 => kind | Options::V6 | Options::R,
        }
    }

    /// Options of packets on an interface.
    pub(crate) fn packet_options(&self, iface: &Interface) -> Options {
        let options = self.area_options(iface.area());
        match (self.config.version, iface.config.auth.has_trailer()) {
            (Version::V3, true) => options | Options::AT,
            _ => options,
        }
    }

    /// Begins to send Hellos.
    pub(crate) fn start_hellos(&mut self, ik: InterfaceKey, now: Instant) {
        if self.interface(ik).is_some_and(Interface::is_static) {
            self.start_polling(ik, now);
        }
        self.hello_timer(ik, now);
    }

    /// Sends to all, and again after HelloInterval.
    pub(crate) fn hello_timer(&mut self, ik: InterfaceKey, now: Instant) {
        let Some(iface) = self.interface(ik).filter(|iface| iface.is_active()) else { return };
        let again = now + iface.config.hello.max(Duration::from_millis(10));
        self.timers.set(Timer::Hello(ik), again);
        self.send_hello_all(ik, now);
    }

    pub(crate) fn send_hello_all(&mut self, ik: InterfaceKey, now: Instant) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        iface.hello_sent = Some(now);
        if iface.network() == NetworkType::Virtual {
            if let Some(path) = iface.path {
                self.send_hello(ik, path.remote, now);
            }
        } else if iface.is_static() {
            for addr in self.hello_targets(ik) {
                self.send_hello(ik, addr, now);
            }
        } else {
            let group = crate::send::all_spf_routers(self.config.version);
            self.send_hello(ik, group, now);
        }
    }

    /// Answers a router that was not known, so that an adjacency need not wait for HelloInterval.
    fn hello_soon(&mut self, ik: InterfaceKey, now: Instant) {
        let Some(iface) = self.interface(ik).filter(|iface| iface.is_active()) else { return };
        if iface.hello_sent.is_none_or(|sent| now.saturating_duration_since(sent) >= HELLO_GAP) {
            self.send_hello_all(ik, now);
        }
    }

    /// Sends one Hello.
    pub(crate) fn send_hello(&mut self, ik: InterfaceKey, to: IpAddr, now: Instant) {
        let Some(iface) = self.interface(ik).filter(|iface| iface.is_active()) else { return };
        let (hello_interval, dead_interval) = intervals(iface);
        let hello = Hello {
            link: match self.config.version {
                Version::V2 => HelloLink::Mask(mask(iface)),
                Version::V3 => HelloLink::Interface(iface.id),
            },
            hello_interval,
            options: self.packet_options(iface),
            priority: if iface.has_dr() { iface.config.priority } else { iface.config.priority.max(1) },
            dead_interval,
            designated: iface.dr,
            backup: iface.bdr,
        };
        let mut buf = [0; MAX_HELLO];
        let Ok(mut writer) = PacketWriter::hello(&mut buf, &self.origin(iface), &hello) else { return };
        let mut heard: Vec<RouterId> = iface.neighbors.values().map(|neighbor| neighbor.router).collect();
        heard.dedup();
        for router in heard {
            if writer.push(&router).is_err() {
                break;
            }
        }
        let Ok(len) = writer.finish() else { return };
        self.transmit(ik, to, PacketType::Hello, buf.get(..len).unwrap_or_default(), now);
    }

    /// A Hello came and is authentic.
    pub(crate) fn on_hello(
        &mut self,
        ik: InterfaceKey,
        origin: &Origin,
        source: IpAddr,
        hello: &Hello,
        heard: Records<'_, RouterId>,
        now: Instant,
    ) -> Result<NeighborKey, Refusal> {
        self.check_hello(ik, hello)?;
        let nk = self.know_neighbor(ik, origin.router, source, now)?;
        let own = self.config.router_id;
        let Some(iface) = self.ifaces.get_mut(&ik) else { return Err(Refusal::Interface) };
        let Some(neighbor) = iface.neighbors.get_mut(&nk) else { return Err(Refusal::Neighbor) };
        let identity = neighbor.identity(iface.version);
        let before = (neighbor.priority, neighbor.dr, neighbor.bdr);
        let number = neighbor.interface_id;
        let helped = neighbor.helped.is_some();
        neighbor.hello(hello);
        if helped {
            // It has to learn first who leads; until then it is what it was.
            (neighbor.priority, neighbor.dr, neighbor.bdr) = before;
        }
        let (number_changed, state) = (number != neighbor.interface_id, neighbor.state);
        let dead = iface.config.dead;
        self.timers.set(Timer::Dead(ik, nk), now + dead);
        let fresh = state < NeighborState::Init;
        if fresh {
            self.set_neighbor_state(ik, nk, NeighborState::Init, Cause::HelloReceived, now);
            self.hello_soon(ik, now);
        }
        if heard.iter().any(|router| router == own) {
            self.two_way(ik, nk, now);
        } else if !helped && !fresh {
            // A router that restarts gracefully has to learn first who is there.
            self.one_way(ik, nk, now);
        }
        if number_changed && !fresh {
            self.neighbor_content_changed(ik);
        }
        if !helped {
            self.roles_changed(ik, identity, before, hello, now);
        }
        self.answer_hello(ik, nk, source, now);
        Ok(nk)
    }

    /// What the Hello says of designated routers (end of section 10.5).
    fn roles_changed(
        &mut self,
        ik: InterfaceKey,
        identity: Ipv4Addr,
        before: (u8, Ipv4Addr, Ipv4Addr),
        hello: &Hello,
        now: Instant,
    ) {
        let Some(iface) = self.interface(ik).filter(|iface| iface.has_dr()) else { return };
        let none = Ipv4Addr::UNSPECIFIED;
        if iface.state == InterfaceState::Waiting {
            let me = iface.identity(self.config.router_id);
            let restarting = self.restart.is_restarting();
            let (led, backed_up) =
                (hello.designated == me, hello.backup == me && hello.designated == identity);
            if restarting && (led || backed_up) {
                // What this router was before the restart it is again.
                if let Some(iface) = self.ifaces.get_mut(&ik) {
                    (iface.dr, iface.bdr) = if led { (me, none) } else { (none, me) };
                }
                self.waiting_ends(ik, now);
                // Helpers elect from the last Hello as soon as the restart is over.
                self.send_hello_all(ik, now);
                return;
            }
            let alone = hello.designated == identity && hello.backup == none;
            if alone || hello.backup == identity {
                self.waiting_ends(ik, now);
            }
            return;
        }
        let (priority, dr, bdr) = before;
        let claims = |now: Ipv4Addr, before: Ipv4Addr| (now == identity) != (before == identity);
        if priority != hello.priority || claims(hello.designated, dr) || claims(hello.backup, bdr) {
            self.candidates_changed(ik, now);
        }
    }

    fn check_hello(&self, ik: InterfaceKey, hello: &Hello) -> Result<(), Refusal> {
        let iface = self.interface(ik).ok_or(Refusal::Interface)?;
        let (hello_interval, dead_interval) = intervals(iface);
        if let HelloLink::Mask(theirs) = hello.link
            && !matches!(iface.network(), NetworkType::PointToPoint | NetworkType::Virtual)
            && !iface.config.unnumbered
            && theirs != mask(iface)
        {
            return Err(Refusal::Mask);
        }
        // Sub-second intervals are nobody else's matter.
        if hello_interval != 0 && hello.hello_interval != hello_interval {
            return Err(Refusal::HelloInterval);
        }
        if hello.dead_interval != dead_interval {
            return Err(Refusal::DeadInterval);
        }
        let kinds = Options::E | Options::NP;
        if self.packet_options(iface) & kinds != hello.options & kinds {
            return Err(Refusal::Options);
        }
        if self.config.version == Version::V3 && !hello.options.contains(Options::V6) {
            return Err(Refusal::Options);
        }
        Ok(())
    }

    /// Finds the neighbor, or makes it when it is allowed.
    fn know_neighbor(
        &mut self,
        ik: InterfaceKey,
        router: RouterId,
        source: IpAddr,
        now: Instant,
    ) -> Result<NeighborKey, Refusal> {
        let iface = self.interface(ik).ok_or(Refusal::Interface)?;
        let nk = iface.neighbor_key(router, source);
        if !self.is_allowed(iface, source) {
            return Err(Refusal::NotAllowed);
        }
        let rivals: Vec<NeighborKey> =
            iface.neighbors.values().filter(|n| n.key == nk || n.router == router).map(|n| n.key).collect();
        for rival in rivals {
            let Some(known) = self.neighbor(ik, rival) else { continue };
            if known.router == router && known.addr == source {
                return Ok(nk);
            }
            if let InterfaceKey::Virtual(_, _) = ik {
                self.neighbor_mut(ik, rival).into_iter().for_each(|known| known.addr = source);
                self.dirty.links = true;
                return Ok(nk);
            }
            if known.router == router && !self.missed_hellos(ik, rival, now) {
                // Another sender with the same router ID: who was first stays until it is silent.
                let name = self.interface(ik).map(|iface| iface.config.name.clone()).unwrap_or_default();
                self.notices.push(Notice::DuplicateRouterId { name, source });
                return Err(Refusal::NotAllowed);
            }
            self.lose_neighbor(ik, rival, Cause::HelloReceived, now);
        }
        let Some(iface) = self.ifaces.get_mut(&ik) else { return Err(Refusal::Interface) };
        if iface.neighbors.len() >= MAX_NEIGHBORS {
            return Err(Refusal::NotAllowed);
        }
        let sequence = self.random.next() as u32;
        iface.neighbors.insert(nk, Neighbor::new(nk, router, source, sequence, now));
        if let Some(configured) = iface.statics.get_mut(&source) {
            configured.heard = Some(nk);
        }
        Ok(nk)
    }

    /// Whether a neighbor was not heard for two Hellos.
    fn missed_hellos(&self, ik: InterfaceKey, nk: NeighborKey, now: Instant) -> bool {
        let Some(config) = self.interface(ik).map(|iface| &iface.config) else { return false };
        let patience = config.dead.saturating_sub(config.hello * 2);
        self.timers.get(Timer::Dead(ik, nk)).is_none_or(|due| due <= now + patience)
    }

    /// On networks without broadcast neighbors are configured; elsewhere a prefix list may choose them.
    pub(super) fn is_allowed(&self, iface: &Interface, source: IpAddr) -> bool {
        if iface.is_static() && !iface.config.neighbors.contains_key(&source) {
            return false;
        }
        let Some(name) = &iface.config.neighbor_filter else { return true };
        let afi = if source.is_ipv4() { Afi::Ipv4 } else { Afi::Ipv6 };
        match self.policy.prefix_list(afi, name) {
            Some(list) => list.evaluate(Prefix::host(source)) == ferr_policy::Action::Permit,
            None => false,
        }
    }
}
