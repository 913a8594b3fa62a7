//! Long-lived graceful restart as a helper (RFC 9494): when the restart time is over, routes of a peer that is still away stay
//! for the time that it asked for, as the last resort.
//!
//! Such routes carry LLGR_STALE, are taken only where there is nothing else, and go only to peers that know what it means.
//! Those with NO_LLGR go away as without this.

use std::time::{Duration, Instant};

use ferr_bgp_wire::{Capability, LongLivedFamily, Open};
use ferr_types::attr::PathAttributes;
use ferr_types::community::{Communities, Community};
use ferr_types::{Family, FamilyMap, FamilySet, PeerId};

use crate::capability::activated;
use crate::config::NeighborConfig;
use crate::core::Core;
use crate::family::{FamilyState, SweepKind};
use crate::instance::Instance;
use crate::peer::Peer;
use crate::table::{DestId, PathIdx, TablePrefix, flag};

/// Own capability; stale time 0 says that we know it and ask for nothing.
pub(crate) fn capability(core: &Core, neighbor: &NeighborConfig) -> Capability {
    let family = |f: Family| LongLivedFamily {
        afi: f.afi().code(),
        safi: f.safi_code(),
        forwarding: core.config.preserve_forwarding,
        stale_time: core.config.long_lived_stale_time,
    };
    Capability::LongLivedGracefulRestart(activated(neighbor).map(family).collect())
}

fn families(open: &Open) -> impl Iterator<Item = (Family, &LongLivedFamily)> {
    let lists = open.capabilities.iter().filter_map(|c| match c {
        Capability::LongLivedGracefulRestart(list) => Some(list),
        _ => None,
    });
    lists.flatten().filter_map(|f| Some((Family::from_codes(f.afi, f.safi)?, f)))
}

impl Peer {
    /// Whether the peer knows LLGR_STALE.
    pub(crate) fn knows_long_lived(&self) -> bool {
        let knows = |o: &Open| o.has(|c| matches!(c, Capability::LongLivedGracefulRestart(_)));
        self.session.as_ref().is_some_and(|s| knows(&s.remote_open) && knows(&s.local_open))
    }

    /// Stale times that the peer asks for.
    pub(crate) fn long_lived_times(&self) -> FamilyMap<Option<Duration>> {
        let mut times = FamilyMap::default();
        for (family, f) in self.session.iter().flat_map(|s| families(&s.remote_open)) {
            times[family] = (f.stale_time > 0).then(|| Duration::from_secs(f.stale_time.into()));
        }
        times
    }

    /// Families whose forwarding state the peer kept for that long.
    pub(crate) fn long_preserved(&self) -> FamilySet {
        let all = self.session.iter().flat_map(|s| families(&s.remote_open));
        all.filter(|(family, f)| f.forwarding && self.long_stale.contains(*family)).map(|(f, _)| f).collect()
    }

    /// The restart time of a family is over. True when its long-lived time begins, false when its stale routes have to go.
    pub(crate) fn outlive(&mut self, family: Family, now: Instant) -> bool {
        let time =
            self.long_times[family].filter(|_| !self.is_established() && !self.long_stale.contains(family));
        match time {
            Some(_) => self.long_stale.insert(family),
            None => self.long_stale.remove(family),
        }
        self.stale[family] = time.map(|t| now + t);
        time.is_some()
    }
}

impl Instance {
    /// Marks what is stale of a peer as stale for long.
    pub(crate) fn begin_long_lived(&mut self, id: PeerId, family: Family) {
        self.sweep(family, SweepKind::LongLived(id));
    }

    /// A session came up: what it confirms or not is no longer to be marked.
    pub(crate) fn cancel_long_lived(&mut self, id: PeerId) {
        for family in Family::ALL {
            with_family!(self, family, |f| f.cancel_sweep(&SweepKind::LongLived(id)));
        }
    }
}

/// Whether attributes say that the route is stale for long.
pub(crate) fn is_long_stale(attrs: &PathAttributes<'_>) -> bool {
    attrs.communities.contains(Community::LLGR_STALE)
}

impl<P: TablePrefix> FamilyState<P> {
    /// Adds LLGR_STALE to the stale paths of a peer, or takes those away that are not to be kept.
    pub(crate) fn mark_long_stale(&mut self, core: &mut Core, peer: PeerId, dest: DestId) {
        let mine: smallvec::SmallVec<[PathIdx; 2]> = self
            .table
            .paths(dest)
            .filter(|(_, p)| p.peer == peer && p.has(flag::STALE))
            .map(|(at, _)| at)
            .collect();
        for at in mine {
            let old = *self.table.path(at);
            let attrs = core.attrs.get(old.attr);
            if attrs.communities.contains(Community::NO_LLGR) {
                self.remove_path(core, dest, at);
                continue;
            }
            if !is_long_stale(&attrs) {
                let mut block = Vec::new();
                ferr_bgp_wire::encode_attributes_canonical(&attrs, &mut block);
                let mut list = attrs.communities.as_bytes().to_vec();
                list.extend_from_slice(&Community::LLGR_STALE.0.to_be_bytes());
                let attrs = ferr_bgp_wire::decode_attributes_canonical(&block).unwrap_or_default();
                let communities = Communities::new(&list).unwrap_or(attrs.communities);
                let new = PathAttributes { communities, ..attrs };
                let attr = core.attrs.intern(&new, core.config.default_local_pref);
                self.table.path_mut(at).attr = attr;
                core.attrs.release(old.attr);
            }
            self.table.path_mut(at).flags |= flag::LONG_STALE;
            if old.has(flag::MULTIPATH) || self.table.dest(dest).best() && self.table.dest(dest).first == at {
                self.table.dest_mut(dest).set_touched(true);
            }
            self.table.mark_dirty(dest);
        }
    }
}
