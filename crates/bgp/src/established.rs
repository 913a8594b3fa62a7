//! Sessions that come up and go down: what is agreed on, which update groups a peer is in, and what becomes of its routes
//! (RFC 4271 section 8.2, RFC 4724 section 4.2).

use std::sync::Arc;
use std::time::Duration;

use ferr_bgp_wire::{Capability, Open, SessionContext};
use ferr_types::{Family, FamilySet, PeerId};

use crate::capability::activated;
use crate::config::GracefulRestartMode;
use crate::core::{LogRecord, Output};
use crate::down::DownReason;
use crate::export::GroupKey;
use crate::family::SweepKind;
use crate::fsm::ConnId;
use crate::instance::Instance;
use crate::peer::Session;

impl Instance {
    pub(crate) fn is_sweeping_stale(&mut self, id: PeerId, family: Family) -> bool {
        with_family!(self, family, |f| f.is_sweeping(&SweepKind::RemoveStale(id)))
    }

    /// Removes stale paths at once, so that a sweep on its way does not meet those that become stale next.
    pub(crate) fn end_stale(&mut self, id: PeerId, family: Family) {
        let kind = SweepKind::RemoveStale(id);
        with_family!(self, family, |f| f.cancel_sweep(&kind));
        self.sweep_now(family, &kind);
    }

    /// What is left of an earlier session goes before a new one brings anything.
    fn finish_removal(&mut self, id: PeerId) {
        let kind = SweepKind::RemovePeer(id);
        for family in Family::ALL {
            if with_family!(self, family, |f| f.is_sweeping(&kind)) {
                with_family!(self, family, |f| f.cancel_sweep(&kind));
                self.sweep_now(family, &kind);
            }
        }
    }

    pub(crate) fn session_up(&mut self, id: PeerId, conn: ConnId) {
        self.finish_removal(id);
        self.cancel_long_lived(id);
        let now = self.core.now;
        let Some(peer) = self.core.peers.get(id) else { return };
        let Some(remote) = peer.fsm.remote_open(conn).cloned() else { return };
        let Some((_, local, ends, addresses)) = peer.opens.iter().find(|o| o.0 == conn).cloned() else {
            return;
        };
        let kind = self.core.kind(&peer.config, Some(remote.asn));
        let mut context = SessionContext::negotiate(kind, &local, &remote);
        if peer.config.override_capability || peer.config.dont_negotiate_capabilities {
            context.families = activated(&peer.config).collect();
        }
        let refresh =
            |o: &Open| o.has(|c| matches!(c, Capability::RouteRefresh | Capability::RouteRefreshCisco));
        let enhanced = |o: &Open| o.has(|c| matches!(c, Capability::EnhancedRouteRefresh));
        let session = Session {
            conn,
            context,
            router_id: remote.router_id,
            asn: remote.asn,
            route_refresh: refresh(&local) && refresh(&remote),
            enhanced_refresh: enhanced(&local) && enhanced(&remote),
            local_open: Arc::new(local),
            remote_open: Arc::new(remote),
            ends,
            addresses,
            since: now,
        };
        let name = peer.config.name.clone();
        let restarting =
            session.remote_open.has(|c| matches!(c, Capability::GracefulRestart { restart: true, .. }));
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        peer.session = Some(session);
        peer.opens.clear();
        peer.established_count += 1;
        peer.eor_received = FamilySet::EMPTY;
        peer.eor_sent = FamilySet::EMPTY;
        peer.refreshing = FamilySet::EMPTY;
        peer.stalled_since = None;
        let hostname = peer.hostname();
        // A restarted peer that did not keep a family's forwarding state loses its stale routes at once (RFC 4724, 4.2).
        let preserved = peer.preserved_families();
        let lost: Vec<Family> = peer
            .stale
            .iter()
            .filter(|(f, t)| t.is_some() && !preserved.contains(*f))
            .map(|(f, _)| f)
            .collect();
        for family in lost {
            if let Some(peer) = self.core.peers.get_mut(id) {
                peer.stale[family] = None;
                peer.long_stale.remove(family);
            }
            self.sweep(family, SweepKind::RemoveStale(id));
        }
        // The restart time is over; what it keeps now is the wait for End-of-RIB.
        let until = now + self.core.config.stalepath_time;
        if let Some(peer) = self.core.peers.get_mut(id) {
            let long = peer.long_stale;
            let waiting = peer.stale.iter_mut().filter(|(f, _)| !long.contains(*f));
            waiting.filter_map(|(_, t)| t.as_mut()).for_each(|t| *t = until);
        }
        self.core.out.push_back(Output::SessionUp { peer: id });
        self.startup_session_up(id, restarting);
        if self.core.config.log_neighbor_changes {
            let vrf = self.core.config.vrf_name.clone();
            self.core.log(LogRecord::Up { name, hostname, vrf });
        }
        self.join_groups(id, true);
    }

    /// Puts a peer into the groups that it belongs to now, leaving others.
    pub(crate) fn join_groups(&mut self, id: PeerId, fresh: bool) {
        for family in Family::ALL {
            let Some(peer) = self.core.peers.get(id) else { return };
            let key = GroupKey::new(&self.core, peer, family);
            let own = peer.session.as_ref().map(|s| s.addresses).unwrap_or_default();
            let old = peer.groups[family];
            let unchanged = with_family!(self, family, |f| {
                old.and_then(|g| f.groups.get(g))
                    .map(|g| Some(&g.key) == key.as_ref() && g.own_addresses(id) == Some(own))
            });
            if unchanged == Some(true) && !fresh {
                continue;
            }
            let core = &mut self.core;
            let now = core.now;
            // Peers that come up together are told together.
            let from = core.config.coalesce_time.filter(|_| fresh).map(|t| core.now + t);
            let (rest, told) = match old {
                Some(group) => with_family!(self, family, |f| {
                    f.groups.leave(core, &mut f.table, &f.local, (id, group), !fresh)
                }),
                None => Default::default(),
            };
            rest.into_iter().for_each(|bytes| self.send_control(id, bytes));
            let new = key.map(|key| {
                with_family!(self, family, |f| f.groups.join(id, key, told, fresh, own, (now, from)))
            });
            let conn = self.core.peers.get_mut(id).and_then(|peer| {
                peer.groups[family] = new;
                peer.session.as_ref().map(|s| s.conn)
            });
            if let Some(conn) = conn.filter(|_| new.is_some()) {
                self.core.out.push_back(Output::Transmit { conn });
            }
        }
    }

    pub(crate) fn session_down(&mut self, id: PeerId, reason: DownReason) {
        let now = self.core.now;
        let helper_time = self.core.config.stalepath_time;
        let mode = self.core.config.graceful_restart;
        let ours = self.core.config.notification_keeps;
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        let graceful = peer.graceful_restart();
        peer.long_times = peer.long_lived_times();
        let Some(session) = peer.session.take() else { return };
        peer.dropped_count += 1;
        peer.last_reset = Some((now, reason.clone()));
        peer.control.retain(|(conn, bytes)| *conn != session.conn || bytes.get(18) == Some(&3));
        let groups = std::mem::take(&mut peer.groups);
        let helper = peer.config.graceful_restart.unwrap_or(mode) != GracefulRestartMode::Disable;
        let kept =
            graceful.filter(|(_, notification, _)| helper && reason.is_graceful(*notification && ours));
        let restart_end = |(time, _, families): (u16, bool, FamilySet), family, long: bool| {
            // A family without a restart time begins with the long-lived one, if there is one (RFC 9494 section 4.2).
            let time = Duration::from_secs(u64::from(time)).min(helper_time);
            families.contains(family).then(|| now + time).or(long.then_some(now))
        };
        let (name, hostname) = (peer.config.name.clone(), hostname_of(&session.remote_open));
        for family in Family::ALL {
            let core = &mut self.core;
            if let Some(group) = groups[family] {
                with_family!(self, family, |f| {
                    f.groups.leave(core, &mut f.table, &f.local, (id, group), false)
                });
            }
            let Some(peer) = self.core.peers.get_mut(id) else { return };
            let long = peer.long_times[family].is_some();
            let keep = kept.and_then(|k| restart_end(k, family, long));
            if keep.is_some() && peer.long_stale.contains(family) && peer.stale[family].is_some() {
                // The long-lived time goes on as it began.
                self.sweep_now(family, &SweepKind::MarkStale(id));
                self.begin_long_lived(id, family);
                continue;
            }
            peer.long_stale.remove(family);
            let was_stale = std::mem::replace(&mut peer.stale[family], keep).is_some();
            if was_stale || self.is_sweeping_stale(id, family) {
                // What was stale already does not survive a second failure (RFC 4724 section 4.2).
                self.end_stale(id, family);
            }
            match keep {
                Some(_) => self.sweep_now(family, &SweepKind::MarkStale(id)),
                None => self.sweep(family, SweepKind::RemovePeer(id)),
            }
        }
        self.core.out.push_back(Output::SessionDown { peer: id });
        self.startup_session_down(id);
        if self.core.config.log_neighbor_changes {
            let vrf = self.core.config.vrf_name.clone();
            self.core.log(LogRecord::Down { name, hostname, vrf, reason });
        }
        self.decide();
    }
}

pub(crate) fn hostname_of(open: &Open) -> Option<String> {
    open.capabilities.iter().find_map(|c| match c {
        Capability::Fqdn { host, .. } if !host.is_empty() => Some(host.clone()),
        _ => None,
    })
}

impl crate::peer::Peer {
    /// Host name that the peer sent.
    pub(crate) fn hostname(&self) -> Option<String> {
        hostname_of(&self.session.as_ref()?.remote_open)
    }

    fn preserved_families(&self) -> FamilySet {
        let Some(session) = &self.session else { return FamilySet::EMPTY };
        let mut set = FamilySet::EMPTY;
        for capability in &session.remote_open.capabilities {
            if let Capability::GracefulRestart { families, .. } = capability {
                let kept = families.iter().filter(|f| f.forwarding);
                set = kept.filter_map(|f| Family::from_codes(f.afi, f.safi)).collect();
            }
        }
        self.long_preserved().iter().for_each(|f| set.insert(f));
        set
    }
}
