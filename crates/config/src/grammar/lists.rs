//! Prefix, access, AS-path and community lists.

use std::net::Ipv4Addr;

use ferr_types::community::{Community, ExtCommunity, ExtCommunityKind, LargeCommunity};
use ferr_types::{Afi, IfAddr};

use super::args::Args;
use super::table::{Applied, DONE, Lines, Stmt, alias, idle, inert, stmt};
use crate::error::ConfigError;
use crate::model::Config;
use crate::model::lists::{
    AccessList, AccessMatch, AccessRule, Action, AsPathList, CommunityList, CommunityMatch, CommunityRule,
    INTERNET, ListKey, PrefixList, PrefixRule, RegexRule, Wildcard,
};
use crate::model::routemap::community_text;

pub(crate) fn action(a: &Args<'_>) -> Action {
    if a.has("permit") { Action::Permit } else { Action::Deny }
}

fn key(a: &Args<'_>, afi: Afi) -> ListKey {
    ListKey { afi, name: a.name("name") }
}

fn afi(a: &Args<'_>) -> Afi {
    if a.keywords().next() == Some("ipv6") { Afi::Ipv6 } else { Afi::Ipv4 }
}

const fn ip(afi: Afi) -> &'static str {
    match afi {
        Afi::Ipv4 => "ip",
        Afi::Ipv6 => "ipv6",
    }
}

fn prefix_rule(a: &Args<'_>) -> Result<PrefixRule, ConfigError> {
    let prefix = a.opt::<IfAddr>("p")?.map(IfAddr::prefix);
    let rule = PrefixRule { action: action(a), prefix, ge: a.opt("ge")?, le: a.opt("le")? };
    let Some(p) = prefix else { return Ok(rule) };
    let (ge, le) = (rule.ge.unwrap_or(p.len()), rule.le.unwrap_or(p.afi().max_prefix_len()));
    let too_short = rule.ge.is_some_and(|ge| ge <= p.len()) && rule.ge != Some(p.len());
    if too_short || rule.le.is_some_and(|le| le < p.len()) || ge > le {
        return Err(ConfigError::PrefixRange(p.to_string()));
    }
    // `ge` equal to the length says nothing, `le` equal to it neither.
    let ge = rule.ge.filter(|ge| *ge != p.len() || rule.le.is_none());
    Ok(PrefixRule { ge, ..rule })
}

fn put_prefix(c: &mut Config, a: &Args<'_>) -> Applied {
    let (rule, seq) = (prefix_rule(a)?, a.opt("seq")?);
    c.prefix_lists.entry(key(a, afi(a))).or_default().rules.put(seq, rule);
    DONE
}

fn take_prefix(c: &mut Config, a: &Args<'_>) -> Applied {
    let key = key(a, afi(a));
    let (stated, seq) = (a.has("permit") || a.has("deny"), a.opt("seq")?);
    if !stated && seq.is_none() {
        c.prefix_lists.remove(&key);
        return DONE;
    }
    let rule = if stated { Some(prefix_rule(a)?) } else { None };
    if let Some(list) = c.prefix_lists.get_mut(&key) {
        list.rules.take(seq, rule.as_ref());
        if list.rules.0.is_empty() && list.description.is_none() {
            c.prefix_lists.remove(&key);
        }
    }
    DONE
}

fn describe_prefix_list(c: &mut Config, a: &Args<'_>) -> Applied {
    c.prefix_lists.entry(key(a, afi(a))).or_default().description = a.line("text");
    DONE
}

fn undescribe_prefix_list(c: &mut Config, a: &Args<'_>) -> Applied {
    let key = key(a, afi(a));
    if let Some(list) = c.prefix_lists.get_mut(&key) {
        list.description = None;
        if *list == PrefixList::default() {
            c.prefix_lists.remove(&key);
        }
    }
    DONE
}

fn show_prefix_lists(c: &Config, family: Afi, o: &mut Lines) {
    for (key, list) in c.prefix_lists.iter().filter(|(k, _)| k.afi == family) {
        let lead = format!("{} prefix-list {}", ip(family), key.name);
        if let Some(text) = &list.description {
            o.line(format_args!("{lead} description {text}"));
        }
        for (seq, rule) in &list.rules.0 {
            let prefix = rule.prefix.map_or_else(|| "any".to_owned(), |p| p.to_string());
            let ge = rule.ge.map(|n| format!(" ge {n}")).unwrap_or_default();
            let le = rule.le.map(|n| format!(" le {n}")).unwrap_or_default();
            o.line(format_args!("{lead} seq {seq} {} {prefix}{ge}{le}", rule.action));
        }
    }
}

/// Prefix lists.
pub(crate) static PREFIX_LISTS: &[Stmt<Config>] = &[
    stmt(
        "ip prefix-list NAME@name ~ [seq (1-4294967295)@seq] ~ <deny|permit> <any|A.B.C.D/M@p [{ge (0-32)@ge|le (0-32)@le}]>",
        put_prefix,
        take_prefix,
        |c, o| show_prefix_lists(c, Afi::Ipv4, o),
    ),
    stmt(
        "ipv6 prefix-list NAME@name ~ [seq (1-4294967295)@seq] ~ <deny|permit> <any|X:X::X:X/M@p [{ge (0-128)@ge|le (0-128)@le}]>",
        put_prefix,
        take_prefix,
        |c, o| show_prefix_lists(c, Afi::Ipv6, o),
    ),
    alias(
        "ip prefix-list NAME@name description ~ LINE@text...",
        describe_prefix_list,
        undescribe_prefix_list,
    ),
    alias(
        "ipv6 prefix-list NAME@name description ~ LINE@text...",
        describe_prefix_list,
        undescribe_prefix_list,
    ),
];

fn wildcard(
    a: &Args<'_>,
    any: bool,
    addr: &'static str,
    mask: &'static str,
) -> Result<Wildcard, ConfigError> {
    if any {
        return Ok(Wildcard { addr: Ipv4Addr::UNSPECIFIED, mask: Ipv4Addr::BROADCAST });
    }
    let mask: Ipv4Addr = a.opt(mask)?.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let addr: Ipv4Addr = a.val(addr)?;
    Ok(Wildcard { addr: Ipv4Addr::from_bits(addr.to_bits() & !mask.to_bits()), mask })
}

fn access_rule(a: &Args<'_>) -> Result<AccessRule, ConfigError> {
    let matches = if a.get("p").is_some() {
        AccessMatch::Prefix { prefix: a.val::<IfAddr>("p")?.prefix(), exact: a.has("exact-match") }
    } else if a.get("std").is_some() {
        AccessMatch::Standard(wildcard(a, false, "std", "stdmask")?)
    } else if a.has("ip") {
        AccessMatch::Extended {
            source: wildcard(a, a.get("srcany").is_some(), "src", "srcmask")?,
            destination: wildcard(a, a.get("dstany").is_some(), "dst", "dstmask")?,
        }
    } else {
        AccessMatch::Any
    };
    Ok(AccessRule { action: action(a), matches })
}

fn put_access(c: &mut Config, a: &Args<'_>) -> Applied {
    let (rule, seq) = (access_rule(a)?, a.opt("seq")?);
    c.access_lists.entry(key(a, afi(a))).or_default().rules.put(seq, rule);
    DONE
}

fn take_access(c: &mut Config, a: &Args<'_>) -> Applied {
    let key = key(a, afi(a));
    let (stated, seq) = (a.has("permit") || a.has("deny"), a.opt("seq")?);
    if !stated && seq.is_none() {
        c.access_lists.remove(&key);
        return DONE;
    }
    let rule = if stated { Some(access_rule(a)?) } else { None };
    if let Some(list) = c.access_lists.get_mut(&key) {
        list.rules.take(seq, rule.as_ref());
        if list.rules.0.is_empty() && list.remark.is_none() {
            c.access_lists.remove(&key);
        }
    }
    DONE
}

fn remark(c: &mut Config, a: &Args<'_>) -> Applied {
    c.access_lists.entry(key(a, afi(a))).or_default().remark = a.line("text");
    DONE
}

fn no_remark(c: &mut Config, a: &Args<'_>) -> Applied {
    let key = key(a, afi(a));
    if let Some(list) = c.access_lists.get_mut(&key) {
        list.remark = None;
        if *list == AccessList::default() {
            c.access_lists.remove(&key);
        }
    }
    DONE
}

fn wildcard_text(w: &Wildcard) -> String {
    match w.mask {
        Ipv4Addr::BROADCAST => "any".to_owned(),
        Ipv4Addr::UNSPECIFIED => format!("host {}", w.addr),
        mask => format!("{} {mask}", w.addr),
    }
}

fn access_text(matches: &AccessMatch) -> String {
    match matches {
        AccessMatch::Any => "any".to_owned(),
        AccessMatch::Prefix { prefix, exact } => {
            format!("{prefix}{}", if *exact { " exact-match" } else { "" })
        }
        AccessMatch::Standard(w) if w.mask.is_unspecified() => w.addr.to_string(),
        AccessMatch::Standard(w) => format!("{} {}", w.addr, w.mask),
        AccessMatch::Extended { source, destination } => {
            format!("ip {} {}", wildcard_text(source), wildcard_text(destination))
        }
    }
}

fn show_access_lists(c: &Config, family: Afi, o: &mut Lines) {
    for (key, list) in c.access_lists.iter().filter(|(k, _)| k.afi == family) {
        let lead = if family == Afi::Ipv6 { "ipv6 access-list" } else { "access-list" };
        if let Some(text) = &list.remark {
            o.line(format_args!("{lead} {} remark {text}", key.name));
        }
        for (seq, rule) in &list.rules.0 {
            let what = access_text(&rule.matches);
            o.line(format_args!("{lead} {} seq {seq} {} {what}", key.name, rule.action));
        }
    }
}

/// Access lists.
pub(crate) static ACCESS_LISTS: &[Stmt<Config>] = &[
    stmt(
        "access-list NAME@name ~ [seq (1-4294967295)@seq] ~ <deny|permit> \
         <any|A.B.C.D/M@p [exact-match]|[host] A.B.C.D@std|A.B.C.D@std A.B.C.D@stdmask\
         |ip <A.B.C.D@src A.B.C.D@srcmask|host A.B.C.D@src|any@srcany> <A.B.C.D@dst A.B.C.D@dstmask|host A.B.C.D@dst|any@dstany>>",
        put_access,
        take_access,
        |c, o| show_access_lists(c, Afi::Ipv4, o),
    ),
    stmt(
        "ipv6 access-list NAME@name ~ [seq (1-4294967295)@seq] ~ <deny|permit> <any|X:X::X:X/M@p [exact-match]>",
        put_access,
        take_access,
        |c, o| show_access_lists(c, Afi::Ipv6, o),
    ),
    alias("access-list NAME@name remark ~ LINE@text...", remark, no_remark),
    alias("ipv6 access-list NAME@name remark ~ LINE@text...", remark, no_remark),
    inert!("mac access-list NAME [seq (1-4294967295)] <deny|permit> <MAC|any>", opaque),
    inert!("mac access-list NAME remark ~ LINE...", opaque),
    inert!("mac access-list NAME ~ !", opaque),
];

fn balanced(regex: &str) -> Result<(), ConfigError> {
    let mut depth = 0_i32;
    for b in regex.bytes() {
        depth += i32::from(b == b'(') - i32::from(b == b')');
        if depth < 0 {
            break;
        }
    }
    if depth == 0 { Ok(()) } else { Err(ConfigError::Regex(regex.to_owned())) }
}

fn regex_rule(a: &Args<'_>) -> Result<RegexRule, ConfigError> {
    let regex = a.line("regex").unwrap_or_default();
    balanced(&regex)?;
    Ok(RegexRule { action: action(a), regex })
}

/// AS-path access lists.
pub(crate) static AS_PATH_LISTS: &[Stmt<Config>] = &[stmt(
    "bgp as-path access-list NAME@name ~ [seq (0-4294967295)@seq] <deny|permit> LINE@regex...",
    |c, a| {
        let (rule, seq) = (regex_rule(a)?, a.opt("seq")?);
        c.as_path_lists.entry(a.name("name")).or_default().rules.put(seq, rule);
        DONE
    },
    |c, a| {
        let name = a.name("name");
        if a.get("regex").is_none() {
            c.as_path_lists.remove(&name);
            return DONE;
        }
        let (rule, seq) = (regex_rule(a)?, a.opt("seq")?);
        if let Some(list) = c.as_path_lists.get_mut(&name) {
            list.rules.take(seq, Some(&rule));
            if *list == AsPathList::default() {
                c.as_path_lists.remove(&name);
            }
        }
        DONE
    },
    |c, o| {
        for (name, list) in &c.as_path_lists {
            for (seq, rule) in &list.rules.0 {
                o.line(format_args!(
                    "bgp as-path access-list {name} seq {seq} {} {}",
                    rule.action, rule.regex
                ));
            }
        }
    },
)];

#[derive(Clone, Copy)]
enum Kind {
    Standard,
    Large,
    Extended,
}

/// One community, `internet` included.
pub(crate) fn community(word: &str) -> Result<Community, ConfigError> {
    if word == "internet" {
        return Ok(INTERNET);
    }
    word.parse().map_err(|_| ConfigError::Value { what: "community", text: word.to_owned() })
}

/// Communities without repetition: numbers in order, then the well-known ones by value.
pub(crate) fn communities(words: &[&str]) -> Result<Vec<Community>, ConfigError> {
    let mut values = words.iter().map(|w| community(w)).collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// Large communities in order, without repetition.
pub(crate) fn large_communities(words: &[&str]) -> Result<Vec<LargeCommunity>, ConfigError> {
    let bad = |w: &str| ConfigError::Value { what: "large-community", text: w.to_owned() };
    let mut values = words.iter().map(|w| w.parse().map_err(|_| bad(w))).collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// `rt V...` and `soo V...` of an extended-community list.
fn ext_communities(words: &[&str]) -> Result<Vec<ExtCommunity>, ConfigError> {
    let bad = |w: &str| ConfigError::Value { what: "extcommunity", text: w.to_owned() };
    let (mut kind, mut values) = (None, Vec::new());
    for word in words {
        match *word {
            "rt" => kind = Some(ExtCommunityKind::RouteTarget),
            "soo" => kind = Some(ExtCommunityKind::SiteOfOrigin),
            value => {
                let kind = kind.ok_or_else(|| bad(value))?;
                values.push(ExtCommunity::parse(kind, value).map_err(|_| bad(value))?);
            }
        }
    }
    if values.is_empty() { Err(bad(words.last().copied().unwrap_or_default())) } else { Ok(values) }
}

/// Whether a list with this head is an expanded one.
fn expanded(a: &Args<'_>) -> bool {
    a.has("expanded") || a.get("xnum").is_some()
}

fn community_rule(a: &Args<'_>, kind: Kind) -> Result<CommunityRule, ConfigError> {
    let words = a.words_from("values");
    let value = match kind {
        _ if expanded(a) => {
            let regex = words.join(" ");
            balanced(&regex)?;
            CommunityMatch::Regex(regex)
        }
        Kind::Standard => CommunityMatch::Standard(communities(words)?),
        Kind::Large => CommunityMatch::Large(large_communities(words)?),
        Kind::Extended => CommunityMatch::Extended(ext_communities(words)?),
    };
    Ok(CommunityRule { action: action(a), value })
}

type Lists = std::collections::BTreeMap<String, CommunityList>;

const fn lists(c: &mut Config, kind: Kind) -> &mut Lists {
    match kind {
        Kind::Standard => &mut c.community_lists,
        Kind::Large => &mut c.large_community_lists,
        Kind::Extended => &mut c.ext_community_lists,
    }
}

fn list_name(a: &Args<'_>) -> String {
    a.get("num").or(a.get("xnum")).or(a.get("name")).unwrap_or_default().to_owned()
}

fn put_community(c: &mut Config, a: &Args<'_>, kind: Kind) -> Applied {
    let (rule, seq) = (community_rule(a, kind)?, a.opt("seq")?);
    let expanded = expanded(a);
    let new = || CommunityList { expanded, rules: Default::default() };
    let list = lists(c, kind).entry(list_name(a)).or_insert_with(new);
    if list.expanded != expanded {
        return Err(ConfigError::Value { what: "list type", text: list_name(a) });
    }
    list.rules.put(seq, rule);
    DONE
}

fn take_community(c: &mut Config, a: &Args<'_>, kind: Kind) -> Applied {
    let name = list_name(a);
    let lists = lists(c, kind);
    if a.get("values").is_none() {
        lists.remove(&name);
        return DONE;
    }
    let (rule, seq) = (community_rule(a, kind)?, a.opt("seq")?);
    if let Some(list) = lists.get_mut(&name) {
        list.rules.take(seq, Some(&rule));
        if list.rules.0.is_empty() {
            lists.remove(&name);
        }
    }
    DONE
}

fn ext_text(values: &[ExtCommunity]) -> String {
    let kind = |c: &ExtCommunity| if c.kind() == Some(ExtCommunityKind::SiteOfOrigin) { "soo" } else { "rt" };
    values.iter().map(|c| format!("{} {}", kind(c), c.value_text())).collect::<Vec<_>>().join(" ")
}

fn show_communities(lists: &Lists, word: &str, o: &mut Lines) {
    for (name, list) in lists {
        let numbered = name.parse::<u16>().is_ok_and(|n| (1..=500).contains(&n));
        let kind = match (numbered, list.expanded) {
            (true, _) => "",
            (false, true) => "expanded ",
            (false, false) => "standard ",
        };
        for (seq, rule) in &list.rules.0 {
            let value = match &rule.value {
                CommunityMatch::Standard(v) => join(v, |c| community_text(*c)),
                CommunityMatch::Large(v) => join(v, LargeCommunity::to_string),
                CommunityMatch::Extended(v) => ext_text(v),
                CommunityMatch::Regex(text) => text.clone(),
            };
            o.line(format_args!("bgp {word} {kind}{name} seq {seq} {} {value}", rule.action));
        }
    }
}

fn join<T>(values: &[T], text: impl Fn(&T) -> String) -> String {
    values.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// Community lists and aliases.
pub(crate) static COMMUNITY_LISTS: &[Stmt<Config>] = &[
    stmt(
        "bgp community-list <(1-99)@num|(100-500)@xnum|standard NAME@name|expanded NAME@name> ~ \
         [seq (0-4294967295)@seq] <deny|permit> LINE@values...",
        |c, a| put_community(c, a, Kind::Standard),
        |c, a| take_community(c, a, Kind::Standard),
        |c, o| show_communities(&c.community_lists, "community-list", o),
    ),
    stmt(
        "bgp large-community-list <(1-99)@num|(100-500)@xnum|standard NAME@name|expanded NAME@name> ~ \
         [seq (0-4294967295)@seq] <deny|permit> LINE@values...",
        |c, a| put_community(c, a, Kind::Large),
        |c, a| take_community(c, a, Kind::Large),
        |c, o| show_communities(&c.large_community_lists, "large-community-list", o),
    ),
    stmt(
        "bgp extcommunity-list <(1-99)@num|(100-500)@xnum|standard NAME@name|expanded NAME@name> ~ \
         [seq (0-4294967295)@seq] <deny|permit> LINE@values...",
        |c, a| put_community(c, a, Kind::Extended),
        |c, a| take_community(c, a, Kind::Extended),
        |c, o| show_communities(&c.ext_community_lists, "extcommunity-list", o),
    ),
    alias(
        "bgp large-community-list NAME@name ~ !",
        |_, _| DONE,
        |c, a| {
            c.large_community_lists.remove(&a.name("name"));
            DONE
        },
    ),
    idle(stmt(
        "bgp community alias COMMUNITY@community NAME@alias",
        |c, a| {
            c.community_aliases.insert(a.name("community"), a.name("alias"));
            DONE
        },
        |c, a| {
            c.community_aliases.remove(&a.name("community"));
            DONE
        },
        |c, o| {
            for (community, alias) in &c.community_aliases {
                o.line(format_args!("bgp community alias {community} {alias}"));
            }
        },
    )),
];
