//! What this router is: border of areas, of the AS, and to which areas it belongs (RFC 3509).

use std::collections::{BTreeMap, BTreeSet};

use ferr_ospf_wire::RouterBits;
use ferr_types::{AreaId, IfIndex, RouterId};

use super::Inputs;
use crate::config::{AbrType, AreaConfig, AreaKind, InterfaceKey, Shortcut, Translate};

/// An area as routes see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AreaStatus {
    pub(crate) config: AreaConfig,
    /// An interface in it is up.
    pub(crate) active: bool,
    /// A neighbor in it is fully adjacent.
    pub(crate) full: bool,
    /// A virtual link of this router through it is up.
    pub(crate) transit: bool,
    /// Own links in it.
    pub(crate) ifindexes: BTreeSet<IfIndex>,
}

impl AreaStatus {
    /// External routes go through it.
    pub(crate) const fn is_normal(&self) -> bool {
        matches!(self.config.kind, AreaKind::Normal)
    }

    /// It has external routes of its own.
    pub(crate) const fn is_nssa(&self) -> bool {
        matches!(self.config.kind, AreaKind::Nssa(_))
    }

    /// Routes of other areas are not told into it.
    pub(crate) fn no_summary(&self) -> bool {
        match &self.config.kind {
            AreaKind::Normal => false,
            AreaKind::Stub { no_summary } => *no_summary,
            AreaKind::Nssa(nssa) => nssa.no_summary,
        }
    }
}

/// What this router is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) router: RouterId,
    pub(crate) abr: bool,
    pub(crate) asbr: bool,
    pub(crate) rfc1583: bool,
    /// A shortcut border router, and whether it has the backbone.
    pub(crate) shortcut: Option<bool>,
    pub(crate) areas: BTreeMap<AreaId, AreaStatus>,
}

impl Default for Status {
    fn default() -> Self {
        let (router, areas) = (RouterId::UNSET, BTreeMap::new());
        Self { router, abr: false, asbr: false, rfc1583: false, shortcut: None, areas }
    }
}

impl Status {
    pub(crate) fn new(inputs: &Inputs<'_>) -> Self {
        let config = inputs.config;
        let mut areas: BTreeMap<AreaId, AreaStatus> = BTreeMap::new();
        for (id, area) in &config.areas {
            areas.entry(*id).or_default().config = area.clone();
        }
        let mut attached: BTreeSet<AreaId> = config.interfaces.values().map(|i| i.area).collect();
        for link in inputs.links {
            attached.insert(link.area);
            let area = areas.entry(link.area).or_default();
            let full = link.neighbors.iter().any(|n| n.full);
            area.full |= full;
            if let InterfaceKey::Virtual(transit, _) = link.key {
                area.active |= full;
                areas.entry(transit).or_default().transit |= full;
            } else {
                area.active = true;
                area.ifindexes.insert(link.ifindex);
            }
        }
        let backbone = areas.get(&AreaId::BACKBONE).is_some_and(|a| a.active);
        let active = areas.values().filter(|a| a.active).count();
        let abr = match config.abr_type {
            AbrType::Cisco => attached.len() > 1 && backbone,
            AbrType::Ibm => active > 1 && attached.contains(&AreaId::BACKBONE),
            AbrType::Shortcut => attached.len() > 1,
            AbrType::Standard => active > 1,
        };
        let asbr = !config.redistribute.is_empty() || config.default_originate.is_some();
        let shortcut =
            (abr && config.abr_type == AbrType::Shortcut).then(|| attached.contains(&AreaId::BACKBONE));
        Self { router: config.router_id, abr, asbr, rfc1583: config.rfc1583, shortcut, areas }
    }

    /// An area.
    pub(crate) fn area(&self, id: AreaId) -> Option<&AreaStatus> {
        self.areas.get(&id)
    }

    /// Whether external routes of the whole AS go through an area.
    pub(crate) fn is_normal(&self, id: AreaId) -> bool {
        self.area(id).is_none_or(AreaStatus::is_normal)
    }

    /// Whether summaries of an area are looked at (RFC 3509 section 2.2): of the backbone alone where it is to be had, and for a shortcut
    /// border router of areas in which `agreed` says that all border routers are that.
    pub(crate) fn reads_summaries(&self, id: AreaId, agreed: impl FnOnce() -> bool) -> bool {
        if !self.abr || id == AreaId::BACKBONE {
            return true;
        }
        let backbone = self.area(AreaId::BACKBONE).is_some_and(|a| a.full);
        match (self.shortcut, self.shortcut_of(id)) {
            (Some(_), Shortcut::Disable) => false,
            (Some(true), Shortcut::Enable) => !backbone || agreed(),
            _ => !backbone,
        }
    }

    fn shortcut_of(&self, id: AreaId) -> Shortcut {
        self.area(id).map_or_else(Shortcut::default, |a| a.config.shortcut)
    }

    /// Whether the router-LSA of an area bears the S bit.
    fn says_shortcut(&self, id: AreaId) -> bool {
        let said = match self.shortcut_of(id) {
            Shortcut::Default => self.shortcut == Some(false),
            Shortcut::Enable => self.shortcut.is_some(),
            Shortcut::Disable => false,
        };
        said && id != AreaId::BACKBONE
    }

    /// Areas with an interface that is up.
    pub(crate) fn active(&self) -> impl Iterator<Item = (AreaId, &AreaStatus)> {
        self.areas.iter().filter(|(_, a)| a.active).map(|(id, a)| (*id, a))
    }

    /// What the router-LSA of an area says.
    pub(crate) fn bits(&self, id: AreaId) -> RouterBits {
        let mut bits = RouterBits::empty();
        bits.set(RouterBits::BORDER, self.abr);
        bits.set(RouterBits::SHORTCUT, self.says_shortcut(id));
        let Some(area) = self.area(id) else { return bits };
        let translates = |a: &AreaStatus| match &a.config.kind {
            AreaKind::Nssa(nssa) => nssa.translate != Translate::Never,
            _ => false,
        };
        let external = self.asbr || (self.abr && self.active().any(|(_, a)| translates(a)));
        bits.set(RouterBits::EXTERNAL, external && !matches!(area.config.kind, AreaKind::Stub { .. }));
        bits.set(RouterBits::VIRTUAL, area.transit);
        let always = matches!(&area.config.kind, AreaKind::Nssa(n) if n.translate == Translate::Always);
        bits.set(RouterBits::NSSA_TRANSLATOR, self.abr && always);
        bits
    }
}
