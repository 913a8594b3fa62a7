//! Changes of configuration while running: what has to be reset, evaluated or sent again, and nothing else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferr_policy::PolicySet;
use ferr_types::{Family, FamilyMap, FamilySet, IfIndex, PeerId, Prefix};

use crate::bfd::BfdPeer;
use crate::capability::{activated, graceful_mode};
use crate::config::{GracefulRestartMode, InstanceConfig, NeighborConfig};
use crate::core::{Core, Output};
use crate::down::DownReason;
use crate::family::SweepKind;
use crate::fsm::{ConnId, Fsm, Settings};
use crate::peer::{FamilyCounters, Peer};

use crate::instance::{CONNS_PER_PEER, Instance, ListenRange};

impl Instance {
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
            || old.restart_time != new.restart_time
            || old.notification_keeps != new.notification_keeps
            || old.long_lived_stale_time != new.long_lived_stale_time;
        for id in self.core.peers.ids() {
            if let Some(settings) = self.settings(id)
                && let Some(peer) = self.core.peers.get_mut(id)
            {
                peer.fsm.configure(settings);
            }
        }
        if identity || old.shutdown != new.shutdown {
            let reason =
                if new.shutdown.is_some() { DownReason::AdminDown } else { DownReason::ConfigChange };
            for id in self.core.peers.ids() {
                self.reset_session(id, reason.clone());
                self.start_peer(id);
            }
        }
        if old.default_local_pref != new.default_local_pref {
            self.core.attrs.set_default_local_pref(new.default_local_pref);
        }
        let decides = old.bestpath != new.bestpath || old.default_local_pref != new.default_local_pref;
        for family in Family::ALL {
            with_family!(self, family, |f| f.groups.forget_slices());
            let (a, b) = (&old.families[family], &new.families[family]);
            let ways = a.max_paths != b.max_paths
                || a.max_paths_ibgp != b.max_paths_ibgp
                || a.ibgp_equal_cluster_length != b.ibgp_equal_cluster_length;
            if decides || ways {
                self.sweep(family, SweepKind::All);
            }
            if a.import_map != b.import_map {
                self.core.import_stale.insert(family);
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
        if old.update_delay.is_some() != new.update_delay.is_some() {
            self.check_update_delay(now);
        }
        self.configure_families(false);
        if old.network_import_check != new.network_import_check {
            let core = &mut self.core;
            self.v4.recheck_networks(core);
            self.v6.recheck_networks(core);
        }
        if old.condition_interval != new.condition_interval {
            self.sync_conditions();
        }
        for id in self.core.peers.ids() {
            if old.ebgp_requires_policy != new.ebgp_requires_policy {
                self.refresh_inbound(id);
            }
            self.join_groups(id, false);
        }
        self.decide();
    }

    pub(crate) fn configure_families(&mut self, policy: bool) {
        let families = self.core.config.families.clone();
        let core = &mut self.core;
        for (family, config) in families.iter() {
            with_family!(self, family, |f| {
                f.configure_damping(core, config.damping);
                f.configure_local(core, config, policy);
            });
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
                let advertised = config.advertise_map.as_ref().map(|a| a.map.clone());
                let other =
                    [&config.unsuppress_map, &config.default_originate.clone().flatten(), &advertised]
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
        self.search_conditions(|c| affected(&c.map) || affected(&c.condition));
        inbound.into_iter().for_each(|(id, family)| self.refresh_inbound_family(id, family));
        for (family, ids) in groups.iter() {
            ids.iter().for_each(|id| with_family!(self, family, |f| f.groups.rescan(*id)));
        }
        for family in Family::ALL {
            if self.core.config.families[family].import_map.as_deref().is_some_and(&affected) {
                self.core.import_stale.insert(family);
            }
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
        let id = self.core.peers.take_id();
        let first_conn = self.next_conn;
        self.next_conn += CONNS_PER_PEER;
        let settings = settings(&self.core, &config);
        self.core.peers.insert(Peer {
            id,
            config: Arc::new(config),
            fsm: Fsm::new(settings, first_conn),
            session: None,
            opens: Vec::new(),
            control: Default::default(),
            groups: FamilyMap::default(),
            families: FamilyMap::from_fn(|_| FamilyCounters::default()),
            eor_received: FamilySet::EMPTY,
            caught_up: false,
            eor_sent: FamilySet::EMPTY,
            stale: FamilyMap::default(),
            long_times: FamilyMap::default(),
            long_stale: FamilySet::EMPTY,
            refreshing: FamilySet::EMPTY,
            prefix_limit_hold: None,
            bfd_hold: None,
            counters: Default::default(),
            established_count: 0,
            dropped_count: 0,
            last_reset: None,
            last_read: None,
            last_write: None,
            stalled_since: None,
            malformed: Default::default(),
            removed: false,
        });
        self.sync_conditions();
        self.start_peer(id);
        id
    }

    /// Changes a neighbor. The session is reset only when what changed takes part in its set-up.
    pub fn change_neighbor(&mut self, id: PeerId, config: NeighborConfig, now: Instant) {
        self.set_now(now);
        let Some(peer) = self.core.peers.get_mut(id) else { return };
        if *peer.config == config {
            return;
        }
        let new = Arc::new(config);
        let old = std::mem::replace(&mut peer.config, Arc::clone(&new));
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
        self.check_bfd_hold(id);
        for (family, now) in new.families.iter() {
            let (Some(a), Some(b)) = (&old.families[family], now) else { continue };
            let inbound = old.aigp != new.aigp
                || a.filters_in != b.filters_in
                || a.weight != b.weight
                || a.allow_as_in != b.allow_as_in;
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
        self.sync_conditions();
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
            self.some_removed = true;
            peer.bfd_hold = None;
        }
        self.sync_conditions();
        for family in Family::ALL {
            self.sweep(family, SweepKind::RemovePeer(id));
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
    pub(crate) fn dynamic(&mut self, remote: IpAddr, ifindex: IfIndex) -> Option<PeerId> {
        let dynamic = self.core.peers.iter().filter(|p| p.config.dynamic && !p.removed).count();
        if dynamic >= self.core.config.listen_limit as usize {
            return None;
        }
        let range = self.listen.iter().filter(|l| l.range.contains(remote)).max_by_key(|l| l.range.len())?;
        let config = NeighborConfig {
            name: remote.to_string(),
            addr: Some(remote),
            interface: BfdPeer::new(remote, Some(ifindex)).ifindex,
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

    pub(crate) fn notify_all(&mut self) {
        let conns = self.core.peers.iter().filter_map(|p| p.session.as_ref()).map(|s| s.conn);
        self.core.out.extend(conns.map(|conn| Output::Transmit { conn }));
    }
}

pub(crate) fn settings(core: &Core, config: &NeighborConfig) -> Settings {
    Settings {
        passive: config.passive,
        connect_retry: Duration::from_secs(u64::from(config.connect_retry.max(1))),
        hold_time: config.hold_time,
        keepalive: config.keepalive,
        router_id: core.config.router_id,
        graceful: core.config.graceful_restart != GracefulRestartMode::Disable,
        notification_keeps: core.config.notification_keeps
            && graceful_mode(core, config) != GracefulRestartMode::Disable,
        hard_reset: core.config.hard_administrative_reset,
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
