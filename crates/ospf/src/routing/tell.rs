//! Own LSAs of prefixes and AS boundary routers: their bodies and names, and wanting them once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ferr_ospf_wire::{
    Age, Body, ExternalV2, ExternalV3, InterAreaPrefix, InterAreaRouter, LinkStateId, LsSequence, LsaHeader,
    LsaType, LsaWriter, Options, PrefixOptions, PrefixV3, Records, SummaryV2, Version,
};
use ferr_types::{AreaId, Prefix, RouterId};

use super::lsid::{Move, Space};
use crate::lsdb::ScopeId;
use crate::originate::{OwnLsas, Wish};

/// Octets of the longest body that is written here, with its header.
const ROOM: usize = 128;

fn wish(kind: LsaType, options: Options, body: &Body<'_>) -> Option<Wish> {
    let header = LsaHeader {
        age: Age(0),
        options,
        kind,
        id: LinkStateId(0),
        router: RouterId::UNSET,
        sequence: LsSequence::INITIAL,
        checksum: 0,
        length: 0,
    };
    let mut octets = [0; ROOM];
    let mut writer = LsaWriter::new(&mut octets, &header).ok()?;
    writer.body(body).ok()?;
    let len = writer.finish().ok()?;
    Some(Wish { options, body: octets.get(LsaHeader::LEN..len)?.into() })
}

/// An external route that this router tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnExternal {
    pub(crate) type2: bool,
    pub(crate) metric: u32,
    pub(crate) tag: u32,
    pub(crate) forwarding: Option<IpAddr>,
    /// NSSA: to be told on at the end of the area.
    pub(crate) propagate: bool,
}

/// What is told, by scope and type.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    spaces: BTreeMap<(ScopeId, LsaType), Space>,
    changed: bool,
}

/// Type of an LSA of a prefix of another area.
pub(crate) const fn summary_type(version: Version) -> LsaType {
    match version {
        Version::V2 => LsaType::SUMMARY_V2,
        Version::V3 => LsaType::INTER_AREA_PREFIX,
    }
}

/// Type of an LSA of an AS boundary router of another area.
pub(crate) const fn boundary_type(version: Version) -> LsaType {
    match version {
        Version::V2 => LsaType::ASBR_SUMMARY_V2,
        Version::V3 => LsaType::INTER_AREA_ROUTER,
    }
}

/// Type of an LSA of an external route, of the whole AS or of an NSSA.
pub(crate) const fn external_type(version: Version, nssa: bool) -> LsaType {
    match (version, nssa) {
        (Version::V2, false) => LsaType::EXTERNAL_V2,
        (Version::V2, true) => LsaType::NSSA_V2,
        (Version::V3, false) => LsaType::EXTERNAL_V3,
        (Version::V3, true) => LsaType::NSSA_V3,
    }
}

impl Teller {
    /// Whether anything was changed since the last call.
    pub(crate) const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// Prefixes that are told with a type in a scope.
    pub(crate) fn told(&self, scope: ScopeId, kind: LsaType) -> impl Iterator<Item = Prefix> {
        self.spaces.get(&(scope, kind)).into_iter().flat_map(Space::prefixes)
    }

    /// Scopes in which a type is told.
    pub(crate) fn scopes(&self, kind: LsaType) -> Vec<ScopeId> {
        self.spaces.keys().filter(|(_, k)| *k == kind).map(|(scope, _)| *scope).collect()
    }

    /// Tells a prefix, or no longer.
    fn set(&mut self, own: &mut OwnLsas, scope: ScopeId, kind: LsaType, prefix: Prefix, wish: Option<Wish>) {
        let Some(wish) = wish else { return self.unset(own, scope, kind, prefix) };
        let space = self.spaces.entry((scope, kind)).or_default();
        let moves = space.add(prefix);
        let id = space.get(prefix);
        self.changed |= moved(own, scope, kind, &moves);
        if let Some(id) = id {
            let key = (scope, kind, LinkStateId(id));
            self.changed |= own.get(&key) != Some(&wish);
            own.want(key, wish);
        }
    }

    fn unset(&mut self, own: &mut OwnLsas, scope: ScopeId, kind: LsaType, prefix: Prefix) {
        if let Some(space) = self.spaces.get_mut(&(scope, kind)) {
            let moves = space.remove(prefix);
            self.changed |= moved(own, scope, kind, &moves);
        }
    }

    /// Tells a prefix of other areas into one.
    pub(crate) fn summary(
        &mut self,
        own: &mut OwnLsas,
        (area, options): (AreaId, Options),
        (version, prefix): (Version, Prefix),
        metric: Option<u32>,
    ) {
        let kind = summary_type(version);
        let wish = metric.and_then(|metric| match prefix {
            Prefix::V4(p) => {
                let body = SummaryV2 { mask: p.netmask(), metric, tos: Records::EMPTY_V2 };
                wish(kind, options, &Body::SummaryV2(body))
            }
            Prefix::V6(prefix) => {
                let prefix = PrefixV3 { prefix, options: PrefixOptions::empty(), extra: 0 };
                wish(kind, Options::empty(), &Body::InterAreaPrefix(InterAreaPrefix { metric, prefix }))
            }
        });
        self.set(own, ScopeId::Area(area), kind, prefix, wish);
    }

    /// Tells an AS boundary router of other areas into one, or no longer.
    pub(crate) fn boundary(
        &mut self,
        own: &mut OwnLsas,
        (area, options): (AreaId, Options),
        (version, router): (Version, RouterId),
        metric: Option<u32>,
    ) {
        let kind = boundary_type(version);
        let key = (ScopeId::Area(area), kind, LinkStateId(router.0.to_bits()));
        let wish = metric.and_then(|metric| match version {
            Version::V2 => {
                let body = SummaryV2 { mask: Ipv4Addr::UNSPECIFIED, metric, tos: Records::EMPTY_V2 };
                wish(kind, options, &Body::SummaryV2(body))
            }
            Version::V3 => {
                let body = InterAreaRouter { options, metric, router };
                wish(kind, Options::empty(), &Body::InterAreaRouter(body))
            }
        });
        self.changed |= own.get(&key) != wish.as_ref();
        match wish {
            Some(wish) => own.want(key, wish),
            None => own.unwant(&key),
        }
    }

    /// Tells an external route, of the whole AS or of an NSSA.
    pub(crate) fn external(
        &mut self,
        own: &mut OwnLsas,
        (version, area): (Version, Option<AreaId>),
        prefix: Prefix,
        external: Option<OwnExternal>,
    ) {
        let kind = external_type(version, area.is_some());
        let scope = area.map_or(ScopeId::As, ScopeId::Area);
        let wish = external.and_then(|e| match prefix {
            Prefix::V4(p) => {
                let forwarding = match e.forwarding {
                    Some(IpAddr::V4(addr)) => addr,
                    _ => Ipv4Addr::UNSPECIFIED,
                };
                let mask = p.netmask();
                let tos = Records::EMPTY_V2;
                let body = ExternalV2 { mask, type2: e.type2, metric: e.metric, forwarding, tag: e.tag, tos };
                let options = match (area.is_some(), e.propagate) {
                    (false, _) => Options::E,
                    (true, true) => Options::NP,
                    (true, false) => Options::empty(),
                };
                wish(kind, options, &Body::ExternalV2(body))
            }
            Prefix::V6(prefix) => {
                let mut options = PrefixOptions::empty();
                options.set(PrefixOptions::P, area.is_some() && e.propagate);
                let forwarding = match e.forwarding {
                    Some(IpAddr::V6(addr)) => Some(addr),
                    _ => None,
                };
                let body = ExternalV3 {
                    type2: e.type2,
                    metric: e.metric,
                    prefix: PrefixV3 { prefix, options, extra: 0 },
                    forwarding,
                    tag: (e.tag != 0).then_some(e.tag),
                    referenced: None,
                };
                wish(kind, Options::empty(), &Body::ExternalV3(body))
            }
        });
        self.set(own, scope, kind, prefix, wish);
    }
}

/// Carries wishes from old IDs to new ones; all are taken before any is put, for two may change places.
fn moved(own: &mut OwnLsas, scope: ScopeId, kind: LsaType, moves: &[Move]) -> bool {
    let name = |id: u32| (scope, kind, LinkStateId(id));
    let taken: Vec<(Option<u32>, Option<Wish>)> = moves
        .iter()
        .map(|(_, from, to)| {
            let wish = from.and_then(|id| own.get(&name(id)).cloned());
            if let Some(id) = from {
                own.unwant(&name(*id));
            }
            (*to, wish)
        })
        .collect();
    for (to, wish) in taken {
        if let (Some(id), Some(wish)) = (to, wish) {
            own.want(name(id), wish);
        }
    }
    moves.iter().any(|(_, from, _)| from.is_some())
}
