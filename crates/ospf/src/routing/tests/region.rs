//! Several areas with all their routers: what each tells reaches the others, and in the end everybody's routes are the shortest that
//! areas allow, and lead there.

use std::collections::{BTreeMap, BTreeSet};

use ferr_ospf_wire::{Age, LsSequence, LsaHeader, LsaWriter, RouterBits};
use ferr_types::{AreaId, Metric, Protocol, Tag};
use proptest::prelude::*;

use super::lab::{Lab, area, ip, p2p, pfx, rid, stub};
use crate::config::NetworkType::{Loopback, PointToPoint};
use crate::config::Redistribute;
use crate::lsdb::{LsaKey, ScopeId};
use crate::originate::{OwnKey, Wish};
use crate::routing::ForeignRoute;

/// Links (area, ends, cost of both directions), host routes (router, area among its own, cost), routes to the outside (router, type 2).
#[derive(Debug, Clone)]
struct Region {
    routers: u32,
    links: Vec<(u32, u32, u32, u16)>,
    stubs: Vec<(u32, u32, u16)>,
    externals: Vec<(u32, bool)>,
}

fn region() -> impl Strategy<Value = Region> {
    let some = any_region();
    some.prop_filter("no link", |region| !region.links.is_empty())
}

fn any_region() -> impl Strategy<Value = Region> {
    (4u32..8).prop_flat_map(|routers| {
        let link = (0u32..3, 1..=routers, 1..=routers, 1u16..6);
        (
            prop::collection::vec(link, 4..14),
            prop::collection::vec((1..=routers, 0u32..3, 0u16..4), 1..6),
            prop::collection::vec((1..=routers, any::<bool>()), 0..3),
        )
            .prop_map(move |(links, stubs, externals)| {
                let mut pairs = BTreeSet::new();
                let links: Vec<_> = links
                    .into_iter()
                    .filter(|(_, a, b, _)| a != b && pairs.insert((*a.min(b), *a.max(b))))
                    .collect();
                let stubs = stubs.into_iter().filter(|(r, area, _)| {
                    links.iter().any(|(of, a, b, _)| of == area && (a == r || b == r))
                });
                Region { routers, stubs: stubs.collect(), links, externals }
            })
    })
}

fn link_addr(n: usize, end: u32) -> String {
    ip(0x0a00_0000 + n as u32 * 4 + 1 + end).to_string()
}

fn host(n: usize) -> String {
    format!("{}/32", ip(0xc0a8_0000 + n as u32))
}

fn outside(n: usize) -> String {
    format!("{}/24", ip(0xcb00_0000 + n as u32 * 256))
}

impl Region {
    fn areas_of(&self, router: u32) -> BTreeSet<u32> {
        self.links.iter().filter(|(_, a, b, _)| *a == router || *b == router).map(|l| l.0).collect()
    }

    fn is_abr(&self, router: u32) -> bool {
        let areas = self.areas_of(router);
        areas.len() > 1 && areas.contains(&0)
    }

    fn lab(&self, router: u32) -> Lab {
        let mut lab = Lab::new(router);
        for (n, &(of, a, b, cost)) in self.links.iter().enumerate() {
            if a == router || b == router {
                let (end, far) = if a == router { (0, b) } else { (1, a) };
                let own = format!("{}/30", link_addr(n, end));
                let neighbor = link_addr(n, 1 - end);
                lab.link(n as u32 + 1, of, PointToPoint, (&own, cost), &[(far, &neighbor)]);
            }
        }
        for (n, (_, id, cost)) in self.stubs.iter().enumerate().filter(|(_, s)| s.0 == router) {
            lab.link(n as u32 + 100, *id, Loopback, (&host(n), *cost), &[]);
        }
        for (n, _) in self.externals.iter().enumerate().filter(|(_, e)| e.0 == router) {
            let type2 = self.externals[n].1;
            lab.config.redistribute = vec![Redistribute {
                protocol: Protocol::Static,
                instance: None,
                metric: Some(20),
                type2,
                route_map: None,
                tag: None,
            }];
            let route = ForeignRoute {
                prefix: pfx(&outside(n)),
                protocol: Protocol::Static,
                instance: 0,
                metric: Metric(0),
                tag: Tag(0),
                gateway: None,
                ifindex: None,
                interface: None,
            };
            lab.routing.redistribute(route, lab.now);
        }
        for id in self.areas_of(router) {
            for other in 1..=self.routers {
                if self.areas_of(other).contains(&id) {
                    lab.router(id, other, self.bits(other), &self.links_in(id, other));
                }
            }
        }
        lab
    }

    fn bits(&self, router: u32) -> RouterBits {
        let mut bits = RouterBits::empty();
        bits.set(RouterBits::BORDER, self.is_abr(router));
        bits.set(RouterBits::EXTERNAL, self.externals.iter().any(|e| e.0 == router));
        bits
    }

    fn links_in(&self, id: u32, router: u32) -> Vec<super::lab::L> {
        let mut links = Vec::new();
        for (n, &(of, a, b, cost)) in self.links.iter().enumerate().filter(|(_, l)| l.0 == id) {
            let _ = of;
            if a == router {
                links.push(p2p(b, &link_addr(n, 0), cost));
            }
            if b == router {
                links.push(p2p(a, &link_addr(n, 1), cost));
            }
        }
        let stubs = self.stubs.iter().enumerate().filter(|(_, (r, of, _))| *r == router && *of == id);
        links.extend(stubs.map(|(n, (.., cost))| stub(&host(n), *cost)));
        links
    }

    /// Distances within an area to a router.
    fn within(&self, id: u32, to: u32) -> Vec<u32> {
        let mut dist = vec![u32::MAX; self.routers as usize + 1];
        dist[to as usize] = 0;
        for _ in 0..self.routers {
            for &(of, a, b, cost) in &self.links {
                if of == id {
                    for (x, y) in [(a, b), (b, a)] {
                        let through = dist[y as usize].saturating_add(cost.into());
                        dist[x as usize] = dist[x as usize].min(through);
                    }
                }
            }
        }
        dist
    }

    /// Areas work when the backbone is in one piece, and only then.
    fn backbone_is_whole(&self) -> bool {
        let in_it = || (1..=self.routers).filter(|r| self.areas_of(*r).contains(&0));
        in_it().next().is_none_or(|first| {
            let dist = self.within(0, first);
            in_it().all(|r| dist[r as usize] != u32::MAX)
        })
    }

    /// Cost of a router's route to something at `owner`, which is told with `metric` in `id`.
    fn expect(&self, router: u32, owner: u32, metric: u32, homes: &BTreeSet<u32>) -> Option<u32> {
        let reach = |from: u32, id: u32, to: u32| {
            let member = self.areas_of(from).contains(&id) && self.areas_of(to).contains(&id);
            member.then(|| self.within(id, to)[from as usize]).filter(|d| *d != u32::MAX)
        };
        let intra = |from: u32| homes.iter().filter_map(|id| reach(from, *id, owner)).min();
        let add = |d: u32, c: u32| d + c;
        if let Some(cost) = intra(router) {
            return Some(cost + metric);
        }
        let abrs: Vec<u32> = (1..=self.routers).filter(|r| self.is_abr(*r)).collect();
        let over_backbone = |from: u32| {
            let told = abrs.iter().filter(|c| **c != from).filter_map(|c| {
                // What is told into the backbone is inside another area.
                let inside = homes.iter().filter(|h| **h != 0).filter_map(|h| reach(*c, *h, owner)).min();
                let best = intra(*c).filter(|best| inside == Some(*best))?;
                // A border router tells an area's route into the backbone only when that is its route.
                let native = homes.contains(&0).then(|| reach(*c, 0, owner)).flatten();
                (native.is_none_or(|n| best < n)).then_some(())?;
                Some(add(reach(from, 0, *c)?, best))
            });
            told.min()
        };
        if self.is_abr(router) {
            return over_backbone(router).map(|c| c + metric);
        }
        let areas = self.areas_of(router);
        let told = areas.iter().flat_map(|id| abrs.iter().map(move |b| (*id, *b))).filter_map(|(id, b)| {
            if id == 0 {
                return None;
            }
            let theirs = intra(b).or_else(|| over_backbone(b))?;
            Some(add(reach(router, id, b)?, theirs))
        });
        let backbone = areas.contains(&0).then(|| over_backbone(router)).flatten();
        told.chain(backbone).min().map(|c| c + metric)
    }
}

/// All routers, and which of their wishes the others know.
struct World {
    labs: BTreeMap<u32, Lab>,
    known: BTreeMap<(u32, OwnKey), Wish>,
    seq: i32,
}

fn octets(router: u32, (_, kind, id): &OwnKey, wish: &Wish, seq: i32) -> Vec<u8> {
    let header = LsaHeader {
        age: Age(1),
        options: wish.options,
        kind: *kind,
        id: *id,
        router: rid(router),
        sequence: LsSequence(LsSequence::INITIAL.0 + seq),
        checksum: 0,
        length: 0,
    };
    let mut buf = vec![0; 2048];
    let mut writer = LsaWriter::new(&mut buf, &header).unwrap();
    writer.raw(&wish.body).unwrap();
    let len = writer.finish().unwrap();
    buf.truncate(len);
    buf
}

impl World {
    fn new(region: &Region) -> Self {
        let labs = (1..=region.routers).map(|r| (r, region.lab(r))).collect();
        let mut world = Self { labs, known: BTreeMap::new(), seq: 0 };
        world.converge(region);
        world
    }

    /// Tells everybody what the others want told, until nobody has news.
    fn converge(&mut self, region: &Region) {
        for _ in 0..20 {
            let mut wanted = BTreeMap::new();
            for (router, lab) in &mut self.labs {
                lab.settle();
                wanted.extend(lab.own.iter().map(|(k, w)| ((*router, *k), w.clone())));
            }
            if wanted == self.known {
                return;
            }
            let gone: Vec<_> = self.known.keys().filter(|k| !wanted.contains_key(k)).copied().collect();
            for (router, key) in gone {
                self.known.remove(&(router, key));
                let name = LsaKey { kind: key.1, id: key.2, router: rid(router) };
                for to in self.reached(region, router, key.0) {
                    self.labs.get_mut(&to).unwrap().take(key.0, &name);
                }
            }
            for ((router, key), wish) in wanted {
                if self.known.get(&(router, key)) == Some(&wish) {
                    continue;
                }
                self.seq += 1;
                let lsa = octets(router, &key, &wish, self.seq);
                for to in self.reached(region, router, key.0) {
                    self.labs.get_mut(&to).unwrap().install(key.0, &lsa);
                }
                self.known.insert((router, key), wish);
            }
        }
        panic!("never quiet");
    }

    fn reached(&self, region: &Region, from: u32, scope: ScopeId) -> Vec<u32> {
        let connected = |to: u32, id: u32| {
            let dist = region.within(id, from);
            region.areas_of(to).contains(&id) && dist[to as usize] != u32::MAX
        };
        match scope {
            ScopeId::Area(AreaId(id)) => {
                (1..=region.routers).filter(|to| connected(*to, id.to_bits())).collect()
            }
            // Flooded wherever there is a way, whatever the areas.
            _ => (1..=region.routers).collect(),
        }
    }

    /// Follows packets from a router; true when all of them come to `owner`.
    fn delivers(&self, region: &Region, prefix: &str, from: u32, owner: u32) -> bool {
        let mut here = BTreeSet::from([from]);
        for _ in 0..=region.routers {
            here.remove(&owner);
            if here.is_empty() {
                return true;
            }
            let mut next = BTreeSet::new();
            for router in &here {
                let Some((_, spec)) = self.labs[router].rib.get(&pfx(prefix)) else { return false };
                for way in &spec.nexthops {
                    let Some(gateway) = way.addr().map(|a| a.to_string()) else { return false };
                    let link = region.links.iter().enumerate().find_map(|(n, l)| {
                        [(0, l.1), (1, l.2)].into_iter().find(|(e, _)| link_addr(n, *e) == gateway)
                    });
                    next.insert(link.unwrap().1);
                }
            }
            here = next;
        }
        false
    }
}

fn check(region: &Region, world: &World) {
    for (n, (owner, id, cost)) in region.stubs.iter().enumerate() {
        for router in (1..=region.routers).filter(|r| r != owner && !region.areas_of(*r).is_empty()) {
            let expected = region.expect(router, *owner, u32::from(*cost), &BTreeSet::from([*id]));
            let got = world.labs[&router].rib.get(&pfx(&host(n))).map(|(_, spec)| spec.metric.0);
            assert_eq!(got, expected, "host {n} of {owner} in {id}, seen by {router}");
            if got.is_some() && region.backbone_is_whole() {
                assert!(world.delivers(region, &host(n), router, *owner), "host {n} from {router}");
            }
        }
    }
    for (n, (owner, _)) in region.externals.iter().enumerate() {
        for router in (1..=region.routers).filter(|r| r != owner) {
            let routes = world.labs[&router].rib.contains_key(&pfx(&outside(n)));
            if routes && region.backbone_is_whole() {
                assert!(world.delivers(region, &outside(n), router, *owner), "outside {n} from {router}");
            }
        }
    }
}

fn outcome(lab: &Lab) -> (Vec<String>, Vec<String>) {
    let routes = lab.rib.iter().map(|(p, (_, spec))| format!("{p} {spec:?}")).collect();
    (routes, lab.told())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn areas_agree(region in region()) {
        let world = World::new(&region);
        check(&region, &world);
    }

    /// A link's cost changes, a link goes: the increments of all routers end where a start from nothing does.
    #[test]
    fn areas_agree_after_changes(region in region(), steps in prop::collection::vec((0usize..16, 1u16..8), 1..5)) {
        let mut region = region;
        let mut world = World::new(&region);
        for (at, cost) in steps {
            let n = at % region.links.len();
            let (id, a, b, _) = region.links[n];
            region.links[n].3 = cost;
            for lab in world.labs.values_mut() {
                for end in [a, b] {
                    if lab.config.areas.contains_key(&area(id)) {
                        let links = region.links_in(id, end);
                        lab.router(id, end, region.bits(end), &links);
                    }
                }
            }
            world.converge(&region);
            check(&region, &world);
            for lab in world.labs.values() {
                let mut fresh = lab.started_anew();
                fresh.settle();
                prop_assert_eq!(outcome(lab), outcome(&fresh));
            }
        }
    }
}
