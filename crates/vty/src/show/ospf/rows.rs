//! LSAs, read from a database slice by slice.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ferr_state::Gone;
use ferr_state::ferr_ospf::Instance;
use ferr_state::ferr_ospf::config::{AreaKind, InterfaceKey};
use ferr_state::ferr_ospf::wire::{Body, LinkStateId, Lsa, LsaType};
use ferr_state::ferr_ospf::{LsaKey, ScopeId};
use ferr_types::{AreaId, Ipv4Prefix, Prefix, RouterId};

use super::select::{Target, ask};
use crate::show::Ctx;

/// LSAs per request.
const SLICE: usize = 256;

/// An LSA as it was taken.
#[derive(Debug, Clone)]
pub(in crate::show) struct Row {
    /// Its name.
    pub(in crate::show) key: LsaKey,
    /// As received or made, with the age of then.
    pub(in crate::show) octets: Arc<[u8]>,
    /// Age now, seconds.
    pub(in crate::show) age: u16,
    /// Seconds since it is here.
    pub(in crate::show) held: u64,
    /// The instance's own, made from one of an NSSA.
    pub(in crate::show) translated: bool,
}

impl Row {
    /// The LSA.
    pub(in crate::show) fn lsa(&self) -> Option<Lsa<'_>> {
        Lsa::decode(self.key.kind.version(), &self.octets).ok()
    }

    /// What an AS-external-LSA leads to.
    fn external(&self) -> Option<Prefix> {
        let external = matches!(self.key.kind, LsaType::EXTERNAL_V2 | LsaType::EXTERNAL_V3);
        let lsa = self.lsa().filter(|_| external)?;
        match lsa.body().ok()? {
            Body::ExternalV2(e) => {
                let len = u8::try_from(e.mask.to_bits().leading_ones()).ok()?;
                Some(Prefix::V4(Ipv4Prefix::new(Ipv4Addr::from_bits(self.key.id.0), len)?))
            }
            Body::ExternalV3(e) => Some(Prefix::V6(e.prefix.prefix)),
            _ => None,
        }
    }
}

/// Which LSAs.
#[derive(Debug, Clone, Default)]
pub(in crate::show) struct Filter {
    /// Of this type.
    pub(in crate::show) kind: Option<LsaType>,
    /// With this Link State ID.
    pub(in crate::show) id: Option<u32>,
    /// By this router.
    pub(in crate::show) router: Option<RouterId>,
    /// By the instance itself.
    pub(in crate::show) own: bool,
}

impl Filter {
    fn is(&self, key: &LsaKey, own: RouterId) -> bool {
        self.kind.is_none_or(|kind| kind == key.kind)
            && self.id.is_none_or(|id| id == key.id.0)
            && self.router.is_none_or(|router| router == key.router)
            && (!self.own || key.router == own)
    }
}

/// What a database is divided into.
#[derive(Debug, Clone)]
pub(in crate::show) struct Shape {
    /// The router.
    pub(in crate::show) router: RouterId,
    /// Areas, with their kinds.
    pub(in crate::show) areas: BTreeMap<AreaId, AreaKind>,
    /// Interfaces: key, name, area.
    pub(in crate::show) links: Vec<(InterfaceKey, String, AreaId)>,
}

impl Shape {
    fn of(instance: &Instance) -> Self {
        let config = instance.config();
        let link = |(key, i): (&InterfaceKey, &ferr_state::ferr_ospf::config::InterfaceConfig)| {
            (*key, i.name.to_string(), i.area)
        };
        Self {
            router: config.router_id,
            areas: config.areas.iter().map(|(id, area)| (*id, area.kind.clone())).collect(),
            links: config.interfaces.iter().map(link).collect(),
        }
    }

    /// Of an instance.
    pub(in crate::show) async fn take(ctx: &Ctx<'_>, target: &Target) -> Result<Option<Self>, Gone> {
        ask(ctx, target, |i, _| Self::of(i)).await
    }
}

/// Goes through the LSAs of one scope.
#[derive(Debug)]
pub(in crate::show) struct Rows {
    scope: ScopeId,
    filter: Filter,
    after: Option<LsaKey>,
    done: bool,
}

impl Rows {
    /// Those of `scope` that pass.
    pub(in crate::show) fn new(scope: ScopeId, filter: Filter) -> Self {
        // No LSA is by router 0.0.0.0: this one comes before all of its type.
        let before = |kind| LsaKey { kind, id: LinkStateId(0), router: RouterId::UNSET };
        Self { scope, after: filter.kind.map(before), filter, done: false }
    }

    /// The next ones in the order of type, ID and router; none at the end. A slice may be empty of what passes: it is skipped.
    pub(in crate::show) async fn next(&mut self, ctx: &Ctx<'_>, target: &Target) -> Result<Vec<Row>, Gone> {
        while !self.done {
            let (scope, filter, after) = (self.scope, self.filter.clone(), self.after);
            let taken = ask(ctx, target, move |i, clock| {
                let own = i.config().router_id;
                let mut last = None;
                let mut rows = Vec::new();
                let of_type = |key: &LsaKey| filter.kind.is_none_or(|kind| kind == key.kind);
                let behind = i.lsdb().behind(scope, after.as_ref());
                for (key, stored) in behind.take_while(|(key, _)| of_type(key)).take(SLICE) {
                    last = Some(*key);
                    if filter.is(key, own) {
                        let mut row = Row {
                            key: *key,
                            octets: Arc::clone(stored.octets()),
                            age: stored.age(clock.now).seconds(),
                            held: clock.age(stored.installed()).as_secs(),
                            translated: false,
                        };
                        row.translated =
                            key.router == own && row.external().is_some_and(|p| i.is_translated(p));
                        rows.push(row);
                    }
                }
                (rows, last)
            })
            .await?;
            let (rows, last) = taken.unwrap_or_default();
            self.done = last.is_none();
            self.after = last;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    /// All of them, where an answer has to be whole.
    pub(in crate::show) async fn all(mut self, ctx: &Ctx<'_>, target: &Target) -> Result<Vec<Row>, Gone> {
        let mut out = Vec::new();
        loop {
            let slice = self.next(ctx, target).await?;
            if slice.is_empty() {
                return Ok(out);
            }
            out.extend(slice);
        }
    }
}
