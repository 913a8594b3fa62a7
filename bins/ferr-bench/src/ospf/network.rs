//! A network that is not there: a grid of routers as their router-LSAs describe it, each with a host route of its own.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ferr_ospf_wire::{
    Age, LinkStateId, LinkType, LinkV2, LsSequence, LsaHeader, LsaRequest, LsaType, LsaWriter, Options,
    RouterBits,
};
use ferr_types::RouterId;

/// Router under test.
pub(super) const DUT: RouterId = RouterId(Ipv4Addr::new(10, 0, 0, 1));
/// The grid's corner, next to it.
pub(super) const CORNER: RouterId = RouterId(Ipv4Addr::new(10, 255, 255, 254));
/// Addresses of the router under test and of the corner, by cable.
pub(super) const CABLES: [(Ipv4Addr, Ipv4Addr); 2] = [
    (Ipv4Addr::new(10, 1, 0, 1), Ipv4Addr::new(10, 1, 0, 2)),
    (Ipv4Addr::new(10, 2, 0, 1), Ipv4Addr::new(10, 2, 0, 2)),
];
/// A router at the second cable whose own way into the grid is so long that it goes through the router under test.
const DETOUR: RouterId = RouterId(Ipv4Addr::new(10, 255, 255, 253));
/// Cost of that way.
const LONG: u16 = 1000;
const ANY_HOST: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 255);
/// Octets of the largest LSA here.
const LARGEST: usize = 256;

type Error = Box<dyn std::error::Error>;

/// Who is at the other end of the second cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Second {
    /// The same neighbor: each route has an alternate.
    Same,
    /// A neighbor that is no loop-free alternate (RFC 5286) for anything.
    Detour,
}

/// The grid.
pub(super) struct Network {
    second: Second,
    routers: u32,
    width: u32,
    /// Present instances.
    pub(super) lsas: BTreeMap<LsaKey, Vec<u8>>,
    sequences: BTreeMap<u32, i32>,
}

/// What names an LSA here: all are router-LSAs.
pub(super) type LsaKey = Ipv4Addr;

fn id(router: u32) -> RouterId {
    if router == 0 { CORNER } else { RouterId((0x0a80_0000 + router).into()) }
}

/// Host route of a router.
pub(super) fn host(router: u32) -> Ipv4Addr {
    (0x6440_0000 + router).into()
}

fn point_to_point(to: RouterId, data: Ipv4Addr, cost: u16) -> LinkV2<'static> {
    LinkV2::new(LinkType::POINT_TO_POINT, to.0, data, cost)
}

/// Cost between two neighbors, the same in both directions.
const fn cost(a: u32, b: u32) -> u16 {
    10 + ((a + b) * 7 % 20) as u16
}

impl Network {
    pub(super) fn new(routers: u32, second: Second) -> Result<Self, Error> {
        let width = (f64::from(routers).sqrt() as u32).max(1);
        let mut network = Self { second, routers, width, lsas: BTreeMap::new(), sequences: BTreeMap::new() };
        for router in 0..routers {
            network.tell(router, true)?;
        }
        if second == Second::Detour {
            network.tell_detour()?;
        }
        Ok(network)
    }

    /// Who speaks at the other end of a cable.
    pub(super) const fn neighbor(&self, cable: usize) -> RouterId {
        if cable > 0 && matches!(self.second, Second::Detour) { DETOUR } else { CORNER }
    }

    /// The router farthest from the corner.
    pub(super) const fn last(&self) -> u32 {
        self.routers - 1
    }

    fn neighbors(&self, router: u32) -> impl Iterator<Item = u32> {
        let (x, width, all) = (router % self.width, self.width, self.routers);
        let left = (x > 0).then(|| router - 1);
        let right = (x + 1 < width).then(|| router + 1);
        let up = router.checked_sub(width);
        let down = Some(router + width);
        [left, right, up, down].into_iter().flatten().filter(move |n| *n < all)
    }

    /// A new instance of a router's LSA: with its links, or without any.
    pub(super) fn tell(&mut self, router: u32, linked: bool) -> Result<Vec<u8>, Error> {
        let sequence = self.sequences.entry(router).or_insert(LsSequence::INITIAL.0 - 1);
        *sequence += 1;
        let sequence = LsSequence(*sequence);
        let number = |n: u32| Ipv4Addr::from(n + 1);
        let mut links = vec![LinkV2::new(LinkType::STUB, host(router), ANY_HOST, 1)];
        if linked {
            let near = self.neighbors(router);
            links.extend(near.map(|n| point_to_point(id(n), number(n), cost(router, n))));
        }
        if router == 0 {
            let cables = if self.second == Second::Same { &CABLES[..] } else { &CABLES[..1] };
            links.extend(cables.iter().map(|(_, own)| point_to_point(DUT, *own, 10)));
        }
        if router == 0 && self.second == Second::Detour {
            links.push(point_to_point(DETOUR, number(self.routers), LONG));
        }
        self.write(id(router), sequence, links)
    }

    fn tell_detour(&mut self) -> Result<Vec<u8>, Error> {
        let links = vec![
            point_to_point(DUT, CABLES[1].1, 1),
            point_to_point(CORNER, Ipv4Addr::new(0, 0, 0, 1), LONG),
        ];
        self.write(DETOUR, LsSequence::INITIAL, links)
    }

    fn write(
        &mut self,
        router: RouterId,
        sequence: LsSequence,
        links: Vec<LinkV2<'_>>,
    ) -> Result<Vec<u8>, Error> {
        let header = LsaHeader {
            age: Age(1),
            options: Options::E,
            kind: LsaType::ROUTER_V2,
            id: LinkStateId::from(router.0),
            router,
            sequence,
            checksum: 0,
            length: 0,
        };
        let mut octets = vec![0; LARGEST];
        let mut writer = LsaWriter::new(&mut octets, &header)?;
        writer.router_v2(RouterBits::empty(), links)?;
        let len = writer.finish()?;
        octets.truncate(len);
        self.lsas.insert(router.0, octets.clone());
        Ok(octets)
    }

    /// The LSA that a request names.
    pub(super) fn find(&self, request: &LsaRequest) -> Option<&Vec<u8>> {
        self.lsas.get(&request.router.0).filter(|_| request.kind == LsaType::ROUTER_V2)
    }
}
