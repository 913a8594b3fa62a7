//! External routes as LSAs tell them, by prefix, originator and forwarding address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferr_types::{Prefix, RouterId};
use smallvec::SmallVec;

use super::area::remove_one;
use super::told::External;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Externals {
    by_prefix: BTreeMap<Prefix, SmallVec<[External; 1]>>,
    by_forwarding: BTreeMap<(IpAddr, Prefix), u32>,
    by_router: BTreeMap<(RouterId, Prefix), u32>,
    routers: BTreeMap<RouterId, u32>,
}

fn count<K: Ord>(map: &mut BTreeMap<K, u32>, key: K, up: bool) {
    if up {
        *map.entry(key).or_default() += 1;
    } else if let Some(n) = map.get_mut(&key) {
        *n -= 1;
        if *n == 0 {
            map.remove(&key);
        }
    }
}

fn last_in(prefix: Prefix) -> IpAddr {
    match prefix {
        Prefix::V4(p) => {
            IpAddr::V4(Ipv4Addr::from_bits(p.bits() | u32::MAX.checked_shr(p.len().into()).unwrap_or(0)))
        }
        Prefix::V6(p) => {
            IpAddr::V6(Ipv6Addr::from_bits(p.bits() | u128::MAX.checked_shr(p.len().into()).unwrap_or(0)))
        }
    }
}

impl Externals {
    pub(crate) fn add(&mut self, prefix: Prefix, external: External) {
        self.by_prefix.entry(prefix).or_default().push(external);
        self.index(prefix, &external, true);
    }

    pub(crate) fn remove(&mut self, prefix: Prefix, external: &External) {
        if remove_one(&mut self.by_prefix, &prefix, |e| e == external) {
            self.index(prefix, external, false);
        }
    }

    fn index(&mut self, prefix: Prefix, external: &External, up: bool) {
        count(&mut self.by_router, (external.router, prefix), up);
        count(&mut self.routers, external.router, up);
        if let Some(forwarding) = external.forwarding {
            count(&mut self.by_forwarding, (forwarding, prefix), up);
        }
    }

    /// Those of a prefix.
    pub(crate) fn of(&self, prefix: Prefix) -> &[External] {
        self.by_prefix.get(&prefix).map_or(&[], |list| list.as_slice())
    }

    /// All.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Prefix, &SmallVec<[External; 1]>)> {
        self.by_prefix.iter()
    }

    /// Those of prefixes inside another.
    pub(crate) fn inside(&self, range: Prefix) -> impl Iterator<Item = (&Prefix, &SmallVec<[External; 1]>)> {
        self.by_prefix.range(range..).take_while(move |(prefix, _)| range.covers(**prefix))
    }

    /// Originators.
    pub(crate) fn routers(&self) -> impl Iterator<Item = RouterId> {
        self.routers.keys().copied()
    }

    /// Prefixes of an originator.
    pub(crate) fn of_router(&self, router: RouterId) -> impl Iterator<Item = Prefix> {
        let behind = self.by_router.range((router, FIRST)..);
        behind.take_while(move |((r, _), _)| *r == router).map(|((_, prefix), _)| *prefix)
    }

    /// Adds the prefixes whose forwarding address lies in one of `inside`.
    pub(crate) fn forwarded_in(&self, inside: &BTreeSet<Prefix>, out: &mut Vec<Prefix>) {
        if self.by_forwarding.is_empty() {
            return;
        }
        for prefix in inside {
            let last = last_in(*prefix);
            let from = self.by_forwarding.range((prefix.addr(), FIRST)..);
            out.extend(from.take_while(|((addr, _), _)| *addr <= last).map(|((_, prefix), _)| *prefix));
        }
    }
}

/// Before all prefixes.
const FIRST: Prefix = Prefix::V4(ferr_types::Ipv4Prefix::DEFAULT);
