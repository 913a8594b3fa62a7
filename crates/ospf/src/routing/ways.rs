//! Ways: where packets leave this router, and sets of them under small numbers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferr_types::{IfIndex, RouterId};
use smallvec::SmallVec;

/// Where packets leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Way {
    pub(crate) ifindex: IfIndex,
    /// `None`: the destination is on the link itself.
    pub(crate) gateway: Option<IpAddr>,
    /// The gateway is not in a prefix of the link.
    pub(crate) onlink: bool,
    /// BFD watches the gateway.
    pub(crate) bfd: bool,
    /// The router that gets the packets; unset on the link itself.
    pub(crate) router: RouterId,
}

/// Equally good ways, in order.
pub(crate) type Ways = Arc<[Way]>;

/// Both, in order, each once.
pub(crate) fn merge(a: &Ways, b: &Ways) -> Ways {
    if a == b {
        return a.clone();
    }
    let mut all: SmallVec<[Way; 8]> = a.iter().chain(b.iter()).copied().collect();
    all.sort_unstable();
    all.dedup();
    Arc::from(all.as_slice())
}

/// A way while a tree grows; knows the own link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hop {
    /// Place among the own links.
    pub(crate) link: u16,
    pub(crate) way: Way,
}

/// A set of hops.
pub(crate) type HopSet = SmallVec<[Hop; 2]>;

/// The number of the empty set.
pub(crate) const NOWHERE: u32 = 0;

/// Sets of hops, each once, under numbers.
#[derive(Debug)]
pub(crate) struct HopSets {
    sets: Vec<HopSet>,
    index: BTreeMap<HopSet, u32>,
    unions: BTreeMap<(u32, u32), u32>,
    /// A hop of the set is on the link itself.
    direct: Vec<bool>,
}

impl HopSets {
    pub(crate) fn new() -> Self {
        let mut sets =
            Self { sets: Vec::new(), index: BTreeMap::new(), unions: BTreeMap::new(), direct: Vec::new() };
        sets.intern(HopSet::new());
        sets
    }

    /// Number of a set, which need not be in order.
    pub(crate) fn intern(&mut self, mut set: HopSet) -> u32 {
        set.sort_unstable();
        set.dedup();
        if let Some(&number) = self.index.get(&set) {
            return number;
        }
        let number = self.sets.len() as u32;
        self.direct.push(set.iter().any(|hop| hop.way.gateway.is_none()));
        self.sets.push(set.clone());
        self.index.insert(set, number);
        number
    }

    /// Number of the set with the hops of both.
    #[inline]
    pub(crate) fn union(&mut self, a: u32, b: u32) -> u32 {
        if a == b || b == NOWHERE {
            return a;
        }
        if a == NOWHERE {
            return b;
        }
        let pair = (a.min(b), a.max(b));
        if let Some(&known) = self.unions.get(&pair) {
            return known;
        }
        let all = self.get(a).iter().chain(self.get(b)).copied().collect();
        let number = self.intern(all);
        self.unions.insert(pair, number);
        number
    }

    /// The hops of a set.
    pub(crate) fn get(&self, number: u32) -> &[Hop] {
        self.sets.get(number as usize).map_or(&[], |set| set.as_slice())
    }

    /// Whether a hop of it is on the link itself.
    #[inline]
    pub(crate) fn is_direct(&self, number: u32) -> bool {
        self.direct.get(number as usize).copied().unwrap_or(false)
    }

    /// All sets as ways.
    pub(crate) fn into_ways(self) -> Vec<Ways> {
        let ways = |set: &HopSet| {
            let mut ways: SmallVec<[Way; 8]> = set.iter().map(|hop| hop.way).collect();
            ways.sort_unstable();
            ways.dedup();
            Arc::from(ways.as_slice())
        };
        self.sets.iter().map(ways).collect()
    }
}
