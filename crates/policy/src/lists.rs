//! Compiled lists.

use std::net::IpAddr;

use ferr_prefixmap::DualMap;
use ferr_types::aspath::AsPath;
use ferr_types::community::{
    Communities, Community, ExtCommunities, ExtCommunity, LargeCommunities, LargeCommunity,
};
use ferr_types::{Afi, Prefix};
use smallvec::SmallVec;

use crate::def::{
    AccessEntry, AccessMatch, AsPathEntry, CommunityMatch, ListEntry, PrefixEntry, PrefixListDef,
};
use crate::{Action, AsPathRegex, RegexError};

/// Above this many entries a prefix-list is searched through an index instead of in order: below it, comparing a
/// few words is faster than walking a tree.
const INDEX_FROM: usize = 12;

#[derive(Debug, Clone, Copy)]
struct PrefixRule {
    action: Action,
    prefix: Prefix,
    min: u8,
    max: u8,
}

impl PrefixRule {
    fn new(entry: &PrefixEntry) -> Self {
        let len = entry.prefix.len();
        let longest = entry.prefix.afi().max_prefix_len();
        let (min, max) = match (entry.ge, entry.le) {
            (None, None) => (len, len),
            (Some(ge), None) => (ge, longest),
            (None, Some(le)) => (len, le),
            (Some(ge), Some(le)) => (ge, le),
        };
        Self { action: entry.action, prefix: entry.prefix, min, max }
    }

    fn matches(&self, prefix: Prefix) -> bool {
        (self.min..=self.max).contains(&prefix.len()) && self.prefix.covers(prefix)
    }
}

/// Compiled prefix-list.
#[derive(Debug, Clone, Default)]
pub struct PrefixList {
    rules: Vec<PrefixRule>,
    /// Positions in `rules` per prefix, ascending.
    index: Option<DualMap<SmallVec<[u32; 2]>>>,
}

impl PrefixList {
    /// Compiles a definition, whose entries are in sequence order.
    pub fn new(def: &PrefixListDef) -> Self {
        let rules: Vec<PrefixRule> = def.entries.iter().map(PrefixRule::new).collect();
        let index = (rules.len() >= INDEX_FROM).then(|| {
            let mut index: DualMap<SmallVec<[u32; 2]>> = DualMap::default();
            for (at, rule) in rules.iter().enumerate() {
                index.get_or_insert_with(rule.prefix, SmallVec::new).push(at as u32);
            }
            index
        });
        Self { rules, index }
    }

    /// First matching entry's action; a list without entries permits everything, any other denies what no entry
    /// matches.
    pub fn evaluate(&self, prefix: Prefix) -> Action {
        if self.rules.is_empty() {
            return Action::Permit;
        }
        let found = match &self.index {
            None => self.rules.iter().find(|r| r.matches(prefix)),
            Some(index) => self.first_by_index(index, prefix).and_then(|at| self.rules.get(at as usize)),
        };
        found.map_or(Action::Deny, |r| r.action)
    }

    fn first_by_index(&self, index: &DualMap<SmallVec<[u32; 2]>>, prefix: Prefix) -> Option<u32> {
        let mut first: Option<u32> = None;
        // Refusing every covering entry makes the search visit them all.
        let mut visit = |positions: &SmallVec<[u32; 2]>| {
            let hit = positions.iter().copied().find(|at| self.rules[*at as usize].matches(prefix));
            first = first.into_iter().chain(hit).min();
            false
        };
        match prefix {
            Prefix::V4(p) => index.v4.longest_match_if(p, |_, at| visit(at)).is_some(),
            Prefix::V6(p) => index.v6.longest_match_if(p, |_, at| visit(at)).is_some(),
        };
        first
    }
}

/// Compiled access-list.
#[derive(Debug, Clone, Default)]
pub struct AccessList(Vec<AccessEntry>);

impl AccessList {
    /// Compiles entries in sequence order.
    pub fn new(entries: &[AccessEntry]) -> Self {
        Self(entries.to_vec())
    }

    /// First matching entry's action, else deny.
    pub fn evaluate(&self, prefix: Prefix) -> Action {
        self.0.iter().find(|e| access_matches(&e.matches, prefix)).map_or(Action::Deny, |e| e.action)
    }
}

fn access_matches(rule: &AccessMatch, prefix: Prefix) -> bool {
    match *rule {
        AccessMatch::Any => true,
        AccessMatch::Prefix { prefix: p, exact: true } => p == prefix,
        AccessMatch::Prefix { prefix: p, exact: false } => p.covers(prefix),
        AccessMatch::Wildcard { addr, wildcard, mask } => {
            let Prefix::V4(p) = prefix else { return false };
            let same = |a: u32, b: u32, ignore: u32| (a ^ b) & !ignore == 0;
            let mask_ok = mask.is_none_or(|(m, w)| same(p.netmask().to_bits(), m.to_bits(), w.to_bits()));
            mask_ok && same(p.bits(), addr.to_bits(), wildcard.to_bits())
        }
    }
}

/// Compiled as-path access-list.
#[derive(Debug, Clone, Default)]
pub struct AsPathList(Vec<(Action, AsPathRegex)>);

impl AsPathList {
    /// Compiles entries in sequence order.
    ///
    /// # Errors
    /// The first expression that does not compile.
    pub fn new(entries: &[AsPathEntry]) -> Result<Self, RegexError> {
        entries
            .iter()
            .map(|e| Ok((e.action, AsPathRegex::new(&e.regex)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// First matching entry's action, else deny.
    pub fn evaluate(&self, path: AsPath<'_>) -> Action {
        let text = path.to_string();
        self.0.iter().find(|(_, r)| r.is_match(&text)).map_or(Action::Deny, |(action, _)| *action)
    }
}

#[derive(Debug, Clone)]
enum Rule<C> {
    All(Vec<C>),
    Regex(AsPathRegex),
}

/// List over one kind of community.
#[derive(Debug, Clone)]
pub struct ValueList<C>(Vec<(Action, Rule<C>)>);

impl<C: Copy + Eq + std::fmt::Display> ValueList<C> {
    /// Compiles entries in sequence order.
    ///
    /// # Errors
    /// The first expression that does not compile.
    pub fn new(entries: &[ListEntry<C>]) -> Result<Self, RegexError> {
        let rules = entries.iter().map(|e| {
            let rule = match &e.matches {
                CommunityMatch::All(values) => Rule::All(values.clone()),
                CommunityMatch::Regex(text) => Rule::Regex(AsPathRegex::new(text)?),
            };
            Ok((e.action, rule))
        });
        rules.collect::<Result<_, _>>().map(Self)
    }

    fn evaluate_values(&self, values: &[C], exact: bool, text: impl Fn() -> String) -> Action {
        let mut rendered: Option<String> = None;
        let hit = self.0.iter().find(|(_, rule)| match rule {
            Rule::All(wanted) => {
                let all = wanted.iter().all(|w| values.contains(w));
                all && (!exact || values.iter().all(|v| wanted.contains(v)))
            }
            Rule::Regex(regex) => regex.is_match(rendered.get_or_insert_with(&text)),
        });
        hit.map_or(Action::Deny, |(action, _)| *action)
    }

    /// Whether `value` alone is permitted: what `delete` removes.
    pub fn permits_value(&self, value: C) -> bool {
        self.evaluate_values(&[value], false, || value.to_string()) == Action::Permit
    }
}

/// Compiled community-list.
pub type CommunityList = ValueList<Community>;
/// Compiled large-community-list.
pub type LargeCommunityList = ValueList<LargeCommunity>;
/// Compiled extcommunity-list.
pub type ExtCommunityList = ValueList<ExtCommunity>;

impl CommunityList {
    /// First matching entry's action, else deny. A route without communities matches only an entry that asks for none.
    pub fn evaluate(&self, communities: Communities<'_>, exact: bool) -> Action {
        let values: SmallVec<[Community; 16]> = communities.iter().collect();
        self.evaluate_values(&values, exact, || communities.to_string())
    }
}

impl LargeCommunityList {
    /// First matching entry's action, else deny.
    pub fn evaluate(&self, communities: LargeCommunities<'_>, exact: bool) -> Action {
        let values: SmallVec<[LargeCommunity; 8]> = communities.iter().collect();
        self.evaluate_values(&values, exact, || communities.to_string())
    }
}

impl ExtCommunityList {
    /// First matching entry's action, else deny.
    pub fn evaluate(&self, communities: ExtCommunities<'_>) -> Action {
        let values: SmallVec<[ExtCommunity; 8]> = communities.iter().collect();
        self.evaluate_values(&values, false, || communities.to_string())
    }
}

/// Host prefix of `addr` when it is of `afi`.
pub(crate) fn host_of(addr: IpAddr, afi: Afi) -> Option<Prefix> {
    let prefix = Prefix::host(addr);
    (prefix.afi() == afi).then_some(prefix)
}
