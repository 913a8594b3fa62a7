//! Conditional advertisement: routes that a neighbor gets only while others exist in the table, or only while they do not.
//!
//! The tables are looked through in slices, whenever the timer fires and something changed since the last time. Until the
//! first answer is there, what depends on it is not sent.

use std::time::Instant;

use ferr_policy::{Action, PolicyRoute, PolicySet};
use ferr_types::Family;
use ferr_types::attr::PathAttributes;

use crate::config::AdvertiseMap;
use crate::core::Core;
use crate::family::FamilyState;
use crate::instance::Instance;
use crate::table::{DestId, TablePrefix};

/// Prefixes that a slice looks at.
const SLICE: u32 = 4096;

/// A condition that some neighbor has.
#[derive(Debug)]
pub(crate) struct Condition {
    config: AdvertiseMap,
    /// Where the search has come to.
    scan: Option<u32>,
    /// State of the table at the beginning of the last search.
    seen: Option<u64>,
}

impl Core {
    /// Whether a condition keeps back what it is about.
    pub(crate) fn is_withheld(&self, family: Family, condition: &AdvertiseMap) -> bool {
        self.withheld.iter().any(|(f, c)| *f == family && c == condition)
    }

    /// Whether a condition keeps a route back.
    pub(crate) fn withholds(
        &self,
        family: Family,
        condition: &AdvertiseMap,
        route: impl Fn() -> PolicyRoute<'static>,
        attrs: &PathAttributes<'_>,
    ) -> bool {
        if !self.is_withheld(family, condition) {
            return false;
        }
        let mut route = PolicyRoute { attributes: *attrs, ..route() };
        let map = self.policy.route_map(&condition.map);
        map.is_some_and(|m| m.apply(&self.policy, &mut route) == Action::Permit)
    }
}

impl<P: TablePrefix> FamilyState<P> {
    /// Takes in which conditions there are.
    fn sync_conditions(&mut self, core: &mut Core, wanted: &[AdvertiseMap]) {
        let family = self.table.family;
        self.conditions.retain(|c| wanted.contains(&c.config));
        core.withheld.retain(|(f, c)| *f != family || wanted.contains(c));
        for config in wanted {
            if !self.conditions.iter().any(|c| c.config == *config) {
                core.withheld.insert((family, config.clone()));
                self.conditions.push(Condition { config: config.clone(), scan: Some(0), seen: None });
            }
        }
    }

    /// Searches again for conditions whose answer may be another one now.
    fn search_conditions(&mut self, again: impl Fn(&AdvertiseMap) -> bool) {
        for c in &mut self.conditions {
            if again(&c.config) || (c.scan.is_none() && c.seen != Some(self.table.changes)) {
                c.scan = Some(0);
            }
        }
    }

    /// A slice of a search; true when more is left.
    pub(crate) fn scan_conditions(&mut self, core: &mut Core) -> bool {
        let Some(at) = self.conditions.iter().position(|c| c.scan.is_some()) else { return false };
        let condition = &mut self.conditions[at];
        let from = condition.scan.unwrap_or(0);
        if from == 0 {
            condition.seen = Some(self.table.changes);
        }
        let config = condition.config.clone();
        let end = (self.table.dest_capacity() as u32).min(from.saturating_add(SLICE));
        let policy = core.policy.clone();
        let defined =
            policy.route_map(&config.map).is_some() && policy.route_map(&config.condition).is_some();
        let exists = defined && (from..end).any(|id| self.fits(core, &policy, DestId(id), &config.condition));
        if defined && !exists && (end as usize) < self.table.dest_capacity() {
            self.conditions[at].scan = Some(end);
            return true;
        }
        self.conditions[at].scan = None;
        // A route-map that is not there makes no condition.
        let withhold = defined && config.exist != exists;
        let key = (self.table.family, config);
        let held = core.withheld.contains(&key);
        if held != withhold {
            self.groups.rescan_where(|k| k.advertise.as_ref() == Some(&key.1));
            if withhold {
                core.withheld.insert(key);
            } else {
                core.withheld.remove(&key);
            }
        }
        true
    }

    fn fits(&self, core: &Core, policy: &PolicySet, dest: DestId, map: &str) -> bool {
        let Some(map) = policy.route_map(map).filter(|_| self.table.is_live(dest)) else { return false };
        let prefix = self.table.dest(dest).prefix.into();
        self.table.paths(dest).filter(|(_, p)| p.is_eligible()).any(|(_, path)| {
            let mut route = PolicyRoute {
                local: path.has(crate::table::flag::LOCAL),
                peer: core.peers.get(path.peer).and_then(|p| p.addr()),
                ..PolicyRoute::new(prefix, core.attrs.get(path.attr))
            };
            map.apply(policy, &mut route) == Action::Permit
        })
    }
}

impl Instance {
    /// Conditions came or went with neighbors or their configuration.
    pub(crate) fn sync_conditions(&mut self) {
        let mut any = false;
        for family in Family::ALL {
            let mut wanted: Vec<AdvertiseMap> = Vec::new();
            for peer in self.core.peers.iter().filter(|p| !p.removed) {
                let condition = peer.config.families[family].as_ref().and_then(|f| f.advertise_map.as_ref());
                wanted.extend(condition.filter(|c| !wanted.contains(c)).cloned());
            }
            any |= !wanted.is_empty();
            let core = &mut self.core;
            with_family!(self, family, |f| f.sync_conditions(core, &wanted));
        }
        let next = self.core.now + self.core.config.condition_interval;
        self.core.next_search = any.then(|| self.core.next_search.map_or(next, |t| t.min(next)));
        self.more_work |= any;
    }

    /// Looks at all conditions again; those that `again` names whether the table changed or not.
    pub(crate) fn search_conditions(&mut self, again: impl Fn(&AdvertiseMap) -> bool) {
        for family in Family::ALL {
            with_family!(self, family, |f| f.search_conditions(&again));
        }
        self.more_work = true;
    }

    /// Does what is due.
    pub(crate) fn conditions_timeout(&mut self, now: Instant) {
        if self.core.next_search.is_some_and(|t| t <= now) {
            self.core.next_search = Some(now + self.core.config.condition_interval);
            self.search_conditions(|_| false);
        }
    }
}
