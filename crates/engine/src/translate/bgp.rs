//! `router bgp` blocks as what the speakers take.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ferr_bgp::config as core;
use ferr_config::model::bgp::{BandwidthMode, BgpAf, BgpInstance, DEFAULT_MAX_MED, InstanceName};
use ferr_config::model::neighbor as n;
use ferr_config::model::{Config, Secret};
use ferr_config::{EffectiveAf, EffectiveNeighbor, effective_group, effective_neighbor};
use ferr_rib::Redistribution;
use ferr_state::NO_VRF;
use ferr_types::{FamilyMap, Prefix, Protocol, RouterId, VrfId};

use crate::surroundings::Surroundings;

/// What a neighbor's sockets need beyond what the speaker knows. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Transport {
    pub(crate) password: Option<Secret>,
    pub(crate) mss: Option<u16>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport {{ password: {}, mss: {:?} }}", self.password.is_some(), self.mss)
    }
}

/// A neighbor as configured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Neighbor {
    pub(crate) config: core::NeighborConfig,
    pub(crate) transport: Transport,
    pub(crate) bfd: Option<n::BfdNeighbor>,
}

/// An instance as configured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Instance {
    pub(crate) view: bool,
    /// VRF device that sockets are bound to.
    pub(crate) device: Option<String>,
    pub(crate) config: core::InstanceConfig,
    /// By name (address or interface).
    pub(crate) neighbors: BTreeMap<String, Neighbor>,
    pub(crate) listen: Vec<(Prefix, Neighbor)>,
    pub(crate) redistribute: Vec<Redistribution>,
}

impl Instance {
    /// Template of the narrowest listen range around an address.
    pub(crate) fn range_of(&self, addr: IpAddr) -> Option<&Neighbor> {
        let around = self.listen.iter().filter(|(range, _)| range.contains(addr));
        around.max_by_key(|(range, _)| range.len()).map(|(_, template)| template)
    }
}

/// All instances by name; an instance whose VRF does not exist is of [`NO_VRF`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Bgp {
    pub(crate) instances: BTreeMap<String, Instance>,
    /// Type of service of sockets.
    pub(crate) tos: u8,
}

/// Default DSCP: CS6.
const DSCP: u8 = 48;

/// All of BGP that a configuration asks for.
pub(crate) fn bgp(config: &Config, around: &Surroundings) -> Bgp {
    let mut out = Bgp { tos: config.global.bgp.session_dscp.unwrap_or(DSCP) << 2, ..Bgp::default() };
    for (name, b) in &config.bgp {
        let (key, vrf, view) = match name {
            InstanceName::Default => ("default", VrfId::DEFAULT, false),
            InstanceName::View(name) => (name.as_str(), VrfId::DEFAULT, true),
            InstanceName::Vrf(name) => {
                (name.as_str(), around.vrfs.get(name).copied().unwrap_or(NO_VRF), false)
            }
        };
        out.instances.insert(key.to_owned(), instance(config, b, key, (vrf, view), around));
    }
    out
}

fn instance(
    config: &Config,
    b: &BgpInstance,
    name: &str,
    (vrf, view): (VrfId, bool),
    around: &Surroundings,
) -> Instance {
    let globals = instance_config(config, b, name, vrf, around);
    let mut neighbors = BTreeMap::new();
    for key in b.neighbors.keys() {
        let Some(effective) = effective_neighbor(b, key) else { continue };
        if let Some(neighbor) = neighbor(b, &key.to_string(), key, &effective, around) {
            neighbors.insert(key.to_string(), neighbor);
        }
    }
    let listen = b.globals.listen_ranges.iter().filter_map(|(range, group)| {
        let effective = effective_group(b, group)?;
        let key = n::NeighborKey::Address(range.addr());
        Some((*range, neighbor(b, group, &key, &effective, around)?))
    });
    let listen = listen.collect();
    let redistribute = globals.families.iter().flat_map(|(family, f)| {
        f.redistribute.iter().map(move |r| Redistribution {
            vrf,
            afi: family.afi(),
            protocol: r.protocol,
            instance: 0,
            table: None,
        })
    });
    let redistribute: Vec<Redistribution> = redistribute.filter(|_| vrf != NO_VRF).collect();
    let device = (vrf != VrfId::DEFAULT && !view).then(|| name.to_owned());
    Instance { view, device, config: globals, neighbors, listen, redistribute }
}

fn instance_config(
    config: &Config,
    b: &BgpInstance,
    name: &str,
    vrf: VrfId,
    around: &Surroundings,
) -> core::InstanceConfig {
    let g = &b.globals;
    let configured = g.router_id.or(match name {
        "default" => config.global.vrf.router_id,
        name => config.vrfs.get(name).and_then(|v| v.globals.router_id),
    });
    let router_id = configured.map_or_else(|| around.router_id(vrf), RouterId);
    let mut out = core::InstanceConfig::new(b.asn, vrf, name, router_id);
    out.cluster_id = g.cluster_id.map_or(router_id, |c| RouterId(c.address()));
    out.confederation = g.confederation_id.map(|identifier| core::Confederation {
        identifier,
        members: g.confederation_peers.iter().copied().collect(),
    });
    let best = &g.bestpath;
    out.bestpath = core::BestpathConfig {
        always_compare_med: best.always_compare_med,
        med_missing_as_worst: best.med_missing_as_worst,
        med_confed: best.med_confed,
        as_path_ignore: best.as_path_ignore,
        as_path_confed: best.as_path_confed,
        multipath_relax: best.multipath_relax.is_some(),
        compare_router_id: best.compare_router_id,
        peer_type_relax: best.peer_type_relax,
        aigp: best.aigp,
        bandwidth: match best.bandwidth {
            None => core::Bandwidth::All,
            Some(BandwidthMode::Ignore) => core::Bandwidth::Ignore,
            Some(BandwidthMode::SkipMissing) => core::Bandwidth::SkipMissing,
            Some(BandwidthMode::DefaultWeight) => core::Bandwidth::DefaultWeight,
        },
    };
    out.ebgp_requires_policy = b.ebgp_requires_policy();
    out.default_local_pref = g.default_local_preference.unwrap_or(100);
    out.client_to_client = !g.no_client_to_client;
    out.fast_external_failover = !g.no_fast_external_failover;
    out.network_import_check = b.import_check();
    let gr = &g.graceful_restart;
    out.graceful_restart = match gr.mode {
        None => core::GracefulRestartMode::Helper,
        Some(true) => core::GracefulRestartMode::Restart,
        Some(false) => core::GracefulRestartMode::Disable,
    };
    out.notification_keeps = !gr.no_notification;
    out.hard_administrative_reset = !gr.no_hard_reset;
    out.restart_time = gr.restart_time.unwrap_or(120);
    out.long_lived_stale_time = gr.llgr_stale_time.unwrap_or(0);
    out.preserve_forwarding = gr.preserve_fw_state;
    let seconds = |v: Option<u16>| Duration::from_secs(u64::from(v.unwrap_or(360)));
    out.stalepath_time = seconds(gr.stalepath_time);
    out.select_defer_time = seconds(gr.select_defer_time);
    out.graceful_shutdown = g.graceful_shutdown || config.global.bgp.graceful_shutdown;
    out.shutdown = g.shutdown.as_ref().map(|m| m.clone().unwrap_or_default());
    out.listen_limit = u32::from(g.listen_limit.unwrap_or(100));
    out.log_neighbor_changes = b.log_neighbor_changes();
    out.show_hostname = b.show_hostname();
    out.show_nexthop_hostname = b.show_nexthop_hostname();
    out.suppress_duplicates = g.suppress_duplicates.unwrap_or(true);
    out.reject_as_sets = g.reject_as_sets;
    out.reflector_outbound_policy = g.rr_allow_outbound_policy;
    out.minimum_hold_time = g.minimum_holdtime.unwrap_or(0);
    out.update_delay =
        g.update_delay.or(config.global.bgp.update_delay).filter(|(longest, _)| *longest > 0).map(
            |(longest, wait)| core::UpdateDelay {
                longest: Duration::from_secs(u64::from(longest)),
                establish_wait: wait.map(|s| Duration::from_secs(u64::from(s))),
            },
        );
    out.max_med_administrative = g.max_med.administrative.map(|med| med.unwrap_or(DEFAULT_MAX_MED));
    out.max_med_on_startup = g
        .max_med
        .on_startup
        .map(|(seconds, med)| (Duration::from_secs(u64::from(seconds)), med.unwrap_or(DEFAULT_MAX_MED)));
    let interval = g.conditional_advertisement_timer.unwrap_or(60);
    out.condition_interval = Duration::from_secs(u64::from(interval));
    out.coalesce_time = g.coalesce_time.map(|ms| Duration::from_millis(u64::from(ms)));
    out.hostname = config.global.hostname.clone().or_else(|| around.hostname.clone());
    out.domainname.clone_from(&config.global.domainname);
    out.families = FamilyMap::from_fn(|family| {
        let af = b.afs.iter().find(|(f, _)| f.table() == Some(family)).map(|(_, af)| af);
        af.map_or_else(core::FamilyConfig::default, family_config)
    });
    out
}

fn family_config(af: &BgpAf) -> core::FamilyConfig {
    let default = core::FamilyConfig::default();
    let networks = af.networks.iter().map(|(prefix, o)| core::Network {
        prefix: *prefix,
        route_map: o.route_map.clone(),
        backdoor: o.backdoor,
    });
    let aggregates = af.aggregates.iter().map(|(prefix, o)| core::Aggregate {
        prefix: *prefix,
        as_set: o.as_set,
        summary_only: o.summary_only,
        suppress_map: o.suppress_map.clone(),
        route_map: o.route_map.clone(),
        origin: o.origin,
        matching_med_only: o.matching_med_only,
    });
    let redistribute = af.redistribute.iter().filter_map(|(key, o)| {
        Some(core::Redistribute {
            protocol: key.source.protocol().filter(|p| *p != Protocol::Bgp)?,
            metric: o.metric,
            route_map: o.route_map.clone(),
        })
    });
    let distance_rules = af.distance_prefixes.iter().map(|(source, (distance, list))| core::DistanceRule {
        source: *source,
        distance: *distance,
        access_list: list.clone(),
    });
    core::FamilyConfig {
        networks: networks.collect(),
        aggregates: aggregates.collect(),
        redistribute: redistribute.collect(),
        max_paths: af.maximum_paths.unwrap_or(default.max_paths),
        max_paths_ibgp: af.maximum_paths_ibgp.map_or(default.max_paths_ibgp, |(n, _)| n),
        ibgp_equal_cluster_length: af.maximum_paths_ibgp.is_some_and(|(_, equal)| equal),
        distance: af.distance.map_or(default.distance, |(e, i, l)| [e, i, l]),
        distance_rules: distance_rules.collect(),
        table_map: af.table_map.clone(),
        imports: af.imports.iter().cloned().collect(),
        import_map: af.import_map.clone(),
        damping: af.dampening.map(|d| {
            let (half_life, (reuse, suppress, longest)) = d.values();
            let minutes = |m: u8| Duration::from_secs(60 * u64::from(m));
            core::DampingConfig {
                half_life: minutes(half_life),
                reuse: reuse.into(),
                suppress: suppress.into(),
                longest: minutes(longest),
            }
        }),
    }
}

/// `None` for a neighbor whose AS is not known: it has no session.
fn neighbor(
    b: &BgpInstance,
    name: &str,
    key: &n::NeighborKey,
    effective: &EffectiveNeighbor,
    around: &Surroundings,
) -> Option<Neighbor> {
    let s = &effective.settings;
    let remote_as = match s.remote_as? {
        n::RemoteAs::Asn(asn) => core::RemoteAs::Asn(asn),
        n::RemoteAs::Internal => core::RemoteAs::Internal,
        n::RemoteAs::External => core::RemoteAs::External,
        n::RemoteAs::Auto => core::RemoteAs::Auto,
    };
    let flag = |f: n::NeighborFlag| s.flags.contains(&f);
    let addr = match key {
        n::NeighborKey::Address(addr) => Some(*addr),
        n::NeighborKey::Interface(_) => None,
    };
    let mut c = core::NeighborConfig::new(name, addr, remote_as);
    let interface = match key {
        n::NeighborKey::Interface(name) => Some(name.clone()),
        n::NeighborKey::Address(_) => s.interface.clone(),
    };
    c.interface = interface.as_ref().and_then(|i| around.link(i)).map(|l| l.ifindex);
    c.interface_name = matches!(key, n::NeighborKey::Interface(_)).then_some(interface).flatten();
    c.local_as =
        s.local_as.map(|l| core::LocalAs { asn: l.asn, no_prepend: l.no_prepend, replace_as: l.replace_as });
    c.peer_group.clone_from(&effective.group);
    c.description.clone_from(&s.description);
    let message = s.shutdown.as_ref().map(|m| m.message.clone().unwrap_or_default());
    c.shutdown = message.or_else(|| b.globals.shutdown.as_ref().map(|m| m.clone().unwrap_or_default()));
    c.passive = flag(n::NeighborFlag::Passive);
    c.port = s.port.unwrap_or(179);
    let internal = match remote_as {
        core::RemoteAs::Asn(asn) => asn == c.local_as.map_or(b.asn, |l| l.asn),
        core::RemoteAs::Internal => true,
        core::RemoteAs::External | core::RemoteAs::Auto => false,
    };
    c.reach = match (s.ebgp_multihop, s.ttl_security) {
        (_, Some(hops)) => core::Reach::TtlSecurity(hops),
        (Some(ttl), None) => core::Reach::Multihop(ttl),
        (None, None) if internal => core::Reach::Multihop(255),
        (None, None) => core::Reach::Direct,
    };
    c.disable_connected_check =
        flag(n::NeighborFlag::DisableConnectedCheck) || b.globals.disable_connected_check;
    (c.update_source, c.update_source_text) = update_source(s.update_source.as_ref(), addr, around);
    c.password = s.password.is_some();
    (c.keepalive, c.hold_time) = effective.timers;
    c.connect_retry = effective.connect_retry;
    c.delay_open = s.delay_open;
    c.advertisement_interval = s.advertisement_interval.unwrap_or(0);
    c.enforce_first_as = flag(n::NeighborFlag::EnforceFirstAs) || b.globals.enforce_first_as == Some(true);
    c.sender_loop_detection = flag(n::NeighborFlag::SenderAsPathLoopDetection);
    c.aigp = flag(n::NeighborFlag::Aigp);
    c.solo = flag(n::NeighborFlag::Solo);
    c.dont_negotiate_capabilities = flag(n::NeighborFlag::DontCapabilityNegotiate);
    c.override_capability = flag(n::NeighborFlag::OverrideCapability);
    c.strict_capability = flag(n::NeighborFlag::StrictCapabilityMatch);
    c.extended_nexthop =
        flag(n::NeighborFlag::CapabilityExtendedNexthop) || matches!(key, n::NeighborKey::Interface(_));
    c.graceful_restart = s.graceful_restart.map(|g| match g {
        n::GracefulRestart::Restart => core::GracefulRestartMode::Restart,
        n::GracefulRestart::Helper => core::GracefulRestartMode::Helper,
        n::GracefulRestart::Disable => core::GracefulRestartMode::Disable,
    });
    c.role = s.local_role.map(|r| (role(r.role), r.strict));
    c.bfd = s.bfd.is_some();
    c.bfd_strict =
        s.bfd.as_ref().and_then(|b| b.strict).map(|seconds| Duration::from_secs(u64::from(seconds)));
    for (family, af) in &effective.afs {
        if let Some(family) = family.table() {
            c.families[family] = Some(neighbor_family(af));
        }
    }
    let transport = Transport { password: s.password.clone(), mss: s.tcp_mss };
    Some(Neighbor { config: c, transport, bfd: s.bfd.clone() })
}

fn update_source(
    source: Option<&n::UpdateSource>,
    addr: Option<IpAddr>,
    around: &Surroundings,
) -> (Option<IpAddr>, Option<String>) {
    match source {
        None => (None, None),
        Some(n::UpdateSource::Address(a)) => (Some(*a), Some(a.to_string())),
        Some(n::UpdateSource::Interface(name)) => {
            let v6 = addr.is_some_and(|a| a.is_ipv6());
            (around.source_address(name, v6), Some(name.clone()))
        }
    }
}

const fn role(role: n::Role) -> core::Role {
    match role {
        n::Role::Provider => core::Role::Provider,
        n::Role::RsServer => core::Role::RsServer,
        n::Role::RsClient => core::Role::RsClient,
        n::Role::Customer => core::Role::Customer,
        n::Role::Peer => core::Role::Peer,
    }
}

fn neighbor_family(af: &EffectiveAf) -> core::NeighborFamily {
    let s = &af.settings;
    let flag = |f: n::AfFlag| s.flags.contains(&f);
    let filters = |d: n::Direction| {
        let name = |l: &n::InOut| l.get(d).map(str::to_owned);
        core::Filters {
            distribute_list: name(&s.distribute_list),
            prefix_list: name(&s.prefix_list),
            filter_list: name(&s.filter_list),
            route_map: name(&s.route_map),
            site: s.soo,
        }
    };
    core::NeighborFamily {
        filters_in: filters(n::Direction::In),
        filters_out: filters(n::Direction::Out),
        soft_reconfiguration: flag(n::AfFlag::SoftReconfiguration),
        next_hop_self: match s.next_hop_self {
            None => core::NexthopSelf::No,
            Some(n::NextHopSelf::Plain) => core::NexthopSelf::Learnt,
            Some(n::NextHopSelf::Force) => core::NexthopSelf::Force,
        },
        reflector_client: flag(n::AfFlag::RouteReflectorClient),
        server_client: flag(n::AfFlag::RouteServerClient),
        default_originate: s.default_originate.as_ref().map(|d| d.route_map.clone()),
        allow_as_in: s.allowas_in.map(|a| match a {
            n::AllowAsIn::Count(times) => core::AllowAsIn::Times(times),
            n::AllowAsIn::Origin => core::AllowAsIn::Origin,
        }),
        as_override: flag(n::AfFlag::AsOverride),
        remove_private_as: s
            .remove_private_as
            .map(|r| core::RemovePrivateAs { all: r.all, replace: r.replace }),
        send_community: core::SendCommunity {
            standard: s.send_community.standard,
            extended: s.send_community.extended,
            large: s.send_community.large,
        },
        maximum_prefix: s.maximum_prefix.map(|m| core::MaximumPrefix {
            limit: m.limit,
            threshold: m.threshold.unwrap_or(75),
            warning_only: m.action == n::MaximumPrefixAction::Warn,
            restart: match m.action {
                n::MaximumPrefixAction::Restart(minutes) => {
                    Some(Duration::from_secs(60 * u64::from(minutes)))
                }
                _ => None,
            },
            force: m.force,
        }),
        maximum_prefix_out: s.maximum_prefix_out,
        weight: s.weight,
        unsuppress_map: s.unsuppress_map.clone(),
        advertise_map: s.advertise_map.as_ref().map(|a| core::AdvertiseMap {
            map: a.map.clone(),
            exist: a.exist,
            condition: a.condition.clone(),
        }),
        unchanged: s.attribute_unchanged.map_or_else(core::Unchanged::default, |u| core::Unchanged {
            as_path: u.as_path,
            next_hop: u.next_hop,
            med: u.med,
        }),
        add_path_tx: match s.addpath_tx {
            None => core::AddPathTx::Best,
            Some(n::AddPathTx::All) => core::AddPathTx::All,
            Some(n::AddPathTx::BestSelected(count)) => core::AddPathTx::BestSelected(count),
            Some(n::AddPathTx::BestPerAs) => core::AddPathTx::BestPerAs,
        },
        disable_add_path_rx: flag(n::AfFlag::DisableAddPathRx),
    }
}
