//! Lists and route-maps of the configuration as definitions for the policy compiler.

use std::net::Ipv4Addr;

use ferr_config::Config;
use ferr_config::model::lists::{self, AccessRule, CommunityList, PrefixRule};
use ferr_config::model::routemap::{
    self, AddressMatch, Arith, Bandwidth, CommunityMode, MetricSet, OnMatch, PeerMatch, Prepend,
};
use ferr_policy::{
    AccessEntry, AccessListDef, AccessMatch, Action, AsPathEntry, CommunityEntry, CommunityMatch,
    ExtCommunityEntry, Flow, LargeCommunityEntry, ListKind, Match, MetricChange, NexthopChange, PolicyDef,
    PrefixEntry, PrefixListDef, RouteMapDef, RouteMapEntryDef, RpkiState, Set,
};
use ferr_types::attr::Aggregator;
use ferr_types::community::ExtCommunity;
use ferr_types::{Afi, Prefix, RouterId};

/// All policy of a configuration.
pub(crate) fn policy(config: &Config) -> PolicyDef {
    let mut def = PolicyDef::default();
    for (key, list) in &config.prefix_lists {
        let entries = list.rules.0.iter().map(|(seq, r)| prefix_entry(*seq, key.afi, r)).collect();
        let into = match key.afi {
            Afi::Ipv4 => &mut def.prefix_lists_v4,
            Afi::Ipv6 => &mut def.prefix_lists_v6,
        };
        into.insert(key.name.clone(), PrefixListDef { entries });
    }
    for (key, list) in &config.access_lists {
        let entries = list.rules.0.iter().map(|(seq, r)| access_entry(*seq, r)).collect();
        let into = match key.afi {
            Afi::Ipv4 => &mut def.access_lists_v4,
            Afi::Ipv6 => &mut def.access_lists_v6,
        };
        into.insert(key.name.clone(), AccessListDef { entries });
    }
    for (name, list) in &config.as_path_lists {
        let entries = list.rules.0.iter().map(|(seq, r)| AsPathEntry {
            seq: *seq,
            action: action(r.action),
            regex: r.regex.clone(),
        });
        def.as_path_lists.insert(name.clone(), entries.collect());
    }
    community_lists(config, &mut def);
    for (name, map) in &config.route_maps {
        let entries = map.entries.iter().map(|(seq, e)| route_map_entry(u32::from(*seq), e)).collect();
        def.route_maps.insert(name.clone(), RouteMapDef { entries });
    }
    def
}

const fn action(a: lists::Action) -> Action {
    match a {
        lists::Action::Permit => Action::Permit,
        lists::Action::Deny => Action::Deny,
    }
}

fn prefix_entry(seq: u32, afi: Afi, rule: &PrefixRule) -> PrefixEntry {
    let any = rule.prefix.is_none();
    PrefixEntry {
        seq,
        action: action(rule.action),
        prefix: rule.prefix.unwrap_or(Prefix::default_route(afi)),
        ge: rule.ge,
        le: rule.le.or(any.then_some(afi.max_prefix_len())),
    }
}

fn access_entry(seq: u32, rule: &AccessRule) -> AccessEntry {
    let all = Ipv4Addr::BROADCAST;
    let matches = match rule.matches {
        lists::AccessMatch::Any => AccessMatch::Any,
        lists::AccessMatch::Prefix { prefix, exact } => AccessMatch::Prefix { prefix, exact },
        lists::AccessMatch::Standard(w) => {
            AccessMatch::Wildcard { addr: w.addr, wildcard: w.mask, mask: None }
        }
        lists::AccessMatch::Extended { source, destination } => {
            let mask = (destination.mask != all).then_some((destination.addr, destination.mask));
            AccessMatch::Wildcard { addr: source.addr, wildcard: source.mask, mask }
        }
    };
    AccessEntry { seq, action: action(rule.action), matches }
}

fn community_lists(config: &Config, def: &mut PolicyDef) {
    let entries = |list: &CommunityList| {
        list.rules.0.iter().map(|(seq, r)| (*seq, action(r.action), r.value.clone())).collect::<Vec<_>>()
    };
    for (name, list) in &config.community_lists {
        let all = entries(list).into_iter().filter_map(|(seq, action, value)| {
            let matches = match value {
                lists::CommunityMatch::Standard(values) => {
                    CommunityMatch::All(values.into_iter().filter(|c| *c != lists::INTERNET).collect())
                }
                lists::CommunityMatch::Regex(text) => CommunityMatch::Regex(text),
                _ => return None,
            };
            Some(CommunityEntry { seq, action, matches })
        });
        def.community_lists.insert(name.clone(), all.collect());
    }
    for (name, list) in &config.large_community_lists {
        let all = entries(list).into_iter().filter_map(|(seq, action, value)| {
            let matches = match value {
                lists::CommunityMatch::Large(values) => CommunityMatch::All(values),
                lists::CommunityMatch::Regex(text) => CommunityMatch::Regex(text),
                _ => return None,
            };
            Some(LargeCommunityEntry { seq, action, matches })
        });
        def.large_community_lists.insert(name.clone(), all.collect());
    }
    for (name, list) in &config.ext_community_lists {
        let all = entries(list).into_iter().filter_map(|(seq, action, value)| {
            let matches = match value {
                lists::CommunityMatch::Extended(values) => CommunityMatch::All(values),
                lists::CommunityMatch::Regex(text) => CommunityMatch::Regex(text),
                _ => return None,
            };
            Some(ExtCommunityEntry { seq, action, matches })
        });
        def.ext_community_lists.insert(name.clone(), all.collect());
    }
}

fn route_map_entry(seq: u32, entry: &routemap::RouteMapEntry) -> RouteMapEntryDef {
    RouteMapEntryDef {
        seq,
        action: action(entry.action),
        matches: entry.matches.values().map(match_clause).collect(),
        sets: entry.sets.values().filter_map(set_clause).collect(),
        call: entry.call.clone(),
        flow: match entry.on_match {
            None => Flow::Exit,
            Some(OnMatch::Next) => Flow::Next,
            Some(OnMatch::Goto(seq)) => Flow::Goto(u32::from(seq)),
        },
    }
}

fn list_kind(m: &AddressMatch) -> Option<ListKind> {
    Some(match m {
        AddressMatch::AccessList(name) => ListKind::Access(name.clone()),
        AddressMatch::PrefixList(name) => ListKind::Prefix(name.clone()),
        AddressMatch::PrefixLen(len) => ListKind::Length(*len),
        AddressMatch::Address(addr) => ListKind::Address(*addr),
        AddressMatch::Blackhole => return None,
    })
}

fn match_clause(m: &routemap::Match) -> Match {
    use routemap::Match as M;
    match m {
        M::Interface(name) => Match::Interface(name.clone()),
        M::Address(afi, what) => list_kind(what).map_or(Match::Never, |k| Match::Address(*afi, k)),
        M::NextHop(afi, what) => {
            list_kind(what).map_or(Match::NexthopBlackhole(*afi), |k| Match::Nexthop(*afi, k))
        }
        M::RouteSource(what) => list_kind(what).map_or(Match::Never, Match::RouteSource),
        M::Metric(v) => Match::Metric(*v),
        M::Tag(v) => Match::Tag(*v),
        M::AsPath(name) => Match::AsPath(name.clone()),
        M::Community(list, mode) => {
            Match::Community { list: list.clone(), exact: *mode == CommunityMode::Exact }
        }
        M::LargeCommunity(list, mode) => {
            Match::LargeCommunity { list: list.clone(), exact: *mode == CommunityMode::Exact }
        }
        M::ExtCommunity(list) => Match::ExtCommunity(list.clone()),
        M::LocalPreference(v) => Match::LocalPreference(*v),
        M::Origin(v) => Match::Origin(*v),
        M::Peer(PeerMatch::Local) => Match::PeerLocal,
        M::Peer(PeerMatch::Address(addr)) => Match::Peer(*addr),
        M::Peer(PeerMatch::Interface(name)) => Match::Interface(name.clone()),
        M::SourceProtocol(p) => p.protocol().map_or(Match::Never, Match::SourceProtocol),
        M::SourceVrf(name) => Match::SourceVrf(name.clone()),
        M::Rpki(state) => Match::Rpki(match state {
            routemap::RpkiState::Valid => RpkiState::Valid,
            routemap::RpkiState::Invalid => RpkiState::Invalid,
            routemap::RpkiState::NotFound => RpkiState::NotFound,
        }),
        M::Probability(p) => Match::Probability(*p),
        M::SourceInstance(_) | M::RpkiExtCommunity(_) | M::Alias(_) | M::Other(_) => Match::Never,
    }
}

const fn arith(a: Arith) -> MetricChange {
    match a {
        Arith::Set(v) => MetricChange::Value(v),
        Arith::Add(v) => MetricChange::Add(v),
        Arith::Sub(v) => MetricChange::Subtract(v),
    }
}

/// `None` for clauses that are kept and have no effect.
fn set_clause(s: &routemap::Set) -> Option<Set> {
    use routemap::Set as S;
    Some(match s {
        S::AsPathPrepend(Prepend::Asns(asns)) => Set::AsPathPrepend(asns.clone()),
        S::AsPathPrepend(Prepend::LastAs(times)) => Set::AsPathPrependLast(*times),
        S::AsPathExclude(asns) => Set::AsPathExclude(asns.clone()),
        S::AsPathReplace(which) => Set::AsPathReplace(*which),
        S::Community { values, additive } => Set::Communities { values: values.clone(), additive: *additive },
        S::CommunityNone => Set::CommunitiesNone,
        S::CommunityDelete(name) => Set::CommunitiesDelete(name.clone()),
        S::LargeCommunity { values, additive } => {
            Set::LargeCommunities { values: values.clone(), additive: *additive }
        }
        S::LargeCommunityNone => Set::LargeCommunitiesNone,
        S::LargeCommunityDelete(name) => Set::LargeCommunitiesDelete(name.clone()),
        S::RouteTargets(values) | S::SiteOfOrigin(values) => Set::ExtCommunities(values.clone()),
        S::Bandwidth { value: Bandwidth::Value(mbit), non_transitive } => {
            let bytes = f32::from(*mbit) * 1e6 / 8.0;
            Set::ExtCommunities(vec![ExtCommunity::link_bandwidth(0, bytes, !non_transitive)])
        }
        S::ExtCommunityNone => Set::ExtCommunitiesNone,
        S::LocalPreference(v) => Set::LocalPreference(arith(*v)),
        S::Weight(v) => Set::Weight(*v),
        S::Metric(MetricSet::Value(v)) => Set::Metric(arith(*v)),
        S::Origin(v) => Set::Origin(*v),
        S::AigpMetric(value) => Set::AigpMetric(*value),
        S::Aggregator(asn, addr) => Set::Aggregator(Aggregator { asn: *asn, addr: *addr }),
        S::AtomicAggregate => Set::AtomicAggregate,
        S::OriginatorId(addr) => Set::OriginatorId(RouterId(*addr)),
        S::NextHop4(addr) => Set::Nexthop(NexthopChange::V4(*addr)),
        S::NextHop4Peer | S::NextHop6Peer => Set::Nexthop(NexthopChange::PeerAddress),
        S::NextHop4Unchanged => Set::Nexthop(NexthopChange::Unchanged),
        S::NextHop6Global(addr) => Set::Nexthop(NexthopChange::V6Global(*addr)),
        S::NextHop6Local(addr) => Set::Nexthop(NexthopChange::V6LinkLocal(*addr)),
        S::NextHop6PreferGlobal => Set::Nexthop(NexthopChange::V6PreferGlobal),
        S::Tag(v) => Set::Tag(*v),
        S::Distance(v) => Set::Distance(*v),
        S::Table(v) => Set::Table(*v),
        S::Source(addr) => Set::Source(*addr),
        S::MetricType(kind) => Set::MetricType(*kind),
        S::ForwardingAddress(addr) => Set::ForwardingAddress(*addr),
        S::Bandwidth { .. } | S::Metric(_) | S::Other { .. } => return None,
    })
}

/// Names whose meaning differs between two configurations, with everything that refers to them: what has to be evaluated
/// again after a change.
pub(crate) fn changed_names(old: &PolicyDef, new: &PolicyDef) -> std::collections::HashSet<String> {
    use std::collections::{BTreeMap, HashSet};
    fn differ<V: PartialEq>(a: &BTreeMap<String, V>, b: &BTreeMap<String, V>, out: &mut HashSet<String>) {
        out.extend(a.iter().filter(|(k, v)| b.get(*k) != Some(*v)).map(|(k, _)| k.clone()));
        out.extend(b.keys().filter(|k| !a.contains_key(*k)).cloned());
    }
    let mut names = HashSet::new();
    differ(&old.prefix_lists_v4, &new.prefix_lists_v4, &mut names);
    differ(&old.prefix_lists_v6, &new.prefix_lists_v6, &mut names);
    differ(&old.access_lists_v4, &new.access_lists_v4, &mut names);
    differ(&old.access_lists_v6, &new.access_lists_v6, &mut names);
    differ(&old.as_path_lists, &new.as_path_lists, &mut names);
    differ(&old.community_lists, &new.community_lists, &mut names);
    differ(&old.large_community_lists, &new.large_community_lists, &mut names);
    differ(&old.ext_community_lists, &new.ext_community_lists, &mut names);
    differ(&old.route_maps, &new.route_maps, &mut names);
    loop {
        let users = new.route_maps.iter().filter(|(name, map)| !names.contains(*name) && refers(map, &names));
        let users: Vec<String> = users.map(|(name, _)| name.clone()).collect();
        if users.is_empty() {
            return names;
        }
        names.extend(users);
    }
}

fn refers(map: &RouteMapDef, names: &std::collections::HashSet<String>) -> bool {
    map.entries.iter().any(|e| {
        let called = e.call.as_ref().is_some_and(|c| names.contains(c));
        let matched = e.matches.iter().any(|m| match m {
            Match::Address(_, k) | Match::Nexthop(_, k) | Match::RouteSource(k) => match k {
                ListKind::Access(n) | ListKind::Prefix(n) => names.contains(n),
                ListKind::Length(_) | ListKind::Address(_) => false,
            },
            Match::AsPath(n) | Match::ExtCommunity(n) => names.contains(n),
            Match::Community { list, .. } | Match::LargeCommunity { list, .. } => names.contains(list),
            _ => false,
        });
        let set = e.sets.iter().any(|s| match s {
            Set::CommunitiesDelete(n) | Set::LargeCommunitiesDelete(n) => names.contains(n),
            _ => false,
        });
        called || matched || set
    })
}
