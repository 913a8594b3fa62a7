//! Statements of BGP address families.

use ferr_types::attr::Origin;
use ferr_types::{IfAddr, Prefix};

use super::args::Args;
use super::statics::prefix;
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, inert, stmt, value};
use crate::error::ConfigError;
use crate::model::bgp::{
    AggregateOptions, BgpAf, Dampening, NetworkOptions, RedistributeKey, RedistributeOptions,
};

pub(super) fn named(a: &Args<'_>, label: &str) -> Option<String> {
    a.get(label).map(str::to_owned)
}

pub(super) fn option(word: &str, value: Option<&impl std::fmt::Display>) -> String {
    value.map(|v| format!(" {word} {v}")).unwrap_or_default()
}

fn origin(a: &Args<'_>) -> Option<Origin> {
    match () {
        () if a.has("egp") => Some(Origin::Egp),
        () if a.has("igp") => Some(Origin::Igp),
        () if a.has("incomplete") => Some(Origin::Incomplete),
        () => None,
    }
}

/// `network A` without a mask has that of the address's class.
fn network_prefix(a: &Args<'_>) -> Result<Prefix, ConfigError> {
    let classful = a.get("p").is_some_and(|p| !p.contains(['/', ':'])) && a.get("mask").is_none();
    if !classful {
        return prefix(a, "p", "mask");
    }
    let addr: std::net::Ipv4Addr = a.val("p")?;
    let len = match addr.octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        _ => 24,
    };
    Prefix::new(addr.into(), len).ok_or(ConfigError::WrongFamily)
}

fn aggregate(af: &mut BgpAf, a: &Args<'_>) -> Applied {
    let options = AggregateOptions {
        as_set: a.has("as-set"),
        summary_only: a.has("summary-only"),
        route_map: named(a, "map"),
        origin: origin(a),
        matching_med_only: a.has("matching-MED-only"),
        suppress_map: named(a, "suppress"),
    };
    af.aggregates.insert(prefix(a, "p", "mask")?, options);
    DONE
}

fn show_aggregates(af: &BgpAf, o: &mut Lines) {
    for (p, x) in &af.aggregates {
        let mut text = format!("aggregate-address {p}");
        text += if x.as_set { " as-set" } else { "" };
        text += if x.summary_only { " summary-only" } else { "" };
        text += &option("route-map", x.route_map.as_ref());
        text += &option("origin", x.origin.map(Origin::name).as_ref());
        text += if x.matching_med_only { " matching-MED-only" } else { "" };
        text += &option("suppress-map", x.suppress_map.as_ref());
        o.line(text);
    }
}

fn redistribute_key(a: &Args<'_>) -> Result<RedistributeKey, ConfigError> {
    Ok(RedistributeKey { source: a.protocol()?, instance: a.opt("instance")? })
}

/// Networks and the like, in the order of printing up to the neighbors.
pub(crate) static ORIGINATION: &[Stmt<BgpAf>] = &[
    stmt(
        "distance bgp ~ (1-255)@e (1-255)@i (1-255)@l",
        |af, a| {
            let value = (a.val("e")?, a.val("i")?, a.val("l")?);
            af.distance = Some(value).filter(|d| *d != (20, 200, 200));
            DONE
        },
        |af, _| {
            af.distance = None;
            DONE
        },
        |af, o| {
            if let Some((e, i, l)) = af.distance {
                o.line(format_args!("distance bgp {e} {i} {l}"));
            }
        },
    ),
    stmt(
        "distance (1-255)@d <A.B.C.D/M@p|X:X::X:X/M@p> ~ [WORD@acl]",
        |af, a| {
            af.distance_prefixes.insert(a.val::<IfAddr>("p")?.prefix(), (a.val("d")?, named(a, "acl")));
            DONE
        },
        |af, a| {
            af.distance_prefixes.remove(&a.val::<IfAddr>("p")?.prefix());
            DONE
        },
        |af, o| {
            for (p, (d, acl)) in &af.distance_prefixes {
                let acl = acl.as_ref().map(|n| format!(" {n}")).unwrap_or_default();
                o.line(format_args!("distance {d} {p}{acl}"));
            }
        },
    ),
    stmt(
        "network <A.B.C.D/M@p|X:X::X:X/M@p|A.B.C.D@p [mask A.B.C.D@mask]> \
         [{route-map NAME@map|label-index (0-1048560)@label|backdoor}]",
        |af, a| {
            let options = NetworkOptions {
                route_map: named(a, "map"),
                label_index: a.opt("label")?,
                backdoor: a.has("backdoor"),
            };
            af.networks.insert(network_prefix(a)?, options);
            DONE
        },
        |af, a| {
            af.networks.remove(&network_prefix(a)?);
            DONE
        },
        |af, o| {
            for (p, x) in &af.networks {
                let label = option("label-index", x.label_index.as_ref());
                let map = option("route-map", x.route_map.as_ref());
                o.line(format_args!("network {p}{label}{map}{}", if x.backdoor { " backdoor" } else { "" }));
            }
        },
    ),
    stmt(
        "aggregate-address <A.B.C.D/M@p|X:X::X:X/M@p|A.B.C.D@p A.B.C.D@mask> \
         [{as-set|summary-only|route-map NAME@map|origin <egp|igp|incomplete>|matching-MED-only|suppress-map NAME@suppress}]",
        aggregate,
        |af, a| {
            af.aggregates.remove(&prefix(a, "p", "mask")?);
            DONE
        },
        show_aggregates,
    ),
    stmt(
        "redistribute PROTOCOL [(1-65535)@instance] ~ [{metric (0-4294967295)@metric|route-map NAME@map}]",
        |af, a| {
            let options = RedistributeOptions { metric: a.opt("metric")?, route_map: named(a, "map") };
            af.redistribute.insert(redistribute_key(a)?, options);
            DONE
        },
        |af, a| {
            af.redistribute.remove(&redistribute_key(a)?);
            DONE
        },
        |af, o| {
            for (k, x) in &af.redistribute {
                let instance = k.instance.map(|n| format!(" {n}")).unwrap_or_default();
                let metric = option("metric", x.metric.as_ref());
                let map = option("route-map", x.route_map.as_ref());
                o.line(format_args!("redistribute {}{instance}{metric}{map}", k.source));
            }
        },
    ),
    stmt(
        "bgp dampening ~ [(1-45)@half [(1-20000)@reuse (1-50000)@suppress (1-255)@max]]",
        |af, a| {
            let limits = match a.opt("reuse")? {
                Some(reuse) => Some((reuse, a.val("suppress")?, a.val("max")?)),
                None => None,
            };
            if limits.is_some_and(|(reuse, suppress, _)| suppress < reuse) {
                return Err(ConfigError::SuppressBelowReuse);
            }
            af.dampening = Some(Dampening { half_life: a.opt("half")?, limits }.canonical());
            DONE
        },
        |af, _| {
            af.dampening = None;
            DONE
        },
        |af, o| {
            if let Some(d) = af.dampening {
                let half = d.half_life.map(|n| format!(" {n}")).unwrap_or_default();
                let limits = d.limits.map(|(r, s, m)| format!(" {r} {s} {m}")).unwrap_or_default();
                o.line(format_args!("bgp dampening{half}{limits}"));
            }
        },
    ),
];

/// What is printed after the neighbors.
pub(crate) static REST: &[Stmt<BgpAf>] = &[
    value!("maximum-paths", "(1-256)", maximum_paths),
    stmt(
        "maximum-paths ibgp ~ (1-256)@n [equal-cluster-length]",
        |af, a| {
            af.maximum_paths_ibgp = Some((a.val("n")?, a.has("equal-cluster-length")));
            DONE
        },
        |af, _| {
            af.maximum_paths_ibgp = None;
            DONE
        },
        |af, o| {
            if let Some((n, equal)) = af.maximum_paths_ibgp {
                o.line(format_args!(
                    "maximum-paths ibgp {n}{}",
                    if equal { " equal-cluster-length" } else { "" }
                ));
            }
        },
    ),
    value!("table-map", "NAME", table_map),
    stmt(
        "export vpn",
        |af, a| {
            af.opaque.set(a.canonical(), a.canonical());
            Ok(Effect::Inert)
        },
        |af, a| {
            af.opaque.unset(&a.canonical(), &a.canonical());
            DONE
        },
        |af, o| af.opaque.iter().for_each(|line| o.line(line)),
    ),
    inert!("import vpn", opaque),
    value!("import vrf route-map", "NAME", import_map),
    stmt(
        "import vrf NAME@vrf",
        |af, a| {
            af.imports.insert(a.name("vrf"));
            DONE
        },
        |af, a| {
            af.imports.remove(&a.name("vrf"));
            DONE
        },
        |af, o| {
            for vrf in &af.imports {
                o.line(format_args!("import vrf {vrf}"));
            }
        },
    ),
    inert!("rd vpn export ~ RD", opaque),
    inert!("label vpn export ~ <(0-1048575)|auto>", opaque),
    inert!("nexthop vpn export ~ <A.B.C.D|X:X::X:X>", opaque),
    inert!("<rt|route-target> vpn <import|export|both> ~ LINE...", opaque),
    inert!("route-map vpn <import|export> ~ NAME", opaque),
    inert!("<rt|route-target|rt6|route-target6> redirect import ~ LINE...", opaque),
    inert!("sid vpn export ~ <(1-255)|auto>", opaque),
    inert!("nexthop prefer-global", opaque),
    inert!("bgp retain route-target all", opaque),
    inert!("local-install ~ [IFNAME]", opaque),
];

/// `l2vpn evpn` and `vpn`.
pub(crate) static EVPN: &[Stmt<BgpAf>] = &[
    inert!("network <A.B.C.D/M|X:X::X:X/M> rd LINE...", opaque),
    inert!("advertise-all-vni", opaque),
    inert!("advertise-default-gw", opaque),
    inert!("advertise-svi-ip", opaque),
    inert!("advertise-pip ~ [LINE...]", opaque),
    inert!("advertise <ipv4|ipv6> <unicast|multicast|vpn> ~ [gateway-ip] [route-map NAME]", opaque),
    inert!("autort rfc8365-compatible", opaque),
    inert!("default-originate <ipv4|ipv6>", opaque),
    inert!("dup-addr-detection ~ [LINE...]", opaque),
    inert!("flooding <disable|head-end-replication>", opaque),
    inert!("use-es-l3nhg", opaque),
    inert!("disable-ead-evi-rx", opaque),
    inert!("disable-ead-evi-tx", opaque),
    inert!("enable-resolve-overlay-index", opaque),
    inert!("mac-vrf soo ~ WORD", opaque),
    inert!("rd ~ RD", opaque),
    inert!("route-target <import|export|both> RT", opaque),
    inert!("ead-es-route-target export RT", opaque),
    inert!("ead-es-frag evi-limit ~ (1-1000)", opaque),
    alias(
        "vni (1-16777215)@vni",
        |af, a| {
            let vni = a.val("vni")?;
            af.vnis.entry(vni).or_default();
            Ok(Effect::Enter(super::mode::Mode::BgpVni(crate::model::bgp::InstanceName::Default, vni)))
        },
        |af, a| {
            af.vnis.remove(&a.val("vni")?);
            DONE
        },
    ),
];

/// `vni N` blocks.
pub(crate) static VNI: &[Stmt<crate::model::opaque::OpaqueLines>] = &[
    vni("rd ~ RD"),
    vni("route-target <import|export|both> RT"),
    vni("advertise-default-gw"),
    vni("advertise-svi-ip"),
    vni("advertise-subnet"),
    vni("flooding <disable|head-end-replication>"),
];

const fn vni(syntax: &'static str) -> Stmt<crate::model::opaque::OpaqueLines> {
    alias(
        syntax,
        |l, a| {
            let key = if a.has("rd") { "rd".to_owned() } else { a.canonical() };
            l.set(key, a.canonical());
            Ok(Effect::Inert)
        },
        |l, a| {
            l.unset(&a.canonical(), &a.canonical());
            DONE
        },
    )
}
