//! From names to programs.

use std::collections::HashMap;
use std::sync::Arc;

use ferr_types::Afi;

use crate::RegexError;
use crate::def::PolicyDef;
use crate::lists::{AccessList, AsPathList, CommunityList, ExtCommunityList, LargeCommunityList, PrefixList};
use crate::route_map::RouteMap;

/// What does not compile; the rest of the policy does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{name}`: {error}")]
pub struct CompileError {
    /// Kind of list.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub error: RegexError,
}

type Named<T> = HashMap<String, Arc<T>>;

/// All policy, compiled. Shared by `Arc`, replaced whole.
#[derive(Debug, Default)]
pub struct PolicySet {
    prefix_lists: [Named<PrefixList>; 2],
    access_lists: [Named<AccessList>; 2],
    as_path_lists: Named<AsPathList>,
    pub(crate) community_lists: Named<CommunityList>,
    pub(crate) large_community_lists: Named<LargeCommunityList>,
    pub(crate) ext_community_lists: Named<ExtCommunityList>,
    route_maps: Named<RouteMap>,
}

fn build<D, T>(
    defs: &std::collections::BTreeMap<String, D>,
    kind: &'static str,
    errors: &mut Vec<CompileError>,
    new: impl Fn(&D) -> Result<T, RegexError>,
) -> Named<T> {
    let mut out = HashMap::with_capacity(defs.len());
    for (name, def) in defs {
        match new(def) {
            Ok(list) => drop(out.insert(name.clone(), Arc::new(list))),
            Err(error) => errors.push(CompileError { kind, name: name.clone(), error }),
        }
    }
    out
}

impl PolicySet {
    /// Resolves every name. A list with a bad expression is reported and then counts as undefined, which matches
    /// nothing: a typing mistake never opens a filter.
    pub fn compile(def: &PolicyDef) -> (Self, Vec<CompileError>) {
        let mut errors = Vec::new();
        let e = &mut errors;
        let mut set = Self {
            prefix_lists: [
                build(&def.prefix_lists_v4, "prefix-list", e, |d| Ok(PrefixList::new(d))),
                build(&def.prefix_lists_v6, "prefix-list", e, |d| Ok(PrefixList::new(d))),
            ],
            access_lists: [
                build(&def.access_lists_v4, "access-list", e, |d| Ok(AccessList::new(&d.entries))),
                build(&def.access_lists_v6, "access-list", e, |d| Ok(AccessList::new(&d.entries))),
            ],
            as_path_lists: build(&def.as_path_lists, "as-path access-list", e, |d| AsPathList::new(d)),
            community_lists: build(&def.community_lists, "community-list", e, |d| CommunityList::new(d)),
            large_community_lists: build(&def.large_community_lists, "large-community-list", e, |d| {
                LargeCommunityList::new(d)
            }),
            ext_community_lists: build(&def.ext_community_lists, "extcommunity-list", e, |d| {
                ExtCommunityList::new(d)
            }),
            route_maps: HashMap::new(),
        };
        set.route_maps =
            def.route_maps.iter().map(|(name, d)| (name.clone(), Arc::new(RouteMap::new(d, &set)))).collect();
        (set, errors)
    }

    /// Prefix-list by name.
    pub fn prefix_list(&self, afi: Afi, name: &str) -> Option<&Arc<PrefixList>> {
        self.prefix_lists[afi as usize].get(name)
    }

    /// Access-list by name.
    pub fn access_list(&self, afi: Afi, name: &str) -> Option<&Arc<AccessList>> {
        self.access_lists[afi as usize].get(name)
    }

    /// As-path access-list by name.
    pub fn as_path_list(&self, name: &str) -> Option<&Arc<AsPathList>> {
        self.as_path_lists.get(name)
    }

    /// Route-map by name.
    pub fn route_map(&self, name: &str) -> Option<&Arc<RouteMap>> {
        self.route_maps.get(name)
    }

    /// Community-list by name.
    pub fn community_list(&self, name: &str) -> Option<&Arc<CommunityList>> {
        self.community_lists.get(name)
    }

    /// Large-community-list by name.
    pub fn large_community_list(&self, name: &str) -> Option<&Arc<LargeCommunityList>> {
        self.large_community_lists.get(name)
    }
}
