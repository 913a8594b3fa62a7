//! BFD as the driver tells of it: sessions end with it, and strict ones wait for it.
//!
//! # Invariants
//! * A neighbor that is not strict loses its session only to a BFD session that was up.
//! * A strict neighbor is kept in Idle while BFD is not up. A session that stands when the neighbor becomes strict, or whose BFD session
//!   is taken out of service, has the hold time until BFD is up.
//!
//! RFC 5882 sections 3.2 and 4.3.2, RFC 9384, draft-ietf-idr-bgp-bfd-strict-mode.

use std::net::IpAddr;
use std::time::Instant;

use ferr_types::{IfIndex, PeerId};

use crate::config::{GracefulRestartMode, NeighborConfig};
use crate::core::{Core, LogRecord, Output};
use crate::down::DownReason;
use crate::fsm::State;
use crate::instance::Instance;
use crate::peer::Peer;

/// What BFD says of a neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BfdState {
    /// It lives.
    Up,
    /// The session was up, and failed.
    Down,
    /// The session was up, and failed while it shared the fate of the neighbor's control plane (its C bit was clear): the neighbor may
    /// go on to forward (RFC 5882 section 4.3.2).
    ControlPlaneDown,
    /// Nothing: there is no session, or an operator holds it down.
    Unknown,
}

/// Whom a BFD session is with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BfdPeer {
    /// Address.
    pub addr: IpAddr,
    /// Link of a link-local address, `None` for others.
    pub ifindex: Option<IfIndex>,
}

impl BfdPeer {
    /// The peer of a BFD session towards `addr` on `interface`.
    pub fn new(addr: IpAddr, interface: Option<IfIndex>) -> Self {
        let link_local = matches!(addr, IpAddr::V6(a) if a.is_unicast_link_local());
        Self { addr, ifindex: interface.filter(|_| link_local) }
    }

    fn of(config: &NeighborConfig) -> Option<Self> {
        Some(Self::new(config.addr?, config.interface))
    }
}

/// Why a strict neighbor has no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BfdHold {
    /// BFD is waited for until then.
    Until(Instant),
    /// It did not come in time. The neighbor comes back with it.
    GivenUp,
}

/// A neighbor that wants BFD.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BfdNeighbor {
    /// Its name.
    pub name: String,
    /// Address, configured or learnt.
    pub peer: BfdPeer,
    /// Made from a listen range.
    pub dynamic: bool,
    /// Its routes outlive a restart of its control plane, or do so now.
    pub restarts: bool,
    /// It is no longer configured, and its routes are on their way out.
    pub leaving: bool,
}

impl Instance {
    /// BFD towards a neighbor changed.
    pub fn bfd_changed(&mut self, with: BfdPeer, state: BfdState, now: Instant) {
        self.set_now(now);
        if state == BfdState::Up {
            self.core.bfd_up.insert(with);
        } else {
            self.core.bfd_up.remove(&with);
        }
        let meant = |p: &&Peer| !p.removed && p.config.bfd && BfdPeer::of(&p.config) == Some(with);
        let ids: Vec<PeerId> = self.core.peers.iter().filter(meant).map(|p| p.id).collect();
        for id in ids {
            match state {
                BfdState::Down => self.bfd_failed(id, DownReason::BfdDown),
                BfdState::ControlPlaneDown => match self.core.peers.get(id) {
                    // It is on its way back already, and BFD's failure a part of that.
                    Some(p) if !p.is_established() && p.stale.iter().any(|(_, t)| t.is_some()) => {}
                    Some(p) if self.core.restarts(p) => self.bfd_failed(id, DownReason::BfdControlPlane),
                    _ => self.bfd_failed(id, DownReason::BfdDown),
                },
                BfdState::Up | BfdState::Unknown => {}
            }
            self.check_bfd_hold(id);
        }
    }

    fn bfd_failed(&mut self, id: PeerId, reason: DownReason) {
        self.reset(id, reason, self.core.now);
    }

    /// Neighbors that want BFD and whose address is known, also those whose routes are not gone yet.
    pub fn bfd_neighbors(&self) -> impl Iterator<Item = BfdNeighbor> {
        // What any stranger's connection makes is nothing to start BFD for, unless BFD has to be there first.
        let serious = |p: &&Peer| {
            p.config.bfd
                && p.config.shutdown.is_none()
                && (!p.config.dynamic || p.config.bfd_strict.is_some() || p.established_count > 0)
        };
        self.core.peers.iter().filter(serious).filter_map(|p| {
            Some(BfdNeighbor {
                name: p.config.name.clone(),
                peer: BfdPeer::of(&p.config)?,
                dynamic: p.config.dynamic,
                restarts: self.core.restarts(p),
                leaving: p.removed,
            })
        })
    }

    /// Holds a strict neighbor back while BFD is not up, and lets it go when it is.
    pub(crate) fn check_bfd_hold(&mut self, id: PeerId) {
        let Some(peer) = self.core.peers.get(id) else { return };
        let held = self.has_started() && !peer.removed && self.core.waits_for_bfd(peer);
        let now = self.core.now;
        let running = peer.fsm.is_enabled();
        let established = peer.state() == State::Established;
        let hold = peer.config.bfd_strict.filter(|_| held).map(|time| BfdHold::Until(now + time));
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        match (hold, peer.bfd_hold) {
            (None, None) => {}
            (None, Some(_)) => {
                peer.bfd_hold = None;
                self.start_peer(id);
            }
            (Some(new), old) => {
                peer.bfd_hold = old.or(Some(new));
                if running && !established {
                    self.reset_session(id, DownReason::BfdDown);
                }
            }
        }
    }

    /// Gives neighbors up whose BFD did not come in time.
    pub(crate) fn bfd_timeout(&mut self, now: Instant) {
        let late = |p: &&Peer| matches!(p.bfd_hold, Some(BfdHold::Until(t)) if t <= now);
        let ids: Vec<PeerId> = self.core.peers.iter().filter(late).map(|p| p.id).collect();
        for id in ids {
            let Some(peer) = self.core.peers.get_mut(id) else { continue };
            peer.bfd_hold = Some(BfdHold::GivenUp);
            if !matches!(peer.last_reset, Some((_, DownReason::BfdDown))) {
                peer.last_reset = Some((now, DownReason::BfdDown));
            }
            let (name, dynamic) = (peer.config.name.clone(), peer.config.dynamic);
            let vrf = self.core.config.vrf_name.clone();
            self.core.log(LogRecord::BfdMissing { name, vrf });
            self.reset_session(id, DownReason::BfdDown);
            if dynamic && self.core.peers.get(id).is_some_and(|p| !p.removed) {
                self.remove_neighbor(id, now);
                self.core.out.push_back(Output::DynamicRemoved { peer: id });
            }
        }
    }

    pub(crate) fn bfd_next(&self) -> Option<Instant> {
        let until = |p: &Peer| match p.bfd_hold {
            Some(BfdHold::Until(at)) => Some(at),
            Some(BfdHold::GivenUp) | None => None,
        };
        self.core.peers.iter().filter_map(until).min()
    }
}

impl Core {
    /// Whether a neighbor may have no session for want of BFD.
    pub(crate) fn waits_for_bfd(&self, peer: &Peer) -> bool {
        let config = &peer.config;
        let idle = config.shutdown.is_some() || self.config.shutdown.is_some();
        let strict = config.bfd && config.bfd_strict.is_some();
        strict && !idle && BfdPeer::of(config).is_some_and(|peer| !self.bfd_up.contains(&peer))
    }

    /// Whether a restart of a neighbor's control plane leaves its routes, or has left them.
    fn restarts(&self, peer: &Peer) -> bool {
        let mode = peer.config.graceful_restart.unwrap_or(self.config.graceful_restart);
        let agreed = peer.graceful_restart().is_some_and(|(.., families)| !families.is_empty());
        let stale = peer.stale.iter().any(|(_, until)| until.is_some());
        mode != GracefulRestartMode::Disable && (agreed || stale)
    }
}
