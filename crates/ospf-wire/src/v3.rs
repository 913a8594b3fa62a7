//! Bodies of OSPFv3 LSAs (RFC 5340 section A.4).

use std::fmt;
use std::net::Ipv6Addr;

use ferr_types::{Ipv6Prefix, RouterId};

use crate::bytes::{Reader, Sink, be16, be32};
use crate::record::fill;
use crate::{
    EncodeError, Error, LinkStateId, LinkType, LsaType, Options, Part, PrefixOptions, Record, Records,
    RouterBits, Version,
};

/// A prefix of an LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixV3 {
    /// The prefix; host bits that were sent are gone.
    pub prefix: Ipv6Prefix,
    /// Its options.
    pub options: PrefixOptions,
    /// The 16 bits behind them: the metric in an intra-area-prefix-LSA, the referenced LS type in an external one, else 0.
    pub extra: u16,
}

impl PrefixV3 {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let at = reader.at();
        let len = reader.u8()?;
        let wrong = Error::Value { part: Part::Prefix, at, value: len.into() };
        let (options, extra) = (PrefixOptions::from_bits_retain(reader.u8()?), reader.u16()?);
        let mut addr = [0; 16];
        let words = usize::from(len).div_ceil(32) * 4;
        addr.get_mut(..words).ok_or(wrong)?.copy_from_slice(reader.take(words)?);
        let prefix = Ipv6Prefix::new(Ipv6Addr::from_octets(addr), len).ok_or(wrong)?;
        Ok(Self { prefix, options, extra })
    }

    pub(crate) fn put(&self, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        let words = usize::from(self.prefix.len()).div_ceil(32) * 4;
        sink.put(&[self.prefix.len(), self.options.bits()])?;
        sink.u16(self.extra)?;
        sink.put(self.prefix.addr().octets().get(..words).unwrap_or_default())
    }
}

/// The prefixes of a link-LSA or an intra-area-prefix-LSA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PrefixesV3<'a> {
    octets: &'a [u8],
    count: u32,
}

impl<'a> PrefixesV3<'a> {
    fn read(count: u32, reader: Reader<'a>) -> Result<Self, Error> {
        let mut rest = reader.part(Part::Prefix);
        // Ends early on any count: each prefix takes octets.
        for _ in 0..count {
            PrefixV3::read(&mut rest)?;
        }
        rest.end()?;
        Ok(Self { octets: reader.rest(), count })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The prefixes in order.
    pub fn iter(&self) -> impl Iterator<Item = PrefixV3> + Clone + use<'a> {
        let mut reader = Reader::new(self.octets, 0, Part::Prefix);
        std::iter::from_fn(move || PrefixV3::read(&mut reader).ok())
    }
}

impl fmt::Debug for PrefixesV3<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A link of a router-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkV3 {
    /// Point-to-point, transit or virtual.
    pub kind: LinkType,
    /// Cost.
    pub metric: u16,
    /// The originator's number of the interface.
    pub interface: u32,
    /// The neighbor's (or the designated router's) number of its interface.
    pub neighbor_interface: u32,
    /// The neighbor, or the designated router.
    pub neighbor: RouterId,
}

impl Record for LinkV3 {
    const LEN: usize = 16;

    fn read(_: Version, octets: &[u8]) -> Self {
        let [kind, _] = be16(octets, 0).to_be_bytes();
        Self {
            kind: LinkType(kind),
            metric: be16(octets, 2),
            interface: be32(octets, 4),
            neighbor_interface: be32(octets, 8),
            neighbor: RouterId(be32(octets, 12).into()),
        }
    }

    fn write(&self, _: Version, out: &mut [u8]) {
        fill(
            out,
            &[
                &[self.kind.0, 0],
                &self.metric.to_be_bytes(),
                &self.interface.to_be_bytes(),
                &self.neighbor_interface.to_be_bytes(),
                &self.neighbor.0.octets(),
            ],
        );
    }
}

fn options(reader: &mut Reader<'_>) -> Result<Options, Error> {
    reader.u24().map(Options::from_bits_retain)
}

/// Router-LSA; one of several that make the router when its Link State ID is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterV3<'a> {
    /// What the router is.
    pub bits: RouterBits,
    /// What it can.
    pub options: Options,
    /// Its links.
    pub links: Records<'a, LinkV3>,
}

impl<'a> RouterV3<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let bits = RouterBits::from_bits_retain(reader.u8()?);
        let options = options(&mut reader)?;
        let links = Records::new(reader.rest(), Version::V3, reader.at(), Part::Link)?;
        Ok(Self { bits, options, links })
    }
}

/// Network-LSA; the Link State ID is the designated router's number of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkV3<'a> {
    /// Union of the options of the link's routers.
    pub options: Options,
    /// Routers fully adjacent to the designated router, itself among them.
    pub routers: Records<'a, RouterId>,
}

impl<'a> NetworkV3<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        reader.u8()?;
        let options = options(&mut reader)?;
        let routers = Records::new(reader.rest(), Version::V3, reader.at(), Part::LsaBody)?;
        Ok(Self { options, routers })
    }
}

/// Inter-area-prefix-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterAreaPrefix {
    /// Cost, 24 bits.
    pub metric: u32,
    /// The prefix.
    pub prefix: PrefixV3,
}

impl InterAreaPrefix {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        reader.u8()?;
        let metric = reader.u24()?;
        let prefix = PrefixV3::read(&mut reader)?;
        reader.end()?;
        Ok(Self { metric, prefix })
    }
}

/// Inter-area-router-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterAreaRouter {
    /// What the AS boundary router can.
    pub options: Options,
    /// Cost, 24 bits.
    pub metric: u32,
    /// The AS boundary router.
    pub router: RouterId,
}

impl InterAreaRouter {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        reader.u8()?;
        let options = options(&mut reader)?;
        reader.u8()?;
        let (metric, router) = (reader.u24()?, RouterId(reader.ipv4()?));
        reader.end()?;
        Ok(Self { options, metric, router })
    }
}

/// Another LSA that one refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referenced {
    /// Its type.
    pub kind: LsaType,
    /// Its Link State ID.
    pub id: LinkStateId,
}

/// AS-external-LSA and NSSA-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalV3 {
    /// E bit: the metric is of type 2, more than any cost inside.
    pub type2: bool,
    /// Metric, 24 bits.
    pub metric: u32,
    /// The prefix; its [`PrefixV3::extra`] is that of [`Self::referenced`] when written.
    pub prefix: PrefixV3,
    /// F bit: where to send packets, if not to the originator.
    pub forwarding: Option<Ipv6Addr>,
    /// T bit: external route tag.
    pub tag: Option<u32>,
    /// LSA with more about the route; its type is never 0.
    pub referenced: Option<Referenced>,
}

impl ExternalV3 {
    const TAG: u8 = 0x01;
    const FORWARDING: u8 = 0x02;
    const TYPE2: u8 = 0x04;

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let (bits, metric) = (reader.u8()?, reader.u24()?);
        let prefix = PrefixV3::read(&mut reader)?;
        let forwarding = if bits & Self::FORWARDING != 0 { Some(reader.ipv6()?) } else { None };
        let tag = if bits & Self::TAG != 0 { Some(reader.u32()?) } else { None };
        let referenced = match prefix.extra {
            0 => None,
            kind => Some(Referenced { kind: LsaType::V3(kind), id: LinkStateId(reader.u32()?) }),
        };
        reader.end()?;
        Ok(Self { type2: bits & Self::TYPE2 != 0, metric, prefix, forwarding, tag, referenced })
    }

    pub(crate) fn put(&self, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        sink.u8(bit(self.type2, Self::TYPE2)
            | bit(self.forwarding.is_some(), Self::FORWARDING)
            | bit(self.tag.is_some(), Self::TAG))?;
        sink.u24(self.metric)?;
        let extra = self.referenced.map_or(0, |referenced| referenced.kind.value());
        PrefixV3 { extra, ..self.prefix }.put(sink)?;
        if let Some(forwarding) = self.forwarding {
            sink.put(&forwarding.octets())?;
        }
        if let Some(tag) = self.tag {
            sink.u32(tag)?;
        }
        match self.referenced {
            Some(referenced) if extra != 0 => sink.u32(referenced.id.0),
            _ => Ok(()),
        }
    }
}

/// Link-LSA; the Link State ID is the originator's number of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLsa<'a> {
    /// Router priority.
    pub priority: u8,
    /// Options that the originator asks to be in the network-LSA.
    pub options: Options,
    /// The originator's link-local address.
    pub address: Ipv6Addr,
    /// Prefixes of the link.
    pub prefixes: PrefixesV3<'a>,
}

impl<'a> LinkLsa<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let (priority, options, address) = (reader.u8()?, options(&mut reader)?, reader.ipv6()?);
        let count = reader.u32()?;
        Ok(Self { priority, options, address, prefixes: PrefixesV3::read(count, reader)? })
    }
}

/// Intra-area-prefix-LSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntraAreaPrefix<'a> {
    /// The router-LSA or network-LSA to which the prefixes belong.
    pub referenced: Referenced,
    /// Its originator.
    pub router: RouterId,
    /// The prefixes, with their metrics.
    pub prefixes: PrefixesV3<'a>,
}

impl<'a> IntraAreaPrefix<'a> {
    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let count = reader.u16()?;
        let kind = LsaType::V3(reader.u16()?);
        let (id, router) = (LinkStateId(reader.u32()?), RouterId(reader.ipv4()?));
        let prefixes = PrefixesV3::read(count.into(), reader)?;
        Ok(Self { referenced: Referenced { kind, id }, router, prefixes })
    }
}
