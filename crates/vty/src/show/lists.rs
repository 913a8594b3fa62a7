//! Lists and route-maps, as each daemon of FRR would tell of them.

use std::collections::BTreeMap;
use std::fmt::Display;

use ferr_config::Config;
use ferr_config::model::lists::{
    AccessList, AccessMatch, AccessRule, CommunityList, CommunityMatch, INTERNET, ListKey, PrefixList,
    PrefixRule,
};
use ferr_config::model::routemap::{OnMatch, RouteMap, RouteMapEntry, community_text};
use ferr_types::{Afi, Prefix};
use serde_json::Value;

use super::Ctx;
use super::zebra::names::afi;
use crate::command::ListsAction;
use crate::door::Daemon;
use crate::json::Obj;
use crate::output::{Out, Outcome, Status, line, put};
use crate::pattern::Args;

/// Runs one of them.
pub(crate) async fn run(ctx: &mut Ctx<'_>, action: ListsAction, args: &Args) -> Outcome {
    use ListsAction as L;
    let config = ctx.handle().running().await?;
    match action {
        L::PrefixList => return Ok(prefix_lists(ctx, args, &config)),
        L::AccessList => access_lists(ctx, args, &config),
        L::RouteMap => return route_maps(ctx, args, &config).await,
        L::AsPathList => as_path_lists(ctx, args, &config),
        L::CommunityList => community_lists(ctx, args, &config.community_lists, "Community"),
        L::LargeCommunityList => {
            community_lists(ctx, args, &config.large_community_lists, "large community");
        }
        L::ExtCommunityList => community_lists(ctx, args, &config.ext_community_lists, "extended community"),
        L::ClearRouteMap => return clear_route_map(ctx, args).await,
        L::Nothing => {}
    }
    Ok(Status::Success)
}

fn family_word(afi: Afi) -> &'static str {
    match afi {
        Afi::Ipv4 => "IPv4",
        Afi::Ipv6 => "IPv6",
    }
}

fn of_family<'m, T>(map: &'m BTreeMap<ListKey, T>, afi: Afi, name: Option<&str>) -> Vec<(&'m str, &'m T)> {
    let wanted = |k: &&ListKey| k.afi == afi && name.is_none_or(|n| k.name == n);
    map.iter().filter(|(k, _)| wanted(k)).map(|(k, list)| (k.name.as_str(), list)).collect()
}

fn tagged(ctx: &mut Ctx<'_>, inner: Obj) {
    let mut o = Obj::new();
    o.put(ctx.door.tag(), inner);
    ctx.out.push(&o.pretty());
}

fn rule_text(rule: &PrefixRule) -> String {
    let mut text = match rule.prefix {
        None => format!("{} any", rule.action),
        Some(prefix) => format!("{} {prefix}", rule.action),
    };
    if rule.prefix.is_some() {
        rule.ge.iter().for_each(|n| text += &format!(" ge {n}"));
        rule.le.iter().for_each(|n| text += &format!(" le {n}"));
    }
    text
}

fn rule_json(seq: u32, rule: &PrefixRule, afi: Afi, detail: bool) -> Value {
    let mut o = Obj::new();
    let prefix = rule.prefix.unwrap_or(Prefix::default_route(afi));
    let longest = rule.le.or_else(|| rule.prefix.is_none().then(|| afi.max_prefix_len()));
    o.put("sequenceNumber", seq)
        .put("type", rule.action.name())
        .put("prefix", prefix.to_string())
        .opt("minimumPrefixLength", rule.ge)
        .opt("maximumPrefixLength", longest);
    if detail {
        o.put("hitCount", 0).put("referenceCount", 0);
    }
    o.into()
}

fn ranges(list: &PrefixList) -> usize {
    list.rules.0.values().filter(|r| r.ge.is_some()).count()
}

fn ends(list: &PrefixList) -> (u32, u32) {
    let mut keys = list.rules.0.keys();
    let first = keys.next().copied().unwrap_or(0);
    (first, keys.next_back().copied().unwrap_or(first))
}

fn prefix_lists(ctx: &mut Ctx<'_>, args: &Args, config: &Config) -> Status {
    let (afi, name) = (afi(args), args.get("NAME"));
    let lists = of_family(&config.prefix_lists, afi, name);
    let (detail, summary) = (args.has("detail"), args.has("summary"));
    let seq: Option<u32> = args.after("seq").and_then(|s| s.parse().ok());
    if args.has("json") {
        let mut inner = Obj::new();
        for (name, list) in lists {
            let mut o = Obj::new();
            o.put("addressFamily", family_word(afi));
            if detail || summary {
                let (first, last) = ends(list);
                o.put("count", list.rules.0.len())
                    .put("rangeEntries", ranges(list))
                    .put("sequenceStart", first)
                    .put("sequenceEnd", last);
            }
            if !summary {
                let rules = list.rules.0.iter().filter(|(s, _)| seq.is_none_or(|w| w == **s));
                let entries: Vec<Value> = rules.map(|(s, r)| rule_json(*s, r, afi, detail)).collect();
                o.put("entries", entries);
            }
            inner.put(name, o);
        }
        tagged(ctx, inner);
        return Status::Success;
    }
    if lists.is_empty() && name.is_some() {
        line!(ctx.out, "% Can't find specified prefix-list");
        return Status::Warning;
    }
    let word = if afi == Afi::Ipv4 { "ip" } else { "ipv6" };
    for (name, list) in lists {
        put!(ctx.out, "{}: {word} prefix-list {name}:", ctx.door.tag());
        if detail || summary {
            let (first, last) = ends(list);
            line!(ctx.out);
            list.description.iter().for_each(|d| line!(ctx.out, "   Description: {d}"));
            let (count, ranges) = (list.rules.0.len(), ranges(list));
            line!(ctx.out, "   count: {count}, range entries: {ranges}, sequences: {first} - {last}");
        } else {
            line!(ctx.out, " {} entries", list.rules.0.len());
            list.description.iter().for_each(|d| line!(ctx.out, "   Description: {d}"));
        }
        if summary {
            continue;
        }
        for (s, rule) in list.rules.0.iter().filter(|(s, _)| seq.is_none_or(|w| w == **s)) {
            let counts = if detail { " (hit count: 0, refcount: 0)" } else { "" };
            line!(ctx.out, "   seq {s} {}{counts}", rule_text(rule));
        }
    }
    Status::Success
}

const fn access_kind(list: &AccessRule) -> &'static str {
    match list.matches {
        AccessMatch::Any | AccessMatch::Prefix { .. } => "Zebra",
        AccessMatch::Standard(_) => "Standard",
        AccessMatch::Extended { .. } => "Extended",
    }
}

fn kind_of(list: &AccessList) -> &'static str {
    list.rules.0.values().next().map_or("Zebra", access_kind)
}

fn access_text(rule: &AccessRule) -> String {
    match &rule.matches {
        AccessMatch::Any => "any".to_owned(),
        AccessMatch::Prefix { prefix, exact } => {
            format!("{prefix}{}", if *exact { " exact-match" } else { "" })
        }
        AccessMatch::Standard(w) => format!("{}, wildcard bits {}", w.addr, w.mask),
        AccessMatch::Extended { source, destination } => {
            format!("ip {} {} {} {}", source.addr, source.mask, destination.addr, destination.mask)
        }
    }
}

fn access_json(seq: u32, rule: &AccessRule, afi: Afi) -> Value {
    let mut o = Obj::new();
    o.put("sequenceNumber", seq).put("filterType", rule.action.name());
    match &rule.matches {
        AccessMatch::Any => {
            o.put("prefix", Prefix::default_route(afi).to_string()).put("exact-match", false);
        }
        AccessMatch::Prefix { prefix, exact } => {
            o.put("prefix", prefix.to_string()).put("exact-match", *exact);
        }
        AccessMatch::Standard(w) => {
            o.put("address", w.addr.to_string()).put("mask", w.mask.to_string());
        }
        AccessMatch::Extended { source, destination } => {
            o.put("sourceAddress", source.addr.to_string())
                .put("sourceMask", source.mask.to_string())
                .put("destinationAddress", destination.addr.to_string())
                .put("destinationMask", destination.mask.to_string());
        }
    }
    o.into()
}

fn access_lists(ctx: &mut Ctx<'_>, args: &Args, config: &Config) {
    let afi = afi(args);
    let lists = of_family(&config.access_lists, afi, args.get("NAME"));
    if args.has("json") {
        let mut inner = Obj::new();
        for (name, list) in lists {
            let mut o = Obj::new();
            o.put("type", kind_of(list)).put("addressFamily", family_word(afi));
            o.opt("remark", list.remark.clone());
            let rules: Vec<Value> = list.rules.0.iter().map(|(s, r)| access_json(*s, r, afi)).collect();
            o.put("rules", rules);
            inner.put(name, o);
        }
        tagged(ctx, inner);
        return;
    }
    line!(ctx.out, "{}:", ctx.door.tag());
    let word = if afi == Afi::Ipv4 { "IP" } else { "IPv6" };
    for (name, list) in lists {
        line!(ctx.out, "{} {word} access list {name}", kind_of(list));
        list.remark.iter().for_each(|r| line!(ctx.out, "    remark {r}"));
        for (seq, rule) in &list.rules.0 {
            line!(ctx.out, "    seq {seq} {} {}", rule.action, access_text(rule));
        }
    }
}

/// Clauses that a daemon of FRR keeps of a route-map; BGP knows all.
fn knows(door: Daemon, clause: &str, sets: bool) -> bool {
    const COMMON: [&str; 7] =
        ["ip address", "ip next-hop", "ipv6 address", "ipv6 next-hop", "interface", "tag", "metric"];
    let begins = |list: &[&str]| list.iter().any(|w| clause.starts_with(w));
    match (door, sets) {
        (Daemon::Bgpd | Daemon::Ferr | Daemon::Mgmtd, _) => true,
        (Daemon::Zebra, false) => begins(&COMMON[..6]) || begins(&["source-protocol", "source-instance"]),
        (Daemon::Zebra, true) => clause.starts_with("src"),
        (Daemon::Ospfd, false) => begins(&COMMON),
        (Daemon::Ospf6d, false) => begins(&COMMON[2..]),
        (Daemon::Ospfd | Daemon::Ospf6d, true) => begins(&["metric", "tag", "forwarding-address"]),
        _ => false,
    }
}

fn clauses<T: Display>(map: &BTreeMap<String, T>, door: Daemon, sets: bool) -> Vec<String> {
    map.values().map(ToString::to_string).filter(|c| knows(door, c, sets)).collect()
}

fn set_clauses(entry: &RouteMapEntry, door: Daemon) -> Vec<String> {
    clauses(&entry.sets, door, true)
}

fn action_text(entry: &RouteMapEntry) -> String {
    match entry.on_match {
        None => "Exit routemap".to_owned(),
        Some(OnMatch::Next) => "Continue to next entry".to_owned(),
        Some(OnMatch::Goto(seq)) => format!("Goto {seq}"),
    }
}

type Counters = BTreeMap<String, (u64, BTreeMap<u32, u64>)>;

async fn counters(ctx: &Ctx<'_>, names: Vec<String>) -> Result<Counters, ferr_state::Gone> {
    if !matches!(ctx.door, Daemon::Bgpd | Daemon::Ferr) {
        return Ok(Counters::new());
    }
    ctx.handle()
        .bgp(move |world, _| {
            let counted = names.into_iter().filter_map(|name| {
                let (invoked, hits) = world.policy.route_map(&name)?.counters();
                let hits = hits.collect();
                Some((name, (invoked, hits)))
            });
            counted.collect()
        })
        .await
}

async fn route_maps(ctx: &mut Ctx<'_>, args: &Args, config: &Config) -> Outcome {
    let wanted = args.get("NAME");
    let maps: Vec<(&String, &RouteMap)> =
        config.route_maps.iter().filter(|(n, _)| wanted.is_none_or(|w| w == n.as_str())).collect();
    let counts = counters(ctx, maps.iter().map(|(n, _)| (*n).clone()).collect()).await?;
    if args.has("json") {
        let mut inner = Obj::new();
        for (name, map) in maps {
            inner.put(name.clone(), route_map_json(ctx.door, map, counts.get(name)));
        }
        tagged(ctx, inner);
        return Ok(Status::Success);
    }
    let tag = ctx.door.tag();
    line!(ctx.out, "{tag}:");
    if let Some(name) = wanted.filter(|_| maps.is_empty()) {
        line!(ctx.out, "{tag}: 'route-map {name}' not found");
    }
    for (name, map) in maps {
        route_map_text(&mut ctx.out, ctx.door, name, map, counts.get(name));
    }
    Ok(Status::Success)
}

fn route_map_json(door: Daemon, map: &RouteMap, counts: Option<&(u64, BTreeMap<u32, u64>)>) -> Obj {
    let rules: Vec<Value> = map
        .entries
        .iter()
        .map(|(seq, entry)| {
            let hits = counts.and_then(|(_, hits)| hits.get(&u32::from(*seq))).copied().unwrap_or(0);
            let mut o = Obj::new();
            o.put("sequenceNumber", *seq)
                .put("type", entry.action.name())
                .put("invoked", hits)
                .put("matchClauses", clauses(&entry.matches, door, false))
                .put("setClauses", set_clauses(entry, door))
                .opt("callClause", entry.call.clone())
                .put("action", action_text(entry));
            o.into()
        })
        .collect();
    let mut o = Obj::new();
    o.put("invoked", counts.map_or(0, |(n, _)| *n))
        .put("disabledOptimization", map.no_optimization)
        .put("processedChange", false)
        .put("rules", rules);
    o
}

fn route_map_text(
    out: &mut Out<'_>,
    door: Daemon,
    name: &str,
    map: &RouteMap,
    counts: Option<&(u64, BTreeMap<u32, u64>)>,
) {
    let optimization = if map.no_optimization { "disabled" } else { "enabled" };
    let invoked = counts.map_or(0, |(n, _)| *n);
    line!(out, "route-map: {name} Invoked: {invoked} Optimization: {optimization} Processed Change: false");
    for (seq, entry) in &map.entries {
        let hits = counts.and_then(|(_, hits)| hits.get(&u32::from(*seq))).copied().unwrap_or(0);
        line!(out, " {}, sequence {seq} Invoked {hits}", entry.action);
        entry.description.iter().for_each(|d| line!(out, "  Description:\n    {d}"));
        line!(out, "  Match clauses:");
        clauses(&entry.matches, door, false).iter().for_each(|c| line!(out, "    {c}"));
        line!(out, "  Set clauses:");
        set_clauses(entry, door).iter().for_each(|c| line!(out, "    {c}"));
        line!(out, "  Call clause:");
        entry.call.iter().for_each(|c| line!(out, "    Call {c}"));
        line!(out, "  Action:\n    {}", action_text(entry));
    }
}

async fn clear_route_map(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let config = ctx.handle().running().await?;
    let wanted = args.get("NAME");
    let names = config.route_maps.keys().filter(|n| wanted.is_none_or(|w| w == n.as_str()));
    let names: Vec<String> = names.cloned().collect();
    ctx.handle()
        .bgp(move |world, _| {
            names.iter().filter_map(|n| world.policy.route_map(n)).for_each(|m| m.clear_counters());
        })
        .await?;
    Ok(Status::Success)
}

fn as_path_lists(ctx: &mut Ctx<'_>, args: &Args, config: &Config) {
    let wanted = args.get("NAME");
    let lists = config.as_path_lists.iter().filter(|(n, _)| wanted.is_none_or(|w| w == n.as_str()));
    if args.has("json") {
        let mut o = Obj::new();
        for (name, list) in lists {
            let rules: Vec<Value> = list
                .rules
                .0
                .iter()
                .map(|(seq, rule)| {
                    let mut entry = Obj::new();
                    entry
                        .put("sequenceNumber", *seq)
                        .put("type", rule.action.name())
                        .put("regExp", rule.regex.clone());
                    entry.into()
                })
                .collect();
            o.put(name.clone(), rules);
        }
        ctx.out.push(&o.pretty());
        return;
    }
    for (name, list) in lists {
        line!(ctx.out, "AS path access list {name}");
        list.rules.0.values().for_each(|r| line!(ctx.out, "    {} {}", r.action, r.regex));
    }
}

fn joined<T>(values: &[T], text: impl Fn(&T) -> String) -> String {
    values.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn community_match(value: &CommunityMatch) -> String {
    match value {
        CommunityMatch::Standard(list) => {
            joined(list, |c| if *c == INTERNET { "internet".to_owned() } else { community_text(*c) })
        }
        CommunityMatch::Large(list) => joined(list, ToString::to_string),
        CommunityMatch::Extended(list) => joined(list, ToString::to_string),
        CommunityMatch::Regex(text) => text.clone(),
    }
}

fn community_lists(ctx: &mut Ctx<'_>, args: &Args, lists: &BTreeMap<String, CommunityList>, kind: &str) {
    let wanted = args.get("NAME").or_else(|| args.get("(1-500)"));
    for (name, list) in lists.iter().filter(|(n, _)| wanted.is_none_or(|w| w == n.as_str())) {
        let shape = if list.expanded { "expanded" } else { "standard" };
        if name.parse::<u32>().is_ok() {
            let mut title = kind.to_owned();
            title[..1].make_ascii_uppercase();
            line!(ctx.out, "{title} {shape} list {name}");
        } else {
            line!(ctx.out, "Named {kind} {shape} list {name}");
        }
        for rule in list.rules.0.values() {
            line!(ctx.out, "    {} {}", rule.action, community_match(&rule.value));
        }
    }
}
