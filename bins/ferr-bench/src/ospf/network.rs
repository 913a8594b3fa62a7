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
const ANY_HOST: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 255);
/// Octets of the largest LSA here.
const LARGEST: usize = 256;

type Error = Box<dyn std::error::Error>;

/// The grid.
pub(super) struct Network {
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

/// Cost between two neighbors, the same in both directions.
const fn cost(a: u32, b: u32) -> u16 {
    10 + ((a + b) * 7 % 20) as u16
}

impl Network {
    pub(super) fn new(routers: u32) -> Result<Self, Error> {
        let width = (f64::from(routers).sqrt() as u32).max(1);
        let mut network = Self { routers, width, lsas: BTreeMap::new(), sequences: BTreeMap::new() };
        for router in 0..routers {
            network.tell(router, true)?;
        }
        Ok(network)
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
        let header = LsaHeader {
            age: Age(1),
            options: Options::E,
            kind: LsaType::ROUTER_V2,
            id: LinkStateId::from(id(router).0),
            router: id(router),
            sequence: LsSequence(*sequence),
            checksum: 0,
            length: 0,
        };
        let number = |n: u32| Ipv4Addr::from(n + 1);
        let mut links = vec![LinkV2::new(LinkType::STUB, host(router), ANY_HOST, 1)];
        if linked {
            let near = self.neighbors(router);
            links.extend(
                near.map(|n| LinkV2::new(LinkType::POINT_TO_POINT, id(n).0, number(n), cost(router, n))),
            );
        }
        if router == 0 {
            links.extend(CABLES.map(|(_, own)| LinkV2::new(LinkType::POINT_TO_POINT, DUT.0, own, 10)));
        }
        let mut octets = vec![0; LARGEST];
        let mut writer = LsaWriter::new(&mut octets, &header)?;
        writer.router_v2(RouterBits::empty(), links)?;
        let len = writer.finish()?;
        octets.truncate(len);
        self.lsas.insert(id(router).0, octets.clone());
        Ok(octets)
    }

    /// The LSA that a request names.
    pub(super) fn find(&self, request: &LsaRequest) -> Option<&Vec<u8>> {
        self.lsas.get(&request.router.0).filter(|_| request.kind == LsaType::ROUTER_V2)
    }
}
