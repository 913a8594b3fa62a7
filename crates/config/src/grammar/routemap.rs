//! Statements of `route-map` blocks.

use std::net::IpAddr;

use ferr_types::Afi;
use ferr_types::attr::Origin;
use ferr_types::community::{ExtCommunity, ExtCommunityKind};

use super::args::Args;
use super::lists::{communities, large_communities};
use super::table::{Applied, Change, DONE, Effect, Lines, Stmt, alias, idle, stmt, text};
use crate::error::ConfigError;

use crate::model::routemap::{
    AddressMatch, Bandwidth, CommunityMode, Match, MetricSet, OnMatch, PeerMatch, Prepend, RouteMapEntry,
    RpkiState, Set,
};

/// An entry under change.
type Entry = RouteMapEntry;

type Made<T> = Result<T, ConfigError>;

fn put_match(e: &mut Entry, m: Match) -> Applied {
    e.matches.insert(m.slot(), m);
    DONE
}

fn put_set(e: &mut Entry, s: Set) -> Applied {
    e.sets.insert(s.slot().to_owned(), s);
    DONE
}

/// Words of the clause's head: its keywords up to the cut.
fn drop_match(e: &mut Entry, slot: &str) -> Applied {
    e.matches.remove(slot);
    DONE
}

macro_rules! match_clause {
    ($syntax:literal, $slot:literal, |$a:ident| $make:expr) => {
        alias(concat!("match ", $syntax), |e, $a| put_match(e, $make), |e, _| drop_match(e, $slot))
    };
}

macro_rules! set_clause {
    ($syntax:literal, $slot:literal, |$a:ident| $make:expr) => {
        alias(
            concat!("set ", $syntax),
            |e, $a| put_set(e, $make),
            |e, _| {
                e.sets.remove($slot);
                DONE
            },
        )
    };
}

macro_rules! other_set {
    ($syntax:literal, $slot:literal) => {
        alias(
            concat!("set ", $syntax),
            |e, a| {
                let text = a.canonical().strip_prefix("set ").unwrap_or_default().to_owned();
                put_set(e, Set::Other { slot: $slot, text })?;
                Ok(Effect::Inert)
            },
            |e, _| {
                e.sets.remove($slot);
                DONE
            },
        )
    };
}

fn other_match(e: &mut Entry, a: &Args<'_>) -> Applied {
    let text = a.canonical().strip_prefix("match ").unwrap_or_default().to_owned();
    put_match(e, Match::Other(text))?;
    Ok(Effect::Inert)
}

fn no_other_match(e: &mut Entry, a: &Args<'_>) -> Applied {
    let text = a.canonical();
    drop_match(e, text.strip_prefix("match ").unwrap_or_default())
}

fn origin(a: &Args<'_>) -> Origin {
    match (a.has("egp"), a.has("igp")) {
        (true, _) => Origin::Egp,
        (_, true) => Origin::Igp,
        _ => Origin::Incomplete,
    }
}

fn rpki(a: &Args<'_>) -> RpkiState {
    match (a.has("valid"), a.has("invalid")) {
        (true, _) => RpkiState::Valid,
        (_, true) => RpkiState::Invalid,
        _ => RpkiState::NotFound,
    }
}

fn mode(a: &Args<'_>) -> CommunityMode {
    match (a.has("exact-match"), a.has("any")) {
        (true, _) => CommunityMode::Exact,
        (_, true) => CommunityMode::Any,
        _ => CommunityMode::Normal,
    }
}

fn afi(a: &Args<'_>) -> Afi {
    if a.has("ipv6") { Afi::Ipv6 } else { Afi::Ipv4 }
}

fn address_match(a: &Args<'_>) -> Made<AddressMatch> {
    Ok(match () {
        () if a.has("prefix-list") => AddressMatch::PrefixList(a.name("list")),
        () if a.has("prefix-len") => AddressMatch::PrefixLen(a.val("len")?),
        () if a.has("blackhole") => AddressMatch::Blackhole,
        () if a.get("addr").is_some() => AddressMatch::Address(a.val("addr")?),
        () => AddressMatch::AccessList(a.name("acl")),
    })
}

fn put_address(e: &mut Entry, a: &Args<'_>) -> Applied {
    let m = address_match(a)?;
    put_match(
        e,
        match () {
            () if a.has("route-source") => Match::RouteSource(m),
            () if a.has("next-hop") => Match::NextHop(afi(a), m),
            () => Match::Address(afi(a), m),
        },
    )
}

/// Removes the clause whose keywords stand in the line: `ip address`, `ip address prefix-list`, ...
fn drop_address(e: &mut Entry, a: &Args<'_>) -> Applied {
    let words: Vec<&str> = a.keywords().filter(|k| !matches!(*k, "match" | "blackhole")).collect();
    // `address` as second word of `next-hop address A` and as first of `ip address`: both are in the slot's name.
    drop_match(e, &words.join(" "))
}

const fn addresses(syntax: &'static str) -> Stmt<Entry> {
    alias(syntax, put_address as Change<Entry>, drop_address as Change<Entry>)
}

fn peer(a: &Args<'_>) -> PeerMatch {
    match a.opt::<IpAddr>("addr") {
        Ok(Some(addr)) => PeerMatch::Address(addr),
        _ if a.has("local") => PeerMatch::Local,
        _ => PeerMatch::Interface(a.name("if")),
    }
}

/// Conditions.
pub(crate) static MATCHES: &[Stmt<Entry>] = &[
    match_clause!("interface ~ IFNAME@if", "interface", |a| Match::Interface(a.name("if"))),
    addresses("match ip address ~ ACCESSLIST4_NAME@acl"),
    addresses("match ip address prefix-list ~ PREFIXLIST_NAME@list"),
    addresses("match ip address prefix-len ~ (0-32)@len"),
    addresses("match ipv6 address ~ ACCESSLIST6_NAME@acl"),
    addresses("match ipv6 address prefix-list ~ PREFIXLIST_NAME@list"),
    addresses("match ipv6 address prefix-len ~ (0-128)@len"),
    addresses("match ip next-hop ~ ACCESSLIST4_NAME@acl"),
    addresses("match ip next-hop prefix-list ~ PREFIXLIST_NAME@list"),
    addresses("match ip next-hop prefix-len ~ (0-32)@len"),
    addresses("match ip next-hop address ~ A.B.C.D@addr"),
    addresses("match ip next-hop type ~ blackhole"),
    addresses("match ipv6 next-hop ~ ACCESSLIST6_NAME@acl"),
    addresses("match ipv6 next-hop prefix-list ~ PREFIXLIST_NAME@list"),
    addresses("match ipv6 next-hop address ~ X:X::X:X@addr"),
    addresses("match ipv6 next-hop type ~ blackhole"),
    addresses("match ip route-source ~ ACCESSLIST4_NAME@acl"),
    addresses("match ip route-source prefix-list ~ PREFIXLIST_NAME@list"),
    match_clause!("metric ~ (0-4294967295)@n", "metric", |a| Match::Metric(a.val("n")?)),
    match_clause!("tag ~ (1-4294967295)@n", "tag", |a| Match::Tag(a.val("n")?)),
    match_clause!("as-path ~ NAME@list", "as-path", |a| Match::AsPath(a.name("list"))),
    match_clause!("community ~ NAME@list [<exact-match|any>]", "community", |a| {
        Match::Community(a.name("list"), mode(a))
    }),
    match_clause!("large-community ~ NAME@list [<exact-match|any>]", "large-community", |a| {
        Match::LargeCommunity(a.name("list"), mode(a))
    }),
    match_clause!("extcommunity ~ NAME@list", "extcommunity", |a| Match::ExtCommunity(a.name("list"))),
    match_clause!("local-preference ~ (0-4294967295)@n", "local-preference", |a| {
        Match::LocalPreference(a.val("n")?)
    }),
    match_clause!("origin ~ <egp|igp|incomplete>", "origin", |a| Match::Origin(origin(a))),
    match_clause!("peer ~ <A.B.C.D@addr|X:X::X:X@addr|local|IFNAME@if>", "peer", |a| Match::Peer(peer(a))),
    match_clause!("source-protocol ~ PROTOCOL", "source-protocol", |a| Match::SourceProtocol(a.protocol()?)),
    idle(match_clause!("source-instance ~ (0-255)@n", "source-instance", |a| Match::SourceInstance(
        a.val("n")?
    ))),
    match_clause!("source-vrf ~ NAME@vrf", "source-vrf", |a| Match::SourceVrf(a.name("vrf"))),
    idle(match_clause!("rpki ~ <valid|invalid|notfound>", "rpki", |a| Match::Rpki(rpki(a)))),
    idle(match_clause!("rpki-extcommunity ~ <valid|invalid|notfound>", "rpki-extcommunity", |a| {
        Match::RpkiExtCommunity(rpki(a))
    })),
    match_clause!("probability ~ (0-100)@n", "probability", |a| Match::Probability(a.val("n")?)),
    idle(match_clause!("alias ~ NAME@alias", "alias", |a| Match::Alias(a.name("alias")))),
    alias("match mac address NAME", other_match, no_other_match),
    alias("match evpn LINE...", other_match, no_other_match),
];

fn community_set(a: &Args<'_>) -> Made<Set> {
    let words = a.words_from("values");
    if words == ["none"] {
        return Ok(Set::CommunityNone);
    }
    let (values, additive) = strip_additive(words);
    Ok(Set::Community { values: communities(values)?, additive })
}

fn large_community_set(a: &Args<'_>) -> Made<Set> {
    let words = a.words_from("values");
    if words == ["none"] {
        return Ok(Set::LargeCommunityNone);
    }
    let (values, additive) = strip_additive(words);
    Ok(Set::LargeCommunity { values: large_communities(values)?, additive })
}

fn strip_additive<'a, 'b>(words: &'b [&'a str]) -> (&'b [&'a str], bool) {
    match words.split_last() {
        Some((&"additive", rest)) if !rest.is_empty() => (rest, true),
        _ => (words, false),
    }
}

fn ext_values(a: &Args<'_>, kind: ExtCommunityKind) -> Made<Vec<ExtCommunity>> {
    let bad = |w: &str| ConfigError::Value { what: "extcommunity", text: w.to_owned() };
    a.words_from("values").iter().map(|w| ExtCommunity::parse(kind, w).map_err(|_| bad(w))).collect()
}

fn metric(a: &Args<'_>) -> Made<MetricSet> {
    Ok(match a.get("n").unwrap_or_default() {
        "rtt" => MetricSet::Rtt,
        "+rtt" => MetricSet::AddRtt,
        "-rtt" => MetricSet::SubRtt,
        _ => MetricSet::Value(a.val("n")?),
    })
}

fn prepend(e: &mut Entry, p: Prepend) -> Applied {
    let held = e.sets.get("as-path prepend");
    let conflict = matches!(
        (held, &p),
        (Some(Set::AsPathPrepend(Prepend::LastAs(_))), Prepend::Asns(_))
            | (Some(Set::AsPathPrepend(Prepend::Asns(_))), Prepend::LastAs(_))
    );
    if conflict {
        return Err(ConfigError::PrependConflict);
    }
    put_set(e, Set::AsPathPrepend(p))
}

fn no_prepend(e: &mut Entry, _: &Args<'_>) -> Applied {
    e.sets.remove("as-path prepend");
    DONE
}

fn bandwidth(a: &Args<'_>) -> Made<Set> {
    let value = match (a.opt("n")?, a.has("cumulative")) {
        (Some(n), _) => Bandwidth::Value(n),
        (None, true) => Bandwidth::Cumulative,
        (None, false) => Bandwidth::NumMultipaths,
    };
    Ok(Set::Bandwidth { value, non_transitive: a.has("non-transitive") })
}

/// Changes.
pub(crate) static SETS: &[Stmt<Entry>] = &[
    alias("set as-path prepend ~ ASN@asns...", |e, a| prepend(e, Prepend::Asns(a.list("asns")?)), no_prepend),
    alias(
        "set as-path prepend last-as ~ (1-10)@n",
        |e, a| prepend(e, Prepend::LastAs(a.val("n")?)),
        no_prepend,
    ),
    set_clause!("as-path exclude ~ ASN@asns...", "as-path exclude", |a| Set::AsPathExclude(a.list("asns")?)),
    set_clause!("as-path replace ~ <any|ASN@asn>", "as-path replace", |a| Set::AsPathReplace(a.opt("asn")?)),
    set_clause!("community ~ AA:NN@values...", "community", |a| community_set(a)?),
    set_clause!("comm-list ~ NAME@list delete", "comm-list", |a| Set::CommunityDelete(a.name("list"))),
    set_clause!("large-community ~ AA:BB:CC@values...", "large-community", |a| large_community_set(a)?),
    set_clause!("large-comm-list ~ NAME@list [delete]", "large-comm-list", |a| {
        Set::LargeCommunityDelete(a.name("list"))
    }),
    set_clause!("extcommunity rt ~ ASN:NN@values...", "extcommunity rt", |a| {
        Set::RouteTargets(ext_values(a, ExtCommunityKind::RouteTarget)?)
    }),
    set_clause!("extcommunity soo ~ ASN:NN@values...", "extcommunity soo", |a| {
        Set::SiteOfOrigin(ext_values(a, ExtCommunityKind::SiteOfOrigin)?)
    }),
    set_clause!(
        "extcommunity bandwidth ~ <(1-25600)@n|cumulative|num-multipaths> [non-transitive]",
        "extcommunity bandwidth",
        |a| bandwidth(a)?
    ),
    alias(
        "set extcommunity none",
        |e, _| put_set(e, Set::ExtCommunityNone),
        |e, _| {
            e.sets.remove("extcommunity none");
            DONE
        },
    ),
    set_clause!("local-preference ~ WORD@n", "local-preference", |a| Set::LocalPreference(a.val("n")?)),
    set_clause!("weight ~ (0-4294967295)@n", "weight", |a| Set::Weight(a.val("n")?)),
    set_clause!("metric ~ WORD@n", "metric", |a| Set::Metric(metric(a)?)),
    set_clause!("origin ~ <egp|igp|incomplete>", "origin", |a| Set::Origin(origin(a))),
    set_clause!("aigp-metric ~ <igp-metric|(1-4294967295)@n>", "aigp-metric", |a| Set::AigpMetric(
        a.opt("n")?
    )),
    set_clause!("aggregator as ~ ASN@asn A.B.C.D@addr", "aggregator as", |a| {
        Set::Aggregator(a.val("asn")?, a.val("addr")?)
    }),
    alias(
        "set atomic-aggregate",
        |e, _| put_set(e, Set::AtomicAggregate),
        |e, _| {
            e.sets.remove("atomic-aggregate");
            DONE
        },
    ),
    set_clause!("originator-id ~ A.B.C.D@addr", "originator-id", |a| Set::OriginatorId(a.val("addr")?)),
    set_clause!("ip next-hop ~ A.B.C.D@addr", "ip next-hop", |a| Set::NextHop4(a.val("addr")?)),
    alias("set ip next-hop peer-address", |e, _| put_set(e, Set::NextHop4Peer), no_next_hop),
    alias("set ip next-hop unchanged", |e, _| put_set(e, Set::NextHop4Unchanged), no_next_hop),
    set_clause!("ipv6 next-hop global ~ X:X::X:X@addr", "ipv6 next-hop global", |a| {
        Set::NextHop6Global(a.val("addr")?)
    }),
    set_clause!("ipv6 next-hop local ~ X:X::X:X@addr", "ipv6 next-hop local", |a| {
        Set::NextHop6Local(a.val("addr")?)
    }),
    alias(
        "set ipv6 next-hop peer-address",
        |e, _| put_set(e, Set::NextHop6Peer),
        |e, _| {
            e.sets.remove("ipv6 next-hop peer-address");
            DONE
        },
    ),
    alias(
        "set ipv6 next-hop prefer-global",
        |e, _| put_set(e, Set::NextHop6PreferGlobal),
        |e, _| {
            e.sets.remove("ipv6 next-hop prefer-global");
            DONE
        },
    ),
    set_clause!("tag ~ (1-4294967295)@n", "tag", |a| Set::Tag(a.val("n")?)),
    set_clause!("distance ~ (0-255)@n", "distance", |a| Set::Distance(a.val("n")?)),
    set_clause!("table ~ (1-4294967295)@n", "table", |a| Set::Table(a.val("n")?)),
    set_clause!("src ~ <A.B.C.D@addr|X:X::X:X@addr>", "src", |a| Set::Source(a.val("addr")?)),
    set_clause!("metric-type ~ <type-1|type-2>", "metric-type", |a| {
        Set::MetricType(if a.has("type-1") { 1 } else { 2 })
    }),
    other_set!("label-index ~ (0-1048560)", "label-index"),
    other_set!("sr-te color ~ (1-4294967295)", "sr-te color"),
    other_set!("evpn gateway-ip ipv4 ~ A.B.C.D", "evpn gateway-ip ipv4"),
    other_set!("evpn gateway-ip ipv6 ~ X:X::X:X", "evpn gateway-ip ipv6"),
    other_set!("ipv4 vpn next-hop ~ <A.B.C.D|X:X::X:X>", "ipv4 vpn next-hop"),
    other_set!("ipv6 vpn next-hop ~ <A.B.C.D|X:X::X:X>", "ipv6 vpn next-hop"),
    other_set!("l3vpn next-hop encapsulation gre", "l3vpn next-hop"),
    set_clause!("forwarding-address ~ X:X::X:X@addr", "forwarding-address", |a| {
        Set::ForwardingAddress(a.val("addr")?)
    }),
];

fn no_next_hop(e: &mut Entry, _: &Args<'_>) -> Applied {
    e.sets.remove("ip next-hop");
    DONE
}

fn no_on_match(e: &mut Entry, _: &Args<'_>) -> Applied {
    e.on_match = None;
    DONE
}

fn goto(e: &mut Entry, a: &Args<'_>) -> Applied {
    e.on_match = Some(OnMatch::Goto(a.val("goto")?));
    DONE
}

/// Flow; and the clauses' lines, which come out sorted.
pub(crate) static FLOW: &[Stmt<Entry>] = &[
    text!("description", description),
    stmt(
        "call ~ NAME@name",
        |e, a| {
            e.call = Some(a.name("name"));
            DONE
        },
        |e, _| {
            e.call = None;
            DONE
        },
        |e, o| {
            if let Some(name) = &e.call {
                o.line(format_args!("call {name}"));
            }
        },
    ),
    stmt(
        "on-match next",
        |e, _| {
            e.on_match = Some(OnMatch::Next);
            DONE
        },
        no_on_match,
        show_flow,
    ),
    alias("on-match goto ~ (1-65535)@goto", goto, no_on_match),
    alias("continue ~ (1-65535)@goto", goto, no_on_match),
    alias(
        "continue",
        |e, _| {
            e.on_match = Some(OnMatch::Next);
            DONE
        },
        no_on_match,
    ),
];

fn show_flow(e: &Entry, o: &mut Lines) {
    match e.on_match {
        None => {}
        Some(OnMatch::Next) => o.line("on-match next"),
        Some(OnMatch::Goto(seq)) => o.line(format_args!("on-match goto {seq}")),
    }
    e.matches.values().for_each(|m| o.line(format_args!("match {m}")));
    e.sets.values().for_each(|s| o.line(format_args!("set {s}")));
}
