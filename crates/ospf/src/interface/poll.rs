//! Networks without broadcast: whom Hellos are sent to, and how often (RFC 2328 section 9.5.1).

use std::net::IpAddr;
use std::time::Instant;

use crate::config::{InterfaceKey, NetworkType, StaticNeighbor};
use crate::instance::Instance;
use crate::io::NeighborState;
use crate::neighbor::NeighborKey;
use crate::timer::Timer;

/// A configured neighbor.
#[derive(Debug)]
pub(crate) struct Static {
    pub(crate) settings: StaticNeighbor,
    /// The neighbor, when it was heard.
    pub(crate) heard: Option<NeighborKey>,
}

impl Instance {
    /// Takes over the configured neighbors and polls them.
    pub(super) fn start_polling(&mut self, ik: InterfaceKey, now: Instant) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let heard: Vec<(IpAddr, NeighborKey)> = iface.neighbors.values().map(|n| (n.addr, n.key)).collect();
        let dropped: Vec<IpAddr> =
            iface.statics.keys().filter(|addr| !iface.config.neighbors.contains_key(addr)).copied().collect();
        for addr in &dropped {
            iface.statics.remove(addr);
        }
        for (addr, settings) in &iface.config.neighbors {
            let heard = heard.iter().find(|(known, _)| known == addr).map(|(_, nk)| *nk);
            iface.statics.insert(*addr, Static { settings: *settings, heard });
        }
        let gone: Vec<NeighborKey> =
            heard.iter().filter(|(addr, _)| !iface.statics.contains_key(addr)).map(|(_, nk)| *nk).collect();
        for addr in dropped {
            self.timers.cancel(Timer::Poll(ik, addr));
        }
        for nk in gone {
            self.lose_neighbor(ik, nk, crate::io::Cause::Reconfigured, now);
        }
        self.poll_all(ik, now);
    }

    /// Polls those that are silent.
    pub(super) fn poll_all(&mut self, ik: InterfaceKey, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        let silent: Vec<IpAddr> =
            iface.statics.iter().filter(|(_, known)| known.heard.is_none()).map(|(addr, _)| *addr).collect();
        for addr in silent {
            self.timers.set(Timer::Poll(ik, addr), now);
        }
    }

    /// A silent neighbor gets a Hello, whatever priority it is configured with: it may have another, and may wait for ours.
    pub(crate) fn poll_timer(&mut self, ik: InterfaceKey, addr: IpAddr, now: Instant) {
        let Some(iface) = self.interface(ik).filter(|iface| iface.is_active()) else { return };
        let Some(known) = iface.statics.get(&addr).filter(|known| known.heard.is_none()) else { return };
        let again = now + known.settings.poll;
        self.timers.set(Timer::Poll(ik, addr), again);
        self.send_hello(ik, addr, now);
    }

    /// A neighbor is lost: it is polled from now on.
    pub(crate) fn unheard(&mut self, ik: InterfaceKey, addr: IpAddr, now: Instant) {
        let Some(iface) = self.ifaces.get_mut(&ik) else { return };
        let Some(known) = iface.statics.get_mut(&addr) else { return };
        known.heard = None;
        let poll = known.settings.poll;
        self.timers.set(Timer::Poll(ik, addr), now + poll);
    }

    /// Neighbors that get a Hello every HelloInterval.
    pub(super) fn hello_targets(&self, ik: InterfaceKey) -> Vec<IpAddr> {
        let Some(iface) = self.interface(ik) else { return Vec::new() };
        let leads = iface.leads() || iface.network() != NetworkType::NonBroadcast;
        let eligible = iface.config.priority > 0;
        let heard = iface.neighbors.values().filter(|neighbor| {
            let identity = neighbor.identity(iface.version);
            leads
                || if eligible {
                    neighbor.priority > 0
                } else {
                    identity == iface.dr || identity == iface.bdr
                }
        });
        heard.map(|neighbor| neighbor.addr).collect()
    }

    /// On NBMA networks a router that may not lead answers those that may.
    pub(super) fn answer_hello(&mut self, ik: InterfaceKey, nk: NeighborKey, source: IpAddr, now: Instant) {
        let Some(iface) = self.interface(ik) else { return };
        if iface.network() != NetworkType::NonBroadcast || iface.config.priority > 0 {
            return;
        }
        let answered = iface.neighbors.get(&nk).is_some_and(|neighbor| {
            let identity = neighbor.identity(iface.version);
            neighbor.state >= NeighborState::Init
                && neighbor.priority > 0
                && identity != iface.dr
                && identity != iface.bdr
        });
        if answered {
            self.send_hello(ik, source, now);
        }
    }
}
