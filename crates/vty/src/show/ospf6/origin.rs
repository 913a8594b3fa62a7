//! Which LSA a route comes from: found in the database for the picture, the instance does not keep it.
//!
//! Bound: the LSAs of the database; each is read once.

use std::collections::BTreeMap;

use ferr_state::Gone;
use ferr_state::ferr_ospf::ScopeId;
use ferr_state::ferr_ospf::view::{PathKind, RouteView, VertexView};
use ferr_state::ferr_ospf::wire::{Body, LinkStateId, LsaType, PrefixOptions};
use ferr_types::{AreaId, Ipv6Prefix, Prefix, RouterId};

use crate::show::Ctx;
use crate::show::ospf::rows::{Filter, Row, Rows, Shape};
use crate::show::ospf::select::{Target, ask};

/// An LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Its type.
    pub(super) kind: LsaType,
    /// Its Link State ID.
    pub(super) id: LinkStateId,
    /// Who made it.
    pub(super) router: RouterId,
    /// Options of the prefix in it.
    pub(super) options: PrefixOptions,
}

/// What an LSA says of a prefix.
#[derive(Debug)]
struct Saying {
    area: Option<AreaId>,
    kind: PathKind,
    /// Cost from here; of external routes the metric that is outside.
    cost: u32,
    origin: Origin,
}

/// What all LSAs say.
#[derive(Debug, Default)]
pub(super) struct Origins(BTreeMap<Ipv6Prefix, Vec<Saying>>);

/// Costs of an area's routers and networks.
type Costs = BTreeMap<(RouterId, Option<u32>), u32>;

fn costs(vertices: Vec<VertexView>) -> Costs {
    vertices.into_iter().map(|v| ((v.router, v.network), v.cost)).collect()
}

impl Origins {
    /// Of an instance.
    pub(super) async fn take(ctx: &Ctx<'_>, target: &Target, shape: &Shape) -> Result<Self, Gone> {
        let mut origins = Self::default();
        for area in shape.areas.keys().copied() {
            let vertices = ask(ctx, target, move |i, _| i.vertices(area)).await?.unwrap_or_default();
            let costs = costs(vertices);
            for kind in [LsaType::INTRA_AREA_PREFIX, LsaType::INTER_AREA_PREFIX, LsaType::NSSA_V3] {
                origins.read(ctx, target, (ScopeId::Area(area), kind), &costs).await?;
            }
        }
        origins.read(ctx, target, (ScopeId::As, LsaType::EXTERNAL_V3), &Costs::new()).await?;
        Ok(origins)
    }

    async fn read(
        &mut self,
        ctx: &Ctx<'_>,
        target: &Target,
        (scope, kind): (ScopeId, LsaType),
        costs: &Costs,
    ) -> Result<(), Gone> {
        let area = if let ScopeId::Area(area) = scope { Some(area) } else { None };
        let mut rows = Rows::new(scope, Filter { kind: Some(kind), ..Filter::default() });
        loop {
            let slice = rows.next(ctx, target).await?;
            if slice.is_empty() {
                return Ok(());
            }
            slice.iter().for_each(|row| self.note(row, area, costs));
        }
    }

    fn note(&mut self, row: &Row, area: Option<AreaId>, costs: &Costs) {
        let Some(lsa) = row.lsa() else { return };
        let (kind, id, router) = (row.key.kind, row.key.id, row.key.router);
        let mut say = |prefix: Ipv6Prefix, options, kind_of_path, cost| {
            let origin = Origin { kind, id, router, options };
            self.0.entry(prefix).or_default().push(Saying { area, kind: kind_of_path, cost, origin });
        };
        match lsa.body() {
            Ok(Body::IntraAreaPrefix(intra)) => {
                let network = intra.referenced.kind == LsaType::NETWORK_V3;
                let vertex = (intra.router, network.then_some(intra.referenced.id.0));
                let Some(dist) = costs.get(&vertex) else { return };
                for p in intra.prefixes.iter() {
                    say(p.prefix, p.options, PathKind::Intra, dist.saturating_add(p.extra.into()));
                }
            }
            Ok(Body::InterAreaPrefix(inter)) => {
                let Some(dist) = costs.get(&(router, None)) else { return };
                let cost = dist.saturating_add(inter.metric);
                say(inter.prefix.prefix, inter.prefix.options, PathKind::Inter, cost);
            }
            Ok(Body::ExternalV3(e)) => {
                let kind = if e.type2 { PathKind::External2 } else { PathKind::External1 };
                say(e.prefix.prefix, e.prefix.options, kind, e.metric);
            }
            _ => {}
        }
    }

    /// The LSA of a route: one that says what the route is.
    pub(super) fn of(&self, route: &RouteView) -> Option<&Origin> {
        let Prefix::V6(prefix) = route.prefix else { return None };
        let fits = |s: &&Saying| {
            let cost = match route.kind {
                PathKind::Intra | PathKind::Inter => s.cost == route.cost,
                PathKind::External1 => s.cost <= route.cost,
                PathKind::External2 => Some(s.cost) == route.type2_cost,
            };
            s.kind == route.kind && cost && s.area.is_none_or(|area| area == route.area)
        };
        self.0.get(&prefix)?.iter().find(fits).map(|s| &s.origin)
    }
}

#[cfg(test)]
mod tests;
