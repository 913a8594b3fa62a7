//! Prefix, access, AS-path and community lists.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ferr_types::community::{Community, ExtCommunity, LargeCommunity};
use ferr_types::{Afi, Prefix};

/// A list's name within its address family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListKey {
    /// Family.
    pub afi: Afi,
    /// Name.
    pub name: String,
}

/// `permit` or `deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `permit`
    Permit,
    /// `deny`
    Deny,
}

impl Action {
    /// Keyword.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Entries by sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence<T>(pub BTreeMap<u32, T>);

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: PartialEq> Sequence<T> {
    /// Puts `rule` at `seq`; without one, after the last entry, unless an equal rule is there already.
    pub(crate) fn put(&mut self, seq: Option<u32>, rule: T) {
        match seq {
            Some(seq) => {
                self.0.insert(seq, rule);
            }
            None if self.0.values().any(|r| *r == rule) => {}
            None => {
                let last = self.0.keys().next_back().copied().unwrap_or(0);
                self.0.insert(last.saturating_add(5), rule);
            }
        }
    }

    /// Removes the entry at `seq`, or the first one equal to `rule`.
    pub(crate) fn take(&mut self, seq: Option<u32>, rule: Option<&T>) {
        let found = match (seq, rule) {
            (Some(seq), None) => Some(seq),
            (Some(seq), Some(rule)) => (self.0.get(&seq) == Some(rule)).then_some(seq),
            (None, Some(rule)) => self.0.iter().find(|(_, r)| *r == rule).map(|(s, _)| *s),
            (None, None) => None,
        };
        if let Some(seq) = found {
            self.0.remove(&seq);
        }
    }
}

/// A prefix list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrefixList {
    /// `description ...`
    pub description: Option<String>,
    /// Rules.
    pub rules: Sequence<PrefixRule>,
}

/// One rule of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixRule {
    /// On a hit.
    pub action: Action,
    /// `None` is `any`.
    pub prefix: Option<Prefix>,
    /// Smallest length that matches.
    pub ge: Option<u8>,
    /// Greatest length that matches; the prefix's own when neither is set.
    pub le: Option<u8>,
}

/// An access list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessList {
    /// `remark ...`
    pub remark: Option<String>,
    /// Rules.
    pub rules: Sequence<AccessRule>,
}

/// One rule of an access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    /// On a hit.
    pub action: Action,
    /// What it matches.
    pub matches: AccessMatch,
}

/// What an access-list rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessMatch {
    /// Everything.
    Any,
    /// The prefix and what it covers; with `exact`, itself only.
    Prefix {
        /// Prefix.
        prefix: Prefix,
        /// `exact-match`
        exact: bool,
    },
    /// Standard: an address with a wildcard (0 bits must match).
    Standard(Wildcard),
    /// Extended: source and destination.
    Extended {
        /// Source address.
        source: Wildcard,
        /// Destination.
        destination: Wildcard,
    },
}

/// Address and wildcard bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wildcard {
    /// Address.
    pub addr: Ipv4Addr,
    /// Bits set here are not compared; 0.0.0.0 is a host, 255.255.255.255 is `any`.
    pub mask: Ipv4Addr,
}

/// An AS-path access list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AsPathList {
    /// Rules: action and regular expression (`_` stands for a delimiter).
    pub rules: Sequence<RegexRule>,
}

/// A regular expression with its action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegexRule {
    /// On a hit.
    pub action: Action,
    /// As written.
    pub regex: String,
}

/// A community list of any of the three kinds of communities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommunityList {
    /// `expanded` (regular expressions) or `standard`.
    pub expanded: bool,
    /// Rules.
    pub rules: Sequence<CommunityRule>,
}

/// A rule of a community list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommunityRule {
    /// On a hit.
    pub action: Action,
    /// What must be there.
    pub value: CommunityMatch,
}

/// What a rule of a community list asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommunityMatch {
    /// All of these; [`INTERNET`] matches every route.
    Standard(Vec<Community>),
    /// All of these.
    Large(Vec<LargeCommunity>),
    /// All of these.
    Extended(Vec<ExtCommunity>),
    /// A regular expression over the text of the attribute.
    Regex(String),
}

/// `internet`: every route has it.
pub const INTERNET: Community = Community(0);
