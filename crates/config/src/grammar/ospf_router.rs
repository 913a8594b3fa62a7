//! Statements of `router ospf` and `router ospf6` outside areas, in FRR's order of printing.

use super::args::Args;
use super::ospf::{
    AGGREGATION_TIMER, DEFAULT_INFORMATION, DEFAULT_INFORMATION6, DISTANCE, GRACEFUL, HELPER_ENABLE,
    HELPER_ROUTERS, LOG_ADJACENCY, MAXIMUM_PATHS, MIN_ARRIVAL, REDISTRIBUTE, REFERENCE_BANDWIDTH,
    SPF_THROTTLE, distance_text, prefix, router_id, set_distance, set_summary, show_summaries, source,
    source_text, unset_distance, unset_summary,
};
use super::table::{
    Applied, DONE, Lines, Stmt, alias, flag, idle, idle_no, inert, off_flag, stmt, value, value_unless,
};
use crate::error::ConfigError;
use crate::model::ospf::{AbrType, AreaId, FastReroute, NbmaNeighbor, OspfInstance};

fn set_abr_type(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    let types = [AbrType::Cisco, AbrType::Ibm, AbrType::Shortcut, AbrType::Standard];
    if let Some(kind) = types.into_iter().find(|kind| a.has(kind.name())) {
        n.abr_type = kind;
    }
    DONE
}

fn set_network(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    let (prefix, area) = (prefix(a, "p")?, a.val::<AreaId>("v")?);
    match n.networks.get(&prefix) {
        Some(held) if *held != area => {
            Err(ConfigError::OtherNetworkArea { prefix: prefix.to_string(), area: held.to_string() })
        }
        _ => {
            n.networks.insert(prefix, area);
            DONE
        }
    }
}

/// OSPFv2, up to the areas.
pub(crate) static HEAD: &[Stmt<OspfInstance>] = &[
    router_id("ospf router-id ~ A.B.C.D@v", |n, o| {
        if let Some(id) = n.router_id {
            o.line(format_args!("ospf router-id {id}"));
        }
    }),
    router_id("router-id ~ A.B.C.D@v", |_, _| {}),
    idle(flag!("ospf send-extra-data zebra", send_extra_data)),
    stmt(
        "ospf abr-type ~ <cisco|ibm|shortcut|standard>",
        set_abr_type,
        |n, _| {
            n.abr_type = AbrType::Cisco;
            DONE
        },
        |n, o| {
            if n.abr_type != AbrType::Cisco {
                o.line(format_args!("ospf abr-type {}", n.abr_type.name()));
            }
        },
    ),
    LOG_ADJACENCY,
    flag!("compatible rfc1583", rfc1583),
    alias(
        "ospf rfc1583compatibility",
        |n, _| {
            n.rfc1583 = true;
            DONE
        },
        |n, _| {
            n.rfc1583 = false;
            DONE
        },
    ),
    REFERENCE_BANDWIDTH,
    SPF_THROTTLE,
    value_unless!("timers throttle lsa all", "(0-5000)", lsa_throttle, 5000_u16),
    MIN_ARRIVAL,
    value_unless!("ospf write-multiplier", "(1-100)", write_multiplier, 20_u8),
    alias(
        "write-multiplier ~ (1-100)@v",
        |n, a| {
            n.write_multiplier = Some(a.val("v")?).filter(|v| *v != 20);
            DONE
        },
        |n, _| {
            n.write_multiplier = None;
            DONE
        },
    ),
    idle(value!("socket buffer send", "(1-4000000000)", socket_send)),
    idle(value!("socket buffer recv", "(1-4000000000)", socket_receive)),
    idle(alias(
        "socket buffer all ~ (1-4000000000)@v",
        |n, a| {
            let octets = Some(a.val("v")?);
            (n.socket_send, n.socket_receive) = (octets, octets);
            DONE
        },
        |n, _| {
            (n.socket_send, n.socket_receive) = (None, None);
            DONE
        },
    )),
    idle_no(off_flag!("socket-per-interface", no_socket_per_interface)),
    MAXIMUM_PATHS,
    value!("max-metric router-lsa on-startup", "(5-86400)", max_metric.on_startup),
    value!("max-metric router-lsa on-shutdown", "(5-100)", max_metric.on_shutdown),
    flag!("max-metric router-lsa administrative", max_metric.administrative),
    stmt(
        "refresh timer ~ (10-1800)@v",
        |n, a| {
            // FRR keeps multiples of its ticks, which are of ten seconds.
            n.refresh_timer = Some(a.val::<u16>("v")? / 10 * 10).filter(|v| *v != 10);
            DONE
        },
        |n, _| {
            n.refresh_timer = None;
            DONE
        },
        |n, o| {
            if let Some(v) = n.refresh_timer {
                o.line(format_args!("refresh timer {v}"));
            }
        },
    ),
    REDISTRIBUTE,
    GRACEFUL,
    HELPER_ENABLE,
    off_flag!("graceful-restart helper strict-lsa-checking", helper.lenient),
    flag!("graceful-restart helper planned-only", helper.planned_only),
    HELPER_ROUTERS,
    AGGREGATION_TIMER,
    stmt(
        "summary-address A.B.C.D/M@p ~ [<tag (0-4294967295)@tag|no-advertise>]",
        set_summary,
        unset_summary,
        show_summaries,
    ),
    flag!("passive-interface default", passive_default),
    idle_no(off_flag!("proactive-arp", no_proactive_arp)),
    stmt(
        "fast-reroute ti-lfa ~ [node-protection]",
        |n, a| {
            n.fast_reroute = Some(FastReroute { node_protection: a.has("node-protection") });
            DONE
        },
        |n, _| {
            n.fast_reroute = None;
            DONE
        },
        |n, o| match n.fast_reroute {
            None => {}
            Some(FastReroute { node_protection: false }) => o.line("fast-reroute ti-lfa"),
            Some(FastReroute { node_protection: true }) => o.line("fast-reroute ti-lfa node-protection"),
        },
    ),
    flag!("flood-reduction", flood_reduction),
    stmt(
        "network A.B.C.D/M@p area <A.B.C.D@v|(0-4294967295)@v>",
        set_network,
        |n, a| {
            n.networks.remove(&prefix(a, "p")?);
            DONE
        },
        |n, o| {
            for (prefix, area) in &n.networks {
                o.line(format_args!("network {prefix} area {area}"));
            }
        },
    ),
];

fn set_neighbor(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    let neighbor = NbmaNeighbor {
        priority: a.opt("priority")?.filter(|v| *v != 0),
        poll_interval: a.opt("poll")?.filter(|v| *v != 60),
    };
    n.neighbors.insert(a.val("addr")?, neighbor);
    DONE
}

fn unset_neighbor(n: &mut OspfInstance, a: &Args<'_>) -> Applied {
    n.neighbors.remove(&a.val("addr")?);
    DONE
}

fn show_neighbors(n: &OspfInstance, o: &mut Lines) {
    for (addr, neighbor) in &n.neighbors {
        let priority = neighbor.priority.map(|v| format!(" priority {v}")).unwrap_or_default();
        let poll = neighbor.poll_interval.map(|v| format!(" poll-interval {v}")).unwrap_or_default();
        o.line(format_args!("neighbor {addr}{priority}{poll}"));
    }
}

/// Between the areas and their virtual links.
pub(crate) static NEIGHBORS: &[Stmt<OspfInstance>] = &[stmt(
    "neighbor A.B.C.D@addr ~ [{priority (0-255)@priority|poll-interval (1-65535)@poll}]",
    set_neighbor,
    unset_neighbor,
    show_neighbors,
)];

/// Behind the areas.
pub(crate) static TAIL: &[Stmt<OspfInstance>] = &[
    value!("default-metric", "(0-16777214)", default_metric),
    stmt(
        "distribute-list NAME@list out PROTOCOL [(1-65535)@instance]",
        |n, a| {
            n.distribute_lists.insert(source(a)?, a.name("list"));
            DONE
        },
        |n, a| {
            n.distribute_lists.remove(&source(a)?);
            DONE
        },
        |n, o| {
            for (key, list) in &n.distribute_lists {
                o.line(format_args!("distribute-list {list} out {}", source_text(key)));
            }
        },
    ),
    DEFAULT_INFORMATION,
    DISTANCE,
    stmt(
        "distance ospf ~ {intra-area ~ (1-255)@intra|inter-area ~ (1-255)@inter|external ~ (1-255)@external}",
        set_distance,
        unset_distance,
        |n, o| {
            if let Some(words) = distance_text(n) {
                o.line(format_args!("distance ospf{words}"));
            }
        },
    ),
    alias(
        "distance ospf {intra-area [(1-255)]|inter-area [(1-255)]|external [(1-255)]} ~ !",
        |_, _| DONE,
        unset_distance,
    ),
    flag!("capability opaque", opaque_lsa),
    alias(
        "ospf opaque-lsa",
        |n, _| {
            n.opaque_lsa = true;
            DONE
        },
        |n, _| {
            n.opaque_lsa = false;
            DONE
        },
    ),
    inert!("mpls-te ~ on", opaque),
    inert!("mpls-te router-address ~ A.B.C.D", opaque),
    inert!("mpls-te inter-as ~ <as|area <A.B.C.D|(0-4294967295)>>", opaque),
    inert!("mpls-te export", opaque),
    inert!("segment-routing ~ on", opaque),
    inert!(
        "segment-routing global-block ~ (16-1048575) (16-1048575) [local-block (16-1048575) (16-1048575)]",
        opaque
    ),
    inert!("segment-routing node-msd ~ (1-16)", opaque),
    inert!("segment-routing prefix A.B.C.D/M ~ index (0-65535) [<no-php-flag|explicit-null>]", opaque),
    inert!("router-info ~ <as|area [A.B.C.D]>", opaque),
    inert!("pce address ~ A.B.C.D", opaque),
    inert!("pce scope ~ BITPATTERN", opaque),
    inert!("pce domain as (0-65535)", opaque),
    inert!("pce neighbor as (0-65535)", opaque),
    inert!("pce flag ~ BITPATTERN", opaque),
    inert!("mpls ldp-sync", opaque),
    inert!("mpls ldp-sync holddown ~ (1-10000)", opaque),
];

/// OSPFv3, up to the areas.
pub(crate) static HEAD6: &[Stmt<OspfInstance>] = &[
    router_id("ospf6 router-id ~ A.B.C.D@v", |n, o| {
        if let Some(id) = n.router_id {
            o.line(format_args!("ospf6 router-id {id}"));
        }
    }),
    router_id("router-id ~ A.B.C.D@v", |_, _| {}),
    idle(flag!("ospf6 send-extra-data zebra", send_extra_data)),
    LOG_ADJACENCY,
    REFERENCE_BANDWIDTH,
    value_unless!("write-multiplier", "(1-100)", write_multiplier, 20_u8),
    MIN_ARRIVAL,
    MAXIMUM_PATHS,
    flag!("stub-router administrative", stub_router),
    REDISTRIBUTE,
];

/// Behind the areas.
pub(crate) static TAIL6: &[Stmt<OspfInstance>] = &[
    SPF_THROTTLE,
    DISTANCE,
    stmt(
        "distance ospf6 ~ {intra-area ~ (1-255)@intra|inter-area ~ (1-255)@inter|external ~ (1-255)@external}",
        set_distance,
        unset_distance,
        |n, o| {
            if let Some(words) = distance_text(n) {
                o.line(format_args!("distance ospf6{words}"));
            }
        },
    ),
    alias(
        "distance ospf6 {intra-area [(1-255)]|inter-area [(1-255)]|external [(1-255)]} ~ !",
        |_, _| DONE,
        unset_distance,
    ),
    DEFAULT_INFORMATION6,
    AGGREGATION_TIMER,
    stmt(
        "summary-address X:X::X:X/M@p ~ [{tag (0-4294967295)@tag|metric (0-16777215)@metric|metric-type (1-2)@type}]",
        set_summary,
        unset_summary,
        show_summaries,
    ),
    alias("summary-address X:X::X:X/M@p no-advertise", set_summary, unset_summary),
    GRACEFUL,
    HELPER_ENABLE,
    flag!("graceful-restart helper lsa-check-disable", helper.lenient),
    flag!("graceful-restart helper planned-only", helper.planned_only),
    HELPER_ROUTERS,
];
