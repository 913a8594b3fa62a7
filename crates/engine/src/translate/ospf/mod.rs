//! OSPF: from configuration and surroundings to instances whose interfaces know their links.

mod auth;
mod interfaces;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ferr_config::Config;
use ferr_config::model::ospf as model;
use ferr_ospf::config as core;
use ferr_ospf::wire::Version;
use ferr_policy::PolicySet;
use ferr_rib::Redistribution;
use ferr_state::{NO_VRF, OspfName};
use ferr_types::{Afi, AreaId, Distance, IfIndex, Protocol, RouterId, VrfId};

use self::auth::Clock;
use crate::surroundings::Surroundings;

pub(crate) use self::auth::Anchor;

/// All instances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ospf {
    pub(crate) instances: BTreeMap<OspfName, Instance>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) config: core::InstanceConfig,
    /// Device of the VRF; none for the default one.
    pub(crate) device: Option<Arc<str>>,
    /// What it wants to hear of.
    pub(crate) redistribute: Vec<Redistribution>,
    /// It tells a default route when there is one.
    pub(crate) watch_default: bool,
    /// BFD profiles by link.
    pub(crate) profiles: BTreeMap<IfIndex, String>,
}

/// What an instance is made from.
struct Source<'a> {
    config: &'a Config,
    around: &'a Surroundings,
    policy: &'a PolicySet,
    clock: Clock,
    version: Version,
    name: &'a model::OspfName,
    instance: &'a model::OspfInstance,
    vrf: VrfId,
}

/// All instances; those whose VRF does not exist have [`NO_VRF`].
pub(crate) fn ospf(config: &Config, around: &Surroundings, policy: &PolicySet, anchor: Anchor) -> Ospf {
    let v2 = config.ospf.iter().map(|(name, i)| (Version::V2, name, i));
    let v3 = config.ospf6.iter().map(|(name, i)| (Version::V3, name, i));
    let instances = v2.chain(v3).map(|(version, name, instance)| {
        let vrf_name = name.vrf.clone().unwrap_or_else(|| "default".to_owned());
        let vrf = around.vrfs.get(&vrf_name).copied().unwrap_or(NO_VRF);
        let source =
            Source { config, around, policy, clock: Clock::new(anchor), version, name, instance, vrf };
        let key = OspfName { version, vrf: vrf_name.clone(), instance: name.instance };
        (key, source.instance(&vrf_name))
    });
    Ospf { instances: instances.collect() }
}

const fn area_id(area: &model::AreaId) -> AreaId {
    AreaId(area.id)
}

fn seconds(value: Option<u16>, default: u64) -> Duration {
    Duration::from_secs(value.map_or(default, u64::from))
}

impl Source<'_> {
    fn instance(&self, vrf_name: &str) -> Instance {
        let config = self.core(vrf_name);
        let afi = if self.version == Version::V2 { Afi::Ipv4 } else { Afi::Ipv6 };
        let redistribute = config.redistribute.iter().map(|r| Redistribution {
            vrf: self.vrf,
            afi,
            protocol: r.protocol,
            instance: r.instance.unwrap_or(0),
            table: None,
        });
        Instance {
            device: (self.vrf != VrfId::DEFAULT).then(|| Arc::from(vrf_name)),
            redistribute: redistribute.collect(),
            watch_default: config.default_originate.as_ref().is_some_and(|d| !d.always),
            profiles: self.profiles(),
            config,
        }
    }

    fn core(&self, vrf_name: &str) -> core::InstanceConfig {
        let i = self.instance;
        let default = core::InstanceConfig::new(self.version, self.vrf, vrf_name, self.router_id(vrf_name));
        let millis = |ms: u32| Duration::from_millis(ms.into());
        let mut config = core::InstanceConfig {
            instance: self.name.instance,
            interfaces: self.interfaces(),
            redistribute: self.redistribute(),
            default_originate: i.default_information.as_ref().map(|d| core::DefaultOriginate {
                always: d.always,
                metric: d.metric,
                type2: d.metric_type == model::MetricType::Two,
                route_map: d.route_map.clone(),
            }),
            default_metric: i.default_metric.unwrap_or(default.default_metric),
            distribute: self.distribute(),
            summaries: i.summaries.iter().map(|(p, s)| (*p, summary(s))).collect(),
            aggregation_delay: seconds(i.aggregation_timer, 5),
            distances: distances(&i.distance),
            max_paths: i.maximum_paths.map_or(default.max_paths, usize::from),
            stub_router: core::StubRouter {
                administrative: i.max_metric.administrative || i.stub_router,
                on_startup: i.max_metric.on_startup.map(|s| Duration::from_secs(s.into())),
                on_shutdown: i.max_metric.on_shutdown.map(|s| Duration::from_secs(s.into())),
            },
            rfc1583: i.rfc1583,
            abr_type: match i.abr_type {
                model::AbrType::Cisco => core::AbrType::Cisco,
                model::AbrType::Ibm => core::AbrType::Ibm,
                model::AbrType::Shortcut => core::AbrType::Shortcut,
                model::AbrType::Standard => core::AbrType::Standard,
            },
            // A restart, own or helped, is told by opaque LSAs: it does not need the statement beside its own.
            opaque: self.version == Version::V3
                || i.opaque_lsa
                || i.graceful_restart.is_some()
                || i.helper.all
                || !i.helper.routers.is_empty(),
            spf: core::SpfTimers {
                initial: millis(i.spf_throttle.delay),
                short: millis(i.spf_throttle.hold),
                long: millis(i.spf_throttle.max),
                ..default.spf
            },
            min_ls_interval: i.lsa_throttle.map_or(default.min_ls_interval, |ms| millis(ms.into())),
            min_ls_arrival: i.min_arrival.map_or(default.min_ls_arrival, millis),
            graceful: graceful(i),
            fast_reroute: core::FastReroute {
                enabled: true,
                node_protection: i.fast_reroute.is_some_and(|f| f.node_protection),
            },
            write_multiplier: i.write_multiplier.unwrap_or(default.write_multiplier),
            log_adjacency: match i.logs_adjacency() {
                model::LogAdjacency::Off => core::LogAdjacency::Off,
                model::LogAdjacency::On => core::LogAdjacency::Changes,
                model::LogAdjacency::Detail => core::LogAdjacency::Detail,
            },
            refresh_interval: seconds(i.refresh_timer, 10),
            ..default
        };
        config.areas = self.areas(&config);
        config
    }

    fn router_id(&self, vrf_name: &str) -> RouterId {
        let globals = match &self.name.vrf {
            Some(_) => self.config.vrfs.get(vrf_name).map(|v| &v.globals),
            None => Some(&self.config.global.vrf),
        };
        let said = self.instance.router_id.or(globals.and_then(|g| g.router_id));
        said.map_or_else(|| self.around.router_id(self.vrf), RouterId)
    }

    fn redistribute(&self) -> Vec<core::Redistribute> {
        let own = if self.version == Version::V2 { Protocol::Ospf } else { Protocol::Ospf6 };
        let all = self.instance.redistribute.iter().filter_map(|(key, o)| {
            let protocol = key.source.protocol()?;
            // Another instance of OSPF may be told, this one not.
            let another = key.instance.is_some_and(|n| n != self.name.instance);
            (protocol != own || another).then(|| core::Redistribute {
                protocol,
                instance: key.instance,
                metric: o.metric,
                type2: o.metric_type == model::MetricType::Two,
                route_map: o.route_map.clone(),
                tag: None,
            })
        });
        all.collect()
    }

    fn distribute(&self) -> BTreeMap<Protocol, String> {
        let lists = self.instance.distribute_lists.iter();
        lists.filter_map(|(key, list)| Some((key.source.protocol()?, list.clone()))).collect()
    }

    /// Areas that are named by a statement of their own or by an interface.
    fn areas(&self, config: &core::InstanceConfig) -> BTreeMap<AreaId, core::AreaConfig> {
        let mut areas: BTreeMap<AreaId, core::AreaConfig> =
            config.interfaces.values().map(|i| (i.area, self.area(&model::OspfArea::default()))).collect();
        for (id, area) in &self.instance.areas {
            areas.insert(area_id(id), self.area(area));
        }
        areas
    }

    fn area(&self, area: &model::OspfArea) -> core::AreaConfig {
        let links =
            area.virtual_links.iter().map(|(router, link)| (RouterId(*router), self.virtual_link(link)));
        core::AreaConfig {
            kind: match area.kind {
                model::AreaKind::Normal => core::AreaKind::Normal,
                model::AreaKind::Stub => core::AreaKind::Stub { no_summary: area.no_summary },
                model::AreaKind::Nssa => core::AreaKind::Nssa(nssa(area)),
            },
            default_cost: area.default_cost,
            ranges: area.ranges.iter().map(|(p, r)| (*p, range(r))).collect(),
            filter_in: area.filter_lists.inbound.clone(),
            filter_out: area.filter_lists.outbound.clone(),
            import_list: area.import_list.clone(),
            export_list: area.export_list.clone(),
            virtual_links: links.collect(),
            shortcut: match area.shortcut {
                model::Shortcut::Default => core::Shortcut::Default,
                model::Shortcut::Enable => core::Shortcut::Enable,
                model::Shortcut::Disable => core::Shortcut::Disable,
            },
            flood_reduction: self.instance.flood_reduction || area.flood_reduction,
        }
    }

    fn virtual_link(&self, link: &model::VirtualLink) -> core::VirtualLink {
        let hello = seconds(link.hello_interval, 10);
        core::VirtualLink {
            hello,
            dead: seconds(link.dead_interval, 40),
            retransmit: seconds(link.retransmit_interval, 5),
            transmit_delay: link.transmit_delay.unwrap_or(1),
            auth: self.virtual_auth(link),
        }
    }
}

fn nssa(area: &model::OspfArea) -> core::Nssa {
    core::Nssa {
        no_summary: area.no_summary,
        translate: match area.translate {
            model::NssaTranslate::Candidate => core::Translate::Candidate,
            model::NssaTranslate::Always => core::Translate::Always,
            model::NssaTranslate::Never => core::Translate::Never,
        },
        default_originate: area.nssa_default.map(|d| core::NssaDefault {
            metric: d.metric.unwrap_or(1),
            type2: d.metric_type == model::MetricType::Two,
        }),
        suppress_forwarding: area.suppress_fa,
        ranges: area.nssa_ranges.iter().map(|(p, r)| (*p, range(r))).collect(),
    }
}

const fn range(range: &model::AreaRange) -> core::AreaRange {
    core::AreaRange { advertise: !range.not_advertise, cost: range.cost, substitute: range.substitute }
}

fn summary(summary: &model::SummaryAddress) -> core::ExternalSummary {
    core::ExternalSummary {
        advertise: !summary.no_advertise,
        tag: summary.tag.unwrap_or(0),
        metric: summary.metric,
        type2: summary.metric_type == model::MetricType::Two,
    }
}

fn distances(distance: &model::OspfDistance) -> core::Distances {
    let default = core::Distances::default();
    let of = |own: Option<u8>, default: Distance| own.or(distance.all).map_or(default, Distance);
    core::Distances {
        intra: of(distance.intra_area, default.intra),
        inter: of(distance.inter_area, default.inter),
        external: of(distance.external, default.external),
    }
}

fn graceful(instance: &model::OspfInstance) -> core::GracefulConfig {
    let helper = &instance.helper;
    core::GracefulConfig {
        restart: instance.graceful_restart.map(|s| Duration::from_secs(s.into())),
        helper: helper.all,
        helper_for: helper.routers.iter().map(|r| RouterId(*r)).collect(),
        planned_only: helper.planned_only,
        strict_lsa_checking: !helper.lenient,
        max_grace: seconds(helper.grace_time, 1800),
    }
}
