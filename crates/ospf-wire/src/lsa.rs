//! One LSA, and the list of them in a Link State Update.

use std::fmt;

use crate::bytes::Reader;
use crate::checksum::fletcher_holds;
use crate::{Body, Error, LsaHeader, Part, Record, Version};

/// An LSA in place: its header, and the octets of which the body is decoded on demand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Lsa<'a> {
    /// The header.
    pub header: LsaHeader,
    octets: &'a [u8],
}

impl<'a> Lsa<'a> {
    /// Views the LSA at the front of `octets`; more may follow.
    ///
    /// # Errors
    /// The octets are too few for a header, or for what it says.
    pub fn decode(version: Version, octets: &'a [u8]) -> Result<Self, Error> {
        Self::read(version, &mut Reader::new(octets, 0, Part::LsaHeader))
    }

    fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, Error> {
        let mut ahead = *reader;
        let header = LsaHeader::read(version, ahead.take(LsaHeader::LEN)?);
        let value = usize::from(header.length);
        if value < LsaHeader::LEN {
            return Err(Error::Length { part: Part::LsaHeader, at: reader.at() + 18, value });
        }
        Ok(Self { header, octets: reader.take(value)? })
    }

    /// The LSA, as long as its header says.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Whether Fletcher's checksum is right.
    pub fn checksum_holds(&self) -> bool {
        fletcher_holds(self.octets)
    }

    /// What is in it. Types that are not known give [`Body::Unknown`].
    ///
    /// # Errors
    /// The body is not what its type says.
    pub fn body(&self) -> Result<Body<'a>, Error> {
        Body::decode(&self.header, self.octets.get(LsaHeader::LEN..).unwrap_or_default())
    }
}

impl fmt::Debug for Lsa<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lsa").field("header", &self.header).field("body", &self.body()).finish()
    }
}

/// The LSAs of a Link State Update.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Lsas<'a> {
    octets: &'a [u8],
    version: Version,
    count: u32,
}

impl<'a> Lsas<'a> {
    /// Views `count` LSAs behind which nothing may follow.
    pub(crate) fn decode(version: Version, count: u32, mut reader: Reader<'a>) -> Result<Self, Error> {
        let lsas = Self { octets: reader.rest(), version, count };
        // Ends early on any count: each LSA takes octets.
        for _ in 0..count {
            Lsa::read(version, &mut reader)?;
        }
        reader.part(Part::LsUpdate).end()?;
        Ok(lsas)
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The LSAs in order.
    pub fn iter(&self) -> impl Iterator<Item = Lsa<'a>> + Clone + use<'a> {
        let (version, mut reader) = (self.version, Reader::new(self.octets, 0, Part::LsaHeader));
        std::iter::from_fn(move || Lsa::read(version, &mut reader).ok())
    }
}

impl fmt::Debug for Lsas<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
