//! A route, a router or a network of OSPFv3 in full: one form for all that shows them.

use std::time::Duration;

use ferr_state::ferr_ospf::view::{PathKind, WayView};
use ferr_state::ferr_ospf::wire::{Options, PrefixOptions, RouterBits};
use ferr_types::{AreaId, RouterId};
use serde_json::Value;

use super::lsa;
use super::origin::Origin;
use super::text;
use crate::json::Obj;
use crate::output::{Out, line};
use crate::show::ospf::links::Links;
use crate::time::span6;

/// References to a record that FRR has at rest.
const LOCKS: u32 = 2;

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A network that packets go to.
    Network,
    /// A border router.
    Router,
    /// A router or network on the way.
    LinkState,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// What it is of.
    pub(super) what: What,
    /// Its name.
    pub(super) destination: String,
    /// Since when it is so.
    pub(super) age: Duration,
    /// Area.
    pub(super) area: AreaId,
    /// Kind of the path.
    pub(super) kind: PathKind,
    /// LSA that it comes from.
    pub(super) origin: Option<Origin>,
    /// Options of the router or network.
    pub(super) options: Options,
    /// What the router is.
    pub(super) bits: RouterBits,
    /// 1 or 2; 0 where neither is meant.
    pub(super) metric_type: u8,
    /// Cost, and the metric of type 2 (of routers the number of hops).
    pub(super) cost: (u32, u32),
    /// Paths that are known.
    pub(super) paths: usize,
    /// Ways, and those that are at hand when they fail: gateway, link.
    pub(super) ways: Vec<(String, String)>,
    /// See above.
    pub(super) backup: Vec<(String, String)>,
}

/// Kind of a path: short, in full.
pub(super) const fn names(kind: PathKind) -> (&'static str, &'static str) {
    match kind {
        PathKind::Intra => ("IA", "Intra-Area"),
        PathKind::Inter => ("IE", "Inter-Area"),
        PathKind::External1 => ("E1", "External-1"),
        PathKind::External2 => ("E2", "External-2"),
    }
}

/// Gateways and names of links.
pub(super) fn named(ways: &[WayView], links: &Links) -> Vec<(String, String)> {
    let way = |way: &WayView| {
        let gateway = way.gateway.map_or_else(|| "::".to_owned(), |g| g.to_string());
        (gateway, links.name(way.ifindex))
    };
    ways.iter().map(way).collect()
}

/// Ways as JSON.
pub(super) fn ways_json(ways: &[(String, String)]) -> Vec<Value> {
    let way = |(gateway, link): &(String, String)| {
        let mut o = Obj::new();
        o.put("nextHop", gateway.clone()).put("interfaceName", link.clone());
        o.into()
    };
    ways.iter().map(way).collect()
}

impl Record {
    const fn flags(&self) -> &'static str {
        match self.what {
            What::Network | What::LinkState => "BA--",
            What::Router => "B---",
        }
    }

    const fn what(&self) -> &'static str {
        match self.what {
            What::Network => "Network",
            What::Router => "Router",
            What::LinkState => "Linkstate",
        }
    }

    /// Name of the LSA's type, its ID, its router, options of the prefix.
    fn origin(&self) -> (&'static str, String, String, String) {
        let none = PrefixOptions::empty();
        match self.origin {
            Some(o) => {
                (lsa::name(o.kind), o.id.to_string(), o.router.to_string(), text::prefix_options(o.options))
            }
            None => {
                let unset = RouterId::UNSET.to_string();
                ("0x0000", unset.clone(), unset, text::prefix_options(none))
            }
        }
    }

    /// As text.
    pub(super) fn text(&self, out: &mut Out<'_>) {
        let age = span6(self.age);
        let (kind, id, router, prefix_options) = self.origin();
        line!(out, "Destination: {}", self.destination);
        line!(out, "Destination type: {}", self.what());
        line!(out, "Installed Time: {age} ago");
        line!(out, "Changed Time: {age} ago");
        line!(out, "Lock: {LOCKS} Flags: {}", self.flags());
        line!(out, "Associated Area: {}", self.area);
        line!(out, "Path Type: {}", names(self.kind).1);
        line!(out, "LS Origin: {kind} Id: {id} Adv: {router}");
        line!(out, "Options: {}", text::options(self.options));
        line!(out, "Router Bits: {}", text::router_bits(self.bits));
        line!(out, "Prefix Options: {prefix_options}");
        line!(out, "Metric Type: {}", self.metric_type);
        line!(out, "Metric: {} ({})", self.cost.0, self.cost.1);
        line!(out, "Paths count: {}", self.paths);
        line!(out, "Nexthop count: {}", self.ways.len());
        line!(out, "Nexthop:");
        self.ways.iter().for_each(|(gateway, link)| line!(out, "  {gateway} {link}"));
        self.backup.iter().for_each(|(gateway, link)| line!(out, "  {gateway} {link}, backup"));
        line!(out);
    }

    /// As JSON.
    pub(super) fn json(&self) -> Obj {
        let age = span6(self.age);
        let (kind, id, router, prefix_options) = self.origin();
        let mut o = Obj::new();
        o.put("destinationType", self.what())
            .put("installedTimeSince", age.clone())
            .put("changedTimeSince", age)
            .put("numberOfLock", LOCKS)
            .put("flags", self.flags())
            .put("associatedArea", self.area.to_string())
            .put("pathType", names(self.kind).1)
            .put("lsOriginRoutePathType", kind)
            .put("lsId", id)
            .put("lsAdvertisingRouter", router)
            .put("options", text::options(self.options))
            .put("routerBits", text::router_bits(self.bits))
            .put("prefixOptions", prefix_options)
            .put("metricType", self.metric_type)
            .put("metricCost", self.cost.0)
            .put("metricCostE2", self.cost.1)
            .put("pathsCount", self.paths)
            .put("nextHopCount", self.ways.len())
            .put("nextHops", ways_json(&self.ways));
        o
    }
}
