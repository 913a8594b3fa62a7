//! Bodies of OSPFv2 LSAs (RFC 2328 section A.4, RFC 3101, RFC 5250).

use std::fmt;
use std::net::Ipv4Addr;

use ferr_types::RouterId;

use crate::bytes::{Reader, be32};
use crate::record::fill;
use crate::{Error, Part, Record, Records, RouterBits, Tlvs, Version};

/// Kind of a link of a router-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u8);

impl LinkType {
    /// To another router: its router ID, our address (an interface index without one).
    pub const POINT_TO_POINT: Self = Self(1);
    /// To a transit network: the designated router's address, ours.
    pub const TRANSIT: Self = Self(2);
    /// To a stub network: its address, its mask. Not in OSPFv3.
    pub const STUB: Self = Self(3);
    /// A virtual link: router ID, our address.
    pub const VIRTUAL: Self = Self(4);
}

/// The metric for a type of service; obsolete since RFC 2328, kept as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tos {
    /// Type of service.
    pub tos: u8,
    /// Metric, 24 bits (in a router-LSA the upper 8 are reserved).
    pub metric: u32,
}

impl Record for Tos {
    const LEN: usize = 4;

    fn read(_: Version, octets: &[u8]) -> Self {
        let [tos, a, b, c] = be32(octets, 0).to_be_bytes();
        Self { tos, metric: u32::from_be_bytes([0, a, b, c]) }
    }

    fn write(&self, _: Version, out: &mut [u8]) {
        fill(out, &[&(u32::from(self.tos) << 24 | self.metric & 0xff_ffff).to_be_bytes()]);
    }
}

/// A link of a router-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkV2<'a> {
    /// Link ID.
    pub id: Ipv4Addr,
    /// Link Data.
    pub data: Ipv4Addr,
    /// Kind, which gives ID and data their meaning.
    pub kind: LinkType,
    /// Cost.
    pub metric: u16,
    /// Metrics of types of service; at most 255 can be written.
    pub tos: Records<'a, Tos>,
}

impl<'a> LinkV2<'a> {
    /// A link without metrics of types of service.
    pub const fn new(kind: LinkType, id: Ipv4Addr, data: Ipv4Addr, metric: u16) -> Self {
        Self { id, data, kind, metric, tos: Records::EMPTY_V2 }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let (id, data) = (reader.ipv4()?, reader.ipv4()?);
        let (kind, count) = (LinkType(reader.u8()?), usize::from(reader.u8()?));
        let (metric, at) = (reader.u16()?, reader.at());
        let tos = Records::new(reader.take(count * Tos::LEN)?, Version::V2, at, Part::Link)?;
        Ok(Self { id, data, kind, metric, tos })
    }
}

/// The links of a router-LSA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinksV2<'a> {
    octets: &'a [u8],
    count: u16,
}

impl<'a> LinksV2<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The links in order.
    pub fn iter(&self) -> impl Iterator<Item = LinkV2<'a>> + Clone + use<'a> {
        let mut reader = Reader::new(self.octets, 0, Part::Link);
        std::iter::from_fn(move || LinkV2::read(&mut reader).ok())
    }
}

impl fmt::Debug for LinksV2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Router-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterV2<'a> {
    /// What the router is.
    pub bits: RouterBits,
    /// Its links.
    pub links: LinksV2<'a>,
}

impl<'a> RouterV2<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let bits = RouterBits::from_bits_retain(reader.u8()?);
        reader.u8()?;
        let count = reader.u16()?;
        let links = LinksV2 { octets: reader.rest(), count };
        let mut rest = reader.part(Part::Link);
        for _ in 0..count {
            LinkV2::read(&mut rest)?;
        }
        rest.end()?;
        Ok(Self { bits, links })
    }
}

/// Network-LSA; the Link State ID is the designated router's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkV2<'a> {
    /// Mask of the network.
    pub mask: Ipv4Addr,
    /// Routers fully adjacent to the designated router, itself among them.
    pub routers: Records<'a, RouterId>,
}

impl<'a> NetworkV2<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let mask = reader.ipv4()?;
        Ok(Self { mask, routers: Records::new(reader.rest(), Version::V2, reader.at(), Part::LsaBody)? })
    }
}

/// Summary-LSA, of a network (type 3) or an AS boundary router (type 4), whose address or router ID is the Link State ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SummaryV2<'a> {
    /// Mask of the network; 0 for a router.
    pub mask: Ipv4Addr,
    /// Cost, 24 bits.
    pub metric: u32,
    /// Metrics of types of service.
    pub tos: Records<'a, Tos>,
}

impl<'a> SummaryV2<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let mask = reader.ipv4()?;
        reader.u8()?;
        let metric = reader.u24()?;
        Ok(Self { mask, metric, tos: Records::new(reader.rest(), Version::V2, reader.at(), Part::LsaBody)? })
    }
}

/// The route for a type of service in an AS-external-LSA; obsolete, kept as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalTos {
    /// E bit and type of service.
    pub tos: u8,
    /// Metric, 24 bits.
    pub metric: u32,
    /// Forwarding address.
    pub forwarding: Ipv4Addr,
    /// External route tag.
    pub tag: u32,
}

impl Record for ExternalTos {
    const LEN: usize = 12;

    fn read(version: Version, octets: &[u8]) -> Self {
        let Tos { tos, metric } = Tos::read(version, octets);
        Self { tos, metric, forwarding: be32(octets, 4).into(), tag: be32(octets, 8) }
    }

    fn write(&self, _: Version, out: &mut [u8]) {
        let first = u32::from(self.tos) << 24 | self.metric & 0xff_ffff;
        fill(out, &[&first.to_be_bytes(), &self.forwarding.octets(), &self.tag.to_be_bytes()]);
    }
}

/// AS-external-LSA (type 5) and NSSA-LSA (type 7); the Link State ID is the network's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalV2<'a> {
    /// Mask of the network.
    pub mask: Ipv4Addr,
    /// E bit: the metric is of type 2, more than any cost inside.
    pub type2: bool,
    /// Metric, 24 bits.
    pub metric: u32,
    /// Where to send packets; `0.0.0.0` is the originator.
    pub forwarding: Ipv4Addr,
    /// External route tag.
    pub tag: u32,
    /// Routes for types of service.
    pub tos: Records<'a, ExternalTos>,
}

impl<'a> ExternalV2<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        Ok(Self {
            mask: reader.ipv4()?,
            type2: reader.u8()? & 0x80 != 0,
            metric: reader.u24()?,
            forwarding: reader.ipv4()?,
            tag: reader.u32()?,
            tos: Records::new(reader.rest(), Version::V2, reader.at(), Part::LsaBody)?,
        })
    }
}

/// Opaque LSA; its type and number are in the Link State ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opaque<'a> {
    /// The body.
    pub data: &'a [u8],
}

impl<'a> Opaque<'a> {
    /// The body as TLVs, which it holds for all opaque types in use.
    ///
    /// # Errors
    /// It is something else.
    pub fn tlvs(&self) -> Result<Tlvs<'a>, Error> {
        Tlvs::decode(self.data)
    }
}
