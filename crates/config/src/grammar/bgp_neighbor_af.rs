//! `neighbor X ...` of BGP address families.

use ferr_types::community::{ExtCommunity, ExtCommunityKind};

use super::args::Args;
use super::bgp_af::{named, option};
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, idle, stmt, value};
use crate::error::ConfigError;
use crate::model::neighbor::{
    AddPathTx, AdvertiseMap, AfFlag, AllowAsIn, AttributeUnchanged, DefaultOriginate, Direction, InOut,
    MaximumPrefix, MaximumPrefixAction, NeighborAf, NextHopSelf, Orf, RemovePrivateAs,
};

macro_rules! af_flag {
    ($flag:ident, $text:literal) => {
        stmt(
            $text,
            |n, _| {
                n.flags.insert(AfFlag::$flag);
                DONE
            },
            |n, _| {
                n.flags.remove(&AfFlag::$flag);
                DONE
            },
            |n, o| {
                if n.flags.contains(&AfFlag::$flag) {
                    o.line($text);
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
    let value = &mut n.send_community;
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
    DONE
}

fn show_send_community(n: &NeighborAf, o: &mut Lines) {
    let v = n.send_community;
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
    idle(stmt(
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
    )),
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
    idle(af_flag!(AcceptOwn, "accept-own")),
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
