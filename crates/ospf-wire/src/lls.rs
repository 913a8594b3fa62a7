//! Link-local signaling: a block of TLVs behind Hello and Database Description (RFC 5613).

use crate::bytes::{Reader, Sink};
use crate::checksum::internet_checksum;
use crate::{EncodeError, Error, ExtendedOptions, Part, Tlv, Tlvs, tlv_type};

/// A block, in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lls<'a> {
    /// What it says.
    pub tlvs: Tlvs<'a>,
    octets: &'a [u8],
}

impl<'a> Lls<'a> {
    /// Views the block at the front of `octets`, which stand at offset `at` of the packet.
    pub(crate) fn decode(octets: &'a [u8], at: usize) -> Result<Self, Error> {
        let mut head = Reader::new(octets, at, Part::Lls);
        head.u16()?;
        let words = head.u16()?;
        let len = usize::from(words) * 4;
        let wrong = Error::Length { part: Part::Lls, at: at + 2, value: words.into() };
        let block = octets.get(..len).ok_or(wrong)?;
        let tlvs = Tlvs::decode(block.get(4..).ok_or(wrong)?)?;
        Ok(Self { tlvs, octets: block })
    }

    /// Whether the checksum is right. With cryptographic authentication there is none (RFC 5613 section 2.2, RFC 7166 section 4.2).
    pub fn checksum_holds(&self) -> bool {
        internet_checksum(&[self.octets]) == 0
    }

    /// The extended options; none when the block has none.
    pub fn options(&self) -> Option<ExtendedOptions> {
        let bits = self.tlvs.find(tlv_type::LLS_EXTENDED_OPTIONS)?.try_into().ok()?;
        Some(ExtendedOptions::from_bits_retain(u32::from_be_bytes(bits)))
    }

    /// The block.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// Writes a block with these TLVs and returns its length. `checksum` is false where cryptographic authentication covers it.
///
/// # Errors
/// No space, or longer than the length field can say.
pub fn encode_lls<'a>(
    buf: &mut [u8],
    tlvs: impl IntoIterator<Item = Tlv<'a>>,
    checksum: bool,
) -> Result<usize, EncodeError> {
    let mut sink = Sink::new(buf);
    sink.u32(0)?;
    for tlv in tlvs {
        put_tlv(&mut sink, &tlv)?;
    }
    let words = u16::try_from(sink.len() / 4).map_err(|_| EncodeError::TooLong)?;
    sink.patch(2, &words.to_be_bytes());
    if checksum {
        let sum = internet_checksum(&[sink.written()]);
        sink.patch(0, &sum.to_be_bytes());
    }
    Ok(sink.len())
}

/// Appends a TLV and its padding.
pub(crate) fn put_tlv(sink: &mut Sink<'_>, tlv: &Tlv<'_>) -> Result<(), EncodeError> {
    let start = sink.len();
    let len = u16::try_from(tlv.value.len()).map_err(|_| EncodeError::TooLong)?;
    let mut put = || {
        sink.u16(tlv.kind)?;
        sink.u16(len)?;
        sink.put(tlv.value)?;
        let padding = tlv.value.len().next_multiple_of(4) - tlv.value.len();
        sink.put([0; 3].get(..padding).unwrap_or_default())
    };
    let result = put();
    if result.is_err() {
        sink.truncate(start);
    }
    result
}
