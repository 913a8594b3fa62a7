//! Bringing everything that depends on a change up to date: rounds of resolution, then one pass over the tables.

use crate::Rib;
use crate::table::{NONE, flag};

/// Rounds of settling in one call; a longer chain of recursion is followed at the next [`Rib::handle_timeout`].
const MAX_ROUNDS: u32 = 64;

impl Rib {
    /// Brings everything that depends on changed routes, links or addresses up to date. The batch methods call it themselves.
    pub fn settle(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let tracked = std::mem::take(&mut self.resolver.dirty);
            if tracked.is_empty() && self.resolver.idle() && self.underlay.is_settled() {
                return;
            }
            for id in tracked {
                if self.lookup(id) {
                    let sets = self.resolver.get(id).map(|t| t.sets.clone()).unwrap_or_default();
                    sets.into_iter().for_each(|set| self.touch_set(set));
                }
            }
            for id in std::mem::take(&mut self.resolver.dirty_sets) {
                if self.resolve_set(id) {
                    self.underlay_changed();
                    let users = self.sets.get(id).map(|s| s.users.clone()).unwrap_or_default();
                    users.into_iter().for_each(|t| self.resolver.touch(t));
                }
            }
            if self.resolver.dirty.is_empty() && self.resolver.dirty_sets.is_empty() && self.resolver.rescan {
                self.rescan();
            }
            if self.resolver.idle() {
                self.settle_underlay();
            }
        }
    }

    /// One pass over the tables for all sets whose usability changed.
    fn rescan(&mut self) {
        self.resolver.rescan = false;
        let ids: Vec<u32> = self.sets.iter().filter(|(_, s)| s.rescan).map(|(id, _)| id).collect();
        // A set of which no specification is left in a table needs no pass.
        if ids.is_empty() {
            return;
        }
        for t in 0..self.tables.len() {
            for slot in 0..self.tables[t].entries.len() as u32 {
                let entry = self.tables[t].entries[slot as usize];
                if entry.cand == NONE {
                    continue;
                }
                let hit = |spec: u32| {
                    let set = self.specs.get(spec).and_then(|s| self.sets.get(s.set));
                    set.is_some_and(|s| s.rescan && s.renew)
                };
                let old = self.tables[t].selected(slot);
                let found = if entry.has(flag::MULTI) {
                    let list = &self.tables[t].lists[entry.cand as usize].list;
                    list.iter().any(|c| hit(c.spec))
                } else {
                    hit(entry.cand)
                };
                if !found {
                    let set = old.and_then(|s| self.specs.get(s)).and_then(|s| self.sets.get(s.set));
                    let Some(set) = set.filter(|s| s.rescan) else { continue };
                    if set.regroup {
                        self.fib_changed_late(t, slot);
                    }
                    self.redist_changed(t, slot, old, old);
                    let table = &self.tables[t];
                    if table.key.table.is_none() {
                        self.resolver.exact_changed(table.key.vrf, table.prefix(slot));
                    }
                    continue;
                }
                self.reselect(t, slot, old, old.is_some_and(hit));
            }
        }
        for id in ids {
            if let Some(set) = self.sets.get_mut(id) {
                (set.rescan, set.renew, set.regroup) = (false, false, false);
            }
        }
    }
}
