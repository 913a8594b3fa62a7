//! Which routes of a table a command shows.

use std::sync::Arc;

use ferr_state::bgp::{DestView, PathView};
use ferr_state::policy::{Action, AsPathRegex, PolicyRoute, PolicySet};
use ferr_types::community::{Community, LargeCommunity};
use ferr_types::{Afi, Prefix};

use crate::pattern::Args;

/// Condition on routes.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    /// None.
    All,
    /// Nothing: a state that no route here can have.
    Nothing,
    /// Length other than that of the address's class.
    CidrOnly,
    /// This prefix and what it covers.
    Longer(Prefix),
    /// Holds these communities, or any when empty.
    Community { values: Vec<Community>, exact: bool },
    /// The same for large communities.
    LargeCommunity { values: Vec<LargeCommunity>, exact: bool },
    /// Permitted by a community-list.
    CommunityList { name: String, exact: bool },
    /// Permitted by a large-community-list.
    LargeCommunityList { name: String, exact: bool },
    /// Permitted by a prefix-list.
    PrefixList(String),
    /// Permitted by an access-list.
    AccessList(String),
    /// Permitted by an as-path access-list.
    AsPathList(String),
    /// Permitted by a route-map.
    RouteMap(String),
    /// AS path fits.
    Regexp(AsPathRegex),
    /// Flapped of late.
    Flaps,
    /// Held back for flapping.
    Damped,
    /// Changed at or behind this version.
    Version(u32),
}

/// Which list is missing, or what is wrong with the expression.
pub(super) type Problem = String;

impl Filter {
    /// Of a line.
    pub(super) fn of(args: &Args, policy: &PolicySet, afi: Afi) -> Result<Self, Problem> {
        let exact = args.has("exact-match");
        let owned = |keyword: &str| args.after(keyword).unwrap_or_default().to_owned();
        let known = |found: bool, kind: &str, name: &str| {
            if found { Ok(()) } else { Err(format!("% {name} is not a valid {kind} name")) }
        };
        Ok(if args.has("cidr-only") {
            Self::CidrOnly
        } else if args.has("longer-prefixes") {
            let prefix = args.get("A.B.C.D/M").or_else(|| args.get("X:X::X:X/M"));
            prefix.and_then(|p| p.parse().ok()).map_or(Self::Nothing, Self::Longer)
        } else if args.has("community") {
            let value = args.get("COMMUNITY").map(str::parse).transpose();
            let values = value.map_err(|_| "% Community malformed".to_owned())?.into_iter().collect();
            Self::Community { values, exact }
        } else if args.has("large-community") {
            let value = args.get("AA:BB:CC").map(str::parse).transpose();
            let values = value.map_err(|_| "% Large-community malformed".to_owned())?.into_iter().collect();
            Self::LargeCommunity { values, exact }
        } else if args.has("community-list") {
            let name = owned("community-list");
            known(policy.community_list(&name).is_some(), "community-list", &name)?;
            Self::CommunityList { name, exact }
        } else if args.has("large-community-list") {
            let name = owned("large-community-list");
            known(policy.large_community_list(&name).is_some(), "large-community-list", &name)?;
            Self::LargeCommunityList { name, exact }
        } else if args.has("prefix-list") {
            let name = owned("prefix-list");
            known(policy.prefix_list(afi, &name).is_some(), "prefix-list", &name)?;
            Self::PrefixList(name)
        } else if args.has("access-list") {
            let name = owned("access-list");
            known(policy.access_list(afi, &name).is_some(), "access-list", &name)?;
            Self::AccessList(name)
        } else if args.has("filter-list") {
            let name = owned("filter-list");
            known(policy.as_path_list(&name).is_some(), "AS-path access-list", &name)?;
            Self::AsPathList(name)
        } else if args.has("route-map") {
            let name = owned("route-map");
            known(policy.route_map(&name).is_some(), "route-map", &name)?;
            Self::RouteMap(name)
        } else if args.has("regexp") {
            let text = args.rest();
            let text = text.strip_suffix(" json").unwrap_or(&text);
            Self::Regexp(AsPathRegex::new(text).map_err(|_| format!("Can't compile regexp {text}"))?)
        } else if args.has("version") {
            Self::Version(args.after("version").and_then(|v| v.parse().ok()).unwrap_or(0))
        } else if args.has("flap-statistics") {
            Self::Flaps
        } else if args.has("dampened-paths") || args.has("dampened-routes") {
            Self::Damped
        } else if args.has("rpki") || args.has("alias") {
            Self::Nothing
        } else {
            Self::All
        })
    }

    /// Where a cursor may stop: nothing behind it can fit.
    pub(super) fn is_past(&self, last: Prefix) -> bool {
        matches!(self, Self::Longer(p) if !p.covers(last) && p.addr() < last.addr())
    }

    /// Keeps the paths that fit; `false` when none is left.
    pub(super) fn apply(&self, dest: &mut DestView, policy: &Arc<PolicySet>) -> bool {
        let prefix = dest.prefix;
        let afi = prefix.afi();
        let permits = |action: Action| action == Action::Permit;
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::CidrOnly => is_classless(prefix),
            Self::Longer(p) => p.covers(prefix),
            Self::PrefixList(name) => {
                policy.prefix_list(afi, name).is_some_and(|l| permits(l.evaluate(prefix)))
            }
            Self::AccessList(name) => {
                policy.access_list(afi, name).is_some_and(|l| permits(l.evaluate(prefix)))
            }
            Self::Version(version) => dest.version >= *version,
            _ => {
                dest.paths.retain(|path| self.wants_path(prefix, path, policy));
                !dest.paths.is_empty()
            }
        }
    }

    fn wants_path(&self, prefix: Prefix, path: &PathView, policy: &PolicySet) -> bool {
        let a = path.attributes();
        match self {
            Self::Community { values, .. } if values.is_empty() => !a.communities.is_empty(),
            Self::Community { values, exact } => {
                values.iter().all(|v| a.communities.contains(*v))
                    && (!exact || a.communities.len() == values.len())
            }
            Self::LargeCommunity { values, .. } if values.is_empty() => !a.large_communities.is_empty(),
            Self::LargeCommunity { values, exact } => {
                values.iter().all(|v| a.large_communities.contains(*v))
                    && (!exact || a.large_communities.len() == values.len())
            }
            Self::CommunityList { name, exact } => policy
                .community_list(name)
                .is_some_and(|l| l.evaluate(a.communities, *exact) == Action::Permit),
            Self::LargeCommunityList { name, exact } => policy
                .large_community_list(name)
                .is_some_and(|l| l.evaluate(a.large_communities, *exact) == Action::Permit),
            Self::AsPathList(name) => {
                policy.as_path_list(name).is_some_and(|l| l.evaluate(a.as_path) == Action::Permit)
            }
            Self::RouteMap(name) => policy.route_map(name).is_some_and(|map| {
                let mut route = PolicyRoute::new(prefix, a);
                route.peer = path.source.addr;
                route.local = path.local;
                map.apply(policy, &mut route) == Action::Permit
            }),
            Self::Flaps => path.damping.is_some(),
            Self::Damped => path.damped && !path.history,
            Self::Regexp(regex) => regex.is_match(&a.as_path.to_string()),
            _ => true,
        }
    }
}

const fn is_classless(prefix: Prefix) -> bool {
    match prefix {
        Prefix::V4(p) => {
            let class = match p.addr().octets()[0] {
                0..=127 => 8,
                128..=191 => 16,
                _ => 24,
            };
            p.len() != class
        }
        Prefix::V6(_) => true,
    }
}
