//! `router ospf` and `router ospf6`: settings of instances.
//!
//! Invariant: a statement that both versions have is written once.

use ferr_types::{IfAddr, Prefix};

use super::args::Args;
use super::mode::Mode;
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, stmt, value_unless};
use crate::error::ConfigError;
use crate::model::Config;
use crate::model::bgp::RedistributeKey;
use crate::model::global::RouteSource;
use crate::model::ospf::{
    AreaId, DefaultInformation, LogAdjacency, MetricType, OspfInstance, OspfName, OspfRedistribution,
    SpfThrottle, SummaryAddress,
};

fn name(a: &Args<'_>) -> Result<OspfName, ConfigError> {
    let vrf = a.get("vrf").filter(|v| *v != "default").map(str::to_owned);
    Ok(OspfName { instance: a.opt("instance")?.unwrap_or(0), vrf })
}

/// The headers.
pub(crate) static HEADERS: &[Stmt<Config>] = &[
    alias(
        "router ospf [{(1-65535)@instance|vrf NAME@vrf}]",
        |c, a| {
            let (name, profile) = (name(a)?, c.global.profile);
            c.ospf.entry(name.clone()).or_insert_with(|| OspfInstance::new(profile));
            Ok(Effect::Enter(Mode::Ospf(name)))
        },
        |c, a| {
            c.ospf.remove(&name(a)?);
            DONE
        },
    ),
    alias(
        "router ospf6 [vrf NAME@vrf]",
        |c, a| {
            let (name, profile) = (name(a)?, c.global.profile);
            c.ospf6.entry(name.clone()).or_insert_with(|| OspfInstance::new(profile));
            Ok(Effect::Enter(Mode::Ospf6(name)))
        },
        |c, a| {
            c.ospf6.remove(&name(a)?);
            DONE
        },
    ),
];

/// Statements of an instance that are about an interface; those of newer files stand there.
pub(crate) static PASSIVE: &[Stmt<Config>] = &[alias(
    "passive-interface IFNAME@if [A.B.C.D@addr]",
    |c, a| {
        let link = c.interfaces.entry(a.name("if")).or_default();
        link.ospf.settings(a.opt("addr")?).passive = Some(true);
        DONE
    },
    |c, a| {
        let link = c.interfaces.entry(a.name("if")).or_default();
        link.ospf.settings(a.opt("addr")?).not_passive();
        DONE
    },
)];

/// The same of OSPFv3.
pub(crate) static LINK_AREA: &[Stmt<Config>] = &[alias(
    "interface IFNAME@if area <A.B.C.D@v|(0-4294967295)@v>",
    |c, a| {
        let area: AreaId = a.val("v")?;
        c.interfaces.entry(a.name("if")).or_default().ospf6.join(area)?;
        DONE
    },
    |c, a| {
        if let Some(i) = c.interfaces.get_mut(a.get("if").unwrap_or_default()) {
            i.ospf6.area = None;
        }
        DONE
    },
)];

/// Refuses to redistribute an instance into itself.
///
/// # Errors
/// It is its own source, or no source at all.
pub(crate) fn fits(mode: &Mode, a: &Args<'_>) -> Result<(), ConfigError> {
    if !a.has("redistribute") {
        return Ok(());
    }
    let source = a.protocol()?;
    let instance: u16 = a.opt("instance")?.unwrap_or(0);
    match (mode, source) {
        (Mode::Ospf(name), RouteSource::Ospf) if name.instance == instance => {
            Err(ConfigError::RedistributeSelf)
        }
        (Mode::Ospf6(_), RouteSource::Ospf6) => Err(ConfigError::RedistributeSelf),
        (_, RouteSource::Any | RouteSource::Local) => {
            Err(ConfigError::Value { what: "protocol", text: source.to_string() })
        }
        _ => Ok(()),
    }
}

pub(super) fn metric_type(a: &Args<'_>) -> Result<MetricType, ConfigError> {
    Ok(if a.opt("type")? == Some(1_u8) { MetricType::One } else { MetricType::Two })
}

/// ` metric N`, ` metric-type 1`, as far as they say something.
pub(super) fn metric_text(metric: Option<u32>, kind: MetricType) -> String {
    let metric = metric.map(|n| format!(" metric {n}")).unwrap_or_default();
    let kind = if kind == MetricType::One { " metric-type 1" } else { "" };
    format!("{metric}{kind}")
}

fn map_text(map: Option<&String>) -> String {
    map.map(|name| format!(" route-map {name}")).unwrap_or_default()
}

pub(super) fn prefix(a: &Args<'_>, label: &'static str) -> Result<Prefix, ConfigError> {
    Ok(a.val::<IfAddr>(label)?.prefix())
}

pub(super) fn source(a: &Args<'_>) -> Result<RedistributeKey, ConfigError> {
    Ok(RedistributeKey { source: a.protocol()?, instance: a.opt("instance")? })
}

pub(super) fn source_text(key: &RedistributeKey) -> String {
    let instance = key.instance.map(|n| format!(" {n}")).unwrap_or_default();
    format!("{}{instance}", key.source)
}

type Change = fn(&mut OspfInstance, &Args<'_>) -> Applied;

/// The router id; `show` prints it with the words of the version.
pub(super) const fn router_id(
    syntax: &'static str,
    show: fn(&OspfInstance, &mut Lines),
) -> Stmt<OspfInstance> {
    const SET: Change = |n, a| {
        n.router_id = Some(a.val("v")?);
        DONE
    };
    const UNSET: Change = |n, _| {
        n.router_id = None;
        DONE
    };
    stmt(syntax, SET, UNSET, show)
}

pub(super) const LOG_ADJACENCY: Stmt<OspfInstance> = stmt(
    "log-adjacency-changes ~ [detail]",
    |n, a| {
        n.log_adjacency = Some(if a.has("detail") { LogAdjacency::Detail } else { LogAdjacency::On });
        DONE
    },
    |n, a| {
        n.log_adjacency = Some(if a.has("detail") { LogAdjacency::On } else { LogAdjacency::Off });
        DONE
    },
    |n, o| {
        let default = OspfInstance::new(n.profile).logs_adjacency();
        match n.logs_adjacency() {
            level if level == default => {}
            LogAdjacency::Off => o.no("log-adjacency-changes"),
            LogAdjacency::On => o.line("log-adjacency-changes"),
            LogAdjacency::Detail => o.line("log-adjacency-changes detail"),
        }
    },
);

pub(super) const REFERENCE_BANDWIDTH: Stmt<OspfInstance> = value_unless!(
    "auto-cost reference-bandwidth",
    "(1-4294967)",
    reference_bandwidth,
    OspfInstance::DEFAULT_REFERENCE_BANDWIDTH
);

pub(super) const SPF_THROTTLE: Stmt<OspfInstance> = stmt(
    "timers throttle spf ~ (0-600000)@delay (0-600000)@hold (0-600000)@max",
    |n, a| {
        n.spf_throttle = SpfThrottle { delay: a.val("delay")?, hold: a.val("hold")?, max: a.val("max")? };
        DONE
    },
    |n, _| {
        n.spf_throttle = SpfThrottle::default();
        DONE
    },
    |n, o| {
        let SpfThrottle { delay, hold, max } = n.spf_throttle;
        if n.spf_throttle != SpfThrottle::default() {
            o.line(format_args!("timers throttle spf {delay} {hold} {max}"));
        }
    },
);

pub(super) const MIN_ARRIVAL: Stmt<OspfInstance> =
    value_unless!("timers lsa min-arrival", "(0-600000)", min_arrival, 1000_u32);
pub(super) const MAXIMUM_PATHS: Stmt<OspfInstance> =
    value_unless!("maximum-paths", "(1-256)", maximum_paths, 256_u16);

pub(super) const REDISTRIBUTE: Stmt<OspfInstance> = stmt(
    "redistribute PROTOCOL [(1-65535)@instance] ~ [{metric (0-16777214)@metric|metric-type (1-2)@type|route-map NAME@map}]",
    |n, a| {
        let map = a.get("map").map(str::to_owned);
        let options =
            OspfRedistribution { metric: a.opt("metric")?, metric_type: metric_type(a)?, route_map: map };
        n.redistribute.insert(source(a)?, options);
        DONE
    },
    |n, a| {
        n.redistribute.remove(&source(a)?);
        DONE
    },
    |n, o| {
        for (key, r) in &n.redistribute {
            let (metric, map) = (metric_text(r.metric, r.metric_type), map_text(r.route_map.as_ref()));
            o.line(format_args!("redistribute {}{metric}{map}", source_text(key)));
        }
    },
);

fn default_information(a: &Args<'_>) -> Result<DefaultInformation, ConfigError> {
    Ok(DefaultInformation {
        always: a.has("always"),
        metric: a.opt("metric")?,
        metric_type: metric_type(a)?,
        says_type2: false,
        route_map: a.get("map").map(str::to_owned),
    })
}

fn show_default_information(n: &OspfInstance, o: &mut Lines) {
    if let Some(d) = &n.default_information {
        let always = if d.always { " always" } else { "" };
        let (metric, map) = (metric_text(d.metric, d.metric_type), map_text(d.route_map.as_ref()));
        let type2 = if d.says_type2 { " metric-type 2" } else { "" };
        o.line(format_args!("default-information originate{always}{metric}{type2}{map}"));
    }
}

pub(super) const DEFAULT_INFORMATION: Stmt<OspfInstance> = stmt(
    "default-information originate ~ [{always|metric (0-16777214)@metric|metric-type (1-2)@type|route-map NAME@map}]",
    |n, a| {
        n.default_information = Some(default_information(a)?);
        DONE
    },
    |n, _| {
        n.default_information = None;
        DONE
    },
    show_default_information,
);

/// OSPFv3 shows what is the default anyway, when it was written.
pub(super) const DEFAULT_INFORMATION6: Stmt<OspfInstance> = stmt(
    DEFAULT_INFORMATION.syntax,
    |n, a| {
        let d = default_information(a)?;
        let says_type2 = a.has("metric-type") && d.metric_type == MetricType::Two;
        n.default_information = Some(DefaultInformation { says_type2, ..d });
        DONE
    },
    DEFAULT_INFORMATION.unset,
    show_default_information,
);

pub(super) const GRACEFUL: Stmt<OspfInstance> = stmt(
    "graceful-restart ~ [grace-period (1-1800)@v]",
    |n, a| {
        n.graceful_restart = Some(a.opt("v")?.unwrap_or(OspfInstance::DEFAULT_GRACE_PERIOD));
        DONE
    },
    |n, _| {
        n.graceful_restart = None;
        DONE
    },
    |n, o| match n.graceful_restart {
        None => {}
        Some(OspfInstance::DEFAULT_GRACE_PERIOD) => o.line("graceful-restart"),
        Some(period) => o.line(format_args!("graceful-restart grace-period {period}")),
    },
);

pub(super) const HELPER_ENABLE: Stmt<OspfInstance> = stmt(
    "graceful-restart helper enable ~ [A.B.C.D@router]",
    |n, a| {
        match a.opt("router")? {
            Some(router) => {
                n.helper.routers.insert(router);
            }
            None => n.helper.all = true,
        }
        DONE
    },
    |n, a| {
        match a.opt("router")? {
            Some(router) => {
                n.helper.routers.remove(&router);
            }
            None => n.helper.all = false,
        }
        DONE
    },
    |n, o| {
        if n.helper.all {
            o.line("graceful-restart helper enable");
        }
    },
);

/// Shown last, as FRR does.
pub(super) const HELPER_ROUTERS: Stmt<OspfInstance> = stmt(
    "graceful-restart helper supported-grace-time ~ (10-1800)@v",
    |n, a| {
        n.helper.grace_time = Some(a.val("v")?).filter(|v| *v != 1800);
        DONE
    },
    |n, _| {
        n.helper.grace_time = None;
        DONE
    },
    |n, o| {
        if let Some(seconds) = n.helper.grace_time {
            o.line(format_args!("graceful-restart helper supported-grace-time {seconds}"));
        }
        for router in &n.helper.routers {
            o.line(format_args!("graceful-restart helper enable {router}"));
        }
    },
);

pub(super) const AGGREGATION_TIMER: Stmt<OspfInstance> =
    value_unless!("aggregation timer", "(5-1800)", aggregation_timer, 5_u16);

pub(super) fn set_summary(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    let summary = SummaryAddress {
        tag: a.opt("tag")?.filter(|tag| *tag != 0),
        no_advertise: a.has("no-advertise"),
        metric: a.opt("metric")?,
        metric_type: metric_type(a)?,
    };
    n.summaries.insert(prefix(a, "p")?, summary);
    DONE
}

pub(super) fn unset_summary(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    let prefix = prefix(a, "p")?;
    if a.has("no-advertise") {
        if let Some(summary) = n.summaries.get_mut(&prefix) {
            summary.no_advertise = false;
        }
    } else {
        n.summaries.remove(&prefix);
    }
    DONE
}

pub(super) fn show_summaries(n: &OspfInstance, o: &mut Lines) {
    for (prefix, s) in &n.summaries {
        let tag = s.tag.map(|tag| format!(" tag {tag}")).unwrap_or_default();
        let quiet = if s.no_advertise { " no-advertise" } else { "" };
        let metric = metric_text(s.metric, s.metric_type);
        o.line(format_args!("summary-address {prefix}{tag}{metric}{quiet}"));
    }
}

pub(super) fn set_distance(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    let d = &mut n.distance;
    d.intra_area = a.opt("intra")?.or(d.intra_area);
    d.inter_area = a.opt("inter")?.or(d.inter_area);
    d.external = a.opt("external")?.or(d.external);
    DONE
}

pub(super) fn unset_distance(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    let d = &mut n.distance;
    let all = !(a.has("intra-area") || a.has("inter-area") || a.has("external"));
    if all || a.has("intra-area") {
        d.intra_area = None;
    }
    if all || a.has("inter-area") {
        d.inter_area = None;
    }
    if all || a.has("external") {
        d.external = None;
    }
    DONE
}

pub(super) fn distance_text(n: &OspfInstance) -> Option<String> {
    let d = &n.distance;
    let parts = [("intra-area", d.intra_area), ("inter-area", d.inter_area), ("external", d.external)];
    let words: Vec<String> =
        parts.into_iter().filter_map(|(word, v)| v.map(|v| format!(" {word} {v}"))).collect();
    (!words.is_empty()).then(|| words.concat())
}

pub(super) const DISTANCE: Stmt<OspfInstance> = value_unless!("distance", "(1-255)", distance.all, 110_u8);
