//! Statements of BGP address families.

use ferr_types::attr::Origin;
use ferr_types::community::{ExtCommunity, ExtCommunityKind};
use ferr_types::{IfAddr, Prefix};

use super::args::Args;
use super::statics::prefix;
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, inert, stmt, value};
use crate::error::ConfigError;
use crate::model::bgp::{
    AggregateOptions, BgpAf, Dampening, NetworkOptions, RedistributeKey, RedistributeOptions,
};
use crate::model::neighbor::{
    AddPathTx, AdvertiseMap, AfFlag, AllowAsIn, AttributeUnchanged, DefaultOriginate, Direction, InOut,
    MaximumPrefix, MaximumPrefixAction, NeighborAf, NextHopSelf, Orf, RemovePrivateAs, SendCommunity,
};

fn named(a: &Args<'_>, label: &str) -> Option<String> {
    a.get(label).map(str::to_owned)
}

fn option(word: &str, value: Option<&impl std::fmt::Display>) -> String {
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
            af.dampening = Some(Dampening { half_life: a.opt("half")?, limits });
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
    inert!("import vrf route-map ~ NAME", opaque),
    inert!("import vrf NAME", opaque),
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

macro_rules! af_flag {
    ($flag:ident, $text:literal) => {
        stmt(
            $text,
            |n, _| {
                n.flags.insert(AfFlag::$flag, true);
                DONE
            },
            |n, _| {
                n.flags.remove(&AfFlag::$flag);
                DONE
            },
            |n, o| {
                if let Some(on) = n.flags.get(&AfFlag::$flag) {
                    o.switch(*on, $text);
                }
            },
        )
    };
}

macro_rules! filter {
    ($word:literal, $($f:ident).+) => {
        stmt(
            concat!($word, " NAME@name <in|out>"),
            |n, a| {
                *n.$($f).+.slot(direction(a)) = named(a, "name");
                DONE
            },
            |n, a| {
                *n.$($f).+.slot(direction(a)) = None;
                DONE
            },
            |n, o| show_filter(&n.$($f).+, $word, o),
        )
    };
}

fn direction(a: &Args<'_>) -> Direction {
    if a.has("in") { Direction::In } else { Direction::Out }
}

fn show_filter(filter: &InOut, word: &str, o: &mut Lines) {
    for d in Direction::ALL {
        if let Some(name) = filter.get(d) {
            o.line(format_args!("{word} {name} {}", d.name()));
        }
    }
}

fn send_community(n: &mut NeighborAf, a: &Args<'_>, on: bool) -> Applied {
    let mut value = n.send_community.unwrap_or_default();
    let all = a.has("all");
    let plain = !(all || a.has("both") || a.has("extended") || a.has("large"));
    if all || plain || a.has("both") || a.has("standard") {
        value.standard = on;
    }
    if all || a.has("both") || a.has("extended") {
        value.extended = on;
    }
    if all || a.has("large") {
        value.large = on;
    }
    n.send_community = Some(value).filter(|v| *v != SendCommunity::default());
    DONE
}

fn show_send_community(n: &NeighborAf, o: &mut Lines) {
    let Some(v) = n.send_community else { return };
    if !v.standard && !v.extended && !v.large {
        return o.no("send-community all");
    }
    for (on, words) in [
        (v.standard, "send-community"),
        (v.extended, "send-community extended"),
        (v.large, "send-community large"),
    ] {
        if !on {
            o.no(words);
        }
    }
}

fn maximum_prefix(n: &mut NeighborAf, a: &Args<'_>) -> Applied {
    let action = match (a.opt("restart")?, a.has("warning-only")) {
        (Some(minutes), _) => MaximumPrefixAction::Restart(minutes),
        (None, true) => MaximumPrefixAction::Warn,
        (None, false) => MaximumPrefixAction::Close,
    };
    let threshold = a.opt("pct")?.filter(|p| *p != 75);
    n.maximum_prefix = Some(MaximumPrefix { limit: a.val("n")?, threshold, action, force: a.has("force") });
    DONE
}

fn show_maximum_prefix(n: &NeighborAf, o: &mut Lines) {
    if let Some(max) = n.maximum_prefix_out {
        o.line(format_args!("maximum-prefix-out {max}"));
    }
    let Some(m) = n.maximum_prefix else { return };
    let threshold = m.threshold.map(|p| format!(" {p}")).unwrap_or_default();
    let action = match m.action {
        MaximumPrefixAction::Close => String::new(),
        MaximumPrefixAction::Warn => " warning-only".to_owned(),
        MaximumPrefixAction::Restart(minutes) => format!(" restart {minutes}"),
    };
    o.line(format_args!(
        "maximum-prefix {}{threshold}{action}{}",
        m.limit,
        if m.force { " force" } else { "" }
    ));
}

fn attribute_unchanged(n: &mut NeighborAf, a: &Args<'_>) -> Applied {
    let (as_path, next_hop, med) = (a.has("as-path"), a.has("next-hop"), a.has("med"));
    let all = !(as_path || next_hop || med);
    n.attribute_unchanged =
        Some(AttributeUnchanged { as_path: as_path || all, next_hop: next_hop || all, med: med || all });
    DONE
}

fn show_attribute_unchanged(n: &NeighborAf, o: &mut Lines) {
    let Some(u) = n.attribute_unchanged else { return };
    if u.as_path && u.next_hop && u.med {
        return o.line("attribute-unchanged");
    }
    let word = |on: bool, word: &'static str| if on { word } else { "" };
    let (path, hop, med) = (word(u.as_path, " as-path"), word(u.next_hop, " next-hop"), word(u.med, " med"));
    o.line(format_args!("attribute-unchanged{path}{hop}{med}"));
}

fn show_addpath(n: &NeighborAf, o: &mut Lines) {
    match n.addpath_tx {
        None => {}
        Some(AddPathTx::All) => o.line("addpath-tx-all-paths"),
        Some(AddPathTx::BestPerAs) => o.line("addpath-tx-bestpath-per-AS"),
        Some(AddPathTx::BestSelected(count)) => o.line(format_args!("addpath-tx-best-selected {count}")),
    }
}

fn show_orf(n: &NeighborAf, o: &mut Lines) {
    let Some(orf) = n.orf else { return };
    let word = match (orf.send, orf.receive) {
        (true, true) => "both",
        (true, false) => "send",
        _ => "receive",
    };
    o.line(format_args!("capability orf prefix-list {word}"));
}

/// Path selection and capabilities of a neighbor in a family.
pub(crate) static NEIGHBOR: &[Stmt<NeighborAf>] = &[
    alias(
        "activate",
        |n, _| {
            n.activate = Some(true);
            DONE
        },
        |n, _| {
            n.activate = Some(false);
            DONE
        },
    ),
    stmt(
        "addpath-tx-all-paths",
        |n, _| {
            n.addpath_tx = Some(AddPathTx::All);
            DONE
        },
        no_addpath,
        show_addpath,
    ),
    alias(
        "addpath-tx-bestpath-per-AS",
        |n, _| {
            n.addpath_tx = Some(AddPathTx::BestPerAs);
            DONE
        },
        no_addpath,
    ),
    alias(
        "addpath-tx-best-selected ~ (2-6)@n",
        |n, a| {
            n.addpath_tx = Some(AddPathTx::BestSelected(a.val("n")?));
            DONE
        },
        no_addpath,
    ),
    af_flag!(DisableAddPathRx, "disable-addpath-rx"),
    stmt(
        "capability orf prefix-list ~ <both|send|receive>",
        |n, a| {
            let both = a.has("both");
            n.orf = Some(Orf { send: both || a.has("send"), receive: both || a.has("receive") });
            DONE
        },
        |n, _| {
            n.orf = None;
            DONE
        },
        show_orf,
    ),
    af_flag!(RouteReflectorClient, "route-reflector-client"),
    stmt(
        "next-hop-self ~ [<force|all>]",
        |n, a| {
            let force = a.has("force") || a.has("all");
            n.next_hop_self = Some(if force { NextHopSelf::Force } else { NextHopSelf::Plain });
            DONE
        },
        |n, _| {
            n.next_hop_self = None;
            DONE
        },
        |n, o| match n.next_hop_self {
            None => {}
            Some(NextHopSelf::Plain) => o.line("next-hop-self"),
            Some(NextHopSelf::Force) => o.line("next-hop-self force"),
        },
    ),
    stmt(
        "remove-private-AS [all] [replace-AS]",
        |n, a| {
            n.remove_private_as = Some(RemovePrivateAs { all: a.has("all"), replace: a.has("replace-AS") });
            DONE
        },
        |n, _| {
            n.remove_private_as = None;
            DONE
        },
        |n, o| {
            if let Some(r) = n.remove_private_as {
                let all = if r.all { " all" } else { "" };
                o.line(format_args!("remove-private-AS{all}{}", if r.replace { " replace-AS" } else { "" }));
            }
        },
    ),
    af_flag!(AsOverride, "as-override"),
    stmt(
        "send-community [<both|all|extended|standard|large>]",
        |n, a| send_community(n, a, true),
        |n, a| send_community(n, a, false),
        show_send_community,
    ),
    stmt(
        "default-originate [route-map NAME@map]",
        |n, a| {
            n.default_originate = Some(DefaultOriginate { route_map: named(a, "map") });
            DONE
        },
        |n, _| {
            n.default_originate = None;
            DONE
        },
        |n, o| {
            if let Some(d) = &n.default_originate {
                o.line(format_args!("default-originate{}", option("route-map", d.route_map.as_ref())));
            }
        },
    ),
    af_flag!(SoftReconfiguration, "soft-reconfiguration inbound"),
    stmt(
        "maximum-prefix ~ (1-4294967295)@n [(1-100)@pct] [{warning-only|restart (1-65535)@restart|force}]",
        maximum_prefix,
        |n, _| {
            n.maximum_prefix = None;
            DONE
        },
        show_maximum_prefix,
    ),
    alias(
        "maximum-prefix-out ~ (1-4294967295)@n",
        |n, a| {
            n.maximum_prefix_out = a.opt("n")?;
            DONE
        },
        |n, _| {
            n.maximum_prefix_out = None;
            DONE
        },
    ),
    af_flag!(RouteServerClient, "route-server-client"),
    stmt(
        "allowas-in ~ [<(1-10)@n|origin>]",
        |n, a| {
            let count = AllowAsIn::Count(a.opt("n")?.unwrap_or(3));
            n.allowas_in = Some(if a.has("origin") { AllowAsIn::Origin } else { count });
            DONE
        },
        |n, _| {
            n.allowas_in = None;
            DONE
        },
        |n, o| match n.allowas_in {
            None => {}
            Some(AllowAsIn::Origin) => o.line("allowas-in origin"),
            Some(AllowAsIn::Count(3)) => o.line("allowas-in"),
            Some(AllowAsIn::Count(count)) => o.line(format_args!("allowas-in {count}")),
        },
    ),
    af_flag!(AcceptOwn, "accept-own"),
    stmt(
        "soo ~ ASN:NN@rt",
        |n, a| {
            let text = a.name("rt");
            let value = ExtCommunity::parse(ExtCommunityKind::SiteOfOrigin, &text);
            n.soo = Some(value.map_err(|_| ConfigError::Value { what: "soo", text })?);
            DONE
        },
        |n, _| {
            n.soo = None;
            DONE
        },
        |n, o| {
            if let Some(soo) = n.soo {
                o.line(format_args!("soo {}", soo.value_text()));
            }
        },
    ),
    value!("weight", "(0-65535)", weight),
];

fn no_addpath(n: &mut NeighborAf, _: &Args<'_>) -> Applied {
    n.addpath_tx = None;
    DONE
}

/// Filters of a neighbor in a family.
pub(crate) static FILTERS: &[Stmt<NeighborAf>] = &[
    filter!("distribute-list", distribute_list),
    filter!("prefix-list", prefix_list),
    filter!("route-map", route_map),
    value!("unsuppress-map", "NAME", unsuppress_map),
    stmt(
        "advertise-map NAME@map ~ <exist-map|non-exist-map> NAME@condition",
        |n, a| {
            let (map, condition) = (a.name("map"), a.name("condition"));
            n.advertise_map = Some(AdvertiseMap { map, exist: a.has("exist-map"), condition });
            DONE
        },
        |n, _| {
            n.advertise_map = None;
            DONE
        },
        |n, o| {
            if let Some(m) = &n.advertise_map {
                let word = if m.exist { "exist-map" } else { "non-exist-map" };
                o.line(format_args!("advertise-map {} {word} {}", m.map, m.condition));
            }
        },
    ),
    filter!("filter-list", filter_list),
    stmt(
        "attribute-unchanged ~ [{as-path|next-hop|med}]",
        attribute_unchanged,
        |n, _| {
            n.attribute_unchanged = None;
            DONE
        },
        show_attribute_unchanged,
    ),
    kept("encapsulation-srv6"),
    kept("addpath-rx-paths-limit ~ (1-65535)@rest"),
    stmt("nexthop-local unchanged", keep, unkeep, |n, o| {
        for (key, rest) in &n.opaque {
            o.line(format_args!("{key}{}{rest}", if rest.is_empty() { "" } else { " " }));
        }
    }),
];

const fn kept(syntax: &'static str) -> Stmt<NeighborAf> {
    alias(syntax, keep, unkeep)
}

fn kept_key(a: &Args<'_>) -> String {
    a.keywords().skip(1).collect::<Vec<_>>().join(" ")
}

fn keep(n: &mut NeighborAf, a: &Args<'_>) -> Applied {
    n.opaque.insert(kept_key(a), a.name("rest"));
    Ok(Effect::Inert)
}

fn unkeep(n: &mut NeighborAf, a: &Args<'_>) -> Applied {
    n.opaque.remove(&kept_key(a));
    DONE
}
