//! Lists of types, lengths and values, and those that we know by name.

use std::fmt;
use std::net::Ipv4Addr;

use crate::bytes::Reader;
use crate::{Capabilities, Error, Part};

/// Type numbers of TLVs.
pub mod tlv_type {
    /// Grace period (RFC 3623 section A), 4 octets of seconds.
    pub const GRACE_PERIOD: u16 = 1;
    /// Graceful restart reason (RFC 3623 section A), 1 octet.
    pub const GRACE_REASON: u16 = 2;
    /// Address of the interface (RFC 3623 section A), 4 octets.
    pub const GRACE_ADDRESS: u16 = 3;
    /// Informational capabilities (RFC 7770 section 2.4).
    pub const INFORMATIONAL_CAPABILITIES: u16 = 1;
    /// Functional capabilities (RFC 7770 section 2.6).
    pub const FUNCTIONAL_CAPABILITIES: u16 = 2;
    /// Extended options of an LLS block (RFC 5613 section 2.4).
    pub const LLS_EXTENDED_OPTIONS: u16 = 1;
    /// Cryptographic authentication of an LLS block (RFC 5613 section 2.5).
    pub const LLS_AUTHENTICATION: u16 = 2;
}

/// One TLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Type; its meaning depends on the list.
    pub kind: u16,
    /// Value without padding.
    pub value: &'a [u8],
}

/// A list of TLVs whose lengths fit, each padded to four octets.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Tlvs<'a> {
    octets: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// Views a list; also those inside the value of a TLV. The padding of the last one may be missing.
    ///
    /// # Errors
    /// The first length that reaches beyond the end.
    pub fn decode(octets: &'a [u8]) -> Result<Self, Error> {
        let mut rest = Reader::new(octets, 0, Part::Tlv);
        while !rest.rest().is_empty() {
            read(&mut rest)?;
        }
        Ok(Self { octets })
    }

    /// The TLVs in order.
    pub fn iter(&self) -> impl Iterator<Item = Tlv<'a>> + Clone + use<'a> {
        self.placed().map(|(_, tlv)| tlv)
    }

    /// The TLVs, and where they begin.
    fn placed(&self) -> impl Iterator<Item = (usize, Tlv<'a>)> + Clone + use<'a> {
        let mut rest = Reader::new(self.octets, 0, Part::Tlv);
        std::iter::from_fn(move || Some((rest.at(), read(&mut rest).ok()?)))
    }

    /// The value of the first TLV of this type.
    pub fn find(&self, kind: u16) -> Option<&'a [u8]> {
        self.iter().find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }

    /// The octets.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

impl fmt::Debug for Tlvs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn read<'a>(rest: &mut Reader<'a>) -> Result<Tlv<'a>, Error> {
    let kind = rest.u16()?;
    let len = usize::from(rest.u16()?);
    let value = rest.take(len)?;
    let padding = len.next_multiple_of(4) - len;
    rest.take(padding.min(rest.rest().len()))?;
    Ok(Tlv { kind, value })
}

/// Why a router restarts (RFC 3623 section A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GraceReason(pub u8);

impl GraceReason {
    /// Unknown.
    pub const UNKNOWN: Self = Self(0);
    /// Software restart.
    pub const RESTART: Self = Self(1);
    /// Software reload or upgrade.
    pub const UPGRADE: Self = Self(2);
    /// Switch to a redundant control processor.
    pub const SWITCHOVER: Self = Self(3);
}

/// What a grace-LSA says (RFC 3623 section A, RFC 5187 section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// Seconds for which neighbors shall advertise the adjacency on.
    pub period: u32,
    /// Why.
    pub reason: GraceReason,
    /// OSPFv2 on broadcast, NBMA and point-to-multipoint links: the address of the restarting router there.
    pub address: Option<Ipv4Addr>,
}

impl Grace {
    /// Octets of the longest list.
    pub const MAX_LEN: usize = 24;

    /// Reads the body.
    ///
    /// # Errors
    /// Period or reason are missing, or a value has another length than its type.
    pub fn decode(tlvs: &Tlvs<'_>) -> Result<Self, Error> {
        fn value<const N: usize>(tlvs: &Tlvs<'_>, kind: u16) -> Result<Option<[u8; N]>, Error> {
            let Some((at, tlv)) = tlvs.placed().find(|(_, tlv)| tlv.kind == kind) else { return Ok(None) };
            let wrong = Error::Length { part: Part::Tlv, at: at + 2, value: tlv.value.len() };
            tlv.value.try_into().map(Some).map_err(|_| wrong)
        }
        let missing = |kind| Error::Missing { part: Part::Tlv, kind };
        let period = value(tlvs, tlv_type::GRACE_PERIOD)?.ok_or(missing(tlv_type::GRACE_PERIOD))?;
        let [reason] = value(tlvs, tlv_type::GRACE_REASON)?.ok_or(missing(tlv_type::GRACE_REASON))?;
        Ok(Self {
            period: u32::from_be_bytes(period),
            reason: GraceReason(reason),
            address: value(tlvs, tlv_type::GRACE_ADDRESS)?.map(Ipv4Addr::from_octets),
        })
    }
}

/// What a router information LSA says of capabilities (RFC 7770); its other TLVs are read from the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouterInformation {
    /// Informational capabilities, the first 32 of them.
    pub informational: Option<Capabilities>,
    /// Functional capabilities, the first 32 of them.
    pub functional: Option<u32>,
}

impl RouterInformation {
    /// Reads the body. Values that are too short count as absent (RFC 7770 section 2.3 wants malformed ones ignored).
    pub fn decode(tlvs: &Tlvs<'_>) -> Self {
        let word = |kind| tlvs.find(kind).and_then(<[u8]>::first_chunk).copied().map(u32::from_be_bytes);
        Self {
            informational: word(tlv_type::INFORMATIONAL_CAPABILITIES).map(Capabilities::from_bits_retain),
            functional: word(tlv_type::FUNCTIONAL_CAPABILITIES),
        }
    }
}
